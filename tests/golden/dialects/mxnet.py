#!/usr/bin/env python3
"""Writes mxnet.safetensors and mxnet.json: operations of `mirrorgrad op` as MXNet computes them, with first derivatives,
and its convolutions in its own words. How to read them, common.py says.

How to run (MXNet 1.9.1, the last release; Python 3.11 or older, for its NumPy):

    python3 -m venv mx && mx/bin/pip install mxnet==1.9.1 'numpy<1.24' 'safetensors<0.5'
    mx/bin/python tests/golden/dialects/mxnet.py

MXNet's own kernels compute these, not oneDNN's: MXNET_MKLDNN_ENABLED=0. MXNet 2 infers the pad of a target_shape for
the shape alone, by its source; 1.9.1 crops by it, and is what is recorded here.

Not here: Deconvolution with a stride and a dilation above 1 on one axis. 1.9.1 adds its columns up in the wrong places
(strides and dilations of 2 to 4, kernels and maps of 2 to 4: all wrong), while the gradient of its Convolution at the
same geometry and the gradients of the Deconvolution itself are right.
"""

import os
import warnings

from common import Golden, rows, shapes, take

os.environ |= {"MXNET_MKLDNN_ENABLED": "0", "MXNET_ENGINE_TYPE": "NaiveEngine"}
os.environ["MXNET_STORAGE_FALLBACK_LOG_VERBOSE"] = "0"
warnings.simplefilter("ignore")
import numpy as np

np.bool = bool  # which MXNet still asks for
import mxnet as mx

ABOUT = """The words are those of Convolution and Deconvolution, without kernel, num_filter and no_bias. target_shape
excludes pad and adj, which MXNet would ignore."""

golden = Golden("mxnet", seed=20261203)


def array(x, dtype="F64"):
    return mx.nd.array(x, dtype={"F32": "float32", "F64": "float64"}[dtype])


def case(name, op, apply, attrs, inputs, dtype="F64"):
    """One case of `mirrorgrad op` with first derivatives."""
    leaves = {key: array(x, dtype) for key, x in inputs.items()}
    for leaf in leaves.values():
        leaf.attach_grad()
    with mx.autograd.record():
        output = apply(**leaves, **attrs)
    grad_output = golden.noise(*output.shape)
    output.backward(array(grad_output, dtype))
    grads = {f"grad_{key}": leaf.grad.asnumpy() for key, leaf in leaves.items()}
    golden.op(name, op, attrs, dtype, {**inputs, "grad_output": grad_output}, {"output": output.asnumpy(), **grads})


# The operations, taking the contract's attributes.


def shared(weight, bias, stride, dilation, groups):
    return {
        "kernel": weight.shape[2:], "stride": stride, "dilate": dilation, "num_group": groups, "no_bias": bias is None,
    }


def conv2d(input, weight, bias=None, *, stride=(1, 1), padding=(0, 0), dilation=(1, 1), groups=1):
    arguments = {"num_filter": weight.shape[0], "pad": padding, **shared(weight, bias, stride, dilation, groups)}
    return mx.nd.Convolution(input, weight, *([] if bias is None else [bias]), **arguments)


def conv_transpose2d(
    input, weight, bias=None, *, stride=(1, 1), padding=None, dilation=(1, 1), groups=1, output_padding=None,
    target_shape=None,
):
    arguments = {"num_filter": weight.shape[1] * groups, **shared(weight, bias, stride, dilation, groups)}
    given = {"pad": padding, "adj": output_padding, "target_shape": target_shape}
    arguments |= {key: value for key, value in given.items() if value is not None}
    return mx.nd.Deconvolution(input, weight, *([] if bias is None else [bias]), **arguments)


def pool(kind):
    def apply(input, *, kernel, stride=None, padding=(0, 0), ceil_mode=False, count_include_pad=True):
        return mx.nd.Pooling(
            input, kernel=kernel, stride=stride or kernel, pad=padding, pool_type=kind,
            pooling_convention="full" if ceil_mode else "valid", count_include_pad=count_include_pad,
        )

    return apply


def upsample_bilinear2d(input, *, output_size, align_corners=False):
    height, width = output_size
    return mx.nd.contrib.BilinearResize2D(input, height=height, width=width, align_corners=align_corners)


