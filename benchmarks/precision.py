"""Whether every precision trains to the same quality: `digits`, some seeds of each.

    python benchmarks/precision.py OUT [--seeds 0 1 2] [--epochs 400] [--set PATH=VALUE]

Trains the recipe once for each precision and seed, in OUT, and compares 10,000 samples
of each averaged generator with the 297 digits that were kept back: the energy distance
of the pixels, and the Frechet distance on the features of a classifier of the digits.
A line is appended to OUT/precision.jsonl after each run; what is there already is not
done again, so that the command can be stopped and repeated. The reference is what as many
training digits reach.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from keras_gan import load, load_config, load_source, training
from keras_gan.config import Config, override, parse_assignments
from keras_gan.evaluation import protocol
from keras_gan.evaluation.metrics.energy import energy_distance
from keras_gan.runs import Run, sampling
from keras_gan.utils.pixels import to_float

PRECISIONS = ("float32", "mixed_float16", "mixed_bfloat16")
SAMPLES = 10_000


def energy(run: Run) -> tuple[float, float]:
    """(energy distance to the held-out digits, that of as many training digits)."""
    data = run.config.data
    train, test = (
        to_float(load_source(override(run.config, {"data.split": split}).data).images)
        for split in (data.split, "test")
    )
    samples = sampling.sample(run, SAMPLES, seed=0)["samples"]
    rows = np.random.default_rng(0).permutation(len(train))[: len(test)]
    pairs = ((samples, test), (train[rows], test))
    return tuple(energy_distance(*(x.reshape(len(x), -1) for x in pair)).distance for pair in pairs)


def trained(folder: Path, config: Config) -> Run:
    """Trains `config` in `folder`, from its start or its last checkpoint."""
    if (folder / "config.yaml").exists():
        prepared, _ = training.prepare_resume(load(folder))
    else:
        prepared = training.prepare(config)
        training.start(prepared, folder)
    training.play(prepared, load(folder))
    return load(folder)


def measured(folder: Path, precision: str, seed: int, settings: dict) -> dict:
    """Trains one run and returns its row."""
    values = {**settings, "training.precision": precision, "seed": seed}
    run = trained(folder / f"{precision}_{seed}", override(load_config("digits"), values))
    distance, reference = energy(run)
    row = {"precision": precision, "seed": seed, "energy": distance, "energy_reference": reference}
    found = protocol.evaluate(run, protocol.Protocol(count=SAMPLES, metrics=("frechet",)))
    for result in found.results:
        row |= {result.name: result.value, f"{result.name}_reference": result.reference}
    return row


def table(rows: list[dict]) -> str:
    """Mean and standard error over the seeds, a line a precision, beside the references."""
    names = [n for n in rows[0] if isinstance(rows[0][n], float) and not n.endswith("_reference")]
    lines = ["precision | seeds | " + " | ".join(names)]
    for precision in PRECISIONS:
        of_it = [row for row in rows if row["precision"] == precision]
        cells = [f"{precision} | {len(of_it)}"]
        for name in names:
            values = [row[name] for row in of_it]
            error = np.std(values, ddof=1) / len(values) ** 0.5 if len(values) > 1 else np.nan
            cells.append(f"{np.mean(values):.4g} +- {error:.2g}" if values else "-")
        lines.append(" | ".join(cells))
    references = [f"{rows[0][f]:.4g}" if (f := f"{n}_reference") in rows[0] else "" for n in names]
    return "\n".join([*lines, "training digits | | " + " | ".join(references)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=400)
    parser.add_argument("--set", dest="assignments", action="append", default=[])
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    results = options.out / "precision.jsonl"
    rows = [json.loads(line) for line in results.open()] if results.exists() else []
    settings = {
        "training.epochs": options.epochs,
        "output.held_out_every_epochs": 0,
        **parse_assignments(options.assignments),
    }
    for seed in options.seeds:
        for precision in PRECISIONS:
            if any((row["precision"], row["seed"]) == (precision, seed) for row in rows):
                continue
            rows.append(measured(options.out, precision, seed, settings))
            with results.open("a") as file:
                file.write(json.dumps(rows[-1]) + "\n")
            print(json.dumps(rows[-1]), flush=True)
    print(table(rows))


if __name__ == "__main__":
    main()
