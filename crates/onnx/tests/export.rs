//! What the files say. That other programs compute the same from them is held by
//! `tests/peers/onnx_check.py`.

use mirrorgrad_autograd::{Call, Op, Var, ops};
use mirrorgrad_layers::models::{Fcn, FcnConfig, Network, Norm, UNet, UNetConfig, Upsampling};
use mirrorgrad_layers::weights::state_dict;
use mirrorgrad_layers::{
    BatchNorm2d, Conv2d, ConvTranspose2d, MaxPool2d, Module, Param, Params, Pass, Sequential,
    Visitor,
};
use mirrorgrad_onnx::proto::{
    GraphProto, ModelProto, NodeProto, Size, TensorProto, ValueInfoProto,
};
use mirrorgrad_onnx::{ExportError, Interface, OPSET, export};
use mirrorgrad_tensor::{Corners, Tensor, Window};
use prost::Message;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use std::collections::HashSet;

fn rng() -> ChaCha8Rng {
    ChaCha8Rng::seed_from_u64(7)
}

fn decode(bytes: &[u8]) -> GraphProto {
    ModelProto::decode(bytes).unwrap().graph.unwrap()
}

fn exported(module: &(impl Module + ?Sized), smallest: usize) -> GraphProto {
    decode(&export(module, &Interface { smallest, ..Interface::new(3) }).unwrap())
}

fn refusal(module: &impl Module) -> String {
    export(module, &Interface::new(3)).unwrap_err().to_string()
}

fn networks() -> Vec<(&'static str, Box<dyn Network>)> {
    let fcn = |upsample, norm| {
        let widths = vec![3, 4, 5];
        let config = FcnConfig { widths, upsample, norm, ..FcnConfig::new(4) };
        Box::new(Fcn::new(&config, &mut rng()))
    };
    let early = |upsample, finest| {
        let config = FcnConfig { widths: vec![3, 4, 5], upsample, finest, ..FcnConfig::new(4) };
        Box::new(Fcn::new(&config, &mut rng()))
    };
    let unet = |upsample| {
        let config = UNetConfig { widths: vec![3, 4, 5], upsample, ..UNetConfig::new(4) };
        Box::new(UNet::new(&config, &mut rng()))
    };
    vec![
        ("fcn", fcn(Upsampling::Deconv, Norm::Batch)),
        ("fcn without a norm", fcn(Upsampling::Deconv, Norm::None)),
        ("fcn with group norm", fcn(Upsampling::Deconv, Norm::Group)),
        ("fcn bilinear", fcn(Upsampling::Bilinear, Norm::Batch)),
        ("fcn ending early", early(Upsampling::Deconv, 1)),
        ("fcn without skips", early(Upsampling::Deconv, 3)),
        ("fcn ending early, bilinear", early(Upsampling::Bilinear, 2)),
        ("segnet", fcn(Upsampling::Unpool, Norm::Batch)),
        ("segnet with group norm", fcn(Upsampling::Unpool, Norm::Group)),
        ("unet", unet(Upsampling::Deconv)),
        ("unet bilinear", unet(Upsampling::Bilinear)),
    ]
}

fn ops_of(graph: &GraphProto) -> Vec<&str> {
    graph.node.iter().map(|node| node.op_type.as_deref().unwrap()).collect()
}

fn initializer<'a>(graph: &'a GraphProto, name: &str) -> &'a TensorProto {
    graph.initializer.iter().find(|tensor| tensor.name.as_deref() == Some(name)).unwrap()
}

fn numbers(tensor: &TensorProto) -> Vec<f32> {
    let (bytes, _) = tensor.raw_data.as_ref().unwrap().as_chunks();
    bytes.iter().copied().map(f32::from_le_bytes).collect()
}

fn shape_of(value: &ValueInfoProto) -> Vec<Option<Size>> {
    let tensor = value.r#type.clone().unwrap().tensor_type.unwrap();
    tensor.shape.unwrap().dim.into_iter().map(|dim| dim.value).collect()
}

/// A layer that is a function.
struct Layer<F>(F);

impl<F: Fn(&Var) -> Var + Send + Sync> Module for Layer<F> {
    fn forward(&self, x: &Var, _: &Pass) -> Var {
        (self.0)(x)
    }
}

#[test]
fn every_parameter_of_a_convolution_is_there_once_under_its_own_name_with_its_own_numbers() {
    for (name, network) in networks() {
        let graph = exported(&*network, network.smallest_input());
        for (param, value) in state_dict(&*network) {
            if param.contains("norm") {
                continue;
            }
            let named: Vec<_> =
                graph.initializer.iter().filter(|t| t.name.as_ref() == Some(&param)).collect();
            assert_eq!(named.len(), 1, "{name}: {param}");
            let dims: Vec<i64> = value.shape().iter().map(|&size| size as i64).collect();
            assert_eq!((&named[0].dims, numbers(named[0])), (&dims, value.as_slice().to_vec()));
        }
    }
}

