//! How far each path's single precision is from the truth, which is the plain path's double precision.
//! `cargo test -p mirrorgrad-tensor --test accuracy -- --nocapture` prints the table.

mod common;

use common::{noise, rng};
use mirrorgrad_tensor::{Element, Isa, Path, Tensor, Window};

/// The form's operands: image, weight, map.
type Operands<T> = [Tensor<T>; 3];

/// Pictures and channels of a 3×3 layer, and the side of its pictures.
const LAYERS: [(usize, usize, usize); 4] = [(1, 16, 64), (4, 64, 32), (1, 256, 16), (8, 32, 64)];

fn operands(batch: usize, channels: usize, side: usize) -> Operands<f64> {
    let rng = &mut rng(1);
    let image = [batch, channels, side, side];
    // As behind a relu: the mean is not zero.
    let positive = noise::<f32>(&image, rng).map(|v| v.max(0.0));
    [positive.cast(), noise::<f32>(&[channels, channels, 3, 3], rng).cast(), {
        noise::<f32>(&image, rng).cast()
    }]
}

fn maps<T: Element>(path: Path, side: usize, operands: &Operands<f64>) -> Operands<f64> {
    let geometry = Window::square(3).padding(1).over([side, side]).unwrap();
    let [x, w, y] = operands.each_ref().map(|operand| operand.cast::<T>());
    [
        path.map(&geometry, 1, &x, &w, None).cast(),
        path.image(&geometry, 1, &y, &w, None).cast(),
        path.weight(&geometry, 1, &x, &y).cast(),
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
fn the_error_of_winograd_is_within_ten_times_that_of_the_direct_path() {
    println!("{}, f32 against f64: root mean square, largest", Isa::chosen().unwrap());
    for (batch, channels, side) in LAYERS {
        let operands = operands(batch, channels, side);
        let truth = maps::<f64>(Path::Plain, side, &operands);
        let errors = [Path::Plain, Path::Direct, Path::Winograd].map(|path| {
            let maps = maps::<f32>(path, side, &operands);
            let errors = [0, 1, 2].map(|i| error(&maps[i], &truth[i]));
            let tell = |[mean, most]: [f64; 2]| format!("{mean:.1e} {most:.1e}");
            println!(
                "{batch} of {channels:>3}x{side}x{side} {:<9} map {}  image {}  weight {}",
                path.to_string(),
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
fn every_path_is_exact_to_double_precision_in_double_precision() {
    for (batch, channels, side) in LAYERS {
        let operands = operands(batch, channels, side);
        let truth = maps::<f64>(Path::Plain, side, &operands);
        for path in [Path::Direct, Path::Winograd] {
            let maps = maps::<f64>(path, side, &operands);
            for (got, truth) in maps.iter().zip(&truth) {
                let [mean, most] = error(got, truth);
                assert!(mean < 1e-14 && most < 1e-13, "{path}: {mean:e} {most:e}");
            }
        }
    }
}
