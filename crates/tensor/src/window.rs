//! The window in PyTorch's words, which are this framework's own.

use crate::conv_spec::{check_kernels, cropped, legal};
use crate::geometry::check_size;
use crate::{Axis, ConvSpec, Geometry, GeometryError, Kernel};

/// A window that slides over an input: what a layer knows before it sees an input. The words and the
/// rules are PyTorch's, with padding free to differ between sides. Pairs are `[vertical, horizontal]`.
///
/// ```
/// # use mirrorgrad_tensor::Window;
/// let window = Window::square(4).stride(2).padding(1);
/// assert_eq!(window.conv([8, 8])?.output(), [4, 4]);
/// assert_eq!(window.transposed([4, 4])?.input(), [8, 8]);
/// // An output of 4×4 may also come from 9×9 pixels.
/// assert_eq!(window.conv([9, 9])?.output(), [4, 4]);
/// assert_eq!(window.transposed_to([4, 4], [9, 9])?.input(), [9, 9]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Taps along each axis.
    pub kernel: [usize; 2],
    /// Pixels from one position to the next.
    pub stride: [usize; 2],
    /// Zeros assumed before (above, left of) the input. A transposed convolution crops by them.
    pub pad_before: [usize; 2],
    /// Zeros assumed after (below, right of) the input. A transposed convolution crops by them.
    pub pad_after: [usize; 2],
    /// Pixels from one tap to the next.
    pub dilation: [usize; 2],
    /// Rows and columns that a transposed convolution adds at the end. They choose among the inputs
    /// that an output may have come from, and are less than the stride or the dilation.
    pub output_padding: [usize; 2],
    /// How a pool rounds the number of its positions.
    pub rounding: Rounding,
}

