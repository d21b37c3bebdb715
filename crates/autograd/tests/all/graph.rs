//! What gradients mean: paths add up, questions without an answer panic, graphs of any length are
//! built, differentiated and freed without recursion.

use crate::common::{noise, panic_of};
use mirrorgrad_autograd::ops::max_pool2d;
use mirrorgrad_autograd::{Call, Op, Reads, Var, is_recording, no_grad};
use mirrorgrad_tensor::{Tensor, Window};
use std::sync::{Arc, Mutex};
use std::thread;

fn parameter<const N: usize>(values: [f64; N]) -> Var<f64> {
    Var::parameter(values.into())
}

#[test]
fn gradients_of_several_paths_add_up() {
    let x = parameter([2.0, -1.0]);
    let squared = &x * &x;
    let y = (&squared * &x + squared.mul_scalar(5.0) + x.add_scalar(1.0)).sum(); // x³ + 5x² + x + 1
    let want = Tensor::from([12.0 + 20.0 + 1.0, 3.0 - 10.0 + 1.0]);
    assert_eq!(y.grad(&[&x])[0].value(), &want);
    assert_eq!(y.backward().get(&x), Some(&want));
}

#[test]
fn a_variable_may_be_every_operand_of_a_call() {
    let x = parameter([3.0]);
    for (y, want) in [
        ((&x + &x).sum(), 2.0),
        ((&x - &x).sum(), 0.0),
        ((&x * &x).sum(), 6.0),
        ((&x / &x).sum(), 0.0),
    ] {
        assert_eq!(y.grad(&[&x])[0].value(), &[want].into());
        assert_eq!(y.backward().get(&x), Some(&[want].into()));
    }
}

#[test]
fn gradients_reach_values_in_the_middle_and_the_result_itself() {
    let x = parameter([2.0]);
    let middle = &x * &x;
    let y = (&middle * &x).sum();
    let grads = y.grad(&[&middle, &x, &y, &x]);
    let values: Vec<f64> = grads.iter().map(|grad| grad.value().item()).collect();
    assert_eq!(values, [2.0, 12.0, 1.0, 12.0]);
    // Of the middle, backward says nothing: it answers for parameters.
    assert_eq!(y.backward().get(&middle), None);
}

#[test]
fn an_independent_variable_has_a_gradient_of_zeros_and_none_from_backward() {
    let (x, other) = (parameter([2.0]), parameter([1.0, 1.0]));
    let y = (&x * &x).sum();
    assert_eq!(y.grad(&[&other, &x])[0].value(), &[0.0, 0.0].into());
    assert_eq!(Var::constant(Tensor::scalar(1.0)).grad(&[&other])[0].value(), &[0.0; 2].into());
    let grads = y.backward();
    assert_eq!((grads.get(&other), grads.get(&other.detach())), (None, None));
}

