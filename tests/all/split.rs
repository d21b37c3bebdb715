//! Which pictures a run trains on and validates on: kept in its folder, and used by what comes after it.

use crate::folder;

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

/// A folder of twelve pictures that is not divided, and a run on it.
struct Place {
    data: TempDir,
    work: TempDir,
}

impl Place {
    fn trained(more: &str) -> Self {
        let (data, work) = (folder::data(false), tempfile::tempdir().unwrap());
        for name in ["images", "masks"] {
            fs::rename(data.path().join("train").join(name), data.path().join(name)).unwrap();
        }
        for name in ["train", "val"] {
            fs::remove_dir_all(data.path().join(name)).unwrap();
        }
        let place = Self { data, work };
        let options = "--out run --val-split 0.25 --widths 2,2 --epochs 1 --batch 4 --threads 1";
        place.ran(&format!("train --data {} {options} {more}", place.data.path().display()));
        place
    }

    fn run(&self, line: &str) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
        command.current_dir(self.work.path()).args(line.split_whitespace()).output().unwrap()
    }

    #[track_caller]
    fn ran(&self, line: &str) -> String {
        let output = self.run(line);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{line}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    #[track_caller]
    fn json(&self, line: &str) -> Value {
        serde_json::from_str(&self.ran(&format!("{line} --json"))).unwrap()
    }

    fn split(&self) -> Value {
        let text = fs::read_to_string(self.work.path().join("run/split.json")).unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// The picture and the mask of one more pair, which no run knows of.
    fn add_a_pair(&self) {
        for name in ["images", "masks"] {
            let file = |stem: &str| self.data.path().join(name).join(stem);
            fs::copy(file("00.png"), file("000.png")).unwrap();
        }
    }

    fn moved(&self) -> PathBuf {
        let moved = self.work.path().join("moved");
        copy(self.data.path(), &moved);
        moved
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() { copy(&from, &to) } else { fs::copy(from, to).map(|_| ()).unwrap() }
    }
}

/// The names of the pictures of a part.
fn pictures(split: &Value, part: &str) -> Vec<String> {
    let pairs = split[part].as_array().unwrap().iter();
    pairs.map(|pair| pair["picture"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_run_keeps_its_split_and_eval_measures_it_whatever_is_added() {
    let place = Place::trained("");
    let split = place.split();
    assert_eq!((pictures(&split, "train").len(), pictures(&split, "val").len()), (9, 3));
    let before = place.json("eval run");
    assert_eq!((before["split"].as_str(), before["pictures"].as_u64()), (Some("val"), Some(3)));
    place.add_a_pair();
    assert_eq!(place.json("eval run"), before);
    assert_eq!(place.json("eval run --split all")["pictures"], 12);
    // In another place, and by the weights alone.
    let moved = place.moved();
    assert_eq!(place.json(&format!("eval run --data {}", moved.display())), before);
    assert_eq!(place.json("eval run/model.safetensors"), before);
    let said = place.ran("eval run");
    assert!(
        said.starts_with("data            val of ") && said.contains(", 3 pictures\n"),
        "{said}"
    );
}

#[test]
fn other_data_are_measured_as_they_are_divided() {
    let (place, other) = (Place::trained(""), folder::data(false));
    let data = other.path().display();
    let all = place.json(&format!("eval run --data {data}"));
    assert_eq!((all["split"].as_str(), all["pictures"].as_u64()), (Some("val"), Some(4)));
    // Undivided, all of it is meant, or the share that is asked for.
    for name in ["images", "masks"] {
        fs::rename(other.path().join("train").join(name), other.path().join(name)).unwrap();
    }
    for name in ["train", "val"] {
        fs::remove_dir_all(other.path().join(name)).unwrap();
    }
    fs::rename(other.path().join("images/00.png"), other.path().join("images/x.png")).unwrap();
    fs::rename(other.path().join("masks/00.png"), other.path().join("masks/x.png")).unwrap();
    let missing = pictures(&place.split(), "val")[0].replace("images/", "");
    for name in ["images", "masks"] {
        let _ = fs::remove_file(other.path().join(name).join(&missing));
    }
    let all = place.json(&format!("eval run --data {data}"));
    assert_eq!(all["split"], "all");
    let half = place.json(&format!("eval run --data {data} --val-split 0.5 --split val"));
    assert_eq!(half["split"], "val");
    assert!(half["pictures"].as_u64() < all["pictures"].as_u64(), "{half} {all}");
}

#[test]
fn a_seed_moves_no_picture_from_one_part_to_the_other() {
    let [one, two] = ["--seed 1", "--seed 2"].map(|seed| Place::trained(seed).split());
    assert_eq!(one, two);
}

#[test]
fn a_run_goes_on_with_its_own_pictures() {
    let place = Place::trained("--limit-batches 1");
    place.add_a_pair();
    let before = place.split();
    place.ran("train --resume --out run");
    assert_eq!(place.split(), before);
    // What it trains on must still be there.
    fs::remove_file(place.data.path().join(&pictures(&before, "train")[0])).unwrap();
    let refused = place.run("train --resume --out run");
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    let says = "expected a picture or mask that the run's split.json names, found none";
    assert!(!refused.status.success() && error.contains(says), "{error}");
    // A damaged split is none: the folder is divided anew, and the run looks whether all is as it was.
    fs::write(place.work.path().join("run/split.json"), "{").unwrap();
    let refused = place.run("train --resume --out run");
    let error = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && error.lines().count() == 1, "{error}");
}

#[test]
fn the_scores_of_every_picture_are_a_table_that_adds_up() {
    let place = Place::trained("");
    let all = place.json("eval run --csv scores.csv");
    let text = fs::read_to_string(place.work.path().join("scores.csv")).unwrap();
    let mut lines = text.lines();
    let head = "picture,pixels,loss,pixel_accuracy,miou,iou ground,iou bright,iou dark";
    assert_eq!(lines.next(), Some(head));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 3);
    let number = |text: &str| text.parse::<f64>().unwrap();
    let pixels: f64 = rows.iter().map(|row| number(row[1])).sum();
    let mean = |column: usize| {
        rows.iter().map(|row| number(row[1]) * number(row[column])).sum::<f64>() / pixels
    };
    assert!((mean(2) - all["loss"].as_f64().unwrap()).abs() < 1e-5);
    assert!((mean(3) - all["pixel_accuracy"].as_f64().unwrap()).abs() < 1e-12);
    assert_eq!(place.json("eval run"), all);
}

#[test]
fn what_masks_of_other_data_hold_can_be_told() {
    let (place, other) = (Place::trained(""), folder::data(false));
    let masks = fs::read_dir(other.path().join("val/masks")).unwrap();
    for mask in masks.map(|entry| entry.unwrap().path()) {
        let mut stored = image::open(&mask).unwrap().into_luma8();
        stored.pixels_mut().for_each(|pixel| pixel.0[0] *= 100);
        stored.save(&mask).unwrap();
    }
    let data = other.path().display();
    assert!(!place.run(&format!("eval run --data {data}")).status.success());
    let told = place.json(&format!("eval run --data {data} --mask-values 0,100,200"));
    assert_eq!(told["pictures"], 4);
}
