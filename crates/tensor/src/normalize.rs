//! Normalization to mean 0 and variance 1, with weight and bias, a set at a time in each direction.
//!
//! Batch, group and layer normalization differ only in which elements share a mean and which share a
//! weight. A [`NormLayout`] says both; one kernel serves all three. A relu behind it is done in passing
//! (the [`Epilogue`]): the numbers are as near as they will be.

mod layout;
mod passes;
mod shared;

pub use layout::NormLayout;
pub use shared::{NormMoments, NormSums};

use crate::{Element, Tensor, check};
use passes::{Backward, Identity, Relu};

/// The mean and the (biased) variance of every set, each of shape `[sets]`.
///
/// ```
/// # use mirrorgrad_tensor::{NormLayout, Normalization, Tensor};
/// let x = Tensor::from([[1.0, 3.0], [4.0, 8.0]]);
/// let norm = Normalization::new(NormLayout::layer(x.shape(), &[2]), 1e-5);
/// let (_, stats) = norm.forward(&x, &Tensor::ones([2]), &Tensor::zeros([2]));
/// assert_eq!(stats.mean, Tensor::from([2.0, 6.0]));
/// assert_eq!(stats.variance, Tensor::from([1.0, 4.0]));
/// ```
#[derive(Clone, Debug)]
pub struct NormStats<T: Element> {
    /// Means.
    pub mean: Tensor<T>,
    /// Mean squared distances from the mean.
    pub variance: Tensor<T>,
}

impl<T: Element> NormStats<T> {
    /// Mean and variance of a set.
    fn of_set(&self, set: usize) -> [T; 2] {
        [&self.mean, &self.variance].map(|stat| stat.as_slice()[set])
    }
}

/// The function that a number goes through once it is computed, in the same pass through memory.
///
/// ```
/// # use mirrorgrad_tensor::{Epilogue, NormLayout, Normalization, Tensor};
/// let x = Tensor::from([[4.0], [8.0]]);
/// let norm = Normalization::new(NormLayout::batch(x.shape()), 0.0);
/// let of = |epilogue| Normalization { epilogue, ..norm }.forward(&x, &[1.0].into(), &[0.5].into()).0;
/// assert_eq!(of(Epilogue::Identity), Tensor::from([[-0.5], [1.5]]));
/// assert_eq!(of(Epilogue::Relu), Tensor::from([[0.0], [1.5]]));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Epilogue {
    /// None: the number stays as it is.
    #[default]
    Identity,
    /// max(·, 0).
    Relu,
}

/// A normalization: what is normalized together, and how.
///
/// ```
/// # use mirrorgrad_tensor::{NormLayout, Normalization, Tensor};
/// // A batch of two, of one channel: mean 6, standard deviation 2.
/// let x = Tensor::from([[4.0], [8.0]]);
/// let (weight, bias) = (Tensor::from([3.0]), Tensor::from([1.0]));
/// let norm = Normalization::new(NormLayout::batch(x.shape()), 0.0);
/// let (y, stats) = norm.forward(&x, &weight, &bias);
/// assert_eq!(y, Tensor::from([[1.0 - 3.0], [1.0 + 3.0]]));
/// // A constant added to `x` changes nothing, and two numbers become -1 and 1, whatever they are.
/// let grad = Tensor::from([[5.0], [0.0]]);
/// let [to_x, to_weight, to_bias] = norm.backward(&x, &weight, &bias, &stats, &grad);
/// assert_eq!(to_x, Tensor::from([[0.0], [0.0]]));
/// assert_eq!([to_weight.item(), to_bias.item()], [-5.0, 5.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalization {
    /// Which elements share a mean, and which a weight.
    pub layout: NormLayout,
    /// Added to the variance.
    pub eps: f64,
    /// What follows in the same pass.
    pub epilogue: Epilogue,
}

impl Normalization {
    /// Without an epilogue.
    pub fn new(layout: NormLayout, eps: f64) -> Self {
        Self { layout, eps, epilogue: Epilogue::Identity }
    }

    /// `weight · (x − mean) / √(variance + eps) + bias`, and the statistics it used.
    ///
    /// # Panics
    /// If the layout is of another shape, or weight or bias have other sizes.
    #[track_caller]
    pub fn forward<T: Element>(
        &self,
        x: &Tensor<T>,
        weight: &Tensor<T>,
        bias: &Tensor<T>,
    ) -> (Tensor<T>, NormStats<T>) {
        self.layout.check("norm", x, [weight, bias]);
        match self.epilogue {
            Epilogue::Identity => self.forward_then(Identity, x, weight, bias),
            Epilogue::Relu => self.forward_then(Relu, x, weight, bias),
        }
    }

    /// The gradients of [`forward`](Self::forward) with respect to `x`, `weight` and `bias`, the statistics
    /// moving with `x`. With x̂ the normalized input and g = weight · grad, the first is
    /// `(g − mean(g) − x̂ · mean(g · x̂)) / √(variance + eps)` (Ioffe & Szegedy 2015, section 3).
    ///
    /// # Panics
    /// If the layout is of another shape, `grad` has another shape than `x`, or there is not one mean and one variance a
    /// set.
    #[track_caller]
    pub fn backward<T: Element>(
        &self,
        x: &Tensor<T>,
        weight: &Tensor<T>,
        bias: &Tensor<T>,
        stats: &NormStats<T>,
        grad: &Tensor<T>,
    ) -> [Tensor<T>; 3] {
        self.check_all(x, weight, bias, stats);
        check::same_shape("norm", x.shape(), grad.shape());
        if x.is_empty() {
            let zeros = || Tensor::zeros([self.layout.weights()]);
            return [Tensor::zeros(x.shape()), zeros(), zeros()];
        }
        let of = Backward { x, weight, bias, stats, grad };
        match self.epilogue {
            Epilogue::Identity => self.backward_then(Identity, &of),
            Epilogue::Relu => self.backward_then(Relu, &of),
        }
    }

    /// Refuses operands and statistics that are not the layout's.
    #[track_caller]
    fn check_all<T: Element>(
        &self,
        x: &Tensor<T>,
        weight: &Tensor<T>,
        bias: &Tensor<T>,
        stats: &NormStats<T>,
    ) {
        self.layout.check("norm", x, [weight, bias]);
        for stat in [&stats.mean, &stats.variance] {
            check::same_shape("norm", &[self.layout.sets], stat.shape());
        }
    }
}
