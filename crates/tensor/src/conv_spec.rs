//! What turns a layer's arguments into a [`Geometry`].
//!
//! Every framework says the same three things of a window, the [`Kernel`]'s size, stride and dilation, and
//! has a padding rule of its own for where it begins and how far it goes. A [`ConvSpec`] is both: one file
//! a framework, in its own words.

use crate::geometry::{MAX_SIZE, check_size};
use crate::{Axis, Geometry, GeometryError};
use std::fmt::Debug;

/// A kernel along one axis: its size, and how it slides.
///
/// ```
/// # use mirrorgrad_tensor::Kernel;
/// let kernel = Kernel { size: 3, stride: 2, dilation: 2 };
/// assert_eq!([kernel.extent(), kernel.full(4)], [5, 11]);
/// // Four windows fit 11 pixels, and leave one of 12 over.
/// assert_eq!([kernel.fit(11, 0, 0)?.output, kernel.fit(12, 0, 0)?.output], [4, 4]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Taps.
    pub size: usize,
    /// Pixels from one position to the next.
    pub stride: usize,
    /// Pixels from one tap to the next.
    pub dilation: usize,
}

impl Kernel {
    /// Along both axes, from pairs `[vertical, horizontal]`.
    pub const fn both(size: [usize; 2], stride: [usize; 2], dilation: [usize; 2]) -> [Self; 2] {
        [
            Self { size: size[0], stride: stride[0], dilation: dilation[0] },
            Self { size: size[1], stride: stride[1], dilation: dilation[1] },
        ]
    }

    /// Pixels from the first tap to the last: `dilation · (size − 1) + 1`.
    ///
    /// # Panics
    /// If size, stride or dilation are 0, or so large that sizes overflow.
    #[track_caller]
    pub const fn extent(&self) -> usize {
        let Self { size, stride, dilation } = *self;
        assert!(
            size > 0 && stride > 0 && dilation > 0,
            "kernel: expected a size, a stride and a dilation of at least 1, got one of 0"
        );
        assert!(
            size <= MAX_SIZE && stride <= MAX_SIZE && dilation <= MAX_SIZE,
            "kernel: expected a size, a stride and a dilation of at most 2^24, got a larger one"
        );
        self.dilation * (self.size - 1) + 1
    }

    /// Pixels that the windows of `output` positions reach, `stride · (output − 1) + extent`: what a transposed
    /// convolution makes before padding crops it.
    ///
    /// # Panics
    /// As [`Kernel::extent`], or if `output` is 0 or as large.
    #[track_caller]
    pub const fn full(&self, output: usize) -> usize {
        assert!(
            0 < output && output <= MAX_SIZE,
            "kernel: expected an output of 1 to 2^24 positions, got another"
        );
        self.stride * (output - 1) + self.extent()
    }

    /// The axis on which `output` positions begin `pad_before` pixels in front of `input` pixels.
    pub const fn axis(&self, input: usize, output: usize, pad_before: usize) -> Axis {
        let Self { size: kernel, stride, dilation } = *self;
        Axis { input, output, kernel, stride, dilation, pad_before }
    }

    /// A position wherever the window fits the input with its padding.
    ///
    /// # Errors
    /// If it does not fit anywhere, or a size is 0 or out of bounds.
    pub fn fit(
        &self,
        input: usize,
        pad_before: usize,
        pad_after: usize,
    ) -> Result<Axis, GeometryError> {
        check_kernels([*self; 2])?;
        let (kernel, dilation, extent) = (self.size, self.dilation, self.extent());
        let padded = input.saturating_add(pad_before).saturating_add(pad_after);
        if extent > padded {
            return Err(GeometryError::WindowTooLarge {
                extent,
                kernel,
                dilation,
                input,
                pad_before,
                pad_after,
            });
        }
        Ok(self.axis(input, (padded - extent) / self.stride + 1, pad_before))
    }

    /// A position for each stride of the input, what is missing padded: `⌈input / stride⌉` of them. The odd
    /// pixel of padding goes to `odd_side`.
    ///
    /// # Panics
    /// As [`Kernel::full`], of so many positions.
    #[track_caller]
    pub fn same(&self, input: usize, odd_side: OddSide) -> Axis {
        self.extent(); // Nothing is 0.
        let output = input.div_ceil(self.stride);
        self.axis(input, output, odd_side.pad_before(self.full(output).saturating_sub(input)))
    }

