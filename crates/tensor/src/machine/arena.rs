//! Memory that is taken from the system in large chunks, and handed out in blocks.
//!
//! Blocks that come back and touch become one again, so a block of any size can be made of what
//! other sizes have left. Of those that are large enough, the first is allocated: the end of a chunk is reached
//! only when nothing before it is free, and pages that were never reached are none that the process holds.

use super::allocator::out_of_memory;
use memmap2::{MmapMut, MmapRaw};
use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::slice;

/// Blocks begin and end at multiples of this many bytes: a cache line, and the widest registers.
pub(crate) const LINE: usize = 64;

/// The bytes of a chunk, at least. Few large chunks leave fewer unused ends than many small ones.
const CHUNK: usize = 64 << 20;

/// What is allocated and what is free. Nothing goes back to the system.
#[derive(Debug)]
pub(crate) struct Arena {
    chunks: Vec<Chunk>,
    /// The first chunk of which is allocated; those before it wait until a measurement is over.
    first: usize,
}

#[derive(Debug)]
struct Chunk {
    /// Never unmapped: its blocks are allocated for as long as the program runs. Raw, since nobody may refer to
    /// all of it while parts are allocated.
    map: ManuallyDrop<MmapRaw>,
    /// Where free blocks begin, counted from the start, and their bytes. No two touch.
    free: BTreeMap<usize, usize>,
    /// Bytes from the start to the end of the last block that was ever allocated.
    reached: usize,
}

impl Arena {
    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new(), first: 0 }
    }

    /// At least so many bytes, at a multiple of [`LINE`]: zeros, or whatever the last owner left there.
    pub(crate) fn allocate(&mut self, bytes: usize) -> &'static mut [u8] {
        let bytes = bytes.checked_next_multiple_of(LINE).expect("bytes have addresses");
        let mut open = self.chunks[self.first..].iter_mut();
        if let Some(block) = open.find_map(|chunk| chunk.allocate(bytes)) {
            return block;
        }
        // As much again as there is: chunks stay few.
        let roomy =
            self.chunks[self.first..].iter().map(|chunk| chunk.map.len()).sum::<usize>().max(CHUNK);
        let mut chunk = Chunk::of(roomy.max(bytes)).or_else(|| Chunk::of(bytes));
        let block = chunk.as_mut().and_then(|chunk| chunk.allocate(bytes));
        self.chunks.extend(chunk);
        block.unwrap_or_else(|| out_of_memory(bytes))
    }

    /// Takes back what was allocated.
    ///
    /// # Panics
    /// If it was not.
    pub(crate) fn release(&mut self, block: &'static mut [u8]) {
        let chunk = self.chunks.iter_mut().find_map(|chunk| Some((chunk.place(block)?, chunk)));
        let (start, chunk) = chunk.expect("a block comes back to where it is from");
        chunk.release(start, block.len());
    }

    /// From now on allocates from new chunks alone, as if nothing had been allocated before. Returns where they begin.
    pub(crate) fn start_anew(&mut self) -> usize {
        self.first = self.chunks.len();
        self.first
    }

    /// The bytes that were reached in the chunks from `start` on: what was allocated, and the holes between. The system
    /// has given as many, for its pages are its own until they are written to.
    pub(crate) fn reached(&self, start: usize) -> usize {
        self.chunks[start..].iter().map(|chunk| chunk.reached).sum()
    }

    /// From now on allocates from all chunks again.
    pub(crate) fn end_measurement(&mut self) {
        self.first = 0;
    }
}

