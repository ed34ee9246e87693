"""The paper's figure 1, as training on a known density goes."""

from __future__ import annotations

import contextlib
from pathlib import Path

import numpy as np
import tensorflow as tf
from PIL import Image

from keras_gan.evaluation.densities import figures, snapshots
from keras_gan.evaluation.densities.mixtures import Mixture
from keras_gan.runs.logs import BOARD, Board
from keras_gan.training.callbacks.cadence import Cadence
from keras_gan.utils.files import replaced_file

_MOMENTS = 4  # frames side by side in moments.png


class DensityWriter(Cadence):
    """Draws p_data, p_g, D and D* at its cadence, and an animation of all at the end.

    Writes `samples/<iteration>.png`, the first of the untrained game, and a
    TensorBoard image; at the end `samples/moments.png` and `samples/animation.gif`
    from the frames that there are, so that a resumed run has those of its first part.

    Args:
        run: the run directory.
        every: iterations between two frames; 0 for none but the first and the last.
        last: the training's last iteration.
        mixture: the density behind the data.
    """

    def __init__(self, run: Path, every: int, last: int, mixture: Mixture):
        super().__init__(every, last)
        self.run = run
        self.mixture = mixture

    def on_train_begin(self, logs=None):
        super().on_train_begin(logs)
        self.board = self.files.enter_context(contextlib.closing(Board(self.run / BOARD)))
        self.observer = snapshots.Observer(self.model, self.mixture)
        if self.iteration == 0:
            self.act(0, None)

    def act(self, iteration, logs):
        figure = figures.moments([self.observer.look()], self.mixture)
        path = self.run / "samples" / f"{iteration:09d}.png"
        figures.save(figure, path)
        with self.board.at(iteration), Image.open(path) as frame:
            tf.summary.image("samples", np.asarray(frame.convert("RGB"))[None])

    def on_train_end(self, logs=None):
        # Not where it was stopped: the uninterrupted training has no frame there.
        drawn = self.run / "samples" / f"{self.iteration:09d}.png"
        if self.iteration == self.last and not drawn.exists():
            self.act(self.iteration, None)
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
