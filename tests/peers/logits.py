#!/usr/bin/env python3
"""The same weights in PyTorch give the same logits, in both directions, for every network.

How to run (any PyTorch 2.x):

    python3 -m venv venv && venv/bin/pip install torch numpy safetensors
    cargo build --release
    venv/bin/python tests/peers/logits.py target/release/mirrorgrad

`out`: mirrorgrad trains a small run and exports its weights; PyTorch loads them, strictly. `in`: PyTorch
draws weights; mirrorgrad reads them as `model.safetensors` beside the run's `config.toml` and its
classes. Prints one line a network and direction with the largest difference of a logit relative to the
largest logit, and fails beyond 1e-5.

Nothing of how the networks of `twins.py` are built is read from mirrorgrad but the options of the run and
which stages are scored.
"""

import shutil
import sys
import tempfile
import tomllib
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import runs
from twins import NORMS, Fcn, SegNet, UNet


def twin(config, state):
    """The network of a run's configuration."""
    model = config["model"]
    widths, norm, way, classes = model["widths"], model["norm"], model["upsample"], len(runs.CLASSES)
    if model["kind"] == "unet":
        return UNet(classes, widths, norm, way)
    if way == "unpool" or model["kind"] == "segnet":
        return SegNet(classes, widths, norm)
    scored = [int(name.split(".")[1]) for name in state if name.startswith("skips.")]
    return Fcn(classes, widths, norm, way, min(scored, default=len(widths)))


def randomize(net):
    """Weights that keep signals at their size, and statistics that are neither 0 nor 1."""
    with torch.no_grad():
        for name, tensor in net.state_dict().items():
            if name.endswith("running_var"):
                tensor.uniform_(0.5, 2)
            elif name.endswith(("running_mean", "bias")):
                tensor.uniform_(-0.5, 0.5)
            elif tensor.dim() == 1:
                tensor.uniform_(0.5, 1.5)
            elif tensor.dim() == 4:
                tensor.normal_(std=(2 / (tensor.shape[1] * tensor.shape[2] * tensor.shape[3])) ** 0.5)


def worst(net, ours, pictures):
    net.eval()
    with torch.no_grad():
        theirs = [net(torch.from_numpy(runs.planes(picture)))[0].numpy() for picture in pictures]
    return max(map(runs.difference, ours, theirs))


def both_ways(binary, folder, data, options):
    """The largest differences, `out` and `in`."""
    run = folder / "run"
    runs.train(binary, data, run, options)
    runs.mirrorgrad(binary, "export", run, folder / "exported.safetensors")
    state = load_file(folder / "exported.safetensors")
    config = tomllib.loads((run / "config.toml").read_text())
    pictures = runs.write_pictures(folder / "pictures")
    net = twin(config, state)
    net.load_state_dict(state, strict=True)
    out = worst(net, runs.predict(binary, run, list(pictures), folder / "out"), pictures.values())
    randomize(net)
    drawn = folder / "drawn"
    drawn.mkdir()
    shutil.copy(run / "config.toml", drawn)
    (drawn / "classes.txt").write_text("\n".join(runs.CLASSES) + "\n")
    save_file({name: tensor.contiguous() for name, tensor in net.state_dict().items()}, drawn / "model.safetensors")
    ours = runs.predict(binary, drawn / "model.safetensors", list(pictures), folder / "in")
    return out, worst(net, ours, pictures.values())


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    binary, failed = Path(sys.argv[1]), False
    torch.manual_seed(0)
    with tempfile.TemporaryDirectory() as root:
        root = Path(root)
        runs.write_data(root / "data")
        for name, options in runs.networks():
            for norm in NORMS:
                what = f" {norm} norm"
                folder = root / (name + what).replace(" ", "_")
                differences = both_ways(binary, folder, root / "data", options + ["--norm", norm])
                for way, difference in zip(["out", "in"], differences):
                    failed |= not difference <= runs.TOLERANCE
                    print(f"{name + what:<40} {way:<4} {difference:.2e}", flush=True)
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
