//! 3×3 windows with stride 1, with a quarter of the multiplications.
//!
//! Tiles of 4×4 places are computed from 6×6 sources. In each of the 36 places of a transformed tile
//! the form is a product of matrices, over planes, and so are its three maps:
//!
//! ```text
//! F  =  Σ_ξ Σ_tile  Y[ξ, o, tile] · W[ξ, o, c] · X[ξ, c, tile]
//! ```

mod transform;

use super::correlation::Correlation;
use super::panels::{Packed, Panel};
use super::phases::PhaseAxis;
use super::stage::Region;
use super::{Form, TASKS, add_chunks, partial_chunks};
use crate::buffer::Buffer;
use crate::machine::product::{Lines, Product, Start};
use crate::machine::transpose::transpose;
use crate::matmul::{matrix, matrix_mut};
use crate::{Element, Tensor};
use ndarray::{ArrayView3, ArrayViewMut3, Axis, s};
use rayon::prelude::*;
use std::array::from_fn;
use std::ops::Range;
use transform::{Input, Kernel, KernelBack, Output, OutputBack, SIDE, Squares, TILE};

/// Places of a transformed tile.
const PLACES: usize = SIDE * SIDE;

/// Tiles that are transformed together.
const TILES: usize = 24;

/// Planes of a channels-last copy are a multiple of this, the most that a register holds.
const LANES: usize = 16;

/// `[batch, groups · from, ..]` to `out`, `[batch, groups · to, ..]`.
pub(super) fn run<T: Element>(
    correlation: &Correlation,
    source: &Tensor<T>,
    weight: &Tensor<T>,
    bias: Option<&Tensor<T>>,
    out: &mut [T],
) {
    let [y, x] = &correlation.axes;
    let (sizes, low) = ([y.source, x.source], [y.reach().0, x.reach().0]);
    let [source_area, out_area] = correlation.areas();
    let (source_size, out_size) = (correlation.from * source_area, correlation.to * out_area);
    let images = out.len() / out_size.max(1);
    let blocks = tile_blocks([y.result, x.result]);
    let shares =
        TASKS.div_ceil((images * blocks.len()).max(1)).min(correlation.to.div_ceil(48)).max(1);
    let planes = correlation.to.div_ceil(shares);
    let ranges: Vec<Range<usize>> =
        (0..correlation.to).step_by(planes).map(|p| p..(p + planes).min(correlation.to)).collect();
    let size = weight.len() / correlation.groups;
    let weights: Vec<Vec<Packed<T>>> = (0..correlation.groups)
        .map(|group| {
            let weight = &weight.as_slice()[group * size..][..size];
            ranges.par_iter().map(|range| transformed_weight(correlation, weight, range)).collect()
        })
        .collect();
    let mut tasks = Vec::new();
    for (nth, out) in out.chunks_exact_mut(out_size.max(1)).enumerate() {
        let mut rest = ArrayViewMut3::from_shape((correlation.to, y.result, x.result), out)
            .expect("the sizes match");
        for (range, weights) in ranges.iter().zip(&weights[nth % correlation.groups]) {
            let (part, after) = rest.split_at(Axis(0), range.len());
            rest = after;
            for (block, part) in blocks.iter().zip(block_parts(part, &blocks)) {
                tasks.push((nth, block, range, weights, part));
            }
        }
    }
    tasks.into_par_iter().for_each(|(nth, block, range, weights, mut out)| {
        let bias = correlation.bias_of(nth, bias.map(Tensor::as_slice));
        let bias = bias.map(|bias| &bias[range.clone()]);
        let planes = &source.as_slice()[nth * source_size..][..source_size];
        let picture = block.transformed_source(planes, sizes, low);
        let rows: Vec<u32> =
            (0..block.tiles()).map(|tile| (tile * padded(correlation.from)) as u32).collect();
        let steps: Vec<u32> = (0..correlation.from as u32).collect();
        for panel in &weights.panels {
            let product_size = apart::<T>(block.tiles() * panel.width);
            let mut products = Buffer::scratch(PLACES * product_size);
            let weights = weights.of(panel).chunks_exact(correlation.from * panel.width);
            let pairs = picture.chunks_exact(picture.len() / PLACES).zip(weights);
            for ((picture, panel_of), out) in pairs.zip(products.chunks_exact_mut(product_size)) {
                let out = &mut out[..block.tiles() * panel.width];
                let (rows, steps) = (&rows, &steps);
                Product {
                    picture,
                    rows,
                    steps,
                    panel: panel_of,
                    lines: Lines::Adjacent,
                    start: Start::Zero,
                    out,
                }
                .run();
            }
            let mut start = vec![T::zero(); panel.width];
            if let Some(bias) = bias {
                start[..panel.columns.len()].copy_from_slice(&bias[panel.columns.clone()]);
            }
            let mut turned = Buffer::scratch(block.tiles() * TILE * TILE * panel.width);
            let pitch = block.size[1] * TILE * panel.width;
            let corners = block.corners(panel.width, pitch);
            let corners: Vec<_> = corners.iter().map(|[picture, tile]| [*tile, *picture]).collect();
            Squares {
                from: &products,
                from_apart: [SIDE * product_size, product_size],
                to: &mut turned,
                to_apart: [pitch, panel.width],
                corners: &corners,
                planes: panel.width,
                bias: Some(&start),
            }
            .transform::<OutputBack, 6, 4>();
            let mut planes = out.slice_mut(s![panel.columns.clone(), .., ..]);
            let columns = planes.dim().2;
            for (row, line) in planes.axis_iter_mut(Axis(1)).zip(turned.chunks_exact(pitch)) {
                let line = matrix([columns, panel.width], line);
                transpose(line.slice(s![.., ..panel.columns.len()]), row);
            }
        }
    });
}

