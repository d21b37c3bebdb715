//! Writing past the caches.

use super::isa::Routine;
use super::lanes::Lanes;
use crate::Element;

/// Tensors of so many bytes do not stay in a cache until they are read.
const LARGE: usize = 16 << 20;

/// Whether it is better to write a tensor of `len` numbers past the caches: its lines need not be read
/// before they are written, and what else is in the caches stays.
pub(crate) fn is_large<T>(len: usize) -> bool {
    len * size_of::<T>() >= LARGE
}

/// Copies `from`, which is in a cache, to `to`, which is not and will not be.
///
/// # Panics
/// If the lengths differ.
pub(crate) fn copy_past_caches<T: Element>(from: &[T], to: &mut [T]) {
    assert_eq!(from.len(), to.len(), "stream: lengths that match");
    T::dispatch(Copy { from, to });
}

struct Copy<'a, T> {
    from: &'a [T],
    to: &'a mut [T],
}

impl<T: Element> Routine<T> for Copy<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        // Only whole, aligned registers can be written past the caches.
        let head = self.to.as_ptr().align_offset(L::COUNT * size_of::<T>()).min(self.to.len());
        let whole = (self.to.len() - head) / L::COUNT * L::COUNT;
        self.to[..head].copy_from_slice(&self.from[..head]);
        self.to[head + whole..].copy_from_slice(&self.from[head + whole..]);
        let (from, to) = (&self.from[head..][..whole], &mut self.to[head..][..whole]);
        for at in (0..whole).step_by(L::COUNT) {
            // SAFETY: `at + COUNT` is at most `whole`, the length of both, and `to` begins aligned.
            unsafe { lanes.stream(to.as_mut_ptr().add(at), lanes.load(from.as_ptr().add(at))) };
        }
        lanes.fence();
    }
}
