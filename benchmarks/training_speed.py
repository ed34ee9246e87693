"""Time of one training step, beside the same step in other libraries and the arithmetic alone.

    pip install -c constraints.txt -e '.[benchmark]'
    python benchmarks/training_speed.py --data-dir DIR [mnist_mlp dcgan] [--rounds 5]

DIR holds MNIST as prepared by tensorflow-datasets. All rows are timed in turn in one
process, round by round; milliseconds are medians over the rounds, ratios medians of the
rounds' own. Peers (`peers.py`) run the same networks, batch, optimizer and game on all
cores and read nothing back per step; what ours does beyond theirs is a row each. The
last peer is no library: it is what the step's matrix products take by themselves, each
at the best speed that PyTorch or TensorFlow have for it here (`products.py`). `fit` has a row
with and a row without the optional checks, the held-out discriminator and that of diversity. Below
the table stand the ratios that are meant to be kept, each beside its bound.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import statistics
import tempfile
import time
import unittest.mock
from collections.abc import Callable
from pathlib import Path

import keras_gan  # noqa: F401 (before TensorFlow: it chooses TensorFlow's kernels)

# isort: split
import keras
import numpy as np
import peers
import products
import tensorflow as tf
import torch

from keras_gan import load_config, training
from keras_gan.config import Config, override
from keras_gan.engine import programs
from keras_gan.runs.logs import MetricsLog
from keras_gan.training import callbacks

# ------------------------------------------------------------------ ours


class BareLoop:
    """The compiled program alone: no callbacks, nothing read or written."""

    def __init__(self, config: Config):
        self.training = training.prepare(config)
        self.blocks = iter(self.training.schedule.blocks(0))

    def __call__(self, steps: int) -> None:
        program, self.steps = self.training.program, 0
        while self.steps < steps:
            logs = program(self.blocks)
            self.steps += self.training.schedule.steps_per_execution
        float(logs["V(D,G)"])  # waits for the last call


class FitLoop:
    """`fit` with all it does by default, an epoch a round (without Keras' start of a fit).

    Args:
        config: a recipe.
        folder: of the run, to be made.
        without: classes of callbacks that are left out.
    """

    def __init__(self, config: Config, folder: Path, without: tuple[type, ...] = ()):
        self.training = training.prepare(config)
        self.run = training.start(self.training, folder)
        self.steps = self.training.schedule.steps_per_epoch
        self.without = without

    def __call__(self, steps: int) -> float:
        timer = _OneEpoch(self.steps)
        every = callbacks.of_run

        def some(*args):
            return [one for one in every(*args) if not isinstance(one, self.without)]

        with unittest.mock.patch.object(callbacks, "of_run", some):
            training.play(self.training, self.run, [timer])
        return timer.seconds

    def held_out(self) -> str:
        """What the held-out discriminator costs, which few of the rounds' epochs have."""
        source, config = self.training.source, self.training.config
        with contextlib.closing(MetricsLog(self.run.path)) as log:
            check = callbacks.HeldOutDiscriminator(log, 1, source, config.seed)
            check.set_model(self.training.gan)
            check.on_train_begin()
            start = time.perf_counter()
            check.act(check.iteration, {})
            seconds = time.perf_counter() - start
        every = config.output.held_out_every_epochs
        return f"one check by the held-out discriminator: {seconds:.1f} s, every {every:g} epochs"


class _OneEpoch(keras.callbacks.Callback):
    """Ends `fit` after an epoch; the last of the callbacks, so the others' ends count."""

    def __init__(self, steps: int):
        super().__init__()
        self.steps = steps
        self.start = None

    def on_train_batch_begin(self, batch, logs=None):
        self.start = self.start or time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.iteration.numpy()) % self.steps == 0:
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        self.seconds = time.perf_counter() - self.start


def without_extras(loop: BareLoop) -> BareLoop:
    """Takes the metrics out of the program, so that it does what the peers do."""
    gan = loop.training.gan
    gan.update_metrics = lambda values: {"V(D,G)": values["V(D,G)"]}
    source, jit = loop.training.source, loop.training.program.jit_compile
    program = programs.StepsProgram(gan, {"images": source.images, "labels": source.labels}, jit)
    loop.training = dataclasses.replace(loop.training, program=program)
    return loop


# ------------------------------------------------------------------ the table

SAME, BARE = "the same work", "with average and metrics"
FIT, CHECKED = "fit, without checks", "fit, as by default"
CHECKS = (callbacks.HeldOutDiscriminator, callbacks.DiversityWriter)
EAGER, COMPILED = "PyTorch, eager", "PyTorch, torch.compile"
LOADER, JAX, PRODUCTS = "PyTorch, eager, DataLoader", "JAX, jit and scan", "matrix products alone"

#: (ours, of what, at most).
BOUNDS = {
    "mnist_mlp": [
        (SAME, EAGER, 1 / 3.5),
        (SAME, COMPILED, 1.0),
        (SAME, LOADER, 1 / 4.5),
        (SAME, JAX, 1.0),
        (SAME, PRODUCTS, 1.25),
        (FIT, BARE, 1.08),
    ],
    "dcgan": [(SAME, EAGER, 2 / 3), (SAME, PRODUCTS, 1.25), (FIT, BARE, 1.08)],
}

