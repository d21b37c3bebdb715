//! One's own pictures: a directory of pictures, masks and the names of the classes.
//!
//! There are several layouts, each with a file of its own under `folder/`. Opening reads names alone;
//! each picture and mask is checked when it is asked for.

mod camvid;
mod classes;
mod folders;
mod layout;
mod left_out;
mod list;
mod listing;
mod names;
mod notes;
mod pairing;
mod pets;
mod root;
mod rules;
mod section;
mod source;
mod splits;
mod suffix;
mod voc;

pub use classes::{class_names, read_classes};
pub use layout::Layout;
pub use names::is_picture_file;
use root::Root;
pub(crate) use source::{Named, Source};

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::section::Section;
use crate::error::tall;
use crate::files::check_size;
use crate::mask::IGNORED;
use crate::picture::stored_size;
use crate::random::{Purpose, generator, permutation};
use crate::split::Names;
use crate::{DataError, Dataset, Inspected, Message, PictureRules, Sample, SplitFiles, ValueRange};

/// How the files of a [`Folder`] are read.
///
/// ```
/// # use mirrorgrad_data::{Dataset, Folder, FolderOptions, Layout, Mask, Split, Picture};
/// # use mirrorgrad_data::to_png;
/// # let dir = tempfile::tempdir()?;
/// # let at = |name: &str| dir.path().join(name);
/// # for name in ["images", "masks"] {
/// #     std::fs::create_dir(at(name))?;
/// # }
/// # std::fs::write(at("classes.txt"), "ground\ncar\n")?;
/// # let picture = Picture { width: 2, height: 1, rgb: vec![9; 6] };
/// # std::fs::write(at("images/a.png"), to_png(&picture)?)?;
/// # Mask { width: 2, height: 1, labels: vec![255, 0] }.write_grey(&at("masks/a.png"))?;
/// // For masks of two classes, in black and white.
/// let options = FolderOptions { mask_values: Some(vec![0, 255]), ..FolderOptions::default() };
/// assert_eq!(options.resolve(dir.path())?.layout, Some(Layout::Folders));
/// let folder = Folder::open(dir.path(), Split::All, &options)?;
/// assert_eq!(folder.sample(0)?.mask.labels, [1, 0]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FolderOptions {
    /// How the directory is laid out; what it looks like without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub layout: Option<Layout>,
    /// The number of pixels to leave out, allowed in masks beside the classes; the layout's own without.
    pub ignore_index: Option<u8>,
    /// The stored value of each class, by label, in masks whose values are not the labels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_values: Option<Vec<u8>>,
    /// Whether a stored value that no class has means what the nearest of [`mask_values`](Self::mask_values)
    /// means: for masks with soft edges.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub nearest_value: bool,
    /// A file that says what the colours of masks mean, in lines of red, green, blue and the name of a
    /// class, or of CVAT's `labelmap.txt`; the one in the directory, if there is one, without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_colours: Option<PathBuf>,
    /// Which numbers of pictures become black and white.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub range: Option<ValueRange>,
    /// Whether pictures that are to be turned are, for masks that were made on turned pictures.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub orient: bool,
    /// What the names of masks have behind those of their pictures, as `_mask`; what fits without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mask_suffix: Option<String>,
    /// Whether links may lead out of the directory.
    pub follow_links: bool,
    /// Whether what is faulty is left out.
    pub skip_faulty: bool,
    /// The pictures that are left out for it, by where they are in the directory; those that are faulty
    /// without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faulty: Option<Vec<String>>,
    /// The `[height, width]` to bring all pictures and masks to.
    pub size: Option<[usize; 2]>,
    /// The share of samples to validate on, above 0 and below 1, in a directory without a part to
    /// validate on.
    pub validation_split: Option<f64>,
    /// The seed that decides which samples these are.
    pub seed: u64,
    /// The split to use instead, of a run that has begun: kept in the run's folder, not in its settings.
    #[serde(skip)]
    pub split: Option<SplitFiles>,
}

impl FolderOptions {
    /// These options with what `dir` decides filled in: its layout, the label that is left out, the values
    /// and the suffix of masks, and which pictures are faulty, if those are to be left out.
    ///
    /// # Errors
    /// If the directory cannot be read, or says nothing of its classes.
    pub fn resolve(&self, dir: &Path) -> Result<Self, DataError> {
        let source = Source::open(dir, self)?;
        let mut resolved = self.clone();
        (resolved.layout, resolved.ignore_index) = (Some(source.layout), source.asked);
        resolved.mask_values = source.values.clone();
        // Why a part cannot be listed is said when it is opened.
        let listings = source.listings(self).into_iter().filter_map(|(_, listing)| listing.ok());
        let listings: Vec<_> = listings.collect();
        let mut suffixes = listings.iter().map(|listing| &listing.suffix);
        if let (None, Some(first)) = (&self.mask_suffix, suffixes.next()) {
            resolved.mask_suffix = first.clone().filter(|_| suffixes.all(|other| other == first));
        }
        if self.skip_faulty && self.faulty.is_none() {
            let faulty = listings.into_iter().flat_map(|listing| listing.faulty);
            resolved.faulty = Some(faulty.collect());
        }
        Ok(resolved)
    }

