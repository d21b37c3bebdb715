//! A run's state in bytes: all of it comes back, and whatever happened to the bytes is noticed.

use mirrorgrad_layers::optim::OptimizerState;
use mirrorgrad_tensor::Tensor;
use mirrorgrad_train::{Checkpoint, Config, EpochMetrics, OptimizerKind, Progress};
use std::collections::BTreeMap;

/// Bytes before the payload: magic 8, format 2, codec 1, flags 1, length 8, step 8, hash 32.
const HEADER: usize = 60;
/// Those of them that are hashed.
const HASHED: usize = 28;

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
            val_seconds: 1.5,
            waited: Vec::new(),
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

/// A payload under a header that fits it, as a program that wrote nonsense would make it.
fn sealed_at(step: u64, payload: &[u8]) -> Vec<u8> {
    let mut bytes = bytes()[..12].to_vec();
    bytes.extend((payload.len() as u64).to_le_bytes());
    bytes.extend(step.to_le_bytes());
    let hash = blake3::hash(&[&bytes, payload].concat());
    [&bytes, hash.as_bytes().as_slice(), payload].concat()
}

fn sealed(payload: &[u8]) -> Vec<u8> {
    sealed_at(checkpoint().progress.step, payload)
}

/// The sealed bytes with one text of the payload replaced by another.
fn with_text(from: &str, to: &str) -> Vec<u8> {
    let text = |text: &str| [&(text.len() as u64).to_le_bytes(), text.as_bytes()].concat();
    let (payload, from) = (&bytes()[HEADER..], text(from));
    let at = payload.windows(from.len()).position(|part| part == from).unwrap();
    sealed(&[&payload[..at], &text(to), &payload[at + from.len()..]].concat())
}

#[track_caller]
fn assert_refused(bytes: &[u8], says: &str) {
    let error = Checkpoint::from_bytes(bytes).unwrap_err();
    assert!(error.contains(says) && error.lines().count() == 1, "{error}");
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
    assert_eq!(bytes[..12], *b"\x89MIRGRD\n\x02\x00\x01\x00");
    let length = u64::from_le_bytes(bytes[12..20].try_into().unwrap());
    assert_eq!(length as usize, bytes.len() - HEADER);
    assert_eq!(bytes[20..HASHED], 5_u64.to_le_bytes());
    let hashed = [&bytes[..HASHED], &bytes[HEADER..]].concat();
    assert_eq!(bytes[HASHED..HEADER], *blake3::hash(&hashed).as_bytes());
    assert_eq!(sealed(&bytes[HEADER..]), bytes);
}

