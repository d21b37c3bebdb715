//! Which of a file's numbers are black and white in a picture of 8 bits.

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{DataError, Message, Setting};

/// Which stored numbers become black and white: what is between is spread evenly, what is beyond is cut off.
///
/// ```
/// # use mirrorgrad_data::{FolderOptions, RangeByName, ValueRange};
/// let options: FolderOptions = toml::from_str("range = 'percentile'")?;
/// assert_eq!(options.range, Some(ValueRange::Named(RangeByName::Percentile)));
/// // For a camera of 12 bits, whose files have 16.
/// let options: FolderOptions = toml::from_str("range = [0, 4095]")?;
/// assert_eq!(options.range, Some(ValueRange::Given([0, 4095])));
/// # Ok::<(), toml::de::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected percentile, or two numbers from 0 to 65535")]
pub enum ValueRange {
    /// By a rule.
    Named(RangeByName),
    /// Black and white.
    Given([u16; 2]),
}

/// Rules for what is black and white.
///
/// ```
/// # use mirrorgrad_data::{PictureRules, RangeByName, ValueRange, to_png, Picture};
/// # use std::path::Path;
/// let dim = Picture { width: 3, height: 1, rgb: vec![100, 100, 100, 101, 101, 101, 102, 102, 102] };
/// let range = Some(ValueRange::Named(RangeByName::Percentile));
/// let rules = PictureRules { range, ..PictureRules::default() };
/// let picture = rules.decode(&to_png(&dim)?, Path::new("dim.png"))?;
/// assert_eq!(picture.rgb, [0, 0, 0, 128, 128, 128, 255, 255, 255]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RangeByName {
    /// The 1st and the 99th percentile of each picture's own numbers, all channels together.
    Percentile,
}

/// A number of a file: of 8 or of 16 bits.
pub trait Number: Copy + Into<u16> {
    /// The largest.
    const MOST: u16;
}

impl Number for u8 {
    const MOST: u16 = u8::MAX as u16;
}

impl Number for u16 {
    const MOST: u16 = u16::MAX;
}

impl ValueRange {
    /// Refuses a range in which nothing is between black and white.
    ///
    /// # Errors
    /// [`DataError::Setting`] for such a range.
    pub fn check(self) -> Result<(), DataError> {
        match self {
            Self::Given([black, white]) if black >= white => {
                let expected = "percentile, or the black value and a larger white value";
                Err(DataError::setting("data.folder.range", expected, format!("{black},{white}")))
            }
            _ => Ok(()),
        }
    }

    /// Black and white for a file of these numbers.
    fn ends<T: Number>(self, numbers: &[T], path: &Path) -> Result<[u16; 2], DataError> {
        match self {
            Self::Named(RangeByName::Percentile) => Ok(percentiles(numbers)),
            Self::Given([black, white]) if white > T::MOST => {
                let range = Setting::numbers("data.folder.range", [black, white]);
                let expected = Message::from("16-bit values, which ").and(range);
                let expected = expected.and(" needs");
                Err(DataError::unfit(path, expected, "8-bit values"))
            }
            Self::Given(ends) => Ok(ends),
        }
    }
}

/// The numbers of a file in 8 bits, by a range or else all that there could be.
pub fn levels<T: Number>(
    numbers: &[T],
    range: Option<ValueRange>,
    path: &Path,
) -> Result<Vec<u8>, DataError> {
    let [black, white] = range.map_or(Ok([0, T::MOST]), |range| range.ends(numbers, path))?;
    let table: Vec<u8> = (0..=T::MOST).map(|number| level(number, [black, white])).collect();
    Ok(numbers.iter().map(|&number| table[usize::from(number.into())]).collect())
}

/// A number in 8 bits, to the nearest.
fn level(number: u16, [black, white]: [u16; 2]) -> u8 {
    if number <= black {
        return 0;
    }
    // Black and white may be one number.
    if number >= white {
        return 255;
    }
    let [above, all] = [number - black, white - black].map(u32::from);
    ((255 * above + all / 2) / all) as u8
}

/// The 1st and the 99th percentile; of numbers nearly all of which are one, the smallest and the largest.
fn percentiles<T: Number>(numbers: &[T]) -> [u16; 2] {
    let mut counts = vec![0_usize; usize::from(T::MOST) + 1];
    numbers.iter().for_each(|&number| counts[usize::from(number.into())] += 1);
    // The smallest number that so many are not above.
    let reached = |rank: usize| {
        let mut seen = 0;
        let at = counts.iter().position(|count| {
            seen += count;
            seen >= rank.max(1)
        });
        at.unwrap_or_default() as u16
    };
    let all = numbers.len();
    let ends = [all.div_ceil(100), (99 * all).div_ceil(100)].map(reached);
    if ends[0] < ends[1] { ends } else { [1, all].map(reached) }
}

/// What is left of a picture of 16 bits that uses a small part of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Dim {
    pub darkest: u16,
    pub brightest: u16,
    /// Of 256.
    pub levels: usize,
}

/// A picture whose darkest and brightest number are nearer than this uses a small part of 16 bits.
const SMALL_PART: u16 = 1 << 14;

impl Dim {
    /// Of these numbers, if they lose by it.
    pub fn of(numbers: &[u16]) -> Option<Self> {
        let (darkest, brightest) = (*numbers.iter().min()?, *numbers.iter().max()?);
        if brightest - darkest >= SMALL_PART {
            return None;
        }
        let mut stored = vec![false; usize::from(brightest - darkest) + 1];
        numbers.iter().for_each(|number| stored[usize::from(number - darkest)] = true);
        let mut left = [false; 256];
        let seen = (darkest..=brightest).zip(&stored).filter(|(_, seen)| **seen);
        let numbers = seen.map(|(number, _)| level(number, [0, u16::MAX]));
        let count = numbers.map(|level| left[usize::from(level)] = true).count();
        let levels = left.iter().filter(|left| **left).count();
        (levels < count).then_some(Self { darkest, brightest, levels })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_numbers_of_16_bits_become_the_nearest_of_8() {
        for number in 0..=u16::MAX {
            let exact = f64::from(number) / 257.0;
            assert_eq!(f64::from(level(number, [0, u16::MAX])), exact.round(), "{number}");
        }
    }

    #[test]
    fn a_percentile_is_a_number_that_is_there() {
        let numbers: Vec<u16> = (1000..1200).rev().collect();
        // Of 200, the 2nd and the 198th.
        assert_eq!(percentiles(&numbers), [1001, 1197]);
        let mut numbers = vec![7_u8; 500];
        assert_eq!(percentiles(&numbers), [7, 7]);
        numbers[3] = 90;
        assert_eq!(percentiles(&numbers), [7, 90]);
    }
}
