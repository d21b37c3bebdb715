//! Smooth functions of one number, applied everywhere; those with kinks are in `piecewise.rs`.
//!
//! A [`Pointwise`] function gives its value, its slope as a number (for the fused first-order pass)
//! and its slope as a variable (to differentiate again), each in terms of the one thing it reads: its
//! input or its output.

use crate::op::type_name;
use crate::record::{Description, Function};
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Element, Tensor};
use std::fmt::Debug;

trait Pointwise<T: Element>: Debug + Send + Sync + 'static {
    /// [`Reads::INPUTS`] or [`Reads::OUTPUT`]: what the slopes are computed from.
    const READS: Reads;

    fn value(&self, x: T) -> T;

    /// The derivative at the number read.
    fn slope(&self, read: T) -> T;

    /// The same, as a variable.
    fn derivative(&self, read: &Var<T>) -> Var<T>;

    fn describe(&self) -> Function;
}

#[derive(Debug)]
struct Map<F>(F);

impl<T: Element, F: Pointwise<T>> Op<T> for Map<F> {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].map(|v| self.0.value(v)), ())
    }

    fn reads(&self) -> Reads {
        F::READS
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        let read = if F::READS.reads_output() { call.output() } else { call.input(0) };
        grad * &self.0.derivative(&read)
    }

    fn fused(
        &self,
        _: &[bool],
        call: &Call<'_, T, ()>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        let read = if F::READS.reads_output() { call.output_value() } else { call.value(0) };
        Some(vec![Some(grad.zip(read, |g, v| g * self.0.slope(v)))])
    }

    fn name(&self) -> &'static str {
        type_name::<F>()
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Function(self.0.describe()))
    }
}

#[derive(Debug)]
struct Exp;

impl<T: Element> Pointwise<T> for Exp {
    const READS: Reads = Reads::OUTPUT;

    fn value(&self, x: T) -> T {
        x.exp()
    }

    fn slope(&self, y: T) -> T {
        y
    }

    fn derivative(&self, y: &Var<T>) -> Var<T> {
        y.clone()
    }

    fn describe(&self) -> Function {
        Function::Exp
    }
}

#[derive(Debug)]
struct Ln;

impl<T: Element> Pointwise<T> for Ln {
    const READS: Reads = Reads::INPUTS;

    fn value(&self, x: T) -> T {
        x.ln()
    }

    fn slope(&self, x: T) -> T {
        x.recip()
    }

    fn derivative(&self, x: &Var<T>) -> Var<T> {
        x.powi(-1)
    }

    fn describe(&self) -> Function {
        Function::Ln
    }
}

#[derive(Debug)]
struct Sqrt;

impl<T: Element> Pointwise<T> for Sqrt {
    const READS: Reads = Reads::OUTPUT;

    fn value(&self, x: T) -> T {
        x.sqrt()
    }

    fn slope(&self, y: T) -> T {
        T::of(0.5) / y
    }

    fn derivative(&self, y: &Var<T>) -> Var<T> {
        y.powi(-1).mul_scalar(T::of(0.5))
    }

    fn describe(&self) -> Function {
        Function::Sqrt
    }
}

/// A power, of another exponent than 0.
#[derive(Debug)]
struct PowI(i32);

impl<T: Element> Pointwise<T> for PowI {
    const READS: Reads = Reads::INPUTS;

    fn value(&self, x: T) -> T {
        x.powi(self.0)
    }

    fn slope(&self, x: T) -> T {
        T::of(f64::from(self.0)) * x.powi(self.0 - 1)
    }

    fn derivative(&self, x: &Var<T>) -> Var<T> {
        x.powi(self.0 - 1).mul_scalar(T::of(f64::from(self.0)))
    }

    fn describe(&self) -> Function {
        Function::Power(self.0)
    }
}

#[derive(Debug)]
struct Tanh;

impl<T: Element> Pointwise<T> for Tanh {
    const READS: Reads = Reads::OUTPUT;

    fn value(&self, x: T) -> T {
        x.tanh()
    }

    fn slope(&self, y: T) -> T {
        T::one() - y * y
    }

    fn derivative(&self, y: &Var<T>) -> Var<T> {
        -&(y * y).add_scalar(-T::one())
    }

    fn describe(&self) -> Function {
        Function::Tanh
    }
}

/// 1 / (1 + e⁻ˣ); the exponent is never positive, so neither branch overflows.
pub(super) fn sigmoid<T: Element>(x: T) -> T {
    let small = (-x.abs()).exp();
    if x < T::zero() { small / (T::one() + small) } else { (T::one() + small).recip() }
}

