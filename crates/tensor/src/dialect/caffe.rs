//! Caffe's `Convolution`, `Deconvolution` and `Crop`.

use super::{Dialect, Layer, Wanted, Words, WordsError};
use crate::conv_spec::cropped;
use crate::{Axis, ConvSpec, GeometryError, Kernel};
use std::fmt;

/// A layer in Caffe's words (src/caffe/layers/deconv_layer.cpp). There is but one input for each output;
/// whoever wants another crops it, as FCN did: see [`CoordinateMap`]. Pairs are
/// `[vertical, horizontal]`.
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, dialect::Caffe};
/// let layer = Caffe { stride: [2, 2], ..Caffe::new([4, 4]) };
/// assert_eq!(layer.transposed([5, 5])?.input(), [12, 12]);
/// assert_eq!(layer.to_string(), "stride: 2 pad: 0");
/// // Another size is for a `Crop` layer to make.
/// assert!(layer.transposed_to([5, 5], [11, 11]).is_err());
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caffe {
    /// Taps.
    pub kernel_size: [usize; 2],
    /// Pixels from one position to the next.
    pub stride: [usize; 2],
    /// Zeros around the input; a transposed convolution crops by them.
    pub pad: [usize; 2],
    /// Pixels from one tap to the next.
    pub dilation: [usize; 2],
}

impl Caffe {
    /// Strides and dilations of 1, no padding.
    pub const fn new(kernel_size: [usize; 2]) -> Self {
        Self { kernel_size, stride: [1; 2], pad: [0; 2], dilation: [1; 2] }
    }
}

impl ConvSpec for Caffe {
    fn kernels(&self) -> [Kernel; 2] {
        Kernel::both(self.kernel_size, self.stride, self.dilation)
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
        let only = cropped(kernel.full(output), pad, pad)?;
        let why = "a deconvolution makes one size, which a Crop layer may cut";
        let input = crate::conv_spec::legal("size", why, [only; 2], input.unwrap_or(only))?;
        Ok(kernel.axis(input, output, pad))
    }
}

impl Dialect for Caffe {
    const NAME: &'static str = "Caffe";
    const KEY: &'static str = "caffe";

    fn read(_: Layer, words: &Words) -> Result<Self, WordsError> {
        words.without_output_padding()?;
        let Words { kernel, stride, dilation, .. } = *words;
        Ok(Self { stride, dilation, pad: words.numbers()?, ..Self::new(kernel) })
    }

    fn say(wanted: &Wanted) -> Vec<Self> {
        let Wanted { kernel, stride, dilation, pad_before: pad, .. } = *wanted;
        vec![Self { stride, pad, dilation, ..Self::new(kernel) }]
    }
}

impl fmt::Display for Caffe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pair = |[h, w]: [usize; 2]| if h == w { format!("{h}") } else { format!("{h}, {w}") };
        write!(f, "stride: {} pad: {}", pair(self.stride), pair(self.pad))?;
        match self.dilation {
            [1, 1] => Ok(()),
            dilation => write!(f, " dilation: {}", pair(dilation)),
        }
    }
}

/// Where a layer's output stands on its input, along one axis: the output's pixel `x` is centred on the
/// input's pixel `(x − offset) / scale`. Caffe's `coord_map.py` composes such maps through a network to
/// find by how much FCN's `Crop` layers have to cut.
///
/// ```
/// # use mirrorgrad_tensor::{Kernel, dialect::CoordinateMap};
/// let kernel = |size, stride| Kernel { size, stride, dilation: 1 };
/// // Down by a convolution of stride 2 and up by a deconvolution that mirrors it: back to where it was.
/// let down = CoordinateMap::conv(kernel(4, 2), 1);
/// assert_eq!(down.then(CoordinateMap::deconv(kernel(4, 2), 1)), CoordinateMap::IDENTITY);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CoordinateMap {
    /// Output pixels to an input pixel.
    pub scale: f64,
    /// The output's place of the input's pixel 0.
    pub offset: f64,
}

impl CoordinateMap {
    /// Every pixel on itself.
    pub const IDENTITY: Self = Self { scale: 1.0, offset: 0.0 };

    /// Of a convolution or pool that is padded by `pad`.
    pub fn conv(kernel: Kernel, pad: usize) -> Self {
        let stride = kernel.stride as f64;
        Self { scale: 1.0 / stride, offset: (pad as f64 - Self::middle(kernel)) / stride }
    }

    /// Of a deconvolution that crops by `pad`.
    pub fn deconv(kernel: Kernel, pad: usize) -> Self {
        Self { scale: kernel.stride as f64, offset: Self::middle(kernel) - pad as f64 }
    }

    /// This map and then another.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self { scale: next.scale * self.scale, offset: next.scale * self.offset + next.offset }
    }

    /// By how many pixels a picture that came through this map has to be cut in front, so that it lies
    /// on one that came through `other`; `None` if no whole number does it: their scales differ, the
    /// first begins later, or they are parts of a pixel apart.
    pub fn crop_onto(self, other: Self) -> Option<usize> {
        let cut = self.offset - other.offset;
        (self.scale == other.scale && cut >= 0.0 && cut.fract() == 0.0).then_some(cut as usize)
    }

    fn middle(kernel: Kernel) -> f64 {
        (kernel.extent() - 1) as f64 / 2.0
    }
}
