//! Correlations and weight gradients without a matrix of columns: the product reads the picture.

use super::panels::{Packed, Panel};
use super::phases::{Phase, PhaseAxis};
use super::stage::{Region, block_size, blocks, split};
use super::{Form, TASKS, add_chunks, partial_chunks};
use crate::buffer::Buffer;
use crate::machine::product::{Product, Start};
use crate::machine::transpose::transpose;
use crate::matmul::{matrix, matrix_mut};
use crate::{Element, Tensor};
use ndarray::{ArrayViewMut3, Axis, s};
use rayon::prelude::*;
use std::ops::Range;

/// Places of the result that are computed together.
const SPOTS: usize = 256;

/// Terms that are added up in one register before they join the rest: a sum's error grows with its
/// length.
const RUN: usize = 1024;

/// A correlation between pictures, from `from` planes to `to` in each group.
pub(super) struct Correlation<'a> {
    pub axes: [PhaseAxis; 2],
    pub from: usize,
    pub to: usize,
    pub groups: usize,
    /// Taps of the window in a row.
    pub kernel_width: usize,
    /// Where the weight of a source plane, a result plane and a tap stands in its group.
    pub weight_at: &'a (dyn Fn(usize, usize, usize) -> usize + Sync),
}

/// The weights of the result planes `to` for the phases of two groups, one along each axis.
struct PhaseWeights<T: Element> {
    nth: [usize; 2],
    to: Range<usize>,
    packed: Packed<T>,
}

