//! What is level by branch, left out or undefined: it passes nothing back, or NaN, never something between.

use crate::common;

use mirrorgrad_autograd::Var;
use mirrorgrad_autograd::ops::*;
use mirrorgrad_tensor::{ClassTargets, Element, Epilogue, PixelLoss, Tensor, Window};

/// Infinite and NaN gradients from above, where a function is level by branch.
#[test]
fn a_level_piece_passes_nothing_back_whatever_comes_from_above() {
    let x = || Var::parameter(Tensor::from([-2.0, -0.0, 3.0]));
    type F = fn(&Var<f64>) -> Var<f64>;
    let level: [(&str, F, &[usize]); 7] = [
        ("relu", |x| x.relu(), &[0, 1]),
        ("leaky_relu", |x| x.leaky_relu(0.0), &[0, 1]),
        ("clamp", |x| x.clamp(-1.0, 1.0), &[0, 2]),
        ("abs", |x| x.abs(), &[1]),
        ("powi", |x| x.powi(0), &[0, 1, 2]),
        ("max", |x| x.max().broadcast_to(&[3]), &[0, 1]),
        ("mask", |x| x.mask(&[0.0, 0.0, 1.0].into()), &[0, 1]),
    ];
    for (name, f, places) in level {
        for above in [f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
            let x = x();
            let above = Var::parameter(Tensor::full([3], above));
            let first = f(&x).grad_with(&above, &[&x]).remove(0);
            let fused = f(&x).mask(above.value()).sum().backward();
            // Again: of the gradient's own gradient, with as much from above.
            let second = first.grad_with(&above, &[&above]).remove(0);
            let again = first.clone().mask(above.value()).sum().backward();
            for &place in places {
                for (kind, grad) in [
                    ("differentiable", first.value()),
                    ("fused", fused.get(&x).unwrap()),
                    ("second order", second.value()),
                    ("fused second order", again.get(&above).unwrap()),
                ] {
                    let got = if name == "max" && kind.contains("second") {
                        continue; // Every element of the broadcast maximum has a part in the largest.
                    } else {
                        grad.as_slice()[place]
                    };
                    assert_eq!(got, 0.0, "{name}, {kind}, at {place}");
                }
            }
        }
    }
}

#[test]
fn a_relu_behind_a_batch_norm_and_a_max_pool_pass_nothing_back_where_they_are_level() {
    let window = Window::new([1, 2]).stride(2).pool([1, 4]).unwrap();
    for above in [f64::INFINITY, f64::NAN] {
        let x = Var::parameter(Tensor::new([1, 1, 1, 4], [1.0, 5.0, 7.0, 0.0]));
        let above_pool = Var::constant(Tensor::full([1, 1, 1, 2], above));
        let recorded = max_pool2d(&window, &x).0.grad_with(&above_pool, &[&x]).remove(0);
        let fused = max_pool2d(&window, &x).0.mask(above_pool.value()).sum().backward();
        for grad in [recorded.value(), fused.get(&x).unwrap()] {
            assert_eq!([grad.as_slice()[0], grad.as_slice()[3]], [0.0; 2]);
        }
        // The first channel is all above 0, the second has one number below.
        let x = Var::parameter(Tensor::from([[1.0, 2.0], [3.0, 9.0]]));
        let weight = Var::parameter([1.0, 1.0].into());
        let bias = Var::parameter([9.0, 0.5].into());
        let from_above = Tensor::from([[1.0, above], [1.0, 1.0]]);
        let y = || batch_norm(&x, &weight, &bias, 0.0, Epilogue::Relu).0;
        assert_eq!(y().value().at(&[0, 1]), 0.0);
        let wrt = [&x, &weight, &bias];
        let recorded = y().grad_with(&Var::constant(from_above.clone()), &wrt);
        let fused = y().mask(&from_above).sum().backward();
        for (var, recorded) in wrt.into_iter().zip(recorded) {
            for grad in [recorded.value(), fused.get(var).unwrap()] {
                assert!(grad.as_slice().iter().all(|v| v.is_finite()), "{grad:?}");
            }
        }
    }
}

