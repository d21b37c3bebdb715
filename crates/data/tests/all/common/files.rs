//! Files of other formats than PNG, by their standards or by their encoders.

use std::io::Cursor;

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder, webp::WebPEncoder};
use image::{DynamicImage, ImageEncoder, ImageFormat};

/// A picture in a format.
pub fn encoded(image: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// EXIF data of one entry, the orientation (tag 0x0112, a short).
pub fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"MM\0\x2a\0\0\0\x08\0\x01".to_vec();
    exif.extend([1, 0x12, 0, 3, 0, 0, 0, 1, 0, orientation, 0, 0, 0, 0, 0, 0]);
    exif
}

/// A picture that is to be turned, as JPEG, PNG, TIFF and WebP.
pub fn turned(image: &DynamicImage, orientation: u8) -> Vec<Vec<u8>> {
    let [mut jpeg, mut png, mut webp] = [const { Vec::new() }; 3];
    let mut of_jpeg = JpegEncoder::new(&mut jpeg);
    of_jpeg.set_exif_metadata(exif(orientation)).unwrap();
    image.write_with_encoder(of_jpeg).unwrap();
    let mut of_png = PngEncoder::new(&mut png);
    of_png.set_exif_metadata(exif(orientation)).unwrap();
    image.write_with_encoder(of_png).unwrap();
    let mut of_webp = WebPEncoder::new_lossless(&mut webp);
    of_webp.set_exif_metadata(exif(orientation)).unwrap();
    image.write_with_encoder(of_webp).unwrap();
    let rgb = image.to_rgb8();
    let size = [rgb.width(), rgb.height()].map(|side| side as u16);
    let tiff = tiff(size, [8, 3, 2], &[(274, vec![orientation.into()])], rgb.as_raw());
    vec![jpeg, png, tiff, webp]
}

/// A TIFF of one strip, uncompressed: bits a sample, samples a pixel and what they are (0 and 1 grey, 2 RGB,
/// 3 places in a table), with more tags of short numbers.
pub fn tiff(
    [width, height]: [u16; 2],
    [bits, samples, interpretation]: [u16; 3],
    more: &[(u16, Vec<u16>)],
    pixels: &[u8],
) -> Vec<u8> {
    let mut tags = vec![
        (256, vec![width]),
        (257, vec![height]),
        (258, vec![bits; samples.into()]),
        (259, vec![1]),
        (262, vec![interpretation]),
        (277, vec![samples]),
        (278, vec![height]),
        (279, vec![pixels.len() as u16]),
    ];
    for (tag, values) in more {
        tags.retain(|(other, _)| other != tag);
        tags.push((*tag, values.clone()));
    }
    // Where the strip is: behind the directory of these tags and its own.
    let end = 8 + 2 + 12 * (tags.len() + 1) + 4;
    tags.push((273, vec![end as u16]));
    tags.sort_by_key(|(tag, _)| *tag);
    let (mut directory, mut behind) = ((tags.len() as u16).to_le_bytes().to_vec(), pixels.to_vec());
    for (tag, values) in &tags {
        directory.extend([tag.to_le_bytes(), 3_u16.to_le_bytes()].concat());
        directory.extend((values.len() as u32).to_le_bytes());
        let mut bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        if bytes.len() > 4 {
            let at = (end + behind.len()) as u32;
            behind.append(&mut bytes);
            bytes = at.to_le_bytes().to_vec();
        }
        bytes.resize(4, 0);
        directory.extend(bytes);
    }
    [b"II*\0\x08\0\0\0".as_slice(), &directory, &[0; 4], &behind].concat()
}

/// A JPEG whose colours have half its height and width, as cameras write them: flat blocks of 8 by 8 pixels,
/// each of another grey and colour.
pub fn camera_jpeg(width: u16, height: u16) -> Vec<u8> {
    let mut file = b"\xff\xd8\xff\xdb\0\x43\0".to_vec();
    // Steps of 8 in every coefficient: the first is then the mean of a block.
    file.extend([8; 64]);
    file.extend(b"\xff\xc0\0\x11\x08");
    file.extend([height, width].map(u16::to_be_bytes).concat());
    file.extend([3, 1, 0x22, 0, 2, 0x11, 0, 3, 0x11, 0]);
    // Codes of 4 bits for the lengths 0 to 11 of means, and of 1 bit for the end of a block.
    file.extend(b"\xff\xc4\0\x1f\0\0\0\0\x0c\0\0\0\0\0\0\0\0\0\0\0\0");
    file.extend(0..12);
    file.extend(b"\xff\xc4\0\x14\x10\x01\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0");
    file.extend(b"\xff\xda\0\x0c\x03\x01\0\x02\0\x03\0\0\x3f\0");
    let (mut bits, mut last) = (Vec::new(), [0_i32; 3]);
    let units = u32::from(width.div_ceil(16)) * u32::from(height.div_ceil(16));
    for unit in 0..units as i32 {
        for (component, block) in [(0, 0), (0, 1), (0, 2), (0, 3), (1, 0), (2, 0)] {
            let mean = (unit * 37 + block * 11 + component as i32 * 50) % 160 - 80;
            let change = mean - last[component];
            last[component] = mean;
            let length = (32 - change.unsigned_abs().leading_zeros()) as usize;
            // What is below 0 is written as the number less 1.
            let value = if change < 0 { change - 1 } else { change };
            bits.extend((0..4).rev().map(|bit| length >> bit & 1 == 1));
            bits.extend((0..length).rev().map(|bit| value >> bit & 1 == 1));
            bits.push(false);
        }
    }
    bits.resize(bits.len().next_multiple_of(8), true);
    for byte in bits.chunks(8) {
        let byte = byte.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit));
        file.push(byte);
        if byte == 0xff {
            file.push(0);
        }
    }
    file.extend(b"\xff\xd9");
    file
}
