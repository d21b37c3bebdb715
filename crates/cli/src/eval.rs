//! `mirrorgrad eval`.

use crate::{Failure, options, say};
use clap::Args;
use mirrorgrad_segment::{Config, Folder, Loader, Part, evaluate, loader, one_line};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `mirrorgrad eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// A checkpoint, a run's folder (its best checkpoint is taken), or a model.safetensors
    checkpoint: PathBuf,
    /// A folder of pictures and masks; the run's own data without
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Which of them [default: val, or all of a folder that has no such part]
    #[arg(long, value_enum)]
    part: Option<PartName>,
    /// The label of pixels that count for nothing; the run's own without
    #[arg(long, value_name = "LABEL")]
    ignore_index: Option<u8>,
    /// Print one JSON object and nothing else
    #[arg(long)]
    json: bool,
    /// Threads to work on; all of the machine's by default
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum PartName {
    /// The pictures to validate on
    Val,
    /// The pictures to train on
    Train,
    /// Both
    All,
    /// The pictures to test on in the end, where the layout has them
    Test,
}

/// Measures a trained network.
pub fn run(args: &EvalArgs) -> Result<ExitCode, Failure> {
    let predictor = options::predictor(&args.checkpoint)?;
    let mut config = predictor.config().clone();
    if args.data.is_some() {
        config.data.dir = args.data.clone();
        // It may be laid out otherwise than the run's own.
        config.data.folder = config.data.folder.elsewhere();
    }
    if args.ignore_index.is_some() {
        config.data.folder.ignore_index = args.ignore_index;
    }
    config.ask_folder()?;
    let dataset = config.open(part(args.part, &config)?)?;
    if dataset.classes() != predictor.classes() {
        return Err(Failure::new(format!(
            "the data's classes: expected {:?}, as the network's, found {:?}",
            predictor.classes(),
            dataset.classes()
        )));
    }
    let mut batches = loader(&config, dataset);
    if config.data.dir.is_some() && config.data.folder.size.is_none() {
        // Pictures may have any size, each its own.
        batches = Loader { batch: 1, ..batches };
    }
    let evaluation = evaluate(predictor.network(), &batches)?;
    let confusion = &evaluation.confusion;
    let (miou, averaged) = confusion.mean_iou();
    if args.json {
        let object = json!({
            "loss": evaluation.loss,
            "miou": miou,
            "classes_averaged": averaged,
            "pixel_accuracy": confusion.pixel_accuracy(),
            "mean_accuracy": confusion.mean_accuracy(),
            "frequency_weighted_iou": confusion.frequency_weighted_iou(),
            "classes": predictor.classes(),
            "iou": confusion.iou(),
            "dice": confusion.dice(),
        });
        say::line(object)?;
        return Ok(ExitCode::SUCCESS);
    }
    say::line(format!("loss            {:.4}", evaluation.loss))?;
    say::line(format!("pixel accuracy  {:.4}", confusion.pixel_accuracy()))?;
    say::line(format!("mIoU            {miou:.4} over {averaged} classes"))?;
    say::line(format!("\n{:<20} {:>8} {:>8}", "class", "IoU", "dice"))?;
    let show = |value: Option<f64>| value.map_or("absent".to_string(), |v| format!("{v:.4}"));
    for ((name, iou), dice) in predictor.classes().iter().zip(confusion.iou()).zip(confusion.dice())
    {
        let name = one_line(name);
        say::line(format!("{name:<20} {:>8} {:>8}", show(iou), show(dice)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn part(asked: Option<PartName>, config: &Config) -> Result<Part, Failure> {
    Ok(match asked {
        Some(PartName::Val) => Part::Validation,
        Some(PartName::Train) => Part::Train,
        Some(PartName::All) => Part::All,
        Some(PartName::Test) => Part::Test,
        None => {
            let folder = &config.data.folder;
            let divided = match &config.data.dir {
                None => true,
                Some(dir) => {
                    Folder::has_validation(dir, folder)? || folder.validation_split.is_some()
                }
            };
            if divided { Part::Validation } else { Part::All }
        }
    })
}
