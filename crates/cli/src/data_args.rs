//! Options that say how a folder of pictures and masks is read.

use crate::options;
use clap::Args;
use mirrorgrad_segment::{FolderOptions, Layout};
use std::path::{self, PathBuf};

/// How a folder is read. Everything left out has its default.
#[derive(Clone, Debug, Default, Args)]
pub struct DataArgs {
    /// How the folder is laid out [default: as it looks]
    #[arg(long, value_name = "NAME", value_parser = options::choice::<Layout>(["folders", "voc", "camvid", "pets", "list"]), help_heading = "Data")]
    layout: Option<Layout>,
    /// The stored value of each class in masks, in the order of the classes, as 0,255
    #[arg(long, value_name = "A,B,..", value_delimiter = ',', help_heading = "Data")]
    mask_values: Option<Vec<u8>>,
    /// A file of lines `R G B NAME` that says what the colours of masks mean [default: colours.txt in the
    /// folder, if it is there]
    #[arg(long, value_name = "FILE", help_heading = "Data")]
    mask_colours: Option<PathBuf>,
    /// The label of pixels that count for nothing [default: the layout's, if it has one]
    #[arg(long, value_name = "LABEL", help_heading = "Data")]
    ignore_index: Option<u8>,
    /// Bring all pictures to one size
    #[arg(long, value_name = "HxW", value_parser = options::size, help_heading = "Data")]
    size: Option<[usize; 2]>,
    /// The share of pictures to validate on, for a folder without a part to validate on
    #[arg(long, value_name = "SHARE", help_heading = "Data")]
    val_split: Option<f64>,
}

impl DataArgs {
    /// The options as they would be typed, and whether each was given.
    #[expect(dead_code, reason = "for commands that refuse options beside a run's own")]
    pub fn given(&self) -> [(&'static str, bool); 6] {
        // Whole, so that no new option is forgotten here.
        let Self { layout, mask_values, mask_colours, ignore_index, size, val_split } = self;
        [
            ("--layout", layout.is_some()),
            ("--mask-values", mask_values.is_some()),
            ("--mask-colours", mask_colours.is_some()),
            ("--ignore-index", ignore_index.is_some()),
            ("--size", size.is_some()),
            ("--val-split", val_split.is_some()),
        ]
    }

    /// As a configuration has them; `seed` decides which pictures validate.
    pub fn options(&self, seed: u64) -> FolderOptions {
        let absolute = |file: &PathBuf| path::absolute(file).unwrap_or_else(|_| file.clone());
        FolderOptions {
            layout: self.layout,
            ignore_index: self.ignore_index,
            mask_values: self.mask_values.clone(),
            // A run may go on from elsewhere.
            mask_colours: self.mask_colours.as_ref().map(absolute),
            size: self.size,
            validation_split: self.val_split,
            seed,
        }
    }
}
