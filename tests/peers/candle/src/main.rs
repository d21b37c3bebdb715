//! Times the benchmark cases in Candle on the CPU. See ../README.md.
//!
//! The gradient of an operation's output is one everywhere, where the other peers take a random one:
//! `backward` takes none, and a sum with weights would be timed along.

use candle_core::{DType, Device, Module, ModuleT, Result, Tensor, Var};
use candle_nn::{
    BatchNorm, Conv2d, Conv2dConfig, ConvTranspose2d, ConvTranspose2dConfig, loss, ops, sequential,
};
use clock::{Options, Pass, Run, Window};

#[path = "../../clock.rs"]
mod clock;

fn main() {
    Options::parse().measure("candle", |case, pass| build(case, pass).expect("the case is built"));
}
