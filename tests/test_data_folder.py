"""Folders of pictures: any size and mode, classes, and what can't be decoded."""

import time
import warnings

import numpy as np
import pytest
from PIL import Image

from keras_gan.config import DataConfig
from keras_gan.data import Source, load_source
from keras_gan.data.folder import notes_on
from keras_gan.utils.errors import DataError

RED, GREEN, BLUE = (255, 0, 0), (0, 255, 0), (0, 0, 255)
RAMP = np.tile(np.arange(0, 256, 4, dtype=np.uint8), (64, 1))  # 64 x 64, 0..252


def source(path, **settings) -> Source:
    return load_source(DataConfig(name=str(path), **settings))


def error_of(path, **settings) -> str:
    with pytest.raises(DataError) as caught:
        source(path, **settings)
    return str(caught.value)


def bands(height=20, width=40) -> Image.Image:
    """A quarter red, half green, a quarter blue, from left to right."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:, : width // 4] = RED
    pixels[:, width // 4 : -width // 4] = GREEN
    pixels[:, -width // 4 :] = BLUE
    return Image.fromarray(pixels)


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "pictures"
    path.mkdir()
    return path


# ---------------------------------------------------------------- size and crop


def test_the_centre_is_cut_out_and_nothing_else_changed(folder):
    bands().save(folder / "a.png")
    found = source(folder, image_size=20)
    assert found.images.shape == (1, 20, 20, 3)
    assert (found.images == GREEN).all()  # 10 columns of red, and of blue, are gone


def test_tall_pictures_are_cut_above_and_below(folder):
    bands().transpose(Image.Transpose.ROTATE_90).save(folder / "a.png")
    assert (source(folder, image_size=20).images == GREEN).all()


def test_larger_pictures_are_resized_before_they_are_cut(folder):
    bands(200, 400).save(folder / "a.png")
    images = source(folder, image_size=20).images
    assert (images[0, :, 4:-4] == GREEN).all()
    assert images[0, :, 0, 0].max() < 40  # the filter reaches a little over the edge


def test_small_pictures_of_one_size_keep_it(folder):
    for name in "ab":
        bands(12, 24).save(folder / f"{name}.png")
    assert source(folder).sample_shape == (12, 24, 3)
    bands(20, 40).save(folder / "c.png")
    assert source(folder).sample_shape == (64, 64, 3)


def test_large_pictures_of_one_size_become_64_pixels(folder):
    bands(129, 140).save(folder / "a.png")
    assert source(folder).sample_shape == (64, 64, 3)


# ------------------------------------------------------------------------ modes


@pytest.mark.parametrize("mode, ending, channels", [
    ("1", "png", 1), ("L", "png", 1), ("LA", "png", 1), ("P", "png", 3), ("RGB", "png", 3),
    ("RGBA", "png", 3), ("CMYK", "tif", 3), ("I;16", "png", 1), ("I", "tif", 1), ("F", "tif", 1),
    ("RGB", "jpg", 3), ("L", "jpeg", 1), ("CMYK", "jpg", 3), ("P", "gif", 3), ("RGB", "webp", 3),
    ("RGB", "bmp", 3), ("RGB", "ppm", 3), ("L", "pgm", 1),
])  # fmt: skip
def test_every_mode_shows_the_same_picture(mode, ending, channels, folder):
    if mode == "I;16":
        picture = Image.fromarray(RAMP.astype(np.uint16) * 257)
    else:
        picture = Image.fromarray(RAMP).convert("RGB" if channels == 3 else "L").convert(mode)
    picture.save(folder / f"a.{ending}")
    with Image.open(folder / f"a.{ending}") as stored:
        assert stored.mode == mode  # the file is of the kind that the test is about
    images = source(folder).images
    assert images.shape == (1, 64, 64, channels)
    columns = images[0].mean((0, 2))  # over rows: dithering evens out
    exact = mode not in ("1", "P") and ending not in ("jpg", "jpeg", "webp")
    assert np.abs(columns - RAMP[0]).max() <= (0 if exact else 40)
    assert np.abs(columns - RAMP[0]).mean() <= (0 if exact else 12)
    assert source(folder, channels=3).sample_shape == (64, 64, 3)
    assert source(folder, channels=1).sample_shape == (64, 64, 1)


def test_sixteen_bits_keep_their_scale_where_a_picture_is_dark(folder):
    Image.fromarray(np.full((8, 8), 200, np.uint16)).save(folder / "dark.png")
    assert (source(folder).images == 1).all()  # 200 of 65535


@pytest.mark.parametrize("white, wanted", [(1.0, 255), (100.0, 100), (65535.0, 255)])
def test_floats_say_their_white_by_their_range(white, wanted, folder):
    Image.fromarray(np.full((8, 8), white, np.float32)).save(folder / "a.tif")
    assert (source(folder).images == wanted).all()


def test_what_is_transparent_lies_on_white(folder):
    picture = bands().convert("RGBA")
    alpha = np.full((20, 40), 255, np.uint8)
    alpha[:10] = 0
    picture.putalpha(Image.fromarray(alpha))
    picture.save(folder / "a.png")
    images = source(folder, image_size=20).images[0]
    assert (images[:10] == 255).all()
    assert (images[10:] == GREEN).all()


def test_transparent_colours_of_a_palette_lie_on_white(folder):
    pixels = np.zeros((8, 8), np.uint8)
    pixels[:, 4:] = 1
    picture = Image.fromarray(pixels).convert("P")
    picture.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)
    picture.save(folder / "a.png", transparency=0)
    images = source(folder).images[0]
    assert (images[:, :4] == 255).all()
    assert (images[:, 4:] == BLUE).all()


def test_pictures_stand_upright_as_their_camera_says(folder):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees, clockwise, to show
    bands(16, 32).save(folder / "a.png", exif=exif)
    found = source(folder)
    assert found.sample_shape == (32, 16, 3)
    assert (found.images[0, :8] == RED).all()
    assert (found.images[0, 24:] == BLUE).all()
    assert (source(folder, image_size=16).images == GREEN).all()


def test_grey_stays_grey_only_where_all_are(folder):
    Image.fromarray(RAMP).save(folder / "a.png")
    assert source(folder).sample_shape == (64, 64, 1)
    bands(64, 64).save(folder / "b.png")
    assert source(folder).sample_shape == (64, 64, 3)


# -------------------------------------------------------------- classes, order


def test_subfolders_are_classes(folder):
    colours = {"red": RED, "blue": BLUE, "green": GREEN}
    for name, colour in colours.items():
        (folder / name / "deep").mkdir(parents=True)
        Image.new("RGB", (8, 8), colour).save(folder / name / "1.png")
        Image.new("RGB", (8, 8), colour).save(folder / name / "deep" / "2.PNG")
    found = source(folder)
    assert found.class_names == ("blue", "green", "red")
    assert sorted(found.labels) == [0, 0, 1, 1, 2, 2]
    assert found.labels.tolist() != sorted(found.labels)  # a part of them has every class
    assert found.labels.dtype == np.int32
    for image, label in zip(found.images, found.labels, strict=True):
        assert (image == colours[found.class_names[label]]).all()
    part = source(folder, split="train[4:]")
    assert (part.class_names, part.labels.tolist()) == (found.class_names, [*found.labels[4:]])
    np.testing.assert_array_equal(source(folder).images, found.images)  # one order, always
    Image.new("RGB", (8, 8)).save(folder / "loose.png")  # lies in no class
    loose = source(folder)
    assert (loose.num_samples, loose.labels, loose.class_names) == (7, None, None)


def test_links_are_followed_where_that_is_wanted_and_circles_end(folder, tmp_path):
    real = tmp_path / "elsewhere" / "cats"
    real.mkdir(parents=True)
    bands().save(real / "1.png")
    (folder / "cats").symlink_to(real)
    (folder / "dogs").mkdir()
    bands().save(folder / "dogs" / "2.png")
    (folder / "dogs" / "again").symlink_to(folder)
    (real / "again").symlink_to(tmp_path)
    found = source(folder, follow_links=True)
    assert found.class_names == ("cats", "dogs")
    assert found.num_samples == 2


def test_links_within_the_folder_are_followed_always(folder):
    (folder / "cats").mkdir()
    bands().save(folder / "cats" / "1.png")
    (folder / "felines").symlink_to("cats")
    (folder / "cats" / "2.png").symlink_to("1.png")
    (folder / "cats" / "3.png").symlink_to("nothing.png")
    assert source(folder).num_samples == 2


def test_links_out_of_the_folder_are_refused_and_counted(folder, tmp_path):
    (tmp_path / "other").mkdir()
    bands().save(tmp_path / "other" / "1.png")
    bands().save(folder / "1.png")
    (folder / "other").symlink_to(tmp_path / "other")
    (folder / "2.png").symlink_to("../other/1.png")
    (folder / "root").symlink_to("/")  # which is not walked through
    (folder / "notes.txt").symlink_to("/etc/hostname")  # nobody reads it
    assert error_of(folder) == (
        f"3 links lead out of {folder}, 2.png to {tmp_path}/other/1.png among them. "
        "If you know what they lead to: --set data.follow_links=true."
    )
    for name in ("other", "root"):
        (folder / name).unlink()
    assert "1 link leads out of" in error_of(folder)
    link = tmp_path / "a link to the folder itself"
    link.symlink_to(folder)
    (folder / "2.png").unlink()
    assert source(link).num_samples == 1


def test_what_is_hidden_is_left_out(folder):
    bands().save(folder / "a.png")
    (folder / "._a.png").write_bytes(b"a Macintosh's resource fork")
    (folder / ".cache").mkdir()
    bands().save(folder / ".cache" / "a.png")
    found = source(folder)
    assert (found.num_samples, found.notes) == (1, ())


# -------------------------------------------------------------- what goes wrong


def test_undecodable_files_are_named_counted_and_left_out(folder):
    bands().save(folder / "good.png")
    whole = (folder / "good.png").read_bytes()
    for name in ("cut.png", "empty.jpg", "text.gif", "zz.webp"):
        (folder / name).write_bytes(b"")
    (folder / "cut.png").write_bytes(whole[: len(whole) // 2])
    (folder / "text.gif").write_text("no picture")
    (folder / "readme.txt").write_text("not meant to be one")
    found = source(folder)
    assert found.num_samples == 1
    assert found.notes == (
        "left out 4 of 5 files that can't be decoded: cut.png, empty.jpg, text.gif and 1 more",
    )
    (folder / "good.png").unlink()
    assert error_of(folder) == (
        f"None of the 4 pictures in {folder} could be decoded, cut.png among them."
    )


def test_what_a_library_warns_of_in_a_picture_does_not_cost_the_picture(folder, cli):
    """Pillow warns of a cut EXIF in the thread that decodes, which knows no command."""
    exif = Image.Exif()
    exif[0x010E] = "a text that is too long to stand within its entry"
    for n in range(6):
        bands(16, 16).save(folder / f"{n}.jpg", exif=exif.tobytes()[:-20])
    warnings.simplefilter("always")  # else once for each line of Pillow's
    arguments = ("fit", "photos", "--data", folder, "--batch-size=2", "--dry-run")
    quiet, loud = cli(*arguments), cli("--debug", *arguments)
    for result in (quiet, loud):
        assert result.exit_code == 0, result.stderr
        assert "6 images of 64x64x3" in result.stderr
        assert "left out" not in result.stderr
    assert "UserWarning" not in quiet.stderr
    assert "UserWarning: Truncated File Read" in loud.stderr


def test_many_files_do_not_take_long_to_be_told_apart():
    """Looking each one up in a list of the others took a minute for these."""
    files = [f"pictures/{n:05d}.png" for n in range(20_000)]
    began = time.perf_counter()
    assert notes_on(files, files[1:]) == (
        "left out 1 of 20000 files that can't be decoded: 00000.png",
    )
    assert time.perf_counter() - began < 5  # 0.02 s


def test_a_folder_without_pictures(folder):
    (folder / "readme.txt").write_text("nothing here")
    (folder / "a.png").mkdir()
    assert f"There are no pictures in {folder} (bmp, gif," in error_of(folder)
    bands().save(folder / "b.png")
    assert error_of(folder, split="test") == "There is no split `test`; there are train."


def test_pictures_that_would_not_fit_into_memory(folder):
    bands().save(folder / "a.png")
    assert "takes 27.9 GiB of memory" in error_of(folder, image_size=100_000)
