//! The file: a network that was watched at work, twice.

use crate::ExportError;
use crate::proto::{
    DimensionProto, FLOAT, GraphProto, ModelProto, OperatorSetIdProto, Size,
    StringStringEntryProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::spatial::address;
use crate::write::Writer;
use mirrorgrad_autograd::record::{Description, record};
use mirrorgrad_layers::{Mode, Module, Trace};
use mirrorgrad_tensor::Tensor;
use prost::Message;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// The version of ONNX's operators that is written: the first that all of today's runtimes know.
///
/// ```
/// # use mirrorgrad_layers::Activation;
/// # use mirrorgrad_onnx::{Interface, OPSET, export, proto::ModelProto};
/// # use prost::Message;
/// let bytes = export(&Activation::Relu, &Interface::new(3))?;
/// let model = ModelProto::decode(bytes.as_slice())?;
/// assert_eq!(model.opset_import[0].version, Some(OPSET));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub const OPSET: i64 = 17;
/// The version of the format that goes with it.
const IR_VERSION: i64 = 8;

/// How the file's users see the network.
///
/// ```
/// # use mirrorgrad_layers::Activation;
/// # use mirrorgrad_onnx::{Interface, export, proto::ModelProto};
/// # use prost::Message;
/// let metadata = vec![("classes".to_string(), "road sky".to_string())];
/// let interface = Interface { output: "relu".to_string(), metadata, ..Interface::new(3) };
/// let bytes = export(&Activation::Relu, &interface)?;
/// let model = ModelProto::decode(bytes.as_slice())?;
/// assert_eq!(model.metadata_props[0].value.as_deref(), Some("road sky"));
/// let graph = model.graph.unwrap_or_default();
/// assert_eq!(graph.input[0].name.as_deref(), Some("picture"));
/// assert_eq!(graph.output[0].name.as_deref(), Some("relu"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct Interface {
    /// The input's name.
    pub input: String,
    /// The output's name.
    pub output: String,
    /// Channels of a picture.
    pub channels: usize,
    /// The smallest height and width that the network takes.
    pub smallest: usize,
    /// What else is to be known, by name.
    pub metadata: Vec<(String, String)>,
}

impl Interface {
    /// From `picture: [batch, channels, height, width]` to `scores`.
    pub fn new(channels: usize) -> Self {
        let (input, output) = ("picture".to_string(), "scores".to_string());
        Self { input, output, channels, smallest: 1, metadata: Vec::new() }
    }
}

/// The bytes of an ONNX file that computes what the network does in evaluation mode, for any batch,
/// height and width.
///
/// ```
/// # use mirrorgrad_layers::{Conv2d, MaxPool2d, Sequential};
/// # use mirrorgrad_onnx::{Interface, export, proto::ModelProto};
/// # use mirrorgrad_tensor::Window;
/// # use prost::Message;
/// # use rand::SeedableRng;
/// # let rng = &mut rand_chacha::ChaCha8Rng::seed_from_u64(0);
/// let conv = Conv2d::new([3, 8], Window::square(3).padding(1), rng);
/// let network = Sequential::<f32>::new().with(conv).with(MaxPool2d::square(2));
/// let bytes = export(&network, &Interface::new(3))?;
/// let graph = ModelProto::decode(bytes.as_slice())?.graph.unwrap_or_default();
/// let ops: Vec<_> = graph.node.iter().filter_map(|node| node.op_type.as_deref()).collect();
/// assert_eq!(ops, ["Conv", "MaxPool"]);
/// assert_eq!(graph.initializer[0].name.as_deref(), Some("0.weight"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// # Errors
/// If the network contains an op that ONNX has no words for, or a part that is made for one size.
///
/// # Panics
/// If the network does not take pictures `[batch, channels, height, width]` of so many channels and of
/// two to four times the smallest height and width, or of 8 to 13 pixels if that is less.
pub fn export(
    module: &(impl Module + ?Sized),
    interface: &Interface,
) -> Result<Vec<u8>, ExportError> {
    let least = interface.smallest.max(4);
    let channels = interface.channels;
    let (mut graph, [x, y]) = watch(module, interface, [2, channels, 2 * least, 3 * least])?;
    let (other, [other_x, other_y]) =
        watch(module, interface, [3, channels, 3 * least + 1, 2 * least + 1])?;
    check_same(&graph, &other)?;
    let open = ["batch", "channels", "height", "width"];
    let own = |axis: usize| {
        Some(match axis {
            1 => Size::DimValue(channels as i64),
            _ => Size::DimParam(open[axis].to_string()),
        })
    };
    let size = |axis: usize| match y[axis] {
        size if Some(&size) == other_y.get(axis) => Some(Size::DimValue(size as i64)),
        size if Some(&size) == x.get(axis) && other_y.get(axis) == other_x.get(axis) => own(axis),
        _ => None,
    };
    graph.name = Some("mirrorgrad".to_string());
    graph.input = vec![tensor(&interface.input, (0..4).map(own))];
    graph.output = vec![tensor(&interface.output, (0..y.len()).map(size))];
    let entry = |(key, value): &(String, String)| StringStringEntryProto {
        key: Some(key.clone()),
        value: Some(value.clone()),
    };
    let model = ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some("mirrorgrad".to_string()),
        producer_version: Some(env!("CARGO_PKG_VERSION").to_string()),
        graph: Some(graph),
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(OPSET) }],
        metadata_props: interface.metadata.iter().map(entry).collect(),
    };
    Ok(model.encode_to_vec())
}

