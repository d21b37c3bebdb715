//! What may happen to a run and its folder from outside, and how the command answers.

#![cfg(unix)]

use crate::folder;

use mirrorgrad::train::{
    Config, EpochMetrics, Evaluation, Observer, RunFolder, Settings, StepReport, Trainer,
};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use tempfile::TempDir;

fn mirrorgrad(args: &[&str], dir: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
    command.args(args).current_dir(dir);
    command
}

fn run(args: &[&str], dir: &Path) -> Output {
    mirrorgrad(args, dir).output().unwrap()
}

/// Exit code, standard output, standard error.
fn said(output: &Output) -> (Option<i32>, &str, &str) {
    let text = |bytes| std::str::from_utf8(bytes).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A short run on the built-in shapes.
const SHORT: [&str; 9] =
    ["train", "--widths", "2", "--batch", "2", "--limit-batches", "2", "--out", "run"];

/// A place with a finished run of one epoch.
fn finished() -> TempDir {
    let place = tempfile::tempdir().unwrap();
    let output = run(&[&SHORT[..], &["--epochs", "1"]].concat(), place.path());
    assert_eq!(said(&output).0, Some(0), "{output:?}");
    place
}

/// Breaks a picture when the epoch's last step is told.
struct Breaks<'a> {
    picture: &'a Path,
    at: usize,
}

impl Observer for Breaks<'_> {
    fn step(&mut self, report: &StepReport) {
        if report.batch == self.at {
            fs::write(self.picture, "no picture").unwrap();
        }
    }
    fn epoch(&mut self, _: &EpochMetrics, _: &Evaluation) {}
    fn wants_stop(&self) -> bool {
        false
    }
}

#[test]
fn a_validation_that_fails_loses_nothing_of_its_epoch() {
    let data = folder::data(false);
    let mut settings = Settings::default();
    let dir = format!("data.dir={:?}", data.path());
    for set in [&dir, "model.widths=[3]", "training.epochs=2", "training.batch=4"] {
        settings.set_text(set).unwrap();
    }
    let config: Config = settings.resolve().unwrap();
    let place = tempfile::tempdir().unwrap();
    let whole = RunFolder::create(&place.path().join("whole")).unwrap();
    let mut trainer = Trainer::new(config.clone()).unwrap();
    trainer.run(&whole, &mut ()).unwrap();

    let broken = RunFolder::create(&place.path().join("broken")).unwrap();
    let picture = data.path().join("val/images/00.png");
    let good = fs::read(&picture).unwrap();
    let mut watch = Breaks { picture: &picture, at: 3 };
    let error = Trainer::new(config).unwrap().run(&broken, &mut watch).unwrap_err().to_string();
    assert!(error.contains("00.png"), "{error}");
    let (last, notice) = broken.read_last().unwrap();
    assert_eq!((last.progress.step, last.history.len(), notice), (3, 0, None));

    fs::write(&picture, good).unwrap();
    let mut again = Trainer::resume(last).unwrap();
    again.run(&broken, &mut ()).unwrap();
    let timeless = |trainer: &Trainer| {
        let epochs = trainer.history().iter().cloned();
        let timeless = |epoch| EpochMetrics { seconds: 0.0, val_seconds: 0.0, ..epoch };
        epochs.map(timeless).collect::<Vec<_>>()
    };
    assert_eq!(timeless(&again), timeless(&trainer));
}

#[test]
fn a_damaged_side_file_is_told_of_and_keeps_no_run_from_going_on() {
    let place = finished();
    let noted = place.path().join("run/environment.json");
    let damages: [&dyn Fn(); 3] = [
        &|| fs::write(&noted, "{\"version\": ").unwrap(),
        &|| fs::write(&noted, [0xff; 100]).unwrap(),
        // A hole of a terabyte is not read.
        &|| File::create(&noted).unwrap().set_len(1 << 40).unwrap(),
    ];
    for damage in damages {
        damage();
        let output = run(&["report", "run"], place.path());
        let (code, _, err) = said(&output);
        assert_eq!((code, err.lines().count()), (Some(0), 1), "{err}");
        assert!(err.contains("environment.json"), "{err}");
        let output = run(&["train", "--resume", "--out", "run"], place.path());
        let (code, _, err) = said(&output);
        assert_eq!((code, err.lines().count()), (Some(0), 1), "{err}");
        assert!(err.contains("environment.json") && err.contains("written again"), "{err}");
        serde_json::from_slice::<serde_json::Value>(&fs::read(&noted).unwrap()).unwrap();
    }
    File::create(place.path().join("run/report.json")).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(said(&run(&["compare", "run"], place.path())).0, Some(0));
}

