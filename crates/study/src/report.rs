//! Everything there is to say about one geometry, worked out once for people, scripts and pages.

use crate::dialects::{Saying, layer_key, sayings};
use crate::health::Health;
use crate::paths::{Columns, Path, dissenters};
use crate::sizes::{Arguments, Sizes};
use crate::{Layer, Refusal, Subject};
use serde::Serialize;

/// What is known of a geometry and the numbers in it.
///
/// ```
/// # use mirrorgrad_study::{Layer, Report, Subject};
/// # use mirrorgrad_tensor::Window;
/// let geometry = Window::square(4).stride(2).padding(1).transposed([3, 3])?;
/// let subject = Subject::new(geometry, None, None, None)?;
/// let report = Report::new(Layer::Deconv, &subject, None, None)?;
/// assert!(report.disagree.is_empty());
/// assert_eq!(report.health.taps, [[4, 4], [4, 4]]);
/// let title = "a transposed convolution of 3x3 to 6x6: kernel 4x4, stride [2, 2]";
/// assert!(report.to_string().starts_with(title));
/// assert!(report.page(&subject).starts_with("<!doctype html>"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Which layer it is looked at as.
    #[serde(serialize_with = "layer_key")]
    pub(crate) layer: Layer,
    /// `[height, width]` of the window.
    pub(crate) kernel: [usize; 2],
    /// `[vertical, horizontal]`.
    pub(crate) stride: [usize; 2],
    /// `[vertical, horizontal]`.
    pub(crate) dilation: [usize; 2],
    /// Rows and columns in front that the window hangs over.
    #[serde(rename = "before")]
    pub(crate) pad_before: [usize; 2],
    /// Sizes and formulas, vertical and horizontal.
    pub sizes: [Sizes; 2],
    /// Other arguments with the same sizes, vertical and horizontal.
    pub(crate) arguments: [Vec<Arguments>; 2],
    /// C: what it does to numbers, and its entries.
    pub matrix: Matrix,
    /// Cᵀ y by four ways.
    pub(crate) paths: Vec<Way>,
    /// The names of the ways that disagree with the others.
    pub disagree: Vec<&'static str>,
    /// What gemm and col2im hold on the way.
    pub(crate) columns: Stages,
    /// The framework table.
    pub(crate) dialects: Vec<Saying>,
    /// Taps and gains by phase.
    pub health: Health,
    /// What reaches the place that was asked about.
    pub(crate) explanation: Option<Explanation>,
}

/// C and the numbers around it.
///
/// ```
/// # use mirrorgrad_study::{Layer, Report, Subject};
/// # use mirrorgrad_tensor::Window;
/// let geometry = Window::new([1, 2]).transposed([1, 2])?;
/// let subject = Subject::new(geometry, None, Some(vec![3, 4]), Some(vec![1, 2]))?;
/// let matrix = Report::new(Layer::Deconv, &subject, None, None)?.matrix;
/// assert_eq!((matrix.rows, matrix.columns, matrix.entries.len()), (2, 3, 4));
/// assert_eq!(matrix.entries[1], (0, 1, "w01".to_owned()));
/// assert_eq!(matrix.up, [3, 10, 8]);
/// // x is 1, 2, 3, and C x is 5, 8.
/// assert_eq!(matrix.products, [5 * 3 + 8 * 4, 3 + 2 * 10 + 3 * 8]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Serialize)]
pub struct Matrix {
    /// Rows: positions of the output.
    pub rows: usize,
    /// Columns: pixels of the input.
    pub columns: usize,
    /// Entries that are not zero by construction, as row, column and name of the weight.
    pub entries: Vec<(usize, usize, String)>,
    /// w.
    pub weight: Vec<i64>,
    /// x.
    #[serde(rename = "image")]
    pub input: Vec<i64>,
    /// y.
    #[serde(rename = "map")]
    pub output: Vec<i64>,
    /// C x.
    pub down: Vec<i64>,
    /// Cᵀ y.
    pub up: Vec<i64>,
    /// ⟨C x, y⟩ and ⟨x, Cᵀ y⟩.
    pub products: [i64; 2],
    /// Cᵀ C x: the size of x, and not x.
    pub down_and_up: Vec<i64>,
}

/// One way's result.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Way {
    /// Its name.
    pub(crate) name: &'static str,
    /// Cᵀ y.
    pub(crate) result: Vec<i64>,
}

/// The stages of gemm and col2im.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Stages {
    /// A row a tap, a column a position.
    pub(crate) product: Vec<Vec<i64>>,
    /// The columns reshaped and added.
    pub(crate) full: Vec<Vec<i64>>,
}

/// What reaches a place.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Explanation {
    /// Row and column of the output.
    pub(crate) place: [usize; 2],
    /// Row and column of each input that reaches it, the weight's name, and the product.
    pub(crate) terms: Vec<([usize; 2], String, i64)>,
}

