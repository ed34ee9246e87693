"""Run directories: made whole or not at all, found by their creation, written safely."""

import ctypes
import json
import os
import re
import shutil
import stat
from pathlib import Path

import pytest
from conftest import everything

from keras_gan import __version__, runs
from keras_gan.config import Config, load_config, override
from keras_gan.runs import Run, directory
from keras_gan.utils import files
from keras_gan.utils.errors import ConfigError, RunError
from keras_gan.utils.labels import ClassLabels

CONFIG = override(Config(), {"name": "small", "network.generator.hidden": [3, 3]})


def create(path=None, config=CONFIG) -> Run:
    return Run.create(config, (8, 8, 1), ClassLabels(("no", "yes")), 40, 5, path)


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An empty folder that is the current one, and so the home of ./runs."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


# --------------------------------------------------------------------- creation


def test_a_new_run_has_its_folders_its_config_and_its_facts(here):
    run = create()
    assert run.path.parent == Path("runs/small")
    assert everything(run.path) == [
        "checkpoints",
        "config.yaml",
        "run.json",
        "samples",
        "tensorboard",
    ]
    assert load_config(run.path / "config.yaml") == CONFIG
    facts = json.loads((run.path / "run.json").read_text())
    assert facts["sample_shape"] == [8, 8, 1]
    assert (facts["format"], facts["steps_per_epoch"]) == (2, 5)
    assert facts["labels"] == {"shape": [None], "dtype": "int32", "names": ["no", "yes"]}
    assert facts["versions"]["keras_gan"] == __version__
    assert set(facts["versions"]) == {"keras_gan", "keras", "tensorflow", "numpy", "python"}
    again = Run(run.path)
    assert (again.config, again.sample_shape, again.labels) == (
        CONFIG,
        (8, 8, 1),
        ClassLabels(("no", "yes")),
    )
    assert (again.steps_per_epoch, again.num_samples, again.created) == (5, 40, run.created)
    assert again.metrics() == []


def test_runs_of_one_second_have_names_of_their_own(here):
    paths = {create().path for _ in range(5)}
    assert len(paths) == 5
    assert len(runs.list_runs()) == 5


@pytest.mark.parametrize("name, folder", [
    ("a/../../b", "a-..-..-b"), ("..", "run"), (".hidden", "hidden"), ("", "run"),
    ("größer 2", "größer-2"),
])  # fmt: skip
def test_a_name_is_a_folder_below_the_root_whatever_is_in_it(name, folder, here):
    run = create(config=override(CONFIG, {"name": name}))
    assert run.path.parent == Path("runs") / folder
    assert (here / "runs" / folder).is_dir()


def test_an_empty_folder_may_become_a_run(here):
    (here / "mine").mkdir()
    assert create("mine").path == Path("mine")


def test_a_run_is_not_made_over_another(here):
    path = create("mine").path
    before = (path / "run.json").read_bytes()
    with pytest.raises(ConfigError) as caught:
        create("mine")
    assert caught.value.exit_code == 2
    assert "mine already exists; `keras-gan fit --resume mine` goes on with it." in str(
        caught.value
    )
    assert (path / "run.json").read_bytes() == before


@pytest.mark.parametrize("what", ["file", "folder"])
def test_a_run_is_not_made_over_anything_else(what, here):
    if what == "file":
        (here / "mine").write_text("a letter")
    else:
        (here / "mine").mkdir()
        (here / "mine" / "letter").write_text("a letter")
    before = everything(here)
    with pytest.raises(ConfigError, match=r"mine already exists\. Name another --run-dir"):
        create("mine")
    assert everything(here) == before


def test_where_nothing_can_be_written_nothing_is_left(here):
    (here / "file").write_text("in the way")
    with pytest.raises(RunError) as caught:
        create("file/deep/run")
    assert caught.value.exit_code == 1
    assert str(caught.value).startswith("Can't write file/deep/run: ")
    assert everything(here) == ["file"]
    with pytest.raises(RunError, match="Can't write /proc/run: "):  # whose mkdir fails for root too
        create("/proc/run")


