//! One table of all ops, a line each: every one passes gradcheck to second order (linear ones, and the
//! convolution form, to third), and its fused kernel gives the numbers of its differentiable gradient.

use crate::common::{Alone, apart, assert_close, noise, parameters, uneven};
use mirrorgrad_autograd::ops::*;
use mirrorgrad_autograd::{Var, gradcheck};
use mirrorgrad_tensor::{
    AverageCount, Axis, ClassTargets, Corners, Epilogue, Form, Geometry, Indices, PixelLoss,
    Resample, SparseRows, Tensor, Window,
};
use std::fs;
use std::sync::Arc;

type V = [Var<f64>];

/// A call to differentiate. Its name begins with the op's.
struct Case {
    name: String,
    order: usize,
    at: Vec<Tensor<f64>>,
    f: Box<dyn Fn(&V) -> Var<f64>>,
}

/// Operands of both signs, all elements different and none near 0.
fn case(name: &str, shapes: &[&[usize]], f: impl Fn(&V) -> Var<f64> + 'static) -> Case {
    let at = shapes.iter().zip(1..).map(|(shape, seed)| apart(shape, seed)).collect();
    Case { name: name.into(), order: 2, at, f: Box::new(f) }
}

/// Operands between ½ and 1½.
fn positive(name: &str, shapes: &[&[usize]], f: impl Fn(&V) -> Var<f64> + 'static) -> Case {
    let at = shapes.iter().zip(1..).map(|(shape, seed)| noise(shape, seed).map(|v| 1.0 + v / 2.0));
    Case { name: name.into(), order: 2, at: at.collect(), f: Box::new(f) }
}

/// An op that is linear hands its adjoint's adjoint a question only at third order.
fn to_third_order(cases: Vec<Case>) -> Vec<Case> {
    cases.into_iter().map(|case| Case { order: 3, ..case }).collect()
}

fn arithmetic() -> Vec<Case> {
    vec![
        case("add", &[&[2, 1, 3], &[4, 1]], |v| &v[0] + &v[1]),
        case("add: a number", &[&[2, 2], &[]], |v| &v[0] + &v[1]),
        case("sub", &[&[2, 1, 3], &[4, 1]], |v| &v[0] - &v[1]),
        case("sub: from a number", &[&[], &[2, 2]], |v| &v[0] - &v[1]),
        case("mul", &[&[2, 1, 3], &[4, 1]], |v| &v[0] * &v[1]),
        case("mul: with itself", &[&[3]], |v| &v[0] * &v[0]),
        positive("div", &[&[2, 1, 3], &[4, 1]], |v| &v[0] / &v[1]),
        positive("div: a number", &[&[], &[1, 3]], |v| &v[0] / &v[1]),
        case("neg", &[&[3]], |v| -&v[0]),
        case("mask", &[&[2, 1, 2]], |v| v[0].mask(&[[0.0, 1.5], [-2.0, 0.0]].into())),
        case("mul_scalar", &[&[2, 2]], |v| v[0].mul_scalar(-1.5)),
        case("add_scalar", &[&[2, 2]], |v| v[0].add_scalar(0.3)),
        case("matmul", &[&[2, 3], &[3, 4]], |v| v[0].matmul(&v[1])),
        case("matmul: stacks", &[&[2, 1, 2, 3], &[3, 3, 1]], |v| v[0].matmul(&v[1])),
        case("matmul: one stack", &[&[2, 3], &[2, 3, 2]], |v| v[0].matmul(&v[1])),
        case("matmul: with itself", &[&[3, 3]], |v| v[0].matmul(&v[0].transpose())),
    ]
}

fn pointwise() -> Vec<Case> {
    vec![
        case("exp", &[&[2, 3]], |v| v[0].exp()),
        positive("ln", &[&[2, 3]], |v| v[0].ln()),
        positive("sqrt", &[&[2, 3]], |v| v[0].sqrt()),
        case("powi: 3", &[&[2, 3]], |v| v[0].powi(3)),
        case("powi: 2", &[&[2, 3]], |v| v[0].powi(2)),
        case("powi: 1", &[&[2, 3]], |v| v[0].powi(1)),
        case("powi: 0", &[&[2, 3]], |v| v[0].powi(0)),
        positive("powi: -2", &[&[2, 3]], |v| v[0].powi(-2)),
        case("abs", &[&[2, 3]], |v| v[0].abs()),
        case("tanh", &[&[2, 3]], |v| v[0].tanh()),
        case("sigmoid", &[&[2, 3]], |v| v[0].mul_scalar(3.0).sigmoid()),
        case("relu", &[&[2, 3]], |v| v[0].relu()),
        case("leaky_relu", &[&[2, 3]], |v| v[0].leaky_relu(0.1)),
        case("gelu", &[&[2, 3]], |v| v[0].mul_scalar(2.0).gelu()),
        case("erf", &[&[2, 3]], |v| v[0].erf()),
        case("softplus", &[&[2, 3]], |v| v[0].mul_scalar(3.0).softplus()),
        case("clamp", &[&[2, 5]], |v| v[0].clamp(-0.3, 0.5)),
        case("log_softmax", &[&[2, 3, 2]], |v| v[0].log_softmax(1)),
        case("log_softmax: last", &[&[2, 4]], |v| v[0].log_softmax(1)),
        case("log_softmax: first, of one", &[&[1, 4]], |v| v[0].log_softmax(0)),
        case("softmax", &[&[2, 3, 2]], |v| v[0].softmax(1)),
    ]
}

