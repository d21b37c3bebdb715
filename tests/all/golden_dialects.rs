//! Six frameworks' own answers, `golden/dialects`: every operation of the contract, and every layer in the
//! words of the framework that ran it. What the tensors of a case are, each file states under `about`.

use mirrorgrad::prelude::*;
use mirrorgrad::study::{Array, Arrays, arrays, operate};
use mirrorgrad::tensor::dialect::{
    Caffe, Jax, Keras, MxNet, Onnx, TensorFlow, WeightLayout, jax, keras, onnx, tensorflow,
};
use mirrorgrad::tensor::{ConvSpec, Element, Form, GeometryError, Kernel, OddSide, Same};
use serde_json::Value;

/// One framework's cases, and their tensors by name.
struct Golden {
    cases: Vec<Value>,
    tensors: Arrays,
}

macro_rules! golden {
    ($name:literal) => {
        Golden::new(
            include_str!(concat!("../golden/dialects/", $name, ".json")),
            include_bytes!(concat!("../golden/dialects/", $name, ".safetensors")),
        )
    };
}

impl Golden {
    fn new(json: &str, bytes: &[u8]) -> Self {
        let file: Value = serde_json::from_str(json).unwrap();
        let cases = file["cases"].as_array().unwrap().clone();
        Self { cases, tensors: arrays::read(bytes).unwrap() }
    }

    fn all() -> [Self; 6] {
        [
            golden!("pytorch"),
            golden!("tensorflow"),
            golden!("mxnet"),
            golden!("caffe"),
            golden!("onnx"),
            golden!("jax"),
        ]
    }

    fn of(&self, kind: &str) -> Vec<&Value> {
        self.cases.iter().filter(|case| case["kind"] == kind).collect()
    }

    /// The tensors whose names begin with `prefix`, by the rest of their names.
    fn under(&self, prefix: &str) -> Arrays {
        let rest = |(name, array): (&String, &Array)| {
            Some((name.strip_prefix(prefix)?.to_string(), array.clone()))
        };
        self.tensors.iter().filter_map(rest).collect()
    }
}

fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap()
}

/// The largest difference, relative to the larger of 1 and the largest value wanted.
fn error<T: Element>(got: &Tensor<T>, want: &Tensor<T>) -> f64 {
    let size = |t: &Tensor<T>| t.as_slice().iter().fold(0.0, |s: f64, v| s.max(v.as_f64().abs()));
    size(&got.zip(want, |a, b| a - b)) / size(want).max(1.0)
}

/// How far results of an operation may be from a framework's.
fn tolerance(op: &str, double: bool) -> f64 {
    match (op, double) {
        (_, false) => 1e-5,
        ("batch_norm2d" | "group_norm", _) => 1e-7,
        ("upsample_bilinear2d" | "cross_entropy2d", _) => 1e-9,
        _ => 1e-10,
    }
}

#[test]
fn every_operation_is_the_frameworks_with_gradients_and_theirs() {
    let (mut cases, mut seconds) = (0, 0);
    for golden in Golden::all() {
        for case in golden.of("op") {
            let (name, op) = (text(case, "name"), text(case, "op"));
            let made =
                operate(op, &case["attrs"].to_string(), &golden.under(&format!("{name}/in/")));
            let made = made.unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
            let wanted = golden.under(&format!("{name}/out/"));
            assert!(wanted.contains_key("output"), "{name}");
            for (key, want) in &wanted {
                let got = made.get(key).unwrap_or_else(|| panic!("{name}: no {key}"));
                assert_eq!(
                    (got.shape(), got.dtype()),
                    (want.shape(), want.dtype()),
                    "{name}/{key}"
                );
                let error = match (got, want) {
                    (Array::F32(got), Array::F32(want)) => error(got, want),
                    (Array::F64(got), Array::F64(want)) => error(got, want),
                    (got, want) => f64::from(u8::from(got != want)),
                };
                let tolerance = tolerance(op, want.dtype() == "F64");
                assert!(error <= tolerance, "{name}/{key}: {error:e} of {tolerance:e}");
                seconds += usize::from(key.starts_with("second_"));
            }
            cases += 1;
        }
    }
    assert!(cases >= 350 && seconds >= 300, "{cases} cases, {seconds} second derivatives");
}

/// A framework's arguments.
struct Words<'a> {
    case: &'a Value,
    kernel: [usize; 2],
}

