//! The pixels of a mask's file, by the format that its content has.

use std::path::Path;

use super::pixels::Pixels;
use super::{bmp, gif, png, tiff};
use crate::DataError;
use crate::picture::{PictureFormat, Stored};

/// The pixels in `bytes`; `path` and what was `expected` there are for the messages.
pub fn pixels(bytes: &[u8], path: &Path, expected: &str) -> Result<Pixels, DataError> {
    match PictureFormat::of_content(bytes) {
        Some(PictureFormat::Png) => png::pixels(bytes, path, expected),
        Some(PictureFormat::Gif) => gif::pixels(bytes, path, expected),
        Some(PictureFormat::Bmp) => bmp::pixels(bytes, path, expected),
        Some(PictureFormat::Tiff) => tiff::pixels(bytes, path, expected),
        Some(lossy @ (PictureFormat::Jpeg | PictureFormat::WebP)) => {
            let found =
                format!("a {}, whose compression changes values; save masks as PNG", lossy.name());
            Err(DataError::unfit(path, expected, found))
        }
        // Refused as a picture is.
        _ => Stored::decode(bytes, path, expected).map(|stored| Pixels::Channels(stored.image)),
    }
}
