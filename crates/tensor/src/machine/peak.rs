//! How fast this machine multiplies and adds, for measurements to be told as a part of it.

use super::isa::{Routine, Vector};
use super::lanes::Lanes;
use crate::parallel::on_each;
use std::array::from_fn;
use std::hint::black_box;
use std::time::Instant;

/// Independent sums: enough to hide the time that one instruction takes.
const SUMS: usize = 12;

/// Multiply-adds of each sum: some milliseconds of work.
const LENGTH: usize = 1 << 20;

/// Billions of floating-point operations a second that all threads of the current pool reach together
/// in a loop of multiply-adds on registers, in single precision: the best of some tries.
///
/// ```
/// # use mirrorgrad_tensor::{Tensor, peak_gflops};
/// # use std::time::Instant;
/// let x = Tensor::<f32>::ones([1 << 16]);
/// let start = Instant::now();
/// x.dot(&x);
/// let gflops = 2.0 * x.len() as f64 / start.elapsed().as_secs_f64() / 1e9;
/// // Numbers that come from memory keep arithmetic waiting.
/// assert!(gflops < peak_gflops());
/// ```
pub fn peak_gflops() -> f64 {
    let tries = (0..5).map(|_| {
        let start = Instant::now();
        let operations: usize = on_each(|| f32::dispatch(Loop)).into_iter().sum();
        operations as f64 / start.elapsed().as_secs_f64() / 1e9
    });
    tries.fold(0.0, f64::max)
}

struct Loop;

impl Routine<f32> for Loop {
    /// The operations done.
    type Output = usize;

    #[inline(always)]
    fn run<L: Lanes<f32>>(self, lanes: L) -> usize {
        let (factor, term) = (lanes.splat(black_box(0.5)), lanes.splat(black_box(1.0)));
        let mut sums: [L::Register; SUMS] = from_fn(|_| term);
        for _ in 0..LENGTH {
            for sum in &mut sums {
                *sum = lanes.mul_add(*sum, factor, term);
            }
        }
        let mut total = [0.0; 16];
        for sum in sums {
            lanes.write(&mut total, sum);
            black_box(&total);
        }
        2 * SUMS * LENGTH * L::COUNT
    }
}
