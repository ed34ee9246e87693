"""What a page asks for: pictures from seeds, sliders and pins. Knows nothing of the page."""

from __future__ import annotations

import functools
import io
import tempfile
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from keras_gan.apps.demo import drawings
from keras_gan.apps.demo.models import Model
from keras_gan.data.source import fit_picture
from keras_gan.games import directions, latents
from keras_gan.runs.sampling import SAMPLING
from keras_gan.utils import image_grids
from keras_gan.utils.pixels import to_float, to_uint8

GRID = 64
_COMPARED = 100  # samples that a picture is held against


class Playground:
    """A model behind a page; safe to be asked by several visitors at once.

    Args:
        opened: opens the model, and opens it anew on `reload`.
    """

    def __init__(self, opened: Callable[[], Model]):
        self._opened = opened
        self._lock, self._writing = threading.Lock(), threading.Lock()
        self._folder = tempfile.TemporaryDirectory(prefix="keras-gan-demo-")  # goes with it
        self._file: Path | None = None
        self.model = opened()

    def reload(self) -> None:
        """Opens the model again, for the weights of now.

        Raises:
            KerasGanError: it can't be opened any more; what there was stays.
        """
        with self._writing, self._lock:
            self.model, self._file = self._opened(), None

    def onnx(self) -> Path:
        """The generator as an ONNX file, made once a model.

        Raises:
            KerasGanError: it can't be written.
        """
        with self._writing:
            self._file = self._file or self.model.onnx(Path(self._folder.name))
            return self._file

    # ------------------------------------------------------------------------ latents

    def latents(self, seed: int, count: int = 1, truncation: float = 1.0) -> np.ndarray:
        """Float32 (count, dim), those of `keras-gan sample --seed`, times `truncation`.

        Truncation moves latents towards their mean, zero, where the data are densest:
        less variety, fewer failures (Brock 2019 draws from a truncated normal; here all are
        scaled, so that a slider moves each image steadily).
        """
        model = self.model
        shape = (count, model.latent_dim)
        drawn = latents.sample(model.latent_distribution, shape, (int(seed), SAMPLING)).numpy()
        return truncation * drawn

    @property
    def directions(self) -> np.ndarray:
        """Float32 (directions.COUNT or latent_dim, dim): computed once a model."""
        with self._lock:
            return _directions(self.model)

    # ----------------------------------------------------------------------- pictures

    def samples(self, seed: int, label: str | None, truncation: float) -> np.ndarray:
        """A grid of up to GRID samples, uint8; where no class is named, a column of each."""
        names, latent = self.model.class_names, self.latents(seed, GRID, truncation)
        if names is not None and label not in names:
            labels = _in_turn(names, GRID)
            columns = len(names) if len(names) <= GRID // 4 else None
            count = GRID - GRID % (columns or 1)  # whole rows
            return self._grid(latent[:count], labels[:count], columns)
        return self._grid(latent, self._labels(label, GRID))

    def explored(
        self, seed: int, label: str | None, truncation: float, offsets: Sequence[float]
    ) -> np.ndarray:
        """The picture of a seed's first latent, moved; uint8 (h, w, c)."""
        return self.edited(self.latents(seed, 1, truncation), label, offsets)

    def between(
        self, start: np.ndarray, end: np.ndarray, label: str | None, part: float, steps: int = 101
    ) -> np.ndarray:
        """The picture at `part` (0 to 1) of the path between two latents of (1, dim)."""
        path = latents.interpolate(self.model.latent_distribution, start, end, steps)
        return self._image(path[:, round(part * (steps - 1))], label)

    def opinion(self, picture: Image.Image, label: str | None) -> tuple[np.ndarray, float, float]:
        """What D makes of a picture.

        Returns:
            (the picture as D sees it, uint8; D's logit; the share of this generator's
            samples that D finds less real).
        """
        seen = self._fitted(picture)
        labels = self._labels(label, _COMPARED)
        made = self.model.generate(self.latents(0, _COMPARED), labels)
        one = None if labels is None else labels[:1]
        logit = float(self.model.logits(to_float(seen[None]), one)[0])
        return seen, logit, float(np.mean(self.model.logits(made, labels) < logit))

    @property
    def on_black(self) -> bool:
        """Whether samples are bright things on a dark ground, as a drawing is."""
        return drawings.on_black(self._some())

    def found(
        self, picture: Image.Image, label: str | None, placed: bool = False
    ) -> tuple[np.ndarray, np.ndarray, str | None]:
        """The latent whose image comes nearest to a picture.

        Args:
            picture: what is transparent in it is black.
            label: of the class that it should have; any other text for the best of all.
            placed: moves and scales it first to where samples are bright.

        Returns:
            (the picture as it is looked for, uint8; float32 (1, dim); the class's name).
        """
        picture = picture.convert("RGBA")
        picture = Image.alpha_composite(Image.new("RGBA", picture.size, "black"), picture)
        picture = picture.convert("RGB")
        seen = self._fitted(drawings.like(picture, self._some()) if placed else picture)
        names = self.model.class_names
        wanted = label if names is not None and label in names else None
        latent, labels = self.model.invert(to_float(seen[None]), wanted)
        return seen, latent, None if labels is None else names[labels[0]]

    def edited(self, latent: np.ndarray, label: str | None, offsets: Sequence[float]) -> np.ndarray:
        """The picture of a latent (1, dim) moved along the principal directions."""
        offset = np.asarray(offsets, np.float32) @ self.directions[: len(offsets)]
        return self._image(latent + offset, label)

    def curves(self) -> np.ndarray | None:
        """The course of the run, as a picture; None where nothing was logged."""
        from keras_gan.evaluation import plots

        figure = plots.curves(self.model.run.metrics(), self.model.run.gan)
        if figure is None:
            return None
        file = io.BytesIO()
        figure.savefig(file, format="png")
        return np.asarray(Image.open(file).convert("RGB"))

    def _fitted(self, picture: Image.Image) -> np.ndarray:
        height, width, channels = self.model.image_shape
        return fit_picture(picture, (height, width), channels)

    def _labels(self, label: str | None, count: int) -> np.ndarray | None:
        names = self.model.class_names
        if names is None:
            return None
        number = names.index(label) if label in names else 0
        return np.full(count, number, np.int32)

    def _some(self) -> np.ndarray:
        """Some samples, of all classes in turn."""
        labels = _in_turn(self.model.class_names, _COMPARED)
        return self.model.generate(self.latents(0, _COMPARED), labels)

    def _image(self, latent: np.ndarray, label: str | None) -> np.ndarray:
        return to_uint8(self.model.generate(latent, self._labels(label, 1)))[0]

    def _grid(self, latent, labels, columns: int | None = None) -> np.ndarray:
        made = to_uint8(self.model.generate(latent.astype(np.float32), labels))
        return image_grids.grid(made, columns)


def _in_turn(names: Sequence[str] | None, count: int) -> np.ndarray | None:
    """All classes in turn, int32 (count,); None where there are none."""
    return None if names is None else (np.arange(count) % len(names)).astype(np.int32)


@functools.lru_cache(maxsize=2)
def _directions(model: Model) -> np.ndarray:
    shape = (directions.BASES, model.latent_dim)
    bases = latents.sample(model.latent_distribution, shape, (0, SAMPLING)).numpy()
    labels = _in_turn(model.class_names, len(bases))
    return directions.principal(model.generate, bases, labels)[0]
