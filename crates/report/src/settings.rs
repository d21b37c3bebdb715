//! A configuration as names and values: to tell what differs, and what command it takes.

use mirrorgrad_train::{Config, Settings};
use std::collections::BTreeMap;
use toml::Value;

/// Every setting that has a value, under its path in `config.toml`, as `training.lr`.
///
/// ```
/// # use mirrorgrad_train::Config;
/// let settings = mirrorgrad_report::settings(&Config::default());
/// assert_eq!(settings["training.seed"].as_integer(), Some(0));
/// ```
pub fn settings(config: &Config) -> BTreeMap<String, Value> {
    let mut found = BTreeMap::new();
    // A value that TOML cannot hold, as a path that is not UTF-8, keeps the whole from being written.
    if let Ok(table) = config.to_table() {
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

/// The command that makes the run again: what differs from the defaults, by its keys.
pub(crate) fn command(config: &Config) -> String {
    let usual = settings(&usual(config));
    let mut words = vec!["mirrorgrad".to_owned(), "train".to_owned()];
    for (key, value) in settings(config) {
        if usual.get(&key) != Some(&value) {
            words.extend(["--set".to_owned(), format!("{key}={}", typed(&value))]);
        }
    }
    let quoted = words.iter().map(|word| match shlex::try_quote(word) {
        Ok(word) => word.into_owned(),
        // No shell can be handed a zero byte, and no path has one.
        Err(_) => word.clone(),
    });
    quoted.collect::<Vec<_>>().join(" ")
}

/// A value as `--set` takes it: TOML, but for names, which need no quotes.
fn typed(value: &Value) -> String {
    let is_name = |text: &str| text.parse::<Value>().is_err();
    match value {
        Value::String(text) if is_name(text) => text.clone(),
        Value::Array(values) => {
            let values = values.iter().map(Value::to_string).collect::<Vec<_>>();
            format!("[{}]", values.join(","))
        }
        value => value.to_string(),
    }
}

/// What the command takes where nothing is said. Some of it follows what is: the crop, the network, the seed,
/// and whether the pictures are a folder's.
fn usual(config: &Config) -> Config {
    let own = settings(config);
    let mut followed = Settings::default();
    for key in ["data.augment.crop", "model.kind", "training.seed"] {
        if let Some(value) = own.get(key) {
            followed.set(key, value.clone(), key).expect("a configuration's value fits its key");
        }
    }
    // From what no run can have, nothing follows.
    let mut usual = followed.resolve().unwrap_or_default();
    let Config { data, model, training } = Config::default();
    // What others follow is said itself.
    usual.data.augment.crop = data.augment.crop;
    (usual.model.kind, usual.training.seed) = (model.kind, training.seed);
    if config.data.dir.is_some() {
        // What is done to the figures is for them alone.
        usual.data.augment = data.augment;
    }
    usual
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The configuration that a command leads to.
    fn obeyed(command: &str) -> Config {
        let words = shlex::split(command).unwrap();
        let mut settings = Settings::default();
        for pair in words[2..].chunks(2) {
            assert_eq!(pair[0], "--set");
            settings.set_text(&pair[1]).unwrap();
        }
        settings.resolve().unwrap()
    }

    #[test]
    fn the_command_says_what_is_not_the_default() {
        let mut settings = Settings::default();
        settings.set_text("model.kind=unet").unwrap();
        settings.set_text("training.lr=0.5").unwrap();
        settings.set_text("training.seed=0").unwrap(); // The default, which need not be said.
        let command = command(&settings.resolve().unwrap());
        assert_eq!(command, "mirrorgrad train --set 'model.kind=unet' --set 'training.lr=0.5'");
    }

    #[test]
    fn the_command_leads_to_the_same_configuration() {
        for sets in [
            &[][..],
            &["training.lr=0.5", "training.seed=3", "data.augment.crop=[32, 48]"],
            &["model.kind=unet", "model.upsample=bilinear", "training.betas=[0.5, 0.75]"],
            &["model.kind=segnet", "model.batch_norm=false", "training.clip=1.0"],
            &["model.kind=fcn8s", "training.class_weights=[1.0, 2.0]", "data.augment.transpose=0"],
            &["model.kind=unet", "model.widths=[16, 32]", "training.seed=7", "data.folder.seed=5"],
            &["data.augment.crop=[32, 48]", "data.augment.transpose=0.5"],
        ] {
            let mut settings = Settings::default();
            sets.iter().for_each(|set| settings.set_text(set).unwrap());
            let config = settings.resolve().unwrap();
            assert_eq!(obeyed(&command(&config)), config, "{sets:?}");
        }
    }

    #[test]
    fn the_command_says_what_differs_from_the_defaults_and_quotes_it() {
        let mut config = usual(&Config::default());
        assert_eq!(command(&config), "mirrorgrad train");
        config.data.dir = Some("/a b/it's".into());
        // Photographs have an upright.
        (config.data.augment.vertical_flip, config.data.augment.transpose) = (0.0, 0.0);
        let words = shlex::split(&command(&config)).unwrap();
        assert_eq!(words, ["mirrorgrad", "train", "--set", "data.dir=/a b/it's"]);
    }
}
