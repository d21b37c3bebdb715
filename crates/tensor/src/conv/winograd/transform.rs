//! The transforms of F(4, r) for r of 1, 2 and 3 taps, and their transposes.
//!
//! With the points 0, ±a, ±b and ∞, a polynomial product of lengths 4 and 3 is six products of values
//! (Winograd 1980; Lavin & Gray 2016). As a trilinear form of an input d of 6, a kernel g of 3 and an
//! output y of 4,
//!
//! ```text
//! Σ y[i] · g[k] · d[i + k]  =  Σ_ξ (A y)[ξ] · (G g)[ξ] · (Bᵀ d)[ξ]
//! ```
//!
//! so that every solution is: transform two operands, multiply, transform back by the third's transpose.
//!
//! A kernel of two taps is one of three that begins with 0. Its value at the point 0 is 0, and what is
//! left are five products, none of which reads the first number of the input. A single tap is
//! multiplied with four numbers as they are.

use crate::Element;
use crate::machine::lanes::Lanes;

/// a and b. With the textbook's 1 and 2 the powers differ more and the error is two to five times as
/// large; of the pairs that were tried, the largest error is least here.
const POINTS: [f64; 2] = [std::f64::consts::FRAC_1_SQRT_2, std::f64::consts::SQRT_2];

/// Results of a tile along one axis.
pub(super) const TILE: usize = 4;

/// The most taps along one axis.
pub(in crate::conv) const MOST_TAPS: usize = 3;

/// The most numbers of a transform along one axis.
pub(super) const MOST: usize = TILE + MOST_TAPS - 1;

/// What a transform reads or writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::conv) enum Side {
    /// d.
    Source,
    /// The values at the points.
    Places,
    /// g.
    Taps,
    /// y.
    Result,
}

impl Side {
    /// How many numbers a kernel of so many taps has there.
    #[inline(always)]
    pub const fn length(self, taps: usize) -> usize {
        match self {
            Self::Source | Self::Places => TILE + taps - 1,
            Self::Taps => taps,
            Self::Result => TILE,
        }
    }

    /// Numbers that two taps are short of three, at the beginning.
    #[inline(always)]
    pub const fn missing(self, taps: usize) -> usize {
        match self {
            Self::Source | Self::Places | Self::Taps => MOST_TAPS - taps,
            Self::Result => 0,
        }
    }
}

/// A transform along one axis. Of the arrays, only the first numbers are meant.
pub(super) trait Transform {
    const FROM: Side;
    const TO: Side;

    /// For three taps.
    fn three<T: Element, L: Lanes<T>>(
        coefficients: &Coefficients<T, L>,
        values: [L::Register; MOST],
    ) -> [L::Register; MOST];

    /// For one tap.
    #[inline(always)]
    fn one<T: Element, L: Lanes<T>>(_: L, values: [L::Register; MOST]) -> [L::Register; MOST] {
        values
    }
}

/// The transforms' coefficients in every lane of a register.
#[derive(Clone, Copy)]
pub(super) struct Coefficients<T: Element, L: Lanes<T>> {
    pub lanes: L,
    pub zero: L::Register,
    /// a, a², a³.
    a: [L::Register; 3],
    /// b, b², b³.
    b: [L::Register; 3],
    /// a² · b².
    both: L::Register,
    /// a² + b².
    sum: L::Register,
    /// 1 / Π (point − other points), for 0, ±a and ±b.
    scale: [L::Register; 3],
}

impl<T: Element, L: Lanes<T>> Coefficients<T, L> {
    #[inline(always)]
    pub fn new(lanes: L) -> Self {
        let all = |value: f64| lanes.splat(T::of(value));
        let [a, b] = POINTS;
        let (a2, b2) = (a * a, b * b);
        Self {
            lanes,
            zero: all(0.0),
            a: [all(a), all(a2), all(a * a2)],
            b: [all(b), all(b2), all(b * b2)],
            both: all(a2 * b2),
            sum: all(a2 + b2),
            scale: [
                all(1.0 / (a2 * b2)),
                all(1.0 / (2.0 * a2 * (a2 - b2))),
                all(1.0 / (2.0 * b2 * (b2 - a2))),
            ],
        }
    }
}

/// Bᵀ d.
pub(super) struct Input;

impl Transform for Input {
    const FROM: Side = Side::Source;
    const TO: Side = Side::Places;

