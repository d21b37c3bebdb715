//! Ranks that train together come to the bits of one process, and end together.

use image::{GrayImage, Luma};
use mirrorgrad_train::{
    Alone, Checkpoint, ClassWeights, Config, EpochMetrics, Evaluation, LossKind, ModelKind,
    Observer, OptimizerKind, Outcome, Reduce, RunError, RunFolder, StepReport, Trainer,
    check_alike, thread_ranks,
};
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;
use tempfile::TempDir;

/// Steps of four batches of two pictures: seven batches an epoch, of which the last step has three.
fn config() -> Config {
    let mut config = Config::default();
    config.model.widths = vec![2, 3];
    (config.training.epochs, config.training.batch) = (2, 2);
    (config.training.accumulate, config.training.limit_batches) = (4, Some(7));
    config
}

/// Lets `work` be done by so many ranks at once, each a thread.
fn among<R: Send>(ranks: usize, work: impl Fn(Arc<dyn Reduce>) -> R + Sync) -> Vec<R> {
    let work = &work;
    thread::scope(|scope| {
        let threads: Vec<_> = thread_ranks(ranks)
            .into_iter()
            .map(|rank| scope.spawn(move || work(Arc::new(rank))))
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}

/// Trains as this rank to the end; what the first writes is in `dir`.
fn train(
    config: &Config,
    rank: Arc<dyn Reduce>,
    dir: &Path,
) -> Result<Vec<EpochMetrics>, RunError> {
    let folder = place_of(&*rank, dir)?;
    let mut trainer = Trainer::among(rank, None, || Trainer::new(config.clone()))?;
    trainer.run(&folder, &mut ())?;
    Ok(timeless(trainer.history()))
}

/// The first rank's folder is `dir`; the others have theirs, in which nothing may come to be.
fn place_of(rank: &dyn Reduce, dir: &Path) -> Result<RunFolder, RunError> {
    let own = match rank.rank() {
        0 => dir.to_owned(),
        other => dir.with_extension(format!("of-rank-{other}")),
    };
    RunFolder::create(&own)
}

/// What an epoch came to, without the time that it took.
fn timeless(history: &[EpochMetrics]) -> Vec<EpochMetrics> {
    let untimed = |epoch: &EpochMetrics| EpochMetrics {
        seconds: 0.0,
        val_seconds: 0.0,
        waited: Vec::new(),
        ..epoch.clone()
    };
    history.iter().map(untimed).collect()
}

fn place() -> (TempDir, impl Fn(&str) -> std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().to_owned();
    (dir, move |name: &str| base.join(name))
}

#[test]
fn any_number_of_ranks_comes_to_the_bits_of_one_process() {
    let changes: [(&str, fn(&mut Config)); 6] = [
        ("an FCN", |_| {}),
        ("as many numbers as make several buckets", |config| {
            config.model.widths = vec![2, 4, 96];
            config.training.limit_batches = Some(5);
        }),
        ("class weights and clipping", |config| {
            let weights = vec![1.0, 2.0, 0.5, 3.0, 0.0];
            config.training.class_weights = Some(ClassWeights::Given(weights));
            config.training.clip = Some(0.1);
        }),
        ("a U-Net with two losses", |config| {
            config.model.kind = ModelKind::Unet;
            config.training.loss = LossKind::CrossEntropyDice;
        }),
        ("SGD", |config| config.training.optimizer = OptimizerKind::Sgd),
        ("rotation, which leaves pixels out", |config| config.data.augment.rotate = 30.0),
    ];
    for (what, change) in changes {
        let mut config = config();
        change(&mut config);
        let (_dir, at) = place();
        let alone = train(&config, Arc::new(Alone), &at("alone")).unwrap();
        assert_eq!(alone.len(), 2);
        for ranks in [2, 4] {
            let dir = at(&format!("{ranks}"));
            let all = among(ranks, |rank| train(&config, rank, &dir).unwrap());
            all.iter().for_each(|history| assert_eq!(*history, alone, "{what}, {ranks} ranks"));
            let other = dir.with_extension("of-rank-1");
            assert_eq!(fs::read_dir(other).unwrap().count(), 0, "only the first writes");
        }
    }
}

#[test]
fn a_batch_in_shards_is_the_step_of_as_many_small_batches() {
    let (_dir, at) = place();
    let weights = |batch, accumulate, shards| {
        let mut config = config();
        (config.training.batch, config.training.accumulate) = (batch, accumulate);
        (config.training.shards, config.training.limit_batches) = (shards, Some(24 / batch));
        let dir = at(&format!("{batch} {accumulate} {shards}"));
        let history = train(&config, Arc::new(Alone), &dir).unwrap();
        history.into_iter().map(|epoch| epoch.weights_hash).collect::<Vec<_>>()
    };
    let small = weights(2, 8, 1);
    assert_eq!(weights(8, 2, 4), small);
    assert_eq!(weights(4, 4, 2), small);
}

/// Batches of eight pictures in four shards whose batch norms are one.
fn side_by_side() -> Config {
    let mut config = config();
    (config.training.batch, config.training.accumulate) = (8, 2);
    (config.training.shards, config.training.sync_batch_norm) = (4, true);
    // The last step has one batch.
    config.training.limit_batches = Some(3);
    config
}

#[test]
fn shards_that_share_their_statistics_are_the_same_bits_on_any_number_of_ranks() {
    let (_dir, at) = place();
    let mut config = side_by_side();
    let alone = train(&config, Arc::new(Alone), &at("alone")).unwrap();
    // Two batches, one, a half, and a quarter of a batch on each rank.
    for ranks in [1, 2, 4, 8] {
        let dir = at(&format!("{ranks}"));
        let all = among(ranks, |rank| train(&config, rank, &dir).unwrap());
        all.iter().for_each(|history| assert_eq!(*history, alone, "{ranks} ranks"));
    }
    config.training.sync_batch_norm = false;
    let apart = train(&config, Arc::new(Alone), &at("apart")).unwrap();
    assert_ne!(apart[0].weights_hash, alone[0].weights_hash);
}

#[test]
fn shards_that_share_their_statistics_are_one_batch() {
    let (_dir, at) = place();
    let weights = |shards: usize, name: &str| {
        let mut config = side_by_side();
        (config.training.accumulate, config.training.limit_batches) = (1, Some(1));
        (config.training.epochs, config.training.optimizer) = (1, OptimizerKind::Sgd);
        // Pixels that do not count make shards of other weights.
        config.data.augment.rotate = 40.0;
        config.training.class_weights = Some(ClassWeights::Given(vec![1.0, 2.0, 0.5, 3.0, 4.0]));
        (config.training.shards, config.training.sync_batch_norm) = (shards, shards > 1);
        train(&config, Arc::new(Alone), &at(name)).unwrap();
        Checkpoint::read(&at(name).join("last.ckpt")).unwrap().weights
    };
    let one = weights(1, "one");
    for (name, tensor) in weights(4, "four") {
        let apart = tensor.zip(&one[&name], |a, b| (a - b) * (a - b)).sum().sqrt();
        let size = one[&name].map(|v| v * v).sum().sqrt();
        assert!(apart <= 1e-6 * size.max(1e-3), "{name}: {apart} of {size}");
    }
}

#[test]
fn shards_that_ranks_cannot_keep_together_are_refused() {
    let mut config = side_by_side();
    (config.training.batch, config.training.shards) = (12, 6);
    let new = || Trainer::new(config.clone());
    let errors = among(3, |rank| Trainer::among(rank, None, new).err().unwrap().to_string());
    let says = "with sync_batch_norm a divisor or a multiple of 4, the passes of a rank, found 6";
    assert!(errors.iter().all(|error| error.contains(says)), "{errors:?}");
}

/// Wants to stop before a step, if it is the one to want it.
struct StopsAt(Option<usize>);

impl Observer for StopsAt {
    fn step(&mut self, _: &StepReport) {
        self.0 = self.0.map(|left| left - 1);
    }

    fn epoch(&mut self, _: &EpochMetrics, _: &Evaluation) {}

    fn wants_stop(&self) -> bool {
        self.0 == Some(0)
    }
}

#[test]
fn all_ranks_stop_with_one_and_any_number_of_ranks_goes_on_to_the_same_bits() {
    let (_dir, at) = place();
    let config = config();
    let alone = train(&config, Arc::new(Alone), &at("alone")).unwrap();
    let outcomes = among(2, |rank| {
        let folder = place_of(&*rank, &at("stopped")).unwrap();
        // The second rank's terminal is where the key is pressed.
        let mut observer = StopsAt((rank.rank() == 1).then_some(1));
        let new = || Trainer::new(config.clone());
        let mut trainer = Trainer::among(rank, None, new).unwrap();
        trainer.run(&folder, &mut observer).unwrap()
    });
    assert_eq!(outcomes, [Outcome::Stopped; 2]);
    let last = at("stopped").join("last.ckpt");
    assert_eq!(Checkpoint::read(&last).unwrap().progress.step, 1);
    for ranks in [1, 4] {
        let dir = at(&format!("resumed by {ranks}"));
        let histories = among(ranks, |rank| {
            let folder = place_of(&*rank, &dir).unwrap();
            let resume = || Trainer::resume(Checkpoint::read(&last)?);
            let mut trainer = Trainer::among(rank, None, resume).unwrap();
            trainer.run(&folder, &mut ()).unwrap();
            timeless(trainer.history())
        });
        histories.iter().for_each(|history| assert_eq!(*history, alone, "{ranks} ranks"));
    }
}

#[test]
fn a_step_that_ranks_cannot_share_is_refused() {
    let (_dir, at) = place();
    let errors = among(3, |rank| train(&config(), rank, &at("run")).unwrap_err().to_string());
    for error in errors {
        assert!(error.contains("that 3 ranks can share, found 4, which 1, 2, or 4 can"), "{error}");
    }
}

#[test]
fn a_rank_that_differs_is_named() {
    let errors = among(3, |rank| {
        let version = if rank.rank() == 1 { "0.0.9" } else { "0.1.0" };
        check_alike(&*rank, "version", version).unwrap_err()
    });
    let says = "rank 1: expected the version of rank 0, found another";
    assert!(errors.iter().all(|error| error.to_string() == says), "{errors:?}");
    // It says so itself.
    let speaks = errors.iter().map(|error| matches!(error, RunError::Rank { .. }));
    assert_eq!(speaks.collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn a_rank_with_other_pictures_is_named() {
    let (_dir, at) = place();
    let folders = [at("a"), at("b")];
    for (folder, stems) in folders.iter().zip([&["1", "2", "3"][..], &["1", "2", "4"]]) {
        for kind in ["images", "masks"] {
            fs::create_dir_all(folder.join(kind)).unwrap();
            for stem in stems {
                let picture = GrayImage::from_fn(16, 16, |x, _| Luma([u8::from(x > 7)]));
                picture.save(folder.join(kind).join(format!("{stem}.png"))).unwrap();
            }
        }
    }
    folders.iter().for_each(|dir| fs::write(dir.join("classes.txt"), "left\nright\n").unwrap());
    let errors = among(2, |rank| {
        let own = folders[rank.rank()].clone();
        let mut config = config();
        config.data.dir = Some(folders[0].clone());
        config.data.folder.validation_split = Some(0.34);
        Trainer::among(rank, Some(own), || Trainer::new(config)).err().unwrap()
    });
    let says = "expected the pictures that the run began with, found others";
    assert!(errors.iter().all(|error| error.to_string().contains(says)), "{errors:?}");
    assert!(matches!(errors[0], RunError::Elsewhere { rank: 1, .. }), "{errors:?}");
}

#[test]
fn what_one_rank_fails_with_ends_all_and_names_it() {
    let (_dir, at) = place();
    let errors = among(2, |rank| {
        let folder = place_of(&*rank, &at("run")).unwrap();
        let mut config = config();
        config.training.lr = 1e30;
        config.training.optimizer = OptimizerKind::Sgd;
        config.training.warmup = 0;
        let mut trainer = Trainer::among(rank, None, || Trainer::new(config)).unwrap();
        trainer.run(&folder, &mut ()).unwrap_err().to_string()
    });
    // Both lose a number in the same step, or one does and the other hears of it.
    assert!(errors.iter().any(|error| error.contains("(forward) became")), "{errors:?}");
}

/// The first of two ranks, of which the second says what the first says with one byte changed, from some message on.
struct Echo {
    changed: usize,
    from: usize,
    heard: AtomicUsize,
}

impl Reduce for Echo {
    fn rank(&self) -> usize {
        0
    }

    fn ranks(&self) -> usize {
        2
    }

    fn swap(&self, parts: &[&[u8]]) -> Result<Vec<Vec<u8>>, RunError> {
        let mut other = parts[0].to_vec();
        if self.heard.fetch_add(1, Relaxed) >= self.from {
            let at = self.changed % other.len();
            other[at] ^= 1;
        }
        Ok(vec![parts[0].to_vec(), other])
    }
}

#[test]
fn whatever_another_rank_says_is_an_error_at_worst() {
    let (_dir, at) = place();
    let mut config = config();
    config.training.epochs = 1;
    let mut errors = Vec::new();
    for (nth, changed) in (0..400).step_by(3).chain([4_000, 40_000]).enumerate() {
        let rank = Echo { changed, from: nth % 6, heard: AtomicUsize::new(0) };
        match train(&config, Arc::new(rank), &at(&format!("{nth}"))) {
            Ok(_) => panic!("{changed}: the second rank never found places of its own"),
            Err(error) => errors.push(error.to_string()),
        }
    }
    assert!(errors.iter().all(|error| error.starts_with("rank 1: ")), "{errors:?}");
    // In its form, in the places of a subtotal, and in what all ranks have alike.
    for what in ["cannot be understood", "expected a subtotal of places", "found another"] {
        assert!(errors.iter().any(|error| error.contains(what)), "{what}: {errors:?}");
    }
}

#[test]
fn a_rank_that_is_gone_ends_the_others() {
    let (_dir, at) = place();
    let results = among(2, |rank| match rank.rank() {
        0 => Some(train(&config(), rank, &at("run")).unwrap_err().to_string()),
        _ => None,
    });
    assert_eq!(results[0].as_deref(), Some("rank 1: its thread has ended"));
}
