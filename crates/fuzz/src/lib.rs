//! What must hold whatever bytes come: nothing panics, hangs or takes memory without end, and what was
//! accepted once is accepted again after it was written.
//!
//! Each target is a function of bytes. `cargo fuzz run --fuzz-dir crates/fuzz TARGET` looks for bytes
//! that break it; those that ever did, and a few to begin with, are in `corpus/TARGET`, which
//! `tests/corpus.rs` replays.

#![forbid(unsafe_code)]

mod runs;
mod tensors;

pub use runs::{checkpoint, checkpoint_payload, classes, config, list, mask, picture};
pub use tensors::{npy, npz, op, safetensors};

/// Every target under its name.
pub const TARGETS: [(&str, fn(&[u8])); 11] = [
    ("checkpoint", checkpoint),
    ("checkpoint_payload", checkpoint_payload),
    ("classes", classes),
    ("config", config),
    ("list", list),
    ("mask", mask),
    ("npy", npy),
    ("npz", npz),
    ("op", op),
    ("picture", picture),
    ("safetensors", safetensors),
];

/// Gives a target the files that are named on the command line.
///
/// # Errors
/// If one cannot be read.
pub fn replay(target: fn(&[u8])) -> std::io::Result<()> {
    std::env::args_os().skip(1).try_for_each(|path| std::fs::read(path).map(|bytes| target(&bytes)))
}
