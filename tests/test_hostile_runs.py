"""A run directory from a stranger: refused in a line, in bounded time and memory."""

import hashlib
import json
import os
import shutil
import struct
import time

import h5py
import numpy as np
import pytest
from tensorboard.summary.writer.record_writer import masked_crc32c

from keras_gan.runs import Run, logs
from keras_gan.runs.checkpoints import STATE, SUMS, list_checkpoints
from keras_gan.utils.errors import RunError


@pytest.fixture
def run(plain_run, tmp_path):
    """A copy of a run, to be made hostile."""
    shutil.copytree(plain_run, tmp_path / "run")
    return tmp_path / "run"


def error_of(run, read=lambda run: Run(run)) -> str:
    began = time.perf_counter()
    with pytest.raises(RunError) as caught:
        read(run)
    assert time.perf_counter() - began < 10
    assert str(caught.value).isprintable()
    return str(caught.value)


def with_facts(run, **changes) -> str:
    facts = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps({**facts, **changes}))
    return error_of(run)


# ------------------------------------------------------------------------- facts


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"sample_shape": [100_000, 100_000, 3]}, "that of images or points. Received: (100000, "),
        ({"sample_shape": [8, 8, 1, 1]}, "should be that of images or points"),
        ({"sample_shape": []}, "should be that of images or points"),
        ({"sample_shape": [-8, -8, 1]}, "should be that of images or points"),
        ({"sample_shape": [1e999, 8, 1]}, "`sample_shape.0` should be a whole number"),
        ({"num_samples": "many"}, "`num_samples` should be a whole number."),
        ({"labels": {"names": {"a": 1}}}, "`labels.names` should be a list."),
        ({"labels": {"names": ["a"] * 100_000}}, "`labels.names` should be at most 65,536."),
        ({"labels": ["a"]}, "`labels` should be a table of keys and values."),
        ({"labels": {"shape": [None, 2**40]}}, "that of vectors of 1 to 65,536 numbers."),
        ({"steps_per_epoch": 0}, "`steps_per_epoch` should be at least 1."),
        ({"created": 0}, "`created` should be text."),
    ],
)
def test_facts_are_checked(run, changes, message):
    assert message in with_facts(run, **changes)


@pytest.mark.parametrize("content", [b"[" * 10**6, b"{}", b"[]", b"\xff", b"9" * 10**6])
def test_facts_that_are_none(run, content):
    (run / "run.json").write_bytes(content)
    assert "is not a run directory" in error_of(run)


@pytest.mark.parametrize("name", ["run.json", "config.yaml"])
def test_files_without_an_end(run, name):
    (run / name).unlink()
    os.mkfifo(run / name)
    assert "is not a run directory" in error_of(run)
    (run / name).unlink()
    (run / name).touch()
    os.truncate(run / name, 2**40)  # sparse
    assert "is not a run directory" in error_of(run)


@pytest.mark.parametrize(
    "name",
    [
        *("metrics.jsonl", "checkpoints", "config.yaml", ".lock", "evaluation"),
        *("tensorboard/optimum", "tensorboard/optimum/a.tfevents"),
    ],
)
def test_links_in_a_run_would_let_a_resume_write_elsewhere(run, name, tmp_path):
    target = tmp_path / "precious"
    if (run / name).exists():
        os.replace(run / name, target)
    (run / name).parent.mkdir(parents=True, exist_ok=True)
    (run / name).symlink_to(target)
    assert f"{name} is a link. Put what it leads to in its place." in error_of(run)


def test_a_row_without_an_end_is_passed_over(run):
    whole = Run(run).metrics()
    with open(run / "metrics.jsonl", "ab") as file:
        file.write(b'{"iteration": 1')
        file.truncate(file.tell() + 2**28)  # sparse: a row of 256 MiB
        file.seek(0, os.SEEK_END)
        file.write(b'\n{"iteration": 2}\n' + b"[" * 5000 + b"\n")
    began = time.perf_counter()
    assert Run(run).metrics() == [*whole, {"iteration": 2}]
    assert time.perf_counter() - began < 10


def test_logs_that_are_pipes_are_neither_read_nor_written(run):
    for name in ("metrics.jsonl", "tensorboard/a.tfevents"):
        (run / name).unlink(missing_ok=True)
        os.mkfifo(run / name)
    assert Run(run).metrics() == []
    for touch in (
        lambda: logs.MetricsLog(run),  # as `evaluate` does
        lambda: logs.drop_rows_after(run / "metrics.jsonl", 1),  # as a resume does
        lambda: logs.drop_events_after(run / "tensorboard", 1),
    ):
        with pytest.raises(OSError, match=r"Not a regular file|No such device"):
            touch()


