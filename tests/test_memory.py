"""The estimate of memory against sizes counted by hand."""

import keras
import numpy as np
import pytest

from keras_gan import load_config, networks, training
from keras_gan.games.gan import GAN
from keras_gan.training import memory


def players(policy="float32"):
    """G: 4 -> 6 values; D: 6 -> 5 -> 1, each with a bias."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        latent, images = keras.Input((4,), name="latent"), keras.Input((6,), name="images")
        generator = keras.Model({"latent": latent}, keras.layers.Dense(6)(latent))
        hidden = keras.layers.Dense(5)(images)
        logits = keras.layers.Dense(1, dtype="float32")(hidden)
        return generator, keras.Model({"images": images}, logits)
    finally:
        keras.config.set_dtype_policy(before)


def test_every_part_by_hand():
    gan = GAN(*players())
    gan.compile("adam", keras.optimizers.SGD())
    found = memory.estimate(gan, batch_size=32, data=1000)
    generator, discriminator = 4 * 6 + 6, 6 * 5 + 5 + 5 + 1
    assert found.weights == 4 * (2 * generator + discriminator)  # one of them the average
    # Adam: two moments, the number of updates and the rate; SGD the latter two.
    counters = sum(np.dtype(v.dtype).itemsize for v in gan.discriminator_optimizer.variables)
    assert found.optimizers == 4 * 2 * generator + 2 * counters
    assert found.gradients == 4 * discriminator
    # D's step on 64 samples: image, hidden, logit. G's on 32: latent and image more.
    assert found.activations == max(64 * 4 * (6 + 5 + 1), 32 * 4 * (4 + 6 + 6 + 5 + 1))
    assert found.total == sum((found.weights, found.optimizers, found.gradients)) + (
        found.activations + 1000
    )


def test_what_makes_it_larger_and_smaller():
    def activations(batch_size=32, penalties=(), policy="float32", **options):
        gan = GAN(*players(policy), **options)
        gan.compile(penalties={name: {"weight": 1.0} for name in penalties})
        return memory.estimate(gan, batch_size)

    plain = activations()
    assert activations(64).activations == 2 * plain.activations
    assert activations(penalties=["r1"]).activations == 2 * 64 * 4 * (6 + 5 + 1)
    parts = activations(accumulate=4)
    assert 4 * parts.activations == plain.activations
    assert parts.gradients == 2 * plain.gradients  # the sum, and those of the part
    half = activations(policy="mixed_float16")
    assert half.activations == 64 * (4 * 6 + 2 * 5 + 4 * 1)  # images and logits in float32


def test_recomputed_blocks_count_their_outputs_and_the_largest_inside():
    def activations(remat, penalties=()):
        sizes = {"width": 8, "max_width": 8, "remat": remat}
        gan = GAN(
            *networks.build(
                "resnet",
                latent_dim=4,
                sample_shape=(32, 32, 3),
                generator=sizes,
                discriminator=sizes,
            )
        )
        gan.compile(penalties={name: {"weight": 1.0} for name in penalties})
        return memory.estimate(gan, 8).activations

    assert activations(True) < activations(False)
    # With R1 D's update has most: D in its own call, and whole twice for the penalty.
    whole = activations(False, ["r1"]) / (2 * 8 * 2)
    recomputed = activations(True, ["r1"]) / (2 * 8) - whole
    assert 0 < recomputed < whole


def test_a_training_tells_it_beside_the_parameters_of_both_networks():
    settings = {"batch_size": 32, "accumulate": 2}
    config = load_config("digits").replace(**{f"training__{k}": v for k, v in settings.items()})
    prepared = training.prepare(config)
    told = dict(prepared.summary())
    # As it was read, and TensorFlow's copy.
    found = memory.estimate(prepared.gan, 32, data=2 * prepared.source.images.nbytes)
    assert told["memory"] == str(found)
    for network in (prepared.gan.generator, prepared.gan.discriminator):
        assert f"{network.count_params():,}" in told["networks"]


def test_it_is_told_in_one_line():
    text = str(memory.Memory(12_300_000, 4_000, 0, 3_456_000_000, 0))
    assert text == (
        "about 3,468 MB as an estimate: weights 12.3, optimizers 0.004, gradients 0, "
        "activations 3,456, data 0"
    )


def test_several_replicas_have_all_but_the_data_each():
    found = memory.Memory(weights=1_000, optimizers=2_000, gradients=3_000, activations=4_000,
                          data=5_000, replicas=2)  # fmt: skip
    assert found.total == 2 * 10_000 + 5_000
    assert str(found) == (
        "about 0.025 MB a process as an estimate: weights 0.001, optimizers 0.002, "
        "gradients 0.003, activations 0.004 a replica (2 a process), data 0.005"
    )


@pytest.mark.parametrize("family", networks.FAMILIES)
def test_every_family_has_an_estimate(family):
    gan = GAN(*networks.build(family, latent_dim=4, sample_shape=(8, 8, 1)))
    gan.compile()
    assert memory.estimate(gan, 4).activations > 0
