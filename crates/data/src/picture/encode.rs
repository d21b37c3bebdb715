//! Pictures to bytes.

use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder};

use crate::Picture;

/// A picture as the bytes of a PNG file.
///
/// ```
/// # use mirrorgrad_data::{Picture, decode_picture, to_png};
/// # use std::path::Path;
/// let picture = Picture { width: 1, height: 2, rgb: vec![10, 20, 30, 40, 50, 60] };
/// let bytes = to_png(&picture)?;
/// assert!(bytes.starts_with(b"\x89PNG"));
/// assert_eq!(decode_picture(&bytes, Path::new("a.png"))?, picture);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If a side is 0 or the sizes do not fit.
pub fn to_png(picture: &Picture) -> Result<Vec<u8>, image::ImageError> {
    let mut bytes = Vec::new();
    let (width, height) = (picture.width as u32, picture.height as u32);
    PngEncoder::new(&mut bytes).write_image(
        &picture.rgb,
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(bytes)
}
