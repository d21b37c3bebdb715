//! Changes at random to a sample as it is loaded, the same to its picture and its mask.

mod colour;
mod geometry;

use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::error::tall;
use crate::files::{MAX_PIXELS, MAX_SIDE};
use crate::{DataError, Sample};

/// What is outside a picture.
const GREY: [u8; 3] = [128; 3];
/// Why something must not be left empty.
const NO_LABEL: &str = "since 256 classes leave no label for empty pixels";

/// Which changes are made. By default, half of the samples are flipped and nothing else.
///
/// ```
/// # use mirrorgrad_data::{Augment, Dataset, Shapes};
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let sample = Shapes::train(0).sample(0)?;
/// let flip = Augment { flip: 1.0, ..Augment::default() };
/// let flipped = flip.apply(sample.clone(), None, rng)?;
/// assert_eq!((flipped.picture, flipped.mask), (sample.picture.flip(), sample.mask.flip()));
/// // Turning leaves corners empty, which have no class.
/// let turn = Augment { rotate: 10.0, ..Augment::default() };
/// let turned = turn.apply(sample.clone(), Some(255), rng)?;
/// assert!(turned.mask.labels.contains(&255));
/// assert!(turn.apply(sample, None, rng).is_err());
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
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
    /// How far a sample is turned about its centre, in degrees: between `-rotate` and `rotate`.
    pub rotate: f64,
    /// The `[height, width]` of the part that is kept, at a random place.
    pub crop: Option<[usize; 2]>,
    /// How far brightness, contrast and saturation each stray from 1: between `1 - jitter` and
    /// `1 + jitter`.
    pub jitter: f64,
    /// How far hues are turned, in degrees of the colour circle: between `-hue` and `hue`.
    pub hue: f64,
    /// The standard deviation of what is added to each channel of each pixel, in its levels of 0 to 255.
    pub noise: f64,
}

impl Default for Augment {
    fn default() -> Self {
        Self {
            flip: 0.5,
            vertical_flip: 0.0,
            transpose: 0.0,
            scale: [1.0; 2],
            rotate: 0.0,
            crop: None,
            jitter: 0.0,
            hue: 0.0,
            noise: 0.0,
        }
    }
}

impl Augment {
    /// A crop at a random place and nothing else.
    pub fn crop(size: [usize; 2]) -> Self {
        Self { flip: 0.0, crop: Some(size), ..Self::default() }
    }

    /// Refuses values that make no sense.
    ///
    /// # Errors
    /// [`DataError::Value`] for the first such value.
    pub fn check(&self) -> Result<(), DataError> {
        let [least, most] = self.scale;
        let chances = [
            ("data.augment.flip", self.flip),
            ("data.augment.vertical_flip", self.vertical_flip),
            ("data.augment.transpose", self.transpose),
        ];
        for (key, chance) in chances {
            if !(0.0..=1.0).contains(&chance) {
                return Err(DataError::value(key, "a probability", chance));
            }
        }
        if !(least >= 0.1 && least <= most && most <= 10.0) {
            let expected = "a smallest and a largest factor between 0.1 and 10";
            return Err(DataError::value(
                "data.augment.scale",
                expected,
                format!("{least} and {most}"),
            ));
        }
        if !(0.0..=180.0).contains(&self.rotate) {
            return Err(DataError::value(
                "data.augment.rotate",
                "an angle of 0 to 180 degrees",
                self.rotate,
            ));
        }
        if let Some(size) = self.crop
            && !size.iter().all(|side| (1..=MAX_SIDE).contains(side))
        {
            return Err(DataError::value(
                "data.augment.crop",
                format!("sides of 1 to {MAX_SIDE}"),
                tall(size),
            ));
        }
        if !(0.0..=1.0).contains(&self.jitter) {
            return Err(DataError::value(
                "data.augment.jitter",
                "a strength from 0 to 1",
                self.jitter,
            ));
        }
        if !(0.0..=180.0).contains(&self.hue) {
            return Err(DataError::value(
                "data.augment.hue",
                "an angle of 0 to 180 degrees",
                self.hue,
            ));
        }
        if !(0.0..=255.0).contains(&self.noise) {
            let expected = "a standard deviation from 0 to 255";
            return Err(DataError::value("data.augment.noise", expected, self.noise));
        }
        Ok(())
    }

