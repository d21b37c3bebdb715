//! Ranks that are processes, on one machine or many, which MPI has started and connects.

use super::{Reduce, launched_rank};
use crate::RunError;
use mpi::Threading;
use mpi::environment::Universe;
use mpi::point_to_point::{Destination, Source};
use mpi::request::{Request, scope};
use mpi::topology::{Communicator, SimpleCommunicator};
use mpi::traits::Equivalence;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::time::{Duration, Instant};
use std::{panic, process, thread};

/// The MPI job that this process is a part of. It ends in order when this is dropped, on the thread that joined it,
/// and all other processes have come to the same.
///
/// ```no_run
/// # use mirrorgrad_train::{MpiJob, Reduce};
/// # use std::time::Duration;
/// // Started by `mpirun -n 4`:
/// let joined = MpiJob::join(Duration::from_secs(600), |error| eprintln!("{error}"));
/// let (_job, rank) = joined.expect("it is joined once");
/// assert_eq!(rank.ranks(), 4);
/// ```
pub struct MpiJob {
    rank: MpiRank,
    _universe: Universe,
}

/// A process of an MPI job. One thread at a time uses it.
///
/// ```no_run
/// # use mirrorgrad_train::{MpiJob, Reduce};
/// # use std::time::Duration;
/// # let (_job, rank) = MpiJob::join(Duration::from_secs(600), |_| ()).expect("it is joined once");
/// // What every rank gives to all.
/// let all = rank.swap(&vec![&[rank.rank() as u8][..]; rank.ranks()])?;
/// assert_eq!(all[3], [3]);
/// # Ok::<(), mirrorgrad_train::RunError>(())
/// ```
#[derive(Clone, Debug)]
pub struct MpiRank {
    rank: usize,
    ranks: usize,
    timeout: Duration,
    announce: fn(&RunError),
}

impl MpiJob {
    /// Joins the job; `None` if this process has joined it before. A rank that has not given its part after `timeout`
    /// hangs: that is announced by one rank, and the job is aborted. So it is by a rank that panics, which would leave
    /// the others waiting.
    pub fn join(timeout: Duration, announce: fn(&RunError)) -> Option<(Self, MpiRank)> {
        let lost = "has not been connected to the others";
        let joining = watch(timeout, move || announce(&silent(launched_rank(), lost, timeout)));
        let (universe, _) = mpi::initialize_with_threading(Threading::Serialized)?;
        drop(joining);
        let world = SimpleCommunicator::world();
        let (rank, ranks) = (world.rank() as usize, world.size() as usize);
        if ranks > 1 {
            let usual = panic::take_hook();
            panic::set_hook(Box::new(move |info| {
                usual(info);
                announce(&RunError::Rank { rank, what: "has panicked".to_owned() });
                Self::abort(PANICKED);
            }));
        }
        let rank = MpiRank { rank, ranks, timeout, announce };
        Some((Self { rank: rank.clone(), _universe: universe }, rank))
    }

    /// Ends all processes of the job at once, with this exit code.
    pub fn abort(code: u8) -> ! {
        SimpleCommunicator::world().abort(code.into())
    }
}

impl Drop for MpiJob {
    /// Waits for all, since MPI would for ever.
    fn drop(&mut self) {
        let MpiRank { rank, ranks, timeout, announce } = self.rank;
        // What it would fail with has ended the job.
        let _ = self.rank.swap(&vec![&[][..]; ranks]);
        std::mem::forget(watch(timeout, move || {
            announce(&silent(rank, "has not left the job", timeout))
        }));
    }
}

/// Ends this process, after `last` words, unless what is returned is dropped before the `timeout`. MPI itself waits for
/// ever; of a process that ends without it, the launcher ends the others.
fn watch(timeout: Duration, last: impl FnOnce() + Send + 'static) -> Sender<()> {
    let (end, ended) = channel::<()>();
    let watch = move || {
        if ended.recv_timeout(timeout) == Err(RecvTimeoutError::Timeout) {
            last();
            process::exit(1);
        }
    };
    // Without a watch it is as it was.
    let _ = thread::Builder::new().name("watch".to_owned()).spawn(watch);
    end
}

