"""Never lose a run: kills, full disks, vanished folders, two at once, damaged files."""

import contextlib
import errno
import fcntl
import json
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import types
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import PROGRAM, QUICK, everything
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from keras_gan import load_config, training
from keras_gan.config import override
from keras_gan.runs import Run, checkpoints, load, locks, logs, recovery
from keras_gan.training.callbacks import checkpointer
from keras_gan.utils.errors import DiskError, DivergedError, RunError

#: Six epochs of 4 steps, a call each two; checkpoints at 0, 12 and 24.
SETTINGS = {
    "network.generator.hidden": [16, 16],
    "network.discriminator.hidden": [16],
    "data.split": "train[:256]",
    "training.jit_compile": False,
    "training.steps_per_execution": 2,
    "training.epochs": 6,
    "output.scalars_every_steps": 1,
    "output.samples_every_epochs": 1,
    "output.checkpoint_every_epochs": 3,
    "output.held_out_every_epochs": 0,
}
CONFIG = override(load_config("digits"), SETTINGS)


class At(keras.callbacks.Callback):
    """Does something at an iteration."""

    def __init__(self, iteration, act):
        super().__init__()
        self.iteration, self.act = iteration, act

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.iteration.numpy()) == self.iteration:
            self.act()


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """The uninterrupted run."""
    return training.fit(CONFIG, tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A training that is traced once, and a checkpoint of its start."""
    made = training.prepare(CONFIG)
    folder = tmp_path_factory.mktemp("start")
    checkpoints.Writer(folder, CONFIG, 1).save(made.gan)
    return made, folder


@pytest.fixture
def begin(prepared, tmp_path):
    """Plays a new run in `tmp_path/run`, with more callbacks."""

    def begin(*more) -> Run:
        made, folder = prepared
        checkpoints.load_newest(made.gan, folder)
        run = training.start(made, tmp_path / "run")
        training.play(made, run, more)
        return run

    return begin


def state(run: Run) -> dict[str, np.ndarray]:
    import h5py

    found = {}
    newest = checkpoints.list_checkpoints(run.checkpoints)[-1]
    with h5py.File(newest / checkpoints.STATE) as file:
        file.visititems(
            lambda name, item: found.update({name: item[()]}) if hasattr(item, "shape") else None
        )
    return found


def untimed(run: Run) -> list[dict]:
    return [{k: v for k, v in row.items() if not k.startswith("time/")} for row in run.metrics()]


def board(folder: Path) -> dict[str, list[int]]:
    """What TensorBoard's own reader shows: the steps of each tag.

    But for the wall clock's: the first call of a process is not timed.
    """
    found = EventAccumulator(str(folder), size_guidance={"tensors": 0}).Reload()
    tags = [tag for tag in found.Tags()["tensors"] if not tag.startswith("time/")]
    return {tag: [event.step for event in found.Tensors(tag)] for tag in tags}


def assert_equal(run: Run, whole: Run) -> None:
    assert untimed(run) == untimed(whole)
    first, second = state(run), state(whole)
    assert first.keys() == second.keys()
    for name in first:
        np.testing.assert_array_equal(first[name], second[name], err_msg=name)
    pictures = [
        {p.name: p.read_bytes() for p in (r.path / "samples").iterdir()} for r in (run, whole)
    ]
    assert pictures[0] == pictures[1]
    for folder in ("tensorboard", "tensorboard/optimum"):
        assert board(run.path / folder) == board(whole.path / folder)
    assert not [name for name in everything(run.path) if ".tmp" in name]


# ------------------------------------------------------------------------------ kills

KILLED = """
import os, signal, sys
sys.path.insert(0, {tests!r})
from test_recovery import At, CONFIG
from keras_gan import training
kill = At({iteration}, lambda: os.kill(os.getpid(), signal.SIGKILL))
training.fit(CONFIG, {run!r}, [kill])
"""


def killed(run: Path, iteration: int) -> None:
    """A process of its own, that is killed at the end of a call."""
    code = KILLED.format(tests=str(Path(__file__).parent), iteration=iteration, run=str(run))
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.slow
def test_a_killed_run_that_goes_on_equals_the_uninterrupted_one(whole, tmp_path):
    """Killed between two checkpoints, with a torn row, a torn event and a half-made checkpoint."""
    path = tmp_path / "run"
    killed(path, 18)
    assert Run(path).iteration == 12
    assert max(row["iteration"] for row in untimed(Run(path))) == 18
    assert (path / "samples" / "000000016.png").exists()
    assert len(list((path / "tensorboard").glob("*tfevents*"))) == 1
    with open(path / "metrics.jsonl", "ab") as file:
        file.write(b'{"iteration": 20, "V(D')
    for events in (path / "tensorboard").rglob("*tfevents*"):
        with open(events, "r+b") as file:
            file.truncate(events.stat().st_size - 3)
    (path / "checkpoints" / ".tmp-killed").mkdir()
    (path / "checkpoints" / ".tmp-killed" / checkpoints.STATE).write_bytes(b"half")
    again, warnings = training.prepare_resume(Run(path))
    assert (int(again.gan.iteration.numpy()), warnings) == (12, [])
    training.play(again, Run(path))
    assert len(list((path / "tensorboard").glob("*tfevents*"))) == 2  # one a process
    assert_equal(Run(path), whole)


def test_a_run_that_was_killed_before_its_first_checkpoint_starts_at_its_start(prepared, tmp_path):
    made, folder = prepared
    checkpoints.load_newest(made.gan, folder)
    run = training.start(made, tmp_path / "run")
    early = logs.MetricsLog(run.path)
    with early.at(0):
        tf.summary.text("config", "written again when it starts")
    early.close()
    again, warnings = training.prepare_resume(run)
    assert (int(again.gan.iteration.numpy()), warnings) == (0, [])
    for mine, other in zip(again.gan.weights, made.gan.weights, strict=True):
        np.testing.assert_array_equal(mine, other)
    recovery.roll_back(run.path, again.gan)
    assert everything(run.path / "tensorboard") == []


def test_what_is_beyond_the_checkpoint_is_gone_and_the_rest_is_not(prepared, tmp_path):
    gan = prepared[0].gan
    gan.iteration.assign(4)
    for name in ("checkpoints", "samples", "tensorboard"):
        (tmp_path / name).mkdir()
    writer = logs.MetricsLog(tmp_path)
    for step in (2, 4, 6):
        writer.write(step, {"x": step / 2})
        (tmp_path / "samples" / f"{step:09d}.png").write_bytes(b"")
    writer.close()
    evaluation = logs.MetricsLog(tmp_path)  # `keras-gan evaluate` of the checkpoint at 4
    evaluation.write(4, {"evaluation/fd": 1.0})
    evaluation.close()
    later = logs.MetricsLog(tmp_path)
    with later.at(6):
        tf.summary.image("samples", np.zeros((1, 2, 2, 1), np.uint8))
    later.close()
    (tmp_path / "samples" / "moments.png").write_bytes(b"")
    before = {p.name: p.read_bytes() for p in (tmp_path / "tensorboard").iterdir()}
    recovery.roll_back(tmp_path, gan)
    assert board(tmp_path / "tensorboard") == {"x": [2, 4], "evaluation/fd": [4]}
    lines = (tmp_path / "metrics.jsonl").read_text().splitlines()
    assert [json.loads(line)["iteration"] for line in lines] == [2, 4, 4]
    names = {p.name for p in (tmp_path / "samples").iterdir()}
    assert names == {"000000002.png", "000000004.png", "moments.png"}
    after = {p.name: p.read_bytes() for p in (tmp_path / "tensorboard").iterdir()}
    assert len(before) == 3 and len(after) == 2  # the one with nothing but pictures of step 6
    assert sum(before[name] == after[name] for name in after) == 1  # what need not change
    recovery.roll_back(tmp_path, gan)
    assert {p.name: p.read_bytes() for p in (tmp_path / "tensorboard").iterdir()} == after


def test_what_was_left_half_written_is_removed_from_every_folder(prepared, tmp_path):
    folders = ("", "checkpoints", "samples", "tensorboard", "tensorboard/optimum")
    for folder in folders:
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / ".tmp-x").touch()
    recovery.roll_back(tmp_path, prepared[0].gan)
    assert not list(tmp_path.rglob(".tmp-*"))


# ---------------------------------------------------------------------- a failing disk


@contextlib.contextmanager
def limits():
    """Lets a test lower this process's limits, and puts them back."""
    kinds = (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE)
    before = {kind: resource.getrlimit(kind) for kind in kinds}
    try:
        yield lambda kind, value: resource.setrlimit(kind, (value, before[kind][1]))
    finally:
        for kind, value in before.items():
            resource.setrlimit(kind, value)


@pytest.mark.parametrize("what", ["row", "event", "checkpoint", "files"])
def test_where_nothing_more_can_be_written_the_run_stops_and_can_go_on(
    what, begin, prepared, whole, tmp_path
):
    path = tmp_path / "run"

    def fill():
        if what == "files":
            lower(resource.RLIMIT_NOFILE, 400)
            with contextlib.suppress(OSError):
                while True:
                    opened.callback(os.close, os.open(os.devnull, os.O_RDONLY))
        elif what == "row":
            lower(resource.RLIMIT_FSIZE, (path / "metrics.jsonl").stat().st_size + 10)
        elif what == "event":  # a row still fits
            lower(resource.RLIMIT_FSIZE, (path / "metrics.jsonl").stat().st_size + 3000)
        else:
            lower(resource.RLIMIT_FSIZE, 2**15)

    with limits() as lower, contextlib.ExitStack() as opened, pytest.raises(DiskError) as caught:
        begin(At(14, fill))
    said = str(caught.value)
    reason = "Too many open files" if what == "files" else "File too large"
    assert f"{reason}. Raise the limit of" in said
    assert said.endswith(f"Step 12 is safe: keras-gan fit --resume {path} goes on with it.")
    assert caught.value.exit_code == 1
    assert not [name for name in everything(path) if ".tmp" in name]
    assert [checkpoints.problem(p) for p in checkpoints.list_checkpoints(path / "checkpoints")] == [
        None,
        None,
    ]
    made, _ = prepared
    checkpoints.load_newest(made.gan, path / "checkpoints")
    training.play(made, Run(path))
    assert_equal(Run(path), whole)


@pytest.mark.slow
def test_a_full_disk_is_told_in_one_line(begin, tmp_path):
    """A real one, of 400 kB, where the system lets us mount it."""
    small = tmp_path / "run"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=400k", "tmpfs", str(small)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("no permission to mount a small tmpfs")
    try:
        with pytest.raises(DiskError, match=r"Not enough room for .*run: this training needs"):
            begin()
        assert everything(small) == []
        command = [PROGRAM, "fit", "digits", f"--run-dir={small}", *QUICK, "--epochs=100000"]
        fill = [sys.executable, "-c", FILLED, *command[1:]]
        done = subprocess.run(fill, capture_output=True, text=True, timeout=300)
        assert done.returncode == 1, done.stderr
        *_, last = done.stderr.splitlines()
        assert "No space left on device. Make room on that disk. Step " in last
        assert "Traceback" not in done.stderr and "Exception ignored" not in done.stderr
        kept = checkpoints.list_checkpoints(small / "checkpoints")
        assert kept and all(checkpoints.problem(path) is None for path in kept)
        assert not [name for name in everything(small) if ".tmp" in name]
    finally:
        subprocess.run(["umount", str(small)], check=True)


#: `keras-gan`, without the look at the free space.
FILLED = """
from keras_gan.runs import recovery
from keras_gan.cli import main
recovery.check_space = lambda *_: None
main(prog_name="keras-gan")
"""


def test_a_run_on_a_read_only_disk_can_be_read_but_not_trained(plain_run, cli, tmp_path):
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("no permission to mount a small tmpfs")
    try:
        run = shutil.copytree(plain_run, disk / "run")
        (run / locks.LOCK).unlink()
        subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
        for arguments in (["--resume", run, "--epochs=3"], ["digits", "--run-dir", disk / "new"]):
            refused = cli("fit", *arguments)
            assert (refused.exit_code, refused.stdout) == (1, "")
            assert refused.stderr.startswith("Error: Can't write ")
            assert refused.stderr.count("\n") == 1
        assert (
            "Read-only file system. Make that disk writable."
            in cli("fit", "--resume", run, "--epochs=3").stderr
        )
        assert Run(run).gan.iteration.numpy() == Run(run).iteration
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_training_that_fails_has_closed_its_log(begin, tmp_path):
    def fail():
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        begin(At(8, fail))
    numbers = os.listdir("/proc/self/fd")
    opened = [os.path.realpath(f"/proc/self/fd/{number}") for number in numbers]
    assert not [path for path in opened if path.startswith(os.path.realpath(tmp_path / "run"))]


def test_a_run_directory_that_vanishes_is_not_made_again(begin, tmp_path):
    path = tmp_path / "run"
    with pytest.raises(DiskError, match=rf"run directory {path} has vanished at step 10\.$"):
        begin(At(8, lambda: shutil.rmtree(path)))
    assert not path.exists()


def test_too_little_room_is_told_before_anything_is_written(prepared, tmp_path, monkeypatch):
    made, folder = prepared
    checkpoints.load_newest(made.gan, folder)
    (newest,) = checkpoints.list_checkpoints(folder)
    size = sum(file.stat().st_size for file in newest.iterdir())
    assert size < checkpoints.size(made.gan) < 2 * size

    usage = types.SimpleNamespace(total=10**9, free=4 * checkpoints.size(made.gan))
    monkeypatch.setattr(recovery.shutil, "disk_usage", lambda path: usage)
    with pytest.raises(
        DiskError, match=r"needs about [\d.]+ MB \(4 checkpoints of [\d.]+ MB, logs"
    ):
        training.start(made, tmp_path / "run")
    assert everything(tmp_path) == []


# ------------------------------------------------------------------------- two at once

HOLDER = """
import errno, fcntl, os, sys, time
from pathlib import Path
from keras_gan.runs import locks

def no_flock(*_):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

fcntl.flock = no_flock if "no flock" in sys.argv else fcntl.flock
with locks.held(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(600)
"""


@pytest.mark.filterwarnings("ignore:flock not supported")
@pytest.mark.parametrize("system", ["flock", "no flock"])
def test_a_lock_is_one_processs_and_ends_with_it(system, tmp_path, monkeypatch):
    if system == "no flock":  # as some network file systems

        def no_flock(*_):
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

        monkeypatch.setattr(fcntl, "flock", no_flock)
    command = [sys.executable, "-c", HOLDER, str(tmp_path), system]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RunError, match=f"is being trained by process {holder.pid} on "):
            locks.held(tmp_path).__enter__()
        holder.kill()
    with locks.held(tmp_path), locks.held(tmp_path):  # the dead one's file is there still
        assert (tmp_path / locks.LOCK).read_text().startswith(f"{os.getpid()}\n")


