//! Every op with a kernel of its own equals its definition in simpler calls, in value and gradient.

use crate::common::{apart, assert_close, noise, parameters, uneven};
use mirrorgrad_autograd::Var;
use mirrorgrad_autograd::ops::*;
use mirrorgrad_tensor::{
    AverageCount, ClassTargets, Corners, Epilogue, Form, PixelLoss, Tensor, Window,
};

type V = [Var<f64>];

/// Compares values, and gradients of a random combination of the elements: the op's by backward
/// (fused kernels), the definition's by grad.
#[track_caller]
fn same(
    name: &str,
    shapes: &[&[usize]],
    op: impl Fn(&V) -> Var<f64>,
    definition: impl Fn(&V) -> Var<f64>,
) {
    let at: Vec<Tensor<f64>> = shapes.iter().zip(1..).map(|(shape, i)| apart(shape, i)).collect();
    let v = parameters(&at);
    let (got, want) = (op(&v), definition(&v));
    assert_close(got.value(), want.value(), 1e-13, &name);
    let probe = Var::constant(noise(want.shape(), 50));
    let grads = (got * probe.clone()).sum().backward();
    let wanted = (want * probe).sum().grad(&v.iter().collect::<Vec<_>>());
    for (v, want) in v.iter().zip(wanted) {
        let zeros = Tensor::zeros(v.shape());
        assert_close(grads.get(v).unwrap_or(&zeros), want.value(), 1e-12, &name);
    }
}

fn constant(x: &Var<f64>, f: impl Fn(f64) -> f64 + Send + Sync) -> Var<f64> {
    Var::constant(x.value().map(f))
}

#[test]
fn arithmetic_is_made_of_sums_and_products() {
    let shapes: &[&[usize]] = &[&[2, 1, 3], &[4, 1]];
    same("sub", shapes, |v| &v[0] - &v[1], |v| &v[0] + &v[1].mul_scalar(-1.0));
    same("div", shapes, |v| &v[0] / &v[1], |v| &v[0] * &v[1].powi(-1));
    same("powi", &[&[5]], |v| v[0].powi(4), |v| &(&v[0] * &v[0]) * &(&v[0] * &v[0]));
    same(
        "shift",
        &[&[5]],
        |v| v[0].add_scalar(0.5),
        |v| &v[0] + &Var::constant(Tensor::scalar(0.5)),
    );
}

#[test]
fn pointwise_functions_are_made_of_exponentials() {
    let x: &[&[usize]] = &[&[3, 5]];
    let e = |x: &Var<f64>, by: f64| x.mul_scalar(by).exp();
    same(
        "tanh",
        x,
        |v| v[0].tanh(),
        |v| e(&v[0], 2.0).add_scalar(-1.0) / e(&v[0], 2.0).add_scalar(1.0),
    );
    same("sigmoid", x, |v| v[0].sigmoid(), |v| e(&v[0], -1.0).add_scalar(1.0).powi(-1));
    same("softplus", x, |v| v[0].softplus(), |v| e(&v[0], 1.0).add_scalar(1.0).ln());
    same("sqrt", x, |v| v[0].exp().sqrt(), |v| e(&v[0], 0.5));
    same(
        "gelu",
        x,
        |v| v[0].gelu(),
        |v| &v[0] * &v[0].mul_scalar(0.5_f64.sqrt()).erf().add_scalar(1.0).mul_scalar(0.5),
    );
    same("abs", x, |v| v[0].abs(), |v| &v[0] * &constant(&v[0], f64::signum));
    let step = |v: f64| f64::from(u8::from(v > 0.0));
    same("relu", x, |v| v[0].relu(), |v| &v[0] * &constant(&v[0], step));
    same(
        "leaky_relu",
        x,
        |v| v[0].leaky_relu(0.1),
        |v| v[0].relu() - (-&v[0]).relu().mul_scalar(0.1),
    );
    same(
        "clamp",
        x,
        |v| v[0].clamp(-0.3, 0.5),
        |v| {
            // −0.3 + relu(x + 0.3) − relu(x − 0.5)
            (v[0].add_scalar(0.3).relu() - v[0].add_scalar(-0.5).relu()).add_scalar(-0.3)
        },
    );
}

