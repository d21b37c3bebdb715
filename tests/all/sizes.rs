//! The arithmetic of sizes, over all small numbers, in every framework's words.

use mirrorgrad::autograd::adjoint_check;
use mirrorgrad::study::{Layer, Sizes, sayings};
use mirrorgrad::tensor::dialect::{
    Caffe, Chainer, CoordinateMap, Jax, Keras, MxNet, Onnx, TensorFlow, jax, keras, onnx,
    tensorflow,
};
use mirrorgrad::tensor::{
    AverageCount, Axis, ConvSpec, Corners, Form, Geometry, Kernel, Operand, PoolIndices, Resample,
    Rounding, Tensor, Window, max_pool, plane_gather, plane_scatter_add,
};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Every kernel, stride and dilation up to six.
fn kernels() -> impl Iterator<Item = Kernel> {
    (1..=6).flat_map(|size| {
        (1..=6)
            .flat_map(move |stride| (1..=6).map(move |dilation| Kernel { size, stride, dilation }))
    })
}

/// The output of an input, by counting: the positions whose whole window lies in the padded input.
fn positions(kernel: Kernel, input: usize, before: usize, after: usize) -> usize {
    let fits =
        |position: &usize| kernel.stride * position + kernel.extent() <= input + before + after;
    (0..).take_while(fits).count()
}

fn square(kernel: Kernel) -> Window {
    Window::square(kernel.size).stride(kernel.stride).dilation(kernel.dilation)
}

/// Every index that the relation gives lies inside.
fn assert_inside(axis: &Axis) {
    for position in 0..axis.output {
        for tap in 0..axis.kernel {
            if let Some(pixel) = axis.pixel(position, tap) {
                assert!(pixel < axis.input);
                assert_eq!(pixel + axis.pad_before, axis.stride * position + axis.dilation * tap);
            }
        }
    }
}

#[test]
fn every_small_convolution_has_a_spot_wherever_its_window_fits() {
    for kernel in kernels() {
        for padding in 0..=6 {
            for input in 1..=12 {
                let want = positions(kernel, input, padding, padding);
                let made = square(kernel).padding(padding).conv([input; 2]);
                assert_eq!(
                    made.as_ref().map_or(0, |g| g.output()[0]),
                    want,
                    "{kernel:?} {padding}"
                );
                made.iter().for_each(|geometry| assert_inside(&geometry.axes()[0]));
            }
        }
    }
}

#[test]
fn every_small_transposed_convolution_is_legal_exactly_where_its_convolution_comes_back() {
    let mut truncated = 0;
    for kernel in kernels() {
        for padding in 0..=6 {
            for output in 1..=12 {
                for added in 0..=7 {
                    let window = square(kernel).padding(padding).output_padding([added; 2]);
                    let made = window.transposed([output; 2]);
                    let input = (kernel.stride * (output - 1) + kernel.extent() + added) as i64
                        - 2 * padding as i64;
                    let (s, d) = (kernel.stride, kernel.dilation);
                    let legal = (added < s || added < d) && input > 0;
                    assert_eq!(made.is_ok(), legal, "{kernel:?} {padding} {output} {added}");
                    let Ok(geometry) = made else { continue };
                    assert_eq!(geometry.input()[0] as i64, input);
                    assert_inside(&geometry.axes()[0]);
                    // The convolution gives back the output, or more where added is a stride or more.
                    let back = positions(kernel, input as usize, padding, padding);
                    assert_eq!(back, output + added / s, "{kernel:?} {padding} {output} {added}");
                    truncated += usize::from(back > output);
                    // And asked for by its size, it is the same.
                    assert_eq!(window.transposed_to([output; 2], geometry.input()), Ok(geometry));
                }
            }
        }
    }
    assert!(truncated > 1000);
}

