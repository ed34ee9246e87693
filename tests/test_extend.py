"""docs/extend.md: its game and its loss work as the page has them."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import types
from pathlib import Path

import pytest
import tensorflow as tf
from conftest import QUICK, ROOT

from keras_gan.games import losses

PAGE = (ROOT / "docs" / "extend.md").read_text("utf-8")


def blocks(kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", PAGE, re.DOTALL)


def commands() -> list[list[str]]:
    return [shlex.split(line)[1:] for line in re.findall(r"^    (keras-gan .*)$", PAGE, re.M)]


def applied(diff: str, text: str) -> str:
    """A text changed by a unified diff: what each hunk takes away has to stand in it, once."""
    for hunk in re.split(r"^@@.*\n", diff, flags=re.MULTILINE)[1:]:
        lines = hunk.splitlines(keepends=True)
        before, after = ("".join(line[1:] for line in lines if line[0] != sign) for sign in "+-")
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


@pytest.fixture(scope="module")
def extended(tmp_path_factory) -> Path:
    """A copy of the program and its tests, with the page's file and rows."""
    folder = tmp_path_factory.mktemp("extended")
    for name in ("keras_gan", "exporters", "configs", "tests"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("exporters", "configs"):  # as setup.cfg installs them
        (folder / "keras_gan" / name).symlink_to(folder / name)
    (game,), diffs = blocks("python"), blocks("diff")
    games = folder / "keras_gan" / "games"
    (games / "wgan_gp.py").write_text(game, "utf-8")
    for name, diff in zip(("recipes.py", "losses.py"), diffs, strict=True):
        (games / name).write_text(applied(diff, (games / name).read_text("utf-8")), "utf-8")
    return folder


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess:
    environment = {**os.environ, "PYTHONPATH": str(folder), "KERAS_GAN_RUNS": str(folder / "runs")}
    command = [sys.executable, "-m", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)


@pytest.mark.slow
def test_its_commands_run(extended):
    for command in commands():
        done = run(extended, "keras_gan", *command, *QUICK, "--epochs=1")
        assert done.returncode == 0, done.stderr
    assert "wgan_gp + " not in done.stderr


def test_a_recipe_s_loss_is_refused(extended):
    done = run(extended, "keras_gan", "fit", "digits", "--set=game.name=wgan_gp", "--dry-run")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "`loss`: the game wgan_gp has none. Leave it out." in done.stderr


@pytest.mark.slow
def test_the_rules_of_all_games_hold_for_it(extended):
    tests = ("tests/test_conformance.py", "-k", "wgan_gp", "-q", "-p", "no:cacheprovider")
    done = run(extended, "pytest", *tests)
    assert done.returncode == 0, done.stdout
    assert re.search(r"\d\d passed", done.stdout)


def test_its_losses_are_those_that_it_says():
    module = types.ModuleType("changed_losses")
    changed = applied(blocks("diff")[1], Path(losses.__file__).read_text("utf-8"))
    exec(compile(changed, "losses.py", "exec"), vars(module))
    real, fake = tf.constant([-5, 1.4, 12.5, 2.7]), tf.constant([10, 4.4, -5.5, 3.6])
    loss = module.LOSSES["total_variation"]()
    both = loss.generator(real, fake), loss.discriminator(real, fake)
    said = [float(n) for n in re.findall(r"-?0\.\d{7,}", PAGE)]
    assert [float(value) for value in both] == pytest.approx(said, abs=1e-7)
