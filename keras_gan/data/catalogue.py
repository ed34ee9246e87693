"""What can be trained on, as a list for people."""

from __future__ import annotations

from keras_gan.data import tfds

_BUNDLED = [
    ("digits", "8x8 grey, 10 classes; 1,797 handwritten digits, bundled: no download"),
    ("gaussian_1d", "points; a normal density on the line"),
    ("ring_8", "points; 8 Gaussians on the unit circle"),
    ("grid_25", "points; 25 Gaussians on a 5x5 grid"),
]
_WITH_RECIPES = [
    ("mnist", "28x28 grey, 10 classes; tensorflow-datasets, 11 MB to download"),
    ("stacked_mnist", "28x28 colour, 1000 classes; a digit of mnist in each channel"),
    ("fashion_mnist", "28x28 grey, 10 classes; tensorflow-datasets, 30 MB to download"),
    ("cifar10", "32x32 colour, 10 classes; tensorflow-datasets, 162 MB to download"),
]
_PATHS = [
    ("FOLDER", "pictures of any size, with or without a subfolder a class"),
    ("FOLDER", "IDX files: train-images-idx3-ubyte(.gz), train-labels-idx1-ubyte(.gz), ..."),
    ("FILE.npz", "images (n, h, w[, c]) uint8 or float, and labels; or x_train, y_train, ..."),
]


def described(everything: bool = False) -> list[tuple[str, str]]:
    """(name, description) rows; `everything` adds all names of tensorflow-datasets."""
    if everything:
        rest = [n for n in tfds.known_names() if n not in dict(_WITH_RECIPES)]
        names = [(name, "tensorflow-datasets, where it has images") for name in rest]
    else:
        names = [("NAME", "any image data set of tensorflow-datasets (--all lists the names)")]
    return [*_BUNDLED, *_WITH_RECIPES, *names, *_PATHS]
