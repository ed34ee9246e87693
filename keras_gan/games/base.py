"""The mechanism that every adversarial game shares.

A game is a subclass of `AdversarialModel` in a file of its own. It names its networks and
players, and writes a `train_step` and one terms method per player. The base class knows no
latent, label or image: these words belong to the games.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, ClassVar

import keras
import numpy as np

from keras_gan.games import ema, optimizers
from keras_gan.games.endpoints import Endpoint
from keras_gan.games.options import Options
from keras_gan.utils.errors import ConfigError


@dataclasses.dataclass(frozen=True)
class Terms:
    """What a player minimises in one update: the sum of `losses`.

    Attributes:
        losses: float32 scalars by the names under which they are logged.
        rows: nest of tensors with one entry per row (or pack of rows), handed on to the game.
        logs: further float32 scalars to log, by name.
    """

    losses: Mapping[str, Any]
    rows: Any = ()
    logs: Mapping[str, Any] = dataclasses.field(default_factory=dict)


class AdversarialModel(keras.Model):
    """Networks, their players, averages and optimizers; `step.TrainStep` trains them.

    Args:
        networks: Keras models by name. Each becomes an attribute of that name, under which
            Keras saves its weights.
        options: of the game. Its `ema_decays` are those of moving averages of the weights and
            buffers, by the network's name; 0 for none. The average is the attribute
            `<name>_ema`, or None.
        accumulation_steps: parts of a minibatch whose gradients make one update.
        seed: of all random numbers, which are functions of (seed, iteration, stream, use).
        name: of the model.

    Attributes:
        players: names of each player's networks. Each player has an optimizer.
        iteration: int64 scalar variable: training steps done.
        jit_gradients: whether XLA compiles each update's gradients by themselves (see
            `engine.programs`).

    Raises:
        ConfigError: `accumulation_steps` below 1.
    """

    players: ClassVar[Mapping[str, tuple[str, ...]]] = {
        "generator": ("generator",),
        "discriminator": ("discriminator",),
    }

    def __init__(
        self,
        networks: Mapping[str, keras.Model],
        options: Options,
        *,
        accumulation_steps: int = 1,
        seed: int = 0,
        name: str,
    ):
        super().__init__(name=name, dtype="float32")
        if accumulation_steps < 1:
            raise ConfigError(
                "`gradient_accumulation_steps` should be at least 1. "
                f"Received: {accumulation_steps}."
            )
        self.options = options
        self.accumulation_steps = accumulation_steps
        self.seed = seed
        self.jit_gradients = False
        for role, network in networks.items():
            setattr(self, role, network)
            copied = options.ema_decays.get(role)
            setattr(self, f"{role}_ema", ema.copy_of(network) if copied else None)
        self.network_names = tuple(networks)
        self.iteration = self.add_weight(
            name="iteration", shape=(), dtype="int64", initializer="zeros", trainable=False
        )
        self._means: dict[str, keras.metrics.Mean] = {}

    # ---------------------------------------------------------------- networks

    def averaged(self, name: str) -> keras.Model:
        """Return the moving average of a network, or the network where it has none.

        A method, not a property: Keras saves weights under the first attribute, in the
        alphabet's order, that leads to them.
        """
        average = getattr(self, f"{name}_ema")
        return getattr(self, name) if average is None else average

    def networks(self) -> dict[str, keras.Model]:
        """Return the networks by name. (A method, for the same reason.)"""
        return {name: getattr(self, name) for name in self.network_names}

    def networks_of(self, player: str) -> list[keras.Model]:
        """Return a player's networks."""
        return [getattr(self, name) for name in self.players[player]]

    def trainable_of(self, player: str) -> list[keras.Variable]:
        """Return the variables that a player's optimizer moves."""
        return [v for network in self.networks_of(player) for v in network.trainable_variables]

    def optimizer_of(self, player: str) -> keras.optimizers.Optimizer:
        """Return a player's optimizer, loss-scaled where it computes in float16."""
        if not self._means:
            raise ConfigError(f"Compile the {type(self).__name__} before it is trained.")
        return getattr(self, f"{player}_optimizer")

    @property
    def averages(self) -> list[tuple[str, float]]:
        """(network's name, decay) of all moving averages."""
        return [(name, decay) for name, decay in self.options.ema_decays.items() if decay]

    @property
    def moving_state(self) -> list[keras.Variable]:
        """Variables that move without a gradient: moving statistics, the u of spectral norm."""
        networks = [getattr(self, name) for name in self.network_names]
        networks += [getattr(self, f"{name}_ema") for name, _ in self.averages]
        return [v for network in networks for v in network.non_trainable_weights]

    def compile_players(
        self, given: Mapping[str, keras.optimizers.Optimizer | str], **kwargs: Any
    ) -> None:
        """Set the players' optimizers and the metrics.

        Args:
            given: an optimizer or its name for each player.
            **kwargs: of Keras' `compile`, `jit_compile` for example.

        Raises:
            ConfigError: players that share an optimizer object.
        """
        super().compile(optimizer=None, **kwargs)
        objects = [id(o) for o in given.values() if not isinstance(o, str)]
        if len(set(objects)) < len(objects):
            raise ConfigError("Each player should have an optimizer of its own.")
        for player, optimizer in given.items():
            built = optimizers.for_networks(optimizer, *self.networks_of(player))
            setattr(self, f"{player}_optimizer", built)
        for name in self.log_names:
            self._means.setdefault(name, keras.metrics.Mean(name=name))

    # ---------------------------------------------------------------- what is logged

    def endpoints(self, averaged: bool = True) -> dict[str, Endpoint]:
        """Return what the trained model can be asked for, by name; the first is the main one.

        Args:
            averaged: whether of the moving averages, where there are any.
        """
        raise NotImplementedError

    def preview(self, batch: Mapping[str, np.ndarray]) -> np.ndarray:
        """Return a picture of what the model does, uint8 (height, width, channels).

        Args:
            batch: arrays (n, ...) by `fields`, always the same in one training.
        """
        raise NotImplementedError

    @property
    def fields(self) -> tuple[str, ...]:
        """Names of the fields of a batch, in the order of a tuple's."""
        raise NotImplementedError

    @property
    def log_names(self) -> list[str]:
        """Names of all that a training step logs, in the order in which they are shown."""
        raise NotImplementedError

    @property
    def headline(self) -> tuple[str, ...]:
        """Names of the few logs that progress shows, in their order."""
        return tuple(self.log_names[:1])

    @property
    def optima(self) -> dict[str, float]:
        """Values that logs have at the game's equilibrium, by name; charts draw them as lines."""
        return {}

    def diagnose(self, logs: Mapping[str, float]) -> str | None:
        """Return what is wrong with a training that has these logs and what may help, or None.

        Args:
            logs: means over some training steps, by `log_names`.
        """
        return None

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return [self._means[name] for name in self.log_names]

    def update_metrics(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Add a training step's values to the means, and return all means so far.

        Args:
            values: float32 scalars of exactly `log_names`.

        Raises:
            ValueError: values of other names.
        """
        if set(values) != set(self.log_names):
            wrong = sorted(set(values) ^ set(self.log_names))
            raise ValueError(f"A training step should log `log_names`. These differ: {wrong}.")
        for mean in self.metrics:
            mean.update_state(values[mean.name])
        return self.get_metrics_result()
