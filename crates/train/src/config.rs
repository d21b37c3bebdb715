//! All that decides a run: written into its folder, and into every checkpoint.

mod model;
mod settings;
mod training;
mod wording;

pub(crate) use model::{MOST_CHANNELS, is_of};
pub use model::{ModelConfig, ModelKind};
pub use settings::Settings;
pub use training::{LossKind, OptimizerKind, ScheduleKind, TrainingConfig};

use mirrorgrad_data::{
    Augment, DataError, Dataset, Folder, FolderOptions, Joined, Message, Shapes, Split, SplitFiles,
    ValueRange, shown,
};
use mirrorgrad_layers::models::Network;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use toml::Table;

/// A run, resolved: the same configuration gives the same bits.
///
/// ```
/// # use mirrorgrad_data::Split;
/// # use mirrorgrad_train::Config;
/// let mut config = Config::default();
/// config.model.widths = vec![2, 3];
/// config.check()?;
/// let train = config.open(Split::Train)?;
/// assert_eq!((train.len(), train.classes().len()), (2000, 5));
/// // Each of two stages halves the picture.
/// assert_eq!(config.network(5).smallest_input(), 4);
/// # Ok::<(), mirrorgrad_data::DataError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// What is learned from.
    pub data: DataConfig,
    /// What learns.
    pub model: ModelConfig,
    /// How.
    pub training: TrainingConfig,
}

/// Which pictures, and how they are read.
///
/// ```
/// # use mirrorgrad_data::Augment;
/// # use mirrorgrad_train::DataConfig;
/// # use std::path::Path;
/// let data: DataConfig = toml::from_str("dir = 'pictures'\n[augment]\ncrop = [48, 64]")?;
/// assert_eq!(data.dir.as_deref(), Some(Path::new("pictures")));
/// // What is not said has its default.
/// assert_eq!(data.augment, Augment { crop: Some([48, 64]), ..Augment::default() });
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct DataConfig {
    /// A folder of pictures and masks; the built-in shapes without.
    pub dir: Option<PathBuf>,
    /// How the folder is read.
    pub folder: FolderOptions,
    /// What is changed at random while training.
    pub augment: Augment,
}

impl DataConfig {
    fn check(&self) -> Result<(), DataError> {
        let FolderOptions {
            size,
            validation_split,
            ref layout,
            ref mask_values,
            ref mask_colours,
            range,
            orient,
            ref mask_suffix,
            follow_links,
            skip_faulty,
            ..
        } = self.folder;
        match &self.dir {
            Some(dir) if dir.to_str().is_none() => {
                let expected = "a path in UTF-8, which the run's configuration can hold";
                return Err(DataError::setting("data.dir", expected, shown(dir)));
            }
            Some(_) => {}
            None => {
                let given = [
                    ("data.folder.size", size.is_some()),
                    ("data.folder.validation_split", validation_split.is_some()),
                    ("data.folder.layout", layout.is_some()),
                    ("data.folder.mask_values", mask_values.is_some()),
                    ("data.folder.mask_colours", mask_colours.is_some()),
                    ("data.folder.range", range.is_some()),
                    ("data.folder.orient", orient),
                    ("data.folder.mask_suffix", mask_suffix.is_some()),
                    ("data.folder.follow_links", follow_links),
                    ("data.folder.skip_faulty", skip_faulty),
                ];
                if let Some((key, _)) = given.into_iter().find(|(_, given)| *given) {
                    return Err(DataError::Needs { key, other: "data.dir" });
                }
            }
        }
        self.folder.check_size()?;
        range.map_or(Ok(()), ValueRange::check)?;
        self.augment.check()
    }
}

impl Config {
    /// Every setting that has a value, as `config.toml` holds it.
    ///
    /// # Errors
    /// If TOML cannot hold one of them, such as a path that is not UTF-8.
    pub fn to_toml(&self) -> Result<String, toml::ser::Error> {
        toml::to_string(&self.to_table()?)
    }

    /// As [`to_toml`](Self::to_toml), as a table.
    ///
    /// # Errors
    /// As there.
    pub fn to_table(&self) -> Result<Table, toml::ser::Error> {
        Table::try_from(self)
    }

    /// Refuses values that no run can have.
    ///
    /// # Errors
    /// The first such value, with what was expected.
    pub fn check(&self) -> Result<(), DataError> {
        self.model.check()?;
        self.training.check()?;
        self.data.check()
    }

    /// Fills in what the folder decides where nothing was asked for: how it is read, and the label that is
    /// left out. Then checks all of it.
    ///
    /// # Errors
    /// If there is no such folder, or as [`Config::check`].
    pub fn ask_folder(&mut self) -> Result<(), DataError> {
        if let Some(dir) = &self.data.dir {
            self.data.folder = self.data.folder.resolve(dir)?;
        }
        self.check()
    }

    /// What is to be known of the folder before a run, and is no fault: a line each.
    ///
    /// # Errors
    /// As [`Folder::notes`].
    pub fn notes(&self) -> Result<Vec<Message>, DataError> {
        self.data.dir.as_ref().map_or(Ok(Vec::new()), |dir| Folder::notes(dir, &self.data.folder))
    }

    /// Which pictures of the folder it trains and validates on; none for the built-in shapes, which are always
    /// divided alike.
    ///
    /// # Errors
    /// If the folder is not what it should be.
    pub fn split(&self) -> Result<Option<SplitFiles>, DataError> {
        let of = |dir: &PathBuf| SplitFiles::of(dir, &self.data.folder);
        self.data.dir.as_ref().map(of).transpose()
    }

    /// The network for so many classes, with first weights drawn from the seed.
    ///
    /// # Panics
    /// If the configuration does not pass [`Config::check`].
    pub fn network(&self, classes: usize) -> Box<dyn Network> {
        self.model.network(classes, self.training.seed)
    }

    /// Opens a part of the data.
    ///
    /// # Errors
    /// If the folder is not what it should be.
    pub fn open(&self, split: Split) -> Result<Arc<dyn Dataset>, DataError> {
        let seed = self.training.seed;
        Ok(match (&self.data.dir, split) {
            (Some(dir), split) => Arc::new(Folder::open(dir, split, &self.data.folder)?),
            (None, Split::Train) => Arc::new(Shapes::train(seed)),
            (None, Split::Validation) => Arc::new(Shapes::validation(seed)),
            (None, Split::Test) => {
                let expected = "train, val or all";
                return Err(DataError::unfit(Path::new("the built-in shapes"), expected, "test"));
            }
            (None, Split::All) => Arc::new(Joined {
                first: Arc::new(Shapes::train(seed)),
                second: Arc::new(Shapes::validation(seed)),
            }),
        })
    }
}
