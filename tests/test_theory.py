"""The theory against closed forms: densities, D*, divergences, the gradients of both games."""

import math

import numpy as np
import pytest
import tensorflow as tf
from pairs import pair
from scipy import integrate, stats
from steps import latents_of, update_of

from keras_gan.data.densities import DENSITIES
from keras_gan.evaluation.densities import divergences, mixtures
from keras_gan.evaluation.densities.divergences import Grid
from keras_gan.evaluation.densities.mixtures import Mixture
from keras_gan.games import losses, reports
from keras_gan.games.gan import GAN
from keras_gan.utils.errors import ConfigError

NORMAL = Mixture(np.zeros((1, 1)), 1.0)
OTHER = Mixture(np.array([[1.5]]), 0.7)
GRID = Grid(np.linspace(-12, 12, 4801))
#: One latent in the middle of each of many equal parts of N(0, 1): means over them are
#: integrals, to about 1e-5 for what grows like log D.
QUANTILES = stats.norm.ppf((np.arange(200_000) + 0.5) / 200_000)


def on_grid(mixture):
    return mixture.log_density(GRID.centres[:, None])


def gaussian(mean, stddev):
    return on_grid(Mixture(np.array([[mean]]), stddev))


def log_ratio(x, generated=OTHER):
    """The logit of D* for N(0, 1) against another density."""
    x = np.asarray(x)[:, None]
    return NORMAL.log_density(x) - generated.log_density(x)


# -------------------------------------------------------------------- densities


def test_the_log_density_is_that_of_a_mixture_of_normals():
    points = np.random.default_rng(0).normal(size=(50, 2))
    for means, stddev in (DENSITIES["ring_8"], DENSITIES["grid_25"]):
        # Far from all means densities underflow and their logarithms do not: compare near them.
        near = means[np.arange(50) % len(means)] + stddev * points
        parts = [stats.multivariate_normal(m, stddev**2 * np.eye(2)).pdf(near) for m in means]
        np.testing.assert_allclose(
            Mixture(means, stddev).log_density(near), np.log(np.mean(parts, axis=0)), rtol=1e-9
        )
    assert np.isfinite(Mixture(*DENSITIES["ring_8"]).log_density([[100.0, 100.0]])).all()


def test_samples_have_the_density():
    mixture = Mixture(np.array([[-2.0], [2.0]]), 0.5)
    drawn = mixture.sample(100_000, seed=0)[:, 0].astype(np.float64)
    cdf = stats.norm(0, 0.5).cdf
    found = stats.kstest(drawn, lambda x: (cdf(x + 2) + cdf(x - 2)) / 2)
    assert found.pvalue > 1e-3
    np.testing.assert_array_equal(mixture.sample(5, seed=1), mixture.sample(5, seed=1))


def test_a_data_set_without_a_known_density_is_named():
    with pytest.raises(ConfigError, match="Did you mean `ring_8`"):
        mixtures.of_data("ring8")


# ----------------------------------------------------------- D* and divergences


def test_the_best_discriminator_is_one_half_where_the_densities_are_equal():
    best = divergences.optimal_discriminator(on_grid(NORMAL), on_grid(NORMAL))
    np.testing.assert_array_equal(best, 0.5)


def test_the_best_discriminator_is_the_share_of_the_data():
    best = divergences.optimal_discriminator(on_grid(NORMAL), on_grid(OTHER))
    p, q = (stats.norm(*a).pdf(GRID.centres) for a in ((0, 1), (1.5, 0.7)))
    np.testing.assert_allclose(best, p / (p + q), rtol=1e-9)


def test_kullback_leibler_of_two_normals():
    closed = math.log(0.7) + (1 + 1.5**2) / (2 * 0.7**2) - 0.5
    found = divergences.kullback_leibler(on_grid(NORMAL), on_grid(OTHER), GRID.width)
    assert found == pytest.approx(closed, rel=1e-6)
    assert divergences.kullback_leibler(on_grid(OTHER), on_grid(NORMAL), GRID.width) == (
        pytest.approx(-math.log(0.7) + (0.7**2 + 1.5**2) / 2 - 0.5, rel=1e-6)
    )


