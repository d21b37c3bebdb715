//! The record of one computation.

use mirrorgrad_autograd::record::{Description, Function, Id, Recording, Source, record};
use mirrorgrad_autograd::{Call, Op, Var, is_recording, no_grad, ops};
use mirrorgrad_tensor::{Tensor, Window};

fn described(recording: &Recording<f64>) -> Vec<Option<Description>> {
    recording.steps().iter().map(|step| step.describe()).collect()
}

fn x() -> Tensor<f64> {
    [1.0, -2.0].into()
}

#[test]
fn what_does_not_depend_on_the_input_is_a_constant_of_the_step_that_reads_it() {
    let weight = Var::parameter(Tensor::from([3.0, 4.0]));
    let (recording, y) = record(x(), |x| x * &(&weight * &weight).add_scalar(1.0));
    assert_eq!(described(&recording), [Some(Description::Mul)]);
    let step = &recording.steps()[0];
    assert_eq!(step.operands(), 2);
    assert!(matches!(step.operand(0), Source::Step(id) if id == recording.input()));
    let Source::Constant(value) = step.operand(1) else { panic!("{step:?}") };
    assert_eq!(value, &[10.0, 17.0].into());
    assert_eq!((y.id(), y.value()), (Some(step.id()), &[10.0, -34.0].into()));
}

#[test]
fn a_parameter_is_a_constant_with_its_own_numbers() {
    let weight = Var::parameter(Tensor::from([3.0, 4.0]));
    let (recording, _) = record(x(), |x| x + &weight);
    let Source::Constant(value) = recording.steps()[0].operand(1) else { panic!("it is known") };
    assert_eq!(value.as_slice().as_ptr(), weight.value().as_slice().as_ptr());
}

#[test]
fn steps_come_after_what_they_read_and_each_once() {
    let (recording, _) = record(x(), |x| {
        let both = x.exp() + x.relu();
        &both * &(&both - x)
    });
    let mut known = vec![recording.input()];
    for step in recording.steps() {
        for i in 0..step.operands() {
            assert!(matches!(step.operand(i), Source::Step(id) if known.contains(&id)), "{step:?}");
        }
        assert!(!known.contains(&step.id()));
        known.push(step.id());
    }
    assert_eq!(recording.steps().len(), 5);
}

#[test]
fn what_the_result_is_not_made_of_is_no_step() {
    let (recording, _) = record(x(), |x| {
        x.exp();
        x.relu()
    });
    assert_eq!(described(&recording), [Some(Description::Function(Function::Relu))]);
}

#[test]
fn a_result_that_does_not_depend_on_the_input_has_no_steps() {
    let (recording, y) = record(x(), |x| no_grad(|| x.exp()) + x.detach());
    assert!(recording.steps().is_empty() && y.id().is_none());
    let (recording, y) = record(x(), Var::clone);
    assert!(recording.steps().is_empty() && y.id() == Some(recording.input()));
}

#[test]
fn afterwards_calls_are_recorded_as_before() {
    let weight = Var::parameter(Tensor::from([3.0, 4.0]));
    let (_, y) = record(x(), |x| {
        assert!(!is_recording());
        x * &weight
    });
    assert!(is_recording());
    let loss = (&weight * &weight).sum();
    assert_eq!(loss.grad(&[&weight])[0].value(), &[6.0, 8.0].into());
    let panicked =
        std::panic::catch_unwind(|| record(x(), |_| -> Var<f64> { panic!("on purpose") }));
    assert!(panicked.is_err() && is_recording());
    drop(y);
}

#[test]
fn an_op_that_does_not_describe_itself_is_a_step_that_shows_its_name() {
    #[derive(Debug)]
    struct Cube;
    impl Op<f64> for Cube {
        type Saved = ();
        fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
            (x[0].map(|v| v * v * v), ())
        }
        fn vjp(&self, _: usize, call: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
            grad * &(call.input(0) * call.input(0)).mul_scalar(3.0)
        }
    }
    let (recording, _) = record(x(), |x| Var::apply(Cube, &[x]));
    assert_eq!(described(&recording), [None]);
    assert_eq!(format!("{:?}", recording.steps()[0]), "Cube");
}

#[test]
fn products_logarithms_of_shares_and_maxima_say_what_they_are() {
    let square = Var::constant(Tensor::from([[1.0, 2.0], [3.0, 4.0]]));
    let (recording, _) = record([[1.0, -2.0], [0.5, 4.0]].into(), |x| {
        x.matmul(&square).log_softmax(1).max_axes(&[1])
    });
    let described: Vec<_> = described(&recording).into_iter().flatten().collect();
    for step in [Description::MatMul, Description::LogSoftmax { axis: 1 }, Description::MaxLast] {
        assert!(described.contains(&step), "{step:?} is not in {described:?}");
    }
}

#[test]
fn an_unpooling_tells_which_pool_its_indices_are_of() {
    let picture = Tensor::from_fn([1, 1, 4, 4], |i| (i * 7 % 16) as f64);
    let (recording, _) = record(picture, |x| {
        let pool = Window::square(2).stride(2).pool([4, 4]).unwrap();
        let (y, indices) = ops::max_pool2d(&pool, x);
        ops::max_unpool2d(&y.exp(), &indices)
    });
    let described = described(&recording);
    let [
        Some(Description::MaxPool { indices: of, .. }),
        Some(Description::Function(Function::Exp)),
        Some(Description::MaxUnpool { indices }),
    ] = &described[..]
    else {
        panic!("{described:?}")
    };
    assert_eq!(of.as_slice().as_ptr(), indices.as_slice().as_ptr());
}

#[test]
fn ids_tell_variables_apart_and_grow() {
    let (a, b) = (Var::parameter(x()), Var::parameter(x()));
    let ids: Vec<Id> = [&a, &b, &(&a + &b)].iter().filter_map(|v| v.id()).collect();
    assert!(ids.is_sorted_by(|a, b| a < b) && ids.len() == 3);
    assert_eq!((a.clone().id(), a.detach().id()), (a.id(), None));
}
