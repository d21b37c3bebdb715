//! Who follows a run, and what is told.

use crate::{EpochMetrics, Evaluation};

/// Who follows a run: a progress bar, a log.
pub trait Watch {
    /// A step was taken.
    fn step(&mut self, report: &StepReport);

    /// An epoch was finished and validated.
    fn epoch(&mut self, metrics: &EpochMetrics, evaluation: &Evaluation);

    /// Whether to stop before the next step.
    fn wants_stop(&self) -> bool;
}

/// Nobody follows.
impl Watch for () {
    fn step(&mut self, _: &StepReport) {}

    fn epoch(&mut self, _: &EpochMetrics, _: &Evaluation) {}

    fn wants_stop(&self) -> bool {
        false
    }
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
