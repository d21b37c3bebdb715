//! The U-Net against PyTorch's of the same weights: scores and gradients, in both modes.

use mirrorgrad::layers::weights::{NamedTensors, from_safetensors, load_state_dict};
use mirrorgrad::prelude::*;
use mirrorgrad::tensor::Element;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn golden() -> NamedTensors<f64> {
    let bytes = include_bytes!("../golden/unet.safetensors");
    from_safetensors(bytes).unwrap()
}

fn network<T: Element>(upsample: Upsampling) -> UNet<T> {
    let config = UNetConfig { widths: vec![3, 4, 5], upsample, ..UNetConfig::new(3) };
    UNet::new(&config, &mut ChaCha8Rng::seed_from_u64(0))
}

#[track_caller]
fn assert_close<T: Element>(got: &Tensor<T>, want: &Tensor<f64>, tolerance: f64, what: &str) {
    assert_eq!(got.shape(), want.shape(), "{what}");
    let scale = want.as_slice().iter().fold(0.0, |scale: f64, v| scale.max(v.abs()));
    for (got, want) in got.as_slice().iter().zip(want.as_slice()) {
        let close = (got.as_f64() - want).abs() <= tolerance * scale;
        assert!(close, "{what}: {got}, PyTorch {want}");
    }
}

fn check<T: Element>(tolerance: f64) {
    let golden = golden();
    let network = network::<T>(Upsampling::Deconv);
    let state = golden.iter().filter_map(|(name, tensor)| {
        name.strip_prefix("state/").map(|name| (name.to_owned(), tensor.cast::<T>()))
    });
    load_state_dict(&network, &state.collect()).unwrap();
    let x = Var::constant(golden["x"].cast::<T>());
    let evaluated = network.forward(&x, &Pass::eval());
    assert_close(evaluated.value(), &golden["scores/eval"], tolerance, "eval");
    let trained = network.forward(&x, &Pass::train(Draws::new(0, 0)));
    assert_close(trained.value(), &golden["scores/train"], tolerance, "train");
    let loss = (&trained * &Var::constant(golden["cotangent"].cast())).sum();
    let grads = loss.backward();
    let mut compared = 0;
    for (name, param) in Params::of(&network) {
        if param.is_trainable() {
            let grad = grads.get(&param.var()).unwrap();
            assert_close(grad, &golden[&format!("grad/{name}")], tolerance * 10.0, &name);
            compared += 1;
        }
    }
    assert_eq!(compared, 36);
}

#[test]
fn scores_and_gradients_are_pytorchs_in_f64() {
    check::<f64>(1e-11);
}

#[test]
fn scores_and_gradients_are_pytorchs_in_f32() {
    check::<f32>(1e-5);
}

#[test]
fn scores_have_the_pictures_size_whatever_it_is() {
    for upsample in [Upsampling::Deconv, Upsampling::Bilinear] {
        let network = network::<f32>(upsample);
        assert_eq!(network.smallest_input(), 4);
        for [height, width] in [[4, 4], [5, 4], [7, 9], [13, 16]] {
            let x = Var::constant(Tensor::ones([2, 3, height, width]));
            for mode in [Pass::eval(), Pass::train(Draws::new(0, 0))] {
                assert_eq!(network.forward(&x, &mode).shape(), [2, 3, height, width]);
            }
        }
    }
}

#[test]
#[should_panic(expected = "deconv or bilinear")]
fn there_is_no_unet_that_unpools() {
    network::<f32>(Upsampling::Unpool);
}
