//! Elementwise functions, reductions, layouts and products against their definitions.

use crate::common::{
    assert_adjoint, assert_close, by_index, draw, indices, noise, panic_of, pick, rng, shuffled,
};
use mirrorgrad_tensor::{Element, Indices, Tensor, broadcast_shape, concat};
use rand_chacha::ChaCha8Rng;

fn random_shape(rng: &mut ChaCha8Rng, most_axes: usize) -> Vec<usize> {
    let rank = draw(rng, 0, most_axes);
    (0..rank).map(|_| [1, 2, 3, 4, 5, 1, 2, 3, 4, 0][draw(rng, 0, 9)]).collect()
}

/// A shape that broadcasts to `shape`: without some leading axes, and with some others of size 1.
fn narrowed(shape: &[usize], rng: &mut ChaCha8Rng) -> Vec<usize> {
    let dropped = draw(rng, 0, shape.len()).min(draw(rng, 0, shape.len()));
    shape[dropped..].iter().map(|&n| if draw(rng, 0, 2) == 0 { 1 } else { n }).collect()
}

/// The index at which broadcasting reads a tensor of shape `own` for `index` of the whole.
fn read_at(index: &[usize], own: &[usize]) -> Vec<usize> {
    let tail = &index[index.len() - own.len()..];
    tail.iter().zip(own).map(|(&i, &n)| if n == 1 { 0 } else { i }).collect()
}

/// A function of two numbers that tells them apart.
fn mix<T: Element>(a: T, b: T) -> T {
    a * T::of(3.0) - b * b
}

#[test]
fn shapes_broadcast_where_sizes_agree_or_one_of_them_is_1() {
    let rng = &mut rng(1);
    for _ in 0..2000 {
        let (a, b) = (random_shape(rng, 4), random_shape(rng, 4));
        let rank = a.len().max(b.len());
        let full = |shape: &[usize]| [&vec![1; rank - shape.len()], shape].concat();
        let pairs: Vec<_> = full(&a).into_iter().zip(full(&b)).collect();
        let fits = pairs.iter().all(|&(m, n)| m == n || m == 1 || n == 1);
        let want = pairs.iter().map(|&(m, n)| if m == 1 { n } else { m }).collect();
        assert_eq!(broadcast_shape(&a, &b), fits.then_some(want), "{a:?} {b:?}");
    }
}

#[test]
fn zip_brings_together_what_broadcasting_says() {
    let rng = &mut rng(2);
    for _ in 0..2000 {
        let whole = random_shape(rng, 4);
        let (a, b) = (narrowed(&whole, rng), narrowed(&whole, rng));
        let shape = broadcast_shape(&a, &b).unwrap();
        let (x, y) = (noise::<f64>(&a, rng), noise::<f64>(&b, rng));
        let want = by_index(&shape, |i| mix(pick(&x, &read_at(i, &a)), pick(&y, &read_at(i, &b))));
        assert_eq!(x.zip(&y, mix), want, "{a:?} {b:?}");
    }
}

/// Larger than what one thread handles at a time, with every pattern of repeated axes.
#[test]
fn large_tensors_are_zipped_broadcast_and_summed_like_small_ones() {
    let rng = &mut rng(3);
    let whole = [3, 70, 101];
    let x = noise::<f64>(&whole, rng);
    for own in [
        &[3, 70, 101][..],
        &[3, 70, 1],
        &[3, 1, 101],
        &[3, 1, 1],
        &[1, 70, 101],
        &[70, 1],
        &[101],
        &[1],
        &[],
    ] {
        let y = noise::<f64>(own, rng);
        let repeated = by_index(&whole, |i| pick(&y, &read_at(i, own)));
        assert_eq!(y.broadcast_to(whole), repeated, "{own:?}");
        let both = [x.zip(&y, mix), y.zip(&x, |b, a| mix(a, b))];
        let want = by_index(&whole, |i| mix(pick(&x, i), pick(&repeated, i)));
        assert!(both[0] == want && both[1] == want, "{own:?}");
        assert_adjoint([&y, &y.broadcast_to(whole)], [&x, &x.sum_to(own)], &own);
    }
    let thrice = x.zip3(&x, &x, |a, b, c| mix(a, b) + c);
    assert_eq!(thrice, by_index(&whole, |i| mix(pick(&x, i), pick(&x, i)) + pick(&x, i)));
    assert_eq!(x.map(f64::exp), by_index(&whole, |i| pick(&x, i).exp()));
}

