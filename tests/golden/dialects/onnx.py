#!/usr/bin/env python3
"""Writes onnx.safetensors and onnx.json: the ONNX standard's own node tests of the operations of `mirrorgrad op`, more
of them computed by ONNX Runtime, and convolutions in ONNX's own words. How to read them, common.py says.

How to run (any recent onnx and onnxruntime):

    python3 -m venv on && on/bin/pip install onnx onnxruntime numpy safetensors
    on/bin/python tests/golden/dialects/onnx.py

The node tests are those of onnx.backend.test that are two-dimensional, floating and say what the contract can say; the
others are named with the reason. ONNX Runtime must agree with each one taken, where it runs it. The standard's reference
evaluator is used nowhere: it is wrong for ConvTranspose with groups or with output_shape.

Not here, since the standard and ONNX Runtime differ or are silent: ConvTranspose with auto_pad SAME_* and a kernel below
the stride (the standard: input * stride; ONNX Runtime and shape inference: the full size), output_padding of a stride or
more under a dilation (refused by ONNX Runtime), Conv with auto_pad SAME_* and a dilation (not in ONNX Runtime).
"""

from common import Golden, rows, shapes, take

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper
from onnx.backend.test.case.node import collect_testcases

ABOUT = """op cases named node_* are the standard's node tests; a pool's picture of more than 512 numbers is cut to its
first plane, which pools take one by one. The words are the attributes of Conv and ConvTranspose: pads is [top, left,
bottom, right]. Run by ONNX Runtime."""

OPSET = 20
golden = Golden("onnx", seed=20261205)


class Unsaid(Exception):
    """What the contract of `mirrorgrad op` has no word for."""


def need(condition, reason):
    if not condition:
        raise Unsaid(reason)


def session(model):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 4
    return onnxruntime.InferenceSession(model.SerializeToString(), options, providers=["CPUExecutionProvider"])


def run(op, *inputs, outputs=1, **attributes):
    """ONNX Runtime's answer, in single precision, for one node."""
    names, results = [f"i{i}" for i in range(len(inputs))], [f"o{i}" for i in range(outputs)]
    inputs = [np.asarray(x, np.float32) if np.asarray(x).dtype.kind == "f" else np.asarray(x) for x in inputs]
    node = helper.make_node(op, names, results, **attributes)
    kinds = [helper.np_dtype_to_tensor_dtype(x.dtype) for x in inputs]
    given = [helper.make_tensor_value_info(n, k, x.shape) for n, k, x in zip(names, kinds, inputs)]
    kinds = [TensorProto.FLOAT, TensorProto.INT64]  # a second output is a pool's indices
    found = [helper.make_tensor_value_info(n, k, None) for n, k in zip(results, kinds)]
    graph = helper.make_graph([node], "one", given, found)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=9)
    answers = session(model).run(None, dict(zip(names, inputs)))
    return answers if outputs > 1 else answers[0]


# Readers of the node tests: from (attributes, inputs, outputs) in ONNX's words to (op, attrs, inputs, outputs) in the
# contract's.


def auto_pad(attributes):
    return attributes.get("auto_pad", b"NOTSET").decode()


def shared(attributes):
    """The attributes that mean the same, but padding."""
    names = {"strides": "stride", "dilations": "dilation", "group": "groups"}
    return {names[key]: value for key, value in attributes.items() if key in names}


def numeric(attributes):
    """padding as [top, left, bottom, right], where there is some."""
    pads = attributes.get("pads")
    return {} if pads is None else {"padding": pads}


def same(attributes):
    return {"padding": auto_pad(attributes).lower()}


def read_conv(attributes, inputs, outputs):
    words = shared(attributes) | (numeric(attributes) if auto_pad(attributes) == "NOTSET" else same(attributes))
    return "conv2d", words, dict(zip(("input", "weight", "bias"), inputs)), {"output": outputs[0]}


