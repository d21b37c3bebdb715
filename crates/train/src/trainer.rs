//! The training of a network, step by step, with everything needed to stop and go on.

mod beginning;
mod learner;
mod loaders;
mod longer;
mod observer;
mod on_the_way;
mod side_by_side;
mod together;

pub(crate) use self::learner::{Learner, StepError};
use self::learner::{NonFinite, steps_in};
pub use self::loaders::{loader, training_set, validation_set};
pub(crate) use self::loaders::{loaders, validation_batch};
pub use self::observer::{Observer, Outcome, StepReport};
use crate::fitness::{notes_of_run, size_faults, training_faults};
use crate::metrics::{check_size, evaluate_among};
use crate::ranks::Share;
use crate::small_batches::{check_normalization, small_batch_note};
use crate::{Checkpoint, Config, EpochMetrics, Evaluation, Largest, Progress, RunError, RunFolder};
use mirrorgrad_data::{Batches, Dataset, Loader, Message, Sample, Setting, Survey, notes_of_files};
use mirrorgrad_layers::models::Network;
use mirrorgrad_layers::weights::{load_state_dict, state_dict, to_safetensors};
use std::sync::Arc;
use std::time::Instant;

/// A run: a network and where its training stands.
///
/// ```
/// # use mirrorgrad_train::{Config, Outcome, RunFolder, Trainer};
/// # let dir = tempfile::tempdir()?;
/// let mut config = Config::default();
/// config.model.widths = vec![2];
/// (config.training.epochs, config.training.batch) = (1, 2);
/// config.training.limit_batches = Some(1);
/// let mut trainer = Trainer::new(config)?;
/// let folder = RunFolder::create(dir.path())?;
/// assert_eq!(trainer.run(&folder, &mut ())?, Outcome::Finished);
/// assert!(trainer.history().len() == 1 && folder.best().exists());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Trainer {
    config: Config,
    learner: Learner,
    train: Loader,
    validation: Loader,
    progress: Progress,
    history: Vec<EpochMetrics>,
    notes: Vec<Message>,
}

impl Trainer {
    /// A run from the beginning: every sample of a folder is looked at, class weights are counted and first
    /// weights read where the configuration says so.
    ///
    /// # Errors
    /// If the configuration, the data or the weights are not what they should be.
    pub fn new(mut config: Config) -> Result<Self, RunError> {
        config.ask_folder()?;
        let (train, validation) = loaders(&config)?;
        // Drawn pictures have no faults and one size.
        let is_drawn = config.data.dir.is_none();
        let looked = if is_drawn { None } else { Some(beginning::look(&train, &validation)?) };
        let looked = looked.as_ref().map(|both| both.each_ref());
        let mut trainer = Self::looked_through(config, (train, validation), looked)?;
        let of_files = notes_of_files(looked.into_iter().flatten());
        let of_listings = trainer.config.notes()?;
        trainer.notes.splice(0..0, of_listings.into_iter().chain(of_files));
        Ok(trainer)
    }

    /// A run from the beginning on data of which every sample was looked at.
    ///
    /// # Errors
    /// As [`Trainer::new`], but for samples that cannot be read.
    pub(crate) fn looked_through(
        mut config: Config,
        (train, validation): (Loader, Loader),
        looked: Option<[&Survey; 2]>,
    ) -> Result<Self, RunError> {
        beginning::count_weights(&mut config, &*train.dataset, looked)?;
        let mut trainer = Self::at_start(config, train, validation)?;
        if let Some([train, validation]) = looked {
            let least = trainer.network().smallest_input();
            let faults = training_faults(train, &trainer.config, &trainer.train, least);
            let batch = trainer.validation.batch;
            let of_validation = size_faults(validation, &trainer.config, least, batch);
            if let Some(fault) = faults.into_iter().chain(of_validation).next() {
                return Err(fault);
            }
            trainer.notes = notes_of_run(trainer.train.dataset.classes(), train, validation);
        }
        let pictures = trainer.train.dataset.len();
        trainer.notes.extend(small_batch_note(&trainer.config, pictures));
        let of_weights = beginning::load_weights(&trainer.config.model, trainer.network())?;
        trainer.notes.extend(of_weights.map(Message::from));
        trainer.check_first()?;
        Ok(trainer)
    }

