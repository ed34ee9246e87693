"""Several replicas and several workers play the game of one process."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import replica_games
import tensorflow as tf
import yaml
from conftest import PROGRAM, everything, invoke

from keras_gan.engine import cluster, replicas, strategies
from keras_gan.engine.workers import Workers
from keras_gan.runs import Run, checkpoints
from keras_gan.utils import processes
from keras_gan.utils.errors import ConfigError, WorkerLostError

TIMEOUT = 900  # seconds for a process that takes 20 alone on two cores
HERE = Path(__file__).parent
ROOT = HERE.parent


# ----------------------------------------------------------------------- TF_CONFIG


def tf_config(monkeypatch, task="worker", index=0, **jobs):
    jobs = jobs or {"worker": ["a:1", "b:2"]}
    value = json.dumps({"cluster": jobs, "task": {"type": task, "index": index}})
    monkeypatch.setenv("TF_CONFIG", value)


def test_the_first_worker_is_the_chief_unless_there_is_one_of_that_name(monkeypatch):
    tf_config(monkeypatch, index=0)
    assert cluster.from_environment() == cluster.Cluster(("a:1", "b:2"), 0)
    assert cluster.from_environment().is_chief
    tf_config(monkeypatch, index="1")  # some operators write text
    assert not cluster.from_environment().is_chief
    tf_config(monkeypatch, index=0, chief=["c:1"], worker=["a:1"], evaluator=["e:1"])
    assert cluster.from_environment() == cluster.Cluster(("c:1", "a:1"), 1)
    tf_config(monkeypatch, task="chief", chief=["[::1]:1"], worker=["a:1"])
    assert cluster.from_environment().is_chief
    assert str(cluster.from_environment()) == "worker 0 of 2 ([::1]:1), the chief"


TASK = {"type": "worker", "index": 0}
WORKERS = {"worker": ["a:1", "b:2"]}


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("", "needs TF_CONFIG like"),
        ("{", "no JSON"),
        ("[" * 100_000, "TF_CONFIG should be"),
        ([], "no table `cluster`"),
        ({"cluster": WORKERS}, "no table `task`"),
        ({"cluster": {}, "task": TASK}, "names no worker"),
        ({"cluster": {"worker": "a:1"}, "task": TASK}, "should be a list"),
        ({"cluster": {"worker": ["a"]}, "task": TASK}, "'a' is no HOST:PORT"),
        ({"cluster": {"worker": ["a:0"]}, "task": TASK}, "no HOST:PORT"),
        ({"cluster": {"worker": ["a:1", "a:1"]}, "task": TASK}, "twice"),
        ({"cluster": {"workers": ["a:1"]}, "task": TASK}, r"no chief or worker: \['workers'\]"),
        ({"cluster": {**WORKERS, "ps": ["p:1"]}, "task": TASK}, "parameter servers"),
        ({"cluster": {"chief": ["a:1", "b:1"]}, "task": TASK}, "several chiefs"),
        ({"cluster": WORKERS, "task": {"type": "ps", "index": 0}}, "not 'ps'"),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": 2}}, "has 2 of them"),
        ({"cluster": WORKERS, "task": {"type": "worker", "index": -1}}, "from 0, not -1"),
        ({"cluster": WORKERS, "task": {"type": "worker"}}, "from 0, not None"),
    ],
)
def test_a_wrong_tf_config_is_told_before_tensorflow_sees_it(value, told, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", value if isinstance(value, str) else json.dumps(value))
    with pytest.raises(ConfigError, match=told) as error:
        cluster.from_environment()
    assert len(str(error.value)) <= 1000
    assert invoke("fit", "digits", "--strategy", "multi-worker").exit_code == 2


@pytest.mark.parametrize("name", ["kubernetes.yaml", "kubeflow.yaml"])
def test_what_kubernetes_is_told_makes_a_cluster(name, monkeypatch):
    documents = list(yaml.safe_load_all((ROOT / "deploy" / "training" / name).read_text("utf-8")))
    (job,) = (d for d in documents if d["kind"] in ("Job", "TFJob"))
    check_packs_are_shared(job)
    for number, value in enumerate(kubernetes_values(job, documents)):
        monkeypatch.setenv("TF_CONFIG", value)
        found = cluster.from_environment()
        assert found.number == number
        assert len(found.workers) == 4


def check_packs_are_shared(job):
    """The cache lies on a claim of all pods, which they may write."""
    spec = job["spec"]
    template = (spec.get("tfReplicaSpecs") or {"Worker": spec})["Worker"]["template"]
    (container,) = template["spec"]["containers"]
    cache = {e["name"]: e.get("value") for e in container["env"]}["KERAS_GAN_CACHE"]
    mounts = [m["mountPath"] for m in container["volumeMounts"] if not m.get("readOnly")]
    assert any(cache.startswith(f"{mount}/") for mount in mounts)


def kubernetes_values(job, documents):
    """The TF_CONFIG of each pod."""
    if job["kind"] == "TFJob":  # whose operator sets it: names and form are its own
        specs = job["spec"]["tfReplicaSpecs"]
        assert list(specs) == ["Worker"]
        pod = specs["Worker"]["template"]["spec"]
        assert [c["name"] for c in pod["containers"]] == ["tensorflow"]
        name, count = job["metadata"]["name"], specs["Worker"]["replicas"]
        hosts = [f"{name}-worker-{n}.default.svc:2222" for n in range(count)]
        for number in range(count):
            task = {"type": "worker", "index": number}
            yield json.dumps({"cluster": {"worker": hosts}, "task": task, "environment": "cloud"})
        return
    spec, pod = job["spec"], job["spec"]["template"]["spec"]
    assert spec["completionMode"] == "Indexed"
    assert spec["completions"] == spec["parallelism"]
    (service,) = (d for d in documents if d["kind"] == "Service")
    assert service["spec"]["clusterIP"] == "None"
    assert pod["subdomain"] == service["metadata"]["name"]
    assert service["spec"]["selector"] == {"job-name": job["metadata"]["name"]}
    (container,) = pod["containers"]
    environment = {e["name"]: e for e in container["env"]}
    # $(NAME) is only filled in for variables that stand before it.
    assert list(environment).index("WORKER") < list(environment).index("TF_CONFIG")
    for number in range(spec["completions"]):
        value = environment["TF_CONFIG"]["value"].replace("$(WORKER)", str(number))
        hosts = json.loads(value)["cluster"]["worker"]
        own = f"{job['metadata']['name']}-{number}.{pod['subdomain']}"
        assert hosts[number] == f"{own}:{container['ports'][0]['containerPort']}"
        yield value


# ---------------------------------------------------------------------- strategies


def test_what_can_not_be_had_is_one_line(monkeypatch):
    with pytest.raises(ConfigError, match=r"no strategy `mirored`.*you mean `mirrored`"):
        strategies.make("mirored")
    with pytest.raises(ConfigError, match="TensorFlow sees one device"):
        strategies.make("mirrored")
    tf_config(monkeypatch)
    tf.zeros(1)
    with pytest.raises(ConfigError, match="before TensorFlow computes anything"):
        strategies.make("multi-worker")


def test_a_batch_is_that_of_all_replicas():
    class Four:
        num_replicas_in_sync = 4

    strategies.check_batch(Four, 64, 2)
    with pytest.raises(ConfigError, match=r"all 4 replicas.*multiple of 8.*56 or 64.*Received: 60"):
        strategies.check_batch(Four, 60, 2)
    with pytest.raises(ConfigError, match=r"multiple of 4 \(replicas\): 4, for example"):
        strategies.check_batch(Four, 2, 1)


def test_one_replica_has_nothing_to_agree_on():
    rows = tf.range(6)
    assert replicas.count() == 1
    assert replicas.part_of(rows) is rows
    assert replicas.part_of_step(rows, 2) is rows
    assert replicas.own(rows) is rows
    assert replicas.mean([rows, None])[0] is rows
    alone = Workers(strategies.make("one"))
    assert alone.is_chief
    assert [alone.agree([]), alone.agree([signal.SIGINT])] == [False, True]


def test_an_error_of_tensorflow_is_a_lost_worker_only_among_several():
    alone = Workers(strategies.make("one"))
    with pytest.raises(tf.errors.UnavailableError), alone.watched(""):
        raise tf.errors.UnavailableError(None, None, "gone")
    alone.alone, alone.strategy = False, StandIn
    for error in (tf.errors.UnavailableError, tf.errors.DeadlineExceededError):
        told = pytest.raises(WorkerLostError, match=r"because worker 1 has.* Again\.")
        with told, alone.watched("Again."):
            raise error(None, None, "from /job:worker/task:0: /job:worker/replica:0/task:1")
    with pytest.raises(tf.errors.InvalidArgumentError), alone.watched(""):
        raise tf.errors.InvalidArgumentError(None, None, "a bug of our own")


class StandIn:
    """Worker 0's strategy."""

    class cluster_resolver:
        task_type, task_id = "worker", 0