def read_conv_transpose(attributes, inputs, outputs):
    words, auto = shared(attributes), auto_pad(attributes)
    extra, shape = attributes.get("output_padding", [0, 0]), attributes.get("output_shape")
    if shape is not None:
        sizes = zip(
            attributes.get("strides", [1, 1]), attributes.get("dilations", [1, 1]), inputs[0].shape[2:],
            inputs[1].shape[2:], extra, shape,
        )
        surplus = [(s * (i - 1) + d * (k - 1) + 1 + e - o, s * i - o) for s, d, i, k, e, o in sizes]
        if not any(extra) and all(0 <= short < s for (_, short), s in zip(surplus, attributes["strides"])):
            words |= {"padding": "same_upper" if auto == "SAME_UPPER" else "same_lower", "output_size": shape}
        else:  # not a size the contract's same has: in numbers
            total = [max(p, 0) for p, _ in surplus]
            front = [p // 2 if auto == "SAME_UPPER" else -(-p // 2) for p in total]
            more = [e + max(-p, 0) for e, (p, _) in zip(extra, surplus)]
            words |= {"padding": front + [p - f for p, f in zip(total, front)], "output_padding": more}
    else:
        need(auto == "NOTSET" or not any(extra), "auto_pad with output_padding")
        words |= numeric(attributes) if auto == "NOTSET" else same(attributes)
        words |= {"output_padding": extra} if any(extra) else {}
    return "conv_transpose2d", words, dict(zip(("input", "weight", "bias"), inputs)), {"output": outputs[0]}


def pool_words(attributes):
    words = {"kernel": attributes["kernel_shape"], "stride": attributes.get("strides", [1, 1])}
    words |= numeric(attributes) if auto_pad(attributes) == "NOTSET" else same(attributes)
    if attributes.get("dilations", [1, 1]) != [1, 1]:
        words["dilation"] = attributes["dilations"]
    if attributes.get("ceil_mode", 0):
        words["ceil_mode"] = True
    return words


def planes(x, found):
    """The input and the outputs of a pool, or the first plane of them where the picture is large."""
    if x.size > 512:
        x, found = x[:1, :1], {key: value[:1, :1] for key, value in found.items()}
    return {"input": x}, found


def read_max_pool(attributes, inputs, outputs):
    words, x = pool_words(attributes), inputs[0]
    found = {"output": outputs[0]}
    if len(outputs) > 1:  # indices over all of N*C*H*W, column by column if asked so
        height, width = x.shape[2:]
        flat = outputs[1] % (height * width)
        found["indices"] = flat % height * width + flat // height if attributes.get("storage_order", 0) else flat
    return "max_pool2d", words, *planes(x, found)


def read_average_pool(attributes, inputs, outputs):
    words = pool_words(attributes)
    need("dilation" not in words, "a dilated average pool")
    words["count_include_pad"] = bool(attributes.get("count_include_pad", 0))
    return "avg_pool2d", words, *planes(inputs[0], {"output": outputs[0]})


def read_max_unpool(attributes, inputs, outputs):
    need(len(inputs) == 2, "output_shape, with indices of another size")
    x, indices = inputs[:2]
    words = {"kernel": attributes["kernel_shape"], "stride": attributes.get("strides", [1, 1]), **numeric(attributes)}
    indices = indices % int(np.prod(outputs[0].shape[2:]))
    return "max_unpool2d", words, {"input": x, "indices": indices}, {"output": outputs[0]}


def read_resize(attributes, inputs, outputs):
    x, y = inputs[0], outputs[0]
    mode = attributes.get("mode", b"nearest").decode()
    coordinates = attributes.get("coordinate_transformation_mode", b"half_pixel").decode()
    rounding = attributes.get("nearest_mode", b"round_prefer_floor").decode()
    need(x.shape[:2] == y.shape[:2], "a resize of the channels")
    need(not attributes.get("antialias", 0), "antialias")
    need(attributes.get("exclude_outside", 0) == 0, "exclude_outside")
    need(attributes.get("keep_aspect_ratio_policy", b"stretch") == b"stretch", "an aspect ratio kept")
    scales = inputs[-1] if inputs[-1].dtype.kind == "f" else None  # else the sizes
    if scales is not None:
        sizes = np.array(x.shape)[attributes.get("axes", range(x.ndim))] * scales.astype(float)
        exact = np.abs(sizes - np.rint(sizes)).max() < 1e-6
        need(exact, "a scale that is not the ratio of the sizes")
    words = {"output_size": list(y.shape[2:])}
    if mode == "linear" and coordinates in ("half_pixel", "align_corners", "pytorch_half_pixel"):
        need(coordinates == "align_corners" or min(y.shape[2:]) > 1, "a size of 1")
        if coordinates == "align_corners":
            words["align_corners"] = True
        return "upsample_bilinear2d", words, {"input": x}, {"output": y}
    need(mode == "nearest" and coordinates == "asymmetric" and rounding == "floor", f"{mode} {coordinates} {rounding}")
    return "upsample_nearest2d", words, {"input": x}, {"output": y}


def read_batch_norm(attributes, inputs, outputs):
    need(attributes.get("training_mode", 0) == 1, "running statistics")
    words = {"eps": round(attributes["epsilon"], 9)} if "epsilon" in attributes else {}
    return "batch_norm2d", words, dict(zip(("input", "weight", "bias"), inputs)), {"output": outputs[0]}


def read_group_norm(attributes, inputs, outputs):
    words = {"num_groups": attributes["num_groups"]}
    words |= {"eps": round(attributes["epsilon"], 9)} if "epsilon" in attributes else {}
    need(inputs[1].size == inputs[0].shape[1], "a scale per group")
    return "group_norm", words, dict(zip(("input", "weight", "bias"), inputs)), {"output": outputs[0]}


def read_cross_entropy(attributes, inputs, outputs):
    words = {"reduction": attributes.get("reduction", b"mean").decode()}
    words |= {"ignore_index": attributes["ignore_index"]} if "ignore_index" in attributes else {}
    need(len(outputs) == 1, "log_prob asked for too")
    found = {"output": np.asarray(outputs[0])}
    return "cross_entropy2d", words, dict(zip(("input", "target", "weight"), inputs)), found


READERS = {
    "Conv": read_conv, "ConvTranspose": read_conv_transpose, "MaxPool": read_max_pool,
    "AveragePool": read_average_pool, "MaxUnpool": read_max_unpool, "Resize": read_resize,
    "BatchNormalization": read_batch_norm, "GroupNormalization": read_group_norm,
    "SoftmaxCrossEntropyLoss": read_cross_entropy,
}


# Whose outputs the standard writes with four digits: ONNX Runtime's are taken, which agree.
ROUNDED = ["test_averagepool_2d_ceil_last_window_starts_on_pad"]


def node_tests():
    left_out = []
    for test in collect_testcases(None):
        if len(test.model.graph.node) != 1 or test.model.graph.node[0].op_type not in READERS:
            continue
        node, (inputs, outputs) = test.model.graph.node[0], test.data_sets[0]
        try:
            attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
            need(inputs[0].ndim == 4, "not two-dimensional")
            need(inputs[0].dtype in (np.float32, np.float64), "not floating")
            op, words, given, found = READERS[node.op_type](attributes, inputs, outputs)
            answers = agree(test, inputs, outputs)
            if test.name in ROUNDED:
                op, words, given, found = READERS[node.op_type](attributes, inputs, answers)
        except Unsaid as reason:
            left_out.append(f"{test.name}: {reason}")
            continue
        kind = "F64" if inputs[0].dtype == np.float64 else "F32"
        words = {key: list(value) if isinstance(value, (list, tuple)) else value for key, value in words.items()}
        golden.op(test.name.replace("test_", "node_", 1), op, words, kind, given, found)
    print("node tests left out:", *left_out, sep="\n  ")


def agree(test, inputs, outputs):
    """ONNX Runtime's answers to a node test; says where it does not run or gives others."""
    try:
        net = session(test.model)
        answers = net.run(None, dict(zip([x.name for x in net.get_inputs()], inputs)))
    except Exception as error:
        print(f"{test.name}: ONNX Runtime does not run it ({str(error).splitlines()[0][:120]})")
        return
    for answer, output in zip(answers, outputs):
        if answer.shape != np.shape(output) or not np.allclose(answer, output, rtol=1e-3, atol=1e-5):
            print(f"{test.name}: ONNX Runtime DISAGREES: {answer.shape} {np.shape(output)}")
    return answers


# More operations, by ONNX Runtime.

CONV2D = """
name         n ci co image kernel strides pads    dilations group auto_pad     bias
sides        1 2  2  5,4   3,3    2,2     0,1,2,0 -         -     -            1
sides_groups 1 4  2  5,6   3,2    2,1     1,0,0,2 1,2       2     -            1
upper        2 2  2  5,6   4,3    2,2     -       -         -     "SAME_UPPER" 1
lower        1 2  3  5,6   4,3    2,2     -       -         -     "SAME_LOWER" 1
lower_s3     1 1  2  7,8   2,4    3,3     -       -         -     "SAME_LOWER" -
lower_k_lt_s 1 1  2  7,8   2,1    3,3     -       -         -     "SAME_LOWER" -
lower_groups 1 4  4  5,4   2,3    2,1     -       -         4     "SAME_LOWER" 1
valid        1 2  2  6,5   3,2    2,3     -       -         -     "VALID"      1
"""

CONV_TRANSPOSE2D = """
name         n ci co map kernel strides pads    dilations group auto_pad     output_padding output_shape bias
sides        1 2  2  3,2 3,3    2,2     0,1,2,0 -         -     -            -              -            1
sides_op     1 1  2  3,2 3,4    2,3     1,0,0,2 -         -     -            1,2            -            1
op_groups    1 4  2  2,3 3,2    2,1     1,0,1,1 1,2       2     -            1,0            -            1
upper        2 2  2  3,2 3,3    2,2     -       -         -     "SAME_UPPER" -              -            1
lower        1 2  3  3,2 3,3    2,2     -       -         -     "SAME_LOWER" -              -            1
upper_odd    1 1  2  3,4 3,3    2,2     -       -         -     "SAME_UPPER" -              5,7          1
lower_odd    1 1  2  3,4 4,3    2,2     -       -         -     "SAME_LOWER" -              5,7          1
notset_shape 1 2  1  3,4 3,3    2,2     -       -         -     -            -              6,8          1
notset_mixed 1 1  2  2,3 4,3    3,2     -       -         -     -            -              6,6          -
shape_groups 1 4  2  3,2 3,3    2,2     -       -         2     -            -              6,4          1
shape_op     1 1  1  3,2 3,3    2,2     -       -         -     -            1,1            6,4          -
shape_d      1 1  2  3,2 3,2    2,2     -       2,3       -     -            -              6,4          1
"""

POOLS = """
op          name       n c image kernel_shape strides pads    dilations ceil_mode count_include_pad auto_pad
MaxPool     sides      1 2 7,6   3,2          2,2     0,1,2,0 -         -         -                 -
MaxPool     lower      1 2 7,6   3,2          2,2     -       -         -         -                 "SAME_LOWER"
MaxPool     upper      2 1 5,7   2,2          2,2     -       -         -         -                 "SAME_UPPER"
MaxPool     ceil       1 2 6,7   3,2          2,3     1,0,1,0 -         1         -                 -
MaxPool     dilated    1 1 7,8   3,2          1,2     1,0,0,1 2,3       -         -                 -
AveragePool sides      1 2 7,6   3,2          2,2     0,1,2,0 -         -         1                 -
AveragePool sides_real 1 2 7,6   3,2          2,2     0,1,2,0 -         -         0                 -
AveragePool lower      1 2 7,6   3,2          2,2     -       -         -         0                 "SAME_LOWER"
AveragePool upper      1 2 5,7   2,2          2,2     -       -         -         0                 "SAME_UPPER"
AveragePool ceil       1 1 6,7   3,3          2,2     1,1,1,1 -         1         0                 -
"""


def operations():
    for op, reader, table in (("Conv", read_conv, CONV2D), ("ConvTranspose", read_conv_transpose, CONV_TRANSPOSE2D)):
        for row in rows(table):
            name = row.pop("name")
            inputs = [x.astype(np.float32) for x in golden.inputs(row, "group").values()]
            record(name, reader, row, inputs, [run(op, *inputs, **row)])
    for row in rows(POOLS):
        op, name, n, c, image = take(row, "op", "name", "n", "c", "image")
        if op == "MaxPool":
            x = golden.distinct(n, c, *image).astype(np.float32)
            record(name, read_max_pool, row, [x], run(op, x, outputs=2, **row))
        else:
            x = golden.noise(n, c, *image).astype(np.float32)
            record(name, read_average_pool, row, [x], [run(op, x, **row)])


def record(name, reader, attributes, inputs, outputs):
    attributes = {key: value.encode() if isinstance(value, str) else value for key, value in attributes.items()}
    op, words, given, found = reader(attributes, inputs, outputs)
    golden.op(f"{op}_{name}", op, words, "F32", given, found)


# ONNX's own words.

CONV = """
name         ci co image kernel strides pads    dilations group auto_pad
plain        2  2  5,4   3,3    -       -       -         -     -
pads         1  2  5,6   3,3    2,1     1,1,1,1 -         -     -
sides        1  2  5,4   3,3    2,2     0,1,2,0 -         -     -
one_side     1  1  4,6   2,3    1,3     1,0,0,0 -         -     -
skips        1  2  7,9   1,2    2,4     -       -         -     -
dilations    1  1  7,8   3,2    1,2     2,1,1,0 2,3       -     -
groups       4  2  5,4   3,2    2,1     1,1,1,1 -         2     -
depthwise    3  3  4,5   3,3    2,1     1,0,0,1 1,2       3     -
upper        1  2  5,6   2,3    2,2     -       -         -     "SAME_UPPER"
lower        1  2  5,6   2,3    2,2     -       -         -     "SAME_LOWER"
upper_k4_s3  1  1  7,8   4,5    3,3     -       -         -     "SAME_UPPER"
lower_k4_s3  1  1  7,8   4,5    3,3     -       -         -     "SAME_LOWER"
lower_s4     1  1  9,6   5,3    4,4     -       -         -     "SAME_LOWER"
lower_k_lt_s 1  1  7,9   1,2    2,4     -       -         -     "SAME_LOWER"
valid        1  2  6,5   3,2    2,3     -       -         -     "VALID"
"""

CONV_TRANSPOSE = """
name          ci co map kernel strides pads    dilations group auto_pad     output_padding output_shape
plain         2  2  3,4 3,3    -       -       -         -     -            -              -
pads          1  2  3,4 3,3    2,2     1,1,1,1 -         -     -            -              -
sides         1  2  3,2 3,3    2,2     0,1,2,0 -         -     -            -              -
op            1  1  3,4 3,3    2,2     1,1,1,1 -         -     -            1,1            -
sides_op      1  1  3,2 3,4    2,3     1,0,0,2 -         -     -            1,2            -
op_no_pads    1  1  2,3 3,2    3,2     -       -         -     -            2,1            -
op_k_lt_s     1  2  2,2 2,1    3,4     -       -         -     -            1,3            -
s4            1  1  2,2 3,5    4,4     1,0,0,1 -         -     -            3,2            -
dilations     1  2  3,2 3,2    1,2     1,0,1,0 2,3       -     -            -              -
groups        4  2  3,2 3,2    2,2     1,1,0,0 -         2     -            1,0            -
depthwise     3  3  2,3 3,3    2,2     1,1,1,1 -         3     -            -              -
upper_3_2     1  2  3,4 3,3    2,2     -       -         -     "SAME_UPPER" -              -
lower_3_2     1  2  3,4 3,3    2,2     -       -         -     "SAME_LOWER" -              -
upper_4_3     1  1  2,3 4,5    3,3     -       -         -     "SAME_UPPER" -              -
lower_4_3     1  1  2,3 4,5    3,3     -       -         -     "SAME_LOWER" -              -
upper_s1      1  1  3,4 4,3    -       -       -         -     "SAME_UPPER" -              -
lower_s1      1  1  3,4 4,3    -       -       -         -     "SAME_LOWER" -              -
upper_d       1  1  3,2 3,2    2,2     -       2,3       -     "SAME_UPPER" -              -
valid         1  2  3,2 3,2    2,3     -       -         -     "VALID"      -              -
valid_op      1  1  3,2 3,2    2,3     -       -         -     "VALID"      1,2            -
shape_5_7     1  1  3,4 3,3    2,2     -       -         -     -            -              5,7
shape_6_8     1  1  3,4 3,3    2,2     -       -         -     -            -              6,8
shape_full    1  1  3,2 3,2    2,3     -       -         -     -            -              7,5
shape_past    1  2  3,2 1,1    2,3     -       -         -     -            -              6,6
shape_less    1  1  3,2 5,4    3,2     -       -         -     -            -              4,3
shape_op      1  1  3,2 3,3    2,2     -       -         -     -            1,1            6,4
shape_pads    1  1  3,4 3,3    2,2     0,0,1,1 -         -     -            -              6,8
shape_groups  4  2  2,3 3,3    2,2     -       -         2     -            -              4,6
shape_d       1  1  3,2 3,2    2,2     -       2,3       -     -            -              6,4
upper_shape   1  1  3,4 3,3    2,2     -       -         -     "SAME_UPPER" -              6,7
lower_shape   1  1  3,4 3,3    2,2     -       -         -     "SAME_LOWER" -              6,7
upper_shape_5 1  1  2,3 5,4    3,2     -       -         -     "SAME_UPPER" -              5,5
lower_shape_5 1  1  2,3 5,4    3,2     -       -         -     "SAME_LOWER" -              5,5
upper_op      1  1  3,4 3,3    2,2     -       -         -     "SAME_UPPER" 1,1            6,8
"""

REFUSED = """
name        layer          size kernel strides pads    dilations auto_pad     output_padding output_shape because
small_image conv           2,4  3,3    -       -       -         -            -              -            the_kernel_exceeds_the_padded_image
small_d     conv           5,6  3,2    -       1,0,1,0 4,1       -            -              -            the_kernel_exceeds_the_padded_image
empty       conv_transpose 2,3  2,3    -       2,1,1,1 -         -            -              -            the_output_is_empty
op_2_s2     conv_transpose 3,3  3,3    2,2     1,1,1,1 -         -            2,2            -            output_padding_below_stride_or_dilation
op_1_s1     conv_transpose 3,3  3,3    1,2     -       -         -            1,1            -            output_padding_below_stride_or_dilation
op_3_d3     conv_transpose 3,4  2,2    2,1     -       3,1       -            3,0            -            output_padding_below_stride_or_dilation
shape_9     conv_transpose 3,3  3,3    2,2     -       -         -            -              9,9          at_most_8_come_from_3
shape_one   conv_transpose 2,3  4,2    3,1     -       -         "SAME_UPPER" -              9,5          at_most_9_by_4_come_from_2_by_3
"""


def words():
    for layer, table in (("conv", CONV), ("conv_transpose", CONV_TRANSPOSE)):
        for row in rows(table):
            name, layout = row.pop("name"), "OIHW" if layer == "conv" else "IOHW"
            x, weight = [golden.whole(*shape) for shape in shapes(row, "group")[:2]]
            y = run(NODES[layer], x, weight, **row)
            golden.dialect(f"{layer}_{name}", "onnx", layer, row, layout, x, weight, y)
    for row in rows(REFUSED):
        name, layer, size, kernel, because = take(row, "name", "layer", "size", "kernel", "because")
        x, weight = golden.whole(1, 1, *size), golden.whole(1, 1, *kernel)
        golden.refused(
            f"refused_{name}", "onnx", layer, row, size, kernel, because.replace("_", " "),
            lambda: run(NODES[layer], x, weight, **row),
        )


NODES = {"conv": "Conv", "conv_transpose": "ConvTranspose"}


def main():
    for group in (node_tests, operations, words):
        group()
    golden.save(f"onnx {onnx.__version__}, ONNX Runtime {onnxruntime.__version__}, NumPy {np.__version__}", ABOUT)


if __name__ == "__main__":
    main()
