//! Masks from files and to files: what is stored there, of whatever format, and which labels that means.
//!
//! What numbers and colours mean is a [`MaskKey`]'s business.

mod bmp;
mod colours;
mod decode;
mod gif;
mod hint;
mod key;
mod labelmap;
mod palettes;
mod pixels;
mod png;
mod tiff;

pub(crate) use colours::ColourTable;
pub(crate) use hint::{FEW, Values};
pub(crate) use key::{MaskKey, Numbers};
pub(crate) use palettes::{Palette, Palettes};
pub(crate) use pixels::Pixels;

use std::path::Path;

use ::png::{BitDepth, ColorType, Encoder};

use crate::files::{MAX_BYTES, read, write_whole};
use crate::{DataError, Mask, palette};

/// The label of what is left out, where no other is asked for or can be.
///
/// ```
/// # use mirrorgrad_data::{FolderOptions, IGNORED};
/// // Masks in black and white: 0 is the label of their white, and cannot be left out too.
/// let (mask_values, ignore_index) = (Some(vec![255, 128]), Some(0));
/// let options = FolderOptions { mask_values, ignore_index, ..FolderOptions::default() };
/// assert_eq!(options.ignored_label(), Some(IGNORED));
/// ```
pub const IGNORED: u8 = 255;

const NUMBERS: &str = "a mask: a PNG, GIF, BMP or TIFF with palette or grey pixels, whose values, up to 255, \
    are the class indices";
const COLOURS: &str = "a mask: a PNG, GIF, BMP or TIFF with 1 to 8 bits per channel, whose colours are those of \
    the table";

/// Reads a mask, a PNG, GIF, BMP or TIFF: palette indices or grey values as they are stored. Channels that are
/// equal everywhere are one grey value, and alpha is nothing if all of it is opaque.
///
/// ```
/// # use mirrorgrad_data::{Mask, read_mask};
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("mask.png");
/// let mask = Mask { width: 3, height: 1, labels: vec![0, 1, 255] };
/// mask.write_palette(&path)?;
/// // The palette says how it looks, not what it means.
/// assert_eq!(read_mask(&path)?, mask);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the file cannot be read, is not a whole picture of such pixels, has a value above 255, or is beyond
/// 16,384 pixels a side or 64 million in all.
pub fn read_mask(path: &Path) -> Result<Mask, DataError> {
    decode_mask(&read(path, MAX_BYTES)?, path)
}

/// As [`read_mask`], from bytes; `path` is for the messages.
///
/// ```
/// # use mirrorgrad_data::{Mask, decode_mask};
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("mask.png");
/// let mask = Mask { width: 3, height: 1, labels: vec![0, 1, 255] };
/// mask.write_grey(&path)?;
/// let bytes = std::fs::read(&path)?;
/// assert_eq!(decode_mask(&bytes, &path)?, mask);
/// let error = decode_mask(&bytes[..bytes.len() / 2], &path).unwrap_err().to_string();
/// assert!(error.contains("mask.png: expected a mask"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// As [`read_mask`].
pub fn decode_mask(bytes: &[u8], path: &Path) -> Result<Mask, DataError> {
    decode::pixels(bytes, path, NUMBERS)?.numbers(path, NUMBERS)
}

/// Numbers of `bits` bits each, `width` in a row, the high bits first.
fn unpacked<'a>(rows: impl Iterator<Item = &'a [u8]>, bits: usize, width: usize) -> Vec<u8> {
    let numbers = move |&byte: &u8| (0..8).step_by(bits).map(move |bit| byte << bit >> (8 - bits));
    rows.flat_map(|row| row.iter().flat_map(numbers).take(width)).collect()
}

/// A colour as tables have it.
fn rgb_text([red, green, blue]: [u8; 3]) -> String {
    format!("{red} {green} {blue}")
}

impl Mask {
    /// Refuses labels that are neither below `classes` nor `ignore_index`; `path` is for the
    /// message.
    ///
    /// # Errors
    /// [`DataError::Label`] for the first such label.
    pub fn check_labels(
        &self,
        classes: usize,
        ignore_index: Option<u8>,
        path: &Path,
    ) -> Result<(), DataError> {
        Numbers::labels(classes, ignore_index).meaning(self.clone(), path).map(|_| ())
    }

    /// Writes the labels as an 8-bit grey PNG, which is all but black to look at.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_grey(&self, path: &Path) -> Result<(), DataError> {
        self.write(path, None)
    }

    /// Writes the labels as a PNG with a [`palette`]: the same numbers, in colours.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_palette(&self, path: &Path) -> Result<(), DataError> {
        self.write(path, Some((0..=255).flat_map(palette).collect()))
    }

    fn write(&self, path: &Path, colours: Option<Vec<u8>>) -> Result<(), DataError> {
        let mut bytes = Vec::new();
        let mut encoder = Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_depth(BitDepth::Eight);
        encoder.set_color(if colours.is_some() {
            ColorType::Indexed
        } else {
            ColorType::Grayscale
        });
        if let Some(colours) = colours {
            encoder.set_palette(colours);
        }
        let encoded = encoder.write_header().and_then(|mut writer| {
            writer.write_image_data(&self.labels)?;
            writer.finish()
        });
        encoded.map_err(std::io::Error::from).map_err(DataError::write(path))?;
        write_whole(path, &bytes)
    }
}
