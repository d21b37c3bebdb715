//! Masks as BMP.

use std::io::Cursor;
use std::path::Path;

use image::codecs::bmp::BmpDecoder;

use super::pixels::Pixels;
use super::unpacked;
use crate::picture::Stored;
use crate::{DataError, Mask};

/// The pixels of a BMP.
pub fn pixels(bytes: &[u8], path: &Path, expected: &str) -> Result<Pixels, DataError> {
    // What follows relies on it that the file is whole.
    let image = Stored::decode(bytes, path, expected)?.image;
    let decoder = BmpDecoder::new(Cursor::new(bytes));
    let palette = decoder.ok().and_then(|decoder| decoder.get_palette().map(<[_]>::to_vec));
    let Some(palette) = palette else { return Ok(Pixels::Channels(image)) };
    let [height, width] = [image.height() as usize, image.width() as usize];
    let numbers = numbers(bytes, [height, width]).ok_or_else(|| {
        DataError::unfit(path, expected, "a run-length encoded BMP; save it as PNG")
    })?;
    Ok(Pixels::Indexed { numbers, palette })
}

/// The numbers of a BMP with a palette, which the decoder has no way to hand out but for 8 bits; none of one
/// that is compressed.
fn numbers(bytes: &[u8], [height, width]: [usize; 2]) -> Option<Mask> {
    let half = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u16::from_le_bytes);
    let whole = |at: usize| bytes.get(at..)?.first_chunk().copied().map(u32::from_le_bytes);
    // The oldest header is shorter and knows no compression.
    let (bits, compression, is_from_top) = match whole(14)? {
        12 => (half(24)?, 0, false),
        _ => (half(28)?, whole(30)?, whole(22)?.cast_signed() < 0),
    };
    if compression != 0 || ![1, 2, 4, 8].contains(&bits) {
        return None;
    }
    let bits = usize::from(bits);
    let row = (width * bits).div_ceil(32) * 4;
    let rows = bytes.get(whole(10)? as usize..)?.get(..height * row)?.chunks_exact(row);
    let labels = match is_from_top {
        true => unpacked(rows, bits, width),
        false => unpacked(rows.rev(), bits, width),
    };
    Some(Mask { width, height, labels })
}
