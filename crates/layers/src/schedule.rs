//! How the learning rate changes while training.

/// The shape of the learning rate after the warm-up.
///
/// ```
/// # use mirrorgrad_layers::{Curve, Schedule};
/// let factor = |curve, step| Schedule { curve, warmup: 0, total: 100 }.factor(step);
/// assert_eq!(factor(Curve::Constant, 99), 1.0);
/// assert_eq!(factor(Curve::Step { every: 30, factor: 0.5 }, 60), 0.25);
/// assert!((factor(Curve::Cosine, 50) - 0.5).abs() < 1e-12);
/// assert!((factor(Curve::Poly { power: 2.0 }, 50) - 0.25).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Curve {
    /// Always the same.
    Constant,
    /// Times `factor` after every `every` steps.
    Step {
        /// Steps between drops.
        every: u64,
        /// What each drop multiplies by.
        factor: f64,
    },
    /// Half a cosine wave from 1 to 0 (Loshchilov & Hutter 2017).
    Cosine,
    /// (1 − progress)^power, as in DeepLab (Chen et al. 2017).
    Poly {
        /// The exponent.
        power: f64,
    },
}

/// The learning rate at every step of a run: a linear warm-up, then a [`Curve`].
///
/// ```
/// # use mirrorgrad_layers::{Curve, Schedule};
/// let schedule = Schedule { curve: Curve::Cosine, warmup: 10, total: 110 };
/// assert_eq!(schedule.factor(4), 0.5);
/// assert_eq!(schedule.factor(10), 1.0);
/// assert!((schedule.factor(60) - 0.5).abs() < 1e-12);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Schedule {
    /// The shape after the warm-up.
    pub curve: Curve,
    /// Steps of rising from 1 / warmup to 1.
    pub warmup: u64,
    /// Steps of the whole run, the warm-up among them.
    pub total: u64,
}

impl Schedule {
    /// What the learning rate is multiplied by at step number `step`, counted from 0.
    pub fn factor(&self, step: u64) -> f64 {
        if step < self.warmup {
            return (step + 1) as f64 / self.warmup as f64;
        }
        let after = step - self.warmup;
        let rest = self.total.saturating_sub(self.warmup).max(1);
        let progress = (after as f64 / rest as f64).min(1.0);
        match self.curve {
            Curve::Constant => 1.0,
            Curve::Step { every, factor } => factor.powf((after / every.max(1)) as f64),
            Curve::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * progress).cos()),
            Curve::Poly { power } => (1.0 - progress).powf(power),
        }
    }
}
