"""What the tests share: the real data, the command line, and two small trained runs."""

import gc
import os
import sys
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
# What keras_gan sets, too late where a test imports TensorFlow first; processes that tests start
# would inherit it, and differ in their last bits.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
for _name in [*os.environ]:  # a developer's own settings are no test's business
    if _name in ("TFDS_DATA_DIR", "NO_COLOR") or (
        _name.startswith("KERAS_GAN_") and _name != "KERAS_GAN_TEST_DATA"
    ):
        del os.environ[_name]

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from click.testing import CliRunner  # noqa: E402

ROOT = Path(__file__).parents[1]
DATA = Path(os.environ.get("KERAS_GAN_TEST_DATA", ROOT.parent / "shared" / "data"))

NO_XLA = "--set=training.jit_compile=false"
#: Without what takes long to compile and has tests of its own.
PLAIN = (NO_XLA, "--set=output.held_out_every_epochs=0")
#: `fit` settings that make a run in a few seconds: small networks, no XLA, short calls.
QUICK = (
    "--set=network.generator.hidden=[16, 16]",
    "--set=network.discriminator.hidden=[16]",
    *PLAIN,
    "--set=training.steps_per_execution=10",
    "--set=output.scalars_every_steps=10",
)


def pytest_collection_finish():
    """What has been imported by now stays: garbage collections need not look at it again."""
    gc.freeze()


PROGRAM = str(Path(sys.executable).with_name("keras-gan"))  # for tests of real processes


def real_data(*parts: str) -> Path:
    """A folder of the real data, or a skip that says what is missing."""
    path = DATA.joinpath(*parts)
    if not path.exists():
        pytest.skip(f"no {path}: KERAS_GAN_TEST_DATA names the folder of the real data")
    return path


def is_a_test(name: str) -> bool:
    """Whether there is one that is named so: file.py::test_name."""
    file, function = name.split("::")
    return f"def {function}(" in (ROOT / "tests" / file).read_text("utf-8")


def everything(folder: Path) -> list[str]:
    """The paths of all that is in a folder, sorted."""
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def npz(path: Path, count: int = 40, side: int = 8, **arrays) -> str:
    """Writes random grey images without labels, and returns the path."""
    images = np.random.default_rng(0).integers(256, size=(count, side, side)).astype(np.uint8)
    np.savez(path, images=images, **arrays)
    return str(path)


def invoke(*args, **settings):
    """`keras-gan args...` in this process: exit_code, stdout, stderr."""
    from keras_gan.cli import main

    return CliRunner().invoke(main, [str(a) for a in args], prog_name="keras-gan", **settings)


@pytest.fixture
def cli(tmp_path, monkeypatch):
    """`keras-gan args...` in an empty folder that is the test's own."""
    monkeypatch.chdir(tmp_path)
    return invoke


def _fitted(folder: Path, *args) -> Path:
    run = folder / "run"
    result = invoke("fit", "digits", "--run-dir", run, *QUICK, *args)
    assert result.exit_code == 0, result.stderr
    return run


@pytest.fixture(scope="session")
def plain_run(tmp_path_factory):
    """2 epochs of a tiny MLP on the bundled digits; not to be written to."""
    return _fitted(tmp_path_factory.mktemp("plain"), "--epochs", 2)


@pytest.fixture(scope="session")
def conditional_run(tmp_path_factory):
    """The same with labels."""
    labels = "--set=network.conditioning=projection"
    return _fitted(tmp_path_factory.mktemp("conditional"), "--epochs", 2, labels)


@pytest.fixture(scope="session")
def bidirectional_run(tmp_path_factory):
    """The same with an encoder and without labels."""
    game = ("--set=game.name=bigan", "--set=network.encoder={hidden: [16]}")
    return _fitted(tmp_path_factory.mktemp("bidirectional"), "--epochs", 2, *game)


@pytest.fixture(scope="session")
def points_run(tmp_path_factory):
    """One epoch on 8 Gaussians on a circle: points in place of images."""
    return _fitted(
        tmp_path_factory.mktemp("points"),
        "--epochs=1",
        "--batch-size=1000",
        "--data=ring_8",
        "--set=network.generator={hidden: [16, 16], output_activation: linear}",
    )


@pytest.fixture(scope="session")
def web_runtime(tmp_path_factory):
    """Files with the names of onnxruntime-web's: enough to write a page, not to show it."""
    from keras_gan.exporters import web

    folder = tmp_path_factory.mktemp("runtime")
    for name in web.RUNTIME:
        (folder / name).write_text("no runtime")
    return folder
