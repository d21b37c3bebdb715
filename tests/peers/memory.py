#!/usr/bin/env python3
"""The peak resident memory of a command, in MB: for example of a process that trains H.

    python3 tests/peers/memory.py [--startup "PYTHON -c 'import torch'"] -- COMMAND [ARGUMENTS...]

With `--startup`, a command that only starts the system up, its peak and the difference are given too.
"""

import argparse
import json
import os
import shlex
import subprocess

MB = 1e6


def peak_mb(command):
    """Runs a command; the largest resident set it had, as the system accounts for this one child."""
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise SystemExit(f"{shlex.join(command)}: exit status {child.returncode}")
    return usage.ru_maxrss * 1024 / MB


def main():
    cli = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    cli.add_argument("--startup", type=shlex.split, help="a command that starts the system and does nothing")
    cli.add_argument("command", nargs="+")
    args = cli.parse_args()
    result = {"command": shlex.join(args.command), "peak_mb": round(peak_mb(args.command), 1)}
    if args.startup:
        startup = peak_mb(args.startup)
        result |= {"startup_mb": round(startup, 1), "above_startup_mb": round(result["peak_mb"] - startup, 1)}
    print(json.dumps(result))


if __name__ == "__main__":
    main()
