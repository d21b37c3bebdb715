//! How a sliding window meets an image.
//!
//! Frameworks differ by a pixel because each derives one size from the other by a rule of its own.
//! Here a [`Geometry`] is a relation that holds both sizes, and every rule is a constructor of it:
//!
//! ```text
//! pixel = stride · spot + dilation · tap − before        where 0 ≤ pixel < image
//! ```

use std::ops::Range;

/// A window that slides over an image: what a layer knows before it sees an input.
/// Pairs are `[vertical, horizontal]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Taps along each axis.
    pub kernel: [usize; 2],
    /// Pixels from one spot to the next.
    pub stride: [usize; 2],
    /// Zeros assumed before (above, left of) the image.
    pub before: [usize; 2],
    /// Zeros assumed after (below, right of) the image.
    pub after: [usize; 2],
    /// Pixels from one tap to the next.
    pub dilation: [usize; 2],
}

/// One axis of a [`Geometry`]. All sizes are in pixels, spots or taps.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    axes: [Axis; 2],
}

/// A request that no geometry satisfies.
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
const MAX_SIZE: usize = 1 << 24;

impl Window {
    /// A square window with stride 1, dilation 1 and no padding.
    pub const fn square(side: usize) -> Self {
        Self::new([side; 2])
    }

    /// A window of `[height, width]` taps with stride 1, dilation 1 and no padding.
    pub const fn new(kernel: [usize; 2]) -> Self {
        Self { kernel, stride: [1; 2], before: [0; 2], after: [0; 2], dilation: [1; 2] }
    }

    /// The same stride along both axes.
    pub const fn stride(self, stride: usize) -> Self {
        Self { stride: [stride; 2], ..self }
    }

    /// Padding on all four sides. A transposed convolution crops by it.
    pub const fn padding(self, padding: usize) -> Self {
        Self { before: [padding; 2], after: [padding; 2], ..self }
    }

    /// The same dilation along both axes.
    pub const fn dilation(self, dilation: usize) -> Self {
        Self { dilation: [dilation; 2], ..self }
    }

    /// Pixels from the first tap to the last along `axis`.
    pub const fn extent(&self, axis: usize) -> usize {
        self.dilation[axis] * (self.kernel[axis] - 1) + 1
    }

    /// The geometry of a convolution over `image`, whose map is
    /// `⌊(image + before + after − extent) / stride⌋ + 1` (PyTorch's `Conv2d`).
    ///
    /// # Errors
    /// If the window does not fit the padded image or a size is out of bounds.
    pub fn over(&self, image: [usize; 2]) -> Result<Geometry, GeometryError> {
        self.check()?;
        check_size("image size", image)?;
        let mut map = [0; 2];
        for axis in 0..2 {
            let (before, after, extent) = (self.before[axis], self.after[axis], self.extent(axis));
            let padded = image[axis] + before + after;
            if extent > padded {
                return Err(GeometryError::WindowTooLarge {
                    extent,
                    kernel: self.kernel[axis],
                    dilation: self.dilation[axis],
                    image: image[axis],
                    before,
                    after,
                });
            }
            map[axis] = (padded - extent) / self.stride[axis] + 1;
        }
        Ok(self.between(image, map))
    }

    /// The geometry of a transposed convolution of `map`, whose image is
    /// `stride · (map − 1) + extent − before − after + output_padding`. The output padding adds rows
    /// and columns at the end; it chooses among the images that `map` may have come from and is less
    /// than the stride or the dilation (PyTorch's `ConvTranspose2d`).
    ///
    /// # Errors
    /// If the output padding is too large, nothing is left, or a size is out of bounds.
    pub fn under(
        &self,
        map: [usize; 2],
        output_padding: [usize; 2],
    ) -> Result<Geometry, GeometryError> {
        let smallest = self.smallest_image(map)?;
        let mut image = [0; 2];
        for axis in 0..2 {
            let last = self.largest_output_padding(axis);
            if output_padding[axis] > last {
                return Err(GeometryError::Illegal {
                    what: "output_padding",
                    got: output_padding[axis],
                    first: 0,
                    last,
                    why: "it must be less than the stride or the dilation",
                });
            }
            image[axis] = self.cropped(axis, smallest[axis] + output_padding[axis])?;
        }
        Ok(self.between(image, map))
    }

