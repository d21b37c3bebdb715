//! JAX's `conv` and `conv_transpose`.

use super::{Dialect, GivenPadding, Layer, Wanted, Words, WordsError};
use crate::conv_spec::legal;
use crate::{Axis, ConvSpec, GeometryError, Kernel, OddSide};
use std::fmt;

/// A layer in JAX's words (jax/_src/lax/convolution.py). Pairs are `[vertical, horizontal]`.
///
/// `conv_transpose` does not turn its kernel around unless `transpose_kernel` is set: without, it is
/// the transposed convolution of [`WeightLayout::flipped`](super::WeightLayout::flipped)'s kernel.
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, dialect::{Jax, jax::Padding}};
/// let layer = Jax { strides: [2, 2], ..Jax::new([3, 3], Padding::Same) };
/// // `conv_transpose` of 3×3 positions stands on the pixels that `conv` of 6×6 does.
/// assert_eq!(layer.transposed([3, 3])?, layer.conv([6, 6])?);
/// assert_eq!(layer.to_string(), "strides=[2, 2], padding='SAME'");
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Jax {
    /// Taps.
    pub kernel: [usize; 2],
    /// Pixels from one position to the next.
    pub strides: [usize; 2],
    /// Pixels from one tap to the next.
    pub rhs_dilation: [usize; 2],
    /// Where the window stands.
    pub padding: Padding,
}

/// JAX's paddings.
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, Window, dialect::{Jax, jax::Padding}};
/// // Two zeros on each side of the spread output: a kernel of 4 is cropped by 4 − 1 − 2 = 1.
/// let padding = Padding::Pairs { before: [2, 2], after: [2, 2] };
/// let jax = Jax { strides: [2, 2], ..Jax::new([4, 4], padding) };
/// let pytorch = Window::square(4).stride(2).padding(1);
/// assert_eq!(jax.transposed([4, 4])?, pytorch.transposed([4, 4])?);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// `⌈input / stride⌉` positions, or `output · stride` pixels.
    Same,
    /// The same with the odd pixel of padding before the input; of convolutions alone.
    SameLower,
    /// None, though a transposed convolution makes at least `output · stride` pixels.
    Valid,
    /// So much: of a convolution around the input, of a transposed one around the output, after it was
    /// spread out.
    Pairs {
        /// Above and to the left.
        before: [usize; 2],
        /// Below and to the right.
        after: [usize; 2],
    },
}

impl Jax {
    /// Strides and dilations of 1.
    pub const fn new(kernel: [usize; 2], padding: Padding) -> Self {
        Self { kernel, strides: [1; 2], rhs_dilation: [1; 2], padding }
    }

    /// Padding in pairs: of a transposed convolution around the spread output, which a window that is cut
    /// by more than its extent would need to be negative.
    fn pairs(wanted: &Wanted) -> Option<Padding> {
        if wanted.layer == Layer::Conv {
            let (before, after) = (wanted.pad_before, wanted.pad_after());
            return Some(Padding::Pairs { before, after });
        }
        let pair = |axis: &Axis| {
            let hang = axis.extent() - 1;
            let before = hang.checked_sub(axis.pad_before)?;
            let spread = axis.full() - hang;
            Some([before, (axis.input + hang).checked_sub(spread + before)?])
        };
        let [y, x] = wanted.geometry.axes();
        let [y, x] = [pair(&y)?, pair(&x)?];
        Some(Padding::Pairs { before: [y[0], x[0]], after: [y[1], x[1]] })
    }
}

impl ConvSpec for Jax {
    fn kernels(&self) -> [Kernel; 2] {
        Kernel::both(self.kernel, self.strides, self.rhs_dilation)
    }

    fn conv_axis(&self, axis: usize, input: usize) -> Result<Axis, GeometryError> {
        let kernel = self.kernels()[axis];
        match self.padding {
            Padding::Same => Ok(kernel.same(input, OddSide::After)),
            Padding::SameLower => Ok(kernel.same(input, OddSide::Before)),
            Padding::Valid => kernel.fit(input, 0, 0),
            Padding::Pairs { before, after } => kernel.fit(input, before[axis], after[axis]),
        }
    }

    fn transposed_axis(
        &self,
        axis: usize,
        output: usize,
        input: Option<usize>,
    ) -> Result<Axis, GeometryError> {
        let kernel = self.kernels()[axis];
        let (extent, stride) = (kernel.extent(), kernel.stride);
        // JAX pads the spread output by `pad` in front, of `extent + stride − 2` in all, and slides the
        // window over that.
        let (only, pad) = match self.padding {
            Padding::Same if stride > extent - 1 => (stride * output, extent - 1),
            Padding::Same => (stride * output, (extent + stride - 2).div_ceil(2)),
            Padding::Valid => (stride * (output - 1) + extent.max(stride), extent - 1),
            Padding::Pairs { before, after } => {
                let padded = (stride * (output - 1) + 1).saturating_add(before[axis]);
                let padded = padded.saturating_add(after[axis]);
                let left = padded.checked_sub(extent - 1).filter(|&n| n > 0);
                (left.ok_or(GeometryError::Words("padding: no output is left"))?, before[axis])
            }
            Padding::SameLower => {
                let words = "JAX's conv_transpose takes SAME, VALID or pairs, not SAME_LOWER";
                return Err(GeometryError::Words(words));
            }
        };
        let why = "conv_transpose makes one size";
        let input = legal("size", why, [only; 2], input.unwrap_or(only))?;
        match (extent - 1).checked_sub(pad) {
            Some(before) => Ok(kernel.axis(input, output, before)),
            // Rows before all windows: only here can they be asked for.
            None => Err(GeometryError::Words("padding: expected less than the window's extent")),
        }
    }
}

impl Dialect for Jax {
    const NAME: &'static str = "JAX";
    const KEY: &'static str = "jax";

    fn read(_: Layer, words: &Words) -> Result<Self, WordsError> {
        words.without_output_padding()?;
        let padding = match words.padding {
            None | Some(GivenPadding::Valid) => Padding::Valid,
            Some(GivenPadding::Same) => Padding::Same,
            Some(GivenPadding::SameLower) => Padding::SameLower,
            Some(GivenPadding::Numbers(pad)) => Padding::Pairs { before: pad, after: pad },
        };
        let Words { kernel, stride: strides, dilation: rhs_dilation, .. } = *words;
        Ok(Self { strides, rhs_dilation, ..Self::new(kernel, padding) })
    }

    fn say(wanted: &Wanted) -> Vec<Self> {
        let Wanted { kernel, stride: strides, dilation: rhs_dilation, .. } = *wanted;
        let with = |padding| Self { strides, rhs_dilation, ..Self::new(kernel, padding) };
        let pairs = Self::pairs(wanted);
        [Padding::Same, Padding::Valid].into_iter().chain(pairs).map(with).collect()
    }
}

impl fmt::Display for Jax {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "strides={:?}, padding=", self.strides)?;
        match self.padding {
            Padding::Same => write!(f, "'SAME'")?,
            Padding::SameLower => write!(f, "'SAME_LOWER'")?,
            Padding::Valid => write!(f, "'VALID'")?,
            Padding::Pairs { before, after } => {
                write!(f, "[({}, {}), ({}, {})]", before[0], after[0], before[1], after[1])?;
            }
        }
        match self.rhs_dilation {
            [1, 1] => Ok(()),
            dilation => write!(f, ", rhs_dilation={dilation:?}"),
        }
    }
}
