//! What single layers do, by numbers small enough to work out.

use mirrorgrad_autograd::Var;
use mirrorgrad_layers::weights::state_dict;
use mirrorgrad_layers::{
    Activation, AdaptiveAvgPool2d, AvgPool2d, BatchNorm2d, Conv2d, ConvTranspose2d, Draws, Dropout,
    Dropout2d, GroupNorm, Init, Interpolation, Linear, MaxPool2d, MaxUnpool2d, Module, Param,
    Params, Pass, Sequential, Upsample,
};
use mirrorgrad_tensor::dialect::{TensorFlow, tensorflow};
use mirrorgrad_tensor::{Element, Epilogue, Tensor, Window};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(5)
}

fn train<T: Element>(step: u64) -> Pass<T> {
    Pass::train(Draws::new(0, step))
}

/// 1, 2, 3, … in `shape`.
fn counting(shape: impl AsRef<[usize]>) -> Tensor<f64> {
    Tensor::from_fn(shape, |i| 1.0 + i as f64)
}

fn noise(shape: impl AsRef<[usize]>) -> Tensor<f64> {
    Tensor::normal(shape, 1.0, &mut rng())
}

/// Puts 1, 2, 3, … into each parameter.
fn count_params(module: &dyn Module<f64>) {
    for (_, param) in Params::of(module) {
        param.set(counting(param.value().shape()));
    }
}

fn apply(module: &dyn Module<f64>, x: Tensor<f64>) -> Tensor<f64> {
    module.forward(&Var::constant(x), &Pass::eval()).value().clone()
}

#[track_caller]
fn assert_near(got: &[f64], expected: &[f64]) {
    assert_eq!(got.len(), expected.len());
    for (i, (got, expected)) in got.iter().zip(expected).enumerate() {
        assert!((got - expected).abs() < 1e-12, "{i}: {got}, expected {expected}");
    }
}

#[test]
fn linear_is_a_matrix_and_an_offset_over_the_last_axis() {
    let layer = Linear::new([3, 2], &mut rng());
    count_params(&layer); // [[1, 2, 3], [4, 5, 6]] and [1, 2]
    let x = Tensor::new([2, 2, 3], [1., 0., 0., 0., 1., 0., 0., 0., 1., 1., 1., 1.]);
    let y = apply(&layer, x);
    assert_eq!(y, Tensor::new([2, 2, 2], [2., 6., 3., 7., 4., 8., 7., 17.]));
}

#[test]
fn convolution_weighs_each_window() {
    let layer = Conv2d::new([1, 1], Window::square(2).stride(2).padding(1), &mut rng());
    count_params(&layer); // [[1, 2], [3, 4]] and 1
    // 1 2 3 in zeros: the windows see a corner, an edge, an edge, and a whole square.
    // 4 5 6
    // 7 8 9
    let y = apply(&layer, counting([1, 1, 3, 3]));
    let inner = 5.0 + 2.0 * 6.0 + 3.0 * 8.0 + 4.0 * 9.0;
    let expected = [4. * 1., 3. * 2. + 4. * 3., 2. * 4. + 4. * 7., inner].map(|sum: f64| sum + 1.0);
    assert_eq!(y, Tensor::new([1, 1, 2, 2], expected));
}

#[test]
fn transposed_convolution_spreads_each_pixel() {
    let window = Window::square(2).stride(2);
    let layer = |window| {
        let layer = ConvTranspose2d::new([1, 1], window, &mut rng()).without_bias();
        count_params(&layer); // [[1, 2], [3, 4]]
        layer
    };
    let y = apply(&layer(window), Tensor::new([1, 1, 1, 2], [1.0, 10.0]));
    assert_eq!(y, Tensor::new([1, 1, 2, 4], [1., 2., 10., 20., 3., 4., 30., 40.]));
    // Rows and columns beyond the last pixel's reach stay empty.
    let more = window.output_padding([1, 0]);
    let y = apply(&layer(more), Tensor::new([1, 1, 1, 2], [1.0, 10.0]));
    let expected = [1., 2., 10., 20., 3., 4., 30., 40., 0., 0., 0., 0.];
    assert_eq!(y, Tensor::new([1, 1, 3, 4], expected));
}

