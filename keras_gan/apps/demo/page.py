"""The page: Gradio's components around a `Playground`, a function a tab."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import gradio as gr
import numpy as np
from PIL import Image

from keras_gan.apps.demo import widgets
from keras_gan.apps.demo.playground import Playground
from keras_gan.apps.demo.widgets import html, on, when

_BOARD = (280, 280)  # pixels to draw on
#: Seconds: each hour Gradio's copies of files go that are a day old; all go when the page ends.
_KEPT = (3600, 86400)
#: What a page or a reload draws: (function, inputs, outputs), as Gradio's events take them.
Drawn = list[tuple[Callable, Sequence, object]]

CSS = """
.picture img { image-rendering: pixelated; width: 100%; max-width: 34rem; height: auto; }
.one img { max-width: 26rem; }
.wide img { image-rendering: auto; max-width: 100%; }
"""


def build(playground: Playground) -> gr.Blocks:
    """The page of a playground, not yet served."""
    with gr.Blocks(title="keras-gan demo", analytics_enabled=False, delete_cache=_KEPT) as page:
        with gr.Row():
            title = gr.Markdown(elem_id="title")
            reload = gr.Button("Reload", size="sm", scale=0, elem_id="reload")
        drawn: Drawn = [(lambda: f"**keras-gan**: {playground.model.title}", [], title)]
        with gr.Tabs():
            for name, (draw, fits) in TABS.items():
                if fits(playground):
                    with gr.Tab(name):
                        drawn += draw(playground)
        event = when(reload.click, playground.reload, [], None)
        for each in drawn:
            # When a browser opens the page, too: it may come after a reload.
            when(page.load, *each, at_once=True)
            event = when(event.then, *each)
    return page


# ------------------------------------------------------------------------------- tabs


def _samples(playground: Playground) -> Drawn:
    def draw(seed, label, truncation):
        grid = playground.samples(int(seed or 0), label, truncation)
        return html(grid, "samples", download=True)

    with gr.Row():
        with gr.Column(scale=1):
            controls = [
                widgets.seed(),
                widgets.label(playground, all_in_turn=True),
                widgets.truncation(),
            ]
        with gr.Column(scale=2):
            shown = gr.HTML(elem_id="samples", elem_classes="picture", padding=False)
    on(controls, draw, shown)
    return [(draw, controls, shown)]


def _explore(playground: Playground) -> Drawn:
    def draw(seed, label, truncation, *offsets):
        return html(playground.explored(int(seed or 0), label, truncation, offsets), "explored")

    with gr.Row():
        with gr.Column(scale=1):
            controls = [widgets.seed(), widgets.label(playground), widgets.truncation()]
            sliders = widgets.sliders(playground, columns=2)
            back = gr.Button("Back to the seed", size="sm")
        with gr.Column(scale=1):
            shown = gr.HTML(elem_id="explored", elem_classes=["picture", "one"])
            gr.Markdown(
                "Directions along which images change most, the strongest first: principal "
                "directions of the generator's Jacobian."
            )
    controls = [*controls, *sliders]
    on(controls, draw, shown)
    event = when(back.click, lambda: [0.0] * len(sliders), [], sliders)
    when(event.then, draw, controls, shown)
    return [(draw, controls, shown)]


def _between(playground: Playground) -> Drawn:
    def draw(a, b, label, part):
        if playground.model.latent_dim != len(a):
            a, b = playground.latents(0)[0], playground.latents(1)[0]
        ends = (np.asarray(one, np.float32)[None] for one in (a, b))
        return html(playground.between(*ends, label, part), "between")

    def pin(seed, label):
        latent = playground.latents(int(seed or 0))
        picture = playground.between(latent, latent, label, 0.0)
        return latent[0].tolist(), html(picture, f"pinned {int(seed or 0)}")

    with gr.Row():
        label = widgets.label(playground)
        part = gr.Slider(0.0, 1.0, value=0.5, step=0.01, label="From A to B")
    pins = []
    with gr.Row():
        for name, seed in (("A", 0), ("B", 1)):
            with gr.Column():
                picture = gr.HTML(elem_id=f"pinned-{name}", elem_classes="picture")
                latent = gr.State(playground.latents(seed)[0].tolist())
                pins.append((latent, widgets.seed(seed, f"Seed of {name}"), picture))
        with gr.Column():
            shown = gr.HTML(elem_id="between", elem_classes="picture")
    controls = [pins[0][0], pins[1][0], label, part]
    drawn: Drawn = [
        *((pin, [number, label], [latent, picture]) for latent, number, picture in pins),
        (draw, controls, shown),
    ]
    when(part.input, draw, controls, shown, at_once=True)
    for each, (_, number, _) in zip(drawn, pins, strict=False):
        when(when(number.input, *each, at_once=True).then, draw, controls, shown)
    event = label.change
    for each in drawn:
        event = when(event, *each).then
    return drawn


def _opinion(playground: Playground) -> Drawn:
    def judge(picture, label):
        if picture is None:
            return "", "Choose a picture."
        seen, logit, share = playground.opinion(picture, label)
        probability = 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, logit))))
        return html(seen, "as D sees it"), (
            f"D(x) = {probability:.3f} (logit {logit:.2f}). D finds this more real than "
            f"**{share:.0%}** of 100 samples of this generator.\n\nD knows one game and one kind "
            "of picture. For games whose logits are no log-odds, only the comparison counts."
        )

    with gr.Row():
        with gr.Column():
            label = widgets.label(playground)
            picture = gr.Image(
                type="pil", label="A picture", sources=["upload", "clipboard"], elem_id="asked"
            )
        with gr.Column():
            seen = gr.HTML("", elem_id="seen", elem_classes=["picture", "one"])
            said = gr.Markdown("Choose a picture.", elem_id="opinion")
    for event in (picture.change, label.change):
        when(event, judge, [picture, label], [seen, said])
    return []


def _drawing(playground: Playground) -> Drawn:
    def find(drawn, label, placed):
        if drawn is None or drawn["composite"] is None:
            raise gr.Error("Draw something, or choose a picture.", print_exception=False)
        seen, latent, label = playground.found(drawn["composite"], label, placed)
        return (
            latent[0].tolist(),
            html(seen, "as it is looked for"),
            label,
            *[0.0] * len(sliders),
        )

    def draw(latent, label, *offsets):
        if latent is None or len(latent) != playground.model.latent_dim:
            return ""
        edited = playground.edited(np.asarray(latent, np.float32)[None], label, offsets)
        return html(edited, "edited", download=True)

    latent = gr.State()
    with gr.Row():
        with gr.Column():
            wanted = widgets.label(playground, all_in_turn=True)
            board = gr.ImageEditor(
                Image.new("RGB", _BOARD), type="pil", label="A drawing", elem_id="board",
                sources=["upload", "clipboard"], canvas_size=_BOARD, fixed_canvas=True,
                layers=False, transforms=(), buttons=[],
                brush=gr.Brush(12, ["#fff", "#888", "#000"]),
            )  # fmt: skip
            placed = gr.Checkbox(
                playground.on_black, label="Move and scale it to where samples are"
            )
            go = gr.Button("Find its latent", elem_id="find")
            seen = gr.HTML("", elem_id="looked-for", elem_classes=["picture", "one"])
        with gr.Column():
            label, sliders = widgets.label(playground), widgets.sliders(playground)
        with gr.Column():
            shown = gr.HTML("", elem_id="edited", elem_classes=["picture", "one"])
            gr.Markdown("The nearest image that the generator makes, and ways on from there.")
    controls = [latent, label, *sliders]
    on(controls[1:], draw, shown, controls)
    event = when(go.click, find, [board, wanted, placed], [latent, seen, label, *sliders])
    when(event.then, draw, controls, shown)
    return [(draw, controls, shown)]


def _training(playground: Playground) -> Drawn:
    def draw():
        curves = playground.curves()
        return "Nothing was logged yet." if curves is None else html(curves, "training")

    shown = gr.HTML(elem_id="training", elem_classes=["picture", "wide"])
    gr.Markdown("While the run trains, *Reload* takes its newest checkpoint and numbers.")
    return [(draw, [], shown)]


def _download(playground: Playground) -> Drawn:
    def write():
        return gr.DownloadButton("Download ONNX", value=str(playground.onnx()), visible=True)

    gr.Markdown(
        "The generator as an ONNX file: `latent` (and `labels`) to `images`. That of a run is "
        "compared with Keras first, which takes some seconds."
    )
    make = gr.Button("Make the ONNX file", elem_id="make-onnx")
    file = gr.DownloadButton("Download ONNX", visible=False, elem_id="onnx")
    when(make.click, write, [], file)
    return []


def _always(playground: Playground) -> bool:
    return True


def _of_a_run(playground: Playground) -> bool:
    return playground.model.run is not None


def _invertible(playground: Playground) -> bool:
    return playground.model.invert is not None


#: {tab: (makes it and returns what is drawn in it, whether it can be had)}.
TABS: dict[str, tuple[Callable[[Playground], Drawn], Callable[[Playground], bool]]] = {
    "Samples": (_samples, _always),
    "Explore": (_explore, _always),
    "Interpolate": (_between, _always),
    "Draw": (_drawing, _invertible),
    "Discriminator": (_opinion, _of_a_run),
    "Training": (_training, _of_a_run),
    "Download": (_download, _always),
}
