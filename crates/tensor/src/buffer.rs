//! Where tensors keep their numbers: aligned memory that is used again instead of given back.
//!
//! A training step allocates the same sizes again and again, and a page fresh from the system costs
//! more than the arithmetic done on it. So buffers get memory that stays with the process, from one
//! [`Arena`] for all of them, and a step in its steady state takes nothing from the system.

use crate::machine::arena::{Arena, LINE};
use bytemuck::Pod;
use std::ops::{Deref, DerefMut};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Smaller buffers are left to the system's allocator, which is good at them.
const ARENA_BYTES: usize = 16 << 10;

static ARENA: Mutex<Arena> = Mutex::new(Arena::new());

/// The arena, to oneself. It is consistent between calls, so a panic elsewhere cannot have torn it.
fn arena() -> MutexGuard<'static, Arena> {
    ARENA.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A run of numbers, aligned to 64 bytes, owned by one tensor or one kernel call.
pub struct Buffer<T: Pod> {
    memory: Memory<T>,
    start: usize,
    len: usize,
}

enum Memory<T: Pod> {
    Own(Vec<T>),
    Arena(&'static mut [T]),
}

impl<T: Pod> Buffer<T> {
    /// A buffer whose contents are valid numbers, but any: for a caller that writes them all.
    pub fn scratch(len: usize) -> Self {
        let bytes =
            len.checked_mul(size_of::<T>()).expect("a buffer has an address for every byte");
        if bytes >= ARENA_BYTES {
            let block = arena().allocate(bytes);
            return Self { memory: Memory::Arena(bytemuck::cast_slice_mut(block)), start: 0, len };
        }
        let numbers = vec![T::zeroed(); len + LINE / size_of::<T>()];
        let start = numbers.as_ptr().align_offset(LINE);
        debug_assert!(start + len <= numbers.len(), "the slack covers every alignment");
        Self { memory: Memory::Own(numbers), start, len }
    }

    /// A buffer of `value`s.
    pub fn full(len: usize, value: T) -> Self {
        let mut buffer = Self::scratch(len);
        buffer.fill(value);
        buffer
    }
}

impl<T: Pod> Deref for Buffer<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        let memory = match &self.memory {
            Memory::Own(numbers) => numbers,
            Memory::Arena(numbers) => &**numbers,
        };
        &memory[self.start..self.start + self.len]
    }
}

impl<T: Pod> DerefMut for Buffer<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        let memory = match &mut self.memory {
            Memory::Own(numbers) => numbers,
            Memory::Arena(numbers) => &mut **numbers,
        };
        &mut memory[self.start..self.start + self.len]
    }
}

impl<T: Pod> Drop for Buffer<T> {
    fn drop(&mut self) {
        if let Memory::Arena(numbers) = &mut self.memory {
            arena().release(bytemuck::cast_slice_mut(std::mem::take(numbers)));
        }
    }
}

/// Runs `work`, and tells how many bytes of memory its buffers came to reach, at the worst time: what was held, and
/// the holes between. What other threads come to hold at that time counts too.
///
/// Memory that was reached once is kept for the next buffers, so this is what `work` makes a fresh process grow by;
/// what buffers before it have left is not used. (Without the feature `arena` nothing is kept, and there are no holes.) Buffers under 16 KB, and what is no buffer, are not counted. Of
/// two measurements at one time, in any threads, the first counts what both hold, until one of them ends.
///
/// ```
/// # use mirrorgrad_tensor::{Tensor, peak_bytes};
/// let (total, bytes) = peak_bytes(|| {
///     let x = Tensor::<f32>::ones([1 << 16]);
///     x.map(|v| v + 1.0).sum()
/// });
/// // Both tensors were there at one time, with four bytes a number.
/// assert_eq!((total, bytes), (131_072.0, 2 * 4 * (1 << 16)));
/// ```
pub fn peak_bytes<R>(work: impl FnOnce() -> R) -> (R, usize) {
    let measurement = Measurement { start: arena().start_anew() };
    let result = work();
    let reached = arena().reached(measurement.start);
    (result, reached)
}

/// Ends when it is dropped, also by a panic.
struct Measurement {
    start: usize,
}

impl Drop for Measurement {
    fn drop(&mut self) {
        arena().end_measurement();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_are_aligned_and_as_long_as_asked_for() {
        for len in [0, 1, 3, 1000, 5000, 100_001] {
            for buffer in [Buffer::<f32>::scratch(len), Buffer::full(len, 1.0)] {
                assert_eq!((buffer.as_ptr().addr() % 64, buffer.len()), (0, len));
            }
            assert_eq!(Buffer::<f64>::scratch(len).as_ptr().addr() % 64, 0);
        }
    }
}