#[test]
fn tensorflows_sizes_are_exactly_those_whose_convolution_gives_the_map() {
    for kernel in kernels() {
        for output in 1..=12 {
            for size in 1..=kernel.full(output) + kernel.stride + 1 {
                let spec = |padding| TensorFlow {
                    strides: [kernel.stride; 2],
                    dilations: [kernel.dilation; 2],
                    ..TensorFlow::new([kernel.size; 2], padding)
                };
                let sides = tensorflow::Padding::Explicit { before: [2, 2], after: [1, 1] };
                for padding in [tensorflow::Padding::Same, tensorflow::Padding::Valid, sides] {
                    let spec = spec(padding);
                    let made = spec.transposed_to([output; 2], [size; 2]);
                    let over = spec.conv([size; 2]);
                    let comes_back = over.as_ref().is_ok_and(|g| g.output() == [output; 2]);
                    assert_eq!(made.is_ok(), comes_back, "{spec:?} {output} {size}");
                    if let Ok(geometry) = made {
                        assert_eq!(Ok(geometry), over, "{spec:?}");
                        assert_inside(&geometry.axes()[0]);
                    }
                }
            }
        }
    }
}

#[test]
fn a_refused_size_names_exactly_the_legal_ones() {
    for kernel in kernels() {
        for output in 1..=4 {
            let strides = [kernel.stride; 2];
            let specs: [Box<dyn ConvSpec>; 4] = [
                Box::new(square(kernel).padding(1)),
                Box::new(TensorFlow {
                    strides,
                    dilations: [kernel.dilation; 2],
                    ..TensorFlow::new([kernel.size; 2], tensorflow::Padding::Same)
                }),
                Box::new(Chainer {
                    stride: strides,
                    dilate: [kernel.dilation; 2],
                    pad: [1, 1],
                    ..Chainer::new([kernel.size; 2])
                }),
                Box::new(Onnx {
                    strides,
                    dilations: [kernel.dilation; 2],
                    ..Onnx::new([kernel.size; 2], onnx::Padding::SameUpper)
                }),
            ];
            for spec in specs {
                let legal: Vec<usize> =
                    (1..80).filter(|&n| spec.transposed_to([output; 2], [n; 2]).is_ok()).collect();
                let refused =
                    spec.transposed_to([output; 2], [1 << 20; 2]).unwrap_err().to_string();
                let Some((first, last)) = legal.first().zip(legal.last()) else { continue };
                assert_eq!(legal.len(), last - first + 1, "{spec:?}: a range without holes");
                let range = format!("expected {first} to {last}");
                assert!(refused.contains(&range), "{spec:?}: {refused}, not {range}");
            }
        }
    }
}

#[test]
fn the_images_said_to_lead_to_a_map_are_those_that_do() {
    for kernel in kernels() {
        for (output, padding) in
            (1..=5).flat_map(|output| (0..=3).map(move |padding| (output, padding)))
        {
            let same = TensorFlow {
                strides: [kernel.stride; 2],
                dilations: [kernel.dilation; 2],
                ..TensorFlow::new([kernel.size; 2], tensorflow::Padding::Same)
            };
            let window = square(kernel).padding(padding);
            let made = [same.transposed([output; 2]), window.transposed([output; 2])];
            for geometry in made.into_iter().flatten() {
                let axis = geometry.axes()[0];
                let sizes = Sizes::of(&axis);
                let [first, last] = sizes.inputs;
                assert!((first..=last).contains(&axis.input), "{axis:?}: {sizes:?}");
                assert_eq!(sizes.relation == 1, sizes.rest == 0);
                for input in 1..=last + kernel.stride {
                    let leads = positions(kernel, input, axis.pad_before, sizes.behind) == output;
                    assert_eq!(leads, (first..=last).contains(&input), "{axis:?}: {sizes:?}");
                }
            }
        }
    }
}

