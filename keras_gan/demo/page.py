"""The page: Gradio's components around a `Playground`, a function a tab.

Pictures are HTML with the PNG inside, so that an answer is one message: a picture of
Gradio's own is written to a file, whose name the page is told, and asked for then.
"""

from __future__ import annotations

import base64
import io
import math
from collections.abc import Callable, Sequence

import gradio as gr
import numpy as np
from PIL import Image

from keras_gan.demo.playground import SLIDERS, Playground

_FARTHEST = 4.0  # of a slider, in standard deviations of a latent's component
_LARGEST_SEED = 2**31 - 1
_BOARD = (280, 280)  # pixels to draw on
#: How a move is answered: at once, without a queue or a spinner, and of moves that come
#: meanwhile the last.
_AT_ONCE = {
    "queue": False,
    "show_progress": "hidden",
    "trigger_mode": "always_last",
    "api_visibility": "private",
}
_ASKED = {"api_visibility": "private"}

CSS = """
.picture img { image-rendering: pixelated; width: 100%; max-width: 34rem; height: auto; }
.one img { width: 20rem; }
.wide img { image-rendering: auto; max-width: 100%; }
"""


def build(playground: Playground) -> gr.Blocks:
    """The page of a playground, not yet served."""
    with gr.Blocks(title="keras-gan demo", analytics_enabled=False) as page:
        with gr.Row():
            title = gr.Markdown(f"**keras-gan**: {playground.model.title}", elem_id="title")
            reload = gr.Button("Reload", size="sm", scale=0, elem_id="reload")
        refreshed: list[tuple[Callable, list, list]] = []
        with gr.Tabs():
            for name, (draw, fits) in TABS.items():
                if fits(playground):
                    with gr.Tab(name):
                        refreshed += draw(playground)
        event = reload.click(lambda: f"**keras-gan**: {playground.reload()}", None, title, **_ASKED)
        for function, inputs, outputs in refreshed:
            event = event.then(function, inputs, outputs, **_ASKED)
    return page


def _html(image: np.ndarray, name: str, download: bool = False) -> str:
    """A picture within the page, uint8 (h, w, 1 or 3)."""
    file = io.BytesIO()
    Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image).save(file, format="PNG")
    source = f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
    link = f'<p><a href="{source}" download="{name}.png">Download PNG</a></p>' if download else ""
    return f'<img alt="{name}" src="{source}">{link}'


def _seed(value: int = 0, name: str = "Seed") -> gr.Number:
    return gr.Number(value, label=name, precision=0, minimum=0, maximum=_LARGEST_SEED)


def _label(playground: Playground, all_in_turn: bool = False) -> gr.Dropdown:
    """A class; hidden where there are none."""
    names = list(playground.model.class_names or ())
    choices = ["all", *names] if all_in_turn else names
    first = choices[0] if names else None
    return gr.Dropdown(choices, value=first, label="Label", visible=bool(names))


def _truncation() -> gr.Slider:
    return gr.Slider(0.0, 1.5, value=1.0, step=0.05, label="Truncation")


def _sliders(playground: Playground) -> list[gr.Slider]:
    """One a principal direction."""
    return [
        gr.Slider(-_FARTHEST, _FARTHEST, value=0.0, step=0.05, label=f"Direction {n + 1}")
        for n in range(min(SLIDERS, playground.model.latent_dim))
    ]


def _on(components: Sequence, function: Callable, outputs, inputs: Sequence = ()) -> None:
    """Calls `function` with the values of `inputs`, by default all components, on any change."""
    for component in components:
        event = component.change if isinstance(component, gr.Dropdown) else component.input
        event(function, list(inputs or components), outputs, **_AT_ONCE)


# ------------------------------------------------------------------------------- tabs


