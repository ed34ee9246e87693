"""Exports: written aside, proved equal to Keras, and then published together."""

from __future__ import annotations

import dataclasses
import functools
import importlib.util
import json
import re
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from keras_gan.exporters import (
    card,
    facts,
    keras_file,
    litert,
    onnx,
    parity,
    saved_model,
    serving,
    transaction,
    web,
)
from keras_gan.games.endpoints import Endpoint, LatentSpec
from keras_gan.runs import Run, sampling
from keras_gan.utils import image_grids
from keras_gan.utils.errors import ConfigError, ExportError, KerasGanWarning, suggestion
from keras_gan.utils.labels import ClassLabels
from keras_gan.utils.registry import Registry

DEPLOY = "deploy"
WEIGHTS = ("ema", "raw")
_COLUMNS, _ROWS = 10, 8  # of the card's picture, at most
_LATENT_TOLERANCE = 1e-4  # latents are of unit variance, but have no bounds
_LARGEST_VERSION = 2**63 - 1  # TF Serving's is an int64


@dataclasses.dataclass(frozen=True)
class Job:
    """What a format's writer may need besides the path.

    Attributes:
        endpoints: of the model by name, the main one first.
        endpoint: the one that is written, in formats that hold one.
        name: of the model.
        opset: of ONNX.
        metadata: returns what an ONNX file says of an endpoint.
        web_runtime: of the format web.
    """

    endpoints: Mapping[str, Endpoint]
    endpoint: Endpoint
    name: str
    opset: int
    metadata: Callable[[Endpoint], dict[str, str]]
    web_runtime: Path | None = None
    _onnx: list = dataclasses.field(default_factory=list)

    def onnx_model(self):
        """Return the converted model; its variants share one conversion."""
        if not self._onnx:
            self._onnx.append(onnx.convert(self.endpoint, self.opset, self.metadata(self.endpoint)))
        return self._onnx[0]


@dataclasses.dataclass(frozen=True)
class Format:
    """One kind of file.

    Attributes:
        path: under the output folder; `{name}` and `{version}` are filled in.
        write: writes it.
        runner: loads it with its own runtime.
        tolerance: largest absolute difference from Keras' images in [-1, 1].
        mean_tolerance: mean absolute difference; where there is none, `tolerance` says it.
        others: path of the other endpoints' files, with `{endpoint}`, in formats that hold one
            network exactly.
        options: those of `export` that are for this kind and not for every one.
        needs: {module: extra} that have to be installed.
        by_file: of a folder: its files take older ones' places, one by one.
    """

    path: str
    write: Callable[[Job, Path], None]
    runner: Callable[..., parity.Runner]
    tolerance: float
    mean_tolerance: float | None = None
    others: str | None = None
    options: tuple[Literal["opset", "version", "web_runtime"], ...] = ()
    needs: dict[str, str] = dataclasses.field(default_factory=dict)
    by_file: bool = False