impl Report {
    /// Of a subject. `broken` spoils one way, to see that it is noticed; `explain` is a place of the
    /// layer's output.
    ///
    /// # Errors
    /// If the place lies outside.
    pub fn new(
        layer: Layer,
        subject: &Subject,
        broken: Option<Path>,
        explain: Option<[usize; 2]>,
    ) -> Result<Self, Refusal> {
        let axes = subject.geometry.axes();
        let each = |f: fn(&mirrorgrad_tensor::Axis) -> usize| [f(&axes[0]), f(&axes[1])];
        let results: Vec<(Path, Vec<i64>)> = Path::ALL
            .into_iter()
            .map(|path| {
                let mut result = path.transposed(subject);
                if broken == Some(path) {
                    result[0] += 1;
                }
                (path, result)
            })
            .collect();
        let disagree = dissenters(&results).into_iter().map(Path::name).collect();
        let Columns { product, full, .. } = Columns::of(subject);
        let weight: Vec<f64> = subject.weight.iter().map(|&w| w as f64).collect();
        Ok(Self {
            layer,
            kernel: each(|a| a.kernel),
            stride: each(|a| a.stride),
            dilation: each(|a| a.dilation),
            pad_before: each(|a| a.pad_before),
            sizes: [Sizes::of(&axes[0]), Sizes::of(&axes[1])],
            arguments: axes.map(|axis| Arguments::of(&axis)),
            matrix: Matrix::of(subject),
            paths: results.into_iter().map(|(p, result)| Way { name: p.name(), result }).collect(),
            disagree,
            columns: Stages { product, full },
            dialects: sayings(layer, &subject.geometry),
            health: Health::of(&subject.geometry, &weight),
            explanation: explain.map(|place| explanation(layer, subject, place)).transpose()?,
        })
    }
}

impl Matrix {
    fn of(subject: &Subject) -> Self {
        let dot = |a: &[i64], b: &[i64]| a.iter().zip(b).map(|(a, b)| a * b).sum();
        let entries = subject.entries();
        let (down, up) = (subject.conv(&subject.input), Path::Dense.transposed(subject));
        let back = Subject { output: down.clone(), ..subject.clone() };
        Self {
            rows: subject.output.len(),
            columns: subject.input.len(),
            entries: entries
                .iter()
                .map(|e| (e.position, e.pixel, subject.tap_name(e.tap)))
                .collect(),
            weight: subject.weight.clone(),
            input: subject.input.clone(),
            output: subject.output.clone(),
            products: [dot(&down, &subject.output), dot(&subject.input, &up)],
            down_and_up: Path::Dense.transposed(&back),
            down,
            up,
        }
    }
}

fn explanation(layer: Layer, subject: &Subject, place: [usize; 2]) -> Result<Explanation, Refusal> {
    let geometry = &subject.geometry;
    let (own, other) = match layer {
        Layer::Conv => (geometry.output(), geometry.input()),
        Layer::Deconv => (geometry.input(), geometry.output()),
    };
    if place[0] >= own[0] || place[1] >= own[1] {
        let expected = format!("a place in {}x{}", own[0], own[1]);
        return Err(Refusal::expected("--explain", expected, format!("{},{}", place[0], place[1])));
    }
    let at = place[0] * own[1] + place[1];
    let terms = subject.entries().into_iter().filter_map(|entry| {
        let (to, from, value) = match layer {
            Layer::Conv => (entry.position, entry.pixel, subject.input[entry.pixel]),
            Layer::Deconv => (entry.pixel, entry.position, subject.output[entry.position]),
        };
        let product = subject.weight[entry.tap] * value;
        let term = || ([from / other[1], from % other[1]], subject.tap_name(entry.tap), product);
        (to == at).then(term)
    });
    Ok(Explanation { place, terms: terms.collect() })
}

#[cfg(test)]
mod tests {
    use super::{Layer, Path, Report, Subject};
    use mirrorgrad_tensor::Window;

    /// Of a kernel of two and two positions, of which a way may be spoiled and a place explained.
    fn report(broken: Option<Path>, explain: Option<[usize; 2]>) -> Report {
        let geometry = Window::new([1, 2]).transposed([1, 2]).unwrap();
        let subject = Subject::new(geometry, None, Some(vec![3, 4]), Some(vec![1, 2])).unwrap();
        Report::new(Layer::Deconv, &subject, broken, explain).unwrap()
    }

    #[test]
    fn a_way_that_is_spoiled_disagrees() {
        let report = report(Some(Path::Dense), None);
        let [spoiled, way] = [&report.paths[0], &report.paths[1]];
        assert_eq!((spoiled.name, &spoiled.result[..]), ("dense", &[4, 10, 8][..]));
        assert_eq!((way.name, &way.result[..]), ("columns", &[3, 10, 8][..]));
        assert_eq!(report.disagree, ["dense"]);
    }

    #[test]
    fn the_stages_are_the_product_and_its_columns_added() {
        let stages = report(None, None).columns;
        assert_eq!(stages.product, [[3, 4], [6, 8]]);
        assert_eq!(stages.full, [[3, 4 + 6, 8]]);
    }

    #[test]
    fn an_explanation_has_every_term_of_the_place() {
        let explanation = report(None, Some([0, 1])).explanation.unwrap();
        assert_eq!(explanation.terms[0], ([0, 0], "w01".to_owned(), 2 * 3));
        assert_eq!(explanation.terms[1], ([0, 1], "w00".to_owned(), 4));
    }
}
