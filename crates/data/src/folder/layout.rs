//! The layouts there are, and which one a directory has.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::rules::Rules;
use super::{camvid, folders, list, pets, voc};
use crate::DataError;

/// How a directory keeps its pictures and masks.
///
/// ```
/// # use mirrorgrad_data::{FolderOptions, Layout};
/// # let dir = tempfile::tempdir()?;
/// std::fs::create_dir(dir.path().join("SegmentationClass"))?;
/// let options = FolderOptions::default().resolve(dir.path())?;
/// assert_eq!((options.layout, options.ignore_index), (Some(Layout::Voc), Some(255)));
/// assert_eq!(Layout::ALL.map(Layout::name), ["voc", "pets", "camvid", "list", "folders"]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// PASCAL VOC: `JPEGImages`, `SegmentationClass`, and lists in `ImageSets/Segmentation`.
    Voc,
    /// The Oxford-IIIT Pet data set: `images`, `annotations/trimaps`, and lists in `annotations`.
    Pets,
    /// CamVid as the SegNet tutorial has it: `train` beside `trainannot`, and so on.
    Camvid,
    /// Lists `train.txt`, `val.txt` and `test.txt` of pictures with their masks.
    List,
    /// `images` and `masks`, in the directory or in its `train`, `val` and `test`.
    Folders,
}

impl Layout {
    /// All of them; a directory is taken for the first whose sign it has.
    pub const ALL: [Self; 5] = [Self::Voc, Self::Pets, Self::Camvid, Self::List, Self::Folders];

    /// Its name in options and configurations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Voc => "voc",
            Self::Pets => "pets",
            Self::Camvid => "camvid",
            Self::List => "list",
            Self::Folders => "folders",
        }
    }

    pub(super) fn rules(self) -> &'static Rules {
        match self {
            Self::Voc => &voc::RULES,
            Self::Pets => &pets::RULES,
            Self::Camvid => &camvid::RULES,
            Self::List => &list::RULES,
            Self::Folders => &folders::RULES,
        }
    }

    /// The layout that `dir` has, and what speaks for it.
    pub(super) fn detect(dir: &Path) -> Result<(Self, &'static str), DataError> {
        let signs = Self::ALL.iter().filter_map(|&layout| {
            let sign = (layout.rules().sign)(dir)?;
            Some((layout, sign))
        });
        signs.into_iter().next().ok_or_else(|| {
            let expected = "images and masks in it, or train and val with images and masks in \
                            each, or train.txt and val.txt that list them, or the directories of \
                            VOC, CamVid or Oxford-IIIT Pet";
            DataError::unfit(dir, expected, "none of these")
        })
    }
}
