//! The files of runs and data sets.

use mirrorgrad_segment::{
    Checkpoint, Config, Dataset, Folder, FolderOptions, Layout, Part, class_names, decode_mask,
    decode_picture,
};
use std::path::Path;

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

/// A picture file.
///
/// # Panics
/// If one that was read has another number of pixels than its size says.
pub fn picture(bytes: &[u8]) {
    if let Ok(picture) = decode_picture(bytes, Path::new("picture")) {
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

/// A list of pictures and masks, in a folder that has no pictures.
pub fn list(bytes: &[u8]) {
    let Ok(dir) = tempfile::tempdir() else { return };
    let write = |name: &str, bytes: &[u8]| std::fs::write(dir.path().join(name), bytes);
    if write("classes.txt", b"a\nb\n").and_then(|()| write("train.txt", bytes)).is_err() {
        return;
    }
    let options = FolderOptions { layout: Some(Layout::List), ..FolderOptions::default() };
    if let Ok(folder) = Folder::open(dir.path(), Part::All, &options) {
        // It names the folder's two texts.
        let _ = (0..folder.len().min(2)).try_for_each(|index| folder.sample(index).map(|_| ()));
    }
}
