//! Fifty training steps of the default network, against PyTorch's losses for the same weights and
//! batches. Both are a formula, which `golden/fcn_trace.json` states under `about`.

use mirrorgrad::prelude::*;
use mirrorgrad::tensor::Element;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use serde_json::Value;

fn golden() -> Value {
    serde_json::from_str(include_str!("../golden/fcn_trace.json")).unwrap()
}

/// The numbers below 2^53 that splitmix64 draws from a seed.
struct Stream(u64);

impl Stream {
    /// The stream of a tensor's name: its FNV-1a hash is the seed.
    fn named(name: &str) -> Self {
        let mix =
            |hash: u64, byte: u8| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        Self(name.bytes().fold(0xcbf2_9ce4_8422_2325, mix))
    }

    fn integer(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = self.0;
        let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) >> 11
    }

    /// 2u − 1 for u uniform between 0 and 1.
    fn centred(&mut self) -> f64 {
        centred(self.integer())
    }
}

fn centred(integer: u64) -> f64 {
    2.0 * (integer as f64 * 0.5_f64.powi(53)) - 1.0
}

/// The formula's first value of a parameter; running statistics keep theirs.
fn first_value(name: &str, shape: &[usize]) -> Option<Tensor<f64>> {
    let mut stream = Stream::named(name);
    let mut filled = |value: &dyn Fn(usize, f64) -> f64| {
        Some(Tensor::from_fn(shape, |i| value(i, stream.centred())))
    };
    let fan_in: usize = shape[1..].iter().product();
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if ends(&["running_mean", "running_var"]) {
        None
    } else if ends(&["conv1.weight", "conv2.weight"]) {
        filled(&|_, draw| draw * (6.0 / fan_in as f64).sqrt())
    } else if ends(&["norm1.weight", "norm2.weight"]) {
        filled(&|_, draw| 0.5 + (draw + 1.0) / 2.0)
    } else if ends(&["bias"]) {
        filled(&|_, draw| draw * 0.1)
    } else if name.starts_with("ups") {
        let row = [0.25, 0.75, 0.75, 0.25];
        filled(&|i, draw| {
            let (pair, tap) = (i / 16, i % 16);
            let own = pair / shape[1] == pair % shape[1];
            (if own { row[tap / 4] * row[tap % 4] } else { 0.0 }) + draw * 0.01
        })
    } else {
        filled(&|_, draw| draw * (3.0 / fan_in as f64).sqrt())
    }
}

/// What the trace is of.
struct Setup {
    classes: usize,
    /// `[batch, height, width]`.
    size: [usize; 3],
    thresholds: Vec<f64>,
    ignore_index: i64,
    ignore_below: u64,
}

impl Setup {
    fn of(golden: &Value) -> Self {
        let size = |key: &str| golden[key].as_u64().unwrap() as usize;
        Self {
            classes: size("classes"),
            size: [size("batch"), size("height"), size("width")],
            thresholds: numbers(&golden["thresholds"]),
            ignore_index: golden["ignore_index"].as_i64().unwrap(),
            ignore_below: golden["ignore_below"].as_u64().unwrap(),
        }
    }

    fn network<T: Element>(&self, golden: &Value) -> Fcn<T> {
        let widths = numbers(&golden["widths"]).into_iter().map(|width| width as usize).collect();
        let config = FcnConfig { widths, ..FcnConfig::new(self.classes) };
        let network = Fcn::new(&config, &mut ChaCha8Rng::seed_from_u64(0));
        for (name, param) in Params::of(&network) {
            if let Some(value) = first_value(&name, param.value().shape()) {
                param.set(value.cast());
            }
        }
        network
    }

    /// The pictures of a step in double precision, and the labels that follow from them.
    fn batch(&self, step: u64) -> (Tensor<f64>, Vec<i64>) {
        let [batch, height, width] = self.size;
        let mut stream = Stream(step);
        let drawn: Vec<u64> = (0..batch * 3 * height * width).map(|_| stream.integer()).collect();
        let pictures = Tensor::from_fn([batch, 3, height, width], |i| 2.0 * centred(drawn[i]));
        let plane = height * width;
        let label = |i: usize| {
            let (picture, y, x) = (i / plane, i / width % height, i % width);
            if drawn[(3 * picture + 1) * plane + i % plane] < self.ignore_below {
                return self.ignore_index;
            }
            let red = &pictures.as_slice()[3 * picture * plane..][..plane];
            let mut sum = 0.0;
            for row in y.saturating_sub(1)..(y + 2).min(height) {
                for column in x.saturating_sub(1)..(x + 2).min(width) {
                    sum += red[row * width + column];
                }
            }
            self.thresholds.iter().filter(|&&threshold| threshold < sum).count() as i64
        };
        let labels = (0..batch * plane).map(label).collect();
        (pictures, labels)
    }

    fn loss<T: Element>(&self, network: &Fcn<T>, step: u64, pass: &Pass<T>) -> Var<T> {
        let (pictures, labels) = self.batch(step);
        let ignored = Some(self.ignore_index);
        let targets = ClassTargets::new(self.size, labels, self.classes, ignored).unwrap();
        let scores = network.forward(&Var::constant(pictures.cast()), pass);
        ops::cross_entropy(&scores, &targets, &PixelLoss::default(), ops::Reduction::Mean)
    }
}