# ------------------------------------------------------------ replicas, one process


def several(tmp_path_factory, *names) -> dict:
    """The games on two logical CPUs, which take a process of their own."""
    out = tmp_path_factory.mktemp("games") / "played.npz"
    script = [sys.executable, HERE / "replica_games.py", "2", out, *names]
    done = subprocess.run(script, capture_output=True, text=True, timeout=TIMEOUT)
    assert done.returncode == 0, done.stderr
    return dict(np.load(out))


STREAMED = {"streamed_conditional": "conditional", "streamed_k2": "k2"}
RESIDENT = tuple(n for n in replica_games.GAMES if n not in STREAMED)

#: How far two replicas may be from one after 200 steps. Each sums half of the batch, and
#: that in its own precision: of 11 bits in float16, of 8 in bfloat16.
BOUNDS = {"float16": 1e-3, "bfloat16": 1e-2}

#: What is drawn or normalised by replica: another training, and equal on all replicas.
OWN = ("noise", "batch_norm", "xla_batch_norm")


@pytest.fixture(scope="module")
def games(tmp_path_factory):
    return several(tmp_path_factory, *replica_games.GAMES, *replica_games.ROUNDS)


@pytest.mark.slow
@pytest.mark.parametrize("name", RESIDENT)
def test_two_replicas_play_the_game_of_one(name, games):
    # XLA compiles each replica's gradients alone; latents are drawn as in a plain graph.
    options = {k: v for k, v in replica_games.GAMES[name].items() if k != "jit"}
    assert games[f"{name}/apart"] == 0.0
    if name in OWN:
        assert np.isfinite(games[f"{name}/weights"]).all()
        return
    expected = replica_games.play(strategies.make("one"), **options)
    bound = BOUNDS.get(name.removeprefix("xla_"), 1e-5)
    np.testing.assert_allclose(games[f"{name}/weights"], expected["weights"], atol=bound)
    logged = list(expected["names"])
    assert list(games[f"{name}/names"]) == logged
    # A relativistic game's logits are moved to the middle of both means, each replica's own.
    moved = ("V(D,G)", "D(x)", "D(G(z))") if name == "relativistic" else ()
    same = [n not in moved for n in logged]
    logs = games[f"{name}/logs"]
    np.testing.assert_allclose(logs[same], expected["logs"][same], atol=bound)
    np.testing.assert_allclose(logs, expected["logs"], atol=max(bound, 5e-3))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "resident"), STREAMED.items())
