#!/usr/bin/env python3
"""Holds exported ONNX files against ONNX's own checker, and their results by ONNX Runtime against
mirrorgrad's.

How to run:

    python3 -m venv venv && venv/bin/pip install numpy onnx onnxruntime pillow
    cargo build --release && cargo run --release -p mirrorgrad-onnx --example zoo -- zoo
    venv/bin/python tests/peers/onnx_check.py target/release/mirrorgrad --zoo zoo

Trains a small run of every network, exports it, and compares the logits of pictures of several sizes,
one by one and two in a batch. `--run RUN` takes a run of yours instead; `--zoo DIR` adds the files that
the example of that name wrote, one a layer. The script in `docs/onnx.md` is run, too, and must give
mirrorgrad's mask. Prints one line a file with the largest difference relative
to the largest logit, and fails beyond 1e-5.
"""

import argparse
import json
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

import runs


def session(path):
    """The file, checked, ready to run."""
    onnx.checker.check_model(str(path), full_check=True)
    options = onnxruntime.SessionOptions()
    # Warnings are failures of ours too: they tell of a constant or a shape that is off.
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def check_interface(path, classes):
    model = onnx.load(str(path))

    def shape(value):
        return [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]

    (picture,), (scores,) = model.graph.input, model.graph.output
    assert (picture.name, shape(picture)) == ("picture", ["batch", 3, "height", "width"])
    assert (scores.name, shape(scores)) == ("scores", ["batch", len(classes), "height", "width"])
    told = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(told["classes"]) == classes, told
    assert (json.loads(told["mean"]), json.loads(told["deviation"])) == ([0.5] * 3, [0.25] * 3), told


def network(binary, run, folder, classes=None):
    """The largest difference of a run's exported file."""
    path = folder / "network.onnx"
    runs.mirrorgrad(binary, "export", run, path)
    if classes:
        check_interface(path, classes)
    infer = session(path)
    pictures = runs.write_pictures(folder / "pictures")
    ours = runs.predict(binary, run, list(pictures), folder / "scores")
    worst = 0
    for picture, scores in zip(pictures.values(), ours):
        (alone,) = infer.run(["scores"], {"picture": runs.planes(picture)})
        pair = np.concatenate([runs.planes(picture[::-1]), runs.planes(picture)])
        (batch,) = infer.run(["scores"], {"picture": pair})
        worst = max(worst, runs.difference(scores, alone[0]), runs.difference(scores, batch[1]))
    return worst


def documented_script(binary, run, folder):
    """The share of pixels whose label by the script of the page is another, clearly, than mirrorgrad's."""
    from PIL import Image

    page = (Path(__file__).resolve().parents[2] / "docs" / "onnx.md").read_text()
    script = page.split("```python\n")[1].split("```")[0]
    (folder / "mask.py").write_text(script)
    photo = max((folder / "pictures").iterdir())
    command = [sys.executable, folder / "mask.py", folder / "network.onnx", photo, folder / "mask.png"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert all(name in told for name in runs.CLASSES), told
    runs.mirrorgrad(binary, "predict", run, photo, "--raw", "--out", folder / "masks")
    theirs, ours = (np.asarray(Image.open(path)) for path in (folder / "mask.png", folder / "masks" / photo.name))
    (scores,) = runs.predict(binary, run, [photo], folder / "scores")
    best, second = np.sort(scores, 0)[[-1, -2]]
    clear = best - second > 2 * runs.TOLERANCE * max(1, np.abs(scores).max())
    assert len(np.unique(ours)) > 1 and clear.mean() > 0.9, "a picture that tells nothing"
    return float(((theirs != ours) & clear).mean())


def read_safetensors(path):
    data = path.read_bytes()
    length = struct.unpack("<Q", data[:8])[0]
    header, data = json.loads(data[8 : 8 + length]), data[8 + length :]
    return {
        name: np.frombuffer(data[slice(*entry["data_offsets"])], np.float32).reshape(entry["shape"])
        for name, entry in header.items()
        if name != "__metadata__"
    }


def layer(path):
    """The largest difference of one of the zoo's files."""
    infer, values = session(path), read_safetensors(path.with_suffix(".safetensors"))
    worst = 0
    for i in range(len(values) // 2):
        (theirs,) = infer.run(["scores"], {"picture": values[f"x.{i}"]})
        worst = max(worst, runs.difference(values[f"y.{i}"], theirs))
    return worst


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("mirrorgrad", type=Path)
    cli.add_argument("--run", type=Path, help="a run, checkpoint or model.safetensors of yours")
    cli.add_argument("--zoo", type=Path, help="the folder that the example `zoo` wrote")
    args = cli.parse_args()
    failed = False

    def tell(name, worst):
        nonlocal failed
        failed |= not worst <= runs.TOLERANCE
        print(f"{name:<32} {worst:.2e}", flush=True)

    with tempfile.TemporaryDirectory() as root:
        root = Path(root)
        if args.run:
            tell(args.run.name, network(args.mirrorgrad, args.run, root))
        else:
            runs.write_data(root / "data")
            for name, options in runs.networks():
                folder = root / name.replace(" ", "_")
                runs.train(args.mirrorgrad, root / "data", folder / "run", options)
                tell(name, network(args.mirrorgrad, folder / "run", folder, runs.CLASSES))
            folder = root / "unet_bilinear"  # Whose masks have several classes after so few steps.
            tell("docs/onnx.md", documented_script(args.mirrorgrad, folder / "run", folder))
    for path in sorted(args.zoo.glob("*.onnx")) if args.zoo else []:
        tell(path.stem, layer(path))
    raise SystemExit(failed)


if __name__ == "__main__":
    main()
