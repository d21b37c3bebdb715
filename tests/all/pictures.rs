//! Pictures as people have them, from the folder to the predicted mask: turned, dim, and with masks whose
//! palettes differ.

use crate::folder;

use image::codecs::png::PngEncoder;
use image::{DynamicImage, ImageEncoder, Rgb, RgbImage};
use mirrorgrad::data::{Mask, read_mask};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// As little training as there is.
const QUICK: [&str; 8] = ["--widths", "2", "--epochs", "1", "--batch", "2", "--limit-batches", "1"];

fn run(dir: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_mirrorgrad")).current_dir(dir).args(args).output().unwrap()
}

/// What went to standard output and standard error.
#[track_caller]
fn said(output: &Output, code: i32) -> [String; 2] {
    let texts = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into());
    assert_eq!(output.status.code(), Some(code), "{texts:?}");
    texts
}

/// EXIF data of an orientation.
fn exif(orientation: u8) -> Vec<u8> {
    let mut exif = b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    exif
}

/// Stores a picture as a phone does that was held upright: on its side, with a word about it.
fn turn(path: &Path) {
    let stored = image::open(path).unwrap().rotate270();
    let mut bytes = Vec::new();
    let mut encoder = PngEncoder::new(&mut bytes);
    encoder.set_exif_metadata(exif(6)).unwrap();
    stored.write_with_encoder(encoder).unwrap();
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_turned_picture_is_trained_on_where_that_is_asked_for_and_predicted_upright() {
    let data = folder::data(false);
    let dir = data.path();
    for part in ["train", "val"] {
        for entry in fs::read_dir(dir.join(part).join("images")).unwrap() {
            turn(&entry.unwrap().path());
        }
    }
    let train = [&["train", "--data", ".", "--out", "run"], &QUICK[..]].concat();
    let [_, error] = said(&run(dir, &train), 1);
    assert!(
        error.contains("EXIF orientation 6, which its mask has applied; pass --orient"),
        "{error}"
    );
    assert!(!dir.join("run").exists());
    said(&run(dir, &["check-data", ".", "--orient"]), 0);
    said(&run(dir, &[&train[..], &["--orient"]].concat()), 0);
    assert!(fs::read_to_string(dir.join("run/config.toml")).unwrap().contains("orient = true"));
    said(&run(dir, &["predict", "run", "val/images/00.png", "--raw", "--out", "p"]), 0);
    let [height, width] = folder::SIZE.map(|side| side as usize);
    assert_eq!(read_mask(&dir.join("p/00.png")).unwrap().size(), [height, width]);
}

#[test]
fn the_range_of_a_run_is_that_of_its_predictions() {
    let data = folder::data(false);
    let dir = data.path();
    for part in ["train", "val"] {
        for entry in fs::read_dir(dir.join(part).join("images")).unwrap() {
            let path = entry.unwrap().path();
            let levels = image::open(&path).unwrap().to_rgb8();
            // Sixteen numbers of 4080 a level.
            let pixel = |x, y| Rgb(levels.get_pixel(x, y).0.map(|level| u16::from(level) * 16));
            let dim = image::ImageBuffer::from_fn(levels.width(), levels.height(), pixel);
            DynamicImage::from(dim).save(&path).unwrap();
        }
    }
    let [text, _] = said(&run(dir, &["check-data", "."]), 0);
    assert!(text.contains("16 bits, darkest ") && text.contains("--range percentile"), "{text}");
    let [text, _] = said(&run(dir, &["check-data", ".", "--range", "0,4080"]), 0);
    assert!(!text.contains("16 bits"), "{text}");
    let train = ["train", "--data", ".", "--out", "run", "--range", "0,4080"];
    said(&run(dir, &[&train[..], &QUICK].concat()), 0);
    said(&run(dir, &["predict", "run", "val/images/00.png", "--out", "p"]), 0);
    // Over the mask of label 0 the picture stays as the network saw it.
    let mask = read_mask(&dir.join("p/00_mask.png")).unwrap();
    let overlay = image::open(dir.join("p/00_overlay.png")).unwrap().to_rgb8();
    let stored = image::open(dir.join("val/images/00.png")).unwrap().to_rgb16();
    for ((seen, stored), label) in overlay.pixels().zip(stored.pixels()).zip(mask.labels) {
        assert!(label != 0 || seen.0.map(u16::from) == stored.0.map(|number| number / 16));
    }
    RgbImage::from_pixel(8, 8, Rgb([9; 3])).save(dir.join("plain.png")).unwrap();
    let [_, error] = said(&run(dir, &["predict", "run", "plain.png", "--out", "p"]), 1);
    assert!(error.contains("--range 0,4080 needs, found 8-bit values"), "{error}");
    // Another program can know it, too.
    said(&run(dir, &["export", "run", "network.onnx"]), 0);
    let onnx = fs::read(dir.join("network.onnx")).unwrap();
    let has = |text: &[u8]| onnx.windows(text.len()).any(|window| window == text);
    assert!(has(b"range") && has(b"[0,4080]"));
    let bad = run(dir, &["train", "--data", ".", "--range", "9,3"]);
    let [_, error] = said(&bad, bad.status.code().unwrap());
    assert!(error.contains("--range: expected percentile, or the black value"), "{error}");
}

#[test]
fn masks_whose_palettes_differ_are_noted_before_a_run() {
    let data = folder::data(false);
    let dir = data.path();
    for part in ["train", "val"] {
        for entry in fs::read_dir(dir.join(part).join("masks")).unwrap() {
            let path = entry.unwrap().path();
            let mask = image::open(&path).unwrap().to_luma8();
            let (width, height) = (mask.width() as usize, mask.height() as usize);
            Mask { width, height, labels: mask.into_raw() }.write_palette(&path).unwrap();
        }
    }
    let try_once = [&["train", "--data", ".", "--fast-dev-run"], &QUICK[..2]].concat();
    let [_, error] = said(&run(dir, &try_once), 0);
    assert!(!error.contains("palettes"), "{error}");
    // Two colours exchanged in one palette.
    let odd = dir.join("train/masks/07.png");
    let mut bytes = Vec::new();
    let mask = read_mask(&odd).unwrap();
    let mut encoder = png::Encoder::new(&mut bytes, mask.width as u32, mask.height as u32);
    encoder.set_color(png::ColorType::Indexed);
    encoder.set_palette(vec![0, 0, 0, 0, 128, 0, 128, 0, 0]);
    encoder.write_header().unwrap().write_image_data(&mask.labels).unwrap();
    fs::write(&odd, bytes).unwrap();
    let [_, error] = said(&run(dir, &try_once), 0);
    let [text, _] = said(&run(dir, &["check-data", "."]), 0);
    for text in [text, error] {
        let note = text.lines().find(|line| line.starts_with("note: palettes differ"));
        let note = note.unwrap_or_else(|| panic!("{text}"));
        for says in ["128 0 0 in", "00.png", "0 128 0 in", "07.png", "colours.txt"] {
            assert!(note.contains(says), "{note}");
        }
    }
}
