//! What must hold whatever bytes come: nothing panics, hangs or takes memory without end, and what was
//! accepted once is accepted again after it was written.
//!
//! Each target is a function of bytes. `cargo fuzz run --fuzz-dir crates/fuzz TARGET` looks for bytes
//! that break it; those that ever did, and a few to begin with, are in `corpus/TARGET`, which
//! `tests/all/corpus.rs` replays.

#![forbid(unsafe_code)]

mod runs;
mod tensors;

pub use runs::{
    camvid, checkpoint, checkpoint_payload, classes, coloured_mask, colours, config, labelmap,
    list, mask, pets, picture, pixel_values, voc,
};
pub use tensors::{npy, npz, op, safetensors};

/// Every target under its name.
pub const TARGETS: [(&str, fn(&[u8])); 18] = [
    ("camvid", camvid),
    ("checkpoint", checkpoint),
    ("checkpoint_payload", checkpoint_payload),
    ("classes", classes),
    ("coloured_mask", coloured_mask),
    ("colours", colours),
    ("config", config),
    ("labelmap", labelmap),
    ("list", list),
    ("mask", mask),
    ("npy", npy),
    ("npz", npz),
    ("op", op),
    ("pets", pets),
    ("picture", picture),
    ("pixel_values", pixel_values),
    ("safetensors", safetensors),
    ("voc", voc),
];

/// Gives a target the files that are named on the command line.
///
/// # Errors
/// If one cannot be read.
pub fn replay(target: fn(&[u8])) -> std::io::Result<()> {
    std::env::args_os().skip(1).try_for_each(|path| std::fs::read(path).map(|bytes| target(&bytes)))
}
