//! The training of a network, step by step, with everything needed to stop and go on.

use crate::batch::to_tensors;
use crate::metrics::{check_size, evaluate};
use crate::{
    Checkpoint, Config, Dataset, EpochMetrics, Evaluation, Loader, Part, Progress, RunError,
    RunFolder, Sample,
};
use mirrorgrad_autograd::{Var, ops};
use mirrorgrad_layers::models::Network;
use mirrorgrad_layers::optim::{Optimizer, OptimizerState, clip_grad_norm};
use mirrorgrad_layers::weights::{load_state_dict, state_dict, to_safetensors};
use mirrorgrad_layers::{Draws, Mode, Param, Schedule, named_params};
use mirrorgrad_tensor::PixelLoss;
use std::sync::Arc;
use std::time::Instant;

/// Who follows a run: a progress bar, a log.
pub trait Watch {
    /// A step was taken.
    fn step(&mut self, report: &StepReport);

    /// An epoch was finished and validated.
    fn epoch(&mut self, metrics: &EpochMetrics, evaluation: &Evaluation);

    /// Whether to stop before the next step.
    fn wants_stop(&self) -> bool;
}

/// A step, as it is told to a [`Watch`].
#[derive(Clone, Copy, Debug)]
pub struct StepReport {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The batch within it, counted from 1.
    pub batch: usize,
    /// Batches in an epoch.
    pub batches: usize,
    /// Pictures in this batch.
    pub pictures: usize,
    /// Its loss.
    pub loss: f32,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done.
    Finished,
    /// The watch wanted to stop; the run can go on from its last checkpoint.
    Stopped,
}

/// Threads that load pictures ahead of the training.
const LOADERS: usize = 2;

/// A run: a network and where its training stands.
pub struct Trainer {
    config: Config,
    network: Box<dyn Network>,
    params: Vec<(String, Param)>,
    optimizer: Box<dyn Optimizer>,
    schedule: Schedule,
    train: Loader,
    validation: Loader,
    progress: Progress,
    history: Vec<EpochMetrics>,
}

impl Trainer {
    /// A run from the beginning.
    ///
    /// # Errors
    /// If the configuration or the data are not what they should be.
    pub fn new(config: Config) -> Result<Self, RunError> {
        config.check()?;
        let (train, validation) = (config.open(Part::Train)?, config.open(Part::Validation)?);
        let network = config.network(train.classes().len());
        let (train, validation) = (train_loader(&config, train), loader(&config, validation));
        let steps = (train.batches() * config.training.epochs) as u64;
        Ok(Self {
            params: named_params(&*network),
            optimizer: config.optimizer(),
            schedule: config.schedule(steps),
            progress: Progress::default(),
            history: Vec::new(),
            network,
            train,
            validation,
            config,
        })
    }

    /// A run from where a checkpoint was taken.
    ///
    /// # Errors
    /// As [`Trainer::new`], or if the data has other classes than the checkpoint.
    pub fn resume(checkpoint: Checkpoint) -> Result<Self, RunError> {
        let mut trainer = Self::new(checkpoint.config)?;
        let classes = trainer.train.dataset.classes();
        if classes != checkpoint.classes {
            let dir = trainer.config.data.dir.clone().unwrap_or_default();
            let what = format!("expected the classes {:?}, found {classes:?}", checkpoint.classes);
            return Err(RunError::Unfit { path: dir, what });
        }
        let found = fingerprint(&trainer);
        if found != checkpoint.data {
            let dir = trainer.config.data.dir.clone().unwrap_or_default();
            let what = "expected the pictures that the run began with, found others: some were added, \
                        removed or renamed";
            return Err(RunError::unfit(&dir, what));
        }
        load_state_dict(&*trainer.network, &checkpoint.weights)?;
        trainer.check_optimizer(&checkpoint.optimizer)?;
        trainer.optimizer.restore(checkpoint.optimizer);
        trainer.progress = checkpoint.progress;
        trainer.history = checkpoint.history;
        Ok(trainer)
    }

