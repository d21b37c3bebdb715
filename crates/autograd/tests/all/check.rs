//! The checkers themselves: every kind of wrong gradient is rejected, every right one is not.

use crate::common::noise;
use mirrorgrad_autograd::{Call, Mismatch, Op, Reads, Var, adjoint_check, gradcheck};
use mirrorgrad_tensor::Tensor;

/// eˣ, whose derivatives are right up to order `right` and off by the factor 1 + `error` after it.
#[derive(Clone, Debug)]
struct Exp {
    right: usize,
    error: f64,
}

impl Op<f64> for Exp {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
        (x[0].map(f64::exp), ())
    }

    fn vjp(&self, _: usize, call: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
        match self.right.checked_sub(1) {
            Some(right) => grad * &Var::apply(Self { right, ..*self }, &[&call.input(0)]),
            None => grad * &call.input(0).exp().mul_scalar(1.0 + self.error),
        }
    }
}

/// x² + x³, the gradient of whose second term may be forgotten.
#[derive(Debug)]
struct Polynomial {
    whole: bool,
}

impl Op<f64> for Polynomial {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
        (x[0].map(|v| v * v + v * v * v), ())
    }

    fn vjp(&self, _: usize, call: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
        let x = call.input(0);
        let first = x.mul_scalar(2.0);
        grad * &if self.whole { first + (&x * &x).mul_scalar(3.0) } else { first }
    }
}

/// The identity, whose gradient is off at one element.
#[derive(Debug)]
struct OffAt {
    element: usize,
    error: f64,
}

impl Op<f64> for OffAt {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
        (x[0].clone(), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, call: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
        let factor = |i| if i == self.element { 1.0 + self.error } else { 1.0 };
        grad * &Var::constant(Tensor::from_fn(call.shape(0), factor))
    }
}

fn point() -> Tensor<f64> {
    [0.7, -1.2, 0.4].into()
}

/// Expects a mismatch of derivative `order` by `operands`.
#[track_caller]
fn assert_rejected(result: Result<(), Mismatch>, order: usize, operands: &[usize]) {
    let mismatch = result.expect_err("a wrong gradient passed");
    assert_eq!((mismatch.order, &mismatch.operands[..]), (order, operands), "{mismatch}");
}

#[test]
fn a_gradient_off_by_one_part_in_ten_thousand_is_rejected() {
    for error in [1e-4, -1e-4] {
        let off = |v: &[Var<f64>]| Var::apply(Exp { right: 0, error }, &[&v[0]]);
        assert_rejected(gradcheck(1, off, &[point()]), 1, &[0]);
    }
}

#[test]
fn a_gradient_wrong_from_some_order_on_is_rejected_at_that_order_and_not_before() {
    for right in 0..3 {
        let off = |v: &[Var<f64>]| Var::apply(Exp { right, error: 1e-3 }, &[&v[0]]);
        if right > 0 {
            gradcheck(right, off, &[point()]).unwrap();
        }
        assert_rejected(gradcheck(3, off, &[point()]), right + 1, &vec![0; right + 1]);
        let exact = |v: &[Var<f64>]| Var::apply(Exp { right, error: 0.0 }, &[&v[0]]);
        gradcheck(3, exact, &[point()]).unwrap();
    }
}

#[test]
fn a_second_derivative_lost_to_a_constant_is_rejected() {
    #[derive(Debug)]
    struct Square;
    impl Op<f64> for Square {
        type Saved = ();

        fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
            (x[0].map(|v| v * v), ())
        }

        fn vjp(&self, _: usize, call: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
            grad * &Var::constant(call.value(0).map(|v| 2.0 * v))
        }
    }
    let square = |v: &[Var<f64>]| Var::apply(Square, &[&v[0]]);
    gradcheck(1, square, &[point()]).unwrap();
    assert_rejected(gradcheck(2, square, &[point()]), 2, &[0, 0]);
}

#[test]
fn a_dropped_term_is_rejected() {
    let f = |whole| move |v: &[Var<f64>]| Var::apply(Polynomial { whole }, &[&v[0]]);
    gradcheck(3, f(true), &[point()]).unwrap();
    assert_rejected(gradcheck(1, f(false), &[point()]), 1, &[0]);
}

#[test]
fn an_operand_that_the_graph_does_not_see_is_rejected() {
    let at = [point(), noise(&[3], 1)];
    assert_rejected(gradcheck(1, |v| &v[0] * &v[1].detach(), &at), 1, &[1]);
    let hidden = |v: &[Var<f64>]| &v[1] * &Var::constant(v[0].value().map(f64::exp));
    assert_rejected(gradcheck(1, hidden, &at), 1, &[0]);
    let untracked = |v: &[Var<f64>]| v[0].detach();
    assert_rejected(gradcheck(1, untracked, &[point()]), 1, &[0]);
    // Half of the dependence is hidden: the gradient exists, but is too small.
    assert_rejected(gradcheck(1, |v| &v[0] * &v[0].detach(), &[point()]), 1, &[0]);
}

