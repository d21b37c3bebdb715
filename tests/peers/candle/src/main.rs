//! Times the benchmark cases in Candle on the CPU. See ../README.md.
//!
//! The gradient of an operation's output is one everywhere, where the other peers take a random one:
//! `backward` takes none, and a sum with weights would be timed along. Candle's SGD has no momentum:
//! the step is written here, with the gradients detached, as a velocity would else keep every graph.

use candle_core::{DType, Device, Module, Result, Tensor, Var};
use candle_nn::{BatchNorm, Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig, loss};
use clock::{Options, Pass, Run};

#[path = "../../clock.rs"]
mod clock;

const CPU: Device = Device::Cpu;

fn main() {
    Options::parse().measure("candle", |case, pass| build(case, pass).expect("builds the case"));
}

fn build(case: &str, pass: Pass) -> Result<Option<Run>> {
    let mut weights = Weights { pass, trained: vec![] };
    if let Some(w) = clock::convolution(case) {
        let layer = weights.conv(w.channels, [w.kernel, w.stride], true)?;
        return operation(w.input(), weights, move |x| layer.forward(x)).map(Some);
    }
    if let Some(w) = clock::deconvolution(case) {
        let layer = weights.deconv(w.channels, [w.kernel, w.stride, w.padding])?;
        return operation(w.input(), weights, move |x| layer.forward(x)).map(Some);
    }
    let run = match case {
        "Gpool" => operation(clock::POOL, weights, |x| x.max_pool2d(2)),
        "Gup" if pass == Pass::Forward => {
            let [_, _, height, width] = clock::BILINEAR;
            operation(clock::BILINEAR, weights, move |x| {
                x.upsample_bilinear2d(2 * height, 2 * width, false)
            })
        }
        "Gbn" => {
            let norm = weights.norm(clock::BATCH_NORM[1])?;
            operation(clock::BATCH_NORM, weights, move |x| norm.forward_train(x))
        }
        "Gce" => {
            let labels = labels(clock::CROSS_ENTROPY, clock::CROSS_ENTROPY[1])?;
            operation(clock::CROSS_ENTROPY, weights, move |x| cross_entropy(x, &labels))
        }
        "H" => training(NetworkH::new(&mut weights)?, weights, clock::H_PICTURES, clock::H_CLASSES),
        "I" if pass == Pass::Forward => inference(NetworkH::new(&mut weights)?, clock::H_PICTURES),
        "U" => training(NetworkU::new(&mut weights)?, weights, clock::U_PICTURES, clock::U_CLASSES),
        _ => return Ok(None),
    };
    run.map(Some)
}

/// Makes layers; remembers their weights if they are to get gradients.
struct Weights {
    pass: Pass,
    trained: Vec<Var>,
}

impl Weights {
    fn adopt(&mut self, value: Tensor) -> Result<Tensor> {
        if self.pass == Pass::Forward {
            return Ok(value);
        }
        self.trained.push(Var::from_tensor(&value)?);
        Ok(self.trained[self.trained.len() - 1].as_tensor().clone())
    }

    /// Drawn with the variance that PyTorch's and Burn's layers have by default.
    fn random(&mut self, shape: [usize; 4], terms: usize) -> Result<Tensor> {
        self.adopt(Tensor::randn(0f32, (1.0 / (3 * terms) as f32).sqrt(), &shape, &CPU)?)
    }

    fn zeros(&mut self, channels: usize) -> Result<Tensor> {
        self.adopt(Tensor::zeros(channels, DType::F32, &CPU)?)
    }

    fn conv(
        &mut self,
        [a, b]: [usize; 2],
        [kernel, stride]: [usize; 2],
        bias: bool,
    ) -> Result<Conv2d> {
        let weight = self.random([b, a, kernel, kernel], a * kernel * kernel)?;
        let bias = if bias { Some(self.zeros(b)?) } else { None };
        Ok(Conv2d::new(
            weight,
            bias,
            Conv2dConfig { padding: kernel / 2, stride, ..Default::default() },
        ))
    }

    fn deconv(
        &mut self,
        [a, b]: [usize; 2],
        [kernel, stride, padding]: [usize; 3],
    ) -> Result<ConvTranspose2d> {
        let weight = self.random([a, b, kernel, kernel], a * (kernel / stride).pow(2))?;
        let config = ConvTranspose2dConfig { padding, stride, ..Default::default() };
        Ok(ConvTranspose2d::new(weight, Some(self.zeros(b)?), config))
    }

    fn norm(&mut self, channels: usize) -> Result<BatchNorm> {
        let [zeros, ones] =
            [Tensor::zeros(channels, DType::F32, &CPU)?, Tensor::ones(channels, DType::F32, &CPU)?];
        let (scale, offset) = (self.adopt(ones.copy()?)?, self.zeros(channels)?);
        BatchNorm::new(channels, zeros, ones, scale, offset, 1e-5)
    }
}

fn random(shape: [usize; 4]) -> Result<Tensor> {
    Tensor::randn(0f32, 1f32, &shape, &CPU)
}

fn labels(shape: [usize; 4], classes: usize) -> Result<Tensor> {
    let labels = clock::labels(shape, classes);
    let count = labels.len();
    Tensor::from_vec(labels, count, &CPU)
}

/// The mean over all pixels; Candle's loss takes one row a pixel.
fn cross_entropy(logits: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let classes = logits.dim(1)?;
    loss::cross_entropy(&logits.permute((0, 2, 3, 1))?.reshape(((), classes))?, labels)
}

