//! Whatever ends a run, at whatever instant, it loses what it did since its last checkpoint and nothing
//! else: real processes are killed, interrupted and refused the disk, and go on to the same bits.
//!
//! `MIRRORGRAD_KILLS=long` asks for more of each, and for `strace`, without which no end can be put at a
//! chosen system call.

#![cfg(target_os = "linux")]

mod disk;
mod run;
mod trace;

use mirrorgrad::train::RunFolder;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use run::{Run, Unbroken};
use std::time::Duration;
use trace::{Call, Trace};

/// Epochs of the runs that are ended at random, and at a chosen call.
const LONG_RUN: usize = 12;
const SHORT_RUN: usize = 3;

fn is_long() -> bool {
    std::env::var("MIRRORGRAD_KILLS").is_ok_and(|form| form == "long")
}

/// How often something is done: in the long form, or within seconds.
fn times(long: usize, short: usize) -> usize {
    if is_long() { long } else { short }
}

fn tells(text: String) {
    println!("{text}");
}

/// A moment of a run that takes `whole`.
fn moment(rng: &mut ChaCha8Rng, whole: Duration) -> Duration {
    whole.mul_f64(rng.random_range(0.0..1.0))
}

#[test]
fn a_run_that_is_killed_at_random_goes_on_from_a_checkpoint_it_told_of() {
    let unbroken = Unbroken::of(LONG_RUN);
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let (mut kills, mut at_work, mut finished) = (0, 0, 0);
    let mut run = Run::new(&unbroken);
    while kills < times(70, 5) {
        let wait = moment(rng, unbroken.took);
        let Some(told) = run.kill_after(wait) else {
            run.assert_is(&unbroken);
            finished += 1;
            run = Run::new(&unbroken);
            continue;
        };
        kills += 1;
        if !run.has_begun() {
            // Its folder is as good as new: it begins there again.
            assert_eq!(told, 0, "epochs were told of that are in no checkpoint");
            continue;
        }
        at_work += 1;
        let (checkpoint, notice) = RunFolder::open(&run.path()).unwrap().read_last().unwrap();
        assert_eq!(notice, None, "a kill damaged a checkpoint");
        assert!(checkpoint.progress.epoch >= told, "{:?} after {told}", checkpoint.progress);
    }
    run.finish();
    run.assert_is(&unbroken);
    tells(format!("{kills} random kills, {at_work} of runs with a checkpoint, {finished} run out"));
    assert!(at_work > 0);
}

#[test]
fn a_run_that_is_interrupted_again_and_again_is_the_unbroken_one() {
    let unbroken = Unbroken::of(LONG_RUN);
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    let (mut stops, mut finished) = (0, 0);
    let mut run = Run::new(&unbroken);
    let mut steps = 0;
    while stops < times(50, 4) {
        let signal = [("INT", 130), ("TERM", 143)][stops % 2];
        match run.interrupt_after(moment(rng, unbroken.took), signal.0) {
            0 => {
                run.assert_is(&unbroken);
                finished += 1;
                (run, steps) = (Run::new(&unbroken), 0);
            }
            code => {
                assert_eq!(code, signal.1);
                let (checkpoint, notice) =
                    RunFolder::open(&run.path()).unwrap().read_last().unwrap();
                assert_eq!(notice, None);
                assert!(checkpoint.progress.step >= steps, "steps were lost");
                steps = checkpoint.progress.step;
                stops += 1;
            }
        }
    }
    run.finish();
    run.assert_is(&unbroken);
    tells(format!("{stops} stops by Ctrl-C and SIGTERM, {finished} run out"));
}

/// The calls of all saves of the last checkpoint but the first, which has none before it: each from the
/// one after a temporary file's opening to the sync of the folder.
fn calls_of_saves(trace: &Trace) -> Vec<(usize, Call)> {
    let saves = trace.saves();
    assert!(saves.len() > SHORT_RUN, "{} saves", saves.len());
    saves.into_iter().skip(1).flatten().map(|at| (at, trace.calls[at].clone())).collect()
}

/// So many of them, spread out; at least one of each save and of each kind when there are enough.
fn some(calls: Vec<(usize, Call)>, many: usize) -> Vec<(usize, Call)> {
    let step = (calls.len() as f64 / many as f64).max(1.0);
    (0..many.min(calls.len())).map(|i| calls[(i as f64 * step) as usize].clone()).collect()
}

