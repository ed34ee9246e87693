"""The theory lab: D alone reaches D*, games from one start, the commands, docs/theory.md."""

import importlib
import math
import re
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from pairs import pair
from PIL import Image

from keras_gan.apps.theory import fixed_generator, games
from keras_gan.config import load_config, override
from keras_gan.games.gan import GAN
from keras_gan.utils.errors import ConfigError

ROOT = Path(__file__).parents[1]
#: Small games: 40 rounds on the line, without XLA.
SMALL = {
    "data.split": "train[:4000]",
    "training.batch_size": 100,
    "training.epochs": 1,
    "training.jit_compile": False,
}
SET = [f"--set={path}={str(value).lower()}" for path, value in SMALL.items()]


def small(recipe="gaussian_1d", **more):
    return override(load_config(recipe), {**SMALL, **more})


# ------------------------------------------------------------------------- D alone


def test_a_discriminator_alone_reaches_the_best_one():
    outcome = fixed_generator.play(load_config("gaussian_1d"), 1.5, 0.7, rounds=1500)
    assert outcome.difference < 0.03
    assert outcome.largest_difference < 0.1
    assert abs(outcome.value - outcome.optimal_value) < 0.02
    assert outcome.optimal_value == pytest.approx(2 * outcome.jensen_shannon - math.log(4))
    # No D is above D*, but for the chance of 200,000 points.
    assert outcome.value < outcome.optimal_value + 4 * outcome.value_error
    assert outcome.jensen_shannon > 0.2  # logits of zero would not do


def test_an_untrained_discriminator_does_not_pass_for_the_best_one():
    outcome = fixed_generator.play(load_config("gaussian_1d"), 1.5, 0.7, rounds=1)
    assert outcome.difference > 0.1
    assert outcome.value < outcome.optimal_value - 0.1


def test_a_frozen_generator_stays_and_its_discriminator_moves():
    source = fixed_generator.affine_generator(2.0, 0.5)
    z = np.array([[-1.0], [0.0], [2.0]], np.float32)
    np.testing.assert_allclose(source({"latent": z}), 2.0 + 0.5 * z)

    made = GAN(*(small_players()), ema_decay=0.0)
    before = made.generator.get_weights()
    alone = GAN(fixed_generator.frozen(made.generator), made.discriminator, ema_decay=0.0)
    alone.compile()
    of_discriminator = made.discriminator.get_weights()
    points = np.random.default_rng(0).normal(size=(1000, 1)).astype(np.float32)
    fixed_generator.train_discriminator(alone, points, 10, 50, jit_compile=False)
    assert int(alone.iteration.numpy()) == 10
    for network in (made.generator, alone.generator):
        for old, new in zip(before, network.get_weights(), strict=True):
            np.testing.assert_array_equal(old, new)
    assert not np.array_equal(of_discriminator[0], made.discriminator.get_weights()[0])
    assert made.generator.trainable_variables  # the copy is frozen, not the original


def small_players():

    tf.keras.utils.set_random_seed(0)
    return pair(
        "mlp",
        latent_dim=1,
        sample_shape=(1,),
        generator={"hidden": [8], "activations": ["tanh"], "output_activation": "linear"},
        discriminator={"hidden": [8]},
    )


# --------------------------------------------------------------------------- games


@pytest.mark.slow
def test_games_start_alike_and_the_saturating_gradient_is_the_smaller():
    played = {
        name: games.play(small(), name, offset=4.0, head_start=300, frames=2)
        for name in ("minimax", "non_saturating")
    }
    first = [game.snapshots[0] for game in played.values()]
    np.testing.assert_array_equal(first[0].samples, first[1].samples)
    np.testing.assert_array_equal(first[0].discriminator, first[1].discriminator)
    assert abs(first[0].samples.mean() - 4.0) < 1.0  # moved from around 0
    assert first[0].discriminator[np.argmin(abs(first[0].places - 4.0))] < 0.05  # D is ahead
    saturating, other = (g.rows[0]["gradient_norm/generator"] for g in played.values())
    assert saturating < 0.1 * other
    rows = played["minimax"].rows
    assert [row["iteration"] for row in rows] == [20, 40]
    assert rows[0]["jensen_shannon"] > 0.6  # of log 2
    assert rows[0]["optimal_value"] == pytest.approx(
        2 * rows[0]["jensen_shannon"] - math.log(4), abs=1e-12
    )
    assert [s.iteration for s in played["minimax"].snapshots] == [0, 20, 40]


def test_relativistic_logits_are_read_as_the_game_reads_them():
    """On the line: with D* of a relativistic game moved by a constant, D is the same."""
    config = small("gaussian_1d")
    from keras_gan import training
    from keras_gan.evaluation.densities.mixtures import of_data
    from keras_gan.evaluation.densities.snapshots import Observer

    gan = training.prepare(override(config, {"loss.name": "relativistic"})).gan
    observer = Observer(gan, of_data("gaussian_1d"))
    before = observer.look().discriminator
    bias = gan.discriminator.layers[-1].bias
    bias.assign(bias + 5.0)
    np.testing.assert_allclose(observer.look().discriminator, before, atol=1e-5)


