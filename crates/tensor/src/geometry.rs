//! How a sliding window meets an image.
//!
//! Frameworks differ by a pixel because each derives one size from the other by a rule of its own.
//! Here a [`Geometry`] is a relation that holds both sizes, and every [`Rule`](crate::Rule) makes one:
//!
//! ```text
//! pixel = stride · spot + dilation · tap − before        where 0 ≤ pixel < image
//! ```

use std::ops::Range;

/// One axis of a [`Geometry`]. All sizes are in pixels, spots or taps.
///
/// ```
/// # use mirrorgrad_tensor::Axis;
/// let axis = Axis { image: 5, map: 3, kernel: 3, stride: 2, dilation: 1, before: 1 };
/// // At the first spot the first tap stands on padding, at the last one the last tap.
/// assert_eq!([axis.pixel(0, 0), axis.pixel(0, 1), axis.pixel(2, 2)], [None, Some(0), None]);
/// assert_eq!([axis.taps_inside(0), axis.taps_inside(2)], [1..3, 0..2]);
/// assert_eq!([axis.spots_inside(0), axis.spots_inside(2)], [1..3, 0..2]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Axis {
    /// Pixels: the input of a convolution, the output of its adjoint.
    pub image: usize,
    /// Spots where the window stands: the output of a convolution, the input of its adjoint.
    pub map: usize,
    /// Taps of the window.
    pub kernel: usize,
    /// Pixels from one spot to the next.
    pub stride: usize,
    /// Pixels from one tap to the next.
    pub dilation: usize,
    /// How far the first spot's first tap stands before the image.
    pub before: usize,
}