#[test]
fn reductions_are_made_of_sums() {
    let x: &[&[usize]] = &[&[2, 3, 4]];
    same("mean_axes", x, |v| v[0].mean_axes(&[0, 2]), |v| v[0].sum_axes(&[0, 2]).mul_scalar(0.125));
    for correction in [0, 1] {
        same(
            "var_axes",
            x,
            |v| v[0].var_axes(&[0, 2], correction),
            |v| {
                // Σ x² / m − (Σ x)² / (n · m)
                let m = 8.0 - correction as f64;
                let (sum, squares) = (v[0].sum_axes(&[0, 2]), (&v[0] * &v[0]).sum_axes(&[0, 2]));
                squares.mul_scalar(1.0 / m) - (&sum * &sum).mul_scalar(1.0 / (8.0 * m))
            },
        );
    }
    same(
        "max_axes",
        x,
        |v| v[0].max_axes(&[0, 2]),
        |v| {
            // Selected by a mask of 1 where the largest stands.
            let mask = Tensor::from_fn([2, 3, 4], |i| {
                let row = i / 4 % 3;
                let rivals =
                    (0..24).filter(|j| j / 4 % 3 == row).map(|j| v[0].value().as_slice()[j]);
                f64::from(u8::from(rivals.fold(f64::MIN, f64::max) == v[0].value().as_slice()[i]))
            });
            (&v[0] * &Var::constant(mask)).sum_axes(&[0, 2])
        },
    );
    same("softmax", x, |v| v[0].softmax(1), |v| v[0].exp() / v[0].exp().sum_axes_keep(&[1]));
    same(
        "log_softmax",
        x,
        |v| v[0].log_softmax(1),
        |v| &v[0] - &v[0].exp().sum_axes_keep(&[1]).ln(),
    );
}

/// Σ over taps of the weight there times the input shifted by the tap.
fn conv_by_taps(window: &Window, x: &Var<f64>, w: &Var<f64>) -> Var<f64> {
    let ([batch, _, height, width], [outputs, inputs, kh, kw]) =
        (x.value().dims(), w.value().dims());
    let [top, left] = window.pad_before;
    let x = x.pad(&[[0, 0], [0, 0], [top, window.pad_after[0]], [left, window.pad_after[1]]]);
    let [output_height, output_width] = window.conv([height, width]).unwrap().output();
    let positions = |i: usize, n: usize, tap: usize| {
        (0..n).map(move |position| position * window.stride[i] + tap * window.dilation[i])
    };
    let mut sum = Var::constant(Tensor::zeros([batch, outputs, output_height * output_width]));
    for (tap_y, tap_x) in (0..kh).flat_map(|y| (0..kw).map(move |x| (y, x))) {
        let pixels: Vec<Var<f64>> = positions(0, output_height, tap_y)
            .flat_map(|y| positions(1, output_width, tap_x).map(move |x| [y, x]))
            .map(|place| x.crop(place, [1, 1]).reshape([batch, inputs, 1]))
            .collect();
        let pixels = concat(&pixels.iter().collect::<Vec<_>>(), 2);
        let weight = w.crop([tap_y, tap_x], [1, 1]).reshape([outputs, inputs]);
        sum = sum + weight.matmul(&pixels);
    }
    sum.reshape([batch, outputs, output_height, output_width])
}

#[test]
fn a_convolution_is_a_matrix_product_for_each_tap() {
    for window in [uneven(), Window::square(1), Window::square(3).padding(1).dilation(2)] {
        let geometry = window.conv([5, 6]).unwrap();
        let [kh, kw] = window.kernel;
        same(
            "conv2d",
            &[&[2, 3, 5, 6], &[4, 3, kh, kw], &[4]],
            |v| conv2d(geometry, &v[0], &v[1], Some(&v[2])),
            |v| conv_by_taps(&window, &v[0], &v[1]) + v[2].reshape([4, 1, 1]),
        );
    }
}

#[test]
fn the_other_two_maps_are_gradients_of_that_definition() {
    let window = uneven();
    let geometry = window.conv([5, 6]).unwrap();
    let [height, width] = geometry.output();
    let (input, weight, output) = ([2, 3, 5, 6], [4, 3, 2, 3], [2, 4, height, width]);
    let free = |shape: &[usize]| Var::parameter(Tensor::zeros(shape));
    same(
        "conv_transpose2d",
        &[&output, &weight],
        |v| conv_transpose2d(geometry, &v[0], &v[1], None),
        |v| {
            let x = free(&input);
            conv_by_taps(&window, &x, &v[1]).grad_with(&v[0], &[&x]).remove(0)
        },
    );
    same(
        "conv_weight2d",
        &[&input, &output],
        |v| conv_weight2d(geometry, &v[0], &v[1]),
        |v| {
            let w = free(&weight);
            conv_by_taps(&window, &v[0], &w).grad_with(&v[1], &[&w]).remove(0)
        },
    );
}

