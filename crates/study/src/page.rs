//! A report as one page that opens from disk without a network.
//!
//! The page computes for itself whatever its controls say. What it computes is compared on load with
//! values that the kernels wrote into it, and it says when they differ.

use crate::dialects::{Saying, layer_key};
use crate::{Layer, Report, Subject};
use mirrorgrad_tensor::{Axis, Form, Geometry, Operand, Tensor};
use serde::Serialize;

/// What the page is given.
#[derive(Serialize)]
struct Data<'a> {
    #[serde(serialize_with = "layer_key")]
    layer: Layer,
    axes: [Sides; 2],
    input: &'a [i64],
    output: &'a [i64],
    weight: &'a [i64],
    dialects: &'a [Saying],
    references: Vec<Reference>,
}

/// One axis of a geometry.
#[derive(Serialize)]
struct Sides {
    input: usize,
    output: usize,
    kernel: usize,
    stride: usize,
    dilation: usize,
    pad_before: usize,
}

/// A geometry with the kernels' results.
#[derive(Serialize)]
struct Reference {
    axes: [Sides; 2],
    input: Vec<i64>,
    output: Vec<i64>,
    weight: Vec<i64>,
    down: Vec<i64>,
    up: Vec<i64>,
}

impl From<Axis> for Sides {
    fn from(Axis { input, output, kernel, stride, dilation, pad_before }: Axis) -> Self {
        Self { input, output, kernel, stride, dilation, pad_before }
    }
}

impl Report {
    /// The page, as HTML.
    pub fn page(&self, subject: &Subject) -> String {
        let data = Data {
            layer: self.layer,
            axes: subject.geometry.axes().map(Sides::from),
            input: &subject.input,
            output: &subject.output,
            weight: &subject.weight,
            dialects: &self.dialects,
            references: references(),
        };
        let json = serde_json::to_string(&data).expect("numbers and names have a JSON form");
        // Within a script element, only this sign could end it.
        let json = json.replace('<', "\\u003c");
        include_str!("page/page.html")
            .replace("/*STYLE*/", include_str!("page/page.css"))
            .replace("/*SCRIPT*/", include_str!("page/page.js"))
            .replace("/*DATA*/", &json)
    }
}

/// Geometries of every kind: remainders, dilation, unequal sides, rows beyond all windows.
fn references() -> Vec<Reference> {
    let axes = [
        [4, 2, 3, 2, 1, 1],
        [5, 3, 3, 1, 1, 0],
        [6, 3, 3, 2, 1, 0],
        [7, 2, 2, 3, 2, 1],
        [8, 3, 4, 2, 1, 1],
        [3, 4, 1, 1, 1, 1],
        [9, 3, 2, 2, 3, 2],
    ]
    .map(|[input, output, kernel, stride, dilation, pad_before]| Axis {
        input,
        output,
        kernel,
        stride,
        dilation,
        pad_before,
    });
    let pairs = axes.iter().flat_map(|y| axes.iter().map(move |x| [*y, *x]));
    pairs.map(reference).collect()
}

fn reference(axes: [Axis; 2]) -> Reference {
    let geometry = Geometry::new(axes).expect("the sizes are small and positive");
    let form = Form::from(geometry);
    let numbers = |[height, width]: [usize; 2], factor: usize| -> Tensor<f64> {
        Tensor::from_fn([1, 1, height, width], |i| ((i * factor + 5) % 13) as f64 - 6.0)
    };
    let (input, output) = (numbers(geometry.input(), 7), numbers(geometry.output(), 5));
    let weight = numbers(geometry.kernel(), 3);
    let integers = |t: &Tensor<f64>| t.as_slice().iter().map(|&value| value as i64).collect();
    Reference {
        down: integers(&form.solve(Operand::Output, [&input, &weight], None)),
        up: integers(&form.solve(Operand::Input, [&output, &weight], None)),
        axes: axes.map(Sides::from),
        input: integers(&input),
        output: integers(&output),
        weight: integers(&weight),
    }
}
