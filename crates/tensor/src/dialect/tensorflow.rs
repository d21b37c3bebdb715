//! TensorFlow's `conv2d` and `conv2d_transpose`.

use super::{Dialect, GivenPadding, Layer, Wanted, Words, WordsError};
use crate::conv_spec::{cropped, legal};
use crate::{Axis, ConvSpec, GeometryError, Kernel, OddSide};
use std::fmt;

/// A layer in TensorFlow's words (tensorflow/core/kernels/conv_grad_shape_utils.cc). Pairs are
/// `[vertical, horizontal]`.
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, dialect::{TensorFlow, tensorflow::Padding}};
/// let layer = TensorFlow { strides: [2, 2], ..TensorFlow::new([3, 3], Padding::Same) };
/// let even = layer.transposed([3, 3])?;
/// let odd = TensorFlow { output_shape: Some([5, 5]), ..layer }.transposed([3, 3])?;
/// assert_eq!((even.input(), odd.input()), ([6, 6], [5, 5]));
/// // The size that is asked for moves the pixels, too.
/// assert_eq!([even.axes()[0].pad_before, odd.axes()[0].pad_before], [0, 1]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TensorFlow {
    /// Taps.
    pub kernel: [usize; 2],
    /// Pixels from one position to the next.
    pub strides: [usize; 2],
    /// Pixels from one tap to the next.
    pub dilations: [usize; 2],
    /// Where the window stands.
    pub padding: Padding,
    /// What a transposed convolution makes. TensorFlow always wants it; without it, SAME makes
    /// `output · stride` here, and the other paddings make the smallest input they can.
    pub output_shape: Option<[usize; 2]>,
}

/// TensorFlow's three paddings.
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, dialect::{TensorFlow, tensorflow::Padding}};
/// let layer = |padding| TensorFlow { strides: [2, 2], ..TensorFlow::new([3, 3], padding) };
/// // What SAME means on an input of 6×6.
/// let behind = Padding::Explicit { before: [0, 0], after: [1, 1] };
/// assert_eq!(layer(Padding::Same).conv([6, 6])?, layer(behind).conv([6, 6])?);
/// assert_eq!(layer(Padding::Valid).conv([6, 6])?.output(), [2, 2]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// As much as makes `⌈input / stride⌉` positions, the odd pixel behind the input. A transposed
    /// convolution crops by what the input *it is asked for* would be padded by.
    Same,
    /// None.
    Valid,
    /// So much.
    Explicit {
        /// Above and to the left.
        before: [usize; 2],
        /// Below and to the right.
        after: [usize; 2],
    },
}

impl TensorFlow {
    /// Strides and dilations of 1.
    pub const fn new(kernel: [usize; 2], padding: Padding) -> Self {
        Self { kernel, strides: [1; 2], dilations: [1; 2], padding, output_shape: None }
    }

    fn sides(&self, axis: usize) -> [usize; 2] {
        match self.padding {
            Padding::Explicit { before, after } => [before[axis], after[axis]],
            Padding::Same | Padding::Valid => [0, 0],
        }
    }
}

impl ConvSpec for TensorFlow {
    fn kernels(&self) -> [Kernel; 2] {
        Kernel::both(self.kernel, self.strides, self.dilations)
    }

    fn conv_axis(&self, axis: usize, input: usize) -> Result<Axis, GeometryError> {
        let (kernel, [before, after]) = (self.kernels()[axis], self.sides(axis));
        match self.padding {
            Padding::Same => Ok(kernel.same(input, OddSide::After)),
            Padding::Valid | Padding::Explicit { .. } => kernel.fit(input, before, after),
        }
    }

    fn transposed_axis(
        &self,
        axis: usize,
        output: usize,
        input: Option<usize>,
    ) -> Result<Axis, GeometryError> {
        let kernel = self.kernels()[axis];
        let why = "a convolution over it must give back the input";
        let asked = input.or(self.output_shape.map(|shape| shape[axis]));
        match self.padding {
            Padding::Same => kernel.same_transposed(output, asked, OddSide::After),
            Padding::Valid | Padding::Explicit { .. } => {
                let [before, after] = self.sides(axis);
                let last = cropped(kernel.full(output) + kernel.stride - 1, before, after)?;
                let first = kernel.full(output).saturating_sub(before + after).max(1);
                let input = legal("output_shape", why, [first, last], asked.unwrap_or(first))?;
                Ok(kernel.axis(input, output, before))
            }
        }
    }
}

impl Dialect for TensorFlow {
    const NAME: &'static str = "TensorFlow";
    const KEY: &'static str = "tensorflow";

    fn read(_: Layer, words: &Words) -> Result<Self, WordsError> {
        words.without_output_padding()?;
        let padding = match words.padding {
            None | Some(GivenPadding::Valid) => Padding::Valid,
            Some(GivenPadding::Same) => Padding::Same,
            Some(GivenPadding::Numbers(pad)) => Padding::Explicit { before: pad, after: pad },
            Some(GivenPadding::SameLower) => return Err(words.refused("same, valid or numbers")),
        };
        let Words { kernel, stride: strides, dilation: dilations, .. } = *words;
        Ok(Self { strides, dilations, ..Self::new(kernel, padding) })
    }

    fn say(wanted: &Wanted) -> Vec<Self> {
        let Wanted { kernel, stride: strides, dilation: dilations, .. } = *wanted;
        let with = |padding| {
            let output_shape = wanted.size();
            Self { strides, dilations, output_shape, ..Self::new(kernel, padding) }
        };
        let (before, after) = (wanted.pad_before, wanted.pad_after());
        [Padding::Same, Padding::Valid, Padding::Explicit { before, after }].map(with).to_vec()
    }
}

impl fmt::Display for TensorFlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "strides={:?}, padding=", self.strides)?;
        match self.padding {
            Padding::Same => write!(f, "'SAME'")?,
            Padding::Valid => write!(f, "'VALID'")?,
            Padding::Explicit { before, after } => write!(
                f,
                "[[0, 0], [{}, {}], [{}, {}], [0, 0]]",
                before[0], after[0], before[1], after[1]
            )?,
        }
        if self.dilations != [1, 1] {
            write!(f, ", dilations={:?}", self.dilations)?;
        }
        self.output_shape.map_or(Ok(()), |shape| write!(f, ", output_shape={shape:?}"))
    }
}
