//! The system calls of a run, by `strace`, and failures put in their place.

use super::{Run, is_long};
use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::process::Command;

/// Calls that change files, and the opening of files.
const CALLS: &str =
    "openat,write,fsync,fdatasync,link,linkat,rename,renameat,renameat2,unlink,unlinkat";

/// A call on the run's folder or what is in it.
#[derive(Clone, Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// Its arguments as they were printed, descriptors with their paths.
    pub args: String,
    /// Which of its thread's calls of this name it is, counted from 1.
    pub nth: usize,
    /// The step in the header of the checkpoint that it writes.
    pub step: Option<u64>,
}

/// What a run did to its folder, in order.
pub struct Trace {
    pub calls: Vec<Call>,
    /// What the command said was wrong.
    pub err: String,
    /// What it ended with.
    pub code: Option<i32>,
}

impl Trace {
    /// Traces a run, with `inject` in place of a call. Nothing where nobody can be traced, which the
    /// long form does not put up with.
    pub fn of(run: &Run, inject: Option<&str>) -> Option<Self> {
        let log = run.place().join("trace");
        let mut strace = Command::new("strace");
        // Of what is written, as much as tells a checkpoint's step.
        strace.args(["-f", "-y", "-x", "-s", "28", "-o"]).arg(&log);
        strace.args(["-e", &format!("trace={CALLS}"), "-e", "signal=none"]);
        strace.args(inject.iter().flat_map(|what| ["-e".to_owned(), format!("inject={what}")]));
        strace.arg(env!("CARGO_BIN_EXE_mirrorgrad")).args(run.args());
        let output = strace.output();
        let text = fs::read_to_string(log).unwrap_or_default();
        let calls = calls(&text, &run.path().display().to_string());
        match output {
            Ok(output) if !calls.is_empty() => {
                let err = String::from_utf8(output.stderr).unwrap();
                Some(Self { calls, err, code: output.status.code() })
            }
            other => {
                assert!(!is_long(), "expected strace, and that it may trace, found {other:?}");
                println!("left out: strace is not here or may not trace");
                None
            }
        }
    }

    /// The step of the checkpoint that is written in one of the [`saves`](Self::saves).
    pub fn step_of(&self, save: &RangeInclusive<usize>) -> u64 {
        self.calls[save.clone()].iter().find_map(|call| call.step).unwrap()
    }

    /// For each time that the last checkpoint was replaced, the calls from the one after the opening
    /// of its temporary file to the sync of the folder.
    pub fn saves(&self) -> Vec<RangeInclusive<usize>> {
        let is_save = |call: &Call| call.name == "renameat" && call.args.ends_with("\"last.ckpt\"");
        let renamed = self.calls.iter().enumerate().filter(|(_, call)| is_save(call));
        let save = |(at, _): (usize, &Call)| {
            let opens =
                |call: &Call| call.args.contains("O_TMPFILE") || call.args.contains("O_EXCL");
            let opened = self.calls[..at].iter().rposition(opens).unwrap();
            opened + 1..=at + 1
        };
        renamed.map(save).collect()
    }
}

/// The calls of a log of `strace -f` that mention the folder.
fn calls(log: &str, folder: &str) -> Vec<Call> {
    let mut counts = BTreeMap::<(&str, &str), usize>::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let Some((thread, call)) = line.split_once(' ') else { continue };
        let Some((name, rest)) = call.trim_start().split_once('(') else { continue };
        if !name.bytes().all(|c| c.is_ascii_alphanumeric()) {
            continue;
        }
        let nth = counts.entry((thread, name)).or_default();
        *nth += 1;
        let args = rest.split(" <unfinished").next().unwrap_or_default();
        let args = args.rsplit_once(") ").map_or(args, |(args, _)| args);
        let opens_new = args.contains("O_TMPFILE") || args.contains("O_EXCL");
        if args.contains(folder) && (name != "openat" || opens_new) {
            let (name, args, step) = (name.to_owned(), args.to_owned(), step(args));
            calls.push(Call { name, args, nth: *nth, step });
        }
    }
    calls
}

/// The step in a checkpoint's header, whose bytes are printed as `\x89\x4d…`.
fn step(args: &str) -> Option<u64> {
    let (_, text) = args.split_once("\"\\x89\\x4d\\x49\\x52\\x47\\x52\\x44\\x0a")?;
    let bytes = text.split('"').next()?.split("\\x").skip(1);
    let byte = |text| u64::from_str_radix(text, 16).ok();
    // Format, codec, flags and length are 12 bytes of the 20 before it, less the magic's 8.
    let step: Vec<_> = bytes.skip(12).map(byte).collect::<Option<_>>()?;
    Some(step.iter().rev().fold(0, |number, byte| number << 8 | byte))
}