def test_games_on_the_plane_have_no_divergence():
    config = small("ring_8")
    game = games.play(config, "hinge", frames=1)
    assert "jensen_shannon" not in game.rows[0]
    assert game.snapshots[0].samples.shape[1] == 2
    assert game.snapshots[0].log_generated is None


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: games.play(small(), "minmax"), "Did you mean `minimax`"),
        (lambda: games.play(small("digits"), "minimax"), "density of the data set `digits`"),
        (
            lambda: games.play(small("ring_8", **{"game.packing": 2}), "hinge"),
            "game.packing=1",
        ),
        (
            lambda: games.play(
                small(**{"network.generator.output_activation": "tanh"}), "hinge", offset=1.0
            ),
            "output_activation=linear",
        ),
        (lambda: fixed_generator.play(small("ring_8"), 0.0, 1.0, 1), "use gaussian_1d"),
    ],
)
def test_what_cannot_be_played_is_named(call, said):
    with pytest.raises(ConfigError, match=said):
        call()


# ------------------------------------------------------------------------ commands


@pytest.mark.slow
def test_theory_games_draws_and_prints(cli, tmp_path):
    result = cli("theory", "games", "minimax", "hinge", "--head-start=10", "--out=lab", *SET)
    assert result.exit_code == 0, result.stderr
    files = {path.name for path in (tmp_path / "lab").iterdir()}
    assert files == {"games.png"} | {
        f"{name}.{ending}" for name in ("minimax", "hinge") for ending in ("png", "gif")
    }
    with Image.open(tmp_path / "lab" / "hinge.gif") as movie:
        assert movie.n_frames == 3
    titles, *lines = result.stdout.splitlines()
    assert re.split(r"\s{2,}", titles.strip()) == [
        "loss",
        "first gradient",
        "last gradient",
        "V",
        "JSD",
        "2 JSD - log 4",
    ]
    assert [line.split()[0] for line in lines] == ["minimax", "hinge"]
    assert all(np.isfinite(float(cell)) for line in lines for cell in line.split()[1:])


@pytest.mark.slow
def test_theory_games_on_the_plane(cli, tmp_path):
    result = cli("theory", "games", "minimax", "--recipe=ring_8", "--head-start=0", *SET)
    assert result.exit_code == 0, result.stderr
    assert (tmp_path / "theory" / "minimax.gif").exists()
    assert len(result.stdout.splitlines()) == 2


def test_theory_discriminator_draws_and_prints(cli, tmp_path):
    result = cli("theory", "discriminator", "--rounds=100")
    assert result.exit_code == 0, result.stderr
    with Image.open(tmp_path / "theory" / "discriminator.png") as picture:
        assert picture.size[0] > 100
    values = {line[:18].strip(): float(line[18:]) for line in result.stdout.splitlines()}
    assert values["2 JSD - log 4"] == pytest.approx(
        2 * values["JSD"] - math.log(4),
        abs=2e-4,  # both are printed to four digits
    )


@pytest.mark.slow
def test_theory_discriminator_plays_the_discriminator_that_is_set(cli):
    """One that is linear in x can't become D*, whose logit is a parabola."""
    linear = "network={discriminator: {hidden: [2], activations: [linear]}}"
    printed = [
        cli("theory", "discriminator", "--rounds=100", *more).stdout.splitlines()
        for more in ((), ("--set", linear), ("--set", "seed=1"))
    ]
    differences = [float(lines[0][18:]) for lines in printed]
    assert differences[1] > 2 * differences[0]
    assert differences[2] not in differences[:2]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["games", "minmax"], "Did you mean `minimax`"),
        (["games", "--recipe", "mnist"], "toy densities"),
        (["discriminator", "--recipe", "ring_8"], "use gaussian_1d"),
        (["discriminator", "--stddev", "0"], "stddev"),
        (["games", "--recipe", "gaussian"], "There is no recipe"),
        (["games", "--set", "loss.name=hinge"], "`--set loss.name` has no effect"),
        (["games", "--set", "loss={name: hinge}"], "`--set loss.name` has no effect"),
        (["games", "--set", "output.sample_count=5"], "`--set output.sample_count` has no effect"),
        (["discriminator", "--set", "training.batch_size=50"], "`--set training.batch_size` has"),
        (["discriminator", "--set", "optimizer.discriminator={name: sgd}"], "has no effect"),
        (["discriminator", "--set", "regularizers={r1: {weight: 1}}"], "has no effect"),
    ],
)
def test_wrong_arguments_are_one_line(cli, tmp_path, arguments, said):
    result = cli("theory", *arguments)
    assert result.exit_code == 2
    assert not result.stdout
    assert said in result.stderr
    assert len(result.stderr.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_a_folder_that_cannot_be_written_is_one_line(cli, tmp_path):
    (tmp_path / "taken").write_text("")
    result = cli("theory", "discriminator", "--rounds=1", "--out=taken/inside")
    assert result.exit_code == 1
    assert "Can't write" in result.stderr


# -------------------------------------------------------------------- docs/theory.md


def test_all_that_the_theory_page_names_exists():
    text = (ROOT / "docs" / "theory.md").read_text("utf-8")
    symbols = set(re.findall(r"`(keras_gan(?:\.\w+)+)`", text))
    tests = set(re.findall(r"`(tests/\w+\.py)::(\w+)`", text))
    images = set(re.findall(r"\]\((images/[\w.]+)\)", text))
    assert len(symbols) > 10 and len(tests) > 10 and images
    for symbol in symbols:
        assert resolved(symbol) is not None
    for file, name in tests:
        assert f"def {name}(" in (ROOT / file).read_text("utf-8"), f"{file} has no {name}"
    for image in images:
        assert (ROOT / "docs" / image).is_file(), image


def resolved(path):
    """The module, class, function or method of a dotted path."""
    parts = path.split(".")
    for cut in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:cut]))
        except ModuleNotFoundError:
            continue
        for name in parts[cut:]:
            found = getattr(found, name)
        return found
    raise ModuleNotFoundError(path)
