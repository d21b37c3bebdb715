//! Directories as people have them: with what programs leave in them, and as other tools export them.

use crate::common;

use crate::common::place::Place;
use crate::common::{Header, assert_says, jpeg, lines, png, png_of};
use mirrorgrad_data::{Census, DataError, Dataset, Folder, FolderOptions, Split};
use std::fs;

fn options() -> FolderOptions {
    FolderOptions::default()
}

fn notes(place: &Place, options: &FolderOptions) -> Vec<String> {
    lines(&Folder::notes(place.path(), options).unwrap())
}

/// A directory with the names of classes and these pictures and masks, each with its label.
fn place(files: &[(&str, &str, u8)]) -> Place {
    let place = Place::empty();
    place.put("classes.txt", b"sky\nroad\n");
    for (picture, mask, label) in files {
        place.picture(picture);
        place.mask(mask, &[*label; 6]);
    }
    place
}

/// Asserts which pictures are in a part, and the label of each mask.
#[track_caller]
fn assert_part(place: &Place, options: &FolderOptions, part: Split, expected: &[(&str, u8)]) {
    let folder = place.open(part, options).unwrap();
    let samples = (0..folder.len()).map(|index| folder.sample(index).unwrap());
    let found: Vec<(String, u8)> =
        samples.map(|it| (common::place::stem(&it.name), it.mask.labels[0])).collect();
    let expected: Vec<(String, u8)> =
        expected.iter().map(|&(stem, label)| (stem.to_owned(), label)).collect();
    assert_eq!(found, expected, "{part:?}");
}

// What is no picture.

#[test]
fn what_is_no_picture_is_passed_over_and_told_of_in_one_note() {
    let place = Place::pair();
    let strays = [
        "images/Thumbs.db",
        "images/desktop.ini",
        "images/a.pgw",
        "images/a.jpg.aux.xml",
        "images/a.json",
        "images/.DS_Store",
        "images/._a.jpg",
        "images/noext",
        "images/__MACOSX/b.jpg",
        "images/.ipynb_checkpoints/a.jpg",
        "masks/readme.txt",
        "masks/a.mat",
    ];
    for name in strays {
        place.put(name, b"\xd0\xcf\x11\xe0 something else");
    }
    let told = notes(&place, &options());
    assert_eq!(told.len(), 1, "{told:?}");
    let says = "12 files or folders are skipped, since they are not pictures: images/.DS_Store, ";
    assert!(told[0].starts_with(says) && told[0].ends_with(" and 7 more"), "{told:?}");
    assert_eq!(place.stems(Split::All, &options()).unwrap(), ["a"]);
    let census = Census::take(place.path(), &options(), &|_| ()).unwrap();
    assert!(census.faults.is_empty() && lines(&census.notes).contains(&told[0]), "{census:?}");
    // The note is one for both halves of a directory that is divided.
    place.picture("images/b.jpg");
    place.mask("masks/b.png", &[0; 6]);
    let halved = FolderOptions { validation_split: Some(0.5), ..options() };
    let halved = Census::take(place.path(), &halved, &|_| ()).unwrap();
    assert_eq!(lines(&halved.notes)[..1], told[..1]);
}

#[test]
fn a_picture_is_one_by_its_extension_or_its_content() {
    let place = Place::pair();
    // By its content alone, by its name alone, and by neither.
    place.put("images/b.dat", &jpeg(3, 2));
    place.mask("masks/b", &[1; 6]);
    assert_part(&place, &options(), Split::All, &[("a", 0), ("b", 1)]);
    place.put("images/b.dat", b"no picture");
    assert_says(place.open(Split::All, &options()), &[&"masks/b: expected its picture"]);
    for name in ["c.heic", "c.tif", "c.JPG"] {
        let path = place.put(&format!("images/{name}"), b"no picture");
        place.mask("masks/c.png", &[1; 6]);
        place.mask("masks/b", &[1; 6]);
        place.put("images/b.dat", &jpeg(3, 2));
        // It is not passed over: that it cannot be read is said.
        let folder = place.open(Split::All, &options()).unwrap();
        assert_says(folder.sample(2), &[&path.display()]);
        fs::remove_file(path).unwrap();
    }
}

