//! The command as people run it: what it leaves, what it prints, and how it refuses.

use crate::folder;

use image::{GrayImage, ImageFormat, Rgb, RgbImage};
use mirrorgrad::train::{Checkpoint, Config, EpochMetrics};
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// What a command said.
#[derive(Debug)]
struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    #[track_caller]
    fn succeeded(self) -> String {
        assert_eq!((self.code, self.err.as_str()), (Some(0), ""), "{}", self.out);
        self.out
    }

    /// Exit code 1, and one line that has all `parts` in it.
    #[track_caller]
    fn refused(self, parts: &[&str]) {
        assert_eq!((self.code, self.err.lines().count()), (Some(1), 1), "{self:?}");
        assert!(self.err.starts_with("mirrorgrad: ") && self.err.ends_with('\n'), "{self:?}");
        for part in parts {
            assert!(self.err.contains(part), "{:?} without {part:?}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }

    /// Exit code 2, and one line, the option parser's.
    #[track_caller]
    fn misused(self, parts: &[&str]) {
        assert_eq!((self.code, self.out.as_str()), (Some(2), ""), "{}", self.err);
        assert_eq!(self.err.lines().count(), 1, "{}", self.err);
        for part in parts {
            assert!(self.err.contains(part), "{:?} without {part:?}", self.err);
        }
        assert!(!self.err.contains("panicked"), "{}", self.err);
    }
}

/// A place to work in, with data in it.
struct Place {
    data: TempDir,
    work: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { data: folder::data(false), work: tempfile::tempdir().unwrap() }
    }

    fn data(&self, name: &str) -> PathBuf {
        self.data.path().join(name)
    }

    fn work(&self, name: &str) -> PathBuf {
        self.work.path().join(name)
    }

    fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
        command.args(args).current_dir(self.work.path());
        command
    }

    fn run(&self, args: &[&str]) -> Said {
        let output = self.command(args).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
    }

    /// The options of a short run on the data, and `more`.
    fn train_args<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        let data = self.data.path().to_str().unwrap();
        let short = [["--widths", "3,4"], ["--epochs", "2"], ["--batch", "4"]];
        let short = short.into_iter().filter(|[option, _]| !more.contains(option)).flatten();
        ["train", "--data", data].into_iter().chain(short).chain(more.iter().copied()).collect()
    }

    fn train(&self, more: &[&str]) -> Said {
        self.run(&self.train_args(more))
    }

    /// Asserts that a run was refused before it left anything.
    #[track_caller]
    fn untouched(&self) {
        let names: Vec<_> = fs::read_dir(self.work.path()).unwrap().collect();
        assert!(names.is_empty(), "{names:?}");
    }
}

