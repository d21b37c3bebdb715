//! The suffix that the names of masks have behind those of their pictures, found from the names alone.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::names::has_extension;

/// What the names of masks end in that lie beside their pictures: formats that keep numbers.
const MASKS: [&str; 5] = ["png", "bmp", "gif", "tif", "tiff"];

/// What is found of the suffixes of masks.
#[derive(Debug, PartialEq)]
pub enum Suffix {
    /// Masks have the names of their pictures.
    None,
    /// Most pictures have a mask with this suffix.
    One(String),
    /// As many have one with either of these.
    Several(Vec<String>),
}

/// The suffix by which the masks of one directory belong to the pictures of another.
pub fn between(pictures: &[PathBuf], masks: &[PathBuf]) -> Suffix {
    let (pictures, masks) = (stems(pictures), stems(masks));
    if !pictures.is_disjoint(&masks) {
        return Suffix::None;
    }
    let counts = counts(&pictures, &masks);
    let most = counts.values().copied().max().unwrap_or(0);
    // Where one fits most pictures, those without are what has to be said.
    if 2 * most <= pictures.len() {
        return Suffix::None;
    }
    let best = counts.into_iter().filter(|&(_, count)| count == most);
    let mut best: Vec<String> = best.map(|(suffix, _)| suffix.to_owned()).collect();
    if best.len() > 1 {
        Suffix::Several(best)
    } else {
        best.pop().map_or(Suffix::None, Suffix::One)
    }
}

/// The suffix by which every file of a directory is a picture or a mask of one. Nothing where that is so
/// by no suffix; empty where each PNG is the mask of a file of the same name that is no PNG.
pub fn within(files: &[PathBuf]) -> Option<String> {
    let (masks, pictures): (Vec<_>, Vec<_>) = files.iter().partition(|file| is_mask(file, ""));
    let [masks, pictures] = [masks, pictures].map(stems);
    if !masks.is_empty() && masks == pictures {
        return Some(String::new());
    }
    let of_masks = stems(files.iter().filter(|file| has_extension(file, &MASKS)));
    let all = stems(files);
    let fits = |suffix: &str| {
        let (masks, pictures): (BTreeSet<&str>, BTreeSet<&str>) = all.iter().partition(|stem| {
            let base = of_masks.get(*stem).and_then(|stem| stem.strip_suffix(suffix));
            base.is_some_and(|base| all.contains(base))
        });
        let bases = masks.iter().filter_map(|stem| stem.strip_suffix(suffix)).collect();
        all.len() == files.len() && pictures == bases
    };
    let counts = counts(&all, &of_masks);
    // The suffix of Roboflow is known, even where a mask is missing.
    let known = counts.get_key_value("_mask").filter(|(_, count)| 4 * **count > files.len());
    let half = counts.iter().filter(|(_, count)| 2 * **count == files.len());
    let found = half.map(|(suffix, _)| *suffix).find(|suffix| fits(suffix));
    found.or(known.map(|(suffix, _)| *suffix)).map(str::to_owned)
}

/// Whether a file of a directory that has both is a mask: one of this suffix or, without, a PNG.
pub fn is_mask(file: &Path, suffix: &str) -> bool {
    let extensions: &[&str] = if suffix.is_empty() { &["png"] } else { &MASKS };
    has_extension(file, extensions) && ends_in(file, suffix)
}

/// Whether the name of a file is another name and the suffix.
pub fn ends_in(file: &Path, suffix: &str) -> bool {
    let stem = file.file_stem().and_then(|stem| stem.to_str());
    stem.is_some_and(|stem| stem.len() > suffix.len() && stem.ends_with(suffix))
}

fn stems<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> BTreeSet<&'a str> {
    files.into_iter().filter_map(|file| file.file_stem()?.to_str()).collect()
}

/// How many of `masks` are a picture's name and a suffix, by the suffix.
fn counts<'a>(pictures: &BTreeSet<&str>, masks: &BTreeSet<&'a str>) -> BTreeMap<&'a str, usize> {
    let mut counts = BTreeMap::new();
    for mask in masks {
        for (at, next) in mask.char_indices().skip(1) {
            let (picture, suffix) = mask.split_at(at);
            // A digit behind a digit makes another number: 10 is no mask of 1.
            let number = next.is_ascii_digit() && picture.ends_with(|c: char| c.is_ascii_digit());
            if !number && pictures.contains(picture) {
                *counts.entry(suffix).or_default() += 1;
            }
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(names: &[&str]) -> Vec<PathBuf> {
        names.iter().map(PathBuf::from).collect()
    }

    #[test]
    fn a_suffix_is_what_masks_have_behind_the_names_of_most_pictures() {
        let one = |suffix: &str| Suffix::One(suffix.to_owned());
        let several = Suffix::Several(["_a", "_b"].map(String::from).to_vec());
        for (pictures, masks, expected) in [
            (["x.jpg", "x1.jpg", "y.jpg"], &["x_m.png", "x1_m.png", "y_m.png"][..], one("_m")),
            (["x.jpg", "x1.jpg", "y.jpg"], &["x_m.png", "x1_m.png"], one("_m")),
            (["x.jpg", "x1.jpg", "y.jpg"], &["x_m.png"], Suffix::None),
            (["x.jpg", "x_m.jpg", "y.jpg"], &["x_m.png", "y_m.png"], Suffix::None),
            (["1.jpg", "2.jpg", "3.jpg"], &["10.png", "20.png", "30.png"], Suffix::None),
            (["1.jpg", "2.jpg", "é.jpg"], &["1a.png", "2a.png", "éa.png"], one("a")),
            (["1.jpg", "2.jpg", "3.jpg"], &["1_a.png", "2_a.png", "1_b.png", "2_b.png"], several),
        ] {
            assert_eq!(between(&files(&pictures), &files(masks)), expected, "{masks:?}");
        }
    }

    #[test]
    fn in_one_directory_every_file_is_a_picture_or_its_mask() {
        for (names, expected) in [
            (&["a.jpg", "a_m.png", "b.png", "b_m.png"][..], Some("_m")),
            (&["a.jpg", "a.png", "b.jpg", "b.png"], Some("")),
            (&["a.jpg", "a_mask.png", "b.jpg"], Some("_mask")),
            (&["a.jpg", "a_m.png", "b.jpg"], None),
            (&["a.jpg", "a_m.GIF"], Some("_m")),
            (&["a.jpg", "a_m.jpg"], None),
            (&["a.png", "a_m.png", "a_m_m.png", "b.png"], None),
            (&["a.jpg", "b.jpg"], None),
            (&[], None),
        ] {
            assert_eq!(within(&files(names)).as_deref(), expected, "{names:?}");
        }
    }
}
