//! Weight gradients without a matrix of columns: the product reads the picture.

use super::panels::Panel;
use super::phases::{Phase, PhaseAxis};
use super::stage::{Blocking, blocks, spot_table};
use super::{Form, TASKS, add_chunks, partial_chunks};
use crate::buffer::Buffer;
use crate::machine::product::{Lines, Product, Series, Start};
use crate::machine::transpose::transpose;
use crate::matmul::{matrix, matrix_mut};
use crate::{Element, Tensor};
use ndarray::{ArrayView3, s};
use rayon::prelude::*;

/// `weight = map · columns(image)ᵀ`, summed over the batch.
pub(super) fn weight<T: Element>(
    form: &Form<'_>,
    batch: usize,
    image: &Tensor<T>,
    map: &Tensor<T>,
    out: &mut [T],
) {
    let [y, x] = &PhaseAxis::of_conv(form.geometry);
    let (rows, columns) = (&y.groups[0], &x.groups[0]);
    let places = [y.places(), x.places()];
    let plan = Blocking::new(places, [y, x], batch * form.groups, form.group_outputs);
    let blocks: Vec<_> = (0..batch)
        .flat_map(|n| blocks(places, plan.block).into_iter().map(move |block| (n, block)))
        .collect();
    let panels = Panel::cut::<T>(form.group_outputs);
    let room = Panel::room(&panels);
    let taps = rows.offsets.len() * columns.offsets.len();
    let size = form.group_inputs * taps * room;
    if size == 0 || blocks.is_empty() {
        return out.fill(T::zero()); // No tap ever meets the image.
    }
    // Small weights have a sum for each chunk of the batch, large ones are shared out by input plane.
    let chunks = partial_chunks(form.groups * size, blocks.len());
    let shares = TASKS.div_ceil(chunks * form.groups).min(form.group_inputs.div_ceil(8)).max(1);
    let inputs = form.group_inputs.div_ceil(shares);
    let pixels = form.geometry.pixels();
    let planes = plan.planes.min(inputs);
    let lines = plan.taps([rows, columns], [y, x], planes);
    // One sum a chunk, `[group, input, tap]` times the columns of each panel.
    let mut sums = Buffer::scratch(chunks * form.groups * size);
    let tasks: Vec<_> = sums
        .chunks_exact_mut(size)
        .enumerate()
        .flat_map(|(nth, sum)| {
            let first = move |share: usize| (nth, share * inputs);
            sum.chunks_mut(inputs * taps * room).enumerate().map(move |(i, sum)| (first(i), sum))
        })
        .collect();
    tasks.into_par_iter().for_each(|((nth, input), sum)| {
        let (chunk, group) = (nth / form.groups, nth % form.groups);
        let all_lines = sum.len() / room;
        let inputs = all_lines / taps;
        let own = blocks.len() * chunk / chunks..blocks.len() * (chunk + 1) / chunks;
        let mut begin = Start::Zero;
        for (n, (start, size)) in &blocks[own] {
            let nth = n * form.groups + group;
            let region = plan.region([y, x], *start);
            let steps = spot_table(*size, [y.step, x.step], region.size[1]);
            let shape = (form.group_outputs, places[0], places[1]);
            let map = ArrayView3::from_shape(shape, form.map_of(nth, map));
            let map = map.expect("the sizes match");
            let map = map.slice(s![.., start[0]..start[0] + size[0], start[1]..start[1] + size[1]]);
            let turned = turn(map, &panels);
            let image = &form.image_of(nth, image)[input * pixels..][..inputs * pixels];
            // A few planes at a time, so that long stretches of each can be copied.
            for (nth, image) in image.chunks(planes * pixels).enumerate() {
                let picture = region.copy(image, form.geometry.image(), 0);
                let rows = &lines[..image.len() / pixels * taps];
                let first = nth * planes * taps;
                for panel in &panels {
                    let out = &mut sum[panel.place(all_lines)];
                    let out = &mut out[first * panel.width..][..rows.len() * panel.width];
                    let width = panel.width;
                    let panel = &turned[panel.place(steps.len())];
                    let (picture, steps) = (&picture, &steps);
                    Product {
                        picture,
                        rows,
                        steps,
                        panel,
                        lines: Lines::Adjacent,
                        width,
                        start: begin,
                        out,
                        series: Series::ONE,
                    }
                    .run();
                }
            }
            begin = Start::Kept;
        }
    });
    if taps < form.geometry.taps() {
        out.fill(T::zero());
    }
    let total = add_chunks(&mut sums, chunks);
    finish(form, total, inputs, &panels, [&rows.phases[0], &columns.phases[0]], out);
}

/// A block of a map, `[plane, row, column]`, as panels of `[place, plane]`.
fn turn<T: Element>(map: ArrayView3<'_, T>, panels: &[Panel]) -> Buffer<T> {
    let (_, rows, columns) = map.dim();
    let mut turned = Buffer::scratch(rows * columns * Panel::room(panels));
    for panel in panels {
        let (planes, width) = (panel.columns.clone(), panel.width);
        let own = &mut turned[panel.place(rows * columns)];
        if planes.len() < width {
            own.fill(T::zero());
        }
        for (row, own) in own.chunks_exact_mut(columns * width).enumerate() {
            let mut own = matrix_mut([columns, width], own);
            let to = own.slice_mut(s![.., ..planes.len()]);
            transpose(map.slice(s![planes.clone(), row, ..]), to);
        }
    }
    turned
}

/// Puts sums in the order of weights.
fn finish<T: Element>(
    form: &Form<'_>,
    sums: &[T],
    inputs: usize,
    panels: &[Panel],
    phases: [&Phase; 2],
    out: &mut [T],
) {
    let [kh, kw] = form.geometry.kernel();
    let [rows, columns] = phases.map(|phase| &phase.taps);
    let (taps, room) = (rows.len() * columns.len(), Panel::room(panels));
    let mut rest = out;
    let mut tasks = Vec::new();
    for group in 0..form.groups {
        for panel in panels {
            let (part, after) = rest.split_at_mut(panel.columns.len() * form.lines);
            rest = after;
            tasks.push((group, panel, part));
        }
    }
    tasks.into_par_iter().for_each(|(group, panel, out)| {
        let outputs = panel.columns.len();
        let sums =
            &sums[group * form.group_inputs * taps * room..][..form.group_inputs * taps * room];
        for (share, sums) in sums.chunks(inputs * taps * room).enumerate() {
            let lines = sums.len() / room;
            let sums = matrix([lines, panel.width], &sums[panel.place(lines)]);
            let sums = sums.slice(s![.., ..outputs]);
            if taps == kh * kw {
                let mut out = matrix_mut([outputs, form.lines], out);
                let first = share * inputs * taps;
                transpose(sums, out.slice_mut(s![.., first..first + lines]));
                continue;
            }
            // Some taps never meet the image; their weights stay zero.
            for (line, sums) in sums.outer_iter().enumerate() {
                let (input, tap) = (share * inputs + line / taps, line % taps);
                let tap = rows[tap / columns.len()] * kw + columns[tap % columns.len()];
                for (output, &sum) in sums.iter().enumerate() {
                    out[output * form.lines + input * kh * kw + tap] = sum;
                }
            }
        }
    });
}
