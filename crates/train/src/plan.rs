//! How long a step takes among more ranks than there are: from one rank's measured step, and a model of the links.
//!
//! The alpha-beta model: a message takes `alpha` seconds, and each of its bytes `beta`. A rank sends and receives at the
//! same time (full duplex), its messages go one after the other, and nothing is computed meanwhile.

use crate::memory::grey;
use crate::ranks::{head_bytes, passes_of_rank};
use crate::trainer::{Learner, StepError};
use crate::{Config, Largest, RunError};
use mirrorgrad_data::DataError;
use mirrorgrad_layers::Params;
use std::ops::Range;
use std::time::Instant;

/// Rounds of a step in which every rank gives something to every other: whether to stop, what the parts are of, parts
/// of the gradients, the joined parts.
const ROUNDS: f64 = 4.0;
/// The share of the ranks' time that is to be worth its cost.
const EFFICIENT: f64 = 0.8;
/// Passes of a step that one rank takes, at most: as many as can be accumulated.
const MOST_PASSES: f64 = 1e6;
/// Other numbers of passes that are looked at where the least has too many subtotals.
const LOOKED_AT: usize = 16;

/// What connects any two ranks.
///
/// ```
/// # use mirrorgrad_train::Link;
/// let gigabit = Link { bytes_per_second: 1e9 / 8.0, latency: 50e-6 };
/// assert_eq!(gigabit.seconds(2, 125_000.0), 0.0011);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Link {
    /// Bytes that a rank sends in a second, while it receives as many.
    pub bytes_per_second: f64,
    /// Seconds that a message takes beyond its bytes.
    pub latency: f64,
}

impl Link {
    /// Seconds that so many messages of so many bytes together take.
    pub fn seconds(&self, messages: usize, bytes: f64) -> f64 {
        messages as f64 * self.latency + bytes / self.bytes_per_second
    }
}

/// What a step costs one rank, which takes all its passes.
///
/// ```
/// # use mirrorgrad_train::{Link, StepCost};
/// let cost = StepCost { passes: 4, pictures: 2, pass: 1.0, optimizer: 0.5, parameters: 1000, head: 0 };
/// let slow = Link { bytes_per_second: 1000.0, latency: 0.25 };
/// let two = cost.forecast(2, slow)?;
/// assert_eq!((two.passes, two.computing), (2, 2.5));
/// // Four rounds of one message each; 4000 bytes of gradients, of which half are given away, and given back joined.
/// assert_eq!(two.exchange, 4.0 * 0.25 + 2.0 * 0.5 * 4000.0 / 1000.0);
/// assert!(cost.forecast(3, slow).is_err());
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepCost {
    /// Passes of a step, of all ranks.
    pub passes: usize,
    /// Pictures in a pass.
    pub pictures: usize,
    /// Seconds of a pass, forward and back.
    pub pass: f64,
    /// Seconds in which the optimizer moves the weights.
    pub optimizer: f64,
    /// Numbers that are trained.
    pub parameters: usize,
    /// Bytes that are said of a pass to every other rank, beside its gradients.
    pub head: usize,
}

/// What a step is expected to cost each of several ranks.
///
/// ```
/// # use mirrorgrad_train::{Link, StepCost};
/// # let cost = StepCost { passes: 4, pictures: 2, pass: 1.0, optimizer: 0.0, parameters: 1, head: 0 };
/// let link = Link { bytes_per_second: 1e9, latency: 0.0 };
/// let four = cost.forecast(4, link)?;
/// assert!(3.9 < four.speedup && four.speedup < 4.0);
/// assert_eq!(four.efficiency, four.speedup / 4.0);
/// assert_eq!(four.step(), four.computing + four.exchange);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Forecast {
    /// Passes of one rank.
    pub passes: usize,
    /// Seconds of its passes and its optimizer.
    pub computing: f64,
    /// Seconds in which it gives to others what it has found, and gets what they have.
    pub exchange: f64,
    /// How many times as fast as one rank all are together.
    pub speedup: f64,
    /// That, of each rank: 1 where nothing is lost.
    pub efficiency: f64,
}

impl Forecast {
    /// Seconds of the step.
    pub fn step(&self) -> f64 {
        self.computing + self.exchange
    }
}

