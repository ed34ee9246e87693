"""Label accuracy, per-class figures, Frechet distance and recall with each way of conditioning.

    python benchmarks/conditioning.py FOLDER [--data-dir DIR] [--epochs N] [--only NAME ...]
        [--count 10000] [--set path=value ...]

Each way is the recipe `mnist_conditional` with other labels in the networks, trained in
FOLDER/NAME and evaluated with `--count` samples. After each one a line is appended to
FOLDER/conditioning.jsonl. What is there already is not done again, and a training that was
broken off is gone on with. At the end two tables are printed: all ways, and each class.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from kept import Results, print_table, told, trained

from keras_gan.config import parse_assignments
from keras_gan.evaluation import protocol, report

METRICS = ("frechet", "fidelity", "score", "classes")
SHOWN = ("label_accuracy_", "fd_", "intra_fd_", "precision_", "recall_", "confident_")

#: Settings of `mnist_conditional`; the recipe itself has projection.
WAYS: dict[str, dict[str, Any]] = {
    "concat": {"network.conditioning": "concat"},
    "projection": {},
    # With weight 1 and R1 0.2 D wins, and each class comes to be one image; where D learns the
    # classes of generated images too, as in the paper, it takes textures of G's for them.
    "acgan": {
        "game.name": "acgan",
        "game.classification_weight": 0.2,
        "game.real_only": True,
        "network.conditioning": "none",
        "regularizers.r1.weight": 1.0,
    },
    "conditional_batch_norm": {"network.generator.conditional_batch_norm": True},
}


def measure(name: str, folder: Path, count: int, settings: dict[str, Any]) -> dict[str, Any]:
    """Trains and evaluates one way, and returns its row."""
    run, seconds = trained(folder / name, "mnist_conditional", {**WAYS[name], **settings})
    found = protocol.evaluate(run, protocol.Protocol(count=count, metrics=METRICS))
    protocol.write(found)
    report.write(found)
    return {
        "conditioning": name,
        "seconds": seconds,
        "results": {r.name: r.value for r in found.results},
        "references": {r.name: r.reference for r in found.results if r.reference is not None},
        "by_class": {
            f.name: {kind: value for kind, (value, _) in f.by_class.items()}
            for f in found.results
            if f.by_class
        },
        "problems": found.problems,
    }


def tables(rows: list[dict[str, Any]]) -> None:
    """Prints what was found: a row a way, then a row a class."""
    if not rows:
        return
    names = [n for prefix in SHOWN for n in rows[0]["results"] if n.startswith(prefix)]
    lines = [("", *names, "seconds")]
    for row in rows:
        cells = (f"{row['results'][n]:.4g}" for n in names)
        lines.append((row["conditioning"], *cells, f"{row['seconds'] or '-'}"))
    references = (
        f"{rows[0]['references'][n]:.4g}" if n in rows[0]["references"] else "" for n in names
    )
    print_table([*lines, ("real images", *references, "")])
    for name in rows[0]["by_class"]:
        classes = rows[0]["by_class"][name]
        found = [
            (row["conditioning"], *(f"{row['by_class'][name][kind]:.4g}" for kind in classes))
            for row in rows
        ]
        print()
        print_table([(name, *classes), *found])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data-dir")
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    settings = {"data.directory": options.data_dir, **parse_assignments(options.set)}
    if options.epochs is not None:
        settings["training.epochs"] = options.epochs
    results = Results(
        options.folder / "conditioning.jsonl",
        {"count": options.count, "settings": settings, "ways": WAYS},
    )
    for name in options.only:
        if name not in {row["conditioning"] for row in results.rows}:
            results.add(measure(name, options.folder, options.count, settings))
    tables([row for row in results.rows if row["conditioning"] in options.only])


if __name__ == "__main__":
    told(main)
