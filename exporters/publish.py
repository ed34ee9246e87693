"""Exports: written aside, proved equal to Keras, and then published together."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import hashlib
import importlib
import importlib.util
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from keras_gan import __version__, pictures, sampling
from keras_gan.errors import ConfigError, ExportError, suggestion
from keras_gan.exporters import card, keras_file, litert, onnx, parity, saved_model, serving
from keras_gan.exporters.generator import Generator
from keras_gan.files import sha256
from keras_gan.runs import Run

FACTS, CARD, PICTURE, DEPLOY = "export.json", "README.md", "samples.png", "deploy"
_GRID = 80  # samples in the card's picture: rows of 8, or of one a class


@dataclasses.dataclass(frozen=True)
class Job:
    """What a format's writer may need besides the path."""

    generator: Generator
    name: str
    opset: int
    metadata: dict[str, str]
    _onnx: list = dataclasses.field(default_factory=list)

    def onnx_model(self):
        """The converted model; its variants share one conversion."""
        if not self._onnx:
            self._onnx.append(onnx.convert(self.generator, self.opset, self.metadata))
        return self._onnx[0]


@dataclasses.dataclass(frozen=True)
class Format:
    """One kind of file.

    Attributes:
        path: under the output folder; `{name}` and `{version}` are filled in.
        write: writes it.
        runner: loads it with its own runtime.
        tolerance: largest absolute difference from Keras' images in [-1, 1].
        needs: {module: extra} that have to be installed.
    """

    path: str
    write: Callable[[Job, Path], None]
    runner: Callable[[Path], parity.Runner]
    tolerance: float
    needs: dict[str, str] = dataclasses.field(default_factory=dict)


FORMATS: dict[str, Format] = {
    "onnx": Format(
        "{name}.onnx", lambda job, path: onnx.write(job.onnx_model(), path), onnx.runner, 1e-5
    ),
    # The variants' limits are 1 and 13 of 255 grey levels; what was measured is told.
    "onnx_float16": Format(
        "{name}.float16.onnx",
        lambda job, path: onnx.write(onnx.with_float16_weights(job.onnx_model()), path),
        onnx.runner,
        8e-3,
    ),
    "onnx_int8": Format(
        "{name}.int8.onnx",
        lambda job, path: onnx.write(onnx.with_int8_weights(job.onnx_model()), path),
        onnx.runner,
        1e-1,
    ),
    "litert": Format(
        "{name}.tflite",
        lambda job, path: litert.write(job.generator, path),
        litert.runner,
        1e-4,
        {"ai_edge_litert": "litert"},
    ),
    "keras": Format(
        "{name}.keras",
        lambda job, path: keras_file.write(job.generator, path),
        keras_file.runner,
        1e-5,
    ),
    # The last one: a running server sees it once the other files are there.
    "saved_model": Format(
        "{name}/{version}",
        lambda job, path: saved_model.write(job.generator, path, job.name),
        saved_model.runner,
        1e-5,
    ),
}


@dataclasses.dataclass(frozen=True)
class Export:
    """What was published: the folder, and of each file its facts as in export.json."""

    folder: Path
    files: dict[str, dict[str, Any]]


