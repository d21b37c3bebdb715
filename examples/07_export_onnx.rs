//! A layer of one's own in a network for other programs: the export reads the record of what the network
//! did, so what is made of existing ops needs nothing written for it.
//!
//! `cargo run --release --example 07_export_onnx`

use mirrorgrad::layers::{Interpolation, MaxPool2d, Upsample};
use mirrorgrad::onnx::proto::ModelProto;
use mirrorgrad::onnx::{Interface, export};
use mirrorgrad::prelude::*;
use prost::Message;
use std::collections::BTreeMap;
use std::error::Error;

/// Features at half the size beside those at full size, both weighed by themselves: `x · sigmoid(x)`.
struct TwoScales {
    fine: Conv2d,
    coarse: Conv2d,
}

impl Module for TwoScales {
    fn forward(&self, x: &Var, pass: &Pass) -> Var {
        let double = Upsample::new(2, Interpolation::Bilinear);
        let fine = self.fine.forward(x, &pass.child("fine"));
        let half = MaxPool2d::square(2).forward(x, pass);
        let coarse = self.coarse.forward(&half, &pass.child("coarse"));
        let both = ops::concat(&[&fine, &double.forward_like(&coarse, &fine, pass)], 1);
        &both * &both.sigmoid()
    }

    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.child("fine", &self.fine);
        visitor.child("coarse", &self.coarse);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let rng = &mut seeded(0);
    let window = Window::square(3).padding(1);
    let scales = TwoScales {
        fine: Conv2d::new([3, 8], window, rng),
        coarse: Conv2d::new([3, 8], window, rng),
    };
    let net = Sequential::new().with(scales).with(Conv2d::new([16, 2], Window::square(1), rng));
    let bytes = export(&net, &Interface::new(3))?;

    // Read again, as another program would.
    let graph = ModelProto::decode(&bytes[..])?.graph.ok_or("a model without a graph")?;
    let mut kinds = BTreeMap::new();
    graph.node.iter().for_each(|node| *kinds.entry(node.op_type()).or_insert(0) += 1);
    let kinds: Vec<String> = kinds.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
    println!("{} bytes: {}", bytes.len(), kinds.join(", "));
    let weights: Vec<&str> = graph.initializer.iter().map(|tensor| tensor.name()).collect();
    assert!(weights.contains(&"0.coarse.weight"), "{weights:?}");
    Ok(())
}
