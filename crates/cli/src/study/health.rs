//! `mirrorgrad study health`.

use crate::{Failure, options, say};
use clap::Args;
use mirrorgrad_data::one_line;
use mirrorgrad_layers::weights::{NamedTensors, some_of};
use mirrorgrad_study::{FilterHealth, Refusal, filters};
use mirrorgrad_tensor::{Tensor, Window};
use mirrorgrad_train::{Checkpoint, read_weights};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `mirrorgrad study health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Run folder, checkpoint or safetensors file
    weights: PathBuf,
    /// Text that the names of the weights contain
    #[arg(long, value_name = "NAME", default_value = "ups.")]
    tensor: String,
    /// Stride of their layers
    #[arg(long, value_name = "S", value_parser = options::pair, default_value = "2")]
    stride: [usize; 2],
    /// Padding of their layers
    #[arg(long, value_name = "P", value_parser = options::pair, default_value = "1")]
    padding: [usize; 2],
    /// Dilation of their layers
    #[arg(long, value_name = "D", value_parser = options::pair, default_value = "1")]
    dilation: [usize; 2],
    /// Print one JSON object only
    #[arg(long)]
    json: bool,
}

/// Shows what the phases of learned transposed convolutions are worth.
pub fn run(args: &HealthArgs) -> Result<ExitCode, Failure> {
    let tensors = read(&args.weights)?;
    let chosen = tensors.iter().filter(|(name, t)| name.contains(&args.tensor) && t.rank() == 4);
    let each: Vec<_> = chosen
        .map(|(name, t)| Ok((name, health(args, name, t)?)))
        .collect::<Result<_, Failure>>()?;
    if each.is_empty() {
        let expected = format!("weights of four axes whose names contain {:?}", args.tensor);
        return Err(Refusal::expected("--tensor", expected, some_of(tensors.keys())).into());
    }
    if args.json {
        let object: serde_json::Map<_, _> =
            each.iter().map(|(name, filters)| (name.to_string(), json!(filters))).collect();
        say::line(serde_json::Value::Object(object))?;
        return Ok(ExitCode::SUCCESS);
    }
    for (name, filters) in each {
        let Some(FilterHealth { health, .. }) = filters.first() else {
            say::line(format!("{}: no channels", one_line(name)))?;
            continue;
        };
        say::line(format!(
            "{}: {:?}, taps by phase {:?}",
            one_line(name),
            health.verdict,
            health.taps
        ))?;
        for FilterHealth { channel, health, unevenness } in &filters {
            let gains: Vec<String> =
                health.gain.iter().flatten().map(|gain| format!("{gain:7.3}")).collect();
            let spread = match unevenness {
                Some(share) => format!("{:.1} % spread", share * 100.0),
                None => "around zero, so no spread relative to the mean".to_owned(),
            };
            say::line(format!("  channel {channel:>3}  gain{}  {spread}", gains.join("")))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn health(args: &HealthArgs, name: &str, tensor: &Tensor) -> Result<Vec<FilterHealth>, Failure> {
    let [_, _, height, width] = tensor.dims();
    let window = Window {
        stride: args.stride,
        dilation: args.dilation,
        pad_before: args.padding,
        pad_after: args.padding,
        ..Window::new([height, width])
    };
    // The phases are the same for every size: one that has a pixel of each.
    let geometry = window.transposed([height + 1, width + 1]);
    let geometry = geometry.map_err(|error| Refusal::new(format!("{name}: {error}")))?;
    super::check_steps(&geometry)?;
    Ok(filters(&geometry, &tensor.cast()))
}

fn read(path: &Path) -> Result<NamedTensors<f32>, Failure> {
    if path.extension().is_some_and(|extension| extension == "safetensors") {
        return Ok(read_weights(path)?);
    }
    Ok(Checkpoint::read(&Checkpoint::file_at(path)?)?.weights)
}
