//! Masks from files and to files: PNGs whose stored numbers, or whose colours, mean labels.
//!
//! Where numbers are meant, palettes are never applied and small grey values never stretched, both
//! of which a reader of pictures would do. What they mean is a [`MaskKey`]'s business.

mod colours;
mod key;
mod labelmap;

pub(crate) use colours::ColourTable;
pub(crate) use key::{MaskKey, Numbers};

use std::io::Cursor;
use std::path::Path;

use png::{BitDepth, ColorType, Decoder, Limits, Reader, Transformations};

use crate::chunks::{HALF_A_COLOUR, has_whole_palettes};
use crate::files::{MAX_BYTES, check_size, read, write_whole};
use crate::{DataError, Mask, palette};

/// The label of what is left out, where no other is asked for or can be.
pub(crate) const IGNORED: u8 = 255;

const NUMBERS: &str = "a mask: a PNG of palette or grey pixels of 1 to 8 bits, their values the \
                       class indices";
const COLOURS: &str = "a mask: a PNG of 1 to 8 bits a channel, its colours those of the table";

/// Reads a mask: palette indices or grey values of 1, 2, 4 or 8 bits, as they are stored.
///
/// ```
/// # use mirrorgrad_segment::{Mask, read_mask};
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
/// If the file cannot be read, is not a whole PNG of such pixels, or is beyond 16,384 pixels a
/// side or 64 million in all.
pub fn read_mask(path: &Path) -> Result<Mask, DataError> {
    decode_mask(&read(path, MAX_BYTES)?, path)
}

/// As [`read_mask`], from bytes; `path` is for the messages.
///
/// ```
/// # use mirrorgrad_segment::{Mask, decode_mask};
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
    let mut reader = open(bytes, path, NUMBERS, Transformations::IDENTITY)?;
    let info = reader.info();
    let (colour, bits) = (info.color_type, info.bit_depth as usize);
    if !matches!(colour, ColorType::Indexed | ColorType::Grayscale) {
        let found = format!(
            "{colour:?} pixels; say what each colour means in colours.txt, in lines as 0 0 255 car"
        );
        return Err(DataError::unfit(path, NUMBERS, found));
    }
    let [height, width] = [info.height as usize, info.width as usize];
    let row = (width * bits).div_ceil(8);
    let packed = pixels(&mut reader, path, NUMBERS, height * row)?;
    let labels = packed.chunks_exact(row).flat_map(|row| unpack(row, bits).take(width)).collect();
    Ok(Mask { width, height, labels })
}

/// A mask as it looks: the colour of every pixel, without its alpha.
struct Coloured {
    width: usize,
    height: usize,
    pixels: Vec<[u8; 3]>,
}

/// A mask's colours: stored ones, or those of the palette.
fn decode_colours(bytes: &[u8], path: &Path) -> Result<Coloured, DataError> {
    let mut reader = open(bytes, path, COLOURS, Transformations::EXPAND)?;
    let [height, width] = [reader.info().height as usize, reader.info().width as usize];
    let channels = reader.output_color_type().0.samples();
    let bytes = pixels(&mut reader, path, COLOURS, height * width * channels)?;
    let colour = |pixel: &[u8]| match *pixel {
        [red, green, blue, ..] => [red, green, blue],
        [grey, ..] => [grey; 3],
        [] => unreachable!("a pixel has a channel or more"),
    };
    Ok(Coloured { width, height, pixels: bytes.chunks_exact(channels).map(colour).collect() })
}

/// A reader of a PNG that a mask can be.
fn open<'a>(
    bytes: &'a [u8],
    path: &Path,
    expected: &str,
    transformations: Transformations,
) -> Result<Reader<Cursor<&'a [u8]>>, DataError> {
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return Err(DataError::unfit(path, expected, "a JPEG, whose compression changes values"));
    }
    if !has_whole_palettes(bytes) {
        return Err(DataError::unfit(path, expected, HALF_A_COLOUR));
    }
    let limits = Limits { bytes: MAX_BYTES as usize };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(transformations);
    let reader = decoder.read_info().map_err(|error| DataError::unfit(path, expected, error))?;
    let info = reader.info();
    if info.bit_depth == BitDepth::Sixteen {
        let kind = if info.color_type == ColorType::Grayscale { "grey" } else { "colour" };
        return Err(DataError::unfit(path, expected, format!("16-bit {kind}")));
    }
    check_size(path, [info.height as usize, info.width as usize])?;
    Ok(reader)
}

/// The pixels, `len` bytes of them, of a file that is whole.
fn pixels(
    reader: &mut Reader<Cursor<&[u8]>>,
    path: &Path,
    expected: &str,
    len: usize,
) -> Result<Vec<u8>, DataError> {
    let broken = |error: png::DecodingError| DataError::unfit(path, expected, error);
    // The decoder's limits leave out the buffer it is given.
    let mut pixels = vec![0; len];
    reader.next_frame(&mut pixels).map_err(broken)?;
    reader.finish().map_err(broken)?;
    Ok(pixels)
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
