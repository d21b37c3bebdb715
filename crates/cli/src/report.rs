//! `mirrorgrad report`.

use crate::{Failure, say};
use clap::Args;
use mirrorgrad_report::{PAGE, Report};
use mirrorgrad_segment::{RunFolder, judged_by, one_line, shown, write_whole};
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `mirrorgrad report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The run's folder
    run: PathBuf,
    /// Where the run's pictures are now, if they are no longer where it was trained
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Where the page goes; without, report.html in the run's folder
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Threads to work on; all of the machine's by default
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

/// Writes a run's page.
pub fn run(args: &ReportArgs) -> Result<ExitCode, Failure> {
    let folder = RunFolder::open(&args.run)?;
    let (checkpoint, notice) = folder.read_last()?;
    checkpoint.check()?;
    if let Some(notice) = notice {
        say::aside(one_line(&notice));
    }
    let mut config = checkpoint.config;
    if args.data.is_some() {
        config.data.dir = args.data.clone();
    }
    let report = Report::new(&folder, &judged_by(&config)?)?;
    if let Some(measures) = report.measures() {
        measures.write(&folder)?;
    }
    let page = folder.path().join(PAGE);
    let out = args.out.as_ref().unwrap_or(&page);
    write_whole(out, report.page()?.as_bytes())?;
    say::line(format!("report {}", shown(out)))?;
    Ok(ExitCode::SUCCESS)
}
