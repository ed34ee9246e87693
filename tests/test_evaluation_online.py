"""What `fit` watches: diversity, a discriminator that did not play, the best checkpoint."""

import json
import math
import random
import shutil

import numpy as np
import pytest
from conftest import real_data
from pairs import pair

from keras_gan import load, load_config, training
from keras_gan.config import DataConfig, override
from keras_gan.data import load_source
from keras_gan.data.densities import DENSITIES
from keras_gan.evaluation.held_out import held_out_gap
from keras_gan.evaluation.metrics.diversity import Reference, diversity
from keras_gan.evaluation.metrics.modes import MOST_TV
from keras_gan.runs import checkpoints, sampling
from keras_gan.utils.errors import EvaluationError, KerasGanWarning, RunError
from keras_gan.utils.pixels import flat

RNG = np.random.default_rng(0)


def critic(**more):
    return pair(
        "mlp",
        latent_dim=2,
        sample_shape=(2,),
        discriminator={"hidden": [64, 64], "activations": ["gelu"]},
        **more,
    )[1]


# ------------------------------------------------------------------------ diversity


def test_equal_distributions_have_no_distance_and_the_same_spread():
    a, b = RNG.normal(size=(2, 2000, 8))
    found = diversity(a, b)
    # The statistic's standard deviation is about 2 E|x - y| / n = 0.004.
    assert abs(found.energy_distance) < 0.02
    assert found.spread == pytest.approx(1, abs=0.02)
    assert found.nearest == pytest.approx(1, abs=0.05)
    assert not found.collapsed


def test_one_image_is_called_collapsed():
    real = RNG.normal(size=(500, 8))
    assert diversity(np.repeat(real[:1], 500, axis=0), real).collapsed


def test_a_few_images_over_and_over_are_called_collapsed():
    real = RNG.normal(size=(500, 8))
    few = real[RNG.integers(20, size=500)]
    found = diversity(few, real)
    assert found.spread > 0.8  # they spread as the data do
    assert found.nearest == 0
    assert found.collapsed


def test_samples_that_keep_to_one_place_are_called_collapsed():
    real = RNG.normal(size=(500, 8))
    assert diversity(0.3 * real, real).collapsed


