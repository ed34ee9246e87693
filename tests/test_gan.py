"""GAN.train_step is Algorithm 1: who moves when, on what, and equal however it is run."""

import contextlib
import sys

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf
from pairs import pair
from steps import images_given_to, latents_of, set_latents, update_of

from keras_gan.games import losses, regularizers
from keras_gan.games.gan import GAN
from keras_gan.games.step import TrainStep
from keras_gan.utils.errors import ConfigError

SHAPE = (8, 8, 1)
RNG = np.random.default_rng(0)
IMAGES = RNG.uniform(-1, 1, size=(64, *SHAPE)).astype("float32")
LABELS = RNG.integers(3, size=64).astype("int32")


def small(
    family="mlp", conditional=False, compiled=None, generator=None, discriminator=None, **options
):
    keras.utils.set_random_seed(0)
    sizes = {
        "mlp": (
            {"hidden": [16], "activations": ["relu"], "batch_norm": True},
            {"hidden": [16], "activations": ["leaky_relu"], "dropout": 0.3},
        ),
        "dcgan": ({"width": 4}, {"width": 4, "spectral_norm": True}),
        "maxout": ({"hidden": [16]}, {"units": [8], "pieces": 2}),
        "resnet": ({"width": 4}, {"width": 4, "spectral_norm": True}),
    }[family]
    players = pair(
        family,
        latent_dim=4,
        sample_shape=SHAPE,
        num_classes=3 if conditional else None,
        packing=options.get("packing", 1),
        generator={**sizes[0], **(generator or {})},
        discriminator={**sizes[1], **(discriminator or {})},
    )
    gan = GAN(*players, **options)
    compiled = {
        "generator_optimizer": keras.optimizers.Adam(1e-2),
        "discriminator_optimizer": keras.optimizers.Adam(1e-2),
        **(compiled or {}),
    }
    gan.compile(**compiled)
    return gan


@contextlib.contextmanager
def policy(name):
    """Keras' global dtype policy, for layers made within."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def values(network):
    return [w.numpy() for w in network.weights]


def equal(a, b):
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


def changed(before, network):
    """Names of the weights that are no longer what they were."""
    return {
        w.path
        for old, w in zip(before, network.weights, strict=True)
        if not np.array_equal(old, w.numpy())
    }


# ------------------------------------------------------------------ who moves when


@pytest.mark.parametrize("family", ["mlp", "dcgan", "maxout", "resnet"])
def test_a_discriminator_step_moves_only_the_discriminator(family, monkeypatch):
    """Batch-norm statistics of G included: G's update is left out here."""
    gan = small(family)
    monkeypatch.setattr(gan.generator_optimizer, "apply", lambda *a: None)
    before = values(gan.generator), values(gan.discriminator)
    real = tf.constant(IMAGES[:8])
    TrainStep(gan).apply(update_of(gan, "discriminator", real))
    assert changed(before[0], gan.generator) == set()
    assert changed(before[1], gan.discriminator) >= {
        w.path for w in gan.discriminator.trainable_weights if "bias" not in w.path
    }


@pytest.mark.parametrize("family", ["mlp", "dcgan", "maxout", "resnet"])
def test_a_generator_step_moves_only_the_generator(family):
    """The u of D's spectral norm included."""
    gan = small(family, discriminator={"spectral_norm": True})
    before = values(gan.generator), values(gan.discriminator)
    real = tf.constant(IMAGES[:8])
    TrainStep(gan).apply(update_of(gan, "generator", real))
    assert changed(before[1], gan.discriminator) == set()
    assert {w.path for w in gan.generator.trainable_weights if "kernel" in w.path} <= changed(
        before[0], gan.generator
    )


