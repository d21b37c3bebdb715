#!/usr/bin/env python3
"""Writes article.json: the five worked examples of the article on transposed convolution, as TensorFlow and MXNet
compute them.

How to run: once in each of the environments of tensorflow.py and mxnet.py; each run writes its framework's part.

    tf/bin/python tests/golden/dialects/article.py
    mx/bin/python tests/golden/dialects/article.py
"""

import importlib.util
import json
import os
import warnings

from common import HERE

warnings.simplefilter("ignore")
os.environ |= {"TF_ENABLE_ONEDNN_OPTS": "0", "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": ""}
os.environ |= {"MXNET_MKLDNN_ENABLED": "0", "MXNET_ENGINE_TYPE": "NaiveEngine"}
os.environ["MXNET_STORAGE_FALLBACK_LOG_VERBOSE"] = "0"
import numpy as np

ABOUT = """Each example has what is given, and under a framework's name what it computed, as nested lists (rows of a
picture or of a matrix). C is the matrix of the convolution: one row per output, one column per pixel."""

MAP = [[1, 0, 1], [0, 2, 1], [1, 1, 0]]
KERNEL = [[1, 0, 1], [-1, 1, 0], [0, -1, 0]]
COUNT = np.arange(1, 17).reshape(4, 4).tolist()
DIGITS = np.arange(1, 10).reshape(3, 3).tolist()
ONES = {size: np.ones((size, size), int).tolist() for size in (2, 3)}

EXAMPLES = {
    "matrix": {
        "what": "a convolution of stride 1 without padding is Y = C X; C transposed brings back the size of X, not X",
        "image": COUNT, "kernel": DIGITS, "stride": 1, "padding": 0,
    },
    "relation_1": {
        "what": "a transposed convolution of stride 2 and padding 1 takes 3 to 5",
        "map": MAP, "kernel": KERNEL, "stride": 2, "padding": 1, "output": 5,
    },
    "relation_2": {
        "what": "the same with an output padding of 1 takes 3 to 6",
        "map": MAP, "kernel": KERNEL, "stride": 2, "padding": 1, "output_padding": 1, "output": 6,
    },
    "zero_insertion": {
        "what": "TensorFlow's conv2d_transpose to 5x5 and to 6x6, SAME: zeros between the values, padding, and a "
        "convolution of stride 1 with the flipped kernel; MXNet's target_shape puts the odd pixel on the other side",
        "map": MAP, "kernel": KERNEL, "stride": 2,
    },
    "columns": {
        "what": "a map of ones through gemm and col2im: 9x4 columns, each a 3x3 picture added onto 6x6, cropped to "
        "4x4; it is the gradient of the convolution of the 4x4 image",
        "map": ONES[2], "kernel": ONES[3], "stride": 2, "padding": 1, "output_padding": 1, "output": 4,
    },
}


def plain(x):
    """Nested lists of whole numbers, without the batch and channels of 1."""
    x = np.asarray(x)
    assert np.array_equal(x, np.rint(x))
    return np.rint(x).astype(int).tolist()


def units(convolve):
    """C, from the convolution's answers for the sixteen pictures of a single 1."""
    return plain(np.stack([np.ravel(convolve(unit.reshape(4, 4))) for unit in np.eye(16)], axis=1))


def by_tensorflow():
    import tensorflow as tf

    def four(x):
        return tf.constant(np.asarray(x, float)[None, :, :, None])

    def kernel(w):
        return tf.constant(np.asarray(w, float)[:, :, None, None])

    def pairs(padding):
        return padding if isinstance(padding, str) else [[0, 0], *padding, [0, 0]]

    def conv(x, w, stride, padding):
        return plain(tf.nn.conv2d(four(x), kernel(w), stride, pairs(padding))[0, :, :, 0])

    def conv_transpose(y, w, size, stride, padding):
        shape = [1, size, size, 1]
        return plain(tf.nn.conv2d_transpose(four(y), kernel(w), shape, stride, pairs(padding))[0, :, :, 0])

    def refused(size):
        try:
            conv_transpose(MAP, KERNEL, size, 2, "SAME")
        except tf.errors.InvalidArgumentError:
            return size
        raise AssertionError(f"{size} is not refused")

    def inserted(before, after):
        zeros = np.zeros((5, 5))
        zeros[::2, ::2] = MAP
        return plain(np.pad(zeros, (before, after)))

    def gradient(image, w, stride, padding, grad):
        image = four(image)
        with tf.GradientTape() as tape:
            tape.watch(image)
            y = tf.nn.conv2d(image, kernel(w), stride, pairs(padding))
        return plain(tape.gradient(y, image, four(grad))[0, :, :, 0])

    one = [[1, 1], [1, 1]]
    y = conv(COUNT, DIGITS, 1, "VALID")
    flipped = np.flip(KERNEL).tolist()
    # The crops are 1 and 1 for 5x5 and 0 and 1 for 6x6, so of the full padding of 2 these stay.
    five, six = inserted(1, 1), inserted(2, 1)
    return f"TensorFlow {tf.__version__}", {
        "matrix": {
            "C": units(lambda x: conv(x, DIGITS, 1, "VALID")), "y": y, "back": conv_transpose(y, DIGITS, 4, 1, "VALID"),
        },
        "relation_1": {"output": conv_transpose(MAP, KERNEL, 5, 2, one)},
        "relation_2": {"output": conv_transpose(MAP, KERNEL, 6, 2, one)},
        "zero_insertion": {
            "output_5": conv_transpose(MAP, KERNEL, 5, 2, "SAME"), "output_6": conv_transpose(MAP, KERNEL, 6, 2, "SAME"),
            "refused": [refused(4), refused(7)], "flipped": flipped,
            "inserted_5": five, "convolved_5": conv(five, flipped, 1, "VALID"),
            "inserted_6": six, "convolved_6": conv(six, flipped, 1, "VALID"),
        },
        "columns": {
            "output": conv_transpose(ONES[2], ONES[3], 4, 2, one),
            "gradient": gradient(np.zeros((4, 4)), ONES[3], 2, one, ONES[2]),
        },
    }