#[test]
fn batch_height_and_width_stay_open_and_come_out_as_they_went_in() {
    for (name, network) in networks() {
        let graph = exported(&*network, network.smallest_input());
        let open = |name: &str| Some(Size::DimParam(name.to_string()));
        let want = |channels| {
            [open("batch"), Some(Size::DimValue(channels)), open("height"), open("width")]
        };
        let [input, output] = [&graph.input[0], &graph.output[0]];
        assert_eq!([&input.name, &output.name], [&Some("picture".into()), &Some("scores".into())]);
        assert_eq!(
            (shape_of(input), shape_of(output)),
            (want(3).to_vec(), want(4).to_vec()),
            "{name}"
        );
    }
}

#[test]
fn every_value_is_made_once_and_before_it_is_read() {
    for (name, network) in networks() {
        let graph = exported(&*network, network.smallest_input());
        let mut made: HashSet<&str> = HashSet::from(["picture", ""]);
        for tensor in &graph.initializer {
            assert!(made.insert(tensor.name.as_deref().unwrap()), "{name}: {:?}", tensor.name);
        }
        for NodeProto { input, output, name: node, .. } in &graph.node {
            assert!(input.iter().all(|input| made.contains(input.as_str())), "{name}: {node:?}");
            assert!(output.iter().all(|output| made.insert(output)), "{name}: {node:?}");
        }
        assert!(made.contains("scores"), "{name}");
    }
}

#[test]
fn the_file_names_its_format_its_operators_and_what_it_was_told() {
    let metadata = vec![("classes".to_string(), "[\"sky\"]".to_string())];
    let network = Conv2d::<f32>::new([3, 2], Window::square(1), &mut rng());
    let bytes = export(&network, &Interface { metadata, ..Interface::new(3) }).unwrap();
    let model = ModelProto::decode(&bytes[..]).unwrap();
    assert_eq!((model.ir_version, model.producer_name.as_deref()), (Some(8), Some("mirrorgrad")));
    assert_eq!(model.opset_import[0].version, Some(OPSET));
    assert_eq!(model.metadata_props[0].key.as_deref(), Some("classes"));
    assert_eq!(model.metadata_props[0].value.as_deref(), Some("[\"sky\"]"));
}

#[test]
fn a_batch_normalization_becomes_a_product_and_a_sum() {
    let norm = BatchNorm2d::<f32>::new(3);
    let values = [[2.0, 3.0, -1.0], [0.5, 0.0, 1.0], [1.0, -2.0, 0.25], [4.0, 0.25, 1.0]];
    for ((_, param), value) in Params::of(&norm).iter().zip(values) {
        param.set(value.into());
    }
    let graph = exported(&Sequential::new().with(norm), 1);
    assert_eq!(ops_of(&graph), ["Mul", "Add"]);
    let names: Vec<_> = graph.node.iter().map(|node| node.name.as_deref().unwrap()).collect();
    assert_eq!(names, ["0/Mul", "0/Add"]);
    let [gain, bias, mean, variance] = values;
    let factor: Vec<f32> = (0..3).map(|i| gain[i] / (variance[i] + 1e-5).sqrt()).collect();
    let offset: Vec<f32> = (0..3).map(|i| bias[i] - mean[i] * factor[i]).collect();
    for (node, want) in graph.node.iter().zip([factor, offset]) {
        let constant = initializer(&graph, &node.input[1]);
        assert_eq!(constant.dims, [3, 1, 1]);
        for (got, want) in numbers(constant).iter().zip(want) {
            assert!((got - want).abs() < 1e-6, "{node:?}: {got} for {want}");
        }
    }
}

#[test]
fn a_step_is_named_after_its_layer() {
    let (_, fcn) = networks().remove(0);
    let graph = exported(&*fcn, fcn.smallest_input());
    let names: Vec<_> = graph.node.iter().map(|node| node.name.as_deref().unwrap()).collect();
    for name in ["stages.0.conv1/Conv", "stages.2.norm2/Relu", "ups.1/ConvTranspose", "score/Conv"]
    {
        assert!(names.contains(&name), "{names:?} without {name}");
    }
}

#[test]
fn a_parameter_that_is_read_twice_is_written_once() {
    struct Twice(Param);
    impl Module for Twice {
        fn forward(&self, x: &Var, _: &Pass) -> Var {
            x * &self.0.var() + self.0.var()
        }
        fn visit(&self, visitor: &mut Visitor<'_>) {
            visitor.param("both", &self.0);
        }
    }
    let graph = exported(&Twice(Param::new(Tensor::new([3, 1, 1], [1.0, 2.0, 3.0]))), 1);
    assert_eq!(graph.initializer.len(), 1);
    assert_eq!([&graph.node[0].input[1], &graph.node[1].input[1]], ["both", "both"]);
}

