"""The docs: every page is built, every link leads somewhere, every command runs."""

import json
import os
import re
import shlex
import socket
import subprocess
import sys
from dataclasses import is_dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest
from browsing import browser_page, served
from conftest import NO_XLA, PLAIN, PROGRAM, ROOT, invoke, is_a_test, real_data

from keras_gan.apps.sweep import plan
from keras_gan.config import Config
from keras_gan.games import losses, recipes, regularizers
from keras_gan.utils.checks import annotations
from keras_gan.utils.registry import parameters

DOCS = ROOT / "docs"
PAGES = sorted(DOCS.glob("*.md"))
README = (ROOT / "README.md").read_text("utf-8")
#: Pages whose commands are run here, but for those that the README has, too.
RUN = (
    *("start", "own_data", "losses", "sweep", "evaluate", "commands", "demo"),
    *("data", "export", "results", "scaling", "theory"),
)
#: Pages whose commands are run by other tests.
ELSEWHERE = {
    "conditioning": "test_docs_labels.py::test_every_command_runs",
    "semi_supervised": "test_docs_labels.py::test_every_command_runs",
    "inversion": "test_inversion.py::test_every_command_of_the_page_runs",
    "recovery": "test_readme.py::test_every_command_of_the_recovery_page_runs",
    "extend": "test_extend.py::test_its_commands_run",
}
#: Commands (their beginnings) that other tests run, with a server or in a browser.
SERVED = {
    "keras-gan demo": "test_demo.py::test_a_browser_clicks_through_the_page_of_a_run_that_goes_on",
    "keras-gan sample --server": "test_serving.py::test_the_command_asks_a_server",
    "keras-gan sweep sweep.yaml --processes": "test_sweep.py::"
    "test_a_stopped_sweep_goes_on_with_the_same_command",
}
#: A file that docs/extend.md adds.
ADDED = "keras_gan/games/wgan_gp.py"
GAMES = ROOT / "tests" / "replica_games.py"
SHORT = ["--epochs=1", "--set=data.split=train[:256]", "--set=output.sample_count=20"]


def blocks(page: str, kind: str) -> list[str]:
    return re.findall(rf"```{kind}\n(.*?)```", (DOCS / f"{page}.md").read_text(), re.DOTALL)


def commands(text: str, program: str = "keras-gan") -> list[str]:
    """What a reader is told to type: lines of their own, fenced or set in."""
    lines = re.findall(rf"^(?: {{4}})?({program} [^#\n]*)", text, re.MULTILINE)
    return [line.strip() for line in lines]


def of_page(name: str) -> list[str]:
    """A page's commands, but for those that the README has, which are run with it."""
    known = commands(README)
    told = commands((DOCS / f"{name}.md").read_text("utf-8"))
    return [c for c in told if c.removesuffix(" --data-dir DIR").removesuffix(" RUN") not in known]


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


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The built site. A page that no menu has, a dead link, a dead anchor: each is a warning."""
    pytest.importorskip("mkdocs", reason="pip install 'keras-gan[docs]'")
    folder = tmp_path_factory.mktemp("docs") / "site"
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", folder]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.slow
def test_the_site_is_built_without_a_warning_and_needs_nobody(site):
    pages = list(site.rglob("*.html"))
    assert len(pages) >= len(PAGES)
    for page in pages:
        resources = Resources()
        resources.feed(page.read_text("utf-8"))
        outside = [r for r in resources.found if re.match(r"(https?:)?//", r)]
        assert not outside, page
    api = (site / "api.html").read_text("utf-8")
    assert "keras_gan.games.gan.GAN" in api and "Goodfellow 2014, Algorithm 1" in api


@pytest.mark.slow
def test_the_site_is_read_and_searched_without_a_network(site):
    with served(site) as address, browser_page() as page:
        page.goto(f"{address}curves.html")
        pictures = page.locator("article img").all()
        assert pictures
        for picture in pictures:
            picture.scroll_into_view_if_needed()
            assert picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0
        page.locator(".md-search__input").click()
        page.locator(".md-search__input").press_sequentially("total variation")
        page.locator(".md-search-result__link[href*='extend.html']").first.click()
        page.wait_for_url("**/extend.html**")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_within_the_repository_lead_somewhere(page):
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", text):
        if not target.startswith(("http://", "https://")):
            assert (page.parent / target).exists(), target
    for named in re.findall(
        r"`((?:docs|benchmarks|tests|keras_gan|exporters)/[\w/.]+\.\w+)`", text
    ):
        assert (ROOT / named).exists() or named == ADDED, named


def test_every_picture_is_shown_and_can_be_made_again():
    shown = "".join(page.read_text("utf-8") for page in [*PAGES, ROOT / "README.md"])
    script = (DOCS / "pictures.py").read_text("utf-8")
    for picture in (DOCS / "images").iterdir():
        assert f"images/{picture.name}" in shown, picture
        name = picture.stem
        made = (
            name.startswith("theory_")  # keras-gan theory, see theory.md
            or f"docs/images/{picture.name}" in shown  # by a command that stands there
            or picture.name in script
            or (name.startswith("curves_") and f'"{name.removeprefix("curves_")}"' in script)
        )
        assert made, f"no script makes {picture}"


# ---------------------------------------------------------------------------- commands


@pytest.fixture(scope="module")
def workplace(tmp_path_factory, web_runtime):
    """A folder of pictures in two classes, the sweep of the docs, images with ten labels."""
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
    images = random.integers(256, size=(64, 32, 32, 3)).astype(np.uint8)
    np.savez(folder / "colours.npz", images=images, labels=np.arange(64) % 10)
    (folder / "runtime").symlink_to(web_runtime)
    return folder


#: What makes other networks small and short: {recipe: options}.
SMALL = {
    "photos": ["--batch-size=16", "--set=data.image_size=32"]
    + [f"--set=network.{n}.width=4" for n in ("generator", "discriminator")],
    "cifar10_resnet": ["--data=colours.npz", "--batch-size=16", "--precision=float32"]
    + [f"--set=network.{n}={{width: 4, max_width: 8}}" for n in ("generator", "discriminator")],
}


def runnable(command: str) -> list[str]:
    """A command's arguments, made short."""
    command = command.replace("DIR", os.environ["TFDS_DATA_DIR"]).replace("[RUN]", "")
    command = command.replace("--labels 1000", "--labels 100")  # this run has 256
    run = "RUN" in command and str(min(Path("runs/digits").iterdir()))
    arguments = [run if word == "RUN" else word for word in shlex.split(command)[1:]]
    kind, *rest = arguments
    if kind == "fit":
        points = rest[0] in ("gaussian_1d", "ring_8")
        short = ["--epochs=1", "--batch-size=5000"] if points else SHORT
        arguments = [kind, rest[0], *short, *PLAIN, *rest[1:]]
        arguments += SMALL.get(rest[0], [])
    elif kind == "evaluate":
        arguments += ["--count=200"]
        if "--extractor" not in rest:
            arguments += ["--extractor=pixels"]  # others' classifiers take minutes
    elif rest[:1] == ["discriminator"]:
        arguments += ["--rounds=20"]
    elif rest[:1] == ["games"]:
        arguments += ["--set=training.epochs=1", "--set=training.batch_size=5000"]
        arguments += ["--head-start=10", NO_XLA]
    elif "web" in rest:
        arguments += ["--web-runtime=runtime"]  # test_web.py installs the real one
    return arguments


