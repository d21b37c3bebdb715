//! What a run does when it is asked for more than plain training.

use crate::folder;

use mirrorgrad::autograd::{Var, ops};
use mirrorgrad::data::Split;
use mirrorgrad::layers::weights::{from_safetensors, to_safetensors};
use mirrorgrad::tensor::{ClassTargets, PixelLoss, Tensor};
use mirrorgrad::train::{
    Checkpoint, ClassWeights, Config, EpochMetrics, Evaluation, LossKind, Objective, Observer,
    Outcome, RunError, RunFolder, Settings, StepReport, Trainer, TrainingConfig,
};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Data, and a run's folder that is still empty.
struct Place {
    data: TempDir,
    run: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { data: folder::data(false), run: tempfile::tempdir().unwrap() }
    }

    /// A small network, changed by `sets`.
    fn config(&self, sets: &[&str]) -> Config {
        let mut settings = Settings::default();
        let data = format!("data.dir={:?}", self.data.path());
        for set in [&data, "model.widths=[3, 4]", "training.epochs=2", "training.batch=4"] {
            settings.set_text(set).unwrap();
        }
        sets.iter().for_each(|set| settings.set_text(set).unwrap());
        settings.resolve().unwrap()
    }

    fn folder(&self) -> RunFolder {
        RunFolder::create(&self.run.path().join("run")).unwrap()
    }

    fn last(&self) -> Checkpoint {
        Checkpoint::read(&self.run.path().join("run/last.ckpt")).unwrap()
    }

    fn train(&self, sets: &[&str]) -> Trainer {
        let mut trainer = Trainer::new(self.config(sets)).unwrap();
        assert_eq!(trainer.run(&self.folder(), &mut ()).unwrap(), Outcome::Finished);
        trainer
    }
}

/// The values of all weights, running statistics left out.
fn trained(checkpoint: &Checkpoint) -> Vec<f32> {
    let own = checkpoint.weights.iter().filter(|(name, _)| !name.contains("running"));
    own.flat_map(|(_, tensor)| tensor.as_slice().to_vec()).collect()
}

#[test]
fn accumulated_halves_of_a_batch_are_the_batch() {
    // Without batch normalization, whose statistics are the batch's own; and every pixel counts, so that
    // the mean over a batch is the mean of its halves' means.
    let after = |sets: &[&str]| {
        let place = Place::new();
        let common = ["model.batch_norm=false", "training.optimizer=sgd", "training.warmup=0"];
        place.train(&[&common, sets].concat());
        (trained(&place.last()), place.last())
    };
    let (whole, one) = after(&["training.batch=4"]);
    let (halves, two) = after(&["training.batch=2", "training.accumulate=2"]);
    assert_eq!((one.progress.step, two.progress.step), (6, 6));
    let worst = whole.iter().zip(&halves).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "{worst}");
    let (other, _) = after(&["training.batch=2"]);
    let apart = whole.iter().zip(&other).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(apart > 1e-3, "a step for every half is another run, {apart} apart");
}

