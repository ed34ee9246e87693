"""`keras-gan restore`: images from what is left of them, and how near that comes.

A task is an operator, what it makes of an image, and what can be done without a generator.
To add one: a class here and a row of TASKS.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from keras_gan.apps.inversion import folders, images
from keras_gan.apps.inversion.images import Given
from keras_gan.apps.inversion.labels import choices
from keras_gan.apps.inversion.operators import Downsample, Identity, Mask, Noise
from keras_gan.apps.inversion.search import Found, Settings, posterior
from keras_gan.evaluation import inversion_scores
from keras_gan.runs import Run
from keras_gan.utils import random
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.registry import Registry

REPORT, STRIP, ARRAYS = "restore.json", "strip.png", "images.npz"

#: What random masks and noise are drawn for (see `search`).
_MASKS, _NOISE = 6, 7
_RESTORED, _MEAN = "restored", "mean of samples"

Method = Callable[[np.ndarray], np.ndarray]


class Task:
    """What became of images. Base of all tasks.

    Attributes:
        operator: between G and the loss.
        baselines: {name: observed float32 (n, ...) -> images}, without a generator.
        options: of the command line that are this task's own.
    """

    options: tuple[str, ...] = ()
    operator: Identity
    baselines: dict[str, Method]

    def degraded(self, originals: np.ndarray, seed: int) -> np.ndarray:
        """What would have been seen of originals, float32 (n, h, w, c)."""
        return np.asarray(self.operator.transform(originals))

    def observed_size(self, run: Run) -> tuple[int, int] | None:
        """(height, width) of what was seen, where that is not the images' own."""
        return None

    def shown(self, observed: np.ndarray) -> np.ndarray:
        """What was seen, as a picture of the images' size."""
        return observed

    def joined(self, observed: np.ndarray, made: np.ndarray) -> np.ndarray:
        """The restored image: G's, and what was seen where that is the image itself."""
        return made

    def hole(self) -> np.ndarray | None:
        """(n or 1, h, w, 1), 1 where figures look apart from the whole image; None for nowhere."""
        return None


class Inpaint(Task):
    """Pixels of a mask are lost, the others are kept as they are."""

    options = ("mask",)

    def __init__(self, run: Run, count: int, seed: int, mask: str | None = None):
        mask = mask or "box"
        known = _known(run, mask, count, seed)
        each = known.reshape(-1, known.shape[-2] * known.shape[-1])
        if each.all(axis=1).any() or not each.any(axis=1).all():
            what = "no hole: no pixel is white" if known.any() else "nothing of the image"
            raise ConfigError(
                f"--mask {mask} leaves {what}. White (128 and above) is what is to be filled in, "
                "black what is known."
            )
        self.operator = Mask(known)
        self.weights = self.operator.weights
        self.baselines = {"mean of known pixels": self._mean_filled}

    def degraded(self, originals, seed):
        return originals * self.weights

    def joined(self, observed, made):
        return np.where(self.weights > 0, observed, made)

    def hole(self):
        return 1.0 - self.weights

    def _mean_filled(self, observed):
        weights = np.broadcast_to(self.weights, observed.shape)
        total = (observed * weights).sum(axis=(1, 2), keepdims=True)
        return self.joined(observed, total / weights.sum(axis=(1, 2), keepdims=True))


class SuperResolve(Task):
    """Each pixel is the mean of factor x factor ones."""

    options = ("factor",)

    def __init__(self, run: Run, count: int, seed: int, factor: int | None = None):
        self.factor = factor or 2
        self.sides = run.sample_shape[:2]
        self.operator = Downsample(self.factor, self.sides)
        self.baselines = {"nearest": self.shown, "bicubic": self._bicubic}

    def observed_size(self, run):
        return self.sides[0] // self.factor, self.sides[1] // self.factor

    def shown(self, observed):
        return observed.repeat(self.factor, axis=1).repeat(self.factor, axis=2)

    def _bicubic(self, observed):
        return tf.image.resize(observed, self.sides, method="bicubic").numpy()


class Denoise(Task):
    """Gaussian noise was added."""

    options = ("sigma",)

    def __init__(self, run: Run, count: int, seed: int, sigma: float | None = None):
        self.operator = Noise(2.0 * (0.25 if sigma is None else sigma))  # [0, 1] to [-1, 1]
        self.baselines = {"noisy": self.shown, "mean of 3x3": self._smoothed}

    def degraded(self, originals, seed):
        noise = random.normal(originals.shape, (seed, _NOISE))
        return originals + self.operator.noise * noise.numpy()

    def _smoothed(self, observed):
        padded = np.pad(observed, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="edge")
        return tf.nn.avg_pool2d(padded, 3, strides=1, padding="VALID").numpy()


TASKS: Registry[type[Task]] = Registry(
    "task", {"inpaint": Inpaint, "super-resolve": SuperResolve, "denoise": Denoise}
)


