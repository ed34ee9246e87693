"""TensorBoard's Custom Scalars tab: the charts that belong together, beside each other."""

from __future__ import annotations

import re

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2, summary

from keras_gan.games import reports
from keras_gan.games.base import AdversarialModel
from keras_gan.runs.logs import charted

_CHARTS = {
    "The samples": {
        "energy distance to training images": (r"^online/energy_distance$",),
        "spread over the data's": (r"^online/spread$", r"^online/nearest$"),
        "samples in excess in some bins of the data": (r"^online/bin_tv$",),
        "held-out Jensen-Shannon divergence": (r"^held_out/jensen_shannon$",),
        "test error of D as a classifier": (r"^classifier/test_error$",),
    },
    "Speed": {
        "images per second": (r"^time/images_per_second$",),
        "seconds a step": (r"^time/seconds_per_step$",),
        "share of waiting for input": (r"^time/input_share$",),
    },
}


def charts(model: AdversarialModel) -> dict[str, dict[str, tuple[str, ...]]]:
    """Return {category: {chart: regular expressions of its tags}}.

    A title stands for the same tags in all runs, so that TensorBoard joins their charts. Logs
    outside of the headline share a chart by what their names begin with: `loss/`, `regularizer/`.
    """
    titled = reports.charts(model)
    shown = {name for names in titled.values() for name in names}
    game = {title: tuple(f"^{_tag(n)}$" for n in names) for title, names in titled.items()}
    for name in model.log_names:
        if name not in shown:
            group = name.partition("/")[0]
            game[group] = (f"^{_tag(group)}(/|$)",)
    return {"The game": game, **_CHARTS}


def _tag(name: str) -> str:
    return re.escape(charted(name))


def write(model: AdversarialModel) -> None:
    """Write the layout to the default `tf.summary` writer, at step 0."""
    layout = layout_pb2.Layout(
        category=[
            layout_pb2.Category(
                title=category,
                chart=[
                    layout_pb2.Chart(
                        title=title, multiline=layout_pb2.MultilineChartContent(tag=tags)
                    )
                    for title, tags in found.items()
                ],
            )
            for category, found in charts(model).items()
        ]
    )
    tf.summary.experimental.write_raw_pb(summary.pb(layout).SerializeToString(), step=0)
