//! Linear maps of planes that treat rows and columns apart: interpolation and averaging.

use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Element, Resample, Tensor};

/// Applies a [`Resample`]. Adjoint: the same with its adjoint.
#[derive(Debug)]
struct Apply {
    map: Resample,
}

impl<T: Element> Op<T> for Apply {
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
}

/// Applies `map` to every plane of `x: [batch, channels, height, width]`.
///
/// # Panics
/// If the planes have another size than the map reads.
#[track_caller]
pub fn resample<T: Element>(map: &Resample, x: &Var<T>) -> Var<T> {
    Var::apply(Apply { map: map.clone() }, &[x])
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
    resample(&Resample::bilinear(sizes("bilinear", x, size), size, align_corners), x)
}

/// Nearest-neighbour interpolation to `[height, width]` (PyTorch's `interpolate` with a given size).
///
/// # Panics
/// If `x` does not have four axes or a size is 0.
#[track_caller]
pub fn upsample_nearest2d<T: Element>(x: &Var<T>, size: [usize; 2]) -> Var<T> {
    resample(&Resample::nearest(sizes("nearest", x, size), size), x)
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
