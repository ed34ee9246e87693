"""Pictures: golden pixels of scales, grids and densities."""

import numpy as np
import pytest
from PIL import Image

from keras_gan.utils import image_grids

GREY = 128  # the lines between tiles


def test_a_grid_lays_tiles_row_by_row_between_lines():
    images = np.stack([np.full((32, 40, 3), n, np.uint8) for n in (10, 20, 30)])
    sheet = image_grids.grid(images)  # 2 columns of the square
    assert sheet.shape == (2 * 33 + 1, 2 * 41 + 1, 3)
    wanted = np.full(sheet.shape, GREY, np.uint8)
    wanted[1:33, 1:41], wanted[1:33, 42:82], wanted[34:66, 1:41] = 10, 20, 30
    assert np.array_equal(sheet, wanted)


@pytest.mark.parametrize("count, columns, shape", [
    (1, None, (1, 1)), (4, None, (2, 2)), (5, None, (2, 3)), (100, None, (10, 10)),
    (6, 6, (1, 6)), (6, 1, (6, 1)), (7, 3, (3, 3)),
])  # fmt: skip
def test_grids_are_square_or_as_wide_as_asked(count, columns, shape):
    sheet = image_grids.grid(np.zeros((count, 32, 32, 1), np.uint8), columns)
    assert sheet.shape == (shape[0] * 33 + 1, shape[1] * 33 + 1, 1)
    assert (sheet == 0).sum() == count * 32 * 32


def test_small_tiles_are_enlarged_by_whole_factors():
    image = np.array([[1, 2], [3, 4]], np.uint8)[None, :, :, None]
    sheet = image_grids.grid(image)
    assert sheet.shape == (34, 34, 1)
    assert np.array_equal(sheet[1:33, 1:33, 0], np.kron(image[0, :, :, 0], np.ones((16, 16))))
    assert image_grids.grid(np.zeros((1, 8, 12, 1), np.uint8)).shape == (34, 50, 1)
    assert image_grids.grid(np.zeros((1, 28, 28, 1), np.uint8)).shape == (58, 58, 1)


def test_points_of_a_plane_lie_where_they_belong():
    """y points up, x to the right; two points in a cell are black, one is half."""
    samples = np.array([[-1.0, -1.0], [-1.0, -1.0], [0.99, 0.99], [9.0, 9.0]])
    drawn = image_grids.points(samples, (-1.0, 1.0), size=4)
    wanted = np.full((4, 4, 1), 255)
    wanted[3, 0], wanted[0, 3] = 0, 127
    assert np.array_equal(drawn, wanted)
    assert drawn.dtype == np.uint8


def test_points_of_a_line_are_a_histogram():
    samples = np.array([0.1] * 3 + [0.6] * 1)[:, None]
    drawn = image_grids.points(samples, (0.0, 1.0), size=4)
    assert (drawn[..., 0] == 0).sum(axis=0).tolist() == [3, 0, 1, 0]
    assert (drawn[3, [0, 2]] == 0).all()  # bars stand on the ground


@pytest.mark.parametrize("dim", [1, 2])
def test_a_single_point_can_be_drawn(dim):
    drawn = image_grids.points(np.full((1, dim), 0.5), (0.5, 0.5), size=8)
    assert drawn.shape == (8, 8, 1)
    assert 0 < (drawn < 255).sum() < 64


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("dim", [1, 2])
def test_points_that_are_no_numbers_leave_the_sheet_white(dim):
    assert (image_grids.points(np.full((3, dim), np.nan), (-1.0, 1.0), size=8) == 255).all()
    image_grids.points(np.full((3, dim), np.nan), (np.nan, np.nan), size=8)


@pytest.mark.parametrize("channels, mode", [(1, "L"), (3, "RGB")])
def test_a_png_holds_the_same_pixels(channels, mode, tmp_path):
    image = np.random.default_rng(0).integers(256, size=(5, 7, channels)).astype(np.uint8)
    image_grids.save_png(tmp_path / "new" / "a.png", image)
    with Image.open(tmp_path / "new" / "a.png") as picture:
        assert (picture.mode, picture.format, picture.size) == (mode, "PNG", (7, 5))
        assert np.array_equal(np.asarray(picture).reshape(image.shape), image)
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["a.png"]