/// How a pool rounds the number of its positions where the stride leaves pixels over at the end.
///
/// ```
/// # use mirrorgrad_tensor::{Rounding, Window};
/// let pool = Window::square(2).stride(2);
/// assert_eq!(pool.pool([5, 5])?.output(), [2, 2]);
/// assert_eq!(pool.rounding(Rounding::Ceil).pool([5, 5])?.output(), [3, 3]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// Down, so that pixels left over are dropped: `⌊(padded − extent) / stride⌋ + 1` positions.
    #[default]
    Floor,
    /// Up: pixels left over get a position of their own, unless it would begin behind the input and its padding
    /// in front. PyTorch's and ONNX's `ceil_mode` (aten/src/ATen/native/Pool.h).
    Ceil,
    /// As [`Rounding::Ceil`], but without padding the position stays wherever it begins: Caffe's pooling
    /// (src/caffe/layers/pooling_layer.cpp).
    CaffeCeil,
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
            pad_before: [0; 2],
            pad_after: [0; 2],
            dilation: [1; 2],
            output_padding: [0; 2],
            rounding: Rounding::Floor,
        }
    }

    /// The same stride along both axes.
    pub const fn stride(self, stride: usize) -> Self {
        Self { stride: [stride; 2], ..self }
    }

    /// Padding on all four sides.
    pub const fn padding(self, padding: usize) -> Self {
        Self { pad_before: [padding; 2], pad_after: [padding; 2], ..self }
    }

    /// The same dilation along both axes.
    pub const fn dilation(self, dilation: usize) -> Self {
        Self { dilation: [dilation; 2], ..self }
    }

    /// Rows and columns that a transposed convolution adds at the end.
    pub const fn output_padding(self, output_padding: [usize; 2]) -> Self {
        Self { output_padding, ..self }
    }

    /// How a pool rounds the number of its positions.
    pub const fn rounding(self, rounding: Rounding) -> Self {
        Self { rounding, ..self }
    }

    /// The geometry of a convolution over `input`, whose output is
    /// `⌊(input + pad_before + pad_after − extent) / stride⌋ + 1` (PyTorch's `Conv2d`).
    ///
    /// # Errors
    /// If the window does not fit the padded input or a size is out of bounds.
    pub fn conv(&self, input: [usize; 2]) -> Result<Geometry, GeometryError> {
        ConvSpec::conv(self, input)
    }

    /// The geometry of a transposed convolution from `output`, which makes an input of
    /// `stride · (output − 1) + extent − pad_before − pad_after + output_padding` (PyTorch's `ConvTranspose2d`).
    ///
    /// # Errors
    /// If the output padding is too large, nothing is left, or a size is out of bounds.
    pub fn transposed(&self, output: [usize; 2]) -> Result<Geometry, GeometryError> {
        ConvSpec::transposed(self, output)
    }

    /// The geometry of a transposed convolution from `output` to exactly `input` (PyTorch's `output_size`),
    /// by whatever output padding leads there.
    ///
    /// # Errors
    /// If none does, with the range of sizes that are possible.
    pub fn transposed_to(
        &self,
        output: [usize; 2],
        input: [usize; 2],
    ) -> Result<Geometry, GeometryError> {
        ConvSpec::transposed_to(self, output, input)
    }

    /// The geometry of a pool over `input`: as [`Window::conv`] but for the [`Rounding`], and every window
    /// meets the input.
    ///
    /// # Errors
    /// As [`Window::conv`], or if a window would see only padding.
    pub fn pool(&self, input: [usize; 2]) -> Result<Geometry, GeometryError> {
        check_kernels(self.kernels())?;
        check_size("input size", input)?;
        let geometry = Geometry::new([self.pool_axis(0, input[0])?, self.pool_axis(1, input[1])?])?;
        for (i, axis) in geometry.axes().iter().enumerate() {
            let (padding, extent) =
                (self.pad_before[i].max(self.pad_after[i]), self.kernels()[i].extent());
            if padding >= extent
                || (0..axis.output).any(|position| axis.taps_inside(position).is_empty())
            {
                return Err(GeometryError::PoolPadding { padding, extent });
            }
        }
        Ok(geometry)
    }

    fn pool_axis(&self, i: usize, input: usize) -> Result<Axis, GeometryError> {
        let (kernel, pad_before, pad_after) =
            (self.kernels()[i], self.pad_before[i], self.pad_after[i]);
        if self.rounding == Rounding::Floor {
            return kernel.fit(input, pad_before, pad_after);
        }
        // As if the padding behind reached a whole stride.
        let mut axis =
            kernel.fit(input, pad_before, pad_after.saturating_add(kernel.stride - 1))?;
        let behind = (axis.output - 1) * kernel.stride >= input.saturating_add(pad_before);
        let padded = (self.pad_before, self.pad_after) != ([0; 2], [0; 2]);
        if behind && (self.rounding == Rounding::Ceil || padded) {
            axis.output -= 1;
        }
        Ok(axis)
    }
}

impl ConvSpec for Window {
    fn kernels(&self) -> [Kernel; 2] {
        Kernel::both(self.kernel, self.stride, self.dilation)
    }

    fn pad_after(&self) -> Option<[usize; 2]> {
        Some(self.pad_after)
    }

    fn conv_axis(&self, axis: usize, input: usize) -> Result<Axis, GeometryError> {
        self.kernels()[axis].fit(input, self.pad_before[axis], self.pad_after[axis])
    }

    fn transposed_axis(
        &self,
        axis: usize,
        output: usize,
        input: Option<usize>,
    ) -> Result<Axis, GeometryError> {
        let kernel = self.kernels()[axis];
        let (pad_before, pad_after, full) =
            (self.pad_before[axis], self.pad_after[axis], kernel.full(output));
        let most = kernel.stride.max(kernel.dilation) - 1;
        let input = match input {
            Some(input) => {
                let last = cropped(full + most, pad_before, pad_after)?;
                let first = full.saturating_sub(pad_before + pad_after).max(1);
                let why = "the output padding must be less than the stride or the dilation";
                legal("output_size", why, [first, last], input)?
            }
            None => {
                let why = "it must be less than the stride or the dilation";
                let added = legal("output_padding", why, [0, most], self.output_padding[axis])?;
                cropped(full + added, pad_before, pad_after)?
            }
        };
        Ok(kernel.axis(input, output, pad_before))
    }
}
