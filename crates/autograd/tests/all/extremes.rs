//! Operands that no training wants and every long one meets: zeros, the smallest and the largest numbers,
//! infinities, NaN and ties. Whatever comes of them, `fused` kernels and differentiable gradients say the
//! same.

use crate::common::{Alone, noise, parameters};
use mirrorgrad_autograd::Var;
use mirrorgrad_autograd::ops::*;
use mirrorgrad_tensor::{
    ClassTargets, Corners, Epilogue, Indices, PixelLoss, Resample, SparseRows, Tensor, Window,
    max_pool,
};
use std::fs;
use std::sync::Arc;

type V = [Var<f64>];

/// A call of an op, whose name its result shows.
struct Case {
    op: &'static str,
    shapes: Vec<Vec<usize>>,
    f: Box<dyn Fn(&V) -> Var<f64>>,
}

fn case(op: &'static str, shapes: &[&[usize]], f: impl Fn(&V) -> Var<f64> + 'static) -> Case {
    Case { op, shapes: shapes.iter().map(|shape| shape.to_vec()).collect(), f: Box::new(f) }
}

fn arithmetic() -> Vec<Case> {
    let pair: &[&[usize]] = &[&[3, 4], &[4]];
    vec![
        case("Add", pair, |v| &v[0] + &v[1]),
        case("Sub", pair, |v| &v[0] - &v[1]),
        case("Mul", pair, |v| &v[0] * &v[1]),
        case("Div", pair, |v| &v[0] / &v[1]),
        case("Affine", &[&[3, 4]], |v| v[0].mul_scalar(-1.5)),
        case("MatMul", &[&[2, 3], &[3, 2]], |v| v[0].matmul(&v[1])),
        case("Mask", &[&[3, 4]], |v| v[0].mask(&[0.0, 1.0, 0.0, 2.0].into())),
    ]
}

fn pointwise() -> Vec<Case> {
    let x: &[&[usize]] = &[&[4, 4]];
    vec![
        case("Exp", x, |v| v[0].exp()),
        case("Ln", x, |v| v[0].ln()),
        case("Sqrt", x, |v| v[0].sqrt()),
        case("PowI", x, |v| v[0].powi(3)),
        case("PowI", x, |v| v[0].powi(-2)),
        case("PowI", x, |v| v[0].powi(1)),
        case("One", x, |v| v[0].powi(0)),
        case("Abs", x, |v| v[0].abs()),
        case("Tanh", x, |v| v[0].tanh()),
        case("Sigmoid", x, |v| v[0].sigmoid()),
        case("Relu", x, |v| v[0].relu()),
        case("LeakyRelu", x, |v| v[0].leaky_relu(0.1)),
        case("LeakyRelu", x, |v| v[0].leaky_relu(0.0)),
        case("Clamp", x, |v| v[0].clamp(-1.0, 0.0)),
        case("Softplus", x, |v| v[0].softplus()),
        case("Erf", x, |v| v[0].erf()),
        case("Gelu", x, |v| v[0].gelu()),
        case("LogSoftmax", x, |v| v[0].log_softmax(1)),
    ]
}

fn reductions_and_places() -> Vec<Case> {
    let x: &[&[usize]] = &[&[3, 4]];
    let rows = || Indices::new([2, 4], [1, 0, 1, 2, 1, 0, 0, 2]);
    vec![
        case("Sum", x, |v| v[0].sum_axes_keep(&[1])),
        case("Mean", x, |v| v[0].mean_axes_keep(&[0])),
        case("MaxLast", x, |v| v[0].max_axes(&[1])),
        case("BroadcastTo", &[&[3, 1]], |v| v[0].broadcast_to(&[3, 4])),
        case("SumTo", x, |v| v[0].sum_to(&[3, 1])),
        case("Reshape", x, |v| v[0].reshape([4, 3])),
        case("Permute", x, |v| v[0].transpose()),
        case("Slice", x, |v| v[0].narrow(1, 1..3)),
        case("Pad", x, |v| v[0].pad(&[[1, 0], [0, 2]])),
        case("Concat", &[&[3, 2], &[3, 2]], |v| concat(&[&v[0], &v[1]], 1)),
        case("GatherFlat", x, move |v| v[0].gather(0, &rows())),
        case("ScatterFlat", &[&[2, 4]], move |v| v[0].scatter_add(0, &rows(), &[3, 4])),
    ]
}

