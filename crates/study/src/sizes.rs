//! What sizes go with what arguments.

use mirrorgrad_tensor::{Axis, Window};
use serde::Serialize;

/// How image and map sizes belong together along one axis.
///
/// ```
/// # use mirrorgrad_study::Sizes;
/// # use mirrorgrad_tensor::Window;
/// let [axis, _] = Window::square(3).stride(2).padding(1).over([6, 6])?.axes();
/// let sizes = Sizes::of(&axis);
/// assert_eq!(sizes.down, "⌊(6 + 1 + 1 − 3) / 2⌋ + 1 = 3");
/// assert_eq!(sizes.up, "2·(3 − 1) + 3 − 1 − 1 + 1 = 6");
/// // An image of 5 has the same map, and nothing left over.
/// assert_eq!((sizes.rest, sizes.images), (1, [5, 6]));
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sizes {
    /// Pixels.
    pub image: usize,
    /// Spots.
    pub map: usize,
    /// Padding behind the image that goes with it.
    pub behind: usize,
    /// From image to map, with numbers.
    pub down: String,
    /// From map to image, with numbers.
    pub up: String,
    /// Pixels left over behind the last whole stride: the output padding that leads back here.
    pub rest: usize,
    /// The article's relation: 1 where nothing is left over, 2 where something is.
    pub relation: usize,
    /// The smallest and the largest image that a convolution takes to this map.
    pub images: [usize; 2],
}

impl Sizes {
    /// Of one axis.
    pub fn of(axis: &Axis) -> Self {
        let Axis { image, map, kernel, stride, dilation, before } = *axis;
        let extent = dilation * (kernel - 1) + 1;
        let full = stride * (map - 1) + extent;
        // Padding behind as in front where that leads here, as PyTorch's words and the article's have it;
        // else what is cut there, and none where rows are added.
        let symmetric = image + 2 * before;
        let behind = match (full..full + stride).contains(&symmetric) {
            true => before,
            false => full.saturating_sub(before + image),
        };
        let rest = image + before + behind - full;
        let k = if dilation == 1 {
            format!("{kernel}")
        } else {
            format!("({dilation}·({kernel} − 1) + 1)")
        };
        Self {
            image,
            map,
            behind,
            down: format!("⌊({image} + {before} + {behind} − {k}) / {stride}⌋ + 1 = {map}"),
            up: format!("{stride}·({map} − 1) + {k} − {before} − {behind} + {rest} = {image}"),
            rest,
            relation: if rest == 0 { 1 } else { 2 },
            images: {
                let smallest = full.saturating_sub(before + behind).max(1);
                [smallest, (full + stride - 1).saturating_sub(before + behind)]
            },
        }
    }
}

/// Square arguments that take one size to another.
///
/// ```
/// # use mirrorgrad_study::{Arguments, arguments};
/// # use mirrorgrad_tensor::Window;
/// for Arguments { kernel, stride, padding, output_padding } in arguments(6, 3) {
///     let window = Window::square(kernel).stride(stride).padding(padding);
///     let up = window.output_padding([output_padding; 2]).under([3, 3])?;
///     assert_eq!((up.image(), window.over([6, 6])?.map()), ([6, 6], [3, 3]));
/// }
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Arguments {
    /// Taps.
    pub kernel: usize,
    /// Pixels from one spot to the next.
    pub stride: usize,
    /// Padding on both sides.
    pub padding: usize,
    /// Rows that a transposed convolution adds.
    pub output_padding: usize,
}

/// Kernels that are searched through.
///
/// ```
/// # use mirrorgrad_study::{LARGEST_KERNEL, arguments};
/// // Without padding, a single spot makes as many pixels as its window has taps.
/// assert_eq!(arguments(LARGEST_KERNEL, 1).len(), 1);
/// assert!(arguments(LARGEST_KERNEL + 1, 1).is_empty());
/// ```
pub const LARGEST_KERNEL: usize = 9;

/// Every kernel of up to 9 taps, stride, padding under the kernel and output padding under the stride
/// with which a transposed convolution takes `map` to `image`: then the convolution takes it back.
///
/// ```
/// # use mirrorgrad_study::{Arguments, arguments};
/// let doubling = arguments(6, 3);
/// let has = |kernel, stride, padding, output_padding| {
///     doubling.contains(&Arguments { kernel, stride, padding, output_padding })
/// };
/// assert!(has(2, 2, 0, 0) && has(3, 2, 1, 1) && has(4, 2, 1, 0));
/// // This one makes 5 of 3.
/// assert!(!has(3, 2, 1, 0));
/// ```
pub fn arguments(image: usize, map: usize) -> Vec<Arguments> {
    let mut found = Vec::new();
    for kernel in 1..=LARGEST_KERNEL {
        // Of a single spot every stride is as good as another.
        let strides = if map == 1 { 1..=1 } else { 1..=image + 2 * kernel };
        for stride in strides {
            for padding in 0..kernel {
                let window = Window::square(kernel).stride(stride).padding(padding);
                if let Ok(geometry) = window.under_to([map; 2], [image; 2])
                    && window.over([image; 2]) == Ok(geometry)
                {
                    let full = stride * (map - 1) + kernel;
                    let output_padding = image + 2 * padding - full;
                    found.push(Arguments { kernel, stride, padding, output_padding });
                }
            }
        }
    }
    found
}