def test_half_of_the_modes_are_called_a_collapse():
    """Each mode is as wide as it should be, and their distances are those of the data."""
    means, stddev = DENSITIES["ring_8"]
    modes = RNG.integers(8, size=(2, 1000))
    real, exact = means[modes] + stddev * RNG.normal(size=(2, 1000, 2))
    half = means[modes[0] // 2 * 2] + stddev * RNG.normal(size=(1000, 2))
    found = diversity(half, real)
    assert found.spread > 0.9 and found.nearest > 0.6
    assert found.bin_tv == pytest.approx(0.5, abs=0.06)  # shares have errors of 1%
    assert found.collapsed
    assert not diversity(exact, real).collapsed


def test_exact_samples_differ_by_chance_alone():
    """1,000 in 20 cells: mean |p - q| of two shares of 1/20 is 0.0078, half of 20 of it 0.078."""
    found = [diversity(*RNG.normal(size=(2, 1000, 2))).bin_tv for _ in range(10)]
    assert np.mean(found) == pytest.approx(0.078, abs=0.015)  # its standard error is 0.004
    assert max(found) < MOST_TV / 2


def test_few_real_samples_are_cut_into_fewer_cells():
    real = RNG.normal(size=(60, 2))
    assert len(Reference(real).centres) == 2
    assert len(Reference(real[:2]).centres) == 1
    assert Reference(real).shares.sum() == pytest.approx(1)


def test_one_class_of_mnist_is_called_a_collapse():
    source = load_source(DataConfig(name=str(real_data("idx", "mnist"))))
    images, labels = flat(source.images), source.labels
    order = np.random.default_rng(0).permutation(len(images))
    data, rest = Reference(images[order[:1000]]), order[1000:]
    assert not diversity(images[rest[:1000]], data).collapsed
    for digit in range(10):
        found = diversity(images[rest[labels[rest] == digit][:1000]], data)
        assert found.collapsed, f"{digit}: {found}"


def test_data_that_are_one_image_are_no_collapse(recwarn):
    same = np.ones((50, 4))
    assert not diversity(same, same).collapsed
    assert not recwarn.list


def test_uint8_and_float_images_are_compared_on_one_scale():
    images = RNG.integers(256, size=(5, 2, 2, 1)).astype(np.uint8)
    np.testing.assert_allclose(flat(images), flat(images / np.float32(127.5) - 1), atol=1e-6)


# ------------------------------------------------------- a discriminator trained afresh


def gaussians(mean, count=2800):
    return RNG.normal(size=(2, count, 2)).astype(np.float32) + np.array(
        [[[0, 0]], [[mean, 0]]], np.float32
    )


def test_the_gap_of_equal_distributions_is_none():
    gap = held_out_gap(critic(), *gaussians(0.0))
    assert gap.value == pytest.approx(-math.log(4), abs=0.02)
    assert gap.jensen_shannon < 0.01


def test_the_gap_of_two_gaussians_is_their_divergence():
    from keras_gan.evaluation.densities.divergences import Grid, jensen_shannon
    from keras_gan.evaluation.densities.mixtures import Mixture

    grid = Grid.around(Mixture(np.array([[0.0], [2.0]]), 1.0))
    densities = [Mixture(np.array([[m]]), 1.0).log_density(grid.centres[:, None]) for m in (0, 2)]
    exact = jensen_shannon(*densities, grid.width)
    gap = held_out_gap(critic(), *gaussians(2.0))
    # 800 held-out points: a standard error of about 0.03 in V; a lower bound besides.
    assert exact - 0.06 < gap.jensen_shannon < exact + 0.03


def test_distributions_apart_have_the_greatest_divergence():
    assert held_out_gap(critic(), *gaussians(50.0, 700)).jensen_shannon == pytest.approx(
        math.log(2), abs=0.01
    )


def test_a_gap_is_a_function_of_its_seed_and_leaves_pythons_numbers_alone():
    real, fake = gaussians(1.0, 280)
    random.seed(5)
    before = random.getstate()
    first = held_out_gap(critic(), real, fake, seed=3)
    random.setstate(before)
    network = critic()
    state = random.getstate()
    assert held_out_gap(network, real, fake, seed=3) == first
    assert random.getstate() == state


@pytest.mark.parametrize("packing", [1, 2])
def test_too_few_samples_have_no_gap(packing):
    with pytest.raises(EvaluationError, match=f"needs {60 * packing} samples"):
        held_out_gap(critic(packing=packing), *gaussians(0.0, 60 * packing - 1), packing=packing)


@pytest.mark.parametrize("count", [60, 61])
def test_from_60_samples_on_there_is_a_gap(count):
    """A wide one, of log 2 = 0.693: so few samples train the critic for a few steps only."""
    assert held_out_gap(critic(), *gaussians(50.0, count)).jensen_shannon > 0.3


def test_a_gap_that_only_labels_show_is_seen_by_a_critic_that_gets_them():
    real, _ = gaussians(0.0, 1400)
    labels = (np.arange(1400) % 2).astype(np.int32)
    real[:, 0] += 6 * labels
    fake = real[::-1].copy()  # the same points, with each other's labels
    assert held_out_gap(critic(), real, fake).jensen_shannon < 0.02
    told = held_out_gap(critic(num_classes=2), real, fake, labels)
    assert told.jensen_shannon > 0.6  # of log 2; 0.1% of either lie beyond the middle


def test_a_gap_that_only_pairs_show_is_seen_by_a_critic_of_pairs():
    real, fake = gaussians(0.0)
    fake = np.repeat(fake[:1400], 2, axis=0)
    packed = held_out_gap(critic(packing=2), real, fake, packing=2)
    assert packed.jensen_shannon > 0.4  # of log 2: two points of a pair are one


# ------------------------------------------------------------------------ in a training


def config(**more):
    values = {
        "network.generator.hidden": [16],
        "network.discriminator.hidden": [16],
        "training.jit_compile": False,
        "training.epochs": 4,
        "output.samples_every_epochs": 1,
        "output.checkpoint_every_epochs": 1,
        "output.held_out_every_epochs": 2,
    }
    return override(load_config("digits"), {**values, **more})


def rows(run, key):
    return {row["iteration"]: row[key] for row in run.metrics() if key in row}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    return training.fit(config(), tmp_path_factory.mktemp("online") / "run")


def test_a_collapse_is_warned_of_once_while_it_lasts(tmp_path, recwarn):
    # A single hidden unit: all samples lie on a curve.
    narrow = {"network.generator.hidden": [1], "output.held_out_every_epochs": 0}
    training.fit(config(**narrow), tmp_path / "run")
    found = [str(w.message) for w in recwarn if issubclass(w.category, KerasGanWarning)]
    assert len(found) == 1
    assert "mode collapse at step 23" in found[0]


def test_the_online_metrics_have_rows_at_their_cadence(run):
    assert list(rows(run, "online/energy_distance")) == [23, 46, 69, 92]
    assert list(rows(run, "held_out/V(D,G)")) == [46, 92]


def test_the_best_checkpoint_is_that_of_the_least_distance(run):
    distances = rows(run, "online/energy_distance")
    facts = json.loads((run.checkpoints / "best" / "checkpoint.json").read_text())
    assert facts["distance"] == min(distances.values())
    assert facts["iteration"] == min(distances, key=distances.get)
    best = load(run.path, "best")
    assert int(best.gan.iteration.numpy()) == facts["iteration"]


def test_a_run_without_a_best_checkpoint_says_so(run, tmp_path):
    copy = shutil.copytree(run.path, tmp_path / "copy")
    shutil.rmtree(copy / "checkpoints" / "best")
    with pytest.raises(RunError, match=r"best checkpoint .* there is none"):
        _ = load(copy, "best").gan


def test_a_damaged_best_checkpoint_is_not_used(run, tmp_path):
    copy = shutil.copytree(run.path, tmp_path / "copy")
    with open(copy / "checkpoints" / "best" / checkpoints.STATE, "r+b") as file:
        file.seek(1000)
        file.write(b"damage")
    with pytest.raises(RunError, match="checksum"):
        _ = load(copy, "best").gan
    assert checkpoints.best_distance(run.gan, copy / "checkpoints") == math.inf


def test_what_was_the_best_later_is_not_yet(run):
    facts = json.loads((run.checkpoints / "best" / "checkpoint.json").read_text())
    at = facts["iteration"]
    gan = load(run.path, "best").gan
    assert checkpoints.best_distance(gan, run.checkpoints) == facts["distance"]
    gan.iteration.assign(at - 1)
    assert checkpoints.best_distance(gan, run.checkpoints) == math.inf


@pytest.mark.slow
def test_a_resumed_run_has_the_same_online_metrics_and_the_same_best(run, tmp_path):
    part = training.fit(config(**{"training.epochs": 2}), tmp_path / "part")
    prepared, _ = training.prepare_resume(part, epochs=4)
    training.play(prepared, part)
    for key in ("online/energy_distance", "online/nearest", "held_out/V(D,G)"):
        assert rows(part, key) == rows(run, key)
    best = [json.loads((r.checkpoints / "best/checkpoint.json").read_text()) for r in (run, part)]
    assert best[0]["distance"] == best[1]["distance"]
    assert best[0]["iteration"] == best[1]["iteration"]


def test_both_checks_can_be_turned_off(tmp_path):
    off = {"output.samples_every_epochs": 0, "output.held_out_every_epochs": 0}
    run = training.fit(config(**off, **{"training.epochs": 1}), tmp_path / "run")
    assert not rows(run, "online/energy_distance") and not rows(run, "held_out/V(D,G)")


def held_out_of(tmp_path, count, epochs, recwarn):
    values = {
        "data.split": f"train[:{count}]", "training.batch_size": 30, "training.epochs": epochs
    }  # fmt: skip
    run = training.fit(config(**values), tmp_path / "run")
    said = [str(w.message) for w in recwarn if "held-out" in str(w.message)]
    return rows(run, "held_out/V(D,G)"), said


def test_61_training_images_are_enough_to_watch(tmp_path, recwarn):
    found, said = held_out_of(tmp_path, 61, 2, recwarn)
    assert list(found) == [4] and not said


def test_too_few_training_images_to_watch_are_told_once(tmp_path, recwarn):
    found, said = held_out_of(tmp_path, 59, 4, recwarn)
    assert not found
    assert said == [
        "A held-out discriminator needs 60 samples of either kind. Received: 59 and 59."
    ]


def test_the_best_checkpoint_is_chosen_by_other_samples_than_are_judged(run):
    """Those of `keras-gan evaluate --seed 0` would make the chosen one look too good."""
    at = run.iteration
    source = training.prepare(run.config).source
    chosen = np.random.default_rng(run.config.seed).permutation(source.num_samples)[:1000]
    judged = sampling.sample(run, 1000, seed=run.config.seed)["samples"]
    found = diversity(flat(judged), flat(source.images[chosen])).energy_distance
    assert found == pytest.approx(rows(run, "online/energy_distance")[at], rel=0.5)
    assert found != pytest.approx(rows(run, "online/energy_distance")[at], rel=1e-6)


@pytest.mark.slow
def test_a_conditional_packed_and_pointlike_game_can_be_watched(tmp_path):
    few = {"data.split": "train[:700]", "training.epochs": 1, "output.held_out_every_epochs": 1}
    for name, values in (
        ("labels", {"network.conditioning": "projection"}),
        ("packed", {"game.packing": 2}),
        (
            "points",
            {
                "data.name": "ring_8",
                "network.generator": {"hidden": [16, 16], "output_activation": "linear"},
                "training.batch_size": 700,
            },
        ),
    ):
        run = training.fit(config(**few, **values), tmp_path / name)
        (value,) = rows(run, "held_out/V(D,G)").values()
        # G has played for one epoch at most: a critic that learned anything sees a gap.
        assert -math.log(4) + 0.1 < value < 0, name
