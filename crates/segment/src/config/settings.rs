//! From a file and single settings to a whole configuration.

use super::Config;
use crate::error::{one_line, shown};
use crate::files::read;
use crate::{DataError, FolderOptions};
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
/// # use mirrorgrad_segment::Settings;
/// let mut settings = Settings::default();
/// settings.set_text("model.kind=unet")?;
/// settings.set_text("training.lr=1e-3")?;
/// let config = settings.resolve()?;
/// assert_eq!((config.training.lr, config.model.widths[0]), (1e-3, 24));
/// let mistyped = settings.set_text("training.lrr=1").unwrap_err().to_string();
/// assert!(mistyped.contains("--set training.lrr=1: unknown field `lrr`"), "{mistyped}");
/// # Ok::<(), mirrorgrad_segment::DataError>(())
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
        let text = String::from_utf8(bytes)
            .map_err(|_| DataError::unfit(path, "settings as TOML", "bytes that are not UTF-8"))?;
        let told = |error: toml::de::Error| {
            let before = error.span().map_or("", |span| &text[..span.start.min(text.len())]);
            let line = before.matches('\n').count() + 1;
            DataError::setting(format!("{} line {line}", shown(path)), error.message())
        };
        toml::from_str::<Config>(&text).map_err(told)?;
        Ok(Self { table: toml::from_str(&text).map_err(told)? })
    }

    /// Sets what `KEY=VALUE` says. The value is TOML; what is none is a string, so that names need no
    /// quotes.
    ///
    /// # Errors
    /// If there is no such key, or it has no such value. The setting is left out then.
    pub fn set_text(&mut self, setting: &str) -> Result<(), DataError> {
        let place = format!("--set {}", beginning(&one_line(setting)));
        let Some((key, text)) = setting.split_once('=') else {
            return Err(DataError::setting(place, "expected KEY=VALUE, as training.epochs=30"));
        };
        let value = toml::from_str::<Table>(&format!("value = {text}"))
            .ok()
            .filter(|table| table.len() == 1)
            .and_then(|mut table| table.remove("value"))
            .unwrap_or_else(|| Value::String(text.to_owned()));
        self.set(key.trim(), value, &place)
    }

    /// Sets one key; `place` is where errors say that it was set.
    ///
    /// # Errors
    /// If there is no such key, or it has no such value. The setting is left out then.
    pub fn set(&mut self, key: &str, value: Value, place: &str) -> Result<(), DataError> {
        let words = key.split('.').count();
        if words > MOST_WORDS {
            let what = format!("expected a key of at most {MOST_WORDS} words, found {words}");
            return Err(DataError::setting(place, what));
        }
        let mut table = self.table.clone();
        let (path, last) = key.rsplit_once('.').unwrap_or(("", key));
        let mut inner = &mut table;
        for name in path.split('.').filter(|name| !name.is_empty()) {
            let next = inner.entry(name).or_insert_with(|| Value::Table(Table::new()));
            let Value::Table(next) = next else {
                return Err(DataError::setting(place, format!("{name} has no settings inside")));
            };
            inner = next;
        }
        inner.insert(last.to_owned(), value);
        let parsed = Value::Table(table.clone()).try_into::<Config>();
        parsed.map_err(|error| DataError::setting(place, error.message()))?;
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
        if !self.has("data.folder.seed") {
            config.data.folder.seed = config.training.seed;
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

    /// How a folder is read, by these settings alone.
    ///
    /// # Errors
    /// If a value is not one that there is.
    pub fn folder(&self) -> Result<FolderOptions, DataError> {
        Ok(self.fill()?.data.folder)
    }

    fn parse(&self) -> Result<Config, DataError> {
        let parsed = Value::Table(self.table.clone()).try_into::<Config>();
        parsed.map_err(|error| DataError::setting("settings", error.message()))
    }

    fn has(&self, key: &str) -> bool {
        let (path, last) = key.rsplit_once('.').unwrap_or(("", key));
        let table =
            path.split('.').try_fold(&self.table, |table, name| table.get(name)?.as_table());
        table.is_some_and(|table| table.contains_key(last))
    }
}

/// What a message shows of a text that may be long.
fn beginning(text: &str) -> String {
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}..", &text[..end]),
        None => text.to_owned(),
    }
}
