//! A step that loses its numbers is told with the layer and the direction.

use mirrorgrad_autograd::Var;
use mirrorgrad_layers::models::{Fcn, FcnConfig, Norm};
use mirrorgrad_layers::{Direction, Draws, Fault, Module, Params, find_fault};
use mirrorgrad_tensor::Tensor;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn network() -> Fcn<f64> {
    let config = FcnConfig { widths: vec![3, 4], norm: Norm::None, ..FcnConfig::new(2) };
    let net = Fcn::new(&config, &mut ChaCha8Rng::seed_from_u64(0));
    // Fresh scores are 0, and no gradient would come past them.
    for (name, param) in Params::of(&net) {
        if name.starts_with("score") || name.starts_with("skips") {
            param.set(Tensor::ones(param.value().shape()));
        }
    }
    net
}

fn fault(net: &Fcn<f64>, loss: impl FnOnce(&Var<f64>) -> Var<f64>) -> Option<Fault> {
    let x = Tensor::normal([1, 3, 8, 8], 1.0, &mut ChaCha8Rng::seed_from_u64(1));
    find_fault(net, &Var::constant(x), Draws::new(0, 0), loss)
}

fn mean(scores: &Var<f64>) -> Var<f64> {
    (scores * scores).mean()
}

#[test]
fn a_healthy_step_has_no_fault() {
    assert_eq!(fault(&network(), mean), None);
}

#[test]
fn a_weight_that_is_no_number_is_found_in_its_layer_whichever_it_is() {
    let names: Vec<String> = Params::of(&network()).into_iter().map(|(name, _)| name).collect();
    for (i, name) in names.iter().enumerate() {
        let net = network();
        let param = &Params::of(&net)[i].1;
        param.set(param.value().map(|_| f64::NAN));
        let found = fault(&net, mean).expect("there is one");
        let layer = name.rsplit_once('.').unwrap().0;
        assert_eq!((found.layer.as_str(), found.direction), (layer, Direction::Forward));
        assert!(found.value.is_nan());
    }
}

#[test]
fn a_loss_that_is_no_number_is_told_as_the_loss() {
    let found = fault(&network(), |scores| scores.sum().add_scalar(f64::INFINITY)).unwrap();
    let expected =
        Fault { layer: "loss".into(), direction: Direction::Forward, value: f64::INFINITY };
    assert_eq!(found, expected);
}

#[test]
fn a_gradient_that_is_no_number_is_found_on_the_way_back() {
    // The root's slope at 0 is not finite; the last layer is the first to hear of it.
    let found = fault(&network(), |scores| (scores - scores).sqrt().sum()).unwrap();
    assert_eq!((found.layer.as_str(), found.direction), ("ups.0", Direction::Backward));
}

#[test]
fn a_gradient_that_overflows_inside_is_found_where_it_arrives() {
    let net = network();
    // A tiny signal through two huge weights is a number; a gradient of 1 that comes back through both
    // is none.
    for (name, factor) in [
        ("stages.0.conv1.weight", 1e-300),
        ("stages.1.conv1.weight", 1e200),
        ("stages.1.conv2.weight", 1e200),
    ] {
        let (_, param) = Params::of(&net).into_iter().find(|(own, _)| own == name).unwrap();
        param.set(param.value().map(|v| v * factor));
    }
    let found = fault(&net, Var::sum).unwrap();
    assert_eq!(found.direction, Direction::Backward);
    assert_eq!(found.layer, "MaxPool2d at stages.0");
}

#[test]
fn the_scores_of_a_probe_are_those_of_training() {
    let net = network();
    let x = Var::constant(Tensor::normal([1, 3, 8, 8], 1.0, &mut ChaCha8Rng::seed_from_u64(1)));
    let train = net.forward(&x, &mirrorgrad_layers::Pass::train(Draws::new(0, 0)));
    let mut seen = None;
    find_fault(&net, &x, Draws::new(0, 0), |scores| {
        seen = Some(scores.value().clone());
        scores.sum()
    });
    assert_eq!(seen.as_ref(), Some(train.value()));
}
