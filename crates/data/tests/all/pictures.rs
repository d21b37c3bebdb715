//! Pictures: which files are, and what is read from them.

use std::path::Path;

use crate::common::files::encoded;
use crate::common::{Header, assert_says, assert_survives_damage, chunk, jpeg, png, png_of};
use image::{DynamicImage, GrayImage, ImageFormat, RgbImage};
use mirrorgrad_data::{DataError, Picture, decode_picture, read_picture};

fn decode(bytes: &[u8]) -> Result<Picture, DataError> {
    decode_picture(bytes, Path::new("images/a.jpg"))
}

#[test]
fn every_kind_of_png_becomes_rgb() {
    let colours = RgbImage::from_fn(5, 3, |x, y| image::Rgb([x as u8 * 50, y as u8 * 100, 7]));
    let greys = GrayImage::from_fn(5, 3, |x, y| image::Luma([(x * 50 + y) as u8]));
    let grey_rgb: Vec<u8> = greys.iter().flat_map(|&v| [v; 3]).collect();
    let (colour, grey) = (DynamicImage::from(colours.clone()), DynamicImage::from(greys));
    let of_colour = [
        colour.clone(),
        colour.to_rgba8().into(),
        colour.to_rgb16().into(),
        colour.to_rgba16().into(),
    ];
    for image in of_colour {
        let picture = decode(&encoded(&image, ImageFormat::Png)).unwrap();
        assert_eq!((picture.size(), picture.rgb), ([3, 5], colours.clone().into_raw()));
    }
    for image in [grey.clone(), grey.to_luma_alpha8().into(), grey.to_luma16().into()] {
        let picture = decode(&encoded(&image, ImageFormat::Png)).unwrap();
        assert_eq!((picture.size(), &picture.rgb), ([3, 5], &grey_rgb));
    }
    // The palette of the hand-made file: value v is the colour (21v, 21v + 7, 21v + 14) mod 256.
    let header = Header { bits: 4, colour: 3, ..Header::grey(2, 1) };
    assert_eq!(decode(&png(header, &[1, 13])).unwrap().rgb, [21, 28, 35, 17, 24, 31]);
}

#[test]
fn the_content_tells_the_format_and_not_the_name() {
    let dir = tempfile::tempdir().unwrap();
    let [as_png, as_jpeg] = ["a.png", "b.jpg"].map(|name| dir.path().join(name));
    std::fs::write(&as_png, jpeg(9, 4)).unwrap();
    std::fs::write(&as_jpeg, png(Header::grey(2, 1), &[5, 6])).unwrap();
    assert_eq!(read_picture(&as_png).unwrap().size(), [4, 9]);
    assert_eq!(read_picture(&as_jpeg).unwrap().rgb, [5, 5, 5, 6, 6, 6]);
}

#[test]
fn a_jpeg_is_read_as_it_looks() {
    let picture = decode(&jpeg(24, 16)).unwrap();
    let near = |a: u8, b: usize| usize::from(a).abs_diff(b) < 40;
    for (i, rgb) in picture.rgb.chunks_exact(3).enumerate() {
        assert!(near(rgb[0], i % 24 * 5) && near(rgb[1], i / 24 * 7) && near(rgb[2], 90));
    }
    let grey = DynamicImage::from(GrayImage::from_pixel(8, 8, image::Luma([77])));
    let picture = decode(&encoded(&grey, ImageFormat::Jpeg)).unwrap();
    assert_eq!(picture.rgb, [77; 3 * 64]);
}

#[test]
fn what_is_no_picture_is_refused() {
    for (bytes, found) in
        [(b"".as_slice(), "no known picture format"), (b"hello", "no known picture format")]
    {
        let says: [&dyn std::fmt::Display; 3] = [
            &"images/a.jpg",
            &"expected a complete JPEG, PNG, BMP, GIF, TIFF or WebP picture",
            &found,
        ];
        assert_says(decode(bytes), &says);
    }
}

#[test]
fn a_jpeg_cut_short_anywhere_is_an_error() {
    let whole = jpeg(40, 24);
    assert!(decode(&whole).is_ok());
    for length in 0..whole.len() {
        assert_says(decode(&whole[..length]), &[&"images/a.jpg", &"expected a complete"]);
    }
}

#[test]
fn a_png_cut_short_is_an_error_unless_every_pixel_is_there() {
    let whole = png(Header::grey(6, 5), &[3; 30]);
    let picture = decode(&whole).unwrap();
    for length in 0..whole.len() {
        match decode(&whole[..length]) {
            Err(error) => {
                assert!(error.to_string().starts_with("images/a.jpg: expected a complete"))
            }
            Ok(read) => assert!(read == picture && length >= whole.len() - 20, "{length}"),
        }
    }
}

