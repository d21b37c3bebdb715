//! What turns a layer's arguments into a [`Geometry`].
//!
//! Every framework says the same three things of a window, a [`Slide`] along each axis, and has a rule
//! of its own for where it begins and how far it goes. A [`Rule`] is that: one file a framework, in its
//! own words.

use crate::geometry::{MAX_SIZE, check_size};
use crate::{Axis, Geometry, GeometryError};
use std::fmt::Debug;

/// How a window slides along one axis.
///
/// ```
/// # use mirrorgrad_tensor::Slide;
/// let slide = Slide { kernel: 3, stride: 2, dilation: 2 };
/// assert_eq!([slide.extent(), slide.full(4)], [5, 11]);
/// // Four windows fit 11 pixels, and leave one of 12 over.
/// assert_eq!([slide.fit(11, 0, 0)?.output, slide.fit(12, 0, 0)?.output], [4, 4]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slide {
    /// Taps.
    pub kernel: usize,
    /// Pixels from one position to the next.
    pub stride: usize,
    /// Pixels from one tap to the next.
    pub dilation: usize,
}

impl Slide {
    /// Along both axes, from pairs `[vertical, horizontal]`.
    pub const fn both(kernel: [usize; 2], stride: [usize; 2], dilation: [usize; 2]) -> [Self; 2] {
        [
            Self { kernel: kernel[0], stride: stride[0], dilation: dilation[0] },
            Self { kernel: kernel[1], stride: stride[1], dilation: dilation[1] },
        ]
    }

    /// Pixels from the first tap to the last.
    ///
    /// # Panics
    /// If kernel, stride or dilation are 0, or so large that sizes overflow.
    #[track_caller]
    pub const fn extent(&self) -> usize {
        let Self { kernel, stride, dilation } = *self;
        assert!(
            kernel > 0 && stride > 0 && dilation > 0,
            "slide: expected a kernel, a stride and a dilation of at least 1, got one of 0"
        );
        assert!(
            kernel <= MAX_SIZE && stride <= MAX_SIZE && dilation <= MAX_SIZE,
            "slide: expected a kernel, a stride and a dilation of at most 2^24, got a larger one"
        );
        self.dilation * (self.kernel - 1) + 1
    }

    /// Pixels that the windows of `output` positions reach: a transposed output before it is cropped.
    ///
    /// # Panics
    /// As [`Slide::extent`], or if `output` is 0 or as large.
    #[track_caller]
    pub const fn full(&self, output: usize) -> usize {
        assert!(
            0 < output && output <= MAX_SIZE,
            "slide: expected an output of 1 to 2^24 positions, got another"
        );
        self.stride * (output - 1) + self.extent()
    }

    /// The axis on which `output` positions begin `pad_before` pixels in front of `input` pixels.
    pub const fn meets(&self, input: usize, output: usize, pad_before: usize) -> Axis {
        let Self { kernel, stride, dilation } = *self;
        Axis { input, output, kernel, stride, dilation, pad_before }
    }

    /// A position wherever the window fits the input with its padding.
    ///
    /// # Errors
    /// If it does not fit anywhere, or a size is 0 or out of bounds.
    pub fn fit(&self, input: usize, before: usize, after: usize) -> Result<Axis, GeometryError> {
        check_slides([*self; 2])?;
        let (kernel, dilation, extent) = (self.kernel, self.dilation, self.extent());
        let padded = input.saturating_add(before).saturating_add(after);
        if extent > padded {
            return Err(GeometryError::WindowTooLarge {
                extent,
                kernel,
                dilation,
                input,
                before,
                after,
            });
        }
        Ok(self.meets(input, (padded - extent) / self.stride + 1, before))
    }

    /// A position for each stride of the input, what is missing padded: `⌈input / stride⌉` of them. The odd
    /// pixel of padding goes to where `odd` says.
    ///
    /// # Panics
    /// As [`Slide::full`], of so many positions.
    #[track_caller]
    pub fn same(&self, input: usize, odd: Odd) -> Axis {
        self.extent(); // Nothing is 0.
        let output = input.div_ceil(self.stride);
        self.meets(input, output, odd.before(self.full(output).saturating_sub(input)))
    }

