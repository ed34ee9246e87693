"""Whether two runs are equal: all that training computed, bit for bit."""

from __future__ import annotations

import json
import os
from pathlib import Path

import h5py


def differences(first: Path, second: Path) -> list[tuple[str, str, bool]]:
    """Rows (what, result, equal) of what the second run should have in common with the first."""
    return [
        _row("weights, slots, average", *(_states(run) for run in (first, second))),
        _row("metrics.jsonl but time/", *(_rows(run) for run in (first, second))),
        _row("sample grids", *(_pictures(run) for run in (first, second))),
        _row("TensorBoard, each step once", *(_board(run) for run in (first, second))),
    ]


def _row(what: str, first: dict, second: dict) -> tuple[str, str, bool]:
    different = [key for key in {**first, **second} if first.get(key) != second.get(key)]
    result = f"{len(first) - len(different)} of {len(first)} equal"
    if different:
        result += f", not {different[0]}"
    return f"  {what}", result, not different and bool(first)


def _states(run: Path) -> dict:
    """Each array of the newest checkpoint and the best: type, shape and bytes.

    The others need not be those of the same steps: a stop in mid-epoch leaves one.
    """
    found = {}

    def keep(name, item):
        if isinstance(item, h5py.Dataset):
            found[f"{path.parent.name}/{name}"] = str(item.dtype), item.shape, item[()].tobytes()

    paths = (run / "checkpoints").glob("*/state.weights.h5")
    *_, newest = sorted(path for path in paths if path.parent.name.isdecimal())
    for path in (newest, *(run / "checkpoints").glob("best/state.weights.h5")):
        with h5py.File(path) as file:
            file.visititems(keep)
    return found


def _rows(run: Path) -> dict:
    """The rows by their number, as text: NaN would not equal itself."""
    with open(run / "metrics.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    plain = [{k: v for k, v in row.items() if not k.startswith("time/")} for row in rows]
    return {f"row {n}": json.dumps(row) for n, row in enumerate(plain)}


def _pictures(run: Path) -> dict:
    return {path.name: path.read_bytes() for path in (run / "samples").iterdir()}


def _board(run: Path) -> dict:
    """Steps and values of each tag, as TensorBoard's own reader has them."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    found = {}
    for folder in sorted({path.parent for path in (run / "tensorboard").rglob("*tfevents*")}):
        # It would hide steps that were written twice, where they are purged.
        board = EventAccumulator(str(folder), {"tensors": 0}, purge_orphaned_data=False)
        board.Reload()
        for tag in board.Tags()["tensors"]:
            events = [(e.step, e.tensor_proto.SerializeToString()) for e in board.Tensors(tag)]
            name = f"{folder.relative_to(run)}: {tag}"
            steps = [step for step, _ in events]
            found[f"{name}, order"] = steps == sorted(set(steps))
            if not tag.startswith("time/"):
                found[name] = events
    return found
