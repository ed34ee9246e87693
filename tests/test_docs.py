"""The docs: every page is built, every link leads somewhere, every command runs."""

import importlib.util
import os
import re
import shlex
import shutil
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest
from conftest import ROOT, invoke, real_data

from keras_gan.sweep import plan

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
#: Pages whose blocks of commands are run here; the README's and the recovery page's are in
#: test_readme.py, data.md's in test_streaming.py.
RUN = ("start", "own_data", "objectives", "sweep", "evaluate", "commands", "demo")
SHORT = ["--epochs", "1", "--set", "data.split=train[:256]", "--set", "output.sample_count=20"]


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", (DOCS / f"{page}.md").read_text(), re.DOTALL)


def commands(page: str) -> list[str]:
    lines = "".join(blocks(page, "sh")).splitlines()
    return [line.partition("#")[0].strip() for line in lines if line.partition("#")[0].strip()]


# ---------------------------------------------------------------------------- the site


class Resources(HTMLParser):
    """What a browser loads with a page: all but links that a person may follow."""

    def __init__(self):
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag in ("script", "img", "iframe", "source") and given.get("src"):
            self.found.append(given["src"])
        if tag == "link" and given.get("rel") not in ("canonical", "prev", "next"):
            self.found.append(given["href"])


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec("mkdocs") is None, reason="pip install 'keras-gan[docs]'"
)
def test_the_site_is_built_without_a_warning_and_needs_nobody(tmp_path):
    """A page that is missing in the menu, a dead link, a dead anchor: each is a warning."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert len(pages) >= len(PAGES)
    for page in pages:
        resources = Resources()
        resources.feed(page.read_text("utf-8"))
        outside = [r for r in resources.found if re.match(r"(https?:)?//", r)]
        assert not outside, page
    api = (tmp_path / "site" / "api.html").read_text("utf-8")
    assert "keras_gan.gan.GAN" in api and "Goodfellow 2014, Algorithm 1" in api


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_within_the_repository_lead_somewhere(page):
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target
    for named in re.findall(
        r"`((?:docs|benchmarks|tests|keras_gan|exporters)/[\w/.]+\.\w+)`", text
    ):
        assert (ROOT / named).exists(), named


def test_every_picture_is_shown_and_can_be_made_again():
    shown = "".join(page.read_text("utf-8") for page in [*PAGES, ROOT / "README.md"])
    script = (DOCS / "pictures.py").read_text("utf-8")
    for picture in (DOCS / "images").iterdir():
        assert f"images/{picture.name}" in shown, picture
        name = picture.stem
        made = (
            name.startswith("theory_")  # keras-gan theory, see theory.md
            or name == "mnist_samples"  # keras-gan sample, see the README
            or picture.name in script
            or (name.startswith("curves_") and f'"{name.removeprefix("curves_")}"' in script)
        )
        assert made, f"no script makes {picture}"


# ---------------------------------------------------------------------------- commands


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder of pictures in two classes, and the sweep of the docs."""
    import numpy as np
    from PIL import Image

    folder = tmp_path_factory.mktemp("docs")
    random = np.random.default_rng(0)
    for name in ("cats", "dogs"):
        (folder / "path/to/pictures" / name).mkdir(parents=True)
        for n in range(40):
            pixels = random.integers(256, size=(70, 90, 3)).astype(np.uint8)
            Image.fromarray(pixels).save(folder / "path/to/pictures" / name / f"{n}.png")
    (text,) = blocks("sweep", "yaml")
    (folder / "sweep.yaml").write_text(text)
    return folder


def runnable(command: str) -> list[str]:
    """A command's arguments, made short."""
    arguments = shlex.split(command)[1:]
    if arguments[0] == "fit":
        short = [*SHORT, "--set", "output.held_out_every_epochs=0"]
        arguments = [*arguments[:2], *short, *arguments[2:]]
        if "photos" in arguments:
            arguments += ["--batch-size", "16", "--set=data.image_size=32"]
            arguments += [f"--set=network.{n}.width=4" for n in ("generator", "discriminator")]
    if arguments[0] == "evaluate":
        arguments = [*arguments, "--count", "200"]
    return arguments


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_every_command_of_a_page_runs(page, workplace, monkeypatch, web_runtime):
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("TFDS_DATA_DIR", str(real_data("tensorflow_datasets")))
    monkeypatch.setenv("KERAS_GAN_CACHE", str(workplace / "cache"))
    if not Path("runs").exists():
        assert invoke(*runnable("keras-gan fit digits")).exit_code == 0
    done = 0
    for command in commands(page):
        arguments = runnable(command)
        if arguments[0] == "demo":
            continue  # test_demo.py serves it
        if arguments[0] == "sweep" and "--dry-run" not in arguments:
            continue  # 18 runs: test_sweep.py plays a smaller one
        if "web" in arguments:
            arguments += ["--web-runtime", str(web_runtime)]  # test_web.py installs the real one
        result = invoke(*arguments)
        assert result.exit_code == 0, f"{command}: {result.stderr}"
        done += 1
    assert done


def test_the_pages_sweep_is_a_plan(workplace):
    read = plan.read(workplace / "sweep.yaml")
    assert len(read.cells) == 1 * 3 * 2 * 3
    assert len(plan.read(DOCS / "sweeps" / "objectives.yaml").cells) == 7 * 3


def test_other_pages_name_commands_that_there_are():
    from keras_gan.cli import main

    for page in PAGES:
        for name in re.findall(
            r"(?:^(?: {4})?|`)keras-gan ([a-z]+)", page.read_text("utf-8"), re.M
        ):
            assert name in main.commands, f"{page.name}: {name}"


def test_the_objective_of_the_docs_is_added_by_its_diff(tmp_path):
    """Applied to a copy; its losses are those that the page says."""
    (diff,) = blocks("extend", "diff")
    if shutil.which("patch") is None:
        pytest.skip("no patch")
    (tmp_path / "keras_gan").mkdir()
    copy = shutil.copy(ROOT / "keras_gan" / "objectives.py", tmp_path / "keras_gan")
    subprocess.run(["patch", "-p1"], input=diff, text=True, cwd=tmp_path, check=True,
                   capture_output=True)  # fmt: skip
    spec = importlib.util.spec_from_file_location("changed_objectives", copy)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    import tensorflow as tf

    real, fake = tf.constant([-5, 1.4, 12.5, 2.7]), tf.constant([10, 4.4, -5.5, 3.6])
    game = module.get("total_variation")
    losses = game.generator_loss(real, fake), game.discriminator_loss(real, fake)
    said = [float(n) for n in re.findall(r"-?0\.\d{7,}", (DOCS / "extend.md").read_text())]
    assert [float(loss) for loss in losses] == pytest.approx(said, abs=1e-7)


@pytest.mark.slow
def test_the_notebook_runs_offline(tmp_path, monkeypatch):
    nbclient = pytest.importorskip("nbclient", reason="pip install 'keras-gan[docs]'")
    import nbformat

    monkeypatch.setenv("KERAS_GAN_RUNS", str(tmp_path / "runs"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")  # nobody: what asks outside fails
    monkeypatch.setitem(os.environ, "NO_PROXY", "127.0.0.1,localhost")
    notebook = nbformat.read(DOCS / "notebooks" / "digits.ipynb", as_version=4)
    client = nbclient.NotebookClient(notebook, timeout=900, kernel_name="python3",
                                     resources={"metadata": {"path": str(tmp_path)}})  # fmt: skip
    client.execute()
    shown = [
        o for c in notebook.cells for o in c.get("outputs", ()) if "image/png" in o.get("data", {})
    ]
    assert len(shown) == 6
