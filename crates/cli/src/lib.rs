//! The `mirrorgrad` command.
//!
//! Every subcommand is a set of options and a function; what they share is here: how failures are
//! told, and how many threads work.

#![forbid(unsafe_code)]

mod bench;
mod eval;
mod failure;
mod options;
mod predict;
mod summary;
mod train;
mod watch;

pub use failure::Failure;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// Train segmentation networks that upsample with learned deconvolution
#[derive(Debug, Parser)]
#[command(name = "mirrorgrad", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a network, on built-in shapes or on your own pictures
    Train(Box<train::TrainArgs>),
    /// Measure a trained network on a data set
    Eval(eval::EvalArgs),
    /// Predict the masks of pictures
    Predict(predict::PredictArgs),
    /// Show a network's layers, shapes, parameters and multiply-adds
    Summary(summary::SummaryArgs),
    /// Time a training step
    Bench(bench::BenchArgs),
}

/// Runs the command with the process's arguments.
pub fn main() -> ExitCode {
    // Prints help, version and usage errors itself, and exits with 2 on the last.
    let cli = Cli::parse();
    let result = match cli.command {
        Command::Train(args) => on_threads(args.threads, || train::run(&args)),
        Command::Eval(args) => on_threads(args.threads, || eval::run(&args)),
        Command::Predict(args) => on_threads(args.threads, || predict::run(&args)),
        Command::Summary(args) => summary::run(&args),
        Command::Bench(args) => on_threads(args.threads, || bench::run(&args)),
    };
    match result {
        Ok(code) => code,
        Err(failure) => {
            eprintln!("mirrorgrad: {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Does `work` on so many threads; on all of the machine's if not told.
///
/// The caller's thread becomes one of them: handing each kernel over to threads that wait would cost
/// two switches a kernel.
fn on_threads<R: Send>(
    threads: Option<usize>,
    work: impl FnOnce() -> Result<R, Failure> + Send,
) -> Result<R, Failure> {
    let mut pool = rayon::ThreadPoolBuilder::new();
    if let Some(threads) = threads {
        if !(1..=1024).contains(&threads) {
            return Err(Failure::new(format!("--threads: expected 1 to 1024, found {threads}")));
        }
        pool = pool.num_threads(threads);
    }
    let pool = pool.build().map_err(|error| Failure::new(format!("--threads: {error}")))?;
    pool.install(work)
}
