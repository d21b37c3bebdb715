//! How long a rank waits for others and for what they send.

use super::Reduce;
use crate::RunError;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A rank that knows how long its exchanges took.
pub struct Timed {
    rank: Arc<dyn Reduce>,
    nanoseconds: AtomicU64,
}

impl Timed {
    pub fn new(rank: Arc<dyn Reduce>) -> Self {
        Self { rank, nanoseconds: AtomicU64::new(0) }
    }

    /// The time that all exchanges took so far.
    pub fn waited(&self) -> Duration {
        Duration::from_nanos(self.nanoseconds.load(Relaxed))
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
        let start = Instant::now();
        let given = self.rank.swap(parts);
        self.nanoseconds.fetch_add(start.elapsed().as_nanos() as u64, Relaxed);
        given
    }
}
