//! How far each algorithm's single precision is from the truth, which is the plain algorithm's double precision.
//! `cargo test -p mirrorgrad-tensor --test all accuracy:: -- --nocapture` prints the table.

use crate::common::{noise, rng};
use mirrorgrad_tensor::{ConvAlgorithm, Element, Form, Geometry, Isa, Operand, Tensor, Window};

/// The form's operands: input, weight, output.
type Operands<T> = [Tensor<T>; 3];

/// Kernel and stride of a layer, pictures and channels, and the side of its pictures.
type Layer = ([usize; 2], usize, usize, usize);

const LAYERS: [Layer; 6] = [
    ([3, 1], 1, 16, 64),
    ([3, 1], 4, 64, 32),
    ([3, 1], 1, 256, 16),
    ([3, 1], 8, 32, 64),
    ([3, 2], 4, 64, 64),
    ([4, 2], 4, 64, 64),
];

fn geometry(([kernel, stride], _, _, side): Layer) -> Geometry {
    Window::square(kernel).stride(stride).padding(1).conv([side, side]).unwrap()
}

fn operands(layer @ ([kernel, _], batch, channels, side): Layer) -> Operands<f64> {
    let (rng, [height, width]) = (&mut rng(1), geometry(layer).output());
    // As behind a relu: the mean is not zero.
    let positive = noise::<f32>(&[batch, channels, side, side], rng).map(|v| v.max(0.0));
    let weight = noise::<f32>(&[channels, channels, kernel, kernel], rng);
    let output = noise::<f32>(&[batch, channels, height, width], rng);
    [positive.cast(), weight.cast(), output.cast()]
}

fn outputs<T: Element>(
    algorithm: ConvAlgorithm,
    layer: Layer,
    operands: &Operands<f64>,
) -> Operands<f64> {
    let form = Form::from(geometry(layer));
    let [x, w, y] = operands.each_ref().map(|operand| operand.cast::<T>());
    [
        form.solve_by(algorithm, Operand::Output, [&x, &w], None).cast(),
        form.solve_by(algorithm, Operand::Input, [&y, &w], None).cast(),
        form.solve_by(algorithm, Operand::Weight, [&x, &y], None).cast(),
    ]
}

/// The root of the mean square of the difference, as a part of that of the truth; and the largest
/// difference as a part of the largest number.
fn error(got: &Tensor<f64>, truth: &Tensor<f64>) -> [f64; 2] {
    let difference = got.zip(truth, |a, b| a - b);
    let largest = |x: &Tensor<f64>| x.as_slice().iter().fold(0.0, |m: f64, v| m.max(v.abs()));
    [(difference.dot(&difference) / truth.dot(truth)).sqrt(), largest(&difference) / largest(truth)]
}

#[test]
fn the_error_of_winograd_is_within_ten_times_that_of_the_direct_one() {
    println!("{}, f32 against f64: root mean square, largest", Isa::chosen().unwrap());
    for layer in LAYERS {
        let operands = operands(layer);
        let truth = outputs::<f64>(ConvAlgorithm::Plain, layer, &operands);
        let errors = [ConvAlgorithm::Plain, ConvAlgorithm::Direct, ConvAlgorithm::Winograd].map(|algorithm| {
            let outputs = outputs::<f32>(algorithm, layer, &operands);
            let errors = [0, 1, 2].map(|i| error(&outputs[i], &truth[i]));
            let tell = |[mean, most]: [f64; 2]| format!("{mean:.1e} {most:.1e}");
            let ([kernel, stride], batch, channels, side) = layer;
            println!(
                "{kernel}x{kernel} by {stride}, {batch} of {channels:>3}x{side}x{side} {:<9} output {}  input {}  weight {}",
                algorithm.to_string(),
                tell(errors[0]),
                tell(errors[1]),
                tell(errors[2])
            );
            errors
        });
        let [plain, direct, winograd] = errors;
        for i in 0..3 {
            for kind in 0..2 {
                assert!(direct[i][kind] < 4e-6, "direct: {direct:?}");
                assert!(winograd[i][kind] <= 10.0 * direct[i][kind], "{winograd:?} {direct:?}");
                // Nothing is computed in double precision by mistake, which would hide an error.
                assert!(plain[i][kind] > 1e-9 && winograd[i][kind] > 1e-9);
            }
        }
    }
}

#[test]
fn every_algorithm_is_exact_to_double_precision_in_double_precision() {
    for layer in LAYERS {
        let operands = operands(layer);
        let truth = outputs::<f64>(ConvAlgorithm::Plain, layer, &operands);
        for algorithm in [ConvAlgorithm::Direct, ConvAlgorithm::Winograd] {
            let outputs = outputs::<f64>(algorithm, layer, &operands);
            for (got, truth) in outputs.iter().zip(&truth) {
                let [mean, most] = error(got, truth);
                assert!(mean < 1e-14 && most < 1e-13, "{algorithm}: {mean:e} {most:e}");
            }
        }
    }
}