impl Chunk {
    /// `size` bytes of zeros, unless the system has none.
    fn of(size: usize) -> Option<Self> {
        let map = MmapMut::map_anon(size).ok()?;
        // With large pages, which are asked for here, a training step is a twentieth faster. A system
        // that has none goes on with small ones.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        Some(Self {
            map: ManuallyDrop::new(map.into()),
            free: BTreeMap::from([(0, size)]),
            reached: 0,
        })
    }

    /// The beginning of the first free block of so many bytes.
    fn allocate(&mut self, bytes: usize) -> Option<&'static mut [u8]> {
        let (&start, &size) = self.free.iter().find(|&(_, &size)| size >= bytes)?;
        self.free.remove(&start);
        if size > bytes {
            self.free.insert(start + bytes, size - bytes);
        }
        self.reached = self.reached.max(start + bytes);
        // SAFETY: the bytes are within the map, which is never unmapped; they were zeros at first and
        // are allocated as bytes, so they are initialized; and what is free is allocated to nobody else.
        Some(unsafe { slice::from_raw_parts_mut(self.map.as_mut_ptr().add(start), bytes) })
    }

    /// Where a block begins, if it is of this chunk.
    fn place(&self, block: &[u8]) -> Option<usize> {
        let start = block.as_ptr().addr().checked_sub(self.map.as_ptr().addr())?;
        (start + block.len() <= self.map.len()).then_some(start)
    }

    /// Joins the free blocks before and behind, if they touch.
    fn release(&mut self, mut start: usize, mut bytes: usize) {
        if let Some(behind) = self.free.remove(&(start + bytes)) {
            bytes += behind;
        }
        if let Some((&before, size)) = self.free.range(..start).next_back()
            && before + size == start
        {
            start = before;
            bytes += size;
        }
        self.free.insert(start, bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The free blocks of each chunk.
    fn free(arena: &Arena) -> Vec<Vec<usize>> {
        arena.chunks.iter().map(|chunk| chunk.free.values().copied().collect()).collect()
    }

    #[test]
    fn stretches_are_aligned_and_apart() {
        let mut arena = Arena::new();
        let allocated = [1, 64, 1000, 100_000, CHUNK].map(|bytes| arena.allocate(bytes));
        for (i, block) in allocated.into_iter().enumerate() {
            assert_eq!(block.as_ptr().addr() % LINE, 0);
            assert!(block.iter().all(|&byte| byte == 0), "someone else wrote here");
            block.fill(i as u8 + 1);
        }
    }

    #[test]
    fn stretches_that_touch_become_one_in_whatever_order_they_come_back() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut arena = Arena::new();
            let mut allocated = [(); 3].map(|()| Some(arena.allocate(6400)));
            assert_eq!(free(&arena), [[CHUNK - 3 * 6400]]);
            for i in order {
                arena.release(allocated[i].take().unwrap());
            }
            assert_eq!(free(&arena), [[CHUNK]], "{order:?}");
        }
    }

    #[test]
    fn a_free_stretch_serves_a_smaller_request_and_keeps_the_rest() {
        let mut arena = Arena::new();
        let first = arena.allocate(6400);
        let place = first.as_ptr();
        let _wall = arena.allocate(64);
        arena.release(first);
        assert_eq!(arena.allocate(6000).as_ptr(), place);
        assert_eq!(free(&arena), [[6400 - 6016, CHUNK - 6464]]);
        assert_eq!(arena.allocate(6400).len(), 6400);
        assert_eq!(free(&arena), [[6400 - 6016, CHUNK - 6464 - 6400]]);
    }

    #[test]
    fn a_measurement_begins_with_nothing_lent_and_counts_holes() {
        let mut arena = Arena::new();
        let hole = arena.allocate(640);
        let place = hole.as_ptr();
        let _kept = arena.allocate(64);
        arena.release(hole);
        let start = arena.start_anew();
        let [hole, back] = [640, 6400].map(|bytes| arena.allocate(bytes));
        assert_ne!(hole.as_ptr(), place);
        [hole, back].into_iter().for_each(|block| arena.release(block));
        assert_eq!(arena.allocate(64).len(), 64);
        assert_eq!(arena.reached(start), 640 + 6400);
        arena.end_measurement();
        assert_eq!(arena.allocate(640).as_ptr(), place);
    }
}