def test_jensen_shannon_against_adaptive_integration():
    p, q = stats.norm(0, 1).pdf, stats.norm(1.5, 0.7).pdf

    def integrand(x):
        m = (p(x) + q(x)) / 2
        return (p(x) * math.log(p(x) / m) + q(x) * math.log(q(x) / m)) / 2

    expected, _ = integrate.quad(integrand, -12, 12, epsabs=1e-12)
    found = divergences.jensen_shannon(on_grid(NORMAL), on_grid(OTHER), GRID.width)
    assert found == pytest.approx(expected, rel=1e-6)


def test_jensen_shannon_is_0_for_equal_densities_and_log_2_at_most():
    equal = divergences.jensen_shannon(on_grid(NORMAL), on_grid(NORMAL), GRID.width)
    assert equal == pytest.approx(0, abs=1e-12)
    apart = gaussian(-6, 0.1), gaussian(6, 0.1)
    assert divergences.jensen_shannon(*apart, GRID.width) == pytest.approx(math.log(2), rel=1e-6)
    assert divergences.optimal_value(math.log(2)) == pytest.approx(0, abs=1e-12)
    assert divergences.optimal_value(0.0) == losses.OPTIMAL_VALUE


def test_a_histogram_has_the_biases_that_its_docstring_says():
    """Over 20 histograms, whose mean has a standard error of a few per cent."""
    count, log_p = 20_000, NORMAL.log_density(GRID_OF_NORMAL.centres[:, None])
    found, cells = [], []
    for seed in range(20):
        log_q = GRID_OF_NORMAL.histogram(NORMAL.sample(count, seed))
        found.append(
            [
                divergences.jensen_shannon(log_p, log_q, GRID_OF_NORMAL.width),
                divergences.kullback_leibler(log_q, log_p, GRID_OF_NORMAL.width),
            ]
        )
        cells.append(np.isfinite(log_q).sum())
    expected = (np.mean(cells) - 1) / np.array([8 * count, 2 * count])
    # The formula is that of many samples a cell; the outermost have few or none.
    np.testing.assert_allclose(np.mean(found, axis=0), expected, rtol=0.2)


GRID_OF_NORMAL = Grid.around(NORMAL)


@pytest.mark.parametrize(("count", "bias"), [(100_000, 2.3e-4), (1_000_000, 2.4e-5)])
def test_exact_samples_have_the_bias_that_the_theory_page_says(count, bias):
    """The mean of eight has a standard error below 4%."""
    found = [divergences.to_samples(NORMAL, NORMAL.sample(count, n)) for n in range(8)]
    assert np.mean([f.jensen_shannon for f in found]) == pytest.approx(bias, rel=0.15)


def test_samples_outside_of_the_grid_have_nothing_in_common_with_the_data():
    found = divergences.to_samples(NORMAL, np.full((100, 1), 1e6))
    assert found.jensen_shannon == pytest.approx(math.log(2), rel=1e-6)
    assert found.optimal_value == pytest.approx(0, abs=1e-6)


def test_samples_of_the_other_density_are_as_far_as_it_is():
    found = divergences.to_samples(NORMAL, OTHER.sample(1_000_000, seed=0))
    exact = divergences.jensen_shannon(on_grid(NORMAL), on_grid(OTHER), GRID.width)
    # Chance: the divergence of 10^6 samples has a standard error of about 3e-4.
    assert found.jensen_shannon == pytest.approx(exact, abs=1e-3)


# ----------------------------------------------------------- Theorem 1 and the games


def value(shift=0.0):
    """V(D, G) with the logit of D* moved by `shift`, between N(0, 1) and OTHER."""
    real, fake = QUANTILES, 1.5 + 0.7 * QUANTILES
    real, fake = (log_ratio(x) + shift * np.sin(3 * x) for x in (real, fake))
    return float(losses.value_function(tf.constant(real), tf.constant(fake)))


def test_the_value_at_the_best_discriminator_is_2_jsd_minus_log_4():
    divergence = divergences.jensen_shannon(on_grid(NORMAL), on_grid(OTHER), GRID.width)
    # float32 means of 200,000 numbers.
    assert value() == pytest.approx(divergences.optimal_value(divergence), abs=2e-5)


