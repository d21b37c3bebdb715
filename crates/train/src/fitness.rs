//! Whether data fit a run: what keeps it from training on them, and what is worth knowing before.

use std::path::Path;

use mirrorgrad_data::{DataError, Loader, Message, Setting, Survey};

use crate::metrics::too_small;
use crate::small_batches::check_normalization;
use crate::{Config, RunError};

/// What keeps a run of `config` from training on the samples without fault, as `loader` brings them to a
/// network that takes sides from `least` on.
pub fn training_faults(
    survey: &Survey,
    config: &Config,
    loader: &Loader,
    least: usize,
) -> Vec<RunError> {
    let mut faults = match config.data.augment.crop {
        // Every sample is brought to the crop's size, whatever its own.
        Some(_) => Vec::new(),
        None => size_faults(survey, config, least, loader.batch),
    };
    if config.data.augment.crop.is_none() && faults.is_empty() {
        let pictures = loader.dataset.len();
        let alone = sizes(survey, config)
            .filter_map(|(name, size)| check_normalization(config, pictures, name, size).err());
        faults.extend(alone);
    }
    if let Some(augment) = &loader.augment {
        let refused = sizes(survey, config)
            .filter_map(|(name, size)| augment.check_size(name, size, loader.ignore_index).err());
        faults.extend(refused.map(RunError::from));
    }
    let all_good = survey.samples.iter().all(|sample| sample.good.is_some());
    if all_good && survey.counts_nothing() {
        let place = config.data.dir.as_deref().unwrap_or(Path::new("the training set"));
        let expected = "pixels of a class in the training set";
        let found = "none, since all pixels are ignored";
        faults.push(DataError::unfit(place, expected, found).into());
    }
    faults
}

/// The names of the samples without fault, and the sizes that they are brought to.
fn sizes<'a>(
    survey: &'a Survey,
    config: &Config,
) -> impl Iterator<Item = (&'a str, [usize; 2])> + use<'a> {
    let fixed = config.data.folder.size;
    survey.good().map(move |good| (good.name.as_str(), fixed.unwrap_or(good.size)))
}

/// Sizes that a network which takes sides from `least` on, or a batch of so many, cannot take.
pub fn size_faults(survey: &Survey, config: &Config, least: usize, batch: usize) -> Vec<RunError> {
    let sizes: Vec<_> = sizes(survey, config).collect();
    let mut faults: Vec<RunError> =
        sizes.iter().filter_map(|(name, size)| too_small(least, *name, *size)).collect();
    let Some(&(first, first_size)) = sizes.first() else { return faults };
    let other = sizes.iter().find(|(_, size)| *size != first_size);
    if let Some(&(second, second_size)) = other.filter(|_| batch > 1) {
        let (first, second) = (first.to_owned(), second.to_owned());
        faults.push(DataError::MixedSizes { first, first_size, second, second_size }.into());
    }
    faults
}

/// What is no fault of data to train and to validate on, but worth knowing before a run.
pub fn notes_of_run(classes: &[String], train: &Survey, validation: &Survey) -> Vec<Message> {
    let mut notes = Vec::new();
    if let [class] = classes {
        let only = "is the only class, so there is nothing to learn: name the background too, and ";
        let note = Message::from(format!("{class} {only}"));
        let note = note.ask([Setting::of("data.folder.mask_values")]);
        notes.push(note.and(" if the mask values are not 0 and 1"));
    }
    let occurring = train.histogram().pixels.iter().filter(|&&pixels| pixels > 0).count();
    if classes.len() > 1 && occurring == 1 {
        notes.push(
            "the training set has pixels of only one class, so there is nothing to learn".into(),
        );
    }
    if validation.counts_nothing() {
        let note =
            "every pixel of the validation set is ignored: its mIoU will be 0 over 0 classes";
        notes.push(note.into());
    }
    notes
}
