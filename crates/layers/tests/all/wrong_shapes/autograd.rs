//! Numbers with history.

use super::{Case, Without, var, zeros};
use mirrorgrad_autograd::ops::*;
use mirrorgrad_autograd::record::{Step, record};
use mirrorgrad_autograd::{Call, Meeting, Op, Reads, Var};
use mirrorgrad_tensor::{
    AverageCount, ClassTargets, Corners, Epilogue, Geometry, Indices, PixelLoss, PoolIndices,
    Resample, Tensor, Window,
};
use std::sync::Arc;

fn geometry() -> Geometry {
    Window::square(2).stride(2).conv([4, 6]).unwrap()
}

fn targets() -> ClassTargets {
    ClassTargets::new([2, 3], [0; 6], 4, None).unwrap()
}

/// A batch in one part.
#[derive(Debug)]
struct Alone;

impl Meeting<f64> for Alone {
    fn place(&self) -> usize {
        0
    }

    fn gather(&self, mine: &Tensor<f64>) -> Vec<Tensor<f64>> {
        vec![mine.clone()]
    }
}

/// An op that asks its call for something.
#[derive(Debug)]
struct Asking(fn(&Call<'_, f64, ()>));

impl Op<f64> for Asking {
    type Saved = ();

    fn forward(&self, x: &[&Tensor<f64>]) -> (Tensor<f64>, ()) {
        (x[0].clone(), ())
    }

    fn reads(&self) -> Reads {
        Reads::first(1)
    }

    fn vjp(&self, _: usize, call: &Call<'_, f64, ()>, grad: &Var<f64>) -> Var<f64> {
        self.0(call);
        grad.clone()
    }
}

fn ask(question: fn(&Call<'_, f64, ()>)) {
    Var::apply(Asking(question), &[&var(&[])]).backward();
}

fn step(look: impl FnOnce(&Step<f64>)) {
    let (recording, _) = record(zeros(&[2]), |x| x.exp());
    look(&recording.steps()[0]);
}

pub fn cases() -> Vec<Case> {
    vec![
        ("Var::mask", "mask: shapes [2] and [3] do not broadcast", || {
            var(&[2]).mask(&zeros(&[3]));
        }),
        ("Var::sum_axes", "sum_axes: axis 7 does not exist in shape [2, 2]", || {
            var(&[2, 2]).sum_axes(&[7]);
        }),
        ("Var::sum_axes_keep", "sum_axes_keep: axis 0 is named twice in [0, 0]", || {
            var(&[2, 2]).sum_axes_keep(&[0, 0]);
        }),
        ("Var::mean_axes", "mean_axes: axis 7 does not exist in shape [2, 2]", || {
            var(&[2, 2]).mean_axes(&[7]);
        }),
        ("Var::mean_axes_keep", "mean_axes_keep: axis 7 does not exist in shape [2, 2]", || {
            var(&[2, 2]).mean_axes_keep(&[7]);
        }),
        ("Var::var_axes", "var_axes: axis 7 does not exist in shape [2, 2]", || {
            var(&[2, 2]).var_axes(&[7], 1);
        }),
        ("Var::max_axes", "max_axes: axis 7 does not exist in shape [2, 2]", || {
            var(&[2, 2]).max_axes(&[7]);
        }),
        ("Var::max_axes", "max_axes: an axis of [1] is empty in shape [2, 0]", || {
            var(&[2, 0]).max_axes(&[1]);
        }),
        ("Var::max", "max: an axis of [0] is empty in shape [0]", || _ = var(&[0]).max()),
        ("Var::broadcast_to", "broadcast_to: [2] does not broadcast to [3]", || {
            var(&[2]).broadcast_to(&[3]);
        }),
        ("Var::sum_to", "sum_to: [2] does not broadcast to [2, 3]", || {
            _ = var(&[2, 3]).sum_to(&[2])
        }),
        ("Var::reshape", "reshape: [2, 3] does not fit into [4]", || _ = var(&[2, 3]).reshape([4])),
        (
            "Var::permute",
            "permute: [0, 2] is not a permutation of the axes of shape [2, 3]",
            || {
                var(&[2, 3]).permute(&[0, 2]);
            },
        ),
        ("Var::transpose", "transpose: expected at least two axes, got shape [3]", || {
            _ = var(&[3]).transpose()
        }),
        ("Var::slice", "slice: [0..3, 0..1] does not lie inside shape [2, 2]", || {
            var(&[2, 2]).slice(&[0..3, 0..1]);
        }),
        ("Var::narrow", "narrow: axis 2 does not exist in shape [2, 3]", || {
            var(&[2, 3]).narrow(2, 0..1);
        }),
        ("Var::narrow", "narrow: [0..2, 2..9] does not lie inside shape [2, 3]", || {
            var(&[2, 3]).narrow(1, 2..9);
        }),
        ("Var::crop", "crop: expected at least two axes, got shape [3]", || {
            _ = var(&[3]).crop([0, 0], [1, 1])
        }),
        ("Var::crop", "crop: [1..3, 0..1] does not lie inside shape [2, 3]", || {
            var(&[2, 3]).crop([1, 0], [2, 1]);
        }),
        (
            "Var::crop",
            "crop: [1..18446744073709551615, 0..1] does not lie inside shape [2, 3]",
            || {
                var(&[2, 3]).crop([1, 0], [usize::MAX, 1]);
            },
        ),
        ("Var::pad", "pad: expected one pair of sides per axis of shape [2, 3], got", || {
            var(&[2, 3]).pad(&[[1, 1]]);
        }),
        ("Var::gather", "gather: position 3 lies outside axis 1 of [2, 3]", || {
            var(&[2, 3]).gather(1, &Indices::new([1, 1], [3]));
        }),
        (
            "Var::gather",
            "gather: indices of shape [1, 1] do not fit along axis 2 of [2, 3]",
            || {
                var(&[2, 3]).gather(2, &Indices::new([1, 1], [0]));
            },
        ),
        ("Var::scatter_add", "scatter_add: the shapes differ: expected [1, 1]", || {
            var(&[2, 3]).scatter_add(1, &Indices::new([1, 1], [0]), &[2, 3]);
        }),
        ("Var::scatter_add", "scatter_add: position 3 lies outside axis 0 of [3]", || {
            var(&[1]).scatter_add(0, &Indices::new([1], [3]), &[3]);
        }),
        ("Var::matmul", "matmul: [2, 3] and [2, 3] do not multiply", || {
            var(&[2, 3]).matmul(&var(&[2, 3]));
        }),
        ("Var::log_softmax", "log_softmax: axis 1 does not exist in shape [2]", || {
            var(&[2]).log_softmax(1);
        }),
        ("Var::softmax", "softmax: axis 1 does not exist in shape [2]", || {
            _ = var(&[2]).softmax(1)
        }),
        ("Var::grad", "grad: expected a single number, got shape [2]", || {
            let x = var(&[2]);
            x.grad(&[&x]);
        }),
        (
            "Var::grad",
            "grad: asked for the gradient of an untracked variable, of shape [3]",
            || {
                var(&[2]).sum().grad(&[&Var::constant(zeros(&[3]))]);
            },
        ),
        ("Var::grad_with", "grad_with: expected a cotangent of shape [2], got [3]", || {
            let x = var(&[2]);
            x.grad_with(&var(&[3]), &[&x]);
        }),
        ("Var::backward", "backward: expected a single number, got shape [2]", || {
            var(&[2]).backward();
        }),
        ("Var::backward_each", "backward: expected a single number, got shape [2]", || {
            var(&[2]).backward_each(|_, _| ());
        }),
        ("Var::apply", "add: shapes [2] and [3] do not broadcast", || _ = var(&[2]) + var(&[3])),
        ("Var::apply", "sub: shapes [2] and [3] do not broadcast", || _ = var(&[2]) - &var(&[3])),
        ("Var::apply", "mul: shapes [2] and [3] do not broadcast", || _ = &var(&[2]) * var(&[3])),
        ("Var::apply", "div: shapes [2] and [3] do not broadcast", || _ = &var(&[2]) / &var(&[3])),
        ("Call::value", "call: expected an operand under 1, got 2", || {
            ask(|call| _ = call.value(2))
        }),
        ("Call::shape", "call: expected an operand under 1, got 2", || {
            ask(|call| _ = call.shape(2))
        }),
        ("Call::input", "call: expected an operand under 1, got 2", || {
            ask(|call| _ = call.input(2))
        }),
        ("Step::operand", "step: expected an operand under 1, got 1", || {
            step(|s| _ = s.operand(1))
        }),
        ("Step::shape", "step: expected an operand under 1, got 1", || step(|s| _ = s.shape(1))),
        ("Reads::first", "first: expected under 32 operands, got more", || _ = Reads::first(40)),
        ("concat", "concat: expected at least one tensor, got none", || _ = concat::<f64>(&[], 0)),
        ("concat", "concat: shapes differ outside axis 0: [2, 3] and [2, 4]", || {
            concat(&[&var(&[2, 3]), &var(&[2, 4])], 0);
        }),
        (
            "conv2d",
            "conv2d: expected an input of shape [batch, 3, 4, 6] for 1 groups, got [1,",
            || {
                conv2d(geometry(), &var(&[1, 2, 4, 6]), &var(&[5, 3, 2, 2]), None);
            },
        ),
        ("conv2d", "conv2d: expected a weight of 4 axes, got shape [5]", || {
            conv2d(geometry(), &var(&[1, 2, 4, 6]), &var(&[5]), None);
        }),
        ("conv2d", "conv2d: expected one bias per channel, [5], got [3]", || {
            let (x, weight) = (var(&[1, 3, 4, 6]), var(&[5, 3, 2, 2]));
            conv2d(geometry(), &x, &weight, Some(&var(&[3])));
        }),
        ("conv_transpose2d", "conv_transpose2d: expected an output of shape [batch, 5", || {
            conv_transpose2d(geometry(), &var(&[1, 3, 2, 3]), &var(&[5, 3, 2, 2]), None);
        }),
        ("conv_weight2d", "conv_weight2d: input and output differ in batch size: [1, 3, 4", || {
            conv_weight2d(geometry(), &var(&[1, 3, 4, 6]), &var(&[2, 5, 2, 3]));
        }),
        ("max_pool2d", "max_pool2d: expected an input [batch, channels, 4, 6]", || {
            _ = max_pool2d(&geometry(), &var(&[1, 3, 6, 4]));
        }),
        ("max_unpool2d", "max_unpool2d: expected the indices' shape [1, 1, 1, 1]", || {
            let at = PoolIndices::new([1, 1, 1, 1], [2, 2], &[3]).unwrap();
            max_unpool2d(&var(&[1, 1, 2, 1]), &at);
        }),
        ("avg_pool2d", "avg_pool2d: expected a tensor of 4 axes, got one of shape [4, 4]", || {
            avg_pool2d(&geometry(), &var(&[4, 4]), AverageCount::ExcludePadding);
        }),
        ("avg_pool2d", "avg_pool2d: expected an input [batch, channels, 4, 6]", || {
            avg_pool2d(&geometry(), &var(&[1, 1, 5, 6]), AverageCount::ExcludePadding);
        }),
        (
            "adaptive_avg_pool2d",
            "adaptive_avg_pool2d: expected a tensor of 4 axes, got one of",
            || {
                adaptive_avg_pool2d(&var(&[4, 4]), [1, 1]);
            },
        ),
        (
            "adaptive_avg_pool2d",
            "adaptive_avg_pool2d: expected sizes of at least 1, got [4, 4] t",
            || {
                adaptive_avg_pool2d(&var(&[1, 1, 4, 4]), [0, 1]);
            },
        ),
        (
            "resample",
            "resample: the planes have another size: expected [2, 2], got [1, 1, 3, 3]",
            || {
                resample(&Resample::nearest([2, 2], [4, 4]), &var(&[1, 1, 3, 3]));
            },
        ),
        (
            "upsample_bilinear2d",
            "upsample_bilinear2d: expected a tensor of 4 axes, got one of",
            || {
                upsample_bilinear2d(&var(&[4]), [2, 2], Corners::HalfPixel);
            },
        ),
        (
            "upsample_nearest2d",
            "upsample_nearest2d: expected sizes of at least 1, got [2, 2] to",
            || {
                upsample_nearest2d(&var(&[1, 1, 2, 2]), [0, 2]);
            },
        ),
        ("batch_norm", "batch_norm: expected [batch, channels, ..], got [3]", || {
            _ = batch_norm(&var(&[3]), &var(&[3]), &var(&[3]), 0.0, Epilogue::Identity);
        }),
        (
            "batch_norm",
            "batch_norm: expected one weight and one bias per channel, 3 for [2, 3], got [2]",
            || {
                _ = batch_norm(&var(&[2, 3]), &var(&[3]), &var(&[2]), 0.0, Epilogue::Identity);
            },
        ),
        (
            "batch_norm",
            "batch_norm: expected one weight and one bias per channel, 3 for [2, 3]",
            || {
                _ = batch_norm(&var(&[2, 3]), &var(&[1]), &var(&[3]), 0.0, Epilogue::Relu);
            },
        ),
        (
            "batch_norm_among",
            "batch_norm_among: expected one weight and one bias per channel",
            || {
                let (meeting, x) = (Arc::new(Alone), var(&[2, 3]));
                _ = batch_norm_among(meeting, &x, &var(&[3]), &var(&[2]), 0.0, Epilogue::Identity);
            },
        ),
        ("group_norm", "group_norm: 3 groups do not divide the 4 channels of [2, 4]", || {
            group_norm(3, &var(&[2, 4]), &var(&[4]), &var(&[4]), 0.0);
        }),
        (
            "group_norm",
            "group_norm: expected one weight and one bias per channel, 4 for [2, 4], got [2]",
            || {
                group_norm(2, &var(&[2, 4]), &var(&[2]), &var(&[4]), 0.0);
            },
        ),
        ("layer_norm", "layer_norm: shape [2, 4] does not end with [3]", || {
            layer_norm(&var(&[2, 4]), &var(&[3]), &var(&[3]), 0.0);
        }),
        (
            "cross_entropy",
            "cross_entropy: scores [2, 3, 3] do not fit targets [2, 3] of 4 class",
            || {
                cross_entropy(&var(&[2, 3, 3]), &targets(), &PixelLoss::default(), Reduction::Mean);
            },
        ),
        ("cross_entropy", "cross_entropy: expected one weight per class, [4], got [3]", || {
            let loss = PixelLoss { class_weights: Some(zeros(&[3])), ..PixelLoss::default() };
            cross_entropy(&var(&[2, 4, 3]), &targets(), &loss, Reduction::Mean);
        }),
        ("dice_loss", "dice_loss: scores [2, 3, 3] do not fit targets [2, 3] of 4 classes", || {
            dice_loss(&var(&[2, 3, 3]), &targets(), 1.0);
        }),
        (
            "binary_cross_entropy_with_logits",
            "binary_cross_entropy_with_logits: the shapes differ: expected [2]",
            || _ = binary_cross_entropy_with_logits(&var(&[2]), &var(&[1]), Reduction::Mean),
        ),
        (
            "mse_loss",
            "mse_loss: the shapes differ: expected [2] as in the first operand, got [3]",
            || {
                mse_loss(&var(&[2]), &var(&[3]), Reduction::Mean);
            },
        ),
    ]
}

pub const WITHOUT: Without = Without(&[
    // They take a function, and what it panics with is its own.
    "no_grad",
    "no_grad_guard",
    "record",
    "gradcheck",
    "adjoint_check",
    "Var::apply_saving",
    "Call::composed_vjp",
    // They take numbers of any shape, or tell what something is.
    "is_recording",
    "Var::parameter",
    "Var::constant",
    "Var::value",
    "Var::shape",
    "Var::id",
    "Var::parameters",
    "Var::is_tracked",
    "Var::detach",
    "Var::sum",
    "Var::mean",
    "Var::exp",
    "Var::ln",
    "Var::sqrt",
    "Var::powi",
    "Var::abs",
    "Var::tanh",
    "Var::sigmoid",
    "Var::relu",
    "Var::leaky_relu",
    "Var::gelu",
    "Var::erf",
    "Var::softplus",
    "Var::clamp",
    "Var::mul_scalar",
    "Var::add_scalar",
    "Reads::reads_input",
    "Reads::reads_output",
    "Call::operands",
    "Call::output",
    "Call::output_value",
    "Call::saved",
    "Step::id",
    "Step::name",
    "Step::describe",
    "Step::operands",
    "Recording::input",
    "Recording::steps",
    // They find by parameter.
    "Gradients::get",
]);
