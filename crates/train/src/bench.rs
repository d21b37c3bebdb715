//! What is timed: single functions at the sizes that networks have, and whole training steps.

mod network_h;

use mirrorgrad_autograd::{Var, no_grad, ops};
use mirrorgrad_layers::models::{UNet, UNetConfig};
use mirrorgrad_layers::optim::{Optimizer, Sgd};
use mirrorgrad_layers::{Draws, Module, Params, Pass, seeded, summary};
use mirrorgrad_tensor::{
    ClassTargets, Corners, Epilogue, Form, PixelLoss, Resample, Tensor, Window,
};
use network_h::{CLASSES, NetworkH};

/// The names of all cases.
///
/// ```
/// # use mirrorgrad_train::bench::NAMES;
/// assert!(NAMES.contains(&"H"));
/// ```
pub const NAMES: [&str; 16] =
    ["A", "B", "C", "D", "E", "F", "Gpool", "Gup", "Gbn", "Gce", "H", "I", "J", "K", "L", "U"];

/// Something to time. Each pass does its work once when called.
///
/// ```
/// # use mirrorgrad_train::bench::{Case, StepSize, named};
/// let Case { gflop, mut forward, both, .. } = named("L", StepSize::default());
/// forward();
/// both.expect("a convolution has gradients")();
/// assert!((gflop.expect("it multiplies") - 0.302).abs() < 1e-3);
/// ```
pub struct Case {
    /// What it is, in words.
    pub title: String,
    /// Billions of floating-point operations of a forward pass, where they are what counts. A pass
    /// back takes twice as many.
    pub gflop: Option<f64>,
    /// Forward, recording nothing.
    pub forward: Box<dyn FnMut()>,
    /// Forward and backward, and an optimizer's step where there is something to train.
    pub both: Option<Box<dyn FnMut()>>,
}

/// The size of network H's step.
///
/// ```
/// # use mirrorgrad_train::bench::{StepSize, named};
/// let one = named("I", StepSize { batch: 1, side: 8, width: 2 });
/// assert_eq!(one.title, "inference of the FCN, 1 of 3x8x8");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StepSize {
    /// Pictures.
    pub batch: usize,
    /// Height and width of each.
    pub side: usize,
    /// Channels of the first stage.
    pub width: usize,
}

impl Default for StepSize {
    fn default() -> Self {
        Self { batch: 8, side: 64, width: 32 }
    }
}

/// The case of a name; `size` is that of H and I.
///
/// ```
/// # use mirrorgrad_train::bench::{StepSize, named};
/// let case = named("Gpool", StepSize::default());
/// assert_eq!(case.title, "max pool 2x2, 8 of 64x128x128");
/// ```
///
/// # Panics
/// If there is none.
#[track_caller]
pub fn named(name: &str, size: StepSize) -> Case {
    let three = Window::square(3).padding(1);
    match name {
        "A" => conv(three, 8, [64, 64], 64),
        "B" => conv(three.stride(2), 8, [64, 128], 64),
        "C" => deconv(Window::square(4).stride(2).padding(1), 8, [128, 64], 32),
        "D" => deconv(Window::square(16).stride(8).padding(4), 4, [21, 21], 32),
        "E" => conv(Window::square(1), 8, [256, 64], 64),
        "F" => conv(three, 8, [3, 32], 128),
        "J" => conv(three, 4, [256, 256], 32),
        "K" => conv(three, 4, [512, 512], 16),
        "L" => conv(three, 1, [64, 64], 64),
        "Gpool" => max_pool(),
        "Gup" => bilinear(),
        "Gbn" => batch_norm(),
        "Gce" => cross_entropy(),
        "H" => network_h(size),
        "I" => inference(size),
        "U" => unet(),
        _ => panic!("there is no benchmark case {name}"),
    }
}

fn noise(shape: &[usize]) -> Var {
    Var::parameter(Tensor::normal(shape, 1.0, &mut seeded(0)))
}

fn labels(shape: [usize; 3], classes: usize) -> ClassTargets {
    let labels = (0..shape.iter().product()).map(|i: usize| (i / 7 % classes) as i64);
    ClassTargets::new(shape, labels, classes, None).expect("every label is a class")
}

fn mean_loss(scores: &Var, targets: &ClassTargets) -> Var {
    ops::cross_entropy(scores, targets, &PixelLoss::default(), ops::Reduction::Mean)
}

/// A function of parameters, and the way back from a gradient of its result to all of them.
fn function(
    title: String,
    gflop: Option<f64>,
    operands: Vec<Var>,
    call: impl Fn(&[Var]) -> Var + Clone + 'static,
) -> Case {
    let shape = no_grad(|| call(&operands)).shape().to_vec();
    let grad = Var::constant(Tensor::normal(shape, 1.0, &mut seeded(0)));
    let (forward, inputs) = (call.clone(), operands.clone());
    Case {
        title,
        gflop,
        forward: Box::new(move || drop(no_grad(|| forward(&inputs)))),
        both: Some(Box::new(move || {
            let y = call(&operands);
            let to: Vec<&Var> = operands.iter().collect();
            drop(no_grad(|| y.grad_with(&grad, &to)));
        })),
    }
}

