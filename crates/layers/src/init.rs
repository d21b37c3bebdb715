//! What weights are before training.

use mirrorgrad_tensor::{Element, Tensor};
use rand::Rng;

/// A rule for a weight's first values, from its shape `[outputs, inputs, ..taps]` (a transposed
/// convolution's `[in, out, ..taps]` is read the same way, as PyTorch does).
///
/// ```
/// # use mirrorgrad_layers::Init;
/// # use mirrorgrad_tensor::Tensor;
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let weight: Tensor = Init::PyTorch.weight(&[8, 4, 3, 3], rng); // fan_in is 36.
/// assert!(weight.as_slice().iter().all(|w| w.abs() <= 1.0 / 6.0));
/// let bilinear: Tensor = Init::Bilinear.weight(&[1, 1, 1, 4], rng);
/// assert_eq!(bilinear.as_slice(), [0.25, 0.75, 0.75, 0.25]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Init {
    /// Normal with standard deviation √(2 / fan_in), for layers before a relu (He et al. 2015).
    KaimingNormal,
    /// Uniform with the same variance.
    KaimingUniform,
    /// Normal with standard deviation √(2 / (fan_in + fan_out)) (Glorot & Bengio 2010).
    XavierNormal,
    /// Uniform with the same variance.
    XavierUniform,
    /// PyTorch's default for linear and convolution layers: uniform within ±1 / √fan_in.
    PyTorch,
    /// Bilinear interpolation, for transposed convolutions: the diagonal is filled, so that each channel
    /// is upsampled by itself (Long et al. 2015). A layer fills the diagonal of each of its groups.
    Bilinear,
    /// Zeros.
    Zeros,
}

impl Init {
    /// First values for a weight of `shape`.
    ///
    /// # Panics
    /// If the shape has under two axes, or [`Init::Bilinear`] meets other than four.
    #[track_caller]
    pub fn weight<T: Element>(self, shape: &[usize], rng: &mut impl Rng) -> Tensor<T> {
        check_weight(shape);
        let taps: usize = shape[2..].iter().product();
        let (fan_in, fan_out) = ((shape[1] * taps) as f64, (shape[0] * taps) as f64);
        let normal = |variance: f64, rng| Tensor::normal(shape, variance.sqrt(), rng);
        match self {
            Self::KaimingNormal => normal(2.0 / fan_in, rng),
            Self::XavierNormal => normal(2.0 / (fan_in + fan_out), rng),
            Self::KaimingUniform => uniform(shape, (6.0 / fan_in).sqrt(), rng),
            Self::XavierUniform => uniform(shape, (6.0 / (fan_in + fan_out)).sqrt(), rng),
            Self::PyTorch => uniform(shape, fan_in.sqrt().recip(), rng),
            Self::Bilinear => bilinear(shape),
            Self::Zeros => Tensor::zeros(shape),
        }
    }

    /// PyTorch's default for the bias of a layer whose weight has `shape`: uniform within
    /// ±1 / √fan_in.
    ///
    /// # Panics
    /// If the shape has under two axes.
    #[track_caller]
    pub fn bias<T: Element>(shape: &[usize], outputs: usize, rng: &mut impl Rng) -> Tensor<T> {
        check_weight(shape);
        let fan_in: usize = shape[1..].iter().product();
        uniform(&[outputs], (fan_in as f64).sqrt().recip(), rng)
    }
}

#[track_caller]
fn check_weight(shape: &[usize]) {
    assert!(shape.len() >= 2, "init: expected a weight [outputs, inputs, ..], got {shape:?}");
}

fn uniform<T: Element>(shape: &[usize], bound: f64, rng: &mut impl Rng) -> Tensor<T> {
    Tensor::uniform(shape, [-bound, bound], rng)
}

/// `w[t] = 1 − |t / f − c|` with `f = ⌈k / 2⌉`, `c = (k − 1) / 2f` along each axis (Caffe's filler).
#[track_caller]
fn bilinear<T: Element>(shape: &[usize]) -> Tensor<T> {
    let &[rows, columns, height, width] = shape else {
        panic!("init: bilinear expected a weight of four axes, got shape {shape:?}")
    };
    let along = |tap: usize, kernel: usize| {
        let factor = kernel.div_ceil(2) as f64;
        let centre = (kernel as f64 - 1.0) / (2.0 * factor);
        1.0 - (tap as f64 / factor - centre).abs()
    };
    Tensor::from_fn([rows, columns, height, width], |i| {
        let (filter, tap) = (i / (height * width), i % (height * width));
        let own = filter / columns == filter % columns;
        let value = along(tap / width, height) * along(tap % width, width);
        T::of(if own { value } else { 0.0 })
    })
}