#[test]
fn transposed_convolution_reaches_every_size_that_pools_to_its_own() {
    let up =
        ConvTranspose2d::<f64>::new([2, 3], Window::square(4).stride(2).padding(1), &mut rng());
    let pool = MaxPool2d::square(2);
    for height in 2..9 {
        for width in [2, 5, 8, 11] {
            let skip = Var::constant(noise([1, 2, height, width]));
            let pooled = pool.forward(&skip, &Pass::eval());
            let back = up.forward_like(&pooled, &skip, &Pass::eval());
            assert_eq!(back.shape(), [1, 3, height, width]);
        }
    }
}

#[test]
fn both_layers_take_the_words_of_any_framework() {
    let same = TensorFlow { strides: [2, 2], ..TensorFlow::new([3, 3], tensorflow::Padding::Same) };
    let window = Window::square(3).stride(2).padding(1).output_padding([1, 1]);
    let image = counting([1, 1, 6, 6]);
    let map = counting([1, 1, 3, 3]);
    // One row and column of padding, behind the image: PyTorch's way with the image moved by a pixel.
    let theirs = Conv2d::new([1, 1], same, &mut rng()).without_bias();
    let ours = Conv2d::new([1, 1], Window::square(3).stride(2), &mut rng()).without_bias();
    count_params(&theirs);
    count_params(&ours);
    let padded = image.pad(&[[0, 0], [0, 0], [0, 1], [0, 1]]);
    assert_eq!(apply(&theirs, image), apply(&ours, padded));
    // And up: the same 7x7, of which one crops the last row and the other the first.
    let theirs = ConvTranspose2d::new([1, 1], same, &mut rng()).without_bias();
    let ours = ConvTranspose2d::new([1, 1], window, &mut rng()).without_bias();
    let whole = ConvTranspose2d::new([1, 1], Window::square(3).stride(2), &mut rng());
    let whole = whole.without_bias();
    count_params(&theirs);
    count_params(&ours);
    count_params(&whole);
    let full = apply(&whole, map.clone());
    let part = |from: usize| full.slice(&[0..1, 0..1, from..from + 6, from..from + 6]);
    assert_eq!(apply(&theirs, map.clone()), part(0));
    assert_eq!(apply(&ours, map), part(1));
}

#[test]
fn groups_do_not_mix() {
    let window = Window::square(3).padding(1);
    let layers: [Box<dyn Module<f64>>; 2] = [
        Box::new(Conv2d::grouped([4, 6], window, 2, &mut rng())),
        Box::new(ConvTranspose2d::grouped([4, 6], window, 2, &mut rng())),
    ];
    for layer in layers {
        let x = noise([1, 4, 5, 5]);
        // The second group's channels: the last two of the input, the last three of the output.
        let changed = Tensor::from_fn(x.shape(), |i| x.as_slice()[i] + f64::from(i >= 50));
        let (before, after) = (apply(layer.as_ref(), x), apply(layer.as_ref(), changed));
        assert_eq!(before.as_slice()[..75], after.as_slice()[..75]);
        assert!(before.as_slice()[75..].iter().zip(&after.as_slice()[75..]).all(|(a, b)| a != b));
    }
}

#[test]
#[should_panic(expected = "2 groups do not divide")]
fn groups_that_do_not_divide_the_channels_are_refused() {
    let _ = Conv2d::<f32>::grouped([4, 3], Window::square(1), 2, &mut rng());
}

/// Mean, and variance with one less than the number of values as the divisor.
fn unbiased(values: impl Iterator<Item = f64> + Clone) -> [f64; 2] {
    let count = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / count;
    [mean, values.map(|v| (v - mean).powi(2)).sum::<f64>() / (count - 1.0)]
}

