"""`keras-gan export --format web`: a folder that needs nobody; in a browser, what Keras makes."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from browsing import browser_page, changed, served

from keras_gan import load
from keras_gan.exporters import web
from keras_gan.runs import sampling
from keras_gan.utils.errors import ExportError


def test_the_folder_has_all_that_the_page_asks_for(conditional_run, web_runtime, cli):
    arguments = ["export", conditional_run, "--format", "web", "--out", "out"]
    result = cli(*arguments, "--web-runtime", web_runtime)
    assert result.exit_code == 0, result.stderr
    folder = Path("out/digits-web")
    assert result.stdout == f"{folder}\n"
    assert {p.name for p in folder.iterdir()} == {
        *("index.html", "app.js", "generator.onnx", "model.json"),
        *web.RUNTIME.values(),
    }
    text = (folder / "index.html").read_text() + (folder / "app.js").read_text()
    assert "http:" not in text and "https:" not in text and "//cdn" not in text
    facts = json.loads((folder / "model.json").read_text())
    run = load(conditional_run)
    assert facts["class_names"] == list(run.labels.names)
    directions = np.array(facts["directions"])
    np.testing.assert_allclose(directions @ directions.T, np.eye(8), atol=1e-5)
    # Anew, in the same place.
    again = cli(*arguments, "--web-runtime", web_runtime)
    assert again.exit_code == 0, again.stderr


def test_a_runtime_is_found_in_each_place_of_an_npm_install(web_runtime, tmp_path):
    inside = tmp_path / "node_modules" / web.PACKAGE / "dist"
    shutil.copytree(web_runtime, inside)
    for given in (inside, inside.parent, tmp_path / "node_modules", tmp_path):
        assert web.runtime(given).resolve() == inside.resolve()


def test_without_npm_or_a_runtime_it_says_what_to_do(conditional_run, cli, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr("keras_gan.exporters.web.shutil.which", lambda name: None)
    result = cli("export", conditional_run, "--format", "web", "--out", "out")
    assert result.exit_code == 1
    last = result.stderr.splitlines()[-1]
    assert last.startswith(
        "Error: The format web needs npm, which is not installed: install it, or"
    )
    assert "--web-runtime DIR (npm install --prefix DIR onnxruntime-web@" in last
    assert not Path("out").exists() and not (tmp_path / "cache").exists()
    (tmp_path / "empty").mkdir()
    result = cli("export", conditional_run, "--format", "web", "--web-runtime", "empty")
    assert f"There is no {web.PACKAGE} in empty (--web-runtime)" in result.stderr
    result = cli("export", conditional_run, "--format", "onnx", "--web-runtime", "empty")
    assert "--web-runtime has no effect on onnx, only on web" in result.stderr


def test_an_npm_that_fails_leaves_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\necho 'npm error code ENOTFOUND' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(ExportError, match=r"could not install .* \(npm error code ENOTFOUND\)"):
        web.runtime(None)
    assert not (tmp_path / "cache").exists()


def test_what_npm_installs_is_kept_without_what_no_page_needs(tmp_path, monkeypatch):
    """The real npm does the same in the test below."""
    monkeypatch.setenv("KERAS_GAN_CACHE", str(tmp_path / "cache"))
    dist = f"node_modules/{web.PACKAGE}/dist"
    files = " ".join(f"{dist}/{name}" for name in (*web.RUNTIME, "ort.webgpu.mjs"))
    npm = tmp_path / "npm"
    npm.write_text(f'#!/bin/sh\ncd "$6" && mkdir -p {dist} && touch {files}\n')
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    kept = web.runtime(None)
    assert kept.is_relative_to(tmp_path / "cache")
    assert {p.name for p in kept.iterdir()} == set(web.RUNTIME)
    npm.write_text("#!/bin/sh\nexit 1\n")
    assert web.runtime(None) == kept  # installed once


def test_points_are_no_page(points_run, web_runtime, cli):
    result = cli("export", points_run, "--format", "web", "--web-runtime", web_runtime)
    assert result.exit_code == 1
    assert "The format web is for images of 1 or 3 channels." in result.stderr
    assert not (points_run / "export").exists()


@pytest.mark.slow
def test_a_browser_without_a_network_makes_the_images_that_keras_makes(conditional_run, cli):
    """The runtime is the one in the developer's cache, or is installed there by npm."""
    try:
        web.runtime(None)
    except ExportError as error:
        pytest.skip(str(error))
    result = cli("export", conditional_run, "--format", "web", "--out", "out")
    assert result.exit_code == 0, result.stderr
    run = load(conditional_run)
    with served("out/digits-web") as address, browser_page() as page:
        told = []
        page.on("console", lambda message: told.append((message.type, message.text)))
        page.goto(address)
        page.wait_for_selector("body[data-ready=yes]")
        picture = page.locator("#download").get_attribute("href")
        page.locator("#label").select_option("3")
        picture = changed(page, "#download", picture, "href")
        page.locator("#truncation").fill("0")  # the latent of zeros, that both can name
        picture = changed(page, "#download", picture, "href")
        pixels = np.array(page.evaluate("""() => {
            const canvas = document.querySelector("#one");
            const data = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return Array.from(data.data).filter((_, n) => n % 4 == 0);
        }""")).reshape(8, 8)  # fmt: skip
        zero = sampling.inputs(run.gan, np.zeros((1, run.gan.latent_dim), np.float32), [3])
        image = sampling.run_batched(run.generator, zero)[0, ..., 0]
        assert np.abs(pixels - (image + 1) * 127.5).max() <= 0.51  # rounded

        for control, value in (
            ("#truncation", "1"),
            ("#direction-1", "2"),
            ("#direction-8", "-1"),
            ("#seed", "5"),
        ):
            page.locator(control).fill(value)
            picture = changed(page, "#download", picture, "href")
        assert page.locator("#direction-1 + output").inner_text() == "2"
        page.locator("#seed").press("Enter")  # no form is sent
        page.locator("#back").click()
        picture = changed(page, "#download", picture, "href")
        assert page.locator("#direction-1").input_value() == "0"
        page.locator("#label").select_option("7")
        changed(page, "#download", picture, "href")
        assert [text for kind, text in told if kind == "error"] == []
        assert "An image in" in page.locator("#status").inner_text()
