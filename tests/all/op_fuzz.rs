//! `mirrorgrad op` on a thousand random requests: results are the definition's loops, and everything else
//! is refused in one line.

use mirrorgrad::study::{Array, Arrays, operate};
use mirrorgrad::tensor::Tensor;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Map, Value, json};

/// Whole numbers from −9 to 9, so that sums are exact.
fn numbers(shape: &[usize], rng: &mut ChaCha8Rng) -> Tensor<f64> {
    Tensor::from_fn(shape, |_| f64::from(rng.random_range(-9..=9)))
}

/// A request: its attributes, and the numbers behind them as the test reads them.
struct Request {
    attributes: Map<String, Value>,
    stride: [i64; 2],
    dilation: [i64; 2],
    kernel: [i64; 2],
    padding: Padding,
    output_padding: Option<[i64; 2]>,
    size: Option<[i64; 2]>,
    target: Option<[i64; 2]>,
    groups: usize,
}

#[derive(Clone, Copy)]
enum Padding {
    Sides([i64; 4]),
    Upper,
    Lower,
    Valid,
}

impl Request {
    fn random(transposed: bool, rng: &mut ChaCha8Rng) -> Self {
        let mut attributes = Map::new();
        let mut pair = |name: &str, low: i64, high: i64, rng: &mut ChaCha8Rng| {
            let pair = [rng.random_range(low..=high), rng.random_range(low..=high)];
            attributes.insert(name.into(), json!(pair));
            pair
        };
        let kernel = [rng.random_range(1..=4), rng.random_range(1..=4)];
        // Zeros among them: they are refused.
        let mut maybe = |name: &str, low, high, absent: i64, rng: &mut ChaCha8Rng| {
            if rng.random_bool(0.6) { pair(name, low, high, rng) } else { [absent; 2] }
        };
        let stride = maybe("stride", i64::from(rng.random_bool(0.9)), 3, 1, rng);
        let dilation = maybe("dilation", i64::from(rng.random_bool(0.9)), 3, 1, rng);
        let (mut output_padding, mut size, mut target) = (None, None, None);
        if transposed {
            match rng.random_range(0..5) {
                0 => output_padding = Some(pair("output_padding", 0, 2, rng)),
                1 | 2 => size = Some(pair("output_size", 1, 12, rng)),
                3 => target = Some(pair("target_shape", 1, 12, rng)),
                _ => {}
            }
        }
        let padding = match rng.random_range(0..8) {
            0 | 1 => Padding::Upper,
            2 => Padding::Lower,
            3 => Padding::Valid,
            4 => Padding::Sides(std::array::from_fn(|_| rng.random_range(0..=3))),
            5 => {
                let [h, w] = [rng.random_range(0..=2), rng.random_range(0..=2)];
                Padding::Sides([h, w, h, w])
            }
            _ => Padding::Sides([0; 4]),
        };
        let groups = if rng.random_bool(0.2) { 2 } else { 1 };
        if groups == 2 {
            attributes.insert("groups".into(), json!(2));
        }
        match padding {
            Padding::Sides([0, 0, 0, 0]) => {}
            Padding::Sides(sides) => drop(attributes.insert("padding".into(), json!(sides))),
            Padding::Upper => drop(attributes.insert("padding".into(), json!("same_upper"))),
            Padding::Lower => drop(attributes.insert("padding".into(), json!("same_lower"))),
            Padding::Valid => drop(attributes.insert("padding".into(), json!("valid"))),
        }
        Self { attributes, stride, dilation, kernel, padding, output_padding, size, target, groups }
    }

    fn extent(&self, i: usize) -> i64 {
        self.dilation[i] * (self.kernel[i] - 1) + 1
    }