/// The values of one channel, the batch over.
fn channel(x: &Tensor<f64>, channel: usize) -> impl Iterator<Item = f64> + Clone {
    let [_, channels, height, width] = x.dims();
    let plane = height * width;
    let values = x.as_slice().iter().enumerate();
    values.filter(move |(i, _)| i / plane % channels == channel).map(|(_, &value)| value)
}

#[test]
fn batch_normalization_normalizes_over_the_batch_and_follows_its_statistics() {
    let layer = BatchNorm2d::new(2);
    let params = Params::of(&layer);
    let names: Vec<_> = params.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["weight", "bias", "running_mean", "running_var"]);
    params[0].1.set([2.0, 3.0].into());
    params[1].1.set([-1.0, 1.0].into());
    let (mut running_mean, mut running_variance) = ([0.0; 2], [1.0; 2]);
    for step in 0..3 {
        let x = noise([3, 2, 2, 5]).map(|v| v * (2.0 + step as f64) + 1.0);
        let pass = train(step);
        let y = layer.forward(&Var::constant(x.clone()), &pass).value().clone();
        params.update(&pass.finish());
        for c in 0..2 {
            let [mean, variance] = unbiased(channel(&x, c));
            let biased = variance * 29.0 / 30.0;
            let (gain, offset) = ([2.0, 3.0][c], [-1.0, 1.0][c]);
            let normal = |v: f64| gain * (v - mean) / (biased + 1e-5).sqrt() + offset;
            let expected: Vec<f64> = channel(&x, c).map(normal).collect();
            assert_near(&channel(&y, c).collect::<Vec<_>>(), &expected);
            running_mean[c] = 0.9 * running_mean[c] + 0.1 * mean;
            running_variance[c] = 0.9 * running_variance[c] + 0.1 * variance;
        }
        assert_near(params[2].1.value().as_slice(), &running_mean);
        assert_near(params[3].1.value().as_slice(), &running_variance);
    }
}

#[test]
fn batch_normalization_predicts_by_its_running_statistics_and_leaves_them_alone() {
    let layer = BatchNorm2d::new(2);
    let params = Params::of(&layer);
    for ((_, param), values) in
        params.iter().zip([[2.0, 3.0], [-1.0, 1.0], [0.5, -2.0], [4.0, 9.0]])
    {
        param.set(values.into());
    }
    let x = noise([2, 2, 3, 3]);
    let y = apply(&layer, x.clone());
    for (c, [gain, offset, mean, variance]) in
        [[2.0, -1.0, 0.5, 4.0_f64], [3.0, 1.0, -2.0, 9.0]].into_iter().enumerate()
    {
        let normal = |v: f64| gain * (v - mean) / (variance + 1e-5).sqrt() + offset;
        let expected: Vec<f64> = channel(&x, c).map(normal).collect();
        assert_near(&channel(&y, c).collect::<Vec<_>>(), &expected);
    }
    assert_eq!(params[2].1.value(), [0.5, -2.0].into());
    assert_eq!(params[3].1.value(), [4.0, 9.0].into());
    // A picture is predicted alike, whatever it is predicted with.
    let first = Tensor::new([1, 2, 3, 3], &x.as_slice()[..18]);
    assert_eq!(apply(&layer, first).as_slice(), &y.as_slice()[..18]);
}

#[test]
fn batch_normalization_with_a_relu_is_a_relu_of_batch_normalization() {
    let (plain, with_relu) = (BatchNorm2d::new(2), BatchNorm2d::new(2).epilogue(Epilogue::Relu));
    for layer in [&plain, &with_relu] {
        let params = Params::of(layer);
        params[0].1.set([2.0, -3.0].into());
        params[1].1.set([-1.0, 0.5].into());
    }
    let x = noise([3, 2, 2, 5]);
    for pass in [|| train(0), Pass::eval, || train(1)] {
        let [(want, observed), (got, also)] = [&plain, &with_relu].map(|layer| {
            let pass = pass();
            let y = layer.forward(&Var::constant(x.clone()), &pass);
            (y, pass.finish())
        });
        assert!(want.value().as_slice().iter().any(|&v| v < 0.0));
        assert_eq!(got.value(), want.relu().value());
        assert_eq!(also, observed);
    }
}

