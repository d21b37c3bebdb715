//! What counts as a picture or a mask in a directory, for every layout; everything else is passed over.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Root;
use crate::PictureFormat;

/// What geographic programs keep beside a picture: TIFF files that are none of the data set.
const BESIDE: [&str; 2] = ["ovr", "msk"];

/// Files of a directory that are read as something else.
const READ: [&str; 5] =
    ["classes.txt", "colours.txt", "colors.txt", "labelmap.txt", super::classes::PIXEL_VALUES];

impl Root {
    /// Whether an entry of a directory counts as a picture or a mask: by its name, or else by how it begins. Of
    /// formats that are known and not read, the reader says so: what is plainly a picture is never passed over.
    pub fn is_picture(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(b".") || has_extension(path, &BESIDE) {
            return false;
        }
        // Another link is not followed only to find out.
        PictureFormat::of_name(path).is_some()
            || self.check_inside(path).is_ok() && begins_like_a_picture(path)
    }
}

/// How names of pictures end, in small letters, the most frequent first.
pub fn extensions() -> impl Iterator<Item = &'static str> {
    PictureFormat::ALL.into_iter().flat_map(PictureFormat::extensions).copied()
}

/// Whether a file is none that is passed over, though no picture.
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
