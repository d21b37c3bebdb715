//! Random numbers, from whatever generator the caller brings.

use crate::{Element, Tensor};
use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

impl<T: Element> Tensor<T> {
    /// Independent draws, uniform between `low` and `high`. Draws are made in double precision, so
    /// both precisions see the same numbers.
    #[track_caller]
    pub fn uniform(shape: impl AsRef<[usize]>, [low, high]: [f64; 2], rng: &mut impl Rng) -> Self {
        Self::from_fn(shape, |_| T::of(low + (high - low) * rng.random::<f64>()))
    }

    /// Independent draws from the normal distribution with mean 0 and standard deviation `std`.
    #[track_caller]
    pub fn normal(shape: impl AsRef<[usize]>, std: f64, rng: &mut impl Rng) -> Self {
        Self::from_fn(shape, |_| {
            let draw: f64 = StandardNormal.sample(rng);
            T::of(std * draw)
        })
    }

    /// Ones with probability `keep`, otherwise zeros.
    #[track_caller]
    pub fn bernoulli(shape: impl AsRef<[usize]>, keep: f64, rng: &mut impl Rng) -> Self {
        Self::from_fn(shape, |_| if rng.random::<f64>() < keep { T::one() } else { T::zero() })
    }
}
