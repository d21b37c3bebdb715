//! Changes at random to a sample as it is loaded, the same to its picture and its mask.

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::error::tall;
use crate::files::MAX_SIDE;
use crate::{DataError, Picture, Sample};

/// What is outside a picture.
const GREY: [u8; 3] = [128; 3];
/// How much of each channel the eye takes for brightness.
const LUMA: [f32; 3] = [0.299, 0.587, 0.114];

/// Which changes are made. By default, half of the samples are flipped and nothing else.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Augment {
    /// How likely left and right are exchanged.
    pub flip: f64,
    /// How likely top and bottom are exchanged: for pictures without an upright, as maps have.
    pub vertical_flip: f64,
    /// How likely rows and columns are exchanged: with both flips, all turns by a right angle. For
    /// samples that are square in the end.
    pub transpose: f64,
    /// The least and the greatest factor by which both sides are scaled. Without a crop, as much
    /// is then cut off or added as brings the sample back to its size.
    pub scale: [f64; 2],
    /// The `[height, width]` of the part that is kept, at a random place.
    pub crop: Option<[usize; 2]>,
    /// How far brightness, contrast and saturation each stray from 1: between `1 - jitter` and
    /// `1 + jitter`.
    pub jitter: f64,
}

impl Default for Augment {
    fn default() -> Self {
        Self {
            flip: 0.5,
            vertical_flip: 0.0,
            transpose: 0.0,
            scale: [1.0; 2],
            crop: None,
            jitter: 0.0,
        }
    }
}

impl Augment {
    /// Refuses values that make no sense, and scales below 1 without an `ignore_index` to label
    /// what they leave empty.
    ///
    /// # Errors
    /// [`DataError::Option`] for the first such value.
    pub fn check(&self, ignore_index: Option<u8>) -> Result<(), DataError> {
        let [least, most] = self.scale;
        let chances = [
            ("flip", self.flip),
            ("vertical-flip", self.vertical_flip),
            ("transpose", self.transpose),
        ];
        for (option, chance) in chances {
            if !(0.0..=1.0).contains(&chance) {
                return Err(DataError::option(option, "a probability", chance));
            }
        }
        if !(least >= 0.1 && least <= most && most <= 10.0) {
            let expected = "a least and a greatest factor between 0.1 and 10";
            return Err(DataError::option("scale", expected, format!("{least} and {most}")));
        }
        if least < 1.0 && ignore_index.is_none() {
            let expected = "factors from 1, or an --ignore-index for what smaller ones leave empty";
            return Err(DataError::option("scale", expected, least));
        }
        if let Some(size) = self.crop
            && !size.iter().all(|side| (1..=MAX_SIDE).contains(side))
        {
            return Err(DataError::option("crop", format!("sides of 1 to {MAX_SIDE}"), tall(size)));
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(DataError::option("jitter", "a strength from 0 to 1", self.jitter));
        }
        Ok(())
    }

    /// `sample`, changed as `rng` decides. Where a crop reaches beyond the scaled picture it is
    /// grey, and its mask is `ignore_index`.
    ///
    /// # Errors
    /// If [`check`](Self::check) finds fault, the scaled picture is beyond 16,384 pixels a side,
    /// or a crop reaches outside and there is no `ignore_index`.
    pub fn apply(
        &self,
        sample: Sample,
        ignore_index: Option<u8>,
        rng: &mut impl Rng,
    ) -> Result<Sample, DataError> {
        self.check(ignore_index)?;
        let crop = self.crop.unwrap_or(sample.size());
        if self.transpose > 0.0 && crop[0] != crop[1] {
            let found = format!("{} as {}", tall(crop), sample.name);
            return Err(DataError::option("transpose", "square pictures or a square crop", found));
        }
        let chances = [self.flip, self.vertical_flip, self.transpose];
        let [flip, vertical_flip, transpose] = chances.map(|chance| rng.random_bool(chance));
        let scale = self.scale[0] + (self.scale[1] - self.scale[0]) * rng.random::<f64>();
        let size = sample.size().map(|side| (side as f64 * scale).round().max(1.0) as usize);
        if size.iter().any(|&side| side > MAX_SIDE) {
            let found = format!("{} of {}", tall(size), sample.name);
            return Err(DataError::option("scale", format!("sides of at most {MAX_SIDE}"), found));
        }
        let corner = [place(size[0], crop[0], rng), place(size[1], crop[1], rng)];
        if (size[0] < crop[0] || size[1] < crop[1]) && ignore_index.is_none() {
            let expected =
                format!("at most {} as {}, or an --ignore-index", tall(size), sample.name);
            return Err(DataError::option("crop", expected, tall(crop)));
        }
        let mut sample = sample.resize(size);
        if crop != size {
            sample.picture = sample.picture.window(corner, crop, GREY);
            sample.mask = sample.mask.window(corner, crop, ignore_index.unwrap_or(0));
        }
        if flip {
            (sample.picture, sample.mask) = (sample.picture.flip(), sample.mask.flip());
        }
        if vertical_flip {
            let turned = (sample.picture.flip_vertical(), sample.mask.flip_vertical());
            (sample.picture, sample.mask) = turned;
        }
        if transpose {
            (sample.picture, sample.mask) = (sample.picture.transpose(), sample.mask.transpose());
        }
        if self.jitter > 0.0 {
            jitter(&mut sample.picture, self.jitter as f32, rng);
        }
        Ok(sample)
    }
}

/// Where a crop of `wanted` begins on a side of `side`: anywhere that leaves the smaller of the
/// two all inside the larger.
fn place(side: usize, wanted: usize, rng: &mut impl Rng) -> isize {
    let spare = side as i64 - wanted as i64;
    rng.random_range(spare.min(0)..=spare.max(0)) as isize
}

fn jitter(picture: &mut Picture, strength: f32, rng: &mut impl Rng) {
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