#[test]
fn broadcast_to_and_sum_to_are_their_definitions_and_adjoint() {
    let rng = &mut rng(4);
    for _ in 0..1000 {
        let shape = random_shape(rng, 4);
        let own = narrowed(&shape, rng);
        let (x, y) = (noise::<f64>(&own, rng), noise::<f64>(&shape, rng));
        let repeated = x.broadcast_to(&shape);
        assert_eq!(repeated, by_index(&shape, |i| pick(&x, &read_at(i, &own))), "{own:?}");
        let added = by_index(&own, |at| {
            let read = indices(&shape).into_iter().filter(|i| read_at(i, &own) == *at);
            read.map(|i| pick(&y, &i)).sum()
        });
        assert_close(&y.sum_to(&own), &added, 1e-14, &(&shape, &own));
        assert_adjoint([&x, &repeated], [&y, &y.sum_to(&own)], &(&shape, &own));
    }
}

#[test]
fn sums_over_axes_add_what_shares_the_other_indices() {
    let rng = &mut rng(5);
    for nth in 0..1000 {
        let large = nth % 100 == 0;
        let shape = if large { vec![40, 3, 150] } else { random_shape(rng, 5) };
        let axes = shuffled(shape.len(), rng);
        let axes = &axes[..draw(rng, 0, axes.len())];
        let x = noise::<f64>(&shape, rng);
        let mut kept = shape.clone();
        axes.iter().for_each(|&axis| kept[axis] = 1);
        let mut sums = vec![0.0; kept.iter().product()];
        for (nth, index) in indices(&shape).iter().enumerate() {
            let at = read_at(index, &kept).iter().zip(&kept).fold(0, |at, (i, n)| at * n + i);
            sums[at] += x.as_slice()[nth];
        }
        let want = Tensor::new(&kept, sums);
        assert_close(&x.sum_axes_keep(axes), &want, 1e-13, &(&shape, axes));
        let gone: Vec<usize> =
            (0..shape.len()).filter(|axis| !axes.contains(axis)).map(|a| shape[a]).collect();
        assert_close(&x.sum_axes(axes), &want.reshape(gone), 1e-13, &(&shape, axes));
    }
}

#[test]
fn sums_of_all_elements_stay_accurate_in_single_precision() {
    let rng = &mut rng(6);
    for len in [0, 1, 7, 8, 9, 1000, 16_384, 16_385, 300_001] {
        let x = noise::<f32>(&[len], rng).map(|v| v + 1.0);
        let want: f64 = x.as_slice().iter().map(|&v| f64::from(v)).sum();
        assert!((f64::from(x.sum()) - want).abs() <= 1e-6 * want, "{len}");
        let squares: f64 = x.as_slice().iter().map(|&v| f64::from(v) * f64::from(v)).sum();
        assert!((f64::from(x.dot(&x)) - squares).abs() <= 1e-6 * squares, "{len}");
        if len > 0 {
            assert!((f64::from(x.mean()) - want / len as f64).abs() <= 2e-6, "{len}");
        } else {
            assert!(x.mean().is_nan());
        }
    }
}

#[test]
fn the_largest_of_an_axis_is_the_first_of_equals_and_nan_above_all() {
    let rng = &mut rng(7);
    for _ in 0..500 {
        let (rows, n) = (draw(rng, 0, 4), draw(rng, 1, 6));
        let values = [f64::NEG_INFINITY, -1.0, 0.0, 1.0, f64::INFINITY, f64::NAN];
        let x = Tensor::from_fn([rows, n], |_| values[draw(rng, 0, 5)]);
        let (largest, places) = x.max_last();
        assert_eq!((largest.shape(), places.shape()), (&[rows][..], &[rows][..]));
        for row in 0..rows {
            let line = &x.as_slice()[row * n..][..n];
            let above = |a: f64, b: f64| if b.is_nan() { false } else { a.is_nan() || a > b };
            let first = (0..n)
                .find(|&i| line.iter().all(|&v| !above(v, line[i])))
                .expect("one is the largest");
            assert_eq!(places.as_slice()[row], row * n + first, "{line:?}");
            assert_eq!(largest.as_slice()[row].to_bits(), line[first].to_bits(), "{line:?}");
        }
    }
}

