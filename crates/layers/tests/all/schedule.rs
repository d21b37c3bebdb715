//! Learning rates at points worked by hand.

use mirrorgrad_layers::{Curve, Schedule};

#[track_caller]
fn assert_factors(schedule: Schedule, points: &[(u64, f64)]) {
    for &(step, expected) in points {
        let got = schedule.factor(step);
        assert!((got - expected).abs() < 1e-12, "{schedule:?} at {step}: {got}, not {expected}");
    }
}

#[test]
fn every_curve_begins_with_a_straight_line_to_one() {
    let curves = [
        Curve::Constant,
        Curve::Step { every: 2, factor: 0.1 },
        Curve::Cosine,
        Curve::Poly { power: 0.9 },
    ];
    for curve in curves {
        let schedule = Schedule { curve, warmup: 4, total: 12 };
        assert_factors(schedule, &[(0, 0.25), (1, 0.5), (2, 0.75), (3, 1.0), (4, 1.0)]);
        assert_eq!(Schedule { warmup: 0, ..schedule }.factor(0), 1.0);
    }
}

#[test]
fn the_constant_stays() {
    let schedule = Schedule { curve: Curve::Constant, warmup: 0, total: 10 };
    assert_factors(schedule, &[(0, 1.0), (9, 1.0), (1000, 1.0)]);
}

#[test]
fn steps_fall_after_each_stretch() {
    let schedule = Schedule { curve: Curve::Step { every: 3, factor: 0.1 }, warmup: 2, total: 11 };
    let points = [(4, 1.0), (5, 0.1), (7, 0.1), (8, 0.01), (10, 0.01), (11, 0.001)];
    assert_factors(schedule, &points);
}

#[test]
fn the_cosine_falls_by_half_a_wave() {
    let schedule = Schedule { curve: Curve::Cosine, warmup: 10, total: 110 };
    // (1 + cos πx) / 2 at x of a quarter, a third (nearly), a half and three quarters.
    let quarter = 0.853_553_390_593_273_8;
    assert_factors(schedule, &[(10, 1.0), (35, quarter), (60, 0.5), (85, 1.0 - quarter)]);
    assert_factors(Schedule { warmup: 0, total: 3, ..schedule }, &[(1, 0.75), (2, 0.25)]);
    assert_factors(schedule, &[(110, 0.0), (500, 0.0)]);
}

#[test]
fn the_polynomial_falls_to_nothing() {
    let schedule = Schedule { curve: Curve::Poly { power: 2.0 }, warmup: 0, total: 10 };
    assert_factors(schedule, &[(0, 1.0), (1, 0.81), (5, 0.25), (9, 0.01), (10, 0.0), (11, 0.0)]);
    let deeplab = Schedule { curve: Curve::Poly { power: 0.9 }, ..schedule };
    // 2^−0.9
    assert_factors(deeplab, &[(5, 0.535_886_731_268_146_3)]);
}

#[test]
fn a_run_of_no_steps_and_one_that_is_all_warm_up_have_rates() {
    for curve in [Curve::Cosine, Curve::Poly { power: 0.9 }, Curve::Step { every: 0, factor: 0.5 }]
    {
        for (warmup, total) in [(0, 0), (5, 3), (5, 5)] {
            let schedule = Schedule { curve, warmup, total };
            for step in 0..8 {
                let factor = schedule.factor(step);
                assert!((0.0..=1.0).contains(&factor), "{schedule:?} at {step}: {factor}");
            }
        }
    }
}
