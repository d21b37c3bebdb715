//! What is in the directory of a data set, by name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Component, Path, PathBuf};

use super::Pair;
use super::layout::Listing;
use crate::DataError;
use crate::error::shown;
use crate::files::{lines_of, numbered, read, text_lines};

/// Most classes a label of 8 bits can tell apart.
const MAX_CLASSES: usize = 256;
/// Most bytes of `classes.txt`.
const MAX_CLASSES_BYTES: u64 = 1 << 20;
/// Most bytes of a list of pictures.
const MAX_LIST_BYTES: u64 = 64 << 20;
/// How the names of pictures may end where a list has them without.
const PICTURES: [&str; 6] = ["jpg", "jpeg", "png", "JPG", "JPEG", "PNG"];

/// The names of classes in a `classes.txt`.
///
/// # Errors
/// If there is no such file, or as [`class_names`].
pub(crate) fn read_classes(path: &Path) -> Result<Vec<String>, DataError> {
    class_names(&read(path, MAX_CLASSES_BYTES)?, path)
}

/// The names of classes in the bytes of a `classes.txt`; `path` is for the messages.
///
/// ```
/// # use mirrorgrad_segment::class_names;
/// # use std::path::Path;
/// let path = Path::new("classes.txt");
/// assert_eq!(class_names(b"sky\nroad\n", path)?, ["sky", "road"]);
/// let error = class_names(b"sky\nroad\nsky\n", path).unwrap_err().to_string();
/// assert!(error.starts_with("classes.txt:3: expected") && error.ends_with("found sky twice"));
/// # Ok::<(), mirrorgrad_segment::DataError>(())
/// ```
///
/// # Errors
/// If the bytes are not UTF-8, or there are not 1 to 256 names, each once.
pub fn class_names(bytes: &[u8], path: &Path) -> Result<Vec<String>, DataError> {
    let expected = "the names of the classes, one a line, in the order of their labels";
    let lines = lines_of(bytes, path)?;
    if !(1..=MAX_CLASSES).contains(&lines.len()) {
        let found = format!("{} of them, not 1 to {MAX_CLASSES}", lines.len());
        return Err(DataError::unfit(path, expected, found));
    }
    let mut classes = Vec::with_capacity(lines.len());
    for (line, class) in lines {
        if classes.contains(&class) {
            let found = format!("{class} twice");
            return Err(DataError::unfit(&numbered(path, line), expected, found));
        }
        classes.push(class);
    }
    Ok(classes)
}

/// The directory that no link may lead out of.
#[derive(Clone, Debug)]
pub struct Root {
    pub dir: PathBuf,
    canonical: PathBuf,
}

/// The files of a directory by their names without extension.
pub type Stems = BTreeMap<OsString, PathBuf>;

