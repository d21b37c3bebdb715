//! First weights: their spread by the papers' formulas, and bilinear kernels by hand.

use mirrorgrad_autograd::{Var, ops};
use mirrorgrad_layers::{Conv2d, ConvTranspose2d, Init, Linear, Module, Params, Pass};
use mirrorgrad_tensor::{Corners, Tensor, Window};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(3)
}

/// Of 18,432 numbers: fan-in 32 · 9 = 288, fan-out 64 · 9 = 576.
fn weight(init: Init) -> Tensor<f64> {
    init.weight(&[64, 32, 3, 3], &mut rng())
}

/// `[mean, standard deviation, largest magnitude]`.
fn spread(values: &[f64]) -> [f64; 3] {
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64;
    [mean, square.sqrt(), values.iter().fold(0.0, |most, v| v.abs().max(most))]
}

#[track_caller]
fn assert_spread(values: &[f64], deviation: f64) -> f64 {
    let [mean, got, most] = spread(values);
    assert!(mean.abs() < 0.04 * deviation, "mean {mean}");
    assert!((got / deviation - 1.0).abs() < 0.03, "deviation {got}, expected {deviation}");
    most
}

#[test]
fn kaiming_has_a_variance_of_two_over_fan_in() {
    let deviation = 1.0 / 12.0; // √(2 / 288)
    let most = assert_spread(weight(Init::KaimingNormal).as_slice(), deviation);
    assert!(most > 3.0 * deviation, "a normal distribution goes beyond three deviations");
    let most = assert_spread(weight(Init::KaimingUniform).as_slice(), deviation);
    let bound = 0.144_337_567_297_406_43; // √(6 / 288)
    assert!(most <= bound && most > 0.999 * bound, "{most}");
}

#[test]
fn xavier_has_a_variance_of_two_over_both_fans() {
    let deviation = 0.048_112_522_432_468_816; // √(2 / 864)
    let most = assert_spread(weight(Init::XavierNormal).as_slice(), deviation);
    assert!(most > 3.0 * deviation, "a normal distribution goes beyond three deviations");
    let most = assert_spread(weight(Init::XavierUniform).as_slice(), deviation);
    let bound = 1.0 / 12.0; // √(6 / 864)
    assert!(most <= bound && most > 0.999 * bound, "{most}");
}

#[test]
fn layers_begin_as_pytorchs_do_within_the_inverse_root_of_fan_in() {
    let window = Window::square(3);
    // PyTorch reads a transposed weight [in, out, ..] like any other: its fan-in is out · taps.
    let cases: [(Box<dyn Module<f64>>, f64); 4] = [
        (Box::new(Conv2d::new([32, 64], window, &mut rng())), 288.0),
        (Box::new(Conv2d::grouped([32, 64], window, 4, &mut rng())), 72.0),
        (Box::new(ConvTranspose2d::new([64, 32], window, &mut rng())), 288.0),
        (Box::new(Linear::new([100, 300], &mut rng())), 100.0),
    ];
    for (layer, fan_in) in cases {
        let bound = 1.0 / f64::sqrt(fan_in);
        for (name, param) in Params::of(layer.as_ref()) {
            let [_, deviation, most] = spread(param.value().as_slice());
            assert!(most <= bound && most > 0.9 * bound, "{name}: {most} of {bound}");
            // A uniform distribution's; a bias of 32 numbers tells it roughly.
            assert!((deviation * 3.0_f64.sqrt() / bound - 1.0).abs() < 0.35, "{name}: {deviation}");
        }
    }
}

#[test]
fn an_initialized_layer_has_zeros_for_bias() {
    let layer = Conv2d::<f64>::new([2, 3], Window::square(1), &mut rng());
    let layer = layer.init(Init::KaimingNormal, &mut rng());
    let params = Params::of(&layer);
    assert_ne!(params[0].1.value(), Tensor::zeros([3, 2, 1, 1]));
    assert_eq!(params[1].1.value(), Tensor::zeros([3]));
    assert_eq!(weight(Init::Zeros), Tensor::zeros([64, 32, 3, 3]));
}

