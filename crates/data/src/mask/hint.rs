//! What to do about masks whose numbers are not labels: told from all that they hold, not from the first
//! number that is wrong.

use crate::{Message, Setting};

/// The keys of what masks are read by.
const VALUES: &str = "data.folder.mask_values";
const NEAREST: &str = "data.folder.nearest_value";
const IGNORED: &str = "data.folder.ignore_index";

/// Distinct values up to which they are listed.
pub const FEW: usize = 32;

/// How many pixels of a mask, or of several, have which stored value.
#[derive(Clone, Debug)]
pub struct Values([u64; 256]);

impl Values {
    /// Those of stored numbers.
    pub fn of(stored: &[u8]) -> Self {
        let mut counts = [0; 256];
        stored.iter().for_each(|&value| counts[usize::from(value)] += 1);
        Self(counts)
    }

    /// Adds those of another.
    pub fn merge(mut self, other: &Self) -> Self {
        self.0.iter_mut().zip(&other.0).for_each(|(all, one)| *all += one);
        self
    }

    /// The values that occur, but for `ignored`, from the least on.
    pub fn distinct(&self, ignored: Option<u8>) -> Vec<u8> {
        (0..=255)
            .filter(|&value| self.0[usize::from(value)] > 0 && Some(value) != ignored)
            .collect()
    }

    /// How much of all pixels has one of `values`, in words.
    fn share(&self, values: &[u8]) -> String {
        let all = self.0.iter().sum::<u64>().max(1) as f64;
        let share = 100.0 * self.count(values) as f64 / all;
        if share < 0.1 { "under 0.1 %".to_owned() } else { format!("{share:.1} %") }
    }

    fn count(&self, values: &[u8]) -> u64 {
        values.iter().map(|&value| self.0[usize::from(value)]).sum()
    }

    /// Whether nine tenths of the pixels and more, but not all, have one of `values`: soft edges between
    /// them, as drawing and resizing make.
    fn are_mostly(&self, values: &[u8]) -> bool {
        let all: u64 = self.0.iter().sum();
        let (those, each) =
            (self.count(values), values.iter().all(|&value| self.count(&[value]) > 0));
        each && those < all && those >= all - all / 10
    }

    /// For numbers that were taken for labels of so many classes; `value` is the first that is none.
    pub fn hint_for_labels(&self, value: u8, classes: usize, ignored: Option<u8>) -> Message {
        let is_label = |value: u8| usize::from(value) < classes;
        let distinct = self.distinct(ignored);
        let beyond: Vec<u8> = distinct.iter().copied().filter(|&value| !is_label(value)).collect();
        let name = if classes == 1 { "name both classes in classes.txt and " } else { "" };
        if classes <= 2 && distinct.iter().all(|&value| value == 0 || value == 255) {
            // What paint programs and many sets make of two classes: black and white.
            let masks = Message::from(format!("for masks with only 0 and 255, {name}"));
            return masks.ask([stored(&[0, 255])]);
        }
        if classes <= 2 && beyond.len() > 1 && self.are_mostly(&[0, 255]) {
            let between: Vec<u8> = (1..255).collect();
            let between = self.share(&between);
            return Message::from(format!(
                "the mask is mostly 0 and 255, with {between} between, as at soft edges: {name}"
            ))
            .ask([stored(&[0, 255]), Setting::on(NEAREST)]);
        }
        if distinct.first() == Some(&1) && beyond == [classes as u8] && classes > 1 {
            let labels = format!("its labels are 1 to {classes}; if they count from 1, ");
            let values: Vec<u8> = (1..=classes as u8).collect();
            return Message::from(labels).ask([stored(&values)]);
        }
        match (ignored, beyond.len()) {
            (Some(ignored), _) => Message::from(format!("of other values only {ignored} is allowed, by "))
                .and(Setting::of(IGNORED)),
            (None, 1) => Message::from(format!("if {value} marks pixels to ignore, "))
                .ask([Setting::number(IGNORED, value)])
                .and(format!(" ({} of this mask)", self.share(&[value]))),
            (None, 2..=FEW) => {
                let outside = format!("its values outside are {}: ", listed_in_words(&beyond));
                Message::from(outside).and(listed_in_turn())
            }
            (None, many) => format!(
                "it has {many} values outside, like a picture or a mask with soft edges, not like class labels"
            )
            .into(),
        }
    }

    /// For numbers of which none but `values`, and `ignored`, were declared.
    pub fn hint_for_values(&self, values: &[u8], ignored: Option<u8>) -> Message {
        let declared: Vec<u8> = values.iter().copied().chain(ignored).collect();
        let occurring: Vec<u8> =
            declared.iter().copied().filter(|&value| self.count(&[value]) > 0).collect();
        if self.are_mostly(&occurring) && occurring.len() > 1 {
            let other: Vec<u8> = (0..=255).filter(|value| !declared.contains(value)).collect();
            let other = self.share(&other);
            return Message::from(format!(
                "{other} of its pixels have other values, as at soft edges: "
            ))
            .and(Setting::on(NEAREST))
            .and(" maps each to the nearest of these");
        }
        listed_in_turn()
    }

    /// What to do where nobody has named the classes.
    pub fn ways_to_name(&self, ignored: Option<u8>) -> Message {
        let distinct = self.distinct(ignored);
        let count = distinct.len();
        if !(1..=FEW).contains(&count) {
            let held = "from which no classes can be guessed";
            return format!("no such file; the masks hold {count} values, {held}").into();
        }
        let are_labels = distinct.iter().zip(0..).all(|(&value, label)| value == label);
        let names = if count == 1 { "1 name".to_owned() } else { format!("{count} names") };
        let numbers = match count {
            1 => "name 0".to_owned(),
            2 => "names 0 and 1".to_owned(),
            _ => format!("names 0 to {}", count - 1),
        };
        let held = listed_in_words(&distinct);
        let write =
            Message::from(format!("no such file; the masks hold {held}: write {names} into it"));
        let both = if are_labels { write } else { write.and(" and ").ask([stored(&distinct)]) };
        both.and(", or ")
            .ask([stored(&distinct)])
            .and(format!(" without a file, for the class {numbers}"))
    }
}

/// These as the stored values of classes.
fn stored(values: &[u8]) -> Setting {
    Setting::numbers(VALUES, values.iter().copied())
}

/// What says which number is which class.
fn listed_in_turn() -> Message {
    Message::from(Setting::of(VALUES))
        .and(" lists the stored value of each class in class order, and ")
        .and(Setting::of(IGNORED))
        .and(" is the value to ignore")
}

fn listed_in_words(values: &[u8]) -> String {
    let values: Vec<String> = values.iter().map(u8::to_string).collect();
    match values.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => format!("only {}", values.concat()),
    }
}
