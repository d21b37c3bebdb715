//! The micro-kernel: all three maps of the convolution form are made of this one product.
//!
//! ```text
//! out[r, j]  =  Σ_s picture[rows[r] + steps[s]] · panel[lines[s] + j]
//! ```
//!
//! Under a window, `pixel(spot, tap) = a(spot) + b(tap)`, so the columns of an image need never be
//! written down: they are a table of `rows` plus a table of `steps`. Each number of the picture is
//! multiplied with a whole line of the panel, which registers hold side by side.

use super::isa::Routine;
use super::lanes::Lanes;
use crate::Element;
use std::array::from_fn;

/// What the sums begin with.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a, T> {
    /// Nothing.
    Zero,
    /// A number for each column of the result.
    Row(&'a [T]),
    /// What the result already holds.
    Kept,
}

/// Where the lines of a panel begin.
#[derive(Clone, Copy)]
pub(crate) enum Lines<'a> {
    /// One behind the other.
    Adjacent,
    /// At these places, of several panels, each of which begins a line's width after the one before.
    Along {
        /// The places in the first of them.
        places: &'a [u32],
        /// The number of panels.
        panels: usize,
    },
}

impl Lines<'_> {
    fn panels(self) -> usize {
        match self {
            Self::Adjacent => 1,
            Self::Along { panels, .. } => panels,
        }
    }
}

/// A product of a picture, read through two tables of offsets, and a panel. One element of the result
/// is always the sum over the steps in their order, whatever block it is computed in.
pub(crate) struct Product<'a, T> {
    /// Numbers that are each multiplied with a whole row of the panel.
    pub picture: &'a [T],
    /// Where each row of the result begins in the picture.
    pub rows: &'a [u32],
    /// How far each step is from there.
    pub steps: &'a [u32],
    pub panel: &'a [T],
    /// Where the panel has a line for each step, as wide as one of [`widths`].
    pub lines: Lines<'a>,
    pub start: Start<'a, T>,
    /// `[panel, row, column]`.
    pub out: &'a mut [T],
}

/// The width of lines that are best for a few rows, in numbers.
pub(crate) fn few_rows_width<T: Element>() -> usize {
    struct Width;
    impl<T> Routine<T> for Width {
        type Output = usize;

        #[inline(always)]
        fn run<L: Lanes<T>>(self, _: L) -> usize {
            3 * L::COUNT
        }
    }
    T::dispatch(Width)
}

/// The widths that panels may have, in numbers, the widest first.
pub(crate) fn widths<T: Element>() -> Vec<usize> {
    struct Widths;
    impl<T> Routine<T> for Widths {
        type Output = Vec<usize>;

        #[inline(always)]
        fn run<L: Lanes<T>>(self, _: L) -> Vec<usize> {
            let (whole, half) = (L::COUNT, L::Half::COUNT);
            if L::REGISTERS == 32 && half < whole {
                vec![3 * whole, 2 * whole, 3 * half, whole, half]
            } else {
                vec![2 * whole, whole]
            }
        }
    }
    T::dispatch(Widths)
}

impl<T: Element> Product<'_, T> {
    /// Computes the result.
    ///
    /// # Panics
    /// If a table points outside the picture, or the sizes do not fit together.
    pub fn run(self) {
        let count = self.rows.len() * self.lines.panels();
        if count == 0 {
            return;
        }
        let width = self.out.len() / count;
        assert_eq!(self.out.len(), count * width, "product: whole rows");
        match self.lines {
            Lines::Adjacent => {
                assert_eq!(self.panel.len(), self.steps.len() * width, "product: a line a step");
            }
            Lines::Along { places, panels } => {
                assert_eq!(places.len(), self.steps.len(), "product: a line a step");
                let last = places.iter().max().map_or(0, |&line| line as usize + panels * width);
                assert!(last <= self.panel.len(), "product: outside the panel");
            }
        }
        if let Start::Row(row) = self.start {
            assert_eq!(row.len(), width, "product: one number a column");
        }
        if let Some(&far) = self.steps.iter().max() {
            let last = self.rows.iter().max().map_or(0, |&row| row as usize);
            assert!(last + (far as usize) < self.picture.len(), "product: outside the picture");
        }
        T::dispatch(Checked { product: self, width });
    }
}

/// A [`Product`] whose tables and sizes have been checked.
struct Checked<'a, T> {
    product: Product<'a, T>,
    width: usize,
}

