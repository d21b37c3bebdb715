//! One's own pictures: a directory of pictures, masks and the names of the classes.
//!
//! ```text
//! DIR/classes.txt               DIR/classes.txt
//! DIR/{train,val}/images   or   DIR/images
//! DIR/{train,val}/masks         DIR/masks
//! ```
//!
//! Opening reads names alone; each picture and mask is checked when it is asked for.

mod root;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::root::Root;
pub(crate) use self::root::read_classes;
use crate::error::{shown, tall};
use crate::files::check_size;
use crate::random::{Purpose, generator, permutation};
use crate::{DataError, Dataset, Sample, read_mask, read_picture};

/// How the files of a [`Folder`] are read.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FolderOptions {
    /// The label of pixels to leave out, allowed in masks beside the classes.
    pub ignore_index: Option<u8>,
    /// The `[height, width]` to bring all pictures and masks to.
    pub size: Option<[usize; 2]>,
    /// The share of samples to validate on, above 0 and below 1, in a directory without `train`
    /// and `val`.
    pub validation_split: Option<f64>,
    /// The seed that decides which samples these are.
    pub seed: u64,
}

/// Which samples of a directory are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Those to train on.
    Train,
    /// Those to validate on.
    Validation,
    /// Both: those to train on, then those to validate on, or simply all of `DIR/images`.
    All,
}

/// A data set of files.
///
/// Pictures (JPEG or PNG) and masks (PNG, see [`read_mask`]) belong together when their names
/// without the extension are equal; they are in the order of these names. Names that begin with
/// a dot are passed over. `classes.txt` names the classes, one a line, in the order of their
/// labels.
#[derive(Clone, Debug)]
pub struct Folder {
    classes: Vec<String>,
    pairs: Vec<Pair>,
    options: FolderOptions,
}

#[derive(Clone, Debug)]
struct Pair {
    picture: PathBuf,
    mask: PathBuf,
}

impl Folder {
    /// Opens a part of the directory `dir`.
    ///
    /// # Errors
    /// If files are missing, without their counterpart, or links that lead out of `dir`, or if
    /// the options make no sense for it.
    pub fn open(dir: &Path, part: Part, options: &FolderOptions) -> Result<Self, DataError> {
        let root = Root::new(dir)?;
        if let Some(size) = options.size {
            check_size(Path::new("--size"), size)?;
        }
        let divided = Self::is_divided(dir)?;
        if !divided && !dir.join("images").is_dir() {
            let expected = "images and masks in it, or train and val with images and masks in each";
            return Err(DataError::unfit(dir, expected, "neither"));
        }
        let classes = root.classes()?;
        let train = || root.pairs(&dir.join("train"));
        let validation = || root.pairs(&dir.join("val"));
        let pairs = match (divided, part) {
            (true, _) if options.validation_split.is_some() => {
                let expected = format!("none, {} has train and val", shown(dir));
                return Err(DataError::option("--val-split", expected, "one"));
            }
            (true, Part::Train) => train()?,
            (true, Part::Validation) => validation()?,
            (true, Part::All) => [train()?, validation()?].concat(),
            (false, _) => split(root.pairs(dir)?, part, options, dir)?,
        };
        Ok(Self { classes, pairs, options: options.clone() })
    }

    /// Whether a directory has parts of its own to train and to validate on.
    ///
    /// # Errors
    /// If it cannot be read.
    pub fn is_divided(dir: &Path) -> Result<bool, DataError> {
        // Of a directory that cannot be read, everything would seem to be missing.
        std::fs::read_dir(dir).map_err(DataError::read(dir))?;
        Ok(dir.join("train").is_dir() || dir.join("val").is_dir())
    }
}

impl Dataset for Folder {
    fn len(&self) -> usize {
        self.pairs.len()
    }

    fn classes(&self) -> &[String] {
        &self.classes
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
        let Pair { picture: path, mask: mask_path } = &self.pairs[index];
        let (picture, mask) = (read_picture(path)?, read_mask(mask_path)?);
        if picture.size() != mask.size() {
            let expected = format!("{} as {}", tall(picture.size()), shown(path));
            return Err(DataError::unfit(mask_path, expected, tall(mask.size())));
        }
        mask.check_labels(self.classes.len(), self.options.ignore_index, mask_path)?;
        let sample = Sample { name: shown(path), picture, mask };
        Ok(match self.options.size {
            Some(size) => sample.resize(size),
            None => sample,
        })
    }
}

/// The part of `pairs` that a divided directory would have in a directory of its own.
fn split(
    pairs: Vec<Pair>,
    part: Part,
    options: &FolderOptions,
    dir: &Path,
) -> Result<Vec<Pair>, DataError> {
    let expected = || format!("a share above 0 and below 1, {} has no train and val", shown(dir));
    match (part, options.validation_split) {
        (_, Some(share)) if !(share > 0.0 && share < 1.0) => {
            return Err(DataError::option("--val-split", expected(), share));
        }
        (Part::All, _) => return Ok(pairs),
        (_, None) => return Err(DataError::option("--val-split", expected(), "none")),
        (_, Some(_)) if pairs.len() < 2 => {
            return Err(DataError::unfit(dir, "two pictures or more to split", "one"));
        }
        _ => {}
    }
    let share = options.validation_split.expect("a part of a split has a share");
    let wanted = (pairs.len() as f64 * share).round() as usize;
    let wanted = wanted.clamp(1, pairs.len() - 1);
    let order = permutation(pairs.len(), &mut generator(Purpose::Split, options.seed, 0, 0));
    let mut validates = vec![false; pairs.len()];
    for &index in &order[..wanted] {
        validates[index] = true;
    }
    let parts = pairs.into_iter().zip(validates);
    let chosen = parts.filter(|&(_, validates)| validates == (part == Part::Validation));
    Ok(chosen.map(|(pair, _)| pair).collect())
}
