//! Which batches of a step, and of a validation set, a rank finds.

use super::Reduce;
use crate::RunError;
use mirrorgrad_data::DataError;
use std::ops::Range;

/// What one rank does of each step: as many batches as every other, next to each other.
#[derive(Clone, Copy, Debug)]
pub struct Share {
    rank: usize,
    /// Passes of a step, of all ranks.
    step: usize,
    /// Passes of a step, of one rank.
    own: usize,
}

impl Share {
    /// Of steps of so many passes.
    ///
    /// # Errors
    /// If they cannot be divided among the ranks.
    pub fn of(ranks: &dyn Reduce, passes: usize) -> Result<Self, RunError> {
        let count = ranks.ranks();
        if !passes.is_multiple_of(count) {
            let fit = (1..passes).filter(|ranks| passes.is_multiple_of(*ranks));
            let fit = fit.map(|ranks| format!("{ranks}, ")).collect::<String>();
            let expected = format!("a product with accumulate that {count} ranks can share");
            let found = format!("{passes}, which {fit}or {passes} can");
            return Err(DataError::value("training.shards", expected, found).into());
        }
        Ok(Self { rank: ranks.rank(), step: passes, own: passes / count })
    }

    /// The places in a step of `count` batches; the last step of an epoch may have fewer, and ranks without any.
    pub fn places(&self, count: usize) -> Range<usize> {
        self.places_of(self.rank, count)
    }

    /// The [`places`](Self::places) of another rank.
    pub fn places_of(&self, rank: usize, count: usize) -> Range<usize> {
        let first = rank * self.own;
        first.min(count)..(first + self.own).min(count)
    }

    /// Whether the shards of a batch, so many, are those of several ranks.
    ///
    /// # Errors
    /// If they are of some, but no rank has shards of one batch alone.
    pub fn spans(&self, shards: usize) -> Result<bool, RunError> {
        let own = self.own;
        if !own.is_multiple_of(shards) && !shards.is_multiple_of(own) {
            let expected = format!(
                "with sync_batch_norm a divisor or a multiple of {own}, the passes of a rank"
            );
            return Err(DataError::value("training.shards", expected, shards).into());
        }
        Ok(own < shards)
    }

    /// The numbers of the batches in an epoch of so many, from the step that begins with `first` on.
    pub fn numbers(self, first: usize, batches: usize) -> impl Iterator<Item = usize> {
        let starts = (first..batches).step_by(self.step);
        starts.flat_map(move |start| {
            self.places(self.step.min(batches - start)).map(move |place| start + place)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_batch_of_every_step_belongs_to_one_rank() {
        for (ranks, accumulate, batches) in
            [(1, 1, 5), (2, 4, 11), (3, 6, 13), (4, 4, 9), (4, 8, 3)]
        {
            let shares =
                (0..ranks).map(|rank| Share { rank, step: accumulate, own: accumulate / ranks });
            let mut numbers: Vec<_> = shares.flat_map(|share| share.numbers(0, batches)).collect();
            numbers.sort_unstable();
            assert_eq!(numbers, (0..batches).collect::<Vec<_>>());
        }
    }

    #[test]
    fn a_rank_has_neighbouring_places_and_from_a_step_on_the_same() {
        let share = Share { rank: 1, step: 4, own: 2 };
        assert_eq!(share.places(4), 2..4);
        assert_eq!((share.places(3), share.places(1)), (2..3, 1..1));
        assert_eq!(share.numbers(4, 11).collect::<Vec<_>>(), [6, 7, 10]);
    }
}
