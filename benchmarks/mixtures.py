"""Ten seeds of the recipes on known densities, beside the vanilla game in PacGAN's setting.

    python benchmarks/mixtures.py RESULTS.jsonl [CASE ...] [--seeds 10] [--vanilla-epochs 20]

A line of JSON is appended to RESULTS.jsonl as soon as a run has ended, and runs that it
has already are left out: an interrupted measurement goes on where it stopped. At the end
(or at once, where nothing is left to do) its table is printed.

`ring_8`, `grid_25` and `gaussian_1d` are `keras-gan fit CASE --seed N`, the whole command
timed; the newest checkpoint is sampled by default, with the averaged generator. Mixtures
are judged as in PacGAN (Lin 2018, section 4.1): 2,500 samples, of high quality within 3
standard deviations of a mean. `gaussian_1d` is judged by the Jensen-Shannon divergence of
10^6 samples and the mean of V(D,G) over the last epoch.

`ring_8_vanilla` and `grid_25_vanilla` are the GAN row of PacGAN's table 1 as its paper and
its published code (github.com/fjxmlzn/PacGAN, synthetic_data_experiments) describe it: z from
N(0, I) in 2 dimensions; G of 4 batch-normalised ReLU layers of 400, D of 3 maxout layers of
200 with 5 pieces; weights from N(0, 0.02^2), biases at 0; -log D for G, both players updated
at once; Adam with 1e-4 and beta_1 0.8, batches of 100 of 100,000 points; no penalty, no
average. Ours, where these do not say: beta_2 0.999, batch norm's momentum 0.95 with an
epsilon of 1e-3; D shifts its input by 1/2 and halves it, as our maxout network does. The
published length is 400 epochs (400,000 rounds, hours a run here); --vanilla-epochs cuts it.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import keras_gan  # noqa: F401 (before TensorFlow: it chooses TensorFlow's kernels)

# isort: split
import keras
import numpy as np

from keras_gan import load, sampling
from keras_gan.config import DataConfig
from keras_gan.data import densities
from keras_gan.evaluation.modes import exact_quality, mixture_coverage
from keras_gan.gan import GAN
from keras_gan.networks import maxout, mlp
from keras_gan.objectives import OPTIMAL_VALUE
from keras_gan.theory import divergences, mixtures

COUNT = 2_500
#: The least share of high-quality samples that a run should have.
QUALITY = {"ring_8": 0.97, "grid_25": 0.95}
CASES = ("ring_8", "grid_25", "gaussian_1d", "ring_8_vanilla", "grid_25_vanilla")


# ---------------------------------------------------------------------------- runs


def recipe(name: str, seed: int) -> dict:
    """Trains by the command line, and judges what `keras_gan.load` finds."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run"
        start = time.perf_counter()
        command = ["keras-gan", "fit", name, "--seed", str(seed), "--run-dir", str(path)]
        subprocess.run(command, check=True, capture_output=True)
        seconds = time.perf_counter() - start
        run = load(path)
        if name == "gaussian_1d":
            judged = on_the_line(run)
        else:
            judged = on_the_plane(sampling.sample(run, COUNT, seed=0)["samples"], name)
        return {**judged, "rounds": run.iteration, "seconds": round(seconds, 1)}


def vanilla(name: str, seed: int, epochs: int) -> dict:
    """PacGAN's GAN, trained by plain Keras."""
    keras.utils.set_random_seed(seed)
    generator = mlp.generator(
        latent_dim=2,
        sample_shape=(2,),
        hidden=[400] * 4,
        activations=["relu"],
        batch_norm=True,
        output_activation="linear",
    )
    discriminator = maxout.discriminator(
        sample_shape=(2,), units=[200] * 3, pieces=5, input_dropout=0.0, dropout=0.0
    )
    random = np.random.default_rng(seed)
    for weight in generator.trainable_weights + discriminator.trainable_weights:
        if len(weight.shape) == 2:
            weight.assign(random.normal(0.0, 0.02, weight.shape))
    for layer in generator.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.95
    gan = GAN(generator, discriminator, updates="simultaneous", ema_decay=0.0, seed=seed)
    gan.compile(
        *(keras.optimizers.Adam(1e-4, beta_1=0.8) for _ in range(2)),
        jit_compile=True,
        steps_per_execution=100,
    )
    points = densities.load(DataConfig(name=name)).images
    start = time.perf_counter()
    gan.fit(points, batch_size=100, epochs=epochs, verbose=0)
    seconds = time.perf_counter() - start
    latents = {"latent": sampling.draw_latents(gan, COUNT, seed=0)}
    samples = sampling.run_batched(gan.sampler, latents)
    return {
        **on_the_plane(samples, name),
        "rounds": int(gan.iteration.numpy()),
        "seconds": round(seconds, 1),
    }


