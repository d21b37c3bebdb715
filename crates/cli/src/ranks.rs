//! The processes that run a command together: this one alone, or those that `mpirun` or `srun` has started.

use crate::{Failure, say};
use mirrorgrad_train::{Alone, Reduce, exchange, launched};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

static OWN: OnceLock<Arc<dyn Reduce>> = OnceLock::new();

/// This process among those that run the command.
pub fn own() -> Arc<dyn Reduce> {
    OWN.get().cloned().unwrap_or_else(|| Arc::new(Alone))
}

/// What this process has done, if all have done theirs: where one has failed, all end with it.
pub fn agreed<D>(done: Result<D, Failure>) -> Result<D, Failure> {
    exchange(&*own(), done.as_ref().map(drop).map_err(Failure::clone))?;
    done
}

/// Keeps the processes connected; dropped at the end of the command, when all have come to it.
pub struct Job {
    #[cfg(feature = "mpi")]
    _job: Option<mirrorgrad_train::MpiJob>,
}

/// Joins the processes that a launcher has started with this one. The first speaks for all, but each says itself what it
/// fails with; one that does not answer for the `timeout` ends all.
#[cfg(feature = "mpi")]
pub fn join(timeout: Duration) -> Result<Job, Failure> {
    if launched().is_none() {
        return Ok(Job { _job: None });
    }
    let joined = mirrorgrad_train::MpiJob::join(timeout, |error| fail(&error.to_string()));
    let Some((job, rank)) = joined else {
        return Err(Failure::new("MPI: expected to join its job once"));
    };
    if rank.rank() > 0 {
        say::mute();
    }
    let _ = OWN.set(Arc::new(rank));
    Ok(Job { _job: Some(job) })
}

/// Refuses to be one of several processes, each of which would take itself for the only one.
#[cfg(not(feature = "mpi"))]
pub fn join(_timeout: Duration) -> Result<Job, Failure> {
    match launched() {
        Some(count) if count > 1 => Err(Failure::new(format!(
            "expected to be started once, or a build with MPI (--features mpi), found {count} processes"
        ))),
        _ => Ok(Job {}),
    }
}

/// Says what this process fails with, and which of several it is.
fn fail(what: &str) {
    let own = own();
    match own.ranks() > 1 && !what.starts_with("rank ") {
        true => say::failure(format!("mirrorgrad: rank {}: {what}", own.rank())),
        false => say::failure(format!("mirrorgrad: {what}")),
    }
}

/// Says why the command ends, unless another process says it, and ends the others with it.
pub fn end(failure: &Failure) {
    if !failure.is_elsewhere() {
        fail(&failure.to_string());
    }
    #[cfg(feature = "mpi")]
    if own().ranks() > 1 {
        if failure.is_elsewhere() {
            // It ends this process, too, when it has said why.
            std::thread::sleep(Duration::from_secs(2));
        }
        abort(failure.exit_code());
    }
}

#[cfg(feature = "mpi")]
fn abort(code: u8) -> ! {
    mirrorgrad_train::MpiJob::abort(code)
}
