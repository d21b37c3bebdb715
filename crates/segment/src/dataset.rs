//! What the trainer asks of data.

use crate::mask::Palette;
use crate::picture::Dim;
use crate::{DataError, Sample};
use std::path::PathBuf;
use std::sync::Arc;

/// Pictures with masks, by number.
///
/// ```
/// # use mirrorgrad_segment::{DataError, Dataset, Histogram, Mask, Picture, Sample};
/// # struct AllGreys(Vec<String>);
/// impl Dataset for AllGreys {
/// #     fn len(&self) -> usize {
/// #         256
/// #     }
/// #     fn classes(&self) -> &[String] {
/// #         &self.0
/// #     }
///     fn sample(&self, index: usize) -> Result<Sample, DataError> {
///         let picture = Picture { width: 1, height: 1, rgb: vec![index as u8; 3] };
///         let mask = Mask { width: 1, height: 1, labels: vec![u8::from(index > 127)] };
///         Ok(Sample { name: format!("grey {index}"), picture, mask })
///     }
/// }
/// # let greys = AllGreys(vec!["dark".to_owned(), "bright".to_owned()]);
/// assert_eq!(Histogram::of(&greys, None)?.pixels, [128, 128]);
/// # Ok::<(), DataError>(())
/// ```
pub trait Dataset: Send + Sync {
    /// How many samples there are.
    fn len(&self) -> usize;

    /// The names of the classes; a label is an index into them.
    fn classes(&self) -> &[String];

    /// Sample number `index`, always the same for the same number.
    ///
    /// # Errors
    /// If its files are missing or broken.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    fn sample(&self, index: usize) -> Result<Sample, DataError>;

    /// The size of sample number `index`, `[height, width]`: for a data set that knows it without reading all of
    /// the sample.
    ///
    /// # Errors
    /// As [`sample`](Self::sample), but a broken file may go unnoticed.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    fn size(&self, index: usize) -> Result<[usize; 2], DataError> {
        self.sample(index).map(|sample| sample.size())
    }

    /// Sample number `index`, or everything that is wrong with it.
    ///
    /// # Errors
    /// As [`sample`](Self::sample), and whatever else is wrong.
    ///
    /// # Panics
    /// If `index` is not below [`len`](Self::len).
    fn inspect(&self, index: usize) -> Result<Inspected, Vec<DataError>> {
        self.sample(index).map(Inspected::from).map_err(|fault| vec![fault])
    }

    /// Whether there are no samples.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What tells these samples from others, without reading them: a run goes on only with the samples
    /// it began with.
    fn fingerprint(&self) -> String {
        format!("{} samples", self.len())
    }
}

/// A sample without fault, and what its files say that is worth knowing before a run.
///
/// ```
/// # use mirrorgrad_segment::{Dataset, Inspected, Shapes};
/// let shapes = Shapes::train(0);
/// let inspected = shapes.inspect(0).expect("drawn pictures have no faults");
/// assert_eq!(inspected.sample, shapes.sample(0)?);
/// # Ok::<(), mirrorgrad_segment::DataError>(())
/// ```
#[derive(Clone, Debug)]
pub struct Inspected {
    /// The sample itself.
    pub sample: Sample,
    /// What is left of a picture that uses a small part of 16 bits.
    pub(crate) dim: Option<Dim>,
    /// The mask's file, and the colours of its numbers.
    pub(crate) palette: Option<(PathBuf, Palette)>,
}

impl From<Sample> for Inspected {
    fn from(sample: Sample) -> Self {
        Self { sample, dim: None, palette: None }
    }
}

/// One data set after another of the same classes.
pub(crate) struct Joined {
    pub first: Arc<dyn Dataset>,
    pub second: Arc<dyn Dataset>,
}

impl Dataset for Joined {
    fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    fn classes(&self) -> &[String] {
        self.first.classes()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        match index.checked_sub(self.first.len()) {
            None => self.first.sample(index),
            Some(index) => self.second.sample(index),
        }
    }

    fn size(&self, index: usize) -> Result<[usize; 2], DataError> {
        match index.checked_sub(self.first.len()) {
            None => self.first.size(index),
            Some(index) => self.second.size(index),
        }
    }

    fn fingerprint(&self) -> String {
        [self.first.fingerprint(), self.second.fingerprint()].join(" and ")
    }
}

/// The first samples of a data set.
pub(crate) struct First {
    of: Arc<dyn Dataset>,
    len: usize,
}

impl First {
    /// So many, or all there are.
    pub fn new(of: Arc<dyn Dataset>, most: usize) -> Self {
        Self { len: of.len().min(most), of }
    }
}

impl Dataset for First {
    fn len(&self) -> usize {
        self.len
    }

    fn classes(&self) -> &[String] {
        self.of.classes()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        assert!(index < self.len, "first: sample {index} of {}", self.len);
        self.of.sample(index)
    }

    fn inspect(&self, index: usize) -> Result<Inspected, Vec<DataError>> {
        assert!(index < self.len, "first: sample {index} of {}", self.len);
        self.of.inspect(index)
    }

    fn size(&self, index: usize) -> Result<[usize; 2], DataError> {
        assert!(index < self.len, "first: sample {index} of {}", self.len);
        self.of.size(index)
    }

    fn fingerprint(&self) -> String {
        format!("the first {} of {}", self.len, self.of.fingerprint())
    }
}

/// The RGB colour of `label` by the rule of PASCAL VOC: black for 0, and each label's bits
/// spread over the high bits of red, green and blue, so that near labels get far colours.
///
/// ```
/// # use mirrorgrad_segment::palette;
/// assert_eq!([palette(0), palette(1), palette(2)], [[0, 0, 0], [128, 0, 0], [0, 128, 0]]);
/// assert_eq!(palette(255), [224, 224, 192]);
/// ```
pub const fn palette(label: u8) -> [u8; 3] {
    let mut colour = [0; 3];
    let mut bit = 0;
    while bit < 8 {
        // Bits 0, 3, 6 of the label go to red, 1, 4, 7 to green, 2, 5 to blue, highest first.
        colour[bit % 3] |= (label >> bit & 1) << (7 - bit / 3);
        bit += 1;
    }
    colour
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_palette_is_that_of_voc() {
        let voc = [(0, [0, 0, 0]), (1, [128, 0, 0]), (3, [128, 128, 0]), (15, [192, 128, 128])];
        for (label, colour) in voc {
            assert_eq!(palette(label), colour);
        }
        assert_eq!((palette(20), palette(255)), ([0, 64, 128], [224, 224, 192]));
    }
}
