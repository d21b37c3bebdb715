//! Layers tell where a height and width come from that the numbers of one pass do not tell.

use mirrorgrad_autograd::Var;
use mirrorgrad_layers::{
    AvgPool2d, Conv2d, ConvTranspose2d, Interpolation, MaxPool2d, Mode, Module, Sizes, Trace,
    Upsample,
};
use mirrorgrad_tensor::{Rounding, Tensor, Window};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn picture([height, width]: [usize; 2]) -> Var {
    Var::parameter(Tensor::ones([1, 2, height, width]))
}

/// What is noted on the result of `layer`, given a picture and a smaller one.
fn noted(layer: impl Fn(&Var, &Var, &Mode) -> Var) -> (Option<Sizes>, Var) {
    let (large, small) = (picture([9, 12]), picture([4, 6]));
    let mode = Mode::Trace(Trace::default());
    let y = layer(&large, &small, &mode);
    let Mode::Trace(trace) = mode else { unreachable!("the mode was set above") };
    (trace.sizes().get(&y.id().expect("the picture is tracked")).copied(), large)
}

#[test]
fn convolutions_and_pools_tell_the_padding_behind_the_picture() {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let window = Window { pad_after: [1, 0], ..Window::square(2).stride(2) };
    let conv = Conv2d::new([2, 2], window, rng);
    let padded = Some(Sizes::Padded([1, 0]));
    assert_eq!(noted(|x, _, mode| conv.forward(x, mode)).0, padded);
    assert_eq!(noted(|x, _, mode| MaxPool2d::new(window).forward(x, mode)).0, padded);
    assert_eq!(noted(|x, _, mode| AvgPool2d::new(window).forward(x, mode)).0, padded);
}

#[test]
fn a_pool_that_keeps_the_rest_tells_nothing() {
    let window = Window::square(2).stride(2).rounding(Rounding::Ceil);
    assert_eq!(noted(|x, _, mode| MaxPool2d::new(window).forward(x, mode)).0, None);
    assert_eq!(noted(|x, _, mode| AvgPool2d::new(window).forward(x, mode)).0, None);
}

#[test]
fn what_follows_another_variable_names_it() {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let up = ConvTranspose2d::new([2, 2], Window::square(2).stride(2), rng);
    let (sizes, large) = noted(|large, small, mode| up.forward_like(small, large, mode));
    assert!(matches!(sizes, Some(Sizes::Like(id)) if Some(id) == large.id()), "{sizes:?}");
    let double = Upsample::new(2, Interpolation::Bilinear);
    let (sizes, large) = noted(|large, small, mode| double.forward_like(small, large, mode));
    assert!(matches!(sizes, Some(Sizes::Like(id)) if Some(id) == large.id()), "{sizes:?}");
    let (sizes, _) = noted(|large, small, mode| double.forward_like(small, &large.detach(), mode));
    assert_eq!(sizes, None, "nothing decides the size of a constant");
}

#[test]
fn an_upsampling_by_a_factor_tells_it() {
    let triple = Upsample::new(3, Interpolation::Nearest);
    assert_eq!(noted(|x, _, mode| triple.forward(x, mode)).0, Some(Sizes::Times(3)));
}
