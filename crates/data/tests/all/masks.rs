//! Masks: which files are, and what is read from them.

use std::path::Path;

use crate::common::{Header, assert_says, jpeg, png, png_of};
use mirrorgrad_data::{DataError, Mask, decode_mask, palette, read_mask};

fn decode(bytes: &[u8]) -> Result<Mask, DataError> {
    decode_mask(bytes, Path::new("masks/a.png"))
}

#[test]
fn stored_values_are_the_labels_at_every_depth() {
    for bits in [1, 2, 4, 8] {
        for colour in [0, 3] {
            for interlaced in [false, true] {
                for (width, height) in [(1, 1), (5, 3), (8, 8), (13, 11)] {
                    let header = Header { width, height, bits, colour, interlaced };
                    let values: Vec<u8> =
                        (0..width * height).map(|i| (i * 29 % (1 << bits)) as u8).collect();
                    let mask = decode(&png(header, &values)).unwrap();
                    assert_eq!(mask.size(), [height as usize, width as usize]);
                    assert_eq!(mask.labels, values, "{bits} {colour} {interlaced} {width}");
                }
            }
        }
    }
}

#[test]
fn more_than_eight_bits_hold_and_colours_are_refused() {
    let colours = "at (x=0, y=0); define what each colour means in colours.txt, in lines such as";
    let kinds: [(u8, u8, &str, &[u8]); 5] = [
        (0, 16, "256 at (x=0, y=0), in 16 bits", &[1, 0]),
        (2, 8, colours, &[1, 2, 2]),
        (2, 16, colours, &[0, 1, 0, 2, 0, 1]),
        (4, 8, "a transparent pixel", &[1, 0]),
        (6, 8, colours, &[1, 1, 2, 255]),
    ];
    for (colour, bits, found, pixel) in kinds {
        let header = Header { width: 1, height: 1, bits, colour, interlaced: false };
        let file = png_of(header, &[&[0], pixel].concat());
        assert_says(decode(&file), &[&"masks/a.png", &"expected a mask", &found]);
    }
}

#[test]
fn what_is_no_png_is_refused() {
    assert_says(decode(&jpeg(8, 8)), &[&"masks/a.png", &"found a JPEG"]);
    for bytes in [b"".as_slice(), b"labels", b"BM\0\0\0\0"] {
        assert_says(decode(bytes), &[&"masks/a.png", &"expected a mask"]);
    }
}

#[test]
fn a_mask_cut_short_anywhere_is_an_error() {
    let whole = png(Header::grey(6, 5), &[3; 30]);
    assert!(decode(&whole).is_ok());
    for length in 0..whole.len() {
        assert_says(decode(&whole[..length]), &[&"masks/a.png", &"expected a mask"]);
    }
}

#[test]
fn a_damaged_byte_is_an_error_or_changes_no_label() {
    let header = Header { bits: 4, colour: 3, interlaced: true, ..Header::grey(6, 5) };
    let whole = png(header, &[3; 30]);
    let mask = decode(&whole).unwrap();
    for at in 0..whole.len() {
        for damage in [1, 0x80, 0xff] {
            let mut bytes = whole.clone();
            bytes[at] ^= damage;
            // What matters is under checksums; the palette's colours do not.
            let read = decode(&bytes);
            assert!(read.is_err() || read.is_ok_and(|read| read == mask), "byte {at}");
        }
    }
}

#[test]
fn a_forged_size_is_refused_before_memory_is_set_aside() {
    for (width, height) in [(60_000, 60_000), (16_385, 1), (1, 16_385), (16_384, 16_384)] {
        let file = png_of(Header { width, height, ..Header::grey(1, 1) }, &[0; 2]);
        let size = format!("found {height} high, {width} wide");
        assert_says(decode(&file), &[&"masks/a.png", &"16384", &size]);
    }
    assert!(decode(&png_of(Header::grey(0, 3), &[])).is_err());
}

