//! What holds numbers: immutable, shared, contiguous.

use crate::buffer::Buffer;
use crate::{Element, check, parallel};
use ndarray::{ArrayD, ArrayViewD, IxDyn};
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

/// An immutable array of any rank, stored in row-major order. Cloning shares the numbers.
///
/// ```
/// # use mirrorgrad_tensor::Tensor;
/// let x = Tensor::new([2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);
/// assert_eq!(x.map(|v| 2.0 * v).at(&[1, 2]), 12.0);
/// assert_eq!(x.sum_axes(&[0]), Tensor::from([5.0, 7.0, 9.0]));
/// ```
#[derive(Clone)]
pub struct Tensor<T: Element = f32> {
    shape: Arc<[usize]>,
    data: Arc<Buffer<T>>,
}

impl<T: Element> Tensor<T> {
    /// Whether both are clones of one tensor, or reshaped from it: the same numbers in the same memory,
    /// as `Arc::ptr_eq`.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.data, &other.data)
    }

    /// A tensor of `shape` with `values` in row-major order.
    ///
    /// # Panics
    /// If there are more or fewer values than `shape` holds.
    #[track_caller]
    pub fn new(shape: impl AsRef<[usize]>, values: impl AsRef<[T]>) -> Self {
        let (shape, values) = (shape.as_ref(), values.as_ref());
        let len = values.len();
        assert!(count::<T>(shape) == len, "tensor: shape {shape:?} does not hold {len} values");
        Self::build(shape, |out| out.copy_from_slice(values))
    }

    /// A tensor whose elements `write` puts into the slice it is given. The slice comes with
    /// arbitrary numbers in it: `write` must set every element.
    ///
    /// # Panics
    /// If the shape holds more elements than there are addresses.
    #[track_caller]
    pub fn build(shape: impl AsRef<[usize]>, write: impl FnOnce(&mut [T])) -> Self {
        let shape = shape.as_ref();
        let mut data = Self::scratch(shape);
        write(&mut data);
        Self::of_buffer(shape, data)
    }

    #[track_caller]
    fn scratch(shape: &[usize]) -> Buffer<T> {
        Buffer::scratch(count::<T>(shape))
    }

    fn of_buffer(shape: &[usize], data: Buffer<T>) -> Self {
        Self { shape: shape.into(), data: Arc::new(data) }
    }

    /// A tensor filled with `value`.
    #[track_caller]
    pub fn full(shape: impl AsRef<[usize]>, value: T) -> Self {
        Self::build(shape, |out| parallel::for_each_chunk(out, |_, part| part.fill(value)))
    }

    /// A tensor of zeros.
    #[track_caller]
    pub fn zeros(shape: impl AsRef<[usize]>) -> Self {
        Self::full(shape, T::zero())
    }

    /// A tensor of ones.
    #[track_caller]
    pub fn ones(shape: impl AsRef<[usize]>) -> Self {
        Self::full(shape, T::one())
    }

    /// A tensor of rank 0.
    pub fn scalar(value: T) -> Self {
        Self::full([], value)
    }

    /// A tensor whose element at flat position `i` is `f(i)`; `f` is called in order.
    #[track_caller]
    pub fn from_fn(shape: impl AsRef<[usize]>, mut f: impl FnMut(usize) -> T) -> Self {
        Self::build(shape, |out| out.iter_mut().enumerate().for_each(|(i, o)| *o = f(i)))
    }

    /// The numbers of an ndarray of any memory order.
    pub fn from_view(view: ArrayViewD<'_, T>) -> Self {
        Self::build(view.shape(), |out| {
            ndarray::ArrayViewMutD::from_shape(IxDyn(view.shape()), out)
                .expect("the buffer has the view's size")
                .assign(&view);
        })
    }

    /// The size along each axis.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The number of axes.
    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// The number of elements.
    pub fn len(&self) -> usize {
        self.data.len()
    }

    /// Whether there are no elements.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The sizes of a tensor of rank `N`.
    ///
    /// # Panics
    /// If the rank is another.
    #[track_caller]
    pub fn dims<const N: usize>(&self) -> [usize; N] {
        check::dims("dims", self.shape())
    }

    /// The elements in row-major order.
    pub fn as_slice(&self) -> &[T] {
        &self.data
    }

    /// The elements, to be changed, if no other tensor shares them.
    pub(crate) fn own_slice_mut(&mut self) -> Option<&mut [T]> {
        Arc::get_mut(&mut self.data).map(|data| &mut **data)
    }

    /// The elements as an ndarray view.
    pub fn view(&self) -> ArrayViewD<'_, T> {
        ArrayViewD::from_shape(IxDyn(&self.shape), &self.data).expect("the buffer has this shape")
    }

    /// The element at an index of one number an axis.
    ///
    /// # Panics
    /// If the index lies outside.
    #[track_caller]
    pub fn at(&self, index: &[usize]) -> T {
        match self.view().get(index) {
            Some(&value) => value,
            None => panic!("at: index {index:?} lies outside shape {:?}", self.shape()),
        }
    }

    /// The only element.
    ///
    /// # Panics
    /// If there is not exactly one.
    #[track_caller]
    pub fn item(&self) -> T {
        assert!(self.len() == 1, "item: expected one element, got shape {:?}", self.shape());
        self.data[0]
    }

    /// The same numbers in another precision.
    pub fn cast<U: Element>(&self) -> Tensor<U> {
        Tensor::build(self.shape(), |out| {
            parallel::for_each_chunk(out, |at, part| {
                for (o, v) in part.iter_mut().zip(&self.as_slice()[at..]) {
                    *o = U::of(v.as_f64());
                }
            });
        })
    }

    /// The numbers as little-endian bytes, in row-major order: its own, where the machine has them so.
    pub fn to_le_bytes(&self) -> Cow<'_, [u8]> {
        match cfg!(target_endian = "little") {
            true => Cow::Borrowed(bytemuck::cast_slice(self.as_slice())),
            false => Cow::Owned(self.as_slice().iter().flat_map(|v| v.le_bytes()).collect()),
        }
    }

    /// The numbers of little-endian bytes, in row-major order.
    ///
    /// # Panics
    /// If `bytes` is not as long as `shape` needs.
    #[track_caller]
    pub fn from_le_bytes(shape: impl AsRef<[usize]>, bytes: &[u8]) -> Self {
        let (shape, len) = (shape.as_ref(), bytes.len());
        let wanted = count::<T>(shape) * size_of::<T>();
        assert!(
            len == wanted,
            "from_le_bytes: expected {wanted} bytes for shape {shape:?} of {}, got {len}",
            T::NAME
        );
        Self::new(shape, bytes.chunks(size_of::<T>()).map(T::of_le_bytes).collect::<Vec<_>>())
    }

    /// The same numbers under another shape, shared.
    ///
    /// # Panics
    /// If the shape holds another number of elements.
    #[track_caller]
    pub fn reshape(&self, shape: impl AsRef<[usize]>) -> Self {
        let shape = shape.as_ref();
        let len = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
        let own = self.shape();
        assert!(len == Some(self.len()), "reshape: {own:?} does not fit into {shape:?}");
        Self { shape: shape.into(), data: Arc::clone(&self.data) }
    }
}