fn numbers(list: &Value) -> Vec<f64> {
    list.as_array().unwrap().iter().map(|number| number.as_f64().unwrap()).collect()
}

fn optimizer<T: Element>(name: &str, settings: &Value) -> Box<dyn Optimizer<T>> {
    let number = |key: &str| settings[key].as_f64().unwrap();
    match name {
        "adamw" => {
            assert_eq!(number("eps"), 1e-8);
            let adam = Adam::adamw(number("weight_decay"));
            Box::new(adam.betas([number("beta1"), number("beta2")]))
        }
        "sgd" => Box::new(Sgd::new(number("momentum")).weight_decay(number("weight_decay"))),
        other => panic!("no optimizer {other}"),
    }
}

#[track_caller]
fn assert_close(what: &str, got: f64, expected: f64, tolerance: f64) {
    let difference = (got - expected).abs() / expected.abs();
    assert!(difference < tolerance, "{what}: {got}, PyTorch {expected}, off by {difference:e}");
}

/// Trains, and compares every loss, the loss in evaluation mode and what became of the weights.
fn replay<T: Element>(name: &str, tolerance: f64) {
    let golden = golden();
    let setup = Setup::of(&golden);
    let trace = &golden["traces"][name];
    let settings = &trace["settings"];
    let trace = &trace[T::NAME];
    let network = setup.network::<T>(&golden);
    let params = Params::of(&network);
    let mut optimizer = optimizer::<T>(name, settings);
    let losses = numbers(&trace["losses"]);
    assert_eq!(losses.len(), 50);
    for (step, &expected) in (0..).zip(&losses) {
        let pass = Pass::train(Draws::new(0, step));
        let loss = setup.loss(&network, step, &pass);
        assert_close(&format!("loss {step}"), loss.value().item().as_f64(), expected, tolerance);
        let lr = settings["lr"].as_f64().unwrap();
        let unreached = optimizer.step(&params, &params.backward(loss, pass), lr);
        assert!(unreached.is_empty(), "{unreached:?}");
    }
    let loss = no_grad(|| setup.loss(&network, 50, &Pass::eval())).value().item().as_f64();
    assert_close("evaluation", loss, trace["eval_loss"].as_f64().unwrap(), tolerance);
    for (name, sums) in trace["final"].as_object().unwrap() {
        let param = &params.iter().find(|(own, _)| own == name).unwrap().1;
        let squares: f64 =
            param.value().as_slice().iter().map(|value| value.as_f64().powi(2)).sum();
        // In f32, PyTorch's own sums stray from its f64 ones by as much as the losses may.
        assert_close(name, squares, numbers(sums)[1], 5.0 * tolerance);
    }
}

#[test]
fn the_formula_gives_the_golden_files_own_check_values() {
    let golden = golden();
    let (setup, checks) = (Setup::of(&golden), &golden["checks"]);
    let name = "stages.0.conv1.weight";
    assert_eq!(Stream::named(name).0.to_string(), checks[format!("seed of {name}")]);
    let mut stream = Stream(0);
    let drawn: Vec<u64> = (0..4).map(|_| stream.integer()).collect();
    assert_eq!(Value::from(drawn), checks["first four r of stream(0)"]);
    let weight = first_value(name, &[16, 3, 3, 3]).unwrap();
    let (pictures, labels) = setup.batch(0);
    let all =
        [(&weight, format!("first four of {name}")), (&pictures, "first four of picture 0".into())];
    for (tensor, key) in all {
        for (&got, expected) in tensor.as_slice().iter().zip(numbers(&checks[&key])) {
            // The JSON reader may be off by the last bit.
            assert_close(&key, got, expected, 1e-15);
        }
    }
    let count = |class: i64| labels.iter().filter(|&&label| label == class).count();
    let counts: Vec<usize> = [0, 1, 2, 3, 4, setup.ignore_index].into_iter().map(count).collect();
    let key = "step 0's targets: how many of class 0 to 4, ignored";
    assert_eq!(Value::from(counts), checks[key]);
    let counted = (1..).zip(&labels).filter(|&(_, &label)| label != setup.ignore_index);
    let sum: i64 = counted.map(|(place, label)| place * label).sum();
    let key = "step 0's targets: sum of (index + 1) * class over pixels not ignored";
    assert_eq!(Value::from(sum), checks[key]);
}

#[test]
fn fifty_losses_under_adamw_are_pytorchs_in_f64() {
    replay::<f64>("adamw", 1e-9);
}

#[test]
fn fifty_losses_under_sgd_are_pytorchs_in_f64() {
    replay::<f64>("sgd", 1e-9);
}

#[test]
fn fifty_losses_under_adamw_are_pytorchs_in_f32() {
    replay::<f32>("adamw", 1e-3);
}

#[test]
fn fifty_losses_under_sgd_are_pytorchs_in_f32() {
    replay::<f32>("sgd", 1e-3);
}
