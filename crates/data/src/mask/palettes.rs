//! Palettes that differ from mask to mask: programs that make files smaller put colours in another order, and
//! then a number means one thing here and another there.

use std::collections::BTreeMap;
use std::path::Path;

use super::rgb_text;
use crate::Message;
use crate::error::shown;

/// The colours of the numbers that occur in a mask.
pub(crate) type Palette = BTreeMap<u8, [u8; 3]>;

/// The colour of each stored number, and the mask that had it first.
#[derive(Debug, Default)]
pub(crate) struct Palettes {
    first: BTreeMap<u8, ([u8; 3], String)>,
    note: Option<String>,
}

impl Palettes {
    /// Adds the colours of the numbers that occur in the mask at `path`.
    pub fn add(&mut self, path: &Path, palette: &Palette) {
        for (&number, &colour) in palette {
            let (other, mask) = self.first.entry(number).or_insert_with(|| (colour, shown(path)));
            if *other != colour && self.note.is_none() {
                self.note = Some(format!(
                    "palettes differ: {number} is {} in {mask} and {} in {}. Palette indices are used, whatever \
                     their colours; if the colours mean classes, define them in colours.txt, in lines such as \
                     {} NAME",
                    rgb_text(*other),
                    rgb_text(colour),
                    shown(path),
                    rgb_text(*other)
                ));
            }
        }
    }

    /// What is to be said of them, if any differ.
    pub fn note(self) -> Option<Message> {
        self.note.map(Message::from)
    }
}