/// The largest difference between the weights of two runs.
fn apart(one: &Checkpoint, other: &Checkpoint) -> f32 {
    let pairs = trained(one).into_iter().zip(trained(other));
    pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn accumulated_batches_are_one_batch_however_their_pixels_weigh() {
    // Pixels that are left out, more of them in some pictures than in others, and in one all of them.
    let data = folder::data(true);
    for (i, keep) in [(0, 3), (1, 20), (2, 0), (5, 11)] {
        let path = data.path().join(format!("train/masks/{i:02}.png"));
        let mut mask = image::open(&path).unwrap().into_luma8();
        mask.enumerate_pixels_mut().for_each(|(x, _, pixel)| {
            pixel.0[0] = if x < keep { pixel.0[0] } else { 255 };
        });
        mask.save(&path).unwrap();
    }
    let after = |sets: &[&str]| {
        let place = Place { data: folder::data(false), run: tempfile::tempdir().unwrap() };
        let common = [
            "model.batch_norm=false",
            "training.optimizer=sgd",
            "training.warmup=0",
            "training.lr=0.1",
            "data.folder.ignore_index=255",
        ];
        let dir = format!("data.dir={:?}", data.path());
        place.train(&[&common, sets, &[&dir]].concat());
        place.last()
    };
    for sets in [
        ["training.class_weights=[0.125, 1, 4]", "training.label_smoothing=0.125"],
        ["training.loss=focal", "training.class_weights=[0, 1, 2]"],
        ["training.loss=cross_entropy", "training.label_smoothing=0"],
    ] {
        let whole = after(&[&sets[..], &["training.batch=4"]].concat());
        for (batch, accumulate) in [(2, 2), (1, 4)] {
            let parts =
                [format!("training.batch={batch}"), format!("training.accumulate={accumulate}")];
            let parts = after(&[&sets[..], &[&parts[0], &parts[1]]].concat());
            assert_eq!((whole.progress.step, parts.progress.step), (6, 6));
            let worst = apart(&whole, &parts);
            assert!(worst < 2e-6, "{sets:?}, {batch} x {accumulate}: {worst} apart");
        }
    }
}

#[test]
fn a_rest_of_batches_is_a_step_of_its_own() {
    let place = Place::new();
    // Twelve pictures in three batches, two a step.
    place.train(&["training.accumulate=2"]);
    assert_eq!(place.last().progress.step, 4);
}

#[test]
fn a_run_that_gets_no_better_ends_early() {
    let place = Place::new();
    // So slow that nothing changes: the first epoch stays the best.
    let trainer = place.train(&["training.epochs=9", "training.lr=1e-30", "training.patience=2"]);
    assert_eq!(trainer.history().len(), 3);
    assert!(trainer.is_over());
    assert!(Trainer::resume(place.last()).unwrap().is_over(), "a resumed run knows");
}

#[test]
fn class_weights_are_counted_once_and_written_down() {
    let place = Place::new();
    let trainer = place.train(&["training.class_weights=auto"]);
    let mut counts = [0_u32; 3];
    let pictures = place.config(&[]).open(Split::Train).unwrap();
    for index in 0..pictures.len() {
        pictures
            .sample(index)
            .unwrap()
            .mask
            .labels
            .iter()
            .for_each(|&l| counts[usize::from(l)] += 1);
    }
    let mut sorted = counts;
    sorted.sort_unstable();
    let expected = counts.map(|count| f64::from(sorted[1]) / f64::from(count));
    assert!(expected[0] < 0.5, "the ground is common: {expected:?}");
    let expected = Some(ClassWeights::Given(expected.to_vec()));
    assert_eq!(trainer.config().training.class_weights, expected);
    assert_eq!(place.last().config.training.class_weights, expected);
}

#[test]
fn weighting_a_class_more_finds_more_of_it() {
    let recall = |weights: &str| {
        let place = Place::new();
        let trainer =
            place.train(&["training.epochs=6", &format!("training.class_weights={weights}")]);
        let validation = mirrorgrad::train::loader(trainer.config(), trainer.validation().clone());
        let seen = mirrorgrad::train::evaluate(trainer.network(), &validation).unwrap().confusion;
        let truth: u64 = (0..3).map(|class| seen.count(2, class)).sum();
        seen.count(2, 2) as f64 / truth as f64
    };
    let [less, more] = [recall("[1, 1, 0.05]"), recall("[1, 1, 20]")];
    assert!(more > less + 0.05, "{more} to {less}");
}

#[test]
fn every_loss_makes_itself_small() {
    for loss in ["cross_entropy", "focal", "dice", "cross_entropy_dice"] {
        let place = Place::new();
        let set = format!("training.loss={loss}");
        let trainer = place.train(&[&set, "training.epochs=6", "training.label_smoothing=0"]);
        let losses: Vec<f64> = trainer.history().iter().map(|epoch| epoch.train_loss).collect();
        assert!(losses[5] < 0.8 * losses[0], "{loss}: {losses:?}");
    }
    assert_eq!(Place::new().config(&[]).training.loss, LossKind::CrossEntropy);
}

#[test]
fn the_loss_of_two_names_is_the_sum_of_both() {
    let scores = Var::constant(Tensor::from_fn([2, 3, 2, 2], |i| (i * 7 % 11) as f32 / 4.0));
    let targets = ClassTargets::new([2, 2, 2], [0, 1, 2, 2, 1, 0, 0, 1], 3, None).unwrap();
    let config = Place::new().config(&["training.loss=cross_entropy_dice"]);
    let training = TrainingConfig { label_smoothing: 0.0, ..config.training };
    let both = Objective::new(&training, 3).unwrap().loss(&scores, &targets).value().item();
    let entropy =
        ops::cross_entropy(&scores, &targets, &PixelLoss::default(), ops::Reduction::Mean);
    let parts = [entropy, ops::dice_loss(&scores, &targets, 1.0)].map(|part| part.value().item());
    assert!(parts.iter().all(|part| *part > 0.1), "{parts:?}");
    assert!((both - parts[0] - parts[1]).abs() < 1e-6, "{both}, not the sum of {parts:?}");
}

#[test]
fn a_batch_is_learned_by_heart_and_judged_by_itself() {
    let place = Place::new();
    let sets = ["training.overfit_batches=1", "training.epochs=60", "data.augment.jitter=1.0"];
    let sets = [&sets[..], &["model.widths=[8, 16]", "training.warmup=0"]].concat();
    let trainer = place.train(&sets);
    assert_eq!((trainer.validation().len(), place.last().progress.step), (4, 60));
    let best = trainer.history().iter().map(|epoch| epoch.val_miou).fold(0.0, f64::max);
    assert!(best > 0.9, "{best}");
}

#[test]
fn a_batch_of_pictures_of_several_sizes_is_learned_by_heart_from_parts_of_one() {
    let place = Place::new();
    for part in ["train/images", "train/masks"] {
        for i in [0, 1, 2] {
            let path = place.data.path().join(format!("{part}/{i:02}.png"));
            let picture = image::open(&path).unwrap();
            picture.crop_imm(0, 0, 20 + i, 24 - i).save(&path).unwrap();
        }
    }
    let trainer = place.train(&["training.overfit_batches=1", "data.augment.crop=[16, 16]"]);
    assert_eq!(trainer.largest().training, [16, 16]);
    assert_eq!((trainer.validation().len(), place.last().progress.step), (4, 2));
}

#[test]
fn what_turning_leaves_empty_counts_for_nothing_though_the_data_leave_nothing_out() {
    let place = Place::new();
    let trainer = place.train(&["data.augment.rotate=90", "training.epochs=1"]);
    let batch = trainer.next_batch().unwrap();
    assert!(batch.iter().any(|sample| sample.mask.labels.contains(&255)));
}

#[test]
fn a_limit_leaves_the_first_pictures() {
    let place = Place::new();
    let sets = ["training.limit_batches=1", "training.batch=3"];
    let trainer = place.train(&sets);
    assert_eq!((trainer.validation().len(), place.last().progress.step), (3, 2));
    // Also of those that are to be learned by heart.
    let place = Place::new();
    let trainer = place.train(&[&sets[..], &["training.overfit_batches=2"]].concat());
    assert_eq!((trainer.validation().len(), place.last().progress.step), (3, 2));
}

/// Notes the step of the last checkpoint at every step.
struct Looking<'a>(&'a Place, Vec<u64>);

