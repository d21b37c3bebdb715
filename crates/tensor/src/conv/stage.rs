//! Blocks of a picture, copied close together and with their padding, for a kernel to read.

use crate::Element;
use crate::buffer::Buffer;
use ndarray::{ArrayViewMut3, Axis};

/// Elements of a block that is worked on at a time: with what is computed from it, about half of a
/// core's second-level cache.
pub(super) const BLOCK: usize = 64 << 10;

/// Bytes of a cache line.
const LINE: usize = 64;

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
    pub fn plane<T>(&self) -> usize {
        let line = LINE / size_of::<T>();
        let lines = (self.size[0] * self.size[1]).div_ceil(line);
        (lines | 1) * line
    }

    /// Copies the region out of `planes`, each `[height, width]`; padding becomes 0. The copy's planes
    /// are [`Region::plane`] apart and its rows adjacent.
    pub fn copy<T: Element>(&self, planes: &[T], [height, width]: [usize; 2]) -> Buffer<T> {
        let [rows, columns] = self.size;
        let count = planes.len() / (height * width);
        let plane = self.plane::<T>();
        let mut copy = Buffer::scratch(count * plane);
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

    /// `at` moved to the picture's edge if it lies outside, both counted from the region's start.
    pub fn inside(&self, axis: usize, at: usize, length: usize) -> usize {
        let place = (self.start[axis] + at as isize).clamp(0, length as isize) - self.start[axis];
        place.clamp(0, self.size[axis] as isize) as usize
    }
}

/// Cuts a plane of `places` into blocks of bounded size, given how many rows and columns of the source
/// a block of a size reads and how many planes the source has. Whole rows where they fit, and enough
/// blocks for the threads; a function of the shape alone.
pub(super) fn block_size(
    places: [usize; 2],
    planes: usize,
    spots: usize,
    source: impl Fn([usize; 2]) -> [usize; 2],
) -> [usize; 2] {
    let fits = |block: [usize; 2]| {
        let [rows, columns] = source(block);
        block[0] * block[1] <= spots && rows * columns * planes <= BLOCK
    };
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
    [rows, columns]
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
