//! Numbers without history.

use super::{Case, Without, rng, zeros};
use mirrorgrad_tensor::dialect::WeightLayout;
use mirrorgrad_tensor::*;

fn geometry() -> Geometry {
    Window::square(2).stride(2).conv([4, 6]).unwrap()
}

fn form(groups: usize) -> Form {
    Form::new(geometry(), groups)
}

fn axis() -> Axis {
    Axis { input: 4, output: 0, kernel: 2, stride: 0, dilation: 0, pad_before: 0 }
}

fn places() -> PoolIndices {
    PoolIndices::new([1, 1, 1, 2], [2, 2], &[0, 3]).unwrap()
}

fn targets() -> ClassTargets {
    ClassTargets::new([2, 3], [0; 6], 4, None).unwrap()
}

fn weighted() -> PixelLoss<f64> {
    PixelLoss { class_weights: Some(zeros(&[3])), ..PixelLoss::default() }
}

fn stats() -> NormStats<f64> {
    NormStats { mean: zeros(&[3]), variance: zeros(&[3]) }
}

fn norm() -> Normalization {
    Normalization::new(NormLayout::batch(&[2, 3]), 0.0)
}

const LAYOUT: WeightLayout = WeightLayout::OIHW;
const NOTHING: Kernel = Kernel { size: 0, stride: 1, dilation: 1 };
const HUGE: [usize; 2] = [usize::MAX, 2];

