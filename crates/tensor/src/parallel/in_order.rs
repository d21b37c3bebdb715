//! Without the feature `threads`: the same tasks run one after the other, in their order.

/// What `rayon::prelude` has of what is used here, by the standard library's iterators.
pub(crate) mod prelude {
    use std::slice::{ChunksExactMut, ChunksMut};

    pub(crate) trait IntoParallelIterator: IntoIterator + Sized {
        fn into_par_iter(self) -> Self::IntoIter {
            self.into_iter()
        }
    }

    impl<I: IntoIterator> IntoParallelIterator for I {}

    pub(crate) trait Sharing: Iterator + Sized {
        fn sharing(self, _work: usize) -> Self {
            self
        }
    }

    impl<I: Iterator> Sharing for I {}

    pub(crate) trait ParallelSlice<T> {
        fn par_iter(&self) -> std::slice::Iter<'_, T>;
    }

    impl<T> ParallelSlice<T> for [T] {
        fn par_iter(&self) -> std::slice::Iter<'_, T> {
            self.iter()
        }
    }

    pub(crate) trait ParallelSliceMut<T> {
        fn par_chunks_mut(&mut self, size: usize) -> ChunksMut<'_, T>;
        fn par_chunks_exact_mut(&mut self, size: usize) -> ChunksExactMut<'_, T>;
    }

    impl<T> ParallelSliceMut<T> for [T] {
        fn par_chunks_mut(&mut self, size: usize) -> ChunksMut<'_, T> {
            self.chunks_mut(size)
        }

        fn par_chunks_exact_mut(&mut self, size: usize) -> ChunksExactMut<'_, T> {
            self.chunks_exact_mut(size)
        }
    }
}

/// What `work` returns on each thread: on the caller's.
pub(crate) fn on_each<R: Send>(work: impl Fn() -> R + Sync) -> Vec<R> {
    vec![work()]
}
