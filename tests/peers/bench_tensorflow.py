#!/usr/bin/env python3
"""Times the benchmark cases in TensorFlow 2.x on the CPU; see README.md.

    venv/bin/python tests/peers/bench_tensorflow.py [--cases A,H] [--passes fwd,fb] [--threads 2]
                                                    [--repeat 15] [--layout nhwc]

The layout is NHWC, the only one TensorFlow trains in on a CPU. Every case is a tf.function, traced
before the timing starts. One JSON object a line, with the keys of bench_torch.py.

`fb` returns the output beside the gradients: a linear operation's gradients do not need its output,
and the graph's optimizer would leave the forward pass out.
"""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf

import cases

GLOROT = tf.initializers.GlorotUniform()


def nhwc(shape):
    n, channels, height, width = shape
    return n, height, width, channels


def conv(x, weight, stride, padding):
    """SAME is the padding of each side at stride one; at stride two it would not be symmetric."""
    explicit = [[0, 0], [padding, padding], [padding, padding], [0, 0]]
    return tf.nn.conv2d(x, weight, stride, "SAME" if stride == 1 else explicit)


def deconv(x, weight, stride):
    """Every deconvolution here multiplies the size by its stride, which is what SAME does."""
    n, height, width, _ = x.shape
    size = (n, height * stride, width * stride, weight.shape[2])
    return tf.nn.conv2d_transpose(x, weight, size, stride, "SAME")


def max_pool(x):
    return tf.nn.max_pool2d(x, 2, 2, "VALID")


def bilinear(x):
    _, height, width, _ = x.shape
    return tf.image.resize(x, (2 * height, 2 * width), "bilinear")


def mean_cross_entropy(logits, labels):
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))


