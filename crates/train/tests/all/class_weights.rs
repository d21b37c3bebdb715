//! What class weights are counted to be.

use mirrorgrad_data::{Histogram, Mask};
use mirrorgrad_train::class_weights;

#[test]
fn weights_are_the_median_frequency_over_each() {
    // Three masks of 10 pixels: class 0 in all, 1 in two, 2 in one, 3 in none.
    let mut histogram = Histogram::new(4);
    for counts in [[6, 4, 0], [8, 2, 0], [5, 0, 5]] {
        let labels = (0..3).flat_map(|label| vec![label; counts[usize::from(label)]]).collect();
        histogram.add(&Mask { width: 10, height: 1, labels }, None);
    }
    let frequencies = [19.0 / 30.0, 6.0 / 20.0, 5.0 / 10.0];
    let expected = [0.5 / frequencies[0], 0.5 / frequencies[1], 1.0, 1.0];
    for (weight, expected) in class_weights(&histogram).into_iter().zip(expected) {
        assert!((weight - expected).abs() < 1e-12, "{weight} {expected}");
    }
    assert_eq!(class_weights(&Histogram::new(3)), [1.0; 3]);
    // Classes alike in everything are weighed alike.
    let mut alike = Histogram::new(2);
    alike.add(&Mask { width: 2, height: 1, labels: vec![0, 1] }, None);
    assert_eq!(class_weights(&alike), [1.0; 2]);
}
