//! `mirrorgrad check-data` as people run it.

use crate::folder;

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn check(dir: &Path, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
    command.arg("check-data").arg(dir).args(more).output().unwrap()
}

/// What was said, after checking the exit code and that nothing went to standard error.
#[track_caller]
fn said(output: Output, code: i32) -> String {
    assert_eq!((output.status.code(), output.stderr.as_slice()), (Some(code), [].as_slice()));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_good_folder_is_told_of_and_ends_with_0() {
    let data = folder::data(true);
    let text = said(check(data.path(), &["--ignore-index", "255"]), 0);
    for line in [
        "layout folders, detected by train; 3 classes, 255 ignored",
        "train          12        0",
        "val             4        0",
        "24x28              16",
        "no faults",
    ] {
        assert!(text.lines().any(|l| l == line), "{text}\nwithout {line}");
    }
    // An edge of 24 pixels of 672.
    assert!(text.contains("255 (ignored)              3.571 %   3.571 %"), "{text}");
}

#[test]
fn every_fault_is_a_line_and_the_exit_code_is_1() {
    let data = folder::data(false);
    fs::write(data.path().join("train/images/00.png"), b"GIF89a").unwrap();
    fs::remove_file(data.path().join("train/masks/03.png")).unwrap();
    fs::copy(data.path().join("train/images/05.png"), data.path().join("val/masks/02.png"))
        .unwrap();
    let text = said(check(data.path(), &[]), 1);
    let faults = text.split_once("3 faults\n").expect("as many as were made").1;
    for (line, part) in
        faults.lines().zip(["images/03.png: expected its mask", "00.png", "val/masks/02.png"])
    {
        assert!(line.contains(part), "{line}");
    }
    let json: Value = serde_json::from_str(&said(check(data.path(), &["--json"]), 1)).unwrap();
    assert_eq!(json["faults"].as_array().unwrap().len(), 3);
    assert_eq!(json["parts"][0]["pictures"], 11);
    assert_eq!(json["parts"][0]["faulty"], 1);
    assert_eq!(json["classes"][2], "dark");
    let weights: Vec<f64> = serde_json::from_value(json["class_weights"].clone()).unwrap();
    assert!(weights[0] < 1.0 && weights[1] >= 1.0 && weights.len() == 3, "{weights:?}");
}

#[test]
fn many_faults_are_counted_and_json_has_them_all() {
    let data = folder::data(true);
    for entry in fs::read_dir(data.path().join("train/images")).unwrap() {
        let stem = entry.unwrap().path();
        let stem = stem.file_stem().unwrap().to_str().unwrap();
        let mask = data.path().join(format!("train/masks/{stem}.png"));
        for copy in ["a", "b"] {
            fs::copy(&mask, data.path().join(format!("train/masks/{stem}_{copy}.png"))).unwrap();
        }
    }
    let text = said(check(data.path(), &[]), 1);
    // 24 copies without pictures, and 16 masks with label 255, alike in all but file and place.
    assert!(
        text.contains("\n40 faults\n") && text.ends_with("and 5 more, which --json lists\n"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&said(check(data.path(), &["--json"]), 1)).unwrap();
    assert_eq!(json["faults"].as_array().unwrap().len(), 40);
    let edged = folder::data(true);
    let text = said(check(edged.path(), &[]), 1);
    let told = text.split_once("\n16 faults\n").unwrap().1;
    assert!(told.lines().count() == 1 && told.ends_with("; 15 more like it\n"), "{told}");
}

#[test]
fn a_sheet_is_a_png_and_is_written_only_when_asked_for() {
    let (data, work) = (folder::data(true), tempfile::tempdir().unwrap());
    let sheet = work.path().join("sheet.png");
    let path = sheet.to_str().unwrap();
    said(check(data.path(), &["--ignore-index", "255", "--sheet", path, "--json"]), 0);
    let image = image::open(&sheet).unwrap();
    assert!(image.width() > 900 && image.height() > 100);
    assert_eq!(fs::read_dir(work.path()).unwrap().count(), 1);
}

#[test]
fn what_cannot_be_looked_through_is_refused_in_one_line() {
    let work = tempfile::tempdir().unwrap();
    let nowhere = work.path().join("nowhere");
    for (dir, says) in [(nowhere.as_path(), "cannot be read"), (work.path(), "found none of these")]
    {
        let output = check(dir, &[]);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), error.lines().count()), (Some(1), 1), "{error}");
        assert!(error.starts_with("mirrorgrad: ") && error.contains(says), "{error}");
    }
    for misuse in [["--layout", "coco"], ["--mask-values", "0,256"], ["--size", "7"]] {
        assert_eq!(check(work.path(), &misuse).status.code(), Some(2), "{misuse:?}");
    }
}

#[test]
fn a_hundred_kinds_of_rubbish_are_no_panic() {
    let data = folder::data(false);
    let train = data.path().join("train");
    let whole = fs::read(train.join("images/00.png")).unwrap();
    for n in 0..100 {
        let mut bytes = whole.clone();
        let at = n * 37 % bytes.len();
        bytes[at] ^= 0x5a;
        bytes.truncate(bytes.len() - n * 11 % 300);
        let dir = if n % 2 == 0 { "images" } else { "masks" };
        fs::write(train.join(format!("{dir}/rubbish{}.png", n / 2)), bytes).unwrap();
    }
    let text = said(check(data.path(), &[]), 1);
    assert!(text.contains(" faults\n") && !text.contains("panicked"), "{text}");
}

#[test]
fn a_run_begins_with_the_notes_of_its_folder_and_goes_on_without_what_it_left_out() {
    let (data, work) = (folder::data(false), tempfile::tempdir().unwrap());
    fs::write(data.path().join("train/images/Thumbs.db"), "").unwrap();
    fs::write(data.path().join("val/images/02.png"), "<html>").unwrap();
    let run = work.path().join("run");
    let (dir, out) = (data.path().to_str().unwrap(), run.to_str().unwrap());
    let mirrorgrad = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
        let output = command.current_dir(work.path()).args(args).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let train = ["train", "--data", dir, "--out", out, "--epochs", "1", "--widths", "2,2"];
    let (code, told) = mirrorgrad(&[&train[..], &["--skip-faulty"]].concat());
    assert_eq!(code, Some(0), "{told}");
    let notes: Vec<_> = told.lines().filter_map(|line| line.strip_prefix("note: ")).collect();
    let passed = "1 file or folder is skipped, since it is not a picture: train/images/Thumbs.db";
    assert_eq!(notes[..2], [passed, "1 fault skipped, since --skip-faulty is set"]);
    assert!(notes.len() == 3 && notes[2].starts_with("skipped: ") && notes[2].contains("02.png"));
    let config = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(config.contains("skip_faulty = true\nfaulty = [\"val/images/02.png\"]"), "{config}");
    for args in [["eval", out].as_slice(), &["train", "--resume", "--out", out], &["report", out]] {
        let (code, told) = mirrorgrad(args);
        assert_eq!(code, Some(0), "{args:?}: {told}");
    }
}
