"""A training that has gone wrong says so, and keeps nothing that is not sound."""

import warnings

import numpy as np
import pytest
from conftest import QUICK

from keras_gan import load_config, training
from keras_gan.config import override
from keras_gan.runs import checkpoints, load
from keras_gan.training.callbacks import Health
from keras_gan.utils.errors import DivergedError, KerasGanWarning

SMALL = {
    "network.generator.hidden": [16, 16],
    "network.discriminator.hidden": [16],
    "training.jit_compile": False,
    "output.samples_every_epochs": 0,
    "output.held_out_every_epochs": 0,
}


def test_a_training_that_diverges_stops_and_keeps_its_sound_checkpoints(cli):
    much = "--set=optimizer.{}.learning_rate={}"
    schedule = "{name: exponential_decay, initial_learning_rate: 1e-3, decay_steps: 10, "
    schedule += "decay_rate: 10}"  # tenfold each ten steps
    result = cli(
        "fit",
        "digits",
        "--run-dir=run",
        "--epochs=40",
        *QUICK,
        "--set=output.checkpoint_every_epochs=1",
        "--set=output.samples_every_epochs=1",
        much.format("generator", schedule),
        much.format("discriminator", schedule),
    )
    assert (result.exit_code, result.stdout) == (1, "")
    *_, last = result.stderr.splitlines()
    assert last.startswith("Error: Training has diverged between step ")
    assert " is nan" in last or " is inf" in last
    kept = checkpoints.list_checkpoints(load("run").checkpoints)
    assert f"The checkpoint to go back to is {kept[-1]}." in last
    assert f"At step {last.split('between step ')[1].split()[0]}: V(D,G) " in last
    assert "Traceback" not in result.stderr
    assert all(checkpoints.problem(path) is None for path in kept)
    for network in (load("run").generator, load("run").gan.discriminator):
        assert all(np.isfinite(weight).all() for weight in network.get_weights())


def test_a_discriminator_that_has_won_is_told_of_once(tmp_path):
    """G does not learn, D does: real training, D(x) goes to 1 and D(G(z)) to 0."""
    config = override(
        load_config("digits"),
        {
            **SMALL,
            "loss": {"name": "non_saturating"},
            "regularizers": {},
            "optimizer.generator.learning_rate": 0.0,
            "optimizer.discriminator.learning_rate": 0.02,
            "training.epochs": 60,
        },
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        training.fit(config, tmp_path / "run")
    told = [str(w.message) for w in caught if issubclass(w.category, KerasGanWarning)]
    (won,) = (text for text in told if "the discriminator has won" in text)
    assert "D(x) was at 1 and D(G(z)) at 0" in won


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """A Health that looks at a GAN in mixed_float16."""
    config = override(load_config("digits"), {**SMALL, "training.precision": "mixed_float16"})
    prepared = training.prepare(config)
    run = training.start(prepared, tmp_path_factory.mktemp("run") / "run")
    return prepared.gan, run.path


GOOD = {"V(D,G)": -1.4, "D(x)": 0.5, "D(G(z))": 0.5, "gradient_norm/generator": 0.0}
WON = {**GOOD, "D(x)": 0.999, "D(G(z))": 0.001}


def health(gan, run):
    found = Health(run)
    found.set_model(gan)
    found.on_train_begin()
    return found


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_any_mean_that_is_not_finite_stops(value, watched):
    watch = health(*watched)
    watch.act(10, GOOD)
    with pytest.raises(DivergedError) as caught:
        watch.act(20, {**GOOD, "gradient_norm/generator": value})
    said = str(caught.value)
    assert f"between step 10 and 20: gradient_norm/generator is {value}. At step 10: V(D,G)" in said
    assert "training.init_from=" in said


def test_a_skipped_round_is_sound_but_one_after_the_other_is_not(watched):
    """Under a loss scale a gradient that is not finite is logged as 0, and the scale halved."""
    gan, run = watched
    watch = health(gan, run)
    scale = gan.generator_optimizer.dynamic_scale
    before = float(scale.numpy())
    try:
        scale.assign(1.0)  # 15 skipped rounds from where it starts
        watch.act(10, GOOD)
        scale.assign(2.0**-11)
        with pytest.raises(DivergedError, match="the generator's gradients are not finite at any"):
            watch.act(20, GOOD)
    finally:
        scale.assign(before)


def test_only_a_long_victory_is_told_and_each_once(watched):
    watch = health(*watched)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for step in range(100, 1000, 100):
            watch.act(step, WON)
        watch.act(1000, GOOD)  # it was not long enough
        for step in range(1100, 2100, 100):
            watch.act(step, WON)
            assert len(caught) == (step >= 2000), step
        for step in range(2100, 4000, 100):
            watch.act(step, WON)
    assert len(caught) == 1
    assert "from step 1000 to 2000" in str(caught[0].message)


def test_a_critics_scores_are_no_victory(watched):
    from keras_gan.games import losses

    gan, run = watched
    before, gan.adversarial_loss = gan.adversarial_loss, losses.get("wasserstein")
    try:
        watch = health(gan, run)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for step in range(100, 4000, 100):
                watch.act(step, WON)
    finally:
        gan.adversarial_loss = before
