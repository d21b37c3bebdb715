//! The three solutions against the definition's seven loops, over thousands of random geometries.

use crate::common::{assert_close, draw, inner, noise, rng};
use mirrorgrad_tensor::{Axis, ConvAlgorithm, Element, Form, Geometry, Operand, Tensor, Window};
use rand_chacha::ChaCha8Rng;

/// A geometry with the sizes around it. Channels are counted within a group.
#[derive(Debug)]
struct Case {
    geometry: Geometry,
    groups: usize,
    batch: usize,
    inputs: usize,
    outputs: usize,
}

impl Case {
    fn random(rng: &mut ChaCha8Rng) -> Self {
        Self {
            geometry: random_geometry(rng),
            groups: draw(rng, 1, 3),
            batch: draw(rng, 1, 3),
            inputs: draw(rng, 1, 3),
            outputs: draw(rng, 1, 3),
        }
    }

    fn input_shape(&self) -> [usize; 4] {
        let [height, width] = self.geometry.input();
        [self.batch, self.groups * self.inputs, height, width]
    }

    fn weight_shape(&self) -> [usize; 4] {
        let [height, width] = self.geometry.kernel();
        [self.groups * self.outputs, self.inputs, height, width]
    }

    fn output_shape(&self) -> [usize; 4] {
        let [height, width] = self.geometry.output();
        [self.batch, self.groups * self.outputs, height, width]
    }