#[test]
fn a_function_that_ignores_an_operand_has_a_gradient_of_zero_there() {
    gradcheck(2, |v| v[0].exp(), &[point(), noise(&[2], 1)]).unwrap();
    gradcheck(2, |_| Var::constant(point()), &[point()]).unwrap();
}

#[test]
fn one_wrong_element_of_many_is_rejected() {
    let at = [noise(&[200], 1)];
    for element in [0, 77, 199] {
        let off = |v: &[Var<f64>]| Var::apply(OffAt { element, error: 1e-3 }, &[&v[0]]);
        assert_rejected(gradcheck(1, off, &at), 1, &[0]);
    }
    gradcheck(2, |v| Var::apply(OffAt { element: 0, error: 0.0 }, &[&v[0].exp()]), &at).unwrap();
}

#[test]
fn a_value_that_is_not_a_number_is_rejected() {
    assert_rejected(gradcheck(1, |v| v[0].ln(), &[point()]), 1, &[0]);
}

#[test]
fn a_mismatch_says_where_and_what() {
    let off = |v: &[Var<f64>]| &v[0] * &v[1].detach();
    let message = gradcheck(1, off, &[point(), point()]).unwrap_err().to_string();
    assert!(message.starts_with("derivative 1 by operands [1]: element 0:"), "{message}");
    assert!(message.contains("the gradient is 0, but differences are"), "{message}");
}

#[test]
fn a_mismatch_names_both_numbers_the_step_and_the_operand() {
    let off = |v: &[Var<f64>]| Var::apply(OffAt { element: 1, error: 1.0 }, &[&v[1]]).sum();
    let at = [point(), [3.0, 0.5].into()];
    let message = gradcheck(1, off, &at).unwrap_err().to_string();
    let numbers = message.strip_prefix("derivative 1 by operands [1]: element 1: the gradient is ");
    let words: Vec<&str> = numbers.expect(&message).split([' ', ',']).collect();
    let number = |at: usize| words[at].parse::<f64>().expect(&message);
    let (claim, differences) = (number(0), number(5));
    assert!((claim / differences - 2.0).abs() < 1e-9, "{message}");
    // The wider of the two steps, a part of 0.5.
    assert!(number(words.len() - 1) <= 0.5, "{message}");
}

/// The identity, whose two kinds of gradient are off by a factor each.
#[derive(Debug)]
struct TwoGradients {
    recorded: f64,
    fused: f64,
}

impl Op<f64> for TwoGradients {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
        (x[0].clone(), ())
    }

    fn vjp(&self, _: usize, _: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
        grad.mul_scalar(self.recorded)
    }

    fn fused(
        &self,
        _: &[bool],
        _: &Call<'_, f64, ()>,
        grad: &Tensor<f64>,
    ) -> Option<Vec<Option<Tensor<f64>>>> {
        Some(vec![Some(grad.map(|g| g * self.fused))])
    }
}

#[test]
fn a_kernel_that_gives_another_gradient_than_the_differentiable_one_is_rejected() {
    let f = |recorded, fused| {
        move |v: &[Var<f64>]| Var::apply(TwoGradients { recorded, fused }, &[&v[0].exp()])
    };
    gradcheck(2, f(1.0, 1.0), &[point()]).unwrap();
    let mismatch = gradcheck(2, f(1.0, 2.0), &[point()]).unwrap_err();
    assert!(mismatch.what.starts_with("element 0: backward() is "), "{mismatch}");
    assert_eq!(mismatch.order, 1);
    assert_rejected(gradcheck(1, f(2.0, 1.0), &[point()]), 1, &[0]);
}

