//! How long a rank waits for others and for what they send.

use super::Reduce;
use crate::RunError;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A rank that knows how long it has waited.
pub struct Timed {
    rank: Arc<dyn Reduce>,
    nanoseconds: AtomicU64,
}

impl Timed {
    pub fn new(rank: Arc<dyn Reduce>) -> Self {
        Self { rank, nanoseconds: AtomicU64::new(0) }
    }

    /// The time that it has waited so far.
    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Relaxed))
    }

    /// Waits for what another thread exchanges.
    pub fn wait<R>(&self, wait: impl FnOnce() -> R) -> R {
        let start = Instant::now();
        let came = wait();
        self.nanoseconds.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
        came
    }

    /// The same rank, for a thread beside one that computes while it is `busy`: what it exchanges meanwhile, nobody waits
    /// for.
    pub fn beside<'a>(&'a self, busy: &'a AtomicBool) -> Beside<'a> {
        Beside { rank: &*self.rank, busy }
    }
}

/// A rank on a thread beside the one that computes.
pub struct Beside<'a> {
    rank: &'a dyn Reduce,
    busy: &'a AtomicBool,
}

impl Reduce for Beside<'_> {
    fn rank(&self) -> usize {
        self.rank.rank()
    }

    fn ranks(&self) -> usize {
        self.rank.ranks()
    }

    fn swap(&self, parts: &[&[u8]]) -> Result<Vec<Vec<u8>>, RunError> {
        self.rank.swap_beside(parts, self.busy)
    }
}

impl Reduce for Timed {
    fn rank(&self) -> usize {
        self.rank.rank()
    }

    fn ranks(&self) -> usize {
        self.rank.ranks()
    }

    fn swap(&self, parts: &[&[u8]]) -> Result<Vec<Vec<u8>>, RunError> {
        self.wait(|| self.rank.swap(parts))
    }
}
