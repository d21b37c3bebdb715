//! Masks for pictures that have none.

use crate::batch::{highest_scores, to_tensor};
use crate::metrics::check_size;
use crate::weights::read_weights_for;
use crate::{Checkpoint, Config, RunError, Settings};
use mirrorgrad_autograd::{Var, no_grad, ops};
use mirrorgrad_data::{DataError, Mask, Picture, PictureRules, SplitFiles, read_classes};
use mirrorgrad_layers::Pass;
use mirrorgrad_layers::models::Network;
use mirrorgrad_layers::weights::{NamedTensors, check_finite, load_state_dict};
use mirrorgrad_tensor::{Corners, Tensor};
use std::path::Path;

/// A trained network, ready to predict.
///
/// ```
/// # use mirrorgrad_layers::weights::state_dict;
/// # use mirrorgrad_data::{Dataset, Shapes};
/// # use mirrorgrad_train::{Config, Predictor};
/// # let mut config = Config::default();
/// # config.model.widths = vec![2, 3];
/// # let weights = state_dict(&*config.network(5));
/// let shapes = Shapes::validation(0);
/// let predictor = Predictor::from_weights(config, shapes.classes().to_vec(), &weights)?;
/// let picture = shapes.sample(0)?.picture;
/// assert_eq!(predictor.scores("a picture", &picture)?.shape(), [5, 64, 64]);
/// assert_eq!(predictor.predict("a picture", &picture)?.size(), picture.size());
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
pub struct Predictor {
    network: Box<dyn Network>,
    config: Config,
    classes: Vec<String>,
    notice: Option<String>,
}

impl Predictor {
    /// The trained network at `path`: a checkpoint, the best one of a run's folder, or weights as safetensors
    /// beside a configuration and the names of the classes.
    ///
    /// # Errors
    /// If a file is not there or not what it should be, or they do not fit together.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        match path.extension() {
            Some(extension) if extension == "safetensors" && !path.is_dir() => {
                Self::read_weights(path)
            }
            _ => {
                let file = Checkpoint::file_at(path)?;
                Self::new(Checkpoint::read(&file)?).map_err(RunError::of_weights(&file))
            }
        }
    }

    /// The network of a checkpoint.
    ///
    /// # Errors
    /// If configuration and weights do not fit together.
    pub fn new(checkpoint: Checkpoint) -> Result<Self, RunError> {
        let Checkpoint { config, classes, weights, .. } = checkpoint;
        Self::from_weights(config, classes, &weights)
    }

    /// The network of a configuration and its weights, for classes of these names.
    ///
    /// # Errors
    /// If configuration and weights do not fit together, or a weight is infinite or NaN.
    pub fn from_weights(
        config: Config,
        classes: Vec<String>,
        weights: &NamedTensors<f32>,
    ) -> Result<Self, RunError> {
        config.check()?;
        config.model.check_weights(weights)?;
        check_finite(weights)?;
        let network = config.network(classes.len().max(1));
        load_state_dict(&*network, weights)?;
        Ok(Self { network, config, classes, notice: None })
    }

    /// The network of a safetensors file, with `config.toml` and `classes.txt` beside it.
    ///
    /// # Errors
    /// If a file is not there or not what it should be, or they do not fit together.
    pub fn read_weights(path: &Path) -> Result<Self, RunError> {
        let beside = |name: &str| path.with_file_name(name);
        let mut config = Settings::read(&beside("config.toml"))?.fill()?;
        config.data.folder.split = SplitFiles::beside(path);
        let classes = read_classes(&beside("classes.txt"))?;
        config.check()?;
        let (weights, notice) = read_weights_for(&config.model.names(), path)?;
        let read = Self::from_weights(config, classes, &weights);
        Ok(Self { notice, ..read.map_err(RunError::of_weights(path))? })
    }

    /// What there is to say of the file it was read from: that names in it were taken for others.
    pub fn notice(&self) -> Option<&str> {
        self.notice.as_deref()
    }

    /// The network.
    pub fn network(&self) -> &dyn Network {
        &*self.network
    }

    /// The network alone.
    pub fn into_network(self) -> Box<dyn Network> {
        self.network
    }

    /// What it was trained with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The names of the classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Reads a picture as those were read that the network was trained on, and turned upright where it is to
    /// be: here no mask has to lie as it does.
    ///
    /// # Errors
    /// As [`read_picture`](mirrorgrad_data::read_picture), or if the run's range is not one of its numbers.
    pub fn read_picture(&self, path: &Path) -> Result<Picture, DataError> {
        let rules = self.config.data.folder.picture_rules();
        PictureRules { orient: true, ..rules }.read(path)
    }

    /// The class of every pixel: the one with the highest of the [`scores`](Self::scores).
    ///
    /// # Errors
    /// If the picture is too small for the network; `name` is for the message.
    pub fn predict(&self, name: &str, picture: &Picture) -> Result<Mask, RunError> {
        let scores = self.scores(name, picture)?;
        let [classes, height, width] = scores.dims();
        let labels = highest_scores(&scores.reshape([1, classes, height, width]));
        Ok(Mask { width, height, labels })
    }

    /// The score of every class at every pixel, `[classes, height, width]`, at the picture's own size.
    /// Where the network was trained at a fixed size, the picture is brought to it and the scores back.
    ///
    /// # Errors
    /// If the picture is too small for the network; `name` is for the message.
    pub fn scores(&self, name: &str, picture: &Picture) -> Result<Tensor, RunError> {
        let own = picture.size();
        let size = self.config.data.folder.size.unwrap_or(own);
        check_size(&*self.network, name, size)?;
        let x = if size == own { to_tensor(picture) } else { to_tensor(&picture.resize(size)) };
        let scores = no_grad(|| {
            let scores = self.network.forward(&Var::constant(x), &Pass::eval());
            if size == own {
                scores
            } else {
                ops::upsample_bilinear2d(&scores, own, Corners::HalfPixel)
            }
        });
        Ok(scores.value().reshape(&scores.shape()[1..]))
    }
}