/// Passes its operand on, and notes when a gradient comes back.
#[derive(Clone, Debug)]
struct Noting(Arc<Mutex<Vec<String>>>, &'static str);

impl Op<f64> for Noting {
    type Saved = ();

    fn forward(&self, inputs: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
        (inputs[0].clone(), ())
    }

    fn vjp(&self, _: usize, _: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
        self.0.lock().unwrap().push(self.1.to_owned());
        grad.clone()
    }
}

#[test]
fn a_gradient_is_handed_over_when_it_is_complete_and_before_older_calls_are_visited() {
    let events = Arc::new(Mutex::new(Vec::new()));
    let noting = |x: &Var<f64>, name| Var::apply(Noting(Arc::clone(&events), name), &[x]);
    let [first, twice, last, unread] = [2.0, 3.0, 5.0, 7.0].map(|value| parameter([value]));
    let x = noting(&(&first * &Var::constant([1.0].into())), "first layer");
    let x = noting(&(&x * &twice), "second layer");
    let x = noting(&(&(&x * &twice) * &last), "third layer");
    let loss = x.sum();
    let named = |id| {
        let all = [(&first, "first"), (&twice, "twice"), (&last, "last"), (&unread, "unread")];
        all.into_iter().find(|(of, _)| of.id() == Some(id)).unwrap().1
    };
    let order: Vec<_> = loss.parameters().into_iter().map(named).collect();
    assert_eq!(order, ["last", "twice", "first"]);
    loss.backward_each(|id, gradient| {
        events.lock().unwrap().push(format!("{} {}", named(id), gradient.item()));
    });
    // first · twice² · last
    let expected =
        ["third layer", "last 18", "second layer", "twice 60", "first layer", "first 45"];
    assert_eq!(*events.lock().unwrap(), expected);
    // A value that is a parameter itself; one that is none.
    assert_eq!(first.parameters(), [first.id().unwrap()]);
    assert_eq!(first.detach().parameters(), []);
}

#[test]
fn constants_and_detached_values_pass_no_gradient() {
    let x = parameter([2.0]);
    let y = &x * &x.detach();
    assert_eq!(y.sum().grad(&[&x])[0].value(), &[2.0].into());
    assert!(!(x.detach() * Var::constant([1.0].into())).is_tracked());
}

#[test]
fn a_gradient_can_be_differentiated_again_and_again() {
    let x = parameter([2.0]);
    let mut y = x.powi(4).sum();
    for want in [32.0, 48.0, 48.0, 24.0, 0.0] {
        y = y.grad(&[&x]).remove(0).sum();
        assert_eq!(y.value().item(), want);
    }
}

#[test]
fn grad_with_weighs_the_result_and_is_differentiable_in_the_weights() {
    let (x, weights) = (parameter([2.0, 3.0]), parameter([10.0, 1.0]));
    let y = &x * &x;
    let grad = y.grad_with(&weights, &[&x]).remove(0); // 2 · x · weights
    assert_eq!(grad.value(), &[40.0, 6.0].into());
    let by = grad.sum().grad(&[&weights, &x]);
    assert_eq!((by[0].value(), by[1].value()), (&[4.0, 6.0].into(), &[20.0, 2.0].into()));
}

#[test]
fn numbers_without_an_answer_panic_and_say_why() {
    let x = parameter([1.0, 2.0]);
    let constant = x.detach();
    for (expected, message) in [
        (
            "grad: asked for the gradient of an untracked variable",
            panic_of(|| x.sum().grad(&[&constant])),
        ),
        ("grad: expected a single number, got shape [2]", panic_of(|| x.grad(&[&x]))),
        (
            "backward: expected a single number, got shape [2]",
            panic_of(|| x.mul_scalar(2.0).backward()),
        ),
        (
            "backward: expected a value that depends on a parameter, got a constant",
            panic_of(|| constant.sum().backward()),
        ),
        (
            "backward: expected a value that depends on a parameter, got a constant",
            panic_of(|| no_grad(|| x.sum()).backward()),
        ),
        (
            "grad_with: expected a cotangent of shape [2]",
            panic_of(|| x.grad_with(&constant.sum(), &[&x])),
        ),
        ("shapes [2] and [3] do not broadcast", panic_of(|| &x + &parameter([0.0; 3]))),
    ] {
        assert!(message.contains(expected), "expected {expected:?}, got {message:?}");
    }
}

#[test]
fn a_single_number_of_any_rank_can_be_differentiated() {
    let x = Var::parameter(Tensor::full([1, 1], 3.0));
    assert_eq!((&x * &x).backward().get(&x), Some(&Tensor::full([1, 1], 6.0)));
}

#[test]
fn no_grad_does_not_record_and_ends_with_its_function_even_by_panic() {
    let x = parameter([2.0]);
    assert!(is_recording() && x.exp().is_tracked());
    no_grad(|| {
        assert!(!is_recording() && !x.exp().is_tracked());
        no_grad(|| assert!(!is_recording()));
        assert!(!is_recording(), "the inner one ended the outer");
        assert!(thread::spawn(is_recording).join().unwrap(), "another thread is not concerned");
    });
    assert!(is_recording());
    panic_of(|| no_grad(|| panic!("inside")));
    assert!(is_recording());
}

#[test]
fn backward_restores_recording_and_records_nothing_itself() {
    #[derive(Debug)]
    struct Witness(Arc<Mutex<Vec<bool>>>);
    impl Op<f64> for Witness {
        type Saved = ();

        fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
            (x[0].clone(), ())
        }

        fn vjp(&self, _: usize, _: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
            self.0.lock().unwrap().push(is_recording());
            grad.clone()
        }
    }
    let (x, seen) = (parameter([2.0]), Arc::default());
    let y = Var::apply(Witness(Arc::clone(&seen)), &[&x]).sum();
    y.grad(&[&x]);
    y.backward();
    assert_eq!(*seen.lock().unwrap(), [true, false]);
    assert!(is_recording());
}

