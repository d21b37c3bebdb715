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
        let own = passes_of_rank(passes, ranks.ranks())?;
        Ok(Self { rank: ranks.rank(), step: passes, own })
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

/// How many passes of a step of so many each of so many ranks takes.
///
/// # Errors
/// If they cannot be divided among the ranks.
pub fn passes_of_rank(passes: usize, ranks: usize) -> Result<usize, RunError> {
    if ranks > 0 && passes.is_multiple_of(ranks) {
        return Ok(passes / ranks);
    }
    let expected = format!("a product with accumulate that {ranks} ranks can share");
    let fit = divisors(passes).into_iter().filter(|&ranks| ranks < passes);
    let fit = fit.map(|ranks| format!("{ranks}, ")).collect::<String>();
    let found = match fit.is_empty() {
        true => format!("{passes}, which only {passes} can"),
        false => format!("{passes}, which {fit}or {passes} can"),
    };
    Err(DataError::value("training.shards", expected, found).into())
}

/// The numbers that divide `number`, the smallest first: each up to the root, with its partner above it.
fn divisors(number: usize) -> Vec<usize> {
    let roots = (1..=number.isqrt()).filter(|&divisor| number.is_multiple_of(divisor));
    let mut divisors: Vec<_> = roots.flat_map(|divisor| [divisor, number / divisor]).collect();
    divisors.sort_unstable();
    divisors.dedup();
    divisors
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passes_that_ranks_cannot_share_are_refused_with_the_numbers_that_can() {
        assert_eq!(passes_of_rank(12, 3).unwrap(), 4);
        let refused = |passes, ranks| passes_of_rank(passes, ranks).unwrap_err().to_string();
        for (passes, ranks, says) in [
            (12, 5, "found 12, which 1, 2, 3, 4, 6, or 12 can"),
            (9, 0, "that 0 ranks can share, found 9, which 1, 3, or 9 can"),
            (1, 2, "found 1, which only 1 can"),
            // Told at once.
            (65_536 * 1_000_000, 7, "which 1, 2, 4, 5, 8, "),
        ] {
            let error = refused(passes, ranks);
            assert!(error.contains(says), "{says}: {error}");
        }
    }

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
