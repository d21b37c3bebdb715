//! The machine and the program that a run was made with.

use mirrorgrad_tensor::Isa;
use mirrorgrad_train::{RunError, RunFolder, most_resident_bytes};
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// The file of a run's folder that says where the run was made.
const FILE: &str = "environment.json";

/// What a run was made with.
///
/// ```
/// # use mirrorgrad_report::Environment;
/// # use mirrorgrad_train::RunFolder;
/// # let dir = tempfile::tempdir()?;
/// # let folder = RunFolder::create(&dir.path().join("run"))?;
/// assert_eq!(Environment::of(&folder)?, None);
/// let begun = Some("2026-01-31 08:00:00 UTC".to_owned());
/// let first = Environment { begun: begun.clone(), ..Environment::here() };
/// first.record(&folder)?;
/// // The run goes on, and still it began when it began.
/// Environment::record_here(&folder)?;
/// assert_eq!(Environment::of(&folder)?.and_then(|noted| noted.begun), begun);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Environment {
    /// mirrorgrad's version.
    pub version: String,
    /// The processor, as it calls itself.
    pub processor: String,
    /// The instruction set that kernels ran on.
    pub instructions: String,
    /// Threads that kernels ran on.
    pub threads: usize,
    /// The operating system.
    pub system: String,
    /// When the run began, in UTC.
    pub begun: Option<String>,
    /// The most bytes of memory that the process has held, where the system tells.
    #[serde(default)]
    pub peak_memory: Option<usize>,
}

impl Environment {
    /// This process's, on this machine, now.
    pub fn here() -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            processor: processor().unwrap_or_else(|| std::env::consts::ARCH.to_owned()),
            instructions: Isa::chosen().map_or("unknown".to_owned(), |isa| isa.to_string()),
            threads: rayon::current_num_threads(),
            system: system(),
            begun: Some(utc(SystemTime::now())),
            peak_memory: most_resident_bytes(),
        }
    }

    /// Records in a run's folder what trains it now. The time of its beginning stays, if it has begun
    /// before, and its peak of memory is the highest of all its processes.
    ///
    /// Returns a sentence where what was recorded before is lost: it is damaged, and no run ends over it.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn record_here(folder: &RunFolder) -> Result<Option<String>, RunError> {
        let mut here = Self::here();
        let (before, problem) = match Self::of(folder) {
            Ok(before) => (before, None),
            Err(error) => (None, Some(error)),
        };
        if let Some(before) = before {
            here.begun = before.begun;
            here.peak_memory = here.peak_memory.max(before.peak_memory);
        }
        here.record(folder)?;
        Ok(problem.map(|problem| format!("{problem}; it is written again")))
    }

    /// Leaves it in a run's folder, for the report.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn record(&self, folder: &RunFolder) -> Result<(), RunError> {
        let json = serde_json::to_string_pretty(self).expect("names have a JSON form");
        folder.write(FILE, (json + "\n").as_bytes())
    }

    /// What was left in a run's folder, if anything.
    ///
    /// # Errors
    /// If there is a file, and it cannot be read or is something else.
    pub fn of(folder: &RunFolder) -> Result<Option<Self>, RunError> {
        let Some(bytes) = folder.read(FILE)? else { return Ok(None) };
        let unfit = |error| format!("expected the environment of a run: {error}");
        let read = serde_json::from_slice(&bytes).map(Some);
        read.map_err(|error| RunError::unfit(&folder.path().join(FILE), unfit(error)))
    }
}

/// When a file was last written, in UTC.
pub fn written(path: &Path) -> Option<String> {
    path.metadata().and_then(|about| about.modified()).ok().map(utc)
}

fn utc(time: SystemTime) -> String {
    // The formatter knows no years before 1970, where it panics, or after 9999.
    if time < UNIX_EPOCH {
        return "before 1970".to_owned();
    }
    let mut text = String::new();
    match std::fmt::write(&mut text, format_args!("{}", humantime::format_rfc3339_seconds(time))) {
        Ok(()) => text.replace('T', " ").replace('Z', " UTC"),
        Err(_) => "out of all time".to_owned(),
    }
}

fn processor() -> Option<String> {
    let about = fs::read_to_string("/proc/cpuinfo").ok()?;
    let line = about.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

fn system() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let name = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let name = name.map_or(std::env::consts::OS, |name| name.trim_matches('"'));
    format!("{name}, {} {}", std::env::consts::OS, kernel.trim()).trim_end().to_owned()
}
