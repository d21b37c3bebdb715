//! How much memory a command may need.

use crate::Failure;
use mirrorgrad_train::{Config, allowed_bytes, least_bytes, resident_bytes};

/// Bytes in the megabyte that options and messages count memory in.
pub const MB: usize = 1_000_000;

/// What a process may hold, and what it held before it began.
#[derive(Clone, Copy)]
pub struct Room {
    /// Bytes that it may need.
    pub most: usize,
    /// Bytes that it held.
    pub program: usize,
}

impl Room {
    /// Of so many megabytes at most, or as many as are allowed.
    pub fn now(max_memory: Option<usize>) -> Self {
        Self { most: most_bytes(max_memory), program: resident_bytes().unwrap_or_default() }
    }

    /// Refuses a network whose weights alone need more to be trained, before they are there.
    pub fn check_least(self, config: &Config) -> Result<(), Failure> {
        let least = least_bytes(config);
        if least <= self.most {
            return Ok(());
        }
        let (widths, least, most) = (&config.model.widths, least / MB, self.most / MB);
        Err(Failure::new(format!(
            "--max-memory: expected a run of at most {most} MB, found a network of widths {widths:?}, whose weights \
             alone need {least} MB or more to be trained"
        )))
    }
}

/// The bytes that a process may need: so many megabytes, or four fifths of what it may come to hold.
fn most_bytes(max_memory: Option<usize>) -> usize {
    let asked = max_memory.map(|most| most.saturating_mul(MB));
    asked.or_else(|| allowed_bytes().map(|bytes| bytes / 10 * 8)).unwrap_or(usize::MAX)
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