#[test]
fn gradients_at_nan_are_nan_for_every_function_with_kinks_and_without() {
    type F = fn(&Var<f64>) -> Var<f64>;
    let functions: [(&str, F); 8] = [
        ("relu", |x| x.relu()),
        ("leaky_relu", |x| x.leaky_relu(0.1)),
        ("leaky_relu 0", |x| x.leaky_relu(0.0)),
        ("clamp", |x| x.clamp(0.0, 6.0)),
        ("abs", |x| x.abs()),
        ("exp", |x| x.exp()),
        ("sqrt", |x| x.sqrt()),
        ("softplus", |x| x.softplus()),
    ];
    for (name, f) in functions {
        let x = Var::parameter(Tensor::from([f64::NAN]));
        let y = || f(&x).sum();
        assert!(y().value().item().is_nan(), "{name}");
        assert!(y().grad(&[&x])[0].value().item().is_nan(), "{name}");
        assert!(y().backward().get(&x).unwrap().item().is_nan(), "{name}");
    }
    let x = Var::parameter(Tensor::from([[f64::NAN], [1.0]]));
    let one = || Var::constant(Tensor::ones([1]));
    let y = || batch_norm(&x, &one(), &one(), 0.0, Epilogue::Relu).0.sum();
    for grad in [y().grad(&[&x])[0].value(), y().backward().get(&x).unwrap()] {
        assert!(grad.as_slice().iter().all(|v| v.is_nan()), "{grad:?}");
    }
}

/// Pixels that are right and sure, undecided, and wrong and sure.
fn finite_derivatives<T: Element>() {
    let targets = ClassTargets::new([3], [0, 1, 2], 3, None).unwrap();
    for focusing in [0.0, 0.01, 0.5, 1.0, 2.0, 5.0] {
        for sure in [1.0, 15.0, 17.0, 30.0, 40.0, 100.0, 800.0, 1e6, f64::INFINITY] {
            let scores = [[0.0, -sure, -sure], [0.3, 0.0, 0.1], [0.0, -1.0, -sure]];
            let x = Var::parameter(Tensor::from(scores.map(|pixel| pixel.map(T::of))));
            let loss = PixelLoss { focusing, ..PixelLoss::default() };
            let each = || cross_entropy(&x, &targets, &loss, Reduction::None);
            let first = each().sum().grad(&[&x]).remove(0);
            let second = (&first * &first).sum().grad(&[&x]).remove(0);
            let fused = each().sum().backward();
            for grad in [first.value(), fused.get(&x).unwrap(), second.value()] {
                let finite = grad.as_slice().iter().all(|v| v.is_finite());
                assert!(finite, "focusing {focusing}, {sure}: {grad:?}");
            }
            // The undecided pixel's are those of any other.
            assert!(second.value().at(&[1, 0]).abs() > T::of(1e-3));
        }
    }
}

#[test]
fn cross_entropy_and_focal_loss_have_finite_derivatives_of_both_orders_where_pixels_are_sure() {
    finite_derivatives::<f64>();
    finite_derivatives::<f32>();
}

#[test]
fn the_mean_of_pixels_of_weight_0_is_0_and_so_are_its_gradients() {
    for smoothing in [0.0, 0.1, 1.0] {
        for focusing in [0.0, 2.0] {
            let loss = PixelLoss {
                class_weights: Some([0.0, 1.0].into()),
                label_smoothing: smoothing,
                focusing,
            };
            let targets = ClassTargets::new([3], [0; 3], 2, None).unwrap();
            let scores = [[1.0, 0.0], [0.0, -2.0], [f64::NEG_INFINITY, 1.0]];
            let x = Var::parameter(Tensor::from(scores));
            let mean = || cross_entropy(&x, &targets, &loss, Reduction::Mean);
            assert_eq!(mean().value().item(), 0.0);
            let recorded = mean().grad(&[&x]).remove(0);
            for grad in [recorded.value(), mean().backward().get(&x).unwrap()] {
                assert_eq!(grad, &Tensor::zeros([3, 2]));
            }
        }
    }
}