    /// Every term of F(x, w, y) = Σ y · w · x: the flat positions of its three factors.
    fn terms(&self, mut term: impl FnMut(usize, usize, usize)) {
        let flat =
            |[_, b, c, d]: [usize; 4], [i, j, k, l]: [usize; 4]| ((i * b + j) * c + k) * d + l;
        let [vertical, horizontal] = self.geometry.axes();
        let pixel = |a: &Axis, position: usize, tap: usize| {
            let place = (a.stride * position + a.dilation * tap) as i64 - a.pad_before as i64;
            (0 <= place && place < a.input as i64).then_some(place as usize)
        };
        for n in 0..self.batch {
            for o in 0..self.groups * self.outputs {
                for c in 0..self.inputs {
                    let channel = o / self.outputs * self.inputs + c;
                    for position_y in 0..vertical.output {
                        for position_x in 0..horizontal.output {
                            for tap_y in 0..vertical.kernel {
                                for tap_x in 0..horizontal.kernel {
                                    let y =
                                        flat(self.output_shape(), [n, o, position_y, position_x]);
                                    let w = flat(self.weight_shape(), [o, c, tap_y, tap_x]);
                                    if let Some(row) = pixel(&vertical, position_y, tap_y)
                                        && let Some(column) = pixel(&horizontal, position_x, tap_x)
                                    {
                                        let x = [n, channel, row, column];
                                        term(y, w, flat(self.input_shape(), x));
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    /// The definition solved for each operand: output, input and weight.
    fn solve([x, w, y]: [&Tensor<f64>; 3], case: &Self) -> [Tensor<f64>; 3] {
        let (x, w, y) = (x.as_slice(), w.as_slice(), y.as_slice());
        let [mut output, mut input, mut weight] =
            [y.len(), x.len(), w.len()].map(|len| vec![0.0; len]);
        case.terms(|at_y, at_w, at_x| {
            output[at_y] += w[at_w] * x[at_x];
            input[at_x] += w[at_w] * y[at_y];
            weight[at_w] += x[at_x] * y[at_y];
        });
        [
            Tensor::new(case.output_shape(), output),
            Tensor::new(case.input_shape(), input),
            Tensor::new(case.weight_shape(), weight),
        ]
    }

    /// The algorithms that can compute this case.
    fn algorithms(&self) -> impl Iterator<Item = ConvAlgorithm> {
        let (geometry, groups, weight) = (self.geometry, self.groups, self.weight_shape());
        ConvAlgorithm::ALL
            .into_iter()
            .filter(move |algorithm| algorithm.takes(&geometry, groups, &weight))
    }

    fn form(&self) -> Form {
        Form::new(self.geometry, self.groups)
    }

    /// A algorithm's output, input and weight, with a bias on the first two if there is one.
    fn kernels<T: Element>(
        &self,
        algorithm: ConvAlgorithm,
        [x, w, y]: [&Tensor<T>; 3],
        [map_bias, image_bias]: [Option<&Tensor<T>>; 2],
    ) -> [Tensor<T>; 3] {
        let form = self.form();
        [
            form.solve_by(algorithm, Operand::Output, [x, w], map_bias),
            form.solve_by(algorithm, Operand::Input, [y, w], image_bias),
            form.solve_by(algorithm, Operand::Weight, [x, y], None),
        ]
    }

    /// Random input, weight and output. Their numbers are exact in f32.
    fn operands(&self, rng: &mut ChaCha8Rng) -> [Tensor<f64>; 3] {
        [self.input_shape(), self.weight_shape(), self.output_shape()]
            .map(|shape| noise::<f32>(&shape, rng).cast())
    }

    /// Compares all three solutions with the definition, in both precisions and with bias.
    fn check(&self, rng: &mut ChaCha8Rng) {
        let [x, w, y] = &self.operands(rng);
        let want = Self::solve([x, w, y], self);
        for algorithm in self.algorithms() {
            let got = self.kernels(algorithm, [x, w, y], [None, None]);
            for (got, want) in got.iter().zip(&want) {
                assert_close(got, want, 1e-12, &(algorithm, self));
            }
            let [x32, w32, y32] = [x, w, y].map(Tensor::cast::<f32>);
            let got32 = self.kernels(algorithm, [&x32, &w32, &y32], [None, None]);
            for (got, want) in got32.iter().zip(&want) {
                assert_close(got, want, 1e-5, &(algorithm, self));
            }

            // F(x, w, y) is one number, whichever operand is solved for.
            let [output, input, weight] = &got;
            let forms = [inner(output, y), inner(input, x), inner(weight, w)];
            let scale = (inner(output, output) * inner(y, y)).sqrt().max(1.0);
            assert!(
                (forms[0] - forms[1]).abs() <= 1e-12 * scale,
                "{algorithm} {self:?}: {forms:?}"
            );
            assert!(
                (forms[0] - forms[2]).abs() <= 1e-12 * scale,
                "{algorithm} {self:?}: {forms:?}"
            );

            let biases = [&want[0], &want[1]].map(|out| noise(&out.shape()[1..2], rng));
            let biased = self.kernels(algorithm, [x, w, y], [Some(&biases[0]), Some(&biases[1])]);
            self.check_bias::<f64>(algorithm, x, y, 1e-12);
            self.check_bias::<f32>(algorithm, x, y, 1e-5);
            for ((got, want), bias) in biased.iter().zip(&want).zip(&biases) {
                let [_, channels, height, width] = want.dims();
                let want = Tensor::from_fn(want.shape(), |i| {
                    want.as_slice()[i] + bias.as_slice()[i / (height * width) % channels]
                });
                assert_close(got, &want, 1e-12, &(algorithm, self));
            }
        }
    }

    /// What an output asks of the bias that it was begun with: its sum over batch and positions.
    fn bias(&self, y: &Tensor<f64>) -> Tensor<f64> {
        let [_, channels, height, width] = self.output_shape();
        let mut bias = vec![0.0; channels];
        for (i, y) in y.as_slice().iter().enumerate() {
            bias[i / (height * width) % channels] += y;
        }
        Tensor::new([channels], bias)
    }

    /// Compares each algorithm's weight and bias, found together, with the weight alone and the definition.
    fn check_bias<T: Element>(
        &self,
        algorithm: ConvAlgorithm,
        x: &Tensor<f64>,
        y: &Tensor<f64>,
        close: f64,
    ) {
        let (x, y, want) = (x.cast::<T>(), y.cast::<T>(), self.bias(y));
        let (weight, bias) = self.form().solve_weight_and_bias_by(algorithm, [&x, &y]);
        let alone = self.form().solve_by(algorithm, Operand::Weight, [&x, &y], None);
        assert_eq!(weight, alone, "{algorithm} {self:?}");
        assert_close(&bias, &want, close, &(algorithm, self));
    }

    /// Compares all algorithms with the plain one in double precision.
    fn check_algorithms(&self, rng: &mut ChaCha8Rng) {
        let [x, w, y] = &self.operands(rng);
        let want = self.kernels(ConvAlgorithm::Plain, [x, w, y], [None, None]);
        for algorithm in self.algorithms() {
            let [x32, w32, y32] = [x, w, y].map(Tensor::cast::<f32>);
            let got = self.kernels(algorithm, [x, w, y], [None, None]);
            let got32 = self.kernels(algorithm, [&x32, &w32, &y32], [None, None]);
            self.check_bias::<f64>(algorithm, x, y, 1e-12);
            self.check_bias::<f32>(algorithm, x, y, 1e-5);
            for ((got, got32), want) in got.iter().zip(&got32).zip(&want) {
                assert_close(got, want, 1e-12, &(algorithm, self));
                assert_close(got32, want, 1e-5, &(algorithm, self));
            }
        }
    }
}

/// Windows over inputs, under outputs with output padding, and relations no rule would make.
fn random_geometry(rng: &mut ChaCha8Rng) -> Geometry {
    loop {
        let mut pair = |low, high| [draw(rng, low, high), draw(rng, low, high)];
        let window = Window {
            kernel: pair(1, 5),
            stride: pair(1, 4),
            pad_before: pair(0, 4),
            pad_after: pair(0, 4),
            dilation: pair(1, 3),
            ..Window::square(1)
        };
        let [input, output, extra] = [pair(1, 13), pair(1, 6), pair(0, 3)];
        let geometry = match draw(rng, 0, 2) {
            0 => window.conv(input),
            1 => window.output_padding(extra).transposed(output),
            _ => Geometry::new([0, 1].map(|i| Axis {
                input: input[i],
                output: output[i],
                kernel: window.kernel[i],
                stride: window.stride[i],
                dilation: window.dilation[i],
                pad_before: window.pad_before[i],
            })),
        };
        if let Ok(geometry) = geometry
            && geometry.input().iter().chain(&geometry.output()).all(|&size| size <= 13)
        {
            return geometry;
        }
    }
}

#[test]
fn the_three_maps_are_the_definition_on_3000_random_geometries() {
    let rng = &mut rng(1);
    for _ in 0..3000 {
        Case::random(rng).check(rng);
    }
}

#[test]
fn every_path_is_the_plain_one_at_the_sizes_networks_have() {
    let rng = &mut rng(2);
    let windows = [
        Window::square(3).padding(1),
        Window::square(3).padding(1),
        Window::square(3),
        Window::square(3).padding(2),
        Window::square(1),
        Window::square(1).stride(2),
        Window::square(3).stride(2).padding(1),
        Window::square(3).padding(2).dilation(2),
        Window::square(4).stride(2).padding(1),
        Window::square(2).stride(2),
        Window::square(16).stride(8).padding(4),
        Window::new([1, 7]).padding(3),
    ];
    for nth in 0..96 {
        let window = windows[nth % windows.len()];
        let output = [draw(rng, 5, 37), draw(rng, 5, 37)];
        let geometry = match nth % 2 {
            0 => window.transposed(output.map(|places| places.div_ceil(window.stride[0]))),
            _ => window.conv(output.map(|places| places + 12)),
        };
        let groups = if nth % 5 == 0 { 2 } else { 1 };
        let [inputs, outputs] = [draw(rng, 1, 70) / groups + 1, draw(rng, 1, 70) / groups + 1];
        let batch = draw(rng, 1, 2);
        let geometry = geometry.unwrap();
        Case { geometry, groups, batch, inputs, outputs }.check_algorithms(rng);
    }
    for window in [Window::square(3).padding(1), Window::square(5).stride(2).padding(2)] {
        let geometry = window.conv([33, 18]).unwrap();
        Case { geometry, groups: 24, batch: 2, inputs: 1, outputs: 1 }.check_algorithms(rng);
    }
}

#[test]
fn a_phase_costs_what_its_own_taps_cost() {
    // Every phase looking at every tap would be 10^10 looks.
    let window = Window { stride: [1, 100_000], ..Window::new([1, 100_000]) };
    let geometry = window.transposed([1, 2]).unwrap();
    let case = Case { geometry, groups: 1, batch: 1, inputs: 1, outputs: 1 };
    let [x, w, y] = case.operands(&mut rng(5));
    for algorithm in [ConvAlgorithm::Plain, ConvAlgorithm::Direct] {
        let [output, input, weight] = case.kernels(algorithm, [&x, &w, &y], [None, None]);
        // Windows that do not overlap: each pixel has one term.
        let place = |i: usize| (w.as_slice()[i % 100_000], y.as_slice()[i / 100_000]);
        let want = Tensor::from_fn(input.shape(), |i| place(i).0 * place(i).1);
        assert_close(&input, &want, 1e-12, &algorithm);
        let forms = [inner(&output, &y), inner(&input, &x), inner(&weight, &w)];
        assert!(forms.iter().all(|form| (form - forms[0]).abs() < 1e-9), "{algorithm}: {forms:?}");
    }
}

#[test]
fn pixels_far_apart_are_reached_without_what_is_between() {
    // Between two taps lie 2^22 pixels of padding a side: 2^45 bytes, if they were copied.
    let far = 1 << 22;
    let window = Window::square(2).stride(far).dilation(far).padding(far);
    let geometry = window.conv([1, 1]).unwrap();
    let case = Case { geometry, groups: 1, batch: 1, inputs: 1, outputs: 1 };
    let [x, w, y] = case.operands(&mut rng(6));
    assert!(!ConvAlgorithm::Direct.takes(&geometry, 1, w.shape()));
    let [output, input] = [
        Form::from(geometry).solve(Operand::Output, [&x, &w], None),
        Form::from(geometry).solve(Operand::Input, [&y, &w], None),
    ];
    let weight = Form::from(geometry).solve(Operand::Weight, [&x, &y], None);
    for (got, want) in [output, input, weight].iter().zip(&Case::solve([&x, &w, &y], &case)) {
        assert_close(got, want, 1e-12, &case);
    }
}

#[test]
#[should_panic(expected = "the winograd algorithm does not support")]
fn an_algorithm_refuses_a_window_that_it_does_not_take() {
    let geometry = Window::square(3).dilation(2).conv([5, 5]).unwrap();
    let (x, w) = (Tensor::<f32>::ones([1, 1, 5, 5]), Tensor::ones([1, 1, 3, 3]));
    Form::from(geometry).solve_by(ConvAlgorithm::Winograd, Operand::Output, [&x, &w], None);
}

#[test]
fn the_random_geometries_hold_what_hurts() {
    let rng = &mut rng(1);
    let axes: Vec<Axis> = (0..3000).flat_map(|_| Case::random(rng).geometry.axes()).collect();
    let extent = |a: &Axis| a.dilation * (a.kernel - 1) + 1;
    let share =
        |holds: fn(&Axis, usize) -> bool| axes.iter().filter(|a| holds(a, extent(a))).count();
    assert!(share(|a, extent| a.stride * (a.output - 1) + extent < a.pad_before + a.input) > 1000);
    assert!(share(|a, extent| a.stride > extent) > 300);
    assert!(share(|a, extent| a.pad_before >= extent) > 300);
    assert!(share(|a, _| a.dilation > a.stride && a.kernel > 1) > 300);
    assert!(share(|a, _| a.output == 1) > 300 && share(|a, _| a.input == 1) > 100);
}

/// Cases whose columns are several tiles of the kernels' 98,304 elements, with a remainder.
#[test]
fn the_three_maps_are_the_definition_where_they_are_computed_in_several_blocks() {
    let rng = &mut rng(2);
    let window =
        Window { stride: [1, 2], pad_before: [2, 0], pad_after: [1, 3], ..Window::new([5, 3]) };
    let cases = [
        (window.conv([47, 83]), 1, 2, 20, 2),
        (Window::square(3).dilation(2).conv([41, 39]), 2, 1, 20, 1),
        (Window::square(2).stride(2).output_padding([1, 0]).transposed([50, 61]), 1, 2, 20, 3),
        (Window::square(1).conv([61, 59]), 1, 2, 70, 2),
        (Window::square(1).stride(2).conv([121, 119]), 2, 1, 70, 1),
        (Window::square(7).padding(3).conv([130, 131]), 1, 1, 1, 1),
    ];
    for (geometry, groups, batch, inputs, outputs) in cases {
        let case = Case { geometry: geometry.unwrap(), groups, batch, inputs, outputs };
        let columns = inputs * case.geometry.taps() * case.geometry.positions();
        assert!(columns > 2 * 98_304, "{columns} columns are too few to be tiled: {case:?}");
        case.check(rng);
    }
}

#[test]
fn an_empty_batch_has_empty_maps_and_a_weight_of_zeros() {
    let geometry = Window::square(3).conv([5, 6]).unwrap();
    let case = Case { geometry, groups: 2, batch: 0, inputs: 2, outputs: 3 };
    let [x, w, y] = case.operands(&mut rng(3));
    for algorithm in case.algorithms() {
        let [output, input, weight] = case.kernels(algorithm, [&x, &w, &y], [None, None]);
        assert_eq!(
            (output.shape(), input.shape()),
            (&[0, 6, 3, 4][..], &[0, 4, 5, 6][..]),
            "{algorithm}"
        );
        assert_eq!(weight, Tensor::zeros([6, 2, 3, 3]), "{algorithm}");
    }
}

#[test]
#[should_panic(
    expected = "Form::solve: expected an input of shape [batch, 4, 5, 6] for 2 groups, got [1, 3"
)]
fn an_image_of_other_channels_is_refused() {
    let g = Window::square(3).conv([5, 6]).unwrap();
    Form::new(g, 2).solve(
        Operand::Output,
        [&Tensor::<f64>::zeros([1, 3, 5, 6]), &Tensor::zeros([2, 2, 3, 3])],
        None,
    );
}

#[test]
#[should_panic(expected = "Form::solve: expected an output of shape [batch, 2, 3, 4]")]
fn a_map_of_another_size_is_refused() {
    let g = Window::square(3).conv([5, 6]).unwrap();
    Form::from(g).solve(
        Operand::Input,
        [&Tensor::<f64>::zeros([1, 2, 4, 4]), &Tensor::zeros([2, 2, 3, 3])],
        None,
    );
}

#[test]
#[should_panic(expected = "3 groups do not divide 4 outputs")]
fn groups_that_do_not_divide_the_outputs_are_refused() {
    let g = Window::square(1).conv([2, 2]).unwrap();
    Form::new(g, 3).solve(
        Operand::Output,
        [&Tensor::<f64>::zeros([1, 3, 2, 2]), &Tensor::zeros([4, 1, 1, 1])],
        None,
    );
}

#[test]
#[should_panic(expected = "the weight [2, 2, 2, 3] does not have the window's kernel")]
fn a_weight_of_another_kernel_is_refused() {
    let g = Window::square(3).conv([5, 6]).unwrap();
    Form::from(g).solve(
        Operand::Output,
        [&Tensor::<f64>::zeros([1, 2, 5, 6]), &Tensor::zeros([2, 2, 2, 3])],
        None,
    );
}

#[test]
#[should_panic(expected = "Form::solve: input and output differ in batch size")]
fn an_image_and_a_map_of_other_batches_are_refused() {
    let g = Window::square(1).conv([2, 2]).unwrap();
    Form::from(g).solve(
        Operand::Weight,
        [&Tensor::<f64>::zeros([1, 1, 2, 2]), &Tensor::zeros([2, 1, 2, 2])],
        None,
    );
}

#[test]
#[should_panic(expected = "Form::solve: expected one bias per channel")]
fn a_bias_of_another_size_is_refused() {
    let g = Window::square(1).conv([2, 2]).unwrap();
    let bias = Tensor::zeros([2]);
    Form::from(g).solve(
        Operand::Output,
        [&Tensor::<f64>::zeros([1, 1, 2, 2]), &Tensor::zeros([1, 1, 1, 1])],
        Some(&bias),
    );
}
