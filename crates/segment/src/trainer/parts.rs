//! The pictures of a run: those to train on, and those to be judged by.

use crate::dataset::First;
use crate::{Config, Dataset, Loader, Part, RunError};
use std::sync::Arc;

/// Threads that load pictures ahead of the training.
const LOADERS: usize = 2;

/// The pictures to train on, and those to be judged by.
pub fn parts(config: &Config) -> Result<(Loader, Loader), RunError> {
    let training = &config.training;
    let first = |of: Arc<dyn Dataset>, batches: Option<usize>| -> Arc<dyn Dataset> {
        match batches {
            Some(batches) => Arc::new(First::new(of, batches.saturating_mul(training.batch))),
            None => of,
        }
    };
    let train = config.open(Part::Train)?;
    if training.overfit_batches.is_some() {
        // The same pictures, unchanged, on both sides.
        let train = loader(config, first(train, training.overfit_batches));
        return Ok((Loader { batch: training.batch, ..train.clone() }, train));
    }
    let train = loader(config, first(train, training.limit_batches));
    let validation = first(config.open(Part::Validation)?, training.limit_batches);
    let augment = Some(config.data.augment.clone());
    let train = Loader { augment, batch: training.batch, shuffle: true, ..train };
    Ok((train, loader(config, validation)))
}

/// A loader of a data set in its own order and unchanged, as it is validated.
///
/// ```
/// # use mirrorgrad_segment::{Config, Shapes, loader};
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
    // Only pictures brought to one size can share a batch; training crops do not apply here.
    let one_size = config.data.folder.size.is_some() || config.data.augment.crop.is_none();
    Loader {
        dataset,
        batch: if one_size { config.training.batch } else { 1 },
        workers: LOADERS,
        seed: config.training.seed,
        augment: None,
        ignore_index: config.data.folder.ignore_index,
        shuffle: false,
    }
}
