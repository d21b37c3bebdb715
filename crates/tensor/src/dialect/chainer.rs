//! Chainer's `convolution_2d` and `deconvolution_2d`.

use super::{Dialect, Layer, Wanted, Words, WordsError};
use crate::conv_spec::legal;
use crate::{Axis, ConvSpec, GeometryError, Kernel};
use std::fmt;

/// A layer in Chainer's words (chainer/functions/connection/deconvolution_2d.py). Pairs are
/// `[vertical, horizontal]`.
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, dialect::Chainer};
/// let layer = Chainer { stride: [2, 2], pad: [1, 1], ..Chainer::new([3, 3]) };
/// assert_eq!(layer.transposed([4, 4])?.input(), [7, 7]);
/// let larger = Chainer { outsize: Some([8, 8]), ..layer };
/// assert_eq!(larger.transposed([4, 4])?.input(), [8, 8]);
/// // No convolution over 9×9 pixels gives this output.
/// assert!(layer.transposed_to([4, 4], [9, 9]).is_err());
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chainer {
    /// Taps.
    pub kernel: [usize; 2],
    /// Pixels from one position to the next.
    pub stride: [usize; 2],
    /// Zeros around the input; a transposed convolution crops by them.
    pub pad: [usize; 2],
    /// Pixels from one tap to the next.
    pub dilate: [usize; 2],
    /// What a transposed convolution makes: any input over which a convolution, its last stride
    /// dropped or rounded up, could give the output.
    pub outsize: Option<[usize; 2]>,
}

impl Chainer {
    /// Strides and dilations of 1, no padding.
    pub const fn new(kernel: [usize; 2]) -> Self {
        Self { kernel, stride: [1; 2], pad: [0; 2], dilate: [1; 2], outsize: None }
    }
}

impl ConvSpec for Chainer {
    fn kernels(&self) -> [Kernel; 2] {
        Kernel::both(self.kernel, self.stride, self.dilate)
    }

    fn conv_axis(&self, axis: usize, input: usize) -> Result<Axis, GeometryError> {
        self.kernels()[axis].fit(input, self.pad[axis], self.pad[axis])
    }

    fn transposed_axis(
        &self,
        axis: usize,
        output: usize,
        input: Option<usize>,
    ) -> Result<Axis, GeometryError> {
        let (kernel, pad) = (self.kernels()[axis], self.pad[axis]);
        let (full, slack) = (kernel.full(output), kernel.stride - 1);
        let last = crate::conv_spec::cropped(full + slack, pad, pad)?;
        let [first, usual] =
            [full.saturating_sub(slack), full].map(|size| size.saturating_sub(2 * pad).max(1));
        let asked = input.or(self.outsize.map(|size| size[axis])).unwrap_or(usual);
        let why =
            "a convolution over it, its last stride dropped or rounded up, must give the input";
        Ok(kernel.axis(legal("outsize", why, [first, last], asked)?, output, pad))
    }
}

impl Dialect for Chainer {
    const NAME: &'static str = "Chainer";
    const KEY: &'static str = "chainer";

    fn read(_: Layer, words: &Words) -> Result<Self, WordsError> {
        words.without_output_padding()?;
        let Words { kernel, stride, dilation: dilate, .. } = *words;
        Ok(Self { stride, pad: words.numbers()?, dilate, ..Self::new(kernel) })
    }

    fn say(wanted: &Wanted) -> Vec<Self> {
        let Wanted { kernel, stride, dilation: dilate, pad_before: pad, .. } = *wanted;
        vec![Self { stride, pad, dilate, outsize: wanted.size(), ..Self::new(kernel) }]
    }
}

impl fmt::Display for Chainer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stride={:?}, pad={:?}", self.stride, self.pad)?;
        if self.dilate != [1, 1] {
            write!(f, ", dilate={:?}", self.dilate)?;
        }
        self.outsize.map_or(Ok(()), |size| write!(f, ", outsize={size:?}"))
    }
}