@pytest.mark.slow
def test_a_run_that_trains_can_be_read_but_not_trained_and_ends_by_sigterm(cli, tmp_path):
    """A real training that writes and removes checkpoints all the time."""
    often = ("--set=output.checkpoint_every_epochs=0.01", "--set=output.keep_checkpoints=1")
    often += ("--set=output.samples_every_epochs=0.5",)
    command = [PROGRAM, "fit", "digits", "--epochs=100000", "--run-dir=run", *QUICK, *often]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 240  # in all: machines are busy now and then
        while not Path("run/checkpoints/best").exists() and time.monotonic() < deadline:
            time.sleep(0.05)
        refused = cli("fit", "--resume", "run")
        assert refused.exit_code == 1
        assert f"run is being trained by process {process.pid} on" in refused.stderr
        gan, seen = load("run").gan, set()
        while len(seen) < 6 and time.monotonic() < deadline:
            iteration, warnings = checkpoints.load_newest(gan, Path("run/checkpoints"))
            assert warnings == []
            seen.add(iteration)
            checkpoints.load_best(gan, Path("run/checkpoints"))
        assert len(seen) == 6
        assert cli("runs").exit_code == 0
        assert cli("sample", "run", "--out", "samples.png").exit_code == 0
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=60)
    finally:
        process.kill()
    assert (process.returncode, out) == (143, "")
    assert err.endswith("Stopped after a checkpoint. Go on with: keras-gan fit --resume run\n")
    assert checkpoints.load_newest(gan, Path("run/checkpoints"))[0] >= max(seen)


