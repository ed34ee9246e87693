"""Rows of numbers, in `metrics.jsonl` and TensorBoard alike."""

from __future__ import annotations

import contextlib
import errno
import json
import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

import tensorflow as tf

from keras_gan.files import replaced_file, write_text
from keras_gan.runs import METRICS

BOARD = "tensorboard"
_FRAME = 16  # bytes of length and checksums around a record


class Board:
    """A TensorBoard event file of a run, each event of which is written at once.

    TensorFlow by itself keeps events back for minutes: a killed process would take
    along those of before its last checkpoint.

    Args:
        folder: for one TensorBoard run.

    Raises:
        OSError: from any method: it can't be written.
    """

    def __init__(self, folder: Path):
        with _as_os_error():
            self._writer = tf.summary.create_file_writer(str(folder))

    @contextlib.contextmanager
    def at(self, iteration: int) -> Iterator[None]:
        """In this block `tf.summary` writes here, at `iteration`."""
        with _as_os_error():
            with self._writer.as_default(step=iteration):
                yield
            self._writer.flush()

    def close(self) -> None:
        with _as_os_error():
            self._writer.close()


class RowWriter:
    """Appends rows to a run's `metrics.jsonl`, and their values to TensorBoard.

    Args:
        run: the run directory.

    Raises:
        OSError: from any method: it can't be written.
    """

    def __init__(self, run: Path):
        self._file = open(run / METRICS, "ab", buffering=0)  # noqa: SIM115 (`close`)
        self.board = Board(run / BOARD)

    def write(self, iteration: int, values: Mapping[str, float]) -> None:
        row = {"iteration": iteration, **finite_or_null(values)}
        rest = f"{json.dumps(row)}\n".encode()
        while rest:  # a disk that becomes full takes a part, and fails at what is left
            rest = rest[self._file.write(rest) :]
        with self.board.at(iteration):
            for name, value in values.items():
                if name != "time/unix":
                    tf.summary.scalar(name, value)

    def close(self) -> None:
        self._file.close()
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


def drop_events_after(folder: Path, iteration: int) -> None:
    """Removes TensorBoard's events beyond `iteration`, and the torn end of a file.

    A file that has no event left but its version is removed.
    """
    for path in sorted(folder.rglob("*tfevents*")):
        size, steps = 0, []
        for record, step in _events(path):
            size += len(record) + _FRAME
            steps.append(step)
        if all(step is None or step > iteration for step in steps):
            path.unlink()
        elif size < path.stat().st_size or any(step and step > iteration for step in steps):
            _keep_events(path, iteration)


def _events(path: Path) -> Iterator[tuple[bytes, int | None]]:
    """(record, step) of an event file, up to where it is torn; its version has no step."""
    with contextlib.suppress(tf.errors.DataLossError):
        for record in tf.data.TFRecordDataset(str(path)).as_numpy_iterator():
            event = tf.compat.v1.Event.FromString(record)
            yield record, None if event.HasField("file_version") else event.step


def _keep_events(path: Path, iteration: int) -> None:
    with (
        replaced_file(path) as temporary,
        _as_os_error(),
        tf.io.TFRecordWriter(str(temporary)) as writer,
    ):
        for record, step in _events(path):
            if step is None or step <= iteration:
                writer.write(record)


@contextlib.contextmanager
def _as_os_error() -> Iterator[None]:
    """TensorFlow's errors of files as Python's.

    Left as they are, Keras' `fit` would take one of them (file too large, which
    TensorFlow calls out of range) for the end of the data.
    """
    try:
        yield
    except tf.errors.OpError as error:
        reason = str(error.message).splitlines()[0].rpartition("; ")[2]
        known = {os.strerror(number): number for number in errno.errorcode}
        raise OSError(known.get(reason, errno.EIO), reason) from error
