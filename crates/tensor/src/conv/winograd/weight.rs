//! Weight gradients by transformed tiles: sums over tiles in each of their places, transformed back at the end.

use super::block::{TileBlock, padded, places, planes_of, tile_blocks};
use super::layout::{TOGETHER, row_pitch, taps_in_order};
use super::parts::Parts;
use super::squares::Squares;
use super::transform::{KernelBack, Side};
use crate::buffer::Buffer;
use crate::conv::panels::Panel;
use crate::conv::partial::{TASKS, add_chunks, in_parts, partial_chunks, sum_planes};
use crate::conv::phases::PhaseAxis;
use crate::conv::sizes::Sizes;
use crate::machine::product::{PanelRows, Product, Series, Start};
use crate::parallel::prelude::*;
use crate::{Element, Tensor};
use ndarray::s;

/// `weight = output · columns(input)ᵀ`, summed over the batch, and the output's own `totals`.
pub fn weight<T: Element>(
    sizes: &Sizes<'_>,
    [input, output]: [&Tensor<T>; 2],
    out: &mut [T],
    totals: Option<&mut [T]>,
) {
    let batch = sizes.batch;
    let [y, x] = &PhaseAxis::to_output(sizes.geometry);
    let axes = &[Parts::of(y), Parts::of(x)];
    let low = [y.reach().0, x.reach().0];
    let places = places(axes);
    let blocks: Vec<(usize, TileBlock)> = (0..batch)
        .flat_map(|n| tile_blocks(sizes.geometry.output()).into_iter().map(move |block| (n, block)))
        .collect();
    if blocks.is_empty() {
        sum_planes(output, totals);
        return out.fill(T::zero());
    }
    let panels = Panel::cut::<T>(sizes.group_outputs);
    let room = Panel::room(&panels);
    // One sum a chunk, `[group, share of the inputs, panel, place, input]` times the panel's columns.
    // Behind the even number of inputs, a line is left free; the first of them holds the output's totals.
    let size = |inputs| places * row_pitch(inputs) * room;
    let chunks = partial_chunks(sizes.groups * size(sizes.group_inputs) / 2, blocks.len());
    // Large weights are shared out by input planes.
    let shares = TASKS.div_ceil(chunks * sizes.groups).min(sizes.group_inputs.div_ceil(TOGETHER));
    let inputs = sizes.group_inputs.div_ceil(shares.max(1)).next_multiple_of(TOGETHER);
    let [input_shape, output_shape] = [sizes.geometry.input(), sizes.geometry.output()];
    let shares = sizes.group_inputs.div_ceil(inputs);
    let totals_of = |panel: &Panel| {
        let first = panel.place(places * row_pitch(inputs)).start + inputs * panel.width;
        first..first + panel.width
    };
    let mut sums = Buffer::scratch(chunks * sizes.groups * shares * size(inputs));
    let tasks: Vec<_> = sums.chunks_exact_mut(size(inputs)).enumerate().collect();
    tasks.into_par_iter().sharing(sizes.work()).for_each(|(nth, sum)| {
        let (nth, first) = (nth / shares, nth % shares * inputs);
        let (chunk, group) = (nth / sizes.groups, nth % sizes.groups);
        let count = inputs.min(sizes.group_inputs - first);
        let rows: Vec<u32> = (0..count as u32).collect();
        let own = &blocks[blocks.len() * chunk / chunks..blocks.len() * (chunk + 1) / chunks];
        let pixels = sizes.geometry.pixels();
        let input_of = |n| {
            let input = sizes.input_of(n * sizes.groups + group, input);
            &input[first * pixels..(first + count) * pixels]
        };
        panels.iter().for_each(|panel| sum[totals_of(panel)].fill(T::zero()));
        let mut start = Start::Zero;
        for (i, (n, block)) in own.iter().enumerate() {
            let nth = n * sizes.groups + group;
            let picture =
                block.transformed_source(axes, planes_of(count, input_shape, input_of(*n)), low);
            let prefetch: Vec<_> = own.get(i + 1).map_or(vec![], |(n, block)| {
                let input = block.source(axes, low).rows_of(input_of(*n), input_shape);
                let output = sizes.output_of(n * sizes.groups + group, output);
                input.chain(block.output().rows_of(output, output_shape)).collect()
            });
            let mut prefetch = in_parts(&prefetch, panels.len());
            let steps: Vec<u32> =
                (0..block.tiles()).map(|tile| (tile * padded(count)) as u32).collect();
            let output = planes_of(sizes.group_outputs, output_shape, sizes.output_of(nth, output));
            for panel in &panels {
                let output = output.slice(s![panel.columns.clone(), .., ..]);
                let totals = &mut sum[totals_of(panel)];
                let outputs = block.transformed_output(axes, output, panel.width, totals);
                let pitch = row_pitch(inputs);
                Product {
                    picture: &picture,
                    rows: &rows,
                    steps: &steps,
                    panel: &outputs,
                    panel_rows: PanelRows::Adjacent,
                    width: panel.width,
                    start,
                    out: &mut sum[panel.place(places * pitch)],
                    series: Series {
                        count: places,
                        picture: picture.len() / places,
                        panel: outputs.len() / places,
                        out: pitch * panel.width,
                    },
                    prefetch: prefetch.next().unwrap_or_default(),
                }
                .run();
            }
            start = Start::Kept;
        }
    });
    let sums = add_chunks(&mut sums, chunks);
    if let Some(totals) = totals {
        let groups = totals.chunks_exact_mut(sizes.group_outputs);
        for (totals, sums) in groups.zip(sums.chunks_exact(shares * size(inputs))) {
            for panel in &panels {
                let line = &sums[totals_of(panel)][..panel.columns.len()];
                totals[panel.columns.clone()].copy_from_slice(line);
            }
        }
    }
    finish(sizes, axes, sums, inputs, &panels, out);
}

