"""Rows of numbers, in `metrics.jsonl` and TensorBoard alike."""

from __future__ import annotations

import contextlib
import json
import math
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from keras_gan.files import write_text


class RowWriter:
    """Appends rows to a run's `metrics.jsonl`, and their values to TensorBoard.

    Args:
        run: the run directory.
    """

    def __init__(self, run: Path):
        self.file = open(run / "metrics.jsonl", "a", encoding="utf-8")  # noqa: SIM115 (`close`)
        self.board = tf.summary.create_file_writer(str(run / "tensorboard"))

    def write(self, iteration: int, values: Mapping[str, float]) -> None:
        row = {"iteration": iteration, **finite_or_null(values)}
        self.file.write(json.dumps(row) + "\n")
        self.file.flush()
        with self.board.as_default(step=iteration):
            for name, value in values.items():
                if name != "time/unix":
                    tf.summary.scalar(name, value)

    def close(self) -> None:
        self.file.close()
        self.board.close()


def finite_or_null(row: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN and no infinity: they become null."""
    return {name: value if math.isfinite(value) else None for name, value in row.items()}


def drop_rows_after(path: Path, iteration: int) -> None:
    """Removes the rows of metrics.jsonl beyond `iteration`, and lines that are torn or damaged."""
    if not path.exists():
        return
    before, kept = path.read_bytes(), []
    for line in before.splitlines():
        with contextlib.suppress(ValueError, KeyError, TypeError):  # no UTF-8, no JSON, no row
            text = line.decode("utf-8")
            if json.loads(text)["iteration"] <= iteration:
                kept.append(f"{text}\n")
    after = "".join(kept)
    if after.encode() != before:  # a last row without its end, too: the next one would join it
        write_text(path, after)
