//! A convolution is a matrix C. Its gradient, and the transposed convolution, are Cᵀ.
//!
//! `cargo run --release --example 01_mirror`

use mirrorgrad::prelude::*;

/// The matrix of a linear function from `[1, 1, from]` planes, a column for each unit vector.
fn matrix(from: [usize; 2], f: impl Fn(&Var<f64>) -> Var<f64>) -> Tensor<f64> {
    let pixels = from[0] * from[1];
    let columns = (0..pixels).map(|at| {
        let unit = Tensor::from_fn([1, 1, from[0], from[1]], |i| if i == at { 1.0 } else { 0.0 });
        let column = f(&Var::constant(unit));
        column.value().reshape([1, column.value().len()])
    });
    let columns: Vec<Tensor<f64>> = columns.collect();
    mirrorgrad::tensor::concat(&columns.iter().collect::<Vec<_>>(), 0).transpose()
}

fn main() -> Result<(), mirrorgrad::tensor::GeometryError> {
    let geometry = Window::square(3).stride(2).padding(1).conv([4, 4])?;
    let weight = Var::constant(Tensor::from_fn([1, 1, 3, 3], |i| (i + 1) as f64));

    let c = matrix([4, 4], |x| ops::conv2d(geometry, x, &weight, None));
    let transposed = matrix([2, 2], |y| ops::conv_transpose2d(geometry, y, &weight, None));
    let backward = matrix([2, 2], |g| {
        let x = Var::parameter(Tensor::zeros([1, 1, 4, 4]));
        ops::conv2d(geometry, &x, &weight, None).grad_with(g, &[&x]).remove(0)
    });

    println!("C maps the 16 pixels of a 4x4 input to the 4 positions of a 2x2 output:");
    for row in c.view().rows() {
        println!("  {}", row.iter().map(|v| format!("{v:2}")).collect::<Vec<_>>().join(" "));
    }
    assert_eq!(transposed, c.transpose());
    assert_eq!(backward, c.transpose());
    println!("conv_transpose2d is its transpose, and so is conv2d's gradient: the same bits.");
    Ok(())
}