fn conv(window: Window, batch: usize, [inputs, outputs]: [usize; 2], side: usize) -> Case {
    let geometry = window.conv([side; 2]).expect("the window fits");
    let [kernel, _] = geometry.kernel();
    let operands = vec![
        noise(&[batch, inputs, side, side]),
        noise(&[outputs, inputs, kernel, kernel]),
        noise(&[outputs]),
    ];
    let terms = batch * Form::from(geometry).multiply_adds(operands[1].shape());
    let stride = window.stride[0];
    function(
        format!(
            "conv {kernel}x{kernel} stride {stride}, {batch} of {inputs}x{side}x{side} to {outputs}"
        ),
        Some(2e-9 * terms as f64),
        operands,
        move |x| ops::conv2d(geometry, &x[0], &x[1], Some(&x[2])),
    )
}

fn deconv(window: Window, batch: usize, [inputs, outputs]: [usize; 2], side: usize) -> Case {
    let geometry = window.transposed([side; 2]).expect("the window fits");
    let [kernel, _] = geometry.kernel();
    let operands = vec![
        noise(&[batch, inputs, side, side]),
        noise(&[inputs, outputs, kernel, kernel]),
        noise(&[outputs]),
    ];
    let terms = batch * Form::from(geometry).multiply_adds(operands[1].shape());
    let stride = window.stride[0];
    function(
        format!(
            "deconv {kernel}x{kernel} stride {stride}, {batch} of {inputs}x{side}x{side} to {outputs}"
        ),
        Some(2e-9 * terms as f64),
        operands,
        move |x| ops::conv_transpose2d(geometry, &x[0], &x[1], Some(&x[2])),
    )
}

fn max_pool() -> Case {
    let geometry = Window::square(2).stride(2).pool([128; 2]).expect("the window fits");
    let x = noise(&[8, 64, 128, 128]);
    function("max pool 2x2, 8 of 64x128x128".into(), None, vec![x], move |x| {
        ops::max_pool2d(&geometry, &x[0]).0
    })
}

fn bilinear() -> Case {
    let double = Resample::bilinear([64; 2], [128; 2], Corners::HalfPixel);
    let x = noise(&[8, 64, 64, 64]);
    function("bilinear to twice the size, 8 of 64x64x64".into(), None, vec![x], move |x| {
        ops::resample(&double, &x[0])
    })
}

fn batch_norm() -> Case {
    let operands = vec![noise(&[8, 64, 64, 64]), noise(&[64]), noise(&[64])];
    function("batch norm while training, 8 of 64x64x64".into(), None, operands, |x| {
        ops::batch_norm(&x[0], &x[1], &x[2], 1e-5, Epilogue::Identity).0
    })
}

fn cross_entropy() -> Case {
    let targets = labels([8, 128, 128], 21);
    let scores = noise(&[8, 21, 128, 128]);
    function("cross entropy of 21 classes, 8 of 128x128".into(), None, vec![scores], move |x| {
        mean_loss(&x[0], &targets)
    })
}

/// A training step of a network: forward, cross entropy, backward, SGD with momentum.
fn step(title: String, network: impl Module + 'static, shape: [usize; 4], classes: usize) -> Case {
    let [batch, _, height, width] = shape;
    let x = Var::constant(Tensor::normal(shape, 1.0, &mut seeded(0)));
    let targets = labels([batch, height, width], classes);
    let gflop = multiply_adds(&network, shape);
    let network = std::rc::Rc::new(network);
    let params = Params::of(&*network);
    let mut sgd = Sgd::new(0.9);
    let mut step = 0;
    let (own, own_x, own_targets) = (network.clone(), x.clone(), targets.clone());
    Case {
        title,
        gflop,
        forward: Box::new(move || {
            let pass = Pass::train(Draws::new(0, 0));
            drop(no_grad(|| mean_loss(&own.forward(&own_x, &pass), &own_targets)));
        }),
        both: Some(Box::new(move || {
            let pass = Pass::train(Draws::new(0, step));
            let scores = network.forward(&x, &pass);
            let loss = mean_loss(&scores, &targets);
            drop(scores);
            sgd.step(&params, &params.backward(loss, pass), 0.01);
            step += 1;
        })),
    }
}

/// Billions of floating-point operations of a batch.
fn multiply_adds(network: &impl Module, [batch, rest @ ..]: [usize; 4]) -> Option<f64> {
    let picture: Vec<usize> = std::iter::once(1).chain(rest).collect();
    let each = summary(network, &picture).iter().map(|(call, _)| call.multiply_adds).sum::<usize>();
    Some(2e-9 * (batch * each) as f64)
}

fn network_h(StepSize { batch, side, width }: StepSize) -> Case {
    let network = NetworkH::new(width);
    let title = format!("a training step of an FCN, {batch} of 3x{side}x{side}");
    step(title, network, [batch, 3, side, side], CLASSES)
}

fn inference(StepSize { batch, side, width }: StepSize) -> Case {
    let network = NetworkH::new(width);
    let shape = [batch, 3, side, side];
    let x = Var::constant(Tensor::normal(shape, 1.0, &mut seeded(0)));
    Case {
        title: format!("inference of the FCN, {batch} of 3x{side}x{side}"),
        gflop: multiply_adds(&network, shape),
        forward: Box::new(move || drop(no_grad(|| network.forward(&x, &Pass::eval())))),
        both: None,
    }
}

fn unet() -> Case {
    const CLASSES: usize = 11;
    let network = UNet::new(&UNetConfig::new(CLASSES), &mut seeded(0));
    step("a training step of a U-Net, 8 of 3x96x128".into(), network, [8, 3, 96, 128], CLASSES)
}