@pytest.mark.parametrize("shift", [-0.5, -0.1, 0.1, 0.5])
def test_every_other_discriminator_has_a_lower_value(shift):
    assert value(shift) < value() - 1e-4


@pytest.mark.parametrize("mean", [0.3, 1.5])
@pytest.mark.parametrize("objective", ["minimax", "non_saturating"])
def test_what_each_generator_descends_at_the_best_discriminator(objective, mean):
    """d/dm of G's loss with D* fixed is d/dm of 2 JSD (minimax) or KL - 2 JSD."""
    real = tf.constant(QUANTILES, tf.float64)
    with tf.GradientTape() as tape:
        m = tf.constant(mean, tf.float64)
        tape.watch(m)
        x = m + 0.7 * real
        # The logit of D* between N(0, 1) and N(mean, 0.7^2), written out: fixed at `mean`.
        logit = -(x**2) / 2 + (x - mean) ** 2 / (2 * 0.7**2) + math.log(0.7)
        loss = losses.get(objective).generator(None, logit)
    gradient = float(tape.gradient(loss, m))

    def descended(mean):
        log_q = gaussian(mean, 0.7)
        if objective == "minimax":
            return 2 * divergences.jensen_shannon(on_grid(NORMAL), log_q, GRID.width)
        return divergences.non_saturating_divergence(on_grid(NORMAL), log_q, GRID.width)

    expected = (descended(mean + 1e-3) - descended(mean - 1e-3)) / 2e-3
    assert gradient == pytest.approx(expected, rel=2e-3)


@pytest.mark.parametrize("logit", [-20.0, -8.0, -2.0])
def test_the_saturating_gradient_vanishes_where_the_discriminator_is_sure(logit):
    """d log(1 - D)/dl = -D and -d log D/dl = -(1 - D): the ratio is exp(l)."""
    gradients = {}
    for name in ("minimax", "non_saturating"):
        with tf.GradientTape() as tape:
            fake = tf.constant([logit])
            tape.watch(fake)
            loss = losses.get(name).generator(None, fake)
        gradients[name] = float(tape.gradient(loss, fake)[0])
    assert gradients["minimax"] == pytest.approx(-1 / (1 + math.exp(-logit)), rel=1e-5)
    assert gradients["minimax"] / gradients["non_saturating"] == (
        pytest.approx(math.exp(logit), rel=1e-5)
    )


def test_the_conditional_value_is_the_mean_of_the_values_given_each_label():
    """Each label has a best D of its own, and a -log 4 + 2 JSD."""
    generated = {0: Mixture(np.array([[0.0]]), 1.0), 1: OTHER}
    real = np.concatenate([log_ratio(QUANTILES, g) for g in generated.values()])
    fake = np.concatenate([log_ratio(g.means[0] + g.stddev * QUANTILES, g) for g in
                           generated.values()])  # fmt: skip
    expected = np.mean(
        [
            divergences.optimal_value(
                divergences.jensen_shannon(on_grid(NORMAL), on_grid(g), GRID.width)
            )
            for g in generated.values()
        ]
    )
    found = float(losses.value_function(tf.constant(real), tf.constant(fake)))
    assert found == pytest.approx(expected, abs=2e-5)


def test_a_conditional_game_reports_the_value_of_its_players_given_the_labels():
    tf.keras.utils.set_random_seed(0)
    gan = GAN(*pair("mlp", latent_dim=2, sample_shape=(3,), num_classes=4))
    gan.compile()
    labels = tf.range(32) % 4
    real = tf.random.stateless_normal((32, 3), (1, 2))
    (latent,) = latents_of(gan, 32, 1)
    update = update_of(gan, "discriminator", (real, labels))
    report = reports.of_logits(gan.adversarial_loss, *update.rows)
    fake = gan.generator({"latent": latent, "labels": labels})
    logits = [gan.discriminator({"images": x, "labels": labels}) for x in (real, fake)]
    assert float(report["V(D,G)"]) == pytest.approx(float(losses.value_function(*logits)), rel=1e-5)
    others = [gan.discriminator({"images": x, "labels": labels[::-1]}) for x in (real, fake)]
    assert abs(float(losses.value_function(*others) - report["V(D,G)"])) > 1e-5
