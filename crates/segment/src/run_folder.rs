//! What a run leaves behind.

use crate::error::shown;
use crate::files::write_whole;
use crate::{Checkpoint, Config, DataError, EpochMetrics, RunError};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The folder of a run. Each file is replaced as a whole: written beside, synced, renamed.
#[derive(Clone, Debug)]
pub struct RunFolder {
    dir: PathBuf,
}

impl RunFolder {
    /// Creates the folder for a new run.
    ///
    /// # Errors
    /// If it holds something already or cannot be created and written to.
    pub fn create(dir: &Path) -> Result<Self, RunError> {
        fs::create_dir_all(dir).map_err(DataError::write(dir))?;
        let mut entries = fs::read_dir(dir).map_err(DataError::read(dir))?;
        if entries.next().is_some() {
            let what = "expected an empty folder, found files; pass --resume to go on with its run";
            return Err(RunError::unfit(dir, what));
        }
        Ok(Self { dir: dir.to_owned() })
    }

    /// Creates the next numbered folder in `parent`: `001`, `002`, …
    ///
    /// # Errors
    /// If it cannot be created.
    pub fn next(parent: &Path) -> Result<Self, RunError> {
        fs::create_dir_all(parent).map_err(DataError::write(parent))?;
        let entries = fs::read_dir(parent).map_err(DataError::read(parent))?;
        let number = |name: &std::ffi::OsStr| name.to_str()?.parse::<u32>().ok();
        let last = entries.filter_map(|entry| number(&entry.ok()?.file_name())).max();
        // Another run may take the number first: then the one after.
        for number in last.unwrap_or(0).saturating_add(1).. {
            let dir = parent.join(format!("{number:03}"));
            match fs::create_dir(&dir) {
                Ok(()) => return Ok(Self { dir }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(DataError::write(&dir)(error).into()),
            }
        }
        unreachable!("there are fewer folders than numbers")
    }

    /// The folder of a run that has begun.
    ///
    /// # Errors
    /// If there is no such folder.
    pub fn open(dir: &Path) -> Result<Self, RunError> {
        if dir.is_dir() {
            return Ok(Self { dir: dir.to_owned() });
        }
        Err(RunError::unfit(dir, "expected the folder of a run, found none"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The checkpoint of the last interval or epoch.
    pub fn last(&self) -> PathBuf {
        self.dir.join("last.ckpt")
    }

    /// The checkpoint of the epoch with the highest validation mIoU.
    pub fn best(&self) -> PathBuf {
        self.dir.join("best.ckpt")
    }

    /// Writes a file of the folder.
    ///
    /// # Errors
    /// If it cannot be written; what was there is then still there.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        Ok(write_whole(&self.dir.join(name), bytes)?)
    }

    /// Writes what is known before the first step: the resolved configuration, and the names of the
    /// classes, one a line.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write_start(&self, config: &Config, classes: &[String]) -> Result<(), RunError> {
        let text = toml::to_string(config)
            .map_err(|error| RunError::unfit(&self.dir.join("config.toml"), error.to_string()))?;
        self.write("config.toml", text.as_bytes())?;
        self.write("classes.txt", (classes.join("\n") + "\n").as_bytes())
    }

    /// Writes one line an epoch.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write_metrics(&self, history: &[EpochMetrics]) -> Result<(), RunError> {
        let lines = history.iter().map(|epoch| {
            serde_json::to_string(epoch).expect("numbers and lists have a JSON form") + "\n"
        });
        self.write("metrics.jsonl", lines.collect::<String>().as_bytes())
    }

    /// Writes a checkpoint as the last one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_last(&self, checkpoint: &Checkpoint) -> Result<(), RunError> {
        self.write_checkpoint("last.ckpt", checkpoint)
    }

    /// Writes a checkpoint as the best one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_best(&self, checkpoint: &Checkpoint) -> Result<(), RunError> {
        self.write_checkpoint("best.ckpt", checkpoint)
    }

    fn write_checkpoint(&self, name: &str, checkpoint: &Checkpoint) -> Result<(), RunError> {
        let bytes =
            checkpoint.to_bytes().map_err(|what| RunError::unfit(&self.dir.join(name), what))?;
        self.write(name, &bytes)
    }
}

impl std::fmt::Display for RunFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shown(&self.dir))
    }
}
