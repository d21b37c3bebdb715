//! The pictures of a run: those to train on, and those to be judged by.

use crate::{Config, RunError, TrainingConfig};
use mirrorgrad_data::{Augment, Dataset, First, IGNORED, Loader, Part};
use std::sync::Arc;

/// The pictures to train on, and those to be judged by.
pub fn parts(config: &Config) -> Result<(Loader, Loader), RunError> {
    let training = &config.training;
    let (train, validation) =
        (loader(config, trained_on(config)?), loader(config, judged_by(config)?));
    let (augment, shuffle) = match training.overfit_batches {
        // The same pictures as they are; but only parts of one size can share a batch.
        Some(_) => (config.data.augment.crop.map(Augment::crop), false),
        None => (Some(config.data.augment.clone()), true),
    };
    let ignore_index = left_out(config, train.dataset.classes().len());
    Ok((Loader { augment, batch: training.batch, shuffle, ignore_index, ..train }, validation))
}

/// The label of training pixels that count for nothing: the data's own, or else one that no class has, for
/// what augmentation leaves empty.
pub fn left_out(config: &Config, classes: usize) -> Option<u8> {
    let free = (classes <= usize::from(IGNORED)).then_some(IGNORED);
    config.data.folder.ignored_label().or(free)
}

/// The pictures that a run of this configuration trains on.
///
/// ```
/// # use mirrorgrad_train::{Config, judged_by, trained_on};
/// let mut config = Config::default();
/// (config.training.batch, config.training.limit_batches) = (4, Some(2));
/// assert_eq!((trained_on(&config)?.len(), judged_by(&config)?.len()), (8, 8));
/// // What it has by heart it is asked for.
/// (config.training.limit_batches, config.training.overfit_batches) = (None, Some(1));
/// assert_eq!(judged_by(&config)?.sample(0)?.name, trained_on(&config)?.sample(0)?.name);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
///
/// # Errors
/// If the folder is not what it should be.
pub fn trained_on(config: &Config) -> Result<Arc<dyn Dataset>, RunError> {
    let TrainingConfig { overfit_batches, limit_batches, .. } = config.training;
    let batches = overfit_batches.into_iter().chain(limit_batches).min();
    Ok(first(config, config.open(Part::Train)?, batches))
}

/// The pictures that a run of this configuration is validated on.
///
/// ```
/// # use mirrorgrad_train::{Config, judged_by};
/// let mut config = Config::default();
/// assert_eq!(judged_by(&config)?.len(), 500);
/// config.training.limit_batches = Some(2);
/// assert_eq!(judged_by(&config)?.len(), 2 * config.training.batch);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
///
/// # Errors
/// If the folder is not what it should be.
pub fn judged_by(config: &Config) -> Result<Arc<dyn Dataset>, RunError> {
    if config.training.overfit_batches.is_some() {
        return trained_on(config);
    }
    let validation = config.open(Part::Validation)?;
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
