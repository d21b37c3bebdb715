//! What a traced pass records: the calls of its layers, and where sizes come from.

use mirrorgrad_autograd::Var;
use mirrorgrad_autograd::record::Id;
use mirrorgrad_tensor::Element;
use std::collections::BTreeMap;

/// One recorded call of a layer.
///
/// ```
/// # use mirrorgrad_autograd::Var;
/// # use mirrorgrad_layers::{Conv2d, Module, Pass, Sequential};
/// # use mirrorgrad_tensor::{Tensor, Window};
/// # let rng = &mut mirrorgrad_layers::seeded(0);
/// let net = Sequential::new().with(Conv2d::new([3, 8], Window::square(3).padding(1), rng));
/// let pass = Pass::eval().traced();
/// net.forward(&Var::constant(Tensor::<f32>::zeros([1, 3, 4, 4])), &pass);
/// let call = &pass.calls()[0];
/// assert_eq!((call.path.as_str(), call.kind, call.multiply_adds), ("0", "Conv2d", 8 * 3 * 9 * 16));
/// assert_eq!(call.shape, [1, 8, 4, 4]);
/// ```
#[derive(Clone, Debug)]
pub struct LayerCall<T: Element = f32> {
    /// The layer's path in the network; empty for the network itself.
    pub path: String,
    /// The layer's type.
    pub kind: &'static str,
    /// Its result's id, if that is tracked.
    pub id: Option<Id>,
    /// The shape of its result.
    pub shape: Vec<usize>,
    /// Multiply-adds for each picture of the batch.
    pub multiply_adds: usize,
    /// Its result, in a pass that keeps results.
    pub result: Option<Var<T>>,
}

/// Where the height and width of a result come from.
///
/// ```
/// # use mirrorgrad_autograd::record::record;
/// # use mirrorgrad_layers::{Interpolation, Module, Pass, Sizes, Upsample};
/// # use mirrorgrad_tensor::Tensor;
/// let double = Upsample::new(2, Interpolation::Nearest);
/// let pass = Pass::eval().traced();
/// let picture = Tensor::<f32>::zeros([1, 1, 4, 4]);
/// let (_, y) = record(picture, |x| double.forward(x, &pass));
/// assert_eq!(pass.sizes()[&y.id().unwrap()], Sizes::Times(2)); // Not just 8 by 8.
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sizes {
    /// From a window, over an input with so much padding behind, `[vertical, horizontal]`.
    Padded([usize; 2]),
    /// So many times the operand's.
    Times(usize),
    /// They are another variable's.
    Like(Id),
}

/// The calls of one traced pass.
#[derive(Debug)]
pub(crate) struct Trace<T: Element> {
    pub calls: Vec<LayerCall<T>>,
    pub sizes: BTreeMap<Id, Sizes>,
    pub keep: Keep,
}

/// What a trace keeps of each call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keep {
    /// The shape of its result.
    Shapes,
    /// The result, too.
    Results,
}

impl<T: Element> Trace<T> {
    pub fn keeping(keep: Keep) -> Self {
        Self { calls: Vec::new(), sizes: BTreeMap::new(), keep }
    }
}
