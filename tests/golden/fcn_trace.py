#!/usr/bin/env python3
"""Writes fcn_trace.json: fifty training losses of the FCN, by PyTorch, from weights and batches
that are a formula, so that another implementation can replay them with no data file.

How to run (any PyTorch 2.x):

    python3 -m venv venv && venv/bin/pip install torch numpy
    venv/bin/python tests/golden/fcn_trace.py            # writes tests/golden/fcn_trace.json

ABOUT below is the formula in words; it is copied into the JSON.
"""

import json
import math
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "peers"))
from twins import Fcn, bilinear_kernel  # noqa: E402

CLASSES, WIDTHS, STEPS = 5, [16, 32, 64, 128], 50
BATCH, HEIGHT, WIDTH = 4, 36, 44
IGNORE, IGNORE_BELOW = 255, 450359962737049  # floor(2^53 / 20): one pixel in twenty
THRESHOLDS = [-3.0, -1.0, 1.0, 3.0]
# Larger rates (1e-3 and 0.01) amplify f32 rounding past 1e-3 within fifty steps, in PyTorch
# against itself: an argmax or a relu flips somewhere. At these it stays near 1e-4.
OPTIMIZERS = {
    "adamw": {"lr": 2e-4, "beta1": 0.9, "beta2": 0.999, "eps": 1e-8, "weight_decay": 0.01},
    "sgd": {"lr": 1e-3, "momentum": 0.9, "weight_decay": 1e-4},
}

ABOUT = [
    "Network: mirrorgrad's default FCN (batch norm on, upsample deconv) with the classes and widths"
    " below; parameter names as in tests/peers/twins.py.",
    "Draws: stream(seed) is splitmix64. state = seed; each draw does state += 0x9E3779B97F4A7C15;"
    " z = state; z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9; z = (z ^ (z >> 27)) * 0x94D049BB133111EB;"
    " z = z ^ (z >> 31), all modulo 2^64. r = z >> 11 (an integer below 2^53) and u = r * 2^-53, exact"
    " in f64.",
    "Weights: the tensor named NAME takes stream(FNV-1a 64 of NAME's bytes: offset basis"
    " 0xCBF29CE484222325, prime 0x100000001B3), one draw an element in row-major order, all in f64."
    " A name ending in conv1.weight or conv2.weight: (2u - 1) * sqrt(6 / fan_in). score.weight and"
    " skips.I.weight: (2u - 1) * sqrt(3 / fan_in). fan_in is the product of all sizes but the first."
    " norm1.weight and norm2.weight: 0.5 + u. Every .bias (norms, score, skips): (2u - 1) * 0.1."
    " ups.I.weight [classes, classes, 4, 4]: B + (2u - 1) * 0.01, where B[c][c] is the outer product"
    " of [0.25, 0.75, 0.75, 0.25] with itself and B[c][d] is 0 for c != d. Running means start at 0,"
    " running variances at 1.",
    "Batch of step s (0-based): pictures [batch, 3, height, width] from stream(s), row-major, value"
    " (2u - 1) * 2. Targets [batch, height, width], from the f64 pictures in both precisions: b = the"
    " sum of channel 0 over the 3x3 neighbours inside the picture (outside ones are left out),"
    " starting from 0.0 and adding rows top to bottom, in each row left to right, in f64; class = how"
    " many of the thresholds are < b. Where the integer r of channel 1 at that pixel is <"
    " ignore_below, the target is ignore_index instead.",
    "Step s: training mode (batch norm: batch statistics, momentum 0.1, eps 1e-5), loss = mean cross"
    " entropy over the pixels not ignored, recorded before the update; then one update of all"
    " parameters in a single group (weight decay on norms and biases too), constant rate. adamw is"
    " decoupled decay with bias correction, eps added after the root: p -= lr * wd * p, then p -= lr *"
    " m_hat / (sqrt(v_hat) + eps). sgd adds wd * p to the gradient; its momentum buffer starts as the"
    " first gradient, without dampening. Each optimizer's trace starts again from the formula's weights.",
    "eval_loss: after the last update, in evaluation mode (running statistics), the same loss on the"
    " batch of step `steps`. final: name -> [sum, sum of squares] of a few tensors after the last"
    " update, accumulated in f64.",
    "f32: the same with the f64 weights and pictures rounded to f32. Every number is printed in the"
    " shortest form that reads back exactly (an f32 loss as the f64 equal to it). float_noise: the largest"
    " relative change of any loss when PyTorch computes the same trace in other ways (one thread with"
    " channels-last memory, and without oneDNN), that is, how much mere summation order moves it.",
]


def fnv1a(name):
    state = 0xCBF29CE484222325
    for byte in name.encode():
        state = (state ^ byte) * 0x100000001B3 % 2**64
    return state


def draws(seed, count):
    """`count` integers below 2^53 from splitmix64."""
    z = np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15) * np.arange(1, count + 1, dtype=np.uint64)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return (z ^ (z >> np.uint64(31))) >> np.uint64(11)


def unit(r):
    return r.astype(np.float64) * 2.0**-53


def initial(name, shape):
    """The formula's f64 value for the parameter called `name`."""
    centred = 2.0 * unit(draws(fnv1a(name), math.prod(shape))).reshape(shape) - 1.0
    if name.endswith(("conv1.weight", "conv2.weight")):
        return centred * math.sqrt(6.0 / math.prod(shape[1:]))
    if name.startswith(("score", "skips")) and name.endswith("weight"):
        return centred * math.sqrt(3.0 / math.prod(shape[1:]))
    if name.startswith("ups"):
        return bilinear_kernel(shape[0], shape[2]).double().numpy() + centred * 0.01
    if name.endswith(("norm1.weight", "norm2.weight")):
        return 0.5 + unit(draws(fnv1a(name), math.prod(shape))).reshape(shape)
    assert name.endswith("bias"), name
    return centred * 0.1


