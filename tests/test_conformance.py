"""What every game keeps: all of the registry, with tiny networks, and variants of options."""

import dataclasses
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from steps import set_latents, update_of

from keras_gan.config import Config, OptimizerConfig
from keras_gan.engine import loop, strategies
from keras_gan.engine.programs import StepsProgram, graphs_as_written
from keras_gan.engine.schedule import Schedule
from keras_gan.exporters import onnx, parity, saved_model
from keras_gan.games import recipes
from keras_gan.games.gan import GAN
from keras_gan.games.recipes import GAMES
from keras_gan.networks import DataSpec
from keras_gan.utils.labels import ClassLabels

SHAPE, DIM, ROWS = (4, 4, 1), 3, 12
RNG = np.random.default_rng(0)
FIELDS = {
    "images": RNG.integers(256, size=(20 * ROWS, *SHAPE)).astype(np.uint8),
    "labels": RNG.integers(3, size=20 * ROWS).astype(np.int32),
}
DATA = DataSpec(SHAPE, ClassLabels(("a", "b", "c")))
#: Without batch statistics, so that a row's outputs are functions of that row.
SIZES = {"hidden": [8], "activations": ["tanh"]}


@dataclasses.dataclass(frozen=True)
class Variant:
    """A game with options; by default a game of the registry as it is.

    Attributes:
        game, network, loss, regularizers: tables of a recipe.
        labeled: whether a few labeled images are given.
    """

    game: Mapping[str, Any]
    network: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    loss: str = "non_saturating"
    regularizers: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    labeled: bool = False

    def config(self, **training) -> Config:
        kind = GAMES[self.game["name"]]
        sizes = {role: dict(SIZES) for role in kind.Networks.roles}
        network = {"family": "mlp", "latent_dim": DIM, **sizes}
        for key, value in self.network.items():
            network[key] = {**network[key], **value} if isinstance(value, dict) else value
        config = Config(
            game={"ema_decay": 0.9, **self.game},
            network=network,
            loss={"name": self.loss},
            regularizers=dict(self.regularizers),
            # Adam would make a full step of a gradient that is 0 but for rounding.
            optimizer=OptimizerConfig(*({"name": "sgd", "learning_rate": 0.05} for _ in range(2))),
        )
        return config.replace(**{f"training__{key}": value for key, value in training.items()})

    def build(self, precision="float32", **training) -> GAN:
        keras.utils.set_random_seed(0)
        config = self.config(batch_size=ROWS, **training)
        recipes.check(config)
        gan = recipes.build(config, DATA, precision=precision)
        recipes.compile_model(gan, config)
        if self.labeled:
            gan.set_labeled_images(FIELDS["images"][:3], FIELDS["labels"][:3])
        return gan

    def of_rows(self) -> "Variant":
        """The same without feature matching: means of a part are not those of the whole."""
        if self.game["name"] != "semi_supervised":
            return self
        options = {**self.game, "feature_matching_weight": 0.0, "adversarial": True}
        return dataclasses.replace(self, game=options)

    def batch(self, gan: GAN, number: int = 0):
        rows = ROWS * gan.options.minibatches
        some = slice(number * rows, (number + 1) * rows)
        return {name: tf.constant(FIELDS[name][some]) for name in gan.fields}


_R1 = {"r1": {"weight": 0.1, "every": 2}}
VARIANTS = {name: Variant({"name": name}) for name in GAMES} | {
    "relativistic": Variant({"name": "gan"}, loss="relativistic", regularizers=_R1),
    "spectral": Variant({"name": "gan"}, {"discriminator": {"spectral_norm": True}}),
    "conditional": Variant({"name": "gan"}, {"conditioning": "projection"}),
    "dropout": Variant({"name": "gan"}, {"discriminator": {"dropout": 0.4}}, regularizers=_R1),
    "noisy": Variant(
        {"name": "gan", "instance_noise": 0.1, "augment": ["color", "cutout"], "flip": True}
    ),
    "packed": Variant({"name": "gan", "packing": 2}, loss="hinge"),
    "bigan_r1": Variant({"name": "bigan"}, regularizers=_R1),
    "few_labels": Variant(
        {"name": "semi_supervised", "classification_weight": 2.0, "discriminator_ema_decay": 0.9},
        labeled=True,
    ),
}
every_game = pytest.mark.parametrize("game", VARIANTS.values(), ids=VARIANTS)


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
def test_what_it_shows_is_what_it_logs(game):
    gan = game.build()
    assert gan.headline and {*gan.headline, *gan.optima} <= set(gan.log_names)
    logs = gan.train_step(game.batch(gan))
    assert gan.diagnose({name: float(value) for name, value in logs.items()}) is None


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
        program = StepsProgram(gan, FIELDS, False)
        rows = ROWS * gan.options.minibatches
        loop.run(program, Schedule(4 * rows, rows, 1, most, seed=3), gan)
        results.append(values(gan))
    assert all(np.array_equal(a, b) for a, b in zip(*results, strict=True))