#[test]
fn one_seed_gives_both_precisions_the_same_first_weights() {
    let (single, double) = (
        Init::KaimingNormal.weight::<f32>(&[4, 3, 3, 3], &mut rng()),
        Init::KaimingNormal.weight::<f64>(&[4, 3, 3, 3], &mut rng()),
    );
    assert_eq!(single, double.cast());
}

#[test]
fn bilinear_kernels_are_those_worked_by_hand() {
    // Along an axis, 1 − |t − c| / f with f = ⌈k / 2⌉ and c = (k − 1) / 2.
    let by_hand: [&[f64]; 4] = [
        &[1.0],
        &[0.5, 1.0, 0.5],
        &[0.25, 0.75, 0.75, 0.25],
        &[1.0 / 3.0, 2.0 / 3.0, 1.0, 2.0 / 3.0, 1.0 / 3.0],
    ];
    for rows in by_hand {
        for columns in by_hand {
            let shape = [1, 1, rows.len(), columns.len()];
            let got: Tensor<f64> = Init::Bilinear.weight(&shape, &mut rng());
            for (i, value) in got.as_slice().iter().enumerate() {
                let expected = rows[i / columns.len()] * columns[i % columns.len()];
                assert!((value - expected).abs() < 1e-15, "{shape:?} {i}: {value}");
            }
        }
    }
}

#[test]
fn bilinear_kernels_are_caffes_where_caffe_upsamples_by_a_whole_factor() {
    // Caffe's filler at k = 2f − f mod 2: 1 − |t / f − c| with c = (2f − 1 − f mod 2) / 2f.
    for factor in [1_usize, 2, 3, 4, 5, 8] {
        let kernel = 2 * factor - factor % 2;
        let (f, c) = (factor as f64, (2 * factor - 1 - factor % 2) as f64 / (2 * factor) as f64);
        let along = |t: usize| 1.0 - (t as f64 / f - c).abs();
        let got: Tensor<f64> = Init::Bilinear.weight(&[1, 1, kernel, kernel], &mut rng());
        for (i, value) in got.as_slice().iter().enumerate() {
            let expected = along(i / kernel) * along(i % kernel);
            assert!((value - expected).abs() < 1e-15, "factor {factor}, tap {i}: {value}");
        }
    }
}

#[test]
fn bilinear_keeps_channels_apart() {
    let filters = |shape: [usize; 4]| -> Vec<bool> {
        let weight: Tensor<f64> = Init::Bilinear.weight(&shape, &mut rng());
        weight.as_slice().chunks(shape[2] * shape[3]).map(|filter| filter[5] != 0.0).collect()
    };
    let on_the_diagonal = [true, false, false, false, true, false, false, false, true];
    assert_eq!(filters([3, 3, 4, 4]), on_the_diagonal);
    assert_eq!(filters([3, 1, 4, 4]), [true, false, false]);
}

#[test]
fn a_deconvolution_begins_as_bilinear_interpolation() {
    let window = Window::square(4).stride(2).padding(1);
    let grouped = |groups| ConvTranspose2d::<f64>::grouped([4, 4], window, groups, &mut rng());
    let layers = [ConvTranspose2d::new([4, 4], window, &mut rng()), grouped(2), grouped(4)];
    for layer in layers {
        let layer = layer.without_bias().init(Init::Bilinear, &mut rng());
        // Whole numbers times sixteenths add up without rounding.
        let mut draws = rng();
        let x = Tensor::from_fn([2, 4, 5, 7], |_| f64::from(draws.random_range(-500..500)));
        let x = Var::constant(x);
        let up = layer.forward(&x, &Pass::eval());
        let resized = ops::upsample_bilinear2d(&x, [10, 14], Corners::HalfPixel);
        // At the border a convolution sees zeros where interpolation repeats the last pixel.
        let inner = |y: &Var<f64>| y.crop([1, 1], [8, 12]);
        assert_eq!(inner(&up).value(), inner(&resized).value());
        assert_ne!(up.value(), resized.value());
    }
}