impl Correlation<'_> {
    /// `[batch, groups · from, ..]` to `out`, `[batch, groups · to, ..]`.
    pub fn run<T: Element>(
        &self,
        source: &Tensor<T>,
        weight: &Tensor<T>,
        bias: Option<&Tensor<T>>,
        out: &mut [T],
    ) {
        let [y, x] = &self.axes;
        let places = [y.places(), x.places()];
        let region = |block: [usize; 2]| [y.region(0, block[0]).1, x.region(0, block[1]).1];
        let block = block_size(places, self.from, SPOTS, region);
        let blocks = blocks(places, block);
        let sizes = [y.source, x.source];
        let source_size = self.from * sizes[0] * sizes[1];
        let out_size = self.to * y.result * x.result;
        let images = out.len() / out_size.max(1);
        // Where there are few places, the planes of the result are shared out as well.
        let shares =
            TASKS.div_ceil((images * blocks.len()).max(1)).min(self.to.div_ceil(16)).max(1);
        let planes = self.to.div_ceil(shares);
        let ranges: Vec<Range<usize>> =
            (0..self.to).step_by(planes).map(|p| p..(p + planes).min(self.to)).collect();
        let weights = self.pack(weight, &ranges);
        let staged = Region { start: [0; 2], size: region(block) };
        let steps = self.steps::<T>(&staged);

        let mut tasks = Vec::new();
        for (nth, out) in out.chunks_exact_mut(out_size.max(1)).enumerate() {
            let mut rest = ArrayViewMut3::from_shape((self.to, y.result, x.result), out)
                .expect("the sizes match");
            for (range, weights) in ranges.iter().zip(&weights[nth % self.groups]) {
                let (part, after) = rest.split_at(Axis(0), range.len());
                rest = after;
                let parts = split(part, [block[0] * y.apart, block[1] * x.apart]);
                for (block, part) in blocks.iter().zip(parts) {
                    tasks.push((nth, block, weights, part));
                }
            }
        }
        tasks.into_par_iter().for_each(|(nth, (start, size), weights, mut out)| {
            let region =
                Region { start: [y.region(start[0], 1).0, x.region(start[1], 1).0], ..staged };
            let picture =
                region.copy(&source.as_slice()[nth * source_size..][..source_size], sizes);
            let rows = spot_table(*size, [y.step, x.step], region.size[1]);
            let group = nth % self.groups;
            for weights in weights {
                let bias = bias.map(|bias| &bias.as_slice()[group * self.to..][weights.to.clone()]);
                self.block(&picture, &rows, &steps, size, weights, bias, &mut out);
            }
        });
    }

    /// The weights by group of the convolution, range of result planes, and groups of phases.
    fn pack<T: Element>(
        &self,
        weight: &Tensor<T>,
        ranges: &[Range<usize>],
    ) -> Vec<Vec<Vec<PhaseWeights<T>>>> {
        let size = weight.len() / self.groups;
        let [y, x] = &self.axes;
        let all = |group: usize| {
            let weight = &weight.as_slice()[group * size..][..size];
            let one = |to: &Range<usize>| {
                let mut list = Vec::new();
                for nth_y in 0..y.groups.len() {
                    for nth_x in 0..x.groups.len() {
                        list.push(self.pack_phases(weight, to.clone(), [nth_y, nth_x]));
                    }
                }
                list
            };
            ranges.par_iter().map(one).collect()
        };
        (0..self.groups).into_par_iter().map(all).collect()
    }

    fn pack_phases<T: Element>(
        &self,
        weight: &[T],
        to: Range<usize>,
        nth: [usize; 2],
    ) -> PhaseWeights<T> {
        let [y, x] = [&self.axes[0].groups[nth[0]], &self.axes[1].groups[nth[1]]];
        let columns: Vec<(usize, &Phase, &Phase)> = to
            .clone()
            .flat_map(|to| y.phases.iter().map(move |py| (to, py)))
            .flat_map(|(to, py)| x.phases.iter().map(move |px| (to, py, px)))
            .collect();
        let offsets = y.offsets.len() * x.offsets.len();
        let packed = Packed::new(columns.len(), self.from * offsets, |panel, out| {
            for (j, (to, py, px)) in columns[panel.columns.clone()].iter().enumerate() {
                let taps: Vec<usize> = py
                    .taps
                    .iter()
                    .flat_map(|ty| px.taps.iter().map(move |tx| ty * self.kernel_width + tx))
                    .collect();
                let mut at = j;
                for from in 0..self.from {
                    let first = (self.weight_at)(from, *to, 0);
                    for tap in &taps {
                        out[at] = weight[first + tap];
                        at += panel.width;
                    }
                }
            }
        });
        PhaseWeights { nth, to, packed }
    }

    /// For each pair of phase groups, where the steps lie in a staged region.
    fn steps<T>(&self, region: &Region) -> Vec<Vec<u32>> {
        let [y, x] = &self.axes;
        let (plane, [low_y, low_x]) = (region.plane::<T>(), [y.reach().0, x.reach().0]);
        let mut all = Vec::new();
        for rows in &y.groups {
            for columns in &x.groups {
                let mut steps =
                    Vec::with_capacity(self.from * rows.offsets.len() * columns.offsets.len());
                for from in 0..self.from {
                    for dy in &rows.offsets {
                        let row = from * plane + (dy - low_y) as usize * region.size[1];
                        steps.extend(
                            columns.offsets.iter().map(|dx| (row + (dx - low_x) as usize) as u32),
                        );
                    }
                }
                all.push(steps);
            }
        }
        all
    }

    /// One block of places, for the result planes and phases of `weights`.
    #[expect(clippy::too_many_arguments)]
    fn block<T: Element>(
        &self,
        picture: &[T],
        rows: &[u32],
        steps: &[Vec<u32>],
        size: &[usize; 2],
        weights: &PhaseWeights<T>,
        bias: Option<&[T]>,
        out: &mut ArrayViewMut3<'_, T>,
    ) {
        let [y, x] = [0, 1].map(|i| &self.axes[i].groups[weights.nth[i]].phases);
        let steps = &steps[weights.nth[0] * self.axes[1].groups.len() + weights.nth[1]];
        let phases = y.len() * x.len();
        let [apart_y, apart_x] = [self.axes[0].apart, self.axes[1].apart];
        for panel in &weights.packed.panels {
            let width = panel.width;
            let mut tile = Buffer::scratch(rows.len() * width);
            let start: Option<Vec<T>> = bias.map(|bias| {
                let column = |j: usize| bias.get((panel.columns.start + j) / phases);
                (0..width).map(|j| column(j).copied().unwrap_or_default()).collect()
            });
            let mut start = start.as_deref().map_or(Start::Zero, Start::Row);
            let matrix_of = weights.packed.of(panel);
            // Also without a single step there is a start to be written.
            let runs = steps.len().div_ceil(RUN).max(1);
            for run in 0..runs {
                let run = run * RUN..((run + 1) * RUN).min(steps.len());
                let panel = &matrix_of[run.start * width..run.end * width];
                let steps = &steps[run];
                Product { picture, rows, steps, panel, start, out: &mut tile }.run();
                start = Start::Kept;
            }
            for (row, line) in tile.chunks_exact(size[1] * width).enumerate() {
                if apart_y * apart_x == 1 {
                    let line = matrix([size[1], width], line);
                    transpose(
                        line.slice(s![.., ..panel.columns.len()]),
                        out.slice_mut(s![panel.columns.clone(), row, ..]),
                    );
                    continue;
                }
                let mut column = panel.columns.start;
                while column < panel.columns.end {
                    let (plane, phase) = (column / phases, column % phases);
                    let row = y[phase / x.len()].first + apart_y * row;
                    let x = &x[phase % x.len()..];
                    let x = &x[..x.len().min(panel.columns.end - column)];
                    if row < out.dim().1 {
                        let mut to = out.slice_mut(s![plane, row, ..]);
                        let to = to.as_slice_mut().expect("the rows of a result are contiguous");
                        interleave(x, &line[column - panel.columns.start..], width, to, apart_x);
                    }
                    column += x.len();
                }
            }
        }
    }
}

