"""Flips and DiffAugment: closed forms on small arrays, and where they enter the game."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from pairs import pair
from steps import images_given_to, update_of

from keras_gan import load_config
from keras_gan.games import augmentation, recipes
from keras_gan.games.gan import GAN
from keras_gan.games.step import TrainStep
from keras_gan.utils.errors import ConfigError

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, size=(6, 8, 12, 3)).astype("float32")
SEED = 7


def uniform(images, name, seed, count):
    """Numbers that are a policy's own: of (seed, name)."""
    rng = np.random.default_rng([seed, *name.encode()])
    return tf.constant(rng.uniform(size=(len(images), count)), tf.float32)


def changed(images, policies, seed):
    draws = {p: uniform(images, p, seed, augmentation.draws_of(p)) for p in policies}
    return augmentation.augmented(images, draws)


DRAWS = {"color": 3, "translation": 2, "cutout": 2}


def small(**options):
    keras.utils.set_random_seed(0)
    packing = options.get("packing", 1)
    sizes = {"generator": {"hidden": [8, 8]}, "discriminator": {"hidden": [8, 8, 8]}}
    players = pair("mlp", latent_dim=4, sample_shape=IMAGES.shape[1:], packing=packing, **sizes)
    gan = GAN(*players, **options)
    gan.compile(keras.optimizers.SGD(0.1), keras.optimizers.SGD(0.1))
    return gan


# ------------------------------------------------------------------ closed forms


def test_color_by_hand():
    brightness, saturation, contrast = 0.9, 0.25, 0.75
    draws = tf.fill((6, 3), 1.0) * [brightness, saturation, contrast]
    x = IMAGES.astype("float64") + 0.4  # u - 1/2
    grey = x.mean(3, keepdims=True)
    x = grey + 0.5 * (x - grey)  # 2 u
    mean = x.mean((1, 2, 3), keepdims=True)
    x = mean + 1.25 * (x - mean)  # u + 1/2
    np.testing.assert_allclose(augmentation.color(IMAGES, draws), x, atol=1e-6)


def test_saturation_leaves_grey_images_alone():
    grey = IMAGES[..., :1]
    draws = tf.constant([[0.5, 0.9, 0.5]] * 6)  # neither brighter nor of other contrast
    np.testing.assert_allclose(augmentation.color(grey, draws), grey, atol=1e-6)


@pytest.mark.parametrize("axis", [1, 2])
def test_every_offset_moves_by_that_many_places_with_the_mirror_image_behind(axis):
    largest = 3
    offsets = np.arange(-largest, largest + 1)
    images = np.repeat(IMAGES[:1], len(offsets), axis=0)
    got = augmentation.shifted(tf.constant(images), tf.constant(offsets, tf.int32), largest, axis)
    margins = [(largest, largest) if n == axis - 1 else (0, 0) for n in range(3)]
    wide = np.pad(IMAGES[0], margins, mode="reflect")
    for moved, offset in zip(got.numpy(), offsets, strict=True):
        rolled = np.roll(wide, offset, axis=axis - 1)
        inside = np.take(rolled, np.arange(largest, largest + IMAGES.shape[axis]), axis=axis - 1)
        np.testing.assert_array_equal(moved, inside)


def test_a_black_background_stays_black_behind_what_moves():
    digit = np.full((200, 8, 8, 1), -1.0, "float32")
    digit[:, 3:5, 3:5] = 1.0
    moved = changed(tf.constant(digit), ["translation"], SEED).numpy()
    assert set(np.unique(moved)) == {-1.0, 1.0}
    assert ((moved == 1).sum((1, 2, 3)) == 4).all()
    assert len({image.tobytes() for image in moved}) == 9


