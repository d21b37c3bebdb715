//! Windows whose taps overlap, with a quarter to a half of the multiplications.
//!
//! Tiles of 4×4 spots are transformed together with the pixels that they see: 6×6 under a 3×3 window,
//! 10×10 under a 4×4 one with stride 2. In each place of a transformed tile, 36 or 100 of them, the
//! form is a product of matrices, over planes, and so are its three maps:
//!
//! ```text
//! F  =  Σ_ξ Σ_tile  Y[ξ, o, tile] · W[ξ, o, c] · X[ξ, c, tile]
//! ```

mod block;
mod parts;
mod squares;
mod transform;
mod weight;

pub(super) use weight::weight;

use super::TASKS;
use super::correlation::Correlation;
use super::panels::Packed;
use super::phases::PhaseAxis;
use super::source::in_parts;
use crate::buffer::Buffer;
use crate::machine::product::{Lines, Product, Series, Start};
use crate::machine::transpose::transpose;
use crate::matmul::matrix;
use crate::{Axis, Element, Geometry, Tensor};
use block::{TileBlock, apart, block_parts, padded, places, tile_blocks};
use ndarray::{ArrayView3, ArrayViewMut3, s};
use parts::Parts;
use rayon::prelude::*;
use squares::Squares;
use std::ops::Range;
use transform::{Kernel, MOST_TAPS, OutputBack, Side, TILE};

/// Planes whose weights are transformed together.
const TOGETHER: usize = 16;

/// Whether an axis is a sum of short correlations at neighbouring places, some of which overlap.
pub(super) fn takes(axis: &Axis) -> bool {
    let all_meet = (0..axis.kernel).all(|tap| !axis.spots_inside(tap).is_empty());
    axis.dilation == 1
        && axis.stride <= 2
        && (axis.stride + 1..=MOST_TAPS * axis.stride).contains(&axis.kernel)
        && all_meet
}

/// What it costs to transform a number, in multiplications of the direct path, and a weight for one of the
/// few pictures of a batch.
const TRANSFORM: f64 = 16.0;

/// Whether the transforms cost less than the multiplications that they save, between so many planes.
pub(super) fn pays(geometry: &Geometry, planes: [usize; 2]) -> bool {
    if !geometry.axes().iter().all(takes) {
        return false;
    }
    let axes = PhaseAxis::of_conv(geometry).each_ref().map(Parts::of);
    let tiles: usize = geometry.map().iter().map(|spots| spots.div_ceil(TILE)).product();
    let [tiles, from, to] = [tiles, planes[0], planes[1]].map(|count| count as f64);
    let transforms = TRANSFORM * (tiles * (from + to) + from * to);
    let products = places(&axes) as f64 * (tiles * from * to + transforms);
    products < geometry.taps() as f64 * geometry.spots() as f64 * from * to
}

/// `[batch, groups · from, ..]` to `out`, `[batch, groups · to, ..]`.
pub(super) fn run<T: Element>(
    correlation: &Correlation,
    source: &Tensor<T>,
    weight: &Tensor<T>,
    bias: Option<&Tensor<T>>,
    out: &mut [T],
) {
    let [y, x] = &correlation.axes;
    let axes = &[Parts::of(y), Parts::of(x)];
    let low = [y.reach().0, x.reach().0];
    let [source_area, out_area] = correlation.areas();
    let (source_size, out_size) = (correlation.from * source_area, correlation.to * out_area);
    let images = out.len() / out_size.max(1);
    let blocks = tile_blocks([y.places(), x.places()]);
    let shares =
        TASKS.div_ceil((images * blocks.len()).max(1)).min(correlation.to.div_ceil(48)).max(1);
    let planes = correlation.to.div_ceil(shares);
    let ranges: Vec<Range<usize>> =
        (0..correlation.to).step_by(planes).map(|p| p..(p + planes).min(correlation.to)).collect();
    let size = weight.len() / correlation.groups;
    let weights: Vec<Vec<Packed<T>>> = (0..correlation.groups)
        .map(|group| {
            let weight = &weight.as_slice()[group * size..][..size];
            let of = |range| transformed_weight(correlation, axes, weight, range);
            ranges.par_iter().map(of).collect()
        })
        .collect();
    let mut tasks = Vec::new();
    for (nth, out) in out.chunks_exact_mut(out_size.max(1)).enumerate() {
        let mut rest = ArrayViewMut3::from_shape((correlation.to, y.result, x.result), out)
            .expect("the sizes match");
        for (range, weights) in ranges.iter().zip(&weights[nth % correlation.groups]) {
            let (part, after) = rest.split_at(ndarray::Axis(0), range.len());
            rest = after;
            for (block, part) in blocks.iter().zip(block_parts(part, &blocks, axes)) {
                tasks.push((nth, block, range, weights, part));
            }
        }
    }
    let order: Vec<_> = tasks.iter().map(|(nth, block, ..)| (*nth, *block)).collect();
    tasks.into_par_iter().enumerate().for_each(|(task, (nth, block, range, weights, out))| {
        let bias = correlation.bias_of(nth, bias.map(Tensor::as_slice));
        let bias = bias.map(|bias| &bias[range.clone()]);
        let size = [y.source, x.source];
        let planes_of_nth = |nth| &source.as_slice()[nth * source_size..][..source_size];
        let planes = planes_of(correlation.from, size, planes_of_nth(nth));
        let soon = order.get(task + 1).map_or(vec![], |(nth, block)| {
            block.source(axes, low).rows_of(planes_of_nth(*nth), size).collect()
        });
        let source = Transformed {
            picture: block.transformed_source(axes, planes, low),
            planes: correlation.from,
            soon,
        };
        source.results(axes, block, weights, bias, out);
    });
}

