//! Windows whose taps overlap, with a quarter to a half of the multiplications.
//!
//! Tiles of 4×4 positions are transformed together with the pixels that they see: 6×6 under a 3×3 window,
//! 10×10 under a 4×4 one with stride 2. In each place of a transformed tile, 36 or 100 of them, the
//! form is a product of matrices, over planes, and so are its three solutions:
//!
//! ```text
//! F  =  Σ_ξ Σ_tile  Y[ξ, o, tile] · W[ξ, o, c] · X[ξ, c, tile]
//! ```

mod block;
mod correlate;
mod layout;
mod parts;
mod squares;
mod transform;
mod weight;

pub(super) use correlate::correlate;
pub(super) use weight::weight;

use super::phases::PhaseAxis;
use crate::{Axis, Geometry};
use block::places;
use parts::Parts;
use transform::{MOST_TAPS, TILE};

/// Whether an axis is a sum of short correlations at neighbouring places, some of which overlap.
pub(super) fn takes(axis: &Axis) -> bool {
    let all_meet = (0..axis.kernel).all(|tap| !axis.positions_inside(tap).is_empty());
    axis.dilation == 1
        && axis.stride <= 2
        && (axis.stride + 1..=MOST_TAPS * axis.stride).contains(&axis.kernel)
        && all_meet
}

/// What it costs to transform a number, in multiplications of the direct path, and a weight for one of the
/// few pictures of a batch.
const TRANSFORM: f64 = 16.0;

/// Whether the transforms cost less than the multiplications that they save, between so many planes.
pub(super) fn is_profitable(geometry: &Geometry, planes: [usize; 2]) -> bool {
    if !geometry.axes().iter().all(takes) {
        return false;
    }
    let axes = PhaseAxis::to_output(geometry).each_ref().map(Parts::of);
    let tiles: usize = geometry.output().iter().map(|positions| positions.div_ceil(TILE)).product();
    let [tiles, from, to] = [tiles, planes[0], planes[1]].map(|count| count as f64);
    let transforms = TRANSFORM * (tiles * (from + to) + from * to);
    let products = places(&axes) as f64 * (tiles * from * to + transforms);
    products < geometry.taps() as f64 * geometry.positions() as f64 * from * to
}
