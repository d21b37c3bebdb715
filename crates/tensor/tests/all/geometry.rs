//! Windows, images and maps: every legal size by brute force over small numbers.

use crate::common::{draw, rng};
use mirrorgrad_tensor::{Axis, Geometry, GeometryError, Rest, Window};
use rand_chacha::ChaCha8Rng;

/// Windows that differ along the two axes.
fn random_window(rng: &mut ChaCha8Rng) -> Window {
    let mut pair = |low, high| [draw(rng, low, high), draw(rng, low, high)];
    Window {
        kernel: pair(1, 4),
        stride: pair(1, 4),
        before: pair(0, 3),
        after: pair(0, 3),
        dilation: pair(1, 3),
        ..Window::square(1)
    }
}

/// The places of the first and the last tap of a window at `spot`, counted from the padding's start.
fn taps(window: &Window, axis: usize, spot: usize) -> [usize; 2] {
    let start = window.stride[axis] * spot;
    [start, start + window.dilation[axis] * (window.kernel[axis] - 1)]
}

/// How many spots have the whole window inside an image with its padding.
fn spots_that_fit(window: &Window, axis: usize, image: usize) -> usize {
    let padded = window.before[axis] + image + window.after[axis];
    (0..padded).take_while(|&spot| taps(window, axis, spot)[1] < padded).count()
}

/// The places that the windows of `map` spots reach, less the padding; 0 or less where none stay.
fn image_under(window: &Window, axis: usize, map: usize) -> i64 {
    let reached = taps(window, axis, map - 1)[1] + 1;
    reached as i64 - (window.before[axis] + window.after[axis]) as i64
}

#[test]
fn a_map_has_a_spot_wherever_the_window_fits() {
    let rng = &mut rng(1);
    for _ in 0..3000 {
        let (window, image) = (random_window(rng), [draw(rng, 1, 9), draw(rng, 1, 9)]);
        let want = [0, 1].map(|axis| spots_that_fit(&window, axis, image[axis]));
        match window.over(image) {
            Ok(geometry) => {
                assert_eq!((geometry.image(), geometry.map()), (image, want), "{window:?}");
            }
            Err(error) => assert!(want.contains(&0), "{window:?} over {image:?}: {error}"),
        }
    }
}

#[test]
fn a_transposed_image_is_what_the_windows_reach_and_output_padding_is_exactly_legal() {
    let rng = &mut rng(2);
    for _ in 0..2000 {
        let (window, map) = (random_window(rng), [draw(rng, 1, 5), draw(rng, 1, 5)]);
        let padding = [draw(rng, 0, 4), draw(rng, 0, 4)];
        let image = [0, 1].map(|i| image_under(&window, i, map[i]) + padding[i] as i64);
        let padding_fits =
            (0..2).all(|i| padding[i] < window.stride[i] || padding[i] < window.dilation[i]);
        let legal = padding_fits && image.iter().all(|&size| size > 0);
        match window.output_padding(padding).under(map) {
            Ok(geometry) => {
                assert!(legal, "{window:?} under {map:?} + {padding:?}");
                assert_eq!(geometry.map(), map);
                assert_eq!(geometry.image().map(|size| size as i64), image, "{window:?}");
            }
            Err(error) => assert!(!legal, "{window:?} under {map:?} + {padding:?}: {error}"),
        }
    }
}

#[test]
fn an_output_size_is_legal_exactly_where_an_output_padding_leads_to_it() {
    let rng = &mut rng(3);
    for _ in 0..300 {
        let (window, map) = (random_window(rng), [draw(rng, 1, 4), draw(rng, 1, 4)]);
        for height in 0..16 {
            for width in 0..16 {
                let paddings = (0..25).map(|i| [i / 5, i % 5]);
                let want = paddings
                    .filter_map(|padding| window.output_padding(padding).under(map).ok())
                    .find(|geometry| geometry.image() == [height, width]);
                let got = window.under_to(map, [height, width]);
                assert_eq!(got.ok(), want, "{window:?} under {map:?} to {height}x{width}");
            }
        }
    }
}

#[test]
fn a_refused_output_size_names_the_legal_range() {
    let rng = &mut rng(4);
    for _ in 0..500 {
        let (window, map) = (random_window(rng), [draw(rng, 1, 4); 2]);
        let legal: Vec<usize> = (1..40)
            .filter(|&height| (1..40).any(|width| window.under_to(map, [height, width]).is_ok()))
            .collect();
        if let Err(GeometryError::Illegal { first, last, .. }) = window.under_to(map, [99, 99])
            && !legal.is_empty()
        {
            assert_eq!([first, last], [legal[0], legal[legal.len() - 1]], "{window:?} {map:?}");
        }
    }
}

