//! Windows, inputs and outputs: every legal size by brute force over small numbers.

use crate::common::{draw, rng};
use mirrorgrad_tensor::{Axis, Geometry, GeometryError, Rounding, Window};
use rand_chacha::ChaCha8Rng;

/// Windows that differ along the two axes.
fn random_window(rng: &mut ChaCha8Rng) -> Window {
    let mut pair = |low, high| [draw(rng, low, high), draw(rng, low, high)];
    Window {
        kernel: pair(1, 4),
        stride: pair(1, 4),
        pad_before: pair(0, 3),
        pad_after: pair(0, 3),
        dilation: pair(1, 3),
        ..Window::square(1)
    }
}

/// The places of the first and the last tap of a window at `position`, counted from the padding's start.
fn taps(window: &Window, axis: usize, position: usize) -> [usize; 2] {
    let start = window.stride[axis] * position;
    [start, start + window.dilation[axis] * (window.kernel[axis] - 1)]
}

/// How many positions have the whole window inside an input with its padding.
fn positions_that_fit(window: &Window, axis: usize, input: usize) -> usize {
    let padded = window.pad_before[axis] + input + window.pad_after[axis];
    (0..padded).take_while(|&position| taps(window, axis, position)[1] < padded).count()
}

/// The places that the windows of `output` positions reach, less the padding; 0 or less where none stay.
fn transposed_size(window: &Window, axis: usize, output: usize) -> i64 {
    let reached = taps(window, axis, output - 1)[1] + 1;
    reached as i64 - (window.pad_before[axis] + window.pad_after[axis]) as i64
}

#[test]
fn a_map_has_a_spot_wherever_the_window_fits() {
    let rng = &mut rng(1);
    for _ in 0..3000 {
        let (window, input) = (random_window(rng), [draw(rng, 1, 9), draw(rng, 1, 9)]);
        let want = [0, 1].map(|axis| positions_that_fit(&window, axis, input[axis]));
        match window.conv(input) {
            Ok(geometry) => {
                assert_eq!((geometry.input(), geometry.output()), (input, want), "{window:?}");
            }
            Err(error) => assert!(want.contains(&0), "{window:?} over {input:?}: {error}"),
        }
    }
}

#[test]
fn a_transposed_image_is_what_the_windows_reach_and_output_padding_is_exactly_legal() {
    let rng = &mut rng(2);
    for _ in 0..2000 {
        let (window, output) = (random_window(rng), [draw(rng, 1, 5), draw(rng, 1, 5)]);
        let padding = [draw(rng, 0, 4), draw(rng, 0, 4)];
        let input = [0, 1].map(|i| transposed_size(&window, i, output[i]) + padding[i] as i64);
        let padding_fits =
            (0..2).all(|i| padding[i] < window.stride[i] || padding[i] < window.dilation[i]);
        let legal = padding_fits && input.iter().all(|&size| size > 0);
        match window.output_padding(padding).transposed(output) {
            Ok(geometry) => {
                assert!(legal, "{window:?} under {output:?} + {padding:?}");
                assert_eq!(geometry.output(), output);
                assert_eq!(geometry.input().map(|size| size as i64), input, "{window:?}");
            }
            Err(error) => assert!(!legal, "{window:?} under {output:?} + {padding:?}: {error}"),
        }
    }
}

#[test]
fn an_output_size_is_legal_exactly_where_an_output_padding_leads_to_it() {
    let rng = &mut rng(3);
    for _ in 0..300 {
        let (window, output) = (random_window(rng), [draw(rng, 1, 4), draw(rng, 1, 4)]);
        for height in 0..16 {
            for width in 0..16 {
                let paddings = (0..25).map(|i| [i / 5, i % 5]);
                let want = paddings
                    .filter_map(|padding| window.output_padding(padding).transposed(output).ok())
                    .find(|geometry| geometry.input() == [height, width]);
                let got = window.transposed_to(output, [height, width]);
                assert_eq!(got.ok(), want, "{window:?} under {output:?} to {height}x{width}");
            }
        }
    }
}

#[test]
fn a_refused_output_size_names_the_legal_range() {
    let rng = &mut rng(4);
    for _ in 0..500 {
        let (window, output) = (random_window(rng), [draw(rng, 1, 4); 2]);
        let legal: Vec<usize> = (1..40)
            .filter(|&height| {
                (1..40).any(|width| window.transposed_to(output, [height, width]).is_ok())
            })
            .collect();
        if let Err(GeometryError::Illegal { first, last, .. }) =
            window.transposed_to(output, [99, 99])
            && !legal.is_empty()
        {
            assert_eq!([first, last], [legal[0], legal[legal.len() - 1]], "{window:?} {output:?}");
        }
    }
}

