//! Resizing, cropping and flipping.

use crate::common::sample;
use mirrorgrad_data::{Mask, Picture};

#[test]
fn flipping_mirrors_columns_or_rows() {
    let picture = Picture { width: 2, height: 2, rgb: (0..12).collect() };
    assert_eq!(picture.flip().rgb, [3, 4, 5, 0, 1, 2, 9, 10, 11, 6, 7, 8]);
    let mask = Mask { width: 3, height: 2, labels: (0..6).collect() };
    assert_eq!(mask.flip().labels, [2, 1, 0, 5, 4, 3]);
    let sample = sample([5, 7], 4);
    assert_eq!(picture.flip_vertical().rgb, [6, 7, 8, 9, 10, 11, 0, 1, 2, 3, 4, 5]);
    assert_eq!(mask.flip_vertical().labels, [3, 4, 5, 0, 1, 2]);
    assert_eq!(sample.mask.flip().flip(), sample.mask);
    assert_eq!(sample.picture.flip().flip(), sample.picture);
}

#[test]
fn a_crop_is_a_part() {
    let sample = sample([6, 9], 5);
    let (picture, mask) = (sample.picture.crop([2, 3], [3, 4]), sample.mask.crop([2, 3], [3, 4]));
    assert_eq!((picture.size(), mask.size()), ([3, 4], [3, 4]));
    for (y, x) in (0..3).flat_map(|y| (0..4).map(move |x| (y, x))) {
        let (new, old) = (y * 4 + x, (y + 2) * 9 + x + 3);
        assert_eq!(mask.labels[new], sample.mask.labels[old]);
        assert_eq!(picture.rgb[3 * new..][..3], sample.picture.rgb[3 * old..][..3]);
    }
    assert_eq!(sample.mask.crop([0, 0], [6, 9]), sample.mask);
}

#[test]
#[should_panic = "crop: [3, 4] from [4, 3] is not inside [6, 9]"]
fn a_crop_beyond_the_edge_is_refused() {
    let _ = sample([6, 9], 5).mask.crop([4, 3], [3, 4]);
}

#[test]
fn a_resized_mask_has_the_label_of_the_nearest_pixel() {
    // All values there are, so that one that is scaled, rounded or mixed would show.
    let mask = Mask { width: 16, height: 16, labels: (0..=255).rev().collect() };
    for [height, width] in [[16, 16], [7, 5], [32, 48], [1, 1], [33, 15]] {
        let resized = mask.resize([height, width]);
        assert_eq!(resized.size(), [height, width]);
        // The old pixel in which the new one's centre lies.
        let source = |at: usize, new: usize| (2 * at + 1) * 16 / (2 * new);
        for (y, x) in (0..height).flat_map(|y| (0..width).map(move |x| (y, x))) {
            let expected = mask.labels[source(y, height) * 16 + source(x, width)];
            assert_eq!(resized.labels[y * width + x], expected, "{height} {width} at {y} {x}");
        }
    }
}

#[test]
fn a_picture_is_resized_by_a_triangle_filter() {
    // Twice as wide: each new centre lies a quarter of a pixel from an old one.
    let picture = Picture { width: 2, height: 1, rgb: vec![0, 100, 40, 80, 100, 240] };
    let wide = picture.resize([1, 4]);
    assert_eq!(wide.rgb, [0, 100, 40, 20, 100, 90, 60, 100, 190, 80, 100, 240]);
    // A plain picture stays plain in any size.
    let plain = Picture { width: 9, height: 7, rgb: vec![123; 9 * 7 * 3] };
    for size in [[3, 2], [20, 31], [1, 1]] {
        assert!(plain.resize(size).rgb.iter().all(|&value| value == 123));
    }
}

#[test]
fn picture_and_mask_are_resized_together() {
    let resized = sample([6, 9], 5).resize([12, 3]);
    assert_eq!((resized.picture.size(), resized.mask.size()), ([12, 3], [12, 3]));
    assert_eq!((resized.picture.rgb.len(), resized.mask.labels.len()), (12 * 3 * 3, 36));
}