#[test]
fn a_run_that_is_killed_in_any_call_of_a_save_has_the_checkpoint_before_or_this_one() {
    let unbroken = Unbroken::of(SHORT_RUN);
    let Some(trace) = Trace::of(&Run::new(&unbroken), None) else { return };
    let calls = calls_of_saves(&trace);
    let chosen = some(calls.clone(), times(calls.len(), 5));
    let (mut inside, tried) = (0, chosen.len());
    for (at, call) in chosen {
        let mut run = Run::new(&unbroken);
        let what = format!("{}:signal=KILL:when={}", call.name, call.nth);
        let killed = Trace::of(&run, Some(&what)).unwrap();
        let same = |(a, b): (&Call, &Call)| a.name == b.name;
        let until = killed.calls.len() == at + 1;
        inside += usize::from(until && killed.calls.iter().zip(&trace.calls).all(same));
        let (checkpoint, notice) = RunFolder::open(&run.path()).unwrap().read_last().unwrap();
        assert_eq!(notice, None, "{what}");
        // The interval before, or the one that was being written.
        let saves = trace.saves();
        let save = saves.iter().position(|save| save.contains(&at)).unwrap();
        let steps = [save - 1, save].map(|save| trace.step_of(&saves[save]));
        let step = checkpoint.progress.step;
        assert!(steps.contains(&step), "{what}: step {step}, not one of {steps:?}");
        run.finish();
        run.assert_is(&unbroken);
    }
    tells(format!("{tried} kills at chosen calls, {inside} of them between opening and sync"));
    assert_eq!(inside, tried);
}

#[test]
fn a_disk_that_refuses_any_call_of_a_save_is_told_of_and_loses_nothing() {
    let unbroken = Unbroken::of(SHORT_RUN);
    let Some(trace) = Trace::of(&Run::new(&unbroken), None) else { return };
    let save = trace.saves().swap_remove(1);
    let calls: Vec<_> = save.map(|at| (at, trace.calls[at].clone())).collect();
    let chosen = some(calls.clone(), times(calls.len(), 4));
    let tried = chosen.len();
    for (_, call) in chosen {
        let mut run = Run::new(&unbroken);
        let error = if call.name.ends_with("sync") { "EIO" } else { "ENOSPC" };
        let what = format!("{}:error={error}:when={}", call.name, call.nth);
        let refused = Trace::of(&run, Some(&what)).unwrap();
        assert_eq!(refused.code, Some(1), "{what}: {}", refused.err);
        let line = refused.err.trim_end();
        assert!(line.contains(".ckpt: cannot be written: "), "{what}: {line}");
        assert_eq!(line.lines().count(), 1, "{what}: {line}");
        let (_, notice) = RunFolder::open(&run.path()).unwrap().read_last().unwrap();
        assert_eq!(notice, None, "{what}");
        run.finish();
        run.assert_is(&unbroken);
    }
    tells(format!("{tried} refused calls"));
}

#[test]
fn a_file_is_synced_before_it_gets_its_name_and_its_folder_after() {
    let unbroken = Unbroken::of(SHORT_RUN);
    let Some(trace) = Trace::of(&Run::new(&unbroken), None) else { return };
    let (mut unsynced, mut renamed, mut replaced) = (false, None, 0);
    for Call { name, args, .. } in &trace.calls {
        if let Some(file) = renamed.take() {
            assert!(name == "fsync" && args.contains("/run>"), "{name}({args}) after {file}");
            replaced += 1;
        }
        match name.as_str() {
            "write" => unsynced = true,
            // Of the file: the folder's own path ends with its name.
            "fsync" | "fdatasync" if !args.contains("/run>") => unsynced = false,
            "linkat" | "rename" | "renameat" => {
                assert!(!unsynced, "{name}({args}) before the file was synced");
                // The second name of a file that is there is synced with the first of the next.
                if name != "linkat" && !args.contains("prev.ckpt") {
                    renamed = Some(args);
                }
            }
            _ => {}
        }
    }
    // Configuration, first checkpoint, and of each epoch metrics and last checkpoint, at least.
    assert!(replaced >= 2 + 2 * SHORT_RUN, "only {replaced} files");
    assert!(trace.saves().len() > SHORT_RUN, "only {} of them checkpoints", trace.saves().len());
    tells(format!("{replaced} files in the right order"));
}
