//! The pictures that a run leaves.

use mirrorgrad_segment::{EpochMetrics, Mask, Picture, Sample, palette, plots};

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
        weights_hash: String::new(),
    }
}

/// What a reader of pictures makes of the file.
fn decoded(picture: &Picture) -> Picture {
    let bytes = plots::to_png(picture).unwrap();
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

#[test]
fn the_grid_shows_picture_truth_and_prediction_side_by_side() {
    let rows = [
        (sample([6, 10], [1, 2, 3], 1), mask([6, 10], 2)),
        (sample([4, 8], [250, 9, 8], 0), mask([4, 8], 3)),
    ];
    let grid = plots::grid(&rows);
    // Gaps of 4 around and between cells as wide as the widest.
    assert_eq!((grid.width, grid.height), (4 + 3 * (10 + 4), 4 + (6 + 4) + (4 + 4)));
    assert_eq!(decoded(&grid), grid);
    for (row, colours) in
        [(4, [[1, 2, 3], palette(1), palette(2)]), (14, [[250, 9, 8], palette(0), palette(3)])]
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
fn an_empty_grid_is_a_picture_too() {
    let grid = plots::grid(&[]);
    assert_eq!(decoded(&grid), grid);
}
