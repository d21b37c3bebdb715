//! Correlations without a matrix of columns: the product reads the picture.

use super::interleave::{PhaseWeights, interleave};
use super::source::Source;
use crate::buffer::Buffer;
use crate::conv::correlation::Correlation;
use crate::conv::panels::{Packed, Panel};
use crate::conv::partial::{TASKS, in_parts};
use crate::conv::phases::Phase;
use crate::conv::stage::{Blocking, blocks, position_table, split};
use crate::machine::product::{PanelRows, Product, Series, Start};
use crate::parallel::prelude::*;
use crate::{Element, Tensor};
use ndarray::{ArrayViewMut3, Axis};
use std::mem::take;
use std::ops::Range;

/// Terms that are added up in one register before they join the rest: a sum's error grows with its
/// length.
const RUN: usize = 1024;

impl Correlation {
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
        let [source_area, out_area] = self.areas();
        let out_size = self.to * out_area;
        let samples = out.len() / out_size.max(1);
        let columns = self.to * y.phases() * x.phases();
        let plan = Blocking::new(places, [y, x], samples, self.from, columns);
        let blocks = blocks(places, plan.block);
        // Where there are few places, the planes of the result are shared out as well.
        let shares =
            TASKS.div_ceil((samples * blocks.len()).max(1)).min(self.to.div_ceil(16)).max(1);
        let planes = self.to.div_ceil(shares);
        let ranges: Vec<Range<usize>> =
            (0..self.to).step_by(planes).map(|p| p..(p + planes).min(self.to)).collect();
        let work = self.work(samples, weight.len());
        let weights = self.pack(weight, &ranges);
        let steps = self.steps(&plan);

        let mut tasks = Vec::new();
        for (nth, out) in out.chunks_exact_mut(out_size.max(1)).enumerate() {
            let mut rest = ArrayViewMut3::from_shape((self.to, y.result, x.result), out)
                .expect("the sizes match");
            for (range, weights) in ranges.iter().zip(&weights[nth % self.groups]) {
                let (part, after) = rest.split_at(Axis(0), range.len());
                rest = after;
                let parts = split(part, [plan.block[0] * y.pitch, plan.block[1] * x.pitch]);
                for (block, part) in blocks.iter().zip(parts) {
                    tasks.push((nth, block, weights, part));
                }
            }
        }
        let source = Source {
            numbers: source.as_slice(),
            sample_pitch: self.from * source_area,
            planes: self.from,
            size: [y.source, x.source],
            axes: [y, x],
            plan,
            blocks: tasks.iter().map(|(nth, (start, _), ..)| (*nth, *start)).collect(),
        };
        tasks.into_par_iter().enumerate().sharing(work).for_each(
            |(block, (nth, (_, size), weights, mut out))| {
                let rows = position_table(*size, [y.step, x.step], source.pitch());
                let bias = self.bias_of(nth, bias.map(Tensor::as_slice));
                let mut tile = Tile::new(self, weights, bias, rows.len());
                // A few planes of the source at a time, so that long stretches of each can be copied.
                for planes in source.parts() {
                    let picture = source.copy(block, planes.clone(), 0);
                    let prefetch = source.after(block, planes.clone());
                    tile.add(&picture, &rows, &steps, planes, &prefetch);
                }
                interleave(self, weights, &tile.sums, *size, &mut out);
            },
        );
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
            ranges.par_iter().sharing(size).map(one).collect()
        };
        (0..self.groups).into_par_iter().sharing(weight.len()).map(all).collect()
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
                let tap = |(ty, tx)| self.weight_at(0, 0, [ty, tx]);
                let pairs = py.taps.iter().flat_map(|&ty| px.taps.iter().map(move |&tx| (ty, tx)));
                let taps: Vec<usize> = pairs.map(tap).collect();
                let mut at = j;
                for from in 0..self.from {
                    let first = self.weight_at(from, *to, [0; 2]);
                    for tap in &taps {
                        out[at] = weight[first + tap];
                        at += panel.width;
                    }
                }
            }
        });
        PhaseWeights { nth, to, packed }
    }

    fn phases(&self, nth: [usize; 2]) -> [&[Phase]; 2] {
        [0, 1].map(|axis| &self.axes[axis].groups[nth[axis]].phases[..])
    }

    /// Offsets that a pair of phase groups reads.
    fn offsets(&self, nth: [usize; 2]) -> usize {
        [0, 1].map(|axis| self.axes[axis].groups[nth[axis]].offsets.len()).iter().product()
    }

    /// The bias of each of a panel's columns.
    fn bias_row<T: Element>(&self, weights: &PhaseWeights<T>, panel: &Panel, bias: &[T]) -> Vec<T> {
        let phases: usize = self.phases(weights.nth).iter().map(|phases| phases.len()).product();
        let mut row = vec![T::zero(); panel.width];
        for (row, column) in row.iter_mut().zip(panel.columns.clone()) {
            *row = bias[weights.to.start + column / phases];
        }
        row
    }

    /// For each pair of phase groups, where the steps lie in a staged region.
    fn steps(&self, plan: &Blocking) -> Vec<Vec<u32>> {
        let [y, x] = &self.axes;
        let pairs = y.groups.iter().flat_map(|y| x.groups.iter().map(move |x| [y, x]));
        pairs.map(|pair| plan.taps(pair, [y, x], plan.planes)).collect()
    }
}

