//! What a run shows while it trains: a bar on a terminal, plain lines elsewhere.

use crate::Failure;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mirrorgrad_segment::{EpochMetrics, Evaluation, StepReport, Watch};
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Seconds between plain lines within an epoch.
const INTERVAL: Duration = Duration::from_secs(20);

/// Follows a run for a person or a log, and passes on Ctrl-C.
pub struct Terminal {
    bar: Option<ProgressBar>,
    epochs: usize,
    stop: Arc<AtomicBool>,
    pace: Pace,
    last_line: Instant,
    miou: Option<f64>,
}

/// How fast pictures go by, since this process began.
struct Pace {
    start: Instant,
    pictures: usize,
    steps: u64,
}

impl Pace {
    fn pictures_per_second(&self) -> f64 {
        self.pictures as f64 / self.start.elapsed().as_secs_f64().max(1e-9)
    }
}

impl Terminal {
    /// For a run of so many epochs. The first Ctrl-C asks for an orderly end, the second ends at once.
    pub fn new(epochs: usize) -> Result<Self, Failure> {
        let stop = Arc::new(AtomicBool::new(false));
        let asked = Arc::clone(&stop);
        ctrlc::set_handler(move || {
            if asked.swap(true, Ordering::Relaxed) {
                std::process::exit(130);
            }
        })
        .map_err(|error| Failure::new(format!("Ctrl-C cannot be caught: {error}")))?;
        let now = Instant::now();
        Ok(Self {
            bar: std::io::stderr().is_terminal().then(bar),
            epochs,
            stop,
            pace: Pace { start: now, pictures: 0, steps: 0 },
            last_line: now,
            miou: None,
        })
    }

    /// Takes the bar away.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn message(&self, report: &StepReport) -> String {
        let miou = self.miou.map_or("–".to_string(), |miou| format!("{miou:.3}"));
        let rate = self.pace.pictures_per_second();
        format!("loss {:.4}  mIoU {miou}  {rate:.0} pictures/s", report.loss)
    }

    /// Time left, at the pace so far.
    fn left(&self, report: &StepReport) -> String {
        let total = (self.epochs * report.batches) as f64;
        let done = ((report.epoch - 1) * report.batches + report.batch) as f64;
        let each = self.pace.start.elapsed().as_secs_f64() / self.pace.steps.max(1) as f64;
        let seconds = ((total - done) * each).round() as u64;
        format!("{}:{:02} left", seconds / 60, seconds % 60)
    }
}

impl Watch for Terminal {
    fn step(&mut self, report: &StepReport) {
        self.pace.pictures += report.pictures;
        self.pace.steps += 1;
        let message = format!("{}  {}", self.message(report), self.left(report));
        match &self.bar {
            Some(bar) => {
                bar.set_length(report.batches as u64);
                bar.set_position(report.batch as u64);
                bar.set_prefix(format!("epoch {}/{}", report.epoch, self.epochs));
                bar.set_message(message);
            }
            None if self.last_line.elapsed() >= INTERVAL => {
                self.last_line = Instant::now();
                let StepReport { epoch, batch, batches, .. } = report;
                eprintln!("epoch {epoch}/{}  batch {batch}/{batches}  {message}", self.epochs);
            }
            None => {}
        }
    }

    fn epoch(&mut self, metrics: &EpochMetrics, evaluation: &Evaluation) {
        self.miou = Some(metrics.val_miou);
        self.last_line = Instant::now();
        let (_, averaged) = evaluation.confusion.mean_iou();
        let line = format!(
            "epoch {:>3}/{}  train loss {:.4}  val loss {:.4}  mIoU {:.4} over {averaged} classes  \
             pixel accuracy {:.4}  {:.1} s",
            metrics.epoch,
            self.epochs,
            metrics.train_loss,
            metrics.val_loss,
            metrics.val_miou,
            metrics.val_pixel_accuracy,
            metrics.seconds
        );
        match &self.bar {
            Some(bar) => bar.suspend(|| println!("{line}")),
            None => println!("{line}"),
        }
    }

    fn wants_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {bar:24} {msg}")
        .expect("the template is well-formed");
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()).with_style(style)
}