pub fn cases() -> Vec<Case> {
    vec![
        ("axes", "f: axis 2 does not exist in shape [4, 4]", || check::axes("f", &[2], &[4, 4])),
        ("axes", "f: axis 1 is named twice in [1, 1]", || check::axes("f", &[1, 1], &[4, 4])),
        ("dims", "f: expected a tensor of 4 axes, got one of shape [2]", || {
            check::dims::<4>("f", &[2]);
        }),
        (
            "same_shape",
            "f: the shapes differ: expected [2] as in the first operand, got [3]",
            || {
                check::same_shape("f", &[2], &[3]);
            },
        ),
        ("broadcast", "f: shapes [2] and [3] do not broadcast", || {
            check::broadcast("f", &[2], &[3]);
        }),
        ("block", "f: [1..3, 0..1] does not lie inside shape [2, 1]", || {
            check::block("f", &[1..3, 0..1], &[2, 1])
        }),
        ("sizes", "f: expected sizes of at least 1, got [0, 2] to [2, 2]", || {
            check::sizes("f", [0, 2], [2, 2]);
        }),
        ("Tensor::new", "tensor: shape [2, 2] does not hold 3 values", || {
            _ = Tensor::new([2, 2], [0.0; 3]);
        }),
        ("Tensor::build", "tensor: shape [18446744073709551615, 2] holds too many", || {
            _ = Tensor::<f64>::build(HUGE, |_| ());
        }),
        ("Tensor::full", "tensor: shape [18446744073709551615, 2] holds too many", || {
            _ = Tensor::full(HUGE, 1.0);
        }),
        ("Tensor::zeros", "tensor: shape [4611686018427387904] holds too many", || {
            _ = zeros_at(1 << 62);
        }),
        ("Tensor::ones", "tensor: shape [18446744073709551615, 2] holds too many", || {
            _ = Tensor::<f32>::ones(HUGE);
        }),
        ("Tensor::from_fn", "tensor: shape [18446744073709551615, 2] holds too many", || {
            _ = Tensor::from_fn(HUGE, |_| 0.0);
        }),
        ("Tensor::uniform", "tensor: shape [18446744073709551615, 2] holds too many", || {
            _ = Tensor::<f32>::uniform(HUGE, [0.0, 1.0], &mut rng());
        }),
        ("Tensor::normal", "tensor: shape [18446744073709551615, 2] holds too many", || {
            _ = Tensor::<f32>::normal(HUGE, 1.0, &mut rng());
        }),
        ("Tensor::bernoulli", "tensor: shape [18446744073709551615, 2] holds too many", || {
            _ = Tensor::<f32>::bernoulli(HUGE, 0.5, &mut rng());
        }),
        (
            "Tensor::from_le_bytes",
            "from_le_bytes: expected 16 bytes for shape [2] of f64, got 9",
            || {
                _ = Tensor::<f64>::from_le_bytes([2], &[0; 9]);
            },
        ),
        ("Tensor::reshape", "reshape: [2, 3] does not fit into [4]", || {
            _ = zeros(&[2, 3]).reshape([4]);
        }),
        ("Tensor::reshape", "reshape: [2, 3] does not fit into [18446744073709551615, 2]", || {
            _ = zeros(&[2, 3]).reshape(HUGE);
        }),
        ("Tensor::dims", "dims: expected a tensor of 4 axes, got one of shape [2, 3]", || {
            _ = zeros(&[2, 3]).dims::<4>();
        }),
        ("Tensor::at", "at: index [2, 0] lies outside shape [2, 3]", || {
            _ = zeros(&[2, 3]).at(&[2, 0]);
        }),
        ("Tensor::item", "item: expected one element, got shape [2]", || _ = zeros(&[2]).item()),
        ("Tensor::zip", "zip: shapes [2] and [3] do not broadcast", || {
            _ = zeros(&[2]).zip(&zeros(&[3]), |a, _| a);
        }),
        ("Tensor::zip3", "zip3: shapes [2], [2] and [1] differ", || {
            _ = zeros(&[2]).zip3(&zeros(&[2]), &zeros(&[1]), |a, _, _| a);
        }),
        ("Tensor::plus", "plus: the shapes differ: expected [2]", || {
            _ = zeros(&[2]).plus(&zeros(&[1]));
        }),
        ("Tensor::dot", "dot: the shapes differ: expected [2]", || {
            _ = zeros(&[2]).dot(&zeros(&[3]));
        }),
        ("Tensor::broadcast_to", "broadcast_to: [2] does not broadcast to [3]", || {
            _ = zeros(&[2]).broadcast_to([3]);
        }),
        ("Tensor::sum_to", "sum_to: [2] does not broadcast to [2, 3]", || {
            _ = zeros(&[2, 3]).sum_to([2]);
        }),
        ("Tensor::sum_axes", "sum_axes: axis 7 does not exist in shape [2, 2]", || {
            _ = zeros(&[2, 2]).sum_axes(&[7]);
        }),
        ("Tensor::sum_axes_keep", "sum_axes_keep: axis 7 does not exist in shape [2, 2]", || {
            _ = zeros(&[2, 2]).sum_axes_keep(&[7]);
        }),
        ("Tensor::max_last", "max_last: expected at least one axis, got shape []", || {
            _ = zeros(&[]).max_last();
        }),
        ("Tensor::max_last", "max_last: the axis is empty in shape [2, 0]", || {
            _ = zeros(&[2, 0]).max_last();
        }),
        (
            "Tensor::permute",
            "permute: [0, 0] is not a permutation of the axes of shape [2, 3]",
            || {
                _ = zeros(&[2, 3]).permute(&[0, 0]);
            },
        ),
        ("Tensor::transpose", "transpose: expected at least two axes, got shape [3]", || {
            _ = zeros(&[3]).transpose();
        }),
        ("Tensor::slice", "slice: [0..2, 1..4] does not lie inside shape [2, 3]", || {
            _ = zeros(&[2, 3]).slice(&[0..2, 1..4]);
        }),
        ("Tensor::pad", "pad: expected one pair of sides per axis of shape [2, 3], got", || {
            _ = zeros(&[2, 3]).pad(&[[1, 1]]);
        }),
        ("Tensor::pad", "pad: [[18446744073709551615, 1]] around shape [2] holds too many", || {
            _ = zeros(&[2]).pad(&[[usize::MAX, 1]]);
        }),
        ("Tensor::matmul", "matmul: [2, 3] and [2, 3] do not multiply", || {
            _ = zeros(&[2, 3]).matmul(&zeros(&[2, 3]));
        }),
        ("Tensor::matmul", "matmul: [3] and [3, 2] do not multiply", || {
            _ = zeros(&[3]).matmul(&zeros(&[3, 2]));
        }),
        ("Tensor::gather_flat", "gather_flat: position 4 lies outside the 4 elements", || {
            _ = zeros(&[4]).gather_flat(&Indices::new([1], [4]));
        }),
        ("Tensor::scatter_flat", "scatter_flat: position 4 lies outside the 4 elements", || {
            _ = zeros(&[1]).scatter_flat(&Indices::new([1], [4]), [4]);
        }),
        ("Tensor::scatter_flat", "scatter_flat: the shapes differ: expected [2]", || {
            _ = zeros(&[2]).scatter_flat(&Indices::new([1], [0]), [4]);
        }),
        ("concat", "concat: expected at least one tensor", || _ = concat::<f64>(&[], 0)),
        ("concat", "concat: axis 1 does not exist in shape [2]", || _ = concat(&[&zeros(&[2])], 1)),
        ("concat", "concat: shapes differ outside axis 0: [2, 3] and [2, 4]", || {
            _ = concat(&[&zeros(&[2, 3]), &zeros(&[2, 4])], 0);
        }),
        ("Indices::new", "indices: shape [2] does not hold 1 positions", || {
            _ = Indices::new([2], [0]);
        }),
        ("Indices::along", "along: position 3 lies outside axis 1 of [2, 3]", || {
            _ = Indices::new([1, 1], [3]).along(1, &[2, 3]);
        }),
        (
            "Indices::along",
            "along: indices of shape [3, 1] do not fit along axis 1 of [2, 3]",
            || {
                _ = Indices::new([3, 1], [0; 3]).along(1, &[2, 3]);
            },
        ),
        ("Indices::check_along", "f: indices of shape [1] do not fit along axis 9 of [2]", || {
            Indices::new([1], [0]).check_along("f", 9, &[2]);
        }),
        ("log_softmax", "log_softmax: axis 2 does not exist in shape [2, 2]", || {
            _ = log_softmax(&zeros(&[2, 2]), 2);
        }),
        ("log_softmax_backward", "log_softmax_backward: the shapes differ: expected [2]", || {
            _ = log_softmax_backward(&zeros(&[2]), &zeros(&[3]), 0);
        }),
        (
            "log_softmax_backward",
            "log_softmax_backward: axis 1 does not exist in shape [2]",
            || {
                _ = log_softmax_backward(&zeros(&[2]), &zeros(&[2]), 1);
            },
        ),
        ("Form::solve", "Form::solve: expected an input of shape [batch, 3, 4, 6] for 1", || {
            let known = [&zeros(&[1, 2, 4, 6]), &zeros(&[5, 3, 2, 2])];
            _ = form(1).solve(Operand::Output, known, None);
        }),
        ("Form::solve", "Form::solve: expected a weight of 4 axes, got shape [5]", || {
            _ = form(0).solve(Operand::Output, [&zeros(&[1, 2, 4, 6]), &zeros(&[5])], None);
        }),
        ("Form::solve", "Form::solve: expected an output of shape [batch, 5, 2, 3] for 1", || {
            let known = [&zeros(&[1, 5, 4, 6]), &zeros(&[5, 3, 2, 2])];
            _ = form(1).solve(Operand::Input, known, None);
        }),
        ("Form::solve", "Form::solve: expected one bias per channel, [3], got [5]", || {
            let known = [&zeros(&[1, 5, 2, 3]), &zeros(&[5, 3, 2, 2])];
            _ = form(1).solve(Operand::Input, known, Some(&zeros(&[5])));
        }),
        ("Form::solve", "Form::solve: input and output differ in batch size: [1, 3, 4, 6]", || {
            let known = [&zeros(&[1, 3, 4, 6]), &zeros(&[2, 5, 2, 3])];
            _ = form(1).solve(Operand::Weight, known, None);
        }),
        ("Form::solve_by", "Form::solve_by: 2 groups do not divide 5 outputs of weight", || {
            let known = [&zeros(&[1, 6, 4, 6]), &zeros(&[5, 3, 2, 2])];
            _ = form(2).solve_by(ConvAlgorithm::Plain, Operand::Output, known, None);
        }),
        (
            "Form::solve_by",
            "Form::solve_by: the depthwise algorithm does not support a weight of shape [5, 3, 2, 2]",
            || {
                let known = [&zeros(&[1, 3, 4, 6]), &zeros(&[5, 3, 2, 2])];
                _ = form(1).solve_by(ConvAlgorithm::Depthwise, Operand::Output, known, None);
            },
        ),
        ("Form::solve_by", "Form::solve_by: the weight [5, 3, 1, 2] does not have the win", || {
            let known = [&zeros(&[1, 5, 2, 3]), &zeros(&[5, 3, 1, 2])];
            _ = form(1).solve_by(ConvAlgorithm::Plain, Operand::Input, known, None);
        }),
        (
            "Form::solve_weight_and_bias",
            "Form::solve_weight_and_bias: expected a tensor of 4 axes, got one of shape [4, 6]",
            || {
                _ = form(1).solve_weight_and_bias([&zeros(&[4, 6]), &zeros(&[2, 5, 2, 3])]);
            },
        ),
        (
            "Form::solve_weight_and_bias_by",
            "Form::solve_weight_and_bias_by: expected an input of shape [batch, 3, 4, 6]",
            || {
                let known = [&zeros(&[1, 3, 6, 4]), &zeros(&[1, 5, 2, 3])];
                _ = form(1).solve_weight_and_bias_by(ConvAlgorithm::Plain, known);
            },
        ),
        ("Form::check", "f: expected at least one group, got 0", || {
            let known: [&[usize]; 2] = [&[1, 3, 4, 6], &[1, 5, 2, 3]];
            form(0).check("f", Operand::Weight, known, None);
        }),
        ("max_pool", "max_pool: expected an input [batch, channels, 4", || {
            _ = max_pool(&geometry(), &zeros(&[1, 1, 6, 4]));
        }),
        ("check_pool", "f: expected a tensor of 4 axes, got one of shape [4, 6]", || {
            check_pool("f", &geometry(), &[4, 6]);
        }),
        ("check_pool", "f: a window of Geometry { axes: [", || {
            let blind =
                Axis { input: 1, output: 2, kernel: 1, stride: 1, dilation: 1, pad_before: 1 };
            check_pool("f", &Geometry::new([blind; 2]).unwrap(), &[1, 1, 1, 1]);
        }),
        ("plane_gather", "plane_gather: expected an input of shape [1, 1, 2, 2]", || {
            _ = plane_gather(&places(), &zeros(&[1, 1, 2, 3]));
        }),
        ("plane_scatter", "plane_scatter: expected the indices' shape [1, 1, 1, 2]", || {
            _ = plane_scatter(&places(), &zeros(&[1, 1, 2, 2]));
        }),
        ("plane_scatter_add", "plane_scatter_add: expected the indices' shape [1", || {
            _ = plane_scatter_add(&places(), &zeros(&[2]));
        }),
        ("PoolIndices::check_output", "f: expected the indices' shape [1, 1, 1, 2]", || {
            places().check_output("f", &[2]);
        }),
        ("NormLayout::batch", "batch_norm: expected [batch, channels, ..], got [3]", || {
            _ = NormLayout::batch(&[3]);
        }),
        (
            "NormLayout::group",
            "group_norm: 3 groups do not divide the 4 channels of [2, 4]",
            || {
                _ = NormLayout::group(&[2, 4], 3);
            },
        ),
        ("NormLayout::layer", "layer_norm: shape [2, 4] does not end with [3]", || {
            _ = NormLayout::layer(&[2, 4], &[3]);
        }),
        ("NormLayout::check", "f: expected 6 numbers, as in the layout, got [2, 4]", || {
            norm().layout.check("f", &zeros(&[2, 4]), [&zeros(&[3]), &zeros(&[3])]);
        }),
        (
            "Normalization::forward",
            "norm: expected one weight and one bias per channel, 3 for [2, 3]",
            || {
                _ = norm().forward(&zeros(&[2, 3]), &zeros(&[3]), &zeros(&[1]));
            },
        ),
        ("Normalization::backward", "norm: the shapes differ: expected [2, 3]", || {
            let stats = NormStats { mean: zeros(&[3]), variance: zeros(&[3]) };
            let (x, gain) = (zeros(&[2, 3]), zeros(&[3]));
            _ = norm().backward(&x, &gain, &gain, &stats, &zeros(&[3, 2]));
        }),
        ("Normalization::backward", "norm: the shapes differ: expected [3]", || {
            let stats = NormStats { mean: zeros(&[2]), variance: zeros(&[3]) };
            let (x, gain) = (zeros(&[2, 3]), zeros(&[3]));
            _ = norm().backward(&x, &gain, &gain, &stats, &x);
        }),
        ("Normalization::moments", "norm: expected 6 numbers, as in the layout", || {
            _ = norm().moments(&zeros(&[2, 4]));
        }),
        ("Normalization::forward_by", "norm: the shapes differ: expected [3]", || {
            let stats = NormStats { mean: zeros(&[2]), variance: zeros(&[3]) };
            _ = norm().forward_by(&zeros(&[2, 3]), &zeros(&[3]), &zeros(&[3]), &stats);
        }),
        ("Normalization::sums", "norm: the shapes differ: expected [2, 3]", || {
            let (stats, x) = (stats(), zeros(&[2, 3]));
            _ = norm().sums(&x, &zeros(&[3]), &zeros(&[3]), &stats, &zeros(&[3, 2]));
        }),
        ("Normalization::backward_by", "norm: the shapes differ: expected [3, 1, 2]", || {
            let (x, gain) = (zeros(&[2, 3]), zeros(&[3]));
            let sums = NormSums(zeros(&[2, 1, 2]));
            _ = norm().backward_by([&x, &gain, &gain], &stats(), &x, &sums, 2.0);
        }),
        (
            "Normalization::to_weight_and_bias",
            "norm: the shapes differ: expected [3, 1, 2]",
            || {
                _ = norm().to_weight_and_bias(&NormSums(zeros(&[3, 2])));
            },
        ),
        ("NormMoments::joined", "norm moments: expected one or more, got none", || {
            _ = NormMoments::<f64>::joined([]);
        }),
        ("NormMoments::joined", "norm moments: the shapes differ: expected [1, 3]", || {
            _ = NormMoments::joined([NormMoments(zeros(&[1, 3])), NormMoments(zeros(&[2, 3]))]);
        }),
        ("NormSums::joined", "norm sums: the shapes differ: expected [1, 1, 2]", || {
            _ = NormSums::joined([NormSums(zeros(&[1, 1, 2])), NormSums(zeros(&[2, 1, 2]))]);
        }),
        ("ClassTargets::new", "targets: expected at least one class", || {
            _ = ClassTargets::new([], [], 0, None);
        }),
        ("ClassTargets::new", "targets: expected a shape [batch, ..], got []", || {
            _ = ClassTargets::new([], [0], 1, None);
        }),
        ("PixelLoss::read", "cross_entropy: expected one weight per class, [4], got [3]", || {
            _ = weighted().read(&targets());
        }),
        (
            "PixelLoss::target_weights",
            "cross_entropy: expected one weight per class, [4], got [3]",
            || {
                _ = weighted().target_weights(&targets());
            },
        ),
        (
            "PixelLoss::spread_weights",
            "cross_entropy: expected one weight per class, [4], got [3]",
            || {
                _ = weighted().spread_weights(&targets());
            },
        ),
        (
            "PixelLoss::forward",
            "cross_entropy: scores [2, 3, 3] do not fit targets [2, 3] of 4",
            || {
                _ = PixelLoss::default().forward(&zeros(&[2, 3, 3]), &targets());
            },
        ),
        ("PixelLoss::backward", "cross_entropy: expected a gradient of shape [2, 3]", || {
            let (scores, sums) = (zeros(&[2, 4, 3]), zeros(&[2, 3]));
            _ = PixelLoss::default().backward(&scores, &targets(), &sums, &zeros(&[3]));
        }),
        (
            "PixelLoss::total_weight",
            "cross_entropy: expected one weight per class, [4], got [3]",
            || {
                _ = weighted().total_weight(&targets());
            },
        ),
        ("SparseRows::new", "SparseRows::new: expected sizes of at least 1, got 0 to 2", || {
            _ = SparseRows::new([2, 0], |_| vec![]);
        }),
        (
            "SparseRows::new",
            "SparseRows::new: an entry lies outside: expected under 2, got 2",
            || {
                _ = SparseRows::new([1, 2], |_| vec![(2, 1.0)]);
            },
        ),
        ("SparseRows::linear", "linear: expected sizes of at least 1, got 0 to 2", || {
            _ = SparseRows::linear(0, 2, Corners::Aligned);
        }),
        ("SparseRows::nearest", "nearest: expected sizes of at least 1, got 2 to 0", || {
            _ = SparseRows::nearest(2, 0);
        }),
        ("SparseRows::average", "average: expected sizes of at least 1, got 4 to 0", || {
            _ = SparseRows::average(&axis());
        }),
        (
            "SparseRows::average_with_padding",
            "average: expected sizes of at least 1, got 4 to 0",
            || {
                _ = SparseRows::average_with_padding(&axis(), 0);
            },
        ),
        ("SparseRows::adaptive_average", "adaptive_average: expected sizes of at least 1", || {
            _ = SparseRows::adaptive_average(0, 2);
        }),
        ("SparseRows::row", "row: expected under 2, got 2", || {
            SparseRows::nearest(2, 2).row(2);
        }),
        (
            "Resample::bilinear",
            "bilinear: expected sizes of at least 1, got [2, 0] to [2, 2]",
            || {
                _ = Resample::bilinear([2, 0], [2, 2], Corners::HalfPixel);
            },
        ),
        (
            "Resample::nearest",
            "nearest: expected sizes of at least 1, got [2, 2] to [0, 2]",
            || {
                _ = Resample::nearest([2, 2], [0, 2]);
            },
        ),
        ("Resample::adaptive_average_pool", "adaptive_average_pool: expected sizes of at", || {
            _ = Resample::adaptive_average_pool([2, 2], [0, 2]);
        }),
        (
            "Resample::apply",
            "resample: the planes have another size: expected [2, 3], got [1, 1",
            || {
                _ = Resample::nearest([2, 3], [4, 4]).apply(&zeros(&[1, 1, 3, 3]));
            },
        ),
        (
            "WeightLayout::convert",
            "convert: expected a tensor of 4 axes, got one of shape [2]",
            || {
                _ = LAYOUT.convert(LAYOUT, &zeros(&[2]));
            },
        ),
        (
            "WeightLayout::flipped",
            "flipped: expected a tensor of 4 axes, got one of shape [2]",
            || {
                _ = LAYOUT.flipped(&zeros(&[2]));
            },
        ),
        (
            "Kernel::extent",
            "kernel: expected a size, a stride and a dilation of at least 1, got",
            || {
                NOTHING.extent();
            },
        ),
        ("Kernel::full", "kernel: expected an output of 1 to 2^24 positions, got another", || {
            Kernel { size: 1, ..NOTHING }.full(0);
        }),
        (
            "Kernel::same",
            "kernel: expected a size, a stride and a dilation of at least 1, got",
            || {
                NOTHING.same(4, OddSide::After);
            },
        ),
        ("Axis::extent", "kernel: expected a size, a stride and a dilation of at least 1", || {
            axis().extent();
        }),
        ("Axis::full", "kernel: expected an output of 1 to 2^24 positions, got another", || {
            Axis { stride: 1, dilation: 1, ..axis() }.full();
        }),
        (
            "Axis::positions_inside",
            "positions_inside: expected a stride of at least 1, got 0",
            || {
                axis().positions_inside(0);
            },
        ),
        ("Axis::taps_inside", "taps_inside: expected a dilation of at least 1, got 0", || {
            axis().taps_inside(0);
        }),
    ]
}

