//! The pictures that a run leaves.

use mirrorgrad_data::{DataError, Dataset, Mask, Picture, Sample, palette, to_png};
use mirrorgrad_report::plots;
use mirrorgrad_train::{EpochMetrics, RunError, write_streamed};
use std::path::Path;

fn epoch(epoch: usize, loss: f64) -> EpochMetrics {
    EpochMetrics {
        epoch,
        train_loss: loss,
        val_loss: 1.5 * loss,
        val_miou: 0.1 * epoch as f64,
        val_pixel_accuracy: 0.5,
        val_iou: vec![],
        lr: 0.1,
        seconds: 1.0,
        val_seconds: 0.5,
        waited: Vec::new(),
        weights_hash: String::new(),
    }
}

/// What a reader of pictures makes of the file.
fn decoded(picture: &Picture) -> Picture {
    let bytes = to_png(picture).unwrap();
    assert_eq!(image::guess_format(&bytes).unwrap(), image::ImageFormat::Png);
    let image = image::load_from_memory(&bytes).unwrap().into_rgb8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    Picture { width, height, rgb: image.into_raw() }
}

fn pixel(picture: &Picture, [row, column]: [usize; 2]) -> [u8; 3] {
    let at = 3 * (row * picture.width + column);
    picture.rgb[at..at + 3].try_into().unwrap()
}

/// A sample in one colour and one label.
fn sample(size: [usize; 2], colour: [u8; 3], label: u8) -> Sample {
    let [height, width] = size;
    Sample {
        name: String::new(),
        picture: Picture { width, height, rgb: colour.repeat(width * height) },
        mask: mask(size, label),
    }
}

fn mask([height, width]: [usize; 2], label: u8) -> Mask {
    Mask { width, height, labels: vec![label; width * height] }
}

#[test]
fn curves_are_drawn_and_come_back_from_their_file() {
    let history: Vec<_> = (1..=6).map(|n| epoch(n, 1.0 / n as f64)).collect();
    let curves = plots::curves(&history).unwrap();
    assert_eq!(decoded(&curves), curves);
    assert!(curves.width > curves.height && curves.height >= 200);
    // Ground, axes and text, and a line of each colour in each of both halves.
    let half = |left: bool, colour: [u8; 3]| {
        let inside = |i: usize| (i % curves.width < curves.width / 2) == left;
        let pixels = curves.rgb.chunks(3).enumerate();
        pixels.filter(|&(i, pixel)| inside(i) && pixel == colour).count()
    };
    for left in [true, false] {
        assert!(half(left, [255; 3]) > 100_000);
        assert!(half(left, [31, 119, 180]) > 50 && half(left, [214, 90, 20]) > 50);
    }
    assert_ne!(plots::curves(&history[..3]).unwrap(), curves);
}

#[test]
fn curves_are_drawn_of_any_numbers() {
    for history in [
        vec![],
        vec![epoch(1, 0.7)],
        vec![epoch(1, 0.0), epoch(2, 0.0)],
        vec![epoch(1, f64::NAN), epoch(2, 1e300), epoch(3, f64::INFINITY)],
        (1..=300).map(|n| epoch(n, 1e-9)).collect(),
    ] {
        let curves = plots::curves(&history).unwrap();
        assert_eq!(decoded(&curves), curves);
    }
}

/// Samples in one colour and label each.
struct Plain(Vec<Sample>);

impl Dataset for Plain {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        Ok(self.0[index].clone())
    }
}

/// The grid of samples that are all predicted to have the label after their own.
fn grid(samples: Vec<Sample>, most: usize) -> Picture {
    let next = |sample: &Sample| Ok(mask(sample.size(), sample.mask.labels[0] + 1));
    let mut png = Vec::new();
    plots::write_grid(&Plain(samples), most, next, &mut png).unwrap();
    mirrorgrad_data::decode_picture(&png, Path::new("grid.png")).unwrap()
}

#[test]
fn the_grid_shows_picture_truth_and_prediction_side_by_side() {
    let grid = grid(
        vec![
            sample([6, 10], [1, 2, 3], 1),
            sample([4, 8], [250, 9, 8], 0),
            sample([9, 9], [0; 3], 0),
        ],
        2,
    );
    // Gaps of 4 around and between cells as wide as the widest of the first two.
    assert_eq!((grid.width, grid.height), (4 + 3 * (10 + 4), 4 + (6 + 4) + (4 + 4)));
    for (row, colours) in
        [(4, [[1, 2, 3], palette(1), palette(2)]), (14, [[250, 9, 8], palette(0), palette(1)])]
    {
        for (column, colour) in [4, 18, 32].into_iter().zip(colours) {
            assert_eq!(pixel(&grid, [row, column]), colour, "[{row}, {column}]");
            assert_eq!(pixel(&grid, [row - 1, column]), [255; 3]);
            assert_eq!(pixel(&grid, [row, column - 1]), [255; 3]);
        }
    }
    assert_eq!(pixel(&grid, [9, 13]), [1, 2, 3]);
    assert_eq!([pixel(&grid, [10, 13]), pixel(&grid, [9, 14])], [[255; 3]; 2]);
}

#[test]
fn large_pictures_are_made_smaller_in_a_grid() {
    let grid = grid(vec![sample([300, 1024], [1, 2, 3], 1)], 1);
    assert_eq!(grid.size(), [4 + 150 + 4, 4 + 3 * (512 + 4)]);
}

#[test]
fn an_empty_grid_is_a_picture_too() {
    assert!(grid(vec![], 8).rgb.iter().all(|&value| value == 255));
}

#[test]
fn what_cannot_be_predicted_leaves_the_grid_with_its_own_error() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("grid.png");
    let samples = Plain(vec![sample([6, 10], [1, 2, 3], 1)]);
    let fails = |_: &Sample| Err(RunError::Unfit { path: "a".into(), what: "no".into() });
    let written = write_streamed(&file, |out| plots::write_grid(&samples, 1, fails, out));
    assert_eq!(written.unwrap_err().to_string(), "a: no");
    assert_eq!(dir.path().read_dir().unwrap().count(), 0);
}

#[test]
fn a_picture_that_changes_while_a_grid_is_drawn_is_named() {
    /// Tells another size than it has.
    struct Changing;

    impl Dataset for Changing {
        fn len(&self) -> usize {
            1
        }

        fn classes(&self) -> &[String] {
            &[]
        }

        fn sample(&self, _: usize) -> Result<Sample, DataError> {
            Ok(Sample { name: "a.png".to_owned(), ..sample([6, 10], [1, 2, 3], 1) })
        }

        fn size(&self, _: usize) -> Result<[usize; 2], DataError> {
            Ok([4, 4])
        }
    }
    let predict = |sample: &Sample| Ok(sample.mask.clone());
    let error = plots::write_grid(&Changing, 1, predict, &mut Vec::new()).unwrap_err();
    assert_eq!(error.to_string(), "a.png: expected its size of before, found 6 high, 10 wide");
}
