//! Text files, whatever editor wrote them: UTF-8 with or without a byte order mark, or UTF-16 with one.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::DataError;
use crate::files::read;

/// The text in the bytes of a file, without its byte order mark; `path` is for the messages.
///
/// ```
/// # use mirrorgrad_data::text_of;
/// # use std::path::Path;
/// let path = Path::new("classes.txt");
/// assert_eq!(text_of(b"\xef\xbb\xbfsky", path)?, "sky");
/// assert_eq!(text_of(b"\xff\xfes\0k\0y\0", path)?, "sky");
/// assert!(text_of(b"\xffsky", path).is_err());
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
///
/// # Errors
/// If it is neither UTF-8 nor UTF-16 with a mark, or has a zero in it.
pub fn text_of<'a>(bytes: &'a [u8], path: &Path) -> Result<Cow<'a, str>, DataError> {
    let text = match bytes {
        [0xff, 0xfe, units @ ..] => Cow::Owned(utf_16(units, u16::from_le_bytes, path)?),
        [0xfe, 0xff, units @ ..] => Cow::Owned(utf_16(units, u16::from_be_bytes, path)?),
        _ => Cow::Borrowed(std::str::from_utf8(bytes).map_err(|error| {
            let good = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            refuse(&good, path, "bytes that are not UTF-8")
        })?),
    };
    // UTF-16 without a mark is UTF-8, too, with a zero beside each letter.
    if let Some(at) = text.find('\0') {
        return Err(refuse(&text[..at], path, "a zero, as in UTF-16 without a byte order mark"));
    }
    Ok(match text {
        Cow::Borrowed(text) => Cow::Borrowed(text.trim_start_matches('\u{feff}')),
        owned @ Cow::Owned(_) => owned,
    })
}

/// The text of UTF-16 units, each of two bytes that `unit` makes a number.
fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16, path: &Path) -> Result<String, DataError> {
    let (units, rest) = bytes.as_chunks::<2>();
    let mut text = String::with_capacity(units.len());
    for c in char::decode_utf16(units.iter().map(|&pair| unit(pair))) {
        text.push(c.map_err(|_| refuse(&text, path, "half a character of UTF-16"))?);
    }
    if rest.is_empty() { Ok(text) } else { Err(refuse(&text, path, "half a unit of UTF-16")) }
}

/// What is wrong with a file that is text as far as `good`.
fn refuse(good: &str, path: &Path, found: &str) -> DataError {
    let line = 1 + good.matches('\n').count();
    DataError::unfit(&numbered(path, line), "text", found)
}

/// The lines of the text file at `path` that are not empty, without what surrounds them, by their
/// numbers from 1.
pub(crate) fn text_lines(path: &Path, limit: u64) -> Result<Vec<(usize, String)>, DataError> {
    lines_of(&read(path, limit)?, path)
}

/// As [`text_lines`], of bytes; `path` is for the messages.
pub(crate) fn lines_of(bytes: &[u8], path: &Path) -> Result<Vec<(usize, String)>, DataError> {
    let text = text_of(bytes, path)?;
    // Files that were put together keep the byte order marks of their parts.
    let around = |c: char| c.is_whitespace() || c == '\u{feff}';
    let lines = text.lines().map(|line| line.trim_matches(around));
    let lines = (1..).zip(lines.map(String::from));
    Ok(lines.filter(|(_, line)| !line.is_empty()).collect())
}

/// Whether a line of names or colours is for people alone.
pub(crate) fn is_comment(line: &str) -> bool {
    line.starts_with('#')
}

/// The name of a line of a file, for messages.
pub(crate) fn numbered(path: &Path, line: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(":{line}"));
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bytes of `text` in UTF-16, behind its mark.
    fn utf_16_of(text: &str, bytes: fn(u16) -> [u8; 2]) -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(bytes).collect()
    }

    #[test]
    fn one_text_in_four_encodings_is_one_text() {
        let (text, path) = ("ciel\r\n\n  été 🚗 \r\nroad", Path::new("classes.txt"));
        let lines = vec![(1, "ciel".into()), (3, "été 🚗".into()), (4, "road".into())];
        for bytes in [
            text.as_bytes().to_vec(),
            format!("\u{feff}{text}").into_bytes(),
            utf_16_of(text, u16::to_le_bytes),
            utf_16_of(text, u16::to_be_bytes),
        ] {
            assert_eq!(lines_of(&bytes, path).unwrap(), lines);
            assert_eq!(text_of(&bytes, path).unwrap(), text);
        }
    }

    #[test]
    fn what_is_no_text_is_refused_with_its_line() {
        let whole = utf_16_of("a\nb", u16::to_le_bytes);
        let lonely = [&whole[..], &[0, 0xd8]].concat();
        for (bytes, says) in [
            (b"a\n\xffb".as_slice(), "bytes that are not UTF-8"),
            (b"a\n\0b\0", "a zero, as in UTF-16 without a byte order mark"),
            (&whole[..whole.len() - 1], "half a unit of UTF-16"),
            (&lonely, "half a character of UTF-16"),
        ] {
            let error = text_of(bytes, Path::new("list")).unwrap_err().to_string();
            assert_eq!(error, format!("list:2: expected text, found {says}"));
        }
    }
}
