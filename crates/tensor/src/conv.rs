//! The convolution form, solved for each of its operands.
//!
//! ```text
//! F(x, w, y) = Σ y[n, o, spot] · w[o, c, tap] · x[n, c, pixel(spot, tap)]
//! ```
//!
//! Each solution is one product of matrices around the columns of an image, computed a tile of spots
//! at a time. Both layers are here: a transposed convolution is [`conv_adjoint`], which is also the
//! gradient of [`conv`] with respect to its image.
//!
//! Weights are `[outputs, inputs / groups, kernel height, kernel width]` in the convolution's sense,
//! so a transposed layer's weight reads `[in, out / groups, ..]`, and the same buffer given to both
//! functions makes them exact adjoints of each other.

use crate::buffer::Buffer;
use crate::columns::{Meeting, col2im, im2col, tile_spots};
use crate::matmul::{matrix, matrix_mut};
use crate::{Element, Geometry, Tensor, parallel};
use ndarray::{ArrayViewMut2, Axis, s};
use rayon::prelude::*;
use std::ops::Range;

/// Pieces that a call is cut into at least where it can be: enough for a laptop's cores.
const TASKS: usize = 8;

/// Elements up to which every chunk of a batch has a weight gradient of its own to add to.
const PARTIALS: usize = 4 << 20;

/// Solves for the map: `map = weight · columns(image) + bias`.
///
/// `image: [batch, inputs, height, width]`, `weight: [outputs, inputs / groups, kh, kw]`,
/// `bias: [outputs]`, result `[batch, outputs, map height, map width]`.
///
/// # Panics
/// If the shapes do not fit the geometry and the groups.
#[track_caller]
pub fn conv<T: Element>(
    geometry: &Geometry,
    groups: usize,
    image: &Tensor<T>,
    weight: &Tensor<T>,
    bias: Option<&Tensor<T>>,
) -> Tensor<T> {
    let form = Form::new("conv", geometry, groups, weight.shape());
    let batch = form.check_image(image);
    form.check_bias(bias, form.outputs);
    let [height, width] = geometry.map();
    Tensor::build([batch, form.outputs, height, width], |out| {
        let spots = geometry.spots();
        let mut tasks = Vec::new();
        for (nth, map) in out.chunks_mut(form.group_outputs * spots).enumerate() {
            let mut map = matrix_mut([form.group_outputs, spots], map);
            if let Some(bias) = bias {
                fill_rows(&mut map, form.bias_of(nth, bias));
            }
            tasks.extend(split_columns(map, form.tile).map(|(range, map)| (nth, range, map)));
        }
        let keep = if bias.is_some() { T::one() } else { T::zero() };
        tasks.into_par_iter().for_each(|(nth, spots, map)| {
            let columns = Columns::of(&form, form.image_of(nth, image), spots);
            T::gemm(T::one(), form.weight_of(nth, weight), columns.view(), keep, map);
        });
    })
}

/// Solves for the image: `image = columnsᵀ(weightᵀ · map) + bias`, where `columnsᵀ` adds each column
/// to the pixels it stands for. The transposed convolution, and the gradient of [`conv`] with respect
/// to its image.
///
/// `map: [batch, outputs, map height, map width]`, `weight: [outputs, inputs / groups, kh, kw]`,
/// `bias: [inputs]`, result `[batch, inputs, height, width]`.
///
/// # Panics
/// If the shapes do not fit the geometry and the groups.
#[track_caller]
pub fn conv_adjoint<T: Element>(
    geometry: &Geometry,
    groups: usize,
    map: &Tensor<T>,
    weight: &Tensor<T>,
    bias: Option<&Tensor<T>>,
) -> Tensor<T> {
    let form = Form::new("conv_adjoint", geometry, groups, weight.shape());
    let batch = form.check_map(map);
    form.check_bias(bias, form.inputs);
    let [height, width] = geometry.image();
    // A task owns whole planes of the image, so that no two add to the same pixel.
    let planes = form.group_inputs.div_ceil(TASKS.div_ceil((batch * groups).max(1)));
    Tensor::build([batch, form.inputs, height, width], |out| {
        let mut tasks = Vec::new();
        for (nth, image) in out.chunks_mut(form.group_inputs * geometry.pixels()).enumerate() {
            for (block, image) in image.chunks_mut(planes * geometry.pixels()).enumerate() {
                tasks.push((nth, block * planes, image));
            }
        }
        tasks.into_par_iter().for_each(|(nth, first, image)| {
            let count = image.len() / geometry.pixels();
            match bias.map(|bias| &bias.as_slice()[nth % groups * form.group_inputs + first..]) {
                Some(bias) => fill_rows(&mut matrix_mut([count, geometry.pixels()], image), bias),
                None => image.fill(T::zero()),
            }
            let lines = first * geometry.taps()..(first + count) * geometry.taps();
            let weight = form.weight_of(nth, weight);
            let weight = weight.slice(s![.., lines]).reversed_axes();
            let map = matrix([form.group_outputs, geometry.spots()], form.map_of(nth, map));
            if geometry.is_pointwise() {
                let image = matrix_mut([count, geometry.pixels()], image);
                return T::gemm(T::one(), weight, map, T::one(), image);
            }
            for spots in tiles(geometry.spots(), form.tile) {
                let size = [count * geometry.taps(), spots.len()];
                let mut columns = Buffer::scratch(size[0] * size[1]);
                let map = map.slice(s![.., spots.clone()]);
                T::gemm(T::one(), weight, map, T::zero(), matrix_mut(size, &mut columns));
                col2im(&Meeting::new(geometry, spots), &columns, image);
            }
        });
    })
}