def test_a_training_that_another_one_has_overtaken_is_refused(begin, prepared):
    made, folder = prepared
    run = begin()
    checkpoints.load_newest(made.gan, folder)
    with pytest.raises(RunError, match="has been trained on to step 24 in the meantime"):
        training.play(made, run)
    assert run.iteration == 24


# ------------------------------------------------------------------------- checkpoints


@pytest.mark.parametrize("name", [checkpoints.STATE, checkpoints.FACTS, checkpoints.SUMS])
def test_every_flipped_bit_and_every_cut_in_a_checkpoint_is_noticed(name, whole, tmp_path):
    source = checkpoints.list_checkpoints(whole.checkpoints)[-1]
    copy = shutil.copytree(source, tmp_path / "copy")
    content = (copy / name).read_bytes()
    generator = np.random.default_rng(0)
    for place in generator.integers(len(content), size=40):
        flipped = bytearray(content)
        flipped[place] ^= 1 << int(generator.integers(8))
        (copy / name).write_bytes(flipped)
        assert checkpoints.problem(copy) is not None, place
        (copy / name).write_bytes(content[:place])
        assert checkpoints.problem(copy) is not None, place
    (copy / name).write_bytes(content)
    assert checkpoints.problem(copy) is None


def test_checkpoints_come_by_minutes_too(prepared, begin, tmp_path, monkeypatch):
    """By a clock that goes on by ten minutes at step 4: between the checkpoints at 0 and 12."""
    later = []
    clock = types.SimpleNamespace(monotonic=lambda: time.monotonic() + sum(later))
    monkeypatch.setattr(checkpointer, "time", clock)
    seen = {}

    def look():
        found = checkpoints.list_checkpoints(tmp_path / "run" / "checkpoints")
        seen[int(prepared[0].gan.iteration.numpy())] = [int(path.name) for path in found]

    begin(At(4, lambda: later.append(600)), *(At(n, look) for n in range(2, 9, 2)))
    assert seen == {2: [0], 4: [0], 6: [0, 6], 8: [0, 6]}


