//! Correlations by transformed tiles.

use super::block::{TileBlock, block_parts, padded, place_pitch, places, planes_of, tile_blocks};
use super::layout::{TOGETHER, row_pitch, taps_in_order};
use super::parts::Parts;
use super::squares::Squares;
use super::transform::{Kernel, OutputBack, Side};
use crate::buffer::Buffer;
use crate::conv::correlation::Correlation;
use crate::conv::panels::Packed;
use crate::conv::partial::{TASKS, in_parts};
use crate::machine::product::{PanelRows, Product, Series, Start};
use crate::machine::transpose::transpose;
use crate::matmul::matrix;
use crate::parallel::prelude::*;
use crate::{Element, Tensor};
use ndarray::{ArrayViewMut3, s};
use std::ops::Range;

/// `[batch, groups · from, ..]` to `out`, `[batch, groups · to, ..]`.
pub fn correlate<T: Element>(
    correlation: &Correlation,
    [source, weight]: [&Tensor<T>; 2],
    bias: Option<&Tensor<T>>,
    out: &mut [T],
) {
    let [y, x] = &correlation.axes;
    let axes = &[Parts::of(y), Parts::of(x)];
    let low = [y.reach().0, x.reach().0];
    let [source_area, out_area] = correlation.areas();
    let (source_size, out_size) = (correlation.from * source_area, correlation.to * out_area);
    let samples = out.len() / out_size.max(1);
    let blocks = tile_blocks([y.places(), x.places()]);
    let shares =
        TASKS.div_ceil((samples * blocks.len()).max(1)).min(correlation.to.div_ceil(48)).max(1);
    let planes = correlation.to.div_ceil(shares);
    let ranges: Vec<Range<usize>> =
        (0..correlation.to).step_by(planes).map(|p| p..(p + planes).min(correlation.to)).collect();
    let size = weight.len() / correlation.groups;
    let weights: Vec<Vec<Packed<T>>> = (0..correlation.groups)
        .map(|group| {
            let weight = &weight.as_slice()[group * size..][..size];
            let of = |range| transformed_weight(correlation, axes, weight, range);
            ranges.par_iter().sharing(size).map(of).collect()
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
    let work = correlation.work(samples, weight.len());
    let tasks = tasks.into_par_iter().enumerate().sharing(work);
    tasks.for_each(|(task, (nth, block, range, weights, out))| {
        let bias = correlation.bias_of(nth, bias.map(Tensor::as_slice));
        let bias = bias.map(|bias| &bias[range.clone()]);
        let size = [y.source, x.source];
        let planes_of_nth = |nth| &source.as_slice()[nth * source_size..][..source_size];
        let planes = planes_of(correlation.from, size, planes_of_nth(nth));
        let prefetch = order.get(task + 1).map_or(vec![], |(nth, block)| {
            block.source(axes, low).rows_of(planes_of_nth(*nth), size).collect()
        });
        let source = Transformed {
            picture: block.transformed_source(axes, planes, low),
            planes: correlation.from,
            prefetch,
        };
        source.results(axes, block, weights, bias, out);
    });
}

/// The transformed source of a block.
struct Transformed<'a, T: Element> {
    picture: Buffer<T>,
    planes: usize,
    /// What is read after it.
    prefetch: Vec<&'a [T]>,
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
        let mut prefetch = in_parts(&self.prefetch, weights.panels.len());
        for panel in &weights.panels {
            let product_size = place_pitch::<T>(block.tiles() * panel.width);
            let mut products = Buffer::scratch(places * product_size);
            Product {
                picture,
                rows: &rows,
                steps: &steps,
                panel: weights.of(panel),
                panel_rows: PanelRows::Adjacent,
                width: panel.width,
                start: Start::Zero,
                out: &mut products,
                series: Series {
                    count: places,
                    picture: picture.len() / places,
                    panel: row_pitch(from) * panel.width,
                    out: product_size,
                },
                prefetch: prefetch.next().unwrap_or_default(),
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
                from_pitch: [axes[1].length(Side::Places) * product_size, product_size],
                to: &mut turned,
                to_pitch: [pitch, panel.width],
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

/// The weights of some result planes: for each panel, `[place, from, column]`.
fn transformed_weight<T: Element>(
    correlation: &Correlation,
    axes: &[Parts; 2],
    weight: &[T],
    to: &Range<usize>,
) -> Packed<T> {
    let order = taps_in_order(axes, |tap| correlation.weight_at(0, 0, tap));
    let (row, places_row) = (axes[1].taps().count(), axes[1].length(Side::Places));
    let pitch = row_pitch(correlation.from);
    Packed::new(to.len(), places(axes) * pitch, |panel, out| {
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
                from_pitch: [row * panel.width, panel.width],
                to: out,
                to_pitch: [places_row, 1].map(|places| places * pitch * panel.width),
                corners: &corners,
                planes: panel.width,
                bias: None,
            }
            .transform::<Kernel>();
        }
    })
}
