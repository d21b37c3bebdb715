//! What a run's folder tells without looking at a picture.

use mirrorgrad_data::{Message, one_line};
use mirrorgrad_layers::Params;
use mirrorgrad_train::{Checkpoint, Config, EpochMetrics, RunError, RunFolder};

/// A run as its checkpoints tell it.
///
/// ```
/// # use mirrorgrad_report::Run;
/// # use mirrorgrad_train::{RunFolder, Trainer};
/// # let dir = tempfile::tempdir()?;
/// # let config = "model.widths = [2]\ntraining = { epochs = 1, batch = 2, limit_batches = 1 }";
/// # let folder = RunFolder::create(&dir.path().join("first"))?;
/// # let mut trainer = Trainer::new(toml::from_str(config)?)?;
/// # trainer.run(&folder, &mut ())?;
/// let (run, best) = Run::read(&folder)?;
/// assert_eq!((run.name.as_str(), run.model().as_str()), ("first", "fcn 2 with deconv"));
/// assert_eq!(run.history, trainer.history());
/// assert_eq!(run.seconds_an_epoch(), Some(run.seconds()));
/// // Its last checkpoint is whole, so nothing has to be said of it.
/// assert_eq!(run.notice, None);
/// assert!(best.is_some_and(|best| best.progress.epoch == 1));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Run {
    /// The folder's name.
    pub name: String,
    /// What it was started with.
    pub config: Config,
    /// The names of the classes.
    pub classes: Vec<String>,
    /// What tells its pictures from others.
    pub data: String,
    /// The epochs so far.
    pub history: Vec<EpochMetrics>,
    /// The numbers that are trained.
    pub parameters: usize,
    /// The epoch with the highest validation mIoU.
    pub best: Option<EpochMetrics>,
    /// What had to be said when it was read: that its last checkpoint is missing or damaged, and that it is
    /// told from the one before.
    pub notice: Option<Message>,
}

impl Run {
    /// Reads the folder, and the checkpoint of its best epoch if there has been one. Where the last
    /// checkpoint is missing or damaged, the one before it is read.
    ///
    /// # Errors
    /// If neither of these can be read, or the best one is damaged or another run's.
    pub fn read(folder: &RunFolder) -> Result<(Self, Option<Checkpoint>), RunError> {
        let (mut last, notice) = folder.read_last()?;
        last.check()?;
        // What is told of a run are the best weights.
        last.weights.clear();
        last.optimizer.tensors.clear();
        let best = folder.best();
        let best = if best.exists() { Some(Checkpoint::read(&best)?) } else { None };
        if let Some(best) = &best {
            check_same_run(folder, &last, best)?;
        }
        let of_best = best.as_ref().map_or(&[][..], |best| &best.history);
        // A run that was cut off between its two files has its best epoch in one of them alone.
        let longer = of_best.len() > last.history.len();
        let history = if longer { of_best.to_vec() } else { last.history };
        let network = last.config.network(last.classes.len().max(1));
        let run = Self {
            name: name(folder),
            parameters: Params::of(&*network).trainable_len(),
            best: of_best.last().cloned(),
            config: last.config,
            classes: last.classes,
            data: last.data,
            history,
            notice,
        };
        Ok((run, best))
    }

    /// Seconds of training and validating.
    pub fn seconds(&self) -> f64 {
        self.history.iter().map(|epoch| epoch.seconds).sum()
    }

    /// The median of an epoch's seconds, of which one that waited for something says nothing.
    pub fn seconds_an_epoch(&self) -> Option<f64> {
        let mut seconds: Vec<f64> = self.history.iter().map(|epoch| epoch.seconds).collect();
        seconds.sort_by(f64::total_cmp);
        let [below, above] = [seconds.len().saturating_sub(1) / 2, seconds.len() / 2];
        Some((seconds.get(below)? + seconds.get(above)?) / 2.0)
    }

    /// The part of the time that went into validating, where the run's version noted it.
    pub fn validating(&self) -> Option<f64> {
        let validating: f64 = self.history.iter().map(|epoch| epoch.val_seconds).sum();
        (validating > 0.0).then(|| validating / self.seconds())
    }

    /// Of several ranks, the seconds that each waited in the epochs that so many ranks trained as the last one; of one
    /// rank, nothing.
    pub fn waited(&self) -> Vec<f64> {
        let Some(last) = self.history.last() else { return Vec::new() };
        let ranks = last.waited.len();
        let alike = || self.history.iter().filter(|epoch| epoch.waited.len() == ranks);
        (0..ranks).map(|rank| alike().map(|epoch| epoch.waited[rank]).sum()).collect()
    }

    /// What the network is, in a few words.
    pub fn model(&self) -> String {
        let model = &self.config.model;
        let [kind, upsample] = [format!("{:?}", model.kind), format!("{:?}", model.upsample)]
            .map(|s| s.to_lowercase());
        let widths: Vec<_> = model.widths.iter().map(usize::to_string).collect();
        format!("{kind} {} with {upsample}", widths.join("-"))
    }
}

/// Refuses two checkpoints of which one was copied from another run's folder: their numbers would be told as
/// those of one run.
fn check_same_run(
    folder: &RunFolder,
    last: &Checkpoint,
    best: &Checkpoint,
) -> Result<(), RunError> {
    let hashes = |history: &[EpochMetrics]| {
        history.iter().map(|epoch| epoch.weights_hash.clone()).collect::<Vec<_>>()
    };
    let epochs = last.history.len().min(best.history.len());
    let same = last.classes == best.classes
        && last.data == best.data
        && what_stays(&last.config) == what_stays(&best.config)
        && hashes(&last.history[..epochs]) == hashes(&best.history[..epochs]);
    if same {
        return Ok(());
    }
    let what = "expected last.ckpt and best.ckpt of one run, found them of two runs";
    Err(RunError::unfit(folder.path(), what))
}

/// What a run keeps while it goes on: its pictures may move, and it may be given more epochs.
fn what_stays(config: &Config) -> Config {
    let mut config = config.clone();
    config.data.dir = None;
    (config.training.epochs, config.training.warmup) = (0, 0);
    config
}

fn name(folder: &RunFolder) -> String {
    // Of `.` and the like, the folder it stands for.
    let path = folder.path().canonicalize().unwrap_or_else(|_| folder.path().to_owned());
    let name = path.file_name().map(|name| name.to_string_lossy().into_owned());
    one_line(&name.unwrap_or_else(|| folder.to_string()))
}

/// What the data are, in a few words, without where on the machine they lie.
pub fn data(config: &Config) -> String {
    match &config.data.dir {
        None => "built-in shapes".to_owned(),
        Some(dir) => one_line(&dir.file_name().unwrap_or(dir.as_os_str()).to_string_lossy()),
    }
}
