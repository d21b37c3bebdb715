//! The pictures of a run: its training set and its validation set.

use crate::{Config, RunError, TrainingConfig};
use mirrorgrad_data::{Augment, Dataset, First, IGNORED, Loader, Split};
use std::sync::Arc;

/// The training set and the validation set, in batches.
pub fn loaders(config: &Config) -> Result<(Loader, Loader), RunError> {
    let training = &config.training;
    let (train, validation) =
        (loader(config, training_set(config)?), loader(config, validation_set(config)?));
    let (augment, shuffle) = match training.overfit_batches {
        // The same pictures as they are; but only parts of one size can share a batch.
        Some(_) => (config.data.augment.crop.map(Augment::crop), false),
        None => (Some(config.data.augment.clone()), true),
    };
    let ignore_index = left_out(config, train.dataset.classes().len());
    Ok((Loader { augment, batch: training.pass(), shuffle, ignore_index, ..train }, validation))
}

/// The label of training pixels that count for nothing: the data's own, or else one that no class has, for
/// what augmentation leaves empty.
pub fn left_out(config: &Config, classes: usize) -> Option<u8> {
    let free = (classes <= usize::from(IGNORED)).then_some(IGNORED);
    config.data.folder.ignored_label().or(free)
}

/// The training set of a run of this configuration.
///
/// ```
/// # use mirrorgrad_train::{Config, validation_set, training_set};
/// let mut config = Config::default();
/// (config.training.batch, config.training.limit_batches) = (4, Some(2));
/// assert_eq!((training_set(&config)?.len(), validation_set(&config)?.len()), (8, 8));
/// // What it has by heart it is asked for.
/// (config.training.limit_batches, config.training.overfit_batches) = (None, Some(1));
/// assert_eq!(validation_set(&config)?.sample(0)?.name, training_set(&config)?.sample(0)?.name);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
///
/// # Errors
/// If the folder is not what it should be.
pub fn training_set(config: &Config) -> Result<Arc<dyn Dataset>, RunError> {
    let TrainingConfig { overfit_batches, limit_batches, .. } = config.training;
    let batches = overfit_batches.into_iter().chain(limit_batches).min();
    Ok(first(config, config.open(Split::Train)?, batches))
}

/// The validation set of a run of this configuration.
///
/// ```
/// # use mirrorgrad_train::{Config, validation_set};
/// let mut config = Config::default();
/// assert_eq!(validation_set(&config)?.len(), 500);
/// config.training.limit_batches = Some(2);
/// assert_eq!(validation_set(&config)?.len(), 2 * config.training.batch);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
///
/// # Errors
/// If the folder is not what it should be.
pub fn validation_set(config: &Config) -> Result<Arc<dyn Dataset>, RunError> {
    if config.training.overfit_batches.is_some() {
        return training_set(config);
    }
    let validation = config.open(Split::Validation)?;
    Ok(first(config, validation, config.training.limit_batches))
}

/// The first batches of a data set, if they are counted.
fn first(config: &Config, of: Arc<dyn Dataset>, batches: Option<usize>) -> Arc<dyn Dataset> {
    match batches {
        Some(batches) => Arc::new(First::new(of, batches.saturating_mul(config.training.batch))),
        None => of,
    }
}

/// A loader of a data set in its own order and unchanged, as it is validated.
///
/// ```
/// # use mirrorgrad_data::Shapes;
/// # use mirrorgrad_train::{Config, loader};
/// # use std::sync::Arc;
/// let mut config = Config::default();
/// config.training.batch = 4;
/// let plain = loader(&config, Arc::new(Shapes::new(0, 10)));
/// assert_eq!((plain.batches(), plain.shuffle), (3, false));
/// // Pictures that only crops make of one size come one by one.
/// config.data.augment.crop = Some([32, 32]);
/// assert_eq!(loader(&config, Arc::new(Shapes::new(0, 10))).batches(), 10);
/// ```
pub fn loader(config: &Config, dataset: Arc<dyn Dataset>) -> Loader {
    Loader {
        seed: config.training.seed,
        ignore_index: config.data.folder.ignored_label(),
        ..Loader::new(dataset, validation_batch(config))
    }
}

/// The pictures of a batch that is validated.
pub fn validation_batch(config: &Config) -> usize {
    // Only pictures brought to one size can share a batch; training crops do not apply here.
    let one_size = config.data.folder.size.is_some() || config.data.augment.crop.is_none();
    if one_size { config.training.batch } else { 1 }
}