/// Writes phases of a row: `line` begins with them for the first place and has them again every
/// `width` numbers.
fn interleave<T: Element>(phases: &[Phase], line: &[T], width: usize, to: &mut [T], apart: usize) {
    let first = phases[0].first;
    let neighbours = phases.iter().zip(first..).all(|(phase, place)| phase.first == place);
    let rest = to.get_mut(first..).unwrap_or_default();
    match phases.len() {
        2 if neighbours => copy_runs::<T, 2>(line, width, rest, apart),
        4 if neighbours => copy_runs::<T, 4>(line, width, rest, apart),
        8 if neighbours => copy_runs::<T, 8>(line, width, rest, apart),
        _ => {
            for (i, phase) in phases.iter().enumerate() {
                let from = line[i..].iter().step_by(width);
                let to = to.get_mut(phase.first..).unwrap_or_default();
                to.iter_mut().step_by(apart).zip(from).for_each(|(to, &v)| *to = v);
            }
        }
    }
}

/// Copies `RUN` numbers from every `width` to every `apart`.
fn copy_runs<T: Element, const RUN: usize>(line: &[T], width: usize, to: &mut [T], apart: usize) {
    for (to, from) in to.chunks_mut(apart).zip(line.chunks(width)) {
        match to.first_chunk_mut::<RUN>() {
            Some(to) => to.copy_from_slice(&from[..RUN]),
            None => to.copy_from_slice(&from[..to.len()]), // The result ends within the run.
        }
    }
}

/// Where the places of a block stand in a staged region whose rows are `pitch` apart.
fn spot_table([rows, columns]: [usize; 2], step: [usize; 2], pitch: usize) -> Vec<u32> {
    let row = |y: usize| (0..columns).map(move |x| (y * step[0] * pitch + x * step[1]) as u32);
    (0..rows).flat_map(row).collect()
}

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
    let region = |block: [usize; 2]| [y.region(0, block[0]).1, x.region(0, block[1]).1];
    let block = block_size(places, form.group_inputs, SPOTS, region);
    let blocks: Vec<_> = (0..batch)
        .flat_map(|n| blocks(places, block).into_iter().map(move |block| (n, block)))
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
    let staged = Region { start: [0; 2], size: region(block) };
    let plane = staged.plane::<T>();
    let pixels = form.geometry.pixels();
    let [low_y, low_x] = [y.reach().0, x.reach().0];
    let mut lines = Vec::with_capacity(inputs * taps);
    for input in 0..inputs {
        for dy in &rows.offsets {
            let row = input * plane + (dy - low_y) as usize * staged.size[1];
            lines.extend(columns.offsets.iter().map(|dx| (row + (dx - low_x) as usize) as u32));
        }
    }
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
        let lines = &lines[..sum.len() / room];
        let inputs = lines.len() / taps.max(1);
        let own = blocks.len() * chunk / chunks..blocks.len() * (chunk + 1) / chunks;
        let mut begin = Start::Zero;
        for (n, (start, size)) in &blocks[own] {
            let nth = n * form.groups + group;
            let region =
                Region { start: [y.region(start[0], 1).0, x.region(start[1], 1).0], ..staged };
            let planes = &form.image_of(nth, image)[input * pixels..][..inputs * pixels];
            let picture = region.copy(planes, form.geometry.image());
            let steps = spot_table(*size, [y.step, x.step], region.size[1]);
            let map = ndarray::ArrayView3::from_shape(
                (form.group_outputs, places[0], places[1]),
                form.map_of(nth, map),
            )
            .expect("the sizes match");
            let map = map.slice(s![.., start[0]..start[0] + size[0], start[1]..start[1] + size[1]]);
            for panel in &panels {
                let mut turned = Buffer::scratch(steps.len() * panel.width);
                if panel.columns.len() < panel.width {
                    turned.fill(T::zero());
                }
                for (row, turned) in turned.chunks_exact_mut(size[1] * panel.width).enumerate() {
                    let mut turned = matrix_mut([size[1], panel.width], turned);
                    transpose(
                        map.slice(s![panel.columns.clone(), row, ..]),
                        turned.slice_mut(s![.., ..panel.columns.len()]),
                    );
                }
                let out = &mut sum[panel.place(lines.len())];
                Product {
                    picture: &picture,
                    rows: lines,
                    steps: &steps,
                    panel: &turned,
                    start: begin,
                    out,
                }
                .run();
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
