//! Normalization against its definition, with sets and weights told apart index by index.

use crate::common::{assert_close, indices, noise, panic_of, rng};
use mirrorgrad_tensor::{Epilogue, NormLayout, NormStats, Normalization, Tensor};

/// A layout, and which set and which weight the element at an index belongs to.
struct Case {
    shape: Vec<usize>,
    layout: NormLayout,
    set: Box<dyn Fn(&[usize]) -> usize>,
    weight: Box<dyn Fn(&[usize]) -> usize>,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for shape in
        [&[3, 4, 5, 2][..], &[1, 4, 3, 3], &[5, 4], &[2, 4, 1, 1], &[2, 4, 37], &[20, 40, 9]]
    {
        cases.push(Case {
            shape: shape.to_vec(),
            layout: NormLayout::batch(shape),
            set: Box::new(|i| i[1]),
            weight: Box::new(|i| i[1]),
        });
        for groups in [1, 2, 4] {
            let within = shape[1] / groups;
            cases.push(Case {
                shape: shape.to_vec(),
                layout: NormLayout::group(shape, groups),
                set: Box::new(move |i| i[0] * groups + i[1] / within),
                weight: Box::new(|i| i[1]),
            });
        }
        for axes in 1..=shape.len() {
            let (outer, inner) = shape.split_at(shape.len() - axes);
            let flat = |shape: &[usize]| {
                let shape = shape.to_vec();
                move |index: &[usize]| index.iter().zip(&shape).fold(0, |at, (i, n)| at * n + i)
            };
            let (to_set, to_weight, cut) = (flat(outer), flat(inner), outer.len());
            cases.push(Case {
                shape: shape.to_vec(),
                layout: NormLayout::layer(shape, inner),
                set: Box::new(move |i| to_set(&i[..cut])),
                weight: Box::new(move |i| to_weight(&i[cut..])),
            });
        }
    }
    cases
}

const EPS: f64 = 1e-3;

#[test]
fn normalization_and_its_gradient_are_the_definition_in_every_layout() {
    let rng = &mut rng(1);
    for Case { shape, layout, set, weight: gain_of } in cases() {
        let places = indices(&shape);
        let sets: Vec<usize> = places.iter().map(|i| set(i)).collect();
        let weights: Vec<usize> = places.iter().map(|i| gain_of(i)).collect();
        let x = noise::<f32>(&shape, rng).cast::<f64>().map(|v| 2.0 * v + 0.5);
        let [weight, bias] = [(); 2].map(|()| noise::<f32>(&[layout.weights()], rng).cast::<f64>());
        let grad = noise::<f32>(&shape, rng).cast::<f64>();
        assert_eq!(layout.weights(), weights.iter().max().unwrap() + 1);

        let n = layout.set_len() as f64;
        let mean_of = |term: &dyn Fn(usize) -> f64| {
            let mut means = vec![0.0; layout.sets];
            (0..x.len()).for_each(|i| means[sets[i]] += term(i) / n);
            means
        };
        let mean = mean_of(&|i| x.as_slice()[i]);
        let variance = mean_of(&|i| (x.as_slice()[i] - mean[sets[i]]).powi(2));
        let sigma = |i: usize| (variance[sets[i]] + EPS).sqrt();
        let normal = |i: usize| (x.as_slice()[i] - mean[sets[i]]) / sigma(i);
        let y = Tensor::from_fn(&shape, |i| {
            weight.as_slice()[weights[i]] * normal(i) + bias.as_slice()[weights[i]]
        });
        // ∂y_j / ∂x_i = gain_j · (δ_ij − 1/n − x̂_i · x̂_j / n) / σ for i and j of one set.
        let pulled = |j: usize| grad.as_slice()[j] * weight.as_slice()[weights[j]] / sigma(j);
        let (plain, along) = (mean_of(&pulled), mean_of(&|j| pulled(j) * normal(j)));
        let to_x =
            Tensor::from_fn(&shape, |i| pulled(i) - plain[sets[i]] - normal(i) * along[sets[i]]);
        let sum_by_gain = |term: &dyn Fn(usize) -> f64| {
            let mut sums = vec![0.0; layout.weights()];
            (0..x.len()).for_each(|i| sums[weights[i]] += term(i));
            Tensor::new([layout.weights()], sums)
        };
        let to_weight = sum_by_gain(&|i| grad.as_slice()[i] * normal(i));
        let to_bias = sum_by_gain(&|i| grad.as_slice()[i]);

        let case = &(&shape, layout);
        let norm = Normalization::new(layout, EPS);
        let (got, stats) = norm.forward(&x, &weight, &bias);
        assert_close(&got, &y, 1e-12, case);
        assert_close(&stats.mean, &Tensor::new([layout.sets], mean), 1e-13, case);
        assert_close(&stats.variance, &Tensor::new([layout.sets], &variance), 1e-13, case);
        let grads = norm.backward(&x, &weight, &bias, &stats, &grad);
        for (got, want) in grads.iter().zip([&to_x, &to_weight, &to_bias]) {
            assert_close(got, want, 1e-11, case);
        }

        let [x32, gain32, bias32, grad32] = [&x, &weight, &bias, &grad].map(Tensor::cast::<f32>);
        let (got, stats) = norm.forward(&x32, &gain32, &bias32);
        assert_close(&got, &y, 1e-4, case);
        let grads = norm.backward(&x32, &gain32, &bias32, &stats, &grad32);
        for (got, want) in grads.iter().zip([&to_x, &to_weight, &to_bias]) {
            assert_close(got, want, 1e-4, case);
        }
    }
}

