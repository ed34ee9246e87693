"""`keras-gan restore`: what is lost, what is kept, and the figures beside simpler ways."""

import json
from pathlib import Path

import numpy as np
import pytest
from conftest import everything
from PIL import Image

from keras_gan import load
from keras_gan.apps.inversion import images as loading
from keras_gan.apps.inversion import restoring

QUICK = ("--steps=5", "--restarts=2", "--samples=2")
RANDOM = np.random.default_rng(1)


def restored(cli, run, *args) -> tuple[dict, dict[str, np.ndarray]]:
    """(report, arrays) of a call that succeeds."""
    result = cli("restore", run, *args, *QUICK)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "restored"
    assert everything(Path("restored")) == ["images.npz", "restore.json", "strip.png"]
    with np.load("restored/images.npz") as arrays:
        return json.loads(Path("restored/restore.json").read_text()), dict(arrays)


def picture(path, array) -> str:
    Image.fromarray(array.astype(np.uint8)).save(path)
    return str(path)


def test_inpainting_keeps_what_is_known_and_does_not_see_what_is_not(plain_run, cli):
    report, found = restored(cli, plain_run, "train[:3]", "--task=inpaint")
    hole = np.zeros((8, 8), bool)
    hole[2:6, 2:6] = True
    for made in (found["restored"], *found["samples"].swapaxes(0, 1)):
        assert np.array_equal(made[:, ~hole], found["originals"][:, ~hole])
        assert not np.array_equal(made[:, hole], found["originals"][:, hole])
    assert found["samples"].shape == (3, 2, 8, 8, 1)
    assert np.abs(np.diff(found["samples"], axis=1)).max() > 0.01  # they are not one
    strip = np.asarray(Image.open("restored/strip.png"))
    assert strip.shape == (3 * 33 + 1, 5 * 33 + 1)
    # Another image with the same known pixels gives the same result.
    changed = np.where(hole, 255, np.round((found["originals"][0, ..., 0] + 1) * 127.5))
    _, again = restored(cli, plain_run, picture("a.png", changed), "--task=inpaint")
    assert np.allclose(again["restored"][0], found["restored"][0], atol=1e-4)
    rows = {row["method"]: row for row in report["figures"]}
    assert list(rows) == ["mean of known pixels", "restored", "mean of samples"]
    originals = found["originals"]
    filled = originals[:, ~hole].mean(axis=1)[:, None, None, :]
    error = np.square((originals - filled)[:, hole] / 2).mean(axis=(1, 2))
    expected = -10 * np.log10(error).mean()
    assert np.isclose(rows["mean of known pixels"]["psnr_in_hole"], expected, atol=1e-4)


def test_a_mask_s_white_part_is_filled_in(plain_run, cli):
    mask = np.zeros((8, 8))
    mask[:, :3] = 255
    mask = picture("m.png", mask)
    _, found = restored(cli, plain_run, "train[:2]", "--task=inpaint", "--mask", mask)
    same = (found["restored"] == found["originals"]).all(axis=(0, 3))
    assert same[:, 3:].all()
    assert not same[:, :3].all()


def test_random_masks_are_the_image_s_own_and_the_seed_s(plain_run, cli):
    task = restoring.Inpaint(load(plain_run), 50, 7, "random")
    known = task.operator.known
    assert known.shape == (50, 8, 8)
    assert abs(known.mean() - 0.5) < 4 * 0.5 / np.sqrt(known.size)  # four standard errors
    assert len(np.unique(known.reshape(50, -1), axis=0)) == 50
    assert np.array_equal(known, restoring.Inpaint(load(plain_run), 50, 7, "random").operator.known)
    restored(cli, plain_run, "train[:3]", "--task=inpaint", "--mask=random")


def test_super_resolution_sees_means_of_blocks(plain_run, cli):
    report, found = restored(cli, plain_run, "train[:3]", "--task=super-resolve", "--factor=4")
    means = found["originals"].reshape(3, 2, 4, 2, 4, 1).mean(axis=(2, 4))
    assert np.allclose(found["degraded"][:, ::4, ::4], means, atol=1e-6)
    names = [row["method"] for row in report["figures"]]
    assert names == ["nearest", "bicubic", "restored", "mean of samples"]
    error = np.square((found["degraded"] - found["originals"]) / 2).mean(axis=(1, 2, 3))
    assert np.isclose(report["figures"][0]["psnr"], -10 * np.log10(error).mean(), atol=1e-4)


def test_noise_has_the_deviation_that_was_asked_for(plain_run, cli):
    report, found = restored(cli, plain_run, "train[:100]", "--task=denoise", "--sigma=0.5")
    noise = (found["degraded"] - found["originals"]) / 2
    assert abs(noise.std() - 0.5) < 4 * 0.5 / np.sqrt(2 * noise.size)  # four standard errors
    assert [row["method"] for row in report["figures"]][:2] == ["noisy", "mean of 3x3"]


def test_images_that_are_degraded_already_are_taken_as_they_are(plain_run, cli):
    low = RANDOM.integers(256, size=(4, 4))
    arguments = (picture("low.png", low), "--task=super-resolve", "--degraded")
    report, found = restored(cli, plain_run, *arguments)
    assert report["figures"] == []
    assert "originals" not in found
    assert found["restored"].shape == (1, 8, 8, 1)
    seen = np.round((found["degraded"][0, ::2, ::2, 0] + 1) * 127.5)
    assert np.array_equal(seen, low)
    large = picture("large.png", RANDOM.integers(256, size=(8, 8)))
    refused = cli("restore", plain_run, large, *arguments[1:])
    assert "large.png should be exactly 4x4 (height x width). Received: 8x8." in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--task=sharpen"], "There is no task `sharpen`"),
        (["--task=inpaint", "--factor=2"], "--factor is for --task super-resolve, not for inpaint"),
        (["--task=super-resolve", "--factor=3"], "should divide the images' height and width, 8x8"),
        (["--task=inpaint", "--mask=none.png"], "Can't read the mask none.png: No such file"),
        (["--task=inpaint", "--mask=text.png"], "Can't read the mask text.png: it is no picture"),
        (
            ["--task=inpaint", "--mask=large.png"],
            "as large as the run's images, 8x8. Received: 9x8",
        ),
        (["--task=inpaint", "--mask=empty.png"], "no hole: no pixel is white"),
        (["--task=inpaint", "--mask=full.png"], "leaves nothing of the image"),
        (["--task=inpaint", "--mask=random", "--degraded"], "give the mask as a picture"),
        (["--task=denoise", "--label=1"], "was trained without labels"),
        (["--task=denoise", "--sigma=0"], "sigma"),
    ],
)
def test_what_can_t_be_restored_is_told_in_a_line_and_nothing_is_written(
    arguments, said, plain_run, cli
):
    picture("large.png", RANDOM.integers(256, size=(9, 8)))
    picture("empty.png", np.zeros((8, 8)))
    picture("full.png", np.full((8, 8), 255))
    Path("text.png").write_text("no picture")
    before = everything(Path())
    result = cli("restore", plain_run, "train[:2]", *arguments)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert everything(Path()) == before


def test_the_first_test_images_are_taken_by_default(plain_run, cli):
    result = cli("restore", plain_run, "--task=denoise", *QUICK)
    given = loading.load(load(plain_run), ["test[:16]"])
    assert result.exit_code == 0, result.stderr
    names = json.loads(Path("restored/restore.json").read_text())["images"]
    assert names == list(given.names) == [f"test[{n}]" for n in range(16)]
