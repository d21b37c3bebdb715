//! What the built-in shapes can be told by.

use mirrorgrad_data::{Dataset, Sample, Shapes};
use mirrorgrad_train::Confusion;

const CLASSES: usize = 5;

fn samples(seed: u64, count: usize) -> Vec<Sample> {
    let shapes = Shapes::new(seed, count);
    (0..count).map(|index| shapes.sample(index).unwrap()).collect()
}

#[test]
fn no_class_is_known_by_its_colour() {
    // Of each of 16³ colours, every class gets its share of pixels; a class is predicted where
    // that is largest, and a second judge weighs rare classes up.
    let bin = |rgb: &[u8]| rgb.iter().fold(0, |bin, &value| bin * 16 + usize::from(value / 16));
    let mut counts = vec![[0.0; CLASSES]; 16 * 16 * 16];
    let mut totals = [0.0; CLASSES];
    for sample in samples(2, 300) {
        for (rgb, &label) in sample.picture.rgb.chunks_exact(3).zip(&sample.mask.labels) {
            counts[bin(rgb)][usize::from(label)] += 1.0;
            totals[usize::from(label)] += 1.0;
        }
    }
    let best = |weights: [f64; CLASSES]| -> Vec<u8> {
        let judge = |count: &[f64; CLASSES]| {
            let score = |class: usize| count[class] * weights[class];
            (0..CLASSES).max_by(|&a, &b| score(a).total_cmp(&score(b))).unwrap() as u8
        };
        counts.iter().map(judge).collect()
    };
    for judge in [best([1.0; CLASSES]), best(totals.map(|total| 1.0 / total))] {
        let mut confusion = Confusion::new(CLASSES);
        for sample in samples(3, 200) {
            let pixels = sample.picture.rgb.chunks_exact(3);
            let predicted: Vec<u8> = pixels.map(|rgb| judge[bin(rgb)]).collect();
            confusion.add(&sample.mask.labels, &predicted, None).unwrap();
        }
        let (miou, averaged) = confusion.mean_iou();
        assert!(miou < 0.25 && averaged == CLASSES, "{miou} over {averaged}");
    }
}
