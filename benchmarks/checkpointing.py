"""What checkpoints cost: their share of the time of a training.

    python benchmarks/checkpointing.py --data-dir DIR [RECIPE] [--epochs 3]

Trains RECIPE (by default `mnist`) with what it does by default, and takes the time that
is spent on checkpoints: the newest ones, at their cadence, before the first step and
at the end, and the best ones. The first call, which compiles, is left out of the whole.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import keras

from keras_gan import load_config, training
from keras_gan.config import override
from keras_gan.runs import checkpoints
from keras_gan.training.callbacks import Checkpointer

SHARE = 0.02  # of the training's time, at most


class Stopwatch:
    """The seconds spent in functions that it wraps, each call's."""

    def __init__(self):
        self.calls: list[float] = []

    def around(self, function):
        def timed(*args, **kwargs):
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.calls.append(time.perf_counter() - start)

        return timed


class Whole(keras.callbacks.Callback):
    """The seconds of `fit` but for those of the first call."""

    def __init__(self):
        super().__init__()
        self.seconds, self.first = 0.0, None

    def on_train_begin(self, logs=None):
        self.begun = time.perf_counter()

    def on_train_batch_begin(self, batch, logs=None):
        self.call = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        if self.first is None:
            self.first = time.perf_counter() - self.call

    def on_train_end(self, logs=None):
        self.seconds = time.perf_counter() - self.begun - self.first


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", nargs="?", default="mnist")
    parser.add_argument("--data-dir", help="where tensorflow-datasets has MNIST prepared")
    parser.add_argument("--epochs", type=int, default=3)
    arguments = parser.parse_args()
    config = override(
        load_config(arguments.recipe),
        {"data.directory": arguments.data_dir, "training.epochs": arguments.epochs},
    )
    newest, best, whole = Stopwatch(), Stopwatch(), Whole()
    Checkpointer.act = newest.around(Checkpointer.act)
    checkpoints.Writer.save_best = best.around(checkpoints.Writer.save_best)
    with tempfile.TemporaryDirectory() as folder:
        run = training.fit(config, Path(folder) / "run", [whole])
        kept = checkpoints.list_checkpoints(run.checkpoints)[-1]
        size = sum(file.stat().st_size for file in kept.iterdir()) / 1e6
    spent = sum(newest.calls) + sum(best.calls)
    print(f"{arguments.recipe}: {arguments.epochs} epochs in {whole.seconds:.1f} s")
    for name, watch in (("newest", newest), ("best", best)):
        print(f"  {name}: {len(watch.calls)} checkpoints, {sum(watch.calls):.2f} s")
    print(f"  {size:.1f} MB each, {1000 * spent / len(newest.calls + best.calls):.0f} ms each")
    share = spent / whole.seconds
    print(f"  {100 * share:.2f} % of the time; at most {100 * SHARE:.0f} % is meant")
    raise SystemExit(share >= SHARE)


if __name__ == "__main__":
    main()
