//! Random draws: determined by the generator, and distributed as they say.

use crate::common::rng;
use mirrorgrad_tensor::Tensor;

const N: usize = 100_000;

/// Mean, variance and fourth central moment.
fn moments(x: &Tensor<f64>) -> [f64; 3] {
    let mean_of = |power: i32, centre: f64| {
        x.as_slice().iter().map(|v| (v - centre).powi(power)).sum::<f64>() / x.len() as f64
    };
    let mean = mean_of(1, 0.0);
    [mean, mean_of(2, mean), mean_of(4, mean)]
}

#[track_caller]
fn assert_near(got: [f64; 3], want: [f64; 3], tolerance: [f64; 3]) {
    for ((got, want), tolerance) in got.iter().zip(want).zip(tolerance) {
        assert!((got - want).abs() < tolerance, "{got} is not near {want}");
    }
}

#[test]
fn uniform_draws_fill_their_range_evenly() {
    let x = Tensor::<f64>::uniform([N], [-1.0, 3.0], &mut rng(1));
    assert!(x.as_slice().iter().all(|v| (-1.0..3.0).contains(v)));
    assert_near(moments(&x), [1.0, 16.0 / 12.0, 256.0 / 80.0], [0.02, 0.02, 0.05]);
    for part in 0..8 {
        let range = -1.0 + f64::from(part) / 2.0..-0.5 + f64::from(part) / 2.0;
        let share = x.as_slice().iter().filter(|v| range.contains(v)).count() as f64 / N as f64;
        assert!((share - 0.125).abs() < 0.005, "{range:?} holds {share}");
    }
}

#[test]
fn normal_draws_have_the_moments_of_the_normal_distribution() {
    let x = Tensor::<f64>::normal([N], 2.0, &mut rng(2));
    assert_near(moments(&x), [0.0, 4.0, 48.0], [0.03, 0.06, 2.0]);
}

#[test]
fn bernoulli_draws_keep_their_share() {
    let x = Tensor::<f64>::bernoulli([N], 0.3, &mut rng(3));
    assert!(x.as_slice().iter().all(|&v| v == 0.0 || v == 1.0));
    assert!((x.mean() - 0.3).abs() < 0.01);
    assert_eq!(Tensor::<f64>::bernoulli([100], 0.0, &mut rng(3)), Tensor::zeros([100]));
    assert_eq!(Tensor::<f64>::bernoulli([100], 1.0, &mut rng(3)), Tensor::ones([100]));
}

#[test]
fn a_seed_determines_every_draw_in_both_precisions() {
    type Draw<T> = fn(u64) -> Tensor<T>;
    let double: [Draw<f64>; 3] = [
        |seed| Tensor::uniform([3, 5], [-1.0, 1.0], &mut rng(seed)),
        |seed| Tensor::normal([3, 5], 0.5, &mut rng(seed)),
        |seed| Tensor::bernoulli([3, 5], 0.5, &mut rng(seed)),
    ];
    let single: [Draw<f32>; 3] = [
        |seed| Tensor::uniform([3, 5], [-1.0, 1.0], &mut rng(seed)),
        |seed| Tensor::normal([3, 5], 0.5, &mut rng(seed)),
        |seed| Tensor::bernoulli([3, 5], 0.5, &mut rng(seed)),
    ];
    for (double, single) in double.into_iter().zip(single) {
        assert_eq!(double(7), double(7));
        assert_ne!(double(7), double(8));
        assert_eq!(double(7).cast::<f32>(), single(7));
    }
    // Successive draws of one generator differ.
    let generator = &mut rng(7);
    let [first, second] = [(); 2].map(|()| Tensor::<f64>::normal([9], 1.0, generator));
    assert_ne!(first, second);
}

/// Pins the stream: a run's seed must mean the same in the next version.
#[test]
fn the_first_draws_of_a_seed_never_change() {
    let first = Tensor::<f64>::uniform([2], [0.0, 1.0], &mut rng(0));
    assert_eq!(first, Tensor::from([0.7090754154265618, 0.46592172228961015]));
}
