"""The benchmark cases, their options and their clock: what the Python peers share.

A script builds a case as `{pass: function}`; `measure_all` times each function and prints one JSON
object a line. Sizes are those of NCHW; a framework with another layout permutes them itself.
"""

import argparse
import json
import statistics
import sys
import time
from typing import NamedTuple

WARM_UP = 2
PASSES = ("fwd", "fb")


class Window(NamedTuple):
    """A (transposed) convolution: `inputs` -> `outputs` channels on `batch` square pictures."""

    batch: int
    inputs: int
    outputs: int
    side: int
    kernel: int
    stride: int
    padding: int


CONVOLUTIONS = {
    "A": Window(8, 64, 64, 64, 3, 1, 1),
    "B": Window(8, 64, 128, 64, 3, 2, 1),
    "E": Window(8, 256, 64, 64, 1, 1, 0),
    "F": Window(8, 3, 32, 128, 3, 1, 1),
    "J": Window(4, 256, 256, 32, 3, 1, 1),
    "K": Window(4, 512, 512, 16, 3, 1, 1),
    "L": Window(1, 64, 64, 64, 3, 1, 1),
}
DECONVOLUTIONS = {
    "C": Window(8, 128, 64, 32, 4, 2, 1),
    "D": Window(4, 21, 21, 32, 16, 8, 4),
}

POOL = (8, 64, 128, 128)
BILINEAR = (8, 64, 64, 64)
BATCH_NORM = (8, 64, 64, 64)
CROSS_ENTROPY = (8, 21, 128, 128)

H_PICTURES, H_CLASSES = (8, 3, 64, 64), 5
U_PICTURES, U_CLASSES, U_WIDTHS = (8, 3, 96, 128), 11, (24, 48, 96, 192)
LEARNING_RATE, MOMENTUM = 0.01, 0.9

ALL = ("A", "B", "C", "D", "E", "F", "J", "K", "L", "Gpool", "Gup", "Gbn", "Gce", "H", "I", "U")


def names(text):
    """The parts of a comma-separated option."""
    return [part for part in text.split(",") if part]


def options(description):
    """The options every peer has."""
    plain = argparse.RawDescriptionHelpFormatter
    cli = argparse.ArgumentParser(description=description, formatter_class=plain)
    cli.add_argument("--cases", type=names, default=list(ALL), help="comma-separated; default: all")
    cli.add_argument("--passes", type=names, default=list(PASSES), help="fwd, fb or both")
    cli.add_argument("--threads", type=int, default=2)
    cli.add_argument("--repeat", type=int, default=15, help="timed iterations after two warm-ups")
    return cli


def quartiles(values):
    """(q1, median, q3)."""
    if len(values) == 1:
        return values * 3
    return statistics.quantiles(values, n=4, method="inclusive")


def milliseconds(run, repeat):
    """How long each of `repeat` calls took, after the warm-ups."""
    taken = []
    for _ in range(WARM_UP + repeat):
        start = time.perf_counter()
        run()
        taken.append((time.perf_counter() - start) * 1e3)
    return taken[WARM_UP:]


def measure_all(system, args, build):
    """Times the asked passes of the asked cases; `build(case)` gives `{pass: function}`.

    A case that cannot be built, and a pass that a case does not have, is named on stderr and skipped.
    """
    for case in args.cases:
        try:
            runs = build(case)
        except NotImplementedError as reason:
            print(f"{system}: case {case} is not supported: {reason}", file=sys.stderr)
            continue
        for which in args.passes:
            if which not in runs:
                print(f"{system}: case {case} has no pass {which}", file=sys.stderr)
                continue
            q1, median, q3 = quartiles(milliseconds(runs[which], args.repeat))
            print(json.dumps({
                "system": system,
                "case": case,
                "pass": which,
                "threads": args.threads,
                "median_ms": round(median, 4),
                "q1_ms": round(q1, 4),
                "q3_ms": round(q3, 4),
            }), flush=True)
