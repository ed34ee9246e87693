"""What an export tells of itself: `export.json`, and the facts inside an ONNX file."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
from importlib import metadata
from pathlib import Path
from typing import Any

from keras_gan import __version__
from keras_gan.exporters.encoder import Encoder
from keras_gan.exporters.generator import Generator
from keras_gan.runs import Run
from keras_gan.utils.files import sha256

FILE = "export.json"


def of_file(run: Run, weights: str) -> dict[str, Any]:
    """Where a file comes from: facts that are the same for all files of one export."""
    return {
        "run": str(run.path),
        "run_created": run.created,
        "recipe": run.config.name,
        "checkpoint": run.checkpoint,
        "iteration": int(run.gan.iteration.numpy()),
        "weights": weights if run.gan.generator_ema is not None else "raw",
        "seed": run.config.seed,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }


def of_model(
    run: Run, generator: Generator, name: str, encoder: Encoder | None = None
) -> dict[str, Any]:
    """What all files of an export have in common: `export.json` without `files`."""
    inputs: dict[str, Any] = {
        "latent": {
            "shape": [None, generator.latent_dim],
            "dtype": "float32",
            "distribution": generator.latent_distribution,
            "variance": 1.0,
        }
    }
    if generator.class_names:
        names = list(generator.class_names)
        inputs["labels"] = {"shape": [None], "dtype": "int32", "names": names}
    elif generator.conditions is not None:
        inputs["labels"] = {"shape": [None, generator.conditions.shape[1]], "dtype": "float32"}
    images = {
        "shape": [None, *generator.output_shape],
        "dtype": "float32",
        "range": [-1.0, 1.0] if generator.makes_images else None,
    }
    return {
        "name": name,
        "inputs": inputs,
        "outputs": {"images": images},
        **({} if encoder is None else {"encoder": encoder.facts()}),
        "metrics": _metrics(run),
        "versions": _installed(),
    }


def inside_onnx(
    run: Run, generator: Generator, model: dict[str, Any], origin: dict[str, Any]
) -> dict[str, str]:
    """`metadata_props` of an ONNX file, from what `of_model` and `of_file` say."""
    values = {
        "producer": f"keras-gan {__version__}",
        "recipe": run.config.name,
        "data": Path(run.config.data.name).name,
        "output_range": "[-1, 1]" if generator.makes_images else "the data's own",
        "output_shape": json.dumps(list(generator.output_shape)),
        "latent_distribution": f"{generator.latent_distribution}, zero mean, unit variance",
        "latent_dim": str(generator.latent_dim),
        "class_names": json.dumps(list(generator.class_names or [])),
        "metrics": json.dumps(model["metrics"]),
    }
    return values | {key: str(origin[key]) for key in ("iteration", "weights", "seed")}


def earlier_files(
    out: Path, model: dict[str, Any], origin: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """The files of earlier exports to `out` that are still there and of the same model.

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
    """`bytes` and `sha256` of a file; of a folder also `parts`, a checksum for each file."""
    if path.is_file():
        return {"bytes": path.stat().st_size, "sha256": sha256(path)}
    parts = {str(p.relative_to(path)): sha256(p) for p in sorted(path.rglob("*")) if p.is_file()}
    whole = hashlib.sha256("".join(f"{v}  {k}\n" for k, v in parts.items()).encode())
    size = sum((path / part).stat().st_size for part in parts)
    return {"bytes": size, "sha256": whole.hexdigest(), "parts": parts}


def _metrics(run: Run) -> dict[str, Any]:
    """Each metric's last value up to the exported iteration; no wall-clock values."""
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
