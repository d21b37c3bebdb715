//! Masks of other formats than PNG, and those whose numbers stand in more channels or bits than they need.

use std::path::Path;

use crate::common::files::{camera_jpeg, encoded, tiff};
use crate::common::place::Place;
use crate::common::{Header, assert_says, lines, png_of};
use image::{DynamicImage, GrayImage, ImageFormat, Luma};
use mirrorgrad_data::{Census, DataError, FolderOptions, Mask, decode_mask};

fn decode(bytes: &[u8]) -> Result<Mask, DataError> {
    decode_mask(bytes, Path::new("masks/a.png"))
}

/// Three wide, two high.
const LABELS: [u8; 6] = [0, 1, 2, 0, 5, 255];

fn mask() -> Mask {
    Mask { width: 3, height: 2, labels: LABELS.to_vec() }
}

fn grey() -> DynamicImage {
    GrayImage::from_raw(3, 2, LABELS.to_vec()).unwrap().into()
}

/// A GIF of these indices into colours that say nothing of them.
fn gif(indices: &[u8], frames: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let palette: Vec<u8> = (0..768).map(|i| (i * 7 % 256) as u8).collect();
    let mut encoder = gif::Encoder::new(&mut bytes, 3, 2, &palette).unwrap();
    for _ in 0..frames {
        encoder.write_frame(&gif::Frame::from_indexed_pixels(3, 2, indices, None)).unwrap();
    }
    drop(encoder);
    bytes
}

/// A BMP of rows that are already laid out, from the last to the first; a palette has 4 bytes a colour.
fn bmp(height: i32, bits: u16, palette: &[u8], rows: &[u8]) -> Vec<u8> {
    let at = 54 + palette.len() as u32;
    let mut file = b"BM".to_vec();
    [at + rows.len() as u32, 0, at, 40, 3].iter().for_each(|n| file.extend(n.to_le_bytes()));
    file.extend(height.to_le_bytes());
    file.extend([1, bits].map(u16::to_le_bytes).concat());
    let colours = palette.len() as u32 / 4;
    [0, 0, 0, 0, colours, 0].iter().for_each(|n| file.extend(n.to_le_bytes()));
    [&file, palette, rows].concat()
}

#[test]
fn equal_channels_are_one_grey_value_in_every_format() {
    let greys = grey();
    let (rgb, rgba) = (DynamicImage::from(greys.to_rgb8()), DynamicImage::from(greys.to_rgba8()));
    for image in [&rgb, &rgba] {
        for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Tiff] {
            assert_eq!(decode(&encoded(image, format)).unwrap(), mask(), "{format:?}");
        }
    }
    let with_alpha = DynamicImage::from(greys.to_luma_alpha8());
    assert_eq!(decode(&encoded(&with_alpha, ImageFormat::Png)).unwrap(), mask());
    assert_eq!(decode(&encoded(&greys, ImageFormat::Tiff)).unwrap(), mask());
}

#[test]
fn a_colour_among_greys_is_named_with_its_place_and_what_to_do() {
    let mut rgb = grey().to_rgb8();
    rgb.put_pixel(2, 1, image::Rgb([9, 9, 8]));
    let says = "found the colour 9 9 8 at (x=2, y=1); define what each colour means in colours.txt, in lines \
                such as 9 9 8 NAME";
    let file = encoded(&rgb.into(), ImageFormat::Png);
    assert_says(decode(&file), &[&"masks/a.png: expected a mask", &says]);
}

#[test]
fn a_pixel_that_is_not_opaque_is_named_with_its_place() {
    for alpha in [0, 254] {
        let mut rgba = grey().to_rgba8();
        rgba.get_pixel_mut(1, 1).0[3] = alpha;
        let greys = DynamicImage::from(rgba.clone()).to_luma_alpha8();
        for image in [DynamicImage::from(rgba), greys.into()] {
            let says = "found a transparent pixel at (x=1, y=1), which has no value";
            assert_says(decode(&encoded(&image, ImageFormat::Png)), &[&"masks/a.png", &says]);
        }
    }
}

#[test]
fn sixteen_bits_may_hold_what_eight_can() {
    let image = |last| {
        let numbers = LABELS.map(u16::from);
        let mut image =
            image::ImageBuffer::<Luma<u16>, _>::from_raw(3, 2, numbers.to_vec()).unwrap();
        image.put_pixel(2, 1, Luma([last]));
        DynamicImage::from(image)
    };
    let kinds = |last| {
        let rgb = DynamicImage::from(image(last).to_rgb16());
        let rgba = DynamicImage::from(image(last).to_rgba16());
        [image(last), rgb, rgba].into_iter().flat_map(|image| {
            [ImageFormat::Png, ImageFormat::Tiff].map(|format| encoded(&image, format))
        })
    };
    kinds(255).for_each(|file| assert_eq!(decode(&file).unwrap(), mask()));
    for last in [256, 65_535] {
        let says = format!("found {last} at (x=2, y=1), in 16 bits");
        kinds(last).for_each(|file| assert_says(decode(&file), &[&"masks/a.png", &says]));
    }
}

