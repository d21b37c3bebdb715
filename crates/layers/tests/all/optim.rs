//! Optimizers against their papers' formulas, one number at a time.

use mirrorgrad_autograd::Var;
use mirrorgrad_layers::optim::{Adam, Optimizer, Sgd, clip_grad_norm};
use mirrorgrad_layers::{Contribution, Linear, Module, Param, Params, Pass, Sequential, Visitor};
use mirrorgrad_tensor::{Element, Tensor};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Learning rates of successive steps; they change, as a schedule's do.
const RATES: [f64; 5] = [0.1, 0.05, 0.2, 0.01, 0.1];

/// The gradient of Σ cos(3p): never the same, and of both signs.
fn slope(p: f64) -> f64 {
    -3.0 * (3.0 * p).sin()
}

fn starts() -> Vec<f64> {
    vec![0.3, -1.2, 2.0, 0.9]
}

fn param(values: &[f64]) -> Params<f64> {
    named([("p", Param::new(Tensor::new([values.len()], values)))])
}

fn named<const N: usize>(params: [(&str, Param<f64>); N]) -> Params<f64> {
    params.into_iter().map(|(name, param)| (name.to_owned(), param)).collect()
}

/// What a step gets from a loss without a network.
fn backward<T: Element>(params: &Params<T>, loss: Var<T>) -> Contribution<T> {
    params.backward(loss, Pass::eval())
}

/// The loss whose gradient is [`slope`], built from a derivative that is exact: ⟨slope(p₀), p⟩.
fn loss(param: &Param<f64>) -> Var<f64> {
    (param.var() * Var::constant(param.value().map(slope))).sum()
}

/// Where an optimizer goes from [`starts`].
fn path(mut optimizer: impl Optimizer<f64>) -> Vec<f64> {
    let params = param(&starts());
    for lr in RATES {
        let unreached = optimizer.step(&params, &backward(&params, loss(&params[0].1)), lr);
        assert!(unreached.is_empty());
    }
    params[0].1.value().as_slice().to_vec()
}

/// Where a rule for one number goes: `rule(step, p, gradient, rate)`.
#[track_caller]
fn assert_path(got: &[f64], rule: impl Fn(&mut [f64; 2], i32, f64, f64, f64) -> f64) {
    for (start, got) in starts().into_iter().zip(got) {
        let (mut p, mut memory) = (start, [0.0; 2]);
        for (n, lr) in (1..).zip(RATES) {
            p = rule(&mut memory, n, p, slope(p), lr);
        }
        assert!((p - got).abs() < 1e-14, "from {start}: expected {p}, got {got}");
    }
}

/// Makes an optimizer before its first step.
type Kind = fn() -> Box<dyn Optimizer<f64>>;

#[test]
fn gradient_descent_steps_down_the_gradient() {
    assert_path(&path(Sgd::new(0.0)), |_, _, p, g, lr| p - lr * g);
    assert_path(&path(Sgd::new(0.0).weight_decay(0.3)), |_, _, p, g, lr| p - lr * (g + 0.3 * p));
}

#[test]
fn momentum_adds_up_gradients_that_fade() {
    let velocity = |memory: &mut [f64; 2], g: f64| {
        memory[0] = 0.9 * memory[0] + g;
        memory[0]
    };
    assert_path(&path(Sgd::new(0.9)), |memory, _, p, g, lr| p - lr * velocity(memory, g));
    assert_path(&path(Sgd::new(0.9).weight_decay(0.3)), |memory, _, p, g, lr| {
        p - lr * velocity(memory, g + 0.3 * p)
    });
    assert_path(&path(Sgd::new(0.9).weight_decay(0.3).nesterov()), |memory, _, p, g, lr| {
        let g = g + 0.3 * p;
        p - lr * (g + 0.9 * velocity(memory, g))
    });
}

/// The step of Kingma & Ba's algorithm 1.
fn adam_step(memory: &mut [f64; 2], n: i32, [b1, b2]: [f64; 2], g: f64) -> f64 {
    memory[0] = b1 * memory[0] + (1.0 - b1) * g;
    memory[1] = b2 * memory[1] + (1.0 - b2) * g * g;
    let [m, v] = [memory[0] / (1.0 - b1.powi(n)), memory[1] / (1.0 - b2.powi(n))];
    m / (v.sqrt() + 1e-8)
}

