"""Recipes: what is read is what is written, and what is wrong is named."""

import dataclasses
import time

import pytest

from keras_gan.config import (
    Config,
    config_from_dict,
    load_config,
    override,
    parse_assignments,
    parse_config,
    recipe_names,
)
from keras_gan.utils.errors import ConfigError


def error_of(function, *args) -> str:
    with pytest.raises(ConfigError) as caught:
        function(*args)
    message = str(caught.value)
    assert "\n" not in message
    assert caught.value.exit_code == 2
    return message


# ---------------------------------------------------------------------- recipes


@pytest.mark.parametrize("name", recipe_names())
def test_a_recipe_loads_under_its_own_name_and_reads_back_from_its_yaml(name):
    config = load_config(name)
    assert config.name == name
    assert config.description
    text = config.to_yaml()
    again = parse_config(text, "text")
    assert again == config
    assert again.to_yaml() == text


def test_the_issues_recipes_are_there():
    wanted = "digits mnist mnist_mlp mnist_maxout mnist_conditional fashion_mnist cifar10"
    assert set(wanted.split()) | {"fashion_mnist_conditional"} <= set(recipe_names())


def test_a_file_is_read_as_a_recipe_is(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("name: größer\nnetwork: {latent_dim: 7}\n", "utf-8")
    config = load_config(path)
    assert (config.name, config.network) == ("größer", {"latent_dim": 7})
    assert config.training == Config().training


def test_what_is_left_out_has_its_default():
    assert parse_config("", "text") == Config()


def test_a_config_holds_no_part_of_another():
    first, second = Config(), Config()
    assert first.loss is not second.loss
    changed = override(first, {"loss.label_smoothing": 0.1})
    assert changed.loss == {"name": "non_saturating", "label_smoothing": 0.1}
    assert first == second
    with pytest.raises(dataclasses.FrozenInstanceError):
        first.seed = 3


# ------------------------------------------------------------------ wrong values


@pytest.mark.parametrize(
    "text, message",
    [
        ("sed: 1", "There is no setting `sed`. Did you mean `seed`?"),
        (
            "training: {epoch: 3}",
            "There is no setting `training.epoch`. Did you mean `training.epochs`?",
        ),
        ("batch_size: 3", "There is no setting `batch_size`. Did you mean `training.batch_size`?"),
        ("3: 1", "There is no setting `3`. Known: data, description, game, loss,"),
        ("optimizer: {3: 1}", "There is no setting `optimizer.3`. Known: discriminator, gene"),
        ("seed: 1.0", "`seed` should be a whole number. Received: 1.0."),
        ("seed: true", "`seed` should be a whole number. Received: True."),
        ("seed:", "`seed` should be a whole number. Received: None."),
        ("training: {epochs: 1e3}", "`training.epochs` should be a whole number. Received: '1e3'."),
        ("ema_decay: 0.9", "There is no setting `ema_decay`. Did you mean `game.ema_decay`?"),
        ("output: {keep_checkpoints: yes}", "should be a whole number. Received: True."),
        ("output: {checkpoint_every_minutes: .nan}", "should be a finite number. Received: nan."),
        ("output: {samples_every_epochs: inf}", "should be a finite number. Received: 'inf'."),
        ("name: 2001-01-01", "`name` should be text. Received: datetime.date(2001, 1, 1)."),
        ("data: mnist", "`data` should be a table with the keys name, directory, split,"),
        ("training:", "`training` should be a table with the keys epochs, batch_size,"),
        (r'name: "\ud800"', "`name` should be text. Received: '\\ud800'."),
        ("loss: {a: 2001-01-01}", "`loss.a` should be a number, text, true, false, a list"),
        (
            "regularizers: {r1: {weight: {2: 1}}}",
            "`regularizers.r1.weight (its keys)` should be text.",
        ),
        (
            f"loss: {{a: {'[' * 12 + ']' * 12}}}",
            "`loss.a.0.0.0.0.0.0.0.0.0.0.0` is nested too deeply.",
        ),
        ("loss: hinge", "`loss` should be a table of keys and values. Received: 'hinge'"),
        ("regularizers: {r1: 0.1}", "`regularizers.r1` should be a table of keys and values."),
        ("regularizers: {1: {}}", "`regularizers (its keys)` should be text. Received: 1."),
        ("training: {precision: half}", "should be one of float32, mixed_float16, mixed_bfl"),
        ("training: {jit_compile: 1}", "should be one of auto, true, false. Received: 1."),
        ("data: {channels: 2}", "`data.channels` should be one of 1, 3. Received: 2."),
        ("seed: -1", "`seed` should be at least 0. Received: -1."),
        ("seed: 2147483648", "`seed` should be below 2147483648."),
        (f"training: {{epochs: {'9' * 4000}}}", "`training.epochs` should be below 2147483648."),
        ("training: {batch_size: 0}", "`training.batch_size` should be at least 1. Received: 0."),
        ("data: {image_size: 0}", "`data.image_size` should be at least 1."),
    ],
)
def test_a_wrong_key_or_value_is_named_with_what_it_should_be(text, message):
    found = error_of(parse_config, text, "mine.yaml")
    assert found.startswith("mine.yaml: ")
    assert message in found


@pytest.mark.parametrize(
    "value, wanted", [("1e-4", 1e-4), ("1E-4", 1e-4), ("0", 0.0), ("'0.5'", 0.5), (".25", 0.25)]
)
def test_numbers_that_yaml_takes_for_text_or_whole_pass_as_floats(value, wanted):
    text = f"output: {{held_out_every_epochs: {value}}}"
    epochs = parse_config(text, "text").output.held_out_every_epochs
    assert epochs == wanted
    assert type(epochs) is float


# ---------------------------------------------------------------------- bad YAML


@pytest.mark.parametrize(
    "text, message",
    [
        ("a: [", "line 1, column 5: expected the node content, but found '<stream end>'"),
        ("seed:\n\t- 1", "line 2, column 1: found character '\\t' that cannot start any token"),
        ("seed: !!python/object:os.system 1", "line 1, column 7: tags ('tag:yaml.org,2002:python/"),
        ("seed: ! 1", "line 1, column 7: tags ('!') can't be used"),
        ("loss: {a: !!binary aGk=}", "line 1, column 11: tags ('tag:yaml.org,2002:binary')"),
        ("seed: 1\nseed: 2", "line 2, column 1: `seed` is given twice"),
        ("training:\n  epochs: 1\n  epochs: 2", "line 3, column 3: `epochs` is given twice"),
        ("data: &a {}\noutput: *a", "line 2, column 9: references (*) can't be used"),
        ("? [1, 2]\n: 3", "found unhashable key"),
        ("name: 2001-13-41", "month must be in 1..12"),
        ("name: a\0b", "unacceptable character #x0000"),
        ("- 1\n- 2", "should hold keys and values. Received: [1, 2]."),
        ("mnist", "should hold keys and values. Received: 'mnist'."),
        ("[" * 21, "line 1, column 21: it is nested too deeply"),
        ("[" * 10_000, "it is nested too deeply"),
        (f"a: [{'1,' * 2000}]", "there are more than 2,000 values"),
        ("#" * 70_000, "it is longer than 65,536 characters"),
        (f"seed: 0x{'f' * 5000}", "line 1, column 7: Exceeds the limit"),
        (f"seed: 1{':1' * 1000}.5", "line 1, column 7: int too large to convert to float"),
    ],
)
def test_what_is_no_recipe_is_told_in_a_line_with_its_place(text, message):
    found = error_of(parse_config, text, "mine.yaml")
    assert found.startswith("mine.yaml ")
    assert message in found


def test_anchors_upon_anchors_end_at_once():
    laughs = "loss:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"  a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 12)
    )
    began = time.perf_counter()
    assert "references" in error_of(parse_config, laughs, "laughs.yaml")
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("none.yaml", None, "Can't read none.yaml: No such file or directory."),
        ("latin.yaml", b"name: caf\xe9", "Can't read latin.yaml: it is not UTF-8 text."),
        ("long.yaml", b"#" * (2**16 + 1), "long.yaml is too long to be a recipe."),
    ],
)
def test_files_that_are_no_recipes(name, content, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert error_of(load_config, name) == message


def test_folders_and_devices_are_no_recipes(tmp_path):
    (tmp_path / "folder.yaml").mkdir()
    assert "Is a directory" in error_of(load_config, tmp_path / "folder.yaml")
    assert "too long" in error_of(load_config, "/dev/zero")


def test_an_unknown_recipe_is_named_with_the_nearest():
    assert error_of(load_config, "mnits") == "There is no recipe `mnits`. Did you mean `mnist`?"
    assert "Known: cifar10, cifar10_resnet, digits," in error_of(load_config, "qqqqqq")


# --------------------------------------------------------------------- overrides


def test_overrides_reach_every_depth_and_leave_the_rest():
    before = load_config("digits")
    after = override(
        before,
        {
            "seed": 7,
            "training.epochs": 3,
            "network.generator.hidden": [3],
            "regularizers.r2.weight": 0.5,
            "data": {"name": "ring_8"},
        },
    )
    assert (after.seed, after.training.epochs, after.data.name) == (7, 3, "ring_8")
    generator = {"hidden": [3], "activations": ["leaky_relu"]}
    assert after.network["generator"] == generator
    assert after.regularizers == {"r1": {"weight": 0.1}, "r2": {"weight": 0.5}}
    assert (after.optimizer, after.game) == (before.optimizer, before.game)
    assert before == load_config("digits")


@pytest.mark.parametrize(
    ("recipe", "game", "gone"),
    [
        ("mnist_bigan", "gan", "encoder"),
        ("mnist_conditional", "bigan", "conditioning"),
        ("mnist_semi", "gan", "k_plus_one"),
    ],
)
def test_another_game_keeps_the_networks_that_all_have(recipe, game, gone):
    before = override(load_config(recipe), {f"network.{gone}": {}} if gone == "encoder" else {})
    after = override(before, {"game.name": game})
    assert after.game == {"name": game} and gone not in after.network
    assert after.network["generator"] == before.network["generator"]
    assert after.network["latent_dim"] == before.network["latent_dim"]


def test_tables_without_a_name_have_the_usual_one():
    config = parse_config("game: {ema_decay: 0.9}\nloss: {}", "a.yaml")
    assert config.game == {"name": "gan", "ema_decay": 0.9}
    assert config.loss == {"name": "non_saturating"}


def test_a_penalty_may_be_set_where_there_was_none():
    config = override(Config(), {"regularizers.r1.weight": 0.1, "regularizers.r1.every": 4})
    assert config.regularizers == {"r1": {"weight": 0.1, "every": 4}}


def test_replace_writes_dots_as_two_underscores():
    config = Config().replace(training__epochs=3, seed=1)
    assert (config.training.epochs, config.seed) == (3, 1)


@pytest.mark.parametrize(
    "path, value, emptied",
    [
        ("network.family", "dcgan", ("network", ["generator", "discriminator"])),
        ("loss.name", "hinge", ("loss", [])),
        ("game.name", "acgan", ("game", [])),
        ("optimizer.generator.name", "sgd", ("optimizer", ["generator"])),
        ("optimizer.discriminator.name", "sgd", ("optimizer", ["discriminator"])),
    ],
)
def test_a_new_choice_empties_the_options_of_the_old_one_and_only_those(path, value, emptied):
    start = override(load_config("digits"), {"loss.label_smoothing": 0.1})
    after = override(start, {path: value}).to_dict()
    wanted = start.to_dict()
    section, players = emptied
    if path == "network.family":
        wanted["network"] |= {"family": value, "generator": {}, "discriminator": {}}
    elif not players:
        wanted[section] = {"name": value}
    else:
        wanted[section][players[0]] = {"name": value}
    assert after == wanted


def test_the_same_choice_again_keeps_its_options():
    start = load_config("digits")
    same = {"network.family": "mlp", "loss.name": "relativistic"}
    assert override(start, {**same, "optimizer.generator.name": "adam"}) == start


def test_options_of_a_new_choice_may_come_before_it():
    first = {"network.generator.width": 8, "network.family": "dcgan"}
    second = dict(reversed(first.items()))
    assert override(Config(), first) == override(Config(), second)
    assert override(Config(), first).network["generator"] == {"width": 8}


@pytest.mark.parametrize(
    "path, value, message",
    [
        ("training.epoch", 3, "`training.epoch`. Did you mean `training.epochs`?"),
        ("trainin.epochs", 3, "`trainin`. Did you mean `training`?"),
        ("epochs", 3, "`epochs`. Did you mean `training.epochs`?"),
        ("seed.x", 3, "There is no setting `seed.x`."),
        ("training.epochs.x", 3, "There is no setting `training.epochs.x`."),
        ("", 3, "There is no setting ``."),
        ("training..epochs", 3, "There is no setting `training.`."),
        ("training", 3, "`training` should be a table with the keys epochs,"),
        ("regularizers.r1", 3, "`regularizers.r1` should be a table"),
        ("training.epochs", "x", "`training.epochs` should be a whole number. Received: 'x'."),
    ],
)
def test_wrong_overrides_are_named(path, value, message):
    assert message in error_of(override, Config(), {path: value})


MOVED = {  # settings of 0.1.0, and a part of the answer
    "objective": "loss",
    "objective.name": "loss.name",
    "penalties": "regularizers",
    "penalties.r1.weight": "regularizers",
    "auxiliary": "game (its `name` is acgan or semi_supervised)",
    "latent.dim": "network.latent_dim",
    "latent.distribution": "game.latent_distribution",
    "training.accumulate": "training.gradient_accumulation_steps",
    "training.steps_per_call": "training.steps_per_execution",
    "training.discriminator_steps": "game.discriminator_steps",
    "training.updates": "game.updates",
    "training.packing": "game.packing",
    "training.instance_noise": "game.instance_noise",
    "training.instance_noise_steps": "game.instance_noise_steps",
    "training.flip": "game.flip",
    "training.augment": "game.augment",
    "training.ema_decay": "game.ema_decay",
    "training.discriminator_ema_decay": "game.discriminator_ema_decay",
}


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_a_setting_that_has_moved_is_answered_with_its_place(old, new):
    assert f"It is now {new}." in error_of(override, Config(), {old: 1})
    tree = 1
    for key in reversed(old.split(".")):
        tree = {key: tree}
    assert "It is now " in error_of(config_from_dict, tree)


def test_assignments_are_read_as_yaml():
    texts = ["a=1", "b.c=[1, x]", "d= off", "e=data[:5]", "f=x=y", "g=", "h={i: 1e-4}"]
    assert parse_assignments(texts) == {
        "a": 1,
        "b.c": [1, "x"],
        "d": False,
        "e": "data[:5]",
        "f": "x=y",
        "g": None,
        "h": {"i": "1e-4"},
    }


@pytest.mark.parametrize("text", ["epochs", "=3", "a=[", "a=2001-13-41", f"a={'9' * 5000}", "a=*b"])
def test_assignments_that_can_not_be_read(text):
    message = error_of(parse_assignments, [text])
    assert message.startswith("`--set")
    assert len(message) < 150


def test_keys_must_be_plain_in_python_too():
    assert "Did you mean `seed`?" in error_of(config_from_dict, {"sede": 1})
