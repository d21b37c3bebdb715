//! CamVid as the SegNet tutorial publishes it.
//!
//! ```text
//! DIR/{train,val,test}/STEM.png
//! DIR/{train,val,test}annot/STEM.png
//! DIR/{train,val,test}.txt             optional: a picture and its mask a line
//! ```
//!
//! Where there is a list, it says which pictures, in which order. Of its paths the names of the files
//! count: the directories of the published lists, `/SegNet/CamVid/train`, are those of another machine.

use super::Pair;
use super::listing::Listing;
use super::root::Root;
use super::rules::{Rules, first, words};
use super::section::{Section, only};
use crate::DataError;

/// The eleven classes of the tutorial, by label.
const CLASSES: [&str; 11] = [
    "sky",
    "building",
    "pole",
    "road",
    "pavement",
    "tree",
    "sign",
    "fence",
    "car",
    "pedestrian",
    "bicyclist",
];

pub const RULES: Rules = Rules {
    sign: |dir| first(dir, &["trainannot", "valannot", "validannot", "testannot"]),
    place: |root, section| section.in_dir(&root.dir, annot).first().map(|name| annot(name)),
    list,
    classes: Some(&CLASSES),
    // Unlabelled pixels.
    ignore_index: Some(11),
    values: None,
};

/// Where the masks of a part are.
fn annot(name: &str) -> String {
    format!("{name}annot")
}

fn list(root: &Root, section: Section) -> Result<Listing, DataError> {
    let name = only(&root.dir, section, section.in_dir(&root.dir, annot))?;
    let [pictures, masks] = [root.join(&name), root.join(&annot(&name))];
    let list = root.join(&format!("{name}.txt"));
    if !list.exists() {
        return root.by_stem(&pictures, &masks);
    }
    root.check_no_suffix(&list)?;
    root.listed(&list, |line, at| {
        let [picture, mask] = words(line, "a picture and its mask", at)?;
        let last = |path: &'_ str| path.rsplit(['/', '\\']).next().unwrap_or_default().to_owned();
        let picture = root.file(&pictures, &last(picture), at)?;
        Ok(Pair { picture, mask: root.file(&masks, &last(mask), at)? })
    })
}