fn reductions() -> Vec<Case> {
    to_third_order(vec![
        case("sum", &[&[2, 3]], |v| v[0].sum()),
        case("sum: of one number", &[&[]], |v| v[0].sum()),
        case("sum_axes", &[&[2, 3, 2]], |v| v[0].sum_axes(&[2, 0])),
        case("sum_axes: none", &[&[2, 3]], |v| v[0].sum_axes(&[])),
        case("sum_axes_keep", &[&[2, 3, 2]], |v| v[0].sum_axes_keep(&[1])),
        case("mean", &[&[2, 3]], |v| v[0].mean()),
        case("mean_axes", &[&[2, 3, 2]], |v| v[0].mean_axes(&[0, 1])),
        case("mean_axes_keep", &[&[2, 3, 1]], |v| v[0].mean_axes_keep(&[1, 2])),
        case("var_axes: of these", &[&[2, 3, 2]], |v| v[0].var_axes(&[0, 2], 0)),
        case("var_axes: unbiased", &[&[2, 3]], |v| v[0].var_axes(&[1], 1)),
        case("var_axes: of one", &[&[1, 3]], |v| v[0].var_axes(&[0], 0)),
        case("max", &[&[2, 3]], |v| v[0].max()),
        case("max_axes: last", &[&[2, 3]], |v| v[0].max_axes(&[1])),
        case("max_axes: several", &[&[2, 3, 2]], |v| v[0].max_axes(&[2, 0])),
        case("broadcast_to", &[&[2, 1, 2]], |v| v[0].broadcast_to(&[2, 2, 3, 2])),
        case("broadcast_to: from a number", &[&[]], |v| v[0].broadcast_to(&[2, 1])),
        case("sum_to", &[&[2, 3, 2]], |v| v[0].sum_to(&[3, 1])),
    ])
}

fn layouts() -> Vec<Case> {
    let rows = |n: usize| Indices::new([n, 2], &[1, 0, 1, 1, 0, 0][..2 * n]);
    to_third_order(vec![
        case("reshape", &[&[2, 3]], |v| v[0].reshape([3, 1, 2])),
        case("permute", &[&[2, 3, 2]], |v| v[0].permute(&[2, 0, 1])),
        case("transpose", &[&[2, 3, 2]], |v| v[0].transpose()),
        case("slice", &[&[3, 4]], |v| v[0].slice(&[1..3, 0..3])),
        case("slice: nothing", &[&[3, 4]], |v| v[0].slice(&[1..1, 0..3])),
        case("narrow", &[&[3, 4]], |v| v[0].narrow(1, 2..4)),
        case("crop", &[&[2, 3, 4]], |v| v[0].crop([1, 0], [2, 3])),
        case("pad", &[&[2, 3]], |v| v[0].pad(&[[1, 0], [2, 1]])),
        case("concat", &[&[2, 1], &[2, 3], &[2, 2]], |v| concat(&[&v[0], &v[1], &v[2]], 1)),
        case("concat: twice the same", &[&[1, 2]], |v| concat(&[&v[0], &v[0]], 0)),
        case("gather", &[&[2, 3]], move |v| v[0].gather(0, &rows(2))),
        case("gather: repeated", &[&[4, 2]], move |v| v[0].gather(0, &rows(3))),
        case("scatter_add", &[&[3, 2]], move |v| v[0].scatter_add(0, &rows(3), &[4, 2])),
    ])
}

