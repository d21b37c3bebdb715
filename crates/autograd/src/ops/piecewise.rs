//! Functions of one number made of straight pieces: relu, clamp and the like.
//!
//! Their slopes are constant between kinks: differentiated again, they give 0. Where a piece is level,
//! the gradient is 0 whatever arrives from above, infinity and NaN too: a mask selects, it does not
//! multiply. At NaN a slope is NaN, as that of every smooth function is.

use crate::op::type_name;
use crate::record::{Description, Function};
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Element, Tensor, masked};
use std::fmt::Debug;

trait Piecewise<T: Element>: Debug + Send + Sync + 'static {
    /// [`Reads::INPUTS`] or [`Reads::OUTPUT`]: what the slope is told from.
    const READS: Reads;

    fn value(&self, x: T) -> T;

    /// The derivative at the number read.
    fn slope(&self, read: T) -> T;

    fn describe(&self) -> Function;
}

#[derive(Debug)]
struct Pieces<F>(F);

impl<F> Pieces<F> {
    fn read<'a, T: Element>(call: &'a Call<'_, T, ()>) -> &'a Tensor<T>
    where
        F: Piecewise<T>,
    {
        if F::READS.reads_output() { call.output_value() } else { call.value(0) }
    }
}

impl<T: Element, F: Piecewise<T>> Op<T> for Pieces<F> {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].map(|v| self.0.value(v)), ())
    }

    fn reads(&self) -> Reads {
        F::READS
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        grad.mask(&Self::read(call).map(|v| self.0.slope(v)))
    }

    fn fused(
        &self,
        _: &[bool],
        call: &Call<'_, T, ()>,
        grad: &Tensor<T>,
    ) -> Option<Vec<Option<Tensor<T>>>> {
        Some(vec![Some(grad.zip(Self::read(call), |g, v| masked(g, self.0.slope(v))))])
    }

    fn name(&self) -> &'static str {
        type_name::<F>()
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Function(self.0.describe()))
    }
}

#[derive(Debug)]
struct Abs;

impl<T: Element> Piecewise<T> for Abs {
    const READS: Reads = Reads::INPUTS;

    fn value(&self, x: T) -> T {
        x.abs()
    }

    fn slope(&self, x: T) -> T {
        if x == T::zero() { x } else { x.signum() }
    }

    fn describe(&self) -> Function {
        Function::Abs
    }
}

#[derive(Debug)]
struct LeakyRelu<T> {
    slope: T,
}

impl<T: Element> Piecewise<T> for LeakyRelu<T> {
    const READS: Reads = Reads::INPUTS;

    fn value(&self, x: T) -> T {
        if x < T::zero() { masked(x, self.slope) } else { x }
    }

    fn slope(&self, x: T) -> T {
        let slope = if x > T::zero() { T::one() } else { self.slope };
        if x.is_nan() { x } else { slope }
    }

    fn describe(&self) -> Function {
        Function::LeakyRelu(self.slope.as_f64())
    }
}

/// The rectifier. Its slope is told from its output, so the input need not be kept; NaN passes.
#[derive(Debug)]
struct Relu;

impl<T: Element> Piecewise<T> for Relu {
    const READS: Reads = Reads::OUTPUT;

    fn value(&self, x: T) -> T {
        if x < T::zero() { T::zero() } else { x }
    }

    fn slope(&self, y: T) -> T {
        // What is not positive is 0 or NaN, and so is its slope.
        if y > T::zero() { T::one() } else { y }
    }

    fn describe(&self) -> Function {
        Function::Relu
    }
}

#[derive(Debug)]
struct Clamp<T> {
    low: T,
    high: T,
}

impl<T: Element> Piecewise<T> for Clamp<T> {
    const READS: Reads = Reads::INPUTS;

    fn value(&self, x: T) -> T {
        // Comparisons with NaN are false: it passes.
        if x < self.low {
            self.low
        } else if x > self.high {
            self.high
        } else {
            x
        }
    }

    fn slope(&self, x: T) -> T {
        let slope = if x < self.low || x > self.high { T::zero() } else { T::one() };
        if x.is_nan() { x } else { slope }
    }

    fn describe(&self) -> Function {
        Function::Clamp(self.low.as_f64(), self.high.as_f64())
    }
}

/// The power 0: one level piece, at NaN too.
#[derive(Debug)]
struct One;

impl<T: Element> Piecewise<T> for One {
    const READS: Reads = Reads::OUTPUT;

    fn value(&self, _: T) -> T {
        T::one()
    }

    fn slope(&self, _: T) -> T {
        T::zero()
    }

    fn describe(&self) -> Function {
        Function::Power(0)
    }
}

impl<T: Element> Var<T> {
    /// The absolute value; its slope at 0 is 0, and NaN stays NaN, as does its gradient.
    pub fn abs(&self) -> Self {
        Self::apply(Pieces(Abs), &[self])
    }

    /// max(x, 0); its slope at 0 is 0, and NaN stays NaN, as does its gradient.
    pub fn relu(&self) -> Self {
        Self::apply(Pieces(Relu), &[self])
    }

    /// x where positive, `slope · x` elsewhere; NaN stays NaN, as does its gradient.
    pub fn leaky_relu(&self, slope: T) -> Self {
        Self::apply(Pieces(LeakyRelu { slope }), &[self])
    }

    /// x between `low` and `high`, the nearer of them outside. The slope is 1 at both and 0 outside; NaN
    /// stays NaN, as does its gradient.
    ///
    /// # Panics
    /// If `low` is greater than `high`, or one of them is NaN.
    #[track_caller]
    pub fn clamp(&self, low: T, high: T) -> Self {
        assert!(low <= high, "clamp: expected low <= high, got low {low} and high {high}");
        Self::apply(Pieces(Clamp { low, high }), &[self])
    }

    pub(super) fn one(&self) -> Self {
        Self::apply(Pieces(One), &[self])
    }
}
