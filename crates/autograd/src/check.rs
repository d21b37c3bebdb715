//! How anyone finds out whether a gradient is right: against finite differences, to any order.

use crate::Var;
use mirrorgrad_tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::fmt;

/// Relative tolerance of a first derivative, and of every higher one.
const TOLERANCE: [f64; 2] = [1e-6, 1e-5];

/// What rounding adds to a difference quotient, relative to the value that is differenced.
const ROUNDING: f64 = 1e-10;

/// Step of the finite differences. The formula's error is its fourth power, rounding adds 1e-12.
const STEP: f64 = 1e-4;

/// Elements up to which an operand is checked one by one; a larger one along random directions.
const ELEMENTS: usize = 64;

/// Random directions along which a large operand is checked.
const DIRECTIONS: usize = 16;

/// Where a gradient is not what finite differences say.
///
/// ```
/// # use mirrorgrad_autograd::{Var, gradcheck};
/// let cut = |v: &[Var<f64>]| &v[0] * &v[1].detach(); // No gradient reaches the second operand.
/// let mismatch = gradcheck(1, cut, &[[2.0].into(), [3.0].into()]).unwrap_err();
/// assert!(mismatch.what.starts_with("element 0: the gradient says 0, differences "));
/// assert_eq!((mismatch.order, mismatch.operands), (1, vec![1]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// The order of the derivative, 1 for the gradient itself.
    pub order: usize,
    /// The operands that were differentiated by, outermost derivative last.
    pub operands: Vec<usize>,
    /// What is wrong there.
    pub what: String,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "derivative {} by operands {:?}: {}", self.order, self.operands, self.what)
    }
}

impl std::error::Error for Mismatch {}

/// Compares every gradient of `f` at `at` with finite differences, then every gradient of those
/// gradients, and so on up to `order`. Tolerances are 1e-6 for the first order and 1e-5 for higher ones,
/// relative to the operand's largest derivative.
///
/// `f` may return any shape; it is tested through a fixed random combination of its elements. Choose
/// points away from kinks and ties: there the derivative is a matter of convention.
///
/// ```
/// # use mirrorgrad_autograd::{Var, gradcheck};
/// gradcheck(2, |v| v[0].exp().matmul(&v[1]), &[[[0.3, -1.0]].into(), [[2.0], [0.7]].into()]).unwrap();
/// ```
///
/// # Errors
/// The first mismatch found: a wrong gradient, a result that does not depend on an operand through
/// the graph although its value does, or a value that is not finite.
pub fn gradcheck(
    order: usize,
    f: impl Fn(&[Var<f64>]) -> Var<f64>,
    at: &[Tensor<f64>],
) -> Result<(), Mismatch> {
    check(order, 1, &mut Vec::new(), &f, at)
}

fn check(
    order: usize,
    level: usize,
    by: &mut Vec<usize>,
    f: &dyn Fn(&[Var<f64>]) -> Var<f64>,
    at: &[Tensor<f64>],
) -> Result<(), Mismatch> {
    let scalar = |v: &[Var<f64>]| {
        let y = f(v);
        let probe = noise(y.shape(), 1 + level as u64);
        (&y * &Var::constant(probe)).sum()
    };
    let number = |at: &[Tensor<f64>]| {
        // Parameters here too: f may differentiate inside.
        let v: Vec<Var<f64>> = at.iter().cloned().map(Var::parameter).collect();
        scalar(&v).value().item()
    };
    let vars: Vec<Var<f64>> = at.iter().cloned().map(Var::parameter).collect();
    let grads = scalar(&vars).grad(&vars.iter().collect::<Vec<_>>());
    for (operand, grad) in grads.iter().enumerate() {
        by.push(operand);
        let fail = |what: String| Err(Mismatch { order: level, operands: by.clone(), what });
        let directions = directions(at[operand].shape());
        let slopes = directions.iter().map(|(_, direction)| {
            let along = |step: f64| {
                let mut moved = at.to_vec();
                moved[operand] = at[operand].zip(direction, |a, d| a + step * d);
                number(&moved)
            };
            let near = along(STEP) - along(-STEP);
            let far = along(2.0 * STEP) - along(-2.0 * STEP);
            (8.0 * near - far) / (12.0 * STEP)
        });
        let slopes: Vec<f64> = slopes.collect();
        let largest = slopes.iter().fold(0.0, |largest: f64, slope| largest.max(slope.abs()));
        let tolerance =
            TOLERANCE[usize::from(level > 1)] * largest + ROUNDING * (1.0 + number(at).abs());
        for ((name, direction), expected) in directions.iter().zip(slopes) {
            let got = grad.value().dot(direction);
            let close = (got - expected).abs() <= tolerance; // False for NaN.
            if !close {
                return fail(format!("{name}: the gradient says {got}, differences {expected}"));
            }
        }
        by.pop();
    }
    if level < order {
        for operand in 0..at.len() {
            by.push(operand);
            let gradient = |v: &[Var<f64>]| {
                let refs: Vec<&Var<f64>> = v.iter().collect();
                scalar(v).grad(&refs).swap_remove(operand)
            };
            check(order, level + 1, by, &gradient, at)?;
            by.pop();
        }
    }
    Ok(())
}

