//! Times the benchmark cases in Burn: its `flex` CPU backend, and autodiff around it. See ../README.md.
//!
//! The gradient of an operation's output is one everywhere, where the other peers take a random one:
//! `backward` takes none, and a sum with weights would be timed along.

use burn::{
    module::Module,
    nn::{
        PaddingConfig2d,
        conv::{Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig},
        loss::CrossEntropyLossConfig,
    },
    optim::{GradientsParams, SgdConfig, momentum::MomentumConfig},
    tensor::{
        Device, Distribution, Int, Tensor, TensorData,
        activation::relu,
        module::{batch_norm_train, interpolate, max_pool2d},
        ops::{InterpolateMode, InterpolateOptions, MaxPoolOptions},
    },
};
use clock::{Options, Pass, Run, Window};

#[path = "../../clock.rs"]
mod clock;

fn main() {
    Options::parse().measure("burn", build);
}

fn build(case: &str, pass: Pass) -> Option<Run> {
    if let Some(w) = clock::convolution(case) {
        let layer = conv(w.channels, w.kernel, w.stride, &device(pass));
        return Some(layer_run(&w, pass, move |x| layer.forward(x)));
    }
    if let Some(w) = clock::deconvolution(case) {
        let layer = deconv(w.channels, [w.kernel, w.stride, w.padding], &device(pass));
        return Some(layer_run(&w, pass, move |x| layer.forward(x)));
    }
    Some(match case {
        "Gpool" => operation(random(clock::POOL, pass), pass, pool),
        "Gup" => operation(random(clock::BILINEAR, pass), pass, bilinear),
        "Gbn" => {
            let norm = Norm::new(clock::BATCH_NORM[1], &device(pass));
            operation(random(clock::BATCH_NORM, pass), pass, move |x| norm.forward(x))
        }
        "Gce" => {
            let labels = labels(clock::CROSS_ENTROPY, clock::CROSS_ENTROPY[1], pass);
            operation(random(clock::CROSS_ENTROPY, pass), pass, move |x| {
                cross_entropy(x, labels.clone())
            })
        }
        "H" => training(NetworkH::new(&device(pass)), clock::H_PICTURES, clock::H_CLASSES, pass),
        "I" if pass == Pass::Forward => inference(NetworkH::new(&device(pass)), clock::H_PICTURES),
        "U" => training(NetworkU::new(&device(pass)), clock::U_PICTURES, clock::U_CLASSES, pass),
        _ => return None,
    })
}

/// A device that records for a backward pass only if there will be one.
fn device(pass: Pass) -> Device {
    match pass {
        Pass::Forward => Device::flex(),
        Pass::Both => Device::flex().autodiff(),
    }
}

fn random(shape: [usize; 4], pass: Pass) -> Tensor<4> {
    Tensor::random(shape, Distribution::Normal(0.0, 1.0), &device(pass))
}

fn labels(shape: [usize; 4], classes: usize, pass: Pass) -> Tensor<1, Int> {
    let labels: Vec<i32> =
        clock::labels(shape, classes).into_iter().map(|label| label as i32).collect();
    let count = labels.len();
    Tensor::from_data(TensorData::new(labels, [count]), &device(pass))
}

/// One operation with its parameters: `fb` goes to the input and, as they want gradients too, to those.
fn operation<const D: usize>(
    x: Tensor<4>,
    pass: Pass,
    forward: impl Fn(Tensor<4>) -> Tensor<D> + 'static,
) -> Run {
    match pass {
        Pass::Forward => Box::new(move || drop(forward(x.clone()))),
        Pass::Both => {
            let x = x.require_grad();
            Box::new(move || drop(forward(x.clone()).backward()))
        }
    }
}

fn layer_run(w: &Window, pass: Pass, forward: impl Fn(Tensor<4>) -> Tensor<4> + 'static) -> Run {
    operation(random(w.input(), pass), pass, forward)
}

fn conv(channels: [usize; 2], kernel: usize, stride: usize, device: &Device) -> Conv2d {
    conv_config(channels, kernel, stride).init(device)
}

fn conv_config(channels: [usize; 2], kernel: usize, stride: usize) -> Conv2dConfig {
    let padding = kernel / 2;
    Conv2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding(PaddingConfig2d::Explicit(padding, padding, padding, padding))
}

fn deconv(
    channels: [usize; 2],
    [kernel, stride, padding]: [usize; 3],
    device: &Device,
) -> ConvTranspose2d {
    ConvTranspose2dConfig::new(channels, [kernel, kernel])
        .with_stride([stride, stride])
        .with_padding([padding, padding])
        .init(device)
}

fn pool(x: Tensor<4>) -> Tensor<4> {
    max_pool2d(x, MaxPoolOptions::new([2, 2]))
}

fn bilinear(x: Tensor<4>) -> Tensor<4> {
    let options = InterpolateOptions::new(InterpolateMode::Bilinear)
        .with_align_corners(false)
        .with_scale_factor([2.0, 2.0]);
    interpolate(x, options)
}

/// The mean over all pixels; Burn's loss takes one row a pixel.
fn cross_entropy(logits: Tensor<4>, labels: Tensor<1, Int>) -> Tensor<1> {
    let classes = logits.dims()[1];
    let rows = logits.permute([0, 2, 3, 1]).reshape([-1, classes as i32]);
    CrossEntropyLossConfig::new().init(&rows.device()).forward(rows, labels)
}

