"""`keras-gan demo`: what it shows is what the run and the file make; a browser clicks through."""

import base64
import contextlib
import gc
import importlib.util
import io
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import numpy as np
import pytest
from browsing import browser_page, changed
from conftest import PROGRAM, QUICK, invoke, npz
from PIL import Image

from keras_gan import load
from keras_gan.apps.demo import drawings, models
from keras_gan.apps.demo.playground import GRID, Playground
from keras_gan.games import players
from keras_gan.runs import sampling
from keras_gan.utils import image_grids
from keras_gan.utils.errors import ConfigError
from keras_gan.utils.pixels import to_uint8

needs_gradio = pytest.mark.skipif(
    importlib.util.find_spec("gradio") is None, reason="pip install 'keras-gan[demo]'"
)


@pytest.fixture(scope="module")
def file(conditional_run, tmp_path_factory):
    """The conditional run as an ONNX file."""
    out = tmp_path_factory.mktemp("file")
    result = invoke("export", conditional_run, "--format", "onnx", "--out", out)
    assert result.exit_code == 0, result.stderr
    return out / "digits.onnx"


@pytest.fixture(scope="module")
def playground(conditional_run):
    return Playground(lambda: models.of_run(conditional_run))


def test_a_seed_shows_what_sample_draws(playground, conditional_run):
    run = load(conditional_run)
    for label in ("all", "7"):
        drawn = sampling.sample(run, GRID, 5, None if label == "all" else label)
        shown, columns = (drawn["samples"][:60], 10) if label == "all" else (drawn["samples"], None)
        expected = image_grids.grid(to_uint8(shown), columns).astype(int)
        # A compiled call may differ in its last bits: a grey level where it is rounded.
        assert np.abs(playground.samples(5, label, 1.0) - expected).max() <= 1


def test_onnx_runtime_shows_what_keras_shows(playground, file):
    by_file = Playground(lambda: models.of_onnx(file))
    assert by_file.model.class_names == playground.model.class_names
    assert by_file.model.logits is None and by_file.onnx() == file
    for asked in ((3, "2", 0.7, [0.0] * 8), (3, "2", 1.0, [1.0, -2.0] + [0.0] * 6)):
        found, expected = by_file.explored(*asked), playground.explored(*asked)
        assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1


def test_sliders_move_and_truncation_goes_to_the_mean(playground):
    still = playground.explored(3, "2", 1.0, [0.0] * 8)
    moves = [playground.explored(3, "2", 1.0, np.eye(8)[n] * 3) for n in (0, 7)]
    assert all((move != still).any() for move in moves)
    mean = playground.explored(3, "2", 0.0, [0.0] * 8)
    assert (mean == playground.explored(4, "2", 0.0, [0.0] * 8)).all()


def test_a_path_ends_at_its_pins(playground):
    a, b = playground.latents(1), playground.latents(2)
    ends = [playground.between(a, b, "1", part).astype(int) for part in (0.0, 1.0)]
    wanted = [playground.explored(seed, "1", 1.0, [0.0]).astype(int) for seed in (1, 2)]
    assert np.abs(np.array(ends) - wanted).max() <= 1
    assert (ends[0] != playground.between(a, b, "1", 0.5)).any()


def test_an_opinion_is_the_discriminators(playground, conditional_run):
    picture = Image.fromarray(np.full((50, 40, 3), 200, np.uint8))
    seen, logit, share = playground.opinion(picture, "4")
    assert seen.shape == (8, 8, 1) and (seen == 200).all()
    discriminator = load(conditional_run).gan.discriminator
    images = np.full((1, 8, 8, 1), 200 / 127.5 - 1, np.float32)
    inputs = {"images": images, "labels": np.array([4], np.int32)}
    assert logit == pytest.approx(float(np.asarray(discriminator(inputs))[0, 0]), rel=1e-4)
    assert 0.0 <= share <= 1.0


