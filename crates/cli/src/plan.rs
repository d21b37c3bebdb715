//! `mirrorgrad plan`: what training on several machines would come to.

use crate::room::Room;
use crate::settings::{SettingArgs, Shape};
use crate::summary::check_picture;
use crate::{Failure, options, say};
use clap::Args;
use mirrorgrad_train::{Forecast, Largest, Link, Process, StepCost};
use serde_json::{Value, json};
use std::process::ExitCode;

/// Options of `mirrorgrad plan`.
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Numbers of processes, one a machine like this one
    #[arg(long, value_name = "N,..", value_delimiter = ',', default_value = "1,2,4,8,16", value_parser = clap::value_parser!(u32).range(1..=65_536))]
    ranks: Vec<u32>,
    /// What a machine sends in a second, while it receives as much: Mbit or Gbit
    #[arg(long, value_name = "RATE", default_value = "10Gbit", value_parser = bandwidth)]
    bandwidth: f64,
    /// What a message takes beyond its bytes: us or ms
    #[arg(long, value_name = "TIME", default_value = "20us", value_parser = latency)]
    latency: f64,
    #[command(flatten)]
    settings: SettingArgs<Shape>,
    /// Height and width of the pictures
    #[arg(long, value_name = "HxW", value_parser = options::size, default_value = "64x64")]
    size: [usize; 2],
    /// Number of classes
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..=256))]
    classes: u16,
    /// Number of threads of each process [default: all cores]
    #[arg(long, value_name = "N")]
    pub threads: Option<usize>,
    /// Timed steps, after one warmup step
    #[arg(long, default_value_t = 7, value_name = "R", value_parser = clap::value_parser!(u16).range(1..))]
    repeat: u16,
    /// Print one JSON object only
    #[arg(long)]
    json: bool,
}

/// A number and its unit, in the unit that a command computes with.
struct Unit {
    name: &'static str,
    worth: f64,
}

/// Reads a rate as bytes a second.
fn bandwidth(text: &str) -> Result<f64, String> {
    let units = [Unit { name: "Mbit", worth: 1e6 / 8.0 }, Unit { name: "Gbit", worth: 1e9 / 8.0 }];
    let bytes = quantity(text, &units).filter(|bytes| (125.0..=1.25e14).contains(bytes));
    bytes.ok_or_else(|| {
        format!("expected 0.001Mbit to 1000000Gbit, such as 100Mbit or 10Gbit, found {text:?}")
    })
}

/// Reads a time as seconds.
fn latency(text: &str) -> Result<f64, String> {
    let units = [Unit { name: "us", worth: 1e-6 }, Unit { name: "ms", worth: 1e-3 }];
    let seconds = quantity(text, &units).filter(|seconds| (0.0..=10.0).contains(seconds));
    seconds.ok_or_else(|| format!("expected 0us to 10000ms, such as 20us or 0.5ms, found {text:?}"))
}

/// Reads a plain number with one of these units behind it.
fn quantity(text: &str, units: &[Unit]) -> Option<f64> {
    units.iter().find_map(|unit| {
        let number = text.strip_suffix(unit.name)?.trim_end();
        // No sign, no exponent, and no word for what is no number.
        let plain = number.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let number: f64 = number.parse().ok().filter(|_| plain)?;
        Some(number * unit.worth)
    })
}

/// What is expected of so many ranks.
struct Row {
    ranks: usize,
    /// Or why they cannot share a step.
    forecast: Result<Forecast, Failure>,
    /// Pictures per step of which they waste little time.
    batch: Option<usize>,
}

