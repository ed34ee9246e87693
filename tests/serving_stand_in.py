"""A STAND-IN for TF Serving, for there is no Docker engine in tests: not the real server.

It serves a SavedModel by the rules that TF Serving documents for its REST and gRPC
APIs: a version's session is fed tensors by name without a look at their static
shapes; requests are rows or columns; a lone output stands for itself; strings are
base64 only where the output's name ends in `_bytes`; errors are {"error": ...}.
"""

import base64
import contextlib
import json
import re
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
import numpy as np
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2, prediction_service_pb2_grpc

_PATH = re.compile(
    r"/v1/models/(?P<name>[^/:]+)(/versions/(?P<version>\d+)|/labels/(?P<label>[^/:]+))?"
    r"(:predict)?"
)


class Refused(Exception):
    def __init__(self, status, code, message):
        super().__init__(message)
        self.status, self.code = status, code


def invalid(message):
    return Refused(400, grpc.StatusCode.INVALID_ARGUMENT, message)


class Version:
    """One loaded version: a TF 1 session, as the real server has."""

    def __init__(self, path):
        self.session = tf.compat.v1.Session(graph=tf.Graph())
        with self.session.graph.as_default():
            meta = tf.compat.v1.saved_model.load(self.session, ["serve"], str(path))
        self.signatures = dict(meta.signature_def)

    def signature(self, name):
        name = name or "serving_default"
        if name not in self.signatures:
            raise invalid(f'Serving signature name: "{name}" not found in signature def')
        return self.signatures[name]

    def run(self, signature, inputs):
        expected = signature.inputs
        if set(inputs) != set(expected):
            extra, missing = set(inputs) - set(expected), set(expected) - set(inputs)
            raise invalid(f"Sent extra: {sorted(extra)}. Missing but required: {sorted(missing)}.")
        graph = self.session.graph
        feeds = {
            graph.get_tensor_by_name(expected[k].name)._as_tf_output(): np.asarray(v)
            for k, v in inputs.items()
        }
        names = list(signature.outputs)
        fetches = [
            graph.get_tensor_by_name(signature.outputs[n].name)._as_tf_output() for n in names
        ]
        try:
            # Below the Python session's own check of static shapes, which C++ does not make.
            values = self.session._call_tf_sessionrun(None, feeds, fetches, [], None)
        except tf.errors.OpError as error:
            raise invalid(error.message) from error
        return dict(zip(names, values, strict=True))


class StandIn(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Serves {name: {version: folder}}; labels as {label: version}."""

    def __init__(self, models, labels=None):
        self.models = {n: {v: Version(p) for v, p in vs.items()} for n, vs in models.items()}
        self.labels = labels or {}
        self.state = "AVAILABLE"

    def version(self, name, version=None, label=None):
        versions = self.models.get(name)
        if label is not None:
            version = self.labels.get(label, 0)
        if not versions or (version is not None and int(version) not in versions):
            raise Refused(404, grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {name}")
        return versions[int(version) if version is not None else max(versions)]

    # ------------------------------------------------------------------ REST

    def answer(self, path, body=None):
        match = _PATH.fullmatch(path)
        if match is None:
            raise Refused(404, None, f"Malformed request: {path}")
        model = self.version(match["name"], match["version"], match["label"])
        if body is None:
            status = {"error_code": "OK", "error_message": ""}
            rows = [
                {"version": str(v), "state": self.state, "status": status}
                for v in self.models[match["name"]]
            ]
            return {"model_version_status": rows}
        try:
            request = json.loads(body)
        except ValueError as error:
            raise invalid("JSON Parse error") from error
        if ("instances" in request) == ("inputs" in request):
            raise invalid("Request has neither or both of `instances` and `inputs`")
        signature = model.signature(request.get("signature_name"))
        by_rows = "instances" in request
        inputs = (_from_rows if by_rows else _from_columns)(signature, request)
        outputs = model.run(signature, inputs)
        if not by_rows:
            return {"outputs": _lone({n: _json(n, v) for n, v in outputs.items()})}
        if len({v.shape[:1] for v in outputs.values()}) != 1 or not len(
            next(iter(outputs.values())).shape
        ):
            raise invalid("outputs should have one first dimension")
        columns = {n: _json(n, v) for n, v in outputs.items()}
        count = len(next(iter(columns.values())))
        return {
            "predictions": [_lone({n: c[row] for n, c in columns.items()}) for row in range(count)]
        }

    # ------------------------------------------------------------------ gRPC

    def Predict(self, request, context):
        spec = request.model_spec
        which = spec.WhichOneof("version_choice")
        try:
            model = self.version(
                spec.name,
                spec.version.value if which == "version" else None,
                spec.version_label if which == "version_label" else None,
            )
            inputs = {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
            outputs = model.run(model.signature(spec.signature_name), inputs)
        except Refused as error:
            context.abort(error.code, str(error))
        answer = predict_pb2.PredictResponse()
        for name, value in outputs.items():
            answer.outputs[name].CopyFrom(tf.make_tensor_proto(value))
        return answer


def _from_rows(signature, request):
    rows = request["instances"]
    if not isinstance(rows, list) or not rows:
        raise invalid("`instances` should be a list with something in it")
    names = list(signature.inputs)
    if not all(isinstance(row, dict) and "b64" not in row for row in rows):
        if len(names) != 1:
            raise invalid("instances should be objects: the signature has several inputs")
        rows = [{names[0]: row} for row in rows]
    if any(set(row) != set(rows[0]) for row in rows):
        raise invalid("all instances should have the same inputs")
    return _typed(signature, {n: [row[n] for row in rows] for n in rows[0]})


def _from_columns(signature, request):
    inputs = request["inputs"]
    if not isinstance(inputs, dict):
        inputs = {next(iter(signature.inputs)): inputs}
    return _typed(signature, inputs)


def _typed(signature, inputs):
    try:
        return {
            n: np.array(v, tf.as_dtype(signature.inputs[n].dtype).as_numpy_dtype)
            if n in signature.inputs
            else v
            for n, v in inputs.items()
        }
    except (ValueError, TypeError) as error:
        raise invalid(f"JSON Value is not of the signature's type: {error}") from error


def _json(name, values):
    if values.dtype != object:
        return values.tolist()
    if name.endswith("_bytes"):
        return [{"b64": base64.b64encode(v).decode()} for v in values]
    return [v.decode("utf-8") for v in values]


def _lone(values):
    return next(iter(values.values())) if len(values) == 1 else values


@contextlib.contextmanager
def serving(stand_in):
    """Runs both servers on loopback ports; yields (REST port, gRPC port)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.reply(None)

        def do_POST(self):
            self.reply(self.rfile.read(int(self.headers["Content-Length"])))

        def reply(self, body):
            try:
                status, answer = 200, stand_in.answer(self.path, body)
            except Refused as error:
                status, answer = error.status, {"error": str(error)}
            # The real one indents, and has a space after a colon.
            data = json.dumps(answer, indent=1).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_):
            pass

    rest = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=rest.serve_forever, daemon=True).start()
    rpc = grpc.server(futures.ThreadPoolExecutor(2))
    prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(stand_in, rpc)
    port = rpc.add_insecure_port("127.0.0.1:0")
    rpc.start()
    try:
        yield rest.server_address[1], port
    finally:
        rest.shutdown()
        rest.server_close()
        rpc.stop(None).wait()
