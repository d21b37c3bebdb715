//! Masks as GIF.

use std::num::NonZeroU64;
use std::path::Path;

use gif::{DecodeOptions, MemoryLimit};
use image::ImageFormat;

use super::pixels::Pixels;
use crate::files::MAX_BYTES;
use crate::picture::check_pixels;
use crate::{DataError, Mask};

/// The pixels of a GIF of one picture, which covers all of it.
pub fn pixels(bytes: &[u8], path: &Path, expected: &str) -> Result<Pixels, DataError> {
    let unfit = |found: &dyn std::fmt::Display| DataError::unfit(path, expected, found);
    let broken = |error: gif::DecodingError| unfit(&error);
    let mut options = DecodeOptions::new();
    options.check_frame_consistency(true);
    options.set_memory_limit(
        NonZeroU64::new(MAX_BYTES).map_or(MemoryLimit::Unlimited, MemoryLimit::Bytes),
    );
    let mut decoder = options.read_info(bytes).map_err(broken)?;
    let size @ [height, width] = [decoder.height(), decoder.width()].map(usize::from);
    check_pixels(bytes, ImageFormat::Gif, size, path, expected)?;
    let frame = decoder.read_next_frame().map_err(broken)?.ok_or_else(|| unfit(&"no picture"))?;
    if [frame.height, frame.width].map(usize::from) != size {
        return Err(unfit(&"a GIF whose frame does not cover it"));
    }
    let numbers = Mask { width, height, labels: frame.buffer.to_vec() };
    let palette = decoder.palette().map_err(broken)?.as_chunks().0.to_vec();
    match decoder.next_frame_info().map_err(broken)? {
        None => Ok(Pixels::Indexed { numbers, palette }),
        Some(_) => Err(unfit(&"a GIF with several frames")),
    }
}
