//! Options that several commands have, and how their values are read.

use crate::{Failure, say};
use mirrorgrad_segment::{
    Config, Predictor, RunError, allowed_bytes, least_bytes, one_line, resident_bytes,
};
use std::path::Path;

/// Bytes in the megabyte that options and messages count memory in.
pub const MB: usize = 1_000_000;

/// What a process may hold, and what it held before it began.
#[derive(Clone, Copy)]
pub struct Room {
    /// Bytes that it may need, see [`most_bytes`].
    pub most: usize,
    /// Bytes that it holds by now.
    pub program: usize,
}

impl Room {
    /// Of so many megabytes at most, or as many as are allowed.
    pub fn now(max_memory: Option<usize>) -> Self {
        Self { most: most_bytes(max_memory), program: resident_bytes().unwrap_or_default() }
    }
}

/// The bytes that a process may need: so many megabytes, or four fifths of what it may come to hold.
pub fn most_bytes(max_memory: Option<usize>) -> usize {
    let asked = max_memory.map(|most| most.saturating_mul(MB));
    asked.or_else(|| allowed_bytes().map(|bytes| bytes / 10 * 8)).unwrap_or(usize::MAX)
}

/// Refuses a network whose weights alone need more than `most` bytes to be trained, before they are there.
pub fn check_least_memory(config: &Config, most: usize) -> Result<(), Failure> {
    let least = least_bytes(config);
    if least <= most {
        return Ok(());
    }
    let (widths, least, most) = (&config.model.widths, least / MB, most / MB);
    Err(Failure::new(format!(
        "--max-memory: expected a run of at most {most} MB, found a network of widths {widths:?}, whose weights \
         alone need {least} MB or more to be trained"
    )))
}

/// A size as people write it, `HxW`, as `[height, width]`.
pub fn size(text: &str) -> Result<[usize; 2], String> {
    let refuse = || format!("expected HEIGHTxWIDTH, as 180x240, found {text:?}");
    let (height, width) = text.split_once(['x', 'X']).ok_or_else(refuse)?;
    let side = |side: &str| side.parse().ok().filter(|&n| n > 0).ok_or_else(refuse);
    Ok([side(height)?, side(width)?])
}

/// One number for both axes, or two, as `2` or `2x1`: `[vertical, horizontal]`.
pub fn pair(text: &str) -> Result<[usize; 2], String> {
    let refuse = || format!("expected a number or two, as 2 or 2x1, found {text:?}");
    let number = |text: &str| text.parse().map_err(|_| refuse());
    match text.split_once(['x', 'X']) {
        Some((y, x)) => Ok([number(y)?, number(x)?]),
        None => number(text).map(|n| [n, n]),
    }
}

/// The trained network at `path`, see [`Predictor::read`]; what there is to say of it is said.
pub fn predictor(path: &Path) -> Result<Predictor, RunError> {
    let predictor = Predictor::read(path)?;
    predictor.notice().into_iter().for_each(|notice| say::aside(one_line(notice)));
    Ok(predictor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_word_four_fifths_of_the_allowed_memory_may_be_needed() {
        assert_eq!(most_bytes(Some(3)), 3_000_000);
        assert_eq!(most_bytes(Some(usize::MAX)), usize::MAX);
        // Where the system tells; the machine's whole memory is needed by no process.
        let most = most_bytes(None);
        let allowed = allowed_bytes().unwrap_or(usize::MAX);
        assert!(
            most == allowed || (0.79..=0.8).contains(&(most as f64 / allowed as f64)),
            "{most}"
        );
    }
}
