//! Upsampling by a fixed rule.

use crate::place::Place;
use crate::{Module, Pass, Sizes};
use mirrorgrad_autograd::{Var, ops};
use mirrorgrad_tensor::{Corners, Element};

/// The rule between pixels.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Interpolation, Module, Pass, Upsample};
/// # use mirrorgrad_tensor::Tensor;
/// let x = Var::constant(Tensor::new([1, 1, 1, 2], [0.0_f32, 3.0]));
/// let double = |rule| Upsample::new(2, rule).forward(&x, &Pass::eval()); // Two rows of four.
/// let row = |rule| double(rule).value().as_slice()[..4].to_vec();
/// assert_eq!(row(Interpolation::Nearest), [0.0, 0.0, 3.0, 3.0]);
/// assert_eq!(row(Interpolation::Bilinear), [0.0, 0.75, 2.25, 3.0]);
/// let aligned = row(Interpolation::BilinearAlignCorners);
/// assert!(aligned.iter().zip([0.0_f32, 1.0, 2.0, 3.0]).all(|(v, x)| (v - x).abs() < 1e-6));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// The pixel that covers the place.
    Nearest,
    /// Linear along both axes, pixels being areas (PyTorch's `align_corners=False`).
    Bilinear,
    /// Linear along both axes, the corner pixels' centres staying in the corners.
    BilinearAlignCorners,
}

/// Enlarges by a whole factor. `[batch, channels, h, w] -> [batch, channels, f·h, f·w]`.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Interpolation, Module, Pass, Upsample};
/// # use mirrorgrad_tensor::Tensor;
/// let double = Upsample::new(2, Interpolation::Bilinear);
/// let x = Var::constant(Tensor::<f32>::zeros([1, 8, 22, 30]));
/// assert_eq!(double.forward(&x, &Pass::eval()).shape(), [1, 8, 44, 60]);
/// let skip = Var::constant(Tensor::zeros([1, 2, 45, 61]));
/// assert_eq!(double.forward_like(&x, &skip, &Pass::eval()).shape(), [1, 8, 45, 61]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Upsample {
    factor: usize,
    interpolation: Interpolation,
}

impl Upsample {
    /// By `factor` along both axes.
    pub const fn new(factor: usize, interpolation: Interpolation) -> Self {
        Self { factor, interpolation }
    }

    /// Resizes `x` to exactly the height and width of `skip`.
    ///
    /// # Panics
    /// If one of them does not have four axes, or a size is 0.
    #[track_caller]
    pub fn forward_like<T: Element>(&self, x: &Var<T>, skip: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let y = self.to(x, Place::new("upsample", pass).input_size(None, skip), pass);
        pass.record_like(&y, skip);
        y
    }

    #[track_caller]
    fn to<T: Element>(&self, x: &Var<T>, size: [usize; 2], pass: &Pass<T>) -> Var<T> {
        let place = Place::new("upsample", pass);
        let from = place.input_size(None, x);
        if [from, size].as_flattened().contains(&0) {
            place.refuse(format_args!("expected sizes of at least 1, got {from:?} to {size:?}"));
        }
        let y = match self.interpolation {
            Interpolation::Nearest => ops::upsample_nearest2d(x, size),
            Interpolation::Bilinear => ops::upsample_bilinear2d(x, size, Corners::HalfPixel),
            Interpolation::BilinearAlignCorners => {
                ops::upsample_bilinear2d(x, size, Corners::Aligned)
            }
        };
        pass.record("Upsample", &y, 0);
        y
    }
}

impl<T: Element> Module<T> for Upsample {
    #[track_caller]
    fn forward(&self, x: &Var<T>, pass: &Pass<T>) -> Var<T> {
        let [height, width] = Place::new("upsample", pass).input_size(None, x);
        let y = self.to(x, [height * self.factor, width * self.factor], pass);
        pass.record_sizes(&y, Sizes::Times(self.factor));
        y
    }
}
