//! The layouts there are, and which one a directory has.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::root::Root;
use super::{Pair, camvid, folders, list, pets, voc};
use crate::DataError;
use crate::error::shown;

/// How a directory keeps its pictures and masks.
///
/// ```
/// # use mirrorgrad_segment::{FolderOptions, Layout};
/// # let dir = tempfile::tempdir()?;
/// std::fs::create_dir(dir.path().join("SegmentationClass"))?;
/// let options = FolderOptions::default().resolve(dir.path())?;
/// assert_eq!((options.layout, options.ignore_index), (Some(Layout::Voc), Some(255)));
/// assert_eq!(Layout::ALL.map(Layout::name), ["voc", "pets", "camvid", "list", "folders"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// PASCAL VOC: `JPEGImages`, `SegmentationClass`, and lists in `ImageSets/Segmentation`.
    Voc,
    /// The Oxford-IIIT Pet data set: `images`, `annotations/trimaps`, and lists in `annotations`.
    Pets,
    /// CamVid as the SegNet tutorial has it: `train` beside `trainannot`, and so on.
    Camvid,
    /// Lists `train.txt`, `val.txt` and `test.txt` of pictures with their masks.
    List,
    /// `images` and `masks`, in the directory or in its `train`, `val` and `test`.
    Folders,
}

/// The sections that have names of their own.
pub const PARTS: [Section; 3] = [Section::Train, Section::Validation, Section::Test];

/// A division of a data set as a layout has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// To train on.
    Train,
    /// To validate on.
    Validation,
    /// To test on in the end.
    Test,
    /// To train and to validate on, not divided yet.
    Whole,
}

/// What a layout knows; each has a file of its own.
pub struct Rules {
    /// What is there that speaks for this layout.
    pub sign: fn(&Path) -> Option<&'static str>,
    /// Where a section is, if there is one: for messages too.
    pub place: fn(&Root, Section) -> Option<String>,
    /// The pairs of a section that is there.
    pub list: fn(&Root, Section) -> Result<Listing, DataError>,
    /// The names of the classes without a `classes.txt`.
    pub classes: Option<&'static [&'static str]>,
    /// The label to leave out, unless another is asked for.
    pub ignore_index: Option<u8>,
    /// The stored values of the classes, and the one of pixels to leave out, where numbers are not
    /// the labels.
    pub values: Option<(&'static [u8], u8)>,
}

/// The pairs of a section, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Listing {
    pub pairs: Vec<Pair>,
    pub faults: Vec<DataError>,
    /// What lies there and is no picture.
    pub passed: Vec<PathBuf>,
    /// Lists that lie there and belong to no part.
    pub unused: Vec<PathBuf>,
    /// What the names of masks have behind those of their pictures.
    pub suffix: Option<String>,
    /// Faults that were left out, as was asked for.
    pub left_out: Vec<DataError>,
    /// Pictures that were left out, by where they are.
    pub faulty: Vec<String>,
}

impl Listing {
    /// The pairs, if nothing is wrong.
    pub fn faultless(self) -> Result<Vec<Pair>, DataError> {
        match self.faults.into_iter().next() {
            None => Ok(self.pairs),
            Some(fault) => Err(fault),
        }
    }
}

impl Layout {
    /// All of them; a directory is taken for the first whose sign it has.
    pub const ALL: [Self; 5] = [Self::Voc, Self::Pets, Self::Camvid, Self::List, Self::Folders];

    /// Its name in options and configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Voc => "voc",
            Self::Pets => "pets",
            Self::Camvid => "camvid",
            Self::List => "list",
            Self::Folders => "folders",
        }
    }

    pub(super) fn rules(self) -> &'static Rules {
        match self {
            Self::Voc => &voc::RULES,
            Self::Pets => &pets::RULES,
            Self::Camvid => &camvid::RULES,
            Self::List => &list::RULES,
            Self::Folders => &folders::RULES,
        }
    }

    /// The layout that `dir` has, and what speaks for it.
    pub(super) fn detect(dir: &Path) -> Result<(Self, &'static str), DataError> {
        let signs = Self::ALL.iter().filter_map(|&layout| {
            let sign = (layout.rules().sign)(dir)?;
            Some((layout, sign))
        });
        signs.into_iter().next().ok_or_else(|| {
            let expected = "images and masks in it, or train and val with images and masks in \
                            each, or train.txt and val.txt that list them, or the directories of \
                            VOC, CamVid or Oxford-IIIT Pet";
            DataError::unfit(dir, expected, "none of these")
        })
    }
}

impl Section {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "val",
            Self::Test => "test",
            Self::Whole => "all",
        }
    }

    /// What directories and lists of it are called, in small letters or with a capital.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["train", "training"],
            Self::Validation => &["val", "valid", "validation"],
            Self::Test => &["test", "testing"],
            Self::Whole => &[],
        }
    }

    /// Which of its names, as `form` makes them those of files or directories, are in `dir`.
    pub fn in_dir(self, dir: &Path, form: impl Fn(&str) -> String) -> Vec<String> {
        let is_there = |name: &String| dir.join(form(name)).exists();
        let there = |name: &&str| spelled(std::slice::from_ref(name)).find(is_there);
        self.names().iter().filter_map(there).collect()
    }
}

/// The first of `names` that is in `dir`.
pub fn first(dir: &Path, names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| dir.join(name).exists())
}

/// Names as they are, each with its capital behind it.
pub fn spelled<'a>(names: &'a [&str]) -> impl Iterator<Item = String> + 'a {
    names.iter().flat_map(|name| {
        let capital = name[..1].to_ascii_uppercase() + &name[1..];
        [(*name).to_owned(), capital]
    })
}

/// The only one of what a section may be in.
pub fn only(dir: &Path, section: Section, there: Vec<String>) -> Result<String, DataError> {
    let expected = format!("one part, {}", section.names().join(" or "));
    <[String; 1]>::try_from(there)
        .map(|[one]| one)
        .map_err(|there| DataError::unfit(dir, expected, there.join(" and ")))
}

/// A line of words, of which there must be so many.
pub fn words<'a, const N: usize>(
    line: &'a str,
    expected: &str,
    at: &Path,
) -> Result<[&'a str; N], DataError> {
    // Paths with spaces in them are told apart by a tab.
    let words: Vec<&str> = if line.contains('\t') {
        line.split('\t').map(str::trim).filter(|word| !word.is_empty()).collect()
    } else {
        line.split_whitespace().collect()
    };
    let found = words.len();
    words.try_into().map_err(|_| {
        let (line, plural) = (shown(Path::new(line)), if found == 1 { "" } else { "s" });
        DataError::unfit(at, expected, format!("{found} word{plural}: {line}"))
    })
}
