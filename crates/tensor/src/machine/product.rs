//! The micro-kernel: all three solutions of the form are made of this one product.
//!
//! ```text
//! out[r, j]  =  Σ_s picture[rows[r] + steps[s]] · panel[panel_rows[s] + j]
//! ```
//!
//! Under a window, `pixel(position, tap) = a(position) + b(tap)`, so the columns of an input need never be
//! written down: they are a table of `rows` plus a table of `steps`. Each number of the picture is
//! multiplied with a whole row of the panel, which registers hold side by side.

use super::isa::Routine;
use super::lanes::Lanes;
use super::prefetch::Prefetch;
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

/// Where the rows of a panel begin.
#[derive(Clone, Copy)]
pub(crate) enum PanelRows<'a> {
    /// One behind the other.
    Adjacent,
    /// At these places.
    At(&'a [u32]),
}

/// Several products with the same tables, and how far apart their operands and their results begin.
#[derive(Clone, Copy)]
pub(crate) struct Series {
    pub count: usize,
    pub picture: usize,
    pub panel: usize,
    pub out: usize,
}

impl Series {
    /// A single product.
    pub const ONE: Self = Self { count: 1, picture: 0, panel: 0, out: 0 };
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
    /// Where the panel has a row for each step.
    pub panel_rows: PanelRows<'a>,
    /// The columns of a panel's row: one of [`widths`], or [`narrow_width`].
    pub width: usize,
    pub start: Start<'a, T>,
    /// `[row, column]`.
    pub out: &'a mut [T],
    pub series: Series,
    /// What will be read next: asked for in the meantime.
    pub prefetch: &'a [&'a [T]],
}

/// The width of panels that is best for a few rows of the result, in numbers.
pub(crate) fn narrow_width<T: Element>() -> usize {
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
        let Self {
            picture, rows, steps, panel, panel_rows, width, ref start, ref out, series, ..
        } = self;
        if rows.is_empty() || series.count == 0 {
            return;
        }
        let last = series.count - 1;
        let largest = |table: &[u32]| table.iter().max().map_or(0, |&offset| offset as usize);
        let panel_end = match panel_rows {
            PanelRows::Adjacent => steps.len() * width,
            PanelRows::At(places) => {
                assert_eq!(places.len(), steps.len(), "product: a panel row a step");
                largest(places) + width
            }
        };
        if !steps.is_empty() {
            let far = largest(rows) + largest(steps) + last * series.picture;
            assert!(far < picture.len(), "product: outside the picture");
            assert!(panel_end + last * series.panel <= panel.len(), "product: outside the panel");
        }
        let end = rows.len() * width + last * series.out;
        assert!(end <= out.len(), "product: outside the result");
        if let Start::Row(row) = start {
            assert_eq!(row.len(), width, "product: one number a column");
        }
        T::dispatch(Checked(self));
    }
}

/// A [`Product`] whose tables and sizes have been checked.
struct Checked<'a, T>(Product<'a, T>);

impl<T: Element> Routine<T> for Checked<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<T>>(self, lanes: L) {
        let (whole, half) = (L::COUNT, L::Half::COUNT);
        // As many sums as registers can hold beside a row of the panel, and half as many for a rest.
        if L::REGISTERS == 32 {
            match self.0.width {
                width if width == 3 * whole => self.strips::<L, 8, 4, 3>(lanes),
                width if width == 2 * whole => self.strips::<L, 8, 4, 2>(lanes),
                width if width == whole => self.strips::<L, 8, 4, 1>(lanes),
                width if width == 3 * half => self.strips::<L::Half, 8, 4, 3>(lanes.half()),
                width if width == half => self.strips::<L::Half, 8, 4, 1>(lanes.half()),
                width => panic!("product: no panel is {width} wide"),
            }
        } else {
            match self.0.width {
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
        match self.0.panel_rows {
            PanelRows::Adjacent => {
                let places = (0..).step_by(self.0.width);
                self.strips_along::<L, _, ROWS, FEW, REGISTERS>(lanes, places);
            }
            PanelRows::At(places) => {
                let places = places.iter().map(
                    #[inline(always)]
                    |&place| place as usize,
                );
                self.strips_along::<L, _, ROWS, FEW, REGISTERS>(lanes, places);
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
        panel_rows: I,
    ) {
        let Product { picture, rows, steps, panel, start, out, width, series, prefetch, .. } =
            self.0;
        let mut prefetch = Prefetch::new(prefetch, rows.len().div_ceil(ROWS) * series.count);
        for nth in 0..series.count {
            let picture = &picture[nth * series.picture..];
            let panel = &panel[nth * series.panel..];
            let out = &mut out[nth * series.out..][..rows.len() * width];
            for (rows, out) in rows.chunks(ROWS).zip(out.chunks_mut(ROWS * width)) {
                prefetch.some();
                let steps = steps
                    .iter()
                    .map(
                        #[inline(always)]
                        |&step| step as usize,
                    )
                    .zip(panel_rows.clone());
                // SAFETY: `Product::run` has found, for every product of the series, every row plus
                // every step inside the picture, a row of `width` inside the panel for every step,
                // and as much of the result for every row; `width` is what the registers hold.
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
}

/// Up to `ROWS` rows of a product; those that are missing are computed as the last one again and not
/// written.
///
/// # Safety
/// There is at least one row; every row plus every step lies in the picture; the panel holds
/// `REGISTERS · COUNT` numbers at every row of the panel, `out` as many a row, `start` as many if it is a row.
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
        for (step, row) in steps {
            let row = panel.as_ptr().add(row);
            let row: [L::Register; REGISTERS] =
                from_fn(|register| lanes.load(row.add(register * L::COUNT)));
            for (base, sums) in bases.iter().zip(&mut sums) {
                let pixel = lanes.splat(*base.add(step));
                for (sum, &factor) in sums.iter_mut().zip(&row) {
                    *sum = lanes.mul_add(pixel, factor, *sum);
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
