//! The kernels by themselves, at the sizes of `mirrorgrad bench`: `cargo bench -p mirrorgrad-tensor`.
//! A filter picks some of them (`cargo bench -p mirrorgrad-tensor -- adjoint`), `RAYON_NUM_THREADS` the
//! threads, `MIRRORGRAD_CONV` the path and `MIRRORGRAD_ISA` the instruction set. An item is a
//! multiplication and an addition of direct convolution, or a number of the larger tensor.

use divan::Bencher;
use divan::counter::ItemsCount;
use mirrorgrad_tensor::{
    Corners, Form, Geometry, Operand, PoolIndices, Resample, Tensor, Window, max_pool,
    plane_scatter_add,
};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::fmt;

fn main() {
    divan::main();
}

/// A layer that the convolution form is computed for.
struct Layer {
    name: &'static str,
    batch: usize,
    /// Planes of the input and of the output.
    planes: [usize; 2],
    window: Window,
    side: usize,
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn layer(
    name: &'static str,
    batch: usize,
    planes: [usize; 2],
    window: Window,
    side: usize,
) -> Layer {
    Layer { name, batch, planes, window, side }
}

/// Inputs of C and D are what these deconvolutions make.
fn layers() -> [Layer; 9] {
    let three = Window::square(3).padding(1);
    [
        layer("A: 3x3", 8, [64, 64], three, 64),
        layer("B: 3x3, stride 2", 8, [64, 128], three.stride(2), 64),
        layer("C: 4x4, stride 2", 8, [64, 128], Window::square(4).stride(2).padding(1), 64),
        layer("D: 16x16, stride 8", 4, [21, 21], Window::square(16).stride(8).padding(4), 256),
        layer("E: 1x1", 8, [256, 64], Window::square(1), 64),
        layer("F: 3x3 of 3", 8, [3, 32], three, 128),
        layer("J: 3x3 of 256", 4, [256, 256], three, 32),
        layer("K: 3x3 of 512", 4, [512, 512], three, 16),
        layer("L: A, one picture", 1, [64, 64], three, 64),
    ]
}

/// What the form binds for a layer: the window's geometry, an input, an output and a weight.
struct Operands {
    geometry: Geometry,
    input: Tensor<f32>,
    output: Tensor<f32>,
    weight: Tensor<f32>,
    terms: ItemsCount,
}

impl Layer {
    fn operands(&self) -> Operands {
        let geometry = self.window.conv([self.side; 2]).expect("the window fits");
        let ([inputs, outputs], [height, width]) = (self.planes, geometry.output());
        let [kh, kw] = geometry.kernel();
        let terms = self.batch * inputs * outputs * geometry.taps() * geometry.positions();
        Operands {
            input: noise([self.batch, inputs, self.side, self.side]),
            output: noise([self.batch, outputs, height, width]),
            weight: noise([outputs, inputs, kh, kw]),
            geometry,
            terms: ItemsCount::new(terms),
        }
    }
}

fn noise(shape: [usize; 4]) -> Tensor<f32> {
    Tensor::normal(shape, 1.0, &mut ChaCha8Rng::seed_from_u64(0))
}

#[divan::bench(args = layers())]
fn conv_map(bencher: Bencher<'_, '_>, layer: &Layer) {
    let Operands { geometry, input, weight, terms, .. } = layer.operands();
    bencher
        .counter(terms)
        .bench(|| Form::from(geometry).solve(Operand::Output, [&input, &weight], None));
}

#[divan::bench(args = layers())]
fn conv_image(bencher: Bencher<'_, '_>, layer: &Layer) {
    let Operands { geometry, output, weight, terms, .. } = layer.operands();
    bencher
        .counter(terms)
        .bench(|| Form::from(geometry).solve(Operand::Input, [&output, &weight], None));
}

#[divan::bench(name = "conv_weight", args = layers())]
fn weight_gradient(bencher: Bencher<'_, '_>, layer: &Layer) {
    let Operands { geometry, input, output, terms, .. } = layer.operands();
    bencher
        .counter(terms)
        .bench(|| Form::from(geometry).solve(Operand::Weight, [&input, &output], None));
}

/// 34 MB of pixels and the pool over them.
fn pooled() -> (Geometry, Tensor<f32>) {
    let geometry = Window::square(2).stride(2).conv([128; 2]).expect("the window fits");
    (geometry, noise([8, 64, 128, 128]))
}

#[divan::bench]
fn pool(bencher: Bencher<'_, '_>) {
    let (geometry, input) = pooled();
    bencher.counter(ItemsCount::new(input.len())).bench(|| max_pool(&geometry, &input));
}

#[divan::bench]
fn pool_back(bencher: Bencher<'_, '_>) {
    let (geometry, input) = pooled();
    let (output, indices): (_, PoolIndices) = max_pool(&geometry, &input);
    bencher.counter(ItemsCount::new(input.len())).bench(|| plane_scatter_add(&indices, &output));
}

#[divan::bench]
fn bilinear(bencher: Bencher<'_, '_>) {
    let (resample, input) =
        (Resample::bilinear([64; 2], [128; 2], Corners::HalfPixel), noise([8, 64, 64, 64]));
    bencher.counter(ItemsCount::new(4 * input.len())).bench(|| resample.apply(&input));
}

#[divan::bench]
fn bilinear_back(bencher: Bencher<'_, '_>) {
    let resample = Resample::bilinear([64; 2], [128; 2], Corners::HalfPixel).adjoint();
    let output = noise([8, 64, 128, 128]);
    bencher.counter(ItemsCount::new(output.len())).bench(|| resample.apply(&output));
}
