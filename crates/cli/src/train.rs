//! `mirrorgrad train`.

use crate::watch::Terminal;
use crate::{Failure, options, say};
use clap::Args;
use mirrorgrad_layers::models::Upsampling;
use mirrorgrad_segment::{
    Checkpoint, Config, ModelKind, OptimizerKind, Outcome, Predictor, RunFolder, ScheduleKind,
    Trainer, one_line, plots,
};
use std::path::{self, Path, PathBuf};
use std::process::ExitCode;

/// Rows of the picture grid that a run leaves.
const GRID_ROWS: usize = 8;

/// Options of `mirrorgrad train`.
#[derive(Debug, Args)]
pub struct TrainArgs {
    #[command(flatten)]
    settings: Settings,
    /// The run's folder; without, the next number in runs/
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Go on with the run in --out, from its last checkpoint
    #[arg(long, requires = "out")]
    resume: bool,
    /// Threads to work on; all of the machine's by default. Results do not depend on it
    #[arg(long, value_name = "N")]
    pub(crate) threads: Option<usize>,
}

/// What makes a run what it is. Everything left out has its default, or comes from the checkpoint.
#[derive(Debug, Default, Args)]
struct Settings {
    /// A folder of pictures and masks; the built-in shapes without
    #[arg(long, value_name = "DIR", help_heading = "Data")]
    data: Option<PathBuf>,
    /// The share of pictures to validate on, for a folder without train and val
    #[arg(long, value_name = "SHARE", help_heading = "Data")]
    val_split: Option<f64>,
    /// The label of pixels that count for nothing
    #[arg(long, value_name = "LABEL", help_heading = "Data")]
    ignore_index: Option<u8>,
    /// Bring all pictures to one size
    #[arg(long, value_name = "HxW", value_parser = options::size, help_heading = "Data")]
    size: Option<[usize; 2]>,
    /// Train on random crops of this size
    #[arg(long, value_name = "HxW", value_parser = options::size, help_heading = "Data")]
    crop: Option<[usize; 2]>,
    /// Scale training pictures by random factors between two
    #[arg(long, value_name = "A,B", value_parser = options::factors, help_heading = "Data")]
    scale: Option<[f64; 2]>,
    /// The probability of mirroring a training picture [default: 0.5]
    #[arg(long, value_name = "P", help_heading = "Data")]
    flip: Option<f64>,
    /// The probability of turning a training picture upside down [default: 0; 0.5 for the built-in shapes]
    #[arg(long, value_name = "P", help_heading = "Data")]
    vertical_flip: Option<f64>,
    /// The probability of exchanging a square training picture's rows and columns [default: 0; 0.5 for the
    /// built-in shapes]
    #[arg(long, value_name = "P", help_heading = "Data")]
    transpose: Option<f64>,
    /// How strongly colours of training pictures change, from 0 to 1 [default: 0]
    #[arg(long, value_name = "S", help_heading = "Data")]
    jitter: Option<f64>,

    /// The network [default: fcn]
    #[arg(long, value_name = "NAME", value_parser = options::choice::<ModelKind>(["fcn", "unet"]), help_heading = "Network")]
    model: Option<ModelKind>,
    /// The way back up to the picture's size [default: deconv]
    #[arg(long, value_name = "NAME", value_parser = options::choice::<Upsampling>(["deconv", "bilinear", "unpool"]), help_heading = "Network")]
    upsample: Option<Upsampling>,
    /// Channels of each stage [default: 16,32,64,128; 24,48,96,192 for unet]
    #[arg(long, value_name = "A,B,..", value_parser = options::widths, help_heading = "Network")]
    widths: Option<options::Widths>,
    /// Leave out batch normalization
    #[arg(long, help_heading = "Network")]
    no_batch_norm: bool,

