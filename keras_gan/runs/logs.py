"""The metrics log of a run: `metrics.jsonl` and TensorBoard alike."""

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
from keras_gan.utils.files import flush, replaced_file

BOARD = "tensorboard"
OPTIMUM = f"{BOARD}/optimum"  # a TensorBoard run of its own
_LONGEST_EVENT = 2**28  # bytes
_FRAME = 16  # bytes of length and checksums around a record
_SQUARE = str.maketrans("()", "[]")


class MetricsLog:
    """The one writer of a run's `metrics.jsonl` and of its TensorBoard event file.

    Rows and events are written at once. TensorFlow by itself holds events back for minutes, and
    a killed process would lose those from before its last checkpoint. The event file is made
    with its first event.

    Args:
        run: the run directory.

    Raises:
        OSError: from any method: it can't be written.
    """

    def __init__(self, run: Path):
        torn = _ends_within_a_line(run / METRICS)
        self._run = run
        self._events: dict[str, tf.summary.SummaryWriter] = {}
        self._opened = contextlib.ExitStack()
        file = open(run / METRICS, "ab", buffering=0, opener=_without_waiting)  # noqa: SIM115
        self._file = self._opened.enter_context(file)
        if torn:  # else the next row would be a part of this one
            self._file.write(b"\n")

    def write(self, iteration: int, values: Mapping[str, float]) -> None:
        """Append a row to `metrics.jsonl`, and write its values to TensorBoard."""
        row = {"iteration": iteration, **finite_or_null(values)}
        rest = f"{json.dumps(row)}\n".encode()
        while rest:  # a disk that becomes full takes a part, and fails at what is left
            rest = rest[self._file.write(rest) :]
        self._write_scalars(iteration, {k: v for k, v in values.items() if k != "time/unix"})

    def write_optima(self, iteration: int, optima: Mapping[str, float]) -> None:
        """Write the optima of logs, by the logs' names, as a second TensorBoard run.

        TensorBoard draws equal tags of two runs in one chart.
        """
        self._write_scalars(iteration, optima, OPTIMUM)

    @contextlib.contextmanager
    def at(self, iteration: int, folder: str = BOARD) -> Iterator[None]:
        """Let `tf.summary` write to a TensorBoard run, at `iteration`, within a `with` block."""
        with _as_os_error():
            if folder not in self._events:
                writer = tf.summary.create_file_writer(str(self._run / folder))
                self._opened.callback(writer.close)
                self._events[folder] = writer
            with self._events[folder].as_default(step=iteration):
                yield
            self._events[folder].flush()

    def sync(self) -> None:
        """Wait until all that was written is on the disk, where a power cut leaves it."""
        for path in (self._run / METRICS, *(self._run / BOARD).rglob("*tfevents*")):
            flush(path)

    def close(self) -> None:
        """Close all files, each of them even where another fails."""
        with _as_os_error():
            self._opened.close()

    def _write_scalars(
        self, iteration: int, values: Mapping[str, float], folder: str = BOARD
    ) -> None:
        with self.at(iteration, folder):
            for name, value in values.items():
                for tag in dict.fromkeys([name, charted(name)]):
                    tf.summary.scalar(tag, value)


def charted(name: str) -> str:
    """Return the second tag of V(D,G) and the like, for TensorBoard's Custom Scalars tab.

    That tab takes all from a tag's first round bracket on for the name of the run, and draws no
    line. Names without round brackets have one tag.
    """
    return f"charts/{name.translate(_SQUARE)}" if "(" in name else name


def _ends_within_a_line(path: Path) -> bool:
    with contextlib.suppress(FileNotFoundError), untrusted.opened(path) as file:
        if os.fstat(file.fileno()).st_size:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"
    return False


def _without_waiting(path: Path, flags: int) -> int:
    """Open a file; fail at a pipe, whose other end may never come."""
    return os.open(path, flags | os.O_NONBLOCK, 0o666)


def finite_or_null(row: Mapping[str, float]) -> dict[str, float | None]:
    """Replace NaN and infinity by None: JSON has no numbers for them."""
    return {name: value if math.isfinite(value) else None for name, value in row.items()}


def drop_rows_after(path: Path, iteration: int) -> None:
    """Remove the rows of metrics.jsonl after `iteration`, and torn or corrupt lines."""
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
    """Remove TensorBoard's events after `iteration`, and the torn end of a file.

    A file with no event left but its version is removed.
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
    """Cut off a record that does not end within its file, is empty or longer than any event.

    TensorFlow allocates as many bytes as a record's header names.
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
    """Yield (record, step) of an event file, up to a corrupt one; its version has no step."""
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
    """Raise TensorFlow's file errors as Python's."""
    try:
        yield
    except tf.errors.OpError as error:
        reason = str(error.message).splitlines()[0].rpartition("; ")[2]
        known = {os.strerror(number): number for number in errno.errorcode}
        raise OSError(known.get(reason, errno.EIO), reason) from error
