//! Ranks: who trains one network together, and how each gets what all have found.
//!
//! Every rank has the whole network and takes every step. It finds the contributions of its own batches; the sums are
//! exchanged and joined by the tree of a [`Fold`](mirrorgrad_layers::Fold), so that all ranks move their weights
//! alike, by the bits that one process finds.

mod message;
mod share;
mod threads;

pub(crate) use message::{SentSubtotal, exchange};
pub(crate) use share::Share;
pub use threads::{ThreadRank, thread_ranks};

use crate::RunError;

/// One of several ranks that train together: all it needs of the others.
///
/// ```
/// # use mirrorgrad_train::{Alone, Reduce};
/// let alone = Alone;
/// assert_eq!((alone.rank(), alone.ranks()), (0, 1));
/// assert_eq!(alone.gather(b"mine".to_vec())?, [b"mine"]);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
pub trait Reduce: Send + Sync {
    /// Which one this is, counted from 0. The first writes the run's folder.
    fn rank(&self) -> usize;

    /// How many there are.
    fn ranks(&self) -> usize;

    /// What every rank gives, in the order of the ranks. Returns when all have given.
    ///
    /// # Errors
    /// If a rank is gone.
    fn gather(&self, mine: Vec<u8>) -> Result<Vec<Vec<u8>>, RunError>;
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

    fn gather(&self, mine: Vec<u8>) -> Result<Vec<Vec<u8>>, RunError> {
        Ok(vec![mine])
    }
}
