//! Files as bytes: what each has to pass before it is decoded, and how one is written.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::ErrorKind::{NotFound, PermissionDenied, Unsupported};
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use atomic_write_file::AtomicWriteFile;

use crate::error::tall;
use crate::{DataError, RunError};

/// Longest side of a picture or mask, in pixels.
pub(crate) const MAX_SIDE: usize = 16_384;
/// Most pixels of a picture or mask.
pub(crate) const MAX_PIXELS: usize = 64_000_000;
/// Most bytes of a file, and most memory for a decoder.
pub(crate) const MAX_BYTES: u64 = 512 << 20;

/// The regular file at `path`, of up to `limit` bytes.
pub(crate) fn open(path: &Path, limit: u64) -> Result<File, DataError> {
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
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, DataError> {
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
/// # use mirrorgrad_segment::write_whole;
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
    let written = write_beside(path, |file| file.write_all(bytes));
    written.and_then(AtomicWriteFile::commit).map_err(DataError::write(path))
}

/// As [`write_whole`], of what `write` writes: nobody need hold all of it.
///
/// ```
/// # use mirrorgrad_segment::write_streamed;
/// # use std::io::Error;
/// # let dir = tempfile::tempdir()?;
/// let path = dir.path().join("classes.txt");
/// write_streamed(&path, |out| ["sky", "road"].iter().try_for_each(|name| writeln!(out, "{name}")))?;
/// assert_eq!(std::fs::read_to_string(&path)?, "sky\nroad\n");
/// // What fails leaves the file as it was.
/// let fault = write_streamed(&path, |out| writeln!(out, "sky").and(Err(Error::other("no more"))));
/// assert!(fault.unwrap_err().to_string().contains("no more"));
/// assert_eq!(std::fs::read_to_string(&path)?, "sky\nroad\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If it cannot be written, or `write` fails; what was there is then still there. A [`RunError`] inside what it fails
/// with comes out as it was.
pub fn write_streamed(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<(), RunError> {
    let buffered = |file: &mut File| {
        let mut out = BufWriter::new(file);
        write(&mut out)?;
        out.flush()
    };
    let written = write_beside(path, buffered).and_then(AtomicWriteFile::commit);
    written.map_err(|error| match error.downcast::<RunError>() {
        Ok(inside) => inside,
        Err(error) => DataError::write(path)(error).into(),
    })
}

/// A file of what `write` writes, which is synced and takes its place at `path` when it is committed.
pub(crate) fn write_beside(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<AtomicWriteFile> {
    let mut file = AtomicWriteFile::open(path)?;
    write(&mut file)?;
    Ok(file)
}

/// Makes `to` another name of the file `from`: at every instant it is what it was or all of `from`,
/// and `from` stays.
///
/// Where a file can have one name only (FAT, some network shares) it is renamed, and `from` is gone.
pub(crate) fn keep_as(from: &Path, to: &Path) -> io::Result<()> {
    // A name that `is_left_over` knows.
    let beside = to.with_file_name(format!(".{}.linked", file_name(to)));
    remove_if_there(&beside)?;
    match fs::hard_link(from, &beside) {
        Ok(()) => {}
        Err(error) if matches!(error.kind(), PermissionDenied | Unsupported) => {
            return fs::rename(from, to);
        }
        Err(error) => return Err(error),
    }
    fs::rename(&beside, to)?;
    // Renaming one name of a file to another of its names does nothing.
    remove_if_there(&beside)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != NotFound => Err(error),
        _ => Ok(()),
    }
}

fn file_name(path: &Path) -> Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

/// Whether a file called `name` is what a killed process left that was writing the file `of`: the
/// pattern of `atomic_write_file`, `.NAME.` and six letters or digits.
pub(crate) fn is_left_over(name: &str, of: &str) -> bool {
    let random = name.strip_prefix('.').and_then(|name| name.strip_prefix(of));
    let random = random.and_then(|rest| rest.strip_prefix('.'));
    random.is_some_and(|rest| rest.len() == 6 && rest.bytes().all(|c| c.is_ascii_alphanumeric()))
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
