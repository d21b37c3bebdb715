//! Rectangles of tiles, and the operands' values in the places of transformed tiles.

use super::parts::Parts;
use super::squares::Squares;
use super::transform::{Input, Output, Side, TILE};
use crate::Element;
use crate::buffer::Buffer;
use crate::conv::panels::add_rows;
use crate::conv::stage::{Region, blocks, split};
use crate::machine::transpose::transpose;
use crate::matmul::matrix_mut;
use ndarray::{ArrayView3, ArrayViewMut3, s};
use std::array::from_fn;

/// Tiles that are transformed together.
const TILES: usize = 24;

/// Planes of a channels-last copy are a multiple of this, the most that a register holds.
const LANES: usize = 16;

/// A rectangle of tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct TileBlock {
    start: [usize; 2],
    size: [usize; 2],
}

/// The tiles over so many positions, or pixels of a phase, in blocks of about [`TILES`]; the first is the
/// largest.
pub(super) fn tile_blocks(places: [usize; 2]) -> Vec<TileBlock> {
    let tiles = places.map(|places| places.div_ceil(TILE));
    let columns = tiles[1].div_ceil(tiles[1].div_ceil(TILES));
    let rows = (TILES / columns).clamp(1, tiles[0]);
    let rows = tiles[0].div_ceil(tiles[0].div_ceil(rows));
    let blocks = blocks(tiles, [rows, columns]).into_iter();
    blocks.map(|(start, size)| TileBlock { start, size }).collect()
}

/// The parts of a result, `[plane, row, column]`, that the blocks compute.
pub(super) fn block_parts<'a, T>(
    out: ArrayViewMut3<'a, T>,
    blocks: &[TileBlock],
    axes: &[Parts; 2],
) -> Vec<ArrayViewMut3<'a, T>> {
    let size = |first: &TileBlock| from_fn(|i| first.size[i] * axes[i].result_step);
    split(out, blocks.first().map_or([1; 2], size))
}

/// Places of a transformed tile.
pub(super) fn places(axes: &[Parts; 2]) -> usize {
    axes.iter().map(|axis| axis.length(Side::Places)).product()
}

/// Planes of a channels-last copy.
pub(super) fn padded(planes: usize) -> usize {
    planes.next_multiple_of(LANES)
}

/// Elements from one place of a transformed block to the next: an odd number of cache lines.
pub(super) fn place_pitch<T>(size: usize) -> usize {
    let line = 64 / size_of::<T>();
    (size.div_ceil(line) | 1) * line
}

impl TileBlock {
    pub fn tiles(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Where each tile begins in a channels-last picture, and in one place of the transformed block.
    /// Tiles of the picture are `step` apart, its rows `pitch` numbers.
    pub fn corners(&self, step: [usize; 2], planes: usize, pitch: usize) -> Vec<[usize; 2]> {
        let [rows, columns] = self.size;
        let tile = |y: usize, x: usize| {
            [y * step[0] * pitch + x * step[1] * planes, (y * columns + x) * planes]
        };
        (0..rows).flat_map(|y| (0..columns).map(move |x| tile(y, x))).collect()
    }

    /// Rows and columns of the results, and how many numbers a channels-last row of them has.
    pub fn results(&self, axes: &[Parts; 2], planes: usize) -> ([usize; 2], usize) {
        let size = from_fn(|i| self.size[i] * axes[i].result_step);
        (size, size[1] * planes)
    }

    /// What the block reads of a source, of which the first tile reads the pixels from `low` on.
    pub fn source(&self, axes: &[Parts; 2], low: [isize; 2]) -> Region {
        let step = axes.each_ref().map(|axis| axis.source_step);
        Region {
            start: from_fn(|i| (self.start[i] * step[i]) as isize + low[i]),
            size: from_fn(|i| (self.size[i] - 1) * step[i] + axes[i].length(Side::Source)),
        }
    }

    /// Bᵀ d of a block, `[place, tile, plane]`, from planes of a source of which the first tile reads the
    /// pixels from `low` on.
    pub fn transformed_source<T: Element>(
        &self,
        axes: &[Parts; 2],
        planes: ArrayView3<'_, T>,
        low: [isize; 2],
    ) -> Buffer<T> {
        let step = axes.each_ref().map(|axis| axis.source_step);
        let region = self.source(axes, low);
        let room = padded(planes.dim().0);
        let turned = channels_last(planes, &region, room);
        let pitch = region.size[1] * room;
        let place_pitch = place_pitch::<T>(self.tiles() * room);
        let mut out = Buffer::scratch(places(axes) * place_pitch);
        Squares {
            axes,
            from: &turned,
            from_pitch: [pitch, room],
            to: &mut out,
            to_pitch: [axes[1].length(Side::Places) * place_pitch, place_pitch],
            corners: &self.corners(step, room, pitch),
            planes: room,
            bias: None,
        }
        .transform::<Input>();
        out
    }

    /// What the block reads of an output.
    pub fn output(&self) -> Region {
        Region {
            start: self.start.map(|tile| (tile * TILE) as isize),
            size: self.size.map(|tiles| tiles * TILE),
        }
    }

    /// A y of a block, `[place, tile, column]`, from planes of an output, whose sums are added to `totals`.
    pub fn transformed_output<T: Element>(
        &self,
        axes: &[Parts; 2],
        output: ArrayView3<'_, T>,
        width: usize,
        totals: &mut [T],
    ) -> Buffer<T> {
        let step = [TILE; 2];
        let region = self.output();
        let turned = channels_last(output, &region, width);
        add_rows(totals, &turned);
        let pitch = region.size[1] * width;
        let place_pitch = place_pitch::<T>(self.tiles() * width);
        let mut out = Buffer::scratch(places(axes) * place_pitch);
        Squares {
            axes,
            from: &turned,
            from_pitch: [pitch, width],
            to: &mut out,
            to_pitch: [axes[1].length(Side::Places) * place_pitch, place_pitch],
            corners: &self.corners(step, width, pitch),
            planes: width,
            bias: None,
        }
        .transform::<Output>();
        out
    }
}

/// A region of `planes`, `[plane, row, column]`, as `[row, column, plane]` with room for `room`
/// planes; padding becomes 0.
fn channels_last<T: Element>(planes: ArrayView3<'_, T>, region: &Region, room: usize) -> Buffer<T> {
    let (count, height, width) = planes.dim();
    let [rows, columns] = region.size;
    let mut out = Buffer::scratch(rows * columns * room);
    let left = region.inside(1, 0, width);
    let right = region.inside(1, columns, width).max(left);
    let from = region.start[1] + left as isize;
    for (i, line) in out.chunks_exact_mut(columns * room).enumerate() {
        let row = region.start[0] + i as isize;
        if !(0..height as isize).contains(&row) || left == right {
            line.fill(T::zero());
            continue;
        }
        if count < room {
            line.fill(T::zero());
        }
        line[..left * room].fill(T::zero());
        line[right * room..].fill(T::zero());
        let from = planes.slice(s![.., row, from..from + (right - left) as isize]);
        let mut to = matrix_mut([right - left, room], &mut line[left * room..]);
        transpose(from, to.slice_mut(s![.., ..count]));
    }
    out
}

/// Planes as rows and columns.
pub fn planes_of<T>(count: usize, [height, width]: [usize; 2], planes: &[T]) -> ArrayView3<'_, T> {
    ArrayView3::from_shape((count, height, width), planes).expect("the sizes match")
}