def test_batch_norm_statistics_move_once_a_round():
    """G is called in D's step and in its own; only its own counts: momentum 0.99, one move."""
    gan = small("mlp")
    norm = next(x for x in gan.generator.layers if "batch_norm" in x.name)
    gan.train_step(tf.constant(IMAGES[:16]))
    latent = gan_latents_of_generator_step(gan, iteration=0, rows=16)
    dense = small("mlp").generator.layers[1]  # as it was before the step: same seed
    mean = (latent @ dense.get_weights()[0]).mean(0)
    np.testing.assert_allclose(norm.moving_mean, 0.01 * mean, rtol=1e-4, atol=1e-7)


def gan_latents_of_generator_step(gan, iteration, rows):
    after = int(gan.iteration.numpy())
    gan.iteration.assign(iteration)
    *_, latent = latents_of(gan, rows, gan.options.discriminator_steps + 1)
    gan.iteration.assign(after)
    return latent.numpy()


def test_spectral_norm_state_moves_in_the_discriminators_step():
    gan = small("dcgan")
    u = [w for w in gan.discriminator.weights if w.path.endswith("/u")]
    before = [w.numpy() for w in u]
    gan.train_step(tf.constant(IMAGES[:8]))
    assert all(not np.array_equal(a, b.numpy()) for a, b in zip(before, u, strict=True))


@pytest.mark.parametrize("k", [1, 3])
def test_k_discriminator_updates_and_one_generator_update_a_round(k):
    gan = small(discriminator_steps=k)
    for _ in range(2):
        gan.train_step(tf.constant(IMAGES[: 8 * k]))
    assert int(gan.discriminator_optimizer.iterations) == 2 * k
    assert int(gan.generator_optimizer.iterations) == 2
    assert int(gan.iteration.numpy()) == 2


def test_each_of_the_k_steps_sees_its_own_images_and_latents(monkeypatch):
    gan = small(discriminator_steps=3)
    seen = []
    original = gan.discriminator_terms

    def spy(forward, batch):
        seen.append((batch["images"].numpy(), batch["latent"].numpy()))
        return original(forward, batch)

    monkeypatch.setattr(gan, "discriminator_terms", spy)
    gan.train_step(tf.constant(IMAGES[:24]))
    np.testing.assert_array_equal(np.concatenate([x for x, _ in seen]), IMAGES[:24])
    latents = np.concatenate([z for _, z in seen])
    assert len(np.unique(latents[:, 0])) == 24


def test_alternating_and_simultaneous_updates_by_hand():
    """D(x) = a x, G(z) = b + 0 z, plain SGD, Wasserstein: both updates in closed form.

    d(D loss)/da = b - mean(x); d(G loss)/db = -a, with the new a when alternating.
    """
    x, a, b, rate = 2.0, 0.5, -1.0, 0.1
    for updates, seen_a in (("alternating", a + rate * (x - b)), ("simultaneous", a)):
        latent = keras.Input((1,), name="latent")
        bias = keras.layers.Dense(
            1,
            kernel_initializer="zeros",
            use_bias=True,
            bias_initializer=keras.initializers.Constant(b),
        )
        generator = keras.Model({"latent": latent}, bias(latent))
        images = keras.Input((1,), name="images")
        slope = keras.layers.Dense(
            1, use_bias=False, kernel_initializer=keras.initializers.Constant(a)
        )
        discriminator = keras.Model({"images": images}, slope(images))
        gan = GAN(generator, discriminator, updates=updates, ema_decay=0)
        gan.compile(keras.optimizers.SGD(rate), keras.optimizers.SGD(rate), "wasserstein")
        gan.train_step(tf.fill((4, 1), x))
        np.testing.assert_allclose(slope.get_weights()[0], [[a + rate * (x - b)]], rtol=1e-6)
        np.testing.assert_allclose(bias.get_weights()[1], [b + rate * seen_a], rtol=1e-6)


def test_the_average_follows_its_recurrence():
    gan = small(ema_decay=0.5)
    expected = values(gan.generator)
    for t in range(4):
        gan.train_step(tf.constant(IMAGES[:8]))
        rate = 1 - min(0.5, (1 + t) / (10 + t))
        expected = [
            e + rate * (w - e) for e, w in zip(expected, values(gan.generator), strict=True)
        ]
    for got, want in zip(values(gan.generator_ema), expected, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)


