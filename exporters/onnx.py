"""ONNX, with the facts that a user of the file needs in its metadata."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from keras_gan.exporters.parity import Runner
from keras_gan.games.endpoints import Endpoint
from keras_gan.utils.errors import ConfigError, ExportError

OPSETS = (17, 18)
DEFAULT_OPSET = 18

_STANDARD = ("", "ai.onnx")
_SMALLEST = 1024  # values; smaller weights (biases) stay float32 in the compressed variants
_SHARED = 8  # values that share a scale, at least: a scale has the bytes of four of them


def checked_opset(opset: int | None) -> int:
    """Returns `opset`, or the default one where there is none.

    Raises:
        ConfigError: the converter and the checker were not tried with it.
    """
    if opset is None:
        return DEFAULT_OPSET
    if opset not in OPSETS:
        known = " or ".join(str(n) for n in OPSETS)
        raise ConfigError(f"--opset should be {known}. Received: {opset}.")
    return opset


def convert(endpoint: Endpoint, opset: int, metadata: dict[str, str]) -> onnx.ModelProto:
    """Return an endpoint as a checked ONNX model.

    Args:
        endpoint: what to convert.
        opset: one of OPSETS.
        metadata: becomes `metadata_props`.

    Raises:
        ExportError: the converter left an operator that ONNX does not have.
    """
    import tf2onnx

    with _quiet():
        model, _ = tf2onnx.convert.from_function(
            endpoint.function(),
            input_signature=endpoint.signature(),
            opset=opset,
            custom_op_handlers={"Erfc": (_erfc, [])},
        )
    # tf2onnx only logs what it can't convert and leaves the node as it was.
    foreign = sorted({n.op_type for n in model.graph.node if not _is_standard(n)})
    if foreign:
        raise ExportError(f"ONNX has no operators for {', '.join(foreign)}.")
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", opset))
    model.graph.name = endpoint.network.name
    inputs, outputs = (
        ", ".join(t.name for t in ts) for ts in (model.graph.input, model.graph.output)
    )
    model.doc_string = f"{model.graph.name}: {inputs} -> {outputs}"
    helper.set_model_props(model, metadata)
    onnx.checker.check_model(model, full_check=True)
    return model


def _is_standard(node: onnx.NodeProto) -> bool:
    return node.domain in _STANDARD and onnx.defs.has(node.op_type)


def _erfc(context, node, name, args) -> None:
    """erfc(x) = 1 - erf(x), which Keras' exact gelu has and tf2onnx does not know."""
    shapes, dtypes = node.output_shapes, node.output_dtypes
    context.remove_node(node.name)
    one = context.make_const(f"{name}_one", np.array(1.0, np.float32))
    erf = context.make_node("Erf", [node.input[0]], shapes=shapes, dtypes=dtypes)
    context.make_node(
        "Sub",
        [one.output[0], erf.output[0]],
        name=name,
        outputs=node.output,
        shapes=shapes,
        dtypes=dtypes,
    )


def write(model: onnx.ModelProto, path: Path) -> None:
    """Write the model as one file.

    Raises:
        ExportError: it is larger than a protobuf may be.
    """
    if model.ByteSize() >= 2**31:
        raise ExportError("The network is larger than the 2 GB that one ONNX file can hold.")
    onnx.save(model, str(path))


def runner(path: Path) -> Runner:
    """Run an ONNX file with ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(None, inputs)[0]


# ------------------------------------------------------------------ smaller files


def with_float16_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose weights are kept as float16 and computed with as float32."""

    def shrink(name, values, graph, nodes):
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), f"{name}_f16"))
        nodes.append(helper.make_node("Cast", [f"{name}_f16"], [name], to=TensorProto.FLOAT))

    return _compressed(model, shrink)


def with_int8_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose weights are kept as int8 with one scale for each slice along an axis.

    w = scale * q, q in -127..127 (symmetric); computed with as float32. Of each weight's
    axes, outputs and inputs alike, that one is taken whose w has the least squared error:
    along which one the sizes differ most is another matter in every layer.
    """

    def shrink(name, values, graph, nodes):
        axes = [n for n, size in enumerate(values.shape) if values.size >= _SHARED * size]
        ways = [_quantized(values, axis) for axis in axes]
        best = np.argmin([np.sum(np.square(q * scales - values)) for q, scales in ways])
        for array, ending in zip(ways[best], ("q", "scale"), strict=True):
            graph.initializer.append(numpy_helper.from_array(array, f"{name}_{ending}"))
        # Not DequantizeLinear: ONNX Runtime makes one operator of it and a MatMul, which rounds
        # the activations to int8 as well, with three times the error.
        wide = f"{name}_float32"
        nodes.append(helper.make_node("Cast", [f"{name}_q"], [wide], to=TensorProto.FLOAT))
        nodes.append(helper.make_node("Mul", [wide, f"{name}_scale"], [name]))

    return _compressed(model, shrink)


def _quantized(values: np.ndarray, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """int8 like `values`, and float32 scales of size 1 along all axes but `axis`."""
    others = tuple(n for n in range(values.ndim) if n != axis)
    scales = np.max(np.abs(values), axis=others, keepdims=True) / 127.0
    scales = np.where(scales == 0.0, 1.0, scales).astype(np.float32)
    return np.round(values / scales).astype(np.int8), scales


def _compressed(model: onnx.ModelProto, shrink) -> onnx.ModelProto:
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    graph, nodes = copy.graph, []
    weights = [w for w in graph.initializer if w.data_type == TensorProto.FLOAT]
    for weight in weights:
        values = numpy_helper.to_array(weight)
        if values.ndim >= 2 and values.size >= _SMALLEST:
            shrink(weight.name, values, graph, nodes)
            graph.initializer.remove(weight)
    for node in reversed(nodes):
        graph.node.insert(0, node)
    onnx.checker.check_model(copy, full_check=True)
    return copy


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """tf2onnx reports at the level INFO, to the root logger's handlers."""
    logger = logging.getLogger("tf2onnx")
    before = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(before)
