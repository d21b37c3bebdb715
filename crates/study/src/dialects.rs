//! One geometry in every framework's words, where it has them.

use mirrorgrad_tensor::dialect::{
    Caffe, Chainer, Jax, Keras, MxNet, Onnx, TensorFlow, jax, keras, onnx, tensorflow,
};
use mirrorgrad_tensor::{Axis, ConvSpec, Geometry, Kernel, OddSide, Same, Window};
use serde::Serialize;
use std::fmt::Display;

/// Which of the two layers.
///
/// ```
/// # use mirrorgrad_study::{Layer, sayings};
/// # use mirrorgrad_tensor::Window;
/// let halving = Window::square(3).stride(2).padding(1).conv([6, 6])?;
/// let pytorch = |layer| sayings(layer, &halving).remove(0).words;
/// assert_eq!(pytorch(Layer::Conv).as_deref(), Some("stride=[2, 2], padding=[1, 1]"));
/// // The way back has to be told which of the sizes 5 and 6 it leads to.
/// let back = "stride=[2, 2], padding=[1, 1], output_padding=[1, 1]";
/// assert_eq!(pytorch(Layer::Deconv).as_deref(), Some(back));
/// # Ok::<(), mirrorgrad_tensor::GeometryError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Layer {
    /// The convolution.
    Conv,
    /// The transposed convolution.
    Deconv,
}

/// How a framework says a geometry.
///
/// ```
/// # use mirrorgrad_study::{Layer, sayings};
/// # use mirrorgrad_tensor::Window;
/// let doubling = Window::square(3).stride(2).padding(1).output_padding([1, 1]).transposed([3, 3])?;
/// let caffe = sayings(Layer::Deconv, &doubling).remove(4);
/// assert_eq!((caffe.framework, caffe.words), ("Caffe", None));
/// let nearest = "cannot be said; nearest makes 5x5: stride: 2 pad: 1";
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

type Candidate = (Box<dyn ConvSpec>, String);

fn say<R: ConvSpec + Display + 'static>(rule: R) -> Candidate {
    let words = rule.to_string();
    (Box::new(rule), words)
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
    let about = About::new(layer, geometry);
    [
        ("PyTorch", about.pytorch()),
        ("TensorFlow", about.tensorflow()),
        ("Keras", about.keras()),
        ("MXNet", about.mxnet()),
        ("Caffe", about.caffe()),
        ("ONNX", about.onnx()),
        ("JAX", about.jax()),
        ("Chainer", about.chainer()),
    ]
    .into_iter()
    .map(|(framework, candidates)| about.saying(framework, candidates))
    .collect()
}

/// A geometry's numbers as pairs, and what follows from them.
struct About {
    layer: Layer,
    geometry: Geometry,
    kernel: [usize; 2],
    stride: [usize; 2],
    dilation: [usize; 2],
    pad_before: [usize; 2],
    /// What is cut (or, for a convolution, padded) behind: negative where rows are added.
    pad_after: [i64; 2],
    /// Rows added behind, if `pad_before` is cut on both sides.
    added: [i64; 2],
}

impl About {
    fn new(layer: Layer, geometry: &Geometry) -> Self {
        let axes = geometry.axes();
        let each = |f: fn(&Axis) -> usize| [f(&axes[0]), f(&axes[1])];
        let behind = |a: &Axis| a.full() as i64 - a.pad_before as i64 - a.input as i64;
        let [y, x] = axes;
        let pad_after = [behind(&y), behind(&x)];
        let pad_before = each(|a| a.pad_before);
        let added = [pad_before[0] as i64 - pad_after[0], pad_before[1] as i64 - pad_after[1]];
        Self {
            layer,
            geometry: *geometry,
            kernel: each(|a| a.kernel),
            stride: each(|a| a.stride),
            dilation: each(|a| a.dilation),
            pad_before,
            pad_after,
            added,
        }
    }

    fn of(&self, spec: &dyn ConvSpec) -> Option<Geometry> {
        match self.layer {
            Layer::Conv => spec.conv(self.geometry.input()).ok(),
            Layer::Deconv => spec.transposed(self.geometry.output()).ok(),
        }
    }

