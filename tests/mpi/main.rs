//! Processes that MPI connects: the bits of one, whoever of them ends and how. Needs the feature `mpi`, and `mpirun`.
//!
//! `MIRRORGRAD_FAULTS=100` asks for so many random faults.

#![cfg(target_os = "linux")]

mod faults;
mod job;

use job::{Job, history_of, said};
use mirrorgrad::train::{
    Config, EpochMetrics, Evaluation, MpiJob, Observer, RunFolder, StepReport, Trainer, launched,
};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

/// Four passes a step, so that 1, 2 or 4 processes can share them.
const RUN: [&str; 10] =
    ["--epochs", "2", "--batch", "8", "--shards", "4", "--widths", "4,8", "--limit-batches", "6"];

#[test]
fn any_number_of_processes_comes_to_the_bits_of_one() {
    let settings: [&[&str]; 5] = [
        &[],
        &["--model", "unet", "--loss", "cross_entropy_dice", "--accumulate", "2", "--clip", "0.1"],
        &["--norm", "group", "--optimizer", "sgd", "--class-weights", "auto", "--rotate", "20"],
        &["--model", "segnet", "--loss", "focal", "--optimizer", "adam"],
        &["--sync-batch-norm", "--accumulate", "2"],
    ];
    for setting in settings {
        let dir = tempfile::tempdir().unwrap();
        let train = |name: &str, processes, threads: &str| {
            let out = dir.path().join(name);
            let args = [&RUN[..], setting, &["--threads", threads]].concat();
            let job = Job::of(processes).train(&out, &args);
            assert!(job.status.success(), "{}", said(&job));
            history_of(&out)
        };
        let alone = train("1", 1, "1");
        assert_eq!(alone.len(), 2);
        for (processes, threads) in [(2, "1"), (4, "1"), (2, "2")] {
            let name = format!("{processes}x{threads}");
            assert_eq!(train(&name, processes, threads), alone, "{setting:?}, {name}");
        }
    }
}

#[test]
fn eval_and_predict_share_their_pictures_and_say_what_one_process_says() {
    let dir = tempfile::tempdir().unwrap();
    let run = dir.path().join("run");
    let trained = Job::of(2).train(&run, &RUN);
    assert!(trained.status.success(), "{}", said(&trained));
    let run = run.to_str().unwrap();
    let words = |processes, args: &[&str]| {
        let done = Job::of(processes).command(args).output().unwrap();
        assert!(done.status.success(), "{}", said(&done));
        String::from_utf8(done.stdout).unwrap()
    };
    let table = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    assert_eq!(words(3, &["eval", run]), words(1, &["eval", run]));
    for (processes, name) in [(1, "1.csv"), (3, "3.csv")] {
        words(processes, &["eval", run, "--csv", &table(name)]);
    }
    let [one, three] = ["1.csv", "3.csv"].map(|name| std::fs::read(dir.path().join(name)).unwrap());
    assert!(one == three && one.len() > 1000);
    let pictures: Vec<String> = (0..5)
        .map(|i| {
            let path = table(&format!("{i}.png"));
            image::GrayImage::from_pixel(16, 16 + i, image::Luma([40 * i as u8]))
                .save(&path)
                .unwrap();
            path
        })
        .collect();
    for (processes, out) in [(1, "one"), (3, "three")] {
        let out = table(out);
        let mut args = vec!["predict", run, "--raw", "--out", &out];
        args.extend(pictures.iter().map(String::as_str));
        assert!(words(processes, &args).starts_with("5 masks in "));
    }
    for i in 0..5 {
        let [one, three] = ["one", "three"]
            .map(|out| std::fs::read(dir.path().join(out).join(format!("{i}.png"))));
        assert_eq!(one.unwrap(), three.unwrap());
    }
}

#[test]
fn what_one_process_is_asked_otherwise_or_lacks_ends_all_in_one_line() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("run");
    let cases: [(&[&str], &str); 3] = [
        (&["--lr", "0.5"], "rank 1: expected the options of rank 0, found another"),
        (&["--no-such-option"], "rank 1: unexpected argument '--no-such-option' found"),
        (&["--data", "/none"], "rank 1: /none: "),
    ];
    for (more, says) in cases {
        let job = Job::of_two(&[&RUN[..], more].concat()).train(&out, &RUN);
        let lines = String::from_utf8_lossy(&job.stderr).into_owned();
        let ours: Vec<_> = lines.lines().filter(|line| line.contains("mirrorgrad: ")).collect();
        assert!(ours.len() == 1 && ours[0].contains(says), "{says}: {lines}");
        assert!(!job.status.success() && !out.exists());
    }
}

/// Does what a faulty program would before a step.
struct Faulty {
    steps: usize,
    fault: fn(),
}

impl Observer for Faulty {
    fn step(&mut self, _: &StepReport) {
        self.steps += 1;
        if self.steps == 3 {
            (self.fault)();
        }
    }

    fn epoch(&mut self, _: &EpochMetrics, _: &Evaluation) {}

    fn wants_stop(&self) -> bool {
        false
    }
}

/// A rank of a job, in this same test started by `mpirun`: the second does `fault` after its third step.
fn faulty_rank(fault: fn()) {
    let say = |error: &_| eprintln!("{error}");
    let (_job, rank) = MpiJob::join(Duration::from_secs(5), say).unwrap();
    let second = mirrorgrad::train::Reduce::rank(&rank) == 1;
    let mut config = Config::default();
    (config.model.widths, config.training.shards) = (vec![2], 2);
    let dir = tempfile::tempdir().unwrap();
    let folder = RunFolder::create(dir.path()).unwrap();
    let mut trainer = Trainer::among(Arc::new(rank), None, || Trainer::new(config)).unwrap();
    let mut faulty = Faulty { steps: 0, fault: if second { fault } else { || () } };
    trainer.run(&folder, &mut faulty).unwrap();
}

/// The fault of a rank that is this test, `name`, once more: it ends the job within 10 s, with these words.
fn assert_ends_job(name: &str, fault: fn(), says: &[&str]) {
    if launched().is_some() {
        return faulty_rank(fault);
    }
    let own = std::env::current_exe().unwrap();
    let job = Job::of(2).program(&own, &[name, "--exact", "--nocapture", "--test-threads=1"]);
    let (job, took) = job::timed(job);
    let words = said(&job);
    assert!(!job.status.success() && took < Duration::from_secs(10), "{took:?}: {words}");
    says.iter().for_each(|says| assert!(words.contains(says), "{says}: {words}"));
}

#[test]
fn a_rank_that_panics_ends_the_job() {
    let says = ["lost its mind", "rank 1: has panicked"];
    assert_ends_job("a_rank_that_panics_ends_the_job", || panic!("lost its mind"), &says);
}

#[test]
fn a_rank_that_exits_ends_the_job() {
    let says = ["exit code"];
    assert_ends_job("a_rank_that_exits_ends_the_job", || std::process::exit(3), &says);
}

#[test]
fn a_rank_that_hangs_ends_the_job() {
    let hang = || std::thread::sleep(Duration::from_secs(60));
    let says = ["rank 1: has not answered for 5 s"];
    assert_ends_job("a_rank_that_hangs_ends_the_job", hang, &says);
}

/// The file of a run's last checkpoint.
fn last(out: &Path) -> std::path::PathBuf {
    out.join("last.ckpt")
}
