//! The shapes that recordings of one network on pictures of several sizes have seen.

use mirrorgrad_autograd::record::{Id, Recording, Source};
use std::collections::BTreeMap;

/// The shapes of the picture, and behind it of every step's result that is read, each in all recordings.
pub(crate) struct Shapes(pub Vec<Vec<Vec<usize>>>);

impl Shapes {
    pub fn of(recordings: &[Recording]) -> Self {
        let steps = recordings.iter().map(|recording| recording.steps().len()).min().unwrap_or(0);
        let mut shapes = vec![vec![vec![]; recordings.len()]; steps + 1];
        for (nth, recording) in recordings.iter().enumerate() {
            let positions = positions(recording);
            for step in recording.steps() {
                for i in 0..step.operands() {
                    if let Source::Step(id) = step.operand(i) {
                        shapes[positions[&id]][nth] = step.shape(i).to_vec();
                    }
                }
            }
        }
        Self(shapes)
    }
}

/// Where each variable stands: the picture at 0, then the steps' results.
pub(crate) fn positions(recording: &Recording) -> BTreeMap<Id, usize> {
    let ids = std::iter::once(recording.input()).chain(recording.steps().iter().map(|s| s.id()));
    ids.enumerate().map(|(position, id)| (id, position)).collect()
}
