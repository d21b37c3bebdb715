//! Runs side by side.

mod page;
mod text;

use crate::measures::Measures;
use crate::run::Run;
use crate::settings::{plain, settings};
use mirrorgrad_train::{RunError, RunFolder};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// A run of a comparison.
///
/// ```
/// # use mirrorgrad_report::Comparison;
/// # use mirrorgrad_train::{RunFolder, Trainer};
/// # let dir = tempfile::tempdir()?;
/// # let config = "model.widths = [2]\ntraining = { epochs = 1, batch = 2, limit_batches = 1 }";
/// # let folder = RunFolder::create(&dir.path().join("first"))?;
/// # let mut trainer = Trainer::new(toml::from_str(config)?)?;
/// # trainer.run(&folder, &mut ())?;
/// let comparison = Comparison::new(&[folder.path().to_owned()])?;
/// let row = &comparison.rows[0];
/// assert_eq!(row.run.name, "first");
/// assert_eq!(row.iou(1), trainer.history()[0].val_iou[1]);
/// // What only a report measures is not known before there is one.
/// assert!(row.measures.is_none());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Row {
    /// How the folder was named.
    pub path: PathBuf,
    /// What its checkpoints tell.
    pub run: Run,
    /// What its report measured, if there is one of these weights.
    pub measures: Option<Measures>,
}

/// Several runs, in the order they were named.
///
/// ```
/// # use mirrorgrad_report::Comparison;
/// # use mirrorgrad_train::{Config, RunFolder, Trainer};
/// # let dir = tempfile::tempdir()?;
/// # let config = "model.widths = [2]\ntraining = { epochs = 1, batch = 2, limit_batches = 1 }";
/// # let mut config: Config = toml::from_str(config)?;
/// let runs = ["slow", "fast"].map(|name| dir.path().join(name));
/// for (run, lr) in runs.iter().zip([0.01, 0.02]) {
///     config.training.lr = lr;
///     Trainer::new(config.clone())?.run(&RunFolder::create(run)?, &mut ())?;
/// }
/// let comparison = Comparison::new(&runs)?;
/// assert_eq!(comparison.differences.keys().collect::<Vec<_>>(), ["training.lr"]);
/// assert!(comparison.same_data());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Comparison {
    /// The runs.
    pub rows: Vec<Row>,
    /// The settings that are not the same in all of them, by path, with each run's value; `None` where a
    /// run has none.
    pub differences: BTreeMap<String, Vec<Option<toml::Value>>>,
}

impl Comparison {
    /// Reads the folders of runs.
    ///
    /// # Errors
    /// If one is not the folder of a run, or its checkpoints cannot be read.
    pub fn new(paths: &[PathBuf]) -> Result<Self, RunError> {
        let row = |path: &PathBuf| {
            let folder = RunFolder::open(path)?;
            let (run, _) = Run::read(&folder)?;
            let hash = run.best.as_ref().map(|best| best.weights_hash.as_str());
            let measures = hash.and_then(|hash| Measures::of(&folder, hash));
            Ok(Row { path: path.clone(), run, measures })
        };
        let rows = paths.iter().map(row).collect::<Result<Vec<_>, RunError>>()?;
        Ok(Self { differences: differences(&rows), rows })
    }

    /// Whether all runs tell the same classes apart: only then can classes be compared.
    pub fn same_classes(&self) -> bool {
        self.rows.windows(2).all(|pair| pair[0].run.classes == pair[1].run.classes)
    }

    /// Whether all runs learned from and were measured on the same pictures.
    pub fn same_data(&self) -> bool {
        self.rows.windows(2).all(|pair| pair[0].run.data == pair[1].run.data)
    }

