"""Every format against Keras, for every family; publication, all of it or nothing."""

import dataclasses
import json
import os
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import keras
import numpy as np
import onnx
import pytest
import scipy.stats
import tensorflow as tf
import yaml
from conftest import everything
from packaging.requirements import Requirement
from pairs import pair

from keras_gan import load
from keras_gan.exporters import (
    FORMATS,
    card,
    export,
    facts,
    litert,
    parity,
    publish,
    saved_model,
    transaction,
)
from keras_gan.exporters import onnx as onnx_exporter
from keras_gan.exporters.parity import PARITY_BATCHES
from keras_gan.games import latents
from keras_gan.games.endpoints import Endpoint, LatentSpec, SampleSpec
from keras_gan.runs import sampling
from keras_gan.utils.errors import ConfigError, ExportError, KerasGanWarning, RunError
from keras_gan.utils.labels import ClassLabels, of_classes
from keras_gan.utils.pixels import to_uint8

NAMES = tuple("abcdefghij")
FAMILIES = {
    "mlp": {"hidden": [24, 32], "activations": ["tanh", "gelu"]},
    "maxout": {"hidden": [32]},
    "dcgan": {"width": 4},
    "resnet": {"width": 4, "max_width": 8, "remat": True},
}


def generator(family="mlp", shape=(28, 28, 1), conditional=False, seed=0, policy="float32"):
    keras.utils.set_random_seed(seed)
    network, _ = pair(
        family,
        latent_dim=5,
        sample_shape=shape,
        num_classes=len(NAMES) if conditional else None,
        conditioning="concat",
        generator=FAMILIES[family],
        discriminator={},
    )
    for weight in network.weights:  # moving statistics that are not 0 and 1, biases too
        if weight.path.endswith(("bias", "moving_mean", "beta")):
            weight.assign(keras.random.uniform(weight.shape, -0.3, 0.3))
        if weight.path.endswith(("moving_variance", "gamma")):
            weight.assign(keras.random.uniform(weight.shape, 0.5, 2.0))
    inputs = {"latent": LatentSpec(5, "normal")}
    if conditional:
        inputs["labels"] = ClassLabels(NAMES)
    return Endpoint(network, inputs, "images", SampleSpec(shape))


def job(endpoint, **options):
    return publish.Job({"sample": endpoint}, endpoint, "g", 18, lambda _: {}, **options)


@pytest.fixture(scope="module")
def conditional():
    return generator(conditional=True)


# ------------------------------------------------------------------ the contract table


@pytest.mark.parametrize("kind", FORMATS)
@pytest.mark.parametrize(
    ("family", "shape", "conditional"),
    [
        ("mlp", (28, 28, 1), True),
        ("maxout", (28, 28, 1), False),
        ("dcgan", (28, 28, 1), False),
        ("dcgan", (64, 64, 3), True),
        ("resnet", (28, 28, 1), False),
        ("resnet", (32, 32, 3), True),
    ],
)
def test_a_format_equals_keras_at_every_batch(
    kind, family, shape, conditional, tmp_path, web_runtime
):
    made = generator(family, shape, conditional)
    path = tmp_path / FORMATS[kind].path.format(name="g", version=1)
    path.parent.mkdir(exist_ok=True)
    FORMATS[kind].write(job(made, web_runtime=web_runtime), path)
    found = parity.differences(made, FORMATS[kind].runner(path))
    assert list(found.largest) == list(found.mean) == [str(n) for n in PARITY_BATCHES]
    parity.check(kind, found, FORMATS[kind].tolerance, FORMATS[kind].mean_tolerance)
    if kind.startswith("onnx_"):
        assert max(found.mean.values()) > 1e-7, "the weights were not compressed"


def test_parity_finds_a_wrong_result():
    made = generator()
    right = lambda inputs: np.asarray(made(**inputs))  # noqa: E731
    exact = parity.differences(made, right)
    assert {*exact.largest.values(), *exact.mean.values()} == {0.0}
    wrong = parity.differences(made, lambda inputs: right(inputs) + 2e-5 * (len(inputs) > 0))
    with pytest.raises(ExportError, match=r"differs from Keras by 2\S*e-05 at batch 1"):
        parity.check("This file", wrong, 1e-5)
    with pytest.raises(ExportError, match="differs from Keras by nan"):
        parity.check("It", parity.differences(made, lambda i: right(i) * np.nan), 1e-5)
    with pytest.raises(ExportError, match=r"shape \(1, 28, 28, 1\)"):
        parity.differences(made, lambda inputs: right(inputs)[..., 0])


def test_parity_bounds_the_mean_beside_the_largest():
    """One pixel of 784 that is wrong by 0.3 is 0.0004 on average; all of them by 0.02 are 0.02."""
    made = generator()
    right = lambda inputs: np.asarray(made(**inputs))  # noqa: E731

    def one_pixel(inputs):
        images = right(inputs).copy()
        images[:, 3, 5] += 0.3
        return images

    found = parity.differences(made, one_pixel)
    assert found.largest["17"] == pytest.approx(0.3) and found.mean["17"] == pytest.approx(
        0.3 / 784
    )
    parity.check("It", found, 0.5, 0.01)
    all_of_them = parity.differences(made, lambda inputs: right(inputs) + 0.02)
    with pytest.raises(ExportError, match=r"differs from Keras by 0\.02 on average at batch 1; at"):
        parity.check("It", all_of_them, 0.5, 0.01)


