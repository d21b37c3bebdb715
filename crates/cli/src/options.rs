//! Options that several commands have, and how their values are read.

use clap::builder::{PossibleValuesParser, TypedValueParser};
use mirrorgrad_segment::{Checkpoint, Predictor, RunError, RunFolder};
use serde::de::{DeserializeOwned, IntoDeserializer, value::Error};
use std::path::Path;

/// A size as people write it, `HxW`, as `[height, width]`.
pub fn size(text: &str) -> Result<[usize; 2], String> {
    let refuse = || format!("expected HEIGHTxWIDTH, as 180x240, found {text:?}");
    let (height, width) = text.split_once(['x', 'X']).ok_or_else(refuse)?;
    let side = |side: &str| side.parse().ok().filter(|&n| n > 0).ok_or_else(refuse);
    Ok([side(height)?, side(width)?])
}

/// One number for both axes, or two, as `2` or `2x1`: `[vertical, horizontal]`.
pub fn pair(text: &str) -> Result<[usize; 2], String> {
    let refuse = || format!("expected a number or two, as 2 or 2x1, found {text:?}");
    let number = |text: &str| text.parse().map_err(|_| refuse());
    match text.split_once(['x', 'X']) {
        Some((y, x)) => Ok([number(y)?, number(x)?]),
        None => number(text).map(|n| [n, n]),
    }
}

/// A list of channels, as `16,32,64`.
pub fn widths(text: &str) -> Result<Widths, String> {
    let refuse = || format!("expected widths, as 16,32,64, found {text:?}");
    let widths = text.split(',').map(|width| width.trim().parse().map_err(|_| refuse()));
    widths.collect::<Result<_, _>>().map(Widths)
}

/// The channels of each stage.
#[derive(Clone, Debug)]
pub struct Widths(pub Vec<usize>);

/// Two factors, as `0.8,1.25`.
pub fn factors(text: &str) -> Result<[f64; 2], String> {
    let refuse = || format!("expected a least and a greatest factor, as 0.8,1.25, found {text:?}");
    let (least, most) = text.split_once(',').ok_or_else(refuse)?;
    let factor = |factor: &str| factor.trim().parse().map_err(|_| refuse());
    Ok([factor(least)?, factor(most)?])
}

/// One of the names that a choice has in configuration files.
pub fn choice<T: DeserializeOwned + Clone + Send + Sync + 'static>(
    names: impl Into<PossibleValuesParser>,
) -> impl TypedValueParser<Value = T> {
    names.into().map(|name: String| {
        let name: serde::de::value::StringDeserializer<Error> = name.into_deserializer();
        T::deserialize(name).expect("the names are those of the choice")
    })
}

/// The checkpoint at `path`: a file, or the best one of a run's folder.
pub fn checkpoint(path: &Path) -> Result<Checkpoint, RunError> {
    if path.is_dir() {
        return Checkpoint::read(&RunFolder::open(path)?.best());
    }
    Checkpoint::read(path)
}

/// The trained network at `path`: a checkpoint, the best one of a run's folder, or weights as
/// safetensors beside a configuration and the names of the classes.
pub fn predictor(path: &Path) -> Result<Predictor, RunError> {
    match path.extension() {
        Some(extension) if extension == "safetensors" && !path.is_dir() => {
            Predictor::read_weights(path)
        }
        _ => Predictor::new(checkpoint(path)?),
    }
}
