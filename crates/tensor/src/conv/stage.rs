//! Blocks of a picture, copied close together and with their padding, for a kernel to read.

use super::partial::TASKS;
use super::phases::{PhaseAxis, PhaseGroup};
use crate::Element;
use crate::buffer::Buffer;
use ndarray::{ArrayViewMut3, Axis};

/// Elements that are worked on at a time: half of a small second-level cache, so that what comes next
/// has room as well.
pub(super) const BLOCK: usize = 64 << 10;

/// Steps of a product that are worth loading its sums for.
const STEPS: usize = 64;

/// Numbers of a cache line, in single precision.
const LINE: usize = 16;

/// A rectangle of every plane of a picture, parts of which may lie on padding.
#[derive(Clone, Copy, Debug)]
pub(super) struct Region {
    /// The first row and column, counted from the picture's own.
    pub start: [isize; 2],
    /// Rows and columns.
    pub size: [usize; 2],
}

impl Region {
    /// Elements from one plane of the copy to the next: an odd number of cache lines, so that the
    /// same place of many planes does not fall into a few sets of the cache.
    pub fn plane(&self) -> usize {
        ((self.size[0] * self.size[1]).div_ceil(LINE) | 1) * LINE
    }

    /// Copies the region out of `planes`, each `[height, width]`; padding becomes 0. The copy's planes
    /// are [`Region::plane`] apart and its rows adjacent; behind the last are `room` zeros.
    pub fn copy<T: Element>(
        &self,
        planes: &[T],
        [height, width]: [usize; 2],
        room: usize,
    ) -> Buffer<T> {
        let [rows, columns] = self.size;
        let count = planes.len() / (height * width);
        let plane = self.plane();
        let mut copy = Buffer::scratch(count * plane + room);
        copy[count * plane..].fill(T::zero());
        // The columns of a row of the copy that lie inside the picture.
        let left = self.inside(1, 0, width);
        let right = self.inside(1, columns, width).max(left);
        let from = (self.start[1] + left as isize) as usize;
        let whole = columns == width
            && self.start[1] == 0
            && self.start[0] >= 0
            && self.start[0] + rows as isize <= height as isize;
        let pairs = planes.chunks_exact(height * width).zip(copy.chunks_exact_mut(plane));
        for (planes, copy) in pairs {
            let (copy, slack) = copy.split_at_mut(rows * columns);
            slack.fill(T::zero());
            if whole {
                let first = self.start[0] as usize * width;
                copy.copy_from_slice(&planes[first..first + rows * columns]);
                continue;
            }
            for (i, to) in copy.chunks_exact_mut(columns).enumerate() {
                let row = self.start[0] + i as isize;
                if !(0..height as isize).contains(&row) || left == right {
                    to.fill(T::zero());
                    continue;
                }
                to[..left].fill(T::zero());
                to[right..].fill(T::zero());
                let start = row as usize * width + from;
                to[left..right].copy_from_slice(&planes[start..start + right - left]);
            }
        }
        copy
    }

    /// The rows of each of `planes` that [`Region::copy`] reads.
    pub fn rows_of<'a, T>(
        &self,
        planes: &'a [T],
        [height, width]: [usize; 2],
    ) -> impl Iterator<Item = &'a [T]> + use<'a, T> {
        let [first, last] = [0, self.size[0]]
            .map(|row| (self.start[0] + row as isize).clamp(0, height as isize) as usize * width);
        planes.chunks_exact(height * width).map(move |plane| &plane[first..last])
    }

    /// `at` moved to the picture's edge if it lies outside, both counted from the region's start.
    pub fn inside(&self, axis: usize, at: usize, length: usize) -> usize {
        let place = (self.start[axis] + at as isize).clamp(0, length as isize) - self.start[axis];
        place.clamp(0, self.size[axis] as isize) as usize
    }
}

/// How a call is cut for the caches; a function of its shape alone.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blocking {
    /// Rows and columns of places that are worked on together.
    pub block: [usize; 2],
    /// Planes of the source that are copied together.
    pub planes: usize,
    /// Rows and columns of the source that a block reads.
    region: [usize; 2],
}

