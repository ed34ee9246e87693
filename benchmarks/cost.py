"""How the cost of a step grows with the batch, the pixels and the width.

    python benchmarks/cost.py [--rounds 5] [--plot docs/images/cost.png]

Trains the recipe `mnist_dcgan`'s networks on random images, without penalties, by the compiled
program alone: batches of 16 to 1,024, images of 16 to 64 pixels, networks of width 16 to 128.
Beside each time stands the arithmetic of the step's matrix products: a convolutional step is
linear in the batch and, at one number of maps, in the pixels, and quadratic in the width where
its inner products outweigh the first and the last one. Each exponent is the slope of a
straight line through the logarithms; "no faster than the work" is time's at most 0.1 above
arithmetic's.
"""

from __future__ import annotations

import argparse
import math
import statistics
import tempfile
import time
from pathlib import Path

import keras_gan  # noqa: F401 (before TensorFlow: it chooses TensorFlow's kernels)

# isort: split
import matplotlib.pyplot as plt
import numpy as np
import products

from keras_gan import load_config, training
from keras_gan.config import override

USUAL = {"batch": 64, "pixels": 32, "width": 32}
VARIED = {
    "batch": (16, 32, 64, 128, 256, 512, 1024),
    "pixels": (16, 32, 64),
    "width": (16, 32, 64, 128),
}
MARGIN = 0.1
LEAST_SECONDS = 1.0  # a round


class Step:
    """The compiled program of one size."""

    def __init__(self, folder: Path, batch: int, pixels: int, width: int):
        path = folder / f"{pixels}.npz"
        count = 4 * max(VARIED["batch"])
        if not path.exists():
            shape = (count, pixels, pixels, 1)
            images = np.random.default_rng(0).integers(256, size=shape, dtype=np.uint8)
            np.savez(path, images=images)
        settings = {
            "data.name": str(path),
            "regularizers": {},
            "network.generator.width": width,
            "network.discriminator.width": width,
            "training.batch_size": batch,
            "training.steps_per_execution": 2,
            "training.epochs": 10_000,
        }
        prepared = training.prepare(override(load_config("mnist_dcgan"), settings))
        self.gan, self.steps = prepared.gan, prepared.schedule.steps_per_execution
        self.program = prepared.program
        self.blocks = iter(prepared.schedule.blocks(0))
        shapes = products.of_a_step(self.gan.generator, self.gan.discriminator, batch)
        self.gflop = products.operations(shapes) / 1e9
        self.play()  # compiles

    def play(self) -> float:
        """Seconds a step, over at least a second."""
        calls, start = 0, time.perf_counter()
        while True:
            self.program(self.blocks)
            self.gan.iteration.numpy()  # waits
            calls += 1
            if (spent := time.perf_counter() - start) > LEAST_SECONDS:
                return spent / (calls * self.steps)


def exponent(sizes: list[int], values: list[float]) -> float:
    return float(np.polyfit(np.log(sizes), np.log(values), 1)[0])


def measure(rounds: int) -> dict[str, tuple[list[float], list[float]]]:
    """{what is varied: (median seconds, GFLOP) of each of its sizes}."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for what, sizes in VARIED.items():
            steps = [Step(Path(folder), **{**USUAL, what: size}) for size in sizes]
            times = [[step.play() for step in steps] for _ in range(rounds)]
            medians = [statistics.median(column) for column in zip(*times, strict=True)]
            found[what] = medians, [step.gflop for step in steps]
    return found


def show(found: dict[str, tuple[list[float], list[float]]]) -> bool:
    """Prints the tables; returns whether time grows no faster than the arithmetic."""
    holds = True
    for what, (seconds, gflop) in found.items():
        others = ", ".join(f"{name} {size}" for name, size in USUAL.items() if name != what)
        print(f"\n| {what} ({others}) | ms a step | GFLOP | GFLOP/s |\n|---|---|---|---|")
        for size, time_, work in zip(VARIED[what], seconds, gflop, strict=True):
            print(f"| {size} | {1000 * time_:.1f} | {work:.2f} | {work / time_:.0f} |")
        of_time, of_work = (exponent(VARIED[what], values) for values in (seconds, gflop))
        print(f"exponent {of_time:.2f}, of the arithmetic {of_work:.2f}")
        holds &= of_time <= of_work + MARGIN
    return holds


def plot(found: dict[str, tuple[list[float], list[float]]], path: Path) -> None:
    figure, panels = plt.subplots(1, len(found), figsize=(4 * len(found), 3.6), dpi=120)
    for panel, (what, (seconds, gflop)) in zip(panels, found.items(), strict=True):
        middle = list(VARIED[what]).index(USUAL[what])
        scaled = [work * seconds[middle] / gflop[middle] for work in gflop]
        panel.loglog(VARIED[what], [1000 * s for s in seconds], "o-", label="measured")
        panel.loglog(VARIED[what], [1000 * s for s in scaled], "--", label="as the arithmetic")
        panel.set_xlabel(what)
        panel.set_xticks(VARIED[what], [str(size) for size in VARIED[what]])
        panel.minorticks_off()
        decades = [math.floor(math.log10(1000 * min(seconds + scaled))), 4]
        panel.set_yticks([10.0**n for n in range(decades[0], decades[1] + 1)])
        panel.set_ylim(500 * min(seconds + scaled), 2000 * max(seconds + scaled))
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("ms a step")
    panels[0].legend()
    figure.tight_layout()
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--plot", type=Path, help="where to draw it")
    arguments = parser.parse_args()
    found = measure(arguments.rounds)
    holds = show(found)
    if arguments.plot:
        plot(found, arguments.plot)
    raise SystemExit(not holds)


if __name__ == "__main__":
    main()
