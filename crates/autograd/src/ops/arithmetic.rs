//! Sums, differences, products and quotients, with broadcasting.

use crate::record::Description;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Element, Tensor, check};
use std::ops;

/// `f` of both operands, broadcast, in an operator's name.
#[track_caller]
fn zip<T: Element>(name: &str, x: &[&Tensor<T>], f: impl Fn(T, T) -> T + Send + Sync) -> Tensor<T> {
    check::broadcast(name, x[0].shape(), x[1].shape());
    x[0].zip(x[1], f)
}

#[derive(Debug)]
struct Add;

impl<T: Element> Op<T> for Add {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (zip("add", x, |a, b| a + b), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, i: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        grad.sum_to(call.shape(i))
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Add)
    }
}

#[derive(Debug)]
struct Sub;

impl<T: Element> Op<T> for Sub {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (zip("sub", x, |a, b| a - b), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, i: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        let sign = if i == 0 { T::one() } else { -T::one() };
        grad.sum_to(call.shape(i)).mul_scalar(sign)
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Sub)
    }
}

#[derive(Debug)]
struct Mul;

impl<T: Element> Op<T> for Mul {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (zip("mul", x, |a, b| a * b), ())
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn vjp(&self, i: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        (grad * &call.input(1 - i)).sum_to(call.shape(i))
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Mul)
    }
}

#[derive(Debug)]
struct Div;

impl<T: Element> Op<T> for Div {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (zip("div", x, |a, b| a / b), ())
    }

    fn vjp(&self, i: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        let by = grad / &call.input(1);
        let part = if i == 0 { by } else { -&(&by * &call.output()) };
        part.sum_to(call.shape(i))
    }

    fn describe(&self, _: &()) -> Option<Description> {
        Some(Description::Div)
    }
}

/// `slope · x + offset`, with plain numbers.
#[derive(Debug)]
struct Affine<T> {
    slope: T,
    offset: T,
}

impl<T: Element> Op<T> for Affine<T> {
    type Saved = ();

    #[track_caller]
    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        let Self { slope, offset } = *self;
        (x[0].map(move |v| slope * v + offset), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, _: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        grad.mul_scalar(self.slope)
    }

    fn describe(&self, _: &()) -> Option<Description> {
        let (slope, offset) = (self.slope.as_f64(), self.offset.as_f64());
        Some(Description::Affine { slope, offset })
    }
}

impl<T: Element> Var<T> {
    /// Every element times `factor`.
    pub fn mul_scalar(&self, factor: T) -> Self {
        if factor == T::one() {
            return self.clone();
        }
        Self::apply(Affine { slope: factor, offset: T::zero() }, &[self])
    }

    /// Every element plus `offset`.
    pub fn add_scalar(&self, offset: T) -> Self {
        Self::apply(Affine { slope: T::one(), offset }, &[self])
    }
}

macro_rules! operator {
    ($operator:ident, $method:ident) => {
        impl<T: Element> ops::$operator<&Var<T>> for &Var<T> {
            type Output = Var<T>;

            #[track_caller]
            fn $method(self, other: &Var<T>) -> Var<T> {
                Var::apply($operator, &[self, other])
            }
        }

        impl<T: Element> ops::$operator<&Var<T>> for Var<T> {
            type Output = Var<T>;

            #[track_caller]
            fn $method(self, other: &Var<T>) -> Var<T> {
                Var::apply($operator, &[&self, other])
            }
        }

        impl<T: Element> ops::$operator<Var<T>> for &Var<T> {
            type Output = Var<T>;

            #[track_caller]
            fn $method(self, other: Var<T>) -> Var<T> {
                Var::apply($operator, &[self, &other])
            }
        }

        impl<T: Element> ops::$operator<Var<T>> for Var<T> {
            type Output = Var<T>;

            #[track_caller]
            fn $method(self, other: Var<T>) -> Var<T> {
                Var::apply($operator, &[&self, &other])
            }
        }
    };
}

operator!(Add, add);
operator!(Sub, sub);
operator!(Mul, mul);
operator!(Div, div);

impl<T: Element> ops::Neg for &Var<T> {
    type Output = Var<T>;

    fn neg(self) -> Var<T> {
        self.mul_scalar(-T::one())
    }
}

impl<T: Element> ops::Neg for Var<T> {
    type Output = Var<T>;

    fn neg(self) -> Var<T> {
        -&self
    }
}
