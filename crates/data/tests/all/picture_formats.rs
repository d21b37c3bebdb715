//! Pictures of every format that people have, told by their content.

use std::path::Path;

use crate::common::files::{camera_jpeg, encoded, tiff};
use crate::common::place::Place;
use crate::common::{Header, assert_says, assert_survives_damage, jpeg, png};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage};
use mirrorgrad_data::{
    DataError, FolderOptions, Picture, PictureFormat, decode_picture, read_picture,
};

/// Those without loss, beside PNG.
const FORMATS: [ImageFormat; 4] =
    [ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Tiff, ImageFormat::WebP];

fn decode(bytes: &[u8]) -> Result<Picture, DataError> {
    decode_picture(bytes, Path::new("images/a.jpg"))
}

fn coloured(width: u32, height: u32) -> DynamicImage {
    let colour = |x, y| Rgb([(x * 50 % 256) as u8, (y * 100 % 256) as u8, (x * y % 200) as u8]);
    RgbImage::from_fn(width, height, colour).into()
}

fn grey(width: u32, height: u32) -> DynamicImage {
    GrayImage::from_fn(width, height, |x, y| Luma([(x * 50 + y) as u8])).into()
}

#[test]
fn pixels_are_the_same_in_every_format_whatever_the_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("named.jpg");
    for image in [coloured(7, 5), grey(5, 4)] {
        for format in FORMATS {
            // The encoder of GIF takes colours alone.
            let is_gif = format == ImageFormat::Gif;
            let image = if is_gif { image.to_rgb8().into() } else { image.clone() };
            std::fs::write(&path, encoded(&image, format)).unwrap();
            let picture = read_picture(&path).unwrap();
            let size = [image.height() as usize, image.width() as usize];
            assert_eq!(picture.size(), size, "{format:?}");
            assert_eq!(picture.rgb, image.to_rgb8().into_raw(), "{format:?}");
        }
    }
}

#[test]
fn a_tiff_of_16_bits_is_read_as_a_png_of_16_bits_is() {
    let grey = DynamicImage::from(grey(5, 4).to_luma16());
    for image in [grey, coloured(5, 4).to_rgb16().into(), coloured(5, 4).to_rgba16().into()] {
        let [tiff, png] = [ImageFormat::Tiff, ImageFormat::Png].map(|it| encoded(&image, it));
        assert_eq!(decode(&tiff).unwrap(), decode(&png).unwrap());
    }
}

#[test]
fn white_may_be_nought_in_a_tiff_and_a_bit_may_be_a_pixel() {
    let rgb = |bytes: &[u8]| decode(bytes).unwrap().rgb;
    assert_eq!(rgb(&tiff([2, 1], [8, 1, 0], &[], &[0, 5])), [255, 255, 255, 250, 250, 250]);
    assert_eq!(rgb(&tiff([3, 1], [1, 1, 1], &[], &[0b0100_0000]))[..6], [0, 0, 0, 255, 255, 255]);
}

#[test]
fn of_several_pictures_the_first_is_read() {
    let mut bytes = Vec::new();
    let mut encoder = gif::Encoder::new(&mut bytes, 2, 1, &[0, 0, 0, 9, 8, 7]).unwrap();
    for indices in [[1, 0], [0, 0]] {
        encoder.write_frame(&gif::Frame::from_indexed_pixels(2, 1, indices, None)).unwrap();
    }
    drop(encoder);
    assert_eq!(decode(&bytes).unwrap().rgb, [9, 8, 7, 0, 0, 0]);
}