/// What is said of a geometry in a framework's words leads to it, by that framework's rules; here the
/// words are worked out a second time, by trying all of them.
#[test]
fn a_framework_has_words_for_a_geometry_exactly_where_some_arguments_lead_to_it() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    for _ in 0..400 {
        let mut draw = |low: usize, high: usize| rng.random_range(low..=high);
        let (size, stride, dilation) = (draw(1, 5), draw(1, 4), draw(1, 2));
        let kernel = Kernel { size, stride, dilation };
        let (output, before) = (draw(1, 4), draw(0, 4));
        let input = draw(1, kernel.full(output) + stride);
        let axis = kernel.axis(input, output, before);
        let geometry = Geometry::new([axis; 2]).unwrap();
        let said = sayings(Layer::Deconv, &geometry);
        let says = |framework: &str| {
            said.iter().find(|saying| saying.framework == framework).unwrap().words.is_some()
        };
        let any = |specs: Vec<Box<dyn ConvSpec>>| {
            specs.iter().any(|spec| spec.transposed([output; 2]) == Ok(geometry))
        };
        let (k, s, d) = ([size; 2], [stride; 2], [dilation; 2]);
        let pads = || (0..=8).flat_map(|pad| (0..=6).map(move |added| [pad, added]));
        let pytorch = pads().map(|[pad, added]| -> Box<dyn ConvSpec> {
            Box::new(square(kernel).padding(pad).output_padding([added; 2]))
        });
        assert_eq!(says("PyTorch"), any(pytorch.collect()), "{axis:?}");
        let mxnet = pads().map(|[pad, adj]| -> Box<dyn ConvSpec> {
            Box::new(MxNet { stride: s, dilate: d, pad: [pad; 2], adj: [adj; 2], ..MxNet::new(k) })
        });
        let target: Box<dyn ConvSpec> = Box::new(MxNet {
            stride: s,
            dilate: d,
            target_shape: Some([input; 2]),
            ..MxNet::new(k)
        });
        assert_eq!(says("MXNet"), any(mxnet.chain([target]).collect()), "{axis:?}");
        let caffe = (0..=8).map(|pad| -> Box<dyn ConvSpec> {
            Box::new(Caffe { stride: s, dilation: d, pad: [pad; 2], ..Caffe::new(k) })
        });
        assert_eq!(says("Caffe"), any(caffe.collect()), "{axis:?}");
        let keras = [keras::Padding::Same, keras::Padding::Valid].into_iter().flat_map(|padding| {
            let added = (0..=4).map(|added| Some([added; 2])).chain([None]);
            added.map(move |output_padding| -> Box<dyn ConvSpec> {
                let new = Keras::new(k, padding);
                Box::new(Keras { strides: s, dilation_rate: d, output_padding, ..new })
            })
        });
        assert_eq!(says("Keras"), any(keras.collect()), "{axis:?}");
        let pairs = (0..=12).flat_map(|before| {
            (0..=32)
                .map(move |after| jax::Padding::Pairs { before: [before; 2], after: [after; 2] })
        });
        let jax = [jax::Padding::Same, jax::Padding::Valid].into_iter().chain(pairs).map(
            |padding| -> Box<dyn ConvSpec> {
                Box::new(Jax { strides: s, rhs_dilation: d, ..Jax::new(k, padding) })
            },
        );
        assert_eq!(says("JAX"), any(jax.collect()), "{axis:?}");
    }
}

#[test]
fn fcns_published_crop_offsets_come_out_of_the_coordinate_maps() {
    let kernel = |size, stride| Kernel { size, stride, dilation: 1 };
    let (conv3, pool) = (kernel(3, 1), kernel(2, 2));
    // VGG16 as FCN has it: the first convolution pads by 100, five stages of 2, 2, 3, 3 and 3.
    let stage = |map: CoordinateMap, convs: usize, first: usize| {
        let pads = (0..convs).map(|i| if i == 0 { first } else { 1 });
        let convolved = pads.fold(map, |map, pad| map.then(CoordinateMap::conv(conv3, pad)));
        convolved.then(CoordinateMap::conv(pool, 0))
    };
    let pool2 = stage(stage(CoordinateMap::IDENTITY, 2, 100), 2, 1);
    let pool3 = stage(pool2, 3, 1);
    let pool4 = stage(pool3, 3, 1);
    let pool5 = stage(pool4, 3, 1);
    let score = pool5.then(CoordinateMap::conv(kernel(7, 1), 0));
    let up =
        |map: CoordinateMap, size, stride| map.then(CoordinateMap::deconv(kernel(size, stride), 0));
    let picture = CoordinateMap::IDENTITY;
    // FCN-32s: one deconvolution 64 s 32, cut by 19.
    assert_eq!(up(score, 64, 32).crop_onto(picture), Some(19));
    // FCN-16s: up by 2, pool4 cut by 5; then 32 s 16, cut by 27.
    let two = up(score, 4, 2);
    assert_eq!(pool4.crop_onto(two), Some(5));
    assert_eq!(up(two, 32, 16).crop_onto(picture), Some(27));
    // FCN-8s: up by 2 again, pool3 cut by 9; then 16 s 8, cut by 31.
    let four = up(two, 4, 2);
    assert_eq!(pool3.crop_onto(four), Some(9));
    assert_eq!(up(four, 16, 8).crop_onto(picture), Some(31));
}

