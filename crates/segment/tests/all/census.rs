//! What a census finds in a directory, what it weighs, and how it draws it.

use crate::common::place::Place;
use crate::common::{Header, jpeg, png};
use mirrorgrad_segment::{
    Census, Config, FolderOptions, Histogram, Layout, Mask, Part, Picture, Sample, SizeCount,
    Trainer, class_weights, palette, plots,
};
use std::fs;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

fn census(place: &Place, options: &FolderOptions) -> Census {
    Census::take(place.path(), options, &|_| ()).unwrap()
}

/// Asserts that `lines` are as many as `parts`, and each has its part in it.
#[track_caller]
fn assert_lines(lines: &[String], parts: &[&str]) {
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
    let parts: Vec<_> = census.parts.iter().map(|p| (p.name, p.pictures, p.faulty)).collect();
    assert_eq!(parts, [("train", 2, 0), ("val", 1, 0)]);
    assert_eq!(census.parts[0].sizes, [SizeCount { height: 2, width: 3, pictures: 2 }]);
    let train = Histogram {
        pixels: vec![9, 2, 0],
        masks: vec![2, 1, 0],
        around: vec![11, 5, 0],
        ignored: 1,
    };
    assert_eq!(census.parts[0].histogram, train);
    assert_eq!(census.parts[1].histogram.pixels, [1, 1, 2]);
    assert_eq!(census.class_weights, class_weights(&train));
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
        "d.jpg: expected a whole JPEG, PNG, BMP, GIF, TIFF or WebP picture, found ",
        "e.png: expected 4 high, 4 wide",
        "f.jpg: expected a whole JPEG",
        "f.png: expected a mask",
        "c.png: expected labels below 3, the number of classes, found 7 at (x=1, y=1)",
    ];
    assert_lines(&census.faults, &faults);
    let parts: Vec<_> = census.parts.iter().map(|p| (p.name, p.pictures, p.faulty)).collect();
    assert_eq!(parts, [("train", 5, 3), ("val", 1, 1)]);
    // What has a fault is not counted.
    assert_eq!(census.parts[0].histogram.pixels, [9, 2, 0]);
    assert_eq!(census.parts[1].histogram.pixels, [0; 3]);
    let examples = census.examples(24).unwrap();
    assert_eq!(examples.len(), 2);
}

#[test]
fn faults_of_lists_are_all_found() {
    let place = Place::pair();
    place.put("train.txt", b"images/a.jpg masks/a.png\nx y\n../z masks/a.png\none\n");
    let census = census(&place, &FolderOptions::default());
    assert_lines(&census.faults, &["train.txt:2", "train.txt:3", "train.txt:4"]);
    assert_eq!((census.parts[0].pictures, census.parts[0].faulty), (1, 0));
}

#[test]
fn masks_without_named_classes_are_counted_all_the_same() {
    let place = Place::pair();
    fs::remove_file(place.at("classes.txt")).unwrap();
    place.mask("masks/a.png", &[0, 3, 3, 0, 0, 0]);
    let census = census(&place, &FolderOptions::default());
    let ways = "the masks hold 0 and 3: write 2 names into it and pass --mask-values 0,3, or pass \
                --mask-values 0,3 alone for the names 0 and 1";
    assert_lines(&census.faults, &[ways]);
    assert_eq!(census.classes, ["0", "1"]);
    assert_eq!(census.parts[0].histogram.pixels, [4, 2]);
}

