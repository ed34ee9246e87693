"""`keras-gan sweep`: plans read strictly, runs gone on with, means and spreads."""

import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import PROGRAM, QUICK

from keras_gan import load
from keras_gan.apps.sweep import plan as plans
from keras_gan.apps.sweep import results
from keras_gan.apps.sweep.sweeping import Sweeping
from keras_gan.config import load_config, override, parse_assignments
from keras_gan.utils import strict_yaml
from keras_gan.utils.errors import ConfigError

SMALL = {"training.epochs": 2, **parse_assignments(part.split("=", 1)[1] for part in QUICK)}


def written(folder: Path, **values) -> Path:
    path = folder / "sweep.yaml"
    path.write_text(strict_yaml.write({"name": "games", "recipes": ["digits"], **values}))
    return path


# ------------------------------------------------------------------------------- plans


def test_a_plan_is_the_product_of_recipes_axes_and_seeds():
    plan = plans.parse(
        {
            "recipes": ["digits", "mnist_mlp"],
            "set": {"training.epochs": 3},
            "axes": {
                "game": {
                    "hinge": {"loss.name": "hinge"},
                    "wgan_gp": {
                        "loss.name": "wasserstein",
                        "regularizers": {"gradient_penalty": {"weight": 10}},
                    },
                },
                "rate": {"low": {"optimizer.generator.learning_rate": 1e-4}, "as_is": {}},
            },
            "seeds": [4, 7],
        }
    )
    assert len({cell.name for cell in plan.cells}) == 2 * 2 * 2 * 2
    assert [cell.config.seed for cell in plan.cells] == [4] * 8 + [7] * 8
    assert plan.cells[2].name == "digits--wgan_gp--low/seed-4"
    expected = override(
        load_config("digits"),
        {
            "seed": 4,
            "training.epochs": 3,
            "loss.name": "wasserstein",
            "regularizers": {"gradient_penalty": {"weight": 10}},
            "optimizer.generator.learning_rate": 1e-4,
        },
    )
    assert plan.cells[2].config == expected
    assert plan.evaluate is None


def test_evaluate_becomes_options():
    values = {"recipes": ["digits"], "evaluate": {"metrics": ["frechet", "modes"], "count": 500}}
    options = plans.arguments(plans.parse(values).evaluate)
    assert options == ["--metric=frechet", "--metric=modes", "--count=500"]


@pytest.mark.parametrize("change, message", [
    ({"recipe": ["digits"]}, "There is no key `recipe` in a sweep. Did you mean `recipes`?"),
    ({"recipes": []}, "`recipes` should name at least one"),
    ({"recipes": ["digit"]}, "Did you mean `digits`?"),
    ({"recipes": ["digits", "digits"]}, "two of them are called digits"),
    ({"seeds": [1, 1]}, "`seeds` should be different"),
    ({"seeds": 3}, "`seeds` should be a list"),
    ({"set": {"training.epoch": 3}}, "Did you mean `training.epochs`?"),
    ({"axes": {"game": {"x": {"network.latent_dmi": 3}}}}, "Did you mean `latent_dim`?"),
    ({"axes": {"game": {}}}, "`axes.game` should have at least one choice"),
    ({"axes": {"game": ["hinge"]}}, "`axes.game` should be a table"),
    ({"axes": {"game": {"a/b": {}}}}, "Names in a sweep should be letters"),
    ({"name": "../up"}, "Names in a sweep should be letters"),
    ({"evaluate": {"metric": ["frechet"]}}, "no key `metric` in `evaluate`. Did you mean"),
    ({"evaluate": {"count": "many"}}, "`evaluate.count` should be a whole number"),
    ({"evaluate": {"count": 5}}, "`evaluate.count` should be 10 to 1,000,000. Received: 5."),
    ({"set": {"seed": 3}}, "`seed` is set by `seeds: [...]` alone"),
    ({"axes": {"game": {"x": {"seed": 3}}}}, "`seed` is set by `seeds: [...]` alone"),
    # What only those know who build networks and measure samples.
    ({"evaluate": {"metrics": ["frechett"]}}, "Did you mean `frechet`?"),
    ({"evaluate": {"extractors": ["pixel"]}}, "Did you mean `pixels`?"),
    ({"set": {"network.generator.hiden": [3]}}, "Did you mean `hidden`?"),
    ({"axes": {"game": {"x": {}, "y": {"optimizer.generator.name": "adamm"}}}}, "digits y: "),
    ({"seeds": list(range(3_000))}, "more than 2,000 values"),
])  # fmt: skip
def test_a_wrong_plan_is_one_line(change, message, tmp_path, cli):
    result = cli("sweep", written(tmp_path, **change))
    assert (result.exit_code, result.stdout) == (2, "")
    (line,) = result.stderr.splitlines()
    assert message in line and line.startswith(f"Error: {tmp_path / 'sweep.yaml'}")
    assert not Path("sweeps").exists()


def test_a_dry_run_lists_the_runs_and_writes_nothing(tmp_path, cli):
    result = cli("sweep", written(tmp_path, seeds=[0, 1]), "--dry-run")
    assert result.stdout.splitlines() == ["digits/seed-0", "digits/seed-1"]
    assert [p.name for p in tmp_path.iterdir()] == ["sweep.yaml"]
    told = cli("sweep", tmp_path / "sweep.yaml", "--dry-run", "--json").stdout.splitlines()
    assert [json.loads(line)["run"] for line in told] == ["digits/seed-0", "digits/seed-1"]


# ----------------------------------------------------------------------------- results