/// The three solutions over shapes that hurt: each is linear in each operand, so that a third derivative
/// asks for all of the table in `ops/conv.rs`.
fn convolutions() -> Vec<Case> {
    let axis = Axis { input: 5, output: 2, kernel: 2, stride: 1, dilation: 1, pad_before: 1 };
    let geometries = [
        ("uneven", uneven().conv([4, 5]), 1, 2),
        ("remainder, batch 1", Window::new([2, 1]).stride(3).conv([4, 5]), 1, 1),
        ("groups", Window::square(2).conv([3, 2]), 2, 1),
        ("depthwise", Window::new([1, 3]).padding(1).conv([1, 3]), 2, 1),
        ("pointwise", Window::square(1).conv([2, 2]), 1, 2),
        ("one pixel", Window::square(3).padding(1).conv([1, 1]), 1, 1),
        ("output padding", uneven().output_padding([1, 1]).transposed([2, 2]), 1, 1),
        ("no rule's", Geometry::new([axis, Axis { input: 1, ..axis }]), 1, 1),
    ];
    let mut cases = Vec::new();
    for (name, geometry, groups, batch) in geometries {
        let g = geometry.unwrap_or_else(|error| panic!("{name}: {error}"));
        let ([height, width], [output_height, output_width], [kh, kw]) =
            (g.input(), g.output(), g.kernel());
        let (inputs, outputs) =
            if name == "depthwise" { (groups, groups) } else { (2, 2 * groups) };
        let input: &[usize] = &[batch, inputs, height, width];
        let output: &[usize] = &[batch, outputs, output_height, output_width];
        let weight: &[usize] = &[outputs, inputs / groups, kh, kw];
        cases.extend([
            case(&format!("conv2d: {name}"), &[input, weight, &[outputs]], move |v| {
                conv2d(Form::new(g, groups), &v[0], &v[1], Some(&v[2]))
            }),
            case(&format!("conv_transpose2d: {name}"), &[output, weight, &[inputs]], move |v| {
                conv_transpose2d(Form::new(g, groups), &v[0], &v[1], Some(&v[2]))
            }),
            case(&format!("conv_weight2d: {name}"), &[input, output], move |v| {
                conv_weight2d(Form::new(g, groups), &v[0], &v[1])
            }),
        ]);
    }
    to_third_order(cases)
}

fn pools() -> Vec<Case> {
    let overlapping = Window { pad_before: [1, 0], pad_after: [0, 1], ..Window::new([2, 3]) };
    let max = |window: Window| move |v: &V| max_pool2d(&window.pool(planes(v)).unwrap(), &v[0]).0;
    let average =
        |count| move |v: &V| avg_pool2d(&overlapping.pool(planes(v)).unwrap(), &v[0], count);
    let padding = AverageCount::IncludePadding { pad_after: overlapping.pad_after };
    to_third_order(vec![
        case("max_pool2d", &[&[2, 1, 4, 5]], max(Window::square(2).stride(2))),
        case("max_pool2d: overlapping", &[&[1, 2, 3, 4]], max(overlapping)),
        case("max_pool2d: dilated", &[&[1, 1, 4, 5]], max(Window::square(2).dilation(2))),
        case("max_pool2d: one pixel", &[&[2, 1, 1, 1]], max(Window::square(1))),
        case("max_unpool2d", &[&[1, 2, 2, 2]], |v| {
            let taken = apart(&[1, 2, 5, 4], 9);
            let geometry = Window::square(2).stride(2).pool([5, 4]).unwrap();
            let (_, indices) = max_pool2d(&geometry, &Var::constant(taken));
            max_unpool2d(&v[0], &indices)
        }),
        case("avg_pool2d: pixels", &[&[1, 2, 3, 4]], average(AverageCount::ExcludePadding)),
        case("avg_pool2d: cells", &[&[1, 2, 3, 4]], average(padding)),
        case("adaptive_avg_pool2d", &[&[1, 2, 5, 3]], |v| adaptive_avg_pool2d(&v[0], [3, 2])),
        case("adaptive_avg_pool2d: up", &[&[1, 1, 2, 1]], |v| adaptive_avg_pool2d(&v[0], [3, 2])),
    ])
}

fn planes(v: &V) -> [usize; 2] {
    let [_, _, height, width] = v[0].value().dims();
    [height, width]
}

