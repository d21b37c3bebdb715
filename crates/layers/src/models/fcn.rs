//! The fully convolutional network with learned deconvolution (Long, Shelhamer & Darrell 2015), and
//! two other ways back up: fixed bilinear interpolation, and SegNet's unpooling (Badrinarayanan et
//! al. 2017).
//!
//! ```text
//! picture ─ stage 0 ─┬─ pool ─ stage 1 ─┬─ pool ─ … ─ pool ─ score
//!                    │                  │                      │
//!                 skip 0             skip 1                   up …
//!                    │                  │                      │
//!   scores ────────  + ────── up ────── + ─────── up … ────────┘
//! ```
//!
//! Every step up goes to the exact size of the stage it meets, so any picture works, odd sizes
//! included. The way up may end early, at a coarser stage, and reach the picture by one large step
//! from there: with five stages these are the paper's FCN-32s, FCN-16s and FCN-8s.

use super::{DoubleConv, Network, Norm};
use crate::{
    Conv2d, ConvTranspose2d, Init, Interpolation, MaxPool2d, MaxUnpool2d, Module, Pass, Upsample,
    Visitor,
};
use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::{Element, PoolIndices, Window};
use rand::Rng;
use serde::{Deserialize, Serialize};

/// How scores or features get back to the picture's size.
///
/// ```
/// # use mirrorgrad_layers::models::{Fcn, FcnConfig, Upsampling};
/// # use mirrorgrad_layers::weights::state_dict;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// for (upsample, up) in [
///     (Upsampling::Deconv, "ups.0.weight"),
///     (Upsampling::Bilinear, "skips.0.weight"), // Nothing is learned on the step itself.
///     (Upsampling::Unpool, "decoders.0.conv1.weight"),
/// ] {
///     let config = FcnConfig { widths: vec![4, 8], upsample, ..FcnConfig::new(2) };
///     assert!(state_dict(&Fcn::<f32>::new(&config, rng)).contains_key(up));
/// }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Upsampling {
    /// Scores by learned transposed convolutions that begin as bilinear interpolation.
    #[default]
    Deconv,
    /// Scores by bilinear interpolation.
    Bilinear,
    /// Features put back to where each stage's max pool found them, then convolved: SegNet's decoder.
    /// Scored last; no skips.
    Unpool,
}

/// What an [`Fcn`] is built from.
///
/// ```
/// # use mirrorgrad_layers::models::{Fcn, FcnConfig};
/// # use mirrorgrad_layers::weights::state_dict;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let config = FcnConfig { widths: vec![4, 8], finest: 1, ..FcnConfig::new(5) };
/// let weights = state_dict(&Fcn::<f32>::new(&config, rng));
/// assert_eq!(weights["stages.1.conv1.weight"].shape(), [8, 4, 3, 3]);
/// assert_eq!(weights["last.weight"].shape(), [5, 5, 4, 4]); // From half the size to the picture.
/// assert!(!weights.contains_key("skips.0.weight")); // Stage 0 is not scored.
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FcnConfig {
    /// Channels of the picture.
    pub inputs: usize,
    /// Classes to tell apart.
    pub classes: usize,
    /// Channels of each stage; each but the first works at half the size of the one before.
    pub widths: Vec<usize>,
    /// What normalizes convolutions.
    pub norm: Norm,
    /// The way back up.
    pub upsample: Upsampling,
    /// The finest stage that is scored beside the deepest; from there one step of 2^finest leads to the
    /// picture. With 0 every stage is scored, with as many as there are stages none. Unpooling, which
    /// has no scores on its way, takes 0 alone.
    pub finest: usize,
}

impl FcnConfig {
    /// For RGB pictures, with four stages of 16, 32, 64 and 128 channels, batch normalization and
    /// learned deconvolution.
    pub fn new(classes: usize) -> Self {
        Self {
            inputs: 3,
            classes,
            widths: vec![16, 32, 64, 128],
            norm: Norm::Batch,
            upsample: Upsampling::default(),
            finest: 0,
        }
    }
}

