//! What a census finds in a directory.

use crate::common::place::Place;
use crate::common::{Header, jpeg, lines, png};
use mirrorgrad_data::{Census, FolderOptions, Histogram, Layout, Message, SizeCount, Split};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

fn census(place: &Place, options: &FolderOptions) -> Census {
    Census::take(place.path(), options, &|_| ()).unwrap()
}

/// Asserts that `lines` are as many as `parts`, and each has its part in it.
#[track_caller]
fn assert_lines(messages: &[Message], parts: &[&str]) {
    let lines = lines(messages);
    assert_eq!(lines.len(), parts.len(), "{lines:#?}");
    for (line, part) in lines.iter().zip(parts) {
        assert!(line.contains(part) && line.lines().count() == 1, "{line:?} without {part:?}");
    }
}

/// A directory with two pictures to train on and one to validate on, of one size.
fn divided() -> Place {
    let place = Place::empty();
    place.put("classes.txt", b"sky\nroad\ncar\n");
    for (part, stem, labels) in [
        ("train", "a", [0, 0, 1, 1, 255, 0]),
        ("train", "b", [0, 0, 0, 0, 0, 0]),
        ("val", "c", [2, 2, 1, 0, 255, 255]),
    ] {
        // A picture of its own for each.
        let values = [stem.as_bytes()[0]; 6];
        place.put(&format!("{part}/images/{stem}.png"), &png(Header::grey(3, 2), &values));
        place.mask(&format!("{part}/masks/{stem}.png"), &labels);
    }
    place
}

fn ignoring() -> FolderOptions {
    FolderOptions { ignore_index: Some(255), ..FolderOptions::default() }
}

#[test]
fn a_good_directory_is_counted_and_has_no_faults() {
    let place = divided();
    let seen = AtomicUsize::new(0);
    let census = Census::take(place.path(), &ignoring(), &|all| {
        assert!((1..=2).contains(&all) || all == 3);
        seen.fetch_add(1, Relaxed);
    })
    .unwrap();
    assert_eq!(seen.into_inner(), 3);
    assert_lines(&census.faults, &[]);
    assert_lines(&census.notes, &["no pixel of car in train"]);
    assert_eq!((census.layout, census.detected_by), (Layout::Folders, Some("train")));
    let parts: Vec<_> = census.splits.iter().map(|p| (p.name, p.pictures, p.faulty)).collect();
    assert_eq!(parts, [("train", 2, 0), ("val", 1, 0)]);
    assert_eq!(census.splits[0].sizes, [SizeCount { height: 2, width: 3, pictures: 2 }]);
    let train = Histogram {
        pixels: vec![9, 2, 0],
        masks: vec![2, 1, 0],
        around: vec![11, 5, 0],
        ignored: 1,
    };
    assert_eq!(census.splits[0].histogram, train);
    assert_eq!(census.splits[1].histogram.pixels, [1, 1, 2]);
    assert_eq!(census.trained().unwrap().histogram, train);
}

#[test]
fn all_faults_are_found_and_not_only_the_first() {
    let place = divided();
    place.put("train/images/d.jpg", b"GIF89a");
    place.mask("train/masks/d.png", &[0; 6]);
    place.put("train/images/e.jpg", &jpeg(4, 4));
    place.mask("train/masks/e.png", &[0; 6]);
    place.put("train/images/f.jpg", &jpeg(5, 5)[..40]);
    place.put("train/masks/f.png", b"no mask");
    place.picture("train/images/alone.jpg");
    place.mask("train/masks/widow.png", &[0; 6]);
    place.mask("val/masks/c.png", &[2, 2, 1, 0, 7, 255]);
    let census = census(&place, &ignoring());
    let faults = [
        "widow.png: expected its picture",
        "alone.jpg: expected its mask",
        "d.jpg: expected a complete JPEG, PNG, BMP, GIF, TIFF or WebP picture, found ",
        "e.png: expected 4 high, 4 wide",
        "f.jpg: expected a complete JPEG",
        "f.png: expected a mask",
        "c.png: expected labels below 3, the number of classes, found 7 at (x=1, y=1)",
    ];
    assert_lines(&census.faults, &faults);
    let parts: Vec<_> = census.splits.iter().map(|p| (p.name, p.pictures, p.faulty)).collect();
    assert_eq!(parts, [("train", 5, 3), ("val", 1, 1)]);
    // What has a fault is not counted.
    assert_eq!(census.splits[0].histogram.pixels, [9, 2, 0]);
    assert_eq!(census.splits[1].histogram.pixels, [0; 3]);
    let examples = census.examples(24).unwrap();
    assert_eq!(examples.len(), 2);
}

#[test]
fn faults_of_lists_are_all_found() {
    let place = Place::pair();
    place.put("train.txt", b"images/a.jpg masks/a.png\nx y\n../z masks/a.png\none\n");
    let census = census(&place, &FolderOptions::default());
    assert_lines(&census.faults, &["train.txt:2", "train.txt:3", "train.txt:4"]);
    assert_eq!((census.splits[0].pictures, census.splits[0].faulty), (1, 0));
}

#[test]
fn masks_without_named_classes_are_counted_all_the_same() {
    let place = Place::pair();
    fs::remove_file(place.at("classes.txt")).unwrap();
    place.mask("masks/a.png", &[0, 3, 3, 0, 0, 0]);
    let census = census(&place, &FolderOptions::default());
    let ways = "the masks hold 0 and 3: write 2 names into it and set data.folder.mask_values = [0, 3], or set \
                data.folder.mask_values = [0, 3] without a file, for the class names 0 and 1";
    assert_lines(&census.faults, &[ways]);
    assert_eq!(census.classes, ["0", "1"]);
    assert_eq!(census.splits[0].histogram.pixels, [4, 2]);
}

