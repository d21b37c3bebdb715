//! Many samples on one sheet.

use mirrorgrad_data::{Mask, Picture, Sample, palette, to_png};
use mirrorgrad_report::plots;

/// A sample of one colour and one label.
fn sample(size: [usize; 2], colour: [u8; 3], label: u8) -> Sample {
    let [height, width] = size;
    Sample {
        name: "pictures/name.jpg".to_owned(),
        picture: Picture { width, height, rgb: colour.repeat(width * height) },
        mask: Mask { width, height, labels: vec![label; width * height] },
    }
}

fn pixel(picture: &Picture, [row, column]: [usize; 2]) -> [u8; 3] {
    let at = 3 * (row * picture.width + column);
    picture.rgb[at..at + 3].try_into().unwrap()
}

#[test]
fn a_batch_is_drawn_with_each_picture_beside_its_overlay() {
    let samples: Vec<_> = (0..5).map(|n| sample([10, 12], [20 * n, 0, 100], n)).collect();
    let sheet = plots::batch_sheet(&samples);
    // Two across, three down, gaps of 4 around and between.
    assert_eq!(sheet.size(), [4 + 3 * (10 + 4), 4 + 2 * 2 * (12 + 4)]);
    for (n, [top, left]) in [[4, 4], [4, 36], [18, 4], [18, 36], [32, 4]].into_iter().enumerate() {
        let n = n as u8;
        assert_eq!(pixel(&sheet, [top + 9, left + 11]), [20 * n, 0, 100]);
        let colour = palette(n);
        let mixed = if n == 0 {
            [0, 0, 100]
        } else {
            std::array::from_fn(|i| {
                ((u32::from([20 * n, 0, 100][i]) + u32::from(colour[i])) / 2) as u8
            })
        };
        assert_eq!(pixel(&sheet, [top, left + 16]), mixed, "{n}");
    }
    assert_eq!(pixel(&sheet, [32, 36]), [255; 3]);
    assert!(to_png(&plots::batch_sheet(&[])).is_ok());
}

#[test]
fn a_contact_sheet_has_small_pictures_names_and_a_legend() {
    let samples = vec![sample([400, 800], [0, 200, 0], 1), sample([30, 20], [0, 0, 250], 0)];
    let classes = ["sky", "a name that is too long to stand in a legend"].map(String::from);
    let sheet = plots::contact_sheet(&samples, &classes, Some(255)).unwrap();
    let count = |colour: [u8; 3]| sheet.rgb.chunks(3).filter(|pixel| **pixel == colour).count();
    // 80 by 160 after shrinking, once clear and once mixed; 20 by 30 twice, since label 0 stays clear.
    assert_eq!((count([0, 200, 0]), count([64, 100, 0])), (80 * 160, 80 * 160));
    assert_eq!(count([0, 0, 250]), 2 * 600);
    // The legend: a square of 14 for each class and for what is left out.
    assert_eq!((count(palette(1)), count(palette(255))), (14 * 14, 14 * 14));
    // Letters, which are dark but not all black.
    assert!(
        sheet.rgb.chunks(3).filter(|pixel| pixel.iter().all(|&v| v < 100)).count() > 14 * 14 + 100
    );
    assert!(sheet.width < 1100 && sheet.height < 200);
    assert!(plots::contact_sheet(&[], &[], None).is_ok());
}