impl<T: Element> Routine<T> for Checked<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let (whole, half) = (L::COUNT, L::Half::COUNT);
        // As many sums as registers can hold beside a row of the panel, and half as many for a rest.
        if L::REGISTERS == 32 {
            match self.width {
                width if width == 3 * whole => self.strips::<L, 8, 4, 3>(lanes),
                width if width == 2 * whole => self.strips::<L, 8, 4, 2>(lanes),
                width if width == whole => self.strips::<L, 8, 4, 1>(lanes),
                width if width == 3 * half => self.strips::<L::Half, 8, 4, 3>(lanes.half()),
                width if width == half => self.strips::<L::Half, 8, 4, 1>(lanes.half()),
                width => panic!("product: no panel is {width} wide"),
            }
        } else {
            match self.width {
                width if width == 3 * whole => self.strips::<L, 4, 3, 3>(lanes),
                width if width == 2 * whole => self.strips::<L, 6, 3, 2>(lanes),
                width if width == whole => self.strips::<L, 6, 3, 1>(lanes),
                width => panic!("product: no panel is {width} wide"),
            }
        }
    }
}

impl<T: Element> Checked<'_, T> {
    #[inline(always)]
    fn strips<L: Lanes<T>, const ROWS: usize, const FEW: usize, const REGISTERS: usize>(
        self,
        lanes: L,
    ) {
        let Self { product, width } = self;
        match product.lines {
            Lines::Adjacent => {
                let places = (0..).step_by(width);
                Self { product, width }.strips_along::<L, _, ROWS, FEW, REGISTERS>(lanes, places);
            }
            Lines::Along { places, .. } => {
                let places = places.iter().map(
                    #[inline(always)]
                    |&place| place as usize,
                );
                let Product { picture, rows, steps, panel, lines: along, start, out } = product;
                for (nth, out) in out.chunks_exact_mut(rows.len() * width).enumerate() {
                    let panel = &panel[nth * width..];
                    let product = Product { picture, rows, steps, panel, lines: along, start, out };
                    let (panel, places) = (Checked { product, width }, places.clone());
                    panel.strips_along::<L, _, ROWS, FEW, REGISTERS>(lanes, places);
                }
            }
        }
    }

    #[inline(always)]
    fn strips_along<
        L: Lanes<T>,
        I: Iterator<Item = usize> + Clone,
        const ROWS: usize,
        const FEW: usize,
        const REGISTERS: usize,
    >(
        self,
        lanes: L,
        lines: I,
    ) {
        let Product { picture, rows, steps, panel, start, out, .. } = self.product;
        let width = REGISTERS * L::COUNT;
        for (rows, out) in rows.chunks(ROWS).zip(out.chunks_mut(ROWS * width)) {
            let steps = steps
                .iter()
                .map(
                    #[inline(always)]
                    |&step| step as usize,
                )
                .zip(lines.clone());
            // SAFETY: `Product::run` has found every row plus every step inside the picture, a line
            // of `width` inside the panel for every step, and as much of the result for every row.
            unsafe {
                if rows.len() > FEW {
                    strip::<T, L, _, ROWS, REGISTERS>(
                        lanes, picture, rows, steps, panel, start, out,
                    );
                } else {
                    strip::<T, L, _, FEW, REGISTERS>(
                        lanes, picture, rows, steps, panel, start, out,
                    );
                }
            }
        }
    }
}

/// Up to `ROWS` rows of a product; those that are missing are computed as the last one again and not
/// written.
///
/// # Safety
/// There is at least one row; every row plus every step lies in the picture; the panel holds
/// `REGISTERS · COUNT` numbers at every line, `out` as many a row, `start` as many if it is a row.
#[inline(always)]
unsafe fn strip<
    T: Element,
    L: Lanes<T>,
    I: Iterator<Item = (usize, usize)>,
    const ROWS: usize,
    const REGISTERS: usize,
>(
    lanes: L,
    picture: &[T],
    rows: &[u32],
    steps: I,
    panel: &[T],
    start: Start<'_, T>,
    out: &mut [T],
) {
    let place = |row: usize, register: usize| (row * REGISTERS + register) * L::COUNT;
    let last = rows.len() - 1;
    // SAFETY: all addresses are within what the caller has promised.
    unsafe {
        let bases: [*const T; ROWS] = from_fn(|r| picture.as_ptr().add(rows[r.min(last)] as usize));
        let mut sums: [[L::Register; REGISTERS]; ROWS] = match start {
            Start::Zero => [[lanes.splat(T::zero()); REGISTERS]; ROWS],
            Start::Row(row) => {
                [from_fn(|register| lanes.load(row.as_ptr().add(register * L::COUNT))); ROWS]
            }
            Start::Kept => from_fn(|r| {
                from_fn(|register| lanes.load(out.as_ptr().add(place(r.min(last), register))))
            }),
        };
        for (step, line) in steps {
            let line = panel.as_ptr().add(line);
            let line: [L::Register; REGISTERS] =
                from_fn(|register| lanes.load(line.add(register * L::COUNT)));
            for (base, sums) in bases.iter().zip(&mut sums) {
                let pixel = lanes.splat(*base.add(step));
                for (sum, &line) in sums.iter_mut().zip(&line) {
                    *sum = lanes.mul_add(pixel, line, *sum);
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            if r <= last {
                for (register, &sum) in sums.iter().enumerate() {
                    lanes.store(out.as_mut_ptr().add(place(r, register)), sum);
                }
            }
        }
    }
}