def test_a_checkpoint_says_what_it_is_of(whole):
    facts = json.loads(
        (checkpoints.list_checkpoints(whole.checkpoints)[-1] / "checkpoint.json").read_text()
    )
    assert (facts["iteration"], facts["config"]) == (24, whole.config.to_dict())
    assert facts["versions"] == whole.facts["versions"]


def test_damaged_checkpoints_do_not_push_out_whole_ones(whole, tmp_path):
    """One is kept: the new ones, which are older than the damaged one, must be it."""
    path = shutil.copytree(whole.path, tmp_path / "run")
    newest = checkpoints.list_checkpoints(path / "checkpoints")[-1]
    (newest / checkpoints.STATE).write_bytes(b"damaged")
    config = (
        (path / "config.yaml").read_text().replace("keep_checkpoints: 2", "keep_checkpoints: 1")
    )
    (path / "config.yaml").write_text(config)
    again, (warning,) = training.prepare_resume(Run(path))
    assert "is damaged (its checksum is wrong); using the one before it" in warning
    training.play(again, Run(path), [At(16, lambda: setattr(again.gan, "stop_training", True))])
    names = sorted(p.name for p in (path / "checkpoints").iterdir())
    assert names == ["000000016", "000000024.damaged-1", "best"]
    assert checkpoints.problem(path / "checkpoints" / "000000016") is None