def test_a_disk_that_fills_up_leaves_nothing(here, monkeypatch):
    """Stands in for a full disk, which a test can't have: the second file is not written."""
    (here / "new").mkdir()
    (here / "new" / "neighbour").write_text("stays")

    def full(path, text):
        if path.name == "run.json":
            raise OSError(28, "No space left on device")
        files.write_text(path, text)

    monkeypatch.setattr(directory, "write_text", full)
    for path in ("new/deep/run", "other/run", "run"):
        with pytest.raises(RunError, match=f"Can't write {path}: No space left on device"):
            create(path)
    assert everything(here) == ["new", "new/neighbour"]


def test_two_that_start_at_once_do_not_take_each_others_folder(here, monkeypatch):
    """Stands in for the race: the other process comes between the look and the making."""
    first = create()
    looked = []

    def look(path):
        if not looked:
            shutil.copytree(first.path, path)  # the other one is quicker
        looked.append(path)

    monkeypatch.setattr(directory, "check_new", look)
    mine = create()
    assert looked[0] != looked[1] == mine.path
    assert everything(looked[0]) == everything(first.path)


# ---------------------------------------------------------------------- finding


def test_the_newest_is_the_last_created_not_the_last_by_name_or_by_file_time(here):
    paths = [create(f"runs/{name}").path for name in ("c/3", "a/1", "b", "a/2")]
    os.utime(paths[0] / "run.json", (4e9, 4e9))
    assert [run.path for run in runs.list_runs()] == paths
    assert runs.load().path == Path("runs/a/2")
    assert runs.load("runs/c/3").path == Path("runs/c/3")


def test_a_run_stopped_before_its_first_checkpoint_gives_way(here):
    older, newer = (create(f"runs/{name}") for name in ("a", "b"))
    assert runs.load().path == newer.path  # neither has one
    (older.checkpoints / "000000000").mkdir()
    assert runs.load().path == older.path
    assert runs.newest().path == newer.path  # which `fit --resume latest` starts at its start


