"""How long a person waits: for `--help`, and for the first step of a training.

    python benchmarks/startup.py [--rounds 5]

Times `keras-gan --help` whole, and `keras-gan fit digits` from its start to the first line
about a step (which comes after the first call of the program, of many steps), each in a new
process, in turn; prints medians beside what is meant.
"""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROGRAM = str(Path(sys.executable).with_name("keras-gan"))
HELP, FIRST_STEP = 0.3, 8.0  # seconds, at most


def help_seconds() -> float:
    start = time.perf_counter()
    subprocess.run([PROGRAM, "--help"], stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - start


def first_step_seconds() -> float:
    """From the command to the first row about a step."""
    with tempfile.TemporaryDirectory() as folder:
        rows, start = Path(folder, "run", "metrics.jsonl"), time.perf_counter()
        fit = [PROGRAM, "fit", "digits", "--run-dir", str(rows.parent)]
        fit += ["--set=output.scalars_every_steps=1"]
        process = subprocess.Popen(fit, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            while not (rows.exists() and rows.stat().st_size):
                if process.poll() is not None:
                    sys.exit(f"fit ended with exit code {process.returncode}")
                time.sleep(0.005)
            return time.perf_counter() - start
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    found = [(help_seconds(), first_step_seconds()) for _ in range(arguments.rounds)]
    medians = [statistics.median(column) for column in zip(*found, strict=True)]
    for what, median, most in zip(
        ("--help", "fit digits, to its first step"), medians, (HELP, FIRST_STEP), strict=True
    ):
        print(f"{what:<32} {median:6.2f} s, at most {most} s is meant")
    raise SystemExit(medians[0] > HELP or medians[1] > FIRST_STEP)


if __name__ == "__main__":
    main()