/// The sums of a block of places, for every group of phases and panel.
struct Tile<'a, T: Element> {
    correlation: &'a Correlation,
    weights: &'a [PhaseWeights<T>],
    bias: Option<&'a [T]>,
    positions: usize,
    sums: Buffer<T>,
}

impl<'a, T: Element> Tile<'a, T> {
    fn new(
        correlation: &'a Correlation,
        weights: &'a [PhaseWeights<T>],
        bias: Option<&'a [T]>,
        positions: usize,
    ) -> Self {
        let room: usize = weights.iter().map(|weights| Panel::room(&weights.packed.panels)).sum();
        Self { correlation, weights, bias, positions, sums: Buffer::scratch(room * positions) }
    }

    /// Adds the terms of the source's planes `planes`, which `picture` holds; `prefetch` will be read next.
    fn add(
        &mut self,
        picture: &[T],
        rows: &[u32],
        steps: &[Vec<u32>],
        planes: Range<usize>,
        prefetch: &[&[T]],
    ) {
        let all: usize = self.weights.iter().map(|weights| weights.packed.panels.len()).sum();
        let mut prefetch = in_parts(prefetch, all);
        let mut sums = &mut self.sums[..];
        for (weights, steps) in self.weights.iter().zip(steps) {
            let offsets = self.correlation.offsets(weights.nth);
            let steps = &steps[..planes.len() * offsets];
            for panel in &weights.packed.panels {
                let (out, after) = sums.split_at_mut(self.positions * panel.width);
                sums = after;
                let row = self.bias.filter(|_| planes.start == 0);
                let row = row.map(|bias| self.correlation.bias_row(weights, panel, bias));
                let mut start = match (&row, planes.start) {
                    (Some(row), _) => Start::Row(row),
                    (None, 0) => Start::Zero,
                    (None, _) => Start::Kept,
                };
                let first = planes.start * offsets * panel.width;
                let width = panel.width;
                let panel = &weights.packed.of(panel)[first..][..steps.len() * panel.width];
                let mut prefetch = prefetch.next().unwrap_or_default();
                // Also without a single step there is a start to be written.
                for run in 0..steps.len().div_ceil(RUN).max(1) {
                    let run = run * RUN..((run + 1) * RUN).min(steps.len());
                    let panel = &panel[run.start * width..run.end * width];
                    Product {
                        picture,
                        rows,
                        steps: &steps[run],
                        panel,
                        panel_rows: PanelRows::Adjacent,
                        width,
                        start,
                        out,
                        series: Series::ONE,
                        prefetch: take(&mut prefetch),
                    }
                    .run();
                    start = Start::Kept;
                }
            }
        }
    }
}