def by_mxnet():
    np.bool = bool  # which MXNet still asks for
    import mxnet as mx

    def four(x):
        return mx.nd.array(np.asarray(x, float)[None, None], dtype="float64")

    def arguments(w):
        return {"kernel": np.shape(w), "num_filter": 1, "no_bias": True}

    def conv(x, w, **words):
        return plain(mx.nd.Convolution(four(x), four(w), **arguments(w), **words).asnumpy()[0, 0])

    def deconv(y, w, **words):
        return plain(mx.nd.Deconvolution(four(y), four(w), **arguments(w), **words).asnumpy()[0, 0])

    def gradient(image, w, grad, **words):
        image = four(image)
        image.attach_grad()
        with mx.autograd.record():
            y = mx.nd.Convolution(image, four(w), **arguments(w), **words)
        y.backward(four(grad))
        return plain(image.grad.asnumpy()[0, 0])

    def added(columns):
        """The columns, added onto 6x6."""
        return mx.nd.col2im(columns.expand_dims(0), output_size=(6, 6), kernel=(3, 3), stride=(2, 2)).asnumpy()[0, 0]

    y = conv(COUNT, DIGITS)
    columns = mx.nd.dot(four(ONES[3]).reshape((9, 1)), four(ONES[2]).reshape((1, 4)))
    sums = [added(columns * mx.nd.array(np.arange(4) < count, dtype="float64")) for count in range(5)]
    half = {"stride": (2, 2), "pad": (1, 1)}
    return f"MXNet {mx.__version__}", {
        "matrix": {
            "C": units(lambda x: conv(x, DIGITS)), "y": y, "back": gradient(np.zeros((4, 4)), DIGITS, y),
        },
        "relation_1": {"output": deconv(MAP, KERNEL, **half)},
        "relation_2": {"output": deconv(MAP, KERNEL, adj=(1, 1), **half)},
        "zero_insertion": {
            f"target_shape_{size}": deconv(MAP, KERNEL, stride=(2, 2), target_shape=(size, size)) for size in (5, 6)
        },
        "columns": {
            "columns": plain(columns.asnumpy()), "each": [plain(b - a) for a, b in zip(sums, sums[1:])],
            "sums": [plain(total) for total in sums[1:]], "cropped": plain(sums[-1][1:5, 1:5]),
            "output": deconv(ONES[2], ONES[3], adj=(1, 1), **half),
            "gradient": gradient(np.zeros((4, 4)), ONES[3], ONES[2], **half),
        },
    }


def main():
    framework = "tensorflow" if importlib.util.find_spec("tensorflow") else "mxnet"
    made_by, values = {"tensorflow": by_tensorflow, "mxnet": by_mxnet}[framework]()
    path = HERE / "article.json"
    before = json.loads(path.read_text()) if path.exists() else {"made_by": {}, "examples": {}}
    made = dict(sorted({**before["made_by"], framework: made_by}.items()))
    blocks = []
    for name, given in EXAMPLES.items():
        computed = {key: before["examples"].get(name, {}).get(key) for key in made} | {framework: values[name]}
        fields = [(key, json.dumps(value)) for key, value in given.items()]
        for key, record in computed.items():
            lines = ",\n".join(f"    {json.dumps(field)}: {json.dumps(value)}" for field, value in record.items())
            fields.append((key, f"{{\n{lines}\n   }}"))
        blocks.append(f'  "{name}": {{\n' + ",\n".join(f'   "{key}": {text}' for key, text in fields) + "\n  }")
    path.write_text(
        f'{{\n "about": {json.dumps(ABOUT)},\n "made_by": {json.dumps(made)},\n "examples": {{\n'
        + ",\n".join(blocks) + "\n }\n}\n"
    )
    print(f"article.json: {framework}'s part, {made_by}")


if __name__ == "__main__":
    main()
