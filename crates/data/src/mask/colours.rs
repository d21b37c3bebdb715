//! A table of colours: which class each colour of a mask means.
//!
//! ```text
//! 128  64 128  road                        road:128,64,128::
//! 192 128 128  sign           or, CVAT's   sign:192,128,128:pole,plate:
//!   0   0   0                              :0,0,0::
//! ```
//!
//! A line is red, green, blue and the name of a class; classes are numbered as they first appear,
//! and two colours of one name are one class. A colour without a name is left out of training.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::labelmap::{Entry, LABELMAP, labelmap_entry};
use super::pixels::Coloured;
use super::{IGNORED, rgb_text};
use crate::error::shown;
use crate::text::{is_comment, numbered, text_lines};
use crate::{DataError, Mask};

/// Most bytes of a table.
const MAX_BYTES: u64 = 1 << 20;
/// What a line of our own is.
const LINES: &str = "red, green, blue from 0 to 255 and the name of a class, such as 0 0 255 car";

/// The label of each colour.
#[derive(Clone, Debug)]
pub(crate) struct ColourTable {
    path: PathBuf,
    labels: HashMap<[u8; 3], u8>,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// The label of colours without a name, if there are any, or the one asked for.
    pub ignore_index: Option<u8>,
}

impl ColourTable {
    /// Reads a table, of our own form or CVAT's.
    ///
    /// # Errors
    /// If the file cannot be read, or a line is not of this form.
    pub fn read(path: &Path, ignore_index: Option<u8>) -> Result<Self, DataError> {
        let text = text_lines(path, MAX_BYTES)?.into_iter().filter(|(_, line)| !is_comment(line));
        let text: Vec<(usize, String)> = text.collect();
        let (expected, entry): (_, fn(&str) -> Option<Entry>) =
            match text.iter().any(|(_, line)| labelmap_entry(line).is_some()) {
                true => (LABELMAP, labelmap_entry),
                false => (LINES, entry),
            };
        let mut lines: HashMap<[u8; 3], Option<usize>> = HashMap::new();
        let mut classes: Vec<String> = Vec::new();
        for (number, line) in text {
            let refuse =
                |found: &str| DataError::unfit(&numbered(path, number), expected, found.to_owned());
            let (colour, name) = entry(&line).ok_or_else(|| refuse(&line))?;
            if lines.contains_key(&colour) {
                return Err(refuse(&format!("the colour {} again", rgb_text(colour))));
            }
            if is_comment(&name) {
                return Err(refuse(&format!("{name}, which would be a comment in classes.txt")));
            }
            let class = (!name.is_empty()).then(|| {
                classes.iter().position(|class| *class == name).unwrap_or_else(|| {
                    classes.push(name);
                    classes.len() - 1
                })
            });
            lines.insert(colour, class);
            if classes.len() > 256 {
                return Err(refuse("a 257th class, of at most 256"));
            }
        }
        let void = lines.values().any(Option::is_none);
        let ignore_index = ignore_index.or(void.then_some(IGNORED));
        let most = if void { 255 } else { 256 };
        if !(1..=most).contains(&classes.len()) {
            let found = format!("{} classes, not 1 to {most}", classes.len());
            return Err(DataError::unfit(path, format!("lines of {expected}"), found));
        }
        let label = |class: Option<usize>| match (class, ignore_index) {
            (Some(class), _) => class as u8,
            (None, ignored) => ignored.unwrap_or(IGNORED),
        };
        let labels = lines.into_iter().map(|(colour, class)| (colour, label(class))).collect();
        Ok(Self { path: path.to_owned(), labels, classes, ignore_index })
    }

    /// The labels that the colours mean; `path` is for the message.
    pub(super) fn meaning(&self, mask: Coloured, path: &Path) -> Result<Mask, DataError> {
        let Coloured { width, height, pixels } = mask;
        let mut labels = Vec::with_capacity(pixels.len());
        // Neighbours are mostly alike, and a comparison is cheaper than a look into the table.
        let mut last = None;
        for (at, &colour) in pixels.iter().enumerate() {
            let label = match last {
                Some((same, label)) if same == colour => label,
                _ => *self.labels.get(&colour).ok_or_else(|| DataError::Label {
                    path: path.to_owned(),
                    expected: format!("the colours of {}", shown(&self.path)),
                    found: rgb_text(colour),
                    x: at % width,
                    y: at / width,
                    hint: format!("define it there, in a line such as {} NAME", rgb_text(colour))
                        .into(),
                })?,
            };
            last = Some((colour, label));
            labels.push(label);
        }
        Ok(Mask { width, height, labels })
    }
}

/// What a line of our own form says.
fn entry(line: &str) -> Option<Entry> {
    let mut words = line.split_whitespace();
    let mut colour = [0; 3];
    for value in &mut colour {
        *value = words.next()?.parse().ok()?;
    }
    Some((colour, words.collect::<Vec<_>>().join(" ")))
}