@pytest.mark.slow
@pytest.mark.parametrize("page", RUN)
def test_every_command_of_a_page_runs(page, workplace, monkeypatch):
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("TFDS_DATA_DIR", str(real_data("tensorflow_datasets")))
    monkeypatch.setenv("KERAS_GAN_CACHE", str(workplace / "cache"))
    if not Path("runs").exists():
        assert invoke(*runnable("keras-gan fit digits")).exit_code == 0
    for command in of_page(page):
        if any(command.startswith(one) for one in SERVED):
            continue
        arguments = runnable(command)
        if "--strategy" in arguments:
            done = by_several(arguments)
            assert done.returncode == 0, f"{command}: {done.stderr}"
            continue
        result = invoke(*arguments)
        assert result.exit_code == 0, f"{command}: {result.stderr}"


def by_several(arguments: list[str]) -> subprocess.CompletedProcess:
    """On two logical CPUs, or as the only worker of a cluster; test_readme.py trains so."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    cluster = {"cluster": {"worker": [address]}, "task": {"type": "worker", "index": 0}}
    program, environment = [PROGRAM], {"TF_CONFIG": json.dumps(cluster)}
    if "mirrored" in arguments:
        program, environment = [sys.executable, str(GAMES), "2"], {}
    return subprocess.run(
        [*program, *arguments, "--dry-run"],
        env={**os.environ, **environment}, capture_output=True, text=True,
    )  # fmt: skip


def test_commands_of_every_page_are_run_by_a_test():
    assert {page.stem for page in PAGES if of_page(page.stem)} <= {*RUN, *ELSEWHERE}
    for test in (*ELSEWHERE.values(), *SERVED.values()):
        assert is_a_test(test), test


def test_scripts_that_the_docs_name_have_the_options_that_they_are_given():
    pages = [*PAGES, ROOT / "benchmarks" / "README.md", ROOT / "CONTRIBUTING.md"]
    text = "\n".join(page.read_text("utf-8") for page in pages)
    named = re.findall(r"python ((?:docs|benchmarks|tests)/[\w/]+\.py)([^`#\n]*)", text)
    assert len(named) > 15
    for script, arguments in named:
        source = (ROOT / script).read_text("utf-8")
        for option in re.findall(r"--[a-z][a-z-]*", arguments):
            assert f'"{option}"' in source, f"{script} has no {option}"


def test_settings_that_the_docs_name_exist():
    sections = {n: kind for n, kind in annotations(Config).items() if is_dataclass(kind)}
    tables = {name: set(annotations(kind)) for name, kind in sections.items()}
    tables["game"] = {"name"} | {o for g in recipes.GAMES.values() for o in annotations(g.Options)}
    tables["network"] = {o for g in recipes.GAMES.values() for o in annotations(g.Networks)}
    tables["loss"] = {"name"} | {o for loss in losses.LOSSES.values() for o in parameters(loss)}
    tables["regularizers"] = set(regularizers.REGULARIZERS)
    others = {"architecture", "extend"}  # they name modules, and options that the page adds
    pages = [page for page in PAGES if page.stem not in others]
    pages += [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md"]
    text = "\n".join(page.read_text("utf-8") for page in pages)
    named = set(re.findall(rf"[`\s\"'={{]({'|'.join(tables)})\.([a-z]\w*)", text))
    assert len(named) > 40
    assert not {f"{table}.{name}" for table, name in named if name not in tables[table]}


def test_the_pages_sweep_is_a_plan(workplace):
    read = plan.read(workplace / "sweep.yaml")
    assert len(read.cells) == 1 * 3 * 2 * 3
    assert len(plan.read(DOCS / "sweeps" / "losses.yaml").cells) == 7 * 3


def test_other_pages_name_commands_that_there_are():
    from keras_gan.cli import main

    for page in PAGES:
        for name in re.findall(
            r"(?:^(?: {4})?|`)keras-gan ([a-z]+)", page.read_text("utf-8"), re.M
        ):
            assert name in main.commands, f"{page.name}: {name}"


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
