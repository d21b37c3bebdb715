//! Max pooling and unpooling against their definitions.

use crate::common::{assert_adjoint, draw, noise, panic_of, rng};
use mirrorgrad_tensor::{
    Geometry, PoolIndices, Tensor, Window, max_pool, plane_gather, plane_scatter, plane_scatter_add,
};
use rand_chacha::ChaCha8Rng;

fn random_pool(rng: &mut ChaCha8Rng) -> Geometry {
    loop {
        let mut pair = |low, high| [draw(rng, low, high), draw(rng, low, high)];
        let window = Window {
            kernel: pair(1, 4),
            stride: pair(1, 3),
            pad_before: pair(0, 2),
            pad_after: pair(0, 2),
            dilation: pair(1, 2),
            ..Window::square(1)
        };
        if let Ok(geometry) = window.pool(pair(1, 9)) {
            return geometry;
        }
    }
}

fn input_shape(geometry: &Geometry, [batch, channels]: [usize; 2]) -> [usize; 4] {
    let [height, width] = geometry.input();
    [batch, channels, height, width]
}

/// The pixels under the window at one position of a plane, in row-major order.
fn pixels_under(geometry: &Geometry, position: usize) -> Vec<usize> {
    let ([y, x], [_, width]) = (geometry.axes(), geometry.output());
    let rows = (0..y.kernel).filter_map(|tap| y.pixel(position / width, tap));
    rows.flat_map(|row| {
        let columns = (0..x.kernel).filter_map(move |tap| x.pixel(position % width, tap));
        columns.map(move |column| row * x.input + column)
    })
    .collect()
}

#[test]
fn max_pool_takes_the_first_of_the_largest_and_nan_above_all() {
    let rng = &mut rng(1);
    for _ in 0..500 {
        let geometry = random_pool(rng);
        let shape = input_shape(&geometry, [draw(rng, 0, 2), draw(rng, 1, 3)]);
        // Few values: ties everywhere.
        let values = [f64::NEG_INFINITY, -2.0, -1.0, 0.0, 1.0, 1.0, f64::INFINITY, f64::NAN];
        let x = Tensor::from_fn(shape, |_| values[draw(rng, 0, 7)]);
        let (largest, indices) = max_pool(&geometry, &x);
        let [height, width] = geometry.output();
        assert_eq!(largest.shape(), [shape[0], shape[1], height, width]);
        assert_eq!((indices.shape(), indices.input()), (largest.dims(), geometry.input()));
        for (i, (&got, &place)) in largest.as_slice().iter().zip(indices.as_slice()).enumerate() {
            let plane = &x.as_slice()[i / geometry.positions() * geometry.pixels()..];
            let under = pixels_under(&geometry, i % geometry.positions());
            let above = |a: f64, b: f64| !b.is_nan() && (a.is_nan() || a > b);
            let first = *under
                .iter()
                .find(|&&pixel| under.iter().all(|&other| !above(plane[other], plane[pixel])))
                .expect("one is the largest");
            assert_eq!(place as usize, first, "{geometry:?} at {i}");
            assert_eq!(got.to_bits(), plane[first].to_bits(), "{geometry:?} at {i}");
        }
    }
}

#[test]
fn planes_are_read_and_written_at_their_indices() {
    let rng = &mut rng(2);
    for _ in 0..300 {
        let shape = [draw(rng, 0, 2), draw(rng, 1, 3), draw(rng, 0, 4), draw(rng, 1, 4)];
        let input = [draw(rng, 1, 4), draw(rng, 1, 4)];
        let (positions, area) = (shape[2] * shape[3], input[0] * input[1]);
        let len = shape.iter().product::<usize>();
        let pixels: Vec<u32> = (0..len).map(|_| draw(rng, 0, area - 1) as u32).collect();
        let at = PoolIndices::new(shape, input, &pixels).unwrap();
        let x = noise::<f64>(&at.input_shape(), rng);
        let y = noise::<f64>(&shape, rng);

        let place = |i: usize| i / positions * area + pixels[i] as usize;
        let read = Tensor::from_fn(shape, |i| x.as_slice()[place(i)]);
        assert_eq!(plane_gather(&at, &x), read, "{at:?}");
        let (mut added, mut written) = (vec![0.0; x.len()], vec![0.0; x.len()]);
        for i in 0..len {
            added[place(i)] += y.as_slice()[i];
            written[place(i)] = y.as_slice()[i];
        }
        assert_eq!(plane_scatter_add(&at, &y), Tensor::new(x.shape(), added), "{at:?}");
        assert_eq!(plane_scatter(&at, &y), Tensor::new(x.shape(), written), "{at:?}");
        assert_adjoint([&x, &read], [&y, &plane_scatter_add(&at, &y)], &at);
    }
}

#[test]
fn unpooling_puts_what_a_pool_took_back_to_its_place() {
    let geometry = Window::square(2).stride(2).pool([5, 7]).unwrap();
    let x = noise::<f64>(&input_shape(&geometry, [2, 3]), &mut rng(3));
    let (largest, at) = max_pool(&geometry, &x);
    let back = plane_scatter(&at, &largest);
    assert_eq!(plane_gather(&at, &back), largest);
    let taken = back.as_slice().iter().zip(x.as_slice()).filter(|(b, x)| b == x).count();
    assert_eq!(taken, largest.len());
    assert_eq!(back.as_slice().iter().filter(|&&v| v != 0.0).count(), largest.len());
}

#[test]
fn indices_that_do_not_fit_are_refused() {
    let legal = |shape, input, pixels: &[u32]| PoolIndices::new(shape, input, pixels).is_some();
    assert!(legal([1, 2, 1, 1], [2, 3], &[0, 5]));
    assert!(!legal([1, 2, 1, 1], [2, 3], &[0, 6]), "outside the plane");
    assert!(!legal([1, 2, 1, 1], [2, 3], &[0]), "too few");
    assert!(!legal([1, 2, 1, 1], [2, 3], &[0; 3]), "too many");
    assert!(!legal([1, 1, 1, 1], [0, 3], &[0]), "no plane to point into");
    assert!(!legal([1, 1, 1, 1], [usize::MAX, 3], &[0]), "a plane that overflows");
}

#[test]
fn misuse_panics_with_what_was_expected() {
    let x = &Tensor::<f64>::ones([1, 1, 4, 4]);
    let (_, at) = max_pool(&Window::square(2).pool([4, 4]).unwrap(), x);
    let other = &Tensor::<f64>::ones([1, 1, 4, 5]);
    let geometry = Window::square(2).pool([4, 5]).unwrap();
    let blind = Window::square(1).padding(1).conv([4, 4]).unwrap();
    for (expected, message) in [
        (
            "max_pool: expected an input [batch, channels, 4, 5], as in the geometry",
            panic_of(|| max_pool(&geometry, x)),
        ),
        ("sees only padding", panic_of(|| max_pool(&blind, x))),
        (
            "expected an input of shape [1, 1, 4, 4], as in the indices",
            panic_of(|| plane_gather(&at, other)),
        ),
        ("plane_scatter: expected the indices' shape", panic_of(|| plane_scatter(&at, x))),
        ("plane_scatter_add: expected the indices' shape", panic_of(|| plane_scatter_add(&at, x))),
    ] {
        assert!(message.contains(expected), "expected {expected:?}, got {message:?}");
    }
}
