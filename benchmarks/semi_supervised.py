"""Test error with few labels: `mnist_semi` beside the same network trained on these labels alone.

    python benchmarks/semi_supervised.py FOLDER --data-dir DIR [--draws 3] [--epochs N]
        [--steps N] [--set path=value ...]

Each draw of the labels (data.labels_seed = 0, 1, ...) trains a run in FOLDER/draw_N and a
supervised baseline: the recipe's discriminator, noise, augmentation, optimizer and average, but
only the cross entropy of the labelled images, for --steps updates. Seconds are those of the
whole fit. After each one a line is appended to FOLDER/semi_supervised.jsonl; what is there
already is not done again. No choice in either training looks at test images: errors are
those of the last weights.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_gan import (
    augmentation,
    auxiliary,
    averages,
    building,
    fit,
    load,
    load_config,
    load_source,
    players,
    sampling,
)
from keras_gan.batches import as_float
from keras_gan.config import Config, override, parse_assignments
from keras_gan.data import Source
from keras_gan.errors import KerasGanError


def test_error(network: keras.Model, test: Source) -> float:
    """The share of test images whose class `network` does not tell."""
    return float(np.mean(sampling.told_classes(network, test.images) != test.labels))


def supervised_error(config: Config, source: Source, test: Source, steps: int) -> float:
    """The test error of the same discriminator, trained on the labelled images alone."""
    known = np.flatnonzero(source.labels >= 0)
    images, labels = as_float(source.images[known]), tf.constant(source.labels[known])
    keras.utils.set_random_seed(config.seed)
    gan = building.build_gan(config, source.sample_shape, source.num_classes)
    network, average = gan.discriminator, averages.copy_of(gan.discriminator)
    optimizer = building.build_optimizers(config)[1]
    optimizer.build(network.trainable_variables)
    loss_of = auxiliary.Classifier().discriminator_loss
    decay = config.training.discriminator_ema_decay

    @tf.function(jit_compile=config.network.family == "mlp")
    def update(step):
        seed = tf.stack([config.seed, step])
        size = [config.training.batch_size]
        rows = tf.random.stateless_uniform(size, seed, maxval=len(known), dtype=tf.int32)
        seen = augmentation.augmented(tf.gather(images, rows), config.training.augment, seed + 1)
        with tf.GradientTape() as tape:
            outputs, moved = players.play(network, {"images": seen}, seed + 2)
            loss = loss_of(outputs, tf.gather(labels, rows), outputs, None)
        gradients = tape.gradient(loss, network.trainable_variables)
        # The layer of the game's logit, where there is one, learns nothing here.
        pairs = zip(gradients, network.trainable_variables, strict=True)
        gradients = [tf.zeros_like(v) if g is None else g for g, v in pairs]
        optimizer.apply(gradients, network.trainable_variables)
        for variable, value in moved:
            variable.assign(value)
        averages.follow(average, network, decay, step)

    for step in range(steps):
        update(tf.constant(step))
    return test_error(average if decay else network, test)


def measure(draw: int, options: argparse.Namespace) -> dict:
    """Trains both with one draw of the labels, and returns their row."""
    settings = {"data.directory": options.data_dir, "data.labels_seed": draw}
    settings |= parse_assignments(options.set)
    if options.epochs is not None:
        settings["training.epochs"] = options.epochs
    config = override(load_config("mnist_semi"), settings)
    test = load_source(dataclasses.replace(config.data, split="test", labels_per_class=None))
    source = load_source(config.data)
    began = time.perf_counter()
    run = load(fit(config, options.folder / f"draw_{draw}").path)
    return {
        "draw": draw,
        "labels": int((source.labels >= 0).sum()),
        "seconds": round(time.perf_counter() - began, 1),
        "test_error": test_error(run.gan.classifier, test),
        "supervised_test_error": supervised_error(config, source, test, options.steps),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data-dir")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--steps", type=int, default=3000, help="of the supervised baseline")
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    results = options.folder / "semi_supervised.jsonl"
    rows = [json.loads(line) for line in results.open()] if results.exists() else []
    for draw in sorted(set(range(options.draws)) - {row["draw"] for row in rows}):
        rows.append(measure(draw, options))
        with results.open("a") as file:
            file.write(json.dumps(rows[-1]) + "\n")
        print(json.dumps(rows[-1]), flush=True)
    for name in ("test_error", "supervised_test_error"):
        errors = 100 * np.array([row[name] for row in rows])
        spread = f" ± {errors.std(ddof=1):.2f}" if len(errors) > 1 else ""
        print(f"{name}: {errors.mean():.2f} %{spread} over {len(errors)} draws")


if __name__ == "__main__":
    try:
        main()
    except KerasGanError as error:
        print(error, file=sys.stderr)
        sys.exit(error.exit_code)
