//! What of a JPEG its pixels need, and whether they are all there. The decoder makes up what is missing from
//! a file that was cut short, which a network should not be trained on; it says nothing of it.

use std::borrow::Cow;

/// Bits that begin no code of a JPEG, with the zeros that tell `ff` from a marker.
const NO_CODE: [u8; 2] = [0xff, 0];
/// How often: more than a decoder reads ahead.
const TIMES: usize = 64;
/// The marker that ends a file.
const END: [u8; 2] = [0xff, 0xd9];

/// The file up to the end marker that closes its last scan, if there is one. Segments that no pixel needs are
/// left out where the decoder is led astray by them: notes behind a scan, and anything behind the last one.
pub fn needed(bytes: &[u8]) -> Option<Cow<'_, [u8]>> {
    // Segments are skipped whole: a thumbnail in one has an end of its own.
    let mut at = 2;
    let start = 0..at;
    let mut spans = vec![start];
    // How many spans there are up to the end of the last scan.
    let mut scanned = 0;
    loop {
        let [mark, kind] = *bytes.get(at..)?.first_chunk()?;
        match (mark, kind) {
            (0xff, 0xff) => at += 1,
            (0xff, 0xd9) if scanned > 0 => break,
            (0xff, 0xd9) => return None,
            (0xff, _) => {
                let length =
                    bytes.get(at + 2..)?.first_chunk().map(|&pair| u16::from_be_bytes(pair));
                let mut end = at + 2 + usize::from(length?);
                if kind == 0xda {
                    end += scan(bytes.get(end..)?)?;
                }
                // Notes are those of applications, and comments.
                if scanned == 0 || !matches!(kind, 0xe0..=0xef | 0xfe) {
                    spans.push(at..end);
                }
                if kind == 0xda {
                    scanned = spans.len();
                }
                at = end;
            }
            _ => return None,
        }
    }
    spans.truncate(scanned);
    spans.push(at..at + END.len());
    let length = spans.iter().map(ExactSizeIterator::len).sum();
    if length == at + END.len() {
        return Some(Cow::Borrowed(&bytes[..length]));
    }
    let mut needed = Vec::with_capacity(length);
    spans.into_iter().for_each(|span| needed.extend_from_slice(&bytes[span]));
    Some(Cow::Owned(needed))
}

/// How long the bits of a scan are, up to the next marker that is none of its restarts.
fn scan(bytes: &[u8]) -> Option<usize> {
    let ends = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0 | 0xd0..=0xd7 | 0xff);
    bytes.windows(2).position(ends)
}

/// A [`needed`] file with nonsense before its end. A decoder that had all it needs by then never sees it; one
/// that would have gone on makes something else of it than of the end.
pub fn prolonged(needed: Cow<'_, [u8]>) -> Vec<u8> {
    let mut bytes = needed.into_owned();
    bytes.truncate(bytes.len() - END.len());
    bytes.extend(NO_CODE.repeat(TIMES));
    bytes.extend(END);
    bytes
}
