"""Games with classes (AC-GAN, semi-supervised): their losses, networks, labels and errors."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from pairs import pair
from test_gan import policy
from test_networks import built

from keras_gan import load_config, networks
from keras_gan.engine.schedule import Schedule, balanced_order
from keras_gan.evaluation.held_out import held_out_gap
from keras_gan.games import classification, recipes
from keras_gan.games.acgan import ACGAN
from keras_gan.games.gan import GAN
from keras_gan.games.semi_supervised import SemiSupervisedGAN
from keras_gan.games.step import TrainStep
from keras_gan.networks import private_keras
from keras_gan.utils.errors import ConfigError

RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, size=(32, 8, 8, 1)).astype("float32")
LABELS = (np.arange(32) % 3).astype("int32")
FAMILIES = list(networks.FAMILIES)


def game(conditioning="classifier", options=None, compiled=None, **built_with):
    """A small compiled game with class logits and features."""
    keras.utils.set_random_seed(0)
    players = pair(
        "mlp", latent_dim=4, sample_shape=(8, 8, 1), num_classes=3, conditioning=conditioning,
        class_logits=True, features=True, generator={"hidden": [8], "activations": ["relu"]},
        discriminator={"hidden": [8], "activations": ["relu"]}, **built_with,
    )  # fmt: skip
    kind, chosen = ACGAN, dict(options or {})
    if conditioning == "none":
        kind = SemiSupervisedGAN
        chosen = {"adversarial": True, "feature_matching_weight": 0.0, **chosen}
    gan = kind(*players, **chosen)
    plain = {"generator_optimizer": "sgd", "discriminator_optimizer": "sgd"}
    gan.compile(**{**plain, **(compiled or {})})
    return gan


def adam():
    names = ("generator_optimizer", "discriminator_optimizer")
    return {name: keras.optimizers.Adam(1e-2) for name in names}


# ------------------------------------------------------------------ closed forms


@pytest.mark.parametrize(
    "labels, expected",
    [([0, 1], (np.log(2) + np.log(4)) / 2), ([-1, 1], np.log(4)), ([-1, -1], 0.0)],
)
def test_the_classifiers_loss_is_the_cross_entropy_of_rows_with_a_label(labels, expected):
    class_logits = tf.constant([[0.0, 0.0], [np.log(3.0), 0.0]], tf.float32)
    labels = tf.constant(labels)
    weights = classification.weights_of(labels)
    loss = classification.cross_entropy(class_logits, labels, weights)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)


@pytest.mark.parametrize("real_only", [False, True])
def test_d_learns_the_classes_of_generated_images_unless_of_real_ones_only(real_only):
    gan = game(options={"classification_weight": 0.5, "real_only": real_only})
    logits = tf.zeros((1, 1))
    real = {"logits": logits, "class_logits": tf.constant([[0.0, 0.0]])}
    fake = {"logits": logits, "class_logits": tf.constant([[np.log(3.0), 0.0]], tf.float32)}
    batch = {"labels": tf.constant([0])}
    of_d = gan.discriminator_losses(real, fake, batch)["classification/discriminator"]
    expected = np.log(2) + (0.0 if real_only else np.log(4 / 3))
    np.testing.assert_allclose(of_d, 0.5 * expected, rtol=1e-6)
    of_g = gan.generator_losses(real, fake, batch)["classification/generator"]
    np.testing.assert_allclose(of_g, 0.5 * np.log(4 / 3), rtol=1e-6)


def test_feature_matching_compares_means():
    real, fake = tf.constant([[1.0, 3.0], [3.0, 5.0]]), tf.constant([[1.0, -1.0], [-1.0, 1.0]])
    loss = classification.feature_matching(real, fake)
    np.testing.assert_allclose(loss, (2.0**2 + 4.0**2) / 2)


# ------------------------------------------------------------------ what D says


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_tells_classes_and_features(family):
    _, judge = built(
        family, num_classes=10, conditioning="classifier", features=True,
        discriminator={"spectral_norm": True},
    )  # fmt: skip
    assert [t.name for t in judge.inputs] == ["images"]
    images = tf.constant(RNG.uniform(-1, 1, size=(3, 28, 28, 1)), tf.float32)
    said = judge({"images": images})
    assert sorted(said) == ["class_logits", "features", "logits"]
    assert {k: v.dtype.name for k, v in said.items()} == dict.fromkeys(said, "float32")
    assert (said["logits"].shape, said["class_logits"].shape) == ((3, 1), (3, 10))
    _, plain = built(family)
    assert not isinstance(plain.output, dict)


def test_k_plus_one_classes_decide_what_is_real():
    _, judge = built("mlp", num_classes=10, conditioning="none", class_logits=True, k_plus_one=True)
    said = judge({"images": tf.constant(RNG.normal(size=(5, 28, 28, 1)), tf.float32)})
    z = np.exp(said["class_logits"]).sum(axis=1)
    np.testing.assert_allclose(tf.sigmoid(said["logits"])[:, 0], z / (z + 1), rtol=1e-5)
    names = {weight.path.split("/")[0] for weight in judge.weights}
    assert "logits" not in names  # no layer that nothing looks at


@pytest.mark.parametrize("family", ["mlp", "dcgan", "resnet"])
def test_conditional_batch_norm_gives_each_class_a_scale_and_a_shift(family):
    options = {} if family == "resnet" else {"conditional_batch_norm": True}
    generator, _ = built(family, num_classes=4, generator=options)
    kinds = [type(x).__name__ for x in private_keras.all_layers(generator)]
    assert "ConditionalBatchNormalization" in kinds
    assert "label_embedding" not in [x.name for x in generator.layers]
    latent = np.full((2, 8), 0.3, "float32")
    for weight in generator.weights:
        if weight.path.endswith("beta"):
            weight.assign(RNG.normal(size=weight.shape))
    images = generator({"latent": latent, "labels": np.array([1, 2])})
    assert not np.allclose(images[0], images[1])


def test_conditional_batch_norm_needs_labels():
    with pytest.raises(ConfigError, match="conditional_batch_norm` needs labels"):
        built("mlp", generator={"conditional_batch_norm": True})


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("conditioning", ["concat", "projection"])
def test_one_hot_vectors_are_what_ids_are(family, conditioning):
    ids = built(family, num_classes=4, conditioning=conditioning)
    vectors = built(family, condition_dim=4, conditioning=conditioning)
    labels = np.array([3, 0, 1])
    latent = RNG.normal(size=(3, 8)).astype("float32")
    images = RNG.uniform(-1, 1, size=(3, 28, 28, 1)).astype("float32")
    for one, other, name, given in (
        (ids[0], vectors[0], "latent", latent),
        (ids[1], vectors[1], "images", images),
    ):
        other.set_weights(one.get_weights())
        wanted = one({name: given, "labels": labels})
        found = other({name: given, "labels": np.eye(4, dtype="float32")[labels]})
        np.testing.assert_array_equal(found, wanted)


# ------------------------------------------------------------------ the game


def test_both_players_learn_the_classes():
    """Images of three grey levels, a class each: the classifier's losses of both fall."""
    gan = game(compiled=adam())
    images = (np.ones((32, 8, 8, 1)) * (LABELS[:, None, None, None] - 1)).astype("float32")
    step = tf.function(gan.train_step, autograph=False)
    first = {k: float(v) for k, v in step((images, LABELS)).items()}
    for _ in range(60):
        gan.reset_metrics()
        last = {k: float(v) for k, v in step((images, LABELS)).items()}
    for name in ("classification/discriminator", "classification/generator"):
        assert last[name] < 0.5 * first[name]