    /// Passes over the training pictures
    #[arg(long, value_name = "N", help_heading = "Training")]
    epochs: Option<usize>,
    /// Pictures in a step
    #[arg(long, value_name = "N", help_heading = "Training")]
    batch: Option<usize>,
    /// The highest learning rate
    #[arg(long, value_name = "RATE", help_heading = "Training")]
    lr: Option<f64>,
    /// What moves the weights [default: adamw]
    #[arg(long, value_name = "NAME", value_parser = options::choice::<OptimizerKind>(["adamw", "adam", "sgd"]), help_heading = "Training")]
    optimizer: Option<OptimizerKind>,
    /// How strongly weights are pulled towards 0
    #[arg(long, value_name = "W", help_heading = "Training")]
    weight_decay: Option<f64>,
    /// SGD's momentum
    #[arg(long, value_name = "M", help_heading = "Training")]
    momentum: Option<f64>,
    /// How the learning rate falls [default: cosine]
    #[arg(long, value_name = "NAME", value_parser = options::choice::<ScheduleKind>(["constant", "step", "cosine", "poly"]), help_heading = "Training")]
    schedule: Option<ScheduleKind>,
    /// Steps over which the learning rate rises at the start, a quarter of the run at most
    #[arg(long, value_name = "STEPS", help_heading = "Training")]
    warmup: Option<u64>,
    /// Keep the norm of all gradients together under this
    #[arg(long, value_name = "NORM", help_heading = "Training")]
    clip: Option<f64>,
    /// What order, augmentation and first weights are drawn from
    #[arg(long, value_name = "N", help_heading = "Training")]
    seed: Option<u64>,
}

impl Settings {
    /// The options as they would be typed, for telling which were given.
    fn given(&self) -> Vec<&'static str> {
        // Whole, so that no new option is forgotten here.
        let Self {
            data,
            val_split,
            ignore_index,
            size,
            crop,
            scale,
            flip,
            vertical_flip,
            transpose,
            jitter,
            model,
            upsample,
            widths,
            no_batch_norm,
            epochs,
            batch,
            lr,
            optimizer,
            weight_decay,
            momentum,
            schedule,
            warmup,
            clip,
            seed,
        } = self;
        let each = [
            ("--data", data.is_some()),
            ("--val-split", val_split.is_some()),
            ("--ignore-index", ignore_index.is_some()),
            ("--size", size.is_some()),
            ("--crop", crop.is_some()),
            ("--scale", scale.is_some()),
            ("--flip", flip.is_some()),
            ("--vertical-flip", vertical_flip.is_some()),
            ("--transpose", transpose.is_some()),
            ("--jitter", jitter.is_some()),
            ("--model", model.is_some()),
            ("--upsample", upsample.is_some()),
            ("--widths", widths.is_some()),
            ("--no-batch-norm", *no_batch_norm),
            ("--epochs", epochs.is_some()),
            ("--batch", batch.is_some()),
            ("--lr", lr.is_some()),
            ("--optimizer", optimizer.is_some()),
            ("--weight-decay", weight_decay.is_some()),
            ("--momentum", momentum.is_some()),
            ("--schedule", schedule.is_some()),
            ("--warmup", warmup.is_some()),
            ("--clip", clip.is_some()),
            ("--seed", seed.is_some()),
        ];
        each.into_iter().filter(|(_, given)| *given).map(|(name, _)| name).collect()
    }

    fn resolve(&self) -> Config {
        fn put<T: Clone>(place: &mut T, given: Option<T>) {
            if let Some(value) = given {
                *place = value;
            }
        }
        let mut config = Config::default();
        let data = &mut config.data;
        // The run may go on from elsewhere.
        data.dir =
            self.data.as_ref().map(|dir| path::absolute(dir).unwrap_or_else(|_| dir.clone()));
        data.folder.validation_split = self.val_split;
        data.folder.ignore_index = self.ignore_index;
        data.folder.size = self.size;
        data.augment.crop = self.crop;
        put(&mut data.augment.scale, self.scale);
        put(&mut data.augment.flip, self.flip);
        if data.dir.is_none() {
            // The figures have no upright: every turn of a picture is as good as it.
            (data.augment.vertical_flip, data.augment.transpose) = (0.5, 0.5);
        }
        put(&mut data.augment.vertical_flip, self.vertical_flip);
        put(&mut data.augment.transpose, self.transpose);
        put(&mut data.augment.jitter, self.jitter);

        let model = &mut config.model;
        put(&mut model.kind, self.model);
        model.widths = model.kind.widths();
        put(&mut model.widths, self.widths.as_ref().map(|widths| widths.0.clone()));
        model.batch_norm = !self.no_batch_norm;
        put(&mut model.upsample, self.upsample);

        let training = &mut config.training;
        put(&mut training.epochs, self.epochs);
        put(&mut training.batch, self.batch);
        put(&mut training.lr, self.lr);
        put(&mut training.optimizer, self.optimizer);
        put(&mut training.weight_decay, self.weight_decay);
        put(&mut training.momentum, self.momentum);
        put(&mut training.schedule, self.schedule);
        put(&mut training.warmup, self.warmup);
        training.clip = self.clip;
        put(&mut training.seed, self.seed);
        config.data.folder.seed = config.training.seed;
        config
    }
}

