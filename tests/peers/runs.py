"""Small runs of every network, for the scripts that compare what they predict: `onnx_check.py` and
`logits.py`. Needs nothing but numpy and the mirrorgrad binary.
"""

import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np

CLASSES = ["back ground", "disc", "bar", "ring"]
# The ways up of every network.
WAYS = {
    "fcn": ["deconv", "bilinear", "unpool"],
    "fcn8s": ["deconv", "bilinear"],
    "fcn16s": ["deconv", "bilinear"],
    "fcn32s": ["deconv", "bilinear"],
    "unet": ["deconv", "bilinear"],
    "segnet": ["unpool"],
}
# Beyond what a network is trained on: odd, even, wide, tall.
SIZES = [(40, 48), (37, 53), (64, 33), (41, 96)]
# Of a logit, relative to the largest of them where that is above 1.
TOLERANCE = 1e-5


def mirrorgrad(binary, *args):
    """Runs a command, and returns what it prints."""
    done = subprocess.run([str(binary), *map(str, args)], capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"mirrorgrad {' '.join(map(str, args))}: {done.stderr.strip()}")
    return done.stdout


def networks():
    """Every network as a name and the options that train it."""
    for model, ways in WAYS.items():
        # A stride in the name means five stages.
        widths = "4,6,5,7,6" if model.endswith("s") else "4,6,5"
        for way in ways:
            yield f"{model} {way}", ["--model", model, "--upsample", way, "--widths", widths]


def write_png(path, pixels):
    """Bytes [h, w] or [h, w, 3] as a PNG."""
    height, width = pixels.shape[:2]
    rows = b"".join(b"\0" + row.tobytes() for row in np.ascontiguousarray(pixels))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2 if pixels.ndim == 3 else 0, 0, 0, 0)
    data = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)


def pictures(seed, size):
    """Noise with some order in it: uint8 [h, w, 3]."""
    draw = np.random.default_rng(seed)
    height, width = size
    wave = np.sin(np.arange(height)[:, None, None] / 5 + draw.normal(size=3)) * np.cos(np.arange(width)[:, None] / 7)
    return np.clip(128 + 80 * wave + 30 * draw.normal(size=(height, width, 3)), 0, 255).astype(np.uint8)


def write_data(root):
    """A data set of a few pictures, whose masks are their brightness."""
    for part, count in [("train", 8), ("val", 2)]:
        for kind in ["images", "masks"]:
            (root / part / kind).mkdir(parents=True)
        for i in range(count):
            picture = pictures(100 * (part == "val") + i, (64, 64))
            mask = (picture.mean(2) // 64).astype(np.uint8)
            write_png(root / part / "images" / f"{i}.png", picture)
            write_png(root / part / "masks" / f"{i}.png", mask)
    (root / "classes.txt").write_text("\n".join(CLASSES) + "\n")


def train(binary, data, out, options):
    """A run of a few steps: nothing stays as it was drawn, nor the running statistics."""
    mirrorgrad(binary, "train", "--data", data, "--out", out, "--epochs", 3, "--batch", 4, *options)


def write_pictures(folder):
    """A picture of every size, by its file."""
    folder.mkdir(parents=True)
    found = {}
    for i, size in enumerate(SIZES):
        path = folder / f"{size[0]}x{size[1]}.png"
        found[path] = pictures(1000 + i, size)
        write_png(path, found[path])
    return found


def predict(binary, network, paths, out):
    """The scores of pictures, [classes, h, w] each."""
    mirrorgrad(binary, "predict", network, *paths, "--scores", "--out", out)
    return [np.load(Path(out) / f"{path.stem}.npy") for path in paths]


def planes(picture):
    """What a network sees of a picture: float32 [1, 3, h, w]."""
    x = (picture.astype(np.float32) / 255 - np.float32(0.5)) / np.float32(0.25)
    return np.ascontiguousarray(x.transpose(2, 0, 1))[None]


def difference(ours, theirs):
    """The largest, relative to the largest logit above 1."""
    if ours.shape != theirs.shape:
        raise SystemExit(f"shapes differ: {ours.shape} and {theirs.shape}")
    ours, theirs = ours.astype(np.float64), theirs.astype(np.float64)
    if not (np.isfinite(ours).all() and np.isfinite(theirs).all()):
        return float("inf")
    return float(np.abs(ours - theirs).max() / max(1, np.abs(ours).max()))
