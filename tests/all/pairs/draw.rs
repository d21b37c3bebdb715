//! Pairs of settings, each a function of its number.

use super::data::{ENDS, Place, SETS};
use mirrorgrad::train::Config;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::path::Path;

/// What a run is asked for.
pub struct Draw {
    /// Each as `KEY=VALUE`.
    pub sets: Vec<String>,
}

/// The ends of the values of keys, beside those that the page on settings shows: what is just allowed, and what just
/// is not. A run of very many epochs would not end, so that there is none.
const ENDS_OF: &[(&str, &[&str])] = &[
    ("data.folder.layout", &["folders", "voc", "camvid", "pets", "list", "none"]),
    ("data.folder.ignore_index", &["-1", "0", "2", "3", "254", "255", "256"]),
    ("data.folder.size", &["[1, 1]", "[16, 16]", "[4, 5]", "[16385, 1]", "[0, 4]"]),
    ("data.folder.validation_split", &["0.0", "0.01", "0.5", "0.99", "1.0", "nan"]),
    ("data.folder.seed", &["1", "9223372036854775807"]),
    ("data.augment.flip", &["0.0", "1.0", "1.01"]),
    ("data.augment.vertical_flip", &["1.0", "-0.01"]),
    ("data.augment.transpose", &["0.5", "1.0", "nan"]),
    (
        "data.augment.scale",
        &["[0.1, 10.0]", "[1.0, 1.0]", "[0.09, 1.0]", "[2.0, 1.0]", "[1.0, 1.5]"],
    ),
    ("data.augment.crop", &["[1, 1]", "[4, 4]", "[8, 12]", "[16, 16]", "[17, 16]", "[0, 1]"]),
    ("data.augment.rotate", &["180.0", "0.001", "180.1"]),
    ("data.augment.jitter", &["1.0", "1.1"]),
    ("data.augment.hue", &["180.0", "-1.0"]),
    ("data.augment.noise", &["255.0", "0.001", "256.0"]),
    ("model.kind", &["fcn8s", "fcn16s", "fcn32s", "unet", "segnet", "resnet"]),
    ("model.widths", &["[]", "[1]", "[4, 4, 4, 4]", "[4, 4, 4, 4, 4]", "[0]", "[4097]", "[1, 9]"]),
    ("model.norm", &["group", "none", "layer"]),
    ("model.upsample", &["bilinear", "unpool"]),
    ("model.fresh", &["[\"score\"]", "[\"nowhere\"]"]),
    ("training.epochs", &["0", "1", "3", "1000001"]),
    ("training.batch", &["0", "1", "3", "5", "7", "65536", "65537"]),
    ("training.accumulate", &["0", "2", "7", "1000000", "1000001"]),
    ("training.loss", &["focal", "dice", "cross_entropy_dice"]),
    (
        "training.class_weights",
        &[
            "[1.0, 1.0, 1.0]",
            "[0.0, 0.0, 1.0]",
            "[0.0, 0.0, 0.0]",
            "[1.0]",
            "[1e12, 1e-12, 0.0]",
            "[1e13, 1.0, 1.0]",
        ],
    ),
    ("training.label_smoothing", &["0.1", "0.999", "1.0"]),
    ("training.focusing", &["0.0", "0.5", "100.0", "100.1"]),
    ("training.optimizer", &["adam", "sgd"]),
    ("training.lr", &["0.0", "1e-37", "1e-300", "0.1", "inf"]),
    ("training.weight_decay", &["0.0", "1.0", "-1.0", "1e39"]),
    ("training.momentum", &["0.0", "0.999", "1.0"]),
    ("training.betas", &["[0.0, 0.0]", "[0.999, 0.9999]", "[1.0, 0.5]"]),
    ("training.schedule", &["constant", "step", "poly"]),
    ("training.warmup", &["0", "1", "9223372036854775807"]),
    ("training.clip", &["0.0", "1e-37", "1e38", "1e39"]),
    ("training.patience", &["0", "1", "1000000"]),
    ("training.checkpoint_every", &["0", "1", "2", "9223372036854775807"]),
    ("training.overfit_batches", &["0", "2", "1000000"]),
    ("training.limit_batches", &["0", "1", "3", "1000000"]),
    ("training.seed", &["1", "9223372036854775807", "-1"]),
];

