//! The header of a checkpoint file, and the hash that notices every changed byte.
//!
//! ```text
//! format 1:  magic 8 | format u16 | codec u8 | flags u8 | length u64            | hash 32 | payload
//! format 2:  magic 8 | format u16 | codec u8 | flags u8 | length u64 | step u64 | hash 32 | payload
//! ```
//!
//! Numbers are little-endian. The BLAKE3 hash covers the header before it and the payload; it
//! speaks of damage, not of who wrote the file.

use std::io::{self, Read};
use std::ops::Range;

const MAGIC: &[u8; 8] = b"\x89MIRGRD\n";
/// Bincode 1.3.3 with fixed-size little-endian integers.
const CODEC: u8 = 1;
const HASH: usize = 32;
/// Bytes up to the length, which all formats begin with.
const START: usize = 20;

/// How a payload is encoded, and what its header holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Of version 0.1 while it was in the making: metrics without their names.
    One = 1,
    /// Metrics and progress as JSON, and the step in the header.
    Two = 2,
}

impl Format {
    /// Bytes of the header before its hash.
    fn hashed(self) -> usize {
        match self {
            Self::One => START,
            Self::Two => START + 8,
        }
    }

    fn header(self) -> usize {
        self.hashed() + HASH
    }
}

/// A file whose hash is right.
pub struct Sealed<'a> {
    /// Its format.
    pub format: Format,
    /// The step that the header tells.
    pub step: Option<u64>,
    /// What is after the header.
    pub payload: &'a [u8],
}

/// The number in these bytes of a header.
fn number(header: &[u8], range: Range<usize>) -> u64 {
    header[range].iter().rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}

/// The format of a file that begins with these bytes.
fn format(start: &[u8]) -> Result<Format, String> {
    if start.len() < START {
        return Err(format!("expected a checkpoint, found only {} bytes", start.len()));
    }
    if !start.starts_with(MAGIC) {
        return Err("expected a checkpoint, found something else".to_owned());
    }
    let (format, codec, flags) =
        (number(start, 8..10), number(start, 10..11), number(start, 11..12));
    match (format, codec, flags) {
        (1, 1, 0) => Ok(Format::One),
        (2, 1, 0) => Ok(Format::Two),
        _ => Err(format!(
            "expected checkpoint format 1 or 2 (codec {CODEC}, flags 0), found {format} (codec \
             {codec}, flags {flags}): it needs a newer version of mirrorgrad, or is damaged"
        )),
    }
}

/// What is in a file, once nothing about it is found changed.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn open(bytes: &[u8]) -> Result<Sealed<'_>, String> {
    let format = format(bytes)?;
    let Some((header, payload)) = bytes.split_at_checked(format.header()) else {
        return Err(format!("expected a checkpoint, found only {} bytes", bytes.len()));
    };
    let (hashed, hash) = header.split_at(format.hashed());
    let length = number(hashed, 12..20);
    if length != payload.len() as u64 {
        return Err(format!(
            "expected {length} bytes after the header, found {}: it is cut short or damaged",
            payload.len()
        ));
    }
    if blake3::Hasher::new().update(hashed).update(payload).finalize() != *as_hash(hash) {
        return Err("its contents do not match its hash: it is damaged".to_owned());
    }
    let step = (format == Format::Two).then(|| number(hashed, START..START + 8));
    Ok(Sealed { format, step, payload })
}

/// Whether [`open`] would find nothing wrong with a file, which is read piece by piece.
///
/// # Errors
/// If it cannot be read.
pub fn is_whole(mut file: impl Read) -> io::Result<bool> {
    let mut header = [0; START + 8 + HASH];
    file.read_exact(&mut header[..START])?;
    let Ok(format) = format(&header[..START]) else { return Ok(false) };
    file.read_exact(&mut header[START..format.header()])?;
    let (hashed, hash) = header[..format.header()].split_at(format.hashed());
    let mut hasher = blake3::Hasher::new();
    hasher.update(hashed).update_reader(file)?;
    let payload = hasher.count() - hashed.len() as u64;
    Ok(payload == number(hashed, 12..20) && hasher.finalize() == *as_hash(hash))
}

fn as_hash(bytes: &[u8]) -> &[u8; HASH] {
    bytes.try_into().expect("a header ends with its hash")
}

/// Room for the header of a new file; the payload goes after it.
pub fn room() -> Vec<u8> {
    vec![0; Format::Two.header()]
}

/// Writes the header of a new file into its [`room`].
pub fn close(bytes: &mut [u8], step: u64) {
    let (header, payload) = bytes.split_at_mut(Format::Two.header());
    let (hashed, hash) = header.split_at_mut(Format::Two.hashed());
    hashed[..8].copy_from_slice(MAGIC);
    hashed[8..10].copy_from_slice(&(Format::Two as u16).to_le_bytes());
    hashed[10..12].copy_from_slice(&[CODEC, 0]);
    hashed[12..START].copy_from_slice(&(payload.len() as u64).to_le_bytes());
    hashed[START..].copy_from_slice(&step.to_le_bytes());
    let made = blake3::Hasher::new().update(hashed).update(payload).finalize();
    hash.copy_from_slice(made.as_bytes());
}
