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

#[cfg(test)]
mod tests {
    use super::*;
    use rand::SeedableRng;
    use rand_chacha::ChaCha8Rng;

    /// Colours that neither end of the bytes cuts off when they change a little.
    fn picture() -> Picture {
        let rgb = (0..90).map(|i| 70 + (i * 37 % 101) as u8).collect();
        Picture { width: 6, height: 5, rgb }
    }

    /// Asserts that each byte is the one nearest to what it should be.
    fn assert_nearest(found: &[u8], exact: impl Iterator<Item = f64>) {
        let pairs = found.iter().zip(exact).enumerate();
        let seen = pairs
            .map(|(i, (&found, exact))| {
                let apart = (f64::from(found) - exact.clamp(0.0, 255.0)).abs();
                assert!(apart < 0.501, "number {i}: {found} for {exact}");
            })
            .count();
        assert_eq!(seen, found.len());
    }

    #[test]
    fn a_hue_turns_from_red_over_green_to_blue() {
        let turned = |rgb: [u8; 3], degrees| {
            let mut picture = Picture { width: 1, height: 1, rgb: rgb.to_vec() };
            turn_hue(&mut picture, degrees);
            picture.rgb
        };
        assert_eq!(turned([200, 50, 50], 120.0), [50, 200, 50]);
        assert_eq!(turned([50, 200, 50], 120.0), [50, 50, 200]);
        assert_eq!(turned([200, 50, 50], -120.0), [50, 50, 200]);
        // On the way to green lies yellow, and on the way to blue magenta.
        let [yellowish, magentaish] = [20.0, -20.0].map(|by| turned([200, 100, 100], by));
        assert!(yellowish[1] > 110 && yellowish[2] < 90, "{yellowish:?}");
        assert!(magentaish[2] > 110 && magentaish[1] < 90, "{magentaish:?}");
    }

    #[test]
    fn a_turn_of_hues_is_the_rotation_about_the_line_of_greys() {
        for degrees in [-170.0_f64, -33.0, 7.0, 90.0, 145.0] {
            let mut turned = picture();
            turn_hue(&mut turned, degrees);
            // By the definition of a rotation: what lies along the axis stays, what lies across is turned.
            let (sin, cos) = degrees.to_radians().sin_cos();
            let exact = picture()
                .rgb
                .chunks(3)
                .flat_map(|pixel| {
                    let v = [0, 1, 2].map(|i| f64::from(pixel[i]));
                    let along = v.iter().sum::<f64>() / 3.0;
                    let root = 3.0_f64.sqrt();
                    let cross = [v[2] - v[1], v[0] - v[2], v[1] - v[0]].map(|part| part / root);
                    [0, 1, 2].map(|i| along + (v[i] - along) * cos + cross[i] * sin)
                })
                .collect::<Vec<_>>();
            assert_nearest(&turned.rgb, exact.into_iter());
        }
    }

    #[test]
    fn jitter_is_brightness_of_contrast_of_saturation() {
        for seed in 0..8 {
            let (mut changed, strength) = (picture(), 0.3);
            let rng = ChaCha8Rng::seed_from_u64(seed);
            jitter(&mut changed, strength as f32, &mut rng.clone());
            let mut rng = rng;
            let mut factor = || 1.0 + strength * (2.0 * f64::from(rng.random::<f32>()) - 1.0);
            let [brightness, contrast, saturation] = [(); 3].map(|()| factor());
            let plain = picture();
            let luma = |pixel: &[u8]| {
                let [r, g, b] = [0, 1, 2].map(|i| f64::from(pixel[i]));
                0.299 * r + 0.587 * g + 0.114 * b
            };
            let mean = plain.rgb.chunks(3).map(luma).sum::<f64>() / 30.0;
            let blend = |grey: f64, share: f64, value: f64| grey * (1.0 - share) + share * value;
            let exact = plain.rgb.chunks(3).flat_map(|pixel| {
                [0, 1, 2].map(|i| {
                    let colour = blend(luma(pixel), saturation, f64::from(pixel[i]));
                    brightness * blend(mean, contrast, colour)
                })
            });
            assert_nearest(&changed.rgb, exact);
        }
    }

    #[test]
    fn noise_is_one_draw_for_each_number() {
        let mut changed = picture();
        let rng = ChaCha8Rng::seed_from_u64(3);
        noise(&mut changed, 9.0, &mut rng.clone());
        let mut rng = rng;
        let mut draw = || -> f32 { StandardNormal.sample(&mut rng) };
        let exact =
            picture().rgb.into_iter().map(|value| f64::from(value) + 9.0 * f64::from(draw()));
        assert_nearest(&changed.rgb, exact.collect::<Vec<_>>().into_iter());
    }
}