def test_an_opinion_on_pairs_is_of_an_image_and_what_the_encoder_makes_of_it(bidirectional_run):
    gan = load(bidirectional_run).gan
    playground = Playground(lambda: models.of_run(bidirectional_run))
    seen, logit, _ = playground.opinion(Image.fromarray(np.full((8, 8), 200, np.uint8)), None)
    image = seen[None].astype(np.float32) / 127.5 - 1
    pair = players.joint(image, gan.averaged("encoder")({"images": image}))
    assert logit == pytest.approx(float(gan.discriminator({"images": pair})[0, 0]), rel=1e-4)


def test_a_picture_of_a_sample_is_found_and_can_be_moved(playground):
    made = playground.explored(3, "2", 1.0, [0.0] * 8)
    seen, latent, label = playground.found(Image.fromarray(made[..., 0]), "2")
    assert (label, latent.shape) == ("2", (1, 32)) and (seen == made).all()

    def distance(picture):
        return np.square(picture.astype(float) - made).mean()

    found = distance(playground.edited(latent, label, [0.0] * 8))
    assert found < min(distance(playground.explored(s, "2", 1.0, [0.0] * 8)) for s in range(10, 20))
    assert found < distance(playground.edited(latent, label, np.eye(8)[0] * 3))


def test_what_is_not_drawn_on_is_black_and_the_label_is_looked_for(playground):
    drawing = Image.new("RGBA", (80, 80), (255, 255, 255, 0))
    drawing.paste((255, 255, 255, 255), (30, 10, 50, 70))
    seen, _, label = playground.found(drawing, "all")
    assert label in playground.model.class_names
    assert seen[4, 3:5].min() > 200 and seen[:, [0, 7]].max() < 50  # filtered as it is made small


def test_a_drawing_is_moved_and_scaled_to_where_samples_are():
    samples = np.full((3, 28, 28, 1), -1.0)
    samples[:, 9:19, 11:17] = 1.0  # a bar of 10 by 6 around the middle
    drawing = Image.new("RGB", (280, 280))
    drawing.paste("white", (20, 40, 140, 240))  # 200 by 120 pixels, off the middle
    placed = np.asarray(drawings.like(drawing, samples))[..., 0] > 127
    rows, columns = np.flatnonzero(placed.any(1)), np.flatnonzero(placed.any(0))
    assert (rows[[0, -1]], columns[[0, -1]]) == (
        pytest.approx([90, 189], abs=2),
        pytest.approx([110, 169], abs=2),
    )
    black = Image.new("RGB", (280, 280))
    assert drawings.like(black, samples) is black
    assert drawings.on_black(samples) and not drawings.on_black(-samples)


