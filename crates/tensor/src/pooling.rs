//! Max pooling and unpooling: reads and writes at positions chosen by the data.

use crate::buffer::Buffer;
use crate::machine::isa::Routine;
use crate::machine::lanes::Lanes;
use crate::machine::stream::{copy_past_caches, is_large};
use crate::parallel::for_each_plane;
use crate::parallel::prelude::*;
use crate::{Axis, Element, Geometry, Tensor, check};
use std::fmt;
use std::sync::Arc;

/// For every position of an output, the pixel of its plane that a max pool took. Tied to the size of the
/// planes it points into, so that it cannot be read against another.
///
/// ```
/// # use mirrorgrad_tensor::PoolIndices;
/// let indices = |pixels: &[u32]| PoolIndices::new([1, 1, 1, 2], [2, 4], pixels);
/// assert_eq!(indices(&[1, 7]).map(|indices| indices.input_shape()), Some([1, 1, 2, 4]));
/// // A plane of 2×4 pixels has none with the number 8.
/// assert_eq!(indices(&[1, 8]), None);
/// ```
#[derive(Clone)]
pub struct PoolIndices {
    shape: [usize; 4],
    input: [usize; 2],
    pixels: Arc<Buffer<u32>>,
}

impl PartialEq for PoolIndices {
    fn eq(&self, other: &Self) -> bool {
        (self.shape, self.input, self.as_slice()) == (other.shape, other.input, other.as_slice())
    }
}

impl Eq for PoolIndices {}

impl fmt::Debug for PoolIndices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolIndices")
            .field("shape", &self.shape)
            .field("input", &self.input)
            .field("pixels", &self.as_slice())
            .finish()
    }
}

impl PoolIndices {
    /// Whether both are of one pool: clones of each other, as `Arc::ptr_eq`.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.pixels, &other.pixels)
    }

    /// Positions `y · width + x` in planes of `input = [height, width]`, for an output of `shape =
    /// [batch, channels, output height, output width]` in row-major order; `None` if their number is not
    /// what `shape` holds or one lies outside its plane.
    pub fn new(shape: [usize; 4], input: [usize; 2], pixels: &[u32]) -> Option<Self> {
        let plane = input[0].checked_mul(input[1])?;
        let positions =
            shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size))?;
        let legal =
            pixels.len() == positions && pixels.iter().all(|&pixel| (pixel as usize) < plane);
        legal.then(|| {
            let mut own = Buffer::scratch(pixels.len());
            own.copy_from_slice(pixels);
            Self { shape, input, pixels: Arc::new(own) }
        })
    }

    /// The shape of the output: `[batch, channels, output height, output width]`.
    pub fn shape(&self) -> [usize; 4] {
        self.shape
    }

    /// `[height, width]` of the planes pointed into.
    pub fn input(&self) -> [usize; 2] {
        self.input
    }

    /// The positions in row-major order of the output.
    pub fn as_slice(&self) -> &[u32] {
        &self.pixels
    }

    /// The shape of the input: `[batch, channels, height, width]`.
    pub fn input_shape(&self) -> [usize; 4] {
        let [batch, channels, ..] = self.shape;
        [batch, channels, self.input[0], self.input[1]]
    }

    /// Refuses an output that the indices are not of, in the name of a function.
    ///
    /// # Panics
    /// If its shape is not [`PoolIndices::shape`].
    #[track_caller]
    pub fn check_output(&self, name: &str, shape: &[usize]) {
        let own = self.shape;
        assert!(shape == own, "{name}: expected the indices' shape {own:?}, got {shape:?}");
    }

    fn positions(&self) -> usize {
        self.shape[2] * self.shape[3]
    }

    fn area(&self) -> usize {
        self.input[0] * self.input[1]
    }
}