    /// A run from where a checkpoint was taken.
    ///
    /// # Errors
    /// As [`Trainer::new`], or if the data has other classes than the checkpoint.
    pub fn resume(checkpoint: Checkpoint) -> Result<Self, RunError> {
        checkpoint.check()?;
        let (train, validation) = loaders(&checkpoint.config)?;
        let mut trainer = Self::at_start(checkpoint.config, train, validation)?;
        let classes = trainer.train.dataset.classes();
        if classes != checkpoint.classes {
            let dir = trainer.config.data.dir.clone().unwrap_or_default();
            let what = format!("expected the classes {:?}, found {classes:?}", checkpoint.classes);
            return Err(RunError::unfit(&dir, what));
        }
        let found = fingerprint(&trainer);
        if found != checkpoint.data {
            let dir = trainer.config.data.dir.clone().unwrap_or_default();
            let what = "expected the pictures that the run began with, found others: some were added, \
                        removed or renamed";
            return Err(RunError::unfit(&dir, what));
        }
        load_state_dict(trainer.network(), &checkpoint.weights)?;
        trainer.learner.check_optimizer(&checkpoint.optimizer)?;
        trainer.learner.optimizer.restore(checkpoint.optimizer);
        trainer.progress = checkpoint.progress;
        trainer.history = checkpoint.history;
        Ok(trainer)
    }

    /// Looks at the first batch: what is wrong with all of them is found before a run begins.
    fn check_first(&self) -> Result<(), RunError> {
        if let Some(crop) = self.config.data.augment.crop {
            check_size(self.network(), Setting::of("data.augment.crop"), crop)?;
        }
        let Some(first) = self.next_batch()?.into_iter().next() else { return Ok(()) };
        check_size(self.network(), &first.name, first.size())?;
        // As many pictures as an epoch has: its last batch may be smaller.
        check_normalization(&self.config, self.train.dataset.len(), &first.name, first.size())
    }

    fn at_start(config: Config, train: Loader, validation: Loader) -> Result<Self, RunError> {
        let steps = steps_in(&train, config.training.passes()) * config.training.epochs;
        let learner = Learner::new(&config, train.dataset.classes().len(), steps as u64)?;
        let (progress, history, notes) = (Progress::default(), Vec::new(), Vec::new());
        Ok(Self { config, learner, train, validation, progress, history, notes })
    }

    /// The network in training.
    pub fn network(&self) -> &dyn Network {
        &*self.learner.network
    }

    /// What the run was started with.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// What is no fault, but worth knowing before the run.
    pub fn notes(&self) -> &[Message] {
        &self.notes
    }

    /// The pictures it is judged by.
    pub fn validation(&self) -> &Arc<dyn Dataset> {
        &self.validation.dataset
    }

    /// The largest pictures that it trains and validates on, by the beginnings of their files. One that cannot be
    /// read is skipped: what is wrong with it is said where it is needed.
    pub fn largest(&self) -> Largest {
        let crop = self.config.data.augment.crop;
        let training = crop.unwrap_or_else(|| self.train.largest());
        let validated = self.validation.dataset.len();
        Largest { training, validation: self.validation.largest(), validated }
    }

    /// The next batch to train on, as the network will see it.
    ///
    /// # Errors
    /// If a sample is broken.
    pub fn next_batch(&self) -> Result<Vec<Sample>, RunError> {
        let mut batches = self.train.epoch_from(self.progress.epoch, self.progress.batch);
        Ok(batches.next().transpose()?.unwrap_or_default())
    }

    /// The epochs so far, and the pictures it is judged by: all that is left of a run at its end, whose network and
    /// optimizer give their memory back.
    pub fn into_history(self) -> (Vec<EpochMetrics>, Arc<dyn Dataset>) {
        (self.history, self.validation.dataset)
    }

