//! Every public function of the tensor, autograd and layers crates that takes tensors, axes or sizes is
//! called with wrong ones. It says which function it is, what it expected and what came, at the line of
//! whoever called it.

mod autograd;
mod layers;
mod sources;
mod tensor;

use mirrorgrad_autograd::Var;
use mirrorgrad_layers::models::{Fcn, FcnConfig, UNet, UNetConfig};
use mirrorgrad_layers::{BatchNorm2d, Conv2d, MaxPool2d, Module, Pass, Sequential, Visitor};
use mirrorgrad_tensor::{Tensor, Window};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::cell::RefCell;
use std::collections::BTreeSet;
use std::panic;
use std::sync::Once;

/// A public function, how its message begins, and a call with something wrong.
type Case = (&'static str, &'static str, fn());

/// Public functions that take no shapes: nothing about sizes can be wrong.
struct Without(&'static [&'static str]);

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(0)
}

fn zeros(shape: &[usize]) -> Tensor<f64> {
    Tensor::zeros(shape)
}

fn var(shape: &[usize]) -> Var<f64> {
    Var::parameter(zeros(shape))
}

thread_local!(static LAST: RefCell<Option<(String, String)>> = const { RefCell::new(None) });

/// The message of a call's panic, and the file it names.
fn refusal<R>(call: impl FnOnce() -> R + panic::UnwindSafe) -> (String, String) {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        panic::set_hook(Box::new(|info| {
            let file = info.location().map_or("?", |location| location.file());
            let message = info.payload_as_str().unwrap_or("?");
            eprintln!("{file}: {message}");
            LAST.set(Some((message.to_owned(), file.to_owned())));
        }));
    });
    assert!(panic::catch_unwind(call).is_err(), "nothing is refused");
    LAST.take().expect("it is refused on the caller's thread")
}

/// What is wrong with a refusal: another message than expected, nothing of what came, another file.
fn faults((function, expected, call): &Case) -> Option<String> {
    let (message, file) = refusal(call);
    let came = message.split_once(": ").map_or("", |(_, what)| what);
    let tells = came.contains("got") || came.contains(|c: char| c.is_ascii_digit());
    match () {
        () if !message.starts_with(expected) => {
            Some(format!("{function}: expected {expected:?}, got {message:?}"))
        }
        () if !tells => Some(format!("{function} does not say what came: {message}")),
        () if !file.contains("wrong_shapes") => {
            Some(format!("{function} blames {file}: {message}"))
        }
        () => None,
    }
}

fn check(krate: &str, cases: &[Case], Without(without): Without) {
    let faults: Vec<String> = cases.iter().filter_map(faults).collect();
    assert!(faults.is_empty(), "{}", faults.join("\n"));
    let found = sources::public_functions(krate);
    let known = cases.iter().map(|(function, ..)| *function).chain(without.iter().copied());
    let known: BTreeSet<String> = known.map(str::to_owned).collect();
    let missing: Vec<_> = found.difference(&known).collect();
    assert!(missing.is_empty(), "neither called with wrong sizes nor without any: {missing:?}");
    let gone: Vec<_> = known.difference(&found).collect();
    assert!(gone.is_empty(), "not there any more: {gone:?}");
}

#[test]
fn tensor_functions_name_themselves_and_blame_the_caller() {
    check("tensor", &tensor::cases(), tensor::WITHOUT);
}

#[test]
fn autograd_functions_name_themselves_and_blame_the_caller() {
    check("autograd", &autograd::cases(), autograd::WITHOUT);
}

#[test]
fn layers_name_themselves_and_blame_the_caller() {
    check("layers", &layers::cases(), layers::WITHOUT);
}

/// A network of a user, with a sequence inside.
struct Own {
    first: Conv2d,
    body: Sequential,
}

impl Module for Own {
    fn forward(&self, x: &Var, pass: &Pass) -> Var {
        let x = self.first.forward(x, &pass.child("first"));
        self.body.forward(&x, &pass.child("body"))
    }

    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.child("first", &self.first);
        visitor.child("body", &self.body);
    }
}

fn own(first: [usize; 2]) -> Own {
    let body = Sequential::new()
        .with(BatchNorm2d::new(4))
        .with(Sequential::new().with(MaxPool2d::square(2)).with(MaxPool2d::square(8)));
    Own { first: Conv2d::new(first, Window::square(1), &mut rng()), body }
}

#[test]
fn a_message_names_the_layer_of_a_network_by_its_path() {
    let picture = |shape: [usize; 4]| Var::constant(Tensor::<f32>::zeros(shape));
    let config = UNetConfig { widths: vec![4, 8], ..UNetConfig::new(2) };
    let unet = UNet::<f32>::new(&config, &mut rng());
    let fcn = Fcn::<f32>::new(&FcnConfig { widths: vec![4, 8], ..FcnConfig::new(2) }, &mut rng());
    let networks: [(&dyn Module, [usize; 4], &str); 7] = [
        (&unet, [1, 1, 8, 8], "stages.0.conv1: conv2d: expected an input of shape [batch, 3, "),
        (&unet, [1, 3, 1, 8], "stages.1: max_pool2d: a window of 2 pixels"),
        (&fcn, [1, 4, 8, 8], "stages.0.conv1: conv2d: expected an input of shape [batch, 3, "),
        (&fcn, [1, 3, 3, 8], "stages.1: max_pool2d: a window of 2 pixels"),
        (&own([2, 4]), [1, 3, 8, 8], "first: conv2d: expected an input of shape [batch, 2, "),
        (&own([3, 5]), [1, 3, 8, 8], "body.0: batch_norm: expected an input of shape [batch, 4, "),
        (&own([3, 4]), [1, 3, 8, 8], "body.1.1: max_pool2d: a window of 8 pixels"),
    ];
    for (network, shape, expected) in networks {
        let call = panic::AssertUnwindSafe(|| network.forward(&picture(shape), &Pass::eval()));
        let (message, _) = refusal(call);
        assert!(message.starts_with(expected), "expected {expected:?}, got {message:?}");
    }
}

#[test]
fn a_module_in_a_sequence_blames_whoever_runs_the_sequence() {
    let net = Sequential::<f32>::new().with(Conv2d::new([3, 4], Window::square(1), &mut rng()));
    let x = Var::constant(Tensor::zeros([1, 2, 4, 4]));
    let call = panic::AssertUnwindSafe(|| net.forward(&x, &Pass::eval()));
    let (message, file) = refusal(call);
    assert!(message.starts_with("0: conv2d: expected an input"), "{message}");
    assert!(file.ends_with("wrong_shapes.rs"), "{file}");
}
