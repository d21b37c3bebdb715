//! The one way in which values become bytes and come back, within bounds.

use bincode::Options;

/// Of values that take at most `limit` bytes, to the last of which they are read.
pub fn codec(limit: u64) -> impl Options {
    bincode::DefaultOptions::new()
        .with_fixint_encoding()
        .with_little_endian()
        .with_limit(limit)
        .reject_trailing_bytes()
}
