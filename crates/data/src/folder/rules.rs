//! What every layout answers, each in a file of its own.

use std::path::Path;

use super::listing::Listing;
use super::root::Root;
use super::section::Section;
use crate::DataError;
use crate::error::shown;

/// What a layout knows; each has a file of its own.
pub struct Rules {
    /// What is there that speaks for this layout.
    pub sign: fn(&Path) -> Option<&'static str>,
    /// Where a section is, if there is one: for messages too.
    pub place: fn(&Root, Section) -> Option<String>,
    /// The pairs of a section that is there.
    pub list: fn(&Root, Section) -> Result<Listing, DataError>,
    /// The names of the classes without a `classes.txt`.
    pub classes: Option<&'static [&'static str]>,
    /// The label to leave out, unless another is asked for.
    pub ignore_index: Option<u8>,
    /// The stored values of the classes, and the one of pixels to leave out, where numbers are not
    /// the labels.
    pub values: Option<(&'static [u8], u8)>,
}

/// The first of `names` that is in `dir`.
pub fn first(dir: &Path, names: &[&'static str]) -> Option<&'static str> {
    names.iter().copied().find(|name| dir.join(name).exists())
}

/// A line of words, of which there must be so many.
pub fn words<'a, const N: usize>(
    line: &'a str,
    expected: &str,
    at: &Path,
) -> Result<[&'a str; N], DataError> {
    // Paths with spaces in them are told apart by a tab.
    let words: Vec<&str> = if line.contains('\t') {
        line.split('\t').map(str::trim).filter(|word| !word.is_empty()).collect()
    } else {
        line.split_whitespace().collect()
    };
    let found = words.len();
    words.try_into().map_err(|_| {
        let (line, plural) = (shown(Path::new(line)), if found == 1 { "" } else { "s" });
        DataError::unfit(at, expected, format!("{found} word{plural}: {line}"))
    })
}
