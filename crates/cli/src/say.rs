//! What the command says. Words that nobody reads any more are no reason to stop working.

use crate::Failure;
use mirrorgrad_data::is_hidden;
use std::fmt::Display;
use std::io::{self, ErrorKind, Write};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether another process speaks for this one.
static MUTE: AtomicBool = AtomicBool::new(false);

/// Says nothing more but failures.
#[cfg(feature = "mpi")]
pub fn mute() {
    MUTE.store(true, Ordering::Relaxed);
}

/// Whether another process speaks for this one.
pub fn is_mute() -> bool {
    MUTE.load(Ordering::Relaxed)
}

/// Writes a line, or several, to standard output; a reader that has gone is no failure.
pub fn line(text: impl Display) -> Result<(), Failure> {
    if is_mute() {
        return Ok(());
    }
    result(writeln!(io::stdout().lock(), "{}", visible(&text.to_string())))
}

/// `text` with its hidden characters but line breaks escaped, as JSON has them: what is JSON stays so, and means
/// the same.
fn visible(text: &str) -> String {
    let mut visible = String::with_capacity(text.len());
    for c in text.chars() {
        if c != '\n' && is_hidden(c) {
            visible.push_str(&format!("\\u{:04x}", u32::from(c)));
        } else {
            visible.push(c);
        }
    }
    visible
}

/// What writing to standard output came to.
pub fn result(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::new(format!("standard output: cannot be written: {error}")))
        }
        _ => Ok(()),
    }
}

/// The first line of progress that could not be told, and why.
static UNTOLD: OnceLock<Failure> = OnceLock::new();

/// Tells how work goes on, which goes on whether or not it can be told. What could not be is a failure in the
/// end, see [`check_told`].
pub fn progress(text: impl Display) {
    if let Err(failure) = line(text) {
        // One is enough.
        let _ = UNTOLD.set(failure);
    }
}

/// Refuses to call work done of which not all could be told.
pub fn check_told() -> Result<(), Failure> {
    UNTOLD.get().map_or(Ok(()), |failure| Err(failure.clone()))
}

/// Writes a line to standard error. Whoever closed it cannot be told.
pub fn aside(text: impl Display) {
    if !is_mute() {
        failure(text);
    }
}

/// As [`aside`], also where another process speaks for this one.
pub fn failure(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{}", visible(&text.to_string()));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_json_means_the_same_and_shows_all_of_itself() {
        let all: String = (0..=0x2100).filter_map(char::from_u32).collect();
        let json = serde_json::to_string(&all).unwrap();
        let told = visible(&json);
        assert_eq!(told.chars().find(|&c| is_hidden(c)), None);
        assert_eq!(serde_json::from_str::<String>(&told).unwrap(), all);
        assert_eq!(
            visible("two\nlines, \u{9b}31m and \u{202e}"),
            "two\nlines, \\u009b31m and \\u202e"
        );
    }
}
