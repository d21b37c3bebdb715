//! `mirrorgrad eval`.

mod csv;

use self::csv::PerPicture;
use crate::options;
use crate::room::Room;
use crate::settings::{Reading, SettingArgs};
use crate::{Failure, ranks, say};
use clap::Args;
use mirrorgrad_data::{Folder, Loader, Split, one_line, shown};
use mirrorgrad_train::{Config, Evaluation, Predictor, evaluate_among, evaluate_each, loader};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `mirrorgrad eval`. What is left out is as the run had it.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// Checkpoint, run folder (its best checkpoint is used) or model.safetensors
    checkpoint: PathBuf,
    /// Folder of pictures and masks [default: the run's data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Split to evaluate on [default: val, or all if the folder has no such split]
    #[arg(long, visible_alias = "part", value_enum)]
    split: Option<SplitName>,
    #[command(flatten)]
    reading: SettingArgs<Reading>,
    /// Write the scores per picture as CSV, one line each
    #[arg(long, value_name = "FILE")]
    csv: Option<PathBuf>,
    /// Print one JSON object only
    #[arg(long)]
    json: bool,
    /// Refuse to evaluate if it needs more megabytes than this [default: 80 % of the memory limit]
    #[arg(long, value_name = "MB")]
    max_memory: Option<usize>,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum SplitName {
    /// The validation pictures
    Val,
    /// The training pictures
    Train,
    /// Both
    All,
    /// The test pictures, if the layout has them
    Test,
}

/// Measures a trained network.
pub fn run(args: &EvalArgs) -> Result<ExitCode, Failure> {
    let Asked { predictor, config, split, batches } = ranks::agreed(asked(args))?;
    let (ranks, network) = (ranks::own(), predictor.network());
    let evaluation = match &args.csv {
        None => evaluate_among(&*ranks, network, &batches)?,
        Some(path) => {
            let mut scores = PerPicture::new(predictor.classes())?;
            let add = |name: &str, one: &Evaluation| scores.add(name, one);
            let all = evaluate_each(&*ranks, network, &batches, add)?;
            if ranks.rank() == 0 {
                scores.write(path)?;
            }
            all
        }
    };
    let pictures = batches.dataset.len();
    let what = Measured { split: name(split), pictures, config: &config };
    if args.json {
        what.json(&predictor, &evaluation)
    } else {
        what.print(&predictor, &evaluation)
    }?;
    Ok(ExitCode::SUCCESS)
}

/// A network, and what it is measured on.
struct Asked {
    predictor: Predictor,
    config: Config,
    split: Split,
    batches: Loader,
}

/// What the options ask for, if it goes together.
fn asked(args: &EvalArgs) -> Result<Asked, Failure> {
    let predictor = options::predictor(&args.checkpoint)?;
    let mut config = data(args, predictor.config())?;
    config.ask_folder()?;
    let split = chosen_split(args.split, &config)?;
    if split == Split::Test && config.data.dir.is_none() {
        let expected = "train, val or all of the built-in shapes";
        return Err(Failure::new(format!("--split: expected {expected}, found test")));
    }
    let dataset = config.open(split)?;
    if dataset.classes() != predictor.classes() {
        return Err(Failure::new(format!(
            "the data's classes: expected {:?}, like the network's, found {:?}",
            predictor.classes(),
            dataset.classes()
        )));
    }
    let mut batches = loader(&config, dataset);
    if config.data.dir.is_some() && config.data.folder.size.is_none() {
        // Pictures may have any size, each its own.
        batches = Loader { batch: 1, ..batches };
    }
    Room::now(args.max_memory).check_evaluation(&predictor, &batches)?;
    Ok(Asked { predictor, config, split, batches })
}

/// The run's configuration with the data that are asked for.
fn data(args: &EvalArgs, of_run: &Config) -> Result<Config, Failure> {
    let mut config = of_run.clone();
    let folder = &mut config.data.folder;
    if let Some(dir) = &args.data {
        config.data.dir = Some(dir.clone());
        if !folder.split.as_ref().is_some_and(|split| split.is_in(dir)) {
            // Other data, which may be laid out and divided otherwise than the run's own.
            *folder = folder.clone().elsewhere();
        }
    }
    if args.reading.given().iter().any(|given| given == "--val-split" || given == "--layout") {
        folder.split = None;
    }
    Ok(args.reading.settings()?.over(&config)?)
}

/// What was measured.
struct Measured<'a> {
    split: &'static str,
    pictures: usize,
    config: &'a Config,
}

impl Measured<'_> {
    fn json(&self, predictor: &Predictor, evaluation: &Evaluation) -> Result<(), Failure> {
        let confusion = &evaluation.confusion;
        let (miou, averaged) = confusion.mean_iou();
        say::line(json!({
            "split": self.split,
            "pictures": self.pictures,
            "loss": evaluation.loss,
            "miou": miou,
            "classes_averaged": averaged,
            "pixel_accuracy": confusion.pixel_accuracy(),
            "mean_accuracy": confusion.mean_accuracy(),
            "frequency_weighted_iou": confusion.frequency_weighted_iou(),
            "classes": predictor.classes(),
            "iou": confusion.iou(),
            "dice": confusion.dice(),
        }))
    }

    fn print(&self, predictor: &Predictor, evaluation: &Evaluation) -> Result<(), Failure> {
        let confusion = &evaluation.confusion;
        let (miou, averaged) = confusion.mean_iou();
        let dir = self.config.data.dir.as_deref();
        let of = dir.map_or_else(|| "the built-in shapes".to_owned(), shown);
        let plural = if self.pictures == 1 { "" } else { "s" };
        say::line(format!(
            "data            {} of {of}, {} picture{plural}",
            self.split, self.pictures
        ))?;
        say::line(format!("loss            {:.4}", evaluation.loss))?;
        say::line(format!("pixel accuracy  {:.4}", confusion.pixel_accuracy()))?;
        say::line(format!("mIoU            {miou:.4} over {averaged} classes"))?;
        say::line(format!("\n{:<20} {:>8} {:>8}", "class", "IoU", "dice"))?;
        let show = |value: Option<f64>| value.map_or("absent".to_string(), |v| format!("{v:.4}"));
        let scores = confusion.iou().into_iter().zip(confusion.dice());
        for (class, (iou, dice)) in predictor.classes().iter().zip(scores) {
            let class = one_line(class);
            say::line(format!("{class:<20} {:>8} {:>8}", show(iou), show(dice)))?;
        }
        Ok(())
    }
}

/// A part's name in what is told.
fn name(split: Split) -> &'static str {
    match split {
        Split::Validation => "val",
        Split::Train => "train",
        Split::All => "all",
        Split::Test => "test",
    }
}

fn chosen_split(asked: Option<SplitName>, config: &Config) -> Result<Split, Failure> {
    Ok(match asked {
        Some(SplitName::Val) => Split::Validation,
        Some(SplitName::Train) => Split::Train,
        Some(SplitName::All) => Split::All,
        Some(SplitName::Test) => Split::Test,
        None => {
            let folder = &config.data.folder;
            let divided = match &config.data.dir {
                None => true,
                Some(dir) => {
                    folder.split.is_some()
                        || folder.validation_split.is_some()
                        || Folder::has_validation(dir, folder)?
                }
            };
            if divided { Split::Validation } else { Split::All }
        }
    })
}
