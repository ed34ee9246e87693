"""Ten seeds of the recipes on known densities, and of what they would be without their means.

    python benchmarks/mixtures.py RESULTS.jsonl [CASE ...] [--seeds 10]

A line of JSON is appended to RESULTS.jsonl as soon as a run has ended, and runs that it
has already are left out: an interrupted measurement goes on where it stopped. At the end
(or at once, where nothing is left to do) its table is printed.

A case is `keras-gan fit RECIPE --seed N`, the whole command timed; the newest checkpoint is
sampled by default, with the averaged generator. Mixtures are judged as in PacGAN (Lin 2018,
section 4.1): 2,500 samples, of high quality within 3 standard deviations of a mean.
`gaussian_1d` is judged by the Jensen-Shannon divergence of 10^6 samples and the mean of
V(D,G) over the last epoch. How long a run takes is no part of passing: its limit of 120 s is
that of two cores with nothing else to do.

`RECIPE_vanilla` is the 2014 game on the same data, networks, rates and rounds: no penalty, no
noise, no average, normal latents. `RECIPE_normal` is the recipe with normal latents.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from keras_gan import load
from keras_gan.data import densities
from keras_gan.evaluation.densities import divergences, mixtures
from keras_gan.evaluation.metrics.modes import exact_quality, mixture_coverage
from keras_gan.games.losses import OPTIMAL_VALUE
from keras_gan.runs import sampling

COUNT = 2_500
#: The least share of high-quality samples that a run should have.
QUALITY = {"ring_8": 0.97, "grid_25": 0.95}
#: What a variant of a recipe sets.
VARIANTS = {
    "": (),
    "_vanilla": (
        "loss.name=non_saturating",
        "regularizers={}",
        "game.latent_distribution=normal",
        "game.instance_noise=0",
        "game.ema_decay=0",
    ),
    "_normal": ("game.latent_distribution=normal",),
}
CASES = ("gaussian_1d", *(name + variant for variant in VARIANTS for name in QUALITY))


# ---------------------------------------------------------------------------- runs


def measure(case: str, seed: int) -> dict:
    """Trains by the command line, and judges what `keras_gan.load` finds."""
    variant = next(v for v in sorted(VARIANTS, reverse=True) if case.endswith(v))
    name = case.removesuffix(variant)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        settings = [part for setting in VARIANTS[variant] for part in ("--set", setting)]
        command = ["keras-gan", "fit", name, "--seed", str(seed), "--run-dir", str(path)]
        start = time.perf_counter()
        done = subprocess.run([*command, *settings], capture_output=True, text=True)
        if done.returncode:
            sys.exit(f"{case}, seed {seed}: `keras-gan fit` has failed.\n{done.stderr.strip()}")
        seconds = time.perf_counter() - start
        run = load(path)
        if name == "gaussian_1d":
            judged = on_the_line(run)
        else:
            judged = on_the_plane(sampling.sample(run, COUNT, seed=0)["samples"], name)
        return {**judged, "rounds": run.iteration, "seconds": round(seconds, 1)}


# ------------------------------------------------------------------------- judgement


def on_the_plane(samples: np.ndarray, name: str) -> dict:
    """Modes, quality, and each mode's share and stddev over the true one's."""
    means, stddev = densities.DENSITIES[name]
    found = mixture_coverage(samples, means, stddev)
    shares = range_of(found.shares * len(means))
    stddevs = range_of(found.stddevs[np.isfinite(found.stddevs)])
    passed = (
        found.modes == len(means)
        and found.quality >= QUALITY[name]
        and 0.5 <= shares[0] <= shares[1] <= 2.0
        and 0.7 <= stddevs[0] <= stddevs[1] <= 1.3
    )
    return {
        "modes": found.modes,
        "quality": round(found.quality, 4),
        "shares": shares,
        "stddevs": stddevs,
        "passed": passed,
    }


def range_of(numbers: np.ndarray) -> list[float] | None:
    """The least and the largest; None of no numbers."""
    if not numbers.size:
        return None
    return [round(float(x), 3) for x in (numbers.min(), numbers.max())]


def on_the_line(run) -> dict:
    """JSD(p_data || p_g), and V(D,G) over the last epoch."""
    mixture = mixtures.of_data(run.config.data.name)
    samples = sampling.sample(run, 1_000_000, seed=0)["samples"]
    divergence = divergences.to_samples(mixture, samples).jensen_shannon
    rows = [row for row in run.metrics() if "V(D,G)" in row]
    first = run.iteration * (1 - 1 / run.config.training.epochs)
    value = statistics.fmean(row["V(D,G)"] for row in rows if row["iteration"] > first)
    return {
        "jensen_shannon": round(divergence, 6),
        "value": round(value, 5),
        "passed": bool(divergence < 0.01 and abs(value - OPTIMAL_VALUE) < 0.02),
    }


# ------------------------------------------------------------------- results, a table


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(rows: list[dict]) -> None:
    for case in CASES:
        mine = sorted((row for row in rows if row["case"] == case), key=lambda row: row["seed"])
        if not mine:
            continue
        print(f"\n{case}: {sum(row['passed'] for row in mine)} of {len(mine)} seeds pass")
        for row in mine:
            print(
                " ",
                " ".join(f"{key} {shown(value)}" for key, value in row.items() if key != "case"),
            )
        for key in ("modes", "quality", "jensen_shannon", "seconds"):
            values = [row[key] for row in mine if key in row]
            if len(values) > 1:
                mean, spread = statistics.fmean(values), statistics.stdev(values)
                print(f"  {key}: {mean:.4g} +- {spread:.2g} (standard deviation over seeds)")
        print(f"  longest: {max(row['seconds'] for row in mine):.0f} s")
    print(f"\nexact samples have quality {exact_quality(2):.4f}, and their share and stddev are 1")


def shown(value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="a JSONL file, new or to go on with")
    parser.add_argument("cases", nargs="*", default=CASES, metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=10, help="0 to this, less one")
    arguments = parser.parse_args()
    if unknown := set(arguments.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    done = {(row["case"], row["seed"]) for row in rows_of(arguments.results)}
    for case in arguments.cases:
        for seed in range(arguments.seeds):
            if (case, seed) in done:
                continue
            found = measure(case, seed)
            row = {"case": case, "seed": seed, **found}
            with arguments.results.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    table(rows_of(arguments.results))


if __name__ == "__main__":
    main()
