//! An input as the matrix a convolution multiplies: one row a channel and tap, one column a position.

use crate::{Element, Geometry};
use std::ops::Range;

/// Elements of a tile of columns: about half of a core's second-level cache.
const TILE: usize = 96 << 10;

/// Cuts the positions of a geometry into tiles whose columns have bounded size, `rows` high.
/// A function of the shape alone.
pub(super) fn tile_positions(geometry: &Geometry, rows: usize) -> usize {
    let positions = geometry.positions();
    let tiles = (positions * rows).div_ceil(TILE).max(1);
    // Whole cache lines, and never so few positions that the weight is packed more often than used.
    positions.div_ceil(tiles).next_multiple_of(16).max(16)
}

/// Where the columns of one plane meet its pixels, for a tile of positions: worked out once, used for
/// every channel.
pub(super) struct Meeting {
    runs: Vec<Run>,
    /// Elements of one plane's columns.
    size: usize,
    stride: usize,
    pixels: usize,
}

/// Neighbouring columns and the pixels they stand for.
struct Run {
    columns: Range<usize>,
    /// The first pixel; the others follow at the horizontal stride.
    pixel: usize,
}

impl Meeting {
    pub fn new(geometry: &Geometry, positions: Range<usize>) -> Self {
        let width = positions.len();
        let mut runs = Vec::new();
        geometry.walk(positions, |tap, run, pixel| {
            runs.push(Run { columns: tap * width + run.start..tap * width + run.end, pixel });
        });
        let (size, stride) = (geometry.taps() * width, geometry.axes()[1].stride);
        Self { runs, size, stride, pixels: geometry.pixels() }
    }
}

/// Copies the pixels of `input`, `[channel, pixel]`, to `columns`, `[channel · tap, position]`; places on
/// padding become 0. Adjoint: [`col2im`].
pub(super) fn im2col<T: Element>(meeting: &Meeting, input: &[T], columns: &mut [T]) {
    let planes = input.chunks_exact(meeting.pixels).zip(columns.chunks_exact_mut(meeting.size));
    for (plane, columns) in planes {
        // Runs come in the order of their columns: what lies between them is padding.
        let mut done = 0;
        for Run { columns: run, pixel } in &meeting.runs {
            columns[done..run.start].fill(T::zero());
            let to = &mut columns[run.clone()];
            if meeting.stride == 1 {
                to.copy_from_slice(&plane[*pixel..][..to.len()]);
            } else {
                let pixels = plane[*pixel..].iter().step_by(meeting.stride);
                to.iter_mut().zip(pixels).for_each(|(c, &p)| *c = p);
            }
            done = run.end;
        }
        columns[done..].fill(T::zero());
    }
}

/// Adds `columns`, `[channel · tap, position]`, to the pixels of `input`, `[channel, pixel]`, that they
/// stand for. Adjoint: [`im2col`].
pub(super) fn col2im<T: Element>(meeting: &Meeting, columns: &[T], input: &mut [T]) {
    let planes = input.chunks_exact_mut(meeting.pixels).zip(columns.chunks_exact(meeting.size));
    for (plane, columns) in planes {
        for Run { columns: run, pixel } in &meeting.runs {
            let from = &columns[run.clone()];
            if meeting.stride == 1 {
                plane[*pixel..].iter_mut().zip(from).for_each(|(p, &c)| *p += c);
            } else {
                let pixels = plane[*pixel..].iter_mut().step_by(meeting.stride);
                pixels.zip(from).for_each(|(p, &c)| *p += c);
            }
        }
    }
}
