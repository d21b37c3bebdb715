//! More epochs for a run than it began with, and what becomes of its schedule.

use super::Trainer;
use super::learner::steps_in;
use crate::{RunError, ScheduleKind};
use mirrorgrad_data::DataError;

impl Trainer {
    /// Gives the run more epochs at the learning rate that it has: its schedule is constant. Returns a sentence
    /// that says how it goes on.
    ///
    /// # Errors
    /// If it has as many epochs already, a schedule that ends with them, or ended early.
    pub fn extend(&mut self, epochs: usize) -> Result<String, RunError> {
        let (kind, before) = (self.config.training.schedule, self.config.training.epochs);
        if kind != ScheduleKind::Constant {
            return Err(RunError::ScheduleEnds { schedule: name(kind), epochs: before });
        }
        let [_, next] = self.lengthen(epochs)?;
        Ok(format!(
            "continuing to epoch {epochs} instead of {before}, at a learning rate of {next}"
        ))
    }

    /// Gives the run more epochs and lays its schedule over all of them: the learning rate goes on where a run of
    /// so many epochs would be by now. Returns a sentence that says how it goes on.
    ///
    /// # Errors
    /// If it has as many epochs already, or ended early.
    pub fn stretch(&mut self, epochs: usize) -> Result<String, RunError> {
        let (kind, before) = (self.config.training.schedule, self.config.training.epochs);
        let [last, next] = self.lengthen(epochs)?;
        Ok(format!(
            "continuing to epoch {epochs} instead of {before}, with the {} schedule stretched over all of them: \
             the learning rate goes from {last} to {next}",
            name(kind)
        ))
    }

    /// The learning rates of the last step taken and of the next.
    fn lengthen(&mut self, epochs: usize) -> Result<[f64; 2], RunError> {
        let training = &self.config.training;
        if epochs <= training.epochs {
            let expected = format!("more than the {} that the run has", training.epochs);
            return Err(DataError::setting("training.epochs", expected, epochs).into());
        }
        let last = self.learner.lr(self.progress.step.saturating_sub(1));
        let steps = |epochs| (steps_in(&self.train, training.passes()) * epochs) as u64;
        let mut longer = training.clone();
        // A longer run would have a longer warm-up where it is cut to a quarter: this one has had its own.
        (longer.epochs, longer.warmup) = (epochs, training.schedule(steps(training.epochs)).warmup);
        longer.check()?;
        self.learner.reschedule(longer.schedule(steps(epochs)));
        self.config.training = longer;
        if self.is_over() {
            let expected = "a run that has not stopped early";
            let found = format!(
                "one that stopped early, with a patience of {} epochs",
                self.config.training.patience.unwrap_or_default()
            );
            return Err(DataError::setting("training.epochs", expected, found).into());
        }
        Ok([last, self.learner.lr(self.progress.step)])
    }
}

fn name(kind: ScheduleKind) -> String {
    format!("{kind:?}").to_lowercase()
}
