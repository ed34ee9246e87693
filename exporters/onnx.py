"""ONNX, with the facts that a user of the file needs in its metadata."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from keras_gan.errors import ConfigError, ExportError
from keras_gan.exporters.generator import Generator
from keras_gan.exporters.parity import Runner

OPSETS = (17, 18)
DEFAULT_OPSET = 18

_STANDARD = ("", "ai.onnx")
_SMALLEST = 1024  # values; smaller weights (biases) stay float32 in the compressed variants


def check_opset(opset: int) -> None:
    """Raises ConfigError unless the converter and the checker were tried with `opset`."""
    if opset not in OPSETS:
        known = " or ".join(str(n) for n in OPSETS)
        raise ConfigError(f"--opset should be {known}. Received: {opset}.")


def convert(generator: Generator, opset: int, metadata: dict[str, str]) -> onnx.ModelProto:
    """Returns the generator as a checked ONNX model.

    Args:
        generator: what to convert.
        opset: one of OPSETS.
        metadata: becomes `metadata_props`.

    Raises:
        ExportError: the converter left an operator that ONNX does not have.
    """
    import tf2onnx

    with _quiet():
        model, _ = tf2onnx.convert.from_function(
            generator.function(),
            input_signature=generator.signature(),
            opset=opset,
            custom_op_handlers={"Erfc": (_erfc, [])},
        )
    # tf2onnx only logs what it can't convert and leaves the node as it was.
    foreign = sorted({n.op_type for n in model.graph.node if not _is_standard(n)})
    if foreign:
        raise ExportError(f"ONNX has no operators for {', '.join(foreign)}.")
    del model.opset_import[:]
    model.opset_import.append(helper.make_opsetid("", opset))
    model.graph.name = "generator"
    model.doc_string = "A generator of images: latent (, labels) -> images."
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
    """Writes the model as one file.

    Raises:
        ExportError: it is larger than a protobuf may be.
    """
    if model.ByteSize() >= 2**31:
        raise ExportError("The generator is larger than the 2 GB that one ONNX file can hold.")
    onnx.save(model, str(path))


def runner(path: Path) -> Runner:
    """Runs an ONNX file with ONNX Runtime on the CPU."""
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return lambda inputs: session.run(["images"], inputs)[0]


# ------------------------------------------------------------------ smaller files


def with_float16_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose weights are kept as float16 and computed with as float32."""

    def shrink(name, values, graph, nodes):
        graph.initializer.append(numpy_helper.from_array(values.astype(np.float16), f"{name}_f16"))
        nodes.append(helper.make_node("Cast", [f"{name}_f16"], [name], to=TensorProto.FLOAT))

    return _compressed(model, shrink)


def with_int8_weights(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy whose weights are kept as int8 with one scale for each output channel.

    w = scale * q, q in -127..127 (symmetric); computed with as float32.
    """

    def shrink(name, values, graph, nodes):
        axis = _channel_axis(model, name, values.ndim)
        others = tuple(n for n in range(values.ndim) if n != axis)
        scales = np.max(np.abs(values), axis=others) / 127.0
        scales = np.where(scales == 0.0, 1.0, scales).astype(np.float32)
        shape = [-1 if n == axis else 1 for n in range(values.ndim)]
        quantized = np.round(values / scales.reshape(shape)).astype(np.int8)
        for array, ending in ((quantized, "q"), (scales, "scale")):
            graph.initializer.append(numpy_helper.from_array(array, f"{name}_{ending}"))
        inputs = [f"{name}_q", f"{name}_scale"]
        nodes.append(helper.make_node("DequantizeLinear", inputs, [name], axis=axis))

    return _compressed(model, shrink)


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


def _channel_axis(model: onnx.ModelProto, weight: str, dimensions: int) -> int:
    """The axis of a weight that counts its operator's output channels."""
    for node in model.graph.node:
        if weight in node.input:
            if node.op_type == "Conv":
                return 0
            if node.op_type == "ConvTranspose":
                return 1
            if node.op_type == "Gemm" and any(a.name == "transB" and a.i for a in node.attribute):
                return 0
    return dimensions - 1


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
