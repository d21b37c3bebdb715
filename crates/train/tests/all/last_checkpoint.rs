//! The last checkpoint of a run and the one before it: whatever happens to one file, or while one is
//! written, there is something to go on from.

use crate::bright;

use mirrorgrad_train::{Checkpoint, RunFolder};
use std::fs;
use std::path::Path;

/// A state after so many steps.
fn state(step: u64) -> Checkpoint {
    let mut state = bright::checkpoint(bright::config());
    state.progress.step = step;
    state
}

/// The folder of a run that has written checkpoints after these steps.
fn run(dir: &Path, steps: impl IntoIterator<Item = u64>) -> RunFolder {
    let folder = RunFolder::create(dir).unwrap();
    steps.into_iter().for_each(|step| folder.write_last(&state(step)).unwrap());
    folder
}

fn step(path: &Path) -> Option<u64> {
    path.exists().then(|| Checkpoint::read(path).unwrap().progress.step)
}

fn damage(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 4;
    fs::write(path, bytes).unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let name = |entry: fs::DirEntry| entry.file_name().into_string().unwrap();
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| name(entry.unwrap())).collect();
    names.sort();
    names
}

#[test]
fn the_last_checkpoint_becomes_the_previous_one() {
    let dir = tempfile::tempdir().unwrap();
    let folder = run(dir.path(), []);
    for (written, prev) in [(0, None), (3, Some(0)), (5, Some(3)), (9, Some(5))] {
        folder.write_last(&state(written)).unwrap();
        assert_eq!((step(&folder.last()), step(&folder.prev())), (Some(written), prev));
        let (read, notice) = folder.read_last().unwrap();
        assert_eq!((read.progress.step, notice), (written, None));
    }
    assert_eq!(names(dir.path()), ["last.ckpt", "prev.ckpt"]);
}

#[test]
fn the_previous_checkpoint_is_taken_and_told_where_the_last_is_bad() {
    let cut = |path: &Path| fs::write(path, &fs::read(path).unwrap()[..50]).unwrap();
    let gone = |path: &Path| fs::remove_file(path).unwrap();
    let cases: [(&dyn Fn(&Path), &str); 3] = [
        (&damage, "last.ckpt: its contents do not match its hash: it is damaged"),
        (&cut, "last.ckpt: expected a checkpoint, found only 50 bytes"),
        (&gone, "last.ckpt: cannot be read: No such file"),
    ];
    for (harm, says) in cases {
        let dir = tempfile::tempdir().unwrap();
        let folder = run(dir.path(), [1, 2]);
        harm(&folder.last());
        let (read, notice) = folder.read_last().unwrap();
        let (notice, prev) = (notice.unwrap(), folder.prev());
        assert_eq!(read.progress.step, 1);
        let notice = notice.to_string();
        assert!(notice.starts_with(&dir.path().display().to_string()), "{notice}");
        let taken = format!("; continuing from {}, saved at step 1", prev.display());
        assert!(notice.contains(says) && notice.ends_with(&taken), "{notice}");
    }
}

#[test]
fn two_bad_checkpoints_are_both_named() {
    let dir = tempfile::tempdir().unwrap();
    let folder = run(dir.path(), [1, 2]);
    damage(&folder.prev());
    fs::remove_file(folder.last()).unwrap();
    let error = folder.read_last().unwrap_err().to_string();
    for part in [
        "expected a checkpoint to continue from",
        "last.ckpt: cannot be read",
        "prev.ckpt: its contents do not match its hash",
    ] {
        assert!(error.contains(part) && error.lines().count() == 1, "{error}");
    }
}

#[test]
fn a_damaged_last_checkpoint_does_not_take_the_place_of_a_good_previous_one() {
    let empty = |path: &Path| fs::write(path, "").unwrap();
    let longer =
        |path: &Path| fs::write(path, [&fs::read(path).unwrap()[..], b"x"].concat()).unwrap();
    for harm in [&damage as &dyn Fn(&Path), &empty, &longer] {
        let dir = tempfile::tempdir().unwrap();
        let folder = run(dir.path(), [1, 2]);
        harm(&folder.last());
        folder.write_last(&state(2)).unwrap();
        assert_eq!((step(&folder.last()), step(&folder.prev())), (Some(2), Some(1)));
    }
}

#[test]
fn a_last_checkpoint_of_an_older_format_is_kept_as_the_previous_one() {
    let dir = tempfile::tempdir().unwrap();
    let folder = run(dir.path(), [1, 2]);
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/checkpoint");
    fs::copy(golden.join("format-1.ckpt"), folder.last()).unwrap();
    folder.write_last(&state(9)).unwrap();
    assert_eq!((step(&folder.last()), step(&folder.prev())), (Some(9), Some(8)));
}

/// A kill between the two names leaves one file with both.
#[test]
fn a_run_that_was_killed_between_the_two_names_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    drop(run(dir.path(), [1, 2]));
    let [last, prev] = ["last.ckpt", "prev.ckpt"].map(|name| dir.path().join(name));
    fs::remove_file(&prev).unwrap();
    fs::hard_link(&last, &prev).unwrap();
    fs::hard_link(&last, dir.path().join(".prev.ckpt.linked")).unwrap();
    let folder = RunFolder::resume(dir.path()).unwrap();
    assert_eq!((step(&last), step(&prev)), (Some(2), Some(2)));
    folder.write_last(&state(3)).unwrap();
    assert_eq!((step(&last), step(&prev)), (Some(3), Some(2)));
    assert_eq!(names(dir.path()), ["last.ckpt", "prev.ckpt"]);
}