#[test]
fn the_rule_holds_for_every_layout() {
    let [voc, pets, camvid, one] = [(); 4].map(|()| Place::empty());
    for (place, images, masks) in [
        (&voc, "JPEGImages", "SegmentationClass"),
        (&pets, "images", "annotations/trimaps"),
        (&camvid, "train", "trainannot"),
        (&one, "train", "train"),
    ] {
        place.put("classes.txt", b"sky\nroad\n");
        place.picture(&format!("{images}/a.jpg"));
        place.mask(&format!("{masks}/a.png"), &[1; 6]);
        place.put(&format!("{images}/Thumbs.db"), b"");
        assert_eq!(place.stems(Split::All, &options()).unwrap(), ["a"], "{images}");
        let says =
            format!("1 file or folder is skipped, since it is not a picture: {images}/Thumbs.db");
        assert_eq!(notes(place, &options()), [says]);
    }
}

// Where parts and masks are.

#[test]
fn parts_and_directories_of_masks_have_many_names() {
    let cases: [[&str; 4]; 11] = [
        ["train/images", "train/masks", "val/images", "val/masks"],
        ["train/images", "train/labels", "valid/images", "valid/labels"],
        ["Train/Images", "Train/Masks", "Validation/Images", "Validation/Masks"],
        ["train/image", "train/label", "validation/image", "validation/label"],
        ["images/train", "masks/train", "images/val", "masks/val"],
        ["images/training", "annotations/training", "images/validation", "annotations/validation"],
        ["train", "train_labels", "val", "val_labels"],
        ["train", "train_masks", "valid", "valid_masks"],
        ["train_images", "train_masks", "val_images", "val_masks"],
        ["train", "trainannot", "val", "valannot"],
        ["train", "trainannot", "valid", "validannot"],
    ];
    for [train, train_masks, val, val_masks] in cases {
        let of = |dir: &str, file: &str| format!("{dir}/{file}");
        let place = place(&[
            (&of(train, "a.jpg"), &of(train_masks, "a.png"), 1),
            (&of(val, "b.jpg"), &of(val_masks, "b.png"), 0),
        ]);
        assert_part(&place, &options(), Split::Train, &[("a", 1)]);
        assert_part(&place, &options(), Split::Validation, &[("b", 0)]);
        assert!(Folder::has_validation(place.path(), &options()).unwrap(), "{val}");
        assert_eq!(notes(&place, &options()), [""; 0]);
    }
    for [images, masks] in [["images", "labels"], ["imgs", "masks"], ["Images", "annotations"]] {
        let place = place(&[(&format!("{images}/a.jpg"), &format!("{masks}/a.png"), 1)]);
        assert_part(&place, &options(), Split::All, &[("a", 1)]);
    }
    let place = place(&[("images/a.jpg", "masks/a.png", 1), ("images/b.jpg", "masks/b.png", 1)]);
    place.put("train.txt", b"images/a.jpg masks/a.png\n");
    place.put("valid.txt", b"images/b.jpg masks/b.png\n");
    assert_part(&place, &options(), Split::Validation, &[("b", 1)]);
}

#[test]
fn what_could_be_meant_in_two_ways_is_refused() {
    let two = place(&[("train/images/a.jpg", "train/masks/a.png", 0)]);
    for part in ["val", "valid"] {
        two.picture(&format!("{part}/images/a.jpg"));
        two.mask(&format!("{part}/masks/a.png"), &[0; 6]);
    }
    let says = "expected only one of val or valid or validation, found val and valid";
    assert_says(two.open(Split::Validation, &options()), &[&says]);
    let masks = place(&[("images/a.jpg", "labels/a.png", 0)]);
    masks.mask("annotations/a.png", &[1; 6]);
    let says = "expected one directory of masks, found labels and annotations; rename the right one to masks";
    assert_says(masks.open(Split::All, &options()), &[&says]);
    // Labels of boxes are no masks, and masks go before all.
    masks.put("annotations/a.xml", b"<annotation/>");
    fs::remove_file(masks.at("annotations/a.png")).unwrap();
    assert_part(&masks, &options(), Split::All, &[("a", 0)]);
    masks.mask("annotations/a.png", &[1; 6]);
    masks.mask("masks/a.png", &[1; 6]);
    assert_part(&masks, &options(), Split::All, &[("a", 1)]);
}

