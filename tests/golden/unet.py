#!/usr/bin/env python3
"""Writes unet.safetensors: a small U-Net's weights, scores and gradients, by PyTorch in f64.

How to run (any PyTorch 2.x):

    python3 -m venv venv && venv/bin/pip install torch safetensors numpy
    venv/bin/python tests/golden/unet.py                 # writes tests/golden/unet.safetensors

Tensors are named PREFIX/NAME: `state` holds the network's weights under its own names, `scores` the
result in training mode (`train`) and in evaluation mode with the statistics before it (`eval`), and
`grad` the gradients of sum(scores * cotangent) in training mode.
"""

from pathlib import Path

import torch
import torch.nn as nn
from safetensors.torch import save_file

WIDTHS, CLASSES, SHAPE = [3, 4, 5], 3, [2, 3, 11, 14]


class DoubleConv(nn.Module):
    def __init__(self, inputs, outputs):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)

    def forward(self, x):
        x = self.norm1(self.conv1(x)).relu()
        return self.norm2(self.conv2(x)).relu()


class UNet(nn.Module):
    def __init__(self, widths, classes):
        super().__init__()
        steps = list(zip(widths[1:], widths))
        self.stages = nn.ModuleList(DoubleConv(a, b) for a, b in zip([3, *widths], widths))
        self.ups = nn.ModuleList(nn.ConvTranspose2d(a, b, 2, stride=2) for a, b in steps)
        self.decoders = nn.ModuleList(DoubleConv(2 * b, b) for _, b in steps)
        self.score = nn.Conv2d(widths[0], classes, 1)

    def forward(self, x):
        skips = []
        for i, stage in enumerate(self.stages):
            x = stage(nn.functional.max_pool2d(x, 2) if i else x)
            skips.append(x)
        skips.pop()
        for up, decoder, skip in reversed(list(zip(self.ups, self.decoders, skips))):
            x = decoder(torch.cat([skip, up(x, output_size=skip.shape[2:])], 1))
        return self.score(x)


def main():
    torch.manual_seed(0)
    net = UNet(WIDTHS, CLASSES).double()
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2.0)
            elif tensor.is_floating_point():
                tensor.uniform_(-0.6, 0.6)
    state = {k: v.clone() for k, v in net.state_dict().items() if v.is_floating_point()}
    x = torch.randn(SHAPE, dtype=torch.float64)
    cotangent = torch.randn([SHAPE[0], CLASSES, *SHAPE[2:]], dtype=torch.float64)
    evaluated = net.eval()(x).detach()
    trained = net.train()(x)
    (trained * cotangent).sum().backward()
    out = {"x": x, "cotangent": cotangent, "scores/eval": evaluated, "scores/train": trained.detach()}
    out |= {f"state/{name}": tensor for name, tensor in state.items()}
    out |= {f"grad/{name}": p.grad for name, p in net.named_parameters()}
    path = Path(__file__).resolve().with_name("unet.safetensors")
    save_file({name: tensor.contiguous() for name, tensor in out.items()}, str(path))


if __name__ == "__main__":
    main()
