"""TF Serving's files by its own message types, and the client against a stand-in."""

import json
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from serving_stand_in import StandIn, serving

from keras_gan import client, load
from keras_gan.errors import ConfigError
from keras_gan.exporters import export
from keras_gan.exporters import serving as files

ROOT = Path(__file__).parents[1]


# ------------------------------------------------------------------------ the files


def message(name, fields, nested=()):
    """A message type of TF Serving that its wheel lacks, from the .proto's field list.

    Fields are (name, number, type, label); types are wrappers of well-known kinds.
    """
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{name}.proto",
        package="tensorflow.serving",
        syntax="proto3",
        dependency=["google/protobuf/wrappers.proto"],
    )
    for title, rows in [*nested, (name, fields)]:
        kind = file.message_type.add(name=title)
        for field, number, type_, label in rows:
            made = kind.field.add(name=field, number=number, label=label)
            if isinstance(type_, str):
                made.type, made.type_name = 11, type_
            else:
                made.type = type_
    pool = descriptor_pool.DescriptorPool()
    for known in ("google/protobuf/wrappers.proto",):
        proto = descriptor_pb2.FileDescriptorProto()
        descriptor_pool.Default().FindFileByName(known).CopyToProto(proto)
        pool.Add(proto)
    pool.Add(file)
    return message_factory.GetMessageClass(
        pool.FindMessageTypeByName(f"tensorflow.serving.{name}")
    )()


@pytest.fixture(scope="module")
def deploy(tmp_path_factory):
    import google.protobuf.wrappers_pb2  # noqa: F401 (fills the default pool)

    folder = tmp_path_factory.mktemp("deploy")
    files.write(folder, "My_digits.v1", [1, 3, 9])
    return folder


def test_the_model_config_is_one(deploy):
    from tensorflow_serving.config import model_server_config_pb2

    text = (deploy / "models.config").read_text()
    parsed = text_format.Parse(text, model_server_config_pb2.ModelServerConfig())
    (model,) = parsed.model_config_list.config
    assert (model.name, model.base_path) == ("My_digits.v1", "/models/My_digits.v1")
    assert model.model_platform == "tensorflow"
    assert list(model.model_version_policy.specific.versions) == [3, 9]
    assert dict(model.version_labels) == {"stable": 3, "canary": 9}


def test_the_batching_parameters_are_ones(deploy):
    """Fields as in TF Serving's session_bundle_config.proto, which its wheel lacks."""
    int64 = ".google.protobuf.Int64Value"
    parameters = message(
        "BatchingParameters",
        [
            ("max_batch_size", 1, int64, 1),
            ("batch_timeout_micros", 2, int64, 1),
            ("max_enqueued_batches", 3, int64, 1),
            ("num_batch_threads", 4, int64, 1),
            ("thread_pool_name", 5, ".google.protobuf.StringValue", 1),
            ("allowed_batch_sizes", 6, 3, 3),
            ("pad_variable_length_inputs", 7, 8, 1),
        ],
    )
    text_format.Parse((deploy / "batching.config").read_text(), parameters)
    sizes = list(parameters.allowed_batch_sizes)
    # The server refuses to start unless they ascend and end in the largest batch.
    assert sizes == sorted(sizes) and sizes[-1] == parameters.max_batch_size.value
    assert client._BATCH <= parameters.max_batch_size.value


def test_the_monitoring_config_is_one(deploy):
    """Fields as in TF Serving's monitoring_config.proto, which its wheel lacks."""
    monitoring = message(
        "MonitoringConfig",
        [("prometheus_config", 1, ".tensorflow.serving.PrometheusConfig", 1)],
        [("PrometheusConfig", [("enable", 1, 8, 1), ("path", 2, 9, 1)])],
    )
    text_format.Parse((deploy / "monitoring.config").read_text(), monitoring)
    assert monitoring.prometheus_config.enable
    pods = list(yaml.safe_load_all((deploy / "kubernetes.yaml").read_text()))[1]
    told = pods["spec"]["template"]["metadata"]["annotations"]["prometheus.io/path"]
    assert told == monitoring.prometheus_config.path