def test_labels_that_are_vectors_are_those_that_the_run_keeps(tmp_path):
    labels = np.random.default_rng(1).normal(size=(40, 3)).astype(np.float32)
    data = npz(tmp_path / "a.npz", labels=labels)
    done = invoke(
        "fit", "digits", "--data", data, "--run-dir", tmp_path / "run", "--epochs=1",
        "--batch-size=20", "--set=network.conditioning=projection", *QUICK,
    )  # fmt: skip
    assert done.exit_code == 0, done.stderr
    playground, run = Playground(lambda: models.of_run(tmp_path / "run")), load(tmp_path / "run")
    assert playground.model.class_names[:2] == ("0", "1") and playground.model.invert is None
    inputs = {"latent": playground.latents(3), "labels": run.conditions()[5:6]}
    expected = to_uint8(np.asarray(run.generator(inputs)))[0].astype(int)
    assert np.abs(playground.explored(3, "5", 1.0, [0.0]) - expected).max() <= 1
    assert np.isfinite(playground.opinion(Image.new("L", (8, 8)), "5")[1])
    result = invoke("export", tmp_path / "run", "--format=onnx", "--out", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    with pytest.raises(ConfigError, match="are vectors, and the file has none to show"):
        models.of_onnx(tmp_path / "out" / "digits.onnx")


def test_the_onnx_file_of_a_run_with_an_encoder_is_the_generators(bidirectional_run):
    playground = Playground(lambda: models.of_run(bidirectional_run))
    file = playground.onnx()
    assert models.of_onnx(file).image_shape == playground.model.image_shape
    assert playground.onnx() == file  # written once
    folder = file.parent
    del playground
    gc.collect()
    assert not folder.exists()


def test_a_model_that_is_gone_leaves_the_one_there_was(file, tmp_path):
    here = shutil.copy(file, tmp_path)
    playground = Playground(lambda: models.of_onnx(Path(here)))
    before = playground.explored(3, "2", 1.0, [0.0] * 8)
    Path(here).unlink()
    with pytest.raises(ConfigError, match="There is no file"):
        playground.reload()
    assert (playground.explored(3, "2", 1.0, [0.0] * 8) == before).all()


def test_without_gradio_it_says_how_to_get_it(cli, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    result = cli("demo")
    assert result.exit_code == 1
    assert result.stderr.endswith("is not installed: pip install 'keras-gan[demo]'.\n")


@needs_gradio
@pytest.mark.parametrize("arguments, code, message", [
    (["no.onnx"], 2, "There is no file no.onnx."),
    (["bad.onnx"], 2, "bad.onnx is no generator of images that `keras-gan export"),
    (["bad.onnx", "--checkpoint", "best"], 2, "--checkpoint is for a RUN"),
    (["nowhere"], 1, "There is no run nowhere."),
    ([], 1, "There are no runs in runs. `keras-gan fit digits` makes one"),
])  # fmt: skip
def test_what_can_not_be_played_with_is_one_line(arguments, code, message, cli, tmp_path):
    (tmp_path / "bad.onnx").write_bytes(b"\x08\x07no model")
    result = cli("demo", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    (line,) = result.stderr.splitlines()
    assert message in line


@needs_gradio
def test_points_are_no_pictures(points_run, cli):
    result = cli("demo", points_run)
    assert result.exit_code == 2
    assert "makes points, not images" in result.stderr


# -------------------------------------------------------------------------- the page


@contextlib.contextmanager
def served(model, folder):
    """`keras-gan demo MODEL`, until the block's end; yields its address.

    Behind a proxy that does not answer: what asks it fails. Ctrl-C leaves nothing behind.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "tmp").mkdir()
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    kept = {name: value for name, value in os.environ.items() if name.lower() != "no_proxy"}
    environment = {**kept, **proxies, "TMPDIR": str(folder / "tmp")}
    with open(folder / "said", "w") as said:
        command = [PROGRAM, "demo", str(model), "--port", str(port)]
        server = subprocess.Popen(command, stdout=said, stderr=said, cwd=folder, env=environment)
    try:
        deadline = time.monotonic() + 600
        while not (found := re.search(r"^http://\S+", (folder / "said").read_text(), re.M)):
            assert server.poll() is None, (folder / "said").read_text()
            assert time.monotonic() < deadline
            time.sleep(0.2)
        yield found[0]
        server.send_signal(signal.SIGINT)
        assert server.wait(300) == 0
        assert "RunError" not in (folder / "said").read_text()  # told on the page, not traced here
        assert [p for p in (folder / "tmp").rglob("*") if p.is_file()] == []
    finally:
        server.kill()
        server.wait(30)


def tab(page, name):
    page.get_by_role("tab", name=name, exact=True).click()


def slide(page, label, value):
    page.locator(f"input[type=range][aria-label='range slider for {label}']:visible").fill(
        str(value)
    )


@needs_gradio
@pytest.mark.slow
def test_a_browser_clicks_through_the_page_of_a_run_that_goes_on(conditional_run, tmp_path):
    run = shutil.copytree(conditional_run, tmp_path / "run")
    Image.fromarray(np.full((30, 30), 90, np.uint8)).save(tmp_path / "grey.png")
    with served(run, tmp_path) as address, browser_page() as page:
        page.goto(address)
        grid = changed(page, "#samples img", None)
        slide(page, "Truncation", 0.5)
        grid = changed(page, "#samples img", grid)
        page.get_by_label("Seed").locator("visible=true").fill("7")
        grid = changed(page, "#samples img", grid)
        link = page.locator("#samples a")
        with page.expect_download() as download:
            link.click()
        assert Image.open(download.value.path()).format == "PNG"

        tab(page, "Explore")
        one = changed(page, "#explored img", None)
        for name in ("Direction 1", "Direction 8", "Truncation"):
            slide(page, name, 0.35)
            one = changed(page, "#explored img", one)
        page.get_by_role("button", name="Back to the seed").click()
        changed(page, "#explored img", one)

        tab(page, "Interpolate")
        between = changed(page, "#between img", None)
        slide(page, "From A to B", 0.9)
        between = changed(page, "#between img", between)
        pinned = page.locator("#pinned-A img").get_attribute("src")
        page.get_by_label("Seed of A").fill("12")
        changed(page, "#pinned-A img", pinned)
        changed(page, "#between img", between)

        tab(page, "Draw")
        page.wait_for_selector("#board canvas")
        page.wait_for_timeout(2000)  # the board lays itself out
        box = page.locator("#board canvas").first.bounding_box()
        x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 3
        page.mouse.move(x, y)
        page.mouse.down()
        page.mouse.move(x, y + box["height"] / 3, steps=10)
        page.mouse.up()
        page.locator("#find").click()
        edited = changed(page, "#edited img", None)
        drawn = page.locator("#looked-for img").get_attribute("src").partition(",")[2]
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(drawn))))
        assert pixels.max() > 100 and pixels[:, 0].max() < 50
        slide(page, "Direction 1", 1.5)
        changed(page, "#edited img", edited)

        tab(page, "Discriminator")
        page.locator("#asked input[type=file]").first.set_input_files(tmp_path / "grey.png")
        page.wait_for_selector("#seen img")
        assert "D(x) = " in page.locator("#opinion").inner_text()

        tab(page, "Training")
        curves = changed(page, "#training img", None)
        title = page.locator("#title").inner_text()
        assert "step 46" in title
        resumed = invoke("fit", "--resume", run, "--epochs", 3)
        assert resumed.exit_code == 0, resumed.stderr
        page.locator("#reload").click()
        page.wait_for_function("document.querySelector('#title')?.innerText.includes('step 69')")
        changed(page, "#training img", curves)
        tab(page, "Samples")
        changed(page, "#samples img", grid)
        page.reload()  # a page that is opened later shows what is now, too
        page.wait_for_function("document.querySelector('#title')?.innerText.includes('step 69')")

        tab(page, "Download")
        page.locator("#make-onnx").click()
        with page.expect_download(timeout=180_000) as download:
            page.locator("#onnx").click(timeout=180_000)
        shutil.copy(download.value.path(), tmp_path / "down.onnx")
        assert "step 69" in models.of_onnx(tmp_path / "down.onnx").title

        run.rename(tmp_path / "elsewhere")
        page.locator("#reload").click()
        page.get_by_text(f"There is no run {run}").wait_for()


@needs_gradio
@pytest.mark.slow
def test_a_browser_clicks_through_the_page_of_a_file(file, tmp_path):
    with served(file, tmp_path) as address, browser_page() as page:
        page.goto(address)
        grid = changed(page, "#samples img", None)
        page.get_by_label("Label").locator("visible=true").click()
        page.get_by_role("option", name="3", exact=True).click()
        changed(page, "#samples img", grid)
        names = page.get_by_role("tab").all_inner_texts()
        assert names == ["Samples", "Explore", "Interpolate", "Download"]
        tab(page, "Explore")
        one = changed(page, "#explored img", None)
        slide(page, "Direction 2", -2)
        changed(page, "#explored img", one)
