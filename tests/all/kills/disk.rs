//! Disks that are full or may not be written to: one line that names the file, and nothing is lost.

use super::run::{Run, Unbroken};
use super::{LONG_RUN, tells};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

/// Runs a script, whose `"$@"` is the command that begins or goes on with the run.
fn sh(shell: &[&str], script: &str, run: &Run) -> Output {
    let mut command = Command::new(shell[0]);
    command.args(&shell[1..]).args(["-c", script, "sh"]);
    command.arg(env!("CARGO_BIN_EXE_mirrorgrad")).args(run.args()).output().unwrap()
}

#[track_caller]
fn assert_names_a_file(err: &str, says: &str) {
    let line = err.trim_end();
    assert_eq!(line.lines().count(), 1, "{err}");
    assert!(line.starts_with("mirrorgrad: ") && line.contains("/run/"), "{err}");
    assert!(line.contains(&format!("cannot be written: {says}")), "{err}");
}

fn size(run: &Run, name: &str) -> u64 {
    fs::metadata(run.path().join(name)).unwrap().len()
}

#[test]
fn a_limit_on_the_size_of_files_is_told_of_and_loses_nothing() {
    let unbroken = Unbroken::of(LONG_RUN);
    let mut run = Run::new(&unbroken);
    run.finish();
    // Checkpoints grow with their history; the last ones are beyond this, in blocks of 512 bytes.
    let blocks = size(&run, "last.ckpt") / 512 - 1;
    run = Run::new(&unbroken);
    let output = sh(&["sh"], &format!("ulimit -f {blocks}; exec \"$@\""), &run);
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{err}");
    assert_names_a_file(&err, "File too large");
    assert!(run.has_begun());
    run.finish();
    run.assert_is(&unbroken);
}

/// On a disk of its own, `LOG` outside of it: too small for the whole run, then large enough but not to
/// be written to, then as it should be.
const DISKS: &str = r#"
set -u
mount -t tmpfs -o size="$SIZE" none "$PLACE" || exit 77
"$@" 2> "$LOG/full"; echo $? > "$LOG/codes"
mount -o remount,size=16m "$PLACE" || exit 77
mount -o remount,ro "$PLACE" || exit 77
"$1" train --resume --out "$PLACE/run" 2> "$LOG/only-read"; echo $? >> "$LOG/codes"
mount -o remount,rw "$PLACE" || exit 77
"$1" train --resume --out "$PLACE/run" 2> "$LOG/good"; echo $? >> "$LOG/codes"
cp -r "$PLACE/run" "$LOG/run"
"#;

#[test]
fn a_full_disk_and_one_to_read_only_are_told_of_and_lose_nothing() {
    let unbroken = Unbroken::of(LONG_RUN);
    let mut run = Run::new(&unbroken);
    run.finish();
    let pages = |name| size(&run, name).div_ceil(4096);
    let others = ["config.toml", "metrics.jsonl", "model.safetensors", "best.ckpt", "prev.ckpt"];
    // The last checkpoint and the one that is to replace it; two pages are missing.
    let pages = others.map(pages).iter().sum::<u64>() + 2 * pages("last.ckpt") - 2;
    let run = Run::new(&unbroken);
    let log = tempfile::tempdir().unwrap();
    let set = |name, value: &Path| format!("{name}='{}'\n", value.display());
    let places = set("PLACE", run.place()) + &set("LOG", log.path());
    let script = format!("{places}SIZE={}k\n{DISKS}", 4 * pages);
    let output = sh(&["unshare", "--map-root-user", "--mount", "sh"], &script, &run);
    let read = |name| fs::read_to_string(log.path().join(name)).unwrap_or_default();
    if !log.path().join("codes").exists() || output.status.code() == Some(77) {
        println!("left out: nothing can be mounted here: {output:?}");
        return;
    }
    assert_names_a_file(&read("full"), "No space left on device");
    assert_names_a_file(&read("only-read"), "Read-only file system");
    assert_eq!((read("codes").as_str(), read("good").as_str()), ("1\n1\n0\n", ""));
    fs::rename(log.path().join("run"), run.path()).unwrap();
    run.assert_is(&unbroken);
    tells(format!("a run on a disk of {pages} pages, and on one to read only"));
}
