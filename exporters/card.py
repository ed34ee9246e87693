"""The model card: README.md beside an export, in the form of the Hugging Face hub."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

from keras_gan import __version__
from keras_gan.exporters import serving
from keras_gan.exporters.generator import Generator
from keras_gan.runs import Run

FILE, PICTURE = "README.md", "samples.png"

_MEASURED = "evaluation/"  # metrics of the images themselves

#: p_z in NumPy, by the names of `latents.DISTRIBUTIONS`.
LATENT = {
    "normal": "rng.standard_normal(({count}, {dim}))",
    "uniform": "rng.uniform(-3**0.5, 3**0.5, ({count}, {dim}))",
    "rademacher": "rng.choice([-1.0, 1.0], ({count}, {dim}))",
}


def text(run: Run, generator: Generator, facts: dict[str, Any]) -> str:
    """The card: a YAML header, what the model is, and how to run each of its files."""
    sections = [
        _header(run, generator),
        _description(generator, facts),
        _training(run),
        _metrics(facts),
        _limits(run, generator),
        _files(facts),
        *_how_to_run(generator, facts),
    ]
    return "\n\n".join(section.strip("\n") for section in sections) + "\n"


def _header(run: Run, generator: Generator) -> str:
    # The hub has no task for images of a class, nor one for points.
    unconditional = generator.makes_images and not generator.takes_labels
    header = {
        "library_name": "keras",
        **({"pipeline_tag": "unconditional-image-generation"} if unconditional else {}),
        "tags": ["gan", "keras-gan", run.config.network.family, run.config.name],
        "datasets": [Path(run.config.data.name).name],
    }
    return f"---\n{yaml.safe_dump(header, sort_keys=False)}---"


def _description(generator: Generator, facts: dict) -> str:
    shape = " x ".join(str(n) for n in generator.output_shape)
    what = "images" if generator.makes_images else "points"
    labels = _labels(generator)
    lines = [
        f"# {facts['name']}",
        f"![samples, not selected]({PICTURE})",
        f"The generator of a generative adversarial network: it makes {what} of {shape}"
        f"{' from a latent and a label' if labels else ' from a latent'}. "
        f"{generator.network.count_params():,} parameters, float32. "
        f"Trained and exported with keras-gan {__version__}.",
        "| input | dtype, shape | what it is |\n|---|---|---|\n"
        f"| `latent` | float32 (batch, {generator.latent_dim}) | {generator.latent_distribution}, "
        "zero mean, unit variance |"
        f"{labels}",
        f"Output `images`: float32 (batch, {shape.replace(' x ', ', ')})"
        + (", from -1 (black) to 1 (white)." if generator.makes_images else "."),
    ]
    if "encoder" in facts:
        lines.append(
            "Beside it is an encoder, which was trained with it: `images` of that shape -> "
            f"`latent` float32 (batch, {generator.latent_dim})."
        )
    return "\n\n".join(lines)


def _labels(generator: Generator) -> str:
    """The table's row on the input `labels`; nothing where there is none."""
    if generator.conditions is not None:
        dim = generator.conditions.shape[1]
        return f"\n| `labels` | float32 (batch, {dim}) | as in the training data |"
    names = generator.class_names
    if not names:
        return ""
    return f"\n| `labels` | int32 (batch,) | 0 to {len(names) - 1}: {', '.join(names)} |"


def _training(run: Run) -> str:
    config, training = run.config, run.config.training
    rounds = int(run.gan.iteration.numpy())  # of what was loaded, not the newest checkpoint's
    chosen = ", chosen as the nearest to training images" if run.checkpoint == "best" else ""
    game = json.dumps(config.objective)
    penalties = json.dumps(config.penalties) if config.penalties else "none"
    return "\n".join(
        [
            "## Data and training",
            "",
            f"- data: {Path(config.data.name).name} ({config.data.split}), "
            f"{run.num_samples:,} samples",
            f"- networks: {config.network.family}, labels: {config.network.conditioning}",
            f"- game: {game}, penalties: {penalties}",
            f"- optimizers: generator {json.dumps(config.optimizer.generator)}, "
            f"discriminator {json.dumps(config.optimizer.discriminator)}",
            f"- batch {training.batch_size}, "
            f"{training.discriminator_steps} discriminator step(s) a round, seed {config.seed}, "
            f"{training.precision}",
            f"- average of the generator's weights: {training.ema_decay or 'none'}",
            f"- recipe `{config.name}` of {training.epochs} epochs; this is the generator after "
            f"{rounds:,} rounds{chosen}",
        ]
    )


def _metrics(facts: dict) -> str:
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
        f"They describe the game, not the quality of the images, {quality}. "
        "At the optimum V(D,G) is -log 4 = -1.386.",
    ]
    return "\n".join(lines)


def _limits(run: Run, generator: Generator) -> str:
    lines = [
        "## Limits",
        "",
        "- The model knows its training data alone, with whatever is wrong or one-sided in them; "
        "nothing keeps it from coming close to single training images.",
        f"- It makes {'images' if generator.makes_images else 'points'} of one size. Latents of "
        "another distribution than the one above give worse ones.",
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
            f"| `{path}` | {file['weights']}, round {file['iteration']:,} | {file['bytes']:,} | "
            f"{largest} | {mean} | `{file['sha256'][:16]}...` |"
        )
    return "\n".join(lines)


def _bounded(differences: dict[str, float], limit: float | None) -> str:
    allowed = "" if limit is None else f" ({limit:g})"
    return f"{max(differences.values()):.2g}{allowed}"


# ----------------------------------------------------------------------- how to run