#[test]
fn an_op_without_words_is_refused_by_its_name() {
    #[derive(Debug)]
    struct Cube;
    impl Op<f32> for Cube {
        type Saved = ();
        fn forward(&self, x: &[&Tensor]) -> (Tensor, ()) {
            (x[0].map(|v| v * v * v), ())
        }
        fn vjp(&self, _: usize, _: &Call<'_, f32, ()>, grad: &Var) -> Var {
            grad.clone()
        }
    }
    let says = refusal(&Layer(|x: &Var| Var::apply(Cube, &[x])));
    assert!(says.contains("found Cube") && says.contains("expected an op"), "{says}");
}

#[test]
fn what_is_made_for_one_size_of_picture_is_refused_by_its_name() {
    let to_own_size = Layer(|x: &Var| {
        let [_, _, height, width] = x.value().dims();
        ops::upsample_bilinear2d(x, [2 * height, 2 * width], Corners::HalfPixel)
    });
    let says = refusal(&to_own_size);
    assert!(says.contains("constant") && says.contains("Pass::record_sizes"), "{says}");
    // The mean of one picture, as if it were a constant.
    let says = refusal(&Layer(|x: &Var| x - &x.mean().detach()));
    assert!(says.contains("values of one picture"), "{says}");
    let says =
        refusal(&Layer(|x: &Var| if x.shape()[2] % 2 == 0 { x.relu() } else { x.exp().exp() }));
    assert!(says.contains("pictures of all sizes"), "{says}");
}

#[test]
fn a_fixed_size_that_the_network_chose_is_none_of_the_pictures() {
    let graph =
        exported(&Layer(|x: &Var| ops::upsample_bilinear2d(x, [5, 7], Corners::HalfPixel)), 1);
    assert_eq!(ops_of(&graph), ["Shape", "Concat", "Resize"]);
}

#[test]
fn a_stride_whose_padding_nobody_tells_is_refused() {
    let weight = Var::parameter(Tensor::ones([2, 3, 3, 3]));
    let strided = Layer(move |x: &Var| {
        let [_, _, height, width] = x.value().dims();
        let geometry = Window::square(3).stride(2).padding(1).conv([height, width]).unwrap();
        ops::conv2d(geometry, x, &weight, None)
    });
    let says = refusal(&strided);
    assert!(says.contains("Conv: expected recorded sizes with the padding"), "{says}");
}

#[test]
fn a_result_that_no_picture_changes_is_refused() {
    let says = refusal(&Layer(|_: &Var| Var::constant(Tensor::ones([1]))));
    assert!(says.contains("depends on the picture"), "{says}");
}

#[test]
fn indices_of_no_pool_before_it_are_refused() {
    let says = refusal(&Layer(|x: &Var| {
        let (_, indices) = MaxPool2d::square(1).forward_indices(&x.detach(), &Pass::eval());
        ops::max_unpool2d(x, &indices)
    }));
    assert!(says.contains("MaxUnpool: expected the indices of an earlier max pooling"), "{says}");
}

#[test]
fn the_identity_is_a_network() {
    assert_eq!(ops_of(&exported(&Layer(Var::clone), 1)), ["Identity"]);
}

#[test]
fn a_pools_indices_are_there_only_where_an_unpooling_reads_them() {
    for (name, network) in networks() {
        let graph = exported(&*network, network.smallest_input());
        let pools = graph.node.iter().filter(|node| node.op_type.as_deref() == Some("MaxPool"));
        let outputs = if name.starts_with("segnet") { 2 } else { 1 };
        assert!(pools.clone().count() > 0 && pools.clone().all(|p| p.output.len() == outputs));
    }
}

#[test]
fn a_size_is_the_pictures_only_if_it_is_so_for_every_picture() {
    // Down by two and up by two: an odd row is lost.
    let down = MaxPool2d::square(2);
    let up = ConvTranspose2d::new([3, 2], Window::square(2).stride(2), &mut rng());
    let graph = exported(&Sequential::<f32>::new().with(down).with(up), 1);
    let shape = shape_of(&graph.output[0]);
    assert_eq!(shape[0], Some(Size::DimParam("batch".to_string())));
    assert_eq!(shape[2..], [None, None]);
}

/// Scales by a number that is called as the input is, twice.
struct Twice(Param);

impl Module for Twice {
    fn forward(&self, x: &Var, _: &Pass) -> Var {
        &(x * &self.0.var()) * &self.0.var()
    }

