//! Weights to files and back: safetensors under PyTorch's names, and NumPy's `.npz`.
//!
//! `cargo run --release --example 06_exchange_weights`

use mirrorgrad::layers::weights::{from_safetensors, load_state_dict, state_dict, to_safetensors};
use mirrorgrad::prelude::*;
use std::error::Error;

fn network(seed: u64) -> UNet {
    let config = UNetConfig { widths: vec![4, 8], ..UNetConfig::new(2) };
    UNet::new(&config, &mut seeded(seed))
}

fn scores(net: &UNet) -> Tensor {
    let picture = Tensor::from_fn([1, 3, 9, 11], |i| (i as f32).sin());
    no_grad(|| net.forward(&Var::constant(picture), &Pass::eval())).value().clone()
}

fn main() -> Result<(), Box<dyn Error>> {
    let (ours, theirs) = (network(0), network(1));
    // In PyTorch: `net.load_state_dict(safetensors.torch.load_file("model.safetensors"), strict=True)`.
    let bytes = to_safetensors(&state_dict(&ours));
    for (name, param) in Params::of(&ours).iter().take(3) {
        println!("{name:<24} {:?}", param.value().shape());
    }
    assert_ne!(scores(&ours), scores(&theirs));
    load_state_dict(&theirs, &from_safetensors(&bytes)?)?;
    assert_eq!(scores(&ours), scores(&theirs));
    println!("{} bytes make another network this one", bytes.len());

    // What does not fit is named, and nothing is changed then.
    let mut wrong = state_dict(&ours);
    wrong.remove("score.bias");
    println!("refused: {}", load_state_dict(&theirs, &wrong).unwrap_err());
    assert_eq!(scores(&ours), scores(&theirs));
    Ok(())
}