/// The largest pixel under each window, and where it stands. NaN is larger than every number; of
/// equals, the first is taken. `[batch, channels, height, width] -> [batch, channels, output..]`.
///
/// ```
/// # use mirrorgrad_tensor::{Tensor, Window, max_pool};
/// let geometry = Window::square(2).stride(2).pool([2, 4])?;
/// let input = Tensor::new([1, 1, 2, 4], [1.0, 5.0, 2.0, 2.0, 4.0, 3.0, 2.0, 8.0]);
/// let (largest, places) = max_pool(&geometry, &input);
/// assert_eq!(largest.as_slice(), [5.0, 8.0]);
/// assert_eq!(places.as_slice(), [1, 7]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If the input has another size than the geometry's, or a window sees no pixel.
#[track_caller]
pub fn max_pool<T: Element>(geometry: &Geometry, input: &Tensor<T>) -> (Tensor<T>, PoolIndices) {
    check_pool("max_pool", geometry, input.shape());
    let [batch, channels, height, width] = input.dims();
    let [output_height, output_width] = geometry.output();
    let shape = [batch, channels, output_height, output_width];
    let (positions, pixels) = (geometry.positions(), geometry.pixels());
    let mut places = Buffer::scratch(batch * channels * positions);
    let values = Tensor::build(shape, |out| {
        let work = out.len() * geometry.taps();
        let tasks = out.par_chunks_mut(positions).zip(places.par_chunks_mut(positions));
        tasks.enumerate().sharing(work).for_each(|(nth, (best, place))| {
            let plane = &input.as_slice()[nth * pixels..][..pixels];
            let rows = best.chunks_mut(output_width).zip(place.chunks_mut(output_width));
            for (row, (best, place)) in rows.enumerate() {
                take_largest(geometry, row, plane, best, place);
            }
        });
    });
    (values, PoolIndices { shape, input: [height, width], pixels: Arc::new(places) })
}

/// The largest pixels under the windows of one row of positions.
fn take_largest<T: Element>(
    geometry: &Geometry,
    row: usize,
    plane: &[T],
    best: &mut [T],
    place: &mut [u32],
) {
    best.fill(T::neg_infinity());
    place.fill(UNSEEN);
    let stride = geometry.axes()[1].stride;
    let positions = row * best.len()..(row + 1) * best.len();
    geometry.walk(positions, |_, run, pixel| {
        let (best, place) = (&mut best[run.clone()], &mut place[run]);
        T::dispatch(Larger { pixels: &plane[pixel..], first: pixel as u32, stride, best, place });
    });
}

/// Refuses what [`max_pool`] does, in the name of a function that will call it.
///
/// ```
/// # use mirrorgrad_tensor::{Window, check_pool};
/// let geometry = Window::square(2).stride(2).pool([2, 4])?;
/// check_pool("max_pool2d", &geometry, &[8, 3, 2, 4]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// As [`max_pool`].
#[track_caller]
pub fn check_pool(name: &str, geometry: &Geometry, shape: &[usize]) {
    let ([_, _, height, width], [own_height, own_width]) =
        (check::dims(name, shape), geometry.input());
    assert!(
        [height, width] == geometry.input(),
        "{name}: expected an input [batch, channels, {own_height}, {own_width}], as in the geometry, got {shape:?}"
    );
    let blind =
        |axis: &Axis| (0..axis.output).any(|position| axis.taps_inside(position).is_empty());
    assert!(
        !geometry.axes().iter().any(blind),
        "{name}: a window of {geometry:?} sees only padding"
    );
}

/// Marks a position that has seen no pixel yet.
const UNSEEN: u32 = u32::MAX;

/// Compares a run of positions with the pixels under one tap.
struct Larger<'a, T> {
    pixels: &'a [T],
    /// Where the pixels begin in their plane.
    first: u32,
    stride: usize,
    best: &'a mut [T],
    place: &'a mut [u32],
}

impl<T: Element> Routine<T> for Larger<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, _: L) {
        let Self { pixels, first, stride, best, place } = self;
        let positions = best.len();
        if stride == 2 && pixels.len() >= 2 * positions {
            let (pairs, _) = pixels[..2 * positions].as_chunks::<2>();
            for (i, ((pair, best), place)) in pairs.iter().zip(best).zip(place).enumerate() {
                take_larger(pair[0], first + 2 * i as u32, best, place);
            }
        } else {
            let pixels = pixels.iter().step_by(stride);
            for (i, ((&value, best), place)) in pixels.zip(best).zip(place).enumerate() {
                take_larger(value, first + (i * stride) as u32, best, place);
            }
        }
    }
}

/// Without a branch, so that several positions are compared at once.
#[inline(always)]
fn take_larger<T: Element>(value: T, at: u32, best: &mut T, place: &mut u32) {
    let take = (*place == UNSEEN) | (value > *best) | (value.is_nan() & !best.is_nan());
    *best = if take { value } else { *best };
    *place = if take { at } else { *place };
}

