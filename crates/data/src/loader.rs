//! Samples in batches, loaded by threads ahead of their use, in an order that the number of
//! threads cannot change.
//!
//! Worker `w` of `n` loads the batches `w`, `w + n`, `w + 2n`, … of those asked for and sends them through a channel
//! of its own, which has room for one. The reader takes from the channels in turn: batches come
//! in order, and no worker is ever more than two ahead.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{Builder, JoinHandle};

use rayon::prelude::*;

use crate::random::{Purpose, generator, permutation};
use crate::{Augment, DataError, Dataset, Sample};

/// Samples of one size, or why there are none.
type Batch = Result<Vec<Sample>, DataError>;

/// How a data set is loaded.
///
/// ```
/// # use mirrorgrad_data::{Loader, Shapes};
/// # use std::sync::Arc;
/// let plain = Loader::new(Arc::new(Shapes::new(0, 5)), 2);
/// let shuffled = Loader { shuffle: true, ..plain };
/// let batches = shuffled.epoch(0).collect::<Result<Vec<_>, _>>()?;
/// assert_eq!(batches.iter().map(Vec::len).collect::<Vec<_>>(), [2, 2, 1]);
/// // The order comes from the seed and the epoch, not from the threads.
/// let alone = Loader { workers: 1, ..shuffled };
/// assert_eq!(alone.epoch(0).collect::<Result<Vec<_>, _>>()?, batches);
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
#[derive(Clone)]
pub struct Loader {
    /// Where samples come from.
    pub dataset: Arc<dyn Dataset>,
    /// Samples in a batch, 1 or more; the last batch has what is left.
    pub batch: usize,
    /// Threads that load, 1 or more.
    pub workers: usize,
    /// Decides order and augmentation, together with the epoch.
    pub seed: u64,
    /// What is changed at random in each sample.
    pub augment: Option<Augment>,
    /// The label for what augmentation leaves empty.
    pub ignore_index: Option<u8>,
    /// Whether each epoch has an order of its own, or the data set's.
    pub shuffle: bool,
}

/// Threads that load unless more are asked for.
const WORKERS: usize = 2;

impl Loader {
    /// A data set in its own order, unchanged, `batch` samples at a time, loaded by two threads.
    pub fn new(dataset: Arc<dyn Dataset>, batch: usize) -> Self {
        Self {
            dataset,
            batch,
            workers: WORKERS,
            seed: 0,
            augment: None,
            ignore_index: None,
            shuffle: false,
        }
    }

    /// The number of batches in an epoch.
    ///
    /// # Panics
    /// If a batch has no samples.
    #[track_caller]
    pub fn batches(&self) -> usize {
        assert!(self.batch > 0, "loader: expected 1 sample or more in a batch");
        self.dataset.len().div_ceil(self.batch)
    }

    /// The size with the most pixels, `[height, width]`, of the samples that can be read, before anything is changed in
    /// them; of no samples, one pixel's.
    ///
    /// ```
    /// # use mirrorgrad_data::{Loader, Shapes};
    /// # use std::sync::Arc;
    /// let shapes = Loader::new(Arc::new(Shapes::new(0, 5)), 2);
    /// assert_eq!(shapes.largest(), [64, 64]);
    /// ```
    pub fn largest(&self) -> [usize; 2] {
        // A batch has pictures of one size; each by itself has its own.
        let looked_at = if self.batch > 1 { self.dataset.len().min(1) } else { self.dataset.len() };
        let sizes = (0..looked_at).into_par_iter().filter_map(|i| self.dataset.size(i).ok());
        sizes.max_by_key(|[height, width]| height * width).unwrap_or([1, 1])
    }

    /// The order in which samples of epoch `epoch` come, by their numbers.
    pub fn order(&self, epoch: usize) -> Vec<usize> {
        if self.shuffle {
            let mut rng = generator(Purpose::Shuffle, self.seed, epoch, 0);
            permutation(self.dataset.len(), &mut rng)
        } else {
            (0..self.dataset.len()).collect()
        }
    }

    /// The batches of epoch `epoch`.
    ///
    /// # Panics
    /// If a batch has no samples, or there are no workers.
    #[track_caller]
    pub fn epoch(&self, epoch: usize) -> Batches {
        self.epoch_from(epoch, 0)
    }

    /// The batches of epoch `epoch` from number `first` on, as [`epoch`](Self::epoch) gives them.
    ///
    /// # Panics
    /// If a batch has no samples, or there are no workers.
    #[track_caller]
    pub fn epoch_from(&self, epoch: usize, first: usize) -> Batches {
        self.numbered(epoch, first..self.batches())
    }

