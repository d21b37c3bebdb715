//! A run's state in a file, from which it goes on bit for bit. `docs/checkpoint.md` tells every byte.
//!
//! The header and its hash are `seal`'s, what is hashed `payload`'s and, of files that older
//! versions wrote, `format_1`'s. What was decoded has yet to make sense: `check`.

mod check;
mod format_1;
mod payload;
mod seal;

use crate::{Config, EpochMetrics, RunError, RunFolder};
use mirrorgrad_data::files::open;
use mirrorgrad_data::{DataError, Message, SplitFiles};
use mirrorgrad_layers::optim::OptimizerState;
use mirrorgrad_layers::weights::NamedTensors;
use payload::Payload;
use seal::{Format, Sealed};
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::ErrorKind::NotFound;
use std::io::{self, BufReader, Cursor, Read, Seek, Write};
use std::path::{Path, PathBuf};

/// Most bytes of a checkpoint that is written or read.
const MAX_BYTES: u64 = 4 << 30;

/// All that a run needs to go on.
///
/// ```
/// # use mirrorgrad_layers::{optim::OptimizerState, weights::state_dict};
/// # use mirrorgrad_train::{Checkpoint, Config, Progress};
/// # let mut config = Config::default();
/// # config.model.widths = vec![2];
/// # let weights = state_dict(&*config.network(2));
/// # let classes = vec!["ground".to_owned(), "car".to_owned()];
/// # let (data, history, optimizer) = (String::new(), Vec::new(), OptimizerState::default());
/// let progress = Progress { epoch: 1, step: 250, ..Progress::default() };
/// let checkpoint = Checkpoint { config, classes, data, progress, history, weights, optimizer };
/// let mut bytes = checkpoint.to_bytes()?;
/// assert_eq!(Checkpoint::from_bytes(&bytes)?.progress, progress);
/// bytes[100] ^= 1;
/// let error = Checkpoint::from_bytes(&bytes).unwrap_err();
/// assert_eq!(error, "its contents do not match its hash: it is damaged");
/// # Ok::<(), String>(())
/// ```
#[derive(Clone, Debug)]
pub struct Checkpoint {
    /// What the run was started with.
    pub config: Config,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// What tells the run's pictures from others, see [`Dataset::fingerprint`](mirrorgrad_data::Dataset).
    pub data: String,
    /// Where the run stands.
    pub progress: Progress,
    /// The epochs so far.
    pub history: Vec<EpochMetrics>,
    /// Parameters and buffers.
    pub weights: NamedTensors<f32>,
    /// What the optimizer remembers.
    pub optimizer: OptimizerState<f32>,
}

/// Where a run stands, between two steps.
///
/// In a checkpoint it is a JSON object: a field that is added here is its default in the files of
/// older versions, and older versions ignore it. One that a run must not go on without wants a new
/// format.
///
/// ```
/// # use mirrorgrad_train::Progress;
/// let progress = Progress { epoch: 2, batch: 30, step: 530, ..Progress::default() };
/// let text = serde_json::to_string(&progress)?;
/// assert!(text.starts_with(r#"{"epoch":2,"batch":30,"step":530,"#), "{text}");
/// // Of a version that had less, and more.
/// let read: Progress = serde_json::from_str(r#"{"step":530,"mood":"good"}"#)?;
/// assert_eq!(read, Progress { step: 530, ..Progress::default() });
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// The epoch the next step belongs to, counted from 0.
    pub epoch: usize,
    /// The number of its batch.
    pub batch: usize,
    /// Steps taken since the start.
    pub step: u64,
    /// The sum of this epoch's losses so far.
    pub loss_sum: f64,
    /// Seconds this epoch has taken so far.
    pub seconds: f64,
    /// The best validation mIoU so far.
    pub best_miou: Option<f64>,
}

impl Checkpoint {
    /// Refuses a configuration that no run can have, and one of a network with other weights or more than there
    /// are here: what a file says is not to be built before that is known.
    ///
    /// # Errors
    /// The first such value, with what was expected.
    pub fn check(&self) -> Result<(), RunError> {
        self.config.check()?;
        Ok(self.config.model.check_weights(&self.weights)?)
    }

    /// The bytes of the file.
    ///
    /// # Errors
    /// If the state is none that would be read again, or larger than a checkpoint may be.
    pub fn to_bytes(&self) -> Result<Vec<u8>, String> {
        let mut file = Cursor::new(Vec::new());
        let checked = self.checked().map_err(|what| what.to_string())?;
        checked.write(&mut file).map_err(|error| error.to_string())?;
        Ok(file.into_inner())
    }