/// The network: `[batch, inputs, h, w]` to scores `[batch, classes, h, w]`.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::models::{Fcn, FcnConfig};
/// # use mirrorgrad_layers::{Module, Pass};
/// # use mirrorgrad_tensor::Tensor;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let network = Fcn::new(&FcnConfig { widths: vec![4, 8], ..FcnConfig::new(5) }, rng);
/// let picture = Var::constant(Tensor::<f32>::ones([1, 3, 13, 18]));
/// let scores = network.forward(&picture, &Pass::eval());
/// assert_eq!(scores.shape(), [1, 5, 13, 18]);
/// assert_eq!(scores.value(), &Tensor::zeros([1, 5, 13, 18])); // Scores begin at 0.
/// ```
#[derive(Debug)]
pub struct Fcn<T: Element = f32> {
    stages: Vec<DoubleConv<T>>,
    score: Conv2d<T>,
    finest: usize,
    way_up: WayUp<T>,
}

/// The layers of the way up, those of the finest scored stage first.
#[derive(Debug)]
enum WayUp<T: Element> {
    /// `last` leads to the picture, if the finest stage scored is not of its size.
    Deconv {
        ups: Vec<ConvTranspose2d<T>>,
        skips: Vec<Conv2d<T>>,
        last: Option<ConvTranspose2d<T>>,
    },
    Bilinear {
        skips: Vec<Conv2d<T>>,
    },
    Unpool {
        decoders: Vec<DoubleConv<T>>,
    },
}

/// What a stage leaves for the way up: its features, and where its pool found the largest.
struct Level<T: Element> {
    features: Var<T>,
    indices: PoolIndices,
}

impl<T: Element> Fcn<T> {
    /// A network with fresh weights.
    ///
    /// # Panics
    /// If there are no stages, a number of channels is 0, or the finest stage is beyond the deepest, or
    /// not 0 for unpooling.
    #[track_caller]
    pub fn new(config: &FcnConfig, rng: &mut impl Rng) -> Self {
        let FcnConfig { inputs, classes, ref widths, norm, upsample, finest } = *config;
        let (&first, &last) =
            widths.first().zip(widths.last()).expect("fcn: expected at least one width, got none");
        assert!(
            inputs > 0 && classes > 0 && !widths.contains(&0),
            "fcn: expected at least one channel everywhere, got {config:?}"
        );
        let coarsest = if upsample == Upsampling::Unpool { 0 } else { widths.len() };
        assert!(finest <= coarsest, "fcn: expected a finest stage up to {coarsest}, got {finest}");
        let sources = std::iter::once(inputs).chain(widths.iter().copied());
        let stages =
            sources.zip(widths).map(|(from, &to)| DoubleConv::new([from, to], norm, rng)).collect();
        let mut score = |width| {
            // From zero, every scale is asked only for what the others leave over.
            let conv = Conv2d::new([width, classes], Window::square(1), rng);
            conv.init(Init::Zeros, rng)
        };
        let (score, skips): (_, Vec<_>) = match upsample {
            Upsampling::Unpool => (score(first), Vec::new()),
            _ => (score(last), widths[finest..].iter().map(|&width| score(width)).collect()),
        };
        let way_up = match upsample {
            Upsampling::Bilinear => WayUp::Bilinear { skips },
            Upsampling::Deconv => {
                let mut by = |factor: usize| {
                    let window = Window::square(2 * factor).stride(factor).padding(factor / 2);
                    let up = ConvTranspose2d::new([classes, classes], window, rng);
                    up.without_bias().init(Init::Bilinear, rng)
                };
                let ups = skips.iter().map(|_| by(2)).collect();
                let last = (finest > 0).then(|| by(1 << finest));
                WayUp::Deconv { ups, skips, last }
            }
            Upsampling::Unpool => {
                let to = std::iter::once(first).chain(widths.iter().copied());
                let decoders = to
                    .zip(widths)
                    .map(|(to, &from)| DoubleConv::new([from, to], norm, rng))
                    .collect();
                WayUp::Unpool { decoders }
            }
        };
        Self { stages, score, finest, way_up }
    }

