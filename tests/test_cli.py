"""The command line: what it says where, what it leaves, and its exit codes."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import click
import pytest
from conftest import PROGRAM, everything, npz

import keras_gan
from keras_gan import load
from keras_gan.cli import main
from keras_gan.config import load_config, recipe_names
from keras_gan.data import BUNDLED

COMMANDS = sorted(main.commands)


# --------------------------------------------------------------- help and version


@pytest.mark.parametrize("command", [[], *([name] for name in COMMANDS)], ids=str)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_every_command_and_every_option_has_help(command, flag, cli):
    result = cli(*command, flag)
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: {' '.join(['keras-gan', *command])} ")
    for parameter in (main.commands[command[0]] if command else main).params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert parameter.opts[0] in result.stdout


def test_the_package_runs_as_a_module():
    run = [sys.executable, "-m", "keras_gan", "fit", "--nonsense"]
    result = subprocess.run(run, capture_output=True, text=True)
    assert result.returncode == 2 and "No such option '--nonsense'" in result.stderr


def test_the_commands_of_the_issue_are_there():
    assert {"fit", "sample", "recipes", "datasets", "runs"} <= set(COMMANDS)
    options = {o for p in main.commands["fit"].params for o in p.opts if o.startswith("--")}
    short = "epochs batch-size loss precision seed run-dir data data-dir set resume dry-run"
    assert options >= {f"--{name}" for name in short.split()}


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["--version"], ["recipes"],
                                       ["runs"], ["datasets"], ["fit", "mnits"]])  # fmt: skip
def test_quick_answers_do_not_wait_for_tensorflow(arguments, tmp_path):
    code = (
        "import sys; from keras_gan.cli import main\n"
        "try: main(sys.argv[1:])\n"
        "finally:\n"
        "  heavy = {'tensorflow', 'keras', 'sklearn'}\n"
        "  print(sorted(heavy & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stderr.splitlines()[-1] == "[]", done.stderr


def test_the_version_is_the_packages(cli):
    assert cli("--version").stdout == f"keras-gan, version {keras_gan.__version__}\n"


@pytest.mark.parametrize("words, wanted", [
    ("keras-gan fit mnist_m", ["mnist_maxout", "mnist_mlp"]),
    ("keras-gan re", ["recipes", "restore"]),
    ("keras-gan fit --dry", ["--dry-run"]),
])  # fmt: skip
def test_the_shell_completes_commands_options_and_recipes(words, wanted, tmp_path):
    asked = {"_KERAS_GAN_COMPLETE": "bash_complete", "COMP_WORDS": words, "COMP_CWORD": "2"}
    asked["COMP_CWORD"] = str(len(words.split()) - 1)
    done = subprocess.run(
        [PROGRAM], env={**os.environ, **asked}, capture_output=True, text=True, cwd=tmp_path
    )
    assert done.stdout.split() == [f"plain,{word}" for word in wanted]


# ------------------------------------------------------------------------- lists


def test_recipes_are_listed_with_what_they_are(cli):
    lines = cli("recipes").stdout.splitlines()
    assert [line.split()[0] for line in lines] == recipe_names()
    for line in lines:
        name, description = line.split(maxsplit=1)
        assert description == load_config(name).description


def test_datasets_are_listed_bundled_ones_first_and_all_names_on_demand(cli):
    names = [line.split()[0] for line in cli("datasets").stdout.splitlines()]
    assert set(names[: len(BUNDLED)]) == set(BUNDLED)
    assert {"mnist", "fashion_mnist", "cifar10", "FOLDER", "FILE.npz"} <= set(names)
    more = [line.split()[0] for line in cli("datasets", "--all").stdout.splitlines()]
    assert {"celeb_a", "emnist", "stl10"} <= set(more)
    assert len(more) > 200


def test_runs_are_listed_with_their_last_metrics(plain_run, conditional_run, cli, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_RUNS", "runs")
    empty = cli("runs")
    assert (empty.exit_code, empty.stdout, empty.stderr) == (
        0,
        "",
        "no runs in runs: keras-gan fit digits makes one\n",
    )
    Path("runs/a").mkdir(parents=True)
    Path("runs/a/first").symlink_to(plain_run)
    Path("runs/second").symlink_to(conditional_run)
    lines = cli("runs").stdout.splitlines()
    order = ["runs/a/first", "runs/second"]  # fixtures may have come in another
    if load(plain_run).created > load(conditional_run).created:
        order.reverse()
    assert [line.split()[0] for line in lines] == order
    assert all("step 46" in line and "V(D,G) -" in line for line in lines)
    rows = {row["run"]: row for row in map(json.loads, cli("runs", "--json").stdout.splitlines())}
    *_, scalars, diversity = load(plain_run).metrics()
    last = scalars | diversity
    assert {"V(D,G)", "online/energy_distance"} <= set(last)
    row = rows["runs/a/first"]
    assert (row["recipe"], row["iteration"]) == ("digits", 46)
    assert row["metrics"] == {
        k: v for k, v in last.items() if k != "iteration" and not k.startswith("time/")
    }


def test_runs_are_listed_by_the_headline_of_their_game(plain_run, cli, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_RUNS", "runs")
    facts = shutil.copytree(plain_run, tmp_path / "runs" / "a" / "first") / "run.json"
    names = ["loss/generator", "\x1b[31m", "not logged"]
    facts.write_text(json.dumps({**json.loads(facts.read_text()), "headline": names}))
    (line,) = cli("runs").stdout.splitlines()
    value = load(plain_run).last_metrics()["loss/generator"]
    assert line.endswith(f"step 46  loss/generator {value:.3f}")


# --------------------------------------------------------------------- bad input

SMALL_BATCH = ("--batch-size", 8)
HUGE_LATENT = (
    "--set=network.latent_dim=999999999",
    "--set=network.generator.hidden=[1000000000, 8]",
)
BAD = [  # (arguments, exit code, what the line must hold)
    (["fit"], 2, "Name a RECIPE (see `keras-gan recipes`)"),
    (["fit", "mnits"], 2, "There is no recipe `mnits`. Did you mean `mnist`?"),
    (["fit", "no/such.yaml"], 2, "Can't read no/such.yaml: No such file or directory."),
    (["fit", "key.yaml"], 2, "key.yaml: There is no setting `training.epoch`. Did you mean `tr"),
    (["fit", "type.yaml"], 2, "type.yaml: `seed` should be a whole number. Received: 'x'."),
    (["fit", "digits", "--set", "training.epoch=3"], 2, "Did you mean `training.epochs`?"),
    (["fit", "digits", "--set", "seed=x"], 2, "`seed` should be a whole number. Received: 'x'."),
    (["fit", "digits", "--set", "seed"], 2, "`--set` takes path=value. Received: 'seed'."),
    (["fit", "digits", "--set", "loss.name=hing"], 2, "Did you mean `hinge`?"),
    (["fit", "digits", "--set", "network.family=mpl"], 2, "Did you mean `mlp`?"),
    (["fit", "digits", "--set", "network.generator.hiden=[3]"], 2, "Did you mean `hidden`?"),
    (["fit", "digits", "--set", "optimizer.generator.name=adma"], 2, "Did you mean `adam`?"),
    (["fit", "digits", "--set", "regularizers.r3.weight=1"], 2, "Known: gradient_penalty, r1, r2."),
    (["fit", "digits", "--set", "regularizers.r1.wieght=1"], 2, "Did you mean `weight`?"),
    (["fit", "digits", "--set", "regularizers.r2.every=2"], 2, "needs regularizers.r2.weight."),
    (["fit", "digits", "--set", "network.generator.hidden=[-3]"], 2, "`network`: "),
    (["fit", "digits", "--set", "network.generator.activations=[foo]"], 2, "foo"),
    (["fit", "digits", "--set", "network.discriminator.dropout=2"], 2, "`network`: "),
    (["fit", "digits", "--loss", "hing"], 2, "Did you mean `hinge`?"),
    (["fit", "digits", "--precision", "float8"], 2, "one of float32, mixed_float16, mixed"),
    (["fit", "digits", "--seed", "-1"], 2, "`seed` should be at least 0. Received: -1."),
    (["fit", "digits", "--epochs", "0"], 2, "'--epochs': 0 is not in the range x>=1."),
    (["fit", "digits", "--epochs", "many"], 2, "Invalid value for '--epochs'"),
    (["fit", "digits", "--epoch", "3"], 2, "No such option"),
    (["fit", "digits", "--run-dir", "tiny.npz/run"], 1, "Can't write tiny.npz/run: "),
    (["fit", "digits", "--run-dir", "/proc/run"], 1, "Can't write /proc/run: "),
    (["fit", "digits", "--run-dir", "taken"], 2, "taken already exists. Name another --run-dir"),
    (["fit", "digits", "--data", "empty.npz"], 1, "The data set "),
    (["fit", "digits", "--data", "bad.npz"], 1, "as an .npz of plain arrays: "),
    (["fit", "digits", "--data", "taken"], 1, "There are no pictures in "),
    (["fit", "digits", "--data", "none.npz"], 1, "There is no file or folder none.npz."),
    (["fit", "digits", "--data", "mnits"], 1, "no data set `mnits`, and no folder of that name. D"),
    (["fit", "digits", "--data", "mnist", "--data-dir", "no"], 1, "no (--data-dir)."),
    (["fit", "digits", "--data", "tiny.npz"], 1, "but the data set has 40. Make batch_size x"),
    (["fit", "mnist_dcgan", "--data", "odd.npz", *SMALL_BATCH], 2, "Received: 30x30; set data.im"),
    (["fit", "digits", "--data=tiny.npz", "--set=network.conditioning=concat", *SMALL_BATCH], 2,
     "the data have no labels. Set network.conditioning=none, or use data with labels"),
    (["fit", "mnist_conditional", "--data", "tiny.npz", *SMALL_BATCH], 2, "data have no labels."),
    (["fit", "digits", *HUGE_LATENT], 2,
     "The networks do not fit into memory: they take 14,901,161,313 GiB of the machine's "),
    (["fit", "digits", "--resume", "RUN"], 2, "Beside --resume only --epochs"),
    (["fit", "--resume", "RUN", "--seed", "3"], 2, "Beside --resume only --epochs"),
    (["fit", "--resume", "no"], 1, "There is no run no. `keras-gan runs` lists those there are."),
    (["fit", "--resume", "latest"], 1, "There are no runs in runs."),
    (["sample"], 1, "There are no runs in runs. `keras-gan fit digits` makes one in a minute."),
    (["sample", "taken"], 1, "taken is not a run directory: it has no run.json."),
    (["sample", "RUN", "--label", "3"], 2, "trained without labels, so that none can be chosen"),
    (["sample", "RUN", "--out", "a.jpg"], 2, "--out should end in .png or .npz, or be a folder."),
    (["sample", "RUN", "--out", "taken"], 2, "taken already exists and is not an empty folder."),
    (["sample", "RUN", "--out", "bad.npz/a.png"], 1, "Can't write bad.npz/a.png: "),
    (["sample", "RUN", "--count", "0"], 2, "0 is not in the range"),
    (["sample", "RUN", "--interpolate", "1"], 2, "1 is not in the range"),
    (["smaple"], 2, "No such command 'smaple'"),
]  # fmt: skip


@pytest.mark.parametrize(
    "arguments, code, message",
    BAD,
    ids=lambda x: " ".join(map(str, x)) if isinstance(x, list) else "",
)
def test_bad_input_is_one_line_on_stderr_and_leaves_nothing(
    arguments, code, message, cli, tmp_path, request
):
    npz(tmp_path / "tiny.npz")
    npz(tmp_path / "odd.npz", side=30)
    npz(tmp_path / "empty.npz", count=0)
    (tmp_path / "bad.npz").write_bytes(b"PK\3\4 no zip")
    (tmp_path / "key.yaml").write_text("training: {epoch: 3}")
    (tmp_path / "type.yaml").write_text("seed: x")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "letter").write_text("")
    before = everything(tmp_path)
    if "RUN" in arguments:
        run = request.getfixturevalue("plain_run")
        arguments = [run if a == "RUN" else a for a in arguments]
    result = cli(*arguments)
    assert result.exit_code == code, result.stderr
    assert result.stdout == ""
    *summary, line = result.stderr.splitlines()
    assert line.startswith("Error: ")
    assert message in line
    assert all(text.startswith(("keras-gan ", "  ")) for text in summary)  # what was to be trained
    assert "Traceback" not in result.stderr
    assert everything(tmp_path) == before


def test_labels_that_a_conditional_run_does_not_have(conditional_run, cli):
    result = cli("sample", conditional_run, "--label", "ten")
    assert (result.exit_code, result.stdout) == (2, "")
    assert result.stderr.startswith(
        "Error: There is no label `ten`: it should be a class name or an"
    )


def test_debug_shows_the_traceback(tmp_path):
    done = subprocess.run(
        [PROGRAM, "--debug", "fit", "mnits"], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert "ConfigError: There is no recipe `mnits`." in done.stderr


def test_a_bug_is_one_line_too_and_names_the_way_to_its_traceback(cli, monkeypatch):
    def broken():
        raise ZeroDivisionError("division\nby zero")

    monkeypatch.setattr("keras_gan.config.recipe_names", broken)
    result = cli("recipes")
    assert result.exit_code == 1
    assert result.stderr == (
        "Error: ZeroDivisionError: division by zero "
        "(run `keras-gan --debug ...` for the traceback)\n"
    )
