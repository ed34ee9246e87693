"""A static page that runs the generator in its visitor's browser, by onnxruntime-web.

index.html, app.js           the page; nothing in it comes from elsewhere
generator.onnx, model.json   the generator, and what the page has to know of it
ort.js, ort-wasm.js, ort.wasm    the runtime, from an npm install
"""

from __future__ import annotations

import importlib.resources
import json
import shutil
import subprocess
import tempfile
from pathlib import Path

import numpy as np
import onnx

from keras_gan.exporters import onnx as onnx_format
from keras_gan.exporters.parity import Runner
from keras_gan.games import directions
from keras_gan.games.endpoints import Endpoint
from keras_gan.utils.errors import ExportError, one_line
from keras_gan.utils.files import cache_root, replaced_folder
from keras_gan.utils.labels import VectorLabels

PACKAGE, VERSION = "onnxruntime-web", "1.22.0"
MODEL, FACTS = "generator.onnx", "model.json"
#: {file of the package's dist/: its name in the page}: the runtime without WebGL and WebGPU.
#: Many servers do not know .mjs, and browsers run no module that is not served as a script.
RUNTIME = {
    "ort.wasm.min.mjs": "ort.js",
    "ort-wasm-simd-threaded.mjs": "ort-wasm.js",
    "ort-wasm-simd-threaded.wasm": "ort.wasm",
}
_PAGE = ("index.html", "app.js")
_SECONDS = 600  # for npm


def runtime(given: str | Path | None) -> Path:
    """The folder with RUNTIME: of a given npm install, or one in the cache, made where missing.

    Args:
        given: a folder of the package, with it in node_modules/, or its dist/.

    Raises:
        ExportError: it isn't there, or npm is not or fails.
    """
    if given is not None:
        if found := _within(Path(given)):
            return found
        raise ExportError(
            f"There is no {PACKAGE} in {given} (--web-runtime): npm install --prefix {given} "
            f"{PACKAGE}@{VERSION} puts it there."
        )
    kept = cache_root() / f"{PACKAGE}-{VERSION}"
    return _within(kept) or _installed(kept)


def _within(folder: Path) -> Path | None:
    inside = (".", "dist", f"{PACKAGE}/dist", f"node_modules/{PACKAGE}/dist")
    folders = (folder / part for part in inside)
    return next((f for f in folders if all((f / name).is_file() for name in RUNTIME)), None)


def _installed(folder: Path) -> Path:
    npm = shutil.which("npm")
    ways_out = (
        f"point to an install of {PACKAGE} by --web-runtime DIR (npm install --prefix DIR "
        f"{PACKAGE}@{VERSION}, on a machine that has npm and a network)"
    )
    if npm is None:
        raise ExportError(
            f"The format web needs npm, which is not installed: install it, or {ways_out}."
        )
    try:
        with tempfile.TemporaryDirectory(prefix="keras-gan-npm-") as made:
            command = [npm, "install", "--ignore-scripts", "--no-audit", "--no-fund"]
            where = ["--prefix", made, f"{PACKAGE}@{VERSION}"]
            done = subprocess.run(
                [*command, *where], capture_output=True, text=True, timeout=_SECONDS, check=False
            )
            found = _within(Path(made))
            if done.returncode or found is None:
                said = [line for line in done.stderr.splitlines() if "error" in line.lower()]
                reason = one_line(" ".join(said[:2]) or f"exit code {done.returncode}", 200)
                raise ExportError(f"npm could not install {PACKAGE} ({reason}): {ways_out}.")
            with replaced_folder(folder) as kept:  # a ninth of what npm installs
                for name in RUNTIME:
                    shutil.copyfile(found / name, kept / name)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise ExportError(f"npm could not install {PACKAGE} ({error}): {ways_out}.") from error
    return folder


def write(endpoint: Endpoint, model: onnx.ModelProto, name: str, path: Path, source: Path) -> None:
    """Writes the folder.

    Args:
        endpoint: whose output are images with 1 or 3 channels.
        model: the same as ONNX.
        name: the page's title.
        path: the folder, not there yet.
        source: what `runtime` has returned.

    Raises:
        ExportError: it makes no images that a page can show, or takes vectors for labels.
    """
    shape = endpoint.produces.shape
    if not endpoint.produces.is_image or shape[-1] not in (1, 3):
        raise ExportError(
            f"The format web is for images of 1 or 3 channels. Received: samples of shape {shape}."
        )
    if isinstance(endpoint.labels, VectorLabels):
        raise ExportError(
            "The format web is for labels that are classes, or none. Received: a generator whose "
            "labels are vectors; `keras-gan demo RUN` shows it."
        )
    path.mkdir()
    templates = importlib.resources.files("keras_gan.exporters") / "templates" / "web"
    for file in _PAGE:
        (path / file).write_bytes((templates / file).read_bytes())
    for file, name_there in RUNTIME.items():
        shutil.copyfile(source / file, path / name_there)
    onnx_format.write(model, path / MODEL)
    (path / FACTS).write_text(json.dumps(_facts(endpoint, name)), "utf-8")


def runner(path: Path) -> Runner:
    """Runs the page's ONNX file with ONNX Runtime on this machine."""
    return onnx_format.runner(path / MODEL)


def _facts(endpoint: Endpoint, name: str) -> dict:
    bases = endpoint.examples(directions.BASES)

    def images(latents: np.ndarray, labels: np.ndarray | None) -> np.ndarray:
        return np.asarray(endpoint(latent=latents, labels=labels))

    found, _ = directions.principal(images, bases["latent"], bases.get("labels"))
    return {
        "name": name,
        "image_shape": list(endpoint.produces.shape),
        "latent_dim": endpoint.latent.dim,
        "latent_distribution": endpoint.latent.distribution,
        "class_names": list(endpoint.labels.names) if endpoint.labels else None,
        "directions": np.round(found.astype(float), 6).tolist(),
    }
