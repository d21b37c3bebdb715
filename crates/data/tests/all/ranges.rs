//! Which numbers of pictures become black and white.

use crate::common;

use std::path::Path;

use crate::common::files::encoded;
use crate::common::place::Place;
use crate::common::{assert_says, jpeg, lines};
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, LumaA};
use mirrorgrad_data::{Census, DataError, FolderOptions, PictureRules, RangeByName, ValueRange};

const PERCENTILE: ValueRange = ValueRange::Named(RangeByName::Percentile);

/// A picture one high of these numbers of 16 bits, as PNG.
fn wide(numbers: &[u16]) -> Vec<u8> {
    let numbers = numbers.to_vec();
    let image = ImageBuffer::<Luma<u16>, _>::from_raw(numbers.len() as u32, 1, numbers).unwrap();
    encoded(&DynamicImage::from(image), ImageFormat::Png)
}

/// The first channel of what a range makes of a file.
fn ranged(range: Option<ValueRange>, file: &[u8]) -> Result<Vec<u8>, DataError> {
    let rules = PictureRules { range, ..PictureRules::default() };
    let picture = rules.decode(file, Path::new("a.png"))?;
    Ok(picture.rgb.into_iter().step_by(3).collect())
}

/// A directory of one picture three wide of these numbers.
fn place(numbers: &[u16; 3]) -> Place {
    let place = Place::empty();
    place.put("classes.txt", b"sky\nroad\n");
    place.put("images/a.png", &wide(numbers));
    place.put("masks/a.png", &common::png(common::Header::grey(3, 1), &[0, 1, 0]));
    place
}

#[test]
fn numbers_from_black_to_white_are_spread_over_all_levels() {
    let range = Some(ValueRange::Given([1000, 4060]));
    let file = wide(&[0, 1000, 1012, 2530, 4059, 4060, 60_000]);
    // A level is 12 numbers.
    assert_eq!(ranged(range, &file).unwrap(), [0, 0, 1, 128, 255, 255, 255]);
    assert_eq!(ranged(None, &file).unwrap(), [0, 4, 4, 10, 16, 16, 233]);
}

#[test]
fn a_range_holds_for_every_format_and_not_for_alpha() {
    let range = Some(ValueRange::Given([0, 510]));
    let image = ImageBuffer::from_fn(4, 1, |x, _| LumaA([x as u16 * 170, 3]));
    let image = DynamicImage::from(image);
    assert_eq!(ranged(range, &encoded(&image, ImageFormat::Png)).unwrap(), [0, 85, 170, 255]);
    let image = DynamicImage::from(image.to_luma16());
    assert_eq!(ranged(range, &encoded(&image, ImageFormat::Tiff)).unwrap(), [0, 85, 170, 255]);
}

#[test]
fn a_percentile_is_of_each_picture_and_leaves_out_what_is_rare() {
    // Of 200 numbers, the first and last hot pixel are beyond the 1st and the 99th percentile.
    let mut numbers: Vec<u16> = (0..200).map(|i| 500 + 2 * i).collect();
    (numbers[0], numbers[199]) = (0, 65_535);
    let levels = ranged(Some(PERCENTILE), &wide(&numbers)).unwrap();
    let expected = |number: u16| (f64::from(number) - 502.0) / (894.0 - 502.0) * 255.0;
    for (&level, &number) in levels.iter().zip(&numbers) {
        let expected = expected(number).clamp(0.0, 255.0);
        assert!((f64::from(level) - expected).abs() <= 0.5, "{number}: {level}");
    }
    // A picture of one number has no white.
    assert_eq!(ranged(Some(PERCENTILE), &wide(&[900; 4])).unwrap(), [0; 4]);
    // A picture of 8 bits has percentiles too.
    let grey = DynamicImage::from(image::GrayImage::from_raw(3, 1, vec![10, 11, 12]).unwrap());
    let levels = ranged(Some(PERCENTILE), &encoded(&grey, ImageFormat::Bmp));
    assert_eq!(levels.unwrap(), [0, 128, 255]);
}

