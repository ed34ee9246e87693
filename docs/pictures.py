"""Makes the pictures of docs/: python docs/pictures.py [curves] [losses] [samples] [screens].

`curves`: what healthy training, collapse, a discriminator that is too strong, and divergence look
like; `losses`: the samples of docs/sweeps/losses.yaml, whose table it writes into
losses.md; `samples`: the README's, of --run; `screens`: TensorBoard, the demo and the static
page, of --run, by a headless Chromium. Without a name, all. The theory's figures are made by
`keras-gan theory`, those of performance.md by the commands that stand there. --epochs makes
trainings shorter, to try the script; --images writes elsewhere than into docs/images.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

SWEEP = Path(__file__).parent / "sweeps" / "losses.yaml"
PAGE = Path(__file__).parent / "losses.md"
_COLUMNS = {
    "online/energy_distance": "energy distance",
    "online/bin_tv": "bin TV",
    "held_out/jensen_shannon": "held-out JSD",
}

#: What is changed in the digits recipe.
CURVES = {
    "healthy": {},
    # G is much faster than D: all its samples go to the one image that D likes at the moment.
    "collapse": {
        "loss.name": "non_saturating",
        "regularizers": {},
        "optimizer.generator.learning_rate": 0.002,
        "optimizer.discriminator.learning_rate": 0.00003,
        "game.ema_decay": 0.0,
    },
    # D is much faster than G, with the loss whose gradient vanishes when D is right.
    "strong_discriminator": {
        "loss.name": "minimax",
        "regularizers": {},
        "game.discriminator_steps": 4,
        "optimizer.generator.learning_rate": 0.00002,
        "optimizer.discriminator.learning_rate": 0.001,
        "game.ema_decay": 0.0,
    },
    # A critic without any bound: the loss has no optimum.
    "divergence": {
        "loss.name": "wasserstein",
        "regularizers": {},
        "optimizer.generator.learning_rate": 0.002,
        "optimizer.discriminator.learning_rate": 0.002,
        "game.ema_decay": 0.0,
    },
}
_EPOCHS = 60
_PATIENCE = 600_000  # milliseconds, for busy machines
_NAMES = ("curves", "losses", "samples", "screens")

SEVEN = [(0.3, 0.25), (0.7, 0.25), (0.5, 0.8)]  # a digit to draw


def curves(runs: Path, images: Path, epochs: int | None) -> None:
    """curves_NAME.png: the course of a run, and its last samples."""
    from keras_gan import fit, load_config
    from keras_gan.config import override
    from keras_gan.evaluation import plots

    shared = {
        "training.epochs": epochs or _EPOCHS,
        "output.scalars_every_steps": 23,
        "training.steps_per_execution": 23,
        "output.samples_every_epochs": 5,
        "output.held_out_every_epochs": 20,
    }
    for name, changes in CURVES.items():
        config = override(load_config("digits"), {**shared, **changes})
        run = fit(config, runs / name)
        file = io.BytesIO()
        plots.curves(run.metrics(), run.gan).savefig(file, format="png")
        last = sorted((run.path / "samples").glob("*.png"))[-1]
        beside(Image.open(file), Image.open(last)).save(images / f"curves_{name}.png")


def beside(left: Image.Image, right: Image.Image) -> Image.Image:
    """Two pictures in one, the right one fitted to the left one's height."""
    left, right = left.convert("RGB"), right.convert("RGB")
    right = right.resize((round(right.width * left.height / right.height), left.height))
    sheet = Image.new("RGB", (left.width + right.width + 8, left.height), "white")
    sheet.paste(left, (0, 0))
    sheet.paste(right, (left.width + 8, 0))
    return sheet


