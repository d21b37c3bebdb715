//! Parameters with names.

use super::{Case, Without, rng, var, zeros};
use mirrorgrad_layers::models::{DoubleConv, Fcn, FcnConfig, Norm, UNet, UNetConfig};
use mirrorgrad_layers::*;
use mirrorgrad_tensor::{PoolIndices, Window};

fn window() -> Window {
    Window::square(3)
}

fn conv() -> Conv2d<f64> {
    Conv2d::new([3, 4], window(), &mut rng())
}

fn up() -> ConvTranspose2d<f64> {
    ConvTranspose2d::new([3, 4], Window::square(2).stride(2), &mut rng())
}

fn double() -> Upsample {
    Upsample::new(2, Interpolation::Nearest)
}

fn no_class() -> UNetConfig {
    UNetConfig::new(0)
}

pub fn cases() -> Vec<Case> {
    vec![
        ("Conv2d::new", "conv: expected at least one channel on both sides, got 4 and 0", || {
            _ = Conv2d::<f64>::new([0, 4], window(), &mut rng());
        }),
        ("Conv2d::grouped", "conv: 2 groups do not divide 4 and 3 channels: expected", || {
            _ = Conv2d::<f64>::grouped([3, 4], window(), 2, &mut rng());
        }),
        ("Params::update", "update: running_mean: expected [2], got [3]", || {
            let update =
                Update { name: "running_mean".into(), observed: zeros(&[3]), momentum: 0.1 };
            Params::of(&BatchNorm2d::<f64>::new(2)).update(&[update]);
        }),
        ("Params::backward", "backward: expected a single number, got shape [2, 1]", || {
            let (linear, x) = (Linear::<f64>::new([3, 1], &mut rng()), var(&[2, 3]));
            let y = linear.forward(&x, &Pass::eval());
            _ = Params::of(&linear).backward(y, Pass::eval());
        }),
        ("Params::backward_each", "backward: expected a single number, got shape [2, 1]", || {
            let (linear, x) = (Linear::<f64>::new([3, 1], &mut rng()), var(&[2, 3]));
            Params::of(&linear).backward_each(linear.forward(&x, &Pass::eval()), |_, _| ());
        }),
        ("Contribution::plus", "plus: the shapes differ: expected [2]", || {
            let of = |len: usize| {
                let gradients = [("w".to_owned(), zeros(&[len]))].into();
                Contribution::<f64>::new(0.0, gradients, vec![])
            };
            _ = of(2).plus(of(3));
        }),
        ("Fold::add", "Fold::join: expected a place from 2 on, got 1", || {
            let mut fold = Fold::<f64>::default();
            for place in [0, 1, 1] {
                fold.add(place, Contribution::new(0.0, [].into(), vec![]));
            }
        }),
        ("Fold::join", "Fold::join: 2 contributions from 1 on are no node of the tree", || {
            let sum = Contribution::<f64>::new(0.0, [].into(), vec![]);
            Fold::default().join(Subtotal { first: 1, count: 2, sum });
        }),
        (
            "Fold::sum",
            "plus: the shapes differ: expected [2] as in the first operand, got [3]",
            || {
                let mut fold = Fold::<f64>::default();
                for (place, len) in [(0, 2), (2, 3)] {
                    let gradients = [("w".to_owned(), zeros(&[len]))].into();
                    fold.add(place, Contribution::new(0.0, gradients, vec![]));
                }
                _ = fold.sum();
            },
        ),
        ("Init::weight", "init: bilinear expected a weight of four axes, got shape [2, 2]", || {
            _ = Init::Bilinear.weight::<f64>(&[2, 2], &mut rng());
        }),
        (
            "Conv2d::forward",
            "conv2d: expected an input of shape [batch, 3, height, width], got [1",
            || {
                _ = conv().forward(&var(&[1, 2, 4, 4]), &Pass::eval());
            },
        ),
        (
            "Conv2d::forward",
            "conv2d: expected an input of shape [batch, 3, height, width], got [3]",
            || {
                _ = conv().forward(&var(&[3]), &Pass::eval());
            },
        ),
        (
            "Conv2d::forward",
            "conv2d: a window of 3 pixels (kernel 3, dilation 1) does not fit",
            || {
                _ = conv().forward(&var(&[1, 3, 2, 4]), &Pass::eval());
            },
        ),
        (
            "ConvTranspose2d::new",
            "conv: expected at least one channel on both sides, got 4 and 0",
            || {
                _ = ConvTranspose2d::<f64>::new([4, 0], window(), &mut rng());
            },
        ),
        (
            "ConvTranspose2d::grouped",
            "conv: 0 groups do not divide 3 and 4 channels: expected",
            || {
                _ = ConvTranspose2d::<f64>::grouped([3, 4], window(), 0, &mut rng());
            },
        ),
        (
            "ConvTranspose2d::forward",
            "conv_transpose2d: expected an input of shape [batch, 3, h",
            || {
                _ = up().forward(&var(&[1, 4, 4, 4]), &Pass::eval());
            },
        ),
        (
            "ConvTranspose2d::forward_like",
            "conv_transpose2d: expected an input of shape [batch, c",
            || {
                _ = up().forward_like(&var(&[1, 3, 4, 4]), &var(&[8, 8]), &Pass::eval());
            },
        ),
        (
            "ConvTranspose2d::forward_like",
            "conv_transpose2d: output_size 10 is not legal: expected 8",
            || {
                _ = up().forward_like(&var(&[1, 3, 4, 4]), &var(&[1, 1, 8, 10]), &Pass::eval());
            },
        ),
        ("Linear::new", "linear: expected at least one feature on both sides, got 0 and 2", || {
            _ = Linear::<f64>::new([0, 2], &mut rng());
        }),
        ("Linear::forward", "linear: expected a shape [batch, .., 3], got [1, 2]", || {
            _ = Linear::new([3, 2], &mut rng()).forward(&var(&[1, 2]), &Pass::eval());
        }),
        ("Linear::forward", "linear: expected a shape [batch, .., 3], got [3]", || {
            _ = Linear::new([3, 2], &mut rng()).forward(&var(&[3]), &Pass::eval());
        }),
        (
            "BatchNorm2d::forward",
            "batch_norm: expected an input of shape [batch, 3, height, width]",
            || {
                _ = BatchNorm2d::new(3).forward(&var(&[1, 4, 2, 2]), &Pass::eval());
            },
        ),
        (
            "BatchNorm2d::forward",
            "batch_norm: expected an input of shape [batch, 3, height, width]",
            || {
                _ = BatchNorm2d::new(3).forward(&var(&[3, 2]), &Pass::train(Draws::new(0, 0)));
            },
        ),
        (
            "BatchNorm2d::forward",
            "batch_norm: expected more than one value per channel when training, got [1, 3, 1, 1]",
            || {
                let x = var(&[1, 3, 1, 1]);
                _ = BatchNorm2d::new(3).forward(&x, &Pass::train(Draws::new(0, 0)));
            },
        ),
        ("GroupNorm::new", "group_norm: 3 groups do not divide 4 channels: expected", || {
            _ = GroupNorm::<f64>::new(3, 4);
        }),
        ("GroupNorm::forward", "group_norm: expected a shape [batch, 4, ..], got [2, 6]", || {
            _ = GroupNorm::new(2, 4).forward(&var(&[2, 6]), &Pass::eval());
        }),
        (
            "MaxPool2d::forward",
            "max_pool2d: a window of 2 pixels (kernel 2, dilation 1) does not",
            || {
                _ = MaxPool2d::square(2).forward(&var(&[1, 1, 1, 4]), &Pass::eval());
            },
        ),
        (
            "MaxPool2d::forward_indices",
            "max_pool2d: expected an input of shape [batch, channels",
            || {
                _ = MaxPool2d::square(2).forward_indices(&var(&[4, 4]), &Pass::eval());
            },
        ),
        (
            "MaxUnpool2d::forward",
            "max_unpool2d: expected the indices' shape [1, 1, 1, 1], got [1, 1, ",
            || {
                let at = PoolIndices::new([1, 1, 1, 1], [2, 2], &[3]).unwrap();
                _ = MaxUnpool2d.forward(&var(&[1, 1, 2, 2]), &at, &Pass::eval());
            },
        ),
        (
            "AvgPool2d::forward",
            "avg_pool2d: a window of 3 pixels (kernel 3, dilation 1) does not fit",
            || {
                _ = AvgPool2d::new(window()).forward(&var(&[1, 1, 1, 4]), &Pass::eval());
            },
        ),
        (
            "AvgPool2d::forward",
            "avg_pool2d: expected an input of shape [batch, channels, height, wi",
            || {
                _ = AvgPool2d::new(window()).forward(&var(&[4]), &Pass::eval());
            },
        ),
        (
            "AdaptiveAvgPool2d::forward",
            "adaptive_avg_pool2d: expected an input of shape [batch, ch",
            || {
                _ = AdaptiveAvgPool2d::new([1, 1]).forward(&var(&[4, 4]), &Pass::eval());
            },
        ),
        (
            "AdaptiveAvgPool2d::forward",
            "adaptive_avg_pool2d: expected sizes of at least 1, got [4, 4] ",
            || {
                _ = AdaptiveAvgPool2d::new([0, 1]).forward(&var(&[1, 1, 4, 4]), &Pass::eval());
            },
        ),
        (
            "Upsample::forward",
            "upsample: expected an input of shape [batch, channels, height, width]",
            || {
                _ = double().forward(&var(&[4, 4]), &Pass::eval());
            },
        ),
        (
            "Upsample::forward",
            "upsample: expected sizes of at least 1, got [4, 4] to [0, 0]",
            || {
                _ = Upsample::new(0, Interpolation::Bilinear)
                    .forward(&var(&[1, 1, 4, 4]), &Pass::eval());
            },
        ),
        (
            "Upsample::forward_like",
            "upsample: expected an input of shape [batch, channels, height, wid",
            || {
                _ = double().forward_like(&var(&[1, 1, 4, 4]), &var(&[8, 8]), &Pass::eval());
            },
        ),
        ("Dropout::new", "dropout: expected a probability in 0..1, got 1", || {
            _ = Dropout::new(1.0)
        }),
        ("Dropout2d::new", "dropout: expected a probability in 0..1, got -1", || {
            _ = Dropout2d::new(-1.0);
        }),
        (
            "Dropout2d::forward",
            "dropout2d: expected an input of shape [batch, channels, height, width]",
            || {
                _ = Dropout2d::new(0.5).forward(&var(&[4, 4]), &Pass::eval());
            },
        ),
        (
            "Sequential::forward",
            "0: conv2d: expected an input of shape [batch, 3, height, width], got",
            || {
                _ = Sequential::new().with(conv()).forward(&var(&[3]), &Pass::eval());
            },
        ),
        (
            "DoubleConv::new",
            "double_conv: expected at least one channel on both sides, got 0 and 4",
            || {
                _ = DoubleConv::<f64>::new([0, 4], Norm::Batch, &mut rng());
            },
        ),
        (
            "DoubleConv::forward",
            "conv1: conv2d: expected an input of shape [batch, 3, height, width], got [1, 2",
            || {
                _ = DoubleConv::new([3, 4], Norm::Batch, &mut rng())
                    .forward(&var(&[1, 2, 4, 4]), &Pass::eval());
            },
        ),
        (
            "UNet::new",
            "unet: expected at least one channel everywhere and deconv or bilinear, got",
            || {
                _ = UNet::<f64>::new(&no_class(), &mut rng());
            },
        ),
        ("UNet::new", "unet: expected at least one width, got none", || {
            _ = UNet::<f64>::new(&UNetConfig { widths: vec![], ..UNetConfig::new(2) }, &mut rng());
        }),
        (
            "UNet::forward",
            "stages.0.conv1: conv2d: expected an input of shape [batch, 3, height, widt",
            || {
                _ = UNet::new(&UNetConfig::new(2), &mut rng())
                    .forward(&var(&[1, 2, 16, 16]), &Pass::eval());
            },
        ),
        ("Fcn::new", "fcn: expected a finest stage up to 4, got 9", || {
            _ = Fcn::<f64>::new(&FcnConfig { finest: 9, ..FcnConfig::new(2) }, &mut rng());
        }),
        ("Fcn::new", "fcn: expected at least one width, got none", || {
            _ = Fcn::<f64>::new(&FcnConfig { widths: vec![], ..FcnConfig::new(2) }, &mut rng());
        }),
        (
            "Fcn::forward",
            "stages.0.conv1: conv2d: expected an input of shape [batch, 3, height, width]",
            || {
                _ = Fcn::new(&FcnConfig::new(2), &mut rng())
                    .forward(&var(&[1, 2, 16, 16]), &Pass::eval());
            },
        ),
        ("Param::set", "param: a value keeps its shape: expected [1], got [2]", || {
            Param::new(zeros(&[1])).set(zeros(&[2]));
        }),
        ("Params::update", "update: running_mean: expected [2], got [3]", || {
            let update =
                Update { name: "running_mean".into(), observed: zeros(&[3]), momentum: 0.1 };
            Params::of(&BatchNorm2d::<f64>::new(2)).update(&[update]);
        }),
        ("Params::backward", "backward: expected a single number, got shape [2, 1]", || {
            let (linear, x) = (Linear::<f64>::new([3, 1], &mut rng()), var(&[2, 3]));
            let y = linear.forward(&x, &Pass::eval());
            _ = Params::of(&linear).backward(y, Pass::eval());
        }),
        ("Contribution::plus", "plus: the shapes differ: expected [2]", || {
            let of = |len: usize| {
                let gradients = [("w".to_owned(), zeros(&[len]))].into();
                Contribution::<f64>::new(0.0, gradients, vec![])
            };
            _ = of(2).plus(of(3));
        }),
        ("Init::weight", "init: expected a weight [outputs, inputs, ..], got [2]", || {
            _ = Init::PyTorch.weight::<f64>(&[2], &mut rng());
        }),
        ("Init::bias", "init: expected a weight [outputs, inputs, ..], got []", || {
            _ = Init::bias::<f64>(&[], 2, &mut rng());
        }),
    ]
}

