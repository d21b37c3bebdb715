//! The shards of a batch side by side: passes that share the statistics of their batch norms.

use super::learner::{Learner, Prepared, StepError};
use crate::RunError;
use crate::ranks::{Reduce, Room, Share, exchange};
use mirrorgrad_autograd::Meeting;
use mirrorgrad_data::{DataError, Sample};
use mirrorgrad_layers::{Contribution, Fold};
use rayon::{ThreadPool, ThreadPoolBuilder};
use std::ops::Range;
use std::sync::{Arc, PoisonError};
use std::{panic, thread};

impl Learner {
    /// As [`found`](Self::found), batch by batch: all shards of a batch that this rank has are there at a time.
    ///
    /// The gradient through a batch norm is of the sum of what all shards come to. So each weighs in from the start what
    /// it weighs in the end, and all contributions count alike.
    pub(super) fn found_side_by_side(
        &self,
        batches: impl IntoIterator<Item = Result<Vec<Sample>, DataError>>,
        count: usize,
        step: u64,
    ) -> Result<Fold, StepError> {
        let ranks = &*self.ranks;
        let (passes, shards) = (self.config.training.passes(), self.config.training.shards);
        let share = Share::of(ranks, passes)?;
        let (own, spans) = (share.places(count), share.spans(shards)?);
        let prepared = own.clone().zip(batches).map(|(_, samples)| self.prepared(&samples?));
        let prepared = prepared.collect::<Result<Vec<Prepared>, RunError>>();
        let weigh = |all: &Vec<Prepared>| all.iter().map(|one| one.weight).collect::<Vec<_>>();
        let (weights, prepared) = match prepared {
            Ok(prepared) => (Ok(weigh(&prepared)), prepared),
            Err(error) => (Err(error), Vec::new()),
        };
        let total: f64 = exchange(ranks, weights)?.into_iter().flatten().sum();
        let mut prepared = prepared.into_iter();
        let mut fold = Fold::default();
        let first_batch = own.start / shards;
        for batch in first_batch..own.end.div_ceil(shards).max(first_batch + 1) {
            let of_batch = batch * shards..((batch + 1) * shards).min(count);
            let of_rank = |rank: usize| within(&share.places_of(rank, count), &of_batch);
            let own = of_rank(ranks.rank());
            let room = match spans {
                true => Room::among(self.ranks.clone(), (0..ranks.ranks()).map(of_rank).collect()),
                false => Room::alone(own.clone()),
            };
            let work = room.seats().zip(&mut prepared).map(|(seat, prepared)| {
                let number = self.number(step, of_batch.start + seat.place());
                (seat, prepared, number)
            });
            let found = self.in_pools(work.collect(), |(seat, prepared, number)| {
                let share = if total > 0.0 { prepared.weight / total } else { 0.0 };
                let found = self.contribution(prepared, Some(seat), number, share);
                found.map(|found| found.weighing(1.0))
            })?;
            room.close()?;
            for (nth, found) in own.zip(found) {
                fold.add(of_batch.start + nth, found?);
            }
        }
        Ok(fold)
    }

    /// What `run` makes of each piece of work, each on a thread with a pool of its own: shards wait for one another.
    fn in_pools<W: Send>(
        &self,
        work: Vec<W>,
        run: impl Fn(W) -> Result<Contribution, StepError> + Sync,
    ) -> Result<Vec<Result<Contribution, StepError>>, RunError> {
        if work.len() < 2 {
            return Ok(work.into_iter().map(run).collect());
        }
        let (run, pools) = (&run, self.pools(work.len())?);
        Ok(thread::scope(|scope| {
            let start = |(work, pool): (W, &'_ Arc<ThreadPool>)| {
                let pool = Arc::clone(pool);
                scope.spawn(move || pool.install(|| run(work)))
            };
            let threads: Vec<_> = work.into_iter().zip(&pools).map(start).collect();
            let ended = threads.into_iter().map(|thread| thread.join());
            ended.map(|ended| ended.unwrap_or_else(|panic| panic::resume_unwind(panic))).collect()
        }))
    }

    /// So many pools, which share the threads of this one.
    fn pools(&self, count: usize) -> Result<Vec<Arc<ThreadPool>>, RunError> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        if pools.len() < count {
            let threads = (rayon::current_num_threads() / count).max(1);
            let pool = || ThreadPoolBuilder::new().num_threads(threads).build().map(Arc::new);
            let all: Result<Vec<_>, _> = std::iter::repeat_with(pool).take(count).collect();
            let rank = self.ranks.rank();
            let unstarted = |error| format!("the threads of its shards cannot be started: {error}");
            *pools = all.map_err(|error| RunError::Rank { rank, what: unstarted(error) })?;
        }
        Ok(pools[..count].to_vec())
    }
}

/// What `places` have of `batch`, counted from its first.
fn within(places: &Range<usize>, batch: &Range<usize>) -> Range<usize> {
    let [start, end] = [places.start, places.end].map(|at| at.clamp(batch.start, batch.end));
    start - batch.start..end - batch.start
}