/// The identity, which reports how many links of its chain are alive when its gradient is asked for.
#[derive(Debug)]
struct Link {
    chain: Arc<Mutex<Vec<usize>>>,
}

impl Op<f64> for Link {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
        (x[0].clone(), ())
    }

    fn reads(&self) -> Reads {
        Reads::NOTHING
    }

    fn vjp(&self, _: usize, _: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
        self.chain.lock().unwrap().push(Arc::strong_count(&self.chain) - 1);
        grad.clone()
    }
}

#[test]
fn backward_frees_the_graph_as_it_passes_and_grad_keeps_it() {
    let chain = Arc::new(Mutex::new(Vec::new()));
    let x = parameter([1.0]);
    let build =
        || (0..5).fold(x.clone(), |y, _| Var::apply(Link { chain: Arc::clone(&chain) }, &[&y]));
    let y = build();
    y.grad(&[&x]);
    assert_eq!(std::mem::take(&mut *chain.lock().unwrap()), [5; 5]);
    y.backward();
    assert_eq!(std::mem::take(&mut *chain.lock().unwrap()), [5, 4, 3, 2, 1]);
    assert_eq!(Arc::strong_count(&chain), 1);

    // Dropped undifferentiated, and held by somebody else.
    drop(build());
    assert_eq!(Arc::strong_count(&chain), 1);
    let y = build();
    let held = y.clone();
    y.backward();
    assert_eq!(Arc::strong_count(&chain), 6);
    drop(held);
    assert_eq!(Arc::strong_count(&chain), 1);
}

#[test]
fn gradients_do_not_keep_their_graph_alive() {
    let chain = Arc::new(Mutex::new(Vec::new()));
    let x = parameter([1.0]);
    let grads = Var::apply(Link { chain: Arc::clone(&chain) }, &[&x]).backward();
    assert_eq!(Arc::strong_count(&chain), 1);
    assert_eq!(grads.get(&x), Some(&[1.0].into()));
}

/// A thread whose stack a recursion over the graph would overflow many times.
fn with_small_stack(f: impl FnOnce() + Send + 'static) {
    thread::Builder::new().stack_size(128 << 10).spawn(f).unwrap().join().unwrap();
}

const LONG: usize = 200_000;

fn long_chain(x: &Var<f64>) -> Var<f64> {
    (0..LONG).fold(x.clone(), |y, _| &y + x)
}

#[test]
fn a_chain_of_200_000_calls_is_built_differentiated_printed_and_dropped() {
    with_small_stack(|| {
        let x = Var::parameter(Tensor::scalar(1.0));
        let y = long_chain(&x);
        assert_eq!(y.value().item(), (LONG + 1) as f64);
        let printed = format!("{y:?} {:?}", y.clone().sum());
        assert!(printed.len() < 200, "{printed}");
        assert_eq!(y.grad(&[&x])[0].value().item(), (LONG + 1) as f64);
        assert_eq!(y.backward().get(&x).unwrap().item(), (LONG + 1) as f64);
        drop(long_chain(&x));
    });
}

