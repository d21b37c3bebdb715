//! Trained networks as files for other programs, and weights from other programs.

use crate::folder;

use image::{Rgb, RgbImage};
use mirrorgrad::data::read_mask;
use mirrorgrad::layers::weights::from_safetensors;
use mirrorgrad::study::{Array, Arrays, from_npy, from_npz, to_npz};
use mirrorgrad::tensor::Tensor;
use mirrorgrad::train::Checkpoint;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use tempfile::TempDir;

/// A folder with a trained run of three classes, and a picture.
struct Place {
    work: TempDir,
}

impl Place {
    fn new() -> Self {
        let (data, work) = (folder::data(false), tempfile::tempdir().unwrap());
        let place = Self { work };
        let data = data.path().to_str().unwrap();
        let short = ["--widths", "3,4", "--epochs", "1", "--batch", "4", "--out", "run"];
        place.succeed(&[&["train", "--data", data], &short[..]].concat());
        let picture =
            RgbImage::from_fn(23, 17, |x, y| Rgb([(x * 9) as u8, y as u8, (x * y) as u8]));
        picture.save(place.path("photo.png")).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    /// Exit code and what was said, on both streams.
    fn run(&self, args: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
        let output = command.args(args).current_dir(self.work.path()).output().unwrap();
        let said = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(said).unwrap())
    }

    #[track_caller]
    fn succeed(&self, args: &[&str]) -> String {
        let (code, said) = self.run(args);
        assert_eq!(code, Some(0), "{said}");
        said
    }

    /// One line that has all `parts` in it.
    #[track_caller]
    fn refuse(&self, args: &[&str], parts: &[&str]) {
        let (code, said) = self.run(args);
        assert!(matches!(code, Some(1 | 2)), "{code:?}: {said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        for part in parts {
            assert!(said.contains(part), "{said:?} without {part:?}");
        }
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::read(&self.path("run/best.ckpt")).unwrap()
    }

    fn scores(&self, network: &str) -> Tensor {
        self.succeed(&["predict", network, "photo.png", "--scores", "--out", "scores"]);
        let Array::F32(scores) =
            from_npy(&fs::read(self.path("scores/photo.npy")).unwrap()).unwrap()
        else {
            panic!("scores are single precision")
        };
        scores
    }
}

#[test]
fn weights_are_exported_under_their_names_in_both_formats() {
    let place = Place::new();
    let weights = place.checkpoint().weights;
    let said = place.succeed(&["export", "run", "w.safetensors"]);
    assert!(said.contains("bytes in w.safetensors"), "{said}");
    let read = from_safetensors(&fs::read(place.path("w.safetensors")).unwrap()).unwrap();
    assert_eq!(read, weights);
    place.succeed(&["export", "run/best.ckpt", "w.npz"]);
    let read = from_npz(&fs::read(place.path("w.npz")).unwrap(), 1 << 20).unwrap();
    let weights = weights.into_iter().map(|(name, tensor)| (name, Array::F32(tensor)));
    assert_eq!(read, weights.collect::<Arrays>());
}

#[test]
fn a_network_is_exported_with_its_classes_and_how_pixels_become_numbers() {
    let place = Place::new();
    place.succeed(&["export", "run", "network.onnx"]);
    let bytes = fs::read(place.path("network.onnx")).unwrap();
    let has = |text: &str| bytes.windows(text.len()).any(|window| window == text.as_bytes());
    assert!(has(&serde_json::to_string(&place.checkpoint().classes).unwrap()));
    for text in ["picture", "scores", "stages.0.conv1.weight", "[0.5,0.5,0.5]", "[0.25,0.25,0.25]"]
    {
        assert!(has(text), "{text}");
    }
    place.succeed(&["export", "run", "again.onnx"]);
    assert_eq!(fs::read(place.path("again.onnx")).unwrap(), bytes);
}

#[test]
fn an_export_replaces_a_file_whole_or_leaves_it() {
    let place = Place::new();
    fs::write(place.path("w.npz"), "old").unwrap();
    place.succeed(&["export", "run", "w.npz"]);
    assert!(fs::read(place.path("w.npz")).unwrap().starts_with(b"PK"));
    let before = fs::read(place.path("w.npz")).unwrap();
    place.refuse(&["export", "nowhere", "w.npz"], &["nowhere"]);
    assert_eq!(fs::read(place.path("w.npz")).unwrap(), before);
    place.refuse(&["export", "run", "no/such/folder.npz"], &["no/such/folder.npz", "written"]);
}