#[test]
fn no_damage_to_a_byte_is_a_panic() {
    for whole in [jpeg(17, 9), png(Header::grey(6, 5), &[3; 30])] {
        assert_survives_damage(&whole, 0..whole.len(), decode);
    }
}

#[test]
fn a_forged_size_is_refused_with_the_reason() {
    let whole = jpeg(8, 8);
    // The frame's header has the height and the width after five bytes.
    let frame = whole.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    let says = |height: u16, width: u16| {
        let size = format!("found {height} high, {width} wide");
        format!("expected sides of 1 to 16384 and at most 64000000 pixels, {size}")
    };
    for [height, width] in [
        [60_000, 60_000],
        [1, 16_385],
        [16_385, 1],
        [16_384, 16_384],
        [4_000, 16_001],
        [16_001, 4_000],
    ] {
        let says = says(height, width);
        let sides = [height, width].map(u16::to_be_bytes).concat();
        let mut of_jpeg = whole.clone();
        of_jpeg[frame + 5..frame + 9].copy_from_slice(&sides);
        let header = Header { width: width.into(), height: height.into(), ..Header::grey(1, 1) };
        for file in [of_jpeg, png_of(header, &[0; 2])] {
            assert_says(decode(&file), &[&"images/a.jpg", &says]);
        }
    }
}

#[test]
fn a_turned_picture_is_refused_whatever_its_format() {
    let (of_jpeg, of_png) = (jpeg(8, 8), png(Header::grey(3, 2), &[1, 2, 3, 4, 5, 6]));
    for (orientation, fine) in [(1, true), (6, false), (3, false)] {
        // An EXIF block with one entry, the orientation (tag 0x0112, a short).
        let mut exif = b"MM\0\x2a\0\0\0\x08\0\x01".to_vec();
        exif.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);
        let segment = [b"\xff\xe1\x00\x22Exif\0\0".as_slice(), &exif].concat();
        // Behind the mark that a JPEG begins with, and behind a PNG's header.
        let (block, end) = (chunk(b"eXIf", &exif), of_png.len() - 12);
        // In a PNG it may stand behind the pixels too.
        for (plain, at, block) in
            [(&of_jpeg, 2, segment), (&of_png, 33, block.clone()), (&of_png, end, block)]
        {
            let file = [&plain[..at], &block, &plain[at..]].concat();
            if fine {
                assert_eq!(decode(&file).unwrap(), decode(plain).unwrap());
                continue;
            }
            let says = format!("EXIF orientation {orientation}; save it rotated");
            assert_says(decode(&file), &[&"images/a.jpg", &"expected an upright picture", &says]);
        }
    }
}

#[test]
fn a_jpeg_of_more_pixels_than_its_bytes_can_make_is_refused_before_it_is_decoded() {
    let mut file = jpeg(8, 8);
    let frame = file.windows(2).position(|pair| pair == [0xff, 0xc0]).unwrap();
    // 32 million pixels of some hundred bytes.
    file[frame + 5..frame + 9].copy_from_slice(&[4000_u16, 8000].map(u16::to_be_bytes).concat());
    let says = format!("found 4000 high, 8000 wide, from only {} bytes", file.len());
    assert_says(
        decode(&file),
        &[&"expected a complete JPEG, PNG, BMP, GIF, TIFF or WebP picture", &says],
    );
    // The plainest picture there is has as many as it needs.
    let grey = DynamicImage::from(GrayImage::from_pixel(2000, 1000, image::Luma([128])));
    for format in [ImageFormat::Jpeg, ImageFormat::Png] {
        assert_eq!(decode(&encoded(&grey, format)).unwrap().size(), [1000, 2000]);
    }
}

#[test]
fn a_palette_that_ends_within_a_colour_is_refused() {
    let mut head = [7_u32.to_be_bytes(), 5_u32.to_be_bytes()].concat();
    head.extend([4, 3, 0, 0, 0]);
    // Of 47 colours and two thirds, as nothing in the standard allows.
    let palette = chunk(b"PLTE", &[0x9e; 143]);
    let whole = png(Header { bits: 4, colour: 3, ..Header::grey(7, 5) }, &[0; 35]);
    let pixels = whole.windows(4).position(|kind| kind == b"IDAT").unwrap() - 4;
    let file = [&b"\x89PNG\r\n\x1a\n"[..], &chunk(b"IHDR", &head), &palette, &whole[pixels..]];
    let file = file.concat();
    let says = "found a palette that ends within a colour";
    assert_says(
        decode(&file),
        &[&"expected a complete JPEG, PNG, BMP, GIF, TIFF or WebP picture", &says],
    );
    let mask = mirrorgrad_data::decode_mask(&file, Path::new("masks/a.png"));
    assert_says(mask, &[&"masks/a.png: expected a mask", &says]);
}
