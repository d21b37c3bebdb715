//! The transforms of F(4×4, 3×3), and their transposes.
//!
//! With the points 0, ±a, ±b and ∞, a polynomial product of lengths 4 and 3 is six products of values
//! (Winograd 1980; Lavin & Gray 2016). As a trilinear form of an input d of 6, a kernel g of 3 and an
//! output y of 4,
//!
//! ```text
//! Σ y[i] · g[k] · d[i + k]  =  Σ_ξ (A y)[ξ] · (G g)[ξ] · (Bᵀ d)[ξ]
//! ```
//!
//! so that every map is: transform two operands, multiply, transform back by the third's transpose.

use crate::Element;
use crate::machine::isa::Routine;
use crate::machine::lanes::Lanes;
use std::marker::PhantomData;

/// a and b. With the textbook's 1 and 2 the powers differ more and the error is two to five times as
/// large; of the pairs that were tried, the largest error is least here.
const POINTS: [f64; 2] = [std::f64::consts::FRAC_1_SQRT_2, std::f64::consts::SQRT_2];

/// Places of a transformed tile along one axis.
pub(super) const SIDE: usize = 6;

/// Places of a tile of the result along one axis.
pub(super) const TILE: usize = 4;

/// A transform along one axis, of `FROM` values to `TO`.
pub(super) trait Transform<const FROM: usize, const TO: usize> {
    fn along<T: Element, L: Lanes<T>>(
        coefficients: &Coefficients<T, L>,
        values: [L::Register; FROM],
    ) -> [L::Register; TO];
}

