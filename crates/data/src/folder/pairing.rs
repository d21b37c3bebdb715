//! Which mask belongs to which picture: the one whose name is the picture's, with a suffix or without.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::listing::Listing;
use super::names::is_read_elsewhere;
use super::suffix::{self, Suffix};
use super::{Pair, Root};
use crate::error::shown;
use crate::{DataError, Message, Setting};

/// Files by the name, without extension, of the picture that they are or belong to.
pub type Stems = BTreeMap<OsString, PathBuf>;

impl Root {
    /// The pictures of one directory with the masks of another, or of the same.
    pub fn by_stem(&self, images: &Path, masks: &Path) -> Result<Listing, DataError> {
        let (mut listing, left) = match images == masks {
            true => self.in_one(images)?,
            false => self.of_masks(images, masks)?,
        };
        for (stem, picture) in left {
            let suffix = listing.suffix.as_deref().unwrap_or_default();
            let missing = shown(&named(masks, &stem, &format!("{suffix}.png")));
            let fault = DataError::unfit(&picture, format!("its mask {missing}"), "none");
            listing.faults.push(fault);
        }
        Ok(listing)
    }

    /// The masks of a directory with their pictures of another, and the pictures that are left.
    pub fn of_masks(&self, images: &Path, masks: &Path) -> Result<(Listing, Stems), DataError> {
        let mut listing = Listing::default();
        let pictures = self.files(images, &mut listing)?;
        let mut labels = self.files(masks, &mut listing)?;
        let suffix = match &self.mask_suffix {
            Some(asked) => {
                // Beside the masks that are asked for there may be others.
                let others = labels.extract_if(.., |file| !suffix::ends_in(file, asked));
                listing.skipped.extend(others);
                Suffix::One(asked.clone())
            }
            None => suffix::between(&pictures, &labels),
        };
        listing.suffix = match suffix {
            Suffix::None => None,
            Suffix::One(suffix) => Some(suffix),
            Suffix::Several(all) => {
                let found =
                    Message::from(format!("equally many with {}: ", all.join(" and with ")));
                let found = found.ask([Setting::of("data.folder.mask_suffix")]);
                let expected = "one mask for each picture";
                listing.faults.push(DataError::advised(masks, expected, found));
                return Ok((listing, Stems::new()));
            }
        };
        let pictures = keyed(pictures, "", &mut listing.faults);
        if pictures.is_empty() {
            listing.faults.push(DataError::unfit(images, "pictures", "none"));
        }
        let suffix = listing.suffix.clone().unwrap_or_default();
        let labels = keyed(labels, &suffix, &mut listing.faults);
        Ok(paired(listing, images, pictures, labels))
    }

    /// The pairs of a directory that has both pictures and masks, and the pictures that are left.
    fn in_one(&self, dir: &Path) -> Result<(Listing, Stems), DataError> {
        let mut listing = Listing::default();
        let files = self.files(dir, &mut listing)?;
        let found = self.mask_suffix.clone().or_else(|| suffix::within(&files));
        let Some(suffix) = found else {
            let fault = match files.is_empty() {
                true => DataError::unfit(dir, "pictures", "none"),
                false => {
                    let expected = "a folder of masks, or a mask beside each picture with the same suffix in \
                                    every name, such as a_mask.png beside a.jpg";
                    DataError::unfit(dir, expected, "only pictures")
                }
            };
            listing.faults.push(fault);
            return Ok((listing, Stems::new()));
        };
        let (labels, pictures) =
            files.into_iter().partition(|file: &PathBuf| suffix::is_mask(file, &suffix));
        let pictures = keyed(pictures, "", &mut listing.faults);
        let labels = keyed(labels, &suffix, &mut listing.faults);
        listing.suffix = Some(suffix);
        Ok(paired(listing, dir, pictures, labels))
    }

    /// The files in a directory that count as pictures or masks, in the order of their names.
    fn files(&self, dir: &Path, listing: &mut Listing) -> Result<Vec<PathBuf>, DataError> {
        self.check_inside(dir)?;
        let entries = fs::read_dir(dir).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut paths: Vec<_> =
            entries.map_err(DataError::read(dir))?.iter().map(fs::DirEntry::path).collect();
        // The system lists in any order; errors should not.
        paths.sort();
        let mut files = Vec::new();
        for path in paths {
            if !self.is_picture(&path) {
                listing.skipped.extend(Some(path).filter(|path| !is_read_elsewhere(path)));
            } else if path.is_symlink()
                && let Err(fault) = self.check_inside(&path)
            {
                listing.faults.push(fault);
            } else {
                files.push(path);
            }
        }
        Ok(files)
    }
}

/// Masks with their pictures, masks without, and the pictures that are left.
fn paired(
    mut listing: Listing,
    images: &Path,
    mut pictures: Stems,
    labels: Stems,
) -> (Listing, Stems) {
    for (stem, mask) in labels {
        if let Some(picture) = pictures.remove(&stem) {
            listing.pairs.push(Pair { picture, mask });
            continue;
        }
        let missing = shown(&named(images, &stem, ".jpg"));
        let fault = DataError::unfit(&mask, format!("its picture {missing} or .png"), "none");
        listing.faults.push(fault);
    }
    (listing, pictures)
}

/// Files by the names of their pictures, which theirs are without the suffix.
fn keyed(files: Vec<PathBuf>, suffix: &str, faults: &mut Vec<DataError>) -> Stems {
    let mut stems = Stems::new();
    for path in files {
        let stem = path.file_stem().unwrap_or_default();
        let picture = stem.to_str().and_then(|stem| stem.strip_suffix(suffix));
        let key = picture.map_or_else(|| stem.to_owned(), OsString::from);
        if let Some(first) = stems.get(&key) {
            let found = shown(first);
            faults.push(DataError::unfit(&path, "no other file with this stem", found));
        } else {
            stems.insert(key, path);
        }
    }
    stems
}

fn named(dir: &Path, stem: &OsString, rest: &str) -> PathBuf {
    let mut name = stem.clone();
    name.push(rest);
    dir.join(name)
}
