//! What keeps a run from beginning on a directory of which a census was taken.

use mirrorgrad_data::Census;

use crate::fitness::{size_faults, training_faults};
use crate::trainer::loaders;
use crate::{Config, RunError, Trainer};

/// Adds to a census what keeps a run of `config` from beginning on its directory, as [`Trainer::new`] finds it,
/// and what is worth knowing before. Returns the run, if nothing keeps it.
///
/// ```
/// # use mirrorgrad_data::{Census, Mask, Picture, to_png};
/// # use mirrorgrad_train::{Config, check_run};
/// # let dir = tempfile::tempdir()?;
/// # let at = |name: &str| dir.path().join(name);
/// # for name in ["images", "masks"] {
/// #     std::fs::create_dir(at(name))?;
/// # }
/// # std::fs::write(at("classes.txt"), "ground\ncar\n")?;
/// # for (stem, grey) in [("a", 9), ("b", 90)] {
/// #     let picture = Picture { width: 2, height: 2, rgb: vec![grey; 12] };
/// #     std::fs::write(at(&format!("images/{stem}.png")), to_png(&picture)?)?;
/// #     let mask = Mask { width: 2, height: 2, labels: vec![0, 1, 0, 1] };
/// #     mask.write_grey(&at(&format!("masks/{stem}.png")))?;
/// # }
/// let mut config = Config::default();
/// config.data.dir = Some(dir.path().to_owned());
/// config.model.widths = vec![2];
/// // Nothing is wrong with the files, but no part of them is to validate on.
/// let mut census = Census::take(dir.path(), &config.data.folder, &|_| ())?;
/// assert!(census.faults.is_empty() && check_run(&mut census, &config).is_none());
/// assert_eq!(census.faults.len(), 1);
/// config.data.folder.validation_split = Some(0.5);
/// let mut census = Census::take(dir.path(), &config.data.folder, &|_| ())?;
/// assert!(check_run(&mut census, &config).is_some(), "{:?}", census.faults);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn check_run(census: &mut Census, config: &Config) -> Option<Trainer> {
    match begin(census, config.clone()) {
        Ok(trainer) => {
            let new = trainer.notes().iter().filter(|note| !census.notes.contains(note));
            let new: Vec<_> = new.cloned().collect();
            census.notes.extend(new);
            census.faults.is_empty().then_some(trainer)
        }
        Err(faults) => {
            for fault in faults {
                let kind = match &fault {
                    RunError::Data(fault) => fault.kind(),
                    fault => fault.to_string(),
                };
                let message = fault.message();
                if !census.faults.contains(&message) {
                    census.add_fault(message, kind);
                }
            }
            None
        }
    }
}

/// The run, or all that keeps it from beginning.
fn begin(census: &Census, mut config: Config) -> Result<Trainer, Vec<RunError>> {
    let one = |fault: RunError| vec![fault];
    config.ask_folder().map_err(|fault| one(fault.into()))?;
    let loaders = loaders(&config).map_err(one)?;
    let (Some(train), Some(validation)) = (census.survey("train"), census.survey("val")) else {
        // Both are there, or `loaders` had said so.
        return Trainer::new(config).map_err(one);
    };
    let least = config.network(census.classes.len()).smallest_input();
    let mut faults = training_faults(train, &config, &loaders.0, least);
    faults.extend(size_faults(validation, &config, least, loaders.1.batch));
    if !faults.is_empty() {
        return Err(faults);
    }
    Trainer::looked_through(config, loaders, Some([train, validation])).map_err(one)
}
