"""Every family at every size, with and without labels."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from pairs import pair

from keras_gan import networks
from keras_gan.networks import resnet
from keras_gan.networks.layers import FourierFeatures
from keras_gan.networks.private_keras import all_layers
from keras_gan.utils.errors import ConfigError

SHAPES = [(28, 28, 1), (32, 32, 3), (64, 64, 3)]
#: Small options, so that the table is quick.
SMALL = {
    "mlp": ({"hidden": [16, 16]}, {"hidden": [16, 16]}),
    "maxout": ({"hidden": [16]}, {"units": [8], "pieces": 2}),
    "dcgan": ({"width": 4}, {"width": 4}),
    "resnet": ({"width": 4}, {"width": 4}),
}


def built(family, shape=(28, 28, 1), **options):
    generator, discriminator = SMALL[family]
    generator = {**generator, **options.pop("generator", {})}
    discriminator = {**discriminator, **options.pop("discriminator", {})}
    return pair(
        family,
        latent_dim=8,
        sample_shape=shape,
        generator=generator,
        discriminator=discriminator,
        **options,
    )


def run(generator, discriminator, labels=None, count=3):
    latent = tf.constant(np.random.default_rng(0).normal(size=(count, 8)), tf.float32)
    extra = {} if labels is None else {"labels": tf.constant(labels, tf.int32)}
    images = generator({"latent": latent, **extra})
    return images, discriminator({"images": images, **extra})


def test_every_family_is_in_the_table():
    assert set(SMALL) == set(networks.FAMILIES)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("family", SMALL)
@pytest.mark.parametrize("conditioning", [None, "concat", "projection"])
def test_shapes_ranges_and_dtypes(family, shape, conditioning):
    options = {} if conditioning is None else {"num_classes": 10, "conditioning": conditioning}
    generator, discriminator = built(family, shape, **options)
    images, logits = run(generator, discriminator, None if conditioning is None else [0, 5, 9])
    assert images.shape == (3, *shape)
    assert logits.shape == (3, 1)
    assert images.dtype == logits.dtype == "float32"
    assert -1 <= float(np.min(images)) < float(np.max(images)) <= 1


@pytest.mark.parametrize("family", SMALL)
@pytest.mark.parametrize("conditioning", ["concat", "projection"])
def test_labels_change_what_both_networks_say(family, conditioning):
    keras.utils.set_random_seed(0)
    generator, discriminator = built(family, num_classes=10, conditioning=conditioning)
    latent = np.zeros((2, 8), "float32")
    images = generator({"latent": latent + 0.3, "labels": np.array([1, 2])})
    assert not np.array_equal(images[0], images[1])
    same = np.repeat(np.asarray(images)[:1], 2, axis=0)
    logits = np.asarray(discriminator({"images": same, "labels": np.array([1, 2])}))
    assert logits[0] != logits[1]


@pytest.mark.parametrize("family", SMALL)
@pytest.mark.parametrize("precision", ["mixed_float16", "mixed_bfloat16"])
def test_last_layers_are_float32_under_mixed_precision(family, precision):
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        images, logits = run(*built(family, num_classes=3, conditioning="projection"), [0, 1, 2])
    finally:
        keras.config.set_dtype_policy(before)
    assert images.dtype == logits.dtype == "float32"


@pytest.mark.parametrize("family", SMALL)
def test_packing_widens_the_discriminator_only(family):
    generator, discriminator = built(family, packing=3)
    assert generator.output_shape == (None, 28, 28, 1)
    assert discriminator.inputs[0].shape == (None, 28, 28, 3)


@pytest.mark.parametrize("family", SMALL)
def test_spectral_norm_adds_its_layers(family):
    _, plain = built(family)
    _, normal = built(family, discriminator={"spectral_norm": True})
    kinds = [type(layer).__name__ for layer in normal.layers]
    assert "SpectralNormalization" in kinds
    assert "SpectralNormalization" not in [type(layer).__name__ for layer in plain.layers]


def test_the_study_notes_networks_have_their_published_size():
    generator, discriminator = pair("mlp", latent_dim=128, sample_shape=(28, 28, 1))
    assert generator.count_params() + discriminator.count_params() == 1_133_073
    activations = [
        layer.activation.__name__
        for layer in generator.layers
        if isinstance(layer, keras.layers.Activation)
    ]
    assert activations == ["tanh", "relu", "tanh"]


@pytest.mark.parametrize("hidden", [[], [5], [5, 4, 3]])
def test_default_activations_fit_any_number_of_layers(hidden):
    players = pair(
        "mlp",
        latent_dim=2,
        sample_shape=(8, 8, 1),
        generator={"hidden": hidden},
        discriminator={"hidden": hidden},
    )
    for network in players:
        units = [x.units for x in network.layers if isinstance(x, keras.layers.Dense)]
        assert units[:-1] == hidden


@pytest.mark.parametrize("policy", ["float32", "mixed_float16"])
@pytest.mark.parametrize("classes", [None, 3])
def test_fourier_octaves_let_a_discriminator_see_close_points(policy, classes):
    """Of points 1e-3 apart, the highest of 9 octaves (2^8) is a quarter of a radian apart."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        blind, sharp = (
            pair(
                "mlp",
                latent_dim=2,
                sample_shape=(2,),
                num_classes=classes,
                discriminator={"fourier_octaves": octaves},
            )[1]
            for octaves in (0, 9)
        )
    finally:
        keras.config.set_dtype_policy(before)
    points = np.random.default_rng(0).normal(size=(200, 2)).astype(np.float32)
    labels = {} if classes is None else {"labels": np.zeros(200, np.int32)}

    def apart(network):
        here, there = (network({"images": x, **labels}) for x in (points, points + 1e-3))
        return float(np.mean(np.abs(there - here)))

    assert apart(sharp) > 10 * apart(blind)
    layer = next(x for x in sharp.layers if isinstance(x, FourierFeatures))
    assert layer(points).dtype == "float32"  # 16 bits have no phase left at 2^8


