"""A minibatch in parts is the whole minibatch, for networks without batch statistics."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from pairs import pair
from steps import images_given_to, set_latents

from keras_gan import load_config
from keras_gan.engine.accumulation import accumulated
from keras_gan.games import losses, recipes
from keras_gan.games.gan import GAN
from keras_gan.utils.errors import ConfigError

SHAPE = (8, 8, 1)
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, size=(48, *SHAPE)).astype("float32")
LABELS = RNG.integers(3, size=48).astype("int32")

#: Small networks whose output for a sample is a function of that sample.
SIZES = {
    "mlp": ({"hidden": [16, 16]}, {"hidden": [16, 16, 16], "spectral_norm": True}),
    "resnet": (
        {"width": 4, "batch_norm": False},
        {"width": 4, "spectral_norm": True, "remat": True},
    ),
}


def small(accumulate, family="mlp", compiled=None, conditional=False, **options):
    keras.utils.set_random_seed(0)
    generator, discriminator = SIZES[family]
    generator = {**generator, **options.pop("generator", {})}
    players = pair(
        family,
        latent_dim=4,
        sample_shape=SHAPE,
        num_classes=3 if conditional else None,
        packing=options.get("packing", 1),
        generator=generator,
        discriminator=discriminator,
    )
    gan = GAN(*players, gradient_accumulation_steps=accumulate, **options)
    # Adam would make a full step of a gradient that is 0 but for rounding.
    optimizers = [keras.optimizers.SGD(0.05) for _ in range(2)]
    gan.compile(*optimizers, **(compiled or {}))
    return gan


def trained(gan, how="eager", rounds=2, rows=24):
    """The metrics of each round, one row a metric; latents do not depend on how it is run."""
    set_latents(gan, IMAGES[:rows, 0, :4, 0])
    steps = {"eager": gan.train_step, "graph": tf.function(gan.train_step, autograph=False)}
    steps["xla"] = tf.function(gan.train_step, jit_compile=True, autograph=False)
    for n in range(rounds):
        images = tf.constant(IMAGES[n * rows : (n + 1) * rows])
        labels = tf.constant(LABELS[n * rows : (n + 1) * rows])
        logs = steps[how]((images, labels) if gan.labels else images)
    return {name: float(value) for name, value in logs.items()}


def assert_equal(first, second, logs, others):
    assert logs == pytest.approx(others, rel=1e-5, abs=1e-6)
    for network in ("generator", "discriminator", "generator_ema"):
        pairs = zip(getattr(first, network).weights, getattr(second, network).weights, strict=True)
        for a, b in pairs:
            np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-5, atol=1e-6, err_msg=a.path)


@pytest.mark.parametrize("loss", losses.LOSSES)
def test_parts_equal_the_whole_with_every_loss(loss):
    """Weights, u of spectral norm and metrics; relativistic pairs lie in one part."""
    compiled = {
        "loss": loss,
        "regularizers": {"r1": {"weight": 0.5}, "r2": {"weight": 0.1}},
    }
    whole, parts = (small(n, compiled=compiled) for n in (1, 3))
    assert_equal(whole, parts, trained(whole), trained(parts))


_LAZY = {"regularizers": {"r1": {"weight": 0.5, "every": 2}}}


@pytest.mark.parametrize(
    ("how", "family", "options"),
    [
        ("eager", "mlp", {"conditional": True, "updates": "simultaneous"}),
        ("graph", "mlp", {"packing": 2, "compiled": _LAZY}),
        pytest.param("xla", "mlp", {"packing": 2}, marks=pytest.mark.slow),
        pytest.param("graph", "resnet", {"compiled": _LAZY}, marks=pytest.mark.slow),
    ],
)
def test_parts_equal_the_whole_however_they_are_run(how, family, options):
    whole, parts = (small(n, family, **options) for n in (1, 4))
    assert_equal(whole, parts, trained(whole, how), trained(parts, how))


def test_each_of_the_k_steps_is_played_in_parts():
    whole, parts = (small(n, discriminator_steps=2) for n in (1, 3))
    for gan in (whole, parts):
        set_latents(gan, IMAGES[:24, 0, :4, 0])
        gan.train_step(tf.constant(IMAGES))
        assert int(gan.discriminator_optimizer.iterations) == 2
        assert int(gan.generator_optimizer.iterations) == 1
    assert_equal(whole, parts, {}, {})


@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_parts_train_under_mixed_precision(precision):
    """And one part that overflows makes the loss scale skip the whole update."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        gan = small(3)
    finally:
        keras.config.set_dtype_policy(before)
    start = [w.numpy() for w in gan.discriminator.trainable_weights]
    assert all(np.isfinite(v) for v in trained(gan, "graph").values())
    moved = [w.numpy() for w in gan.discriminator.trainable_weights]
    assert not all(np.array_equal(a, b) for a, b in zip(start, moved, strict=True))
    if precision == "mixed_float16":
        scale = float(gan.discriminator_optimizer.dynamic_scale)
        images = np.array(IMAGES[:24])
        images[-1] = np.inf  # in the last part
        gan.train_step(tf.constant(images))
        assert float(gan.discriminator_optimizer.dynamic_scale) == scale / 2
        for a, w in zip(moved, gan.discriminator.trainable_weights, strict=True):
            np.testing.assert_array_equal(a, w.numpy())


def test_batch_norms_statistics_move_once_a_round_by_the_last_part():
    gan = small(3, generator={"batch_norm": True})
    norm = next(x for x in gan.generator.layers if "batch_norm" in x.name)
    dense = gan.generator.layers[1]
    kernel = dense.get_weights()[0]
    trained(gan, rounds=1)
    latent = IMAGES[:24, 0, :4, 0][16:] * 2.0  # of G's update: use = 1
    np.testing.assert_allclose(
        norm.moving_mean, 0.01 * (latent @ kernel).mean(0), rtol=1e-4, atol=1e-7
    )


def test_every_part_draws_numbers_of_its_own(monkeypatch):
    """Noise and augmentation of equal images differ between the parts."""
    for options in ({"instance_noise": 0.5}, {"augment": ["color"]}):
        gan = small(3, **options)
        seen = images_given_to(gan.discriminator, monkeypatch)
        gan.train_step(tf.constant(np.repeat(IMAGES[:1], 24, axis=0)))
        real = np.concatenate([images[:8] for images in seen if len(images) == 16])
        assert len({image.tobytes() for image in real}) == 24


def test_a_minibatch_that_does_not_come_apart_is_refused_before_the_data_are_loaded():
    config = load_config("digits").replace(training__batch_size=12, game__packing=2)
    recipes.check(config.replace(training__gradient_accumulation_steps=3))
    with pytest.raises(ConfigError, match=r"multiple of .* = 2 x 4\. Received: 12"):
        recipes.check(config.replace(training__gradient_accumulation_steps=4))


def test_what_is_put_together_by_hand():
    """Means of the parts, rows in order, None stays None."""

    def gradients_of(tensors, part, is_last):
        x, nothing = tensors
        assert nothing is None
        means = [tf.reduce_mean(x), None, tf.cast(is_last, tf.float32)]
        return means, {"twice": 2 * x}

    x = tf.range(12.0)[:, None]
    means, rows = accumulated(4, gradients_of, (x, None))
    assert (float(means[0]), means[1], float(means[2])) == (5.5, None, 0.25)
    np.testing.assert_array_equal(rows["twice"], 2 * x)