/// Every key, with the value that the page on settings shows.
fn shown() -> Vec<(String, String)> {
    fn keys(within: &str, table: &toml::Table, found: &mut Vec<(String, String)>) {
        for (name, value) in table {
            let key = format!("{within}{name}");
            match value {
                toml::Value::Table(inner) => keys(&format!("{key}."), inner, found),
                value => found.push((key, value.to_string())),
            }
        }
    }
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = fs::read_to_string(page).unwrap();
    let block = page.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let table: toml::Table = toml::from_str(&block.replace("#: ", "")).unwrap();
    assert!(table.clone().try_into::<Config>().is_ok());
    let mut found = Vec::new();
    keys("", &table, &mut found);
    found
}

/// All values of all keys that a draw may have.
fn values(at: &Place) -> Vec<(String, Vec<String>)> {
    let mut values: Vec<(String, Vec<String>)> =
        shown().into_iter().map(|(key, value)| (key, vec![value])).collect();
    let mut add = |key: &str, more: Vec<String>| {
        let found = values.iter_mut().find(|(found, _)| found == key);
        found.unwrap_or_else(|| panic!("{key} is not on the page on settings")).1.extend(more);
    };
    for (key, ends) in ENDS_OF {
        add(key, ends.iter().map(|&end| end.to_owned()).collect());
    }
    let quoted = |name: &str| format!("{:?}", at.at(name));
    add("data.dir", SETS.map(quoted).to_vec());
    add("data.folder.mask_values", vec![format!("{ENDS:?}"), "[0, 1, 2]".into(), "[0, 0]".into()]);
    add("data.folder.mask_colours", vec![quoted("colours.txt")]);
    add("model.weights", vec![quoted("first/model.safetensors")]);
    values
}

impl Draw {
    /// Pair number `number`: two keys with a value each, and what keeps the run small beside them.
    pub fn new(number: u64, at: &Place) -> Self {
        let rng = &mut ChaCha8Rng::seed_from_u64(number);
        let values = values(at);
        let mut sets: Vec<(String, String)> = Vec::new();
        while sets.len() < 2 {
            let (key, values) = &values[rng.random_range(0..values.len())];
            if sets.iter().all(|(other, _)| other != key) {
                sets.push((key.clone(), values[rng.random_range(0..values.len())].clone()));
            }
        }
        let has = |key: &str| sets.iter().find(|(other, _)| other == key);
        let strided =
            has("model.kind").is_some_and(|(_, kind)| kind.contains("fcn") && kind.ends_with('s'));
        // What a setting is about is there, so that it decides something.
        let dir = if has("data.folder.validation_split").is_some() {
            "whole"
        } else if has("data.folder.mask_values").is_some() {
            "ends"
        } else if has("data.folder.mask_colours").is_some() {
            "coloured"
        } else {
            SETS[rng.random_range(0..2)]
        };
        let widths = if strided { "[2, 2, 2, 2, 2]" } else { "[4, 4]" };
        let mut small = vec![
            ("data.dir", format!("{:?}", at.at(dir))),
            ("model.widths", widths.to_owned()),
            ("training.epochs", "2".to_owned()),
            ("training.batch", "2".to_owned()),
        ];
        if has("training.overfit_batches").is_none() {
            small.push(("training.limit_batches", "1".to_owned()));
        }
        if dir == "edged" && has("data.dir").is_none() {
            small.push(("data.folder.ignore_index", "255".to_owned()));
        }
        if strided {
            small.push(("data.folder.size", "[64, 64]".to_owned()));
        }
        if has("model.fresh").is_some() {
            small.push(("model.weights", format!("{:?}", at.at("first/model.safetensors"))));
        }
        let small = small.into_iter().filter(|(key, _)| has(key).is_none());
        let small: Vec<String> = small.map(|(key, value)| format!("{key}={value}")).collect();
        let drawn = sets.iter().map(|(key, value)| format!("{key}={value}"));
        Self { sets: small.into_iter().chain(drawn).collect() }
    }
}