#[test]
fn pictures_of_several_sizes_are_noted_unless_they_are_brought_to_one() {
    let place = Place::pair();
    place.put("images/b.jpg", &jpeg(5, 7));
    place.put("masks/b.png", &png(Header::grey(5, 7), &[1; 35]));
    let options = FolderOptions::default();
    let note = "2 sizes, from 2 high, 3 wide to 7 high, 5 wide: a batch needs one size, so set data.folder.size \
                = [H, W]";
    assert_lines(&census(&place, &options).notes, &[note]);
    let sized = FolderOptions { size: Some([4, 4]), ..options };
    assert_lines(&census(&place, &sized).notes, &[]);
}

#[test]
fn a_picture_in_two_parts_is_noted() {
    let place = divided();
    let twin = fs::read(place.at("train/images/b.png")).unwrap();
    place.put("val/images/other.png", &twin);
    place.mask("val/masks/other.png", &[0; 6]);
    let notes = census(&place, &ignoring()).notes;
    assert_lines(&notes[..1], &["val shares 1 picture with another split, such as "]);
    let note = notes[0].to_string();
    assert!(note.ends_with("train/images/b.png") && note.contains("other.png, which is "));
}

#[test]
fn a_split_is_shown_as_it_will_be_trained_on() {
    let place = Place::empty();
    place.put("classes.txt", b"sky\n");
    for stem in ["a", "b", "c", "d"] {
        place
            .put(&format!("images/{stem}.png"), &png(Header::grey(3, 2), &[stem.as_bytes()[0]; 6]));
        place.mask(&format!("masks/{stem}.png"), &[0; 6]);
    }
    let options = FolderOptions { validation_split: Some(0.25), ..FolderOptions::default() };
    let parts: Vec<_> =
        census(&place, &options).splits.iter().map(|p| (p.name, p.pictures)).collect();
    assert_eq!(parts, [("train", 3), ("val", 1)]);
    assert_eq!(place.stems(Split::Train, &options).unwrap().len(), 3);
    let whole = census(&place, &FolderOptions::default());
    assert_eq!((whole.splits.len(), whole.splits[0].name), (1, "all"));
}

#[test]
fn a_census_is_an_object_in_json() {
    let json = serde_json::to_value(census(&divided(), &ignoring())).unwrap();
    assert_eq!(json["layout"], "folders");
    assert_eq!(json["parts"][1]["histogram"]["pixels"], serde_json::json!([1, 1, 2]));
    assert_eq!(json["parts"][0]["sizes"][0]["width"], 3);
    assert!(json.get("pairs").is_none() && json.get("source").is_none());
}

#[test]
fn a_histogram_of_a_data_set_is_that_of_its_masks_and_ignored_pixels_weigh_nothing() {
    let place = divided();
    let folder = place.open(Split::All, &ignoring()).unwrap();
    let histogram = Histogram::of(&folder, Some(255)).unwrap();
    assert_eq!((histogram.pixels.as_slice(), histogram.ignored), ([10, 3, 2].as_slice(), 3));
    assert_eq!(histogram.around, [15, 9, 4]);
    assert!((histogram.shares()[0] - 10.0 / 15.0).abs() < 1e-12);
}

#[test]
fn classes_that_make_no_sense_are_a_fault_and_labels_are_counted_all_the_same() {
    let place = Place::pair();
    place.mask("masks/a.png", &[0, 255, 0, 255, 0, 255]);
    let options =
        FolderOptions { mask_values: Some(vec![0, 255, 128]), ..FolderOptions::default() };
    let told = census(&place, &options);
    let says = "data.folder.mask_values: expected 2 values, one for each class, all different, found 3 of them";
    assert_lines(&told.faults, &[says]);
    // By the values that were declared, in turn.
    assert_eq!(told.classes, ["0", "1", "2"]);
    assert_eq!(told.splits[0].histogram.pixels, [3, 3, 0]);
}

#[test]
fn the_part_that_is_trained_on_is_known_and_not_the_one_to_test_on() {
    let place = Place::empty();
    place.put("classes.txt", b"sky\nroad\n");
    for (name, labels) in [
        ("images/a", [0, 0, 0, 1, 1, 1]),
        ("images/b", [0, 0, 0, 1, 1, 1]),
        ("test/images/t", [0, 0, 0, 0, 0, 1]),
    ] {
        place.put(&format!("{name}.png"), &png(Header::grey(3, 2), &[name.len() as u8; 6]));
        place.mask(&format!("{}.png", name.replace("images", "masks")), &labels);
    }
    let options = FolderOptions { validation_split: Some(0.5), ..FolderOptions::default() };
    for options in [FolderOptions::default(), options] {
        let census = census(&place, &options);
        let pixels = &census.trained().unwrap().histogram.pixels;
        assert_eq!(pixels[0], pixels[1]);
        assert_eq!(census.splits.last().unwrap().name, "test");
    }
}

#[test]
fn faults_alike_but_for_file_and_place_are_told_once_with_their_number() {
    let place = divided();
    for (part, stem) in [("train", "a"), ("train", "b"), ("val", "c")] {
        place.mask(&format!("{part}/masks/{stem}.png"), &[0, 0, 1, 7, 0, 0]);
    }
    place.put("train/masks/b.png", b"no mask");
    let census = census(&place, &ignoring());
    assert_eq!(census.faults.len(), 3);
    let told = census.of_files();
    assert_eq!(told.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [2, 1]);
    assert!(told[0].0.to_string().contains("train/masks/a.png"), "{told:?}");
    assert!(told[1].0.to_string().contains("b.png"), "{told:?}");
}