#[test]
fn a_chain_of_200_000_products_can_be_differentiated_twice() {
    with_small_stack(|| {
        let x = Var::parameter(Tensor::scalar(1.0));
        let one = Var::constant(Tensor::scalar(1.0));
        let y = (0..LONG).fold(&x * &x, |y, _| &y * &one);
        let slope = y.grad(&[&x]).remove(0);
        assert_eq!(slope.value().item(), 2.0);
        drop(y);
        assert_eq!(slope.backward().get(&x).unwrap().item(), 2.0);
    });
}

#[test]
fn variables_may_be_sent_and_shared_and_one_graph_differentiated_by_several_threads() {
    fn is_shared<T: Send + Sync>(_: &T) {}
    let x = Var::parameter(noise(&[40, 40], 1));
    let y = x.matmul(&x.transpose()).tanh().log_softmax(1).sum();
    is_shared(&y);
    let want = y.grad(&[&x])[0].value().clone();
    thread::scope(|scope| {
        let gradient = || y.grad(&[&x])[0].value().clone();
        let backward = || y.clone().backward().get(&x).unwrap().clone();
        let (first, second) = (scope.spawn(gradient), scope.spawn(gradient));
        let third = scope.spawn(backward);
        assert_eq!(first.join().unwrap(), want);
        assert_eq!(second.join().unwrap(), want);
        let difference = third.join().unwrap().zip(&want, |a, b| (a - b).abs());
        assert!(difference.as_slice().iter().all(|&d| d < 1e-12));
    });
}

#[test]
fn a_graph_may_cross_threads_while_it_is_built() {
    let x = parameter([2.0]);
    let y = thread::scope(|scope| scope.spawn(|| &x * &x).join().unwrap());
    assert_eq!((y * x.clone()).sum().grad(&[&x])[0].value(), &[12.0].into());
}

#[test]
fn nan_passes_every_kink() {
    let x = Var::parameter(Tensor::<f64>::full([1, 1, 2, 2], f64::NAN));
    let geometry = Window::square(2).pool([2, 2]).unwrap();
    for y in [
        x.relu(),
        x.leaky_relu(0.1),
        x.clamp(-1.0, 1.0),
        x.abs(),
        x.max(),
        max_pool2d(&geometry, &x).0,
        x.softplus(),
        x.sigmoid(),
        x.gelu(),
    ] {
        assert!(y.value().as_slice().iter().all(|v| v.is_nan()), "{y:?}");
    }
    // One among numbers wins a maximum.
    let one = Tensor::from([[1.0, f64::NAN], [3.0, f64::INFINITY]]).reshape([1, 1, 2, 2]);
    let one = Var::constant(one);
    assert!(one.max().value().item().is_nan());
    assert!(max_pool2d(&geometry, &one).0.value().item().is_nan());
}

#[test]
fn slopes_at_kinks_are_the_convention() {
    let zero = parameter([0.0]);
    let slope = |y: Var<f64>| y.sum().backward().get(&zero).unwrap().item();
    assert_eq!(slope(zero.relu()), 0.0);
    assert_eq!(slope(zero.leaky_relu(0.1)), 0.1);
    assert_eq!(slope(zero.abs()), 0.0);
    assert_eq!(slope(zero.clamp(0.0, 1.0)), 1.0);
    assert_eq!(slope(zero.clamp(-1.0, 0.0)), 1.0);
    assert_eq!(slope(zero.powi(0)), 0.0);
    assert_eq!(slope(zero.powi(1)), 1.0);
    // Of equals the first alone gets the gradient.
    let tied = parameter([1.0, 2.0, 2.0]);
    assert_eq!(tied.max().backward().get(&tied), Some(&[0.0, 1.0, 0.0].into()));
}

