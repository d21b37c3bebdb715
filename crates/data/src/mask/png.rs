//! Masks as PNG.

use std::io::Cursor;
use std::path::Path;

use image::ImageFormat;
use png::{BitDepth, ColorType, Decoder, Limits, Transformations};

use super::pixels::Pixels;
use super::unpacked;
use crate::chunks::{HALF_A_COLOUR, has_whole_palettes};
use crate::files::MAX_BYTES;
use crate::picture::{Stored, check_pixels};
use crate::{DataError, Mask};

/// The pixels of a PNG that is whole.
pub fn pixels(bytes: &[u8], path: &Path, expected: &str) -> Result<Pixels, DataError> {
    let unfit = |found: &dyn std::fmt::Display| DataError::unfit(path, expected, found);
    if !has_whole_palettes(bytes) {
        return Err(unfit(&HALF_A_COLOUR));
    }
    let limits = Limits { bytes: MAX_BYTES as usize };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(|error| unfit(&error))?;
    let info = reader.info();
    let (colour, depth) = (info.color_type, info.bit_depth);
    if !matches!(colour, ColorType::Indexed | ColorType::Grayscale) || depth == BitDepth::Sixteen {
        return Ok(Pixels::Channels(Stored::decode(bytes, path, expected)?.image));
    }
    let size @ [height, width] = [info.height as usize, info.width as usize];
    check_pixels(bytes, ImageFormat::Png, size, path, expected)?;
    let palette = info.palette.as_ref().map(|palette| palette.as_chunks().0.to_vec());
    let bits = depth as usize;
    let row = (width * bits).div_ceil(8);
    // The decoder's limits leave out the buffer it is given.
    let mut packed = vec![0; height * row];
    reader.next_frame(&mut packed).map_err(|error| unfit(&error))?;
    reader.finish().map_err(|error| unfit(&error))?;
    let labels = unpacked(packed.chunks_exact(row), bits, width);
    let numbers = Mask { width, height, labels };
    Ok(match palette.filter(|_| colour == ColorType::Indexed) {
        Some(palette) => Pixels::Indexed { numbers, palette },
        None => Pixels::Grey { numbers, scale: (255 / ((1_u16 << bits) - 1)) as u8 },
    })
}
