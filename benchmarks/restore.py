"""How well images are inverted and restored, beside what is wanted of it.

    python benchmarks/restore.py RUN [--count 200] [--samples 4] [--data-dir DIR]

RUN is a trained run of `mnist`. The first images of its test split are looked at:

- inverted, 64 in one call: seconds, with compilation and starts, wanted below 60;
- inpainted, a 14x14 hole in the middle: PSNR inside the hole, wanted 3 dB above the mean of
  the known pixels. Stronger than that is the data's mean image, which stands beside it;
- brought from 7x7 to 28x28: accuracy of the evaluation's classifier, wanted 10 points above
  that on bicubic interpolation.

The last line is JSON; the exit code is 1 where something is not as it is wanted.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from kept import told

from keras_gan import load
from keras_gan.apps.inversion import images, inverting, restoring
from keras_gan.apps.inversion.search import Settings
from keras_gan.data import Source
from keras_gan.evaluation import extractors, inversion_scores, protocol
from keras_gan.evaluation.cache import Cache
from keras_gan.runs import Run
from keras_gan.utils import image_grids

SECONDS, DECIBELS, POINTS = 60.0, 3.0, 0.10


def inverted(run: Run, options: argparse.Namespace) -> dict[str, float]:
    given = images.load(run, ["test[:64]"], options.data_dir)
    run.gan  # noqa: B018  (loaded before the clock starts, as the data are)
    began = time.perf_counter()
    found = inverting.invert(run, given, (), Settings())
    seconds = time.perf_counter() - began
    error = inversion_scores.mse(found.images, given.images)
    return {"seconds_for_64": seconds, "psnr": float(inversion_scores.psnr(error).mean())}


def restored(run: Run, options: argparse.Namespace, task: str, **own) -> restoring.Restored:
    return restoring.restore(
        run,
        task,
        [f"test[:{options.count}]"],
        options=own,
        samples=options.samples,
        settings=Settings(),
        data_dir=options.data_dir,
    )


def inpainted(run: Run, options: argparse.Namespace, train: Source) -> dict[str, float]:
    found = restored(run, options, "inpaint", mask="box")
    in_hole = {row["method"]: row["psnr_in_hole"] for row in found.rows}
    originals = found.given.images
    hole = (found.images != found.degraded).any(axis=(0, 3))[None, ..., None]
    mean = np.broadcast_to(train.mean(), originals.shape)
    in_hole["mean image of the data"] = float(
        inversion_scores.psnr(inversion_scores.mse(mean, originals, hole)).mean()
    )
    return in_hole


def enlarged(run: Run, options: argparse.Namespace, judge, labels: np.ndarray) -> dict[str, float]:
    found = restored(run, options, "super-resolve", factor=4)
    low = restoring.SuperResolve(run, 1, 0, 4)
    observed = low.degraded(found.given.images, 0)
    shown = {name: method(observed) for name, method in low.baselines.items()}
    shown |= {"restored": found.images, "mean of samples": found.samples.mean(axis=1)}
    shown["originals"] = found.given.images

    def accuracy(made: np.ndarray) -> float:
        return float((judge(image_grids.to_uint8(made))[1].argmax(axis=1) == labels).mean())

    return {name: accuracy(made) for name, made in shown.items()}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--count", type=int, default=200)
    parser.add_argument("--samples", type=int, default=4)
    parser.add_argument("--data-dir")
    options = parser.parse_args()
    run = load(options.run)
    train, test, _ = protocol.sources(run, protocol.Protocol(data_dir=options.data_dir))
    found = {"inverted": inverted(run, options), "hole_psnr": inpainted(run, options, train)}
    classifier = extractors.get("classifier", run.config.data.name, train, test, Cache(train, test))
    labels = test.labels[: options.count]
    found["accuracy"] = enlarged(run, options, classifier.judge, labels)
    hole, accuracy = found["hole_psnr"], found["accuracy"]
    rows = [
        ("64 images inverted, s", found["inverted"]["seconds_for_64"], SECONDS, -1),
        ("hole: restored - mean, dB", hole["restored"] - hole["mean of known pixels"], DECIBELS, 1),
        ("x4: restored - bicubic", accuracy["restored"] - accuracy["bicubic"], POINTS, 1),
    ]
    print(f"{'':<28}{'found':>10}{'wanted':>10}")
    for name, value, wanted, sign in rows:
        print(f"{name:<28}{value:>10.3f}{'<>'[sign > 0]:>4}{wanted:>6.2f}")
    print(json.dumps(found))
    return int(any(sign * value < sign * wanted for _, value, wanted, sign in rows))


if __name__ == "__main__":
    told(main)
