//! Trains a small fully convolutional network to find bright squares on noise, and prints the loss.
//!
//! `cargo run --release -p mirrorgrad-layers --example fcn`

use mirrorgrad_layers::prelude::*;

const SIDE: usize = 45; // Odd on purpose: every level goes up to the exact size it came from.
const BATCH: usize = 8;
const STEPS: u64 = 60;

/// Pictures `[batch, 1, side, side]` of noise with one brighter square each, and where it is.
fn pictures(seed: u64) -> (Tensor, ClassTargets) {
    let rng = &mut seeded(seed);
    let corners = Tensor::<f64>::uniform([BATCH, 2], [0.0, (SIDE - 12) as f64], rng);
    let corners: Vec<[usize; 2]> =
        corners.as_slice().as_chunks().0.iter().map(|c| c.map(|x| x as usize)).collect();
    let inside = |i: usize| {
        let [top, left] = corners[i / (SIDE * SIDE)];
        let (y, x) = (i / SIDE % SIDE, i % SIDE);
        (top..top + 12).contains(&y) && (left..left + 12).contains(&x)
    };
    let noise = Tensor::normal([BATCH, 1, SIDE, SIDE], 1.0, rng);
    let shift = Tensor::from_fn(noise.shape(), |i| if inside(i) { 1.0 } else { 0.0 });
    let labels = (0..BATCH * SIDE * SIDE).map(|i| i64::from(inside(i)));
    let targets = ClassTargets::new([BATCH, SIDE, SIDE], labels, 2, None);
    (noise.zip(&shift, |a, b| a + b), targets.expect("the labels are 0 and 1"))
}

fn main() {
    let rng = &mut seeded(1);
    let config = FcnConfig { inputs: 1, widths: vec![8, 16, 32], ..FcnConfig::new(2) };
    let net = Fcn::<f32>::new(&config, rng);
    let params = Params::of(&net);
    let mut adam = Adam::new(0.0);
    let schedule = Schedule { curve: Curve::Cosine, warmup: 5, total: STEPS };
    for step in 0..STEPS {
        let (x, targets) = pictures(step);
        let pass = Pass::train(Draws::new(1, step));
        let scores = net.forward(&Var::constant(x), &pass);
        let loss =
            ops::cross_entropy(&scores, &targets, &PixelLoss::default(), ops::Reduction::Mean);
        if step % 10 == 0 || step + 1 == STEPS {
            println!("step {step:3}  loss {:.4}", loss.value().item());
        }
        adam.step(&params, &params.backward(loss, pass), 1e-2 * schedule.factor(step));
    }
    let (x, targets) = pictures(STEPS);
    let scores = no_grad(|| net.forward(&Var::constant(x), &Pass::eval()));
    let found = scores.value().permute(&[0, 2, 3, 1]).max_last().1;
    let right = found.as_slice().iter().zip(targets.iter()).filter(|(i, t)| Some(*i % 2) == *t);
    println!(
        "pixels right on new pictures: {:.3}",
        right.count() as f64 / found.as_slice().len() as f64
    );
}
