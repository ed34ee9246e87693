"""From x back to z: the search against closed forms, and the commands on small runs."""

import json
import re
import shlex
from pathlib import Path

import keras
import numpy as np
import pytest
from conftest import ROOT, everything
from PIL import Image

from keras_gan import load
from keras_gan.apps.inversion.operators import Downsample, Identity, Mask, Noise
from keras_gan.apps.inversion.priors import PRIORS
from keras_gan.apps.inversion.search import Settings, posterior, search
from keras_gan.evaluation import inversion_scores
from keras_gan.games.gan import GAN
from keras_gan.games.latents import DISTRIBUTIONS, UNIFORM_BOUND
from keras_gan.runs import sampling
from keras_gan.utils.errors import RunError
from keras_gan.utils.pixels import to_uint8

SHAPE, DIM = (4, 4, 1), 3
RANDOM = np.random.default_rng(0)
WEIGHTS = RANDOM.normal(size=(DIM, 16)).astype(np.float32)
BIAS = RANDOM.normal(size=16).astype(np.float32)


def linear_gan(distribution="normal", classes=None, weights=WEIGHTS) -> GAN:
    """G(z) = z W + b; with classes, 10 y is added to all pixels."""
    latent = keras.Input((DIM,), name="latent")
    dense = keras.layers.Dense(16)
    x, inputs = dense(latent), {"latent": latent}
    images = keras.Input(SHAPE, name="images")
    seen = {"images": images}
    if classes:
        labels = inputs["labels"] = seen["labels"] = keras.Input((), dtype="int32", name="labels")
        x = x + 10.0 * keras.ops.cast(labels, "float32")[:, None]
    generator = keras.Model(inputs, keras.layers.Reshape(SHAPE)(x))
    dense.set_weights([weights, BIAS])
    logits = keras.layers.Dense(1)(keras.layers.Flatten()(images))
    return GAN(generator, keras.Model(seen, logits), latent_distribution=distribution)


def made(latent, label=0):
    return (latent @ WEIGHTS + BIAS + 10.0 * label).reshape(-1, *SHAPE).astype(np.float32)


HOLE = np.ones((4, 4), bool)
HOLE[1:3, 1:3] = False
OPERATORS = {
    "identity": Identity(),
    "mask": Mask(HOLE),
    "downsample": Downsample(2, (4, 4)),
    "noise": Noise(0.7),
}


def matrix_of(operator) -> np.ndarray:
    """(16, m): the operator's linear map, with the columns of what was not seen left out."""
    pixels = np.eye(16, dtype=np.float32).reshape(16, *SHAPE)
    seen = np.asarray(operator.transform(pixels)).reshape(16, -1)
    weights = np.broadcast_to(np.reshape(operator.weights, -1), seen.shape[1:])
    return seen[:, weights > 0]


@pytest.mark.parametrize("name", OPERATORS)
def test_a_linear_generator_s_latents_are_those_of_ridge_regression(name):
    operator = OPERATORS[name]
    truth = RANDOM.normal(size=(5, DIM)).astype(np.float32)
    images = made(truth) + 0.3 * RANDOM.normal(size=(5, *SHAPE)).astype(np.float32)
    observed = np.asarray(operator.transform(images))
    settings = Settings(steps=400, misfit=0.3)
    found = search(linear_gan(), observed, operator, settings=settings)
    seen = matrix_of(operator)
    variance = 0.3**2 + operator.noise**2
    w, y = WEIGHTS @ seen, (images.reshape(5, 16) - BIAS) @ seen
    expected = np.linalg.solve(w @ w.T / variance + np.eye(DIM), w @ y.T / variance).T
    assert np.allclose(found.latents, expected, atol=2e-3)  # Adam's last steps are that small
    assert np.allclose(found.images, made(found.latents), atol=1e-5)
    errors = (found.latents @ w - y) ** 2
    energies = errors.sum(1) / (2 * variance) + (found.latents**2).sum(1) / 2
    assert np.allclose(found.energies, energies, rtol=1e-4)


