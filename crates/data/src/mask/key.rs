//! What the numbers or colours of masks mean: from what is stored to labels, each pixel checked.

use std::path::Path;

use super::hint::Values;
use super::{COLOURS, ColourTable, NUMBERS, Pixels, decode};
use crate::files::{MAX_BYTES, read};
use crate::{DataError, Mask, Message};

/// The meaning of a mask's pixels.
#[derive(Clone, Debug)]
pub(crate) enum MaskKey {
    /// Stored numbers mean labels.
    Numbers(Numbers),
    /// Colours do.
    Colours(ColourTable),
}

/// The label of each stored number that has one.
#[derive(Clone, Debug)]
pub(crate) struct Numbers {
    labels: Box<[Option<u8>; 256]>,
    expected: String,
    hint: Hint,
}

/// What is said to someone whose mask has a number without a meaning.
#[derive(Clone, Debug)]
enum Hint {
    /// Numbers are labels: of so many classes and of the ignored one.
    Labels { classes: usize, ignored: Option<u8> },
    /// Numbers were declared, and the ignored one.
    Values { values: Vec<u8>, ignored: Option<u8> },
}

impl Hint {
    fn of(&self, value: u8, held: &Values) -> Message {
        match self {
            Self::Labels { classes, ignored } => held.hint_for_labels(value, *classes, *ignored),
            Self::Values { values, ignored } => held.hint_for_values(values, *ignored),
        }
    }
}

impl MaskKey {
    /// Reads what is stored in a mask.
    ///
    /// # Errors
    /// If the file is no mask.
    pub fn read(&self, path: &Path) -> Result<Pixels, DataError> {
        decode::pixels(&read(path, MAX_BYTES)?, path, self.expected())
    }

    /// The labels that it means; `path` is for the messages.
    ///
    /// # Errors
    /// If a pixel means nothing.
    pub fn meaning(&self, pixels: Pixels, path: &Path) -> Result<Mask, DataError> {
        match self {
            Self::Numbers(key) => key.meaning(pixels.numbers(path, self.expected())?, path),
            Self::Colours(table) => table.meaning(pixels.colours(path, self.expected())?, path),
        }
    }

    fn expected(&self) -> &'static str {
        match self {
            Self::Numbers(_) => NUMBERS,
            Self::Colours(_) => COLOURS,
        }
    }
}

impl Numbers {
    /// Numbers that are the labels themselves.
    pub fn labels(classes: usize, ignore_index: Option<u8>) -> Self {
        let is_label = |value: u8| usize::from(value) < classes || Some(value) == ignore_index;
        let label = |i: usize| Some(i as u8).filter(|&value| is_label(value));
        Self {
            labels: Box::new(std::array::from_fn(label)),
            expected: format!("labels below {classes}, the number of classes"),
            hint: Hint::Labels { classes, ignored: ignore_index },
        }
    }

    /// Numbers of which the `i`th of `values` means label `i`, and `void` the ignored label.
    pub fn values(values: &[u8], void: Option<u8>, ignore_index: Option<u8>) -> Self {
        let mut labels = Box::new([None; 256]);
        if let Some(void) = void {
            labels[usize::from(void)] = ignore_index;
        }
        for (label, &value) in (0..=255).zip(values) {
            labels[usize::from(value)] = Some(label);
        }
        let listed = values.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        let expected = format!("the values {listed}, which mean labels from 0 on");
        Self { labels, expected, hint: Hint::Values { values: values.to_vec(), ignored: void } }
    }

    /// These, where every other number means what the nearest declared one does, the lower of two as near.
    pub fn nearest(mut self) -> Self {
        let declared: Vec<(i16, Option<u8>)> =
            (0..).zip(self.labels.iter().copied()).filter(|(_, label)| label.is_some()).collect();
        for (value, label) in (0..).zip(self.labels.iter_mut()) {
            let nearest = declared.iter().min_by_key(|(stored, _)| (stored - value).abs());
            *label = nearest.and_then(|(_, label)| *label);
        }
        self
    }

    /// The labels that the numbers of `stored` mean; `path` is for the message.
    ///
    /// # Errors
    /// [`DataError::Label`] for the first without a meaning.
    pub fn meaning(&self, stored: Mask, path: &Path) -> Result<Mask, DataError> {
        let mean = |&value: &u8| self.labels[usize::from(value)];
        let labels: Option<Vec<u8>> = stored.labels.iter().map(mean).collect();
        if let Some(labels) = labels {
            return Ok(Mask { labels, ..stored });
        }
        let wrong = |value: &u8| mean(value).is_none();
        let at = stored.labels.iter().position(wrong).expect("one number means nothing");
        let value = stored.labels[at];
        Err(DataError::Label {
            path: path.to_owned(),
            expected: self.expected.clone(),
            found: value.to_string(),
            x: at % stored.width,
            y: at / stored.width,
            hint: self.hint.of(value, &Values::of(&stored.labels)),
        })
    }
}