#[derive(Debug)]
struct Sigmoid;

impl<T: Element> Pointwise<T> for Sigmoid {
    const READS: Reads = Reads::OUTPUT;

    fn value(&self, x: T) -> T {
        sigmoid(x)
    }

    fn slope(&self, y: T) -> T {
        y * (T::one() - y)
    }

    fn derivative(&self, y: &Var<T>) -> Var<T> {
        y * &(-&y.add_scalar(-T::one()))
    }

    fn describe(&self) -> Function {
        Function::Sigmoid
    }
}

#[derive(Debug)]
struct Softplus;

impl<T: Element> Pointwise<T> for Softplus {
    const READS: Reads = Reads::INPUTS;

    fn value(&self, x: T) -> T {
        // ln(1 + eˣ) = max(x, 0) + ln(1 + e^−|x|), which does not overflow.
        let above = if x < T::zero() { T::zero() } else { x };
        above + (-x.abs()).exp().ln_1p()
    }

    fn slope(&self, x: T) -> T {
        sigmoid(x)
    }

    fn derivative(&self, x: &Var<T>) -> Var<T> {
        x.sigmoid()
    }

    fn describe(&self) -> Function {
        Function::Softplus
    }
}

#[derive(Debug)]
struct Erf;

impl<T: Element> Pointwise<T> for Erf {
    const READS: Reads = Reads::INPUTS;

    fn value(&self, x: T) -> T {
        x.erf()
    }

    fn slope(&self, x: T) -> T {
        T::of(std::f64::consts::FRAC_2_SQRT_PI) * (-x * x).exp()
    }

    fn derivative(&self, x: &Var<T>) -> Var<T> {
        (-&(x * x)).exp().mul_scalar(T::of(std::f64::consts::FRAC_2_SQRT_PI))
    }

    fn describe(&self) -> Function {
        Function::Erf
    }
}

/// x · Φ(x), Φ the normal distribution (Hendrycks & Gimpel 2016; PyTorch's default, exact form).
#[derive(Debug)]
struct Gelu;

/// 1 / √(2π).
const NORMAL_PEAK: f64 = 0.398_942_280_401_432_7;

impl Gelu {
    fn normal<T: Element>(x: T) -> T {
        T::of(0.5) * (T::one() + (x * T::of(std::f64::consts::FRAC_1_SQRT_2)).erf())
    }
}

impl<T: Element> Pointwise<T> for Gelu {
    const READS: Reads = Reads::INPUTS;

    fn value(&self, x: T) -> T {
        x * Self::normal(x)
    }

    fn slope(&self, x: T) -> T {
        Self::normal(x) + x * T::of(NORMAL_PEAK) * (-x * x * T::of(0.5)).exp()
    }

    fn derivative(&self, x: &Var<T>) -> Var<T> {
        let normal =
            x.mul_scalar(T::of(std::f64::consts::FRAC_1_SQRT_2)).erf().add_scalar(T::one());
        let density = (x * x).mul_scalar(T::of(-0.5)).exp();
        normal.mul_scalar(T::of(0.5)) + x.mul_scalar(T::of(NORMAL_PEAK)) * density
    }

    fn describe(&self) -> Function {
        Function::Gelu
    }
}

impl<T: Element> Var<T> {
    /// eˣ.
    pub fn exp(&self) -> Self {
        Self::apply(Map(Exp), &[self])
    }

    /// The natural logarithm.
    pub fn ln(&self) -> Self {
        Self::apply(Map(Ln), &[self])
    }

    /// The square root.
    pub fn sqrt(&self) -> Self {
        Self::apply(Map(Sqrt), &[self])
    }

    /// The `n`th power; the power 0 is 1 everywhere.
    pub fn powi(&self, n: i32) -> Self {
        match n {
            0 => self.one(),
            n => Self::apply(Map(PowI(n)), &[self]),
        }
    }

    /// The hyperbolic tangent.
    pub fn tanh(&self) -> Self {
        Self::apply(Map(Tanh), &[self])
    }

    /// 1 / (1 + e⁻ˣ).
    pub fn sigmoid(&self) -> Self {
        Self::apply(Map(Sigmoid), &[self])
    }

    /// x · Φ(x), with the exact error function.
    pub fn gelu(&self) -> Self {
        Self::apply(Map(Gelu), &[self])
    }

    /// The error function.
    pub fn erf(&self) -> Self {
        Self::apply(Map(Erf), &[self])
    }

    /// ln(1 + eˣ).
    pub fn softplus(&self) -> Self {
        Self::apply(Map(Softplus), &[self])
    }
}
