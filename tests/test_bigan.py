"""An encoder trained beside G: who sees which pairs, what is minimised, what a run does with it."""

import json
from pathlib import Path

import h5py
import keras
import numpy as np
import onnxruntime
import pytest
import tensorflow as tf
from pairs import pair
from steps import latents_of
from test_gan import policy

from keras_gan import load, networks
from keras_gan.exporters import FORMATS, export
from keras_gan.games import losses, players
from keras_gan.games.bigan import BiGAN
from keras_gan.games.endpoints import Endpoint
from keras_gan.utils.errors import ConfigError, ExportError

SHAPE, DIM = (4, 4, 1), 3
IMAGES = np.random.default_rng(0).uniform(-1, 1, size=(8, *SHAPE)).astype(np.float32)


def bidirectional(rates=(1e-2, 1e-2), loss="non_saturating", regularizers=(), **options) -> BiGAN:
    keras.utils.set_random_seed(0)
    generator, discriminator = pair(
        "mlp", latent_dim=DIM, sample_shape=SHAPE, joint=True,
        generator={"hidden": [8], "activations": ["tanh"]}, discriminator={"hidden": [8]},
    )  # fmt: skip
    own = {"hidden": [8], "activations": ["tanh"]}
    encoder = networks.build("encoder", "mlp", own, latent_dim=DIM, sample_shape=SHAPE)
    gan = BiGAN(generator, discriminator, encoder, **options)
    optimizers = [keras.optimizers.SGD(rate) for rate in rates]
    gan.compile(*optimizers, loss=loss, regularizers=regularizers, run_eagerly=True)
    return gan


def values(network) -> list[np.ndarray]:
    return [weight.numpy() for weight in network.weights]


def moved(before, network) -> bool:
    return any(not np.array_equal(a, b) for a, b in zip(before, values(network), strict=True))


def test_a_pair_is_the_image_s_values_and_then_the_latent_s():
    latent = np.arange(6, dtype=np.float32).reshape(2, 3)
    pair = players.joint(IMAGES[:2], latent).numpy()
    assert np.array_equal(pair, np.concatenate([IMAGES[:2].reshape(2, 16), latent], axis=1))


@pytest.mark.parametrize(("rates", "moves"), [((0.0, 0.1), "D"), ((0.1, 0.0), "GE")])
def test_each_player_s_update_moves_that_player_alone(rates, moves):
    gan = bidirectional(rates, ema_decay=0)
    networks_ = {"G": gan.generator, "E": gan.encoder, "D": gan.discriminator}
    before = {name: values(network) for name, network in networks_.items()}
    gan.train_step(tf.constant(IMAGES))
    assert [n for n in networks_ if moved(before[n], networks_[n])] == list(moves)


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_both_losses_are_those_of_real_and_generated_pairs(loss):
    gan = bidirectional((0.0, 0.0), loss)

    def logits(images, latent):
        return gan.discriminator({"images": players.joint(images, latent)}, training=True)

    real = logits(IMAGES, gan.encoder({"images": IMAGES}))
    latents = latents_of(gan, len(IMAGES), 2)
    first, second = (logits(gan.generator({"latent": latent}), latent) for latent in latents)
    report = gan.train_step(tf.constant(IMAGES))
    game = losses.get(loss)
    expected = game.discriminator(real, first)
    assert np.isclose(report["loss/discriminator"], expected, atol=1e-6)
    # G's own loss, and the same with (x, E(x)) as what is generated.
    swapped = {"least_squares": lambda logits: 1.0 - logits}.get(loss, lambda logits: -logits)
    expected = game.generator(real, second)
    expected += game.generator(swapped(second), swapped(real))
    assert np.isclose(report["loss/generator"], expected, atol=1e-6)


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_a_game_is_mirrored_about_the_logit_that_tells_nothing(loss):
    """D's loss is the same where real and generated are swapped, and its logits mirrored."""
    game = losses.get(loss)
    real, fake = tf.constant([0.4, -1.2, 0.1]), tf.constant([0.9, -0.3, 2.0])
    mirror = 2 * game.neutral_logit
    swapped = game.discriminator(mirror - fake, mirror - real)
    assert np.isclose(swapped, game.discriminator(real, fake), atol=1e-6)