#[test]
fn adam_scales_by_averages_freed_from_their_start() {
    let usual = [0.9, 0.999];
    assert_path(&path(Adam::new(0.0)), |memory, n, p, g, lr| {
        p - lr * adam_step(memory, n, usual, g)
    });
    let betas = [0.8, 0.95];
    assert_path(&path(Adam::new(0.3).betas(betas)), |memory, n, p, g, lr| {
        p - lr * adam_step(memory, n, betas, g + 0.3 * p)
    });
}

#[test]
fn adamw_decays_beside_the_gradient() {
    let betas = [0.8, 0.95];
    assert_path(&path(Adam::adamw(0.3).betas(betas)), |memory, n, p, g, lr| {
        p - lr * 0.3 * p - lr * adam_step(memory, n, betas, g)
    });
}

#[test]
fn what_the_loss_did_not_depend_on_is_named_and_left_alone() {
    let value = || Tensor::from([1.0, 2.0]);
    let params = named([
        ("used", Param::new(value())),
        ("idle", Param::new(value())),
        ("statistic", Param::buffer(value())),
    ]);
    let optimizers: [Box<dyn Optimizer<f64>>; 3] = [
        Box::new(Sgd::new(0.9).weight_decay(0.1)),
        Box::new(Adam::new(0.1)),
        Box::new(Adam::adamw(0.1)),
    ];
    for mut optimizer in optimizers {
        let before = params[0].1.value();
        let grads = backward(&params, params[0].1.var().sum());
        assert_eq!(optimizer.step(&params, &grads, 0.1), ["idle"]);
        assert_ne!(params[0].1.value(), before);
        assert_eq!((params[1].1.value(), params[2].1.value()), (value(), value()));
        let remembered: Vec<_> = optimizer.state().tensors.keys().cloned().collect();
        assert!(remembered.iter().all(|key| key.ends_with(".used")), "{remembered:?}");
    }
}

#[test]
fn an_optimizer_goes_on_from_what_another_remembered() {
    let kinds: [Kind; 3] = [
        || Box::new(Sgd::new(0.9).nesterov()),
        || Box::new(Adam::new(0.1)),
        || Box::new(Adam::adamw(0.1)),
    ];
    for kind in kinds {
        let run = |hand_over: bool| {
            let (mut optimizer, params) = (kind(), param(&starts()));
            for (n, lr) in RATES.into_iter().enumerate() {
                if hand_over && n == 3 {
                    let state = optimizer.state().clone();
                    optimizer = kind();
                    optimizer.restore(state);
                }
                optimizer.step(&params, &backward(&params, loss(&params[0].1)), lr);
            }
            (params[0].1.value(), optimizer.state().clone())
        };
        assert_eq!(run(true), run(false));
    }
}

#[test]
fn without_momentum_nothing_is_remembered() {
    let (mut sgd, params) = (Sgd::new(0.0), param(&starts()));
    sgd.step(&params, &backward(&params, loss(&params[0].1)), 0.1);
    assert!(sgd.state().tensors.is_empty());
}

/// Gradients (3, 4) and (12): of norm 13 together.
fn gradients() -> Contribution<f64> {
    let gradients = [("a", [3.0, 4.0].as_slice()), ("b", &[12.0])];
    let named =
        gradients.map(|(name, values)| (name.to_owned(), Tensor::new([values.len()], values)));
    Contribution::new(0.0, named.into(), vec![])
}

#[test]
fn clipping_scales_all_gradients_by_their_common_norm() {
    let (clipped, norm) = clip_grad_norm(gradients(), 6.5);
    assert_eq!(norm, 13.0);
    assert_eq!(clipped.gradients["a"], [1.5, 2.0].into());
    assert_eq!(clipped.gradients["b"], [6.0].into());
    let (kept, norm) = clip_grad_norm(gradients(), 13.0);
    assert_eq!(norm, 13.0);
    assert_eq!(kept.gradients, gradients().gradients);
}

