//! `mirrorgrad train`.

use crate::room::Room;
use crate::settings::{Options, Run, SettingArgs};
use crate::watch::{Terminal, signal_code};
use crate::{Failure, ranks, say};
use clap::Args;
use mirrorgrad_data::{Dataset, Message, Sample, one_line, shown, to_png, write_whole};
use mirrorgrad_report::{Environment, plots};
use mirrorgrad_train::{
    Checkpoint, ClassWeights, Config, EpochMetrics, Outcome, Predictor, RunFolder, Settings,
    Trainer, check_alike, exchange,
};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Rows of the picture grid that a run leaves.
const GRID_ROWS: usize = 8;

/// Options of `mirrorgrad train`. Settings left out have their defaults, or come from the checkpoint.
#[derive(Debug, Args)]
pub struct TrainArgs {
    /// Run folder [default: the next number in runs/]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Continue the run in --out from its last checkpoint; with =auto if there is one, and else begin it
    #[arg(long, requires = "out", value_name = "WHEN", num_args = 0..=1, require_equals = true, default_missing_value = "always")]
    resume: Option<Resume>,
    /// Stretch the learning rate schedule over all --epochs; needed to add epochs unless the schedule is constant
    #[arg(long, requires = "resume", requires = "epochs")]
    stretch_schedule: bool,
    /// Try every stage once: one epoch of two batches, in a temporary folder
    #[arg(long, conflicts_with_all = ["out", "resume"])]
    fast_dev_run: bool,
    /// Draw the first batch as the network sees it, pictures beside masks, and exit
    #[arg(long, value_name = "FILE", conflicts_with_all = ["out", "resume", "fast_dev_run"])]
    show_batch: Option<PathBuf>,
    /// Refuse to train if it needs more megabytes than this [default: 80 % of the memory limit]
    #[arg(long, value_name = "MB")]
    max_memory: Option<usize>,
    /// Number of threads; results do not depend on it [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
    /// Of several processes: end all if one leaves the others without an answer for so long
    #[arg(long, value_name = "SECONDS", default_value = "600", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) collective_timeout: u64,
    #[command(flatten)]
    settings: SettingArgs<Run>,
}

/// When a run is continued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Resume {
    /// In any case: without a checkpoint it is an error
    Always,
    /// If there is a checkpoint
    Auto,
}

/// Trains, and leaves a run's folder.
pub fn run(args: &TrainArgs) -> Result<ExitCode, Failure> {
    let room = Room::now(args.max_memory);
    if let Some(file) = args.show_batch.as_ref().filter(|_| ranks::own().rank() == 0) {
        return show_batch(&new(args.settings.settings()?, room)?, file);
    }
    if args.show_batch.is_some() {
        return Ok(ExitCode::SUCCESS);
    }
    if args.fast_dev_run {
        return try_once(args.settings.settings()?, room);
    }
    let (trainer, folder) = made(args, room)?;
    say::progress(format!("run folder {folder}"));
    let asked = trainer.config().training.epochs;
    let Trained { outcome, history, code } = train(trainer, &folder)?;
    match outcome {
        Outcome::Finished => {
            let scores = history.iter().map(|metrics| metrics.val_miou);
            if let Some(best) = scores.reduce(f64::max) {
                let done = history.len();
                let early = if done < asked { ", stopped early" } else { "" };
                say::progress(format!("done{early}: best validation mIoU {best:.4}, see {folder}"));
            }
        }
        Outcome::Stopped => {
            let out = folder.path().to_string_lossy();
            let out = shlex::try_quote(&out).unwrap_or_else(|_| folder.to_string().into());
            say::progress(format!("stopped; resume with: mirrorgrad train --resume --out {out}"));
        }
    }
    Ok(code)
}

/// What training came to.
struct Trained {
    outcome: Outcome,
    history: Vec<EpochMetrics>,
    /// For the process to end with.
    code: ExitCode,
}

