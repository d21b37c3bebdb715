//! The `mirrorgrad` command as a library. Every subcommand is a set of options and a function; this file has what they
//! share: how failures are printed, and the number of threads.
//!
//! ```standalone_crate
//! // It reads the process's arguments; without any it prints its help.
//! assert_eq!(mirrorgrad_cli::main(), std::process::ExitCode::from(2));
//! ```
//!
//! The files, in the order to read:
//!
//! ```text
//! settings/                    the options that are settings of a run: one table
//! options, room, say, failure  values of options; the memory limit; output; errors and exit codes
//! ranks                        the processes that run a command together
//! train, watch                 training; progress and signals
//! check_data, eval, predict/   data sets; scores; masks
//! report, compare, export,     pages and tables of runs; networks as files;
//! summary                      layers and memory
//! op, study/, bench/           one operation; one geometry; times
//! plan                         times of a step among more processes than there are
//! ```

#![forbid(unsafe_code)]

mod bench;
mod check_data;
mod compare;
mod eval;
mod export;
mod failure;
mod op;
mod options;
mod plan;
mod predict;
mod ranks;
mod report;
mod room;
mod say;
mod settings;
mod study;
mod summary;
mod train;
mod watch;

use failure::Failure;

use clap::error::{ContextKind, ErrorKind};
use clap::{Command as Parsed, CommandFactory, FromArgMatches, Parser, Subcommand};
use mirrorgrad_data::shown;
use mirrorgrad_tensor::{ConvAlgorithm, Isa};
use mirrorgrad_train::exchange;
use std::error::Error;
use std::ffi::OsString;
use std::process::ExitCode;
#[cfg(unix)]
use std::sync::Arc;
use std::time::Duration;

/// Train segmentation networks that upsample with learned deconvolution
#[derive(Debug, Parser)]
#[command(name = "mirrorgrad", version, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a network on the built-in shapes or on your own pictures
    Train(Box<train::TrainArgs>),
    /// Check a folder of pictures and masks: list its contents and all faults
    CheckData(check_data::CheckDataArgs),
    /// Evaluate a trained network on a data set
    Eval(eval::EvalArgs),
    /// Write a run's report: curves, classes, confusion, pictures, kernels
    Report(report::ReportArgs),
    /// Compare runs
    Compare(compare::CompareArgs),
    /// Predict the masks of pictures
    Predict(predict::PredictArgs),
    /// Export a trained network for other programs: ONNX, safetensors or NumPy
    Export(export::ExportArgs),
    /// Show a network's layers, shapes, parameters and multiply-adds
    Summary(summary::SummaryArgs),
    /// Run one operation on the tensors of a file, to compare it with another program
    Op(op::OpArgs),
    /// Explain a convolution or transposed convolution: sizes, matrices, four ways, every framework
    Study(study::StudyArgs),
    /// Time a training step
    Bench(bench::BenchArgs),
    /// Predict the time of a training step on several machines, from one step here
    Plan(plan::PlanArgs),
}

/// Runs the command with the process's arguments.
pub fn main() -> ExitCode {
    main_with(std::env::args_os())
}

/// Runs the command with these arguments, the first of which is the program's name.
///
/// ```
/// # use std::process::ExitCode;
/// let args = ["mirrorgrad", "no-such-command"].map(Into::into);
/// assert_eq!(mirrorgrad_cli::main_with(args), ExitCode::from(2));
/// ```
pub fn main_with(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    // A file beyond the limit of `ulimit -f` is a failed write, told like any other, not the end. That it
    // could not be arranged is no reason to do nothing.
    #[cfg(unix)]
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, Arc::default());
    let parsed = parse(args);
    let timeout = parsed.as_ref().ok().and_then(|cli| cli.command.timeout());
    // Kept to the end, to which the processes of a command come together.
    let _job = match ranks::join(timeout.unwrap_or(TIMEOUT)) {
        Ok(job) => job,
        Err(failure) => return end(failure),
    };
    obey(parsed).unwrap_or_else(end)
}

/// How long a process of a command may leave the others without an answer.
const TIMEOUT: Duration = Duration::from_secs(600);

impl Command {
    /// How long a process may leave the others without an answer, if that was said.
    fn timeout(&self) -> Option<Duration> {
        match self {
            Self::Train(args) => Some(Duration::from_secs(args.collective_timeout)),
            _ => None,
        }
    }

    /// Whether several processes share its work.
    fn is_shared(&self) -> bool {
        matches!(self, Self::Train(_) | Self::Eval(_) | Self::Predict(_))
    }
}

