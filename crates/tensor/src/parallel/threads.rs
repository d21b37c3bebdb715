//! With the feature `threads`: tasks run on the threads of the current rayon pool.

pub(crate) mod prelude {
    use crate::parallel::GRAIN;
    pub(crate) use rayon::prelude::*;

    pub(crate) trait Sharing: IndexedParallelIterator {
        /// These tasks, as many on a thread at a time as are worth the hand-over: all of them are as much work as
        /// writing `work` numbers. Little work stays on the caller's thread.
        fn sharing(self, work: usize) -> impl IndexedParallelIterator<Item = Self::Item> {
            let least = self.len().saturating_mul(GRAIN).div_ceil(work.max(1));
            self.with_min_len(least)
        }
    }

    impl<I: IndexedParallelIterator> Sharing for I {}
}

/// What `work` returns on each thread.
pub(crate) fn on_each<R: Send>(work: impl Fn() -> R + Sync) -> Vec<R> {
    rayon::broadcast(|_| work())
}