    /// Padding in front and size of the output, along one axis of a convolution.
    fn over(&self, i: usize, input: i64) -> Option<(i64, i64)> {
        let (s, e) = (self.stride[i], self.extent(i));
        if s < 1 || self.dilation[i] < 1 {
            return None;
        }
        let same = |input: i64| ((input + s - 1) / s, input);
        let (before, output) = match self.padding {
            Padding::Sides(p) => (p[i], (input + p[i] + p[i + 2] - e).div_euclid(s) + 1),
            Padding::Valid => (0, (input - e).div_euclid(s) + 1),
            Padding::Upper => {
                let (output, input) = same(input);
                (((output - 1) * s + e - input).max(0) / 2, output)
            }
            Padding::Lower => {
                let (output, input) = same(input);
                ((((output - 1) * s + e - input).max(0) + 1) / 2, output)
            }
        };
        (output > 0).then_some((before, output))
    }

    /// Crop in front and size of the input, along one axis of a transposed convolution: the contract's
    /// sentences, one by one.
    fn under(&self, i: usize, output: i64) -> Option<(i64, i64)> {
        let (s, d, e) = (self.stride[i], self.dilation[i], self.extent(i));
        if s < 1 || d < 1 {
            return None;
        }
        let full = s * (output - 1) + e;
        let size = self.size.map(|size| size[i]);
        if let Some(target) = self.target {
            // MXNet's; it excludes padding, and halves the difference.
            let alone = matches!(self.padding, Padding::Sides([0, 0, 0, 0]));
            let rest = full - target[i];
            let legal = alone && rest >= 0 && (s > 1 || rest % 2 == 0);
            return legal.then_some(((rest + 1) / 2, target[i]));
        }
        let (before, input) = match self.padding {
            Padding::Sides(p) => {
                let cropped = full - p[i] - p[i + 2];
                let added = match (size, self.output_padding) {
                    (Some(size), _) => size - cropped,
                    (None, added) => added.map_or(0, |added| added[i]),
                };
                let legal = added >= 0 && (added < s || added < d);
                (p[i], if legal { cropped + added } else { 0 })
            }
            Padding::Valid => {
                let added = self.output_padding.map_or(0, |added| added[i]);
                let input = size.unwrap_or(full + added);
                let legal = match size {
                    Some(size) => (full..full + s).contains(&size),
                    None => added < s || added < d,
                };
                (0, if legal { input } else { 0 })
            }
            Padding::Upper | Padding::Lower => {
                let input = size.unwrap_or(output * s);
                let legal = (input + s - 1) / s == output && self.output_padding.is_none();
                let padding = (full - input).max(0);
                let up = i64::from(matches!(self.padding, Padding::Lower));
                ((padding + up) / 2, if legal { input } else { 0 })
            }
        };
        (input > 0).then_some((before, input))
    }
}

/// Σ over the window, by the relation `pixel = stride · position + dilation · tap − before`:
/// `visit(position, pixel, tap)` wherever they meet, along both axes.
fn meetings(
    request: &Request,
    before: [i64; 2],
    input: [i64; 2],
    output: [i64; 2],
    mut visit: impl FnMut([i64; 2], [i64; 2], [i64; 2]),
) {
    for position in (0..output[0]).flat_map(|y| (0..output[1]).map(move |x| [y, x])) {
        let taps = (0..request.kernel[0]).flat_map(|y| (0..request.kernel[1]).map(move |x| [y, x]));
        for tap in taps {
            let pixel: [i64; 2] = std::array::from_fn(|i| {
                request.stride[i] * position[i] + request.dilation[i] * tap[i] - before[i]
            });
            if (0..2).all(|i| (0..input[i]).contains(&pixel[i])) {
                visit(position, pixel, tap);
            }
        }
    }
}

fn refused(result: Result<Arrays, mirrorgrad::study::Refusal>, case: &str) {
    let refusal = result.expect_err(case).to_string();
    assert!(!refusal.is_empty() && !refusal.contains('\n'), "{case}: {refusal}");
}

fn output(made: &Arrays) -> &Tensor<f64> {
    match &made["output"] {
        Array::F64(tensor) => tensor,
        other => panic!("{other:?}"),
    }
}

