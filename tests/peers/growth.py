#!/usr/bin/env python3
"""How the time of network H's training step grows with its batch, its pictures, its width and threads.

How to run:

    python3 tests/peers/growth.py [--ours "target/release/mirrorgrad bench --json"] [--repeat 9]
        [--plot docs/growth.svg]

Prints a Markdown table, and with `--plot` (which needs matplotlib) draws time against work. `work` is the multiply-adds of a step as a part of those of the usual one (8
pictures of 3x64x64, 32 channels), `time` the same of its median, `rate` the work done in a second as a
part of the usual one's: where it falls, time grows faster than work.
"""

import argparse
import json
import shlex
import subprocess

USUAL = {"batch": 8, "side": 64, "width": 32, "threads": 2}
STEPS = {
    "batch": [1, 2, 4, 8, 16, 32],
    "side": [32, 64, 128, 256, 512],
    "width": [8, 16, 32, 64, 128],
    "threads": [1, 2],
}


def measure(command, repeat, **sizes):
    """The median in milliseconds, and the billions of operations, of one step."""
    options = [f"--{name}={value}" for name, value in (USUAL | sizes).items()]
    command = [*shlex.split(command), "--cases=H", "--passes=fb", f"--repeat={repeat}", *options]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    line = json.loads(done.stdout)
    return line["median_ms"], line["gflops"] * line["median_ms"] / 1e3


def plot(path, points):
    """Time against work for each size that was changed, beside the line on which both grow alike."""
    import matplotlib

    matplotlib.use("svg")
    matplotlib.rcParams.update({"svg.hashsalt": "growth", "svg.fonttype": "none", "font.size": 9})
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(1, 3, figsize=(9, 3), layout="constrained")
    for axis, name in zip(axes, ["batch", "side", "width"]):
        work, time = zip(*[(work, time) for size, _, work, time in points if size == name])
        axis.loglog(work, work, color="0.6", linewidth=1, label="linear")
        axis.loglog(work, time, "o-", color="#0b6e75", markersize=4, label="measured")
        for size, value, x, y in points:
            if size == name:
                axis.annotate(str(value), (x, y), textcoords="offset points", xytext=(-4, 6), ha="right")
        axis.set(title=name, xlabel="work")
        axis.margins(0.15)
    axes[0].set_ylabel("time of a step")
    axes[0].legend(frameon=False, loc="lower right")
    figure.savefig(path, metadata={"Date": None})


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--ours", default="target/release/mirrorgrad bench --json")
    cli.add_argument("--repeat", type=int, default=9)
    cli.add_argument("--plot", metavar="FILE.svg", help="where to draw the table")
    args = cli.parse_args()
    usual_ms, usual_gflop = measure(args.ours, args.repeat)
    points = []
    print("| | | ms | work | time | rate |\n|---|---|---|---|---|---|")
    for name, values in STEPS.items():
        for value in values:
            ms, gflop = measure(args.ours, args.repeat, **{name: value})
            work, time = gflop / usual_gflop, ms / usual_ms
            points.append((name, value, work, time))
            print(f"| {name} | {value} | {ms:.1f} | {work:.2f} | {time:.2f} | {work / time:.2f} |", flush=True)
    if args.plot:
        plot(args.plot, points)


if __name__ == "__main__":
    main()
