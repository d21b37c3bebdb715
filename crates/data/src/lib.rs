//! Pictures with masks: read from files, drawn, checked, augmented and brought in batches.
//!
//! A [`Sample`] is a [`Picture`] with its [`Mask`]; a [`Dataset`] has many of them, drawn by the program
//! ([`Shapes`]) or read from a directory ([`Folder`]); [`Augment`] changes them at random, and a [`Loader`]
//! brings them in batches. A [`Census`] says what is in a directory and what is wrong with it. All of it is
//! plain bytes: no tensor is made here, and nothing here knows of networks.

#![forbid(unsafe_code)]

mod augment;
mod census;
mod chunks;
mod colours;
mod dataset;
mod error;
pub mod files;
mod folder;
mod histogram;
mod loader;
mod mask;
mod message;
mod picture;
pub mod random;
mod sample;
mod shapes;
mod split;
mod survey;
mod text;

pub use augment::Augment;
pub use census::{Census, SizeCount, SplitCensus};
pub use colours::{colours, overlay, palette};
pub use dataset::{Dataset, First, Inspected, Joined};
pub use error::{DataError, is_hidden, one_line, shown, tall};
pub use files::write_whole;
pub use folder::{
    Folder, FolderOptions, Layout, Split, class_names, is_picture_file, read_classes,
};
pub use histogram::Histogram;
pub use loader::{Batches, Loader};
pub use mask::{IGNORED, decode_mask, read_mask};
pub use message::{Keys, Message, Setting, Value, Wording};
pub use picture::{
    PictureFormat, PictureRules, RangeByName, ValueRange, decode_picture, read_picture, to_png,
};
pub use sample::{Mask, Picture, Sample};
pub use shapes::Shapes;
pub use split::SplitFiles;
pub use survey::{Good, Looked, Survey, notes_of_files};
pub use text::text_of;
