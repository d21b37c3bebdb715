//! Correlations at neighbouring places to a few planes, with the operands' parts exchanged: the picture
//! itself is the panel, and each weight is multiplied with a line of neighbouring places.

use super::source::Source;
use crate::buffer::Buffer;
use crate::conv::correlation::Correlation;
use crate::conv::stage::{Blocking, blocks, split};
use crate::machine::product::{PanelRows, Product, Series, Start, narrow_width};
use crate::parallel::prelude::*;
use crate::{Element, Tensor};
use ndarray::ArrayViewMut3;

/// Result planes up to which a line of places makes better use of registers than a line of planes.
const PLANES: usize = 4;

/// Whether this is the way to compute a correlation.
pub(super) fn is_profitable(correlation: &Correlation) -> bool {
    let neighbours = correlation.axes.iter().all(|axis| axis.pitch == 1 && axis.step == 1);
    neighbours && correlation.to <= PLANES
}

/// `[batch, groups · from, ..]` to `out`, `[batch, groups · to, ..]`.
pub(super) fn run<T: Element>(
    correlation: &Correlation,
    source: &Tensor<T>,
    weight: &Tensor<T>,
    bias: Option<&Tensor<T>>,
    out: &mut [T],
) {
    let (from, to, groups) = (correlation.from, correlation.to, correlation.groups);
    let [y, x] = &correlation.axes;
    let [source_area, out_area] = correlation.areas();
    let out_size = to * out_area;
    let samples = out.len() / out_size.max(1);
    let places = [y.result, x.result];
    let plan = Blocking::new(places, [y, x], samples, from, to);
    let panel_rows = plan.taps([&y.groups[0], &x.groups[0]], [y, x], plan.planes);
    let offsets = panel_rows.len() / plan.planes;
    let weights = numbered_weights(correlation, weight);
    let rows: Vec<u32> = (0..to).map(|to| (to * from * offsets) as u32).collect();
    let width = narrow_width::<T>();

    let mut tasks = Vec::new();
    let all_blocks = blocks(places, plan.block);
    for (nth, out) in out.chunks_exact_mut(out_size.max(1)).enumerate() {
        let out = ArrayViewMut3::from_shape((to, y.result, x.result), out);
        let parts = split(out.expect("the sizes match"), plan.block);
        tasks.extend(all_blocks.iter().zip(parts).map(|(block, part)| (nth, block, part)));
    }
    let source = Source {
        numbers: source.as_slice(),
        sample_pitch: from * source_area,
        planes: from,
        size: [y.source, x.source],
        axes: [y, x],
        plan,
        blocks: tasks.iter().map(|(nth, (start, _), _)| (*nth, *start)).collect(),
    };
    let pitch = source.pitch();
    let work = correlation.work(samples, weight.len());
    let tasks = tasks.into_par_iter().enumerate().sharing(work);
    tasks.for_each(|(block, (nth, (_, size), mut out))| {
        // The block's rows as one line, with what lies between them in the copy.
        let length = ((size[0] - 1) * pitch + size[1]).next_multiple_of(width);
        let mut sums = Buffer::scratch(to * length);
        let weights = &weights[nth % groups];
        for planes in source.parts() {
            let picture = source.copy(block, planes.clone(), width);
            let panel_rows = &panel_rows[..planes.len() * offsets];
            let first = planes.start * offsets;
            let steps: Vec<u32> =
                (first..first + panel_rows.len()).map(|step| step as u32).collect();
            Product {
                picture: weights,
                rows: &rows,
                steps: &steps,
                panel: &picture,
                panel_rows: PanelRows::At(panel_rows),
                width,
                start: if planes.start == 0 { Start::Zero } else { Start::Kept },
                out: &mut sums,
                // One line of places behind the other.
                series: Series { count: length / width, picture: 0, panel: width, out: to * width },
                prefetch: &source.after(block, planes),
            }
            .run();
        }
        let bias = correlation.bias_of(nth, bias.map(Tensor::as_slice));
        let mut line = Buffer::scratch(length);
        for (plane, mut out) in out.outer_iter_mut().enumerate() {
            let own = sums.chunks_exact(width).skip(plane).step_by(to);
            line.chunks_exact_mut(width).zip(own).for_each(|(line, own)| line.copy_from_slice(own));
            let bias = bias.map_or(T::zero(), |bias| bias[plane]);
            for (mut out, line) in out.rows_mut().into_iter().zip(line.chunks(pitch)) {
                out.iter_mut().zip(line).for_each(|(out, &sum)| *out = sum + bias);
            }
        }
    });
}

/// For each group, `[result plane, source plane, offset]`.
fn numbered_weights<T: Element>(correlation: &Correlation, weight: &Tensor<T>) -> Vec<Vec<T>> {
    let [rows, columns] = correlation.axes.each_ref().map(|axis| &axis.groups[0].phases[0].taps);
    let groups = weight.as_slice().chunks_exact(weight.len() / correlation.groups);
    let numbered = |weight: &[T]| {
        let mut own = Vec::new();
        for to in 0..correlation.to {
            for from in 0..correlation.from {
                for &y in rows {
                    own.extend(
                        columns.iter().map(|&x| weight[correlation.weight_at(from, to, [y, x])]),
                    );
                }
            }
        }
        own
    };
    groups.map(numbered).collect()
}