// Suffixes of masks.

#[test]
fn a_suffix_of_all_masks_is_found_and_said() {
    let place = place(&[
        ("images/car_0.jpg", "masks/car_0_mask.png", 0),
        ("images/car_1.jpg", "masks/car_1_mask.png", 1),
        ("images/car_10.jpg", "masks/car_10_mask.png", 1),
    ]);
    assert_part(&place, &options(), Split::All, &[("car_0", 0), ("car_1", 1), ("car_10", 1)]);
    let says = "mask names are picture names with the suffix _mask, such as masks/car_0_mask.png";
    assert_eq!(notes(&place, &options()), [says]);
    // It is kept in the run, where it is no less true of fewer pictures.
    let resolved = options().resolve(place.path()).unwrap();
    assert_eq!(resolved.mask_suffix.as_deref(), Some("_mask"));
    assert_eq!(resolved.elsewhere().mask_suffix, None);
    // With one missing, that is the fault, and the only one.
    fs::remove_file(place.at("masks/car_1_mask.png")).unwrap();
    let census = Census::take(place.path(), &options(), &|_| ()).unwrap();
    assert_eq!(census.faults.len(), 1, "{:?}", census.faults);
    let says = ["images/car_1.jpg: expected its mask ", "masks/car_1_mask.png, found none"];
    assert!(
        says.iter().all(|says| census.faults[0].to_string().contains(says)),
        "{:?}",
        census.faults
    );
}

#[test]
fn of_several_suffixes_one_has_to_be_asked_for() {
    let place =
        place(&[("images/a.jpg", "masks/a_ids.png", 1), ("images/b.jpg", "masks/b_ids.png", 1)]);
    for stem in ["a", "b"] {
        place.put(&format!("masks/{stem}_color.png"), b"not read");
    }
    let says = "expected one mask for each picture, found equally many with _color and with _ids: \
                set data.folder.mask_suffix";
    assert_says(place.open(Split::All, &options()), &[&says]);
    let asked = FolderOptions { mask_suffix: Some("_ids".to_owned()), ..options() };
    assert_part(&place, &asked, Split::All, &[("a", 1), ("b", 1)]);
    let told = notes(&place, &asked);
    assert!(told[0].ends_with(": masks/a_color.png, masks/b_color.png"), "{told:?}");
    let senseless = FolderOptions { mask_suffix: Some("masks/a".to_owned()), ..options() };
    assert_says(
        place.open(Split::All, &senseless),
        &[&"data.folder.mask_suffix: expected the end of mask names"],
    );
    place.put("train.txt", b"images/a.jpg masks/a_ids.png\n");
    let says = "train.txt names each mask, found _ids";
    assert_says(
        place.open(Split::All, &asked),
        &[&"data.folder.mask_suffix: expected none, since ", &says],
    );
}

#[test]
fn the_lists_of_voc_follow_the_suffix_that_is_asked_for() {
    let place = place(&[("JPEGImages/a.jpg", "SegmentationClass/a_mask.png", 1)]);
    place.put("ImageSets/Segmentation/train.txt", b"a\n");
    let asked = FolderOptions { mask_suffix: Some("_mask".to_owned()), ..options() };
    assert_part(&place, &asked, Split::Train, &[("a", 1)]);
}

#[test]
fn pictures_and_masks_may_share_a_directory() {
    for [dir, suffix] in [["images", "_mask"], ["train", "_seg"], [".", "_m"], ["images", ""]] {
        let place = place(&[
            (&format!("{dir}/a.jpg"), &format!("{dir}/a{suffix}.png"), 1),
            (&format!("{dir}/b.jpg"), &format!("{dir}/b{suffix}.png"), 0),
        ]);
        assert_part(&place, &options(), Split::All, &[("a", 1), ("b", 0)]);
        // Pictures without masks are not masks of each other.
        fs::remove_file(place.at(&format!("{dir}/a{suffix}.png"))).unwrap();
        fs::remove_file(place.at(&format!("{dir}/b{suffix}.png"))).unwrap();
        assert!(place.open(Split::All, &options()).is_err());
    }
}

