//! Exponentials of many numbers at once.

use crate::machine::isa::{Routine, Vector};
use crate::machine::lanes::Lanes;

/// Replaces every number by its exponential, to 2 units in the last place, in loops that the compiler
/// makes vectors of. The same bits on every instruction set.
pub(crate) fn exp_in_place(values: &mut [f32]) {
    f32::dispatch(Exponentials(values));
}

struct Exponentials<'a>(&'a mut [f32]);

impl Routine<f32> for Exponentials<'_> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<f32>>(self, _: L) {
        for value in self.0 {
            *value = exp(*value);
        }
    }
}

/// exp x = 2ⁿ · exp r with n = round(x / ln 2) and |r| ≤ ½ ln 2, the latter by the polynomial of the
/// Cephes library (Moshier 1989, `expf`).
#[inline(always)]
#[expect(clippy::excessive_precision, reason = "the constants as they are published")]
fn exp(x: f32) -> f32 {
    // Written so that NaN stays NaN: comparisons with it are false.
    let x = if x < -104.0 { -104.0 } else { x };
    let x = if x > 89.0 { 89.0 } else { x };
    // Added to a number of this size, a small one is rounded to its last digits.
    const ROUND: f32 = 12_582_912.0; // 1.5 · 2²³
    let rounded = x * std::f32::consts::LOG2_E + ROUND;
    let n = (rounded.to_bits() as i32).wrapping_sub(ROUND.to_bits() as i32);
    let whole = rounded - ROUND;
    let r = x - whole * 0.693_359_375 - whole * -2.121_944_4e-4;
    let mut p = 1.987_569_150e-4;
    for coefficient in
        [1.398_199_951e-3, 8.333_451_907e-3, 4.166_579_589e-2, 1.666_666_546e-1, 5.000_000_120e-1]
    {
        p = p * r + coefficient;
    }
    let y = p * r * r + r + 1.0;
    // In two factors, since 2ⁿ itself may be too large or too small to be a number.
    let power = |n: i32| f32::from_bits((n.wrapping_add(127) as u32) << 23);
    y * power(n >> 1) * power(n - (n >> 1))
}

#[cfg(test)]
mod tests {
    use super::exp_in_place;

    #[test]
    fn exponentials_are_right_to_two_units_in_the_last_place() {
        let mut values: Vec<f32> = (-110_000..95_000).map(|i| i as f32 * 1e-3).collect();
        values.extend([0.0, -0.0, 1e-30, f32::MIN_POSITIVE, 88.722_83, 88.73]);
        let inputs = values.clone();
        exp_in_place(&mut values);
        for (&x, &y) in inputs.iter().zip(&values) {
            let want = f64::from(x).exp();
            let unit = f64::from(f32::EPSILON) * want.max(f64::from(f32::MIN_POSITIVE));
            let near = (f64::from(y) - want).abs() <= 2.0 * unit;
            assert!(near || (y == f32::INFINITY && want > f64::from(f32::MAX)), "exp {x} is {y}");
        }
        assert_eq!(values[inputs.iter().position(|&x| x == 0.0).unwrap()], 1.0);
    }

    #[test]
    fn exponentials_of_what_is_no_number() {
        let mut values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN];
        exp_in_place(&mut values);
        assert!(values[0].is_nan());
        assert_eq!(values[1..], [f32::INFINITY, 0.0, f32::INFINITY, 0.0]);
    }
}
