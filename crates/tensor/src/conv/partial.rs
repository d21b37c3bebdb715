//! Sums in a fixed number of parts, so that neither threads nor blocks change a bit.

use crate::{Element, Tensor, parallel};

/// Pieces that a call is cut into at least where it can be: enough for a laptop's cores.
pub const TASKS: usize = 8;

/// Elements up to which every chunk of a batch has a weight gradient of its own to add to.
const PARTIALS: usize = 1 << 20;

/// Chunks of `places` with sums of their own, `size` elements each: several, unless they are large.
pub fn partial_chunks(size: usize, places: usize) -> usize {
    TASKS.min(PARTIALS / size.max(1)).min(places).max(1)
}

/// The sum of `chunks` stretches of equal length, added in their order into the first.
pub fn add_chunks<T: Element>(sums: &mut [T], chunks: usize) -> &[T] {
    let (total, others) = sums.split_at_mut(sums.len() / chunks);
    let size = total.len();
    parallel::for_each_chunk(total, |at, part| {
        for other in others.chunks_exact(size) {
            part.iter_mut().zip(&other[at..]).for_each(|(sum, &v)| *sum += v);
        }
    });
    total
}

/// The sums of an output over batch and positions, in a pass of their own.
pub fn sum_planes<T: Element>(output: &Tensor<T>, totals: Option<&mut [T]>) {
    if let Some(totals) = totals {
        totals.copy_from_slice(output.sum_axes(&[0, 2, 3]).as_slice());
    }
}

/// A list in as many parts of equal length, or fewer.
pub fn in_parts<T>(list: &[T], count: usize) -> std::slice::Chunks<'_, T> {
    list.chunks(list.len().div_ceil(count.max(1)).max(1))
}