def test_the_swapped_loss_is_the_encoder_s_part_of_the_paper_s_value():
    """Of the minimax game, E minimises E log D(x, E(x)): V's first term, as G the second."""
    logits = tf.constant([0.3, -1.2])
    swapped = losses.get("minimax").generator(None, -logits)
    assert np.isclose(swapped, np.log(1 / (1 + np.exp(-logits))).mean(), atol=1e-6)


@pytest.mark.parametrize("penalty", ["r1", "gradient_penalty"])
def test_penalties_are_of_pairs(penalty):
    gan = bidirectional((0.0, 0.0), regularizers={penalty: {"weight": 1.0}})
    report = gan.train_step(tf.constant(IMAGES))
    assert float(report[f"regularizer/{penalty}"]) > 0
    if penalty == "r1":
        pairs = players.joint(IMAGES, gan.encoder({"images": IMAGES}))
        with tf.GradientTape() as tape:
            tape.watch(pairs)
            logits = gan.discriminator({"images": pairs}, training=True)
        squares = tf.reduce_sum(tf.square(tape.gradient(logits, pairs)), axis=1)
        assert np.isclose(report["regularizer/r1"], 0.5 * tf.reduce_mean(squares), rtol=1e-5)


def test_parts_of_a_minibatch_make_the_update_of_the_whole():
    found = []
    for parts in (1, 2):
        gan = bidirectional(gradient_accumulation_steps=parts)
        gan.train_step(tf.constant(IMAGES))
        found.append(gan.get_weights())
    for whole, in_parts in zip(*found, strict=True):
        assert np.allclose(whole, in_parts, atol=1e-6)


@pytest.mark.parametrize(
    "precision", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)]
)
def test_pairs_in_half_precision_under_xla(precision):
    with policy(precision):
        gan = bidirectional(regularizers={"r1": {"weight": 0.1}})
    networks_ = [gan.generator, gan.encoder, gan.discriminator]
    before = [values(network) for network in networks_]
    step = tf.function(gan.train_step, jit_compile=True, autograph=False)
    for _ in range(10):  # the first ones may overflow, and lower the loss scale
        gan.reset_metrics()
        report = step(tf.constant(IMAGES))
    assert all(np.isfinite(value) for value in report.values())
    for start, network in zip(before, networks_, strict=True):
        assert moved(start, network)
        assert all(np.isfinite(value).all() for value in values(network))


def test_the_averaged_encoder_follows_and_is_saved(tmp_path):
    gan = bidirectional(ema_decay=0.5)
    start = values(gan.encoder)
    gan.train_step(tf.constant(IMAGES))
    # The first step's decay is (1 + 0) / (10 + 0).
    for mean, before, now in zip(
        values(gan.averaged("encoder")), start, values(gan.encoder), strict=True
    ):
        assert np.allclose(mean, before + 0.9 * (now - before), atol=1e-6)
    gan.save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5") as file:
        assert {"encoder", "encoder_ema"} < set(file)
    other = BiGAN.from_config(gan.get_config())
    other.load_weights(tmp_path / "a.weights.h5")
    assert not moved(values(gan.encoder), other.encoder)
    assert not moved(values(gan.averaged("encoder")), other.averaged("encoder"))


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (["network.family=dcgan"], "dcgan has no encoder. Families that have one: mlp."),
        (["network.conditioning=concat"], "the game bigan has no such option"),
        (["game.packing=2"], "`game.packing`: the game bigan has no such option"),
        (["game.augment=[color]"], "`game.augment`: the game bigan has no such option"),
        (["network.encoder={width: 3}"], "the mlp encoder has no such option"),
        (["network.encoder={hidden: wide}"], "`network.encoder.hidden` should be a list"),
    ],
)
def test_what_has_no_pairs_is_told(settings, said, cli):
    given = ["game.name=bigan", *settings]
    result = cli("fit", "digits", "--dry-run", *(f"--set={one}" for one in given))
    assert (result.exit_code, said in result.stderr) == (2, True), result.stderr


