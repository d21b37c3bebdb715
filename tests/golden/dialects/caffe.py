#!/usr/bin/env python3
"""Writes caffe.safetensors and caffe.json: operations of `mirrorgrad op` and convolutions in Caffe's own words, by
Caffe's rules as OpenCV's reader of Caffe's files runs them. How to read them, common.py says.

How to run (OpenCV 4.10):

    python3 -m venv cv && cv/bin/pip install opencv-python-headless==4.10.0.84 safetensors 'numpy<2'
    cv/bin/python tests/golden/dialects/caffe.py

Every case is a net of one layer: a prototxt, and a caffemodel encoded below. OpenCV has no gradients and computes in
single precision. Not here: a Deconvolution with a dilation, which OpenCV ignores without a word.
"""

import struct

from common import Golden, rows, shapes, take

import cv2
import numpy as np

ABOUT = """The words are the fields of convolution_param: pad, stride, dilation and group. Run by OpenCV's reader of
Caffe's files."""

golden = Golden("caffe", seed=20261204)


def varint(value):
    out = b""
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, content):
    """A field of a protobuf message that holds bytes: text, a message, or packed numbers."""
    return varint(number << 3 | 2) + varint(len(content)) + content


def caffemodel(kind, blobs):
    """A NetParameter of one layer (its field 100): name 1, type 2, blobs 7; a blob has data 5 and shape 7."""
    layer = field(1, b"y") + field(2, kind.encode())
    for blob in blobs:
        shape = field(7, field(1, b"".join(varint(size) for size in blob.shape)))
        data = field(5, struct.pack(f"<{blob.size}f", *blob.ravel()))
        layer += field(7, shape + data)
    return field(100, layer)


def run(kind, parameters, x, blobs=()):
    """The answer of one layer: `parameters` is its message's name and its fields."""
    message, fields = parameters
    lines = [f"{key}: {value}" for key, values in fields.items() for value in np.atleast_1d(values)]
    prototxt = f"""
        input: "x"
        input_shape {{ {" ".join(f"dim: {size}" for size in x.shape)} }}
        layer {{ name: "y" type: "{kind}" bottom: "x" top: "y" {message} {{ {" ".join(lines)} }} }}
    """
    net = cv2.dnn.readNetFromCaffe(
        np.frombuffer(prototxt.encode(), np.uint8), np.frombuffer(caffemodel(kind, blobs), np.uint8)
    )
    net.enableWinograd(False)
    net.setPreferableBackend(cv2.dnn.DNN_BACKEND_OPENCV)
    net.setInput(x.astype(np.float32))
    return net.forward()


def convolution(layer, x, weight, bias=None, *, stride=(1, 1), pad=(0, 0), dilation=(1, 1), group=1):
    filters = weight.shape[0] if layer == "conv" else weight.shape[1] * group
    (kh, kw), (sh, sw), (ph, pw) = weight.shape[2:], stride, pad
    fields = {
        "num_output": filters, "bias_term": "false" if bias is None else "true", "kernel_h": kh, "kernel_w": kw,
        "stride_h": sh, "stride_w": sw, "pad_h": ph, "pad_w": pw, "dilation": dilation, "group": group,
    }
    kind = {"conv": "Convolution", "conv_transpose": "Deconvolution"}[layer]
    return run(kind, ("convolution_param", fields), x, [weight] if bias is None else [weight, bias])


def pool(kind, x, *, kernel, stride, padding=(0, 0), ceil_mode):
    assert ceil_mode  # Caffe's pools always round up
    (kh, kw), (sh, sw), (ph, pw) = kernel, stride, padding
    fields = {
        "pool": kind, "kernel_h": kh, "kernel_w": kw, "stride_h": sh, "stride_w": sw, "pad_h": ph, "pad_w": pw,
    }
    return run("Pooling", ("pooling_param", fields), x)


CONV2D = """
name      n ci co image kernel stride padding dilation groups bias
plain     2 2  3  5,4   3,3    -      1,1     -        -      1
unequal   1 2  2  6,8   3,2    2,3    1,0     -        -      1
dilation  1 1  2  7,8   3,2    1,2    2,1     2,3      -      1
groups    1 4  2  5,4   3,2    2,1    1,1     -        2      1
"""

CONV_TRANSPOSE2D = """
name      n ci co map kernel stride padding dilation groups bias
plain     2 2  3  3,2 3,3    2,2    1,1     -        -      1
unequal   1 2  2  2,3 4,2    3,2    1,0     -        -      1
groups    1 4  2  3,2 4,4    2,2    1,1     -        2      1
bilinear  1 2  2  3,4 4,4    2,2    1,1     -        2      -
"""

# No window starts past the picture, which Caffe drops only where there is padding.
POOLS = """
op         name     n c image kernel stride padding ceil_mode
max_pool2d plain    1 2 6,4   2,2    2,2    -       true
max_pool2d odd      1 2 7,9   2,2    2,2    -       true
max_pool2d k3       1 2 6,7   3,3    2,2    -       true
max_pool2d padded   1 1 7,6   3,2    2,2    1,1     true
max_pool2d clipped  1 1 5,6   2,2    3,4    1,1     true
avg_pool2d odd      1 2 7,9   2,2    2,2    -       true
avg_pool2d padded   1 1 6,7   3,3    2,2    1,1     true
avg_pool2d clipped  1 1 5,6   2,2    3,4    1,1     true
"""


