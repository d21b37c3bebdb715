//! What the pages of `docs/` show of the command is what it says: each `console` block is run again. What the
//! libraries export shows an example.

use mirrorgrad::train::Config;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The commands of a page and what it shows of each.
fn blocks(page: &str) -> Vec<(Vec<String>, String)> {
    let fences = page.split("```console\n").skip(1);
    let block = |text: &str| {
        let block = text.split_once("\n```").expect("a fence ends").0;
        let (command, shown) = block.split_once('\n').unwrap_or((block, ""));
        let words = command.strip_prefix("$ mirrorgrad ").expect("a block begins with its command");
        (words.split_whitespace().map(String::from).collect(), shown.to_string())
    };
    fences.map(block).collect()
}

#[test]
fn every_console_block_of_the_docs_is_what_the_command_says() {
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let mut run = 0;
    for entry in fs::read_dir(docs).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "md") {
            continue;
        }
        for (words, shown) in blocks(&fs::read_to_string(&path).unwrap()) {
            let output =
                Command::new(env!("CARGO_BIN_EXE_mirrorgrad")).args(&words).output().unwrap();
            let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
            assert_eq!(said.trim_end(), shown.trim_end(), "{}: {words:?}", path.display());
            run += 1;
        }
    }
    assert!(run >= 5, "{run}");
}

/// The TOML of the page on settings, keys without a default among it if `all`.
fn settings(all: bool) -> String {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/configuration.md");
    let page = fs::read_to_string(page).unwrap();
    let block = page.split_once("```toml\n").unwrap().1.split_once("```").unwrap().0;
    let marks = if all { "" } else { "#" };
    block.replace("#: ", marks)
}

fn keys(table: &toml::Table) -> Vec<String> {
    let within = |(name, value): (&String, &toml::Value)| match value {
        toml::Value::Table(inner) => {
            keys(inner).into_iter().map(|key| format!("{name}.{key}")).collect()
        }
        _ => vec![name.clone()],
    };
    table.iter().flat_map(within).collect()
}

#[test]
fn the_page_on_settings_shows_every_key_and_its_default() {
    let defaults = Config::default();
    assert_eq!(toml::from_str::<Config>(&settings(false)).unwrap(), defaults);
    let shown = toml::from_str::<toml::Table>(&settings(true)).unwrap();
    // Every key is one that there is, and each that there is can be told from a full configuration.
    let full = toml::from_str::<Config>(&settings(true)).unwrap();
    assert_eq!(keys(&toml::Table::try_from(&full).unwrap()), keys(&shown));
    // A run's split is kept in its folder and is no setting.
    let mut full = full;
    full.data.folder.split = Some(mirrorgrad::data::SplitFiles::default());
    let without = format!("{full:?}");
    assert!(!without.contains("None"), "a key that the page leaves out: {without}");
}

/// The strings in sources of a library, without its comments and its tests.
fn strings(part: &str) -> Vec<String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates").join(part).join("src");
    let mut strings = Vec::new();
    for file in sources(&source).into_iter().filter(|file| file.extension().unwrap() == "rs") {
        let text = fs::read_to_string(file).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
        let code = lines.collect::<Vec<_>>().join("\n").replace("\\\"", "");
        strings.extend(code.split('"').skip(1).step_by(2).map(str::to_owned));
    }
    strings
}

#[test]
fn libraries_name_settings_by_keys_that_there_are_and_never_by_options() {
    let full = keys(&toml::from_str(&settings(true)).unwrap());
    let mut named = BTreeSet::new();
    for part in ["data", "train"] {
        for text in strings(part) {
            let option = |word: &str| {
                let name = word.strip_prefix("--").unwrap_or_default();
                name.starts_with(|c: char| c.is_ascii_lowercase())
            };
            assert!(!text.split_whitespace().any(option), "{part}: {text:?}");
            let is_key =
                ["data.", "model.", "training."].iter().any(|start| text.starts_with(start))
                    && text.bytes().all(|c| c.is_ascii_lowercase() || b"._".contains(&c));
            if is_key && !text.ends_with("safetensors") {
                assert!(full.contains(&text), "{part} names {text}, which is no key");
                named.insert(text);
            }
        }
    }
    assert!(named.len() > 40, "{named:?}");
}

/// The files below a folder of sources.
fn sources(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] }).collect()
}

/// The name that a line of source gives to a public item, if it does.
fn named(line: &str) -> Option<String> {
    let item = line.strip_prefix("pub ")?.replacen("const fn", "fn", 1);
    let (kind, name) = item.split_once(' ')?;
    let kinds = ["struct", "enum", "trait", "fn", "type", "const"];
    let name = name.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    kinds.contains(&kind).then(|| name.to_owned())
}

/// The names that a crate's public modules, of which `file` is one, define or export.
fn exported(file: &Path, names: &mut BTreeSet<String>) {
    let text = fs::read_to_string(file).unwrap();
    names.extend(text.lines().filter_map(named));
    for used in text.split("\npub use ").skip(1).map(|rest| rest.split_once(';').unwrap().0) {
        // What is of another crate is shown where it is defined.
        if used.starts_with("mirrorgrad_") {
            continue;
        }
        let list = used.rsplit_once("::").map_or(used, |(path, last)| match path.split_once('{') {
            Some(_) => panic!("{}: nested lists are not read: {used}", file.display()),
            None => last,
        });
        let parts = list.trim_matches(['{', '}']).split(',').map(str::trim);
        names.extend(parts.filter(|part| !part.is_empty()).map(String::from));
    }
    // ONNX's own messages, of which the module has an example, and what is shown where it is defined.
    for module in text.lines().filter_map(|line| line.strip_prefix("pub mod ")) {
        let Some(module) =
            module.strip_suffix(';').filter(|module| !["proto", "prelude"].contains(module))
        else {
            continue;
        };
        let within = match file.file_stem().unwrap().to_str().unwrap() {
            "lib" => file.with_file_name(""),
            stem => file.with_file_name(stem),
        };
        exported(&within.join(module).with_extension("rs"), names);
    }
}

#[test]
fn every_public_item_of_every_library_shows_an_example() {
    let mut looked_at = 0;
    for part in ["tensor", "autograd", "layers", "data", "train", "onnx", "study", "report"] {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("crates").join(part).join("src");
        let mut names = BTreeSet::new();
        exported(&source.join("lib.rs"), &mut names);
        // Whether each definition has a fence in its comment. Of two of one name, each must.
        let mut shown: BTreeMap<String, bool> = BTreeMap::new();
        for file in sources(&source) {
            let text = fs::read_to_string(&file).unwrap();
            let mut fenced = false;
            for line in text.lines() {
                match named(line) {
                    Some(name) => {
                        *shown.entry(name).or_insert(true) &= fenced;
                        fenced = false;
                    }
                    None if line.starts_with("/// ```") => fenced = true,
                    None if line.is_empty() => fenced = false,
                    None => {}
                }
            }
        }
        looked_at += names.len();
        let lacking: Vec<_> = names.iter().filter(|&name| shown.get(name) != Some(&true)).collect();
        assert!(lacking.is_empty(), "{part}: {lacking:?}");
    }
    assert!(looked_at > 200, "{looked_at}");
}
