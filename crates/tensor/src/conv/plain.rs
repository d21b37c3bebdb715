//! Columns in tiles, and matrixmultiply: the path that every geometry can take and that the others
//! are held against.

use super::columns::{Meeting, col2im, im2col, tile_positions};
use super::partial::{TASKS, partial_chunks};
use super::sizes::Sizes;
use crate::buffer::Buffer;
use crate::matmul::{matrix, matrix_mut};
use crate::parallel::prelude::*;
use crate::{Element, Tensor, parallel};
use ndarray::{ArrayViewMut2, Axis, s};
use std::ops::Range;

/// `output = weight · columns(input) + bias`.
pub(super) fn output<T: Element>(
    sizes: &Sizes<'_>,
    [input, weight]: [&Tensor<T>; 2],
    bias: Option<&Tensor<T>>,
    out: &mut [T],
) {
    let (positions, tile) =
        (sizes.geometry.positions(), tile_positions(sizes.geometry, sizes.rows));
    let mut tasks = Vec::new();
    for (nth, output) in out.chunks_mut(sizes.group_outputs * positions).enumerate() {
        let mut output = matrix_mut([sizes.group_outputs, positions], output);
        if let Some(bias) = bias {
            fill_rows(&mut output, sizes.bias_of(nth, bias));
        }
        tasks.extend(split_columns(output, tile).map(|(range, output)| (nth, range, output)));
    }
    let keep = if bias.is_some() { T::one() } else { T::zero() };
    tasks.into_par_iter().sharing(sizes.work()).for_each(|(nth, positions, output)| {
        let columns = Columns::of(sizes, sizes.input_of(nth, input), positions);
        T::gemm(T::one(), sizes.weight_of(nth, weight), columns.view(), keep, output);
    });
}

/// `input = columnsᵀ(weightᵀ · output) + bias`.
pub(super) fn input<T: Element>(
    sizes: &Sizes<'_>,
    [output, weight]: [&Tensor<T>; 2],
    bias: Option<&Tensor<T>>,
    out: &mut [T],
) {
    let (geometry, groups) = (sizes.geometry, sizes.groups);
    let size = sizes.group_inputs * geometry.pixels();
    // A task owns whole planes of the input, so that no two add to the same pixel.
    let planes = sizes.group_inputs.div_ceil(TASKS.div_ceil((out.len() / size).max(1)));
    let mut tasks = Vec::new();
    for (nth, input) in out.chunks_mut(size).enumerate() {
        for (block, input) in input.chunks_mut(planes * geometry.pixels()).enumerate() {
            tasks.push((nth, block * planes, input));
        }
    }
    tasks.into_par_iter().sharing(sizes.work()).for_each(|(nth, first, input)| {
        let count = input.len() / geometry.pixels();
        match bias.map(|bias| &bias.as_slice()[nth % groups * sizes.group_inputs + first..]) {
            Some(bias) => fill_rows(&mut matrix_mut([count, geometry.pixels()], input), bias),
            None => input.fill(T::zero()),
        }
        let lines = first * geometry.taps()..(first + count) * geometry.taps();
        let weight = sizes.weight_of(nth, weight);
        let weight = weight.slice(s![.., lines]).reversed_axes();
        let output =
            matrix([sizes.group_outputs, geometry.positions()], sizes.output_of(nth, output));
        if geometry.is_pointwise() {
            let input = matrix_mut([count, geometry.pixels()], input);
            return T::gemm(T::one(), weight, output, T::one(), input);
        }
        for positions in tiles(geometry.positions(), tile_positions(geometry, sizes.rows)) {
            let size = [count * geometry.taps(), positions.len()];
            let mut columns = Buffer::scratch(size[0] * size[1]);
            let output = output.slice(s![.., positions.clone()]);
            T::gemm(T::one(), weight, output, T::zero(), matrix_mut(size, &mut columns));
            col2im(&Meeting::new(geometry, positions), &columns, input);
        }
    });
}

