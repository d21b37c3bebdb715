//! `mirrorgrad export`.

use crate::{Failure, options, say};
use clap::Args;
use mirrorgrad_data::{shown, write_whole};
use mirrorgrad_layers::weights::{state_dict, to_safetensors};
use mirrorgrad_onnx::Interface;
use mirrorgrad_study::{Array, to_npz};
use mirrorgrad_train::{Predictor, batch};
use serde_json::json;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `mirrorgrad export`.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Checkpoint, run folder (its best checkpoint is used) or model.safetensors
    checkpoint: PathBuf,
    /// Output file; its extension selects the format: .onnx for the network, .safetensors or .npz for its weights
    #[arg(value_parser = format)]
    out: Out,
}

/// A file and what it is to be.
#[derive(Clone, Debug)]
struct Out {
    path: PathBuf,
    format: Format,
}

#[derive(Clone, Copy, Debug)]
enum Format {
    Onnx,
    Safetensors,
    Npz,
}

fn format(text: &str) -> Result<Out, String> {
    let path = PathBuf::from(text);
    let format = match path.extension().and_then(|extension| extension.to_str()) {
        Some("onnx") => Format::Onnx,
        Some("safetensors") => Format::Safetensors,
        Some("npz") => Format::Npz,
        _ => return Err("expected a name that ends with .onnx, .safetensors or .npz".to_string()),
    };
    Ok(Out { path, format })
}

/// Height and width from which a network must take pictures: it is watched at work on some four times
/// as large.
const MOST_SIDE: usize = 256;

/// Writes the network.
pub fn run(args: &ExportArgs) -> Result<ExitCode, Failure> {
    let predictor = options::predictor(&args.checkpoint)?;
    let Out { path, format } = &args.out;
    let bytes = match format {
        Format::Onnx => onnx(&predictor, &args.checkpoint)?,
        Format::Safetensors => to_safetensors(&state_dict(predictor.network())),
        Format::Npz => {
            let tensors = state_dict(predictor.network()).into_iter();
            to_npz(&tensors.map(|(name, tensor)| (name, Array::F32(tensor))).collect())?
        }
    };
    write_whole(path, &bytes)?;
    say::line(format!("{} bytes in {}", bytes.len(), shown(path)))?;
    Ok(ExitCode::SUCCESS)
}

fn onnx(predictor: &Predictor, checkpoint: &Path) -> Result<Vec<u8>, Failure> {
    let network = predictor.network();
    let smallest = network.smallest_input();
    if smallest > MOST_SIDE {
        return Err(Failure::new(format!(
            "{}: expected a network whose smallest picture side is at most {MOST_SIDE}, found {smallest}: \
             export runs the network on pictures of that size",
            shown(checkpoint)
        )));
    }
    let text = |value: serde_json::Value| value.to_string();
    let mut metadata = vec![
        ("classes".to_string(), text(predictor.classes().into())),
        ("mean".to_string(), text([batch::MEAN; 3].as_slice().into())),
        ("deviation".to_string(), text([batch::DEVIATION; 3].as_slice().into())),
        ("pixels".to_string(), "RGB; (byte / 255 - mean) / deviation".to_string()),
    ];
    if let Some(size) = predictor.config().data.folder.size {
        // Pictures were brought to it before the network saw them.
        metadata.push(("size".to_string(), text(size.as_slice().into())));
    }
    if let Some(range) = predictor.config().data.folder.range {
        // The bytes are those that it made of the pictures' numbers.
        metadata.push(("range".to_string(), text(json!(range))));
    }
    let interface = Interface { smallest: network.smallest_input(), metadata, ..Interface::new(3) };
    mirrorgrad_onnx::export(network, &interface)
        .map_err(|error| Failure::new(format!("{}: {error}", shown(checkpoint))))
}
