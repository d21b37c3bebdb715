//! Ranks that train together come to the bits of one process, and end together.

use mirrorgrad_train::{
    Alone, Checkpoint, ClassWeights, Config, EpochMetrics, Evaluation, LossKind, ModelKind,
    Observer, OptimizerKind, Outcome, Reduce, RunError, RunFolder, StepReport, Trainer,
    thread_ranks,
};
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
    let mut trainer = Trainer::new(config.clone())?.among(rank)?;
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
    let untimed =
        |epoch: &EpochMetrics| EpochMetrics { seconds: 0.0, val_seconds: 0.0, ..epoch.clone() };
    history.iter().map(untimed).collect()
}

fn place() -> (TempDir, impl Fn(&str) -> std::path::PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let base = dir.path().to_owned();
    (dir, move |name: &str| base.join(name))
}

#[test]
fn any_number_of_ranks_comes_to_the_bits_of_one_process() {
    let changes: [(&str, fn(&mut Config)); 5] = [
        ("an FCN", |_| {}),
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
            assert_eq!(std::fs::read_dir(other).unwrap().count(), 0, "only the first writes");
        }
    }
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
        let mut trainer = Trainer::new(config.clone()).unwrap().among(rank).unwrap();
        trainer.run(&folder, &mut observer).unwrap()
    });
    assert_eq!(outcomes, [Outcome::Stopped; 2]);
    let last = at("stopped").join("last.ckpt");
    assert_eq!(Checkpoint::read(&last).unwrap().progress.step, 1);
    for ranks in [1, 4] {
        let dir = at(&format!("resumed by {ranks}"));
        let histories = among(ranks, |rank| {
            let folder = place_of(&*rank, &dir).unwrap();
            let checkpoint = Checkpoint::read(&last).unwrap();
            let mut trainer = Trainer::resume(checkpoint).unwrap().among(rank).unwrap();
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
        assert!(error.contains("a multiple of 3, the number of ranks, found 4"), "{error}");
    }
}

#[test]
fn a_rank_that_differs_is_named() {
    let (_dir, at) = place();
    let errors = among(2, |rank| {
        let mut config = config();
        config.training.seed += rank.rank() as u64;
        train(&config, rank, &at("run")).unwrap_err().to_string()
    });
    assert_eq!(errors, ["rank 1: expected the configuration of rank 0, found another"; 2]);
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
        let mut trainer = Trainer::new(config).unwrap().among(rank).unwrap();
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

    fn gather(&self, mine: Vec<u8>) -> Result<Vec<Vec<u8>>, RunError> {
        let mut other = mine.clone();
        if self.heard.fetch_add(1, Relaxed) >= self.from {
            let at = self.changed % other.len();
            other[at] ^= 1;
        }
        Ok(vec![mine, other])
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
