//! A network and what moves it, one step at a time.

use super::loaders::left_out;
use crate::batch::to_tensors;
use crate::metrics::check_size;
use crate::ranks::{Reduce, Seat, Share, Timed, sum};
use crate::small_batches::check_normalization;
use crate::{Alone, Config, Objective, RunError};
use mirrorgrad_autograd::Var;
use mirrorgrad_data::{DataError, Loader, Sample};
use mirrorgrad_layers::models::Network;
use mirrorgrad_layers::optim::{Optimizer, OptimizerState, clip_grad_norm};
use mirrorgrad_layers::weights::NamedTensors;
use mirrorgrad_layers::{
    Contribution, Draws, Fold, GradientNorm, Param, Params, Pass, Schedule, find_fault,
};
use mirrorgrad_tensor::{ClassTargets, Tensor};
use rayon::ThreadPool;
use std::fmt::{self, Display};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// What is between two steps of a run, and how a step is taken.
pub struct Learner {
    pub network: Box<dyn Network>,
    pub optimizer: Box<dyn Optimizer>,
    /// Who else takes every step.
    pub ranks: Arc<Timed>,
    /// Where shards that are side by side run.
    pub(super) pools: Mutex<Vec<Arc<ThreadPool>>>,
    pub(super) params: Params,
    objective: Objective,
    schedule: Schedule,
    classes: usize,
    /// The label of pixels that count for nothing.
    left_out: Option<u8>,
    pub(super) config: Config,
}

/// The samples of a pass as tensors, and what their pixels weigh.
pub struct Prepared {
    x: Var,
    targets: ClassTargets,
    pub weight: f64,
}

/// What is left of a pass that has come to its loss.
pub struct WayBack<'a> {
    learner: &'a Learner,
    prepared: Prepared,
    /// Of the pass.
    number: u64,
    loss: Var,
}

/// A value that is infinite or NaN, and where it was found.
pub struct NonFinite {
    /// The layer and direction, or the parameter.
    pub what: String,
    pub value: f64,
}

/// Why a step was not taken.
pub enum StepError {
    /// A value is infinite or NaN.
    NonFinite(NonFinite),
    /// Anything else.
    Run(RunError),
}

impl StepError {
    /// As the end of a run, whose step and epoch are counted from 1.
    pub fn into_run_error(self, step: u64, epoch: usize) -> RunError {
        match self {
            Self::Run(error) => error,
            Self::NonFinite(NonFinite { what, value }) => {
                RunError::Diverged { what, value, step, epoch }
            }
        }
    }
}

impl Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Run(error) => error.fmt(f),
            Self::NonFinite(NonFinite { what, value }) => write!(f, "{what} became {value}"),
        }
    }
}

impl<E: Into<RunError>> From<E> for StepError {
    fn from(error: E) -> Self {
        Self::Run(error.into())
    }
}

impl Learner {
    /// Fresh weights drawn from the seed, and a schedule for so many steps.
    pub fn new(config: &Config, classes: usize, steps: u64) -> Result<Self, RunError> {
        let network = config.network(classes);
        Ok(Self {
            params: Params::of(&*network),
            optimizer: config.training.optimizer(),
            schedule: config.training.schedule(steps),
            objective: Objective::new(&config.training, classes)?,
            network,
            ranks: Arc::new(Timed::new(Arc::new(Alone))),
            pools: Mutex::default(),
            classes,
            left_out: left_out(config, classes),
            config: config.clone(),
        })
    }

    /// Step number `step`: the contributions of its `count` batches are folded, and move the weights. `batches` are
    /// those of this rank. Returns the loss of all. One batch is there at a time.
    pub fn step(
        &mut self,
        batches: impl IntoIterator<Item = Result<Vec<Sample>, DataError>>,
        count: usize,
        step: u64,
    ) -> Result<f32, StepError> {
        let ranks = &*self.ranks;
        let sum = match ranks.ranks() > 1 && !self.config.training.sync_batch_norm {
            true => self.sum_on_the_way(batches, count, step)?,
            false => sum(ranks, self.found(batches, count, step), count, &self.params)?,
        };
        Ok(sum.map_or(0.0, |sum| self.descend(sum, count, step)))
    }

    /// Moves the weights by the sum of a step of `count` batches. Returns their loss.
    pub fn descend(&mut self, sum: Contribution, count: usize, step: u64) -> f32 {
        let mut mean = sum.mean(count);
        if let Some(limit) = self.config.training.clip {
            (mean, _) = clip_grad_norm(mean, limit);
        }
        self.optimizer.step(&self.params, &mean, self.lr(step));
        mean.loss
    }

    /// What this rank finds of a step.
    pub fn found(
        &self,
        batches: impl IntoIterator<Item = Result<Vec<Sample>, DataError>>,
        count: usize,
        step: u64,
    ) -> Result<Fold, StepError> {
        if self.config.training.sync_batch_norm {
            return self.found_side_by_side(batches, count, step);
        }
        let mut fold = Fold::default();
        for (place, samples) in self.places(count)?.zip(batches) {
            let (prepared, number) = (self.prepared(&samples?)?, self.number(step, place));
            fold.add(place, self.contribution(prepared, None, number, 1.0 / count as f64)?);
        }
        Ok(fold)
    }