@dataclasses.dataclass(frozen=True)
class Restored:
    """What came of a task.

    Attributes:
        given: the originals, or what was seen where that was all there was.
        degraded: float32 (n, h, w, c), what was seen, as pictures.
        images: float32 (n, h, w, c), of the most probable latents.
        samples: float32 (n, samples, h, w, c), see `search.posterior`.
        found: the most probable latents.
        rows: [{method, psnr, ssim (, psnr_in_hole)}], means over the images; none without
            originals.
    """

    given: Given
    degraded: np.ndarray
    images: np.ndarray
    samples: np.ndarray
    found: Found
    rows: list[dict[str, Any]]


def check(task: str, options: dict[str, Any]) -> None:
    """Raises ConfigError for a task that does not exist or options of another one."""
    known = TASKS[task].options
    for name, value in options.items():
        if value is not None and name not in known:
            owner = next(other for other, kind in TASKS.items() if name in kind.options)
            raise ConfigError(f"--{name} is for --task {owner}, not for {task}: leave it out.")


def restore(
    run: Run,
    task: str,
    named: Sequence[str],
    *,
    options: dict[str, Any],
    is_degraded: bool = False,
    labels: Sequence[str] = (),
    samples: int,
    settings: Settings,
    data_dir: str | None = None,
) -> Restored:
    """Degrades images, or takes degraded ones, and restores them.

    Args:
        run: a run with a checkpoint.
        task: a key of TASKS.
        named, data_dir: see `images.load`.
        options: the task's own; None for what was not given.
        is_degraded: the images are what was seen; there are no originals.
        labels: see `labels.choices`.
        samples: how many of the posterior, beside the most probable image.
        settings: of the search.

    Raises:
        ConfigError: options, images or labels that do not fit the run.
        DataError: images or a mask that can't be read or are of another size.
    """
    check(task, options)
    images.check_run(run)
    own = {name: options[name] for name in TASKS[task].options}
    if is_degraded and own.get("mask") == "random":
        raise ConfigError(
            "--degraded images are what was seen, and --mask random would draw other pixels than "
            "they lack: give the mask as a picture."
        )
    # Sizes that can't be are told before images of such a size are asked for.
    size = TASKS[task](run, 1, settings.seed, **own).observed_size(run) if is_degraded else None
    given = images.load(run, named, data_dir, size)
    made = TASKS[task](run, len(given.images), settings.seed, **own)
    observed = given.images if is_degraded else made.degraded(given.images, settings.seed)
    allowed = choices(run, labels, len(observed))
    found, drawn = posterior(run.gan, observed, made.operator, allowed, settings, samples)
    joined = made.joined(observed, found.images)
    drawn = (
        np.stack([made.joined(observed, one) for one in drawn.swapaxes(0, 1)], axis=1)
        if samples
        else drawn
    )
    rows = []
    if not is_degraded:
        methods = {name: method(observed) for name, method in made.baselines.items()}
        methods[_RESTORED] = joined
        if samples:
            methods[_MEAN] = drawn.mean(axis=1)
        rows = [_row(name, m, given.images, made.hole()) for name, m in methods.items()]
    return Restored(given, made.shown(observed), joined, drawn, found, rows)


def write(path: Path, run: Run, restored: Restored, facts: dict[str, Any]) -> None:
    """Writes a folder: a strip degraded | restored | samples | original, arrays, figures.

    Raises:
        DiskError: it can't be written.
    """
    columns = [restored.degraded, restored.images, *restored.samples.swapaxes(0, 1)]
    arrays = {"degraded": restored.degraded, "restored": restored.images}
    arrays |= {"samples": restored.samples, "latents": restored.found.latents}
    arrays |= {"labels": restored.found.labels}
    if restored.rows:
        columns.append(restored.given.images)
        arrays["originals"] = restored.given.images
    with folders.written(path) as folder:
        folders.save_strip(folder / STRIP, columns)
        folders.save_arrays(folder / ARRAYS, arrays)
        told = {"images": restored.given.names, "notes": restored.given.notes}
        folders.save_report(folder / REPORT, run, {**facts, **told, "figures": restored.rows})


def _row(name: str, made: np.ndarray, originals: np.ndarray, hole: np.ndarray | None) -> dict:
    row = {
        "method": name,
        "psnr": float(inversion_scores.psnr(inversion_scores.mse(made, originals)).mean()),
        "ssim": float(inversion_scores.ssim(made, originals).mean()),
    }
    if hole is not None:
        row["psnr_in_hole"] = float(
            inversion_scores.psnr(inversion_scores.mse(made, originals, hole)).mean()
        )
    return row


def _known(run: Run, mask: str, count: int, seed: int) -> np.ndarray:
    """Which pixels are known: bool (height, width), or (count, height, width)."""
    height, width = run.sample_shape[:2]
    if mask == "box":  # in the middle, of half the height and half the width
        known = np.ones((height, width), bool)
        top, left = height // 4, width // 4
        known[top : top + height // 2, left : left + width // 2] = False
        return known
    if mask == "random":  # each pixel is lost in one of two cases
        coins = random.uniform((count, height, width), (seed, _MASKS))
        return coins.numpy() < 0.5
    return images.read_mask(Path(mask), run)
