//! One geometry in every framework's words, where it has them.

use mirrorgrad_tensor::dialect::{FRAMEWORKS, Framework, Layer, Said};
use mirrorgrad_tensor::{Axis, Geometry};
use serde::{Serialize, Serializer};

/// How a framework says a geometry.
///
/// ```
/// # use mirrorgrad_study::{Layer, sayings};
/// # use mirrorgrad_tensor::Window;
/// let doubling = Window::square(3).stride(2).padding(1).output_padding([1, 1]).transposed([3, 3])?;
/// let caffe = sayings(Layer::Deconv, &doubling).remove(4);
/// assert_eq!((caffe.framework, caffe.words), ("Caffe", None));
/// let nearest = "cannot be expressed; the nearest gives 5x5: stride: 2 pad: 1";
/// assert_eq!(caffe.instead.as_deref(), Some(nearest));
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Saying {
    /// The framework.
    pub framework: &'static str,
    /// Its arguments for exactly this geometry.
    pub words: Option<String>,
    /// Where there are none: what comes nearest, and by how much it is off.
    pub instead: Option<String>,
}

/// The geometry in the words of eight frameworks.
///
/// ```
/// # use mirrorgrad_study::{Layer, sayings};
/// # use mirrorgrad_tensor::ConvSpec;
/// # use mirrorgrad_tensor::dialect::{TensorFlow, tensorflow::Padding};
/// let same = TensorFlow { strides: [2, 2], ..TensorFlow::new([3, 3], Padding::Same) };
/// let sayings = sayings(Layer::Conv, &same.conv([6, 6])?);
/// let words = |i: usize| (sayings[i].framework, sayings[i].words.as_deref());
/// assert_eq!(words(1), ("TensorFlow", Some("strides=[2, 2], padding='SAME'")));
/// assert_eq!(words(5), ("ONNX", Some("strides=[2, 2], auto_pad=SAME_UPPER")));
/// // Its padding is as wide on both sides, and here it is behind the input alone.
/// assert_eq!(words(0), ("PyTorch", None));
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
pub fn sayings(layer: Layer, geometry: &Geometry) -> Vec<Saying> {
    FRAMEWORKS.iter().map(|framework| saying(framework, layer, geometry)).collect()
}

fn saying(framework: &Framework, layer: Layer, geometry: &Geometry) -> Saying {
    let made = |Said { spec, words }| {
        let made = match layer {
            Layer::Conv => spec.conv(geometry.input()),
            Layer::Deconv => spec.transposed(geometry.output()),
        };
        Some((made.ok()?, words))
    };
    let candidates = framework.say(layer, geometry).into_iter().filter_map(made);
    let (words, instead) = match candidates.min_by_key(|(made, _)| distance(geometry, made)) {
        // Of equals the first: candidates come with the simplest words first.
        Some((made, words)) if made == *geometry => (Some(words), None),
        Some((made, words)) => {
            (None, Some(format!("{}: {words}", difference(layer, geometry, &made))))
        }
        None => (None, Some("cannot be expressed".to_string())),
    };
    Saying { framework: framework.name(), words, instead }
}

/// How far two geometries of the same window are from each other: in size first, then in place.
fn distance(own: &Geometry, made: &Geometry) -> [usize; 2] {
    let difference_of = |f: fn(&Axis) -> usize| -> usize {
        made.axes().iter().zip(own.axes()).map(|(a, b)| f(a).abs_diff(f(&b))).sum()
    };
    [difference_of(|a| a.input) + difference_of(|a| a.output), difference_of(|a| a.pad_before)]
}

/// How what was made differs from the layer's own geometry, in words.
fn difference(layer: Layer, own: &Geometry, made: &Geometry) -> String {
    let size = |geometry: &Geometry| match layer {
        Layer::Conv => geometry.output(),
        Layer::Deconv => geometry.input(),
    };
    if size(own) != size(made) {
        let [h, w] = size(made);
        return format!("cannot be expressed; the nearest gives {h}x{w}");
    }
    let sides = ["at the top", "at the left"];
    let off = |i: usize| {
        let pixels = made.axes()[i].pad_before.abs_diff(own.axes()[i].pad_before);
        let s = if pixels == 1 { "" } else { "s" };
        (pixels > 0).then(|| format!("{pixels} pixel{s} {}", sides[i]))
    };
    let off: Vec<_> = [0, 1].into_iter().filter_map(off).collect();
    format!("cannot be expressed: off by {}", off.join(" and "))
}

/// Writes a layer as `conv` or `deconv`.
pub fn layer_key<S: Serializer>(layer: &Layer, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(match layer {
        Layer::Conv => "conv",
        Layer::Deconv => "deconv",
    })
}
