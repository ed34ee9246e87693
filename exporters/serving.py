"""TF Serving's files for an export, rendered from the templates beside this module.

models.config           which models and versions to serve, with version labels
batching.config         how requests are gathered into batches
monitoring.config       metrics for Prometheus
ready.sh                answers 0 once the model is AVAILABLE; needs bash alone
compose.yaml            Docker Compose: the server and TensorBoard
kubernetes-loader.yaml  a claim for the model, and a pod through which it gets there
kubernetes.yaml         a deployment and a service
"""

from __future__ import annotations

import importlib.resources
from pathlib import Path
from string import Template

#: Of TensorFlow's own version; pinned, for a server should not change by itself.
IMAGE = "tensorflow/serving:2.21.0"

#: Of models on the server of `compose.yaml`, over REST.
ADDRESS = "http://localhost:8501/v1/models"

#: The server reads the list of models again while it runs: the last to be published.
TEMPLATES = (
    "batching.config",
    "monitoring.config",
    "ready.sh",
    "compose.yaml",
    "kubernetes-loader.yaml",
    "kubernetes.yaml",
    "models.config",
)


def write(folder: Path, name: str, versions: list[int], labels: bool = False) -> None:
    """Writes the files that serve `<folder>/../<name>/<version>/`.

    Args:
        folder: `deploy/` beside the export; is made.
        name: of the model, a Kubernetes name too once it is in lower case.
        versions: all that lie there, ascending. The newest two are served: the
            newest is labelled `canary`, the one before it `stable`; a lone one is both.
        labels: whether the model's inputs have `labels`, which a request has to give.
    """
    served = versions[-2:]
    values = {
        "name": name,
        "kube_name": kubernetes_name(name),
        "image": IMAGE,
        "asked": sample_command(name, labels),
        "versions": "\n".join(f"        versions: {version}" for version in served),
        "stable": served[0],
        "canary": served[-1],
    }
    templates = importlib.resources.files("keras_gan.exporters") / "templates"
    folder.mkdir(parents=True, exist_ok=True)
    for file in TEMPLATES:
        text = (templates / file).read_text("utf-8")
        (folder / file).write_text(_Braced(text).substitute(values), "utf-8")
    (folder / "ready.sh").chmod(0o755)


def kubernetes_name(name: str) -> str:
    """Lower-case letters, digits and hyphens, 1 to 63 of them, a letter first (RFC 1035)."""
    text = "".join(c if c.isascii() and c.isalnum() else "-" for c in name.lower()).strip("-")
    if not text[:1].isalpha():
        text = f"model-{text}"
    return text[:63].strip("-")


def sample_command(name: str, labels: bool) -> str:
    """The command that asks the server of `compose.yaml` for images.

    The server does not tell how many classes a model has, so a label has to be given.
    """
    label = " --label 0" if labels else ""
    return f"keras-gan sample --server {ADDRESS}/{name}{label} --out served.png"


class _Braced(Template):
    """Only `@{name}` is replaced, so that shell and YAML keep their dollar signs."""

    delimiter = "@"
    pattern = r"""
        @(?:(?P<escaped>@) | (?P<named>(?!)) | \{(?P<braced>[a-z_]+)\} | (?P<invalid>(?!)))
    """
