//! The layout of the Oxford-IIIT Pet data set, for its trimaps.
//!
//! ```text
//! DIR/images/STEM.jpg
//! DIR/annotations/trimaps/STEM.png
//! DIR/annotations/{trainval,test}.txt   a stem and three numbers a line
//! ```
//!
//! Trimaps store 1 for the pet, 2 for the background and 3 for the border between them. Here background
//! is label 0, as its custom is, and the pet label 1; the border is left out. `trainval.txt` is to be
//! divided: `test.txt` is for the end.

use std::path::Path;

use super::Pair;
use super::layout::{Listing, Rules, Section, first};
use super::root::Root;
use crate::DataError;

const TRIMAPS: &str = "annotations/trimaps";
const TRAINVAL: &str = "annotations/trainval.txt";
const TEST: &str = "annotations/test.txt";

pub const RULES: Rules = Rules {
    sign: |dir| first(dir, &[TRIMAPS]),
    place,
    list,
    classes: Some(&["background", "pet"]),
    ignore_index: Some(255),
    values: Some((&[2, 1], 3)),
};

fn place(dir: &Path, section: Section) -> Option<&'static str> {
    match section {
        Section::Train | Section::Validation => None,
        Section::Test => first(dir, &[TEST]),
        Section::Whole => first(dir, &[TRAINVAL]).or_else(|| {
            // A test list alone is no reason to train on all of it.
            if dir.join(TEST).exists() { None } else { first(dir, &[TRIMAPS]) }
        }),
    }
}

fn list(root: &Root, section: Section) -> Result<Listing, DataError> {
    let [pictures, masks] = ["images", TRIMAPS].map(|name| root.join(name));
    let list = root.join(if section == Section::Test { TEST } else { TRAINVAL });
    if !list.exists() {
        return root.by_stem(&pictures, &masks);
    }
    root.listed(&list, |line, at| {
        let stem = line.split_whitespace().next().unwrap_or_default();
        let picture = root.picture(&pictures, stem, at)?;
        Ok(Pair { picture, mask: root.file(&masks, &format!("{stem}.png"), at)? })
    })
}
