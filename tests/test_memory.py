"""The estimate of memory against sizes counted by hand."""

import keras
import numpy as np
import pytest
from pairs import pair

from keras_gan import load_config, networks, training
from keras_gan.games.bigan import BiGAN
from keras_gan.games.gan import GAN
from keras_gan.training import memory


def players():
    """G: 4 -> 6 values; D: 6 -> 5 -> 1, each with a bias."""
    latent, images = keras.Input((4,), name="latent"), keras.Input((6,), name="images")
    generator = keras.Model({"latent": latent}, keras.layers.Dense(6)(latent))
    hidden = keras.layers.Dense(5)(images)
    return generator, keras.Model({"images": images}, keras.layers.Dense(1)(hidden))


def test_every_part_by_hand():
    gan = GAN(*players())
    gan.compile("adam", keras.optimizers.SGD())
    found = memory.estimate(gan, data=1000)
    generator, discriminator = 4 * 6 + 6, 6 * 5 + 5 + 5 + 1
    assert found.weights == 4 * (2 * generator + discriminator)  # one of them the average
    # Adam: two moments, the number of updates and the rate; SGD the latter two.
    counters = sum(np.dtype(v.dtype).itemsize for v in gan.discriminator_optimizer.variables)
    assert found.optimizers == 4 * 2 * generator + 2 * counters
    assert found.gradients == 4 * discriminator
    assert found.total == found.weights + found.optimizers + found.gradients + 1000


def test_parts_of_a_minibatch_have_gradients_beside_their_sum():
    whole, parts = (GAN(*players(), gradient_accumulation_steps=n) for n in (1, 4))
    for gan in (whole, parts):
        gan.compile()
    assert memory.estimate(parts).gradients == 2 * memory.estimate(whole).gradients


def test_an_encoder_counts_with_its_player():
    generator, discriminator = pair("mlp", latent_dim=4, sample_shape=(6,), joint=True)
    encoder = networks.build("encoder", "mlp", {"hidden": [3]}, latent_dim=4, sample_shape=(6,))
    gan = BiGAN(generator, discriminator, encoder, ema_decay=0.0)
    gan.compile("sgd", "sgd")
    counts = [network.count_params() for network in (generator, discriminator, encoder)]
    found = memory.estimate(gan)
    assert found.weights == 4 * sum(counts)
    assert found.gradients == 4 * max(counts[0] + counts[2], counts[1])


def test_a_training_tells_it_beside_the_parameters_of_both_networks():
    settings = {"batch_size": 32, "gradient_accumulation_steps": 2}
    config = load_config("digits").replace(**{f"training__{k}": v for k, v in settings.items()})
    prepared = training.prepare(config)
    told = dict(prepared.summary())
    # As it was read, and TensorFlow's copy.
    found = memory.estimate(prepared.gan, data=2 * prepared.source.images.nbytes)
    assert told["memory"] == str(found)
    for network in (prepared.gan.generator, prepared.gan.discriminator):
        assert f"{network.count_params():,}" in told["networks"]


def test_it_is_told_in_one_line():
    text = str(memory.Memory(12_300_000, 4_000, 0, 3_456_000_000))
    assert text == (
        "3,468 MB beside activations: weights 12.3, optimizers 0.004, gradients 0, data 3,456"
    )


def test_several_replicas_have_all_but_the_data_each():
    found = memory.Memory(weights=1_000, optimizers=2_000, gradients=3_000, data=5_000, replicas=2)
    assert found.total == 2 * 6_000 + 5_000
    assert str(found) == (
        "0.017 MB a process beside activations: weights 0.001, optimizers 0.002, "
        "gradients 0.003 a replica (2 a process), data 0.005"
    )


@pytest.mark.parametrize("family", networks.FAMILIES)
def test_every_family_has_an_estimate(family):
    gan = GAN(*pair(family, latent_dim=4, sample_shape=(8, 8, 1)))
    gan.compile()
    assert memory.estimate(gan).gradients > 0
