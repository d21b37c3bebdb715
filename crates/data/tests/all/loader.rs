//! Loading: always the same batches, and an end whatever happens.

use std::panic;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::common::{assert_says, sample};
use mirrorgrad_data::{Augment, DataError, Dataset, Loader, Sample, Shapes, decode_mask};

type Behaviour = Box<dyn Fn(usize) -> Result<Sample, DataError> + Send + Sync>;

/// A data set that does as it is told.
struct Told {
    len: usize,
    loaded: AtomicUsize,
    behaviour: Behaviour,
}

impl Dataset for Told {
    fn len(&self) -> usize {
        self.len
    }

    fn classes(&self) -> &[String] {
        &[]
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.loaded.fetch_add(1, Relaxed);
        (self.behaviour)(index)
    }
}

fn told(
    len: usize,
    behaviour: impl Fn(usize) -> Result<Sample, DataError> + Send + Sync + 'static,
) -> Arc<Told> {
    Arc::new(Told { len, loaded: AtomicUsize::new(0), behaviour: Box::new(behaviour) })
}

fn named(index: usize) -> Sample {
    Sample { name: format!("{index}.png"), ..sample([4, 4], 2) }
}

fn plain(dataset: Arc<dyn Dataset>, batch: usize, workers: usize) -> Loader {
    let (augment, ignore_index) = (None, None);
    Loader { dataset, batch, workers, seed: 5, augment, ignore_index, shuffle: false }
}

fn shuffled(workers: usize) -> Loader {
    let augment = Some(Augment { crop: Some([40, 40]), jitter: 0.2, ..Augment::default() });
    Loader { augment, shuffle: true, ..plain(Arc::new(Shapes::new(1, 22)), 4, workers) }
}

fn all(batches: impl Iterator<Item = Result<Vec<Sample>, DataError>>) -> Vec<Vec<Sample>> {
    batches.map(Result::unwrap).collect()
}

#[test]
fn batches_are_the_same_for_any_number_of_workers() {
    let alone = all(shuffled(1).epoch(3));
    assert_eq!(alone.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 4, 4, 4, 2]);
    for workers in [2, 3, 5, 40] {
        assert!(all(shuffled(workers).epoch(3)) == alone, "{workers}");
    }
}

#[test]
fn an_epoch_goes_on_where_it_was_left() {
    let whole = all(shuffled(2).epoch(1));
    for first in 0..=shuffled(1).batches() {
        assert!(all(shuffled(3).epoch_from(1, first)) == whole[first..], "{first}");
    }
    assert!(all(shuffled(3).epoch_from(1, 100)).is_empty());
}

#[test]
fn epochs_and_seeds_differ_in_order_and_augmentation() {
    let orders = [shuffled(1).order(0), shuffled(1).order(1), {
        Loader { seed: 6, ..shuffled(1) }.order(0)
    }];
    for (i, order) in orders.iter().enumerate() {
        assert!(orders[..i].iter().all(|other| order != other));
        let mut sorted = order.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, (0..22).collect::<Vec<_>>());
    }
    let still = Loader { shuffle: false, ..shuffled(1) };
    assert!(all(still.epoch(0)) != all(still.epoch(1)));
}

#[test]
fn a_sample_is_changed_alike_wherever_it_stands_in_the_epoch() {
    let mut in_order: Vec<Sample> = all(Loader { shuffle: false, ..shuffled(2) }.epoch(2)).concat();
    let mut mixed: Vec<Sample> = all(shuffled(2).epoch(2)).concat();
    for samples in [&mut in_order, &mut mixed] {
        samples.sort_by(|a, b| a.name.cmp(&b.name));
    }
    assert!(in_order == mixed);
}

#[test]
fn without_shuffling_the_order_is_that_of_the_data() {
    let batches = all(plain(told(5, |index| Ok(named(index))), 2, 2).epoch(9));
    let names: Vec<_> = batches.concat().into_iter().map(|sample| sample.name).collect();
    assert_eq!(names, ["0.png", "1.png", "2.png", "3.png", "4.png"]);
}

#[test]
fn a_broken_file_ends_the_epoch_in_its_place() {
    for workers in [1, 2, 3] {
        let broken = told(9, |index| match index {
            5 => decode_mask(b"", std::path::Path::new("5.png")).map(|_| named(5)),
            _ => Ok(named(index)),
        });
        let mut batches = plain(broken, 2, workers).epoch(0);
        assert!(batches.next().unwrap().is_ok() && batches.next().unwrap().is_ok());
        assert_says(batches.next().unwrap(), &[&"5.png: expected a mask"]);
        assert!(batches.next().is_none());
    }
}

#[test]
fn a_panic_becomes_an_error() {
    let quiet = panic::take_hook();
    panic::set_hook(Box::new(|_| {}));
    let panics = told(9, |index| if index == 3 { panic!("no\nluck") } else { Ok(named(index)) });
    let results: Vec<_> = plain(panics, 1, 2).epoch(0).collect();
    panic::set_hook(quiet);
    assert_eq!(results.len(), 4);
    let last = results.into_iter().next_back().unwrap();
    assert_says(last, &[&r"loading sample 3 failed: no\nluck"]);
}

#[test]
fn a_batch_of_mixed_sizes_names_both_files() {
    let mixed = told(4, |index| {
        let size = if index == 2 { [3, 5] } else { [4, 4] };
        Ok(Sample { name: format!("{index}.png"), ..sample(size, 2) })
    });
    let says: [&dyn std::fmt::Display; 3] = [
        &"2.png: expected 4 high, 4 wide, like 0.png",
        &"found 3 high, 5 wide",
        &"set data.folder.size = [H, W]",
    ];
    assert_says(plain(mixed.clone(), 4, 1).epoch(0).next().unwrap(), &says);
    assert!(plain(mixed, 1, 1).epoch(0).all(|batch| batch.is_ok()));
}

#[test]
fn dropping_an_epoch_early_stops_its_threads() {
    let dataset = told(100_000, |index| Ok(named(index)));
    let mut batches = plain(dataset.clone(), 2, 3).epoch(0);
    assert!(batches.next().is_some());
    drop(batches);
    // The threads are gone, and with them their hold on the data.
    assert_eq!(Arc::strong_count(&dataset), 1);
    assert!(dataset.loaded.load(Relaxed) < 100);
}

#[test]
fn loading_runs_ahead_but_not_far() {
    let dataset = told(1000, |index| Ok(named(index)));
    let mut batches = plain(dataset.clone(), 1, 2).epoch(0);
    let _first = batches.next();
    let loaded = || dataset.loaded.load(Relaxed);
    let patience = Instant::now() + Duration::from_secs(10);
    while loaded() < 4 && Instant::now() < patience {
        sleep(Duration::from_millis(1));
    }
    // One that was taken, and for each worker one that waits and one in hand.
    sleep(Duration::from_millis(20));
    assert!((4..=6).contains(&loaded()), "{}", loaded());
}

#[test]
fn nothing_to_load_is_no_batch() {
    assert_eq!(all(plain(told(0, |index| Ok(named(index))), 3, 2).epoch(0)).len(), 0);
}
