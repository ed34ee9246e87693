"""The model card: README.md beside an export, in the form of the Hugging Face hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from keras_gan import __version__
from keras_gan.exporters import serving
from keras_gan.games.endpoints import Endpoint, LatentSpec, SampleSpec, Spec
from keras_gan.runs import Run
from keras_gan.utils.labels import ClassLabels, VectorLabels

FILE, PICTURE = "README.md", "samples.png"

_MEASURED = "evaluation/"  # metrics of the images themselves

#: p_z in NumPy, by the names of `latents.DISTRIBUTIONS`.
LATENT = {
    "normal": "rng.standard_normal(({count}, {dim}))",
    "uniform": "rng.uniform(-3**0.5, 3**0.5, ({count}, {dim}))",
    "rademacher": "rng.choice([-1.0, 1.0], ({count}, {dim}))",
}


def text(run: Run, endpoints: Mapping[str, Endpoint], facts: dict[str, Any]) -> str:
    """Return the card: a YAML header, what the model is, and how to run each of its files."""
    main = next(iter(endpoints.values()))
    sections = [
        _header(run, main),
        _description(endpoints, facts),
        _training(run),
        _metrics(run, facts),
        _limits(main),
        _files(facts),
        *_how_to_run(endpoints, facts),
    ]
    return "\n\n".join(section.strip("\n") for section in sections) + "\n"


def _header(run: Run, endpoint: Endpoint) -> str:
    # The hub has no task for images of a class, nor one for points.
    unconditional = endpoint.produces.is_image and not endpoint.labels
    header = {
        "library_name": "keras",
        **({"pipeline_tag": "unconditional-image-generation"} if unconditional else {}),
        "tags": ["gan", "keras-gan", run.config.game["name"], run.config.name],
        "datasets": [Path(run.config.data.name).name],
    }
    return f"---\n{yaml.safe_dump(header, sort_keys=False)}---"


def _description(endpoints: Mapping[str, Endpoint], facts: dict) -> str:
    main, *others = endpoints.items()
    _, endpoint = main
    shape = " x ".join(str(n) for n in endpoint.produces.shape)
    what = "images" if endpoint.produces.is_image else "points"
    lines = [
        f"# {facts['name']}",
        f"![samples, not selected]({PICTURE})",
        f"The generator of a generative adversarial network: it makes {what} of {shape}"
        f"{' from a latent and a label' if endpoint.labels else ' from a latent'}. "
        f"{endpoint.network.count_params():,} parameters, float32. "
        f"Trained and exported with keras-gan {__version__}.",
        "| input | dtype, shape | what it is |\n|---|---|---|\n"
        + "\n".join(_input(name, spec) for name, spec in endpoint.inputs.items()),
        f"Output `images`: float32 (batch, {shape.replace(' x ', ', ')})"
        + (", from -1 (black) to 1 (white)." if endpoint.produces.is_image else "."),
    ]
    for name, other in others:
        inputs = ", ".join(f"`{given}`" for given in other.inputs)
        lines.append(f"Beside it is `{name}`, trained with it: {inputs} -> `{other.output}`.")
    return "\n\n".join(lines)


def _input(name: str, spec: Spec) -> str:
    """Return the table's row on an input."""
    shape = f"{spec.dtype} ({', '.join(map(str, ('batch', *spec.shape)))})"
    what = "as in the training data"
    if isinstance(spec, LatentSpec):
        what = f"{spec.distribution}, zero mean, unit variance"
    elif isinstance(spec, ClassLabels):
        shape, what = "int32 (batch,)", f"0 to {spec.size - 1}: {', '.join(spec.names)}"
    return f"| `{name}` | {shape} | {what} |"