#[test]
fn formats_that_are_not_read_are_named_with_what_to_do() {
    for (bytes, name) in [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".as_slice(), "HEIC"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x18ftypavif\0\0\0\0mif1miaf", "AVIF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0avifmiaf", "AVIF"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"\xff\x0a\xfa\x1f", "JPEG XL"),
        (b"qoif\0\0\0\x01", "Qoi"),
    ] {
        let says = format!("found {name}, which is not read; convert it to PNG or JPEG");
        assert_says(decode(bytes), &[&"images/a.jpg: expected a complete JPEG, PNG", &says]);
    }
    // A video is in boxes too.
    assert_says(decode(b"\0\0\0\x18ftypisom\0\0\0\0isommp42"), &[&"no known picture format"]);
}

#[test]
fn names_and_contents_tell_the_same_format() {
    for (format, decoded) in [
        (PictureFormat::Jpeg, ImageFormat::Jpeg),
        (PictureFormat::Png, ImageFormat::Png),
        (PictureFormat::Bmp, ImageFormat::Bmp),
        (PictureFormat::Gif, ImageFormat::Gif),
        (PictureFormat::Tiff, ImageFormat::Tiff),
        (PictureFormat::WebP, ImageFormat::WebP),
    ] {
        let bytes = encoded(&coloured(3, 2), decoded);
        assert_eq!(PictureFormat::of_content(&bytes), Some(format));
        for extension in format.extensions() {
            for name in [format!("a.{extension}"), format!("a.{}", extension.to_uppercase())] {
                assert_eq!(PictureFormat::of_name(Path::new(&name)), Some(format));
            }
        }
    }
    for name in ["Thumbs.db", "desktop.ini", "readme.txt", "a.pgw", "a.tif.aux.xml", "jpg", ".png"]
    {
        assert_eq!(PictureFormat::of_name(Path::new(name)), None, "{name}");
    }
}

#[test]
fn a_picture_cut_short_is_an_error_unless_every_pixel_is_there() {
    for format in FORMATS {
        let whole = encoded(&coloured(21, 13), format);
        let picture = decode(&whole).unwrap();
        for length in 0..whole.len() {
            match decode(&whole[..length]) {
                Err(error) => assert!(error.to_string().starts_with("images/a.jpg: expected")),
                Ok(read) => assert!(read == picture && length + 4 > whole.len(), "{format:?}"),
            }
        }
    }
    // The directory stands before the pixels.
    let whole = tiff([21, 13], [8, 1, 1], &[], &[7; 21 * 13]);
    assert!(decode(&whole).is_ok());
    (8..whole.len()).for_each(|length| assert!(decode(&whole[..length]).is_err(), "{length}"));
}

#[test]
fn no_damage_to_a_byte_is_a_panic() {
    for format in FORMATS {
        let whole = encoded(&coloured(9, 5), format);
        // The first bytes are headers; GIF and WebP have most of their bytes in tables.
        let places = (0..whole.len().min(200)).chain((200..whole.len()).step_by(7));
        assert_survives_damage(&whole, places, decode);
    }
}

