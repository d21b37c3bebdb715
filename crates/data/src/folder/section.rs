//! The parts that a data set is divided into, and what they are called.

use std::path::Path;

use crate::DataError;

/// The sections that have names of their own.
pub const SPLITS: [Section; 3] = [Section::Train, Section::Validation, Section::Test];

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
    Undivided,
}

impl Section {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "val",
            Self::Test => "test",
            Self::Undivided => "all",
        }
    }

    /// What directories and lists of it are called, in small letters or with a capital.
    pub fn names(self) -> &'static [&'static str] {
        match self {
            Self::Train => &["train", "training"],
            Self::Validation => &["val", "valid", "validation"],
            Self::Test => &["test", "testing"],
            Self::Undivided => &[],
        }
    }

    /// Which of its names, as `form` makes them those of files or directories, are in `dir`.
    pub fn in_dir(self, dir: &Path, form: impl Fn(&str) -> String) -> Vec<String> {
        let is_there = |name: &String| dir.join(form(name)).exists();
        let there = |name: &&str| spelled(std::slice::from_ref(name)).find(is_there);
        self.names().iter().filter_map(there).collect()
    }
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
    let expected = format!("only one of {}", section.names().join(" or "));
    <[String; 1]>::try_from(there)
        .map(|[one]| one)
        .map_err(|there| DataError::unfit(dir, expected, there.join(" and ")))
}
