//! `mirrorgrad check-data`.

use crate::room::Room;
use crate::settings::{Options, RunOn, SettingArgs};
use crate::{Failure, say};
use clap::Args;
use indicatif::ProgressBar;
use mirrorgrad_data::{Census, Layout, Message, SplitCensus, one_line, to_png, write_whole};
use mirrorgrad_report::plots;
use mirrorgrad_train::{check_run, class_weights};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

/// Samples on a contact sheet.
const ON_SHEET: usize = 24;
/// Sizes and faults that are listed before the rest is counted: --json has them all.
const SIZES: usize = 10;
const FAULTS: usize = 20;

/// Options of `mirrorgrad check-data`.
#[derive(Debug, Args)]
pub struct CheckDataArgs {
    /// Folder of pictures and masks
    dir: PathBuf,
    #[command(flatten)]
    run: SettingArgs<RunOn>,
    /// Write a contact sheet of up to 24 pictures and their masks, as PNG
    #[arg(long, value_name = "FILE")]
    sheet: Option<PathBuf>,
    /// Print one JSON object only
    #[arg(long)]
    json: bool,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

/// What `--json` prints.
#[derive(Serialize)]
struct Json<'a> {
    layout: Layout,
    detected_by: Option<&'static str>,
    classes: &'a [String],
    ignore_index: Option<u8>,
    #[serde(rename = "parts")]
    splits: &'a [SplitCensus],
    class_weights: Vec<f64>,
    faults: Vec<String>,
    notes: Vec<String>,
}

impl<'a> Json<'a> {
    fn of(census: &'a Census) -> Self {
        let trained = census.trained();
        Self {
            layout: census.layout,
            detected_by: census.detected_by,
            classes: &census.classes,
            ignore_index: census.ignore_index,
            splits: &census.splits,
            class_weights: trained.map_or(Vec::new(), |split| class_weights(&split.histogram)),
            faults: census.faults.iter().map(worded).collect(),
            notes: census.notes.iter().map(worded).collect(),
        }
    }
}

