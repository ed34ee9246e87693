"""One training step: named random streams, players' updates, what is logged."""

from __future__ import annotations

import collections
import dataclasses
import functools
import zlib
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from keras_gan.engine import replicas
from keras_gan.engine.accumulation import accumulated
from keras_gan.games import ema, optimizers
from keras_gan.games.base import AdversarialModel, Terms
from keras_gan.utils import random

_fold_in = tf.random.experimental.stateless_fold_in


@dataclasses.dataclass(frozen=True)
class Update:
    """A player's gradients, not yet applied.

    Attributes:
        player: whose they are.
        gradients: means over minibatch and replicas, scaled where the optimizer scales its
            loss; None where a variable has no part in the loss.
        rows: `Terms.rows` of the whole minibatch.
    """

    player: str
    gradients: list
    rows: Any


class TrainStep:
    """One call of a game's `train_step`; it lives as long as that call is traced.

    Random numbers are functions of (seed, iteration, stream, use): `use` counts the draws from
    a stream within the step, so that no two draws are the same numbers.

    Args:
        model: the game.
    """

    def __init__(self, model: AdversarialModel):
        self.model = model
        self._iteration = tf.cast(model.iteration.value, tf.int32)
        self._replicas = replicas.count()
        self._uses: collections.Counter[str] = collections.Counter()
        self._logs: dict[str, tf.Tensor] = {}

    # ---------------------------------------------------------------- random numbers

    def seed(self, stream: str) -> tf.Tensor:
        """Return the next seed of a stream, int32 (2,), the same on all replicas.

        It is a constant of the program beside the iteration: to fold numbers into a seed by
        TensorFlow takes XLA a tenth of a second each to compile.
        """
        return self._seed(self._next(stream))

    def _next(self, stream: str) -> str:
        """Return the name of a stream's next use, and count it."""
        self._uses[stream] += 1
        return f"{stream}/{self._uses[stream]}"

    def _seed(self, use: str) -> tf.Tensor:
        # A checksum, since Python's own hash of a text differs between processes.
        checksum = zlib.crc32(f"{self.model.seed}/{use}".encode()) >> 1
        return tf.stack([tf.constant(checksum, tf.int32), self._iteration])

    def draw(
        self, stream: str, sample: Callable[[Any, tf.Tensor], tf.Tensor], rows: Any
    ) -> tf.Tensor:
        """Return this replica's rows of `sample(rows of all replicas, seed)`.

        What is drawn for a row depends neither on the number of replicas nor on accumulation.
        """
        return replicas.part_of(sample(rows * self._replicas, self.seed(stream)))

    def normal(self, stream: str, rows: Any, *shape: int) -> tf.Tensor:
        """Return standard normal numbers, float32 (rows, *shape)."""
        return self.draw(stream, lambda n, seed: random.normal([n, *shape], seed), rows)

    def uniform(self, stream: str, rows: Any, *shape: int) -> tf.Tensor:
        """Return uniform numbers in [0, 1), float32 (rows, *shape)."""
        return self.draw(stream, lambda n, seed: random.uniform([n, *shape], seed), rows)

    # ---------------------------------------------------------------- updates

    def update(self, player: str, terms: Callable[..., Terms], *tensors: Any) -> Update:
        """Compute a player's gradients and apply them. Args as `gradients`."""
        update = self.gradients(player, terms, *tensors)
        self.apply(update)
        return update

    def gradients(self, player: str, terms: Callable[..., Terms], *tensors: Any) -> Update:
        """Compute the gradients of a player's losses with respect to its own networks.

        Args:
            player: a key of the model's `players`.
            terms: (forward, *tensors) -> Terms, where `forward` is a `Forward`.
            *tensors: nests of tensors (minibatch, ...), cut into parts under accumulation;
                None stays None.
        """
        model, optimizer = self.model, self.model.optimizer_of(player)
        variables, networks = model.trainable_of(player), model.networks_of(player)
        parts, stream = model.accumulation_steps, self._next(player)

        def of_part(tensors, part, is_last):
            # Uses are counted within a part: Python may run this once per part, or once in all.
            def seed_of(use):
                seed = replicas.own(self._seed(use))
                return seed if parts == 1 else _fold_in(seed, part)

            with tf.GradientTape() as tape:
                forward = Forward(seed_of, stream, tape, networks, is_last)
                found = terms(forward, *tensors)
                loss = sum(found.losses.values())
                scaled = optimizer.scale_loss(loss)
            logs = {f"loss/{player}": loss, **found.losses, **found.logs}
            return (tape.gradient(scaled, variables), logs), found.rows

        compute = functools.partial(accumulated, parts, of_part)
        if model.jit_gradients:
            compute = tf.function(compute, jit_compile=True, autograph=False)
        (gradients, logs), rows = compute(tensors)
        gradients = replicas.mean(gradients)
        self.log(logs)
        norm = optimizers.gradient_norm(gradients, optimizer)
        self.log({f"gradient_norm/{player}": norm})
        return Update(player, gradients, rows)

    def apply(self, *updates: Update) -> None:
        """Let each update's optimizer move its player's networks."""
        for update in updates:
            variables = self.model.trainable_of(update.player)
            self.model.optimizer_of(update.player).apply(update.gradients, variables)

    def log(self, values: dict[str, tf.Tensor]) -> None:
        """Log float32 scalars; a player's last update of the step replaces its earlier ones."""
        self._logs.update(values)

    def finish(self) -> dict[str, tf.Tensor]:
        """Move the averages, count the iteration, and return the metrics' means."""
        model = self.model
        for name, decay in model.averages:
            average, network = getattr(model, f"{name}_ema"), getattr(model, name)
            ema.follow(average, network, decay, model.iteration.value)
        model.iteration.assign_add(1)
        return model.update_metrics(self._logs)


