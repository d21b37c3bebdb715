//! Which pictures a run trains on and which it validates on, by name: kept in the run's folder, so that
//! `eval`, `report` and a resumed run use the same ones, whatever is added to the data later.

use crate::files::read;
use crate::{Config, DataError, Part};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The file's name in a run's folder.
pub const FILE: &str = "split.json";
/// Most bytes of it.
const MAX_BYTES: u64 = 256 << 20;

/// The pictures of a run, by part.
///
/// ```
/// # use mirrorgrad_segment::{Config, Split};
/// // The built-in shapes are always divided alike: nothing has to be kept.
/// assert_eq!(Split::of(&Config::default())?, None);
/// # Ok::<(), mirrorgrad_segment::DataError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    train: Vec<Names>,
    val: Vec<Names>,
}

/// A picture and its mask, within the data's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    pub picture: PathBuf,
    pub mask: PathBuf,
}

impl Split {
    /// How the folder of a configuration is divided; none for the built-in shapes.
    ///
    /// # Errors
    /// If the folder is not what it should be.
    pub fn of(config: &Config) -> Result<Option<Self>, DataError> {
        let folder = &config.data.folder;
        let Some(dir) = &config.data.dir else { return Ok(None) };
        if folder.split.is_some() {
            return Ok(folder.split.clone());
        }
        let names = |part| crate::Folder::open(dir, part, folder).map(|folder| folder.names());
        Ok(Some(Self { train: names(Part::Train)?, val: names(Part::Validation)? }))
    }

    /// The split in the folder of the run whose checkpoint or weights are at `path`; none if there is none,
    /// or it is damaged: the folder is divided anew then, and a run that goes on looks whether its pictures
    /// are the same.
    pub(crate) fn beside(path: &Path) -> Option<Self> {
        let bytes = read(&path.with_file_name(FILE), MAX_BYTES).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Whether `dir` has all pictures and masks of the part to validate on.
    pub fn is_in(&self, dir: &Path) -> bool {
        let there = |name: &Path| dir.join(name).is_file();
        !self.val.is_empty()
            && self.val.iter().all(|names| there(&names.picture) && there(&names.mask))
    }

    /// The file's bytes.
    pub(crate) fn to_json(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    /// The pictures of a part; none of the part to test on, which is not divided by a run.
    pub(crate) fn part(&self, part: Part) -> Option<Vec<&Names>> {
        match part {
            Part::Train => Some(self.train.iter().collect()),
            Part::Validation => Some(self.val.iter().collect()),
            Part::All => Some(self.train.iter().chain(&self.val).collect()),
            Part::Test => None,
        }
    }
}