/// Directions to move a tensor of `shape` in, with a name for messages.
fn directions(shape: &[usize]) -> Vec<(String, Tensor<f64>)> {
    let len: usize = shape.iter().product();
    if len <= ELEMENTS {
        let unit = |at: usize| Tensor::from_fn(shape, |i| if i == at { 1.0 } else { 0.0 });
        (0..len).map(|i| (format!("element {i}"), unit(i))).collect()
    } else {
        (0..DIRECTIONS).map(|i| (format!("direction {i}"), noise(shape, 100 + i as u64))).collect()
    }
}

/// Checks that two linear functions are adjoint: ⟨A x, y⟩ = ⟨x, Aᵀ y⟩ for several random x and y,
/// to 1e-12 of the product of their norms.
///
/// ```
/// # use mirrorgrad_autograd::adjoint_check;
/// # use mirrorgrad_tensor::Tensor;
/// let sum = |x: &Tensor<f64>| x.sum_axes(&[0], false);
/// let repeat = |y: &Tensor<f64>| y.broadcast_to([4, 3]);
/// assert_eq!(adjoint_check(sum, repeat, &[4, 3], &[3]), Ok(()));
/// let error = adjoint_check(sum, |y| y.clone(), &[4, 3], &[3]).unwrap_err();
/// assert_eq!(error, "expected [4, 3] -> [3] and back, got [3] and [3]");
/// ```
///
/// # Errors
/// A sentence with both numbers, or with the shapes where a function returns another one.
pub fn adjoint_check(
    forward: impl Fn(&Tensor<f64>) -> Tensor<f64>,
    adjoint: impl Fn(&Tensor<f64>) -> Tensor<f64>,
    from: &[usize],
    to: &[usize],
) -> Result<(), String> {
    for trial in 0..3 {
        let (x, y) = (noise(from, 10 + trial), noise(to, 20 + trial));
        let (ax, aty) = (forward(&x), adjoint(&y));
        if ax.shape() != to || aty.shape() != from {
            return Err(format!(
                "expected {from:?} -> {to:?} and back, got {:?} and {:?}",
                ax.shape(),
                aty.shape()
            ));
        }
        let (left, right) = (ax.dot(&y), x.dot(&aty));
        let scale = (ax.dot(&ax) * y.dot(&y)).sqrt().max((x.dot(&x) * aty.dot(&aty)).sqrt());
        let close = (left - right).abs() <= 1e-12 * scale; // False for NaN.
        if !close {
            return Err(format!("⟨Ax, y⟩ = {left}, but ⟨x, Aᵀy⟩ = {right}"));
        }
    }
    Ok(())
}

/// Numbers between −1 and 1, the same for the same seed.
fn noise(shape: &[usize], seed: u64) -> Tensor<f64> {
    Tensor::uniform(shape, [-1.0, 1.0], &mut ChaCha8Rng::seed_from_u64(seed))
}
