//! The system's allocator, and what happens where it has no memory.

use std::alloc::{GlobalAlloc, Layout, System};
use std::io::Write;

/// Ends the process in one line, with exit code 1: memory that the system does not give is no fault of the
/// program, and nothing in it can go on.
///
/// Nothing is allocated on the way.
pub(crate) fn out_of_memory(bytes: usize) -> ! {
    let mut line = [0; 160];
    let all = line.len();
    let mut rest = &mut line[..];
    // A line that does not fit is cut; one that cannot be written has no reader.
    let _ = writeln!(
        rest,
        "mirrorgrad: out of memory: the system refuses {bytes} bytes more; try a smaller --batch or smaller pictures"
    );
    let left = rest.len();
    let _ = std::io::stderr().write_all(&line[..all - left]);
    std::process::exit(1)
}

/// The system's allocator, which ends the process in one line, with exit code 1, where there is no memory: the
/// standard library would abort it, which looks like a crash. A program takes it by
///
/// ```
/// #[global_allocator]
/// static ALLOCATOR: mirrorgrad_tensor::Allocator = mirrorgrad_tensor::Allocator;
///
/// assert_eq!(vec![1_u8; 1 << 20].len(), 1 << 20);
/// ```
#[derive(Debug)]
pub struct Allocator;

/// `pointer`, unless it is none.
fn given(pointer: *mut u8, bytes: usize) -> *mut u8 {
    if pointer.is_null() { out_of_memory(bytes) } else { pointer }
}

// SAFETY: each call is handed on to the system's allocator as it came, and so is what it returns; where that is
// null, the process ends.
unsafe impl GlobalAlloc for Allocator {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller keeps the same promises to this allocator.
        given(unsafe { System.alloc(layout) }, layout.size())
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.alloc_zeroed(layout) }, layout.size())
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        given(unsafe { System.realloc(pointer, layout, size) }, size)
    }
}