    fn saying(&self, framework: &'static str, candidates: Vec<Candidate>) -> Saying {
        let made = candidates
            .into_iter()
            .filter_map(|(rule, words)| Some((self.of(rule.as_ref())?, words)));
        // Of equals the first: candidates come with the simplest words first.
        let Some((made, words)) = made.min_by_key(|(made, _)| self.distance(made)) else {
            return Saying { framework, words: None, instead: Some("cannot be said".to_string()) };
        };
        if made == self.geometry {
            return Saying { framework, words: Some(words), instead: None };
        }
        let instead = format!("{}: {words}", self.difference(&made));
        Saying { framework, words: None, instead: Some(instead) }
    }

    /// How far another geometry of the same window is from this one: in size first, then in place.
    fn distance(&self, made: &Geometry) -> [usize; 2] {
        let apart = |f: fn(&Axis) -> usize| -> usize {
            made.axes().iter().zip(self.geometry.axes()).map(|(a, b)| f(a).abs_diff(f(&b))).sum()
        };
        [apart(|a| a.input) + apart(|a| a.output), apart(|a| a.pad_before)]
    }

    /// How another geometry of the same window differs from this one, in words.
    fn difference(&self, made: &Geometry) -> String {
        let (own, other) = match self.layer {
            Layer::Conv => (self.geometry.output(), made.output()),
            Layer::Deconv => (self.geometry.input(), made.input()),
        };
        if own != other {
            let [h, w] = other;
            return format!("cannot be said; nearest makes {h}x{w}");
        }
        let sides = ["at the top", "at the left"];
        let off = |i: usize| {
            let apart = made.axes()[i].pad_before.abs_diff(self.pad_before[i]);
            let s = if apart == 1 { "" } else { "s" };
            (apart > 0).then(|| format!("{apart} pixel{s} {}", sides[i]))
        };
        let off: Vec<_> = [0, 1].into_iter().filter_map(off).collect();
        format!("cannot be said: off by {}", off.join(" and "))
    }

    /// `added` where a framework can add so much.
    fn output_padding(&self) -> [usize; 2] {
        self.added.map(|added| usize::try_from(added).unwrap_or(0))
    }

    /// For a transposed convolution, the size that is wanted.
    fn size(&self) -> Option<[usize; 2]> {
        (self.layer == Layer::Deconv).then(|| self.geometry.input())
    }

    fn pytorch(&self) -> Vec<Candidate> {
        let window = Window {
            stride: self.stride,
            dilation: self.dilation,
            pad_before: self.pad_before,
            pad_after: self.pad_before,
            ..Window::new(self.kernel)
        };
        let output_padding = match self.layer {
            Layer::Conv => [0, 0],
            Layer::Deconv => self.output_padding(),
        };
        let mut words = format!("stride={:?}, padding={:?}", self.stride, self.pad_before);
        if self.dilation != [1, 1] {
            words += &format!(", dilation={:?}", self.dilation);
        }
        if output_padding != [0, 0] {
            words += &format!(", output_padding={output_padding:?}");
        }
        // Only the padding in front can be off by one to either side.
        let mut candidates: Vec<Candidate> =
            vec![(Box::new(window.output_padding(output_padding)), words)];
        if (self.layer, self.stride) == (Layer::Conv, [1, 1]) {
            let kernels = Kernel::both(self.kernel, self.stride, self.dilation);
            let mut words = "padding='same'".to_string();
            if self.dilation != [1, 1] {
                words += &format!(", dilation={:?}", self.dilation);
            }
            candidates.push((Box::new(Same { kernels, odd_side: OddSide::After }), words));
        }
        let one_more = self.pad_before.map(|padding| padding + 1);
        let shifted = Window { pad_before: one_more, pad_after: one_more, ..window };
        if let (Layer::Deconv, Ok(geometry)) =
            (self.layer, shifted.transposed_to(self.geometry.output(), self.geometry.input()))
        {
            let added = About::new(Layer::Deconv, &geometry).output_padding();
            let words =
                format!("stride={:?}, padding={one_more:?}, output_padding={added:?}", self.stride);
            candidates.push((Box::new(shifted.output_padding(added)), words));
        }
        candidates
    }