fn planes() -> Vec<Case> {
    let x: &[&[usize]] = &[&[1, 2, 4, 4]];
    let conv = || Window::new([2, 3]).padding(1).conv([4, 4]).unwrap();
    let pool = || Window::square(2).stride(2).pool([4, 4]).unwrap();
    let [height, width] = conv().output();
    let at = move || max_pool(&pool(), &noise(&[1, 2, 4, 4], 3)).1;
    let gradient = |y: &Var<f64>, g: &Var<f64>, x: &Var<f64>| y.grad_with(g, &[x]).remove(0);
    vec![
        case("Conv", &[&[1, 2, 4, 4], &[3, 2, 2, 3], &[3]], move |v| {
            conv2d(conv(), &v[0], &v[1], Some(&v[2]))
        }),
        case("Conv", &[&[1, 3, height, width], &[3, 2, 2, 3], &[2]], move |v| {
            conv_transpose2d(conv(), &v[0], &v[1], Some(&v[2]))
        }),
        case("Conv", &[&[1, 2, 4, 4], &[1, 3, height, width]], move |v| {
            conv_weight2d(conv(), &v[0], &v[1])
        }),
        case("MaxPool", x, move |v| max_pool2d(&pool(), &v[0]).0),
        case("MaxUnpool", &[&[1, 2, 2, 2]], move |v| max_unpool2d(&v[0], &at())),
        case("PlaneGather", x, move |v| {
            let free = Var::parameter(Tensor::zeros([1, 2, 2, 2]));
            gradient(&max_unpool2d(&free, &at()), &v[0], &free)
        }),
        case("PlaneScatterAdd", &[&[1, 2, 2, 2]], move |v| {
            let free = Var::parameter(noise(&[1, 2, 4, 4], 3));
            gradient(&max_pool2d(&pool(), &free).0, &v[0], &free)
        }),
        case("PlaneResample", x, |v| upsample_bilinear2d(&v[0], [6, 3], Corners::HalfPixel)),
        case("PlaneResample", x, |v| {
            resample(
                &Resample::new(SparseRows::nearest(4, 3), SparseRows::adaptive_average(4, 2)),
                &v[0],
            )
        }),
    ]
}

fn norms() -> Vec<Case> {
    let shapes: &[&[usize]] = &[&[2, 2, 3], &[2], &[2]];
    vec![
        case("Normalize", shapes, |v| batch_norm(&v[0], &v[1], &v[2], 1e-5, Epilogue::Identity).0),
        case("Normalize", shapes, |v| batch_norm(&v[0], &v[1], &v[2], 1e-5, Epilogue::Relu).0),
        case("NormalizeAmong", shapes, |v| {
            batch_norm_among(Arc::new(Alone), &v[0], &v[1], &v[2], 1e-5, Epilogue::Relu).0
        }),
        case("Normalize", shapes, |v| group_norm(1, &v[0], &v[1], &v[2], 1e-5)),
        case("Normalize", &[&[4, 3], &[3], &[3]], |v| layer_norm(&v[0], &v[1], &v[2], 1e-5)),
    ]
}

fn losses() -> Vec<Case> {
    let mut cases = vec![
        case("Bce", &[&[4, 4], &[4, 4]], |v| {
            binary_cross_entropy_with_logits(&v[0], &v[1], Reduction::None)
        }),
        case("SquaredError", &[&[4, 4], &[4, 4]], |v| mse_loss(&v[0], &v[1], Reduction::None)),
    ];
    for (label_smoothing, focusing) in
        [(0.0, 0.0), (0.1, 0.0), (1.0, 0.0), (0.0, 0.5), (0.0, 2.0), (0.2, 1.0)]
    {
        for weights in [None, Some([0.5, 0.0, 2.0])] {
            cases.push(case("PerPixel", &[&[2, 3, 4]], move |v| {
                let class_weights = weights.map(Tensor::from);
                let loss = PixelLoss { class_weights, label_smoothing, focusing };
                cross_entropy(&v[0], &targets(), &loss, Reduction::None)
            }));
        }
    }
    cases.push(case("Dice", &[&[2, 3, 4]], |v| dice_loss(&v[0], &targets(), 1.0)));
    cases
}

fn targets() -> ClassTargets {
    ClassTargets::new([2, 4], [0, 1, 2, 9, 2, 0, 1, 1], 3, Some(9)).unwrap()
}

fn table() -> Vec<Case> {
    let families =
        [arithmetic(), pointwise(), reductions_and_places(), planes(), norms(), losses()];
    families.into_iter().flatten().collect()
}

/// Extreme numbers between ordinary ones.
const EXTREMES: [(&str, &[f64]); 8] = [
    ("zeros", &[0.0, -0.0]),
    ("tiny", &[f64::MIN_POSITIVE, -f64::MIN_POSITIVE, 5e-324, -1e-200]),
    // No ties among these: of equal scores as huge, no probabilities can be told.
    ("huge", &[1e150, -1e150, 1e3, -1e3, 1e100]),
    ("infinite", &[f64::INFINITY]),
    ("of negative infinity", &[f64::NEG_INFINITY]),
    ("of both infinities", &[f64::INFINITY, f64::NEG_INFINITY]),
    ("NaN", &[f64::NAN]),
    ("ties", &[0.5]),
];

