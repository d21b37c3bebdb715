//! Where the sums of a block belong in the result: what is left of col2im when overlapping taps have been
//! added up inside the product.

use crate::Element;
use crate::buffer::Buffer;
use crate::conv::correlation::Correlation;
use crate::conv::panels::{Packed, Panel};
use crate::conv::phases::Phase;
use crate::machine::transpose::transpose;
use crate::matmul::{matrix, matrix_mut};
use ndarray::{ArrayViewMut3, s};
use std::ops::Range;

/// The weights of the result planes `to` for the phases of two groups, one along each axis.
pub(super) struct PhaseWeights<T: Element> {
    pub nth: [usize; 2],
    pub to: Range<usize>,
    pub packed: Packed<T>,
}

/// Writes the sums of a block of places, `[rows, columns]`, into its part of the result's planes. `weights`
/// are those of all pairs of phase groups, and `sums` holds, for each of their panels, `[place, column]`.
pub(super) fn interleave<T: Element>(
    correlation: &Correlation,
    weights: &[PhaseWeights<T>],
    sums: &[T],
    places: [usize; 2],
    out: &mut ArrayViewMut3<'_, T>,
) {
    let [y, x] = &correlation.axes;
    let mut rest = sums;
    // All the groups along a row, of one group along a column.
    for weights in weights.chunks_exact(x.groups.len()) {
        let mut groups = Vec::with_capacity(weights.len());
        for weights in weights {
            let panels = &weights.packed.panels;
            let (sums, after) = rest.split_at(places[0] * places[1] * Panel::room(panels));
            rest = after;
            groups.push(Group { panels, sums, phases: &x.groups[weights.nth[1]].phases });
        }
        let block = Block {
            places,
            phases: &y.groups[weights[0].nth[0]].phases,
            pitch: [y.pitch, x.pitch],
            groups: &groups,
        };
        match &groups[..] {
            [only] if y.pitch * x.pitch == 1 => block.turn(only, out),
            [even, odd] if x.pitch == 2 => block.alternate([even, odd], out),
            _ => block.write_rows(out),
        }
    }
}

/// The sums of one group of phases along a row.
struct Group<'a, T> {
    panels: &'a [Panel],
    sums: &'a [T],
    phases: &'a [Phase],
}

/// The sums of a block, of one group of phases along a column. Columns of panels are `[plane, phase along
/// the column, phase along the row]`.
struct Block<'a, T> {
    places: [usize; 2],
    phases: &'a [Phase],
    /// How far the places of a phase are apart in the result.
    pitch: [usize; 2],
    groups: &'a [Group<'a, T>],
}

impl<T: Element> Group<'_, T> {
    /// A panel's sums for one row of places.
    fn line(&self, panel: &Panel, [rows, columns]: [usize; 2], row: usize) -> &[T] {
        let size = columns * panel.width;
        &self.sums[panel.place(rows * columns)][row * size..][..size]
    }
}