    /// The batches of these numbers, counted from 0, of epoch `epoch`: the share of one of several that train together.
    ///
    /// ```
    /// # use mirrorgrad_data::{Loader, Shapes};
    /// # use std::sync::Arc;
    /// let shapes = Loader::new(Arc::new(Shapes::new(0, 6)), 2);
    /// let mut batches = shapes.numbered(0, [2, 0]);
    /// let third = batches.next().transpose()?.unwrap_or_default();
    /// assert_eq!((third[0].name.as_str(), batches.count()), ("shapes 4 of seed 0", 1));
    /// # Ok::<(), mirrorgrad_data::DataError>(())
    /// ```
    ///
    /// # Panics
    /// If a batch has no samples, there are no workers, or an epoch has no batch of a number.
    #[track_caller]
    pub fn numbered(&self, epoch: usize, numbers: impl IntoIterator<Item = usize>) -> Batches {
        assert!(self.workers > 0, "loader: expected 1 worker or more");
        let numbers: Arc<[usize]> = numbers.into_iter().collect();
        let all = self.batches();
        if let Some(beyond) = numbers.iter().find(|&&number| number >= all) {
            panic!("loader: expected numbers below {all}, the batches of an epoch, got {beyond}");
        }
        let workers = self.workers.min(numbers.len());
        let order: Arc<[usize]> = self.order(epoch).into();
        let mut batches = Batches::of(numbers.len());
        for worker in 0..workers {
            let (sender, receiver) = sync_channel(1);
            let (loader, order, stop) = (self.clone(), order.clone(), batches.stop.clone());
            let numbers = numbers.clone();
            let work = move || {
                let own = numbers.iter().copied().skip(worker).step_by(workers);
                loader.load_all(epoch, own, &order, &stop, &sender);
            };
            match Builder::new().name(format!("loader {worker}")).spawn(work) {
                Ok(thread) => batches.threads.push(thread),
                Err(error) => {
                    batches.failure = Some(DataError::loading("a thread to load with", error));
                    break;
                }
            }
            batches.lanes.push_back(receiver);
        }
        batches
    }

    /// Sends the batches `numbers` until the reader is gone or one cannot be loaded.
    fn load_all(
        &self,
        epoch: usize,
        numbers: impl Iterator<Item = usize>,
        order: &[usize],
        stop: &AtomicBool,
        sender: &SyncSender<Batch>,
    ) {
        for number in numbers {
            let start = number * self.batch;
            let indices = &order[start..order.len().min(start + self.batch)];
            let Some(batch) = self.load(epoch, indices, stop) else { return };
            let last = batch.is_err();
            if sender.send(batch).is_err() || last {
                return;
            }
        }
    }

    /// One batch, or nothing if it is no longer wanted.
    fn load(&self, epoch: usize, indices: &[usize], stop: &AtomicBool) -> Option<Batch> {
        let mut batch: Vec<Sample> = Vec::with_capacity(indices.len());
        for &index in indices {
            if stop.load(Relaxed) {
                return None;
            }
            let loaded = catch_unwind(AssertUnwindSafe(|| self.sample(epoch, index)));
            let loaded = loaded.unwrap_or_else(|panic| {
                Err(DataError::loading(format!("sample {index}"), words(&*panic)))
            });
            let checked = loaded.and_then(|sample| match batch.first() {
                Some(first) if first.size() != sample.size() => Err(DataError::MixedSizes {
                    first: first.name.clone(),
                    first_size: first.size(),
                    second_size: sample.size(),
                    second: sample.name,
                }),
                _ => Ok(sample),
            });
            match checked {
                Ok(sample) => batch.push(sample),
                Err(error) => return Some(Err(error)),
            }
        }
        Some(Ok(batch))
    }

    /// Sample `index` as it is in `epoch`.
    fn sample(&self, epoch: usize, index: usize) -> Result<Sample, DataError> {
        let sample = self.dataset.sample(index)?;
        match &self.augment {
            None => Ok(sample),
            Some(augment) => {
                let mut rng = generator(Purpose::Augment, self.seed, epoch, index);
                augment.apply(sample, self.ignore_index, &mut rng)
            }
        }
    }
}

/// The batches of an epoch, in order; it ends after the last, or after the first error. Dropping
/// it stops the threads and waits for them, for the time of one sample at most.
///
/// ```
/// # use mirrorgrad_data::{Loader, Shapes};
/// # use std::sync::Arc;
/// // Twenty pictures in batches of eight, from the second batch on.
/// let mut batches = Loader::new(Arc::new(Shapes::new(0, 20)), 8).epoch_from(0, 1);
/// let second = batches.next().transpose()?.unwrap_or_default();
/// assert_eq!((second.len(), second[0].name.as_str()), (8, "shapes 8 of seed 0"));
/// assert_eq!(batches.count(), 1);
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
#[derive(Debug)]
pub struct Batches {
    /// Batches still to come.
    left: usize,
    /// The workers' channels; the next batch comes from the first.
    lanes: VecDeque<Receiver<Batch>>,
    threads: Vec<JoinHandle<()>>,
    /// Why not all workers could be started.
    failure: Option<DataError>,
    stop: Arc<AtomicBool>,
}

impl Batches {
    fn of(left: usize) -> Self {
        let (lanes, threads) = (VecDeque::new(), Vec::new());
        Self { left, lanes, threads, failure: None, stop: Arc::default() }
    }
}

impl Iterator for Batches {
    type Item = Batch;

    fn next(&mut self) -> Option<Batch> {
        if self.left == 0 {
            return None;
        }
        self.left -= 1;
        let batch = match (self.failure.take(), self.lanes.pop_front()) {
            (Some(failure), _) => Err(failure),
            (None, Some(lane)) => {
                let gone = |error| Err(DataError::loading("a batch", error));
                let batch = lane.recv().unwrap_or_else(gone);
                self.lanes.push_back(lane);
                batch
            }
            (None, None) => return None,
        };
        if batch.is_err() {
            self.left = 0;
        }
        Some(batch)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.left))
    }
}

impl Drop for Batches {
    fn drop(&mut self) {
        self.stop.store(true, Relaxed);
        // A worker that waits for room in its channel wakes when the other end is gone.
        self.lanes.clear();
        for thread in self.threads.drain(..) {
            // What a worker has to say comes through its channel.
            let _ = thread.join();
        }
    }
}

/// What a panic said.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("a panic")
}
