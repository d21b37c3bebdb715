//! How work is cut for threads: by shape alone, so that results never depend on how many there are, or whether there
//! are any: `workers` runs the tasks on threads or in order.

#[cfg_attr(feature = "threads", path = "parallel/threads.rs")]
#[cfg_attr(not(feature = "threads"), path = "parallel/in_order.rs")]
mod workers;

pub(crate) use workers::{on_each, prelude};

use prelude::*;
use std::ops::Range;

/// Elements a thread handles at a time: long enough to hide the hand-over, short enough for cache.
pub(crate) const GRAIN: usize = 16 << 10;
/// Products that are added up in the time in which a number is written.
pub(crate) const PRODUCTS: usize = 8;

/// Calls `body(offset, chunk)` for fixed chunks of `out`, on several threads where it is long.
///
/// ```
/// # use mirrorgrad_tensor::for_each_chunk;
/// let mut squares = vec![0_usize; 40_000];
/// for_each_chunk(&mut squares, |first, chunk| {
///     chunk.iter_mut().zip(first..).for_each(|(square, i)| *square = i * i);
/// });
/// assert_eq!(squares[39_999], 39_999 * 39_999);
/// ```
pub fn for_each_chunk<T: Send>(out: &mut [T], body: impl Fn(usize, &mut [T]) + Send + Sync) {
    for_each_run(out, 1, body);
}

/// As [`for_each_chunk`], with chunks that hold whole runs of `run` elements.
pub(crate) fn for_each_run<T: Send>(
    out: &mut [T],
    run: usize,
    body: impl Fn(usize, &mut [T]) + Send + Sync,
) {
    if out.is_empty() {
        return;
    }
    let chunk = run * GRAIN.div_ceil(run);
    if out.len() <= chunk {
        body(0, out);
    } else {
        in_chunks(out, chunk, &body);
    }
}

/// By reference, so that what hands work to threads is compiled once for a type of number, not for each body.
fn in_chunks<T: Send>(out: &mut [T], chunk: usize, body: &(dyn Fn(usize, &mut [T]) + Sync)) {
    out.par_chunks_mut(chunk).enumerate().for_each(|(i, part)| body(i * chunk, part));
}

/// Calls `body(offset, chunk)` for fixed chunks of `out` where each element costs `cost` times as
/// much as writing it.
pub(crate) fn for_each_block<T: Send>(
    out: &mut [T],
    cost: usize,
    body: impl Fn(usize, &mut [T]) + Send + Sync,
) {
    in_chunks(out, (GRAIN / cost.max(1)).max(1), &body);
}

/// Calls `body(nth, plane)` for planes of `size` elements of `out`: all of them are as much work as writing `work`
/// numbers. By reference, as in [`in_chunks`].
pub(crate) fn for_each_plane<T: Send>(
    out: &mut [T],
    size: usize,
    work: usize,
    body: &(dyn Fn(usize, &mut [T]) + Sync),
) {
    out.par_chunks_mut(size).enumerate().sharing(work).for_each(|(nth, plane)| body(nth, plane));
}

/// What `run(nth, task)` returns for each task, in their order: all of them are as much work as writing `work` numbers.
/// By reference, as in [`in_chunks`].
pub(crate) fn run_tasks<A: Send, R: Send>(
    tasks: Vec<A>,
    work: usize,
    run: &(dyn Fn(usize, A) -> R + Sync),
) -> Vec<R> {
    tasks.into_par_iter().enumerate().sharing(work).map(|(nth, task)| run(nth, task)).collect()
}

/// Sums `term(start..end)` over fixed blocks of `0..len`, adding the blocks' sums in their order.
pub(crate) fn sum_blocks<R: Send>(
    len: usize,
    term: impl Fn(Range<usize>) -> R + Send + Sync,
    mut add: impl FnMut(R, R) -> R,
) -> Option<R> {
    let blocks = len.div_ceil(GRAIN);
    let range = |i: usize| i * GRAIN..((i + 1) * GRAIN).min(len);
    if blocks <= 1 {
        return (len > 0).then(|| term(0..len));
    }
    let term: &(dyn Fn(Range<usize>) -> R + Sync) = &term;
    let parts: Vec<R> = (0..blocks).into_par_iter().map(|i| term(range(i))).collect();
    parts.into_iter().reduce(&mut add)
}

/// The sum of `values`, in lanes that the compiler can keep in registers.
pub(crate) fn sum_lanes<T: crate::Element>(values: &[T], term: impl Fn(T) -> T) -> T {
    const LANES: usize = 32;
    let mut lanes = [T::zero(); LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    let rest: T = rest.iter().map(|&v| term(v)).sum();
    for chunk in chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane += term(value);
        }
    }
    lanes.into_iter().sum::<T>() + rest
}
