//! Masks from files and to files: PNGs whose stored numbers are the labels.
//!
//! Palettes are never applied and small grey values never stretched, both of which a reader of
//! pictures would do.

use std::io::Cursor;
use std::path::Path;

use png::{BitDepth, ColorType, Decoder, Limits, Transformations};

use crate::files::{MAX_BYTES, check_size, read, write_whole};
use crate::{DataError, Mask, palette};

const EXPECTED: &str = "a mask: a PNG of palette or grey pixels of 1 to 8 bits, their values the \
                        class indices";

/// Reads a mask: palette indices or grey values of 1, 2, 4 or 8 bits, as they are stored.
///
/// # Errors
/// If the file cannot be read, is not a whole PNG of such pixels, or is beyond 16,384 pixels a
/// side or 64 million in all.
pub fn read_mask(path: &Path) -> Result<Mask, DataError> {
    decode_mask(&read(path, MAX_BYTES)?, path)
}

/// As [`read_mask`], from bytes; `path` is for the messages.
///
/// # Errors
/// As [`read_mask`].
pub fn decode_mask(bytes: &[u8], path: &Path) -> Result<Mask, DataError> {
    let unfit = |found: &str| DataError::unfit(path, EXPECTED, found);
    let broken = |error: png::DecodingError| unfit(&error.to_string());
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return Err(unfit("a JPEG, whose compression changes values"));
    }
    let limits = Limits { bytes: MAX_BYTES as usize };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::IDENTITY);
    let mut reader = decoder.read_info().map_err(broken)?;
    let info = reader.info();
    match (info.color_type, info.bit_depth) {
        (ColorType::Indexed | ColorType::Grayscale, depth) if depth != BitDepth::Sixteen => {}
        (ColorType::Grayscale, _) => return Err(unfit("16-bit grey")),
        (colour, _) => {
            let found = format!("{colour:?} pixels; convert its colours to class indices");
            return Err(unfit(&found));
        }
    }
    let [height, width] = [info.height as usize, info.width as usize];
    let bits = info.bit_depth as usize;
    // The decoder's limits leave out the buffer it is given.
    check_size(path, [height, width])?;
    let row = (width * bits).div_ceil(8);
    let mut packed = vec![0; height * row];
    reader.next_frame(&mut packed).map_err(broken)?;
    reader.finish().map_err(broken)?;
    let labels = packed.chunks_exact(row).flat_map(|row| unpack(row, bits).take(width)).collect();
    Ok(Mask { width, height, labels })
}

/// The values of `bits` bits each in `row`, the high bits first.
fn unpack(row: &[u8], bits: usize) -> impl Iterator<Item = u8> {
    let values = move |&byte| (0..8).step_by(bits).map(move |bit| byte << bit >> (8 - bits));
    row.iter().flat_map(values)
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
        let wrong = |&label: &u8| usize::from(label) >= classes && Some(label) != ignore_index;
        let Some(at) = self.labels.iter().position(wrong) else { return Ok(()) };
        let (x, y) = (at % self.width, at / self.width);
        let (label, path) = (self.labels[at], path.to_owned());
        Err(DataError::Label { path, label, x, y, classes, ignore_index })
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
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
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
