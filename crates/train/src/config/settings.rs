//! From a file and single settings to a whole configuration.

use super::Config;
use super::wording::in_words;
use mirrorgrad_data::files::read;
use mirrorgrad_data::{DataError, Message, one_line, shown, text_of};
use std::path::{self, Path, PathBuf};
use toml::{Table, Value};

/// Most words of a key: more than any has.
const MOST_WORDS: usize = 8;
/// Characters of a setting that a message shows.
const SHOWN: usize = 80;

/// Most bytes of a configuration file.
const MAX_BYTES: u64 = 1 << 20;

/// Settings by their keys, `training.epochs` and so on; later ones replace earlier ones. What is left out
/// has its default when they are [resolved](Settings::resolve).
///
/// ```
/// # use mirrorgrad_train::Settings;
/// let mut settings = Settings::default();
/// settings.set_text("model.kind=unet")?;
/// settings.set_text("training.lr=1e-3")?;
/// let config = settings.resolve()?;
/// assert_eq!((config.training.lr, config.model.widths[0]), (1e-3, 24));
/// let mistyped = settings.set_text("training.lrr=1").unwrap_err().to_string();
/// assert!(mistyped.contains("training.lrr=1: unknown field `lrr`"), "{mistyped}");
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Settings {
    table: Table,
}

