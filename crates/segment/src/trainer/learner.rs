//! A network and what moves it, one step at a time.

use super::accumulated::Accumulated;
use crate::batch::to_tensors;
use crate::metrics::check_size;
use crate::{Config, DataError, Loader, Objective, RunError, Sample};
use mirrorgrad_autograd::Var;
use mirrorgrad_layers::models::Network;
use mirrorgrad_layers::optim::{Optimizer, OptimizerState, clip_grad_norm};
use mirrorgrad_layers::{Draws, Mode, Param, Schedule, find_fault, named_params};

/// What is between two steps of a run, and how a step is taken.
pub struct Learner {
    pub network: Box<dyn Network>,
    pub optimizer: Box<dyn Optimizer>,
    params: Vec<(String, Param)>,
    objective: Objective,
    schedule: Schedule,
    classes: usize,
    config: Config,
}

/// A number that is none, and where it was found.
pub struct Lost {
    /// The layer and direction, or the parameter.
    pub what: String,
    pub value: f64,
}

/// Why a step was not taken.
pub enum StepError {
    /// What should be a number is none.
    Lost(Lost),
    /// Anything else.
    Run(RunError),
}

impl StepError {
    /// As the end of a run, whose step and epoch are counted from 1.
    pub fn into_run_error(self, step: u64, epoch: usize) -> RunError {
        match self {
            Self::Run(error) => error,
            Self::Lost(Lost { what, value }) => RunError::Diverged { what, value, step, epoch },
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
            params: named_params(&*network),
            optimizer: config.training.optimizer(),
            schedule: config.training.schedule(steps),
            objective: Objective::new(&config.training, classes)?,
            network,
            classes,
            config: config.clone(),
        })
    }

    /// Step number `step`: the gradients of its `count` batches move the weights. Returns their loss. One batch
    /// is there at a time.
    pub fn step(
        &mut self,
        batches: impl IntoIterator<Item = Result<Vec<Sample>, DataError>>,
        count: usize,
        step: u64,
    ) -> Result<f32, StepError> {
        let mut sums = Accumulated::of(count);
        for (i, samples) in batches.into_iter().take(count).enumerate() {
            let pass = step * self.config.training.accumulate as u64 + i as u64;
            self.pass(&samples?, pass, &mut sums)?;
        }
        let Some((loss, mut grads)) = sums.mean() else { return Ok(0.0) };
        if let Some(limit) = self.config.training.clip {
            (grads, _) = clip_grad_norm(grads, limit);
        }
        self.optimizer.step(&self.params, &grads, self.lr(step));
        Ok(loss)
    }

    /// One batch there and back, and to the `sums` of its step. From picture to loss and back, all of it is
    /// here.
    fn pass(&self, samples: &[Sample], pass: u64, sums: &mut Accumulated) -> Result<(), StepError> {
        check_size(&*self.network, &samples[0].name, samples[0].size())?;
        let ignore_index = self.config.data.folder.ignored_label();
        let (x, targets) = to_tensors(samples, self.classes, ignore_index)?;
        let x = Var::constant(x);
        let draws = || Draws::new(self.config.training.seed, pass);
        let scores = self.network.forward(&x, &Mode::Train(draws()));
        let loss = self.objective.loss(&scores, &targets);
        drop(scores); // The graph holds what the way back needs, and lets go of it on the way.
        let value = loss.value().item();
        let share = sums.share(self.objective.weight(&targets));
        let grads = match share {
            1.0 => loss.backward(),
            _ => loss.scale(share).backward(),
        };
        let norm = grads.norm();
        if value.is_finite() && norm.is_finite() {
            sums.add(value, share, grads);
            return Ok(());
        }
        // Rare enough to be worth doing twice: the step is repeated, and watched.
        let fault =
            find_fault(&*self.network, &x, draws(), |scores| self.objective.loss(scores, &targets));
        Err(StepError::Lost(match fault {
            Some(fault) => {
                Lost { what: format!("{} ({})", fault.layer, fault.direction), value: fault.value }
            }
            None => Lost { what: "the norm of all gradients".into(), value: norm.into() },
        }))
    }

    /// Takes another schedule from here on.
    pub fn reschedule(&mut self, schedule: Schedule) {
        self.schedule = schedule;
    }

    /// The learning rate of a step.
    pub fn lr(&self, step: u64) -> f64 {
        self.config.training.lr * self.schedule.factor(step)
    }

    /// A weight that is no number, if there is one.
    pub fn lost(&self) -> Option<Lost> {
        self.params.iter().find_map(|(name, param)| {
            let value = param.value();
            let value = value.as_slice().iter().find(|value| !value.is_finite())?;
            Some(Lost { what: name.clone(), value: f64::from(*value) })
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

/// Batches of an epoch in groups, each of which is one step.
pub fn steps_in(loader: &Loader, accumulate: usize) -> usize {
    loader.batches().div_ceil(accumulate)
}
