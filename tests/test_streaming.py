"""Streamed training is resident training, bit for bit, wherever the images come from."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import PROGRAM
from PIL import Image
from test_gan import IMAGES, LABELS, equal, small, values
from test_recovery import state, untimed

from keras_gan import load_config, training
from keras_gan.config import override
from keras_gan.data import limits
from keras_gan.engine import loop, readers
from keras_gan.engine.programs import StepsProgram
from keras_gan.engine.readers import Reader
from keras_gan.engine.replicas import Share
from keras_gan.engine.schedule import Schedule
from keras_gan.runs import Run
from keras_gan.utils.errors import DataError, KerasGanWarning

PIXELS = np.round((IMAGES + 1) * 127.5).astype(np.uint8)


def trained(
    images, family="mlp", conditional=False, jit=False, most=3, epochs=2, callbacks=(), waited=None
):
    """A small GAN after two epochs of 8 rounds; images are an array, or a reader of one."""
    reader = images if isinstance(images, Reader) else None
    gan = small(family, conditional=conditional)
    program = StepsProgram(gan, {"images": images, "labels": LABELS}, jit)
    schedule = Schedule(64, 8, epochs=epochs, steps_per_execution=most, seed=3, reader=reader)
    loop.run(
        program, schedule, gan, [*callbacks, *([] if waited is None else [Waited(program, waited)])]
    )
    return gan


class Waited(keras.callbacks.Callback):
    """Notes, at the end, how long the program has waited for its images."""

    def __init__(self, program, notes):
        super().__init__()
        self.program, self.notes = program, notes

    def on_train_end(self, logs=None):
        self.notes.append(self.program.waited)


# ------------------------------------------------------------------- equality


@pytest.mark.parametrize("family, conditional, jit", [
    ("mlp", False, False), pytest.param("mlp", True, True, marks=pytest.mark.slow),
    ("dcgan", True, False),
])  # fmt: skip
def test_streamed_equals_resident_bit_for_bit(family, conditional, jit):
    resident = trained(PIXELS, family, conditional, jit)
    streamed = trained(Reader(PIXELS), family, conditional, jit)
    assert int(streamed.iteration.numpy()) == 16
    assert equal(values(streamed), values(resident))


@pytest.mark.parametrize("jit, rounds, parts", [
    (False, 1, 3), pytest.param(True, 2, 2, marks=pytest.mark.slow),
])  # fmt: skip
def test_a_call_in_parts_is_the_call(jit, rounds, parts, monkeypatch):
    """Its weights, and its logs: means over all rounds of the call."""

    def weights_and_logs(images):
        seen = []

        class Logs(keras.callbacks.Callback):
            def on_train_batch_end(self, batch, logs=None):
                seen.append({name: float(value) for name, value in logs.items()})

        return values(trained(images, jit=jit, callbacks=[Logs()])), seen

    weights, logs = weights_and_logs(PIXELS)
    monkeypatch.setattr(readers, "BLOCK_BYTES", rounds * 8 * PIXELS[0].nbytes)
    reader = Reader(PIXELS)
    in_parts, logs_in_parts = weights_and_logs(reader)
    assert reader.parts == parts
    assert equal(in_parts, weights)
    assert logs_in_parts == logs
    assert len(logs) == 6


def test_points_are_streamed_too():
    from test_gan import SHAPE

    floats = IMAGES.astype(np.float32)
    assert floats.shape[1:] == SHAPE
    assert equal(values(trained(Reader(floats))), values(trained(floats)))


def test_blocks_hold_the_images_of_their_rows_and_zeros_beyond():
    schedule = Schedule(64, 8, epochs=2, steps_per_execution=3, seed=3)
    reader = Reader(PIXELS)
    streamed = Schedule(64, 8, epochs=2, steps_per_execution=3, seed=3, reader=reader)
    blocks = zip(streamed.blocks(0, 1), schedule.blocks(0, 1), strict=True)
    counts = []
    for (rows, steps, images), (wanted, count) in blocks:
        np.testing.assert_array_equal(rows, wanted)
        assert (steps.dtype, images.dtype, int(steps)) == (tf.int32, tf.uint8, int(count))
        assert images.shape == (3, 8, *PIXELS.shape[1:])
        np.testing.assert_array_equal(images[:steps], PIXELS[rows.numpy()[:steps]])
        assert not np.any(images[steps:])
        counts.append(int(steps))
    assert counts == [3, 2, 3, 3, 2]


class Noting:
    """An array that keeps the rows it was asked for."""

    shape, dtype = PIXELS.shape, PIXELS.dtype

    def __init__(self):
        self.rows = []

    def __getitem__(self, rows):
        self.rows += rows.ravel().tolist()
        return PIXELS[rows]


def test_a_process_reads_the_rows_of_its_own_replicas_only():
    """Of two minibatches of 8: replicas 2 and 3 of 4 play rows 4, 5 and 6, 7 of each."""
    images, share = Noting(), Share(4, (2, 3))
    reader = Reader(images, share, minibatches=2)
    whole = list(Schedule(64, 16, 1, 3, seed=3).blocks(0))
    blocks = list(Schedule(64, 16, 1, 3, seed=3, reader=reader).blocks(0))
    asked = []
    for (rows, steps, first, second), (wanted, _) in zip(blocks, whole, strict=True):
        np.testing.assert_array_equal(rows, wanted)
        for found, own in ((first, [4, 5, 12, 13]), (second, [6, 7, 14, 15])):
            played = rows.numpy()[:steps][:, own]
            np.testing.assert_array_equal(found[:steps], PIXELS[played])
            asked += played.ravel().tolist()
    assert sorted(images.rows) == sorted(asked)
    assert len(asked) == 4 * 8


def test_blocks_can_be_copied_to_a_device():
    """To a CPU here; the same transformation copies to a GPU."""
    reader, device = Reader(PIXELS), tf.config.list_logical_devices("CPU")[0].name
    blocks = list(Schedule(64, 8, 1, 3, seed=3).blocks(0))
    rows = tf.data.Dataset.from_generator(
        lambda: iter(blocks),
        output_signature=(tf.TensorSpec((3, 8), tf.int32), tf.TensorSpec((), tf.int32)),
    )
    copied, plain = (list(reader.follow(rows, device=name)) for name in (device, None))
    assert len(copied) == len(plain) == 3
    for one, other in zip(copied, plain, strict=True):
        assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
        assert one[2].device.endswith(device)


# ------------------------------------------------------------ what is decided


@pytest.mark.parametrize("steps, rows, side, parts, rounds", [
    (100, 64, 16, 1, 100), (100, 64, 64, 2, 50), (94, 64, 256, 19, 5),
    (100, 64, 1024, 100, 1), (3, 64, 1, 1, 3),
])  # fmt: skip
def test_a_block_is_at_most_64_mebibytes_or_one_round(steps, rows, side, parts, rounds):
    images = np.broadcast_to(np.uint8(0), (1000, side, side, 3))
    reader = Reader(images)
    assert reader.cut(steps, rows) == (parts, rounds)
    assert reader.sizes(steps, rows) == 3 * rounds * rows * images[0].nbytes
    # Of half of the rows twice as many rounds are a block.
    half = Reader(images, Share(4, (0, 1)))
    assert half.cut(steps, 2 * rows) == (parts, rounds)


def test_arrays_stay_on_the_device_unless_they_are_large_or_should_not(monkeypatch):
    for bound, streamed in ((PIXELS.nbytes, False), (PIXELS.nbytes - 1, True)):
        found = limits.MemoryLimits(2**30, bound)
        monkeypatch.setattr(limits, "memory_limits", lambda found=found: found)
        assert readers.is_streamed("auto", PIXELS) is streamed
        assert readers.is_streamed(False, PIXELS) is False
        assert readers.is_streamed(True, PIXELS) is True


def test_the_smallest_gpu_counts(tmp_path, monkeypatch):
    """By a stand-in for NVIDIA's tool, and for TensorFlow's list of devices."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 16384\necho 8192\necho '[N/A]'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert readers.gpu_memory() == 8192 * 2**20
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda kind: ["a GPU"])
    assert not readers.is_streamed("auto", PIXELS)
    tool.write_text("#!/bin/sh\necho 0\n")
    assert readers.is_streamed("auto", PIXELS)
    assert not readers.is_streamed(False, PIXELS)
    blocks = Reader(PIXELS)
    assert blocks.sizes(2, 8) == (3 + 2) * 2 * 8 * PIXELS[0].nbytes  # on the host, on the GPU
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert not readers.is_streamed("auto", PIXELS)
    tool.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(readers, "PATIENCE", 0.2)
    assert not readers.is_streamed("auto", PIXELS)
    tool.write_text("no program")
    assert not readers.is_streamed("auto", PIXELS)
    tool.unlink()
    assert readers.gpu_memory() >= 2**50


