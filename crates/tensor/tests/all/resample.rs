//! Interpolation and average pooling against PyTorch's definitions, written pixel by pixel.

use crate::common::{assert_adjoint, assert_close, draw, noise, panic_of, rng};
use mirrorgrad_tensor::{
    AverageCount, Axis, Corners, Geometry, Resample, SparseRows, Tensor, Window,
};
use rand_chacha::ChaCha8Rng;

/// Compares `map` with a definition that makes the pixel at `[row, column]` from a plane, and its
/// adjoint with the inner product.
fn check(
    map: &Resample,
    to: [usize; 2],
    rng: &mut ChaCha8Rng,
    pixel: impl Fn(&dyn Fn(usize, usize) -> f64, [usize; 2]) -> f64,
) {
    let ([height, width], [batch, channels]) = (map.from(), [2, 3]);
    assert_eq!(map.to(), to);
    let x = noise::<f32>(&[batch, channels, height, width], rng).cast::<f64>();
    let want = Tensor::from_fn([batch, channels, to[0], to[1]], |i| {
        let plane = &x.as_slice()[i / (to[0] * to[1]) * height * width..];
        pixel(&|row, column| plane[row * width + column], [i / to[1] % to[0], i % to[1]])
    });
    let case = &(map.from(), to);
    let got = map.apply(&x);
    assert_close(&got, &want, 1e-14, case);
    assert_close(&map.apply(&x.cast::<f32>()), &want, 1e-6, case);
    let y = noise::<f64>(got.shape(), rng);
    assert_adjoint([&x, &got], [&y, &map.adjoint().apply(&y)], case);
    assert_eq!(map.adjoint().adjoint().apply(&x), got);
}

fn sizes(rng: &mut ChaCha8Rng) -> [[usize; 2]; 2] {
    [(); 2].map(|()| [draw(rng, 1, 9), draw(rng, 1, 9)])
}

#[test]
fn bilinear_interpolation_weighs_four_neighbours() {
    let rng = &mut rng(1);
    for nth in 0..400 {
        let [from, to] = sizes(rng);
        let corners = [Corners::Aligned, Corners::HalfPixel][nth % 2];
        let source = |axis: usize, x: usize| match corners {
            Corners::Aligned => x as f64 * (from[axis] - 1) as f64 / (to[axis].max(2) - 1) as f64,
            Corners::HalfPixel => {
                ((x as f64 + 0.5) * from[axis] as f64 / to[axis] as f64 - 0.5).max(0.0)
            }
        };
        // The weight of a pixel falls linearly with its distance; beyond the last one, it takes all.
        let weight = |axis: usize, x: usize, pixel: usize| {
            let place = source(axis, x).min((from[axis] - 1) as f64);
            (1.0 - (place - pixel as f64).abs()).max(0.0)
        };
        check(&Resample::bilinear(from, to, corners), to, rng, |plane, [y, x]| {
            let mut sum = 0.0;
            for row in 0..from[0] {
                for column in 0..from[1] {
                    sum += weight(0, y, row) * weight(1, x, column) * plane(row, column);
                }
            }
            sum
        });
    }
}

#[test]
fn interpolation_to_the_same_size_changes_nothing_and_corners_stay_with_align_corners() {
    let x = noise::<f64>(&[2, 1, 5, 7], &mut rng(2));
    for corners in [Corners::HalfPixel, Corners::Aligned] {
        assert_eq!(Resample::bilinear([5, 7], [5, 7], corners).apply(&x), x);
    }
    assert_eq!(Resample::nearest([5, 7], [5, 7]).apply(&x), x);
    let y = Resample::bilinear([5, 7], [11, 4], Corners::Aligned).apply(&x);
    for (from, to) in [([0, 0], [0, 0]), ([4, 0], [10, 0]), ([0, 6], [0, 3]), ([4, 6], [10, 3])] {
        let (got, want) = (y.at(&[1, 0, to[0], to[1]]), x.at(&[1, 0, from[0], from[1]]));
        assert!((got - want).abs() < 1e-14);
    }
}

#[test]
fn nearest_interpolation_reads_the_pixel_whose_stretch_holds_the_spot() {
    let rng = &mut rng(3);
    for _ in 0..200 {
        let [from, to] = sizes(rng);
        // Spot x begins at x / to of the way: the last pixel that begins no later is read.
        let source = |axis: usize, x: usize| {
            (0..from[axis]).rfind(|pixel| pixel * to[axis] <= x * from[axis]).unwrap()
        };
        let map = Resample::nearest(from, to);
        check(&map, to, rng, |plane, [y, x]| plane(source(0, y), source(1, x)));
    }
}

