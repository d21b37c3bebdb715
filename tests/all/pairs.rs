//! Pairs of settings, drawn from all keys of a configuration and from the ends of their values: a run that is
//! refused is refused in one line and before its folder is made; one that begins trains, goes on from a checkpoint
//! to the same bits, and is measured, predicted with and exported.
//!
//! `MIRRORGRAD_PAIRS=2000 cargo test --test all pairs::` draws more of them, and `MIRRORGRAD_PAIR=17` one alone.

mod data;
mod draw;

use data::Place;
use draw::Draw;
use rayon::prelude::*;
use std::fs;
use std::path::Path;
use std::process::Command;

/// Pairs that are drawn unless more are asked for.
const PAIRS: u64 = 200;

/// Runs the command in `place`: its exit code, and what it said on standard error.
fn run(place: &Path, words: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
    let output = command.args(words).args(["--threads", "1"]).current_dir(place).output().unwrap();
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

/// Does all that is done with a draw. Whether it was a run; what is wrong with it otherwise.
fn follow(draw: &Draw, at: &Place) -> Result<bool, String> {
    let place = tempfile::tempdir().unwrap();
    let sets = draw.sets.iter().flat_map(|set| ["--set", set]);
    let train: Vec<&str> = ["train", "--out", "run"].into_iter().chain(sets).collect();
    let (code, said) = run(place.path(), &train);
    let folder = place.path().join("run");
    if matches!(code, Some(1 | 2)) {
        return match (said.lines().count(), said.starts_with("mirrorgrad: "), folder.exists()) {
            (1, true, false) => Ok(false),
            (_, _, true) => Err(format!("it was refused after its folder was made: {said}")),
            _ => Err(format!("it was not refused in one line: {said}")),
        };
    }
    let must = |what: &str, (code, said): (Option<i32>, String)| match code {
        Some(0) => Ok(()),
        _ => Err(format!("{what} ended with {code:?}: {said}")),
    };
    must("train", (code, said))?;
    // As if the run had ended before its last checkpoint.
    let weights = fs::read(folder.join("model.safetensors")).unwrap();
    fs::rename(folder.join("prev.ckpt"), folder.join("last.ckpt")).unwrap();
    must("train --resume", run(place.path(), &["train", "--resume", "--out", "run"]))?;
    if fs::read(folder.join("model.safetensors")).unwrap() != weights {
        return Err("the run that went on came to other weights".to_owned());
    }
    must("eval", run(place.path(), &["eval", "run"]))?;
    let photo = at.photo();
    must("predict", run(place.path(), &["predict", "run", &photo, "--out", "masks"]))?;
    for network in ["network.onnx", "network.npz"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_mirrorgrad"));
        let output = command.args(["export", "run", network]).current_dir(place.path()).output();
        let output = output.unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        must(&format!("export {network}"), (output.status.code(), said))?;
    }
    Ok(true)
}

fn asked(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}: expected a number, found {text:?}")))
}

#[test]
fn every_pair_of_settings_is_refused_before_it_begins_or_goes_all_the_way() {
    let at = Place::new();
    let numbers = match asked("MIRRORGRAD_PAIR") {
        Some(number) => number..number + 1,
        None => 0..asked("MIRRORGRAD_PAIRS").unwrap_or(PAIRS),
    };
    let results: Vec<(u64, Result<bool, String>)> = numbers
        .into_par_iter()
        .map(|number| {
            let draw = Draw::new(number, &at);
            let told = |why| {
                let sets = draw.sets.iter().map(|set| format!(" --set '{set}'"));
                let line: String = sets.collect();
                format!(
                    "pair {number}: {why}\n  again: MIRRORGRAD_PAIR={number} cargo test --test all pairs::\n  \
                     as: mirrorgrad train --out run{line}"
                )
            };
            (number, follow(&draw, &at).map_err(told))
        })
        .collect();
    let faults: Vec<&str> = results
        .iter()
        .filter_map(|(_, result)| result.as_ref().err().map(String::as_str))
        .collect();
    assert!(faults.is_empty(), "{} of {}:\n{}", faults.len(), results.len(), faults.join("\n"));
    // Both ends are met often, or nothing is shown.
    let ran = results.iter().filter(|(_, result)| *result == Ok(true)).count();
    let refused = results.len() - ran;
    println!("{ran} runs went all the way, {refused} were refused");
    assert!(
        results.len() == 1 || (3 * ran > refused && 5 * refused > ran),
        "{ran} ran, {refused} did not"
    );
}
