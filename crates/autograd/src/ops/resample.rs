//! Linear maps of planes that treat rows and columns apart: interpolation and averaging.

use crate::record::{Description, Interpolation};
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Corners, Element, Resample, Tensor, check};

/// Applies a [`Resample`]. Adjoint: the same with its adjoint.
#[derive(Debug)]
struct PlaneResample {
    map: Resample,
    description: Option<Description>,
}

impl<T: Element> Op<T> for PlaneResample {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (self.map.apply(x[0]), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, _: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        resample(&self.map.adjoint(), grad)
    }

    fn describe(&self, _: &()) -> Option<Description> {
        self.description.clone()
    }
}

/// Applies `map` to every plane of `x: [batch, channels, height, width]`.
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::resample};
/// # use mirrorgrad_tensor::{Resample, SparseRows, Tensor};
/// let difference = SparseRows::new([2, 3], |i| vec![(i, -1.0), (i + 1, 1.0)]);
/// let map = Resample::new(SparseRows::nearest(1, 1), difference);
/// let x = Var::parameter(Tensor::new([1, 1, 1, 3], [1.0_f64, 4.0, 9.0]));
/// let y = resample(&map, &x);
/// assert_eq!(y.value().as_slice(), [3.0, 5.0]);
/// assert_eq!(y.sum().grad(&[&x])[0].value().as_slice(), [-1.0, 0.0, 1.0]);
/// ```
///
/// # Panics
/// If the planes have another size than the map reads.
#[track_caller]
pub fn resample<T: Element>(map: &Resample, x: &Var<T>) -> Var<T> {
    Var::apply(PlaneResample { map: map.clone(), description: None }, &[x])
}

/// As [`resample`], by a map that has a name.
#[track_caller]
pub(super) fn resample_as<T: Element>(
    description: Description,
    map: Resample,
    x: &Var<T>,
) -> Var<T> {
    Var::apply(PlaneResample { map, description: Some(description) }, &[x])
}

/// Bilinear interpolation to `[height, width]` (PyTorch's `interpolate` with a given size).
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::upsample_bilinear2d};
/// # use mirrorgrad_tensor::{Corners, Tensor};
/// let x = Var::constant(Tensor::new([1, 1, 1, 2], [0.0_f64, 4.0]));
/// let areas = upsample_bilinear2d(&x, [1, 4], Corners::HalfPixel);
/// assert_eq!(areas.value().as_slice(), [0.0, 1.0, 3.0, 4.0]);
/// let aligned = upsample_bilinear2d(&x, [1, 5], Corners::Aligned);
/// assert_eq!(aligned.value().as_slice(), [0.0, 1.0, 2.0, 3.0, 4.0]);
/// ```
///
/// # Panics
/// If `x` does not have four axes or a size is 0.
#[track_caller]
pub fn upsample_bilinear2d<T: Element>(x: &Var<T>, size: [usize; 2], corners: Corners) -> Var<T> {
    let map = Resample::bilinear(sizes("upsample_bilinear2d", x, size), size, corners);
    let interpolation = Interpolation::Bilinear(corners);
    resample_as(Description::Resize { interpolation, to: size }, map, x)
}

/// Nearest-neighbour interpolation to `[height, width]` (PyTorch's `interpolate` with a given size).
///
/// ```
/// # use mirrorgrad_autograd::{Var, ops::upsample_nearest2d};
/// # use mirrorgrad_tensor::Tensor;
/// let x = Var::parameter(Tensor::new([1, 1, 1, 2], [1.0_f64, 5.0]));
/// let y = upsample_nearest2d(&x, [2, 3]);
/// assert_eq!(y.value().as_slice(), [1.0, 1.0, 5.0, 1.0, 1.0, 5.0]);
/// assert_eq!(y.sum().grad(&[&x])[0].value().as_slice(), [4.0, 2.0]); // How often each is read.
/// ```
///
/// # Panics
/// If `x` does not have four axes or a size is 0.
#[track_caller]
pub fn upsample_nearest2d<T: Element>(x: &Var<T>, size: [usize; 2]) -> Var<T> {
    let map = Resample::nearest(sizes("upsample_nearest2d", x, size), size);
    resample_as(Description::Resize { interpolation: Interpolation::Nearest, to: size }, map, x)
}

#[track_caller]
fn sizes<T: Element>(name: &str, x: &Var<T>, to: [usize; 2]) -> [usize; 2] {
    let [_, _, height, width] = check::dims(name, x.shape());
    check::sizes(name, [height, width], to);
    [height, width]
}
