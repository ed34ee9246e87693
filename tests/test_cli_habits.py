"""Habits of the whole command line: environment, colours, JSON, completion."""

import json
import os
import pty
import shutil
import subprocess
from pathlib import Path

import click
import pytest
from conftest import PROGRAM

from keras_gan.cli import main

OWN = {"KERAS_GAN_RUNS", "KERAS_GAN_CACHE", "KERAS_GAN_TEST_DATA"}  # of no single command


def options(command, path=()):
    for option in command.params:
        if isinstance(option, click.Option) and not option.is_eager:
            yield path, option
    for name, below in getattr(command, "commands", {}).items():
        yield from options(below, (*path, name))


def test_every_option_has_a_variable_of_its_own():
    variables = [option.envvar for _, option in options(main)]
    assert len(set(variables)) == len(variables) > 50
    assert not OWN & set(variables)
    for path, option in options(main):
        words = ["keras-gan", *path, max(option.opts, key=len).lstrip("-")]
        assert option.envvar == "_".join(words).replace("-", "_").upper()


def test_options_from_the_environment_are_those_of_the_command_line(cli, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_FIT_DRY_RUN", "1")
    monkeypatch.setenv("KERAS_GAN_FIT_EPOCHS", "7")
    monkeypatch.setenv("KERAS_GAN_FIT_SET", "network.latent_dim=3 seed=5")
    result = cli("fit", "digits", "--epochs", "9")
    assert result.exit_code == 0, result.stderr
    assert "dry run: nothing was written" in result.stderr
    assert "9 epochs" in result.stderr  # the command line wins
    monkeypatch.setenv("KERAS_GAN_FIT_SET", "network.latent_dmi=3")
    assert "Did you mean `latent_dim`?" in cli("fit", "digits").stderr
    monkeypatch.setenv("KERAS_GAN_FIT_EPOCHS", "many")
    assert "'many' is not a valid integer" in cli("fit", "digits").stderr


def test_a_variable_that_is_no_option_is_told(cli, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_EXPORT_FORMATS", "onnx")
    monkeypatch.setenv("KERAS_GAN_FIT_EPOCH", "3")  # of another command: its own business
    assert cli("export").stderr.splitlines()[0] == (
        "Warning: KERAS_GAN_EXPORT_FORMATS is no option of export. "
        "Did you mean `KERAS_GAN_EXPORT_FORMAT`?"
    )
    monkeypatch.delenv("KERAS_GAN_EXPORT_FORMATS")
    assert "Warning" not in cli("export").stderr


@pytest.mark.parametrize("settings, coloured", [({}, True), ({"NO_COLOR": "1"}, False)])
def test_a_terminal_has_colours_unless_it_wants_none(settings, coloured, tmp_path):
    mine, theirs = pty.openpty()
    subprocess.run([PROGRAM, "fit", "mnits"], stderr=theirs, env={**os.environ, **settings},
                   cwd=tmp_path)  # fmt: skip
    said = os.read(mine, 10_000).decode()
    os.close(mine)
    os.close(theirs)
    assert said.startswith("\x1b[31mError:\x1b[0m There is" if coloured else "Error: There is")


def test_no_colours_into_a_file(tmp_path):
    done = subprocess.run([PROGRAM, "fit", "mnits"], capture_output=True, cwd=tmp_path)
    assert done.stderr.startswith(b"Error: There is no recipe `mnits`.")


def test_evaluate_in_json_says_what_evaluation_json_says(plain_run, cli, tmp_path):
    run = shutil.copytree(plain_run, tmp_path / "run")
    result = cli("evaluate", run, "--json", "--count=50", "--metric=diversity")
    assert result.exit_code == 0, result.stderr
    (line,) = result.stdout.splitlines()
    told = json.loads(line)
    assert told.pop("run") == str(run)
    written = json.loads((run / "evaluation" / "evaluation.json").read_text())
    assert told == {key: value for key, value in written.items() if key != "created"}
    assert told["samples"] == 50 and told["results"]
    other = cli("evaluate", run, "--out=page.html")
    assert (other.exit_code, other.stdout) == (2, "") and not Path("page.html").exists()
    assert "--out is the page on several RUNs" in other.stderr


def test_runs_evaluate_and_export_name_the_run_alike(plain_run, cli, tmp_path):
    run = str(shutil.copytree(plain_run, tmp_path / "runs" / "mine"))
    short = ["--count=50", "--metric=diversity"]
    for command in (["runs"], ["evaluate", run, *short], ["export", run, "--format=onnx"]):
        result = cli(*command, "--json")
        assert result.exit_code == 0, result.stderr
        (line,) = result.stdout.splitlines()
        assert Path(json.loads(line)["run"]).resolve() == Path(run)


@pytest.mark.parametrize(
    ("arguments", "report"),
    [
        (["probe", "--labels=10", "--draws=1"], "RUN/evaluation/probe.json"),
        (["invert", "train[:2]", "--steps=2", "--restarts=1"], "inverted/invert.json"),
        (["edit", "--image=train[:1]", "--to-image=train[1:2]", "--search-steps=2"],
         "edited/edit.json"),
        (["restore", "train[:2]", "--task=denoise", "--steps=2", "--restarts=1", "--samples=0"],
         "restored/restore.json"),
    ],
)  # fmt: skip
def test_commands_that_write_a_report_say_it_in_json(arguments, report, plain_run, cli, tmp_path):
    command, *options = arguments
    run = shutil.copytree(plain_run, tmp_path / "run")
    result = cli(command, run, *options, "--json")
    assert result.exit_code == 0, result.stderr
    (line,) = result.stdout.splitlines()
    told = json.loads(line)
    file = report.replace("RUN", str(run))
    assert told.pop("file") == file
    assert told == json.loads(Path(file).read_text())


@pytest.mark.parametrize("shell, start", [
    ("bash", "_keras_gan_completion() {"),
    ("zsh", "#compdef keras-gan"),
    ("fish", "function _keras_gan_completion"),
])  # fmt: skip
def test_completion_scripts_of_three_shells(shell, start, tmp_path):
    asked = {**os.environ, "_KERAS_GAN_COMPLETE": f"{shell}_source"}
    if shell == "bash":
        # click asks bash for its version, 4.4 or more; a machine without bash has none to complete
        asked["PATH"] = f"/usr/bin:/bin:{os.environ['PATH']}"
    done = subprocess.run([PROGRAM], env=asked, capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout.strip().startswith(start)


def test_the_shell_completes_runs(plain_run, tmp_path):
    (tmp_path / "runs").mkdir()
    (tmp_path / "runs" / "mine").symlink_to(plain_run)
    asked = {"_KERAS_GAN_COMPLETE": "bash_complete", "COMP_CWORD": "2"}
    asked["COMP_WORDS"] = "keras-gan sample runs/m"
    done = subprocess.run(
        [PROGRAM], env={**os.environ, **asked}, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout == "plain,runs/mine\n"
