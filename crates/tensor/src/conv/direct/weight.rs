//! Weight gradients without a matrix of columns: the product reads the picture.

use super::source::Source;
use crate::buffer::Buffer;
use crate::conv::panels::{Panel, add_rows};
use crate::conv::partial::{TASKS, add_chunks, in_parts, partial_chunks, sum_planes};
use crate::conv::phases::{Phase, PhaseAxis};
use crate::conv::sizes::Sizes;
use crate::conv::stage::{Blocking, Region, blocks, position_table};
use crate::machine::product::{PanelRows, Product, Series, Start};
use crate::machine::transpose::transpose;
use crate::matmul::{matrix, matrix_mut};
use crate::parallel::prelude::*;
use crate::{Element, Tensor};
use ndarray::{ArrayView3, s};

/// `weight = output · columns(input)ᵀ`, summed over the batch, and the output's own `totals`.
pub fn weight<T: Element>(
    sizes: &Sizes<'_>,
    [input, output]: [&Tensor<T>; 2],
    out: &mut [T],
    totals: Option<&mut [T]>,
) {
    let batch = sizes.batch;
    let [y, x] = &PhaseAxis::to_output(sizes.geometry);
    let (rows, columns) = (&y.groups[0], &x.groups[0]);
    let places = [y.places(), x.places()];
    let planes = sizes.group_inputs;
    let plan = Blocking::new(places, [y, x], batch * sizes.groups, planes, sizes.group_outputs);
    let blocks: Vec<_> = (0..batch)
        .flat_map(|n| blocks(places, plan.block).into_iter().map(move |block| (n, block)))
        .collect();
    let panels = Panel::cut::<T>(sizes.group_outputs);
    let room = Panel::room(&panels);
    let taps = rows.offsets.len() * columns.offsets.len();
    if taps == 0 || blocks.is_empty() {
        sum_planes(output, totals);
        return out.fill(T::zero()); // No tap ever meets the input.
    }
    // Small weights have a sum for each chunk of the batch, large ones are shared out by input plane.
    let chunks = partial_chunks(sizes.groups * sizes.group_inputs * taps * room, blocks.len());
    let shares = TASKS.div_ceil(chunks * sizes.groups).min(sizes.group_inputs.div_ceil(8)).max(1);
    let inputs = sizes.group_inputs.div_ceil(shares);
    // A share has a line for each input and tap, and one more for the output's totals.
    let share = (inputs * taps + 1) * room;
    let size = (sizes.group_inputs * taps + sizes.group_inputs.div_ceil(inputs)) * room;
    let pixels = sizes.geometry.pixels();
    let lines = plan.taps([rows, columns], [y, x], plan.planes);
    // One sum a chunk, `[group, share]` of lines times the columns of each panel.
    let mut sums = Buffer::scratch(chunks * sizes.groups * size);
    let tasks: Vec<_> = sums
        .chunks_exact_mut(size)
        .enumerate()
        .flat_map(|(nth, sum)| {
            let first = move |share: usize| (nth, share * inputs);
            sum.chunks_mut(share).enumerate().map(move |(i, sum)| (first(i), sum))
        })
        .collect();
    tasks.into_par_iter().sharing(sizes.work()).for_each(|((nth, first), sum)| {
        let (chunk, group) = (nth / sizes.groups, nth % sizes.groups);
        let all_lines = sum.len() / room;
        let inputs = (all_lines - 1) / taps;
        for panel in &panels {
            sum[panel.place(all_lines)][inputs * taps * panel.width..].fill(T::zero());
        }
        let own = blocks.len() * chunk / chunks..blocks.len() * (chunk + 1) / chunks;
        let own: Vec<_> =
            blocks[own].iter().map(|(n, block)| (n * sizes.groups + group, *block)).collect();
        let source = Source {
            numbers: &input.as_slice()[first * pixels..],
            sample_pitch: sizes.group_inputs * pixels,
            planes: inputs,
            size: sizes.geometry.input(),
            axes: [y, x],
            plan,
            blocks: own.iter().map(|(nth, (start, _))| (*nth, *start)).collect(),
        };
        for (block, (nth, (start, size))) in own.iter().enumerate() {
            let steps = position_table(*size, [y.step, x.step], source.pitch());
            let shape = (sizes.group_outputs, places[0], places[1]);
            let block_output = ArrayView3::from_shape(shape, sizes.output_of(*nth, output));
            let block_output = block_output.expect("the sizes match");
            let [rows, columns] = [0, 1].map(|axis| start[axis]..start[axis] + size[axis]);
            let turned = turn(block_output.slice(s![.., rows, columns]), &panels);
            for panel in &panels {
                let totals = &mut sum[panel.place(all_lines)][inputs * taps * panel.width..];
                add_rows(totals, &turned[panel.place(steps.len())]);
            }
            // A few planes at a time, so that long stretches of each can be copied.
            for inputs in source.parts() {
                let picture = &source.copy(block, inputs.clone(), 0);
                let mut prefetch = source.after(block, inputs.clone());
                if let Some((nth, (start, size))) = own.get(block + 1)
                    && inputs.end == source.planes
                {
                    let region = Region { start: start.map(|at| at as isize), size: *size };
                    prefetch.extend(region.rows_of(sizes.output_of(*nth, output), places));
                }
                let mut prefetch = in_parts(&prefetch, panels.len());
                let rows = &lines[..inputs.len() * taps];
                for panel in &panels {
                    let out = &mut sum[panel.place(all_lines)];
                    let first = inputs.start * taps * panel.width;
                    Product {
                        picture,
                        rows,
                        steps: &steps,
                        panel: &turned[panel.place(steps.len())],
                        panel_rows: PanelRows::Adjacent,
                        width: panel.width,
                        start: if block == 0 { Start::Zero } else { Start::Kept },
                        out: &mut out[first..][..rows.len() * panel.width],
                        series: Series::ONE,
                        prefetch: prefetch.next().unwrap_or_default(),
                    }
                    .run();
                }
            }
        }
    });
    if taps < sizes.geometry.taps() {
        out.fill(T::zero());
    }
    let total = add_chunks(&mut sums, chunks);
    if let Some(totals) = totals {
        let groups = totals.chunks_exact_mut(sizes.group_outputs);
        for (totals, sums) in groups.zip(total.chunks_exact(size)) {
            copy_totals(&sums[..share.min(size)], &panels, totals);
        }
    }
    finish(sizes, total, inputs, &panels, [&rows.phases[0], &columns.phases[0]], out);
}