#[test]
fn numbers_of_16_bits_mean_nothing_to_a_picture_of_8() {
    let says = "a.png: expected 16-bit values, which data.folder.range = [0, 4095] needs, found 8-bit values";
    assert_says(ranged(Some(ValueRange::Given([0, 4095])), &jpeg(3, 2)), &[&says]);
    let grey = DynamicImage::from(image::GrayImage::from_raw(3, 1, vec![10, 20, 30]).unwrap());
    let levels = ranged(Some(ValueRange::Given([10, 30])), &encoded(&grey, ImageFormat::Png));
    assert_eq!(levels.unwrap(), [0, 128, 255]);
}

#[test]
fn a_range_without_anything_between_black_and_white_is_refused() {
    for ends in [[5, 5], [9, 3]] {
        let range = Some(ValueRange::Given(ends));
        let options = FolderOptions { range, ..FolderOptions::default() };
        let says =
            "data.folder.range: expected percentile, or the black value and a larger white value";
        assert_says(place(&[0; 3]).labels(&options), &[&says]);
    }
}

#[test]
fn a_picture_that_uses_a_small_part_of_16_bits_is_noted_with_the_range() {
    let notes = |place: &Place, options: &FolderOptions| {
        let notes = lines(&Census::take(place.path(), options, &|_| ()).unwrap().notes);
        notes.into_iter().filter(|note| note.contains("16 bits")).collect::<Vec<_>>()
    };
    let without = FolderOptions::default();
    let dim = place(&[16, 30, 4080]);
    let [note] = &notes(&dim, &without)[..] else { panic!("one note") };
    let says = "a.png: 16 bits, darkest 16, brightest 4080 of 65535: only 2 grey levels are left in 8 bits; set \
                what becomes black and white, such as data.folder.range = [16, 4080] or data.folder.range = \
                \"percentile\"";
    assert!(note.ends_with(says), "{note}");
    // A note for all of them.
    dim.put("images/b.png", &wide(&[3, 4, 5000]));
    dim.put("masks/b.png", &common::png(common::Header::grey(3, 1), &[0, 1, 0]));
    let [note] = &notes(&dim, &without)[..] else { panic!("one note") };
    assert!(
        note.contains("and 1 more picture is like it")
            && note.contains("data.folder.range = [3, 5000]")
    );
    for range in [PERCENTILE, ValueRange::Given([0, 4095])] {
        let options = FolderOptions { range: Some(range), ..FolderOptions::default() };
        assert_eq!(notes(&dim, &options), [""; 0]);
    }
    // What uses most of them, or loses nothing, needs no word.
    for numbers in [[0, 1, 40_000], [0, 257, 514], [7; 3]] {
        assert_eq!(notes(&place(&numbers), &without), [""; 0], "{numbers:?}");
    }
}

#[test]
fn options_in_a_file_keep_the_range_and_says_what_it_may_be() {
    for (text, range) in
        [("[3, 4080]", ValueRange::Given([3, 4080])), ("\"percentile\"", PERCENTILE)]
    {
        let options: FolderOptions = toml::from_str(&format!("range = {text}")).unwrap();
        assert_eq!(options.range, Some(range));
        let again = toml::from_str::<FolderOptions>(&toml::to_string(&options).unwrap());
        assert_eq!(again.unwrap(), options);
    }
    for text in ["[1]", "[1, 70000]", "\"minmax\"", "[-1, 5]"] {
        let error = toml::from_str::<FolderOptions>(&format!("range = {text}")).unwrap_err();
        let says = "expected percentile, or two numbers from 0 to 65535";
        assert!(error.message().contains(says), "{error}");
    }
    // Older configurations say nothing of it, and neither do new ones without it.
    let text = toml::to_string(&FolderOptions::default()).unwrap();
    assert!(!text.contains("range") && !text.contains("orient"), "{text}");
}
