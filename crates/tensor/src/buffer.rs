//! Where tensors keep their numbers: aligned memory that is used again instead of given back.
//!
//! A training step allocates the same sizes again and again, and a page fresh from the system costs
//! more than the arithmetic done on it. So a dropped buffer goes to a free list, from which the next
//! that is not much smaller is served. What is used and what is free are together never more than what has been
//! in use at one time, and a little for scratch, of which every kernel has sizes of its own.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut, RangeInclusive};
use std::sync::{Mutex, PoisonError};

/// Cache lines and the widest vector registers are this many bytes long.
const ALIGNMENT: usize = 64;

/// Smaller buffers are left to the system's allocator, which is good at them.
const POOLED_BYTES: usize = 16 << 10;

/// Free numbers that are kept beyond what has been in use at one time.
const SPARE: usize = 2 << 20;

/// Bytes of single precision that a process keeps free beyond what has been in use at one time.
pub const SPARE_BYTES: usize = SPARE * size_of::<f32>();

/// How many times as large as asked for the memory may be that a buffer takes rather than new memory. With
/// four, a training step in its steady state takes none from the system; with two, a third of its bytes.
const ROOMIER: usize = 4;

/// Something that buffers hold: plain numbers, of which any bits are one.
pub trait Pooled: Copy + Default + Send + Sync + 'static {
    /// The memory that buffers of this type come from and return to.
    #[doc(hidden)]
    fn free_list() -> &'static FreeList<Self>;
}

macro_rules! pooled {
    ($($number:ty),*) => {$(
        impl Pooled for $number {
            fn free_list() -> &'static FreeList<Self> {
                static LIST: FreeList<$number> = FreeList::new();
                &LIST
            }
        }
    )*};
}

pooled!(f32, f64, u32);

/// A run of numbers, aligned to 64 bytes, owned by one tensor or one kernel call.
pub struct Buffer<T: Pooled> {
    memory: Vec<T>,
    start: usize,
    len: usize,
}

impl<T: Pooled> Buffer<T> {
    /// A buffer whose contents are valid numbers, but any: for a caller that writes them all.
    pub fn scratch(len: usize) -> Self {
        let size = len + ALIGNMENT / size_of::<T>();
        let memory = T::free_list().take(size).unwrap_or_else(|| vec![T::default(); size]);
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        debug_assert!(start + len <= memory.len(), "the slack covers every alignment");
        Self { memory, start, len }
    }

    /// A buffer of `value`s.
    pub fn full(len: usize, value: T) -> Self {
        let mut buffer = Self::scratch(len);
        buffer.fill(value);
        buffer
    }
}

impl<T: Pooled> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl<T: Pooled> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

impl<T: Pooled> Drop for Buffer<T> {
    fn drop(&mut self) {
        T::free_list().give(std::mem::take(&mut self.memory));
    }
}

/// Runs `work`, and tells how many bytes all buffers came to hold while it ran, at the worst time for each
/// type of number, beyond what they held before. What other threads hold at that time counts too.
///
/// Memory that was in use at one time is kept for the next, so this is what `work` makes a process grow by,
/// and [`SPARE_BYTES`].
/// Buffers under 16 KB, and what is no buffer, are not counted.
pub fn peak_bytes<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let restart =
        [f32::free_list().restart(), f64::free_list().restart(), u32::free_list().restart()];
    let result = work();
    let most = [f32::free_list().most(), f64::free_list().most(), u32::free_list().most()];
    (result, most.iter().zip(restart).map(|(most, before)| most.saturating_sub(before)).sum())
}

/// Dropped buffers, by size. Sizes are in elements.
#[derive(Debug)]
pub struct FreeList<T>(Mutex<Shelves<T>>);

#[derive(Debug)]
struct Shelves<T> {
    /// No shelf is empty.
    by_size: BTreeMap<usize, Vec<Vec<T>>>,
    free: usize,
    used: usize,
    most_used: usize,
}

