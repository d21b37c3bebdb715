//! What can be wrong with data, each in one line: the file, what was expected, what came.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why a sample, a data set or its options were refused.
///
/// ```
/// # use mirrorgrad_data::{DataError, Mask};
/// # use std::path::Path;
/// let mask = Mask { width: 2, height: 1, labels: vec![0, 7] };
/// let error = mask.check_labels(3, None, Path::new("a.png")).unwrap_err();
/// assert!(matches!(error, DataError::Label { x: 1, y: 0, .. }));
/// assert_eq!(
///     error.to_string(),
///     "a.png: expected labels below 3, the number of classes, found 7 at (x=1, y=0); \
///      if 7 marks pixels to leave out, pass --ignore-index 7 (50.0 % of this mask)"
/// );
/// ```
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DataError {
    /// The system could not read the file or directory.
    #[error("{}: cannot be read: {source}", shown(.path))]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system could not write the file.
    #[error("{}: cannot be written: {source}", shown(.path))]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or directory is there, but is not what it has to be.
    #[error("{}: expected {expected}, found {found}", shown(.path))]
    Unfit {
        /// The file or directory.
        path: PathBuf,
        /// What it has to be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// A pixel of a mask means no class, nor is it one to leave out.
    #[error("{}: expected {expected}, found {found} at (x={x}, y={y}); {hint}", shown(.path))]
    Label {
        /// The mask's file.
        path: PathBuf,
        /// What its pixels may be.
        expected: String,
        /// The first that is not: a number, or a colour's red, green and blue.
        found: String,
        /// Its column, from the left.
        x: usize,
        /// Its row, from the top.
        y: usize,
        /// What can be done.
        hint: String,
    },
    /// A directory is not what the layout says that was taken it for.
    #[error("{source}; read as layout {layout}, since there is {sign}: --layout asks for another")]
    Detected {
        /// What is wrong.
        source: Box<DataError>,
        /// The layout's name.
        layout: &'static str,
        /// What spoke for it.
        sign: &'static str,
    },
    /// Two samples of one batch differ in size; sizes are `[height, width]`.
    #[error(
        "{second}: expected {} as {first}, found {}; pass --size HxW to bring all pictures to one size",
        tall(*.first_size),
        tall(*.second_size)
    )]
    MixedSizes {
        /// The name of the batch's first sample.
        first: String,
        /// The first sample's size.
        first_size: [usize; 2],
        /// The name of the sample that differs.
        second: String,
        /// Its size.
        second_size: [usize; 2],
    },
    /// An option has a value that makes no sense.
    #[error("{option}: expected {expected}, found {found}")]
    Option {
        /// The option's name.
        option: &'static str,
        /// What its values are.
        expected: String,
        /// The value.
        found: String,
    },
    /// A setting of a run has no such key or value.
    #[error("{place}: {what}")]
    Setting {
        /// Where it was set: a line of a file, or an option.
        place: String,
        /// What is wrong with it.
        what: String,
    },
    /// The program itself failed while it loaded data.
    #[error("loading {what} failed: {message}")]
    Loading {
        /// What was being loaded.
        what: String,
        /// The panic's or the system's words.
        message: String,
    },
}

impl DataError {
    /// [`Unfit`](Self::Unfit), in one line whatever was found.
    pub fn unfit(path: &Path, expected: impl Into<String>, found: impl std::fmt::Display) -> Self {
        let found = one_line(&found.to_string());
        Self::Unfit { path: path.to_owned(), expected: expected.into(), found }
    }

    /// [`Read`](Self::Read), from what the system said of `path`.
    pub fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    /// [`Write`](Self::Write), from what the system said of `path`.
    pub fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    /// What it has in common with others that differ by file and place alone.
    pub fn kind(&self) -> String {
        match self {
            Self::Unfit { expected, found, .. } => format!("{expected}, {found}"),
            Self::Label { expected, found, .. } => format!("{expected}, {found} in a pixel"),
            Self::Detected { source, .. } => source.kind(),
            other => other.to_string(),
        }
    }

    /// [`Option`](Self::Option), of a value in words.
    pub fn option(
        option: &'static str,
        expected: impl Into<String>,
        found: impl std::fmt::Display,
    ) -> Self {
        Self::Option { option, expected: expected.into(), found: found.to_string() }
    }

    /// [`Setting`](Self::Setting), in one line whatever is wrong.
    pub fn setting(place: impl Into<String>, what: impl AsRef<str>) -> Self {
        Self::Setting { place: place.into(), what: one_line(what.as_ref().trim()) }
    }

    pub(crate) fn loading(what: impl Into<String>, message: impl std::fmt::Display) -> Self {
        Self::Loading { what: what.into(), message: one_line(&message.to_string()) }
    }
}

/// A path for a message, in one line.
///
/// ```
/// # use mirrorgrad_data::shown;
/// # use std::path::Path;
/// assert_eq!(shown(Path::new("masks/a.png")), "masks/a.png");
/// assert_eq!(shown(Path::new("two\nlines.png")), r"two\nlines.png");
/// ```
pub fn shown(path: &Path) -> String {
    one_line(&path.display().to_string())
}

/// `text` with its [hidden](is_hidden) characters escaped: a name may hold line breaks and terminal codes.
///
/// ```
/// # use mirrorgrad_data::one_line;
/// assert_eq!(one_line("sky\n\u{1b}[31mroad"), r"sky\n\u{1b}[31mroad");
/// assert_eq!(one_line("cat\u{202e}gnp.exe"), r"cat\u{202e}gnp.exe");
/// assert_eq!(one_line("Straße"), "Straße");
/// ```
pub fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        if is_hidden(c) { line.extend(c.escape_default()) } else { line.push(c) }
    }
    line
}

/// Whether a character does something to a terminal instead of being seen: control characters, line separators,
/// and those that change the direction of writing, which can make a name look like another.
///
/// ```
/// # use mirrorgrad_data::is_hidden;
/// assert!(['\n', '\u{1b}', '\u{7f}', '\u{9b}', '\u{202e}', '\u{2066}'].into_iter().all(is_hidden));
/// assert!(![' ', 'a', 'ß', 'ש', '犬'].into_iter().any(is_hidden));
/// ```
pub fn is_hidden(c: char) -> bool {
    let directs = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    c.is_control() || directs
}

/// A size `[height, width]` in words.
///
/// ```
/// # use mirrorgrad_data::tall;
/// assert_eq!(tall([2, 3]), "2 high, 3 wide");
/// ```
pub fn tall([height, width]: [usize; 2]) -> String {
    format!("{height} high, {width} wide")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_one_line_whatever_the_name() {
        let error = DataError::unfit(Path::new("a\nb\u{1b}[2J.png"), "a mask", "two\nlines");
        assert_eq!(error.to_string(), r"a\nb\u{1b}[2J.png: expected a mask, found two\nlines");
    }
}
