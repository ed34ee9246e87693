"""Modes and KL of `stacked_mnist` against training time: PacGAN's test with 1,000 modes.

    python benchmarks/stacked_mnist.py RUN --data-dir DIR [--epochs 2 5 10 20 30 40 50]

The recipe is trained in RUN up to each number of epochs in turn, and 26,000 samples
of its averaged generator are classified, channel by channel, by a network trained on
MNIST's labels. After each one a line is appended to RUN/stacked_mnist.jsonl; what is
there already is not done again, so that the command can be stopped and repeated.
Seconds are those of the rounds alone, as metrics.jsonl has them: neither evaluations nor
what the callbacks do count, nor what was lost between a checkpoint and a stop.

Source: Lin 2018 (PacGAN), section 4.2: DCGAN 99 modes with KL 3.4, VEEGAN 150 with
2.95, PacDCGAN2 1,000 with 0.06.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from kept import told

from keras_gan import Run, load, load_config, training
from keras_gan.config import override
from keras_gan.evaluation import protocol

SAMPLES = 26_000
METRICS = ("modes", "score", "frechet")


def train(run: Path, epochs: int, data_dir: str | None) -> Run:
    """Trains `run` up to `epochs`, from its start or its last checkpoint."""
    if (run / "config.yaml").exists():
        opened = load(run)
        prepared, _ = training.prepare_resume(opened, epochs)
    else:
        settings = {"training.epochs": epochs, "data.directory": data_dir}
        settings["output.scalars_every_steps"] = 1  # every call has a row with its time
        prepared = training.prepare(override(load_config("stacked_mnist"), settings))
        opened = training.start(prepared, run)
    training.play(prepared, opened)
    return load(run)


def seconds_of(run: Run) -> float:
    return sum(row.get("time/seconds_per_call", 0.0) for row in run.metrics())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data-dir")
    parser.add_argument("--epochs", type=int, nargs="+", default=[2, 5, 10, 20, 30, 40, 50])
    options = parser.parse_args()
    results = options.run / "stacked_mnist.jsonl"
    rows = [json.loads(line) for line in results.open()] if results.exists() else []
    for epochs in sorted(set(options.epochs) - {row["epochs"] for row in rows}):
        if rows and epochs < rows[-1]["epochs"]:
            continue
        run = train(options.run, epochs, options.data_dir)
        found = protocol.evaluate(run, protocol.Protocol(count=SAMPLES, metrics=METRICS))
        rows.append({"epochs": epochs, "seconds": round(seconds_of(run), 1)})
        rows[-1] |= {r.name: r.value for r in found.results}
        references = {r.name: r.reference for r in found.results}
        with results.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(json.dumps(rows[-1]), "| exact sampling:", json.dumps(references), flush=True)


if __name__ == "__main__":
    told(main)