    /// The transposed convolution of `output` positions to one of the inputs that [`Slide::same`] makes so many
    /// of, the largest if not told.
    ///
    /// # Errors
    /// If `input` is not one of those, with the range of them, or a size is 0 or out of bounds.
    pub fn same_under(
        &self,
        output: usize,
        input: Option<usize>,
        odd: Odd,
    ) -> Result<Axis, GeometryError> {
        check_transposed([*self; 2], [output; 2])?;
        let sizes = [self.stride * (output - 1) + 1, self.stride * output];
        let why = "the size over the stride, rounded up, must be the input's";
        let input = legal("output_size", why, sizes, input.unwrap_or(sizes[1]))?;
        Ok(self.same(input, odd))
    }
}

/// `got`, where the rule allows `first` to `last`.
///
/// ```
/// # use mirrorgrad_tensor::legal;
/// let adj = |got| legal("adj", "it must be less than the stride", [0, 1], got);
/// assert_eq!(adj(1), Ok(1));
/// assert_eq!(
///     adj(2).unwrap_err().to_string(),
///     "adj 2 is not legal: expected 0 to 1, since it must be less than the stride"
/// );
/// ```
///
/// # Errors
/// [`GeometryError::Illegal`] elsewhere, with the range.
pub fn legal(
    what: &'static str,
    why: &'static str,
    [first, last]: [usize; 2],
    got: usize,
) -> Result<usize, GeometryError> {
    match (first..=last).contains(&got) {
        true => Ok(got),
        false => Err(GeometryError::Illegal { what, got, first, last, why }),
    }
}

/// What padding leaves of a transposed output `full` long.
///
/// ```
/// # use mirrorgrad_tensor::{GeometryError, cropped};
/// assert_eq!(cropped(7, 1, 2), Ok(4));
/// assert_eq!(cropped(3, 1, 2), Err(GeometryError::Empty { before: 1, after: 2, full: 3 }));
/// ```
///
/// # Errors
/// [`GeometryError::Empty`] if that is nothing.
pub fn cropped(full: usize, before: usize, after: usize) -> Result<usize, GeometryError> {
    full.checked_sub(before.saturating_add(after)).filter(|&n| n > 0).ok_or(GeometryError::Empty {
        before,
        after,
        full,
    })
}

/// Where the odd pixel of an uneven padding goes.
///
/// ```
/// # use mirrorgrad_tensor::Odd;
/// // Three pixels of padding, of which the smaller or the larger part is in front.
/// assert_eq!([Odd::After.before(3), Odd::Before.before(3)], [1, 2]);
/// assert_eq!(Odd::After.before(4), Odd::Before.before(4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Odd {
    /// Behind the input: TensorFlow's SAME, ONNX's SAME_UPPER.
    After,
    /// Before it: ONNX's SAME_LOWER, MXNet's target_shape.
    Before,
}

impl Odd {
    /// The part of `padding` before the input.
    pub const fn before(self, padding: usize) -> usize {
        match self {
            Self::After => padding / 2,
            Self::Before => padding.div_ceil(2),
        }
    }
}

/// A position for each stride of the input, what is missing padded: `padding="same"`, with the odd pixel on
/// either side.
///
/// ```
/// # use mirrorgrad_tensor::{Odd, Rule, Same, Slide};
/// let rule = Same { slides: Slide::both([3, 3], [2, 2], [1, 1]), odd: Odd::After };
/// let geometry = rule.over([6, 5])?;
/// assert_eq!(geometry.output(), [3, 3]);
/// // Six pixels lack one, which is padded behind; five lack two, one on either side.
/// assert_eq!(geometry.axes().map(|axis| axis.pad_before), [0, 1]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Same {
    /// How the window slides along each axis.
    pub slides: [Slide; 2],
    /// Where the odd pixel of padding goes.
    pub odd: Odd,
}

impl Rule for Same {
    fn slides(&self) -> [Slide; 2] {
        self.slides
    }

    fn over_axis(&self, axis: usize, input: usize) -> Result<Axis, GeometryError> {
        Ok(self.slides[axis].same(input, self.odd))
    }

    fn under_axis(
        &self,
        axis: usize,
        output: usize,
        input: Option<usize>,
    ) -> Result<Axis, GeometryError> {
        self.slides[axis].same_under(output, input, self.odd)
    }
}

