//! The chunks of a PNG, and what they say that its decoders do not look at.

/// Bytes that a PNG begins with.
const SIGNATURE: usize = 8;

/// What is found where palettes are not whole.
pub(crate) const HALF_A_COLOUR: &str = "a palette that ends within a colour";

/// Type and contents of each chunk that is whole.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = (&[u8; 4], &[u8])> {
    let mut rest = bytes.get(SIGNATURE..).unwrap_or_default();
    std::iter::from_fn(move || {
        // Its length, its type, its contents and four bytes of a check.
        let (length, after) = rest.split_first_chunk()?;
        let (kind, after) = after.split_first_chunk()?;
        let (contents, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize)?;
        rest = after.get(4..).unwrap_or_default();
        Some((kind, contents))
    })
}

/// The contents of the `eXIf` chunk, wherever it stands.
pub(crate) fn exif(bytes: &[u8]) -> Option<&[u8]> {
    chunks(bytes).find_map(|(kind, contents)| (kind == b"eXIf").then_some(contents))
}

/// Whether palettes have three bytes a colour, as they must: a decoder that does not ask panics over others.
pub(crate) fn has_whole_palettes(bytes: &[u8]) -> bool {
    chunks(bytes).all(|(kind, contents)| kind != b"PLTE" || contents.len().is_multiple_of(3))
}
