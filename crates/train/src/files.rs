//! Files of a run: written beside and renamed, kept under a second name, left over.

use std::borrow::Cow;
use std::fs::{self, File};
use std::io::ErrorKind::{NotFound, PermissionDenied, Unsupported};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use atomic_write_file::AtomicWriteFile;
use mirrorgrad_data::DataError;

use crate::RunError;

/// As [`write_whole`](mirrorgrad_data::write_whole), of what `write` writes: nobody need hold all of it.
///
/// ```
/// # use mirrorgrad_train::write_streamed;
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