#[test]
fn a_label_that_is_no_class_is_named_with_its_place() {
    let mask = decode(&png(Header::grey(3, 2), &[0, 1, 2, 0, 37, 255])).unwrap();
    let path = Path::new("m.png");
    let says: [&dyn std::fmt::Display; 4] = [
        &"m.png: expected labels below 3",
        &"found 37 at (x=1, y=1)",
        &"its values outside are 37 and 255",
        &"data.folder.mask_values lists the stored value of each class",
    ];
    assert_says(mask.check_labels(3, None, path), &says);
    assert_says(mask.check_labels(3, Some(37), path), &[&"found 255 at (x=2, y=1)", &"only 37"]);
    assert!(mask.check_labels(38, Some(255), path).is_ok());
    assert_says(mask.check_labels(2, Some(37), path), &[&"found 2 at (x=2, y=0)"]);
}

#[test]
fn written_masks_read_back_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("m.png");
    let mask = Mask { width: 16, height: 16, labels: (0..=255).collect() };
    mask.write_grey(&path).unwrap();
    assert_eq!(read_mask(&path).unwrap(), mask);
    mask.write_palette(&path).unwrap();
    assert_eq!(read_mask(&path).unwrap(), mask);
    // Another program sees the colours.
    let colours = image::open(&path).unwrap().into_rgb8();
    assert!(colours.pixels().zip(0..=255).all(|(pixel, label)| pixel.0 == palette(label)));
    let nowhere = dir.path().join("no/m.png");
    assert_says(mask.write_grey(&nowhere), &[&nowhere.display(), &"cannot be written"]);
}

#[test]
fn a_missing_mask_and_a_directory_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let missing = dir.path().join("a.png");
    assert_says(read_mask(&missing), &[&missing.display(), &"cannot be read"]);
    assert_says(read_mask(dir.path()), &[&dir.path().display(), &"found a directory"]);
}

#[test]
fn a_hint_follows_from_all_that_the_mask_holds() {
    // Of ten by ten pixels, so many of each value; the rest are 0.
    let mask = |counts: &[(u8, usize)]| {
        let mut values: Vec<u8> =
            counts.iter().flat_map(|&(value, count)| vec![value; count]).collect();
        values.resize(100, 0);
        decode(&png(Header::grey(10, 10), &values)).unwrap()
    };
    let soft: Vec<(u8, usize)> =
        [(255, 40)].into_iter().chain((100..103).map(|v| (v, 1))).collect();
    let many: Vec<(u8, usize)> = (2..60).map(|value| (value, 1)).collect();
    for (counts, classes, hint) in [
        (
            &[(255, 50)][..],
            1,
            "name both classes in classes.txt and set data.folder.mask_values = [0, 255]",
        ),
        (&[(255, 50)], 2, "for masks with only 0 and 255, set data.folder.mask_values = [0, 255]"),
        // Background and an outline, as in VOC.
        (
            &[(255, 7)],
            21,
            "if 255 marks pixels to ignore, set data.folder.ignore_index = 255 (7.0 % of this",
        ),
        (
            &soft,
            2,
            "mostly 0 and 255, with 3.0 % between, as at soft edges: set data.folder.mask_values = [0, 255] and \
             data.folder.nearest_value = true",
        ),
        (
            &soft,
            1,
            "name both classes in classes.txt and set data.folder.mask_values = [0, 255] and data.folder.nearest_value = true",
        ),
        (
            &[(1, 50), (2, 30), (3, 20)],
            3,
            "if they count from 1, set data.folder.mask_values = [1, 2, 3]",
        ),
        (&[(9, 1), (8, 1)], 3, "its values outside are 8 and 9: data.folder.mask_values lists"),
        (&many, 3, "it has 57 values outside"),
    ] {
        let error = mask(counts).check_labels(classes, None, Path::new("m.png"));
        assert_says(error, &[&"m.png: expected labels below", &hint]);
    }
}