/// The weights of some result planes: for each panel, `[place, from, column]`.
fn transformed_weight<T: Element>(
    correlation: &Correlation,
    weight: &[T],
    to: &Range<usize>,
) -> Packed<T> {
    let [rows, columns] = correlation.axes.each_ref().map(taps_of);
    let taps_of_nine: [usize; 9] =
        from_fn(|i| correlation.weight_at(0, 0, [rows[i / 3], columns[i % 3]]));
    Packed::new(to.len(), PLACES * correlation.from, |panel, out| {
        let mut taps = Buffer::full(9 * panel.width, T::zero());
        for from in 0..correlation.from {
            for (j, column) in panel.columns.clone().enumerate() {
                let first = correlation.weight_at(from, to.start + column, [0; 2]);
                for (i, tap) in taps_of_nine.iter().enumerate() {
                    taps[i * panel.width + j] = weight[first + tap];
                }
            }
            Squares {
                from: &taps,
                from_apart: [3 * panel.width, panel.width],
                to: out,
                to_apart: [SIDE, 1].map(|places| places * correlation.from * panel.width),
                corners: &[[0, from * panel.width]],
                planes: panel.width,
                bias: None,
            }
            .transform::<Kernel, 3, 6>();
        }
    })
}

/// The taps at three neighbouring offsets, the lowest first.
fn taps_of(axis: &PhaseAxis) -> [usize; 3] {
    let group = &axis.groups[0];
    let at =
        |place: isize| group.offsets.iter().position(|offset| offset - axis.reach().0 == place);
    [0, 1, 2].map(|place| group.phases[0].taps[at(place).expect("three neighbouring offsets")])
}