impl StepCost {
    /// Measured on grey pictures of this size, or of the configuration's: the medians of so many steps, after one that
    /// warms up.
    ///
    /// # Errors
    /// If the configuration cannot be trained with, or `steps` is 0.
    pub fn measure(
        config: &Config,
        classes: usize,
        size: [usize; 2],
        steps: usize,
    ) -> Result<Self, RunError> {
        if steps == 0 {
            return Err(DataError::setting("steps", "1 or more", "0").into());
        }
        let mut config = config.clone();
        // Its weights may be for other classes, or still to be counted.
        config.training.class_weights = None;
        // Its shards would meet at every norm, which is not counted.
        config.training.sync_batch_norm = false;
        // Nothing is learned: pictures without anything on them must not lead to weights that are not finite.
        config.training.lr = 1e-6;
        let training = &config.training;
        let samples = vec![grey(Largest::of_all(&config, size).training); training.pass()];
        let told = |error: StepError| error.into_run_error(1, 1);
        let mut learner = Learner::new(&config, classes, steps as u64 + 1)?;
        let (mut passes, mut moves, mut head) = (Vec::new(), Vec::new(), 0);
        for step in 0..=steps as u64 {
            let batch = Ok(samples.clone());
            let start = Instant::now();
            let found = learner.found([batch], 1, step).map_err(told)?;
            passes.push(start.elapsed().as_secs_f64());
            if step == 0 {
                head = head_bytes(found.clone());
            }
            let start = Instant::now();
            if let Some(sum) = found.sum() {
                learner.descend(sum, 1, step);
            }
            moves.push(start.elapsed().as_secs_f64());
        }
        let [pass, optimizer] = [passes, moves].map(median_after_first);
        let parameters = Params::of(&*learner.network).trainable_len();
        Ok(Self {
            passes: training.passes(),
            pictures: training.pass(),
            pass,
            optimizer,
            parameters,
            head,
        })
    }

    /// Of a step that so many ranks share.
    ///
    /// # Errors
    /// If they cannot share its passes equally.
    pub fn forecast(&self, ranks: usize, link: Link) -> Result<Forecast, RunError> {
        let passes = passes_of_rank(self.passes, ranks)?;
        Ok(self.of(Ranks { count: ranks, passes }, link))
    }

    /// The smallest batch, in pictures per step, of which so many ranks waste no more than a fifth of their time; `None`
    /// if there is none, or none that can be asked for. All its passes have the pictures that they have now.
    pub fn least_batch(&self, ranks: usize, link: Link) -> Option<usize> {
        if ranks == 0 {
            return None;
        }
        let all = ranks as f64;
        // Were every rank's share one subtotal: the exchange without what grows with the passes, and that.
        let fixed = self.exchange(Ranks { count: ranks, passes: 0 }, link);
        let heads = link.seconds(0, (all - 1.0) * self.head as f64);
        let gained = all * ((1.0 - EFFICIENT) * self.pass - EFFICIENT * heads);
        let lost = EFFICIENT * all * (self.optimizer + fixed) - self.optimizer;
        let least = (lost / gained).ceil().max(1.0);
        if !(gained > 0.0 && least <= MOST_PASSES) {
            return None;
        }
        let least = least as usize;
        let surely = least.next_power_of_two();
        let near = least..surely.min(least + LOOKED_AT);
        let is_enough =
            |&passes: &usize| self.of(Ranks { count: ranks, passes }, link).efficiency >= EFFICIENT;
        let passes = near.chain([surely, 2 * surely]).find(is_enough)?;
        passes.checked_mul(ranks)?.checked_mul(self.pictures)
    }

    fn of(&self, ranks: Ranks, link: Link) -> Forecast {
        let computing = ranks.passes as f64 * self.pass + self.optimizer;
        let exchange = self.exchange(ranks, link);
        let all = ranks.count as f64;
        let alone = all * ranks.passes as f64 * self.pass + self.optimizer;
        let speedup = alone / (computing + exchange);
        Forecast { passes: ranks.passes, computing, exchange, speedup, efficiency: speedup / all }
    }

    /// Seconds in which the ranks give each other what they have found.
    fn exchange(&self, ranks: Ranks, link: Link) -> f64 {
        let others = ranks.count.saturating_sub(1);
        let gradients = (size_of::<f32>() * self.parameters) as f64;
        // A part of each subtotal to every other rank, and the joined part to all.
        let sent = (ranks.subtotals() as f64 + 1.0) * gradients / ranks.count as f64;
        let bytes = others as f64 * (sent + ranks.passes as f64 * self.head as f64);
        ROUNDS * link.seconds(others, bytes / ROUNDS)
    }
}

/// Ranks, and the passes of a step that each takes.
#[derive(Clone, Copy)]
struct Ranks {
    count: usize,
    passes: usize,
}

impl Ranks {
    /// Subtotals of the rank that has most.
    fn subtotals(self) -> usize {
        if self.passes == 0 || self.passes.is_power_of_two() {
            return 1;
        }
        let places = |rank: usize| rank * self.passes..(rank + 1) * self.passes;
        (0..self.count).map(|rank| subtotals(places(rank))).max().unwrap_or(1)
    }
}

/// Nodes of a [`Fold`](mirrorgrad_layers::Fold)'s tree that these places are.
fn subtotals(places: Range<usize>) -> usize {
    let (mut first, mut count) = (places.start, 0);
    while first < places.end {
        let most = 1 << (places.end - first).ilog2();
        // A node begins at a multiple of its size.
        let node = if first == 0 { most } else { most.min(1 << first.trailing_zeros()) };
        first += node;
        count += 1;
    }
    count
}

