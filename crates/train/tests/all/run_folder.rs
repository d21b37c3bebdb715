//! The folder of a run: where it may be, and how files get into it.

use mirrorgrad_train::{Config, EpochMetrics, RunFolder};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(dir)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

fn epoch(epoch: usize) -> EpochMetrics {
    EpochMetrics {
        epoch,
        train_loss: 0.5,
        val_loss: 0.25,
        val_miou: 0.75,
        val_pixel_accuracy: 0.875,
        val_iou: vec![Some(0.75), None],
        lr: 0.125,
        seconds: 2.0,
        val_seconds: 0.5,
        waited: Vec::new(),
        weights_hash: "00ff".into(),
    }
}

#[test]
fn a_new_run_wants_a_folder_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a/b");
    let folder = RunFolder::create(&path).unwrap();
    assert_eq!((folder.path(), folder.to_string()), (path.as_path(), path.display().to_string()));
    drop(folder);
    // Still empty, it is as good as new.
    RunFolder::create(&path).unwrap();
    fs::write(path.join(".hidden"), "").unwrap();
    let error = RunFolder::create(&path).unwrap_err().to_string();
    let says = format!("{}: expected an empty folder, found files", path.display());
    assert!(error.starts_with(&says), "{error}");
    fs::write(dir.path().join("file"), "").unwrap();
    let error = RunFolder::create(&dir.path().join("file/run")).unwrap_err().to_string();
    assert!(error.contains("file/run: cannot be written"), "{error}");
}

#[test]
fn runs_are_numbered_after_the_highest_number_there_is() {
    let dir = tempfile::tempdir().unwrap();
    let runs = dir.path().join("runs");
    let next = || RunFolder::next(&runs).unwrap().path().to_owned();
    assert_eq!([next(), next()], [runs.join("001"), runs.join("002")]);
    for name in ["007", "notes", "9b"] {
        fs::create_dir(runs.join(name)).unwrap();
    }
    assert_eq!(next(), runs.join("008"));
    fs::write(runs.join("1999"), "").unwrap();
    assert_eq!(next(), runs.join("2000"));
    assert!(runs.join("2000").is_dir());
}

#[test]
fn runs_that_begin_together_get_folders_of_their_own() {
    let dir = tempfile::tempdir().unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..5).for_each(|_| drop(RunFolder::next(dir.path()).unwrap())));
        }
    });
    let expected: Vec<_> = (1..=40).map(|number| format!("{number:03}")).collect();
    assert_eq!(names(dir.path()), expected);
}

#[test]
fn only_a_folder_that_is_there_can_be_opened() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::open(dir.path()).unwrap();
    assert_eq!(folder.last(), dir.path().join("last.ckpt"));
    assert_eq!(folder.prev(), dir.path().join("prev.ckpt"));
    assert_eq!(folder.best(), dir.path().join("best.ckpt"));
    fs::write(dir.path().join("file"), "").unwrap();
    for name in ["nowhere", "file"] {
        let error = RunFolder::open(&dir.path().join(name)).unwrap_err().to_string();
        assert!(error.ends_with(&format!("{name}: expected a run folder, found none")));
    }
}

#[test]
fn a_file_is_replaced_as_a_whole_and_nothing_is_left_beside_it() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(dir.path()).unwrap();
    folder.write("a.txt", b"a longer first version").unwrap();
    folder.write("a.txt", b"second").unwrap();
    assert_eq!(fs::read(dir.path().join("a.txt")).unwrap(), b"second");
    assert_eq!(names(dir.path()), ["a.txt"]);
    fs::create_dir(dir.path().join("taken")).unwrap();
    let error = folder.write("taken", b"").unwrap_err().to_string();
    assert!(error.contains("taken: cannot be written"), "{error}");
    assert!(dir.path().join("taken").is_dir());
}

#[test]
fn metrics_have_one_line_an_epoch_with_the_same_ten_keys() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(dir.path()).unwrap();
    folder.write_metrics(&[epoch(1)]).unwrap();
    folder.write_metrics(&[epoch(1), EpochMetrics { val_loss: f64::NAN, ..epoch(2) }]).unwrap();
    let text = fs::read_to_string(dir.path().join("metrics.jsonl")).unwrap();
    let expected = r#"{"epoch":1,"train_loss":0.5,"val_loss":0.25,"val_miou":0.75,"val_pixel_accuracy":0.875,"val_iou":[0.75,null],"lr":0.125,"seconds":2.0,"val_seconds":0.5,"weights_hash":"00ff"}"#;
    let lines: Vec<_> = text.lines().collect();
    assert_eq!((lines.len(), lines[0]), (2, expected));
    assert!(text.ends_with("}\n"));
    let keys = BTreeSet::from([
        "epoch",
        "train_loss",
        "val_loss",
        "val_miou",
        "val_pixel_accuracy",
        "val_iou",
        "lr",
        "seconds",
        "val_seconds",
        "weights_hash",
    ]);
    for line in &lines {
        let object: serde_json::Value = serde_json::from_str(line).unwrap();
        let found = object.as_object().unwrap().keys().map(String::as_str).collect::<BTreeSet<_>>();
        assert_eq!((found.len(), &found), (10, &keys));
    }
    // JSON has no NaN.
    let second: serde_json::Value = serde_json::from_str(lines[1]).unwrap();
    assert_eq!((&second["epoch"], &second["val_loss"]), (&2.into(), &serde_json::Value::Null));
}

#[test]
fn the_configuration_comes_back_from_its_file() {
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(dir.path()).unwrap();
    let mut config = Config::default();
    config.training.lr = 0.1 + 0.2;
    config.training.seed = i64::MAX as u64;
    config.data.augment.crop = Some([3, 4]);
    config.check().unwrap();
    folder.write_start(&config, &["a".to_owned()]).unwrap();
    let text = fs::read_to_string(dir.path().join("config.toml")).unwrap();
    assert_eq!(toml::from_str::<Config>(&text).unwrap(), config);
}

#[test]
fn a_configuration_that_cannot_be_written_down_is_refused_at_once() {
    let mut config = Config::default();
    config.training.seed = 1 << 63;
    let error = config.check().unwrap_err().to_string();
    let says = "training.seed: expected at most 9223372036854775807, found 9223372036854775808";
    assert_eq!(error, says);
    config.training.seed = 0;
    config.training.warmup = u64::MAX;
    let error = config.check().unwrap_err().to_string();
    assert!(
        error.starts_with("training.warmup: expected at most 9223372036854775807, found"),
        "{error}"
    );
}
