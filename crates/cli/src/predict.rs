//! `mirrorgrad predict`.

use crate::{Failure, options};
use clap::Args;
use mirrorgrad_segment::{Predictor, overlay, plots, read_picture};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `mirrorgrad predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// A checkpoint, or a run's folder (its best checkpoint is taken)
    checkpoint: PathBuf,
    /// Pictures, JPEG or PNG
    #[arg(required = true)]
    pictures: Vec<PathBuf>,
    /// Where the masks go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write STEM.png, 8-bit class indices at the picture's own size, instead of colours
    #[arg(long)]
    raw: bool,
    /// Threads to work on; all of the machine's by default
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

/// Writes a mask for each picture.
pub fn run(args: &PredictArgs) -> Result<ExitCode, Failure> {
    let predictor = Predictor::new(options::checkpoint(&args.checkpoint)?)?;
    let stems = stems(&args.pictures)?;
    fs::create_dir_all(&args.out).map_err(Failure::write(&args.out))?;
    for (stem, path) in stems {
        let picture = read_picture(path)?;
        let mask = predictor.predict(&path.display().to_string(), &picture)?;
        if args.raw {
            mask.write_grey(&args.out.join(format!("{stem}.png")))?;
        } else {
            mask.write_palette(&args.out.join(format!("{stem}_mask.png")))?;
            let out = args.out.join(format!("{stem}_overlay.png"));
            let png = plots::to_png(&overlay(&picture, &mask))
                .map_err(|error| Failure::new(format!("{}: {error}", out.display())))?;
            fs::write(&out, png).map_err(Failure::write(&out))?;
        }
    }
    println!("{} masks in {}", args.pictures.len(), args.out.display());
    Ok(ExitCode::SUCCESS)
}

/// The pictures by their names without extension, which name the results.
fn stems(pictures: &[PathBuf]) -> Result<BTreeMap<String, &Path>, Failure> {
    let mut stems = BTreeMap::new();
    for path in pictures {
        let stem = path
            .file_stem()
            .ok_or_else(|| Failure::new(format!("{}: expected a picture file", path.display())))?;
        if let Some(other) = stems.insert(stem.to_string_lossy().into_owned(), path.as_path()) {
            return Err(Failure::new(format!(
                "{}: expected names that differ, found one as {}",
                path.display(),
                other.display()
            )));
        }
    }
    Ok(stems)
}
