//! What fuzzers began with and what they found: nothing of it breaks anything any more.

use mirrorgrad_fuzz::TARGETS;
use std::fs;
use std::path::{Path, PathBuf};

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("crates/fuzz/corpus")
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

#[test]
fn every_file_of_the_corpus_is_taken_or_refused_in_order() {
    for (name, target) in TARGETS {
        let files = entries(&corpus().join(name));
        assert!(files.len() >= 2, "{name} has {} seeds", files.len());
        for path in files {
            let bytes = fs::read(&path).unwrap();
            let outcome = std::panic::catch_unwind(|| target(&bytes));
            assert!(outcome.is_ok(), "{} breaks {name}", path.display());
        }
    }
}

#[test]
fn every_corpus_has_its_target() {
    let names: Vec<_> = TARGETS.iter().map(|(name, _)| corpus().join(name)).collect();
    assert_eq!(entries(&corpus()), names);
}