class Forward:
    """Forward passes in training mode, within one part of a player's update.

    Dropout is keyed by a seed of each call. Other state (moving statistics, the u of spectral
    norm) moves only in the player's own update, and there in its last part alone: D's update
    leaves all of G as it was, and G's all of D.
    """

    def __init__(
        self,
        seed_of: Callable[[str], tf.Tensor],
        stream: str,
        tape: tf.GradientTape,
        networks: list,
        is_last: Any,
    ):
        self._seed_of, self._stream, self._uses = seed_of, stream, 0
        self._tape = tape
        self._networks, self._is_last = networks, is_last

    def seed(self) -> tf.Tensor:
        """Return the next seed, int32 (2,), of this replica and part."""
        self._uses += 1
        return self._seed_of(f"{self._stream}/{self._uses}")

    def within(self, name: str) -> Forward:
        """Return the same with a stream of its own, for calls that may be left out."""
        how = self._tape, self._networks, self._is_last
        return Forward(self._seed_of, f"{self._stream}/{name}", *how)

    def __call__(
        self,
        network: keras.Model,
        inputs: Any,
        *,
        detached: bool = False,
        update_state: bool = True,
    ) -> Any:
        """Call a network in training mode.

        Args:
            network: any of the game's.
            inputs: its inputs.
            detached: keep the call out of the player's gradient tape, to save memory.
            update_state: whether its state may move; False for regularizers.
        """
        outputs, moved = self._call(network, inputs, detached)
        if update_state and any(network is own for own in self._networks):
            for variable, value in moved:
                self.assign(variable, value)
        return outputs

    def assign(self, variable: keras.Variable, value: tf.Tensor) -> None:
        """Assign a state variable in the last part of the minibatch."""
        if self._is_last is not True:
            value = tf.where(self._is_last, value, variable.value)
        variable.assign(value)

    def _call(self, network, inputs, detached):
        """Return the outputs and [(variable, value that the call would give it)]."""
        weights = {id(v) for v in network.non_trainable_weights}
        seeds = [v for v in network.non_trainable_variables if id(v) not in weights]
        mapping = [(v, tf.bitcast(self.seed(), tf.uint32)) for v in seeds]
        with keras.StatelessScope(state_mapping=mapping) as scope:
            if detached:
                with self._tape.stop_recording():
                    outputs = network(inputs, training=True)
            else:
                outputs = network(inputs, training=True)
        values = [(v, scope.get_current_value(v)) for v in network.non_trainable_weights]
        return outputs, [(v, value) for v, value in values if value is not None]