fn resamplings() -> Vec<Case> {
    to_third_order(vec![
        case("upsample_bilinear2d: corners", &[&[1, 2, 2, 3]], |v| {
            upsample_bilinear2d(&v[0], [5, 4], Corners::Aligned)
        }),
        case("upsample_bilinear2d: centres", &[&[1, 2, 2, 3]], |v| {
            upsample_bilinear2d(&v[0], [5, 4], Corners::HalfPixel)
        }),
        case("upsample_bilinear2d: down", &[&[2, 1, 5, 4]], |v| {
            upsample_bilinear2d(&v[0], [2, 3], Corners::HalfPixel)
        }),
        case("upsample_bilinear2d: one pixel", &[&[1, 2, 1, 1]], |v| {
            upsample_bilinear2d(&v[0], [2, 3], Corners::Aligned)
        }),
        case("upsample_nearest2d", &[&[1, 2, 2, 3]], |v| upsample_nearest2d(&v[0], [5, 4])),
        case("upsample_nearest2d: down", &[&[2, 1, 5, 4]], |v| upsample_nearest2d(&v[0], [2, 3])),
        case("resample", &[&[1, 1, 2, 3]], |v| {
            let rows = SparseRows::new([2, 2], |i| vec![(i, 0.5), (1 - i, -2.0)]);
            resample(&Resample::new(rows, SparseRows::adaptive_average(3, 2)), &v[0])
        }),
    ])
}

/// Large enough that a set of one element does not amplify rounding.
const EPS: f64 = 0.1;

fn norms() -> Vec<Case> {
    let batch = |v: &V| batch_norm(&v[0], &v[1], &v[2], EPS, Epilogue::Identity).0;
    let group = |groups| move |v: &V| group_norm(groups, &v[0], &v[1], &v[2], EPS);
    let layer = |v: &V| layer_norm(&v[0], &v[1], &v[2], EPS);
    vec![
        case("batch_norm", &[&[2, 2, 3, 1], &[2], &[2]], batch),
        case("batch_norm: batch 1", &[&[1, 2, 2, 3], &[2], &[2]], batch),
        case("batch_norm: no places", &[&[3, 2], &[2], &[2]], batch),
        case("group_norm: one element", &[&[1, 2, 1, 1], &[2], &[2]], group(2)),
        case("batch_norm, relu", &[&[3, 2, 3, 1], &[2], &[2]], |v| {
            batch_norm(&v[0], &v[1], &v[2], EPS, Epilogue::Relu).0
        }),
        case("batch_norm_among", &[&[3, 2, 3, 1], &[2], &[2]], |v| {
            batch_norm_among(Arc::new(Alone), &v[0], &v[1], &v[2], EPS, Epilogue::Relu).0
        }),
        case("group_norm", &[&[2, 4, 1, 2], &[4], &[4]], group(2)),
        case("group_norm: one group", &[&[1, 3, 2], &[3], &[3]], group(1)),
        case("group_norm: a group each", &[&[2, 2, 3], &[2], &[2]], group(2)),
        case("layer_norm", &[&[2, 3, 2], &[3, 2], &[3, 2]], layer),
        case("layer_norm: last axis", &[&[2, 2, 3], &[3], &[3]], layer),
        case("layer_norm: weight made of the input", &[&[2, 3], &[3]], |v| {
            layer_norm(&v[0], &v[0].sum_axes(&[0]), &v[1], EPS)
        }),
        case("batch_norm: one weight twice", &[&[3, 2], &[2], &[2]], move |v| {
            let once = batch_norm(&v[0].exp(), &v[1], &v[2], EPS, Epilogue::Identity).0;
            batch_norm(&once.exp(), &v[1], &v[2], EPS, Epilogue::Identity).0
        }),
    ]
}

