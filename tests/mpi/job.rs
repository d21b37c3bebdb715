//! Jobs of `mpirun`, and what they leave.

use mirrorgrad::train::EpochMetrics;
use std::ffi::OsStr;
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

/// A job to be started.
pub struct Job {
    mpirun: Command,
    /// What a second process is asked, if otherwise.
    second: Vec<String>,
}

impl Job {
    /// Of so many processes, on as few cores as there are.
    pub fn of(processes: usize) -> Self {
        let mut mpirun = Command::new("mpirun");
        mpirun.env("OMPI_ALLOW_RUN_AS_ROOT", "1").env("OMPI_ALLOW_RUN_AS_ROOT_CONFIRM", "1");
        mpirun.args(["--oversubscribe", "--bind-to", "none"]);
        // Containers forbid what one process would read of another.
        mpirun.args(["--mca", "btl_vader_single_copy_mechanism", "none"]);
        mpirun.args(["-n", &processes.to_string()]);
        Self { mpirun, second: Vec::new() }
    }

    /// Of two processes, of which the second gets these settings.
    pub fn of_two(second: &[&str]) -> Self {
        Self { second: second.iter().map(|&arg| arg.to_owned()).collect(), ..Self::of(1) }
    }

    /// Of another program than `mirrorgrad`.
    pub fn program(mut self, program: &Path, args: &[&str]) -> Command {
        self.mpirun.arg(program).args(args);
        self.mpirun
    }

    /// Of `mirrorgrad` with these arguments.
    pub fn command(mut self, args: &[impl AsRef<OsStr>]) -> Command {
        let program = env!("CARGO_BIN_EXE_mirrorgrad");
        self.mpirun.arg(program).args(args);
        self.mpirun
    }

    /// Of `mirrorgrad train` into a folder, to its end.
    pub fn train(self, out: &Path, settings: &[&str]) -> Output {
        self.start_train(out, settings).output().expect("mpirun starts")
    }

    /// Of `mirrorgrad train` into a folder.
    pub fn start_train(mut self, out: &Path, settings: &[&str]) -> Command {
        let second = std::mem::take(&mut self.second);
        let args = |settings: &[&str]| {
            let head = ["train", "--out", out.to_str().expect("a path in UTF-8")];
            [&head[..], settings].concat().into_iter().map(str::to_owned).collect::<Vec<_>>()
        };
        let mut job = self.command(&args(settings));
        if !second.is_empty() {
            let second: Vec<&str> = second.iter().map(String::as_str).collect();
            job.args([":", "-n", "1", env!("CARGO_BIN_EXE_mirrorgrad")]).args(args(&second));
        }
        job
    }
}

/// What a job said.
pub fn said(job: &Output) -> String {
    [&job.stdout, &job.stderr].map(|words| String::from_utf8_lossy(words).into_owned()).concat()
}

/// A job to its end, and how long it took.
pub fn timed(mut job: Command) -> (Output, Duration) {
    let start = Instant::now();
    let done = job.output().expect("mpirun starts");
    (done, start.elapsed())
}

/// The epochs of a run without the time that they took.
pub fn history_of(out: &Path) -> Vec<EpochMetrics> {
    let lines = std::fs::read_to_string(out.join("metrics.jsonl")).expect("a run has metrics");
    let untimed = |line: &str| {
        let epoch: EpochMetrics = serde_json::from_str(line).expect("a line is an epoch");
        EpochMetrics { seconds: 0.0, val_seconds: 0.0, waited: Vec::new(), ..epoch }
    };
    lines.lines().map(untimed).collect()
}
