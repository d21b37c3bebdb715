//! The layouts that directories may have, each as its data set has it.

use crate::common::place::Place;
use crate::common::{Header, assert_says, png, png_of};
use mirrorgrad_data::{Dataset, FolderOptions, Layout, Split};
use std::fs;

fn options() -> FolderOptions {
    FolderOptions::default()
}

fn halved() -> FolderOptions {
    FolderOptions { validation_split: Some(0.5), ..options() }
}

/// Asserts which pictures are in which part.
#[track_caller]
fn assert_parts(place: &Place, options: &FolderOptions, parts: &[(Split, &[&str])]) {
    for (part, stems) in parts {
        assert_eq!(place.stems(*part, options).unwrap(), *stems, "{part:?}");
    }
}

/// VOC with a picture more than there are masks.
fn voc() -> Place {
    let place = Place::empty();
    for stem in ["2007_a", "2007_b", "2008_c", "2008_d"] {
        place.picture(&format!("JPEGImages/{stem}.jpg"));
        let header = Header { colour: 3, ..Header::grey(3, 2) };
        let mask = png(header, &[0, 255, 20, 20, 255, 0]);
        place.put(&format!("SegmentationClass/{stem}.png"), &mask);
    }
    place.picture("JPEGImages/2009_unlabelled.jpg");
    place
}

#[test]
fn voc_has_lists_of_stems_and_its_own_classes() {
    let place = voc();
    place.put("ImageSets/Segmentation/train.txt", b"2008_c\n2007_a\n");
    place.put("ImageSets/Segmentation/val.txt", b"2007_b\r\n");
    place.put("ImageSets/Segmentation/trainval.txt", b"2007_a\n2007_b\n2008_c\n");
    let parts: [(Split, &[&str]); 3] = [
        (Split::Train, &["2008_c", "2007_a"]),
        (Split::Validation, &["2007_b"]),
        (Split::All, &["2008_c", "2007_a", "2007_b"]),
    ];
    assert_parts(&place, &options(), &parts);
    let folder = place.open(Split::Train, &options()).unwrap();
    assert_eq!((folder.classes().len(), folder.ignore_index()), (21, Some(255)));
    assert_eq!((&*folder.classes()[15], &*folder.classes()[20]), ("person", "tvmonitor"));
    assert_eq!(folder.sample(0).unwrap().mask.labels, [0, 255, 20, 20, 255, 0]);
    assert_says(
        place.open(Split::Train, &halved()),
        &[&"data.folder.validation_split: expected none", &"val.txt"],
    );
}

#[test]
fn voc_without_a_list_to_validate_on_can_be_divided() {
    let place = voc();
    place.put("ImageSets/Segmentation/trainval.txt", b"2007_a\n2007_b\n2008_c\n2008_d\n");
    let says = "trainval.txt for training and validation, found none";
    assert_says(
        place.open(Split::Train, &options()),
        &[&"data.folder.validation_split: expected a share", &says],
    );
    let [train, val] =
        [Split::Train, Split::Validation].map(|p| place.stems(p, &halved()).unwrap());
    assert_eq!((train.len(), val.len()), (2, 2));
    assert!(train.iter().all(|stem| !val.contains(stem)));
    // With train.txt alone, that is divided; without any list, all masks are meant.
    place.put("ImageSets/Segmentation/train.txt", b"2007_a\n2007_b\n");
    assert_eq!(place.stems(Split::Validation, &halved()).unwrap().len(), 1);
    fs::remove_dir_all(place.at("ImageSets")).unwrap();
    let all: [(Split, &[&str]); 1] = [(Split::All, &["2007_a", "2007_b", "2008_c", "2008_d"])];
    assert_parts(&place, &halved(), &all);
}