    /// Refuses a sample of this size that some draw could not be made of, see [`apply`](Self::apply).
    ///
    /// # Errors
    /// [`DataError::Value`] for what asks for too much of it.
    pub fn check_size(
        &self,
        name: &str,
        size: [usize; 2],
        empty: Option<u8>,
    ) -> Result<(), DataError> {
        let crop = self.crop.unwrap_or(size);
        if self.transpose > 0.0 && crop[0] != crop[1] {
            let found = format!("{} for {name}", tall(crop));
            return Err(DataError::value(
                "data.augment.transpose",
                "square pictures or a square crop",
                found,
            ));
        }
        let [least, most] = self.scale.map(|scale| scaled(size, scale));
        if most.iter().any(|&side| side > MAX_SIDE) || most[0] * most[1] > MAX_PIXELS {
            let found = format!("{} for {name}", tall(most));
            let expected = format!("sides of at most {MAX_SIDE} and {MAX_PIXELS} pixels");
            return Err(DataError::value("data.augment.scale", expected, found));
        }
        if (least[0] < crop[0] || least[1] < crop[1]) && empty.is_none() {
            let expected =
                format!("at most {}, the smallest size of {name}, {NO_LABEL}", tall(least));
            return Err(DataError::value("data.augment.crop", expected, tall(crop)));
        }
        Ok(())
    }

    /// `sample`, changed as `rng` decides. What lies beyond the scaled and turned picture is grey, and
    /// its label is `empty`, which no class should have.
    ///
    /// # Errors
    /// If [`check`](Self::check) finds fault, the scaled picture is beyond 16,384 pixels a side or 64
    /// million in all, or something is left empty and there is no label for it.
    pub fn apply(
        &self,
        sample: Sample,
        empty: Option<u8>,
        rng: &mut impl Rng,
    ) -> Result<Sample, DataError> {
        self.check()?;
        self.check_size(&sample.name, sample.size(), empty)?;
        let crop = self.crop.unwrap_or(sample.size());
        let chances = [self.flip, self.vertical_flip, self.transpose];
        let [flip, vertical_flip, transpose] = chances.map(|chance| rng.random_bool(chance));
        let scale = self.scale[0] + (self.scale[1] - self.scale[0]) * rng.random::<f64>();
        let size = scaled(sample.size(), scale);
        let corner = [0, 1].map(|axis| geometry::place(size[axis], crop[axis], rng));
        let mut sample = sample.resize(size);
        if self.rotate > 0.0 {
            let angle = self.rotate * (2.0 * rng.random::<f64>() - 1.0);
            sample = geometry::rotate(&sample, angle, GREY, empty).ok_or_else(|| {
                let expected =
                    format!("an angle that leaves no empty corners in {}, {NO_LABEL}", sample.name);
                DataError::value("data.augment.rotate", expected, format!("{angle} degrees"))
            })?;
        }
        if crop != size {
            sample.picture = sample.picture.window(corner, crop, GREY);
            // Without a label, all of it is inside.
            sample.mask = sample.mask.window(corner, crop, empty.unwrap_or(0));
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
            colour::jitter(&mut sample.picture, self.jitter as f32, rng);
        }
        if self.hue > 0.0 {
            let angle = self.hue * (2.0 * rng.random::<f64>() - 1.0);
            colour::turn_hue(&mut sample.picture, angle);
        }
        if self.noise > 0.0 {
            colour::noise(&mut sample.picture, self.noise as f32, rng);
        }
        Ok(sample)
    }
}

/// Sides scaled by a factor, to whole pixels.
fn scaled(size: [usize; 2], scale: f64) -> [usize; 2] {
    size.map(|side| (side as f64 * scale).round().max(1.0) as usize)
}
