"""Figures of the theory lab: the paper's figure 1, its like on the plane, and curves.

Matplotlib through its objects alone, drawn by Agg: no window and no state of pyplot's.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import EllipseCollection
from matplotlib.figure import Figure
from PIL import Image

from keras_gan.evaluation.densities.mixtures import Mixture
from keras_gan.evaluation.densities.snapshots import Snapshot
from keras_gan.games.losses import OPTIMAL_VALUE
from keras_gan.utils.errors import KerasGanError
from keras_gan.utils.files import replaced_file

_DPI = 90
_DATA = {"color": "black", "linestyle": ":", "label": "p_data"}
_GENERATED = {"color": "tab:green", "linestyle": "-", "label": "p_g"}
_PLAYED = {"color": "tab:blue", "linestyle": "--", "label": "D"}
_BEST = {"color": "tab:blue", "linestyle": "-", "linewidth": 0.7, "label": "D*"}
#: D* is drawn where p_data or p_g has e^-5 of p_data's peak: beyond, p_g is a few samples.
_LEAST_LOG_MASS = -5.0


def moments(snapshots: Sequence[Snapshot], mixture: Mixture) -> Figure:
    """A game at several moments, side by side, in the form of the paper's figure 1.

    On the line: p_data dotted, p_g, D dashed and D* thin; below them how G takes z to
    x. On the plane: samples over circles of 3 standard deviations around the true
    means, on the contours of D.

    Source: Goodfellow 2014, figure 1, there with D* in its last panel alone.
    """
    line = mixture.dim == 1
    figure = Figure(figsize=(3.2 * len(snapshots), 3.4), dpi=_DPI, layout="constrained")
    paths = line and snapshots[0].paths is not None
    axes = figure.subplots(
        2 if paths else 1,
        len(snapshots),
        squeeze=False,
        sharex="col",
        height_ratios=[3, 1] if paths else [1],
    )
    for column, snapshot in enumerate(snapshots):
        top = axes[0, column]
        top.set_title(f"round {snapshot.iteration}", fontsize="medium")
        if line:
            _densities(top, snapshot, mixture)
        else:
            _plane(top, snapshot, mixture)
        if paths:
            _paths(axes[1, column], snapshot)
    if line:
        axes[0, 0].legend(loc="upper left", fontsize="x-small", frameon=False)
    return figure


def animation(
    snapshots: Sequence[Snapshot], mixture: Mixture, path: Path, seconds: float = 0.12
) -> None:
    """Writes snapshots, one a frame, as a GIF; raises as `animate`."""
    animate([_image(moments([snapshot], mixture)) for snapshot in snapshots], path, seconds)


def animate(frames: Sequence[Image.Image], path: Path, seconds: float = 0.12) -> None:
    """Writes RGB pictures of one size as a GIF that begins anew; the last one stays longer.

    Raises:
        KerasGanError: it can't be written.
    """
    # One palette for all, the last frame's, or colours would flicker.
    palette = frames[-1].quantize(64, dither=Image.Dither.NONE)
    frames = [frame.quantize(palette=palette, dither=Image.Dither.NONE) for frame in frames]
    milliseconds = [round(1000 * seconds)] * (len(frames) - 1) + [1500]
    with _written(path) as temporary:
        frames[0].save(
            temporary, save_all=True, append_images=frames[1:], duration=milliseconds, loop=0
        )


def games(histories: Mapping[str, Sequence[Mapping[str, float]]]) -> Figure:
    """V(D,G), JSD and G's gradient norm of several games against the round.

    Args:
        histories: rows of each game, by its name, as `keras_gan.apps.theory.games` has them;
            without `jensen_shannon` there is no panel of it.
    """
    known = "jensen_shannon" in next(iter(histories.values()))[0]
    titles = {"V(D,G)": "V(D,G), nats", "gradient_norm/generator": "norm of G's gradient"}
    if known:
        titles = {**titles, "jensen_shannon": "JSD(p_data, p_g), nats"}
    figure = Figure(figsize=(3.6 * len(titles), 3.2), dpi=_DPI, layout="constrained")
    axes = dict(zip(titles, figure.subplots(1, len(titles)), strict=True))
    for number, (name, rows) in enumerate(histories.items()):
        rounds = [row["iteration"] for row in rows]
        for key, panel in axes.items():
            panel.plot(rounds, [row[key] for row in rows], color=f"C{number}", label=name)
        if known:
            best = [row["optimal_value"] for row in rows]
            axes["V(D,G)"].plot(rounds, best, color=f"C{number}", linewidth=0.7, linestyle="--")
    axes["V(D,G)"].axhline(OPTIMAL_VALUE, color="black", linestyle=":", linewidth=1)
    axes["gradient_norm/generator"].set_yscale("log")
    for key, panel in axes.items():
        panel.set_title(titles[key], fontsize="medium")
        panel.set_xlabel("round")
    axes["V(D,G)"].legend(fontsize="small", frameon=False)
    return figure


def save(figure: Figure, path: Path) -> None:
    """Writes a figure as a PNG of few colours, whole or not at all.

    Raises:
        KerasGanError: it can't be written.
    """
    with _written(path) as temporary:
        _image(figure).quantize(128, dither=Image.Dither.NONE).save(temporary, optimize=True)


@contextlib.contextmanager
def _written(path: Path) -> Iterator[Path]:
    try:
        with replaced_file(path) as temporary:
            yield temporary
    except OSError as error:
        raise KerasGanError(f"Can't write {path}: {error.strerror or error}.") from error


def _image(figure: Figure) -> Image.Image:
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return Image.fromarray(np.asarray(canvas.buffer_rgba())[..., :3])


def _densities(axes: Axes, snapshot: Snapshot, mixture: Mixture) -> None:
    x = snapshot.places[:, 0]
    peak = np.exp(snapshot.log_data.max())
    axes.plot(x, np.exp(snapshot.log_data) / peak, **_DATA)
    axes.plot(x, np.exp(snapshot.log_generated) / peak, **_GENERATED)
    axes.plot(x, snapshot.discriminator, **_PLAYED)
    mass = np.maximum(snapshot.log_data, snapshot.log_generated) - snapshot.log_data.max()
    seen = mass > _LEAST_LOG_MASS
    axes.plot(x, np.where(seen, snapshot.best_discriminator, np.nan), **_BEST)
    axes.set_xlim(*_shown(mixture))
    axes.set_ylim(-0.05, 2.0)  # a narrow p_g goes beyond it
    axes.set_yticks([0, 0.5, 1])


def _shown(mixture: Mixture) -> tuple[float, float]:
    return (
        float(mixture.means.min()) - 6 * mixture.stddev,
        float(mixture.means.max()) + 6 * mixture.stddev,
    )


def _paths(axes: Axes, snapshot: Snapshot) -> None:
    latents, points = snapshot.paths
    left, right = axes.get_xlim()
    latents = np.clip(latents, left, right)
    axes.plot([latents, points], [0, 1], color="black", linewidth=0.5, clip_on=True)
    axes.axhline(0, color="black", linewidth=1)
    axes.axhline(1, color="black", linewidth=1)
    axes.set_ylim(0, 1)
    axes.set_yticks([0, 1], ["z", "x"])
    axes.set_xlim(left, right)
    axes.spines[["left", "right"]].set_visible(False)


def _plane(axes: Axes, snapshot: Snapshot, mixture: Mixture) -> None:
    side = round(len(snapshot.places) ** 0.5)
    x, y = snapshot.places.reshape(side, side, 2).transpose(2, 0, 1)
    shading = axes.contourf(
        x, y, snapshot.discriminator.reshape(side, side), np.linspace(0, 1, 11), cmap="coolwarm"
    )
    axes.figure.colorbar(shading, ax=axes, label="D", ticks=[0, 0.5, 1])
    axes.plot(*snapshot.samples.T, ",", color="black", alpha=0.7)
    widths = np.full(len(mixture.means), 6 * mixture.stddev)
    circles = EllipseCollection(
        widths,
        widths,
        np.zeros_like(widths),
        units="xy",
        offsets=mixture.means,
        transOffset=axes.transData,
        facecolors="none",
        edgecolors="black",
        linewidths=0.6,
    )
    axes.add_collection(circles)
    axes.set_aspect("equal")
    axes.set_xlim(x.min(), x.max())
    axes.set_ylim(y.min(), y.max())
