//! The softmax and the losses of pixels against their definitions.

use crate::common::{assert_close, draw, noise, panic_of, rng};
use mirrorgrad_tensor::{
    ClassTargets, PixelLoss, TargetError, Tensor, log_softmax, log_softmax_backward,
};
use rand_chacha::ChaCha8Rng;

const SHAPES: [&[usize]; 7] =
    [&[2, 5, 27, 23], &[3, 4, 2], &[1, 1, 6], &[4, 3], &[2, 3, 1, 1], &[1, 2, 513], &[0, 3, 4]];

/// The elements of `x` that share every index but that of `axis`, by flat position.
fn lines(shape: &[usize], axis: usize) -> Vec<Vec<usize>> {
    let (n, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
    let len = shape.iter().product::<usize>();
    let starts = (0..len).filter(|at| at / inner.max(1) % n == 0);
    starts.map(|start| (0..n).map(|i| start + i * inner).collect()).collect()
}

/// e^x / Σ e^x of each line, with the sum of a few moderate numbers as it stands.
fn softmax(x: &Tensor<f64>, line: &[usize]) -> Vec<f64> {
    let sum: f64 = line.iter().map(|&i| x.as_slice()[i].exp()).sum();
    line.iter().map(|&i| x.as_slice()[i].exp() / sum).collect()
}

#[test]
fn log_softmax_and_its_gradient_are_the_definition_along_every_axis() {
    let rng = &mut rng(1);
    for shape in SHAPES {
        for axis in 0..shape.len() {
            let x = noise::<f32>(shape, rng).cast::<f64>().map(|v| 3.0 * v);
            let grad = noise::<f32>(shape, rng).cast::<f64>();
            let (mut y, mut to_x) = (vec![0.0; x.len()], vec![0.0; x.len()]);
            for line in lines(shape, axis) {
                let p = softmax(&x, &line);
                for (i, &at) in line.iter().enumerate() {
                    y[at] = p[i].ln();
                    // ∂y_j / ∂x_i = δ_ij − p_i.
                    let entry = |j: usize| f64::from(u8::from(i == j)) - p[i];
                    let terms =
                        line.iter().enumerate().map(|(j, &to)| grad.as_slice()[to] * entry(j));
                    to_x[at] = terms.sum();
                }
            }
            let case = &(shape, axis);
            let (y, to_x) = (Tensor::new(shape, y), Tensor::new(shape, to_x));
            assert_close(&log_softmax(&x, axis), &y, 1e-13, case);
            assert_close(&log_softmax_backward(&y, &grad, axis), &to_x, 1e-12, case);
            let [x, y32, grad] = [&x, &y, &grad].map(Tensor::cast::<f32>);
            assert_close(&log_softmax(&x, axis), &y, 1e-6, case);
            assert_close(&log_softmax_backward(&y32, &grad, axis), &to_x, 2e-5, case);
        }
    }
}

#[test]
fn log_softmax_of_huge_scores_is_exact() {
    let x = Tensor::from([[1e4_f32, -1e4, 0.0], [-1e4, -1e4, -1e4], [1e4, 1e4, 9999.0]]);
    let y = log_softmax(&x, 1);
    let third = -(3.0_f64.ln());
    let tied = -(2.0 + (-1.0_f64).exp()).ln();
    let want = Tensor::from([[0.0, -2e4, -1e4], [third; 3], [tied, tied, tied - 1.0]]);
    assert_close(&y, &want, 1e-7, &"huge");
    let grad = Tensor::from([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]);
    let back = log_softmax_backward(&y, &grad, 1);
    assert!(back.as_slice().iter().all(|v| v.is_finite()), "{back:?}");
}

#[test]
fn nan_scores_are_not_hidden() {
    for at in 0..3 {
        let x = Tensor::<f64>::from_fn([1, 3], |i| if i == at { f64::NAN } else { 1.0 });
        assert!(log_softmax(&x, 1).as_slice().iter().all(|v| v.is_nan()));
    }
}

/// Every combination of class weights, smoothing and focusing.
fn losses(classes: usize, rng: &mut ChaCha8Rng) -> Vec<PixelLoss<f64>> {
    let weights = noise::<f32>(&[classes], rng).cast::<f64>().map(|v| v + 1.5);
    let mut losses = Vec::new();
    for class_weights in [None, Some(weights)] {
        for label_smoothing in [0.0, 0.3] {
            for focusing in [0.0, 0.5, 1.0, 2.0] {
                let class_weights = class_weights.clone();
                losses.push(PixelLoss { class_weights, label_smoothing, focusing });
            }
        }
    }
    losses
}

fn random_targets(shape: &[usize], classes: usize, rng: &mut ChaCha8Rng) -> ClassTargets {
    let len = shape.iter().product::<usize>();
    let labels: Vec<i64> = (0..len)
        .map(|_| match draw(rng, 0, classes) {
            class if class == classes => -100,
            class => class as i64,
        })
        .collect();
    ClassTargets::new(shape, labels, classes, Some(-100)).unwrap()
}

/// The definition for one pixel: its scores, its class and the settings.
fn loss_of(scores: &[f64], target: Option<usize>, loss: &PixelLoss<f64>) -> f64 {
    let Some(y) = target else { return 0.0 };
    let sum: f64 = scores.iter().map(|v| v.exp()).sum();
    let p: Vec<f64> = scores.iter().map(|v| v.exp() / sum).collect();
    let weight = |c: usize| loss.class_weights.as_ref().map_or(1.0, |w| w.as_slice()[c]);
    let hard = weight(y) * (1.0 - p[y]).powf(loss.focusing) * p[y].ln();
    let soft: f64 = (0..p.len()).map(|c| weight(c) * p[c].ln()).sum();
    -(1.0 - loss.label_smoothing) * hard - loss.label_smoothing / p.len() as f64 * soft
}

#[test]
fn pixel_losses_are_the_definition_and_their_gradients_its_differences() {
    let rng = &mut rng(2);
    for shape in [&[2, 5, 27, 23][..], &[3, 4, 2], &[4, 3], &[1, 2, 513], &[0, 3, 4]] {
        let classes = shape[1];
        let target_shape = [&shape[..1], &shape[2..]].concat();
        for loss in losses(classes, rng) {
            let targets = random_targets(&target_shape, classes, rng);
            let x = noise::<f32>(shape, rng).cast::<f64>().map(|v| 2.0 * v);
            let grad = noise::<f32>(&target_shape, rng).cast::<f64>();
            let labels: Vec<_> = targets.iter().collect();
            let (mut values, mut to_x) = (Vec::new(), vec![0.0; x.len()]);
            for (pixel, line) in lines(shape, 1).iter().enumerate() {
                let scores: Vec<f64> = line.iter().map(|&i| x.as_slice()[i]).collect();
                values.push(loss_of(&scores, labels[pixel], &loss));
                for (c, &at) in line.iter().enumerate() {
                    let along = |step: f64| {
                        let mut moved = scores.clone();
                        moved[c] += step;
                        loss_of(&moved, labels[pixel], &loss)
                    };
                    let h = 1e-3;
                    let slope = (8.0 * (along(h) - along(-h)) - along(2.0 * h) + along(-2.0 * h))
                        / (12.0 * h);
                    to_x[at] = grad.as_slice()[pixel] * slope;
                }
            }
            let case = &(shape, &loss);
            let want = Tensor::new(&target_shape, values);
            let to_x = Tensor::new(shape, to_x);
            let [losses, sums] = loss.forward(&x, &targets);
            assert_close(&losses, &want, 1e-12, case);
            assert_close(&loss.backward(&x, &targets, &sums, &grad), &to_x, 1e-9, case);
            let total: f64 = labels
                .iter()
                .flatten()
                .map(|&c| loss.class_weights.as_ref().map_or(1.0, |w| w.as_slice()[c]))
                .sum();
            assert!((loss.total_weight(&targets) - total).abs() <= 1e-12 * total);

            let loss32 = PixelLoss {
                class_weights: loss.class_weights.as_ref().map(Tensor::cast::<f32>),
                label_smoothing: loss.label_smoothing,
                focusing: loss.focusing,
            };
            let (x, grad) = (x.cast::<f32>(), grad.cast::<f32>());
            let [losses, sums] = loss32.forward(&x, &targets);
            assert_close(&losses, &want, 1e-5, case);
            assert_close(&loss32.backward(&x, &targets, &sums, &grad), &to_x, 1e-5, case);
        }
    }
}

#[test]
fn where_every_pixel_is_ignored_losses_and_gradients_are_zero() {
    let rng = &mut rng(3);
    let targets = ClassTargets::new([2, 3], [255; 6], 4, Some(255)).unwrap();
    let x = noise::<f64>(&[2, 4, 3], rng);
    for loss in losses(4, rng) {
        assert_eq!(loss.total_weight(&targets), 0.0);
        let [losses, sums] = loss.forward(&x, &targets);
        assert_eq!(losses, Tensor::zeros([2, 3]));
        let to_x = loss.backward(&x, &targets, &sums, &Tensor::ones([2, 3]));
        assert_eq!(to_x, Tensor::zeros([2, 4, 3]));
    }
}

#[test]
fn losses_of_certain_scores_are_finite_and_so_are_their_gradients() {
    let x = Tensor::from([[1e4_f32, -1e4, 0.0], [1e4, -1e4, 0.0], [200.0, 0.0, 0.0]]);
    let targets = ClassTargets::new([3], [0, 1, 0], 3, None).unwrap();
    for loss in losses(3, &mut rng(4)) {
        let loss = PixelLoss {
            class_weights: loss.class_weights.map(|w| w.cast::<f32>()),
            label_smoothing: loss.label_smoothing,
            focusing: loss.focusing,
        };
        let [losses, sums] = loss.forward(&x, &targets);
        for result in [losses, loss.backward(&x, &targets, &sums, &Tensor::ones([3]))] {
            assert!(result.as_slice().iter().all(|v| v.is_finite()), "{loss:?}: {result:?}");
        }
    }
}

#[test]
fn a_pixel_that_the_loss_does_not_read_may_hold_anything() {
    // The last is ignored, and the one before is of a class that weighs nothing.
    let targets = ClassTargets::new([3], [1, 0, 9], 2, Some(9)).unwrap();
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let x = Tensor::from([[0.5, 0.25], [odd, 1.0], [odd, odd]]);
        let mut loss = PixelLoss { class_weights: Some([0.0, 2.0].into()), ..PixelLoss::default() };
        for focusing in [0.0, 2.0] {
            loss.focusing = focusing;
            let [losses, sums] = loss.forward(&x, &targets);
            let to_x = loss.backward(&x, &targets, &sums, &Tensor::full([3], f64::INFINITY));
            assert_eq!(losses.as_slice()[1..], [0.0; 2]);
            assert_eq!(to_x.as_slice()[2..], [0.0; 4]);
            assert_eq!(loss.read(&targets), [1.0, 0.0, 0.0].into());
        }
        // Smoothing reads the second pixel, whatever its own class weighs.
        loss.label_smoothing = 0.25;
        assert_eq!(loss.read(&targets), [1.0, 1.0, 0.0].into());
        let [losses, sums] = loss.forward(&x, &targets);
        let to_x = loss.backward(&x, &targets, &sums, &Tensor::ones([3]));
        assert_eq!((losses.at(&[2]), &to_x.as_slice()[4..]), (0.0, &[0.0; 2][..]));
    }
}