/// Numbers of which some places are extreme: one in `every`, beginning with `first`.
fn extreme(shape: &[usize], values: &[f64], every: usize, first: usize, seed: u64) -> Tensor<f64> {
    let plain = noise(shape, seed);
    Tensor::from_fn(shape, |i| match i % every == first {
        true => values[i / every % values.len()],
        false => plain.as_slice()[i],
    })
}

/// Equal, both NaN, or as near as rounding leaves numbers of the size of `scale`.
fn same(got: f64, want: f64, scale: f64) -> bool {
    got == want || (got.is_nan() && want.is_nan()) || (got - want).abs() <= 1e-12 * scale
}

#[test]
fn fused_gradients_at_extreme_operands_are_the_differentiable_ones() {
    let mut faults = Vec::new();
    for case in table() {
        for (kind, values) in EXTREMES {
            for (every, first) in [(1, 0), (2, 1), (3, 0), (5, 2), (7, 6)] {
                for which in 0..case.shapes.len() {
                    // An infinite weight makes NaN of all that it meets, at different times.
                    if case.op.starts_with("Normalize") && which == 1 && kind.contains("infinit") {
                        continue;
                    }
                    let operand = |(i, shape): (usize, &Vec<usize>)| match i == which {
                        true => extreme(shape, values, every, first, 1 + i as u64),
                        false => noise(shape, 1 + i as u64),
                    };
                    let at: Vec<_> = case.shapes.iter().enumerate().map(operand).collect();
                    faults.extend(differences(&case, &at).map(|fault| {
                        format!("{}, {kind}, operand {which}, 1 in {every}: {fault}", case.op)
                    }));
                }
            }
        }
    }
    assert!(faults.is_empty(), "{} differ:\n{}", faults.len(), faults.join("\n"));
}

/// The first gradient of which both kinds differ.
fn differences(case: &Case, at: &[Tensor<f64>]) -> Option<String> {
    let loss = |v: &V| {
        let y = (case.f)(v);
        y.clone().mask(&noise(y.shape(), 50)).sum()
    };
    let vars = parameters(at);
    let differentiable = loss(&vars).grad(&vars.iter().collect::<Vec<_>>());
    let fused = loss(&vars).backward();
    vars.iter().zip(&differentiable).enumerate().find_map(|(operand, (var, want))| {
        let zeros = Tensor::zeros(var.shape());
        let got = fused.get(var).unwrap_or(&zeros);
        let finite = want.value().as_slice().iter().filter(|v| v.is_finite());
        let scale = finite.fold(1.0, |scale: f64, v| scale.max(v.abs()));
        let pairs = got.as_slice().iter().zip(want.value().as_slice());
        let place = pairs.clone().position(|(&got, &want)| !same(got, want, scale))?;
        Some(format!(
            "to operand {operand}, at {place}: fused {:?}, differentiable {:?} at {at:?}",
            got.as_slice(),
            want.value().as_slice()
        ))
    })
}

/// Ops without a call of their own: they are seen at work within others.
const WITHIN: [(&str, &str); 3] = [
    ("Renew", "every composed gradient"),
    ("Odds", "PerPixel's gradient, where it is focal"),
    ("SumOfAll", "NormalizeAmong's gradient"),
];

#[test]
fn every_op_is_in_the_table() {
    for case in table() {
        let at: Vec<_> = case.shapes.iter().map(|shape| noise(shape, 1)).collect();
        let shown = format!("{:?}", (case.f)(&parameters(&at)));
        let call = shown.split(" by ").nth(1).expect("a call is shown");
        let words = call.split(|c: char| !c.is_alphanumeric());
        assert!(words.clone().any(|word| word == case.op), "{} is shown as {call}", case.op);
    }
    let named: Vec<&str> =
        table().iter().map(|case| case.op).chain(WITHIN.map(|(op, _)| op)).collect();
    let mut found = 0;
    for file in fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/src/ops")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        for line in text.lines() {
            let of = |name: &str| {
                line.starts_with("impl<") && line.contains(&format!(" {name}<T> for "))
            };
            if !["Op", "Pointwise", "Piecewise"].into_iter().any(of) {
                continue;
            }
            let op = line.split(" for ").nth(1).expect(line);
            let op = op.split(['<', ' ']).next().expect("a split has a first part");
            // What applies a function everywhere is seen in each function.
            if !["Map", "Pieces"].contains(&op) {
                assert!(named.contains(&op), "{op} has no line in the table");
                found += 1;
            }
        }
    }
    assert!(found > 40, "found {found} ops only");
}