#[test]
fn a_forged_size_is_refused_with_the_reason() {
    let forged = |format, at: usize, sides: &[u8]| {
        let mut bytes = encoded(&coloured(3, 2), format);
        bytes[at..at + sides.len()].copy_from_slice(sides);
        decode(&bytes)
    };
    let says = "expected sides of 1 to 16384 and at most 64000000 pixels, found";
    let wide = |side: u16| [side.to_le_bytes(), side.to_le_bytes()].concat();
    let long = |side: u32| [side.to_le_bytes(), side.to_le_bytes()].concat();
    for side in [60_000, 16_385, 16_000] {
        assert_says(forged(ImageFormat::Gif, 6, &wide(side)), &[&says]);
        assert_says(forged(ImageFormat::Bmp, 18, &long(side.into())), &[&says]);
        let [_, tag] = [[0; 2], [side; 2]];
        assert_says(decode(&tiff(tag, [8, 1, 1], &[], &[0; 6])), &[&says]);
    }
    // What these bytes cannot make is refused before there is memory for it.
    let says = "found 7000 high, 7000 wide, from only ";
    assert_says(forged(ImageFormat::Gif, 6, &wide(7000)), &[&"expected a complete JPEG", &says]);
    assert_says(forged(ImageFormat::Bmp, 18, &long(7000)), &[&"expected a complete JPEG", &says]);
    let file = tiff([7000; 2], [8, 1, 1], &[], &[0; 6]);
    assert_says(decode(&file), &[&"expected a complete JPEG", &says]);
    // 7000 by 7000 in 14 bits each, less one, behind the mark of a WebP without loss.
    let webp = encoded(&coloured(3, 2), ImageFormat::WebP);
    let at = webp.windows(4).position(|name| name == b"VP8L").unwrap() + 9;
    let mut webp = webp;
    let flags = u32::from_le_bytes(*webp[at..].first_chunk().unwrap()) & 0xf000_0000;
    webp[at..at + 4].copy_from_slice(&(flags | 6999 << 14 | 6999).to_le_bytes());
    assert_says(decode(&webp), &[&"expected a complete JPEG", &says]);
    // The plainest picture there is has as many as it needs.
    for format in FORMATS {
        let plain = DynamicImage::from(RgbImage::from_pixel(640, 480, Rgb([128; 3])));
        assert_eq!(decode(&encoded(&plain, format)).unwrap().size(), [480, 640], "{format:?}");
    }
}

#[test]
fn a_tiff_of_floats_is_refused() {
    let ones: Vec<u8> = [1_f32; 3].iter().flat_map(|one| one.to_le_bytes()).collect();
    let file = tiff([1, 1], [32, 3, 2], &[(339, vec![3, 3, 3])], &ones);
    assert_says(
        decode(&file),
        &[&"images/a.jpg: expected numbers of 1 to 16 bits, found 32-bit floats"],
    );
}

#[test]
fn segments_behind_a_jpegs_scan_change_no_pixel() {
    let plain = camera_jpeg(64, 45);
    let picture = decode(&plain).unwrap();
    let (scan, end) = plain.split_at(plain.len() - 2);
    // Notes of applications, a comment, and tables for scans that do not come.
    for kind in (0xe0..=0xef).chain([0xfe, 0xdb, 0xc4, 0xdd]) {
        let file = [scan, &[0xff, kind, 0, 6, 1, 2, 3, 4], end].concat();
        assert_eq!(decode(&file).unwrap(), picture, "{kind:x}");
        let twice = [scan, &[0xff, kind, 0, 4, 1, 2, 0xff, 0xff, kind, 0, 3, 9], end].concat();
        assert_eq!(decode(&twice).unwrap(), picture, "{kind:x}");
    }
    // A cut is still found behind them.
    let cut = [&scan[..scan.len() - 20], b"\xff\xe5\0\x04ab", end].concat();
    assert_says(decode(&cut), &[&"found a JPEG that ends before all its pixels"]);
    let open = [scan, b"\xff\xe5\0\x04ab"].concat();
    assert_says(decode(&open), &[&"found a JPEG without its end"]);
}

#[test]
fn a_data_set_may_have_all_formats_beside_each_other() {
    let place = Place::empty();
    place.put("classes.txt", b"sky\nroad\n");
    for (stem, format) in ["a", "b", "c", "d"].into_iter().zip(FORMATS) {
        // Each under a name that lies.
        place.put(&format!("images/{stem}.jpg"), &encoded(&coloured(3, 2), format));
        place.mask(&format!("masks/{stem}.png"), &[0; 6]);
    }
    place.put("images/e.png", &jpeg(3, 2));
    place.put("masks/e.png", &png(Header::grey(3, 2), &[1; 6]));
    let folder = place.open(mirrorgrad_data::Split::All, &FolderOptions::default()).unwrap();
    use mirrorgrad_data::Dataset;
    assert_eq!(folder.len(), 5);
    (0..5).for_each(|index| assert_eq!(folder.sample(index).unwrap().size(), [2, 3]));
}
