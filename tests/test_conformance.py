"""What every game keeps, whatever it plays: a game is a row of GAMES."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from steps import set_latents, update_of
from test_gan import policy

from keras_gan import networks
from keras_gan.engine import loop
from keras_gan.engine.programs import RoundsProgram, graphs_as_written
from keras_gan.engine.schedule import Schedule
from keras_gan.games.acgan import ACGAN
from keras_gan.games.bigan import BiGAN
from keras_gan.games.gan import GAN
from keras_gan.games.semi_supervised import SemiSupervisedGAN

SHAPE, DIM, ROWS = (4, 4, 1), 3, 12
RNG = np.random.default_rng(0)
PIXELS = RNG.integers(256, size=(4 * ROWS, *SHAPE)).astype(np.uint8)
LABELS = RNG.integers(3, size=4 * ROWS).astype(np.int32)
#: Without batch statistics, so that a row's outputs are functions of that row.
SIZES = {"hidden": [8], "activations": ["tanh"]}
OPTIMIZER_GROUPS = {"generator_optimizer", "discriminator_optimizer", "vars"}


@dataclasses.dataclass(frozen=True)
class Game:
    """One game with tiny networks.

    Attributes:
        networks: options of `networks.build`.
        kind: the model's class.
        model: options of the model.
        compiled: options of its `compile`.
        encoder: whether it has one.
        labeled: whether it has a few labeled images.
    """

    networks: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    kind: type[GAN] = GAN
    model: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    compiled: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    encoder: bool = False
    labeled: bool = False
    groups: frozenset[str] = frozenset({"generator", "generator_ema", "discriminator"})

    def build(self, rate=0.05, **options) -> GAN:
        keras.utils.set_random_seed(0)
        discriminator = {**SIZES, "spectral_norm": not self.encoder}
        players = networks.build(
            "mlp", latent_dim=DIM, sample_shape=SHAPE, paired=self.encoder, generator=SIZES,
            discriminator=discriminator, **self.networks,
        )  # fmt: skip
        own = {"latent_dim": DIM, "sample_shape": SHAPE, "options": SIZES}
        encoder = networks.build_encoder("mlp", **own) if self.encoder else None
        options = {"ema_decay": 0.9, **self.model, **options}
        gan = self.kind(*players, *([encoder] if self.encoder else []), **options)
        # Adam would make a full step of a gradient that is 0 but for rounding.
        gan.compile(*(keras.optimizers.SGD(rate) for _ in range(2)), **self.compiled)
        if self.labeled:
            gan.set_labeled_images(PIXELS[:3], LABELS[:3])
        return gan

    def batch(self, gan: GAN, number: int = 0, rows: int = ROWS):
        some = slice(number * rows, (number + 1) * rows)
        images, labels = tf.constant(PIXELS[some]), tf.constant(LABELS[some])
        return (images, labels) if gan.uses_labels else images


_CLASSES = {"num_classes": 3, "class_logits": True}
_R1 = {"r1": {"weight": 0.1, "every": 2}}
_FEW = {"classification_weight": 2.0, "feature_matching_weight": 1.0, "adversarial": False}
GAMES = {
    "gan": Game(compiled={"penalties": _R1}),
    "relativistic": Game(compiled={"objective": "relativistic", "penalties": _R1}),
    "conditional": Game(networks={"num_classes": 3, "conditioning": "projection"}),
    "noisy": Game(model={"instance_noise": 0.1, "augment": ["color", "cutout"], "flip": True}),
    "packed": Game(networks={"packing": 2}, model={"packing": 2}, compiled={"objective": "hinge"}),
    "acgan": Game(
        networks={**_CLASSES, "conditioning": "classifier"},
        kind=ACGAN,
        model={"classification_weight": 0.5},
    ),
    "bigan": Game(
        kind=BiGAN,
        encoder=True,
        compiled={"penalties": _R1},
        groups=frozenset({"generator", "generator_ema", "discriminator", "encoder", "encoder_ema"}),
    ),
    "semi_supervised": Game(
        networks={**_CLASSES, "conditioning": "none", "k_plus_one": True, "features": True},
        kind=SemiSupervisedGAN,
        model={**_FEW, "discriminator_ema_decay": 0.9},
        labeled=True,
        groups=frozenset({"generator", "generator_ema", "discriminator", "discriminator_ema"}),
    ),
}
every_game = pytest.mark.parametrize("game", GAMES.values(), ids=GAMES)


def values(gan) -> list[np.ndarray]:
    return [w.numpy() for w in gan.weights]


def close(first, second, logs=None, others=None):
    for a, b in zip(first.weights, second.weights, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5, err_msg=a.path)
    if logs is not None:
        assert {k: float(v) for k, v in logs.items()} == pytest.approx(
            {k: float(v) for k, v in others.items()}, rel=1e-4, abs=1e-5
        )


@every_game
@pytest.mark.parametrize("player", ["generator", "discriminator"])
def test_an_update_moves_its_own_player_alone(game, player):
    gan = game.build()
    own = {id(w) for network in gan.networks_of(player) for w in network.weights}
    before = values(gan)
    update = update_of(gan, player, game.batch(gan))
    gan.optimizer_of(player).apply(update.gradients, gan.trainable_of(player))
    moved = {
        id(w)
        for old, w in zip(before, gan.weights, strict=True)
        if not np.array_equal(old, w.numpy())
    }
    assert moved
    assert moved <= own


@every_game
def test_every_declared_log_appears_and_no_other(game):
    gan = game.build()
    logs = gan.train_step(game.batch(gan))
    assert list(logs) == gan.log_names == [metric.name for metric in gan.metrics]
    assert all(np.isfinite(float(value)) for value in logs.values())


@every_game
def test_eager_equals_graph(game):
    eager, graph = game.build(), game.build()
    step = tf.function(graph.train_step, autograph=False)
    for number in range(2):
        logs = eager.train_step(game.batch(eager, number))
        others = step(game.batch(graph, number))
    close(eager, graph, logs, others)


@every_game
def test_many_steps_a_call_equal_steps_one_by_one(game):
    """Bit for bit: one program in a call of four steps, and in four calls."""
    results = []
    for most in (4, 1):
        gan = game.build()
        program = RoundsProgram(gan, PIXELS, LABELS if gan.uses_labels else None, False)
        loop.run(program, Schedule(len(PIXELS), ROWS, 1, most, seed=3), gan)
        results.append(values(gan))
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


@every_game
def test_parts_of_a_minibatch_equal_the_whole(game):
    # Feature matching compares means of a part, which are not those of the whole.
    options = {"feature_matching_weight": None, "adversarial": True} if game.labeled else {}
    whole, parts = game.build(**options), game.build(accumulate=2, **options)
    logs, others = (gan.train_step(game.batch(gan)) for gan in (whole, parts))
    close(whole, parts, logs, others)


@every_game
def test_a_resumed_training_equals_the_uninterrupted_one(game, tmp_path):
    """Bit for bit: all that counts is in the weights' file, and functions of the iteration."""
    schedule = Schedule(len(PIXELS), ROWS, 2, 2, seed=3)

    def program_of(gan):
        return RoundsProgram(gan, PIXELS, LABELS if gan.uses_labels else None, False)

    class Save(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if int(self.model.iteration.numpy()) == 2:
                self.model.save_weights(tmp_path / "a.weights.h5")

    whole, resumed = game.build(), game.build()
    loop.run(program_of(whole), schedule, whole, [Save()])
    resumed.load_weights(tmp_path / "a.weights.h5")
    loop.run(program_of(resumed), schedule, resumed)
    assert int(resumed.iteration.numpy()) == 8
    assert all(np.array_equal(a, b) for a, b in zip(values(whole), values(resumed), strict=True))


@every_game
def test_half_precision_trains_and_an_overflowing_step_changes_nothing(game):
    with policy("mixed_float16"):
        gan = game.build()
    before = values(gan.generator)
    with graphs_as_written():
        logs = tf.function(gan.train_step, autograph=False)(game.batch(gan))
    assert all(np.isfinite(float(value)) for value in logs.values())
    assert any(not np.array_equal(a, b) for a, b in zip(before, values(gan.generator), strict=True))
    for player in gan.players:
        optimizer = gan.optimizer_of(player)
        before = [v.numpy() for v in gan.trainable_of(player)]
        scale = float(optimizer.scale_loss(1.0))
        gradients = [tf.fill(v.shape, np.inf) for v in gan.trainable_of(player)]
        optimizer.apply(gradients, gan.trainable_of(player))
        after = [v.numpy() for v in gan.trainable_of(player)]
        assert all(np.array_equal(a, b) for a, b in zip(before, after, strict=True))
        assert float(optimizer.scale_loss(1.0)) < scale


@every_game
def test_the_groups_of_its_checkpoint_are_pinned(game, tmp_path):
    game.build().save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5") as file:
        assert set(file) == {*game.groups, *OPTIMIZER_GROUPS}


@every_game
def test_keras_own_fit_trains_it(game):
    """On arrays, and with latents that do not depend on how it is run, as `train_step` does."""
    by_hand, fitted = game.build(), game.build()
    latent = RNG.normal(size=(ROWS, DIM)).astype(np.float32)
    for gan in (by_hand, fitted):
        set_latents(gan, latent)
    batch = game.batch(by_hand)
    by_hand.train_step(batch)
    data = batch if isinstance(batch, tuple) else (batch,)
    fitted.fit(*(np.asarray(x) for x in data), batch_size=ROWS, shuffle=False, verbose=0)
    close(by_hand, fitted)
