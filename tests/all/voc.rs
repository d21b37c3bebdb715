//! A data set laid out as PASCAL VOC's, from the first look at it to a network's file: each command in turn.

use image::{ImageFormat, Rgb, RgbImage};
use mirrorgrad::layers::weights::from_safetensors;
use mirrorgrad::train::{Checkpoint, EpochMetrics};
use serde_json::Value;
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// Labels of VOC's: two classes, and the outlines that are left out.
const CAR: u8 = 7;
const PERSON: u8 = 15;
const OUTLINE: u8 = 255;
/// A picture that nobody has labelled, as most of VOC's are.
const UNLABELLED: usize = 9;

fn stem(number: usize) -> String {
    format!("2007_{number:06}")
}

/// `[height, width]` of a picture: odd, and none like another.
fn size(number: usize) -> [usize; 2] {
    [23 + 2 * (number % 3), 29 + 2 * (number % 4)]
}

/// Background, and a square of each class within its outline.
fn labels(number: usize) -> Vec<u8> {
    let [height, width] = size(number);
    let mut labels = vec![0; height * width];
    for (label, top, left) in [(PERSON, 1 + number % 3, 1), (CAR, 11, 15 + number % 3)] {
        for (y, x) in (0..10).flat_map(|y| (0..10).map(move |x| (y, x))) {
            let inside = (1..9).contains(&y) && (1..9).contains(&x);
            labels[(top + y) * width + left + x] = if inside { label } else { OUTLINE };
        }
    }
    labels
}

/// People are bright and cars dark.
fn picture(number: usize, labels: &[u8]) -> RgbImage {
    let [height, width] = size(number);
    RgbImage::from_fn(width as u32, height as u32, |x, y| {
        let at = y as usize * width + x as usize;
        let base = match labels[at] {
            PERSON => 200,
            CAR => 30,
            _ => 110,
        };
        let noise = (at * 37 + number * 11) % 23;
        Rgb([base + noise as u8; 3])
    })
}