/// Reads each plane of `input` at its indices. Adjoint: [`plane_scatter_add`].
///
/// ```
/// # use mirrorgrad_tensor::{Tensor, Window, max_pool, plane_gather};
/// let geometry = Window::square(2).stride(2).pool([2, 4])?;
/// let input = Tensor::<f32>::from_fn([1, 1, 2, 4], |i| (i * i % 7) as f32);
/// // What a max pool took is what stands at its indices.
/// let (largest, places) = max_pool(&geometry, &input);
/// assert_eq!(plane_gather(&places, &input), largest);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If the input does not have the shape that the indices point into.
#[track_caller]
pub fn plane_gather<T: Element>(indices: &PoolIndices, input: &Tensor<T>) -> Tensor<T> {
    let expected = indices.input_shape();
    assert!(
        input.shape() == expected,
        "plane_gather: expected an input of shape {expected:?}, as in the indices, got {:?}",
        input.shape()
    );
    Tensor::build(indices.shape(), |out| {
        each_plane(indices, out, indices.positions(), |nth, places, out| {
            let plane = &input.as_slice()[nth * indices.area()..][..indices.area()];
            out.iter_mut().zip(places).for_each(|(o, &i)| *o = plane[i as usize]);
        });
    })
}

/// Adds each element of `output` to planes of zeros at its index. Adjoint: [`plane_gather`].
///
/// ```
/// # use mirrorgrad_tensor::{PoolIndices, Tensor, plane_scatter_add};
/// // Two overlapping windows that have taken the same pixel: it gets the gradients of both.
/// let places = PoolIndices::new([1, 1, 1, 2], [1, 3], &[1, 1]).expect("the plane has a pixel 1");
/// let grad = Tensor::new([1, 1, 1, 2], [2.0, 3.0]);
/// assert_eq!(plane_scatter_add(&places, &grad).as_slice(), [0.0, 5.0, 0.0]);
/// ```
///
/// # Panics
/// If the output does not have the shape of the indices.
#[track_caller]
pub fn plane_scatter_add<T: Element>(indices: &PoolIndices, output: &Tensor<T>) -> Tensor<T> {
    indices.check_output("plane_scatter_add", output.shape());
    scatter(indices, output, |pixel, value| *pixel += value)
}

/// Writes each element of `output` into planes of zeros at its index; of several for one pixel, the last
/// in row-major order stays.
///
/// ```
/// # use mirrorgrad_tensor::{Tensor, Window, max_pool, plane_scatter};
/// let geometry = Window::square(2).stride(2).pool([2, 4])?;
/// let input = Tensor::new([1, 1, 2, 4], [1.0, 5.0, 2.0, 2.0, 4.0, 3.0, 2.0, 8.0]);
/// // Max unpooling: the largest pixels back in their places.
/// let (largest, places) = max_pool(&geometry, &input);
/// let unpooled = plane_scatter(&places, &largest);
/// assert_eq!(unpooled.as_slice(), [0.0, 5.0, 0.0, 0.0, 0.0, 0.0, 0.0, 8.0]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
///
/// # Panics
/// If the output does not have the shape of the indices.
#[track_caller]
pub fn plane_scatter<T: Element>(indices: &PoolIndices, output: &Tensor<T>) -> Tensor<T> {
    indices.check_output("plane_scatter", output.shape());
    scatter(indices, output, |pixel, value| *pixel = value)
}

fn scatter<T: Element>(
    indices: &PoolIndices,
    output: &Tensor<T>,
    put: impl Fn(&mut T, T) + Send + Sync,
) -> Tensor<T> {
    Tensor::build(indices.input_shape(), |out| {
        let large = is_large::<T>(out.len());
        each_plane(indices, out, indices.area(), |nth, places, plane| {
            let values = &output.as_slice()[nth * places.len()..];
            let fill = |plane: &mut [T]| {
                plane.fill(T::zero());
                places.iter().zip(values).for_each(|(&i, &v)| put(&mut plane[i as usize], v));
            };
            if large {
                let mut scratch = Buffer::scratch(plane.len());
                fill(&mut scratch);
                copy_past_caches(&scratch, plane);
            } else {
                fill(plane);
            }
        });
    })
}

fn each_plane<T: Element>(
    indices: &PoolIndices,
    out: &mut [T],
    size: usize,
    body: impl Fn(usize, &[u32], &mut [T]) + Send + Sync,
) {
    if size == 0 {
        return;
    }
    let positions = indices.positions();
    let work = out.len() + indices.as_slice().len();
    for_each_plane(out, size, work, &|nth, out| {
        body(nth, &indices.as_slice()[nth * positions..][..positions], out);
    });
}
