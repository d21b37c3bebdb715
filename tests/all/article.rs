//! The worked examples that this framework grew from, as TensorFlow and MXNet compute them
//! (`golden/dialects/article.json`), end to end.

use mirrorgrad::study::{Columns, Layer, Path, Report, Subject};
use mirrorgrad::tensor::dialect::{MxNet, TensorFlow, tensorflow};
use mirrorgrad::tensor::{ConvSpec, Geometry, Window};
use serde_json::Value;

fn article() -> Value {
    serde_json::from_str(include_str!("../golden/dialects/article.json")).unwrap()
}

/// Nested lists, flat.
fn flat(value: &Value) -> Vec<i64> {
    match value {
        Value::Array(values) => values.iter().flat_map(flat).collect(),
        number => vec![number.as_f64().unwrap() as i64],
    }
}

fn subject(geometry: Geometry, output: &Value, kernel: &Value) -> Subject {
    Subject::new(geometry, None, Some(flat(output)), Some(flat(kernel))).unwrap()
}

/// All four ways to Cᵀ y give what a framework gave.
fn assert_all_ways(subject: &Subject, want: &Value, case: &str) {
    for path in Path::ALL {
        assert_eq!(path.transposed(subject), flat(want), "{case}: {path:?}");
    }
}

#[test]
fn a_convolution_is_a_matrix_and_its_transpose_brings_back_the_size_and_not_the_values() {
    let article = article();
    let given = &article["examples"]["matrix"];
    let geometry = Window::square(3).conv([4, 4]).unwrap();
    let (input, kernel) = (flat(&given["image"]), flat(&given["kernel"]));
    let subject = Subject::new(geometry, Some(input.clone()), None, Some(kernel)).unwrap();
    for framework in ["tensorflow", "mxnet"] {
        let want = &given[framework];
        let mut c = vec![0; 4 * 16];
        for entry in subject.entries() {
            c[entry.position * 16 + entry.pixel] = subject.weight[entry.tap];
        }
        assert_eq!(c, flat(&want["C"]));
        let y = subject.conv(&input);
        assert_eq!(y, flat(&want["y"]));
        let back = Subject { output: y, ..subject.clone() };
        assert_all_ways(&back, &want["back"], framework);
        assert_ne!(flat(&want["back"]), input);
    }
    let report = Report::new(Layer::Conv, &subject, None, None).unwrap();
    assert_eq!([report.matrix.rows, report.matrix.columns], [4, 16]);
    assert_eq!(report.sizes[0].relation, 1);
}

#[test]
fn three_spots_become_five_pixels_by_relation_1_and_six_by_relation_2() {
    let article = article();
    for (name, added, size) in [("relation_1", 0, 5), ("relation_2", 1, 6)] {
        let given = &article["examples"][name];
        let window = Window::square(3).stride(2).padding(1).output_padding([added; 2]);
        let geometry = window.transposed([3, 3]).unwrap();
        assert_eq!(geometry.input(), [size; 2]);
        let subject = subject(geometry, &given["map"], &given["kernel"]);
        for framework in ["tensorflow", "mxnet"] {
            assert_all_ways(&subject, &given[framework]["output"], name);
        }
        let report = Report::new(Layer::Deconv, &subject, None, None).unwrap();
        assert_eq!((report.sizes[0].relation, report.sizes[0].rest), (1 + added, added));
    }
}

#[test]
fn tensorflow_makes_five_or_six_of_three_and_the_odd_pixel_is_on_the_other_side_than_mxnets() {
    let article = article();
    let given = &article["examples"]["zero_insertion"];
    let same = TensorFlow { strides: [2, 2], ..TensorFlow::new([3, 3], tensorflow::Padding::Same) };
    let mxnet = MxNet { stride: [2, 2], ..MxNet::new([3, 3]) };
    for size in [5, 6] {
        let subject = |spec: &dyn ConvSpec| {
            let geometry = spec.transposed_to([3, 3], [size; 2]).unwrap();
            subject(geometry, &given["map"], &given["kernel"])
        };
        let (theirs, others) = (subject(&same), subject(&mxnet));
        assert_all_ways(&theirs, &given["tensorflow"][format!("output_{size}")], "tensorflow");
        assert_all_ways(&others, &given["mxnet"][format!("target_shape_{size}")], "mxnet");
        let alike = Path::Dense.transposed(&theirs) == Path::Dense.transposed(&others);
        assert_eq!(alike, size == 5);
    }
    for size in [4, 7] {
        assert!(same.transposed_to([3, 3], [size; 2]).is_err());
    }
    let valid = TensorFlow { padding: tensorflow::Padding::Valid, ..same };
    assert!(valid.transposed_to([3, 3], [7, 7]).is_ok());
}

#[test]
fn columns_are_reshaped_added_and_cropped() {
    // MXNet's example: a 2x2 output of ones, a 3x3 kernel of ones: columns 9x4, onto 5x5 and with `adj` a row
    // more, cropped to 4x4; and the gradient of the convolution over 4x4.
    let window = Window::square(3).stride(2).padding(1).output_padding([1, 1]);
    let geometry = window.transposed([2, 2]).unwrap();
    let ones = |n: usize| Some(vec![1; n]);
    let subject = Subject::new(geometry, None, ones(4), ones(9)).unwrap();
    let Columns { product, full, cropped } = Columns::of(&subject);
    assert_eq!((product.len(), product[0].len(), full.len(), full[0].len()), (9, 4, 5, 5));
    let want = vec![1, 2, 1, 1, 2, 4, 2, 2, 1, 2, 1, 1, 1, 2, 1, 1];
    assert_eq!(cropped, want);
    assert_eq!(Path::Autograd.transposed(&subject), want);
    assert_eq!(Window::square(3).stride(2).padding(1).conv([4, 4]), Ok(geometry));
}
