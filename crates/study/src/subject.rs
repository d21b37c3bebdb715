//! One geometry with whole numbers in it: what all explanations are about.

use crate::Refusal;
use mirrorgrad_tensor::Geometry;

/// A convolution of one channel and its transpose, with an input x, an output y and a weight w of whole
/// numbers, so that every statement about them can be exact.
///
/// ```
/// # use mirrorgrad_study::Subject;
/// # use mirrorgrad_tensor::Window;
/// let geometry = Window::new([1, 2]).conv([1, 3])?;
/// let subject = Subject::new(geometry, Some(vec![1, 2, 3]), None, Some(vec![10, 1]))?;
/// assert_eq!(subject.conv(&subject.input), [12, 23]);
/// // Numbers that are not given count up.
/// assert_eq!(subject.output, [1, 2]);
/// assert_eq!(subject.tap_name(1), "w01");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Subject {
    /// Where the window meets the input.
    pub geometry: Geometry,
    /// x, `[height, width]` in row-major order.
    pub input: Vec<i64>,
    /// y, `[output height, output width]` in row-major order.
    pub output: Vec<i64>,
    /// w, `[kernel height, kernel width]` in row-major order.
    pub weight: Vec<i64>,
}

/// Numbers given for a subject are at most this large, so that sums of products stay exact in f64.
const LARGEST: i64 = 1000;

impl Subject {
    /// With the numbers given, and 1, 2, 3, … (to 9 and again) for those not.
    ///
    /// # Errors
    /// If there are more or fewer numbers than places, or one is beyond ±1000.
    pub fn new(
        geometry: Geometry,
        input: Option<Vec<i64>>,
        output: Option<Vec<i64>>,
        weight: Option<Vec<i64>>,
    ) -> Result<Self, Refusal> {
        let fill = |what: &str, given: Option<Vec<i64>>, [height, width]: [usize; 2]| {
            let places = height * width;
            let values = given.unwrap_or_else(|| (0..places).map(|i| (i % 9 + 1) as i64).collect());
            if values.len() != places {
                let expected = format!("{places} numbers for {height}x{width}");
                return Err(Refusal::expected(what, expected, values.len()));
            }
            match values.iter().find(|value| value.unsigned_abs() > LARGEST.unsigned_abs()) {
                None => Ok(values),
                Some(value) => {
                    let expected = format!("numbers from -{LARGEST} to {LARGEST}");
                    Err(Refusal::expected(what, expected, value))
                }
            }
        };
        Ok(Self {
            input: fill("x", input, geometry.input())?,
            output: fill("y", output, geometry.output())?,
            weight: fill("weight", weight, geometry.kernel())?,
            geometry,
        })
    }

    /// Every place where the window meets the input: the nonzero entries of C, by rows.
    pub fn entries(&self) -> Vec<Entry> {
        let [y, x] = self.geometry.axes();
        let mut entries = Vec::new();
        for position in 0..y.output * x.output {
            for tap in 0..y.kernel * x.kernel {
                let row = y.pixel(position / x.output, tap / x.kernel);
                let column = x.pixel(position % x.output, tap % x.kernel);
                if let (Some(row), Some(column)) = (row, column) {
                    entries.push(Entry { position, pixel: row * x.input + column, tap });
                }
            }
        }
        entries
    }

    /// C x, by its entries.
    pub fn conv(&self, input: &[i64]) -> Vec<i64> {
        let mut output = vec![0; self.output.len()];
        for Entry { position, pixel, tap } in self.entries() {
            output[position] += self.weight[tap] * input[pixel];
        }
        output
    }

    /// A tap's name: `w` and its row and column.
    pub fn tap_name(&self, tap: usize) -> String {
        let width = self.geometry.kernel()[1];
        let (row, column) = (tap / width, tap % width);
        let separator = if self.geometry.kernel().iter().any(|&side| side > 10) { "," } else { "" };
        format!("w{row}{separator}{column}")
    }
}

/// A nonzero entry of C: the row of its position, the column of its pixel, the weight of its tap.
///
/// ```
/// # use mirrorgrad_study::{Entry, Subject};
/// # use mirrorgrad_tensor::Window;
/// let geometry = Window::new([1, 2]).conv([1, 3])?;
/// let entries = Subject::new(geometry, None, None, None)?.entries();
/// // [w00 w01  0 ]
/// // [ 0  w00 w01]
/// assert_eq!(entries.len(), 4);
/// assert_eq!(entries[3], Entry { position: 1, pixel: 2, tap: 1 });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The row of C.
    pub position: usize,
    /// The column of C.
    pub pixel: usize,
    /// Which weight stands there.
    pub tap: usize,
}

#[cfg(test)]
mod tests {
    use super::{LARGEST, Subject};
    use mirrorgrad_tensor::Window;

    #[test]
    fn numbers_beyond_the_largest_are_refused() {
        let geometry = Window::square(1).conv([1, 1]).unwrap();
        let subject = |pixel| Subject::new(geometry, Some(vec![pixel]), None, None);
        assert!(subject(LARGEST).is_ok() && subject(-LARGEST).is_ok());
        let refusal = subject(LARGEST + 1).unwrap_err().to_string();
        assert_eq!(refusal, "x: expected numbers from -1000 to 1000, found 1001");
    }
}
