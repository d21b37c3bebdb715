//! Lists of pictures with their masks.
//!
//! ```text
//! DIR/classes.txt
//! DIR/train.txt     a line: path of a picture, tab or space, path of its mask
//! DIR/val.txt       the same; without it, train.txt is to be divided
//! DIR/test.txt      the same, for the end
//! ```
//!
//! Paths begin at DIR and stay inside it. A tab between them lets them have spaces.

use std::path::Path;

use super::Pair;
use super::layout::{Listing, Rules, Section, first, words};
use super::root::Root;
use crate::DataError;

pub const RULES: Rules = Rules {
    sign: |dir| first(dir, &["train.txt", "val.txt"]),
    place,
    list,
    classes: None,
    ignore_index: None,
    values: None,
};

fn place(dir: &Path, section: Section) -> Option<&'static str> {
    match section {
        Section::Train => first(dir, &["train.txt"]),
        Section::Validation => first(dir, &["val.txt"]),
        Section::Test => first(dir, &["test.txt"]),
        Section::Whole => None,
    }
}

fn list(root: &Root, section: Section) -> Result<Listing, DataError> {
    root.listed(&root.join(&format!("{}.txt", section.name())), |line, at| {
        let [picture, mask] = words(line, "a picture and its mask, tab or space between", at)?;
        let picture = root.file(&root.dir, picture, at)?;
        Ok(Pair { picture, mask: root.file(&root.dir, mask, at)? })
    })
}