CASES = {
    "mnist_mlp": ("mnist_mlp", {}, peers.torch_mlp, peers.jax_mlp),
    "dcgan": (
        "mnist_dcgan",
        {
            "data.split": "train[:30000]",
            "regularizers": {},
            "loss": {"name": "non_saturating"},
            "optimizer.generator": {"name": "adam", "learning_rate": 1e-4},
            "optimizer.discriminator": {"name": "adam", "learning_rate": 1e-4},
        },
        peers.torch_dcgan,
        None,
    ),
}


class Arithmetic:
    """The matrix products of one step; its time is that of one step."""

    def __init__(self, gan, batch_size: int):
        self.shapes = products.of_a_step(gan.generator, gan.discriminator, batch_size)
        self.gflop = products.operations(self.shapes) / 1e9
        self.steps = 1

    def __call__(self, steps: int) -> float:
        return products.seconds(self.shapes)


def loops_of(
    case: str, data_dir: str | None, folder: Path, only_eager: bool
) -> dict[str, Callable]:
    """The peers' loops and ours, by their rows' names."""
    recipe, changes, networks, jax_loop = CASES[case]
    changes = {**changes, "data.directory": data_dir, "training.epochs": 10_000}
    config = override(load_config(recipe), changes)
    bare = BareLoop(config)
    images, batch = bare.training.source.images, config.training.batch_size
    loops = {EAGER: peers.TorchLoop(networks(), images, batch)}
    if not only_eager:
        loops[COMPILED] = peers.TorchLoop(networks(), images, batch, compiled=True)
        loops[LOADER] = peers.DataLoaderLoop(networks(), images, batch)
        if jax_loop is not None:
            calls = bare.training.schedule.steps_per_execution
            loops[JAX] = jax_loop(images, batch, calls)
        loops[PRODUCTS] = Arithmetic(bare.training.gan, batch)
    loops[SAME] = without_extras(BareLoop(override(config, {"game.ema_decay": 0.0})))
    loops[BARE] = bare
    loops[FIT] = FitLoop(config, folder / case, without=CHECKS)
    loops[CHECKED] = FitLoop(config, folder / f"{case}-checked")
    return loops


def measure(loops: dict[str, Callable], rounds: int, steps: int) -> dict[str, list[float]]:
    """Seconds a step of each loop, by rounds; a first round, which compiles, is left out."""
    seconds = {name: [] for name in loops}
    for number in range(rounds + 1):
        for name, loop in loops.items():
            start = time.perf_counter()
            own = loop(steps)
            spent = time.perf_counter() - start if own is None else own
            if number:
                seconds[name].append(spent / loop.steps)
    return seconds


def table(seconds: dict[str, list[float]]) -> None:
    ours = (SAME, BARE, FIT, CHECKED)
    print(f"  {'':<28} {'ms a step':>26}   " + "  ".join(f"{name:>24}" for name in ours))
    for name, times in seconds.items():
        spread = f"({1000 * min(times):.2f} to {1000 * max(times):.2f})"
        print(
            f"  {name:<28} {1000 * statistics.median(times):8.2f} {spread:>18}   "
            + "  ".join(f"{ratio(seconds, mine, name):24.3f}" for mine in ours)
        )


def ratio(seconds: dict[str, list[float]], ours: str, other: str) -> float:
    """The median of the rounds' own ratios."""
    pairs = zip(seconds[ours], seconds[other], strict=True)
    return statistics.median(a / b for a, b in pairs)


def bounds(case: str, seconds: dict[str, list[float]]) -> None:
    print("  meant to be kept:")
    for ours, other, most in BOUNDS[case]:
        if other in seconds:
            found = ratio(seconds, ours, other)
            kept = "kept" if found <= most else "NOT KEPT"
            print(f"  {ours + ' / ' + other:<60} {found:6.3f}, at most {most:.3f}: {kept}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=list(CASES), metavar="CASE")
    parser.add_argument("--data-dir", help="where tensorflow-datasets has MNIST prepared")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--only-eager", action="store_true", help="one peer only")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    tf.get_logger().setLevel("ERROR")
    with tempfile.TemporaryDirectory() as folder:
        for case in arguments.cases:
            loops = loops_of(case, arguments.data_dir, Path(folder), arguments.only_eager)
            found = measure(loops, arguments.rounds, arguments.steps)
            print(
                f"\n{case}: {arguments.rounds} rounds of at least {arguments.steps} steps, "
                f"{torch.get_num_threads()} threads, numpy {np.__version__}, torch "
                f"{torch.__version__}; the columns are our four rows' ratios to each row"
            )
            if work := loops.get(PRODUCTS):
                speed = work.gflop / statistics.median(found[PRODUCTS])
                print(f"  matrix products: {work.gflop:.2f} GFLOP a step, {speed:.0f} GFLOP/s")
            table(found)
            bounds(case, found)
            print(f"  {loops[CHECKED].held_out()}")


if __name__ == "__main__":
    main()