    #[inline(always)]
    fn three<T: Element, L: Lanes<T>>(
        c: &Coefficients<T, L>,
        d: [L::Register; MOST],
    ) -> [L::Register; MOST] {
        let l = c.lanes;
        let minus = |x, times, y| l.sub(x, l.mul(times, y));
        let [even_a, even_b] = [minus(d[4], c.b[1], d[2]), minus(d[4], c.a[1], d[2])];
        let odd_a = l.mul(c.a[0], minus(d[3], c.b[1], d[1]));
        let odd_b = l.mul(c.b[0], minus(d[3], c.a[1], d[1]));
        [
            l.mul_add(c.both, d[0], minus(d[4], c.sum, d[2])),
            l.add(even_a, odd_a),
            l.sub(even_a, odd_a),
            l.add(even_b, odd_b),
            l.sub(even_b, odd_b),
            l.mul_add(c.both, d[1], minus(d[5], c.sum, d[3])),
        ]
    }
}

/// G g.
pub(super) struct Kernel;

impl Transform for Kernel {
    const FROM: Side = Side::Taps;
    const TO: Side = Side::Places;

    #[inline(always)]
    fn three<T: Element, L: Lanes<T>>(
        c: &Coefficients<T, L>,
        g: [L::Register; MOST],
    ) -> [L::Register; MOST] {
        let l = c.lanes;
        let pair = |[p, p2, _]: [L::Register; 3], scale| {
            let (even, odd) = (l.mul_add(p2, g[2], g[0]), l.mul(p, g[1]));
            [l.mul(scale, l.add(even, odd)), l.mul(scale, l.sub(even, odd))]
        };
        let ([a0, a1], [b0, b1]) = (pair(c.a, c.scale[1]), pair(c.b, c.scale[2]));
        [l.mul(c.scale[0], g[0]), a0, a1, b0, b1, g[2]]
    }

    #[inline(always)]
    fn one<T: Element, L: Lanes<T>>(_: L, g: [L::Register; MOST]) -> [L::Register; MOST] {
        [g[0]; MOST]
    }
}

/// A y.
pub(super) struct Output;

impl Transform for Output {
    const FROM: Side = Side::Result;
    const TO: Side = Side::Places;

    #[inline(always)]
    fn three<T: Element, L: Lanes<T>>(
        c: &Coefficients<T, L>,
        y: [L::Register; MOST],
    ) -> [L::Register; MOST] {
        let l = c.lanes;
        let pair = |[p, p2, p3]: [L::Register; 3]| {
            let (even, odd) = (l.mul_add(p2, y[2], y[0]), l.mul_add(p3, y[3], l.mul(p, y[1])));
            [l.add(even, odd), l.sub(even, odd)]
        };
        let ([a0, a1], [b0, b1]) = (pair(c.a), pair(c.b));
        [y[0], a0, a1, b0, b1, y[3]]
    }
}

/// Aᵀ m.
pub(super) struct OutputBack;

impl Transform for OutputBack {
    const FROM: Side = Side::Places;
    const TO: Side = Side::Result;

    #[inline(always)]
    fn three<T: Element, L: Lanes<T>>(
        c: &Coefficients<T, L>,
        m: [L::Register; MOST],
    ) -> [L::Register; MOST] {
        let l = c.lanes;
        let [even_a, odd_a] = [l.add(m[1], m[2]), l.sub(m[1], m[2])];
        let [even_b, odd_b] = [l.add(m[3], m[4]), l.sub(m[3], m[4])];
        [
            l.add(m[0], l.add(even_a, even_b)),
            l.mul_add(c.a[0], odd_a, l.mul(c.b[0], odd_b)),
            l.mul_add(c.a[1], even_a, l.mul(c.b[1], even_b)),
            l.mul_add(c.a[2], odd_a, l.mul_add(c.b[2], odd_b, m[5])),
            c.zero,
            c.zero,
        ]
    }
}

/// Gᵀ u.
pub(super) struct KernelBack;

impl Transform for KernelBack {
    const FROM: Side = Side::Places;
    const TO: Side = Side::Taps;

    #[inline(always)]
    fn three<T: Element, L: Lanes<T>>(
        c: &Coefficients<T, L>,
        u: [L::Register; MOST],
    ) -> [L::Register; MOST] {
        let l = c.lanes;
        let pair = |p, q, scale| [l.mul(scale, l.add(p, q)), l.mul(scale, l.sub(p, q))];
        let [even_a, odd_a] = pair(u[1], u[2], c.scale[1]);
        let [even_b, odd_b] = pair(u[3], u[4], c.scale[2]);
        [
            l.mul_add(c.scale[0], u[0], l.add(even_a, even_b)),
            l.mul_add(c.a[0], odd_a, l.mul(c.b[0], odd_b)),
            l.mul_add(c.a[1], even_a, l.mul_add(c.b[1], even_b, u[5])),
            c.zero,
            c.zero,
            c.zero,
        ]
    }

    #[inline(always)]
    fn one<T: Element, L: Lanes<T>>(l: L, u: [L::Register; MOST]) -> [L::Register; MOST] {
        [l.add(l.add(u[0], u[1]), l.add(u[2], u[3])); MOST]
    }
}