def _training(run: Run) -> str:
    config, training = run.config, run.config.training
    steps = int(run.gan.iteration.numpy())  # of what was loaded, not the newest checkpoint's
    chosen = ", chosen as the nearest to training images" if run.checkpoint == "best" else ""
    regularizers = json.dumps(config.regularizers) if config.regularizers else "none"
    return "\n".join(
        [
            "## Data and training",
            "",
            f"- data: {Path(config.data.name).name} ({config.data.split}), "
            f"{run.num_samples:,} samples",
            f"- game: {json.dumps(config.game)}",
            f"- networks: {json.dumps(config.network)}",
            f"- loss: {json.dumps(config.loss)}, regularizers: {regularizers}",
            f"- optimizers: generator {json.dumps(config.optimizer.generator)}, "
            f"discriminator {json.dumps(config.optimizer.discriminator)}",
            f"- batch {training.batch_size}, seed {config.seed}, {training.precision}",
            f"- recipe `{config.name}` of {training.epochs} epochs; this is the generator after "
            f"{steps:,} training steps{chosen}",
        ]
    )


def _optima(run: Run) -> str:
    found = [f"{name} is {value:.3f}" for name, value in run.gan.optima.items()]
    return f" At the optimum {', '.join(found)}." if found else ""


def _metrics(run: Run, facts: dict) -> str:
    found = {k: v for k, v in facts["metrics"].items() if v is not None and k != "iteration"}
    lines = ["## Metrics", ""]
    if not found:
        return "\n".join([*lines, "None were logged."])
    lines += ["The last that were logged:", "", "| metric | value |", "|---|---|"]
    lines += [f"| {name} | {value:.6g} |" for name, value in found.items()]
    quality = "which was not measured here"
    if any(name.startswith(_MEASURED) for name in found):
        quality = f"which those named `{_MEASURED}` do"
    lines += [
        "",
        f"They describe the game, not the quality of the images, {quality}.{_optima(run)}",
    ]
    return "\n".join(lines)


def _limits(endpoint: Endpoint) -> str:
    lines = [
        "## Limits",
        "",
        "- The model knows its training data alone, with whatever is wrong or one-sided in them; "
        "nothing keeps it from coming close to single training images.",
        f"- It makes {'images' if endpoint.produces.is_image else 'points'} of one size. Latents "
        "of another distribution than the one above give worse ones.",
        "- Whether the data's licence lets you publish what was learned from them is yours to "
        "find out; this card names no licence.",
    ]
    return "\n".join(lines)


def _files(facts: dict) -> str:
    lines = [
        "## Files",
        "",
        "Differences from Keras, the worst of batches of 1, 3 and 17 (images lie in [-1, 1]), and "
        "what is allowed:",
        "",
        "| file | weights | bytes | largest difference | on average | SHA-256 |",
        "|---|---|---|---|---|---|",
    ]
    for path, file in facts["files"].items():
        largest = _bounded(file["max_abs_difference"], file["tolerance"])
        mean = _bounded(file["mean_abs_difference"], file["mean_tolerance"])
        lines.append(
            f"| `{path}` | {file['weights']}, step {file['iteration']:,} | {file['bytes']:,} | "
            f"{largest} | {mean} | `{file['sha256'][:16]}...` |"
        )
    return "\n".join(lines)


def _bounded(differences: dict[str, float], limit: float | None) -> str:
    allowed = "" if limit is None else f" ({limit:g})"
    return f"{max(differences.values()):.2g}{allowed}"


# ----------------------------------------------------------------------- how to run


def _how_to_run(endpoints: Mapping[str, Endpoint], facts: dict) -> list[str]:
    newest = {(file["format"], file["endpoint"]): path for path, file in facts["files"].items()}
    main, sections = next(iter(endpoints)), []
    for (kind, name), path in newest.items():
        if kind in _SNIPPETS:
            title = _SNIPPETS[kind][0] if name == main else f"`{name}`: {_SNIPPETS[kind][0]}"
            sections.append(_python(title, kind, endpoints[name], path))
        if kind == "web":
            sections.append(_web(path))
        if kind == "saved_model":
            sections.append(_server(endpoints[main], facts["name"]))
    return ["## How to run it", *sections]


