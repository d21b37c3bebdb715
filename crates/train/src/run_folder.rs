//! What a run leaves behind.

use crate::files::{is_left_over, keep_as, write_beside, write_streamed};
use crate::metrics::to_json_lines;
use crate::{Checkpoint, Config, EpochMetrics, RunError};
use atomic_write_file::AtomicWriteFile;
use mirrorgrad_data::files::read;
use mirrorgrad_data::{DataError, Message, SplitFiles, shown, write_whole};
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The files of a run.
const FILES: [&str; 13] = [
    "best.ckpt",
    "classes.txt",
    "config.toml",
    "curves.png",
    "environment.json",
    "grid.png",
    "last.ckpt",
    "metrics.jsonl",
    "model.safetensors",
    "prev.ckpt",
    "report.html",
    "report.json",
    "split.json",
];

/// Most bytes of a file beside the checkpoints that is read.
const MOST_READ: u64 = 16 << 20;

/// The folder of a run. Each file is replaced as a whole: written beside, synced, renamed.
///
/// The folder that a run writes to is locked for its process: two would write over each other.
///
/// ```
/// # use mirrorgrad_train::{Config, RunFolder};
/// # let runs = tempfile::tempdir()?;
/// let folder = RunFolder::next(runs.path())?;
/// folder.write_start(&Config::default(), &["sky".to_owned(), "road".to_owned()])?;
/// assert_eq!(std::fs::read_to_string(runs.path().join("001/classes.txt"))?, "sky\nroad\n");
/// assert_eq!(RunFolder::next(runs.path())?.path(), runs.path().join("002"));
/// let again = || RunFolder::create(&runs.path().join("001")).unwrap_err().to_string();
/// assert!(again().ends_with("expected no other process that trains in it, found one"));
/// drop(folder);
/// assert!(again().contains("expected an empty folder, found files"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct RunFolder {
    dir: PathBuf,
    /// Held open, and by that locked, for as long as the run may write.
    lock: Option<Arc<File>>,
}

impl RunFolder {
    /// Creates the folder for a new run. What a process left half written that was killed before its first
    /// checkpoint is removed.
    ///
    /// # Errors
    /// If it holds something already, cannot be created and written to, or is another process's.
    pub fn create(dir: &Path) -> Result<Self, RunError> {
        fs::create_dir_all(dir).map_err(DataError::write(dir))?;
        let folder = Self::locked(dir)?;
        folder.remove_left_overs()?;
        let mut entries = fs::read_dir(dir).map_err(DataError::read(dir))?;
        if entries.next().is_some() {
            return Err(RunError::Occupied { path: dir.to_owned() });
        }
        Ok(folder)
    }