/// Batch norm by the batch's statistics, with a backward pass to come or not: Burn's own layer takes
/// the moving ones where nothing is recorded.
#[derive(Module, Debug)]
struct Norm {
    scale: burn::module::Param<Tensor<1>>,
    offset: burn::module::Param<Tensor<1>>,
}

impl Norm {
    fn new(channels: usize, device: &Device) -> Self {
        Self {
            scale: burn::nn::Initializer::Ones.init([channels], device),
            offset: burn::nn::Initializer::Zeros.init([channels], device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        batch_norm_train(x, self.scale.val(), self.offset.val(), 1e-5).output
    }
}

trait Network: Module + 'static {
    fn forward(&self, x: Tensor<4>) -> Tensor<4>;
}

/// A small FCN: three stages, the scores of the last two added, two deconvolutions.
#[derive(Module, Debug)]
struct NetworkH {
    convs: Vec<[Conv2d; 2]>,
    score: Conv2d,
    skip: Conv2d,
    up2: ConvTranspose2d,
    up4: ConvTranspose2d,
}

impl NetworkH {
    fn new(device: &Device) -> Self {
        let stage = |[a, b]: [usize; 2]| [conv([a, b], 3, 1, device), conv([b, b], 3, 1, device)];
        let classes = clock::H_CLASSES;
        Self {
            convs: [[3, 32], [32, 64], [64, 128]].map(stage).into(),
            score: conv([128, classes], 1, 1, device),
            skip: conv([64, classes], 1, 1, device),
            up2: deconv([classes, classes], [4, 2, 1], device),
            up4: deconv([classes, classes], [8, 4, 2], device),
        }
    }
}

impl Network for NetworkH {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let stage =
            |x, [first, second]: &[Conv2d; 2]| pool(relu(second.forward(relu(first.forward(x)))));
        let second = self.convs[..2].iter().fold(x, stage);
        let third = stage(second.clone(), &self.convs[2]);
        let sum = self.up2.forward(self.score.forward(third)) + self.skip.forward(second);
        self.up4.forward(sum)
    }
}

/// Twice convolution, batch norm, relu.
#[derive(Module, Debug)]
struct Stage {
    convs: [Conv2d; 2],
    norms: [Norm; 2],
}

impl Stage {
    fn new([inputs, outputs]: [usize; 2], device: &Device) -> Self {
        let conv = |inputs| conv_config([inputs, outputs], 3, 1).with_bias(false).init(device);
        Self {
            convs: [conv(inputs), conv(outputs)],
            norms: [0; 2].map(|_| Norm::new(outputs, device)),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.convs
            .iter()
            .zip(&self.norms)
            .fold(x, |x, (conv, norm)| relu(norm.forward(conv.forward(x))))
    }
}

/// A U-Net with batch norm.
#[derive(Module, Debug)]
struct NetworkU {
    down: Vec<Stage>,
    up: Vec<ConvTranspose2d>,
    merge: Vec<Stage>,
    score: Conv2d,
}

impl NetworkU {
    fn new(device: &Device) -> Self {
        let widths = clock::U_WIDTHS;
        let rising = || widths.windows(2).rev().map(|pair| [pair[1], pair[0]]);
        Self {
            down: [3]
                .iter()
                .chain(&widths)
                .zip(&widths)
                .map(|(&a, &b)| Stage::new([a, b], device))
                .collect(),
            up: rising().map(|channels| deconv(channels, [2, 2, 0], device)).collect(),
            merge: rising().map(|[_, b]| Stage::new([2 * b, b], device)).collect(),
            score: conv([widths[0], clock::U_CLASSES], 1, 1, device),
        }
    }
}

impl Network for NetworkU {
    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mut skips = vec![self.down[0].forward(x)];
        for stage in &self.down[1..] {
            let pooled = pool(skips.last().expect("the first stage's").clone());
            skips.push(stage.forward(pooled));
        }
        let mut x = skips.pop().expect("the last stage's");
        for (up, stage) in self.up.iter().zip(&self.merge) {
            let skip = skips.pop().expect("one for each way up");
            x = stage.forward(Tensor::cat(vec![skip, up.forward(x)], 1));
        }
        self.score.forward(x)
    }
}

/// A step of SGD with momentum, or the loss alone.
fn training(network: impl Network, shape: [usize; 4], classes: usize, pass: Pass) -> Run {
    let (x, labels) = (random(shape, pass), labels(shape, classes, pass));
    if pass == Pass::Forward {
        return Box::new(move || drop(cross_entropy(network.forward(x.clone()), labels.clone())));
    }
    let momentum = MomentumConfig::new().with_momentum(clock::MOMENTUM).with_dampening(0.0);
    let mut optim = SgdConfig::new().with_momentum(Some(momentum)).init();
    let mut current = Some(network);
    Box::new(move || {
        let network = current.take().expect("put back by every step");
        let grads = cross_entropy(network.forward(x.clone()), labels.clone()).backward();
        let grads = GradientsParams::from_grads(grads, &network);
        current = Some(optim.step(clock::LEARNING_RATE, network, grads));
    })
}

fn inference(network: impl Network, shape: [usize; 4]) -> Run {
    let x = random(shape, Pass::Forward);
    Box::new(move || drop(network.forward(x.clone())))
}
