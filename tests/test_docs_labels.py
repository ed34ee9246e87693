"""What docs/conditioning.md and docs/semi_supervised.md tell to run, on digits for MNIST."""

import json
import re
import shlex
import subprocess
import sys

import numpy as np
import pytest
from conftest import QUICK, ROOT, invoke, npz

DOCS = ROOT / "docs"
SHORT = ("--epochs=1", "--set=data.name=digits", *QUICK)


@pytest.mark.slow
@pytest.mark.parametrize(
    "page, recipe, count",
    [("conditioning", "mnist_conditional", 9), ("semi_supervised", "mnist_semi", 5)],
)
def test_every_command_runs(page, recipe, count, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    npz(tmp_path / "images.npz", count=80, labels=np.random.default_rng(0).normal(size=(80, 4)))
    np.save("wishes.npy", np.zeros((2, 4)))
    assert invoke("fit", recipe, "--run-dir=RUN", *SHORT).exit_code == 0
    commands = re.findall(r"^    keras-gan (.*)", (DOCS / f"{page}.md").read_text(), re.MULTILINE)
    assert len(commands) == count
    for command in commands:
        arguments = shlex.split(command.replace("labels_per_class=100", "labels_per_class=20"))
        if arguments[0] == "fit":
            arguments += SHORT if "--data" not in arguments else SHORT[:1]
        if arguments[0] == "evaluate":
            arguments += ["--count=1000"]
        done = invoke(*arguments)
        assert done.exit_code == 0, f"{command}: {done.stderr}"


@pytest.mark.slow
@pytest.mark.parametrize(
    "script, arguments, again, table",
    [
        ("semi_supervised", ["--draws=1", "--steps=3"], ["--draws=1", "--steps=4"], "draw  labels"),
        (
            "conditioning",
            ["--only=concat", "--count=200"],
            ["--only=concat"],
            "label_accuracy_digits_cnn",
        ),
    ],
)
def test_a_benchmark_goes_on_where_it_was_stopped(script, arguments, again, table, tmp_path):
    def run(*given):
        command = [sys.executable, ROOT / "benchmarks" / f"{script}.py", tmp_path / "out"]
        command += [*SHORT, *given]
        return subprocess.run(command, capture_output=True, text=True)

    first = run(*arguments)
    assert first.returncode == 0, first.stderr
    row, *printed = first.stdout.splitlines()
    file = tmp_path / "out" / f"{script}.jsonl"
    assert json.loads(row) == json.loads(file.read_text())
    assert table in printed[0]
    second = run(*arguments)
    assert second.stdout.splitlines() == printed  # nothing was done again
    refused = run(*again)
    assert refused.returncode == 1
    assert "name another folder" in refused.stderr