#[test]
fn a_gif_has_its_indices_and_not_its_colours() {
    assert_eq!(decode(&gif(&LABELS, 1)).unwrap(), mask());
    assert_says(decode(&gif(&LABELS, 2)), &[&"masks/a.png", &"found a GIF with several frames"]);
    let whole = gif(&LABELS, 1);
    (0..whole.len()).for_each(|length| assert!(decode(&whole[..length]).is_err(), "{length}"));
    // A picture that begins in the second column: where it does, behind the screen and the palette.
    let mut aside = whole.clone();
    let frame = aside.iter().rposition(|&byte| byte == b',').unwrap();
    (aside[frame + 1], aside[frame + 5]) = (1, 2);
    assert_says(decode(&aside), &[&"found a GIF whose frame does not cover it"]);
}

#[test]
fn a_bmp_has_its_indices_whatever_their_bits_and_the_order_of_its_rows() {
    let palette =
        |colours: usize| -> Vec<u8> { (0..4 * colours).map(|i| (i * 5 % 256) as u8).collect() };
    let rows = [[0, 1, 1, 0], [1, 0, 1, 0]];
    let labels = [1, 0, 1, 0, 1, 1];
    for (bits, packed) in [
        (8, rows.concat()),
        (4, vec![0x01, 0x10, 0, 0, 0x10, 0x10, 0, 0]),
        (1, vec![0b0110_0000, 0, 0, 0, 0b1010_0000, 0, 0, 0]),
    ] {
        let file = bmp(2, bits, &palette(1 << bits), &packed);
        assert_eq!(decode(&file).unwrap().labels, labels, "{bits}");
        let from_top = bmp(-2, bits, &palette(1 << bits), &packed);
        assert_eq!(decode(&from_top).unwrap().labels, [0, 1, 1, 1, 0, 1], "{bits}");
        assert!(decode(&file[..file.len() - 1]).is_err());
    }
    // Two colours alike are two numbers all the same.
    assert_eq!(decode(&bmp(2, 8, &[7; 8], &rows.concat())).unwrap().labels, labels);
}

#[test]
fn a_tiff_has_the_numbers_of_its_table_and_bits_of_one() {
    let table: Vec<u16> = (0..768).map(|i| i * 80).collect();
    let file = tiff([3, 2], [8, 1, 3], &[(320, table)], &LABELS);
    assert_eq!(decode(&file).unwrap(), mask());
    let bits = tiff([3, 2], [1, 1, 1], &[], &[0b0110_0000, 0b1000_0000]);
    assert_eq!(decode(&bits).unwrap().labels, [0, 1, 1, 1, 0, 0]);
    let without = tiff([3, 2], [8, 1, 3], &[], &LABELS);
    assert_says(decode(&without), &[&"found a TIFF without its colour table"]);
    let lossy = tiff([3, 2], [8, 1, 1], &[(259, vec![7])], &LABELS);
    assert_says(
        decode(&lossy),
        &[&"found a TIFF whose compression changes values; save masks as PNG"],
    );
}

#[test]
fn what_changes_values_is_no_mask() {
    for (bytes, name) in
        [(camera_jpeg(8, 8), "JPEG"), (encoded(&grey(), ImageFormat::WebP), "WebP")]
    {
        let says = format!("found a {name}, whose compression changes values; save masks as PNG");
        assert_says(decode(&bytes), &[&"masks/a.png: expected a mask", &says]);
    }
    assert_says(decode(b"\0\0\0\x18ftypheic\0\0\0\0"), &[&"expected a mask", &"found HEIC"]);
}

#[test]
fn no_damage_to_a_byte_is_a_panic() {
    let table: Vec<u16> = (0..768).collect();
    for whole in [
        gif(&LABELS, 1),
        bmp(2, 4, &[9; 64], &[0; 8]),
        tiff([3, 2], [8, 1, 3], &[(320, table)], &LABELS),
        encoded(&grey().to_rgb8().into(), ImageFormat::Bmp),
    ] {
        for at in (0..whole.len().min(150)).chain((150..whole.len()).step_by(5)) {
            for damage in [1, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[at] ^= damage;
                if let Ok(mask) = decode(&bytes) {
                    assert_eq!(mask.labels.len(), mask.width * mask.height);
                }
            }
        }
    }
}

