#!/usr/bin/env python3
"""Times the benchmark cases in PyTorch 2.x on the CPU; see README.md.

    venv/bin/python tests/peers/bench_torch.py [--cases A,H] [--passes fwd,fb] [--threads 2]
                                               [--repeat 15] [--layout nchw|nhwc]

`nhwc` is PyTorch's channels_last: inputs, weights and upstream gradients are converted once, outside
of the timing. One JSON object a line, here broken in two:

    {"system": "pytorch-nchw", "case": "A", "pass": "fb", "threads": 2,
     "median_ms": ..., "q1_ms": ..., "q3_ms": ...}
"""

import torch
import torch.nn as nn
import torch.nn.functional as F

import cases

FORMATS = {"nchw": torch.contiguous_format, "nhwc": torch.channels_last}


class NetworkH(nn.Module):
    """A small FCN: three stages, the scores of the last two added, two deconvolutions."""

    def __init__(self, classes):
        super().__init__()

        def stage(inputs, outputs):
            return nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(),
                nn.Conv2d(outputs, outputs, 3, padding=1), nn.ReLU(),
                nn.MaxPool2d(2),
            )

        self.stage1, self.stage2, self.stage3 = stage(3, 32), stage(32, 64), stage(64, 128)
        self.score, self.skip = nn.Conv2d(128, classes, 1), nn.Conv2d(64, classes, 1)
        self.up2 = nn.ConvTranspose2d(classes, classes, 4, stride=2, padding=1)
        self.up4 = nn.ConvTranspose2d(classes, classes, 8, stride=4, padding=2)

    def forward(self, x):
        second = self.stage2(self.stage1(x))
        return self.up4(self.up2(self.score(self.stage3(second))) + self.skip(second))


class NetworkU(nn.Module):
    """A U-Net with batch norm."""

    def __init__(self, classes, widths):
        super().__init__()

        def stage(inputs, outputs):
            return nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
                nn.Conv2d(outputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU(),
            )

        ends = [3, *widths]
        self.down = nn.ModuleList(stage(a, b) for a, b in zip(ends, widths))
        rising = list(zip(widths[:0:-1], widths[-2::-1]))
        self.up = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in rising)
        self.merge = nn.ModuleList(stage(2 * b, b) for _, b in rising)
        self.score = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        skips = []
        for stage in self.down:
            skips.append(stage(F.max_pool2d(x, 2) if skips else x))
            x = skips[-1]
        for up, merge, skip in zip(self.up, self.merge, skips[-2::-1]):
            x = merge(torch.cat([skip, up(x)], 1))
        return self.score(x)


def without_gradients(run):
    """`run`, recording nothing."""
    def call():
        with torch.no_grad():
            return run()
    return call


def passes_of(run, inputs, memory):
    """Both passes of one operation: the gradient of its output is random and fixed."""
    grad = None
    with torch.no_grad():
        y = run()
        if y.dim():
            grad = torch.randn(y.shape).contiguous(memory_format=memory)
    return {
        "fwd": without_gradients(run),
        "fb": lambda: torch.autograd.grad(run(), inputs, grad),
    }


def picture(shape, memory):
    return torch.randn(shape).contiguous(memory_format=memory).requires_grad_()


def window(kind, w, memory):
    """A convolution or deconvolution with bias."""
    layer = kind(w.inputs, w.outputs, w.kernel, stride=w.stride, padding=w.padding).to(memory_format=memory)
    x = picture((w.batch, w.inputs, w.side, w.side), memory)
    return passes_of(lambda: layer(x), [x, layer.weight, layer.bias], memory)


def max_pool(memory):
    x = picture(cases.POOL, memory)
    return passes_of(lambda: F.max_pool2d(x, 2), [x], memory)


def bilinear(memory):
    x = picture(cases.BILINEAR, memory)
    double = lambda: F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
    return passes_of(double, [x], memory)


def batch_norm(memory):
    x = picture(cases.BATCH_NORM, memory)
    layer = nn.BatchNorm2d(x.shape[1])
    return passes_of(lambda: layer(x), [x, layer.weight, layer.bias], memory)


def cross_entropy(memory):
    n, classes, height, width = cases.CROSS_ENTROPY
    x, y = picture(cases.CROSS_ENTROPY, memory), torch.randint(0, classes, (n, height, width))
    return passes_of(lambda: F.cross_entropy(x, y), [x], memory)


def training(model, shape, classes, memory):
    """A step of SGD with momentum, and the loss alone."""
    model = model.to(memory_format=memory)
    x = torch.randn(shape).contiguous(memory_format=memory)
    y = torch.randint(0, classes, (shape[0], *shape[2:]))
    optim = torch.optim.SGD(model.parameters(), lr=cases.LEARNING_RATE, momentum=cases.MOMENTUM)

    def loss():
        return F.cross_entropy(model(x), y)

    def step():
        optim.zero_grad()
        loss().backward()
        optim.step()

    return {"fwd": without_gradients(loss), "fb": step}


def inference(model, shape, memory):
    model, x = model.to(memory_format=memory), torch.randn(shape).contiguous(memory_format=memory)
    return {"fwd": without_gradients(lambda: model(x))}


def build(case, memory):
    """`{pass: function}` of a case."""
    if case in cases.CONVOLUTIONS:
        return window(nn.Conv2d, cases.CONVOLUTIONS[case], memory)
    if case in cases.DECONVOLUTIONS:
        return window(nn.ConvTranspose2d, cases.DECONVOLUTIONS[case], memory)
    match case:
        case "Gpool":
            return max_pool(memory)
        case "Gup":
            return bilinear(memory)
        case "Gbn":
            return batch_norm(memory)
        case "Gce":
            return cross_entropy(memory)
        case "H":
            return training(NetworkH(cases.H_CLASSES), cases.H_PICTURES, cases.H_CLASSES, memory)
        case "I":
            return inference(NetworkH(cases.H_CLASSES), cases.H_PICTURES, memory)
        case "U":
            network = NetworkU(cases.U_CLASSES, cases.U_WIDTHS)
            return training(network, cases.U_PICTURES, cases.U_CLASSES, memory)
    raise NotImplementedError("unknown")


def main():
    cli = cases.options(__doc__)
    cli.add_argument("--layout", choices=FORMATS, default="nchw")
    args = cli.parse_args()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    memory = FORMATS[args.layout]
    cases.measure_all(f"pytorch-{args.layout}", args, lambda case: build(case, memory))


if __name__ == "__main__":
    main()
