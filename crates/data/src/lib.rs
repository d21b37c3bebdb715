//! Pictures with masks: read from files or drawn, checked, augmented and brought in batches. All of it is plain bytes:
//! no tensor is made here, and the crate depends on none of ours.
//!
//! ```
//! use mirrorgrad_data::{Augment, Dataset, Loader, Shapes};
//! use std::sync::Arc;
//!
//! // The built-in data set; `Folder::open` reads pictures of one's own.
//! let shapes = Shapes::train(0);
//! assert_eq!(shapes.classes()[1], "disc");
//! let augment = Augment { crop: Some([48, 48]), ..Augment::default() };
//! let loader = Loader { augment: Some(augment), shuffle: true, ..Loader::new(Arc::new(shapes), 8) };
//! for batch in loader.epoch(0).take(2) {
//!     let batch = batch?;
//!     assert_eq!((batch.len(), batch[0].size()), (8, [48, 48]));
//! }
//! # Ok::<(), mirrorgrad_data::DataError>(())
//! ```
//!
//! The files, in the order to read:
//!
//! ```text
//! sample, dataset             a picture with its mask; many of them
//! shapes/                     a data set that the program draws
//! picture/, mask/, colours    pictures and masks from bytes and to bytes; what labels look like
//! folder/, split              data sets as they are published; which files are in which split
//! survey, histogram, census   every sample inspected; pixels per class; a folder with all its faults
//! augment/, loader, random    random changes; batches, loaded ahead; a stream of numbers for each purpose
//! text, files, chunks         text of any encoding; files read and written whole; the chunks of a PNG
//! message, error              messages that name settings by key; what is refused, and why
//! ```

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
