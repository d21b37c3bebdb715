//! Where tensors keep their numbers: aligned memory that is used again instead of given back.
//!
//! A training step allocates the same sizes again and again, and a page fresh from the system costs
//! more than the arithmetic done on it. So a dropped buffer goes to a free list of exact sizes. What is
//! used and what is free are together never more than what has been in use at one time, and a little
//! for scratch, of which every kernel has sizes of its own.

use std::collections::BTreeMap;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, PoisonError};

/// Cache lines and the widest vector registers are this many bytes long.
const ALIGNMENT: usize = 64;

/// Smaller buffers are left to the system's allocator, which is good at them.
const POOLED_BYTES: usize = 16 << 10;

/// Free numbers that are kept beyond what has been in use at one time.
const SPARE: usize = 1 << 20;

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
        match T::free_list().take(len) {
            Some(memory) => Self::aligned(memory, len),
            None => Self::aligned(vec![T::default(); len + ALIGNMENT / size_of::<T>()], len),
        }
    }

    /// A buffer of `value`s.
    pub fn full(len: usize, value: T) -> Self {
        let mut buffer = Self::scratch(len);
        buffer.fill(value);
        buffer
    }

    fn aligned(memory: Vec<T>, len: usize) -> Self {
        let start = memory.as_ptr().align_offset(ALIGNMENT);
        debug_assert!(start + len <= memory.len(), "the slack covers every alignment");
        Self { memory, start, len }
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
        T::free_list().give(std::mem::take(&mut self.memory), self.len);
    }
}

/// Dropped buffers, by length. `size`s are in elements.
#[derive(Debug)]
pub struct FreeList<T>(Mutex<Shelves<T>>);

#[derive(Debug)]
struct Shelves<T> {
    by_len: BTreeMap<usize, Vec<Vec<T>>>,
    free: usize,
    used: usize,
    most_used: usize,
}

impl<T: Pooled> FreeList<T> {
    pub(crate) const fn new() -> Self {
        Self(Mutex::new(Shelves { by_len: BTreeMap::new(), free: 0, used: 0, most_used: 0 }))
    }

    fn pools(len: usize) -> bool {
        len * size_of::<T>() >= POOLED_BYTES
    }

    fn take(&self, len: usize) -> Option<Vec<T>> {
        if !Self::pools(len) {
            return None;
        }
        // The shelves are consistent between statements, so a panic elsewhere cannot have torn them.
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.used += len;
        shelves.most_used = shelves.most_used.max(shelves.used);
        let found = shelves.by_len.get_mut(&len).and_then(Vec::pop);
        let surplus = match found {
            Some(_) => {
                shelves.free -= len;
                Vec::new()
            }
            None => shelves.trim(),
        };
        drop(shelves);
        drop(surplus); // Returning memory to the system is slow: not under the lock.
        found
    }

    fn give(&self, memory: Vec<T>, len: usize) {
        if !Self::pools(len) {
            return;
        }
        let mut shelves = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        shelves.used -= len;
        shelves.free += len;
        shelves.by_len.entry(len).or_default().push(memory);
    }
}

impl<T> Shelves<T> {
    /// Takes out the largest free buffers until what is used and what is free together are no more
    /// than what was once in use, and [`SPARE`].
    fn trim(&mut self) -> Vec<Vec<T>> {
        let mut surplus = Vec::new();
        while self.used + self.free > self.most_used + SPARE {
            let Some(mut shelf) = self.by_len.last_entry() else { break };
            match shelf.get_mut().pop() {
                Some(memory) => {
                    self.free -= shelf.key();
                    surplus.push(memory);
                }
                None => drop(shelf.remove()),
            }
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
    fn a_dropped_buffer_serves_the_next_of_its_size() {
        // A size that no other test uses, since the list is shared.
        let first = Buffer::<f64>::full(77_777, 1.0);
        let place = first.as_ptr();
        drop(first);
        assert_eq!(Buffer::<f64>::scratch(77_777).as_ptr(), place);
    }

    #[test]
    fn free_memory_never_exceeds_what_was_in_use_by_much() {
        let list = FreeList::<f32>::new();
        let lens = [1, 2, 3, 4].map(|millions| millions * SPARE);
        for len in lens {
            let memory = list.take(len).unwrap_or_default(); // The list never looks inside.
            list.give(memory, len);
        }
        let shelves = list.0.lock().unwrap();
        assert_eq!(shelves.used, 0);
        assert_eq!(shelves.most_used, 4 * SPARE);
        assert!(shelves.free <= shelves.most_used + SPARE, "{shelves:?}");
    }
}
