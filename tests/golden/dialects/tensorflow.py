#!/usr/bin/env python3
"""Writes tensorflow.safetensors and tensorflow.json: operations of `mirrorgrad op` as TensorFlow computes them, with
first derivatives, and the convolutions of TensorFlow and of Keras in their own words. How to read them, common.py says.

How to run (TensorFlow 2.20):

    python3 -m venv tf && tf/bin/pip install tensorflow-cpu==2.20.0 safetensors
    tf/bin/python tests/golden/dialects/tensorflow.py

TensorFlow's kernels for the processor have no gradients of dilated or grouped convolutions; those cases are compiled by
its XLA, which has.
"""

import os

from common import Golden, rows, shapes, take

os.environ |= {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
import keras
import numpy as np
import tensorflow as tf

tf.get_logger().setLevel("ERROR")

ABOUT = """The words of tensorflow are those of tf.nn.conv2d and tf.nn.conv2d_transpose: output_shape is [h, w] without
the batch and the channels, an explicit padding [[top, bottom], [left, right]] without theirs. The words of keras are
those of the layers Conv2D and Conv2DTranspose."""

golden = Golden("tensorflow", seed=20261202)


def nhwc(x):
    return np.transpose(x, (0, 2, 3, 1))


def nchw(x):
    return np.transpose(np.asarray(x), (0, 3, 1, 2))


def hwio(weight):
    """[out, in, kh, kw] as [kh, kw, in, out]; of a transposed convolution, [in, out, kh, kw] as [kh, kw, out, in]."""
    return np.transpose(weight, (2, 3, 1, 0))


def oihw(weight):
    return np.transpose(np.asarray(weight), (3, 2, 0, 1))


def case(name, op, apply, attrs, inputs, constants=None, dtype="F64", compiled=False, layouts=None):
    """One case of `mirrorgrad op` with first derivatives. Arrays have the contract's layouts; `layouts` has, by key,
    how to turn one into TensorFlow's and back (pictures are turned anyway)."""
    kind = {"F32": tf.float32, "F64": tf.float64}[dtype]
    keep = (lambda x: x, np.asarray)
    turn = {key: (layouts or {}).get(key, (nhwc, nchw) if np.ndim(x) == 4 else keep) for key, x in inputs.items()}
    turn["output"] = (layouts or {}).get("output", (nhwc, nchw))
    leaves = {key: tf.constant(turn[key][0](x), kind) for key, x in inputs.items()}
    constants = constants or {}
    fixed = {key: tf.constant(x, tf.int64 if x.dtype.kind == "i" else kind) for key, x in constants.items()}

    def forward(leaves):
        output = apply(**leaves, **fixed, **attrs)
        return output if isinstance(output, tuple) else (output, None)

    def backward(leaves, grad_output):
        with tf.GradientTape() as tape:
            tape.watch(list(leaves.values()))
            output = forward(leaves)[0]
        return tape.gradient(output, leaves, grad_output)

    if compiled:
        forward, backward = (tf.function(f, jit_compile=True) for f in (forward, backward))
    output, indices = forward(leaves)
    output = turn["output"][1](output)
    grad_output = golden.noise(*output.shape)
    grads = backward(leaves, tf.constant(turn["output"][0](grad_output), kind))
    found = {"output": output} | ({} if indices is None else {"indices": indices})
    found |= {f"grad_{key}": turn[key][1](grad) for key, grad in grads.items()}
    golden.op(name, op, attrs, dtype, {**inputs, **constants, "grad_output": grad_output}, found)


# The operations, taking the contract's attributes.


def side_names(padding):
    """The padding TensorFlow's way: its word, or pairs for each of its four axes."""
    if isinstance(padding, str):
        return {"same_upper": "SAME", "valid": "VALID"}[padding]
    top, left, bottom, right = padding if len(padding) == 4 else [*padding, *padding]
    return [[0, 0], [top, bottom], [left, right], [0, 0]]


def conv2d(input, weight, bias=None, *, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    output = tf.nn.conv2d(input, weight, stride, side_names(padding), dilations=dilation)
    return output if bias is None else tf.nn.bias_add(output, bias)


def conv_transpose2d(
    input, weight, bias=None, *, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1, output_size=None
):
    n, h, w, _ = input.shape
    if output_size is None:
        kernel = weight.shape[:2]
        full = [s * (i - 1) + d * (k - 1) + 1 for s, i, d, k in zip(stride, (h, w), dilation, kernel)]
        output_size = {"same_upper": [h * stride[0], w * stride[1]], "valid": full}[padding]
    shape = [n, *output_size, weight.shape[2] * groups]
    output = tf.nn.conv2d_transpose(input, weight, shape, stride, side_names(padding), dilations=dilation)
    return output if bias is None else tf.nn.bias_add(output, bias)


def max_pool2d(input, *, kernel, stride=None, padding):
    stride, padding = stride or kernel, side_names(padding)
    output = tf.nn.max_pool2d(input, kernel, stride, padding)
    if not isinstance(padding, str):
        return output
    again, indices = tf.nn.max_pool_with_argmax(input, kernel, stride, padding)
    assert np.array_equal(output, again)
    indices = nchw(indices) // input.shape[3]  # of TensorFlow's (y * W + x) * C + c
    planes = nchw(input).reshape(input.shape[0], input.shape[3], -1)
    flat = indices.reshape(*planes.shape[:2], -1)
    assert np.array_equal(np.take_along_axis(planes, flat, 2), nchw(output).reshape(flat.shape))
    return output, indices


def avg_pool2d(input, *, kernel, stride=None, padding, count_include_pad):
    assert not count_include_pad  # its padding never counts
    return tf.nn.avg_pool2d(input, kernel, stride or kernel, side_names(padding))


def upsample_bilinear2d(input, *, output_size, align_corners=False):
    return tf.compat.v1.image.resize_bilinear(input, output_size, align_corners, half_pixel_centers=not align_corners)


def upsample_nearest2d(input, *, output_size):
    return tf.compat.v1.image.resize_nearest_neighbor(input, output_size)


def batch_norm2d(input, weight, bias, *, eps=1e-5):
    mean, variance = tf.nn.moments(input, (0, 1, 2))
    return tf.nn.batch_normalization(input, mean, variance, bias, weight, eps)


def cross_entropy2d(input, target, *, reduction):
    each = tf.nn.sparse_softmax_cross_entropy_with_logits(target, input)
    return {"mean": tf.reduce_mean, "sum": tf.reduce_sum, "none": tf.identity}[reduction](each)


# The cases.

CONV2D = """
name         n ci co image kernel stride padding      dilation groups bias dtype
same         2 2  3  5,4   3,3    -      "same_upper" -        -      1    F64
same_s2      1 2  2  6,7   3,3    2,2    "same_upper" -        -      1    F64
same_unequal 1 2  1  7,5   2,5    3,2    "same_upper" -        -      -    F64
same_k1      1 1  2  5,6   1,1    2,3    "same_upper" -        -      1    F64
same_k_lt_s  1 1  2  7,9   2,1    4,3    "same_upper" -        -      -    F64
same_even    1 2  2  4,5   4,2    2,1    "same_upper" -        -      1    F64
same_dilated 1 2  1  7,6   3,2    -      "same_upper" 2,3      -      1    F64
same_d_s     1 1  1  9,8   3,2    2,3    "same_upper" 2,3      -      -    F64
same_groups  1 4  2  5,6   3,2    2,1    "same_upper" -        2      1    F64
valid        1 2  2  6,5   3,2    2,3    "valid"      -        -      1    F64
sides        1 2  2  5,4   3,3    2,2    0,1,2,0      -        -      1    F64
sides_one    1 1  2  4,6   2,3    1,3    1,0,0,0      -        -      -    F64
same_f32     2 2  2  7,6   3,4    2,3    "same_upper" -        -      1    F32
"""

CONV_TRANSPOSE2D = """
name         n ci co map kernel stride padding      output_size dilation groups bias dtype
same         2 2  3  3,4 3,3    2,2    "same_upper" -           -        -      1    F64
same_odd     1 2  2  3,4 3,3    2,2    "same_upper" 5,7         -        -      1    F64
same_mixed   1 2  2  3,2 3,3    2,3    "same_upper" 5,6         -        -      -    F64
same_least   1 1  2  3,2 5,4    3,4    "same_upper" 7,5         -        -      1    F64
same_k5      1 1  1  3,4 5,3    2,4    "same_upper" 6,14        -        -      -    F64
same_k_lt_s  1 1  2  3,2 1,2    2,4    "same_upper" -           -        -      1    F64
same_k_lt_s2 1 1  2  3,2 1,2    2,4    "same_upper" 5,7         -        -      -    F64
same_s1      1 2  1  4,3 2,4    1,1    "same_upper" -           -        -      1    F64
same_dilated 1 1  2  4,3 3,2    1,1    "same_upper" -           2,3      -      -    F64
same_d_s     1 1  1  3,2 3,2    2,3    "same_upper" 5,6         2,3      -      1    F64
same_groups  1 4  2  3,2 3,3    2,2    "same_upper" 6,3         -        2      1    F64
valid        1 2  2  3,2 3,2    2,3    "valid"      -           -        -      1    F64
valid_most   1 2  2  3,2 3,2    2,3    "valid"      8,7         -        -      1    F64
valid_k_lt_s 1 1  2  2,3 1,2    3,4    "valid"      6,11        -        -      -    F64
sides        1 1  2  3,2 3,3    2,2    1,0,0,1      6,5         -        -      1    F64
sides_two    1 1  1  2,3 4,3    3,2    2,1,1,0      5,6         -        -      -    F64
same_f32     2 2  2  3,4 3,4    2,3    "same_upper" 5,10        -        -      1    F32
"""

POOLS = """
op         name   n c image kernel stride padding      count_include_pad dtype
max_pool2d same   1 2 7,6   3,3    2,2    "same_upper" -                 F64
max_pool2d even   2 1 5,7   2,2    -      "same_upper" -                 F64
max_pool2d s1     1 1 4,5   3,2    1,1    "same_upper" -                 F64
max_pool2d k_lt_s 1 2 7,8   2,1    3,3    "same_upper" -                 F64
max_pool2d valid  1 2 7,6   3,2    2,3    "valid"      -                 F64
max_pool2d f32    1 2 6,7   3,2    2,2    "same_upper" -                 F32
avg_pool2d same   1 2 7,6   3,3    2,2    "same_upper" false             F64
avg_pool2d even   2 1 5,7   2,2    -      "same_upper" false             F64
avg_pool2d s1     1 1 4,5   3,2    1,1    "same_upper" false             F64
avg_pool2d k_lt_s 1 1 7,8   2,1    3,3    "same_upper" false             F64
avg_pool2d valid  1 2 7,6   3,2    2,3    "valid"      false             F64
avg_pool2d f32    1 2 6,7   3,2    2,2    "same_upper" false             F32
"""


def operations():
    for op, apply, table in (("conv2d", conv2d, CONV2D), ("conv_transpose2d", conv_transpose2d, CONV_TRANSPOSE2D)):
        for row in rows(table):
            name, dtype = take(row, "name", "dtype")
            compiled, layouts = "dilation" in row or "groups" in row, {"weight": (hwio, oihw)}
            case(f"{op}_{name}", op, apply, row, golden.inputs(row), None, dtype, compiled, layouts)
    for row in rows(POOLS):
        op, name, n, c, image, dtype = take(row, "op", "name", "n", "c", "image", "dtype")
        draw, apply = (golden.distinct, max_pool2d) if op == "max_pool2d" else (golden.noise, avg_pool2d)
        case(f"{op}_{name}", op, apply, row, {"input": draw(n, c, *image)}, dtype=dtype)
    for name, image, size, corners in [
        ("up", (3, 4), [7, 9], False), ("down", (7, 5), [4, 3], False), ("both_ways", (4, 6), [9, 3], False),
        ("corners_up", (3, 4), [7, 9], True), ("corners_down", (7, 5), [4, 3], True),
        ("corners_one", (5, 4), [1, 6], True),
    ]:
        attrs = {"output_size": size} | ({"align_corners": True} if corners else {})
        inputs = {"input": golden.noise(1, 2, *image)}
        case(f"bilinear_{name}", "upsample_bilinear2d", upsample_bilinear2d, attrs, inputs, dtype="F32")
    for name, image, size in [("up", (3, 4), [7, 9]), ("down", (7, 6), [4, 5]), ("both_ways", (4, 6), [8, 3])]:
        inputs = {"input": golden.noise(1, 2, *image)}
        case(f"nearest_{name}", "upsample_nearest2d", upsample_nearest2d, {"output_size": size}, inputs)
    for name, attrs in [("plain", {}), ("eps", {"eps": 1e-3})]:
        inputs = {"input": golden.noise(2, 3, 3, 2) * 2 + 1, "weight": golden.noise(3), "bias": golden.noise(3)}
        case(f"batch_norm_{name}", "batch_norm2d", batch_norm2d, attrs, inputs)
    keep = (lambda x: x, np.asarray)
    for reduction in ("mean", "sum", "none"):
        inputs, constants = {"input": golden.noise(2, 4, 2, 3) * 2}, {"target": golden.draw.integers(0, 4, (2, 2, 3))}
        attrs = {"reduction": reduction}
        case(
            f"cross_entropy_{reduction}", "cross_entropy2d", cross_entropy2d, attrs, inputs, constants,
            layouts={"output": keep},
        )


# TensorFlow's and Keras's own words.

CONV = """
name         ci co image kernel strides padding dilations groups
same         2  2  5,4   3,3    1,1     "SAME"  -         -
same_s2_even 1  2  6,8   3,3    2,2     "SAME"  -         -
same_s2_odd  1  2  7,5   3,3    2,2     "SAME"  -         -
same_k2      1  1  5,6   2,2    1,2     "SAME"  -         -
same_k4_s3   1  1  7,8   4,5    3,3     "SAME"  -         -
same_s4      1  1  9,6   5,3    4,4     "SAME"  -         -
same_k_lt_s  1  1  7,9   1,2    2,4     "SAME"  -         -
same_dilated 1  2  6,7   3,2    1,1     "SAME"  2,3       -
same_d_s     1  1  9,8   3,2    2,3     "SAME"  2,3       -
same_groups  4  2  5,6   3,2    2,1     "SAME"  -         2
valid        2  1  6,7   3,2    2,3     "VALID" -         -
valid_d      1  1  8,7   3,2    2,1     "VALID" 2,4       -
sides        1  2  5,4   3,3    2,2     [[0,2],[1,0]] -   -
sides_wide   1  1  3,4   2,3    2,3     [[3,1],[0,4]] -   -
"""

# Every legal pair of sizes of each: SAME has (i-1)s+1 to i*s, VALID T to T+s-1 (or 1 of them where s is 1).
TRANSPOSED_SWEEPS = """
name    ci co map kernel strides padding
same_a  1  1  3,2 3,3    2,3     "SAME"
same_b  1  1  2,3 4,5    3,2     "SAME"
same_c  1  1  2,3 1,2    2,3     "SAME"
valid_a 1  1  2,3 3,2    2,2     "VALID"
valid_b 1  1  2,2 1,4    2,3     "VALID"
"""

CONV_TRANSPOSE = """
name         ci co map kernel strides padding dilations output_shape
channels     3  2  3,2 3,3    2,2     "SAME"  -         6,4
s1           1  2  4,3 3,2    1,1     "SAME"  -         4,3
s1_wide      1  1  2,3 5,4    1,1     "SAME"  -         2,3
s4           1  1  2,3 5,3    4,4     "SAME"  -         7,10
s4_least     1  1  3,2 7,6    4,4     "SAME"  -         9,5
s4_k_lt_s    1  1  2,2 2,3    4,4     "SAME"  -         8,5
to_one       1  1  1,1 3,3    2,2     "SAME"  -         1,1
skip_7_8     1  1  4,4 3,3    2,2     "SAME"  -         7,8
dilated      1  2  4,3 3,2    1,1     "SAME"  2,3       4,3
dilated_s    1  1  3,2 3,2    2,3     "SAME"  2,3       5,6
dilated_most 1  1  3,2 2,3    3,2     "SAME"  2,2       9,4
valid_s1     1  2  3,4 3,2    1,1     "VALID" -         5,5
valid_s4     1  1  2,3 3,6    4,4     "VALID" -         10,14
valid_d      1  1  2,3 3,2    2,3     "VALID" 2,3       8,11
sides        1  2  3,2 3,3    2,2     [[1,0],[0,1]] -   6,4
sides_most   1  2  3,2 3,3    2,2     [[1,0],[0,1]] -   7,5
sides_far    1  1  3,3 4,5    2,3     [[0,3],[2,2]] -   5,9
"""

KERAS_CONV = """
name         ci co image kernel strides padding dilation_rate groups
same         2  2  5,4   3,3    -       "same"  -             -
same_s2      1  2  6,7   3,4    2,2     "same"  -             -
same_k_lt_s  1  1  7,9   1,2    2,4     "same"  -             -
same_dilated 1  1  6,7   3,2    -       "same"  2,3           -
groups       4  2  5,6   3,2    2,2     "same"  -             2
valid        2  1  6,7   3,2    2,3     "valid" -             -
valid_d      1  1  7,6   2,3    -       "valid" 3,2           -
default      1  2  5,4   2,3    -       -       -             -
"""

KERAS_CONV_TRANSPOSE = """
name          ci co map kernel strides padding output_padding dilation_rate
default       1  2  3,4 3,2    -       -       -              -
same_s1       1  2  3,4 3,2    -       "same"  -              -
same          2  2  3,4 3,3    2,2     "same"  -              -
same_even     1  2  3,2 4,2    2,2     "same"  -              -
same_k5_s3    1  1  2,3 5,4    3,3     "same"  -              -
same_k_lt_s   1  1  3,2 1,2    2,4     "same"  -              -
same_op0      1  1  3,4 3,3    2,2     "same"  0,0            -
same_op1      1  1  3,4 3,3    2,2     "same"  1,1            -
same_op_mixed 1  2  3,2 3,4    2,3     "same"  1,2            -
same_even_op1 1  1  3,2 4,2    2,2     "same"  1,1            -
same_k1_op1   1  1  3,2 1,1    2,2     "same"  1,1            -
same_d        1  1  4,3 3,2    -       "same"  -              2,3
valid         1  2  3,2 3,2    2,2     "valid" -              -
valid_s3      1  1  2,3 3,5    3,3     "valid" -              -
valid_k_lt_s  1  1  3,2 1,2    2,4     "valid" -              -
valid_op0     1  1  3,2 3,2    2,2     "valid" 0,0            -
valid_op1     1  1  3,2 3,2    2,2     "valid" 1,1            -
valid_op_lt_s 1  1  2,3 1,2    2,4     "valid" 0,0            -
valid_op_most 1  1  2,3 1,2    2,4     "valid" 1,3            -
valid_d       1  1  3,4 3,2    -       "valid" -              2,3
"""

REFUSED = """
framework  name         layer          size kernel strides padding dilations output_shape output_padding dilation_rate because
tensorflow same_4       conv_transpose 3,3  3,3    2,2     "SAME"  -         4,4          -              -  SAME_gives_5_or_6
tensorflow same_7       conv_transpose 3,3  3,3    2,2     "SAME"  -         7,7          -              -  SAME_gives_5_or_6
tensorflow same_one     conv_transpose 3,3  3,3    2,2     "SAME"  -         6,7          -              -  SAME_gives_5_or_6
tensorflow same_s3      conv_transpose 2,3  4,2    3,1     "SAME"  -         3,3          -              -  SAME_gives_4_to_6_by_3
tensorflow valid_6      conv_transpose 3,3  3,3    2,2     "VALID" -         6,6          -              -  VALID_gives_7_or_8
tensorflow valid_9      conv_transpose 3,3  3,3    2,2     "VALID" -         9,9          -              -  VALID_gives_7_or_8
tensorflow sides_5      conv_transpose 3,3  3,3    2,2     [[1,0],[0,1]] -   5,5          -              -  these_sides_give_6_or_7
tensorflow sides_8      conv_transpose 3,3  3,3    2,2     [[1,0],[0,1]] -   8,8          -              -  these_sides_give_6_or_7
tensorflow small_image  conv           1,4  3,3    1,1     "VALID" -         -            -              -  the_kernel_exceeds_the_image
keras      op_2_s2      conv_transpose 3,3  3,3    2,2     "same"  -         -            2,2            -  output_padding_below_strides
keras      op_3_s2      conv_transpose 3,2  3,3    2,3     "valid" -         -            3,2            -  output_padding_below_strides
keras      even_op0     conv_transpose 3,2  4,2    2,2     "same"  -         -            0,0            -  an_even_kernel_needs_an_output_padding_here
keras      s2_d2        conv_transpose 3,3  3,3    2,2     "same"  -         -            -              2,2 strides_or_dilation_rate_but_not_both
keras      conv_s2_d2   conv           6,6  3,3    2,2     "same"  -         -            -              2,2 strides_or_dilation_rate_but_not_both
keras      small_image  conv           1,4  3,3    -       "valid" -         -            -              -  the_kernel_exceeds_the_image
"""


def words():
    for layer, table in (("conv", CONV), ("conv_transpose", CONV_TRANSPOSE)):
        for row in rows(table):
            dialect("tensorflow", layer, row)
    for row in rows(TRANSPOSED_SWEEPS):
        for h in legal(row, 0):
            for w in legal(row, 1):
                named = {"name": f"{row['name']}_{h}_{w}", "output_shape": [h, w]}
                dialect("tensorflow", "conv_transpose", {**row, **named})
    for layer, table in (("conv", KERAS_CONV), ("conv_transpose", KERAS_CONV_TRANSPOSE)):
        for row in rows(table):
            dialect("keras", layer, row)
    for row in rows(REFUSED):
        framework, name, layer, size, kernel, because = take(
            row, "framework", "name", "layer", "size", "kernel", "because"
        )
        x, weight = golden.whole(1, 1, *size), golden.whole(*kernel, 1, 1)
        golden.refused(
            f"refused_{framework}_{name}", framework, layer, row, size, kernel, because.replace("_", " "),
            lambda: RUN[framework](layer, x, weight, **row),
        )


def legal(row, axis):
    i, k, s = row["map"][axis], row["kernel"][axis], row["strides"][axis]
    least = s * (i - 1) + (1 if row["padding"] == "SAME" else k)
    return range(least, least + s)


def dialect(framework, layer, row):
    name, layout = row.pop("name"), "HWIO" if layer == "conv" else "HWOI"
    x, (a, b, h, w), _ = shapes(row)
    x, weight = golden.whole(*x), golden.whole(h, w, b, a)
    y = RUN[framework](layer, x, weight, **row)
    golden.dialect(f"{framework}_{layer}_{name}", framework, layer, row, layout, x, weight, y)


def tensorflow_layer(layer, x, weight, *, strides, padding, dilations=None, output_shape=None, groups=1):
    if not isinstance(padding, str):
        padding = [[0, 0], *padding, [0, 0]]
    x, weight = tf.constant(nhwc(x)), tf.constant(weight)
    if layer == "conv":
        run = lambda: tf.nn.conv2d(x, weight, strides, padding, dilations=dilations)
    else:
        shape = [x.shape[0], *output_shape, weight.shape[2]]
        run = lambda: tf.nn.conv2d_transpose(x, weight, shape, strides, padding, dilations=dilations)
    return nchw(tf.function(run, jit_compile=True)() if dilations or groups > 1 else run())


def keras_layer(layer, x, weight, **arguments):
    kind, filters = (keras.layers.Conv2D, 3) if layer == "conv" else (keras.layers.Conv2DTranspose, 2)
    net = kind(weight.shape[filters], weight.shape[:2], use_bias=False, dtype="float64", **arguments)
    x = nhwc(x)
    net.build(x.shape)
    net.set_weights([weight])
    dilated = arguments.get("dilation_rate", [1, 1]) != [1, 1]
    return nchw(tf.function(net, jit_compile=True)(tf.constant(x)) if dilated else net(x))


RUN = {"tensorflow": tensorflow_layer, "keras": keras_layer}


def main():
    for group in (operations, words):
        group()
    golden.save(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, NumPy {np.__version__}", ABOUT)


if __name__ == "__main__":
    main()
