//! What the pages of `docs/` show of the command is what it says: each `console` block is run again.

use mirrorgrad::segment::Config;
use std::fs;
use std::path::Path;
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
    let without = format!("{full:?}");
    assert!(!without.contains("None"), "a key that the page leaves out: {without}");
}
