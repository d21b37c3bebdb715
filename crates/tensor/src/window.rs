//! The window in PyTorch's words, which are this framework's own.

use crate::geometry::check_size;
use crate::rule::{check_slides, cropped, legal};
use crate::{Axis, Geometry, GeometryError, Rule, Slide};

/// A window that slides over an input: what a layer knows before it sees an input. The words and the
/// rules are PyTorch's, with padding free to differ between sides. Pairs are `[vertical, horizontal]`.
///
/// ```
/// # use mirrorgrad_tensor::Window;
/// let window = Window::square(4).stride(2).padding(1);
/// assert_eq!(window.over([8, 8])?.output(), [4, 4]);
/// assert_eq!(window.under([4, 4])?.input(), [8, 8]);
/// // An output of 4×4 may also come from 9×9 pixels.
/// assert_eq!(window.over([9, 9])?.output(), [4, 4]);
/// assert_eq!(window.under_to([4, 4], [9, 9])?.input(), [9, 9]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Taps along each axis.
    pub kernel: [usize; 2],
    /// Pixels from one position to the next.
    pub stride: [usize; 2],
    /// Zeros assumed before (above, left of) the input. A transposed convolution crops by them.
    pub before: [usize; 2],
    /// Zeros assumed after (below, right of) the input. A transposed convolution crops by them.
    pub after: [usize; 2],
    /// Pixels from one tap to the next.
    pub dilation: [usize; 2],
    /// Rows and columns that a transposed convolution adds at the end. They choose among the inputs
    /// that an output may have come from, and are less than the stride or the dilation.
    pub output_padding: [usize; 2],
    /// What a pool does with pixels left over behind its last whole stride.
    pub rest: Rest,
}

/// What a pool does with pixels left over behind its last whole stride.
///
/// ```
/// # use mirrorgrad_tensor::{Rest, Window};
/// let pool = Window::square(2).stride(2);
/// assert_eq!(pool.pool_over([5, 5])?.output(), [2, 2]);
/// assert_eq!(pool.rest(Rest::Spot).pool_over([5, 5])?.output(), [3, 3]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rest {
    /// They are dropped: `⌊(padded − extent) / stride⌋ + 1` positions.
    #[default]
    Drop,
    /// They get a position of their own, unless it would begin behind the input and its padding in front:
    /// PyTorch's and ONNX's `ceil_mode` (aten/src/ATen/native/Pool.h).
    Spot,
    /// As [`Rest::Spot`], but without padding the position stays wherever it begins: Caffe's pooling
    /// (src/caffe/layers/pooling_layer.cpp).
    Caffe,
}

impl Window {
    /// A square window with stride 1, dilation 1 and no padding.
    pub const fn square(side: usize) -> Self {
        Self::new([side; 2])
    }

    /// A window of `[height, width]` taps with stride 1, dilation 1 and no padding.
    pub const fn new(kernel: [usize; 2]) -> Self {
        Self {
            kernel,
            stride: [1; 2],
            before: [0; 2],
            after: [0; 2],
            dilation: [1; 2],
            output_padding: [0; 2],
            rest: Rest::Drop,
        }
    }

    /// The same stride along both axes.
    pub const fn stride(self, stride: usize) -> Self {
        Self { stride: [stride; 2], ..self }
    }

    /// Padding on all four sides.
    pub const fn padding(self, padding: usize) -> Self {
        Self { before: [padding; 2], after: [padding; 2], ..self }
    }

    /// The same dilation along both axes.
    pub const fn dilation(self, dilation: usize) -> Self {
        Self { dilation: [dilation; 2], ..self }
    }

    /// Rows and columns that a transposed convolution adds at the end.
    pub const fn output_padding(self, output_padding: [usize; 2]) -> Self {
        Self { output_padding, ..self }
    }

    /// What a pool does with pixels left over.
    pub const fn rest(self, rest: Rest) -> Self {
        Self { rest, ..self }
    }

