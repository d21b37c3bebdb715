//! Measuring memory, in a process of its own: what other tests hold would count.

use mirrorgrad_tensor::{Tensor, peak_bytes};
use std::panic::catch_unwind;

// One test for each build: two at a time would measure each other. With the arena, memory is kept.
#[cfg(feature = "arena")]
#[test]
fn memory_from_before_a_measurement_that_panicked_is_used_again() {
    let place = || Tensor::<f32>::ones([1 << 16]).as_slice().as_ptr();
    let before = place();
    assert!(catch_unwind(|| peak_bytes(|| panic!("on purpose"))).is_err());
    assert_eq!(place(), before);
}

#[cfg(not(feature = "arena"))]
#[test]
fn a_measurement_after_one_that_panicked_counts_its_own() {
    let panics = || {
        let _held = Tensor::<f32>::ones([1 << 20]);
        panic!("on purpose")
    };
    assert!(catch_unwind(|| peak_bytes(panics)).is_err());
    let (_, bytes) = peak_bytes(|| Tensor::<f32>::ones([1 << 16]));
    assert_eq!(bytes, 4 << 16);
}