/// `weight = map · columns(image)ᵀ`, summed over the batch
pub(super) fn weight<T: Element>(
    form: &Form<'_>,
    batch: usize,
    image: &Tensor<T>,
    map: &Tensor<T>,
    out: &mut [T],
) {
    let low = form.geometry.axes().map(|axis| -(axis.before as isize));
    let blocks: Vec<(usize, TileBlock)> = (0..batch)
        .flat_map(|n| tile_blocks(form.geometry.map()).into_iter().map(move |block| (n, block)))
        .collect();
    let panels = Panel::cut::<T>(form.group_outputs);
    let room = Panel::room(&panels);
    let size = PLACES * form.group_inputs * room;
    let chunks = partial_chunks(form.groups * size / 2, blocks.len());
    let shares = TASKS.div_ceil(chunks * form.groups).min(form.group_inputs.div_ceil(LANES)).max(1);
    let inputs = form.group_inputs.div_ceil(shares);
    if blocks.is_empty() {
        return out.fill(T::zero());
    }
    let pixels = form.geometry.pixels();
    let mut sums = Buffer::scratch(chunks * form.groups * size);
    let tasks: Vec<_> = sums
        .chunks_exact_mut(size)
        .enumerate()
        .flat_map(|(nth, sum)| {
            sum.chunks_mut(PLACES * inputs * room)
                .enumerate()
                .map(move |(share, sum)| (nth, share * inputs, sum))
        })
        .collect();
    tasks.into_par_iter().for_each(|(nth, input, sum)| {
        let (chunk, group) = (nth / form.groups, nth % form.groups);
        let inputs = sum.len() / (PLACES * room);
        let rows: Vec<u32> = (0..inputs as u32).collect();
        let own = blocks.len() * chunk / chunks..blocks.len() * (chunk + 1) / chunks;
        let mut start = Start::Zero;
        for (n, block) in &blocks[own] {
            let nth = n * form.groups + group;
            let planes = &form.image_of(nth, image)[input * pixels..][..inputs * pixels];
            let picture = block.transformed_source(planes, form.geometry.image(), low);
            let steps: Vec<u32> =
                (0..block.tiles()).map(|tile| (tile * padded(inputs)) as u32).collect();
            let map_size = form.geometry.map();
            let map = ArrayView3::from_shape(
                (form.group_outputs, map_size[0], map_size[1]),
                form.map_of(nth, map),
            )
            .expect("the sizes match");
            for panel in &panels {
                let map = map.slice(s![panel.columns.clone(), .., ..]);
                let maps = block.transformed_map(map, panel.width);
                let sums = sum[panel.place(PLACES * inputs)].chunks_exact_mut(inputs * panel.width);
                let pairs = picture
                    .chunks_exact(picture.len() / PLACES)
                    .zip(maps.chunks_exact(maps.len() / PLACES));
                for ((picture, map), out) in pairs.zip(sums) {
                    let map = &map[..block.tiles() * panel.width];
                    let (rows, steps) = (&rows, &steps);
                    Product {
                        picture,
                        rows,
                        steps,
                        panel: map,
                        lines: Lines::Adjacent,
                        start,
                        out,
                    }
                    .run();
                }
            }
            start = Start::Kept;
        }
    });
    finish(form, add_chunks(&mut sums, chunks), inputs, &panels, out);
}

/// Transforms sums back and puts them in the order of weights.
fn finish<T: Element>(form: &Form<'_>, sums: &[T], inputs: usize, panels: &[Panel], out: &mut [T]) {
    let room = Panel::room(panels);
    let size = PLACES * form.group_inputs * room;
    let places: Vec<_> =
        (0..form.groups).flat_map(|group| panels.iter().map(move |panel| (group, panel))).collect();
    let mut rest = out;
    let mut tasks = Vec::new();
    for (group, panel) in places {
        let (part, after) = rest.split_at_mut(panel.columns.len() * form.lines);
        rest = after;
        tasks.push((group, panel, part));
    }
    tasks.into_par_iter().for_each(|(group, panel, out)| {
        let mut taps = Buffer::scratch(9 * panel.width);
        for input in 0..form.group_inputs {
            let (share, line) = (input / inputs, input % inputs);
            let own = inputs.min(form.group_inputs - share * inputs);
            let sums = &sums[group * size + share * PLACES * inputs * room..];
            let sums = &sums[panel.place(PLACES * own)];
            Squares {
                from: sums,
                from_apart: [SIDE, 1].map(|places| places * own * panel.width),
                to: &mut taps,
                to_apart: [3 * panel.width, panel.width],
                corners: &[[line * panel.width, 0]],
                planes: panel.width,
                bias: None,
            }
            .transform::<KernelBack, 6, 3>();
            for j in 0..panel.columns.len() {
                for tap in 0..9 {
                    out[j * form.lines + input * 9 + tap] = taps[tap * panel.width + j];
                }
            }
        }
    });
}

