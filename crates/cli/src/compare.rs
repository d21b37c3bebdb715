//! `mirrorgrad compare`.

use crate::settings::Options;
use crate::{Failure, say};
use clap::Args;
use console::Term;
use mirrorgrad_data::one_line;
use mirrorgrad_report::Comparison;
use mirrorgrad_train::write_streamed;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `mirrorgrad compare`.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Run folders
    #[arg(required = true, value_name = "RUN")]
    runs: Vec<PathBuf>,
    /// Also show the IoU of every class
    #[arg(long)]
    classes: bool,
    /// Write a page with all curves, in one file that works offline
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// Print one JSON object only
    #[arg(long)]
    json: bool,
}

/// Lays runs side by side.
pub fn run(args: &CompareArgs) -> Result<ExitCode, Failure> {
    let comparison = Comparison::new(&args.runs)?;
    if let Some(path) = &args.html {
        write_streamed(path, |out| comparison.write_page(out))?;
    }
    if args.json {
        // Text and page have them among their caveats.
        let notices = comparison.rows.iter().filter_map(|row| row.run.notice.as_ref());
        notices.for_each(|notice| say::aside(one_line(&notice.worded(&Options))));
        say::line(comparison.to_json())?;
        return Ok(ExitCode::SUCCESS);
    }
    // What goes to a file is as wide as it is.
    let width = Term::stdout().size_checked().map(|(_, columns)| columns);
    say::line(comparison.text(width))?;
    if args.classes
        && let Some(classes) = comparison.classes_text(width)
    {
        say::line(format!("\n{classes}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
