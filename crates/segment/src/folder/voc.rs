//! The layout of PASCAL VOC.
//!
//! ```text
//! DIR/JPEGImages/STEM.jpg
//! DIR/SegmentationClass/STEM.png
//! DIR/ImageSets/Segmentation/{train,val}.txt   or trainval.txt alone, a stem a line
//! ```
//!
//! Without lists, all of `SegmentationClass` is meant. Pictures that no list names have no masks: the
//! data set has many of these.

use std::path::Path;

use super::Pair;
use super::layout::{Listing, Rules, Section, first, words};
use super::root::Root;
use crate::DataError;

const TRAIN: &str = "ImageSets/Segmentation/train.txt";
const VAL: &str = "ImageSets/Segmentation/val.txt";
const TRAINVAL: &str = "ImageSets/Segmentation/trainval.txt";

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

fn place(dir: &Path, section: Section) -> Option<&'static str> {
    match section {
        Section::Train => first(dir, &[TRAIN]),
        Section::Validation => first(dir, &[VAL]),
        Section::Test => None,
        Section::Whole if first(dir, &[TRAIN, VAL]).is_some() => None,
        Section::Whole => first(dir, &[TRAINVAL, "SegmentationClass"]),
    }
}

fn list(root: &Root, section: Section) -> Result<Listing, DataError> {
    let [pictures, masks] = ["JPEGImages", "SegmentationClass"].map(|name| root.join(name));
    let list = match section {
        Section::Train => TRAIN,
        Section::Validation => VAL,
        _ if root.join(TRAINVAL).exists() => TRAINVAL,
        // Pictures that are left have no masks.
        _ => return Ok(root.of_masks(&pictures, &masks)?.0),
    };
    root.listed(&root.join(list), |line, at| {
        let [stem] = words(line, "the stem of a picture", at)?;
        let picture = root.picture(&pictures, stem, at)?;
        Ok(Pair { picture, mask: root.file(&masks, &format!("{stem}.png"), at)? })
    })
}
