//! Pictures from files: JPEG or PNG, told by their content, as 8-bit RGB.

mod formats;
mod jpeg;

pub use self::formats::PictureFormat;

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use crate::chunks::{self, HALF_A_COLOUR};
use crate::files::{MAX_BYTES, check_size, read};
use crate::{DataError, Picture};

const EXPECTED: &str = "a whole JPEG or PNG picture";

/// Reads a picture. Grey, palette, RGB and RGBA, of 1 to 16 bits, all become 8-bit RGB; an alpha
/// channel is left out, not blended.
///
/// ```
/// # use mirrorgrad_segment::{Picture, plots::to_png, read_picture};
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("a.png");
/// let picture = Picture { width: 2, height: 1, rgb: vec![255, 0, 0, 0, 0, 255] };
/// std::fs::write(&path, to_png(&picture)?)?;
/// assert_eq!(read_picture(&path)?, picture);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be read, is not a whole JPEG or PNG, is beyond 16,384 pixels a side or
/// 64 million in all, or has an EXIF orientation, which its mask would not follow.
pub fn read_picture(path: &Path) -> Result<Picture, DataError> {
    decode_picture(&read(path, MAX_BYTES)?, path)
}

/// As [`read_picture`], from bytes; `path` is for the messages.
///
/// ```
/// # use mirrorgrad_segment::{Picture, decode_picture, plots::to_png};
/// # use std::path::Path;
/// let path = Path::new("a.png");
/// let picture = Picture { width: 2, height: 1, rgb: vec![255, 0, 0, 0, 0, 255] };
/// assert_eq!(decode_picture(&to_png(&picture)?, path)?, picture);
/// let error = decode_picture(b"GIF89a", path).unwrap_err().to_string();
/// assert_eq!(error, "a.png: expected a whole JPEG or PNG picture, found Gif");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`read_picture`].
pub fn decode_picture(bytes: &[u8], path: &Path) -> Result<Picture, DataError> {
    let unfit = |found: &str| DataError::unfit(path, EXPECTED, found);
    match image::guess_format(bytes).map_err(|_| unfit("no known picture format"))? {
        ImageFormat::Png if !chunks::has_whole_palettes(bytes) => Err(unfit(HALF_A_COLOUR)),
        ImageFormat::Png => decode(bytes, ImageFormat::Png, path),
        ImageFormat::Jpeg => {
            let end = jpeg::end(bytes).ok_or_else(|| unfit("a JPEG without its end"))?;
            let picture = decode(bytes, ImageFormat::Jpeg, path)?;
            let prolonged = decode(&jpeg::prolonged(bytes, end), ImageFormat::Jpeg, path);
            if prolonged.is_ok_and(|prolonged| prolonged == picture) {
                return Ok(picture);
            }
            Err(unfit("a JPEG that ends before all its pixels"))
        }
        other => Err(unfit(&format!("{other:?}"))),
    }
}

fn decode(bytes: &[u8], format: ImageFormat, path: &Path) -> Result<Picture, DataError> {
    let broken = |error: image::ImageError| DataError::unfit(path, EXPECTED, error);
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    check_size(path, [height as usize, width as usize])?;
    let most = bytes.len().saturating_mul(pixels_of_a_byte(format));
    if height as usize * width as usize > most {
        let found = format!("{height} high, {width} wide, of {} bytes alone", bytes.len());
        return Err(DataError::unfit(path, EXPECTED, found));
    }
    let orientation = match chunks::exif(bytes).filter(|_| format == ImageFormat::Png) {
        // The decoder sees one that stands before the pixels alone.
        Some(exif) => Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms),
        None => decoder.orientation().map_err(broken)?,
    };
    if orientation != Orientation::NoTransforms {
        let found = format!(
            "EXIF orientation {}; save it turned, so that picture and mask are stored alike",
            orientation.to_exif()
        );
        return Err(DataError::unfit(path, "an upright picture", found));
    }
    let image = DynamicImage::from_decoder(decoder).map_err(broken)?.into_rgb8();
    let (width, height) = (image.width() as usize, image.height() as usize);
    Ok(Picture { width, height, rgb: image.into_raw() })
}

/// Pixels that a byte of a file makes at most: to be known before memory is set aside for them.
fn pixels_of_a_byte(format: ImageFormat) -> usize {
    match format {
        // A block of 64 has a code in one scan or another, and that a bit.
        ImageFormat::Jpeg => 8 * 64,
        // The most that Deflate makes of a byte (RFC 1951: 258 bytes of two bits), of a bit each.
        _ => 8 * 1032,
    }
}

fn limits() -> Limits {
    // Of the sides, `check_size` says what they may be.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    limits
}
