//! A run that was stopped goes on as if it never had been, whatever it was doing and on however many
//! threads.

mod folder;

use mirrorgrad::layers::models::Upsampling;
use mirrorgrad::segment::{
    Augment, Checkpoint, Config, EpochMetrics, Evaluation, OptimizerKind, Outcome, Progress,
    RunFolder, StepReport, Trainer, Watch,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// Three epochs of three batches.
const STEPS: usize = 9;

/// Every kind of augmentation, and a network of each kind of layer.
fn config(data: &Path, optimizer: OptimizerKind) -> Config {
    let mut config = Config::default();
    config.data.dir = Some(data.to_owned());
    config.data.folder.ignore_index = Some(255);
    config.data.augment = Augment {
        flip: 0.5,
        vertical_flip: 0.5,
        transpose: 0.0,
        scale: [0.8, 1.3],
        crop: Some([18, 22]),
        jitter: 0.4,
        ..Augment::default()
    };
    config.model.widths = vec![3, 5];
    config.training.optimizer = optimizer;
    config.training.epochs = 3;
    config.training.batch = 4;
    config.training.seed = 7;
    config.training.clip = Some(1.0);
    config
}

/// Wants a stop after so many steps.
struct Stop {
    after: usize,
    steps: usize,
    epochs: usize,
}

impl Stop {
    fn after(after: usize) -> Self {
        Self { after, steps: 0, epochs: 0 }
    }
}

impl Watch for Stop {
    fn step(&mut self, _: &StepReport) {
        self.steps += 1;
    }

    fn epoch(&mut self, _: &EpochMetrics, _: &Evaluation) {
        self.epochs += 1;
    }

    fn wants_stop(&self) -> bool {
        self.steps >= self.after
    }
}

/// All that a run leaves, but for the time it took.
#[derive(Debug, PartialEq)]
struct Left {
    history: Vec<EpochMetrics>,
    progress: Progress,
    weights: Vec<(String, Vec<u32>)>,
    optimizer_steps: BTreeMap<String, u64>,
    optimizer: Vec<(String, Vec<u32>)>,
    best: Vec<u8>,
}

fn left(folder: &RunFolder) -> Left {
    let last = Checkpoint::read(&folder.last()).unwrap();
    let timeless =
        |epoch: &EpochMetrics| EpochMetrics { seconds: 0.0, val_seconds: 0.0, ..epoch.clone() };
    let lines = fs::read_to_string(folder.path().join("metrics.jsonl")).unwrap();
    let told: Vec<String> =
        last.history.iter().map(|epoch| serde_json::to_string(epoch).unwrap()).collect();
    assert_eq!(lines.lines().collect::<Vec<_>>(), told);
    let bits = |tensors: &BTreeMap<String, mirrorgrad::tensor::Tensor>| {
        let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect();
        tensors.iter().map(|(name, tensor)| (name.clone(), bits(tensor.as_slice()))).collect()
    };
    Left {
        history: last.history.iter().map(timeless).collect(),
        progress: Progress { seconds: 0.0, ..last.progress },
        weights: bits(&last.weights),
        optimizer_steps: last.optimizer.steps,
        optimizer: bits(&last.optimizer.tensors),
        best: fs::read(folder.path().join("model.safetensors")).unwrap(),
    }
}

/// Trains without a stop.
fn unbroken(config: &Config) -> Left {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(dir.path()).unwrap();
    let mut watch = Stop::after(usize::MAX);
    let outcome = Trainer::new(config.clone()).unwrap().run(&folder, &mut watch).unwrap();
    assert_eq!((outcome, watch.steps, watch.epochs), (Outcome::Finished, STEPS, 3));
    left(&folder)
}

/// Trains by so many steps at a time, each time from the file that the time before left.
fn broken_by(config: &Config, mut stops: impl Iterator<Item = usize>) -> Left {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(dir.path()).unwrap();
    let mut trainer = Trainer::new(config.clone()).unwrap();
    let mut steps = 0;
    loop {
        let mut watch = Stop::after(stops.next().unwrap_or(usize::MAX));
        let outcome = trainer.run(&folder, &mut watch).unwrap();
        steps += watch.steps;
        if outcome == Outcome::Finished {
            assert_eq!(steps, STEPS);
            return left(&folder);
        }
        let checkpoint = Checkpoint::read(&folder.last()).unwrap();
        assert_eq!(checkpoint.progress.step, steps as u64);
        assert_eq!((checkpoint.progress.epoch, checkpoint.progress.batch), (steps / 3, steps % 3));
        trainer = Trainer::resume(checkpoint).unwrap();
    }
}

#[track_caller]
fn assert_resumes(optimizer: OptimizerKind, stops: impl Iterator<Item = usize>) {
    let data = folder::data(true);
    let config = config(data.path(), optimizer);
    let whole = unbroken(&config);
    assert!(!whole.optimizer.is_empty());
    for stop in stops {
        assert_eq!(broken_by(&config, std::iter::once(stop)), whole, "stopped after {stop} steps");
    }
}

#[test]
fn a_run_under_adamw_goes_on_to_the_same_bits_from_any_step() {
    assert_resumes(OptimizerKind::Adamw, 0..STEPS);
}

#[test]
fn a_run_under_sgd_goes_on_to_the_same_bits_from_any_step() {
    assert_resumes(OptimizerKind::Sgd, [1, 3, 5, 8].into_iter());
}

#[test]
fn a_run_may_be_stopped_at_every_step() {
    let data = folder::data(true);
    let mut config = config(data.path(), OptimizerKind::Adam);
    config.model.upsample = Upsampling::Unpool;
    assert_eq!(broken_by(&config, std::iter::repeat(1)), unbroken(&config));
}

#[test]
fn a_run_is_the_same_bits_twice_and_on_any_number_of_threads() {
    let data = folder::data(true);
    for upsample in [Upsampling::Deconv, Upsampling::Bilinear, Upsampling::Unpool] {
        let mut config = config(data.path(), OptimizerKind::Adamw);
        config.model.upsample = upsample;
        let on = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| unbroken(&config))
        };
        let one = on(1);
        for threads in [1, 2, 3] {
            assert_eq!(on(threads), one, "{upsample:?} on {threads} threads");
        }
        config.training.seed += 1;
        assert_ne!(unbroken(&config).weights, one.weights);
    }
}

#[test]
fn a_run_may_change_its_number_of_threads_when_it_is_resumed() {
    let data = folder::data(true);
    let config = config(data.path(), OptimizerKind::Adamw);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
    let whole = pool.install(|| unbroken(&config));
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    assert_eq!(pool.install(|| broken_by(&config, std::iter::once(4))), whole);
}
