//! Which network learns.

use crate::memory::least_weights;
use mirrorgrad_data::DataError;
use mirrorgrad_data::random::{Purpose, generator};
use mirrorgrad_layers::Params;
use mirrorgrad_layers::models::{Fcn, FcnConfig, Network, Norm, UNet, UNetConfig, Upsampling};
use mirrorgrad_layers::weights::{NamedTensors, WeightsError, check_names};
use serde::de::{self, Deserializer, IntoDeserializer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;

/// A network.
///
/// ```
/// # use mirrorgrad_layers::weights::state_dict;
/// # use mirrorgrad_train::{ModelConfig, ModelKind};
/// let model = ModelConfig { kind: ModelKind::Unet, widths: vec![2, 3], ..Default::default() };
/// let weights = |seed| state_dict(&*model.network(5, seed));
/// assert_eq!(weights(0)["score.weight"].shape(), [5, 2, 1, 1]);
/// // The seed alone decides what they are.
/// assert_eq!(weights(0), weights(0));
/// assert_ne!(weights(0), weights(1));
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModelConfig {
    /// Which one.
    pub kind: ModelKind,
    /// Channels of each stage.
    pub widths: Vec<usize>,
    /// What normalizes convolutions. Read from `batch_norm = true` or `false` as well, which is how older
    /// versions wrote batch normalization and none.
    #[serde(alias = "batch_norm", deserialize_with = "norm")]
    pub norm: Norm,
    /// The way back up to the picture's size.
    pub upsample: Upsampling,
    /// A safetensors file of weights to start from; drawn from the seed without.
    pub weights: Option<PathBuf>,
    /// The layers, by the beginnings of their names, that start fresh all the same: what the file's
    /// network was asked for and this one is not.
    pub fresh: Vec<String>,
}

/// Networks by name.
///
/// ```
/// # use mirrorgrad_layers::models::Upsampling;
/// # use mirrorgrad_train::ModelKind;
/// assert_eq!(ModelKind::Fcn8s.widths(), [16, 32, 64, 128, 128]);
/// assert_eq!(ModelKind::Fcn8s.upsample(), Upsampling::Deconv);
/// assert_eq!(ModelKind::Segnet.upsample(), Upsampling::Unpool);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ModelKind {
    /// The fully convolutional network, every stage scored.
    #[default]
    Fcn,
    /// With five stages, the two deepest scored beside the last: by 8 to the picture.
    Fcn8s,
    /// With five stages, the deepest scored beside the last: by 16 to the picture.
    Fcn16s,
    /// With five stages and one score: by 32 to the picture.
    Fcn32s,
    /// The U-Net.
    Unet,
    /// SegNet: up by unpooling.
    Segnet,
}

/// Stages of the networks whose names tell a stride.
const STAGES: usize = 5;
/// Widths and depths beyond these are mistakes, not networks.
pub(crate) const MOST_CHANNELS: usize = 4096;
const MOST_STAGES: usize = 10;
/// Channels of each stage, at most, of a network that is built for its names.
const NARROW: usize = 32;
/// Weights that any machine has room for.
const SMALL: usize = 1 << 20;

impl ModelKind {
    /// Channels of each stage where nothing else is asked for.
    pub fn widths(self) -> Vec<usize> {
        match self {
            Self::Fcn | Self::Segnet => FcnConfig::new(2).widths,
            Self::Fcn8s | Self::Fcn16s | Self::Fcn32s => vec![16, 32, 64, 128, 128],
            Self::Unet => UNetConfig::new(2).widths,
        }
    }

    /// The way up where nothing else is asked for.
    pub fn upsample(self) -> Upsampling {
        if self == Self::Segnet { Upsampling::Unpool } else { Upsampling::Deconv }
    }

    /// See [`FcnConfig::finest`].
    fn finest(self) -> usize {
        match self {
            Self::Fcn | Self::Segnet | Self::Unet => 0,
            Self::Fcn8s => 3,
            Self::Fcn16s => 4,
            Self::Fcn32s => 5,
        }
    }

    /// The ways up that it has.
    fn ways(self) -> (&'static [Upsampling], &'static str) {
        use Upsampling::{Bilinear, Deconv, Unpool};
        match self {
            Self::Fcn => (&[Deconv, Bilinear, Unpool], "deconv, bilinear or unpool"),
            Self::Fcn8s | Self::Fcn16s | Self::Fcn32s => {
                (&[Deconv, Bilinear], "deconv or bilinear for an FCN with a stride")
            }
            Self::Unet => (&[Deconv, Bilinear], "deconv or bilinear for a U-Net"),
            Self::Segnet => (&[Unpool], "unpool for SegNet"),
        }
    }
}

impl Default for ModelConfig {
    fn default() -> Self {
        let kind = ModelKind::default();
        Self {
            kind,
            widths: kind.widths(),
            norm: Norm::Batch,
            upsample: kind.upsample(),
            weights: None,
            fresh: Vec::new(),
        }
    }
}

