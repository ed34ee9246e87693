"""From a recipe to a run: every recipe trains, a resumed run is the uninterrupted one."""

import json
import shutil

import numpy as np
import pytest
import tensorflow as tf

from keras_gan import load, load_config, training
from keras_gan.config import override, recipe_names
from keras_gan.games import recipes
from keras_gan.runs import Run, checkpoints
from keras_gan.runs.logs import BOARD, OPTIMUM, drop_rows_after, finite_or_null
from keras_gan.utils.errors import ConfigError, RunError

RNG = np.random.default_rng(0)

#: What makes each recipe small without changing what it is.
SMALL = {
    "mlp": {"network.generator.hidden": [16, 16], "network.discriminator.hidden": [16] * 3},
    "maxout": {"network.generator.hidden": [16, 16], "network.discriminator.units": [8, 8]},
    "dcgan": {"network.generator.width": 4, "network.discriminator.width": 4},
    "resnet": {"network.generator.width": 4, "network.discriminator.width": 4},
}

#: The file of `tiny` that takes the place of a data set.
STAND_IN = {
    "mnist": "grey",
    "fashion_mnist": "grey",
    "stacked_mnist": "stacked",
    "cifar10": "cifar",
    "photos": "photos",
}


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A labelled data set of 48 images, as files of the shapes that recipes have."""
    folder = tmp_path_factory.mktemp("data")
    shapes = {
        "grey": (28, 28, 1),
        "stacked": (28, 28, 3),
        "cifar": (32, 32, 3),
        "photos": (64, 64, 3),
    }
    for name, shape in shapes.items():
        images = RNG.integers(256, size=(48, *shape)).astype(np.uint8)
        np.savez(folder / f"{name}.npz", images=images, labels=np.arange(48) % 10)
    return folder


def event_files(path):
    """How many TensorBoard has of a run, and of its optima."""
    return [len(list((path / name).glob("*tfevents*"))) for name in (BOARD, OPTIMUM)]


def small_config(name, tiny, **more):
    config = load_config(name)
    values = dict(SMALL[config.network["family"]])
    hidden = config.network["discriminator"].get("hidden")
    if hidden:
        values["network.discriminator.hidden"] = [16] * len(hidden)
    if config.network["generator"].get("hidden") and config.network["family"] == "mlp":
        values["network.generator.hidden"] = [16] * len(config.network["generator"]["hidden"])
    if config.network.get("encoder"):
        values["network.encoder.hidden"] = [16] * len(config.network["encoder"]["hidden"])
    if config.data.name in STAND_IN:
        stand_in = tiny / f"{STAND_IN[config.data.name]}.npz"
        values |= {"data.name": str(stand_in), "data.split": "train"}
    if config.data.labels_per_class:
        values["data.labels_per_class"] = 2
    values |= {"training.batch_size": 16, "training.epochs": 1, "output.sample_count": 20}
    values["output.held_out_every_epochs"] = 0  # a network to compile, with a test of its own
    values["training.jit_compile"] = False  # XLA takes ten seconds to compile what is not its test
    return override(config, {**values, **more})


def weights(path):
    """All that a checkpoint holds, by name."""
    import h5py

    found = {}
    newest = checkpoints.list_checkpoints(path / "checkpoints")[-1]
    with h5py.File(newest / checkpoints.STATE) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]}) if hasattr(item, "shape") else None
        )
    return found


def pictures(path):
    """The bytes of each sample grid, by name."""
    return {picture.name: picture.read_bytes() for picture in (path / "samples").iterdir()}


def rows(path):
    """metrics.jsonl without its wall-clock values."""
    lines = (path / "metrics.jsonl").read_text().splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if not k.startswith("time/")} for line in lines
    ]


def three_steps(name, tiny, **more):
    config = small_config(name, tiny, **more)
    rows_of_data = 3 * 16 * config.game.get("discriminator_steps", 1)
    return override(config, {"data.split": f"train[:{rows_of_data}]"})


#: Recipes of the lighter families, with an encoder, with classes for D, and of points; the slow
#: test below plays all of them.
EACH_KIND = (
    *("mnist_conditional", "mnist_semi", "mnist_bigan", "mnist_maxout"),
    *("mnist_dcgan", "photos", "ring_8"),
)


@pytest.mark.parametrize("name", EACH_KIND)
def test_a_recipe_trains_three_steps_and_can_be_loaded(name, tiny, tmp_path):
    config = three_steps(name, tiny)
    run = training.fit(config, tmp_path / "run")
    scalars, diversity = rows(run.path)
    assert "V(D,G)" in scalars
    assert "online/energy_distance" in diversity
    last = scalars | diversity
    assert scalars["iteration"] == diversity["iteration"] == 3
    assert checkpoints.list_checkpoints(run.checkpoints)[-1].name == "000000003"
    assert all(np.isfinite(v) for v in last.values())
    assert sorted(p.name for p in (run.path / "samples").iterdir())[0] == "000000000.png"
    again = load(run.path)
    assert again.config == recipes.resolved(config)
    assert again.generator.output_shape[1:] == run.sample_shape


@pytest.mark.slow
@pytest.mark.parametrize("name", recipe_names())
def test_every_recipe_goes_on_from_its_second_step_as_it_did(name, tiny, tmp_path):
    """With the GAN that has played the third step: what is in no checkpoint would be of later."""
    more = {"training.steps_per_execution": 1, "output.checkpoint_every_epochs": 0.01}
    prepared = training.prepare(three_steps(name, tiny, **more))
    run = training.start(prepared, tmp_path / "run")
    training.play(prepared, run)
    assert all(np.isfinite(value) for row in rows(run.path) for value in row.values())
    assert load(run.path).generator.output_shape[1:] == run.sample_shape
    again = Run(shutil.copytree(run.path, tmp_path / "again"))
    shutil.rmtree(again.checkpoints / "000000003")
    assert checkpoints.load_newest(prepared.gan, again.checkpoints) == (2, [])
    training.play(prepared, again)
    first, second = weights(run.path), weights(again.path)
    assert first.keys() == second.keys()
    for key in first:
        np.testing.assert_array_equal(first[key], second[key], err_msg=key)
    assert rows(again.path) == rows(run.path)
    assert pictures(again.path) == pictures(run.path)


@pytest.mark.parametrize(
    ("recipe", "settings"),
    [
        pytest.param("mnist", {"training.jit_compile": True}, marks=pytest.mark.slow),
        ("mnist_maxout", {}),  # dropout, annealed SGD
        pytest.param("mnist_conditional", {"game.discriminator_steps": 2}, marks=pytest.mark.slow),
        pytest.param(
            "cifar10",
            {
                "network.discriminator.spectral_norm": True,
                "regularizers.r1.weight": 0.1,
                "regularizers.r1.every": 2,
            },
            marks=pytest.mark.slow,
        ),
        pytest.param(
            "mnist_mlp",
            {"training.precision": "mixed_float16", "game.instance_noise": 0.1},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(recipe, settings, tiny, tmp_path):
    """Stopped in the middle of an epoch: weights, slots, averages, metrics, pictures."""
    config = small_config(
        recipe,
        tiny,
        **{
            "training.epochs": 4,
            "training.batch_size": 8,
            "training.steps_per_execution": 2,
            "output.scalars_every_steps": 1,
            "output.samples_every_epochs": 1.0,
            "output.checkpoint_every_epochs": 100.0,
            **settings,
        },
    )
    whole = training.fit(config, tmp_path / "whole")

    class Stop(tf.keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = int(self.model.iteration.numpy()) >= 8

    broken = training.fit(config, tmp_path / "broken", [Stop()])
    steps = 48 // 8 // config.game.get("discriminator_steps", 1)
    assert 8 % steps, "the stop should lie within an epoch"
    assert int(checkpoints.list_checkpoints(broken.checkpoints)[-1].name) == 8
    prepared, warnings = training.prepare_resume(Run(broken.path))
    assert warnings == []
    training.play(prepared, broken)

    first, second = weights(whole.path), weights(broken.path)
    assert first.keys() == second.keys()
    assert any("optimizer" in name for name in first)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    assert rows(whole.path) == rows(broken.path)
    first, second = pictures(whole.path), pictures(broken.path)
    assert [int(name[:-4]) for name in sorted(first)] == [0, *range(steps, 4 * steps + 1, steps)]
    assert first == second


def test_two_runs_of_one_seed_are_equal_and_another_seed_is_not(tiny, tmp_path):
    runs = [
        training.fit(small_config("mnist", tiny, seed=seed), tmp_path / str(n))
        for n, seed in enumerate((1, 1, 2))
    ]
    first, second, third = (weights(run.path) for run in runs)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    assert any(not np.array_equal(first[name], third[name]) for name in first)


def test_a_finished_run_can_be_extended(tiny, tmp_path):
    longer = training.fit(small_config("mnist", tiny, **{"training.epochs": 2}), tmp_path / "long")
    run = training.fit(small_config("mnist", tiny), tmp_path / "short")
    assert event_files(run.path) == [1, 1]
    prepared, _ = training.prepare_resume(run, epochs=2)
    training.play(prepared, run)
    assert event_files(run.path) == [2, 2]
    first, second = weights(longer.path), weights(run.path)
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)


def test_a_damaged_newest_checkpoint_is_passed_over_with_a_warning(tiny, tmp_path):
    run = training.fit(small_config("mnist", tiny), tmp_path / "run")
    *_, before, newest = checkpoints.list_checkpoints(run.checkpoints)
    state = newest / checkpoints.STATE
    content = bytearray(state.read_bytes())
    content[len(content) // 2] ^= 1
    state.write_bytes(content)
    prepared, warnings = training.prepare_resume(Run(run.path))
    assert len(warnings) == 1
    assert newest.name in warnings[0]
    assert int(prepared.gan.iteration.numpy()) == int(before.name)
    assert warnings[0].endswith("; using the one before it")
    for path in checkpoints.list_checkpoints(run.checkpoints):
        (path / checkpoints.STATE).unlink()
    with pytest.raises(RunError, match="no whole checkpoint") as caught:
        training.prepare_resume(Run(run.path))
    assert str(before) in str(caught.value)
    assert "before it" not in str(caught.value)
    assert str(caught.value).endswith(f" Train anew: keras-gan fit {run.path / 'config.yaml'}.")


def test_fine_tuning_starts_from_the_other_runs_weights(tiny, tmp_path):
    first = training.fit(small_config("mnist", tiny), tmp_path / "first")
    config = small_config("mnist", tiny, **{"training.init_from": str(first.path), "seed": 7})
    prepared = training.prepare(config)
    assert int(prepared.gan.iteration.numpy()) == 0
    for mine, other in (
        (prepared.gan.generator, first.generator),
        (prepared.gan.generator_ema, first.generator),
        (prepared.gan.discriminator, first.gan.discriminator),
    ):
        for a, b in zip(mine.get_weights(), other.get_weights(), strict=True):
            np.testing.assert_array_equal(a, b)
    other = override(
        config, {"network.generator.hidden": [8] * len(config.network["generator"]["hidden"])}
    )
    with pytest.raises(ConfigError, match="other shapes"):
        training.prepare(other)


def test_a_float32_generator_comes_out_of_a_mixed_run(tiny, tmp_path):
    config = small_config("mnist", tiny, **{"training.precision": "mixed_float16"})
    run = training.fit(config, tmp_path / "run")
    generator = load(run.path).generator
    assert {layer.compute_dtype for layer in generator.layers} == {"float32"}


def test_tensorboard_has_the_game_its_optimum_pictures_and_the_config(tiny, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    config = small_config(
        "mnist",
        tiny,
        **{
            "output.scalars_every_steps": 1,
            "training.steps_per_execution": 1,
            "training.epochs": 2,
            "output.samples_every_epochs": 1.0,
        },
    )
    run = training.fit(config, tmp_path / "run")
    board = EventAccumulator(
        str(run.path / "tensorboard"), size_guidance={"tensors": 0, "images": 0}
    ).Reload()
    tags = set(board.Tags()["tensors"])
    assert {
        "V(D,G)",
        "D(x)",
        "D(G(z))",
        "loss/generator",
        "loss/discriminator",
        "gradient_norm/generator",
        "gradient_norm/discriminator",
        "time/images_per_second",
        "samples",
        "config",
    } <= tags
    steps = [event.step for event in board.Tensors("V(D,G)")]
    assert steps == list(range(1, 7))
    logged = [float(tf.make_ndarray(event.tensor_proto)) for event in board.Tensors("V(D,G)")]
    assert logged == pytest.approx([row["V(D,G)"] for row in rows(run.path) if "V(D,G)" in row])
    assert [event.step for event in board.Tensors("samples")] == [0, 3, 6]
    text = tf.make_ndarray(board.Tensors("config")[0].tensor_proto).item().decode()
    assert run.config.to_yaml().strip() in text
    hparams = [d for t, d in board.summary_metadata.items() if "hparams" in t]
    assert hparams
    optimum = EventAccumulator(str(run.path / "tensorboard" / "optimum")).Reload()
    value = float(tf.make_ndarray(optimum.Tensors("V(D,G)")[-1].tensor_proto))
    assert value == pytest.approx(-np.log(4))


def test_conditional_sample_grids_have_a_row_a_class(tiny, tmp_path):
    from PIL import Image

    run = training.fit(small_config("mnist_conditional", tiny), tmp_path / "run")
    with Image.open(next((run.path / "samples").glob("*.png"))) as picture:
        width, height = picture.size
    assert (width, height) == (2 * 57 + 1, 10 * 57 + 1)  # 20 samples, doubled to 56 pixels


def test_metrics_that_are_no_numbers_become_null():
    row = finite_or_null({"iteration": 3, "V(D,G)": float("nan"), "D(x)": float("inf")})
    assert json.dumps(row) == '{"iteration": 3, "V(D,G)": null, "D(x)": null}'


def test_rows_that_are_later_torn_or_damaged_are_dropped(tmp_path):
    path, row = tmp_path / "metrics.jsonl", b'{"iteration": %d, "x": 0.5}'
    torn = [b'{"iteration": 2, "x', b'{"iteration": 2, "\xff": 0}', bytes(9), b"2", b"[]"]
    torn += [b'{"x": 1}']
    path.write_bytes(b"\n".join([row % 1, *torn, row % 9, row % 3, row % 3]))
    drop_rows_after(path, 3)
    assert path.read_bytes() == row % 1 + b"\n" + row % 3 + b"\n"  # the last one has no end
    drop_rows_after(tmp_path / "none.jsonl", 3)  # a run that has not logged yet


def test_a_run_that_can_not_go_on_is_left_as_it_is(tiny, tmp_path):
    config = small_config(
        "mnist", tiny, **{"training.batch_size": 8, "training.steps_per_execution": 2}
    )

    class Stop(tf.keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    run = training.fit(config, tmp_path / "run", [Stop()])
    other = override(run.config, {"training.steps_per_execution": 3})
    (run.path / "config.yaml").write_text(other.to_yaml())
    with open(run.path / "metrics.jsonl", "a") as file:
        file.write('{"iteration": 3}\n')
    files = [run.path / name for name in ("config.yaml", "metrics.jsonl")]
    before = [file.read_bytes() for file in files]
    with pytest.raises(RunError, match=r"training\.steps_per_execution is 3, and was 2 at step 2"):
        training.prepare_resume(Run(run.path), epochs=5)
    assert [file.read_bytes() for file in files] == before


@pytest.mark.slow
def test_an_extended_run_that_is_stopped_goes_on_to_its_new_end(tiny, tmp_path):
    run = training.fit(small_config("mnist", tiny), tmp_path / "run")
    prepared, _ = training.prepare_resume(run, epochs=3)

    class Stop(tf.keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            self.model.stop_training = True

    training.play(prepared, run, [Stop()])
    again, _ = training.prepare_resume(Run(run.path))  # no epochs given
    assert again.schedule.total_steps == 9
    assert int(again.gan.iteration.numpy()) == 6


def test_a_resume_on_other_data_is_refused(tiny, tmp_path):
    data = tmp_path / "data.npz"
    shutil.copy(tiny / "grey.npz", data)
    run = training.fit(small_config("mnist", tiny, **{"data.name": str(data)}), tmp_path / "run")
    with np.load(data) as arrays:
        np.savez(data, images=arrays["images"][:40], labels=arrays["labels"][:40])
    with pytest.raises(ConfigError, match="samples 40 in place of 48"):
        training.prepare_resume(Run(run.path))


@pytest.mark.slow
def test_a_fine_tuned_run_resumes_without_the_run_it_started_from(tiny, tmp_path):
    first = training.fit(small_config("mnist", tiny), tmp_path / "first")
    config = small_config("mnist", tiny, **{"training.init_from": str(first.path)})
    second = training.fit(config, tmp_path / "second")
    shutil.rmtree(first.path)
    prepared, _ = training.prepare_resume(Run(second.path), epochs=2)
    assert int(prepared.gan.iteration.numpy()) == 3
    with pytest.raises(RunError, match="There is no run"):
        training.prepare(config)
