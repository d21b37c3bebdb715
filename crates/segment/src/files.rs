//! Files as bytes: what each has to pass before it is decoded, and how one is written.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use atomic_write_file::AtomicWriteFile;

use crate::DataError;
use crate::error::tall;

/// Longest side of a picture or mask, in pixels.
pub(crate) const MAX_SIDE: usize = 16_384;
/// Most pixels of a picture or mask.
const MAX_PIXELS: usize = 64_000_000;
/// Most bytes of a file, and most memory for a decoder.
pub(crate) const MAX_BYTES: u64 = 512 << 20;

/// The bytes of the regular file at `path`, of which there may be up to `limit`.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    // Asked before opening: opening a pipe would wait for its other end.
    let about = path.metadata().map_err(DataError::read(path))?;
    if !about.is_file() {
        let found = if about.is_dir() { "a directory" } else { "a device or pipe" };
        return Err(DataError::unfit(path, "a file", found));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(DataError::read(path))?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(DataError::read(path))?;
    if bytes.len() as u64 > limit {
        let found = format!("{} bytes", about.len());
        return Err(DataError::unfit(path, format!("at most {limit} bytes"), found));
    }
    Ok(bytes)
}

/// The lines of the text file at `path` that are not empty, without what surrounds them, by their
/// numbers from 1.
pub(crate) fn text_lines(path: &Path, limit: u64) -> Result<Vec<(usize, String)>, DataError> {
    let bytes = read(path, limit)?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let good = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = 1 + good.iter().filter(|&&byte| byte == b'\n').count();
        DataError::unfit(&numbered(path, line), "text", "bytes that are not UTF-8")
    })?;
    let lines = text.trim_start_matches('\u{feff}').lines().map(str::trim);
    let lines = (1..).zip(lines.map(String::from));
    Ok(lines.filter(|(_, line)| !line.is_empty()).collect())
}

/// The name of a line of a file, for messages.
pub(crate) fn numbered(path: &Path, line: usize) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(format!(":{line}"));
    name.into()
}

/// Replaces the file at `path` as a whole: written beside, synced, renamed. A link there is replaced, not
/// followed.
///
/// # Errors
/// If it cannot be written; what was there is then still there.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), DataError> {
    let write = || {
        let mut file = AtomicWriteFile::open(path)?;
        file.write_all(bytes)?;
        file.commit()
    };
    write().map_err(DataError::write(path))
}

/// Refuses a size that no training picture has, before memory is set aside for it.
pub(crate) fn check_size(path: &Path, size: [usize; 2]) -> Result<(), DataError> {
    let [height, width] = size;
    let fits = (1..=MAX_SIDE).contains(&height)
        && (1..=MAX_SIDE).contains(&width)
        && height * width <= MAX_PIXELS;
    if fits {
        return Ok(());
    }
    let expected = format!("sides of 1 to {MAX_SIDE} and at most {MAX_PIXELS} pixels");
    Err(DataError::unfit(path, expected, tall(size)))
}
