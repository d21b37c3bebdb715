//! `mirrorgrad bench`: how long things take, in the terms that other frameworks are measured in.

use crate::{Failure, say};
use clap::Args;
use clap::builder::PossibleValuesParser;
use mirrorgrad_tensor::{Isa, peak_gflops};
use mirrorgrad_train::bench::{self, Case, NAMES, StepSize};
use serde_json::json;
use std::process::ExitCode;
use std::time::Instant;

/// Options of `mirrorgrad bench`.
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// Cases to time [default: all]
    #[arg(long, value_name = "A,B,..", value_delimiter = ',', value_parser = PossibleValuesParser::new(NAMES))]
    cases: Vec<String>,
    /// Passes to time: fwd (forward), fb (forward and backward)
    #[arg(long, value_name = "P,..", value_delimiter = ',', default_value = "fwd,fb", value_parser = PossibleValuesParser::new(["fwd", "fb"]))]
    passes: Vec<String>,
    /// Number of threads [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Timed iterations of each pass, after two warmup iterations
    #[arg(long, default_value_t = 15, value_name = "R", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// Print one JSON object per line only
    #[arg(long)]
    json: bool,
    /// Pictures per batch in H and I
    #[arg(long, default_value_t = 8, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    batch: u16,
    /// Height and width of the pictures in H and I, a multiple of 8
    #[arg(long, default_value_t = 64, value_name = "PIXELS", value_parser = side)]
    side: u16,
    /// Channels of the first stage in H and I
    #[arg(long, default_value_t = 32, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    width: u16,
}

/// Reads a side of pictures that three pools halve and two deconvolutions bring back.
fn side(text: &str) -> Result<u16, String> {
    let side =
        text.parse().ok().filter(|side: &u16| (8..=2048).contains(side) && side.is_multiple_of(8));
    side.ok_or_else(|| format!("expected a multiple of 8, from 8 to 2048, found {text:?}"))
}

/// Times cases, one after the other.
pub fn run(args: &BenchArgs) -> Result<ExitCode, Failure> {
    let all = NAMES.map(String::from);
    let names = if args.cases.is_empty() { &all[..] } else { &args.cases };
    let size =
        StepSize { batch: args.batch.into(), side: args.side.into(), width: args.width.into() };
    let (threads, peak) = (rayon::current_num_threads(), peak_gflops());
    if !args.json {
        let isa = Isa::chosen()?;
        say::line(format!("{threads} threads, {isa}, peak {peak:.0} GFLOP/s\n"))?;
        say::line(format!(
            "{:<6} {:<4} {:>10} {:>10} {:>10} {:>9} {:>6}",
            "case", "pass", "median ms", "q1", "q3", "GFLOP/s", "share"
        ))?;
    }
    for name in names {
        let Case { title, gflop, mut forward, both } = bench::named(name, size);
        let passes = [("fwd", Some(&mut forward), 1.0), ("fb", None, 3.0)];
        let mut both = both;
        for (pass, own, times) in passes {
            let Some(work) = own.or(both.as_mut()) else { continue };
            if !args.passes.iter().any(|wanted| wanted == pass) {
                continue;
            }
            let [q1, median, q3] = quartiles(work, args.repeat);
            let gflops = gflop.map(|gflop| times * gflop / median * 1e3);
            if args.json {
                say::line(json!({
                    "case": name, "pass": pass, "threads": threads,
                    "median_ms": median, "q1_ms": q1, "q3_ms": q3,
                    "gflops": gflops, "peak_gflops": peak,
                }))?;
            } else {
                let rate = gflops.map_or("-".into(), |gflops| format!("{gflops:.0}"));
                let share = gflops.map_or("-".into(), |gflops| format!("{:.2}", gflops / peak));
                say::line(format!(
                    "{name:<6} {pass:<4} {median:>10.2} {q1:>10.2} {q3:>10.2} {rate:>9} {share:>6}  {title}"
                ))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The quartiles of `repeat` runs in milliseconds, after two that are not counted.
fn quartiles(work: &mut Box<dyn FnMut()>, repeat: u32) -> [f64; 3] {
    let mut milliseconds: Vec<f64> = (0..repeat + 2)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e3
        })
        .skip(2)
        .collect();
    milliseconds.sort_by(f64::total_cmp);
    [1, 2, 3].map(|part| milliseconds[(milliseconds.len() - 1) * part / 4])
}
