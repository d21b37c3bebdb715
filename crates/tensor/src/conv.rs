//! The convolution form, solved for each of its operands.
//!
//! ```text
//! F(x, w, y) = Σ y[n, o, spot] · w[o, c, tap] · x[n, c, pixel(spot, tap)]
//! ```
//!
//! Both layers are here: a transposed convolution is [`conv_adjoint`], which is also the gradient of
//! [`conv`] with respect to its image. Each solution can be computed by several [`Path`]s.
//!
//! Weights are `[outputs, inputs / groups, kernel height, kernel width]` in the convolution's sense,
//! so a transposed layer's weight reads `[in, out / groups, ..]`, and the same buffer given to both
//! functions makes them exact adjoints of each other.

mod columns;
mod correlation;
mod depthwise;
mod direct;
mod direct_weight;
mod few;
mod kernels;
mod panels;
mod path;
mod phases;
mod plain;
mod source;
mod stage;
mod weave;
mod winograd;

pub(crate) use kernels::Kernels;
pub use path::{Path, PathError};

use crate::matmul::matrix;
use crate::{Element, Geometry, Tensor, parallel};

/// Pieces that a call is cut into at least where it can be: enough for a laptop's cores.
const TASKS: usize = 8;

/// Elements up to which every chunk of a batch has a weight gradient of its own to add to.
const PARTIALS: usize = 1 << 20;

/// Chunks of `places` with sums of their own, `size` elements each: several, unless they are large.
fn partial_chunks(size: usize, places: usize) -> usize {
    TASKS.min(PARTIALS / size.max(1)).min(places).max(1)
}

/// The sum of `chunks` stretches of equal length, added in their order into the first.
fn add_chunks<T: Element>(sums: &mut [T], chunks: usize) -> &[T] {
    let (total, others) = sums.split_at_mut(sums.len() / chunks);
    let size = total.len();
    parallel::for_each_chunk(total, |at, part| {
        for other in others.chunks_exact(size) {
            part.iter_mut().zip(&other[at..]).for_each(|(sum, &v)| *sum += v);
        }
    });
    total
}

/// Solves for the map: `map = weight · columns(image) + bias`.
///
/// `image: [batch, inputs, height, width]`, `weight: [outputs, inputs / groups, kh, kw]`,
/// `bias: [outputs]`, result `[batch, outputs, map height, map width]`.
///
/// ```
/// # use mirrorgrad_tensor::{Tensor, Window, conv};
/// let geometry = Window::new([1, 2]).over([1, 3])?;
/// let image = Tensor::new([1, 1, 1, 3], [1.0, 4.0, 9.0]);
/// let weight = Tensor::new([1, 1, 1, 2], [-1.0, 1.0]);
/// // Each pixel from the one on its right: the kernel is not turned around.
/// assert_eq!(conv(&geometry, 1, &image, &weight, None).as_slice(), [3.0, 5.0]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
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
    Path::fastest(geometry, groups, weight.shape()).map(geometry, groups, image, weight, bias)
}

/// Solves for the image: `image = columnsᵀ(weightᵀ · map) + bias`, where `columnsᵀ` adds each column
/// to the pixels it stands for. The transposed convolution, and the gradient of [`conv`] with respect
/// to its image.
///
/// `map: [batch, outputs, map height, map width]`, `weight: [outputs, inputs / groups, kh, kw]`,
/// `bias: [inputs]`, result `[batch, inputs, height, width]`.
///
/// ```
/// # use mirrorgrad_tensor::{Tensor, Window, conv, conv_adjoint};
/// let geometry = Window::square(2).stride(2).under([1, 2])?;
/// let map = Tensor::new([1, 1, 1, 2], [3.0, 5.0]);
/// let weight = Tensor::ones([1, 1, 2, 2]);
/// let image = conv_adjoint(&geometry, 1, &map, &weight, None);
/// assert_eq!(image.as_slice(), [3.0, 3.0, 5.0, 5.0, 3.0, 3.0, 5.0, 5.0]);
/// // ⟨conv(x), map⟩ = ⟨x, conv_adjoint(map)⟩
/// let x = Tensor::from_fn([1, 1, 2, 4], |i| i as f64);
/// assert_eq!(conv(&geometry, 1, &x, &weight, None).dot(&map), x.dot(&image));
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
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
    Path::fastest(geometry, groups, weight.shape()).image(geometry, groups, map, weight, bias)
}

