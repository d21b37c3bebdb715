//! How anyone finds out whether a gradient is right: against finite differences, to any order.

use crate::Var;
use mirrorgrad_tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::fmt;

/// Relative tolerance of a first derivative, and of every higher one.
const TOLERANCE: [f64; 2] = [1e-6, 1e-5];

/// What rounding may do to a value, relative to it, and to an operand: some units in the last place, since
/// a value comes from several roundings.
const ROUNDING: f64 = 64.0 * f64::EPSILON;

/// The step that is tried first, relative to the operand's size. The formula's error is its fourth power. A
/// power of 2, so that what is added to a number is what was meant.
const STEP: f64 = 1.0 / 8192.0;

/// The widest of the steps that are halved before anything is blamed.
const WIDEST: f64 = 0.25;

/// How often.
const HALVINGS: usize = 42;

/// Elements up to which an operand is checked one by one; a larger one share by share.
const ELEMENTS: usize = 64;

/// Directions along which a large operand is checked, each moving its share of the elements.
const DIRECTIONS: usize = 16;

/// Where a gradient is not what finite differences say.
///
/// ```
/// # use mirrorgrad_autograd::{Var, gradcheck};
/// let cut = |v: &[Var<f64>]| &v[0] * &v[1].detach(); // No gradient reaches the second operand.
/// let mismatch = gradcheck(1, cut, &[[2.0].into(), [3.0].into()]).unwrap_err();
/// assert!(mismatch.what.starts_with("element 0: the gradient says 0, differences "));
/// assert!(mismatch.what.ends_with(" over 0.5")); // The wider of the two steps.
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
/// Each element of an operand is moved by a part of its own size (where it is 0, of the operand's largest
/// element; where all are 0, of 1); of more than 64, those of a sixteenth at a time, by random parts. Differences must be as the gradient says to 1e-6 for the first order and
/// 1e-5 for higher ones, relative to the sum of what the elements of the result change, and to what
/// rounding can do: 64 units in the last place of the operand and of each value, over the step. A gradient is blamed only
/// where differences over two steps, one half of the other, agree so far.
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

/// A way to move an operand.
struct Direction {
    /// For messages.
    name: String,
    along: Tensor<f64>,
    /// How far is far.
    size: f64,
}

/// One direction an element; of many elements, those of a share together, to random parts of their sizes.
fn directions(at: &Tensor<f64>) -> Vec<Direction> {
    let largest = at.as_slice().iter().fold(0.0, |largest: f64, v| largest.max(v.abs()));
    let size = |v: f64| {
        let size = [v.abs(), largest, 1.0].into_iter().find(|&size| size != 0.0);
        size.map_or(1.0, |size| size.log2().floor().exp2())
    };
    if at.len() <= ELEMENTS {
        let unit = |i: usize| Tensor::from_fn(at.shape(), |j| if i == j { 1.0 } else { 0.0 });
        let element = |(i, &v): (usize, &f64)| {
            Direction { name: format!("element {i}"), along: unit(i), size: size(v) }
        };
        at.as_slice().iter().enumerate().map(element).collect()
    } else {
        let signs = noise(at.shape(), 100);
        let random = |i: usize| {
            // Every element in one direction, none by less than its size.
            let along = Tensor::from_fn(at.shape(), |j| match j % DIRECTIONS == i {
                true => (signs.as_slice()[j] + signs.as_slice()[j].signum()) * size(at.as_slice()[j]),
                false => 0.0,
            });
            Direction { name: format!("direction {i}"), along, size: 1.0 }
        };
        (0..DIRECTIONS).map(random).collect()
    }
}

/// What a function does along a direction.
struct Differences<'a> {
    /// Its value so many steps away.
    value: &'a dyn Fn(f64) -> Tensor<f64>,
    /// What its elements are combined with.
    probe: &'a Tensor<f64>,
    size: f64,
}