#[test]
fn a_transposed_convolution_can_always_return_to_the_image_a_convolution_saw() {
    let rng = &mut rng(5);
    for _ in 0..2000 {
        let (window, input) = (random_window(rng), [draw(rng, 1, 12), draw(rng, 1, 12)]);
        if let Ok(geometry) = window.conv(input) {
            assert_eq!(window.transposed_to(geometry.output(), input), Ok(geometry), "{window:?}");
        }
    }
}

#[test]
fn an_output_padding_below_the_stride_is_undone_by_a_convolution() {
    let rng = &mut rng(6);
    for _ in 0..2000 {
        let (window, output) = (random_window(rng), [draw(rng, 1, 5), draw(rng, 1, 5)]);
        let padding = window.stride.map(|stride| draw(rng, 0, stride - 1));
        if let Ok(geometry) = window.output_padding(padding).transposed(output) {
            assert_eq!(window.conv(geometry.input()), Ok(geometry), "{window:?} {output:?}");
        }
    }
}

#[test]
fn a_pool_is_legal_exactly_where_every_window_meets_the_image() {
    let rng = &mut rng(7);
    for _ in 0..3000 {
        let (window, input) = (random_window(rng), [draw(rng, 1, 6), draw(rng, 1, 6)]);
        let meets = |axis: usize| {
            let padding = window.pad_before[axis].max(window.pad_after[axis]);
            padding <= window.dilation[axis] * (window.kernel[axis] - 1)
                && (0..positions_that_fit(&window, axis, input[axis])).all(|position| {
                    (0..window.kernel[axis]).any(|tap| {
                        let place = taps(&window, axis, position)[0] + window.dilation[axis] * tap;
                        (window.pad_before[axis]..window.pad_before[axis] + input[axis])
                            .contains(&place)
                    })
                })
        };
        match (window.conv(input), window.pool(input)) {
            (Ok(over), Ok(pool)) => assert!(over == pool && meets(0) && meets(1), "{window:?}"),
            (Ok(_), Err(error)) => {
                assert!(!meets(0) || !meets(1), "{window:?} over {input:?}: {error}");
            }
            (over, pool) => assert_eq!(over, pool),
        }
    }
}

/// PyTorch's and Caffe's formulas (semantics as in their sources), in whole numbers with signs.
#[test]
fn a_pools_rest_has_a_spot_where_pytorch_and_caffe_give_it_one() {
    let rng = &mut rng(8);
    let (mut refused, mut more) = (0, 0);
    for _ in 0..4000 {
        let (window, input) = (random_window(rng), [draw(rng, 1, 7), draw(rng, 1, 7)]);
        let padded_at_all = [window.pad_before, window.pad_after].concat().iter().any(|&p| p > 0);
        for rest in [Rounding::Ceil, Rounding::CaffeCeil] {
            let want = [0, 1].map(|i| {
                let [input, before, after, stride, dilation, kernel] = [
                    input[i],
                    window.pad_before[i],
                    window.pad_after[i],
                    window.stride[i],
                    window.dilation[i],
                    window.kernel[i],
                ]
                .map(|n| n as i64);
                let left = input + before + after - dilation * (kernel - 1) - 1;
                let positions = (left + stride - 1).div_euclid(stride) + 1;
                let clipped = rest == Rounding::Ceil || padded_at_all;
                positions - i64::from(clipped && (positions - 1) * stride >= input + before)
            });
            match window.rounding(rest).pool(input) {
                Ok(pool) => {
                    assert_eq!(
                        pool.output().map(|n| n as i64),
                        want,
                        "{window:?} {rest:?} {input:?}"
                    );
                    let floor = window.conv(input).map_or([0, 0], |geometry| geometry.output());
                    more += usize::from(pool.output() != floor);
                }
                Err(GeometryError::PoolPadding { .. }) => refused += 1,
                Err(error) => assert!(want.iter().any(|&n| n < 1), "{window:?} {input:?}: {error}"),
            }
        }
    }
    assert!(refused > 100 && more > 100, "{refused} {more}");
}

/// Every axis with sizes up to these.
fn small_axes() -> impl Iterator<Item = Axis> {
    let sizes = [5, 4, 3, 3, 3, 6];
    (0..sizes.iter().product::<usize>()).map(move |mut nth| {
        let [input, output, kernel, stride, dilation, before] = sizes.map(|size| {
            let digit = nth % size;
            nth /= size;
            digit + 1
        });
        Axis { input, output, kernel, stride, dilation, pad_before: before - 1 }
    })
}

#[test]
fn a_pixel_is_where_the_relation_says() {
    for axis in small_axes() {
        for (position, tap) in (0..axis.output).flat_map(|s| (0..axis.kernel).map(move |t| (s, t)))
        {
            let place =
                (axis.stride * position + axis.dilation * tap) as i64 - axis.pad_before as i64;
            let want = usize::try_from(place).ok().filter(|&pixel| pixel < axis.input);
            assert_eq!(axis.pixel(position, tap), want, "{axis:?} {position} {tap}");
        }
    }
}

