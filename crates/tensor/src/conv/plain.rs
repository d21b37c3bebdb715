//! Columns in tiles, and matrixmultiply: the path that every geometry can take and that the others
//! are held against.

use super::columns::{Meeting, col2im, im2col, tile_spots};
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
    let (spots, tile) = (sizes.geometry.spots(), tile_spots(sizes.geometry, sizes.lines));
    let mut tasks = Vec::new();
    for (nth, map) in out.chunks_mut(sizes.group_outputs * spots).enumerate() {
        let mut map = matrix_mut([sizes.group_outputs, spots], map);
        if let Some(bias) = bias {
            fill_rows(&mut map, sizes.bias_of(nth, bias));
        }
        tasks.extend(split_columns(map, tile).map(|(range, map)| (nth, range, map)));
    }
    let keep = if bias.is_some() { T::one() } else { T::zero() };
    tasks.into_par_iter().for_each(|(nth, spots, map)| {
        let columns = Columns::of(sizes, sizes.input_of(nth, input), spots);
        T::gemm(T::one(), sizes.weight_of(nth, weight), columns.view(), keep, map);
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
    // A task owns whole planes of the image, so that no two add to the same pixel.
    let planes = sizes.group_inputs.div_ceil(TASKS.div_ceil((out.len() / size).max(1)));
    let mut tasks = Vec::new();
    for (nth, image) in out.chunks_mut(size).enumerate() {
        for (block, image) in image.chunks_mut(planes * geometry.pixels()).enumerate() {
            tasks.push((nth, block * planes, image));
        }
    }
    tasks.into_par_iter().for_each(|(nth, first, image)| {
        let count = image.len() / geometry.pixels();
        match bias.map(|bias| &bias.as_slice()[nth % groups * sizes.group_inputs + first..]) {
            Some(bias) => fill_rows(&mut matrix_mut([count, geometry.pixels()], image), bias),
            None => image.fill(T::zero()),
        }
        let lines = first * geometry.taps()..(first + count) * geometry.taps();
        let weight = sizes.weight_of(nth, weight);
        let weight = weight.slice(s![.., lines]).reversed_axes();
        let map = matrix([sizes.group_outputs, geometry.spots()], sizes.output_of(nth, output));
        if geometry.is_pointwise() {
            let image = matrix_mut([count, geometry.pixels()], image);
            return T::gemm(T::one(), weight, map, T::one(), image);
        }
        for spots in tiles(geometry.spots(), tile_spots(geometry, sizes.lines)) {
            let size = [count * geometry.taps(), spots.len()];
            let mut columns = Buffer::scratch(size[0] * size[1]);
            let map = map.slice(s![.., spots.clone()]);
            T::gemm(T::one(), weight, map, T::zero(), matrix_mut(size, &mut columns));
            col2im(&Meeting::new(geometry, spots), &columns, image);
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
            tiles(geometry.spots(), tile_spots(geometry, sizes.lines)).map(move |spots| (n, spots))
        })
        .collect();
    let chunks = partial_chunks(out.len(), places.len());
    let matrix_size = [sizes.group_outputs, sizes.lines];
    let partials: Vec<Buffer<T>> = (0..chunks)
        .into_par_iter()
        .map(|chunk| {
            let mut sum = Buffer::full(out.len(), T::zero());
            let own = places.len() * chunk / chunks..places.len() * (chunk + 1) / chunks;
            for (n, spots) in &places[own] {
                for (group, sum) in
                    sum.chunks_exact_mut(matrix_size[0] * matrix_size[1]).enumerate()
                {
                    let nth = n * groups + group;
                    let columns = Columns::of(sizes, sizes.input_of(nth, input), spots.clone());
                    let map = matrix(
                        [sizes.group_outputs, geometry.spots()],
                        sizes.output_of(nth, output),
                    );
                    let map = map.slice(s![.., spots.clone()]);
                    let columns = columns.view().reversed_axes();
                    T::gemm(T::one(), map, columns, T::one(), matrix_mut(matrix_size, sum));
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

/// The columns of an image at a tile of spots: copied together, or the image itself where the window
/// has a single tap on every pixel.
enum Columns<'a, T: Element> {
    Borrowed(ndarray::ArrayView2<'a, T>),
    Copied([usize; 2], Buffer<T>),
}

impl<'a, T: Element> Columns<'a, T> {
    fn of(sizes: &Sizes<'_>, image: &'a [T], spots: Range<usize>) -> Self {
        if sizes.geometry.is_pointwise() {
            let image = matrix([sizes.lines, sizes.geometry.pixels()], image);
            return Self::Borrowed(image.slice_move(s![.., spots]));
        }
        let size = [sizes.lines, spots.len()];
        let mut columns = Buffer::scratch(size[0] * size[1]);
        im2col(&Meeting::new(sizes.geometry, spots), image, &mut columns);
        Self::Copied(size, columns)
    }

    fn view(&self) -> ndarray::ArrayView2<'_, T> {
        match self {
            Self::Borrowed(view) => view.reborrow(),
            Self::Copied(size, columns) => matrix(*size, columns),
        }
    }
}

/// The ranges of `tile` spots that make up `0..spots`.
fn tiles(spots: usize, tile: usize) -> impl Iterator<Item = Range<usize>> {
    (0..spots).step_by(tile).map(move |start| start..(start + tile).min(spots))
}

/// A matrix as disjoint blocks of `tile` columns, with the columns each holds.
fn split_columns<T>(
    matrix: ArrayViewMut2<'_, T>,
    tile: usize,
) -> impl Iterator<Item = (Range<usize>, ArrayViewMut2<'_, T>)> {
    let spots = matrix.ncols();
    let mut rest = matrix;
    tiles(spots, tile).map(move |range| {
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
