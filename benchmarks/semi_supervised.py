"""Error with few labels: `mnist_semi` beside the same network trained on these labels alone.

    python benchmarks/semi_supervised.py FOLDER [--data-dir DIR] [--draws 0 1 2] [--epochs N]
        [--steps N] [--judged-by SPLIT] [--set path=value ...]

Each draw of the labels (data.labels_seed = 0, 1, ...) trains a run in FOLDER/draw_N and a
supervised baseline: the recipe's discriminator, noise, augmentation, optimizer and average, but
only the cross entropy of the labelled images, for --steps updates. Seconds are those of the
whole `fit`. After each draw a line is appended to FOLDER/semi_supervised.jsonl; what is there
already is not done again, and a training that was broken off is gone on with. Errors are those of
the last weights: no choice in either training looks at them.

Settings are chosen by other images than those that judge the chosen ones: with
--judged-by 'train[50000:]' --set 'data.split=train[:50000]', and decay_steps=10000 for the
learning rates of both optimizers.
"""

from __future__ import annotations

import argparse
import dataclasses
import itertools
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from kept import Results, print_table, told, trained

from keras_gan import load_source
from keras_gan.config import Config, parse_assignments
from keras_gan.data import Source
from keras_gan.games import augmentation, classification, ema, recipes
from keras_gan.games.step import Forward
from keras_gan.networks import DataSpec
from keras_gan.runs import sampling
from keras_gan.utils import random
from keras_gan.utils.pixels import as_float


def error_of(network: keras.Model, judge: Source) -> float:
    """The share of images whose class `network` does not tell."""
    return float(np.mean(sampling.predicted_classes(network, judge.images) != judge.labels))


def supervised_error(config: Config, source: Source, judge: Source, steps: int) -> float:
    """The error of the same discriminator, trained on the labelled images alone."""
    known = np.flatnonzero(source.labels >= 0)
    images, labels = as_float(source.images[known]), tf.constant(source.labels[known])
    keras.utils.set_random_seed(config.seed)
    gan = recipes.build(config, DataSpec(source.sample_shape, source.label_spec))
    recipes.compile_model(gan, config)
    network, average = gan.discriminator, ema.copy_of(gan.discriminator)
    optimizer = gan.discriminator_optimizer
    optimizer.build(network.trainable_variables)
    policies, decay = gan.options.augment, gan.options.discriminator_ema_decay

    @tf.function(jit_compile=config.network["family"] == "mlp")
    def update(step):
        seed = tf.stack([config.seed, step])
        size = [config.training.batch_size]
        rows = random.uniform(size, seed, maxval=len(known), dtype=tf.int32)
        draws = {
            name: random.uniform([*size, augmentation.draws_of(name)], seed + 2 + number)
            for number, name in enumerate(policies)
        }
        seen = augmentation.augmented(tf.gather(images, rows), draws)
        seeds = (seed + tf.constant([1, use]) for use in itertools.count(1))
        with tf.GradientTape() as tape:
            forward = Forward(lambda use: next(seeds), "", tape, [network], True)
            outputs = forward(network, {"images": seen})
            loss = classification.cross_entropy(outputs["class_logits"], tf.gather(labels, rows))
        gradients = tape.gradient(loss, network.trainable_variables)
        # The layer of the game's logit, where there is one, learns nothing here.
        pairs = zip(gradients, network.trainable_variables, strict=True)
        gradients = [tf.zeros_like(v) if g is None else g for g, v in pairs]
        optimizer.apply(gradients, network.trainable_variables)
        ema.follow(average, network, decay, step)

    for step in range(steps):
        update(tf.constant(step))
    return error_of(average if decay else network, judge)


def measure(draw: int, options: argparse.Namespace, settings: dict[str, Any]) -> dict[str, Any]:
    """Trains both with one draw of the labels, and returns their row."""
    settings = {**settings, "data.labels_seed": draw}
    run, seconds = trained(options.folder / f"draw_{draw}", "mnist_semi", settings)
    whole = dataclasses.replace(run.config.data, labels_per_class=None)
    judge = load_source(dataclasses.replace(whole, split=options.judged_by))
    source = load_source(run.config.data)
    return {
        "draw": draw,
        "labels": int((source.labels >= 0).sum()),
        "images": source.num_samples,
        "seconds": seconds,
        "error": error_of(run.gan.averaged("discriminator"), judge),
        "supervised_error": supervised_error(run.config, source, judge, options.steps),
    }


def table(rows: list[dict[str, Any]]) -> None:
    """Prints a row a draw, and means with their standard deviation over draws."""
    names = ("error", "supervised_error")
    lines = [("draw", "labels", *(f"{name}, %" for name in names), "seconds")]
    for row in sorted(rows, key=lambda row: row["draw"]):
        errors = (f"{100 * row[name]:.2f}" for name in names)
        lines.append((str(row["draw"]), str(row["labels"]), *errors, f"{row['seconds'] or '-'}"))
    found = 100 * np.array([[row[name] for name in names] for row in rows])
    lines.append(("mean", "", *(f"{mean:.2f}" for mean in found.mean(axis=0)), ""))
    if len(found) > 1:
        lines.append(("std", "", *(f"{std:.2f}" for std in found.std(axis=0, ddof=1)), ""))
    print_table(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data-dir")
    parser.add_argument("--draws", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int)
    parser.add_argument("--steps", type=int, default=3000, help="of the supervised baseline")
    parser.add_argument("--judged-by", default="test", help="the split whose errors are told")
    parser.add_argument("--set", action="append", default=[])
    options = parser.parse_args()
    settings = {"data.directory": options.data_dir, **parse_assignments(options.set)}
    if options.epochs is not None:
        settings["training.epochs"] = options.epochs
    given = {"judged_by": options.judged_by, "steps": options.steps, "settings": settings}
    results = Results(options.folder / "semi_supervised.jsonl", given)
    for draw in sorted(set(options.draws) - {row["draw"] for row in results.rows}):
        results.add(measure(draw, options, settings))
    table(results.rows)


if __name__ == "__main__":
    told(main)