def export(
    run: Run,
    formats: Sequence[str] = ("saved_model",),
    out: str | Path | None = None,
    *,
    name: str | None = None,
    version: int | None = None,
    opset: int = onnx.DEFAULT_OPSET,
    weights: str = "ema",
) -> Export:
    """Writes a run's generator in other programs' formats, all of them or none.

    Args:
        run: a run with a checkpoint.
        formats: names in FORMATS.
        out: a folder; by default the run's own `export/`.
        name: of the model, by default the recipe's.
        version: of the SavedModel, by default the next free one.
        opset: of ONNX, one of `onnx.OPSETS`.
        weights: `ema` or `raw`.

    Raises:
        ConfigError: a format, name, version or opset that can't be.
        ExportError: a missing package, a format that can't hold the generator, a
            result that differs from Keras', a folder that can't be written.
        RunError: the run has no whole checkpoint.
    """
    out = run.path / "export" if out is None else Path(out)
    name = _checked_name(name or run.config.name)
    chosen = _chosen(formats)
    onnx.check_opset(opset)
    version = _version(out / name, version)
    generator = Generator.of(run, weights)
    origin = {
        "run": str(run.path),
        "recipe": run.config.name,
        "iteration": int(run.gan.iteration.numpy()),
        "weights": weights if run.gan.generator_ema is not None else "raw",
        "seed": run.config.seed,
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
    }
    job = Job(generator, name, opset, _metadata(run, generator, origin))
    with _beside(out) as aside:
        files = {}
        for kind, form in chosen.items():
            path = form.path.format(name=name, version=version)
            (aside / path).parent.mkdir(parents=True, exist_ok=True)
            form.write(job, aside / path)
            found = parity.differences(generator, form.runner(aside / path))
            parity.check(f"The {kind} file", found, form.tolerance)
            files[path] = {
                "format": kind,
                **origin,
                **_size_and_checksums(aside / path),
                "max_abs_difference": found,
                "tolerance": form.tolerance,
            }
        facts = _facts(run, generator, name, {**_earlier(out, name), **files})
        _describe(run, generator, facts, aside)
        if "saved_model" in chosen:
            serving.write(aside / DEPLOY, name, [*_versions(out / name), version])
        _publish(aside, out, [CARD, PICTURE, FACTS, DEPLOY, *files])
    return Export(out, files)


# --------------------------------------------------------------- what was asked for


def _checked_name(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", name) or name == DEPLOY:
        raise ConfigError(
            "--name should be letters, digits, hyphens, underscores and dots, and not "
            f"`{DEPLOY}`. Received: {name!r}."
        )
    return name


def _chosen(formats: Sequence[str]) -> dict[str, Format]:
    """The formats asked for, in the table's order."""
    for kind in formats:
        if kind not in FORMATS:
            raise ConfigError(f"There is no format `{kind}`.{suggestion(kind, FORMATS)}")
        for module, extra in FORMATS[kind].needs.items():
            if importlib.util.find_spec(module) is None:
                raise ExportError(
                    f"The format {kind} needs a package that is not installed: "
                    f"pip install 'keras-gan[{extra}]'."
                )
    if not formats:
        raise ConfigError(f"Name a format:{suggestion('', FORMATS)}")
    return {kind: form for kind, form in FORMATS.items() if kind in formats}


def _versions(folder: Path) -> list[int]:
    found = folder.glob("*") if folder.is_dir() else ()
    return sorted(int(p.name) for p in found if p.name.isdecimal())


def _version(folder: Path, version: int | None) -> int:
    taken = _versions(folder)
    if version is None:
        return max(taken, default=0) + 1
    if version in taken:
        raise ConfigError(
            f"--version: {folder / str(version)} already exists. Leave --version out for "
            f"{max(taken) + 1}."
        )
    return version


# ------------------------------------------------------------------- what is written


def _metadata(run: Run, generator: Generator, origin: dict[str, Any]) -> dict[str, str]:
    """Facts of the model that travel inside an ONNX file."""
    config = run.config
    values = {
        "producer": f"keras-gan {__version__}",
        "recipe": config.name,
        "data": Path(config.data.name).name,
        "output_range": "[-1, 1]" if generator.makes_images else "the data's own",
        "output_shape": json.dumps(list(generator.output_shape)),
        "latent_distribution": f"{generator.latent_distribution}, zero mean, unit variance",
        "latent_dim": str(generator.latent_dim),
        "class_names": json.dumps(list(generator.class_names or [])),
        "metrics": json.dumps(card.last_metrics(run)),
    }
    return values | {k: str(origin[k]) for k in ("iteration", "weights", "seed")}


def _facts(run: Run, generator: Generator, name: str, files: dict) -> dict[str, Any]:
    labels = generator.class_names
    return {
        "name": name,
        "inputs": {
            "latent": {
                "shape": [None, generator.latent_dim],
                "dtype": "float32",
                "distribution": generator.latent_distribution,
                "variance": 1.0,
            },
            **(
                {"labels": {"shape": [None], "dtype": "int32", "names": list(labels)}}
                if labels
                else {}
            ),
        },
        "outputs": {
            "images": {
                "shape": [None, *generator.output_shape],
                "dtype": "float32",
                "range": [-1.0, 1.0] if generator.makes_images else None,
            }
        },
        "metrics": card.last_metrics(run),
        "files": files,
        "versions": _installed(),
    }


def _installed() -> dict[str, str]:
    from importlib import metadata

    names = ("tensorflow", "keras", "onnx", "tf2onnx", "onnxruntime", "ai-edge-litert", "numpy")
    found = {"keras-gan": __version__}
    for name in names:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def _earlier(out: Path, name: str) -> dict[str, dict]:
    """The files of earlier exports to `out` that are still there."""
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, AttributeError):
        facts = json.loads((out / FACTS).read_text("utf-8"))
        if facts["name"] == name:
            return {path: f for path, f in facts["files"].items() if (out / path).exists()}
    return {}