/// The graph of what the network does to one batch, with the shapes of its input and output.
fn watch(
    module: &(impl Module + ?Sized),
    interface: &Interface,
    shape: [usize; 4],
) -> Result<(GraphProto, [Vec<usize>; 2]), ExportError> {
    // Noise, so that values which depend on the picture differ between two of them.
    let noise = Tensor::normal(shape, 1.0, &mut ChaCha8Rng::seed_from_u64(shape[0] as u64));
    let mode = Mode::Trace(Trace::default());
    let (recording, y) = record(noise, |x| module.forward(x, &mode));
    let Mode::Trace(trace) = mode else { unreachable!("the mode was set above") };
    let mut writer = Writer::new(module, trace, interface, recording.input());
    for step in recording.steps() {
        if let Some(Description::MaxUnpool { indices }) = step.describe() {
            writer.pools.insert(address(&indices), None);
        }
    }
    for step in recording.steps() {
        writer.step(step)?;
    }
    let result = y.id().and_then(|id| writer.value(id)).ok_or(ExportError::Constant)?.to_string();
    let result = match result == interface.input {
        true => writer.graph.node("", "Identity", &[&result], vec![]),
        false => result,
    };
    writer.graph.rename(&result, &interface.output);
    Ok((writer.graph.proto, [shape.to_vec(), y.shape().to_vec()]))
}

/// Refuses graphs that are of one picture each.
fn check_same(one: &GraphProto, other: &GraphProto) -> Result<(), ExportError> {
    let counts = |graph: &GraphProto| [graph.node.len(), graph.initializer.len()];
    if counts(one) != counts(other) {
        return Err(ExportError::Steps([one.node.len(), other.node.len()]));
    }
    let fixed = |place: &Option<String>| {
        Err(ExportError::Fixed { place: place.clone().unwrap_or_default() })
    };
    let constants = one.initializer.iter().zip(&other.initializer);
    if let Some((constant, _)) = constants.clone().find(|(one, other)| one != other) {
        return fixed(&constant.name);
    }
    match one.node.iter().zip(&other.node).find(|(one, other)| one != other) {
        Some((node, _)) => fixed(&node.name),
        None => Ok(()),
    }
}

fn tensor(name: &str, sizes: impl Iterator<Item = Option<Size>>) -> ValueInfoProto {
    let shape = TensorShapeProto { dim: sizes.map(|value| DimensionProto { value }).collect() };
    let tensor_type = TensorTypeProto { elem_type: Some(FLOAT), shape: Some(shape) };
    ValueInfoProto {
        name: Some(name.to_string()),
        r#type: Some(TypeProto { tensor_type: Some(tensor_type) }),
    }
}