impl Root {
    /// The directory `dir`, which must be there.
    pub fn new(dir: &Path) -> Result<Self, DataError> {
        // Of a directory that cannot be read, everything would seem to be missing.
        fs::read_dir(dir).map_err(DataError::read(dir))?;
        let canonical = dir.canonicalize().map_err(DataError::read(dir))?;
        Ok(Self { dir: dir.to_owned(), canonical })
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    pub fn check_inside(&self, path: &Path) -> Result<(), DataError> {
        let canonical = path.canonicalize().map_err(DataError::read(path))?;
        if canonical.starts_with(&self.canonical) {
            return Ok(());
        }
        let found = format!("a link to {}", shown(&canonical));
        Err(DataError::unfit(path, format!("a file inside {}", shown(&self.dir)), found))
    }

    /// The names in `classes.txt`, if there is one.
    pub fn classes(&self) -> Result<Option<Vec<String>>, DataError> {
        let path = self.join("classes.txt");
        if !path.exists() {
            return Ok(None);
        }
        self.check_inside(&path)?;
        read_classes(&path).map(Some)
    }

    /// The pictures of one directory with the masks of another, by stem.
    pub fn by_stem(&self, images: &Path, masks: &Path) -> Result<Listing, DataError> {
        let (mut listing, left) = self.of_masks(images, masks)?;
        for (stem, picture) in left {
            let missing = shown(&named(masks, &stem, ".png"));
            let fault = DataError::unfit(&picture, format!("its mask {missing}"), "none");
            listing.faults.push(fault);
        }
        Ok(listing)
    }

    /// The masks of a directory with their pictures of another, and the pictures that are left.
    pub fn of_masks(&self, images: &Path, masks: &Path) -> Result<(Listing, Stems), DataError> {
        let mut listing = Listing::default();
        let mut pictures = self.stems(images, &mut listing.faults)?;
        let labels = self.stems(masks, &mut listing.faults)?;
        if pictures.is_empty() {
            listing.faults.push(DataError::unfit(images, "pictures", "none"));
        }
        for (stem, mask) in labels {
            if let Some(picture) = pictures.remove(&stem) {
                listing.pairs.push(Pair { picture, mask });
                continue;
            }
            let missing = shown(&named(images, &stem, ".jpg"));
            let fault = DataError::unfit(&mask, format!("its picture {missing} or .png"), "none");
            listing.faults.push(fault);
        }
        Ok((listing, pictures))
    }

    fn stems(&self, dir: &Path, faults: &mut Vec<DataError>) -> Result<Stems, DataError> {
        self.check_inside(dir)?;
        let entries = fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut paths: Vec<_> =
            entries.map_err(DataError::read(dir))?.iter().map(fs::DirEntry::path).collect();
        // The system lists in any order; errors should not.
        paths.sort();
        let mut files = Stems::new();
        for path in paths {
            let (Some(name), Some(stem)) = (path.file_name(), path.file_stem()) else { continue };
            if name.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if path.is_symlink()
                && let Err(fault) = self.check_inside(&path)
            {
                faults.push(fault);
            } else if let Some(first) = files.get(stem) {
                let found = format!("{} too", shown(first));
                faults.push(DataError::unfit(&path, "no other file of this stem", found));
            } else {
                files.insert(stem.to_owned(), path);
            }
        }
        Ok(files)
    }

    /// The pairs that the lines of a list name; `read` makes a pair of a line. Lines with faults are
    /// passed over, and each names its line.
    pub fn listed(
        &self,
        list: &Path,
        read: impl Fn(&str, &Path) -> Result<Pair, DataError>,
    ) -> Result<Listing, DataError> {
        self.check_inside(list)?;
        let mut listing = Listing::default();
        let mut lines: BTreeMap<PathBuf, usize> = BTreeMap::new();
        for (number, line) in text_lines(list, MAX_LIST_BYTES)? {
            let at = numbered(list, number);
            let pair = read(&line, &at).and_then(|pair| {
                match lines.insert(pair.picture.clone(), number) {
                    None => Ok(pair),
                    Some(first) => {
                        let found = format!("{} again, as in line {first}", shown(&pair.picture));
                        Err(DataError::unfit(&at, "each picture once", found))
                    }
                }
            });
            match pair {
                Ok(pair) => listing.pairs.push(pair),
                Err(fault) => listing.faults.push(fault),
            }
        }
        if listing.pairs.is_empty() && listing.faults.is_empty() {
            listing.faults.push(DataError::unfit(list, "lines that name pictures", "none"));
        }
        Ok(listing)
    }

    /// The file inside `dir` that a line of a list names, which must be there; `at` is the line.
    pub fn file(&self, dir: &Path, name: &str, at: &Path) -> Result<PathBuf, DataError> {
        let expected = format!("the path of a file inside {}", shown(dir));
        let refuse = |found: String| DataError::unfit(at, expected.as_str(), found);
        let inward = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if !Path::new(name).components().all(inward) || name.is_empty() {
            return Err(refuse(format!("{name:?}, which leads out")));
        }
        let path = dir.join(name);
        let canonical =
            path.canonicalize().map_err(|error| refuse(format!("{name:?}: {error}")))?;
        if !canonical.starts_with(&self.canonical) {
            return Err(refuse(format!("{name:?}, a link to {}", shown(&canonical))));
        }
        Ok(path)
    }

    /// The picture in `dir` of this stem, whatever its extension.
    pub fn picture(&self, dir: &Path, stem: &str, at: &Path) -> Result<PathBuf, DataError> {
        let names = PICTURES.map(|extension| format!("{stem}.{extension}"));
        let there = names.iter().find(|name| dir.join(name).exists());
        self.file(dir, there.unwrap_or(&names[0]), at)
    }
}

fn named(dir: &Path, stem: &OsString, extension: &str) -> PathBuf {
    let mut name = stem.clone();
    name.push(extension);
    dir.join(name)
}
