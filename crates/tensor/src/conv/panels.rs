//! Weights and outputs laid out as panels: one row a step, as many columns as registers hold.

use crate::Element;
use crate::buffer::Buffer;
use crate::machine::product::widths;
use std::ops::Range;

/// A range of columns that is computed together.
#[derive(Clone, Debug)]
pub(super) struct Panel {
    /// The columns it holds.
    pub columns: Range<usize>,
    /// How many it has room for; the others are zeros.
    pub width: usize,
    /// Columns of all the panels before it.
    pub start: usize,
}

impl Panel {
    /// Cuts `columns` into panels with as little room to spare as the machine's widths allow, and as
    /// few of them.
    pub fn cut<T: Element>(columns: usize) -> Vec<Self> {
        let widths = widths::<T>();
        let (mut panels, mut first, mut start) = (Vec::new(), 0, 0);
        while first < columns {
            let left = columns - first;
            let width = best_width(&widths, left);
            panels.push(Self { columns: first..first + left.min(width), width, start });
            first += width;
            start += width;
        }
        panels
    }

    /// Columns that panels have room for together.
    pub fn room(panels: &[Self]) -> usize {
        panels.last().map_or(0, |last| last.start + last.width)
    }

    /// Where the panel lies in a buffer that holds all of them, `steps` rows high.
    pub fn place(&self, steps: usize) -> Range<usize> {
        self.start * steps..(self.start + self.width) * steps
    }
}

/// The width to begin with: whole panels of the widest while there is enough, then what ends best.
fn best_width(widths: &[usize], left: usize) -> usize {
    let widest = widths[0];
    if left > 2 * widest {
        return widest;
    }
    let mut best = (usize::MAX, usize::MAX, widest);
    for &first in widths {
        let (mut room, mut count) = (first, 1);
        while room < left {
            let rest = left - room;
            room += widths.iter().copied().rfind(|&w| w >= rest).unwrap_or(widest);
            count += 1;
        }
        best = best.min((room, count, first));
    }
    best.2
}

/// Adds all rows of a block to `sums`, which is as long as each.
pub(super) fn add_rows<T: Element>(sums: &mut [T], rows: &[T]) {
    let width = sums.len();
    let mut total = vec![T::zero(); width];
    // Four rows at a time, so that additions need not wait for each other.
    let fours = rows.chunks_exact(4 * width);
    for row in fours.remainder().chunks_exact(width) {
        total.iter_mut().zip(row).for_each(|(total, &v)| *total += v);
    }
    for four in fours {
        let (ab, cd) = four.split_at(2 * width);
        let ((a, b), (c, d)) = (ab.split_at(width), cd.split_at(width));
        let pairs = a.iter().zip(b).zip(c.iter().zip(d));
        for (total, ((&a, &b), (&c, &d))) in total.iter_mut().zip(pairs) {
            *total += (a + b) + (c + d);
        }
    }
    sums.iter_mut().zip(&total).for_each(|(sum, &v)| *sum += v);
}

/// Panels filled with numbers, `[step, column]` each.
pub(super) struct Packed<T: Element> {
    pub panels: Vec<Panel>,
    steps: usize,
    data: Buffer<T>,
}

impl<T: Element> Packed<T> {
    /// `columns` columns of `steps` rows: `write(panel, out)` fills each panel, given full of zeros.
    pub fn new(columns: usize, steps: usize, mut write: impl FnMut(&Panel, &mut [T])) -> Self {
        let panels = Panel::cut::<T>(columns);
        let mut data = Buffer::scratch(Panel::room(&panels) * steps);
        for panel in &panels {
            let out = &mut data[panel.place(steps)];
            if panel.columns.len() < panel.width {
                out.fill(T::zero());
            }
            write(panel, out);
        }
        Self { panels, steps, data }
    }

    pub fn of(&self, panel: &Panel) -> &[T] {
        &self.data[panel.place(self.steps)]
    }
}