FORMATS: Registry[Format] = Registry(
    "format",
    {
        "onnx": Format(
            "{name}.onnx",
            lambda job, path: onnx.write(job.onnx_model(), path),
            onnx.runner,
            1e-5,
            others="{name}_{endpoint}.onnx",
            options=("opset",),
        ),
        # The variants are lossy. Most pixels of a trained generator are black or white, where the
        # rounding of weights is lost; at the edges between them it is magnified, so that a single
        # pixel says little. It is the mean that is bounded, and the largest loosely. Measured on
        # MNIST: int8 0.0013 to 0.0026 and 0.08 to 0.10, float16 0.00005 and 0.0024.
        "onnx_float16": Format(
            "{name}.float16.onnx",
            lambda job, path: onnx.write(onnx.with_float16_weights(job.onnx_model()), path),
            onnx.runner,
            tolerance=0.1,
            mean_tolerance=1e-3,
            options=("opset",),
        ),
        "onnx_int8": Format(
            "{name}.int8.onnx",
            lambda job, path: onnx.write(onnx.with_int8_weights(job.onnx_model()), path),
            onnx.runner,
            tolerance=0.5,
            mean_tolerance=0.01,
            options=("opset",),
        ),
        "litert": Format(
            "{name}.tflite",
            lambda job, path: litert.write(job.endpoint, path),
            litert.runner,
            1e-4,
            others="{name}_{endpoint}.tflite",
            needs={"ai_edge_litert": "litert"},
        ),
        "keras": Format(
            "{name}.keras",
            lambda job, path: keras_file.write(job.endpoint, path),
            keras_file.runner,
            1e-5,
            others="{name}_{endpoint}.keras",
        ),
        "web": Format(
            "{name}-web",
            lambda job, path: web.write(
                job.endpoint, job.onnx_model(), job.name, path, job.web_runtime
            ),
            web.runner,
            1e-5,
            options=("opset", "web_runtime"),
            by_file=True,
        ),
        # The last one: a running server sees it once the other files are there.
        "saved_model": Format(
            "{name}/{version}",
            lambda job, path: saved_model.write(job.endpoints, path, job.name),
            saved_model.runner,
            1e-5,
            options=("version",),
        ),
    },
)


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
    opset: int | None = None,
    weights: str = "ema",
    web_runtime: str | Path | None = None,
) -> Export:
    """Write a run's endpoints in other programs' formats, all of them or none.

    Other endpoints than the main one, the encoder of a BiGAN for example, have a file of their
    own (`onnx`, `litert`, `keras`), or a signature of the SavedModel.

    Args:
        run: a run with a checkpoint.
        formats: names in FORMATS.
        out: a folder; by default the run's own `export/`.
        name: of the model, by default the recipe's.
        version: of the SavedModel, by default the next free one.
        opset: of ONNX, one of `onnx.OPSETS`; by default `onnx.DEFAULT_OPSET`.
        weights: `ema` or `raw`.
        web_runtime: an npm install of onnxruntime-web, for the format web; by default one
            that is made in the cache.

    Raises:
        ConfigError: a format, name, version, opset or kind of weights that can't be,
            or an option that none of the formats has.
        ExportError: a missing package, a format that can't hold the network, a
            result that differs from Keras', a folder that can't be written.
        RunError: the run has no whole checkpoint.
    """
    out = run.path / "export" if out is None else Path(out)
    name = _checked_name(name or run.config.name)
    chosen = _chosen(formats)
    _check_options(chosen, version=version, opset=opset, web_runtime=web_runtime)
    opset = onnx.checked_opset(opset)
    version = _version(out / name, version)
    runtime = web.runtime(web_runtime) if "web" in chosen else None
    endpoints = endpoints_of(run, weights)
    _warn_of_an_untrained(run)
    origin = facts.of_file(run, weights)
    model = facts.of_model(run, endpoints, name)
    metadata = functools.partial(facts.inside_onnx, run, model=model, origin=origin)
    job = Job(endpoints, next(iter(endpoints.values())), name, opset, metadata, runtime)
    with transaction.beside(out) as aside:
        files = _written(chosen, job, version, origin, aside)
        written = {**model, "files": {**facts.earlier_files(out, model, origin), **files}}
        paths = [part for path in files for part in _parts(aside, path, files[path])]
        paths += describe(run, endpoints, written, aside)
        if "saved_model" in chosen:
            versions = sorted([*versions_in(out / name), version])
            labels = isinstance(job.endpoint.labels, ClassLabels)
            serving.write(aside / DEPLOY, name, versions, labels=labels)
            # The server's list of versions is the last one: what it names is there by then.
            paths += [f"{DEPLOY}/{file}" for file in serving.TEMPLATES]
        transaction.move_all(aside, out, paths)
    return Export(out, files)


def endpoints_of(run: Run, weights: str = "ema") -> dict[str, Endpoint]:
    """Return the endpoints of a run's checkpoint, rebuilt in float32.

    Args:
        run: a run with a checkpoint, trained in any precision.
        weights: one of WEIGHTS: `ema`, the average where the run keeps one, or `raw`.

    Raises:
        ConfigError: no such weights.
        RunError: no valid checkpoint.
    """
    if weights not in WEIGHTS:
        raise ConfigError(f"There are no weights `{weights}`.{suggestion(weights, WEIGHTS)}")
    return run.gan.endpoints(averaged=weights == "ema")


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
        for module, extra in FORMATS[kind].needs.items():
            if importlib.util.find_spec(module) is None:
                raise ExportError(
                    f"The format {kind} needs a package that is not installed: "
                    f"pip install 'keras-gan[{extra}]'."
                )
    if not formats:
        raise ConfigError(f"Name a format:{suggestion('', FORMATS)}")
    return {kind: form for kind, form in FORMATS.items() if kind in formats}


