//! Masks for pictures that have none.

use crate::batch::{highest_scores, to_tensor};
use crate::metrics::check_size;
use crate::{Checkpoint, Config, Mask, Picture, RunError, palette};
use mirrorgrad_autograd::{Var, no_grad, ops};
use mirrorgrad_layers::Mode;
use mirrorgrad_layers::models::Network;
use mirrorgrad_layers::weights::load_state_dict;

/// A trained network, ready to predict.
pub struct Predictor {
    network: Box<dyn Network>,
    config: Config,
    classes: Vec<String>,
}

impl Predictor {
    /// The network of a checkpoint.
    ///
    /// # Errors
    /// If configuration and weights do not fit together.
    pub fn new(checkpoint: Checkpoint) -> Result<Self, RunError> {
        checkpoint.config.check()?;
        let network = checkpoint.config.network(checkpoint.classes.len().max(1));
        load_state_dict(&*network, &checkpoint.weights)?;
        Ok(Self { network, config: checkpoint.config, classes: checkpoint.classes })
    }

    /// The network.
    pub fn network(&self) -> &dyn Network {
        &*self.network
    }

    /// What it was trained with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The class of every pixel, at the picture's own size. Where the network was trained at a fixed
    /// size, the picture is brought to it and the scores back.
    ///
    /// # Errors
    /// If the picture is too small for the network; `name` is for the message.
    pub fn predict(&self, name: &str, picture: &Picture) -> Result<Mask, RunError> {
        let own = picture.size();
        let size = self.config.data.folder.size.unwrap_or(own);
        check_size(&*self.network, name, size)?;
        let x = if size == own { to_tensor(picture) } else { to_tensor(&picture.resize(size)) };
        let scores = no_grad(|| {
            let scores = self.network.forward(&Var::constant(x), &Mode::Eval);
            if size == own { scores } else { ops::upsample_bilinear2d(&scores, own, false) }
        });
        let labels = highest_scores(scores.value());
        Ok(Mask { width: picture.width, height: picture.height, labels })
    }
}

/// The colours of a mask's labels.
pub fn colours(mask: &Mask) -> Picture {
    let rgb = mask.labels.iter().flat_map(|&label| palette(label)).collect();
    Picture { width: mask.width, height: mask.height, rgb }
}

/// The picture with its mask's colours laid over it; label 0, the background by custom, stays clear.
pub fn overlay(picture: &Picture, mask: &Mask) -> Picture {
    let pixels = picture.rgb.chunks_exact(3).zip(&mask.labels);
    let mix = |(pixel, &label): (&[u8], &u8)| {
        let colour = palette(label);
        let (own, other) = if label == 0 { (1, 0) } else { (1, 1) };
        std::array::from_fn::<u8, 3, _>(|i| {
            ((u32::from(pixel[i]) * own + u32::from(colour[i]) * other) / (own + other)) as u8
        })
    };
    Picture { rgb: pixels.flat_map(mix).collect(), ..*picture }
}