/// Reads all of a folder, and tells what is in it and what keeps `train` with these settings from beginning. The
/// exit code is 1 if anything does.
pub fn run(args: &CheckDataArgs) -> Result<ExitCode, Failure> {
    // Hidden where nobody looks: it is drawn on terminals alone.
    let bar = ProgressBar::new(0);
    let seen = |all: usize| {
        bar.set_length(all as u64);
        bar.inc(1);
    };
    let config = args.run.settings()?.on(&args.dir)?;
    let mut census = Census::take(&args.dir, &config.data.folder, &seen)?;
    bar.finish_and_clear();
    // What `train` would do with these settings, in its order.
    let room = Room::now(None);
    let refused = match room.check_least(&config) {
        Ok(()) => check_run(&mut census, &config).and_then(|run| room.check_run(&run).err()),
        Err(refused) => Some(refused),
    };
    if let Some(refused) = refused {
        let fault = refused.to_string();
        census.add_fault(fault.as_str().into(), fault);
    }
    if args.json {
        let object = serde_json::to_string(&Json::of(&census));
        say::line(object.map_err(|error| Failure::new(format!("--json: {error}")))?)?;
    } else {
        report(&census)?;
    }
    if let Some(path) = &args.sheet {
        let draws = |error: String| Failure::new(format!("{}: {error}", path.display()));
        let examples = census.examples(ON_SHEET)?;
        let sheet = plots::contact_sheet(&examples, &census.classes, census.ignore_index);
        let png = sheet.and_then(|sheet| to_png(&sheet).map_err(|error| error.to_string()));
        write_whole(path, &png.map_err(draws)?)?;
    }
    Ok(if census.faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn report(census: &Census) -> Result<(), Failure> {
    let sign = census.detected_by.map_or(String::new(), |sign| format!(", detected by {sign}"));
    let ignored = census.ignore_index.map_or(String::new(), |label| format!(", {label} ignored"));
    let (layout, classes) = (census.layout.name(), census.classes.len());
    say::line(format!("layout {layout}{sign}; {classes} classes{ignored}"))?;
    listed(census.of_settings(), FAULTS, worded)?;
    say::line(format!("\n{:<8} {:>8} {:>8}", "split", "pictures", "faulty"))?;
    for SplitCensus { name, pictures, faulty, .. } in &census.splits {
        say::line(format!("{name:<8} {pictures:>8} {faulty:>8}"))?;
    }
    sizes(census)?;
    if let Some(trained) = census.trained().filter(|_| !census.classes.is_empty()) {
        labels(census, trained)?;
    }
    if !census.notes.is_empty() {
        say::line("")?;
    }
    let note = |note| say::line(format!("note: {}", one_line(&worded(note))));
    census.notes.iter().try_for_each(note)?;
    let of_files = census.of_files();
    match (census.faults.len(), of_files.is_empty()) {
        (0, _) => return say::line("\nno faults"),
        (1, true) => return say::line("\n1 fault, shown above"),
        (faults, true) => return say::line(format!("\n{faults} faults, shown above")),
        (1, false) => say::line("\n1 fault")?,
        (faults, false) => say::line(format!("\n{faults} faults"))?,
    }
    listed(&of_files, FAULTS, |&(fault, count)| match (worded(fault), count) {
        (fault, 1) => fault,
        (fault, 2) => format!("{fault}; 1 more like it"),
        (fault, _) => format!("{fault}; {} more like it", count - 1),
    })
}

/// A fault or a note as the command says it.
fn worded(message: &Message) -> String {
    message.worded(&Options)
}

/// Pictures by size, those of all parts together.
fn sizes(census: &Census) -> Result<(), Failure> {
    let mut sizes: BTreeMap<[usize; 2], usize> = BTreeMap::new();
    for size in census.splits.iter().flat_map(|split| &split.sizes) {
        *sizes.entry([size.height, size.width]).or_default() += size.pictures;
    }
    let mut sizes: Vec<_> = sizes.into_iter().collect();
    sizes.sort_by_key(|&(_, pictures)| std::cmp::Reverse(pictures));
    say::line(format!("\n{:<12} {:>8}", "size", "pictures"))?;
    listed(&sizes, SIZES, |([height, width], pictures)| {
        format!("{:<12} {pictures:>8}", format!("{height}x{width}"))
    })
}

/// How much of each part is of which class, and what weights balance the part to train on.
fn labels(census: &Census, trained: &SplitCensus) -> Result<(), Failure> {
    let splits = &census.splits;
    let heads: String = splits.iter().map(|split| format!(" {:>9}", split.name)).collect();
    say::line(format!("\n{:>5} {:<20}{heads} {:>8}", "label", "class", "weight"))?;
    let shares: Vec<_> = splits.iter().map(|split| split.histogram.shares()).collect();
    let percent = |share: f64| format!(" {:>7.3} %", 100.0 * share);
    for (label, (name, weight)) in
        census.classes.iter().zip(class_weights(&trained.histogram)).enumerate()
    {
        let shares: String = shares.iter().map(|shares| percent(shares[label])).collect();
        say::line(format!("{label:>5} {:<20}{shares} {weight:>8.3}", one_line(name)))?;
    }
    if let Some(label) = census.ignore_index {
        let share = |split: &SplitCensus| {
            let (classes, ignored) = (&split.histogram.pixels, split.histogram.ignored);
            percent(ignored as f64 / (classes.iter().sum::<u64>() + ignored).max(1) as f64)
        };
        let shares: String = splits.iter().map(share).collect();
        say::line(format!("{label:>5} {:<20}{shares}", "(ignored)"))?;
    }
    let of = trained.name;
    say::line(format!(
        "class shares are of the labelled pixels, (ignored) is of all pixels; a weight is the median class \
         frequency of {of} over the frequency of the class"
    ))
}

/// A line for each of the first `most`, and how many more there are.
fn listed<T>(all: &[T], most: usize, line: impl Fn(&T) -> String) -> Result<(), Failure> {
    all.iter().take(most).try_for_each(|one| say::line(one_line(&line(one))))?;
    match all.len().saturating_sub(most) {
        0 => Ok(()),
        more => say::line(format!("and {more} more, which --json lists")),
    }
}
