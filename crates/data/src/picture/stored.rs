//! From the bytes of a file to the pixels that it stores. The content tells the format, whatever the name;
//! what has too many pixels, or more than its bytes can make, is refused before memory is set aside for them.

use std::io::{BufRead, BufReader, Cursor, Seek};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::{PictureFormat, jpeg};
use crate::DataError;
use crate::chunks::{self, HALF_A_COLOUR};
use crate::error::tall;
use crate::files::{MAX_BYTES, check_size, open};

/// The pixels of a file, in its own numbers and as they lie in it.
pub(crate) struct Stored {
    pub image: DynamicImage,
    /// How they are to be turned to stand upright.
    pub orientation: Orientation,
}

impl Stored {
    /// The first picture in `bytes`; `path` and what was `expected` there are for the messages.
    pub fn decode(bytes: &[u8], path: &Path, expected: &str) -> Result<Self, DataError> {
        let unfit = |found: &str| DataError::unfit(path, expected, found);
        let format = PictureFormat::of_content(bytes).ok_or_else(|| unfit(&unknown(bytes)))?;
        let Some(decoded_as) = format.decoded_as() else {
            let name = format.name();
            return Err(unfit(&format!("{name}, which is not read; convert it to PNG or JPEG")));
        };
        let decode = |bytes: &[u8]| decode(bytes, decoded_as, path, expected);
        match format {
            PictureFormat::Png if !chunks::has_whole_palettes(bytes) => Err(unfit(HALF_A_COLOUR)),
            PictureFormat::Jpeg => {
                let needed = jpeg::needed(bytes).ok_or_else(|| unfit("a JPEG without its end"))?;
                let stored = decode(&needed)?;
                let prolonged = decode(&jpeg::prolonged(needed));
                if prolonged.is_ok_and(|prolonged| prolonged.image == stored.image) {
                    return Ok(stored);
                }
                Err(unfit("a JPEG that ends before all its pixels"))
            }
            _ => decode(bytes),
        }
    }

    /// Whether the pixels do not lie as they are to be seen.
    pub fn is_turned(&self) -> bool {
        self.orientation != Orientation::NoTransforms
    }

    /// The pixels as they are to be seen.
    #[must_use]
    pub fn upright(mut self) -> Self {
        self.image.apply_orientation(self.orientation);
        Self { orientation: Orientation::NoTransforms, ..self }
    }

    /// `[height, width]` as the file has them, and upright.
    pub fn sizes(&self) -> [[usize; 2]; 2] {
        let size = [self.image.height() as usize, self.image.width() as usize];
        [size, upright(size, self.orientation)]
    }
}

/// The size of the picture in a file as it is to be seen, `[height, width]`, by the file's beginning. Where a PNG says
/// behind its pixels how it is to be turned, that is not seen.
pub(crate) fn stored_size(path: &Path) -> Result<[usize; 2], DataError> {
    let file: Box<dyn Source> = Box::new(BufReader::new(open(path, MAX_BYTES)?));
    let broken = |error: image::ImageError| DataError::unfit(path, "a picture", error);
    let mut reader = ImageReader::new(file).with_guessed_format().map_err(DataError::read(path))?;
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    let size = [height as usize, width as usize];
    Ok(upright(size, decoder.orientation().map_err(broken)?))
}

/// What pictures are decoded from: one type for files and for bytes, so that each decoder is compiled once.
trait Source: BufRead + Seek {}

impl<T: BufRead + Seek> Source for T {}

/// The size of pixels of this size once they are turned.
fn upright([height, width]: [usize; 2], orientation: Orientation) -> [usize; 2] {
    let exchanges = orientation.to_exif() >= Orientation::Rotate90FlipH.to_exif();
    if exchanges { [width, height] } else { [height, width] }
}

fn unknown(bytes: &[u8]) -> String {
    match image::guess_format(bytes) {
        Ok(format) => format!("{format:?}, which is not read; convert it to PNG or JPEG"),
        Err(_) => "no known picture format".to_owned(),
    }
}

fn decode(
    bytes: &[u8],
    format: ImageFormat,
    path: &Path,
    expected: &str,
) -> Result<Stored, DataError> {
    let broken = |error: image::ImageError| DataError::unfit(path, expected, error);
    let source: Box<dyn Source + '_> = Box::new(Cursor::new(bytes));
    let mut reader = ImageReader::with_format(source, format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(broken)?;
    let (width, height) = decoder.dimensions();
    check_pixels(bytes, format, [height, width].map(|side| side as usize), path, expected)?;
    let orientation = match chunks::exif(bytes).filter(|_| format == ImageFormat::Png) {
        // The decoder sees one that stands before the pixels alone.
        Some(exif) => Orientation::from_exif_chunk(exif).unwrap_or(Orientation::NoTransforms),
        None => decoder.orientation().map_err(broken)?,
    };
    let image = DynamicImage::from_decoder(decoder).map_err(broken)?;
    Ok(Stored { image, orientation })
}

/// Refuses a size that no picture has, or that the bytes of this one cannot make, before memory is set aside.
pub(crate) fn check_pixels(
    bytes: &[u8],
    format: ImageFormat,
    size: [usize; 2],
    path: &Path,
    expected: &str,
) -> Result<(), DataError> {
    check_size(size).map_err(|expected| DataError::unfit(path, expected, tall(size)))?;
    let [height, width] = size;
    if height * width <= bytes.len().saturating_mul(pixels_of_a_byte(format)) {
        return Ok(());
    }
    let found = format!("{}, from only {} bytes", tall(size), bytes.len());
    Err(DataError::unfit(path, expected, found))
}

/// Pixels that a byte of a file makes at most: to be known before memory is set aside for them.
fn pixels_of_a_byte(format: ImageFormat) -> usize {
    match format {
        // A block of 64 has a code in one scan or another, and that a bit.
        ImageFormat::Jpeg => 8 * 64,
        // The most that Deflate makes of a byte (RFC 1951: 258 bytes of two bits), of a bit each.
        ImageFormat::Png | ImageFormat::Bmp => 8 * 1032,
        // More than LZW makes of one (12 bits stand for less than 4096 bytes), of a bit each. A WebP and
        // a fax need even less for a picture of one colour, which nothing can be learned from.
        _ => 8 * 4096,
    }
}

fn limits() -> Limits {
    // Of the sides, `check_size` says what they may be.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES);
    limits
}