impl Words<'_> {
    fn value(&self, key: &str) -> Option<&Value> {
        self.case["words"].get(key)
    }

    fn pair(&self, key: &str) -> Option<[usize; 2]> {
        self.value(key).map(|value| [0, 1].map(|i| value[i].as_u64().unwrap() as usize))
    }

    fn or(&self, key: &str, absent: usize) -> [usize; 2] {
        self.pair(key).unwrap_or([absent; 2])
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.value(key)?.as_str()
    }

    /// `[[top, bottom], [left, right]]` as before and after.
    fn sides(&self, key: &str) -> Option<[[usize; 2]; 2]> {
        let side = |axis: usize, end: usize| self.value(key)?[axis][end].as_u64();
        let pick = |end: usize| Some([side(0, end)? as usize, side(1, end)? as usize]);
        Some([pick(0)?, pick(1)?])
    }

    fn spec(&self) -> Result<Box<dyn ConvSpec>, GeometryError> {
        Ok(match text(self.case, "framework") {
            "pytorch" => self.pytorch()?,
            "tensorflow" => Box::new(self.tensorflow()),
            "keras" => Box::new(Keras {
                strides: self.or("strides", 1),
                dilation_rate: self.or("dilation_rate", 1),
                output_padding: self.pair("output_padding"),
                ..Keras::new(
                    self.kernel,
                    match self.text("padding") {
                        Some("same") => keras::Padding::Same,
                        _ => keras::Padding::Valid,
                    },
                )
            }),
            "mxnet" => Box::new(MxNet {
                stride: self.or("stride", 1),
                dilate: self.or("dilate", 1),
                pad: self.or("pad", 0),
                adj: self.or("adj", 0),
                target_shape: self.pair("target_shape"),
                ..MxNet::new(self.kernel)
            }),
            "caffe" => Box::new(Caffe {
                stride: self.or("stride", 1),
                pad: self.or("pad", 0),
                dilation: self.or("dilation", 1),
                ..Caffe::new(self.kernel)
            }),
            "onnx" => Box::new(self.onnx()),
            "jax" => Box::new(self.jax()?),
            other => panic!("no framework {other}"),
        })
    }

    fn pytorch(&self) -> Result<Box<dyn ConvSpec>, GeometryError> {
        let (stride, dilation) = (self.or("stride", 1), self.or("dilation", 1));
        if self.text("padding") == Some("same") {
            let kernels = Kernel::both(self.kernel, stride, dilation);
            // PyTorch has it for this stride alone.
            return match stride {
                [1, 1] => Ok(Box::new(Same { kernels, odd_side: OddSide::After })),
                _ => Err(GeometryError::Words("padding 'same' is for a stride of 1")),
            };
        }
        let padding = if self.text("padding").is_some() { [0, 0] } else { self.or("padding", 0) };
        let (pad_before, pad_after) = (padding, padding);
        let window = Window { stride, dilation, pad_before, pad_after, ..Window::new(self.kernel) };
        Ok(Box::new(window.output_padding(self.or("output_padding", 0))))
    }

    fn tensorflow(&self) -> TensorFlow {
        let padding = match (self.text("padding"), self.sides("padding")) {
            (Some("SAME"), _) => tensorflow::Padding::Same,
            (_, Some([before, after])) => tensorflow::Padding::Explicit { before, after },
            _ => tensorflow::Padding::Valid,
        };
        TensorFlow {
            strides: self.or("strides", 1),
            dilations: self.or("dilations", 1),
            output_shape: self.pair("output_shape"),
            ..TensorFlow::new(self.kernel, padding)
        }
    }

    fn onnx(&self) -> Onnx {
        let pads =
            |i: usize| self.value("pads").map_or(0, |pads| pads[i].as_u64().unwrap() as usize);
        let padding = match self.text("auto_pad") {
            Some("SAME_UPPER") => onnx::Padding::SameUpper,
            Some("SAME_LOWER") => onnx::Padding::SameLower,
            Some("VALID") => onnx::Padding::Valid,
            _ => onnx::Padding::Pads { before: [pads(0), pads(1)], after: [pads(2), pads(3)] },
        };
        Onnx {
            strides: self.or("strides", 1),
            dilations: self.or("dilations", 1),
            output_padding: self.or("output_padding", 0),
            output_shape: self.pair("output_shape"),
            ..Onnx::new(self.kernel, padding)
        }
    }

    fn jax(&self) -> Result<Jax, GeometryError> {
        let padding = match (self.text("padding"), self.sides("padding")) {
            (Some("SAME"), _) => jax::Padding::Same,
            (Some("SAME_LOWER"), _) => jax::Padding::SameLower,
            (Some("VALID"), _) => jax::Padding::Valid,
            (_, Some([before, after])) => jax::Padding::Pairs { before, after },
            _ => return Err(GeometryError::Words("no such padding")),
        };
        let strides = self.pair("strides").or(self.pair("window_strides")).unwrap_or([1, 1]);
        let rhs_dilation = self.or("rhs_dilation", 1);
        Ok(Jax { strides, rhs_dilation, ..Jax::new(self.kernel, padding) })
    }

    fn groups(&self) -> usize {
        let names = ["groups", "num_group", "group", "feature_group_count"];
        let given = names.iter().find_map(|name| self.value(name));
        given.map_or(1, |groups| groups.as_u64().unwrap() as usize)
    }

    /// The geometry of the case's layer over an input, or of an output.
    fn geometry(&self, input: [usize; 2]) -> Result<Geometry, GeometryError> {
        let spec = self.spec()?;
        match (text(self.case, "layer"), self.pair("output_size")) {
            ("conv", _) => spec.conv(input),
            (_, Some(size)) => spec.transposed_to(input, size),
            (_, None) => spec.transposed(input),
        }
    }
}