def upsample_nearest2d(input, *, output_size):
    (factor,) = {o // i for o, i in zip(output_size, input.shape[2:])}
    return mx.nd.UpSampling(input, scale=factor, sample_type="nearest")


def batch_norm2d(input, weight, bias, *, eps=1e-5):
    mean, variance = mx.nd.zeros_like(weight), mx.nd.ones_like(weight)
    return mx.nd.BatchNorm(input, weight, bias, mean, variance, eps=eps, fix_gamma=False)


# The cases. No window of the pools starts past the picture, which MXNet's "full" would keep.

CONV2D = """
name        n ci co image kernel stride padding dilation groups bias dtype
plain       2 2  3  5,4   3,3    -      1,1     -        -      1    F64
unequal     1 2  2  6,8   3,2    2,3    1,0     -        -      -    F64
dilation    1 1  2  7,8   3,2    1,2    2,1     2,3      -      1    F64
groups      1 4  2  5,4   3,2    2,1    1,1     -        2      1    F64
depthwise   1 3  3  4,5   3,3    2,2    1,1     1,2      3      -    F64
"""

CONV_TRANSPOSE2D = """
name        n ci co map kernel stride padding output_padding target_shape dilation groups bias dtype
plain       2 2  3  3,2 3,3    2,2    1,1     -     -      -        -      1    F64
adj         1 2  2  3,2 3,3    2,2    1,1     1,1   -      -        -      1    F64
adj_mixed   1 1  2  3,2 4,3    2,3    1,0     0,2   -      -        -      -    F64
adj_k1      1 2  1  2,3 1,1    2,3    -       1,2   -      -        -      1    F64
adj_groups  1 4  2  3,2 3,2    2,2    1,0     1,0   -      -        2      1    F64
adj_dilated 1 1  2  3,2 3,2    2,1    1,1     1,0   -      1,3      -      1    F64
depthwise   1 3  3  2,3 3,3    2,2    1,1     1,1   -      -        3      -    F64
target      1 2  2  3,2 3,3    2,2    -       -     6,4    -        -      1    F64
target_even 1 1  2  3,2 4,4    2,2    -       -     6,4    -        -      -    F64
target_d3   1 1  1  3,4 5,5    2,2    -       -     6,8    -        -      1    F64
target_all  1 2  1  3,2 3,2    2,3    -       -     7,5    -        -      -    F64
target_less 1 1  2  3,4 3,3    2,2    -       -     2,5    -        -      1    F64
target_s1   1 2  2  4,3 3,4    1,1    -       -     4,2    -        -      1    F64
target_d    1 1  1  3,2 3,2    2,1    -       -     6,3    1,3      -      -    F64
target_grp  1 2  2  3,2 3,3    2,3    -       -     6,5    -        2      1    F64
target_f32  2 2  2  3,4 3,3    2,2    -       -     6,8    -        -      1    F32
adj_f32     1 2  3  2,3 5,3    3,2    1,1     2,1   -      -        -      1    F32
"""

POOLS = """
op         name      n c image kernel stride padding ceil_mode count_include_pad
max_pool2d plain     1 2 7,6   3,2    2,2    1,0     -         -
max_pool2d ceil      1 2 6,7   3,3    2,2    -       true      -
max_pool2d ceil_pad  1 1 7,6   3,2    3,2    1,1     true      -
avg_pool2d plain     1 2 7,6   3,2    2,2    1,1     -         true
avg_pool2d real      1 2 7,6   3,2    2,2    1,1     -         false
avg_pool2d ceil      1 1 6,7   3,3    2,2    -       true      true
avg_pool2d ceil_real 1 1 6,8   3,3    2,2    1,1     true      false
"""


def operations():
    for op, apply, table in (("conv2d", conv2d, CONV2D), ("conv_transpose2d", conv_transpose2d, CONV_TRANSPOSE2D)):
        for row in rows(table):
            name, dtype = take(row, "name", "dtype")
            case(f"{op}_{name}", op, apply, row, golden.inputs(row), dtype)
    for row in rows(POOLS):
        op, name, n, c, image = take(row, "op", "name", "n", "c", "image")
        draw, apply = (golden.distinct, pool("max")) if op == "max_pool2d" else (golden.noise, pool("avg"))
        case(f"{op}_{name}", op, apply, row, {"input": draw(n, c, *image)})
    for name, image, size, corners in [
        ("up", (3, 4), [7, 9], False), ("down", (7, 5), [4, 3], False), ("corners", (3, 5), [7, 4], True),
    ]:
        attrs = {"output_size": size} | ({"align_corners": True} if corners else {})
        inputs = {"input": golden.noise(1, 2, *image)}
        case(f"bilinear_{name}", "upsample_bilinear2d", upsample_bilinear2d, attrs, inputs, "F32")  # F64 is no better
    inputs = {"input": golden.noise(1, 2, 3, 2)}
    case("nearest_3", "upsample_nearest2d", upsample_nearest2d, {"output_size": [9, 6]}, inputs)
    for name, attrs in [("plain", {}), ("eps", {"eps": 1e-3})]:
        inputs = {"input": golden.noise(2, 3, 3, 2) * 2 + 1, "weight": golden.noise(3), "bias": golden.noise(3)}
        case(f"batch_norm_{name}", "batch_norm2d", batch_norm2d, attrs, inputs)


# MXNet's own words.

CONV = """
name      ci co image kernel stride pad dilate num_group
plain     2  2  5,4   3,3    -      -   -      -
pad       1  2  5,6   3,3    -      1,1 -      -
s2        2  1  7,6   3,2    2,2    1,0 -      -
unequal   1  2  8,5   2,3    3,1    0,2 -      -
s4        1  1  9,8   3,4    4,4    1,2 -      -
skips     1  2  7,9   1,2    2,4    -   -      -
dilate    1  1  7,8   3,2    1,2    2,1 2,3    -
groups    4  2  5,4   3,2    2,1    1,1 -      2
depthwise 3  3  4,5   3,3    2,1    1,0 1,2    3
wide      1  1  3,2   2,2    2,3    4,3 -      -
"""

DECONV = """
name         ci co map kernel stride pad adj dilate num_group target_shape
plain        2  2  3,4 3,3    -      -   -   -      -         -
pad          1  2  3,4 3,3    2,2    1,1 -   -      -         -
adj          1  2  3,4 3,3    2,2    1,1 1,1 -      -         -
adj_mixed    1  1  2,3 4,3    3,2    1,1 2,1 -      -         -
adj_no_pad   1  1  2,3 3,2    2,3    -   1,2 -      -         -
adj_k1       1  1  2,3 1,1    2,4    -   1,3 -      -         -
adj_k_lt_s   1  2  2,2 2,1    3,4    -   2,0 -      -         -
adj_dilate   1  1  3,2 3,2    2,1    2,1 1,0 1,3    -         -
s4           1  1  2,2 3,5    4,4    1,0 3,2 -      -         -
dilate       1  2  3,2 3,2    1,2    1,0 -   2,1    -         -
groups       4  2  3,2 3,2    2,2    1,1 1,0 -      2         -
depthwise    3  3  2,3 3,3    2,2    1,1 -   -      3         -
target_3_2   1  2  3,4 3,3    2,2    -   -   -      -         6,8
target_4_2   1  1  3,4 4,4    2,2    -   -   -      -         6,8
target_5_2   1  1  3,4 5,5    2,2    -   -   -      -         6,8
target_4_3   1  1  2,3 4,4    3,3    -   -   -      -         6,9
target_all   1  1  3,2 3,2    2,3    -   -   -      -         7,5
target_1_0   1  1  3,2 3,2    2,3    -   -   -      -         6,5
target_2_1   1  1  3,2 3,2    2,3    -   -   -      -         5,4
target_3_3   1  1  3,2 5,4    2,3    -   -   -      -         6,4
target_least 1  1  3,4 3,3    2,2    -   -   -      -         1,2
target_s1    1  2  4,3 3,4    1,1    -   -   -      -         4,2
target_s4    1  1  2,2 7,6    4,4    -   -   -      -         8,7
target_d     1  1  3,2 3,2    2,1    -   -   1,3    -         6,3
target_d_odd 1  1  3,3 3,2    1,2    -   -   2,1    -         5,5
target_grp   4  2  2,3 3,3    2,2    -   -   -      2         4,6
"""

REFUSED = """
name        layer          size kernel stride pad adj dilate target_shape because
adj_2_s2    conv_transpose 3,3  3,3    2,2    1,1 2,2 -      -            adj_below_stride
adj_1_s1    conv_transpose 3,3  3,3    2,1    1,1 1,1 -      -            adj_below_stride
adj_3_s3    conv_transpose 2,3  4,4    3,3    -   3,0 -      -            adj_below_stride
adj_d       conv_transpose 3,2  3,2    2,1    1,0 2,1 3,2    -            adj_below_stride_whatever_the_dilation
target_8    conv_transpose 3,3  3,3    2,2    -   -   -      8,8          target_shape_at_most_7
target_one  conv_transpose 2,3  4,3    3,2    -   -   -      7,8          target_shape_at_most_7_by_7
target_k1   conv_transpose 3,3  1,1    2,2    -   -   -      6,6          target_shape_at_most_5
target_s1   conv_transpose 4,3  3,2    1,1    -   -   -      4,3          an_odd_remainder_is_an_adj_and_stride_is_1
small_image conv           2,4  3,3    -      -   -   -      -            the_kernel_exceeds_the_padded_image
small_d     conv           5,6  3,2    -      1,0 -   4,1    -            the_kernel_exceeds_the_padded_image
"""


def words():
    for layer, table in (("conv", CONV), ("conv_transpose", DECONV)):
        for row in rows(table):
            name, layout = row.pop("name"), "OIHW" if layer == "conv" else "IOHW"
            x, weight = [golden.whole(*shape) for shape in shapes(row, "num_group")[:2]]
            golden.dialect(f"{layer}_{name}", "mxnet", layer, row, layout, x, weight, native(layer, x, weight, **row))
    for row in rows(REFUSED):
        name, layer, size, kernel, because = take(row, "name", "layer", "size", "kernel", "because")
        x, weight = golden.whole(1, 1, *size), golden.whole(1, 1, *kernel)
        golden.refused(
            f"refused_{name}", "mxnet", layer, row, size, kernel, because.replace("_", " "),
            lambda: native(layer, x, weight, **row),
        )


def native(layer, x, weight, **arguments):
    groups = arguments.get("num_group", 1)
    if layer == "conv":
        run, filters = mx.nd.Convolution, weight.shape[0]
    else:
        run, filters = mx.nd.Deconvolution, weight.shape[1] * groups
    return run(array(x), array(weight), kernel=weight.shape[2:], num_filter=filters, no_bias=True, **arguments).asnumpy()


def main():
    for group in (operations, words):
        group()
    golden.save(f"MXNet {mx.__version__}, NumPy {np.__version__}", ABOUT)


if __name__ == "__main__":
    main()
