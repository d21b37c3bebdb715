//! What small batches do to normalization: what cannot be trained, and what is badly predicted.

use crate::{Config, RunError};
use mirrorgrad_data::{Message, Setting, tall};
use mirrorgrad_layers::models::Norm;

/// The keys of what helps.
const NORM: &str = "model.norm";
const SIZE: &str = "data.folder.size";
const CROP: &str = "data.augment.crop";

/// Pictures in a batch below which the statistics of batch normalization are poor.
const FEW: usize = 4;

/// Refuses to train on pictures of `size`, so many an epoch, where a normalization comes to see one value
/// alone: that becomes 0 whatever it was. It is so where the deepest map has one pixel, in a batch of one
/// picture or a last batch with one left.
///
/// ```
/// # use mirrorgrad_layers::models::Norm;
/// # use mirrorgrad_train::{Config, ModelKind, check_normalization};
/// let mut config = Config::default();
/// (config.model.kind, config.model.widths) = (ModelKind::Unet, vec![8; 4]);
/// config.training.batch = 4;
/// assert!(check_normalization(&config, 8, "a.png", [8, 8]).is_ok());
/// let error = check_normalization(&config, 9, "a.png", [8, 8]).unwrap_err().to_string();
/// assert!(error.contains("a batch of 1 picture") && error.contains("model.norm = \"group\""), "{error}");
/// // Sixteen pixels wide leaves two.
/// assert!(check_normalization(&config, 9, "a.png", [8, 16]).is_ok());
/// config.model.norm = Norm::Group;
/// assert!(check_normalization(&config, 9, "a.png", [8, 8]).is_ok());
/// ```
///
/// # Errors
/// If it is so; `name` is what the size is of.
pub fn check_normalization(
    config: &Config,
    pictures: usize,
    name: &str,
    size: [usize; 2],
) -> Result<(), RunError> {
    let widths = &config.model.widths;
    let (deepest, &width) = match widths.split_last() {
        Some((width, above)) => (size.map(|side| side >> above.len()), width),
        None => return Ok(()),
    };
    let pixels = deepest[0] * deepest[1];
    let batch = smallest_batch(pictures, config.training.at_once());
    let (values, ways) = match config.model.norm {
        Norm::Batch => {
            let group = Message::from(group()).and(", another ").and(batch_size());
            let larger = group.and(", or larger pictures by ").and(Setting::of(SIZE));
            (batch * pixels, larger.and(" or ").and(Setting::of(CROP)))
        }
        Norm::Group => {
            let wider = Message::from("a deepest width of 2 or more, or ");
            (width / Norm::groups(width) * pixels, wider.and(Setting::word(NORM, "none")))
        }
        Norm::None => return Ok(()),
    };
    if values != 1 {
        return Ok(());
    }
    let plural = if batch == 1 { "" } else { "s" };
    let found = format!(
        "in a batch of {batch} picture{plural}, {}, the deepest feature map has 1x1 pixels",
        tall(size)
    );
    Err(RunError::OneValue { name: name.to_owned(), found, ways })
}

/// Pictures in the smallest batch of an epoch of so many.
fn smallest_batch(pictures: usize, batch: usize) -> usize {
    match pictures % batch {
        0 => batch,
        rest => rest,
    }
}

/// What to know before training on so many pictures in batches too small for batch normalization.
///
/// ```
/// # use mirrorgrad_layers::models::Norm;
/// # use mirrorgrad_train::{Config, small_batch_note};
/// let mut config = Config::default();
/// assert_eq!(small_batch_note(&config, 2000), None);
/// (config.training.batch, config.training.accumulate) = (2, 4);
/// let note = small_batch_note(&config, 2000).unwrap_or_default().to_string();
/// assert!(note.contains("batches of 2 pictures") && note.contains("model.norm"), "{note}");
/// config.model.norm = Norm::Group;
/// assert_eq!(small_batch_note(&config, 2000), None);
/// ```
pub fn small_batch_note(config: &Config, pictures: usize) -> Option<Message> {
    let batch = config.training.at_once().min(pictures);
    let is_small = config.model.norm == Norm::Batch && (1..FEW).contains(&batch);
    let pictures = if batch == 1 { "1 picture".to_owned() } else { format!("{batch} pictures") };
    is_small.then(|| {
        let poor = "batch normalization gives poor predictions after training on batches of";
        Message::from(format!("{poor} {pictures}, and "))
            .and(accumulate())
            .and(" does not make them larger; ")
            .and(group())
            .and(" does not depend on the batch")
    })
}

/// What takes less memory, to someone whose run needs too much.
///
/// ```
/// # use mirrorgrad_layers::models::Norm;
/// # use mirrorgrad_train::{Config, advice_on_memory};
/// let mut config = Config::default();
/// config.training.batch = 16;
/// let advice = |config: &Config| advice_on_memory(config).to_string();
/// assert!(advice(&config).contains("training.batch, down to 4"));
/// config.training.batch = 4;
/// assert!(advice(&config).ends_with("with model.norm = \"group\""));
/// config.model.norm = Norm::Group;
/// assert!(advice(&config).starts_with("a smaller training.batch with training.accumulate"));
/// ```
pub fn advice_on_memory(config: &Config) -> Message {
    let crop = Setting::of(CROP);
    let smaller = || Message::from("a smaller ").and(batch_size());
    match (config.model.norm, config.training.at_once()) {
        (_, 1) => Message::from(crop)
            .and(", a smaller ")
            .and(Setting::of(SIZE))
            .and(", or smaller ")
            .and(Setting::of("model.widths")),
        (Norm::Batch, batch) if batch > FEW => {
            smaller().and(", down to 4, with ").and(accumulate()).and(", or ").and(crop)
        }
        (Norm::Batch, _) => Message::from(crop)
            .and(", or ")
            .and(smaller())
            .and(" with ")
            .and(accumulate())
            .and(" and with ")
            .and(group()),
        _ => smaller().and(" with ").and(accumulate()).and(", or ").and(crop),
    }
}

fn batch_size() -> Setting {
    Setting::of("training.batch")
}

fn accumulate() -> Setting {
    Setting::of("training.accumulate")
}

fn group() -> Setting {
    Setting::word(NORM, "group")
}
