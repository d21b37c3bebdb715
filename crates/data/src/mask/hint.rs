//! What to do about masks whose numbers are not labels: told from all that they hold, not from the first
//! number that is wrong.

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
    pub fn hint_for_labels(&self, value: u8, classes: usize, ignored: Option<u8>) -> String {
        let is_label = |value: u8| usize::from(value) < classes;
        let distinct = self.distinct(ignored);
        let beyond: Vec<u8> = distinct.iter().copied().filter(|&value| !is_label(value)).collect();
        let name = if classes == 1 { "name both classes in classes.txt and " } else { "" };
        if classes <= 2 && distinct.iter().all(|&value| value == 0 || value == 255) {
            // What paint programs and many sets make of two classes: black and white.
            return format!("for masks of 0 and 255 alone, {name}pass --mask-values 0,255");
        }
        if classes <= 2 && beyond.len() > 1 && self.are_mostly(&[0, 255]) {
            let between: Vec<u8> = (1..255).collect();
            return format!(
                "the mask is mostly 0 and 255, {} between as soft edges are: {name}pass --mask-values 0,255 \
                 --nearest-value",
                self.share(&between)
            );
        }
        if distinct.first() == Some(&1) && beyond == [classes as u8] && classes > 1 {
            return format!(
                "its labels are 1 to {classes}; if they count from 1, pass --mask-values {}",
                listed(&(1..=classes as u8).collect::<Vec<_>>())
            );
        }
        match (ignored, beyond.len()) {
            (Some(ignored), _) => {
                format!("only {ignored}, the --ignore-index, may lie outside them")
            }
            (None, 1) => format!(
                "if {value} marks pixels to leave out, pass --ignore-index {value} ({} of this mask)",
                self.share(&[value])
            ),
            (None, 2..=FEW) => format!(
                "its values outside are {}: --mask-values lists the stored value of each class in turn, and \
                 --ignore-index has the one to leave out",
                listed_in_words(&beyond)
            ),
            (None, many) => format!(
                "it has {many} values outside, as a picture or soft edges have, not the labels of classes"
            ),
        }
    }

    /// For numbers of which none but `values`, and `ignored`, were declared.
    pub fn hint_for_values(&self, values: &[u8], ignored: Option<u8>) -> String {
        let declared: Vec<u8> = values.iter().copied().chain(ignored).collect();
        let occurring: Vec<u8> =
            declared.iter().copied().filter(|&value| self.count(&[value]) > 0).collect();
        if self.are_mostly(&occurring) && occurring.len() > 1 {
            let other: Vec<u8> = (0..=255).filter(|value| !declared.contains(value)).collect();
            return format!(
                "{} of its pixels have other values, as soft edges have: --nearest-value takes each for the \
                 nearest of these",
                self.share(&other)
            );
        }
        "--mask-values lists the stored value of each class in turn, and --ignore-index has the one to leave out"
            .to_owned()
    }

    /// What to do where nobody has named the classes.
    pub fn ways_to_name(&self, ignored: Option<u8>) -> String {
        let distinct = self.distinct(ignored);
        let (count, list) = (distinct.len(), listed(&distinct));
        if !(1..=FEW).contains(&count) {
            return format!(
                "no such file; the masks hold {count} values, not those of a few classes"
            );
        }
        let are_labels = distinct.iter().zip(0..).all(|(&value, label)| value == label);
        let also =
            if are_labels { String::new() } else { format!(" and pass --mask-values {list}") };
        let names = if count == 1 { "1 name".to_owned() } else { format!("{count} names") };
        let numbers = match count {
            1 => "the name 0".to_owned(),
            2 => "the names 0 and 1".to_owned(),
            _ => format!("the names 0 to {}", count - 1),
        };
        format!(
            "no such file; the masks hold {}: write {names} into it{also}, or pass --mask-values {list} alone \
             for {numbers}",
            listed_in_words(&distinct)
        )
    }
}

fn listed(values: &[u8]) -> String {
    values.iter().map(u8::to_string).collect::<Vec<_>>().join(",")
}

fn listed_in_words(values: &[u8]) -> String {
    match values.split_last() {
        Some((last, rest)) if !rest.is_empty() => {
            let rest: Vec<_> = rest.iter().map(u8::to_string).collect();
            format!("{} and {last}", rest.join(", "))
        }
        _ => format!("{} alone", listed(values)),
    }
}