impl<T: Pooled> FreeList<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Shelves { by_size: BTreeMap::new(), free: 0, used: 0, most_used: 0 }))
    }

    /// The bytes in use, which are the most in use from now on.
    fn restart(&self) -> usize {
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.most_used = shelves.used;
        shelves.used * size_of::<T>()
    }

    /// The most bytes that were in use at one time.
    fn most(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).most_used * size_of::<T>()
    }

    fn pools(size: usize) -> bool {
        size * size_of::<T>() >= POOLED_BYTES
    }

    /// Memory of `size` elements or some more. `None` if there is none: then the caller makes it, of
    /// just this size.
    fn take(&self, size: usize) -> Option<Vec<T>> {
        if !Self::pools(size) {
            return None;
        }
        // The shelves are consistent between statements, so a panic elsewhere cannot have torn them.
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let found = shelves.take(size..=ROOMIER * size);
        shelves.used += found.as_ref().map_or(size, Vec::len);
        shelves.most_used = shelves.most_used.max(shelves.used);
        let surplus = if found.is_none() { shelves.trim() } else { Vec::new() };
        drop(shelves);
        drop(surplus); // Returning memory to the system is slow: not under the lock.
        found
    }

    fn give(&self, memory: Vec<T>) {
        let size = memory.len();
        if !Self::pools(size) {
            return;
        }
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.used -= size;
        shelves.free += size;
        shelves.by_size.entry(size).or_default().push(memory);
    }
}

impl<T> Shelves<T> {
    /// Takes the smallest free buffer whose size is among those.
    fn take(&mut self, sizes: RangeInclusive<usize>) -> Option<Vec<T>> {
        let size = *self.by_size.range(sizes).next()?.0;
        self.take_from(size)
    }

    fn take_from(&mut self, size: usize) -> Option<Vec<T>> {
        let shelf = self.by_size.get_mut(&size)?;
        let memory = shelf.pop();
        if shelf.is_empty() {
            self.by_size.remove(&size);
        }
        self.free -= size;
        memory
    }

    /// Takes out the largest free buffers until what is used and what is free together are no more
    /// than what was once in use, and [`SPARE`].
    fn trim(&mut self) -> Vec<Vec<T>> {
        let mut surplus = Vec::new();
        while self.used + self.free > self.most_used + SPARE {
            let Some((&largest, _)) = self.by_size.last_key_value() else { break };
            surplus.extend(self.take_from(largest));
        }
        surplus
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned() {
        for len in [1, 3, 1000, 5000, 100_000] {
            assert_eq!(Buffer::<f32>::scratch(len).as_ptr() as usize % ALIGNMENT, 0);
            assert_eq!(Buffer::<f64>::scratch(len).as_ptr() as usize % ALIGNMENT, 0);
        }
    }

    #[test]
    fn a_dropped_buffer_serves_the_next_that_is_not_much_smaller() {
        let list = FreeList::<f64>::new();
        list.give(list.take(50_000).unwrap_or_else(|| vec![0.0; 50_000]));
        assert_eq!(list.take(50_001), None);
        assert_eq!(list.take(12_499), None);
        assert_eq!(list.take(12_500).map(|memory| memory.len()), Some(50_000));
        assert_eq!(list.take(12_500), None, "it has been taken");
    }

    #[test]
    fn free_memory_never_exceeds_what_was_in_use_by_much() {
        let list = FreeList::<f32>::new();
        let lens = [1, 2, 3, 4].map(|millions| millions * SPARE);
        for len in lens {
            list.give(list.take(len).unwrap_or_else(|| vec![0.0; len]));
        }
        let shelves = list.0.lock().unwrap();
        assert_eq!(shelves.used, 0);
        assert_eq!(shelves.most_used, 4 * SPARE);
        assert!(shelves.free <= shelves.most_used + SPARE, "{shelves:?}");
    }
}
