//! What can be learned of the built-in shapes, and what cannot.

use mirrorgrad::data::{DataError, Dataset, Loader, Sample, Shapes};
use mirrorgrad::prelude::*;
use mirrorgrad::train::batch::{highest_scores, to_tensors};
use mirrorgrad::train::{Config, Confusion, TrainingConfig, evaluate, loader};
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::sync::Arc;

/// Shapes drawn once and kept.
struct Kept {
    shapes: Shapes,
    samples: Vec<Sample>,
}

fn shapes(seed: u64, len: usize) -> Arc<Kept> {
    let shapes = Shapes::new(seed, len);
    let samples = (0..len).map(|index| shapes.sample(index).unwrap()).collect();
    Arc::new(Kept { shapes, samples })
}

impl Dataset for Kept {
    fn len(&self) -> usize {
        self.samples.len()
    }

    fn classes(&self) -> &[String] {
        self.shapes.classes()
    }

    fn sample(&self, index: usize) -> Result<Sample, DataError> {
        Ok(self.samples[index].clone())
    }
}

/// Trains by a configuration's recipe, and returns each step's loss.
fn train(network: &dyn Module, dataset: Arc<Kept>, config: &Config) -> Vec<f32> {
    let TrainingConfig { epochs, batch, lr, seed, .. } = config.training;
    let augment = Some(config.data.augment.clone());
    let batches = Loader { batch, augment, shuffle: true, ..loader(config, dataset) };
    let params = Params::of(network);
    let mut optimizer = config.training.optimizer();
    let schedule = config.training.schedule((batches.batches() * epochs) as u64);
    let all = (0..epochs).flat_map(|epoch| batches.epoch(epoch));
    (0..)
        .zip(all)
        .map(|(step, samples)| {
            let (x, targets) = to_tensors(&samples.unwrap(), 5, None).unwrap();
            let pass = Pass::train(Draws::new(seed, step));
            let scores = network.forward(&Var::constant(x), &pass);
            let loss =
                ops::cross_entropy(&scores, &targets, &PixelLoss::default(), ops::Reduction::Mean);
            let value = loss.value().item();
            let batch = params.backward(loss, pass);
            optimizer.step(&params, &batch, lr * schedule.factor(step));
            value
        })
        .collect()
}

fn mean(losses: &[f32]) -> f32 {
    losses.iter().sum::<f32>() / losses.len() as f32
}

#[test]
fn a_small_network_learns_a_handful_of_pictures_by_heart() {
    let pictures = shapes(1, 4);
    let mut config = Config::default();
    config.model.widths = vec![16, 32, 64];
    config.training.batch = 2;
    config.training.epochs = 50;
    let network = config.network(5);
    let losses = train(&*network, Arc::clone(&pictures), &config);
    let (first, last) = (losses[0], mean(&losses[losses.len() - 20..]));
    let evaluation = evaluate(&*network, &loader(&config, pictures)).unwrap();
    let (miou, classes) = evaluation.confusion.mean_iou();
    // All scores begin at 0: every class is as likely as another.
    assert!((first - 5_f32.ln()).abs() < 1e-5, "the first loss is {first}");
    assert!(last < 0.15 && miou > 0.75 && classes == 5, "loss {last}, mIoU {miou} over {classes}");
}

/// Scores from each pixel's own colour, by way of two hidden layers.
fn pointwise() -> Sequential {
    let rng = &mut ChaCha8Rng::seed_from_u64(0);
    let mut hidden = |net: Sequential, channels: [usize; 2]| {
        net.with(Conv2d::new(channels, Window::square(1), rng).without_bias())
            .with(BatchNorm2d::new(channels[1]))
            .with(Activation::Relu)
    };
    let net = hidden(Sequential::new(), [3, 16]);
    let net = hidden(net, [16, 16]);
    net.with(Conv2d::new([16, 5], Window::square(1), rng))
}

#[test]
fn a_network_of_single_pixels_does_not_learn_shapes() {
    let (training, validation) = (shapes(0, 1000), shapes(!0, 125));
    let network = pointwise();
    let mut config = Config::default();
    // To a network that sees no neighbours, a part of a picture only means fewer samples.
    config.data.augment.crop = Some([16, 16]);
    let losses = train(&network, training, &config);
    assert_eq!(losses.len(), 125 * config.training.epochs);
    let mut confusion = Confusion::new(5);
    for samples in loader(&Config::default(), validation).epoch(0) {
        let samples = samples.unwrap();
        let (x, _) = to_tensors(&samples, 5, None).unwrap();
        let scores = no_grad(|| network.forward(&Var::constant(x), &Pass::eval()));
        let truth: Vec<u8> = samples.into_iter().flat_map(|sample| sample.mask.labels).collect();
        confusion.add(&truth, &highest_scores(scores.value()), None).unwrap();
    }
    let (miou, classes) = confusion.mean_iou();
    assert!(miou < 0.40 && classes == 5, "mIoU {miou} over {classes} classes");
}
