//! Changes to a picture's colours, which its mask knows nothing of.

use rand::{Rng, RngExt};
use rand_distr::{Distribution, StandardNormal};

use crate::Picture;

/// How much of each channel the eye takes for brightness.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Brightness, contrast and saturation, each times a factor between `1 - strength` and `1 + strength`.
pub fn jitter(picture: &mut Picture, strength: f32, rng: &mut impl Rng) {
    let mut factor = || 1.0 + strength * (2.0 * rng.random::<f32>() - 1.0);
    let (brightness, contrast, saturation) = (factor(), factor(), factor());
    let pixels = picture.rgb.as_chunks_mut::<3>().0;
    let luma = |pixel: &[u8; 3]| -> f32 {
        LUMA.iter().zip(pixel).map(|(share, &value)| share * f32::from(value)).sum()
    };
    // A sum in f64 is good for the largest of pictures.
    let total: f64 = pixels.iter().map(|pixel| f64::from(luma(pixel))).sum();
    let mean = (total / pixels.len() as f64) as f32;
    for pixel in pixels {
        let grey = luma(pixel);
        for value in pixel {
            let colour = grey + saturation * (f32::from(*value) - grey);
            let changed = brightness * (mean + contrast * (colour - mean));
            *value = (changed + 0.5) as u8;
        }
    }
}

/// Every colour turned about the line of greys by an angle in degrees: by 120, red becomes green, green
/// blue and blue red.
pub fn turn_hue(picture: &mut Picture, degrees: f64) {
    let radians = degrees.to_radians();
    // One library's sine, so that all machines turn alike. The rotation by Rodrigues' formula, whose axis
    // has three equal parts: what a channel keeps, and what it takes of the one before and the one behind.
    let (sin, cos) = (libm::sin(radians), libm::cos(radians));
    let (third, skew) = ((1.0 - cos) / 3.0, sin / 3.0_f64.sqrt());
    let [keep, before, behind] = [cos + third, third + skew, third - skew].map(|part| part as f32);
    for pixel in picture.rgb.as_chunks_mut::<3>().0 {
        let [r, g, b] = pixel.map(f32::from);
        let turned = [
            keep * r + before * b + behind * g,
            keep * g + before * r + behind * b,
            keep * b + before * g + behind * r,
        ];
        *pixel = turned.map(|value| (value + 0.5) as u8);
    }
}

/// A number of its own for each channel of each pixel, from a normal distribution of this `deviation`.
pub fn noise(picture: &mut Picture, deviation: f32, rng: &mut impl Rng) {
    for value in &mut picture.rgb {
        let drawn: f32 = StandardNormal.sample(rng);
        *value = (f32::from(*value) + deviation * drawn + 0.5) as u8;
    }
}
