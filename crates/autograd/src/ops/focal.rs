//! What the focal loss fades, so composed that no derivative of any order is lost where a pixel is sure.
//!
//! Let u = ln p − ln q be the log-odds of a pixel's class, p its probability and q = 1 − p. Then p, q and
//! ln p change with u by pq, −pq and q, so that the derivative of q^a · p^b · (ln p)^c is a sum of such
//! products in which no power of q has become smaller: all of them are finite, and fade with q. As
//! functions of p itself they would be infinite where p rounds to 1.

use super::pointwise::sigmoid;
use crate::{Call, Op, Reads, Var};
use mirrorgrad_tensor::{Element, Indices, Tensor, masked};

/// q^rest · p^sure · (ln p)^log, a function of the log-odds.
#[derive(Clone, Copy, Debug)]
struct Odds {
    rest: f64,
    sure: i32,
    log: i32,
}

impl Odds {
    fn at<T: Element>(&self, u: T) -> T {
        let log_p = u.min(T::zero()) - (-u.abs()).exp().ln_1p();
        // Where p is 0, a power of it weighs more than any of its logarithm.
        let sure = masked(log_p.powi(self.log), sigmoid(u).powi(self.sure));
        sigmoid(-u).powf(T::of(self.rest)) * sure
    }

    /// The derivative, as factors and products.
    fn derivative(self) -> [(f64, Self); 3] {
        let Self { rest, sure, log } = self;
        [
            (-rest, Self { sure: sure + 1, ..self }),
            (f64::from(sure), Self { rest: rest + 1.0, ..self }),
            (f64::from(log), Self { rest: rest + 1.0, log: log - 1, ..self }),
        ]
    }
}

impl<T: Element> Op<T> for Odds {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<T>]) -> (Tensor<T>, ()) {
        (x[0].map(|u| self.at(u)), ())
    }

    fn reads(&self) -> Reads {
        Reads::INPUTS
    }

    fn vjp(&self, _: usize, call: &Call<'_, T, ()>, grad: &Var<T>) -> Var<T> {
        let u = call.input(0);
        let term = |(factor, odds)| Var::apply::<Self>(odds, &[&u]).mul_scalar(T::of(factor));
        let terms = self.derivative().into_iter().filter(|(factor, _)| *factor != 0.0).map(term);
        grad * &terms.reduce(|sum, term| sum + term).expect("the power of q is not 0")
    }
}

/// (1 − p)^focusing · ln p of each pixel's own class, in the shape of `own`: `[batch, 1, ..]`.
pub(super) fn faded<T: Element>(log_p: &Var<T>, own: &Indices, focusing: f64) -> Var<T> {
    let rivals = Rivals::of(log_p.value(), own);
    // Where no other class is possible the loss is 0, and no rival tells how it would change.
    let log_p = log_p.mask(&rivals.possible);
    let best = log_p.gather(1, &rivals.best);
    let beside = (&log_p - &best).mask(&rivals.others).exp().mask(&rivals.others);
    let log_q = best + beside.sum_axes_keep(&[1]).ln();
    let odds = Odds { rest: focusing, sure: 0, log: 1 };
    Var::apply(odds, &[&(log_p.gather(1, own) - log_q)]).mask(&rivals.possible)
}

/// The classes that a pixel's own competes with.
struct Rivals<T: Element> {
    /// The likeliest of them, `[batch, 1, ..]`.
    best: Indices,
    /// Whether its probability is more than 0.
    possible: Tensor<T>,
    /// 1 where a class is not the pixel's own, `[batch, classes, ..]`.
    others: Tensor<T>,
}

impl<T: Element> Rivals<T> {
    fn of(log_p: &Tensor<T>, own: &Indices) -> Self {
        let ([_, classes, ..], line) = (log_p.shape(), own.shape()) else {
            unreachable!("scores are [batch, classes, ..]")
        };
        let own_places = own.along(1, log_p.shape());
        let others = Tensor::ones(line).scatter_flat(&own_places, log_p.shape());
        let others = others.map(|own| T::one() - own);
        let places: usize = line[1..].iter().product();
        let at = |i: usize, class: usize| {
            log_p.as_slice()[(i / places * classes + class) * places + i % places]
        };
        let best = own.as_slice().iter().enumerate().map(|(i, &own)| {
            let rivals = (0..*classes).filter(|&class| class != own);
            rivals.reduce(|a, b| if at(i, b) > at(i, a) { b } else { a }).unwrap_or(own)
        });
        let best = Indices::new(line, best.collect::<Vec<_>>());
        let possible = Tensor::from_fn(line, |i| {
            let (best, own) = (best.as_slice()[i], own.as_slice()[i]);
            if best == own || at(i, best) == T::neg_infinity() { T::zero() } else { T::one() }
        });
        Self { best, possible, others }
    }
}
