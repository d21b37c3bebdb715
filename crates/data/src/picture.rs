//! Pictures from files, of the formats that people have, as 8-bit RGB.

mod encode;
mod formats;
mod jpeg;
mod range;
mod stored;

pub use self::encode::to_png;
pub use self::formats::PictureFormat;
pub(crate) use self::range::Dim;
pub use self::range::{RangeByName, ValueRange};
pub(crate) use self::stored::{Stored, check_pixels, stored_size};

use std::path::Path;

use image::ColorType;

use crate::files::{MAX_BYTES, read};
use crate::{DataError, Message, Picture, Setting};

const EXPECTED: &str = "a complete JPEG, PNG, BMP, GIF, TIFF or WebP picture";

/// How a picture's file becomes a [`Picture`], beyond what is the same for all.
///
/// ```
/// # use mirrorgrad_data::{Picture, PictureRules, ValueRange, to_png};
/// # use std::path::Path;
/// let path = Path::new("dark.png");
/// let dark = Picture { width: 2, height: 1, rgb: vec![10, 10, 10, 20, 20, 20] };
/// let rules = PictureRules { range: Some(ValueRange::Given([10, 20])), ..PictureRules::default() };
/// let picture = rules.decode(&to_png(&dark)?, path)?;
/// assert_eq!(picture.rgb, [0, 0, 0, 255, 255, 255]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PictureRules {
    /// Which stored numbers are black and white; without, the smallest and the largest that its bits can hold.
    pub range: Option<ValueRange>,
    /// Whether a picture that is to be turned is turned, and not refused.
    pub orient: bool,
}

impl PictureRules {
    /// Reads a picture.
    ///
    /// # Errors
    /// As [`read_picture`], except that one that is to be turned is turned if that is asked for; or if the
    /// numbers of the range are none that its file can have.
    pub fn read(&self, path: &Path) -> Result<Picture, DataError> {
        self.decode(&read(path, MAX_BYTES)?, path)
    }

    /// As [`read`](Self::read), from bytes; `path` is for the messages.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn decode(&self, bytes: &[u8], path: &Path) -> Result<Picture, DataError> {
        let stored = Stored::decode(bytes, path, EXPECTED)?;
        if stored.is_turned() && !self.orient {
            return Err(stored.refused(path, None));
        }
        self.develop(stored.upright(), path)
    }

    /// The picture of upright pixels; `path` is for the message.
    pub(crate) fn develop(&self, stored: Stored, path: &Path) -> Result<Picture, DataError> {
        let image = stored.image;
        let (width, height) = (image.width() as usize, image.height() as usize);
        let rgb = match (image.color(), self.range) {
            (ColorType::Rgb32F | ColorType::Rgba32F, _) => {
                return Err(DataError::unfit(path, "numbers of 1 to 16 bits", "32-bit floats"));
            }
            (colour, range) if is_wide(colour) => {
                range::levels(&image.into_rgb16().into_raw(), range, path)?
            }
            (_, None) => image.into_rgb8().into_raw(),
            (_, range) => range::levels(&image.into_rgb8().into_raw(), range, path)?,
        };
        Ok(Picture { width, height, rgb })
    }
}

/// Whether a colour's numbers have 16 bits.
fn is_wide(colour: ColorType) -> bool {
    matches!(colour, ColorType::L16 | ColorType::La16 | ColorType::Rgb16 | ColorType::Rgba16)
}

impl Stored {
    /// The pixels of a picture's file.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        Self::decode(&read(path, MAX_BYTES)?, path, EXPECTED)
    }

    /// What is left of it in 8 bits, if it uses a small part of 16.
    pub fn dim(&self) -> Option<Dim> {
        is_wide(self.image.color()).then(|| Dim::of(&self.image.to_rgb16()))?
    }

    /// The refusal of a picture that is to be turned; the size of its mask, if it has one, tells whether that
    /// is turned already.
    pub fn refused(&self, path: &Path, mask: Option<[usize; 2]>) -> DataError {
        let [stored, upright] = self.sizes().map(|size| mask.is_none_or(|mask| mask == size));
        let orient = || [Setting::on("data.folder.orient")];
        let found = Message::from(format!("EXIF orientation {}", self.orientation.to_exif()));
        let save = "; save it rotated, so that picture and mask have the same orientation";
        let found = match (stored, upright) {
            (false, true) => found.and(", which its mask has applied; ").ask(orient()),
            (true, false) => found.and(save),
            _ => {
                let either = found.and(save).and(", or ").ask(orient());
                either.and(" if masks were made on rotated pictures")
            }
        };
        DataError::advised(path, "an upright picture", found)
    }
}

/// Reads a picture of any [`PictureFormat`] that is read; of several pages, the first. Grey, palette, RGB and
/// RGBA, of 1 to 16 bits, all become 8-bit RGB; an alpha channel is left out, not blended.
///
/// ```
/// # use mirrorgrad_data::{Picture, to_png, read_picture};
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("a.png");
/// let picture = Picture { width: 2, height: 1, rgb: vec![255, 0, 0, 0, 0, 255] };
/// std::fs::write(&path, to_png(&picture)?)?;
/// assert_eq!(read_picture(&path)?, picture);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be read, is not a whole picture of such a format, is beyond 16,384 pixels a side or
/// 64 million in all, or has an EXIF orientation, which its mask would not follow.
pub fn read_picture(path: &Path) -> Result<Picture, DataError> {
    PictureRules::default().read(path)
}

/// As [`read_picture`], from bytes; `path` is for the messages.
///
/// ```
/// # use mirrorgrad_data::{Picture, decode_picture, to_png};
/// # use std::path::Path;
/// let path = Path::new("a.png");
/// let picture = Picture { width: 2, height: 1, rgb: vec![255, 0, 0, 0, 0, 255] };
/// assert_eq!(decode_picture(&to_png(&picture)?, path)?, picture);
/// let error = decode_picture(b"\0\0\0\x0cftypheic", path).unwrap_err().to_string();
/// assert!(error.ends_with("found HEIC, which is not read; convert it to PNG or JPEG"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`read_picture`].
pub fn decode_picture(bytes: &[u8], path: &Path) -> Result<Picture, DataError> {
    PictureRules::default().decode(bytes, path)
}
