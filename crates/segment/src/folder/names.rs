//! What counts as a picture or a mask in a directory, for every layout; everything else is passed over.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::Root;

/// The extensions of pictures, in small letters. Of those that cannot be read, the reader says so: what is
/// plainly a picture is never passed over.
pub const EXTENSIONS: [&str; 15] = [
    "jpg", "jpeg", "png", "bmp", "tif", "tiff", "webp", "gif", "jpe", "jfif", "heic", "heif",
    "avif", "jp2", "jxl",
];

/// What geographic programs keep beside a picture: TIFF files that are none of the data set.
const BESIDE: [&str; 2] = ["ovr", "msk"];

/// Files of a directory that are read as something else.
const READ: [&str; 5] =
    ["classes.txt", "colours.txt", "colors.txt", "labelmap.txt", super::classes::PIXEL_VALUES];

/// How files of pictures begin, whatever they are called.
const BEGINNINGS: [&[u8]; 6] =
    [b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"GIF8", b"II*\0", b"MM\0*", b"RIFF"];

impl Root {
    /// Whether an entry of a directory counts as a picture or a mask.
    pub fn is_picture(&self, path: &Path) -> bool {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes();
        if name.starts_with(b".") || has_extension(path, &BESIDE) {
            return false;
        }
        // Another link is not followed only to find out.
        has_extension(path, &EXTENSIONS)
            || self.check_inside(path).is_ok() && begins_like_a_picture(path)
    }
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
    let read = File::open(path).and_then(|file| file.take(12).read_to_end(&mut bytes));
    let begins = BEGINNINGS.iter().find(|beginning| bytes.starts_with(beginning));
    // Sounds and films are RIFF, too.
    read.is_ok() && begins.is_some_and(|&it| it != b"RIFF" || bytes.ends_with(b"WEBP"))
}