/// A layer's arguments before it sees an input, and what they make of one.
///
/// An implementation says what happens along one axis; sizes are checked before it is asked, so that
/// its arithmetic cannot overflow. Both layers take any rule.
///
/// ```
/// # use mirrorgrad_tensor::{Rule, Window, dialect::{TensorFlow, tensorflow::Padding}};
/// let [pytorch, tensorflow]: [Box<dyn Rule>; 2] = [
///     Box::new(Window::square(3).stride(2).padding(1)),
///     Box::new(TensorFlow { strides: [2, 2], ..TensorFlow::new([3, 3], Padding::Same) }),
/// ];
/// // One layer on inputs of odd sizes, two on those of even ones.
/// assert_eq!(pytorch.over([5, 5])?, tensorflow.over([5, 5])?);
/// assert_ne!(pytorch.over([6, 6])?, tensorflow.over([6, 6])?);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
pub trait Rule: Debug + Send + Sync {
    /// How the window slides along the vertical and the horizontal axis.
    fn slides(&self) -> [Slide; 2];

    /// One axis of a convolution over `input` pixels.
    ///
    /// # Errors
    /// If the window does not fit.
    fn over_axis(&self, axis: usize, input: usize) -> Result<Axis, GeometryError>;

    /// One axis of a transposed convolution of `output` positions: to `input` pixels if told, else to as many
    /// as the arguments say.
    ///
    /// # Errors
    /// If nothing is left, or the arguments do not lead there.
    fn under_axis(
        &self,
        axis: usize,
        output: usize,
        input: Option<usize>,
    ) -> Result<Axis, GeometryError>;

    /// Zeros assumed behind an input, `[vertical, horizontal]`, where they are as many for every input and
    /// a position stands wherever the window then fits. One geometry does not tell them: pixels left over
    /// behind the last position look the same. `None` where they follow from the input.
    fn after(&self) -> Option<[usize; 2]> {
        None
    }

    /// Taps, `[vertical, horizontal]`.
    fn kernel(&self) -> [usize; 2] {
        self.slides().map(|slide| slide.kernel)
    }

    /// The geometry of a convolution over `input = [height, width]`.
    ///
    /// # Errors
    /// If the window does not fit the input or a size is out of bounds.
    fn over(&self, input: [usize; 2]) -> Result<Geometry, GeometryError> {
        check_slides(self.slides())?;
        check_size("input size", input)?;
        Geometry::new([self.over_axis(0, input[0])?, self.over_axis(1, input[1])?])
    }

    /// The geometry of a transposed convolution of `output = [height, width]`.
    ///
    /// # Errors
    /// If nothing is left, the arguments contradict each other, or a size is out of bounds.
    fn under(&self, output: [usize; 2]) -> Result<Geometry, GeometryError> {
        check_transposed(self.slides(), output)?;
        Geometry::new([self.under_axis(0, output[0], None)?, self.under_axis(1, output[1], None)?])
    }

    /// The geometry of a transposed convolution of `output` to exactly `input = [height, width]`.
    ///
    /// # Errors
    /// If the rule does not lead there, with the range of sizes that are possible.
    fn under_to(&self, output: [usize; 2], input: [usize; 2]) -> Result<Geometry, GeometryError> {
        check_transposed(self.slides(), output)?;
        let axis = |i: usize| self.under_axis(i, output[i], Some(input[i]));
        Geometry::new([axis(0)?, axis(1)?])
    }
}

pub(crate) fn check_slides(slides: [Slide; 2]) -> Result<(), GeometryError> {
    check_size("kernel", slides.map(|slide| slide.kernel))?;
    check_size("stride", slides.map(|slide| slide.stride))?;
    check_size("dilation", slides.map(|slide| slide.dilation))?;
    // Each factor is under 2²⁴, so the product does not overflow.
    check_size("extent of the window", slides.map(|slide| slide.extent()))
}

fn check_transposed(slides: [Slide; 2], output: [usize; 2]) -> Result<(), GeometryError> {
    check_slides(slides)?;
    check_size("input size", output)?;
    let full = [0, 1].map(|axis| slides[axis].full(output[axis]));
    match full.iter().all(|&size| size <= MAX_SIZE) {
        true => Ok(()),
        false => Err(GeometryError::Size { what: "transposed output", got: full }),
    }
}