def _samples(playground: Playground) -> list:
    def draw(seed, label, truncation):
        grid = playground.samples(int(seed or 0), label, truncation)
        return _html(grid, "samples", download=True)

    with gr.Row():
        with gr.Column(scale=1):
            controls = [_seed(), _label(playground, all_in_turn=True), _truncation()]
        with gr.Column(scale=2):
            shown = gr.HTML(
                draw(0, "all", 1.0), elem_id="samples", elem_classes="picture", padding=False
            )
    _on(controls, draw, shown)
    return [(draw, controls, shown)]


def _explore(playground: Playground) -> list:
    def draw(seed, label, truncation, *offsets):
        return _html(playground.explored(int(seed or 0), label, truncation, offsets), "explored")

    with gr.Row():
        with gr.Column(scale=1):
            controls = [_seed(), _label(playground), _truncation()]
            sliders = _sliders(playground)
            back = gr.Button("Back to the seed", size="sm")
        with gr.Column(scale=1):
            first = draw(
                0, (playground.model.class_names or (None,))[0], 1.0, *[0.0] * len(sliders)
            )
            shown = gr.HTML(first, elem_id="explored", elem_classes=["picture", "one"])
            gr.Markdown(
                "Directions along which images change most, the strongest first: principal "
                "directions of the generator's Jacobian."
            )
    controls = [*controls, *sliders]
    _on(controls, draw, shown)
    event = back.click(lambda: [0.0] * len(sliders), None, sliders, **_ASKED)
    event.then(draw, controls, shown, **_ASKED)
    return [(draw, controls, shown)]


def _between(playground: Playground) -> list:
    start, end = (playground.latents(seed) for seed in (0, 1))

    def draw(a, b, label, part):
        if playground.model.latent_dim != len(a):
            a, b = playground.latents(0)[0], playground.latents(1)[0]
        ends = (np.asarray(one, np.float32)[None] for one in (a, b))
        return _html(playground.between(*ends, label, part), "between")

    def pin(seed, label):
        latent = playground.latents(int(seed or 0))
        return latent[0].tolist(), _html(
            playground.between(latent, latent, label, 0.0), f"pinned {int(seed or 0)}"
        )

    pins = []
    with gr.Row():
        label = _label(playground)
        part = gr.Slider(0.0, 1.0, value=0.5, step=0.01, label="From A to B")
    names = playground.model.class_names or (None,)
    with gr.Row():
        for name, latent, seed in (("A", start, 0), ("B", end, 1)):
            with gr.Column():
                picture = gr.HTML(
                    _html(playground.between(latent, latent, names[0], 0.0), f"pinned {seed}"),
                    elem_id=f"pinned-{name}",
                    elem_classes="picture",
                )
                number = _seed(seed, f"Seed of {name}")
                pins.append((gr.State(latent[0].tolist()), number, picture))
        with gr.Column():
            middle = _html(playground.between(start, end, names[0], 0.5), "between")
            shown = gr.HTML(middle, elem_id="between", elem_classes="picture")
    controls = [pins[0][0], pins[1][0], label, part]
    part.input(draw, controls, shown, **_AT_ONCE)
    again = [(draw, controls, shown)]
    for state, number, picture in pins:
        number.input(pin, [number, label], [state, picture], **_AT_ONCE).then(
            draw, controls, shown, **_ASKED
        )
        again.insert(0, (pin, [number, label], [state, picture]))
    event = label.change(pin, [pins[0][1], label], [pins[0][0], pins[0][2]], **_ASKED)
    event = event.then(pin, [pins[1][1], label], [pins[1][0], pins[1][2]], **_ASKED)
    event.then(draw, controls, shown, **_ASKED)
    return again


