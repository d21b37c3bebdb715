//! Every sample of a data set, looked at once: what a run asks of its data before it begins, and what a
//! census tells.

use std::path::PathBuf;

use rayon::prelude::*;

use crate::mask::{Palette, Palettes};
use crate::picture::Dim;
use crate::{DataError, Dataset, Histogram, Inspected, Message, Setting};

/// What one sample is found to be.
///
/// ```
/// # use mirrorgrad_data::{Shapes, Survey};
/// let survey = Survey::of(&Shapes::new(0, 2), None, None, &|| ());
/// assert!(survey.samples.iter().all(|looked| looked.good.is_some() && looked.faults.is_empty()));
/// ```
#[derive(Debug)]
pub struct Looked {
    /// What it says, if nothing is wrong with it.
    pub good: Option<Good>,
    /// All that is wrong with it.
    pub faults: Vec<DataError>,
}

/// What a sample without fault says.
///
/// ```
/// # use mirrorgrad_data::{Shapes, Survey};
/// let survey = Survey::of(&Shapes::new(0, 2), None, Some([32, 32]), &|| ());
/// let sizes: Vec<_> = survey.good().map(|good| good.size).collect();
/// assert_eq!(sizes, [[64, 64]; 2]);
/// // Labels are counted in the size that is asked for.
/// assert_eq!(survey.histogram().pixels.iter().sum::<u64>(), 2 * 32 * 32);
/// ```
#[derive(Debug)]
pub struct Good {
    /// What to call it in messages.
    pub name: String,
    /// `[height, width]`, as the data set has it.
    pub size: [usize; 2],
    /// What tells the picture from others.
    pub(crate) hash: blake3::Hash,
    /// Its labels.
    pub histogram: Histogram,
    /// What is left of a picture that uses a small part of 16 bits.
    pub(crate) dim: Option<Dim>,
    /// The mask's file, and the colours of its numbers.
    pub(crate) palette: Option<(PathBuf, Palette)>,
}

/// What all samples of a data set are found to be, in their order.
///
/// ```
/// # use mirrorgrad_data::{Shapes, Survey};
/// let survey = Survey::of(&Shapes::new(0, 3), None, None, &|| ()).faultless()?;
/// assert_eq!((survey.samples.len(), survey.good().count()), (3, 3));
/// assert!(!survey.counts_nothing());
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct Survey {
    /// One for each sample.
    pub samples: Vec<Looked>,
    classes: usize,
}

impl Survey {
    /// Looks at every sample; `seen` is called after each. Labels are counted in the size `resize`, or else
    /// in the sample's own.
    pub fn of(
        dataset: &dyn Dataset,
        ignore_index: Option<u8>,
        resize: Option<[usize; 2]>,
        seen: &(dyn Fn() + Sync),
    ) -> Self {
        let classes = dataset.classes().len();
        let look = |index| {
            let looked = look(dataset, index, ignore_index, resize);
            seen();
            looked
        };
        Self { samples: (0..dataset.len()).into_par_iter().map(look).collect(), classes }
    }

    /// The samples without fault.
    pub fn good(&self) -> impl Iterator<Item = &Good> {
        self.samples.iter().filter_map(|sample| sample.good.as_ref())
    }

    /// The labels of all samples without fault.
    pub fn histogram(&self) -> Histogram {
        let mut all = Histogram::new(self.classes);
        self.good().for_each(|sample| all.merge(&sample.histogram));
        all
    }

    /// Itself, if no sample has a fault.
    ///
    /// # Errors
    /// The first fault.
    pub fn faultless(mut self) -> Result<Self, DataError> {
        let mut faults = self.samples.iter_mut().flat_map(|sample| sample.faults.drain(..));
        match faults.next() {
            Some(fault) => Err(fault),
            None => {
                drop(faults);
                Ok(self)
            }
        }
    }

    /// Whether each pixel of the samples without fault is left out.
    pub fn counts_nothing(&self) -> bool {
        let Histogram { pixels, ignored, .. } = self.histogram();
        ignored > 0 && pixels.iter().all(|&pixels| pixels == 0)
    }
}

fn look(
    dataset: &dyn Dataset,
    index: usize,
    ignore_index: Option<u8>,
    resize: Option<[usize; 2]>,
) -> Looked {
    let Inspected { sample, dim, palette } = match dataset.inspect(index) {
        Ok(inspected) => inspected,
        Err(faults) => return Looked { good: None, faults },
    };
    let size = sample.size();
    let mut hasher = blake3::Hasher::new();
    hasher.update(&(size[1] as u64).to_le_bytes());
    let hash = hasher.update(&sample.picture.rgb).finalize();
    let mut histogram = Histogram::new(dataset.classes().len());
    match resize.filter(|&resize| resize != size) {
        Some(resize) => histogram.add(&sample.mask.resize(resize), ignore_index),
        None => histogram.add(&sample.mask, ignore_index),
    }
    let good = Good { name: sample.name, size, hash, histogram, dim, palette };
    Looked { good: Some(good), faults: Vec::new() }
}

/// What is no fault of files, but worth knowing: that the palettes of masks differ, that pictures are all but
/// black.
///
/// ```
/// # use mirrorgrad_data::{Shapes, Survey, notes_of_files};
/// let drawn = Survey::of(&Shapes::new(0, 3), None, None, &|| ());
/// assert!(notes_of_files([&drawn].into_iter()).is_empty());
/// ```
pub fn notes_of_files<'a>(surveys: impl Iterator<Item = &'a Survey>) -> Vec<Message> {
    let (mut palettes, mut dims) = (Palettes::default(), Vec::new());
    for good in surveys.flat_map(Survey::good) {
        dims.extend(good.dim.map(|dim| (good.name.as_str(), dim)));
        good.palette.iter().for_each(|(path, palette)| palettes.add(path, palette));
    }
    palettes.note().into_iter().chain(dim_note(&dims)).collect()
}

/// What is left of pictures that use a small part of 16 bits.
fn dim_note(dims: &[(&str, Dim)]) -> Option<Message> {
    let (first, Dim { darkest, brightest, levels }) = dims.first()?;
    let others = match dims.len() - 1 {
        0 => String::new(),
        1 => ", and 1 more picture is like it".to_owned(),
        others => format!(", and {others} more pictures are like it"),
    };
    let black = dims.iter().map(|(_, dim)| dim.darkest).min()?;
    let white = dims.iter().map(|(_, dim)| dim.brightest).max()?;
    let range = "data.folder.range";
    let dim = Message::from(format!(
        "{first}: 16 bits, darkest {darkest}, brightest {brightest} of 65535: only {levels} grey levels are \
         left in 8 bits{others}; set what becomes black and white, such as "
    ));
    let given = dim.and(Setting::numbers(range, [black, white]));
    Some(given.and(" or ").and(Setting::word(range, "percentile")))
}
