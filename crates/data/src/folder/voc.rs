//! The layout of PASCAL VOC.
//!
//! ```text
//! DIR/JPEGImages/STEM.jpg
//! DIR/SegmentationClass/STEM.png
//! DIR/ImageSets/Segmentation/{train,val}.txt   or trainval.txt or CVAT's default.txt alone, a stem a line
//! ```
//!
//! Without lists, all of `SegmentationClass` is meant. Pictures that no list names have no masks: the
//! data set has many of these.

use std::fs;
use std::path::PathBuf;

use super::Pair;
use super::listing::Listing;
use super::names::has_extension;
use super::root::Root;
use super::rules::{Rules, first};
use super::section::{Section, only};
use crate::DataError;

const LISTS: &str = "ImageSets/Segmentation";
const TRAINVAL: &str = "ImageSets/Segmentation/trainval.txt";
/// What CVAT calls its list where the pictures are not divided.
const DEFAULT: &str = "ImageSets/Segmentation/default.txt";

/// The names that VOC gives its labels 0 to 20.
const CLASSES: [&str; 21] = [
    "background",
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
];

pub const RULES: Rules = Rules {
    sign: |dir| first(dir, &["ImageSets/Segmentation", "SegmentationClass"]),
    place,
    list,
    classes: Some(&CLASSES),
    // What its outlines and difficult places are labelled.
    ignore_index: Some(255),
    values: None,
};

fn file(name: &str) -> String {
    format!("ImageSets/Segmentation/{name}.txt")
}

fn place(root: &Root, section: Section) -> Option<String> {
    let there = |section: Section| section.in_dir(&root.dir, file).first().map(|name| file(name));
    match section {
        Section::Train | Section::Validation => there(section),
        Section::Test => None,
        Section::Undivided if [Section::Train, Section::Validation].map(there) != [None, None] => {
            None
        }
        Section::Undivided => undivided(root).map(str::to_owned),
    }
}

fn undivided(root: &Root) -> Option<&'static str> {
    first(&root.dir, &[TRAINVAL, DEFAULT, "SegmentationClass"])
}

fn list(root: &Root, section: Section) -> Result<Listing, DataError> {
    let [pictures, masks] = ["JPEGImages", "SegmentationClass"].map(|name| root.join(name));
    let list = match (section, undivided(root)) {
        (Section::Undivided, Some(list @ (TRAINVAL | DEFAULT))) => list.to_owned(),
        // Pictures that are left have no masks.
        (Section::Undivided, _) => return Ok(root.of_masks(&pictures, &masks)?.0),
        _ => file(&only(&root.dir, section, section.in_dir(&root.dir, file))?),
    };
    let listing = root.listed(&root.join(&list), |stem, at| {
        let picture = root.picture(&pictures, stem, at)?;
        Ok(Pair { picture, mask: root.mask(&masks, stem, at)? })
    })?;
    Ok(Listing { unused: unused(root), ..listing })
}

/// The lists that belong to no section. `trainval.txt` repeats what is in two.
fn unused(root: &Root) -> Vec<PathBuf> {
    let sections = [Section::Train, Section::Validation, Section::Undivided];
    let used = sections.into_iter().filter_map(|section| place(root, section));
    let used: Vec<PathBuf> =
        used.chain([TRAINVAL.to_owned()]).map(|name| root.join(&name)).collect();
    let entries = fs::read_dir(root.join(LISTS)).into_iter().flatten().flatten();
    let texts = entries.map(|entry| entry.path()).filter(|path| has_extension(path, &["txt"]));
    texts.filter(|path| !used.contains(path)).collect()
}
