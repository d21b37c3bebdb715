//! Reading ahead.

/// Bytes that come from memory together.
const LINE: usize = 64;

/// Runs of memory that will be read soon, brought nearer a few lines at a time: memory is slow to
/// answer, and answers while something else is computed.
pub(crate) struct Prefetch<'a, T> {
    runs: &'a [&'a [T]],
    /// Where the first of them goes on.
    at: usize,
    /// Lines at a time.
    lines: usize,
}

impl<'a, T> Prefetch<'a, T> {
    /// All of `runs` within so many calls of [`Self::some`].
    pub fn new(runs: &'a [&'a [T]], calls: usize) -> Self {
        let lines: usize = runs.iter().map(|s| size_of_val(*s).div_ceil(LINE) + 1).sum();
        Self { runs, at: 0, lines: lines.div_ceil(calls.max(1)) }
    }

    /// Asks for the next lines.
    #[inline(always)]
    pub fn some(&mut self) {
        for _ in 0..self.lines {
            let Some((first, others)) = self.runs.split_first() else { return };
            if let Some(number) = first.get(self.at) {
                ask_for(number);
                self.at += LINE / size_of::<T>();
            } else {
                (self.runs, self.at) = (others, 0);
            }
        }
    }
}

/// Brings a number's line into the second-level cache, where the machine can be asked to.
#[inline(always)]
fn ask_for<T>(number: &T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: the instruction is part of every x86-64 processor and changes nothing but caches.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T1, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T1>(std::ptr::from_ref(number).cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = number;
}