@pytest.mark.parametrize("loss", ["minimax", "hinge", "relativistic", "wasserstein"])
@pytest.mark.parametrize("conditioning", ["classifier", "projection", "none"])
def test_any_loss_with_any_conditioning(loss, conditioning):
    options = {"classification_weight": 0.5}
    if conditioning == "none":
        options["feature_matching_weight"] = 2.0
    compiled = {"loss": loss, "regularizers": {"r1": {"weight": 0.1}}}
    gan = game(conditioning, options, compiled)
    logs = gan.train_step((IMAGES, LABELS))
    assert all(np.isfinite(value) for value in logs.values())
    of_generator = "feature_matching" if conditioning == "none" else "classification/generator"
    assert {"classification/discriminator", of_generator} < set(logs)


def test_alone_it_stands_in_the_place_of_the_games_loss_of_g():
    options = {"feature_matching_weight": 3.0, "adversarial": False}
    logs = game("none", options).train_step((IMAGES, LABELS))
    assert float(logs["loss/generator"]) == float(logs["feature_matching"]) > 0
    assert "adversarial/generator" not in logs


def test_a_minibatch_in_parts_has_the_gradients_of_the_whole():
    whole, parts = game(), game(options={"gradient_accumulation_steps": 2})
    for gan in (whole, parts):
        gan.train_step((IMAGES, LABELS))
    for one, other in zip(whole.discriminator.weights, parts.discriminator.weights, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_labelled_images_alone_teach_the_classes():
    """The rest of the minibatch needs no labels, and its game is the same."""
    gan = game("none")
    gan.set_labeled_images(IMAGES[:3], LABELS[:3])
    assert "labels" not in gan.fields
    said = gan.train_step(IMAGES)
    without = game("none", {"classification_weight": 0.0}).train_step((IMAGES, LABELS))
    np.testing.assert_allclose(said["V(D,G)"], without["V(D,G)"], rtol=1e-5)
    known = gan.labeled_rows(TrainStep(gan), len(IMAGES))
    assert known["images"].shape == IMAGES.shape
    pairs = zip(known["images"].numpy(), known["labels"].numpy(), strict=True)
    for image, label in pairs:
        assert np.array_equal(image, IMAGES[label])  # of the first three, label = row


@pytest.mark.parametrize(
    "images, labels, message",
    [
        (IMAGES[:3, :4], LABELS[:3], r"shape \(n, 8, 8, 1\). Received: \(3, 4, 8, 1\)"),
        (IMAGES[:0], LABELS[:0], r"shape \(n, 8, 8, 1\)"),
        (IMAGES[:3], LABELS[:2], r"ids from 0 to 2, int \(3,\). Received: int32 \(2,\)"),
        (IMAGES[:3], LABELS[:3] * 1.0, "Received: float64"),
        (IMAGES[:3], LABELS[:3] + 1, "from 0 to 2.*: 1 to 3"),
        (IMAGES[:3], LABELS[:3] - 1, "from 0 to 2.*: -1 to 1"),
    ],
)
def test_labeled_images_that_do_not_fit(images, labels, message):
    with pytest.raises(ConfigError, match=message):
        game("none").set_labeled_images(images, labels)


def test_a_generator_with_labels_needs_them_all():
    conditional = game().generator
    with pytest.raises(ConfigError, match="Where G takes labels, every image"):
        SemiSupervisedGAN(conditional, game("none").discriminator)


@pytest.mark.parametrize(
    "precision", ["mixed_float16", pytest.param("mixed_bfloat16", marks=pytest.mark.slow)]
)
def test_all_losses_at_once_in_any_precision_under_xla(precision):
    """K+1 classes, few labels, feature matching and R1: finite, and both players learn."""
    with policy(precision):
        options = {
            "discriminator_ema_decay": 0.9,
            "feature_matching_weight": 1.0,
            "adversarial": False,
        }
        compiled = {**adam(), "regularizers": {"r1": {"weight": 0.1, "every": 2}}}
        gan = game("none", options, compiled, k_plus_one=True)
    images = (np.ones((32, 8, 8, 1)) * (LABELS[:, None, None, None] - 1)).astype("float32")
    gan.set_labeled_images(images[:6], LABELS[:6])
    step = tf.function(gan.train_step, jit_compile=True, autograph=False)
    for _ in range(80):
        gan.reset_metrics()
        said = step(images)
    assert all(np.isfinite(value) for value in said.values())
    # Chance has log 3 = 1.1; three grey levels are told apart from two images of each.
    assert said["classification/discriminator"] < 0.3
    told = gan.averaged("discriminator")({"images": images}, training=False)["class_logits"]
    assert (np.argmax(told, axis=1) == LABELS).mean() > 0.9


def test_a_discriminator_of_classes_is_held_out_like_any_other():
    """A fresh copy of it, logsumexp and all, tells black images from white ones."""
    judge = game("none", k_plus_one=True).discriminator
    noise = RNG.normal(scale=0.1, size=(2, 210, 8, 8, 1)).astype("float32")
    assert held_out_gap(judge, noise[0] - 0.9, noise[1] + 0.9).value > -0.3  # 0 at best
    assert held_out_gap(judge, noise[0], noise[1]).value < -1.2  # -log 4 = -1.386


def test_the_discriminators_average_follows_it():
    gan = game(options={"discriminator_ema_decay": 0.5})
    assert gan.averaged("discriminator") is gan.discriminator_ema
    start = gan.discriminator.get_weights()
    gan.train_step((IMAGES, LABELS))
    end = gan.discriminator.get_weights()
    # After the first round the decay is (1 + 0) / (10 + 0).
    for average, a, b in zip(gan.averaged("discriminator").get_weights(), start, end, strict=True):
        np.testing.assert_allclose(average, 0.1 * a + 0.9 * b, atol=1e-6)
    assert game().averaged("discriminator") is not None


# ------------------------------------------------------------------ order of the data


def test_balanced_order_are_of_all_classes_alike():
    labels = np.array([0] * 50 + [1] * 8 + [5] * 2)
    order = tf.random.experimental.stateless_shuffle(tf.range(60), [1, 2])
    rows = balanced_order(order, labels, tf.constant([3, 4])).numpy()
    assert np.unique(labels[rows], return_counts=True)[1].tolist() == [20, 20, 20]
    common = rows[labels[rows] == 0]
    assert len(set(common)) == 20  # none twice before all were there
    # Of 8 rows, 20 times drawn, each is there 2 or 3 times; of 2 rows, each 10 times.
    assert set(np.unique(rows[labels[rows] == 1], return_counts=True)[1]) == {2, 3}
    assert np.unique(rows[labels[rows] == 5], return_counts=True)[1].tolist() == [10, 10]
    again = balanced_order(order, labels, tf.constant([3, 4])).numpy()
    assert np.array_equal(rows, again)


def test_every_epoch_is_balanced_and_another_one():
    labels = np.array([0] * 50 + [1] * 10)
    schedule = Schedule(60, 6, 2, 5, seed=0, balanced=labels)
    blocks = [rows.numpy().ravel() for rows, _ in schedule.blocks(0)]
    epochs = np.concatenate(blocks[:2]), np.concatenate(blocks[2:])
    for rows in epochs:
        assert np.bincount(labels[rows]).tolist() == [30, 30]
    assert not np.array_equal(*epochs)
    later = [rows.numpy().ravel() for rows, _ in schedule.blocks(1)]  # as a resumed run draws
    assert np.array_equal(np.concatenate(later), epochs[1])


# ------------------------------------------------------------------ what does not fit


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"game.name": "acgan", "network.conditioning": "concat"}, "one of none, projection"),
        ({"game.name": "acgan", "game.packing": 2}, "the game acgan has no such option"),
        ({"game.name": "acgan", "game.classification_weight": -1}, "should be at least 0"),
        ({"game.name": "acgan", "game.wieght": 1}, "`game.wieght`: the game acgan has no such"),
        ({"game.name": "acgan", "network.k_plus_one": True}, "no such option"),
        ({"game.name": "semi_supervised", "network.k_plus_one": 3}, "should be true or false"),
        (
            {"game.name": "semi_supervised", "game.feature_matching_weight": 0},
            "nothing to minimise",
        ),
        ({"data.labels_per_class": 3}, "Set game.name=semi_supervised"),
        ({"data.labels_per_class": 3, "game.name": "acgan"}, "Set game.name=semi_supervised"),
        ({"data.labels_seed": 1}, "no effect without data.labels_per_class"),
        ({"game.real_only": True}, "`game.real_only`: the game gan has no such option"),
        ({"game.discriminator_ema_decay": 0.9}, "the game gan has no such option"),
        ({"game.name": "agcan"}, "no game `agcan`. Did you mean `acgan`"),
    ],
)
def test_settings_that_a_game_does_not_have(settings, message):
    from keras_gan.config import override

    config = override(load_config("digits"), settings)
    with pytest.raises(ConfigError, match=message):
        recipes.check(config)


