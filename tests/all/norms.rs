//! What normalizes a network: the choice of it, and what is said and refused where batches are small.

use crate::folder;

use image::{GrayImage, RgbImage};
use mirrorgrad::data::Split;
use mirrorgrad::layers::models::Norm;
use mirrorgrad::train::{Config, Largest, MemoryEstimate, RunFolder, Settings, Trainer};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn resolved(sets: &[&str]) -> Config {
    let mut settings = Settings::default();
    sets.iter().for_each(|set| settings.set_text(set).unwrap());
    settings.resolve().unwrap()
}

/// The deepest maps of this network have a 16th of the pixels.
const UNET: [&str; 3] = ["model.kind=unet", "model.widths=[4, 5, 6]", "training.epochs=1"];

fn on(data: &Path, sets: &[&str]) -> Config {
    let data = format!("data.dir={data:?}");
    resolved(&[&[data.as_str()], &UNET[..], sets].concat())
}

fn refusal(config: Config) -> String {
    Trainer::new(config).err().unwrap().to_string()
}

fn mirrorgrad(args: &[&str], dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mirrorgrad")).args(args).current_dir(dir).output().unwrap()
}

#[test]
fn the_old_name_of_a_norm_is_understood_and_later_settings_replace_it() {
    let norm = |sets: &[&str]| resolved(sets).model.norm;
    assert_eq!(norm(&[]), Norm::Batch);
    assert_eq!(norm(&["model.batch_norm=true"]), Norm::Batch);
    assert_eq!(norm(&["model.batch_norm=false"]), Norm::None);
    assert_eq!(norm(&["model.batch_norm=true", "model.norm=group"]), Norm::Group);
    assert_eq!(norm(&["model.norm=group", "model.batch_norm=false"]), Norm::None);
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("old.toml");
    fs::write(&file, "[model]\nbatch_norm = false\n").unwrap();
    let mut old = Settings::read(&file).unwrap();
    assert_eq!(old.resolve().unwrap().model.norm, Norm::None);
    old.set_text("model.norm=group").unwrap();
    let new = old.resolve().unwrap();
    assert_eq!(new.model.norm, Norm::Group);
    // It is written under the name of today.
    let text = toml::to_string(&new).unwrap();
    assert!(text.contains("norm = \"group\"") && !text.contains("\nbatch_norm"), "{text}");
    fs::write(&file, "[model]\nbatch_norm = false\nnorm = \"group\"\n").unwrap();
    assert!(Settings::read(&file).unwrap_err().to_string().contains("duplicate field"));
    let unknown = Settings::default().set_text("model.norm=layer").unwrap_err().to_string();
    assert!(unknown.contains("`batch`, `group`, `none`"), "{unknown}");
}

#[test]
fn no_batch_norm_is_norm_none_and_not_another_norm_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let both = ["train", "--data", "nowhere", "--no-batch-norm", "--norm", "group"];
    let both = mirrorgrad(&both, dir.path());
    let told = String::from_utf8(both.stderr).unwrap();
    assert_eq!(both.status.code(), Some(2), "{told}");
    assert!(told.contains("--no-batch-norm") && told.contains("--norm"), "{told}");
    let data = folder::data(false);
    for (out, option) in [("old", "--no-batch-norm"), ("new", "--norm=none")] {
        let data = data.path().to_str().unwrap();
        let small = ["--widths", "2", "--epochs", "1", "--batch", "4", "--threads", "1"];
        let args = [&["train", "--data", data, "--out", out, option], &small[..]].concat();
        assert!(mirrorgrad(&args, dir.path()).status.success());
    }
    let read = |run: &str, file: &str| fs::read(dir.path().join(run).join(file)).unwrap();
    for file in ["config.toml", "model.safetensors"] {
        assert_eq!(read("old", file), read("new", file), "{file}");
    }
}

#[test]
fn a_norm_that_comes_to_one_value_is_refused_before_the_run() {
    let data = folder::data(false);
    let on = |sets: &[&str]| on(data.path(), sets);
    // Maps of 1x1 in batches of one picture; in the last batch of twelve by elevens; of a crop.
    for sets in [
        &["data.folder.size=[4, 7]", "training.batch=1"][..],
        &["data.folder.size=[7, 4]", "training.batch=11"],
        &["data.augment.crop=[5, 5]", "training.batch=11"],
        &[
            "data.folder.size=[4, 4]",
            "training.batch=8",
            "training.limit_batches=1",
            "training.batch=1",
        ],
    ] {
        let told = refusal(on(sets));
        assert!(told.contains("found one: in a batch of 1 picture"), "{sets:?}: {told}");
        let ways = "model.norm = \"group\", another training.batch, or larger pictures by data.folder.size";
        assert!(told.contains(ways), "{told}");
        for way_out in ["model.norm=group", "model.norm=none", "training.batch=4"] {
            Trainer::new(on(&[sets, &[way_out]].concat())).unwrap();
        }
    }
    // Two pixels are two values.
    Trainer::new(on(&["data.folder.size=[4, 8]", "training.batch=1"])).unwrap();
    // A group of one channel has one too, in every batch.
    let told =
        refusal(on(&["data.folder.size=[4, 4]", "model.norm=group", "model.widths=[4, 4, 1]"]));
    assert!(told.contains("a deepest width of 2 or more"), "{told}");
}