@every_game
def test_parts_of_a_minibatch_equal_the_whole(game):
    game = game.of_rows()
    if "dropout" in game.network.get("discriminator", {}):
        pytest.skip("each part has masks of its own")
    whole, parts = game.build(), game.build(gradient_accumulation_steps=2)
    logs, others = (gan.train_step(game.batch(gan)) for gan in (whole, parts))
    close(whole, parts, logs, others)


def trained(game: Variant, strategy: tf.distribute.Strategy) -> GAN:
    """The game after four steps of a program."""
    with strategy.scope():
        gan = game.build()
        program = StepsProgram(gan, FIELDS, False)
    rows = ROWS * gan.options.minibatches
    loop.run(program, Schedule(4 * rows, rows, 1, 4, seed=3), gan)
    return gan


@pytest.fixture(scope="module")
def replicated(tmp_path_factory):
    """All variants on two replicas, in a process of its own."""
    out = tmp_path_factory.mktemp("replicas") / "found.npz"
    script = [sys.executable, Path(__file__).with_name("conformance_replicas.py"), out]
    done = subprocess.run(script, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return np.load(out)


@pytest.mark.slow
@pytest.mark.parametrize("name", VARIANTS)
def test_two_replicas_equal_one(name, replicated):
    assert replicated[f"{name}/apart"] == 0.0
    if name == "dropout":
        return  # each replica has masks of its own
    gan = trained(VARIANTS[name].of_rows(), strategies.make("one"))
    weights = np.concatenate([np.asarray(w).ravel() for w in gan.weights])
    np.testing.assert_allclose(replicated[f"{name}/weights"], weights, atol=1e-5)


@pytest.mark.parametrize("game", [VARIANTS["dropout"], VARIANTS["few_labels"]])
def test_eager_equals_graph_in_parts(game):
    """Three parts: a loop, of which Python runs each part when eager, and traces one."""
    eager, graph = (game.build(gradient_accumulation_steps=3) for _ in range(2))
    step = tf.function(graph.train_step, autograph=False)
    for number in range(2):
        logs, others = eager.train_step(game.batch(eager, number)), step(game.batch(graph, number))
    close(eager, graph, logs, others)


@every_game
def test_a_resumed_training_equals_the_uninterrupted_one(game, tmp_path):
    """Bit for bit: all that counts is in the weights' file, and functions of the iteration."""
    rows = ROWS * recipes.options_of(game.config()).minibatches
    schedule = Schedule(4 * rows, rows, 2, 2, seed=3)

    def program_of(gan):
        return StepsProgram(gan, FIELDS, False)

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
    gan = game.build(precision="mixed_float16")
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
    """Its networks, their averages, optimizers and the iteration: under these names, no others."""
    gan = game.build()
    gan.save_weights(tmp_path / "a.weights.h5")
    networks = set(gan.networks()) | {f"{name}_ema" for name, _ in gan.averages}
    optimizers = {f"{player}_optimizer" for player in gan.players}
    with h5py.File(tmp_path / "a.weights.h5") as file:
        assert set(file) == {*networks, *optimizers, "vars"}


@every_game
def test_its_config_builds_the_same_model(game):
    gan = game.build()
    config = gan.get_config()
    for _ in range(2):  # the config is not changed on the way
        again = type(gan).from_config(config)
        assert (again.options, again.labels, again.seed) == (gan.options, gan.labels, gan.seed)


@every_game
def test_keras_own_fit_trains_it(game):
    """On arrays, and with latents that do not depend on how it is run, as `train_step` does."""
    by_hand, fitted = game.build(), game.build()
    latent = RNG.normal(size=(ROWS, DIM)).astype(np.float32)
    for gan in (by_hand, fitted):
        set_latents(gan, latent)
    batch = game.batch(by_hand)
    by_hand.train_step(batch)
    data = [np.asarray(batch[name]) for name in by_hand.fields]
    fitted.fit(*data, batch_size=len(data[0]), shuffle=False, verbose=0)
    close(by_hand, fitted)


@every_game
def test_its_preview_is_a_picture(game):
    gan = game.build()
    batch = {name: FIELDS[name][:7] for name in gan.fields}
    sheets = [gan.preview(batch) for _ in range(2)]
    assert sheets[0].dtype == np.uint8 and sheets[0].ndim == 3
    assert np.array_equal(*sheets)


@pytest.mark.parametrize("name", GAMES)
def test_its_endpoints_are_exported_with_parity(name, tmp_path):
    endpoints = VARIANTS[name].build().endpoints()
    main = next(iter(endpoints))
    saved_model.write(endpoints, tmp_path / "1", "model")
    for endpoint in endpoints:
        path = tmp_path / f"{endpoint}.onnx"
        onnx.write(onnx.convert(endpoints[endpoint], onnx.DEFAULT_OPSET, {}), path)
        signature = saved_model.DEFAULT if endpoint == main else endpoint
        for run in (onnx.runner(path), saved_model.runner(tmp_path / "1", signature)):
            found = parity.differences(endpoints[endpoint], run)
            assert max(found.largest.values()) < 1e-5
