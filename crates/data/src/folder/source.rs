//! A directory that is understood: its layout, its classes, and what its masks mean.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::layout::Layout;
use super::root::Root;
use super::{FolderOptions, Pair};
use crate::error::{one_line, shown, tall};
use crate::mask::{ColourTable, FEW, MaskKey, Numbers, Pixels, Values};
use crate::picture::{Dim, Stored};
use crate::{
    DataError, Inspected, Mask, Message, Picture, PictureRules, Sample, Setting, ValueRange,
    read_mask,
};

/// The tables of colours that a directory may have: ours, in two spellings, and CVAT's.
const TABLES: [&str; 3] = ["colours.txt", "colors.txt", "labelmap.txt"];

/// What all parts of a directory share.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    pub(super) root: Root,
    pub layout: Layout,
    /// What spoke for the layout, if nobody asked for it.
    pub sign: Option<&'static str>,
    pub classes: Vec<String>,
    /// What `FolderOptions::ignore_index` would say.
    pub asked: Option<u8>,
    /// The label that it comes to.
    pub ignore_index: Option<u8>,
    rules: PictureRules,
    /// What `FolderOptions::mask_values` would say.
    pub values: Option<Vec<u8>>,
    /// Whether the names of the classes are the layout's own, since nobody named them.
    pub assumed: bool,
    key: MaskKey,
}

/// What classes that nobody has named are called by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Named {
    /// The few values that masks hold, in turn.
    ByValues,
    /// Nothing: any stored number is a label.
    ByNothing,
}

impl Source {
    /// Reads what `dir` says of itself.
    ///
    /// # Errors
    /// If it has no layout or no classes, or the options make no sense for it.
    pub fn open(dir: &Path, options: &FolderOptions) -> Result<Self, DataError> {
        let mut source = Self::unnamed(dir, options)?;
        source.name(options).map_err(|error| source.with_layout(error))?;
        Ok(source)
    }

    /// As [`open`](Self::open), before anything of its classes is known: any stored number is a label.
    pub fn unnamed(dir: &Path, options: &FolderOptions) -> Result<Self, DataError> {
        options.range.map_or(Ok(()), ValueRange::check)?;
        let root = Root::new(dir, options)?;
        let (layout, sign) = match options.layout {
            Some(layout) => (layout, None),
            None => {
                let (layout, sign) = Layout::detect(dir)?;
                (layout, Some(sign))
            }
        };
        if let Some(suffix) = &options.mask_suffix {
            check_suffix(suffix)?;
        }
        Ok(Self {
            root,
            layout,
            sign,
            classes: Vec::new(),
            asked: options.ignore_index,
            ignore_index: options.ignore_index,
            values: options.mask_values.clone(),
            assumed: false,
            rules: options.picture_rules(),
            key: MaskKey::Numbers(Numbers::labels(256, None)),
        })
    }

    /// Learns the classes and what masks mean.
    pub fn name(&mut self, options: &FolderOptions) -> Result<(), DataError> {
        let rules = self.layout.rules();
        let named = self.root.classes()?;
        if let Some(path) = self.colours(options)? {
            let table = ColourTable::read(&path, options.ignore_index)?;
            check_names(named.as_deref(), &table.classes, &path, &self.root.join("classes.txt"))?;
            if options.mask_values.is_some() {
                let expected =
                    format!("none, since {} defines the colours of the classes", shown(&path));
                return Err(DataError::setting("data.folder.mask_values", expected, "some"));
            }
            self.classes = table.classes.clone();
            (self.asked, self.ignore_index) = (table.ignore_index, table.ignore_index);
            self.key = MaskKey::Colours(table);
            return Ok(());
        }
        let own = || rules.classes.map(|names| names.iter().map(ToString::to_string).collect());
        let file = self.root.join("classes.txt");
        let stored_values = self.root.pixel_values()?;
        let mask_values = match &stored_values {
            Some(table) => {
                check_names(named.as_deref(), &table.names, &table.path, &file)?;
                table.agreed(options.mask_values.as_deref())?
            }
            None => options.mask_values.clone(),
        };
        self.assumed = named.is_none() && stored_values.is_none() && rules.classes.is_some();
        let by_values = || options.mask_values.as_ref().map(|values| numbers(values.len()));
        let named = named.or(stored_values.map(|table| table.names));
        let Some(classes) = named.or_else(own).or_else(by_values) else {
            let expected = "the names of the classes, one per line, in the order of their labels";
            let held = self.values_held(options);
            // Where there are no masks either, that is said when they are looked for.
            let found = held.map_or_else(
                |_| Message::from("no such file; write one"),
                |held| held.ways_to_name(options.ignore_index),
            );
            return Err(DataError::advised(&file, expected, found));
        };
        let listed = |value: &u8| mask_values.as_ref().is_some_and(|all| all.contains(value));
        let own = rules.ignore_index.filter(|value| !listed(value));
        let stored = options.ignore_index.or(own);
        let read = FolderOptions { mask_values, ignore_index: stored, ..FolderOptions::default() };
        let (ignored, mask_values) = (read.ignored_label(), read.mask_values);
        let numbers = match (&mask_values, rules.values) {
            (Some(values), _) => {
                check_values(values, classes.len())?;
                check_void(stored, |stored| values.contains(&stored), "no class has")?;
                let numbers = Numbers::values(values, stored, ignored);
                if options.nearest_value { numbers.nearest() } else { numbers }
            }
            (None, _) if options.nearest_value => {
                let (key, other) = ("data.folder.nearest_value", "data.folder.mask_values");
                return Err(DataError::Needs { key, other });
            }
            (None, Some((values, void))) => {
                if values.len() != classes.len() {
                    let expected =
                        format!("{} classes for layout {}", values.len(), self.layout.name());
                    return Err(DataError::unfit(&file, expected, classes.len()));
                }
                let is_class = |label: u8| usize::from(label) < classes.len();
                check_void(stored, is_class, "is no class's label")?;
                Numbers::values(values, Some(void), ignored)
            }
            (None, None) => Numbers::labels(classes.len(), ignored),
        };
        (self.classes, self.asked, self.ignore_index) = (classes, stored, ignored);
        self.values = mask_values;
        self.key = MaskKey::Numbers(numbers);
        Ok(())
    }

