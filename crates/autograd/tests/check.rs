//! The checkers themselves: every kind of wrong gradient is rejected, every right one is not.

mod common;

use common::noise;
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
            None => grad * &call.input(0).exp().scale(1.0 + self.error),
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
        let first = x.scale(2.0);
        grad * &if self.whole { first + (&x * &x).scale(3.0) } else { first }
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
    assert!(message.contains("the gradient says 0, differences"), "{message}");
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
    assert_eq!(wrong_forward.unwrap_err(), "expected [3] -> [4] and back, got [3] and [3]");
    let wrong_adjoint = adjoint_check(|_| noise(&[4], 1), same, &[3], &[4]);
    assert_eq!(wrong_adjoint.unwrap_err(), "expected [3] -> [4] and back, got [4] and [4]");
}
