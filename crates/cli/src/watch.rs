//! What a run shows while it trains: a bar on a terminal, plain lines elsewhere.

use crate::{Failure, ranks, say};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use mirrorgrad_train::{EpochMetrics, Evaluation, Observer, StepReport};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Seconds between plain lines within an epoch.
const INTERVAL: Duration = Duration::from_secs(20);

/// Follows a run for a person or a log, and passes on Ctrl-C.
pub struct Terminal {
    bar: Option<ProgressBar>,
    epochs: usize,
    /// The signal that asked for an end; 0 while none has.
    stop: Arc<AtomicUsize>,
    /// Says so when one has.
    answer: Option<JoinHandle<()>>,
    pace: Pace,
    last_line: Instant,
    miou: Option<f64>,
}

/// How fast pictures go by, since this process began.
struct Pace {
    start: Instant,
    pictures: usize,
    batches: usize,
    /// Seconds of steps, and those of them in which this process waited for others.
    steps: [f64; 2],
}

impl Pace {
    fn pictures_per_second(&self) -> f64 {
        self.pictures as f64 / self.start.elapsed().as_secs_f64().max(1e-9)
    }

    /// The share of the steps that was spent waiting, among several processes.
    fn waiting(&self) -> String {
        let [seconds, waited] = self.steps;
        match ranks::own().ranks() {
            1 => String::new(),
            _ => format!("  {:.0} % waiting", 100.0 * waited / seconds.max(1e-9)),
        }
    }
}

impl Terminal {
    /// For a run of so many epochs. The first Ctrl-C (or SIGTERM, SIGUSR1, or the end of its terminal) asks for an orderly
    /// end, and is answered at once; the second ends at once.
    pub fn new(epochs: usize) -> Result<Self, Failure> {
        let bar = (std::io::stderr().is_terminal() && !say::is_mute()).then(bar);
        let (stop, answer) = catch_signals()
            .and_then(|stop| Ok((stop, answer_first(bar.clone())?)))
            .map_err(|error| Failure::new(format!("Ctrl-C cannot be caught: {error}")))?;
        let now = Instant::now();
        Ok(Self {
            bar,
            epochs,
            stop,
            answer: Some(answer),
            pace: Pace { start: now, pictures: 0, batches: 0, steps: [0.0; 2] },
            last_line: now,
            miou: None,
        })
    }

    /// The signal that asked for an end; 0 if none has.
    pub fn signal(&self) -> i32 {
        self.stop.load(Ordering::Relaxed) as i32
    }

    /// Takes the bar away, and lets a signal be answered before more is said.
    pub fn finish(&mut self) {
        if self.wants_stop()
            && let Some(answer) = self.answer.take()
        {
            // What it could not say is no reason to stop otherwise.
            let _ = answer.join();
        }
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn message(&self, report: &StepReport) -> String {
        let miou = self.miou.map_or("–".to_string(), |miou| format!("{miou:.3}"));
        let rate = self.pace.pictures_per_second();
        let waiting = self.pace.waiting();
        format!("loss {:.4}  mIoU {miou}  {rate:.0} pictures/s{waiting}", report.loss)
    }

    /// Time left, at the pace so far.
    fn left(&self, report: &StepReport) -> String {
        let total = (self.epochs * report.batches) as f64;
        let done = ((report.epoch - 1) * report.batches + report.batch) as f64;
        let each = self.pace.start.elapsed().as_secs_f64() / self.pace.batches.max(1) as f64;
        let seconds = ((total - done) * each).round() as u64;
        format!("{}:{:02} left", seconds / 60, seconds % 60)
    }
}

impl Observer for Terminal {
    fn step(&mut self, report: &StepReport) {
        self.pace.pictures += report.pictures;
        self.pace.batches += report.taken;
        let [seconds, waited] = self.pace.steps;
        self.pace.steps = [seconds + report.seconds, waited + report.waited];
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
                let epochs = self.epochs;
                say::aside(format!("epoch {epoch}/{epochs}  batch {batch}/{batches}  {message}"));
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
            Some(bar) => bar.suspend(|| say::progress(line)),
            None => say::progress(line),
        }
    }

    fn wants_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed) != 0
    }
}

/// The signals that ask for an end. Who starts a run with `nohup` has asked that its terminal's end be no end.
fn signals() -> Vec<i32> {
    // Schedulers warn by SIGUSR1, and `mpirun` passes it on.
    #[cfg(unix)]
    const OTHERS: &[i32] = &[signal_hook::consts::SIGHUP, signal_hook::consts::SIGUSR1];
    #[cfg(not(unix))]
    const OTHERS: &[i32] = &[];
    let others = OTHERS.iter().copied().filter(|&signal| !is_ignored(signal));
    [SIGINT, SIGTERM].into_iter().chain(others).collect()
}

/// Whether the process was started with this signal ignored, where the system tells (Linux).
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
}

/// Answers the first signal when it comes: the step that is being taken may be long.
fn answer_first(bar: Option<ProgressBar>) -> io::Result<JoinHandle<()>> {
    let mut signals = Signals::new(signals())?;
    let answer = move || {
        if signals.forever().next().is_none() {
            return;
        }
        let announce = || {
            say::progress(
                "stopping: finishing this step, writing a checkpoint; a second signal stops at once",
            )
        };
        match &bar {
            Some(bar) => bar.suspend(announce),
            None => announce(),
        }
    };
    thread::Builder::new().name("signals".to_owned()).spawn(answer)
}

/// Where the first of the signals notes itself; a second ends the process.
fn catch_signals() -> io::Result<Arc<AtomicUsize>> {
    let stop = Arc::new(AtomicUsize::new(0));
    let asked = Arc::new(AtomicBool::new(false));
    for signal in signals() {
        // Handlers are called in this order: the one that ends sees only what came before.
        let code = i32::from(signal_code(signal));
        flag::register_conditional_shutdown(signal, code, Arc::clone(&asked))?;
        flag::register(signal, Arc::clone(&asked))?;
        flag::register_usize(signal, Arc::clone(&stop), signal as usize)?;
    }
    Ok(stop)
}

/// What a process ends with that a signal has stopped: 128 and its number, by the shell's custom.
pub fn signal_code(signal: i32) -> u8 {
    u8::try_from(128 + signal).unwrap_or(1)
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {bar:24} {msg}")
        .expect("the template is well-formed");
    ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr()).with_style(style)
}