/// A difference quotient.
#[derive(Clone, Copy)]
struct Quotient {
    step: f64,
    slope: f64,
    /// The sum of what the elements contribute to the slope, without signs.
    scale: f64,
    /// What rounding of the values may contribute.
    noise: f64,
}

impl Quotient {
    /// Whether rounding cannot hide what the tolerance would show.
    fn is_sharp(&self, tolerance: f64) -> bool {
        self.noise <= tolerance * self.scale
    }

    fn is_near(&self, slope: f64, tolerance: f64) -> bool {
        (self.slope - slope).abs() <= tolerance * self.scale + self.noise // False for NaN.
    }
}

impl Differences<'_> {
    /// Whether each claim about the slope is right; if one is not, what is.
    fn judge(&self, claims: [(&str, f64); 2], tolerance: f64) -> Result<(), String> {
        let first = self.quotient(STEP * self.size);
        let plain = |claim: f64| {
            claim == first.slope || first.is_sharp(tolerance) && first.is_near(claim, tolerance)
        };
        if claims.iter().all(|(_, claim)| plain(*claim)) {
            return Ok(());
        }
        let Some([wide, narrow]) = self.settled(tolerance) else {
            return Err(format!(
                "the gradient says {}, but differences over no two steps agree: {} over {}",
                claims[0].1, first.slope, first.step
            ));
        };
        match claims.iter().find(|(_, claim)| !narrow.is_near(*claim, tolerance)) {
            None => Ok(()),
            Some((who, claim)) => Err(format!(
                "{who} says {claim}, differences {} over a step of {} and {} over {}",
                narrow.slope, narrow.step, wide.slope, wide.step
            )),
        }
    }

    /// The first two steps, one half of the other, that agree and are sharp; if none are, those that agree
    /// and are least blurred by rounding.
    fn settled(&self, tolerance: f64) -> Option<[Quotient; 2]> {
        let mut best: Option<[Quotient; 2]> = None;
        let blur = |[_, narrow]: [Quotient; 2]| narrow.noise / narrow.scale;
        let mut wide = self.quotient(WIDEST * self.size);
        for halving in 1..=HALVINGS {
            let narrow = self.quotient(WIDEST * self.size / (1_u64 << halving) as f64);
            let pair = [wide, narrow];
            wide = narrow;
            let both = Quotient { noise: pair[0].noise + pair[1].noise, ..narrow };
            if !both.is_near(pair[0].slope, tolerance) {
                continue;
            }
            if both.is_sharp(tolerance) {
                return Some(pair);
            }
            if best.is_none_or(|best| blur(pair) < blur(best)) {
                best = Some(pair);
            }
        }
        best
    }

    /// (8 (f(h) − f(−h)) − (f(2h) − f(−2h))) / 12h, for each element before they are combined: those that
    /// stay where they are bring no rounding with them.
    fn quotient(&self, step: f64) -> Quotient {
        let values = [step, -step, 2.0 * step, -2.0 * step].map(self.value);
        let [mut slope, mut scale, mut moved, mut all] = [0.0; 4];
        for (i, &probe) in self.probe.as_slice().iter().enumerate() {
            let [near, back, far, far_back] = [0, 1, 2, 3].map(|n| values[n].as_slice()[i]);
            let part = probe * (8.0 * (near - back) - (far - far_back)) / (12.0 * step);
            let largest = near.abs().max(back.abs()).max(far.abs()).max(far_back.abs());
            // A value is no better than the operand it is made of, where the function is steep.
            let steepest = (far - near).abs().max((far_back - back).abs()) / step;
            let rounded = probe.abs() * largest.max(self.size * steepest);
            (slope, scale, all) = (slope + part, scale + part.abs(), all + rounded);
            if near != back || far != far_back {
                moved += rounded;
            }
        }
        // Where nothing moves, what could have moved unseen.
        let rounded = if scale == 0.0 { all } else { moved };
        Quotient { step, slope, scale, noise: ROUNDING * 1.5 * rounded / step }
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
