//! A framework: the words it reads, and those in which it says a geometry.

use super::{
    Caffe, Chainer, Jax, Keras, Layer, MxNet, Onnx, PyTorch, TensorFlow, Wanted, Words, WordsError,
};
use crate::{ConvSpec, Geometry};
use std::fmt::{self, Debug, Display};

/// A framework's arguments: what they mean is their [`ConvSpec`], how they are written their [`Display`].
///
/// ```
/// # use mirrorgrad_tensor::{ConvSpec, Window, dialect::{Dialect, Layer, MxNet, Wanted, Words}};
/// let words = Words { stride: [2, 2], output_padding: Some([1, 1]), ..Words::new([3, 3]) };
/// let mxnet = MxNet::read(Layer::Deconv, &words).unwrap();
/// assert_eq!(mxnet.to_string(), "stride=[2, 2], pad=[0, 0], adj=[1, 1]");
/// let wanted = Wanted::new(Layer::Deconv, &mxnet.transposed([3, 3])?);
/// assert_eq!(MxNet::say(&wanted)[0], mxnet);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
pub trait Dialect: ConvSpec + Display + Sized + 'static {
    /// The framework's name.
    const NAME: &'static str;

    /// Its name in options.
    const KEY: &'static str;

    /// Reads words in the framework's sense.
    ///
    /// # Errors
    /// If it has no such arguments.
    fn read(layer: Layer, words: &Words) -> Result<Self, WordsError>;

    /// Arguments that may mean a geometry, or what comes nearest, the simplest first.
    fn say(wanted: &Wanted) -> Vec<Self>;
}

/// A framework as a value: a [`Dialect`] whose type is forgotten.
///
/// ```
/// # use mirrorgrad_tensor::dialect::{Dialect, FRAMEWORKS, Framework, Layer, Onnx, Words};
/// let onnx = Framework::of::<Onnx>();
/// assert_eq!((onnx.name(), onnx.key()), (Onnx::NAME, Onnx::KEY));
/// assert!(FRAMEWORKS.iter().any(|framework| framework.name() == "ONNX"));
/// assert!(Framework::called("theano").is_none());
/// // A padding that nothing is said of is none.
/// let spec = onnx.read(Layer::Conv, &Words::new([3, 3])).unwrap();
/// assert_eq!(spec.conv([5, 5])?.output(), [3, 3]);
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy)]
pub struct Framework {
    name: &'static str,
    key: &'static str,
    read: fn(Layer, &Words) -> Result<Box<dyn ConvSpec>, WordsError>,
    say: fn(&Wanted) -> Vec<Said>,
}

/// Arguments of some framework, and how it writes them.
///
/// ```
/// # use mirrorgrad_tensor::{Window, dialect::{Framework, Layer, Said}};
/// let geometry = Window::square(2).conv([3, 3])?;
/// let caffe = Framework::called("caffe").unwrap();
/// let [Said { spec, words }] = &caffe.say(Layer::Conv, &geometry)[..] else { unreachable!() };
/// assert_eq!((spec.conv([3, 3])?, &words[..]), (geometry, "stride: 1 pad: 0"));
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Debug)]
pub struct Said {
    /// What they mean.
    pub spec: Box<dyn ConvSpec>,
    /// How they are written.
    pub words: String,
}

/// Every framework whose words are known here.
///
/// ```
/// # use mirrorgrad_tensor::dialect::FRAMEWORKS;
/// let keys = FRAMEWORKS.map(|framework| framework.key());
/// assert_eq!(keys, ["pytorch", "tensorflow", "keras", "mxnet", "caffe", "onnx", "jax", "chainer"]);
/// ```
pub const FRAMEWORKS: [Framework; 8] = [
    Framework::of::<PyTorch>(),
    Framework::of::<TensorFlow>(),
    Framework::of::<Keras>(),
    Framework::of::<MxNet>(),
    Framework::of::<Caffe>(),
    Framework::of::<Onnx>(),
    Framework::of::<Jax>(),
    Framework::of::<Chainer>(),
];

impl Framework {
    /// The framework whose arguments are `D`.
    pub const fn of<D: Dialect>() -> Self {
        Self { name: D::NAME, key: D::KEY, read: read::<D>, say: say::<D> }
    }

    /// The one of [`FRAMEWORKS`] with this key.
    pub fn called(key: &str) -> Option<Self> {
        FRAMEWORKS.into_iter().find(|framework| framework.key == key)
    }

    /// Its name.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Its name in options.
    pub fn key(&self) -> &'static str {
        self.key
    }

    /// Reads words in its sense: [`Dialect::read`].
    ///
    /// # Errors
    /// If it has no such arguments.
    pub fn read(&self, layer: Layer, words: &Words) -> Result<Box<dyn ConvSpec>, WordsError> {
        (self.read)(layer, words)
    }

    /// Its arguments for a geometry, or what comes nearest: [`Dialect::say`].
    pub fn say(&self, layer: Layer, geometry: &Geometry) -> Vec<Said> {
        (self.say)(&Wanted::new(layer, geometry))
    }
}

impl Debug for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

fn read<D: Dialect>(layer: Layer, words: &Words) -> Result<Box<dyn ConvSpec>, WordsError> {
    Ok(Box::new(D::read(layer, words)?))
}

fn say<D: Dialect>(wanted: &Wanted) -> Vec<Said> {
    let said = |dialect: D| Said { words: dialect.to_string(), spec: Box::new(dialect) };
    D::say(wanted).into_iter().map(said).collect()
}
