"""Exports: written aside, proved equal to Keras, and then published together."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import re
import warnings
from collections.abc import Callable, Sequence
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
from keras_gan.exporters.encoder import Encoder
from keras_gan.exporters.generator import Generator
from keras_gan.runs import Run, sampling
from keras_gan.utils import image_grids
from keras_gan.utils.errors import ConfigError, ExportError, KerasGanWarning, suggestion

DEPLOY = "deploy"
_COLUMNS, _ROWS = 10, 8  # of the card's picture, at most
ENCODER = "_encoder"  # ends the format's name of an encoder's file
_ENCODER_TOLERANCE = 1e-4  # latents are of unit variance, but have no bounds
_LARGEST_VERSION = 2**63 - 1  # TF Serving's is an int64


@dataclasses.dataclass(frozen=True)
class Job:
    """What a format's writer may need besides the path.

    `generator` is what is written, an encoder in jobs of its own; `encoder` is what a
    SavedModel has beside the generator.
    """

    generator: Generator | Encoder
    name: str
    opset: int
    metadata: dict[str, str]
    encoder: Encoder | None = None
    web_runtime: Path | None = None
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
        mean_tolerance: mean absolute difference; where there is none, `tolerance` says it.
        encoder_path: of the encoder's own file, for formats that hold one network exactly.
        options: those of `export` that are for this kind and not for every one.
        needs: {module: extra} that have to be installed.
        by_file: of a folder: its files take older ones' places, one by one.
    """

    path: str
    write: Callable[[Job, Path], None]
    runner: Callable[[Path], parity.Runner]
    tolerance: float
    mean_tolerance: float | None = None
    encoder_path: str | None = None
    options: tuple[Literal["opset", "version", "web_runtime"], ...] = ()
    needs: dict[str, str] = dataclasses.field(default_factory=dict)
    by_file: bool = False


