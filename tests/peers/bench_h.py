#!/usr/bin/env python3
"""Times the training step of network H in PyTorch.

How to run (any PyTorch 2.x):

    python3 -m venv venv && venv/bin/pip install torch
    venv/bin/python tests/peers/bench_h.py [--steps 20] [--threads 2] [--layout nchw|nhwc|both]

H, at batch 8 of 3x64x64 and f32: [conv3x3 3->32, relu, conv3x3 32->32, relu, pool2], the same
32->64->64 and 64->128->128, score 1x1 128->5, deconvolution k4 s2 p1 5->5, plus a score 1x1 64->5 of
the second pool, deconvolution k8 s4 p2 5->5, cross entropy, backward, SGD with momentum 0.9.
Convolutions have biases. After five warm-up steps each step is timed alone; one JSON line per layout:

    {"case": "H", "system": "pytorch-nhwc", "median_ms": 48.5, "min_ms": ..., "max_ms": ..., ...}
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn as nn
import torch.nn.functional as F

CLASSES, BATCH, SIDE, WARM_UP = 5, 8, 64, 5


class NetworkH(nn.Module):
    def __init__(self):
        super().__init__()

        def stage(inputs, outputs):
            return nn.Sequential(
                nn.Conv2d(inputs, outputs, 3, padding=1), nn.ReLU(),
                nn.Conv2d(outputs, outputs, 3, padding=1), nn.ReLU(),
                nn.MaxPool2d(2),
            )

        self.stage1, self.stage2, self.stage3 = stage(3, 32), stage(32, 64), stage(64, 128)
        self.score, self.skip = nn.Conv2d(128, CLASSES, 1), nn.Conv2d(64, CLASSES, 1)
        self.up2 = nn.ConvTranspose2d(CLASSES, CLASSES, 4, stride=2, padding=1)
        self.up4 = nn.ConvTranspose2d(CLASSES, CLASSES, 8, stride=4, padding=2)

    def forward(self, x):
        second = self.stage2(self.stage1(x))
        return self.up4(self.up2(self.score(self.stage3(second))) + self.skip(second))


def times(layout, steps):
    """Milliseconds of each timed step."""
    torch.manual_seed(0)
    memory = torch.channels_last if layout == "nhwc" else torch.contiguous_format
    model = NetworkH().to(memory_format=memory)
    x = torch.randn(BATCH, 3, SIDE, SIDE).contiguous(memory_format=memory)
    y = torch.randint(0, CLASSES, (BATCH, SIDE, SIDE))
    optim = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    taken = []
    for _ in range(WARM_UP + steps):
        start = time.perf_counter()
        optim.zero_grad()
        F.cross_entropy(model(x), y).backward()
        optim.step()
        taken.append((time.perf_counter() - start) * 1e3)
    return taken[WARM_UP:]


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--steps", type=int, default=20, help="timed steps")
    cli.add_argument("--threads", type=int, default=2)
    cli.add_argument("--layout", choices=["nchw", "nhwc", "both"], default="both")
    args = cli.parse_args()
    torch.set_num_threads(args.threads)
    for layout in ("nchw", "nhwc") if args.layout == "both" else (args.layout,):
        taken = times(layout, args.steps)
        print(json.dumps({
            "case": "H",
            "system": f"pytorch-{layout}",
            "median_ms": round(statistics.median(taken), 3),
            "min_ms": round(min(taken), 3),
            "max_ms": round(max(taken), 3),
            "steps": args.steps,
            "threads": args.threads,
        }), flush=True)


if __name__ == "__main__":
    main()
