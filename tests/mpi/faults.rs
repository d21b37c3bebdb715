//! Processes that are killed, stopped, told to end, that panic and exit at random: the job ends, and goes on to the bits
//! of the unbroken run, on another number of processes too.

use crate::job::{Job, history_of, said};
use crate::{RUN, last};
use mirrorgrad::train::{Checkpoint, EpochMetrics};
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long a rank may be silent.
const TIMEOUT: &str = "2";
/// What a job may take to end, beyond that.
const AT_MOST: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, Debug)]
enum Fault {
    /// SIGKILL to a rank.
    Kill,
    /// SIGSTOP to a rank, which hangs.
    Hang,
    /// SIGUSR1 to `mpirun`, which passes it on.
    Warn,
    /// SIGTERM to one rank, which asks all to stop.
    End,
    /// A thread of a rank panics.
    Panic,
    /// A rank exits.
    Exit,
}

/// What is said of a rank that hangs: at work, and while MPI starts and ends.
const SILENT: [&str; 3] =
    ["has not answered", "has not been connected to the others", "has not left the job"];

const FAULTS: [Fault; 6] =
    [Fault::Kill, Fault::Hang, Fault::Warn, Fault::End, Fault::Panic, Fault::Exit];

/// What a job of this test is told: the arguments of the command, its fault, of which rank, and after how many
/// milliseconds.
const ARGS: &str = "MIRRORGRAD_TEST_ARGS";
const FAULT: &str = "MIRRORGRAD_TEST_FAULT";

/// As a rank of such a job: the command, beside a thread that panics or exits. Alone it does nothing.
#[test]
fn a_rank_that_fails_by_itself() {
    let Ok(args) = std::env::var(ARGS) else { return };
    let fault = std::env::var(FAULT).unwrap();
    let [kind, of_rank, wait] = fault.split(' ').collect::<Vec<_>>()[..] else { panic!("{fault}") };
    if std::env::var("OMPI_COMM_WORLD_RANK").as_deref() == Ok(of_rank) {
        let (panics, wait) = (kind == "Panic", Duration::from_millis(wait.parse().unwrap()));
        std::thread::spawn(move || {
            sleep(wait);
            assert!(!panics, "lost its mind");
            std::process::exit(3)
        });
    }
    let code = mirrorgrad_cli::main_with(args.split('\n').map(Into::into));
    assert_eq!(code, std::process::ExitCode::SUCCESS);
}

/// The processes that `mpirun` has started.
fn ranks(mpirun: &Child) -> Vec<String> {
    let id = mpirun.id();
    let children = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    children.split_whitespace().map(str::to_owned).collect()
}

fn signal(name: &str, process: &str) {
    let done = Command::new("kill").args([name, process]).status().expect("kill starts");
    // It may have ended by itself.
    let _ = done.success();
}