def test_compose_serves_the_export_and_the_runs(deploy):
    services = yaml.safe_load((deploy / "compose.yaml").read_text())["services"]
    assert set(services) == {"serving", "tensorboard"}
    server = services["serving"]
    assert server["image"] == files.IMAGE and files.IMAGE.count(":") == 1
    assert "../My_digits.v1:/models/My_digits.v1:ro" in server["volumes"]
    for flag in ("model_config_file", "batching_parameters_file", "monitoring_config_file"):
        (path,) = (a.split("=")[1] for a in server["command"] if a.startswith(f"--{flag}="))
        assert (deploy / Path(path).relative_to("/deploy")).is_file()
    check = server["healthcheck"]["test"]
    assert "curl" not in str(check) and (deploy / Path(check[-1]).name).is_file()


def test_the_kubernetes_manifest_hangs_together(deploy):
    claim, deployment, service = yaml.safe_load_all((deploy / "kubernetes.yaml").read_text())
    assert [d["kind"] for d in (claim, deployment, service)] == [
        "PersistentVolumeClaim",
        "Deployment",
        "Service",
    ]
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == files.IMAGE
    volumes = {v["name"]: v for v in spec["volumes"]}
    assert {m["name"] for m in container["volumeMounts"]} == set(volumes)
    assert volumes["models"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    ports = {p["name"] for p in container["ports"]}
    assert {p["targetPort"] for p in service["spec"]["ports"]} == ports


@pytest.mark.parametrize(
    ("name", "expected"),
    [("digits", "digits"), ("My_digits.v1", "my-digits-v1"), ("_x_", "x"), ("A" * 80, "a" * 63)],
)
def test_kubernetes_names_are_of_its_kind(name, expected):
    assert files.kubernetes_name(name) == expected


def test_the_projects_own_deploy_folder_is_what_an_export_writes(tmp_path):
    files.write(tmp_path, "digits", [1])
    for name in files.TEMPLATES:
        assert (ROOT / "deploy" / name).read_text() == (tmp_path / name).read_text()


# ------------------------------------------------------------------- the stand-in


@pytest.fixture(scope="module")
def served(conditional_run, plain_run, tmp_path_factory):
    out = tmp_path_factory.mktemp("served")
    export(load(plain_run), ["saved_model"], out / "a", name="plain")
    for _ in range(2):
        export(load(conditional_run), ["saved_model"], out / "b", name="labelled")
    stand_in = StandIn(
        {
            "plain": {1: out / "a/plain/1"},
            "labelled": {v: out / f"b/labelled/{v}" for v in (1, 2)},
        },
        {"stable": 1},
    )
    with serving(stand_in) as (rest, rpc):
        yield stand_in, rest, rpc, out


def ways(served, model):
    _, rest, rpc, _ = served
    address = f"http://127.0.0.1:{rest}/v1/models/{model}"
    return address, f"{address}?format=columns", f"grpc://127.0.0.1:{rpc}/{model}"


def drawn(folder, **inputs):
    ask = tf.saved_model.load(str(folder)).signatures["sample_uint8"]
    return ask(**{k: tf.constant(v, tf.int32) for k, v in inputs.items()})["images"].numpy()


def test_every_way_gives_the_models_images(served):
    seeds, labels = np.arange(70), np.arange(70) % 10
    expected = drawn(served[3] / "b/labelled/2", seed=seeds, labels=labels)
    for url in ways(served, "labelled"):
        images = client.sample(url, seeds, labels)  # 70: more than one request
        np.testing.assert_array_equal(images, expected, err_msg=url)


@pytest.mark.parametrize("suffix", ["", "/versions/1", "/labels/stable"])
def test_a_version_can_be_named(served, suffix):
    for url in ways(served, f"labelled{suffix}"):
        assert client.sample(url, [1], [2]).shape == (1, 8, 8, 1)


def test_the_command_asks_a_server(served, cli, tmp_path):
    for n, url in enumerate(ways(served, "plain")):
        out = tmp_path / f"{n}.npz"
        result = cli("sample", "--server", url, "--count", "3", "--seed", "9", "--out", out)
        assert result.exit_code == 0, result.stderr
        assert result.stdout == f"{out}\n"
        expected = drawn(served[3] / "a/plain/1", seed=[9, 10, 11])
        np.testing.assert_array_equal(np.load(out)["images"], expected)


@pytest.mark.parametrize(
    ("model", "arguments", "message"),
    [
        ("plain", {"labels": [3]}, "labels"),
        ("labelled", {}, "labels"),
        ("labelled", {"labels": [10]}, "between 0 and 9"),
        ("nothing", {}, "not found"),
        ("labelled/versions/8", {"labels": [1]}, "not found"),
        ("labelled/labels/beta", {"labels": [1]}, "not found"),
    ],
)
def test_the_servers_error_is_passed_on(served, model, arguments, message):
    for url in ways(served, model):
        with pytest.raises(client.ServerError, match=message) as caught:
            client.sample(url, [1], **arguments)
        assert caught.value.exit_code == 1


def test_a_wrong_latent_is_the_signatures_error_not_garbage(served):
    """The server does not look at static shapes: the graph has to."""
    stand_in = served[0]
    for latent in ([[0.0] * 7], [0.0] * 32, [[[0.0] * 32]]):
        body = {"instances": [{"latent": row, "labels": 1} for row in latent]}
        with pytest.raises(Exception, match=r"[Ss]hape") as caught:
            stand_in.answer("/v1/models/labelled:predict", json.dumps(body).encode())
        assert caught.value.status == 400


def test_latents_give_images_by_rows_and_columns(served):
    stand_in, _, _, out = served
    latent = np.random.default_rng(0).normal(size=(3, 32)).round(3)
    ask = tf.saved_model.load(str(out / "a/plain/1")).signatures["serving_default"]
    expected = ask(latent=tf.constant(latent, tf.float32))["images"].numpy()
    path = "/v1/models/plain:predict"
    rows = stand_in.answer(path, json.dumps({"instances": latent.tolist()}).encode())
    np.testing.assert_allclose(rows["predictions"], expected, atol=1e-6)
    columns = stand_in.answer(path, json.dumps({"inputs": {"latent": latent.tolist()}}).encode())
    np.testing.assert_allclose(columns["outputs"], expected, atol=1e-6)


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_ready_means_available_and_not_http_200(served):
    stand_in, rest, _, out = served
    script = out / "a/deploy/ready.sh"

    def ready(*arguments):
        return subprocess.run(
            ["bash", script, *map(str, arguments)], capture_output=True
        ).returncode

    try:
        assert ready("plain", rest) == 0
        stand_in.state = "LOADING"
        assert ready("plain", rest) != 0
    finally:
        stand_in.state = "AVAILABLE"
    assert ready("nothing", rest) != 0
    assert ready("plain", free_port()) != 0


# ------------------------------------------------------------------- a bad server


def free_port():
    import socket

    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.mark.parametrize("scheme", ["http", "grpc"])
def test_no_server_is_said_in_one_line(scheme, cli):
    result = cli("sample", "--server", f"{scheme}://127.0.0.1:{free_port()}/m")
    assert result.exit_code == 1
    assert result.stderr.startswith("Error: Can't reach ") and result.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (200, b"<html>", "no JSON answer"),
        (200, b'{"predictions": [1]}', "no `predictions` of image files"),
        (200, b'{"outputs": []}', "no `predictions`"),
        (200, b'{"predictions": []}', "sent 0 images for 1 seeds"),
        (200, b'{"predictions": [{"b64": "AAAA"}]}', "can't be decoded"),
        (500, b"oops", "answered 500: oops"),
        (None, b"", "did not answer within"),
    ],
)
def test_a_server_that_speaks_otherwise(status, body, message):
    release = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            if status is None:
                release.wait(10)
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with pytest.raises(client.ServerError, match=message):
            client.sample(f"http://127.0.0.1:{server.server_port}/m", [1], timeout=0.5)
    finally:
        release.set()
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    "url",
    [
        *("digits", "ftp://h/m", "http://h:1", "http://h/v1/models/", "grpc://h:1/a/b/c"),
        *("http:///m", "http://h/m?format=xml", "grpc://h:1/m?format=columns"),
    ],
)
def test_a_url_that_means_nothing_is_a_usage_error(url):
    with pytest.raises(ConfigError, match="--server should be"):
        client.sample(url, [1])


@pytest.mark.parametrize(
    "arguments",
    [["run"], ["--interpolate", "3"], ["--label", "seven"], ["--seed", 2**31 - 1, "--count", 2]],
)
def test_what_a_server_can_not_do_is_a_usage_error(arguments, cli):
    result = cli("sample", "--server", "http://127.0.0.1:1/m", *arguments)
    assert result.exit_code == 2 and result.stderr.startswith("Error: ")