impl ModelConfig {
    /// Refuses networks that cannot be built.
    pub(super) fn check(&self) -> Result<(), DataError> {
        let refuse = |key, expected: &str, found| Err(DataError::value(key, expected, found));
        let widths = &self.widths;
        if !(1..=MOST_STAGES).contains(&widths.len())
            || !widths.iter().all(|width| (1..=MOST_CHANNELS).contains(width))
        {
            let expected = format!("1 to {MOST_STAGES} widths of 1 to {MOST_CHANNELS} channels");
            return refuse("model.widths", &expected, format!("{widths:?}"));
        }
        if self.kind.finest() > 0 && widths.len() != STAGES {
            let expected = format!("{STAGES} widths for an FCN with a stride");
            return refuse("model.widths", &expected, format!("{widths:?}"));
        }
        let (ways, named) = self.kind.ways();
        if !ways.contains(&self.upsample) {
            return refuse("model.upsample", named, format!("{:?}", self.upsample).to_lowercase());
        }
        if !self.fresh.is_empty() && self.weights.is_none() {
            return Err(DataError::Needs { key: "model.fresh", other: "model.weights" });
        }
        Ok(())
    }

    /// Whether a parameter of this name is drawn from the seed, and not read from [`weights`](Self::weights).
    ///
    /// ```
    /// # use mirrorgrad_train::ModelConfig;
    /// let fresh = vec!["score".to_owned(), "ups.1".to_owned()];
    /// let model = ModelConfig { weights: Some("old.safetensors".into()), fresh, ..Default::default() };
    /// assert!(model.starts_fresh("score.weight") && model.starts_fresh("ups.1.weight"));
    /// assert!(!model.starts_fresh("ups.0.weight") && !model.starts_fresh("ups.10.weight"));
    /// assert!(ModelConfig::default().starts_fresh("ups.0.weight"));
    /// ```
    pub fn starts_fresh(&self, parameter: &str) -> bool {
        self.weights.is_none() || self.fresh.iter().any(|layer| is_of(parameter, layer))
    }

    /// The names of the network's tensors, which do not depend on how wide it is: known without the memory
    /// that it takes.
    pub(crate) fn names(&self) -> BTreeSet<String> {
        let widths = self.widths.iter().map(|&width| width.min(NARROW)).collect();
        let network = Self { widths, ..self.clone() }.network(1, 0);
        Params::of(&*network).into_iter().map(|(name, _)| name).collect()
    }

    /// Refuses weights under other names than the network's, and of fewer numbers than it has: a file may name
    /// one that no memory can hold, and this is known before it is built.
    pub(crate) fn check_weights(&self, weights: &NamedTensors<f32>) -> Result<(), WeightsError> {
        check_names(&self.names(), weights)?;
        let least = least_weights(self);
        let found: usize = weights.values().map(|tensor| tensor.len()).sum();
        // Of a small network, the shape that does not fit is found when it is loaded, and named.
        if least <= found.max(SMALL) {
            return Ok(());
        }
        Err(WeightsError::TooFew { least, found })
    }

    /// The network for so many classes, with first weights drawn from the seed.
    ///
    /// # Panics
    /// If the configuration does not pass [`Config::check`](super::Config::check).
    pub fn network(&self, classes: usize, seed: u64) -> Box<dyn Network> {
        let Self { kind, ref widths, norm, upsample, .. } = *self;
        let (inputs, widths) = (3, widths.clone());
        let rng = &mut generator(Purpose::Weights, seed, 0, 0);
        if kind == ModelKind::Unet {
            let config = UNetConfig { inputs, classes, widths, norm, upsample };
            return Box::new(UNet::new(&config, rng));
        }
        let finest = kind.finest();
        Box::new(Fcn::new(&FcnConfig { inputs, classes, widths, norm, upsample, finest }, rng))
    }
}

/// A normalization by its name, or by whether it is that over the batch.
fn norm<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Norm, D::Error> {
    struct NameOrBool;

    impl de::Visitor<'_> for NameOrBool {
        type Value = Norm;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("batch, group or none")
        }

        fn visit_bool<E>(self, batch_norm: bool) -> Result<Norm, E> {
            Ok(if batch_norm { Norm::Batch } else { Norm::None })
        }

        fn visit_str<E: de::Error>(self, name: &str) -> Result<Norm, E> {
            Norm::deserialize(name.into_deserializer())
        }
    }

    deserializer.deserialize_any(NameOrBool)
}

/// Whether a parameter is of the layer, or part of a network, whose name its own begins with: by whole words,
/// so that `ups.1` is not `ups.10`.
pub(crate) fn is_of(parameter: &str, layer: &str) -> bool {
    parameter.strip_prefix(layer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}