def test_two_replicas_play_streamed_as_resident_bit_for_bit(name, resident, games):
    for what in ("weights", "logs"):
        np.testing.assert_array_equal(games[f"{name}/{what}"], games[f"{resident}/{what}"])
    assert games[f"{name}/apart"] == 0.0


@pytest.mark.slow
def test_xla_normalises_as_a_plain_graph_does(games):
    np.testing.assert_allclose(
        games["xla_batch_norm/weights"], games["batch_norm/weights"], atol=1e-5
    )


@pytest.mark.slow
def test_one_replicas_overflow_skips_the_step_on_all(games):
    assert games["overflow/discriminator_stayed"]
    # D's scale is halved; G, whose gradients were finite, keeps its own.
    assert games["overflow/scales"].tolist() == [2.0**14, 2.0**15]
    assert games["overflow/apart"] == 0.0


@pytest.mark.slow
def test_moving_statistics_are_means_of_the_replicas(games):
    found = {k.partition("/")[2]: v for k, v in games.items() if k.startswith("moving")}
    np.testing.assert_allclose(found["mean"], found["mean_by_hand"], atol=1e-7)
    np.testing.assert_allclose(found["variance"], found["variance_by_hand"], rtol=1e-6)


@pytest.mark.slow
def test_memory_is_told_of_each_replica_and_of_the_data_of_all(games):
    resident, streamed = (games[f"summaries/{name}"] for name in ("resident", "streamed"))
    bytes_of_all = 256 * 64  # as read, and a copy on each of two devices
    assert resident[0].endswith(f"a replica (2 a process), data {3 * bytes_of_all / 1e6:.3g}")
    assert not resident[1]
    # As read, and three blocks of 4 rounds of 64.
    assert streamed[0].endswith(f"a replica (2 a process), data {4 * bytes_of_all / 1e6:.3g}")
    assert streamed[1] == "images are streamed from memory, ahead of the rounds"


