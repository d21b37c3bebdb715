//! How long a step takes among more ranks than there are: from one rank's measured step, and a model of the links.
//!
//! The alpha-beta model: a message takes `alpha` seconds, and each of its bytes `beta`. A rank sends and receives at the
//! same time (full duplex), and its messages go one after the other. Gradients go bucket by bucket, each as soon as it is
//! complete, while the way back of the last pass goes on; what is not through when that ends is waited for.

use crate::memory::grey;
use crate::ranks::{bucket_ends, head_bytes, passes_of_rank};
use crate::trainer::{Learner, StepError};
use crate::{Config, Largest, RunError};
use mirrorgrad_data::DataError;
use mirrorgrad_layers::weights::NamedTensors;
use mirrorgrad_layers::{Fold, Params};
use std::ops::Range;
use std::time::Instant;

/// Rounds of a bucket in which every rank gives something to every other: parts of the gradients, the joined parts.
const ROUNDS_OF_A_BUCKET: usize = 2;
/// Rounds after the last bucket: whether all went well, whether to stop.
const LAST_ROUNDS: usize = 2;
/// The share of the ranks' time that is to be worth its cost.
const EFFICIENT: f64 = 0.8;
/// Passes of a step that one rank takes, at most: as many as can be accumulated.
const MOST_PASSES: usize = 1_000_000;
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
/// # use mirrorgrad_train::{Gradient, Link, StepCost};
/// let gradients = vec![Gradient { numbers: 1000, complete: 0.75 }];
/// let cost = StepCost { passes: 4, pictures: 2, pass: 1.0, way_back: 0.5, optimizer: 0.5, gradients, head: 0 };
/// let slow = Link { bytes_per_second: 1000.0, latency: 0.25 };
/// let two = cost.forecast(2, slow)?;
/// assert_eq!((two.passes, two.computing), (2, 2.5));
/// // Five rounds of one message each; 4000 bytes of gradients, of which half are given away, and given back joined.
/// assert_eq!(two.exchange, 5.0 * 0.25 + 2.0 * 0.5 * 4000.0 / 1000.0);
/// // It may begin a quarter before the end of the last pass.
/// assert_eq!(two.waiting, two.exchange - 0.5);
/// assert!(cost.forecast(3, slow).is_err());
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct StepCost {
    /// Passes of a step, of all ranks.
    pub passes: usize,
    /// Pictures in a pass.
    pub pictures: usize,
    /// Seconds of a pass, forward and back.
    pub pass: f64,
    /// Seconds of a pass after which its way back begins.
    pub way_back: f64,
    /// Seconds in which the optimizer moves the weights.
    pub optimizer: f64,
    /// The gradients of a pass, in the order in which they are complete.
    pub gradients: Vec<Gradient>,
    /// Bytes that are said of a pass to every other rank, beside its gradients.
    pub head: usize,
}

/// The gradient of one parameter, as a pass comes to it.
///
/// ```
/// # use mirrorgrad_train::{Config, StepCost};
/// # let mut config = Config::default();
/// # config.model.widths = vec![2];
/// let cost = StepCost::measure(&config, 5, [16, 16], 1)?;
/// let [first, .., last] = &cost.gradients[..] else { panic!("there are several") };
/// assert!(cost.way_back <= first.complete && first.complete <= last.complete && last.complete <= cost.pass);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gradient {
    /// How many numbers it has.
    pub numbers: usize,
    /// Seconds of the pass after which it is complete.
    pub complete: f64,
}

/// What a step is expected to cost each of several ranks.
///
/// ```
/// # use mirrorgrad_train::{Gradient, Link, StepCost};
/// # let gradients = vec![Gradient { numbers: 1, complete: 1.0 }];
/// # let cost = StepCost { passes: 4, pictures: 2, pass: 1.0, way_back: 0.5, optimizer: 0.0, gradients, head: 0 };
/// let link = Link { bytes_per_second: 1e9, latency: 0.0 };
/// let four = cost.forecast(4, link)?;
/// assert!(3.9 < four.speedup && four.speedup < 4.0);
/// assert_eq!(four.efficiency, four.speedup / 4.0);
/// assert_eq!(four.step(), four.computing + four.waiting);
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
    /// Of these, seconds in which it has nothing to compute.
    pub waiting: f64,
    /// How many times as fast as one rank all are together.
    pub speedup: f64,
    /// That, of each rank: 1 where nothing is lost.
    pub efficiency: f64,
}

