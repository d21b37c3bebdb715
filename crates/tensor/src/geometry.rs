//! How a sliding window meets an input.
//!
//! Frameworks differ by a pixel because each derives one size from the other by a rule of its own.
//! Here a [`Geometry`] is a relation that holds both sizes, and every [`ConvSpec`](crate::ConvSpec) makes one:
//!
//! ```text
//! pixel = stride · position + dilation · tap − pad_before        where 0 ≤ pixel < input
//! ```
//!
//! A *tap* is one element of the kernel, a *position* one place where the window stands: one number of
//! the output. *Input* and *output* have the convolution's sense, also for its transpose, which reads the
//! output's side and makes the input's.

use crate::Kernel;
use std::ops::Range;

/// One axis of a [`Geometry`]. All sizes are in pixels, positions or taps.
///
/// ```
/// # use mirrorgrad_tensor::Axis;
/// let axis = Axis { input: 5, output: 3, kernel: 3, stride: 2, dilation: 1, pad_before: 1 };
/// // At the first position the first tap stands on padding, at the last one the last tap.
/// assert_eq!([axis.pixel(0, 0), axis.pixel(0, 1), axis.pixel(2, 2)], [None, Some(0), None]);
/// assert_eq!([axis.taps_inside(0), axis.taps_inside(2)], [1..3, 0..2]);
/// assert_eq!([axis.positions_inside(0), axis.positions_inside(2)], [1..3, 0..2]);
/// // The three windows reach the five pixels and one more on either side.
/// assert_eq!([axis.extent(), axis.full()], [3, 7]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Pixels: what a convolution reads, and what its transpose makes.
    pub input: usize,
    /// Positions where the window stands: what a convolution makes, and what its transpose reads.
    pub output: usize,
    /// Taps of the window.
    pub kernel: usize,
    /// Pixels from one position to the next.
    pub stride: usize,
    /// Pixels from one tap to the next.
    pub dilation: usize,
    /// Padding before the input: how far the first position's first tap stands in front of it.
    pub pad_before: usize,
}

/// How a window meets an input, with the sizes at both ends.
///
/// Neither end determines the other when the stride does not divide evenly, so a convolution and
/// its adjoint agree on shapes only because both read them from here.
///
/// ```
/// # use mirrorgrad_tensor::Window;
/// let window = Window::square(3).stride(2).padding(1);
/// let [odd, even] = [window.conv([5, 5])?, window.conv([6, 6])?];
/// assert_eq!([odd.taps(), odd.pixels(), odd.positions()], [9, 25, 9]);
/// // Two inputs with an output of one size; their adjoints lead back to each of them.
/// assert_eq!(odd.output(), even.output());
/// assert_eq!(window.transposed_to([3, 3], [5, 5])?, odd);
/// assert_eq!(window.transposed_to([3, 3], [6, 6])?, even);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    axes: [Axis; 2],
}

/// A request that no geometry satisfies.
///
/// ```
/// # use mirrorgrad_tensor::{GeometryError, Window};
/// let error = Window::square(3).stride(2).transposed_to([4, 4], [11, 11]).unwrap_err();
/// assert!(matches!(error, GeometryError::Illegal { first: 9, last: 10, .. }));
/// assert_eq!(
///     error.to_string(),
///     "output_size 11 is not legal: expected 9 to 10, since the output padding must be less than \
///      the stride or the dilation"
/// );
/// ```
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GeometryError {
    /// A size that must be at least 1 is 0, or one is so large that sizes overflow.
    #[error("{what} must be between 1 and {limit}, got {got:?}", limit = MAX_SIZE)]
    Size {
        /// What the size is of.
        what: &'static str,
        /// The sizes asked for.
        got: [usize; 2],
    },
    /// The window is larger than the padded input.
    #[error(
        "a window of {extent} pixels (kernel {kernel}, dilation {dilation}) does not fit an input of {input} \
         with padding {pad_before} and {pad_after}"
    )]
    WindowTooLarge {
        /// Pixels from the first to the last tap.
        extent: usize,
        /// Taps.
        kernel: usize,
        /// Pixels from one tap to the next.
        dilation: usize,
        /// Pixels of the input.
        input: usize,
        /// Padding before it.
        pad_before: usize,
        /// Padding after it.
        pad_after: usize,
    },
    /// The padding of a transposed convolution leaves no output.
    #[error(
        "padding {pad_before} and {pad_after} leaves no pixel of a transposed output of {full}"
    )]
    Empty {
        /// Padding before.
        pad_before: usize,
        /// Padding after.
        pad_after: usize,
        /// Length before cropping.
        full: usize,
    },
    /// An output size or output padding outside what the rule allows.
    #[error("{what} {got} is not legal: expected {first} to {last}, since {why}")]
    Illegal {
        /// `output_padding` or `output_size`.
        what: &'static str,
        /// The value asked for.
        got: usize,
        /// The smallest legal one.
        first: usize,
        /// The largest legal one.
        last: usize,
        /// The rule behind the range.
        why: &'static str,
    },
    /// Arguments that a framework does not take together.
    #[error("{0}")]
    Words(&'static str),
    /// A pooling window that may see only padding.
    #[error(
        "pool padding {padding} must be less than the window's extent {extent}, and every window must overlap \
         the input"
    )]
    PoolPadding {
        /// Padding on one side.
        padding: usize,
        /// Pixels from the first to the last tap.
        extent: usize,
    },
}

/// Sizes stay under this so that no arithmetic on them overflows.
pub(crate) const MAX_SIZE: usize = 1 << 24;

pub(crate) fn check_size(what: &'static str, got: [usize; 2]) -> Result<(), GeometryError> {
    let legal = got.iter().all(|size| (1..=MAX_SIZE).contains(size));
    if legal { Ok(()) } else { Err(GeometryError::Size { what, got }) }
}

