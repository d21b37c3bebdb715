//! Linear maps of planes that treat rows and columns apart: interpolation and averaging.

use crate::record::{Description, Interpolation};
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Element, Resample, Tensor};

/// Applies a [`Resample`]. Adjoint: the same with its adjoint.
#[derive(Debug)]
struct PlaneResample {
    map: Resample,
    description: Option<Description>,
}

impl<T: Element> Op<T> for PlaneResample {
    type Saved = ();

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
/// # Panics
/// If the planes have another size than the map reads.
#[track_caller]
pub fn resample<T: Element>(map: &Resample, x: &Var<T>) -> Var<T> {
    Var::apply(PlaneResample { map: map.clone(), description: None }, &[x])
}

/// As [`resample`], by a map that has a name.
pub(super) fn resample_as<T: Element>(
    description: Description,
    map: Resample,
    x: &Var<T>,
) -> Var<T> {
    Var::apply(PlaneResample { map, description: Some(description) }, &[x])
}

/// Bilinear interpolation to `[height, width]` (PyTorch's `interpolate` with a given size).
///
/// # Panics
/// If `x` does not have four axes or a size is 0.
#[track_caller]
pub fn upsample_bilinear2d<T: Element>(
    x: &Var<T>,
    size: [usize; 2],
    align_corners: bool,
) -> Var<T> {
    let map = Resample::bilinear(sizes("bilinear", x, size), size, align_corners);
    let interpolation = Interpolation::Bilinear { align_corners };
    resample_as(Description::Resize { interpolation, to: size }, map, x)
}

/// Nearest-neighbour interpolation to `[height, width]` (PyTorch's `interpolate` with a given size).
///
/// # Panics
/// If `x` does not have four axes or a size is 0.
#[track_caller]
pub fn upsample_nearest2d<T: Element>(x: &Var<T>, size: [usize; 2]) -> Var<T> {
    let map = Resample::nearest(sizes("nearest", x, size), size);
    resample_as(Description::Resize { interpolation: Interpolation::Nearest, to: size }, map, x)
}

#[track_caller]
fn sizes<T: Element>(name: &str, x: &Var<T>, to: [usize; 2]) -> [usize; 2] {
    let [_, _, height, width] = x.value().dims();
    assert!(
        ![height, width, to[0], to[1]].contains(&0),
        "upsample_{name}2d: expected sizes of at least 1, got {height}x{width} to {to:?}"
    );
    [height, width]
}