    /// The folder that the first of several ranks writes, as the others know it.
    pub fn of_first_rank(dir: &Path) -> Self {
        Self { dir: dir.to_owned(), lock: None }
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
                Ok(()) => return Self::locked(&dir),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(DataError::write(&dir)(error).into()),
            }
        }
        unreachable!("there are fewer folders than numbers")
    }

    /// The folder of a run that has begun, to look at.
    ///
    /// # Errors
    /// If there is no such folder.
    pub fn open(dir: &Path) -> Result<Self, RunError> {
        if dir.is_dir() {
            return Ok(Self { dir: dir.to_owned(), lock: None });
        }
        Err(RunError::unfit(dir, "expected a run folder, found none"))
    }

    /// The folder of a run that has begun, to go on with it: what a killed process left half written is
    /// removed.
    ///
    /// # Errors
    /// If there is no such folder, it is another process's, or cannot be written to.
    pub fn resume(dir: &Path) -> Result<Self, RunError> {
        Self::open(dir)?;
        let folder = Self::locked(dir)?;
        folder.remove_left_overs()?;
        Ok(folder)
    }

    fn locked(dir: &Path) -> Result<Self, RunError> {
        // Where folders cannot be locked, people have to look out for themselves.
        let lock = File::open(dir).ok();
        if let Some(Err(TryLockError::WouldBlock)) = lock.as_ref().map(File::try_lock) {
            return Err(RunError::unfit(
                dir,
                "expected no other process that trains in it, found one",
            ));
        }
        Ok(Self { dir: dir.to_owned(), lock: lock.map(Arc::new) })
    }

    fn remove_left_overs(&self) -> Result<(), RunError> {
        let entries = fs::read_dir(&self.dir).map_err(DataError::read(&self.dir))?;
        for entry in entries {
            let entry = entry.map_err(DataError::read(&self.dir))?;
            let name = entry.file_name();
            let ours = |name: &str| FILES.iter().any(|file| is_left_over(name, file));
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_file && name.to_str().is_some_and(ours) {
                fs::remove_file(entry.path()).map_err(DataError::write(&entry.path()))?;
            }
        }
        Ok(())
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.dir
    }

    /// The checkpoint of the last interval or epoch.
    pub fn last(&self) -> PathBuf {
        self.dir.join("last.ckpt")
    }

    /// The checkpoint before the last.
    pub fn prev(&self) -> PathBuf {
        self.dir.join("prev.ckpt")
    }

    /// The checkpoint of the epoch with the highest validation mIoU.
    pub fn best(&self) -> PathBuf {
        self.dir.join("best.ckpt")
    }

    /// Writes a file of the folder.
    ///
    /// # Errors
    /// If it cannot be written; what was there is then still there. So if the folder that the run began in is
    /// no longer where it was.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunError> {
        let path = self.dir.join(name);
        self.check_place().map_err(DataError::write(&path))?;
        Ok(write_whole(&path, bytes)?)
    }

    /// Writes a file of the folder, as [`write_streamed`] does.
    ///
    /// # Errors
    /// As [`write`](Self::write), and if `write` fails.
    pub fn write_streamed(
        &self,
        name: &str,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), RunError> {
        let path = self.dir.join(name);
        self.check_place().map_err(DataError::write(&path))?;
        write_streamed(&path, write)
    }

    /// The bytes of a file of the folder that a run does without, `None` where there is none.
    ///
    /// # Errors
    /// If it cannot be read, or has more than 16 MB, which none is written with.
    pub fn read(&self, name: &str) -> Result<Option<Vec<u8>>, RunError> {
        match read(&self.dir.join(name), MOST_READ) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(DataError::Read { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Refuses to write where another folder has taken the place of the one that was opened: the lock is on that
    /// one, and the other may be another run's.
    #[cfg(unix)]
    fn check_place(&self) -> io::Result<()> {
        use std::os::unix::fs::MetadataExt;
        let Some(lock) = &self.lock else { return Ok(()) };
        let (held, found) = (lock.metadata()?, self.dir.metadata());
        if found.is_ok_and(|found| (found.dev(), found.ino()) == (held.dev(), held.ino())) {
            return Ok(());
        }
        Err(io::Error::other(
            "the run folder was renamed, removed or replaced after training began",
        ))
    }

    /// Elsewhere a folder that is open cannot be renamed.
    #[cfg(not(unix))]
    fn check_place(&self) -> io::Result<()> {
        Ok(())
    }

    /// Writes what is known before the first step: the resolved configuration, the names of the classes,
    /// one a line, and which pictures are to train and to validate on.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write_start(&self, config: &Config, classes: &[String]) -> Result<(), RunError> {
        let text = config
            .to_toml()
            .map_err(|error| RunError::unfit(&self.dir.join("config.toml"), error.to_string()))?;
        self.write("config.toml", text.as_bytes())?;
        self.write("classes.txt", (classes.join("\n") + "\n").as_bytes())?;
        let Some(split) = config.split()? else { return Ok(()) };
        let json = split.to_json();
        let json = json.map_err(|why| RunError::unfit(&self.dir.join(SplitFiles::FILE), why))?;
        self.write(SplitFiles::FILE, &json)
    }

    /// Writes one line an epoch.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn write_metrics(&self, history: &[EpochMetrics]) -> Result<(), RunError> {
        self.write("metrics.jsonl", to_json_lines(history).as_bytes())
    }

    /// Writes a checkpoint as the last one, and keeps the last one before it as the previous.
    ///
    /// Whenever the process or the machine stops, one of the two is whole and at most one interval old:
    /// the new one is on the disk before either name is touched, the last one gets its second name
    /// while it still has its first, and each name passes from file to file at one instant. A last one
    /// that is damaged is not kept: the previous one is worth more. One that cannot be looked at may be whole, and
    /// is not written over.
    ///
    /// # Errors
    /// If it cannot be written; what was there is then still there.
    pub fn write_last(&self, checkpoint: &Checkpoint) -> Result<(), RunError> {
        let (last, prev) = (self.last(), self.prev());
        let new = self.write_checkpoint(&last, checkpoint)?;
        new.sync_all().map_err(DataError::write(&last))?;
        if Checkpoint::is_whole(&last)? {
            keep_as(&last, &prev).map_err(DataError::write(&prev))?;
        }
        Ok(new.commit().map_err(DataError::write(&last))?)
    }

    /// The checkpoint to go on from: the last, or the previous one if the last is missing or damaged,
    /// and then a sentence that says so.
    ///
    /// # Errors
    /// If neither can be read; both are named. If the last cannot be opened, it alone: it may be whole.
    pub fn read_last(&self) -> Result<(Checkpoint, Option<Message>), RunError> {
        Checkpoint::opened(&self.last())?;
        let why = match Checkpoint::read(&self.last()) {
            Ok(checkpoint) => return Ok((checkpoint, None)),
            Err(why) => why,
        };
        match Checkpoint::read(&self.prev()) {
            Ok(checkpoint) => {
                let (prev, step) = (shown(&self.prev()), checkpoint.progress.step);
                let notice = format!("; continuing from {prev}, saved at step {step}");
                let notice = why.message().and(notice);
                Ok((checkpoint, Some(notice)))
            }
            Err(why_prev) => {
                let what = Message::from("expected a checkpoint to continue from: ");
                let what = what.and(why.message()).and("; ").and(why_prev.message());
                Err(RunError::unfit(&self.dir, what))
            }
        }
    }

    /// Writes a checkpoint as the best one.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn write_best(&self, checkpoint: &Checkpoint) -> Result<(), RunError> {
        let best = self.best();
        let new = self.write_checkpoint(&best, checkpoint)?;
        Ok(new.commit().map_err(DataError::write(&best))?)
    }

    fn write_checkpoint(
        &self,
        path: &Path,
        checkpoint: &Checkpoint,
    ) -> Result<AtomicWriteFile, RunError> {
        let checked = checkpoint.checked().map_err(|what| RunError::unfit(path, what))?;
        self.check_place().map_err(DataError::write(path))?;
        Ok(write_beside(path, |file| checked.write(file)).map_err(DataError::write(path))?)
    }
}

impl std::fmt::Display for RunFolder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&shown(&self.dir))
    }
}