def test_translation_reaches_an_eighth_of_either_side_and_no_further():
    """8 x 12: rounded, 1 place down and 2 right; each of the 3 x 5 offsets as often."""
    u = (np.arange(30) + 0.5) / 30
    draws = tf.constant(np.stack(np.meshgrid(u, u), -1).reshape(-1, 2), tf.float32)
    one = np.zeros((len(draws), 8, 12, 1), "float32")
    one[:, 4, 6] = 1.0
    moved = augmentation.translation(tf.constant(one), draws).numpy()
    places, counts = np.unique(np.argwhere(moved)[:, 1:3] - [4, 6], axis=0, return_counts=True)
    assert {tuple(p) for p in places} == {(y, x) for y in (-1, 0, 1) for x in range(-2, 3)}
    assert set(counts) == {len(draws) // 15}


@pytest.mark.parametrize("shape", [(8, 12), (7, 5)])
def test_cutout_hides_half_of_either_side_around_a_uniform_centre(shape):
    """The published centres: 0 .. size for an even length, 0 .. size - 1 for an odd one."""
    height, width = shape
    lengths = [int(side / 2 + 0.5) for side in shape]
    places = [side + 1 - length % 2 for side, length in zip(shape, lengths, strict=True)]
    centres = np.stack(np.meshgrid(*map(np.arange, places), indexing="ij"), -1).reshape(-1, 2)
    draws = tf.constant((centres + 0.5) / places, tf.float32)
    got = augmentation.cutout(tf.ones((len(centres), height, width, 2)), draws).numpy()
    for image, centre in zip(got, centres, strict=True):
        expected = np.ones((height, width, 2))
        start = centre - np.array(lengths) // 2
        rows, columns = (slice(max(0, s), s + n) for s, n in zip(start, lengths, strict=True))
        expected[rows, columns] = 0
        np.testing.assert_array_equal(image, expected)


def test_flips_mirror_half_of_the_images_and_nothing_else():
    images = np.repeat(IMAGES[:1], 4000, axis=0)
    got = augmentation.flipped(images, uniform(images, "flip", SEED, 1)).numpy()
    mirrored = (got == images[:, :, ::-1]).all((1, 2, 3))
    same = (got == images).all((1, 2, 3))
    assert (mirrored ^ same).all()
    assert abs(mirrored.mean() - 0.5) < 0.032  # 4 sigma of 4,000


# ------------------------------------------------------------------ functions of the seed


def test_numbers_are_a_function_of_the_seed_and_differ_between_images():
    policies = tuple(augmentation.POLICIES)
    first, again = (changed(IMAGES, policies, SEED).numpy() for _ in range(2))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, changed(IMAGES, policies, SEED + 1))
    alike = changed(np.repeat(IMAGES[:1], 6, axis=0), policies, SEED).numpy()
    assert len({image.tobytes() for image in alike}) == 6


def test_a_policy_draws_the_same_beside_others():
    """color comes first, so cutout's hole in a black image is where it is without color."""
    ones = tf.ones((6, 8, 12, 1))
    alone = changed(ones, ["cutout"], SEED).numpy() == 0
    both = changed(ones, ["cutout", "color"], SEED).numpy() == 0
    np.testing.assert_array_equal(alone, both)


def slope_of_slope(policy, images, draws):
    """What R1 asks of a D that is the sum of T(x)^3: the gradient of its gradient's square."""
    with tf.GradientTape() as outer:
        outer.watch(images)
        with tf.GradientTape() as inner:
            inner.watch(images)
            logits = tf.reduce_sum(policy(images, draws) ** 3)
        slope = tf.reduce_sum(inner.gradient(logits, images) ** 2)
    return outer.gradient(slope, images)


@pytest.mark.parametrize("name", augmentation.POLICIES)
def test_xla_equals_eager(name):
    """With the numbers given: XLA's own random numbers are others."""
    policy, count = augmentation.POLICIES[name]
    draws = tf.constant(RNG.uniform(size=(6, count)), tf.float32)
    compiled = tf.function(policy, jit_compile=True)
    np.testing.assert_allclose(compiled(IMAGES, draws), policy(IMAGES, draws), atol=1e-6)
    r1 = tf.function(slope_of_slope, jit_compile=True)
    images = tf.constant(IMAGES)
    np.testing.assert_allclose(
        r1(policy, images, draws), slope_of_slope(policy, images, draws), rtol=1e-4, atol=1e-4
    )


def test_half_precision_images_are_augmented_in_float32():
    half = tf.cast(IMAGES, tf.float16)
    assert changed(half, ["color"], SEED).dtype == tf.float32