#[test]
fn grouped_maps_are_maps_of_each_group_end_to_end() {
    let geometry = uneven().conv([4, 5]).unwrap();
    let [height, width] = geometry.output();
    let part = |x: &Var<f64>, axis, i: usize| {
        let n = x.shape()[axis] / 2;
        x.narrow(axis, i * n..(i + 1) * n)
    };
    same(
        "conv2d",
        &[&[2, 4, 4, 5], &[6, 2, 2, 3]],
        |v| conv2d(Form::new(geometry, 2), &v[0], &v[1], None),
        |v| {
            let [a, b] =
                [0, 1].map(|i| conv2d(geometry, &part(&v[0], 1, i), &part(&v[1], 0, i), None));
            concat(&[&a, &b], 1)
        },
    );
    same(
        "conv_transpose2d",
        &[&[2, 6, height, width], &[6, 2, 2, 3]],
        |v| conv_transpose2d(Form::new(geometry, 2), &v[0], &v[1], None),
        |v| {
            let [a, b] = [0, 1]
                .map(|i| conv_transpose2d(geometry, &part(&v[0], 1, i), &part(&v[1], 0, i), None));
            concat(&[&a, &b], 1)
        },
    );
}

#[test]
fn pools_of_windows_side_by_side_reduce_blocks() {
    let blocks = |v: &V| v[0].reshape([2, 3, 2, 2, 3, 2]); // rows 2·2, columns 3·2
    let window = Window::square(2).stride(2);
    let x: &[&[usize]] = &[&[2, 3, 4, 6]];
    same(
        "avg_pool2d",
        x,
        |v| avg_pool2d(&window.pool([4, 6]).unwrap(), &v[0], AverageCount::ExcludePadding),
        |v| blocks(v).mean_axes(&[3, 5]),
    );
    same(
        "max_pool2d",
        x,
        |v| max_pool2d(&window.pool([4, 6]).unwrap(), &v[0]).0,
        |v| blocks(v).max_axes(&[3, 5]),
    );
    same(
        "adaptive_avg_pool2d",
        x,
        |v| adaptive_avg_pool2d(&v[0], [2, 3]),
        |v| blocks(v).mean_axes(&[3, 5]),
    );
    same(
        "upsample_nearest2d",
        &[&[2, 3, 2, 3]],
        |v| upsample_nearest2d(&v[0], [4, 6]),
        |v| {
            let repeated = v[0].reshape([2, 3, 2, 1, 3, 1]).broadcast_to(&[2, 3, 2, 2, 3, 2]);
            repeated.reshape([2, 3, 4, 6])
        },
    );
}

#[test]
fn bilinear_upsampling_is_a_product_with_a_matrix_on_each_side() {
    // From 2 to 4 pixels without align_corners the sources are 0, ¼, ¾ and 1.
    let matrix =
        || Var::constant(Tensor::from([[1.0, 0.0], [0.75, 0.25], [0.25, 0.75], [0.0, 1.0]]));
    same(
        "upsample_bilinear2d",
        &[&[2, 1, 2, 2]],
        |v| upsample_bilinear2d(&v[0], [4, 4], Corners::HalfPixel),
        |v| matrix().matmul(&v[0]).matmul(&matrix().transpose()),
    );
}

#[test]
fn an_unpooled_map_is_pooled_to_itself() {
    let x = Var::parameter(apart(&[2, 3, 5, 7], 1));
    let geometry = Window::square(2).stride(2).pool([5, 7]).unwrap();
    let (pooled, indices) = max_pool2d(&geometry, &x);
    let unpooled = max_unpool2d(&pooled, &indices);
    // Each pixel of the input that was taken stands in its place again; its gradient is 1.
    let taken = unpooled.value().map(|v| f64::from(u8::from(v != 0.0)));
    assert_eq!(unpooled.value(), &x.value().zip(&taken, |v, t| v * t));
    assert_eq!(unpooled.sum().backward().get(&x), Some(&taken));
}