/// The transformed source of a block.
struct Transformed<'a, T: Element> {
    picture: Buffer<T>,
    planes: usize,
    /// What is read after it.
    soon: Vec<&'a [T]>,
}

impl<T: Element> Transformed<'_, T> {
    /// The results of the block.
    fn results(
        &self,
        axes: &[Parts; 2],
        block: &TileBlock,
        weights: &Packed<T>,
        bias: Option<&[T]>,
        mut out: ArrayViewMut3<'_, T>,
    ) {
        let (picture, from, places) = (&self.picture, self.planes, places(axes));
        let rows: Vec<u32> = (0..block.tiles()).map(|tile| (tile * padded(from)) as u32).collect();
        let steps: Vec<u32> = (0..from as u32).collect();
        let mut soon = in_parts(&self.soon, weights.panels.len());
        for panel in &weights.panels {
            let product_size = apart::<T>(block.tiles() * panel.width);
            let mut products = Buffer::scratch(places * product_size);
            Product {
                picture,
                rows: &rows,
                steps: &steps,
                panel: weights.of(panel),
                lines: Lines::Adjacent,
                width: panel.width,
                start: Start::Zero,
                out: &mut products,
                series: Series {
                    count: places,
                    picture: picture.len() / places,
                    panel: lines_apart(from) * panel.width,
                    out: product_size,
                },
                soon: soon.next().unwrap_or_default(),
            }
            .run();
            let mut start = vec![T::zero(); panel.width];
            if let Some(bias) = bias {
                start[..panel.columns.len()].copy_from_slice(&bias[panel.columns.clone()]);
            }
            let ([result_rows, _], pitch) = block.results(axes, panel.width);
            let mut turned = Buffer::scratch(result_rows * pitch);
            let step = axes.each_ref().map(|axis| axis.result_step);
            let corners = block.corners(step, panel.width, pitch);
            let corners: Vec<_> = corners.iter().map(|[picture, tile]| [*tile, *picture]).collect();
            Squares {
                axes,
                from: &products,
                from_apart: [axes[1].length(Side::Places) * product_size, product_size],
                to: &mut turned,
                to_apart: [pitch, panel.width],
                corners: &corners,
                planes: panel.width,
                bias: Some(&start),
            }
            .transform::<OutputBack>();
            let mut planes = out.slice_mut(s![panel.columns.clone(), .., ..]);
            let columns = planes.dim().2;
            for (row, line) in
                planes.axis_iter_mut(ndarray::Axis(1)).zip(turned.chunks_exact(pitch))
            {
                let line = matrix([columns, panel.width], line);
                transpose(line.slice(s![.., ..panel.columns.len()]), row);
            }
        }
    }
}

/// Where the weights at the taps of a window stand in a correlation, in the order of the parts.
fn taps_in_order(axes: &[Parts; 2], weight_at: impl Fn([usize; 2]) -> usize) -> Vec<usize> {
    let [y, x] = axes;
    y.taps().flat_map(|ty| x.taps().map(move |tx| [ty, tx])).map(weight_at).collect()
}

/// Lines of a panel from one place to the next: an odd number, so that the same line of many places does
/// not fall into a few sets of the cache.
fn lines_apart(planes: usize) -> usize {
    planes | 1
}

/// The weights of some result planes: for each panel, `[place, from, column]`.
fn transformed_weight<T: Element>(
    correlation: &Correlation,
    axes: &[Parts; 2],
    weight: &[T],
    to: &Range<usize>,
) -> Packed<T> {
    let order = taps_in_order(axes, |tap| correlation.weight_at(0, 0, tap));
    let (row, places_row) = (axes[1].taps().count(), axes[1].length(Side::Places));
    let apart = lines_apart(correlation.from);
    Packed::new(to.len(), places(axes) * apart, |panel, out| {
        let size = order.len() * panel.width;
        let mut taps = Buffer::full(TOGETHER.min(correlation.from) * size, T::zero());
        for first in (0..correlation.from).step_by(TOGETHER) {
            let together = TOGETHER.min(correlation.from - first);
            for (from, taps) in taps.chunks_exact_mut(size).take(together).enumerate() {
                for (j, column) in panel.columns.clone().enumerate() {
                    let start = correlation.weight_at(first + from, to.start + column, [0; 2]);
                    for (taps, tap) in taps.chunks_exact_mut(panel.width).zip(&order) {
                        taps[j] = weight[start + tap];
                    }
                }
            }
            let corners: Vec<_> =
                (0..together).map(|from| [from * size, (first + from) * panel.width]).collect();
            Squares {
                axes,
                from: &taps,
                from_apart: [row * panel.width, panel.width],
                to: out,
                to_apart: [places_row, 1].map(|places| places * apart * panel.width),
                corners: &corners,
                planes: panel.width,
                bias: None,
            }
            .transform::<Kernel>();
        }
    })
}

fn planes_of<T>(count: usize, [height, width]: [usize; 2], planes: &[T]) -> ArrayView3<'_, T> {
    ArrayView3::from_shape((count, height, width), planes).expect("the sizes match")
}