#[test]
fn pictures_of_several_sizes_are_noted_unless_they_are_brought_to_one() {
    let place = Place::pair();
    place.put("images/b.jpg", &jpeg(5, 7));
    place.put("masks/b.png", &png(Header::grey(5, 7), &[1; 35]));
    let options = FolderOptions::default();
    let note =
        "2 sizes, from 2 high, 3 wide to 7 high, 5 wide: a batch needs one, so pass --size HxW";
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
    assert_lines(&notes[..1], &["1 of the pictures of val are in another part too, as "]);
    assert!(notes[0].ends_with("train/images/b.png") && notes[0].contains("other.png is "));
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
        census(&place, &options).parts.iter().map(|p| (p.name, p.pictures)).collect();
    assert_eq!(parts, [("train", 3), ("val", 1)]);
    assert_eq!(place.stems(Part::Train, &options).unwrap().len(), 3);
    let whole = census(&place, &FolderOptions::default());
    assert_eq!((whole.parts.len(), whole.parts[0].name), (1, "all"));
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
fn weights_are_the_median_frequency_over_each() {
    // Three masks of 10 pixels: class 0 in all, 1 in two, 2 in one, 3 in none.
    let mut histogram = Histogram::new(4);
    for counts in [[6, 4, 0], [8, 2, 0], [5, 0, 5]] {
        let labels = (0..3).flat_map(|label| vec![label; counts[usize::from(label)]]).collect();
        histogram.add(&Mask { width: 10, height: 1, labels }, None);
    }
    let frequencies = [19.0 / 30.0, 6.0 / 20.0, 5.0 / 10.0];
    let expected = [0.5 / frequencies[0], 0.5 / frequencies[1], 1.0, 1.0];
    for (weight, expected) in class_weights(&histogram).into_iter().zip(expected) {
        assert!((weight - expected).abs() < 1e-12, "{weight} {expected}");
    }
    assert_eq!(class_weights(&Histogram::new(3)), [1.0; 3]);
    // Classes alike in everything are weighed alike.
    let mut alike = Histogram::new(2);
    alike.add(&Mask { width: 2, height: 1, labels: vec![0, 1] }, None);
    assert_eq!(class_weights(&alike), [1.0; 2]);
}

#[test]
fn a_histogram_of_a_data_set_is_that_of_its_masks_and_ignored_pixels_weigh_nothing() {
    let place = divided();
    let folder = place.open(Part::All, &ignoring()).unwrap();
    let histogram = Histogram::of(&folder, Some(255)).unwrap();
    assert_eq!((histogram.pixels.as_slice(), histogram.ignored), ([10, 3, 2].as_slice(), 3));
    assert_eq!(histogram.around, [15, 9, 4]);
    assert!((histogram.shares()[0] - 10.0 / 15.0).abs() < 1e-12);
}

/// A sample of one colour and one label.
fn sample(size: [usize; 2], colour: [u8; 3], label: u8) -> Sample {
    let [height, width] = size;
    Sample {
        name: "pictures/name.jpg".to_owned(),
        picture: Picture { width, height, rgb: colour.repeat(width * height) },
        mask: Mask { width, height, labels: vec![label; width * height] },
    }
}

fn pixel(picture: &Picture, [row, column]: [usize; 2]) -> [u8; 3] {
    let at = 3 * (row * picture.width + column);
    picture.rgb[at..at + 3].try_into().unwrap()
}

#[test]
fn a_batch_is_drawn_with_each_picture_beside_its_overlay() {
    let samples: Vec<_> = (0..5).map(|n| sample([10, 12], [20 * n, 0, 100], n)).collect();
    let sheet = plots::batch_sheet(&samples);
    // Two across, three down, gaps of 4 around and between.
    assert_eq!(sheet.size(), [4 + 3 * (10 + 4), 4 + 2 * 2 * (12 + 4)]);
    for (n, [top, left]) in [[4, 4], [4, 36], [18, 4], [18, 36], [32, 4]].into_iter().enumerate() {
        let n = n as u8;
        assert_eq!(pixel(&sheet, [top + 9, left + 11]), [20 * n, 0, 100]);
        let colour = palette(n);
        let mixed = if n == 0 {
            [0, 0, 100]
        } else {
            std::array::from_fn(|i| {
                ((u32::from([20 * n, 0, 100][i]) + u32::from(colour[i])) / 2) as u8
            })
        };
        assert_eq!(pixel(&sheet, [top, left + 16]), mixed, "{n}");
    }
    assert_eq!(pixel(&sheet, [32, 36]), [255; 3]);
    assert!(plots::to_png(&plots::batch_sheet(&[])).is_ok());
}

#[test]
fn a_contact_sheet_has_small_pictures_names_and_a_legend() {
    let samples = vec![sample([400, 800], [0, 200, 0], 1), sample([30, 20], [0, 0, 250], 0)];
    let classes = ["sky", "a name that is too long to stand in a legend"].map(String::from);
    let sheet = plots::contact_sheet(&samples, &classes, Some(255)).unwrap();
    let count = |colour: [u8; 3]| sheet.rgb.chunks(3).filter(|pixel| **pixel == colour).count();
    // 80 by 160 after shrinking, once clear and once mixed; 20 by 30 twice, since label 0 stays clear.
    assert_eq!((count([0, 200, 0]), count([64, 100, 0])), (80 * 160, 80 * 160));
    assert_eq!(count([0, 0, 250]), 2 * 600);
    // The legend: a square of 14 for each class and for what is left out.
    assert_eq!((count(palette(1)), count(palette(255))), (14 * 14, 14 * 14));
    // Letters, which are dark but not all black.
    assert!(
        sheet.rgb.chunks(3).filter(|pixel| pixel.iter().all(|&v| v < 100)).count() > 14 * 14 + 100
    );
    assert!(sheet.width < 1100 && sheet.height < 200);
    assert!(plots::contact_sheet(&[], &[], None).is_ok());
}

#[test]
fn classes_that_make_no_sense_are_a_fault_and_labels_are_counted_all_the_same() {
    let place = Place::pair();
    place.mask("masks/a.png", &[0, 255, 0, 255, 0, 255]);
    let options =
        FolderOptions { mask_values: Some(vec![0, 255, 128]), ..FolderOptions::default() };
    let told = census(&place, &options);
    let says =
        "--mask-values: expected 2 values, one for each class, all different, found 3 of them";
    assert_lines(&told.faults, &[says]);
    // By the values that were declared, in turn.
    assert_eq!(told.classes, ["0", "1", "2"]);
    assert_eq!(told.parts[0].histogram.pixels, [3, 3, 0]);
}

#[test]
fn a_share_to_validate_on_is_a_fault_where_there_is_a_part_for_it() {
    let place = divided();
    let options = FolderOptions { validation_split: Some(0.5), ..ignoring() };
    assert_lines(&run_faults(&place, &options, ""), &["--val-split: expected none"]);
    assert_lines(&run_faults(&place, &ignoring(), ""), &[]);
}

/// What check-data finds for a run with these settings, after checking that the run itself is refused by the
/// first of it, or begins.
#[track_caller]
fn run_faults(place: &Place, options: &FolderOptions, settings: &str) -> Vec<String> {
    let mut config: Config = toml::from_str(&format!("model.widths = [2]\n{settings}")).unwrap();
    config.data.dir = Some(place.path().to_owned());
    config.data.folder = options.clone();
    let mut census = census(place, options);
    let run = census.check_run(&config);
    assert_eq!(run.is_some(), census.faults.is_empty());
    match Trainer::new(config) {
        Ok(_) => assert_lines(&census.faults, &[]),
        Err(refused) => assert!(
            census.faults.contains(&refused.to_string()),
            "{refused} is not among {:#?}",
            census.faults
        ),
    }
    census.faults
}

#[test]
fn what_is_not_divided_is_refused_by_the_check_as_by_the_run() {
    let share = "--val-split: expected a share above 0 and below 1";
    let labels = [0, 1, 0, 1, 0, 1];
    let undivided = Place::pair();
    assert_lines(&run_faults(&undivided, &FolderOptions::default(), ""), &[share]);
    let train = Place::empty();
    train.put("classes.txt", b"sky\nroad\n");
    train.put("train/images/a.jpg", &jpeg(3, 2));
    train.mask("train/masks/a.png", &labels);
    assert_lines(&run_faults(&train, &FolderOptions::default(), ""), &[share]);
    let listed = Place::pair();
    listed.put("train.txt", b"images/a.jpg masks/a.png\n");
    assert_lines(&run_faults(&listed, &FolderOptions::default(), ""), &[share]);
    // One picture cannot be divided.
    let half = FolderOptions { validation_split: Some(0.5), ..FolderOptions::default() };
    assert_lines(&run_faults(&undivided, &half, ""), &["expected two pictures or more to split"]);
}

#[test]
fn sizes_that_the_network_or_a_batch_cannot_take_are_found_in_every_picture() {
    let place = divided();
    place.put("train/images/z.png", &png(Header::grey(1, 6), &[7; 6]));
    place.put("train/masks/z.png", &png(Header::grey(1, 6), &[0; 6]));
    place.put("val/images/z.png", &png(Header::grey(4, 1), &[8; 4]));
    place.put("val/masks/z.png", &png(Header::grey(4, 1), &[0; 4]));
    let small =
        ["train/images/z.png: expected at least 2x2", "val/images/z.png: expected at least"];
    assert_lines(&run_faults(&place, &ignoring(), "training.batch = 1"), &small);
    let mixed = "z.png: expected 2 high, 3 wide as ";
    let all = [small[0], mixed, small[1], mixed];
    assert_lines(&run_faults(&place, &ignoring(), "training.batch = 2"), &all);
    let sized = FolderOptions { size: Some([4, 4]), ..ignoring() };
    assert_lines(&run_faults(&place, &sized, "training.batch = 2"), &[]);
    let crop = "training.batch = 2\ndata.augment.crop = [2, 2]";
    // Training pictures are cropped; those to validate on are not.
    assert_lines(&run_faults(&place, &ignoring(), crop), &[small[1]]);
}

#[test]
fn one_value_to_normalize_is_found_in_every_picture() {
    let place = divided();
    // Its one pixel is all that a network without pools normalizes.
    place.put("train/images/z.png", &png(Header::grey(1, 1), &[7]));
    place.put("train/masks/z.png", &png(Header::grey(1, 1), &[1]));
    let alone = "model.kind = 'unet'\ntraining.batch = 1";
    let says = "train/images/z.png: expected two values or more to normalize together";
    assert_lines(&run_faults(&place, &ignoring(), alone), &[says]);
    let group = format!("{alone}\nmodel.norm = 'group'");
    assert_lines(&run_faults(&place, &ignoring(), &group), &[]);
}

#[test]
fn a_training_set_in_which_nothing_counts_is_refused_and_a_validation_set_noted() {
    let place = divided();
    for stem in ["a", "b"] {
        place.mask(&format!("train/masks/{stem}.png"), &[255; 6]);
    }
    let nothing = "expected pixels of a class in the training set, found none";
    assert_lines(&run_faults(&place, &ignoring(), ""), &[nothing]);
    let place = divided();
    place.mask("val/masks/c.png", &[255; 6]);
    assert_lines(&run_faults(&place, &ignoring(), ""), &[]);
    let mut config: Config = toml::from_str("model.widths = [2]").unwrap();
    (config.data.dir, config.data.folder) = (Some(place.path().to_owned()), ignoring());
    let note = "every pixel of the validation set is left out";
    assert!(Trainer::new(config).unwrap().notes()[0].starts_with(note));
}

#[test]
fn settings_that_do_not_fit_the_data_are_refused_by_the_check_as_by_the_run() {
    let place = divided();
    for (settings, says) in [
        ("training.class_weights = [1.0, 2.0]", "class-weights: expected 3 numbers"),
        ("data.augment.crop = [1, 1]", "--crop: expected at least 2x2"),
        ("data.augment.transpose = 0.5", "transpose: expected square pictures"),
        ("training.lr = -1.0", "lr: expected"),
    ] {
        let faults = run_faults(&place, &ignoring(), settings);
        assert!(faults.iter().any(|fault| fault.contains(says)), "{faults:#?} without {says}");
    }
}

#[test]
fn weights_are_those_of_the_part_that_is_trained_on() {
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
        assert_eq!(census.class_weights, [1.0, 1.0]);
        assert_eq!(census.parts.last().unwrap().name, "test");
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
    assert!(told[0].0.contains("train/masks/a.png") && told[1].0.contains("b.png"), "{told:?}");
}