# ----------------------------------------------------- waiting, and what goes wrong


class Slow:
    """An array that takes its time to be indexed."""

    shape, dtype = PIXELS.shape, PIXELS.dtype

    def __init__(self, seconds):
        self.seconds = seconds

    def __getitem__(self, rows):
        time.sleep(self.seconds)
        return PIXELS[rows]


@pytest.mark.slow
def test_the_time_that_calls_wait_for_their_images_is_known():
    waited = []
    quick, slow = (trained(Reader(x), epochs=1, waited=waited) for x in (PIXELS, Slow(0.3)))
    # 3 calls of one or two milliseconds of computing, the first of which compiles.
    assert waited[1] > 0.6
    assert waited[0] < 0.3
    assert equal(values(slow), values(quick))


class Gone(Slow):
    def __getitem__(self, rows):
        raise DataError("the pictures are gone")


def test_what_can_not_be_read_is_told_as_it_is():
    with pytest.raises(DataError, match=r"^the pictures are gone$"):
        trained(Reader(Gone(0)))


# ----------------------------------------------------------------------- runs


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """256 of the bundled digits as pictures, in a folder a class."""
    from keras_gan.config import DataConfig
    from keras_gan.data import load_source

    root = tmp_path_factory.mktemp("digits")
    source = load_source(DataConfig(name="digits", split="train[:256]"))
    for n, (image, label) in enumerate(zip(source.images, source.labels, strict=True)):
        (root / str(label)).mkdir(exist_ok=True)
        Image.fromarray(image[..., 0]).save(root / str(label) / f"{n:03d}.png")
    return root


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))