/// Solves for the weight: `weight = map · columns(image)ᵀ`, summed over the batch.
///
/// `image: [batch, inputs, height, width]`, `map: [batch, outputs, map height, map width]`, result
/// `[outputs, inputs / groups, kh, kw]`.
///
/// # Panics
/// If the shapes do not fit the geometry and the groups.
#[track_caller]
pub fn conv_weight<T: Element>(
    geometry: &Geometry,
    groups: usize,
    image: &Tensor<T>,
    map: &Tensor<T>,
) -> Tensor<T> {
    let ([_, inputs, ..], [_, outputs, ..]) = (image.dims::<4>(), map.dims::<4>());
    assert!(groups > 0, "conv_weight: groups must be at least 1");
    let [kh, kw] = geometry.kernel();
    let shape = [outputs, inputs / groups, kh, kw];
    let form = Form::new("conv_weight", geometry, groups, &shape);
    let batch = form.check_image(image);
    assert_eq!(batch, form.check_map(map), "conv_weight: image and map differ in batch size");
    // Places are shared out in fixed chunks, and the chunks' sums are added in their order.
    let places: Vec<_> = (0..batch)
        .flat_map(|n| tiles(geometry.spots(), form.tile).map(move |spots| (n, spots)))
        .collect();
    let size = shape.iter().product::<usize>();
    let chunks = TASKS.min((PARTIALS / size.max(1)).max(2)).min(places.len()).max(1);
    let matrix_size = [form.group_outputs, form.lines];
    let partials: Vec<Buffer<T>> = (0..chunks)
        .into_par_iter()
        .map(|chunk| {
            let mut sum = Buffer::full(size, T::zero());
            let own = places.len() * chunk / chunks..places.len() * (chunk + 1) / chunks;
            for (n, spots) in &places[own] {
                for (group, sum) in
                    sum.chunks_exact_mut(matrix_size[0] * matrix_size[1]).enumerate()
                {
                    let nth = n * groups + group;
                    let columns = Columns::of(&form, form.image_of(nth, image), spots.clone());
                    let map = matrix([form.group_outputs, geometry.spots()], form.map_of(nth, map));
                    let map = map.slice(s![.., spots.clone()]);
                    let columns = columns.view().reversed_axes();
                    T::gemm(T::one(), map, columns, T::one(), matrix_mut(matrix_size, sum));
                }
            }
            sum
        })
        .collect();
    Tensor::build(shape, |out| {
        parallel::for_each_chunk(out, |at, out| {
            out.copy_from_slice(&partials[0][at..at + out.len()]);
            for partial in &partials[1..] {
                out.iter_mut().zip(&partial[at..]).for_each(|(o, &v)| *o += v);
            }
        });
    })
}

/// The sizes of one call. `nth` counts groups of a batch: picture by picture, group by group.
struct Form<'a> {
    name: &'static str,
    geometry: &'a Geometry,
    groups: usize,
    inputs: usize,
    outputs: usize,
    group_inputs: usize,
    group_outputs: usize,
    /// Rows of the columns of one group: input channels times taps.
    lines: usize,
    /// Spots of a tile of columns.
    tile: usize,
}

impl<'a> Form<'a> {
    #[track_caller]
    fn new(name: &'static str, geometry: &'a Geometry, groups: usize, weight: &[usize]) -> Self {
        let &[outputs, group_inputs, kh, kw] = weight else {
            panic!("{name}: expected a weight of 4 axes, got shape {weight:?}")
        };
        assert_eq!(
            [kh, kw],
            geometry.kernel(),
            "{name}: the weight {weight:?} does not have the window's kernel"
        );
        assert!(
            outputs > 0 && group_inputs > 0,
            "{name}: expected at least one channel on both sides of weight {weight:?}"
        );
        assert!(
            groups > 0 && outputs % groups == 0,
            "{name}: {groups} groups do not divide {outputs} outputs of weight {weight:?}"
        );
        let lines = group_inputs * geometry.taps();
        Self {
            name,
            geometry,
            groups,
            inputs: group_inputs * groups,
            outputs,
            group_inputs,
            group_outputs: outputs / groups,
            lines,
            tile: tile_spots(geometry, lines),
        }
    }

