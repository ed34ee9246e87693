"""A client of TF Serving for exported generators: REST, by rows or columns, and gRPC.

    http://host:8501/v1/models/NAME                    REST, a row an instance
    http://host:8501/v1/models/NAME?format=columns     REST, a column an input
    grpc://host:8500/NAME                              gRPC

Each may name a version: .../NAME/versions/2, or by its label: .../NAME/labels/stable.
"""

from __future__ import annotations

import base64
import contextlib
import http.client
import io
import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from keras_gan.utils.batching import in_batches
from keras_gan.utils.errors import ConfigError, KerasGanError

SIGNATURE = "sample"
_MODEL = re.compile(
    r"/?(?:v1/models/)?(?P<name>[^/:]+)(?:/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?/?"
)
BATCH = 64  # rows in one request: the largest batch of the server's batching.config


class ServerError(KerasGanError):
    """A server can't be reached, or answers with an error."""


def sample(
    url: str, seeds: np.ndarray, labels: np.ndarray | None = None, timeout: float = 30.0
) -> np.ndarray:
    """Asks a server for an image a seed.

    Args:
        url: see above.
        seeds: int32 (n,); the same seed gives the same image.
        labels: int32 (n,) for conditional generators.
        timeout: seconds for one request of up to 64 images.

    Returns:
        uint8 (n, h, w, c).

    Raises:
        ConfigError: a url that names no model or no known way to ask.
        ServerError: no server, no such model, or the server's own error.
    """
    ask, target = _way(url)
    inputs = {"seed": np.asarray(seeds, np.int32)}
    if labels is not None:
        inputs["labels"] = np.asarray(labels, np.int32)

    def call(*rows: np.ndarray) -> np.ndarray:
        files = ask(target, dict(zip(inputs, rows, strict=True)), timeout)
        if len(files) != len(rows[0]):
            raise ServerError(f"{url} sent {len(files)} images for {len(rows[0])} seeds.")
        return np.stack([_decoded(file, url) for file in files])

    return in_batches(call, *inputs.values(), batch_size=BATCH)


def _way(url: str) -> tuple[Callable, Any]:
    try:
        parts = urllib.parse.urlsplit(url)
        parts.port  # noqa: B018 (raises where it is no number from 0 to 65535)
    except ValueError as error:
        raise _meaningless(url) from error
    model = _MODEL.fullmatch(parts.path)
    form = dict(urllib.parse.parse_qsl(parts.query)).get("format", "rows")
    ways = {
        ("http", "rows"): _rest_rows,
        ("https", "rows"): _rest_rows,
        ("http", "columns"): _rest_columns,
        ("https", "columns"): _rest_columns,
        ("grpc", "rows"): _grpc,
    }
    plain = re.fullmatch("[!-~]+", url)  # no blanks, no letters that HTTP would have encoded
    if (parts.scheme, form) not in ways or not parts.hostname or model is None or not plain:
        raise _meaningless(url)
    if parts.scheme == "grpc":
        return _grpc, (parts.netloc, model.groupdict())
    path = parts.path.rstrip("/")
    if not path.startswith("/v1/models/"):
        path = f"/v1/models{path}"
    return ways[parts.scheme, form], f"{parts.scheme}://{parts.netloc}{path}:predict"


def _meaningless(url: str) -> ConfigError:
    return ConfigError(
        "--server should be http://HOST:8501/v1/models/NAME (?format=columns for columns) or "
        f"grpc://HOST:8500/NAME. Received: {url}."
    )


# -------------------------------------------------------------------------- REST


def _rest_rows(address: str, inputs: dict[str, np.ndarray], timeout: float) -> list[bytes]:
    rows = [
        {name: int(values[row]) for name, values in inputs.items()}
        for row in range(len(inputs["seed"]))
    ]
    answer = _post(address, {"signature_name": SIGNATURE, "instances": rows}, timeout)
    return _files(address, answer, "predictions")


def _rest_columns(address: str, inputs: dict[str, np.ndarray], timeout: float) -> list[bytes]:
    columns = {name: values.tolist() for name, values in inputs.items()}
    answer = _post(address, {"signature_name": SIGNATURE, "inputs": columns}, timeout)
    return _files(address, answer, "outputs")


def _post(address: str, body: dict, timeout: float) -> Any:
    request = urllib.request.Request(
        address, json.dumps(body).encode(), {"Content-Type": "application/json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            content = answer.read()
    except urllib.error.HTTPError as error:
        raise ServerError(f"{address} answered {error.code}: {_reason(error)}") from error
    except TimeoutError as error:
        raise _no_answer(address, timeout) from error
    except urllib.error.URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise _no_answer(address, timeout) from error
        raise ServerError(f"Can't reach {address}: {error.reason}. Is the server up?") from error
    except UnicodeError as error:  # a host's name, before anything is sent
        raise ConfigError(f"--server: {address} names no host: {error}.") from error
    except (http.client.HTTPException, OSError) as error:
        raise ServerError(
            f"{address} gave no whole HTTP answer ({type(error).__name__}). Is that the port for "
            "gRPC? REST has 8501 by default; grpc://HOST:8500/NAME asks by gRPC."
        ) from error
    try:
        return json.loads(content)
    except ValueError as error:
        raise ServerError(f"{address} sent what is no JSON answer: {error}.") from error


def _no_answer(address: str, timeout: float) -> ServerError:
    return ServerError(f"{address} did not answer within {timeout:g} s.")


def _reason(answer: urllib.error.HTTPError) -> str:
    body = b""
    with contextlib.suppress(http.client.HTTPException, OSError):
        body = answer.read()
    try:
        return str(json.loads(body)["error"])
    except (ValueError, KeyError, TypeError):
        return body.decode("utf-8", "replace")[:300] or "no reason given"


def _files(address: str, answer: Any, key: str) -> list[bytes]:
    """A lone output's rows stand for themselves; its name's `_bytes` makes them base64."""
    try:
        return [base64.b64decode(row["b64"]) for row in answer[key]]
    except (KeyError, TypeError, ValueError) as error:
        raise ServerError(f"{address} sent no `{key}` of image files.") from error


# -------------------------------------------------------------------------- gRPC


def _grpc(target: tuple, inputs: dict[str, np.ndarray], timeout: float) -> list[bytes]:
    import grpc
    import tensorflow as tf
    from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

    host, model = target
    request = predict_pb2.PredictRequest()
    request.model_spec.name = model["name"]
    request.model_spec.signature_name = SIGNATURE
    if model["version"]:
        request.model_spec.version.value = int(model["version"])
    if model["label"]:
        request.model_spec.version_label = model["label"]
    for name, values in inputs.items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(values))
    with grpc.insecure_channel(host) as channel:
        stub = prediction_service_pb2_grpc.PredictionServiceStub(channel)
        try:
            answer = stub.Predict(request, timeout=timeout)
        except grpc.RpcError as error:
            address = f"grpc://{host}/{model['name']}"
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                raise _no_answer(address, timeout) from error
            if error.code() is grpc.StatusCode.UNAVAILABLE:
                raise ServerError(
                    f"Can't reach {address}. Is the server up, and is this its port for gRPC (by "
                    "default 8500; REST has 8501)?"
                ) from error
            raise ServerError(
                f"{address} answered {error.code().name}: {error.details()}"
            ) from error
    return list(answer.outputs["image_bytes"].string_val)


def _decoded(file: bytes, url: str) -> np.ndarray:
    try:
        image = np.asarray(Image.open(io.BytesIO(file)))
    except OSError as error:
        raise ServerError(f"{url} sent an image that can't be decoded.") from error
    return image if image.ndim == 3 else image[..., None]
