//! What counts as a picture or a mask in a directory, for every layout; everything else is skipped.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use crate::PictureFormat;

/// What geographic programs keep beside a picture: TIFF files that are none of the data set.
const BESIDE: [&str; 2] = ["ovr", "msk"];

/// Files of a directory that are read as something else.
const READ: [&str; 5] =
    ["classes.txt", "colours.txt", "colors.txt", "labelmap.txt", super::classes::PIXEL_VALUES];

/// Whether a file counts as a picture: by its name, or else by how it begins. Of formats that are known and not
/// read, the reader says so: what is plainly a picture is never skipped.
///
/// ```
/// # use mirrorgrad_data::is_picture_file;
/// # let dir = tempfile::tempdir()?;
/// let file = |name: &str| dir.path().join(name);
/// std::fs::write(file("scan"), b"\x89PNG\r\n\x1a\n")?;
/// std::fs::write(file("Thumbs.db"), "")?;
/// assert!(is_picture_file(&file("a.JPG")) && is_picture_file(&file("scan")));
/// assert!(!is_picture_file(&file("Thumbs.db")) && !is_picture_file(&file(".hidden.png")));
/// # Ok::<(), std::io::Error>(())
/// ```
pub fn is_picture_file(path: &Path) -> bool {
    counts(path, |_| true)
}

/// Whether a file counts as a picture; a look into it is taken only where it `may_be_opened`.
pub fn counts(path: &Path, may_be_opened: impl Fn(&Path) -> bool) -> bool {
    let name = path.file_name().unwrap_or_default().as_encoded_bytes();
    if name.starts_with(b".") || has_extension(path, &BESIDE) {
        return false;
    }
    PictureFormat::of_name(path).is_some() || may_be_opened(path) && begins_like_a_picture(path)
}

/// How names of pictures end, in small letters, the most frequent first.
pub fn extensions() -> impl Iterator<Item = &'static str> {
    PictureFormat::ALL.into_iter().flat_map(PictureFormat::extensions).copied()
}

/// Whether a file that is no picture is read elsewhere, and so not skipped.
pub fn is_read_elsewhere(path: &Path) -> bool {
    READ.iter().any(|name| path.ends_with(name))
}

/// Whether the name of a file ends in one of these, in small or capital letters.
pub fn has_extension(path: &Path, extensions: &[&str]) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|own| extensions.iter().any(|one| own.eq_ignore_ascii_case(one)))
}

fn begins_like_a_picture(path: &Path) -> bool {
    // Opening a pipe would wait for its other end.
    if !path.metadata().is_ok_and(|about| about.is_file()) {
        return false;
    }
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(32).read_to_end(&mut bytes));
    // The two letters that a BMP begins with, texts begin with as well.
    let format = PictureFormat::of_content(&bytes).filter(|&format| format != PictureFormat::Bmp);
    read.is_ok() && format.is_some()
}
