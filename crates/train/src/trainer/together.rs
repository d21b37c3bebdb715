//! A run that several ranks make together.

use super::Trainer;
use crate::ranks::{Share, Timed, check_alike, exchange};
use crate::{Checkpoint, Reduce, RunError, RunFolder};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Steps after which ranks compare their weights.
const COMPARED_EVERY: u64 = 100;

impl Trainer {
    /// The run that rank 0 makes, as one of several ranks, which together take the steps that one takes, to the same
    /// bits: of the batches of a step each finds its share, and reads no others. The first rank writes the run's
    /// folder; what one wants (to stop) or fails with, all do. `dir` is where this rank has the pictures, if elsewhere.
    ///
    /// ```
    /// # use mirrorgrad_train::{Config, RunError, RunFolder, Trainer, thread_ranks};
    /// # use std::sync::Arc;
    /// # let mut config = Config::default();
    /// # config.model.widths = vec![2];
    /// # (config.training.epochs, config.training.batch) = (1, 1);
    /// # config.training.limit_batches = Some(4);
    /// config.training.accumulate = 2;
    /// let run = |rank| {
    ///     let dir = tempfile::tempdir().unwrap();
    ///     let mut trainer = Trainer::among(Arc::new(rank), None, || Trainer::new(config.clone()))?;
    ///     trainer.run(&RunFolder::create(dir.path())?, &mut ())?;
    ///     Ok::<_, RunError>(trainer.history()[0].weights_hash.clone())
    /// };
    /// let [first, second] = &std::thread::scope(|scope| {
    ///     let threads = thread_ranks(2).into_iter().map(|rank| scope.spawn(|| run(rank)));
    ///     threads.collect::<Vec<_>>().into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
    /// })[..] else { panic!("two ranks") };
    /// assert_eq!(first.as_ref().unwrap(), second.as_ref().unwrap());
    /// ```
    ///
    /// # Errors
    /// What rank 0 fails to make the run with; or if the batches of a step cannot be divided among the ranks, or a rank
    /// runs another version, has other pictures, or is gone.
    pub fn among<E: From<RunError> + ToString>(
        ranks: Arc<dyn Reduce>,
        dir: Option<PathBuf>,
        make: impl FnOnce() -> Result<Self, E>,
    ) -> Result<Self, E> {
        if ranks.ranks() == 1 {
            return make();
        }
        check_alike(&*ranks, "version", env!("CARGO_PKG_VERSION"))?;
        let mut made = None;
        let state = match ranks.rank() {
            0 => make().and_then(|trainer| {
                let state = trainer.state()?;
                made = Some(trainer);
                Ok(state)
            }),
            _ => Ok(Vec::new()),
        };
        let states = exchange(&*ranks, state)?;
        let joined = made.map_or_else(|| Self::of_state(&states[0], dir), Ok);
        drop(states);
        let mut trainer = None;
        let joined = joined.and_then(|mut joined| {
            let training = &joined.config.training;
            let share = Share::of(&*ranks, training.passes())?;
            if training.sync_batch_norm {
                share.spans(training.shards)?;
            }
            joined.learner.ranks = Arc::new(Timed::new(Arc::clone(&ranks)));
            trainer = Some(joined);
            Ok(())
        });
        exchange(&*ranks, joined)?;
        Ok(trainer.expect("a rank without one has failed"))
    }

    /// All that another rank needs to be where this one is.
    fn state(&self) -> Result<Vec<u8>, RunError> {
        let what = |what: String| RunError::Rank { rank: 0, what };
        self.checkpoint()?.to_bytes().map_err(what)
    }

    /// As a rank that has sent its state; the pictures are in `dir`, or where that rank has them.
    fn of_state(state: &[u8], dir: Option<PathBuf>) -> Result<Self, RunError> {
        let unread = |what: String| RunError::Rank { rank: 0, what };
        let mut checkpoint = Checkpoint::from_bytes(state).map_err(unread)?;
        if dir.is_some() {
            checkpoint.config.data.dir = dir;
        }
        Self::resume(checkpoint)
    }

    /// Lets the first rank write; all go on when it has.
    pub(super) fn write(
        &self,
        write: impl FnOnce() -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let ranks = &*self.learner.ranks;
        let written = if ranks.rank() == 0 { write() } else { Ok(()) };
        exchange(ranks, written).map(drop)
    }

    pub(super) fn write_last(&self, folder: &RunFolder) -> Result<(), RunError> {
        self.write(|| folder.write_last(&self.checkpoint()?))
    }

    /// Whether all are asked to stop: whoever of them is.
    pub(super) fn stops(&self, wanted: bool) -> Result<bool, RunError> {
        Ok(exchange(&*self.learner.ranks, Ok::<_, RunError>(wanted))?.contains(&true))
    }

    /// Seconds that each of several ranks has waited since it had waited this long; of one, nothing.
    pub(super) fn waited_since(&self, before: Duration) -> Result<Vec<f64>, RunError> {
        let ranks = &*self.learner.ranks;
        let own = (ranks.waited() - before).as_secs_f64();
        if ranks.ranks() == 1 { Ok(Vec::new()) } else { exchange(ranks, Ok(own)) }
    }

    /// Every so many steps, refuses to go on where a rank has come to other weights than the first.
    pub(super) fn compare_weights(&self) -> Result<(), RunError> {
        let ranks = &*self.learner.ranks;
        if ranks.ranks() == 1 || !self.progress.step.is_multiple_of(COMPARED_EVERY) {
            return Ok(());
        }
        let kind = format!("weights after step {}", self.progress.step);
        check_alike(ranks, &kind, &self.weights_hash())
    }
}
