"""How far p_g still is from p_data, by a discriminator that has not played the game."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import random
from collections.abc import Iterator

import keras
import numpy as np
import tensorflow as tf

from keras_gan.games import batches, players
from keras_gan.games.losses import value_function
from keras_gan.utils.errors import EvaluationError
from keras_gan.utils.pixels import as_float

_LEAST = 60  # of what D sees at once, of either kind
_BATCH = 128
_EPOCHS = 30
_PATIENCE = 5
_RATE = 2e-3


@dataclasses.dataclass(frozen=True)
class Gap:
    """V of a fresh discriminator on samples that it has not seen.

    Attributes:
        value: V(D, G) in nats, in expectation at most that of the best D.
        jensen_shannon: (value + log 4) / 2 in nats, in expectation a lower bound of the
            divergence of p_data and p_g. It is cut off at 0, so that near 0 chance alone
            makes it a little too large; `value` has no such bias. Where D sees several
            samples at once, it is the divergence of such packs, at least that of single ones.
    """

    value: float

    @property
    def jensen_shannon(self) -> float:
        return max(0.0, (self.value + math.log(4.0)) / 2.0)


def held_out_gap(
    discriminator: keras.Model,
    real: np.ndarray,
    fake: np.ndarray,
    labels: np.ndarray | None = None,
    *,
    packing: int = 1,
    seed: int = 0,
) -> Gap:
    """Trains a fresh copy of `discriminator` to tell real from fake, and tests it on others.

    5/7 of the samples train it, 1/7 say when to stop, 1/7 give the value. The
    game's own D is no such judge: it knows the training images and is always a
    step behind the generator.

    Args:
        discriminator: the architecture; its weights are not used.
        real: uint8 or float32 (n, ...) training images.
        fake: float32 (n, ...) samples.
        labels: int32 (n,), for both, where D takes labels.
        packing: samples that D sees at once.
        seed: of the fresh weights and of the order.

    Raises:
        EvaluationError: fewer than 60 samples (packs of them) of either.

    Source: Goodfellow 2014, theorem 1: V(D*, G) = 2 JSD - log 4; any other D has less.
    """
    count = min(len(real), len(fake)) // packing
    if count < _LEAST:
        raise EvaluationError(
            f"A held-out discriminator needs {_LEAST * packing} samples of either kind. "
            f"Received: {len(real)} and {len(fake)}."
        )
    taken = count * packing
    arrays = [batches.packed(as_float(one[:taken]), packing).numpy() for one in (real, fake)]
    first, second = count * 5 // 7, count * 6 // 7
    parts = [slice(0, first), slice(first, second), slice(second, count)]
    fresh = _fresh(discriminator, seed)
    fresh.compile(
        keras.optimizers.Adam(_RATE),
        keras.losses.BinaryCrossentropy(from_logits=True),
        jit_compile=False,
        steps_per_execution=20,
    )
    fitting, stopping, reporting = (_task(arrays, labels, part, seed) for part in parts)
    fresh.fit(
        _batched(*fitting),
        epochs=_EPOCHS,
        verbose=0,
        validation_data=_batched(*stopping),
        callbacks=[keras.callbacks.EarlyStopping(patience=_PATIENCE, restore_best_weights=True)],
    )
    inputs, is_real = reporting
    logits = fresh.predict(inputs, batch_size=_BATCH, verbose=0)
    value = float(value_function(logits[is_real[:, 0] == 1], logits[is_real[:, 0] == 0]))
    return Gap(value)


def _task(arrays, labels, part: slice, seed: int):
    """(inputs, 1 for real and 0 for fake) of a part, in a random order."""
    images = np.concatenate([array[part] for array in arrays])
    half = len(images) // 2
    order = np.random.default_rng(seed).permutation(len(images))
    inputs = {"images": images[order]}
    if labels is not None:
        inputs["labels"] = np.concatenate([labels[part], labels[part]])[order]
    is_real = np.repeat(np.array([1.0, 0.0], np.float32), half)[order, None]
    return inputs, is_real


def _batched(inputs: dict[str, np.ndarray], targets: np.ndarray) -> tf.data.Dataset:
    """In order, and without what tf.data does anew at each epoch to make it faster.

    That takes longer than the few steps of an epoch.
    """
    options = tf.data.Options()
    options.experimental_optimization.apply_default_optimizations = False
    options.autotune.enabled = False
    rows = tf.data.Dataset.from_tensor_slices((inputs, targets))
    return rows.batch(_BATCH).with_options(options)


def _fresh(discriminator: keras.Model, seed: int) -> keras.Model:
    logits = players.named_outputs(players.output_of(discriminator))["logits"]
    with _python_seed(seed):  # where Keras' initializers and dropout take theirs from
        return keras.models.clone_model(keras.Model(discriminator.input, logits))


@contextlib.contextmanager
def _python_seed(seed: int) -> Iterator[None]:
    """Seeds Python's random numbers for the block, and puts them back where they were."""
    before = random.getstate()
    random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before)