def config(digits, **settings):
    """Two epochs of 8 steps, three a call."""
    return override(
        load_config("digits"),
        {
            "data.name": str(digits),
            "network.conditioning": "projection",
            "network.generator.hidden": [16, 16],
            "network.discriminator.hidden": [16],
            "training.batch_size": 32,
            "training.jit_compile": False,
            "training.steps_per_execution": 3,
            "training.epochs": 2,
            "output.scalars_every_steps": 1,
            "output.held_out_every_epochs": 0,
            **settings,
        },
    )


@pytest.fixture(scope="module")
def resident(digits, tmp_path_factory):
    return training.fit(config(digits), tmp_path_factory.mktemp("resident") / "run")


def same(run, other):
    """Everything but the times, and the settings that say where images are."""
    assert equal(state(run).values(), state(other).values())
    assert untimed(run) == untimed(other)


@pytest.mark.parametrize("pack", [False, True], ids=["pictures", "pack"])
@pytest.mark.slow
def test_a_streamed_run_that_was_stopped_in_an_epoch_is_the_resident_one(
    pack, resident, digits, tmp_path
):
    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = int(self.model.iteration.numpy()) == 11

    settings = {"data.stream": True, "data.pack": pack}
    run = training.fit(config(digits, **settings), tmp_path / "run", [Stop()])
    assert run.checkpoints.joinpath("000000011").is_dir()
    prepared, problems = training.prepare_resume(Run(run.path))
    assert not problems
    told = ("input", "images are streamed from the disk, ahead of the rounds")
    assert told in prepared.summary()
    assert training.play(prepared, Run(run.path))
    same(Run(run.path), resident)


def test_rows_tell_the_times_of_a_step(resident):
    rows = [row for row in resident.metrics() if "V(D,G)" in row]
    assert "time/seconds_per_step" not in rows[0]  # which has compiled
    for row in rows[1:]:
        assert 0 <= row["time/input_share"] <= 1
        assert row["time/images_per_second"] == pytest.approx(32 / row["time/seconds_per_step"])