#[test]
fn what_is_ignored_may_be_anything() {
    let targets = ClassTargets::new([2], [1, 9], 2, Some(9)).unwrap();
    for odd in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        let x = Var::parameter(Tensor::from([[0.5, 0.25], [odd, odd]]));
        let losses: [Box<dyn Fn() -> Var<f64>>; 3] = [
            Box::new(|| {
                let loss = PixelLoss { label_smoothing: 0.1, ..PixelLoss::default() };
                cross_entropy(&x, &targets, &loss, Reduction::Mean)
            }),
            Box::new(|| {
                let loss = PixelLoss { focusing: 2.0, ..PixelLoss::default() };
                cross_entropy(&x, &targets, &loss, Reduction::Sum)
            }),
            Box::new(|| dice_loss(&x, &targets, 1.0)),
        ];
        for loss in &losses {
            assert!(loss().value().item().is_finite());
            let recorded = loss().grad(&[&x]).remove(0);
            for grad in [recorded.value(), loss().backward().get(&x).unwrap()] {
                assert!(grad.as_slice().iter().all(|v| v.is_finite()), "{grad:?}");
                assert_eq!([grad.at(&[1, 0]), grad.at(&[1, 1])], [0.0; 2]);
                assert_ne!(grad.at(&[0, 0]), 0.0);
            }
        }
    }
}

#[test]
fn the_cross_entropy_of_infinite_logits_is_0_where_they_are_right() {
    let logits = Var::constant([f64::INFINITY, f64::NEG_INFINITY, f64::INFINITY].into());
    let targets = Var::constant([1.0, 0.0, 0.0].into());
    let losses = binary_cross_entropy_with_logits(&logits, &targets, Reduction::None);
    assert_eq!(losses.value().as_slice(), [0.0, 0.0, f64::INFINITY]);
}

#[test]
fn a_variance_with_a_correction_of_all_its_numbers_or_more_is_no_number() {
    let x = Var::constant(Tensor::from([[3.0, 5.0], [4.0, 4.0]]));
    for correction in [2, 3, 100] {
        // As numpy.var(.., ddof=correction).
        let v = x.var_axes(&[1], correction);
        assert_eq!(v.value().at(&[0]), f64::INFINITY);
        assert!(v.value().at(&[1]).is_nan());
    }
    assert_eq!(x.var_axes(&[1], 1).value(), &[2.0, 0.0].into());
}

#[test]
#[should_panic(expected = "clamp: expected low <= high, got low 5 and high 1")]
fn a_clamp_between_limits_in_the_wrong_order_is_refused() {
    Var::constant(Tensor::from([0.0_f64])).clamp(5.0, 1.0);
}

#[test]
fn a_batch_norm_of_one_value_a_channel_is_refused() {
    let one = || Var::constant(Tensor::<f64>::ones([3]));
    for epilogue in [Epilogue::Identity, Epilogue::Relu] {
        let norm = |shape: [usize; 4]| {
            let x = Var::constant(Tensor::ones(shape));
            batch_norm(&x, &one(), &one(), 0.1, epilogue)
        };
        let message = common::panic_of(|| norm([1, 3, 1, 1]));
        let wanted = "expected more than one value per channel when training, got [1, 3, 1, 1]";
        assert_eq!(message, format!("batch_norm: {wanted}"));
        for shape in [[2, 3, 1, 1], [1, 3, 2, 1], [1, 3, 1, 2], [0, 3, 2, 2]] {
            norm(shape);
        }
    }
}
