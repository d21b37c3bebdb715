//! A run as the command makes one, from the library: a folder of pictures and masks, settings, a trainer
//! that leaves checkpoints, and a mask for a picture that has none.
//!
//! `cargo run --release --example 05_own_pictures`

use mirrorgrad::data::{Dataset, Shapes, to_png};
use mirrorgrad::train::{
    Checkpoint, EpochMetrics, Evaluation, Observer, Predictor, RunFolder, Settings, StepReport,
    Trainer,
};
use std::error::Error;
use std::fs;
use std::path::Path;

/// Prints a line an epoch.
struct Lines;

impl Observer for Lines {
    fn step(&mut self, _: &StepReport) {}

    fn epoch(&mut self, metrics: &EpochMetrics, _: &Evaluation) {
        let EpochMetrics { epoch, train_loss, val_miou, seconds, .. } = metrics;
        println!("epoch {epoch}  loss {train_loss:.3}  mIoU {val_miou:.3}  {seconds:.1} s");
    }

    fn wants_stop(&self) -> bool {
        false
    }
}

/// Sixty pictures with masks and the names of the classes, as anybody's own would lie there.
fn write_pictures(dir: &Path) -> Result<(), Box<dyn Error>> {
    let shapes = Shapes::new(3, 60);
    fs::create_dir_all(dir.join("images"))?;
    fs::create_dir_all(dir.join("masks"))?;
    fs::write(dir.join("classes.txt"), shapes.classes().join("\n"))?;
    for i in 0..shapes.len() {
        let sample = shapes.sample(i)?;
        fs::write(dir.join(format!("images/{i:02}.png")), to_png(&sample.picture)?)?;
        sample.mask.write_palette(&dir.join(format!("masks/{i:02}.png")))?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let place = tempfile::tempdir()?;
    let (data, run) = (place.path().join("data"), place.path().join("run"));
    write_pictures(&data)?;

    // The keys of config.toml; what is left out has its default.
    let mut settings = Settings::default();
    settings.set_text(&format!("data.dir={data:?}"))?;
    settings.set_text("data.folder.validation_split=0.2")?;
    settings.set_text("model.widths=[8, 16, 32]")?;
    settings.set_text("training.epochs=4")?;
    let mut trainer = Trainer::new(settings.resolve()?)?;
    let folder = RunFolder::create(&run)?;
    trainer.run(&folder, &mut Lines)?;

    // What was best can be taken up from its file at any time.
    let predictor = Predictor::new(Checkpoint::read(&folder.best())?)?;
    let unseen = Shapes::new(4, 1).sample(0)?;
    let mask = predictor.predict("unseen", &unseen.picture)?;
    let right = mask.labels.iter().zip(&unseen.mask.labels).filter(|(a, b)| a == b).count();
    println!("of an unseen picture, {right} of {} pixels are right", mask.labels.len());
    Ok(())
}