/// The elements that a shape holds, each of which has an address.
#[track_caller]
fn count<T>(shape: &[usize]) -> usize {
    let product = shape.iter().try_fold(1_usize, |product, &size| product.checked_mul(size));
    match product.filter(|&elements| elements <= isize::MAX as usize / size_of::<T>()) {
        Some(elements) => elements,
        None => panic!("tensor: shape {shape:?} holds too many elements"),
    }
}

/// Equal shapes and equal numbers; NaN differs from itself.
impl<T: Element> PartialEq for Tensor<T> {
    fn eq(&self, other: &Self) -> bool {
        self.shape == other.shape && self.as_slice() == other.as_slice()
    }
}

impl<T: Element> From<T> for Tensor<T> {
    fn from(value: T) -> Self {
        Self::scalar(value)
    }
}

impl<T: Element, const N: usize> From<[T; N]> for Tensor<T> {
    fn from(values: [T; N]) -> Self {
        Self::new([N], values)
    }
}

impl<T: Element, const N: usize, const M: usize> From<[[T; M]; N]> for Tensor<T> {
    fn from(rows: [[T; M]; N]) -> Self {
        Self::new([N, M], rows.as_flattened())
    }
}

impl<T: Element> From<ArrayD<T>> for Tensor<T> {
    fn from(array: ArrayD<T>) -> Self {
        Self::from_view(array.view())
    }
}

impl<T: Element> fmt::Debug for Tensor<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 8;
        let head = &self.as_slice()[..self.len().min(SHOWN)];
        write!(f, "Tensor<{}>{:?} {head:?}", T::NAME, self.shape())?;
        if self.len() > SHOWN { write!(f, " and {} more", self.len() - SHOWN) } else { Ok(()) }
    }
}