    #[track_caller]
    fn down(&self, x: &Var<T>, pass: &Pass<T>) -> (Vec<Level<T>>, Var<T>) {
        let mut levels = Vec::new();
        let mut x = x.clone();
        for (i, stage) in self.stages.iter().enumerate() {
            let pass = pass.child("stages").child(i);
            let features = stage.forward(&x, &pass);
            let (pooled, indices) = MaxPool2d::square(2).forward_indices(&features, &pass);
            levels.push(Level { features, indices });
            x = pooled;
        }
        (levels, x)
    }
}

impl<T: Element> Network<T> for Fcn<T> {
    fn smallest_input(&self) -> usize {
        1 << self.stages.len()
    }
}

impl<T: Element> Module<T> for Fcn<T> {
    /// # Panics
    /// If the picture is smaller than [`Network::smallest_input`] or has other channels.
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let (levels, deepest) = self.down(x, pass);
        let scored = levels.iter().enumerate().skip(self.finest);
        let child = |kind: &str, i: usize| pass.child(kind).child(i);
        let score = |features: &Var<T>| self.score.forward(features, &pass.child("score"));
        match &self.way_up {
            WayUp::Deconv { ups, skips, last } => {
                let mut scores = score(&deepest);
                for (((i, level), up), skip) in scored.zip(ups).zip(skips).rev() {
                    let skip = skip.forward(&level.features, &child("skips", i));
                    scores = up.forward_like(&scores, &skip, &child("ups", i)) + skip;
                }
                match last {
                    Some(last) => last.forward_like(&scores, x, &pass.child("last")),
                    None => scores,
                }
            }
            WayUp::Bilinear { skips } => {
                let interpolate = Upsample::new(2, Interpolation::Bilinear);
                let mut scores = score(&deepest);
                for ((i, level), skip) in scored.zip(skips).rev() {
                    let skip = skip.forward(&level.features, &child("skips", i));
                    scores = interpolate.forward_like(&scores, &skip, &child("ups", i)) + skip;
                }
                match self.finest {
                    0 => scores,
                    _ => interpolate.forward_like(&scores, x, &pass.child("last")),
                }
            }
            WayUp::Unpool { decoders } => {
                let mut features = deepest;
                for ((i, level), decoder) in scored.zip(decoders).rev() {
                    let pass = child("decoders", i);
                    let spread = MaxUnpool2d.forward(&features, &level.indices, &pass);
                    features = decoder.forward(&spread, &pass);
                }
                score(&features)
            }
        }
    }

    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        for (i, stage) in self.stages.iter().enumerate() {
            visitor.child(format_args!("stages.{i}"), stage);
        }
        visitor.child("score", &self.score);
        let (ups, skips, decoders, last): (&[_], &[_], &[_], _) = match &self.way_up {
            WayUp::Deconv { ups, skips, last } => (ups, skips, &[], last.as_ref()),
            WayUp::Bilinear { skips } => (&[], skips, &[], None),
            WayUp::Unpool { decoders } => (&[], &[], decoders, None),
        };
        for (i, up) in (self.finest..).zip(ups) {
            visitor.child(format_args!("ups.{i}"), up);
        }
        for (i, skip) in (self.finest..).zip(skips) {
            visitor.child(format_args!("skips.{i}"), skip);
        }
        for (i, decoder) in (self.finest..).zip(decoders) {
            visitor.child(format_args!("decoders.{i}"), decoder);
        }
        if let Some(last) = last {
            visitor.child("last", last);
        }
    }
}
