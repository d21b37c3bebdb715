//! The names of the classes: in `classes.txt`, or in the tables that Roboflow leaves.

use std::path::{Path, PathBuf};

use super::Root;
use super::section::{SPLITS, spelled};
use crate::DataError;
use crate::error::shown;
use crate::files::read;
use crate::text::{is_comment, lines_of, numbered, text_lines};

/// Most classes a label of 8 bits can tell apart.
const MAX_CLASSES: usize = 256;
/// Most bytes of a file of names.
const MAX_CLASSES_BYTES: u64 = 1 << 20;
/// What Roboflow calls its table, beside the pictures of each part.
pub const PIXEL_VALUES: &str = "_classes.csv";

/// The names of classes in a `classes.txt`.
///
/// ```
/// # use mirrorgrad_data::{read_classes, write_whole};
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("classes.txt");
/// write_whole(&path, b"sky\nroad\n")?;
/// assert_eq!(read_classes(&path)?, ["sky", "road"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If there is no such file, or as [`class_names`].
pub fn read_classes(path: &Path) -> Result<Vec<String>, DataError> {
    class_names(&read(path, MAX_CLASSES_BYTES)?, path)
}

/// The names of classes in the bytes of a `classes.txt`; `path` is for the messages. Lines that begin with
/// `#` are comments, unless all do.
///
/// ```
/// # use mirrorgrad_data::class_names;
/// # use std::path::Path;
/// let path = Path::new("classes.txt");
/// assert_eq!(class_names(b"# by label\nsky\nroad\n", path)?, ["sky", "road"]);
/// assert_eq!(class_names(b"#1\n#2\n", path)?, ["#1", "#2"]);
/// let error = class_names(b"sky\nroad\nsky\n", path).unwrap_err().to_string();
/// assert!(error.starts_with("classes.txt:3: expected") && error.ends_with("found sky twice"));
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
///
/// # Errors
/// If the bytes are no text, or there are not 1 to 256 names, each once.
pub fn class_names(bytes: &[u8], path: &Path) -> Result<Vec<String>, DataError> {
    let expected = "the names of the classes, one per line, in the order of their labels";
    let mut lines = lines_of(bytes, path)?;
    if lines.iter().any(|(_, line)| !is_comment(line)) {
        lines.retain(|(_, line)| !is_comment(line));
    }
    check_names(lines, path, expected)
}

/// Names by the lines they are in, if they can be those of classes.
fn check_names(
    lines: Vec<(usize, String)>,
    path: &Path,
    expected: &str,
) -> Result<Vec<String>, DataError> {
    if !(1..=MAX_CLASSES).contains(&lines.len()) {
        let found = format!("{} entries, not 1 to {MAX_CLASSES}", lines.len());
        return Err(DataError::unfit(path, expected, found));
    }
    let mut classes = Vec::with_capacity(lines.len());
    for (line, class) in lines {
        if classes.contains(&class) {
            let found = format!("{class} twice");
            return Err(DataError::unfit(&numbered(path, line), expected, found));
        }
        classes.push(class);
    }
    Ok(classes)
}

/// What a table of Roboflow's says: the names of the classes, and the stored value of each.
#[derive(Debug, PartialEq)]
pub struct PixelValues {
    pub path: PathBuf,
    pub names: Vec<String>,
    pub values: Vec<u8>,
}

impl PixelValues {
    /// Reads a table of a value, a comma and a name a line, under a heading if it has one.
    fn read(path: &Path) -> Result<Self, DataError> {
        let expected = "a pixel value from 0 to 255 and the name of its class, such as 1, car";
        let (mut names, mut values) = (Vec::new(), Vec::new());
        for (at, (number, line)) in text_lines(path, MAX_CLASSES_BYTES)?.into_iter().enumerate() {
            let refuse =
                |found: &str| DataError::unfit(&numbered(path, number), expected, found.to_owned());
            let (value, name) = line.split_once(',').ok_or_else(|| refuse(&line))?;
            if at == 0 && !value.contains(|c: char| c.is_ascii_digit()) {
                continue;
            }
            let value: u8 = value.trim().parse().map_err(|_| refuse(&line))?;
            if values.contains(&value) {
                return Err(refuse(&format!("{value} twice")));
            }
            let name = unquoted(name.trim());
            if name.is_empty() || is_comment(&name) {
                return Err(refuse(&line));
            }
            values.push(value);
            names.push((number, name));
        }
        let names = check_names(names, path, expected)?;
        Ok(Self { path: path.to_owned(), names, values })
    }

    /// The values of classes in masks, where they are not the labels; `asked` may say no others.
    pub fn agreed(&self, asked: Option<&[u8]>) -> Result<Option<Vec<u8>>, DataError> {
        if let Some(other) = asked.filter(|asked| *asked != self.values) {
            let expected = format!("{:?}, as {} says", self.values, shown(&self.path));
            return Err(DataError::setting(
                "data.folder.mask_values",
                expected,
                format!("{other:?}"),
            ));
        }
        let are_labels = self.values.iter().zip(0..).all(|(&value, label)| value == label);
        Ok(asked.map(<[u8]>::to_vec).or_else(|| (!are_labels).then(|| self.values.clone())))
    }
}

/// A name that may have quotes around it, in which its own quotes are doubled. Its commas need none: it is
/// all that is left of the line.
fn unquoted(name: &str) -> String {
    let inside = name.strip_prefix('"').and_then(|name| name.strip_suffix('"'));
    inside.map_or_else(|| name.to_owned(), |inside| inside.replace("\"\"", "\"").trim().to_owned())
}

impl Root {
    /// The names in `classes.txt`, if there is one.
    pub fn classes(&self) -> Result<Option<Vec<String>>, DataError> {
        let path = self.join("classes.txt");
        if !path.exists() {
            return Ok(None);
        }
        self.check_inside(&path)?;
        read_classes(&path).map(Some)
    }

    /// What the tables of Roboflow say, if there are any: all must say the same.
    pub fn pixel_values(&self) -> Result<Option<PixelValues>, DataError> {
        let names = SPLITS.iter().flat_map(|section| spelled(section.names()));
        let places = std::iter::once(PIXEL_VALUES.to_owned())
            .chain(names.map(|name| format!("{name}/{PIXEL_VALUES}")));
        let mut found: Option<PixelValues> = None;
        for path in places.map(|name| self.join(&name)).filter(|path| path.exists()) {
            self.check_inside(&path)?;
            let next = PixelValues::read(&path)?;
            match &found {
                Some(first) if (&first.names, &first.values) != (&next.names, &next.values) => {
                    let expected = format!("the values and names of {}", shown(&first.path));
                    return Err(DataError::unfit(&path, expected, "others"));
                }
                _ => found = Some(next),
            }
        }
        Ok(found)
    }
}
