//! Weights from files.

use crate::RunError;
use mirrorgrad_data::files::read;
use mirrorgrad_data::shown;
use mirrorgrad_layers::weights::{NamedTensors, from_safetensors, take_off_prefix};
use std::collections::BTreeSet;
use std::path::Path;

/// Most bytes of a file of weights.
const MAX_BYTES: u64 = 4 << 30;

/// The weights of a safetensors file, of up to 4 GB.
///
/// ```
/// # use mirrorgrad_layers::weights::{state_dict, to_safetensors};
/// # use mirrorgrad_train::{Config, read_weights};
/// # let dir = tempfile::tempdir()?;
/// # let mut config = Config::default();
/// # config.model.widths = vec![2];
/// let path = dir.path().join("model.safetensors");
/// let weights = state_dict(&*config.network(2));
/// std::fs::write(&path, to_safetensors(&weights))?;
/// assert_eq!(read_weights(&path)?, weights);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If it cannot be read, is larger, or is no safetensors file of weights.
pub fn read_weights(path: &Path) -> Result<NamedTensors<f32>, RunError> {
    let bytes = read(path, MAX_BYTES)?;
    from_safetensors(&bytes).map_err(|error| RunError::unfit(path, error.to_string()))
}

/// As [`read_weights`], for a network whose tensors have the names `own`: what all names of the file begin with
/// beyond these is taken off, and then a sentence says so.
pub(crate) fn read_weights_for(
    own: &BTreeSet<String>,
    path: &Path,
) -> Result<(NamedTensors<f32>, Option<String>), RunError> {
    let mut weights = read_weights(path)?;
    let prefix = take_off_prefix(own, &mut weights);
    let say =
        |prefix| format!("{}: all names begin with {prefix:?}, which is removed", shown(path));
    Ok((weights, prefix.map(say)))
}