// Exports of other tools.

/// What Roboflow exports as masks: each part a directory of its own.
fn roboflow(table: &str) -> Place {
    let place = place(&[
        ("train/a_jpg.rf.1.jpg", "train/a_jpg.rf.1_mask.png", 0),
        ("train/b_jpg.rf.2.jpg", "train/b_jpg.rf.2_mask.png", 1),
        ("valid/c_jpg.rf.3.jpg", "valid/c_jpg.rf.3_mask.png", 1),
    ]);
    fs::remove_file(place.at("classes.txt")).unwrap();
    place.put("train/_classes.csv", table.as_bytes());
    place.put("valid/_classes.csv", table.as_bytes());
    place
}

#[test]
fn roboflows_masks_lie_beside_their_pictures_and_its_table_names_the_classes() {
    let place = roboflow("Pixel Value, Class\n0, \"no \"\"pet\"\"\"\r\n1, cat, or dog\r\n");
    assert_part(&place, &options(), Split::Train, &[("a_jpg.rf.1", 0), ("b_jpg.rf.2", 1)]);
    assert_part(&place, &options(), Split::Validation, &[("c_jpg.rf.3", 1)]);
    let folder = place.open(Split::Train, &options()).unwrap();
    assert_eq!(folder.classes(), ["no \"pet\"", "cat, or dog"]);
    let says =
        "mask names are picture names with the suffix _mask, such as train/a_jpg.rf.1_mask.png";
    assert_eq!(notes(&place, &options()), [says]);
    // One mask that is missing is one fault.
    fs::remove_file(place.at("train/a_jpg.rf.1_mask.png")).unwrap();
    assert_says(
        place.open(Split::Train, &options()),
        &[&"1.jpg: expected its mask", &"1_mask.png"],
    );
    place.put("valid/_classes.csv", b"Pixel Value, Class\n0, background\n1, dog\n");
    assert_says(
        place.open(Split::Train, &options()),
        &[&"valid/_classes.csv: expected the values"],
    );
}

#[test]
fn the_values_of_roboflows_table_are_those_of_the_masks() {
    let place = roboflow("Pixel Value, Class\n1, one\n0, none\n");
    assert_part(&place, &options(), Split::Train, &[("a_jpg.rf.1", 1), ("b_jpg.rf.2", 0)]);
    let resolved = options().resolve(place.path()).unwrap();
    assert_eq!(resolved.mask_values, Some(vec![1, 0]));
    assert_eq!(resolved.resolve(place.path()).unwrap(), resolved);
    let other = FolderOptions { mask_values: Some(vec![0, 1]), ..options() };
    assert_says(
        place.open(Split::Train, &other),
        &[&"data.folder.mask_values: expected [1, 0], as ", &"csv"],
    );
    for (table, says) in [
        ("0, a\n1\n", ":2: expected a pixel value"),
        ("0, a\n256, b\n", ":2: expected a pixel value"),
        ("0, a\n0, b\n", ":2: expected a pixel value"),
        ("0, a\n1, a\n", ":2: expected a pixel value"),
        ("Pixel Value, Class\n0, a\n1, #b\n", ":3: expected a pixel value"),
        ("Pixel Value, Class\n", "found 0 entries"),
    ] {
        let place = roboflow(table);
        assert_says(place.open(Split::Train, &options()), &[&"train/_classes.csv", &says]);
    }
}

