//! One form: each of the three solutions is a gradient of the other two, to the bit.

use mirrorgrad::autograd::{Var, ops};
use mirrorgrad::tensor::{Element, Form, Geometry, Tensor, Window};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::path::Path;

/// A geometry, the groups, and an input, a weight and an output that fit them.
struct Case<T: Element> {
    geometry: Geometry,
    groups: usize,
    x: Var<T>,
    w: Var<T>,
    y: Var<T>,
}

impl<T: Element> Case<T> {
    /// `channels: [batch, inputs, outputs]`, the last two within a group.
    fn new(
        geometry: Geometry,
        groups: usize,
        [batch, inputs, outputs]: [usize; 3],
        rng: &mut ChaCha8Rng,
    ) -> Self {
        let ([height, width], [kh, kw]) = (geometry.input(), geometry.kernel());
        let [output_height, output_width] = geometry.output();
        let mut noise =
            |shape: [usize; 4]| Var::parameter(Tensor::uniform(shape, [-1.0, 1.0], rng));
        Self {
            geometry,
            groups,
            x: noise([batch, groups * inputs, height, width]),
            w: noise([groups * outputs, inputs, kh, kw]),
            y: noise([batch, groups * outputs, output_height, output_width]),
        }
    }

    fn conv(&self, x: &Var<T>, w: &Var<T>) -> Var<T> {
        ops::conv2d(Form::new(self.geometry, self.groups), x, w, None)
    }

    fn transposed(&self, y: &Var<T>, w: &Var<T>) -> Var<T> {
        ops::conv_transpose2d(Form::new(self.geometry, self.groups), y, w, None)
    }

    fn weight(&self, x: &Var<T>, y: &Var<T>) -> Var<T> {
        ops::conv_weight2d(Form::new(self.geometry, self.groups), x, y)
    }

    /// Both gradients of `z` for a gradient `g` that arrives, as grad and as backward give them.
    fn assert_gradients(&self, z: &Var<T>, g: &Var<T>, of: [(&Var<T>, &Var<T>); 2]) {
        let g = g.detach();
        let grads = z.grad_with(&g, &[of[0].0, of[1].0]);
        let backward = (z * &g).sum().backward();
        for (grad, (operand, want)) in grads.iter().zip(of) {
            assert_same_bits(grad.value(), want.value(), &self.geometry);
            let found = backward.get(operand).expect("the form depends on both operands");
            assert_same_bits(found, want.value(), &self.geometry);
        }
    }
}

#[track_caller]
fn assert_same_bits<T: Element>(got: &Tensor<T>, want: &Tensor<T>, geometry: &Geometry) {
    assert_eq!(got.shape(), want.shape(), "{geometry:?}");
    assert!(got.to_le_bytes() == want.to_le_bytes(), "bits differ for {geometry:?}");
}

fn random_window(rng: &mut ChaCha8Rng) -> Window {
    let mut pair = |low, high| [rng.random_range(low..=high), rng.random_range(low..=high)];
    Window {
        kernel: pair(1, 5),
        stride: pair(1, 4),
        pad_before: pair(0, 3),
        pad_after: pair(0, 3),
        dilation: pair(1, 3),
        ..Window::square(1)
    }
}

fn random_case<T: Element>(rng: &mut ChaCha8Rng) -> Case<T> {
    loop {
        let window = random_window(rng);
        let input = [rng.random_range(1..=13), rng.random_range(1..=13)];
        if let Ok(geometry) = window.conv(input) {
            let groups = rng.random_range(1..=3);
            let sizes = [(); 3].map(|()| rng.random_range(1..=3));
            return Case::new(geometry, groups, sizes, rng);
        }
    }
}

/// Odd sizes, groups, and columns of several tiles.
fn large_cases<T: Element>(rng: &mut ChaCha8Rng) -> Vec<Case<T>> {
    let uneven = Window {
        stride: [2, 1],
        pad_before: [1, 0],
        pad_after: [0, 2],
        dilation: [1, 3],
        ..Window::new([3, 2])
    };
    [
        (Window::square(3).padding(1), [61, 57], 1, [2, 24, 10]),
        (Window::square(4).stride(2).padding(1), [91, 63], 2, [3, 8, 5]),
        (Window::square(1), [81, 77], 1, [3, 24, 10]),
        (uneven, [75, 59], 3, [2, 9, 4]),
    ]
    .map(|(window, input, groups, sizes)| {
        Case::new(window.conv(input).unwrap(), groups, sizes, rng)
    })
    .into()
}

/// The whole table: the gradient arrives in the missing operand's place, and the operand asked for
/// becomes the missing one.
fn check_table<T: Element>() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let mut cases: Vec<Case<T>> = (0..150).map(|_| random_case(rng)).collect();
    cases.extend(large_cases(rng));
    for case in &cases {
        let Case { x, w, y, .. } = case;
        let (output, input, weight) = (case.conv(x, w), case.transposed(y, w), case.weight(x, y));
        case.assert_gradients(&output, y, [(x, &input), (w, &weight)]);
        case.assert_gradients(&input, x, [(y, &output), (w, &weight)]);
        case.assert_gradients(&weight, w, [(x, &input), (y, &output)]);
    }
}

fn with_threads(threads: usize, f: impl FnOnce() + Send) {
    rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(f);
}

#[test]
fn every_gradient_of_a_map_is_another_map_to_the_bit_in_f32() {
    with_threads(1, check_table::<f32>);
    with_threads(2, check_table::<f32>);
}

#[test]
fn every_gradient_of_a_map_is_another_map_to_the_bit_in_f64() {
    with_threads(1, check_table::<f64>);
    with_threads(2, check_table::<f64>);
}

#[test]
fn the_form_is_one_number_whichever_operand_is_solved_for() {
    let rng = &mut ChaCha8Rng::seed_from_u64(2);
    for _ in 0..1000 {
        let case = random_case::<f64>(rng);
        let (x, w, y) = (case.x.value(), case.w.value(), case.y.value());
        let output = case.conv(&case.x, &case.w);
        let forms = [
            output.value().dot(y),
            case.transposed(&case.y, &case.w).value().dot(x),
            case.weight(&case.x, &case.y).value().dot(w),
        ];
        let scale = (output.value().dot(output.value()) * y.dot(y)).sqrt().max(1.0);
        for form in forms {
            assert!((form - forms[0]).abs() <= 1e-12 * scale, "{:?}: {forms:?}", case.geometry);
        }
    }
}

#[test]
fn one_definition_of_each_solution_and_of_the_columns_exists_in_the_tree() {
    let mut texts = String::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("crates")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() && !path.ends_with("tests") {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                texts += &fs::read_to_string(path).unwrap();
            }
        }
    }
    let solutions = ["conv2d", "conv_transpose2d", "conv_weight2d"];
    for name in solutions.into_iter().chain(["im2col", "col2im"]) {
        let definitions = texts.matches(&format!("fn {name}<")).count();
        assert_eq!(definitions, 1, "definitions of {name}");
    }
    // All three are one function.
    assert_eq!(texts.matches("impl<T: Element> Op<T> for Conv").count(), 1);
}