impl Axis {
    /// Pixels from the first tap to the last: [`Kernel::extent`](crate::Kernel::extent).
    ///
    /// # Panics
    /// If kernel, stride or dilation are 0, or so large that sizes overflow.
    #[track_caller]
    pub fn extent(&self) -> usize {
        Kernel::from(self).extent()
    }

    /// Pixels that the windows of all positions reach: [`Kernel::full`](crate::Kernel::full).
    ///
    /// # Panics
    /// As [`Axis::extent`], or if the output is 0 or as large.
    #[track_caller]
    pub fn full(&self) -> usize {
        Kernel::from(self).full(self.output)
    }

    /// The pixel under `tap` when the window stands at `position`, if it lies inside the input.
    pub fn pixel(&self, position: usize, tap: usize) -> Option<usize> {
        let place =
            self.stride.checked_mul(position)?.checked_add(self.dilation.checked_mul(tap)?)?;
        place.checked_sub(self.pad_before).filter(|&pixel| pixel < self.input)
    }

    /// The positions at which `tap` lies inside the input.
    ///
    /// # Panics
    /// If the stride is 0.
    #[track_caller]
    pub fn positions_inside(&self, tap: usize) -> Range<usize> {
        assert!(self.stride > 0, "positions_inside: expected a stride of at least 1, got 0");
        let offset = self.dilation * tap;
        let first = self.pad_before.saturating_sub(offset).div_ceil(self.stride);
        let end = (self.input + self.pad_before).saturating_sub(offset).div_ceil(self.stride);
        let end = end.min(self.output);
        first.min(end)..end
    }

    /// The taps that lie inside the input when the window stands at `position`.
    ///
    /// # Panics
    /// If the dilation is 0.
    #[track_caller]
    pub fn taps_inside(&self, position: usize) -> Range<usize> {
        assert!(self.dilation > 0, "taps_inside: expected a dilation of at least 1, got 0");
        let offset = self.stride * position;
        let first = self.pad_before.saturating_sub(offset).div_ceil(self.dilation);
        let end = (self.input + self.pad_before).saturating_sub(offset).div_ceil(self.dilation);
        let end = end.min(self.kernel);
        first.min(end)..end
    }
}

impl Geometry {
    /// The relation of two axes, whatever rule their sizes come from.
    ///
    /// # Errors
    /// If a size is 0 or out of bounds.
    pub fn new(axes: [Axis; 2]) -> Result<Self, GeometryError> {
        let each = |size: fn(&Axis) -> usize| [size(&axes[0]), size(&axes[1])];
        check_size("input size", each(|a| a.input))?;
        check_size("output size", each(|a| a.output))?;
        check_size("kernel", each(|a| a.kernel))?;
        check_size("stride", each(|a| a.stride))?;
        check_size("dilation", each(|a| a.dilation))?;
        check_size("padding + 1", each(|a| a.pad_before.saturating_add(1)))?;
        Ok(Self { axes })
    }

    /// The vertical and the horizontal axis.
    pub fn axes(&self) -> [Axis; 2] {
        self.axes
    }

    /// `[height, width]` of the input: what a convolution reads.
    pub fn input(&self) -> [usize; 2] {
        self.axes.map(|axis| axis.input)
    }

    /// `[height, width]` of the output: what a convolution makes.
    pub fn output(&self) -> [usize; 2] {
        self.axes.map(|axis| axis.output)
    }

    /// `[height, width]` of the window, in taps.
    pub fn kernel(&self) -> [usize; 2] {
        self.axes.map(|axis| axis.kernel)
    }

    /// Pixels of one input plane.
    pub fn pixels(&self) -> usize {
        self.input().iter().product()
    }

    /// Output positions: the numbers of one output plane.
    pub fn positions(&self) -> usize {
        self.output().iter().product()
    }

    /// Taps of the window: the elements of the kernel.
    pub fn taps(&self) -> usize {
        self.kernel().iter().product()
    }

    /// Whether every position stands on its own pixel: the columns of an input are the input itself.
    pub fn is_pointwise(&self) -> bool {
        self.taps() == 1
            && self.axes.iter().all(|a| a.stride == 1 && a.pad_before == 0 && a.input == a.output)
    }

    /// Visits every place where the window, standing at the given `positions` of one plane, meets the
    /// input: `visit(tap, run, pixel)` says that the positions in `run` (counted from the first of
    /// `positions`) have `tap` on pixels that begin at `pixel` and are a horizontal stride apart.
    ///
    /// Places on padding are not visited. Whoever reads along this walk and whoever adds along it
    /// are adjoint by construction.
    pub(crate) fn walk(
        &self,
        positions: Range<usize>,
        mut visit: impl FnMut(usize, Range<usize>, usize),
    ) {
        let [y, x] = self.axes;
        let rows = positions.start / x.output..positions.end.div_ceil(x.output);
        for tap_y in 0..y.kernel {
            let inside = y.positions_inside(tap_y);
            let rows = rows.start.max(inside.start)..rows.end.min(inside.end);
            for tap_x in 0..x.kernel {
                let columns = x.positions_inside(tap_x);
                for row in rows.clone() {
                    let line = row * x.output;
                    let first = (line + columns.start).max(positions.start);
                    let end = (line + columns.end).min(positions.end);
                    if first < end {
                        let pixel_y = y.stride * row + y.dilation * tap_y - y.pad_before;
                        let pixel_x = x.stride * (first - line) + x.dilation * tap_x - x.pad_before;
                        visit(
                            tap_y * x.kernel + tap_x,
                            first - positions.start..end - positions.start,
                            pixel_y * x.input + pixel_x,
                        );
                    }
                }
            }
        }
    }
}
