//! The files of runs and data sets.

use mirrorgrad_data::{
    Dataset, Folder, FolderOptions, Layout, PictureRules, RangeByName, Split, ValueRange,
    class_names, decode_mask, decode_picture,
};
use mirrorgrad_train::{Checkpoint, Config};
use std::fs;
use std::io;
use std::path::Path;
use tempfile::TempDir;

/// A checkpoint file, as it comes.
///
/// # Panics
/// If one that was read cannot be written and read again.
pub fn checkpoint(bytes: &[u8]) {
    let Ok(checkpoint) = Checkpoint::from_bytes(bytes) else { return };
    let written = checkpoint.to_bytes().expect("what was read can be written");
    let again = Checkpoint::from_bytes(&written).expect("what was written can be read");
    assert_eq!(again.to_bytes().expect("it was written before"), written);
}

/// A checkpoint file whose length and hash are made right first, as a program that writes nonsense would
/// make them: what is behind them is reached.
///
/// # Panics
/// As [`checkpoint`].
pub fn checkpoint_payload(bytes: &[u8]) {
    let mut bytes = bytes.to_vec();
    // Format 2 has the step, too, before the hash.
    let hashed = if bytes.get(8) == Some(&2) { 28 } else { 20 };
    let Some((header, payload)) = bytes.split_at_mut_checked(hashed + 32) else { return };
    header[12..20].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    let hash = blake3::Hasher::new().update(&header[..hashed]).update(payload).finalize();
    header[hashed..].copy_from_slice(hash.as_bytes());
    checkpoint(&bytes);
}

/// A picture file, as it is and as a run may ask for it.
///
/// # Panics
/// If one that was read has another number of pixels than its size says, or is not read where it may be turned.
pub fn picture(bytes: &[u8]) {
    let path = Path::new("picture");
    let plain = decode_picture(bytes, path);
    let range = Some(ValueRange::Named(RangeByName::Percentile));
    let turned = PictureRules { range, orient: true }.decode(bytes, path);
    assert!(
        plain.is_err() || turned.is_ok(),
        "it is upright, and was refused where it may be turned"
    );
    for picture in [plain, turned].into_iter().flatten() {
        assert_eq!(picture.rgb.len(), picture.width * picture.height * 3);
    }
}

/// A mask file.
///
/// # Panics
/// If one that was read has another number of labels than its size says.
pub fn mask(bytes: &[u8]) {
    if let Ok(mask) = decode_mask(bytes, Path::new("mask")) {
        assert_eq!(mask.labels.len(), mask.width * mask.height);
    }
}

/// A run's configuration in TOML.
///
/// # Panics
/// If one that was accepted is another after it was written and read.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(config) = toml::from_str::<Config>(text) else { return };
    if config.check().is_err() {
        return;
    }
    let written = toml::to_string(&config).expect("what was accepted can be written");
    let again: Config = toml::from_str(&written).expect("what was written can be read");
    assert_eq!(again, config);
    again.check().expect("it was accepted before");
}

/// The text of a `classes.txt`.
///
/// # Panics
/// If the names that were read are not read from a text of them.
pub fn classes(bytes: &[u8]) {
    let Ok(names) = class_names(bytes, Path::new("classes.txt")) else { return };
    let again = class_names(names.join("\n").as_bytes(), Path::new("classes.txt"));
    assert_eq!(again.expect("names were read from it"), names);
}

/// A folder of these files.
fn folder(files: &[(&str, &[u8])]) -> io::Result<TempDir> {
    let dir = tempfile::tempdir()?;
    for (name, bytes) in files {
        let path = dir.path().join(name);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, bytes)?;
    }
    Ok(dir)
}

fn laid_out(layout: Layout) -> FolderOptions {
    FolderOptions { layout: Some(layout), ..FolderOptions::default() }
}

/// What the colours of [`coloured_mask`] mean.
const TABLE: &[u8] = b"0 0 0 ground\n128 0 0 car\n255 255 255 car\n1 2 3\n";

/// A mask in colours, which is its own picture.
///
/// # Panics
/// If one that was read has other labels than its colours mean.
pub fn coloured_mask(bytes: &[u8]) {
    let files = [("colours.txt", TABLE), ("images/a.png", bytes), ("masks/a.png", bytes)];
    let Ok(dir) = folder(&files) else { return };
    let opened = Folder::open(dir.path(), Split::All, &laid_out(Layout::Folders));
    let Ok(sample) = opened.and_then(|folder| folder.sample(0)) else { return };
    let means = |colour: &[u8; 3]| match colour {
        [0, 0, 0] => 0,
        [128, 0, 0] | [255, 255, 255] => 1,
        [1, 2, 3] => 255,
        other => panic!("{other:?} means nothing, and was taken for a label"),
    };
    let expected: Vec<u8> = sample.picture.rgb.as_chunks::<3>().0.iter().map(means).collect();
    assert_eq!(sample.mask.labels, expected);
}