FORMATS: dict[str, Format] = {
    "onnx": Format(
        "{name}.onnx",
        lambda job, path: onnx.write(job.onnx_model(), path),
        onnx.runner,
        1e-5,
        encoder_path="{name}_encoder.onnx",
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
        lambda job, path: litert.write(job.generator, path),
        litert.runner,
        1e-4,
        encoder_path="{name}_encoder.tflite",
        needs={"ai_edge_litert": "litert"},
    ),
    "keras": Format(
        "{name}.keras",
        lambda job, path: keras_file.write(job.generator, path),
        keras_file.runner,
        1e-5,
        encoder_path="{name}_encoder.keras",
    ),
    "web": Format(
        "{name}-web",
        lambda job, path: web.write(
            job.generator, job.onnx_model(), job.name, path, job.web_runtime
        ),
        web.runner,
        1e-5,
        options=("opset", "web_runtime"),
        by_file=True,
    ),
    # The last one: a running server sees it once the other files are there.
    "saved_model": Format(
        "{name}/{version}",
        lambda job, path: saved_model.write(job.generator, path, job.name, job.encoder),
        saved_model.runner,
        1e-5,
        options=("version",),
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
    opset: int | None = None,
    weights: str = "ema",
    web_runtime: str | Path | None = None,
) -> Export:
    """Writes a run's generator in other programs' formats, all of them or none.

    The encoder of a bidirectional run goes beside it: a file of its own (`onnx`, `litert`,
    `keras`), or the signature `encode` of the SavedModel.

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
        ExportError: a missing package, a format that can't hold the generator, a
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
    generator = Generator.of(run, weights)
    _warn_of_an_untrained(run)
    origin = facts.of_file(run, weights)
    encoder = Encoder.of(run, weights)
    model = facts.of_model(run, generator, name, encoder)
    inside = facts.inside_onnx(run, generator, model, origin)
    job = Job(generator, name, opset, inside, encoder, runtime)
    with transaction.beside(out) as aside:
        files = {}
        for kind, form in chosen.items():
            path = form.path.format(name=name, version=version)
            files[path] = {"format": kind, **origin, **_proved(kind, form, job, aside / path)}
            if encoder is not None and form.encoder_path is not None:
                path = form.encoder_path.format(name=name)
                own = {"format": f"{kind}{ENCODER}", **origin}
                files[path] = {**own, **_proved_encoder(kind, form, job, aside / path)}
        told = {**model, "files": {**facts.earlier_files(out, model, origin), **files}}
        paths = [part for path in files for part in _parts(aside, path, files[path]["format"])]
        paths += _describe(run, generator, told, aside)
        if "saved_model" in chosen:
            versions = sorted([*_versions(out / name), version])
            serving.write(aside / DEPLOY, name, versions, labels=bool(generator.class_names))
            # The server's list of versions is the last one: what it names is there by then.
            paths += [f"{DEPLOY}/{file}" for file in serving.TEMPLATES]
        transaction.move_all(aside, out, paths)
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


def _check_options(chosen: dict[str, Format], **options: int | str | Path | None) -> None:
    for option, value in options.items():
        if value is not None and all(option not in form.options for form in chosen.values()):
            takers = [kind for kind, form in FORMATS.items() if option in form.options]
            flag = f"--{option.replace('_', '-')}"
            raise ConfigError(
                f"{flag} has no effect on {', '.join(chosen)}, only on {', '.join(takers)}: "
                f"leave it out, or add a --format. Received: {value}."
            )


def _versions(folder: Path) -> list[int]:
    found = folder.glob("*") if folder.is_dir() else ()
    return sorted(int(p.name) for p in found if p.name.isdecimal())


def _version(folder: Path, version: int | None) -> int:
    taken = _versions(folder)
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


def _parts(aside: Path, path: str, kind: str) -> list[str]:
    """What is moved for a file or folder: all at once, or one by one."""
    if kind not in FORMATS or not FORMATS[kind].by_file:  # an encoder's is a file
        return [path]
    return [f"{path}/{part.name}" for part in sorted((aside / path).iterdir())]


def _proved(kind: str, form: Format, job: Job, path: Path) -> dict[str, Any]:
    """Writes a file, compares it with Keras, and returns the facts about it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    form.write(job, path)
    found = parity.differences(job.generator, form.runner(path))
    parity.check(f"The {kind} file", found, form.tolerance, form.mean_tolerance)
    if kind == "saved_model" and job.encoder is not None:
        encoded = parity.differences(job.encoder, saved_model.runner(path, saved_model.ENCODE))
        parity.check("The SavedModel's encoder", encoded, _ENCODER_TOLERANCE)
    return _told(path, found, form.tolerance, form.mean_tolerance)


def _proved_encoder(kind: str, form: Format, job: Job, path: Path) -> dict[str, Any]:
    """The same of the encoder's own file."""
    own = Job(job.encoder, job.name, job.opset, job.metadata)
    form.write(own, path)
    found = parity.differences(job.encoder, form.runner(path))
    parity.check(f"The {kind} file of the encoder", found, _ENCODER_TOLERANCE)
    return _told(path, found, _ENCODER_TOLERANCE, None)


def _told(
    path: Path, found: parity.Differences, tolerance: float, mean_tolerance: float | None
) -> dict[str, Any]:
    return {
        **facts.size_and_checksums(path),
        "max_abs_difference": found.largest,
        "mean_abs_difference": found.mean,
        "tolerance": tolerance,
        "mean_tolerance": mean_tolerance,
    }


def _describe(run: Run, generator: Generator, told: dict[str, Any], folder: Path) -> list[str]:
    """Writes export.json, the card and its picture, and returns their names."""
    classes = len(generator.class_names or ())
    # A column stays with one class where there are few enough of them.
    columns = _COLUMNS // classes * classes if 0 < classes <= _COLUMNS else _COLUMNS
    samples = sampling.run_batched(generator.network, generator.fixed_inputs(columns * _ROWS))
    image_grids.write_samples(folder / card.PICTURE, samples, {}, columns)
    (folder / card.FILE).write_text(card.text(run, generator, told), "utf-8")
    (folder / facts.FILE).write_text(json.dumps(told, indent=1), "utf-8")
    return [card.PICTURE, card.FILE, facts.FILE]
