//! Reports of training runs: a page for one run, and a comparison of several. A [`Report`] reads a run folder and
//! evaluates the best weights on the validation pictures; a [`Comparison`] reads several run folders.
//!
//! ```
//! # use mirrorgrad_report::{Report, Comparison};
//! # use mirrorgrad_train::{RunFolder, Trainer};
//! # let dir = tempfile::tempdir()?;
//! # let config = "model.widths = [2]\ntraining = { epochs = 1, batch = 2, limit_batches = 1 }";
//! # let folder = RunFolder::create(&dir.path().join("first"))?;
//! # let mut trainer = Trainer::new(toml::from_str(config)?)?;
//! # trainer.run(&folder, &mut ())?;
//! let report = Report::new(&folder, trainer.validation())?;
//! let mut page = Vec::new();
//! report.write_page(&mut page)?;
//! assert!(page.ends_with(b"</html>") || page.ends_with(b"</html>\n"));
//!
//! let comparison = Comparison::new(&[folder.path().to_owned()])?;
//! assert_eq!(comparison.rows.len(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The files, in the order to read:
//!
//! ```text
//! run, settings            a run folder without its pictures; a configuration as names and values
//! gallery, measures        the best weights on the validation pictures; the results, stored in report.json
//! kernels, checkerboard    trained transposed convolutions; the checkerboard in the scores
//! environment              machine and program
//! chart/, plots/           line charts, as SVG and as pixels from one frame; sheets of pictures
//! sections/, page          the sections of a page; the HTML around them
//! compare/                 several runs, as text and as a page
//! ```
//!
//! `docs/report.md` defines each number. A page is one file without scripts or network access. The same folder gives
//! the same page, bit for bit, on the same machine.

#![forbid(unsafe_code)]

mod chart;
mod checkerboard;
mod compare;
mod environment;
mod gallery;
mod kernels;
mod measures;
mod page;
pub mod plots;
mod run;
mod sections;
mod settings;

pub use compare::{Comparison, Row};
pub use environment::Environment;
pub use measures::Measures;
pub use run::Run;
pub use settings::settings;

use crate::environment::written;
use crate::gallery::Gallery;
use crate::kernels::{Deconvolution, deconvolutions};
use crate::page::{Section, write_page};
use mirrorgrad_data::{Dataset, Message};
use mirrorgrad_train::{Predictor, RunError, RunFolder, training_set};
use std::io::{self, Write};
use std::sync::Arc;

/// The page of a run's folder.
///
/// ```
/// # use mirrorgrad_report::{PAGE, write};
/// # use mirrorgrad_train::{RunFolder, Trainer};
/// # let dir = tempfile::tempdir()?;
/// # let config = "model.widths = [2]\ntraining = { epochs = 1, batch = 2, limit_batches = 1 }";
/// # let folder = RunFolder::create(&dir.path().join("first"))?;
/// # let mut trainer = Trainer::new(toml::from_str(config)?)?;
/// # trainer.run(&folder, &mut ())?;
/// write(&folder, trainer.validation())?;
/// let page = std::fs::read_to_string(folder.path().join(PAGE))?;
/// assert!(page.contains("<title>first: mirrorgrad</title>"));
/// // Its pictures are in it: it is one file.
/// assert!(page.contains("data:image/png;base64,"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const PAGE: &str = "report.html";

/// Writes `report.html`, and its numbers as `report.json`, into the folder of a run. A run that has not
/// finished an epoch gets a page that says so.
///
/// ```
/// # use mirrorgrad_report::write;
/// # use mirrorgrad_train::{RunFolder, Trainer};
/// # let dir = tempfile::tempdir()?;
/// # let config = "model.widths = [2]\ntraining = { epochs = 1, batch = 2, limit_batches = 1 }";
/// # let folder = RunFolder::create(&dir.path().join("first"))?;
/// # let mut trainer = Trainer::new(toml::from_str(config)?)?;
/// # trainer.run(&folder, &mut ())?;
/// write(&folder, trainer.validation())?;
/// let page = std::fs::read_to_string(folder.path().join("report.html"))?;
/// assert!(page.contains("<h1>Run first</h1>"));
/// assert!(page.contains("best validation mIoU"));
/// assert!(folder.path().join("report.json").is_file());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the run or a picture cannot be read, or a file cannot be written.
pub fn write(folder: &RunFolder, validation: &Arc<dyn Dataset>) -> Result<(), RunError> {
    let report = Report::new(folder, validation)?;
    if let Some(measures) = report.measures() {
        measures.write(folder)?;
    }
    folder.write_streamed(PAGE, |out| report.write_page(out))
}

