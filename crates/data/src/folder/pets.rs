//! The layout of the Oxford-IIIT Pet data set, for its trimaps.
//!
//! ```text
//! DIR/images/STEM.jpg
//! DIR/annotations/trimaps/STEM.png
//! DIR/annotations/{trainval,test}.txt   a stem and three numbers a line, or a stem alone
//! ```
//!
//! Trimaps store 1 for the pet, 2 for the background and 3 for the border between them. Here background
//! is label 0, as its custom is, and the pet label 1; the border is left out. `trainval.txt` is to be
//! divided: `test.txt` is for the end.

use super::Pair;
use super::listing::Listing;
use super::root::Root;
use super::rules::{Rules, first};
use super::section::Section;
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

fn place(root: &Root, section: Section) -> Option<String> {
    let there = match section {
        Section::Train | Section::Validation => None,
        Section::Test => first(&root.dir, &[TEST]),
        Section::Undivided => first(&root.dir, &[TRAINVAL]).or_else(|| {
            // A test list alone is no reason to train on all of it.
            if root.join(TEST).exists() { None } else { first(&root.dir, &[TRIMAPS]) }
        }),
    };
    there.map(str::to_owned)
}

/// The stem that a line begins with: what is before its three numbers, or all of it without.
fn stem(line: &str) -> &str {
    let is_number = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let mut rest = line;
    for _ in 0..3 {
        match rest.rsplit_once(char::is_whitespace) {
            Some((before, word)) if is_number(word) => rest = before.trim_end(),
            _ => return line,
        }
    }
    rest
}

fn list(root: &Root, section: Section) -> Result<Listing, DataError> {
    let [pictures, masks] = ["images", TRIMAPS].map(|name| root.join(name));
    let list = root.join(if section == Section::Test { TEST } else { TRAINVAL });
    if !list.exists() {
        return root.by_stem(&pictures, &masks);
    }
    root.listed(&list, |line, at| {
        let stem = stem(line);
        let picture = root.picture(&pictures, stem, at)?;
        Ok(Pair { picture, mask: root.mask(&masks, stem, at)? })
    })
}
