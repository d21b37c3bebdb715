//! What a look at the validation pictures came to, kept beside the report: so much work is not done again
//! only to compare runs.

use crate::gallery::Gallery;
use mirrorgrad_train::{RunError, RunFolder};
use serde::{Deserialize, Serialize};

/// The file of a run's folder.
const FILE: &str = "report.json";

/// Numbers of the best weights on the validation pictures.
///
/// ```
/// # use mirrorgrad_report::{Measures, Report};
/// # use mirrorgrad_train::{RunFolder, Trainer};
/// # let dir = tempfile::tempdir()?;
/// # let config = "model.widths = [2]\ntraining = { epochs = 1, batch = 2, limit_batches = 1 }";
/// # let folder = RunFolder::create(&dir.path().join("run"))?;
/// # let mut trainer = Trainer::new(toml::from_str(config)?)?;
/// # trainer.run(&folder, &mut ())?;
/// let report = Report::new(&folder, trainer.validation())?;
/// let measures = report.measures().expect("an epoch was finished");
/// measures.write(&folder)?;
/// let hash = measures.weights_hash.clone();
/// assert_eq!(Measures::of(&folder, &hash), Some(measures));
/// // Of other weights, nothing is known.
/// assert_eq!(Measures::of(&folder, "another hash"), None);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measures {
    /// BLAKE3 of the weights that were looked through.
    pub weights_hash: String,
    /// Pictures that were looked at.
    pub looked_at: usize,
    /// Pictures that there are.
    pub pictures: usize,
    /// The mean intersection over union.
    pub miou: f64,
    /// The share of pixels classified right.
    pub pixel_accuracy: f64,
    /// The mean boundary F-score.
    pub mean_boundary_f: f64,
    /// The boundary F-score of each class, null for one without an outline.
    pub boundary_f: Vec<Option<f64>>,
    /// The share of the scores' variance that is a checkerboard.
    pub checkerboard: Option<f64>,
    /// Pixels by true class (rows) and predicted class.
    pub confusion: Vec<Vec<u64>>,
}

impl Measures {
    /// Of a look through the weights with this hash.
    pub(crate) fn new(gallery: &Gallery, weights_hash: &str) -> Self {
        let confusion = &gallery.confusion;
        let classes = 0..confusion.classes();
        let row = |truth| classes.clone().map(|class| confusion.count(truth, class)).collect();
        Self {
            weights_hash: weights_hash.to_owned(),
            looked_at: gallery.looked_at,
            pictures: gallery.of,
            miou: confusion.mean_iou().0,
            pixel_accuracy: confusion.pixel_accuracy(),
            mean_boundary_f: gallery.boundary.mean_f().0,
            boundary_f: gallery.boundary.f(),
            checkerboard: gallery.checkerboard.index(),
            confusion: classes.clone().map(row).collect(),
        }
    }

    /// Leaves them in a run's folder.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, folder: &RunFolder) -> Result<(), RunError> {
        let json = serde_json::to_string(self).expect("numbers and lists have a JSON form");
        folder.write(FILE, (json + "\n").as_bytes())
    }

    /// What was left in a run's folder of weights with this hash. What is missing, of other weights or of
    /// another version of the program can be measured again, and counts as nothing.
    pub fn of(folder: &RunFolder, weights_hash: &str) -> Option<Self> {
        let bytes = folder.read(FILE).ok()??;
        let measures: Self = serde_json::from_slice(&bytes).ok()?;
        (measures.weights_hash == weights_hash).then_some(measures)
    }
}
