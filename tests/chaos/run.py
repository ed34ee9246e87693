"""What is promised of runs, tried for real: kills, damaged checkpoints, full disks.

    python tests/chaos/run.py --kills 50
    python tests/chaos/run.py --recipe mnist_maxout --kills 20 --flips 0 --fills 0

One training is run to its end without a break. The others of the same seed are killed
at random moments, or run out of disk space, and are resumed each time; they must come
to the same end. Prints a table; the exit code is 1 where anything did not hold.
"""

from __future__ import annotations

import argparse
import random
import secrets
import shutil
import signal
import sys
import tempfile
import time
from pathlib import Path

import damage
import disks
import kills
from fits import RECIPES, Plan, whole


def main() -> int:
    options = _options()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that no training is left behind
    work = Path(options.work or tempfile.mkdtemp(prefix="chaos-")).absolute()
    work.mkdir(parents=True, exist_ok=True)
    plan = Plan(options.recipe, options.epochs, options.seed, tuple(options.set), work)
    print(
        f"chaos: {options.recipe}, seed {options.seed}, moments by {options.moments}, in {work}",
        flush=True,
    )
    began = time.monotonic()
    reference = whole(plan)
    steps = f"{reference.steps} steps, a checkpoint every {plan.cadence}"
    print(f"the uninterrupted run: {steps}; {reference.seconds:.0f} s", flush=True)
    table = [("what", "result", "holds")]
    trials = (
        (kills.trial, options.kills),
        (damage.trial, options.flips),
        (disks.trial, options.fills),
    )
    for trial, count in trials:
        if count:
            table += trial(plan, reference, count, random.Random(options.moments))
    holds = all(row[2] for row in table)
    _show(table)
    print(f"{'all holds' if holds else 'NOT ALL HOLDS'}; {time.monotonic() - began:.0f} s")
    if holds and not options.work:
        shutil.rmtree(work)
    return 0 if holds else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--recipe", choices=RECIPES, default="digits")
    parser.add_argument("--kills", type=int, default=50, help="SIGKILLs in one training")
    parser.add_argument("--flips", type=int, default=20, help="damaged checkpoints")
    parser.add_argument("--fills", type=int, default=10, help="full disks in one training")
    parser.add_argument("--epochs", type=int, help="of the training; by default the recipe's here")
    parser.add_argument("--seed", type=int, default=0, help="of the training")
    parser.add_argument("--moments", type=int, default=secrets.randbelow(10**6), help="their seed")
    parser.add_argument("--set", action="append", default=[], help="a setting, as for keras-gan")
    parser.add_argument("--work", help="a folder for the runs, which is kept")
    return parser.parse_args()


def _show(table: list[tuple]) -> None:
    rows = [[what, result, {True: "yes", False: "NO"}.get(ok, ok)] for what, result, ok in table]
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for what, result, ok in rows:
        print(f"{what:<{widths[0]}}  {result:<{widths[1]}}  {ok}")


if __name__ == "__main__":
    sys.exit(main())
