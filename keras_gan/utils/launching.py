"""Several processes of one training on this machine, each with a TF_CONFIG of its own."""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import IO

from keras_gan.utils.errors import ConfigError

_GRACE = 30.0  # seconds in which the others end by themselves once one has failed
_TOGETHER = 0.1  # seconds in which one worker's end may be another's reaction to it
_LAST_WORDS = 10.0  # seconds for what workers that have ended still had to say
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")


def run_workers(command: Sequence[str], workers: int) -> int:
    """Runs a command `workers` times, each with a TF_CONFIG of its own, until all have ended.

    Where one fails, the others are told to end, and are killed after 30 s.

    Args:
        command: of each process.
        workers: how many.

    Returns:
        0, or the exit code of the first that failed (128 + number for a signal); of one
        that was killed rather than of one that ended because of it.

    Raises:
        ConfigError: there are fewer GPUs than workers, but not none.
    """
    environments = _environments(workers)
    processes: list[subprocess.Popen] = []
    relays: list[threading.Thread] = []
    with _forwarded(processes):
        try:
            for number, environment in enumerate(environments):
                process = _started(command, number, environment)
                processes.append(process)
                if process.stderr is not None:
                    relays.append(_in_thread(_relay, process.stderr, number))
            return _first_failure(processes)
        finally:
            for process in processes:
                process.kill()
                process.wait()
            for relay in relays:  # not for ever: a worker's own processes may have its pipe
                relay.join(_LAST_WORDS)


def _started(command: Sequence[str], number: int, environment: dict[str, str]) -> subprocess.Popen:
    """Of the workers beside the chief only standard error is shown, each line with its number."""
    chief = number == 0
    return subprocess.Popen(
        list(command),
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        stdout=None if chief else subprocess.DEVNULL,
        stderr=None if chief else subprocess.PIPE,
        start_new_session=True,  # signals come from here only, and once
    )


def _in_thread(call: Callable, *args) -> threading.Thread:
    thread = threading.Thread(target=call, args=args, daemon=True)
    thread.start()
    return thread


def _relay(lines: IO[bytes], number: int) -> None:
    for line in lines:
        text = line.decode("utf-8", "replace").rstrip()
        sys.stderr.write(f"worker {number}: {text}\n")  # at once: threads may not mix lines
        sys.stderr.flush()


def _first_failure(processes: Sequence[subprocess.Popen]) -> int:
    """Waits until all have ended, or 30 s longer than the first that failed."""
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()
    for process in processes:
        _in_thread(lambda own=process: ended.put(own.wait()))
    codes: list[int] = []
    while len(codes) < len(processes) and not any(codes):
        codes.append(ended.get())
    if not any(codes):
        return 0
    time.sleep(_TOGETHER)
    while not ended.empty():
        codes.append(ended.get())
    deadline = time.monotonic() + _GRACE
    _signal(processes, signal.SIGTERM)  # who still waits for all to come ends at once
    for process in processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    failed = [code for code in codes if code]
    return next((128 - code for code in failed if code < 0), failed[0])


def _signal(processes: Sequence[subprocess.Popen], number: int) -> None:
    for process in processes:
        process.send_signal(number)  # nothing where it has ended


@contextlib.contextmanager
def _forwarded(processes: Sequence[subprocess.Popen]) -> Iterator[None]:
    """Hands SIGINT and SIGTERM on to all processes."""

    def forward(number, frame):
        _signal(processes, number)

    before = {n: signal.signal(n, forward) for n in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _environments(workers: int) -> list[dict[str, str]]:
    """What each worker's environment has beside that of this process."""
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(workers)]
    devices = _dealt_out(gpus(), workers)
    # Together they have no more threads than one process would.
    threads = str(max(1, len(os.sched_getaffinity(0)) // workers))
    shared = {name: threads for name in THREADS if name not in os.environ}
    shared["KERAS_GAN_PROCESSES"] = str(workers)  # they share the machine's memory as well
    return [
        {
            **shared,
            **({"CUDA_VISIBLE_DEVICES": ",".join(own)} if own else {}),
            "TF_CONFIG": json.dumps(
                {"cluster": {"worker": addresses}, "task": {"type": "worker", "index": number}}
            ),
        }
        for number, own in enumerate(devices)
    ]


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


def gpus() -> list[str]:
    """The GPUs that TensorFlow would see, by their names for CUDA_VISIBLE_DEVICES."""
    given = os.environ.get("CUDA_VISIBLE_DEVICES")
    if given is not None:
        return [name for name in given.split(",") if name.strip() not in ("", "-1")]
    with contextlib.suppress(OSError):
        return [str(n) for n, _ in enumerate(os.listdir("/proc/driver/nvidia/gpus"))]
    return []


def _dealt_out(gpus: list[str], workers: int) -> list[list[str]]:
    """As many GPUs for each worker: TensorFlow takes all memory of those that it sees."""
    if len(gpus) % workers:
        raise ConfigError(
            f"{workers} workers can't have as many GPUs each: there are {len(gpus)}. Name them, "
            "as many for each worker, by CUDA_VISIBLE_DEVICES=0,1, or none by "
            "CUDA_VISIBLE_DEVICES=-1."
        )
    each = len(gpus) // workers
    return [gpus[n * each : (n + 1) * each] for n in range(workers)]
