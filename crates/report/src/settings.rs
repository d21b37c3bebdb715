//! A configuration as names and values: to tell what differs, and what command it takes.

use mirrorgrad_segment::Config;
use std::collections::BTreeMap;
use toml::Value;

/// Every setting that has a value, under its path in `config.toml`, as `training.lr`.
pub fn settings(config: &Config) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    // A value that TOML cannot hold, as a path that is not UTF-8, keeps the whole from being written.
    if let Ok(Value::Table(table)) = Value::try_from(config) {
        table.into_iter().for_each(|(key, value)| flatten(key, value, &mut found));
    }
    found
}

fn flatten(path: String, value: Value, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Table(table) => {
            table
                .into_iter()
                .for_each(|(key, value)| flatten(format!("{path}.{key}"), value, found));
        }
        value => {
            found.insert(path, value);
        }
    }
}

/// A value without quotes and without spaces after commas, as an option takes it.
pub fn plain(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(plain).collect::<Vec<_>>().join(","),
        value => value.to_string(),
    }
}

/// The options of `mirrorgrad train` by the setting that each decides.
const OPTIONS: [(&str, &str); 23] = [
    ("data.dir", "--data"),
    ("data.folder.validation_split", "--val-split"),
    ("data.folder.ignore_index", "--ignore-index"),
    ("data.folder.size", "--size"),
    ("data.augment.crop", "--crop"),
    ("data.augment.scale", "--scale"),
    ("data.augment.flip", "--flip"),
    ("data.augment.vertical_flip", "--vertical-flip"),
    ("data.augment.transpose", "--transpose"),
    ("data.augment.jitter", "--jitter"),
    ("model.kind", "--model"),
    ("model.upsample", "--upsample"),
    ("model.widths", "--widths"),
    ("training.epochs", "--epochs"),
    ("training.batch", "--batch"),
    ("training.lr", "--lr"),
    ("training.optimizer", "--optimizer"),
    ("training.weight_decay", "--weight-decay"),
    ("training.momentum", "--momentum"),
    ("training.schedule", "--schedule"),
    ("training.warmup", "--warmup"),
    ("training.clip", "--clip"),
    ("training.seed", "--seed"),
];

/// The command that makes the run again, and the settings that no option of it reaches.
pub fn command(config: &Config) -> (String, Vec<String>) {
    let usual = settings(&usual(config));
    let mut words = vec!["mirrorgrad".to_owned(), "train".to_owned()];
    let mut beyond = Vec::new();
    for (path, value) in settings(config) {
        let option = OPTIONS.iter().find(|(of, _)| *of == path);
        if usual.get(&path) == Some(&value) {
            continue;
        }
        match (path.as_str(), option) {
            ("model.batch_norm", _) if value == Value::Boolean(false) => {
                words.push("--no-batch-norm".to_owned());
            }
            ("data.folder.size" | "data.augment.crop", Some((_, option))) => {
                words.extend([(*option).to_owned(), plain(&value).replace(',', "x")]);
            }
            (_, Some((_, option))) => words.extend([(*option).to_owned(), plain(&value)]),
            (_, None) => beyond.push(format!("{path} = {value}")),
        }
    }
    let quoted = words.iter().map(|word| match shlex::try_quote(word) {
        Ok(word) => word.into_owned(),
        // No shell can be handed a zero byte, and no path has one.
        Err(_) => word.clone(),
    });
    (quoted.collect::<Vec<_>>().join(" "), beyond)
}

/// What the command takes where nothing is said, given the data and the kind of network.
fn usual(config: &Config) -> Config {
    let mut usual = Config::default();
    if config.data.dir.is_none() {
        // The figures have no upright.
        (usual.data.augment.vertical_flip, usual.data.augment.transpose) = (0.5, 0.5);
    }
    usual.model.widths = config.model.kind.widths();
    // One option sets both seeds.
    usual.data.folder.seed = config.training.seed;
    usual
}

#[cfg(test)]
mod tests {
    use super::*;
    use mirrorgrad_segment::ModelKind;

    #[test]
    fn the_command_says_what_differs_from_the_defaults_and_quotes_it() {
        let mut config = usual(&Config::default());
        assert_eq!(command(&config), ("mirrorgrad train".to_owned(), vec![]));
        config.training.lr = 0.5;
        config.training.seed = 3;
        config.data.folder.seed = 3;
        config.data.augment.crop = Some([32, 48]);
        config.model.batch_norm = false;
        let expected = "mirrorgrad train --crop 32x48 --no-batch-norm --lr 0.5 --seed 3";
        assert_eq!(command(&config).0, expected);
        let mut config = Config::default();
        config.data.dir = Some("/a b/it's".into());
        config.model.kind = ModelKind::Unet;
        config.model.widths = ModelKind::Unet.widths();
        assert_eq!(command(&config).0, "mirrorgrad train --data \"/a b/it's\" --model unet");
    }

    #[test]
    fn what_no_option_reaches_is_said_beside_the_command() {
        let mut config = usual(&Config::default());
        config.training.betas = [0.5, 0.75];
        let beyond = vec!["training.betas = [0.5, 0.75]".to_owned()];
        assert_eq!(command(&config), ("mirrorgrad train".to_owned(), beyond));
    }
}
