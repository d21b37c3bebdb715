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
mod form;
mod kernels;
mod panels;
mod path;
mod phases;
mod plain;
mod source;
mod stage;
mod weave;
mod winograd;

use form::Form;
pub use form::{Operand, check_conv};
pub(crate) use kernels::Kernels;
pub use path::{Path, PathError};

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
    let ends = [image.shape(), map.shape()];
    check_conv("conv_weight", geometry, groups, Operand::Weight, ends, None);
    let weight = Form::weight_shape("conv_weight", geometry, groups, ends);
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
    let ends = [image.shape(), map.shape()];
    check_conv("conv_weight_bias", geometry, groups, Operand::Weight, ends, None);
    let weight = Form::weight_shape("conv_weight_bias", geometry, groups, ends);
    Path::fastest_for_weight(geometry, groups, &weight).weight_bias(geometry, groups, image, map)
}
