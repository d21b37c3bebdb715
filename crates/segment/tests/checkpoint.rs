//! A run's state in bytes: all of it comes back, and whatever happened to the bytes is noticed.

use mirrorgrad_layers::optim::OptimizerState;
use mirrorgrad_segment::{Checkpoint, Config, EpochMetrics, OptimizerKind, Progress};
use mirrorgrad_tensor::Tensor;
use std::collections::BTreeMap;

/// Bytes before the payload: magic 8, format 2, codec 1, flags 1, length 8, hash 32.
const HEADER: usize = 52;

fn checkpoint() -> Checkpoint {
    let mut config = Config::default();
    // A sum that has no short decimal form.
    config.training.lr = 0.1 + 0.2;
    config.training.optimizer = OptimizerKind::Sgd;
    config.training.clip = Some(1.5);
    config.data.dir = Some("data of mine".into());
    config.data.folder.size = Some([5, 7]);
    let weights = [
        ("a.weight", Tensor::new([2, 3], [1.0, -0.0, f32::MIN_POSITIVE / 2.0, 4.0, 5.5, 1e30])),
        ("b", Tensor::scalar(0.1)),
        ("empty", Tensor::zeros([0, 4])),
    ];
    let named = |(name, tensor): (&str, Tensor)| (name.to_string(), tensor);
    Checkpoint {
        config,
        classes: vec!["ground".into(), "sky\nline".into()],
        data: "two pictures".into(),
        progress: Progress {
            epoch: 1,
            batch: 2,
            step: 5,
            loss_sum: 1.25,
            seconds: 9.5,
            best_miou: Some(0.75),
        },
        history: vec![EpochMetrics {
            epoch: 1,
            train_loss: 0.7,
            val_loss: f64::NAN,
            val_miou: 0.75,
            val_pixel_accuracy: 0.9,
            val_iou: vec![Some(0.75), None],
            lr: 0.01,
            seconds: 4.5,
            weights_hash: "abc".into(),
        }],
        weights: weights.map(named).into(),
        optimizer: OptimizerState {
            steps: BTreeMap::from([("b".to_string(), 5)]),
            tensors: BTreeMap::from([named(("momentum_buffer.b", Tensor::scalar(f32::NAN)))]),
        },
    }
}

fn bytes() -> Vec<u8> {
    checkpoint().to_bytes().unwrap()
}

/// The bytes with a header that fits them, as a program that wrote nonsense would make it.
fn sealed(payload: &[u8]) -> Vec<u8> {
    let mut bytes = bytes()[..12].to_vec();
    bytes.extend((payload.len() as u64).to_le_bytes());
    let hash = blake3::hash(&[&bytes, payload].concat());
    [&bytes, hash.as_bytes().as_slice(), payload].concat()
}

#[test]
fn everything_comes_back() {
    let (from, to) = (checkpoint(), Checkpoint::from_bytes(&bytes()).unwrap());
    assert_eq!((to.config, to.classes), (from.config, from.classes));
    assert_eq!((to.progress, to.weights), (from.progress, from.weights));
    assert_eq!(to.data, from.data);
    assert_eq!(to.optimizer.steps, from.optimizer.steps);
    assert!(to.optimizer.tensors["momentum_buffer.b"].item().is_nan());
    let [epoch] = &to.history[..] else { panic!("{} epochs", to.history.len()) };
    assert!(epoch.val_loss.is_nan());
    let known = |epoch: &EpochMetrics| EpochMetrics { val_loss: 0.0, ..epoch.clone() };
    assert_eq!(known(epoch), known(&from.history[0]));
    // Minus zero and a number under the normal ones, to the bit.
    assert_eq!(Checkpoint::from_bytes(&bytes()).unwrap().to_bytes().unwrap(), bytes());
}

#[test]
fn the_file_is_laid_out_as_it_is_described() {
    let bytes = bytes();
    assert_eq!(bytes[..12], *b"\x89MIRGRD\n\x01\x00\x01\x00");
    let length = u64::from_le_bytes(bytes[12..20].try_into().unwrap());
    assert_eq!(length as usize, bytes.len() - HEADER);
    let hashed = [&bytes[..20], &bytes[HEADER..]].concat();
    assert_eq!(bytes[20..HEADER], *blake3::hash(&hashed).as_bytes());
    assert_eq!(sealed(&bytes[HEADER..]), bytes);
}

