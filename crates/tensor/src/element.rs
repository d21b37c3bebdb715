//! What a number is.

use crate::exponential::exp_in_place;
use crate::machine::gemm::Gemm;
use crate::machine::isa::Vector;
use bytemuck::Pod;
use ndarray::NdFloat;
use std::iter::Sum;

/// A real number that tensors hold: [`f32`] or [`f64`].
///
/// One bound for the whole framework. Arithmetic, elementary functions and formatting come with
/// [`NdFloat`]; the rest is what kernels need beside them.
///
/// ```
/// # use mirrorgrad_tensor::Element;
/// // Written once, for both precisions.
/// fn gelu<T: Element>(x: T) -> T {
///     let half = T::of(0.5);
///     half * x * (T::one() + (half.sqrt() * x).erf())
/// }
/// assert!((gelu(1.0_f64) - 0.841_344_746).abs() < 1e-9);
/// assert!((gelu(1.0_f32).as_f64() - gelu(1.0_f64)).abs() < 1e-6);
/// ```
pub trait Element: NdFloat + Sum + Default + Pod + Gemm + Vector {
    /// The type's name in files: `"f32"` or `"f64"`.
    const NAME: &'static str;

    /// The nearest value to `value`.
    fn of(value: f64) -> Self;

    /// This value in double precision, exactly.
    fn as_f64(self) -> f64;

    /// The error function, 2/√π ∫₀ˣ exp(−t²) dt.
    fn erf(self) -> Self;

    /// Replaces every number by its exponential.
    #[doc(hidden)]
    fn exp_in_place(values: &mut [Self]);

    /// The number's bytes, least significant first.
    fn le_bytes(self) -> impl Iterator<Item = u8>;

    /// The number that such bytes hold.
    ///
    /// # Panics
    /// If there are other than the type's number of bytes.
    fn of_le_bytes(bytes: &[u8]) -> Self;
}

impl Element for f32 {
    const NAME: &'static str = "f32";

    fn of(value: f64) -> Self {
        value as f32
    }

    fn as_f64(self) -> f64 {
        f64::from(self)
    }

    fn erf(self) -> Self {
        libm::erff(self)
    }

    fn exp_in_place(values: &mut [Self]) {
        exp_in_place(values);
    }

    fn le_bytes(self) -> impl Iterator<Item = u8> {
        self.to_le_bytes().into_iter()
    }

    fn of_le_bytes(bytes: &[u8]) -> Self {
        Self::from_le_bytes(bytes.try_into().expect("expected the bytes of one f32"))
    }
}

impl Element for f64 {
    const NAME: &'static str = "f64";

    fn of(value: f64) -> Self {
        value
    }

    fn as_f64(self) -> f64 {
        self
    }

    fn erf(self) -> Self {
        libm::erf(self)
    }

    fn exp_in_place(values: &mut [Self]) {
        values.iter_mut().for_each(|value| *value = value.exp());
    }

    fn le_bytes(self) -> impl Iterator<Item = u8> {
        self.to_le_bytes().into_iter()
    }

    fn of_le_bytes(bytes: &[u8]) -> Self {
        Self::from_le_bytes(bytes.try_into().expect("expected the bytes of one f64"))
    }
}
