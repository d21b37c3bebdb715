//! A run that was stopped goes on as if it never had been, whatever it was doing and on however many
//! threads.

use crate::folder;

use mirrorgrad::data::Augment;
use mirrorgrad::layers::models::{Norm, Upsampling};
use mirrorgrad::train::{
    Checkpoint, ClassWeights, Config, EpochMetrics, Evaluation, LossKind, ModelKind, Observer,
    OptimizerKind, Outcome, Progress, RunFolder, ScheduleKind, StepReport, Trainer, WeightsByName,
};
use std::collections::BTreeMap;
use std::fs;
use std::iter;
use std::path::Path;
use std::time::Instant;
use tempfile::TempDir;

/// Pictures to train on.
const PICTURES: usize = 12;
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
        transpose: 0.5,
        scale: [0.8, 1.3],
        rotate: 10.0,
        crop: Some([19, 19]),
        jitter: 0.4,
        hue: 20.0,
        noise: 4.0,
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

impl Observer for Stop {
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
    let left = left(&folder);
    assert_eq!((outcome, watch.epochs), (Outcome::Finished, left.history.len()));
    assert_eq!(watch.steps as u64, left.progress.step);
    left
}

/// Trains by so many steps at a time, each time from the file that the time before left.
fn broken_by(config: &Config, mut stops: impl Iterator<Item = usize>) -> Left {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(dir.path()).unwrap();
    let mut trainer = Trainer::new(config.clone()).unwrap();
    let (batch, accumulate) = (config.training.batch, config.training.accumulate);
    let of_epoch = PICTURES.div_ceil(batch).div_ceil(accumulate);
    let mut steps = 0;
    loop {
        let mut watch = Stop::after(stops.next().unwrap_or(usize::MAX));
        let outcome = trainer.run(&folder, &mut watch).unwrap();
        steps += watch.steps;
        let checkpoint = Checkpoint::read(&folder.last()).unwrap();
        let Progress { epoch, batch, step, .. } = checkpoint.progress;
        assert_eq!(step, steps as u64);
        if outcome == Outcome::Finished {
            return left(&folder);
        }
        assert_eq!((epoch, batch), (steps / of_epoch, steps % of_epoch * accumulate));
        trainer = Trainer::resume(checkpoint).unwrap();
    }
}

#[track_caller]
fn assert_resumes(optimizer: OptimizerKind) {
    let data = folder::data(true);
    let config = config(data.path(), optimizer);
    let whole = unbroken(&config);
    assert_eq!((whole.progress.epoch, whole.progress.step), (3, STEPS as u64));
    assert!(!whole.optimizer.is_empty());
    for stop in 0..STEPS {
        assert_eq!(broken_by(&config, iter::once(stop)), whole, "stopped after {stop} steps");
    }
}

#[test]
fn a_run_under_adamw_goes_on_to_the_same_bits_from_any_step() {
    assert_resumes(OptimizerKind::Adamw);
}

#[test]
fn a_run_under_adam_goes_on_to_the_same_bits_from_any_step() {
    assert_resumes(OptimizerKind::Adam);
}

#[test]
fn a_run_under_sgd_goes_on_to_the_same_bits_from_any_step() {
    assert_resumes(OptimizerKind::Sgd);
}

#[test]
fn a_run_of_any_settings_may_be_stopped_at_every_step() {
    let changes: [(&str, fn(&mut Config)); 14] = [
        ("six batches, two a step", |config| {
            (config.training.batch, config.training.accumulate) = (2, 2);
        }),
        ("four batches, three a step and one", |config| {
            (config.training.batch, config.training.accumulate) = (3, 3);
        }),
        ("class weights that are counted", |config| {
            config.training.class_weights = Some(ClassWeights::Named(WeightsByName::Auto));
        }),
        ("focal loss", |config| {
            (config.training.loss, config.training.label_smoothing) = (LossKind::Focal, 0.1);
        }),
        ("Dice loss", |config| config.training.loss = LossKind::Dice),
        ("two losses", |config| config.training.loss = LossKind::CrossEntropyDice),
        ("one rate", |config| config.training.schedule = ScheduleKind::Constant),
        ("a rate in steps", |config| config.training.schedule = ScheduleKind::Step),
        ("a rate that falls by a power", |config| config.training.schedule = ScheduleKind::Poly),
        ("a network without normalization", |config| config.model.norm = Norm::None),
        ("group normalization", |config| config.model.norm = Norm::Group),
        ("a U-Net", |config| config.model.kind = ModelKind::Unet),
        ("a U-Net that interpolates", |config| {
            (config.model.kind, config.model.upsample) = (ModelKind::Unet, Upsampling::Bilinear);
        }),
        ("SegNet", |config| {
            (config.model.kind, config.model.upsample) = (ModelKind::Segnet, Upsampling::Unpool);
        }),
    ];
    let data = folder::data(true);
    for (what, change) in changes {
        let mut config = config(data.path(), OptimizerKind::Adamw);
        change(&mut config);
        let whole = unbroken(&config);
        assert_eq!(whole.progress.epoch, 3, "{what}");
        assert_eq!(broken_by(&config, iter::repeat(1)), whole, "{what}");
    }
}

