//! Directories of pictures and directories of masks, paired by their names.
//!
//! ```text
//! DIR/classes.txt                    DIR/classes.txt
//! DIR/{train,val,test}/images   or   DIR/images
//! DIR/{train,val,test}/masks         DIR/masks
//! ```
//!
//! Parts may lie in `images` and `masks`, as `images/train`, or beside each other, as `train` and
//! `train_masks`. Where there is no directory of masks they lie beside their pictures, their names told
//! apart by a suffix.

use std::fs;
use std::path::{Path, PathBuf};

use super::listing::Listing;
use super::rules::{Rules, first};
use super::section::{Section, only, spelled};

use super::root::Root;
use super::suffix;
use crate::{DataError, PictureFormat};

/// What directories of pictures are called.
const IMAGES: &[&str] = &["images", "image", "imgs", "img"];
/// What directories of masks are called, the usual name first.
const MASKS: &[&str] = &["masks", "labels", "annotations", "mask", "label"];
/// How pictures and masks in the directory itself are told of.
const BESIDE: &str = "pictures beside their masks";

pub const RULES: Rules = Rules {
    sign,
    place: |root, section| Some(find(root, section)?.shown),
    list,
    classes: None,
    ignore_index: None,
    values: None,
};

/// Where the pictures of a section are, and where its masks may be.
struct Place {
    shown: String,
    images: PathBuf,
    /// The directories there are that are called as those of masks.
    masks: Vec<PathBuf>,
    /// Where masks are missed if they are nowhere else.
    usual: PathBuf,
}

fn sign(dir: &Path) -> Option<&'static str> {
    let splits = ["train", "val", "valid", "validation", "training", "Train", "train_images"];
    let images = ["images", "image", "imgs", "img", "Images", "Image", "Imgs", "Img"];
    let flat = || suffix::within(&pictures_in(dir)).is_some().then_some(BESIDE);
    first(dir, &splits).or_else(|| first(dir, &images)).or_else(flat)
}

fn list(root: &Root, section: Section) -> Result<Listing, DataError> {
    if section != Section::Undivided {
        only(&root.dir, section, Base::of(&root.dir).names(section))?;
    }
    match find(root, section) {
        Some(place) => root.by_stem(&place.images, &masks_of(root, &place)?),
        None => Err(DataError::unfit(&root.dir, "pictures and masks", "none")),
    }
}

fn find(root: &Root, section: Section) -> Option<Place> {
    let (dir, base) = (&root.dir, Base::of(&root.dir));
    if section != Section::Undivided {
        return base.names(section).first().and_then(|name| base.place(name));
    }
    if [Section::Train, Section::Validation].iter().any(|&split| !base.names(split).is_empty()) {
        return None;
    }
    match base.images.into_iter().next() {
        Some(images) => {
            let (masks, usual) = (base.masks, dir.join(MASKS[0]));
            Some(Place { shown: root.relative(&images), images, masks, usual })
        }
        None if pictures_in(dir).is_empty() => None,
        None => Some(Place::beside(dir.clone(), BESIDE, Vec::new())),
    }
}

/// A data set's directory, and those in it that are for pictures or masks alone: looked for once, since on a network
/// each look takes its time.
struct Base<'a> {
    dir: &'a Path,
    images: Vec<PathBuf>,
    masks: Vec<PathBuf>,
}

impl<'a> Base<'a> {
    fn of(dir: &'a Path) -> Self {
        Self { dir, images: directories(dir, IMAGES), masks: directories(dir, MASKS) }
    }

    /// The names that a section has here.
    fn names(&self, section: Section) -> Vec<String> {
        let is_there = |name: &String| self.place(name).is_some();
        let there = |name: &&str| spelled(std::slice::from_ref(name)).find(is_there);
        section.names().iter().filter_map(there).collect()
    }

    /// Where the split of this name is.
    fn place(&self, name: &str) -> Option<Place> {
        let dir = self.dir;
        let own = dir.join(name);
        if let Some(images) = directories(&own, IMAGES).into_iter().next() {
            let (masks, usual) = (directories(&own, MASKS), own.join(MASKS[0]));
            return Some(Place { shown: name.to_owned(), images, masks, usual });
        }
        let inside = |parents: &[PathBuf]| -> Vec<PathBuf> {
            parents.iter().map(|parent| parent.join(name)).filter(|path| path.is_dir()).collect()
        };
        if let Some(images) = inside(&self.images).into_iter().next() {
            let (masks, usual) = (inside(&self.masks), dir.join(MASKS[0]).join(name));
            let parent = images.parent().and_then(Path::file_name).unwrap_or_default();
            let shown = format!("{}/{name}", parent.to_string_lossy());
            return Some(Place { shown, images, masks, usual });
        }
        let siblings = |names: &[&str]| -> Vec<PathBuf> {
            let paths = names.iter().map(|more| dir.join(format!("{name}_{more}")));
            paths.filter(|path| path.is_dir()).collect()
        };
        let own = if own.is_dir() { own } else { siblings(IMAGES).into_iter().next()? };
        let shown = own.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Some(Place::beside(own, &shown, siblings(MASKS)))
    }
}

impl Place {
    /// Pictures in a directory that is not for them alone, unless it has a sibling for masks.
    fn beside(images: PathBuf, shown: &str, masks: Vec<PathBuf>) -> Self {
        Self { shown: shown.to_owned(), usual: images.clone(), images, masks }
    }
}

/// The directory with the masks of a section.
fn masks_of(root: &Root, Place { images, masks, usual, .. }: &Place) -> Result<PathBuf, DataError> {
    if masks.is_empty() {
        let beside = root.mask_suffix.is_some() || suffix::within(&pictures_in(images)).is_some();
        return Ok(if beside { images.clone() } else { usual.clone() });
    }
    // Others of these names may have something else in them: labels of boxes, say.
    let holding = masks.iter().filter(|dir| masks.len() == 1 || !pictures_in(dir).is_empty());
    match holding.collect::<Vec<_>>().as_slice() {
        [] => Ok(usual.clone()),
        [one] => Ok((*one).clone()),
        [first, ..] if *first == usual => Ok(usual.clone()),
        several => {
            let found: Vec<_> = several.iter().map(|dir| root.relative(dir)).collect();
            let found = format!("{}; rename the right one to {}", found.join(" and "), MASKS[0]);
            Err(DataError::unfit(&root.dir, "one directory of masks", found))
        }
    }
}

/// The directories of these names that are in another.
fn directories(dir: &Path, names: &[&str]) -> Vec<PathBuf> {
    if !dir.is_dir() {
        return Vec::new();
    }
    let there = |name: &&str| {
        let mut paths = spelled(std::slice::from_ref(name)).map(|name| dir.join(name));
        paths.find(|path| path.is_dir())
    };
    names.iter().filter_map(there).collect()
}

/// The files of a directory that are pictures by their extension.
fn pictures_in(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.filter(|path| PictureFormat::of_name(path).is_some() && path.is_file()).collect()
}
