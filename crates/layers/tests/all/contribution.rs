//! A step is a fold of contributions, whoever finds them; a pass changes nothing.

use mirrorgrad_autograd::Var;
use mirrorgrad_layers::optim::{Optimizer, Sgd};
use mirrorgrad_layers::{
    BatchNorm2d, Contribution, Conv2d, Draws, Dropout, Fold, Linear, Module, Params, Pass,
    Sequential, Visitor,
};
use mirrorgrad_tensor::{Epilogue, Tensor, Window};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

fn network() -> Sequential {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    Sequential::new()
        .with(Conv2d::new([2, 4], Window::square(3).padding(1), rng))
        .with(BatchNorm2d::new(4).epilogue(Epilogue::Relu))
        .with(Dropout::new(0.25))
        .with(Conv2d::new([4, 1], Window::square(1), rng))
}

/// What batch `nth` of `count` gives, from the weights as they are.
fn contribution(net: &Sequential, nth: u64, count: usize) -> Contribution {
    let x = Tensor::normal([2, 2, 6, 7], 1.0, &mut ChaCha8Rng::seed_from_u64(nth));
    let pass = Pass::train(Draws::new(3, nth));
    let scores = net.forward(&Var::constant(x), &pass);
    let loss = (&scores * &scores).mean().mul_scalar(1.0 / count as f32);
    Params::of(net).backward(loss, pass)
}

fn fold(contributions: impl IntoIterator<Item = Contribution>, count: usize) -> Contribution {
    let mut fold = Fold::default();
    contributions.into_iter().enumerate().for_each(|(place, one)| fold.add(place, one));
    fold.sum().expect("there is one").mean(count)
}

/// The sum of the contributions at these places, the tree as it is defined: of the places from a multiple of `span` on,
/// the halves first, and what has no neighbour goes up as it is.
fn by_tree(found: &[Contribution], first: usize, span: usize) -> Option<Contribution> {
    if span == 1 {
        return found.get(first).cloned();
    }
    let [left, right] = [first, first + span / 2].map(|first| by_tree(found, first, span / 2));
    left.into_iter().chain(right).reduce(Contribution::plus)
}

fn assert_same(got: &Contribution, want: &Contribution, case: &impl std::fmt::Debug) {
    assert_eq!((got.loss, &got.updates), (want.loss, &want.updates), "{case:?}");
    assert_eq!(got.gradients, want.gradients, "{case:?}");
}

#[test]
fn a_fold_has_the_same_bits_whoever_found_which_of_its_contributions() {
    let net = network();
    // Of unequal weights, so that sums are brought to common shares on the way.
    let one = |nth: u64| contribution(&net, nth, 1).weighing([3.0, 7.0, 5.0][nth as usize % 3]);
    let found: Vec<_> = (0..9).map(one).collect();
    for count in 1..=found.len() {
        let want = by_tree(&found[..count], 0, 16).unwrap();
        assert_eq!(want.updates.len(), 2 * count);
        // Cut for one, two or three machines, anywhere.
        for (cut, next) in (0..=count).flat_map(|cut| (cut..=count).map(move |next| (cut, next))) {
            let mut whole = Fold::default();
            for range in [0..cut, cut..next, next..count] {
                let mut part = Fold::default();
                range.for_each(|place| part.add(place, found[place].clone()));
                let subtotals = part.into_subtotals();
                subtotals.into_iter().for_each(|subtotal| whole.join(subtotal));
            }
            assert_same(&whole.sum().unwrap(), &want, &(count, cut, next));
        }
    }
}

#[test]
fn a_fold_of_many_contributions_holds_few_sums() {
    let mut fold = Fold::<f64>::default();
    for place in 0..1000 {
        fold.add(place, Contribution::new(1.0, [].into(), vec![]));
        let held = fold.clone().into_subtotals().len();
        assert_eq!(held, (place + 1).count_ones() as usize);
    }
    assert_eq!(fold.sum().unwrap().loss, 1000.0);
    assert!(Fold::<f64>::default().sum().is_none());
}

#[test]
fn a_training_pass_changes_no_value_until_its_updates_are_applied() {
    let net = network();
    let before = Params::of(&net).values();
    let found = contribution(&net, 0, 1);
    assert_eq!(Params::of(&net).values(), before);
    // The same step again finds the same; applied, its averages move and nothing else.
    assert_eq!(contribution(&net, 0, 1).gradients, found.gradients);
    Params::of(&net).update(&found.updates);
    let after = Params::of(&net).values();
    let moved: Vec<_> = after.keys().filter(|name| after[*name] != before[*name]).collect();
    assert_eq!(moved, ["1.running_mean", "1.running_var"]);
}

