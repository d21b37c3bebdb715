//! Which pictures a run trains on and which it validates on, by name: kept in the run's folder, so that
//! `eval`, `report` and a resumed run use the same ones, whatever is added to the data later.

use crate::files::read;
use crate::{DataError, Folder, FolderOptions, Split};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Most bytes of it.
const MAX_BYTES: u64 = 256 << 20;

/// The pictures of a run, by part.
///
/// ```
/// # use mirrorgrad_data::{FolderOptions, SplitFiles};
/// # let dir = tempfile::tempdir()?;
/// # for name in ["images", "masks"] {
/// #     std::fs::create_dir(dir.path().join(name))?;
/// #     for stem in ["a", "b"] {
/// #         std::fs::write(dir.path().join(format!("{name}/{stem}.png")), "")?;
/// #     }
/// # }
/// # std::fs::write(dir.path().join("classes.txt"), "sky\nroad\n")?;
/// let options = FolderOptions { validation_split: Some(0.5), ..FolderOptions::default() };
/// let split = SplitFiles::of(dir.path(), &options)?;
/// assert!(split.is_in(dir.path()));
/// // It is kept as JSON, and used again whatever is added to the data.
/// std::fs::write(dir.path().join("split.json"), split.to_json()?)?;
/// assert_eq!(SplitFiles::beside(&dir.path().join("last.ckpt")), Some(split));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SplitFiles {
    train: Vec<Names>,
    val: Vec<Names>,
}

/// A picture and its mask, within the data's folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Names {
    pub picture: PathBuf,
    pub mask: PathBuf,
}

impl SplitFiles {
    /// The name of its file in a run's folder.
    pub const FILE: &str = "split.json";

    /// How the folder `dir` is divided by these options: as they say, or else by the folder itself.
    ///
    /// # Errors
    /// If the folder is not what it should be.
    pub fn of(dir: &Path, options: &FolderOptions) -> Result<Self, DataError> {
        if let Some(split) = &options.split {
            return Ok(split.clone());
        }
        let names = |split| Folder::open(dir, split, options).map(|folder| folder.names());
        Ok(Self { train: names(Split::Train)?, val: names(Split::Validation)? })
    }

    /// The split in the folder of the run whose checkpoint or weights are at `path`; none if there is none,
    /// or it is damaged: the folder is divided anew then, and a run that goes on looks whether its pictures
    /// are the same.
    pub fn beside(path: &Path) -> Option<Self> {
        let bytes = read(&path.with_file_name(Self::FILE), MAX_BYTES).ok()?;
        serde_json::from_slice(&bytes).ok()
    }

    /// Whether `dir` has all pictures and masks of the part to validate on.
    pub fn is_in(&self, dir: &Path) -> bool {
        let there = |name: &Path| dir.join(name).is_file();
        !self.val.is_empty()
            && self.val.iter().all(|names| there(&names.picture) && there(&names.mask))
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// If a name is not in UTF-8.
    pub fn to_json(&self) -> Result<Vec<u8>, String> {
        serde_json::to_vec(self).map_err(|error| error.to_string())
    }

    /// The pictures of a part; none of the part to test on, which is not divided by a run.
    pub(crate) fn names(&self, split: Split) -> Option<Vec<&Names>> {
        match split {
            Split::Train => Some(self.train.iter().collect()),
            Split::Validation => Some(self.val.iter().collect()),
            Split::All => Some(self.train.iter().chain(&self.val).collect()),
            Split::Test => None,
        }
    }
}