def test_without_an_average_the_generator_itself_draws():
    gan = small(ema_decay=0)
    assert gan.generator_ema is None
    assert gan.averaged("generator") is gan.generator


# ------------------------------------------------------------------ equal however run


def train(gan, rounds=4, rows=16, how="eager", labels=None):
    step = {
        "eager": gan.train_step,
        "graph": tf.function(gan.train_step, autograph=False),
        "xla": tf.function(gan.train_step, jit_compile=True, autograph=False),
    }[how]
    for n in range(rounds):
        images = tf.constant(IMAGES[n * rows : (n + 1) * rows])
        logs = step(
            images if labels is None else (images, tf.constant(labels[n * rows : (n + 1) * rows]))
        )
    return {k: float(v) for k, v in logs.items()}


@pytest.mark.parametrize(
    ("how", "family"),
    [
        *(("graph", "mlp"), ("graph", "dcgan"), ("xla", "mlp")),
        pytest.param("xla", "dcgan", marks=pytest.mark.slow),
    ],
)
def test_eager_equals_graph_and_xla(how, family):
    """To rounding. Two things would differ for no fault of the step: XLA's stateless random
    numbers are not the graph's, so the latents are given; and Adam would turn a gradient
    that is 0 but for rounding into a full step, so the optimizer is SGD."""

    def fresh():
        gan = small(
            family,
            discriminator={"dropout": 0.0},
            compiled={
                "generator_optimizer": keras.optimizers.SGD(0.05),
                "discriminator_optimizer": keras.optimizers.SGD(0.05),
                "regularizers": {"r1": {"weight": 0.1, "every": 2}, "r2": {"weight": 0.1}},
            },
        )
        set_latents(gan, IMAGES[:16, 0, :4, 0])
        return gan

    eager, other = fresh(), fresh()
    a, b = train(eager), train(other, how=how)
    assert a == pytest.approx(b, rel=1e-4, abs=1e-5)
    for network in ("generator", "discriminator", "generator_ema"):
        for x, y in zip(
            values(getattr(eager, network)), values(getattr(other, network)), strict=True
        ):
            np.testing.assert_allclose(x, y, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("how", ["eager", pytest.param("xla", marks=pytest.mark.slow)])
def test_recomputed_blocks_play_as_kept_ones_do_beside_penalties(how):
    """Whose double gradients `keras.remat` can't give: they see D without it."""
    kept, recomputed = (
        small(
            "resnet",
            generator={"remat": remat},
            discriminator={"remat": remat},
            compiled={
                "generator_optimizer": keras.optimizers.SGD(0.05),
                "discriminator_optimizer": keras.optimizers.SGD(0.05),
                "regularizers": {"gradient_penalty": {"weight": 0.1}},
            },
        )
        for remat in (False, True)
    )
    assert train(kept, 2, how=how) == pytest.approx(train(recomputed, 2, how=how), rel=1e-5)
    for name in ("generator", "discriminator"):
        for a, b in zip(
            values(getattr(kept, name)), values(getattr(recomputed, name)), strict=True
        ):
            np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("family", ["mlp", "dcgan", "maxout"])
def test_the_same_seed_gives_the_same_bits_and_another_does_not(family):
    first, second, third = small(family), small(family), small(family, seed=1)
    for gan in (first, second, third):
        train(gan, how="graph")
    assert equal(values(first), values(second))
    assert not equal(values(first.generator), values(third.generator))


@pytest.mark.parametrize("family", ["mlp", "maxout"])
def test_dropout_is_a_function_of_the_iteration(family):
    """It has no state to lose: two GANs at the same iteration drop the same units."""
    first, second = small(family), small(family)
    images = tf.constant(IMAGES[:8])

    def logits(gan):
        return np.asarray(update_of(gan, "discriminator", images).rows[0])

    for _ in range(3):
        logits(first)
    a = logits(first)
    np.testing.assert_array_equal(a, logits(second))
    first.iteration.assign(5)
    assert not np.array_equal(a, logits(first))


PRECISIONS = ["float32", "mixed_float16", "mixed_bfloat16"]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize(
    ("objective", "penalty"),
    [(objective, None) for objective in losses.LOSSES]
    + [("non_saturating", penalty) for penalty in regularizers.REGULARIZERS],
)
def test_every_objective_and_penalty_trains_in_every_precision(precision, objective, penalty):
    table = {penalty: {"weight": 0.1}} if penalty else {}
    with policy(precision):
        gan = small("mlp", compiled={"loss": objective, "regularizers": table})
    scaled = isinstance(gan.discriminator_optimizer, keras.optimizers.LossScaleOptimizer)
    assert scaled == (precision == "mixed_float16")
    start = values(gan.generator), values(gan.discriminator)
    logs = train(gan, rounds=3, how="graph" if scaled else "eager")
    assert all(np.isfinite(v) for v in logs.values()), logs
    # A loss scale of 2^15 may skip a first step; not all three.
    assert not equal(start[0], values(gan.generator))
    assert not equal(start[1], values(gan.discriminator))
    assert {str(w.dtype) for w in gan.generator.weights} == {"float32"}


def test_gradient_norms_are_reported_without_the_loss_scale():
    plain = small("mlp", discriminator={"dropout": 0.0})
    logs = train(plain, rounds=1)
    with policy("mixed_float16"):
        scaled = small("mlp", discriminator={"dropout": 0.0})
    again = train(scaled, rounds=1)
    for player in ("generator", "discriminator"):
        name = f"gradient_norm/{player}"
        assert again[name] == pytest.approx(logs[name], rel=0.02)  # half precision


# ------------------------------------------------------------------ plain Keras


def test_keras_fit_on_arrays_with_callbacks(tmp_path):
    gan = small()
    history = gan.fit(
        IMAGES,
        batch_size=16,
        epochs=2,
        verbose=0,
        callbacks=[
            keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.weights.h5", save_weights_only=True)
        ],
    )
    assert int(gan.iteration.numpy()) == 8
    assert set(history.history) >= {"V(D,G)", "D(x)", "D(G(z))", "loss/generator"}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["1.weights.h5", "2.weights.h5"]
    again = small()
    again.load_weights(tmp_path / "2.weights.h5")
    assert int(again.iteration.numpy()) == 8
    assert equal(values(gan), values(again))
    slots = [gan.generator_optimizer.variables, again.generator_optimizer.variables]
    assert equal(*[[v.numpy() for v in s] for s in slots])


@pytest.mark.parametrize(
    "options", [{}, {"jit_compile": True}, {"run_eagerly": True}, {"steps_per_execution": 2}]
)
def test_keras_fit_on_a_data_set_of_images_and_labels(options):
    gan = small(conditional=True, compiled=options)
    data = tf.data.Dataset.from_tensor_slices((IMAGES, LABELS)).batch(16, drop_remainder=True)
    gan.fit(data, epochs=1, verbose=0)
    assert int(gan.iteration.numpy()) == 4
    images = gan.predict(
        {"latent": np.zeros((5, 4), "float32"), "labels": np.array([0, 1, 2, 0, 1])}, verbose=0
    )
    assert images.shape == (5, *SHAPE)


def test_the_model_is_called_with_latents():
    gan = small()
    assert gan(np.zeros((3, 4), "float32")).shape == (3, *SHAPE)


def test_packing_shows_the_discriminator_several_images_at_once(monkeypatch):
    gan = small(packing=2)
    given = images_given_to(gan.discriminator, monkeypatch)
    gan.train_step(tf.constant(IMAGES[:16]))
    assert [images.shape for images in given] == [(16, 8, 8, 2), (8, 8, 8, 2)]
    real = given[0][:8]
    np.testing.assert_array_equal(real[..., :1], IMAGES[0:16:2])
    np.testing.assert_array_equal(real[..., 1:], IMAGES[1:16:2])


def test_instance_noise_is_on_all_that_the_discriminator_sees(monkeypatch):
    """Real, generated in D's step and generated in G's: each with numbers of its own."""
    given, noise = [], []
    for stddev in (0.0, 0.5):
        gan = small(instance_noise=stddev)
        # G's images in its own update would follow the D that the noise has moved.
        gan.compile(keras.optimizers.SGD(0.0), keras.optimizers.SGD(0.0))
        with monkeypatch.context() as context:
            seen = images_given_to(gan.discriminator, context)
            gan.train_step(tf.constant(IMAGES[:16]))
        given.append(np.split(np.concatenate(seen), 3))
    noise = [noisy - plain for plain, noisy in zip(*given, strict=True)]
    assert all(abs(values.std() - 0.5) < 0.06 for values in noise)  # 4 sigma of 1,024 values
    assert len({values.tobytes() for values in noise}) == 3


@pytest.mark.parametrize("objective", ["relativistic", "hinge"])
def test_the_generators_loss_has_real_and_generated_images_of_the_same_discriminator(
    objective, monkeypatch
):
    """Those of the last of the k minibatches, by the D that the last update has made."""
    gan = small(compiled={"loss": objective}, discriminator_steps=2, discriminator={"dropout": 0.0})
    given, original = [], gan.adversarial_loss.generator
    monkeypatch.setattr(
        gan.adversarial_loss,
        "generator",
        lambda real, fake: given.append(real) or original(real, fake),
    )
    gan.train_step(tf.constant(IMAGES[:16]))
    if objective == "hinge":
        assert given == [None]
    else:
        real = gan.discriminator({"images": IMAGES[8:16]}, training=True)
        np.testing.assert_allclose(given[0], real, rtol=1e-5)


def test_a_minibatch_crosses_few_files_before_the_generator_moves():
    """At most 75 calls lead from one file of keras_gan into another: the code reads in a row."""
    gan, files, crossings = small("mlp"), [], []

    def trace(frame, event, _):
        file, name = frame.f_code.co_filename, frame.f_code.co_name
        if "keras_gan" not in file or (not files and name != "train_step"):
            return
        if event == "call":
            if files and files[-1] != file:
                crossings.append((files[-1], file, name))
            files.append(file)
        elif event == "return":
            files.pop()

    sys.setprofile(trace)
    try:
        gan.train_step(tf.constant(IMAGES[:16]))
    finally:
        sys.setprofile(None)
    applied = [n for n, (*_, name) in enumerate(crossings) if name == "apply"]
    assert 20 < applied[-1] <= 75  # the last one moves G


def test_latents_have_the_distribution_asked_for():
    for distribution, bound in (("normal", np.inf), ("uniform", np.sqrt(3)), ("rademacher", 1)):
        gan = small(latent_distribution=distribution)
        latent = latents_of(gan, 5000, 1)[0].numpy()
        assert abs(latent.mean()) < 0.03  # 4 sigma of 20,000 values
        assert abs(latent.std() - 1) < 0.03
        assert np.abs(latent).max() <= bound
        assert np.abs(latent).max() > min(bound, 1.8) - 0.1
        assert (len(np.unique(latent)) == 2) == (distribution == "rademacher")


def test_a_model_can_be_compiled_again_with_another_game():
    gan = small(compiled={"loss": "hinge", "regularizers": {"r1": {"weight": 1.0}}})
    gan.compile("adam", "adam", "non_saturating")
    logs = train(gan, rounds=1)
    assert "value/hinge" not in logs
    assert "regularizer/r1" not in logs


def test_weights_are_kept_under_the_names_of_their_networks(tmp_path):
    """Keras takes the first name that leads to a network, and checkpoints are read by names."""
    small().save_weights(tmp_path / "a.weights.h5")
    with h5py.File(tmp_path / "a.weights.h5") as file:
        assert set(file) == {
            "discriminator", "discriminator_optimizer",
            "generator", "generator_ema", "generator_optimizer", "vars",
        }  # fmt: skip


def test_a_whole_model_can_be_saved_and_loaded(tmp_path):
    gan = small("dcgan", conditional=True, seed=5)
    train(gan, rounds=1, labels=LABELS)
    gan.save(tmp_path / "gan.keras")
    again = keras.models.load_model(tmp_path / "gan.keras")
    assert (again.seed, int(again.iteration.numpy())) == (5, 1)
    inputs = {"latent": tf.ones((2, 4)), "labels": tf.constant([0, 2])}
    np.testing.assert_array_equal(gan(inputs), again(inputs))


def test_the_2014_networks_can_be_averaged():
    """Their output bias is set from the data, not by an initializer that can't be copied."""
    mean = np.full(SHAPE, 0.5, "float32")
    players = pair("maxout", latent_dim=4, sample_shape=SHAPE, sample_mean=mean)
    gan = GAN(*players, ema_decay=0.9)
    assert equal(values(gan.generator), values(gan.generator_ema))


def test_instance_noise_fades():
    gan = small(instance_noise=0.5, instance_noise_steps=10)
    inputs, zeros = gan.inputs_of_discriminator, tf.zeros((1000, 1))
    for iteration, stddev in ((0, 0.5), (5, 0.25), (10, 0.0), (50, 0.0)):
        gan.iteration.assign(iteration)
        noisy = inputs(zeros, inputs.draw(TrainStep(gan), 1000, (1,)))
        assert np.std(noisy) == pytest.approx(stddev, rel=0.08)  # 3.5 sigma


def test_logged_values_are_those_of_the_game():
    gan = small(
        compiled={"loss": "hinge", "regularizers": {"r1": {"weight": 0.5}}},
        discriminator={"dropout": 0.0},
    )
    logs = train(gan, rounds=1)
    assert set(logs) == {
        "V(D,G)",
        "value/hinge",
        "D(x)",
        "D(G(z))",
        "loss/discriminator",
        "loss/generator",
        "adversarial/discriminator",
        "adversarial/generator",
        "regularizer/r1",
        "gradient_norm/discriminator",
        "gradient_norm/generator",
    }
    assert logs["loss/discriminator"] == pytest.approx(
        -logs["value/hinge"] + logs["regularizer/r1"], rel=1e-5
    )
    assert 0 < logs["D(x)"] < 1


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: small(packing=2, conditional=True), "unconditional"),
        (lambda: small(updates="sometimes"), "one of alternating, simultaneous"),
        (lambda: small(latent_distribution="gamma"), "latent distribution"),
        (lambda: small(ema_decay=1.0), "ema_decay"),
        (
            lambda: small(discriminator_steps=3).train_step(tf.constant(IMAGES[:8])),
            "multiple of 3.*Received: 8",
        ),
        (
            lambda: small(conditional=True).train_step(tf.constant(IMAGES[:8])),
            "a dict of images, labels.*Received: images",
        ),
        (lambda: small(conditional=True)(np.zeros((1, 4), "float32")), "`latent` and `labels`"),
        (lambda: small(instance_noise=-1), "`instance_noise`.*Received: -1"),
        (lambda: small(instance_noise=float("nan")), "`instance_noise`"),
        (lambda: small(instance_noise_steps=0), "`instance_noise_steps` should be at least 1"),
        (lambda: small(packing=0), "`packing` should be at least 1"),
        (
            lambda: small(gradient_accumulation_steps=0),
            "`gradient_accumulation_steps` should be at least 1",
        ),
        (
            lambda: small(gradient_accumulation_steps=3, packing=2).train_step(
                tf.constant(IMAGES[:8])
            ),
            "multiple of 6 .*packing x gradient_accumulation_steps = 6.*Received: 8",
        ),
        (lambda: small(augment=["colour"]), "no augmentation `colour`. Did you mean `color`"),
        (lambda: small(compiled={"regularizers": "r1"}), "'weight': 0.1.*Received: 'r1'"),
        (lambda: small(compiled={"regularizers": ["r1"]}), r"Received: \['r1'\]"),
        (
            lambda: small(compiled={"regularizers": {"r1": 0.1}}),
            r"`regularizers.r1` should be a table.*Received: 0.1",
        ),
        (lambda: small(compiled={"regularizers": None}), "Received: None"),
        (
            lambda: small(
                compiled={"generator_optimizer": keras.optimizers.Adam(use_ema=True)},
            ),
            "`use_ema` should be false.*`ema_decay`",
        ),
        (
            lambda: small().compile(*[keras.optimizers.Adam()] * 2),
            "an optimizer of its own",
        ),
        (
            lambda: (
                small().fit(IMAGES[:10], batch_size=4, verbose=0)
                and small(discriminator_steps=4).fit(IMAGES[:10], batch_size=10, verbose=0)
            ),
            "multiple of 4",
        ),
    ],
)
def test_wrong_use_is_named(call, said):
    with pytest.raises((ConfigError, tf.errors.InvalidArgumentError), match=said):
        call()


