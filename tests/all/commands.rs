//! Every command that the README and the pages of `docs/` give is run, in a folder that has small drawn data of the
//! names that it asks for, and what it makes is looked at.
//!
//! `train` is made short by [`place::SHORT`]: single keys go over everything else, as `docs/configuration.md` says, so that
//! all that a page asks for is read and checked as it stands. What builds the project or needs other programs is not
//! run here but by `.ci/run`, or has its options looked up.

mod lines;
mod look;
mod place;

use lines::{Line, commands, ours};
use place::Place;
use std::fs;
use std::path::Path;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Looks at a command that builds the project, or that needs what is not here.
fn look_up(words: &[String]) {
    let ci = text(&root().join(".ci/run"));
    let line = words.join(" ");
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["python3", script, ref options @ ..] => {
            let script = text(&root().join(script));
            let own = options.iter().take_while(|&&word| word != "--");
            for option in own.filter(|word| word.starts_with("--")) {
                assert!(
                    script.contains(&format!("\"{option}\""))
                        || script.contains("parse_known_args"),
                    "{line}: no {option}"
                );
            }
        }
        ["cargo", "run", "--release", "--example", example] => {
            assert!(ci.contains(example), "{line} is not run by .ci/run");
            assert!(root().join("examples").join(example).with_extension("rs").is_file());
        }
        ["cargo", "doc", ref flags @ ..] => {
            let run = ci.lines().find(|line| line.contains("cargo doc")).unwrap();
            for flag in flags.iter().filter(|&&flag| flag != "--open") {
                assert!(run.contains(flag), "{line}: .ci/run does without {flag}");
            }
            assert!(flags.contains(&"--workspace"), "{line} writes the pages of one crate");
        }
        ["cargo", "test", "-p", package, "--test", "all", module, ..] => {
            let package = package.trim_start_matches("mirrorgrad-");
            let file = format!("crates/{package}/tests/all/{}.rs", module.trim_end_matches("::"));
            assert!(root().join(file).is_file(), "{line}");
        }
        ["cargo", "build", "--release"] => assert!(ci.contains("cargo run --release"), "{line}"),
        ["cargo", "build", "--release", "--features", feature] => {
            let features = text(&root().join("Cargo.toml"));
            assert!(features.contains(&format!("\n{feature} = [")), "{line}: no such feature");
        }
        // The first of its processes is run, by itself.
        ["mpirun", ..] => assert!(words.contains(&"target/release/mirrorgrad"), "{line}"),
        ["cargo", "test", "--workspace"] | ["mdbook", "build", "docs"] => {
            assert!(ci.contains(&line), "{line} is not run by .ci/run");
        }
        _ => panic!("`{line}` is run by nothing"),
    }
}

/// Does what a page tells its reader to do, in a place of its own; how many commands of ours it has.
fn follow(page: &Path) -> usize {
    let place = Place(tempfile::tempdir().unwrap());
    let mut run = 0;
    for Line { words, faulty } in commands(&text(page)) {
        match ours(&words) {
            Some(words) => {
                place.run(words, faulty);
                run += 1;
            }
            None => look_up(&words),
        }
        // What a script is told to run is run, too.
        if let Some(start) = words.iter().position(|word| word == "target/release/mirrorgrad") {
            place.run(&words[start + 1..], false);
            run += 1;
        }
    }
    run
}

#[test]
fn what_the_readme_tells_its_reader_to_run_makes_what_it_says() {
    assert!(follow(&root().join("README.md")) >= 13);
}

#[test]
fn what_the_pages_of_the_docs_tell_their_reader_to_run_makes_what_they_say() {
    let pages = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    let pages = pages.filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let run: usize = pages.map(|page| follow(&page)).sum();
    assert!(run >= 25, "{run}");
}