impl Observer for Looking<'_> {
    fn step(&mut self, _: &StepReport) {
        self.1.push(self.0.last().progress.step);
    }
    fn epoch(&mut self, _: &EpochMetrics, _: &Evaluation) {}
    fn wants_stop(&self) -> bool {
        false
    }
}

#[test]
fn checkpoints_are_as_frequent_as_asked_for() {
    let place = Place::new();
    let config = place.config(&["training.checkpoint_every=2", "training.batch=3"]);
    let mut watch = Looking(&place, Vec::new());
    Trainer::new(config).unwrap().run(&place.folder(), &mut watch).unwrap();
    // Two epochs of four steps: a checkpoint is written after what a step is told by.
    assert_eq!(watch.1, [0, 0, 2, 2, 4, 4, 6, 6]);
}

#[test]
fn a_checkpoint_within_an_epoch_counts_steps_and_not_their_batches() {
    let place = Place::new();
    let sets = ["training.checkpoint_every=1", "training.batch=2", "training.accumulate=2"];
    let mut watch = Looking(&place, Vec::new());
    Trainer::new(place.config(&sets)).unwrap().run(&place.folder(), &mut watch).unwrap();
    // Two epochs of six batches, two a step.
    assert_eq!(watch.1, [0, 1, 2, 3, 4, 5]);
}