def test_means_and_spreads_are_those_of_the_values():
    row = results.Row(("digits",), (), {"a": (1.0, 2.0, 6.0), "b": (5.0,)}, {})
    assert row.mean("a") == 3.0
    assert row.spread("a") == pytest.approx(math.sqrt(7))  # ((-2)^2 + (-1)^2 + 3^2) / 2
    assert (row.mean("b"), row.spread("b")) == (5.0, None)
    assert (row.mean("c"), row.spread("c")) == (None, None)


@pytest.mark.slow
def test_finished_runs_stay_interrupted_ones_go_on_failed_ones_are_told(plain_run, tmp_path, cli):
    broken = {"data.name": str(tmp_path / "gone.npz")}
    axes = {"part": {"finished": {}, "interrupted": {}, "broken": broken}}
    sweep = written(tmp_path, set=SMALL, axes=axes)
    runs = tmp_path / "out/runs"
    # Killed before its folder was made whole: begun anew.
    (runs / "digits--broken/seed-0/tensorboard").mkdir(parents=True)
    finished, interrupted = (
        shutil.copytree(plain_run, runs / f"digits--{name}/seed-0")
        for name in ("finished", "interrupted")
    )
    # Evaluated by hand, which is nothing that this sweep measures.
    (finished / "evaluation").mkdir()
    by_hand = {"figures": [{"name": "spread_50", "better": "higher"}]}
    (finished / "evaluation/evaluation.json").write_text(json.dumps(by_hand))
    with open(finished / "metrics.jsonl", "a") as rows:
        rows.write('{"iteration": 46, "evaluation/spread_50": 0.5}\n')
    checkpoints = sorted((interrupted / "checkpoints").glob("[0-9]*"))
    assert load(plain_run).total_steps == load(plain_run).iteration == int(checkpoints[-1].name)
    shutil.rmtree(checkpoints[-1])

    result = cli("sweep", sweep, "--out", "out", "--json")
    assert result.exit_code == 1
    said = result.stderr
    assert "digits--interrupted/seed-0: fit --resume" in said
    assert "digits--finished/seed-0: fit" not in said
    assert f"Error: digits--broken/seed-0: fit: There is no file or folder {tmp_path}" in said
    assert "Traceback" not in said
    groups = [json.loads(line) for line in result.stdout.splitlines()]
    assert [group["part"] for group in groups] == ["finished", "interrupted", "broken"]
    assert groups[0]["metrics"].pop("evaluation/spread_50")["mean"] == 0.5
    # Resumed equals uninterrupted.
    assert groups[0]["metrics"] == groups[1]["metrics"] != {}
    energy = groups[0]["metrics"]["online/energy_distance"]
    assert energy["mean"] == load(plain_run).last_metrics()["online/energy_distance"]
    assert energy["spread"] is None
    assert groups[2]["runs"] == [] and "gone.npz" in groups[2]["failed"]["0"]

    page = Path("out/sweep.html").read_text()
    assert page.count("data:image/png;base64,") == 2
    assert "http" not in page  # nothing from elsewhere
    assert "energy_distance" in page and "spread_50" not in page
    written_groups = json.loads(Path("out/sweep.json").read_text())
    assert [g["part"] for g in written_groups] == [g["part"] for g in groups]
    assert written_groups[1] == groups[1]


def test_other_settings_do_not_go_on_with_a_sweep(plain_run, tmp_path, cli):
    shutil.copytree(plain_run, tmp_path / "out/runs/digits/seed-0")
    first = cli("sweep", written(tmp_path, set=SMALL), "--out", "out")
    assert first.exit_code == 0, first.stderr
    header, row = first.stdout.splitlines()
    assert header.split()[:2] == ["recipe", "seeds"] and row.split()[:2] == ["digits", "1"]
    other = cli("sweep", written(tmp_path, set={**SMALL, "network.latent_dim": 3}), "--out", "out")
    assert other.exit_code == 2
    assert "was made by other settings than the sweep's" in other.stderr


def test_gpus_are_dealt_out_to_processes(tmp_path, monkeypatch):
    """No machine with GPUs: the environment names two, and a stand-in prints what it may use."""
    plan = plans.parse({"recipes": ["digits"], "seeds": [0, 1, 2, 3]})
    program = tmp_path / "python"
    program.write_text('#!/bin/sh\necho "GPU $CUDA_VISIBLE_DEVICES"\nsleep 0.5\nexit 1\n')
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(program))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,7")
    failed = Sweeping(plan, tmp_path / "out").play(2, lambda cell, what: None)
    assert len(failed) == 4
    assert set(failed.values()) == {"fit: GPU 4", "fit: GPU 7"}
    with pytest.raises(ConfigError, match="at most the number of GPUs, 2"):
        Sweeping(plan, tmp_path / "other").play(3, lambda cell, what: None)


@pytest.mark.slow
def test_a_stopped_sweep_goes_on_with_the_same_command(tmp_path):
    long = {"training.epochs": 200, "output.samples_every_epochs": 100}
    rare = {"output.checkpoint_every_epochs": 100, "output.scalars_every_steps": 1000}
    sweep = written(tmp_path, set={**SMALL, **long, **rare}, seeds=[0, 1])
    command = [PROGRAM, "sweep", str(sweep), "--processes", "2"]
    process = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 300
    while not any(tmp_path.glob("sweeps/games/runs/*/*/checkpoints/0*")):  # one has begun
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 130, said
    assert "Stopped after checkpoints. The same command goes on." in said
    done = subprocess.run(
        [PROGRAM, "sweep", str(sweep), "--json"], cwd=tmp_path, capture_output=True, text=True,
        env={**os.environ, "KERAS_GAN_FIT_SEED": "9"},  # no option of the sweep's runs
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "fit --resume" in done.stderr
    (group,) = [json.loads(line) for line in done.stdout.splitlines()]
    assert group["seeds"] == [0, 1]
    values = group["metrics"]["online/energy_distance"]["values"]
    assert len(set(values)) == 2
