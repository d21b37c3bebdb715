//! Whether a JPEG is whole. The decoder makes up what is missing from a file that was cut short, which a
//! network should not be trained on; it says nothing of it.

/// Bits that begin no code of a JPEG, with the zeros that tell `ff` from a marker.
const NO_CODE: [u8; 2] = [0xff, 0];
/// How often: more than a decoder reads ahead.
const TIMES: usize = 64;

/// Where the end marker is that closes the last scan.
pub fn end(bytes: &[u8]) -> Option<usize> {
    // Segments are skipped whole: a thumbnail in one has an end of its own.
    let mut at = 2;
    let mut scanned = false;
    loop {
        let [mark, kind] = *bytes.get(at..)?.first_chunk()?;
        match (mark, kind) {
            (0xff, 0xff) => at += 1,
            (0xff, 0xd9) => return scanned.then_some(at),
            (0xff, _) => {
                let length =
                    bytes.get(at + 2..)?.first_chunk().map(|&pair| u16::from_be_bytes(pair));
                at += 2 + usize::from(length?);
                if kind == 0xda {
                    scanned = true;
                    at += scan(bytes.get(at..)?)?;
                }
            }
            _ => return None,
        }
    }
}

/// How long the bits of a scan are, up to the next marker that is none of its restarts.
fn scan(bytes: &[u8]) -> Option<usize> {
    let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
    bytes.windows(2).position(ends)
}

/// The file with nonsense before its `end`. A decoder that had all it needs by then never sees it;
/// one that would have gone on makes something else of it than of the end.
pub fn prolonged(bytes: &[u8], end: usize) -> Vec<u8> {
    [&bytes[..end], &NO_CODE.repeat(TIMES), &bytes[end..]].concat()
}