/// The median of all numbers but the first.
fn median_after_first(mut numbers: Vec<f64>) -> f64 {
    let numbers = &mut numbers[1..];
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirrorgrad_layers::{Contribution, Fold};

    const COST: StepCost =
        StepCost { passes: 12, pictures: 2, pass: 1.0, optimizer: 0.5, parameters: 1000, head: 0 };
    const SLOW: Link = Link { bytes_per_second: 1000.0, latency: 0.25 };

    #[test]
    fn a_forecast_is_what_a_hand_computes() {
        let one = COST.forecast(1, SLOW).unwrap();
        let whole =
            Forecast { passes: 12, computing: 12.5, exchange: 0.0, speedup: 1.0, efficiency: 1.0 };
        assert_eq!((one, one.step()), (whole, 12.5));
        // Three ranks of four passes: four rounds of two messages, and two thirds of 4000 bytes twice.
        let three = COST.forecast(3, SLOW).unwrap();
        assert_eq!((three.passes, three.computing), (4, 4.5));
        let expected = 4.0 * 2.0 * 0.25 + 2.0 * 2.0 / 3.0 * 4.0;
        assert!((three.exchange - expected).abs() < 1e-12, "{three:?}");
        assert!((three.speedup - 12.5 / (4.5 + expected)).abs() < 1e-12, "{three:?}");
        assert_eq!(three.efficiency, three.speedup / 3.0);
        // What is said of each pass goes to the other rank, too; six passes are two subtotals.
        let two = StepCost { head: 100, ..COST }.forecast(2, SLOW).unwrap();
        let expected = 4.0 * 0.25 + (2.0 + 1.0) * 0.5 * 4.0 + 6.0 * 0.1;
        assert!((two.exchange - expected).abs() < 1e-12, "{two:?}");
    }

    #[test]
    fn ranks_that_do_not_divide_the_passes_are_refused_but_have_a_least_batch() {
        let error = COST.forecast(5, SLOW).unwrap_err().to_string();
        assert!(error.contains("that 5 ranks can share, found 12, which 1, 2, 3, 4, 6, or 12 can"));
        assert!(COST.forecast(0, SLOW).is_err() && COST.least_batch(0, SLOW).is_none());
        assert!(COST.least_batch(5, SLOW).is_some());
    }

    #[test]
    fn the_least_batch_keeps_four_fifths() {
        assert_eq!(COST.least_batch(1, SLOW), Some(2));
        // Of two ranks 0.8 · 2 · (0.5 + 5) − 0.5 is lost and 2 · 0.2 · 1 a pass gained: 21 passes or more, if they are one
        // subtotal. Of the numbers from there on only 32 has few enough.
        assert_eq!(COST.least_batch(2, SLOW), Some(2 * 32 * 2));
        let at = |passes| COST.of(Ranks { count: 2, passes }, SLOW).efficiency;
        assert!(at(32) >= EFFICIENT && (21..32).all(|passes| at(passes) < EFFICIENT));
        // Without links that cost anything one pass is enough but for the optimizer: 0.8 · 4 · 0.5 − 0.5 by 4 · 0.2.
        let free = Link { bytes_per_second: f64::INFINITY, latency: 0.0 };
        assert_eq!(COST.least_batch(4, free), Some(2 * 4 * 2));
        // What is said of a pass takes longer than it, or no batch is large enough.
        assert_eq!(StepCost { head: 1_000_000, ..COST }.least_batch(2, SLOW), None);
        assert_eq!(COST.least_batch(2, Link { latency: 1e9, ..SLOW }), None);
        assert_eq!(COST.least_batch(2, Link { bytes_per_second: 0.0, ..SLOW }), None);
    }

    #[test]
    fn places_have_as_many_subtotals_as_a_fold_of_them() {
        for places in [0..1, 0..7, 3..6, 5..21, 21..42, 8..16, 1..2] {
            let mut fold = Fold::<f32>::default();
            let batch = || Contribution::new(1.0, [].into(), Vec::new());
            places.clone().for_each(|place| fold.add(place, batch()));
            assert_eq!(subtotals(places.clone()), fold.into_subtotals().len(), "{places:?}");
        }
    }

    #[test]
    fn a_step_is_measured() {
        let mut config = Config::default();
        config.model.widths = vec![2, 3];
        (config.training.batch, config.training.shards, config.training.accumulate) = (6, 2, 3);
        let cost = StepCost::measure(&config, 5, [16, 24], 3).unwrap();
        let params = Params::of(&*config.network(5)).trainable_len();
        assert_eq!((cost.passes, cost.pictures, cost.parameters), (6, 3, params));
        assert!(cost.pass > 0.0 && cost.optimizer > 0.0 && cost.head > 100, "{cost:?}");
        assert!(StepCost::measure(&config, 5, [16, 24], 0).is_err());
    }
}
