//! Points to differentiate at, and comparisons, that the tests of this crate share.
use mirrorgrad_autograd::{Meeting, Var};
use mirrorgrad_tensor::{Tensor, Window};
use rand::{SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::fmt::Debug;

pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// A batch in one part.
#[derive(Debug)]
pub struct Alone;

impl Meeting<f64> for Alone {
    fn place(&self) -> usize {
        0
    }

    fn gather(&self, mine: &Tensor<f64>) -> Vec<Tensor<f64>> {
        vec![mine.clone()]
    }
}

/// Numbers between −1 and 1.
pub fn noise(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::uniform(shape, [-1.0, 1.0], &mut rng(seed))
}

/// Numbers of both signs, all different and none near 0: away from kinks and ties.
pub fn apart(shape: &[usize], seed: u64) -> Tensor<f64> {
    let len = shape.iter().product::<usize>();
    let magnitude = |i: usize| 0.1 + 0.8 * (i as f64 + 0.5) / len as f64;
    let signed = |i: usize| if i.is_multiple_of(2) { magnitude(i) } else { -magnitude(i) };
    let mut values: Vec<f64> = (0..len).map(signed).collect();
    values.shuffle(&mut rng(seed));
    Tensor::new(shape, values)
}

/// Asserts equal shapes, and elements that differ by at most `tolerance` of the larger of 1 and the
/// largest element wanted.
#[track_caller]
pub fn assert_close(got: &Tensor<f64>, want: &Tensor<f64>, tolerance: f64, case: &dyn Debug) {
    assert_eq!(got.shape(), want.shape(), "{case:?}");
    let scale = want.as_slice().iter().fold(1.0, |scale: f64, v| scale.max(v.abs()));
    for (i, (got, want)) in got.as_slice().iter().zip(want.as_slice()).enumerate() {
        let close = (got - want).abs() <= tolerance * scale; // False for NaN.
        assert!(close, "{case:?}: element {i} is {got}, expected {want}");
    }
}

/// One parameter for each tensor.
pub fn parameters(at: &[Tensor<f64>]) -> Vec<Var<f64>> {
    at.iter().cloned().map(Var::parameter).collect()
}

/// A window whose axes share nothing.
pub fn uneven() -> Window {
    Window {
        stride: [2, 1],
        pad_before: [1, 0],
        pad_after: [0, 2],
        dilation: [1, 2],
        ..Window::new([2, 3])
    }
}

/// What `f` panics with.
pub fn panic_of<R>(f: impl FnOnce() -> R) -> String {
    let payload = match std::panic::catch_unwind(std::panic::AssertUnwindSafe(f)) {
        Ok(_) => return "no panic".into(),
        Err(payload) => payload,
    };
    match payload.downcast::<String>() {
        Ok(message) => *message,
        Err(payload) => payload.downcast::<&str>().map_or_else(|_| "?".into(), |m| (*m).into()),
    }
}
