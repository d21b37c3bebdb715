//! ONNX's `Conv` and `ConvTranspose`.

use super::{Dialect, GivenPadding, Layer, Wanted, Words, WordsError};
use crate::conv_spec::{cropped, legal};
use crate::{Axis, ConvSpec, GeometryError, Kernel, OddSide};
use std::fmt;

/// A layer in ONNX's words (docs/Operators.md). Pairs are `[vertical, horizontal]`.
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, Window, dialect::{Onnx, onnx::Padding}};
/// let pads = Padding::Pads { before: [1, 1], after: [1, 1] };
/// let onnx = Onnx { strides: [2, 2], output_padding: [1, 1], ..Onnx::new([3, 3], pads) };
/// let pytorch = Window::square(3).stride(2).padding(1).output_padding([1, 1]);
/// assert_eq!(onnx.transposed([4, 4])?, pytorch.transposed([4, 4])?);
/// assert_eq!(onnx.to_string(), "strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]");
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Onnx {
    /// Taps.
    pub kernel_shape: [usize; 2],
    /// Pixels from one position to the next.
    pub strides: [usize; 2],
    /// Pixels from one tap to the next.
    pub dilations: [usize; 2],
    /// Where the window stands.
    pub padding: Padding,
    /// Rows and columns that a transposed convolution adds at the end.
    pub output_padding: [usize; 2],
    /// What a transposed convolution makes. The padding is then worked out from it, and `pads` passed
    /// over.
    pub output_shape: Option<[usize; 2]>,
}

/// ONNX's `auto_pad`, and `pads`.
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, dialect::{Onnx, onnx::Padding}};
/// let layer = |padding| Onnx { strides: [2, 2], ..Onnx::new([3, 3], padding) };
/// let upper = layer(Padding::SameUpper).conv([6, 6])?;
/// let lower = layer(Padding::SameLower).conv([6, 6])?;
/// // As many positions, one pixel apart.
/// assert_eq!(upper.output(), lower.output());
/// assert_eq!([upper.axes()[0].pad_before, lower.axes()[0].pad_before], [0, 1]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// `NOTSET`: so much.
    Pads {
        /// Above and to the left.
        before: [usize; 2],
        /// Below and to the right.
        after: [usize; 2],
    },
    /// `SAME_UPPER`: `⌈input / stride⌉` positions, the odd pixel of padding behind the input.
    SameUpper,
    /// `SAME_LOWER`: the same with the odd pixel before it.
    SameLower,
    /// `VALID`: none.
    Valid,
}

impl Onnx {
    /// Strides and dilations of 1.
    pub const fn new(kernel_shape: [usize; 2], padding: Padding) -> Self {
        Self {
            kernel_shape,
            strides: [1; 2],
            dilations: [1; 2],
            padding,
            output_padding: [0; 2],
            output_shape: None,
        }
    }

    fn sides(&self, axis: usize) -> [usize; 2] {
        match self.padding {
            Padding::Pads { before, after } => [before[axis], after[axis]],
            _ => [0, 0],
        }
    }

    fn odd_side(&self) -> OddSide {
        match self.padding {
            Padding::SameUpper => OddSide::After,
            // The standard's formula gives this side to every other value.
            _ => OddSide::Before,
        }
    }
}

impl ConvSpec for Onnx {
    fn kernels(&self) -> [Kernel; 2] {
        Kernel::both(self.kernel_shape, self.strides, self.dilations)
    }

    fn conv_axis(&self, axis: usize, input: usize) -> Result<Axis, GeometryError> {
        let (kernel, [before, after]) = (self.kernels()[axis], self.sides(axis));
        match self.padding {
            Padding::SameUpper | Padding::SameLower => Ok(kernel.same(input, self.odd_side())),
            Padding::Pads { .. } | Padding::Valid => kernel.fit(input, before, after),
        }
    }

    fn transposed_axis(
        &self,
        axis: usize,
        output: usize,
        input: Option<usize>,
    ) -> Result<Axis, GeometryError> {
        let kernel = self.kernels()[axis];
        let most = kernel.stride.max(kernel.dilation) - 1;
        let why = "it must be less than the stride or the dilation";
        let added = legal("output_padding", why, [0, most], self.output_padding[axis])?;
        let full = kernel.full(output) + added;
        let same = matches!(self.padding, Padding::SameUpper | Padding::SameLower);
        let asked = input.or(self.output_shape.map(|shape| shape[axis]));
        match asked.or(same.then_some(kernel.stride * output)) {
            Some(input) => {
                // Where padding would be negative, rows are added behind, as ONNX Runtime does.
                let why = "padding only takes away, and under a stride can be added";
                let last = full + kernel.stride - 1;
                let input = legal("output_shape", why, [1, last], input)?;
                Ok(kernel.axis(
                    input,
                    output,
                    self.odd_side().pad_before(full.saturating_sub(input)),
                ))
            }
            None => {
                let [before, after] = self.sides(axis);
                Ok(kernel.axis(cropped(full, before, after)?, output, before))
            }
        }
    }
}

impl Dialect for Onnx {
    const NAME: &'static str = "ONNX";
    const KEY: &'static str = "onnx";

    fn read(_: Layer, words: &Words) -> Result<Self, WordsError> {
        let padding = match words.padding {
            None | Some(GivenPadding::Valid) => Padding::Valid,
            Some(GivenPadding::Same) => Padding::SameUpper,
            Some(GivenPadding::SameLower) => Padding::SameLower,
            Some(GivenPadding::Numbers(pad)) => Padding::Pads { before: pad, after: pad },
        };
        let Words { kernel, stride: strides, dilation: dilations, .. } = *words;
        let output_padding = words.output_padding.unwrap_or([0, 0]);
        Ok(Self { strides, dilations, output_padding, ..Self::new(kernel, padding) })
    }

    fn say(wanted: &Wanted) -> Vec<Self> {
        let Wanted { kernel, stride: strides, dilation: dilations, .. } = *wanted;
        let with = |padding| Self { strides, dilations, ..Self::new(kernel, padding) };
        let (before, after) = (wanted.pad_before, wanted.pad_after());
        // Rows that are added behind are another attribute than those cropped there.
        let output_padding = match wanted.layer {
            Layer::Conv => [0, 0],
            Layer::Deconv => wanted.behind.map(|rows| usize::try_from(-rows).unwrap_or(0)),
        };
        vec![
            with(Padding::SameUpper),
            with(Padding::SameLower),
            Self { output_padding, ..with(Padding::Pads { before, after }) },
        ]
    }
}

impl fmt::Display for Onnx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "strides={:?}, ", self.strides)?;
        match self.padding {
            Padding::Pads { before, after } => {
                write!(f, "pads=[{}, {}, {}, {}]", before[0], before[1], after[0], after[1])?;
            }
            Padding::SameUpper => write!(f, "auto_pad=SAME_UPPER")?,
            Padding::SameLower => write!(f, "auto_pad=SAME_LOWER")?,
            Padding::Valid => write!(f, "auto_pad=VALID")?,
        }
        if self.dilations != [1, 1] {
            write!(f, ", dilations={:?}", self.dilations)?;
        }
        if self.output_padding != [0, 0] {
            write!(f, ", output_padding={:?}", self.output_padding)?;
        }
        self.output_shape.map_or(Ok(()), |shape| write!(f, ", output_shape={shape:?}"))
    }
}
