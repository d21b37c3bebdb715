//! From bytes to a network's input, and from its scores to masks, by hand.

use crate::bright;

use mirrorgrad_data::{Mask, Picture, Sample, colours, overlay};
use mirrorgrad_layers::Params;
use mirrorgrad_layers::models::Norm;
use mirrorgrad_layers::weights::state_dict;
use mirrorgrad_tensor::Tensor;
use mirrorgrad_train::batch::{highest_scores, to_tensor, to_tensors};
use mirrorgrad_train::{Config, Predictor};

/// A picture with the given red, and green and blue that say nothing.
fn reds(width: usize, height: usize, red: impl Fn(usize) -> u8) -> Picture {
    let rgb =
        (0..width * height).flat_map(|i| [red(i), (i * 91 % 256) as u8, (i * 37 % 256) as u8]);
    Picture { width, height, rgb: rgb.collect() }
}

fn sample(rgb: [u8; 6], labels: [u8; 2]) -> Sample {
    Sample {
        name: "made".into(),
        picture: Picture { width: 2, height: 1, rgb: rgb.to_vec() },
        mask: Mask { width: 2, height: 1, labels: labels.to_vec() },
    }
}

#[test]
fn bytes_become_planes_from_minus_two_to_two() {
    let samples = [sample([0, 255, 51, 204, 0, 102], [1, 0]), sample([255; 6], [9, 2])];
    let (x, targets) = to_tensors(&samples, 3, Some(9)).unwrap();
    // A fifth of 255 is worth 0.8.
    let expected = [-2.0, 1.2, 2.0, -2.0, -1.2, -0.4, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0];
    assert_eq!(x.shape(), [2, 3, 1, 2]);
    for (got, expected) in x.as_slice().iter().zip(expected) {
        assert!((got - expected).abs() < 1e-6, "{got}, expected {expected}");
    }
    assert_eq!(targets.shape(), [2, 1, 2]);
    assert_eq!(targets.iter().collect::<Vec<_>>(), [Some(1), Some(0), None, Some(2)]);
    let alone = to_tensor(&samples[0].picture);
    assert_eq!((alone.shape(), alone.as_slice()), ([1, 3, 1, 2].as_slice(), &x.as_slice()[..6]));
}

#[test]
fn a_label_that_is_no_class_becomes_no_target() {
    let error = to_tensors(&[sample([0; 6], [0, 3])], 3, Some(9)).unwrap_err().to_string();
    assert!(error.contains("label 3 at position 1"), "{error}");
}

#[test]
fn the_highest_score_wins_and_of_equals_the_first() {
    // Two pictures, three classes, four places.
    let scores = [
        [[0.0, 1.0, -5.0, 2.0], [1.0, 1.0, -4.0, 2.0], [0.5, 0.0, -6.0, 2.0]],
        [[0.0, 0.0, 9.0, -1.0], [0.0, 0.1, 8.0, -1.0], [1.0, 0.2, 10.0, -0.5]],
    ];
    let scores = Tensor::new([2, 3, 2, 2], scores.as_flattened().as_flattened());
    assert_eq!(highest_scores(&scores), [1, 0, 1, 0, 2, 2, 2, 2]);
    assert_eq!(highest_scores(&Tensor::zeros([2, 4, 1, 3])), [0; 6]);
    // The highest label there is.
    let scores = Tensor::from_fn([1, 256, 1, 1], |class| class as f32);
    assert_eq!(highest_scores(&scores), [255]);
}

#[test]
#[should_panic(expected = "labels have 8 bits, there are 257 classes")]
fn classes_beyond_a_byte_are_refused() {
    let _ = highest_scores(&Tensor::zeros([1, 257, 1, 1]));
}

#[test]
fn a_mask_is_coloured_by_its_labels() {
    let mask = Mask { width: 3, height: 1, labels: vec![0, 1, 2] };
    // PASCAL VOC's palette.
    let expected = vec![0, 0, 0, 128, 0, 0, 0, 128, 0];
    assert_eq!(colours(&mask), Picture { width: 3, height: 1, rgb: expected });
}

#[test]
fn an_overlay_is_half_colour_and_clear_on_the_background() {
    let picture = Picture { width: 3, height: 1, rgb: vec![10, 20, 30, 200, 100, 51, 255, 0, 255] };
    let mask = Mask { width: 3, height: 1, labels: vec![0, 1, 2] };
    let expected = vec![10, 20, 30, 164, 50, 25, 127, 64, 127];
    assert_eq!(overlay(&picture, &mask), Picture { rgb: expected, ..picture });
}