def test_parity_needs_every_label():
    """A format that ignores labels, or swaps two of them, is found out."""
    made = generator(conditional=True)

    def swapped(inputs):
        labels = np.where(inputs["labels"] == 9, 8, inputs["labels"])
        return np.asarray(made(latent=inputs["latent"], labels=labels))

    with pytest.raises(ExportError, match="at batch 17"):
        parity.check("It", parity.differences(made, swapped), 1e-5)


# --------------------------------------------------------------------------- ONNX


@pytest.mark.parametrize("opset", onnx_exporter.OPSETS)
def test_an_onnx_file_says_what_it_is(opset, conditional):
    model = onnx_exporter.convert(conditional, opset, {"recipe": "x", "latent_dim": "5"})
    onnx.checker.check_model(model, full_check=True)
    assert [(o.domain, o.version) for o in model.opset_import] == [("", opset)]
    assert [i.name for i in model.graph.input] == ["latent", "labels"]
    assert [o.name for o in model.graph.output] == ["images"]
    latent, labels = (i.type.tensor_type for i in model.graph.input)
    assert (latent.elem_type, labels.elem_type) == (onnx.TensorProto.FLOAT, onnx.TensorProto.INT32)
    assert not latent.shape.dim[0].HasField("dim_value")
    assert latent.shape.dim[1].dim_value == 5
    assert {p.key: p.value for p in model.metadata_props} == {"recipe": "x", "latent_dim": "5"}


def test_an_operator_that_onnx_lacks_is_named():
    made = generator()

    class Unknown(Endpoint):
        def __call__(self, **inputs):
            return tf.math.bessel_i0e(made(**inputs))

    with pytest.raises(ExportError, match="no operators for BesselI0e"):
        unknown = Unknown(made.network, made.inputs, made.output, made.produces)
        onnx_exporter.convert(unknown, 18, {})


@pytest.mark.parametrize(("variant", "smaller"), [("float16", 1.9), ("int8", 3.2)])
def test_compressed_weights_are_smaller_by_what_they_promise(variant, smaller, tmp_path):
    # 32 values a column: beside them stand its bias and, as int8, its scale.
    made = generator("mlp", (64, 64, 3))
    model = onnx_exporter.convert(made, 18, {})
    compress = getattr(onnx_exporter, f"with_{variant}_weights")
    assert model.ByteSize() / compress(model).ByteSize() > smaller
    assert not any(i.name.endswith(("_f16", "_q")) for i in model.graph.initializer)


