"""TF Serving's files by its own message types, and the client against a stand-in."""

import base64
import json
import re
import shlex
import shutil
import subprocess
import threading
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
import yaml
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format
from serving_stand_in import StandIn, serving

from keras_gan import load
from keras_gan.apps import client
from keras_gan.exporters import export
from keras_gan.exporters import serving as files
from keras_gan.utils.errors import ConfigError

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
    assert client.BATCH <= parameters.max_batch_size.value


def test_the_monitoring_config_is_one(deploy):
    """Fields as in TF Serving's monitoring_config.proto, which its wheel lacks."""
    monitoring = message(
        "MonitoringConfig",
        [("prometheus_config", 1, ".tensorflow.serving.PrometheusConfig", 1)],
        [("PrometheusConfig", [("enable", 1, 8, 1), ("path", 2, 9, 1)])],
    )
    text_format.Parse((deploy / "monitoring.config").read_text(), monitoring)
    assert monitoring.prometheus_config.enable
    pods, _ = yaml.safe_load_all((deploy / "kubernetes.yaml").read_text())
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


def manifest(deploy, file):
    return {d["kind"]: d for d in yaml.safe_load_all((deploy / file).read_text())}


def test_the_kubernetes_manifests_hang_together(deploy):
    loading = manifest(deploy, "kubernetes-loader.yaml")
    claim = loading.pop("PersistentVolumeClaim")
    (pod,) = loading.values()
    serving = manifest(deploy, "kubernetes.yaml")
    assert list(serving) == ["Deployment", "Service"]
    deployment, service = serving.values()
    spec = deployment["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert container["image"] == files.IMAGE
    volumes = {v["name"]: v for v in spec["volumes"]}
    assert {m["name"] for m in container["volumeMounts"]} == set(volumes)
    assert volumes["models"]["persistentVolumeClaim"]["claimName"] == claim["metadata"]["name"]
    # The server can't write; the pod that can has the same claim, and ends by itself.
    assert all(mount["readOnly"] for mount in container["volumeMounts"])
    (loader,) = pod["spec"]["containers"]
    (mount,) = loader["volumeMounts"]
    assert mount == {"name": "models", "mountPath": "/models"}
    assert pod["spec"]["volumes"] == [volumes["models"]]
    assert pod["spec"]["restartPolicy"] == "Never" and loader["command"][0] == "sleep"
    comment = (deploy / "kubernetes-loader.yaml").read_text().partition("apiVersion")[0]
    assert f"kubectl cp My_digits.v1 {pod['metadata']['name']}:/models\n" in comment
    (term,) = pod["spec"]["affinity"]["podAffinity"].popitem()[1]
    selector = term["podAffinityTerm"]["labelSelector"]["matchLabels"]
    assert selector == deployment["spec"]["selector"]["matchLabels"]
    assert deployment["spec"]["strategy"] == {"type": "Recreate"}
    assert service["spec"]["selector"] == deployment["spec"]["template"]["metadata"]["labels"]
    # Without a model no port opens: the liveness probe has to wait for the start-up's.
    start = container["startupProbe"]
    assert start["exec"] == container["readinessProbe"]["exec"]
    assert start["periodSeconds"] * start["failureThreshold"] >= 3600
    ports = {p["name"] for p in container["ports"]}
    assert {p["targetPort"] for p in service["spec"]["ports"]} == ports


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        *(
            ("digits", "digits"),
            ("My_digits.v1", "my-digits-v1"),
            ("_x_", "x"),
            ("A" * 80, "a" * 63),
        ),
        *(("3d", "model-3d"), ("9" * 80, "model-" + "9" * 57), ("x" * 62 + "_y", "x" * 62)),
    ],
)
def test_kubernetes_names_are_of_its_kind(name, expected):
    """Of a service the strictest: RFC 1035, so a letter comes first."""
    assert files.kubernetes_name(name) == expected
    assert re.fullmatch("[a-z]([-a-z0-9]{0,61}[a-z0-9])?", expected)


def test_the_projects_own_deploy_folder_is_what_an_export_writes(tmp_path):
    files.write(tmp_path, "digits", [1])
    assert {p.name for p in (ROOT / "deploy").iterdir() if p.is_file()} == set(files.TEMPLATES)
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


