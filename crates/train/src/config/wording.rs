//! What the reader of TOML finds wrong with a value, told as everything else is: what was expected, what came.

/// The words for one of serde's messages; any other message as it is.
pub fn in_words(message: &str) -> String {
    let unfit = ["invalid type: ", "invalid value: "];
    let unfit = unfit.iter().find_map(|start| message.strip_prefix(start));
    if let Some((found, expected)) = unfit.and_then(|unfit| unfit.rsplit_once(", expected ")) {
        return format!("expected {}, found {}", kind(expected), value(found));
    }
    let length = message.strip_prefix("invalid length ");
    match length.and_then(|length| length.split_once(", expected an array of length ")) {
        Some((found, expected)) => format!("expected {expected} values, found {found}"),
        None => message.to_owned(),
    }
}

/// What serde calls by Rust's name, or by its own.
fn kind(expected: &str) -> &str {
    match expected {
        "u8" => "a whole number from 0 to 255",
        "u64" | "usize" => "a whole number from 0 to 9223372036854775807",
        "f64" => "a number",
        "a boolean" => "true or false",
        "a string" | "path string" => "a text",
        "a sequence" => "a list",
        named if named.starts_with("struct ") => "settings by their keys",
        named => named,
    }
}

/// A value without the name of its type: "integer `-1`" is -1.
fn value(found: &str) -> &str {
    let value = found.split_once('`').and_then(|(_, value)| value.strip_suffix('`'));
    match found {
        "sequence" => "a list",
        "map" => "settings by their keys",
        _ => value.or(found.strip_prefix("string ")).unwrap_or(found),
    }
}
