//! A whole training step gives the same bits on any number of threads, and a graph may be shared.

use mirrorgrad::prelude::*;
use mirrorgrad::tensor::Element;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::thread;

fn network<T: Element>(upsample: Upsampling) -> Fcn<T> {
    let config = FcnConfig { widths: vec![8, 12, 16], upsample, ..FcnConfig::new(5) };
    Fcn::new(&config, &mut ChaCha8Rng::seed_from_u64(1))
}

fn pass<T: Element>() -> Pass<T> {
    Pass::train(Draws::new(3, 4))
}

/// The loss of a batch whose pictures have odd sizes.
fn loss<T: Element>(network: &Fcn<T>, pass: &Pass<T>) -> Var<T> {
    let shape = [3, 3, 45, 53];
    let pictures = Tensor::uniform(shape, [-1.0, 1.0], &mut ChaCha8Rng::seed_from_u64(2));
    let labels = (0..3 * 45 * 53).map(|i| i * i / 9 % 6);
    let targets = ClassTargets::new([3, 45, 53], labels, 5, Some(5)).unwrap();
    let scores = network.forward(&Var::constant(pictures), pass);
    ops::cross_entropy(&scores, &targets, &PixelLoss::default(), ops::Reduction::Mean)
}

/// The bytes of every gradient.
fn bytes<T: Element>(step: &Contribution<T>) -> Vec<u8> {
    step.gradients.values().flat_map(|tensor| tensor.to_le_bytes().into_owned()).collect()
}

/// The bytes of the loss, of its gradients, and of all weights after three steps of Adam.
fn train<T: Element>(upsample: Upsampling) -> Vec<u8> {
    let network = network::<T>(upsample);
    let params = Params::of(&network);
    let mut adam = Adam::new(0.01);
    let mut all = Vec::new();
    for _ in 0..3 {
        let pass = pass();
        let loss = loss(&network, &pass);
        all.extend(loss.value().to_le_bytes().iter());
        let step = params.backward(loss, pass);
        all.extend(bytes(&step));
        adam.step(&params, &step, 1e-3);
    }
    all.extend(params.iter().flat_map(|(_, param)| param.value().to_le_bytes().into_owned()));
    all
}

fn check<T: Element>() {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    for upsample in [Upsampling::Deconv, Upsampling::Bilinear, Upsampling::Unpool] {
        let want = pool(1).install(|| train::<T>(upsample));
        for threads in [2, 3, 4, 8] {
            let same = pool(threads).install(|| train::<T>(upsample)) == want;
            assert!(same, "{upsample:?} differs on {threads} threads");
        }
    }
}

#[test]
fn training_has_the_same_bits_on_any_number_of_threads_in_f32() {
    check::<f32>();
}

#[test]
fn training_has_the_same_bits_on_any_number_of_threads_in_f64() {
    check::<f64>();
}

/// The weights after so many steps of Adam on batches of two pictures, each step on others.
fn weights_after(steps: u64) -> Vec<u8> {
    let config = FcnConfig { widths: vec![4, 6], ..FcnConfig::new(3) };
    let network: Fcn = Fcn::new(&config, &mut ChaCha8Rng::seed_from_u64(5));
    let params = Params::of(&network);
    let mut adam = Adam::new(0.01);
    for step in 0..steps {
        let rng = &mut ChaCha8Rng::seed_from_u64(step);
        let pictures = Tensor::uniform([2, 3, 17, 22], [-1.0, 1.0], rng);
        let labels = (0..2 * 17 * 22).map(|i| (i + step as i64) / 7 % 4);
        let targets = ClassTargets::new([2, 17, 22], labels, 3, Some(3)).unwrap();
        let pass = Pass::train(Draws::new(3, step));
        let scores = network.forward(&Var::constant(pictures), &pass);
        let loss =
            ops::cross_entropy(&scores, &targets, &PixelLoss::default(), ops::Reduction::Mean);
        adam.step(&params, &params.backward(loss, pass), 1e-2);
    }
    params.iter().flat_map(|(_, param)| param.value().to_le_bytes().into_owned()).collect()
}

#[test]
fn two_hundred_steps_have_the_same_bits_on_any_number_of_threads() {
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
    let want = pool(1).install(|| weights_after(200));
    for threads in [1, 2, 3, 4, 8] {
        let same = pool(threads).install(|| weights_after(200)) == want;
        assert!(same, "{threads} threads");
    }
    // They do learn: nothing stood still, or became something that is no number.
    assert_ne!(weights_after(199), want);
    let values = want.as_chunks().0.iter().map(|&bytes| f32::from_le_bytes(bytes));
    assert!(values.into_iter().all(f32::is_finite));
}

#[test]
fn threads_may_differentiate_one_graph_at_the_same_time() {
    let network = network::<f64>(Upsampling::Deconv);
    let params = Params::of(&network);
    let loss = loss(&network, &pass());
    let gradients = || bytes(&params.backward(loss.clone(), Pass::eval()));
    let want = gradients();
    thread::scope(|scope| {
        let workers = [(); 4].map(|()| scope.spawn(gradients));
        for worker in workers {
            assert!(worker.join().unwrap() == want);
        }
    });
}

#[test]
fn training_in_several_threads_at_once_gives_each_its_own_result() {
    let want = train::<f32>(Upsampling::Deconv);
    let workers = [(); 3].map(|()| thread::spawn(|| train::<f32>(Upsampling::Deconv)));
    for worker in workers {
        assert!(worker.join().unwrap() == want);
    }
}