pub const WITHOUT: Without = Without(&[
    // Names and numbers of weights, and how many groups a number of channels has: all of them fit.
    "Norm::groups",
    "check_finite",
    "check_names",
    "some_of",
    "take_off_prefix",
    // They run a module inside, which says what is wrong.
    "summary",
    "find_fault",
    // They return a `Result`.
    "load_state_dict",
    "from_safetensors",
    "parse_safetensors",
    // They take no shapes, or whatever shape there is.
    "Activation::forward",
    "Dropout::forward",
    "Conv2d::weight",
    "Conv2d::without_bias",
    "ConvTranspose2d::weight",
    "ConvTranspose2d::without_bias",
    "ConvTranspose2d::init",
    "Conv2d::init",
    "BatchNorm2d::new",
    "BatchNorm2d::epilogue",
    "MaxPool2d::new",
    "MaxPool2d::square",
    "AvgPool2d::new",
    "AdaptiveAvgPool2d::new",
    "Upsample::new",
    "UNetConfig::new",
    "FcnConfig::new",
    "Sequential::new",
    "Sequential::with",
    "seeded",
    "Draws::new",
    "Draws::next_rng",
    "Pass::eval",
    "Pass::train",
    "Pass::among",
    "Pass::meeting",
    "Pass::traced",
    "Pass::traced_with_results",
    "Pass::child",
    "Pass::path",
    "Pass::draws",
    "Pass::update",
    "Pass::finish",
    "Pass::record",
    "Pass::record_sizes",
    "Pass::record_like",
    "Pass::calls",
    "Pass::sizes",
    "Visitor::param",
    "Visitor::child",
    "Param::new",
    "Param::buffer",
    "Param::is_trainable",
    "Param::var",
    "Param::value",
    "Param::is",
    "Params::of",
    "Params::get",
    "Params::trainable",
    "Params::trainable_len",
    "Params::values",
    "Params::reached",
    "Contribution::new",
    "Contribution::weighing",
    "Contribution::mean",
    "Contribution::scaled",
    "Contribution::with_gradients_scaled",
    "Contribution::norm",
    "GradientNorm::add",
    "GradientNorm::value",
    "Fold::names",
    "Fold::split_off",
    "Fold::into_subtotals",
    "state_dict",
    "to_safetensors",
    "Schedule::factor",
    "clip_grad_norm",
    "short",
    "Adam::new",
    "Adam::adamw",
    "Adam::eps",
    "Adam::betas",
    "Sgd::new",
    "Sgd::weight_decay",
    "Sgd::nesterov",
]);
