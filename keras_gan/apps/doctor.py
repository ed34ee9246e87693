"""Whether this machine can train: what `keras-gan doctor` looks at, and the remedies."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import io
import os
import platform
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from keras_gan import __version__
from keras_gan.utils.errors import one_line

OK, WARNING, FAILED = "ok", "warning", "failed"

_PACKAGES = ("tensorflow", "keras", "tensorflow-datasets", "tensorboard", "onnx", "onnxruntime")
#: Extras, by a module that each brings.
_EXTRAS = {"litert": "ai_edge_litert", "demo": "gradio", "docs": "mkdocs"}
_LITTLE_ROOM = 2 * 2**30  # bytes: less than a run with its checkpoints and an export may take
SMOKE_STEPS = 20


@dataclasses.dataclass(frozen=True)
class Finding:
    """What one look found.

    Attributes:
        name: of what was looked at.
        status: `ok`, `warning` (something will not work, training will) or `failed`.
        found: what was found, one line.
        remedy: what to do; empty where nothing has to be done.
    """

    name: str
    status: str
    found: str
    remedy: str = ""


def examine() -> Iterator[Finding]:
    """Looks at everything in turn; what raises is a finding, too."""
    for name, look in CHECKS.items():
        try:
            status, found, remedy = look()
        except Exception as error:
            text = one_line(f"{type(error).__name__}: {error}", 300)
            status, found, remedy = FAILED, text, "See `keras-gan --debug fit digits`."
        yield Finding(name, status, found, remedy)


Look = tuple[str, str, str]


def _python() -> Look:
    found = f"keras-gan {__version__}, Python {platform.python_version()}, {platform.machine()}"
    if not (3, 11) <= sys.version_info[:2] <= (3, 13):
        return FAILED, found, "Use Python 3.11, 3.12 or 3.13."
    return OK, found, ""


def _packages() -> Look:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            return FAILED, f"{name} is not installed", "Install keras-gan anew: pip install ."
    return OK, ", ".join(f"{name} {version}" for name, version in versions.items()), ""


def _extras() -> Look:
    there = {extra: importlib.util.find_spec(name) is not None for extra, name in _EXTRAS.items()}
    have = ", ".join(extra for extra, found in there.items() if found) or "none"
    missing = ",".join(extra for extra, found in there.items() if not found)
    return OK, have, f"For more: pip install 'keras-gan[{missing}]'." if missing else ""


def _devices() -> Look:
    import tensorflow as tf

    gpus = [
        tf.config.experimental.get_device_details(gpu).get("device_name", gpu.name)
        for gpu in tf.config.list_physical_devices("GPU")
    ]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    room = f"{memory / 2**30:.1f} GiB of memory"
    if gpus:
        return OK, f"{len(gpus)} GPU: {', '.join(gpus)}; {room}", ""
    remedy = ""
    if Path("/proc/driver/nvidia").exists():
        remedy = "There is an NVIDIA driver: pip install 'keras-gan[cuda]' to use the GPU."
    found = f"no GPU, {len(os.sched_getaffinity(0))} CPU cores, {room}"
    return WARNING if remedy else OK, found, remedy


def _xla() -> Look:
    import tensorflow as tf

    started = time.perf_counter()
    product = tf.function(lambda x: tf.linalg.matmul(x, x), jit_compile=True)(tf.eye(4))
    if float(tf.reduce_sum(product)) != 4.0:
        return FAILED, "a compiled product is wrong", "Train with training.jit_compile=false."
    return OK, f"compiles ({time.perf_counter() - started:.1f} s)", ""


def _data_sets() -> Look:
    from keras_gan.data import tfds

    if tfds.online():
        return OK, f"{tfds.PROBE[0]} answers", ""
    remedy = "Bundled data and data of your own need none; name prepared data with --data-dir."
    return WARNING, f"{tfds.PROBE[0]} does not answer in {tfds.PROBE_SECONDS:g} s", remedy


def _disk() -> Look:
    from keras_gan.runs import runs_root
    from keras_gan.utils.files import cache_root

    rooms = {}
    for what, folder in (("runs", runs_root()), ("cache", cache_root())):
        parent = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
        tempfile.TemporaryFile(dir=parent).close()
        rooms[f"{what} ({folder})"] = shutil.disk_usage(parent).free
    found = ", ".join(f"{room / 2**30:.1f} GiB for {what}" for what, room in rooms.items())
    if min(rooms.values()) < _LITTLE_ROOM:
        return WARNING, found, "Make room, or name other disks: KERAS_GAN_RUNS, KERAS_GAN_CACHE."
    return OK, found, ""


def _smoke() -> Look:
    """Trains for SMOKE_STEPS steps on bundled digits, in a folder that is removed."""
    from keras_gan import training
    from keras_gan.config import load_config

    config = load_config("digits").replace(
        training__epochs=1,
        training__batch_size=64,
        data__split=f"train[:{64 * SMOKE_STEPS}]",
        output__held_out_every_epochs=0,
    )
    started = time.perf_counter()
    with (
        tempfile.TemporaryDirectory(prefix="keras-gan-doctor-") as folder,
        contextlib.redirect_stderr(io.StringIO()),  # progress of a run that nobody will see
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        run = training.fit(config, Path(folder) / "run")
        iteration, seconds = run.iteration, time.perf_counter() - started
    if iteration != SMOKE_STEPS:
        return FAILED, f"{iteration} of {SMOKE_STEPS} steps", "See `keras-gan --debug fit digits`."
    return OK, f"{SMOKE_STEPS} steps on digits in {seconds:.0f} s", ""


#: What is looked at, in this order.
CHECKS: dict[str, Callable[[], Look]] = {
    "python": _python,
    "packages": _packages,
    "extras": _extras,
    "devices": _devices,
    "XLA": _xla,
    "data sets": _data_sets,
    "disk": _disk,
    "training": _smoke,
}
