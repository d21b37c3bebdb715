//! A step whose gradients go to the other ranks while the way back goes on.

use super::learner::{Learner, Prepared, StepError};
use crate::ranks::{Found, Reduce, buckets, exchange, sum_by_buckets};
use mirrorgrad_data::{DataError, Sample};
use mirrorgrad_layers::{Contribution, Fold};
use mirrorgrad_tensor::Tensor;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::{panic, thread};

impl Learner {
    /// The sum of what all ranks find of a step. On the way back of this rank's last pass, each bucket of gradients is
    /// added to those of the passes before and exchanged as soon as it is complete, beside the rest of the way.
    ///
    /// ```text
    /// this thread      forth | back: layer 4 | layer 3 | layer 2 | layer 1 |
    /// the other one            heads         | layer 4 | 3 and 2           | layer 1
    /// ```
    pub(super) fn sum_on_the_way(
        &self,
        batches: impl IntoIterator<Item = Result<Vec<Sample>, DataError>>,
        count: usize,
        step: u64,
    ) -> Result<Option<Contribution>, StepError> {
        let (ranks, params) = (&*self.ranks, &self.params);
        let mut fold = Fold::default();
        let (found, way_back) = match self.up_to_the_last(batches, count, step, &mut fold) {
            Ok(Some((place, prepared))) => {
                let (number, share) = (self.number(step, place), 1.0 / count as f64);
                let (head, way_back) = self.forth(prepared, None, number, share);
                let names = way_back.names();
                let buckets = buckets(&names, params, ranks.ranks()).into_iter();
                let buckets = buckets.map(|names| (names.len(), fold.split_off(names)));
                let found = Contribution { updates: Vec::new(), ..head.clone() };
                let buckets = Buckets { place, found, left: buckets.collect() };
                fold.add(place, head);
                (Ok(Found { names, fold }), Some((way_back, buckets)))
            }
            // All passes are those of other ranks.
            Ok(None) => (Ok(Found { names: Vec::new(), fold }), None),
            Err(error) => (Err(error), None),
        };
        let busy = AtomicBool::new(true);
        let beside = ranks.beside(&busy);
        thread::scope(|scope| {
            let (give, given) = channel();
            let other = scope.spawn(|| sum_by_buckets(&beside, found, given, count, params));
            let went = way_back.map_or(Ok(()), |(way_back, mut buckets)| {
                way_back.go(|name, gradient| {
                    if let Some(bucket) = buckets.fill(name, gradient) {
                        // Whoever takes none has failed, and says so below.
                        _ = give.send(bucket);
                    }
                })
            });
            drop(give);
            busy.store(false, Relaxed);
            let sum = ranks.wait(|| other.join());
            let sum = sum.unwrap_or_else(|panic| panic::resume_unwind(panic))?;
            exchange(ranks, went)?;
            Ok(sum)
        })
    }

    /// Adds what all passes of this rank but the last find, and returns the place and the pictures of that; `None` of a
    /// rank without any.
    fn up_to_the_last(
        &self,
        batches: impl IntoIterator<Item = Result<Vec<Sample>, DataError>>,
        count: usize,
        step: u64,
        fold: &mut Fold,
    ) -> Result<Option<(usize, Prepared)>, StepError> {
        let places = self.places(count)?;
        for (place, samples) in places.clone().zip(batches) {
            let prepared = self.prepared(&samples?)?;
            if place + 1 == places.end {
                return Ok(Some((place, prepared)));
            }
            let number = self.number(step, place);
            fold.add(place, self.contribution(prepared, None, number, 1.0 / count as f64)?);
        }
        Ok(None)
    }
}

/// What a pass fills with its gradients, bucket by bucket.
struct Buckets {
    place: usize,
    /// What the pass has found, with the gradients of the bucket that is being filled.
    found: Contribution,
    /// How many gradients those that are left take, and what earlier passes have found of these.
    left: VecDeque<(usize, Fold)>,
}

impl Buckets {
    /// Adds a gradient; the bucket that it was the last of.
    fn fill(&mut self, name: &str, gradient: Tensor<f32>) -> Option<Fold> {
        self.found.gradients.insert(name.to_owned(), gradient);
        let (_, mut fold) =
            self.left.pop_front_if(|(size, _)| *size == self.found.gradients.len())?;
        let gradients = std::mem::take(&mut self.found.gradients);
        fold.add(self.place, Contribution { gradients, ..self.found.clone() });
        Some(fold)
    }
}
