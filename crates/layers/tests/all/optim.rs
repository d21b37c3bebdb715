//! Optimizers against their papers' formulas, one number at a time.

use mirrorgrad_autograd::Var;
use mirrorgrad_layers::optim::{Adam, Optimizer, Sgd, clip_grad_norm};
use mirrorgrad_layers::{Linear, Mode, Module, Names, Param, named_params};
use mirrorgrad_tensor::Tensor;
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

fn param(values: &[f64]) -> Vec<(String, Param<f64>)> {
    vec![("p".to_string(), Param::new(Tensor::new([values.len()], values)))]
}

/// The loss whose gradient is [`slope`], built from a derivative that is exact: ⟨slope(p₀), p⟩.
fn loss(param: &Param<f64>) -> Var<f64> {
    (param.var() * Var::constant(param.value().map(slope))).sum()
}

/// Where an optimizer goes from [`starts`].
fn path(mut optimizer: impl Optimizer<f64>) -> Vec<f64> {
    let params = param(&starts());
    for lr in RATES {
        let unreached = optimizer.step(&params, &loss(&params[0].1).backward(), lr);
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
    let params = vec![
        ("used".to_string(), Param::new(value())),
        ("idle".to_string(), Param::new(value())),
        ("statistic".to_string(), Param::buffer(value())),
    ];
    let optimizers: [Box<dyn Optimizer<f64>>; 3] = [
        Box::new(Sgd::new(0.9).weight_decay(0.1)),
        Box::new(Adam::new(0.1)),
        Box::new(Adam::adamw(0.1)),
    ];
    for mut optimizer in optimizers {
        let before = params[0].1.value();
        let grads = params[0].1.var().sum().backward();
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
                optimizer.step(&params, &loss(&params[0].1).backward(), lr);
            }
            (params[0].1.value(), optimizer.state().clone())
        };
        assert_eq!(run(true), run(false));
    }
}

#[test]
fn without_momentum_nothing_is_remembered() {
    let (mut sgd, params) = (Sgd::new(0.0), param(&starts()));
    sgd.step(&params, &loss(&params[0].1).backward(), 0.1);
    assert!(sgd.state().tensors.is_empty());
}

/// Gradients (3, 4) and (12): of norm 13 together.
fn gradients() -> ([Var<f64>; 2], Var<f64>) {
    let (a, b) = (Var::parameter([0.0, 0.0].into()), Var::parameter([0.0].into()));
    let weighted = &a * &Var::constant([3.0, 4.0].into());
    let loss = weighted.sum() + (&b * &Var::constant([12.0].into())).sum();
    ([a, b], loss)
}

#[test]
fn clipping_scales_all_gradients_by_their_common_norm() {
    let ([a, b], loss) = gradients();
    let (clipped, norm) = clip_grad_norm(loss.backward(), 6.5);
    assert_eq!(norm, 13.0);
    assert_eq!(clipped.get(&a), Some(&[1.5, 2.0].into()));
    assert_eq!(clipped.get(&b), Some(&[6.0].into()));
    let ([a, b], loss) = gradients();
    let (kept, norm) = clip_grad_norm(loss.backward(), 13.0);
    assert_eq!(norm, 13.0);
    assert_eq!((kept.get(&a), kept.get(&b)), (Some(&[3.0, 4.0].into()), Some(&[12.0].into())));
}

#[test]
fn a_norm_that_is_no_number_is_told_and_scales_nothing() {
    let a = Var::parameter(Tensor::from([1.0_f64, 1.0]));
    let loss = (&a * &Var::constant([f64::INFINITY, 2.0].into())).sum();
    let (grads, norm) = clip_grad_norm(loss.backward(), 1.0);
    assert_eq!((norm, grads.get(&a)), (f64::INFINITY, Some(&[f64::INFINITY, 2.0].into())));
}

#[test]
fn a_clipped_step_has_the_same_bits_whenever_each_parameter_was_set() {
    // Sums of squares from 1e-3 to 1e3, which give another last digit in another order.
    let factor = |i: usize| 10_f32.powf((i * 7 % 11) as f32 * 0.3 - 1.5) * (1.0 + i as f32 / 7.0);
    let step = |order: &dyn Fn(usize) -> usize| {
        let name = |i: usize| (format!("{i}"), Param::<f32>::new([0.25, -0.5].into()));
        let params: Vec<_> = (0..11).map(name).collect();
        // As a resumed run sets them.
        (0..11).for_each(|i| params[order(i)].1.set([0.25, -0.5].into()));
        let terms = params.iter().enumerate().map(|(i, (_, p))| p.var().scale(factor(i)).sum());
        let loss = terms.reduce(|sum, term| sum + term).unwrap();
        let (grads, norm) = clip_grad_norm(loss.backward(), 1.0);
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
    fn forward(&self, x: &Var, mode: &Mode) -> Var {
        self.forgotten.forward(&self.known.forward(x, mode), mode)
    }

    fn visit(&self, names: &mut Names<'_>) {
        names.child("known", &self.known);
    }
}

fn forgetful() -> (Forgetful, Var) {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let net = Forgetful { known: Linear::new([2, 3], rng), forgotten: Linear::new([3, 1], rng) };
    let loss = net.forward(&Var::constant([[1.0, 2.0]].into()), &Mode::Eval).sum();
    (net, loss)
}

#[test]
#[should_panic(
    expected = "got 2 of others, of shapes [[1, 3], [1]]: is a layer forgotten in `visit`?"
)]
fn a_layer_that_visit_forgets_is_found_by_the_first_step() {
    let (net, loss) = forgetful();
    Adam::new(0.0).step(&named_params(&net), &loss.backward(), 0.1);
}

#[test]
fn a_part_of_a_network_moves_alone_where_that_is_said() {
    let (net, loss) = forgetful();
    let params = named_params(&net);
    let before = params[0].1.value();
    let vars: Vec<Var> = params.iter().map(|(_, param)| param.var()).collect();
    let grads = loss.backward().only(&vars.iter().collect::<Vec<_>>());
    assert_eq!(Sgd::new(0.0).step(&params, &grads, 0.1), [""; 0]);
    assert_ne!(params[0].1.value(), before);
}