    /// The places in a step of `count` batches of those that this rank finds.
    pub(super) fn places(&self, count: usize) -> Result<Range<usize>, RunError> {
        Ok(Share::of(&*self.ranks, self.config.training.passes())?.places(count))
    }

    /// The number of a pass among those of all steps.
    pub(super) fn number(&self, step: u64, place: usize) -> u64 {
        step * self.config.training.passes() as u64 + place as u64
    }

    /// Samples as the network takes them, if they fit it.
    pub fn prepared(&self, samples: &[Sample]) -> Result<Prepared, RunError> {
        let first = &samples[0];
        check_size(&*self.network, &first.name, first.size())?;
        check_normalization(&self.config, samples.len(), &first.name, first.size())?;
        let (x, targets) = to_tensors(samples, self.classes, self.left_out)?;
        let weight = self.objective.weight(&targets);
        Ok(Prepared { x: Var::constant(x), targets, weight })
    }

    /// The pass of this number there and back, beside those of other shards if it has a seat among them; its loss is a
    /// `share` of the step's. Nothing is changed by it: a step that fails leaves the network as it was.
    pub(super) fn contribution(
        &self,
        prepared: Prepared,
        seat: Option<Seat>,
        number: u64,
        share: f64,
    ) -> Result<Contribution, StepError> {
        let (mut found, way_back) = self.forth(prepared, seat, number, share);
        way_back.go(|name, gradient| drop(found.gradients.insert(name.to_owned(), gradient)))?;
        Ok(found)
    }

    /// From pictures to their loss: what the pass gives to its step but for the gradients, and the way to these.
    pub fn forth(
        &self,
        prepared: Prepared,
        seat: Option<Seat>,
        number: u64,
        share: f64,
    ) -> (Contribution, WayBack<'_>) {
        let pass = Pass::train(self.draws(number));
        let pass = match seat {
            Some(seat) => pass.among(Arc::new(seat)),
            None => pass,
        };
        let scores = self.network.forward(&prepared.x, &pass);
        let loss = self.objective.loss(&scores, &prepared.targets).mul_scalar(share as f32);
        drop(scores); // The graph holds what the way back needs, and lets go of it on the way.
        let found = Contribution::new(loss.value().item(), NamedTensors::new(), pass.finish());
        let found = found.weighing(prepared.weight);
        (found, WayBack { learner: self, prepared, number, loss })
    }

    fn draws(&self, pass: u64) -> Draws {
        Draws::new(self.config.training.seed, pass)
    }

    /// Takes another schedule from here on.
    pub fn reschedule(&mut self, schedule: Schedule) {
        self.schedule = schedule;
    }

    /// The learning rate of a step.
    pub fn lr(&self, step: u64) -> f64 {
        self.config.training.lr * self.schedule.factor(step)
    }

    /// A weight that is infinite or NaN, if there is one.
    pub fn non_finite_weight(&self) -> Option<NonFinite> {
        self.params.iter().find_map(|(name, param)| {
            let value = param.value();
            let value = value.as_slice().iter().find(|value| !value.is_finite())?;
            Some(NonFinite { what: name.clone(), value: f64::from(*value) })
        })
    }

    /// Refuses what an optimizer of another network remembers.
    pub fn check_optimizer(&self, state: &OptimizerState) -> Result<(), RunError> {
        for (key, tensor) in &state.tensors {
            let fits = |(name, param): &(String, Param)| {
                key.split_once('.').is_some_and(|(_, of)| of == name)
                    && param.value().shape() == tensor.shape()
            };
            if !self.params.iter().any(fits) {
                let (name, got) = (key.clone(), tensor.shape().to_vec());
                return Err(RunError::Optimizer { name, got });
            }
        }
        Ok(())
    }
}

impl WayBack<'_> {
    /// The names of the parameters that it comes to, in this order.
    pub fn names(&self) -> Vec<String> {
        self.learner.params.reached(&self.loss)
    }

    /// From the loss to the gradients, each of which goes to `ready` when it is complete. They count for nothing if the
    /// loss or one of them turns out not to be finite.
    pub fn go(self, mut ready: impl FnMut(&str, Tensor<f32>)) -> Result<(), StepError> {
        let Self { learner, prepared: Prepared { x, targets, .. }, number, loss } = self;
        let value = loss.value().item();
        let mut norm = GradientNorm::default();
        learner.params.backward_each(loss, |name, gradient| {
            norm.add(&gradient);
            ready(name, gradient);
        });
        let norm = norm.value();
        if value.is_finite() && norm.is_finite() {
            return Ok(());
        }
        // Rare enough to be worth doing twice: the step is repeated, and watched.
        let loss = |scores: &Var| learner.objective.loss(scores, &targets);
        let fault = find_fault(&*learner.network, &x, learner.draws(number), loss);
        Err(StepError::NonFinite(match fault {
            Some(fault) => NonFinite {
                what: format!("{} ({})", fault.layer, fault.direction),
                value: fault.value,
            },
            None => NonFinite { what: "the norm of all gradients".into(), value: norm.into() },
        }))
    }
}

/// Batches of an epoch in groups, each of which is one step.
pub fn steps_in(loader: &Loader, accumulate: usize) -> usize {
    loader.batches().div_ceil(accumulate)
}