#: (title, imports, lines) by format; `path` and `output` are filled in.
_ONNX = (
    ["import onnxruntime"],
    [
        'session = onnxruntime.InferenceSession("{path}")',
        '{output} = session.run(["{output}"], inputs)[0]',
    ],
)
_SNIPPETS = {
    "onnx": ("ONNX (`pip install onnxruntime numpy`)", *_ONNX),
    "onnx_float16": ("ONNX, float16 weights (`pip install onnxruntime numpy`)", *_ONNX),
    "onnx_int8": ("ONNX, int8 weights (`pip install onnxruntime numpy`)", *_ONNX),
    "litert": (
        "LiteRT (`pip install ai-edge-litert numpy`)",
        ["from ai_edge_litert.interpreter import Interpreter"],
        [
            'signature = Interpreter("{path}").get_signature_runner("serving_default")',
            '{output} = signature(**inputs)["{output}"]',
        ],
    ),
    "keras": (
        "Keras (`pip install keras tensorflow`)",
        ["import keras"],
        [
            'network = keras.saving.load_model("{path}")',
            "{output} = network.predict(inputs)",
        ],
    ),
    "saved_model": (
        "SavedModel (`pip install tensorflow`)",
        ["import tensorflow as tf"],
        [
            'model = tf.saved_model.load("{path}")',
            'signature = model.signatures["serving_default"]',
            "tensors = {{k: tf.constant(v) for k, v in inputs.items()}}",
            '{output} = signature(**tensors)["{output}"].numpy()',
        ],
    ),
}


def _python(title: str, kind: str, endpoint: Endpoint, path: str) -> str:
    """Return a program that runs a file."""
    _, imports, lines = _SNIPPETS[kind]
    program = [
        *sorted(["import numpy as np", *imports], key=lambda line: line.split()[1]),
        "",
        "rng = np.random.default_rng(0)",
        "inputs = {}",
        *(f'inputs["{name}"] = {_example(spec)}' for name, spec in endpoint.inputs.items()),
        *(line.format(path=path, output=endpoint.output) for line in lines),
        *_save(endpoint),
    ]
    return "\n".join([f"### {title}", "", "```python", *program, "```"])


def _example(spec: Spec, count: int = 16) -> str:
    """Return numpy code for an input."""
    if isinstance(spec, LatentSpec):
        latent = LATENT[spec.distribution].format(count=count, dim=spec.dim)
        return f"{latent}.astype(np.float32)"
    if isinstance(spec, ClassLabels):
        return f"np.arange({count}, dtype=np.int32) % {spec.size}"
    shape = ", ".join(map(str, (count, *spec.shape)))
    if isinstance(spec, SampleSpec):
        return f"rng.uniform(-1, 1, ({shape})).astype(np.float32)"
    return f"np.zeros(({shape}), np.float32)"


def _save(endpoint: Endpoint) -> list[str]:
    if getattr(endpoint.produces, "is_image", False):
        return ['np.save("images.npy", np.round((images + 1) * 127.5).astype(np.uint8))']
    name = "points" if isinstance(endpoint.produces, SampleSpec) else endpoint.output
    return [f'np.save("{name}.npy", {endpoint.output})']


def _server(endpoint: Endpoint, name: str) -> str:
    lines = ["### TF Serving", "", "```sh", "docker compose -f deploy/compose.yaml up --detach"]
    labels = endpoint.labels
    if endpoint.produces.is_image:
        row: dict[str, Any] = {"seed": 1}
        if labels:
            row["labels"] = 0 if isinstance(labels, ClassLabels) else [0.0] * labels.size
        lines += [
            f'curl -d \'{{"signature_name": "sample", "instances": [{json.dumps(row)}]}}\' \\',
            f"    {serving.ADDRESS}/{name}:predict",
        ]
        if not isinstance(labels, VectorLabels):  # of which the command knows nothing
            lines.append(serving.sample_command(name, labels=bool(labels)))
    return "\n".join([*lines, "```"])


def _web(path: str) -> str:
    return "\n".join(
        [
            "### Web page",
            "",
            "Any static host can serve the folder; the generator runs in the visitor's browser:",
            "",
            "```sh",
            f"python3 -m http.server --directory {path} 8000",
            "```",
        ]
    )