# ------------------------------------------------------------------ in the game


def shown(gan, monkeypatch):
    """What D's network is given in a round, call by call."""
    given = images_given_to(gan.discriminator, monkeypatch)
    gan.train_step(tf.constant(IMAGES))
    return given


def test_without_augmentation_the_discriminator_sees_images_as_they_are(monkeypatch):
    both, _ = shown(small(), monkeypatch)
    np.testing.assert_array_equal(both[:6], IMAGES)


def test_everything_that_the_discriminator_sees_is_augmented(monkeypatch):
    """Real and generated images in D's step, generated ones in G's: each with a hole."""
    calls = shown(small(augment=["cutout"]), monkeypatch)
    assert [len(images) for images in calls] == [12, 6]
    for images in calls:
        assert all((image == 0).all(-1).any() for image in images)


def test_real_images_alone_are_flipped(monkeypatch):
    plain, flipped = (shown(small(flip=flip), monkeypatch) for flip in (False, True))
    np.testing.assert_array_equal(plain[0][6:], flipped[0][6:])
    ways = [
        [np.array_equal(image, other) for other in (real, real[:, ::-1])]
        for image, real in zip(flipped[0][:6], IMAGES, strict=True)
    ]
    assert all(any(way) for way in ways)
    assert any(way[1] for way in ways)  # none of six for one seed in 64: not for 0


def test_each_packed_image_is_augmented_by_itself(monkeypatch):
    """Two images of a pack have holes of their own."""
    both, _ = shown(small(augment=["cutout"], packing=2), monkeypatch)
    holes = both == 0
    assert holes[..., :3].any((1, 2, 3)).all() and holes[..., 3:].any((1, 2, 3)).all()
    assert not np.array_equal(holes[..., :3], holes[..., 3:])


def test_gradients_reach_the_generator_through_the_augmentation():
    """What is cut out teaches nothing: dL/dx is zero in the hole and not beside it."""
    gan = small(augment=["color", "translation", "cutout"])
    update = update_of(gan, "generator", tf.constant(IMAGES))
    assert all(float(tf.norm(g)) > 0 for g in update.gradients)
    x = tf.constant(IMAGES)
    with tf.GradientTape() as tape:
        tape.watch(x)
        seen = changed(x, ["cutout"], SEED)
        loss = tf.reduce_sum(tf.square(seen))
    np.testing.assert_allclose(tape.gradient(loss, x), 2 * seen, rtol=1e-6)


def test_penalties_ask_the_discriminator_about_augmented_images():
    """R1 of D(T(x)) for D(x) = sum of x: half the number of values that are not cut out."""
    gan = small(augment=["cutout"])
    gan.compile("sgd", "sgd", "wasserstein", {"r1": {"weight": 1.0}})
    seen = []

    def summed(network, inputs, **how):
        if network is gan.generator:
            return network(inputs)
        seen.append(inputs["images"])
        return tf.reduce_sum(inputs["images"], axis=[1, 2, 3])

    summed.within = lambda name: summed
    step = TrainStep(gan)
    (minibatch,) = gan.minibatches(step, tf.constant(IMAGES))
    terms = gan.discriminator_terms(summed, gan.drawn(step, minibatch))
    outside = np.mean(np.sum(seen[0].numpy() != 0, axis=(1, 2, 3)))
    np.testing.assert_allclose(terms.losses["regularizer/r1"], 0.5 * outside, rtol=1e-6)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: augmentation.check(False, ["colr"]), "no augmentation `colr`. Did you mean"),
        (
            lambda: recipes.check(load_config("digits").replace(game__augment=["cutuot"])),
            "Did you mean `cutout`",
        ),
        (lambda: augmentation.check(False, ["cutout"] * 2), "each policy once"),
        (lambda: small(augment="color"), "`augment` should be a list. Received: 'color'"),
        (lambda: augmentation.check(True, [], (2,)), r"not for points of shape \(2,\)"),
        (lambda: augmentation.check(False, ["color"], (2,)), "for images"),
    ],
)
def test_wrong_settings_are_named(call, said):
    with pytest.raises(ConfigError, match=said):
        call()
