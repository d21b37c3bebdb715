//! Pooling layers.

use crate::place::Place;
use crate::{Module, Pass, Sizes};
use mirrorgrad_autograd::{Var, ops};
use mirrorgrad_tensor::{AverageCount, Element, PoolIndices, Rounding, Window};

/// The largest pixel under each window. `[batch, channels, h, w] -> [batch, channels, out_h, out_w]`.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{MaxPool2d, Pass, Module};
/// # use mirrorgrad_tensor::{Rounding, Tensor, Window};
/// let x = Var::constant(Tensor::from_fn([1, 1, 2, 5], |i| i as f32));
/// let y = MaxPool2d::square(2).forward(&x, &Pass::eval());
/// assert_eq!(y.value().as_slice(), [6.0, 8.0]); // The fifth column is dropped.
/// let all = MaxPool2d::new(Window::square(2).stride(2).rounding(Rounding::Ceil));
/// assert_eq!(all.forward(&x, &Pass::eval()).value().as_slice(), [6.0, 8.0, 9.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MaxPool2d {
    window: Window,
}

impl MaxPool2d {
    /// With any window.
    pub const fn new(window: Window) -> Self {
        Self { window }
    }

    /// Squares of `side` next to each other; a rest at the end is dropped.
    pub const fn square(side: usize) -> Self {
        Self::new(Window::square(side).stride(side))
    }

    /// The pooled output, and where each of its elements was: what [`MaxUnpool2d`] wants.
    ///
    /// # Panics
    /// If the window does not fit the input, or may see only padding.
    #[track_caller]
    pub fn forward_indices<T: Element>(&self, x: &Var<T>, pass: &Pass<T>) -> (Var<T>, PoolIndices) {
        let place = Place::new("max_pool2d", pass);
        let geometry = place.fit(self.window.pool(place.input_size(None, x)));
        let (y, indices) = ops::max_pool2d(&geometry, x);
        if self.window.rounding == Rounding::Floor {
            pass.record_sizes(&y, Sizes::Padded(self.window.pad_after));
        }
        pass.record("MaxPool2d", &y, 0);
        (y, indices)
    }
}

impl<T: Element> Module<T> for MaxPool2d {
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        self.forward_indices(x, pass).0
    }
}

/// Puts elements back to where a [`MaxPool2d`] found theirs, as SegNet does.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{MaxPool2d, MaxUnpool2d, Pass};
/// # use mirrorgrad_tensor::Tensor;
/// let x = Var::constant(Tensor::from_fn([1, 1, 2, 4], |i| i as f32));
/// let (y, indices) = MaxPool2d::square(2).forward_indices(&x, &Pass::eval());
/// let back = MaxUnpool2d.forward(&y, &indices, &Pass::eval());
/// assert_eq!(back.value().as_slice(), [0.0, 0.0, 0.0, 0.0, 0.0, 5.0, 0.0, 7.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MaxUnpool2d;

impl MaxUnpool2d {
    /// `x`, of the pooled output's shape, spread over planes of the size that was pooled.
    ///
    /// # Panics
    /// If `x` does not have the shape of the indices.
    #[track_caller]
    pub fn forward<T: Element>(&self, x: &Var<T>, indices: &PoolIndices, pass: &Pass<T>) -> Var<T> {
        let (shape, own) = (x.shape(), indices.shape());
        if shape != own {
            Place::new("max_unpool2d", pass)
                .refuse(format_args!("expected the indices' shape {own:?}, got {shape:?}"));
        }
        let y = ops::max_unpool2d(x, indices);
        pass.record("MaxUnpool2d", &y, 0);
        y
    }
}

/// The mean under each window, padding counted. Shapes as [`MaxPool2d`].
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{AvgPool2d, Module, Pass};
/// # use mirrorgrad_tensor::{Tensor, Window};
/// let window = Window::square(2).stride(2);
/// let x = Var::constant(Tensor::from_fn([1, 1, 2, 4], |i| i as f32));
/// let y = AvgPool2d::new(window).forward(&x, &Pass::eval());
/// assert_eq!(y.value().as_slice(), [2.5, 4.5]);
/// let ones = Var::constant(Tensor::<f32>::ones([1, 1, 2, 2]));
/// let y = AvgPool2d::new(window.padding(1)).forward(&ones, &Pass::eval());
/// assert_eq!(y.value().as_slice(), [0.25; 4]); // One pixel and three zeros each.
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AvgPool2d {
    window: Window,
}

impl AvgPool2d {
    /// With any window.
    pub const fn new(window: Window) -> Self {
        Self { window }
    }
}

impl<T: Element> Module<T> for AvgPool2d {
    /// # Panics
    /// If the window does not fit the input, or may see only padding.
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let place = Place::new("avg_pool2d", pass);
        let geometry = place.fit(self.window.pool(place.input_size(None, x)));
        let count = AverageCount::IncludePadding { pad_after: self.window.pad_after };
        let y = ops::avg_pool2d(&geometry, x, count);
        if self.window.rounding == Rounding::Floor {
            pass.record_sizes(&y, Sizes::Padded(self.window.pad_after));
        }
        pass.record("AvgPool2d", &y, 0);
        y
    }
}

/// The means of a fixed number of stretches, whatever the input's size.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{AdaptiveAvgPool2d, Module, Pass};
/// # use mirrorgrad_tensor::Tensor;
/// let layer = AdaptiveAvgPool2d::new([1, 1]);
/// for (width, mean) in [(2, 3.5), (4, 7.5)] {
///     let x = Var::constant(Tensor::from_fn([1, 1, 4, width], |i| i as f32));
///     assert_eq!(layer.forward(&x, &Pass::eval()).value().item(), mean);
/// }
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AdaptiveAvgPool2d {
    size: [usize; 2],
}

impl AdaptiveAvgPool2d {
    /// To `[height, width]`.
    pub const fn new(size: [usize; 2]) -> Self {
        Self { size }
    }
}

impl<T: Element> Module<T> for AdaptiveAvgPool2d {
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        Place::new("adaptive_avg_pool2d", pass).input_size(None, x);
        let y = ops::adaptive_avg_pool2d(x, self.size);
        pass.record("AdaptiveAvgPool2d", &y, 0);
        y
    }
}