#[test]
fn a_norm_that_is_no_number_is_told_and_scales_nothing() {
    let gradients = [("a".to_owned(), [f64::INFINITY, 2.0].into())].into();
    let (step, norm) = clip_grad_norm(Contribution::new(0.0, gradients, vec![]), 1.0);
    assert_eq!((norm, &step.gradients["a"]), (f64::INFINITY, &[f64::INFINITY, 2.0].into()));
}

#[test]
fn a_clipped_step_has_the_same_bits_whenever_each_parameter_was_set() {
    // Sums of squares from 1e-3 to 1e3, which give another last digit in another order.
    let factor = |i: usize| 10_f32.powf((i * 7 % 11) as f32 * 0.3 - 1.5) * (1.0 + i as f32 / 7.0);
    let step = |order: &dyn Fn(usize) -> usize| {
        let name = |i: usize| (format!("{i}"), Param::<f32>::new([0.25, -0.5].into()));
        let params: Params = (0..11).map(name).collect();
        // As a resumed run sets them.
        (0..11).for_each(|i| params[order(i)].1.set([0.25, -0.5].into()));
        let terms =
            params.iter().enumerate().map(|(i, (_, p))| p.var().mul_scalar(factor(i)).sum());
        let loss = terms.reduce(|sum, term| sum + term).unwrap();
        let (grads, norm) = clip_grad_norm(backward(&params, loss), 1.0);
        Sgd::new(0.0).step(&params, &grads, 0.1);
        let bits = |(_, p): &(_, Param<f32>)| p.value().as_slice()[0].to_bits();
        (norm.to_bits(), params.iter().map(bits).collect::<Vec<_>>())
    };
    let first = step(&|i| i);
    for stride in 2..11 {
        assert_eq!(step(&|i| i * stride % 11), first, "set in steps of {stride}");
    }
}

/// Two layers, of which one is forgotten.
struct Forgetful {
    known: Linear,
    forgotten: Linear,
}

impl Module for Forgetful {
    fn forward(&self, x: &Var, pass: &Pass) -> Var {
        self.forgotten.forward(&self.known.forward(x, pass), pass)
    }

    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.child("known", &self.known);
    }
}

fn forgetful() -> (Forgetful, Var) {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let net = Forgetful { known: Linear::new([2, 3], rng), forgotten: Linear::new([3, 1], rng) };
    let loss = net.forward(&Var::constant([[1.0, 2.0]].into()), &Pass::eval()).sum();
    (net, loss)
}

#[test]
#[should_panic(
    expected = "got 2 of others, of shapes [[1, 3], [1]]: is a layer forgotten in `visit`?"
)]
fn a_layer_that_visit_forgets_is_found_on_the_first_way_back() {
    let (net, loss) = forgetful();
    backward(&Params::of(&net), loss);
}

#[test]
fn a_part_of_a_network_moves_alone_where_other_gradients_are_removed() {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let net = Sequential::new().with(Linear::new([2, 3], rng)).with(Linear::new([3, 1], rng));
    let (params, before) = (Params::of(&net), Params::of(&net).values());
    let loss = net.forward(&Var::constant([[1.0_f32, 2.0]].into()), &Pass::eval()).sum();
    let mut step = backward(&params, loss);
    step.gradients.retain(|name, _| name.starts_with("1."));
    assert_eq!(Sgd::new(0.0).step(&params, &step, 0.1), ["0.weight", "0.bias"]);
    let moved: Vec<_> = params.values().into_iter().filter(|(k, v)| before[k] != *v).collect();
    assert!(moved.iter().map(|(name, _)| name).eq(["1.bias", "1.weight"]));
}

#[test]
fn a_parameter_with_two_names_moves_once_under_its_first() {
    let shared = Param::new([1.0].into());
    let params = named([("first", shared.clone()), ("second", shared)]);
    let step = backward(&params, params[0].1.var().sum());
    assert_eq!(Sgd::new(0.0).step(&params, &step, 0.25), [""; 0]);
    assert_eq!(params.values()["second"], [0.75].into());
    assert_eq!(params.trainable_len(), 1);
}
