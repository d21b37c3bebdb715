//! Names in messages. A file may hold a million of them, or one of a million letters.

/// Names that a list shows.
const NAMES: usize = 8;
/// Letters that a name shows.
const LETTERS: usize = 80;

/// The first names of a list, and how many more there are.
///
/// ```
/// # use mirrorgrad_layers::weights::few;
/// let names: Vec<String> = (0..1000).map(|i| format!("{i}")).collect();
/// assert_eq!(few(&names[..2]), r#"["0", "1"]"#);
/// assert!(few(&names).ends_with(r#""7"] and 992 more"#));
/// ```
pub fn few(names: &[String]) -> String {
    let shown: Vec<String> = names.iter().take(NAMES).map(|name| short(name)).collect();
    match names.len().saturating_sub(NAMES) {
        0 => format!("{shown:?}"),
        more => format!("{shown:?} and {more} more"),
    }
}

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
