//! Pooling and unpooling. Max pooling reads at positions that the data chose; average pooling is a
//! fixed linear map.

use super::resample::resample_as;
use crate::record::Description;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{
    self as tensor, AverageCount, Element, Geometry, PoolIndices, Resample, Tensor, check,
};

/// The largest pixel under each window. Its gradient goes back to where the pixel was.
#[derive(Debug)]
struct MaxPool {
    geometry: Geometry,
}

impl<T: Element> Op<T> for MaxPool {
    type Saved = PoolIndices;

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, PoolIndices) {
        tensor::max_pool(&self.geometry, x[0])
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, PoolIndices>, grad: &Var<T>) -> Var<T> {
        Var::apply(PlaneScatterAdd { at: call.saved().clone() }, &[grad])
    }

    fn describe(&self, indices: &PoolIndices) -> Option<Description> {
        Some(Description::MaxPool { geometry: self.geometry, indices: indices.clone() })
    }
}

/// Reads planes at indices. Adjoint: [`PlaneScatterAdd`].
#[derive(Debug)]
struct PlaneGather {
    at: PoolIndices,
}

impl<T: Element> Op<T> for PlaneGather {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (tensor::plane_gather(&self.at, x[0]), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, _: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        Var::apply(PlaneScatterAdd { at: self.at.clone() }, &[grad])
    }
}

/// Adds to planes of zeros at indices. Adjoint: [`PlaneGather`].
#[derive(Debug)]
struct PlaneScatterAdd {
    at: PoolIndices,
}

impl<T: Element> Op<T> for PlaneScatterAdd {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (tensor::plane_scatter_add(&self.at, x[0]), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, _: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        Var::apply(PlaneGather { at: self.at.clone() }, &[grad])
    }
}

/// Writes into planes of zeros at indices. Where several meet, the last stays and every one of them
/// reads its gradient there, as in PyTorch.
#[derive(Debug)]
struct MaxUnpool {
    at: PoolIndices,
}

impl<T: Element> Op<T> for MaxUnpool {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (tensor::plane_scatter(&self.at, x[0]), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, _: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        Var::apply(PlaneGather { at: self.at.clone() }, &[grad])
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::MaxUnpool { indices: self.at.clone() })
    }
}

/// The largest pixel under each window, and where each was (see [`max_unpool2d`]). Of equals the
/// first is taken; NaN wins. `[batch, channels, height, width] -> [batch, channels, output..]`; make the
/// geometry with [`Window::pool`](mirrorgrad_tensor::Window::pool).
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::max_pool2d};
/// # use mirrorgrad_tensor::{Tensor, Window};
/// let geometry = Window::new([1, 2]).stride(2).pool([1, 4])?;
/// let x = Var::parameter(Tensor::new([1, 1, 1, 4], [1.0_f64, 5.0, 7.0, 0.0]));
/// let (y, indices) = max_pool2d(&geometry, &x);
/// assert_eq!(y.value().as_slice(), [5.0, 7.0]);
/// assert_eq!(indices.as_slice(), [1, 2]);
/// assert_eq!(y.sum().grad(&[&x])[0].value().as_slice(), [0.0, 1.0, 1.0, 0.0]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If the input has another size than the geometry's, or a window sees only padding.
#[track_caller]
pub fn max_pool2d<T: Element>(geometry: &Geometry, x: &Var<T>) -> (Var<T>, PoolIndices) {
    tensor::check_pool("max_pool2d", geometry, x.shape());
    Var::apply_saving(MaxPool { geometry: *geometry }, &[x])
}

/// Puts each element of a pooled output back to where a [`max_pool2d`] found it; everything else is 0.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_autograd::ops::{max_pool2d, max_unpool2d};
/// # use mirrorgrad_tensor::{Tensor, Window};
/// let geometry = Window::new([1, 2]).stride(2).pool([1, 4])?;
/// let x = Var::constant(Tensor::new([1, 1, 1, 4], [1.0_f64, 5.0, 7.0, 0.0]));
/// let (y, indices) = max_pool2d(&geometry, &x);
/// let back = max_unpool2d(&y.mul_scalar(2.0), &indices);
/// assert_eq!(back.value().as_slice(), [0.0, 10.0, 14.0, 0.0]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If `x` does not have the shape of the indices.
#[track_caller]
pub fn max_unpool2d<T: Element>(x: &Var<T>, indices: &PoolIndices) -> Var<T> {
    indices.check_output("max_unpool2d", x.shape());
    Var::apply(MaxUnpool { at: indices.clone() }, &[x])
}

/// The mean under each window (PyTorch's `avg_pool2d`), of pixels and padding or of pixels alone. Make the
/// geometry with [`Window::pool`](mirrorgrad_tensor::Window::pool).
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::avg_pool2d};
/// # use mirrorgrad_tensor::{AverageCount, Tensor, Window};
/// let window = Window { pad_before: [0, 1], ..Window::new([1, 2]).stride(2) }; // A zero on the left.
/// let (geometry, pad_after) = (window.pool([1, 3])?, window.pad_after);
/// let x = Var::constant(Tensor::new([1, 1, 1, 3], [4.0_f64, 1.0, 3.0]));
/// let y = avg_pool2d(&geometry, &x, AverageCount::IncludePadding { pad_after });
/// assert_eq!(y.value().as_slice(), [2.0, 2.0]);
/// let y = avg_pool2d(&geometry, &x, AverageCount::ExcludePadding);
/// assert_eq!(y.value().as_slice(), [4.0, 2.0]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If the input has another size than the geometry's, or a window sees only padding.
#[track_caller]
pub fn avg_pool2d<T: Element>(geometry: &Geometry, x: &Var<T>, count: AverageCount) -> Var<T> {
    tensor::check_pool("avg_pool2d", geometry, x.shape());
    let resample = Resample::average_pool(geometry, count);
    resample_as(Description::AveragePool { geometry: *geometry, count }, resample, x)
}

/// The means of `size = [height, width]` stretches that cover the input evenly (PyTorch's
/// `adaptive_avg_pool2d`).
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::adaptive_avg_pool2d};
/// # use mirrorgrad_tensor::Tensor;
/// let x = Var::constant(Tensor::new([1, 1, 1, 3], [1.0_f64, 3.0, 7.0]));
/// let y = adaptive_avg_pool2d(&x, [1, 2]);
/// assert_eq!(y.value().as_slice(), [2.0, 5.0]); // Both stretches have the middle pixel.
/// ```
///
/// # Panics
/// If `x` does not have four axes or a size is 0.
#[track_caller]
pub fn adaptive_avg_pool2d<T: Element>(x: &Var<T>, size: [usize; 2]) -> Var<T> {
    let [_, _, height, width] = check::dims("adaptive_avg_pool2d", x.shape());
    check::sizes("adaptive_avg_pool2d", [height, width], size);
    let resample = Resample::adaptive_average_pool([height, width], size);
    resample_as(Description::AdaptiveAveragePool { to: size }, resample, x)
}
