#!/usr/bin/env python3
"""Writes numpy/: arrays as NumPy writes them, whose elements follow from their place.

How to run:

    python3 -m venv venv && venv/bin/pip install numpy
    venv/bin/python tests/golden/numpy.py                # writes tests/golden/numpy/

Element i, in row-major order, of every array of floats is i / 4 - 1, and of whole numbers 3 i - 4 (3 i
where they have no sign).
"""

# This file's own name is not the module that is wanted.
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path = [path for path in sys.path if Path(path or ".").resolve() != HERE]

import numpy as np  # noqa: E402


def floats(dtype, shape):
    return (np.arange(np.prod(shape, dtype=int)) / 4 - 1).astype(dtype).reshape(shape)


def integers(dtype, shape):
    signed = np.dtype(dtype).kind == "i"
    return (3 * np.arange(np.prod(shape, dtype=int)) - 4 * signed).astype(dtype).reshape(shape)


def main():
    folder = HERE / "numpy"
    folder.mkdir(exist_ok=True)
    arrays = {
        "f4": floats("<f4", (2, 3, 4)),
        "f8": floats("<f8", (5,)),
        "f4_fortran": np.asfortranarray(floats("<f4", (2, 3, 4))),
        "f8_big_endian": floats(">f8", (3, 2)),
        "f4_scalar": floats("<f4", ()),
        "f4_empty": floats("<f4", (0, 3)),
        "i8": integers("<i8", (2, 2)),
        "i4_big_endian": integers(">i4", (3,)),
        "i2_fortran": np.asfortranarray(integers("<i2", (2, 3))),
        "i1": integers("i1", (4,)),
        "u1": integers("u1", (2, 3)),
        "u2": integers("<u2", (3,)),
        "u4": integers("<u4", (3,)),
        "u8": integers("<u8", (3,)),
        "refused_bool": np.array([True]),
        "refused_f2": floats("<f2", (2,)),
        "refused_c8": np.array([1j], "<c8"),
        "refused_text": np.array(["one"]),
        "refused_fields": np.array([(1, 2.0)], [("a", "<i4"), ("b", "<f4")]),
    }
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)
    np.lib.format.write_array((folder / "f4_version_2.npy").open("wb"), arrays["f4"], (2, 0))
    kept = {name: array for name, array in arrays.items() if not name.startswith("refused")}
    np.savez(folder / "plain.npz", **kept)
    np.savez_compressed(folder / "packed.npz", **kept)


if __name__ == "__main__":
    main()