/// Does what was asked for.
fn obey(parsed: Result<Cli, clap::Error>) -> Result<ExitCode, Failure> {
    let (cli, help) = match parsed {
        Ok(cli) => (Ok(Some(cli)), None),
        Err(error)
            if error.use_stderr()
                && error.kind() != ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand =>
        {
            (Err(Failure::usage(usage_error(&error))), None)
        }
        Err(help) => (Ok(None), Some(help)),
    };
    // Options that make no sense are said once.
    let own = ranks::own();
    exchange(&*own, cli.as_ref().map(drop).map_err(Failure::clone))?;
    if let Some(help) = help {
        // Help or the version, which was asked for.
        return match say::is_mute() {
            true => Ok(ExitCode::SUCCESS),
            false => say::result(help.print()).map(|()| ExitCode::from(help.exit_code() as u8)),
        };
    }
    let Some(cli) = cli? else { return Ok(ExitCode::SUCCESS) };
    if own.ranks() > 1 && !cli.command.is_shared() {
        let found = own.ranks();
        return Err(Failure::usage(format!(
            "expected one process: only train, eval and predict are shared among several, found {found}"
        )));
    }
    check_environment()?;
    let code = match cli.command {
        Command::Train(args) => on_threads(args.threads, || train::run(&args)),
        Command::CheckData(args) => on_threads(args.threads, || check_data::run(&args)),
        Command::Eval(args) => on_threads(args.threads, || eval::run(&args)),
        Command::Report(args) => on_threads(args.threads, || report::run(&args)),
        Command::Compare(args) => compare::run(&args),
        Command::Predict(args) => on_threads(args.threads, || predict::run(&args)),
        Command::Export(args) => export::run(&args),
        Command::Summary(args) => summary::run(&args),
        Command::Op(args) => op::run(&args),
        Command::Study(args) => study::run(&args),
        Command::Bench(args) => on_threads(args.threads, || bench::run(&args)),
        Command::Plan(args) => on_threads(args.threads, || plan::run(&args)),
    }?;
    say::check_told()?;
    Ok(code)
}

/// Says why the command ends, and with which code.
fn end(failure: Failure) -> ExitCode {
    ranks::end(&failure);
    ExitCode::from(failure.exit_code())
}

/// The process's options. A number below 0 is a value, not an option.
fn parse(args: impl IntoIterator<Item = OsString>) -> Result<Cli, clap::Error> {
    fn with_negatives(command: Parsed) -> Parsed {
        let command = command.mut_args(|arg| {
            let takes_values = arg.get_action().takes_values();
            arg.allow_negative_numbers(takes_values)
        });
        command.mut_subcommands(with_negatives)
    }
    let mut command = with_negatives(Cli::command());
    let matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// Refuses an instruction set or a convolution path, asked for by environment variables, that there is
/// not.
fn check_environment() -> Result<(), Failure> {
    Isa::chosen()?;
    ConvAlgorithm::chosen()?;
    Ok(())
}

/// What the option parser found wrong, without its page of usage, in one line.
fn usage_error(error: &clap::Error) -> String {
    if error.kind() == ErrorKind::InvalidUtf8 {
        let given = std::env::args_os().skip(1).find(|given| given.to_str().is_none());
        let given = given.as_ref().map(|given| shown(given.as_ref())).unwrap_or_default();
        return format!(
            "expected options in UTF-8, which a run's configuration can hold, found {given}"
        );
    }
    if let Some(unfit) = unfit_value(error) {
        return unfit;
    }
    let text = error.to_string();
    let text = text.lines().map(str::trim).take_while(|line| !line.starts_with("Usage:"));
    let text = text.filter(|line| !line.is_empty() && !line.starts_with("For more"));
    let text = text.collect::<Vec<_>>().join(" ");
    format!("{}; see --help", text.strip_prefix("error: ").unwrap_or(&text))
}

/// What an option expects and what it was given, if that is what the option parser found wrong.
fn unfit_value(error: &clap::Error) -> Option<String> {
    let text = |kind| error.get(kind).map(ToString::to_string);
    let (option, value) = (text(ContextKind::InvalidArg)?, text(ContextKind::InvalidValue)?);
    let why = error.source()?.to_string();
    let option = option.split(' ').next()?;
    Some(match why.split_once(" is not in ") {
        _ if why.starts_with("expected") => format!("{option}: {why}"),
        Some((_, range)) => {
            format!("{option}: expected {}, found {value:?}", range.replacen("..=", " to ", 1))
        }
        None if why.contains("float") => format!("{option}: expected a number, found {value:?}"),
        None => format!("{option}: expected a whole number, found {value:?}"),
    })
}

/// Runs `work` on this many threads; default: all cores.
///
/// The work runs on one of them: handing each kernel over to threads that wait would cost two switches a
/// kernel.
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