def _describe(run: Run, generator: Generator, facts: dict, folder: Path) -> None:
    """Writes the card, its picture and export.json."""
    samples = sampling.run_batched(generator.network, generator.fixed_inputs(_GRID))
    pictures.write_samples(folder / PICTURE, samples, {}, len(generator.class_names or ()) or 8)
    (folder / CARD).write_text(card.text(run, generator, facts), "utf-8")
    (folder / FACTS).write_text(json.dumps(facts, indent=1), "utf-8")


def _size_and_checksums(path: Path) -> dict[str, Any]:
    if path.is_file():
        return {"bytes": path.stat().st_size, "sha256": sha256(path)}
    parts = {str(p.relative_to(path)): sha256(p) for p in sorted(path.rglob("*")) if p.is_file()}
    whole = hashlib.sha256("".join(f"{v}  {k}\n" for k, v in parts.items()).encode())
    size = sum((path / part).stat().st_size for part in parts)
    return {"bytes": size, "sha256": whole.hexdigest(), "parts": parts}


# ---------------------------------------------------------------- all of it or nothing


@contextlib.contextmanager
def _beside(out: Path) -> Iterator[Path]:
    """A temporary folder in `out`, gone at the end; `out` too where it was made for this."""
    missing = [folder for folder in (out, *out.parents) if not folder.exists()]
    try:
        out.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=out, prefix=".tmp-"))
    except OSError as error:
        _remove_empty(missing)
        raise ExportError(f"Can't write into {out}: {error.strerror or error}.") from error
    try:
        yield aside
    except OSError as error:
        raise ExportError(f"Can't write into {out}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)
        _remove_empty(missing)


def _remove_empty(folders: list[Path]) -> None:
    for folder in folders:
        with contextlib.suppress(OSError):
            folder.rmdir()


def _publish(aside: Path, out: Path, paths: list[str]) -> None:
    """Moves what was written to its places; where one can't be had, all go back."""
    kept = aside / ".replaced"
    kept.mkdir()
    undo: list[tuple[Path, Path]] = []

    def move(source: Path, target: Path) -> None:
        os.replace(source, target)  # fails where target is a folder with something in it
        undo.append((target, source))

    made = []
    try:
        for number, path in enumerate(p for p in paths if (aside / p).exists()):
            target = out / path
            if not target.parent.exists():
                target.parent.mkdir()
                made.append(target.parent)
            if target.exists() and target.parent == out:  # versions are never replaced
                move(target, kept / str(number))
            move(aside / path, target)
    except OSError:
        for source, target in reversed(undo):
            os.replace(source, target)
        _remove_empty(made)
        raise