/// The weights of a run of one epoch, in a file.
fn weights(dir: &Path) -> PathBuf {
    let place = Place::new();
    place.train(&["training.epochs=1", "training.seed=5"]);
    let path = dir.join("first.safetensors");
    fs::copy(place.run.path().join("run/model.safetensors"), &path).unwrap();
    path
}

#[test]
fn a_run_starts_from_the_weights_of_a_file_and_from_fresh_ones_where_asked() {
    let dir = tempfile::tempdir().unwrap();
    let path = weights(dir.path());
    let given = from_safetensors::<f32>(&fs::read(&path).unwrap()).unwrap();
    let start = |sets: &[&str]| {
        let place = Place::new();
        let weights = format!("model.weights={path:?}");
        let trainer = Trainer::new(place.config(&[&[weights.as_str()], sets].concat())).unwrap();
        mirrorgrad::layers::weights::state_dict(trainer.network())
    };
    assert_eq!(start(&[]), given);
    let fresh = start(&["model.fresh=[\"skips\", \"stages.1\"]"]);
    for (name, tensor) in &fresh {
        let is_fresh = name.starts_with("skips.") || name.starts_with("stages.1.");
        let moved = given[name] != *tensor;
        // Biases of a normalized convolution and its statistics may agree by chance of their start.
        assert!(is_fresh || !moved, "{name}");
    }
    assert_ne!(fresh["stages.1.conv1.weight"], given["stages.1.conv1.weight"]);
}

#[test]
fn gradients_that_are_no_numbers_end_a_run_before_they_move_a_weight() {
    let before = Place::new();
    before.train(&["training.epochs=1", "model.batch_norm=false"]);
    let mut weights = before.last().weights;
    // A tiny signal through two huge weights is a number; a gradient that comes back through both is none.
    for (name, weight) in &mut weights {
        *weight = match name.as_str() {
            "stages.0.conv1.weight" => weight.map(|v| v * 1e-30),
            "stages.1.conv1.weight" | "stages.1.conv2.weight" => weight.map(|v| v * 1e21),
            _ if name.ends_with(".bias") => weight.map(|_| 0.0),
            _ => continue,
        };
    }
    let path = before.run.path().join("huge.safetensors");
    fs::write(&path, to_safetensors(&weights)).unwrap();
    let place = Place::new();
    let config = place.config(&["model.batch_norm=false", &format!("model.weights={path:?}")]);
    let mut watch = Looking(&place, Vec::new());
    let error = Trainer::new(config).unwrap().run(&place.folder(), &mut watch).unwrap_err();
    let RunError::Diverged { what, value, step, epoch } = error else { panic!("{error}") };
    assert!(what.ends_with("(backward)") && !value.is_finite(), "{what}: {value}");
    assert_eq!((step, epoch, watch.1.len()), (1, 1, 0));
}

fn refusal(sets: &[&str]) -> String {
    let refused: RunError = match Trainer::new(Place::new().config(sets)) {
        Err(error) => error,
        Ok(_) => panic!("{sets:?} was not refused"),
    };
    refused.to_string()
}

