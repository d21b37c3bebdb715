//! The file: a network that was watched at work, on pictures of several sizes.

use crate::ExportError;
use crate::graph::within;
use crate::place::Places;
use crate::proto::{
    DimensionProto, FLOAT, GraphProto, ModelProto, OperatorSetIdProto, Size,
    StringStringEntryProto, TensorShapeProto, TensorTypeProto, TypeProto, ValueInfoProto,
};
use crate::shapes::{Shapes, positions};
use crate::write::Writer;
use mirrorgrad_autograd::Var;
use mirrorgrad_autograd::record::{Description, Id, Recording, Source, Step, record};
use mirrorgrad_layers::{LayerCall, Module, Pass, Sizes, seeded};
use mirrorgrad_tensor::Tensor;
use prost::Message;
use std::collections::BTreeMap;

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
/// # let rng = &mut mirrorgrad_layers::seeded(0);
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
/// two to four times the smallest height and width, or of 8 to 16 pixels if that is less.
pub fn export(
    module: &(impl Module + ?Sized),
    interface: &Interface,
) -> Result<Vec<u8>, ExportError> {
    let (recordings, watched): (Vec<_>, Vec<_>) =
        pictures(interface).into_iter().map(|picture| watch(module, picture)).unzip();
    check_steps(module, &recordings, &watched)?;
    let shapes = Shapes::of(&recordings);
    let graphs = (0..recordings.len())
        .map(|nth| write(module, interface, &recordings, &shapes, &watched, nth))
        .collect::<Result<Vec<GraphProto>, _>>()?;
    graphs.iter().skip(1).try_for_each(|other| check_same(&graphs[0], other))?;
    let open = ["batch", "channels", "height", "width"];
    let own = |axis: usize| {
        Some(match axis {
            1 => Size::DimValue(interface.channels as i64),
            _ => Size::DimParam(open[axis].to_string()),
        })
    };
    let size = |axis: usize| {
        let sizes = watched.iter().map(|watched| watched.y.shape().get(axis));
        let first = watched[0].y.shape()[axis];
        match () {
            () if sizes.clone().all(|size| size == Some(&first)) => {
                Some(Size::DimValue(first as i64))
            }
            () if sizes.eq(watched.iter().map(|watched| watched.picture.get(axis))) => own(axis),
            () => None,
        }
    };
    let mut graph = graphs.into_iter().next().expect("there is a picture");
    graph.name = Some("mirrorgrad".to_string());
    graph.input = vec![tensor(&interface.input, (0..4).map(own))];
    graph.output = vec![tensor(&interface.output, (0..watched[0].y.value().rank()).map(size))];
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

/// The pictures that a network is watched at: what is so for all of them is taken to be so for every size.
/// Heights and widths leave every remainder by 2, 3 and 4.
fn pictures(interface: &Interface) -> [[usize; 4]; 6] {
    let (least, channels) = (interface.smallest.max(4), interface.channels);
    [
        [2, channels, 2 * least, 3 * least],
        [3, channels, 3 * least + 1, 2 * least + 1],
        [5, channels, 2 * least + 3, 4 * least],
        [4, channels, 4 * least - 2, 3 * least - 1],
        [6, channels, 4 * least - 1, 2 * least + 2],
        [3, channels, 3 * least + 2, 4 * least - 3],
    ]
}

/// What a network made of a picture, beside the record of its steps.
struct Watched {
    picture: [usize; 4],
    y: Var,
    sizes: BTreeMap<Id, Sizes>,
    calls: Vec<LayerCall>,
}

fn watch(module: &(impl Module + ?Sized), picture: [usize; 4]) -> (Recording, Watched) {
    // Noise, so that values which depend on the picture differ between two of them.
    let noise = Tensor::normal(picture, 1.0, &mut seeded(picture[0] as u64));
    let pass = Pass::eval().traced();
    let (recording, y) = record(noise, |x| module.forward(x, &pass));
    (recording, Watched { picture, y, sizes: pass.sizes(), calls: pass.calls() })
}

/// Refuses a network that takes other steps for a picture of another size.
fn check_steps(
    module: &(impl Module + ?Sized),
    recordings: &[Recording],
    watched: &[Watched],
) -> Result<(), ExportError> {
    let what = |step: Option<&Step>| step.map_or("nothing more", Step::name);
    let (one, places) = (&recordings[0], positions(&recordings[0]));
    for (other, of) in recordings.iter().zip(watched).skip(1) {
        let other_places = positions(other);
        let mut paths = Places::new(module, watched[0].calls.clone());
        for nth in 0..one.steps().len().max(other.steps().len()) {
            let [step, twin] = [one, other].map(|recording| recording.steps().get(nth));
            let place = step.map_or(String::new(), |step| paths.path(step));
            let same = step.zip(twin).is_some_and(|(step, twin)| {
                step.name() == twin.name() && sources(step, &places) == sources(twin, &other_places)
            });
            if !same {
                let [found, instead] = [what(step), what(twin)];
                let size =
                    |watched: &Watched| format!("{}x{}", watched.picture[2], watched.picture[3]);
                return Err(ExportError::Steps {
                    place: within(&place, found),
                    found: format!(
                        "{found} for a picture of {} pixels, but {instead} for one of {}",
                        size(&watched[0]),
                        size(of),
                    ),
                });
            }
        }
    }
    Ok(())
}

/// Where the operands of a step come from; constants from nowhere.
fn sources(step: &Step, positions: &BTreeMap<Id, usize>) -> Vec<Option<usize>> {
    let position = |i| match step.operand(i) {
        Source::Step(id) => positions.get(&id).copied(),
        Source::Constant(_) => None,
    };
    (0..step.operands()).map(position).collect()
}

/// The graph of what the network does, as the picture number `nth` shows it.
fn write(
    module: &(impl Module + ?Sized),
    interface: &Interface,
    recordings: &[Recording],
    shapes: &Shapes,
    watched: &[Watched],
    nth: usize,
) -> Result<GraphProto, ExportError> {
    let (recording, Watched { y, sizes, calls, .. }) = (&recordings[nth], &watched[nth]);
    let places = Places::new(module, calls.clone());
    let mut writer = Writer::new(places, sizes, shapes, interface, recording.input());
    for step in recording.steps() {
        if let Some(Description::MaxUnpool { indices }) = step.describe() {
            writer.pools.push((indices, None));
        }
    }
    for (i, step) in recording.steps().iter().enumerate() {
        let steps: Vec<&Step> = recordings.iter().map(|recording| &recording.steps()[i]).collect();
        writer.step(step, steps)?;
    }
    let result = y.id().and_then(|id| writer.value(id)).ok_or(ExportError::Constant)?.to_string();
    let result = match result == interface.input {
        true => writer.graph.node("", "Identity", &[&result], vec![]),
        false => result,
    };
    writer.graph.rename(&result, &interface.output);
    Ok(writer.graph.proto)
}

/// Refuses graphs that are of one picture each.
fn check_same(one: &GraphProto, other: &GraphProto) -> Result<(), ExportError> {
    let constant = first_difference(&one.initializer, &other.initializer);
    let place = match constant {
        Some(constant) => constant.name.clone(),
        None => match first_difference(&one.node, &other.node) {
            Some(node) => node.name.clone(),
            None => return Ok(()),
        },
    };
    Err(ExportError::Fixed { place: place.unwrap_or_default() })
}

/// The first that the lists do not have in common.
fn first_difference<'a, T: PartialEq>(one: &'a [T], other: &'a [T]) -> Option<&'a T> {
    let same = one.iter().zip(other).take_while(|(one, other)| one == other).count();
    one.get(same).or(other.get(same))
}

fn tensor(name: &str, sizes: impl Iterator<Item = Option<Size>>) -> ValueInfoProto {
    let shape = TensorShapeProto { dim: sizes.map(|value| DimensionProto { value }).collect() };
    let tensor_type = TensorTypeProto { elem_type: Some(FLOAT), shape: Some(shape) };
    ValueInfoProto {
        name: Some(name.to_string()),
        r#type: Some(TypeProto { tensor_type: Some(tensor_type) }),
    }
}
