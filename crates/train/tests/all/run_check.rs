//! What keeps a run from beginning on a directory: the check of all of it finds what the run itself refuses.

use crate::common::Place;
use mirrorgrad_data::{Census, FolderOptions, Message};
use mirrorgrad_train::{Config, RunFolder, Trainer, check_run};

const LABELS: [u8; 6] = [0, 1, 0, 1, 0, 1];

/// A directory with two pictures to train on and one to validate on, of one size.
fn divided() -> Place {
    let place = Place::of("sky\nroad\ncar\n");
    for (part, stem, labels) in [
        ("train/", "a", [0, 0, 1, 1, 255, 0]),
        ("train/", "b", [0, 0, 0, 0, 0, 0]),
        ("val/", "c", [2, 2, 1, 0, 255, 255]),
    ] {
        place.pair(part, stem, &labels);
    }
    place
}

/// A directory of one picture, which is not divided.
fn undivided() -> Place {
    let place = Place::of("sky\nroad\n");
    place.pair("", "a", &LABELS);
    place
}

/// Asserts that `lines` are as many as `parts`, and each has its part in it.
#[track_caller]
fn assert_lines(messages: &[Message], parts: &[&str]) {
    let lines: Vec<String> = messages.iter().map(Message::to_string).collect();
    assert_eq!(lines.len(), parts.len(), "{lines:#?}");
    for (line, part) in lines.iter().zip(parts) {
        assert!(line.contains(part) && line.lines().count() == 1, "{line:?} without {part:?}");
    }
}

fn ignoring() -> FolderOptions {
    FolderOptions { ignore_index: Some(255), ..FolderOptions::default() }
}

/// What check-data finds for a run with these settings, after checking that the run itself is refused by the
/// first of it, or begins.
#[track_caller]
fn run_faults(place: &Place, options: &FolderOptions, settings: &str) -> Vec<Message> {
    let mut config: Config = toml::from_str(&format!("model.widths = [2]\n{settings}")).unwrap();
    config.data.dir = Some(place.path().to_owned());
    config.data.folder = options.clone();
    let mut census = Census::take(place.path(), options, &|_| ()).unwrap();
    let run = check_run(&mut census, &config);
    assert_eq!(run.is_some(), census.faults.is_empty());
    match Trainer::new(config) {
        Ok(_) => assert_lines(&census.faults, &[]),
        Err(refused) => assert!(
            census.faults.contains(&refused.message()),
            "{refused} is not among {:#?}",
            census.faults
        ),
    }
    census.faults
}

#[test]
fn a_share_to_validate_on_is_a_fault_where_there_is_a_part_for_it() {
    let place = divided();
    let options = FolderOptions { validation_split: Some(0.5), ..ignoring() };
    assert_lines(
        &run_faults(&place, &options, ""),
        &["data.folder.validation_split: expected none"],
    );
    assert_lines(&run_faults(&place, &ignoring(), ""), &[]);
}

#[test]
fn what_is_not_divided_is_refused_by_the_check_as_by_the_run() {
    let share = "data.folder.validation_split: expected a share above 0 and below 1";
    let whole = undivided();
    assert_lines(&run_faults(&whole, &FolderOptions::default(), ""), &[share]);
    let train = Place::of("sky\nroad\n");
    train.pair("train/", "a", &LABELS);
    assert_lines(&run_faults(&train, &FolderOptions::default(), ""), &[share]);
    let listed = undivided();
    listed.put("train.txt", b"images/a.png masks/a.png\n");
    assert_lines(&run_faults(&listed, &FolderOptions::default(), ""), &[share]);
    // One picture cannot be divided.
    let half = FolderOptions { validation_split: Some(0.5), ..FolderOptions::default() };
    assert_lines(&run_faults(&whole, &half, ""), &["expected at least two pictures to split"]);
}

