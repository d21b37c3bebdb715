//! `mirrorgrad eval`.

use crate::{Failure, options};
use clap::Args;
use mirrorgrad_segment::{Part, Predictor, evaluate, loader};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;

/// Options of `mirrorgrad eval`.
#[derive(Debug, Args)]
pub struct EvalArgs {
    /// A checkpoint, or a run's folder (its best checkpoint is taken)
    checkpoint: PathBuf,
    /// A folder of pictures and masks; the run's own data without
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Which of them
    #[arg(long, value_enum, default_value_t = PartName::Val)]
    part: PartName,
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
}

/// Measures a trained network.
pub fn run(args: &EvalArgs) -> Result<ExitCode, Failure> {
    let predictor = Predictor::new(options::checkpoint(&args.checkpoint)?)?;
    let mut config = predictor.config().clone();
    if args.data.is_some() {
        config.data.dir = args.data.clone();
        config.data.folder.validation_split = None;
    }
    if args.ignore_index.is_some() {
        config.data.folder.ignore_index = args.ignore_index;
    }
    let part = match args.part {
        PartName::Val => Part::Validation,
        PartName::Train => Part::Train,
        PartName::All => Part::All,
    };
    let dataset = config.open(part)?;
    if dataset.classes() != predictor.classes() {
        return Err(Failure::new(format!(
            "the data's classes: expected {:?}, as the network's, found {:?}",
            predictor.classes(),
            dataset.classes()
        )));
    }
    let evaluation = evaluate(predictor.network(), &loader(&config, dataset))?;
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
        println!("{object}");
        return Ok(ExitCode::SUCCESS);
    }
    println!("loss            {:.4}", evaluation.loss);
    println!("pixel accuracy  {:.4}", confusion.pixel_accuracy());
    println!("mIoU            {miou:.4} over {averaged} classes");
    println!("\n{:<20} {:>8} {:>8}", "class", "IoU", "dice");
    let show = |value: Option<f64>| value.map_or("absent".to_string(), |v| format!("{v:.4}"));
    for ((name, iou), dice) in predictor.classes().iter().zip(confusion.iou()).zip(confusion.dice())
    {
        println!("{name:<20} {:>8} {:>8}", show(iou), show(dice));
    }
    Ok(ExitCode::SUCCESS)
}