#[test]
fn spots_inside_and_taps_inside_are_those_with_a_pixel() {
    for axis in small_axes() {
        for tap in 0..axis.kernel {
            let inside = |&position: &usize| axis.pixel(position, tap).is_some();
            let want: Vec<usize> = (0..axis.output).filter(inside).collect();
            assert_eq!(axis.positions_inside(tap).collect::<Vec<_>>(), want, "{axis:?} tap {tap}");
        }
        for position in 0..axis.output {
            let inside = |&tap: &usize| axis.pixel(position, tap).is_some();
            let want: Vec<usize> = (0..axis.kernel).filter(inside).collect();
            assert_eq!(
                axis.taps_inside(position).collect::<Vec<_>>(),
                want,
                "{axis:?} position {position}"
            );
        }
    }
}

#[test]
fn only_a_window_of_one_tap_on_every_pixel_is_pointwise() {
    let pointwise = |window: Window| window.conv([6, 6]).unwrap().is_pointwise();
    assert!(pointwise(Window::square(1)) && pointwise(Window::square(1).dilation(3)));
    assert!(!pointwise(Window::new([1, 2])) && !pointwise(Window::square(1).stride(2)));
    assert!(!pointwise(Window::square(1).padding(1)));
    let fewer = Axis { input: 6, output: 5, kernel: 1, stride: 1, dilation: 1, pad_before: 0 };
    assert!(!Geometry::new([fewer; 2]).unwrap().is_pointwise());
}

#[test]
fn zeros_and_sizes_that_would_overflow_are_refused() {
    let good = Window::square(3);
    let huge = usize::MAX;
    for window in [
        Window { kernel: [0, 1], ..good },
        Window { stride: [1, 0], ..good },
        Window { dilation: [0, 1], ..good },
        Window { kernel: [huge, 1], ..good },
        Window { stride: [huge, 1], ..good },
        Window { dilation: [1, huge], ..good },
        Window { pad_before: [huge, 0], pad_after: [huge, 0], ..good },
        Window { kernel: [1 << 13; 2], dilation: [1 << 13; 2], ..good },
    ] {
        let refused = |result: Result<Geometry, GeometryError>| {
            use GeometryError::{Empty, Size};
            let told = matches!(result, Err(Size { .. } | Empty { pad_before: usize::MAX, .. }));
            assert!(told, "{window:?}: {result:?}");
        };
        refused(window.conv([9, 9]));
        refused(window.transposed([9, 9]));
        refused(window.transposed_to([9, 9], [11, 11]));
        refused(window.pool([9, 9]));
    }
    for size in [[0, 3], [3, 0], [huge, 3]] {
        assert!(good.conv(size).is_err() && good.transposed(size).is_err());
        assert!(good.transposed_to([4, 4], size).is_err());
    }
    assert!(good.stride(1 << 20).transposed([1 << 20, 2]).is_err());
    let axis = Axis { input: 4, output: 2, kernel: 2, stride: 2, dilation: 1, pad_before: 0 };
    assert!(Geometry::new([axis; 2]).is_ok());
    for bad in [
        Axis { input: 0, ..axis },
        Axis { output: 0, ..axis },
        Axis { kernel: 0, ..axis },
        Axis { stride: 0, ..axis },
        Axis { dilation: 0, ..axis },
        Axis { pad_before: huge, ..axis },
    ] {
        assert!(Geometry::new([axis, bad]).is_err() && Geometry::new([bad, axis]).is_err());
    }
}

#[test]
fn errors_say_what_was_expected_and_what_came() {
    let message = |result: Result<Geometry, GeometryError>| result.unwrap_err().to_string();
    assert_eq!(
        message(Window::square(3).dilation(2).padding(1).conv([2, 9])),
        "a window of 5 pixels (kernel 3, dilation 2) does not fit an input of 2 with padding 1 and 1"
    );
    assert_eq!(
        message(Window::square(2).stride(2).output_padding([0, 2]).transposed([3, 3])),
        "output_padding 2 is not legal: expected 0 to 1, since it must be less than the stride or \
         the dilation"
    );
    assert_eq!(
        message(Window::square(2).stride(2).transposed_to([3, 3], [6, 8])),
        "output_size 8 is not legal: expected 6 to 7, since the output padding must be less than \
         the stride or the dilation"
    );
    assert_eq!(
        message(Window::square(2).padding(1).transposed([1, 1])),
        "padding 1 and 1 leaves no pixel of a transposed output of 2"
    );
    assert_eq!(
        message(Window::square(2).padding(2).pool([4, 4])),
        "pool padding 2 must be less than the window's extent 2, and every window must overlap the input"
    );
    assert_eq!(
        message(Window::square(3).stride(0).conv([4, 4])),
        "stride must be between 1 and 16777216, got [0, 0]"
    );
}
