//! `mirrorgrad predict`.

use crate::options::{self, MB, most_bytes};
use crate::{Failure, say};
use clap::Args;
use mirrorgrad_segment::{
    Picture, PredictionEstimate, Predictor, overlay, plots, resident_bytes, shown, write_whole,
};
use mirrorgrad_study::{Array, to_npy};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Options of `mirrorgrad predict`.
#[derive(Debug, Args)]
pub struct PredictArgs {
    /// A checkpoint, a run's folder (its best checkpoint is taken), or a model.safetensors
    checkpoint: PathBuf,
    /// Pictures: JPEG, PNG, BMP, GIF, TIFF or WebP; one whose EXIF data say so is turned, and its mask with it
    #[arg(required = true)]
    pictures: Vec<PathBuf>,
    /// Where the masks go
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Write STEM.png, 8-bit class indices at the picture's own size, instead of colours
    #[arg(long)]
    raw: bool,
    /// Write STEM.npy, the scores of every class as [classes, height, width], instead of masks
    #[arg(long, conflicts_with = "raw")]
    scores: bool,
    /// Megabytes that a picture may take, or is refused [default: 80 % of the machine's]
    #[arg(long, value_name = "MB")]
    max_memory: Option<usize>,
    /// Threads to work on; all of the machine's by default
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

/// Writes a mask for each picture.
pub fn run(args: &PredictArgs) -> Result<ExitCode, Failure> {
    let predictor = options::predictor(&args.checkpoint)?;
    let stems = stems(&args.pictures)?;
    fs::create_dir_all(&args.out).map_err(Failure::write(&args.out))?;
    let suffixes: &[&str] = match args {
        PredictArgs { scores: true, .. } => &[".npy"],
        PredictArgs { raw: true, .. } => &[".png"],
        _ => &["_mask.png", "_overlay.png"],
    };
    let out = |stem: &str, suffix: &str| args.out.join(format!("{stem}{suffix}"));
    for stem in stems.keys() {
        suffixes.iter().try_for_each(|suffix| check_apart(&out(stem, suffix), &args.pictures))?;
    }
    let mut room = Room {
        predictor: &predictor,
        program: resident_bytes().unwrap_or_default(),
        most: most_bytes(args.max_memory),
        estimate: None,
    };
    for (stem, path) in stems {
        let picture = predictor.read_picture(path)?;
        room.check(path, &picture)?;
        if args.scores {
            let scores = predictor.scores(&shown(path), &picture)?;
            write_whole(&out(&stem, ".npy"), &to_npy(&Array::F32(scores)))?;
            continue;
        }
        let mask = predictor.predict(&shown(path), &picture)?;
        if args.raw {
            mask.write_grey(&out(&stem, ".png"))?;
        } else {
            mask.write_palette(&out(&stem, "_mask.png"))?;
            let out = out(&stem, "_overlay.png");
            let png = plots::to_png(&overlay(&picture, &mask))
                .map_err(|error| Failure::new(format!("{}: {error}", out.display())))?;
            write_whole(&out, &png)?;
        }
    }
    let [one, many] =
        if args.scores { ["file of scores", "files of scores"] } else { ["mask", "masks"] };
    let count = args.pictures.len();
    let what = if count == 1 { one } else { many };
    say::line(format!("{count} {what} in {}", shown(&args.out)))?;
    Ok(ExitCode::SUCCESS)
}

/// How much memory a picture may take.
struct Room<'a> {
    predictor: &'a Predictor,
    /// Bytes that the process held before it predicted: what it takes then serves every picture.
    program: usize,
    most: usize,
    /// Measured when the first large picture comes.
    estimate: Option<PredictionEstimate>,
}

impl Room<'_> {
    /// Refuses a picture that takes more.
    fn check(&mut self, path: &Path, picture: &Picture) -> Result<(), Failure> {
        let [height, width] = picture.size();
        if height * width < PredictionEstimate::SMALL {
            return Ok(());
        }
        let estimate = match self.estimate {
            Some(estimate) => estimate,
            None => *self.estimate.insert(PredictionEstimate::of(self.predictor)?),
        };
        let needed = self.program + estimate.bytes([height, width]);
        if needed <= self.most {
            return Ok(());
        }
        let (needed, most) = (needed / MB, self.most / MB);
        Err(Failure::new(format!(
            "{}: expected a picture that takes at most {most} MB (--max-memory), found {height}x{width}, \
             which takes about {needed} MB",
            shown(path)
        )))
    }
}

/// Refuses to write over a picture that is to be read.
fn check_apart(out: &Path, pictures: &[PathBuf]) -> Result<(), Failure> {
    let Ok(out) = out.canonicalize() else { return Ok(()) };
    match pictures.iter().find(|picture| picture.canonicalize().is_ok_and(|path| path == out)) {
        None => Ok(()),
        Some(picture) => Err(Failure::new(format!(
            "--out: expected a folder where no picture is overwritten, found {}",
            shown(picture)
        ))),
    }
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
