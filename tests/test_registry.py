"""Names with options: found, checked against a signature, and called."""

import dataclasses

import pytest

from keras_gan.games import acgan, optimizers, recipes
from keras_gan.utils.checks import Checked, Count, Share
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.registry import Registry, call, check_options, parameters


def scaled(x: float, factor: int = 2, *, offset: float = 0.0) -> float:
    return x * factor + offset


@dataclasses.dataclass(frozen=True)
class Base(Checked):
    steps: Count = 1


@dataclasses.dataclass(frozen=True)
class Chosen(Base):
    names: tuple[str, ...] = ()
    decay: Share = 0.5


SCALES = Registry("scale", {"scaled": scaled, "chosen": Chosen})


def test_an_entry_is_called_with_the_options_of_its_table():
    assert SCALES.build("scale", {"name": "scaled", "x": 3, "factor": 5}) == 15.0
    assert SCALES.build("scale", {"x": "1e-1"}, default="scaled") == 0.2
    built = SCALES.build("scale", {"name": "chosen", "steps": 3, "names": ["a"]})
    assert built == Chosen(3, ("a",), 0.5)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"name": "scalde"}, "There is no scale `scalde`. Did you mean `scaled`?"),
        ({"x": 1}, "`scale.name` should be text. Received: None."),
        (["scaled"], r"`scale` should be a table with a `name`. Received: \['scaled'\]"),
        ({"name": "scaled"}, "`scale`: the scale scaled needs scale.x."),
        ({"name": "scaled", "x": 1, "facotr": 2}, "no such option. Did you mean `factor`?"),
        ({"name": "scaled", "x": True}, "`scale.x` should be a finite number. Received: True."),
        ({"name": "scaled", "x": 1, "factor": 0.5}, "`scale.factor` should be a whole number"),
        ({"name": "chosen", "steps": 0}, "`scale.steps` should be at least 1. Received: 0"),
        ({"name": "chosen", "decay": 1.0}, "`scale.decay` should be below 1. Received: 1.0"),
        ({"name": "chosen", "names": "a"}, "`scale.names` should be a list. Received: 'a'"),
    ],
)
def test_what_a_table_may_not_hold(table, said):
    with pytest.raises(ConfigError, match=said) as caught:
        SCALES.build("scale", table)
    assert "\n" not in str(caught.value)


def test_what_an_entry_refuses_names_its_path():
    def picky(width: int = 1):
        raise ValueError("too wide.\nand more")

    with pytest.raises(ConfigError, match=r"^`network.generator`: too wide\.$"):
        call(picky, "network.generator", {"width": 2}, "picky")


def test_parameters_that_the_program_sets_are_no_options():
    assert check_options(scaled, "", {"factor": 1}, "scale", leave_out=["x"]) == {"factor": 1}
    with pytest.raises(ConfigError, match="no such option"):
        check_options(scaled, "", {"x": 1.0}, "scale", leave_out=["x"])


def test_a_dataclass_has_the_options_of_its_bases():
    assert list(parameters(acgan.ACGANOptions))[-1] == "real_only"
    assert "ema_decay" in parameters(acgan.ACGANOptions)


def test_every_optimizer_of_the_table_can_be_built_by_its_name():
    for name in optimizers.OPTIMIZERS:
        built = optimizers.build("generator", {"name": name, "learning_rate": 1e-3})
        assert float(built.learning_rate.numpy()) == pytest.approx(1e-3)


def test_every_game_has_its_options_and_networks():
    for name, game in recipes.GAMES.items():
        assert dataclasses.is_dataclass(game.Options) and dataclasses.is_dataclass(game.Networks)
        assert call(game.Options, "game", {}, name) == game.Options()