#[test]
fn a_relu_afterwards_cuts_values_and_gradients_where_the_normalized_number_is_not_positive() {
    let rng = &mut rng(3);
    for Case { shape, layout, .. } in cases() {
        let x = noise::<f64>(&shape, rng);
        let [weight, bias] = [(); 2].map(|()| noise::<f64>(&[layout.weights()], rng));
        let grad = noise::<f64>(&shape, rng);
        let plain = Normalization::new(layout, EPS);
        let (y, stats) = plain.forward(&x, &weight, &bias);
        let norm = Normalization { epilogue: Epilogue::Relu, ..plain };
        let (cut, _) = norm.forward(&x, &weight, &bias);
        assert_eq!(cut, y.map(|v| v.max(0.0)), "{shape:?} {layout:?}");
        let reached = grad.zip(&y, |g, v| if v > 0.0 { g } else { 0.0 });
        let want = plain.backward(&x, &weight, &bias, &stats, &reached);
        assert_eq!(norm.backward(&x, &weight, &bias, &stats, &grad), want, "{shape:?} {layout:?}");
    }
}

#[test]
fn a_gradient_that_a_relu_afterwards_cuts_may_be_anything() {
    let x = Tensor::from([[1.0, 2.0], [3.0, 9.0]]);
    let norm = Normalization::new(NormLayout::batch(x.shape()), 0.0);
    let norm = Normalization { epilogue: Epilogue::Relu, ..norm };
    let (weight, bias) = (Tensor::from([1.0, 1.0]), Tensor::from([0.5, 1.0]));
    let (y, stats) = norm.forward(&x, &weight, &bias);
    assert_eq!(y.as_slice()[..2], [0.0; 2]); // The second is normalized to exactly 0.
    let to = |cut: f64| {
        let grad = Tensor::from([[cut, cut], [2.0, 3.0]]);
        norm.backward(&x, &weight, &bias, &stats, &grad)
    };
    for cut in [1.0, f64::INFINITY, f64::NEG_INFINITY, f64::NAN] {
        assert_eq!(to(cut), to(0.0));
    }
}

#[test]
fn a_relu_afterwards_does_not_hide_nan() {
    let x = Tensor::from([[f64::NAN], [1.0]]);
    let norm = Normalization::new(NormLayout::batch(x.shape()), EPS);
    let norm = Normalization { epilogue: Epilogue::Relu, ..norm };
    let (y, _) = norm.forward(&x, &Tensor::ones([1]), &Tensor::zeros([1]));
    assert!(y.as_slice().iter().all(|v| v.is_nan()), "{y:?}");
    let (y, stats) = norm.forward(&x, &Tensor::ones([1]), &Tensor::zeros([1]));
    let grads = norm.backward(&x, &Tensor::ones([1]), &Tensor::zeros([1]), &stats, &y.map(|_| 1.0));
    for grad in grads {
        assert!(grad.as_slice().iter().all(|v| v.is_nan()), "{grad:?}");
    }
}

