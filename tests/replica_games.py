"""Small games for tests/test_distribution.py, played in a process of their own.

    python tests/replica_games.py REPLICAS OUT.npz GAME...
    python tests/replica_games.py REPLICAS fit ...          the command line

Logical devices have to be made before TensorFlow does anything else, so a process has
either one replica or several. OUT has what `play` and ROUNDS return.
"""

import sys

import keras
import numpy as np
import tensorflow as tf
from pairs import pair
from steps import latents_of

from keras_gan import cli, load_config, training
from keras_gan.engine import programs, readers, strategies
from keras_gan.engine.schedule import Schedule
from keras_gan.games.gan import GAN

STEPS_PER_CALL, CALLS, BATCH = 20, 10, 32
USUAL_BLOCK = readers.BLOCK_BYTES
R1 = {"r1": {"weight": 0.1, "every": 2}, "r2": {"weight": 0.1}}
K2 = {
    "gan": {"discriminator_steps": 2, "updates": "simultaneous"},
    "conditional": True,
    "regularizers": R1,
}

#: Names, and what differs from a non-saturating game of two small dense networks.
GAMES = {
    "k2": K2,
    "streamed_k2": {**K2, "streamed": True},
    # D's last bias has no part in this game. Its gradient is rounding alone, which Adam
    # makes steps of, unless epsilon is large beside it.
    "relativistic": {
        "loss": "relativistic",
        "regularizers": R1,
        "optimizer": {"epsilon": 1e-3},
    },
    "accumulate": {
        "gan": {"gradient_accumulation_steps": 4},
        "discriminator": {"spectral_norm": True},
    },
    "packing": {"gan": {"packing": 2}, "loss": "hinge"},
    "conditional": {"conditional": True, "regularizers": R1},
    "streamed_conditional": {"conditional": True, "regularizers": R1, "streamed": True},
    "clipped": {"optimizer": {"global_clipnorm": 0.05}},
    "dcgan": {
        "family": "dcgan",
        "generator": {"width": 4, "batch_norm": False},
        "discriminator": {"width": 4, "spectral_norm": True},
        # The recipe's. At 1e-3 this game is chaotic: rounding grows e-fold in six steps.
        "optimizer": {"learning_rate": 2e-4},
    },
    "noise": {
        "generator": {"batch_norm": True},
        "gan": {"instance_noise": 0.1, "flip": True, "augment": ["color"]},
    },
    "batch_norm": {"generator": {"batch_norm": True}},
    "xla_batch_norm": {"jit": True, "generator": {"batch_norm": True}},
    "xla_spectral": {"jit": True, "discriminator": {"spectral_norm": True}, "regularizers": R1},
    "xla_accumulate": {"jit": True, "gan": {"gradient_accumulation_steps": 4}},
    "xla_float16": {"jit": True, "policy": "mixed_float16", "regularizers": R1},
    "bfloat16": {"policy": "mixed_bfloat16", "regularizers": R1},
}
SIZES = {"hidden": [16], "activations": ["tanh"]}


def make_devices(count: int) -> None:
    """So many logical CPUs."""
    cpus = [tf.config.LogicalDeviceConfiguration()] * count
    tf.config.set_logical_device_configuration(tf.config.list_physical_devices("CPU")[0], cpus)


def build(
    strategy,
    family="mlp",
    conditional=False,
    generator=None,
    discriminator=None,
    gan=None,
    loss="non_saturating",
    regularizers=None,
    optimizer=None,
    policy="float32",
) -> GAN:
    keras.utils.set_random_seed(3)
    keras.config.set_dtype_policy(policy)
    sizes = SIZES if family == "mlp" else {}
    with strategy.scope():
        players = pair(
            family,
            latent_dim=4,
            sample_shape=(8, 8, 1),
            num_classes=3 if conditional else None,
            packing=(gan or {}).get("packing", 1),
            generator={**sizes, **(generator or {})},
            discriminator={**sizes, **(discriminator or {})},
        )
        keras.config.set_dtype_policy("float32")
        made = GAN(*players, ema_decay=0.9, **(gan or {}))
        rate = {"learning_rate": 1e-3, "beta_1": 0.5, **(optimizer or {})}
        adams = (keras.optimizers.Adam(**rate) for _ in range(2))
        made.compile(*adams, loss, regularizers or {})
    return made


def data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    images = rng.integers(256, size=(256, 8, 8, 1)).astype(np.uint8)
    return images, rng.integers(3, size=256).astype(np.int32)