def _how_to_run(generator: Generator, facts: dict) -> list[str]:
    newest = {}
    for path, file in facts["files"].items():
        newest[file["format"]] = path
    sections = []
    for kind, path in newest.items():
        sections += _SNIPPETS[kind](generator, facts["name"], path)
    return ["## How to run it", *sections]


def _python(title: str, lines: list[str]) -> str:
    return "\n".join([f"### {title}", "", "```python", *lines, "```"])


def _inputs(generator: Generator, count: int = 16) -> list[str]:
    latent = LATENT[generator.latent_distribution].format(count=count, dim=generator.latent_dim)
    lines = [
        "rng = np.random.default_rng(0)",
        f'inputs = {{"latent": {latent}.astype(np.float32)}}',
    ]
    if generator.class_names:
        classes = len(generator.class_names)
        lines.append(f'inputs["labels"] = np.arange({count}, dtype=np.int32) % {classes}')
    elif generator.conditions is not None:
        dim = generator.conditions.shape[1]
        lines.append(f'inputs["labels"] = np.zeros(({count}, {dim}), np.float32)')
    return lines


def _save(generator: Generator) -> list[str]:
    if not generator.makes_images:
        return ['np.save("points.npy", images)']
    return ['np.save("images.npy", np.round((images + 1) * 127.5).astype(np.uint8))']


def _encoder(kind: str):
    """The lines for an encoder's file; the format itself is told with the generator's."""

    def snippets(generator, name, path):
        images = [
            "rng = np.random.default_rng(0)",
            f"images = rng.uniform(-1, 1, (4, {', '.join(map(str, generator.output_shape))}))",
            "images = images.astype(np.float32)",
        ]
        imports, lines = _ENCODERS[kind]
        lines = [line.format(path=path) for line in lines]
        title = f"The encoder, {kind}"
        return [_python(title, ["import numpy as np", *imports, "", *images, *lines])]

    return snippets


_ENCODERS = {
    "onnx": (
        ["import onnxruntime"],
        [
            'session = onnxruntime.InferenceSession("{path}")',
            'latent = session.run(["latent"], {{"images": images}})[0]',
        ],
    ),
    "litert": (
        ["from ai_edge_litert.interpreter import Interpreter"],
        [
            'encoder = Interpreter("{path}").get_signature_runner("serving_default")',
            'latent = encoder(images=images)["latent"]',
        ],
    ),
    "keras": (
        ["import keras"],
        ['latent = keras.saving.load_model("{path}").predict({{"images": images}})'],
    ),
}


def _onnx(title: str):
    def snippets(generator, name, path):
        return [
            _python(
                f"{title} (`pip install onnxruntime numpy`)",
                [
                    "import numpy as np",
                    "import onnxruntime",
                    "",
                    *_inputs(generator),
                    f'session = onnxruntime.InferenceSession("{path}")',
                    'images = session.run(["images"], inputs)[0]',
                    *_save(generator),
                ],
            )
        ]

    return snippets


def _litert(generator, name, path):
    return [
        _python(
            "LiteRT (`pip install ai-edge-litert numpy`)",
            [
                "import numpy as np",
                "from ai_edge_litert.interpreter import Interpreter",
                "",
                *_inputs(generator),
                f'generator = Interpreter("{path}").get_signature_runner("serving_default")',
                'images = generator(**inputs)["images"]',
                *_save(generator),
            ],
        )
    ]


def _keras(generator, name, path):
    return [
        _python(
            "Keras (`pip install keras tensorflow`)",
            [
                "import keras",
                "import numpy as np",
                "",
                *_inputs(generator),
                f'generator = keras.saving.load_model("{path}")',
                "images = generator.predict(inputs)",
                *_save(generator),
            ],
        )
    ]


def _saved_model(generator, name, path):
    python = _python(
        "SavedModel (`pip install tensorflow`)",
        [
            "import numpy as np",
            "import tensorflow as tf",
            "",
            *_inputs(generator),
            f'model = tf.saved_model.load("{path}")',
            'generator = model.signatures["serving_default"]',
            "tensors = {k: tf.constant(v) for k, v in inputs.items()}",
            'images = generator(**tensors)["images"].numpy()',
            *_save(generator),
        ],
    )
    server = ["### TF Serving", "", "```sh", "docker compose -f deploy/compose.yaml up --detach"]
    if generator.makes_images:
        row = '{"seed": 1}'
        if generator.takes_labels:
            label = 0 if generator.conditions is None else [0.0] * generator.conditions.shape[1]
            row = json.dumps({"seed": 1, "labels": label})
        server += [
            f'curl -d \'{{"signature_name": "sample", "instances": [{row}]}}\' \\',
            f"    {serving.ADDRESS}/{name}:predict",
            *(
                [serving.sample_command(name, labels=bool(generator.class_names))]
                if generator.conditions is None  # of vectors the command knows nothing
                else []
            ),
        ]
    server += ["```"]
    return [python, "\n".join(server)]


def _web(generator, name, path):
    return [
        "\n".join(
            [
                "### Web page",
                "",
                "Any static host can serve the folder; the generator runs in the visitor's "
                "browser:",
                "",
                "```sh",
                f"python3 -m http.server --directory {path} 8000",
                "```",
            ]
        )
    ]


_SNIPPETS = {
    "onnx": _onnx("ONNX"),
    "onnx_float16": _onnx("ONNX, float16 weights"),
    "onnx_int8": _onnx("ONNX, int8 weights"),
    "litert": _litert,
    "keras": _keras,
    "web": _web,
    "saved_model": _saved_model,
    **{f"{kind}_encoder": _encoder(kind) for kind in _ENCODERS},
}