def test_keras_gan_runs_names_the_root(here, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_RUNS", str(here / "elsewhere"))
    run = create()
    assert run.path.parent == here / "elsewhere" / "small"
    assert runs.load().path == run.path
    monkeypatch.delenv("KERAS_GAN_RUNS")
    with pytest.raises(
        RunError, match=r"There are no runs in runs\. `keras-gan fit digits` makes one"
    ):
        runs.load()


STRANGERS = {
    "text": b"not json",
    "cut": b'{"sample_shape": [8, 8',
    "bytes": b"\xff\xfe\x00",
    "nothing": b"",
    "list": b"[1, 2]",
    "other": b'{"name": "another program\'s"}',
    "shape": b'{"format": 2, "sample_shape": "ab", "labels": null, "created": ""}',
    "labels": b'{"format": 2, "sample_shape": [1], "labels": 3, "created": ""}',
    "deep": b"[" * 100_000,
}


@pytest.mark.parametrize("kind", list(STRANGERS))
def test_a_strangers_run_json_is_no_run_and_hides_none(kind, here):
    mine = create()
    stranger = here / "runs" / "a" / "b"
    stranger.mkdir(parents=True)
    (stranger / "run.json").write_bytes(STRANGERS[kind])
    assert [run.path for run in runs.list_runs()] == [mine.path]
    with pytest.raises(RunError, match="runs/a/b is not a run directory: its run"):
        runs.load("runs/a/b")


@pytest.mark.parametrize("missing, message", [
    ("run.json", "is not a run directory: it has no run.json."),
    ("config.yaml", "is not a run directory: Can't read .*/config.yaml: No such file"),
])  # fmt: skip
def test_a_run_without_its_files_is_none(missing, message, here):
    path = create("mine").path
    (path / missing).unlink()
    with pytest.raises(RunError, match=message):
        Run(path)


def test_a_run_that_is_not_there(here):
    (here / "file").write_text("")
    for path in ("nowhere", "file"):
        with pytest.raises(RunError, match=f"There is no run {path}. `keras-gan runs` lists those"):
            runs.load(path)


def test_a_run_of_a_later_version_with_settings_unknown_here_says_so(here):
    path = create("mine").path
    with open(path / "config.yaml", "a") as file:
        file.write("later: 1\n")
    with pytest.raises(RunError, match="There is no setting `later`"):
        Run(path)


@pytest.mark.parametrize("version", [None, 1, 3, "two"])
def test_a_run_of_another_format_is_refused_in_one_line(version, here):
    path = create("mine").path
    facts = json.loads((path / "run.json").read_text())
    del facts["format"]
    written = facts if version is None else {**facts, "format": version}
    (path / "run.json").write_text(json.dumps(written))
    said = f"mine is a run of format {version or 1!r}, and this version reads format 2. Train it"
    with pytest.raises(RunError, match=re.escape(said)) as caught:
        Run(path)
    assert "\n" not in str(caught.value)


def test_a_run_without_a_checkpoint_has_no_generator(here):
    with pytest.raises(RunError, match="There is no checkpoint in"):
        _ = create().generator


# ---------------------------------------------------------------------- metrics


@pytest.mark.parametrize("tail", [b'{"iteration": 30, "V(D,', b"17\n", b"\xff\xfe", b"\n\n"])
def test_a_torn_last_line_of_metrics_is_left_out(tail, here):
    run = create()
    rows = [{"iteration": 10, "V(D,G)": -1.25}, {"iteration": 20, "V(D,G)": float("nan")}]
    content = "".join(json.dumps(row) + "\n" for row in rows).encode()
    (run.path / "metrics.jsonl").write_bytes(content + tail)
    found = run.metrics()
    assert [row["iteration"] for row in found] == [10, 20]
    assert found[0] == rows[0]


# ------------------------------------------------------------------------ files


def test_a_replaced_file_has_the_new_content_and_the_users_permissions(tmp_path):
    path = tmp_path / "deep" / "a.tar.gz"
    before = os.umask(0o027)
    try:
        with files.replaced_file(path) as temporary:
            assert temporary.parent == path.parent
            assert temporary.name.endswith(".tar.gz")
            temporary.write_bytes(b"new")
            assert not path.exists()
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert everything(path.parent) == ["a.tar.gz"]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_a_file_whose_writing_fails_stays_as_it_was(error, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(error), files.replaced_file(path) as temporary:
        temporary.write_text("half of the n")
        raise error
    assert path.read_text() == "old"
    assert everything(tmp_path) == ["a.txt"]


def test_a_replaced_folder_takes_the_place_of_the_old_one(tmp_path):
    path = tmp_path / "a"
    for content in ("old", "new"):
        with files.replaced_folder(path) as temporary:
            (temporary / content).mkdir()
            (temporary / content / "b").write_text(content)
    assert everything(tmp_path) == ["a", "a/new", "a/new/b"]


@pytest.mark.parametrize("error", [ValueError, OSError, KeyboardInterrupt])
def test_a_folder_whose_writing_fails_stays_as_it_was(error, tmp_path):
    path = tmp_path / "a"
    path.mkdir()
    (path / "b").write_text("old")
    with pytest.raises(error), files.replaced_folder(path) as temporary:
        (temporary / "b").write_text("half of the n")
        raise error
    assert (path / "b").read_text() == "old"
    assert everything(tmp_path) == ["a", "a/b"]


def test_the_old_folder_comes_back_where_the_new_one_can_not_take_its_place(tmp_path, monkeypatch):
    """Stands in for a system without exchanging renames, and one that fails half-way."""
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())  # without renameat2
    path = tmp_path / "a"
    path.mkdir()
    (path / "b").write_text("old")
    replace = os.replace

    def fails_to_place_the_new_one(source, target):
        if Path(target) == path and not Path(source).name.endswith("-old"):
            raise OSError(5, "Input/output error")
        replace(source, target)

    monkeypatch.setattr(os, "replace", fails_to_place_the_new_one)
    with pytest.raises(OSError, match="Input/output"), files.replaced_folder(path) as temporary:
        (temporary / "b").write_text("new")
    assert (path / "b").read_text() == "old"
    assert everything(tmp_path) == ["a", "a/b"]


def test_sha256_is_that_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"abc")  # FIPS 180-2, appendix B.1
    assert files.sha256(tmp_path / "a") == (
        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )
