//! What training takes of the machine's memory is what `summary` says that it will take.

use image::imageops::FilterType;
use image::{GrayImage, Luma, Rgb, RgbImage};
use std::fs;
use std::path::Path;
use std::process::Command;
use tempfile::TempDir;

fn run(args: &[&str], dir: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"))
        .args(args)
        .args(["--threads", "2"].iter().filter(|_| args[0] == "train"))
        .current_dir(dir)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{args:?}: {told}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one line that a command refuses with.
fn refused(args: &[&str], dir: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"))
        .args(args)
        .current_dir(dir)
        .output()
        .unwrap();
    let told = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), told.lines().count()), (Some(1), 1), "{args:?}: {told}");
    told
}

/// Ten pictures of 120 rows and 160 columns to train on, and one to validate on.
fn data(dir: &Path) {
    let put = |path: &str| {
        let path = dir.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        path
    };
    for i in 0..11 {
        let part = if i < 10 { "train" } else { "val" };
        let colour = |x: u32, y: u32| Rgb([x as u8, y as u8, (x * y + i) as u8]);
        let picture = RgbImage::from_fn(160, 120, colour);
        picture.save(put(&format!("mine/{part}/images/{i}.png"))).unwrap();
        let mask = GrayImage::from_fn(160, 120, |x, _| Luma([u8::from(x > 80)]));
        mask.save(put(&format!("mine/{part}/masks/{i}.png"))).unwrap();
    }
    fs::write(put("mine/classes.txt"), "left\nright\n").unwrap();
}

/// The megabytes that `summary` predicts of a run with these options, and those that training took.
fn predicted_and_taken(dir: &Path, options: &str, epochs: &str) -> (f64, f64) {
    let options: Vec<&str> = options.split(' ').collect();
    let summary = run(&[&["summary", "--classes", "2"], &options[..]].concat(), dir);
    let predicted = summary.split("needs about ").nth(1).unwrap().split(" MB").next().unwrap();
    // The last batch of an epoch is smaller than the others, and the one to validate on yet smaller.
    let train = ["train", "--data", "mine", "--epochs", epochs, "--out", "run"];
    run(&[&train, &options[..]].concat(), dir);
    let noted = fs::read_to_string(dir.join("run/environment.json")).unwrap();
    fs::remove_dir_all(dir.join("run")).unwrap();
    let noted: serde_json::Value = serde_json::from_str(&noted).unwrap();
    (predicted.parse().unwrap(), noted["peak_memory"].as_f64().unwrap() / 1e6)
}

#[test]
#[cfg(target_os = "linux")]
fn a_summary_predicts_the_memory_of_training_within_a_tenth() {
    let dir: TempDir = tempfile::tempdir().unwrap();
    data(dir.path());
    // Many pixels; many weights and few pixels; next to nothing. Of each, six steps or more.
    for (options, epochs) in [
        ("--model fcn --widths 8,16,32,64 --batch 8 --size 84x112", "3"),
        ("--model segnet --widths 8,16,32,64 --batch 4 --size 84x112", "2"),
        ("--model unet --widths 8,16,32 --batch 4 --size 84x112", "2"),
        ("--model fcn --widths 16,32,64,256 --batch 1 --size 84x112", "1"),
        ("--model fcn --widths 2 --batch 1 --size 120x160", "4"),
    ] {
        let (predicted, taken) = predicted_and_taken(dir.path(), options, epochs);
        let ratio = predicted / taken;
        assert!((0.9..=1.1).contains(&ratio), "{options}: predicted {predicted}, taken {taken} MB");
    }
}