#[test]
fn the_weights_of_pixels_and_classes_share_what_smoothing_spreads() {
    let targets = ClassTargets::new([4], [1, 0, 9, 2], 3, Some(9)).unwrap();
    let class_weights = Some([2.0, 4.0, 0.5].into());
    let loss = PixelLoss { class_weights, label_smoothing: 0.25, focusing: 0.0 };
    assert_eq!(loss.target_weights(&targets), [3.0, 1.5, 0.0, 0.375].into());
    let want = Tensor::from([2.0 / 12.0, 4.0 / 12.0, 0.5 / 12.0]);
    assert_close(&loss.spread_weights(&targets), &want, 1e-15, &"spread");
    let plain = PixelLoss::<f64>::default();
    assert_eq!(plain.target_weights(&targets), [1.0, 1.0, 0.0, 1.0].into());
    assert_eq!(plain.spread_weights(&targets), Tensor::zeros([3]));
}

#[test]
fn a_class_without_a_chance_costs_infinitely_and_pulls_as_any_other_wrong_pixel() {
    let targets = ClassTargets::new([2], [1, 0], 2, None).unwrap();
    let x = Tensor::from([[0.0, f64::NEG_INFINITY], [0.0, f64::NEG_INFINITY]]);
    for focusing in [0.0, 0.5, 2.0] {
        let loss = PixelLoss { focusing, ..PixelLoss::default() };
        let [losses, sums] = loss.forward(&x, &targets);
        assert_eq!(losses.as_slice(), [f64::INFINITY, 0.0]);
        let to_x = loss.backward(&x, &targets, &sums, &Tensor::ones([2]));
        assert_eq!(to_x.as_slice(), [1.0, -1.0, 0.0, 0.0]);
    }
}