def test_an_encoder_of_other_shapes_is_told():
    own = {"hidden": [8], "activations": ["tanh"]}
    generator, discriminator = pair("mlp", latent_dim=DIM, sample_shape=SHAPE, joint=True)
    encoder = networks.build("encoder", "mlp", own, latent_dim=DIM + 1, sample_shape=SHAPE)
    with pytest.raises(ConfigError, match=r"latents of shape \(3,\)"):
        BiGAN(generator, discriminator, encoder)
    encoder = networks.build("encoder", "mlp", own, latent_dim=DIM, sample_shape=SHAPE)
    with pytest.raises(ConfigError, match=r"samples of shape \(19,\).*and a latent"):
        BiGAN(*pair("mlp", latent_dim=DIM, sample_shape=SHAPE), encoder)


# ---------------------------------------------------------------------------- a run


def test_a_discriminator_of_pairs_is_not_probed(bidirectional_run, cli):
    result = cli("probe", bidirectional_run)
    assert result.exit_code == 2
    assert "Probe a run of another game than bigan" in result.stderr


def test_the_encoder_s_latents_are_where_invert_starts(bidirectional_run, plain_run, cli):
    arguments = ("train[:3]", "--steps=1", "--restarts=1")
    assert cli("invert", bidirectional_run, *arguments).exit_code == 0
    with np.load("inverted/latents.npz") as arrays:
        found = dict(arrays)
    encoded = load(bidirectional_run).gan.averaged("encoder")({"images": found["images"]}).numpy()
    assert np.abs(found["latents"] - encoded).max() < 0.11  # one step of Adam at a rate of 0.1
    other = cli("invert", bidirectional_run, *arguments, "--start=samples")
    assert other.exit_code == 0
    with np.load("inverted/latents.npz") as arrays:
        assert np.abs(arrays["latents"] - encoded).max() > 0.2
    refused = cli("invert", plain_run, *arguments, "--start=encoder")
    assert refused.exit_code == 2
    assert "was trained without one" in refused.stderr


def test_every_exact_format_carries_the_encoder(bidirectional_run, tmp_path, web_runtime):
    run = load(bidirectional_run)
    published = export(run, [*FORMATS], tmp_path, name="b", web_runtime=web_runtime)
    files = {Path(path).name for path in published.files}
    assert {"b_encode.onnx", "b_encode.tflite", "b_encode.keras"} <= files
    encoder, count = run.gan.averaged("encoder"), 5
    images = np.random.default_rng(1).uniform(-1, 1, (count, 8, 8, 1)).astype(np.float32)
    expected = encoder({"images": images}).numpy()
    session = onnxruntime.InferenceSession(str(tmp_path / "b_encode.onnx"))
    (latent,) = session.run(["latent"], {"images": images})
    assert np.allclose(latent, expected, atol=1e-5)
    saved = tf.saved_model.load(str(tmp_path / "b/1"))
    assert set(saved.signatures) == {"serving_default", "sample", "sample_uint8", "encode"}
    latent = saved.signatures["encode"](images=tf.constant(images))["latent"]
    assert np.allclose(latent, expected, atol=1e-5)
    told = json.loads((tmp_path / "export.json").read_text())
    assert told["endpoints"]["encode"]["outputs"]["latent"]["shape"] == [None, 32]
    file = told["files"]["b_encode.onnx"]
    assert (file["format"], file["endpoint"]) == ("onnx", "encode")
    assert max(told["files"]["b_encode.onnx"]["max_abs_difference"].values()) < 1e-5
    raw = export(run, ["onnx"], tmp_path / "raw", name="b", weights="raw")
    session = onnxruntime.InferenceSession(str(raw.folder / "b_encode.onnx"))
    trained = run.gan.encoder({"images": images})
    assert np.allclose(session.run(None, {"images": images})[0], trained, atol=1e-5)


def test_an_encoder_that_differs_leaves_nothing_behind(bidirectional_run, tmp_path, monkeypatch):
    honest = Endpoint.__call__
    run = load(bidirectional_run)

    def shifted(self, **inputs):
        # What is written is not what is compared.
        moved = 0.01 if self.output == "latent" and not tf.inside_function() else 0.0
        return honest(self, **inputs) + moved

    monkeypatch.setattr(Endpoint, "__call__", shifted)
    with pytest.raises(ExportError, match=r"onnx file differs from Keras by 0\.01"):
        export(run, ["onnx"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
