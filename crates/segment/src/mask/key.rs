//! What the numbers or colours of masks mean: from what is stored to labels, each pixel checked.

use std::path::Path;

use super::{COLOURS, ColourTable, NUMBERS, Pixels};
use crate::files::{MAX_BYTES, read};
use crate::{DataError, Mask};

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
#[derive(Clone, Copy, Debug)]
enum Hint {
    /// Numbers are labels: of so many classes and of the ignored one.
    Labels { classes: usize, ignore_index: Option<u8> },
    /// Numbers were declared.
    Values,
}

impl MaskKey {
    /// Reads what is stored in a mask.
    ///
    /// # Errors
    /// If the file is no mask.
    pub fn read(&self, path: &Path) -> Result<Pixels, DataError> {
        Pixels::decode(&read(path, MAX_BYTES)?, path, self.expected())
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
            hint: Hint::Labels { classes, ignore_index },
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
        Self { labels, expected, hint: Hint::Values }
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
            hint: self.hint.of(value, &stored.labels),
        })
    }
}

impl Hint {
    fn of(self, value: u8, all: &[u8]) -> String {
        match self {
            // What paint programs and many sets make of two classes: black and white.
            Self::Labels { classes: 2, .. } if all.iter().all(|&v| v == 0 || v == 255) => {
                "for masks of 0 and 255 alone, pass --mask-values 0,255".to_owned()
            }
            Self::Labels { ignore_index: None, .. } => {
                format!("if {value} marks pixels to leave out, pass --ignore-index {value}")
            }
            Self::Labels { ignore_index: Some(ignored), .. } => {
                format!("only {ignored}, the --ignore-index, may lie outside them")
            }
            Self::Values => "--mask-values lists the stored value of each class in turn, and \
                             --ignore-index has the one to leave out"
                .to_owned(),
        }
    }
}
