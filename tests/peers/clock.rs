//! The benchmark cases, their options and their clock: what the Rust peers share (`cases.py` is the
//! same for Python).

use std::{env, time::Instant};

const WARM_UP: usize = 2;
const ALL: &str = "A,B,C,D,E,F,J,K,L,Gpool,Gup,Gbn,Gce,H,I,U";

/// A (transposed) convolution of `batch` square pictures.
pub struct Window {
    pub batch: usize,
    pub channels: [usize; 2],
    pub side: usize,
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
}

impl Window {
    pub fn input(&self) -> [usize; 4] {
        [self.batch, self.channels[0], self.side, self.side]
    }
}

fn window(
    batch: usize,
    channels: [usize; 2],
    side: usize,
    [kernel, stride, padding]: [usize; 3],
) -> Window {
    Window { batch, channels, side, kernel, stride, padding }
}

pub fn convolution(case: &str) -> Option<Window> {
    Some(match case {
        "A" => window(8, [64, 64], 64, [3, 1, 1]),
        "B" => window(8, [64, 128], 64, [3, 2, 1]),
        "E" => window(8, [256, 64], 64, [1, 1, 0]),
        "F" => window(8, [3, 32], 128, [3, 1, 1]),
        "J" => window(4, [256, 256], 32, [3, 1, 1]),
        "K" => window(4, [512, 512], 16, [3, 1, 1]),
        "L" => window(1, [64, 64], 64, [3, 1, 1]),
        _ => return None,
    })
}

pub fn deconvolution(case: &str) -> Option<Window> {
    Some(match case {
        "C" => window(8, [128, 64], 32, [4, 2, 1]),
        "D" => window(4, [21, 21], 32, [16, 8, 4]),
        _ => return None,
    })
}

pub const POOL: [usize; 4] = [8, 64, 128, 128];
pub const BILINEAR: [usize; 4] = [8, 64, 64, 64];
pub const BATCH_NORM: [usize; 4] = [8, 64, 64, 64];
pub const CROSS_ENTROPY: [usize; 4] = [8, 21, 128, 128];
pub const H_PICTURES: [usize; 4] = [8, 3, 64, 64];
pub const H_CLASSES: usize = 5;
pub const U_PICTURES: [usize; 4] = [8, 3, 96, 128];
pub const U_CLASSES: usize = 11;
pub const U_WIDTHS: [usize; 4] = [24, 48, 96, 192];
pub const LEARNING_RATE: f64 = 0.01;
pub const MOMENTUM: f64 = 0.9;

/// A label for every pixel of `[n, _, height, width]`, in no order.
pub fn labels([n, _, height, width]: [usize; 4], classes: usize) -> Vec<u32> {
    let draw = |state: &mut u64| {
        *state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        Some((*state >> 33) as u32 % classes as u32)
    };
    let mut state = 0;
    std::iter::from_fn(|| draw(&mut state)).take(n * height * width).collect()
}

/// What is timed.
pub type Run = Box<dyn FnMut()>;

#[derive(Clone, Copy, PartialEq)]
pub enum Pass {
    Forward,
    Both,
}

pub struct Options {
    cases: Vec<String>,
    passes: Vec<String>,
    threads: usize,
    repeat: usize,
}

impl Options {
    /// Reads `--cases A,H --passes fwd,fb --threads 2 --repeat 15` and sets the number of threads.
    /// To be called before any thread is started.
    pub fn parse() -> Self {
        let mut options =
            Self { cases: parts(ALL), passes: parts("fwd,fb"), threads: 2, repeat: 15 };
        let mut arguments = env::args().skip(1);
        while let Some(name) = arguments.next() {
            let value = arguments.next().unwrap_or_else(|| panic!("{name} wants a value"));
            match name.as_str() {
                "--cases" => options.cases = parts(&value),
                "--passes" => options.passes = parts(&value),
                "--threads" => options.threads = value.parse().expect("--threads wants a number"),
                "--repeat" => options.repeat = value.parse().expect("--repeat wants a number"),
                _ => panic!("unknown option {name}"),
            }
        }
        // SAFETY: no other thread runs yet.
        unsafe { env::set_var("RAYON_NUM_THREADS", options.threads.to_string()) };
        options
    }

    /// Times what `build` gives for each asked case and pass, one JSON object a line; what it has no
    /// answer to is named on stderr and skipped.
    pub fn measure(&self, system: &str, build: impl Fn(&str, Pass) -> Option<Run>) {
        for case in &self.cases {
            for name in &self.passes {
                let pass = if name == "fwd" { Pass::Forward } else { Pass::Both };
                let Some(mut run) = build(case, pass) else {
                    eprintln!("{system}: case {case} has no pass {name}");
                    continue;
                };
                let [q1, median, q3] = quartiles(milliseconds(&mut run, self.repeat));
                println!(
                    "{{\"system\": \"{system}\", \"case\": \"{case}\", \"pass\": \"{name}\", \"threads\": {}, \
                     \"median_ms\": {median:.4}, \"q1_ms\": {q1:.4}, \"q3_ms\": {q3:.4}}}",
                    self.threads
                );
            }
        }
    }
}

fn parts(list: &str) -> Vec<String> {
    list.split(',').map(str::to_owned).collect()
}

fn milliseconds(run: &mut Run, repeat: usize) -> Vec<f64> {
    let once = |_| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64() * 1e3
    };
    (0..WARM_UP + repeat).map(once).skip(WARM_UP).collect()
}

/// First quartile, median, third quartile, by linear interpolation.
fn quartiles(mut values: Vec<f64>) -> [f64; 3] {
    values.sort_by(f64::total_cmp);
    [0.25, 0.5, 0.75].map(|share| {
        let place = share * (values.len() - 1) as f64;
        let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
        low + (high - low) * place.fract()
    })
}