def test_zeros_in_an_event_file_are_no_events(run):
    """As a power cut leaves them: taken for empty records they would take days to read."""
    events = max((run / "tensorboard").glob("*tfevents*"), key=lambda path: path.stat().st_size)
    whole = events.read_bytes()
    os.truncate(events, 2**40)  # sparse
    began = time.perf_counter()
    logs.drop_events_after(run / "tensorboard", 10**9)
    assert time.perf_counter() - began < 10
    assert events.read_bytes() == whole


def test_an_event_that_says_it_is_huge_ends_its_file(run):
    """TensorFlow would ask for as much memory as it says, and end the process without it."""
    # The one that has events: another has its version alone, and is removed.
    events = max((run / "tensorboard").glob("*tfevents*"), key=lambda path: path.stat().st_size)
    whole = events.read_bytes()
    length = struct.pack("<Q", 2**40)
    header = length + struct.pack("<I", masked_crc32c(length))
    events.write_bytes(whole + header + whole)
    os.truncate(events, 2**41)  # sparse: there is as much as it says
    began = time.perf_counter()
    logs.drop_events_after(run / "tensorboard", 10**9)
    assert events.read_bytes() == whole
    assert time.perf_counter() - began < 10


# ------------------------------------------------------------------- checkpoints


def rewritten(run, change) -> str:
    """Changes the newest checkpoint's arrays, makes its checksums fit, and opens the run."""
    path = list_checkpoints(run / "checkpoints")[-1]
    with h5py.File(path / STATE, "r+") as file:
        found = []
        file.visititems(lambda name, item: found.append(name) if name.endswith("/0") else None)
        change(file, next(name for name in found if len(file[name].shape) == 2))
    resign(path)
    return error_of(run, lambda run: Run(run).gan)


def resign(path) -> None:
    names = [line.split()[1] for line in (path / SUMS).read_text().splitlines()]
    sums = (f"{hashlib.sha256((path / n).read_bytes()).hexdigest()}  {n}\n" for n in names)
    (path / SUMS).write_text("".join(sums))


def replaced(file, name, *arguments, **options):
    del file[name]
    file.create_dataset(name, *arguments, **options)


def test_arrays_of_other_shapes(run):
    message = rewritten(run, lambda file, name: replaced(file, name, data=np.zeros((3, 3))))
    assert "does not fit the networks of its run's config.yaml" in message


@pytest.mark.parametrize("side", [2**14, 2**30])
def test_arrays_that_only_say_that_they_are_huge(run, side):
    options = {"shape": (side, side), "dtype": "f4"}  # nothing is written: a file with a hole
    message = rewritten(run, lambda file, name: replaced(file, name, **options))
    assert "larger than those of its networks can be" in message


@pytest.mark.parametrize(
    "options",
    [
        {"dtype": "f4", "chunks": (2**14, 2**15), "maxshape": (None, None), "compression": "gzip"},
        {"dtype": h5py.vlen_dtype(np.uint8)},
        {"dtype": h5py.string_dtype()},
    ],
)
def test_arrays_of_the_right_shape_that_unpack_to_more(run, options):
    """HDF5 unpacks a whole chunk for one value of it, and what has any length to that length."""
    message = rewritten(run, lambda file, name: replaced(file, name, file[name].shape, **options))
    assert "its arrays are no plain numbers" in message


def test_arrays_that_lie_in_another_file(run, tmp_path):
    (tmp_path / "secret").write_bytes(bytes(10**6))

    def outside(file, name):
        shape = file[name].shape
        options = {"external": [(str(tmp_path / "secret"), 0, 10**6)], "dtype": "f4"}
        replaced(file, name, shape, **options)

    assert "its arrays lie in other files" in rewritten(run, outside)


@pytest.mark.parametrize("kind", [h5py.ExternalLink, h5py.SoftLink])
def test_links_in_a_checkpoint(run, kind, tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros((3, 3))

    def linked(file, name):
        del file[name]
        is_soft = kind is h5py.SoftLink
        file[name] = kind("/x") if is_soft else kind(str(tmp_path / "other.h5"), "/x")

    assert "it has links to other arrays" in rewritten(run, linked)


def test_a_checkpoint_without_an_end(run):
    for path in list_checkpoints(run / "checkpoints"):
        os.truncate(path / STATE, 2**36)  # sparse
    assert "no whole checkpoint" in error_of(run, lambda run: Run(run).gan)


def test_networks_that_would_fill_the_memory_layer_by_layer(run):
    text = (run / "config.yaml").read_text()
    assert "hidden:\n    - 16" in text.replace("      ", "    ")
    layers = ", ".join(["60000"] * 8)
    lines = [line for line in text.splitlines() if not line.strip().startswith("- 16")]
    joined = "\n".join(lines).replace("hidden:", f"hidden: [{layers}]")
    (run / "config.yaml").write_text(joined)
    from keras_gan.utils.errors import ConfigError

    began = time.perf_counter()
    with pytest.raises(ConfigError, match="The networks do not fit into memory: they take"):
        _ = Run(run).gan
    assert time.perf_counter() - began < 10