/// The run of the arguments with a fault after `wait`; `None` if it ended before. The job's words otherwise.
fn broken(
    out: &Path,
    processes: usize,
    fault: Fault,
    wait: Duration,
    rng: &mut ChaCha8Rng,
) -> Option<String> {
    let args = settings();
    let mut job = match fault {
        Fault::Panic | Fault::Exit => {
            let own = std::env::current_exe().unwrap();
            let test = "faults::a_rank_that_fails_by_itself";
            let mut job = Job::of(processes)
                .program(&own, &[test, "--exact", "--nocapture", "--test-threads=1"]);
            let head = ["mirrorgrad", "train", "--out", out.to_str().unwrap()];
            job.env(ARGS, [&head[..], &args].concat().join("\n"));
            let of_rank = rng.random_range(0..processes);
            job.env(FAULT, format!("{fault:?} {of_rank} {}", wait.as_millis()));
            job
        }
        _ => Job::of(processes).start_train(out, &args),
    };
    let mut job = job.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("mpirun starts");
    sleep(wait);
    let found = ranks(&job);
    let by_itself = matches!(fault, Fault::Panic | Fault::Exit);
    if !by_itself && (job.try_wait().unwrap().is_some() || found.len() < processes) {
        let ended = job.wait_with_output().unwrap();
        assert!(ended.status.success(), "{}", said(&ended));
        return None;
    }
    let none = String::new();
    let rank = found.choose(rng).unwrap_or(&none);
    match fault {
        Fault::Kill => signal("-KILL", rank),
        Fault::Hang => signal("-STOP", rank),
        Fault::Warn => signal("-USR1", &job.id().to_string()),
        Fault::End => signal("-TERM", rank),
        // It does so by itself.
        Fault::Panic | Fault::Exit => (),
    }
    let start = Instant::now();
    while job.try_wait().unwrap().is_none() {
        if matches!(fault, Fault::Hang) && ranks(&job) == std::slice::from_ref(rank) {
            // The others have left an ended run: nobody waits for it but `mpirun`.
            signal("-CONT", rank);
        }
        if start.elapsed() > AT_MOST {
            found.iter().for_each(|rank| signal("-KILL", rank));
            signal("-KILL", &job.id().to_string());
            let ended = job.wait_with_output().unwrap();
            panic!("{fault:?} of {rank}: not ended after {AT_MOST:?}: {}", said(&ended));
        }
        sleep(Duration::from_millis(20));
    }
    let ended = job.wait_with_output().unwrap();
    (!ended.status.success()).then(|| said(&ended))
}

fn settings() -> Vec<&'static str> {
    let settings = ["--threads", "1", "--checkpoint-every", "2", "--resume=auto"];
    [&RUN[..], &settings, &["--collective-timeout", TIMEOUT]].concat()
}

#[test]
fn whatever_ends_a_rank_the_run_goes_on_to_the_same_bits() {
    let asked = std::env::var("MIRRORGRAD_FAULTS").ok().and_then(|asked| asked.parse().ok());
    let asked: usize = asked.unwrap_or(FAULTS.len());
    let dir = tempfile::tempdir().unwrap();
    let rng = &mut ChaCha8Rng::seed_from_u64(16);
    let start = Instant::now();
    let unbroken: Vec<EpochMetrics> = {
        let out = dir.path().join("unbroken");
        let done = Job::of(1).train(&out, &settings());
        assert!(done.status.success(), "{}", said(&done));
        history_of(&out)
    };
    let whole = start.elapsed();
    let (mut faults, mut with_checkpoint, mut by_kind) = (0, 0, [0; FAULTS.len()]);
    // Each kind in turn, however often a run meets it.
    for kind in (0..FAULTS.len()).cycle() {
        if faults >= asked && by_kind.iter().all(|&met| met > 0) {
            break;
        }
        let out = dir.path().join(format!("{faults} {kind}"));
        // Until the run has ended, broken off again and again, by other numbers of processes.
        for nth in 0.. {
            let processes = *[2, 4].choose(rng).unwrap();
            let wait = whole.mul_f64(rng.random_range(0.1..1.2));
            let words = broken(&out, processes, FAULTS[kind], wait, rng);
            let Some(words) = words else { break };
            (faults, by_kind[kind]) = (faults + 1, by_kind[kind] + 1);
            if matches!(FAULTS[kind], Fault::Hang) {
                let said = SILENT.iter().any(|silent| words.contains(&format!("{silent} for 2 s")));
                assert!(said, "{words}");
            }
            if matches!(FAULTS[kind], Fault::Panic) {
                let says = ["lost its mind", "has panicked"];
                assert!(says.iter().all(|says| words.contains(says)), "{words}");
            }
            if last(&out).exists() {
                with_checkpoint += 1;
                Checkpoint::read(&last(&out)).unwrap();
            }
            if nth == 2 {
                let done = Job::of(1).train(&out, &settings());
                assert!(done.status.success(), "{}", said(&done));
                break;
            }
        }
        assert_eq!(history_of(&out), unbroken, "{:?}", FAULTS[kind]);
    }
    println!("{faults} faults {by_kind:?} of {FAULTS:?}, {with_checkpoint} with a checkpoint");
    assert!(with_checkpoint > 0);
}
