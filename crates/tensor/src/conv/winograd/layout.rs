//! How transformed weights lie in memory.

use super::parts::Parts;

/// Planes whose weights are transformed together.
pub const TOGETHER: usize = 16;

/// Where the weights at the taps of a window stand in a correlation, in the order of the parts.
pub fn taps_in_order(axes: &[Parts; 2], weight_at: impl Fn([usize; 2]) -> usize) -> Vec<usize> {
    let [y, x] = axes;
    y.taps().flat_map(|ty| x.taps().map(move |tx| [ty, tx])).map(weight_at).collect()
}

/// Lines of a panel from one place to the next: an odd number, so that the same line of many places does
/// not fall into a few sets of the cache.
pub fn row_pitch(planes: usize) -> usize {
    planes | 1
}
