"""Signals, shares of this machine, and child processes."""

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
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import IO, Any

from keras_gan.utils.errors import ConfigError

#: Environment variables that limit the threads of TensorFlow and of numerical libraries.
THREADS = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
_GRACE = 30.0  # seconds in which the other workers end by themselves after one has failed
_TOGETHER = 0.1  # seconds in which one worker's end may be a reaction to another's
_LAST_WORDS = 10.0  # seconds to read the output that ended workers have left


@contextlib.contextmanager
def handling(handler: Any, *numbers: int) -> Iterator[None]:
    """Handle signals by `handler`, as `signal.signal` takes it, within the block.

    Only the main thread can: in others it does nothing.
    """
    in_main = threading.current_thread() is threading.main_thread()
    before = {n: signal.signal(n, handler) for n in numbers if in_main}
    try:
        yield
    finally:
        for number, own in before.items():
            signal.signal(number, own)


@contextlib.contextmanager
def noted() -> Iterator[list[int]]:
    """Collect SIGINT and SIGTERM instead of ending; yield the list of those received.

    SIGINT after another signal raises KeyboardInterrupt.
    """
    received: list[int] = []

    def note(number, frame):
        if received and number == signal.SIGINT:
            raise KeyboardInterrupt
        received.append(number)

    with handling(note, signal.SIGINT, signal.SIGTERM):
        yield received


@contextlib.contextmanager
def second_ends_process() -> Iterator[None]:
    """End the process at once at a second SIGINT, for the command line.

    Python's handlers wait for a compiled call to return, which may take seconds. A thread
    that reads the numbers of signals from a pipe does not wait.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    before = signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
    watcher = _in_thread(_end_at_second, reading)
    try:
        yield
    finally:
        signal.set_wakeup_fd(before)
        os.close(writing)
        watcher.join()
        os.close(reading)


def _end_at_second(reading: int) -> None:
    stopping = False
    while number := os.read(reading, 1):
        if number[0] == signal.SIGINT and stopping:
            print("Interrupted.", file=sys.stderr, flush=True)
            os._exit(128 + signal.SIGINT)
        stopping = stopping or number[0] in (signal.SIGINT, signal.SIGTERM)


def gpus() -> list[str]:
    """Return the GPUs that TensorFlow would use, by their names for CUDA_VISIBLE_DEVICES."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        return [name for name in visible.split(",") if name.strip() not in ("", "-1")]
    with contextlib.suppress(OSError):
        return [str(n) for n, _ in enumerate(os.listdir("/proc/driver/nvidia/gpus"))]
    return []


def deal_out(names: Sequence[str], processes: int) -> list[dict[str, str]]:
    """Return CUDA_VISIBLE_DEVICES for each process: equal groups, or nothing without GPUs.

    Groups, because TensorFlow takes all memory of every GPU that it can use.

    Raises:
        ConfigError: the GPUs can't be divided equally.
    """
    each, left = divmod(len(names), processes)
    if left:
        raise ConfigError(
            f"The number of processes must be at most the number of GPUs, {len(names)}, and divide "
            f"it, got {processes}. Name other GPUs by CUDA_VISIBLE_DEVICES=0,1, or none by "
            "CUDA_VISIBLE_DEVICES=-1."
        )
    groups = [",".join(names[n * each : (n + 1) * each]) for n in range(processes)]
    return [{"CUDA_VISIBLE_DEVICES": group} if group else {} for group in groups]


