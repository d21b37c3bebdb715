//! How much memory a command may need, and what is refused because it would need more.

use crate::settings::Options;
use crate::{Failure, ranks};
use mirrorgrad_data::{Loader, Picture, shown};
use mirrorgrad_train::{
    Config, Largest, MemoryEstimate, PredictionEstimate, Predictor, Process, Trainer,
    advice_on_memory, allowed_bytes, evaluation_bytes, least_bytes, may_need_more, resident_bytes,
};
use std::path::Path;

/// Bytes in the megabyte that options and messages count memory in.
pub const MB: usize = 1_000_000;

/// What a process may hold, and what it held before it began.
#[derive(Clone, Copy)]
pub struct Room {
    /// Bytes that it may need.
    pub most: usize,
    /// Bytes that it held.
    pub program: usize,
}

impl Room {
    /// Of so many megabytes at most, or as many as are allowed.
    pub fn now(max_memory: Option<usize>) -> Self {
        Self { most: most_bytes(max_memory), program: resident_bytes().unwrap_or_default() }
    }

    /// Refuses a network whose weights alone need more to be trained, before they are there.
    pub fn check_least(self, config: &Config) -> Result<(), Failure> {
        let least = least_bytes(config);
        if least <= self.most {
            return Ok(());
        }
        let (widths, least, most) = (&config.model.widths, least / MB, self.most / MB);
        Err(Failure::new(format!(
            "--max-memory: expected a run of at most {most} MB, found a network of widths {widths:?}, whose weights \
             alone need {least} MB or more to be trained"
        )))
    }

    /// Refuses a run that needs more memory than it may have.
    pub fn check_run(self, trainer: &Trainer) -> Result<(), Failure> {
        let classes = trainer.validation().classes().len();
        let process = Process { held: self.program, ranks: ranks::own().ranks() };
        self.check_training(trainer.config(), classes, trainer.largest(), process)
    }

    /// Refuses to train on such pictures where that needs more memory than there may be.
    pub fn check_training(
        self,
        config: &Config,
        classes: usize,
        largest: Largest,
        process: Process,
    ) -> Result<(), Failure> {
        let most = self.most;
        if !may_need_more(config, largest, most) {
            return Ok(());
        }
        let estimate = MemoryEstimate::of_rank(config, classes, largest, process)?;
        if estimate.total() <= most {
            return Ok(());
        }
        let refused = format!(
            "--max-memory: expected a run of at most {} MB, found one of about {} MB",
            most / MB,
            estimate.total() / MB
        );
        let ([height, width], batch) = (largest.training, config.training.pass());
        let training = Failure::new(format!(
            "{refused}, with {batch} pictures of {height}x{width} per batch; try {}",
            advice_on_memory(config).worded(&Options)
        ));
        let [height, width] = largest.validation;
        let parts_alone = Largest { validation: largest.training, ..largest };
        let parts_alone = MemoryEstimate::of_rank(config, classes, parts_alone, process)?;
        Err(match parts_alone.total() > most {
            true => training,
            false => Failure::new(format!(
                "{refused}, since validation uses whole pictures of {height}x{width}; try a --size"
            )),
        })
    }

    /// Refuses data whose largest pictures take more memory than there is room for.
    pub fn check_evaluation(self, predictor: &Predictor, batches: &Loader) -> Result<(), Failure> {
        let needed = self.program + evaluation_bytes(predictor, batches)?;
        if needed <= self.most {
            return Ok(());
        }
        let ([height, width], most, needed) = (batches.largest(), self.most / MB, needed / MB);
        Err(Failure::new(format!(
            "--max-memory: expected pictures that take at most {most} MB, found some of {height}x{width}, which take \
             about {needed} MB; try a --size"
        )))
    }
}

/// Lets pictures in that do not take too much memory.
pub struct Gate<'a> {
    predictor: &'a Predictor,
    /// Before the first was predicted: what one takes serves the next.
    room: Room,
    /// Measured when the first large picture comes.
    estimate: Option<PredictionEstimate>,
}

impl<'a> Gate<'a> {
    /// Before the first picture.
    pub fn new(predictor: &'a Predictor, room: Room) -> Self {
        Self { predictor, room, estimate: None }
    }

    /// Refuses a picture that takes more.
    pub fn check(&mut self, path: &Path, picture: &Picture) -> Result<(), Failure> {
        let [height, width] = picture.size();
        if height * width < PredictionEstimate::SMALL {
            return Ok(());
        }
        let estimate = match self.estimate {
            Some(estimate) => estimate,
            None => *self.estimate.insert(PredictionEstimate::of(self.predictor)?),
        };
        let needed = self.room.program + estimate.bytes(1, [height, width]);
        if needed <= self.room.most {
            return Ok(());
        }
        let (needed, most) = (needed / MB, self.room.most / MB);
        Err(Failure::new(format!(
            "{}: expected a picture that takes at most {most} MB (--max-memory), found {height}x{width}, \
             which takes about {needed} MB",
            shown(path)
        )))
    }
}

/// The bytes that a process may need: so many megabytes, or four fifths of what it may come to hold.
fn most_bytes(max_memory: Option<usize>) -> usize {
    let asked = max_memory.map(|most| most.saturating_mul(MB));
    asked.or_else(|| allowed_bytes().map(|bytes| bytes / 10 * 8)).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_word_four_fifths_of_the_allowed_memory_may_be_needed() {
        assert_eq!(most_bytes(Some(3)), 3_000_000);
        assert_eq!(most_bytes(Some(usize::MAX)), usize::MAX);
        // Where the system tells; the machine's whole memory is needed by no process.
        let most = most_bytes(None);
        let allowed = allowed_bytes().unwrap_or(usize::MAX);
        assert!(
            most == allowed || (0.79..=0.8).contains(&(most as f64 / allowed as f64)),
            "{most}"
        );
    }
}
