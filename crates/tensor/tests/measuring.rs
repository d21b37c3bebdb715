//! Measuring memory, in a process of its own: what other tests hold would count.

use mirrorgrad_tensor::{Tensor, peak_bytes};
use std::panic::catch_unwind;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Two tests at a time would measure each other.
fn alone() -> MutexGuard<'static, ()> {
    static ONE: Mutex<()> = Mutex::new(());
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

#[test]
fn the_peak_counts_what_was_held_at_one_time() {
    let _alone = alone();
    let hundred = || Tensor::<f32>::zeros([25 << 20]);
    let (_, one_by_one) = peak_bytes(|| (0..4).for_each(|_| drop(hundred())));
    let (_, together) = peak_bytes(|| [(); 4].map(|()| hundred()));
    assert!((100 << 20..104 << 20).contains(&one_by_one), "{one_by_one}");
    assert!((400 << 20..404 << 20).contains(&together), "{together}");
}

// With the arena, memory is kept.
#[cfg(feature = "arena")]
#[test]
fn memory_from_before_a_measurement_that_panicked_is_used_again() {
    let _alone = alone();
    let place = || Tensor::<f32>::ones([1 << 16]).as_slice().as_ptr();
    let before = place();
    assert!(catch_unwind(|| peak_bytes(|| panic!("on purpose"))).is_err());
    assert_eq!(place(), before);
}

#[cfg(not(feature = "arena"))]
#[test]
fn a_measurement_after_one_that_panicked_counts_its_own() {
    let _alone = alone();
    let panics = || {
        let _held = Tensor::<f32>::ones([1 << 20]);
        panic!("on purpose")
    };
    assert!(catch_unwind(|| peak_bytes(panics)).is_err());
    let (_, bytes) = peak_bytes(|| Tensor::<f32>::ones([1 << 16]));
    assert_eq!(bytes, 4 << 16);
}
