//! What is in the directory of a data set, by name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::Pair;
use crate::DataError;
use crate::error::shown;
use crate::files::read;

/// Most classes a label of 8 bits can tell apart.
const MAX_CLASSES: usize = 256;
/// Most bytes of `classes.txt`.
const MAX_CLASSES_BYTES: u64 = 1 << 20;

/// The directory that no link may lead out of.
pub struct Root<'a> {
    dir: &'a Path,
    canonical: PathBuf,
}

impl<'a> Root<'a> {
    /// The directory `dir`, which must be there.
    pub fn new(dir: &'a Path) -> Result<Self, DataError> {
        Ok(Self { dir, canonical: dir.canonicalize().map_err(DataError::read(dir))? })
    }

    fn check_inside(&self, path: &Path) -> Result<(), DataError> {
        let canonical = path.canonicalize().map_err(DataError::read(path))?;
        if canonical.starts_with(&self.canonical) {
            return Ok(());
        }
        let found = format!("a link to {}", shown(&canonical));
        Err(DataError::unfit(path, format!("a file inside {}", shown(self.dir)), found))
    }

    /// The names in `classes.txt`.
    pub fn classes(&self) -> Result<Vec<String>, DataError> {
        let path = self.dir.join("classes.txt");
        if path.exists() {
            self.check_inside(&path)?;
        }
        read_classes(&path)
    }

    /// The pictures of `dir/images` with the masks of `dir/masks`.
    pub fn pairs(&self, dir: &Path) -> Result<Vec<Pair>, DataError> {
        let (images, masks) = (dir.join("images"), dir.join("masks"));
        let (pictures, mut labels) = (self.by_stem(&images)?, self.by_stem(&masks)?);
        if pictures.is_empty() {
            return Err(DataError::unfit(&images, "pictures", "none"));
        }
        let mut pairs = Vec::with_capacity(pictures.len());
        for (stem, picture) in pictures {
            let Some(mask) = labels.remove(&stem) else {
                let missing = shown(&named(&masks, &stem, ".png"));
                return Err(DataError::unfit(&picture, format!("its mask {missing}"), "none"));
            };
            pairs.push(Pair { picture, mask });
        }
        if let Some((stem, mask)) = labels.pop_first() {
            let missing = shown(&named(&images, &stem, ".jpg"));
            return Err(DataError::unfit(&mask, format!("its picture {missing} or .png"), "none"));
        }
        Ok(pairs)
    }

    /// The files of `dir` by their names without extension.
    fn by_stem(&self, dir: &Path) -> Result<BTreeMap<OsString, PathBuf>, DataError> {
        self.check_inside(dir)?;
        let entries = fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut paths: Vec<_> =
            entries.map_err(DataError::read(dir))?.iter().map(fs::DirEntry::path).collect();
        // The system lists in any order; errors should not.
        paths.sort();
        let mut files = BTreeMap::new();
        for path in paths {
            let (Some(name), Some(stem)) = (path.file_name(), path.file_stem()) else { continue };
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if path.is_symlink() {
                self.check_inside(&path)?;
            }
            if let Some(first) = files.insert(stem.to_owned(), path.clone()) {
                let found = format!("{} too", shown(&first));
                return Err(DataError::unfit(&path, "no other file of this stem", found));
            }
        }
        Ok(files)
    }
}

fn named(dir: &Path, stem: &OsString, extension: &str) -> PathBuf {
    let mut name = stem.clone();
    name.push(extension);
    dir.join(name)
}

/// The names of classes, one a line, in the order of their labels.
///
/// # Errors
/// If there is no such file, or no such names in it.
pub(crate) fn read_classes(path: &Path) -> Result<Vec<String>, DataError> {
    let expected = "the names of the classes, one a line, in the order of their labels";
    let unfit = |found: &str| DataError::unfit(path, expected, found);
    if !path.exists() {
        return Err(unfit("no such file; write one"));
    }
    let bytes = read(path, MAX_CLASSES_BYTES)?;
    let text = String::from_utf8(bytes).map_err(|_| unfit("bytes that are not UTF-8"))?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let classes: Vec<_> = lines.filter(|line| !line.is_empty()).map(String::from).collect();
    if !(1..=MAX_CLASSES).contains(&classes.len()) {
        return Err(unfit(&format!("{} of them, not 1 to {MAX_CLASSES}", classes.len())));
    }
    for (label, class) in classes.iter().enumerate() {
        if classes[..label].contains(class) {
            return Err(unfit(&format!("{class} twice")));
        }
    }
    Ok(classes)
}
