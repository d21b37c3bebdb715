//! Pictures whose EXIF data say that they are to be turned.

use std::path::Path;

use crate::common::assert_says;
use crate::common::files::turned;
use crate::common::place::Place;
use image::{DynamicImage, Rgb, RgbImage};
use mirrorgrad_data::{Dataset, FolderOptions, Picture, PictureRules, Split, decode_picture};

const UPRIGHT: PictureRules = PictureRules { range: None, orient: true };

fn image() -> DynamicImage {
    RgbImage::from_fn(40, 24, |x, y| Rgb([(x * 6) as u8, (y * 10) as u8, (x + y) as u8])).into()
}

/// Where the pixel of a row and column is to be seen, in a file of this size: the standard says on which side
/// the first row is, and on which the first column.
fn seen(orientation: u8, [row, column]: [usize; 2], [height, width]: [usize; 2]) -> [usize; 2] {
    let (from_bottom, from_right) = (height - 1 - row, width - 1 - column);
    match orientation {
        1 => [row, column],
        2 => [row, from_right],
        3 => [from_bottom, from_right],
        4 => [from_bottom, column],
        5 => [column, row],
        6 => [column, from_bottom],
        7 => [from_right, from_bottom],
        8 => [from_right, row],
        _ => unreachable!("there are eight"),
    }
}

/// A place with two classes, a turned JPEG of 40 by 24 pixels, and its mask of another size.
fn place(orientation: u8, [height, width]: [usize; 2]) -> Place {
    let place = Place::empty();
    place.put("classes.txt", b"sky\nroad\n");
    place.put("images/a.jpg", &turned(&image(), orientation)[0]);
    let labels = (0..height * width).map(|i| (i % 2) as u8).collect();
    std::fs::create_dir(place.at("masks")).unwrap();
    let mask = mirrorgrad_data::Mask { width, height, labels };
    mask.write_grey(&place.at("masks/a.png")).unwrap();
    place
}

#[test]
fn the_size_of_a_sample_is_known_from_the_beginning_of_its_file_as_it_is_to_be_seen() {
    for orientation in 1..=8 {
        let place = place(orientation, if orientation > 4 { [40, 24] } else { [24, 40] });
        let options = FolderOptions { orient: true, ..FolderOptions::default() };
        let folder = place.open(Split::All, &options).unwrap();
        let size = folder.size(0).unwrap();
        assert_eq!(size, folder.sample(0).unwrap().size(), "{orientation}");
    }
}

#[test]
fn all_eight_orientations_are_turned_as_the_standard_says_in_every_format() {
    let path = Path::new("a.jpg");
    let plain = turned(&image(), 1).into_iter().map(|bytes| decode_picture(&bytes, path).unwrap());
    let plain: Vec<Picture> = plain.collect();
    for orientation in 1..=8 {
        for (bytes, plain) in turned(&image(), orientation).iter().zip(&plain) {
            let picture = UPRIGHT.decode(bytes, path).unwrap();
            let size @ [height, width] = plain.size();
            let upright = if orientation > 4 { [width, height] } else { size };
            assert_eq!(picture.size(), upright, "{orientation}");
            for (at, pixel) in plain.rgb.chunks(3).enumerate() {
                let [row, column] = seen(orientation, [at / width, at % width], size);
                let there = 3 * (row * picture.width + column);
                assert_eq!(picture.rgb[there..there + 3], *pixel, "{orientation} {at}");
            }
        }
    }
}

#[test]
fn a_turned_picture_is_refused_where_nobody_asked_for_turning() {
    for orientation in 2..=8 {
        for bytes in turned(&image(), orientation) {
            let says = format!(
                "a.jpg: expected an upright picture, found EXIF orientation {orientation};"
            );
            assert_says(
                decode_picture(&bytes, Path::new("a.jpg")),
                &[&says, &"set data.folder.orient = true"],
            );
        }
    }
}

#[test]
fn the_refusal_names_the_option_where_the_mask_is_that_of_the_turned_picture() {
    let refusal = |orientation, size| {
        let error = place(orientation, size).labels(&FolderOptions::default()).unwrap_err();
        error.to_string()
    };
    assert!(
        refusal(6, [40, 24])
            .ends_with("orientation 6, which its mask has applied; set data.folder.orient = true")
    );
    // This one is stored as the picture is.
    assert!(refusal(6, [24, 40]).ends_with("so that picture and mask have the same orientation"));
    // Upside down, nothing tells.
    assert!(
        refusal(3, [24, 40])
            .contains("or set data.folder.orient = true if masks were made on rotated pictures")
    );
}

#[test]
fn a_picture_is_turned_for_a_mask_that_was_made_on_the_turned_picture() {
    let orient = FolderOptions { orient: true, ..FolderOptions::default() };
    let place = place(6, [40, 24]);
    let labels = place.labels(&orient).unwrap();
    assert_eq!(labels.len(), 40 * 24);
    let census = mirrorgrad_data::Census::take(place.path(), &orient, &|_| ()).unwrap();
    assert!(census.faults.is_empty(), "{:?}", census.faults);
    let [sample] = &census.examples(1).unwrap()[..] else { panic!("one picture") };
    assert_eq!(sample.picture, UPRIGHT.read(&place.at("images/a.jpg")).unwrap());
    // A mask of the picture as it is stored fits no more.
    let says = "a.png: expected 40 high, 24 wide, like ";
    assert_says(self::place(6, [24, 40]).labels(&orient), &[&says, &"found 24 high, 40 wide"]);
}