fn losses() -> Vec<Case> {
    let targets = || ClassTargets::new([2, 2, 1], [0, 9, 2, 1], 3, Some(9)).unwrap();
    let weights = || Tensor::from([0.5, 2.0, 1.25]);
    let entropy = move |class_weights, label_smoothing, focusing, reduction| {
        let loss = PixelLoss { class_weights, label_smoothing, focusing };
        move |v: &V| cross_entropy(&v[0], &targets(), &loss, reduction)
    };
    let scores: &[usize] = &[2, 3, 2, 1];
    let pair: &[&[usize]] = &[&[2, 3], &[2, 3]];
    let (mean, sum, none) = (Reduction::Mean, Reduction::Sum, Reduction::None);
    vec![
        case("cross_entropy", &[scores], entropy(None, 0.0, 0.0, mean)),
        case("cross_entropy: weights", &[scores], entropy(Some(weights()), 0.0, 0.0, mean)),
        case("cross_entropy: smoothing", &[scores], entropy(Some(weights()), 0.2, 0.0, none)),
        case("cross_entropy: focal", &[scores], entropy(None, 0.0, 2.0, sum)),
        case("cross_entropy: focal 1/2", &[scores], entropy(None, 0.0, 0.5, none)),
        case("cross_entropy: all of it", &[scores], entropy(Some(weights()), 0.1, 1.5, mean)),
        case("cross_entropy: all ignored", &[&[1, 3, 2]], |v| {
            let targets = ClassTargets::new([1, 2], [9; 2], 3, Some(9)).unwrap();
            cross_entropy(&v[0], &targets, &PixelLoss::default(), Reduction::Mean)
        }),
        case("dice_loss", &[scores], move |v| dice_loss(&v[0], &targets(), 1.0)),
        case("dice_loss: hardly smooth", &[scores], move |v| dice_loss(&v[0], &targets(), 0.01)),
        case("binary_cross_entropy_with_logits: of its own logits", &[&[2, 2]], |v| {
            binary_cross_entropy_with_logits(&v[0], &v[0].sigmoid(), Reduction::Sum)
        }),
        case("mse_loss: of its own square", &[&[2, 2]], |v| {
            mse_loss(&v[0], &(&v[0] * &v[0]), Reduction::Sum)
        }),
        case("binary_cross_entropy_with_logits", pair, move |v| {
            binary_cross_entropy_with_logits(&v[0].mul_scalar(3.0), &v[1], mean)
        }),
        case("binary_cross_entropy_with_logits: each", pair, move |v| {
            binary_cross_entropy_with_logits(&v[0], &v[1], none)
        }),
        case("mse_loss", pair, move |v| mse_loss(&v[0], &v[1], mean)),
        case("mse_loss: sum", pair, move |v| mse_loss(&v[0], &v[1], sum)),
        case("mse_loss: each", pair, move |v| mse_loss(&v[0], &v[1], none)),
    ]
}

fn table() -> Vec<Case> {
    let families = [
        arithmetic(),
        pointwise(),
        reductions(),
        layouts(),
        convolutions(),
        pools(),
        resamplings(),
        norms(),
        losses(),
    ];
    families.into_iter().flatten().collect()
}

impl Case {
    /// The call between two curved functions, so that even a linear op has higher derivatives.
    fn curved(&self, v: &V) -> Var<f64> {
        let bent: Vec<Var<f64>> = v.iter().map(|x| x + &(x * x).mul_scalar(0.25)).collect();
        let y = (self.f)(&bent);
        &y + &(&y * &y).mul_scalar(0.5)
    }
}

fn check(cases: Vec<Case>) {
    for case in cases {
        if let Err(mismatch) = gradcheck(case.order, |v| case.curved(v), &case.at) {
            panic!("{}: {mismatch}", case.name);
        }
    }
}

#[test]
fn arithmetic_passes_gradcheck() {
    check(arithmetic());
}

#[test]
fn pointwise_functions_pass_gradcheck() {
    check(pointwise());
}

#[test]
fn reductions_pass_gradcheck() {
    check(reductions());
}

#[test]
fn layouts_pass_gradcheck() {
    check(layouts());
}

#[test]
fn the_three_maps_pass_gradcheck_to_third_order() {
    check(convolutions());
}

#[test]
fn pools_pass_gradcheck() {
    check(pools());
}

#[test]
fn resamplings_pass_gradcheck() {
    check(resamplings());
}

#[test]
fn norms_pass_gradcheck() {
    check(norms());
}

#[test]
fn losses_pass_gradcheck() {
    check(losses());
}

#[test]
fn fused_gradients_are_the_differentiable_ones() {
    for case in table() {
        let loss = |v: &V| {
            let y = case.curved(v);
            (&y * &Var::constant(noise(y.shape(), 50))).sum()
        };
        let vars = parameters(&case.at);
        let differentiable = loss(&vars).grad(&vars.iter().collect::<Vec<_>>());
        let fused = loss(&vars).backward();
        for (operand, (var, want)) in vars.iter().zip(&differentiable).enumerate() {
            let zeros = Tensor::zeros(var.shape());
            let got = fused.get(var).unwrap_or(&zeros);
            assert_close(got, want.value(), 1e-12, &(&case.name, operand));
        }
    }
}

#[test]
fn every_public_function_of_ops_is_in_the_table() {
    let names: Vec<String> = table().into_iter().map(|case| case.name).collect();
    let mut found = 0;
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/ops")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines().filter_map(|line| line.trim_start().strip_prefix("pub fn ")) {
            let name = line.split(['(', '<']).next().expect("a split has a first part");
            let tested = |case: &String| case.split(':').next() == Some(name);
            assert!(names.iter().any(tested), "{name} has no line in the table");
            found += 1;
        }
    }
    assert!(found > 50, "found {found} functions only");
}