#[test]
fn targets_hold_classes_and_ignored_pixels() {
    let targets = ClassTargets::new([2, 2], [0, 255, 2, 1], 3, Some(255)).unwrap();
    assert_eq!((targets.shape(), targets.classes()), (&[2, 2][..], 3));
    assert!(targets.iter().eq([Some(0), None, Some(2), Some(1)]));
    assert_eq!(targets.counted::<f32>(), Tensor::from([[1.0, 0.0], [1.0, 1.0]]));
    let planes = [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0];
    assert_eq!(targets.one_hot::<f64>(), Tensor::new([2, 3, 2], planes));
    // A class's own number may mark what to ignore.
    let without_0 = ClassTargets::new([2], [0, 1], 2, Some(0)).unwrap();
    assert!(without_0.iter().eq([None, Some(1)]));
}

#[test]
fn labels_that_are_no_class_are_refused_by_place() {
    for (label, ignore) in
        [(3, None), (-1, None), (255, None), (i64::MAX, Some(255)), (254, Some(255))]
    {
        let refused = ClassTargets::new([3], [0, 2, label], 3, ignore).unwrap_err();
        assert_eq!(refused, TargetError::Label { label, at: 2, classes: 3, ignore });
    }
    let message = ClassTargets::new([1], [7], 3, Some(255)).unwrap_err().to_string();
    assert_eq!(
        message,
        "label 7 at position 0 is not a class: expected 0 to 2 or the ignored Some(255)"
    );
    let short = ClassTargets::new([2, 2], [0, 1], 3, None).unwrap_err();
    assert_eq!(short, TargetError::Shape { shape: vec![2, 2], labels: 2 });
    assert_eq!(short.to_string(), "targets of shape [2, 2] do not hold 2 labels");
}

