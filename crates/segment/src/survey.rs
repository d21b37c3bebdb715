//! Every sample of a data set, looked at once: what a run asks of its data before it begins, and what a
//! census tells.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::mask::{Palette, Palettes};
use crate::metrics::too_small;
use crate::picture::Dim;
use crate::small_batches::check_normalization;
use crate::{Config, DataError, Dataset, Histogram, Inspected, Loader, RunError};

/// What one sample is found to be.
#[derive(Debug)]
pub struct Looked {
    /// What it says, if nothing is wrong with it.
    pub good: Option<Good>,
    /// All that is wrong with it.
    pub faults: Vec<DataError>,
}

/// What a sample without fault says.
#[derive(Debug)]
pub struct Good {
    pub name: String,
    /// `[height, width]`, as the data set has it.
    pub size: [usize; 2],
    /// What tells the picture from others.
    pub hash: blake3::Hash,
    pub histogram: Histogram,
    /// What is left of a picture that uses a small part of 16 bits.
    pub dim: Option<Dim>,
    /// The mask's file, and the colours of its numbers.
    pub palette: Option<(PathBuf, Palette)>,
}

/// What all samples of a data set are found to be, in their order.
#[derive(Debug)]
pub struct Survey {
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

    /// Itself, if no sample has a fault, or else the first fault.
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

    /// What keeps a run of `config` from training on the samples without fault, as `loader` brings them to a
    /// network that takes sides from `least` on.
    pub fn training_faults(&self, config: &Config, loader: &Loader, least: usize) -> Vec<RunError> {
        let mut faults = match config.data.augment.crop {
            // Every sample is brought to the crop's size, whatever its own.
            Some(_) => Vec::new(),
            None => self.size_faults(config, least, loader.batch),
        };
        if config.data.augment.crop.is_none() && faults.is_empty() {
            let pictures = loader.dataset.len();
            let alone = self
                .sizes(config)
                .filter_map(|(name, size)| check_normalization(config, pictures, name, size).err());
            faults.extend(alone);
        }
        if let Some(augment) = &loader.augment {
            let refused = self.sizes(config).filter_map(|(name, size)| {
                augment.check_size(name, size, loader.ignore_index).err()
            });
            faults.extend(refused.map(RunError::from));
        }
        if self.samples.iter().all(|sample| sample.good.is_some()) && self.counts_nothing() {
            let place = config.data.dir.as_deref().unwrap_or(Path::new("the training set"));
            let expected = "pixels of a class in the training set";
            let found = "none, all of them are left out";
            faults.push(DataError::unfit(place, expected, found).into());
        }
        faults
    }

    /// The names of the samples without fault, and the sizes that they are brought to.
    fn sizes(&self, config: &Config) -> impl Iterator<Item = (&str, [usize; 2])> {
        let fixed = config.data.folder.size;
        self.good().map(move |good| (good.name.as_str(), fixed.unwrap_or(good.size)))
    }

    /// Sizes that a network which takes sides from `least` on, or a batch of so many, cannot take.
    pub fn size_faults(&self, config: &Config, least: usize, batch: usize) -> Vec<RunError> {
        let sizes: Vec<_> = self.sizes(config).collect();
        let mut faults: Vec<RunError> =
            sizes.iter().filter_map(|(name, size)| too_small(least, name, *size)).collect();
        let Some(&(first, first_size)) = sizes.first() else { return faults };
        let other = sizes.iter().find(|(_, size)| *size != first_size);
        if let Some(&(second, second_size)) = other.filter(|_| batch > 1) {
            let (first, second) = (first.to_owned(), second.to_owned());
            faults.push(DataError::MixedSizes { first, first_size, second, second_size }.into());
        }
        faults
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

/// What is no fault of data to train and to validate on, but worth knowing before a run.
pub fn notes_of_run(classes: &[String], train: &Survey, validation: &Survey) -> Vec<String> {
    let mut notes = Vec::new();
    if let [class] = classes {
        notes.push(format!(
            "{class} is the only class, which leaves nothing to learn: name the background too, and \
             pass --mask-values if the masks do not hold 0 and 1"
        ));
    }
    let occurring = train.histogram().pixels.iter().filter(|&&pixels| pixels > 0).count();
    if classes.len() > 1 && occurring == 1 {
        notes.push(
            "the training set has pixels of one class alone, which leaves nothing to learn".into(),
        );
    }
    if validation.counts_nothing() {
        let note =
            "every pixel of the validation set is left out: its mIoU will be 0 over 0 classes";
        notes.push(note.into());
    }
    notes
}

/// What is no fault of files, but worth knowing: that the palettes of masks differ, that pictures are all but
/// black.
pub fn notes_of_files<'a>(surveys: impl Iterator<Item = &'a Survey>) -> Vec<String> {
    let (mut palettes, mut dims) = (Palettes::default(), Vec::new());
    for good in surveys.flat_map(Survey::good) {
        dims.extend(good.dim.map(|dim| (good.name.as_str(), dim)));
        good.palette.iter().for_each(|(path, palette)| palettes.add(path, palette));
    }
    palettes.note().into_iter().chain(dim_note(&dims)).collect()
}

/// What is left of pictures that use a small part of 16 bits.
fn dim_note(dims: &[(&str, Dim)]) -> Option<String> {
    let (first, Dim { darkest, brightest, levels }) = dims.first()?;
    let others = match dims.len() - 1 {
        0 => String::new(),
        1 => ", and 1 picture more is alike".to_owned(),
        others => format!(", and {others} pictures more are alike"),
    };
    let black = dims.iter().map(|(_, dim)| dim.darkest).min()?;
    let white = dims.iter().map(|(_, dim)| dim.brightest).max()?;
    Some(format!(
        "{first}: 16 bits, darkest {darkest}, brightest {brightest} of 65535: {levels} levels are left{others}; \
         say what becomes black and white, as --range {black},{white} or --range percentile"
    ))
}