/// Takes the last line of a share, which holds the output's totals, out of its panels.
fn copy_totals<T: Element>(share: &[T], panels: &[Panel], totals: &mut [T]) {
    let lines = share.len() / Panel::room(panels);
    for panel in panels {
        let line = &share[panel.place(lines)][(lines - 1) * panel.width..];
        totals[panel.columns.clone()].copy_from_slice(&line[..panel.columns.len()]);
    }
}

/// A block of an output, `[plane, row, column]`, as panels of `[place, plane]`.
fn turn<T: Element>(output: ArrayView3<'_, T>, panels: &[Panel]) -> Buffer<T> {
    let (_, rows, columns) = output.dim();
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
            transpose(output.slice(s![planes.clone(), row, ..]), to);
        }
    }
    turned
}

/// Puts sums in the order of weights.
fn finish<T: Element>(
    sizes: &Sizes<'_>,
    sums: &[T],
    inputs: usize,
    panels: &[Panel],
    phases: [&Phase; 2],
    out: &mut [T],
) {
    let [kh, kw] = sizes.geometry.kernel();
    let [rows, columns] = phases.map(|phase| &phase.taps);
    let (taps, room) = (rows.len() * columns.len(), Panel::room(panels));
    let mut rest = out;
    let mut tasks = Vec::new();
    for group in 0..sizes.groups {
        for panel in panels {
            let (part, after) = rest.split_at_mut(panel.columns.len() * sizes.rows);
            rest = after;
            tasks.push((group, panel, part));
        }
    }
    tasks.into_par_iter().sharing(sums.len()).for_each(|(group, panel, out)| {
        let outputs = panel.columns.len();
        let size = sums.len() / sizes.groups;
        let sums = &sums[group * size..][..size];
        for (share, sums) in sums.chunks((inputs * taps + 1) * room).enumerate() {
            let all_lines = sums.len() / room;
            let lines = all_lines - 1;
            let sums = matrix([lines, panel.width], &sums[panel.place(all_lines)]);
            let sums = sums.slice(s![.., ..outputs]);
            if taps == kh * kw {
                let mut out = matrix_mut([outputs, sizes.rows], out);
                let first = share * inputs * taps;
                transpose(sums, out.slice_mut(s![.., first..first + lines]));
                continue;
            }
            // Some taps never meet the input; their weights stay zero.
            for (line, sums) in sums.outer_iter().enumerate() {
                let (input, tap) = (share * inputs + line / taps, line % taps);
                let tap = rows[tap / columns.len()] * kw + columns[tap % columns.len()];
                for (output, &sum) in sums.iter().enumerate() {
                    out[output * sizes.rows + input * kh * kw + tap] = sum;
                }
            }
        }
    });
}