    /// These options for another directory: without what the first one decided.
    #[must_use]
    pub fn elsewhere(mut self) -> Self {
        (self.layout, self.mask_suffix) = (None, None);
        (self.validation_split, self.faulty, self.split) = (None, None, None);
        self
    }

    /// Refuses a size that no picture can be brought to.
    ///
    /// # Errors
    /// [`DataError::Setting`] for such a size.
    pub fn check_size(&self) -> Result<(), DataError> {
        let Some(size) = self.size else { return Ok(()) };
        let refused = |expected| DataError::setting("data.folder.size", expected, tall(size));
        check_size(size).map_err(refused)
    }

    /// How pictures are read.
    pub fn picture_rules(&self) -> PictureRules {
        PictureRules { range: self.range, orient: self.orient }
    }

    /// The label that pixels to leave out have once their mask is read: their number in masks, or 255
    /// where [`mask_values`](Self::mask_values) give that number to a class as its label.
    pub fn ignored_label(&self) -> Option<u8> {
        let classes = self.mask_values.as_ref().map_or(0, Vec::len);
        self.ignore_index
            .map(|ignored| if usize::from(ignored) < classes { IGNORED } else { ignored })
    }
}

/// Which samples of a directory are meant.
///
/// ```
/// # use mirrorgrad_data::{DataError, Dataset, Folder, FolderOptions, Split};
/// # let dir = tempfile::tempdir()?;
/// # for name in ["images", "masks"] {
/// #     std::fs::create_dir(dir.path().join(name))?;
/// #     for stem in ["a", "b", "c", "d"] {
/// #         std::fs::write(dir.path().join(format!("{name}/{stem}.png")), "")?;
/// #     }
/// # }
/// # std::fs::write(dir.path().join("classes.txt"), "sky\nroad\n")?;
/// // Of four pictures in a directory that is not divided, a quarter is to validate on.
/// let options = FolderOptions { validation_split: Some(0.25), ..FolderOptions::default() };
/// let len = |part| Ok::<_, DataError>(Folder::open(dir.path(), part, &options)?.len());
/// assert_eq!([len(Split::Train)?, len(Split::Validation)?, len(Split::All)?], [3, 1, 4]);
/// assert!(len(Split::Test).is_err());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Split {
    /// Those to train on.
    Train,
    /// Those to validate on.
    Validation,
    /// Both: those to train on, then those to validate on, or simply all of an undivided directory.
    All,
    /// Those to test on in the end, where the directory has such a part.
    Test,
}

/// A data set of files.
///
/// Pictures are of any [`PictureFormat`](crate::PictureFormat) that is read, masks PNG, GIF, BMP or TIFF; see
/// [`Layout`] for where they lie. Where no list says which belong together, they do when their names without the
/// extension are equal, but for one suffix of all masks, and are in the order of these names. What is no picture
/// is skipped. `classes.txt` names the classes, one per line, in the order of their labels.
///
/// ```
/// # use mirrorgrad_data::{Dataset, Folder, FolderOptions, Mask, Split, Picture, to_png};
/// # let dir = tempfile::tempdir()?;
/// # let at = |name: &str| dir.path().join(name);
/// # for name in ["images", "masks"] {
/// #     std::fs::create_dir(at(name))?;
/// # }
/// # let picture = Picture { width: 2, height: 1, rgb: vec![9; 6] };
/// # std::fs::write(at("images/a.png"), to_png(&picture)?)?;
/// # Mask { width: 2, height: 1, labels: vec![1, 0] }.write_grey(&at("masks/a.png"))?;
/// // Beside images/a.png and masks/a.png:
/// std::fs::write(dir.path().join("classes.txt"), "sky\nroad\n")?;
/// let folder = Folder::open(dir.path(), Split::All, &FolderOptions::default())?;
/// assert_eq!(folder.classes(), ["sky", "road"]);
/// assert_eq!(folder.sample(0)?.mask.labels, [1, 0]);
/// std::fs::remove_file(dir.path().join("masks/a.png"))?;
/// let error = Folder::open(dir.path(), Split::All, &FolderOptions::default()).unwrap_err();
/// assert!(error.to_string().contains("a.png: expected its mask"), "{error}");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Folder {
    source: Source,
    pairs: Vec<Pair>,
    size: Option<[usize; 2]>,
}

#[derive(Clone, Debug)]
pub(crate) struct Pair {
    pub picture: PathBuf,
    pub mask: PathBuf,
}