#[test]
fn a_picture_is_predicted_pixel_for_pixel_at_its_own_size() {
    let predictor = Predictor::new(bright::checkpoint(bright::config())).unwrap();
    for (width, height) in [(2, 2), (7, 5), (3, 12)] {
        let picture = reds(width, height, |i| (i * 53 % 256) as u8);
        let mask = predictor.predict("made", &picture).unwrap();
        let expected: Vec<u8> =
            picture.rgb.chunks(3).map(|pixel| u8::from(pixel[0] > 127)).collect();
        assert_eq!(mask, Mask { width, height, labels: expected });
    }
}

#[test]
fn a_network_of_one_size_answers_at_the_pictures() {
    let mut config = bright::config();
    config.data.dir = Some("mine".into());
    config.data.folder.size = Some([16, 24]);
    let predictor = Predictor::new(bright::checkpoint(config)).unwrap();
    // Dark on the left, bright on the right; smaller and larger than what the network sees.
    for (width, height) in [(9, 5), (60, 40)] {
        let picture = reds(width, height, |i| if i % width < width / 3 { 20 } else { 250 });
        let mask = predictor.predict("made", &picture).unwrap();
        assert_eq!(mask.size(), [height, width]);
        for (i, &label) in mask.labels.iter().enumerate() {
            let (x, edge) = (i % width, width / 3);
            // Resizing blurs the edge by a few pixels.
            if x.abs_diff(edge) > 1 + width / 20 {
                assert_eq!(label, u8::from(x > edge), "column {x} of {width}");
            }
        }
    }
}

#[test]
fn a_picture_too_small_for_the_pools_is_refused() {
    let predictor = Predictor::new(bright::checkpoint(bright::config())).unwrap();
    let error = predictor.predict("a.png", &reds(9, 1, |_| 0)).unwrap_err().to_string();
    let says = "a.png: expected at least 2x2 pixels for this network, found 1 high, 9 wide";
    assert_eq!(error, says);
}

#[test]
fn weights_of_another_network_are_refused() {
    let mut config = bright::config();
    config.model.widths = vec![3];
    let error = Predictor::new(bright::checkpoint(config)).err().unwrap().to_string();
    assert!(error.contains("does not fit its own network: tensor"), "{error}");
    let mut config = bright::config();
    config.model.norm = Norm::Batch;
    let error = Predictor::new(bright::checkpoint(config)).err().unwrap().to_string();
    assert!(error.contains("norm1.running_mean"), "{error}");
    let mut config = bright::config();
    config.model.widths = Vec::new();
    let error = Predictor::new(bright::checkpoint(config)).err().unwrap().to_string();
    assert!(error.contains("widths: expected"), "{error}");
}

#[test]
fn the_seed_decides_the_first_weights() {
    let values = |seed| {
        let mut config = bright::config();
        config.training.seed = seed;
        let params = Params::of(&*config.network(2));
        params.into_iter().map(|(_, param)| param.value()).collect::<Vec<_>>()
    };
    assert_eq!(values(1), values(1));
    assert_ne!(values(1), values(2));
}

#[test]
fn weights_for_a_network_beyond_all_memory_are_refused_before_it_is_built() {
    let dir = tempfile::tempdir().unwrap();
    let widths = "[model]\nwidths = [4096, 4096, 4096, 4096, 4096, 4096, 4096, 4096, 4096, 4096]\n";
    std::fs::write(dir.path().join("config.toml"), widths).unwrap();
    std::fs::write(dir.path().join("classes.txt"), "a\nb\n").unwrap();
    let mut narrow = Config::default();
    narrow.model.widths = vec![1; 10];
    let few = state_dict(&*narrow.network(2));
    let numbers: usize = few.values().map(|tensor| tensor.len()).sum();
    let bytes = mirrorgrad_layers::weights::to_safetensors(&few);
    let path = dir.path().join("model.safetensors");
    std::fs::write(&path, bytes).unwrap();
    let error = Predictor::read_weights(&path).err().unwrap().to_string();
    // Ten stages of two windows of 3 by 3, the first from three channels.
    let least = 9 * 4096 * (3 + 19 * 4096);
    assert_eq!(least, 2_869_014_528_u64);
    let says = format!(
        "model.safetensors: expected at least {least} numbers in the weights of this network, found {numbers}"
    );
    assert!(error.ends_with(&says), "{error}");
}
