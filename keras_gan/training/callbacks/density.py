"""The paper's figure 1, in the course of training on a known density."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_gan.evaluation.densities import figures, snapshots
from keras_gan.evaluation.densities.mixtures import Mixture
from keras_gan.runs.logs import MetricsLog
from keras_gan.training.callbacks.samples import Drawing
from keras_gan.utils.files import replaced_file

_MOMENTS = 4  # frames side by side in moments.png


class DensityWriter(Drawing):
    """Draw p_data, p_g, D and D*.

    At the end all drawings make `samples/moments.png` and `samples/animation.gif`; those of a
    resumed run include its first part.

    Args:
        run, log, every, last: as Drawing's.
        mixture: the density behind the data.
    """

    def __init__(self, run: Path, log: MetricsLog, every: int, last: int, mixture: Mixture):
        super().__init__(run, log, every, last)
        self.mixture = mixture

    def prepare(self):
        self.observer = snapshots.Observer(self.model, self.mixture)

    def act(self, iteration, logs):
        figure = figures.moments([self.observer.look()], self.mixture)
        figures.save(figure, self.path(iteration))
        with self.log.at(iteration), Image.open(self.path(iteration)) as frame:
            tf.summary.image("samples", np.asarray(frame.convert("RGB"))[None])

    def on_train_end(self, logs=None):
        super().on_train_end(logs)
        paths = sorted((self.run / "samples").glob("[0-9]*.png"))
        frames = [Image.open(path).convert("RGB") for path in paths]
        chosen = np.unique(np.linspace(0, len(paths) - 1, _MOMENTS).round().astype(int))
        with replaced_file(self.run / "samples" / "moments.png") as temporary:
            _side_by_side([frames[n] for n in chosen]).save(temporary)
        figures.animate(frames, self.run / "samples" / "animation.gif")


def _side_by_side(frames: list[Image.Image]) -> Image.Image:
    sheet = Image.new("RGB", (sum(f.width for f in frames), frames[0].height), "white")
    left = 0
    for frame in frames:
        sheet.paste(frame, (left, 0))
        left += frame.width
    return sheet
