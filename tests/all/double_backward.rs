//! Derivatives of derivatives: of the trilinear form exactly, and of a network against differences.

use mirrorgrad::prelude::*;
use mirrorgrad::tensor::Epilogue;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn noise(shape: &[usize], rng: &mut ChaCha8Rng) -> Tensor<f64> {
    Tensor::uniform(shape, [-1.0, 1.0], rng)
}

fn parameters(at: &[Tensor<f64>]) -> Vec<Var<f64>> {
    at.iter().cloned().map(Var::parameter).collect()
}

/// ⟨a, b⟩ as a variable.
fn pair(a: &Var<f64>, b: &Tensor<f64>) -> Var<f64> {
    (a * &Var::constant(b.clone())).sum()
}

#[track_caller]
fn assert_near(got: f64, want: f64, tolerance: f64, case: &dyn std::fmt::Debug) {
    assert!((got - want).abs() <= tolerance * want.abs().max(1.0), "{case:?}: {got}, not {want}");
}

fn random_geometry(rng: &mut ChaCha8Rng) -> Geometry {
    loop {
        let mut two = |low, high| [rng.random_range(low..=high), rng.random_range(low..=high)];
        let window = Window {
            kernel: two(1, 3),
            stride: two(1, 3),
            pad_before: two(0, 2),
            pad_after: two(0, 2),
            dilation: two(1, 2),
            ..Window::square(1)
        };
        let output = two(1, 4);
        if let Ok(geometry) = window.output_padding(two(0, 1)).transposed(output) {
            return geometry;
        }
    }
}

/// A function of variables, as gradcheck takes it.
type Function<'a> = dyn Fn(&[Var<f64>]) -> Var<f64> + 'a;

/// F is linear in each operand: differentiated once by each, in any order and along any directions,
/// it is F of the directions; twice by one, it is 0. All of it by the three solutions of `forms`.
#[test]
fn the_third_derivative_of_the_form_is_the_form_of_the_directions() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    for _ in 0..60 {
        let g = random_geometry(rng);
        let (groups, [height, width], [kh, kw]) = (rng.random_range(1..=2), g.input(), g.kernel());
        let [output_height, output_width] = g.output();
        let shapes = [
            [2, 2 * groups, height, width],
            [groups, 2, kh, kw],
            [2, groups, output_height, output_width],
        ];
        let at = shapes.map(|shape| noise(&shape, rng));
        let along = shapes.map(|shape| noise(&shape, rng));
        let forms: [&Function<'_>; 3] = [
            &|v| (ops::conv2d(Form::new(g, groups), &v[0], &v[1], None) * v[2].clone()).sum(),
            &|v| {
                (ops::conv_transpose2d(Form::new(g, groups), &v[2], &v[1], None) * v[0].clone())
                    .sum()
            },
            &|v| (ops::conv_weight2d(Form::new(g, groups), &v[0], &v[2]) * v[1].clone()).sum(),
        ];
        for form in forms {
            let v = parameters(&at);
            let want = no_grad(|| form(&parameters(&along))).value().item();
            for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
                let mut value = form(&v);
                for operand in order {
                    value = pair(&value.grad(&[&v[operand]])[0], &along[operand]);
                }
                assert_near(value.value().item(), want, 1e-11, &(g, order));
            }
            for (operand, along) in along.iter().enumerate() {
                let once = pair(&form(&v).grad(&[&v[operand]])[0], along);
                let twice = once.grad(&[&v[operand]]).remove(0);
                assert_eq!(twice.value(), &Tensor::zeros(shapes[operand]), "{g:?}");
            }
        }
    }
}

/// Down by a strided convolution, normalized, up by a transposed one to the picture's exact size,
/// joined with a skip, scored: an FCN in small. The last operand is the picture.
fn network(v: &[Var<f64>]) -> Var<f64> {
    let [down, weight, bias, up, up_bias, score, x] = v else { panic!("expected seven operands") };
    let targets =
        ClassTargets::new([2, 5, 4], (0..40).map(|i| (i * 7 + i / 6) % 4), 3, Some(3)).unwrap();
    let narrow = Window { kernel: [3, 2], ..Window::square(3).stride(2).padding(1) };
    let geometry = narrow.conv([5, 4]).unwrap();
    let features = ops::conv2d(geometry, x, down, None);
    let features = ops::batch_norm(&features, weight, bias, 1e-2, Epilogue::Identity).0.gelu();
    let upsampled = ops::conv_transpose2d(geometry, &features, up, Some(up_bias));
    let joined = ops::concat(&[&upsampled.tanh(), x], 1);
    let point = Window::square(1).conv([5, 4]).unwrap();
    let scores = ops::conv2d(point, &joined, score, None);
    let smoothed = PixelLoss { label_smoothing: 0.1, ..PixelLoss::default() };
    ops::cross_entropy(&scores, &targets, &smoothed, ops::Reduction::Mean)
}

fn operands(rng: &mut ChaCha8Rng) -> Vec<Tensor<f64>> {
    let shapes: [&[usize]; 7] =
        [&[3, 2, 3, 2], &[3], &[3], &[3, 2, 3, 2], &[2], &[3, 4, 1, 1], &[2, 2, 5, 4]];
    shapes.iter().map(|shape| noise(shape, rng)).collect()
}

