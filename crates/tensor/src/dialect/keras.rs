//! Keras's `Conv2D` and `Conv2DTranspose`.

use super::tensorflow::{self, TensorFlow};
use super::{Dialect, GivenPadding, Layer, Wanted, Words, WordsError};
use crate::conv_spec::legal;
use crate::{Axis, ConvSpec, GeometryError, Kernel};
use std::fmt;

/// A layer in Keras 3's words (keras/src/backend/common/backend_utils.py), which become TensorFlow's.
/// Pairs are `[vertical, horizontal]`.
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, dialect::{Keras, keras::Padding}};
/// let layer = Keras { strides: [2, 2], ..Keras::new([3, 3], Padding::Same) };
/// assert_eq!(layer.transposed([3, 3])?.input(), [6, 6]);
/// let smaller = Keras { output_padding: Some([0, 0]), ..layer };
/// assert_eq!(smaller.transposed([3, 3])?.input(), [5, 5]);
/// // Strides and dilations do not go together.
/// let dilated = Keras { dilation_rate: [2, 2], ..layer };
/// assert!(dilated.conv([9, 9]).is_err());
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Keras {
    /// Taps.
    pub kernel: [usize; 2],
    /// Pixels from one position to the next.
    pub strides: [usize; 2],
    /// Pixels from one tap to the next.
    pub dilation_rate: [usize; 2],
    /// Where the window stands.
    pub padding: Padding,
    /// Which of the possible inputs a transposed convolution makes; without, the largest that is no
    /// longer than `output · stride` for `same`, and at least that for `valid`.
    pub output_padding: Option<[usize; 2]>,
}

/// Keras's two paddings.
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, dialect::{Keras, keras::Padding}};
/// let layer = |padding| Keras { strides: [2, 2], ..Keras::new([3, 3], padding) };
/// assert_eq!(layer(Padding::Same).conv([7, 7])?.output(), [4, 4]);
/// assert_eq!(layer(Padding::Valid).conv([7, 7])?.output(), [3, 3]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// TensorFlow's SAME.
    Same,
    /// None.
    Valid,
}

impl Keras {
    /// Strides and dilations of 1.
    pub const fn new(kernel: [usize; 2], padding: Padding) -> Self {
        let one = [1; 2];
        Self { kernel, strides: one, dilation_rate: one, padding, output_padding: None }
    }

    fn tensorflow(&self) -> TensorFlow {
        let padding = match self.padding {
            Padding::Same => tensorflow::Padding::Same,
            Padding::Valid => tensorflow::Padding::Valid,
        };
        let Self { kernel, strides, dilation_rate: dilations, .. } = *self;
        TensorFlow { strides, dilations, ..TensorFlow::new(kernel, padding) }
    }

    fn check_words(&self) -> Result<(), GeometryError> {
        if self.strides != [1, 1] && self.dilation_rate != [1, 1] {
            return Err(GeometryError::Words(
                "Keras takes strides or a dilation_rate above 1, not both at once",
            ));
        }
        Ok(())
    }

    /// What a transposed convolution of `output` positions makes along one axis.
    fn input(&self, axis: usize, output: usize) -> Result<usize, GeometryError> {
        let kernel = self.kernels()[axis];
        let (reach, extent) = (kernel.stride * (output - 1), kernel.extent());
        Ok(match (self.padding, self.output_padding) {
            (Padding::Same, None) => kernel.stride * output,
            (Padding::Valid, None) => reach + extent.max(kernel.stride),
            (padding, Some(added)) => {
                let why = "the output padding must be less than the stride";
                let added = legal("output_padding", why, [0, kernel.stride - 1], added[axis])?;
                reach + added + if padding == Padding::Same { extent % 2 } else { extent }
            }
        })
    }
}

impl ConvSpec for Keras {
    fn kernels(&self) -> [Kernel; 2] {
        Kernel::both(self.kernel, self.strides, self.dilation_rate)
    }

    fn conv_axis(&self, axis: usize, input: usize) -> Result<Axis, GeometryError> {
        self.check_words()?;
        self.tensorflow().conv_axis(axis, input)
    }

    fn transposed_axis(
        &self,
        axis: usize,
        output: usize,
        input: Option<usize>,
    ) -> Result<Axis, GeometryError> {
        self.check_words()?;
        let input = input.map_or_else(|| self.input(axis, output), Ok)?;
        self.tensorflow().transposed_axis(axis, output, Some(input))
    }
}

impl Dialect for Keras {
    const NAME: &'static str = "Keras";
    const KEY: &'static str = "keras";

    fn read(_: Layer, words: &Words) -> Result<Self, WordsError> {
        let padding = match words.padding {
            None | Some(GivenPadding::Valid) => Padding::Valid,
            Some(GivenPadding::Same) => Padding::Same,
            Some(_) => return Err(words.refused("same or valid")),
        };
        let Words { kernel, stride: strides, dilation: dilation_rate, output_padding, .. } = *words;
        Ok(Self { strides, dilation_rate, output_padding, ..Self::new(kernel, padding) })
    }

    fn say(wanted: &Wanted) -> Vec<Self> {
        let Wanted { layer, kernel, stride: strides, dilation: dilation_rate, .. } = *wanted;
        let mut candidates = Vec::new();
        for padding in [Padding::Same, Padding::Valid] {
            let plain = Self { strides, dilation_rate, ..Self::new(kernel, padding) };
            candidates.push(plain);
            if layer == Layer::Deconv {
                let added = (0..strides[0]).flat_map(|h| (0..strides[1]).map(move |w| [h, w]));
                candidates.extend(added.map(|added| Self { output_padding: Some(added), ..plain }));
            }
        }
        candidates
    }
}

impl fmt::Display for Keras {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let padding = if self.padding == Padding::Same { "same" } else { "valid" };
        write!(f, "strides={:?}, padding='{padding}'", self.strides)?;
        if self.dilation_rate != [1, 1] {
            write!(f, ", dilation_rate={:?}", self.dilation_rate)?;
        }
        self.output_padding.map_or(Ok(()), |added| write!(f, ", output_padding={added:?}"))
    }
}
