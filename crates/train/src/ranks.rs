//! Ranks: who trains one network together, and how each gets what all have found.
//!
//! Every rank has the whole network and takes every step. It finds the contributions of its own batches; the sums are
//! exchanged and joined by the tree of a [`Fold`](mirrorgrad_layers::Fold), so that all ranks move their weights
//! alike, by the bits that one process finds.

mod meeting;
mod message;
#[cfg(feature = "mpi")]
mod mpi;
mod share;
mod sum;
mod threads;
mod timed;

pub(crate) use meeting::{Room, Seat};
pub use message::{check_alike, exchange};
#[cfg(feature = "mpi")]
pub use mpi::{MpiJob, MpiRank};
pub(crate) use share::{Share, passes_of_rank};
pub(crate) use sum::{Found, bucket_ends, buckets, head_bytes, sum, sum_by_buckets};
pub use threads::{ThreadRank, thread_ranks};
pub(crate) use timed::Timed;

use crate::RunError;
use std::sync::atomic::AtomicBool;

/// One of several ranks that train together: all it needs of the others.
///
/// ```
/// # use mirrorgrad_train::{Alone, Reduce};
/// let alone = Alone;
/// assert_eq!((alone.rank(), alone.ranks()), (0, 1));
/// assert_eq!(alone.swap(&[b"mine"])?, [b"mine"]);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
pub trait Reduce: Send + Sync {
    /// Which one this is, counted from 0. The first writes the run's folder.
    fn rank(&self) -> usize;

    /// How many there are.
    fn ranks(&self) -> usize;

    /// Gives every rank its part, `parts[rank]`, and returns what every rank gave this one, in the order of the ranks.
    /// All ranks call it the same number of times.
    ///
    /// # Errors
    /// If a rank is gone.
    fn swap(&self, parts: &[&[u8]]) -> Result<Vec<Vec<u8>>, RunError>;

    /// As [`swap`](Self::swap), beside a thread that computes: while that is `busy`, the core is its own.
    ///
    /// # Errors
    /// If a rank is gone.
    fn swap_beside(&self, parts: &[&[u8]], busy: &AtomicBool) -> Result<Vec<Vec<u8>>, RunError> {
        let _ = busy;
        self.swap(parts)
    }
}

/// What every rank gives to all, in the order of the ranks.
fn gather(ranks: &dyn Reduce, mine: &[u8]) -> Result<Vec<Vec<u8>>, RunError> {
    ranks.swap(&vec![mine; ranks.ranks()])
}

/// How many processes a launcher of MPI (`mpirun`, `srun`) has started together with this one, by the environment that
/// it leaves; `None` if none has.
///
/// ```
/// # use mirrorgrad_train::launched;
/// assert_eq!(launched(), None);
/// ```
pub fn launched() -> Option<usize> {
    let slurm = || std::env::var_os("PMIX_RANK").and_then(|_| number("SLURM_STEP_NUM_TASKS"));
    number("OMPI_COMM_WORLD_SIZE").or_else(|| number("PMI_SIZE")).or_else(slurm)
}

/// Which of them this one is, by the same environment.
#[cfg(feature = "mpi")]
fn launched_rank() -> usize {
    ["OMPI_COMM_WORLD_RANK", "PMI_RANK", "PMIX_RANK"].into_iter().find_map(number).unwrap_or(0)
}

fn number(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}

/// A run of one rank.
///
/// ```
/// # use mirrorgrad_train::{Alone, Reduce};
/// assert_eq!(Alone.ranks(), 1);
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Alone;

impl Reduce for Alone {
    fn rank(&self) -> usize {
        0
    }

    fn ranks(&self) -> usize {
        1
    }

    fn swap(&self, parts: &[&[u8]]) -> Result<Vec<Vec<u8>>, RunError> {
        Ok(parts.iter().map(|part| part.to_vec()).collect())
    }
}
