"""Training on a folder of many small pictures: streamed beside in memory.

    python benchmarks/streaming.py --data-dir DIR [--recipe mnist_dcgan] [--rounds 5]

DIR has MNIST as prepared by tensorflow-datasets. Its images are written as PNG files (the
first ones again where there are more files), on which RECIPE is trained in three ways, in
turn, round by round in one process: all images in memory, each picture decoded as it is
drawn, and read from a pack. A turn begins with a call that is not timed, so that each block
that is timed was read beside one that was played. Figures are medians over the rounds,
ratios medians of the rounds' own ratios.

Then the memory of a training on 10,000 and on 100,000 pictures, in a process each.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from PIL import Image

from keras_gan import load_config, training
from keras_gan.config import Config, DataConfig, override
from keras_gan.data import load_source

SPEED = 0.9  # of the resident training's, at least
MEMORY = 1.1  # of that with a tenth of the pictures, at most
COUNTS = (10_000, 100_000)
WAYS = {
    "in memory": {"data.stream": False},
    "pictures": {"data.stream": True},
    "pack": {"data.stream": True, "data.pack": True},
}


def write_pictures(folder: Path, count: int, data_dir: str) -> Path:
    """Writes `count` of MNIST's images as PNG files."""
    folder.mkdir()
    images = load_source(DataConfig(name="mnist", directory=data_dir)).images[..., 0]
    for n in range(count):
        Image.fromarray(images[n % len(images)]).save(folder / f"{n:06d}.png")
    return folder


def configured(recipe: str, folder: Path, **settings) -> Config:
    data = {"data.name": str(folder), "output.held_out_every_epochs": 0}
    return override(load_config(recipe), {**data, **settings})


class Way:
    """A prepared training, and its speed in each turn."""

    def __init__(self, config: Config):
        began = time.perf_counter()
        self.training = training.prepare(config)
        self.seconds = time.perf_counter() - began
        self.speeds: list[float] = []
        self.waited: list[float] = []

    def turn(self, calls: int) -> None:
        """Times so many calls, after one more."""
        schedule, program = self.training.schedule, self.training.program
        blocks = iter(schedule.blocks(len(self.speeds)))
        program(blocks)
        start, waited = time.perf_counter(), program.waited
        for _ in range(calls):
            program(blocks)
        self.training.gan.iteration.numpy()  # waits for the device
        seconds = time.perf_counter() - start
        self.speeds.append(calls * schedule.steps_per_execution * schedule.rows_per_step / seconds)
        self.waited.append((program.waited - waited) / seconds)


def compare(recipe: str, folder: Path, rounds: int, calls: int) -> bool:
    """Prints the speeds; returns whether pictures are streamed fast enough."""
    # As many epochs as rounds: each turn has one of its own.
    ways = {
        name: Way(configured(recipe, folder, **settings, **{"training.epochs": rounds}))
        for name, settings in WAYS.items()
    }
    print(f"{'':12}{'images/s':>10}{'of memory':>11}{'waiting':>9}{'to start':>10}")
    for turn in range(rounds):
        for name in list(WAYS)[:: 1 - 2 * (turn % 2)]:  # there and back again
            ways[name].turn(calls)
    ratios = {}
    for name, way in ways.items():
        pairs = zip(way.speeds, ways["in memory"].speeds, strict=True)
        ratios[name] = statistics.median(own / other for own, other in pairs)
        speed, waited = statistics.median(way.speeds), statistics.median(way.waited)
        print(f"{name:12}{speed:10.0f}{ratios[name]:11.3f}{waited:9.1%}{way.seconds:8.1f} s")
    print(f"at least {SPEED} is meant for pictures")
    return ratios["pictures"] >= SPEED


def peak_memory(recipe: str, folder: Path, count: int) -> int:
    """Mebibytes that a process takes at most which streams `count` pictures once."""
    command = [sys.executable, __file__, "--recipe", recipe, "--peak", folder, str(count)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return int(done.stdout.split()[-1])


def train_once(recipe: str, folder: Path, count: int) -> None:
    """Trains an epoch with narrow networks, since only the input counts; prints the peak."""
    narrow = {f"network.{player}.width": 8 for player in ("generator", "discriminator")}
    settings = {"data.stream": True, "training.epochs": 1, "data.split": f"train[:{count}]"}
    # A folder of links has so many files, and no more names than are trained on.
    with tempfile.TemporaryDirectory() as some:
        for n in range(count):
            os.link(folder / f"{n:06d}.png", Path(some, f"{n:06d}.png"))
        with tempfile.TemporaryDirectory() as runs:
            training.fit(configured(recipe, Path(some), **settings, **narrow), Path(runs, "run"))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data-dir", help="where tensorflow-datasets has MNIST prepared")
    parser.add_argument("--recipe", default="mnist_dcgan")
    parser.add_argument("--pictures", type=int, default=50_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--calls", type=int, default=4, help="timed in each turn")
    parser.add_argument("--peak", nargs=2, metavar=("FOLDER", "COUNT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.peak:
        train_once(arguments.recipe, Path(arguments.peak[0]), int(arguments.peak[1]))
        return
    with tempfile.TemporaryDirectory() as root:
        os.environ["KERAS_GAN_CACHE"] = f"{root}/cache"
        pictures = write_pictures(Path(root, "speed"), arguments.pictures, arguments.data_dir)
        fast = compare(arguments.recipe, pictures, arguments.rounds, arguments.calls)
        many = write_pictures(Path(root, "memory"), COUNTS[1], arguments.data_dir)
        few, all_of_them = (peak_memory(arguments.recipe, many, count) for count in COUNTS)
    print(f"memory: {few} MiB for {COUNTS[0]:,} pictures, {all_of_them} MiB for {COUNTS[1]:,}")
    print(f"at most {MEMORY} times as much is meant")
    raise SystemExit(not (fast and all_of_them <= MEMORY * few))


if __name__ == "__main__":
    main()