const EPS: f64 = 1e-3;

/// (x − mean) / √(variance + eps) over `axes`.
fn standardized(x: &Var<f64>, axes: &[usize]) -> Var<f64> {
    let centred = x - &x.mean_axes_keep(axes);
    let variance = (&centred * &centred).mean_axes_keep(axes);
    centred / variance.add_scalar(EPS).sqrt()
}

#[test]
fn norms_are_standardized_numbers_with_weight_and_bias() {
    let shapes: &[&[usize]] = &[&[3, 4, 2, 3], &[4], &[4]];
    let affine = |x: Var<f64>, v: &V| x * v[1].reshape([1, 4, 1, 1]) + v[2].reshape([1, 4, 1, 1]);
    same(
        "batch_norm",
        shapes,
        |v| batch_norm(&v[0], &v[1], &v[2], EPS, Epilogue::Identity).0,
        |v| affine(standardized(&v[0], &[0, 2, 3]), v),
    );
    same(
        "batch_norm, relu",
        shapes,
        |v| batch_norm(&v[0], &v[1], &v[2], EPS, Epilogue::Relu).0,
        |v| affine(standardized(&v[0], &[0, 2, 3]), v).relu(),
    );
    same(
        "group_norm",
        shapes,
        |v| group_norm(2, &v[0], &v[1], &v[2], EPS),
        |v| {
            let groups = v[0].reshape([3, 2, 2, 2, 3]);
            affine(standardized(&groups, &[2, 3, 4]).reshape([3, 4, 2, 3]), v)
        },
    );
    same(
        "layer_norm",
        &[&[3, 4, 2, 3], &[2, 3], &[2, 3]],
        |v| layer_norm(&v[0], &v[1], &v[2], EPS),
        |v| standardized(&v[0], &[2, 3]) * v[1].clone() + v[2].clone(),
    );
    let x = Var::constant(noise(&[3, 4, 5], 1));
    let (weight, bias) = (Var::constant(Tensor::ones([4])), Var::constant(Tensor::zeros([4])));
    let stats = batch_norm(&x, &weight, &bias, EPS, Epilogue::Identity).1;
    assert_close(&stats.mean, x.mean_axes(&[0, 2]).value(), 1e-14, &"mean");
    assert_close(&stats.variance, x.var_axes(&[0, 2], 0).value(), 1e-14, &"variance");
}

#[test]
fn losses_are_made_of_logarithms_of_probabilities() {
    let targets = &ClassTargets::new([2, 3], [0, 9, 2, 1, 1, 9], 3, Some(9)).unwrap();
    let truth = || Var::constant(targets.one_hot());
    let counted = || Var::constant(targets.counted::<f64>());
    let weights = Tensor::from([0.5, 2.0, 1.25]);
    for (smoothing, focusing) in [(0.0, 0), (0.2, 0), (0.0, 2), (0.1, 3)] {
        let loss = PixelLoss {
            class_weights: Some(weights.clone()),
            label_smoothing: smoothing,
            focusing: f64::from(focusing),
        };
        let each = |v: &V| {
            let p = v[0].softmax(1);
            let weighted = p.ln() * Var::constant(weights.reshape([3, 1]));
            let faded = &weighted * &p.mul_scalar(-1.0).add_scalar(1.0).powi(focusing);
            let hard = (faded * truth()).sum_axes(&[1]).mul_scalar(smoothing - 1.0);
            hard - weighted.sum_axes(&[1]).mul_scalar(smoothing / 3.0) * counted()
        };
        let total = 0.5 + 1.25 + 2.0 + 2.0;
        let scores: &[&[usize]] = &[&[2, 3, 3]];
        let entropy = |r: Reduction| {
            let loss = loss.clone();
            move |v: &V| cross_entropy(&v[0], targets, &loss, r)
        };
        same("cross_entropy: each", scores, entropy(Reduction::None), each);
        same("cross_entropy: sum", scores, entropy(Reduction::Sum), |v| each(v).sum());
        same("cross_entropy: mean", scores, entropy(Reduction::Mean), |v| {
            each(v).sum().mul_scalar(1.0 / total)
        });
    }
    same(
        "dice_loss",
        &[&[2, 3, 3]],
        |v| dice_loss(&v[0], targets, 0.5),
        |v| {
            let p = v[0].softmax(1) * counted().reshape([2, 1, 3]);
            let over = (&p * &truth()).sum_axes(&[0, 2]).mul_scalar(2.0).add_scalar(0.5);
            let under = (p.sum_axes(&[0, 2]) + truth().sum_axes(&[0, 2])).add_scalar(0.5);
            (over / under).mean().mul_scalar(-1.0).add_scalar(1.0)
        },
    );
    let pair: &[&[usize]] = &[&[2, 3], &[2, 3]];
    let (mean, none) = (Reduction::Mean, Reduction::None);
    same(
        "bce",
        pair,
        |v| binary_cross_entropy_with_logits(&v[0], &v[1], none),
        |v| {
            let p = v[0].sigmoid();
            let rest = p.mul_scalar(-1.0).add_scalar(1.0);
            -(&v[1] * &p.ln() + v[1].mul_scalar(-1.0).add_scalar(1.0) * rest.ln())
        },
    );
    same(
        "mse",
        pair,
        |v| mse_loss(&v[0], &v[1], mean),
        |v| {
            let difference = &v[0] - &v[1];
            (&difference * &difference).mean()
        },
    );
}