    fn tensorflow(&self) -> Vec<Candidate> {
        let say_with = |padding| {
            let rule = TensorFlow {
                strides: self.stride,
                dilations: self.dilation,
                output_shape: self.size(),
                ..TensorFlow::new(self.kernel, padding)
            };
            say(rule)
        };
        let after = self.pad_after.map(|after| usize::try_from(after).unwrap_or(0));
        vec![
            say_with(tensorflow::Padding::Same),
            say_with(tensorflow::Padding::Valid),
            say_with(tensorflow::Padding::Explicit { before: self.pad_before, after }),
        ]
    }

    fn keras(&self) -> Vec<Candidate> {
        let mut candidates = Vec::new();
        for padding in [keras::Padding::Same, keras::Padding::Valid] {
            let rule = Keras {
                strides: self.stride,
                dilation_rate: self.dilation,
                ..Keras::new(self.kernel, padding)
            };
            candidates.push(say(rule));
            if self.layer == Layer::Deconv {
                let added =
                    (0..self.stride[0]).flat_map(|h| (0..self.stride[1]).map(move |w| [h, w]));
                candidates
                    .extend(added.map(|added| say(Keras { output_padding: Some(added), ..rule })));
            }
        }
        candidates
    }

    fn mxnet(&self) -> Vec<Candidate> {
        let rule = MxNet {
            stride: self.stride,
            dilate: self.dilation,
            pad: self.pad_before,
            ..MxNet::new(self.kernel)
        };
        match self.layer {
            Layer::Conv => vec![say(rule)],
            Layer::Deconv => vec![
                say(MxNet { adj: self.output_padding(), ..rule }),
                say(MxNet { target_shape: self.size(), ..rule }),
            ],
        }
    }

    fn caffe(&self) -> Vec<Candidate> {
        let (stride, pad, dilation) = (self.stride, self.pad_before, self.dilation);
        vec![say(Caffe { stride, pad, dilation, ..Caffe::new(self.kernel) })]
    }

    fn onnx(&self) -> Vec<Candidate> {
        let say_with = |padding, output_padding| {
            let rule = Onnx {
                strides: self.stride,
                dilations: self.dilation,
                output_padding,
                ..Onnx::new(self.kernel, padding)
            };
            say(rule)
        };
        let after = self.pad_after.map(|after| usize::try_from(after).unwrap_or(0));
        let added = match self.layer {
            Layer::Conv => [0, 0],
            Layer::Deconv => self.pad_after.map(|after| usize::try_from(-after).unwrap_or(0)),
        };
        vec![
            say_with(onnx::Padding::SameUpper, [0, 0]),
            say_with(onnx::Padding::SameLower, [0, 0]),
            say_with(onnx::Padding::Pads { before: self.pad_before, after }, added),
        ]
    }

    fn jax(&self) -> Vec<Candidate> {
        let say_with = |padding| {
            let rule = Jax {
                strides: self.stride,
                rhs_dilation: self.dilation,
                ..Jax::new(self.kernel, padding)
            };
            say(rule)
        };
        let mut candidates = vec![say_with(jax::Padding::Same), say_with(jax::Padding::Valid)];
        candidates.extend(self.jax_pairs().map(say_with));
        candidates
    }

    /// Padding in pairs: of a transposed convolution around the spread output, which a window that is cut
    /// by more than its extent would need to be negative.
    fn jax_pairs(&self) -> Option<jax::Padding> {
        let axes = self.geometry.axes();
        let pair = |i: usize| {
            if self.layer == Layer::Conv {
                return Some([self.pad_before[i], usize::try_from(self.pad_after[i]).unwrap_or(0)]);
            }
            let hang = axes[i].extent() - 1;
            let before = hang.checked_sub(axes[i].pad_before)?;
            let spread = axes[i].full() - hang;
            Some([before, (axes[i].input + hang).checked_sub(spread + before)?])
        };
        let [y, x] = [pair(0)?, pair(1)?];
        Some(jax::Padding::Pairs { before: [y[0], x[0]], after: [y[1], x[1]] })
    }

    fn chainer(&self) -> Vec<Candidate> {
        let (stride, pad, dilate) = (self.stride, self.pad_before, self.dilation);
        vec![say(Chainer {
            stride,
            pad,
            dilate,
            outsize: self.size(),
            ..Chainer::new(self.kernel)
        })]
    }
}