def test_samples_of_a_linear_generator_s_posterior_have_its_mean_and_covariance():
    misfit, count = 1.0, 1000
    observed = made(np.array([[0.5, -1.0, 1.5]]))
    gan, operator = linear_gan(), Mask(HOLE)
    settings = Settings(steps=200, restarts=1, misfit=misfit)
    best, samples = posterior(gan, observed, operator, settings=settings, samples=count)
    assert samples.shape == (1, count, *SHAPE)
    assert len(np.unique(samples[0].reshape(count, -1), axis=0)) == count
    w = WEIGHTS @ matrix_of(operator)
    covariance = np.linalg.inv(w @ w.T / misfit**2 + np.eye(DIM))
    flat = samples[0].reshape(count, 16)
    latents = np.linalg.lstsq(WEIGHTS.T, (flat - BIAS).T, rcond=None)[0].T
    # Six standard errors of a mean, and of a variance.
    error = 6 * np.sqrt(np.diag(covariance) / count)
    assert (np.abs(latents.mean(0) - best.latents[0]) < error + 2e-3).all()
    scale = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)))
    assert (np.abs(np.cov(latents.T) - covariance) < 6 * np.sqrt(2 / count) * scale).all()


@pytest.mark.parametrize("distribution", ["uniform", "rademacher"])
def test_samples_differ_where_nothing_was_seen(distribution):
    """One pixel, which says nothing of the third number: it is any number of its distribution."""
    only = np.zeros((4, 4), bool)
    only[0, 0] = True
    weights = WEIGHTS.copy()
    weights[2, 0] = 0.0
    gan = linear_gan(distribution, weights=weights)
    observed = np.float32(np.array([[1, -1, 1]]) @ weights + BIAS).reshape(1, *SHAPE)
    settings = Settings(steps=50, restarts=4, misfit=0.1)
    _, samples = posterior(gan, observed, Mask(only), settings=settings, samples=200)
    flat = samples[0].reshape(200, 16)
    third = np.linalg.lstsq(weights.T, (flat - BIAS).T, rcond=None)[0][2]
    assert np.std(third) == pytest.approx(1.0, abs=0.2)  # both have variance 1
    assert abs(third.mean()) < 0.3  # four standard errors
    assert np.abs(flat[:, 0] - observed[0, 0, 0, 0]).mean() < 0.5


def test_every_latent_distribution_has_a_prior():
    assert PRIORS.keys() == DISTRIBUTIONS.keys()


def test_coins_are_found_exactly():
    truth = np.array([[1, -1, 1], [-1, -1, -1]], np.float32)
    found = search(linear_gan("rademacher"), made(truth), Identity())
    assert np.array_equal(found.latents, truth)


def test_uniform_latents_stay_in_their_box():
    truth = np.array([[0.5, -1.0, 1.2], [9.0, 0.0, 0.0]], np.float32)
    found = search(linear_gan("uniform"), made(truth), Identity(), settings=Settings(steps=400))
    assert np.allclose(found.latents[0], truth[0], atol=2e-3)  # no prior pulls within the box
    assert np.abs(found.latents).max() <= UNIFORM_BOUND
    assert found.latents[1, 0] == np.float32(UNIFORM_BOUND)


def test_the_label_that_fits_is_found_and_a_given_one_is_kept():
    truth = RANDOM.normal(size=(3, DIM)).astype(np.float32)
    images = np.concatenate(
        [made(z[None], label) for z, label in zip(truth, (2, 0, 1), strict=True)]
    )
    gan, every = linear_gan(classes=3), np.tile(np.arange(3, dtype=np.int32), (3, 1))
    found = search(gan, images, Identity(), every, Settings(restarts=2))
    assert found.labels.tolist() == [2, 0, 1]
    given = search(gan, images, Identity(), every[:, :1], Settings(restarts=2))
    assert given.labels.tolist() == [0, 0, 0]
    assert (given.energies > found.energies)[[0, 2]].all()


def test_an_image_does_not_depend_on_those_beside_it(monkeypatch):
    images = made(RANDOM.normal(size=(7, DIM)))
    masks = Mask(RANDOM.uniform(size=(7, 4, 4)) < 0.6)
    together = search(linear_gan(), images, masks)
    monkeypatch.setattr("keras_gan.apps.inversion.search.MOST_ROWS", 20)  # two images of 8 starts
    apart = search(linear_gan(), images, masks)
    # Sums within a batch of another size have another order.
    assert np.allclose(together.latents, apart.latents, atol=1e-4)


