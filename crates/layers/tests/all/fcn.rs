//! The network: its sizes, its names, and that gradients reach every part of it.

use mirrorgrad_autograd::{Var, no_grad, ops};
use mirrorgrad_layers::models::{Fcn, FcnConfig, Network, Norm, Upsampling};
use mirrorgrad_layers::{Draws, Module, Param, Params, Pass, summary};
use mirrorgrad_tensor::{ClassTargets, Element, PixelLoss, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

const WAYS: [Upsampling; 3] = [Upsampling::Deconv, Upsampling::Bilinear, Upsampling::Unpool];
const NORMS: [Norm; 3] = [Norm::Batch, Norm::Group, Norm::None];
const CLASSES: usize = 2;

fn config(upsample: Upsampling, norm: Norm) -> FcnConfig {
    FcnConfig { widths: vec![2, 3], norm, upsample, ..FcnConfig::new(CLASSES) }
}

fn fresh<T: Element>(config: &FcnConfig) -> Fcn<T> {
    Fcn::new(config, &mut ChaCha8Rng::seed_from_u64(1))
}

/// A network whose every weight is drawn: fresh scores are 0 and hide what is behind them.
fn perturbed<T: Element>(config: &FcnConfig, seed: u64) -> Fcn<T> {
    let (net, rng) = (fresh(config), &mut ChaCha8Rng::seed_from_u64(seed));
    for (name, param) in Params::of(&net) {
        // Variances stay positive.
        let bounds = if name.ends_with("running_var") { [0.5, 2.0] } else { [-0.8, 0.8] };
        param.set(Tensor::uniform(param.value().shape(), bounds, rng));
    }
    net
}

fn picture<T: Element>([height, width]: [usize; 2]) -> Var<T> {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    Var::constant(Tensor::normal([2, 3, height, width], 1.0, rng))
}

fn train<T: Element>() -> Pass<T> {
    Pass::train(Draws::new(0, 0))
}

/// The loss on two pictures, some of whose pixels are ignored.
fn loss<T: Element>(net: &Fcn<T>, size: [usize; 2], pass: &Pass<T>) -> Var<T> {
    let [height, width] = size;
    let labels = (0..2 * height * width).map(|i| [0, 1, 1, 0, 9][i * 7 % 11 % 5]);
    let targets = ClassTargets::new([2, height, width], labels, CLASSES, Some(9)).unwrap();
    let scores = net.forward(&picture(size), pass);
    ops::cross_entropy(&scores, &targets, &PixelLoss::default(), ops::Reduction::Mean)
}

#[test]
fn scores_have_the_pictures_size_whatever_it_is() {
    for upsample in WAYS {
        let config = FcnConfig { widths: vec![2, 3, 2], ..config(upsample, Norm::Batch) };
        let net = fresh::<f32>(&config);
        assert_eq!(net.smallest_input(), 8);
        for size in [[8, 8], [9, 8], [15, 15], [11, 23], [16, 9], [45, 61], [8, 37]] {
            for pass in [Pass::eval(), train()] {
                let scores = net.forward(&picture(size), &pass);
                assert_eq!(scores.shape(), [2, CLASSES, size[0], size[1]], "{upsample:?}");
            }
        }
    }
}

#[test]
fn one_large_step_from_any_stage_reaches_the_picture_whatever_its_size() {
    for (upsample, finest) in
        [(Upsampling::Deconv, 1), (Upsampling::Deconv, 3), (Upsampling::Bilinear, 2)]
    {
        let config = FcnConfig { widths: vec![2, 3, 2], finest, ..config(upsample, Norm::Batch) };
        let net = perturbed::<f32>(&config, 5);
        for size in [[8, 8], [15, 9], [11, 23], [45, 61]] {
            let scores = net.forward(&picture(size), &train());
            assert_eq!(scores.shape(), [2, CLASSES, size[0], size[1]], "{upsample:?} {finest}");
        }
        let names: Vec<_> = Params::of(&net).into_iter().map(|(name, _)| name).collect();
        let own = |kind: &str| names.iter().filter(|name| name.starts_with(kind)).count();
        assert_eq!(own("skips"), 2 * (3 - finest));
        assert_eq!(own("last.weight"), usize::from(upsample == Upsampling::Deconv));
        assert!(!names.contains(&format!("skips.{}.weight", finest - 1)));
    }
}

#[test]
fn a_fresh_large_step_interpolates() {
    // A bilinear kernel of twice the stride reproduces a constant inside: scores of one everywhere.
    let config =
        FcnConfig { widths: vec![2, 2, 2], finest: 3, ..config(Upsampling::Deconv, Norm::None) };
    let net = fresh::<f64>(&config);
    let (_, bias) = Params::of(&net).into_iter().find(|(name, _)| name == "score.bias").unwrap();
    bias.set(Tensor::ones([CLASSES]));
    let scores = net.forward(&picture([32, 40]), &Pass::eval());
    for (y, x) in [(4, 4), (10, 20), (27, 35)] {
        assert!((scores.value().at(&[0, 1, y, x]) - 1.0).abs() < 1e-12);
    }
}

#[test]
#[should_panic(expected = "finest stage up to 2, got 3")]
fn a_finest_stage_beyond_the_deepest_is_refused() {
    fresh::<f32>(&FcnConfig { finest: 3, ..config(Upsampling::Deconv, Norm::Batch) });
}

#[test]
#[should_panic(expected = "max_pool2d")]
fn a_picture_smaller_than_its_pools_is_refused() {
    let _ = fresh::<f32>(&config(Upsampling::Deconv, Norm::Batch))
        .forward(&picture([3, 9]), &Pass::eval());
}

#[test]
fn a_fresh_network_takes_no_side() {
    for upsample in WAYS {
        let net = fresh::<f64>(&config(upsample, Norm::Batch));
        assert_eq!(net.forward(&picture([6, 7]), &train()).value(), &Tensor::zeros([2, 2, 6, 7]));
        let loss = loss(&net, [6, 7], &train()).value().item();
        assert!((loss - std::f64::consts::LN_2).abs() < 1e-15);
    }
}

#[test]
fn names_are_those_of_pytorch_modules_built_alike() {
    let affine = ["weight", "bias"];
    let block = |path: &str, norm: Norm| -> Vec<String> {
        let (conv, norm): (&[_], &[_]) = match norm {
            Norm::Batch => (&affine[..1], &["weight", "bias", "running_mean", "running_var"]),
            Norm::Group => (&affine[..1], &affine),
            Norm::None => (&affine, &[]),
        };
        let parts = [("conv1", conv), ("norm1", norm), ("conv2", conv), ("norm2", norm)];
        let join = |(layer, names): (&str, &[&str])| -> Vec<String> {
            names.iter().map(|name| format!("{path}.{layer}.{name}")).collect()
        };
        parts.into_iter().flat_map(join).collect()
    };
    let list = |names: &[&str]| names.iter().map(|name| name.to_string()).collect::<Vec<_>>();
    for norm in NORMS {
        for (upsample, rest) in [
            (
                Upsampling::Deconv,
                [
                    list(&["score.weight", "score.bias", "ups.0.weight", "ups.1.weight"]),
                    list(&["skips.0.weight", "skips.0.bias", "skips.1.weight", "skips.1.bias"]),
                ]
                .concat(),
            ),
            (
                Upsampling::Bilinear,
                [
                    list(&["score.weight", "score.bias"]),
                    list(&["skips.0.weight", "skips.0.bias", "skips.1.weight", "skips.1.bias"]),
                ]
                .concat(),
            ),
            (
                Upsampling::Unpool,
                [
                    list(&["score.weight", "score.bias"]),
                    block("decoders.0", norm),
                    block("decoders.1", norm),
                ]
                .concat(),
            ),
        ] {
            let net = fresh::<f32>(&config(upsample, norm));
            let names: Vec<_> = Params::of(&net).into_iter().map(|(name, _)| name).collect();
            let stages = [block("stages.0", norm), block("stages.1", norm)].concat();
            assert_eq!(names, [stages, rest].concat());
        }
    }
}

#[test]
fn a_gradient_reaches_every_trained_parameter() {
    for upsample in WAYS {
        for norm in NORMS {
            let net = perturbed::<f32>(&config(upsample, norm), 3);
            let grads = loss(&net, [13, 10], &train()).backward();
            for (name, param) in Params::of(&net) {
                let grad = grads.get(&param.var());
                assert_eq!(grad.is_some(), param.is_trainable(), "{upsample:?} {name}");
                let moved = grad.is_none_or(|grad| grad.as_slice().iter().any(|&g| g != 0.0));
                assert!(moved, "{upsample:?} {name}: all zeros");
            }
        }
    }
}

/// Compares the gradient by a few numbers of a parameter with central differences of the loss.
fn check(name: &str, param: &Param<f64>, grad: &Tensor<f64>, loss: impl Fn() -> f64) {
    const STEP: f64 = 1e-5;
    let value = param.value();
    for at in [0, value.len() / 2, value.len() - 1] {
        let moved = |step: f64| {
            let nudge = |i: usize| value.as_slice()[i] + if i == at { step } else { 0.0 };
            param.set(Tensor::from_fn(value.shape(), nudge));
            loss()
        };
        let expected = (moved(STEP) - moved(-STEP)) / (2.0 * STEP);
        let got = grad.as_slice()[at];
        assert!(
            (got - expected).abs() <= 1e-7 * expected.abs().max(1.0),
            "{name}[{at}]: the gradient says {got}, differences {expected}"
        );
    }
    param.set(value);
}

#[test]
fn gradients_of_the_whole_network_are_those_of_finite_differences() {
    let size = [6, 7];
    for upsample in WAYS {
        for norm in NORMS {
            let net = perturbed::<f64>(&config(upsample, norm), 4);
            for pass in [Pass::eval, train] {
                // Training moves the running statistics, which its own loss does not read.
                let grads = loss(&net, size, &pass()).backward();
                let leaves: Vec<_> = Params::of(&net)
                    .into_iter()
                    .filter(|(_, param)| param.is_trainable())
                    .map(|(name, param)| (grads.get(&param.var()).unwrap().clone(), name, param))
                    .collect();
                for (grad, name, param) in leaves {
                    let name = format!("{upsample:?}, {:?}: {name}", pass());
                    check(&name, &param, &grad, || {
                        no_grad(|| loss(&net, size, &pass())).value().item()
                    });
                }
            }
        }
    }
}

#[test]
fn by_groups_a_picture_is_normalized_alone_and_alike_in_every_mode() {
    for upsample in WAYS {
        let config = FcnConfig { widths: vec![8, 12], ..config(upsample, Norm::Group) };
        let net = perturbed::<f64>(&config, 6);
        let pictures = picture([9, 11]);
        let both = net.forward(&pictures, &train());
        assert_eq!(net.forward(&pictures, &Pass::eval()).value(), both.value(), "{upsample:?}");
        let alone = net.forward(&pictures.narrow(0, 1..2), &train());
        let second = both.narrow(0, 1..2);
        let apart = alone.value().zip(second.value(), |a, b| (a - b).abs());
        assert!(apart.as_slice().iter().all(|&d| d < 1e-12), "{upsample:?}");
    }
}

#[test]
fn a_summary_counts_what_each_layer_trains_and_multiplies() {
    let net = fresh::<f32>(&config(Upsampling::Deconv, Norm::Batch));
    let rows: Vec<_> = summary(&net, &[1, 3, 6, 7])
        .into_iter()
        .map(|(call, trained)| (call.path, call.kind, call.shape, trained, call.multiply_adds))
        .collect();
    // Multiply-adds of a convolution: inputs · outputs · taps · pixels of the smaller picture.
    let by_hand = [
        ("stages.0.conv1", "Conv2d", [2, 6, 7], 54, 3 * 2 * 9 * 42),
        ("stages.0.norm1", "BatchNorm2d", [2, 6, 7], 4, 0),
        ("stages.0.conv2", "Conv2d", [2, 6, 7], 36, 2 * 2 * 9 * 42),
        ("stages.0.norm2", "BatchNorm2d", [2, 6, 7], 4, 0),
        ("stages.0", "MaxPool2d", [2, 3, 3], 0, 0),
        ("stages.1.conv1", "Conv2d", [3, 3, 3], 54, 2 * 3 * 9 * 9),
        ("stages.1.norm1", "BatchNorm2d", [3, 3, 3], 6, 0),
        ("stages.1.conv2", "Conv2d", [3, 3, 3], 81, 3 * 3 * 9 * 9),
        ("stages.1.norm2", "BatchNorm2d", [3, 3, 3], 6, 0),
        ("stages.1", "MaxPool2d", [3, 1, 1], 0, 0),
        ("score", "Conv2d", [2, 1, 1], 8, 3 * 2),
        ("skips.1", "Conv2d", [2, 3, 3], 8, 3 * 2 * 9),
        ("ups.1", "ConvTranspose2d", [2, 3, 3], 64, 2 * 2 * 16),
        ("skips.0", "Conv2d", [2, 6, 7], 6, 2 * 2 * 42),
        ("ups.0", "ConvTranspose2d", [2, 6, 7], 64, 2 * 2 * 16 * 9),
    ];
    let expected: Vec<_> = by_hand
        .into_iter()
        .map(|(name, kind, [c, h, w], trained, multiply_adds)| {
            (name.to_string(), kind, vec![1, c, h, w], trained, multiply_adds)
        })
        .collect();
    assert_eq!(rows, expected);
    // Looking changes nothing.
    let again = fresh::<f32>(&config(Upsampling::Deconv, Norm::Batch));
    for ((_, a), (_, b)) in Params::of(&net).iter().zip(Params::of(&again)) {
        assert_eq!(a.value(), b.value());
    }
}

#[test]
fn both_precisions_are_one_network() {
    for upsample in WAYS {
        let single = perturbed::<f32>(&config(upsample, Norm::Batch), 5);
        let double = perturbed::<f64>(&config(upsample, Norm::Batch), 5);
        let a = single.forward(&picture([9, 11]), &Pass::eval()).value().cast::<f64>();
        let b = double.forward(&picture([9, 11]), &Pass::eval()).value().clone();
        let apart =
            a.zip(&b, |a, b| (a - b).abs()).as_slice().iter().fold(0.0, |m: f64, v| m.max(*v));
        assert!(apart < 1e-4, "{upsample:?}: {apart}");
    }
}