#[test]
fn running_averages_follow_the_batches_in_their_order() {
    let net = network();
    let [first, second] = [0, 1].map(|nth| contribution(&net, nth, 2));
    let observed = |step: &Contribution| step.updates[0].observed.clone();
    let by_hand = observed(&first)
        .map(|m| 0.1 * m)
        .zip(&observed(&second), |old: f32, new| old + 0.1 * (new - old));
    Params::of(&net).update(&fold([first, second], 2).updates);
    assert_eq!(Params::of(&net).values()["1.running_mean"], by_hand);
}

#[test]
fn a_step_of_an_optimizer_moves_running_averages_too() {
    let net = network();
    let (params, step) = (Params::of(&net), contribution(&net, 0, 1));
    let want = step.updates[0].observed.map(|mean| 0.1 * mean);
    Sgd::new(0.0).step(&params, &step, 0.1);
    assert_eq!(params.values()["1.running_mean"], want);
}

/// Batches of a line's values: the loss is the mean over all values, whatever batch they come in.
#[test]
fn batches_of_unequal_weight_have_the_gradient_of_the_mean_over_all() {
    let rng = &mut ChaCha8Rng::seed_from_u64(1);
    let net = Sequential::<f64>::new().with(Linear::new([2, 1], rng));
    let params = Params::of(&net);
    let x = Tensor::<f64>::normal([7, 2], 1.0, rng);
    let step = |rows: std::ops::Range<usize>, count: usize| {
        let pass = Pass::train(Draws::new(0, 0));
        let weight = rows.len() as f64;
        let y = net.forward(&Var::constant(x.clone()).narrow(0, rows), &pass);
        let loss = (&y * &y).mean().mul_scalar(1.0 / count as f64);
        params.backward(loss, pass).weighing(weight)
    };
    let want = step(0..7, 1).mean(1);
    for cuts in [vec![0, 1, 7], vec![0, 6, 7], vec![0, 2, 3, 7], vec![0, 1, 2, 3, 4, 5, 6, 7]] {
        let count = cuts.len() - 1;
        let got = cuts.windows(2).map(|cut| step(cut[0]..cut[1], count));
        let got = got.reduce(Contribution::plus).unwrap().mean(count);
        assert!((got.loss - want.loss).abs() < 1e-14, "{cuts:?}");
        for (name, gradient) in &want.gradients {
            let apart = gradient.zip(&got.gradients[name], |a, b| (a - b).abs());
            assert!(apart.as_slice().iter().all(|&d| d < 1e-14), "{cuts:?} {name}");
        }
    }
}

#[test]
fn a_batch_of_no_weight_adds_its_updates_alone() {
    let net = network();
    let full = || contribution(&net, 0, 2).weighing(5.0);
    let empty = || contribution(&net, 1, 2).weighing(0.0);
    let want = full().mean(2);
    // Alone, the first counts fully: 2 · 1/2 of it.
    for step in [full().plus(empty()), empty().plus(full())] {
        let step = step.mean(2);
        assert_eq!((step.loss, &step.gradients), (want.loss, &want.gradients));
        assert_eq!(step.updates.len(), 4);
    }
}

#[test]
fn gradients_know_their_common_norm_and_can_be_scaled() {
    let gradients = [("x", [2.0, 2.0].as_slice()), ("y", &[1.0])];
    let named = gradients.map(|(name, g)| (name.to_owned(), Tensor::new([g.len()], g)));
    let step = Contribution::<f64>::new(8.0, named.into(), vec![]);
    assert_eq!(step.norm(), 3.0);
    let halved = step.scaled(0.5);
    assert_eq!((halved.loss, halved.norm()), (4.0, 1.5));
    assert_eq!(halved.gradients["x"], [1.0, 1.0].into());
    let clipped = halved.with_gradients_scaled(2.0);
    assert_eq!((clipped.loss, clipped.norm()), (4.0, 3.0));
}

/// A user's module that calls its parts without `Pass::child`.
struct Pathless {
    norm: BatchNorm2d,
}

impl Module for Pathless {
    fn forward(&self, x: &Var, pass: &Pass) -> Var {
        self.norm.forward(x, pass)
    }

    fn visit(&self, visitor: &mut Visitor<'_>) {
        visitor.child("norm", &self.norm);
    }
}

#[test]
#[should_panic(
    expected = "update: expected the name of a parameter, got \"running_mean\": does a module call its \
                submodules without `pass.child(name)`?"
)]
fn statistics_of_a_part_that_was_called_without_its_name_are_refused() {
    let net = Pathless { norm: BatchNorm2d::new(2) };
    let pass = Pass::train(Draws::new(0, 0));
    net.forward(&Var::constant(Tensor::ones([2, 2, 3, 3])), &pass);
    Params::of(&net).update(&pass.finish());
}
