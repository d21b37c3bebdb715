//! The one mutable cell of the framework.

use mirrorgrad_autograd::Var;
use mirrorgrad_tensor::{Element, Tensor};
use std::sync::{Arc, PoisonError, RwLock};

/// A place in a network whose value may be replaced: by an optimizer if it is trainable, by what a pass
/// observed if it is a buffer (batch normalization's running statistics). Cloning shares the place.
///
/// ```
/// # use mirrorgrad_layers::Param;
/// # use mirrorgrad_tensor::Tensor;
/// let param = Param::new([1.0_f32, 2.0].into());
/// let same = param.clone();
/// same.set([3.0, 4.0].into());
/// assert!(param.is(&same));
/// assert_eq!(param.value(), [3.0, 4.0].into());
/// let buffer = Param::buffer(Tensor::<f32>::zeros([2]));
/// assert!(param.var().is_tracked() && !buffer.var().is_tracked());
/// ```
#[derive(Clone, Debug)]
pub struct Param<T: Element = f32> {
    place: Arc<RwLock<Var<T>>>,
    trainable: bool,
}

impl<T: Element> Param<T> {
    /// A value to be trained.
    pub fn new(value: Tensor<T>) -> Self {
        Self::holding(Var::parameter(value), true)
    }

    /// A value that belongs to the network's state but not to what gradients reach.
    pub fn buffer(value: Tensor<T>) -> Self {
        Self::holding(Var::constant(value), false)
    }

    fn holding(value: Var<T>, trainable: bool) -> Self {
        Self { place: Arc::new(RwLock::new(value)), trainable }
    }

    /// Whether gradients reach it.
    pub fn is_trainable(&self) -> bool {
        self.trainable
    }

    /// The current value, as a leaf of the graph where it is trainable.
    pub fn var(&self) -> Var<T> {
        // A panic elsewhere cannot leave half a value behind: replacing one is a single store.
        self.place.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The current numbers.
    pub fn value(&self) -> Tensor<T> {
        self.var().value().clone()
    }

    /// Replaces the value.
    ///
    /// # Panics
    /// If the shape changes.
    #[track_caller]
    pub fn set(&self, value: Tensor<T>) {
        let mut place = self.place.write().unwrap_or_else(PoisonError::into_inner);
        let (own, got) = (place.shape(), value.shape());
        assert!(own == got, "param: a value keeps its shape: expected {own:?}, got {got:?}");
        *place = if self.trainable { Var::parameter(value) } else { Var::constant(value) };
    }

    /// Whether both are the same place.
    pub fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.place, &other.place)
    }
}
