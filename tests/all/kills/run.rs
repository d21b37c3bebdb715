//! A run of the command, and what it has to come to.

use crate::folder;
use mirrorgrad::train::EpochMetrics;
use std::fs;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// What a run comes to that nothing breaks.
pub struct Unbroken {
    data: TempDir,
    epochs: usize,
    left: Left,
    /// How long it took.
    pub took: Duration,
}

/// All that a finished run leaves, but for the time it took.
#[derive(Debug, PartialEq)]
struct Left {
    metrics: Vec<EpochMetrics>,
    weights: Vec<u8>,
    names: Vec<String>,
}

impl Unbroken {
    pub fn of(epochs: usize) -> Self {
        let left = Left { metrics: Vec::new(), weights: Vec::new(), names: Vec::new() };
        let took = Duration::ZERO;
        let mut unbroken = Self { data: folder::data(false), epochs, left, took };
        let mut run = Run::new(&unbroken);
        let start = Instant::now();
        run.finish();
        unbroken.took = start.elapsed();
        unbroken.left = run.left();
        assert_eq!(unbroken.left.metrics.len(), epochs);
        unbroken
    }
}

/// A run in a folder of its own, which may not be there yet.
pub struct Run {
    data: PathBuf,
    epochs: usize,
    place: TempDir,
    /// The last epoch that a process told of.
    told: usize,
}

impl Run {
    pub fn new(unbroken: &Unbroken) -> Self {
        let place = tempfile::tempdir().unwrap();
        Self { data: unbroken.data.path().to_owned(), epochs: unbroken.epochs, place, told: 0 }
    }

    pub fn path(&self) -> PathBuf {
        self.place.path().join("run")
    }

    pub fn place(&self) -> &Path {
        self.place.path()
    }

    /// Whether there is a checkpoint to go on from.
    pub fn has_begun(&self) -> bool {
        ["last.ckpt", "prev.ckpt"].iter().any(|name| self.path().join(name).exists())
    }

    /// The command that begins the run, or goes on with it.
    pub fn args(&self) -> Vec<String> {
        let run = self.path().display().to_string();
        let data = self.data.display().to_string();
        let epochs = self.epochs.to_string();
        let args = match self.has_begun() {
            true => vec!["train", "--resume", "--out", &run],
            false => vec![
                "train", "--out", &run, "--data", &data, "--widths", "3,4", "--batch", "4",
                "--epochs", &epochs,
            ],
        };
        args.into_iter().chain(["--threads", "2"]).map(String::from).collect()
    }

    fn start(&self) -> Child {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
        command.args(self.args()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Goes on to the end.
    pub fn finish(&mut self) {
        let output = self.start().wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), err.as_str()), (Some(0), ""));
    }

    /// Kills the process after `wait`: the last epoch that it, or one before it, told of; nothing if it
    /// came to its end before.
    pub fn kill_after(&mut self, wait: Duration) -> Option<usize> {
        let mut child = self.start();
        std::thread::sleep(wait);
        child.kill().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        if output.status.code() == Some(0) {
            return None;
        }
        assert_eq!(output.status.signal(), Some(9));
        let told = String::from_utf8(output.stdout).unwrap();
        // Whole lines: a kill may cut the last one.
        let epochs = told.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let epoch =
            |line: &str| line.strip_prefix("epoch ")?.split('/').next()?.trim().parse().ok();
        self.told = epochs.filter_map(epoch).max().unwrap_or(self.told);
        Some(self.told)
    }

    /// Sends the process a signal, `wait` after it said where the run is, and gives its exit code.
    pub fn interrupt_after(&mut self, wait: Duration, signal: &str) -> i32 {
        let mut child = self.start();
        let out = child.stdout.as_mut().unwrap();
        // From the first byte on, signals are caught.
        out.read_exact(&mut [0]).unwrap();
        std::thread::sleep(wait);
        let kill = ["-s", signal, &child.id().to_string()].map(String::from);
        // It may be gone already.
        let _ = Command::new("kill").args(kill).stderr(Stdio::null()).status().unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
        output.status.code().expect("it ended by itself")
    }

    /// Asserts that the finished run is the unbroken one, to the bit, and left nothing else.
    #[track_caller]
    pub fn assert_is(&self, unbroken: &Unbroken) {
        assert_eq!(self.left(), unbroken.left);
    }

    fn left(&self) -> Left {
        let text = fs::read_to_string(self.path().join("metrics.jsonl")).unwrap();
        let timeless = |line| EpochMetrics {
            seconds: 0.0,
            val_seconds: 0.0,
            ..serde_json::from_str(line).unwrap()
        };
        let name = |entry: std::io::Result<fs::DirEntry>| {
            entry.unwrap().file_name().into_string().unwrap()
        };
        let mut names: Vec<_> = fs::read_dir(self.path()).unwrap().map(name).collect();
        names.sort();
        Left {
            metrics: text.lines().map(timeless).collect(),
            weights: fs::read(self.path().join("model.safetensors")).unwrap(),
            names,
        }
    }
}