/// The text of a `colours.txt`.
///
/// # Panics
/// If the classes that were read are not read from a table of them.
pub fn colours(bytes: &[u8]) {
    named_by("colours.txt", bytes, |(red, name)| format!("{red} 0 0 {name}\n"));
}

/// The text of CVAT's `labelmap.txt`.
///
/// # Panics
/// As [`colours`].
pub fn labelmap(bytes: &[u8]) {
    named_by("labelmap.txt", bytes, |(red, name)| format!("{name}:{red},0,0::\n"));
}

/// The text of Roboflow's `_classes.csv`.
///
/// # Panics
/// As [`colours`].
pub fn pixel_values(bytes: &[u8]) {
    let quoted =
        |(value, name): (usize, &String)| format!("{value},\"{}\"\n", name.replace('"', "\"\""));
    named_by("_classes.csv", bytes, quoted);
}

/// A file that names classes, and its own names again by the lines that `line` makes of them.
fn named_by(file: &str, bytes: &[u8], line: impl Fn((usize, &String)) -> String) {
    // With more digits or quotes in its lines, a table near the limit would be beyond it.
    if bytes.len() > 1 << 16 {
        return;
    }
    let read = |table: &[u8]| {
        let files: [(&str, &[u8]); 3] =
            [(file, table), ("images/a.png", b""), ("masks/a.png", b"")];
        let dir = folder(&files).ok()?;
        let opened = Folder::open(dir.path(), Split::All, &laid_out(Layout::Folders)).ok()?;
        Some(opened.classes().to_vec())
    };
    let Some(names) = read(bytes) else { return };
    let table: String = names.iter().enumerate().map(line).collect();
    assert_eq!(read(table.as_bytes()), Some(names));
}

/// A list of pictures and masks, in a folder that has no pictures.
pub fn list(bytes: &[u8]) {
    let Ok(dir) = folder(&[("classes.txt", b"a\nb\n"), ("train.txt", bytes)]) else { return };
    if let Ok(folder) = Folder::open(dir.path(), Split::All, &laid_out(Layout::List)) {
        // It names the folder's two texts.
        let _ = (0..folder.len().min(2)).try_for_each(|index| folder.sample(index).map(|_| ()));
    }
}

/// VOC's list of what to train on, in a folder of two pictures.
///
/// # Panics
/// If more pictures were taken than there are lines, or none.
pub fn voc(bytes: &[u8]) {
    let pictures = ["JPEGImages/a.jpg", "JPEGImages/b.png"];
    let masks = ["SegmentationClass/a.png", "SegmentationClass/b.png"];
    listed(Layout::Voc, [pictures, masks], "ImageSets/Segmentation/train.txt", bytes);
}

/// The Pets' list of what to train and to validate on, in a folder of two pictures.
///
/// # Panics
/// As [`voc`].
pub fn pets(bytes: &[u8]) {
    let pictures = ["images/a.jpg", "images/b.png"];
    let masks = ["annotations/trimaps/a.png", "annotations/trimaps/b.png"];
    listed(Layout::Pets, [pictures, masks], "annotations/trainval.txt", bytes);
}

/// CamVid's list of what to train on, in a folder of two pictures.
///
/// # Panics
/// As [`voc`].
pub fn camvid(bytes: &[u8]) {
    let pictures = ["train/a.png", "train/b.png"];
    let masks = ["trainannot/a.png", "trainannot/b.png"];
    listed(Layout::Camvid, [pictures, masks], "train.txt", bytes);
}

/// A list beside files that are there, which is all that opening asks of them.
fn listed(layout: Layout, there: [[&str; 2]; 2], list: &str, bytes: &[u8]) {
    let empty = there.as_flattened().iter().map(|&name| (name, b"".as_slice()));
    let files: Vec<(&str, &[u8])> = empty.chain([(list, bytes)]).collect();
    let Ok(dir) = folder(&files) else { return };
    if let Ok(folder) = Folder::open(dir.path(), Split::All, &laid_out(layout)) {
        let lines = bytes.split(|&byte| byte == b'\n').count();
        assert!((1..=lines).contains(&folder.len()), "{} of {lines}", folder.len());
    }
}