#[test]
fn a_newer_version_is_asked_for() {
    let says = "expected checkpoint format 1 or 2 (codec 1, flags 0), found";
    for (at, value, found) in [
        (8, 3, "3 (codec 1, flags 0)"),
        (9, 1, "258 (codec 1, flags 0)"),
        (10, 3, "2 (codec 3, flags 0)"),
        (11, 1, "2 (codec 1, flags 1)"),
    ] {
        let mut bytes = bytes();
        bytes[at] = value;
        let newer = "it needs a newer version of mirrorgrad, or is damaged";
        assert_refused(&bytes, &format!("{says} {found}: {newer}"));
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
fn names_are_in_order_and_each_is_there_once() {
    let payload = bytes()[HEADER..].to_vec();
    let entry = [&1_u64.to_le_bytes()[..], b"b", &0_u64.to_le_bytes()].concat();
    let at = payload.windows(entry.len()).position(|part| part == entry).unwrap() + 8;
    for (name, ok) in [(b'b', true), (b'c', true), (b'a', false), (b'z', false)] {
        let mut payload = payload.clone();
        payload[at] = name;
        match ok {
            true => drop(Checkpoint::from_bytes(&sealed(&payload)).unwrap()),
            false => assert_refused(&sealed(&payload), "expected tensor names in order, each once"),
        }
    }
    let mut twins = checkpoint();
    twins.weights = ["x1", "x2"].map(|name| (name.to_string(), Tensor::scalar(0.5))).into();
    let mut payload = twins.to_bytes().unwrap()[HEADER..].to_vec();
    let at = payload.windows(2).position(|part| part == b"x2").unwrap();
    payload[at + 1] = b'1';
    assert_refused(&sealed(&payload), "found \"x1\" after \"x1\"");
}

/// Changes a good state in one way: it is not written, and where it was written by others, not read.
#[track_caller]
fn assert_no_state(change: impl FnOnce(&mut Checkpoint), says: &str) {
    let mut state = checkpoint();
    change(&mut state);
    let error = state.to_bytes().unwrap_err();
    assert!(error.contains(says) && error.lines().count() == 1, "{error}");
    let text = |state: &Checkpoint| {
        let history =
            state.history.iter().map(|epoch| serde_json::to_string(epoch).unwrap() + "\n");
        [serde_json::to_string(&state.progress).unwrap(), history.collect()]
    };
    for (from, to) in text(&checkpoint()).iter().zip(text(&state)) {
        // JSON has no numbers that are not finite.
        if *from != to && !to.contains("null,\"seconds") && !to.contains("\"seconds\":null") {
            assert_refused(&with_text(from, &to), says);
        }
    }
}

#[test]
fn a_state_that_no_run_can_be_in_is_neither_written_nor_read() {
    assert_no_state(|c| c.progress.epoch = 7, "expected at most 6 finished epochs, found 7");
    assert_no_state(|c| c.progress.step = 2, "expected 3 steps or more in 1 epochs and 2 batches");
    assert_no_state(|c| c.progress.batch = usize::MAX, "steps or more in 1 epochs and");
    assert_no_state(|c| c.progress.loss_sum = f64::NAN, "a finite sum of losses, found NaN");
    assert_no_state(|c| c.progress.seconds = -1.0, "seconds of at least 0, found -1");
    assert_no_state(|c| c.progress.best_miou = Some(1.5), "a best mIoU from 0 to 1, found 1.5");
    let after = |last, finished, found| {
        format!("metrics of an epoch after {last} and up to {finished}, found epoch {found}")
    };
    assert_no_state(|c| c.history[0].epoch = 0, &after(0, 1, 0));
    assert_no_state(|c| c.history[0].epoch = 2, &after(0, 1, 2));
    assert_no_state(|c| c.history.push(c.history[0].clone()), &after(1, 1, 1));
    assert_no_state(|c| c.classes.clear(), "expected 1 to 256 classes, found 0");
    assert_no_state(|c| c.classes[1] = "ground".into(), "found \"ground\" twice");
    assert_no_state(
        |c| c.config.training.lr = 0.0,
        "its configuration: training.lr: expected a positive",
    );
    let infinite = Tensor::scalar(f32::INFINITY);
    let change = |c: &mut Checkpoint| drop(c.weights.insert("b".into(), infinite));
    assert_no_state(change, "tensor \"b\": expected finite numbers, found inf");
}

#[test]
fn weights_that_are_no_numbers_are_not_read() {
    let mut payload = bytes()[HEADER..].to_vec();
    let value = 5.5_f32.to_le_bytes();
    let at = payload.windows(4).position(|part| part == value).unwrap();
    payload[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_refused(&sealed(&payload), "tensor \"a.weight\": expected finite numbers, found NaN");
}

#[test]
fn the_header_tells_the_step_of_the_contents() {
    let bytes = sealed_at(6, &bytes()[HEADER..]);
    assert_refused(&bytes, "expected step 6 of the header, found 5 in its contents");
}

#[test]
fn a_metric_that_a_newer_version_added_is_passed_over() {
    let [progress, epoch] = {
        let Checkpoint { progress, history, .. } = checkpoint();
        [serde_json::to_string(&progress).unwrap(), serde_json::to_string(&history[0]).unwrap()]
    };
    let newer = epoch.replacen('{', "{\"boundary\":[{\"f1\":0.5}],", 1);
    let read = Checkpoint::from_bytes(&with_text(&(epoch + "\n"), &(newer + "\n"))).unwrap();
    assert_eq!(read.history[0].val_iou, checkpoint().history[0].val_iou);
    let newer = progress.replacen('{', "{\"patience\":3,", 1);
    let read = Checkpoint::from_bytes(&with_text(&progress, &newer)).unwrap();
    assert_eq!(read.progress, checkpoint().progress);
}

#[test]
fn a_metric_that_an_older_version_had_not_yet_is_its_default() {
    let epoch = serde_json::to_string(&checkpoint().history[0]).unwrap() + "\n";
    let older = epoch.replace(",\"val_pixel_accuracy\":0.9", "").replace(",\"lr\":0.01", "");
    assert_ne!(epoch, older);
    let read = &Checkpoint::from_bytes(&with_text(&epoch, &older)).unwrap().history[0];
    assert_eq!((read.val_pixel_accuracy, read.lr, read.val_miou), (0.0, 0.0, 0.75));
}

#[test]
fn text_that_is_none_is_refused() {
    let progress = serde_json::to_string(&checkpoint().progress).unwrap();
    let deep = "[".repeat(100_000);
    for text in ["", "{", "null", "{}{}", "{\"step\":-1}", &deep] {
        let error = Checkpoint::from_bytes(&with_text(&progress, text)).unwrap_err();
        assert!(error.starts_with("its progress:"), "{text:.20}: {error}");
    }
    let epoch = serde_json::to_string(&checkpoint().history[0]).unwrap() + "\n";
    for text in ["{", "\n", "7\n", &deep] {
        let error = Checkpoint::from_bytes(&with_text(&epoch, text)).unwrap_err();
        assert!(error.starts_with("line 1 of its metrics:"), "{text:.20}: {error}");
    }
    let config = toml::to_string(&checkpoint().config).unwrap();
    for text in ["lr", "[training]\nlr = 1\nlr = 1", &format!("a = {deep}")] {
        let error = Checkpoint::from_bytes(&with_text(&config, text)).unwrap_err();
        assert!(error.starts_with("its configuration:"), "{text:.20}: {error}");
    }
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
    says("truncated");
    std::fs::write(&path, bytes()).unwrap();
    assert_eq!(Checkpoint::read(&path).unwrap().progress, checkpoint().progress);
}
