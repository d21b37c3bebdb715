//! `mirrorgrad report`.

use crate::settings::Options;
use crate::{Failure, say};
use clap::Args;
use mirrorgrad_data::{one_line, shown};
use mirrorgrad_report::{Environment, PAGE, Report};
use mirrorgrad_train::{RunFolder, validation_set, write_streamed};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `mirrorgrad report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// Run folder
    run: PathBuf,
    /// Folder of the run's pictures, if they have moved
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Output file; nothing is then written to the run folder [default: report.html in the run folder]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

/// Writes a run's page.
pub fn run(args: &ReportArgs) -> Result<ExitCode, Failure> {
    let folder = RunFolder::open(&args.run)?;
    let (checkpoint, notice) = folder.read_last()?;
    checkpoint.check()?;
    if let Some(notice) = notice {
        say::aside(one_line(&notice.worded(&Options)));
    }
    let mut config = checkpoint.config;
    if args.data.is_some() {
        config.data.dir = args.data.clone();
    }
    if let Err(damaged) = Environment::of(&folder) {
        say::aside(damaged.message().worded(&Options));
    }
    let report = Report::new(&folder, &validation_set(&config)?)?;
    let out = match &args.out {
        // Who keeps the page elsewhere may have a run that is not to be touched.
        Some(out) => {
            write_streamed(out, |out| report.write_page(out))?;
            out.clone()
        }
        None => {
            report.measures().map_or(Ok(()), |measures| measures.write(&folder))?;
            folder.write_streamed(PAGE, |out| report.write_page(out))?;
            folder.path().join(PAGE)
        }
    };
    say::line(format!("report {}", shown(&out)))?;
    Ok(ExitCode::SUCCESS)
}
