//! The arena without the feature `arena`: each block comes from the system's allocator and goes back to it.

use super::allocator::out_of_memory;
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::collections::BTreeMap;
use std::slice;

/// Blocks begin at multiples of this many bytes: a cache line, and the widest registers.
pub(crate) const LINE: usize = 64;

/// What is allocated, and what measurements have seen of it.
#[derive(Debug)]
pub(crate) struct Arena {
    /// The blocks by address.
    allocated: BTreeMap<usize, Block>,
    /// Since the last time that nothing was measured.
    measurements: Vec<Measurement>,
    running: usize,
}

#[derive(Debug)]
struct Block {
    bytes: usize,
    /// Measurements that had begun: those count it.
    begun: usize,
}

#[derive(Debug, Default)]
struct Measurement {
    held: usize,
    most: usize,
}

impl Arena {
    pub(crate) const fn new() -> Self {
        Self { allocated: BTreeMap::new(), measurements: Vec::new(), running: 0 }
    }

    /// At least so many bytes, at a multiple of [`LINE`], all zeros.
    pub(crate) fn allocate(&mut self, bytes: usize) -> &'static mut [u8] {
        assert!(bytes > 0, "a buffer of no bytes needs no memory");
        let bytes = bytes.checked_next_multiple_of(LINE).expect("bytes have addresses");
        // SAFETY: the layout has a size above 0.
        let start = unsafe { alloc_zeroed(layout(bytes)) };
        if start.is_null() {
            out_of_memory(bytes);
        }
        self.allocated.insert(start.addr(), Block { bytes, begun: self.measurements.len() });
        for measurement in &mut self.measurements {
            measurement.held += bytes;
            measurement.most = measurement.most.max(measurement.held);
        }
        // SAFETY: the allocation has so many bytes, which are zeros, and nobody else has them until they are taken back.
        unsafe { slice::from_raw_parts_mut(start, bytes) }
    }

    /// Takes back what was allocated.
    ///
    /// # Panics
    /// If it was not.
    pub(crate) fn release(&mut self, block: &'static mut [u8]) {
        let (start, bytes) = (block.as_mut_ptr(), block.len());
        let allocated =
            self.allocated.remove(&start.addr()).filter(|allocated| allocated.bytes == bytes);
        let allocated = allocated.expect("a block comes back as it was allocated");
        for measurement in self.measurements.iter_mut().take(allocated.begun) {
            measurement.held -= bytes;
        }
        // SAFETY: it was allocated with this layout, was handed out since, and its only reference ends here.
        unsafe { dealloc(start, layout(bytes)) }
    }

    /// Begins a measurement, of what is allocated from now on, and returns its number.
    pub(crate) fn start_anew(&mut self) -> usize {
        self.measurements.push(Measurement::default());
        self.running += 1;
        self.measurements.len() - 1
    }

    /// The bytes that were held at the worst time since measurement number `start` began.
    pub(crate) fn reached(&self, start: usize) -> usize {
        self.measurements[start].most
    }

    /// Ends a measurement.
    pub(crate) fn end_measurement(&mut self) {
        self.running -= 1;
        if self.running == 0 {
            self.measurements.clear();
            self.allocated.values_mut().for_each(|block| block.begun = 0);
        }
    }
}

/// Of a block.
fn layout(bytes: usize) -> Layout {
    Layout::from_size_align(bytes, LINE).unwrap_or_else(|_| out_of_memory(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_and_apart() {
        let mut arena = Arena::new();
        let allocated = [1, 64, 1000, 100_000].map(|bytes| arena.allocate(bytes));
        for (i, block) in allocated.into_iter().enumerate() {
            assert_eq!(block.as_ptr().addr() % LINE, 0);
            assert!(block.iter().all(|&byte| byte == 0), "someone else wrote here");
            block.fill(i as u8 + 1);
            arena.release(block);
        }
        assert!(arena.allocated.is_empty());
    }

    #[test]
    fn a_measurement_counts_what_was_allocated_since_it_began() {
        let mut arena = Arena::new();
        let before = arena.allocate(640);
        let first = arena.start_anew();
        let [one, two] = [6400, 64].map(|bytes| arena.allocate(bytes));
        arena.release(before);
        arena.release(one);
        let second = arena.start_anew();
        let three = arena.allocate(128);
        assert_eq!((arena.reached(first), arena.reached(second)), (6464, 128));
        arena.end_measurement();
        arena.end_measurement();
        [two, three].into_iter().for_each(|block| arena.release(block));
        let third = arena.start_anew();
        assert_eq!(arena.reached(third), 0);
        arena.end_measurement();
    }

    #[test]
    #[should_panic(expected = "a block comes back as it was allocated")]
    fn what_was_not_allocated_is_not_released() {
        Arena::new().release(Box::leak(vec![0; 64].into_boxed_slice()));
    }
}
