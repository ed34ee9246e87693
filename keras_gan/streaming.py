"""Images that do not stay on the device: read a call ahead of the program that plays with them."""

from __future__ import annotations

import math
import shutil
import subprocess

import numpy as np
import tensorflow as tf

from keras_gan.data.stored import StoredImages

BLOCK_BYTES = 2**26  # of a call's images, at most: three blocks are in memory at once
BLOCKS = 3  # played, waiting, being read
_DEVICE_SHARE = 4  # images may take a quarter of a GPU's memory
_PATIENCE = 10  # seconds for a program that tells how much that is


def most_steps(steps_per_call: int, rows_per_round: int, sample: int) -> int:
    """Rounds in a call, at most: so many, and so few that their images are one block.

    Whether they are streamed or not, so that where images are does not change the calls.

    Args:
        steps_per_call: the recipe's.
        rows_per_round: k * m.
        sample: bytes of an image, as it is stored.
    """
    return max(1, min(steps_per_call, BLOCK_BYTES // (rows_per_round * sample)))


def reader(stream: bool | str, images: np.ndarray | StoredImages) -> Reader | None:
    """What brings images to the program call by call, or None where they stay on its device.

    Args:
        stream: true, false or auto: where they are on the disk, or would take more than
            a quarter of a GPU's memory.
        images: all of them.
    """
    streamed = stream is True or isinstance(images, StoredImages)
    if stream == "auto" and not streamed and tf.config.list_logical_devices("GPU"):
        streamed = images.nbytes > _gpu_memory() // _DEVICE_SHARE
    return Reader(images) if streamed else None


def _gpu_memory() -> int:
    """Bytes of this machine's smallest GPU, or more than any has where NVIDIA's tool is not there.

    TensorFlow itself tells what it has taken, and not how much there is.
    """
    found = []
    if program := shutil.which("nvidia-smi"):
        query = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
        answer = subprocess.run(query, capture_output=True, text=True, timeout=_PATIENCE)
        found = [int(line) * 2**20 for line in answer.stdout.split() if line.isdecimal()]
    return min(found, default=2**62)


class Reader:
    """Adds to a call's row numbers the images of these rows.

    They are read by threads of their own while the program plays the call before, and
    copied to the GPU where there is one. What is read is a function of the rows, so
    that it is the same to stream and not to.

    Args:
        images: uint8 (n, height, width, channels) or float32 (n, dim), to be indexed by
            arrays of row numbers.

    Attributes:
        failure: why the last reading failed, or None.
    """

    def __init__(self, images: np.ndarray | StoredImages):
        self.images = images
        self.failure: Exception | None = None

    def sizes(self, rows: int) -> int:
        """Bytes of the blocks in memory, where a call has so many rows."""
        return BLOCKS * rows * math.prod(self.images.shape[1:]) * self.images.dtype.itemsize

    def follow(self, blocks: tf.data.Dataset, device: str | None = None) -> tf.data.Dataset:
        """The blocks (rows, steps) as (rows, steps, images).

        `images` is (steps_per_call, rows_per_round, ...), zeros beyond `steps`.

        Args:
            blocks: of `engine.Schedule`.
            device: where they are copied to; by default the GPU, where there is just one.
        """
        options = tf.data.Options()
        # Else a thread that waits for the disk is one of those that compute.
        options.threading.private_threadpool_size = 2
        options.deterministic = True
        read = blocks.map(self._with_images).prefetch(1).with_options(options)
        gpus = tf.config.list_logical_devices("GPU")
        if device is None and len(gpus) == 1:
            device = gpus[0].name
        if device is None:
            return read
        return read.apply(tf.data.experimental.prefetch_to_device(device, buffer_size=1))

    def _with_images(self, rows: tf.Tensor, steps: tf.Tensor) -> tuple[tf.Tensor, ...]:
        images = tf.numpy_function(self._read, [rows, steps], self.images.dtype)
        images.set_shape([*rows.shape, *self.images.shape[1:]])
        return rows, steps, images

    def _read(self, rows: np.ndarray, steps: np.int32) -> np.ndarray:
        try:
            images = np.zeros((*rows.shape, *self.images.shape[1:]), self.images.dtype)
            images[:steps] = self.images[rows[:steps]]
            return images
        except Exception as error:  # TensorFlow would keep its text only
            self.failure = error
            raise