    /// What keeps the numbers from being compared, in sentences.
    pub fn caveats(&self) -> Vec<String> {
        let notices = self.rows.iter().filter_map(|row| row.run.notice.as_ref());
        let mut caveats: Vec<String> = notices.map(|notice| format!("{notice}.")).collect();
        if !self.same_classes() {
            caveats.push(
                "The runs have different classes: numbers per class are not compared, and means are over \
                 different classes."
                    .to_owned(),
            );
        } else if !self.same_data() {
            caveats.push(
                "The runs used different pictures or a different split: a difference in scores may come from \
                 the data."
                    .to_owned(),
            );
        }
        let unmeasured = self.rows.iter().filter(|row| row.measures.is_none()).count();
        if unmeasured > 0 {
            caveats.push(format!(
                "Boundary F is known for {} of {} runs; `mirrorgrad report RUN` measures it.",
                self.rows.len() - unmeasured,
                self.rows.len()
            ));
        }
        caveats
    }

    /// What to call each run on a page: its folder's name, or, where two have the same, how it was named.
    fn labels(&self) -> Vec<String> {
        let same = |name: &str| self.rows.iter().filter(|row| row.run.name == name).count();
        let label = |row: &Row| match same(&row.run.name) {
            1 => row.run.name.clone(),
            _ => row.name(),
        };
        self.rows.iter().map(label).collect()
    }

    /// All of it for scripts.
    pub fn to_json(&self) -> Value {
        let runs: Vec<Value> = self.rows.iter().map(Row::to_json).collect();
        json!({
            "runs": runs,
            "differences": self.differences,
            "same_classes": self.same_classes(),
            "same_data": self.same_data(),
        })
    }
}

impl Row {
    /// The folder as it was named.
    pub fn name(&self) -> String {
        mirrorgrad_data::shown(&self.path)
    }

    fn to_json(&self) -> Value {
        let Self { run, measures, .. } = self;
        let best = run.best.as_ref();
        json!({
            "run": self.path.to_string_lossy(),
            "epochs": run.history.len(),
            "best_epoch": best.map(|best| best.epoch),
            "best_miou": best.map(|best| best.val_miou),
            "last_miou": run.history.last().map(|last| last.val_miou),
            "best_pixel_accuracy": best.map(|best| best.val_pixel_accuracy),
            "parameters": run.parameters,
            "seconds_per_epoch": run.seconds_an_epoch(),
            "seconds": run.seconds(),
            "classes": run.classes,
            "iou": best.map(|best| &best.val_iou),
            "mean_boundary_f": measures.as_ref().map(|measures| measures.mean_boundary_f),
            "boundary_f": measures.as_ref().map(|measures| &measures.boundary_f),
            "checkerboard": measures.as_ref().and_then(|measures| measures.checkerboard),
            "config": settings(&run.config),
        })
    }
}

fn differences(rows: &[Row]) -> BTreeMap<String, Vec<Option<toml::Value>>> {
    let each: Vec<_> = rows.iter().map(|row| settings(&row.run.config)).collect();
    let paths: std::collections::BTreeSet<&String> = each.iter().flat_map(BTreeMap::keys).collect();
    let values = |path: &String| each.iter().map(|own| own.get(path).cloned()).collect::<Vec<_>>();
    let all = paths.into_iter().map(|path| (path.clone(), values(path)));
    // Where the split's seed is the run's, it is said twice.
    let [split, run] = ["data.folder.seed", "training.seed"];
    let twice = each.iter().all(|own| own.get(split) == own.get(run));
    let all = all.filter(|(path, _)| !(twice && path == split));
    all.filter(|(_, values)| values.windows(2).any(|pair| pair[0] != pair[1])).collect()
}

/// A setting's value for a cell.
fn shown_value(value: Option<&toml::Value>) -> String {
    value.map_or_else(|| "–".to_owned(), |value| mirrorgrad_data::one_line(&plain(value)))
}

/// The last word of a setting's path, where no other setting of the list ends in the same.
fn short_name<'a>(path: &'a str, all: &BTreeMap<String, Vec<Option<toml::Value>>>) -> &'a str {
    let last = |path: &'a str| path.rsplit_once('.').map_or(path, |(_, last)| last);
    let same = all.keys().filter(|other| other.rsplit('.').next() == Some(last(path))).count();
    if same == 1 { last(path) } else { path }
}