#[test]
fn a_run_that_is_stopped_at_every_step_ends_as_early_as_one_that_is_not() {
    let data = folder::data(true);
    let mut config = config(data.path(), OptimizerKind::Adamw);
    // So slow that no weight changes: the first epoch stays the best.
    (config.training.lr, config.training.epochs) = (1e-37, 9);
    config.training.patience = Some(2);
    let whole = unbroken(&config);
    assert_eq!((whole.progress.epoch, whole.progress.step), (3, STEPS as u64));
    assert_eq!(broken_by(&config, iter::repeat(1)), whole);
}

#[test]
fn the_seconds_of_a_run_are_those_of_all_its_parts() {
    let data = folder::data(true);
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(dir.path()).unwrap();
    let mut trainer = Trainer::new(config(data.path(), OptimizerKind::Sgd)).unwrap();
    let (mut before, mut most) = (0.0, 0.0);
    loop {
        let start = Instant::now();
        let outcome = trainer.run(&folder, &mut Stop::after(1)).unwrap();
        most += start.elapsed().as_secs_f64();
        let last = Checkpoint::read(&folder.last()).unwrap();
        let epochs: f64 = last.history.iter().map(|epoch| epoch.seconds).sum();
        let told = epochs + last.progress.seconds;
        // Each part has a step; what is around it, as the writing of files, may be left out.
        assert!(before < told && told < most, "{before} < {told} < {most}");
        if outcome == Outcome::Finished {
            break;
        }
        before = told;
        trainer = Trainer::resume(last).unwrap();
    }
}

/// Keeps a run's folder as it is at every step: as a kill there would leave it.
struct Kept<'a> {
    run: &'a Path,
    copies: Vec<TempDir>,
}

impl Observer for Kept<'_> {
    fn step(&mut self, _: &StepReport) {
        let copy = tempfile::tempdir().unwrap();
        for entry in fs::read_dir(self.run).unwrap() {
            let entry = entry.unwrap();
            fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
        self.copies.push(copy);
    }

    fn epoch(&mut self, _: &EpochMetrics, _: &Evaluation) {}

    fn wants_stop(&self) -> bool {
        false
    }
}

#[test]
fn a_checkpoint_within_an_epoch_leads_to_the_same_bits_however_many_batches_are_a_step() {
    let data = folder::data(true);
    for (batch, accumulate) in [(4, 1), (2, 2), (3, 3)] {
        let mut config = config(data.path(), OptimizerKind::Adamw);
        (config.training.batch, config.training.accumulate) = (batch, accumulate);
        config.training.checkpoint_every = 1;
        let dir = tempfile::tempdir().unwrap();
        let folder = RunFolder::create(dir.path()).unwrap();
        let mut kept = Kept { run: dir.path(), copies: Vec::new() };
        Trainer::new(config).unwrap().run(&folder, &mut kept).unwrap();
        let whole = left(&folder);
        for (step, copy) in kept.copies.iter().enumerate() {
            let folder = RunFolder::resume(copy.path()).unwrap();
            let (checkpoint, notice) = folder.read_last().unwrap();
            // A step is told before its checkpoint is written.
            assert_eq!((checkpoint.progress.step, notice), (step as u64, None));
            Trainer::resume(checkpoint).unwrap().run(&folder, &mut ()).unwrap();
            assert_eq!(left(&folder), whole, "step {step} of {accumulate} batches");
        }
    }
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
    assert_eq!(pool.install(|| broken_by(&config, iter::once(4))), whole);
}