def share(processes: int) -> dict[str, str]:
    """Return the environment of one of several processes: its part of the cores and the memory.

    Together they have as many threads as one process would have. Limits on threads that this
    process's environment sets stay as they are.
    """
    threads = str(max(1, len(os.sched_getaffinity(0)) // processes))
    limits = {name: threads for name in THREADS if name not in os.environ}
    return {**limits, "KERAS_GAN_PROCESSES": str(processes)}


class Children:
    """Start processes, and forward signals to them."""

    def __init__(self):
        self.processes: list[subprocess.Popen] = []
        #: The number of the last signal that was forwarded, or None.
        self.stopped_by: int | None = None

    def start(
        self, command: Sequence[str], environment: Mapping[str, str], **streams: Any
    ) -> subprocess.Popen:
        """Start one process in this environment alone; `streams` are stdout and stderr."""
        process = subprocess.Popen(
            list(command),
            env=environment,
            stdin=subprocess.DEVNULL,
            start_new_session=True,  # signals come from here only, and once
            **streams,
        )
        self.processes.append(process)
        if self.stopped_by:  # a signal that came between the start and the line above
            process.terminate()
        return process

    @contextlib.contextmanager
    def forwarding(self, *numbers: int) -> Iterator[None]:
        """Forward signals within the block: SIGINT as it is, others as SIGTERM."""

        def forward(number, frame):
            self.stopped_by = number
            self.send(signal.SIGINT if number == signal.SIGINT else signal.SIGTERM)

        with handling(forward, *numbers):
            yield

    def send(self, number: int) -> None:
        """Send a signal to all processes that have not ended."""
        for process in list(self.processes):
            process.send_signal(number)

    def end(self) -> None:
        """Kill all processes that have not ended."""
        for process in self.processes:
            process.kill()
            process.wait()


def run_workers(command: Sequence[str], workers: int) -> int:
    """Run a command as the workers of one training, until all have ended.

    If one fails, the others get SIGTERM, and SIGKILL after 30 s. Of the workers other than
    the chief only standard error is shown, each line with the worker's number.

    Returns:
        0, or the exit code of the first worker that failed (128 + number for a signal). A
        worker that was killed comes before one that ended because of it.

    Raises:
        ConfigError: the GPUs can't be divided equally.
    """
    environments = worker_environments(workers)
    children, relays = Children(), []
    with children.forwarding(signal.SIGINT, signal.SIGTERM):
        try:
            for number, environment in enumerate(environments):
                quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE} if number else {}
                process = children.start(command, {**os.environ, **environment}, **quiet)
                if process.stderr is not None:
                    relays.append(_in_thread(_relay, process.stderr, number))
            return _first_failure(children)
        finally:
            children.end()
            for relay in relays:  # with a limit: a worker's own child may hold its pipe open
                relay.join(_LAST_WORDS)


def worker_environments(workers: int) -> list[dict[str, str]]:
    """Return the variables of each worker: TF_CONFIG with free ports, its GPUs and its share.

    Raises:
        ConfigError: the GPUs can't be divided equally.
    """
    addresses = [f"127.0.0.1:{port}" for port in _free_ports(workers)]
    tasks = [{"type": "worker", "index": number} for number in range(workers)]
    return [
        {
            **share(workers),
            **devices,
            "TF_CONFIG": json.dumps({"cluster": {"worker": addresses}, "task": task}),
        }
        for task, devices in zip(tasks, deal_out(gpus(), workers), strict=True)
    ]


def _in_thread(call: Callable, *args) -> threading.Thread:
    thread = threading.Thread(target=call, args=args, daemon=True)
    thread.start()
    return thread


def _relay(lines: IO[bytes], number: int) -> None:
    for line in lines:
        text = line.decode("utf-8", "replace").rstrip()
        sys.stderr.write(f"worker {number}: {text}\n")  # in one write: threads may not mix lines
        sys.stderr.flush()


def _first_failure(children: Children) -> int:
    """Wait until all have ended, or 30 s longer than the first that failed."""
    ended: queue.SimpleQueue[int] = queue.SimpleQueue()
    for process in children.processes:
        _in_thread(lambda own=process: ended.put(own.wait()))
    codes: list[int] = []
    while len(codes) < len(children.processes) and not any(codes):
        codes.append(ended.get())
    if not any(codes):
        return 0
    time.sleep(_TOGETHER)
    while not ended.empty():
        codes.append(ended.get())
    deadline = time.monotonic() + _GRACE
    children.send(signal.SIGTERM)  # a worker that waits for the others ends at once
    for process in children.processes:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
    failed = [code for code in codes if code]
    return next((128 - code for code in failed if code < 0), failed[0])


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
