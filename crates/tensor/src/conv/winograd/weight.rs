//! Weight gradients by transformed tiles: sums over tiles in each of their places, transformed back at the end.

use super::super::kernels::sum_planes;
use super::super::panels::Panel;
use super::super::phases::PhaseAxis;
use super::super::source::in_parts;
use super::super::{Form, TASKS, add_chunks, partial_chunks};
use super::block::{TileBlock, padded, places, tile_blocks};
use super::parts::Parts;
use super::squares::Squares;
use super::transform::{KernelBack, Side};
use super::{TOGETHER, lines_apart, planes_of, taps_in_order};
use crate::buffer::Buffer;
use crate::machine::product::{Lines, Product, Series, Start};
use crate::{Element, Tensor};
use ndarray::s;
use rayon::prelude::*;

/// `weight = map · columns(image)ᵀ`, summed over the batch, and the map's own `totals`.
pub(in super::super) fn weight<T: Element>(
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
