//! Weights from files.

use crate::RunError;
use crate::files::read;
use mirrorgrad_layers::weights::{NamedTensors, from_safetensors};
use std::path::Path;

/// Most bytes of a file of weights.
const MAX_BYTES: u64 = 4 << 30;

/// The weights of a safetensors file, of up to 4 GB.
///
/// ```
/// # use mirrorgrad_layers::weights::{state_dict, to_safetensors};
/// # use mirrorgrad_segment::{Config, read_weights};
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