TINY = (
    "fit",
    "digits",
    "--epochs=25",
    "--batch-size=32",
    "--loss=non_saturating",
    "--set=network.generator.hidden=[16, 16]",
    "--set=network.discriminator.hidden=[16]",
    "--set=data.split=train[:256]",
    "--set=training.jit_compile=false",
    "--set=training.steps_per_execution=10",
    "--set=output.scalars_every_steps=20",
    "--set=output.samples_every_epochs=15",
    "--set=output.checkpoint_every_epochs=5",
    "--set=output.held_out_every_epochs=0",
)  # 200 steps, a call and an epoch each 8


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The run of one process."""
    run = tmp_path_factory.mktemp("alone") / "run"
    result = invoke(*TINY, "--run-dir", run)
    assert result.exit_code == 0, result.stderr
    return run


def state(run: Path) -> np.ndarray:
    """The newest checkpoint's arrays."""
    arrays = []
    newest = checkpoints.list_checkpoints(run / "checkpoints")[-1]
    with h5py.File(newest / checkpoints.STATE) as file:
        file.visititems(lambda _, item: arrays.append(item[()]) if hasattr(item, "dtype") else None)
    return np.concatenate([np.ravel(a) for a in arrays])


def rows(run: Path) -> list[dict[str, float]]:
    lines = (run / "metrics.jsonl").read_text("utf-8").splitlines()
    return [
        {k: v for k, v in json.loads(line).items() if not k.startswith("time/")} for line in lines
    ]


def check_same_run(run: Path, other: Path, bound: float) -> None:
    np.testing.assert_allclose(state(run), state(other), atol=bound)
    for row, expected in zip(rows(run), rows(other), strict=True):
        assert row == pytest.approx(expected, abs=bound)
    files = [[f for f in everything(r) if "tfevents" not in f] for r in (run, other)]
    assert files[0] == files[1]


def mirrored(*args):
    """`keras-gan args...` on two logical CPUs."""
    script = [sys.executable, HERE / "replica_games.py", "2", *args, "--strategy=mirrored"]
    return subprocess.run(script, capture_output=True, text=True, timeout=TIMEOUT)


@pytest.mark.slow
def test_a_mirrored_run_is_the_run_of_one(alone, tmp_path):
    done = mirrored(*TINY, "--run-dir", tmp_path / "run")
    assert done.returncode == 0, done.stderr
    assert "2 replicas on CPU:0, CPU:1, 16 images each" in done.stderr
    check_same_run(tmp_path / "run", alone, 1e-5)
    assert Run(tmp_path / "run").facts["replicas"] == 2
    assert Run(tmp_path / "run").config == Run(alone).config
    wrong = mirrored(*TINY, "--batch-size=63")
    assert wrong.returncode == 2
    assert "all 2 replicas" in wrong.stderr


