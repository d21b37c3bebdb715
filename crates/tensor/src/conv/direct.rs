//! Products that read the picture itself: no matrix of columns is written down.

mod correlate;
mod interleave;
mod narrow;
mod source;
mod weight;

pub(super) use weight::weight;

use super::correlation::Correlation;
use crate::{Element, Tensor};

/// `[batch, groups · from, ..]` to `out`, `[batch, groups · to, ..]`.
pub(super) fn correlate<T: Element>(
    correlation: &Correlation,
    [source, weight]: [&Tensor<T>; 2],
    bias: Option<&Tensor<T>>,
    out: &mut [T],
) {
    match narrow::is_profitable(correlation) {
        true => narrow::run(correlation, source, weight, bias, out),
        false => correlation.run(source, weight, bias, out),
    }
}