fn zeros_at(len: usize) -> Tensor<f32> {
    Tensor::zeros([len])
}

pub const WITHOUT: Without = Without(&[
    // It takes two numbers.
    "masked",
    // Any two are the same or not.
    "Tensor::ptr_eq",
    "PoolIndices::ptr_eq",
    // They return a `Result` or an `Option`.
    "Geometry::new",
    "Window::conv",
    "Window::transposed",
    "Window::transposed_to",
    "Window::pool",
    "Kernel::fit",
    "Kernel::same_transposed",
    "PoolIndices::new",
    "broadcast_shape",
    "cropped",
    "legal",
    "Axis::pixel",
    "Framework::called",
    "Framework::read",
    "CoordinateMap::crop_onto",
    "ConvAlgorithm::chosen",
    // They take whatever there is.
    "Isa::chosen",
    "Isa::is_present",
    "peak_gflops",
    "ConvAlgorithm::fastest",
    "ConvAlgorithm::takes",
    "Form::new",
    "Form::geometry",
    "Form::groups",
    "Form::multiply_adds",
    "Operand::others",
    "Resample::average_pool",
    "Tensor::from_view",
    "Kernel::both",
    "Kernel::axis",
    "for_each_chunk",
    "peak_bytes",
    // They are words, or tell what something is.
    "Window::new",
    "Window::square",
    "Window::stride",
    "Window::padding",
    "Window::dilation",
    "Window::output_padding",
    "Window::rounding",
    "OddSide::pad_before",
    "Normalization::new",
    "NormMoments::stats",
    "Resample::new",
    "Caffe::new",
    "Chainer::new",
    "Jax::new",
    "Keras::new",
    "MxNet::new",
    "Onnx::new",
    "TensorFlow::new",
    "Words::new",
    "Wanted::new",
    "Wanted::pad_after",
    "Wanted::output_padding",
    "Wanted::size",
    "Framework::of",
    "Framework::name",
    "Framework::key",
    "Framework::say",
    "CoordinateMap::conv",
    "CoordinateMap::deconv",
    "CoordinateMap::then",
    "WeightLayout::axes_to",
    "Geometry::axes",
    "Geometry::input",
    "Geometry::output",
    "Geometry::kernel",
    "Geometry::pixels",
    "Geometry::positions",
    "Geometry::taps",
    "Geometry::is_pointwise",
    "PoolIndices::shape",
    "PoolIndices::input",
    "PoolIndices::as_slice",
    "PoolIndices::input_shape",
    "Indices::shape",
    "Indices::as_slice",
    "NormLayout::weights",
    "NormLayout::set_len",
    "ClassTargets::shape",
    "ClassTargets::classes",
    "ClassTargets::iter",
    "ClassTargets::counted",
    "ClassTargets::one_hot",
    "SparseRows::rows",
    "SparseRows::columns",
    "SparseRows::transposed",
    "Resample::adjoint",
    "Resample::from",
    "Resample::to",
    "Tensor::scalar",
    "Tensor::shape",
    "Tensor::rank",
    "Tensor::len",
    "Tensor::is_empty",
    "Tensor::as_slice",
    "Tensor::view",
    "Tensor::cast",
    "Tensor::to_le_bytes",
    "Tensor::map",
    "Tensor::sum",
    "Tensor::mean",
]);
