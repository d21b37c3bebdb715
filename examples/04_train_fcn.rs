//! An FCN trained through the library: data, network, loss, optimizer, score.
//!
//! `cargo run --release --example 04_train_fcn`

use mirrorgrad::data::{Augment, Dataset, Loader, Shapes};
use mirrorgrad::prelude::*;
use mirrorgrad::train::Confusion;
use mirrorgrad::train::batch::{highest_scores, to_tensors};
use std::error::Error;
use std::sync::Arc;

const EPOCHS: usize = 2;
const BATCH: usize = 8;

fn main() -> Result<(), Box<dyn Error>> {
    let pictures: Arc<dyn Dataset> = Arc::new(Shapes::new(1, 800));
    let classes = pictures.classes().len();
    let train = Loader {
        dataset: pictures,
        batch: BATCH,
        workers: 1,
        seed: 1,
        augment: Some(Augment::default()),
        ignore_index: None,
        shuffle: true,
    };

    let rng = &mut seeded(1);
    let net = Fcn::<f32>::new(&FcnConfig::new(classes), rng);
    let params = Params::of(&net);
    let mut adam = Adam::adamw(1e-4).betas([0.9, 0.99]);
    let total = (EPOCHS * train.batches()) as u64;
    let schedule = Schedule { curve: Curve::Cosine, warmup: 20, total };

    let mut step = 0;
    for epoch in 0..EPOCHS {
        for samples in train.epoch(epoch) {
            let (x, targets) = to_tensors(&samples?, classes, None)?;
            let pass = Pass::train(Draws::new(1, step));
            let scores = net.forward(&Var::constant(x), &pass);
            let loss =
                ops::cross_entropy(&scores, &targets, &PixelLoss::default(), ops::Reduction::Mean);
            if step % 25 == 0 {
                println!("step {step:3}  loss {:.4}", loss.value().item());
            }
            adam.step(&params, &params.backward(loss, pass), 1e-2 * schedule.factor(step));
            step += 1;
        }
    }

    let unseen =
        Loader { dataset: Arc::new(Shapes::new(2, 100)), augment: None, shuffle: false, ..train };
    let mut confusion = Confusion::new(classes);
    for samples in unseen.epoch(0) {
        let samples = samples?;
        let (x, _) = to_tensors(&samples, classes, None)?;
        let scores = no_grad(|| net.forward(&Var::constant(x), &Pass::eval()));
        let truth: Vec<u8> = samples.into_iter().flat_map(|sample| sample.mask.labels).collect();
        confusion.add(&truth, &highest_scores(scores.value()), None)?;
    }
    let (miou, averaged) = confusion.mean_iou();
    println!("on 100 unseen pictures: mIoU {miou:.3} over {averaged} classes");
    Ok(())
}