fn metrics(run: &Path) -> Vec<EpochMetrics> {
    let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The metrics without what differs from run to run.
fn timeless(run: &Path) -> Vec<EpochMetrics> {
    metrics(run)
        .into_iter()
        .map(|epoch| EpochMetrics { seconds: 0.0, val_seconds: 0.0, ..epoch })
        .collect()
}

fn names(dir: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

/// The pixels of a PNG as they are stored, with its type.
fn stored(path: &Path) -> (png::OutputInfo, Vec<u8>) {
    let mut reader =
        png::Decoder::new(std::io::BufReader::new(File::open(path).unwrap())).read_info().unwrap();
    let mut pixels = vec![0; reader.output_buffer_size().unwrap()];
    let info = reader.next_frame(&mut pixels).unwrap();
    (info, pixels)
}

#[test]
fn a_run_leaves_its_configuration_metrics_weights_checkpoints_and_pictures() {
    let place = Place::new();
    let out = place.train(&["--out", "run", "--lr", "0.01"]).succeeded();
    for part in ["run folder run", "epoch   1/2", "epoch   2/2", "over 3 classes", "done: best"] {
        assert!(out.contains(part), "{out}");
    }
    let run = place.work("run");
    let left = "best.ckpt classes.txt config.toml curves.png environment.json grid.png last.ckpt \
                metrics.jsonl model.safetensors prev.ckpt report.html report.json split.json";
    assert_eq!(names(&run), left.split(' ').collect::<Vec<_>>());
    let epochs = metrics(&run);
    assert_eq!(epochs.iter().map(|epoch| epoch.epoch).collect::<Vec<_>>(), [1, 2]);
    for picture in ["curves.png", "grid.png"] {
        assert!(image::open(run.join(picture)).unwrap().width() > 28);
    }
    let last = Checkpoint::read(&run.join("last.ckpt")).unwrap();
    assert_eq!((last.progress.epoch, last.progress.batch, last.progress.step), (2, 0, 6));
    let config: Config = last.config;
    assert_eq!((config.training.lr, config.model.widths), (0.01, vec![3, 4]));
    let text = fs::read_to_string(run.join("config.toml")).unwrap();
    assert!(text.contains("widths = [3, 4]") && text.contains("lr = 0.01"), "{text}");
}

#[test]
fn every_choice_by_name_trains() {
    let place = Place::new();
    let choices: [(&str, &[&str]); 4] = [
        ("--model", &["fcn"]),
        ("--upsample", &["deconv", "bilinear", "unpool"]),
        ("--optimizer", &["adamw", "adam", "sgd"]),
        ("--schedule", &["constant", "step", "cosine", "poly"]),
    ];
    for (option, names) in choices {
        let mut hashes = Vec::new();
        for name in names {
            place.train(&["--epochs", "2", "--out", name, option, name]).succeeded();
            let config = fs::read_to_string(place.work(name).join("config.toml")).unwrap();
            assert!(config.contains(&format!(" = \"{name}\"")), "{option} {name}: {config}");
            hashes.push(metrics(&place.work(name))[1].weights_hash.clone());
        }
        // Each choice trains other weights.
        hashes.sort();
        hashes.dedup();
        assert_eq!(hashes.len(), names.len(), "{option}");
    }
}

#[test]
fn every_network_by_name_trains_and_predicts() {
    let place = Place::new();
    for model in ["fcn8s", "fcn16s", "fcn32s", "unet", "segnet"] {
        let widths = if model.starts_with("fcn") { "2,3,2,3,2" } else { "2,3" };
        let sized = ["--size", "33x40", "--model", model, "--widths", widths, "--out", model];
        place.train(&[&["--epochs", "1"][..], &sized].concat()).succeeded();
        let picture = place.data("val/images/00.png");
        let picture = picture.to_str().unwrap();
        place.run(&["predict", model, picture, "--out", "masks", "--raw"]).succeeded();
        let (info, _) = stored(&place.work("masks/00.png"));
        assert_eq!([info.height, info.width], folder::SIZE);
    }
}

#[test]
fn a_try_runs_everything_and_leaves_nothing() {
    let place = Place::new();
    let out = place.train(&["--fast-dev-run", "--batch", "4"]).succeeded();
    assert!(out.contains("epoch   1/1") && out.contains("everything works"), "{out}");
    // Nor is a folder told of that is gone.
    assert!(!out.contains(&*std::env::temp_dir().to_string_lossy()), "{out}");
    place.untouched();
    fs::remove_file(place.data("val/masks/00.png")).unwrap();
    place.train(&["--fast-dev-run"]).refused(&["val/images/00.png", "its mask"]);
    place.train(&["--fast-dev-run", "--out", "run"]).misused(&["--out"]);
    place.untouched();
}

#[test]
fn a_batch_is_shown_as_the_network_will_see_it() {
    let place = Place::new();
    // Nothing is changed, so that the file's pictures are those of the folder.
    place.train(&["--flip", "0", "--batch", "1", "--show-batch", "batch.png"]).succeeded();
    assert_eq!(names(place.work.path()), ["batch.png"]);
    let sheet = image::open(place.work("batch.png")).unwrap().into_rgb8();
    let is_there = |index: usize| {
        let path = place.data(&format!("train/images/{index:02}.png"));
        let picture = image::open(path).unwrap().into_rgb8();
        let part = image::imageops::crop_imm(&sheet, 4, 4, picture.width(), picture.height());
        part.to_image() == picture
    };
    assert_eq!((0..12).filter(|&index| is_there(index)).count(), 1);
    // Where everything is mirrored, it shows mirrored pictures, and their masks beside them.
    place.train(&["--flip", "1", "--batch", "1", "--show-batch", "batch.png"]).succeeded();
    let mirrored = image::open(place.work("batch.png")).unwrap().into_rgb8();
    let [height, width] = [24, 28];
    let part =
        |sheet: &RgbImage, x: u32| image::imageops::crop_imm(sheet, x, 4, width, height).to_image();
    for x in [4, 4 + width + 4] {
        let (plain, mirrored) = (part(&sheet, x), part(&mirrored, x));
        assert_ne!(plain, mirrored);
        assert_eq!(image::imageops::flip_horizontal(&plain), mirrored, "from column {x}");
    }
}

#[test]
fn runs_without_a_folder_are_numbered() {
    let place = Place::new();
    for number in ["001", "002"] {
        place.train(&["--epochs", "1"]).succeeded();
        assert!(place.work("runs").join(number).join("last.ckpt").is_file());
    }
    assert_eq!(names(&place.work("runs")), ["001", "002"]);
}

#[test]
fn one_seed_gives_the_same_bits_with_one_thread_and_two_and_another_seed_others() {
    let place = Place::new();
    for (run, threads, seed) in [("one", "1", "5"), ("two", "2", "5"), ("other", "2", "6")] {
        place.train(&["--out", run, "--threads", threads, "--seed", seed]).succeeded();
    }
    let [one, two, other] = ["one", "two", "other"].map(|run| timeless(&place.work(run)));
    assert_eq!(one, two);
    assert_ne!(one[1].weights_hash, other[1].weights_hash);
    assert_eq!(one[1].weights_hash.len(), 64);
    let weights = |run: &str| fs::read(place.work(run).join("model.safetensors")).unwrap();
    assert_eq!(weights("one"), weights("two"));
}

#[test]
fn a_folder_with_files_in_it_is_refused_and_left_alone() {
    let place = Place::new();
    fs::create_dir(place.work("run")).unwrap();
    fs::write(place.work("run/notes.txt"), "mine").unwrap();
    place.train(&["--out", "run"]).refused(&["run: expected an empty folder", "--resume"]);
    assert_eq!(names(&place.work("run")), ["notes.txt"]);
}

#[test]
fn a_run_that_is_over_can_be_resumed_and_stays_as_it_is() {
    let place = Place::new();
    place.train(&["--out", "run"]).succeeded();
    let before = fs::read(place.work("run/metrics.jsonl")).unwrap();
    let out = place.run(&["train", "--resume", "--out", "run"]).succeeded();
    assert!(out.contains("done: best"), "{out}");
    assert_eq!(fs::read(place.work("run/metrics.jsonl")).unwrap(), before);
}

#[test]
fn a_resumed_run_takes_no_other_settings() {
    let place = Place::new();
    place.train(&["--out", "run"]).succeeded();
    let resume = ["train", "--resume", "--out", "run", "--lr", "0.1", "--epochs", "9"];
    let says = ["--resume: expected no other settings than --data and --epochs", "found --lr\n"];
    place.run(&resume).refused(&says);
    place.run(&["train", "--resume"]).misused(&["--out"]);
    let nowhere = ["train", "--resume", "--out", "nowhere"];
    place.run(&nowhere).refused(&["nowhere: expected a run folder, found none"]);
    assert!(!place.work("nowhere").exists());
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_ends_with_a_checkpoint_and_goes_on_to_the_same_bits() {
    use std::io::{BufRead, BufReader};
    use std::process::Stdio;
    let place = Place::new();
    // Long enough that the signal comes before the end, short enough to finish afterwards.
    let args = place.train_args(&["--out", "run", "--epochs", "60"]);
    let mut child = place.command(&args).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
    assert!(lines.any(|line| line.starts_with("epoch   1/60")));
    let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(kill.success());
    let told: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let go_on = "stopped; resume with: mirrorgrad train --resume --out run";
    assert_eq!(told.last().map(String::as_str), Some(go_on));
    let stopped = Checkpoint::read(&place.work("run/last.ckpt")).unwrap();
    assert!((3..180).contains(&stopped.progress.step), "{:?}", stopped.progress);
    // What was told is what a shell can run.
    let command: Vec<_> = go_on.split(' ').skip_while(|&word| word != "train").collect();
    place.run(&command).succeeded();
    let whole: Vec<_> = args.iter().map(|&arg| if arg == "run" { "whole" } else { arg }).collect();
    place.run(&whole).succeeded();
    assert_eq!(timeless(&place.work("run")), timeless(&place.work("whole")));
}

#[test]
fn a_loss_that_is_no_number_ends_the_run() {
    let place = Place::new();
    let wild = ["--out", "run", "--optimizer", "sgd", "--lr", "1e30", "--warmup", "0"];
    place.train(&wild).refused(&["(forward) became", "at step", "lower --lr"]);
}

/// A place with a run in `run`.
fn trained() -> Place {
    let place = Place::new();
    place.train(&["--out", "run", "--epochs", "1"]).succeeded();
    place
}

#[test]
fn a_network_is_measured_in_words_and_in_json() {
    let place = trained();
    let out = place.run(&["eval", "run"]).succeeded();
    for part in ["loss", "pixel accuracy", "mIoU", "over 3 classes", "ground", "bright", "dark"] {
        assert!(out.contains(part), "{out}");
    }
    let data = place.data.path().to_str().unwrap();
    let out = place.run(&["eval", "run/best.ckpt", "--data", data, "--json"]).succeeded();
    let object: Value = serde_json::from_str(&out).unwrap();
    let keys: Vec<_> = object.as_object().unwrap().keys().map(String::as_str).collect();
    let mut expected = vec!["loss", "miou", "classes_averaged", "pixel_accuracy", "mean_accuracy"];
    expected.extend(["frequency_weighted_iou", "classes", "iou", "dice"]);
    assert!(expected.iter().all(|key| keys.contains(key)), "{keys:?}");
    // The best epoch is the only one, and was measured on the same pictures.
    let epoch = &metrics(&place.work("run"))[0];
    let number = |key: &str| object[key].as_f64().unwrap();
    assert!((number("miou") - epoch.val_miou).abs() < 1e-12);
    assert!((number("pixel_accuracy") - epoch.val_pixel_accuracy).abs() < 1e-12);
    assert!((number("loss") - epoch.val_loss).abs() < 1e-6 * epoch.val_loss);
    assert_eq!(object["classes"], Value::from(vec!["ground", "bright", "dark"]));
    let all = place.run(&["eval", "run", "--part", "all", "--json"]).succeeded();
    assert_ne!(all, out);
}

#[test]
fn data_of_other_classes_are_not_measured() {
    let place = trained();
    let other = folder::data(false);
    fs::write(other.path().join("classes.txt"), "a\nb\nc\n").unwrap();
    let args = ["eval", "run", "--data", other.path().to_str().unwrap()];
    place.run(&args).refused(&["classes: expected", "ground", "found [\"a\", \"b\", \"c\"]"]);
}

#[test]
fn masks_are_predicted_at_each_pictures_own_size() {
    let place = trained();
    // [height, width], as small and as odd as two pools allow.
    let sizes = [("wide", [5, 21]), ("tall", [33, 4]), ("photo", [17, 23])];
    for (stem, [height, width]) in sizes {
        let picture = RgbImage::from_fn(width, height, |x, y| Rgb([(x * 9) as u8, y as u8, 99]));
        let extension = if stem == "photo" { "jpg" } else { "png" };
        picture.save(place.work(&format!("{stem}.{extension}"))).unwrap();
    }
    let pictures = ["wide.png", "tall.png", "photo.jpg"];
    let predict = |out: &str, more: &[&str]| {
        let args = [&["predict", "run", "--out", out], more, &pictures[..]].concat();
        assert!(place.run(&args).succeeded().contains("3 masks"));
    };
    predict("raw", &["--raw"]);
    predict("colours", &[]);
    assert_eq!(names(&place.work("raw")), ["photo.png", "tall.png", "wide.png"]);
    assert_eq!(names(&place.work("colours")).len(), 6);
    for (stem, [height, width]) in sizes {
        let (raw, labels) = stored(&place.work(&format!("raw/{stem}.png")));
        assert_eq!((raw.width, raw.height), (width, height));
        assert_eq!(
            (raw.color_type, raw.bit_depth),
            (png::ColorType::Grayscale, png::BitDepth::Eight)
        );
        assert!(labels.iter().all(|&label| label < 3));
        let (mask, same) = stored(&place.work(&format!("colours/{stem}_mask.png")));
        assert_eq!((mask.color_type, same), (png::ColorType::Indexed, labels));
        let overlay = image::open(place.work(&format!("colours/{stem}_overlay.png"))).unwrap();
        assert_eq!([overlay.height(), overlay.width()], [height, width]);
    }
}

#[test]
fn predictions_are_refused_for_what_is_no_picture_or_too_small() {
    let place = trained();
    let picture = place.data("val/images/00.png");
    let picture = picture.to_str().unwrap();
    let predict = |what: &[&str]| {
        let said = place.run(&[&["predict", "run", "--out", "masks"], what].concat());
        assert!(!place.work("masks").exists() || names(&place.work("masks")).is_empty());
        said
    };
    predict(&["nowhere.png"]).refused(&["nowhere.png: cannot be read"]);
    fs::write(place.work("text.png"), "not a picture").unwrap();
    predict(&["text.png"]).refused(&["text.png: expected a complete JPEG, PNG", "found"]);
    RgbImage::new(3, 9).save(place.work("tiny.png")).unwrap();
    let says = "tiny.png: expected at least 4x4 pixels for this network, found 9 high, 3 wide";
    predict(&["tiny.png"]).refused(&[says]);
    fs::create_dir(place.work("copy")).unwrap();
    fs::copy(picture, place.work("copy/00.png")).unwrap();
    fs::copy(picture, place.work("copy/00.jpg")).unwrap();
    let alike = ["copy/00.jpg", "copy/00.png"];
    predict(&alike).refused(&["copy/00.png: expected a name that differs"]);
    predict(&[]).misused(&["PICTURES"]);
    fs::write(place.work("file"), "").unwrap();
    let under_a_file = ["predict", "run", "--out", "file/masks", picture];
    place.run(&under_a_file).refused(&["file/masks: cannot be written"]);
}

#[test]
fn a_summary_tells_layers_shapes_parameters_and_multiply_adds() {
    let place = trained();
    let out = place.run(&["summary", "run/best.ckpt", "--size", "10x7"]).succeeded();
    let line = |name: &str| out.lines().find(|line| line.starts_with(name)).unwrap();
    let words: Vec<_> = line("stages.0.conv1").split_whitespace().collect();
    // 3 inputs, 3 outputs, 9 taps, at each of 70 pixels.
    assert_eq!(words, ["stages.0.conv1", "Conv2d", "3x10x7", "81", "5670"]);
    let words: Vec<_> = line("ups.0").split_whitespace().collect();
    // 3 inputs, 3 outputs, 16 taps, at each of the 5x3 pixels that are doubled.
    assert_eq!(words, ["ups.0", "ConvTranspose2d", "3x10x7", "144", "2160"]);
    assert!(line("772 parameters").contains("multiply-adds per picture"), "{out}");
    assert!(line("training with 4 such pictures per batch needs about").contains("MB of memory"));
    let refused = place.run(&["summary", "run", "--set", "model.kind=unet"]);
    refused.refused(&["expected no settings together with a checkpoint", "--set"]);
    let out = place.run(&["summary"]).succeeded();
    assert!(out.contains("128x8x8"), "{out}");
    // What decides a network is an option here as it is of `train`.
    let options = [
        "--model",
        "unet",
        "--widths",
        "2,3",
        "--upsample",
        "bilinear",
        "--no-batch-norm",
        "--batch",
        "3",
    ];
    let sets = [
        "model.kind=unet",
        "model.widths=[2,3]",
        "model.upsample=bilinear",
        "model.batch_norm=false",
        "training.batch=3",
    ];
    let sets = sets.into_iter().flat_map(|set| ["--set", set]);
    let by_options = place.run(&[&["summary"], &options[..]].concat()).succeeded();
    let by_keys = place.run(&["summary"].into_iter().chain(sets).collect::<Vec<_>>()).succeeded();
    let layers = |text: &str| text.split("\n\n").next().unwrap().to_owned();
    assert_eq!(layers(&by_options), layers(&by_keys));
    assert!(
        by_options.contains("training with 3 such pictures") && !by_options.contains("norm1"),
        "{by_options}"
    );
    assert!(!by_options.contains("exchange of gradients") && !by_options.contains(" processes"));
    let shared = ["summary", "--widths", "4", "--shards", "4", "--ranks"];
    let out = place.run(&[&shared[..], &["2"]].concat()).succeeded();
    assert!(out.contains(" MB of memory, in each of 2 processes\n"), "{out}");
    assert!(out.lines().last().unwrap().starts_with("  exchange of gradients "), "{out}");
    let says = "shards: expected a product with accumulate that 3 ranks can share, found 4, which 1, 2, or 4 can";
    place.run(&[&shared[..], &["3"]].concat()).refused(&[says]);
    place.run(&[&shared[..], &["0"]].concat()).misused(&["--ranks: expected"]);
    place.run(&["summary", "--size", "9x64"]).refused(&["--size: expected at least 16x16"]);
    place.run(&["summary", "--size", "99999x99999"]).refused(&["--size: expected at most"]);
}

/// Breaks the data and trains: the line that refuses names the file, what it should be and what
/// it is.
#[track_caller]
fn broken(broken: &str, damage: impl Fn(&Path), says: &[&str]) {
    let place = Place::new();
    let path = place.data(broken);
    damage(&path);
    let said = place.train(&["--out", "run"]);
    said.refused(&[&[path.to_str().unwrap()], says].concat());
    // The cure is named by the message: once the data are whole, the run can begin or go on.
    let whole = folder::data(false);
    fs::remove_dir_all(place.data.path()).unwrap();
    fs::rename(whole.path(), place.data.path()).unwrap();
    match place.work("run").exists() {
        true => place.run(&["train", "--resume", "--out", "run"]).succeeded(),
        false => place.train(&["--out", "run"]).succeeded(),
    };
    assert_eq!(metrics(&place.work("run")).len(), 2);
}

fn truncate(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

#[test]
fn a_missing_mask_is_refused() {
    let place = Place::new();
    fs::remove_file(place.data("train/masks/03.png")).unwrap();
    let (picture, mask) = (place.data("train/images/03.png"), place.data("train/masks/03.png"));
    let says = format!("{}: expected its mask {}", picture.display(), mask.display());
    place.train(&["--out", "run"]).refused(&[&says, "found"]);
    place.untouched();
}

#[test]
fn an_empty_folder_is_refused() {
    let place = Place::new();
    for part in ["images", "masks"] {
        let dir = place.data("val").join(part);
        fs::remove_dir_all(&dir).unwrap();
        fs::create_dir(&dir).unwrap();
    }
    let images = place.data("val/images");
    let says = format!("{}: expected pictures, found none", images.display());
    place.train(&["--out", "run"]).refused(&[&says]);
    place.untouched();
    let empty = tempfile::tempdir().unwrap();
    let dir = empty.path().to_str().unwrap();
    let says = [dir, "expected images and masks in it", "found none of these"];
    place.run(&["train", "--data", dir]).refused(&says);
    place.run(&["train", "--data", "nowhere"]).refused(&["nowhere", "cannot be read"]);
    place.untouched();
}

#[test]
fn missing_class_names_are_refused() {
    let place = Place::new();
    fs::remove_file(place.data("classes.txt")).unwrap();
    let path = place.data("classes.txt");
    let says = format!("{}: expected the names of the classes", path.display());
    place.train(&["--out", "run"]).refused(&[&says, "found"]);
    place.untouched();
}

#[test]
fn a_mask_of_another_size_than_its_picture_is_refused() {
    let damage = |path: &Path| GrayImage::new(24, 28).save(path).unwrap();
    let says = ["expected 24 high, 28 wide, like", "images/05.png, found 28 high, 24 wide"];
    broken("train/masks/05.png", damage, &says);
}

#[test]
fn a_label_out_of_range_is_refused_and_the_way_to_ignore_it_told() {
    let damage = |path: &Path| {
        let mut mask = image::open(path).unwrap().into_luma8();
        mask.put_pixel(7, 2, image::Luma([11]));
        mask.save(path).unwrap();
    };
    let says = ["expected labels below 3", "found 11 at (x=7, y=2)", "pass --ignore-index 11"];
    broken("val/masks/01.png", damage, &says);
    let place = Place::new();
    damage(&place.data("val/masks/01.png"));
    place.train(&["--ignore-index", "11"]).succeeded();
}

#[test]
fn pictures_cut_short_are_refused() {
    broken("train/images/00.png", truncate, &["expected a complete JPEG, PNG", "found"]);
    let place = Place::new();
    let path = place.data("train/images/00.png");
    let jpeg = path.with_extension("jpg");
    image::open(&path).unwrap().save_with_format(&jpeg, ImageFormat::Jpeg).unwrap();
    fs::remove_file(&path).unwrap();
    place.train(&["--out", "whole"]).succeeded();
    truncate(&jpeg);
    let says = [jpeg.to_str().unwrap(), "expected a complete JPEG, PNG", "found"];
    place.train(&["--out", "run"]).refused(&says);
}

#[test]
fn masks_that_hold_no_indices_are_refused() {
    let sixteen = |path: &Path| {
        let bright = image::Luma([256_u16]);
        image::ImageBuffer::from_pixel(28, 24, bright).save(path).unwrap();
    };
    let says = ["expected a mask: a PNG", "found 256 at (x=0, y=0), in 16 bits"];
    broken("train/masks/00.png", sixteen, &says);
    let colours = |path: &Path| {
        RgbImage::from_pixel(28, 24, image::Rgb([1, 2, 3])).save(path).unwrap();
    };
    let says = ["the colour 1 2 3 at (x=0, y=0); define what each colour means", "as 1 2 3 NAME"];
    broken("train/masks/00.png", colours, &says);
    broken("train/masks/00.png", truncate, &["expected a mask: a PNG", "found"]);
    let jpeg = |path: &Path| {
        let picture = RgbImage::new(28, 24);
        picture.save_with_format(path, ImageFormat::Jpeg).unwrap();
    };
    broken("train/masks/00.png", jpeg, &["found a JPEG, whose compression changes values"]);
}

#[test]
fn pictures_of_several_sizes_want_a_size() {
    let place = Place::new();
    let path = |kind: &str| place.data(&format!("train/{kind}/00.png"));
    RgbImage::new(30, 20).save(path("images")).unwrap();
    GrayImage::new(30, 20).save(path("masks")).unwrap();
    let said = place.train(&["--out", "run"]);
    said.refused(&["train/images", "20 high, 30 wide", "pass --size HxW"]);
    place.train(&["--out", "sized", "--size", "16x20"]).succeeded();
}

#[test]
fn pictures_too_small_for_the_network_are_refused() {
    let place = Place::new();
    let says = "expected at least 32x32 pixels for this network, found 24 high, 28 wide";
    let deep = place.train(&["--out", "run", "--widths", "2,2,2,2,2"]);
    deep.refused(&["train/images/", says]);
}

#[test]
fn values_that_no_run_can_have_are_refused_before_anything_is_made() {
    let place = Place::new();
    let refused = [
        ("--lr=0", "lr: expected a positive learning rate, of single precision, found 0"),
        ("--lr=-0.1", "lr: expected a positive learning rate, of single precision, found -0.1"),
        ("--lr=nan", "lr: expected a positive learning rate, of single precision, found NaN"),
        ("--lr=inf", "lr: expected a positive learning rate, of single precision, found inf"),
        ("--widths=0", "widths: expected 1 to 10 widths of 1 to 4096 channels, found [0]"),
        ("--widths=1,1,1,1,1,1,1,1,1,1,1", "widths: expected 1 to 10 widths"),
        ("--widths=5000", "widths: expected 1 to 10 widths of 1 to 4096 channels, found [5000]"),
        ("--epochs=0", "epochs: expected 1 to 1000000, found 0"),
        ("--batch=0", "batch: expected 1 to 65536 pictures, found 0"),
        (
            "--momentum=1",
            "momentum: expected a number from 0 to under 1, in single precision too, found 1",
        ),
        (
            "--weight-decay=-1",
            "weight-decay: expected a number of at least 0, of single precision, found -1",
        ),
        ("--clip=0", "clip: expected a positive norm, of single precision, found 0"),
        ("--flip=2", "flip: expected a probability, found 2"),
        ("--upsample=unpool --model=unet", "upsample: expected deconv or bilinear for a U-Net"),
        ("--jitter=-1", "jitter: expected a strength from 0 to 1, found -1"),
        ("--scale=2,1", "scale: expected a smallest and a largest factor"),
        ("--scale=0.05,1", "scale: expected a smallest and a largest factor between 0.1 and 10"),
        ("--crop=99999x9", "crop: expected sides of 1 to 16384, found 99999 high, 9 wide"),
        ("--size=99999x9", "--size: expected sides of 1 to 16384"),
        ("--val-split=0.5", "--val-split: expected none"),
        ("--accumulate=0", "accumulate: expected 1 to 1000000 batches, found 0"),
        ("--patience=0", "patience: expected 1 to 1000000 epochs, found 0"),
        ("--checkpoint-every=0", "checkpoint-every: expected 1 step or more, found 0"),
        ("--overfit-batches=0", "overfit-batches: expected 1 to 1000000 batches, found 0"),
        (
            "--label-smoothing=1",
            "label-smoothing: expected a share from 0 to under 1, in single precision too, found 1",
        ),
        ("--focusing=-1", "focusing: expected an exponent from 0 to 100, found -1"),
        (
            "--class-weights=1,2",
            "class-weights: expected 3 numbers, one per class, found 2 of them",
        ),
        ("--class-weights=1,2,-3", "class-weights: expected auto, or numbers of 0 or from 1e-12"),
        ("--class-weights=0,0,0", "class-weights: expected auto, or numbers of 0 or from 1e-12"),
        ("--class-weights=auto --loss=dice", "class-weights: expected none for the Dice loss"),
        ("--model=fcn32s --widths=2,3", "widths: expected 5 widths for an FCN with a stride"),
        ("--model=fcn8s --upsample=unpool", "upsample: expected deconv or bilinear for an FCN"),
        ("--model=segnet --upsample=deconv", "upsample: expected unpool for SegNet, found deconv"),
        ("--weights=nowhere.safetensors", "nowhere.safetensors: cannot be read"),
        ("--fresh=score", "--fresh needs --weights"),
        ("--config=nowhere.toml", "nowhere.toml: cannot be read"),
        ("--threads=0", "--threads: expected 1 to 1024, found 0"),
    ];
    let data = place.data.path().to_str().unwrap();
    for (option, says) in refused {
        let options = [
            &["train", "--data", data, "--out", "run"][..],
            &option.split(' ').collect::<Vec<_>>(),
        ]
        .concat();
        place.run(&options).refused(&[says]);
    }
    let misused = [
        ("--no-such-option", "--no-such-option"),
        ("--size=5", "expected HEIGHTxWIDTH, such as 180x240, found \"5\""),
        ("--size=0x5", "expected HEIGHTxWIDTH"),
        ("--size=-1x5", "expected HEIGHTxWIDTH"),
        ("--size=9999999999999999999999x5", "expected HEIGHTxWIDTH"),
        ("--widths=3,a", "expected numbers, such as 16,32,64, found \"3,a\""),
        ("--widths=", "expected numbers"),
        ("--range=5", "expected percentile or two numbers"),
        (
            "--widths=-1",
            "--widths: expected a whole number from 0 to 9223372036854775807, found -1",
        ),
        ("--scale=1", "expected two numbers"),
        ("--seed=9223372036854775808", "expected at most 9223372036854775807, found"),
        ("--set=training.lrr=1", "--set training.lrr=1: unknown field `lrr`, expected one of"),
        ("--set=training=1", "--set training=1: expected settings by their keys, found 1"),
        (
            "--set=training.lr.x=1",
            "--set training.lr.x=1: expected a number, found settings by their keys",
        ),
        (
            "--set=training.epochs=many",
            "--set training.epochs=many: expected a whole number from 0 to 9223372036854775807, found \"many\"",
        ),
        ("--set=training.epochs", "expected KEY=VALUE"),
        ("--set==", "--set =: unknown field"),
        ("--loss=hinge", "--loss"),
        ("--lr=fast", "--lr"),
        ("--ignore-index=256", "--ignore-index: expected a whole number from 0 to 255, found 256"),
        ("--ignore-index=1.5", "--ignore-index: expected a whole number from 0 to 255, found 1.5"),
        ("--ignore-index=x", "--ignore-index: expected a number, found \"x\""),
        ("--seed=-1", "--seed: expected a whole number from 0 to"),
        ("--threads=-1", "--threads: expected a whole number, found \"-1\""),
        ("--max-memory=x", "--max-memory: expected a whole number, found \"x\""),
        ("--set=training.betas=[1]", "--set training.betas=[1]: expected 2 values, found 1"),
        ("--model=resnet", "--model"),
        ("--upsample=magic", "--upsample"),
        ("surplus", "surplus"),
    ];
    for (option, says) in misused {
        place.run(&["train", "--data", data, "--out", "run", option]).misused(&[says]);
    }
    // A value that begins with a hyphen is one.
    for (option, value, says) in [
        ("--ignore-index", "-1", "--ignore-index: expected a whole number from 0 to 255, found -1"),
        ("--widths", "-1,2", "--widths: expected a whole number from 0 to"),
        ("--size", "-1x5", "--size: expected HEIGHTxWIDTH"),
        ("--threads", "-1", "--threads: expected a whole number, found \"-1\""),
        ("--lr", "--epochs", "--lr: expected a number, found \"--epochs\""),
    ] {
        place.run(&["train", "--data", data, "--out", "run", option, value]).misused(&[says]);
    }
    for (option, value) in [("--lr", "-0.1"), ("--class-weights", "-1,1,1")] {
        let options = ["train", "--data", data, "--out", "run", option, value];
        place.run(&options).refused(&[&format!("{}: expected", &option[2..])]);
    }
    place
        .run(&["summary", "--classes", "300"])
        .misused(&["--classes: expected 1 to 256, found \"300\""]);
    place.run(&["no-such-command"]).misused(&["no-such-command"]);
    let help = place.run(&[]);
    assert!(help.code == Some(2) && help.err.contains("Usage"), "{help:?}");
    place.untouched();
}

#[test]
fn numbers_that_single_precision_cannot_hold_are_refused_before_anything_is_made() {
    let place = Place::new();
    let refused = [
        (
            "--class-weights=1e300,1,1",
            "class-weights: expected auto, or numbers of 0 or from 1e-12 to 1e12",
        ),
        ("--class-weights=1e38,1,1", "class-weights: expected"),
        ("--class-weights=1e-300,1e-300,1e-300", "class-weights: expected"),
        ("--lr=1e300", "lr: expected a positive learning rate, of single precision, found 1e300"),
        ("--lr=1e-300", "lr: expected a positive learning rate, of single precision, found 1e-300"),
        (
            "--focusing=1e300 --loss=focal",
            "focusing: expected an exponent from 0 to 100, found 1e300",
        ),
        ("--focusing=101 --loss=focal", "focusing: expected"),
        (
            "--weight-decay=1e300",
            "weight-decay: expected a number of at least 0, of single precision",
        ),
        ("--clip=1e300", "clip: expected a positive norm, of single precision, found 1e300"),
        ("--clip=1e-300", "clip: expected"),
        ("--momentum=0.999999999999", "momentum: expected a number from 0 to under 1, in single"),
        ("--label-smoothing=0.999999999999", "label-smoothing: expected a share from 0 to under 1"),
        (
            "--set=training.betas=[0.9,0.999999999999]",
            "betas: expected two numbers from 0 to under 1",
        ),
    ];
    for (options, says) in refused {
        let options: Vec<&str> = ["--out", "run"].into_iter().chain(options.split(' ')).collect();
        place.train(&options).refused(&[says]);
    }
    place.untouched();
    // The ends of what it holds are allowed.
    let ends =
        ["--class-weights", "1e12,1e-12,0", "--lr", "1e-37", "--clip", "1e38", "--focusing", "100"];
    place.train(&[&["--fast-dev-run", "--loss", "focal"], &ends[..]].concat()).succeeded();
}

#[cfg(unix)]
#[test]
fn an_option_that_is_no_text_is_told_in_words_of_ours() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    for option in ["--lr", "--data", "--weights", "--set", "--config"] {
        let mut command = place.command(&["train", "--out", "run", option]);
        let output = command.arg(OsStr::from_bytes(b"a\xffb")).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let says = match option {
            "--config" => "mirrorgrad: a\u{fffd}b: cannot be read",
            _ => {
                "mirrorgrad: expected options in UTF-8, which a run's configuration can hold, found a\u{fffd}b"
            }
        };
        assert!(said.starts_with(says) && said.lines().count() == 1, "{said}");
    }
    place.untouched();
}

#[test]
fn a_run_that_cannot_be_written_is_refused() {
    let place = Place::new();
    fs::write(place.work("file"), "").unwrap();
    place.train(&["--out", "file"]).refused(&["file: cannot be written"]);
    place.train(&["--out", "file/run"]).refused(&["file/run: cannot be written"]);
    fs::write(place.work("runs"), "").unwrap();
    place.train(&[]).refused(&["runs: cannot be written"]);
    assert_eq!(names(place.work.path()), ["file", "runs"]);
}

#[test]
fn a_checkpoint_that_is_damaged_missing_or_another_file_is_refused() {
    let place = trained();
    let each = |path: &str, says: &[&str]| {
        let picture = place.data("val/images/00.png");
        let picture = picture.to_str().unwrap();
        let says = &[&[path], says].concat();
        place.run(&["eval", path]).refused(says);
        place.run(&["summary", path]).refused(says);
        place.run(&["predict", path, picture, "--out", "masks"]).refused(says);
        assert!(!place.work("masks").exists());
    };
    each("nowhere.ckpt", &["cannot be read"]);
    fs::write(place.work("empty.ckpt"), "").unwrap();
    each("empty.ckpt", &["expected a checkpoint, found only 0 bytes"]);
    let mut bytes = fs::read(place.work("run/last.ckpt")).unwrap();
    fs::write(place.work("cut.ckpt"), &bytes[..bytes.len() - 1]).unwrap();
    each("cut.ckpt", &["bytes after the header, found", "truncated or damaged"]);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(place.work("flipped.ckpt"), &bytes).unwrap();
    each("flipped.ckpt", &["do not match its hash: it is damaged"]);
    fs::write(place.work("run/last.ckpt"), &bytes).unwrap();
    fs::write(place.work("run/prev.ckpt"), &bytes).unwrap();
    let resume = ["train", "--resume", "--out", "run"];
    let damaged = |name: &str| format!("run/{name}.ckpt: its contents do not match its hash");
    place.run(&resume).refused(&[&damaged("last"), &damaged("prev")]);
    fs::create_dir(place.work("bare")).unwrap();
    place.run(&["eval", "bare"]).refused(&["bare/best.ckpt: cannot be read"]);
}

#[test]
fn a_run_whose_last_checkpoint_is_damaged_goes_on_from_the_one_before_and_says_so() {
    let place = trained();
    let whole = timeless(&place.work("run"));
    let bytes = fs::read(place.work("run/last.ckpt")).unwrap();
    fs::write(place.work("run/last.ckpt"), &bytes[..bytes.len() - 9]).unwrap();
    let said = place.run(&["train", "--resume", "--out", "run"]);
    assert_eq!((said.code, said.err.lines().count()), (Some(0), 1), "{said:?}");
    let says = ["run/last.ckpt: expected ", "truncated", "continuing from run/prev.ckpt, saved at"];
    assert!(says.iter().all(|says| said.err.contains(says)), "{}", said.err);
    assert_eq!(timeless(&place.work("run")), whole);
    place.run(&["train", "--resume", "--out", "run"]).succeeded();
}

#[test]
fn a_run_is_not_resumed_on_data_of_other_classes() {
    let place = trained();
    fs::write(place.data("classes.txt"), "ground\nbright\n").unwrap();
    let resume = ["train", "--resume", "--out", "run"];
    place.run(&resume).refused(&["expected the classes", "dark", "found"]);
}

#[test]
fn a_picture_is_never_overwritten_by_its_mask() {
    let place = Place::new();
    place.train(&["--epochs", "1", "--out", "run"]).succeeded();
    let photo = place.work("photo.png");
    RgbImage::from_pixel(20, 16, Rgb([1, 2, 3])).save(&photo).unwrap();
    let before = fs::read(&photo).unwrap();
    place.run(&["predict", "run", "photo.png", "--out", ".", "--raw"]).refused(&["photo.png"]);
    assert_eq!(fs::read(&photo).unwrap(), before);
    place.run(&["predict", "run", "photo.png", "--out", "."]).succeeded();
    assert!(place.work("photo_mask.png").is_file());
}

#[test]
fn a_run_does_not_go_on_with_other_pictures() {
    let place = Place::new();
    place.train(&["--epochs", "1", "--out", "run"]).succeeded();
    let train = place.data("train/images");
    let first = train.join(&names(&train)[0]);
    let mask = place.data("train/masks").join(first.with_extension("png").file_name().unwrap());
    fs::remove_file(first).unwrap();
    fs::remove_file(mask).unwrap();
    place
        .run(&["train", "--resume", "--out", "run"])
        .refused(&["expected a picture or mask that the run's split.json names"]);
}

#[test]
fn options_for_folders_are_refused_without_one() {
    let place = Place::new();
    for [option, value] in [["--size", "32x32"], ["--val-split", "0.5"]] {
        place.run(&["train", option, value]).refused(&[option, "--data"]);
    }
    place.untouched();
}

#[test]
fn weights_that_are_no_numbers_are_not_kept() {
    let place = Place::new();
    let wild = ["--epochs", "1", "--batch", "64", "--optimizer", "sgd", "--lr", "1e30"];
    let said = place.train(&[&wild[..], &["--warmup", "0", "--out", "run"]].concat());
    said.refused(&["became", "epoch 1"]);
    // What is left is the checkpoint before the first step.
    let last = Checkpoint::read(&place.work("run").join("last.ckpt")).unwrap();
    assert!(last.weights.values().all(|t| t.as_slice().iter().all(|v| v.is_finite())));
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let place = Place::new();
    let mut child = place.command(&["summary", "--widths", "4"]);
    let mut child = child.stdout(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

/// A safetensors file of F64 tensors.
fn write_tensors(path: &Path, tensors: &[(&str, &[usize], Vec<f64>)]) {
    let tensors = tensors.iter().map(|(name, shape, values)| {
        let tensor = mirrorgrad::tensor::Tensor::new(shape, values);
        (name.to_string(), mirrorgrad::study::Array::F64(tensor))
    });
    fs::write(path, mirrorgrad::study::arrays::write(&tensors.collect())).unwrap();
}

#[test]
fn an_operation_is_done_on_files_and_a_refused_one_leaves_nothing() {
    let place = Place::new();
    let ones = |n: usize| vec![1.0; n];
    let tensors: [(&str, &[usize], Vec<f64>); 3] = [
        ("input", &[1, 1, 2, 2], ones(4)),
        ("weight", &[1, 1, 3, 3], ones(9)),
        ("grad_output", &[1, 1, 4, 4], ones(16)),
    ];
    write_tensors(&place.work("in.safetensors"), &tensors);
    let op = |name: &str, input: &str, output: &str, attributes: &str| {
        place.run(&["op", name, "--in", input, "--out", output, "--attrs", attributes])
    };
    // MXNet's worked example: a 2x2 map of ones to a 4x4 image.
    let attributes = r#"{"stride": [2, 2], "padding": [1, 1], "output_padding": [1, 1]}"#;
    let said = op("conv_transpose2d", "in.safetensors", "out.safetensors", attributes);
    assert_eq!(said.succeeded(), "");
    let made = fs::read(place.work("out.safetensors")).unwrap();
    let made = mirrorgrad::study::arrays::read(&made).unwrap();
    assert_eq!(made.keys().collect::<Vec<_>>(), ["grad_input", "grad_weight", "output"]);
    let mirrorgrad::study::Array::F64(output) = &made["output"] else { panic!("{made:?}") };
    let want = [1., 2., 1., 1., 2., 4., 2., 2., 1., 2., 1., 1., 1., 2., 1., 1.];
    assert_eq!(output.as_slice(), want);
    // Exit code 2 for what makes no sense, 1 for files.
    fs::write(place.work("noise.safetensors"), [7; 100]).unwrap();
    for (name, input, attributes, says) in [
        ("conv3d", "in.safetensors", "{}", "conv_transpose2d"),
        ("conv2d", "in.safetensors", "{", "attributes"),
        ("conv2d", "in.safetensors", r#"{"stride": [0, 1]}"#, "stride"),
        ("conv2d", "noise.safetensors", "{}", "safetensors"),
    ] {
        let said = op(name, input, "none.safetensors", attributes);
        assert_eq!((said.code, said.out.as_str(), said.err.lines().count()), (Some(2), "", 1));
        assert!(said.err.contains(says), "{}", said.err);
        assert!(!place.work("none.safetensors").exists());
    }
    op("conv2d", "nowhere", "none", "{}").refused(&["nowhere: cannot be read"]);
    let said = op("conv2d", "in.safetensors", "no/such/folder", r#"{"padding": [3, 3]}"#);
    assert_eq!(said.code, Some(2)); // grad_output does not fit: found before anything is written.
    let fitting = r#"{"stride": [2, 2], "padding": [1, 1], "output_padding": [1, 1]}"#;
    let said = op("conv_transpose2d", "in.safetensors", "no/such/folder", fitting);
    said.refused(&["no/such/folder: cannot be written"]);
}

#[test]
fn a_layer_is_studied_in_words_in_json_and_as_a_page() {
    let place = Place::new();
    let layer = ["--kernel", "3", "--stride", "2", "--padding", "1"];
    let conv = [&["study", "conv", "--input", "4x4"], &layer[..]].concat();
    let said = place.run(&conv).succeeded();
    for part in
        ["C is 4x16", "relation 2", "all four give the same numbers", "uneven", "SAME_LOWER"]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    let json: Value =
        serde_json::from_str(&place.run(&[&conv[..], &["--json"]].concat()).succeeded()).unwrap();
    assert_eq!(json["matrix"]["products"][0], json["matrix"]["products"][1]);
    assert_eq!(json["paths"].as_array().unwrap().len(), 4);
    // Each way can be spoiled, and is found out.
    for way in ["dense", "columns", "zeros", "autograd"] {
        let said = place.run(&[&conv[..], &["--break", way, "--show", "ways"]].concat());
        assert_eq!((said.code, said.err.as_str()), (Some(1), ""));
        assert!(said.out.contains(&format!("different from the others: {way}")), "{}", said.out);
    }
    let explained = place.run(&[&conv[..], &["--show", "explain", "--explain", "0,1"]].concat());
    // The window at the second position: pixels 1 to 3 of two rows, 2·4 + 3·5 + 4·6 + 6·7 + 7·8 + 8·9.
    assert!(explained.succeeded().contains("sum 217"));
    let page = [&conv[..], &["--show", "dialects", "--html", "page.html"]].concat();
    place.run(&page).succeeded();
    let html = fs::read_to_string(place.work("page.html")).unwrap();
    assert!(html.contains("\"references\":[") && !html.contains("/*DATA*/"));
    assert!(!html.contains("http://") && !html.contains("https://"), "it needs no network");
}

#[test]
fn options_of_studies_are_understood_by_their_old_names() {
    let place = Place::new();
    let said = |words: &str| {
        let words: Vec<&str> = ["study"].into_iter().chain(words.split(' ')).collect();
        place.run(&words).succeeded()
    };
    for (old, new) in [
        (
            "conv --image 2x2 --kernel 1 --image-values 4,3,2,1",
            "conv --input 2x2 --kernel 1 --x 4,3,2,1",
        ),
        (
            "deconv --map 2x2 --kernel 1 --map-values 4,3,2,1",
            "deconv --input 2x2 --kernel 1 --y 4,3,2,1",
        ),
    ] {
        assert_eq!(said(old), said(new));
    }
}

#[test]
fn a_page_is_told_by_its_place_alone() {
    let place = Place::new();
    let readme = ["study", "deconv", "--input", "3x3", "--kernel", "3", "--stride", "2"];
    let said = place.run(&[&readme[..], &["--html", "page.html"]].concat()).succeeded();
    assert_eq!(said, "page page.html\n");
    let json = place.run(&[&readme[..], &["--html", "page.html", "--json"]].concat()).succeeded();
    assert!(json.starts_with('{') && json.lines().count() == 1, "{json}");
}

#[test]
fn padding_by_name_is_what_a_framework_means_by_it_or_says_who_means_it() {
    let place = Place::new();
    let conv = ["study", "conv", "--input", "5x5", "--padding", "same", "--show", "dialects"];
    let same = place.run(&[&conv[..], &["--kernel", "4"]].concat()).succeeded();
    assert!(same.contains("PyTorch     padding='same'\n"), "{same}");
    let strided = [&conv[..], &["--kernel", "3", "--stride", "2"]].concat();
    let says = ["found padding same", "--dialect tensorflow"];
    place.run(&strided).misused(&says);
    let deconv = ["study", "deconv", "--input", "3x3", "--kernel", "3", "--padding", "same"];
    place.run(&deconv).misused(&says);
}

#[test]
fn a_layer_that_makes_no_sense_is_refused_with_what_would() {
    let place = Place::new();
    let refused = |args: &[&str], says: &str| {
        place.run(&[&["study"], args].concat()).misused(&[says]);
    };
    let same = ["--dialect", "tensorflow", "--padding", "same", "--stride", "2", "--kernel", "3"];
    let deconv = [&["deconv", "--input", "3x3"], &same[..]].concat();
    refused(&[&deconv[..], &["--output", "7x7"]].concat(), "expected 5 to 6");
    refused(&[&deconv[..], &["--output-padding", "1"]].concat(), "output_padding");
    refused(&["conv", "--input", "2x2", "--kernel", "3"], "does not fit");
    refused(&["conv", "--input", "4x4", "--kernel", "0"], "kernel must be between");
    refused(&["conv", "--input", "9999x9999", "--kernel", "3"], "expected up to");
    refused(
        &["conv", "--input", "4x4", "--kernel", "3", "--explain", "9,9"],
        "expected a place in 2x2",
    );
    refused(&["conv", "--input", "2x2", "--kernel", "1", "--weight", "1,2"], "expected 1 numbers");
    refused(&["conv", "--input", "4x4"], "--kernel");
    place.untouched();
}

#[test]
fn the_health_of_trained_kernels_is_told() {
    let place = trained();
    let said = place.run(&["study", "health", "run"]).succeeded();
    assert!(said.contains("ups.0.weight: Even, taps by phase [[4, 4], [4, 4]]"), "{said}");
    assert_eq!(said.matches("channel").count(), 6); // Two deconvolutions, three classes.
    let file = place.run(&["study", "health", "run/model.safetensors", "--json"]).succeeded();
    let json: Value = serde_json::from_str(&file).unwrap();
    assert_eq!(json["ups.1.weight"].as_array().unwrap().len(), 3);
    place.run(&["study", "health", "run", "--tensor", "none"]).misused(&["expected weights"]);
    place.run(&["study", "health", "nowhere"]).refused(&["nowhere: cannot be read"]);
}

#[test]
fn bench_prints_one_object_a_line_for_every_case_and_pass() {
    let place = Place::new();
    let args = ["bench", "--json", "--repeat", "1", "--threads", "1", "--cases", "L,Gbn,I"];
    let told = place.run(&args).succeeded();
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let named: Vec<_> = lines
        .iter()
        .map(|line| [&line["case"], &line["pass"]].map(|v| v.as_str().unwrap()))
        .collect();
    let all = [["L", "fwd"], ["L", "fb"], ["Gbn", "fwd"], ["Gbn", "fb"], ["I", "fwd"]];
    assert_eq!(named, all);
    for line in &lines {
        let number = |key: &str| line[key].as_f64().unwrap();
        assert_eq!(number("threads"), 1.0);
        assert!(0.0 < number("q1_ms") && number("q1_ms") <= number("median_ms"), "{line}");
        assert!(number("median_ms") <= number("q3_ms") && number("peak_gflops") > 0.0, "{line}");
        // What counts operations says how many a second; norms are bound by memory.
        assert_eq!(line["gflops"].is_null(), line["case"] == "Gbn", "{line}");
    }
    // 2 · 64 · 64 · 9 · 64² operations forward, and twice as many back.
    let l = &lines[1];
    let gflop = l["gflops"].as_f64().unwrap() * l["median_ms"].as_f64().unwrap() * 1e-3;
    assert!((gflop - 3.0 * 2.0 * 64.0 * 64.0 * 9.0 * 4096.0 * 1e-9).abs() < 1e-9, "{gflop}");
    place.run(&["bench", "--cases", "A,X"]).misused(&["X"]);
    place.run(&["bench", "--side", "7"]).misused(&["7"]);
}

#[test]
fn a_plan_has_a_row_for_every_number_of_ranks() {
    let place = Place::new();
    let args = "plan --ranks 1,2,3,1024 --bandwidth 1Gbit --latency 50us --widths 2,3 --batch 4 --shards 2 --accumulate 2 \
                --size 16x24 --threads 1 --repeat 1";
    let args: Vec<&str> = args.split_whitespace().collect();
    let told = place.run(&args).succeeded();
    assert!(told.starts_with("a step of 4 passes of 2 pictures, "), "{told}");
    assert!(told.contains("assumed: 1000 Mbit/s both ways at once, 50 us a message"), "{told}");
    let rows: Vec<Vec<&str>> =
        told.lines().skip(5).map(|row| row.split_whitespace().collect()).collect();
    assert_eq!(rows.iter().map(|row| row[0]).collect::<Vec<_>>(), ["1", "2", "3", "1024"]);
    assert_eq!(
        (rows[0][1], &rows[0][3..5], &rows[0][6..9]),
        ("4", &["0.000000"; 2][..], &["100.0", "%", "1.00"][..])
    );
    assert_eq!((rows[1][1], rows[2][1]), ("2", "-"));
    assert!(
        told.contains("shards: expected a product with accumulate that 3 ranks can share, found 4"),
        "{told}"
    );
    let told = place.run(&[&args[..], &["--json"]].concat()).succeeded();
    let plan: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(
        (&plan["bytes_per_second"], &plan["threads"]),
        (&Value::from(1.25e8), &Value::from(1))
    );
    let ranks = plan["ranks"].as_array().unwrap();
    let number = |of: &Value, key: &str| of[key].as_f64().unwrap();
    let two = &ranks[1];
    // Five rounds of one message, and the gradients of all parameters once.
    let exchange = 5.0 * 50e-6 + 4.0 * number(&plan, "parameters") / 1.25e8;
    assert!(number(two, "exchange") > exchange, "{plan}");
    assert_eq!(number(two, "step"), number(two, "computing") + number(two, "waiting"));
    assert!(number(two, "waiting") <= number(two, "exchange"), "{plan}");
    assert!(ranks[3]["refused"].is_string() && ranks[3].get("step").is_none(), "{plan}");
}

#[test]
fn a_plan_of_what_there_cannot_be_is_refused_in_one_line() {
    let place = Place::new();
    for (args, says) in [
        ("--ranks 0", "--ranks: expected 1 to 65536, found \"0\""),
        ("--ranks 65537", "--ranks: expected 1 to 65536"),
        ("--ranks NaN", "--ranks: expected a whole number, found \"NaN\""),
        ("--ranks 2,", "--ranks"),
        ("--bandwidth NaNGbit", "--bandwidth: expected 0.001Mbit to 1000000Gbit"),
        ("--bandwidth 0Gbit", "found \"0Gbit\""),
        ("--latency 1e999us", "--latency: expected 0us to 10000ms"),
        ("--latency=-1us", "found \"-1us\""),
        ("--repeat 0", "--repeat: expected 1 to 65535"),
        ("--size 0x64", "expected HEIGHTxWIDTH"),
    ] {
        let args: Vec<&str> = ["plan"].into_iter().chain(args.split(' ')).collect();
        place.run(&args).misused(&[says]);
    }
    for (args, says) in [
        ("--size 18446744073709551615x18446744073709551615", "--size: expected at most"),
        ("--set data.augment.crop=[999999999,999999999]", "expected"),
        ("--size 1x1", "--size: expected at least"),
        ("--batch 65536 --size 2000x2000 --widths 4", "--max-memory: expected a run of at most"),
        ("--shards 3", "shards: expected parts of equal size"),
        ("--threads 0", "--threads: expected 1 to 1024, found 0"),
    ] {
        let args: Vec<&str> = ["plan"].into_iter().chain(args.split(' ')).collect();
        place.run(&args).refused(&[says]);
    }
    // The extremes of what may be asked.
    let tiny = "plan --widths 1 --norm none --size 2x2 --repeat 1 --batch 1 --ranks 1,2,65536";
    for link in ["--bandwidth 0.001Mbit --latency 10000ms", "--bandwidth 1000000Gbit --latency 0us"]
    {
        let args: Vec<&str> = tiny.split(' ').chain(link.split(' ')).collect();
        assert_eq!(place.run(&args).succeeded().lines().count(), 5 + 3);
    }
}

#[test]
fn kernels_that_there_are_not_are_refused() {
    let place = Place::new();
    for (name, value, says) in [
        ("MIRRORGRAD_ISA", "sse9", "expected avx512, avx2 or baseline"),
        ("MIRRORGRAD_CONV", "fft", "expected plain, direct, depthwise or winograd"),
    ] {
        let output = place.command(&["summary"]).env(name, value).output().unwrap();
        let told = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), told.lines().count()), (Some(2), 1), "{told}");
        assert!(told.contains(name) && told.contains(value) && told.contains(says), "{told}");
    }
}

#[test]
fn every_path_and_instruction_set_trains_the_same_network_but_for_rounding() {
    let place = Place::new();
    let loss = |name: &str, value: &str| {
        let run = place.work(&format!("{name}-{value}"));
        let args =
            place.train_args(&["--out", run.to_str().unwrap(), "--epochs", "1", "--lr", "1e-3"]);
        let output = place.command(&args).env(name, value).output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        metrics(&run)[0].train_loss
    };
    let best = loss("UNUSED", "");
    for (name, value) in [
        ("MIRRORGRAD_ISA", "baseline"),
        ("MIRRORGRAD_CONV", "plain"),
        ("MIRRORGRAD_CONV", "direct"),
        ("MIRRORGRAD_CONV", "winograd"),
    ] {
        let other = loss(name, value);
        assert!((other - best).abs() < 1e-4 * best, "{name} {value}: {other}, {best}");
    }
}

#[test]
fn a_unet_is_trained_and_predicts() {
    let place = Place::new();
    let run = place.work("run");
    place.train(&["--out", run.to_str().unwrap(), "--model", "unet"]);
    assert_eq!(metrics(&run).len(), 2);
    let picture = place.data("val/images");
    let picture = fs::read_dir(picture).unwrap().next().unwrap().unwrap().path();
    place.run(&["predict", "run", picture.to_str().unwrap(), "--out", "masks"]);
    assert!(fs::read_dir(place.work("masks")).unwrap().next().is_some());
}

#[test]
fn a_run_goes_on_where_its_pictures_have_moved_to() {
    let place = Place::new();
    place.train(&["--out", "whole"]).succeeded();
    place.train(&["--epochs", "2", "--checkpoint-every", "1", "--out", "run"]).succeeded();
    let prev = place.work("run/prev.ckpt");
    fs::copy(&prev, place.work("run/last.ckpt")).unwrap();
    let moved = place.work("moved");
    fs::create_dir(&moved).unwrap();
    for name in names(place.data.path()) {
        fs::rename(place.data(&name), moved.join(&name)).unwrap();
    }
    let resume = ["train", "--resume", "--out", "run"];
    place.run(&resume).refused(&["classes.txt: expected", "no such file"]);
    place.run(&[&resume[..], &["--data", "moved"]].concat()).succeeded();
    assert_eq!(timeless(&place.work("run")), timeless(&place.work("whole")));
    // From there on it knows.
    place.run(&resume).succeeded();
}

#[test]
fn what_no_batch_can_be_is_refused_before_there_is_a_folder() {
    let place = Place::new();
    for (args, says) in [
        (&["--crop", "2x2"][..], "--crop: expected at least 4x4 pixels for this network"),
        (&["--transpose", "0.5"], "transpose: expected square pictures or a square crop"),
        (
            &["--loss", "dice", "--label-smoothing", "0.1"],
            "label-smoothing: expected 0 for the Dice",
        ),
    ] {
        place.train(&[args, &["--out", "run"]].concat()).refused(&[says]);
        place.untouched();
    }
    // The figures' turns, of which nobody spoke, give way to a crop that is not square.
    let figures = ["train", "--widths", "2", "--limit-batches", "1", "--epochs", "1"];
    place.run(&[&figures[..], &["--crop", "32x48", "--out", "run"]].concat()).succeeded();
}

#[test]
fn a_report_looks_at_the_pictures_that_the_run_was_judged_by() {
    let place = Place::new();
    place.train(&["--overfit-batches", "1", "--out", "run"]).succeeded();
    let measured = || {
        let text = fs::read_to_string(place.work("run/report.json")).unwrap();
        serde_json::from_str::<Value>(&text).unwrap()
    };
    let by_run = measured();
    assert_eq!(by_run["looked_at"], 4);
    place.run(&["report", "run"]).succeeded();
    assert_eq!(measured(), by_run);
    // A damaged last checkpoint is told of, and the one before it stands in.
    fs::write(place.work("run/last.ckpt"), "").unwrap();
    let said = place.run(&["report", "run"]);
    assert_eq!((said.code, said.err.lines().count()), (Some(0), 1), "{said:?}");
    assert!(said.err.contains("continuing from run/prev.ckpt"), "{said:?}");
    let told = place.run(&["compare", "run"]).succeeded();
    assert!(told.contains("run/last.ckpt"), "{told}");
    let said = place.run(&["compare", "run", "--json"]);
    assert!(said.code == Some(0) && said.err.contains("run/last.ckpt"), "{said:?}");
}

#[test]
fn a_run_is_judged_by_its_own_layout() {
    let place = Place::new();
    // It looks like VOC now, and is read as it was.
    fs::create_dir_all(place.data("SegmentationClass")).unwrap();
    place.train(&["--layout", "folders", "--out", "run"]).succeeded();
    let json = place.run(&["eval", "run", "--json"]).succeeded();
    let json: Value = serde_json::from_str(&json).unwrap();
    let best = metrics(&place.work("run")).iter().map(|epoch| epoch.val_miou).reduce(f64::max);
    assert_eq!(json["miou"].as_f64(), best);
}

#[test]
fn sizes_that_no_memory_holds_are_refused_before_they_are_made() {
    let place = Place::new();
    let far = ["study", "conv", "--input", "4x4", "--kernel", "3", "--stride", "200000"];
    place.run(&far).misused(&["stride and dilation: expected up to 4096 phases"]);
    let keras = ["study", "deconv", "--input", "1x1", "--kernel", "1", "--stride", "100000"];
    place.run(&keras).misused(&["stride and dilation: expected up to"]);
    let says = "whose weights alone need";
    place.train(&["--widths", "2048,2048", "--max-memory", "500"]).refused(&[says]);
    place.untouched();
    // A weight of no channels: a header, and no numbers.
    let header = r#"{"ups.0.weight":{"dtype":"F32","shape":[0,1,4,4],"data_offsets":[0,0]}}"#;
    let bytes = [&(header.len() as u64).to_le_bytes(), header.as_bytes()].concat();
    fs::write(place.work("none.safetensors"), bytes).unwrap();
    place.run(&["study", "health", "none.safetensors"]).succeeded();
}

#[test]
fn whatever_file_of_a_run_was_half_written_is_removed_before_it_begins_or_goes_on() {
    let place = Place::new();
    place.train(&["--epochs", "1", "--out", "run"]).succeeded();
    let files = names(&place.work("run"));
    fs::create_dir(place.work("new")).unwrap();
    for folder in ["run", "new"] {
        for file in &files {
            fs::write(place.work(folder).join(format!(".{file}.a1B2c3")), "half").unwrap();
        }
    }
    place.run(&["train", "--resume", "--out", "run"]).succeeded();
    place.train(&["--epochs", "1", "--out", "new"]).succeeded();
    assert_eq!((names(&place.work("run")), names(&place.work("new"))), (files.clone(), files));
}

#[test]
fn a_summary_needs_no_class_weights_that_are_still_to_be_counted() {
    let place = Place::new();
    for weights in ["auto", "[1.0, 2.0]"] {
        let set = format!("training.class_weights={weights}");
        let text =
            place.run(&["summary", "--widths", "4", "--set", &set, "--classes", "5"]).succeeded();
        assert!(text.contains("training with 8 such pictures per batch needs about"), "{text}");
    }
}
