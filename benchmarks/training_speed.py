"""Time of one training step, beside an eager PyTorch loop of the same networks.

    pip install -e '.[benchmark]'
    python benchmarks/training_speed.py --data-dir DIR [mnist_mlp dcgan] [--rounds 5]

DIR holds MNIST as prepared by tensorflow-datasets. All rows are timed in turn in
one process, round by round; the figures are medians over the rounds, the ratios
medians of the rounds' own ratios. Every row runs the same networks, batch, data
in memory, optimizer (Adam) and game (non-saturating), on all cores, and reads
nothing back per step. What ours does beyond PyTorch's is a row each.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import keras_gan  # noqa: F401 (before TensorFlow: it chooses TensorFlow's kernels)

# isort: split
import keras
import numpy as np
import tensorflow as tf
import torch
from torch import nn

from keras_gan import engine, load_config, training
from keras_gan.config import Config, override

LATENT = 128


# ------------------------------------------------------------------ the PyTorch peer


def torch_mlp() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(LATENT, 256),
        nn.Tanh(),
        nn.Linear(256, 512),
        nn.ReLU(),
        nn.Linear(512, 784),
        nn.Tanh(),
        nn.Unflatten(1, (1, 28, 28)),
    )
    discriminator = nn.Sequential(
        nn.Flatten(),
        nn.Linear(784, 512),
        nn.Tanh(),
        nn.Linear(512, 256),
        nn.Tanh(),
        nn.Linear(256, 128),
        nn.Tanh(),
        nn.Linear(128, 1),
    )
    return generator, discriminator


def torch_dcgan() -> tuple[nn.Module, nn.Module]:
    generator = nn.Sequential(
        nn.Linear(LATENT, 7 * 7 * 128, bias=False),
        nn.Unflatten(1, (128, 7, 7)),
        nn.BatchNorm2d(128),
        nn.ReLU(),
        nn.ConvTranspose2d(128, 64, 4, 2, 1, bias=False),
        nn.BatchNorm2d(64),
        nn.ReLU(),
        nn.ConvTranspose2d(64, 1, 4, 2, 1),
        nn.Tanh(),
    )
    discriminator = nn.Sequential(
        nn.Conv2d(1, 64, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Conv2d(64, 128, 4, 2, 1),
        nn.LeakyReLU(0.2),
        nn.Flatten(),
        nn.Linear(7 * 7 * 128, 1),
    )
    return generator, discriminator


class TorchLoop:
    """A plain eager loop; D's gradients of G's step are not computed, as ours are not."""

    def __init__(self, networks, images: np.ndarray, batch_size: int):
        self.generator, self.discriminator = networks
        self.images = torch.from_numpy(images.transpose(0, 3, 1, 2).copy()).float() / 127.5 - 1
        self.batch = batch_size
        options = {"lr": 1e-4, "betas": (0.9, 0.999)}
        self.generator_optimizer = torch.optim.Adam(self.generator.parameters(), **options)
        self.discriminator_optimizer = torch.optim.Adam(self.discriminator.parameters(), **options)

    def __call__(self, steps: int) -> None:
        loss_of = nn.functional.binary_cross_entropy_with_logits
        ones, zeros = torch.ones(self.batch, 1), torch.zeros(self.batch, 1)
        order = torch.randperm(len(self.images))
        for step in range(steps):
            real = self.images[order[step * self.batch : (step + 1) * self.batch]]
            self.discriminator.requires_grad_(True)
            with torch.no_grad():
                fake = self.generator(torch.randn(self.batch, LATENT))
            loss = loss_of(self.discriminator(real), ones) + loss_of(
                self.discriminator(fake), zeros
            )
            self.discriminator_optimizer.zero_grad()
            loss.backward()
            self.discriminator_optimizer.step()

            self.discriminator.requires_grad_(False)
            fake = self.generator(torch.randn(self.batch, LATENT))
            loss = loss_of(self.discriminator(fake), ones)
            self.generator_optimizer.zero_grad()
            loss.backward()
            self.generator_optimizer.step()


# ------------------------------------------------------------------ ours


class BareLoop:
    """The compiled program alone: no callbacks, nothing read or written."""

    def __init__(self, config: Config):
        self.training = training.prepare(config)
        self.blocks = iter(self.training.schedule.blocks(0))

    def __call__(self, steps: int) -> None:
        program, done = self.training.gan.make_train_function(), 0
        while done < steps:
            logs = program(self.blocks)
            done += self.training.schedule.steps_per_call
        float(logs["V(D,G)"])  # waits for the last call
        self.steps = done


class FitLoop:
    """`fit` with all it does by default, an epoch a round (without Keras' start of a fit)."""

    def __init__(self, config: Config, folder: Path):
        self.training = training.prepare(config)
        self.run = training.start(self.training, folder)

    def __call__(self, steps: int) -> float:
        timer = _OneEpoch(self.training.schedule.steps_per_epoch)
        training.play(self.training, self.run, [timer])
        return timer.seconds / self.training.schedule.steps_per_epoch


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
    """Takes the metrics out of the program, so that it does what PyTorch's loop does."""
    gan = loop.training.gan
    gan._measure = lambda values: {"V(D,G)": values["V(D,G)"]}
    source, jit = loop.training.source, loop.training.jit_compile
    gan.use_program(engine.RoundsProgram(gan, source.images, source.labels, jit))
    return loop


# ------------------------------------------------------------------ the table

CASES = {
    "mnist_mlp": ("mnist_mlp", {}, torch_mlp),
    "dcgan": (
        "mnist_dcgan",
        {
            "data.split": "train[:30000]",
            "penalties": {},
            "objective": {"name": "non_saturating"},
            "optimizer.generator": {"name": "adam", "learning_rate": 1e-4},
            "optimizer.discriminator": {"name": "adam", "learning_rate": 1e-4},
        },
        torch_dcgan,
    ),
}


def measure(case: str, data_dir: str | None, rounds: int, steps: int, folder: Path) -> None:
    recipe, changes, peer = CASES[case]
    changes = {**changes, "data.directory": data_dir, "training.epochs": 10_000}
    config = override(load_config(recipe), changes)
    bare = BareLoop(config)
    plain = without_extras(BareLoop(override(config, {"training.ema_decay": 0.0})))
    fit = FitLoop(config, folder / case)
    other = TorchLoop(peer(), bare.training.source.images, config.training.batch_size)
    loops = {
        "PyTorch, eager, tensors in memory": other,
        "keras-gan, the same work (no average, no metrics)": plain,
        "keras-gan, bare loop (and average and metrics)": bare,
        "keras-gan, fit (and TensorBoard, checkpoints, pictures)": fit,
    }
    seconds = {name: [] for name in loops}
    for round_number in range(rounds + 1):
        for name, loop in loops.items():
            start = time.perf_counter()
            per_step = loop(steps)
            if per_step is None:
                per_step = (time.perf_counter() - start) / getattr(loop, "steps", steps)
            if round_number:  # the first one compiles and warms up
                seconds[name].append(per_step)
    baseline = seconds[next(iter(loops))]
    print(
        f"\n{case}: batch {config.training.batch_size}, {rounds} rounds of at least {steps} "
        f"steps, {torch.get_num_threads()} threads; XLA: {bare.training.jit_compile}"
    )
    for name, times in seconds.items():
        ratio = statistics.median(t / b for t, b in zip(times, baseline, strict=True))
        print(
            f"  {name:<58} {1000 * statistics.median(times):7.2f} ms "
            f"({1000 * min(times):.2f} to {1000 * max(times):.2f})  x {ratio:.3f}"
        )
    names = list(seconds)
    extra = statistics.median(
        f / b for f, b in zip(seconds[names[3]], seconds[names[2]], strict=True)
    )
    print(f"  fit takes {extra:.3f} times the bare loop's time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cases", nargs="*", default=list(CASES), metavar="CASE")
    parser.add_argument("--data-dir", help="where tensorflow-datasets has MNIST prepared")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=200)
    arguments = parser.parse_args()
    torch.manual_seed(0)
    tf.get_logger().setLevel("ERROR")
    with tempfile.TemporaryDirectory() as folder:
        for case in arguments.cases:
            measure(case, arguments.data_dir, arguments.rounds, arguments.steps, Path(folder))


if __name__ == "__main__":
    main()