/// How a window meets an image, with the sizes at both ends.
///
/// Neither end determines the other when the stride does not divide evenly, so a convolution and
/// its adjoint agree on shapes only because both read them from here.
///
/// ```
/// # use mirrorgrad_tensor::Window;
/// let window = Window::square(3).stride(2).padding(1);
/// let [odd, even] = [window.over([5, 5])?, window.over([6, 6])?];
/// assert_eq!([odd.taps(), odd.pixels(), odd.spots()], [9, 25, 9]);
/// // Two images with a map of one size; their adjoints lead back to each of them.
/// assert_eq!(odd.map(), even.map());
/// assert_eq!(window.under_to([3, 3], [5, 5])?, odd);
/// assert_eq!(window.under_to([3, 3], [6, 6])?, even);
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
/// let error = Window::square(3).stride(2).under_to([4, 4], [11, 11]).unwrap_err();
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
    /// The window is larger than the padded image.
    #[error(
        "a window {extent} pixels long (kernel {kernel}, dilation {dilation}) does not fit an image of {image} with padding {before} and {after}"
    )]
    WindowTooLarge {
        /// Pixels from the first to the last tap.
        extent: usize,
        /// Taps.
        kernel: usize,
        /// Pixels from one tap to the next.
        dilation: usize,
        /// Pixels of the image.
        image: usize,
        /// Padding before it.
        before: usize,
        /// Padding after it.
        after: usize,
    },
    /// The padding of a transposed convolution leaves no output.
    #[error("padding {before} and {after} leaves nothing of a transposed output {full} long")]
    Empty {
        /// Padding before.
        before: usize,
        /// Padding after.
        after: usize,
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
        "pool padding {padding} must be less than the window's extent {extent}, and every window must meet the image"
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
    /// The pixel under `tap` when the window stands at `spot`, if it lies inside the image.
    pub fn pixel(&self, spot: usize, tap: usize) -> Option<usize> {
        let place = self.stride.checked_mul(spot)?.checked_add(self.dilation.checked_mul(tap)?)?;
        place.checked_sub(self.before).filter(|&pixel| pixel < self.image)
    }

    /// The spots at which `tap` lies inside the image.
    ///
    /// # Panics
    /// If the stride is 0.
    #[track_caller]
    pub fn spots_inside(&self, tap: usize) -> Range<usize> {
        assert!(self.stride > 0, "spots_inside: expected a stride of at least 1, got 0");
        let offset = self.dilation * tap;
        let first = self.before.saturating_sub(offset).div_ceil(self.stride);
        let end = (self.image + self.before).saturating_sub(offset).div_ceil(self.stride);
        let end = end.min(self.map);
        first.min(end)..end
    }

    /// The taps that lie inside the image when the window stands at `spot`.
    ///
    /// # Panics
    /// If the dilation is 0.
    #[track_caller]
    pub fn taps_inside(&self, spot: usize) -> Range<usize> {
        assert!(self.dilation > 0, "taps_inside: expected a dilation of at least 1, got 0");
        let offset = self.stride * spot;
        let first = self.before.saturating_sub(offset).div_ceil(self.dilation);
        let end = (self.image + self.before).saturating_sub(offset).div_ceil(self.dilation);
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
        check_size("image size", each(|a| a.image))?;
        check_size("map size", each(|a| a.map))?;
        check_size("kernel", each(|a| a.kernel))?;
        check_size("stride", each(|a| a.stride))?;
        check_size("dilation", each(|a| a.dilation))?;
        check_size("padding + 1", each(|a| a.before.saturating_add(1)))?;
        Ok(Self { axes })
    }

    /// The vertical and the horizontal axis.
    pub fn axes(&self) -> [Axis; 2] {
        self.axes
    }

    /// `[height, width]` on the pixel side.
    pub fn image(&self) -> [usize; 2] {
        self.axes.map(|axis| axis.image)
    }

    /// `[height, width]` on the spot side.
    pub fn map(&self) -> [usize; 2] {
        self.axes.map(|axis| axis.map)
    }

    /// `[height, width]` of the window, in taps.
    pub fn kernel(&self) -> [usize; 2] {
        self.axes.map(|axis| axis.kernel)
    }

    /// Pixels of one image plane.
    pub fn pixels(&self) -> usize {
        self.image().iter().product()
    }

    /// Spots of one map plane.
    pub fn spots(&self) -> usize {
        self.map().iter().product()
    }

    /// Taps of the window.
    pub fn taps(&self) -> usize {
        self.kernel().iter().product()
    }

    /// Whether every spot stands on its own pixel: the columns of an image are the image itself.
    pub fn is_pointwise(&self) -> bool {
        self.taps() == 1
            && self.axes.iter().all(|a| a.stride == 1 && a.before == 0 && a.image == a.map)
    }

    /// Visits every place where the window, standing at the given `spots` of one plane, meets the
    /// image: `visit(tap, run, pixel)` says that the spots in `run` (counted from the first of
    /// `spots`) have `tap` on pixels that begin at `pixel` and are a horizontal stride apart.
    ///
    /// Places on padding are not visited. Whoever reads along this walk and whoever adds along it
    /// are adjoint by construction.
    pub(crate) fn walk(
        &self,
        spots: Range<usize>,
        mut visit: impl FnMut(usize, Range<usize>, usize),
    ) {
        let [y, x] = self.axes;
        let rows = spots.start / x.map..spots.end.div_ceil(x.map);
        for tap_y in 0..y.kernel {
            let inside = y.spots_inside(tap_y);
            let rows = rows.start.max(inside.start)..rows.end.min(inside.end);
            for tap_x in 0..x.kernel {
                let columns = x.spots_inside(tap_x);
                for row in rows.clone() {
                    let line = row * x.map;
                    let first = (line + columns.start).max(spots.start);
                    let end = (line + columns.end).min(spots.end);
                    if first < end {
                        let pixel_y = y.stride * row + y.dilation * tap_y - y.before;
                        let pixel_x = x.stride * (first - line) + x.dilation * tap_x - x.before;
                        visit(
                            tap_y * x.kernel + tap_x,
                            first - spots.start..end - spots.start,
                            pixel_y * x.image + pixel_x,
                        );
                    }
                }
            }
        }
    }
}