@pytest.mark.slow
def test_the_held_out_discriminator_beside_mirrored_variables(tmp_path):
    """And a start from another run's weights, which all replicas get."""
    first = tmp_path / "first"
    assert invoke(*TINY, "--epochs=1", "--run-dir", first).exit_code == 0
    settings = (
        *TINY,
        "--epochs=4",
        f"--set=training.init_from={first}",
        "--set=output.held_out_every_epochs=2",
        "--set=output.samples_every_epochs=2",
    )
    result = invoke(*settings, "--run-dir", tmp_path / "one")
    assert result.exit_code == 0, result.stderr
    done = mirrored(*settings, "--run-dir", tmp_path / "two")
    assert done.returncode == 0, done.stderr
    np.testing.assert_allclose(state(tmp_path / "two"), state(tmp_path / "one"), atol=1e-5)
    gaps = [
        [row["held_out/V(D,G)"] for row in rows(tmp_path / name) if "held_out/V(D,G)" in row]
        for name in ("one", "two")
    ]
    assert len(gaps[0]) == 2
    # Samples that differ by 1e-6 train and stop another discriminator a little differently.
    assert gaps[1] == pytest.approx(gaps[0], abs=1e-2)


# -------------------------------------------------------------------------- launch


LAUNCH = """
import sys
from keras_gan.utils.processes import run_workers
sys.exit(run_workers(sys.argv[2:], int(sys.argv[1])))
"""