def play(strategy, jit=False, streamed=False, **options) -> dict[str, np.ndarray]:
    """The weights after 200 rounds, and the means of the last call."""
    gan = build(strategy, **options)
    (images, labels), reader = data(), None
    if streamed:
        # Of 3 rounds on each replica, so that a call is several blocks.
        readers.BLOCK_BYTES = 3 * BATCH * gan.options.discriminator_steps * images[0].nbytes
        share = strategies.share_of(strategy)
        reader = readers.Reader(images, share, gan.options.discriminator_steps)
    with strategy.scope():
        program = programs.StepsProgram(gan, {"images": reader or images, "labels": labels}, jit)
    rows = BATCH * gan.options.discriminator_steps
    schedule = Schedule(256, rows, 100, STEPS_PER_CALL, seed=0, reader=reader)
    blocks = iter(schedule.blocks(0))
    rounds = 0
    while rounds < STEPS_PER_CALL * CALLS:
        logs = program(blocks)
        rounds = int(gan.iteration.numpy())
    weights = np.concatenate([np.asarray(w).ravel() for w in gan.weights])
    return {
        "weights": weights.astype(np.float32),
        "names": np.array(list(logs)),
        "logs": np.array([float(value) for value in logs.values()]),
        "apart": np.array(apart(gan, strategy)),
    }


def apart(gan, strategy) -> float:
    """The largest difference between two replicas of a weight."""
    largest = 0.0
    for weight in gan.weights:
        own = [np.asarray(v) for v in strategy.experimental_local_results(weight.value)]
        largest = max(largest, *(float(np.abs(v - own[0]).max()) for v in own))
    return largest


def overflow(strategy) -> dict[str, np.ndarray]:
    """A round in which only the last replica has a gradient that is not finite."""
    gan = build(strategy, policy="mixed_float16")
    images = (data()[0] / 127.5 - 1).astype(np.float32)
    images[0] = np.inf
    with strategy.scope():
        program = programs.StepsProgram(gan, {"images": images}, False)
    before = [np.asarray(w) for w in gan.discriminator.weights]
    rows = np.array([[*range(1, BATCH), 0]], np.int32)
    program(iter([(tf.constant(rows), tf.constant(1))]))
    after = [np.asarray(w) for w in gan.discriminator.weights]
    return {
        "discriminator_stayed": np.array(all(map(np.array_equal, before, after))),
        "scales": np.array(
            [
                float(optimizer.scale_loss(1.0))
                for optimizer in (gan.discriminator_optimizer, gan.generator_optimizer)
            ]
        ),
        "apart": np.array(apart(gan, strategy)),
    }


def moving_statistics(strategy) -> dict[str, np.ndarray]:
    """Those of G's batch norm after one round, and what they should be by hand."""
    gan = build(strategy, generator={"batch_norm": True})
    with strategy.scope():
        images, labels = data()
        program = programs.StepsProgram(gan, {"images": images, "labels": labels}, False)
    kernel = np.asarray(gan.generator.trainable_weights[0])
    latent = latents_of(gan, BATCH, 2)[1].numpy()  # G's, after D's
    halves = np.split(latent @ kernel, strategy.num_replicas_in_sync)
    program(iter([(tf.constant([np.arange(BATCH)], tf.int32), tf.constant(1))]))
    (norm,) = (n for n in gan.generator.layers if isinstance(n, keras.layers.BatchNormalization))
    kept = norm.momentum
    return {
        "mean": np.asarray(norm.moving_mean),
        "variance": np.asarray(norm.moving_variance),
        "mean_by_hand": (1 - kept) * np.mean([h.mean(0) for h in halves], 0),
        "variance_by_hand": kept + (1 - kept) * np.mean([h.var(0) for h in halves], 0),
    }


def summaries(strategy) -> dict[str, np.ndarray]:
    """What a training on 256 of the digits tells of its memory, resident and streamed."""
    readers.BLOCK_BYTES = USUAL_BLOCK  # whatever was played before
    recipe = load_config("digits").replace(data__split="train[:256]")
    found = {}
    for name, stream in (("resident", False), ("streamed", True)):
        config = recipe.replace(data__stream=stream)
        told = dict(training.prepare(config, strategy).summary())
        found[name] = np.array([told["memory"], told.get("input", "")])
    return found


ROUNDS = {"overflow": overflow, "moving_statistics": moving_statistics, "summaries": summaries}


def main(replicas: str, out: str, *names: str) -> None:
    make_devices(int(replicas))
    if out == "fit":
        cli.main([out, *names], prog_name="keras-gan")
    strategy = strategies.make("mirrored")
    played = {
        name: ROUNDS[name](strategy) if name in ROUNDS else play(strategy, **GAMES[name])
        for name in names
    }
    np.savez(out, **{f"{n}/{k}": v for n, values in played.items() for k, v in values.items()})


if __name__ == "__main__":
    main(*sys.argv[1:])
