//! The U-Net (Ronneberger, Fischer & Brox 2015), padded so that it keeps the picture's size.
//!
//! ```text
//! picture ─ stage 0 ──────────────── concat ─ decoder 0 ─ score
//!              │ pool                  │ up
//!           stage 1 ──────── concat ─ decoder 1
//!              │ pool          │ up
//!              …  ─ stage n  ──┘
//! ```
//!
//! Every step up goes to the exact size of the stage it meets, so any picture works, odd sizes
//! included.

use super::{DoubleConv, Network, Norm, Upsampling};
use crate::{Conv2d, ConvTranspose2d, Interpolation, MaxPool2d, Module, Pass, Upsample, Visitor};
use mirrorgrad_autograd::{Var, ops};
use mirrorgrad_tensor::{Element, Window};
use rand::Rng;

/// What a [`UNet`] is built from.
///
/// ```
/// # use mirrorgrad_layers::models::{UNet, UNetConfig};
/// # use mirrorgrad_layers::weights::state_dict;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let config = UNetConfig { widths: vec![4, 8], ..UNetConfig::new(5) };
/// let weights = state_dict(&UNet::<f32>::new(&config, rng));
/// assert_eq!(weights["ups.0.weight"].shape(), [8, 4, 2, 2]);
/// assert_eq!(weights["decoders.0.conv1.weight"].shape(), [4, 4 + 4, 3, 3]); // With the skip's.
/// assert_eq!(weights["score.weight"].shape(), [5, 4, 1, 1]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UNetConfig {
    /// Channels of the picture.
    pub inputs: usize,
    /// Classes to tell apart.
    pub classes: usize,
    /// Channels of each stage; each but the first works at half the size of the one before.
    pub widths: Vec<usize>,
    /// What normalizes convolutions.
    pub norm: Norm,
    /// The way back up: learned deconvolution or bilinear interpolation.
    pub upsample: Upsampling,
}

impl UNetConfig {
    /// For RGB pictures, with four stages of 24, 48, 96 and 192 channels, batch normalization and
    /// learned deconvolution.
    pub fn new(classes: usize) -> Self {
        Self {
            inputs: 3,
            classes,
            widths: vec![24, 48, 96, 192],
            norm: Norm::Batch,
            upsample: Upsampling::Deconv,
        }
    }
}

/// The network: `[batch, inputs, h, w]` to scores `[batch, classes, h, w]`.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::models::{Network, UNet, UNetConfig};
/// # use mirrorgrad_layers::{Module, Pass};
/// # use mirrorgrad_tensor::Tensor;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let config = UNetConfig { widths: vec![4, 8, 16], ..UNetConfig::new(5) };
/// let network = UNet::<f32>::new(&config, rng);
/// assert_eq!(network.smallest_input(), 4);
/// let picture = Var::constant(Tensor::ones([1, 3, 13, 18]));
/// assert_eq!(network.forward(&picture, &Pass::eval()).shape(), [1, 5, 13, 18]);
/// ```
#[derive(Debug)]
pub struct UNet<T: Element = f32> {
    stages: Vec<DoubleConv<T>>,
    /// Deconvolutions; none where features are interpolated.
    ups: Option<Vec<ConvTranspose2d<T>>>,
    decoders: Vec<DoubleConv<T>>,
    score: Conv2d<T>,
}

impl<T: Element> UNet<T> {
    /// A network with fresh weights.
    ///
    /// # Panics
    /// If there are no stages, a number of channels is 0, or the way up is unpooling, which leaves
    /// nothing to concatenate.
    #[track_caller]
    pub fn new(config: &UNetConfig, rng: &mut impl Rng) -> Self {
        let UNetConfig { inputs, classes, ref widths, norm, upsample } = *config;
        let &first = widths.first().expect("unet: expected at least one width, got none");
        assert!(
            inputs > 0 && classes > 0 && !widths.contains(&0) && upsample != Upsampling::Unpool,
            "unet: expected at least one channel everywhere and deconv or bilinear, got {config:?}"
        );
        let sources = std::iter::once(inputs).chain(widths.iter().copied());
        let stages =
            sources.zip(widths).map(|(from, &to)| DoubleConv::new([from, to], norm, rng)).collect();
        // Each step is from the stage below to the stage above it.
        let steps = || widths.windows(2).map(|pair| [pair[1], pair[0]]);
        let double = Window::square(2).stride(2);
        let ups = (upsample == Upsampling::Deconv)
            .then(|| steps().map(|step| ConvTranspose2d::new(step, double, rng)).collect());
        let decoders = steps()
            .map(|[below, above]| {
                let up = if upsample == Upsampling::Deconv { above } else { below };
                DoubleConv::new([above + up, above], norm, rng)
            })
            .collect();
        let score = Conv2d::new([first, classes], Window::square(1), rng);
        Self { stages, ups, decoders, score }
    }
}

impl<T: Element> Network<T> for UNet<T> {
    fn smallest_input(&self) -> usize {
        1 << self.decoders.len()
    }
}

impl<T: Element> Module<T> for UNet<T> {
    /// # Panics
    /// If the picture is smaller than [`Network::smallest_input`] or has other channels.
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let mut skips: Vec<Var<T>> = Vec::new();
        let child = |kind: &str, i: usize| pass.child(kind).child(i);
        for (i, stage) in self.stages.iter().enumerate() {
            let pass = child("stages", i);
            let x = match skips.last() {
                Some(above) => MaxPool2d::square(2).forward(above, &pass),
                None => x.clone(),
            };
            skips.push(stage.forward(&x, &pass));
        }
        let mut features = skips.pop().expect("there is a stage");
        let double = Upsample::new(2, Interpolation::Bilinear);
        for (i, (skip, decoder)) in skips.into_iter().zip(&self.decoders).enumerate().rev() {
            let up = match &self.ups {
                Some(ups) => ups[i].forward_like(&features, &skip, &child("ups", i)),
                None => double.forward_like(&features, &skip, &child("ups", i)),
            };
            features = decoder.forward(&ops::concat(&[&skip, &up], 1), &child("decoders", i));
        }
        self.score.forward(&features, &pass.child("score"))
    }

    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        for (i, stage) in self.stages.iter().enumerate() {
            visitor.child(format_args!("stages.{i}"), stage);
        }
        for (i, up) in self.ups.iter().flatten().enumerate() {
            visitor.child(format_args!("ups.{i}"), up);
        }
        for (i, decoder) in self.decoders.iter().enumerate() {
            visitor.child(format_args!("decoders.{i}"), decoder);
        }
        visitor.child("score", &self.score);
    }
}
