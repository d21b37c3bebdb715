//! `mirrorgrad summary`.

use crate::room::Room;
use crate::settings::{SettingArgs, Shape};
use crate::{Failure, options, say};
use clap::Args;
use mirrorgrad_layers::models::Network;
use mirrorgrad_layers::{Params, summary};
use mirrorgrad_train::{Largest, MemoryEstimate, Process, check_size};
use std::path::PathBuf;
use std::process::ExitCode;

/// Pixels of a picture that is summarized, at most: a trace computes what it shows.
const MOST_PIXELS: usize = 1 << 22;

/// Options of `mirrorgrad summary`.
#[derive(Debug, Args)]
pub struct SummaryArgs {
    /// Checkpoint, run folder or model.safetensors [default: the network that the options describe]
    checkpoint: Option<PathBuf>,
    #[command(flatten)]
    settings: SettingArgs<Shape>,
    /// Height and width of the picture
    #[arg(long, value_name = "HxW", value_parser = options::size, default_value = "64x64")]
    size: [usize; 2],
    /// Number of classes, if no checkpoint is given
    #[arg(long, value_name = "N", default_value_t = 5, conflicts_with = "checkpoint", value_parser = clap::value_parser!(u16).range(1..=256))]
    classes: u16,
    /// Memory of one of so many processes that train together
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    ranks: u32,
}

/// Prints one line a layer.
pub fn run(args: &SummaryArgs) -> Result<ExitCode, Failure> {
    let given = args.settings.given();
    if args.checkpoint.is_some() && !given.is_empty() {
        let given = given.join(" ");
        return Err(Failure::new(format!(
            "summary: expected no settings together with a checkpoint, which has its own, found {given}"
        )));
    }
    let (config, classes) = match &args.checkpoint {
        Some(path) => {
            let predictor = options::predictor(path)?;
            (predictor.config().clone(), predictor.classes().len())
        }
        None => (args.settings.settings()?.resolve()?, usize::from(args.classes)),
    };
    let room = Room::now(None);
    room.check_least(&config)?;
    let network = config.network(classes);
    let [height, width] = args.size;
    check_picture(&*network, args.size)?;
    say::line(format!(
        "{:<18} {:<16} {:<20} {:>10} {:>14}",
        "layer", "kind", "output", "params", "mult-adds"
    ))?;
    let mut total = 0;
    for (call, params) in summary(&*network, &[1, 3, height, width]) {
        let shape = call.shape[1..].iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        total += call.multiply_adds;
        say::line(format!(
            "{:<18} {:<16} {shape:<20} {params:>10} {:>14}",
            call.path, call.kind, call.multiply_adds
        ))?;
    }
    let trained = Params::of(&*network).trainable_len();
    let millions = total as f64 / 1e6;
    say::line(format!("\n{trained} parameters, {millions:.1} million multiply-adds per picture"))?;
    let largest = Largest::of_all(&config, args.size);
    let process = Process { held: room.program, ranks: args.ranks as usize };
    let estimate = MemoryEstimate::of_rank(&config, classes, largest, process)?;
    memory(&estimate, config.training.pass(), args.ranks)?;
    Ok(ExitCode::SUCCESS)
}

/// Refuses pictures that are too small for a network, or larger than is tried.
pub(crate) fn check_picture(network: &dyn Network, size: [usize; 2]) -> Result<(), Failure> {
    check_size(network, "--size", size)?;
    let [height, width] = size;
    if height.saturating_mul(width) > MOST_PIXELS {
        return Err(Failure::new(format!(
            "--size: expected at most {MOST_PIXELS} pixels, found {height}x{width}"
        )));
    }
    Ok(())
}

/// What training would need of one of so many processes.
fn memory(estimate: &MemoryEstimate, batch: usize, ranks: u32) -> Result<(), Failure> {
    let mb = |bytes: usize| format!("{:.1} MB", bytes as f64 / 1e6);
    let total = mb(estimate.total());
    let each = if ranks > 1 { format!(", in each of {ranks} processes") } else { String::new() };
    say::line(format!(
        "\ntraining with {batch} such pictures per batch needs about {total} of memory{each}"
    ))?;
    let parts = [
        ("program", estimate.program),
        ("weights, gradients, optimizer, kernels", estimate.parameters),
        ("activations", estimate.activations),
        ("validation, beyond these", estimate.validation),
        ("pictures loaded ahead", estimate.pictures),
        ("files and plots, beyond these", estimate.writing),
    ];
    let exchange = (ranks > 1).then_some(("exchange of gradients", estimate.exchange));
    parts
        .iter()
        .chain(&exchange)
        .try_for_each(|(name, bytes)| say::line(format!("  {name:<40} {:>10}", mb(*bytes))))
}