    /// The transposed convolution of `output` positions to one of the inputs that [`Kernel::same`] makes so many
    /// of, the largest if not told.
    ///
    /// # Errors
    /// If `input` is not one of those, with the range of them, or a size is 0 or out of bounds.
    pub fn same_transposed(
        &self,
        output: usize,
        input: Option<usize>,
        odd_side: OddSide,
    ) -> Result<Axis, GeometryError> {
        check_transposed([*self; 2], [output; 2])?;
        let sizes = [self.stride * (output - 1) + 1, self.stride * output];
        let why = "the size over the stride, rounded up, must be the input's";
        let input = legal("output_size", why, sizes, input.unwrap_or(sizes[1]))?;
        Ok(self.same(input, odd_side))
    }
}

impl From<&Axis> for Kernel {
    fn from(axis: &Axis) -> Self {
        Self { size: axis.kernel, stride: axis.stride, dilation: axis.dilation }
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
/// assert_eq!(cropped(3, 1, 2), Err(GeometryError::Empty { pad_before: 1, pad_after: 2, full: 3 }));
/// ```
///
/// # Errors
/// [`GeometryError::Empty`] if that is nothing.
pub fn cropped(full: usize, pad_before: usize, pad_after: usize) -> Result<usize, GeometryError> {
    let left = full.checked_sub(pad_before.saturating_add(pad_after)).filter(|&n| n > 0);
    left.ok_or(GeometryError::Empty { pad_before, pad_after, full })
}

/// The side to which the odd pixel of an uneven padding goes: `SAME_UPPER` or `SAME_LOWER`.
///
/// ```
/// # use mirrorgrad_tensor::OddSide;
/// // Three pixels of padding, of which the smaller or the larger part is in front.
/// assert_eq!([OddSide::After.pad_before(3), OddSide::Before.pad_before(3)], [1, 2]);
/// assert_eq!(OddSide::After.pad_before(4), OddSide::Before.pad_before(4));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OddSide {
    /// Behind the input: `SAME_UPPER`, as ONNX calls it, and TensorFlow's, Keras's and JAX's `SAME`.
    After,
    /// Before it: `SAME_LOWER` of ONNX and JAX, and MXNet's `target_shape`.
    Before,
}

impl OddSide {
    /// The part of `padding` before the input.
    pub const fn pad_before(self, padding: usize) -> usize {
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
/// # use mirrorgrad_tensor::{OddSide, ConvSpec, Same, Kernel};
/// let same = Same { kernels: Kernel::both([3, 3], [2, 2], [1, 1]), odd_side: OddSide::After };
/// let geometry = same.conv([6, 5])?;
/// assert_eq!(geometry.output(), [3, 3]);
/// // Six pixels lack one, which is padded behind; five lack two, one on either side.
/// assert_eq!(geometry.axes().map(|axis| axis.pad_before), [0, 1]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Same {
    /// The vertical and the horizontal kernel.
    pub kernels: [Kernel; 2],
    /// The side to which the odd pixel of padding goes.
    pub odd_side: OddSide,
}

impl ConvSpec for Same {
    fn kernels(&self) -> [Kernel; 2] {
        self.kernels
    }

    fn conv_axis(&self, axis: usize, input: usize) -> Result<Axis, GeometryError> {
        Ok(self.kernels[axis].same(input, self.odd_side))
    }

