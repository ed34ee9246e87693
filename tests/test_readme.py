"""Every command of the README runs: in order, in one folder, on less data and fewer epochs."""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from conftest import PLAIN, is_a_test, real_data
from PIL import Image

from keras_gan import load
from keras_gan.cli import main
from keras_gan.config import recipe_names
from keras_gan.runs.checkpoints import list_checkpoints

README = (Path(__file__).parent.parent / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"```sh\n(.*?)```", README, re.DOTALL)
COMMANDS = [line.split("#")[0].strip() for block in BLOCKS for line in block.splitlines()]
COMMANDS = [command for command in COMMANDS if command]

#: Run by what builds the project, not by its tests: they are how the tests are run.
MAKE = {"make fit", "make test"}
#: Commands that other tests run, with a server or with several workers.
ELSEWHERE = {
    "tensorboard --logdir runs --samples_per_plugin images=1000": "test_readme.py::"
    "test_tensorboard_shows_a_run",
    "keras-gan demo": "test_demo.py::test_a_browser_clicks_through_the_page_of_a_run_that_goes_on",
    "keras-gan launch --workers 2 fit digits": "test_distribution.py::"
    "test_launch_profiles_the_chief",
}
#: Runs `keras-gan` in a process that has as many logical CPUs as its first argument says.
GAMES = Path(__file__).with_name("replica_games.py")
#: What makes a `fit` short; what the command itself sets comes after it.
SHORT = ["--epochs", "1", "--set=data.split=train[:256]", "--set=output.sample_count=20", *PLAIN]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, web_runtime):
    """A folder with a folder of pictures in two classes, a sweep, and a runtime for pages."""
    folder = tmp_path_factory.mktemp("readme")
    (folder / "runtime").symlink_to(web_runtime)
    (folder / "sweep.yaml").write_text("{recipes: [digits], seeds: [0, 1]}")
    random = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (folder / "path/to/pictures" / name).mkdir(parents=True)
        for n in range(40):
            pixels = random.integers(256, size=(70, 90, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "path/to/pictures" / name / f"{n}.png")
    return folder


def runnable(command: str) -> list[str]:
    """The command's arguments, made short, its example paths replaced by real ones."""
    arguments = shlex.split(command)[1:]
    for position, argument in enumerate(arguments):
        if match := re.fullmatch(r"runs/(\w+)/2026\S+", argument):
            made = sorted(Path("runs", match[1]).iterdir())
            assert made, f"{command}: the README has no `fit {match[1]}` before it"
            arguments[position] = str(made[-1])
    if arguments[0] == "fit" and "--resume" not in arguments:
        short = SHORT[2:] if "--epochs" in arguments else SHORT
        arguments = [*arguments[:2], *short, *arguments[2:]]
    if "photos" in arguments:
        arguments += ["--batch-size", "16"]
        arguments += [f"--set=network.{n}.width=4" for n in ("generator", "discriminator")]
    if arguments[0] == "evaluate":
        arguments += ["--count", "200"]
    if arguments[0] == "probe":
        arguments += ["--labels", "100", "--draws", "2"]
    if arguments[0] in ("invert", "edit", "restore"):
        arguments += ["--search-steps" if arguments[0] == "edit" else "--steps", "5"]
    if arguments[0] == "sweep":
        arguments.append("--dry-run")  # test_sweep.py plays one
    if "web" in arguments:
        arguments += ["--web-runtime", "runtime"]  # test_web.py installs the real one
    return ["2" if a == "40" else "10" if a in ("1000", "10000") else a for a in arguments]


def run(arguments: list[str]) -> tuple[int, str]:
    """Exit code and stderr; several replicas are processes of their own, on two logical CPUs."""
    if "--strategy" in arguments:
        command = [sys.executable, str(GAMES), "2", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        return done.returncode, done.stderr
    result = CliRunner().invoke(main, arguments)
    return result.exit_code, result.stderr


@pytest.mark.slow
def test_every_command_of_the_readme_runs(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("TFDS_DATA_DIR", str(real_data("tensorflow_datasets")))
    monkeypatch.delenv("KERAS_GAN_RUNS", raising=False)
    monkeypatch.setenv("KERAS_GAN_CACHE", str(workplace / "cache"))
    # The conditional run that `sample --label` is shown on.
    conditional = ["fit", "mnist_conditional", *SHORT]
    assert CliRunner().invoke(main, conditional).exit_code == 0
    done = 0
    for command in COMMANDS:
        if command in MAKE or command in ELSEWHERE:
            continue
        assert command.split()[0] == "keras-gan", command
        code, told = run(runnable(command))
        assert code == 0, f"{command}: {told}"
        done += 1
    assert done >= 15
    assert Path("samples.npz").exists()
    assert len(list(Path("folder_of_pictures").iterdir())) == 10


@pytest.mark.slow
def test_every_command_of_the_recovery_page_runs(plain_run, cli, tmp_path):
    """In order, on a run of two epochs, which is the newest one too; the last one starts anew."""
    page = (Path(__file__).parent.parent / "docs" / "recovery.md").read_text("utf-8")
    run = shutil.copytree(plain_run, tmp_path / "runs" / "mnist" / "2026-11-20_12-00-00")
    commands = re.findall(r"^    keras-gan (.*)", page, re.MULTILINE)
    assert len(commands) == 3
    for command in commands:
        result = cli(*shlex.split(command.replace("RUN", str(run)).replace("40", "3")))
        assert result.exit_code == 0, f"{command}: {result.stderr}"
    assert load(run).config.training.epochs == 3
    (check,) = re.findall(r"`(sha256sum .*?)`", page)
    newest = list_checkpoints(run / "checkpoints")[-1]
    assert subprocess.run(shlex.split(check), cwd=newest, capture_output=True).returncode == 0


@pytest.mark.slow
def test_the_python_lines_of_the_readme_run(workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    (block,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    block = block.replace("training__epochs=50", "training__epochs=1")
    names: dict = {}
    exec(compile(block, "README.md", "exec"), names)
    assert names["generator"].output_shape == (None, 8, 8, 1)
    assert int(names["gan"].iteration.numpy()) == 3 * 30


@pytest.mark.slow
def test_tensorboard_shows_a_run(workplace, tmp_path):
    """The README's `tensorboard --logdir runs`, asked over HTTP as its page does."""
    assert "tensorboard --logdir runs --samples_per_plugin images=1000" in COMMANDS
    environment = {**os.environ, "KERAS_GAN_RUNS": str(tmp_path / "runs")}
    fit = ["fit", "digits", "--epochs", "2", "--set", "output.scalars_every_steps=1"]
    assert CliRunner(env=environment).invoke(main, fit).exit_code == 0
    command = [
        str(Path(sys.executable).with_name("tensorboard")),
        "--logdir",
        "runs",
        "--host",
        "127.0.0.1",
        "--port",
        "0",
    ]
    log = open(tmp_path / "log", "w+")  # noqa: SIM115
    server = subprocess.Popen(command, cwd=tmp_path, stderr=log, stdout=log)
    try:
        address = until(lambda: re.search(r"http://127.0.0.1:\d+/", (tmp_path / "log").read_text()))
        tags = until(lambda: asked(address[0] + "data/plugin/scalars/tags"))
        (run,) = (name for name in tags if not name.endswith("optimum"))
        assert {"V(D,G)", "D(x)", "D(G(z))"} <= set(tags[run])
        assert "V(D,G)" in tags[f"{run}/optimum"]
        images = until(lambda: asked(address[0] + "data/plugin/images/tags"))
        assert "samples" in images[run]
    finally:
        server.terminate()
        server.wait(10)
        log.close()


def asked(address: str):
    try:
        with urllib.request.urlopen(address, timeout=5) as answer:
            return json.load(answer)
    except OSError:
        return None


def until(found, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if result := found():
            return result
        time.sleep(0.2)
    raise AssertionError("no answer in time")


def test_commands_that_are_run_elsewhere_are_the_readmes_and_have_their_tests():
    for command, test in ELSEWHERE.items():
        assert command in COMMANDS
        assert is_a_test(test), test


def test_the_readme_names_every_recipe_and_no_other():
    table = re.findall(r"^\| (`.*?) \|", README, re.MULTILINE)
    assert sorted(n for row in table for n in re.findall(r"`(\w+)`", row)) == recipe_names()


def test_the_readmes_pictures_and_pages_are_there():
    for target in re.findall(r"\]\(([^)#]+)\)", README) + re.findall(r"`(docs/\S+?)`", README):
        assert (Path(__file__).parent.parent / target).exists(), target
