//! Parts of a batch that are computed side by side, and meet where a function is of all of them.

use mirrorgrad_tensor::{Element, Tensor};
use std::fmt::Debug;

/// One of several parts of a batch (shards), each computed by a thread or a process of its own. All call the same
/// functions in the same order, and those that need all wait for one another here.
///
/// ```
/// # use mirrorgrad_autograd::{Meeting, Var, ops::batch_norm_among};
/// # use mirrorgrad_tensor::{Epilogue, Tensor};
/// # use std::sync::Arc;
/// /// A batch in one part.
/// #[derive(Debug)]
/// struct Alone;
///
/// impl Meeting<f64> for Alone {
///     fn place(&self) -> usize {
///         0
///     }
///     fn gather(&self, mine: &Tensor<f64>) -> Vec<Tensor<f64>> {
///         vec![mine.clone()]
///     }
/// }
///
/// let x = Var::constant([[1.0], [3.0]].into());
/// let (one, zero) = (Var::constant([1.0].into()), Var::constant([0.0].into()));
/// let (y, stats, count) = batch_norm_among(Arc::new(Alone), &x, &one, &zero, 0.0, Epilogue::Identity);
/// assert_eq!((y.value(), stats.mean, count), (&[[-1.0], [1.0]].into(), [2.0].into(), 2.0));
/// ```
pub trait Meeting<T: Element>: Debug + Send + Sync {
    /// Which part this is, counted from 0.
    fn place(&self) -> usize;

    /// What every part gives, in the order of the parts. Returns when all have given.
    ///
    /// # Panics
    /// If another part has failed, without which this one cannot go on.
    fn gather(&self, mine: &Tensor<T>) -> Vec<Tensor<T>>;
}
