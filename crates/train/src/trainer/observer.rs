//! Who follows a run, and what is told.

use crate::{EpochMetrics, Evaluation};

/// Who follows a run: a progress bar, a log.
///
/// ```
/// # use mirrorgrad_train::{Config, EpochMetrics, Evaluation, Outcome, RunFolder};
/// # use mirrorgrad_train::{StepReport, Trainer, Observer};
/// # struct StepsLeft(usize);
/// impl Observer for StepsLeft {
///     fn step(&mut self, _: &StepReport) {
///         self.0 -= 1;
///     }
/// #     fn epoch(&mut self, _: &EpochMetrics, _: &Evaluation) {}
///     fn wants_stop(&self) -> bool {
///         self.0 == 0
///     }
/// }
/// # let mut config = Config::default();
/// # config.model.widths = vec![2];
/// # (config.training.batch, config.training.limit_batches) = (1, Some(2));
/// # let dir = tempfile::tempdir()?;
/// # let (mut trainer, folder) = (Trainer::new(config)?, RunFolder::create(dir.path())?);
/// assert_eq!(trainer.run(&folder, &mut StepsLeft(1))?, Outcome::Stopped);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Observer {
    /// A step was taken.
    fn step(&mut self, report: &StepReport);

    /// An epoch was finished and validated.
    fn epoch(&mut self, metrics: &EpochMetrics, evaluation: &Evaluation);

    /// Whether to stop before the next step.
    fn wants_stop(&self) -> bool;
}

/// Nobody follows.
impl Observer for () {
    fn step(&mut self, _: &StepReport) {}

    fn epoch(&mut self, _: &EpochMetrics, _: &Evaluation) {}

    fn wants_stop(&self) -> bool {
        false
    }
}

/// A step, as it is told to an [`Observer`].
///
/// ```
/// # use mirrorgrad_train::{Config, EpochMetrics, Evaluation, RunFolder};
/// # use mirrorgrad_train::{StepReport, Trainer, Observer};
/// # #[derive(Default)]
/// # struct Steps(Vec<StepReport>);
/// # impl Observer for Steps {
/// #     fn step(&mut self, report: &StepReport) {
/// #         self.0.push(*report);
/// #     }
/// #     fn epoch(&mut self, _: &EpochMetrics, _: &Evaluation) {}
/// #     fn wants_stop(&self) -> bool {
/// #         false
/// #     }
/// # }
/// # let mut config = Config::default();
/// # config.model.widths = vec![2];
/// # (config.training.epochs, config.training.batch) = (1, 1);
/// # config.training.limit_batches = Some(2);
/// # let dir = tempfile::tempdir()?;
/// # let folder = RunFolder::create(dir.path())?;
/// # let mut steps = Steps::default();
/// // Two batches of one picture each make one step.
/// config.training.accumulate = 2;
/// Trainer::new(config)?.run(&folder, &mut steps)?;
/// let [report] = &steps.0[..] else { panic!("{:?}", steps.0) };
/// assert_eq!((report.batch, report.batches, report.taken, report.pictures), (2, 2, 2, 2));
/// // Before it, the network finds all five classes alike.
/// assert!((report.loss - 5_f32.ln()).abs() < 1e-3);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StepReport {
    /// The epoch, counted from 1.
    pub epoch: usize,
    /// The batch within it, counted from 1.
    pub batch: usize,
    /// Batches in an epoch.
    pub batches: usize,
    /// Batches in this step.
    pub taken: usize,
    /// Pictures in them.
    pub pictures: usize,
    /// The mean of their losses, each by the weight of its counted pixels.
    pub loss: f32,
    /// Seconds that it took.
    pub seconds: f64,
    /// Seconds of them in which this rank waited for others, and for what they sent.
    pub waited: f64,
}

/// How a run ended.
///
/// ```
/// # use mirrorgrad_train::{Checkpoint, Config, EpochMetrics, Evaluation, Outcome, RunFolder};
/// # use mirrorgrad_train::{StepReport, Trainer, Observer};
/// # struct Impatient;
/// # impl Observer for Impatient {
/// #     fn step(&mut self, _: &StepReport) {}
/// #     fn epoch(&mut self, _: &EpochMetrics, _: &Evaluation) {}
/// #     fn wants_stop(&self) -> bool {
/// #         true
/// #     }
/// # }
/// # let mut config = Config::default();
/// # config.model.widths = vec![2];
/// # (config.training.epochs, config.training.batch) = (1, 2);
/// # config.training.limit_batches = Some(1);
/// # let dir = tempfile::tempdir()?;
/// # let folder = RunFolder::create(dir.path())?;
/// // Stopped before its first step, by a watch that wants nothing else.
/// assert_eq!(Trainer::new(config)?.run(&folder, &mut Impatient)?, Outcome::Stopped);
/// let mut trainer = Trainer::resume(Checkpoint::read(&folder.last())?)?;
/// assert_eq!(trainer.run(&folder, &mut ())?, Outcome::Finished);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All epochs are done.
    Finished,
    /// The watch wanted to stop; the run can go on from its last checkpoint.
    Stopped,
}
