//! How a block's convolutions are normalized.

use crate::{BatchNorm2d, GroupNorm, Module, Pass, Visitor};
use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::{Element, Epilogue};
use serde::{Deserialize, Serialize};

/// What normalizes the output of a convolution.
///
/// ```
/// # use mirrorgrad_layers::models::{DoubleConv, Norm};
/// # use mirrorgrad_layers::Params;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let mut params = |norm| Params::of(&DoubleConv::<f32>::new([3, 8], norm, rng)).len();
/// assert_eq!(params(Norm::Batch), 2 + 2 * 4); // Two weights; running statistics are parameters too.
/// assert_eq!(params(Norm::Group), 2 + 2 * 2);
/// assert_eq!(params(Norm::None), 2 + 2); // Biases instead.
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Norm {
    /// Each channel over the batch while training, by running statistics while predicting. Those are
    /// estimates, and poor ones if a batch has few pictures.
    #[default]
    Batch,
    /// Groups of channels of each picture alone, alike while training and predicting, whatever the
    /// batch. There are as many groups as divide the channels, 32 at most, of four channels or more
    /// each; with fewer channels there is one group.
    Group,
    /// Nothing; convolutions have a bias instead.
    None,
}

impl Norm {
    /// The groups of so many channels; see [`Norm::Group`].
    ///
    /// ```
    /// # use mirrorgrad_layers::models::Norm;
    /// // Wu & He's 32 where the channels are enough for it.
    /// assert_eq!([256, 128, 48, 16, 10, 3].map(Norm::groups), [32, 32, 12, 4, 2, 1]);
    /// ```
    pub fn groups(channels: usize) -> usize {
        let fits = |groups: &usize| channels.is_multiple_of(*groups) && channels / groups >= 4;
        (1..=32).rev().find(fits).unwrap_or(1)
    }
}

/// A normalization and the relu behind it.
#[derive(Debug)]
pub enum NormRelu<T: Element> {
    Batch(BatchNorm2d<T>),
    Group(GroupNorm<T>),
    None,
}

impl<T: Element> NormRelu<T> {
    pub fn new(norm: Norm, channels: usize) -> Self {
        match norm {
            Norm::Batch => Self::Batch(BatchNorm2d::new(channels).epilogue(Epilogue::Relu)),
            Norm::Group => Self::Group(GroupNorm::new(Norm::groups(channels), channels)),
            Norm::None => Self::None,
        }
    }
}

impl<T: Element> Module<T> for NormRelu<T> {
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        match self {
            Self::Batch(norm) => norm.forward(x, pass),
            Self::Group(norm) => norm.forward(x, pass).relu(),
            Self::None => x.relu(),
        }
    }

    fn visit(&self, visitor: &mut Visitor<'_, T>) {
        match self {
            Self::Batch(norm) => norm.visit(visitor),
            Self::Group(norm) => norm.visit(visitor),
            Self::None => {}
        }
    }
}