def batch(step):
    """(pictures in f64, targets) of one step."""
    r = draws(step, BATCH * 3 * HEIGHT * WIDTH).reshape(BATCH, 3, HEIGHT, WIDTH)
    pictures = (2.0 * unit(r) - 1.0) * 2.0
    padded = np.pad(pictures[:, 0], [(0, 0), (1, 1), (1, 1)])
    blur = np.zeros((BATCH, HEIGHT, WIDTH))
    for dy in range(3):
        for dx in range(3):  # adding a padded zero changes nothing, so this is the stated order
            blur = blur + padded[:, dy : dy + HEIGHT, dx : dx + WIDTH]
    targets = sum((blur > t).astype(np.int64) for t in THRESHOLDS)
    return pictures, np.where(r[:, 1] < IGNORE_BELOW, IGNORE, targets)


FINAL = [
    "stages.0.conv1.weight", "stages.0.norm1.weight", "stages.0.norm1.bias", "stages.0.norm1.running_mean",
    "stages.0.norm1.running_var", "stages.2.conv2.weight", "stages.3.conv2.weight", "stages.3.norm2.running_var",
    "score.weight", "score.bias", "skips.0.weight", "skips.2.bias", "ups.0.weight", "ups.3.weight",
]


def trace(dtype, optimizer, layout=torch.contiguous_format):
    """(50 losses, the loss in evaluation mode, sums of the final tensors)."""
    model = Fcn(CLASSES, WIDTHS).to(dtype)
    with torch.no_grad():
        for name, p in model.named_parameters():
            p.copy_(torch.from_numpy(initial(name, tuple(p.shape))))
    model.to(memory_format=layout)
    o = OPTIMIZERS[optimizer]
    if optimizer == "adamw":
        optim = torch.optim.AdamW(
            model.parameters(), lr=o["lr"], betas=(o["beta1"], o["beta2"]), eps=o["eps"],
            weight_decay=o["weight_decay"], foreach=False,
        )
    else:
        optim = torch.optim.SGD(
            model.parameters(), lr=o["lr"], momentum=o["momentum"], weight_decay=o["weight_decay"], foreach=False
        )

    def loss_of(step):
        pictures, targets = batch(step)
        x = torch.from_numpy(pictures).to(dtype).contiguous(memory_format=layout)
        return F.cross_entropy(model(x), torch.from_numpy(targets), ignore_index=IGNORE)

    losses = []
    for step in range(STEPS):
        loss = loss_of(step)
        losses.append(loss.item())
        optim.zero_grad()
        loss.backward()
        optim.step()
    model.eval()
    with torch.no_grad():
        held_out = loss_of(STEPS).item()
    state = model.state_dict()
    final = {k: [state[k].double().sum().item(), state[k].double().square().sum().item()] for k in FINAL}
    return losses, held_out, final


def main():
    traces = {}
    for optimizer, settings in OPTIMIZERS.items():
        entry = {"settings": settings}
        for label, dtype in (("f64", torch.float64), ("f32", torch.float32)):
            torch.set_num_threads(2)
            losses, held_out, final = trace(dtype, optimizer)
            torch.set_num_threads(1)
            others = [trace(dtype, optimizer, torch.channels_last)[0]]
            with torch.backends.mkldnn.flags(enabled=False):
                others.append(trace(dtype, optimizer)[0])
            noise = max(abs(a - b) / a for other in others for a, b in zip(losses, other))
            entry[label] = {"losses": losses, "eval_loss": held_out, "float_noise": noise, "final": final}
            print(optimizer, label, losses[0], losses[-1], held_out, "noise", noise, flush=True)
        gap = max(abs(a - b) / a for a, b in zip(entry["f64"]["losses"], entry["f32"]["losses"]))
        print(optimizer, "f32 against f64:", gap)
        traces[optimizer] = entry

    targets = batch(0)[1]
    document = {
        "about": ABOUT,
        "made_by": f"tests/golden/fcn_trace.py, PyTorch {torch.__version__}",
        "classes": CLASSES, "widths": WIDTHS, "steps": STEPS, "batch": BATCH, "height": HEIGHT, "width": WIDTH,
        "thresholds": THRESHOLDS, "ignore_index": IGNORE, "ignore_below": IGNORE_BELOW,
        "checks": {
            "seed of stages.0.conv1.weight": str(fnv1a("stages.0.conv1.weight")),
            "first four r of stream(0)": [int(r) for r in draws(0, 4)],
            "first four of stages.0.conv1.weight": initial("stages.0.conv1.weight", (16, 3, 3, 3)).flatten()[:4].tolist(),
            "first four of picture 0": batch(0)[0].flatten()[:4].tolist(),
            "step 0's targets: how many of class 0 to 4, ignored": [int((targets == c).sum()) for c in (*range(5), IGNORE)],
            "step 0's targets: sum of (index + 1) * class over pixels not ignored": int(
                sum((i + 1) * int(t) for i, t in enumerate(targets.flatten()) if t != IGNORE)
            ),
        },
        "traces": traces,
    }
    text = json.dumps(document, indent=1)
    (HERE / "fcn_trace.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