#[test]
fn every_changed_bit_is_noticed() {
    let whole = bytes();
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut bytes = whole.clone();
            bytes[at] ^= 1 << bit;
            assert!(Checkpoint::from_bytes(&bytes).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_file_cut_short_or_grown_is_noticed() {
    let whole = bytes();
    for len in 0..whole.len() {
        let error = Checkpoint::from_bytes(&whole[..len]).unwrap_err();
        assert_eq!(error.lines().count(), 1, "{error}");
    }
    assert!(Checkpoint::from_bytes(&[&whole[..], &[0]].concat()).is_err());
    assert!(Checkpoint::from_bytes(&[&whole[..], &whole].concat()).is_err());
}

#[test]
fn another_version_is_named() {
    for (at, value, says) in [
        (8, 2, "expected checkpoint format 1 (codec 1), found 2 (codec 1)"),
        (9, 1, "found 257 (codec 1)"),
        (10, 3, "expected checkpoint format 1 (codec 1), found 1 (codec 3)"),
    ] {
        let mut bytes = bytes();
        bytes[at] = value;
        let error = Checkpoint::from_bytes(&bytes).unwrap_err();
        assert!(error.contains(says) && error.contains("another version"), "{error}");
    }
    let error = Checkpoint::from_bytes(&[b'x'; 400]).unwrap_err();
    assert_eq!(error, "expected a checkpoint, found something else");
    let error = Checkpoint::from_bytes(b"").unwrap_err();
    assert_eq!(error, "expected a checkpoint, found only 0 bytes");
}

#[test]
fn nonsense_under_a_right_hash_is_read_or_refused_and_never_panics() {
    let payload = bytes()[HEADER..].to_vec();
    for at in 0..payload.len() {
        for value in [0, 1, 0x7f, 0xff, payload[at] ^ 1, payload[at] ^ 0x80] {
            let mut payload = payload.clone();
            payload[at] = value;
            // A length of 2^56 numbers among them: nothing may be set aside for it.
            let _ = Checkpoint::from_bytes(&sealed(&payload));
        }
    }
    for len in 0..payload.len() {
        assert!(Checkpoint::from_bytes(&sealed(&payload[..len])).is_err(), "{len}");
    }
    assert!(Checkpoint::from_bytes(&sealed(&[&payload[..], &[0]].concat())).is_err());
}

#[test]
fn a_shape_that_its_numbers_do_not_fill_is_refused() {
    let payload = bytes()[HEADER..].to_vec();
    // The name's length, the name, the number of axes, and the sizes.
    let entry = [&8_u64.to_le_bytes()[..], b"a.weight", &2_u64.to_le_bytes()].concat();
    let at = payload.windows(entry.len()).position(|part| part == entry).unwrap() + entry.len();
    for sizes in [[3_u64, 3], [u64::MAX, 2], [1 << 63, 2]] {
        let mut payload = payload.clone();
        payload[at..at + 16].copy_from_slice(&sizes.map(u64::to_le_bytes).concat());
        let error = Checkpoint::from_bytes(&sealed(&payload)).unwrap_err();
        assert!(error.contains("\"a.weight\" of shape"), "{error}");
        assert!(error.contains("has 6 values"), "{error}");
    }
}

#[test]
fn an_option_that_this_version_does_not_know_is_refused() {
    let mut payload = bytes()[HEADER..].to_vec();
    let at = payload.windows(5).position(|part| part == b"clip ").unwrap();
    payload[at..at + 4].copy_from_slice(b"clop");
    let error = Checkpoint::from_bytes(&sealed(&payload)).unwrap_err();
    assert!(error.contains("clop"), "{error}");
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.ckpt");
    let says = |part: &str| {
        let error = Checkpoint::read(&path).unwrap_err().to_string();
        assert!(error.starts_with(&path.display().to_string()), "{error}");
        assert!(error.contains(part) && error.lines().count() == 1, "{error}");
    };
    says("cannot be read");
    std::fs::create_dir(&path).unwrap();
    says("expected a file, found a directory");
    std::fs::remove_dir(&path).unwrap();
    std::fs::write(&path, &bytes()[..100]).unwrap();
    says("cut short");
    std::fs::write(&path, bytes()).unwrap();
    assert_eq!(Checkpoint::read(&path).unwrap().progress, checkpoint().progress);
}