fn at([y, x]: [i64; 2], width: i64) -> usize {
    usize::try_from(y * width + x).unwrap()
}

#[test]
fn a_thousand_requests_are_the_definition_or_refused_in_one_line() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let (mut legal, mut illegal) = (0, 0);
    for nth in 0..1000 {
        let transposed = nth % 2 == 0;
        let request = Request::random(transposed, rng);
        let input: [i64; 2] = [rng.random_range(1..=7), rng.random_range(1..=7)];
        let side = |n: i64| usize::try_from(n).unwrap();
        let groups = request.groups;
        let [per_group, other] = [rng.random_range(1..=2), groups * rng.random_range(1..=2)];
        // The window runs over `per_group` channels of a group's input for each of `other` outputs.
        let weight =
            numbers(&[other, per_group, side(request.kernel[0]), side(request.kernel[1])], rng);
        let channels = if transposed { other } else { per_group * groups };
        let x = numbers(&[2, channels, side(input[0]), side(input[1])], rng);
        let mut inputs = Arrays::new();
        inputs.insert("input".into(), Array::F64(x.clone()));
        inputs.insert("weight".into(), Array::F64(weight.clone()));
        let attributes = Value::Object(request.attributes.clone()).to_string();
        let op = if transposed { "conv_transpose2d" } else { "conv2d" };
        let made = operate(op, &attributes, &inputs);
        let case = format!("{op} {attributes} of {:?} by {:?}", x.shape(), weight.shape());
        let axes = [0, 1].map(|i| match transposed {
            true => request.under(i, input[i]),
            false => request.over(i, input[i]),
        });
        let [Some((top, height)), Some((left, width))] = axes else {
            refused(made, &case);
            illegal += 1;
            continue;
        };
        let made = made.unwrap_or_else(|refusal| panic!("{case}: {refusal}"));
        let out_channels = if transposed { per_group * groups } else { other };
        let shape = [2, out_channels, side(height), side(width)];
        let mut want = vec![0.0; shape.iter().product()];
        let (from, to) =
            if transposed { ([height, width], input) } else { (input, [height, width]) };
        let (pixels, positions) = (side(from[0] * from[1]), side(to[0] * to[1]));
        meetings(&request, [top, left], from, to, |position, pixel, tap| {
            let (position, pixel) = (at(position, to[1]), at(pixel, from[1]));
            let tap = at(tap, request.kernel[1]);
            let taps = side(request.kernel[0] * request.kernel[1]);
            for n in 0..2 {
                for o in 0..other {
                    let group = o / (other / groups);
                    for c in 0..per_group {
                        let w = weight.as_slice()[(o * per_group + c) * taps + tap];
                        let plane = n * per_group * groups + group * per_group + c;
                        let (in_input, in_output) =
                            (plane * pixels + pixel, (n * other + o) * positions + position);
                        let (from, to) =
                            if transposed { (in_output, in_input) } else { (in_input, in_output) };
                        want[to] += w * x.as_slice()[from];
                    }
                }
            }
        });
        assert_eq!(output(&made), &Tensor::new(shape, want), "{case}");
        legal += 1;
    }
    assert!(legal >= 400 && illegal >= 100, "{legal} legal, {illegal} not");
}

