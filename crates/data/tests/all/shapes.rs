//! The procedural data set.

use mirrorgrad_data::{Dataset, Sample, Shapes};

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
