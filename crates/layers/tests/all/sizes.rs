//! Layers tell where a height and width come from that the numbers of one pass do not tell.

use mirrorgrad_autograd::Var;
use mirrorgrad_layers::{
    AvgPool2d, Conv2d, ConvTranspose2d, Interpolation, MaxPool2d, Module, Pass, Sizes, Upsample,
};
use mirrorgrad_tensor::{Rounding, Tensor, Window};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn picture([height, width]: [usize; 2]) -> Var {
    Var::parameter(Tensor::ones([1, 2, height, width]))
}

/// What is recorded of the result of `layer`, given a picture and a smaller one.
fn recorded(layer: impl Fn(&Var, &Var, &Pass) -> Var) -> (Option<Sizes>, Var) {
    let (large, small) = (picture([9, 12]), picture([4, 6]));
    let pass = Pass::eval().traced();
    let y = layer(&large, &small, &pass);
    (pass.sizes().get(&y.id().expect("the picture is tracked")).copied(), large)
}

#[test]
fn convolutions_and_pools_tell_the_padding_behind_the_picture() {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let window = Window { pad_after: [1, 0], ..Window::square(2).stride(2) };
    let conv = Conv2d::new([2, 2], window, rng);
    let padded = Some(Sizes::Padded([1, 0]));
    assert_eq!(recorded(|x, _, pass| conv.forward(x, pass)).0, padded);
    assert_eq!(recorded(|x, _, pass| MaxPool2d::new(window).forward(x, pass)).0, padded);
    assert_eq!(recorded(|x, _, pass| AvgPool2d::new(window).forward(x, pass)).0, padded);
}

#[test]
fn a_pool_that_keeps_the_rest_tells_nothing() {
    let window = Window::square(2).stride(2).rounding(Rounding::Ceil);
    assert_eq!(recorded(|x, _, pass| MaxPool2d::new(window).forward(x, pass)).0, None);
    assert_eq!(recorded(|x, _, pass| AvgPool2d::new(window).forward(x, pass)).0, None);
}

#[test]
fn what_follows_another_variable_names_it() {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let up = ConvTranspose2d::new([2, 2], Window::square(2).stride(2), rng);
    let (sizes, large) = recorded(|large, small, pass| up.forward_like(small, large, pass));
    assert!(matches!(sizes, Some(Sizes::Like(id)) if Some(id) == large.id()), "{sizes:?}");
    let double = Upsample::new(2, Interpolation::Bilinear);
    let (sizes, large) = recorded(|large, small, pass| double.forward_like(small, large, pass));
    assert!(matches!(sizes, Some(Sizes::Like(id)) if Some(id) == large.id()), "{sizes:?}");
    let (sizes, _) =
        recorded(|large, small, pass| double.forward_like(small, &large.detach(), pass));
    assert_eq!(sizes, None, "nothing decides the size of a constant");
}

#[test]
fn an_upsampling_by_a_factor_tells_it() {
    let triple = Upsample::new(3, Interpolation::Nearest);
    assert_eq!(recorded(|x, _, pass| triple.forward(x, pass)).0, Some(Sizes::Times(3)));
}