fn double(array: &Array) -> Tensor<f64> {
    match array {
        Array::F32(tensor) => tensor.cast(),
        Array::F64(tensor) => tensor.clone(),
        Array::I64(shape, values) => Tensor::from_fn(shape, |i| values[i] as f64),
    }
}

/// The weight in the order of this framework's layers.
fn own_weight(case: &Value, weight: &Tensor<f64>) -> Tensor<f64> {
    let layout = match text(case, "weight_layout") {
        "OIHW" => WeightLayout::OIHW,
        "IOHW" => WeightLayout::IOHW,
        "HWIO" => WeightLayout::HWIO,
        "HWOI" => WeightLayout::HWOI,
        other => panic!("no layout {other}"),
    };
    let transposed = text(case, "layer") == "conv_transpose";
    let own = if transposed { WeightLayout::IOHW } else { WeightLayout::OIHW };
    let turned = case["words"].get("transpose_kernel") == Some(&Value::Bool(true));
    if case["framework"] == "jax" && transposed && !turned {
        return layout.convert(own, &layout.flipped(weight));
    }
    layout.convert(own, weight)
}

#[test]
fn every_layer_is_the_frameworks_in_its_own_words() {
    let mut cases = 0;
    for golden in Golden::all() {
        for case in golden.of("dialect") {
            let name = text(case, "name");
            let tensor = |key: &str| double(&golden.tensors[&format!("{name}/{key}")]);
            let (x, weight, want) = (tensor("x"), own_weight(case, &tensor("weight")), tensor("y"));
            let ([_, _, height, width], [_, _, kh, kw]) = (x.dims(), weight.dims());
            let words = Words { case, kernel: [kh, kw] };
            let geometry = words.geometry([height, width]);
            let geometry = geometry.unwrap_or_else(|error| panic!("{name}: {error}"));
            let [x, weight] = [x, weight].map(Var::constant);
            let got = match text(case, "layer") {
                "conv" => ops::conv2d(Form::new(geometry, words.groups()), &x, &weight, None),
                _ => ops::conv_transpose2d(Form::new(geometry, words.groups()), &x, &weight, None),
            };
            assert_eq!(got.shape(), want.shape(), "{name}: {geometry:?}");
            // Small whole numbers: every order of summation is exact.
            assert_eq!(got.value(), &want, "{name}: {geometry:?}");
            cases += 1;
        }
    }
    assert!(cases >= 250, "{cases}");
}

#[test]
fn what_a_framework_refuses_its_words_refuse_here() {
    let mut cases = 0;
    for golden in Golden::all() {
        for case in golden.of("refused") {
            let pair = |key: &str| [0, 1].map(|i| case[key][i].as_u64().unwrap() as usize);
            let input = if text(case, "layer") == "conv" { pair("image") } else { pair("map") };
            let words = Words { case, kernel: pair("kernel") };
            let made = words.geometry(input);
            assert!(made.is_err(), "{}: {made:?}", text(case, "name"));
            cases += 1;
        }
    }
    assert!(cases >= 40, "{cases}");
}