/// `weight = output · columns(input)ᵀ`, summed over the batch.
pub(super) fn weight<T: Element>(
    sizes: &Sizes<'_>,
    [input, output]: [&Tensor<T>; 2],
    out: &mut [T],
) {
    let (geometry, groups) = (sizes.geometry, sizes.groups);
    // Places are shared out in fixed chunks, and the chunks' sums are added in their order.
    let places: Vec<_> = (0..sizes.batch)
        .flat_map(|n| {
            tiles(geometry.positions(), tile_positions(geometry, sizes.rows))
                .map(move |positions| (n, positions))
        })
        .collect();
    let chunks = partial_chunks(out.len(), places.len());
    let matrix_size = [sizes.group_outputs, sizes.rows];
    let partials: Vec<Buffer<T>> = (0..chunks)
        .into_par_iter()
        .sharing(sizes.work())
        .map(|chunk| {
            let mut sum = Buffer::full(out.len(), T::zero());
            let own = places.len() * chunk / chunks..places.len() * (chunk + 1) / chunks;
            for (n, positions) in &places[own] {
                for (group, sum) in
                    sum.chunks_exact_mut(matrix_size[0] * matrix_size[1]).enumerate()
                {
                    let nth = n * groups + group;
                    let columns = Columns::of(sizes, sizes.input_of(nth, input), positions.clone());
                    let output = matrix(
                        [sizes.group_outputs, geometry.positions()],
                        sizes.output_of(nth, output),
                    );
                    let output = output.slice(s![.., positions.clone()]);
                    let columns = columns.view().reversed_axes();
                    T::gemm(T::one(), output, columns, T::one(), matrix_mut(matrix_size, sum));
                }
            }
            sum
        })
        .collect();
    parallel::for_each_chunk(out, |at, out| {
        out.copy_from_slice(&partials[0][at..at + out.len()]);
        for partial in &partials[1..] {
            out.iter_mut().zip(&partial[at..]).for_each(|(o, &v)| *o += v);
        }
    });
}

/// The columns of an input at a tile of positions: copied together, or the input itself where the window
/// has a single tap on every pixel.
enum Columns<'a, T: Element> {
    Borrowed(ndarray::ArrayView2<'a, T>),
    Copied([usize; 2], Buffer<T>),
}

impl<'a, T: Element> Columns<'a, T> {
    fn of(sizes: &Sizes<'_>, input: &'a [T], positions: Range<usize>) -> Self {
        if sizes.geometry.is_pointwise() {
            let input = matrix([sizes.rows, sizes.geometry.pixels()], input);
            return Self::Borrowed(input.slice_move(s![.., positions]));
        }
        let size = [sizes.rows, positions.len()];
        let mut columns = Buffer::scratch(size[0] * size[1]);
        im2col(&Meeting::new(sizes.geometry, positions), input, &mut columns);
        Self::Copied(size, columns)
    }

    fn view(&self) -> ndarray::ArrayView2<'_, T> {
        match self {
            Self::Borrowed(view) => view.reborrow(),
            Self::Copied(size, columns) => matrix(*size, columns),
        }
    }
}

/// The ranges of `tile` positions that make up `0..positions`.
fn tiles(positions: usize, tile: usize) -> impl Iterator<Item = Range<usize>> {
    (0..positions).step_by(tile).map(move |start| start..(start + tile).min(positions))
}

/// A matrix as disjoint blocks of `tile` columns, with the columns each holds.
fn split_columns<T>(
    matrix: ArrayViewMut2<'_, T>,
    tile: usize,
) -> impl Iterator<Item = (Range<usize>, ArrayViewMut2<'_, T>)> {
    let positions = matrix.ncols();
    let mut rest = matrix;
    tiles(positions, tile).map(move |range| {
        let all = std::mem::replace(
            &mut rest,
            ArrayViewMut2::from_shape((0, 0), &mut []).expect("nothing fits nothing"),
        );
        let (block, after) = all.split_at(Axis(1), range.len());
        rest = after;
        (range, block)
    })
}

/// Sets every row to its bias.
fn fill_rows<T: Element>(matrix: &mut ArrayViewMut2<'_, T>, bias: &[T]) {
    matrix.outer_iter_mut().zip(bias).for_each(|(mut row, &bias)| row.fill(bias));
}
