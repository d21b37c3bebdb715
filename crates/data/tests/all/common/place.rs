//! A directory of made files, and what is said of it.

use super::{Header, jpeg, png};
use mirrorgrad_data::{DataError, Dataset, Folder, FolderOptions, Split};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory that goes away.
pub struct Place(pub TempDir);

impl Place {
    /// With nothing in it.
    pub fn empty() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    /// With classes `sky` and `road`, and one picture of 3 by 2 pixels with its mask.
    pub fn pair() -> Self {
        let place = Self::empty();
        place.put("classes.txt", b"sky\nroad\n");
        place.put("images/a.jpg", &jpeg(3, 2));
        place.mask("masks/a.png", &[0, 1, 0, 1, 0, 1]);
        place
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A grey mask of 3 by 2 pixels.
    pub fn mask(&self, name: &str, values: &[u8; 6]) -> PathBuf {
        self.put(name, &png(Header::grey(3, 2), values))
    }

    /// A picture of 3 by 2 pixels.
    pub fn picture(&self, name: &str) -> PathBuf {
        self.put(name, &jpeg(3, 2))
    }

    pub fn open(&self, part: Split, options: &FolderOptions) -> Result<Folder, DataError> {
        Folder::open(self.path(), part, options)
    }

    /// The labels of the first sample.
    pub fn labels(&self, options: &FolderOptions) -> Result<Vec<u8>, DataError> {
        Ok(self.open(Split::All, options)?.sample(0)?.mask.labels)
    }

    /// The stems of the pictures of a part.
    pub fn stems(&self, part: Split, options: &FolderOptions) -> Result<Vec<String>, DataError> {
        let folder = self.open(part, options)?;
        (0..folder.len())
            .map(|index| folder.sample(index))
            .map(|sample| Ok(stem(&sample?.name)))
            .collect()
    }
}

pub fn stem(name: &str) -> String {
    Path::new(name).file_stem().unwrap().to_str().unwrap().to_owned()
}