#[test]
fn permute_moves_axes_and_its_inverse_is_its_adjoint() {
    let rng = &mut rng(8);
    for _ in 0..500 {
        let shape = random_shape(rng, 5);
        let axes = shuffled(shape.len(), rng);
        let x = noise::<f64>(&shape, rng);
        let moved: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
        let want = by_index(&moved, |i| {
            let mut from = vec![0; shape.len()];
            axes.iter().zip(i).for_each(|(&axis, &i)| from[axis] = i);
            pick(&x, &from)
        });
        let got = x.permute(&axes);
        assert_eq!(got, want, "{shape:?} {axes:?}");
        let inverse: Vec<usize> =
            (0..axes.len()).map(|axis| axes.iter().position(|&a| a == axis).unwrap()).collect();
        assert_eq!(got.permute(&inverse), x);
    }
    let x = noise::<f64>(&[2, 3, 4], rng);
    assert_eq!(x.transpose(), by_index(&[2, 4, 3], |i| pick(&x, &[i[0], i[2], i[1]])));
}

#[test]
fn slice_takes_a_block_and_pad_puts_it_back_into_zeros() {
    let rng = &mut rng(9);
    for _ in 0..500 {
        let shape = random_shape(rng, 4);
        let ranges: Vec<_> = shape
            .iter()
            .map(|&n| {
                let ends = [draw(rng, 0, n), draw(rng, 0, n)];
                ends[0].min(ends[1])..ends[0].max(ends[1])
            })
            .collect();
        let x = noise::<f64>(&shape, rng);
        let block: Vec<usize> = ranges.iter().map(|range| range.len()).collect();
        let shift =
            |i: &[usize]| i.iter().zip(&ranges).map(|(i, r)| i + r.start).collect::<Vec<_>>();
        let got = x.slice(&ranges);
        assert_eq!(got, by_index(&block, |i| pick(&x, &shift(i))), "{shape:?} {ranges:?}");

        let sides: Vec<_> = ranges.iter().zip(&shape).map(|(r, n)| [r.start, n - r.end]).collect();
        let y = noise::<f64>(&block, rng);
        let padded = y.pad(&sides);
        let want = by_index(&shape, |i| match i.iter().zip(&ranges).all(|(i, r)| r.contains(i)) {
            true => pick(&y, &i.iter().zip(&ranges).map(|(i, r)| i - r.start).collect::<Vec<_>>()),
            false => 0.0,
        });
        assert_eq!(padded, want, "{shape:?} {sides:?}");
        assert_adjoint([&x, &got], [&y, &padded], &(&shape, &ranges));
    }
}

#[test]
fn concat_joins_parts_that_slices_take_apart() {
    let rng = &mut rng(10);
    for _ in 0..500 {
        let mut shape = random_shape(rng, 3);
        shape.push(2);
        let axis = draw(rng, 0, shape.len() - 1);
        let sizes: Vec<usize> = (0..draw(rng, 1, 4)).map(|_| draw(rng, 0, 3)).collect();
        let parts: Vec<Tensor<f64>> = sizes
            .iter()
            .map(|&size| {
                let mut own = shape.clone();
                own[axis] = size;
                noise(&own, rng)
            })
            .collect();
        shape[axis] = sizes.iter().sum();
        let want = by_index(&shape, |i| {
            let (mut at, mut part) = (i.clone(), 0);
            while at[axis] >= sizes[part] {
                at[axis] -= sizes[part];
                part += 1;
            }
            pick(&parts[part], &at)
        });
        assert_eq!(concat(&parts.iter().collect::<Vec<_>>(), axis), want, "{sizes:?} on {axis}");
    }
}

#[test]
fn matmul_is_rows_times_columns_over_broadcast_stacks() {
    let rng = &mut rng(11);
    for _ in 0..400 {
        let stack = random_shape(rng, 2);
        let [m, k, n] = [draw(rng, 0, 6), draw(rng, 0, 6), draw(rng, 0, 6)];
        let (left, right) = (narrowed(&stack, rng), narrowed(&stack, rng));
        check_matmul(&[&left[..], &[m, k]].concat(), &[&right[..], &[k, n]].concat(), rng);
    }
    check_matmul(&[300, 70], &[70, 40], rng);
    check_matmul(&[2, 129, 33], &[33, 17], rng);
    check_matmul(&[33, 17], &[3, 17, 150], rng);
}

