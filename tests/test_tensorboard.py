"""What TensorBoard serves of two runs, asked over HTTP as its page does."""

import contextlib
import json
import math
import re
import shutil
import subprocess
import sys
import time
import urllib.parse
import urllib.request

import pytest
from conftest import QUICK

from keras_gan import training
from keras_gan.runs import load
from keras_gan.training.callbacks import dashboard

EPOCHS = 12  # more pictures than TensorBoard keeps by itself


class Asked:
    """A TensorBoard's HTTP interface."""

    def __init__(self, address: str):
        self.address = address

    def __call__(self, path: str, body: dict | None = None, **query):
        query = {key: str(value) for key, value in query.items()}
        address = f"{self.address}data/plugin/{path}?{urllib.parse.urlencode(query)}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(address, data, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            return json.load(answer)

    def until(self, found, *args, seconds=90, **query):
        """The first answer for which `found` holds."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if found(answer := self(*args, **query)):
                    return answer
            time.sleep(0.3)
        raise AssertionError(f"{args}: no such answer in {seconds} s")


@pytest.fixture(scope="module")
def board(plain_run, tmp_path_factory):
    """TensorBoard, started as `fit` says, on a long run of hinge and a copy of another."""
    from conftest import invoke

    folder = tmp_path_factory.mktemp("board")
    shutil.copytree(plain_run, folder / "runs" / "plain")
    fit = ["fit", "digits", "--run-dir", folder / "runs/hinge", "--loss", "hinge", *QUICK]
    fitted = invoke(*fit, "--epochs", EPOCHS, "--set=output.samples_every_epochs=1")
    assert fitted.exit_code == 0, fitted.stderr
    (command,) = re.findall(r"watch +tensorboard (.*)", fitted.stderr)
    with open(folder / "log", "w") as log:
        server = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tensorboard.main",
                *command.split(),
                "--host=127.0.0.1",
                "--port=0",
            ],
            stderr=log,
            stdout=log,
        )
    try:
        deadline = time.monotonic() + 120
        while not (found := re.search(r"http://127.0.0.1:\d+/", (folder / "log").read_text())):
            assert time.monotonic() < deadline and server.poll() is None
            time.sleep(0.2)
        asked = Asked(found[0])
        asked.until(lambda tags: {"hinge/tensorboard", "plain/tensorboard/optimum"} <= set(tags),
                    "scalars/tags")  # fmt: skip
        asked.charts = [
            dashboard.charts(training.prepare(load(folder / "runs" / name).config).gan)
            for name in ("hinge", "plain")
        ]
        yield asked
    finally:
        server.terminate()
        server.wait(30)


def test_the_layout_is_served_once_for_all_runs(board):
    layout = board.until(bool, "custom_scalars/layout")
    served = {
        category["title"]: {
            chart["title"]: tuple(chart["multiline"]["tag"]) for chart in category["chart"]
        }
        for category in layout["category"]
    }
    hinge, plain = board.charts
    assert served == {category: {**charts, **plain[category]} for category, charts in hinge.items()}
    titles = [(category["title"], chart["title"])
              for category in layout["category"] for chart in category["chart"]]  # fmt: skip
    assert len(titles) == len(set(titles))  # one that both runs have is one chart


def test_every_chart_has_its_numbers(board):
    empty = set()
    for charts in board.charts[0].values():
        for title, tags in charts.items():
            found = [board("custom_scalars/scalars", tag=tag, run="hinge/tensorboard")
                     for tag in tags]  # fmt: skip
            if not any(answer["tag_to_events"] for answer in found):
                empty.add(title)
            # The page would look for the run's name behind such a bracket, and draw nothing.
            assert not any("(" in tag for answer in found for tag in answer["tag_to_events"])
    # QUICK leaves the held-out discriminator out, and its D predicts no classes.
    assert empty == {"held-out Jensen-Shannon divergence", "test error of D as a classifier"}


def test_the_optimum_is_in_the_chart_of_its_value(board):
    for run in ("hinge", "plain"):
        tag, *_ = board.charts[0]["The game"]["V(D,G) and its optimum"]
        answer = board("custom_scalars/scalars", tag=tag, run=f"{run}/tensorboard/optimum")
        values = [value for _, _, value in answer["tag_to_events"]["charts/V[D,G]"]]
        assert values and all(v == pytest.approx(-math.log(4), rel=1e-6) for v in values)
    (tag, _) = board.charts[0]["The game"]["value/hinge and its optimum"]
    answer = board("custom_scalars/scalars", tag=tag, run="hinge/tensorboard/optimum")
    assert {value for _, _, value in answer["tag_to_events"]["value/hinge"]} == {-2.0}
    tags = board("scalars/tags")
    assert set(tags["hinge/tensorboard/optimum"]) == {"V(D,G)", "charts/V[D,G]", "value/hinge"}


def test_all_pictures_are_kept(board):
    tags = board.until(lambda tags: "hinge/tensorboard" in tags, "images/tags")
    assert "samples" in tags["hinge/tensorboard"]
    wanted = [23 * epoch for epoch in range(EPOCHS + 1)]
    query = {"tag": "samples", "run": "hinge/tensorboard", "sample": 0}
    board.until(lambda kept: [one["step"] for one in kept] == wanted, "images/images", **query)


def test_settings_of_runs_stand_beside_each_other(board):
    experiment = board("hparams/experiment", body={"experimentName": ""})
    names = {info["name"] for info in experiment["hparamInfos"]}
    assert {"loss.name", "training.batch_size", "seed"} <= names
    assert "description" not in names
    metrics = {info["name"]["tag"] for info in experiment["metricInfos"]}
    assert {"V(D,G)", "online/energy_distance"} <= metrics
    wanted = [{"name": {"group": "", "tag": "V(D,G)"}}]
    query = {
        "experimentName": "",
        "allowedStatuses": ["STATUS_UNKNOWN", "STATUS_SUCCESS", "STATUS_RUNNING"],
        "colParams": [{"hparam": "loss.name", "includeInResult": True},
                      {"metric": wanted[0]["name"], "includeInResult": True}],
        "startIndex": 0,
        "sliceSize": 10,
        "includeMetrics": True,
    }  # fmt: skip
    groups = board("hparams/session_groups", body=query)["sessionGroups"]
    games = {group["hparams"]["loss.name"] for group in groups}
    assert games == {"hinge", "relativistic"}
    for group in groups:
        values = {m["name"]["tag"]: m["value"] for m in group["metricValues"]}
        assert math.isfinite(values["V(D,G)"])