/// Trains until the end or a signal, and draws what it came to.
fn train(mut trainer: Trainer, folder: &RunFolder) -> Result<Trained, Failure> {
    let note = |note: &Message| format!("note: {}", one_line(&note.worded(&Options)));
    trainer.notes().iter().for_each(|text| say::aside(note(text)));
    let mut watch = Terminal::new(trainer.config().training.epochs)?;
    let ranks = ranks::own();
    if ranks.rank() == 0 {
        record_environment(folder)?;
    }
    let outcome = trainer.run(folder, &mut watch)?;
    watch.finish();
    // Whichever of the processes it was sent to.
    let signal = exchange(&*ranks, Ok::<_, Failure>(watch.signal()))?.into_iter().max();
    let code = match outcome {
        Outcome::Finished => ExitCode::SUCCESS,
        Outcome::Stopped => ExitCode::from(signal_code(signal.unwrap_or(0))),
    };
    if ranks.rank() > 0 {
        let (history, _) = trainer.into_history();
        return Ok(Trained { outcome, history, code });
    }
    record_environment(folder)?;
    let (history, validation) = trainer.into_history();
    draw(&history, &*validation, folder)?;
    mirrorgrad_report::write(folder, &validation)?;
    // Looking takes memory too.
    record_environment(folder)?;
    Ok(Trained { outcome, history, code })
}

/// Notes what trains a run, beside it.
fn record_environment(folder: &RunFolder) -> Result<(), Failure> {
    Environment::record_here(folder)?.into_iter().for_each(|notice| say::aside(one_line(&notice)));
    Ok(())
}

/// The run that is asked for, on every process of the command, and the folder that the first of them keeps it in.
fn made(args: &TrainArgs, room: Room) -> Result<(Trainer, RunFolder), Failure> {
    let ranks = ranks::own();
    let settings = args.settings.settings();
    let asked =
        settings.as_ref().map_err(Failure::clone).and_then(|settings| asked(args, settings));
    let asked = exchange(&*ranks, asked)?.swap_remove(ranks.rank());
    check_alike(&*ranks, "options", &asked)?;
    let settings = settings?;
    let out = args.out.as_deref();
    let resumed = out.is_some_and(|out| is_resumed(args, out));
    // The first process has the folder.
    let resumed = exchange(&*ranks, Ok::<_, Failure>(resumed))?[0];
    let mut folder = None;
    let trainer = Trainer::among(Arc::clone(&ranks), settings.data_dir(), || {
        match out.filter(|_| resumed) {
            Some(out) => {
                let (trainer, own) = resume(out, args, room)?;
                folder = Some(own);
                Ok(trainer)
            }
            None => new(settings, room),
        }
    })?;
    if ranks.ranks() > 1 {
        // Each may have other room.
        ranks::agreed(room.check_run(&trainer))?;
    }
    // Everything that can be wrong has been found before a folder is made.
    let folder = match folder {
        Some(folder) => Ok(folder),
        None if ranks.rank() > 0 => Ok(RunFolder::of_first_rank(out.unwrap_or(Path::new("runs")))),
        None => out.map_or_else(|| RunFolder::next(Path::new("runs")), RunFolder::create),
    };
    let folder = ranks::agreed(folder.map_err(Failure::from))?;
    if !resumed {
        // The first file in it is what the run can go on from.
        trainer.begin(&folder)?;
    }
    Ok((trainer, folder))
}

/// What all processes of a command must be asked alike; each may have its own way to the pictures.
fn asked(args: &TrainArgs, settings: &Settings) -> Result<String, Failure> {
    let mut config = settings.over(&Config::default())?;
    config.data.dir = None;
    let TrainArgs { out, resume, stretch_schedule, .. } = args;
    Ok(format!("{out:?} {resume:?} {stretch_schedule} {config:?}"))
}

/// Whether the run in a folder is continued.
fn is_resumed(args: &TrainArgs, out: &Path) -> bool {
    match args.resume {
        None => false,
        Some(Resume::Always) => true,
        Some(Resume::Auto) => RunFolder::open(out).is_ok_and(|folder| folder.last().exists()),
    }
}

/// The run in a folder. Its pictures may have moved, and it may get more epochs; everything else it knows.
fn resume(out: &Path, args: &TrainArgs, room: Room) -> Result<(Trainer, RunFolder), Failure> {
    let settings = args.settings.settings()?;
    let folder = RunFolder::resume(out)?;
    let (mut checkpoint, notice) = folder.read_last()?;
    match args.resume {
        // The same command as before, which says all again.
        Some(Resume::Auto) => check_same(&settings, &checkpoint.config)?,
        _ => check_nothing_else(&args.settings)?,
    }
    if let Some(notice) = notice {
        say::aside(one_line(&notice.worded(&Options)));
    }
    if let Some(dir) = settings.data_dir() {
        checkpoint.config.data.dir = Some(dir);
    }
    let mut trainer = Trainer::resume(checkpoint)?;
    let own = trainer.config().training.epochs;
    if let Some(epochs) = settings.epochs().filter(|&epochs| epochs != own) {
        say::progress(match args.stretch_schedule {
            true => trainer.stretch(epochs)?,
            false => trainer.extend(epochs)?,
        });
    }
    room.check_run(&trainer)?;
    Ok((trainer, folder))
}

