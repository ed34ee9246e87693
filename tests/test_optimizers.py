"""Optimizers by name, and the 2014 paper's schedule by hand."""

import keras
import numpy as np
import pytest

from keras_gan import load_config
from keras_gan.games import optimizers
from keras_gan.games.optimizers import AnnealedSGD
from keras_gan.utils.errors import ConfigError


def test_annealed_sgd_by_hand():
    """v <- mu_t v - (lr / divisor^t) g, w <- w + v, mu rising over 2 updates and then staying."""
    optimizer = AnnealedSGD(
        0.1, learning_rate_divisor=2.0, momentum=0.5, final_momentum=0.7, momentum_steps=2
    )
    weight = keras.Variable([1.0, -2.0])
    optimizer.build([weight])
    w, v = np.array([1.0, -2.0]), np.zeros(2)
    gradients = [np.array(g) for g in ([0.3, 1.0], [-0.2, 0.5], [1.0, 0.0], [0.1, 0.1])]
    for t, gradient in enumerate(gradients):
        optimizer.apply([keras.ops.convert_to_tensor(gradient, "float32")], [weight])
        momentum = 0.5 + 0.2 * min(t / 2, 1.0)
        v = momentum * v - 0.1 / 2.0**t * gradient
        w = w + v
        np.testing.assert_allclose(weight.numpy(), w, rtol=1e-5)


def test_the_2014_recipe_has_the_published_schedule():
    """D's published loss is half of ours, so that its rate is half of the published 0.1."""
    config = load_config("mnist_maxout")
    for role, initial in (("generator", 0.1), ("discriminator", 0.05)):
        optimizer = optimizers.build(role, getattr(config.optimizer, role))
        updates = 250 * (50_000 // config.training.batch_size)
        assert updates == optimizer.momentum_steps == 125_000
        rate = optimizer.get_config()["learning_rate"]["config"]
        assert rate["initial_learning_rate"] == initial
        assert rate["decay_rate"] == pytest.approx(1 / 1.000004, rel=1e-12)
        assert (optimizer.momentum, optimizer.final_momentum) == (0.5, 0.7)
    assert config.training.batch_size == 100
    assert config.game["updates"] == "simultaneous"
    assert config.data.split == "train[:50000]"
    assert (config.network["latent_dim"], config.game["latent_distribution"]) == (100, "uniform")
    assert config.loss == {"name": "non_saturating"}
    assert config.game["ema_decay"] == 0


def test_the_study_notes_recipe_has_its_numbers():
    config = load_config("mnist_mlp")
    adam = {"name": "adam", "learning_rate": 1e-4}
    assert (config.optimizer.generator, config.optimizer.discriminator) == (adam, adam)
    assert (config.training.batch_size, config.network["latent_dim"]) == (64, 128)
    assert config.regularizers == {}


def test_momentum_alone_stays():
    assert AnnealedSGD(0.1, momentum=0.9).final_momentum == 0.9


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"name": "adma"}, "Did you mean `adam`"),
        ({"name": "adam", "learning_rat": 1e-3}, "Did you mean `learning_rate`"),
        ({"name": "adam", "learning_rate": "fast"}, "optimizer.generator.learning_rate"),
        ({"name": "adam", "learning_rate": -1.0}, "learning_rate` should be at least 0"),
        ({"name": "annealed_sgd", "momentum": 0.0}, "`momentum` should be above 0"),
        ({"name": "annealed_sgd", "learning_rate_divisor": 0.0}, "divisor` should be above 0"),
        ({"name": "annealed_sgd", "learning_rate": -0.1}, "learning_rate` should be at least 0"),
        ({"name": "annealed_sgd", "momentum_steps": 0}, "momentum_steps` should be at least 1"),
        ({"name": "sgd", "momentum": 3.0}, "momentum"),
        ({"name": "adam", "use_ema": True}, r"optimizer\.generator\.use_ema.*game\.ema_decay"),
    ],
)
def test_wrong_options_are_named(options, said):
    with pytest.raises(ConfigError, match=said):
        optimizers.build("generator", options)


def test_a_learning_rate_can_follow_one_of_keras_schedules():
    schedule = {
        "name": "cosine_decay",
        "initial_learning_rate": "1e-3",
        "decay_steps": 100,
        "alpha": 0.1,
    }
    optimizer = optimizers.build("generator", {"name": "adam", "learning_rate": schedule})
    rates = []
    for step in (0, 50, 100, 1000):
        optimizer.iterations.assign(step)
        rates.append(float(optimizer.learning_rate))
    np.testing.assert_allclose(rates, [1e-3, 5.5e-4, 1e-4, 1e-4], rtol=1e-5)


@pytest.mark.parametrize(
    ("schedule", "said"),
    [
        ({"name": "cosine"}, "Did you mean `cosine_decay`"),
        ({"name": "cosine_decay", "decay_step": 3}, "Did you mean `decay_steps`"),
        ({"name": "cosine_decay", "initial_learning_rate": 1e-3}, "decay_steps"),
        ({"initial_learning_rate": 1e-3}, "learning_rate.name` should be text. Received: None"),
    ],
)
def test_wrong_schedules_are_named(schedule, said):
    with pytest.raises(ConfigError, match=said):
        optimizers.build("generator", {"name": "adam", "learning_rate": schedule})