/// ⟨A x, y⟩ = ⟨x, Aᵀ y⟩ for every linear operation.
#[test]
fn every_linear_operation_has_its_adjoint_on_ten_thousand_random_geometries() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    let (mut maps, mut pools) = (0, 0);
    while maps < 10_000 {
        let mut draw = |low: usize, high: usize| rng.random_range(low..=high);
        let axes = [0, 1].map(|_| Axis {
            input: draw(1, 7),
            output: draw(1, 5),
            kernel: draw(1, 4),
            stride: draw(1, 4),
            dilation: draw(1, 3),
            pad_before: draw(0, 4),
        });
        let g = Geometry::new(axes).unwrap();
        let (groups, batch) = (draw(1, 2), draw(1, 2));
        let ([h, w], [mh, mw], [kh, kw]) = (g.input(), g.output(), g.kernel());
        let (input, output) = ([batch, groups, h, w], [batch, 2 * groups, mh, mw]);
        let kernel = [2 * groups, 1, kh, kw];
        let fixed = |shape: &[usize]| Tensor::from_fn(shape, |i| ((i * 7 + 3) % 11) as f64 - 5.0);
        let (x, weight) = (fixed(&input), fixed(&kernel));
        let check = |result: Result<(), String>| result.unwrap_or_else(|e| panic!("{g:?}: {e}"));
        check(adjoint_check(
            |x| Form::new(g, groups).solve(Operand::Output, [x, &weight], None),
            |y| Form::new(g, groups).solve(Operand::Input, [y, &weight], None),
            &input,
            &output,
        ));
        check(adjoint_check(
            |w| Form::new(g, groups).solve(Operand::Output, [&x, w], None),
            |y| Form::new(g, groups).solve(Operand::Weight, [&x, y], None),
            &kernel,
            &output,
        ));
        let count = match maps % 2 {
            0 => AverageCount::IncludePadding { pad_after: [1, 2] },
            _ => AverageCount::ExcludePadding,
        };
        let resample = [
            Resample::bilinear([h, w], [mh, mw], Corners::HalfPixel),
            Resample::bilinear([h, w], [mh, mw], Corners::Aligned),
            Resample::nearest([h, w], [mh, mw]),
            Resample::adaptive_average_pool([h, w], [mh, mw]),
            Resample::average_pool(&g, count),
        ];
        // Averages under windows that see nothing have no weights.
        for resample in resample {
            let back = resample.adjoint();
            let (from, to) = ([1, 2, h, w], [1, 2, mh, mw]);
            check(adjoint_check(|x| resample.apply(x), |y| back.apply(y), &from, &to));
        }
        let window =
            Window::square(kh).stride(axes[0].stride).padding(kh / 2).rounding(Rounding::Ceil);
        if let Ok(pool) = window.pool([h, w]) {
            let (_, at): (_, PoolIndices) = max_pool(&pool, &x);
            check(adjoint_check(
                |x| plane_gather(&at, x),
                |y| plane_scatter_add(&at, y),
                &at.input_shape(),
                &at.shape(),
            ));
            pools += 1;
        }
        maps += 1;
    }
    assert!(pools > 5000, "{pools}");
}