def test_networks_that_do_not_fit_each_other_are_refused():
    first, second = small(), small("mlp", packing=2)
    with pytest.raises(ConfigError, match=r"samples of shape \(8, 8, 1\)"):
        GAN(first.generator, second.discriminator)


@pytest.mark.parametrize(
    ("shape", "received"),
    [
        ((8, 6, 6, 1), r"\(\d+, 6, 6, 1\)"),
        ((8, 64), r"\(\d+, 64\)"),
        ((8, 8, 8), r"\(\d+, 8, 8\)"),
        ((8,), r"\(\d+,\)"),
    ],
)
@pytest.mark.parametrize("packing", [1, 2])
def test_images_of_another_shape_are_refused_in_one_line(shape, received, packing):
    said = rf"Images should be of shape \(batch, 8, 8, 1\), as .* makes them\. Received: {received}"
    gan = small(packing=packing)
    with pytest.raises(ConfigError, match=said) as caught:
        gan.fit(np.zeros(shape, "float32"), batch_size=4, verbose=0)
    assert "\n" not in str(caught.value)


def dense(name, size, units):
    return keras.Sequential([keras.Input((size,), name=name), keras.layers.Dense(units)])


def two_outputs():
    image = keras.Input((6,), name="images")
    return keras.Model(image, [image, image])