    /// Names classes by numbers where they could not be [named](Self::name): those of the declared values, or
    /// else of the values that the masks hold, if these are few. So they can be counted all the same.
    pub fn name_by_values(&mut self, options: &FolderOptions) -> Result<Named, DataError> {
        let stored = options.ignore_index;
        let values = match &options.mask_values {
            Some(values) => values.clone(),
            None => self.values_held(options)?.distinct(stored),
        };
        if values.len() > FEW || check_values(&values, values.len()).is_err() {
            self.classes = numbers(256);
            return Ok(Named::ByNothing);
        }
        let stored = stored.filter(|stored| !values.contains(stored));
        let options = FolderOptions { mask_values: Some(values), ..options.clone() };
        let options = FolderOptions { ignore_index: stored, ..options };
        let (values, ignored) = (options.mask_values.as_deref(), options.ignored_label());
        let values = values.unwrap_or_default();
        self.classes = numbers(values.len());
        self.ignore_index = ignored;
        self.key = MaskKey::Numbers(Numbers::values(values, stored, ignored));
        Ok(Named::ByValues)
    }

    /// The values that all masks hold which can be read.
    fn values_held(&self, options: &FolderOptions) -> Result<Values, DataError> {
        // How it is divided does not matter.
        let undivided = FolderOptions { validation_split: None, split: None, ..options.clone() };
        let sections = self.sections(&undivided)?;
        let pairs: Vec<_> = sections
            .iter()
            .flat_map(|(_, listing)| &listing.pairs)
            .map(|pair| &pair.mask)
            .collect();
        let masks = pairs.into_par_iter().filter_map(|path| read_mask(path).ok());
        let none = || Values::of(&[]);
        Ok(masks.map(|mask| Values::of(&mask.labels)).reduce(none, |all, one| all.merge(&one)))
    }

    /// The table of colours that masks are read by, if there is one.
    fn colours(&self, options: &FolderOptions) -> Result<Option<PathBuf>, DataError> {
        if let Some(path) = &options.mask_colours {
            if path.to_str().is_none() {
                let expected = "a path in UTF-8, which a run's configuration can hold";
                return Err(DataError::setting("data.folder.mask_colours", expected, shown(path)));
            }
            return Ok(Some(path.clone()));
        }
        let there: Vec<&str> =
            TABLES.into_iter().filter(|name| self.root.join(name).exists()).collect();
        match there.as_slice() {
            [] => Ok(None),
            [name] => {
                let path = self.root.join(name);
                self.root.check_inside(&path)?;
                Ok(Some(path))
            }
            several => {
                let asked = Setting::of("data.folder.mask_colours");
                let expected = Message::from("one colour table, or ").and(asked);
                let expected = expected.and(" to choose one");
                Err(DataError::unfit(&self.root.dir, expected, several.join(" and ")))
            }
        }
    }

    /// `error`, with the layout that was taken it for, if nobody asked for it.
    pub fn with_layout(&self, error: DataError) -> DataError {
        match (self.sign, error) {
            (Some(sign), source @ (DataError::Unfit { .. } | DataError::Read { .. })) => {
                let layout = self.layout.name();
                DataError::Detected { source: Box::new(source), layout, sign }
            }
            (_, error) => error,
        }
    }

