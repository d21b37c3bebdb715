//! What can be wrong with data, each in one line: the file, what was expected, what came.

use std::error::Error;
use std::fmt::{self, Display};
use std::io;
use std::path::{Path, PathBuf};

use crate::{Message, Setting};

/// Why a sample, a data set or its settings were refused.
///
/// ```
/// # use mirrorgrad_data::{DataError, Mask};
/// # use std::path::Path;
/// let mask = Mask { width: 2, height: 1, labels: vec![0, 7] };
/// let error = mask.check_labels(3, None, Path::new("a.png")).unwrap_err();
/// assert!(matches!(error, DataError::Label { x: 1, y: 0, .. }));
/// assert_eq!(
///     error.to_string(),
///     "a.png: expected labels below 3, the number of classes, found 7 at (x=1, y=0); if 7 marks \
///      pixels to ignore, set data.folder.ignore_index = 7 (50.0 % of this mask)"
/// );
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum DataError {
    /// The system could not read the file or directory.
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The system could not write the file.
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or directory is there, but is not what it has to be.
    Unfit {
        /// The file or directory.
        path: PathBuf,
        /// What it has to be.
        expected: Message,
        /// What it is.
        found: Message,
    },
    /// A pixel of a mask means no class, nor is it one to leave out.
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
        hint: Message,
    },
    /// A directory is not what the layout says that was taken it for.
    Detected {
        /// What is wrong.
        source: Box<DataError>,
        /// The layout's name.
        layout: &'static str,
        /// What spoke for it.
        sign: &'static str,
    },
    /// Two samples of one batch differ in size; sizes are `[height, width]`.
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
    /// A setting does not go with the data, or with another setting.
    Setting {
        /// Its key.
        key: &'static str,
        /// What goes with them.
        expected: Message,
        /// What was set.
        found: String,
    },
    /// A setting has a value that makes no sense, whatever the data.
    Value {
        /// Its key.
        key: &'static str,
        /// What its values are.
        expected: Message,
        /// The value.
        found: String,
    },
    /// A setting has a meaning only together with another.
    Needs {
        /// Its key.
        key: &'static str,
        /// The key of the other, which is not set.
        other: &'static str,
    },
    /// There is no such setting, or it has no value of this kind.
    Unread {
        /// Where it was set: a line of a file, or in the reader's own words.
        place: Message,
        /// What is wrong with it.
        what: String,
    },
    /// The program itself failed while it loaded data.
    Loading {
        /// What was being loaded.
        what: String,
        /// The panic's or the system's words.
        message: String,
    },
}

impl DataError {
    /// [`Unfit`](Self::Unfit), in one line whatever was found.
    pub fn unfit(path: &Path, expected: impl Into<Message>, found: impl Display) -> Self {
        Self::advised(path, expected, found.to_string())
    }

    /// [`Unfit`](Self::Unfit), with what can be done beside what was found.
    pub(crate) fn advised(
        path: &Path,
        expected: impl Into<Message>,
        found: impl Into<Message>,
    ) -> Self {
        let (expected, found) = (expected.into(), found.into().in_one_line());
        Self::Unfit { path: path.to_owned(), expected, found }
    }

    /// [`Read`](Self::Read), from what the system said of `path`.
    pub fn read(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Read { path: path.to_owned(), source }
    }

    /// [`Write`](Self::Write), from what the system said of `path`.
    pub fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }

    /// [`Setting`](Self::Setting), of a value in words.
    pub fn setting(key: &'static str, expected: impl Into<Message>, found: impl Display) -> Self {
        Self::Setting { key, expected: expected.into(), found: found.to_string() }
    }

    /// [`Value`](Self::Value), of a value in words.
    pub fn value(key: &'static str, expected: impl Into<Message>, found: impl Display) -> Self {
        Self::Value { key, expected: expected.into(), found: found.to_string() }
    }

    /// [`Unread`](Self::Unread), in one line whatever is wrong.
    pub fn unread(place: impl Into<Message>, what: impl AsRef<str>) -> Self {
        Self::Unread { place: place.into(), what: one_line(what.as_ref().trim()) }
    }

    pub(crate) fn loading(what: impl Into<String>, message: impl Display) -> Self {
        Self::Loading { what: what.into(), message: one_line(&message.to_string()) }
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

    /// It in words, with the settings that it names kept apart.
    pub fn message(&self) -> Message {
        let refused = |subject: Message, expected: &Message, found: &Message| {
            let subject = subject.and(": expected ").and(expected.clone());
            subject.and(", found ").and(found.clone())
        };
        match self {
            Self::Read { path, source } => {
                format!("{}: cannot be read: {source}", shown(path)).into()
            }
            Self::Write { path, source } => {
                format!("{}: cannot be written: {source}", shown(path)).into()
            }
            Self::Unfit { path, expected, found } => refused(shown(path).into(), expected, found),
            Self::Label { path, expected, found, x, y, hint } => {
                let path = shown(path);
                let what =
                    format!("{path}: expected {expected}, found {found} at (x={x}, y={y}); ");
                Message::from(what).and(hint.clone())
            }
            Self::Detected { source, layout, sign } => source
                .message()
                .and(format!("; layout {layout} was detected by {sign}: "))
                .and(Setting::of("data.folder.layout"))
                .and(" selects another"),
            Self::MixedSizes { first, first_size, second, second_size } => {
                let [first_size, second_size] = [*first_size, *second_size].map(tall);
                let what =
                    format!("{second}: expected {first_size}, like {first}, found {second_size}; ");
                let size = Setting::size("data.folder.size");
                Message::from(what).ask([size]).and(" to resize all pictures to one size")
            }
            Self::Setting { key, expected, found } => {
                refused(Setting::of(key).into(), expected, &found.as_str().into())
            }
            Self::Value { key, expected, found } => {
                refused(Message::key(key), expected, &found.as_str().into())
            }
            Self::Needs { key, other } => {
                Message::from(Setting::of(key)).and(" needs ").and(Setting::of(other))
            }
            Self::Unread { place, what } => place.clone().and(format!(": {what}")),
            Self::Loading { what, message } => format!("loading {what} failed: {message}").into(),
        }
    }
}

impl Display for DataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.message().fmt(f)
    }
}

impl Error for DataError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Read { source, .. } | Self::Write { source, .. } => Some(source),
            Self::Detected { source, .. } => Some(source),
            _ => None,
        }
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