fn check_matmul(left: &[usize], right: &[usize], rng: &mut ChaCha8Rng) {
    let (a, b) = (noise::<f32>(left, rng), noise::<f32>(right, rng));
    let ([ls @ .., m, k], [rs @ .., _, n]) = (left, right) else { unreachable!() };
    let shape = [&broadcast_shape(ls, rs).unwrap()[..], &[*m, *n]].concat();
    let (wide_a, wide_b) = (a.cast::<f64>(), b.cast::<f64>());
    let want = by_index(&shape, |i| {
        let [stack @ .., row, column] = &i[..] else { unreachable!() };
        let term = |inner: usize| {
            let x = pick(&wide_a, &[&read_at(stack, ls)[..], &[*row, inner]].concat());
            x * pick(&wide_b, &[&read_at(stack, rs)[..], &[inner, *column]].concat())
        };
        (0..*k).map(term).sum()
    });
    assert_close(&wide_a.matmul(&wide_b), &want, 1e-13, &(left, right));
    assert_close(&a.matmul(&b), &want, 1e-5, &(left, right));
}

#[test]
fn gather_reads_along_an_axis_and_scatter_adds_there() {
    let rng = &mut rng(12);
    for _ in 0..500 {
        let mut from: Vec<usize> = (0..draw(rng, 1, 4)).map(|_| draw(rng, 1, 4)).collect();
        let axis = draw(rng, 0, from.len() - 1);
        let mut shape: Vec<usize> = from.iter().map(|&n| draw(rng, 0, n)).collect();
        shape[axis] = draw(rng, 0, 6);
        from[axis] = draw(rng, 1, 4);
        let len = shape.iter().product::<usize>();
        let positions: Vec<usize> = (0..len).map(|_| draw(rng, 0, from[axis] - 1)).collect();
        let chosen = Indices::new(&shape, positions);
        let at = |index: &Vec<usize>| {
            let nth = index.iter().zip(&shape).fold(0, |at, (i, n)| at * n + i);
            let mut index = index.clone();
            index[axis] = chosen.as_slice()[nth];
            index
        };
        let (x, y) = (noise::<f64>(&from, rng), noise::<f64>(&shape, rng));
        let flat = chosen.along(axis, &from);
        let read = x.gather_flat(&flat);
        assert_eq!(read, by_index(&shape, |i| pick(&x, &at(i))), "{from:?} {axis} {chosen:?}");
        let added = y.scatter_flat(&flat, &from);
        let want = by_index(&from, |to| {
            indices(&shape).iter().filter(|i| at(i) == *to).map(|i| pick(&y, i)).sum()
        });
        assert_close(&added, &want, 1e-14, &(&from, axis, &chosen));
        assert_adjoint([&x, &read], [&y, &added], &(&from, axis));
    }
}

