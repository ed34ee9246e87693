"""`keras-gan fit`: what it says and leaves, dry runs, interruptions, going on."""

import contextlib
import json
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from conftest import PROGRAM, QUICK, everything, npz
from PIL import Image

from keras_gan import load
from keras_gan.runs import checkpoints


def test_a_fit_says_what_it_does_and_leaves_a_whole_run(cli, tmp_path):
    data = npz(tmp_path / "tiny.npz")
    result = cli(
        "fit", "digits", "--epochs=2", "--batch-size=8", "--data=tiny.npz", "--seed=5", *QUICK
    )
    assert result.exit_code == 0, result.stderr
    run = load()  # the newest under ./runs
    assert result.stdout == f"{run.path}\n"
    assert run.path.parent == Path("runs/digits")
    said = result.stderr
    assert f"data       {data}: 40 images of 8x8x1" in said
    assert "gan, relativistic loss + r1 0.1" in said
    assert "2 epochs of 5 steps" in said
    assert f"watch      tensorboard --logdir {run.path.parent}" in said
    assert f"next: keras-gan sample {run.path} --out samples.png" in said
    assert "\r" not in said  # no progress bar where there is no terminal

    config = yaml.safe_load((run.path / "config.yaml").read_text())
    assert config == run.config.to_dict()
    assert (config["seed"], config["training"]["epochs"], config["data"]["name"]) == (5, 2, data)
    steps = ["000000000", "000000010"]
    assert [p.name for p in checkpoints.list_checkpoints(run.checkpoints)] == steps
    for name in steps:
        with Image.open(run.path / "samples" / f"{name}.png") as grid:
            assert grid.size == (331, 331)  # 10 x 10 digits of 8 pixels, four times enlarged
    # The last call's means, and the comparison with the data at the end.
    assert [row["iteration"] for row in run.metrics()] == [10, 10]
    assert list((run.path / "tensorboard").glob("events.*"))
    names = {p.name for p in run.path.iterdir()}
    assert names == {
        ".lock",
        "checkpoints",
        "config.yaml",
        "metrics.jsonl",
        "run.json",
        "samples",
        "tensorboard",
    }
    assert not [p for p in everything(run.path) if ".tmp" in p]

    again = cli("fit", run.path / "config.yaml", "--run-dir", "again")
    assert again.exit_code == 0, again.stderr
    assert load("again").config == run.config
    rows = [
        [{k: v for k, v in row.items() if not k.startswith("time/")} for row in r.metrics()]
        for r in (run, load("again"))
    ]
    assert rows[0] == rows[1]


def test_a_dry_run_checks_everything_and_writes_nothing(cli, tmp_path):
    result = cli("fit", "digits", "--dry-run", "--run-dir=new")
    assert (result.exit_code, result.stdout) == (0, "")
    assert "1,500 images of 8x8x1, 10 classes" in result.stderr
    assert result.stderr.endswith("dry run: nothing was written\n")
    assert everything(tmp_path) == []
    assert cli("fit", "digits", "--dry-run", "--loss=hing").exit_code == 2


def test_a_run_is_not_overwritten_but_the_way_to_go_on_is_named(plain_run, cli):
    result = cli("fit", "digits", "--run-dir", plain_run)
    assert (result.exit_code, result.stdout) == (2, "")
    assert f"`keras-gan fit --resume {plain_run}` goes on with it" in result.stderr


def test_a_finished_run_has_nothing_to_resume(plain_run, cli):
    before = {p: p.stat().st_mtime_ns for p in plain_run.rglob("[!.]*")}
    result = cli("fit", "--resume", plain_run)
    assert (result.exit_code, result.stdout) == (0, f"{plain_run}\n")
    assert "this run has come to its end; a larger --epochs goes on with it" in result.stderr
    # The lock alone names its last holder.
    assert {p: p.stat().st_mtime_ns for p in plain_run.rglob("[!.]*")} == before


