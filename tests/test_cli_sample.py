"""`keras-gan sample`: grids, folders and arrays, a function of the seed."""

from pathlib import Path

import numpy as np
import pytest
from conftest import QUICK, npz
from PIL import Image

from keras_gan import load
from keras_gan.runs import sampling
from keras_gan.utils.pixels import to_uint8


def arrays(path) -> dict[str, np.ndarray]:
    with np.load(path) as archive:
        return dict(archive)


def tiles(path, rows, columns, size=32) -> np.ndarray:
    """The tiles of a grid of enlarged 8x8 digits, (rows, columns, 8, 8)."""
    sheet = np.asarray(Image.open(path))
    assert sheet.shape == (rows * (size + 1) + 1, columns * (size + 1) + 1)
    cut = sheet[:-1, :-1].reshape(rows, size + 1, columns, size + 1)[:, 1:, :, 1:]
    return cut.transpose(0, 2, 1, 3)[:, :, :: size // 8, :: size // 8]


def test_an_npz_holds_images_and_what_they_were_made_from(plain_run, cli):
    result = cli("sample", plain_run, "--count=7", "--seed=3", "--out=a.npz")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "a.npz\n", "")
    found = arrays("a.npz")
    assert sorted(found) == ["images", "latents"]
    assert (found["images"].shape, found["images"].dtype) == ((7, 8, 8, 1), np.uint8)
    assert (found["latents"].shape, found["latents"].dtype) == ((7, 32), np.float32)
    drawn = sampling.sample(load(plain_run), 7, seed=3)
    assert np.array_equal(found["images"], to_uint8(drawn["samples"]))
    assert np.array_equal(found["latents"], drawn["latents"])


@pytest.mark.parametrize("ending", [".npz", ".png", ""])
def test_the_same_seed_gives_the_same_bytes(ending, plain_run, cli):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert cli("sample", plain_run, f"--seed={seed}", "--out", name + ending).exit_code == 0
    paths = [Path(name + ending) for name in "abc"]
    contents = [
        b"".join(f.read_bytes() for f in sorted(p.iterdir())) if p.is_dir() else p.read_bytes()
        for p in paths
    ]
    assert contents[0] == contents[1] != contents[2]


def test_a_grid_and_a_folder_show_the_same_images_as_the_arrays(plain_run, cli):
    for out in ("a.npz", "a.png", "new/folder"):
        assert cli("sample", plain_run, "--count=6", "--out", out).exit_code == 0
    images = arrays("a.npz")["images"][..., 0]
    assert np.array_equal(tiles("a.png", 2, 3).reshape(6, 8, 8), images)
    files = sorted(Path("new/folder").iterdir())
    assert [f.name for f in files] == [f"{n:06d}.png" for n in range(6)]
    assert np.array_equal(np.stack([np.asarray(Image.open(f)) for f in files]), images)


def test_without_arguments_a_grid_of_the_newest_run_is_written(plain_run, cli):
    Path("runs").mkdir()
    Path("runs/only").symlink_to(plain_run)
    assert cli("sample").stdout == "samples.png\n"
    tiles("samples.png", 10, 10)
    written = Path("samples.png").read_bytes()
    Path("samples.png").write_bytes(b"old")
    assert cli("sample").exit_code == 0
    assert Path("samples.png").read_bytes() == written  # replaces the old one


def test_labels_in_turn_make_a_column_a_class(conditional_run, cli):
    for out in ("a.npz", "a.png"):
        assert cli("sample", conditional_run, "--count=30", "--out", out).exit_code == 0
    found = arrays("a.npz")
    assert found["labels"].dtype == np.int32
    assert found["labels"].tolist() == list(range(10)) * 3
    assert np.array_equal(tiles("a.png", 3, 10).reshape(30, 8, 8), found["images"][..., 0])


def test_many_classes_make_a_square_of_their_samples(cli, tmp_path):
    data = npz(tmp_path / "a.npz", count=50, labels=np.arange(50) % 25)
    labels = ("--set=network.conditioning=concat", "--set=output.samples_every_epochs=0")
    fitted = cli(
        "fit", "digits", "--data", data, "--epochs=1", "--batch-size=25", "--run-dir=run",
        *QUICK, *labels,
    )  # fmt: skip
    assert fitted.exit_code == 0, fitted.stderr
    for out in ("s.npz", "s.png"):
        assert cli("sample", "run", "--count=36", "--out", out).exit_code == 0
    found = arrays("s.npz")
    assert found["labels"].tolist() == [*range(25), *range(11)]
    assert np.array_equal(tiles("s.png", 6, 6).reshape(36, 8, 8), found["images"][..., 0])


def test_one_label_may_be_asked_for(conditional_run, cli):
    assert cli("sample", conditional_run, "--label=4", "--count=9", "--out=a.npz").exit_code == 0
    assert cli("sample", conditional_run, "--label=4", "--count=9", "--out=a.png").exit_code == 0
    found = arrays("a.npz")
    assert found["labels"].tolist() == [4] * 9
    assert np.array_equal(tiles("a.png", 3, 3).reshape(9, 8, 8), found["images"][..., 0])


def test_an_interpolation_is_a_strip_a_row(conditional_run, cli):
    walk = ("sample", conditional_run, "--interpolate=5", "--count=2", "--seed=7", "--label=3")
    for out in ("a.npz", "a.png"):
        assert cli(*walk, "--out", out).exit_code == 0
    found = arrays("a.npz")
    assert found["images"].shape == (10, 8, 8, 1)
    assert found["labels"].tolist() == [3] * 10
    assert np.array_equal(tiles("a.png", 2, 5).reshape(10, 8, 8), found["images"][..., 0])
    steps = np.linalg.norm(np.diff(found["latents"].reshape(2, 5, 32), axis=1), axis=-1)
    assert steps.std(axis=1).max() < 0.35 * steps.mean()  # even steps


def test_points_are_arrays_of_floats_or_a_drawing(points_run, cli):
    assert cli("sample", points_run, "--count=500", "--out=a.npz").exit_code == 0
    found = arrays("a.npz")
    assert (found["images"].shape, found["images"].dtype) == ((500, 2), np.float32)
    assert np.isfinite(found["images"]).all()
    assert cli("sample", points_run, "--count=500", "--out=a.png").exit_code == 0
    drawing = np.asarray(Image.open("a.png"))
    assert drawing.shape == (256, 256)
    assert 0 < (drawing < 255).sum() <= 500
    refused = cli("sample", points_run, "--out=folder")
    assert refused.exit_code == 2
    assert refused.stderr == "Error: Points can be written as .npz or drawn as one .png.\n"
    assert not Path("folder").exists()
