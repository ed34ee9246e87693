"""TensorBoard's Custom Scalars tab: the charts that belong together, beside each other."""

from __future__ import annotations

import tensorflow as tf
from tensorboard.plugins.custom_scalar import layout_pb2, summary

#: {category: {chart: regular expressions of its tags}}. The optima are a second TensorBoard
#: run of the same tags, so that each is drawn in the chart of its value. The layout is the
#: same for every run: TensorBoard joins those of all runs by their titles. Tags with round
#: brackets are meant by their `logs.charted` names.
CHARTS = {
    "The game": {
        "V(D,G) and its optimum, -log 4": (r"^charts/V\[D,G\]$", r"^charts/held_out/V\[D,G\]$"),
        "D(x) against D(G(z))": (r"^charts/D\[x\]$", r"^charts/D\[G\[z\]\]$"),
        "the game's own value and its optimum": (r"^value/",),
        "losses, and the parts of them": (
            r"^loss/",
            r"^adversarial/",
            r"^classification/",
            r"^feature_matching$",
        ),
        "test error of D as a classifier": (r"^classifier/test_error$",),
    },
    "The samples": {
        "energy distance to training images": (r"^online/energy_distance$",),
        "spread over the data's": (r"^online/spread$", r"^online/nearest$"),
        "samples that are too many where they are": (r"^online/misplaced$",),
        "held-out Jensen-Shannon divergence": (r"^held_out/jensen_shannon$",),
    },
    "Gradients": {
        "gradient norms": (r"^gradient_norm/",),
        "penalties": (r"^penalty/",),
    },
    "Speed": {
        "images per second": (r"^time/images_per_second$",),
        "seconds a step": (r"^time/seconds_per_step$",),
        "share of waiting for input": (r"^time/input_share$",),
    },
}


def write() -> None:
    """Writes the layout to the default `tf.summary` writer, at step 0."""
    layout = layout_pb2.Layout(
        category=[
            layout_pb2.Category(
                title=category,
                chart=[
                    layout_pb2.Chart(
                        title=title, multiline=layout_pb2.MultilineChartContent(tag=tags)
                    )
                    for title, tags in charts.items()
                ],
            )
            for category, charts in CHARTS.items()
        ]
    )
    tf.summary.experimental.write_raw_pb(summary.pb(layout).SerializeToString(), step=0)
