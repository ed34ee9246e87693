"""The pictures of a report: curves, histograms, neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from keras_gan.games import reports
from keras_gan.games.base import AdversarialModel

#: Panels that every game has: title -> what the names of the metrics in it begin with.
_PANELS = {
    "losses": ("loss/",),
    "gradient norms": ("gradient_norm/",),
    "energy distance": ("online/energy_distance",),
    "spread over the data's": ("online/spread", "online/nearest"),
}


def curves(rows: Sequence[Mapping[str, float | None]], model: AdversarialModel) -> Figure | None:
    """Draw the course of training.

    Args:
        rows: of metrics.jsonl.
        model: whose headline has panels, with its optima.

    Returns:
        The figure; None without rows.
    """
    logged = dict.fromkeys(name for row in rows for name in row)
    headline, optima = reports.charts(model), model.optima
    panels = {
        title: [name for start in starts for name in logged if name.startswith(start)]
        for title, starts in {**headline, **_PANELS}.items()
    }
    panels = {title: names for title, names in panels.items() if names}
    if not panels:
        return None
    lines = -(-len(panels) // 3)
    figure = Figure(figsize=(11, 2.6 * lines), dpi=90, layout="constrained")
    axes = figure.subplots(lines, 3, squeeze=False).ravel()
    for ax, (title, names) in zip(axes, panels.items(), strict=False):
        for name in names:
            _curve(ax, rows, name)
            if name in optima:
                ax.axhline(optima[name], color="black", linestyle=":", label="optimum")
        ax.set_title(title, fontsize="medium")
        ax.legend(fontsize="x-small")
    for ax in axes[len(panels) :]:
        ax.axis("off")
    return figure


def _curve(ax: Axes, rows: Sequence[Mapping[str, float | None]], name: str) -> None:
    points = [(row["iteration"], row[name]) for row in rows if row.get(name) is not None]
    marker = "o" if len(points) < 60 else None
    ax.plot(*zip(*points, strict=True), label=name, linewidth=1, marker=marker, markersize=2)


def histogram(shares: np.ndarray, data: np.ndarray, names: Sequence[str]) -> Figure:
    """Class shares of the samples beside those of the real images."""
    figure = Figure(figsize=(max(5.0, 0.45 * len(names)), 2.6), dpi=90, layout="constrained")
    ax = figure.subplots()
    places = np.arange(len(names))
    ax.bar(places - 0.2, 100 * shares, 0.4, label="samples")
    ax.bar(places + 0.2, 100 * data, 0.4, label="real images", color="lightgrey")
    ax.set_xticks(places, names, rotation=90 if max(map(len, names)) > 3 else 0)
    ax.set_ylabel("%")
    ax.legend(fontsize="x-small")
    return figure


def points(samples: np.ndarray, real: np.ndarray) -> Figure:
    """Samples over real points: a histogram on the line, a scatter on the plane."""
    figure = Figure(figsize=(5, 5 if samples.shape[1] == 2 else 3), dpi=90, layout="constrained")
    ax = figure.subplots()
    if samples.shape[1] == 1:
        edges = np.linspace(real.min(), real.max(), 100)
        ax.hist(real[:, 0], edges, density=True, color="lightgrey", label="real")
        ax.hist(samples[:, 0], edges, density=True, histtype="step", label="samples")
    else:
        ax.scatter(*real[:2500, :2].T, s=2, color="lightgrey", label="real")
        ax.scatter(*samples[:2500, :2].T, s=2, label="samples")
        ax.set_aspect("equal")
    ax.legend(fontsize="x-small")
    return figure
