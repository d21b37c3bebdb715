//! A directory of pictures and masks, written by the program itself.

use mirrorgrad_data::{Mask, Picture, to_png};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// A directory that goes away.
pub struct Place(TempDir);

impl Place {
    /// With nothing in it but the names of classes.
    pub fn of(classes: &str) -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        place.put("classes.txt", classes.as_bytes());
        place
    }

    pub fn path(&self) -> &Path {
        self.0.path()
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.at(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }

    /// A picture of one grey.
    pub fn picture(&self, name: &str, [height, width]: [usize; 2], grey: u8) {
        let picture = Picture { width, height, rgb: vec![grey; 3 * height * width] };
        self.put(name, &to_png(&picture).unwrap());
    }

    pub fn mask(&self, name: &str, [height, width]: [usize; 2], labels: &[u8]) {
        self.put(name, b"");
        let mask = Mask { width, height, labels: labels.to_vec() };
        mask.write_grey(&self.at(name)).unwrap();
    }

    /// A picture of 3 by 2 pixels and its mask, in a part of the directory.
    pub fn pair(&self, part: &str, stem: &str, labels: &[u8; 6]) {
        self.picture(&format!("{part}images/{stem}.png"), [2, 3], stem.as_bytes()[0]);
        self.mask(&format!("{part}masks/{stem}.png"), [2, 3], labels);
    }
}
