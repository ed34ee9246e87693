"""What several replicas cost, or gain: a step at the same global batch.

    python benchmarks/scaling.py [RECIPE] [--batch-size 256] [--rounds 5]

Trains RECIPE (by default `mnist_mlp`) on random images of MNIST's size: by one replica, by
all devices of this machine (`mirrored`: GPUs, or two logical CPUs) and by two workers (as
`keras-gan launch` starts them), in turn, and prints medians of the time of a step and their
ratio to that of one replica. Each is a process of its own, with its own compile time left out.
Then one replica and two workers play 200 steps from the same weights, as plain graphs (XLA draws
other latents), and the largest difference between a weight of a worker and of the one is printed.

On a machine without GPUs one replica has all cores already, so that two of them show what
the exchange costs and nothing that they could gain.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from keras_gan.utils import processes

STRATEGIES = ("one", "mirrored", "multi-worker")
STEPS = 40  # a call, and an epoch
COMPARED = 200  # steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("recipe", nargs="?", default="mnist_mlp")
    parser.add_argument("--batch-size", type=int, default=256, help="of all replicas")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--strategy", choices=STRATEGIES, help="(what each process is given)")
    parser.add_argument("--out", type=Path, help="(the folder for its figures)")
    parser.add_argument("--weights", action="store_true", help="(to be kept, in place of times)")
    options = parser.parse_args()
    if options.strategy:
        (keep_weights if options.weights else measure)(options)
        return
    with tempfile.TemporaryDirectory() as folder:
        options.out = Path(folder)
        for _ in range(options.rounds):
            for strategy in STRATEGIES:
                begin(strategy, options)
        for strategy in ("one", "multi-worker"):
            begin(strategy, options, "--weights")
        show(options)


def begin(strategy: str, options: argparse.Namespace, *more: str) -> None:
    command = [sys.executable, __file__, options.recipe, f"--batch-size={options.batch_size}"]
    command += [f"--strategy={strategy}", f"--out={options.out}", *more]
    if strategy == "multi-worker":
        code = processes.run_workers(command, 2)
    else:
        code = subprocess.run(command, check=False).returncode
    if code:
        sys.exit(f"{strategy} failed with exit code {code}")


def measure(options: argparse.Namespace) -> None:
    """Appends the seconds of a step: the median of five calls, after two that warm up."""
    strategy, gan, program, blocks = prepared(options)
    seconds = [a_step(program, blocks, gan) for _ in range(7)][2:]

    from keras_gan.engine import strategies
    from keras_gan.engine.workers import Workers

    workers = Workers(strategy)
    if workers.is_chief:
        row = {"strategy": options.strategy, "seconds": statistics.median(seconds)}
        row["replicas"] = strategies.described(strategy)
        with (options.out / "rows.jsonl").open("a") as file:
            file.write(f"{json.dumps(row)}\n")
    workers.agree([])  # for the others, who would be lost to one that is still at work


def keep_weights(options: argparse.Namespace) -> None:
    """Writes all weights after 200 steps, in every worker."""
    strategy, gan, program, blocks = prepared(options, jit=False)
    while int(gan.iteration.numpy()) < COMPARED:
        program(blocks)

    from keras_gan.engine.workers import Workers

    weights = np.concatenate([np.ravel(w) for w in gan.weights])
    np.save(options.out / f"{options.strategy}-{os.getpid()}.npy", weights)
    Workers(strategy).agree([])


def prepared(options: argparse.Namespace, jit: bool | None = None):
    """The strategy, a GAN, its program and what it plays with."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import keras
    import tensorflow as tf

    from keras_gan import load_config
    from keras_gan.engine import programs, strategies
    from keras_gan.engine.schedule import Schedule
    from keras_gan.games import recipes

    if options.strategy == "mirrored" and not tf.config.list_physical_devices("GPU"):
        cpus = [tf.config.LogicalDeviceConfiguration()] * 2
        tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], cpus)
    strategy = strategies.make(options.strategy)
    strategies.check_batch(strategy, options.batch_size, 1)
    config = load_config(options.recipe).replace(training__batch_size=options.batch_size)
    rows = options.batch_size * config.game.discriminator_steps
    count = STEPS * rows
    images = np.random.default_rng(0).integers(256, size=(count, 28, 28, 1), dtype=np.uint8)
    labels = np.arange(count, dtype=np.int32) % 10
    keras.utils.set_random_seed(config.seed)
    with strategy.scope():
        gan = recipes.build(config, (28, 28, 1), 10)
        recipes.compile_gan(gan, config)
        if jit is None:
            setting = config.training.jit_compile
            jit = programs.choose_jit(setting, gan.generator, gan.discriminator)
        program = programs.StepsProgram(gan, {"images": images, "labels": labels}, jit)
    blocks = iter(Schedule(count, rows, 10_000, STEPS, seed=0).blocks(0))
    return strategy, gan, program, blocks


def a_step(program, blocks, gan) -> float:
    before, start = int(gan.iteration.numpy()), time.perf_counter()
    program(blocks)
    after = int(gan.iteration.numpy())  # which waits for the device
    return (time.perf_counter() - start) / (after - before)


def show(options: argparse.Namespace) -> None:
    rows = [json.loads(line) for line in (options.out / "rows.jsonl").read_text().splitlines()]
    print(f"{options.recipe}, global batch {options.batch_size}, {options.rounds} rounds in turn")
    print("| strategy | replicas | ms a step | of one replica's |")
    print("|---|---|---|---|")
    alone = [row["seconds"] for row in rows if row["strategy"] == "one"]
    for strategy in STRATEGIES:
        own = [row for row in rows if row["strategy"] == strategy]
        seconds = [row["seconds"] for row in own]
        ratio = statistics.median(s / a for s, a in zip(seconds, alone, strict=True))
        ms = 1000 * statistics.median(seconds)
        print(f"| {strategy} | {own[0]['replicas']} | {ms:.2f} | {ratio:.2f} |")
    (one,) = map(np.load, options.out.glob("one-*.npy"))
    first, second = map(np.load, options.out.glob("multi-worker-*.npy"))
    print(
        f"after {COMPARED} steps: two workers' weights differ from each other by at most "
        f"{np.abs(first - second).max():.1e}, from one process's by {np.abs(first - one).max():.1e}"
    )


if __name__ == "__main__":
    main()
