//! The procedural data set.

use mirrorgrad_segment::{Confusion, Dataset, Sample, Shapes};

const CLASSES: usize = 5;

fn samples(seed: u64, count: usize) -> Vec<Sample> {
    let shapes = Shapes::new(seed, count);
    (0..count).map(|index| shapes.sample(index).unwrap()).collect()
}

#[test]
fn a_sample_depends_on_seed_and_number_alone() {
    let (few, many) = (Shapes::new(7, 3), Shapes::new(7, 1000));
    let later = many.sample(2).unwrap();
    assert_eq!(later, few.sample(2).unwrap());
    assert_ne!(later.picture, few.sample(1).unwrap().picture);
    assert_ne!(later.picture, Shapes::new(8, 3).sample(2).unwrap().picture);
}

#[test]
fn the_bits_of_a_picture_are_for_ever() {
    // FNV-1a, of the first picture of the default seed and its mask.
    let hash = |bytes: &[u8]| {
        let mix = |hash: u64, &byte: &u8| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
        bytes.iter().fold(0xcbf2_9ce4_8422_2325, mix)
    };
    let first = &samples(0, 1)[0];
    assert_eq!(hash(&first.picture.rgb), 0x7c24_7385_4bc3_30fb);
    assert_eq!(hash(&first.mask.labels), 0x11f5_458d_99bf_83e4);
}

#[test]
fn training_and_validation_differ() {
    let (train, validation) = (Shapes::train(3), Shapes::validation(3));
    assert_eq!((train.len(), validation.len()), (2000, 500));
    assert_eq!(train.classes(), ["background", "disc", "square", "triangle", "ring"]);
    assert_ne!(train.sample(0).unwrap().mask, validation.sample(0).unwrap().mask);
}

#[test]
fn figures_of_all_classes_cover_a_fifth() {
    let mut counts = [0_u32; CLASSES];
    for sample in samples(1, 1000) {
        assert_eq!((sample.picture.size(), sample.mask.size()), ([64, 64], [64, 64]));
        for label in sample.mask.labels {
            counts[usize::from(label)] += 1;
        }
    }
    let share = |count: u32| f64::from(count) / (1000.0 * 64.0 * 64.0);
    assert!((0.15..0.25).contains(&(1.0 - share(counts[0]))), "{counts:?}");
    assert!(counts.iter().all(|&count| share(count) > 0.02), "{counts:?}");
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