/// Functions of one number with what a slip makes of them: the same values, but a gradient off by one part
/// in ten thousand. Each at a size of its own.
type Known = (&'static str, fn(&Var<f64>, f64) -> Var<f64>);

const KNOWN: [Known; 12] = [
    ("x", |x, _| x.clone()),
    ("x²", |x, _| x * x),
    ("x³ + x² s", |x, s| x.powi(3) + x.powi(2).mul_scalar(s)),
    ("1 / x", |x, _| x.powi(-1)),
    ("1 / x²", |x, _| x.powi(-2)),
    ("ln x", |x, _| x.ln()),
    ("√x", |x, _| x.sqrt()),
    ("exp x / s", |x, s| x.mul_scalar(1.0 / s).exp()),
    ("tanh 3 x / s", |x, s| x.mul_scalar(3.0 / s).tanh()),
    ("s² tanh 30 (x / s − 1)", |x, s| {
        x.mul_scalar(1.0 / s).add_scalar(-1.0).mul_scalar(30.0).tanh().mul_scalar(s * s)
    }),
    ("s² sigmoid x / s", |x, s| x.mul_scalar(1.0 / s).sigmoid().mul_scalar(s * s)),
    ("x + 1000 s", |x, s| x.add_scalar(1000.0 * s)),
];

#[test]
fn right_functions_of_any_size_pass_and_wrong_ones_do_not() {
    for exponent in (-12..=12).step_by(3) {
        let size = 10_f64.powi(exponent);
        for (name, f) in KNOWN {
            for factor in [1.0, 1.013, -0.7] {
                let x = Tensor::from([factor * size]);
                let undefined = ["ln x", "√x"].contains(&name);
                let level = name.starts_with("s² tanh 30");
                if factor < 0.0 && (undefined || level) {
                    continue;
                }
                let right = gradcheck(2, |v| f(&v[0], size), std::slice::from_ref(&x));
                assert_eq!(right, Ok(()), "{name} at {x:?}");
                for error in [1e-4, -1e-4, 1.0, -1.0] {
                    let off = OffAt { element: 0, error };
                    let wrong = |v: &[Var<f64>]| f(&Var::apply(OffAt { ..off }, &[&v[0]]), size);
                    let result = gradcheck(1, wrong, std::slice::from_ref(&x));
                    assert!(result.is_err(), "{name} at {x:?}, off by {error}, passes");
                }
            }
        }
    }
}

#[test]
fn elements_of_all_sizes_beside_each_other_are_checked_each_by_its_own() {
    let at = Tensor::from([1e-12, -1e-6, 1.0, 1e6, -1e12]);
    for n in [2, -1, 3] {
        let f = |x: &Var<f64>| x.powi(n);
        gradcheck(2, |v| f(&v[0]), std::slice::from_ref(&at)).unwrap();
        for element in 0..5 {
            let off = |v: &[Var<f64>]| f(&Var::apply(OffAt { element, error: 1e-3 }, &[&v[0]]));
            let mismatch = gradcheck(1, off, std::slice::from_ref(&at)).unwrap_err();
            assert!(mismatch.what.starts_with(&format!("element {element}:")), "{mismatch}");
        }
    }
}

#[test]
fn steep_functions_of_operands_far_from_their_steepness_are_not_blamed() {
    // The first step is too wide for each of them.
    gradcheck(1, |v| v[0].mul_scalar(3000.0).tanh(), &[[2e-4].into()]).unwrap();
    gradcheck(1, |v| v[0].add_scalar(-1e4).tanh(), &[[1e4 + 0.3].into()]).unwrap();
    gradcheck(1, |v| v[0].add_scalar(-1.0).ln(), &[[1.0 + 1e-5].into()]).unwrap();
    // Zero has no size of its own.
    gradcheck(2, |v| v[0].exp(), &[[0.0, 0.0].into()]).unwrap();
    gradcheck(2, |v| v[0].exp(), &[[0.0, -2.0].into()]).unwrap();
}

#[test]
fn differences_that_never_agree_are_said_not_to() {
    // Its graph is noise: no step has a slope.
    let noisy = |v: &[Var<f64>]| {
        let hash = |v: f64| ((v.to_bits().wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as f64) * v;
        &v[0] + &Var::constant(v[0].value().map(hash))
    };
    let mismatch = gradcheck(1, noisy, &[[1.3].into()]).unwrap_err();
    assert!(mismatch.what.contains("the differences of no two step sizes agree"), "{mismatch}");
}

#[test]
fn adjoint_functions_pass() {
    let matrix = noise(&[4, 3], 1);
    let (apply, back) = (
        |x: &Tensor<f64>| matrix.matmul(&x.reshape([3, 1])).reshape([4]),
        |y: &Tensor<f64>| matrix.transpose().matmul(&y.reshape([4, 1])).reshape([3]),
    );
    adjoint_check(apply, back, &[3], &[4]).unwrap();
    adjoint_check(|x| x.broadcast_to([2, 3]), |y| y.sum_to([3]), &[3], &[2, 3]).unwrap();
}

#[test]
fn functions_that_are_not_adjoint_are_rejected() {
    let scaled = |by: f64| move |x: &Tensor<f64>| x.map(|v| v * by);
    adjoint_check(scaled(2.0), scaled(2.0), &[5], &[5]).unwrap();
    for wrong in [2.0 + 1e-9, -2.0, 0.5, 0.0, f64::NAN] {
        let message = adjoint_check(scaled(2.0), scaled(wrong), &[5], &[5]).unwrap_err();
        assert!(message.starts_with("⟨Ax, y⟩ = "), "{message}");
    }
    // The inverse of a rotation of places is its adjoint; another rotation is not.
    let rotated =
        |by: usize| move |x: &Tensor<f64>| Tensor::from_fn([5], |i| x.as_slice()[(i + by) % 5]);
    adjoint_check(rotated(2), rotated(3), &[5], &[5]).unwrap();
    adjoint_check(rotated(2), rotated(2), &[5], &[5]).unwrap_err();
}

#[test]
fn adjoint_functions_of_other_shapes_are_rejected() {
    let same = |x: &Tensor<f64>| x.clone();
    let wrong_forward = adjoint_check(same, |_| noise(&[3], 1), &[3], &[4]);
    assert_eq!(wrong_forward.unwrap_err(), "expected shapes [3] -> [4] and back, got [3] and [3]");
    let wrong_adjoint = adjoint_check(|_| noise(&[4], 1), same, &[3], &[4]);
    assert_eq!(wrong_adjoint.unwrap_err(), "expected shapes [3] -> [4] and back, got [4] and [4]");
}
