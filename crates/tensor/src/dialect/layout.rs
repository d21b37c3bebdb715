//! The order in which frameworks store a weight.

use crate::{Element, Tensor, check};

/// The axes of a weight in memory: outputs `O`, inputs `I`, height `H` and width `W`, of the layer that
/// holds it.
///
/// Everything here takes `[outputs, inputs / groups, kh, kw]` for a convolution and
/// `[inputs, outputs / groups, kh, kw]` for a transposed one: [`WeightLayout::OIHW`] and
/// [`WeightLayout::IOHW`].
///
/// ```
/// # use mirrorgrad_tensor::{Tensor, dialect::WeightLayout};
/// let keras = Tensor::<f32>::from_fn([3, 3, 4, 8], |i| i as f32);
/// let ours = WeightLayout::HWIO.convert(WeightLayout::OIHW, &keras);
/// assert_eq!(ours.shape(), [8, 4, 3, 3]);
/// assert_eq!(ours.at(&[5, 2, 1, 0]), keras.at(&[1, 0, 2, 5]));
/// // The first tap of a kernel that is turned around was the last one.
/// let turned = WeightLayout::OIHW.flipped(&ours);
/// assert_eq!(turned.at(&[5, 2, 0, 0]), ours.at(&[5, 2, 2, 2]));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WeightLayout {
    /// Convolutions of PyTorch, ONNX, MXNet, Caffe and Chainer.
    OIHW,
    /// Their transposed convolutions.
    IOHW,
    /// Convolutions of TensorFlow, Keras and JAX; also JAX's transposed ones.
    HWIO,
    /// Transposed convolutions of TensorFlow and Keras.
    HWOI,
}

impl WeightLayout {
    const fn letters(self) -> [char; 4] {
        match self {
            Self::OIHW => ['O', 'I', 'H', 'W'],
            Self::IOHW => ['I', 'O', 'H', 'W'],
            Self::HWIO => ['H', 'W', 'I', 'O'],
            Self::HWOI => ['H', 'W', 'O', 'I'],
        }
    }

    /// The order of axes that brings a weight of this layout to another, for
    /// [`Tensor::permute`].
    pub fn axes_to(self, other: Self) -> [usize; 4] {
        let from = self.letters();
        other.letters().map(|letter| {
            from.iter().position(|&own| own == letter).expect("all have the same letters")
        })
    }

    /// `weight`, of this layout, in another.
    ///
    /// # Panics
    /// If it does not have four axes.
    #[track_caller]
    pub fn convert<T: Element>(self, other: Self, weight: &Tensor<T>) -> Tensor<T> {
        check::dims::<4>("convert", weight.shape());
        weight.permute(&self.axes_to(other))
    }

    /// `weight`, of this layout, with its taps turned around: top for bottom and left for right. Where
    /// a framework does not turn the kernel of a transposed convolution, this does.
    ///
    /// # Panics
    /// If it does not have four axes.
    #[track_caller]
    pub fn flipped<T: Element>(self, weight: &Tensor<T>) -> Tensor<T> {
        check::dims::<4>("flipped", weight.shape());
        let mut view = weight.view();
        for (axis, letter) in self.letters().into_iter().enumerate() {
            if matches!(letter, 'H' | 'W') {
                view.invert_axis(ndarray::Axis(axis));
            }
        }
        Tensor::from_view(view)
    }
}
