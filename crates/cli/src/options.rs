//! Options that several commands have, and how their values are read.

use crate::say;
use mirrorgrad_data::one_line;
use mirrorgrad_train::{Predictor, RunError};
use std::path::Path;

/// A size as people write it, `HxW`, as `[height, width]`.
pub fn size(text: &str) -> Result<[usize; 2], String> {
    let refuse = || format!("expected HEIGHTxWIDTH, such as 180x240, found {text:?}");
    let (height, width) = text.split_once(['x', 'X']).ok_or_else(refuse)?;
    let side = |side: &str| side.parse().ok().filter(|&n| n > 0).ok_or_else(refuse);
    Ok([side(height)?, side(width)?])
}

/// One number for both axes, or two, as `2` or `2x1`: `[vertical, horizontal]`.
pub fn pair(text: &str) -> Result<[usize; 2], String> {
    let refuse = || format!("expected one or two numbers, such as 2 or 2x1, found {text:?}");
    let number = |text: &str| text.parse().map_err(|_| refuse());
    match text.split_once(['x', 'X']) {
        Some((y, x)) => Ok([number(y)?, number(x)?]),
        None => number(text).map(|n| [n, n]),
    }
}

/// The trained network at `path`, see [`Predictor::read`]; what there is to say of it is said.
pub fn predictor(path: &Path) -> Result<Predictor, RunError> {
    let predictor = Predictor::read(path)?;
    predictor.notice().into_iter().for_each(|notice| say::aside(one_line(notice)));
    Ok(predictor)
}
