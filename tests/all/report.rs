//! The commands `report` and `compare` as people run them.

use crate::folder;

use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use tempfile::TempDir;

fn run(args: &[&str], dir: &Path) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mirrorgrad")).args(args).current_dir(dir).output().unwrap()
}

#[track_caller]
fn said(args: &[&str], dir: &Path) -> String {
    let output = run(args, dir);
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), told.as_str()), (Some(0), ""), "{args:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Trains `name` on the small pictures, and says where.
fn place(name: &str, data: &TempDir, more: &[&str]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let data = data.path().to_str().unwrap();
    let short = ["train", "--data", data, "--widths", "3,4", "--epochs", "2", "--batch", "4"];
    said(&[&short[..], &["--out", name], more].concat(), dir.path());
    dir
}

fn hashes(run: &Path) -> Vec<Value> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    let epochs = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    epochs.map(|epoch| epoch["weights_hash"].clone()).collect()
}

#[test]
fn the_command_on_the_page_makes_the_same_weights() {
    let data = folder::data(true);
    let odd = ["--ignore-index", "255", "--lr", "0.02", "--seed", "9", "--crop", "16x20"];
    let more = [&odd[..], &["--no-batch-norm", "--optimizer", "sgd", "--clip", "2"]].concat();
    let dir = place("first", &data, &more);
    assert_eq!(said(&["report", "first"], dir.path()), "report first/report.html\n");
    let page = fs::read_to_string(dir.path().join("first/report.html")).unwrap();
    let command =
        page.split("<pre id=\"command\">").nth(1).unwrap().split("</pre>").next().unwrap();
    let words: Vec<&str> = command.split(' ').map(|word| word.trim_matches('\'')).collect();
    assert_eq!(words[..2], ["mirrorgrad", "train"], "{command}");
    said(&[&words[1..], &["--out", "again"]].concat(), dir.path());
    assert_eq!(hashes(&dir.path().join("again")), hashes(&dir.path().join("first")));
}

#[test]
fn a_report_goes_where_it_is_asked_to_and_is_the_same_on_any_number_of_threads() {
    let data = folder::data(false);
    let dir = place("run", &data, &[]);
    fs::remove_file(dir.path().join("run/report.html")).unwrap();
    said(&["report", "run", "--out", "one.html", "--threads", "1"], dir.path());
    assert!(!dir.path().join("run/report.html").exists());
    said(&["report", "run", "--threads", "2"], dir.path());
    let [one, two] =
        ["one.html", "run/report.html"].map(|p| fs::read_to_string(dir.path().join(p)).unwrap());
    assert_eq!(one, two);
}

#[test]
fn data_that_went_elsewhere_are_told_and_can_be_pointed_at() {
    let data = folder::data(false);
    let dir = place("run", &data, &[]);
    let moved = folder::data(false);
    drop(data);
    let output = run(&["report", "run"], dir.path());
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
    said(&["report", "run", "--data", moved.path().to_str().unwrap()], dir.path());
    assert!(dir.path().join("run/report.html").exists());
}

#[test]
fn runs_are_compared_as_text_json_and_page() {
    let data = folder::data(false);
    let dir = place("deconv", &data, &[]);
    let other = place("bilinear", &data, &["--upsample", "bilinear"]);
    let other = other.path().join("bilinear");
    fs::remove_file(other.join("report.json")).unwrap();
    let other = other.to_str().unwrap();
    let text = said(&["compare", "deconv", other, "--classes", "--html", "both.html"], dir.path());
    for part in ["upsample", "deconv", "bilinear", "class IoU", "bright", "1 of 2 runs"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(
        fs::read_to_string(dir.path().join("both.html")).unwrap().contains("2 runs side by side")
    );
    let json: Value =
        serde_json::from_str(&said(&["compare", "deconv", other, "--json"], dir.path())).unwrap();
    assert_eq!(json["differences"]["model.upsample"], serde_json::json!(["deconv", "bilinear"]));
    assert_eq!(json["runs"].as_array().unwrap().len(), 2);
}

#[test]
fn what_is_no_run_is_refused_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("empty")).unwrap();
    fs::create_dir(dir.path().join("broken")).unwrap();
    fs::write(dir.path().join("broken/last.ckpt"), "no checkpoint").unwrap();
    for command in ["report", "compare"] {
        for name in ["nowhere", "empty", "broken"] {
            let output = run(&[command, name], dir.path());
            let told = String::from_utf8(output.stderr).unwrap();
            assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{told}");
            assert!(told.starts_with(&format!("mirrorgrad: {name}")), "{told}");
        }
    }
}