#[test]
fn losses_of_huge_scores_are_finite_with_finite_gradients_of_both_kinds() {
    let targets = ClassTargets::new([2], [0, 1], 2, None).unwrap();
    let x = Var::parameter(Tensor::<f64>::from([[1e4, -1e4], [1e4, -1e4]]));
    let y = Var::constant(Tensor::from([[1.0, 0.0], [0.0, 1.0]]));
    let entropy = |focusing| {
        let loss = PixelLoss { focusing, ..PixelLoss::default() };
        cross_entropy(&x, &targets, &loss, Reduction::Sum)
    };
    for (loss, want) in [
        (entropy(0.0), 2e4),
        (entropy(0.5), 2e4),
        (entropy(2.0), 2e4),
        (binary_cross_entropy_with_logits(&x, &y, Reduction::Sum), 2e4),
        (dice_loss(&x, &targets, 1.0), 1.0 - (3.0 / 4.0 + 1.0 / 2.0) / 2.0),
    ] {
        assert!((loss.value().item() - want).abs() <= 1e-12 * want, "{loss:?}");
        let grad = loss.grad(&[&x])[0].value().clone();
        assert!(grad.as_slice().iter().all(|v| v.is_finite()), "{loss:?}: {grad:?}");
        assert_close(loss.clone().backward().get(&x).unwrap(), &grad, 1e-12, &loss);
    }
}

#[test]
fn where_every_pixel_is_ignored_the_loss_is_zero_with_a_gradient_of_zeros() {
    let targets = ClassTargets::new([1, 2], [9; 2], 3, Some(9)).unwrap();
    let x = Var::parameter(noise(&[1, 3, 2], 1));
    for reduction in [Reduction::Mean, Reduction::Sum, Reduction::None] {
        let loss = cross_entropy(&x, &targets, &PixelLoss::default(), reduction).sum();
        assert_eq!(loss.value().item(), 0.0);
        assert_eq!(loss.grad(&[&x])[0].value(), &Tensor::zeros([1, 3, 2]));
        assert_eq!(loss.backward().get(&x), Some(&Tensor::zeros([1, 3, 2])));
    }
}

#[test]
fn the_dice_loss_of_millions_of_pixels_keeps_its_digits() {
    // Added one by one in f32, halves beside a sum of millions would still count, but 0.3 would not.
    let places = 3_000_000;
    let scores =
        Tensor::<f32>::from_fn([1, 2, places], |i| if i < places { 0.0 } else { 0.847_298 });
    let targets = ClassTargets::new([1, places], vec![0; places], 2, None).unwrap();
    let p = 1.0 / (1.0 + 0.847_298_f64.exp());
    let n = places as f64;
    let ratios = [(2.0 * p * n + 1.0) / (p * n + n + 1.0), 1.0 / ((1.0 - p) * n + 1.0)];
    let want = 1.0 - (ratios[0] + ratios[1]) / 2.0;
    let loss = dice_loss(&Var::constant(scores), &targets, 1.0).value().item();
    assert!((f64::from(loss) - want).abs() < 2e-6, "{loss}, expected {want}");
}
