//! What the pages of `docs/` show of the command is what it says: each `console` block is run again.

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