/// The gradients by every operand, from the fused kernels.
fn fused_gradients(at: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
    let v = parameters(at);
    let grads = network(&v).backward();
    v.iter().map(|v| grads.get(v).expect("the loss depends on every operand").clone()).collect()
}

/// Each tensor of `at` moved by `step` along its direction.
fn moved(at: &[Tensor<f64>], along: &[Tensor<f64>], step: f64) -> Vec<Tensor<f64>> {
    at.iter().zip(along).map(|(at, along)| at.zip(along, |a, d| a + step * d)).collect()
}

/// H · along, by differentiating ⟨gradient, along⟩.
fn hessian_times(at: &[Tensor<f64>], along: &[Tensor<f64>]) -> Vec<Tensor<f64>> {
    let v = parameters(at);
    let refs: Vec<&Var<f64>> = v.iter().collect();
    let slopes = network(&v).grad(&refs);
    let slope = slopes.iter().zip(along).map(|(g, d)| pair(g, d)).reduce(|a, b| a + b).unwrap();
    slope.grad(&refs).iter().map(|grad| grad.value().clone()).collect()
}

#[test]
fn a_network_passes_gradcheck_to_second_order() {
    gradcheck(2, network, &operands(&mut ChaCha8Rng::seed_from_u64(2))).unwrap();
}

#[test]
fn second_derivatives_are_the_differences_of_fused_first_ones() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let at = operands(rng);
    for _ in 0..4 {
        let along = operands(rng);
        let h = 1e-4;
        let steps = [-2.0, -1.0, 1.0, 2.0].map(|n| fused_gradients(&moved(&at, &along, n * h)));
        for (i, got) in hessian_times(&at, &along).iter().enumerate() {
            for (nth, &got) in got.as_slice().iter().enumerate() {
                let [a, b, c, d] = [0, 1, 2, 3].map(|step: usize| steps[step][i].as_slice()[nth]);
                assert_near(got, (8.0 * (c - b) - (d - a)) / (12.0 * h), 1e-7, &(i, nth));
            }
        }
    }
}

#[test]
fn the_hessian_is_symmetric() {
    let rng = &mut ChaCha8Rng::seed_from_u64(4);
    let at = operands(rng);
    let dot = |a: &[Tensor<f64>], b: &[Tensor<f64>]| -> f64 {
        a.iter().zip(b).map(|(a, b)| a.dot(b)).sum()
    };
    for _ in 0..4 {
        let (u, v) = (operands(rng), operands(rng));
        let (left, right) = (dot(&u, &hessian_times(&at, &v)), dot(&v, &hessian_times(&at, &u)));
        assert_near(left, right, 1e-12, &"⟨u, H v⟩ = ⟨v, H u⟩");
    }
}

/// What a gradient penalty does: the loss's slope by the picture is part of what is trained.
#[test]
fn a_penalty_on_a_gradient_has_gradients_for_every_parameter() {
    let rng = &mut ChaCha8Rng::seed_from_u64(5);
    let (at, along) = (operands(rng), operands(rng));
    let penalty = |v: &[Var<f64>]| {
        let slope = network(v).grad(&[&v[6]]).remove(0);
        (&slope * &slope).sum().mul_scalar(100.0)
    };
    let v = parameters(&at);
    let grads = penalty(&v).backward();
    let got: f64 = v.iter().zip(&along).map(|(v, d)| grads.get(v).unwrap().dot(d)).sum();
    let h = 1e-4;
    let value = |n: f64| penalty(&parameters(&moved(&at, &along, n * h))).value().item();
    let want = (8.0 * (value(1.0) - value(-1.0)) - (value(2.0) - value(-2.0))) / (12.0 * h);
    assert_near(got, want, 1e-7, &"penalty");
}

/// Fused ops get their differentiable gradient from a composed definition. What the operands have to do
/// with each other must not get into it, nor what lies behind them.
#[test]
fn a_network_of_many_norms_has_one_gradient_by_either_way_and_gets_it_at_once() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let config = FcnConfig { widths: vec![3, 4, 3, 4, 3, 4], ..FcnConfig::new(2) };
    let network = Fcn::<f64>::new(&config, rng);
    let params = Params::of(&network);
    // Scores begin at zero, where most gradients would be 0.
    params.iter().filter(|(_, param)| param.is_trainable()).for_each(|(_, param)| {
        param.set(Tensor::normal(param.value().shape(), 0.5, rng));
    });
    let x = Var::constant(Tensor::normal([1, 3, 64, 64], 1.0, rng));
    let loss = || {
        let scores = network.forward(&x, &Pass::train(Draws::new(0, 0)));
        (&scores * &scores).mean()
    };
    let fused = loss().backward();
    let vars: Vec<Var<f64>> =
        params.iter().filter(|(_, p)| p.is_trainable()).map(|(_, p)| p.var()).collect();
    let start = std::time::Instant::now();
    let grads = loss().grad(&vars.iter().collect::<Vec<_>>());
    // By repeated ways through the history below, 24 norms would take years.
    assert!(start.elapsed().as_secs() < 60);
    for (var, grad) in vars.iter().zip(&grads) {
        let fused = fused.get(var).unwrap();
        let scale = fused.as_slice().iter().fold(1e-6, |scale: f64, v| scale.max(v.abs()));
        for (a, b) in grad.value().as_slice().iter().zip(fused.as_slice()) {
            assert_near(a / scale, b / scale, 1e-8, &var.shape());
        }
    }
}