/// Times a step, and prints one line for each number of ranks.
pub fn run(args: &PlanArgs) -> Result<ExitCode, Failure> {
    let config = args.settings.settings()?.resolve()?;
    let classes = usize::from(args.classes);
    let room = Room::now(None);
    room.check_least(&config)?;
    let largest = Largest::of_all(&config, args.size);
    for size in [args.size, largest.training] {
        check_picture(&*config.network(classes), size)?;
    }
    let process = Process { held: room.program, ranks: 1 };
    room.check_training(&config, classes, largest, process)?;
    let cost = StepCost::measure(&config, classes, args.size, args.repeat.into())?;
    let link = Link { bytes_per_second: args.bandwidth, latency: args.latency };
    let row = |&ranks: &u32| {
        let ranks = ranks as usize;
        let forecast = cost.forecast(ranks, link).map_err(Failure::from);
        Row { ranks, forecast, batch: cost.least_batch(ranks, link) }
    };
    let rows: Vec<_> = args.ranks.iter().map(row).collect();
    match args.json {
        true => say::line(object(&cost, link, &rows))?,
        false => table(&cost, link, &rows)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn table(cost: &StepCost, link: Link, rows: &[Row]) -> Result<(), Failure> {
    let StepCost { passes, pictures, pass, optimizer, .. } = cost;
    let (parameters, threads) = (cost.parameters(), rayon::current_num_threads());
    say::line(format!(
        "a step of {passes} passes of {pictures} pictures, {parameters} parameters, {threads} threads"
    ))?;
    say::line(format!(
        "measured here: a pass {:.2} ms, the optimizer {:.2} ms",
        1e3 * pass,
        1e3 * optimizer
    ))?;
    say::line(format!(
        "assumed: {} Mbit/s both ways at once, {} us a message\n",
        thousandths(link.bytes_per_second * 8.0 / 1e6),
        thousandths(link.latency * 1e6)
    ))?;
    say::line(format!(
        "{:>6} {:>7} {:>11} {:>11} {:>11} {:>11} {:>10} {:>8} {:>13}",
        "ranks",
        "passes",
        "computing s",
        "exchange s",
        "waiting s",
        "step s",
        "efficiency",
        "speedup",
        "batch for 80%"
    ))?;
    rows.iter().try_for_each(|row| say::line(line(row)))
}

/// Without the last digits, which come from the unit it was read in.
fn thousandths(number: f64) -> f64 {
    (number * 1e3).round() / 1e3
}

fn line(Row { ranks, forecast, batch }: &Row) -> String {
    let batch = batch.map_or("none".to_owned(), |batch| batch.to_string());
    match forecast {
        Ok(forecast) => {
            let Forecast { passes, computing, exchange, waiting, speedup, efficiency } = forecast;
            let (step, percent) = (forecast.step(), format!("{:.1} %", 100.0 * efficiency));
            format!(
                "{ranks:>6} {passes:>7} {computing:>11.6} {exchange:>11.6} {waiting:>11.6} {step:>11.6} {percent:>10} \
                 {speedup:>8.2} {batch:>13}"
            )
        }
        Err(why) => format!("{ranks:>6} {:>75} {batch:>13}  {why}", "-"),
    }
}

fn object(cost: &StepCost, link: Link, rows: &[Row]) -> Value {
    let row = |Row { ranks, forecast, batch }: &Row| match forecast {
        Ok(forecast) => json!({
            "ranks": ranks, "passes": forecast.passes, "computing": forecast.computing,
            "exchange": forecast.exchange, "waiting": forecast.waiting, "step": forecast.step(), "efficiency": forecast.efficiency,
            "speedup": forecast.speedup, "batch": batch,
        }),
        Err(why) => json!({"ranks": ranks, "refused": why.to_string(), "batch": batch}),
    };
    json!({
        "passes": cost.passes, "pictures": cost.pictures, "parameters": cost.parameters(),
        "threads": rayon::current_num_threads(), "pass": cost.pass, "optimizer": cost.optimizer,
        "bytes_per_second": link.bytes_per_second, "latency": link.latency,
        "ranks": rows.iter().map(row).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_and_times_are_read_with_their_units() {
        assert_eq!((bandwidth("10Gbit"), bandwidth("100 Mbit")), (Ok(1.25e9), Ok(1.25e7)));
        assert_eq!(
            (latency("500us"), latency("1.5ms"), latency("0us")),
            (Ok(5e-4), Ok(1.5e-3), Ok(0.0))
        );
        let long = "9".repeat(400) + "Gbit";
        for text in [
            "",
            "Gbit",
            "10",
            "0Gbit",
            "-1Gbit",
            "NaNGbit",
            "infGbit",
            "1e400Gbit",
            "1.2.3Gbit",
            "10Gbyte",
            &long,
        ] {
            let error = bandwidth(text).unwrap_err();
            assert!(
                error.starts_with("expected 0.001Mbit to 1000000Gbit")
                    && error.ends_with(&format!("{text:?}"))
            );
        }
        for text in ["", "us", "20", "-1us", "NaNms", "infus", "10001ms", "1s", "."] {
            assert!(latency(text).unwrap_err().starts_with("expected 0us to 10000ms"), "{text}");
        }
    }
}