#[test]
fn batch_normalization_refuses_to_train_on_one_value_a_channel_and_keeps_its_statistics() {
    for layer in [BatchNorm2d::<f64>::new(2), BatchNorm2d::new(2).epilogue(Epilogue::Relu)] {
        let forward = |shape: [usize; 4], pass: &Pass<f64>| {
            let x = Var::constant(Tensor::full(shape, 7.0));
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| layer.forward(&x, pass)))
        };
        let pass = train(0);
        let payload = forward([1, 2, 1, 1], &pass).unwrap_err();
        let message = payload.downcast::<String>().unwrap();
        assert!(
            message.starts_with("batch_norm: expected more than one value per channel"),
            "{message}"
        );
        assert!(pass.finish().is_empty());
        // Predicting takes what comes, and two values are enough to train on.
        assert!(forward([1, 2, 1, 1], &Pass::eval()).is_ok());
        let pass = train(0);
        assert!(forward([2, 2, 1, 1], &pass).is_ok() && forward([1, 2, 1, 2], &pass).is_ok());
        Params::of(&layer).update(&pass.finish());
        // Two equal values: the running variance moves a tenth of the way to 0, and stays a number.
        assert!(state_dict(&layer)["running_var"].as_slice().iter().all(|v| *v > 0.0 && *v < 1.0));
    }
}

#[test]
fn group_normalization_normalizes_each_group_of_each_picture() {
    let layer = GroupNorm::new(2, 4);
    let params = Params::of(&layer);
    params[0].1.set([1.0, 2.0, 3.0, 4.0].into());
    params[1].1.set([0.0, 1.0, 0.0, -1.0].into());
    let x = noise([3, 4, 2, 3]);
    for pass in [Pass::eval(), train(0)] {
        let y = layer.forward(&Var::constant(x.clone()), &pass).value().clone();
        for (group, (x, y)) in x.as_slice().chunks(12).zip(y.as_slice().chunks(12)).enumerate() {
            let [mean, variance] = unbiased(x.iter().copied());
            let deviation = (variance * 11.0 / 12.0 + 1e-5).sqrt();
            let expected = |(i, v): (usize, &f64)| {
                let channel = 2 * (group % 2) + i / 6;
                let gain = 1.0 + channel as f64;
                gain * (v - mean) / deviation + [0.0, 1.0, 0.0, -1.0][channel]
            };
            let expected: Vec<f64> = x.iter().enumerate().map(expected).collect();
            assert_near(y, &expected);
        }
    }
}

#[test]
#[should_panic(expected = "group_norm: 3 groups do not divide 4 channels")]
fn normalization_groups_that_do_not_divide_the_channels_are_refused() {
    let _ = GroupNorm::<f32>::new(3, 4);
}

#[test]
fn dropout_silences_its_share_and_scales_the_rest() {
    let x = Var::parameter(Tensor::<f64>::ones([100, 100]));
    let y = Dropout::new(0.25).forward(&x, &train(0));
    let silent = y.value().as_slice().iter().filter(|&&v| v == 0.0).count();
    assert!((2300..2700).contains(&silent), "{silent} of 10000");
    assert!(y.value().as_slice().iter().all(|&v| v == 0.0 || (v - 4.0 / 3.0).abs() < 1e-15));
    // The gradient passes where the signal does, scaled alike.
    assert_eq!(y.sum().grad(&[&x])[0].value(), y.value());
}

#[test]
fn dropout2d_silences_whole_channels() {
    let x = Tensor::<f64>::ones([20, 50, 3, 2]);
    let y = Dropout2d::new(0.5).forward(&Var::constant(x), &train(0)).value().clone();
    let planes: Vec<f64> = y.as_slice().chunks(6).map(|plane| plane[0]).collect();
    assert!(y.as_slice().chunks(6).all(|plane| plane.iter().all(|&v| v == plane[0])));
    assert!(planes.iter().all(|&v| v == 0.0 || v == 2.0));
    let silent = planes.iter().filter(|&&v| v == 0.0).count();
    assert!((430..570).contains(&silent), "{silent} of 1000");
}

