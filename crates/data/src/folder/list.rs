//! Lists of pictures with their masks.
//!
//! ```text
//! DIR/classes.txt
//! DIR/train.txt     a line: path of a picture, tab or space, path of its mask
//! DIR/val.txt       the same, or valid.txt, validation.txt; without it, train.txt is to be divided
//! DIR/test.txt      the same, for the end
//! ```
//!
//! Paths begin at DIR and stay inside it. A tab between them lets them have spaces.

use super::Pair;
use super::listing::Listing;
use super::root::Root;
use super::rules::{Rules, first, words};
use super::section::{Section, only};
use crate::DataError;

pub const RULES: Rules = Rules {
    sign: |dir| first(dir, &["train.txt", "val.txt", "valid.txt", "validation.txt"]),
    place: |root, section| section.in_dir(&root.dir, file).first().map(|name| file(name)),
    list,
    classes: None,
    ignore_index: None,
    values: None,
};

fn file(name: &str) -> String {
    format!("{name}.txt")
}

fn list(root: &Root, section: Section) -> Result<Listing, DataError> {
    let name = only(&root.dir, section, section.in_dir(&root.dir, file))?;
    let list = root.join(&file(&name));
    root.check_no_suffix(&list)?;
    root.listed(&list, |line, at| {
        let [picture, mask] =
            words(line, "a picture and its mask, separated by a tab or spaces", at)?;
        let picture = root.file(&root.dir, picture, at)?;
        Ok(Pair { picture, mask: root.file(&root.dir, mask, at)? })
    })
}