    /// The epochs so far.
    pub fn history(&self) -> &[EpochMetrics] {
        &self.history
    }

    /// Whether all epochs are done, or enough of them brought nothing better.
    pub fn is_over(&self) -> bool {
        let done = self.history.len();
        let scores = self.history.iter().map(|epoch| epoch.val_miou).enumerate();
        // The first of the best.
        let best = scores.reduce(|best, next| if next.1 > best.1 { next } else { best });
        let without = best.map_or(0, |(epoch, _)| done - 1 - epoch);
        let patience = self.config.training.patience;
        self.progress.epoch >= self.config.training.epochs
            || patience.is_some_and(|patience| without >= patience)
    }

    /// Leaves in `folder` what the run can go on from, whatever ends it from here on: a checkpoint, and then
    /// the resolved configuration and the names of the classes, which are in it too. [`run`](Self::run) begins
    /// with it.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn begin(&self, folder: &RunFolder) -> Result<(), RunError> {
        self.write(|| {
            folder.write_last(&self.checkpoint()?)?;
            folder.write_start(&self.config, self.validation().classes())
        })
    }

    /// Trains to the end, or until the observer wants to stop, leaving checkpoints in `folder` before
    /// the first step, as often as the configuration says, before and after every validation and at a stop, and
    /// metrics after every epoch.
    ///
    /// # Errors
    /// If data are broken, a number is lost, or a file cannot be written.
    pub fn run(
        &mut self,
        folder: &RunFolder,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, RunError> {
        self.begin(folder)?;
        while !self.is_over() {
            let start = Instant::now();
            let (before, waited) = (self.progress.seconds, self.learner.ranks.waited());
            let outcome = self.train_epoch(folder, start, observer)?;
            if outcome == Outcome::Stopped {
                self.write_last(folder)?;
                return Ok(Outcome::Stopped);
            }
            // Whatever validating ends with, the epoch's training is kept; a run that goes on from here validates.
            self.progress.seconds = before + start.elapsed().as_secs_f64();
            self.write_last(folder)?;
            let trained = start.elapsed().as_secs_f64();
            let evaluation =
                evaluate_among(&*self.learner.ranks, self.network(), &self.validation)?;
            if !evaluation.loss.is_finite() {
                let what = "the validation loss".to_owned();
                return Err(self.diverged(NonFinite { what, value: evaluation.loss }));
            }
            let all = start.elapsed().as_secs_f64();
            let waited = self.waited_since(waited)?;
            let metrics = self.end_epoch(&evaluation, [before + all, all - trained], waited);
            self.write(|| folder.write_metrics(&self.history))?;
            let (miou, _) = evaluation.confusion.mean_iou();
            if self.progress.best_miou.is_none_or(|best| miou > best) {
                self.progress.best_miou = Some(miou);
                self.write(|| {
                    let checkpoint = self.checkpoint()?;
                    folder.write_best(&checkpoint)?;
                    folder.write("model.safetensors", &to_safetensors(&checkpoint.weights))
                })?;
            }
            self.write_last(folder)?;
            observer.epoch(&metrics, &evaluation);
        }
        Ok(Outcome::Finished)
    }

    fn train_epoch(
        &mut self,
        folder: &RunFolder,
        start: Instant,
        observer: &mut dyn Observer,
    ) -> Result<Outcome, RunError> {
        let before = self.progress.seconds;
        let share = Share::of(&*self.learner.ranks, self.config.training.passes())?;
        let own = share.numbers(self.progress.batch, self.train.batches());
        let mut batches = self.train.numbered(self.progress.epoch, own);
        while self.progress.batch < self.train.batches() {
            self.progress.seconds = before + start.elapsed().as_secs_f64();
            if self.stops(observer.wants_stop())? {
                return Ok(Outcome::Stopped);
            }
            let report = self.step(&mut batches)?;
            observer.step(&report);
            self.compare_weights()?;
            let every = self.config.training.checkpoint_every;
            if self.progress.step.is_multiple_of(every)
                && self.progress.batch < self.train.batches()
            {
                self.write_last(folder)?;
            }
        }
        Ok(Outcome::Finished)
    }

    /// Takes the next step, of as many of the `coming` batches as make one.
    fn step(&mut self, coming: &mut Batches) -> Result<StepReport, RunError> {
        let (start, before) = (Instant::now(), self.learner.ranks.waited());
        let Progress { step, epoch, batch, .. } = self.progress;
        let count = self.config.training.passes().min(self.train.batches() - batch);
        // The last batch of an epoch may be smaller than the others.
        let through = |batches: usize| (batches * self.train.batch).min(self.train.dataset.len());
        let pictures = through(batch + count) - through(batch);
        let loss = self.learner.step(coming, count, step);
        let loss = loss.map_err(|error| error.into_run_error(step + 1, epoch + 1))?;
        self.progress.step += 1;
        self.progress.batch += count;
        self.progress.loss_sum += f64::from(loss) * count as f64;
        let batches = |passes: usize| passes.div_ceil(self.config.training.shards);
        Ok(StepReport {
            epoch: epoch + 1,
            batch: batches(self.progress.batch),
            batches: batches(self.train.batches()),
            taken: batches(count),
            pictures,
            loss,
            seconds: start.elapsed().as_secs_f64(),
            waited: (self.learner.ranks.waited() - before).as_secs_f64(),
        })
    }

    /// The end of a run whose last step, counted from 1, lost a number.
    fn diverged(&self, found: NonFinite) -> RunError {
        let Progress { step, epoch, .. } = self.progress;
        StepError::NonFinite(found).into_run_error(step, epoch + 1)
    }

    /// Refuses to keep weights that are no numbers: the checkpoint before them is worth more.
    fn check_finite(&self) -> Result<(), RunError> {
        self.learner.non_finite_weight().map_or(Ok(()), |found| Err(self.diverged(found)))
    }

    /// Records a finished epoch and moves on to the next. The seconds are those of all of it, and of
    /// validating.
    fn end_epoch(
        &mut self,
        evaluation: &Evaluation,
        [seconds, val_seconds]: [f64; 2],
        waited: Vec<f64>,
    ) -> EpochMetrics {
        let metrics = EpochMetrics {
            epoch: self.progress.epoch + 1,
            train_loss: self.progress.loss_sum / self.train.batches().max(1) as f64,
            val_loss: evaluation.loss,
            val_miou: evaluation.confusion.mean_iou().0,
            val_pixel_accuracy: evaluation.confusion.pixel_accuracy(),
            val_iou: evaluation.confusion.iou(),
            lr: self.learner.lr(self.progress.step.saturating_sub(1)),
            seconds,
            val_seconds,
            waited,
            weights_hash: self.weights_hash(),
        };
        self.history.push(metrics.clone());
        let Progress { epoch, step, best_miou, .. } = self.progress;
        self.progress = Progress { epoch: epoch + 1, step, best_miou, ..Progress::default() };
        metrics
    }

    /// What tells these weights from others.
    fn weights_hash(&self) -> String {
        let weights = to_safetensors(&state_dict(self.network()));
        blake3::hash(&weights).to_hex().to_string()
    }

    /// # Errors
    /// If a weight is no number.
    fn checkpoint(&self) -> Result<Checkpoint, RunError> {
        self.check_finite()?;
        Ok(Checkpoint {
            config: self.config.clone(),
            classes: self.train.dataset.classes().to_vec(),
            data: fingerprint(self),
            progress: self.progress,
            history: self.history.clone(),
            weights: state_dict(self.network()),
            optimizer: self.learner.optimizer.state().clone(),
        })
    }
}

/// What tells the run's pictures from others.
fn fingerprint(trainer: &Trainer) -> String {
    let fingerprints =
        [&trainer.train, &trainer.validation].map(|loader| loader.dataset.fingerprint());
    blake3::hash(fingerprints.join("/").as_bytes()).to_hex().to_string()
}