@pytest.mark.parametrize("name", ["acgan", "semi_supervised"])
def test_data_without_classes_are_refused(name):
    from keras_gan.config import override

    config = override(load_config("digits"), {"game.name": name})
    with pytest.raises(ConfigError, match="needs data with classes, but these have no labels"):
        recipes.build(config, networks.DataSpec((8, 8, 1)))


def test_a_classes_mean_counts_the_labelled_rows_of_the_whole_minibatch():
    """Rows without a label do not change it, however the minibatch is cut."""
    labels = np.where(np.arange(32) < 6, LABELS, -1).astype("int32")
    logs = []
    for parts in (1, 2, 4):
        gan = game("none", {"gradient_accumulation_steps": parts})
        logs.append(float(gan.train_step((IMAGES, labels))["classification/discriminator"]))
    assert logs == pytest.approx([logs[0]] * 3, rel=1e-5)


def test_other_labeled_images_are_those_of_the_next_fit():
    """Keras' fit keeps its compiled function: it must not keep the images that it has seen."""

    def still():
        players = ("generator", "discriminator")
        rates = {f"{player}_optimizer": keras.optimizers.SGD(0.0) for player in players}
        return game("none", compiled=rates)

    gan, fresh = still(), still()
    gan.set_labeled_images(IMAGES[:3], LABELS[:3])
    first = gan.fit(IMAGES, batch_size=32, verbose=0).history
    gan.set_labeled_images(IMAGES[:3], LABELS[1:4])
    fresh.set_labeled_images(IMAGES[:3], LABELS[1:4])
    gan.iteration.assign(0)
    name = "classification/discriminator"
    second, wanted = (g.fit(IMAGES, batch_size=32, verbose=0).history for g in (gan, fresh))
    assert second[name] == pytest.approx(wanted[name], rel=1e-5)
    assert second[name] != pytest.approx(first[name], rel=1e-3)


def test_a_generator_of_other_labels_is_refused():
    unconditional = game("none").generator
    with pytest.raises(ConfigError, match=r"ids of classes.*a generator with no labels"):
        ACGAN(unconditional, game().discriminator)
    vectors, _ = pair("mlp", latent_dim=4, sample_shape=(8, 8, 1), condition_dim=3)
    with pytest.raises(ConfigError, match="Received: a generator with labels of 3 numbers"):
        ACGAN(vectors, game().discriminator)


def test_networks_that_do_not_say_what_is_looked_at():
    plain = pair("mlp", latent_dim=4, sample_shape=(8, 8, 1))
    with pytest.raises(ConfigError, match="needs a discriminator that returns `class_logits`"):
        SemiSupervisedGAN(*plain)
    with pytest.raises(ConfigError, match="needs a discriminator that returns `class_logits`"):
        ACGAN(*plain)
    players = game().generator, game().discriminator
    with pytest.raises(ConfigError, match="labels that D does not take: make an ACGAN"):
        GAN(*players).compile()