def test_the_2014_networks_start_as_published():
    mean = np.linspace(-0.9, 0.9, 784, dtype="float32").reshape(28, 28, 1)
    generator, discriminator = pair(
        "maxout", latent_dim=100, sample_shape=(28, 28, 1), sample_mean=mean
    )
    dense = [layer for layer in generator.layers if isinstance(layer, keras.layers.Dense)]
    assert [layer.units for layer in dense] == [1200, 1200, 784]
    for layer in dense:
        kernel = layer.get_weights()[0]
        assert 0.049 < np.abs(kernel).max() <= 0.05
    # Output biases give the pixels' marginals back where the weights say nothing.
    bias = dense[-1].get_weights()[1]
    np.testing.assert_allclose(2 / (1 + np.exp(-bias)) - 1, mean.ravel(), atol=1e-5)
    drops = [
        layer.rate for layer in discriminator.layers if isinstance(layer, keras.layers.Dropout)
    ]
    assert drops == [0.2, 0.5, 0.5]
    assert discriminator.count_params() == (784 * 1200 + 1200) + (240 * 1200 + 1200) + 241


def test_the_semi_supervised_networks_hold_their_weights_at_norm_one():
    _, discriminator = pair(
        "mlp",
        latent_dim=4,
        sample_shape=(6,),
        discriminator={"hidden": [5, 3], "activations": ["relu"], "unit_norm": True},
    )
    *hidden, last = (x for x in discriminator.layers if isinstance(x, keras.layers.Dense))
    optimizer = keras.optimizers.Adam(0.5)
    gradients = [tf.ones_like(v) for v in discriminator.trainable_variables]
    optimizer.apply(gradients, discriminator.trainable_variables)
    for layer in hidden:
        np.testing.assert_allclose(np.linalg.norm(layer.kernel, axis=0), 1.0, rtol=1e-5)
    assert np.linalg.norm(last.kernel) > 0.5  # free
    with pytest.raises(ConfigError, match="one norm"):
        pair(
            "mlp",
            latent_dim=4,
            sample_shape=(6,),
            discriminator={"unit_norm": True, "spectral_norm": True},
        )


def test_initial_weights_of_equal_layers_differ():
    generator, _ = pair("maxout", latent_dim=1200, sample_shape=(28, 28, 1))
    first, second = (
        layer.get_weights()[0]
        for layer in generator.layers
        if isinstance(layer, keras.layers.Dense) and layer.units == 1200
    )
    assert not np.array_equal(first, second)