    #[track_caller]
    fn check_image<T: Element>(&self, image: &Tensor<T>) -> usize {
        self.check("an image", image, self.inputs, self.geometry.image())
    }

    #[track_caller]
    fn check_map<T: Element>(&self, map: &Tensor<T>) -> usize {
        self.check("a map", map, self.outputs, self.geometry.map())
    }

    #[track_caller]
    fn check<T: Element>(
        &self,
        what: &str,
        x: &Tensor<T>,
        channels: usize,
        [height, width]: [usize; 2],
    ) -> usize {
        match *x.shape() {
            [batch, c, h, w] if [c, h, w] == [channels, height, width] => batch,
            _ => panic!(
                "{}: expected {what} of shape [batch, {channels}, {height}, {width}] for {} \
                 groups, got {:?}",
                self.name,
                self.groups,
                x.shape()
            ),
        }
    }

    #[track_caller]
    fn check_bias<T: Element>(&self, bias: Option<&Tensor<T>>, channels: usize) {
        if let Some(bias) = bias {
            assert_eq!(bias.shape(), [channels], "{}: expected one bias a channel", self.name);
        }
    }

    fn image_of<'t, T: Element>(&self, nth: usize, image: &'t Tensor<T>) -> &'t [T] {
        let size = self.group_inputs * self.geometry.pixels();
        &image.as_slice()[nth * size..][..size]
    }

    fn map_of<'t, T: Element>(&self, nth: usize, map: &'t Tensor<T>) -> &'t [T] {
        let size = self.group_outputs * self.geometry.spots();
        &map.as_slice()[nth * size..][..size]
    }

    fn weight_of<'t, T: Element>(
        &self,
        nth: usize,
        weight: &'t Tensor<T>,
    ) -> ndarray::ArrayView2<'t, T> {
        let size = self.group_outputs * self.lines;
        let group = nth % self.groups;
        matrix([self.group_outputs, self.lines], &weight.as_slice()[group * size..])
    }

    /// The biases of the `nth` group's outputs.
    fn bias_of<'t, T: Element>(&self, nth: usize, bias: &'t Tensor<T>) -> &'t [T] {
        &bias.as_slice()[(nth % self.groups) * self.group_outputs..][..self.group_outputs]
    }
}

/// The columns of an image at a tile of spots: copied together, or the image itself where the window
/// has a single tap on every pixel.
enum Columns<'a, T: Element> {
    Borrowed(ndarray::ArrayView2<'a, T>),
    Copied([usize; 2], Buffer<T>),
}

impl<'a, T: Element> Columns<'a, T> {
    fn of(form: &Form<'_>, image: &'a [T], spots: Range<usize>) -> Self {
        if form.geometry.is_pointwise() {
            let image = matrix([form.lines, form.geometry.pixels()], image);
            return Self::Borrowed(image.slice_move(s![.., spots]));
        }
        let size = [form.lines, spots.len()];
        let mut columns = Buffer::scratch(size[0] * size[1]);
        im2col(&Meeting::new(form.geometry, spots), image, &mut columns);
        Self::Copied(size, columns)
    }

    fn view(&self) -> ndarray::ArrayView2<'_, T> {
        match self {
            Self::Borrowed(view) => view.reborrow(),
            Self::Copied(size, columns) => matrix(*size, columns),
        }
    }
}

/// The ranges of `tile` spots that make up `0..spots`.
fn tiles(spots: usize, tile: usize) -> impl Iterator<Item = Range<usize>> {
    (0..spots).step_by(tile).map(move |start| start..(start + tile).min(spots))
}

/// A matrix as disjoint blocks of `tile` columns, with the columns each holds.
fn split_columns<T>(
    matrix: ArrayViewMut2<'_, T>,
    tile: usize,
) -> impl Iterator<Item = (Range<usize>, ArrayViewMut2<'_, T>)> {
    let spots = matrix.ncols();
    let mut rest = matrix;
    tiles(spots, tile).map(move |range| {
        let all = std::mem::replace(
            &mut rest,
            ArrayViewMut2::from_shape((0, 0), &mut []).expect("nothing fits nothing"),
        );
        let (block, after) = all.split_at(Axis(1), range.len());
        rest = after;
        (range, block)
    })
}

/// Sets every row to its bias.
fn fill_rows<T: Element>(matrix: &mut ArrayViewMut2<'_, T>, bias: &[T]) {
    matrix.outer_iter_mut().zip(bias).for_each(|(mut row, &bias)| row.fill(bias));
}