#[test]
fn an_export_to_no_known_format_is_refused() {
    let place = Place::new();
    for name in ["network", "network.pth", "network.ONNX", ".onnx"] {
        place.refuse(&["export", "run", name], &["ends with .onnx, .safetensors or .npz"]);
        assert!(!place.path(name).exists());
    }
}

#[test]
fn scores_are_those_whose_highest_is_the_mask() {
    let place = Place::new();
    let scores = place.scores("run");
    assert_eq!(scores.shape(), [3, 17, 23]);
    place.succeed(&["predict", "run", "photo.png", "--raw", "--out", "masks"]);
    let mask = read_mask(&place.path("masks/photo.png")).unwrap();
    for (at, &label) in mask.labels.iter().enumerate() {
        let of = |class: usize| scores.as_slice()[class * 17 * 23 + at];
        assert!((0..3).all(|class| of(class) <= of(usize::from(label))), "{at}");
    }
    place.refuse(&["predict", "run", "photo.png", "--raw", "--scores", "--out", "m"], &["--raw"]);
}

#[test]
fn weights_beside_a_configuration_and_classes_are_a_network() {
    let place = Place::new();
    fs::create_dir(place.path("theirs")).unwrap();
    place.succeed(&["export", "run", "theirs/model.safetensors"]);
    fs::copy(place.path("run/config.toml"), place.path("theirs/config.toml")).unwrap();
    let classes = place.checkpoint().classes.join("\n");
    fs::write(place.path("theirs/classes.txt"), &classes).unwrap();
    let weights = "theirs/model.safetensors";
    assert_eq!(place.scores(weights), place.scores("run"));
    // What a process holds when it begins, a part of the last lines, differs from one to the next.
    let layers = |of: &str| {
        let summary = place.succeed(&["summary", of]);
        summary.split("\ntraining with").next().unwrap().to_owned()
    };
    assert_eq!(layers(weights), layers("run"));
    place.succeed(&["export", weights, "theirs.onnx"]);
    place.succeed(&["export", "run", "ours.onnx"]);
    let [theirs, ours] =
        ["theirs.onnx", "ours.onnx"].map(|name| fs::read(place.path(name)).unwrap());
    assert_eq!(theirs, ours);

    let refuse = |parts: &[&str]| place.refuse(&["summary", weights], parts);
    fs::write(place.path("theirs/classes.txt"), format!("{classes}\nmore")).unwrap();
    refuse(&["theirs/model.safetensors", "expected shape", "score"]);
    fs::remove_file(place.path("theirs/classes.txt")).unwrap();
    refuse(&["theirs/classes.txt", "cannot be read"]);
    fs::write(place.path("theirs/config.toml"), "[model]\nwidths = []").unwrap();
    fs::write(place.path("theirs/classes.txt"), &classes).unwrap();
    refuse(&["widths: expected"]);
    fs::write(place.path("theirs/config.toml"), "[model").unwrap();
    refuse(&["theirs/config.toml"]);
    fs::remove_file(place.path("theirs/config.toml")).unwrap();
    refuse(&["theirs/config.toml", "cannot be read"]);
    fs::copy(place.path("run/config.toml"), place.path("theirs/config.toml")).unwrap();
    fs::write(place.path(weights), "no weights").unwrap();
    refuse(&["theirs/model.safetensors", "not a safetensors file"]);
}

#[test]
fn an_operation_reads_and_writes_numpys_archives() {
    let place = Place::new();
    let tensor = |values: [f32; 4]| Array::F32(Tensor::new([1, 1, 2, 2], values));
    let operands =
        [("input", tensor([1.0, 2.0, 3.0, 4.0])), ("weight", tensor([1.0, 0.0, 0.0, 2.0]))];
    let operands = operands.map(|(name, array)| (name.to_string(), array)).into();
    fs::write(place.path("in.npz"), to_npz(&operands).unwrap()).unwrap();
    place.succeed(&["op", "conv2d", "--in", "in.npz", "--out", "out.npz"]);
    let out = from_npz(&fs::read(place.path("out.npz")).unwrap(), 1 << 20).unwrap();
    let [Array::F32(out)] = &out.into_values().collect::<Vec<_>>()[..] else {
        panic!("there is one result")
    };
    assert_eq!(out.as_slice(), [9.0]);
    fs::write(place.path("in.npz"), "no archive").unwrap();
    place.refuse(&["op", "conv2d", "--in", "in.npz", "--out", "x.npz"], &["not an .npz file"]);
}
