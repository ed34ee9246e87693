"""SIGKILL at random moments of one training, which is resumed each time."""

from __future__ import annotations

import random
import time
from pathlib import Path

import equality
from fits import Fit, Plan, Whole, at_random, checkpoints, reached

_IN_START_UP = 0.15  # part of the kills that comes before the first step


def trial(plan: Plan, reference: Whole, count: int, moments: random.Random) -> list[tuple]:
    """Kills a training `count` times and compares its end with the reference."""
    run = plan.work / "killed"
    done, lost, executed = 0, [], 0
    while True:
        with Fit(plan, run) as fit:
            if done < count:
                _wait(fit, plan, reference, count - done, moments)
            else:
                fit.until(lambda: fit.ended, poll=0.1)
            ended = fit.ended
            fit.kill()
        start, end = fit.resumed_at(), _executed_to(run, plan, ended)
        if start is not None:
            if lost:
                lost[-1] -= start
            executed += end - start
            lost.append(end)
        if ended:
            break
        done += 1
        print(f"kill {done}: from step {start}, to {end} of {reference.steps}", flush=True)
    bound = reference.steps + count * plan.cadence
    code = fit.process.returncode
    return [
        (f"{count} kills", f"{done} while it trained, then exit code {code}", done == count),
        ("  the last resume ends", _last_line(fit) if code else "well", code == 0),
        ("  steps executed, at most", f"{executed} of {bound} allowed", executed <= bound),
        ("  most lost by one kill", f"{max(lost[:-1], default=0)} of {plan.cadence} allowed",
         max(lost[:-1], default=0) <= plan.cadence),
        *equality.differences(reference.run, run),
    ]  # fmt: skip


def _wait(fit: Fit, plan: Plan, reference: Whole, left: int, moments: random.Random) -> None:
    if not checkpoints(fit.run):  # nothing to lose before
        fit.until(lambda: checkpoints(fit.run))
    elif moments.random() < _IN_START_UP:
        time.sleep(moments.uniform(0, reference.start_up))
        return
    # Rows that are taken back first may stand for progress here: that is a moment, too.
    fit.until(lambda: fit.plays and reached(fit.run) > fit.resumed_at())
    at_random(fit, plan, reference, left, moments)


def _executed_to(run: Path, plan: Plan, ended: bool) -> int:
    """The last step that may have been executed.

    That is the last one in a row or a checkpoint, and the call after it, which may
    have been under way: unless a checkpoint was due that is not there, before which
    no call begins.
    """
    known = max(reached(run), *checkpoints(run))
    waits = known % plan.cadence == 0 and known not in checkpoints(run)
    return known if ended or waits else known + plan.call


def _last_line(fit: Fit) -> str:
    return (fit.output().strip().splitlines() or ["nothing"])[-1][:60]
