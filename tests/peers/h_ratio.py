#!/usr/bin/env python3
"""Our training step of network H against PyTorch's, in the same minutes.

How to run, with the python of a virtual environment that has PyTorch 2.x (see bench_h.py):

    venv/bin/python tests/peers/h_ratio.py [--rounds 5] [--steps 20] -- COMMAND [ARGUMENTS...]

COMMAND prints, anywhere in its standard output, a line {"case": "H", "median_ms": ...}. Each round
runs COMMAND, then PyTorch in both layouts, each in a process of its own and none at the same time.
The last line is the verdict: the medians over the rounds, and the ratio of ours to PyTorch's better
layout (`ratio`: of the medians; `ratio_min`, `ratio_max`: over the single rounds).
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path


def measure(command):
    """{system: median_ms} from the lines a command prints for case H."""
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = {}
    for line in done.stdout.splitlines():
        if line.startswith("{"):
            record = json.loads(line)
            if record.get("case") == "H":
                found[record.get("system", "ours")] = record["median_ms"]
    if not found:
        raise SystemExit(f"{command[0]}: no line with \"case\": \"H\" in its output")
    return found


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--rounds", type=int, default=5)
    cli.add_argument("--steps", type=int, default=20, help="PyTorch's timed steps a round")
    cli.add_argument("--threads", type=int, default=2, help="PyTorch's threads")
    cli.add_argument("command", nargs="+")
    args = cli.parse_args()
    bench = Path(__file__).resolve().parent / "bench_h.py"
    pytorch = [sys.executable, str(bench), "--steps", str(args.steps), "--threads", str(args.threads)]

    rounds = []
    for number in range(1, args.rounds + 1):
        ours = next(iter(measure(args.command).values()))
        rounds.append({"ours": ours, **measure(pytorch)})
        print(json.dumps({"round": number, **rounds[-1]}), flush=True)

    median = {system: statistics.median(r[system] for r in rounds) for system in rounds[0]}
    ratios = [r["ours"] / min(r["pytorch-nchw"], r["pytorch-nhwc"]) for r in rounds]
    better = min(median["pytorch-nchw"], median["pytorch-nhwc"])
    print(json.dumps({
        "case": "H",
        "median_ms": {system: round(value, 2) for system, value in median.items()},
        "ratio": round(median["ours"] / better, 3),
        "ratio_min": round(min(ratios), 3),
        "ratio_max": round(max(ratios), 3),
    }))


if __name__ == "__main__":
    main()