def one_operator(op, weights):
    """x -> MatMul or Conv with `weights` -> images."""
    helper = onnx.helper
    ranks = {"MatMul": (["n", "in"], ["n", "out"]), "Conv": (["n", "c", 5, 5], ["n", "d", 3, 3])}
    graph = helper.make_graph(
        [helper.make_node(op, ["x", "w"], ["images"])],
        "g",
        [helper.make_tensor_value_info("x", 1, ranks[op][0])],
        [helper.make_tensor_value_info("images", 1, ranks[op][1])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=8)


@pytest.mark.parametrize(
    ("shape", "axis", "op"), [((64, 40), 1, "MatMul"), ((40, 64, 3, 3), 0, "Conv")]
)
def test_int8_weights_have_a_scale_for_each_output_channel(shape, axis, op, tmp_path):
    """Channels of very different sizes keep their relative precision."""
    sizes = np.logspace(-3, 2, shape[axis]).astype(np.float32)
    weights = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    weights *= sizes.reshape([-1 if n == axis else 1 for n in range(len(shape))])
    model = one_operator(op, weights)
    onnx.save(onnx_exporter.with_int8_weights(model), tmp_path / "q.onnx")
    onnx.save(model, tmp_path / "f.onnx")
    size = (50, 64) if op == "MatMul" else (50, 64, 5, 5)
    x = np.random.default_rng(1).normal(size=size).astype(np.float32)
    exact, rounded = (
        onnx_exporter.runner(tmp_path / name)({"x": x}) for name in ("f.onnx", "q.onnx")
    )
    channels = tuple(n for n in range(exact.ndim) if n != 1)
    error = np.abs(exact - rounded).max(channels) / np.abs(exact).max(channels)
    assert 1e-6 < error.max() < 0.03


@pytest.mark.parametrize("gain", [10.0, 60.0])
@pytest.mark.parametrize("kind", ["onnx_float16", "onnx_int8"])
def test_compressed_generators_are_within_their_limits_once_trained(kind, gain, tmp_path):
    """Trained ones make most pixels black or white, with steep edges between them.

    There a small error of a logit is a large one of a pixel, which new weights don't show.
    """
    made = generator("mlp")
    kernel, bias = next(layer for layer in made.network.layers[::-1] if layer.weights).weights
    kernel.assign(kernel * gain)
    bias.assign(keras.random.normal(bias.shape, -gain / 3, gain / 3, seed=1))
    images = np.asarray(made(**made.examples(17)))
    assert np.mean(np.abs(images) > 0.99) > 0.5 and np.mean(images > 0.99) > 0.02
    form, path = FORMATS[kind], tmp_path / "g.onnx"
    form.write(job(made), path)
    found = parity.differences(made, form.runner(path))
    parity.check(kind, found, form.tolerance, form.mean_tolerance)


@pytest.mark.parametrize("uneven", [0, 1])
@pytest.mark.parametrize(("op", "shape"), [("MatMul", (64, 40)), ("Conv", (40, 64, 3, 3))])
def test_int8_scales_lie_along_the_axis_with_the_smaller_error(op, shape, uneven):
    """Rows (or columns) of very different sizes get a scale each, whatever the operator."""
    sizes = np.logspace(-3, 0, shape[uneven]).astype(np.float32)
    weights = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    weights *= sizes.reshape([-1 if n == uneven else 1 for n in range(len(shape))])
    compressed = onnx_exporter.with_int8_weights(one_operator(op, weights))
    kept = {i.name: onnx.numpy_helper.to_array(i) for i in compressed.graph.initializer}
    scales = kept["w_scale"]
    assert scales.shape == tuple(n if axis == uneven else 1 for axis, n in enumerate(shape))
    # Half a step of each slice's own scale, which is its largest weight / 127.
    error = np.abs(kept["w_q"] * scales - weights)
    assert np.all(error <= scales * 0.5001)


def test_int8_weights_are_computed_with_as_float32(tmp_path):
    """ONNX Runtime has operators for int8 weights that round the activations too."""
    weights = np.random.default_rng(0).normal(size=(64, 40)).astype(np.float32)
    x = np.random.default_rng(1).normal(size=(50, 64)).astype(np.float32)
    compressed = onnx_exporter.with_int8_weights(one_operator("MatMul", weights))
    kept = {i.name: onnx.numpy_helper.to_array(i) for i in compressed.graph.initializer}
    onnx.save(compressed, tmp_path / "q.onnx")
    made = onnx_exporter.runner(tmp_path / "q.onnx")({"x": x})
    expected = x @ (kept["w_q"] * kept["w_scale"])
    np.testing.assert_allclose(made, expected, atol=1e-4)  # of values up to 30, in float32


def test_int8_scales_do_not_outweigh_what_they_scale():
    """A scale each for 1,024 columns of 2 values would take twice the bytes of the values."""
    weights = np.random.default_rng(0).normal(size=(2, 1024)).astype(np.float32)
    weights *= np.logspace(-3, 0, 1024, dtype=np.float32)
    compressed = onnx_exporter.with_int8_weights(one_operator("MatMul", weights))
    kept = {i.data_type: list(i.dims) for i in compressed.graph.initializer}
    assert kept == {onnx.TensorProto.INT8: [2, 1024], onnx.TensorProto.FLOAT: [2, 1]}


# --------------------------------------------------------------------- SavedModel


@pytest.fixture(scope="module")
def saved(conditional, tmp_path_factory):
    path = tmp_path_factory.mktemp("saved") / "m" / "1"
    saved_model.write({"sample": conditional}, path, "m")
    return path


def test_signatures_are_named_and_typed(saved):
    signatures = tf.saved_model.load(str(saved)).signatures
    found = {
        name: (
            {
                k: (v.dtype.name, v.shape.as_list())
                for k, v in s.structured_input_signature[1].items()
            },
            {k: (v.dtype.name, v.shape.as_list()) for k, v in s.structured_outputs.items()},
        )
        for name, s in signatures.items()
    }
    labels = {"labels": ("int32", [None])}
    seed = {"seed": ("int32", [None]), **labels}
    assert found == {
        "serving_default": (
            {"latent": ("float32", [None, 5]), **labels},
            {"images": ("float32", [None, 28, 28, 1])},
        ),
        "sample": (seed, {"image_bytes": ("string", [None])}),
        "sample_uint8": (seed, {"images": ("uint8", [None, 28, 28, 1])}),
    }


def test_a_seed_is_an_image_whatever_its_neighbours(saved, conditional):
    """Equal bytes alone, among others and twice; and those of Keras on the same latent."""
    ask = tf.saved_model.load(str(saved)).signatures["sample"]
    seeds, labels = tf.constant([5, 9, -3, 5, 2**31 - 1]), tf.constant([1, 2, 3, 1, 9])
    files = ask(seed=seeds, labels=labels)["image_bytes"].numpy()
    assert files[0] == files[3] and len(set(files)) == 4
    for n in range(5):
        alone = ask(seed=seeds[n : n + 1], labels=labels[n : n + 1])["image_bytes"].numpy()
        assert alone[0] == files[n]
    again = tf.saved_model.load(str(saved)).signatures["sample_uint8"]
    pixels = again(seed=seeds, labels=labels)["images"].numpy()
    for n in range(5):
        np.testing.assert_array_equal(tf.io.decode_png(files[n]).numpy(), pixels[n])
        latent = tf.random.stateless_normal((1, 5), (int(seeds[n]), 1))
        expected = to_uint8(np.asarray(conditional(latent=latent, labels=labels[n : n + 1])))[0]
        assert np.abs(pixels[n].astype(int) - expected).max() <= 1  # rounding
        assert (pixels[n] == expected).mean() > 0.99


def test_a_servers_seed_is_the_command_lines(conditional_run, tmp_path):
    run = load(conditional_run)
    export(run, ["saved_model"], tmp_path)
    ask = tf.saved_model.load(str(tmp_path / run.config.name / "1")).signatures["sample_uint8"]
    served = ask(seed=tf.constant([41]), labels=tf.constant([7]))["images"].numpy()
    drawn = to_uint8(sampling.sample(run, 1, seed=41, label="7")["samples"])
    np.testing.assert_array_equal(served, drawn)


@pytest.mark.parametrize("labels", [[0, 10], [-1, 0], [3]])
def test_labels_that_do_not_fit_are_refused(saved, labels):
    signatures = tf.saved_model.load(str(saved)).signatures
    labels = tf.constant(labels)
    reason = "one a row" if len(labels) == 1 else "between 0 and 9"
    with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
        signatures["serving_default"](latent=tf.zeros((2, 5)), labels=labels)
    for name in ("sample", "sample_uint8"):
        with pytest.raises(tf.errors.InvalidArgumentError, match=reason):
            signatures[name](seed=tf.constant([1, 2]), labels=labels)


def test_the_warm_up_replays_against_the_signatures(saved):
    from tensorflow_serving.apis import prediction_log_pb2

    signatures = tf.saved_model.load(str(saved)).signatures
    seen = []
    for record in tf.data.TFRecordDataset(str(saved / saved_model.WARMUP)):
        request = prediction_log_pb2.PredictionLog.FromString(record.numpy()).predict_log.request
        assert request.model_spec.name == "m"
        inputs = {k: tf.constant(tf.make_ndarray(v)) for k, v in request.inputs.items()}
        outputs = signatures[request.model_spec.signature_name](**inputs)
        (value,) = outputs.values()
        seen.append((request.model_spec.signature_name, value.shape[0]))
    assert seen == [(name, n) for name in signatures for n in (1, 8)]


def contents(folder):
    """The number of tracked objects that are no variables or functions; XLA's functions."""
    from tensorflow.core.protobuf import saved_model_pb2

    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    (meta,) = model.meta_graphs
    objects = sum(node.HasField("user_object") for node in meta.object_graph_def.nodes)
    functions = meta.graph_def.library.function
    return objects, [f.signature.name for f in functions if f.attr["_XlaMustCompile"].b]


def test_a_saved_model_holds_neither_keras_nor_xla(saved, conditional, tmp_path):
    # The module, its two lists and the signatures; a Keras network is a hundred objects.
    assert contents(saved) == (4, [])
    module = tf.Module()
    module.network = conditional.network
    compiled = tf.function(
        lambda latent, labels: conditional(latent=latent, labels=labels),
        conditional.signature(),
        jit_compile=True,
    )
    tf.saved_model.save(module, str(tmp_path / "other"), signatures=compiled)
    objects, xla = contents(tmp_path / "other")
    assert objects > 50 and xla, "this test would not see Keras' objects or XLA's functions"


@pytest.mark.slow
def test_a_saved_model_runs_without_keras_gan(saved):
    program = """if True:
        import sys
        sys.modules["keras_gan"] = None  # importing it is an error now
        import tensorflow as tf
        ask = tf.saved_model.load(sys.argv[1]).signatures
        pair, latent = tf.constant([1, 2]), tf.zeros((2, 5))
        for name, first in (
            ("serving_default", {"latent": latent}), ("sample", {"seed": pair}),
            ("sample_uint8", {"seed": pair}),
        ):
            (made,) = ask[name](**first, labels=pair).values()
            assert made.shape[0] == 2
        """
    done = subprocess.run([sys.executable, "-c", program, saved], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_stock_saved_model_cli_runs_it(saved, tmp_path):
    tool = str(Path(sys.executable).with_name("saved_model_cli"))
    show = [tool, "show", "--dir", saved, "--tag_set", "serve", "--signature_def", "sample"]
    said = subprocess.run(show, check=True, capture_output=True, text=True).stdout
    assert "image_bytes" in said and "DT_STRING" in said
    np.save(tmp_path / "latent.npy", np.zeros((3, 5), np.float32))
    np.save(tmp_path / "labels.npy", np.array([1, 2, 3], np.int32))
    inputs = f"latent={tmp_path}/latent.npy;labels={tmp_path}/labels.npy"
    command = [tool, "run", "--dir", saved, "--tag_set", "serve"]
    command += ["--signature_def", "serving_default", "--inputs", inputs]
    subprocess.run([*command, "--outdir", tmp_path], check=True, capture_output=True)
    assert np.load(tmp_path / "images.npy").shape == (3, 28, 28, 1)


# --------------------------------------------------------------------------- LiteRT


def test_litert_needs_no_tensorflow_operators(conditional, tmp_path):
    litert.write(conditional, tmp_path / "g.tflite")
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(tmp_path / "g.tflite"))
    assert interpreter.get_signature_list() == {
        "serving_default": {"inputs": ["labels", "latent"], "outputs": ["images"]}
    }
    interpreter.allocate_tensors()
    assert not [d for d in interpreter._get_ops_details() if d["op_name"].startswith("Flex")]


# ----------------------------------------------------------------------- publication


def test_an_export_publishes_everything_and_says_what_it_is(conditional_run, tmp_path, web_runtime):
    run = load(conditional_run)
    kinds = [*FORMATS]
    out = tmp_path / "made" / "here"
    published = export(run, kinds, out, name="digits-c", opset=17, web_runtime=web_runtime)
    assert {f["format"] for f in published.files.values()} == set(kinds)
    assert {p.name for p in out.iterdir()} == {
        *("README.md", "samples.png", "export.json", "deploy", "digits-c"),
        *("digits-c.onnx", "digits-c.float16.onnx", "digits-c.int8.onnx"),
        *("digits-c.tflite", "digits-c.keras", "digits-c-web"),
    }
    told = json.loads((out / "export.json").read_text())
    assert told["files"] == published.files
    assert told["inputs"]["labels"]["names"] == list(run.labels.names)
    for path, file in told["files"].items():
        assert file["iteration"] == run.iteration
        for which in ("max_abs_difference", "mean_abs_difference"):
            assert list(file[which]) == ["1", "3", "17"]
        assert (file["mean_tolerance"] is not None) == file["format"].startswith("onnx_")
        again = facts.size_and_checksums(out / path)
        assert {k: file[k] for k in again} == again
    properties = {p.key: p.value for p in onnx.load(out / "digits-c.onnx").metadata_props}
    assert properties["recipe"] == run.config.name
    assert properties["latent_distribution"].startswith("normal")
    assert properties["latent_dim"] == str(run.config.network["latent_dim"])
    assert json.loads(properties["class_names"]) == list(run.labels.names)
    assert "V(D,G)" in json.loads(properties["metrics"])
    network = keras.saving.load_model(out / "digits-c.keras")
    assert {w.dtype for w in network.weights} == {"float32"}


def test_versions_count_up_and_stay(plain_run, tmp_path):
    run = load(plain_run)
    export(run, ["saved_model", "onnx"], tmp_path, name="m")
    first = (tmp_path / "m/1/saved_model.pb").read_bytes()
    export(run, ["saved_model"], tmp_path, name="m")
    export(run, ["saved_model"], tmp_path, name="m", version=7)
    assert (tmp_path / "m/1/saved_model.pb").read_bytes() == first
    told = json.loads((tmp_path / "export.json").read_text())
    assert sorted(told["files"]) == ["m.onnx", "m/1", "m/2", "m/7"]
    models = (tmp_path / "deploy/models.config").read_text()
    assert [f"versions: {n}" in models for n in (1, 2, 7)] == [False, True, True]
    export(run, ["saved_model"], tmp_path, name="m", version=4)  # older than the newest
    assert (tmp_path / "deploy/models.config").read_text().count("versions: ") == 2
    assert [
        f'key: "{label}" value: {n} ' in (tmp_path / "deploy/models.config").read_text()
        for label, n in (("stable", 4), ("canary", 7))
    ] == [True, True]
    before = everything(tmp_path)
    with pytest.raises(ConfigError, match=r"m/7 already exists.*--version out for 8"):
        export(run, ["saved_model"], tmp_path, name="m", version=7)
    assert everything(tmp_path) == before


def test_a_mixed_precision_run_is_exported_in_float32(tmp_path):
    from conftest import QUICK, invoke

    run = tmp_path / "run"
    mixed = ["--epochs", 1, "--precision", "mixed_float16", "--run-dir", run]
    assert invoke("fit", "digits", *QUICK, *mixed).exit_code == 0
    published = export(load(run), ["onnx", "keras"])
    assert published.folder == run / "export"
    model = onnx.load(run / "export/digits.onnx")
    kinds = {w.data_type for w in model.graph.initializer}
    assert onnx.TensorProto.FLOAT16 not in kinds
    assert not [n for n in model.graph.node if n.op_type == "Cast"]


def test_raw_weights_are_those_that_were_trained(plain_run, tmp_path):
    run = load(plain_run)
    latent = np.ones((1, run.config.network["latent_dim"]), np.float32)
    for weights, network in (("raw", run.gan.generator), ("ema", run.gan.generator_ema)):
        export(run, ["onnx"], tmp_path / weights, weights=weights)
        made = onnx_exporter.runner(tmp_path / weights / "digits.onnx")({"latent": latent})
        np.testing.assert_allclose(made, network(latent), atol=1e-5)
    assert (
        run.gan.generator.get_weights()[0].tolist()
        != run.gan.generator_ema.get_weights()[0].tolist()
    )


def test_points_have_no_picture_signatures(points_run, tmp_path):
    export(load(points_run), ["saved_model", "onnx"], tmp_path)
    (folder,) = tmp_path.glob("*/1")
    assert list(tf.saved_model.load(str(folder)).signatures) == ["serving_default"]


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"formats": ["onx"]}, ConfigError, "no format `onx`. Did you mean `onnx`"),
        ({"formats": []}, ConfigError, "Name a format: Known: keras, litert"),
        ({"opset": 20}, ConfigError, "--opset should be 17 or 18. Received: 20"),
        ({"name": "a/b"}, ConfigError, "--name should be"),
        ({"name": "deploy"}, ConfigError, "--name should be"),
        ({"weights": "best"}, ConfigError, "no weights `best`. Known: ema, raw"),
        ({"version": 3}, ConfigError, "--version has no effect on onnx, only on saved_model"),
        ({"formats": ["keras"], "opset": 18}, ConfigError, "--opset has no effect on keras, only"),
        ({"formats": ["saved_model"], "version": 0}, ConfigError, "--version should be 1 to 9223"),
        ({"formats": ["saved_model"], "version": 2**63}, ConfigError, "--version should be 1 to"),
    ],
)
def test_what_can_not_be_is_refused_and_nothing_written(
    options, error, message, plain_run, tmp_path
):
    with pytest.raises(error, match=message):
        export(load(plain_run), **{"formats": ["onnx"], "out": tmp_path / "x", **options})
    assert not (tmp_path / "x").exists()