# ------------------------------------------------------------------------- judgement


def on_the_plane(samples: np.ndarray, name: str) -> dict:
    """Modes, quality, and each mode's share and stddev over the true one's."""
    means, stddev = densities.DENSITIES[name]
    found = mixture_coverage(samples, means, stddev)
    shares = range_of(found.shares * len(means))
    stddevs = range_of(found.stddevs[np.isfinite(found.stddevs)])
    passed = (
        found.modes == len(means)
        and found.quality >= QUALITY[name]
        and 0.5 <= shares[0] <= shares[1] <= 2.0
        and 0.7 <= stddevs[0] <= stddevs[1] <= 1.3
    )
    return {
        "modes": found.modes,
        "quality": round(found.quality, 4),
        "shares": shares,
        "stddevs": stddevs,
        "passed": passed,
    }


def range_of(numbers: np.ndarray) -> list[float] | None:
    """The least and the largest; None of no numbers."""
    if not numbers.size:
        return None
    return [round(float(x), 3) for x in (numbers.min(), numbers.max())]


def on_the_line(run) -> dict:
    """JSD(p_data || p_g), and V(D,G) over the last epoch."""
    mixture = mixtures.of_data(run.config.data.name)
    samples = sampling.sample(run, 1_000_000, seed=0)["samples"]
    divergence = divergences.to_samples(mixture, samples).jensen_shannon
    rows = [row for row in run.metrics() if "V(D,G)" in row]
    first = run.iteration * (1 - 1 / run.config.training.epochs)
    value = statistics.fmean(row["V(D,G)"] for row in rows if row["iteration"] > first)
    return {
        "jensen_shannon": round(divergence, 6),
        "value": round(value, 5),
        "passed": bool(divergence < 0.01 and abs(value - OPTIMAL_VALUE) < 0.02),
    }


# ------------------------------------------------------------------- results, a table


def measure(case: str, seed: int, vanilla_epochs: int) -> dict:
    if case.endswith("_vanilla"):
        return vanilla(case.removesuffix("_vanilla"), seed, vanilla_epochs)
    return recipe(case, seed)


def rows_of(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(rows: list[dict]) -> None:
    for case in CASES:
        mine = sorted((row for row in rows if row["case"] == case), key=lambda row: row["seed"])
        if not mine:
            continue
        print(f"\n{case}: {sum(row['passed'] for row in mine)} of {len(mine)} seeds pass")
        for row in mine:
            print(
                " ",
                " ".join(f"{key} {shown(value)}" for key, value in row.items() if key != "case"),
            )
        for key in ("modes", "quality", "jensen_shannon", "seconds"):
            values = [row[key] for row in mine if key in row]
            if len(values) > 1:
                mean, spread = statistics.fmean(values), statistics.stdev(values)
                print(f"  {key}: {mean:.4g} +- {spread:.2g} (standard deviation over seeds)")
    print(f"\nexact samples have quality {exact_quality(2):.4f}, and their share and stddev are 1")


def shown(value) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("results", type=Path, help="a JSONL file, new or to go on with")
    parser.add_argument("cases", nargs="*", default=CASES, metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=10, help="0 to this, less one")
    parser.add_argument("--vanilla-epochs", type=int, default=20)
    arguments = parser.parse_args()
    if unknown := set(arguments.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}; there are {', '.join(CASES)}")
    done = {(row["case"], row["seed"]) for row in rows_of(arguments.results)}
    for case in arguments.cases:
        for seed in range(arguments.seeds):
            if (case, seed) in done:
                continue
            found = measure(case, seed, arguments.vanilla_epochs)
            row = {"case": case, "seed": seed, **found}
            with arguments.results.open("a") as file:
                file.write(json.dumps(row) + "\n")
            print(json.dumps(row), flush=True)
    table(rows_of(arguments.results))


if __name__ == "__main__":
    main()