/// A palette mask, whose colours say nothing of the labels.
fn write_mask(path: &Path, [height, width]: [usize; 2], labels: &[u8]) {
    let file = File::create(path).unwrap();
    let mut encoder = png::Encoder::new(file, width as u32, height as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_depth(png::BitDepth::Eight);
    let colours: Vec<u8> = (0..=255).flat_map(|label| [label, 255 - label, 90]).collect();
    encoder.set_palette(colours);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(labels).unwrap();
    writer.finish().unwrap();
}

/// A place to work in, with the data set in `voc`.
struct Place(TempDir);

impl Place {
    /// Six pictures to train on, three to validate on, and the one without a mask.
    fn new() -> Self {
        let place = Self(tempfile::tempdir().unwrap());
        for name in ["JPEGImages", "SegmentationClass", "ImageSets/Segmentation"] {
            fs::create_dir_all(place.at("voc").join(name)).unwrap();
        }
        for number in 0..=UNLABELLED {
            let (stem, labels) = (stem(number), labels(number));
            let photo = place.at(&format!("voc/JPEGImages/{stem}.jpg"));
            picture(number, &labels).save_with_format(photo, ImageFormat::Jpeg).unwrap();
            if number != UNLABELLED {
                let mask = place.at(&format!("voc/SegmentationClass/{stem}.png"));
                write_mask(&mask, size(number), &labels);
            }
        }
        let list = |part: &str, numbers: Range<usize>| {
            let path = place.at(&format!("voc/ImageSets/Segmentation/{part}.txt"));
            fs::write(path, numbers.map(|number| stem(number) + "\n").collect::<String>()).unwrap();
        };
        list("train", 0..6);
        list("val", 6..9);
        place
    }

    /// With a run in `run`.
    fn trained() -> Self {
        let place = Self::new();
        let options = "--crop 17x20 --widths 3,4 --epochs 2 --batch 4 --out run";
        let text = place.said(&format!("train --data voc {options}"));
        for part in ["run folder run", "epoch   1/2", "epoch   2/2", "done: best validation mIoU"] {
            assert!(text.contains(part), "{text}");
        }
        place
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a command says, which must succeed, on both streams.
    #[track_caller]
    fn both(&self, args: &str) -> (String, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
        let output = command.args(args.split(' ')).current_dir(self.0.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        let (out, err) = (text(output.stdout), text(output.stderr));
        assert_eq!(output.status.code(), Some(0), "{args}: {out}{err}");
        (out, err)
    }

    /// What a command says that has nothing to complain of.
    #[track_caller]
    fn said(&self, args: &str) -> String {
        let (out, err) = self.both(args);
        assert_eq!(err, "", "{args}");
        out
    }

    /// The metrics of a run without what differs from run to run.
    fn timeless(&self, run: &str) -> Vec<EpochMetrics> {
        let text = fs::read_to_string(self.at(run).join("metrics.jsonl")).unwrap();
        let epochs = text.lines().map(|line| serde_json::from_str::<EpochMetrics>(line).unwrap());
        epochs.map(|epoch| EpochMetrics { seconds: 0.0, val_seconds: 0.0, ..epoch }).collect()
    }
}

#[test]
fn a_voc_data_set_is_looked_through() {
    let place = Place::new();
    let text = place.said("check-data voc --crop 17x20");
    for line in [
        "layout voc, detected by ImageSets/Segmentation; 21 classes, 255 ignored",
        "train           6        0",
        "val             3        0",
        "27x33               1",
        "no faults",
    ] {
        assert!(text.lines().any(|l| l == line), "{text}\nwithout {line}");
    }
    // Two outlines of 36 pixels a picture, of 4700 pixels to train on and 2417 to validate on.
    for part in [
        "255 (ignored)              9.191 %   8.937 %",
        "note: 9 sizes, from 23 high, 29 wide to 27 high, 33 wide: a batch needs one",
        "note: no pixel of aeroplane, bicycle, bird, boat, bottle, bus, cat, chair",
    ] {
        assert!(text.contains(part), "{text}\nwithout {part}");
    }
    // As a run would be refused whose batches are of whole pictures.
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
    let output = command.args(["check-data", "voc"]).current_dir(place.0.path()).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(
        text.contains("\n2 faults\n") && text.contains("; pass --size HxW to resize all"),
        "{text}"
    );
}

#[test]
fn a_run_on_voc_leaves_out_outlines_and_is_measured_as_it_was_in_training() {
    let place = Place::trained();
    let config = fs::read_to_string(place.at("run/config.toml")).unwrap();
    for part in ["layout = \"voc\"", "ignore_index = 255", "crop = [17, 20]"] {
        assert!(config.contains(part), "{config}");
    }
    let text = place.said("eval run");
    for part in ["loss", "pixel accuracy", "mIoU", "background", "person", "tvmonitor"] {
        assert!(text.contains(part), "{text}");
    }
    let object: Value = serde_json::from_str(&place.said("eval run --json")).unwrap();
    let classes = object["classes"].as_array().unwrap();
    assert_eq!((classes.len(), &classes[15]), (21, &Value::from("person")));
    let best = place.timeless("run").into_iter().map(|epoch| epoch.val_miou).fold(0.0, f64::max);
    assert!((object["miou"].as_f64().unwrap() - best).abs() < 1e-12, "{object} and {best}");
}

#[test]
fn a_run_on_voc_whose_last_epoch_is_lost_comes_to_the_same_weights() {
    let place = Place::trained();
    fs::create_dir(place.at("again")).unwrap();
    for entry in fs::read_dir(place.at("run")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), place.at("again").join(entry.file_name())).unwrap();
    }
    fs::remove_file(place.at("again/last.ckpt")).unwrap();
    let (out, err) = place.both("train --resume --out again");
    // Six pictures are two batches, and two steps an epoch.
    assert!(err.contains("continuing from again/prev.ckpt, saved at step 4"), "{err}");
    assert_eq!(err.lines().count(), 1, "{err}");
    assert!(out.contains("epoch   2/2") && !out.contains("epoch   1/2"), "{out}");
    assert_eq!(place.timeless("again"), place.timeless("run"));
    let last = |run: &str| Checkpoint::read(&place.at(run).join("last.ckpt")).unwrap();
    assert_eq!(last("again").weights, last("run").weights);
}

#[test]
fn a_run_on_voc_predicts_is_exported_and_reported() {
    let place = Place::trained();
    let stem = stem(UNLABELLED);
    let photo = format!("voc/JPEGImages/{stem}.jpg");
    let text = place.said(&format!("predict run {photo} --raw --out masks"));
    assert_eq!(text, "1 mask in masks\n");
    let mask = image::open(place.at(&format!("masks/{stem}.png"))).unwrap().into_luma8();
    assert_eq!([mask.height() as usize, mask.width() as usize], size(UNLABELLED));
    assert!(mask.pixels().all(|pixel| pixel.0[0] < 21));
    place.said(&format!("predict run {photo} --out shown"));
    for name in ["mask", "overlay"] {
        assert!(place.at(&format!("shown/{stem}_{name}.png")).is_file(), "{name}");
    }

    let text = place.said("export run network.onnx");
    assert!(text.ends_with(" bytes in network.onnx\n"), "{text}");
    let network = fs::read(place.at("network.onnx")).unwrap();
    let classes = br#""sofa","train","tvmonitor"]"#;
    assert!(network.windows(classes.len()).any(|part| part == classes));
    place.said("export run weights.safetensors");
    let weights = from_safetensors(&fs::read(place.at("weights.safetensors")).unwrap()).unwrap();
    assert_eq!(weights, Checkpoint::read(&place.at("run/best.ckpt")).unwrap().weights);

    fs::remove_file(place.at("run/report.html")).unwrap();
    assert_eq!(place.said("report run"), "report run/report.html\n");
    let page = fs::read_to_string(place.at("run/report.html")).unwrap();
    for part in ["<title>run: mirrorgrad</title>", "tvmonitor", "best validation mIoU"] {
        assert!(page.contains(part), "the page without {part}");
    }
}
