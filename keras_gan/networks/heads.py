"""What a discriminator says beside its logit: class logits, and its last hidden features."""

from __future__ import annotations

import keras
from keras import layers, ops


def with_heads(
    discriminator: keras.Model,
    *,
    num_classes: int | None = None,
    k_plus_one: bool = False,
    features: bool = False,
) -> keras.Model:
    """The same network with more outputs, of any family: what its layer `logits` sees, is seen.

    Args:
        discriminator: whose last linear layer is named `logits`.
        num_classes: of the class logits; None for none.
        k_plus_one: the logit is log sum exp of the class logits in place of a linear layer of
            its own: D(x) = Z / (Z + 1) with Z = sum_k exp l_k, generated images being class
            K + 1 with the logit 0.
        features: whether it returns the last hidden layer.

    Returns:
        Model: the same inputs -> {`logits` float32 (batch, 1), `class_logits` float32 (batch,
        num_classes), `features` float32 (batch, ...)}, those that were asked for.

    Source: Odena 2017, section 2 (AC-GAN); Salimans 2016, section 5 (K + 1 classes) and 3.1
    (features). The class layer is not spectrally normalised: it has to tell classes apart.
    """
    hidden = discriminator.get_layer("logits").input
    outputs = {"logits": discriminator.output}
    if num_classes is not None:
        classes = layers.Dense(num_classes, dtype="float32", name="class_logits")(hidden)
        outputs["class_logits"] = classes
        if k_plus_one:
            outputs["logits"] = ops.logsumexp(classes, axis=-1, keepdims=True)
    if features:
        outputs["features"] = ops.cast(hidden, "float32")
    if len(outputs) == 1:
        return discriminator
    return keras.Model(discriminator.input, outputs, name=discriminator.name)