class Conv(tf.Module):
    """Stride one, the size kept."""

    def __init__(self, inputs, outputs, kernel, bias=True):
        super().__init__()
        self.weight = tf.Variable(GLOROT((kernel, kernel, inputs, outputs)))
        self.bias = tf.Variable(tf.zeros(outputs)) if bias else None

    def __call__(self, x):
        y = conv(x, self.weight, 1, self.weight.shape[0] // 2)
        return y if self.bias is None else tf.nn.bias_add(y, self.bias)


class Deconv(tf.Module):
    def __init__(self, inputs, outputs, kernel, stride):
        super().__init__()
        self.weight, self.stride = tf.Variable(GLOROT((kernel, kernel, outputs, inputs))), stride
        self.bias = tf.Variable(tf.zeros(outputs))

    def __call__(self, x):
        return tf.nn.bias_add(deconv(x, self.weight, self.stride), self.bias)


class BatchNorm(tf.Module):
    """Normalises by the batch's statistics and keeps their moving averages."""

    def __init__(self, channels):
        super().__init__()
        self.scale, self.offset = tf.Variable(tf.ones(channels)), tf.Variable(tf.zeros(channels))
        self.mean = tf.Variable(tf.zeros(channels), trainable=False)
        self.variance = tf.Variable(tf.ones(channels), trainable=False)

    def __call__(self, x):
        y, mean, variance = tf.compat.v1.nn.fused_batch_norm(
            x, self.scale, self.offset, self.mean, self.variance, epsilon=1e-5, exponential_avg_factor=0.1
        )
        self.mean.assign(mean)
        self.variance.assign(variance)
        return y


class NetworkH(tf.Module):
    """A small FCN: three stages, the scores of the last two added, two deconvolutions."""

    def __init__(self, classes):
        super().__init__()
        ends = [(3, 32), (32, 64), (64, 128)]
        self.stages = [[Conv(a, b, 3), Conv(b, b, 3)] for a, b in ends]
        self.score, self.skip = Conv(128, classes, 1), Conv(64, classes, 1)
        self.up2, self.up4 = Deconv(classes, classes, 4, 2), Deconv(classes, classes, 8, 4)

    def __call__(self, x):
        features = []
        for convs in self.stages:
            for layer in convs:
                x = tf.nn.relu(layer(x))
            x = max_pool(x)
            features.append(x)
        return self.up4(self.up2(self.score(x)) + self.skip(features[1]))


class NetworkU(tf.Module):
    """A U-Net with batch norm."""

    def __init__(self, classes, widths):
        super().__init__()

        def stage(inputs, outputs):
            return [
                Conv(inputs, outputs, 3, bias=False), BatchNorm(outputs), tf.nn.relu,
                Conv(outputs, outputs, 3, bias=False), BatchNorm(outputs), tf.nn.relu,
            ]

        rising = list(zip(widths[:0:-1], widths[-2::-1]))
        self.down = [stage(a, b) for a, b in zip([3, *widths], widths)]
        self.up = [Deconv(a, b, 2, 2) for a, b in rising]
        self.merge = [stage(2 * b, b) for _, b in rising]
        self.score = Conv(widths[0], classes, 1)

    def __call__(self, x):
        skips = []
        for stage in self.down:
            skips.append(through(stage, max_pool(x) if skips else x))
            x = skips[-1]
        for up, stage, skip in zip(self.up, self.merge, skips[-2::-1]):
            x = through(stage, tf.concat([skip, up(x)], -1))
        return self.score(x)


def through(layers, x):
    for layer in layers:
        x = layer(x)
    return x


def passes_of(run, *inputs):
    """Both passes of one operation: the gradient of its output is random and fixed."""
    grad = tf.random.normal(run(*inputs).shape)

    @tf.function
    def both(grad, *inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            y = run(*inputs)
        return y, tape.gradient(y, inputs, grad)

    forward = tf.function(run)
    return traced(fwd=lambda: forward(*inputs), fb=lambda: both(grad, *inputs))


def traced(**passes):
    """The passes, each called once."""
    for run in passes.values():
        run()
    return passes


def picture(w):
    return tf.random.normal((w.batch, w.side, w.side, w.inputs))


def convolution(w):
    x, weight = picture(w), GLOROT((w.kernel, w.kernel, w.inputs, w.outputs))
    run = lambda x, weight, bias: tf.nn.bias_add(conv(x, weight, w.stride, w.padding), bias)
    return passes_of(run, x, weight, tf.zeros(w.outputs))


def deconvolution(w):
    x, weight = picture(w), GLOROT((w.kernel, w.kernel, w.outputs, w.inputs))
    run = lambda x, weight, bias: tf.nn.bias_add(deconv(x, weight, w.stride), bias)
    return passes_of(run, x, weight, tf.zeros(w.outputs))


def batch_norm():
    x = tf.random.normal(nhwc(cases.BATCH_NORM))
    run = lambda x, scale, offset: tf.compat.v1.nn.fused_batch_norm(x, scale, offset, epsilon=1e-5)[0]
    return passes_of(run, x, tf.ones(x.shape[-1]), tf.zeros(x.shape[-1]))


def cross_entropy():
    logits = tf.random.normal(nhwc(cases.CROSS_ENTROPY))
    labels = tf.random.uniform(logits.shape[:-1], 0, logits.shape[-1], tf.int32)
    return passes_of(lambda logits: mean_cross_entropy(logits, labels), logits)


def training(network, shape, classes):
    """A step of SGD with momentum, and the loss alone."""
    x = tf.random.normal(nhwc(shape))
    y = tf.random.uniform(x.shape[:-1], 0, classes, tf.int32)
    weights = network.trainable_variables
    velocities = [tf.Variable(tf.zeros_like(weight)) for weight in weights]

    @tf.function
    def loss(x, y):
        return mean_cross_entropy(network(x), y)

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            value = mean_cross_entropy(network(x), y)
        for weight, velocity, grad in zip(weights, velocities, tape.gradient(value, weights)):
            velocity.assign(cases.MOMENTUM * velocity + grad)
            weight.assign_sub(cases.LEARNING_RATE * velocity)
        return value

    return traced(fwd=lambda: loss(x, y), fb=lambda: step(x, y))


def inference(network, shape):
    x, logits = tf.random.normal(nhwc(shape)), tf.function(network.__call__)
    return traced(fwd=lambda: logits(x))


def build(case):
    """`{pass: function}` of a case."""
    if case in cases.CONVOLUTIONS:
        return convolution(cases.CONVOLUTIONS[case])
    if case in cases.DECONVOLUTIONS:
        return deconvolution(cases.DECONVOLUTIONS[case])
    match case:
        case "Gpool":
            return passes_of(max_pool, tf.random.normal(nhwc(cases.POOL)))
        case "Gup":
            return passes_of(bilinear, tf.random.normal(nhwc(cases.BILINEAR)))
        case "Gbn":
            return batch_norm()
        case "Gce":
            return cross_entropy()
        case "H":
            return training(NetworkH(cases.H_CLASSES), cases.H_PICTURES, cases.H_CLASSES)
        case "I":
            return inference(NetworkH(cases.H_CLASSES), cases.H_PICTURES)
        case "U":
            return training(NetworkU(cases.U_CLASSES, cases.U_WIDTHS), cases.U_PICTURES, cases.U_CLASSES)
    raise NotImplementedError("unknown")


def main():
    cli = cases.options(__doc__)
    cli.add_argument("--layout", choices=["nhwc"], default="nhwc", help="TensorFlow's only one")
    args = cli.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    tf.random.set_seed(0)
    cases.measure_all("tensorflow", args, build)


if __name__ == "__main__":
    main()
