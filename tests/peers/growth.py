#!/usr/bin/env python3
"""How the time of network H's training step grows with its batch, its pictures, its width and threads.

How to run:

    python3 tests/peers/growth.py [--ours "target/release/mirrorgrad bench --json"] [--repeat 9]

Prints a Markdown table. `work` is the multiply-adds of a step as a part of those of the usual one (8
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


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--ours", default="target/release/mirrorgrad bench --json")
    cli.add_argument("--repeat", type=int, default=9)
    args = cli.parse_args()
    usual_ms, usual_gflop = measure(args.ours, args.repeat)
    print("| | | ms | work | time | rate |\n|---|---|---|---|---|---|")
    for name, values in STEPS.items():
        for value in values:
            ms, gflop = measure(args.ours, args.repeat, **{name: value})
            work, time = gflop / usual_gflop, ms / usual_ms
            print(f"| {name} | {value} | {ms:.1f} | {work:.2f} | {time:.2f} | {work / time:.2f} |", flush=True)


if __name__ == "__main__":
    main()