/// All that a run's page tells.
///
/// ```
/// # use mirrorgrad_report::Report;
/// # use mirrorgrad_train::{RunFolder, Trainer};
/// # let dir = tempfile::tempdir()?;
/// # let config = "model.widths = [2]\ntraining = { epochs = 1, batch = 2, limit_batches = 1 }";
/// # let folder = RunFolder::create(&dir.path().join("first"))?;
/// # let mut trainer = Trainer::new(toml::from_str(config)?)?;
/// # trainer.run(&folder, &mut ())?;
/// let report = Report::new(&folder, trainer.validation())?;
/// let mut page = Vec::new();
/// report.write_page(&mut page)?;
/// assert!(String::from_utf8(page)?.contains("best validation mIoU"));
/// let measures = report.measures().expect("an epoch was finished");
/// assert_eq!(measures.looked_at, 2);
/// // The weights of the best epoch score again what they scored then.
/// assert_eq!(measures.miou, trainer.history()[0].val_miou);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Report {
    folder: RunFolder,
    run: Run,
    /// Of the best weights, if there are any.
    learned: Option<Learned>,
    noted: Option<Environment>,
    training: Option<usize>,
    validation: usize,
    config: String,
}

/// What the best weights are and do.
struct Learned {
    deconvolutions: Vec<Deconvolution>,
    gallery: Gallery,
}

impl Report {
    /// Of a run, by a look at its validation pictures.
    ///
    /// # Errors
    /// If the run or a picture cannot be read, or the pictures have other classes than the run.
    pub fn new(folder: &RunFolder, validation: &Arc<dyn Dataset>) -> Result<Self, RunError> {
        let (run, best) = Run::read(folder)?;
        let learned = best
            .map(|best| {
                let predictor = Predictor::new(best)?;
                let classes = predictor.classes().len();
                let deconvolutions =
                    deconvolutions(predictor.config(), predictor.network(), classes);
                // The last one makes the scores; without any, features came up by two.
                let stride = deconvolutions.first().map_or(2, |last| last.stride);
                let gallery = Gallery::new(&predictor, validation, stride)?;
                Ok::<_, RunError>(Learned { deconvolutions, gallery })
            })
            .transpose()?;
        let config = run.config.to_toml().map_err(|error| {
            RunError::unfit(folder.path(), format!("its configuration: {error}"))
        })?;
        Ok(Self {
            // A damaged one says nothing, and keeps nothing else from being told.
            noted: Environment::of(folder).unwrap_or_default(),
            // A folder that has gone since cannot be counted, and need not be.
            training: training_set(&run.config).ok().map(|training| training.len()),
            validation: validation.len(),
            folder: folder.clone(),
            learned,
            config,
            run,
        })
    }

    /// What had to be said when the run was read; see [`Run::notice`].
    pub fn notice(&self) -> Option<&Message> {
        self.run.notice.as_ref()
    }

    /// What was measured, if there were weights to measure with.
    pub fn measures(&self) -> Option<Measures> {
        let hash = &self.run.best.as_ref()?.weights_hash;
        Some(Measures::new(&self.learned.as_ref()?.gallery, hash))
    }

    /// Writes the page, as HTML.
    ///
    /// # Errors
    /// If it cannot be written, or a picture cannot be encoded.
    pub fn write_page(&self, out: &mut dyn Write) -> io::Result<()> {
        let run = &self.run;
        let gallery = self.learned.as_ref().map(|learned| &learned.gallery);
        let layers = self.learned.as_ref().map(|learned| &learned.deconvolutions[..]);
        let here = Environment::here();
        let environment = sections::environment::environment(
            self.noted.as_ref(),
            &here,
            written(&self.folder.last()),
        );
        let pictures = sections::pictures::pictures(run, gallery);
        let sections = vec![
            Section::new("curves", "Curves", sections::curves::curves(run)),
            Section::new("classes", "Classes", sections::classes::classes(run, gallery)),
            Section::new("confusion", "Confusion", sections::confusion::confusion(run, gallery)),
            Section { id: "pictures", title: "Pictures", body: pictures },
            Section::new("kernels", "Kernels", sections::kernels::kernels(run, layers, gallery)),
            Section::new("time", "Time", sections::time::time(run, self.training, self.validation)),
            Section::new("environment", "Environment", environment),
            Section::new(
                "configuration",
                "Configuration",
                sections::configuration::configuration(run, &self.config),
            ),
        ];
        let head = sections::summary::summary(run, gallery);
        write_page(out, &format!("{}: mirrorgrad", run.name), &head, sections)
    }
}