/// What CVAT exports as masks: VOC in colours.
fn cvat(labelmap: &str) -> Place {
    let place = Place::empty();
    for (stem, colours) in [("my a", [[0, 0, 0], [48, 112, 32]]), ("b", [[0; 3], [9, 9, 9]])] {
        place.put(&format!("JPEGImages/{stem}.jpg"), &jpeg(2, 1));
        let rows = [&[0], colours.as_flattened()].concat();
        let mask = png_of(Header { colour: 2, ..Header::grey(2, 1) }, &rows);
        place.put(&format!("SegmentationClass/{stem}.png"), &mask);
    }
    place.put("labelmap.txt", labelmap.as_bytes());
    place.put("ImageSets/Segmentation/default.txt", b"my a\r\n");
    place
}

#[test]
fn cvats_labelmap_says_what_colours_mean_and_its_default_list_is_to_be_divided() {
    let place = cvat("# label:color_rgb:parts:actions\nground:0,0,0::\nbig leaf:48,112,32:stem:\n");
    let folder = place.open(Split::All, &options()).unwrap();
    assert_eq!(
        (folder.classes(), folder.len()),
        (["ground", "big leaf"].map(String::from).as_slice(), 1)
    );
    assert_eq!(folder.sample(0).unwrap().mask.labels, [0, 1]);
    let says = "has only ImageSets/Segmentation/default.txt for training and validation";
    assert_says(place.open(Split::Train, &options()), &[&says]);
    // Beside lists of parts it belongs to none, which is said.
    place.put("ImageSets/Segmentation/Train.txt", b"my a\n");
    let says = "lists that no split uses: ImageSets/Segmentation/default.txt";
    assert_eq!(notes(&place, &options()), [says]);
    place.put("labelmap.txt", b"ground:0,0,0::\nleaf\n");
    let says = "labelmap.txt:2: expected the name of a class, its red, green, blue from 0 to 255, its parts";
    assert_says(place.open(Split::All, &options()), &[&says, &"found leaf"]);
}

#[test]
fn colors_txt_is_colours_txt_and_only_one_table_may_be_there() {
    for name in ["colours.txt", "colors.txt", "labelmap.txt"] {
        let place = cvat("");
        fs::remove_file(place.at("labelmap.txt")).unwrap();
        let path = place.put(name, b"48 112 32 leaf\n0 0 0 ground\n");
        assert_eq!(place.labels(&options()).unwrap(), [1, 0], "{name}");
        let other = if name == "colors.txt" { "colours.txt" } else { "colors.txt" };
        place.put(other, b"");
        let says = "expected one colour table, or data.folder.mask_colours to choose one, found colours.txt and ";
        let says = if name == "labelmap.txt" { "found colors.txt and labelmap.txt" } else { says };
        assert_says(place.labels(&options()), &[&says]);
        let asked = FolderOptions { mask_colours: Some(path), ..options() };
        assert_eq!(place.labels(&asked).unwrap(), [1, 0]);
    }
}

#[test]
fn a_class_whose_name_would_be_a_comment_is_refused() {
    let place = cvat("");
    for table in ["0 0 0 # nothing\n1 1 1 road\n", "a:0,0,0::\n:1,1,1::\n # b:2,2,2::\n"] {
        let path = place.put("labelmap.txt", table.as_bytes());
        let opened = Folder::open(place.path(), Split::All, &options());
        match table.starts_with('a') {
            true => assert_eq!(opened.unwrap().classes(), ["a"]),
            false => assert_says(opened, &[&path.display(), &"would be a comment in classes.txt"]),
        }
    }
}

#[test]
fn names_that_are_assumed_and_never_occur_are_told_of() {
    let place = Place::empty();
    place.picture("JPEGImages/a.jpg");
    place.mask("SegmentationClass/a.png", &[0, 1, 2, 0, 1, 255]);
    let told = |place: &Place| {
        let notes = lines(&Census::take(place.path(), &options(), &|_| ()).unwrap().notes);
        notes.into_iter().filter(|note| note.contains("are assumed")).collect::<Vec<_>>()
    };
    let says = "the 21 class names of layout voc are assumed, but 18 of these classes never occur: if your \
                classes are others, name them in classes.txt, one per line";
    assert_eq!(told(&place), [says]);
    place.put("classes.txt", (0..21).map(|n| format!("c{n}\n")).collect::<String>().as_bytes());
    assert_eq!(told(&place), [""; 0]);
}

