#!/usr/bin/env python3
"""Our benchmark against its peers', in the same minutes.

    python3 tests/peers/ratios.py --ours "target/release/mirrorgrad bench --json" \\
        --torch TORCH_PYTHON --tensorflow TENSORFLOW_PYTHON [--burn BINARY] [--candle BINARY] \\
        [--rounds 5] [--repeat 9] [--threads 2] [--cases A,H] [--passes fb] [--group 4]
        [--markdown] [--json FILE]

Every peer is optional. Each round takes a few cases at a time (`--group`) and runs every system on
them, each in a process of its own and never two at once; the order of the systems rotates from round
to round. The table at the end gives each system's milliseconds (median over the rounds), the ratio
of ours to the best of PyTorch (both layouts) and TensorFlow, and to Burn and Candle: taken within
each round, then the median (min..max) over the rounds. Below one, ours is faster.

A system that fails, or misses a case in any round, is named on stderr and left out of that case.
"""

import json
import os
import shlex
import statistics
import subprocess
import sys
from pathlib import Path

import cases

HERE = Path(__file__).resolve().parent
OURS, BEST_OF = "ours", ("pytorch-nchw", "pytorch-nhwc", "tensorflow")
RUST_PEERS = ("burn", "candle")
TIME_LIMIT_S = 900


def parse():
    cli = cases.options(__doc__)
    cli.set_defaults(passes=["fb"], repeat=9)
    cli.add_argument("--ours", required=True, help="our command, before the options it shares")
    cli.add_argument("--torch", help="the python that has PyTorch")
    cli.add_argument("--tensorflow", help="the python that has TensorFlow")
    cli.add_argument("--burn", help="the binary of burn/")
    cli.add_argument("--candle", help="the binary of candle/")
    cli.add_argument("--rounds", type=int, default=5)
    cli.add_argument("--group", type=int, default=4, help="cases a process measures")
    cli.add_argument("--markdown", action="store_true", help="print the table as Markdown")
    cli.add_argument("--json", type=Path, help="write every line of every process to this file")
    return cli.parse_args()


def systems_of(args):
    """{system: command}"""
    commands = {OURS: shlex.split(args.ours)}
    if args.torch:
        for layout in ("nchw", "nhwc"):
            commands[f"pytorch-{layout}"] = [args.torch, str(HERE / "bench_torch.py"), "--layout", layout]
    if args.tensorflow:
        commands["tensorflow"] = [args.tensorflow, str(HERE / "bench_tensorflow.py")]
    for peer in RUST_PEERS:
        if binary := getattr(args, peer):
            commands[peer] = [binary]
    return commands


def rotated(items, by):
    by %= len(items)
    return items[by:] + items[:by]


def measure(system, command, group, args):
    """The records one process prints; what it printed before a failure counts."""
    command = command + [
        "--cases", ",".join(group), "--passes", ",".join(args.passes),
        "--threads", str(args.threads), "--repeat", str(args.repeat),
    ]
    environment = os.environ | {"RAYON_NUM_THREADS": str(args.threads)}
    try:
        done = subprocess.run(
            command, stdout=subprocess.PIPE, text=True, env=environment, timeout=TIME_LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"{system}: {error}", file=sys.stderr)
        return []
    if done.returncode:
        print(f"{system}: exit status {done.returncode} on {','.join(group)}", file=sys.stderr)
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    return [line | {"system": system} for line in lines]


def all_records(args):
    """Every record of every round, as it comes."""
    commands = systems_of(args)
    groups = [args.cases[i : i + args.group] for i in range(0, len(args.cases), args.group)]
    for number in range(args.rounds):
        for group in groups:
            for system in rotated(list(commands), number):
                print(f"round {number + 1}: {','.join(group)}: {system}", file=sys.stderr)
                for record in measure(system, commands[system], group, args):
                    yield record | {"round": number + 1}


def collect(records):
    """{(case, pass): {system: {round: ms}}}"""
    found = {}
    for record in records:
        systems = found.setdefault((record["case"], record["pass"]), {})
        systems.setdefault(record["system"], {})[record["round"]] = record["median_ms"]
    return found


def complete(key, measured, expected, rounds):
    """{system: [ms of each round]} of the systems that answered in every round."""
    whole = {}
    for system in expected:
        answers = measured.get(system, {})
        if len(answers) == rounds:
            whole[system] = [answers[number] for number in sorted(answers)]
        else:
            reason = f"{len(answers)} of {rounds} rounds"
            print(f"{system}: left out of {' '.join(key)}: {reason}", file=sys.stderr)
    return whole


def ratio(whole, peers):
    """Ours over the best of the peers, round by round: "median (min..max)"."""
    peers = [whole[peer] for peer in peers if peer in whole]
    if not peers or OURS not in whole:
        return "-"
    ratios = [ours / min(theirs) for ours, *theirs in zip(whole[OURS], *peers)]
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f}..{max(ratios):.2f})"


def table(args, found):
    """Rows of text, the header first."""
    systems = list(systems_of(args))
    ratios = {"ours / best": BEST_OF} | {f"ours / {peer}": (peer,) for peer in RUST_PEERS if peer in systems}
    rows = [["case", "pass", *systems, *ratios]]
    for key in ((case, which) for case in args.cases for which in args.passes):
        if key not in found:
            continue
        whole = complete(key, found[key], systems, args.rounds)
        times = [f"{statistics.median(whole[s]):.2f}" if s in whole else "-" for s in systems]
        rows.append([*key, *times, *(ratio(whole, peers) for peers in ratios.values())])
    return rows


def show(rows, markdown):
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = [[cell.ljust(width) for cell, width in zip(row, widths)] for row in rows]
    if not markdown:
        return "\n".join("  ".join(line).rstrip() for line in lines)
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main():
    args = parse()
    records = []
    try:
        for record in all_records(args):
            records.append(record)
    finally:
        if args.json:
            args.json.write_text("".join(json.dumps(record) + "\n" for record in records))
    print(show(table(args, collect(records)), args.markdown))


if __name__ == "__main__":
    main()
