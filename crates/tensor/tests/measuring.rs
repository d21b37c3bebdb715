//! Measuring memory, in a process of its own: what other tests hold would count.

use mirrorgrad_tensor::{Tensor, peak_bytes};
use std::panic::catch_unwind;

#[test]
fn memory_from_before_a_measurement_that_panicked_is_used_again() {
    let place = || Tensor::<f32>::ones([1 << 16]).as_slice().as_ptr();
    let before = place();
    assert!(catch_unwind(|| peak_bytes(|| panic!("on purpose"))).is_err());
    assert_eq!(place(), before);
}
