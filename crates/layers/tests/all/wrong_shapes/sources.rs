//! The public functions of a crate, found in its source.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Modules whose items are reached by the module's name, not by a `pub use`.
const OPEN: [&str; 4] = ["check.rs", "record.rs", "weights.rs", "optim.rs"];

/// As `function` or `Type::function`; the `forward` of modules among them.
pub fn public_functions(krate: &str) -> BTreeSet<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(krate).join("src");
    let texts: Vec<(PathBuf, String)> =
        files(&source).into_iter().map(|path| (path.clone(), text(&path))).collect();
    let exported: BTreeSet<&str> = texts
        .iter()
        .flat_map(|(_, text)| text.split("pub use ").skip(1))
        .filter_map(|rest| rest.split(';').next())
        .flat_map(|names| names.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .collect();
    let mut found = BTreeSet::new();
    for (path, text) in &texts {
        let open = OPEN.iter().any(|name| path.ends_with(name));
        let (mut owner, mut module) = (String::new(), false);
        for line in text.lines().take_while(|line| !line.starts_with("#[cfg(test)]")) {
            if line.starts_with("impl") {
                (owner, module) = (implemented(line), line.contains(" Module<"));
            }
            let public = |line: &str| {
                let rest = line.strip_prefix("pub fn ").or(line.strip_prefix("pub const fn "));
                rest.and_then(|rest| rest.split(['(', '<']).next()).map(str::to_owned)
            };
            let forward =
                || (module && line.starts_with("    fn forward(")).then(|| "forward".into());
            match (public(line), line.strip_prefix("    ").and_then(public).or_else(forward)) {
                (Some(name), _) if open || exported.contains(&*name) => {
                    found.insert(name);
                }
                (_, Some(name)) if open || exported.contains(&*owner) => {
                    found.insert(format!("{owner}::{name}"));
                }
                _ => {}
            }
        }
    }
    found
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).expect("a source can be read")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of sources can be read");
    let paths = entries.map(|entry| entry.expect("an entry can be read").path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// The type that an `impl` line is for.
fn implemented(line: &str) -> String {
    let mut depth = 0;
    let plain: String = line
        .chars()
        .filter(|&c| {
            depth += i32::from(c == '<') - i32::from(c == '>');
            depth == 0 && c != '>' && c != '{'
        })
        .collect();
    plain.split_whitespace().last().expect("something is implemented for a type").to_owned()
}