#[test]
fn what_dropout_silences_passes_nothing_back_though_all_of_it_be_infinite() {
    let layers: [&dyn Module<f64>; 2] = [&Dropout::new(0.5), &Dropout2d::new(0.5)];
    for layer in layers {
        // The slope of ln at 0 is infinite; the silenced elements are 0.
        let x = Var::parameter(Tensor::full([4, 8, 1, 1], 3.0));
        let y = || layer.forward(&x, &train(0));
        let recorded = y().ln().sum().grad(&[&x]).remove(0);
        let fused = y().ln().sum().backward();
        for grad in [recorded.value(), fused.get(&x).unwrap()] {
            let pairs = grad.as_slice().iter().zip(y().value().clone().as_slice().to_vec());
            for (&grad, y) in pairs {
                let want = if y == 0.0 { 0.0 } else { 1.0 / 3.0 };
                assert!((grad - want).abs() < 1e-12, "{grad}");
            }
        }
        // Nor does what it silences come through.
        let infinite = Var::constant(Tensor::full([4, 8, 1, 1], f64::INFINITY));
        let y = layer.forward(&infinite, &train(0));
        assert!(y.value().as_slice().iter().all(|&v| v == 0.0 || v == f64::INFINITY));
    }
}

#[test]
fn dropout_is_a_function_of_seed_and_step() {
    let layers: [Box<dyn Module<f64>>; 2] =
        [Box::new(Dropout::new(0.5)), Box::new(Dropout2d::new(0.5))];
    for layer in layers {
        let x = Var::constant(noise([4, 50, 1, 2]));
        let drawn =
            |seed, step| layer.forward(&x, &Pass::train(Draws::new(seed, step))).value().clone();
        assert_eq!(drawn(1, 2), drawn(1, 2));
        assert_ne!(drawn(1, 2), drawn(1, 3));
        assert_ne!(drawn(1, 2), drawn(2, 2));
        assert_ne!(drawn(1, 2), drawn(2, 1));
        assert_eq!(layer.forward(&x, &Pass::eval()).value(), x.value());
        // Two layers of one pass draw numbers of their own.
        let pass = Pass::train(Draws::new(1, 2));
        assert_ne!(layer.forward(&x, &pass).value(), layer.forward(&x, &pass).value());
    }
}

#[test]
#[should_panic(expected = "dropout: expected a probability in 0..1, got 1")]
fn dropping_everything_is_refused() {
    let _ = Dropout::new(1.0);
}

#[test]
fn pools_take_the_largest_and_the_mean() {
    let x = counting([1, 1, 3, 5]);
    let (pooled, indices) =
        MaxPool2d::square(2).forward_indices(&Var::constant(x.clone()), &Pass::eval());
    assert_eq!(pooled.value(), &Tensor::new([1, 1, 1, 2], [7.0, 9.0]));
    let back = MaxUnpool2d.forward(&pooled, &indices, &Pass::eval());
    let expected = [0., 0., 0., 0., 0., 0., 7., 0., 9., 0., 0., 0., 0., 0., 0.];
    assert_eq!(back.value(), &Tensor::new([1, 1, 3, 5], expected));
    let mean = AvgPool2d::new(Window::square(2).stride(2));
    assert_eq!(apply(&mean, x.clone()), Tensor::new([1, 1, 1, 2], [4.0, 6.0]));
    assert_eq!(apply(&AdaptiveAvgPool2d::new([1, 1]), x), Tensor::new([1, 1, 1, 1], [8.0]));
}