def _check_options(chosen: dict[str, Format], **options: int | str | Path | None) -> None:
    for option, value in options.items():
        if value is not None and all(option not in form.options for form in chosen.values()):
            takers = [kind for kind, form in FORMATS.items() if option in form.options]
            flag = f"--{option.replace('_', '-')}"
            raise ConfigError(
                f"{flag} has no effect on {', '.join(chosen)}, only on {', '.join(takers)}: "
                f"leave it out, or add a --format. Received: {value}."
            )


def versions_in(folder: Path) -> list[int]:
    """Return the versions of a SavedModel that a folder holds, ascending."""
    found = folder.glob("*") if folder.is_dir() else ()
    return sorted(int(p.name) for p in found if p.name.isdecimal())


def _version(folder: Path, version: int | None) -> int:
    taken = versions_in(folder)
    free = max(taken, default=0) + 1
    version = free if version is None else version
    if not 1 <= version <= _LARGEST_VERSION:
        raise ConfigError(f"--version should be 1 to {_LARGEST_VERSION}. Received: {version}.")
    if version in taken:
        raise ConfigError(
            f"--version: {folder / str(version)} already exists. Leave --version out for {free}."
        )
    return version


def _warn_of_an_untrained(run: Run) -> None:
    if int(run.gan.iteration.numpy()) == 0:
        warnings.warn(
            f"The generator of {run.path} is UNTRAINED: its checkpoint is of iteration 0, and it "
            f"makes noise. `keras-gan fit --resume {run.path}` trains it.",
            KerasGanWarning,
            stacklevel=3,
        )


# ------------------------------------------------------------------- what is written


def _written(
    chosen: dict[str, Format], job: Job, version: int, origin: dict[str, Any], aside: Path
) -> dict[str, dict[str, Any]]:
    """Write all files, and return the facts about each by its path."""
    main, *others = job.endpoints
    files = {}
    for kind, form in chosen.items():
        path = form.path.format(name=job.name, version=version)
        about = {"format": kind, "endpoint": main, **origin}
        files[path] = {**about, **_proved(kind, form, job, aside / path)}
        for other in others if form.others is not None else ():
            path = form.others.format(name=job.name, endpoint=other)
            own = dataclasses.replace(job, endpoint=job.endpoints[other], _onnx=[])
            about = {"format": kind, "endpoint": other, **origin}
            files[path] = {**about, **_proved(kind, form, own, aside / path)}
    return files


def _parts(aside: Path, path: str, file: dict[str, Any]) -> list[str]:
    """Return what is moved for a file or folder: all at once, or one by one."""
    if not FORMATS[file["format"]].by_file:
        return [path]
    return [f"{path}/{part.name}" for part in sorted((aside / path).iterdir())]


def _proved(kind: str, form: Format, job: Job, path: Path) -> dict[str, Any]:
    """Write a file, compare it with Keras, and return the facts about it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    form.write(job, path)
    limits = form.tolerance, form.mean_tolerance
    if isinstance(job.endpoint.produces, LatentSpec):
        limits = _LATENT_TOLERANCE, None
    found = parity.differences(job.endpoint, form.runner(path))
    parity.check(f"The {kind} file", found, *limits)
    if kind == "saved_model":
        for name, endpoint in list(job.endpoints.items())[1:]:
            other = parity.differences(endpoint, saved_model.runner(path, name))
            parity.check(f"The SavedModel's signature {name}", other, _LATENT_TOLERANCE)
    return {
        **facts.size_and_checksums(path),
        "max_abs_difference": found.largest,
        "mean_abs_difference": found.mean,
        "tolerance": limits[0],
        "mean_tolerance": limits[1],
    }


def describe(
    run: Run, endpoints: Mapping[str, Endpoint], written: dict[str, Any], folder: Path
) -> list[str]:
    """Write export.json, the card and its picture; return their names."""
    main = next(iter(endpoints.values()))
    classes = main.labels.size if isinstance(main.labels, ClassLabels) else 0
    # A column stays with one class where there are few enough of them.
    columns = _COLUMNS // classes * classes if 0 < classes <= _COLUMNS else _COLUMNS
    samples = sampling.run_batched(main.network, main.examples(columns * _ROWS))
    image_grids.write_samples(folder / card.PICTURE, samples, {}, columns)
    (folder / card.FILE).write_text(card.text(run, endpoints, written), "utf-8")
    (folder / facts.FILE).write_text(json.dumps(written, indent=1), "utf-8")
    return [card.PICTURE, card.FILE, facts.FILE]