#[test]
fn nonsense_of_every_kind_is_refused_in_one_line() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    let input = || Array::F64(Tensor::ones([1, 2, 5, 6]));
    let weight = || Array::F64(Tensor::ones([2, 2, 3, 3]));
    let pair = [("input", input()), ("weight", weight())];
    let named = |arrays: &[(&str, Array)]| -> Arrays {
        arrays.iter().map(|(name, array)| (name.to_string(), array.clone())).collect()
    };
    let attributes = [
        "",
        "[]",
        "{",
        "null",
        "7",
        r#"{"stride": 2}"#,
        r#"{"stride": [1]}"#,
        r#"{"stride": [1,1,1]}"#,
        r#"{"stride": [-1, 1]}"#,
        r#"{"stride": [1.5, 1]}"#,
        r#"{"stride": ["1", 1]}"#,
        r#"{"stride": [1, 1], "stride": [2, 2]}"#,
        r#"{"strides": [1, 1]}"#,
        r#"{"padding": "same"}"#,
        r#"{"padding": [1, 2, 3]}"#,
        r#"{"groups": 0}"#,
        r#"{"groups": 3}"#,
        r#"{"groups": -1}"#,
        r#"{"kernel": [3, 3]}"#,
        r#"{"output_size": [4, 4]}"#,
        r#"{"eps": 1}"#,
        r#"{"padding": [99999999, 99999999]}"#,
        r#"{"padding": [18446744073709551615, 1]}"#,
        r#"{"padding": [18446744073709551616, 1]}"#,
        r#"{"dilation": [99999999, 1]}"#,
        r#"{"padding": [4000000, 4000000]}"#,
        r#"{"stride": [18446744073709551615, 1]}"#,
        "{\"a\nb\": 1}",
    ];
    for json in attributes {
        refused(operate("conv2d", json, &named(&pair)), json);
    }
    let tensors: [(&str, Vec<(&str, Array)>); 14] = [
        ("no such operation", pair.to_vec()),
        ("conv2d", vec![]),
        ("conv2d", vec![("input", input())]),
        ("conv2d", [&pair[..], &[("extra", input())]].concat()),
        ("conv2d", vec![("input", input()), ("weight", Array::F32(Tensor::ones([2, 2, 3, 3])))]),
        (
            "conv2d",
            vec![("input", Array::I64(vec![1, 2, 5, 6], vec![0; 60])), ("weight", weight())],
        ),
        ("conv2d", vec![("input", Array::F64(Tensor::ones([2, 5, 6]))), ("weight", weight())]),
        ("conv2d", vec![("input", Array::F64(Tensor::ones([1, 2, 0, 6]))), ("weight", weight())]),
        ("conv2d", vec![("input", Array::F64(Tensor::ones([1, 3, 5, 6]))), ("weight", weight())]),
        ("conv2d", [&pair[..], &[("bias", Array::F64(Tensor::ones([3])))]].concat()),
        ("conv2d", [&pair[..], &[("grad_output", Array::F64(Tensor::ones([1])))]].concat()),
        ("conv2d", [&pair[..], &[("grad_grad_input", input())]].concat()),
        ("conv2d", [&pair[..], &[("grad_grad_bias", input())]].concat()),
        ("max_pool2d", vec![("input", input())]),
    ];
    for (op, arrays) in &tensors {
        refused(operate(op, "{}", &named(arrays)), op);
    }
    let unpool = |indices: Vec<i64>, shape: &[usize]| {
        let indices = Array::I64(shape.to_vec(), indices);
        named(&[("input", Array::F64(Tensor::ones([1, 1, 2, 2]))), ("indices", indices)])
    };
    let kernel = r#"{"kernel": [2, 2]}"#;
    assert!(operate("max_unpool2d", kernel, &unpool(vec![0, 15, 2, 3], &[1, 1, 2, 2])).is_ok());
    refused(operate("max_unpool2d", kernel, &unpool(vec![0, 16, 2, 3], &[1, 1, 2, 2])), "outside");
    refused(operate("max_unpool2d", kernel, &unpool(vec![0, -1, 2, 3], &[1, 1, 2, 2])), "negative");
    refused(operate("max_unpool2d", kernel, &unpool(vec![0; 2], &[1, 1, 1, 2])), "shape");
    let entropy = |labels: Vec<i64>| {
        let target = Array::I64(vec![1, 5, 6], labels);
        named(&[("input", input()), ("target", target)])
    };
    assert!(operate("cross_entropy2d", "{}", &entropy(vec![-100; 30])).is_ok());
    refused(operate("cross_entropy2d", "{}", &entropy(vec![2; 30])), "label");
    let smoothed = r#"{"label_smoothing": 1.5}"#;
    refused(operate("cross_entropy2d", smoothed, &entropy(vec![1; 30])), "smoothing");
    // Too large: refused by an estimate, at once.
    let start = std::time::Instant::now();
    for size in ["[1000000, 1000000]", "[16777216, 16777216]", "[20000, 20000]"] {
        let json = format!(r#"{{"output_size": {size}}}"#);
        refused(operate("upsample_bilinear2d", &json, &named(&[("input", input())])), size);
    }
    assert!(start.elapsed().as_secs() < 2);
    // And whatever bytes come as attributes.
    for _ in 0..2000 {
        let letters = br#"{}[]",:0123456789strideping-e._ "#;
        let json: String = (0..rng.random_range(0..30))
            .map(|_| char::from(letters[rng.random_range(0..letters.len())]))
            .collect();
        if let Err(refusal) = operate("conv2d", &json, &named(&pair)) {
            assert!(!refusal.to_string().contains('\n'), "{json}: {refusal}");
        }
    }
}

