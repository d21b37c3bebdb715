//! With the feature `threads`: tasks run on the threads of the current rayon pool.

pub(crate) use rayon::prelude;

/// What `work` returns on each thread.
pub(crate) fn on_each<R: Send>(work: impl Fn() -> R + Sync) -> Vec<R> {
    rayon::broadcast(|_| work())
}
