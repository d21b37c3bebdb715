//! Transforms applied to squares of numbers: along the rows of each, and then along its columns.

use super::parts::{Part, Parts, Steps};
use super::transform::{Coefficients, MOST, Side, Transform};
use crate::Element;
use crate::buffer::Buffer;
use crate::machine::isa::Routine;
use crate::machine::lanes::Lanes;
use std::marker::PhantomData;

/// Squares of numbers to be transformed along both axes, for many planes that lie side by side.
pub(super) struct Squares<'a, T> {
    pub axes: &'a [Parts; 2],
    pub from: &'a [T],
    /// How far the rows and the columns of a square are apart.
    pub from_pitch: [usize; 2],
    pub to: &'a mut [T],
    pub to_pitch: [usize; 2],
    /// Where each square begins, in `from` and in `to`.
    pub corners: &'a [[usize; 2]],
    pub planes: usize,
    /// A number for each plane that is added to all of its results.
    pub bias: Option<&'a [T]>,
}

impl<T: Element> Squares<'_, T> {
    /// Applies a transform to the rows of every square and then to the columns.
    pub fn transform<K: Transform>(self) {
        T::dispatch(Pass::<_, K> { squares: self, kind: PhantomData });
    }
}

struct Pass<'a, T, K> {
    squares: Squares<'a, T>,
    kind: PhantomData<K>,
}

impl<T: Element, K: Transform> Routine<T> for Pass<'_, T, K> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        match self.squares.planes % L::COUNT {
            0 => self.on(lanes),
            _ => self.on(lanes.half()),
        }
    }
}

impl<T: Element, K: Transform> Pass<'_, T, K> {
    // Loops instead of closures over arrays: what is not inlined would not be compiled for the
    // instruction set.
    #[inline(always)]
    fn on<L: Lanes<T>>(self, lanes: L) {
        let Squares { axes, from, from_pitch, to, to_pitch, corners, planes, bias } = self.squares;
        let coefficients = Coefficients::new(lanes);
        let [y, x] = axes;
        let (rows, columns) = (y.length(K::FROM), x.length(K::TO));
        // By columns, each of which the second transform takes whole.
        let mut turned = Buffer::scratch(columns * rows * L::COUNT);
        for &[from_corner, to_corner] in corners {
            for plane in (0..planes).step_by(L::COUNT) {
                let source =
                    Lines { at: from_corner + plane, line: from_pitch[0], pitch: from_pitch[1] };
                let target = Lines { at: 0, line: L::COUNT, pitch: rows * L::COUNT };
                for part in &x.parts {
                    let lines = ((from, source), (&mut turned[..], target));
                    by_taps::<_, _, K>(&coefficients, part, lines, rows, coefficients.zero);
                }
                let bias = match bias {
                    Some(bias) => lanes.read(&bias[plane..]),
                    None => coefficients.zero,
                };
                let source = Lines { at: 0, line: rows * L::COUNT, pitch: L::COUNT };
                let target = Lines { at: to_corner + plane, line: to_pitch[1], pitch: to_pitch[0] };
                for part in &y.parts {
                    let lines = ((&turned[..], source), (&mut *to, target));
                    by_taps::<_, _, K>(&coefficients, part, lines, columns, bias);
                }
            }
        }
    }
}

/// What a transform's results are added to.
#[derive(Clone, Copy)]
enum Start<R> {
    These(R),
    Kept,
}

impl<R> Start<R> {
    #[inline(always)]
    fn of<K: Transform>(part: &Part, first: R) -> Self {
        if K::TO == Side::Result && part.adds { Self::Kept } else { Self::These(first) }
    }
}

/// Lines of registers: the `n`th of the `i`th line is at `at + i · line + n · pitch`.
#[derive(Clone, Copy)]
struct Lines {
    at: usize,
    line: usize,
    pitch: usize,
}

impl Lines {
    /// Only some registers of each.
    #[inline(always)]
    fn of(self, steps: Steps) -> Self {
        Self { at: self.at + steps.start * self.pitch, pitch: self.pitch * steps.pitch, ..self }
    }
}

/// Numbers to be read, and numbers to be written.
type Both<'a, T> = ((&'a [T], Lines), (&'a mut [T], Lines));

/// Transforms what a part has of `count` lines. Results begin with `first`, or with what is there.
#[inline(always)]
fn by_taps<T: Element, L: Lanes<T>, K: Transform>(
    c: &Coefficients<T, L>,
    part: &Part,
    ((from, source), (to, target)): Both<'_, T>,
    count: usize,
    first: L::Register,
) {
    let lines = ((from, source.of(part.on(K::FROM))), (to, target.of(part.on(K::TO))));
    let start = Start::of::<K>(part, first);
    match part.taps.len() {
        1 => along::<_, _, K, 1>(c, lines, count, start),
        2 => along::<_, _, K, 2>(c, lines, count, start),
        _ => along::<_, _, K, 3>(c, lines, count, start),
    }
}

/// Transforms `count` lines.
#[inline(always)]
fn along<T: Element, L: Lanes<T>, K: Transform, const TAPS: usize>(
    c: &Coefficients<T, L>,
    ((from, source), (to, target)): Both<'_, T>,
    count: usize,
    start: Start<L::Register>,
) {
    let lanes = c.lanes;
    // A single tap has transforms of its own; two are the last of three.
    let missing = |side: Side| if TAPS == 1 { 0 } else { side.missing(TAPS) };
    let [from_missing, to_missing] = [missing(K::FROM), missing(K::TO)];
    let (count_from, count_to) = (K::FROM.length(TAPS), K::TO.length(TAPS));
    for line in 0..count {
        let mut values = [c.zero; MOST];
        let place = [source.at + line * source.line, source.pitch];
        lanes.read_every(from, place, &mut values[from_missing..from_missing + count_from]);
        let values = if TAPS == 1 { K::one(lanes, values) } else { K::three(c, values) };
        let place = [target.at + line * target.line, target.pitch];
        let mut results = [c.zero; MOST];
        match start {
            Start::These(start) => results = [start; MOST],
            Start::Kept => lanes.read_every(to, place, &mut results[..count_to]),
        }
        for n in 0..count_to {
            results[n] = lanes.add(results[n], values[to_missing + n]);
        }
        lanes.write_every(to, place, &results[..count_to]);
    }
}