#[test]
fn what_a_killed_process_left_half_written_is_removed_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    drop(run(dir.path(), [1]));
    let ours = [".last.ckpt.a1B2c3", ".metrics.jsonl.ABCDEF", ".model.safetensors.000000"];
    let others = [
        ".hidden",
        ".last.ckpt.a1B2c",
        ".last.ckpt.a1B2c34",
        ".last.ckpt.a1B2c-",
        ".notes.txt.a1B2c3",
        "last.ckpt.a1B2c3",
        ".last.ckptxa1B2c3",
    ];
    for name in ours.iter().chain(&others) {
        fs::write(dir.path().join(name), "half").unwrap();
    }
    fs::create_dir(dir.path().join(".best.ckpt.a1B2c3")).unwrap();
    // Who only looks, changes nothing: the run may be at work.
    RunFolder::open(dir.path()).unwrap();
    assert!(ours.iter().all(|name| dir.path().join(name).exists()));
    RunFolder::resume(dir.path()).unwrap();
    let mut left: Vec<_> = others.into_iter().chain([".best.ckpt.a1B2c3", "last.ckpt"]).collect();
    left.sort_unstable();
    assert_eq!(names(dir.path()), left);
}

#[cfg(target_os = "linux")]
#[test]
fn a_run_has_its_folder_to_itself() {
    let dir = tempfile::tempdir().unwrap();
    let folder = run(dir.path(), [1]);
    let error = RunFolder::resume(dir.path()).unwrap_err().to_string();
    assert!(error.ends_with("expected no other process that trains in it, found one"), "{error}");
    // To look at it is no run.
    RunFolder::open(dir.path()).unwrap().read_last().unwrap();
    let second = folder.clone();
    drop(folder);
    RunFolder::resume(dir.path()).unwrap_err();
    drop(second);
    RunFolder::resume(dir.path()).unwrap();
}

#[test]
fn a_folder_that_was_removed_is_named_and_so_is_one_that_was_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("run");
    let folder = run(&path, [1]);
    fs::remove_dir_all(&path).unwrap();
    let says = format!("{}: cannot be written: ", folder.last().display());
    let error = folder.write_last(&state(2)).unwrap_err().to_string();
    assert!(error.starts_with(&says) && error.lines().count() == 1, "{error}");
    fs::write(&path, "a file").unwrap();
    let error = folder.write_last(&state(2)).unwrap_err().to_string();
    assert!(error.starts_with(&says) && error.lines().count() == 1, "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"a file");
}

#[test]
fn a_state_that_cannot_be_written_leaves_both_checkpoints() {
    let dir = tempfile::tempdir().unwrap();
    let folder = run(dir.path(), [1, 2]);
    let mut wrong = state(3);
    wrong.progress.loss_sum = f64::INFINITY;
    let error = folder.write_last(&wrong).unwrap_err().to_string();
    assert!(error.contains("last.ckpt: expected a finite sum of losses"), "{error}");
    assert_eq!((step(&folder.last()), step(&folder.prev())), (Some(2), Some(1)));
    // A name that is taken by a folder: nothing gets into its place, and nothing is lost.
    fs::remove_file(folder.prev()).unwrap();
    fs::create_dir(folder.prev()).unwrap();
    let error = folder.write_last(&state(3)).unwrap_err().to_string();
    assert!(error.contains("prev.ckpt: cannot be written"), "{error}");
    assert_eq!(step(&folder.last()), Some(2));
    assert_eq!(names(dir.path()).iter().filter(|name| name.starts_with(".last")).count(), 0);
}

#[cfg(unix)]
#[test]
fn a_run_writes_nothing_into_the_folder_that_took_the_place_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let (path, moved) = (dir.path().join("run"), dir.path().join("moved"));
    let first = run(&path, [1, 2]);
    fs::rename(&path, &moved).unwrap();
    let second = run(&path, [7]);
    let says =
        "cannot be written: the run folder was renamed, removed or replaced after training began";
    let tries: [(&str, &dyn Fn() -> Result<(), mirrorgrad_train::RunError>); 3] = [
        ("last.ckpt", &|| first.write_last(&state(3))),
        ("best.ckpt", &|| first.write_best(&state(3))),
        ("metrics.jsonl", &|| first.write_metrics(&[])),
    ];
    for (name, write) in tries {
        let error = write().unwrap_err().to_string();
        assert!(error.contains(name) && error.ends_with(says), "{error}");
    }
    assert_eq!((names(&path), step(&second.last())), (vec!["last.ckpt".to_owned()], Some(7)));
    // Both go on, each from its own.
    second.write_last(&state(8)).unwrap();
    drop(first);
    assert_eq!(RunFolder::resume(&moved).unwrap().read_last().unwrap().0.progress.step, 2);
}

/// A link to itself cannot be opened, and neither can any file when too many are open.
#[cfg(unix)]
#[test]
fn a_last_checkpoint_that_cannot_be_opened_is_neither_replaced_nor_passed_over() {
    let dir = tempfile::tempdir().unwrap();
    let folder = run(dir.path(), [1, 2]);
    fs::remove_file(folder.last()).unwrap();
    std::os::unix::fs::symlink("last.ckpt", folder.last()).unwrap();
    for error in [
        folder.write_last(&state(3)).unwrap_err().to_string(),
        folder.read_last().unwrap_err().to_string(),
    ] {
        assert!(error.contains("last.ckpt: cannot be read: "), "{error}");
    }
    assert_eq!(step(&folder.prev()), Some(1));
    assert_eq!(names(dir.path()), ["last.ckpt", "prev.ckpt"]);
}