    /// Refuses what an optimizer of another network remembers.
    fn check_optimizer(&self, state: &OptimizerState) -> Result<(), RunError> {
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

    /// The network in training.
    pub fn network(&self) -> &dyn Network {
        &*self.network
    }

    /// What the run was started with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The pictures it is judged by.
    pub fn validation(&self) -> &Arc<dyn Dataset> {
        &self.validation.dataset
    }

    /// The epochs so far.
    pub fn history(&self) -> &[EpochMetrics] {
        &self.history
    }

    /// Trains to the end, or until the watch wants to stop, leaving checkpoints in `folder` before
    /// the first step, after every epoch and at a stop, and metrics after every epoch.
    ///
    /// # Errors
    /// If data are broken, the loss is no longer finite, or a file cannot be written.
    pub fn run(&mut self, folder: &RunFolder, watch: &mut dyn Watch) -> Result<Outcome, RunError> {
        // Whatever ends the run from here on, there is something to go on from.
        folder.write_last(&self.checkpoint())?;
        while self.progress.epoch < self.config.training.epochs {
            let start = Instant::now();
            let before = self.progress.seconds;
            let outcome = self.train_epoch(start, watch)?;
            self.check_finite()?;
            if outcome == Outcome::Stopped {
                folder.write_last(&self.checkpoint())?;
                return Ok(Outcome::Stopped);
            }
            let evaluation = evaluate(&*self.network, &self.validation)?;
            if !evaluation.loss.is_finite() {
                let (value, step) = (evaluation.loss as f32, self.progress.step);
                return Err(self.diverged("the validation loss", value, step));
            }
            let seconds = before + start.elapsed().as_secs_f64();
            let metrics = self.end_epoch(&evaluation, seconds);
            folder.write_metrics(&self.history)?;
            let (miou, _) = evaluation.confusion.mean_iou();
            let checkpoint = self.checkpoint();
            if self.progress.best_miou.is_none_or(|best| miou > best) {
                self.progress.best_miou = Some(miou);
                folder.write_best(&self.checkpoint())?;
                folder.write("model.safetensors", &to_safetensors(&checkpoint.weights))?;
            }
            folder.write_last(&self.checkpoint())?;
            watch.epoch(&metrics, &evaluation);
        }
        Ok(Outcome::Finished)
    }

    fn train_epoch(&mut self, start: Instant, watch: &mut dyn Watch) -> Result<Outcome, RunError> {
        let before = self.progress.seconds;
        for samples in self.train.epoch_from(self.progress.epoch, self.progress.batch) {
            if watch.wants_stop() {
                self.progress.seconds = before + start.elapsed().as_secs_f64();
                return Ok(Outcome::Stopped);
            }
            let samples = samples?;
            let loss = self.step(&samples)?;
            watch.step(&StepReport {
                epoch: self.progress.epoch + 1,
                batch: self.progress.batch,
                batches: self.train.batches(),
                pictures: samples.len(),
                loss,
            });
        }
        Ok(Outcome::Finished)
    }

    /// One batch: forward, loss, backward, update. From picture to loss and back, all of it is here.
    fn step(&mut self, samples: &[Sample]) -> Result<f32, RunError> {
        check_size(&*self.network, &samples[0].name, samples[0].size())?;
        let classes = self.train.dataset.classes().len();
        let (x, targets) = to_tensors(samples, classes, self.train.ignore_index)?;
        let step = self.progress.step;
        let mode = Mode::Train(Draws::new(self.config.training.seed, step));
        let scores = self.network.forward(&Var::constant(x), &mode);
        let loss =
            ops::cross_entropy(&scores, &targets, &PixelLoss::default(), ops::Reduction::Mean);
        drop(scores); // The graph holds what the way back needs, and lets go of it on the way.
        let value = loss.value().item();
        if !value.is_finite() {
            return Err(self.diverged("the loss", value, step + 1));
        }
        let mut grads = loss.backward();
        if let Some(limit) = self.config.training.clip {
            (grads, _) = clip_grad_norm(grads, limit);
        }
        self.optimizer.step(&self.params, &grads, self.lr(step));
        self.progress.step += 1;
        self.progress.batch += 1;
        self.progress.loss_sum += f64::from(value);
        Ok(value)
    }

    fn diverged(&self, what: impl Into<String>, value: f32, step: u64) -> RunError {
        RunError::Diverged { what: what.into(), value, step, epoch: self.progress.epoch + 1 }
    }

    /// Refuses to keep weights that are no numbers: the checkpoint before them is worth more.
    fn check_finite(&self) -> Result<(), RunError> {
        for (name, param) in &self.params {
            let value = param.value();
            if let Some(&wrong) = value.as_slice().iter().find(|value| !value.is_finite()) {
                return Err(self.diverged(name.as_str(), wrong, self.progress.step));
            }
        }
        Ok(())
    }

    fn lr(&self, step: u64) -> f64 {
        self.config.training.lr * self.schedule.factor(step)
    }

    /// Notes a finished epoch and moves on to the next.
    fn end_epoch(&mut self, evaluation: &Evaluation, seconds: f64) -> EpochMetrics {
        let weights = to_safetensors(&state_dict(&*self.network));
        let metrics = EpochMetrics {
            epoch: self.progress.epoch + 1,
            train_loss: self.progress.loss_sum / self.train.batches().max(1) as f64,
            val_loss: evaluation.loss,
            val_miou: evaluation.confusion.mean_iou().0,
            val_pixel_accuracy: evaluation.confusion.pixel_accuracy(),
            val_iou: evaluation.confusion.iou(),
            lr: self.lr(self.progress.step.saturating_sub(1)),
            seconds,
            weights_hash: blake3::hash(&weights).to_hex().to_string(),
        };
        self.history.push(metrics.clone());
        let Progress { epoch, step, best_miou, .. } = self.progress;
        self.progress = Progress { epoch: epoch + 1, step, best_miou, ..Progress::default() };
        metrics
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint {
            config: self.config.clone(),
            classes: self.train.dataset.classes().to_vec(),
            data: fingerprint(self),
            progress: self.progress,
            history: self.history.clone(),
            weights: state_dict(&*self.network),
            optimizer: self.optimizer.state().clone(),
        }
    }
}

/// What tells the run's pictures from others.
fn fingerprint(trainer: &Trainer) -> String {
    let parts = [&trainer.train, &trainer.validation].map(|part| part.dataset.fingerprint());
    blake3::hash(parts.join("/").as_bytes()).to_hex().to_string()
}

fn train_loader(config: &Config, dataset: Arc<dyn Dataset>) -> Loader {
    let augment = Some(config.data.augment.clone());
    let batch = config.training.batch;
    Loader { augment, batch, shuffle: true, ..loader(config, dataset) }
}

/// A loader of a data set in its own order and unchanged, as it is validated.
pub fn loader(config: &Config, dataset: Arc<dyn Dataset>) -> Loader {
    // Only pictures brought to one size can share a batch; training crops do not apply here.
    let one_size = config.data.folder.size.is_some() || config.data.augment.crop.is_none();
    Loader {
        dataset,
        batch: if one_size { config.training.batch } else { 1 },
        workers: LOADERS,
        seed: config.training.seed,
        augment: None,
        ignore_index: config.data.folder.ignore_index,
        shuffle: false,
    }
}