/// Refuses settings of a run that has its own.
fn check_nothing_else(settings: &SettingArgs<Run>) -> Result<(), Failure> {
    let allowed = ["--data", "--epochs"];
    let given = settings.given().into_iter();
    let given: Vec<_> = given.filter(|given| !allowed.contains(&given.as_str())).collect();
    if given.is_empty() {
        return Ok(());
    }
    let given = given.join(" ");
    Err(Failure::new(format!(
        "--resume: expected no other settings than --data and --epochs, since the run has its own, found {given}"
    )))
}

/// Refuses settings that are not those of the run.
fn check_same(settings: &Settings, own: &Config) -> Result<(), Failure> {
    let mut asked = settings.over(own)?;
    (asked.data.dir, asked.training.epochs) = (own.data.dir.clone(), own.training.epochs);
    if let Some(ClassWeights::Named(_)) = asked.training.class_weights {
        // The run has what was counted.
        asked.training.class_weights = own.training.class_weights.clone();
    }
    let [asked, own] = [&asked, own].map(mirrorgrad_report::settings);
    match asked.iter().find(|(key, value)| own.get(*key) != Some(*value)) {
        None => Ok(()),
        Some((key, value)) => {
            let own = own.get(key).map_or("none".to_owned(), ToString::to_string);
            Err(Failure::new(format!(
                "--resume=auto: {key}: expected {own} as in the run, found {value}"
            )))
        }
    }
}

/// A run of these settings.
fn new(settings: Settings, room: Room) -> Result<Trainer, Failure> {
    let config = settings.resolve()?;
    room.check_least(&config)?;
    let trainer = Trainer::new(config)?;
    room.check_run(&trainer)?;
    Ok(trainer)
}

/// A run as it is asked for, but short, and without a trace.
fn try_once(mut settings: Settings, room: Room) -> Result<ExitCode, Failure> {
    for short in ["training.epochs=1", "training.limit_batches=2"] {
        settings.set_text(short)?;
    }
    let place = tempfile::tempdir()
        .map_err(|error| Failure::new(format!("cannot create a temporary folder: {error}")))?;
    let trainer =
        Trainer::among(ranks::own(), settings.data_dir(), || new(settings.clone(), room))?;
    let Trained { outcome, code, .. } = train(trainer, &RunFolder::create(place.path())?)?;
    say::progress(match outcome {
        Outcome::Finished => "everything works; the temporary run folder is removed",
        Outcome::Stopped => "stopped; the temporary run folder is removed",
    });
    Ok(code)
}

fn show_batch(trainer: &Trainer, file: &Path) -> Result<ExitCode, Failure> {
    let sheet = plots::batch_sheet(&trainer.next_batch()?);
    let png =
        to_png(&sheet).map_err(|error| Failure::new(format!("{}: {error}", file.display())))?;
    write_whole(file, &png)?;
    say::progress(format!("the first batch is in {}", shown(file)));
    Ok(ExitCode::SUCCESS)
}

/// The curves, and the best network's predictions for the first validation pictures.
fn draw(
    history: &[EpochMetrics],
    validation: &dyn Dataset,
    folder: &RunFolder,
) -> Result<(), Failure> {
    if history.is_empty() {
        return Ok(());
    }
    let curves = plots::curves(history).map_err(|error| {
        Failure::new(format!("{folder}: the curves cannot be plotted: {error}"))
    })?;
    let png = to_png(&curves).map_err(|error| Failure::new(format!("{folder}: {error}")))?;
    folder.write("curves.png", &png)?;
    let predictor = Predictor::new(Checkpoint::read(&folder.best())?)?;
    let predict = |sample: &Sample| predictor.predict(&sample.name, &sample.picture);
    Ok(folder
        .write_streamed("grid.png", |out| plots::write_grid(validation, GRID_ROWS, predict, out))?)
}
