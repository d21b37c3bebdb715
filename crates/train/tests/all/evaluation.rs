//! A network's measure on a data set, against counts and losses worked out in plain loops.

use crate::bright;

use mirrorgrad_data::{DataError, Dataset, Loader, Mask, Picture, Sample};
use mirrorgrad_train::{RunError, check_size, evaluate, loader};
use std::sync::Arc;

/// Pictures of 4 by 3 pixels, by number; a label of 255 marks pixels to ignore.
struct Tiny {
    classes: Vec<String>,
    len: usize,
    size: [usize; 2],
    label: fn(usize) -> u8,
}

fn tiny(len: usize, label: fn(usize) -> u8) -> Tiny {
    let classes = ["dark", "bright", "other"].map(String::from).to_vec();
    Tiny { classes, len, size: [3, 4], label }
}

/// Of every kind: right and wrong, each class, ignored.
fn mixed(i: usize) -> u8 {
    [0, 1, 1, 0, 255, 2, 1][i * 5 % 13 % 7]
}

fn red(i: usize) -> u8 {
    (i * 67 % 256) as u8
}

impl Dataset for Tiny {
    fn len(&self) -> usize {
        self.len
    }

    fn classes(&self) -> &[String] {
        &self.classes
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        let [height, width] = self.size;
        let pixels = index * height * width..(index + 1) * height * width;
        let rgb = pixels.clone().flat_map(|i| [red(i), 7, 200]).collect();
        let labels = pixels.map(self.label).collect();
        Ok(Sample {
            name: format!("picture {index}"),
            picture: Picture { width, height, rgb },
            mask: Mask { width, height, labels },
        })
    }
}

fn load(dataset: Tiny, batch: usize) -> Loader {
    let mut config = bright::config();
    config.training.batch = batch;
    config.data.folder.ignore_index = Some(255);
    loader(&config, Arc::new(dataset))
}

#[test]
fn every_counted_pixel_is_counted_once_whatever_the_batch() {
    let (mut counts, mut loss, mut counted) = ([[0_u64; 3]; 3], 0.0, 0);
    for i in (0..5 * 12).filter(|&i| mixed(i) != 255) {
        let score = (f64::from(red(i)) / 255.0 - 0.5).max(0.0) * 4.0;
        let truth = usize::from(mixed(i));
        counts[truth][usize::from(score > 0.0)] += 1;
        // −ln of the softmax of (0, score, 0) at the truth.
        loss += (2.0 + score.exp()).ln() - if truth == 1 { score } else { 0.0 };
        counted += 1;
    }
    assert!(counts.iter().all(|row| row[0] > 0 && row[1] > 0));
    for batch in [1, 2, 3, 5, 100] {
        let evaluation = evaluate(&*bright::network(), &load(tiny(5, mixed), batch)).unwrap();
        let table = &evaluation.confusion;
        for (truth, row) in counts.iter().enumerate() {
            let got: Vec<_> = (0..3).map(|class| table.count(truth, class)).collect();
            assert_eq!(got, row, "truth {truth}, batch {batch}");
        }
        assert_eq!(table.total(), counted);
        let expected = loss / counted as f64;
        assert!((evaluation.loss - expected).abs() < 1e-6, "{} not {expected}", evaluation.loss);
    }
}

#[test]
fn pictures_without_a_counted_pixel_have_no_loss_and_no_class() {
    let evaluation = evaluate(&*bright::network(), &load(tiny(2, |_| 255), 2)).unwrap();
    assert_eq!((evaluation.loss, evaluation.confusion.mean_iou()), (0.0, (0.0, 0)));
    assert_eq!(evaluation.confusion.iou(), [None; 3]);
}

#[test]
fn a_label_that_is_no_class_ends_the_measure() {
    let error = evaluate(&*bright::network(), &load(tiny(1, |_| 7), 1)).unwrap_err();
    assert!(error.to_string().contains("label 7"), "{error}");
}

#[test]
fn a_picture_too_small_ends_the_measure_and_is_named() {
    let data = Tiny { size: [1, 12], ..tiny(1, mixed) };
    let error = evaluate(&*bright::network(), &load(data, 1)).unwrap_err();
    assert!(
        matches!(&error, RunError::TooSmall { name, .. } if name.to_string() == "picture 0"),
        "{error}"
    );
    let network = bright::network();
    assert!(check_size(&*network, "a", [2, 2]).is_ok());
    assert!(check_size(&*network, "a", [2, 1]).is_err());
}

#[test]
fn training_crops_do_not_reach_validation() {
    let mut config = bright::config();
    config.data.augment.crop = Some([2, 2]);
    let loader = loader(&config, Arc::new(tiny(3, mixed)));
    // One by one, since pictures of several sizes cannot share a batch.
    let sizes: Vec<_> = loader.epoch(0).map(|batch| batch.unwrap()[0].size()).collect();
    assert_eq!(sizes, [[3, 4]; 3]);
    assert!(!loader.shuffle && loader.augment.is_none());
}