#[test]
fn validating_whole_pictures_counts_where_training_is_on_small_parts() {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    let large = |path: &str| {
        let path = dir.path().join("mine/val").join(path);
        let picture = image::open(&path).unwrap();
        picture.resize_exact(1600, 1200, FilterType::Nearest).save(&path).unwrap();
    };
    let part = ["--widths", "8,8", "--crop", "32x32", "--max-memory", "100"];
    let train = [&["train", "--data", "mine", "--epochs", "1"], &part[..]].concat();
    run(&[&train[..], &["--out", "before"]].concat(), dir.path());
    ["images/10.png", "masks/10.png"].into_iter().for_each(large);
    let whole = "since validation uses whole pictures of 1200x1600; try a --size";
    let told = refused(&[&train[..], &["--out", "run"]].concat(), dir.path());
    assert!(told.contains("expected a run of at most 100 MB") && told.contains(whole), "{told}");
    assert!(!dir.path().join("run").exists());
    // A run that has begun is asked again, and so is who measures it.
    let more = ["--epochs", "2", "--stretch-schedule", "--max-memory", "100"];
    let again = [&["train", "--resume", "--out", "before"], &more[..]].concat();
    let told = refused(&again, dir.path());
    assert!(told.contains(whole), "{told}");
    let told = refused(&["eval", "before", "--max-memory", "100"], dir.path());
    let says = "--max-memory: expected pictures that take at most 100 MB, found some of 1200x1600";
    assert!(told.contains(says), "{told}");
    // At another size it fits.
    let small = [&train[..], &["--size", "120x160", "--out", "small"]].concat();
    run(&small, dir.path());
    run(&["eval", "small", "--max-memory", "100"], dir.path());
}

#[test]
fn a_picture_that_takes_too_much_is_refused_by_its_name_and_the_masks_before_it_stay() {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    let small = ["--widths", "8,8", "--epochs", "1", "--out", "run"];
    run(&[&["train", "--data", "mine"], &small[..]].concat(), dir.path());
    let large = RgbImage::from_fn(1600, 1200, |x, y| Rgb([x as u8, y as u8, 0]));
    large.save(dir.path().join("large.png")).unwrap();
    let small = "mine/val/images/10.png";
    let predict = ["predict", "run", small, "large.png", "--raw", "--out", "masks"];
    let told = refused(&[&predict[..], &["--max-memory", "100"]].concat(), dir.path());
    let says = "large.png: expected a picture that takes at most 100 MB (--max-memory), found 1200x1600, \
                which takes about";
    assert!(told.contains(says), "{told}");
    assert!(
        dir.path().join("masks/10.png").exists() && !dir.path().join("masks/large.png").exists()
    );
    // What one takes serves the next.
    let needed: usize =
        told.split("takes about ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    let most = (needed + needed / 10).to_string();
    fs::copy(dir.path().join("large.png"), dir.path().join("large too.png")).unwrap();
    run(&[&predict[..], &["large too.png", "--max-memory", &most]].concat(), dir.path());
    for mask in ["large.png", "large too.png"] {
        assert!(dir.path().join("masks").join(mask).exists(), "{mask}");
    }
}

#[test]
fn a_run_that_needs_too_much_is_refused_with_the_estimate_before_it_is_made() {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    let small = ["--widths", "8,16,32,64", "--size", "84x112"];
    let args =
        [&["train", "--data", "mine", "--out", "run", "--max-memory", "20"], &small[..]].concat();
    let told = refused(&args, dir.path());
    assert!(
        told.contains("--max-memory: expected a run of at most 20 MB, found one of about"),
        "{told}"
    );
    assert!(!dir.path().join("run").exists());
}

#[test]
fn a_run_of_too_many_weights_is_refused_before_they_are_there() {
    let dir = tempfile::tempdir().unwrap();
    data(dir.path());
    let wide = ["--widths", "4096,4096", "--batch", "1", "--max-memory", "1000"];
    let train = ["train", "--data", "mine", "--out", "run"];
    let told = refused(&[&train[..], &wide].concat(), dir.path());
    // Two stages of 9 · (3 · 4096 + 4096²) and 9 · 2 · 4096² weights, at 16 bytes each.
    assert!(told.contains("whose weights alone need 7249 MB or more"), "{told}");
    assert!(!dir.path().join("run").exists());
    // A run that was begun elsewhere is asked as well.
    let small = ["--widths", "2", "--epochs", "1", "--out", "run"];
    run(&[&["train", "--data", "mine"], &small[..]].concat(), dir.path());
    let told = refused(&["train", "--resume", "--out", "run", "--max-memory", "5"], dir.path());
    assert!(told.contains("--max-memory: expected a run of at most 5 MB"), "{told}");
}
