//! `mirrorgrad predict`.

mod pictures;

use crate::options;
use crate::room::{Gate, Room};
use crate::{Failure, say};
use clap::Args;
use mirrorgrad_data::{overlay, shown, to_png, write_whole};
use mirrorgrad_study::{Array, to_npy};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `mirrorgrad predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// Checkpoint, run folder (its best checkpoint is used) or model.safetensors
    checkpoint: PathBuf,
    /// Pictures (JPEG, PNG, BMP, GIF, TIFF, WebP) or folders of them. Pictures are rotated by their EXIF orientation,
    /// and so are their masks. Other files in a folder are ignored
    #[arg(required = true)]
    pictures: Vec<PathBuf>,
    /// Folder for the masks, named after their pictures; pictures with equal names keep their folders
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write STEM.png with 8-bit class indices, in the size of the picture, instead of colours
    #[arg(long)]
    raw: bool,
    /// Write STEM.npy with the scores, [classes, height, width], instead of masks
    #[arg(long, conflicts_with = "raw")]
    scores: bool,
    /// Refuse a picture that needs more megabytes than this [default: 80 % of the memory limit]
    #[arg(long, value_name = "MB")]
    max_memory: Option<usize>,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

/// Writes a mask for each picture.
pub fn run(args: &PredictArgs) -> Result<ExitCode, Failure> {
    let predictor = options::predictor(&args.checkpoint)?;
    let pictures = pictures::all(&args.pictures)?;
    let names = pictures::names(&pictures)?;
    fs::create_dir_all(&args.out).map_err(Failure::write(&args.out))?;
    let suffixes: &[&str] = match args {
        PredictArgs { scores: true, .. } => &[".npy"],
        PredictArgs { raw: true, .. } => &[".png"],
        _ => &["_mask.png", "_overlay.png"],
    };
    let out = |name: &Path, suffix: &str| {
        let mut out = args.out.join(name).into_os_string();
        out.push(suffix);
        PathBuf::from(out)
    };
    for name in names.keys() {
        suffixes.iter().try_for_each(|suffix| {
            pictures::check_not_overwritten(&out(name, suffix), &pictures)
        })?;
    }
    let mut gate = Gate::new(&predictor, Room::now(args.max_memory));
    for (name, path) in names {
        let picture = predictor.read_picture(path)?;
        gate.check(path, &picture)?;
        let folder = args.out.join(&name).parent().map_or(args.out.clone(), Path::to_owned);
        fs::create_dir_all(&folder).map_err(Failure::write(&folder))?;
        if args.scores {
            let scores = predictor.scores(&shown(path), &picture)?;
            write_whole(&out(&name, ".npy"), &to_npy(&Array::F32(scores)))?;
            continue;
        }
        let mask = predictor.predict(&shown(path), &picture)?;
        if args.raw {
            mask.write_grey(&out(&name, ".png"))?;
        } else {
            mask.write_palette(&out(&name, "_mask.png"))?;
            let out = out(&name, "_overlay.png");
            let png = to_png(&overlay(&picture, &mask))
                .map_err(|error| Failure::new(format!("{}: {error}", out.display())))?;
            write_whole(&out, &png)?;
        }
    }
    let [one, many] =
        if args.scores { ["file of scores", "files of scores"] } else { ["mask", "masks"] };
    let count = pictures.len();
    let what = if count == 1 { one } else { many };
    say::line(format!("{count} {what} in {}", shown(&args.out)))?;
    Ok(ExitCode::SUCCESS)
}
