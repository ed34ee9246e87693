"""SavedModel in TF Serving's layout, with requests that warm the server up."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from keras_gan.exporters.parity import Runner
from keras_gan.games import latents
from keras_gan.games.endpoints import Endpoint
from keras_gan.utils.labels import ClassLabels
from keras_gan.utils.pixels import as_uint8

DEFAULT, PNG, UINT8 = "serving_default", "sample", "sample_uint8"

#: Where TF Serving looks for requests to replay before a model takes traffic.
WARMUP = Path("assets.extra", "tf_serving_warmup_requests")
_WARMUP_BATCHES = (1, 8)


def write(endpoints: Mapping[str, Endpoint], path: Path, name: str) -> None:
    """Write a SavedModel folder.

    Signatures:
        serving_default: the main endpoint, `latent` float32 (batch, latent_dim) (, `labels`
            int32 (batch,)) -> `images` float32 (batch, h, w, c) in [-1, 1].
        sample: `seed` int32 (batch,) (, `labels`) -> `image_bytes`, PNG files (batch,).
        sample_uint8: the same -> `images` uint8 (batch, h, w, c).
        every other endpoint under its name, `encode` for example.

    A seed's image is the one that `keras-gan sample --count 1 --seed` draws, bit for
    bit the same whatever else is in its batch. Generators of points have the first
    signature only. Labels and shapes that don't fit are errors of the signature.

    Args:
        endpoints: what to write, the main one first.
        path: a folder to make.
        name: of the model on the server; the warm-up requests carry it.
    """
    main, *others = endpoints
    module = _Servable(endpoints[main], [endpoints[other].network for other in others])
    signatures = module.signatures()
    signatures |= {other: endpoints[other].function() for other in others}
    tf.saved_model.save(module, str(path), signatures=signatures)
    examples = {signature: endpoints.get(signature, endpoints[main]) for signature in signatures}
    _write_warmup(examples, path / WARMUP, name)


def runner(path: Path, name: str = DEFAULT) -> Runner:
    """Runs one signature of a SavedModel, of one output, with TensorFlow alone."""
    loaded = tf.saved_model.load(str(path))
    signature = loaded.signatures[name]

    def run(inputs):
        outputs = signature(**{k: tf.constant(v) for k, v in inputs.items()})
        return next(iter(outputs.values())).numpy()

    run.model = loaded  # a signature does not keep its model alive
    return run


class _Servable(tf.Module):
    """Variables and functions; nothing of Keras is written."""

    def __init__(self, generator: Endpoint, others: list[keras.Model]):
        super().__init__()
        networks = [generator.network, *others]
        self.variables_ = [weight.value for network in networks for weight in network.weights]
        self._specs = generator.signature()
        self._generator = _Untracked(generator)

    def signatures(self) -> dict:
        generator = self._generator.value
        sampled = [tf.TensorSpec((None,), tf.int32, "seed"), *self._specs[1:]]

        @tf.function(input_signature=self._specs)
        def serving_default(latent, labels=None):
            latent = tf.ensure_shape(latent, (None, generator.latent.dim))
            with tf.control_dependencies(_checks(generator, latent, labels)):
                images = generator(latent=tf.identity(latent), labels=labels)
                return {"images": images}

        @tf.function(input_signature=sampled)
        def sample(seed, labels=None):
            encode = tf.io.encode_png
            return {"image_bytes": _each(generator, seed, labels, encode, tf.string)}

        @tf.function(input_signature=sampled)
        def sample_uint8(seed, labels=None):
            return {"images": _each(generator, seed, labels, tf.identity, tf.uint8)}

        signatures = {DEFAULT: serving_default}
        if generator.produces.is_image:
            signatures |= {PNG: sample, UINT8: sample_uint8}
        return signatures


class _Untracked:
    """Keeps a Keras network out of what tf.Module tracks and saves."""

    def __init__(self, value):
        self.value = value


def _checks(generator: Endpoint, rows: tf.Tensor, labels: tf.Tensor | None) -> list:
    if labels is None:
        return []
    one_each = tf.debugging.assert_equal(
        tf.shape(labels)[0], tf.shape(rows)[0], "`labels` should be one a row"
    )
    if not isinstance(generator.labels, ClassLabels):
        return [one_each]
    count = generator.labels.size
    return [
        one_each,
        tf.debugging.Assert(
            tf.reduce_all((labels >= 0) & (labels < count)),
            [f"`labels` should lie between 0 and {count - 1}. Received:", labels],
        ),
    ]


def _each(generator: Endpoint, seeds, labels, finish, dtype) -> tf.Tensor:
    """Draws row by row, so that a row's bits do not depend on its batch.

    In one batch, the order of a matrix product's sums, and with it a pixel that
    lies between two grey levels, depends on how many rows there are.
    """

    def one(row):
        seed = tf.stack([row[0], 1])
        shape = (1, generator.latent.dim)
        latent = latents.sample(generator.latent.distribution, shape, seed)
        images = generator(latent=latent, labels=None if labels is None else row[1][None])
        return finish(as_uint8(images[0]))

    with tf.control_dependencies(_checks(generator, seeds, labels)):
        rows = (tf.identity(seeds), tf.zeros_like(seeds) if labels is None else labels)
    shape = () if dtype == tf.string else generator.produces.shape
    return tf.map_fn(one, rows, fn_output_signature=tf.TensorSpec(shape, dtype))


def _write_warmup(signatures: Mapping[str, Endpoint], path: Path, name: str) -> None:
    """Write TFRecords of PredictionLog: each signature at a batch of 1 and of 8."""
    from tensorflow_serving.apis import predict_pb2, prediction_log_pb2

    path.parent.mkdir(parents=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, endpoint in signatures.items():
            for batch in _WARMUP_BATCHES:
                inputs = endpoint.examples(batch)
                if signature in (PNG, UINT8):
                    inputs["seed"] = np.arange(batch, dtype=np.int32)
                    del inputs["latent"]
                request = predict_pb2.PredictRequest()
                request.model_spec.name = name
                request.model_spec.signature_name = signature
                for key, value in inputs.items():
                    request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
                log = prediction_log_pb2.PredictionLog(
                    predict_log=prediction_log_pb2.PredictLog(request=request)
                )
                writer.write(log.SerializeToString())
