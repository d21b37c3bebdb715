//! The confusion matrix against values worked by hand.

use mirrorgrad_train::{Confusion, MetricError};

/// Truth in rows, predictions in columns; class 3 is on neither side.
///
/// ```text
/// 3 1 0 0
/// 0 2 0 0
/// 2 0 0 0
/// 0 0 0 0
/// ```
fn by_hand() -> Confusion {
    let mut confusion = Confusion::new(4);
    let truth = [0, 0, 0, 0, 1, 1, 2, 2, 9, 9];
    let prediction = [0, 0, 0, 1, 1, 1, 0, 0, 0, 3];
    confusion.add(&truth, &prediction, Some(9)).unwrap();
    confusion
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-15
}

#[test]
fn pixels_are_counted_by_truth_and_prediction() {
    let confusion = by_hand();
    let rows: Vec<[u64; 4]> =
        (0..4).map(|t| std::array::from_fn(|p| confusion.count(t, p))).collect();
    assert_eq!(rows, [[3, 1, 0, 0], [0, 2, 0, 0], [2, 0, 0, 0], [0, 0, 0, 0]]);
    assert_eq!((confusion.total(), confusion.classes()), (8, 4));
}

#[test]
fn measures_are_those_worked_by_hand() {
    let confusion = by_hand();
    assert_eq!(confusion.iou(), [Some(3.0 / 6.0), Some(2.0 / 3.0), Some(0.0), None]);
    assert_eq!(confusion.dice(), [Some(6.0 / 9.0), Some(4.0 / 5.0), Some(0.0), None]);
    assert!(close(confusion.pixel_accuracy(), 5.0 / 8.0));
    assert!(close(confusion.mean_accuracy(), (3.0 / 4.0 + 1.0 + 0.0) / 3.0));
    let (miou, averaged) = confusion.mean_iou();
    assert!(close(miou, (1.0 / 2.0 + 2.0 / 3.0) / 3.0) && averaged == 3);
    let weighted = (4.0 * (1.0 / 2.0) + 2.0 * (2.0 / 3.0) + 2.0 * 0.0) / 8.0;
    assert!(close(confusion.frequency_weighted_iou(), weighted));
}

#[test]
fn a_class_that_is_only_predicted_counts_as_missed() {
    let mut confusion = Confusion::new(3);
    confusion.add(&[0, 0], &[0, 2], None).unwrap();
    assert_eq!(confusion.iou(), [Some(0.5), None, Some(0.0)]);
    assert_eq!(confusion.mean_iou(), (0.25, 2));
    assert!(close(confusion.mean_accuracy(), 0.5));
}

#[test]
fn parts_add_up_to_the_whole() {
    let (truth, prediction) = ([0, 1, 2, 2, 1, 0, 1], [0, 1, 1, 2, 0, 0, 2]);
    let mut whole = Confusion::new(3);
    whole.add(&truth, &prediction, None).unwrap();
    let mut parts = [Confusion::new(3), Confusion::new(3)];
    parts[0].add(&truth[..3], &prediction[..3], None).unwrap();
    parts[1].add(&truth[3..], &prediction[3..], None).unwrap();
    let [mut first, second] = parts;
    first.merge(&second);
    assert_eq!(first, whole);
}

#[test]
fn what_is_no_class_is_an_error_and_nothing_is_counted() {
    let mut confusion = Confusion::new(2);
    let label = MetricError::Label { label: 2, pixel: 1, classes: 2 };
    assert_eq!(confusion.add(&[0, 2], &[0, 0], None), Err(label));
    assert_eq!(confusion.add(&[0, 2], &[0, 0], Some(255)), Err(label));
    let prediction = MetricError::Prediction { label: 7, pixel: 1, classes: 2 };
    assert_eq!(confusion.add(&[0, 2], &[0, 7], Some(2)), Err(prediction));
    let lengths = MetricError::Lengths { truth: 2, prediction: 1 };
    assert_eq!(confusion.add(&[0, 1], &[0], None), Err(lengths));
    assert_eq!(confusion, Confusion::new(2));
}

#[test]
fn of_nothing_all_measures_are_zero() {
    let mut nothing = Confusion::new(2);
    nothing.add(&[255; 3], &[0; 3], Some(255)).unwrap();
    assert_eq!((nothing.iou(), nothing.mean_iou()), (vec![None, None], (0.0, 0)));
    let all = [nothing.pixel_accuracy(), nothing.mean_accuracy(), nothing.frequency_weighted_iou()];
    assert_eq!(all, [0.0; 3]);
}

#[test]
fn a_class_of_its_own_may_be_ignored() {
    let mut confusion = Confusion::new(2);
    confusion.add(&[0, 1, 0], &[0, 0, 1], Some(0)).unwrap();
    assert_eq!((confusion.total(), confusion.count(1, 0)), (1, 1));
}
