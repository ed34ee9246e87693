"""What befalls images before the discriminator sees them, as functions of random numbers.

`flipped` adds mirror images to the data. `augmented` is DiffAugment: every image that
D is shown, real or generated, is changed at random, differentiably, so that D can't
learn a small data set by heart and G is still taught to make images as they were.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import tensorflow as tf

from keras_gan.utils.checks import shown
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.registry import Registry


def check(flip: bool, policies: Sequence[str], sample_shape: tuple[int, ...] | None = None) -> None:
    """Raises ConfigError for an unknown or repeated policy, or for samples that are no images.

    Args:
        flip, policies: as GAN's `flip` and `augment`.
        sample_shape: of one sample, where it is known.
    """
    for name in policies:
        POLICIES[name]
    if len(set(policies)) < len(policies):
        raise ConfigError(f"`augment` should name each policy once. Received: {shown(policies)}.")
    if (flip or policies) and sample_shape is not None and len(sample_shape) != 3:
        raise ConfigError(
            f"`flip` and `augment` are for images, not for points of shape {sample_shape}: "
            "leave them out."
        )


def flipped(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Mirror each image left to right with probability 1/2.

    Args:
        images: float (batch, height, width, channels).
        draws: uniform in [0, 1), float32 (batch, 1).
    """
    return tf.where(draws[:, :, None, None] < 0.5, tf.reverse(images, [2]), images)


def draws_of(policy: str) -> int:
    """Return how many uniform numbers a policy takes per image."""
    return POLICIES[policy][1]


def augmented(images: tf.Tensor, draws: Mapping[str, tf.Tensor]) -> tf.Tensor:
    """T(x): change each image by each policy in turn, in the order of POLICIES.

    Args:
        images: float (batch, height, width, channels), in [-1, 1] before the first policy.
        draws: uniform in [0, 1), float32 (batch, draws_of(name)), by the policy's name.

    Returns:
        float32, of the same shape; colours may leave [-1, 1].

    Source: Zhao 2020 (DiffAugment), section 3.2 and the authors' published ranges; but what a
    translation brings in is mirrored, as in Karras 2020.
    """
    images = tf.cast(images, tf.float32)
    for name, (policy, _) in POLICIES.items():
        if name in draws:
            images = policy(images, draws[name])
    return images


def color(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Brightness, then saturation, then contrast; draws (batch, 3) in [0, 1).

    x + (u1 - 1/2); grey + 2 u2 (x - grey), grey the mean of a pixel's channels;
    mean + (u3 + 1/2) (x - mean), mean that of the whole image.
    """
    brightness, saturation, contrast = (draws[:, n, None, None, None] for n in range(3))
    images = images + (brightness - 0.5)
    grey = tf.reduce_mean(images, axis=3, keepdims=True)
    images = grey + 2.0 * saturation * (images - grey)
    mean = tf.reduce_mean(images, axis=[1, 2, 3], keepdims=True)
    return mean + (contrast + 0.5) * (images - mean)


def translation(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Moves up to an eighth of the height and width; draws (batch, 2) in [0, 1).

    What comes in is the image mirrored at its edge, as in ADA (Karras 2020), where DiffAugment
    has zeros: grey stripes, which few images have and D would have to look past.
    """
    for number, axis in enumerate((1, 2)):
        largest = int(images.shape[axis] / 8 + 0.5)
        offsets = _whole(draws[:, number], 2 * largest + 1) - largest
        images = shifted(images, offsets, largest, axis)
    return images


def shifted(images: tf.Tensor, offsets: tf.Tensor, largest: int, axis: int) -> tf.Tensor:
    """Moves image b by offsets[b] places along axis 1 or 2, its mirror image behind it.

    A choice for each binary digit of the offset, between two constant shifts: exact, and
    its gradient has no scatter, as that of a gather has (slow under XLA on CPUs).

    Args:
        images: float32 (batch, height, width, channels).
        offsets: int32 (batch,), -largest..largest.
        largest: at least 0, less than the size of that axis.
        axis: 1 moves down, 2 moves right.
    """
    size = images.shape[axis]

    def padded(x, before, after, mode="CONSTANT"):
        return tf.pad(x, [[before, after] if n == axis else [0, 0] for n in range(4)], mode)

    def part(x, start, length):
        return x[:, start : start + length] if axis == 1 else x[:, :, start : start + length]

    canvas = padded(images, largest, largest, "REFLECT")
    dropped = largest - offsets  # places to leave out at the canvas's start
    digit = 1
    while digit <= 2 * largest:
        chosen = (dropped // digit % 2 == 1)[:, None, None, None]
        moved = padded(part(canvas, digit, size + 2 * largest - digit), 0, digit)
        canvas = tf.where(chosen, moved, canvas)
        digit *= 2
    return part(canvas, 0, size)


def cutout(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """Zeroes a rectangle of half the height and width; draws (batch, 2) in [0, 1).

    Its centre is uniform over the image, so that a part of it may lie outside.
    """
    inside = []
    for number, axis in enumerate((1, 2)):
        size = images.shape[axis]
        length = int(size / 2 + 0.5)
        centre = _whole(draws[:, number], size + 1 - length % 2)
        place = tf.range(size)[None] - (centre - length // 2)[:, None]
        inside.append((place >= 0) & (place < length))
    hidden = inside[0][:, :, None, None] & inside[1][:, None, :, None]
    return tf.where(hidden, 0.0, images)


#: (images, draws) -> images, and how many uniform numbers it takes an image; applied in
#: this order, which is the authors'.
POLICIES: Registry[tuple[Callable[[tf.Tensor, tf.Tensor], tf.Tensor], int]] = Registry(
    "augmentation",
    {
        "color": (color, 3),
        "translation": (translation, 2),
        "cutout": (cutout, 2),
    },
)


def _whole(draws: tf.Tensor, count: int) -> tf.Tensor:
    """Uniform numbers in [0, 1) to 0 .. count - 1, each as often."""
    return tf.minimum(tf.cast(draws * count, tf.int32), count - 1)
