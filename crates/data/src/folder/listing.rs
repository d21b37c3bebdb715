//! What a layout finds of a section.

use std::path::PathBuf;

use super::Pair;
use crate::DataError;

/// The pairs of a section, and what is wrong with it.
#[derive(Debug, Default)]
pub struct Listing {
    pub pairs: Vec<Pair>,
    pub faults: Vec<DataError>,
    /// What lies there and is no picture.
    pub skipped: Vec<PathBuf>,
    /// Lists that lie there and belong to no part.
    pub unused: Vec<PathBuf>,
    /// What the names of masks have behind those of their pictures.
    pub suffix: Option<String>,
    /// Faults that were left out, as was asked for.
    pub left_out: Vec<DataError>,
    /// Pictures that were left out, by where they are.
    pub faulty: Vec<String>,
}

impl Listing {
    /// The pairs, if nothing is wrong.
    pub fn faultless(self) -> Result<Vec<Pair>, DataError> {
        match self.faults.into_iter().next() {
            None => Ok(self.pairs),
            Some(fault) => Err(fault),
        }
    }
}