def test_weights_that_are_not_finite_are_not_kept(prepared, tmp_path):
    made, folder = prepared
    checkpoints.load_newest(made.gan, folder)
    writer = checkpoints.Writer(tmp_path, CONFIG, 1)
    kept = writer.save(made.gan)
    made.gan.iteration.assign(5)
    moments = made.gan.discriminator_optimizer.variables[-1]
    moments.assign(tf.fill(moments.shape, np.inf))
    for save in (
        lambda: writer.save(made.gan),
        lambda: writer.save_best(made.gan, 0.5),
    ):
        with pytest.raises(DivergedError, match=r"at step 5 .* is not finite"):
            save()
    assert list(tmp_path.iterdir()) == [kept]


def test_weights_that_are_not_finite_end_a_training_with_the_way_on(begin, prepared):
    made, _ = prepared

    def spoil():
        moments = made.gan.generator_optimizer.variables[-1]
        moments.assign(tf.fill(moments.shape, np.inf))
        made.gan.stop_training = True  # so that the checkpoint at the end is the first to see it

    with pytest.raises(DivergedError) as caught:
        begin(At(22, spoil))
    assert re.search(
        r"diverged between step 22 and 22: .* is not finite\. At step 22: V\(D,G\) .* The "
        r"checkpoint to go back to is .*000000012\. .* keras-gan fit .*init_from=",
        str(caught.value),
    )