/// Runs what must not fail.
fn timed(mut run: impl FnMut() -> Result<()> + 'static) -> Run {
    Box::new(move || run().expect("the case runs"))
}

/// One operation, or its gradients for the input and the weights.
fn operation(
    shape: [usize; 4],
    mut weights: Weights,
    forward: impl Fn(&Tensor) -> Result<Tensor> + 'static,
) -> Result<Run> {
    let x = weights.adopt(random(shape)?)?;
    let pass = weights.pass;
    Ok(timed(move || {
        let y = forward(&x)?;
        if pass == Pass::Both {
            y.backward()?;
        }
        Ok(())
    }))
}

trait Network: 'static {
    fn forward(&self, x: &Tensor) -> Result<Tensor>;
}

/// A small FCN: three stages, the scores of the last two added, two deconvolutions.
struct NetworkH {
    stages: [[Conv2d; 2]; 3],
    score: Conv2d,
    skip: Conv2d,
    up2: ConvTranspose2d,
    up4: ConvTranspose2d,
}

impl NetworkH {
    fn new(weights: &mut Weights) -> Result<Self> {
        let mut stage = |[a, b]: [usize; 2]| {
            Ok::<_, candle_core::Error>([
                weights.conv([a, b], [3, 1], true)?,
                weights.conv([b, b], [3, 1], true)?,
            ])
        };
        let classes = clock::H_CLASSES;
        Ok(Self {
            stages: [stage([3, 32])?, stage([32, 64])?, stage([64, 128])?],
            score: weights.conv([128, classes], [1, 1], true)?,
            skip: weights.conv([64, classes], [1, 1], true)?,
            up2: weights.deconv([classes, classes], [4, 2, 1])?,
            up4: weights.deconv([classes, classes], [8, 4, 2])?,
        })
    }
}

impl Network for NetworkH {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let stage = |x: &Tensor, [first, second]: &[Conv2d; 2]| {
            second.forward(&first.forward(x)?.relu()?)?.relu()?.max_pool2d(2)
        };
        let [first, second, third] = &self.stages;
        let skip = stage(&stage(x, first)?, second)?;
        let score = self.score.forward(&stage(&skip, third)?)?;
        self.up4.forward(&(self.up2.forward(&score)? + self.skip.forward(&skip)?)?)
    }
}

/// Twice convolution, batch norm, relu.
struct Stage([(Conv2d, BatchNorm); 2]);

impl Stage {
    fn new([inputs, outputs]: [usize; 2], weights: &mut Weights) -> Result<Self> {
        let mut half = |inputs| {
            Ok::<_, candle_core::Error>((
                weights.conv([inputs, outputs], [3, 1], false)?,
                weights.norm(outputs)?,
            ))
        };
        Ok(Self([half(inputs)?, half(outputs)?]))
    }

    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let half = |x: Tensor, (conv, norm): &(Conv2d, BatchNorm)| {
            norm.forward_train(&conv.forward(&x)?)?.relu()
        };
        self.0.iter().try_fold(x.clone(), half)
    }
}

/// A U-Net with batch norm.
struct NetworkU {
    down: Vec<Stage>,
    up: Vec<(ConvTranspose2d, Stage)>,
    score: Conv2d,
}

impl NetworkU {
    fn new(weights: &mut Weights) -> Result<Self> {
        let widths = clock::U_WIDTHS;
        let (mut down, mut up, mut inputs) = (vec![], vec![], clock::U_PICTURES[1]);
        for width in widths {
            down.push(Stage::new([inputs, width], weights)?);
            inputs = width;
        }
        for width in widths.into_iter().rev().skip(1) {
            up.push((
                weights.deconv([2 * width, width], [2, 2, 0])?,
                Stage::new([2 * width, width], weights)?,
            ));
        }
        Ok(Self { down, up, score: weights.conv([widths[0], clock::U_CLASSES], [1, 1], true)? })
    }
}

impl Network for NetworkU {
    fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut skips = vec![self.down[0].forward(x)?];
        for (i, stage) in self.down[1..].iter().enumerate() {
            skips.push(stage.forward(&skips[i].max_pool2d(2)?)?);
        }
        let mut x = skips.pop().expect("the last stage's");
        for ((up, stage), skip) in self.up.iter().zip(skips.iter().rev()) {
            x = stage.forward(&Tensor::cat(&[skip, &up.forward(&x)?], 1)?)?;
        }
        self.score.forward(&x)
    }
}

/// A step of SGD with momentum, or the loss alone.
fn training(
    network: impl Network,
    weights: Weights,
    shape: [usize; 4],
    classes: usize,
) -> Result<Run> {
    let (x, labels) = (random(shape)?, labels(shape, classes)?);
    let Weights { pass, trained } = weights;
    let mut velocities =
        trained.iter().map(|weight| weight.zeros_like()).collect::<Result<Vec<_>>>()?;
    Ok(timed(move || {
        let loss = cross_entropy(&network.forward(&x)?, &labels)?;
        if pass == Pass::Forward {
            return Ok(());
        }
        let grads = loss.backward()?;
        for (weight, velocity) in trained.iter().zip(&mut velocities) {
            let grad = grads.get(weight).expect("every weight takes part").detach();
            *velocity = ((&*velocity * clock::MOMENTUM)? + grad)?;
            weight.set(&weight.as_detached_tensor().sub(&(&*velocity * clock::LEARNING_RATE)?)?)?;
        }
        Ok(())
    }))
}

fn inference(network: impl Network, shape: [usize; 4]) -> Result<Run> {
    let x = random(shape)?;
    Ok(timed(move || network.forward(&x).map(drop)))
}
