//! Masks as TIFF.

use std::path::Path;

use image::DynamicImage;

use super::pixels::Pixels;
use crate::picture::Stored;
use crate::{DataError, Mask};

/// The tags that a mask is asked for.
const BITS: u16 = 258;
const COMPRESSION: u16 = 259;
const INTERPRETATION: u16 = 262;
const COLOURS: u16 = 320;

/// Compressions that change values: JPEG of two kinds, JPEG 2000, WebP, and the JPEG of raw pictures.
const LOSSY: [u16; 5] = [6, 7, 34_712, 50_001, 34_892];
/// What pixels are: grey, or places in a table of colours.
const GREY: u16 = 1;
const INDEXED: u16 = 3;

/// The pixels of a TIFF's first page.
pub fn pixels(bytes: &[u8], path: &Path, expected: &str) -> Result<Pixels, DataError> {
    let unfit = |found: &str| DataError::unfit(path, expected, found);
    let tags = Tags::first(bytes).ok_or_else(|| unfit("a TIFF without a directory"))?;
    if tags.number(COMPRESSION).is_some_and(|compression| LOSSY.contains(&compression)) {
        return Err(unfit("a TIFF whose compression changes values; save masks as PNG"));
    }
    if tags.number(INTERPRETATION) == Some(INDEXED) {
        let palette = tags.colours().ok_or_else(|| unfit("a TIFF without its colour table"))?;
        // The decoder knows no tables; as grey, the places in them are plain numbers.
        let grey = tags.with(INTERPRETATION, GREY);
        let image = Stored::decode(&grey, path, expected)?.image;
        let numbers = Pixels::Channels(image).numbers(path, expected)?;
        return Ok(Pixels::Indexed { numbers, palette });
    }
    Ok(match Stored::decode(bytes, path, expected)?.image {
        DynamicImage::ImageLuma8(image) if tags.number(BITS).unwrap_or(1) == 1 => {
            // The decoder makes 255 of 1.
            let (width, height) = (image.width() as usize, image.height() as usize);
            let labels = image.into_raw().into_iter().map(|grey| grey / 255).collect();
            Pixels::Grey { numbers: Mask { width, height, labels }, scale: 255 }
        }
        image => Pixels::Channels(image),
    })
}

/// The first directory of a TIFF: entries of a tag, a type, a count, and a value or the place of many.
struct Tags<'a> {
    bytes: &'a [u8],
    entries: std::ops::Range<usize>,
}

const ENTRY: usize = 12;
/// The type of numbers of two bytes.
const SHORT: u16 = 3;

impl<'a> Tags<'a> {
    fn first(bytes: &'a [u8]) -> Option<Self> {
        let tags = Self { bytes, entries: 0..0 };
        let at = tags.long(4)? as usize;
        let (count, start) = (usize::from(tags.short(at)?), at + 2);
        Some(Self { entries: start..start + count * ENTRY, ..tags })
    }

    fn short(&self, at: usize) -> Option<u16> {
        let &number = self.bytes.get(at..)?.first_chunk()?;
        let is_little = self.bytes.starts_with(b"II");
        Some(if is_little { u16::from_le_bytes(number) } else { u16::from_be_bytes(number) })
    }

    fn long(&self, at: usize) -> Option<u32> {
        let &number = self.bytes.get(at..)?.first_chunk()?;
        let is_little = self.bytes.starts_with(b"II");
        Some(if is_little { u32::from_le_bytes(number) } else { u32::from_be_bytes(number) })
    }

    /// Where the entry of a tag for numbers of two bytes is.
    fn entry(&self, tag: u16) -> Option<usize> {
        let mut entries = self.entries.clone().step_by(ENTRY);
        entries.find(|&at| self.short(at) == Some(tag) && self.short(at + 2) == Some(SHORT))
    }

    /// The first number of a tag that has up to two.
    fn number(&self, tag: u16) -> Option<u16> {
        let at = self.entry(tag)?;
        self.short(if self.long(at + 4)? > 2 { self.long(at + 8)? as usize } else { at + 8 })
    }

    /// The table of colours: all reds, greens and blues in turn, of 16 bits.
    fn colours(&self) -> Option<Vec<[u8; 3]>> {
        let at = self.entry(COLOURS)?;
        let (count, start) = (self.long(at + 4)? as usize / 3, self.long(at + 8)? as usize);
        let high = |i: usize| Some((self.short(start.checked_add(2 * i)?)? >> 8) as u8);
        let colour = |i: usize| Some([high(i)?, high(count + i)?, high(2 * count + i)?]);
        (0..count.min(256)).map(colour).collect()
    }

    /// The file with another number for a tag that it has.
    fn with(&self, tag: u16, number: u16) -> Vec<u8> {
        let mut bytes = self.bytes.to_vec();
        if let Some(at) = self.entry(tag) {
            let number =
                if bytes.starts_with(b"II") { number.to_le_bytes() } else { number.to_be_bytes() };
            bytes[at + 8..at + 10].copy_from_slice(&number);
        }
        bytes
    }
}