impl Settings {
    /// The settings of a TOML file.
    ///
    /// # Errors
    /// If it cannot be read, or has a key or a value that no configuration has; with the line.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let bytes = read(path, MAX_BYTES)?;
        let text = text_of(&bytes, path)?;
        let unread = |error: toml::de::Error| {
            let before = error.span().map_or("", |span| &text[..span.start.min(text.len())]);
            let line = before.matches('\n').count() + 1;
            DataError::unread(format!("{} line {line}", shown(path)), in_words(error.message()))
        };
        toml::from_str::<Config>(&text).map_err(unread)?;
        let mut table = toml::from_str(&text).map_err(unread)?;
        renew(&mut table);
        Ok(Self { table })
    }

    /// Sets what `KEY=VALUE` says. The value is TOML; what is none is a string, so that names need no
    /// quotes.
    ///
    /// # Errors
    /// If there is no such key, or it has no such value. The setting is left out then.
    pub fn set_text(&mut self, setting: &str) -> Result<(), DataError> {
        let place = Message::typed(beginning(&one_line(setting)));
        let Some((key, text)) = setting.split_once('=') else {
            return Err(DataError::unread(place, "expected KEY=VALUE, such as training.epochs=30"));
        };
        let value = toml::from_str::<Table>(&format!("value = {text}"))
            .ok()
            .filter(|table| table.len() == 1)
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| Value::String(text.to_owned()));
        self.set(key.trim(), value, place)
    }

    /// Sets one key; `place` is where errors say that it was set.
    ///
    /// # Errors
    /// If there is no such key, or it has no such value. The setting is left out then.
    pub fn set(
        &mut self,
        key: &str,
        value: Value,
        place: impl Into<Message>,
    ) -> Result<(), DataError> {
        self.set_at(key, value, place.into())
    }

    fn set_at(&mut self, key: &str, value: Value, place: Message) -> Result<(), DataError> {
        let words = key.split('.').count();
        if words > MOST_WORDS {
            let what = format!("expected a key of at most {MOST_WORDS} words, found {words}");
            return Err(DataError::unread(place, what));
        }
        let mut table = self.table.clone();
        let (path, last) = key.rsplit_once('.').unwrap_or(("", key));
        let mut inner = &mut table;
        for name in path.split('.').filter(|name| !name.is_empty()) {
            let next = inner.entry(name).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(next) = next else {
                return Err(DataError::unread(place, format!("{name} has no settings inside")));
            };
            inner = next;
        }
        inner.insert(last.to_owned(), value);
        renew(&mut table);
        let parsed = toml::from_str::<Config>(&table.to_string());
        parsed.map_err(|error| DataError::unread(place, in_words(error.message())))?;
        self.table = table;
        Ok(())
    }

    /// The whole configuration: what was set, and for the rest the defaults, which follow the network,
    /// the data and the seed.
    ///
    /// # Errors
    /// If values do not go together, or there is no such folder; see [`Config::check`].
    pub fn resolve(&self) -> Result<Config, DataError> {
        let mut config = self.fill()?;
        config.ask_folder()?;
        Ok(config)
    }

    /// As [`resolve`](Self::resolve), without a look at the folder and without a check: what predicting
    /// takes.
    pub(crate) fn fill(&self) -> Result<Config, DataError> {
        let mut config = self.parse()?;
        let kind = config.model.kind;
        if !self.has("model.widths") {
            config.model.widths = kind.widths();
        }
        if !self.has("model.upsample") {
            config.model.upsample = kind.upsample();
        }
        if config.data.dir.is_none() {
            // The figures have no upright: every turn of a picture is as good as it.
            let augment = &mut config.data.augment;
            let square = augment.crop.is_none_or(|[height, width]| height == width);
            for (key, chance, default) in [
                ("data.augment.vertical_flip", &mut augment.vertical_flip, 0.5),
                ("data.augment.transpose", &mut augment.transpose, if square { 0.5 } else { 0.0 }),
            ] {
                *chance = if self.has(key) { *chance } else { default };
            }
        }
        // The run may go on from elsewhere.
        let absolute = |dir: &mut PathBuf| *dir = path::absolute(&*dir).unwrap_or(dir.clone());
        config.data.dir.iter_mut().for_each(absolute);
        config.data.folder.mask_colours.iter_mut().for_each(absolute);
        config.model.weights.iter_mut().for_each(absolute);
        Ok(config)
    }

    /// The folder of pictures, if one was set.
    pub fn data_dir(&self) -> Option<PathBuf> {
        self.fill().ok()?.data.dir
    }

    /// The number of epochs, if one was set.
    pub fn epochs(&self) -> Option<usize> {
        let set = self.has("training.epochs");
        set.then(|| Some(self.parse().ok()?.training.epochs)).flatten()
    }

    /// The configuration of a run on the folder `dir`, without a look at it and without a check.
    ///
    /// # Errors
    /// If a value is not one that there is.
    pub fn on(&self, dir: &Path) -> Result<Config, DataError> {
        let mut settings = self.clone();
        settings.set("data.dir", Value::String(dir.to_string_lossy().into_owned()), "data.dir")?;
        let mut config = settings.fill()?;
        config.data.dir = Some(dir.to_owned());
        Ok(config)
    }

    /// These over the settings of `config`.
    ///
    /// # Errors
    /// If a value is not one that there is.
    pub fn over(&self, config: &Config) -> Result<Config, DataError> {
        let written = config.to_table();
        let mut table =
            written.map_err(|error| DataError::unread("settings", error.to_string()))?;
        merge(&mut table, &self.table);
        let mut merged = Self { table }.parse()?;
        merged.data.folder.split = config.data.folder.split.clone();
        Ok(merged)
    }

    fn parse(&self) -> Result<Config, DataError> {
        let parsed = toml::from_str::<Config>(&self.table.to_string());
        parsed.map_err(|error| DataError::unread("settings", in_words(error.message())))
    }

    fn has(&self, key: &str) -> bool {
        let (path, last) = key.rsplit_once('.').unwrap_or(("", key));
        let table =
            path.split('.').try_fold(&self.table, |table, name| table.get(name)?.as_table());
        table.is_some_and(|table| table.contains_key(last))
    }
}

/// Puts the values of `from` over those of `into`, table by table.
fn merge(into: &mut Table, from: &Table) {
    for (key, value) in from {
        match (into.get_mut(key), value) {
            (Some(Value::Table(into)), Value::Table(from)) => merge(into, from),
            _ => {
                into.insert(key.clone(), value.clone());
            }
        }
    }
}

/// Moves settings under names of older versions to those of today, so that later ones replace them.
fn renew(table: &mut Table) {
    if let Some(Value::Table(model)) = table.get_mut("model")
        && let Some(old) = model.remove("batch_norm")
    {
        model.insert("norm".to_owned(), old);
    }
}

/// What a message shows of a text that may be long.
fn beginning(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}