#[test]
fn weights_that_do_not_fit_are_refused_with_the_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = weights(dir.path());
    let set = format!("model.weights={path:?}");
    let wider = refusal(&[&set, "model.widths=[3, 5]"]);
    assert!(wider.contains("first.safetensors\": tensor \"stages.1.conv1.weight\""), "{wider}");
    assert!(wider.contains("expected shape [5, 3, 3, 3], got [4, 3, 3, 3]"), "{wider}");
    let deeper = refusal(&[&set, "model.widths=[3, 4, 5]"]);
    assert!(deeper.contains("first.safetensors\": the tensors are not the network's"), "{deeper}");
    assert!(deeper.contains("missing \"skips.2.bias\", ") && deeper.ends_with(" more"), "{deeper}");
    let nothing = refusal(&[&set, "model.fresh=[\"scor\"]"]);
    assert!(
        nothing.contains("model.fresh: expected the beginning of a parameter name: stages, score"),
        "{nothing}"
    );
    let mut bytes = to_safetensors(&from_safetensors::<f32>(&fs::read(&path).unwrap()).unwrap());
    bytes.truncate(100);
    fs::write(&path, bytes).unwrap();
    assert!(refusal(&[&set]).contains("not a safetensors file"));
}

#[test]
fn a_resumed_run_does_not_ask_for_the_weights_it_started_from() {
    let dir = tempfile::tempdir().unwrap();
    let path = weights(dir.path());
    let place = Place::new();
    place.train(&[&format!("model.weights={path:?}")]);
    fs::remove_file(path).unwrap();
    assert!(Trainer::resume(place.last()).unwrap().is_over());
}

/// The last checkpoint of a run of two epochs that was given two more.
fn lengthened(place: &Place, sets: &[&str], more: impl Fn(&mut Trainer)) -> Checkpoint {
    let folder = place.folder();
    let mut trainer = Trainer::new(place.config(sets)).unwrap();
    trainer.run(&folder, &mut ()).unwrap();
    let mut trainer = Trainer::resume(place.last()).unwrap();
    more(&mut trainer);
    trainer.run(&folder, &mut ()).unwrap();
    place.last()
}

#[test]
fn a_run_with_a_constant_schedule_that_gets_more_epochs_is_the_longer_run() {
    let sets = ["training.schedule=constant", "training.warmup=0"];
    let extended = lengthened(&Place::new(), &sets, |trainer| {
        let told = trainer.extend(4).unwrap();
        assert_eq!(told, "continuing to epoch 4 instead of 2, at a learning rate of 0.01");
    });
    let place = Place::new();
    place.train(&[&sets[..], &["training.epochs=4"]].concat());
    let whole = place.last();
    assert_eq!((extended.progress.step, extended.config.training.epochs), (12, 4));
    assert_eq!(extended.weights, whole.weights);
}

#[test]
fn a_warm_up_that_a_longer_run_would_have_is_not_begun_again() {
    // A quarter of six steps, and not of three hundred.
    let sets = ["training.schedule=constant", "training.warmup=100"];
    let place = Place::new();
    place.train(&sets);
    let mut trainer = Trainer::resume(place.last()).unwrap();
    let told = trainer.extend(100).unwrap();
    assert!(told.ends_with("at a learning rate of 0.01"), "{told}");
}

#[test]
fn a_schedule_that_falls_is_stretched_where_that_is_asked_for() {
    let sets = ["training.warmup=0"];
    let stretched = lengthened(&Place::new(), &sets, |trainer| {
        let error = trainer.extend(4).unwrap_err().to_string();
        assert!(error.contains("found a cosine schedule that ends after epoch 2"), "{error}");
        // Half a wave over twelve steps: in the middle after six, where a run of six had its end.
        let told = trainer.stretch(4).unwrap();
        assert!(
            told.contains("the learning rate goes from 0.000669") && told.ends_with("to 0.005"),
            "{told}"
        );
    });
    let place = Place::new();
    place.train(&[&sets[..], &["training.epochs=4"]].concat());
    let rates = |checkpoint: &Checkpoint| -> Vec<f64> {
        checkpoint.history[2..].iter().map(|epoch| epoch.lr).collect()
    };
    assert_eq!(rates(&stretched), rates(&place.last()));
}

#[test]
fn a_run_that_lost_its_patience_gets_no_more_epochs() {
    let place = Place::new();
    place.train(&["training.epochs=9", "training.lr=1e-30", "training.patience=2"]);
    let mut trainer = Trainer::resume(place.last()).unwrap();
    let error = trainer.stretch(12).unwrap_err().to_string();
    assert!(error.contains("found one that stopped early, with a patience of 2 epochs"), "{error}");
}