    /// The geometry of a transposed convolution of `map` to exactly `image` (PyTorch's
    /// `output_size`).
    ///
    /// # Errors
    /// If no output padding leads there, with the range of sizes that are possible.
    pub fn under_to(&self, map: [usize; 2], image: [usize; 2]) -> Result<Geometry, GeometryError> {
        let smallest = self.smallest_image(map)?;
        for axis in 0..2 {
            let crop = self.before[axis] + self.after[axis];
            let first = smallest[axis].saturating_sub(crop).max(1);
            let last = (smallest[axis] + self.largest_output_padding(axis)).saturating_sub(crop);
            if !(first..=last).contains(&image[axis]) {
                return Err(GeometryError::Illegal {
                    what: "output_size",
                    got: image[axis],
                    first,
                    last,
                    why: "the output padding must be less than the stride or the dilation",
                });
            }
        }
        Ok(self.between(image, map))
    }

    /// The geometry of a pool over `image`: as [`Window::over`], and every window meets the image.
    ///
    /// # Errors
    /// As [`Window::over`], or if a window would see only padding.
    pub fn pool_over(&self, image: [usize; 2]) -> Result<Geometry, GeometryError> {
        let geometry = self.over(image)?;
        for (i, axis) in geometry.axes.iter().enumerate() {
            let padding = self.before[i].max(self.after[i]);
            let extent = self.extent(i);
            if padding >= extent || (0..axis.map).any(|spot| axis.taps_inside(spot).is_empty()) {
                return Err(GeometryError::PoolPadding { padding, extent });
            }
        }
        Ok(geometry)
    }

    fn largest_output_padding(&self, axis: usize) -> usize {
        self.stride[axis].max(self.dilation[axis]) - 1
    }

    /// The transposed output of `map` before cropping and without output padding.
    fn smallest_image(&self, map: [usize; 2]) -> Result<[usize; 2], GeometryError> {
        self.check()?;
        check_size("map size", map)?;
        let full = [0, 1].map(|axis| {
            let reach = (map[axis] - 1).checked_mul(self.stride[axis])?;
            reach.checked_add(self.extent(axis)).filter(|&n| n <= MAX_SIZE)
        });
        match full {
            [Some(height), Some(width)] => Ok([height, width]),
            _ => Err(GeometryError::Size { what: "transposed output", got: map }),
        }
    }

    fn cropped(&self, axis: usize, full: usize) -> Result<usize, GeometryError> {
        let (before, after) = (self.before[axis], self.after[axis]);
        full.checked_sub(before + after).filter(|&n| n > 0).ok_or(GeometryError::Empty {
            before,
            after,
            full,
        })
    }

    fn between(&self, image: [usize; 2], map: [usize; 2]) -> Geometry {
        Geometry {
            axes: [0, 1].map(|i| Axis {
                image: image[i],
                map: map[i],
                kernel: self.kernel[i],
                stride: self.stride[i],
                dilation: self.dilation[i],
                before: self.before[i],
            }),
        }
    }

    fn check(&self) -> Result<(), GeometryError> {
        check_size("kernel", self.kernel)?;
        check_size("stride", self.stride)?;
        check_size("dilation", self.dilation)?;
        check_size(
            "extent of the window",
            [0, 1].map(|axis| {
                (self.kernel[axis] - 1).saturating_mul(self.dilation[axis]).saturating_add(1)
            }),
        )?;
        check_size(
            "padding + 1",
            [0, 1].map(|axis| self.before[axis].saturating_add(self.after[axis]).saturating_add(1)),
        )
    }
}

fn check_size(what: &'static str, got: [usize; 2]) -> Result<(), GeometryError> {
    let legal = got.iter().all(|size| (1..=MAX_SIZE).contains(size));
    if legal { Ok(()) } else { Err(GeometryError::Size { what, got }) }
}

impl Axis {
    /// The pixel under `tap` when the window stands at `spot`, if it lies inside the image.
    pub fn pixel(&self, spot: usize, tap: usize) -> Option<usize> {
        let place = self.stride * spot + self.dilation * tap;
        place.checked_sub(self.before).filter(|&pixel| pixel < self.image)
    }

    /// The spots at which `tap` lies inside the image.
    pub fn spots_inside(&self, tap: usize) -> Range<usize> {
        let offset = self.dilation * tap;
        let first = self.before.saturating_sub(offset).div_ceil(self.stride);
        let end = (self.image + self.before).saturating_sub(offset).div_ceil(self.stride);
        let end = end.min(self.map);
        first.min(end)..end
    }

    /// The taps that lie inside the image when the window stands at `spot`.
    pub fn taps_inside(&self, spot: usize) -> Range<usize> {
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
