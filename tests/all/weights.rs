//! Files of weights that other programs wrote, as each command takes or refuses them.

use mirrorgrad::data::{Dataset, Shapes};
use mirrorgrad::layers::weights::{NamedTensors, state_dict, to_safetensors};
use mirrorgrad::tensor::Tensor;
use mirrorgrad::train::Config;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

fn config() -> Config {
    let mut config = Config::default();
    config.model.widths = vec![2];
    config
}

fn weights() -> NamedTensors<f32> {
    state_dict(&*config().network(5))
}

/// A folder with these weights, what they are of, and a picture.
fn place(weights: &NamedTensors<f32>) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("model.safetensors"), to_safetensors(weights)).unwrap();
    fs::write(dir.path().join("config.toml"), "[model]\nwidths = [2]\n").unwrap();
    let classes = Shapes::new(0, 1).classes().join("\n");
    fs::write(dir.path().join("classes.txt"), classes).unwrap();
    image::RgbImage::new(8, 8).save(dir.path().join("a.png")).unwrap();
    dir
}

/// What each command that takes a file of weights comes to.
fn tried(dir: &Path) -> [(&'static str, Output); 4] {
    let file = "model.safetensors";
    let short = ["--widths", "2", "--epochs", "1", "--limit-batches", "1", "--out", "run"];
    [
        ["predict", file, "a.png", "--out", "masks"].to_vec(),
        ["eval", file, "--json"].to_vec(),
        ["export", file, "out.npz"].to_vec(),
        [&["train", "--weights", file][..], &short].concat(),
    ]
    .map(|args| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
        (args[0], command.args(&args).current_dir(dir).output().unwrap())
    })
}

#[track_caller]
fn assert_refused(weights: &NamedTensors<f32>, says: &str) {
    let dir = place(weights);
    for (command, Output { status, stderr, .. }) in tried(dir.path()) {
        let told = String::from_utf8(stderr).unwrap();
        assert_eq!((status.code(), told.lines().count()), (Some(1), 1), "{command}: {told}");
        assert!(
            told.trim_end().ends_with(&format!("model.safetensors: {says}")),
            "{command}: {told}"
        );
    }
    assert!(!dir.path().join("run").exists());
}

#[test]
fn a_missing_or_unknown_tensor_is_named_by_every_command() {
    let mut lacking = weights();
    // The largest: without it there are fewer numbers than the network has.
    lacking.remove("stages.0.conv1.weight").unwrap();
    let says = "the tensors are not the network's: missing \"stages.0.conv1.weight\"";
    assert_refused(&lacking, says);
    lacking.insert("head.weight".to_owned(), Tensor::zeros([3]));
    assert_refused(&lacking, &format!("{says}; unknown \"head.weight\""));
}

#[test]
fn weights_that_are_not_finite_are_refused_by_name() {
    for value in [f32::NAN, f32::NEG_INFINITY] {
        let mut weights = weights();
        weights.insert(
            "score.bias".to_owned(),
            Tensor::from_fn([5], |i| if i == 3 { value } else { 0.0 }),
        );
        assert_refused(
            &weights,
            &format!("tensor \"score.bias\": expected finite numbers, found {value}"),
        );
    }
}

#[test]
fn names_of_a_wrapped_network_are_taken_with_a_note() {
    let wrapped = weights().into_iter().map(|(name, tensor)| (format!("module.{name}"), tensor));
    let dir = place(&wrapped.collect());
    let note = "model.safetensors: all names begin with \"module.\", which is removed";
    for (command, output) in tried(dir.path()) {
        let told = String::from_utf8(output.stderr).unwrap();
        assert!(output.status.success() && told.contains(note), "{command}: {told}");
    }
}

#[test]
fn a_layer_that_starts_fresh_may_be_anything_in_the_file() {
    let mut weights = weights();
    weights.insert("score.bias".to_owned(), Tensor::full([9], f32::NAN));
    let dir = place(&weights);
    let args = ["train", "--weights", "model.safetensors", "--fresh", "score", "--widths", "2"];
    let short = ["--epochs", "1", "--limit-batches", "1", "--out", "run"];
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
    let output = command.args(args).args(short).current_dir(dir.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