def run_launch(*command, workers=2):
    """`run_workers` in a process of its own, as `keras-gan launch` calls it."""
    return subprocess.run(
        [sys.executable, "-c", LAUNCH, str(workers), *map(str, command)],
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


PRINT = """
import json, os, sys, time
task = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
print("out", task); print("err", task, file=sys.stderr)
"""


def test_launch_shows_the_chief_and_the_others_errors():
    done = run_launch(sys.executable, "-c", PRINT, workers=3)
    assert done.returncode == 0
    assert done.stdout == "out 0\n"
    assert sorted(done.stderr.splitlines()) == ["err 0", "worker 1: err 1", "worker 2: err 2"]


@pytest.mark.parametrize(
    ("end", "code"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", 137)], ids=["exit", "kill"]
)
def test_launch_ends_all_when_one_fails(end, code):
    began = time.monotonic()
    done = run_launch(sys.executable, "-c", f"{PRINT}\nif task == 1: {end}\ntime.sleep(60)")
    assert done.returncode == code
    assert time.monotonic() - began < 30


REACT = """
import json, os, socket, sys, time
config = json.loads(os.environ["TF_CONFIG"])
own = config["cluster"]["worker"][0].rpartition(":")
if config["task"]["index"] == 0:
    with socket.create_server((own[0], int(own[2]))) as server:
        server.accept()[0].recv(1)  # returns when the other process ends
    time.sleep(0.03)
    sys.exit(1)
while True:
    try:
        line = socket.create_connection((own[0], int(own[2])))
        break
    except OSError:
        time.sleep(0.01)
"""


@pytest.mark.parametrize(
    ("end", "code"), [("sys.exit(7)", 7), ("os.kill(os.getpid(), 9)", 137)], ids=["exit", "kill"]
)
def test_the_exit_code_is_that_of_the_first_not_of_the_chief_that_follows(end, code):
    assert run_launch(sys.executable, "-c", f"{REACT}\n{end}").returncode == code


def test_launch_shows_all_that_a_worker_said():
    script = f"""{PRINT}
for number in range(20_000 * task):
    print("line", number, file=sys.stderr)
sys.exit(task)
"""
    done = run_launch(sys.executable, "-c", script)
    assert done.returncode == 1
    told = [line for line in done.stderr.splitlines() if line.startswith("worker 1: line")]
    assert told == [f"worker 1: line {number}" for number in range(20_000)]


def test_launch_hands_signals_on():
    script = f"{PRINT}\nsys.stdout.flush()\ntime.sleep(60)"
    command = [sys.executable, "-c", LAUNCH, "2", sys.executable, "-c", script]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as launcher:
        launcher.stdout.readline()
        launcher.send_signal(signal.SIGTERM)
        assert launcher.wait(TIMEOUT) == 143


def test_launch_deals_out_gpus_ports_and_threads(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,3,4,7")
    for name in processes.THREADS:
        monkeypatch.delenv(name, raising=False)
    made = processes.worker_environments(2)
    assert [e["CUDA_VISIBLE_DEVICES"] for e in made] == ["0,3", "4,7"]
    threads = str(max(1, len(os.sched_getaffinity(0)) // 2))
    for name in processes.THREADS:
        assert [e[name] for e in made] == [threads, threads]
    assert [e["KERAS_GAN_PROCESSES"] for e in made] == ["2", "2"]
    configs = [json.loads(e["TF_CONFIG"]) for e in made]
    assert configs[0]["cluster"] == configs[1]["cluster"]
    assert len(set(configs[0]["cluster"]["worker"])) == 2
    assert [c["task"]["index"] for c in configs] == [0, 1]
    with pytest.raises(ConfigError, match="the number of GPUs, 4"):
        processes.worker_environments(3)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "-1")
    assert "CUDA_VISIBLE_DEVICES" not in processes.worker_environments(2)[0]


def test_launch_is_for_fit():
    result = invoke("launch", "--workers", 2, "sample")
    assert result.exit_code == 2
    assert "launch --workers 2 fit" in result.stderr
    result = invoke("launch", "--workers", 2, "fit", "digits", "--strategy=one")
    assert result.exit_code == 2
    assert "Leave --strategy out" in result.stderr


# ------------------------------------------------------------------------- workers


def train(folder: Path, death: str, *args):
    """Two workers: the process that launched them."""
    return run_launch(sys.executable, HERE / "worker.py", folder, death, *args)


@pytest.fixture(scope="module")
def together(tmp_path_factory):
    """The folder of a run of two workers."""
    folder = tmp_path_factory.mktemp("together")
    done = train(folder, "none", *TINY, "--strategy=multi-worker", "--run-dir", folder / "run")
    assert done.returncode == 0, done.stderr
    assert done.stdout == f"{folder / 'run'}\n"
    assert "2 replicas on CPU:0 of each of 2 workers, 16 images each" in done.stderr
    return folder


@pytest.mark.slow
def test_two_workers_have_the_same_weights_and_those_of_one(together, alone):
    weights = [np.load(together / f"weights-{number}.npy") for number in (0, 1)]
    np.testing.assert_array_equal(*weights)
    check_same_run(together / "run", alone, 1e-5)


@pytest.mark.slow
def test_only_the_chief_writes(together):
    assert sorted(p.name for p in together.iterdir()) == ["run", "weights-0.npy", "weights-1.npy"]
    tables = [p for p in (together / "run").rglob("*tfevents*") if "optimum" not in str(p)]
    assert len({p.name.split(".")[4] for p in tables}) == 1  # the process's number


@pytest.mark.slow
@pytest.mark.parametrize(("dead", "stream"), [(0, "auto"), (1, "true")])
def test_a_dead_worker_ends_the_other_and_a_resume_is_exact(dead, stream, together, tmp_path):
    """Streamed as well: equal to the resident run."""
    where = ("--strategy=multi-worker", "--run-dir", tmp_path / "run")
    where += (f"--set=data.stream={stream}",)
    done = train(tmp_path, f"{dead}:136:SIGKILL", *TINY, *where)
    assert done.returncode == 137
    # By itself, not killed at the end of the 30 s that `launch` gives it.
    (line,) = [line for line in done.stderr.splitlines() if "Error" in line]
    assert re.search(rf"because worker {dead} has, or can't be reached. Start all", line)
    assert not list(tmp_path.glob("weights-*"))
    again = train(tmp_path, "none", "fit", "--resume", tmp_path / "run", "--strategy=multi-worker")
    assert again.returncode == 0, again.stderr
    assert "step 120 of 200" in again.stderr
    check_same_run(tmp_path / "run", together / "run", 0)
    np.testing.assert_array_equal(
        np.load(tmp_path / "weights-1.npy"), np.load(together / "weights-1.npy")
    )


@pytest.mark.slow
def test_a_signal_to_one_worker_ends_all_after_a_checkpoint(together, tmp_path):
    where = ("--strategy=multi-worker", "--run-dir", tmp_path / "run")
    done = train(tmp_path, "1:136:SIGTERM", *TINY, *where)
    assert done.returncode == 143, done.stderr
    assert "Stopped after a checkpoint" in done.stderr
    assert "Error" not in done.stderr
    newest = checkpoints.list_checkpoints(tmp_path / "run" / "checkpoints")[-1]
    assert int(newest.name) == 136
    # One process goes on with it, as any number of them could.
    result = invoke("fit", "--resume", tmp_path / "run")
    assert result.exit_code == 0, result.stderr
    check_same_run(tmp_path / "run", together / "run", 1e-5)


OWN_SEED = """
import json, os, sys
from keras_gan.cli import main
number = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
main([*sys.argv[1:], "--seed", str(number)])
"""


@pytest.mark.slow
def test_workers_with_other_settings_are_told(tmp_path):
    """Each is given a seed by its number."""
    where = ("--strategy=multi-worker", "--run-dir", tmp_path / "run")
    done = run_launch(sys.executable, "-c", OWN_SEED, *TINY, *where)
    assert done.returncode == 2
    assert "Another worker's settings or data differ" in done.stderr


@pytest.mark.slow
def test_the_launch_command_launches(tmp_path):
    """As far as an error that only several replicas have."""
    command = [PROGRAM, "launch", "--workers", "2", *TINY, "--batch-size=63"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, cwd=tmp_path)
    assert done.returncode == 2
    assert "worker 1: Error: `training.batch_size` is that of all 2 replicas" in done.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_launch_profiles_the_chief(tmp_path):
    command = [PROGRAM, "launch", "--workers", "2", *TINY, "--epochs=4", "--profile"]
    command += ["--run-dir", tmp_path / "run"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("profile: ") == 1
    assert len(list((tmp_path / "run").rglob("*.xplane.pb"))) == 1


LATE = """
import json, os, sys, time
from keras_gan import training
from keras_gan.cli import main
number = json.loads(os.environ["TF_CONFIG"])["task"]["index"]
prepare = training.prepare
def prepare_late(*args):
    prepared = prepare(*args)
    time.sleep(12 * number)
    return prepared
training.prepare = prepare_late
try:
    main([a.replace("NUMBER", str(number)) for a in sys.argv[1:]])
finally:
    print("worker", number, "left", file=sys.stderr)
"""


@pytest.mark.slow
@pytest.mark.parametrize(
    ("more", "told"),
    [(["--dry-run"], "dry run: nothing was written"), ([], "this run has come to its end")],
)
def test_workers_that_have_nothing_to_play_leave_together(more, told, together, tmp_path):
    """One comes late, and has not the newest checkpoint."""
    for number in (0, 1):
        shutil.copytree(together / "run", tmp_path / f"run-{number}")
    shutil.rmtree(checkpoints.list_checkpoints(tmp_path / "run-1" / "checkpoints")[-1])
    before = everything(tmp_path)
    command = ("fit", "--resume", tmp_path / "run-NUMBER", "--strategy=multi-worker", *more)
    if more:
        command = (*command, "--epochs=30")
    done = run_launch(sys.executable, "-c", LATE, *command)
    assert done.returncode == 0, done.stderr
    assert done.stderr.count(told) == 1
    assert "worker 1: worker 1 left" in done.stderr
    assert everything(tmp_path) == before
