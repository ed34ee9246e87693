"""The metrics log of a run, and what callbacks and charts take from a game."""

import json
import types
import warnings

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_gan.evaluation import plots
from keras_gan.games import reports
from keras_gan.games.base import AdversarialModel
from keras_gan.games.options import Options
from keras_gan.runs.logs import BOARD, OPTIMUM, MetricsLog
from keras_gan.training.callbacks import Health, Progress, dashboard
from keras_gan.utils.errors import KerasGanWarning


def events(folder):
    """{tag: [(step, value)]} as TensorBoard's own reader has them."""
    board = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    return {
        tag: [(e.step, tf.make_ndarray(e.tensor_proto).tolist()) for e in board.Tensors(tag)]
        for tag in board.Tags()["tensors"]
    }


def test_all_that_is_logged_goes_to_one_file_of_each_kind(tmp_path):
    log = MetricsLog(tmp_path)
    assert not (tmp_path / BOARD).exists()  # no event yet
    log.write(1, {"a": 0.5, "time/unix": 3.0})
    with log.at(1):
        tf.summary.image("samples", np.zeros((1, 2, 2, 1), np.uint8))
    log.write(2, {"a": 0.25, "F(x)": float("nan")})
    log.write_optima(2, {"a": 0.0})
    log.sync()
    # It is all there before the log is closed.
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert rows[0] == {"iteration": 1, "a": 0.5, "time/unix": 3.0}
    assert rows[1:] == [{"iteration": 2, "a": 0.25, "F(x)": None}]
    found = events(tmp_path / BOARD)
    assert set(found) == {"a", "samples", "F(x)", "charts/F[x]"}
    assert found["a"] == [(1, 0.5), (2, 0.25)]
    assert events(tmp_path / OPTIMUM) == {"a": [(2, 0.0)]}
    for folder in (BOARD, OPTIMUM):
        assert len(list((tmp_path / folder).glob("*tfevents*"))) == 1
    log.close()


def test_tensorflows_errors_are_the_disks(tmp_path):
    log = MetricsLog(tmp_path)
    with pytest.raises(OSError, match="No space left"), log.at(1):
        raise tf.errors.ResourceExhaustedError(None, None, "a.v2; No space left on device")
    log.write(1, {"a": 0.5})
    log.close()
    with pytest.raises(ValueError, match="closed"):
        log.write(2, {"a": 0.5})


class OtherGame(AdversarialModel):
    """A game whose logs have names of its own."""

    log_names = ("score", "loss/painter", "extra/cycle", "extra/identity")
    players = {}  # noqa: RUF012

    def __init__(self):
        super().__init__({}, Options(), name="other")


class TalkingGame(OtherGame):
    headline = ("score", "extra/cycle")
    optima = {"score": 0.0}  # noqa: RUF012

    def diagnose(self, logs):
        return "the score is too high" if logs["score"] > 1 else None


LOGS = {"score": 2.0, "loss/painter": 0.25, "extra/cycle": 0.5, "extra/identity": 0.5}


def test_a_game_that_says_nothing_shows_its_first_log():
    game = OtherGame()
    assert (game.headline, game.optima, game.diagnose(LOGS)) == (("score",), {}, None)
    assert reports.charts(game) == {"score": ("score",)}


def test_warnings_and_errors_are_of_the_games_own_logs(tmp_path):
    (tmp_path / "run.json").touch()
    watch = Health(tmp_path)
    watch.set_model(TalkingGame())
    watch.on_train_begin()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        for step in range(100, 3000, 100):
            watch.act(step, LOGS)
    (warning,) = [w.message for w in caught if isinstance(w.message, KerasGanWarning)]
    assert str(warning) == "from step 0 to 1000 the score is too high"
    said = watch.explain(3000, ["score is nan"])
    assert "At step 2900: score 2, extra/cycle 0.5. " in said


def test_progress_shows_the_games_own_headline(capsys, monkeypatch):
    from keras_gan.training.callbacks import progress

    monkeypatch.setattr(progress, "_SECONDS_BETWEEN_LINES", 0.0)
    shown = Progress(100, 10)
    shown.set_model(TalkingGame())
    shown.on_train_begin()
    shown.act(10, LOGS)
    assert capsys.readouterr().err == "epoch 1.0/10  step 10/100  score 2.000  extra/cycle 0.500\n"


def test_charts_are_of_the_games_own_logs():
    game = dashboard.charts(TalkingGame())["The game"]
    assert game == {
        "score and its optimum": ("^score$", "^held_out/score$"),
        "extra/cycle": ("^extra/cycle$",),
        "loss": ("^loss(/|$)",),
        "extra": ("^extra(/|$)",),
    }
    figure = plots.curves([{"iteration": 1, **LOGS}, {"iteration": 2, **LOGS}], TalkingGame())
    panels = {ax.get_title(): ax for ax in figure.axes if ax.get_title()}
    assert list(panels) == ["score and its optimum", "extra/cycle", "losses"]
    lines = {line.get_label(): line for line in panels["score and its optimum"].get_lines()}
    assert set(lines) == {"score", "optimum"}
    assert list(lines["optimum"].get_ydata()) == [0.0, 0.0]
    row = {"iteration": 1, "D(G(z))": 0.4, "D(x)": 0.6}  # names come sorted from a graph
    named = types.SimpleNamespace(headline=reports.HEADLINE, optima={"V(D,G)": -1.4})
    (panel, *_) = plots.curves([row], named).axes
    assert [line.get_label() for line in panel.get_lines()] == ["D(x)", "D(G(z))"]
    assert plots.curves([], named) is None
