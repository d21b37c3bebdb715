//! Random tensors, indices and comparisons that the tests of this crate share.
use mirrorgrad_tensor::{Element, Tensor};
use rand::{RngExt, SeedableRng, seq::SliceRandom};
use rand_chacha::ChaCha8Rng;
use std::fmt::Debug;

pub fn rng(seed: u64) -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(seed)
}

/// Numbers between −1 and 1.
pub fn noise<T: Element>(shape: &[usize], rng: &mut ChaCha8Rng) -> Tensor<T> {
    Tensor::uniform(shape, [-1.0, 1.0], rng)
}

/// A whole number from `low` to `high`, both included.
pub fn draw(rng: &mut ChaCha8Rng, low: usize, high: usize) -> usize {
    rng.random_range(low..=high)
}

pub fn shuffled(n: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..n).collect();
    order.shuffle(rng);
    order
}

/// Every index of a shape, in row-major order: one for rank 0, none where an axis is empty.
pub fn indices(shape: &[usize]) -> Vec<Vec<usize>> {
    let mut all = vec![vec![]];
    for &size in shape {
        all = all.iter().flat_map(|index| (0..size).map(|i| [&index[..], &[i]].concat())).collect();
    }
    all
}

/// The element at an index, by the definition of row-major order.
pub fn pick<T: Element>(x: &Tensor<T>, index: &[usize]) -> T {
    assert_eq!(index.len(), x.rank());
    x.as_slice()[index.iter().zip(x.shape()).fold(0, |at, (i, n)| at * n + i)]
}

/// The tensor of `shape` whose elements are `f` of their index.
pub fn by_index(shape: &[usize], f: impl FnMut(&Vec<usize>) -> f64) -> Tensor<f64> {
    Tensor::new(shape, indices(shape).iter().map(f).collect::<Vec<_>>())
}

/// Σ a · b, added in order.
pub fn inner(a: &Tensor<f64>, b: &Tensor<f64>) -> f64 {
    assert_eq!(a.shape(), b.shape());
    a.as_slice().iter().zip(b.as_slice()).map(|(a, b)| a * b).sum()
}

/// Asserts equal shapes, and elements that differ by at most `tolerance` of the larger of 1 and the
/// largest element wanted.
#[track_caller]
pub fn assert_close<T: Element>(
    got: &Tensor<T>,
    want: &Tensor<f64>,
    tolerance: f64,
    case: &dyn Debug,
) {
    assert_eq!(got.shape(), want.shape(), "{case:?}");
    let scale = want.as_slice().iter().fold(1.0, |scale: f64, v| scale.max(v.abs()));
    for (i, (got, want)) in got.as_slice().iter().zip(want.as_slice()).enumerate() {
        let close = (got.as_f64() - want).abs() <= tolerance * scale; // False for NaN.
        assert!(close, "{case:?}: element {i} is {got}, expected {want}");
    }
}

/// Asserts ⟨A x, y⟩ = ⟨x, Aᵀ y⟩, given all four.
#[track_caller]
pub fn assert_adjoint([x, ax]: [&Tensor<f64>; 2], [y, aty]: [&Tensor<f64>; 2], case: &dyn Debug) {
    let (left, right) = (inner(ax, y), inner(x, aty));
    let scale = (inner(ax, ax) * inner(y, y)).sqrt().max(1.0);
    assert!((left - right).abs() <= 1e-12 * scale, "{case:?}: {left} is not {right}");
}

/// The bits of every element; NaNs of all kinds count as one.
pub fn bits<T: Element>(x: &Tensor<T>) -> Vec<u64> {
    let bits = |v: &T| if v.is_nan() { u64::MAX } else { v.as_f64().to_bits() };
    x.as_slice().iter().map(bits).collect()
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