    /// The checkpoint as it can be written.
    ///
    /// # Errors
    /// If the state is none that would be read again, or larger than a checkpoint may be.
    pub(crate) fn checked(&self) -> Result<Checked<'_>, Message> {
        check::check(self)?;
        let payload = Payload::of(self)?;
        Ok(Checked { len: payload.len()?, payload, step: self.progress.step })
    }

    /// The state in the bytes of a file, of this version's format or an older one's.
    ///
    /// # Errors
    /// A sentence that says what is wrong with them.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, String> {
        Self::from_file(Cursor::new(bytes)).map_err(|error| match error {
            Unreadable::File(error) => error.to_string(),
            Unreadable::Contents(what) => what.to_string(),
        })
    }

    /// Reads twice: whatever a file holds, it is decoded once its hash is known to be right.
    fn from_file(mut file: impl Read + Seek) -> Result<Self, Unreadable> {
        let Sealed { format, step, len } = seal::open(&mut file)?;
        let payload = BufReader::with_capacity(1 << 16, file);
        let checkpoint = match format {
            Format::One => format_1::decode(payload, len)?,
            Format::Two => payload::decode(payload, len)?,
        };
        check::check(&checkpoint)?;
        let taken = checkpoint.progress.step;
        match step {
            Some(step) if step != taken => Err(Unreadable::from(format!(
                "expected step {step} of the header, found {taken} in its contents"
            ))),
            _ => Ok(checkpoint),
        }
    }

    /// Reads a checkpoint file. The split of its configuration is that of the run's folder it lies in, if
    /// one was kept.
    ///
    /// # Errors
    /// If the file cannot be read or is not an undamaged checkpoint.
    pub fn read(path: &Path) -> Result<Self, RunError> {
        let file = open(path, MAX_BYTES)?;
        let mut checkpoint = Self::from_file(file).map_err(|error| match error {
            Unreadable::File(error) => DataError::read(path)(error).into(),
            Unreadable::Contents(what) => RunError::unfit(path, what),
        })?;
        checkpoint.config.data.folder.split = SplitFiles::beside(path);
        Ok(checkpoint)
    }

    /// The checkpoint that a path names: a file, or the best one of a run's folder.
    ///
    /// # Errors
    /// If the folder cannot be opened.
    pub fn file_at(path: &Path) -> Result<PathBuf, RunError> {
        if path.is_dir() {
            return Ok(RunFolder::open(path)?.best());
        }
        Ok(path.to_owned())
    }

    /// Whether the file at `path` is a checkpoint as it was written, by its hash: without room for
    /// what is in it. One that ends early, or that the disk no longer gives, is not.
    ///
    /// # Errors
    /// If the file is there and cannot be opened: nothing is known of it then.
    pub(crate) fn is_whole(path: &Path) -> Result<bool, RunError> {
        Ok(Self::opened(path)?.is_some_and(|mut file| seal::open(&mut file).is_ok()))
    }

    /// The file at `path`, if there is one and it is a file.
    ///
    /// # Errors
    /// If it cannot be opened: too many others are open, or it is somebody else's.
    pub(crate) fn opened(path: &Path) -> Result<Option<File>, RunError> {
        // Asked before opening: opening a pipe would wait for its other end.
        let opened = match path.metadata() {
            Ok(about) if !about.is_file() => return Ok(None),
            about => about.and_then(|_| File::open(path)),
        };
        match opened {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == NotFound => Ok(None),
            Err(error) => Err(DataError::read(path)(error).into()),
        }
    }
}

/// A state that a run can be in, on its way to a file.
pub struct Checked<'a> {
    payload: Payload<'a>,
    len: u64,
    step: u64,
}

impl Checked<'_> {
    /// Writes the bytes of the file, few at a time.
    pub fn write(&self, file: &mut (impl Write + Seek)) -> io::Result<()> {
        seal::write(file, self.step, self.len, |to| self.payload.write(to))
    }
}

/// Why a file is not read.
enum Unreadable {
    /// The system does not give it.
    File(io::Error),
    /// A sentence that says what is wrong with what is in it.
    Contents(Message),
}

impl From<io::Error> for Unreadable {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

impl From<Message> for Unreadable {
    fn from(what: Message) -> Self {
        Self::Contents(what)
    }
}

impl From<String> for Unreadable {
    fn from(what: String) -> Self {
        Self::Contents(what.into())
    }
}
