"""What an export tells of itself: `export.json`, and the facts inside an ONNX file."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

from keras_gan import __version__
from keras_gan.games.endpoints import Endpoint, SampleSpec
from keras_gan.runs import Run
from keras_gan.utils.files import sha256
from keras_gan.utils.labels import ClassLabels

FILE = "export.json"


def of_file(run: Run, weights: str) -> dict[str, Any]:
    """Return where a file comes from: facts that are the same for all files of one export."""
    return {
        "run": str(run.path),
        "run_created": run.created,
        "recipe": run.config.name,
        "checkpoint": run.checkpoint,
        "iteration": int(run.gan.iteration.numpy()),
        "weights": "raw" if run.gan.averaged("generator") is run.gan.generator else weights,
        "seed": run.config.seed,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def of_model(run: Run, endpoints: Mapping[str, Endpoint], name: str) -> dict[str, Any]:
    """Return what all files of an export have in common: `export.json` without `files`."""
    main, *others = endpoints
    return {
        "name": name,
        **endpoints[main].facts(),
        **({"endpoints": {n: endpoints[n].facts() for n in others}} if others else {}),
        "metrics": _metrics(run),
        "versions": _installed(),
    }


def inside_onnx(
    run: Run, endpoint: Endpoint, model: dict[str, Any], origin: dict[str, Any]
) -> dict[str, str]:
    """Return `metadata_props` of an ONNX file, from what `of_model` and `of_file` say."""
    labels, made = endpoint.labels, endpoint.produces
    values = {
        "producer": f"keras-gan {__version__}",
        "recipe": run.config.name,
        "data": Path(run.config.data.name).name,
        "output_shape": json.dumps(list(made.shape)),
        "class_names": json.dumps(list(labels.names) if isinstance(labels, ClassLabels) else []),
        "metrics": json.dumps(model["metrics"]),
    }
    if isinstance(made, SampleSpec):
        values["output_range"] = "[-1, 1]" if made.is_image else "the data's own"
    if "latent" in endpoint.inputs:
        latent = endpoint.latent
        values["latent_distribution"] = f"{latent.distribution}, zero mean, unit variance"
        values["latent_dim"] = str(latent.dim)
    return values | {key: str(origin[key]) for key in ("iteration", "weights", "seed")}


def earlier_files(
    out: Path, model: dict[str, Any], origin: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return the files of earlier exports to `out` that are still there and of the same model.

    Those of another run, or with other inputs or outputs, would make what `export.json`
    and the card say of all of them untrue.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        before = json.loads((out / FILE).read_text("utf-8"))
        if all(before[key] == model[key] for key in ("name", "inputs", "outputs")):
            return {
                path: file
                for path, file in before["files"].items()
                if file["run_created"] == origin["run_created"] and (out / path).exists()
            }
    return {}


def size_and_checksums(path: Path) -> dict[str, Any]:
    """Return `bytes` and `sha256` of a file; of a folder also `parts`, a checksum for each file."""
    if path.is_file():
        return {"bytes": path.stat().st_size, "sha256": sha256(path)}
    parts = {str(p.relative_to(path)): sha256(p) for p in sorted(path.rglob("*")) if p.is_file()}
    whole = hashlib.sha256("".join(f"{v}  {k}\n" for k, v in parts.items()).encode())
    size = sum((path / part).stat().st_size for part in parts)
    return {"bytes": size, "sha256": whole.hexdigest(), "parts": parts}


def _metrics(run: Run) -> dict[str, Any]:
    """Return each metric's last value up to the exported iteration; no wall-clock values."""
    last: dict[str, Any] = {}
    exported = int(run.gan.iteration.numpy())  # of `best`, or past a damaged one: not the newest
    for row in run.metrics():
        if row.get("iteration", 0) <= exported:
            last |= {key: value for key, value in row.items() if not key.startswith("time/")}
    return last


def _installed() -> dict[str, str]:
    names = ("tensorflow", "keras", "onnx", "tf2onnx", "onnxruntime", "ai-edge-litert", "numpy")
    found = {"keras-gan": __version__}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