impl Folder {
    /// Opens a part of the directory `dir`.
    ///
    /// # Errors
    /// If files are missing, without their counterpart, or links that lead out of `dir`, or if
    /// the options make no sense for it.
    pub fn open(dir: &Path, split: Split, options: &FolderOptions) -> Result<Self, DataError> {
        options.check_size()?;
        let source = Source::open(dir, options)?;
        let pairs = source.pairs(split, options)?;
        Ok(Self { source, pairs, size: options.size })
    }

    /// These pairs of a directory, in the size of their files.
    pub(crate) fn of(source: Source, pairs: Vec<Pair>) -> Self {
        Self { source, pairs, size: None }
    }

    /// Whether a directory that is read so has a part of its own to validate on.
    ///
    /// # Errors
    /// If it cannot be read, or has no layout that is known.
    pub fn has_validation(dir: &Path, options: &FolderOptions) -> Result<bool, DataError> {
        let source = Source::unnamed(dir, options)?;
        Ok(source.place(Section::Validation).is_some())
    }

    /// What is to be known of a directory that is read so, and is no fault: a line each.
    ///
    /// ```
    /// # use mirrorgrad_data::{Folder, FolderOptions, Mask, Picture, to_png};
    /// # let dir = tempfile::tempdir()?;
    /// # let at = |name: &str| dir.path().join(name);
    /// # for name in ["images", "masks"] {
    /// #     std::fs::create_dir(at(name))?;
    /// # }
    /// # std::fs::write(at("classes.txt"), "sky\nroad\n")?;
    /// # let picture = Picture { width: 2, height: 1, rgb: vec![9; 6] };
    /// # std::fs::write(at("images/a.png"), to_png(&picture)?)?;
    /// # Mask { width: 2, height: 1, labels: vec![1, 0] }.write_grey(&at("masks/a.png"))?;
    /// std::fs::write(dir.path().join("images/Thumbs.db"), "")?;
    /// let notes = Folder::notes(dir.path(), &FolderOptions::default())?;
    /// let note = notes[0].to_string();
    /// assert!(note.contains("is skipped") && note.ends_with("images/Thumbs.db"));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the directory cannot be read, or says nothing of its classes.
    pub fn notes(dir: &Path, options: &FolderOptions) -> Result<Vec<Message>, DataError> {
        let source = Source::open(dir, options)?;
        let listings = source.listings(options);
        Ok(source.notes(listings.iter().filter_map(|(_, listing)| listing.as_ref().ok())))
    }

    /// Its pictures and masks, by their names within the directory.
    pub(crate) fn names(&self) -> Vec<Names> {
        let name =
            |path: &Path| path.strip_prefix(&self.source.root.dir).unwrap_or(path).to_owned();
        let pairs = self.pairs.iter();
        pairs.map(|pair| Names { picture: name(&pair.picture), mask: name(&pair.mask) }).collect()
    }

    /// The label that is left out.
    pub fn ignore_index(&self) -> Option<u8> {
        self.source.ignore_index
    }
}

impl Dataset for Folder {
    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn classes(&self) -> &[String] {
        &self.source.classes
    }

    /// The names of the files, in order; the folder may have moved.
    fn fingerprint(&self) -> String {
        let mut names = blake3::Hasher::new();
        for path in self.pairs.iter().flat_map(|pair| [&pair.picture, &pair.mask]) {
            let name = path.file_name().unwrap_or_default().as_encoded_bytes();
            names.update(&(name.len() as u64).to_le_bytes()).update(name);
        }
        names.finalize().to_hex().to_string()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        self.inspect(index).map(|inspected| inspected.sample).map_err(|faults| {
            faults.into_iter().next().expect("a sample that cannot be read has a fault")
        })
    }

    fn size(&self, index: usize) -> Result<[usize; 2], DataError> {
        self.size.map_or_else(|| stored_size(&self.pairs[index].picture), Ok)
    }

    fn inspect(&self, index: usize) -> Result<Inspected, Vec<DataError>> {
        let mut inspected = self.source.inspect(&self.pairs[index])?;
        if let Some(size) = self.size {
            inspected.sample = inspected.sample.resize(size);
        }
        Ok(inspected)
    }
}

/// The part of `pairs` that a directory without such a part would have: a share
/// of them, drawn by the seed, to validate on, or the others.
fn divide(pairs: Vec<Pair>, split: Split, share: f64, seed: u64) -> Vec<Pair> {
    let wanted = (pairs.len() as f64 * share).round() as usize;
    let wanted = wanted.clamp(1, pairs.len() - 1);
    let order = permutation(pairs.len(), &mut generator(Purpose::Split, seed, 0, 0));
    let mut validates = vec![false; pairs.len()];
    for &index in &order[..wanted] {
        validates[index] = true;
    }
    let divided = pairs.into_iter().zip(validates);
    let chosen = divided.filter(|&(_, validates)| validates == (split == Split::Validation));
    chosen.map(|(pair, _)| pair).collect()
}