impl Blocking {
    /// For `samples` results of `columns` numbers at each of `places`, from `planes` planes read along the
    /// two axes.
    pub fn new(
        places: [usize; 2],
        axes: [&PhaseAxis; 2],
        samples: usize,
        planes: usize,
        columns: usize,
    ) -> Self {
        let region = |block: [usize; 2]| [0, 1].map(|i| axes[i].region(0, block[i]).1);
        // The results of a block stay in the cache with some of what they are made of, there are
        // blocks for every thread, and enough planes are copied together for a register's sum to be
        // worth loading.
        let shared = places[0] * places[1] * samples.max(1) / (2 * TASKS);
        let positions = (BLOCK / (columns + planes.min(STEPS)).max(1)).min(shared).clamp(64, 1024);
        let taps = axes.map(|axis| axis.groups[0].offsets.len()).iter().product::<usize>().max(1);
        let least = STEPS.div_ceil(taps);
        let fits = |block: [usize; 2]| {
            let [rows, columns] = region(block);
            block[0] * block[1] <= positions && rows * columns * least <= BLOCK
        };
        // Whole rows where they fit.
        let [mut rows, mut columns] = [1, places[1]];
        while columns > 8 && !fits([rows, columns]) {
            columns = columns.div_ceil(2);
        }
        while rows < places[0] && fits([rows + 1, columns]) {
            rows += 1;
        }
        // Blocks of about the same size.
        rows = places[0].div_ceil(places[0].div_ceil(rows));
        columns = places[1].div_ceil(places[1].div_ceil(columns));
        let region = region([rows, columns]);
        let together = (BLOCK / 2 / (region[0] * region[1])).max(1);
        let planes = planes.div_ceil(planes.div_ceil(together).max(1)).max(1);
        Self { block: [rows, columns], planes, region }
    }

    /// What the block that begins at a place reads.
    pub fn region(&self, axes: [&PhaseAxis; 2], start: [usize; 2]) -> Region {
        let start = [0, 1].map(|i| axes[i].region(start[i], 1).0);
        Region { start, size: self.region }
    }

    /// Where the offsets of two phase groups lie in the copy of a region, for each of `planes`.
    pub fn taps(&self, groups: [&PhaseGroup; 2], axes: [&PhaseAxis; 2], planes: usize) -> Vec<u32> {
        let plane = Region { start: [0; 2], size: self.region }.plane();
        let [low_y, low_x] = axes.map(|axis| axis.reach().0);
        let mut taps = Vec::new();
        for nth in 0..planes {
            for dy in &groups[0].offsets {
                let row = nth * plane + (dy - low_y) as usize * self.region[1];
                let place = |dx: &isize| (row + (dx - low_x) as usize) as u32;
                taps.extend(groups[1].offsets.iter().map(place));
            }
        }
        taps
    }
}

/// Where the places of a block stand in a region whose rows are `pitch` apart.
pub(super) fn position_table(
    [rows, columns]: [usize; 2],
    step: [usize; 2],
    pitch: usize,
) -> Vec<u32> {
    let mut table = Vec::with_capacity(rows * columns);
    for y in 0..rows {
        table.extend((0..columns).map(|x| (y * step[0] * pitch + x * step[1]) as u32));
    }
    table
}

/// The blocks of `size` that make up `places`: first row and column, and rows and columns.
pub(super) fn blocks(places: [usize; 2], size: [usize; 2]) -> Vec<([usize; 2], [usize; 2])> {
    let mut blocks = Vec::new();
    for y in (0..places[0]).step_by(size[0]) {
        for x in (0..places[1]).step_by(size[1]) {
            let rest = [places[0] - y, places[1] - x];
            blocks.push(([y, x], [size[0].min(rest[0]), size[1].min(rest[1])]));
        }
    }
    blocks
}

/// The parts of `out`, `[plane, row, column]`, that belong to the blocks of `size`, in their order.
pub(super) fn split<T>(out: ArrayViewMut3<'_, T>, size: [usize; 2]) -> Vec<ArrayViewMut3<'_, T>> {
    let mut parts = Vec::new();
    let mut rest = out;
    while rest.dim().1 > 0 {
        let rows = size[0].min(rest.dim().1);
        let (mut band, below) = rest.split_at(Axis(1), rows);
        rest = below;
        while band.dim().2 > 0 {
            let columns = size[1].min(band.dim().2);
            let (part, right) = band.split_at(Axis(2), columns);
            parts.push(part);
            band = right;
        }
    }
    parts
}