@pytest.mark.parametrize("size", range(4, 129, 4))
def test_dcgan_makes_every_multiple_of_four(size):
    generator, discriminator = built("dcgan", (size, size, 1))
    assert generator.output_shape == (None, size, size, 1)
    assert discriminator.output_shape == (None, 1)


def test_dcgan_makes_oblong_images():
    generator, _ = built("dcgan", (28, 44, 3))
    assert generator.output_shape == (None, 28, 44, 3)


@pytest.mark.parametrize("shape", [(4, 4, 1), (28, 44, 3), (128, 128, 3), (256, 256, 1)])
def test_resnet_makes_small_oblong_and_large_images(shape):
    options = {"width": 1, "max_width": 2}
    generator, discriminator = built("resnet", shape, generator=options, discriminator=options)
    assert generator.output_shape == (None, *shape)
    assert discriminator.output_shape == (None, 1)


def test_the_resnets_of_sngan_have_their_published_widths():
    """Miyato 2018, tables 3 and 5: 256 and 128 throughout for 32x32, 64 to 1,024 for 128x128."""

    def widths(network):
        return [layer.output.shape[-1] for layer in network.layers if "block" in layer.name]

    small = {"width": 256, "max_width": 256}, {"width": 128, "max_width": 128}
    generator, discriminator = pair(
        "resnet",
        latent_dim=128,
        sample_shape=(32, 32, 3),
        generator=small[0],
        discriminator=small[1],
    )
    assert widths(generator) == [256] * 3 and widths(discriminator) == [128] * 4
    assert next(x for x in generator.layers if "reshape" in x.name).output.shape == (
        *(None, 4, 4),
        256,
    )
    large = {"width": 64, "max_width": 1024}
    generator, discriminator = pair(
        "resnet", latent_dim=128, sample_shape=(128, 128, 3), generator=large, discriminator=large
    )
    assert widths(generator) == [1024, 512, 256, 128, 64]
    assert widths(discriminator) == [64, 128, 256, 512, 1024, 1024]


def test_resnet_doubles_by_repeating_pixels():
    x = np.random.default_rng(0).normal(size=(2, 3, 5, 4)).astype("float32")
    inputs = keras.Input(x.shape[1:])
    got = keras.Model(inputs, resnet.doubled(inputs))(x)
    np.testing.assert_array_equal(got, x.repeat(2, axis=1).repeat(2, axis=2))


def test_resnet_labels_choose_the_scales_of_batch_norm():
    generator, _ = built("resnet", num_classes=3)
    names = {type(layer).__name__ for layer in all_layers(generator)}
    assert "ConditionalBatchNormalization" in names
    plain, _ = built("resnet", num_classes=3, generator={"batch_norm": False})
    names = {type(layer).__name__ for layer in all_layers(plain)}
    assert not any("BatchNormalization" in name for name in names)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: built("resnet", (260, 260, 1)), "up to 256"),
        (lambda: built("resnet", (2,)), "resnet makes images, not points"),
        (lambda: built("resnet", generator={"max_width": 3}), "at most max_width=3. Received: 4"),
        (lambda: built("dcgan", (30, 30, 1)), "multiples of 4"),
        (lambda: built("dcgan", (132, 132, 1)), "up to 128"),
        (lambda: built("dcgan", (28, 28, 4)), "1 or 3 channels"),
        (lambda: built("dcgan", (2,)), "network.family=mlp"),
        (lambda: built("mlp", generator={"wdith": 3}), "no such option"),
        (lambda: built("dcgan", generator={"widht": 3}), "Did you mean `width`"),
        (lambda: built("dcgan", generator={"width": "wide"}), "whole number"),
        (lambda: built("mlp", generator={"activations": ["relu"] * 3}), "1 to 2 entries"),
        (
            lambda: built("mlp", num_classes=3, conditioning="projecting"),
            "`conditioning` should be one of concat, projection",
        ),
        (lambda: networks.FAMILIES["dcgna"], "Did you mean `dcgan`"),
    ],
)
def test_wrong_options_are_named(call, said):
    with pytest.raises(ConfigError, match=said):
        call()
