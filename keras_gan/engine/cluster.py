"""Which processes train together: TF_CONFIG, as TensorFlow and Kubernetes' operators have it."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from typing import Any

from keras_gan.utils.errors import ConfigError

_EXAMPLE = (
    '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": {"type": "worker", "index": 0}}'
)


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The processes of one training, and which of them this one is.

    Attributes:
        workers: HOST:PORT of each; the first one is the chief.
        number: this process's, from 0.
    """

    workers: tuple[str, ...]
    number: int

    @property
    def is_chief(self) -> bool:
        """Whether this process is the one that writes."""
        return self.number == 0

    def __str__(self) -> str:
        role = ", the chief" if self.is_chief else f"; the chief is {self.workers[0]}"
        return f"worker {self.number} of {len(self.workers)} ({self.workers[self.number]}){role}"


def from_environment() -> Cluster:
    """The cluster that TF_CONFIG describes; imports no TensorFlow.

    Raises:
        ConfigError: there is none, or TensorFlow could make nothing of it.
    """
    text = os.environ.get("TF_CONFIG", "")
    if not text.strip():
        raise ConfigError(
            f"--strategy multi-worker needs TF_CONFIG like {_EXAMPLE}, which `keras-gan launch` "
            "and Kubernetes' training operators set."
        )
    try:
        return _cluster(json.loads(text))
    except (ValueError, RecursionError) as error:
        reason = f"no JSON: {error}" if isinstance(error, json.JSONDecodeError) else str(error)
        raise ConfigError(
            f"TF_CONFIG should be like {_EXAMPLE}: {reason}. Received: {text}."
        ) from error


def _cluster(given: Any) -> Cluster:
    """Raises ValueError, which says what is wrong."""
    cluster, task = _table(given, "cluster"), _table(given, "task")
    unknown = set(cluster) - {"chief", "worker", "evaluator", "ps"}
    if unknown:
        raise ValueError(f"its cluster has jobs that are no chief or worker: {sorted(unknown)}")
    if cluster.get("ps"):
        raise ValueError("its cluster has parameter servers (`ps`), and these workers need none")
    chief, workers = (_addresses(cluster, job) for job in ("chief", "worker"))
    if len(chief) > 1:
        raise ValueError("its cluster has several chiefs")
    if not chief and not workers:
        raise ValueError("its cluster names no worker")
    kind, index = task.get("type"), _index(task.get("index"))
    if kind not in ("chief", "worker"):
        raise ValueError(f"its task should be of type chief or worker, not {kind!r}")
    named = chief if kind == "chief" else workers
    if not 0 <= index < len(named):
        raise ValueError(f"its task is {kind} {index}, and the cluster has {len(named)} of them")
    return Cluster((*chief, *workers), index + (len(chief) if kind == "worker" else 0))


def _table(given: Any, key: str) -> dict[str, Any]:
    table = given.get(key) if isinstance(given, dict) else None
    if not isinstance(table, dict):
        raise ValueError(f"it has no table `{key}`")
    return table


def _index(given: Any) -> int:
    """Operators write it as a number or as text."""
    if isinstance(given, bool) or not re.fullmatch(r"\d{1,6}", str(given)):
        raise ValueError(f"its task's index should be a number from 0, not {given!r}")
    return int(given)


def _addresses(cluster: dict[str, Any], job: str) -> list[str]:
    addresses = cluster.get(job) or []
    if not isinstance(addresses, list):
        raise ValueError(f"its cluster's `{job}` should be a list")
    for address in addresses:
        match = re.fullmatch(r"[^\s:/]+:(\d{1,5})|\[[0-9A-Fa-f:.]+\]:(\d{1,5})", str(address))
        if not match or not 0 < int(match[1] or match[2]) < 65536:
            raise ValueError(f"{address!r} is no HOST:PORT")
    if len(set(addresses)) < len(addresses):
        raise ValueError(f"its cluster's `{job}` names one address twice")
    return addresses
