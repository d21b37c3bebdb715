//! Three ways up, compared: one encoder, the same seeds, and learned deconvolution, bilinear interpolation or
//! unpooling to come back to the picture's size.
//!
//! `cargo run --release --example 08_ways_up [EPOCHS] [SEEDS]`
//!
//! Leaves a folder `runs/ways-up` with a run for each, their reports, and `ways-up.png`: rows of picture, truth
//! and what each way makes of it.

use mirrorgrad::data::{Picture, colours, to_png, write_whole};
use mirrorgrad::report::Measures;
use mirrorgrad::report::plots;
use mirrorgrad::tensor::peak_bytes;
use mirrorgrad::train::{Checkpoint, Predictor, RunFolder, Settings, Trainer};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Instant;

const WAYS: [&str; 3] = ["deconv", "bilinear", "unpool"];
/// Pictures that are shown.
const SHOWN: usize = 6;

/// What a run came to.
struct Row {
    way: &'static str,
    parameters: usize,
    miou: f64,
    boundary_f: f64,
    checkerboard: f64,
    seconds: f64,
    megabytes: f64,
}

fn train(way: &'static str, seed: u64, epochs: u64, out: &Path) -> Result<Row, Box<dyn Error>> {
    let mut settings = Settings::default();
    for set in [
        format!("model.upsample={way}"),
        format!("training.seed={seed}"),
        format!("training.epochs={epochs}"),
    ] {
        settings.set_text(&set)?;
    }
    let (start, folder) = (Instant::now(), RunFolder::create(out)?);
    let (trainer, bytes) = peak_bytes(|| {
        let mut trainer = Trainer::new(settings.resolve()?)?;
        trainer.run(&folder, &mut ())?;
        Ok::<_, Box<dyn Error>>(trainer)
    });
    let (trainer, seconds) = (trainer?, start.elapsed().as_secs_f64());
    mirrorgrad::report::write(&folder, trainer.validation())?;
    let best = trainer.history().iter().max_by(|a, b| a.val_miou.total_cmp(&b.val_miou));
    let measures = best.and_then(|best| Measures::of(&folder, &best.weights_hash));
    let measures = measures.ok_or("a run of no epoch has nothing to compare")?;
    Ok(Row {
        way,
        parameters: mirrorgrad::layers::Params::of(trainer.network()).trainable_len(),
        miou: measures.miou,
        boundary_f: measures.mean_boundary_f,
        checkerboard: measures.checkerboard.unwrap_or(0.0),
        seconds,
        megabytes: bytes as f64 / 1e6,
    })
}

/// Rows of picture, truth, and each way's prediction.
fn picture(runs: &[PathBuf]) -> Result<Picture, Box<dyn Error>> {
    let predictors = runs
        .iter()
        .map(|run| Ok(Predictor::new(Checkpoint::read(&RunFolder::open(run)?.best())?)?));
    let predictors = predictors.collect::<Result<Vec<_>, Box<dyn Error>>>()?;
    let validation = mirrorgrad::data::Shapes::validation(0);
    let rows = (0..SHOWN).map(|i| {
        let sample = mirrorgrad::data::Dataset::sample(&validation, i)?;
        let mut row = vec![sample.picture.clone(), colours(&sample.mask)];
        for predictor in &predictors {
            row.push(colours(&predictor.predict(&sample.name, &sample.picture)?));
        }
        Ok(row)
    });
    Ok(plots::table(rows.collect::<Result<Vec<_>, Box<dyn Error>>>()?))
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let mut number = |usual: u64| args.next().map_or(Ok(usual), |text| text.parse());
    let (epochs, seeds) = (number(6)?, number(1)?);
    let parent = RunFolder::next(Path::new("runs/ways-up"))?;
    println!(
        "{:<10} {:>4} {:>10} {:>8} {:>10} {:>14} {:>9} {:>8}",
        "way up", "seed", "parameters", "mIoU", "boundary F", "checkerboard", "seconds", "MB"
    );
    let mut first = Vec::new();
    for seed in 0..seeds {
        for way in WAYS {
            let out = parent.path().join(format!("{way}-{seed}"));
            let row = train(way, seed, epochs, &out)?;
            println!(
                "{:<10} {seed:>4} {:>10} {:>8.4} {:>10.4} {:>14.5} {:>9.1} {:>8.1}",
                row.way,
                row.parameters,
                row.miou,
                row.boundary_f,
                row.checkerboard,
                row.seconds,
                row.megabytes
            );
            if seed == 0 {
                first.push(out);
            }
        }
    }
    let shown = parent.path().join("ways-up.png");
    write_whole(&shown, &to_png(&picture(&first)?)?)?;
    println!("pictures: {}", shown.display());
    Ok(())
}
