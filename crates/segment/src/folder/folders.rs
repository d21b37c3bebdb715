//! Directories of pictures and directories of masks, paired by their names.
//!
//! ```text
//! DIR/classes.txt                    DIR/classes.txt
//! DIR/{train,val,test}/images   or   DIR/images
//! DIR/{train,val,test}/masks         DIR/masks
//! ```

use std::path::Path;

use super::layout::{Listing, Rules, Section, first};
use super::root::Root;
use crate::DataError;

pub const RULES: Rules = Rules {
    sign: |dir| first(dir, &["train", "val", "images"]),
    place,
    list,
    classes: None,
    ignore_index: None,
    values: None,
};

fn place(dir: &Path, section: Section) -> Option<&'static str> {
    match section {
        Section::Whole if first(dir, &["train", "val"]).is_none() => first(dir, &["images"]),
        Section::Whole => None,
        divided => first(dir, &[divided.name()]),
    }
}

fn list(root: &Root, section: Section) -> Result<Listing, DataError> {
    let dir = match section {
        Section::Whole => root.dir.clone(),
        divided => root.join(divided.name()),
    };
    root.by_stem(&dir.join("images"), &dir.join("masks"))
}
