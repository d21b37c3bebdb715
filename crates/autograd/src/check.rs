//! How anyone finds out whether a gradient is right: against finite differences, to any order.

use crate::Var;
use crate::differences::{Differences, Direction, directions, noise};
use mirrorgrad_tensor::Tensor;
use std::fmt;

/// Relative tolerance of a first derivative, and of every higher one.
const TOLERANCE: [f64; 2] = [1e-6, 1e-5];

/// Where a gradient is not what finite differences say.
///
/// ```
/// # use mirrorgrad_autograd::{Var, gradcheck};
/// let cut = |v: &[Var<f64>]| &v[0] * &v[1].detach(); // No gradient reaches the second operand.
/// let mismatch = gradcheck(1, cut, &[[2.0].into(), [3.0].into()]).unwrap_err();
/// assert!(mismatch.what.starts_with("element 0: the gradient is 0, but differences are "));
/// assert!(mismatch.what.ends_with(" with step 0.5")); // The wider of the two steps.
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
/// gradients, and so on up to `order`: that of [`Var::grad`] and that of [`Var::backward`], which takes
/// [`Op::fused`](crate::Op::fused) where an op has it.
///
/// `f` may return any shape; it is tested through a fixed random combination of its elements. Choose
/// points away from kinks and ties: there the derivative is a matter of convention.
///
/// Each element of an operand is moved by a part of its own size: where it is 0, of the operand's largest element,
/// and where all are 0, of 1. Of an operand of more than 64 elements, a sixteenth is moved at a time, by random parts.
/// Differences must be as the gradient says, to 1e-6 for the first order and 1e-5 for higher ones: relative to the sum
/// of what the elements of the result change, and but for what rounding can do, which is 64 units in the last place
/// of the operand and of each value, over the step. A gradient is blamed only where differences over two steps, one
/// half of the other, agree so far.
///
/// ```
/// # use mirrorgrad_autograd::{Var, gradcheck};
/// gradcheck(2, |v| v[0].exp().matmul(&v[1]), &[[[0.3, -1.0]].into(), [[2.0], [0.7]].into()]).unwrap();
/// gradcheck(2, |v| v[0].ln(), &[[1e-12, 1.0, 1e12].into()]).unwrap();
/// ```
///
/// # Errors
/// The first mismatch found: a wrong gradient, a result that does not depend on an operand through
/// the graph although its value does, a value that is not finite, or differences of which no two agree.
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
    // Parameters also where values are all that is asked for: f may differentiate inside.
    let parameters =
        |at: &[Tensor<f64>]| at.iter().cloned().map(Var::parameter).collect::<Vec<Var<f64>>>();
    let vars = parameters(at);
    let y = f(&vars);
    let probe = noise(y.shape(), 1 + level as u64);
    let scalar = |y: &Var<f64>| (y * &Var::constant(probe.clone())).sum();
    let loss = scalar(&y);
    let recorded = loss.grad(&vars.iter().collect::<Vec<_>>());
    let fused = loss.is_tracked().then(|| loss.backward());
    for (operand, (var, recorded)) in vars.iter().zip(&recorded).enumerate() {
        by.push(operand);
        let zeros = Tensor::zeros(var.shape());
        let fused = fused.as_ref().and_then(|grads| grads.get(var)).unwrap_or(&zeros);
        for Direction { name, along, size } in directions(&at[operand]) {
            let value = |step: f64| {
                let mut at = at.to_vec();
                at[operand] = at[operand].zip(&along, |a, d| a + step * d);
                f(&parameters(&at)).value().clone()
            };
            let differences = Differences { value: &value, probe: &probe, size };
            let claims = [("the gradient", recorded.value()), ("backward()", fused)]
                .map(|(who, grad)| (who, grad.dot(&along)));
            if let Err(what) = differences.judge(claims, TOLERANCE[usize::from(level > 1)]) {
                let what = format!("{name}: {what}");
                return Err(Mismatch { order: level, operands: by.clone(), what });
            }
        }
        by.pop();
    }
    if level < order {
        for operand in 0..at.len() {
            by.push(operand);
            let gradient = |v: &[Var<f64>]| {
                let refs: Vec<&Var<f64>> = v.iter().collect();
                scalar(&f(v)).grad(&refs).swap_remove(operand)
            };
            check(order, level + 1, by, &gradient, at)?;
            by.pop();
        }
    }
    Ok(())
}

/// Checks that two linear functions are adjoint: ⟨A x, y⟩ = ⟨x, Aᵀ y⟩ for several random x and y,
/// to 1e-12 of the product of their norms.
///
/// ```
/// # use mirrorgrad_autograd::adjoint_check;
/// # use mirrorgrad_tensor::Tensor;
/// let sum = |x: &Tensor<f64>| x.sum_axes(&[0]);
/// let repeat = |y: &Tensor<f64>| y.broadcast_to([4, 3]);
/// assert_eq!(adjoint_check(sum, repeat, &[4, 3], &[3]), Ok(()));
/// let error = adjoint_check(sum, |y| y.clone(), &[4, 3], &[3]).unwrap_err();
/// assert_eq!(error, "expected shapes [4, 3] -> [3] and back, got [3] and [3]");
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
                "expected shapes {from:?} -> {to:?} and back, got {:?} and {:?}",
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