@pytest.mark.parametrize(
    ("players", "said"),
    [
        (
            lambda: (dense("z", 4, 6), dense("images", 6, 1)),
            r"The generator should be .* named `latent` .*Received: inputs z\.",
        ),
        (
            lambda: (dense("latent", 4, 6), dense("x", 6, 1)),
            r"The discriminator should be .* named `images` .*Received: inputs x\.",
        ),
        (
            lambda: [keras.Sequential([keras.layers.Dense(6)])] * 2,
            r"named `latent` .*Received: Sequential without inputs\.",
        ),
        (lambda: ("mlp", "mlp"), r"named `latent` .*Received: str without inputs\."),
        (
            lambda: (
                keras.Sequential([keras.Input((2, 2), name="latent"), keras.layers.Flatten()]),
                dense("images", 4, 1),
            ),
            r"`latent` should be of shape \(batch, latent_dim\). Received: \(None, 2, 2\)",
        ),
        (
            lambda: (dense("latent", 4, 6), two_outputs()),
            "The discriminator should have one output. Received: 2",
        ),
    ],
)
def test_networks_that_are_no_players_are_refused_in_one_line(players, said):
    with pytest.raises(ConfigError, match=said) as caught:
        GAN(*players())
    assert "\n" not in str(caught.value)