/// A rectangle of tiles.
#[derive(Clone, Copy, Debug)]
struct TileBlock {
    start: [usize; 2],
    size: [usize; 2],
}

/// The tiles of a result in blocks of about [`TILES`].
fn tile_blocks(result: [usize; 2]) -> Vec<TileBlock> {
    let tiles = result.map(|places| places.div_ceil(TILE));
    let columns = tiles[1].div_ceil(tiles[1].div_ceil(TILES));
    let rows = (TILES / columns).clamp(1, tiles[0]);
    let rows = tiles[0].div_ceil(tiles[0].div_ceil(rows));
    super::stage::blocks(tiles, [rows, columns])
        .into_iter()
        .map(|(start, size)| TileBlock { start, size })
        .collect()
}

/// The parts of a result, `[plane, row, column]`, that the blocks compute.
fn block_parts<'a, T>(
    out: ArrayViewMut3<'a, T>,
    blocks: &[TileBlock],
) -> Vec<ArrayViewMut3<'a, T>> {
    let size = blocks.first().map_or([1; 2], |block| block.size.map(|tiles| tiles * TILE));
    super::stage::split(out, size)
}

/// Planes of a channels-last copy.
fn padded(planes: usize) -> usize {
    planes.next_multiple_of(LANES)
}

/// Elements from one place of a transformed block to the next: an odd number of cache lines.
fn apart<T>(size: usize) -> usize {
    let line = 64 / size_of::<T>();
    (size.div_ceil(line) | 1) * line
}

impl TileBlock {
    fn tiles(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Where each tile begins in a channels-last picture whose rows are `pitch` apart, and in one
    /// place of the transformed block.
    fn corners(&self, planes: usize, pitch: usize) -> Vec<[usize; 2]> {
        let [rows, columns] = self.size;
        let tile =
            |y: usize, x: usize| [y * TILE * pitch + x * TILE * planes, (y * columns + x) * planes];
        (0..rows).flat_map(|y| (0..columns).map(move |x| tile(y, x))).collect()
    }

    /// X of a block, `[place, tile, plane]`, from planes of a source.
    fn transformed_source<T: Element>(
        &self,
        planes: &[T],
        source: [usize; 2],
        low: [isize; 2],
    ) -> Buffer<T> {
        let count = planes.len() / (source[0] * source[1]);
        let region = Region {
            start: from_fn(|i| (self.start[i] * TILE) as isize + low[i]),
            size: self.size.map(|tiles| tiles * TILE + SIDE - TILE),
        };
        let planes = ArrayView3::from_shape((count, source[0], source[1]), planes);
        let turned = channels_last(planes.expect("the sizes match"), &region, padded(count));
        let apart = apart::<T>(self.tiles() * padded(count));
        let mut out = Buffer::scratch(PLACES * apart);
        let pitch = region.size[1] * padded(count);
        Squares {
            from: &turned,
            from_apart: [pitch, padded(count)],
            to: &mut out,
            to_apart: [SIDE * apart, apart],
            corners: &self.corners(padded(count), pitch),
            planes: padded(count),
            bias: None,
        }
        .transform::<Input, 6, 6>();
        out
    }

    /// Y of a block, `[place, tile, column]`, from planes of a map.
    fn transformed_map<T: Element>(&self, map: ArrayView3<'_, T>, width: usize) -> Buffer<T> {
        let region = Region {
            start: self.start.map(|tile| (tile * TILE) as isize),
            size: self.size.map(|tiles| tiles * TILE),
        };
        let turned = channels_last(map, &region, width);
        let apart = apart::<T>(self.tiles() * width);
        let mut out = Buffer::scratch(PLACES * apart);
        let pitch = region.size[1] * width;
        Squares {
            from: &turned,
            from_apart: [pitch, width],
            to: &mut out,
            to_apart: [SIDE * apart, apart],
            corners: &self.corners(width, pitch),
            planes: width,
            bias: None,
        }
        .transform::<Output, 4, 6>();
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