#[test]
fn sizes_that_the_network_or_a_batch_cannot_take_are_found_in_every_picture() {
    let place = divided();
    place.picture("train/images/z.png", [6, 1], 7);
    place.mask("train/masks/z.png", [6, 1], &[0; 6]);
    place.picture("val/images/z.png", [1, 4], 8);
    place.mask("val/masks/z.png", [1, 4], &[0; 4]);
    let small =
        ["train/images/z.png: expected at least 2x2", "val/images/z.png: expected at least"];
    assert_lines(&run_faults(&place, &ignoring(), "training.batch = 1"), &small);
    let mixed = "z.png: expected 2 high, 3 wide, like ";
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
    place.picture("train/images/z.png", [1, 1], 7);
    place.mask("train/masks/z.png", [1, 1], &[1]);
    let alone = "model.kind = 'unet'\ntraining.batch = 1";
    let says = "train/images/z.png: expected at least two values per normalization";
    assert_lines(&run_faults(&place, &ignoring(), alone), &[says]);
    let group = format!("{alone}\nmodel.norm = 'group'");
    assert_lines(&run_faults(&place, &ignoring(), &group), &[]);
}

#[test]
fn a_training_set_in_which_nothing_counts_is_refused_and_a_validation_set_noted() {
    let place = divided();
    for stem in ["a", "b"] {
        place.mask(&format!("train/masks/{stem}.png"), [2, 3], &[255; 6]);
    }
    let nothing = "expected pixels of a class in the training set, found none";
    assert_lines(&run_faults(&place, &ignoring(), ""), &[nothing]);
    let place = divided();
    place.mask("val/masks/c.png", [2, 3], &[255; 6]);
    assert_lines(&run_faults(&place, &ignoring(), ""), &[]);
    let mut config: Config = toml::from_str("model.widths = [2]").unwrap();
    (config.data.dir, config.data.folder) = (Some(place.path().to_owned()), ignoring());
    let note = "every pixel of the validation set is ignored";
    assert!(Trainer::new(config).unwrap().notes()[0].to_string().starts_with(note));
}

#[test]
fn settings_that_do_not_fit_the_data_are_refused_by_the_check_as_by_the_run() {
    let place = divided();
    for (settings, says) in [
        ("training.class_weights = [1.0, 2.0]", "training.class_weights: expected 3 numbers"),
        ("data.augment.crop = [1, 1]", "data.augment.crop: expected at least 2x2"),
        ("data.augment.transpose = 0.5", "transpose: expected square pictures"),
        ("training.lr = -1.0", "training.lr: expected"),
    ] {
        let faults = run_faults(&place, &ignoring(), settings);
        assert!(
            faults.iter().any(|fault| fault.to_string().contains(says)),
            "{faults:#?} without {says}"
        );
    }
}

#[test]
fn a_trainer_keeps_what_is_left_out_in_its_configuration_and_resumes_on_the_same() {
    let place = Place::of("sky\nroad\n");
    for stem in ["a", "b", "c", "d", "e"] {
        place.pair("", stem, &LABELS);
    }
    // No picture, another size than its mask's, and a label too many.
    place.put("images/b.png", b"<html>");
    place.picture("images/c.png", [4, 4], 0);
    place.mask("masks/d.png", [2, 3], &[0, 1, 2, 0, 0, 0]);
    let mut config = Config::default();
    config.data.dir = Some(place.path().to_owned());
    config.data.folder = FolderOptions {
        validation_split: Some(0.4),
        skip_faulty: true,
        ..FolderOptions::default()
    };
    (config.model.widths, config.data.augment.crop) = (vec![2], Some([2, 2]));
    config.training.batch = 2;
    let trainer = Trainer::new(config).unwrap();
    assert_eq!(trainer.config().data.folder.faulty.as_ref().map(Vec::len), Some(3));
    assert_eq!(trainer.config().notes().unwrap().len(), 4);
    let runs = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(&runs.path().join("run")).unwrap();
    trainer.begin(&folder).unwrap();
    place.mask("masks/d.png", [2, 3], &[0; 6]);
    assert!(Trainer::resume(folder.read_last().unwrap().0).is_ok());
}