def test_what_is_not_finite_is_told():
    gan = linear_gan()
    gan.generator_ema.layers[1].set_weights([WEIGHTS, np.full(16, np.nan)])
    with pytest.raises(RunError, match="NaNs or infinities: its training has diverged"):
        search(gan, made(np.zeros((2, DIM))), Identity(), settings=Settings(steps=2))


def test_blocks_of_rows_are_of_one_shape(monkeypatch):
    """Five images, two a block: the third block is filled up, and nothing compiled for it."""
    monkeypatch.setattr("keras_gan.apps.inversion.search.MOST_ROWS", 16)
    shapes = []

    class Traced(Identity):
        def transform(self, images):
            shapes.append(tuple(images.shape))
            return images

    found = search(linear_gan(), made(RANDOM.normal(size=(5, DIM))), Traced())
    assert len(found.latents) == len(found.images) == len(found.energies) == 5
    traced = [shape for shape in shapes if len(shape) == 2 + len(SHAPE)]  # (images, starts, ...)
    assert set(traced) == {(2, 8, *SHAPE)}


def test_a_start_that_is_given_is_used():
    truth = RANDOM.normal(size=(2, DIM)).astype(np.float32)
    settings = Settings(steps=1, restarts=1, misfit=0.01)
    found = search(linear_gan(), made(truth), Identity(), settings=settings, start=truth)
    assert np.allclose(found.latents, truth, atol=0.11)  # one step of Adam at a rate of 0.1


def test_figures_have_the_values_that_are_known():
    black, white = (np.full((1, 16, 16, 1), v, np.float32) for v in (-1, 1))
    assert inversion_scores.mse(white, black).tolist() == [1.0]
    assert inversion_scores.psnr(inversion_scores.mse(white, white)).tolist() == [100.0]
    grey = np.full((1, 16, 16, 1), -0.8, np.float32)  # 0.1 above black
    assert np.allclose(inversion_scores.psnr(inversion_scores.mse(grey, black)), 20.0)
    assert np.allclose(inversion_scores.ssim(white, white), 1.0)
    half = np.where(np.arange(16)[:, None] < 8, white[..., 0], black[..., 0])[..., None]
    weights = (np.arange(16) < 8)[None, :, None, None]
    assert inversion_scores.mse(half, black, weights).tolist() == [1.0]
    small = np.zeros((2, 8, 8, 1), np.float32)
    assert inversion_scores.ssim(small, small).tolist() == [1.0, 1.0]


# ------------------------------------------------------------------------ `invert`


def save(path, image) -> str:
    Image.fromarray(image).save(path)
    return str(path)


def grey(*shape) -> np.ndarray:
    return RANDOM.integers(256, size=shape).astype(np.uint8)


def test_invert_writes_originals_reconstructions_latents_and_errors(plain_run, cli):
    result = cli("invert", plain_run, "train[3:5]", save("a.png", grey(8, 8)), "--steps=20")
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[-1] == "inverted"
    assert everything(Path("inverted")) == ["invert.json", "latents.npz", "strip.png"]
    told = json.loads(Path("inverted/invert.json").read_text())
    assert [row["name"] for row in told["images"]] == ["train[3]", "train[4]", "a.png"]
    with np.load("inverted/latents.npz") as arrays:
        arrays = dict(arrays)
    assert arrays["latents"].shape == (3, 32)
    made = load(plain_run).generator(arrays["latents"])
    assert np.allclose(made, arrays["reconstructions"], atol=1e-5)
    errors = np.square(arrays["images"] - arrays["reconstructions"]).mean((1, 2, 3)) / 4
    assert np.allclose([row["mse"] for row in told["images"]], errors, rtol=1e-5)
    assert np.asarray(Image.open("inverted/strip.png")).shape == (3 * 33 + 1, 2 * 33 + 1)
    again = cli("invert", plain_run, "train[3:5]", "a.png", "--steps=20", "--out=again")
    assert again.exit_code == 0
    for name in everything(Path("inverted")):
        assert Path("inverted", name).read_bytes() == Path("again", name).read_bytes()


