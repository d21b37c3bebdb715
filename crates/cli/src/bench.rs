//! `mirrorgrad bench`: how long a training step takes, in the terms its peers are measured in.

use crate::{Failure, say};
use clap::Args;
use mirrorgrad_autograd::{Var, ops};
use mirrorgrad_layers::optim::{Optimizer, Sgd};
use mirrorgrad_layers::{
    Activation, Conv2d, ConvTranspose2d, Draws, MaxPool2d, Mode, Module, Names, Sequential,
    named_params,
};
use mirrorgrad_tensor::{ClassTargets, PixelLoss, Tensor, Window};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::json;
use std::process::ExitCode;
use std::time::Instant;

/// Options of `mirrorgrad bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Threads to work on; all of the machine's by default
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Timed steps, after two that are not counted
    #[arg(long, default_value_t = 15, value_name = "R", value_parser = clap::value_parser!(u32).range(1..))]
    pub repeat: u32,
    /// Print one JSON object and nothing else
    #[arg(long)]
    pub json: bool,
}

/// Classes that network H tells apart.
const CLASSES: usize = 5;

/// Times the training step of network H: 8 pictures of 3x64x64, forward, cross entropy, backward and
/// SGD with momentum.
pub fn run(args: &BenchArgs) -> Result<ExitCode, Failure> {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let net = NetworkH::new(rng);
    let params = named_params(&net);
    let mut sgd = Sgd::new(0.9);
    let x = Var::constant(Tensor::normal([8, 3, 64, 64], 1.0, rng));
    let labels = (0..8 * 64 * 64).map(|i| (i / 7 % CLASSES) as i64);
    let targets =
        ClassTargets::new([8, 64, 64], labels, CLASSES, None).expect("labels are below 5");
    let mut milliseconds: Vec<f64> = (0..u64::from(args.repeat) + 2)
        .map(|step| {
            let start = Instant::now();
            let scores = net.forward(&x, &Mode::Train(Draws::new(0, step)));
            let loss =
                ops::cross_entropy(&scores, &targets, &PixelLoss::default(), ops::Reduction::Mean);
            sgd.step(&params, &loss.backward(), 0.01);
            start.elapsed().as_secs_f64() * 1e3
        })
        .skip(2)
        .collect();
    milliseconds.sort_by(f64::total_cmp);
    let quartile = |part: usize| milliseconds[(milliseconds.len() - 1) * part / 4];
    let (q1, median, q3) = (quartile(1), quartile(2), quartile(3));
    let threads = rayon::current_num_threads();
    if args.json {
        let line = json!({
            "case": "H", "pass": "fb", "threads": threads,
            "median_ms": median, "q1_ms": q1, "q3_ms": q3,
        });
        say::line(line)?;
    } else {
        say::line(format!(
            "H, a training step of the FCN on 8 pictures of 3x64x64, {threads} threads:\n  \
             median {median:.1} ms, quartiles {q1:.1} and {q3:.1} ms"
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The network that peers are compared by: three stages, scores of the second and third pool, each
/// deconvolved to the picture's size and added.
struct NetworkH {
    second: Sequential,
    third: Sequential,
    score_second: Conv2d,
    score_third: Conv2d,
    up_third: ConvTranspose2d,
    up_both: ConvTranspose2d,
}

impl NetworkH {
    fn new(rng: &mut ChaCha8Rng) -> Self {
        let three = Window::square(3).padding(1);
        let mut stage = |net: Sequential, from, to| {
            net.with(Conv2d::new([from, to], three, rng))
                .with(Activation::Relu)
                .with(Conv2d::new([to, to], three, rng))
                .with(Activation::Relu)
                .with(MaxPool2d::square(2))
        };
        let first = stage(Sequential::new(), 3, 32);
        let second = stage(first, 32, 64);
        let third = stage(Sequential::new(), 64, 128);
        let one = Window::square(1);
        let double = Window::square(4).stride(2).padding(1);
        let quadruple = Window::square(8).stride(4).padding(2);
        Self {
            second,
            third,
            score_second: Conv2d::new([64, CLASSES], one, rng),
            score_third: Conv2d::new([128, CLASSES], one, rng),
            up_third: ConvTranspose2d::new([CLASSES; 2], double, rng),
            up_both: ConvTranspose2d::new([CLASSES; 2], quadruple, rng),
        }
    }
}

impl Module for NetworkH {
    fn forward(&self, x: &Var, mode: &Mode) -> Var {
        let second = self.second.forward(x, mode);
        let third = self.third.forward(&second, mode);
        let deep = self.up_third.forward(&self.score_third.forward(&third, mode), mode);
        self.up_both.forward(&(deep + self.score_second.forward(&second, mode)), mode)
    }

    fn visit(&self, names: &mut Names<'_>) {
        names.child("second", &self.second);
        names.child("third", &self.third);
        names.child("score_second", &self.score_second);
        names.child("score_third", &self.score_third);
        names.child("up_third", &self.up_third);
        names.child("up_both", &self.up_both);
    }
}