    /// A picture with its mask, in the size of their files.
    ///
    /// # Errors
    /// All that is wrong: either cannot be read, or they do not belong together.
    pub fn inspect(&self, pair: &Pair) -> Result<Inspected, Vec<DataError>> {
        let (mut dim, mut palette) = (None, None);
        let mask = self.pixels(pair).and_then(|pixels| {
            palette = self.palette(&pixels);
            self.meaning(pair, pixels)
        });
        let picture = self.stored(pair).and_then(|stored| {
            dim = self.dim(&stored);
            self.develop(pair, stored)
        });
        let (picture, mask) = match (picture, mask) {
            (Ok(picture), Ok(mask)) => (picture, mask),
            (picture, mask) => return Err(picture.err().into_iter().chain(mask.err()).collect()),
        };
        if picture.size() != mask.size() {
            let expected = format!("{}, like {}", tall(picture.size()), shown(&pair.picture));
            return Err(vec![DataError::unfit(&pair.mask, expected, tall(mask.size()))]);
        }
        let palette = palette.map(|palette| (pair.mask.clone(), palette));
        Ok(Inspected { sample: Sample { name: shown(&pair.picture), picture, mask }, dim, palette })
    }

    /// The pixels of a pair's picture as its mask has them: upright.
    ///
    /// # Errors
    /// If it cannot be read, or is to be turned and nobody asked for that.
    pub fn stored(&self, pair: &Pair) -> Result<Stored, DataError> {
        let stored = Stored::read(&pair.picture)?;
        if stored.is_turned() && !self.rules.orient {
            let mask = self.mask(pair).ok();
            return Err(stored.refused(&pair.picture, mask.map(|mask| mask.size())));
        }
        Ok(stored.upright())
    }

    /// A pair's picture, from its pixels.
    pub fn develop(&self, pair: &Pair, stored: Stored) -> Result<Picture, DataError> {
        self.rules.develop(stored, &pair.picture)
    }

    /// A pair's mask, as labels.
    pub fn mask(&self, pair: &Pair) -> Result<Mask, DataError> {
        self.meaning(pair, self.pixels(pair)?)
    }

    /// What is stored in a pair's mask.
    pub fn pixels(&self, pair: &Pair) -> Result<Pixels, DataError> {
        self.key.read(&pair.mask)
    }

    /// The labels that this means.
    pub fn meaning(&self, pair: &Pair, pixels: Pixels) -> Result<Mask, DataError> {
        self.key.meaning(pixels, &pair.mask)
    }

    /// What is left of a picture that uses a small part of 16 bits, where nobody said which part to use.
    pub fn dim(&self, stored: &Stored) -> Option<Dim> {
        if self.rules.range.is_some() { None } else { stored.dim() }
    }

    /// The colours of the numbers that occur in a mask, where numbers are read and a palette shows them in colours.
    pub fn palette(&self, pixels: &Pixels) -> Option<BTreeMap<u8, [u8; 3]>> {
        pixels.palette().filter(|_| matches!(self.key, MaskKey::Numbers(_)))
    }
}

/// Classes by their labels.
fn numbers(classes: usize) -> Vec<String> {
    (0..classes).map(|label| label.to_string()).collect()
}

/// Refuses a suffix that no mask can have.
fn check_suffix(suffix: &str) -> Result<(), DataError> {
    if suffix.contains(['/', '\\']) || suffix.contains(char::is_control) {
        let expected = "the end of mask names, without the extension, such as _mask";
        return Err(DataError::setting("data.folder.mask_suffix", expected, one_line(suffix)));
    }
    Ok(())
}

/// Refuses a table whose classes are not those of `classes.txt`, if there is one.
fn check_names(
    named: Option<&[String]>,
    classes: &[String],
    path: &Path,
    names: &Path,
) -> Result<(), DataError> {
    match named {
        Some(named) if named != classes => {
            let expected = format!("the classes of {}, {named:?}", shown(names));
            Err(DataError::unfit(path, expected, format!("{classes:?}")))
        }
        _ => Ok(()),
    }
}

/// Refuses to leave out what `is_class`.
fn check_void(
    stored: Option<u8>,
    is_class: impl Fn(u8) -> bool,
    expected: &str,
) -> Result<(), DataError> {
    match stored.filter(|&stored| is_class(stored)) {
        None => Ok(()),
        Some(stored) => Err(DataError::setting(
            "data.folder.ignore_index",
            format!("a number that {expected}"),
            stored,
        )),
    }
}

/// Refuses values that are not one for each class.
fn check_values(values: &[u8], classes: usize) -> Result<(), DataError> {
    let expected = || format!("{classes} values, one for each class, all different");
    let twice = values.iter().enumerate().find(|&(i, value)| values[..i].contains(value));
    let found = match twice {
        Some((_, value)) => format!("{value} twice"),
        None if values.len() != classes => format!("{} of them", values.len()),
        None => return Ok(()),
    };
    Err(DataError::setting("data.folder.mask_values", expected(), found))
}
