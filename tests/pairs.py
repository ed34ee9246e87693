"""A generator and a discriminator that fit each other, for tests."""

import math

import keras

from keras_gan import networks
from keras_gan.networks import heads
from keras_gan.utils.labels import NO_LABELS, ClassLabels, VectorLabels


def pair(
    family,
    *,
    latent_dim,
    sample_shape,
    num_classes=None,
    condition_dim=None,
    conditioning="concat",
    class_logits=False,
    k_plus_one=False,
    features=False,
    packing=1,
    joint=False,
    sample_mean=None,
    generator=None,
    discriminator=None,
) -> tuple[keras.Model, keras.Model]:
    """Return (generator, discriminator).

    Args:
        num_classes, condition_dim: of the labels; None for none.
        conditioning: how D takes them; `classifier`: it predicts them; `none`: neither network
            takes any.
        class_logits, k_plus_one, features: see `heads.with_heads`.
        packing, joint: images that D takes at once; whether with a latent, as one vector.
    """
    labels = NO_LABELS
    if condition_dim is not None:
        labels = VectorLabels(condition_dim)
    elif num_classes is not None:
        labels = ClassLabels(tuple(map(str, range(num_classes))))
    *sides, channels = sample_shape
    taken = (math.prod(sample_shape) + latent_dim,) if joint else (*sides, channels * packing)
    g = networks.build(
        "generator", family, generator, latent_dim=latent_dim, sample_shape=tuple(sample_shape),
        labels=NO_LABELS if conditioning == "none" else labels, sample_mean=sample_mean,
    )  # fmt: skip
    how = {}
    if conditioning not in ("none", "classifier"):
        how = {"labels": labels, "conditioning": conditioning}
    d = networks.build("discriminator", family, discriminator, sample_shape=taken, **how)
    classes = num_classes if class_logits or conditioning == "classifier" else None
    return g, heads.with_heads(d, num_classes=classes, k_plus_one=k_plus_one, features=features)