    fn visit(&self, visitor: &mut Visitor<'_, f32>) {
        visitor.param("picture", &self.0);
    }
}

#[test]
fn a_parameter_that_is_called_as_the_input_is_another_value_wherever_it_is_used() {
    let graph = exported(&Twice(Param::new(Tensor::full([1], 3.0))), 1);
    let [scale] = &graph.initializer[..] else { panic!("{:?}", graph.initializer) };
    assert_ne!(scale.name(), "picture");
    let [first, second] = &graph.node[..] else { panic!("{:?}", graph.node) };
    assert_eq!([&first.input[0][..], &first.input[1]], ["picture", scale.name()]);
    assert_eq!([&second.input[0], &second.input[1][..]], [&first.output[0], scale.name()]);
}

/// The whole numbers of a constant that a node reads.
fn integers(graph: &GraphProto, name: &str) -> Vec<i64> {
    let (bytes, _) = initializer(graph, name).raw_data.as_ref().unwrap().as_chunks();
    bytes.iter().copied().map(i64::from_le_bytes).collect()
}

#[test]
fn a_pixel_shuffle_takes_its_sizes_from_the_picture() {
    let shuffle = Layer(|x: &Var| {
        let [batch, _, height, width] = x.value().dims();
        let apart = x.reshape([batch, 3, 1, 1, height, width]).concat_twice();
        let near = apart.permute(&[0, 1, 4, 2, 5, 3]);
        near.reshape([batch, 3, 2 * height, 2 * width])
    });
    let graph = exported(&shuffle, 1);
    // Twice the height is the product of two axes before.
    assert!(ops_of(&graph).contains(&"Shape"), "{:?}", ops_of(&graph));
    assert_eq!(shape_of(&graph.output[0])[1..], [Some(Size::DimValue(3)), None, None]);
}

trait ConcatTwice {
    fn concat_twice(&self) -> Var;
}

impl ConcatTwice for Var {
    /// Four times the numbers, along two new axes.
    fn concat_twice(&self) -> Var {
        let rows = ops::concat(&[self, self], 2);
        ops::concat(&[&rows, &rows], 3)
    }
}

#[test]
fn a_cut_is_told_from_the_end_where_it_is_as_far_from_it_for_every_picture() {
    let graph = exported(
        &Layer(|x: &Var| {
            let [_, _, height, width] = x.value().dims();
            x.crop([1, 2], [height - 1, width - 5])
        }),
        1,
    );
    let [cut] = &graph.node[..] else { panic!("{:?}", ops_of(&graph)) };
    let lists: Vec<_> = cut.input[1..].iter().map(|name| integers(&graph, name)).collect();
    assert_eq!(lists, [vec![1, 2], vec![i64::MAX, -3], vec![2, 3]]);
}

#[test]
fn what_vanishes_at_one_size_is_no_other_network() {
    // A cut to even sizes, and rows in pairs: both are nothing for some pictures.
    let even = Layer(|x: &Var| {
        let [batch, channels, height, width] = x.value().dims();
        let even = x.crop([0, 0], [height / 2 * 2, width / 2 * 2]);
        even.reshape([batch, channels, height / 2 * 2, width / 2 * 2])
    });
    assert!(ops_of(&exported(&even, 1)).ends_with(&["Slice"]));
    let padded = Layer(|x: &Var| {
        let [_, _, height, width] = x.value().dims();
        x.pad(&[[0, 0], [0, 0], [0, height % 2], [0, width % 2]])
    });
    assert!(ops_of(&exported(&padded, 1)).ends_with(&["Pad"]));
}

#[test]
fn a_size_that_follows_from_nothing_is_refused_in_one_line() {
    // Beyond twelve rows nothing grows.
    let least = Layer(|x: &Var| x.narrow(2, 0..x.shape()[2].min(12)));
    let says = refusal(&least);
    assert!(says.starts_with("Slice: expected a cut that follows from earlier sizes"), "{says}");
    let error: Box<dyn std::error::Error> =
        Box::new(export(&least, &Interface::new(3)).unwrap_err());
    assert_eq!(format!("{error:?}"), says); // What a `main` shows.
    assert_eq!(says.lines().count(), 1);
}

#[test]
fn a_network_that_does_something_else_to_another_picture_is_told_by_both() {
    let fickle =
        Layer(|x: &Var| if x.shape()[2] % 2 == 0 { x.relu() } else { x.exp() }.mul_scalar(2.0));
    let error = export(&fickle, &Interface::new(3)).unwrap_err();
    assert!(matches!(error, ExportError::Steps { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        "Relu: expected a network with the same ops for pictures of all sizes, found Relu for a picture of 8x12 \
         pixels, but Exp for one of 13x9"
    );
}