    fn transposed_axis(
        &self,
        axis: usize,
        output: usize,
        input: Option<usize>,
    ) -> Result<Axis, GeometryError> {
        self.kernels[axis].same_transposed(output, input, self.odd_side)
    }
}

/// A convolution's arguments, or a transposed convolution's: the kernel and a padding rule, before the layer
/// sees an input.
///
/// An implementation says what happens along one axis; sizes are checked before it is asked, so that
/// its arithmetic cannot overflow. Both layers take any of them.
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, Window, dialect::{TensorFlow, tensorflow::Padding}};
/// let [pytorch, tensorflow]: [Box<dyn ConvSpec>; 2] = [
///     Box::new(Window::square(3).stride(2).padding(1)),
///     Box::new(TensorFlow { strides: [2, 2], ..TensorFlow::new([3, 3], Padding::Same) }),
/// ];
/// // One layer on inputs of odd sizes, two on those of even ones.
/// assert_eq!(pytorch.conv([5, 5])?, tensorflow.conv([5, 5])?);
/// assert_ne!(pytorch.conv([6, 6])?, tensorflow.conv([6, 6])?);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
pub trait ConvSpec: Debug + Send + Sync {
    /// The vertical and the horizontal kernel.
    fn kernels(&self) -> [Kernel; 2];

    /// One axis of a convolution over `input` pixels.
    ///
    /// # Errors
    /// If the window does not fit.
    fn conv_axis(&self, axis: usize, input: usize) -> Result<Axis, GeometryError>;

    /// One axis of a transposed convolution from `output` positions: to `input` pixels if told, else to as many
    /// as the arguments say.
    ///
    /// # Errors
    /// If nothing is left, or the arguments do not lead there.
    fn transposed_axis(
        &self,
        axis: usize,
        output: usize,
        input: Option<usize>,
    ) -> Result<Axis, GeometryError>;

    /// Zeros assumed behind an input, `[vertical, horizontal]`, where they are as many for every input and
    /// a position stands wherever the window then fits. One geometry does not tell them: pixels left over
    /// behind the last position look the same. `None` where they follow from the input.
    fn pad_after(&self) -> Option<[usize; 2]> {
        None
    }

    /// Taps, `[vertical, horizontal]`.
    fn kernel_size(&self) -> [usize; 2] {
        self.kernels().map(|kernel| kernel.size)
    }

    /// The geometry of a convolution over `input = [height, width]`.
    ///
    /// # Errors
    /// If the window does not fit the input or a size is out of bounds.
    fn conv(&self, input: [usize; 2]) -> Result<Geometry, GeometryError> {
        check_kernels(self.kernels())?;
        check_size("input size", input)?;
        Geometry::new([self.conv_axis(0, input[0])?, self.conv_axis(1, input[1])?])
    }

    /// The geometry of a transposed convolution from `output = [height, width]`, which it reads.
    ///
    /// # Errors
    /// If nothing is left, the arguments contradict each other, or a size is out of bounds.
    fn transposed(&self, output: [usize; 2]) -> Result<Geometry, GeometryError> {
        check_transposed(self.kernels(), output)?;
        Geometry::new([
            self.transposed_axis(0, output[0], None)?,
            self.transposed_axis(1, output[1], None)?,
        ])
    }

    /// The geometry of a transposed convolution from `output` to exactly `input = [height, width]`.
    ///
    /// # Errors
    /// If the padding rule does not lead there, with the range of sizes that are possible.
    fn transposed_to(
        &self,
        output: [usize; 2],
        input: [usize; 2],
    ) -> Result<Geometry, GeometryError> {
        check_transposed(self.kernels(), output)?;
        let axis = |i: usize| self.transposed_axis(i, output[i], Some(input[i]));
        Geometry::new([axis(0)?, axis(1)?])
    }
}

pub(crate) fn check_kernels(kernels: [Kernel; 2]) -> Result<(), GeometryError> {
    check_size("kernel", kernels.map(|kernel| kernel.size))?;
    check_size("stride", kernels.map(|kernel| kernel.stride))?;
    check_size("dilation", kernels.map(|kernel| kernel.dilation))?;
    // Each factor is under 2²⁴, so the product does not overflow.
    check_size("extent of the window", kernels.map(|kernel| kernel.extent()))
}

fn check_transposed(kernels: [Kernel; 2], output: [usize; 2]) -> Result<(), GeometryError> {
    check_kernels(kernels)?;
    check_size("input size", output)?;
    let full = [0, 1].map(|axis| kernels[axis].full(output[axis]));
    match full.iter().all(|&size| size <= MAX_SIZE) {
        true => Ok(()),
        false => Err(GeometryError::Size { what: "transposed output", got: full }),
    }
}