#[test]
fn misuse_panics_with_what_was_expected() {
    let targets = &ClassTargets::new([2, 2], [0; 4], 3, None).unwrap();
    let plain = &PixelLoss::<f64>::default();
    let weighted =
        &PixelLoss { class_weights: Some(Tensor::<f64>::ones([2])), ..PixelLoss::default() };
    let zeros = |shape: &[usize]| Tensor::<f64>::zeros(shape);
    for (expected, message) in [
        (
            "scores [2, 4, 2] do not fit targets [2, 2] of 3 classes",
            panic_of(|| plain.forward(&zeros(&[2, 4, 2]), targets)),
        ),
        ("do not fit targets", panic_of(|| plain.forward(&zeros(&[2, 3, 3]), targets))),
        ("do not fit targets", panic_of(|| plain.forward(&zeros(&[6]), targets))),
        ("one weight per class", panic_of(|| weighted.forward(&zeros(&[2, 3, 2]), targets))),
        (
            "expected a gradient of shape",
            panic_of(|| {
                plain.backward(&zeros(&[2, 3, 2]), targets, &zeros(targets.shape()), &zeros(&[2]))
            }),
        ),
        ("axis 2 does not exist", panic_of(|| log_softmax(&zeros(&[2, 2]), 2))),
        ("expected at least one class", panic_of(|| ClassTargets::new([1], [0], 0, None))),
    ] {
        assert!(message.contains(expected), "expected {expected:?}, got {message:?}");
    }
}