impl Forecast {
    /// Seconds of the step.
    pub fn step(&self) -> f64 {
        self.computing + self.waiting
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
        let mut learner = Learner::new(&config, classes, steps as u64 + 1)?;
        let params = Params::of(&*learner.network);
        let (mut measured, mut head) = (Vec::new(), 0);
        for step in 0..=steps as u64 {
            let told = |error: StepError| error.into_run_error(step + 1, 1);
            let mut times = Vec::new();
            let start = Instant::now();
            let mut passed = || times.push(start.elapsed().as_secs_f64());
            let mut gradients = NamedTensors::new();
            let prepared = learner.prepared(&samples)?;
            let (mut found, way_back) = learner.forth(prepared, None, step, 1.0);
            let names = way_back.names();
            passed();
            let ready = |name: &str, gradient| {
                gradients.insert(name.to_owned(), gradient);
                passed();
            };
            way_back.go(ready).map_err(told)?;
            passed();
            found.gradients = gradients;
            if step == 0 {
                let mut fold = Fold::default();
                fold.add(0, found.clone());
                head = head_bytes(fold);
            }
            learner.descend(found, 1, step);
            passed();
            measured.push((times, names));
        }
        // After one that warms up.
        let measured = &measured[1..];
        let names = &measured[0].1;
        let at = |nth: usize| median(measured.iter().map(|(times, _)| times[nth]).collect());
        let numbers = |name: &str| params.get(name).map_or(0, |param| param.value().len());
        let gradient = |(nth, name): (usize, &String)| Gradient {
            numbers: numbers(name),
            complete: at(nth + 1),
        };
        let pass = at(names.len() + 1);
        let optimizer =
            measured.iter().map(|(times, _)| times[names.len() + 2] - times[names.len() + 1]);
        Ok(Self {
            passes: training.passes(),
            pictures: training.pass(),
            pass,
            way_back: at(0),
            optimizer: median(optimizer.collect()),
            gradients: names.iter().enumerate().map(gradient).collect(),
            head,
        })
    }

    /// Numbers that are trained.
    pub fn parameters(&self) -> usize {
        self.gradients.iter().map(|gradient| gradient.numbers).sum()
    }

    /// Of a step that so many ranks share.
    ///
    /// # Errors
    /// If they cannot share its passes equally.
    pub fn forecast(&self, ranks: usize, link: Link) -> Result<Forecast, RunError> {
        let passes = passes_of_rank(self.passes, ranks)?;
        Ok(self.of(Ranks::new(ranks, passes), link))
    }

    /// The smallest batch, in pictures per step, of which so many ranks waste no more than a fifth of their time; `None`
    /// if there is none, or none that can be asked for. All its passes have the pictures that they have now.
    pub fn least_batch(&self, ranks: usize, link: Link) -> Option<usize> {
        if ranks == 0 {
            return None;
        }
        let is_enough = |ranks: Ranks| self.of(ranks, link).efficiency >= EFFICIENT;
        // A power of two is one subtotal of any rank, and no exchange has less than that.
        let powers = std::iter::successors(Some(1), |passes| Some(2 * passes));
        let enough = |&passes: &usize| is_enough(Ranks::new(ranks, passes));
        let surely = powers.take_while(|&passes| passes <= MOST_PASSES).find(enough)?;
        let (mut few, mut many) = (surely / 2, surely);
        while many - few > 1 {
            let middle = few.midpoint(many);
            let at_best = Ranks { count: ranks, passes: middle, subtotals: 1 };
            *if is_enough(at_best) { &mut many } else { &mut few } = middle;
        }
        let passes = (many..surely.min(many + LOOKED_AT)).chain([surely]).find(enough)?;
        passes.checked_mul(ranks)?.checked_mul(self.pictures)
    }

    fn of(&self, ranks: Ranks, link: Link) -> Forecast {
        let others = ranks.count.saturating_sub(1);
        let lens = self.gradients.iter().map(|gradient| gradient.numbers);
        let ends = bucket_ends(lens, ranks.count);
        let heads = link.seconds(others, (others * ranks.passes * self.head) as f64);
        // In the last pass: the exchange so far, and the time that it comes to.
        let (mut exchange, mut through) = (heads, self.way_back + heads);
        for bucket in ends.windows(2).map(|ends| &self.gradients[ends[0]..ends[1]]) {
            let numbers: usize = bucket.iter().map(|gradient| gradient.numbers).sum();
            let bytes = (size_of::<f32>() * numbers) as f64;
            // A part of each subtotal to every other rank, and the joined part to all.
            let sent = others as f64 * (ranks.subtotals + 1) as f64 * bytes / ranks.count as f64;
            let seconds = link.seconds(ROUNDS_OF_A_BUCKET * others, sent);
            let complete = bucket.last().map_or(0.0, |gradient| gradient.complete);
            (exchange, through) = (exchange + seconds, through.max(complete) + seconds);
        }
        let last = link.seconds(LAST_ROUNDS * others, 0.0);
        let waiting = (through - self.pass).max(0.0) + last;
        let computing = ranks.passes as f64 * self.pass + self.optimizer;
        let all = ranks.count as f64;
        let alone = all * ranks.passes as f64 * self.pass + self.optimizer;
        let speedup = alone / (computing + waiting);
        Forecast {
            passes: ranks.passes,
            computing,
            exchange: exchange + last,
            waiting,
            speedup,
            efficiency: speedup / all,
        }
    }
}

/// Ranks, the passes of a step that each takes, and the subtotals of the rank that has most.
#[derive(Clone, Copy)]
struct Ranks {
    count: usize,
    passes: usize,
    subtotals: usize,
}