#[test]
fn a_transposed_convolution_can_always_return_to_the_image_a_convolution_saw() {
    let rng = &mut rng(5);
    for _ in 0..2000 {
        let (window, image) = (random_window(rng), [draw(rng, 1, 12), draw(rng, 1, 12)]);
        if let Ok(geometry) = window.over(image) {
            assert_eq!(window.under_to(geometry.map(), image), Ok(geometry), "{window:?}");
        }
    }
}

#[test]
fn an_output_padding_below_the_stride_is_undone_by_a_convolution() {
    let rng = &mut rng(6);
    for _ in 0..2000 {
        let (window, map) = (random_window(rng), [draw(rng, 1, 5), draw(rng, 1, 5)]);
        let padding = window.stride.map(|stride| draw(rng, 0, stride - 1));
        if let Ok(geometry) = window.output_padding(padding).under(map) {
            assert_eq!(window.over(geometry.image()), Ok(geometry), "{window:?} {map:?}");
        }
    }
}

#[test]
fn a_pool_is_legal_exactly_where_every_window_meets_the_image() {
    let rng = &mut rng(7);
    for _ in 0..3000 {
        let (window, image) = (random_window(rng), [draw(rng, 1, 6), draw(rng, 1, 6)]);
        let meets = |axis: usize| {
            let padding = window.before[axis].max(window.after[axis]);
            padding <= window.dilation[axis] * (window.kernel[axis] - 1)
                && (0..spots_that_fit(&window, axis, image[axis])).all(|spot| {
                    (0..window.kernel[axis]).any(|tap| {
                        let place = taps(&window, axis, spot)[0] + window.dilation[axis] * tap;
                        (window.before[axis]..window.before[axis] + image[axis]).contains(&place)
                    })
                })
        };
        match (window.over(image), window.pool_over(image)) {
            (Ok(over), Ok(pool)) => assert!(over == pool && meets(0) && meets(1), "{window:?}"),
            (Ok(_), Err(error)) => {
                assert!(!meets(0) || !meets(1), "{window:?} over {image:?}: {error}");
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
        let (window, image) = (random_window(rng), [draw(rng, 1, 7), draw(rng, 1, 7)]);
        let padded_at_all = [window.before, window.after].concat().iter().any(|&p| p > 0);
        for rest in [Rest::Spot, Rest::Caffe] {
            let want = [0, 1].map(|i| {
                let [image, before, after, stride, dilation, kernel] = [
                    image[i],
                    window.before[i],
                    window.after[i],
                    window.stride[i],
                    window.dilation[i],
                    window.kernel[i],
                ]
                .map(|n| n as i64);
                let left = image + before + after - dilation * (kernel - 1) - 1;
                let spots = (left + stride - 1).div_euclid(stride) + 1;
                let clipped = rest == Rest::Spot || padded_at_all;
                spots - i64::from(clipped && (spots - 1) * stride >= image + before)
            });
            match window.rest(rest).pool_over(image) {
                Ok(pool) => {
                    assert_eq!(pool.map().map(|n| n as i64), want, "{window:?} {rest:?} {image:?}");
                    let floor = window.over(image).map_or([0, 0], |geometry| geometry.map());
                    more += usize::from(pool.map() != floor);
                }
                Err(GeometryError::PoolPadding { .. }) => refused += 1,
                Err(error) => assert!(want.iter().any(|&n| n < 1), "{window:?} {image:?}: {error}"),
            }
        }
    }
    assert!(refused > 100 && more > 100, "{refused} {more}");
}

/// Every axis with sizes up to these.
fn small_axes() -> impl Iterator<Item = Axis> {
    let sizes = [5, 4, 3, 3, 3, 6];
    (0..sizes.iter().product::<usize>()).map(move |mut nth| {
        let [image, map, kernel, stride, dilation, before] = sizes.map(|size| {
            let digit = nth % size;
            nth /= size;
            digit + 1
        });
        Axis { image, map, kernel, stride, dilation, before: before - 1 }
    })
}

#[test]
fn a_pixel_is_where_the_relation_says() {
    for axis in small_axes() {
        for (spot, tap) in (0..axis.map).flat_map(|s| (0..axis.kernel).map(move |t| (s, t))) {
            let place = (axis.stride * spot + axis.dilation * tap) as i64 - axis.before as i64;
            let want = usize::try_from(place).ok().filter(|&pixel| pixel < axis.image);
            assert_eq!(axis.pixel(spot, tap), want, "{axis:?} {spot} {tap}");
        }
    }
}

#[test]
fn spots_inside_and_taps_inside_are_those_with_a_pixel() {
    for axis in small_axes() {
        for tap in 0..axis.kernel {
            let inside = |&spot: &usize| axis.pixel(spot, tap).is_some();
            let want: Vec<usize> = (0..axis.map).filter(inside).collect();
            assert_eq!(axis.spots_inside(tap).collect::<Vec<_>>(), want, "{axis:?} tap {tap}");
        }
        for spot in 0..axis.map {
            let inside = |&tap: &usize| axis.pixel(spot, tap).is_some();
            let want: Vec<usize> = (0..axis.kernel).filter(inside).collect();
            assert_eq!(axis.taps_inside(spot).collect::<Vec<_>>(), want, "{axis:?} spot {spot}");
        }
    }
}

#[test]
fn only_a_window_of_one_tap_on_every_pixel_is_pointwise() {
    let pointwise = |window: Window| window.over([6, 6]).unwrap().is_pointwise();
    assert!(pointwise(Window::square(1)) && pointwise(Window::square(1).dilation(3)));
    assert!(!pointwise(Window::new([1, 2])) && !pointwise(Window::square(1).stride(2)));
    assert!(!pointwise(Window::square(1).padding(1)));
    let fewer = Axis { image: 6, map: 5, kernel: 1, stride: 1, dilation: 1, before: 0 };
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
        Window { before: [huge, 0], after: [huge, 0], ..good },
        Window { kernel: [1 << 13; 2], dilation: [1 << 13; 2], ..good },
    ] {
        let refused = |result: Result<Geometry, GeometryError>| {
            use GeometryError::{Empty, Size};
            let told = matches!(result, Err(Size { .. } | Empty { before: usize::MAX, .. }));
            assert!(told, "{window:?}: {result:?}");
        };
        refused(window.over([9, 9]));
        refused(window.under([9, 9]));
        refused(window.under_to([9, 9], [11, 11]));
        refused(window.pool_over([9, 9]));
    }
    for size in [[0, 3], [3, 0], [huge, 3]] {
        assert!(good.over(size).is_err() && good.under(size).is_err());
        assert!(good.under_to([4, 4], size).is_err());
    }
    assert!(good.stride(1 << 20).under([1 << 20, 2]).is_err());
    let axis = Axis { image: 4, map: 2, kernel: 2, stride: 2, dilation: 1, before: 0 };
    assert!(Geometry::new([axis; 2]).is_ok());
    for bad in [
        Axis { image: 0, ..axis },
        Axis { map: 0, ..axis },
        Axis { kernel: 0, ..axis },
        Axis { stride: 0, ..axis },
        Axis { dilation: 0, ..axis },
        Axis { before: huge, ..axis },
    ] {
        assert!(Geometry::new([axis, bad]).is_err() && Geometry::new([bad, axis]).is_err());
    }
}

#[test]
fn errors_say_what_was_expected_and_what_came() {
    let message = |result: Result<Geometry, GeometryError>| result.unwrap_err().to_string();
    assert_eq!(
        message(Window::square(3).dilation(2).padding(1).over([2, 9])),
        "a window 5 pixels long (kernel 3, dilation 2) does not fit an image of 2 with padding 1 and 1"
    );
    assert_eq!(
        message(Window::square(2).stride(2).output_padding([0, 2]).under([3, 3])),
        "output_padding 2 is not legal: expected 0 to 1, since it must be less than the stride or \
         the dilation"
    );
    assert_eq!(
        message(Window::square(2).stride(2).under_to([3, 3], [6, 8])),
        "output_size 8 is not legal: expected 6 to 7, since the output padding must be less than \
         the stride or the dilation"
    );
    assert_eq!(
        message(Window::square(2).padding(1).under([1, 1])),
        "padding 1 and 1 leaves nothing of a transposed output 2 long"
    );
    assert_eq!(
        message(Window::square(2).padding(2).pool_over([4, 4])),
        "pool padding 2 must be less than the window's extent 2, and every window must meet the \
         image"
    );
    assert_eq!(
        message(Window::square(3).stride(0).over([4, 4])),
        "stride must be between 1 and 16777216, got [0, 0]"
    );
}
