//! MXNet's `Convolution` and `Deconvolution`.

use super::{Dialect, Layer, Wanted, Words, WordsError};
use crate::conv_spec::{cropped, legal};
use crate::{Axis, ConvSpec, GeometryError, Kernel, OddSide};
use std::fmt;

/// A layer in MXNet's words (src/operator/nn/deconvolution-inl.h). Pairs are
/// `[vertical, horizontal]`.
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, dialect::MxNet};
/// // A target is a padding and an `adj` that are worked out.
/// let target = MxNet { stride: [2, 2], target_shape: Some([8, 8]), ..MxNet::new([3, 3]) };
/// let pad = MxNet { stride: [2, 2], pad: [1, 1], adj: [1, 1], ..MxNet::new([3, 3]) };
/// assert_eq!(target.transposed([4, 4])?, pad.transposed([4, 4])?);
/// assert_eq!(target.to_string(), "stride=[2, 2], target_shape=[8, 8]");
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MxNet {
    /// Taps.
    pub kernel: [usize; 2],
    /// Pixels from one position to the next.
    pub stride: [usize; 2],
    /// Pixels from one tap to the next.
    pub dilate: [usize; 2],
    /// Zeros around the input; a transposed convolution crops by them.
    pub pad: [usize; 2],
    /// Rows and columns that a transposed convolution adds at the end: less than the stride.
    pub adj: [usize; 2],
    /// What a transposed convolution makes. Padding and `adj` are then worked out from it, the odd
    /// pixel of padding before the input, and those given are ignored.
    pub target_shape: Option<[usize; 2]>,
}

impl MxNet {
    /// Strides and dilations of 1, no padding.
    pub const fn new(kernel: [usize; 2]) -> Self {
        let (one, none) = ([1; 2], [0; 2]);
        Self { kernel, stride: one, dilate: one, pad: none, adj: none, target_shape: None }
    }

    fn to_target(kernel: Kernel, output: usize, target: usize) -> Result<Axis, GeometryError> {
        let (full, why) = (kernel.full(output), "padding can only take away");
        let target = legal("target_shape", why, [1, full], target)?;
        if kernel.stride == 1 && !(full - target).is_multiple_of(2) {
            // Half of the padding on each side, and what is left over is `adj`, less than the stride.
            return Err(GeometryError::Words(
                "target_shape: with a stride of 1 the padding must be even",
            ));
        }
        Ok(kernel.axis(target, output, OddSide::Before.pad_before(full - target)))
    }
}

impl ConvSpec for MxNet {
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
        if let Some(target) = input.or(self.target_shape.map(|shape| shape[axis])) {
            return Self::to_target(kernel, output, target);
        }
        let why = "it must be less than the stride";
        let adj = legal("adj", why, [0, kernel.stride - 1], self.adj[axis])?;
        Ok(kernel.axis(cropped(kernel.full(output) + adj, pad, pad)?, output, pad))
    }
}

impl Dialect for MxNet {
    const NAME: &'static str = "MXNet";
    const KEY: &'static str = "mxnet";

    fn read(_: Layer, words: &Words) -> Result<Self, WordsError> {
        let Words { kernel, stride, dilation: dilate, .. } = *words;
        let (pad, adj) = (words.numbers()?, words.output_padding.unwrap_or([0, 0]));
        Ok(Self { stride, dilate, pad, adj, ..Self::new(kernel) })
    }

    fn say(wanted: &Wanted) -> Vec<Self> {
        let Wanted { kernel, stride, dilation: dilate, pad_before: pad, .. } = *wanted;
        let plain = Self { stride, dilate, pad, ..Self::new(kernel) };
        match wanted.layer {
            Layer::Conv => vec![plain],
            Layer::Deconv => vec![
                Self { adj: wanted.output_padding(), ..plain },
                Self { target_shape: wanted.size(), ..plain },
            ],
        }
    }
}

impl fmt::Display for MxNet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stride={:?}", self.stride)?;
        if self.dilate != [1, 1] {
            write!(f, ", dilate={:?}", self.dilate)?;
        }
        match self.target_shape {
            Some(shape) => write!(f, ", target_shape={shape:?}"),
            None if self.adj == [0, 0] => write!(f, ", pad={:?}", self.pad),
            None => write!(f, ", pad={:?}, adj={:?}", self.pad, self.adj),
        }
    }
}