def test_without_a_version_or_label_the_highest_version_is_asked(served):
    """As TF Serving does, and as `models.config` says: not the one that is `stable`."""
    _, _, _, out = served
    text = (out / "b/deploy/models.config").read_text()
    assert 'key: "canary" value: 2' in text and 'key: "stable" value: 1' in text
    comment = " ".join(re.findall("# (.*)", text))
    assert "neither a version nor a label goes to the highest version here, which is `canary`" in (
        comment
    )


def shell_lines(text):
    """The commands in a card's ```sh blocks, lines ending in a backslash joined."""
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return [shlex.split(line) for b in blocks for line in b.replace("\\\n", "").splitlines()]


@pytest.mark.parametrize(("folder", "name"), [("a", "plain"), ("b", "labelled")])
def test_the_cards_shell_lines_run_against_a_server(folder, name, served, cli):
    _, rest, _, out = served
    lines = shell_lines((out / folder / "README.md").read_text())
    assert [line[0] for line in lines] == ["docker", "curl", "keras-gan"]
    assert (out / folder / lines[0][3]).is_file()  # docker compose -f deploy/compose.yaml
    here = [
        [word.replace("localhost:8501", f"127.0.0.1:{rest}") for word in line] for line in lines
    ]
    program, flag, body, address = here[1]
    assert (program, flag) == ("curl", "-d")
    with urllib.request.urlopen(address, body.encode(), timeout=30) as answer:
        (image,) = json.load(answer)["predictions"]
    assert base64.b64decode(image["b64"]).startswith(b"\x89PNG")
    result = cli(*here[2][1:])
    assert result.exit_code == 0, result.stderr
    assert Path("served.png").read_bytes().startswith(b"\x89PNG")
    # The same line stands in compose.yaml.
    assert f"#   {shlex.join(lines[2])}\n" in (out / folder / "deploy/compose.yaml").read_text()


def test_a_label_that_is_missing_is_asked_for(served, cli):
    for url in ways(served, "labelled"):
        result = cli("sample", "--server", url, "--count", "2")
        assert result.exit_code == 1 and result.stderr.count("\n") == 1
        assert result.stderr.endswith("A model with classes needs --label ID.\n")


def test_a_port_of_the_other_kind_is_named(served, cli):
    _, rest, rpc, _ = served
    result = cli("sample", "--server", f"http://127.0.0.1:{rpc}/v1/models/plain")
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert "Is that the port for gRPC? REST has 8501 by default" in result.stderr
    result = cli("sample", "--server", f"grpc://127.0.0.1:{rest}/plain")
    assert result.exit_code == 1 and result.stderr.count("\n") == 1
    assert "is this its port for gRPC" in result.stderr


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
        ("broken", b"", "gave no whole HTTP answer"),
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
            broken = status == "broken"  # it promises more than it sends
            self.send_response(200 if broken else status)
            self.send_header("Content-Length", str(len(body) + 5 * broken))
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
        *(
            "http://[::1/m",
            "http://h:port/m",
            "http://h:99999/m",
            "grpc://h:-1/m",
            "http://:8501/m",
        ),
        *("http://h:1/v1/models/a b", "http://h h:1/m", "http://h:1/\u00e4", "http://h:1/m\x7f"),
    ],
)
def test_a_url_that_means_nothing_is_a_usage_error(url):
    with pytest.raises(ConfigError, match="--server should be"):
        client.sample(url, [1])


def test_a_host_that_can_not_be_one_is_a_usage_error():
    with pytest.raises(ConfigError, match="names no host"):
        client.sample(f"http://{'a' * 70}.example/m", [1])


@pytest.mark.parametrize(
    "arguments",
    [
        *(["run"], ["--interpolate", "3"], ["--label", "seven"], ["--label", 2**31]),
        *(["--seed", 2**31 - 1, "--count", 2], ["--checkpoint", "best"]),
    ],
)
def test_what_a_server_can_not_do_is_a_usage_error(arguments, cli):
    result = cli("sample", "--server", "http://127.0.0.1:1/m", *arguments)
    assert result.exit_code == 2 and result.stderr.startswith("Error: ")