def _opinion(playground: Playground) -> list:
    def judge(picture, label):
        if picture is None:
            return "", "Choose a picture."
        seen, logit, share = playground.opinion(picture, label)
        probability = 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, logit))))
        return _html(seen, "as D sees it"), (
            f"D(x) = {probability:.3f} (logit {logit:.2f}). D finds this more real than "
            f"**{share:.0%}** of 100 samples of this generator.\n\nD knows one game and one kind "
            "of picture. For games whose logits are no log-odds, only the comparison counts."
        )

    with gr.Row():
        with gr.Column():
            label = _label(playground)
            picture = gr.Image(
                type="pil", label="A picture", sources=["upload", "clipboard"], elem_id="asked"
            )
        with gr.Column():
            seen = gr.HTML("", elem_id="seen", elem_classes=["picture", "one"])
            said = gr.Markdown("Choose a picture.", elem_id="opinion")
    for event in (picture.change, label.change):
        event(judge, [picture, label], [seen, said], **_ASKED)
    return []


def _drawing(playground: Playground) -> list:
    def find(drawn, label):
        if drawn is None or drawn["composite"] is None:
            raise gr.Error("Draw something, or choose a picture.")
        seen, latent, label = playground.found(drawn["composite"], label)
        return latent[0].tolist(), _html(seen, "as it is looked for"), label, *[0.0] * len(sliders)

    def draw(latent, label, *offsets):
        if latent is None or len(latent) != playground.model.latent_dim:
            return ""
        edited = playground.edited(np.asarray(latent, np.float32)[None], label, offsets)
        return _html(edited, "edited", download=True)

    latent = gr.State()
    with gr.Row():
        with gr.Column():
            wanted = _label(playground, all_in_turn=True)
            board = gr.ImageEditor(
                Image.new("RGB", _BOARD), type="pil", label="A drawing", elem_id="board",
                sources=["upload", "clipboard"], canvas_size=_BOARD, fixed_canvas=True,
                layers=False, transforms=(), buttons=[],
                brush=gr.Brush(20, ["#fff", "#888", "#000"]),
            )  # fmt: skip
            go = gr.Button("Find its latent", elem_id="find")
            seen = gr.HTML("", elem_id="looked-for", elem_classes=["picture", "one"])
        with gr.Column():
            label, sliders = _label(playground), _sliders(playground)
        with gr.Column():
            shown = gr.HTML("", elem_id="edited", elem_classes=["picture", "one"])
            gr.Markdown("The nearest image that the generator makes, and ways on from there.")
    controls = [latent, label, *sliders]
    _on(controls[1:], draw, shown, controls)
    event = go.click(find, [board, wanted], [latent, seen, label, *sliders], **_ASKED)
    event.then(draw, controls, shown, **_ASKED)
    return [(draw, controls, shown)]


def _training(playground: Playground) -> list:
    def draw():
        curves = playground.curves()
        return "Nothing was logged yet." if curves is None else _html(curves, "training")

    shown = gr.HTML(draw(), elem_id="training", elem_classes=["picture", "wide"])
    gr.Markdown("While the run trains, *Reload* takes its newest checkpoint and numbers.")
    return [(draw, [], shown)]


def _download(playground: Playground) -> list:
    def write():
        return gr.DownloadButton("Download ONNX", value=str(playground.model.onnx()), visible=True)

    gr.Markdown(
        "The generator as an ONNX file: `latent` (and `labels`) to `images`. That of a run is "
        "compared with Keras first, which takes some seconds."
    )
    make = gr.Button("Make the ONNX file", elem_id="make-onnx")
    file = gr.DownloadButton("Download ONNX", visible=False, elem_id="onnx")
    make.click(write, None, file, **_ASKED)
    return []


def _always(playground: Playground) -> bool:
    return True


def _of_a_run(playground: Playground) -> bool:
    return playground.model.run is not None


def _invertible(playground: Playground) -> bool:
    return playground.model.invert is not None


#: {tab: (draws it and returns what a reload has to draw again, whether it can be had)}.
TABS: dict[str, tuple[Callable[[Playground], list], Callable[[Playground], bool]]] = {
    "Samples": (_samples, _always),
    "Explore": (_explore, _always),
    "Interpolate": (_between, _always),
    "Draw": (_drawing, _invertible),
    "Discriminator": (_opinion, _of_a_run),
    "Training": (_training, _of_a_run),
    "Download": (_download, _always),
}