def operations():
    for layer, op, table in (("conv", "conv2d", CONV2D), ("conv_transpose", "conv_transpose2d", CONV_TRANSPOSE2D)):
        for row in rows(table):
            name, inputs = row.pop("name"), golden.inputs(row)
            if name == "bilinear":
                inputs["weight"] = bilinear(*inputs["weight"].shape)
            inputs = {key: value.astype(np.float32) for key, value in inputs.items()}
            fields = {{"padding": "pad", "groups": "group"}.get(key, key): value for key, value in row.items()}
            output = convolution(layer, inputs["input"], inputs["weight"], inputs.get("bias"), **fields)
            golden.op(f"{op}_{name}", op, row, "F32", inputs, {"output": output})
    for row in rows(POOLS):
        op, name, n, c, image = take(row, "op", "name", "n", "c", "image")
        x = (golden.distinct if op == "max_pool2d" else golden.noise)(n, c, *image).astype(np.float32)
        output = pool({"max_pool2d": "MAX", "avg_pool2d": "AVE"}[op], x, **row)
        golden.op(f"{op}_{name}", op, row, "F32", {"input": x}, {"output": output})


def bilinear(*shape):
    """Caffe's bilinear filler: 1 - |x / f - c| with f = ceil(k / 2) and c = (2f - 1 - f % 2) / (2f)."""
    half = -(-shape[3] // 2)
    centre = (2 * half - 1 - half % 2) / (2 * half)
    tap = 1 - np.abs(np.arange(shape[3]) / half - centre)
    return np.broadcast_to(np.outer(tap, tap), shape)


CONV = """
name      ci co image kernel stride pad dilation group
plain     2  2  5,4   3,3    -      -   -        -
pad       1  2  5,6   3,3    -      1,1 -        -
s2        2  1  7,6   3,2    2,2    1,0 -        -
unequal   1  2  8,5   2,3    3,1    0,2 -        -
s4        1  1  9,8   3,4    4,4    1,2 -        -
skips     1  2  7,9   1,2    2,4    -   -        -
pointwise 2  3  3,2   1,1    -      -   -        -
k1_s2     1  2  5,4   1,1    2,2    -   -        -
dilation  1  1  7,8   3,2    1,2    2,1 2,3      -
groups    4  2  5,4   3,2    2,1    1,1 -        2
depthwise 3  3  4,5   3,3    2,2    1,1 -        3
wide      1  1  3,2   2,2    2,3    4,3 -        -
"""

DECONV = """
name       ci co map kernel stride pad group
plain      2  2  3,4 3,3    -      -   -
pad        1  2  3,4 3,3    -      1,1 -
s2         1  1  3,3 3,3    2,2    -   -
s2_p1      1  1  3,3 3,3    2,2    1,1 -
k4_s2      1  2  3,2 4,4    2,2    1,1 -
k5_s3      1  1  2,3 5,4    3,2    2,0 -
k1_s2      1  2  3,2 1,1    2,3    -   -
k_lt_s     1  2  2,3 1,2    2,4    -   -
s4         1  1  2,2 3,5    4,4    1,0 -
k8_s4      1  1  2,1 8,8    4,4    2,2 -
to_one     1  1  1,1 3,3    2,2    1,1 -
one_pixel  1  2  1,1 3,2    2,2    -   -
crop_most  1  1  3,2 3,3    1,2    2,2 -
past_k     1  1  4,3 2,2    2,3    3,3 -
channels   3  2  2,3 2,3    2,1    0,1 -
groups     4  2  3,2 3,2    2,2    1,1 2
depthwise  3  3  2,3 4,4    2,2    1,1 3
multiplier 2  4  2,3 3,2    2,1    -   2
"""

REFUSED = """
name        layer          size kernel stride pad because
small_image conv           2,4  3,3    -      -   the_kernel_exceeds_the_padded_image
empty       conv_transpose 2,3  2,3    1,1    2,1 the_output_is_empty
negative    conv_transpose 1,2  3,3    2,2    3,1 the_output_is_empty
"""


def words():
    for layer, table in (("conv", CONV), ("conv_transpose", DECONV)):
        for row in rows(table):
            name, layout = row.pop("name"), "OIHW" if layer == "conv" else "IOHW"
            x, weight = [golden.whole(*shape) for shape in shapes(row, "group")[:2]]
            y = convolution(layer, x, weight, **row)
            golden.dialect(f"{layer}_{name}", "caffe", layer, row, layout, x, weight, y)
    for row in rows(REFUSED):
        name, layer, size, kernel, because = take(row, "name", "layer", "size", "kernel", "because")
        x, weight = golden.whole(1, 1, *size), golden.whole(1, 1, *kernel)
        golden.refused(
            f"refused_{name}", "caffe", layer, row, size, kernel, because.replace("_", " "),
            lambda: convolution(layer, x, weight, **row),
        )


def main():
    for group in (operations, words):
        group()
    golden.save(f"OpenCV {cv2.__version__}, NumPy {np.__version__}", ABOUT)


if __name__ == "__main__":
    main()
