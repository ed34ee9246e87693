"""Images a second of an exported generator, by every runtime, in one run.

    pip install -e '.[litert]'
    python benchmarks/export.py [RUN] [--rounds 9] [--seconds 0.5]

RUN is exported anew into a temporary folder, and the export is timed. Then, at a
batch of 1 and of 64, each way to compute images from latents is timed in turn,
round by round: the figures are medians over the rounds, the ratios medians of the
rounds' own ratios. All ways use all cores and get their latents as NumPy arrays.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import keras_gan  # noqa: F401 (before TensorFlow: it chooses TensorFlow's kernels)

# isort: split
import tensorflow as tf

from keras_gan import exporters, load
from keras_gan.exporters import litert, onnx, publish
from keras_gan.games.endpoints import Endpoint

BATCHES = (1, 64)


def ways(generator: Endpoint, folder: Path, name: str) -> dict:
    """{what: inputs -> images}."""
    function = generator.function()
    model = tf.saved_model.load(str(folder / name / "1"))
    signature = model.signatures["serving_default"]

    def through(called):
        def run(inputs):
            return called(**{k: tf.constant(v) for k, v in inputs.items()})["images"].numpy()

        run.model = model  # a signature does not keep its model alive
        return run

    return {
        "Keras predict": lambda inputs: generator.network.predict(
            inputs, batch_size=len(inputs["latent"]), verbose=0
        ),
        "tf.function": through(function),
        "SavedModel signature": through(signature),
        "ONNX Runtime": onnx.runner(folder / f"{name}.onnx"),
        "ONNX Runtime, int8 weights": onnx.runner(folder / f"{name}.int8.onnx"),
        "LiteRT": litert.runner(folder / f"{name}.tflite"),
    }


def per_call(run, inputs, seconds: float) -> float:
    """Seconds a call, over as many calls as take about `seconds`."""
    calls, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds:
        run(inputs)
        calls += 1
    return passed / calls


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", nargs="?", type=Path, help="by default the newest")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=0.5, help="of a way, in a round")
    arguments = parser.parse_args()
    run = load(arguments.run)
    generator = next(iter(publish.endpoints_of(run).values()))
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        exporters.export(run, ["saved_model", "onnx", "litert"], Path(folder), name="g")
        print(f"{run.path}: {generator.network.count_params():,} parameters")
        print(f"export of saved_model, onnx and litert: {time.perf_counter() - start:.1f} s")
        exporters.export(run, ["onnx_int8"], Path(folder), name="g")
        runners = ways(generator, Path(folder), "g")
        for batch in BATCHES:
            inputs = generator.examples(batch)
            times = {name: [] for name in runners}
            for round_number in range(arguments.rounds + 1):
                for name, way in runners.items():
                    seconds = per_call(way, inputs, arguments.seconds)
                    if round_number:  # the first one warms up
                        times[name].append(seconds)
            print(f"batch {batch}, {arguments.rounds} rounds:")
            for name, seconds in times.items():
                print(
                    f"  {name:<28}{1e3 * statistics.median(seconds):9.3f} ms a call  "
                    f"{batch / statistics.median(seconds):9.0f} images/s  "
                    f"x {ratio(times['Keras predict'], seconds):6.2f} of predict's speed, "
                    f"x {ratio(times['tf.function'], seconds):5.2f} of tf.function's"
                )


def ratio(baseline: list[float], seconds: list[float]) -> float:
    return statistics.median(b / s for b, s in zip(baseline, seconds, strict=True))


if __name__ == "__main__":
    main()