/// The mean under the window of pool `geometry` with `after` padding behind the image.
fn mean_under(
    axes: [Axis; 2],
    after: [usize; 2],
    count_padding: bool,
    plane: &dyn Fn(usize, usize) -> f64,
    position: [usize; 2],
) -> f64 {
    let (mut sum, mut count) = (0.0, 0);
    for (tap_y, tap_x) in (0..axes[0].kernel).flat_map(|y| (0..axes[1].kernel).map(move |x| (y, x)))
    {
        let taps = [tap_y, tap_x];
        let [row, column] = [0, 1].map(|i| {
            let place = axes[i].stride * position[i] + axes[i].dilation * taps[i];
            place as i64 - axes[i].pad_before as i64
        });
        let inside = |i: usize, at: i64, more: usize| at < (axes[i].input + more) as i64;
        if row >= 0 && column >= 0 && inside(0, row, 0) && inside(1, column, 0) {
            sum += plane(row as usize, column as usize);
            count += 1;
        } else if count_padding && inside(0, row, after[0]) && inside(1, column, after[1]) {
            count += 1;
        }
    }
    sum / f64::from(count)
}

#[test]
fn average_pooling_divides_by_pixels_or_by_cells() {
    let rng = &mut rng(4);
    let mut cases = 0;
    while cases < 300 {
        let mut pair = |low, high| [draw(rng, low, high), draw(rng, low, high)];
        let window = Window {
            kernel: pair(1, 4),
            stride: pair(1, 3),
            pad_before: pair(0, 2),
            pad_after: pair(0, 2),
            dilation: pair(1, 2),
            ..Window::square(1)
        };
        let Ok(geometry) = window.pool(pair(1, 8)) else { continue };
        cases += 1;
        let pad_after = window.pad_after;
        for count_padding in [false, true] {
            let count = match count_padding {
                true => AverageCount::IncludePadding { pad_after },
                false => AverageCount::ExcludePadding,
            };
            let map = Resample::average_pool(&geometry, count);
            check(&map, geometry.output(), rng, |plane, position| {
                mean_under(geometry.axes(), pad_after, count_padding, plane, position)
            });
        }
    }
}

/// PyTorch's `ceil_mode`: the last window reaches behind the padding, which does not count.
#[test]
fn cells_behind_the_padding_never_count() {
    for dilation in [1, 2] {
        let axis = Axis { input: 5, output: 3, kernel: 3, stride: 2, dilation, pad_before: 0 };
        let geometry = Geometry::new([axis; 2]).unwrap();
        for after in [[0, 0], [1, 1], [2, 1]] {
            let count = AverageCount::IncludePadding { pad_after: after };
            let map = Resample::average_pool(&geometry, count);
            check(&map, [3, 3], &mut rng(5), |plane, position| {
                mean_under([axis; 2], after, true, plane, position)
            });
        }
    }
    let axis = Axis { input: 5, output: 3, kernel: 3, stride: 2, dilation: 1, pad_before: 0 };
    let count = AverageCount::IncludePadding { pad_after: [0, 1] };
    let map = Resample::average_pool(&Geometry::new([axis; 2]).unwrap(), count);
    let corner = map.apply(&Tensor::<f64>::ones([1, 1, 5, 5])).at(&[0, 0, 2, 2]);
    assert_eq!(corner, 1.0 / 2.0, "one row of the input, and a column of it and one of padding");
}

#[test]
fn adaptive_average_pooling_covers_the_image_in_even_stretches() {
    let rng = &mut rng(6);
    for _ in 0..200 {
        let [from, to] = sizes(rng);
        let stretch = |axis: usize, i: usize| {
            let (n, parts) = (from[axis] as f64, to[axis] as f64);
            (i as f64 * n / parts).floor() as usize..((i + 1) as f64 * n / parts).ceil() as usize
        };
        check(&Resample::adaptive_average_pool(from, to), to, rng, |plane, [y, x]| {
            let (rows, columns) = (stretch(0, y), stretch(1, x));
            let cells = (rows.len() * columns.len()) as f64;
            rows.map(|row| columns.clone().map(|c| plane(row, c)).sum::<f64>()).sum::<f64>() / cells
        });
    }
}

#[test]
fn a_transposed_matrix_has_its_entries_mirrored() {
    let rng = &mut rng(7);
    let rows = SparseRows::adaptive_average(draw(rng, 5, 9), 4);
    let transposed = rows.transposed();
    assert_eq!([transposed.rows(), transposed.columns()], [rows.columns(), rows.rows()]);
    for row in 0..rows.rows() {
        for &(column, weight) in rows.row(row) {
            assert!(transposed.row(column).contains(&(row, weight)));
        }
    }
    assert_eq!(transposed.transposed(), rows);
}

#[test]
fn misuse_panics_with_what_was_expected() {
    let outside = panic_of(|| SparseRows::new([1, 2], |_| vec![(2, 1.0)]));
    assert!(outside.contains("an entry lies outside"), "{outside}");
    let map = Resample::nearest([2, 3], [4, 4]);
    let other = panic_of(|| map.apply(&Tensor::<f64>::ones([1, 1, 3, 3])));
    assert!(other.contains("resample: the planes have another size"), "{other}");
}
