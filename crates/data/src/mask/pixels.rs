//! What a mask's file holds: stored numbers, with the colours that they are shown in, or channels.
//!
//! Where numbers are meant, palettes are never applied and small grey values never stretched, both of which a
//! reader of pictures would do.

use std::collections::BTreeMap;
use std::path::Path;

use image::{DynamicImage, ImageBuffer, Pixel, Primitive};

use crate::{DataError, Mask};

/// The pixels of a mask's file.
pub(crate) enum Pixels {
    /// Numbers, and the colour of each.
    Indexed { numbers: Mask, palette: Vec<[u8; 3]> },
    /// Grey of 1 to 8 bits; a number times this is how it looks in 8.
    Grey { numbers: Mask, scale: u8 },
    /// Grey of 16 bits, or more than one channel.
    Channels(DynamicImage),
}

/// A mask as it looks: the colour of every pixel, without its alpha.
pub struct Coloured {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<[u8; 3]>,
}

impl Pixels {
    /// The colours in which the numbers that occur are shown, if a palette says so.
    pub fn palette(&self) -> Option<BTreeMap<u8, [u8; 3]>> {
        let Self::Indexed { numbers, palette } = self else { return None };
        let mut occurs = [false; 256];
        numbers.labels.iter().for_each(|&number| occurs[usize::from(number)] = true);
        let shown = (0..=255).zip(palette).filter(|&(number, _)| occurs[usize::from(number)]);
        Some(shown.map(|(number, &colour)| (number, colour)).collect())
    }

    /// The stored number of every pixel: of channels, the one that all of them have.
    pub fn numbers(self, path: &Path, expected: &str) -> Result<Mask, DataError> {
        let image = match self {
            Self::Indexed { numbers, .. } | Self::Grey { numbers, .. } => return Ok(numbers),
            Self::Channels(image) => image,
        };
        match image {
            DynamicImage::ImageLuma8(image) => alike(&image, path, expected),
            DynamicImage::ImageLumaA8(image) => alike(&image, path, expected),
            DynamicImage::ImageRgb8(image) => alike(&image, path, expected),
            DynamicImage::ImageRgba8(image) => alike(&image, path, expected),
            DynamicImage::ImageLuma16(image) => alike(&image, path, expected),
            DynamicImage::ImageLumaA16(image) => alike(&image, path, expected),
            DynamicImage::ImageRgb16(image) => alike(&image, path, expected),
            DynamicImage::ImageRgba16(image) => alike(&image, path, expected),
            _ => Err(DataError::unfit(path, expected, "32-bit floats")),
        }
    }

    /// The colour of every pixel.
    pub fn colours(self, path: &Path, expected: &str) -> Result<Coloured, DataError> {
        let (numbers, colours): (_, Vec<[u8; 3]>) = match self {
            Self::Indexed { numbers, palette } => (numbers, palette),
            Self::Grey { numbers, scale } => {
                (numbers, (0..=255_u8).map(|number| [number.wrapping_mul(scale); 3]).collect())
            }
            Self::Channels(image)
                if image.color().bytes_per_pixel() > image.color().channel_count() =>
            {
                let kind = if image.color().has_color() { "colour" } else { "grey" };
                return Err(DataError::unfit(path, expected, format!("16-bit {kind}")));
            }
            Self::Channels(image) => {
                let image = image.into_rgb8();
                let (width, height) = (image.width() as usize, image.height() as usize);
                let pixels = image.into_raw().as_chunks().0.to_vec();
                return Ok(Coloured { width, height, pixels });
            }
        };
        let Mask { width, height, labels } = numbers;
        // A number that the palette does not have is black, as decoders have it.
        let colour = |&number: &u8| colours.get(usize::from(number)).copied().unwrap_or_default();
        Ok(Coloured { width, height, pixels: labels.iter().map(colour).collect() })
    }
}

/// The number that every channel of a pixel has.
fn alike<P: Pixel<Subpixel: Into<u16>>>(
    image: &ImageBuffer<P, Vec<P::Subpixel>>,
    path: &Path,
    expected: &str,
) -> Result<Mask, DataError> {
    let channels = usize::from(P::CHANNEL_COUNT);
    // Alpha is the last of two or four.
    let colours = channels - usize::from(channels.is_multiple_of(2));
    let opaque: u16 = P::Subpixel::DEFAULT_MAX_VALUE.into();
    let mut labels = Vec::with_capacity(image.len() / channels);
    for (x, y, pixel) in image.enumerate_pixels() {
        let refuse = |found: &str, advice: &str| {
            let found = format!("{found} at (x={x}, y={y}){advice}");
            Err(DataError::unfit(path, expected, found))
        };
        let (colour, alpha) = pixel.channels().split_at(colours);
        let number: u16 = colour[0].into();
        if colour.iter().any(|&other| other.into() != number) {
            let values: Vec<_> = colour.iter().map(|&value| value.into().to_string()).collect();
            let values = values.join(" ");
            let advice = format!(
                "; define what each colour means in colours.txt, in lines such as {values} NAME"
            );
            return refuse(&format!("the colour {values}"), &advice);
        }
        if alpha.iter().any(|&alpha| alpha.into() != opaque) {
            return refuse("a transparent pixel", ", which has no value");
        }
        match u8::try_from(number) {
            Ok(label) => labels.push(label),
            Err(_) => return refuse(&number.to_string(), ", in 16 bits"),
        }
    }
    Ok(Mask { width: image.width() as usize, height: image.height() as usize, labels })
}