/// Transforms sums back and puts them in the order of weights.
fn finish<T: Element>(
    sizes: &Sizes<'_>,
    axes: &[Parts; 2],
    sums: &[T],
    inputs: usize,
    panels: &[Panel],
    out: &mut [T],
) {
    let [_, kernel_width] = sizes.geometry.kernel();
    let order = taps_in_order(axes, |[y, x]| y * kernel_width + x);
    let (row, places_row) = (axes[1].taps().count(), axes[1].length(Side::Places));
    let (places, room) = (places(axes), Panel::room(panels));
    let (pitch, shares) = (row_pitch(inputs), sizes.group_inputs.div_ceil(inputs));
    let mut rest = out;
    let mut tasks = Vec::new();
    for sums in sums.chunks_exact(shares * places * pitch * room) {
        for panel in panels {
            let (part, after) = rest.split_at_mut(panel.columns.len() * sizes.rows);
            rest = after;
            tasks.push((panel, sums, part));
        }
    }
    tasks.into_par_iter().sharing(sums.len()).for_each(|(panel, sums, out)| {
        let size = order.len() * panel.width;
        let mut taps = Buffer::scratch(TOGETHER * size);
        for input in (0..sizes.group_inputs).step_by(TOGETHER) {
            let (share, first) = (input / inputs, input % inputs);
            let together = TOGETHER.min(sizes.group_inputs - input);
            let corners: Vec<_> =
                (0..together).map(|nth| [(first + nth) * panel.width, nth * size]).collect();
            Squares {
                axes,
                from: &sums[share * places * pitch * room..][panel.place(places * pitch)],
                from_pitch: [places_row, 1].map(|places| places * pitch * panel.width),
                to: &mut taps,
                to_pitch: [row * panel.width, panel.width],
                corners: &corners,
                planes: panel.width,
                bias: None,
            }
            .transform::<KernelBack>();
            for (column, out) in out.chunks_exact_mut(sizes.rows).enumerate() {
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