#[test]
fn a_forged_size_is_refused_before_memory_is_set_aside() {
    let says = "expected a mask: a PNG, GIF, BMP or TIFF";
    let file = tiff([7990; 2], [8, 1, 3], &[(320, vec![0; 768])], &LABELS);
    assert_says(decode(&file), &[&says, &"7990 high, 7990 wide, from only "]);
    let mut file = gif(&LABELS, 1);
    file[6..10].copy_from_slice(&[7000_u16, 7000].map(u16::to_le_bytes).concat());
    assert_says(decode(&file), &[&says, &"7000 high, 7000 wide, from only "]);
    let header = Header { width: 7000, height: 7000, ..Header::grey(1, 1) };
    assert_says(decode(&png_of(header, &[0; 2])), &[&says, &"7000 high, 7000 wide, from only "]);
    let file = tiff([16_385, 1], [8, 1, 1], &[], &LABELS);
    assert_says(decode(&file), &[&"expected sides of 1 to 16384"]);
}

#[test]
fn colours_of_every_format_are_read_by_their_table() {
    let place = Place::pair();
    std::fs::remove_file(place.at("classes.txt")).unwrap();
    place.put("colours.txt", b"0 0 0 sky\n9 8 7 road\n");
    let pixels: Vec<u8> = [[9, 8, 7], [0; 3], [0; 3], [9, 8, 7], [0; 3], [0; 3]].concat();
    let rgb = DynamicImage::from(image::RgbImage::from_raw(3, 2, pixels).unwrap());
    let mut table = vec![0; 768];
    (table[1], table[257], table[513]) = (9 << 8, 8 << 8, 7 << 8);
    let indices = [1, 0, 0, 1, 0, 0];
    for file in [
        encoded(&rgb, ImageFormat::Png),
        encoded(&rgb, ImageFormat::Bmp),
        encoded(&rgb, ImageFormat::Gif),
        encoded(&rgb, ImageFormat::Tiff),
        tiff([3, 2], [8, 1, 3], &[(320, table)], &indices),
        bmp(-2, 8, &[0, 0, 0, 0, 7, 8, 9, 0], &[1, 0, 0, 0, 1, 0, 0, 0]),
    ] {
        place.put("masks/a.png", &file);
        assert_eq!(place.labels(&FolderOptions::default()).unwrap(), indices);
    }
}

/// A directory of two masks of two colours, which are in another order in the second.
fn palettes(second: &[u8]) -> Place {
    let place = Place::empty();
    place.put("classes.txt", b"sky\nroad\n");
    for (stem, palette) in [("a", &[0, 0, 0, 200, 0, 0][..]), ("b", second)] {
        place.picture(&format!("images/{stem}.jpg"));
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 3, 2);
        encoder.set_color(png::ColorType::Indexed);
        encoder.set_palette(palette.to_vec());
        let mut writer = encoder.write_header().unwrap();
        writer.write_image_data(&[0, 1, 1, 0, 1, 1]).unwrap();
        writer.finish().unwrap();
        place.put(&format!("masks/{stem}.png"), &bytes);
    }
    place
}

#[test]
fn palettes_that_differ_are_noted_with_both_files_and_the_advice() {
    let notes = |place: &Place| {
        let census = Census::take(place.path(), &FolderOptions::default(), &|_| ()).unwrap();
        let notes = lines(&census.notes).into_iter();
        notes.filter(|note| note.starts_with("palettes differ")).collect::<Vec<_>>()
    };
    let place = palettes(&[0, 0, 0, 0, 200, 0]);
    let [note] = &notes(&place)[..] else { panic!("one note") };
    let first = format!("1 is 200 0 0 in {}", place.at("masks/a.png").display());
    let second = format!("and 0 200 0 in {}", place.at("masks/b.png").display());
    for says in [&first, &second, "colours.txt, in lines such as 200 0 0 NAME"] {
        assert!(note.contains(says), "{note}");
    }
    // Colours that are the same, or that no pixel has, are no difference.
    assert!(notes(&palettes(&[0, 0, 0, 200, 0, 0, 5, 5, 5])).is_empty());
    // Where colours are what is read, numbers may stand for any.
    std::fs::remove_file(place.at("classes.txt")).unwrap();
    place.put("colours.txt", b"0 0 0 sky\n200 0 0 road\n0 200 0 road\n");
    assert!(notes(&place).is_empty());
}
