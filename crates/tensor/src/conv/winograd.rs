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

use super::correlation::Correlation;
use super::kernels::sum_planes;
use super::panels::{Packed, Panel};
use super::phases::PhaseAxis;
use super::source::in_parts;
use super::{Form, TASKS, add_chunks, partial_chunks};
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
use transform::{Kernel, KernelBack, MOST_TAPS, OutputBack, Side, TILE};

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

/// `weight = map · columns(image)ᵀ`, summed over the batch, and the map's own `totals`.
pub(super) fn weight<T: Element>(
    form: &Form<'_>,
    batch: usize,
    ends: [&Tensor<T>; 2],
    out: &mut [T],
    totals: Option<&mut [T]>,
) {
    let [image, map] = ends;
    let [y, x] = &PhaseAxis::of_conv(form.geometry);
    let axes = &[Parts::of(y), Parts::of(x)];
    let low = [y.reach().0, x.reach().0];
    let places = places(axes);
    let blocks: Vec<(usize, TileBlock)> = (0..batch)
        .flat_map(|n| tile_blocks(form.geometry.map()).into_iter().map(move |block| (n, block)))
        .collect();
    if blocks.is_empty() {
        sum_planes(map, totals);
        return out.fill(T::zero());
    }
    let panels = Panel::cut::<T>(form.group_outputs);
    let room = Panel::room(&panels);
    // One sum a chunk, `[group, share of the inputs, panel, place, input]` times the panel's columns.
    // Behind the even number of inputs, a line is left free; the first of them holds the map's totals.
    let size = |inputs| places * lines_apart(inputs) * room;
    let chunks = partial_chunks(form.groups * size(form.group_inputs) / 2, blocks.len());
    // Large weights are shared out by input planes.
    let shares = TASKS.div_ceil(chunks * form.groups).min(form.group_inputs.div_ceil(TOGETHER));
    let inputs = form.group_inputs.div_ceil(shares.max(1)).next_multiple_of(TOGETHER);
    let [image_shape, map_shape] = [form.geometry.image(), form.geometry.map()];
    let shares = form.group_inputs.div_ceil(inputs);
    let totals_of = |panel: &Panel| {
        let first = panel.place(places * lines_apart(inputs)).start + inputs * panel.width;
        first..first + panel.width
    };
    let mut sums = Buffer::scratch(chunks * form.groups * shares * size(inputs));
    let tasks: Vec<_> = sums.chunks_exact_mut(size(inputs)).enumerate().collect();
    tasks.into_par_iter().for_each(|(nth, sum)| {
        let (nth, input) = (nth / shares, nth % shares * inputs);
        let (chunk, group) = (nth / form.groups, nth % form.groups);
        let count = inputs.min(form.group_inputs - input);
        let rows: Vec<u32> = (0..count as u32).collect();
        let own = &blocks[blocks.len() * chunk / chunks..blocks.len() * (chunk + 1) / chunks];
        let pixels = form.geometry.pixels();
        let image_of = |n| {
            let image = form.image_of(n * form.groups + group, image);
            &image[input * pixels..(input + count) * pixels]
        };
        panels.iter().for_each(|panel| sum[totals_of(panel)].fill(T::zero()));
        let mut start = Start::Zero;
        for (i, (n, block)) in own.iter().enumerate() {
            let nth = n * form.groups + group;
            let picture =
                block.transformed_source(axes, planes_of(count, image_shape, image_of(*n)), low);
            let soon: Vec<_> = own.get(i + 1).map_or(vec![], |(n, block)| {
                let image = block.source(axes, low).rows_of(image_of(*n), image_shape);
                let map = form.map_of(n * form.groups + group, map);
                image.chain(block.map().rows_of(map, map_shape)).collect()
            });
            let mut soon = in_parts(&soon, panels.len());
            let steps: Vec<u32> =
                (0..block.tiles()).map(|tile| (tile * padded(count)) as u32).collect();
            let map = planes_of(form.group_outputs, map_shape, form.map_of(nth, map));
            for panel in &panels {
                let map = map.slice(s![panel.columns.clone(), .., ..]);
                let totals = &mut sum[totals_of(panel)];
                let maps = block.transformed_map(axes, map, panel.width, totals);
                let apart = lines_apart(inputs);
                Product {
                    picture: &picture,
                    rows: &rows,
                    steps: &steps,
                    panel: &maps,
                    lines: Lines::Adjacent,
                    width: panel.width,
                    start,
                    out: &mut sum[panel.place(places * apart)],
                    series: Series {
                        count: places,
                        picture: picture.len() / places,
                        panel: maps.len() / places,
                        out: apart * panel.width,
                    },
                    soon: soon.next().unwrap_or_default(),
                }
                .run();
            }
            start = Start::Kept;
        }
    });
    let sums = add_chunks(&mut sums, chunks);
    if let Some(totals) = totals {
        let groups = totals.chunks_exact_mut(form.group_outputs);
        for (totals, sums) in groups.zip(sums.chunks_exact(shares * size(inputs))) {
            for panel in &panels {
                let line = &sums[totals_of(panel)][..panel.columns.len()];
                totals[panel.columns.clone()].copy_from_slice(line);
            }
        }
    }
    finish(form, axes, sums, inputs, &panels, out);
}

fn planes_of<T>(count: usize, [height, width]: [usize; 2], planes: &[T]) -> ArrayView3<'_, T> {
    ArrayView3::from_shape((count, height, width), planes).expect("the sizes match")
}

/// Transforms sums back and puts them in the order of weights.
fn finish<T: Element>(
    form: &Form<'_>,
    axes: &[Parts; 2],
    sums: &[T],
    inputs: usize,
    panels: &[Panel],
    out: &mut [T],
) {
    let [_, kernel_width] = form.geometry.kernel();
    let order = taps_in_order(axes, |[y, x]| y * kernel_width + x);
    let (row, places_row) = (axes[1].taps().count(), axes[1].length(Side::Places));
    let (places, room) = (places(axes), Panel::room(panels));
    let (apart, shares) = (lines_apart(inputs), form.group_inputs.div_ceil(inputs));
    let mut rest = out;
    let mut tasks = Vec::new();
    for sums in sums.chunks_exact(shares * places * apart * room) {
        for panel in panels {
            let (part, after) = rest.split_at_mut(panel.columns.len() * form.lines);
            rest = after;
            tasks.push((panel, sums, part));
        }
    }
    tasks.into_par_iter().for_each(|(panel, sums, out)| {
        let size = order.len() * panel.width;
        let mut taps = Buffer::scratch(TOGETHER * size);
        for input in (0..form.group_inputs).step_by(TOGETHER) {
            let (share, first) = (input / inputs, input % inputs);
            let together = TOGETHER.min(form.group_inputs - input);
            let corners: Vec<_> =
                (0..together).map(|nth| [(first + nth) * panel.width, nth * size]).collect();
            Squares {
                axes,
                from: &sums[share * places * apart * room..][panel.place(places * apart)],
                from_apart: [places_row, 1].map(|places| places * apart * panel.width),
                to: &mut taps,
                to_apart: [row * panel.width, panel.width],
                corners: &corners,
                planes: panel.width,
                bias: None,
            }
            .transform::<KernelBack>();
            for (column, out) in out.chunks_exact_mut(form.lines).enumerate() {
                let out = out[input * order.len()..].chunks_exact_mut(order.len()).take(together);
                for (out, taps) in out.zip(taps.chunks_exact(size)) {
                    for (taps, &place) in taps.chunks_exact(panel.width).zip(&order) {
                        out[place] = taps[column];
                    }
                }
            }
        }
    });
}