/// Solves for the weight: `weight = map · columns(image)ᵀ`, summed over the batch.
///
/// `image: [batch, inputs, height, width]`, `map: [batch, outputs, map height, map width]`, result
/// `[outputs, inputs / groups, kh, kw]`.
///
/// ```
/// # use mirrorgrad_tensor::{Tensor, Window, conv, conv_weight};
/// let geometry = Window::new([1, 2]).over([1, 3])?;
/// let image = Tensor::new([1, 1, 1, 3], [1.0, 4.0, 9.0]);
/// let map = Tensor::new([1, 1, 1, 2], [1.0, 2.0]);
/// let weight = conv_weight(&geometry, 1, &image, &map);
/// assert_eq!(weight.as_slice(), [1.0 + 2.0 * 4.0, 4.0 + 2.0 * 9.0]);
/// // ⟨conv(w), map⟩ = ⟨w, conv_weight(map)⟩
/// let w = Tensor::new([1, 1, 1, 2], [-1.0, 1.0]);
/// assert_eq!(conv(&geometry, 1, &image, &w, None).dot(&map), w.dot(&weight));
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
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
    let weight = Form::weight_shape(geometry, groups, image, map);
    Path::fastest_for_weight(geometry, groups, &weight).weight(geometry, groups, image, map)
}

/// Solves for the weight and for the bias: [`conv_weight`], and the sums of the map over batch and spots,
/// `[outputs]`, found in the same pass. What a layer with a bias does to gradients.
///
/// ```
/// # use mirrorgrad_tensor::{Tensor, Window, conv_weight, conv_weight_bias};
/// let geometry = Window::new([1, 2]).over([1, 3])?;
/// let image = Tensor::new([1, 1, 1, 3], [1.0, 4.0, 9.0]);
/// let map = Tensor::new([1, 1, 1, 2], [1.0, 2.0]);
/// let (weight, bias) = conv_weight_bias(&geometry, 1, &image, &map);
/// assert_eq!(weight, conv_weight(&geometry, 1, &image, &map));
/// assert_eq!(bias, Tensor::from([1.0 + 2.0]));
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If the shapes do not fit the geometry and the groups.
#[track_caller]
pub fn conv_weight_bias<T: Element>(
    geometry: &Geometry,
    groups: usize,
    image: &Tensor<T>,
    map: &Tensor<T>,
) -> (Tensor<T>, Tensor<T>) {
    let weight = Form::weight_shape(geometry, groups, image, map);
    Path::fastest_for_weight(geometry, groups, &weight).weight_bias(geometry, groups, image, map)
}

/// The sizes of one call. `nth` counts groups of a batch: picture by picture, group by group.
#[derive(Debug)]
pub struct Form<'a> {
    name: &'static str,
    geometry: &'a Geometry,
    groups: usize,
    inputs: usize,
    outputs: usize,
    group_inputs: usize,
    group_outputs: usize,
    /// Rows of the columns of one group: input channels times taps.
    lines: usize,
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
        }
    }

    /// The shape of the weight between an image and a map.
    #[track_caller]
    fn weight_shape<T: Element>(
        geometry: &Geometry,
        groups: usize,
        image: &Tensor<T>,
        map: &Tensor<T>,
    ) -> [usize; 4] {
        let ([_, inputs, ..], [_, outputs, ..]) = (image.dims::<4>(), map.dims::<4>());
        assert!(groups > 0, "conv_weight: groups must be at least 1");
        let [kh, kw] = geometry.kernel();
        [outputs, inputs / groups, kh, kw]
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