#[test]
fn a_report_elsewhere_leaves_the_runs_folder_as_it_is() {
    let place = finished();
    for name in ["report.html", "report.json"] {
        fs::remove_file(place.path().join("run").join(name)).unwrap();
    }
    let output = run(&["report", "run", "--out", "page.html"], place.path());
    assert_eq!(said(&output).0, Some(0), "{output:?}");
    assert!(place.path().join("page.html").exists());
    for name in ["report.html", "report.json"] {
        assert!(!place.path().join("run").join(name).exists(), "{name}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn what_cannot_be_said_is_a_failure() {
    let place = finished();
    let cases: [&[&str]; 6] = [
        &["--help"],
        &["--version"],
        &["train", "--help"],
        &["study", "conv", "--kernel", "3", "--input", "5x5"],
        &["compare", "run"],
        &["train", "--resume", "--out", "run", "--epochs", "2", "--stretch-schedule"],
    ];
    for args in cases {
        let full = File::options().write(true).open("/dev/full").unwrap();
        let output = mirrorgrad(args, place.path()).stdout(full).output().unwrap();
        let (code, _, err) = said(&output);
        assert_eq!((code, err.lines().count()), (Some(1), 1), "{args:?}: {err}");
        assert!(err.contains("standard output: cannot be written"), "{args:?}: {err}");
    }
    // The work itself was done.
    let metrics = fs::read_to_string(place.path().join("run/metrics.jsonl")).unwrap();
    assert_eq!(metrics.lines().count(), 2);
}

/// How a shell starts a run that minds the end of its terminal, though the tests' own may be ignored.
const MINDING: &str =
    if cfg!(target_os = "linux") { "exec env --default-signal=HUP" } else { "exec" };

/// Sends a run a signal when it has begun: its exit code, and all that it printed.
fn signalled(shell: &str, signal: &str, epochs: &str) -> (Option<i32>, String) {
    let place = tempfile::tempdir().unwrap();
    let args = SHORT.join(" ");
    let program = env!("CARGO_BIN_EXE_mirrorgrad");
    let line = format!("{shell} '{program}' {args} --epochs {epochs}");
    let mut child = Command::new("sh")
        .args(["-c", &line])
        .current_dir(place.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut told = String::new();
    // Signals are caught before the first epoch is told of.
    while !told.contains("epoch ") {
        assert_ne!(out.read_line(&mut told).unwrap(), 0, "{told}");
    }
    let kill = ["-s", signal, &child.id().to_string()].map(String::from);
    assert!(Command::new("kill").args(kill).status().unwrap().success());
    out.read_to_string(&mut told).unwrap();
    (child.wait().unwrap().code(), told)
}

#[test]
fn a_signal_is_answered_at_once_and_ends_the_run_in_order() {
    for (signal, code) in [("INT", 130), ("TERM", 143), ("HUP", 129)] {
        let (found, told) = signalled(MINDING, signal, "1000000");
        assert_eq!(found, Some(code), "{signal}: {told}");
        let answer = told.find("stopping: finishing this step, writing a checkpoint");
        let end = told.find("stopped; resume with: mirrorgrad train --resume --out run");
        assert!(answer.is_some() && answer < end, "{signal}: {told}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn a_run_whose_terminal_may_end_goes_on() {
    let (code, told) = signalled("trap '' HUP; exec", "HUP", "30");
    assert!(code == Some(0) && told.contains("done: "), "{code:?}: {told}");
    assert!(!told.contains("stopping"), "{told}");
}

#[test]
fn a_finished_run_is_given_more_epochs_and_says_what_becomes_of_its_schedule() {
    let place = finished();
    let resume =
        |more: &[&str]| run(&[&["train", "--resume", "--out", "run"], more].concat(), place.path());
    let output = resume(&["--epochs", "3"]);
    let (code, _, err) = said(&output);
    let says = "--epochs: expected a run with a constant schedule, or --stretch-schedule, found a cosine \
                schedule that ends after epoch 1";
    assert!(code == Some(1) && err.contains(says), "{err}");
    let output = resume(&["--epochs", "3", "--stretch-schedule"]);
    let (code, out, err) = said(&output);
    assert!(code == Some(0) && out.contains("continuing to epoch 3 instead of 1"), "{out}{err}");
    assert!(out.contains("epoch   3/3") && !out.contains("epoch   1/3"), "{out}");
    // As many as it has are no more.
    let output = resume(&["--epochs", "3"]);
    assert_eq!(said(&output).0, Some(0), "{output:?}");
    let output = resume(&["--epochs", "2", "--stretch-schedule"]);
    assert!(said(&output).2.contains("--epochs: expected more than the 3 that the run has"));
    assert_eq!(said(&run(&["report", "run"], place.path())).0, Some(0));
}

#[test]
#[cfg(target_os = "linux")]
fn memory_that_the_system_refuses_ends_in_one_line() {
    let place = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_mirrorgrad");
    let train = "train --batch 8 --epochs 1 --out run --threads 1 --widths";
    let limited = |more: &str| {
        let line = format!("ulimit -v 500000; exec '{program}' {train} {more}");
        let output = Command::new("sh").args(["-c", &line]).current_dir(place.path()).output();
        output.unwrap()
    };
    // Who does not say otherwise is told before.
    let output = limited("2000,2000");
    let (code, _, err) = said(&output);
    assert_eq!((code, err.lines().count()), (Some(1), 1), "{err}");
    let most = err.split("expected a run of at most ").nth(1).unwrap().split(' ').next().unwrap();
    assert!(most.parse::<usize>().unwrap() <= 8 * 512 / 10, "{err}");
    let output = limited("600,600 --max-memory 100000");
    let (code, _, err) = said(&output);
    assert_eq!((code, err.lines().count()), (Some(1), 1), "{err}");
    assert!(err.starts_with("mirrorgrad: out of memory: the system refuses"), "{err}");
}

#[test]
fn settings_and_sizes_that_make_no_sense_are_refused_in_one_line() {
    let place = tempfile::tempdir().unwrap();
    let dots = format!("{}a=1", "a.".repeat(20_000));
    let cases: [(&[&str], &str); 4] = [
        (&["train", "--set", &dots], "expected a key of at most 8 words, found 20001"),
        (&["bench", "--cases", "H", "--side", "9"], "expected a multiple of 8, from 8 to 2048"),
        (&["bench", "--cases", "H", "--side", "4"], "expected a multiple of 8, from 8 to 2048"),
        (&["bench", "--cases", "I", "--side", "2047"], "expected a multiple of 8"),
    ];
    for (args, says) in cases {
        let output = run(args, place.path());
        let (code, _, err) = said(&output);
        assert_eq!((code, err.lines().count()), (Some(2), 1), "{err}");
        assert!(err.contains(says) && err.len() < 300, "{err}");
    }
}

/// A picture of 16 by 16 at `path`.
fn picture(path: PathBuf) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image::RgbImage::new(16, 16).save(path).unwrap();
}

#[test]
fn folders_of_pictures_are_predicted_and_equal_names_keep_their_folders() {
    let place = finished();
    for name in ["a/x.png", "a/y.png", "b/x.png"] {
        picture(place.path().join(name));
    }
    for name in ["a/readme.txt", "a/.y.png", "a/Thumbs.db"] {
        fs::write(place.path().join(name), "no picture").unwrap();
    }
    let output = run(&["predict", "run", "a", "b/x.png", "--raw", "--out", "m"], place.path());
    let (code, out, err) = said(&output);
    assert_eq!((code, out), (Some(0), "3 masks in m\n"), "{err}");
    assert_eq!(err, "a: 3 files skipped, since not pictures, such as a/.y.png\n");
    for mask in ["a/x.png", "b/x.png", "y.png"] {
        assert!(place.path().join("m").join(mask).is_file(), "{mask}");
    }
    fs::create_dir(place.path().join("none")).unwrap();
    let output = run(&["predict", "run", "none", "--out", "m"], place.path());
    assert!(said(&output).2.contains("none: expected a folder with pictures, found none"));
}

#[test]
fn what_a_name_would_do_to_a_terminal_is_shown_instead() {
    let place = tempfile::tempdir().unwrap();
    let hostile = "a\u{1b}[31m\u{7f}\u{9b}2J\u{202e}gnp\u{2066}";
    let data = place.path().join("data");
    for part in ["train", "val"] {
        picture(data.join(part).join(format!("images/{hostile}.png")));
        fs::create_dir_all(data.join(part).join("masks")).unwrap();
        let mask = image::GrayImage::new(16, 16);
        mask.save(data.join(part).join(format!("masks/{hostile}.png"))).unwrap();
    }
    fs::write(data.join("classes.txt"), format!("ground\n{hostile}\n")).unwrap();
    picture(data.join("train/images/alone\u{202e}.png"));
    let train = ["train", "--data", "data", "--widths", "2", "--epochs", "1", "--out", "run"];
    let cases: [&[&str]; 7] = [
        &["check-data", "data"],
        &["check-data", "data", "--json"],
        &train,
        &["eval", "run", "--json"],
        &["eval", "run"],
        &["compare", "run", "--json"],
        &["compare", "run", "--classes"],
    ];
    let hidden = |c: char| c != '\n' && (c.is_control() || ('\u{2028}'..='\u{2069}').contains(&c));
    for args in cases {
        if args[0] == "train" {
            fs::remove_file(data.join("train/images/alone\u{202e}.png")).unwrap();
        }
        let output = run(args, place.path());
        let (_, out, err) = said(&output);
        let mut told = out.chars().chain(err.chars());
        assert_eq!(told.find(|&c| hidden(c)), None, "{args:?}: {out:?} {err:?}");
        if args.contains(&"--json") {
            let object: serde_json::Value = serde_json::from_str(out).unwrap();
            assert!(object.to_string().contains('\u{202e}'), "the name is as it was: {object}");
        }
    }
}
