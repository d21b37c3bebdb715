//! `mirrorgrad op`.

use crate::Failure;
use clap::Args;
use mirrorgrad_data::write_whole;
use mirrorgrad_study::{arrays, from_npz, operate, to_npz};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `mirrorgrad op`.
#[derive(Debug, Args)]
pub struct OpArgs {
    /// Operation, such as conv_transpose2d
    name: String,
    /// Operands, a .safetensors or .npz file: input, weight, bias, ..., and grad_output for gradients
    #[arg(long = "in", value_name = "IN.safetensors")]
    input: PathBuf,
    /// Output file: .npz if it has that extension, otherwise safetensors
    #[arg(long, value_name = "OUT.safetensors")]
    out: PathBuf,
    /// Attributes, such as '{"stride": [2, 2], "padding": "same_upper"}'
    #[arg(long, value_name = "JSON", default_value = "{}")]
    attrs: String,
}

/// Most bytes of a file of operands, packed or not.
const MOST_BYTES: u64 = 1 << 30;

/// Does one operation on a file's tensors and writes another file.
pub fn run(args: &OpArgs) -> Result<ExitCode, Failure> {
    let bytes = read(&args.input)?;
    let inputs =
        if is_npz(&args.input) { from_npz(&bytes, MOST_BYTES)? } else { arrays::read(&bytes)? };
    let outputs = operate(&args.name, &args.attrs, &inputs)?;
    let bytes = if is_npz(&args.out) { to_npz(&outputs)? } else { arrays::write(&outputs) };
    write_whole(&args.out, &bytes)?;
    Ok(ExitCode::SUCCESS)
}

fn is_npz(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "npz")
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(Failure::read(path))?;
    file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(Failure::read(path))?;
    if bytes.len() as u64 > MOST_BYTES {
        let line = format!("{}: expected at most {MOST_BYTES} bytes, found more", path.display());
        return Err(Failure::new(line));
    }
    Ok(bytes)
}