#[test]
fn upsampling_enlarges_by_its_rule() {
    let x = || Tensor::new([1, 1, 1, 2], [0.0, 8.0]);
    for (rule, expected) in [
        (Interpolation::Nearest, [0.0, 0.0, 8.0, 8.0]),
        (Interpolation::Bilinear, [0.0, 2.0, 6.0, 8.0]),
        (Interpolation::BilinearAlignCorners, [0.0, 8.0 / 3.0, 16.0 / 3.0, 8.0]),
    ] {
        let up = Upsample::new(2, rule);
        let y = apply(&up, x());
        assert_eq!(y.shape(), [1, 1, 2, 4]);
        assert_near(y.as_slice(), &[expected, expected].concat());
        let skip = Var::constant(Tensor::zeros([1, 9, 3, 5]));
        let y = up.forward_like(&Var::constant(x()), &skip, &Pass::eval());
        assert_eq!(y.shape(), [1, 1, 3, 5]);
    }
}

#[test]
fn activations_are_their_functions() {
    let x = [-2.0_f64, -0.5, 0.0, 0.5, 2.0];
    // Φ and tanh from tables.
    let table: [(Activation, [f64; 5]); 6] = [
        (Activation::Relu, [0.0, 0.0, 0.0, 0.5, 2.0]),
        (Activation::LeakyRelu(0.1), [-0.2, -0.05, 0.0, 0.5, 2.0]),
        (Activation::Gelu, [-0.0455003, -0.1542688, 0.0, 0.3457312, 1.9544997]),
        (Activation::Sigmoid, [0.1192029, 0.3775407, 0.5, 0.6224593, 0.8807971]),
        (Activation::Tanh, [-0.9640276, -0.4621172, 0.0, 0.4621172, 0.9640276]),
        (
            Activation::Softplus,
            [0.1269280, 0.4740770, std::f64::consts::LN_2, 0.9740770, 2.1269280],
        ),
    ];
    for (activation, expected) in table {
        let y = apply(&activation, x.into());
        for (got, expected) in y.as_slice().iter().zip(expected) {
            assert!((got - expected).abs() < 1e-7, "{activation:?}: {got}, expected {expected}");
        }
    }
}

#[test]
fn a_sequence_applies_its_modules_in_order_under_their_numbers() {
    let inner = Sequential::<f64>::new().with(Activation::Relu).with(GroupNorm::new(1, 2));
    let net =
        Sequential::new().with(Linear::new([2, 2], &mut rng())).with(Dropout::new(0.5)).with(inner);
    let names: Vec<_> = Params::of(&net).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["0.weight", "0.bias", "2.1.weight", "2.1.bias"]);
    // First doubled and shifted, then cut off at 0: the other order would give 3 and 1.
    let net = Sequential::<f64>::new().with(Linear::new([1, 1], &mut rng())).with(Activation::Relu);
    let params = Params::of(&net);
    params[0].1.set([[2.0]].into());
    params[1].1.set([1.0].into());
    assert_eq!(apply(&net, [[1.0], [-2.0]].into()), [[3.0], [0.0]].into());
    assert_eq!(apply(&Sequential::new(), counting([2])), counting([2]));
}

#[test]
fn a_parameter_is_a_place_that_its_clones_share() {
    let param = Param::<f64>::new([1.0].into());
    let (twin, before) = (param.clone(), param.var());
    param.set([2.0].into());
    assert_eq!((twin.value(), before.value()), ([2.0].into(), &[1.0].into()));
    assert!(twin.is(&param) && !twin.is(&Param::new([2.0].into())));
    assert!(param.is_trainable() && param.var().is_tracked());
    let buffer = Param::<f64>::buffer([1.0].into());
    buffer.set([2.0].into());
    assert!(!buffer.is_trainable() && !buffer.var().is_tracked());
}

#[test]
#[should_panic(expected = "param: a value keeps its shape")]
fn a_parameter_keeps_its_shape() {
    Param::<f32>::new([1.0].into()).set([1.0, 2.0].into());
}

#[test]
fn an_initialized_weight_stays_the_layers_own() {
    let layer = Conv2d::<f64>::new([1, 1], Window::square(1), &mut rng());
    let weight = layer.weight().clone();
    let layer = layer.init(Init::Zeros, &mut rng()).without_bias();
    assert!(Params::of(&layer)[0].1.is(&weight));
    assert_eq!(Params::of(&layer).len(), 1);
}