@pytest.mark.parametrize(
    ("line", "instead", "name"),
    [
        (
            "steps_per_execution: 2",
            "steps_per_execution: 4",
            "training.steps_per_execution is 4, and was 2",
        ),
        ("seed: 0", "seed: 1", "seed is 1, and was 0"),
        ("regularizers:", "regularizers: {}\nleft_out:", "regularizers"),
    ],
)
def test_a_run_whose_settings_have_been_changed_does_not_go_on(
    line, instead, name, whole, tmp_path
):
    path = shutil.copytree(whole.path, tmp_path / "run")
    text = (path / "config.yaml").read_text()
    assert line in text
    text = text.replace(line, instead, 1)
    if "left_out" in text:  # with all that belongs to it
        text = re.sub(r"left_out:\n(  .*\n)+", "", text)
    (path / "config.yaml").write_text(text)
    with pytest.raises(RunError, match="has been changed: ") as caught:
        training.prepare_resume(Run(path), epochs=7)
    assert name in str(caught.value)


def test_a_config_that_is_cut_short_is_no_shorter_recipe(whole, tmp_path):
    path = shutil.copytree(whole.path, tmp_path / "run")
    text = (path / "config.yaml").read_text()
    (path / "config.yaml").write_text(text[: text.index("training:")])
    with pytest.raises(RunError, match=r"has been changed: training\."):
        training.prepare_resume(Run(path))


def test_other_versions_are_told(whole, tmp_path, monkeypatch):
    path = shutil.copytree(whole.path, tmp_path / "run")
    monkeypatch.setattr(recovery, "versions", lambda: {"keras": "9.9", "numpy": np.__version__})
    (warning,) = training.prepare_resume(Run(path))[1]
    assert f"was trained with keras {keras.__version__}, and goes on with 9.9" in warning


def test_slots_of_another_optimizer_are_not_passed_over(whole):
    other = training.prepare(CONFIG.replace(optimizer__discriminator__name="sgd"))
    with pytest.raises(RunError, match="does not fit the networks"):
        checkpoints.load_newest(other.gan, whole.checkpoints)


@pytest.mark.parametrize("name", [checkpoints.FACTS, checkpoints.SUMS, checkpoints.STATE])
def test_a_checkpoint_without_one_of_its_files_is_told_of(name, whole, prepared, tmp_path):
    folder = shutil.copytree(whole.checkpoints, tmp_path / "checkpoints")
    (folder / "000000024" / name).unlink()
    iteration, (warning,) = checkpoints.load_newest(prepared[0].gan, folder)
    assert iteration == 12 and "000000024 is damaged" in warning


def test_a_row_after_a_torn_one_is_whole(whole, tmp_path):
    path = shutil.copytree(whole.path, tmp_path / "run")
    before = Run(path).metrics()
    with open(path / "metrics.jsonl", "a") as file:
        file.write('{"iteration": 25, "V')
    writer = logs.MetricsLog(path)
    writer.write(24, {"evaluation/x": 1.0})
    writer.close()
    assert Run(path).metrics() == [*before, {"iteration": 24, "evaluation/x": 1.0}]


def test_a_command_to_go_on_can_be_pasted(whole, cli, tmp_path):
    shutil.copytree(whole.path, tmp_path / "my run")
    result = cli("fit", "digits", "--run-dir", tmp_path / "my run")
    assert result.exit_code == 2
    assert f"keras-gan fit --resume '{tmp_path}/my run'" in result.stderr


def test_loading_a_checkpoint_runs_no_code(prepared, monkeypatch):
    import marshal
    import pickle

    def never(*_, **__):
        raise AssertionError("code was loaded")

    made, folder = prepared
    for module, name in (
        (pickle, "loads"),
        (pickle, "load"),
        (pickle, "Unpickler"),
        (marshal, "loads"),
        (keras.saving, "deserialize_keras_object"),
        (keras.Model, "from_config"),
    ):
        monkeypatch.setattr(module, name, never)
    assert checkpoints.load_newest(made.gan, folder) == (0, [])
