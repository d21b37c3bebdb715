//! What is asked of data, and data sets that are made of others.

use crate::mask::Palette;
use crate::picture::Dim;
use crate::{DataError, Sample};
use std::path::PathBuf;
use std::sync::Arc;

/// Pictures with masks, by number.
///
/// ```
/// # use mirrorgrad_data::{DataError, Dataset, Histogram, Mask, Picture, Sample};
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
/// # use mirrorgrad_data::{Dataset, Inspected, Shapes};
/// let shapes = Shapes::train(0);
/// let inspected = shapes.inspect(0).expect("drawn pictures have no faults");
/// assert_eq!(inspected.sample, shapes.sample(0)?);
/// # Ok::<(), mirrorgrad_data::DataError>(())
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
///
/// ```
/// # use mirrorgrad_data::{Dataset, Joined, Shapes};
/// # use std::sync::Arc;
/// let of = |shapes: Shapes| -> Arc<dyn Dataset> { Arc::new(shapes) };
/// let all = Joined { first: of(Shapes::train(0)), second: of(Shapes::validation(0)) };
/// assert_eq!(all.len(), 2500);
/// assert_eq!(all.sample(2000)?, Shapes::validation(0).sample(0)?);
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
pub struct Joined {
    /// The one that comes first.
    pub first: Arc<dyn Dataset>,
    /// The other.
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
///
/// ```
/// # use mirrorgrad_data::{Dataset, First, Shapes};
/// # use std::sync::Arc;
/// let first = First::new(Arc::new(Shapes::train(0)), 8);
/// assert_eq!(first.len(), 8);
/// assert_eq!(first.sample(7)?, Shapes::train(0).sample(7)?);
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
pub struct First {
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