#[test]
fn a_tensor_is_its_numbers_in_row_major_order() {
    let x = Tensor::new([2, 3], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
    assert_eq!((x.rank(), x.len(), x.is_empty(), x.dims::<2>()), (2, 6, false, [2, 3]));
    assert_eq!((x.at(&[1, 0]), x.reshape([3, 2]).at(&[1, 1])), (4.0, 4.0));
    assert_eq!(x, Tensor::from([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]));
    assert_eq!(x, Tensor::from(x.view().to_owned()));
    assert_eq!(Tensor::from_view(x.view().reversed_axes()), x.transpose());
    assert_eq!(Tensor::scalar(2.5).item(), 2.5);
    assert_eq!(Tensor::from(2.5).shape(), &[] as &[usize]);
    assert_eq!(x.cast::<f32>().cast::<f64>(), x);
    assert_eq!(Tensor::<f64>::from_le_bytes([2, 3], &x.to_le_bytes()), x);
    assert_eq!(
        Tensor::<f32>::full([2], 0.1).to_le_bytes()[..],
        [205, 204, 204, 61, 205, 204, 204, 61]
    );
    assert_ne!(x, x.reshape([3, 2]));
    assert_ne!(Tensor::scalar(f64::NAN), Tensor::scalar(f64::NAN));
    assert!(Tensor::<f32>::zeros([3, 0]).is_empty());
    assert_eq!(format!("{x:?}"), "Tensor<f64>[2, 3] [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]");
    let many = format!("{:?}", Tensor::<f32>::zeros([100]));
    assert!(many.ends_with("and 92 more"), "{many}");
}

#[test]
fn the_error_function_is_the_integral_of_its_density() {
    // 2/√π ∫₀ˣ exp(−t²) dt by Simpson's rule.
    let integral = |x: f64| {
        let (n, h) = (2000, x / 2000.0);
        let weight = |i: usize| if i == 0 || i == n { 1.0 } else { 2.0 + 2.0 * (i % 2) as f64 };
        let terms = (0..=n).map(|i| weight(i) * (-(i as f64 * h).powi(2)).exp());
        terms.sum::<f64>() * h / 3.0 * std::f64::consts::FRAC_2_SQRT_PI
    };
    for x in [-3.0, -1.0, -0.1, 0.0, 0.3, 0.84, 1.7, 2.5] {
        assert!((Element::erf(x) - integral(x)).abs() < 1e-12, "{x}");
        assert!((f64::from(Element::erf(x as f32)) - integral(x)).abs() < 2e-7, "{x}");
    }
}

/// A claim broken by the caller, and what the message must hold.
type Misuse = (&'static str, fn(&Tensor<f64>));

#[test]
fn misuse_panics_with_what_was_expected() {
    let misuses: [Misuse; 23] = [
        ("tensor: shape [2, 2] does not hold 3 values", |_| drop(Tensor::new([2, 2], [0.0; 3]))),
        ("reshape: [2, 3] does not fit into [4]", |x| drop(x.reshape([4]))),
        ("expected a tensor of 4 axes, got one of shape [2, 3]", |x| _ = x.dims::<4>()),
        ("at: index [2, 0] lies outside shape [2, 3]", |x| _ = x.at(&[2, 0])),
        ("item: expected one element, got shape [2, 3]", |x| _ = x.item()),
        ("shapes [2, 3] and [2] do not broadcast", |x| drop(x.zip(&Tensor::ones([2]), mix))),
        ("zip3: shapes [2, 3]", |x| drop(x.zip3(&x.transpose(), x, |a, _, _| a))),
        ("broadcast_to: [2, 3] does not broadcast to [2, 1]", |x| drop(x.broadcast_to([2, 1]))),
        ("broadcast_to: [2, 3] does not broadcast to [3]", |x| drop(x.broadcast_to([3]))),
        ("sum_to: [2] does not broadcast to [2, 3]", |x| drop(x.sum_to([2]))),
        ("sum_to: [1, 2, 3] does not broadcast to [2, 3]", |x| drop(x.sum_to([1, 2, 3]))),
        ("dot: the shapes differ", |x| _ = x.dot(&Tensor::ones([3]))),
        ("axis 2 does not exist in shape [2, 3]", |x| drop(x.sum_axes(&[2]))),
        ("axis 1 is named twice in [1, 1]", |x| drop(x.sum_axes_keep(&[1, 1]))),
        ("max_last: the axis is empty in shape [2, 0]", |x| _ = x.slice(&[0..2, 1..1]).max_last()),
        ("permute: [0, 0] is not a permutation", |x| drop(x.permute(&[0, 0]))),
        ("transpose: expected at least two axes, got shape [3]", |_| {
            drop(Tensor::<f64>::ones([3]).transpose())
        }),
        ("slice: [0..2, 1..4] does not lie inside shape [2, 3]", |x| drop(x.slice(&[0..2, 1..4]))),
        ("pad: expected one pair of sides per axis", |x| drop(x.pad(&[[1, 1]]))),
        ("concat: shapes differ outside axis 0", |x| drop(concat(&[x, &x.transpose()], 0))),
        ("matmul: [2, 3] and [2, 3] do not multiply", |x| drop(x.matmul(x))),
        ("position 3 lies outside axis 1 of [2, 3]", |x| {
            drop(Indices::new([1, 1], [3]).along(1, x.shape()));
        }),
        ("indices of shape [3, 1] do not fit along axis 1 of [2, 3]", |x| {
            drop(Indices::new([3, 1], [0; 3]).along(1, x.shape()));
        }),
    ];
    for (expected, misuse) in misuses {
        let message = panic_of(|| misuse(&Tensor::ones([2, 3])));
        assert!(message.contains(expected), "expected {expected:?}, got {message:?}");
    }
}
