//! What interpolations and averages are told beside sizes.

/// Where the pixels of a resized picture stand on those of the first.
///
/// ```
/// # use mirrorgrad_tensor::{Corners, Resample, Tensor};
/// let x = Tensor::new([1, 1, 1, 2], [0.0, 4.0]);
/// let to = |width, corners| Resample::bilinear([1, 2], [1, width], corners).apply(&x);
/// assert_eq!(to(4, Corners::HalfPixel).as_slice(), [0.0, 1.0, 3.0, 4.0]);
/// assert_eq!(to(5, Corners::Aligned).as_slice(), [0.0, 1.0, 2.0, 3.0, 4.0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Corners {
    /// The centres of the corner pixels stay in the corners: `align_corners=True`.
    Aligned,
    /// Pixels are areas, whose centres are half a pixel from the border: `align_corners=False`, ONNX's
    /// `half_pixel`.
    HalfPixel,
}

/// What an average pool divides by.
///
/// ```
/// # use mirrorgrad_tensor::{AverageCount, Resample, Tensor, Window};
/// let window = Window { pad_before: [0, 1], ..Window::new([1, 2]).stride(2) }; // A zero on the left.
/// let x = Tensor::new([1, 1, 1, 3], [4.0, 1.0, 3.0]);
/// let geometry = window.pool([1, 3])?;
/// let mean = |count| Resample::average_pool(&geometry, count).apply(&x);
/// let include = AverageCount::IncludePadding { pad_after: window.pad_after };
/// assert_eq!(mean(include).as_slice(), [2.0, 2.0]);
/// assert_eq!(mean(AverageCount::ExcludePadding).as_slice(), [4.0, 2.0]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AverageCount {
    /// The window's taps on pixels and on padding: `count_include_pad=True`.
    IncludePadding {
        /// Padding behind the input, `[vertical, horizontal]`, which the geometry does not tell: a window
        /// may reach behind it, and what stands there is not counted.
        pad_after: [usize; 2],
    },
    /// The window's taps on pixels alone: `count_include_pad=False`.
    ExcludePadding,
}
