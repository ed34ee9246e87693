"""What the tabs of the page are made of.

Pictures are HTML with the PNG inside, so that an answer is one message: a picture of
Gradio's own is written to a file, whose name the page is told, and asked for then.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import gradio as gr
import numpy as np

from keras_gan.apps.demo.playground import Playground
from keras_gan.games import directions
from keras_gan.utils import html_pages, image_grids
from keras_gan.utils.errors import KerasGanError

_FARTHEST = 4.0  # of a slider, in standard deviations of a latent's component
_LARGEST_SEED = 2**31 - 1
_AT_ONCE = {"queue": False, "show_progress": "hidden", "trigger_mode": "always_last"}


def when(event: Callable, function: Callable, inputs, outputs, at_once: bool = False):
    """Has an event call a function, whose errors are a line on the page.

    Args:
        event: a component's, as `button.click`.
        function: of the inputs' values.
        inputs, outputs: components.
        at_once: without a queue or a spinner, and of moves that come meanwhile the last.

    Returns:
        What Gradio's event returns: its `then` is the next event.
    """

    @functools.wraps(function)
    def told(*values):
        try:
            return function(*values)
        except KerasGanError as error:
            raise gr.Error(str(error), print_exception=False) from error

    how = _AT_ONCE if at_once else {}
    return event(told, inputs, outputs, api_visibility="private", **how)


def html(image: np.ndarray, name: str, download: bool = False) -> str:
    """A picture within the page, uint8 (h, w, 1 or 3)."""
    source = html_pages.data_url(image_grids.as_png(image))
    link = f'<p><a href="{source}" download="{name}.png">Download PNG</a></p>' if download else ""
    return f'<img alt="{name}" src="{source}">{link}'


def seed(value: int = 0, name: str = "Seed") -> gr.Number:
    """What latents are drawn by."""
    return gr.Number(value, label=name, precision=0, minimum=0, maximum=_LARGEST_SEED)


def label(playground: Playground, all_in_turn: bool = False) -> gr.Dropdown:
    """A class; hidden where there are none."""
    names = list(playground.model.class_names or ())
    choices = ["all", *names] if all_in_turn else names
    first = choices[0] if names else None
    return gr.Dropdown(choices, value=first, label="Label", visible=bool(names))


def truncation() -> gr.Slider:
    """What latents are multiplied by."""
    return gr.Slider(0.0, 1.5, value=1.0, step=0.05, label="Truncation")


def sliders(playground: Playground, columns: int = 1) -> list[gr.Slider]:
    """One a principal direction, so many beside each other."""
    made, count = [], min(directions.COUNT, playground.model.latent_dim)
    for first in range(0, count, columns):
        with gr.Row():
            made += [
                gr.Slider(-_FARTHEST, _FARTHEST, value=0.0, step=0.05, label=f"Direction {n + 1}")
                for n in range(first, min(first + columns, count))
            ]
    return made


def on(components: Sequence, function: Callable, outputs, inputs: Sequence = ()) -> None:
    """Calls `function` with the values of `inputs`, by default all components, on any change."""
    for component in components:
        event = component.change if isinstance(component, gr.Dropdown) else component.input
        when(event, function, list(inputs or components), outputs, at_once=True)