impl<T: Element> Block<'_, T> {
    /// A single phase: rows to columns.
    fn turn(&self, group: &Group<'_, T>, out: &mut ArrayViewMut3<'_, T>) {
        for panel in group.panels {
            for row in 0..self.places[0] {
                let line = group.line(panel, self.places, row);
                let line = matrix([self.places[1], panel.width], line);
                transpose(
                    line.slice(s![.., ..panel.columns.len()]),
                    out.slice_mut(s![panel.columns.clone(), row, ..]),
                );
            }
        }
    }

    /// Two groups that hold one phase each, the even and the odd pixels of a row.
    fn alternate(&self, groups: [&Group<'_, T>; 2], out: &mut ArrayViewMut3<'_, T>) {
        let [rows, columns] = self.places;
        for panel in groups[0].panels {
            let mut turned = Buffer::scratch(2 * panel.columns.len() * columns);
            for row in 0..rows {
                let halves = turned.chunks_exact_mut(panel.columns.len() * columns);
                for (turned, group) in halves.zip(groups) {
                    let line = matrix([columns, panel.width], group.line(panel, self.places, row));
                    let turned = matrix_mut([panel.columns.len(), columns], turned);
                    transpose(line.slice(s![.., ..panel.columns.len()]), turned);
                }
                let (even, odd) = turned.split_at(panel.columns.len() * columns);
                let halves = even.chunks_exact(columns).zip(odd.chunks_exact(columns));
                for (column, (even, odd)) in panel.columns.clone().zip(halves) {
                    let phases = self.phases.len();
                    let row = self.phases[column % phases].first + self.pitch[0] * row;
                    if row < out.dim().1 {
                        let to = row_of(out, column / phases, row);
                        let (pairs, last) = to.as_chunks_mut::<2>();
                        for (pair, (&even, &odd)) in pairs.iter_mut().zip(even.iter().zip(odd)) {
                            *pair = [even, odd];
                        }
                        last.iter_mut().zip(&even[pairs.len()..]).for_each(|(to, &v)| *to = v);
                    }
                }
            }
        }
    }

    /// Any phases: each row of the result is written as a whole.
    fn write_rows(&self, out: &mut ArrayViewMut3<'_, T>) {
        for plane in 0..out.dim().0 {
            for row in 0..self.places[0] {
                for (nth, phase) in self.phases.iter().enumerate() {
                    let place = phase.first + self.pitch[0] * row;
                    if place < out.dim().1 {
                        let to = row_of(out, plane, place);
                        let nth = plane * self.phases.len() + nth;
                        self.write_row(nth, row, to);
                    }
                }
            }
        }
    }

    /// A row of the result: `nth` counts planes and phases along the column.
    fn write_row(&self, nth: usize, row: usize, to: &mut [T]) {
        for group in self.groups {
            let mut column = nth * group.phases.len();
            let mut phases = group.phases;
            // They may lie in several panels.
            while !phases.is_empty() {
                let panel = group.panels.partition_point(|panel| panel.columns.end <= column);
                let panel = &group.panels[panel];
                let (own, others) = phases.split_at(phases.len().min(panel.columns.end - column));
                let line = &group.line(panel, self.places, row)[column - panel.columns.start..];
                write_phases(own, line, panel.width, to, self.pitch[1]);
                column += own.len();
                phases = others;
            }
        }
    }
}

/// A row of a result. Results are contiguous along their rows.
fn row_of<'a, T>(out: &'a mut ArrayViewMut3<'_, T>, plane: usize, row: usize) -> &'a mut [T] {
    out.slice_mut(s![plane, row, ..]).into_slice().expect("the rows of a result are contiguous")
}

/// Writes phases of a row: `line` begins with them for the first place and has them again every
/// `width` numbers.
fn write_phases<T: Element>(
    phases: &[Phase],
    line: &[T],
    width: usize,
    to: &mut [T],
    pitch: usize,
) {
    let first = phases[0].first;
    let neighbours = phases.iter().zip(first..).all(|(phase, place)| phase.first == place);
    let rest = to.get_mut(first..).unwrap_or_default();
    match phases.len() {
        2 if neighbours => copy_runs::<T, 2>(line, width, rest, pitch),
        4 if neighbours => copy_runs::<T, 4>(line, width, rest, pitch),
        8 if neighbours => copy_runs::<T, 8>(line, width, rest, pitch),
        _ => {
            for (i, phase) in phases.iter().enumerate() {
                let from = line[i..].iter().step_by(width);
                let to = to.get_mut(phase.first..).unwrap_or_default();
                to.iter_mut().step_by(pitch).zip(from).for_each(|(to, &v)| *to = v);
            }
        }
    }
}

/// Copies `RUN` numbers from every `width` to every `pitch`.
fn copy_runs<T: Element, const RUN: usize>(line: &[T], width: usize, to: &mut [T], pitch: usize) {
    let runs = |len: usize, pitch: usize| if len < RUN { 0 } else { (len - RUN) / pitch + 1 };
    let whole = runs(to.len(), pitch).min(runs(line.len(), width));
    for nth in 0..whole {
        to[nth * pitch..][..RUN].copy_from_slice(&line[nth * width..][..RUN]);
    }
    // The result may end within a run.
    let rest = to.get_mut(whole * pitch..).unwrap_or_default();
    let from = line.get(whole * width..).unwrap_or_default();
    rest.iter_mut().zip(from).take(RUN).for_each(|(to, &v)| *to = v);
}