/// Pools by the definition: the largest or the mean of what a window sees.
#[test]
fn pools_are_the_largest_and_the_mean_under_each_window() {
    let rng = &mut ChaCha8Rng::seed_from_u64(3);
    let mut legal = 0;
    for _ in 0..600 {
        let mut request = Request::random(false, rng);
        request.attributes.remove("groups");
        request.attributes.insert("kernel".into(), json!(request.kernel));
        if !request.attributes.contains_key("stride") {
            request.stride = request.kernel;
        }
        let input: [i64; 2] = [rng.random_range(1..=7), rng.random_range(1..=7)];
        let side = |n: i64| usize::try_from(n).unwrap();
        let shape = [1, 2, side(input[0]), side(input[1])];
        // All different: the largest is one.
        let mut values: Vec<f64> = (0..shape.iter().product::<usize>()).map(|i| i as f64).collect();
        for i in (1..values.len()).rev() {
            values.swap(i, rng.random_range(0..=i));
        }
        let x = Tensor::new(shape, values);
        let mut inputs = Arrays::new();
        inputs.insert("input".into(), Array::F64(x.clone()));
        let json = Value::Object(request.attributes.clone()).to_string();
        let (most, mean) =
            (operate("max_pool2d", &json, &inputs), operate("avg_pool2d", &json, &inputs));
        let [Some((top, height)), Some((left, width))] = [0, 1].map(|i| request.over(i, input[i]))
        else {
            refused(most, &json);
            refused(mean, &json);
            continue;
        };
        let (Ok(most), Ok(mean)) = (&most, &mean) else {
            // Only padding that a window may drown in is refused beyond the sizes.
            refused(most, &json);
            refused(mean, &json);
            continue;
        };
        let positions = side(height * width);
        let (mut best, mut sums) = (vec![f64::MIN; 2 * positions], vec![0.0; 2 * positions]);
        meetings(&request, [top, left], input, [height, width], |position, pixel, _| {
            for plane in 0..2 {
                let value = x.as_slice()[plane * side(input[0] * input[1]) + at(pixel, input[1])];
                let to = plane * positions + at(position, width);
                best[to] = best[to].max(value);
                sums[to] += value;
            }
        });
        assert_eq!(output(most).as_slice(), best, "{json}");
        for (i, (mean, sum)) in output(mean).as_slice().iter().zip(&sums).enumerate() {
            // Without ceil_mode every window lies inside the padded input: all its cells count.
            let want = sum / (request.kernel[0] * request.kernel[1]) as f64;
            assert!((mean - want).abs() < 1e-12, "{json}: {i}: {mean}, not {want}");
        }
        legal += 1;
    }
    assert!(legal >= 150, "{legal}");
}
