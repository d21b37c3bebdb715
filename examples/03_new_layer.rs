//! A new layer, from the op of the example before: it names its parameter, and training, saving and
//! counting come with that.
//!
//! `cargo run --release --example 03_new_layer`

#[path = "02_new_op.rs"]
#[allow(dead_code, reason = "the op's example has a main of its own")]
mod new_op;

use mirrorgrad::layers::weights::{state_dict, to_safetensors};
use mirrorgrad::prelude::*;

/// `x · sigmoid(β · x)` with a learned β. Any shape to the same.
struct Swish {
    beta: Param,
}

impl Swish {
    fn new() -> Self {
        Self { beta: Param::new(Tensor::ones([1])) }
    }
}

impl Module for Swish {
    fn forward(&self, x: &Var, _: &Pass) -> Var {
        new_op::swish(x, &self.beta.var())
    }

    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.param("beta", &self.beta);
    }
}

fn main() {
    // A network with the layer in it learns y = x².
    let rng = &mut seeded(0);
    let net = Sequential::new()
        .with(Linear::new([1, 8], rng))
        .with(Swish::new())
        .with(Linear::new([8, 1], rng));
    let params = Params::of(&net);
    let mut adam = Adam::new(0.0);
    let x = Tensor::uniform([256, 1], [-2.0, 2.0], rng);
    let (y, x) = (Var::constant(x.map(|v| v * v)), Var::constant(x));
    for step in 0..=500 {
        let pass = Pass::train(Draws::new(0, step));
        let out = net.forward(&x, &pass);
        let loss = ops::mse_loss(&out, &y, ops::Reduction::Mean);
        if step % 100 == 0 {
            println!("step {step:3}  loss {:.5}", loss.value().item());
        }
        adam.step(&params, &params.backward(loss, pass), 0.02);
    }
    println!("β is now {:.3}", state_dict(&net)["1.beta"].item());
    println!("saved, it takes {} bytes", to_safetensors(&state_dict(&net)).len());
}
