//! NumPy's files of named arrays, `.npz`: a zip archive of `.npy` files.

use crate::npy::{from_npy, to_npy};
use crate::{Arrays, Refusal};
use std::io::{Cursor, Read, Write};
use zip::write::SimpleFileOptions;
use zip::{CompressionMethod, ZipArchive, ZipWriter};

/// The arrays of an `.npz` file, of which there may be up to `most` bytes once unpacked: a small archive
/// may hold a great deal.
///
/// ```
/// # use mirrorgrad_study::{Array, Arrays, from_npz, to_npz};
/// # use mirrorgrad_tensor::Tensor;
/// let arrays = Arrays::from([("input".to_owned(), Array::F64(Tensor::zeros([1, 1, 4, 4])))]);
/// let bytes = to_npz(&arrays)?;
/// assert_eq!(from_npz(&bytes, 1 << 20)?, arrays);
/// let refusal = from_npz(&bytes, 100).unwrap_err().to_string();
/// assert_eq!(refusal, "an .npz file: expected at most 100 bytes unpacked, found more");
/// # Ok::<(), mirrorgrad_study::Refusal>(())
/// ```
///
/// # Errors
/// If the bytes are not such a file, a name occurs twice, an array is not as long as its shape says or
/// of another type than in [`from_npy`], or there are more bytes.
pub fn from_npz(bytes: &[u8], most: u64) -> Result<Arrays, Refusal> {
    let broken = |error: zip::result::ZipError| Refusal::new(format!("not an .npz file: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    if archive.has_duplicate_names() {
        return Err(Refusal::expected("not an .npz file", "names that differ", "one twice"));
    }
    let mut arrays = Arrays::new();
    let mut left = most;
    for i in 0..archive.len() {
        let entry = archive.by_index(i).map_err(broken)?;
        let name = entry.name().map_err(broken)?.into_owned();
        let Some(array) = name.strip_suffix(".npy") else {
            return Err(Refusal::expected("not an .npz file", "names such as x.npy", name));
        };
        // What an archive says of sizes is not to be relied on.
        let mut unpacked = Vec::new();
        let read = entry.take(left.saturating_add(1)).read_to_end(&mut unpacked);
        read.map_err(|error| Refusal::new(format!("tensor {array:?}: {error}")))?;
        left = left.checked_sub(unpacked.len() as u64).ok_or_else(|| {
            Refusal::expected("an .npz file", format!("at most {most} bytes unpacked"), "more")
        })?;
        let value = from_npy(&unpacked)
            .map_err(|error| Refusal::new(format!("tensor {array:?}: {error}")))?;
        arrays.insert(array.to_string(), value);
    }
    Ok(arrays)
}

/// The bytes of an `.npz` file, not compressed.
///
/// ```
/// # use mirrorgrad_study::{Array, Arrays, from_npz, to_npz};
/// let arrays = Arrays::from([("target".to_owned(), Array::I64(vec![2], vec![7, -7]))]);
/// let bytes = to_npz(&arrays)?;
/// assert!(bytes.starts_with(b"PK")); // A zip archive.
/// assert_eq!(from_npz(&bytes, 1 << 20)?["target"], arrays["target"]);
/// # Ok::<(), mirrorgrad_study::Refusal>(())
/// ```
///
/// # Errors
/// If a name is longer than an archive can hold.
pub fn to_npz(arrays: &Arrays) -> Result<Vec<u8>, Refusal> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    let mut write = || {
        for (name, array) in arrays {
            let bytes = to_npy(array);
            let options = SimpleFileOptions::default()
                .compression_method(CompressionMethod::Stored)
                .large_file(bytes.len() >= u32::MAX as usize);
            archive.start_file(format!("{name}.npy"), options)?;
            archive.write_all(&bytes)?;
        }
        Ok(())
    };
    let written: zip::result::ZipResult<()> = write();
    let bytes = written.and_then(|()| archive.finish());
    Ok(bytes.map_err(|error| Refusal::new(format!("an .npz file: {error}")))?.into_inner())
}
