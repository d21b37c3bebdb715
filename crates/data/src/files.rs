//! Files as bytes: what each has to pass before it is decoded, and how one is written.

use std::fs::File;
use std::io::{Read, Write};
use std::path::Path;

use atomic_write_file::AtomicWriteFile;

use crate::DataError;

/// Longest side of a picture or mask, in pixels.
pub(crate) const MAX_SIDE: usize = 16_384;
/// Most pixels of a picture or mask.
pub(crate) const MAX_PIXELS: usize = 64_000_000;
/// Most bytes of a file, and most memory for a decoder.
pub(crate) const MAX_BYTES: u64 = 512 << 20;

/// The regular file at `path`, of up to `limit` bytes.
///
/// ```
/// # use mirrorgrad_data::files::{open, write_whole};
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("list.txt");
/// write_whole(&path, b"sky\nroad\n")?;
/// assert!(open(&path, 9).is_ok());
/// let error = open(&path, 8).unwrap_err().to_string();
/// assert!(error.ends_with("list.txt: expected at most 8 bytes, found 9 bytes"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If it cannot be opened, is larger, or is a directory, a device or a pipe.
pub fn open(path: &Path, limit: u64) -> Result<File, DataError> {
    // Asked before opening: opening a pipe would wait for its other end.
    let about = path.metadata().map_err(DataError::read(path))?;
    if !about.is_file() {
        let found = if about.is_dir() { "a directory" } else { "a device or pipe" };
        return Err(DataError::unfit(path, "a file", found));
    }
    check_length(path, about.len(), limit)?;
    File::open(path).map_err(DataError::read(path))
}

/// The bytes of the regular file at `path`, of which there may be up to `limit`.
///
/// ```
/// # use mirrorgrad_data::files::{read, write_whole};
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("list.txt");
/// write_whole(&path, b"sky\nroad\n")?;
/// assert_eq!(read(&path, 9)?, b"sky\nroad\n");
/// assert!(read(&path, 8).is_err() && read(dir.path(), 9).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If it cannot be read, is larger, or is a directory, a device or a pipe.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
    let file = open(path, limit)?;
    let length = file.metadata().map_err(DataError::read(path))?.len().min(limit);
    let mut bytes = Vec::with_capacity(length as usize + 1);
    // It may have grown meanwhile, and the system's own files do not tell how long they are.
    file.take(limit + 1).read_to_end(&mut bytes).map_err(DataError::read(path))?;
    check_length(path, bytes.len() as u64, limit)?;
    Ok(bytes)
}

fn check_length(path: &Path, length: u64, limit: u64) -> Result<(), DataError> {
    if length <= limit {
        return Ok(());
    }
    Err(DataError::unfit(path, format!("at most {limit} bytes"), format!("{length} bytes")))
}

/// Replaces the file at `path` as a whole: written beside, synced, renamed. A link there is replaced, not
/// followed.
///
/// ```
/// # use mirrorgrad_data::write_whole;
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("classes.txt");
/// write_whole(&path, b"sky\nroad\n")?;
/// write_whole(&path, b"sky\n")?;
/// assert_eq!(std::fs::read_to_string(&path)?, "sky\n");
/// // Nothing is left beside it.
/// assert_eq!(dir.path().read_dir()?.count(), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
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
///
/// ```
/// # use mirrorgrad_data::files::check_size;
/// assert!(check_size([480, 640]).is_ok());
/// let error = check_size([0, 640]).unwrap_err();
/// assert_eq!(error, "sides of 1 to 16384 and at most 64000000 pixels");
/// assert!(check_size([16_384, 16_384]).is_err());
/// ```
///
/// # Errors
/// What was expected, if a side is 0 or over 16,384 pixels, or it has more than 64 million.
pub fn check_size(size: [usize; 2]) -> Result<(), String> {
    let [height, width] = size;
    let fits = (1..=MAX_SIDE).contains(&height)
        && (1..=MAX_SIDE).contains(&width)
        && height * width <= MAX_PIXELS;
    if fits {
        return Ok(());
    }
    Err(format!("sides of 1 to {MAX_SIDE} and at most {MAX_PIXELS} pixels"))
}