def losses(out: Path, images: Path, epochs: int | None) -> None:
    """Make losses.png, the samples of seed 0 of each loss, and the table of losses.md.

    Runs what is left of the sweep. A shorter one writes no table.
    """
    sweep = SWEEP
    if epochs is not None:
        sweep = out.with_suffix(".yaml")
        short = f"training.epochs: {epochs}"
        sweep.write_text(re.sub(r"training\.epochs: \d+", short, SWEEP.read_text("utf-8")), "utf-8")
    command = [sys.executable, "-m", "keras_gan", "sweep", str(sweep), "--out", str(out), "--json"]
    played = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    if epochs is None:
        _fill(PAGE, [json.loads(line) for line in played.stdout.splitlines()])
    tiles = []
    for run in sorted((out / "runs").glob("*/seed-0")):
        last = Image.open(sorted((run / "samples").glob("*.png"))[-1]).convert("RGB")
        tile = Image.new("RGB", (260, 280), "white")
        quarter = (0, 0, last.width // 2, last.height // 2)  # else digits are too small to see
        tile.paste(last.resize((256, 256), Image.Resampling.NEAREST, quarter), (2, 22))
        name = run.parent.name.removeprefix("digits--")
        ImageDraw.Draw(tile).text((4, 4), name, fill="black")
        tiles.append(np.asarray(tile))
    rows = [np.concatenate(tiles[i : i + 4], axis=1) for i in range(0, len(tiles), 4)]
    width = max(row.shape[1] for row in rows)
    padded = [
        np.pad(r, ((0, 0), (0, width - r.shape[1]), (0, 0)), constant_values=255) for r in rows
    ]
    Image.fromarray(np.concatenate(padded)).save(images / "losses.png")


def _fill(page: Path, groups: list[dict]) -> None:
    """Write a row per loss between the marks of a page."""
    lines = [f"| loss | {' | '.join(_COLUMNS.values())} |", "|---" * (len(_COLUMNS) + 1) + "|"]
    for group in groups:
        cells = [
            f"{m['mean']:.3g} ± {m['spread']:.1g}" if (m := group["metrics"].get(name)) else "-"
            for name in _COLUMNS
        ]
        lines.append(f"| `{group['loss']}` | {' | '.join(cells)} |")
    picture = "![Samples of seed 0 of each loss](images/losses.png)"
    text = "\n".join([*lines, "", picture])
    marks = r"(<!-- losses -->\n).*(\n<!-- /losses -->)"
    page.write_text(
        re.sub(marks, lambda m: m[1] + text + m[2], page.read_text("utf-8"), flags=re.DOTALL),
        "utf-8",
    )


def samples(run: Path, images: Path) -> None:
    """mnist_samples.png, of a run of the recipe."""
    out = ["--count", "100", "--out", str(images / "mnist_samples.png")]
    subprocess.run([sys.executable, "-m", "keras_gan", "sample", str(run), *out], check=True)


def screens(run: Path, images: Path) -> None:
    """Of a run: demo.png, demo_explore.png, demo_draw.png, tensorboard.png and web.png."""
    _demo(run, images)
    _tensorboard(run, images)
    _web(run, images)


def _demo(run: Path, images: Path) -> None:
    with _served("keras_gan", "demo", str(run), "--port", "PORT") as page:
        page.wait_for_selector("#samples img")
        page.screenshot(path=images / "demo.png")
        page.get_by_role("tab", name="Explore", exact=True).click()
        with _changed(page, "#explored img"):
            page.locator("input[aria-label='range slider for Direction 1']:visible").fill("1.5")
        page.screenshot(path=images / "demo_explore.png")
        page.get_by_role("tab", name="Draw", exact=True).click()
        _draw(page, SEVEN)
        with _changed(page, "#edited img"):
            page.locator("#find").click()
        page.screenshot(path=images / "demo_draw.png")


def _tensorboard(run: Path, images: Path) -> None:
    board = ["--logdir", str(run), "--host", "127.0.0.1", "--port", "PORT"]
    with _served("tensorboard.main", *board) as page:
        page.goto(f"{page.url.partition('#')[0]}#custom_scalars")
        page.wait_for_selector("vz-line-chart2 .main", state="attached")
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(8000)
        page.screenshot(path=images / "tensorboard.png")


def _web(run: Path, images: Path) -> None:
    with tempfile.TemporaryDirectory() as out:
        export = ["export", str(run), "--format", "web", "--out", out]
        subprocess.run([sys.executable, "-m", "keras_gan", *export], check=True)
        (folder,) = Path(out).glob("*-web")
        served = ["PORT", "--bind", "127.0.0.1", "--directory", str(folder)]
        with _served("http.server", *served) as page:
            page.wait_for_selector("body[data-ready=yes]")
            with _changed(page, "#download", "href"):
                page.locator("#direction-1").fill("2")
            page.screenshot(path=images / "web.png")


@contextlib.contextmanager
def _changed(page, selector: str, attribute: str = "src") -> Iterator[None]:
    """Waits at the block's end until a picture is another than before, if there was one."""
    found = "(s) => document.querySelector(s[0])?.getAttribute(s[1]) ?? null"
    before = page.evaluate(found, [selector, attribute])
    yield
    page.wait_for_function(
        f"(s) => {{ const now = ({found})(s); return now && now !== s[2]; }}",
        arg=[selector, attribute, before],
    )
    page.wait_for_timeout(500)  # for what is painted after it


def _draw(page, stroke: list[tuple[float, float]]) -> None:
    """Draws a line on the demo's board, from point to point, in shares of its sides."""
    page.wait_for_selector("#board canvas")
    page.wait_for_timeout(2000)  # the board lays itself out
    box = page.locator("#board canvas").first.bounding_box()
    places = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in stroke]
    page.mouse.move(*places[0])
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*place, steps=20)
    page.mouse.up()
    page.wait_for_timeout(1000)


@contextlib.contextmanager
def _served(*command: str) -> Iterator:
    """A browser at the page that a module of Python serves at PORT until the block's end."""
    from playwright.sync_api import sync_playwright

    port = _free_port()
    arguments = [str(port) if part == "PORT" else part for part in command]
    server = subprocess.Popen([sys.executable, "-m", *arguments])
    try:
        with sync_playwright() as playwright:
            program = shutil.which("chromium") or shutil.which("google-chrome")
            browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": 1280, "height": 860})
            page.set_default_timeout(_PATIENCE)
            _wait(port, server)
            page.goto(f"http://127.0.0.1:{port}/")
            yield page
            browser.close()
    finally:
        server.terminate()
        server.wait(30)


def _wait(port: int, server: subprocess.Popen) -> None:
    while server.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.3)
    raise SystemExit("The server has ended.")


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"{', '.join(_NAMES)}; or all.")
    parser.add_argument("--run", type=Path, help="A run of `mnist`, for samples and screens.")
    parser.add_argument(
        "--out", type=Path, help="Folder of the trainings; by default one that is removed."
    )
    parser.add_argument("--epochs", type=int, help="Shorter trainings.")
    parser.add_argument("--images", type=Path, default=Path(__file__).parent / "images")
    given = parser.parse_args()
    names = given.names or _NAMES
    if unknown := set(names) - set(_NAMES):
        parser.error(f"there is no {', '.join(unknown)}: {', '.join(_NAMES)}")
    if {"samples", "screens"} & set(names) and given.run is None:
        parser.error("samples and screens need --run")
    given.images.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        out = given.out or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        out.mkdir(parents=True, exist_ok=True)
        if "curves" in names:
            curves(out, given.images, given.epochs)
        if "losses" in names:
            losses(out / "losses", given.images, given.epochs)
        if "samples" in names:
            samples(given.run, given.images)
        if "screens" in names:
            screens(given.run, given.images)


if __name__ == "__main__":
    main()