/// The transforms' coefficients in every lane of a register.
#[derive(Clone, Copy)]
pub(super) struct Coefficients<T: Element, L: Lanes<T>> {
    lanes: L,
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
    fn new(lanes: L) -> Self {
        let all = |value: f64| lanes.splat(T::of(value));
        let [a, b] = POINTS;
        let (a2, b2) = (a * a, b * b);
        Self {
            lanes,
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

impl Transform<6, 6> for Input {
    #[inline(always)]
    fn along<T: Element, L: Lanes<T>>(
        c: &Coefficients<T, L>,
        d: [L::Register; 6],
    ) -> [L::Register; 6] {
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

impl Transform<3, 6> for Kernel {
    #[inline(always)]
    fn along<T: Element, L: Lanes<T>>(
        c: &Coefficients<T, L>,
        g: [L::Register; 3],
    ) -> [L::Register; 6] {
        let l = c.lanes;
        let pair = |[p, p2, _]: [L::Register; 3], scale| {
            let (even, odd) = (l.mul_add(p2, g[2], g[0]), l.mul(p, g[1]));
            [l.mul(scale, l.add(even, odd)), l.mul(scale, l.sub(even, odd))]
        };
        let ([a0, a1], [b0, b1]) = (pair(c.a, c.scale[1]), pair(c.b, c.scale[2]));
        [l.mul(c.scale[0], g[0]), a0, a1, b0, b1, g[2]]
    }
}

/// A y.
pub(super) struct Output;

impl Transform<4, 6> for Output {
    #[inline(always)]
    fn along<T: Element, L: Lanes<T>>(
        c: &Coefficients<T, L>,
        y: [L::Register; 4],
    ) -> [L::Register; 6] {
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

impl Transform<6, 4> for OutputBack {
    #[inline(always)]
    fn along<T: Element, L: Lanes<T>>(
        c: &Coefficients<T, L>,
        m: [L::Register; 6],
    ) -> [L::Register; 4] {
        let l = c.lanes;
        let [even_a, odd_a] = [l.add(m[1], m[2]), l.sub(m[1], m[2])];
        let [even_b, odd_b] = [l.add(m[3], m[4]), l.sub(m[3], m[4])];
        [
            l.add(m[0], l.add(even_a, even_b)),
            l.mul_add(c.a[0], odd_a, l.mul(c.b[0], odd_b)),
            l.mul_add(c.a[1], even_a, l.mul(c.b[1], even_b)),
            l.mul_add(c.a[2], odd_a, l.mul_add(c.b[2], odd_b, m[5])),
        ]
    }
}

/// Gᵀ u.
pub(super) struct KernelBack;

impl Transform<6, 3> for KernelBack {
    #[inline(always)]
    fn along<T: Element, L: Lanes<T>>(
        c: &Coefficients<T, L>,
        u: [L::Register; 6],
    ) -> [L::Register; 3] {
        let l = c.lanes;
        let pair = |p, q, scale| [l.mul(scale, l.add(p, q)), l.mul(scale, l.sub(p, q))];
        let [even_a, odd_a] = pair(u[1], u[2], c.scale[1]);
        let [even_b, odd_b] = pair(u[3], u[4], c.scale[2]);
        [
            l.mul_add(c.scale[0], u[0], l.add(even_a, even_b)),
            l.mul_add(c.a[0], odd_a, l.mul(c.b[0], odd_b)),
            l.mul_add(c.a[1], even_a, l.mul_add(c.b[1], even_b, u[5])),
        ]
    }
}

/// Squares of numbers to be transformed along both axes, for many planes that lie side by side.
pub(super) struct Squares<'a, T> {
    pub from: &'a [T],
    /// How far the rows and the columns of a square are apart.
    pub from_apart: [usize; 2],
    pub to: &'a mut [T],
    pub to_apart: [usize; 2],
    /// Where each square begins, in `from` and in `to`.
    pub corners: &'a [[usize; 2]],
    pub planes: usize,
    /// A number for each plane that is added to all of its results.
    pub bias: Option<&'a [T]>,
}

impl<T: Element> Squares<'_, T> {
    /// Applies a transform to the rows of every square and then to the columns.
    pub fn transform<K: Transform<FROM, TO>, const FROM: usize, const TO: usize>(self) {
        T::dispatch(Pass::<_, K, FROM, TO> { squares: self, kind: PhantomData });
    }
}

struct Pass<'a, T, K, const FROM: usize, const TO: usize> {
    squares: Squares<'a, T>,
    kind: PhantomData<K>,
}

impl<T: Element, K: Transform<FROM, TO>, const FROM: usize, const TO: usize> Routine<T>
    for Pass<'_, T, K, FROM, TO>
{
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        match self.squares.planes % L::COUNT {
            0 => self.on(lanes),
            _ => self.on(lanes.half()),
        }
    }
}

impl<T: Element, K: Transform<FROM, TO>, const FROM: usize, const TO: usize>
    Pass<'_, T, K, FROM, TO>
{
    // Loops instead of closures over arrays: what is not inlined would not be compiled for the
    // instruction set.
    #[inline(always)]
    fn on<L: Lanes<T>>(self, lanes: L) {
        let Squares { from, from_apart, to, to_apart, corners, planes, bias } = self.squares;
        let (coefficients, zero) = (Coefficients::new(lanes), lanes.splat(T::zero()));
        for &[from_corner, to_corner] in corners {
            for plane in (0..planes).step_by(L::COUNT) {
                // By columns, each of which the second transform takes whole.
                let mut turned = [[zero; FROM]; TO];
                for i in 0..FROM {
                    let mut row = [zero; FROM];
                    for (j, value) in row.iter_mut().enumerate() {
                        let at = i * from_apart[0] + j * from_apart[1];
                        *value = lanes.read(&from[from_corner + at + plane..]);
                    }
                    let row = K::along(&coefficients, row);
                    for (column, &value) in turned.iter_mut().zip(&row) {
                        column[i] = value;
                    }
                }
                let bias = match bias {
                    Some(bias) => lanes.read(&bias[plane..]),
                    None => zero,
                };
                for (j, column) in turned.into_iter().enumerate() {
                    let column = K::along(&coefficients, column);
                    for (i, &value) in column.iter().enumerate() {
                        let at = i * to_apart[0] + j * to_apart[1];
                        lanes.write(&mut to[to_corner + at + plane..], lanes.add(value, bias));
                    }
                }
            }
        }
    }
}