#[test]
fn large_numbers_overflow_no_intermediate() {
    for v in [-1e4, -800.0, 800.0, 1e4] {
        let x = parameter([v]);
        let positive = f64::from(u8::from(v > 0.0));
        for (y, value, slope) in [
            (x.sigmoid(), positive, 0.0),
            (x.softplus(), v * positive, positive),
            (x.gelu(), v * positive, positive),
            (x.tanh(), v.signum(), 0.0),
        ] {
            assert_eq!(y.value().item(), value, "{y:?}");
            assert_eq!(y.sum().backward().get(&x).unwrap().item(), slope, "{v}");
        }
    }
}

#[test]
fn gradients_come_for_every_parameter_that_was_reached_by_its_id() {
    let (x, y, idle) = (parameter([1.0, 2.0]), parameter([3.0]), parameter([4.0]));
    let grads = (x.sum().mul_scalar(2.0) + y.sum()).backward();
    assert_eq!(grads.get(&idle), None);
    let found: Vec<_> = grads.into_iter().map(|(id, gradient)| (Some(id), gradient)).collect();
    assert_eq!(found, [(x.id(), [2.0; 2].into()), (y.id(), [1.0].into())]);
}

#[test]
fn debug_shows_the_call_and_not_the_graph() {
    let x = parameter([1.0]);
    assert_eq!(format!("{x:?}"), "Tensor<f64>[1] [1.0] (parameter)");
    assert_eq!(format!("{:?}", x.detach()), "Tensor<f64>[1] [1.0] (constant)");
    assert_eq!(format!("{:?}", &(&x + &x) + &x), "Tensor<f64>[1] [3.0] by Add");
}

#[test]
fn an_op_that_reads_what_it_did_not_declare_is_stopped() {
    #[derive(Debug)]
    struct Forgetful;
    impl Op<f64> for Forgetful {
        type Saved = ();

        fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
            (x[0].clone(), ())
        }

        fn reads(&self) -> Reads {
            Reads::OUTPUT
        }

        fn vjp(&self, _: usize, call: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
            grad * &(call.output() * call.input(0))
        }
    }
    let x = parameter([1.0]);
    let message = panic_of(|| Var::apply(Forgetful, &[&x]).backward());
    assert!(message.contains("an op's gradients read what `reads` declares"), "{message}");
}

#[test]
fn only_gradients_that_somebody_wants_are_computed() {
    #[derive(Debug)]
    struct Product(Arc<Mutex<Vec<usize>>>);
    impl Op<f64> for Product {
        type Saved = ();

        fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
            (x[0].zip(x[1], |a, b| a * b), ())
        }

        fn vjp(&self, i: usize, call: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
            self.0.lock().unwrap().push(i);
            grad * &call.input(1 - i)
        }
    }
    let (x, asked) = (parameter([2.0]), Arc::default());
    Var::apply(Product(Arc::clone(&asked)), &[&x.detach(), &x]).sum().backward();
    assert_eq!(*asked.lock().unwrap(), [1]);
}

/// x³, of which nothing is known but what it is composed of.
#[derive(Debug)]
struct Composed;

impl Op<f64> for Composed {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
        (x[0].map(|v| v.powi(3)), ())
    }

    fn vjp(&self, i: usize, call: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
        call.composed_vjp(i, grad, |x| &(&x[0] * &x[0]) * &x[0])
    }
}

#[test]
fn an_op_that_is_only_composed_is_differentiated_once_and_again() {
    let x = parameter([2.0, -1.0]);
    let cubed = || Var::apply(Composed, &[&x]).sum();
    assert_eq!(cubed().backward().get(&x), Some(&[12.0, 3.0].into()));
    let slope = cubed().grad(&[&x]).remove(0);
    assert_eq!(slope.value(), &[12.0, 3.0].into());
    assert_eq!(slope.sum().grad(&[&x])[0].value(), &[12.0, -6.0].into());
}