#[test]
fn faults_of_voc_name_the_line() {
    let place = voc();
    let list = "ImageSets/Segmentation/train.txt";
    let cases = [
        ("2009_unlabelled", r#"SegmentationClass, found "2009_unlabelled.png": No such file"#),
        ("2010_nowhere", r#"JPEGImages, found "2010_nowhere.jpg": No such file"#),
        ("2007_b 1", r#"JPEGImages, found "2007_b 1.jpg": No such file"#),
        ("../x", r#"found "../x.jpg", which is outside"#),
    ];
    for (line, says) in cases {
        place.put(list, format!("2007_a\n{line}\n").as_bytes());
        let error = place.open(Split::Train, &options());
        assert_says(error, &[&"ImageSets/Segmentation/train.txt:2", &says, &"layout voc"]);
    }
}

/// CamVid of one picture a part.
fn camvid() -> Place {
    let place = Place::empty();
    for (part, stem) in [("train", "b"), ("train", "a"), ("val", "c"), ("test", "d")] {
        place.picture(&format!("{part}/{stem}.png"));
        place.mask(&format!("{part}annot/{stem}.png"), &[0, 10, 11, 11, 3, 0]);
    }
    place
}

#[test]
fn camvid_has_masks_beside_its_parts() {
    let place = camvid();
    let parts: [(Split, &[&str]); 4] = [
        (Split::Train, &["a", "b"]),
        (Split::Validation, &["c"]),
        (Split::Test, &["d"]),
        (Split::All, &["a", "b", "c"]),
    ];
    assert_parts(&place, &options(), &parts);
    let folder = place.open(Split::Train, &options()).unwrap();
    assert_eq!((folder.classes().len(), folder.ignore_index()), (11, Some(11)));
    assert_eq!((&*folder.classes()[0], &*folder.classes()[10]), ("sky", "bicyclist"));
    assert_eq!(folder.sample(0).unwrap().mask.labels, [0, 10, 11, 11, 3, 0]);
}

#[test]
fn the_lists_of_camvid_say_which_and_in_which_order_whatever_machine_they_are_from() {
    let place = camvid();
    let line = |part: &str, stem| {
        format!("/SegNet/CamVid/{part}/{stem}.png /SegNet/CamVid/{part}annot/{stem}.png\n")
    };
    place.put("train.txt", [line("train", "b"), line("train", "a")].concat().as_bytes());
    assert_parts(&place, &options(), &[(Split::Train, &["b", "a"]), (Split::Validation, &["c"])]);
    place.put("train.txt", [line("train", "b"), line("train", "x")].concat().as_bytes());
    let error = place.open(Split::Train, &options());
    assert_says(error, &[&"train.txt:2", &r#"train, found "x.png": No such file"#, &"trainannot"]);
}

/// Two pets.
fn pets() -> Place {
    let place = Place::empty();
    for stem in ["Abyssinian_1", "beagle_2", "pug_3", "pug_4"] {
        place.picture(&format!("images/{stem}.jpg"));
        place.mask(&format!("annotations/trimaps/{stem}.png"), &[2, 3, 1, 1, 3, 2]);
        place.put(&format!("annotations/trimaps/._{stem}.png"), b"\0\x05\x16\x07");
    }
    place
}

#[test]
fn trimaps_of_pets_become_background_pet_and_left_out() {
    let place = pets();
    place.put("annotations/trainval.txt", b"Abyssinian_1 1 1 1\nbeagle_2 5 2 1\n");
    place.put("annotations/test.txt", b"pug_3 26 2 19\n");
    assert_parts(&place, &halved(), &[(Split::Test, &["pug_3"])]);
    assert_parts(&place, &options(), &[(Split::All, &["Abyssinian_1", "beagle_2"])]);
    assert_eq!(place.stems(Split::Train, &halved()).unwrap().len(), 1);
    let folder = place.open(Split::All, &options()).unwrap();
    assert_eq!(
        (folder.classes(), folder.ignore_index()),
        (["background", "pet"].map(String::from).as_slice(), Some(255))
    );
    assert_eq!(folder.sample(0).unwrap().mask.labels, [0, 255, 1, 1, 255, 0]);
    let ignoring = FolderOptions { ignore_index: Some(9), ..options() };
    assert_eq!(place.labels(&ignoring).unwrap(), [0, 9, 1, 1, 9, 0]);
    // A stranger's value is none of these.
    place.mask("annotations/trimaps/beagle_2.png", &[2, 3, 0, 1, 3, 2]);
    let error = place.open(Split::All, &options()).unwrap().sample(1);
    assert_says(error, &[&"beagle_2.png: expected the values 2, 1", &"found 0 at (x=2, y=0)"]);
}

#[test]
fn pets_without_lists_are_all_meant() {
    let place = pets();
    let all: [(Split, &[&str]); 1] =
        [(Split::All, &["Abyssinian_1", "beagle_2", "pug_3", "pug_4"])];
    assert_parts(&place, &options(), &all);
}

#[test]
fn lists_pair_what_they_name() {
    let place = Place::empty();
    place.put("classes.txt", b"sky\nroad\n");
    place.picture("a b.jpg");
    place.picture("deep/er/c.jpg");
    place.mask("x.png", &[0; 6]);
    place.mask("y y.png", &[1; 6]);
    place.put("train.txt", b"a b.jpg\ty y.png\n\n  deep/er/c.jpg   ./x.png \n");
    place.put("val.txt", b"deep/er/c.jpg\tx.png\n");
    assert_parts(&place, &options(), &[(Split::Train, &["a b", "c"]), (Split::Validation, &["c"])]);
    assert_eq!(place.labels(&options()).unwrap(), [1; 6]);
    // One list can be divided, two are.
    assert_says(place.open(Split::Train, &halved()), &[&"has train.txt and val.txt"]);
    fs::remove_file(place.at("val.txt")).unwrap();
    assert_eq!(place.stems(Split::Validation, &halved()).unwrap().len(), 1);
}

#[test]
fn classes_txt_goes_before_the_classes_of_a_layout() {
    let place = camvid();
    place.put("classes.txt", (0..12).map(|n| format!("c{n}\n")).collect::<String>().as_bytes());
    let folder = place.open(Split::Train, &options()).unwrap();
    assert_eq!((folder.classes().len(), folder.ignore_index()), (12, Some(11)));
}

#[test]
fn folders_may_have_a_part_to_test_on() {
    let place = Place::empty();
    place.put("classes.txt", b"sky\n");
    for part in ["train", "val", "test"] {
        place.picture(&format!("{part}/images/{part}.jpg"));
        place.mask(&format!("{part}/masks/{part}.png"), &[0; 6]);
    }
    let parts: [(Split, &[&str]); 2] = [(Split::Test, &["test"]), (Split::All, &["train", "val"])];
    assert_parts(&place, &options(), &parts);
}

#[test]
fn options_resolve_to_what_the_directory_decides() {
    let resolved = |place: &Place, options: &FolderOptions| {
        let resolved = options.resolve(place.path()).unwrap();
        assert_eq!(resolved.resolve(place.path()).unwrap(), resolved);
        (resolved.layout, resolved.ignore_index)
    };
    assert_eq!(resolved(&voc(), &options()), (Some(Layout::Voc), Some(255)));
    assert_eq!(resolved(&camvid(), &options()), (Some(Layout::Camvid), Some(11)));
    assert_eq!(resolved(&Place::pair(), &options()), (Some(Layout::Folders), None));
    let seven = FolderOptions { ignore_index: Some(7), ..options() };
    assert_eq!(resolved(&voc(), &seven), (Some(Layout::Voc), Some(7)));
    let coloured = Place::pair();
    coloured.put("colours.txt", b"0 0 0 sky\n1 1 1 road\n2 2 2\n");
    assert_eq!(resolved(&coloured, &options()), (Some(Layout::Folders), Some(255)));
}

#[test]
fn layouts_have_the_same_names_in_configurations_and_messages() {
    for layout in Layout::ALL {
        let options = FolderOptions { layout: Some(layout), ..options() };
        let text = toml::to_string(&options).unwrap();
        assert!(text.contains(&format!("layout = \"{}\"", layout.name())), "{text}");
        assert_eq!(toml::from_str::<FolderOptions>(&text).unwrap(), options);
    }
    // A configuration from before there were layouts.
    assert_eq!(toml::from_str::<FolderOptions>("seed = 0\n").unwrap(), options());
}

#[test]
fn colours_mean_what_the_table_says() {
    let place = Place::pair();
    fs::remove_file(place.at("classes.txt")).unwrap();
    let table = "# red green blue name\n10 20 30 big road\n1 1 1\n0 0 0 sky\n\n40 50 60 big road\n";
    place.put("colours.txt", table.as_bytes());
    let colours = [[10, 20, 30], [0, 0, 0], [1, 1, 1], [40, 50, 60], [0, 0, 0], [10, 20, 30]];
    let expected = [0, 1, 255, 0, 1, 0];
    let rows = |alpha: &[u8]| {
        let pixel = |colour: &[u8; 3]| [colour.as_slice(), alpha].concat();
        let row = |row: &[[u8; 3]]| [vec![0], row.iter().flat_map(pixel).collect()].concat();
        colours.chunks(3).flat_map(row).collect::<Vec<u8>>()
    };
    for (colour, alpha) in [(2, [].as_slice()), (6, &[77])] {
        place.put("masks/a.png", &png_of(Header { colour, ..Header::grey(3, 2) }, &rows(alpha)));
        assert_eq!(place.labels(&options()).unwrap(), expected, "{colour}");
    }
    let folder = place.open(Split::All, &options()).unwrap();
    assert_eq!(folder.classes(), ["big road", "sky"]);
    // A palette's colours count, not its indices; and grey is a colour.
    place.put("colours.txt", b"21 28 35 a\n42 49 56 b\n");
    let header = Header { colour: 3, bits: 2, ..Header::grey(3, 2) };
    place.put("masks/a.png", &png(header, &[1, 2, 2, 1, 1, 1]));
    assert_eq!(place.labels(&options()).unwrap(), [0, 1, 1, 0, 0, 0]);
    place.put("colours.txt", b"255 255 255 white\n0 0 0 black\n");
    place.put("masks/a.png", &png(Header { bits: 1, ..Header::grey(3, 2) }, &[1, 0, 0, 1, 1, 1]));
    assert_eq!(place.labels(&options()).unwrap(), [0, 1, 1, 0, 0, 0]);
}
