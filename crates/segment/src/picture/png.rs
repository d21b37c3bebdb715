//! What a PNG says of how its picture was held.

/// Bytes that a PNG begins with.
const SIGNATURE: usize = 8;

/// The contents of the `eXIf` chunk, wherever it stands.
pub fn exif(bytes: &[u8]) -> Option<&[u8]> {
    let mut chunks = bytes.get(SIGNATURE..)?;
    loop {
        // Its length, its type, its contents and four bytes of a check.
        let (length, rest) = chunks.split_first_chunk()?;
        let (kind, rest) = rest.split_first_chunk::<4>()?;
        let (contents, rest) = rest.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        if kind == b"eXIf" {
            return Some(contents);
        }
        chunks = rest.get(4..)?;
    }
}