    /// The geometry of a convolution over `input`, whose output is
    /// `⌊(input + before + after − extent) / stride⌋ + 1` (PyTorch's `Conv2d`).
    ///
    /// # Errors
    /// If the window does not fit the padded input or a size is out of bounds.
    pub fn over(&self, input: [usize; 2]) -> Result<Geometry, GeometryError> {
        Rule::over(self, input)
    }

    /// The geometry of a transposed convolution of `output`, whose input is
    /// `stride · (output − 1) + extent − before − after + output_padding` (PyTorch's `ConvTranspose2d`).
    ///
    /// # Errors
    /// If the output padding is too large, nothing is left, or a size is out of bounds.
    pub fn under(&self, output: [usize; 2]) -> Result<Geometry, GeometryError> {
        Rule::under(self, output)
    }

    /// The geometry of a transposed convolution of `output` to exactly `input` (PyTorch's `output_size`),
    /// by whatever output padding leads there.
    ///
    /// # Errors
    /// If none does, with the range of sizes that are possible.
    pub fn under_to(
        &self,
        output: [usize; 2],
        input: [usize; 2],
    ) -> Result<Geometry, GeometryError> {
        Rule::under_to(self, output, input)
    }

    /// The geometry of a pool over `input`: as [`Window::over`] but for the [`Rest`], and every window
    /// meets the input.
    ///
    /// # Errors
    /// As [`Window::over`], or if a window would see only padding.
    pub fn pool_over(&self, input: [usize; 2]) -> Result<Geometry, GeometryError> {
        check_slides(self.slides())?;
        check_size("input size", input)?;
        let geometry = Geometry::new([self.pool_axis(0, input[0])?, self.pool_axis(1, input[1])?])?;
        for (i, axis) in geometry.axes().iter().enumerate() {
            let (padding, extent) = (self.before[i].max(self.after[i]), self.slides()[i].extent());
            if padding >= extent
                || (0..axis.output).any(|position| axis.taps_inside(position).is_empty())
            {
                return Err(GeometryError::PoolPadding { padding, extent });
            }
        }
        Ok(geometry)
    }

    fn pool_axis(&self, i: usize, input: usize) -> Result<Axis, GeometryError> {
        let (slide, before, after) = (self.slides()[i], self.before[i], self.after[i]);
        if self.rest == Rest::Drop {
            return slide.fit(input, before, after);
        }
        // As if the padding behind reached a whole stride.
        let mut axis = slide.fit(input, before, after.saturating_add(slide.stride - 1))?;
        let behind = (axis.output - 1) * slide.stride >= input.saturating_add(before);
        let padded = (self.before, self.after) != ([0; 2], [0; 2]);
        if behind && (self.rest == Rest::Spot || padded) {
            axis.output -= 1;
        }
        Ok(axis)
    }
}

impl Rule for Window {
    fn slides(&self) -> [Slide; 2] {
        Slide::both(self.kernel, self.stride, self.dilation)
    }

    fn after(&self) -> Option<[usize; 2]> {
        Some(self.after)
    }

    fn over_axis(&self, axis: usize, input: usize) -> Result<Axis, GeometryError> {
        self.slides()[axis].fit(input, self.before[axis], self.after[axis])
    }

    fn under_axis(
        &self,
        axis: usize,
        output: usize,
        input: Option<usize>,
    ) -> Result<Axis, GeometryError> {
        let slide = self.slides()[axis];
        let (before, after, full) = (self.before[axis], self.after[axis], slide.full(output));
        let most = slide.stride.max(slide.dilation) - 1;
        let input = match input {
            Some(input) => {
                let last = cropped(full + most, before, after)?;
                let first = full.saturating_sub(before + after).max(1);
                let why = "the output padding must be less than the stride or the dilation";
                legal("output_size", why, [first, last], input)?
            }
            None => {
                let why = "it must be less than the stride or the dilation";
                let added = legal("output_padding", why, [0, most], self.output_padding[axis])?;
                cropped(full + added, before, after)?
            }
        };
        Ok(slide.meets(input, output, before))
    }
}
