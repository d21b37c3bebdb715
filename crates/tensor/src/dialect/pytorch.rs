//! PyTorch's `Conv2d` and `ConvTranspose2d`.

use super::{Dialect, GivenPadding, Layer, Wanted, Words, WordsError};
use crate::{Axis, ConvSpec, GeometryError, Kernel, OddSide, Same, Window};
use std::fmt;

/// A layer in PyTorch's words (torch/nn/modules/conv.py): a [`Window`] whose padding is as wide on both
/// sides, or `padding='same'`.
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, Window, dialect::PyTorch};
/// let window = Window::square(3).stride(2).padding(1).output_padding([1, 1]);
/// let pytorch = PyTorch::Padding(window);
/// assert_eq!(pytorch.transposed([3, 3])?, window.transposed([3, 3])?);
/// assert_eq!(pytorch.to_string(), "stride=[2, 2], padding=[1, 1], output_padding=[1, 1]");
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PyTorch {
    /// Padding in numbers.
    Padding(Window),
    /// `padding='same'`, of a convolution with a stride of 1.
    Same(Same),
}

impl PyTorch {
    fn same(kernel: [usize; 2], dilation: [usize; 2]) -> Self {
        let kernels = Kernel::both(kernel, [1, 1], dilation);
        Self::Same(Same { kernels, odd_side: OddSide::After })
    }

    fn spec(&self) -> &dyn ConvSpec {
        match self {
            Self::Padding(window) => window,
            Self::Same(same) => same,
        }
    }
}

impl ConvSpec for PyTorch {
    fn kernels(&self) -> [Kernel; 2] {
        self.spec().kernels()
    }

    fn pad_after(&self) -> Option<[usize; 2]> {
        self.spec().pad_after()
    }

    fn conv_axis(&self, axis: usize, input: usize) -> Result<Axis, GeometryError> {
        self.spec().conv_axis(axis, input)
    }

    fn transposed_axis(
        &self,
        axis: usize,
        output: usize,
        input: Option<usize>,
    ) -> Result<Axis, GeometryError> {
        self.spec().transposed_axis(axis, output, input)
    }
}

impl Dialect for PyTorch {
    const NAME: &'static str = "PyTorch";
    const KEY: &'static str = "pytorch";

    fn read(layer: Layer, words: &Words) -> Result<Self, WordsError> {
        let Words { kernel, stride, dilation, .. } = *words;
        let padding = match words.padding {
            None => [0, 0],
            Some(GivenPadding::Numbers(padding)) => padding,
            Some(GivenPadding::Valid) if layer == Layer::Conv => [0, 0],
            Some(GivenPadding::Same) if layer == Layer::Conv && stride == [1, 1] => {
                return Ok(Self::same(kernel, dilation));
            }
            Some(_) => {
                return Err(words.refused(
                    "padding in numbers, or of a convolution valid or, with a stride of 1, same",
                ));
            }
        };
        let (pad_before, pad_after) = (padding, padding);
        let window = Window { stride, dilation, pad_before, pad_after, ..Window::new(kernel) };
        Ok(Self::Padding(window.output_padding(words.output_padding.unwrap_or([0, 0]))))
    }

    fn say(wanted: &Wanted) -> Vec<Self> {
        let Wanted { kernel, stride, dilation, pad_before, .. } = *wanted;
        let plain = Window { stride, dilation, ..Window::new(kernel) };
        let padded = |padding| Window { pad_before: padding, pad_after: padding, ..plain };
        if wanted.layer == Layer::Conv {
            let same = (stride == [1, 1]).then(|| Self::same(kernel, dilation));
            return [Self::Padding(padded(pad_before))].into_iter().chain(same).collect();
        }
        let mut candidates =
            vec![Self::Padding(padded(pad_before).output_padding(wanted.output_padding()))];
        // Only the padding in front can be off by one to either side.
        let more = padded(pad_before.map(|padding| padding + 1));
        let (output, input) = (wanted.geometry.output(), wanted.geometry.input());
        if let Ok(geometry) = more.transposed_to(output, input) {
            let added = Wanted::new(Layer::Deconv, &geometry).output_padding();
            candidates.push(Self::Padding(more.output_padding(added)));
        }
        candidates
    }
}

impl fmt::Display for PyTorch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Padding(window) => {
                write!(f, "stride={:?}, padding={:?}", window.stride, window.pad_before)?;
            }
            Self::Same(_) => write!(f, "padding='same'")?,
        }
        let dilation = self.kernels().map(|kernel| kernel.dilation);
        if dilation != [1, 1] {
            write!(f, ", dilation={dilation:?}")?;
        }
        match self {
            Self::Padding(Window { output_padding: added, .. }) if *added != [0, 0] => {
                write!(f, ", output_padding={added:?}")
            }
            _ => Ok(()),
        }
    }
}
