//! `mirrorgrad predict`.

mod pictures;

use crate::options;
use crate::room::{Gate, Room};
use crate::{Failure, ranks, say};
use clap::Args;
use mirrorgrad_data::{Picture, overlay, shown, to_png, write_whole};
use mirrorgrad_study::{Array, to_npy};
use mirrorgrad_train::Predictor;
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
    let predictor = options::predictor(&args.checkpoint).map_err(Failure::from);
    let predictor = ranks::agreed(predictor)?;
    let pictures = ranks::agreed(pictures::all(&args.pictures))?;
    let masks = Masks { args, predictor };
    ranks::agreed(masks.of_share(&pictures))?;
    let [one, many] =
        if args.scores { ["file of scores", "files of scores"] } else { ["mask", "masks"] };
    let count = pictures.len();
    let what = if count == 1 { one } else { many };
    say::line(format!("{count} {what} in {}", shown(&args.out)))?;
    Ok(ExitCode::SUCCESS)
}

/// How masks are made and kept.
struct Masks<'a> {
    args: &'a PredictArgs,
    predictor: Predictor,
}

impl Masks<'_> {
    /// Writes the masks of those pictures that are this process's.
    fn of_share(&self, pictures: &[PathBuf]) -> Result<(), Failure> {
        let out = &self.args.out;
        let names = pictures::names(pictures)?;
        fs::create_dir_all(out).map_err(Failure::write(out))?;
        for name in names.keys() {
            self.suffixes().iter().try_for_each(|suffix| {
                pictures::check_not_overwritten(&self.file(name, suffix), pictures)
            })?;
        }
        let mut gate = Gate::new(&self.predictor, Room::now(self.args.max_memory));
        let ranks = ranks::own();
        for (name, path) in names.into_iter().skip(ranks.rank()).step_by(ranks.ranks()) {
            let picture = self.predictor.read_picture(path)?;
            gate.check(path, &picture)?;
            let folder = out.join(&name).parent().map_or(out.clone(), Path::to_owned);
            fs::create_dir_all(&folder).map_err(Failure::write(&folder))?;
            self.write(&name, &shown(path), &picture)?;
        }
        Ok(())
    }

    /// What the files of a picture end with.
    fn suffixes(&self) -> &'static [&'static str] {
        match self.args {
            PredictArgs { scores: true, .. } => &[".npy"],
            PredictArgs { raw: true, .. } => &[".png"],
            _ => &["_mask.png", "_overlay.png"],
        }
    }

    fn file(&self, name: &Path, suffix: &str) -> PathBuf {
        let mut file = self.args.out.join(name).into_os_string();
        file.push(suffix);
        PathBuf::from(file)
    }

    fn write(&self, name: &Path, shown: &str, picture: &Picture) -> Result<(), Failure> {
        if self.args.scores {
            let scores = self.predictor.scores(shown, picture)?;
            write_whole(&self.file(name, ".npy"), &to_npy(&Array::F32(scores)))?;
            return Ok(());
        }
        let mask = self.predictor.predict(shown, picture)?;
        if self.args.raw {
            mask.write_grey(&self.file(name, ".png"))?;
            return Ok(());
        }
        mask.write_palette(&self.file(name, "_mask.png"))?;
        let overlaid = self.file(name, "_overlay.png");
        let png = to_png(&overlay(picture, &mask))
            .map_err(|error| Failure::new(format!("{}: {error}", overlaid.display())))?;
        write_whole(&overlaid, &png)?;
        Ok(())
    }
}