#[test]
fn a_picture_that_alone_comes_to_one_value_ends_the_run_with_its_name() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("classes.txt"), "ground\nsky\n").unwrap();
    for (part, name, side) in [("train", "a", 9), ("train", "b", 4), ("val", "c", 9)] {
        let put = |kind: &str| {
            let folder = dir.path().join(part).join(kind);
            fs::create_dir_all(&folder).unwrap();
            folder.join(format!("{name}.png"))
        };
        RgbImage::new(side, side).save(put("images")).unwrap();
        GrayImage::new(side, side).save(put("masks")).unwrap();
    }
    let run = tempfile::tempdir().unwrap();
    // The seed decides which of both comes first.
    for seed in 0..4 {
        let config = on(dir.path(), &["training.batch=1", &format!("training.seed={seed}")]);
        let ended = Trainer::new(config).and_then(|mut trainer| {
            let folder = RunFolder::create(&run.path().join(seed.to_string()))?;
            trainer.run(&folder, &mut ())
        });
        let told = ended.unwrap_err().to_string();
        assert!(told.contains("b.png: expected at least two values"), "{told}");
    }
}

#[test]
fn memory_is_estimated_where_one_picture_alone_could_not_be_trained_on() {
    let mut config = resolved(&UNET);
    config.training.batch = 2;
    MemoryEstimate::of(&config, 3, Largest::of_all(&config, [4, 4]), 0).unwrap();
}

#[test]
fn few_pictures_a_batch_are_warned_of_under_batch_normalization_alone() {
    let data = folder::data(false);
    let note = |sets: &[&str]| {
        let trainer = Trainer::new(on(data.path(), sets)).unwrap();
        let mut notes = trainer.notes().iter().map(ToString::to_string);
        notes.find(|note| note.starts_with("batch normalization"))
    };
    let told = note(&["training.batch=2", "training.accumulate=4"]).unwrap();
    assert!(
        told.contains("batches of 2 pictures") && told.contains("model.norm = \"group\""),
        "{told}"
    );
    assert!(note(&["training.batch=8", "training.limit_batches=1"]).is_none());
    // Of three pictures no batch has more.
    let few = ["training.batch=1", "training.limit_batches=3"];
    assert!(note(&few).unwrap().contains("batches of 1 picture,"));
    for sets in [["training.batch=4"], ["model.norm=group"], ["model.norm=none"]] {
        assert_eq!(note(&[&["training.batch=2"], &sets[..]].concat()), None, "{sets:?}");
    }
}

#[test]
fn what_augmentation_leaves_empty_counts_for_nothing_as_if_255_were_left_out() {
    let data = folder::data(false);
    let run = tempfile::tempdir().unwrap();
    let hash = |name: &str, sets: &[&str]| {
        let mut trainer = Trainer::new(on(data.path(), sets)).unwrap();
        trainer.run(&RunFolder::create(&run.path().join(name)).unwrap(), &mut ()).unwrap();
        trainer.history()[0].weights_hash.clone()
    };
    for (name, set) in [
        ("turned", "data.augment.rotate=30"),
        ("smaller", "data.augment.scale=[0.5, 0.8]"),
        ("beyond", "data.augment.crop=[40, 44]"),
    ] {
        let trainer = Trainer::new(on(data.path(), &[set])).unwrap();
        let batch = trainer.next_batch().unwrap();
        assert!(batch.iter().any(|sample| sample.mask.labels.contains(&255)), "{name}");
        let explicit = [set, "data.folder.ignore_index=255"];
        let [plain, asked] = [(name, &[set][..]), (&*format!("{name}, asked"), &explicit)]
            .map(|(name, sets)| hash(name, sets));
        assert_eq!(plain, asked, "{name}");
    }
    // A label that the data leave out serves for both.
    let sets = ["data.augment.rotate=30", "data.folder.ignore_index=9"];
    let batch = Trainer::new(on(data.path(), &sets)).unwrap().next_batch().unwrap();
    assert!(batch.iter().any(|sample| sample.mask.labels.contains(&9)));
    // In the data themselves the label stays no label.
    let edged = folder::data(true);
    let train = on(edged.path(), &["data.augment.rotate=30"]).open(Split::Train).unwrap();
    assert!(
        train.sample(0).unwrap_err().to_string().contains("set data.folder.ignore_index = 255")
    );
}