fn silent(rank: usize, what: &str, timeout: Duration) -> RunError {
    RunError::Rank { rank, what: format!("{what} for {} s", timeout.as_secs_f64()) }
}

impl MpiRank {
    /// Waits a moment for what `of_rank` sends; ends the job if it is silent for too long. All that wait for it come
    /// here: the first of them says so, and leaves the others nothing to say.
    fn wait(&self, start: Instant, of_rank: usize, busy: &AtomicBool) {
        match start.elapsed() {
            // The core is somebody else's.
            waited if waited < Duration::from_secs(1) && busy.load(Relaxed) => {
                thread::sleep(Duration::from_micros(200));
            }
            // Most come soon.
            waited if waited < Duration::from_millis(2) => thread::yield_now(),
            // Then whoever works has the core.
            waited if waited < Duration::from_secs(1) => thread::sleep(Duration::from_micros(50)),
            waited if waited < self.timeout => thread::sleep(Duration::from_millis(1)),
            _ => {
                let speaker = usize::from(of_rank == 0);
                if self.rank != speaker {
                    thread::sleep(GRACE);
                }
                (self.announce)(&silent(of_rank, "has not answered", self.timeout));
                MpiJob::abort(1)
            }
        }
    }

    /// The next message of a rank, if it has come. Of a large one the beginning has, and its sender is waited for.
    fn arrived(&self, start: Instant, of_rank: usize, busy: &AtomicBool) -> Option<Vec<u8>> {
        let world = SimpleCommunicator::world();
        let process = world.process_at_rank(of_rank as i32);
        let (message, status) = process.immediate_matched_probe()?;
        let mut bytes = vec![0; status.count(u8::equivalent_datatype()) as usize];
        scope(|scope| {
            let mut receive = message.immediate_matched_receive_into(scope, &mut bytes[..]);
            while let Err(still) = receive.test() {
                receive = still;
                self.wait(start, of_rank, busy);
            }
        });
        Some(bytes)
    }
}

/// What a process that panics ends with, as every one of Rust.
const PANICKED: u8 = 101;
/// What a rank that aborts the job is left to say why.
const GRACE: Duration = Duration::from_secs(2);
/// The largest message; MPI counts bytes in 32 bits.
const MOST: usize = i32::MAX as usize;

impl Reduce for MpiRank {
    fn rank(&self) -> usize {
        self.rank
    }

    fn ranks(&self) -> usize {
        self.ranks
    }

    fn swap(&self, parts: &[&[u8]]) -> Result<Vec<Vec<u8>>, RunError> {
        self.swap_beside(parts, &AtomicBool::new(false))
    }

    fn swap_beside(&self, parts: &[&[u8]], busy: &AtomicBool) -> Result<Vec<Vec<u8>>, RunError> {
        if let Some(part) = parts.iter().find(|part| part.len() > MOST) {
            let what = format!("expected messages of at most {MOST} bytes, found {}", part.len());
            return Err(RunError::Rank { rank: self.rank, what });
        }
        let world = SimpleCommunicator::world();
        let mut given: Vec<Option<Vec<u8>>> = vec![None; self.ranks];
        given[self.rank] = Some(parts[self.rank].to_vec());
        let others = || (0..self.ranks).filter(|&other| other != self.rank);
        scope(|scope| {
            let send = |other: usize| {
                Some(world.process_at_rank(other as i32).immediate_send(scope, parts[other]))
            };
            let mut sends: Vec<Option<Request<'_, [u8], _>>> = others().map(send).collect();
            let start = Instant::now();
            loop {
                for other in others() {
                    if given[other].is_none() {
                        given[other] = self.arrived(start, other, busy);
                    }
                }
                for send in &mut sends {
                    *send = send.take().and_then(|send| send.test().err());
                }
                let silent = given.iter().position(Option::is_none);
                // A message that has not gone waits for its receiver.
                let unheard = sends.iter().position(Option::is_some);
                let unheard = unheard.and_then(|nth| others().nth(nth));
                match silent.or(unheard) {
                    Some(other) => self.wait(start, other, busy),
                    None => return,
                }
            }
        });
        Ok(given.into_iter().flatten().collect())
    }
}
