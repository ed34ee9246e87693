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
from google.protobuf.message import DecodeError

from keras_gan.runs.directory import LONGEST_ROW, METRICS
from keras_gan.utils import untrusted
from keras_gan.utils.files import replaced_file

BOARD = "tensorboard"
OPTIMUM = f"{BOARD}/optimum"  # a TensorBoard run of its own
_LONGEST_EVENT = 2**28  # bytes
_FRAME = 16  # bytes of length and checksums around a record
_SQUARE = str.maketrans("()", "[]")


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


def write_scalar(tag: str, value: float) -> None:
    """`tf.summary.scalar`, under its name in charts of several tags, too."""
    for name in dict.fromkeys([tag, charted(tag)]):
        tf.summary.scalar(name, value)


def charted(tag: str) -> str:
    """What V(D,G) and the like are called once more, for TensorBoard's Custom Scalars tab.

    It takes all from a tag's first round bracket on for the name of the run, and draws no line.
    """
    return f"charts/{tag.translate(_SQUARE)}" if "(" in tag else tag


class RowWriter:
    """Appends rows to a run's `metrics.jsonl`, and their values to TensorBoard.

    Args:
        run: the run directory.

    Raises:
        OSError: from any method: it can't be written.
    """

    def __init__(self, run: Path):
        torn = _ends_within_a_line(run / METRICS)
        self._file = open(run / METRICS, "ab", buffering=0, opener=_without_waiting)  # noqa: SIM115
        if torn:  # else the next row would be a part of this one
            self._file.write(b"\n")
        self.board = Board(run / BOARD)

    def write(self, iteration: int, values: Mapping[str, float]) -> None:
        row = {"iteration": iteration, **finite_or_null(values)}
        rest = f"{json.dumps(row)}\n".encode()
        while rest:  # a disk that becomes full takes a part, and fails at what is left
            rest = rest[self._file.write(rest) :]
        with self.board.at(iteration):
            for name, value in values.items():
                if name != "time/unix":
                    write_scalar(name, value)

    def close(self) -> None:
        self._file.close()
        self.board.close()


def _ends_within_a_line(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError), untrusted.opened(path) as file:
        if os.fstat(file.fileno()).st_size:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    return False


def _without_waiting(path: Path, flags: int) -> int:
    """Opens a file, but no pipe whose other end may never come."""
    return os.open(path, flags | os.O_NONBLOCK, 0o666)


def finite_or_null(row: Mapping[str, float]) -> dict[str, float | None]:
    """JSON has no NaN and no infinity: they become null."""
    return {name: value if math.isfinite(value) else None for name, value in row.items()}


def drop_rows_after(path: Path, iteration: int) -> None:
    """Removes the rows of metrics.jsonl beyond `iteration`, and lines that are torn or damaged."""
    if not path.exists():
        return
    if sum(map(len, _rows_up_to(path, iteration))) < path.stat().st_size:
        with replaced_file(path) as temporary, open(temporary, "wb") as file:
            file.writelines(_rows_up_to(path, iteration))


def _rows_up_to(path: Path, iteration: int) -> Iterator[bytes]:
    for line in untrusted.lines(path, LONGEST_ROW):
        with contextlib.suppress(ValueError, KeyError, TypeError, RecursionError):  # no row
            if json.loads(line)["iteration"] <= iteration:
                yield line


def drop_events_after(folder: Path, iteration: int) -> None:
    """Removes TensorBoard's events beyond `iteration`, and the torn end of a file.

    A file that has no event left but its version is removed.
    """
    for path in sorted(folder.rglob("*tfevents*")):
        _cut_where_torn(path)
        size, steps = 0, []
        for record, step in _events(path):
            size += len(record) + _FRAME
            steps.append(step)
        if all(step is None or step > iteration for step in steps):
            path.unlink()
        elif size < path.stat().st_size or any(step and step > iteration for step in steps):
            _keep_events(path, iteration)


def _cut_where_torn(path: Path) -> None:
    """Cuts a record off that does not end within its file, is empty or longer than any event.

    TensorFlow makes room for as many bytes as a record says it has.
    """
    end = 0
    with untrusted.opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        while header := file.read(8):
            length = int.from_bytes(header, "little")
            # Zeros, as a power cut leaves them, would be many empty records.
            if not 0 < length <= _LONGEST_EVENT or end + length + _FRAME > size:
                break
            end += length + _FRAME
            file.seek(end)
    if end < size:
        os.truncate(path, end)


def _events(path: Path) -> Iterator[tuple[bytes, int | None]]:
    """(record, step) of an event file, up to where it is damaged; its version has no step."""
    with contextlib.suppress(tf.errors.DataLossError, DecodeError):
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
