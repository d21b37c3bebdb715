//! The header of a checkpoint file, and the hash that notices every changed byte.
//!
//! ```text
//! format 1:  magic 8 | format u16 | codec u8 | flags u8 | length u64            | hash 32 | payload
//! format 2:  magic 8 | format u16 | codec u8 | flags u8 | length u64 | step u64 | hash 32 | payload
//! ```
//!
//! Numbers are little-endian. The BLAKE3 hash covers the header before it and the payload; it
//! speaks of damage, not of who wrote the file.

use super::Unreadable;
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
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

/// What the header of a file tells whose hash is right.
pub struct Sealed {
    /// Its format.
    pub format: Format,
    /// The step, where the header has it.
    pub step: Option<u64>,
    /// The bytes after the header.
    pub len: u64,
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

/// What the header of a file tells, once nothing about the file is found changed; it stands where the payload
/// begins. The file is read piece by piece, without room for what is in it.
///
/// # Errors
/// A sentence that says what is wrong with it, or why it cannot be read.
pub fn open(file: &mut (impl Read + Seek)) -> Result<Sealed, Unreadable> {
    let mut header = Vec::with_capacity(START + 8 + HASH);
    let mut read_to = |header: &mut Vec<u8>, len: usize| {
        let missing = (len - header.len()) as u64;
        file.by_ref().take(missing).read_to_end(header).map(|_| header.len() == len)
    };
    read_to(&mut header, START)?;
    let format = format(&header)?;
    if !read_to(&mut header, format.header())? {
        return Err(format!("expected a checkpoint, found only {} bytes", header.len()).into());
    }
    let (hashed, hash) = header.split_at(format.hashed());
    let mut hasher = blake3::Hasher::new();
    hasher.update(hashed).update_reader(&mut *file)?;
    let (expected, found) = (number(hashed, 12..20), hasher.count() - hashed.len() as u64);
    if expected != found {
        let what = "it is truncated or damaged";
        return Err(
            format!("expected {expected} bytes after the header, found {found}: {what}").into()
        );
    }
    if hasher.finalize() != *as_hash(hash) {
        return Err("its contents do not match its hash: it is damaged".to_owned().into());
    }
    file.seek(SeekFrom::Start(format.header() as u64))?;
    let step = (format == Format::Two).then(|| number(hashed, START..START + 8));
    Ok(Sealed { format, step, len: found })
}

fn as_hash(bytes: &[u8]) -> &[u8; HASH] {
    bytes.try_into().expect("a header ends with its hash")
}

/// Writes a new file: a header for a payload of `len` bytes, and what `write` writes. The hash of all takes its
/// place in the header when all is written.
pub fn write<F: Write + Seek>(
    file: &mut F,
    step: u64,
    len: u64,
    write: impl FnOnce(&mut BufWriter<Hashed<'_, F>>) -> io::Result<()>,
) -> io::Result<()> {
    let mut hashed = MAGIC.to_vec();
    hashed.extend((Format::Two as u16).to_le_bytes());
    hashed.extend([CODEC, 0]);
    hashed.extend(len.to_le_bytes());
    hashed.extend(step.to_le_bytes());
    file.write_all(&hashed)?;
    file.write_all(&[0; HASH])?;
    let mut hasher = blake3::Hasher::new();
    hasher.update(&hashed);
    let mut payload = BufWriter::with_capacity(1 << 16, Hashed { hasher, file });
    write(&mut payload)?;
    let Hashed { hasher, file } = payload.into_inner()?;
    debug_assert_eq!(hasher.count(), hashed.len() as u64 + len);
    file.seek(SeekFrom::Start(hashed.len() as u64))?;
    file.write_all(hasher.finalize().as_bytes())
}

/// A file, and the hash of what is written to it.
pub struct Hashed<'a, F> {
    hasher: blake3::Hasher,
    file: &'a mut F,
}

impl<F: Write> Write for Hashed<'_, F> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
