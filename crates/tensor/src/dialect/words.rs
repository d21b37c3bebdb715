//! What frameworks are given to read, and what they are given to say.

use crate::{Axis, Geometry};

/// Which of the two layers.
///
/// ```
/// # use mirrorgrad_tensor::{Window, dialect::{FRAMEWORKS, Layer, Said}};
/// let halving = Window::square(3).stride(2).padding(1).conv([6, 6])?;
/// let pytorch = |layer| FRAMEWORKS[0].say(layer, &halving).swap_remove(0).words;
/// assert_eq!(pytorch(Layer::Conv), "stride=[2, 2], padding=[1, 1]");
/// // The way back has to be told which of the sizes 5 and 6 it leads to.
/// assert_eq!(pytorch(Layer::Deconv), "stride=[2, 2], padding=[1, 1], output_padding=[1, 1]");
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layer {
    /// The convolution.
    Conv,
    /// The transposed convolution.
    Deconv,
}

/// A layer's arguments before a framework reads them in its own sense. Pairs are `[vertical, horizontal]`.
///
/// ```
/// # use mirrorgrad_tensor::dialect::{Framework, Layer, GivenPadding, Words};
/// let words = Words { stride: [2, 2], padding: Some(GivenPadding::Same), ..Words::new([3, 3]) };
/// let [tensorflow, caffe] = ["tensorflow", "caffe"].map(|key| Framework::called(key).unwrap());
/// assert_eq!(tensorflow.read(Layer::Conv, &words).unwrap().conv([6, 6])?.output(), [3, 3]);
/// let refusal = caffe.read(Layer::Conv, &words).unwrap_err().to_string();
/// assert_eq!(refusal, "expected padding in numbers, found padding same");
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Words {
    /// Taps.
    pub kernel: [usize; 2],
    /// Pixels from one position to the next.
    pub stride: [usize; 2],
    /// Pixels from one tap to the next.
    pub dilation: [usize; 2],
    /// Padding, in numbers or by name.
    pub padding: Option<GivenPadding>,
    /// Rows and columns that a transposed convolution adds at the end.
    pub output_padding: Option<[usize; 2]>,
}

/// Padding in numbers, or by a name that most frameworks have.
///
/// ```
/// # use mirrorgrad_tensor::dialect::{Framework, Layer, GivenPadding, Words};
/// let lower = Words { padding: Some(GivenPadding::SameLower), ..Words::new([2, 2]) };
/// let onnx = Framework::called("onnx").unwrap().read(Layer::Conv, &lower).unwrap();
/// assert_eq!(onnx.conv([4, 4])?.axes()[0].pad_before, 1);
/// // Others have no name for it.
/// assert!(Framework::called("keras").unwrap().read(Layer::Conv, &lower).is_err());
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenPadding {
    /// So many rows above and below, so many columns on either side.
    Numbers([usize; 2]),
    /// `⌈input / stride⌉` positions, the odd pixel of padding behind the input.
    Same,
    /// The same with the odd pixel before it.
    SameLower,
    /// None.
    Valid,
}

/// Arguments that a framework does not have.
///
/// ```
/// # use mirrorgrad_tensor::dialect::{Framework, Layer, Words};
/// let words = Words { output_padding: Some([1, 1]), ..Words::new([3, 3]) };
/// let refusal = Framework::called("jax").unwrap().read(Layer::Deconv, &words).unwrap_err();
/// assert_eq!(refusal.expected, "no output_padding, which it does not have");
/// assert_eq!(refusal.found, "[1, 1]");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found}")]
pub struct WordsError {
    /// What the framework reads.
    pub expected: &'static str,
    /// What it was given.
    pub found: String,
}

impl Words {
    /// Strides and dilations of 1, and nothing said of padding.
    pub const fn new(kernel: [usize; 2]) -> Self {
        Self { kernel, stride: [1; 2], dilation: [1; 2], padding: None, output_padding: None }
    }

    /// Refuses the padding.
    pub(super) fn refused(&self, expected: &'static str) -> WordsError {
        let padding = match self.padding {
            None => "none",
            Some(GivenPadding::Numbers(_)) => "in numbers",
            Some(GivenPadding::Same) => "same",
            Some(GivenPadding::SameLower) => "same-lower",
            Some(GivenPadding::Valid) => "valid",
        };
        WordsError { expected, found: format!("padding {padding}") }
    }

    /// Padding, where only numbers are read.
    pub(super) fn numbers(&self) -> Result<[usize; 2], WordsError> {
        match self.padding {
            None => Ok([0, 0]),
            Some(GivenPadding::Numbers(numbers)) => Ok(numbers),
            Some(_) => Err(self.refused("padding in numbers")),
        }
    }

    /// Refuses an output padding.
    pub(super) fn without_output_padding(&self) -> Result<(), WordsError> {
        let expected = "no output_padding, which it does not have";
        match self.output_padding {
            None => Ok(()),
            Some(added) => Err(WordsError { expected, found: format!("{added:?}") }),
        }
    }
}

/// A geometry to be said: its numbers as pairs, and what follows from them.
///
/// ```
/// # use mirrorgrad_tensor::{Window, dialect::{Layer, Wanted}};
/// let doubling = Window::square(3).stride(2).padding(1).output_padding([1, 1]).transposed([3, 3])?;
/// let wanted = Wanted::new(Layer::Deconv, &doubling);
/// assert_eq!((wanted.size(), wanted.output_padding()), (Some([6, 6]), [1, 1]));
/// // One row is cropped in front, and none behind.
/// assert_eq!((wanted.pad_before, wanted.pad_after()), ([1, 1], [0, 0]));
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Which of the two layers is to mean it.
    pub layer: Layer,
    /// The geometry itself.
    pub geometry: Geometry,
    /// Taps.
    pub kernel: [usize; 2],
    /// Pixels from one position to the next.
    pub stride: [usize; 2],
    /// Pixels from one tap to the next.
    pub dilation: [usize; 2],
    /// What is padded, or cropped, in front.
    pub pad_before: [usize; 2],
    /// What is padded, or cropped, behind: negative where rows are added.
    pub behind: [i64; 2],
}

impl Wanted {
    /// Of a geometry.
    pub fn new(layer: Layer, geometry: &Geometry) -> Self {
        let [y, x] = geometry.axes();
        let each = |of: fn(&Axis) -> usize| [of(&y), of(&x)];
        let behind = |a: &Axis| a.full() as i64 - a.pad_before as i64 - a.input as i64;
        Self {
            layer,
            geometry: *geometry,
            kernel: each(|a| a.kernel),
            stride: each(|a| a.stride),
            dilation: each(|a| a.dilation),
            pad_before: each(|a| a.pad_before),
            behind: [behind(&y), behind(&x)],
        }
    }

    /// What is padded, or cropped, behind, none where rows are added.
    pub fn pad_after(&self) -> [usize; 2] {
        self.behind.map(|rows| usize::try_from(rows).unwrap_or(0))
    }

    /// Rows and columns added behind by a framework that crops by `pad_before` on both sides; none where it
    /// would have to take some away.
    pub fn output_padding(&self) -> [usize; 2] {
        let added = |i: usize| self.pad_before[i] as i64 - self.behind[i];
        [0, 1].map(|i| usize::try_from(added(i)).unwrap_or(0))
    }

    /// For a transposed convolution, the size that it is to make.
    pub fn size(&self) -> Option<[usize; 2]> {
        (self.layer == Layer::Deconv).then(|| self.geometry.input())
    }
}