def test_the_latest_run_is_the_one_that_was_made_last_and_can_be_extended(plain_run, cli, tmp_path):
    for name, created in (("b", "2026-11-20T12:00:00+00:00"), ("a", "2026-11-21T12:00:00+00:00")):
        run = shutil.copytree(plain_run, tmp_path / "runs" / "digits" / name)
        facts = json.loads((run / "run.json").read_text())
        (run / "run.json").write_text(json.dumps({**facts, "created": created}))
    before = load("runs/digits/b").iteration
    result = cli("fit", "--resume", "latest", "--epochs", 3)
    assert (result.exit_code, result.stdout) == (0, "runs/digits/a\n")
    assert f"  from       step {before} of {before // 2 * 3}\n" in result.stderr
    assert load("runs/digits/a").iteration == before // 2 * 3
    assert load("runs/digits/a").config.training.epochs == 3
    assert load("runs/digits/b").iteration == before


def test_a_damaged_metrics_file_does_not_stop_a_resume(plain_run, cli):
    shutil.copytree(plain_run, "run")
    metrics = Path("run/metrics.jsonl")
    whole = metrics.read_bytes()
    first, *others = whole.splitlines(keepends=True)
    torn = b'{"iteration": 46, "V(D,G)": -1.'
    metrics.write_bytes(b"".join([first, b"\xff\xfe damaged\n", *others, torn]))
    result = cli("fit", "--resume", "run", "--epochs=3")
    assert result.exit_code == 0, result.stderr
    assert metrics.read_bytes().startswith(whole)
    rows = [json.loads(line) for line in metrics.read_text("utf-8").splitlines()]
    assert len(rows) > len(others) + 1
    assert max(row["iteration"] for row in rows) == 69


def test_an_interrupted_fit_keeps_a_checkpoint_and_can_be_finished(cli, tmp_path):
    """A real process and a real SIGINT, in the middle of its calls."""
    command = [PROGRAM, "fit", "digits", "--epochs=100000", "--run-dir=run", *QUICK]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    metrics, deadline = Path("run/metrics.jsonl"), time.monotonic() + 120
    while not (metrics.exists() and metrics.stat().st_size):
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(0.05)
            pytest.fail(f"it ended early: {process.communicate()}")
        assert time.monotonic() < deadline
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err.endswith("Stopped after a checkpoint. Go on with: keras-gan fit --resume run\n")
    assert "Traceback" not in err
    stopped = int(checkpoints.list_checkpoints(Path("run/checkpoints"))[-1].name)
    assert stopped > 0
    epochs = stopped // 23 + 1
    resumed = cli("fit", "--resume", "run", "--epochs", epochs)
    assert resumed.exit_code == 0, resumed.stderr
    assert resumed.stdout == "run\n"
    assert f"from       step {stopped} of {epochs * 23}" in resumed.stderr
    assert int(checkpoints.list_checkpoints(Path("run/checkpoints"))[-1].name) == epochs * 23
    iterations = [row["iteration"] for row in load("run").metrics() if "V(D,G)" in row]
    assert iterations == sorted(set(iterations))


@pytest.mark.slow
def test_a_second_sigint_stops_at_once(tmp_path, cli):
    """In the midst of a long call, of 1,500 steps; the first alone would wait for its end."""
    command = [PROGRAM, "fit", "digits", "--batch-size=1", "--run-dir=run", *QUICK]
    command += ["--set=network.discriminator.hidden=[3000, 3000]"]
    command += ["--set=training.steps_per_execution=1500"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    deadline = time.monotonic() + 120
    while not Path("run/checkpoints/000000000").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(2)
    process.send_signal(signal.SIGINT)
    time.sleep(0.5)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (130, "")
    assert err.endswith("Interrupted.\n")
    assert [p.name for p in checkpoints.list_checkpoints(Path("run/checkpoints"))] == ["000000000"]
