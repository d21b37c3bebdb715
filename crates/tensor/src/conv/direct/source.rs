//! What a correlation reads: block by block, a few planes at a time, and what comes next.

use crate::Element;
use crate::buffer::Buffer;
use crate::conv::phases::PhaseAxis;
use crate::conv::stage::{Blocking, Region};
use std::ops::Range;

/// Pictures that are read in blocks.
pub(super) struct Source<'a, T> {
    /// The first plane that is read, and all behind it.
    pub numbers: &'a [T],
    /// Numbers from one picture to the next.
    pub sample_pitch: usize,
    /// Planes that are read of each picture.
    pub planes: usize,
    /// Rows and columns of a plane.
    pub size: [usize; 2],
    pub axes: [&'a PhaseAxis; 2],
    pub plan: Blocking,
    /// The picture and the first place of each block, in the order that they are worked on.
    pub blocks: Vec<(usize, [usize; 2])>,
}

impl<T: Element> Source<'_, T> {
    /// The planes of a picture, as many at a time as are copied together.
    pub fn parts(&self) -> impl Iterator<Item = Range<usize>> + use<T> {
        let (all, count) = (self.planes, self.plan.planes);
        (0..all).step_by(count).map(move |first| first..all.min(first + count))
    }

    /// A copy of some planes of a block, with `room` zeros behind.
    pub fn copy(&self, block: usize, planes: Range<usize>, room: usize) -> Buffer<T> {
        let (region, numbers) = self.part(block, planes);
        region.copy(numbers, self.size, room)
    }

    /// Numbers of a row of a copy.
    pub fn pitch(&self) -> usize {
        self.plan.region(self.axes, [0; 2]).size[1]
    }

    /// What is read after some planes of a block: the block's next planes or the next block's first.
    pub fn after(&self, block: usize, planes: Range<usize>) -> Vec<&[T]> {
        let count = self.plan.planes;
        let (block, first) =
            if planes.end < self.planes { (block, planes.end) } else { (block + 1, 0) };
        if block == self.blocks.len() {
            return Vec::new();
        }
        let (region, numbers) = self.part(block, first..self.planes.min(first + count));
        region.rows_of(numbers, self.size).collect()
    }

    fn part(&self, block: usize, planes: Range<usize>) -> (Region, &[T]) {
        let (nth, start) = self.blocks[block];
        let area = self.size[0] * self.size[1];
        let numbers = &self.numbers[nth * self.sample_pitch..];
        (self.plan.region(self.axes, start), &numbers[planes.start * area..planes.end * area])
    }
}