def test_a_picture_that_is_damaged_while_training_does_not_end_it(digits, tmp_path):
    import shutil

    root = tmp_path / "digits"
    shutil.copytree(digits, root)

    class Damage(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            for file in root.glob("3/*.png"):
                file.write_bytes(b"")

    settings = {"data.stream": True, "training.epochs": 3}
    with pytest.warns(KerasGanWarning, match="the next picture takes its place"):
        run = training.fit(config(root, **settings), tmp_path / "run", [Damage()])
    assert run.metrics()[-1]["iteration"] == 24


@pytest.mark.slow
def test_a_folder_that_vanishes_ends_the_process_in_one_line(digits, tmp_path):
    """Threads that read ahead are no obstacle to its end."""
    import shutil

    root, run = tmp_path / "digits", tmp_path / "run"
    shutil.copytree(digits, root)
    settings = config(root, **{"data.stream": True, "training.epochs": 100_000}).to_yaml()
    (tmp_path / "recipe.yaml").write_text(settings)
    command = [PROGRAM, "fit", tmp_path / "recipe.yaml", "--run-dir", run]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=tmp_path)
    while not (run / "metrics.jsonl").exists() and process.poll() is None:
        time.sleep(0.1)
    shutil.rmtree(root)
    error = process.communicate(timeout=120)[1]
    assert process.returncode == 1
    assert "has the folder been moved or changed?" in error.splitlines()[-1]
    assert "Traceback" not in error


SLOW_DISK = """
import os, signal, sys, time, weakref
from keras_gan import cli
from keras_gan.utils import errors
from keras_gan.engine import loop, readers

original, calls = readers.tf.numpy_function, []


def numpy_function(read, *rest):
    reader = weakref.ref(read.__self__)  # as in TensorFlow's own thread before it has Python

    def late(rows, steps):
        calls.append(rows)
        if len(calls) == 3 and sys.argv[1] == "error":
            reader().failure = errors.DataError("gone")
            raise reader().failure
        if len(calls) == 4:
            if sys.argv[1] == "signal":
                os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(5)
        return reader()._read(rows, steps)

    return original(late, *rest)


readers.tf.numpy_function = numpy_function
settings = ("data.stream=true", "training.steps_per_execution=2", "training.epochs=100")
cli.main(["fit", "digits", "--run-dir", sys.argv[2], *(f"--set={each}" for each in settings)])
"""


@pytest.mark.slow
@pytest.mark.parametrize("end, code", [("error", 1), ("signal", 143)])
def test_a_fit_that_ends_while_images_are_read_ends_the_process(end, code, tmp_path):
    """A thread that waits for a (stand-in for a) slow disk holds nothing up at Python's end."""
    command = [sys.executable, "-c", SLOW_DISK, end, tmp_path / "run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stderr
    assert {"error": "Error: gone", "signal": "fit --resume"}[end] in done.stderr.splitlines()[-1]


@pytest.mark.slow
def test_commands_on_a_streamed_run_say_what_they_say_of_a_resident_one(digits, tmp_path, cli):
    made = []
    for name, settings in (
        ("streamed", {"data.stream": True, "data.pack": True}),
        ("resident", {"data.stream": False}),
    ):
        settings["data.split"] = "train[:75%]"
        run = training.fit(config(digits, **settings), tmp_path / name).path
        for command in (
            ("evaluate", run, "--count=200"),
            ("sample", run, "--out", f"{name}.png"),
        ):
            result = cli(*command)
            assert result.exit_code == 0, result.stderr
        (report,) = (run / "evaluation").rglob("evaluation.json")
        made.append((json.loads(report.read_text())["results"], Path(f"{name}.png").read_bytes()))
    assert made[0] == made[1]
    assert made[0][0]


TRAIN = """
import resource, sys
from keras_gan import load_config, training
from keras_gan.config import override
training.fit(override(load_config("mnist_dcgan"), {
    "data.name": sys.argv[1], "data.stream": True, "training.epochs": 1,
    "network.generator.width": 4, "network.discriminator.width": 4,
    "data.split": sys.argv[2], "training.steps_per_execution": 10,
    "output.held_out_every_epochs": 0,
}), sys.argv[3])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    """In processes of their own; benchmarks/streaming.py compares 10,000 with 100,000."""
    root, random = tmp_path / "pictures", np.random.default_rng(0)
    root.mkdir()
    for n in range(20_000):
        image = random.integers(256, size=(28, 28), dtype=np.uint8)
        Image.fromarray(image).save(root / f"{n:05d}.png", compress_level=0)
    sizes = []
    for split in ("train[:2000]", "train"):
        command = [sys.executable, "-c", TRAIN, root, split, tmp_path / f"run{len(sizes)}"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=True)
        sizes.append(int(done.stdout.split()[-1]))
    assert sizes[1] < 1.05 * sizes[0], sizes