// Texts.

#[test]
fn texts_are_read_in_utf_16_and_with_comments() {
    let utf_16 = |text: &str| -> Vec<u8> {
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    };
    let place = Place::pair();
    place.put("classes.txt", &utf_16("# names\r\nciel\r\nété\r\n"));
    place.put("train.txt", &utf_16("images\\a.jpg\tmasks\\a.png\r\n"));
    assert_eq!(place.open(Split::Train, &options()).unwrap().classes(), ["ciel", "été"]);
    place.put("classes.txt", b"#1\n#2\n");
    assert_eq!(place.open(Split::Train, &options()).unwrap().classes(), ["#1", "#2"]);
    place.put("classes.txt", b"s\0k\0y\0\n\0");
    assert_says(place.labels(&options()), &[&"classes.txt:1: expected text, found a zero"]);
    place.put("classes.txt", b"sky\nroad\n");
    place.put("colours.txt", &utf_16("# table\r\n0 0 0 sky\r\n1 1 1 road\r\n"));
    assert_eq!(place.labels(&options()).unwrap(), [0, 1, 0, 1, 0, 1]);
}

#[test]
fn stems_of_a_list_may_have_spaces_and_other_slashes() {
    let place =
        place(&[("JPEGImages/in/my photo 1.png", "SegmentationClass/in/my photo 1.png", 1)]);
    for line in ["in/my photo 1", "in\\my photo 1\r\n", "  in/my photo 1\t"] {
        place.put("ImageSets/Segmentation/train.txt", line.as_bytes());
        assert_part(&place, &options(), Split::Train, &[("my photo 1", 1)]);
    }
    let pets = place_of_pets();
    for line in ["my pet 3 1 2 3", "my pet 3"] {
        pets.put("annotations/trainval.txt", line.as_bytes());
        assert_eq!(pets.stems(Split::All, &options()).unwrap(), ["my pet 3"]);
    }
}

fn place_of_pets() -> Place {
    let place = Place::empty();
    place.picture("images/my pet 3.jpg");
    place.mask("annotations/trimaps/my pet 3.png", &[1; 6]);
    place
}

#[test]
fn absolute_paths_of_a_list_may_lead_into_the_directory_and_not_elsewhere() {
    let (place, other) = (Place::pair(), Place::pair());
    let labels = |place: &Place, line: String| -> Result<Vec<u8>, DataError> {
        place.put("train.txt", line.as_bytes());
        place.labels(&options())
    };
    let inside = |name: &str| place.at(name).display().to_string();
    for [picture, mask] in [
        [inside("images/a.jpg"), inside("masks/a.png")],
        [inside("masks/../images/a.jpg"), inside("images/.././masks/a.png")],
        [inside("images/a.jpg").replace('/', "\\"), "masks\\a.png".to_owned()],
    ] {
        assert_eq!(labels(&place, format!("{picture} {mask}")).unwrap(), [0, 1, 0, 1, 0, 1]);
    }
    for outside in [
        other.at("images/a.jpg"),
        place.at("..").join(other.path().file_name().unwrap()).join("images/a.jpg"),
    ] {
        let error = labels(&place, format!("{} masks/a.png", outside.display()));
        assert_says(error, &[&"train.txt:1", &"which is outside"]);
    }
    assert_says(labels(&place, "..\\a.jpg masks\\a.png".to_owned()), &[&"which is outside"]);
    #[cfg(unix)]
    {
        // The same directory by another way, and a file whose name has a backslash.
        let link = other.at("link");
        std::os::unix::fs::symlink(place.path(), &link).unwrap();
        let line = format!("{}/images/a.jpg masks/a.png", link.display());
        assert_eq!(labels(&place, line).unwrap(), [0, 1, 0, 1, 0, 1]);
        place.put("images\\a.jpg", &jpeg(1, 1));
        place.put("b.png", &png(Header::grey(1, 1), &[1]));
        assert_eq!(labels(&place, "images\\a.jpg b.png".to_owned()).unwrap(), [1]);
    }
}