/// Trains, and leaves a run's folder.
pub fn run(args: &TrainArgs) -> Result<ExitCode, Failure> {
    let (mut trainer, folder) = match (&args.out, args.resume) {
        (Some(out), true) => resume(out, &args.settings)?,
        (out, _) => begin(out.as_deref(), &args.settings)?,
    };
    let mut watch = Terminal::new(trainer.config().training.epochs)?;
    say::progress(format!("run folder {folder}"));
    let outcome = trainer.run(&folder, &mut watch)?;
    watch.finish();
    draw(&trainer, &folder)?;
    match outcome {
        Outcome::Finished => {
            if let Some(best) = trainer.history().iter().map(|m| m.val_miou).reduce(f64::max) {
                say::progress(format!("done: best validation mIoU {best:.4}, see {folder}"));
            }
            Ok(ExitCode::SUCCESS)
        }
        Outcome::Stopped => {
            let out = folder.path().to_string_lossy();
            let out = shlex::try_quote(&out).unwrap_or_else(|_| folder.to_string().into());
            say::progress(format!("stopped; go on with: mirrorgrad train --resume --out {out}"));
            Ok(watch.exit_code())
        }
    }
}

/// A new run. Everything that can be wrong is found before its folder is made.
fn begin(out: Option<&Path>, settings: &Settings) -> Result<(Trainer, RunFolder), Failure> {
    let trainer = Trainer::new(settings.resolve())?;
    let folder = match out {
        Some(out) => RunFolder::create(out)?,
        None => RunFolder::next(Path::new("runs"))?,
    };
    folder.write_config(trainer.config())?;
    Ok((trainer, folder))
}

fn resume(out: &Path, settings: &Settings) -> Result<(Trainer, RunFolder), Failure> {
    let given = settings.given();
    if !given.is_empty() {
        let given = given.join(" ");
        return Err(Failure::new(format!(
            "--resume: expected no other settings, since the run has its own, found {given}"
        )));
    }
    let folder = RunFolder::resume(out)?;
    let (checkpoint, notice) = folder.read_last()?;
    if let Some(notice) = notice {
        say::aside(one_line(&notice));
    }
    Ok((Trainer::resume(checkpoint)?, folder))
}

/// The curves, and the best network's predictions for the first validation pictures.
fn draw(trainer: &Trainer, folder: &RunFolder) -> Result<(), Failure> {
    if trainer.history().is_empty() {
        return Ok(());
    }
    let png = |picture| plots::to_png(&picture).map_err(|e| Failure::new(format!("{folder}: {e}")));
    let curves = plots::curves(trainer.history())
        .map_err(|error| Failure::new(format!("{folder}: the curves cannot be drawn: {error}")))?;
    folder.write("curves.png", &png(curves)?)?;
    let predictor = Predictor::new(Checkpoint::read(&folder.best())?)?;
    let validation = trainer.validation();
    let rows = (0..validation.len().min(GRID_ROWS)).map(|i| {
        let sample = validation.sample(i)?;
        let mask = predictor.predict(&sample.name, &sample.picture)?;
        Ok((sample, mask))
    });
    let rows = rows.collect::<Result<Vec<_>, mirrorgrad_segment::RunError>>()?;
    Ok(folder.write("grid.png", &png(plots::grid(&rows))?)?)
}
