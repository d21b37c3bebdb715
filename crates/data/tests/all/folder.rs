//! Directories of pictures and masks: what opens, what is read, what is refused.

use std::fs;
use std::path::{Path, PathBuf};

use crate::common::{Header, assert_says, jpeg, png};
use mirrorgrad_data::{DataError, Dataset, Folder, FolderOptions, Split};
use tempfile::TempDir;

/// A directory with classes `sky` and `road`.
fn dir() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    put(dir.path(), "classes.txt", b"sky\n\n road \r\n");
    dir
}

fn put(dir: &Path, name: &str, bytes: &[u8]) -> PathBuf {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// A picture of 3 by 2 pixels and its mask with `label` everywhere.
fn pair(dir: &Path, stem: &str, label: u8) -> [PathBuf; 2] {
    let picture = put(dir, &format!("images/{stem}.jpg"), &jpeg(3, 2));
    [picture, put(dir, &format!("masks/{stem}.png"), &png(Header::grey(3, 2), &[label; 6]))]
}

fn options() -> FolderOptions {
    FolderOptions::default()
}

fn open(dir: &TempDir) -> Result<Folder, DataError> {
    Folder::open(dir.path(), Split::All, &options())
}

fn names(folder: &Folder) -> Vec<String> {
    let name = |index| folder.sample(index).unwrap().name;
    let stem = |name: String| Path::new(&name).file_stem().unwrap().to_str().unwrap().to_owned();
    (0..folder.len()).map(name).map(stem).collect()
}

#[test]
fn train_and_val_are_parts_of_their_own() {
    let dir = dir();
    for (stem, part) in [("b", "train"), ("a", "train"), ("c", "val")] {
        pair(&dir.path().join(part), stem, 1);
    }
    let parts = [
        (Split::Train, vec!["a", "b"]),
        (Split::Validation, vec!["c"]),
        (Split::All, vec!["a", "b", "c"]),
    ];
    for (part, stems) in parts {
        let folder = Folder::open(dir.path(), part, &options()).unwrap();
        assert_eq!(
            (names(&folder), folder.classes()),
            (
                stems.into_iter().map(String::from).collect(),
                ["sky".to_owned(), "road".to_owned()].as_slice(),
            )
        );
    }
    let split = FolderOptions { validation_split: Some(0.5), ..options() };
    let error = Folder::open(dir.path(), Split::Train, &split);
    assert_says(error, &[&"data.folder.validation_split: expected none", &"has train and val"]);
    fs::remove_dir_all(dir.path().join("val")).unwrap();
    let error = Folder::open(dir.path(), Split::Validation, &options());
    assert_says(
        error,
        &[&"data.folder.validation_split: expected a share above 0 and below 1", &"has only train"],
    );
    // What there is can be divided.
    let folder = Folder::open(dir.path(), Split::Validation, &split).unwrap();
    assert_eq!(folder.len(), 1);
}

#[test]
fn a_split_is_decided_by_the_seed_and_leaves_nothing_out() {
    let dir = dir();
    for index in 0..20 {
        pair(dir.path(), &format!("{index:02}"), 0);
    }
    let part = |part, seed, share| {
        let options = FolderOptions { validation_split: Some(share), seed, ..options() };
        names(&Folder::open(dir.path(), part, &options).unwrap())
    };
    let (train, validation) = (part(Split::Train, 1, 0.3), part(Split::Validation, 1, 0.3));
    assert_eq!((train.len(), validation.len()), (14, 6));
    assert!(train.is_sorted() && validation.is_sorted());
    let mut all = [train, validation.clone()].concat();
    all.sort();
    assert_eq!(all, part(Split::All, 1, 0.3));
    assert_eq!(part(Split::Validation, 1, 0.3), validation);
    assert_ne!(part(Split::Validation, 2, 0.3), validation);
    // Neither part is ever empty.
    assert_eq!(part(Split::Validation, 1, 0.001).len(), 1);
    assert_eq!(part(Split::Train, 1, 0.999).len(), 1);
}

#[test]
fn a_senseless_split_is_refused() {
    let dir = dir();
    pair(dir.path(), "a", 0);
    for share in [Some(0.0), Some(1.0), Some(-1.0), Some(f64::NAN), None] {
        let options = FolderOptions { validation_split: share, ..options() };
        let error = Folder::open(dir.path(), Split::Train, &options);
        assert_says(
            error,
            &[&"data.folder.validation_split: expected a share above 0 and below 1"],
        );
    }
    let half = FolderOptions { validation_split: Some(0.5), ..options() };
    assert_says(Folder::open(dir.path(), Split::Train, &half), &[&"at least two pictures"]);
}

#[test]
fn pictures_and_masks_are_paired_by_stem() {
    let dir = dir();
    // Sorted by name with extension, the masks would come in another order than the pictures.
    for (stem, label) in [("a", 0), ("a.1", 1), ("a-b", 1)] {
        pair(dir.path(), stem, label);
    }
    fs::rename(dir.path().join("images/a.jpg"), dir.path().join("images/a.PNG")).unwrap();
    put(dir.path(), "images/.hidden", b"");
    put(dir.path(), "masks/.DS_Store", b"");
    let folder = open(&dir).unwrap();
    let read: Vec<_> = (0..3).map(|index| folder.sample(index).unwrap()).collect();
    for sample in read {
        let expected = if sample.name.ends_with("a.PNG") { 0 } else { 1 };
        assert_eq!(sample.mask.labels, [expected; 6], "{}", sample.name);
    }
}

#[test]
fn what_has_no_counterpart_is_refused() {
    let dir = dir();
    let [picture, mask] = pair(dir.path(), "a", 0);
    fs::remove_file(&mask).unwrap();
    let says = format!("{}: expected its mask {}", picture.display(), mask.display());
    assert_says(open(&dir), &[&says]);
    pair(dir.path(), "a", 0);
    fs::remove_file(&picture).unwrap();
    pair(dir.path(), "b", 0);
    let says = format!("{}: expected its picture {}", mask.display(), picture.display());
    assert_says(open(&dir), &[&says]);
}

#[test]
fn two_files_of_one_stem_are_refused() {
    let dir = dir();
    let [picture, _] = pair(dir.path(), "a", 0);
    let twin = put(dir.path(), "images/a.png", &jpeg(3, 2));
    assert_says(open(&dir), &[&twin.display(), &picture.display(), &"stem"]);
}

#[test]
fn empty_and_missing_directories_are_refused() {
    let dir = dir();
    assert_says(open(&dir), &[&dir.path().display(), &"expected images and masks in it"]);
    fs::create_dir(dir.path().join("images")).unwrap();
    let masks = dir.path().join("masks");
    assert_says(open(&dir), &[&masks.display(), &"cannot be read"]);
    fs::create_dir(masks).unwrap();
    let images = dir.path().join("images");
    assert_says(open(&dir), &[&images.display(), &"expected pictures, found none"]);
    let nowhere = dir.path().join("nowhere");
    let error = Folder::open(&nowhere, Split::All, &options());
    assert_says(error, &[&nowhere.display(), &"cannot be read"]);
}

#[test]
fn classes_must_be_named_once_each() {
    let dir = dir();
    pair(dir.path(), "a", 0);
    let many: String = (0..257).map(|i| format!("{i}\n")).collect();
    let cases: [(&[u8], &str); 4] = [
        (b"", "0 entries"),
        (b" \n\n", "0 entries"),
        (many.as_bytes(), "257 entries"),
        (b"sky\nroad\nsky\n", "sky twice"),
    ];
    for (bytes, says) in cases {
        let path = put(dir.path(), "classes.txt", bytes);
        assert_says(open(&dir), &[&path.display(), &"one per line", &says]);
    }
    put(dir.path(), "classes.txt", b"sky\n\nro\xffad\n");
    assert_says(open(&dir), &[&"classes.txt:3: expected text, found bytes that are not UTF-8"]);
    fs::remove_file(dir.path().join("classes.txt")).unwrap();
    assert_says(open(&dir), &[&"classes.txt: expected the names of the classes", &"write 1 name"]);
    put(dir.path(), "classes.txt", "\u{feff}ciel\r\nété".as_bytes());
    assert_eq!(open(&dir).unwrap().classes(), ["ciel", "été"]);
}

#[test]
fn a_mask_of_another_size_is_refused() {
    let dir = dir();
    let [picture, mask] = pair(dir.path(), "a", 0);
    fs::write(&mask, png(Header::grey(2, 3), &[0; 6])).unwrap();
    let error = open(&dir).unwrap().sample(0);
    let says = format!("expected 2 high, 3 wide, like {}, found 3 high, 2 wide", picture.display());
    assert_says(error, &[&mask.display(), &says]);
}

#[test]
fn labels_are_checked_when_a_sample_is_read() {
    let dir = dir();
    let [_, mask] = pair(dir.path(), "a", 0);
    fs::write(&mask, png(Header::grey(3, 2), &[0, 1, 1, 0, 11, 1])).unwrap();
    let says: [&dyn std::fmt::Display; 3] =
        [&mask.display(), &"below 2", &"found 11 at (x=1, y=1); if 11 marks"];
    assert_says(open(&dir).unwrap().sample(0), &says);
    let options = FolderOptions { ignore_index: Some(11), ..options() };
    let folder = Folder::open(dir.path(), Split::All, &options).unwrap();
    fs::write(&mask, png(Header::grey(3, 2), &[0, 1, 1, 0, 11, 2])).unwrap();
    assert_says(folder.sample(0), &[&"found 2 at (x=2, y=1)"]);
    fs::write(&mask, png(Header::grey(3, 2), &[0, 1, 1, 0, 11, 11])).unwrap();
    assert_eq!(folder.sample(0).unwrap().mask.labels, [0, 1, 1, 0, 11, 11]);
}

#[test]
fn opening_reads_names_alone_and_reading_checks_the_files() {
    let dir = dir();
    let [picture, mask] = pair(dir.path(), "a", 0);
    fs::write(&picture, b"not a picture").unwrap();
    let folder = open(&dir).unwrap();
    assert_says(folder.sample(0), &[&picture.display(), &"expected a complete JPEG, PNG"]);
    fs::write(&picture, jpeg(3, 2)).unwrap();
    fs::write(&mask, jpeg(3, 2)).unwrap();
    assert_says(folder.sample(0), &[&mask.display(), &"found a JPEG"]);
    fs::remove_file(&mask).unwrap();
    assert_says(folder.sample(0), &[&mask.display(), &"cannot be read"]);
}

#[test]
fn all_samples_can_be_brought_to_one_size() {
    let dir = dir();
    pair(dir.path(), "a", 1);
    let sized = |size| {
        let options = FolderOptions { size: Some(size), ..options() };
        Folder::open(dir.path(), Split::All, &options)
    };
    let sample = sized([5, 4]).unwrap().sample(0).unwrap();
    assert_eq!((sample.picture.size(), sample.mask.size()), ([5, 4], [5, 4]));
    assert_eq!(sample.mask.labels, [1; 20]);
    for size in [[0, 4], [4, 16_385], [16_000, 16_000]] {
        assert_says(sized(size), &[&"data.folder.size: expected sides of 1 to 16384"]);
    }
}

#[cfg(unix)]
#[test]
fn a_link_may_not_lead_out() {
    use std::os::unix::fs::symlink;
    let (dir, other) = (dir(), dir());
    let [picture, mask] = pair(dir.path(), "a", 0);
    let [elsewhere, _] = pair(other.path(), "a", 0);
    // Within the directory a link is as good as a file.
    symlink(&mask, dir.path().join("masks/b.png")).unwrap();
    symlink(&picture, dir.path().join("images/b.jpg")).unwrap();
    assert_eq!(names(&open(&dir).unwrap()), ["a", "b"]);
    fs::remove_file(&picture).unwrap();
    symlink(&elsewhere, &picture).unwrap();
    fs::remove_file(dir.path().join("images/b.jpg")).unwrap();
    let says: [&dyn std::fmt::Display; 2] = [&picture.display(), &"found a link to"];
    assert_says(open(&dir), &says);
    fs::remove_dir_all(dir.path().join("images")).unwrap();
    symlink(other.path().join("images"), dir.path().join("images")).unwrap();
    assert_says(open(&dir), &[&dir.path().join("images").display(), &"found a link to"]);
    // The directory itself may be reached through one.
    let link = dir.path().join("link");
    symlink(other.path(), &link).unwrap();
    assert!(Folder::open(&link, Split::All, &options()).is_ok());
}
