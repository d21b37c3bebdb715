//! Checkpoints of every format that was ever written are still read, to the value.

use mirrorgrad_layers::models::{Norm, Upsampling};
use mirrorgrad_layers::optim::OptimizerState;
use mirrorgrad_layers::weights::NamedTensors;
use mirrorgrad_tensor::Tensor;
use mirrorgrad_train::{
    Checkpoint, Config, EpochMetrics, ModelKind, OptimizerKind, Progress, ScheduleKind,
};
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

fn path(format: u16) -> PathBuf {
    let dir = "../../tests/golden/checkpoint";
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(dir).join(format!("format-{format}.ckpt"))
}

/// Every option that the files hold has a value that is not its default. Options that came later are not
/// in them, and have theirs.
fn config() -> Config {
    let mut config = Config::default();
    config.data.dir = Some("data of mine".into());
    config.data.folder.ignore_index = Some(255);
    config.data.folder.size = Some([24, 28]);
    config.data.folder.validation_split = Some(0.25);
    config.data.folder.seed = 7;
    config.data.augment.flip = 0.25;
    config.data.augment.vertical_flip = 0.125;
    config.data.augment.transpose = 0.375;
    config.data.augment.scale = [0.75, 1.25];
    config.data.augment.crop = Some([16, 16]);
    config.data.augment.jitter = 0.1;
    config.model.kind = ModelKind::Unet;
    config.model.widths = vec![3, 5];
    config.model.norm = Norm::None;
    config.model.upsample = Upsampling::Bilinear;
    config.training.epochs = 3;
    config.training.batch = 4;
    config.training.optimizer = OptimizerKind::Adam;
    // A sum that has no short decimal form.
    config.training.lr = 0.1 + 0.2;
    config.training.weight_decay = 1e-5;
    config.training.momentum = 0.5;
    config.training.betas = [0.8, 0.9];
    config.training.schedule = ScheduleKind::Poly;
    config.training.warmup = 9;
    config.training.clip = Some(1.5);
    config.training.seed = 7;
    config
}

fn epoch(epoch: usize) -> EpochMetrics {
    EpochMetrics {
        epoch,
        train_loss: 2.0 / 3.0,
        val_loss: 1e-300,
        val_miou: 0.1 + 0.2,
        val_pixel_accuracy: 0.9,
        val_iou: vec![Some(1.0 / 3.0), None, Some(0.0)],
        lr: 0.01,
        seconds: 4.5,
        // Not yet known when the files were written.
        val_seconds: 0.0,
        waited: Vec::new(),
        weights_hash: format!("hash of {epoch}"),
    }
}

fn weights() -> NamedTensors<f32> {
    let weights = [
        ("a.weight", Tensor::new([2, 3], [1.0, -0.0, f32::MIN_POSITIVE / 2.0, 4.0, 5.5, 1e30])),
        ("b", Tensor::scalar(0.1)),
        ("empty", Tensor::zeros([0, 4])),
    ];
    weights.map(|(name, tensor)| (name.to_string(), tensor)).into()
}

fn optimizer() -> OptimizerState<f32> {
    let of = |kind: &str, factor| {
        let tensor = Tensor::full([2, 3], factor);
        (format!("{kind}.a.weight"), tensor)
    };
    OptimizerState {
        steps: BTreeMap::from([("a.weight".to_string(), 8), ("b".to_string(), 7)]),
        tensors: BTreeMap::from([of("exp_avg", 0.1), of("exp_avg_sq", 1e-7)]),
    }
}

/// What is in the golden file of every format.
fn checkpoint() -> Checkpoint {
    Checkpoint {
        config: config(),
        classes: vec!["ground".into(), "sky\nline".into(), "Bäume".into()],
        data: "two pictures".into(),
        progress: Progress {
            epoch: 2,
            batch: 2,
            step: 8,
            loss_sum: 0.1 + 0.2,
            seconds: 9.5,
            best_miou: Some(2.0 / 3.0),
        },
        history: vec![epoch(1), epoch(2)],
        weights: weights(),
        optimizer: optimizer(),
    }
}

fn bits(tensors: &NamedTensors<f32>) -> Vec<(&str, &[usize], Vec<u32>)> {
    let bits = |tensor: &Tensor| tensor.as_slice().iter().map(|value| value.to_bits()).collect();
    tensors.iter().map(|(name, tensor)| (name.as_str(), tensor.shape(), bits(tensor))).collect()
}

#[track_caller]
fn assert_decodes(format: u16) {
    let bytes = fs::read(path(format)).unwrap();
    assert_eq!(bytes[8..10], format.to_le_bytes());
    let (expected, found) = (checkpoint(), Checkpoint::from_bytes(&bytes).unwrap());
    assert_eq!(found.config, expected.config);
    assert_eq!((&found.classes, &found.data), (&expected.classes, &expected.data));
    assert_eq!((&found.progress, &found.history), (&expected.progress, &expected.history));
    assert_eq!(bits(&found.weights), bits(&expected.weights));
    assert_eq!(found.optimizer.steps, expected.optimizer.steps);
    assert_eq!(bits(&found.optimizer.tensors), bits(&expected.optimizer.tensors));
}

#[test]
fn format_1_is_still_read() {
    assert_decodes(1);
}

#[test]
fn format_2_is_read() {
    assert_decodes(2);
}

/// What a disk or a copy can do to a file.
#[test]
fn every_flipped_bit_cut_and_added_byte_is_noticed() {
    for format in [1, 2] {
        let whole = fs::read(path(format)).unwrap();
        for at in 0..whole.len() {
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                let read = Checkpoint::from_bytes(&bytes);
                assert!(read.is_err(), "format {format}: bit {bit} of byte {at}");
            }
            let error = Checkpoint::from_bytes(&whole[..at]).unwrap_err();
            assert_eq!(error.lines().count(), 1, "{error}");
        }
        for more in [&[0][..], b"\n", &whole] {
            let error = Checkpoint::from_bytes(&[&whole, more].concat()).unwrap_err();
            assert!(error.contains("bytes after the header, found"), "{error}");
        }
    }
}