#[test]
fn the_variance_of_numbers_far_from_zero_keeps_its_digits() {
    let x = noise::<f64>(&[4, 3, 50], &mut rng(2));
    let layout = NormLayout::batch(x.shape());
    let (weight, bias) = (Tensor::ones([3]), Tensor::zeros([3]));
    let norm = Normalization::new(layout, EPS);
    let near = norm.forward(&x, &weight, &bias).1.variance;
    let far = norm.forward(&x.map(|v| v + 1e6), &weight, &bias).1.variance;
    assert_close(&far, &near, 1e-9, &"far");
}

#[test]
fn equal_numbers_become_the_bias() {
    let x = Tensor::<f64>::full([2, 2, 3], 7.0);
    let bias = Tensor::from([0.5, -2.0]);
    let norm = Normalization::new(NormLayout::batch(x.shape()), 1e-5);
    let (y, stats) = norm.forward(&x, &Tensor::ones([2]), &bias);
    assert_close(&y, &bias.reshape([2, 1]).broadcast_to([2, 2, 3]), 1e-12, &"equal");
    assert_eq!(stats.variance, Tensor::zeros([2]));
}

#[test]
fn gradients_of_no_numbers_are_sums_of_nothing() {
    for shape in [[0, 4, 3], [2, 0, 3], [2, 4, 0]] {
        for layout in [
            NormLayout::batch(&shape),
            NormLayout::group(&shape, 2),
            NormLayout::layer(&shape, &shape[1..]),
        ] {
            for epilogue in [Epilogue::Identity, Epilogue::Relu] {
                let norm = Normalization { epilogue, ..Normalization::new(layout, EPS) };
                let (x, weight) = (Tensor::<f64>::ones(shape), Tensor::ones([layout.weights()]));
                let (y, stats) = norm.forward(&x, &weight, &weight);
                let [to_x, to_weight, to_bias] = norm.backward(&x, &weight, &weight, &stats, &x);
                assert_eq!([y.shape(), to_x.shape()], [shape; 2], "{layout:?}");
                assert_eq!(
                    [to_weight, to_bias],
                    [(); 2].map(|()| weight.map(|_| 0.0)),
                    "{layout:?}"
                );
            }
        }
    }
}

#[test]
fn misuse_panics_with_what_was_expected() {
    let x = Tensor::<f64>::ones([2, 4, 3]);
    let weight = Tensor::ones([4]);
    let norm = Normalization::new(NormLayout::batch(&[2, 4, 3]), EPS);
    let few = panic_of(|| norm.forward(&x, &Tensor::ones([3]), &weight));
    let other = panic_of(|| norm.forward(&Tensor::ones([2, 4]), &weight, &weight));
    let (_, stats) = norm.forward(&x, &weight, &weight);
    let back =
        |x: &Tensor<f64>, weight: &Tensor<f64>, stats: &NormStats<f64>, grad: &Tensor<f64>| {
            panic_of(|| norm.backward(x, weight, &Tensor::ones([4]), stats, grad))
        };
    // What could be read all the same: as many numbers in another order, and a number too many.
    let (turned, five) = (Tensor::ones([4, 2, 3]), Tensor::ones([5]));
    let means = NormStats { mean: five.clone(), ..stats.clone() };
    let variances = NormStats { variance: five.clone(), ..stats.clone() };
    for (expected, message) in [
        ("norm: expected one weight and one bias per channel", few),
        ("norm: expected 24 numbers, as in the layout", other),
        ("norm: expected one weight and one bias per channel", back(&x, &five, &stats, &x)),
        ("norm: expected 24 numbers, as in the layout", back(&weight, &weight, &stats, &weight)),
        ("norm: the shapes differ: expected [2, 4, 3]", back(&x, &weight, &stats, &turned)),
        ("norm: the shapes differ: expected [4]", back(&x, &weight, &means, &x)),
        ("norm: the shapes differ: expected [4]", back(&x, &weight, &variances, &x)),
        ("batch_norm: expected [batch, channels, ..]", panic_of(|| NormLayout::batch(&[3]))),
        ("3 groups do not divide the 4 channels", panic_of(|| NormLayout::group(&[2, 4], 3))),
        ("does not end with [2, 4]", panic_of(|| NormLayout::layer(&[2, 4, 3], &[2, 4]))),
    ] {
        assert!(message.contains(expected), "expected {expected:?}, got {message:?}");
    }
}
