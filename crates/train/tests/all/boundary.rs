//! The boundary F-score against its definition, pixel by pixel.

use mirrorgrad_data::Mask;
use mirrorgrad_train::{Boundary, MetricError, boundary_f, boundary_tolerance};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const CLASSES: usize = 4;
const IGNORED: u8 = 255;

/// Blocks of labels of several sizes, so that outlines are neither everywhere nor nowhere.
fn blocks(size: [usize; 2], ignored: bool, rng: &mut ChaCha8Rng) -> Mask {
    let [height, width] = size;
    let mut labels = vec![0; height * width];
    for _ in 0..6 {
        let label = match rng.random_range(0..CLASSES as u8 + u8::from(ignored)) {
            label if usize::from(label) == CLASSES => IGNORED,
            // The last class stays on no side.
            label => label.min(CLASSES as u8 - 2),
        };
        let (top, left) = (rng.random_range(0..height), rng.random_range(0..width));
        let (rows, columns) = (rng.random_range(1..=height), rng.random_range(1..=width));
        for y in top..(top + rows).min(height) {
            for x in left..(left + columns).min(width) {
                labels[y * width + x] = label;
            }
        }
    }
    Mask { width, height, labels }
}

/// The words of the definition: `(precision, recall, F)` of one class.
fn by_definition(truth: &Mask, prediction: &Mask, class: u8, tolerance: usize) -> [Option<f64>; 3] {
    let known = |y: usize, x: usize| truth.labels[y * truth.width + x] != IGNORED;
    let outline = |mask: &Mask| {
        let mut outline = Vec::new();
        for y in 0..mask.height {
            for x in 0..mask.width {
                let mut on_it = false;
                for v in 0..mask.height {
                    for u in 0..mask.width {
                        let beside = y.abs_diff(v) + x.abs_diff(u) == 1;
                        let other = mask.labels[v * mask.width + u] != class;
                        on_it |= beside && known(v, u) && other;
                    }
                }
                if on_it && known(y, x) && mask.labels[y * mask.width + x] == class {
                    outline.push([y as f64, x as f64]);
                }
            }
        }
        outline
    };
    let (truth, predicted) = (outline(truth), outline(prediction));
    let share = |from: &[[f64; 2]], to: &[[f64; 2]]| {
        let near = |a: &&[f64; 2]| {
            to.iter().any(|b| (a[0] - b[0]).hypot(a[1] - b[1]) <= tolerance as f64 + 1e-9)
        };
        (!from.is_empty()).then(|| from.iter().filter(near).count() as f64 / from.len() as f64)
    };
    let (precision, recall) = (share(&predicted, &truth), share(&truth, &predicted));
    let f = match (precision, recall) {
        (None, None) => None,
        (Some(p), Some(r)) if p + r > 0.0 => Some(2.0 * p * r / (p + r)),
        _ => Some(0.0),
    };
    [precision, recall, f]
}

#[test]
fn scores_are_those_of_the_definition() {
    let rng = &mut ChaCha8Rng::seed_from_u64(7);
    let mut seen = 0;
    for (case, size) in [[9, 13], [16, 16], [1, 20], [20, 1], [12, 7]].into_iter().enumerate() {
        for tolerance in [0, 1, 2, 3, 5] {
            let truth = blocks(size, case % 2 == 0, rng);
            let prediction = blocks(size, false, rng);
            let boundary =
                boundary_f(&truth, &prediction, CLASSES, Some(IGNORED), tolerance).unwrap();
            for class in 0..CLASSES {
                let got = [boundary.precision(), boundary.recall(), boundary.f()];
                let expected = by_definition(&truth, &prediction, class as u8, tolerance);
                for (got, expected) in got.iter().zip(expected) {
                    assert_eq!(got[class], expected, "{size:?} {tolerance} {class}");
                }
                seen += usize::from(expected[2].is_some_and(|f| f > 0.0 && f < 1.0));
            }
        }
    }
    assert!(seen > 20, "only {seen} scores tell anything");
}

#[test]
fn a_prediction_as_the_truth_is_perfect_and_one_far_off_is_worthless() {
    let column = |at: usize| Mask {
        width: 20,
        height: 4,
        labels: (0..80).map(|i| u8::from(i % 20 >= at)).collect(),
    };
    let score =
        |at, tolerance| boundary_f(&column(10), &column(at), 2, None, tolerance).unwrap().mean_f();
    assert_eq!(score(10, 0), (1.0, 2));
    assert_eq!((score(13, 2), score(13, 3)), ((0.0, 2), (1.0, 2)));
}

#[test]
fn an_outline_on_one_side_alone_scores_nothing_and_on_none_has_no_score() {
    let plain = Mask { width: 3, height: 1, labels: vec![0; 3] };
    let split = Mask { width: 3, height: 1, labels: vec![0, 1, 1] };
    for (truth, prediction) in [(&plain, &split), (&split, &plain)] {
        let boundary = boundary_f(truth, prediction, 3, None, 9).unwrap();
        assert_eq!(boundary.f(), [Some(0.0), Some(0.0), None]);
        assert_eq!(boundary.mean_f(), (0.0, 2));
    }
    assert_eq!(boundary_f(&plain, &plain, 2, None, 1).unwrap().mean_f(), (0.0, 0));
}

#[test]
fn pictures_add_up_in_any_order() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let pairs: Vec<[Mask; 2]> =
        (0..4).map(|_| [blocks([9, 11], true, rng), blocks([9, 11], false, rng)]).collect();
    let one = |[truth, prediction]: &[Mask; 2]| {
        boundary_f(truth, prediction, CLASSES, Some(IGNORED), 1).unwrap()
    };
    let mut whole = Boundary::new(CLASSES);
    for [truth, prediction] in &pairs {
        whole.add(truth, prediction, Some(IGNORED), 1).unwrap();
    }
    let mut backwards = Boundary::new(CLASSES);
    pairs.iter().rev().for_each(|pair| backwards.merge(&one(pair)));
    assert_eq!(whole, backwards);
}

#[test]
fn what_is_no_class_or_of_another_size_is_refused_and_nothing_is_counted() {
    let mask = |labels: &[u8], width| Mask {
        width,
        height: labels.len() / width,
        labels: labels.to_vec(),
    };
    let (fine, wide) = (mask(&[0, 1, 1, 0], 2), mask(&[0, 1, 1, 0], 4));
    let mut boundary = Boundary::new(2);
    assert!(matches!(boundary.add(&fine, &wide, None, 1), Err(MetricError::Lengths { .. })));
    let label = MetricError::Label { label: 9, pixel: 2, classes: 2 };
    assert_eq!(boundary.add(&mask(&[0, 1, 9, 0], 2), &fine, Some(255), 1), Err(label));
    let prediction = MetricError::Prediction { label: 2, pixel: 3, classes: 2 };
    assert_eq!(boundary.add(&fine, &mask(&[0, 0, 0, 2], 2), Some(2), 1), Err(prediction));
    assert_eq!(boundary, Boundary::new(2));
}

#[test]
fn the_tolerance_is_a_small_part_of_the_diagonal_rounded_up() {
    // 0.0075 · √(64² + 64²) = 0.68, 0.0075 · 500 = 3.75, 0.0075 · 800 = 6.
    let of = [[64, 64], [300, 400], [480, 640]].map(boundary_tolerance);
    assert_eq!(of, [1, 4, 6]);
}