def test_samples_of_the_run_are_found_again(conditional_run, cli):
    drawn, others = (sampling.sample(load(conditional_run), 4, seed=seed) for seed in (5, 6))
    Path("in").mkdir()
    for n, image in enumerate(to_uint8(drawn["samples"])):
        save(f"in/{n}.png", image[..., 0])
    labels = [f"--label={n}" for n in drawn["labels"]]
    assert cli("invert", conditional_run, "in", *labels).exit_code == 0
    told = json.loads(Path("inverted/invert.json").read_text())
    assert [row["label"] for row in told["images"]] == ["0", "1", "2", "3"]
    apart = inversion_scores.psnr(inversion_scores.mse(others["samples"], drawn["samples"])).mean()
    assert told["mean"]["psnr"] > apart + 10  # what the prior takes away is less than that


def test_larger_pictures_are_resized_and_that_is_told(plain_run, cli):
    result = cli("invert", plain_run, save("a.png", grey(20, 30, 3)), "--steps=1")
    assert result.exit_code == 0
    assert result.stderr == "a.png: resized from 20x30 to 8x8\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["nowhere.png"], "nowhere.png: No such file"),
        (
            ["none[:3]"],
            "There is no file none[:3], and as rows of digits: There is no split `none`",
        ),
        (["small.png"], "small.png should be at least 8x8 (height x width). Received: 8x5."),
        (["text.png"], "Can't read the picture text.png: it is no picture."),
        (["empty"], "There are no pictures in empty."),
        (["train[:0]"], "is empty"),
        (["train[:2]", "--label=1"], "was trained without labels, so that none can be chosen"),
        (["train[:2]", "--out=taken"], "taken already exists and was not made by this command"),
    ],
)
def test_what_can_t_be_inverted_is_told_in_a_line_and_nothing_is_written(
    arguments, said, plain_run, cli
):
    save("small.png", grey(8, 5))
    Path("text.png").write_text("no picture")
    Path("empty").mkdir()
    Path("taken").mkdir()
    Path("taken/file").touch()
    before = everything(Path())
    result = cli("invert", plain_run, *arguments)
    assert result.exit_code in (1, 2)
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert everything(Path()) == before


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (["--label=11"], "There is no label `11`"),
        (["--label=1", "--label=2"], "--label should be given once, or once for each of 3 images"),
        (["--label=1..2", "--label=2", "--label=3"], "--label should be given once"),
    ],
)
def test_labels_that_do_not_fit_are_told(labels, said, conditional_run, cli):
    result = cli("invert", conditional_run, "train[:3]", *labels)
    assert (result.exit_code, said in result.stderr) == (2, True)


def test_the_label_is_looked_for_among_those_of_a_range(conditional_run, cli):
    quick = ("--label=3..4", "--steps=5", "--restarts=2")
    assert cli("invert", conditional_run, "train[:8]", *quick).exit_code == 0
    with np.load("inverted/latents.npz") as arrays:
        assert set(arrays["labels"]) <= {3, 4}


def test_points_have_no_images(points_run, cli):
    result = cli("invert", points_run, "train[:3]")
    assert "makes points of shape (2,), not images" in result.stderr


@pytest.mark.slow
def test_every_command_of_the_page_runs(plain_run, cli, monkeypatch):
    monkeypatch.setenv("KERAS_GAN_CACHE", "cache")
    page = (ROOT / "docs" / "inversion.md").read_text("utf-8")
    commands = re.findall(r"^(?:    )?keras-gan (.*)", page, re.MULTILINE)
    assert len(commands) == 6
    for name in "abc":
        save(f"{name}.png", grey(8, 8))
    for command in commands:
        arguments = shlex.split(command.replace("RUN", str(plain_run)))
        quick = "--search-steps=5" if arguments[0] == "edit" else "--steps=5"
        result = cli(*arguments, quick, "--restarts=2")
        assert result.exit_code == 0, f"{command}: {result.stderr}"