impl Ranks {
    fn new(count: usize, passes: usize) -> Self {
        let places = |rank: usize| rank * passes..(rank + 1) * passes;
        let subtotals = match passes.is_power_of_two() {
            true => 1,
            false => (0..count).map(|rank| subtotals(places(rank))).max().unwrap_or(1),
        };
        Self { count, passes, subtotals }
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

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirrorgrad_layers::Contribution;

    /// Two buckets at the ends of a pass's quarters, for up to three ranks; one for more.
    const LEN: usize = 50_000;
    const SLOW: Link = Link { bytes_per_second: 200_000.0, latency: 0.25 };

    fn cost() -> StepCost {
        let gradient = |complete| Gradient { numbers: LEN, complete };
        StepCost {
            passes: 12,
            pictures: 2,
            pass: 1.0,
            way_back: 0.5,
            optimizer: 0.5,
            gradients: vec![gradient(0.75), gradient(1.0)],
            head: 0,
        }
    }

    #[test]
    fn a_forecast_is_what_a_hand_computes() {
        let one = cost().forecast(1, SLOW).unwrap();
        assert_eq!((one.passes, one.computing, one.exchange, one.waiting), (12, 12.5, 0.0, 0.0));
        assert_eq!((one.speedup, one.efficiency, one.step()), (1.0, 1.0, 12.5));
        // Three ranks of four passes: seven rounds of two messages, and two thirds of 200,000 bytes twice, two times. The heads
        // are through at 0.5 + 0.5, behind the first bucket, and all else follows without a break.
        let three = cost().forecast(3, SLOW).unwrap();
        assert_eq!((three.passes, three.computing), (4, 4.5));
        let expected = 7.0 * 2.0 * 0.25 + 2.0 * 2.0 * 2.0 / 3.0;
        assert!((three.exchange - expected).abs() < 1e-12, "{three:?}");
        assert!((three.waiting - (expected - 0.5)).abs() < 1e-12, "{three:?}");
        assert!((three.speedup - 12.5 / three.step()).abs() < 1e-12, "{three:?}");
        assert_eq!(three.efficiency, three.speedup / 3.0);
        // What is said of each pass goes to the other rank, too; six passes are two subtotals.
        let two = StepCost { head: 100, ..cost() }.forecast(2, SLOW).unwrap();
        let expected = 7.0 * 0.25 + (2.0 + 1.0) * 0.5 * 2.0 + 6.0 * 0.0005;
        assert!((two.exchange - expected).abs() < 1e-12, "{two:?}");
        // A fast link has passed the first bucket when the second is complete.
        let fast = Link { bytes_per_second: 4e6, latency: 0.0 };
        let two = cost().forecast(2, fast).unwrap();
        assert!((two.exchange - 2.0 * 3.0 * 0.5 * 0.05).abs() < 1e-12, "{two:?}");
        assert!((two.waiting - 3.0 * 0.5 * 0.05).abs() < 1e-12, "{two:?}");
    }

    #[test]
    fn ranks_that_do_not_divide_the_passes_are_refused_but_have_a_least_batch() {
        let error = cost().forecast(5, SLOW).unwrap_err().to_string();
        assert!(error.contains("that 5 ranks can share, found 12, which 1, 2, 3, 4, 6, or 12 can"));
        assert!(cost().forecast(0, SLOW).is_err() && cost().least_batch(0, SLOW).is_none());
        assert!(cost().least_batch(5, SLOW).is_some());
    }

    #[test]
    fn the_least_batch_keeps_four_fifths_and_no_smaller_one_does() {
        assert_eq!(cost().least_batch(1, SLOW), Some(2));
        let free = Link { bytes_per_second: f64::INFINITY, latency: 0.0 };
        for (ranks, link) in [(2, SLOW), (3, SLOW), (7, SLOW), (2, free), (4, free)] {
            let enough =
                |passes| cost().of(Ranks::new(ranks, passes), link).efficiency >= EFFICIENT;
            let least = cost().least_batch(ranks, link).unwrap() / 2 / ranks;
            assert!(enough(least), "{ranks} {least}");
            assert!((1..least).all(|passes| !enough(passes)), "{ranks} {least}");
        }
        // What is said of a pass takes longer than it, or no batch is large enough.
        let wordy = StepCost { head: 1_000_000, ..cost() };
        assert_eq!(wordy.least_batch(2, SLOW), None);
        assert_eq!(cost().least_batch(2, Link { latency: 1e9, ..SLOW }), None);
        assert_eq!(cost().least_batch(2, Link { bytes_per_second: 0.0, ..SLOW }), None);
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
        assert_eq!((cost.passes, cost.pictures, cost.parameters()), (6, 3, params));
        let mut before = cost.way_back;
        for Gradient { complete, .. } in &cost.gradients {
            assert!(before <= *complete && *complete <= cost.pass, "{cost:?}");
            before = *complete;
        }
        assert!(cost.way_back > 0.0 && cost.optimizer > 0.0 && cost.head > 100, "{cost:?}");
        assert!(StepCost::measure(&config, 5, [16, 24], 0).is_err());
    }
}
