//! Round numbers for an axis.

/// Multiples of 1, 2 or 5 times a power of ten, about `count` of them, from at or below the least value to
/// at or above the greatest.
///
/// # Panics
/// If the values are not in order.
pub fn ticks([least, most]: [f64; 2], count: usize) -> Vec<f64> {
    assert!(most > least, "ticks: expected {least} below {most}");
    let rough = (most - least) / count as f64;
    let power = 10_f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].into_iter().find(|step| step * power >= rough).unwrap_or(10.0);
    let step = step * power;
    // A value that rounding put just beside a tick does not want another one.
    let first = (least / step + 1e-9).floor();
    let last = (most / step - 1e-9).ceil();
    // Divided where the step is a fraction: 3 / 10 is nearer to 0.3 than 3 · 0.1.
    let at = |n: f64| if step < 1.0 { n / (1.0 / step).round() } else { n * step };
    (0..=(last - first) as usize).map(|i| at(first + i as f64)).collect()
}

/// The decimals that tell ticks apart; `None` if they are so small that powers of ten read better.
pub fn decimals(ticks: &[f64]) -> Option<usize> {
    let steps = ticks.windows(2).map(|pair| pair[1] - pair[0]);
    let step = steps.fold(f64::INFINITY, f64::min);
    let digits = (0..=4).find(|&digits| step * 10_f64.powi(digits) >= 1.0 - 1e-6);
    digits.map(|digits| digits as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_enclose_the_values() {
        assert_eq!(ticks([0.0, 1.0], 5), [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]);
        assert_eq!(ticks([0.61, 0.87], 5), [0.6, 0.7, 0.8, 0.9]);
        assert_eq!(ticks([1.0, 30.0], 6), [0.0, 5.0, 10.0, 15.0, 20.0, 25.0, 30.0]);
        assert_eq!(ticks([-3.0, 250.0], 5), [-100.0, 0.0, 100.0, 200.0, 300.0]);
        assert_eq!(ticks([0.0, 0.3], 3), [0.0, 0.1, 0.2, 0.3]);
    }

    #[test]
    fn decimals_are_as_many_as_the_step_needs() {
        let of = |least, most| decimals(&ticks([least, most], 5));
        assert_eq!([of(0.0, 1.0), of(0.0, 10.0), of(0.5, 0.52)], [Some(1), Some(0), Some(3)]);
        assert_eq!(of(0.0, 1e-5), None);
    }
}