def test_a_missing_package_is_named_with_its_extra(plain_run, tmp_path, monkeypatch):
    row = dataclasses.replace(FORMATS["litert"], needs={"no_such_package": "litert"})
    monkeypatch.setitem(FORMATS, "litert", row)
    with pytest.raises(ExportError, match=r"pip install 'keras-gan\[litert\]'"):
        export(load(plain_run), ["litert"], tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_a_run_without_a_checkpoint_is_refused(plain_run, tmp_path):
    import shutil

    shutil.copytree(plain_run, tmp_path / "run")
    shutil.rmtree(tmp_path / "run/checkpoints")
    with pytest.raises(RunError, match="no checkpoint"):
        export(load(tmp_path / "run"), ["onnx"])
    assert not (tmp_path / "run/export").exists()


def test_a_format_that_differs_leaves_nothing_behind(plain_run, tmp_path, monkeypatch):
    """The second of two formats is wrong: neither is published, and older files stay."""
    run = load(plain_run)
    export(run, ["onnx"], tmp_path, name="m")
    before = {
        p: (tmp_path / p).read_bytes() for p in everything(tmp_path) if (tmp_path / p).is_file()
    }
    real = FORMATS["saved_model"]

    def wrong(path):
        run = real.runner(path)
        return lambda inputs: run(inputs) + 1e-4

    monkeypatch.setitem(FORMATS, "saved_model", dataclasses.replace(real, runner=wrong))
    with pytest.raises(ExportError, match="The saved_model file differs from Keras"):
        export(run, ["onnx", "saved_model"], tmp_path, name="m")
    after = {
        p: (tmp_path / p).read_bytes() for p in everything(tmp_path) if (tmp_path / p).is_file()
    }
    assert after == before


def test_a_move_that_fails_takes_the_others_back(plain_run, tmp_path, monkeypatch):
    """Another export has taken the version in the meantime."""
    run = load(plain_run)
    export(run, ["onnx"], tmp_path, name="m")
    before = (tmp_path / "export.json").read_bytes()
    (tmp_path / "m/1").mkdir(parents=True)
    (tmp_path / "m/1/theirs").write_text("x")
    monkeypatch.setattr(publish, "versions_in", lambda folder: [])
    with pytest.raises(ExportError, match="Can't write into"):
        export(run, ["onnx", "saved_model"], tmp_path, name="m")
    assert (tmp_path / "export.json").read_bytes() == before
    assert (tmp_path / "m/1/theirs").read_text() == "x"
    assert not list(tmp_path.glob(".tmp*")) and not (tmp_path / "deploy").exists()


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/proc").exists(), reason="needs /proc")
def test_an_unwritable_target_is_one_line(plain_run):
    with pytest.raises(ExportError, match="Can't write into /proc/export"):
        export(load(plain_run), ["onnx"], "/proc/export")


def contents_of(folder):
    return {p: (folder / p).read_bytes() for p in everything(folder) if (folder / p).is_file()}


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("number", range(4))
def test_an_interrupt_at_any_move_takes_all_back(number, after, tmp_path, monkeypatch):
    """Ctrl+C before, or just after, each of four moves: two of new files, two of older ones."""
    aside, out = tmp_path / "aside", tmp_path / "out"
    for folder, paths in ((aside, ("new", "old", "sub/old", "m/2/x")), (out, ("old", "sub/old"))):
        for path in paths:
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(f"{folder.name} {path}")
    before, replace, moves = contents_of(out), os.replace, iter(range(100))

    def interrupted(source, target):
        now = next(moves) == number
        if now and not after:
            raise KeyboardInterrupt
        replace(source, target)
        if now:
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        transaction.move_all(aside, out, ["new", "old", "sub/old", "m/2"])
    assert contents_of(out) == before and everything(out) == ["old", "sub", "sub/old"]


def test_an_interrupted_export_leaves_nothing_behind(plain_run, tmp_path, monkeypatch):
    run = load(plain_run)
    export(run, ["saved_model"], tmp_path / "x", name="m")
    before, replace = contents_of(tmp_path / "x"), os.replace

    def interrupted(source, target):
        replace(source, target)
        if Path(target) == tmp_path / "x/m/2":
            raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        export(run, ["saved_model", "onnx"], tmp_path / "x", name="m")
    assert contents_of(tmp_path / "x") == before
    assert not list((tmp_path / "x").glob(".tmp*"))


def test_deploy_stays_the_folder_that_a_container_has_mounted(plain_run, tmp_path, monkeypatch):
    """Its files are replaced one by one, and the server's list of models is the last."""
    run, order, replace = load(plain_run), [], os.replace
    export(run, ["saved_model"], tmp_path, name="m")
    mounted = [(tmp_path / folder).stat().st_ino for folder in ("deploy", "m")]
    before = contents_of(tmp_path)

    def noted(source, target):
        if tmp_path in Path(target).parents and ".tmp-" not in str(target):
            order.append(str(Path(target).relative_to(tmp_path)))
        replace(source, target)

    monkeypatch.setattr(os, "replace", noted)
    export(run, ["saved_model"], tmp_path, name="m")
    assert [(tmp_path / folder).stat().st_ino for folder in ("deploy", "m")] == mounted
    assert "versions: 2" in (tmp_path / "deploy/models.config").read_text()
    assert order[-1] == "deploy/models.config" and "m/2" in order[:-1]
    # A version that can't be had takes the settings back, in the same folder.
    before = contents_of(tmp_path)
    (tmp_path / "m/3").mkdir()
    monkeypatch.setattr(publish, "versions_in", lambda folder: [1, 2])
    with pytest.raises(ExportError, match="Can't write into"):
        export(run, ["saved_model"], tmp_path, name="m")
    assert contents_of(tmp_path) == before
    assert (tmp_path / "deploy").stat().st_ino == mounted[0]


@pytest.mark.parametrize("other", ["conditional_run", "points_run"])
def test_files_of_another_model_are_not_said_to_be_this_one(other, plain_run, request, tmp_path):
    export(load(plain_run), ["onnx"], tmp_path, name="m")
    export(load(request.getfixturevalue(other)), ["keras"], tmp_path, name="m")
    told = json.loads((tmp_path / "export.json").read_text())
    assert list(told["files"]) == ["m.keras"] and (tmp_path / "m.onnx").exists()
    assert "m.onnx" not in (tmp_path / "README.md").read_text()


def test_files_of_another_run_of_the_same_recipe_are_not_mixed_in(plain_run, tmp_path):
    import shutil

    shutil.copytree(plain_run, tmp_path / "again")
    told = json.loads((tmp_path / "again/run.json").read_text())
    (tmp_path / "again/run.json").write_text(json.dumps({**told, "created": "2030-01-01"}))
    for run, kind in ((plain_run, "onnx"), (tmp_path / "again", "keras"), (plain_run, "litert")):
        export(load(run), [kind], tmp_path / "x", name="m")
    files = json.loads((tmp_path / "x/export.json").read_text())["files"]
    assert list(files) == ["m.tflite"]


def test_earlier_files_of_the_run_keep_the_iteration_that_they_are_of(plain_run, tmp_path):
    run = load(plain_run)
    newest = int(run.gan.iteration.numpy())
    export(run, ["onnx"], tmp_path, name="m")
    run.gan.iteration.assign(10)
    export(run, ["keras"], tmp_path, name="m", weights="raw")
    text = (tmp_path / "README.md").read_text()
    assert f"| `m.onnx` | ema, step {newest} |" in text
    assert "| `m.keras` | raw, step 10 |" in text


# ------------------------------------------------------------------------ model card


def test_the_card_is_of_the_checkpoint_that_was_loaded(plain_run, tmp_path):
    """Not of the run's newest: it may be damaged, or another one may be the best."""
    run = load(plain_run)
    rows = {row["iteration"]: row for row in run.metrics() if "V(D,G)" in row}
    *_, logged, newest = rows
    assert rows[logged]["V(D,G)"] != rows[newest]["V(D,G)"]
    run.gan.iteration.assign(newest - 1)
    export(run, ["onnx"], tmp_path)
    told = json.loads((tmp_path / "export.json").read_text())
    assert told["metrics"]["V(D,G)"] == rows[logged]["V(D,G)"]
    assert not [name for name in told["metrics"] if name.startswith("time/")]
    inside = {p.key: p.value for p in onnx.load(tmp_path / "digits.onnx").metadata_props}
    assert inside["iteration"] == str(newest - 1)
    assert json.loads(inside["metrics"]) == told["metrics"]
    text = (tmp_path / "README.md").read_text()
    assert f"after {newest - 1} training steps" in text
    assert f"| V(D,G) | {rows[logged]['V(D,G)']:.6g} |" in text


def test_an_untrained_generator_is_warned_of(plain_run, tmp_path, recwarn):
    run = load(plain_run)
    export(run, ["keras"], tmp_path)
    assert not [w for w in recwarn if issubclass(w.category, KerasGanWarning)]
    run.gan.iteration.assign(0)
    with pytest.warns(KerasGanWarning, match="UNTRAINED.*iteration 0.*fit --resume"):
        export(run, ["keras"], tmp_path)


@pytest.mark.parametrize(
    ("classes", "columns"), [(None, 10), (2, 10), (3, 9), (10, 10), (11, 10), (1000, 10)]
)
def test_the_cards_picture_has_at_most_ten_columns(
    classes, columns, plain_run, tmp_path, monkeypatch
):
    names = None if classes is None else tuple(str(n) for n in range(classes))
    seen = {}
    monkeypatch.setattr(card, "text", lambda *_: "")
    monkeypatch.setattr(publish.sampling, "run_batched", lambda network, arrays: arrays)
    monkeypatch.setattr(
        publish.image_grids,
        "write_samples",
        lambda path, arrays, others, n: seen.update(arrays, n=n),
    )
    (made,) = publish.endpoints_of(load(plain_run)).values()
    labels = of_classes(names)
    inputs = {**made.inputs, **({"labels": labels} if labels else {})}
    asked = dataclasses.replace(made, inputs=inputs)
    publish.describe(load(plain_run), {"sample": asked}, {}, tmp_path)
    assert seen["n"] == columns and len(seen["latent"]) == 8 * columns
    if classes and classes <= 10:  # a column keeps to its class
        assert all(len(set(column)) == 1 for column in seen["labels"].reshape(8, columns).T)


def environment_of(tmp_path, *packages):
    """A Python that sees these distributions and what they need, and nothing else."""
    site, todo, seen = tmp_path / "site", list(packages), set()
    site.mkdir()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        distribution = metadata.distribution(name)
        for file in distribution.files:
            top = file.parts[0]
            if top != ".." and not (site / top).exists():
                (site / top).symlink_to(distribution.locate_file(top))
        for line in distribution.requires or []:
            need = Requirement(line)
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                todo.append(need.name)
    return [sys.executable, "-I", "-S", "-c"], site


@pytest.fixture(scope="module", params=["plain", "conditional", "points"])
def carded(request, tmp_path_factory, web_runtime):
    run = request.getfixturevalue(f"{request.param}_run")
    out = tmp_path_factory.mktemp("card")
    if request.param == "points":  # no page shows them
        return export(load(run), [kind for kind in FORMATS if kind != "web"], out)
    return export(load(run), [*FORMATS], out, web_runtime=web_runtime)


def snippets(card):
    found, title, code = {}, None, None
    for line in card.splitlines():
        if line.startswith("### "):
            title = line[4:].partition(" (")[0]
        elif line == "```python":
            code = []
        elif line == "```" and code is not None:
            found[title], code = "\n".join(code), None
        elif code is not None:
            code.append(line)
    return found


def test_the_cards_header_is_the_hubs(carded):
    _, header, body = (carded.folder / "README.md").read_text().split("---\n", 2)
    told = yaml.safe_load(header)
    assert told["library_name"] == "keras" and "gan" in told["tags"] and told["datasets"]
    # The hub's tasks know neither images of a class nor points.
    task = "unconditional-image-generation" if told["tags"][-1] == "digits" else None
    made = json.loads((carded.folder / "export.json").read_text())
    plain = "labels" not in made["inputs"] and made["outputs"]["images"]["range"]
    assert told.get("pipeline_tag") == (task if plain else None)
    for heading in ("Data and training", "Metrics", "Limits", "Files", "How to run it"):
        assert f"## {heading}" in body
    assert (carded.folder / "samples.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("distribution", latents.DISTRIBUTIONS)
def test_the_cards_latents_are_those_of_the_training(distribution):
    rng = np.random.default_rng(0)
    drawn = eval(card.LATENT[distribution].format(count=500, dim=4), {"rng": rng})
    trained = latents.sample(distribution, (500, 4), (0, 0)).numpy()
    assert drawn.shape == trained.shape
    assert scipy.stats.ks_2samp(drawn.ravel(), trained.ravel()).pvalue > 1e-3


def test_the_cards_onnx_lines_run_with_onnxruntime_and_numpy_alone(carded, tmp_path):
    code = snippets((carded.folder / "README.md").read_text())
    command, site = environment_of(tmp_path, "onnxruntime", "numpy")
    assert not (site / "keras").exists() and not (site / "tensorflow").exists()
    for title in ("ONNX", "ONNX, float16 weights", "ONNX, int8 weights"):
        program = f"import sys; sys.path.insert(0, {str(site)!r})\n{code[title]}"
        done = subprocess.run(
            [*command, program], cwd=carded.folder, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    (saved,) = carded.folder.glob("*.npy")
    made = np.load(saved)
    saved.unlink()
    assert len(made) == 16 and len(np.unique(made.reshape(16, -1), axis=0)) == 16


def test_the_cards_other_lines_run(carded, monkeypatch):
    monkeypatch.chdir(carded.folder)
    code = snippets((carded.folder / "README.md").read_text())
    for title in ("LiteRT", "Keras", "SavedModel"):
        exec(compile(code[title], title, "exec"), {})
        (saved,) = carded.folder.glob("*.npy")
        assert len(np.load(saved)) == 16
        saved.unlink()
