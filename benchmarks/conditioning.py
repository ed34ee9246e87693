"""Label accuracy, per-class figures, Frechet distance and recall with each way of conditioning.

    python benchmarks/conditioning.py FOLDER --data-dir DIR [--epochs N] [--only NAME ...]
        [--set path=value ...]

Each way is the recipe `mnist_conditional` with other labels in the networks, trained in
FOLDER/NAME and evaluated with 10,000 samples (`--count`). After each one a line is appended
to FOLDER/conditioning.jsonl; what is there already is not done again.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

from keras_gan import fit, load, load_config
from keras_gan.config import override, parse_assignments
from keras_gan.errors import KerasGanError
from keras_gan.evaluation import protocol, report

METRICS = ("frechet", "fidelity", "score", "classes")

#: Settings of `mnist_conditional`; the recipe itself has projection.
WAYS: dict[str, dict] = {
    "concat": {"network.conditioning": "concat"},
    "projection": {},
    "classifier": {"network.conditioning": "classifier"},
    "conditional_batch_norm": {"network.generator.conditional_batch_norm": True},
}


def measure(name: str, options: argparse.Namespace) -> dict:
    """Trains and evaluates one way, and returns its row."""
    settings = {**WAYS[name], "data.directory": options.data_dir}
    settings |= parse_assignments(options.set)
    if options.epochs is not None:
        settings["training.epochs"] = options.epochs
    began = time.perf_counter()
    run = fit(override(load_config("mnist_conditional"), settings), options.folder / name)
    seconds = time.perf_counter() - began
    run = load(run.path)
    found = protocol.evaluate(run, protocol.Protocol(count=options.count, metrics=METRICS))
    protocol.write(found)
    report.write(found)
    row = {"conditioning": name, "seconds": round(seconds, 1)}
    for figure in found.figures:
        row[figure.name] = figure.value
        if figure.by_class:
            values = [value for value, _ in figure.by_class.values()]
            row[f"{figure.name} by class"] = [min(values), max(values)]
    return row | ({"problems": found.problems} if found.problems else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data-dir")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    results = options.folder / "conditioning.jsonl"
    rows = [json.loads(line) for line in results.open()] if results.exists() else []
    for name in options.only:
        if name in {row["conditioning"] for row in rows}:
            continue
        row = measure(name, options)
        with results.open("a") as file:
            file.write(json.dumps(row) + "\n")
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    try:
        main()
    except KerasGanError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
