"""Images that do not stay on the device: read ahead of the program that plays with them."""

from __future__ import annotations

import contextlib
import gc
import math
import shutil
import subprocess
import traceback
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from keras_gan.data import limits
from keras_gan.data.stored import StoredImages
from keras_gan.engine.replicas import ALONE, Share

BLOCK_BYTES = 2**26  # of images that are read at once, at most, or those of one round
BLOCKS = 3  # on the host: played, waiting, being read
DEVICE_BLOCKS = 2  # on a GPU: played, waiting
_DEVICE_SHARE = 4  # images may take a quarter of a GPU's memory
PATIENCE = 10  # seconds in which nvidia-smi must answer


def is_streamed(stream: bool | str, images: np.ndarray | StoredImages) -> bool:
    """Whether images are brought to the program block by block, and do not stay on its device.

    Args:
        stream: true, false or auto: where they are on the disk, or would take more than a
            quarter of the machine's memory, or of a GPU's.
        images: all of them.
    """
    if isinstance(images, StoredImages):
        return True
    if stream != "auto":
        return bool(stream)
    most = limits.memory_limits().resident
    if tf.config.list_logical_devices("GPU"):
        most = min(most, gpu_memory() // _DEVICE_SHARE)
    return images.nbytes > most


def gpu_memory() -> int:
    """Return the bytes of this machine's smallest GPU, or 2^62 if nvidia-smi does not tell.

    TensorFlow itself tells what it has taken, and not how much there is.
    """
    found = []
    if program := shutil.which("nvidia-smi"):
        query = [program, "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            answer = subprocess.run(query, capture_output=True, text=True, timeout=PATIENCE)
            found = [int(line) * 2**20 for line in answer.stdout.split() if line.isdecimal()]
    return min(found, default=2**62)


@contextlib.contextmanager
def ended() -> Iterator[None]:
    """End the reading ahead of a training, however it ends, at its end.

    TensorFlow may keep the iterator in a cycle of references, an error in the frames behind it.
    Were it ended as late as Python is, TensorFlow would wait for ever for a thread that reads,
    which waits for Python.
    """
    try:
        yield
    except Exception as error:
        _forget_frames(error)
        raise
    finally:
        gc.collect()


def _forget_frames(error: BaseException | None) -> None:
    """Clears all local variables of what has ended with an error, its causes' too."""
    while error is not None:
        for frame, _ in traceback.walk_tb(error.__traceback__):
            # Keras leaves its own frames out of a traceback, but they are callers of ours.
            for caller, _ in traceback.walk_stack(frame):
                with contextlib.suppress(RuntimeError):  # it has not ended
                    caller.clear()
        error = error.__cause__ or error.__context__


class Reader:
    """Adds to row numbers the images of these rows, of those that this process plays.

    They are read by threads of their own while the program plays the block before, and
    copied to the GPU where there is just one. What is read is a function of the rows, so
    that it is the same to stream and not to. A call whose images are more than a block
    is read, and played, in parts.

    Args:
        images: uint8 (n, height, width, channels) or float32 (n, dim), to be indexed by
            arrays of row numbers.
        share: of this process.
        minibatches: in a round, k; each replica plays a part of each of them.

    Attributes:
        parts: blocks that make up a call, from the moment that it follows some.
        failure: why the last reading failed, or None.
    """

    def __init__(
        self, images: np.ndarray | StoredImages, share: Share = ALONE, minibatches: int = 1
    ):
        self.images = images
        self.share = share
        self.minibatches = minibatches
        self.parts = 1
        self.failure: Exception | None = None

    def cut(self, steps: int, rows_per_step: int) -> tuple[int, int]:
        """Returns (parts of a call of so many rounds, rounds in each of them)."""
        most = max(1, BLOCK_BYTES // self._bytes(rows_per_step))
        parts = math.ceil(steps / most)
        return parts, math.ceil(steps / parts)

    def sizes(self, steps: int, rows_per_step: int) -> int:
        """Bytes of the blocks in memory, on the host and the GPUs, in calls of so many rounds."""
        blocks = BLOCKS + (DEVICE_BLOCKS if tf.config.list_logical_devices("GPU") else 0)
        return blocks * self.cut(steps, rows_per_step)[1] * self._bytes(rows_per_step)

    def _bytes(self, rows_per_step: int) -> int:
        """Of the images that this process plays in a round."""
        rows = rows_per_step * len(self.share.own) // self.share.replicas
        return rows * math.prod(self.images.shape[1:]) * self.images.dtype.itemsize

    def follow(self, blocks: tf.data.Dataset, device: str | None = None) -> tf.data.Dataset:
        """The calls (rows, steps) as blocks (rows, steps, images...), `parts` of them a call.

        `images` are (rounds of the block, rows of a replica in each, ...), one for each of
        this process's replicas, zeros beyond `steps`.

        Args:
            blocks: of `engine.schedule.Schedule`.
            device: where they are copied to; by default the GPU, where there is just one.
        """
        options = tf.data.Options()
        # Else a thread that waits for the disk is one of those that compute.
        options.threading.private_threadpool_size = 2
        options.deterministic = True
        parts = self._parted(blocks)
        read = parts.map(self._with_images).prefetch(1).with_options(options)
        gpus = tf.config.list_logical_devices("GPU")
        if device is None and len(gpus) == 1:
            device = gpus[0].name
        if device is None:
            return read
        return read.apply(tf.data.experimental.prefetch_to_device(device, buffer_size=1))

    def _parted(self, blocks: tf.data.Dataset) -> tf.data.Dataset:
        steps_per_execution, rows_per_step = blocks.element_spec[0].shape
        count, size = self.cut(steps_per_execution, rows_per_step)
        self.parts = count

        def parts_of(rows, steps):
            rows = tf.pad(rows, [[0, count * size - steps_per_execution], [0, 0]])
            left = steps - size * tf.range(count)
            return tf.reshape(rows, [count, size, rows_per_step]), tf.clip_by_value(left, 0, size)

        return blocks.map(parts_of).unbatch()

    def _with_images(self, rows: tf.Tensor, steps: tf.Tensor) -> tuple[tf.Tensor, ...]:
        own = len(self.share.own)
        images = tf.numpy_function(self._read, [rows, steps], [self.images.dtype] * own)
        for each in images:
            size = rows.shape[1] // self.share.replicas
            each.set_shape([rows.shape[0], size, *self.images.shape[1:]])
        return rows, steps, *images

    def _read(self, rows: np.ndarray, steps: np.int32) -> list[np.ndarray]:
        try:
            return [self._of(own, steps) for own in self.share.rows(rows, self.minibatches)]
        except Exception as error:  # TensorFlow would keep its text only
            self.failure = error
            raise

    def _of(self, rows: np.ndarray, steps: np.int32) -> np.ndarray:
        images = np.zeros((*rows.shape, *self.images.shape[1:]), self.images.dtype)
        images[:steps] = self.images[rows[:steps]]
        return images
