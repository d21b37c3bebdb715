//! Names in messages: a file may hold one of a million letters.

/// Letters that a name shows.
const LETTERS: usize = 80;

/// The beginning of a text, with a sign where it was cut.
///
/// ```
/// # use mirrorgrad_layers::weights::short;
/// assert_eq!(short("conv1.weight"), "conv1.weight");
/// assert_eq!(short(&"w".repeat(1000)).chars().count(), 81);
/// ```
pub fn short(text: &str) -> String {
    match text.char_indices().nth(LETTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
